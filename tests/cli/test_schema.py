"""`gateway schema`: the list, and adding schemas from folders, ZIP files and files, none of which is trusted."""

import json
import stat
import zipfile

import pytest
from click.testing import CliRunner

from gateway.cli import schema_source
from gateway.cli.schema import schema_group
from gateway.settings_template import SETTINGS_FILE
from gateway.standards.xml.schemas import load_registry

XSD = (
    '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="urn:a" targetNamespace="urn:a" version="1">'
    "{}</xs:schema>"
)
ENTRY = XSD.format('<xs:include schemaLocation="../common/types.xsd"/><xs:element name="Note" type="Day"/>')
TYPES = XSD.format('<xs:simpleType name="Day"><xs:restriction base="xs:date"/></xs:simpleType>')


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.delenv("GATEWAY_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    home = tmp_path / "home"
    home.mkdir()
    (home / SETTINGS_FILE).touch()
    return home


@pytest.fixture
def notes(tmp_path):
    folder = tmp_path / "notes"
    for name, text in (("main/Note.xsd", ENTRY), ("common/types.xsd", TYPES), ("readme.txt", "hello")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def run(*arguments):
    return CliRunner().invoke(schema_group, [str(each) for each in arguments])


def added(home):
    base = home / "schemas/xsd"
    return sorted(path.name for path in base.iterdir()) if base.is_dir() else []


def test_the_list_names_what_is_in_the_package(home):
    result = run("list", "--json")
    assert result.exit_code == 0
    listed = {row["name"]: row for row in json.loads(result.stdout)["schemas"]}
    assert listed["ubl-2.1"]["origin"] == "extra"
    assert {"Order", "Invoice"} <= {*listed["ubl-2.1"]["roots"]}
    assert (listed["cxml-1.2"]["origin"], listed["cxml-1.2"]["ok"]) == ("package", True)
    assert len(listed["cxml-1.2"]["digest"]) == 64


def test_the_list_can_be_read_by_people(home):
    lines = run("list").stdout.splitlines()
    assert lines[0].split("\t") == ["name", "family", "version", "documents", "where from", "digest", "ok"]
    assert lines[1].startswith("ubl-2.1\tubl\t2.1\tApplicationResponse, ")
    assert " and 59 more\tthe ubl extra\t" in lines[1]


def test_a_folder_is_added_and_judges_documents_at_once(home, notes):
    result = run("add", notes, "--dir", home)
    assert result.exit_code == 0, result.output
    assert result.stdout == "notes was added: 2 files, 1 document.\nNote\n"
    assert added(home) == ["notes"]
    assert not (home / "schemas/xsd/notes/readme.txt").exists()
    assert load_registry(home).find("urn:a", "Note").set_name == "notes"
    row = json.loads(run("list", "--dir", home, "--json").stdout)["schemas"][0]
    assert (row["name"], row["origin"], row["ok"], row["roots"]) == ("notes", "operator", True, ["Note"])


def test_a_zip_file_is_added(home, notes, tmp_path):
    with zipfile.ZipFile(tmp_path / "notes-1.zip", "w") as archive:
        archive.writestr("x/main/Note.xsd", ENTRY)
        archive.writestr("x/common/types.xsd", TYPES)
    result = run("add", tmp_path / "notes-1.zip", "--dir", home, "--json")
    assert json.loads(result.stdout)["roots"] == ["Note"]
    assert added(home) == ["notes-1"]


def test_a_single_file_is_added_under_the_name_given(home, tmp_path):
    (tmp_path / "one.xsd").write_text(XSD.format('<xs:element name="One" type="xs:date"/>'))
    assert run("add", tmp_path / "one.xsd", "--name", "first", "--dir", home).exit_code == 0
    assert added(home) == ["first"]


def test_a_release_with_runtime_schemas_is_added_without_their_documented_twins(home, tmp_path):
    for folder in ("UBL/xsd", "UBL/xsdrt", "other/xsd"):
        path = tmp_path / "release" / folder / f"{folder.replace('/', '')}.xsd"
        path.parent.mkdir(parents=True)
        path.write_text(XSD.format(f'<xs:element name="{path.stem}"/>'))
    result = run("add", tmp_path / "release", "--dir", home, "--json")
    assert json.loads(result.stdout)["roots"] == ["UBLxsdrt", "otherxsd"]


def test_a_changed_file_is_reported(home, notes):
    run("add", notes, "--dir", home)
    (home / "schemas/xsd/notes/common/types.xsd").write_text(TYPES + " ")
    result = run("list", "--dir", home)
    assert result.exit_code == 1
    assert "changed: common/types.xsd" in result.output
    assert "not as they were recorded" in result.output


def test_a_damaged_set_is_a_sentence_in_the_list(home, notes):
    run("add", notes, "--dir", home)
    (home / "schemas/xsd/notes/record.json").write_text("{")
    result = run("list", "--dir", home)
    assert result.exit_code == 0
    assert "The record record.json in notes is damaged" in result.output


def test_a_name_is_taken_until_replaced(home, notes):
    run("add", notes, "--dir", home)
    again = run("add", notes, "--dir", home)
    assert again.exit_code == 1
    assert "There are schemas called notes already." in again.output
    (notes / "main/Note.xsd").write_text(ENTRY.replace('"Note"', '"Memo"'))
    assert run("add", notes, "--dir", home, "--replace").exit_code == 0
    assert load_registry(home).find("urn:a", "Memo") is not None
    assert load_registry(home).find("urn:a", "Note") is None
    assert added(home) == ["notes"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (XSD.format('<xs:include schemaLocation="http://127.0.0.1:1/a.xsd"/>'), "Nothing is fetched from elsewhere"),
        (XSD.format('<xs:include schemaLocation="../../../../etc/passwd"/>'), "leads out of the folder"),
        (XSD.format('<xs:element name="A" type="Missing"/>'), "is not a correct XML Schema"),
        (XSD.format(""), "none of them declares a document element"),
        ("<html/>", "The schemas were not added."),
        ('<!DOCTYPE a [<!ENTITY x SYSTEM "/etc/passwd">]><a/>', "The schemas were not added."),
    ],
)
def test_schemas_that_do_harm_or_nothing_are_not_added(home, tmp_path, text, complaint):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/a.xsd").write_text(text)
    result = run("add", tmp_path / "bad", "--dir", home)
    assert result.exit_code == 1
    assert complaint in result.output
    assert added(home) == []


@pytest.mark.parametrize("name", ["../out.xsd", "/elsewhere/out.xsd", "a/../../out.xsd", "a\\..\\out.xsd", "C:out.xsd"])
def test_a_zip_file_cannot_write_elsewhere(home, tmp_path, name):
    with zipfile.ZipFile(tmp_path / "slip.zip", "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), TYPES)
    result = run("add", tmp_path / "slip.zip", "--dir", home)
    assert result.exit_code == 1
    assert "outside its own folder" in result.output
    assert added(home) == []
    assert not list(tmp_path.rglob("out.xsd"))


def test_links_are_not_followed(home, tmp_path):
    link = zipfile.ZipInfo("a.xsd")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    assert "outside its own folder" in run("add", tmp_path / "link.zip", "--dir", home).output
    (tmp_path / "secret.xsd").write_text(TYPES)
    (tmp_path / "links").mkdir()
    (tmp_path / "links/a.xsd").symlink_to(tmp_path / "secret.xsd")
    assert "holds no .xsd file" in run("add", tmp_path / "links", "--dir", home).output


def test_a_file_of_another_kind_is_refused_by_its_name(home, tmp_path):
    (tmp_path / "order.xml").write_text("<Order/>")
    result = run("add", tmp_path / "order.xml", "--dir", home)
    assert result.exit_code == 1
    assert "order.xml is neither a schema file (.xsd) nor a ZIP file." in result.output
    assert added(home) == []


def test_a_zip_bomb_is_cut_short(home, tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.xsd", b" " * (11 * 1024 * 1024))
    result = run("add", tmp_path / "bomb.zip", "--dir", home)
    assert "a.xsd is larger than 10 MiB." in result.output
    (tmp_path / "big").mkdir()
    (tmp_path / "big/a.xsd").write_bytes(b" " * (11 * 1024 * 1024))
    assert "a.xsd is larger than 10 MiB." in run("add", tmp_path / "big", "--dir", home).output


def test_too_many_files_are_refused(home, notes, monkeypatch):
    monkeypatch.setattr(schema_source, "MOST_FILES", 1)
    assert "holds more than 1 schema files" in run("add", notes, "--dir", home).output
    assert added(home) == []


def test_a_damaged_zip_file_is_a_sentence(home, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.xsd", TYPES)
    data = bytearray((tmp_path / "a.zip").read_bytes())
    data[40] ^= 0xFF
    (tmp_path / "a.zip").write_bytes(data)
    assert "cannot be unpacked" in run("add", tmp_path / "a.zip", "--dir", home).output


def test_a_source_or_name_that_is_none_is_wrong_usage(home, tmp_path, notes):
    assert run("add", tmp_path / "nothing", "--dir", home).exit_code == 2
    assert run("add", notes, "--name", "../x", "--dir", home).exit_code == 2
    assert run("add", notes).exit_code == 2
    assert run("list", "--dir", tmp_path / "nowhere").exit_code == 2
