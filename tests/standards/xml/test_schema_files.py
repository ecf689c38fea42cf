"""Schema files: nothing leads out of their folder, nothing is fetched, no entity is expanded."""

import pytest

from gateway.standards.xml.schema_files import SchemaRefusedError, read_schema_file, schema_tree

XSD = '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:a" version="3.1">{}</xs:schema>'


def write(path, body="", head=""):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(head + XSD.format(body))
    return path


def test_a_file_tells_its_namespace_version_and_elements(tmp_path):
    file = read_schema_file(write(tmp_path / "a.xsd", '<xs:element name="A"/><xs:element name="B"/>'))
    assert (file.namespace, file.version, file.elements) == ("urn:a", "3.1", ("A", "B"))
    assert len(file.digest) == 64


def test_a_tree_holds_every_file_once(tmp_path):
    entry = write(tmp_path / "main/a.xsd", '<xs:include schemaLocation="../common/b.xsd"/>')
    write(tmp_path / "common/b.xsd", '<xs:include schemaLocation="../main/a.xsd"/><xs:import namespace="urn:x"/>')
    assert [file.path.name for file in schema_tree(entry, tmp_path)] == ["a.xsd", "b.xsd"]


@pytest.mark.parametrize("kind", ["include", "import", "redefine", "override"])
@pytest.mark.parametrize(
    "location",
    ["http://127.0.0.1:1/x.xsd", "file:///etc/passwd", "//host/x.xsd", "/etc/passwd", "\\\\host\\x.xsd", "HTTPS://h/x"],
)
def test_a_file_elsewhere_is_refused_with_its_line(tmp_path, kind, location):
    entry = write(tmp_path / "a.xsd", f'\n<xs:{kind} schemaLocation="{location}"/>')
    with pytest.raises(SchemaRefusedError, match=r"a\.xsd, line 2: .* not in its own folder") as refused:
        schema_tree(entry, tmp_path)
    assert refused.value.fix


@pytest.mark.parametrize("location", ["../outside.xsd", "%2e%2e/outside.xsd", "link.xsd"])
def test_a_way_out_of_the_folder_is_refused(tmp_path, location):
    outside = write(tmp_path / "outside.xsd")
    entry = write(tmp_path / "in/a.xsd", f'<xs:include schemaLocation="{location}"/>')
    (tmp_path / "in/link.xsd").symlink_to(outside)
    with pytest.raises(SchemaRefusedError, match="leads out of the folder"):
        schema_tree(entry, tmp_path / "in")


def test_a_missing_file_is_named(tmp_path):
    entry = write(tmp_path / "a.xsd", '<xs:include schemaLocation="b.xsd"/>')
    with pytest.raises(SchemaRefusedError, match=r'"b\.xsd", which is not there'):
        schema_tree(entry, tmp_path)


@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd">',
        '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE x [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]>',
        '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>',
        "<!DOCTYPE x [<!ELEMENT x ANY>]>",
    ],
)
def test_a_doctype_that_could_do_harm_is_refused(tmp_path, doctype):
    with pytest.raises(SchemaRefusedError):
        read_schema_file(write(tmp_path / "a.xsd", head=doctype))


def test_the_doctype_of_the_signature_schema_is_let_through(tmp_path):
    head = """<!-- as published --><!DOCTYPE schema [
      <!ATTLIST schema xmlns:ds CDATA #FIXED "urn:ds"> <!-- one -->
      <!ENTITY dsig 'urn:ds'> <!ENTITY % p ''> ]>\n"""
    file = read_schema_file(write(tmp_path / "a.xsd", '<xs:element name="A"/>', head))
    assert file.elements == ("A",)
    assert file.root.sourceline == 4


def test_an_entity_of_such_a_doctype_is_not_expanded(tmp_path):
    path = tmp_path / "a.xsd"
    path.write_text("<!DOCTYPE s [<!ENTITY e 'x'>]>" + XSD.format('<xs:element name="&e;"/>'))
    with pytest.raises(SchemaRefusedError):
        read_schema_file(path)


def test_what_is_no_schema_is_refused(tmp_path):
    (tmp_path / "a.xsd").write_text("<list/>")
    with pytest.raises(SchemaRefusedError, match="is not an XML Schema: its document element is list"):
        read_schema_file(tmp_path / "a.xsd")
    with pytest.raises(SchemaRefusedError, match="cannot be read"):
        read_schema_file(tmp_path / "missing.xsd")
