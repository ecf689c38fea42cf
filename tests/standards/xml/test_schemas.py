"""The registry: which schema judges which document, pinned digests, and one compiled schema for each thread."""

import json
import os
import threading

import pytest

from gateway.resources import find
from gateway.standards.xml import schemas
from gateway.standards.xml.schema_files import SchemaRefusedError
from gateway.standards.xml.schemas import (
    RECORD,
    UBL_NAMESPACE,
    SchemaRegistry,
    installed_ubl,
    load_registry,
    record_of,
    set_of_folder,
)
from gateway.standards.xml.validate import validate
from tests.standards.xml.ubl_order import order

ORDER = (f"{UBL_NAMESPACE}Order-2", "Order")


def add(home, name, *, namespace="urn:a", root="A", version="", recorded=True):
    """An operator's schema set with one schema."""
    folder = home / "schemas/xsd" / name
    folder.mkdir(parents=True)
    target = f'targetNamespace="{namespace}"' if namespace else ""
    (folder / f"{root}.xsd").write_text(
        f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" {target} version="{version}">'
        f'<xs:element name="{root}" type="xs:date"/></xs:schema>'
    )
    if recorded:
        (folder / RECORD).write_text(json.dumps(record_of(folder)))
    return folder


def test_the_installed_ubl_schemas_are_the_official_ones():
    pinned = json.loads(find("schemas/xml/ubl-2.1-files.json").read_bytes())
    assert record_of(installed_ubl()) == pinned
    assert len(pinned["files"]) == 79
    assert sum(1 for entry in pinned["entries"] if entry["file"].startswith("maindoc/")) == 65


def test_ubl_and_cxml_are_there_from_the_start():
    registry = load_registry()
    assert registry.find(*ORDER).name == "ubl-2.1"
    assert registry.find(None, "cXML").name == "cxml-1.2"
    assert registry.find(None, "Money") is None
    assert registry.find("urn:unknown", "Order") is None
    assert {"Order", "Invoice"} <= {*registry.roots("ubl")}
    assert registry.problems == ()


def test_a_schema_that_is_not_there_is_named():
    with pytest.raises(SchemaRefusedError, match=r"no schema of version 2\.9 for a document Order of the namespace"):
        load_registry().entry(*ORDER, "2.9")
    with pytest.raises(SchemaRefusedError, match="no schema for a document Foo"):
        load_registry().entry(None, "Foo")


def test_without_the_extra_the_rest_still_works(monkeypatch, tmp_path):
    monkeypatch.setattr(schemas, "find_spec", lambda name: None)
    registry = load_registry(tmp_path)
    assert registry.find(*ORDER) is None
    assert registry.find(None, "cXML") is not None
    assert "pip install 'edi-gateway[ubl]'" in registry.problems[0]


def test_the_newest_version_judges_unless_one_is_pinned(tmp_path):
    add(tmp_path, "ubl-2.3", namespace=ORDER[0], root="Order", version="2.3")
    add(tmp_path, "ubl-2.10", namespace=ORDER[0], root="Order", version="2.10")
    registry = load_registry(tmp_path)
    assert registry.find(*ORDER).name == "ubl-2.10"
    assert registry.find(*ORDER, "2.1").name == "ubl-2.1"
    assert registry.find(*ORDER, "2.3").set_name == "ubl-2.3"


def test_the_version_may_stand_in_the_file_name_only(tmp_path):
    folder = add(tmp_path, "a", recorded=False)
    (folder / "A.xsd").rename(folder / "UBL-A-2.4.xsd")
    assert record_of(folder)["entries"][0]["version"] == "2.4"


def test_an_operators_schema_judges_documents_of_its_own(tmp_path):
    add(tmp_path, "dates")
    registry = load_registry(tmp_path)
    entry = registry.find("urn:a", "A")
    assert (entry.family, entry.name, len(registry.digest(entry))) == ("xml", "dates", 64)
    assert registry.compiled(entry) is registry.compiled(entry)


def test_a_schema_added_later_is_seen(tmp_path):
    assert load_registry(tmp_path).find("urn:a", "A") is None
    add(tmp_path, "dates")
    assert load_registry(tmp_path).find("urn:a", "A") is not None


def test_a_folder_without_a_record_is_read(tmp_path):
    add(tmp_path, "dates", recorded=False)
    registry = load_registry(tmp_path)
    assert registry.find("urn:a", "A") is not None
    assert not registry.sets[0].recorded


def test_a_changed_file_is_not_used(tmp_path):
    folder = add(tmp_path, "dates")
    registry = load_registry(tmp_path)
    path = folder / "A.xsd"
    path.write_text(path.read_text().replace("xs:date", "xs:string"))
    assert registry.sets[0].changed_files() == ("A.xsd",)
    with pytest.raises(SchemaRefusedError, match=r"A\.xsd of dates is not the one that was recorded"):
        registry.compiled(registry.find("urn:a", "A"))
    path.unlink()
    assert registry.sets[0].changed_files() == ("A.xsd",)


def test_a_schema_that_does_not_compile_says_why(tmp_path):
    folder = add(tmp_path, "dates", recorded=False)
    path = folder / "A.xsd"
    path.write_text(path.read_text().replace("xs:date", "xs:nonsense"))
    registry = load_registry(tmp_path)
    with pytest.raises(SchemaRefusedError, match=r"A\.xsd is not a correct XML Schema"):
        registry.compiled(registry.find("urn:a", "A"))


def test_an_unusable_folder_is_a_sentence_and_no_obstacle(tmp_path):
    folder = add(tmp_path, "broken")
    (folder / RECORD).write_text("{")
    (tmp_path / "schemas/xsd/empty").mkdir()
    os.symlink(folder, tmp_path / "schemas/xsd/link")
    registry = load_registry(tmp_path)
    assert [problem.partition(":")[0] for problem in registry.problems] == ["broken", "empty"]
    assert registry.find(*ORDER) is not None


def test_files_that_name_each_other_are_all_entries(tmp_path):
    xsd = (
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:include schemaLocation="{}.xsd"/>'
        '<xs:element name="{}"/></xs:schema>'
    )
    (tmp_path / "a.xsd").write_text(xsd.format("b", "A"))
    (tmp_path / "b.xsd").write_text(xsd.format("a", "B"))
    schema_set = set_of_folder("both", "operator", tmp_path)
    assert [entry.roots for entry in schema_set.entries] == [("A", "B"), ("A", "B")]


def test_every_thread_compiles_a_schema_of_its_own():
    registry = SchemaRegistry(load_registry().sets)
    entry = registry.find(*ORDER)
    compiled = [registry.compiled(entry)]
    thread = threading.Thread(target=lambda: compiled.append(registry.compiled(entry)))
    thread.start()
    thread.join()
    assert compiled[0] is not compiled[1]


def test_threads_never_see_each_others_errors():
    registry = load_registry()
    entry = registry.find(*ORDER)
    wrong, barrier = [], threading.Barrier(4)

    def check(number):
        barrier.wait()
        for turn in range(15):
            value = f"x{number}-{turn}"
            findings = validate(order((">3<", f">{value}<")), entry, registry)
            if [finding.value for finding in findings] != [value] or validate(order(), entry, registry):
                wrong.append(value)

    threads = [threading.Thread(target=check, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
