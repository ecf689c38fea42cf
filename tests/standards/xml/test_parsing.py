"""The one way from bytes to a tree, and what it refuses."""

import ast
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

import gateway
from gateway.standards.xml import memory, parsing
from gateway.standards.xml.limits import DEFAULT_LIMITS, XmlLimits, cost_of
from gateway.standards.xml.parsing import (
    XmlRefused,
    local_name,
    masked,
    namespace_of,
    parse_file,
    parse_xml,
    serialise,
)
from gateway.standards.xml.prolog import may_be_xml
from gateway.standards.xml.refusal import refusal_for

DTD = "http://xml.cXML.org/schemas/cXML/1.2.063/cXML.dtd"
BARE = f'<!DOCTYPE cXML SYSTEM "{DTD}">'


def refusal(data: bytes, limits: XmlLimits = DEFAULT_LIMITS, **options: bool) -> XmlRefused:
    with pytest.raises(XmlRefused) as caught:
        parse_xml(data, limits, **options)
    return caught.value


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        ("<a>é</a>".encode(), "utf-8"),
        ("<a>é</a>".encode("utf-8-sig"), "utf-8"),
        ('<?xml version="1.0" encoding="utf8"?><a>é</a>'.encode(), "utf-8"),
        (b"<?xml version='1.0' encoding='US-ASCII' standalone='yes' ?><a>&#233;</a>", "us-ascii"),
        ('<?xml version="1.0" encoding="ISO-8859-1"?><a>é</a>'.encode("latin-1"), "iso-8859-1"),
        ('<?xml version="1.0" encoding="Windows-1252"?><a>é</a>'.encode("cp1252"), "windows-1252"),
        ('<?xml version="1.0" encoding="UTF-16"?><a>é</a>'.encode("utf-16"), "utf-16"),
        ('<?xml version="1.0" encoding="UTF-16"?><a>é</a>'.encode("utf-16-le"), "utf-16"),
        ('<?xml version="1.0" encoding="UTF-16BE"?><a>é</a>'.encode("utf-16-be"), "utf-16"),
        ("\ufeff<a>é</a>".encode("utf-16-be"), "utf-16"),
    ],
)
def test_a_file_is_read_in_each_permitted_encoding(data, encoding):
    tree = parse_xml(data)
    assert (tree.encoding, tree.root.text) == (encoding, "é")


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (b"", "XML-empty", "empty"),
        (b" \n\x00", "XML-empty", "empty"),
        (b"hello", "XML-not-xml", "does not begin with an XML element"),
        (b"<!doctype HTML><html></html>", "XML-web-page", "web page"),
        (b"<html><body/></html>", "XML-web-page", "web page"),
        (b"<!DOCTYPE a><a/>", "XML-doctype", "Line 1: the file has a DOCTYPE"),
        (b"<!-- \n -->\n<!DOCTYPE a><a/>", "XML-doctype", "Line 3"),
        (f"{BARE}{BARE}<cXML/>".encode(), "XML-doctype", "DOCTYPE"),
        (f"{BARE}<Order/>".encode(), "XML-doctype", "does not belong to it"),
        (f"{BARE}<cXML>&nbsp;</cXML>".encode(), "XML-entity", "&nbsp; is an entity that XML does not know"),
        (b"<a>&nbsp;</a>", "XML-entity", "&nbsp;"),
        (b"<!-- open", "XML-not-well-formed", "a comment is opened and never closed"),
        (b"<?open", "XML-not-well-formed", "processing instruction is opened"),
        (b"<?xml version=1.0?><a/>", "XML-not-well-formed", "declaration is damaged"),
        (b"<a>\n<b></a>", "XML-not-well-formed", 'Line 2: the element "b" that was opened on line 2 is closed as "a".'),
        (b"<a><b>", "XML-not-well-formed", 'before the element "b" of line 1 is closed: it was cut off'),
        (b"<a/><b/>", "XML-not-well-formed", "exactly one outermost element"),
        (b'<a b="" b=""/>', "XML-not-well-formed", 'the attribute "b" stands twice'),
        (b"<x:a/>", "XML-namespace", 'the prefix "x" is used'),
        (b"<a>\x01</a>", "XML-not-well-formed", "control character"),
        (b"<a>1 & 2</a>", "XML-not-well-formed", 'is not followed by a name'),
        (b"<a>1 &a 2</a>", "XML-not-well-formed", 'a "&" stands in the text'),
        (b"<a b='<'/>", "XML-not-well-formed", 'a "<" stands in the value of an attribute'),
        (b"<?xml version='2.0'?><a/>", "XML-not-well-formed", 'XML version "2.0"'),
        (b"<a><!-- -- --></a>", "XML-not-well-formed", "The parser says"),
        ("<a>é</a>".encode("latin-1"), "XML-encoding", "the bytes are not UTF-8"),
        (b'<?xml version="1.0" encoding="utf-7"?><a/>', "XML-encoding", '"utf-7"'),
        ('<?xml version="1.0" encoding="utf-8"?><a/>'.encode("utf-16"), "XML-encoding", "the file is UTF-16"),
        (b'<?xml version="1.0" encoding="utf-16"?><a/>', "XML-encoding", "the file is not UTF-16"),
        ("<a/>".encode("utf-16-le"), "XML-encoding", "without a byte order mark"),
        ("<a/>".encode("utf-16")[:-1], "XML-encoding", "its bytes are not"),
        ("<a/>".encode("utf-32"), "XML-encoding", "UTF-32"),
        ('<?xml version="1.0"?><a/>'.encode("cp037"), "XML-encoding", "EBCDIC"),
        (b"<a>" * 300 + b"</a>" * 300, "XML-too-deep", "256 levels"),
        (b"<a>" + b"x" * 10_000_001 + b"</a>", "XML-text-too-long", "embedded attachment"),
        (b"<" + b"x" * 60_000 + b"/>", "XML-name-too-long", "50,000"),
        (b"<a " + b" ".join(b"a%d=''" % n for n in range(257)) + b"/>", "XML-too-many-attributes", "256"),
        (b"<a>\n<b " + b" ".join(b"xmlns:a%d=''" % n for n in range(257)) + b"/></a>", "XML-too-many-attributes", "2"),
    ],
)  # fmt: skip
def test_a_refusal_names_its_reason_and_a_remedy(data, code, words):
    refused = refusal(data)
    assert refused.code == code
    assert words in refused.message
    assert refused.message == str(refused)
    assert refused.fix
    finding = refused.finding
    assert (finding.code, finding.severity, finding.line) == (code, "error", refused.line)


def test_the_doctype_of_cxml_is_taken_and_names_the_version():
    tree = parse_xml(f"<?xml version='1.0'?>\n{BARE}\n<cXML/>".encode())
    assert (tree.doctype_system, tree.cxml_version) == (DTD, "1.2.063")
    assert parse_xml(b"<cXML/>").cxml_version is None


def test_the_doctype_of_cxml_can_be_refused_too():
    assert refusal(f"{BARE}<cXML/>".encode(), allow_cxml=False).code == "XML-doctype"


def test_limits_can_be_raised_and_lowered():
    data = b"<a>" + b"<b>x</b>" * 100 + b"</a>"
    assert refusal(data, XmlLimits(max_bytes=100)).code == "XML-too-large"
    assert refusal(data, XmlLimits(max_elements=100)).code == "XML-too-many-elements"
    assert refusal(data, XmlLimits(max_memory=20_000)).code == "XML-too-much-memory"
    assert refusal(data.decode().encode("utf-16"), XmlLimits(max_bytes=len(data) - 1)).code == "XML-too-large"
    assert len(parse_xml(data, XmlLimits(max_elements=101)).root) == 100


def test_a_utf_16_file_that_grows_too_large_as_utf_8_is_refused():
    data = ("<a>" + "\u4e00" * 1_000 + "</a>").encode("utf-16")
    assert refusal(data, XmlLimits(max_bytes=2_100)).code == "XML-too-large"


def test_the_cost_is_counted_exactly_only_where_the_quick_bound_goes_beyond_the_limits():
    data = b"<a>" + b"<b></b>" * 100 + b"</a>"
    assert cost_of(data, DEFAULT_LIMITS).elements == 202
    assert cost_of(data, XmlLimits(max_elements=150)).elements == 101


def test_markup_in_cdata_and_comments_is_never_counted_as_less_than_there_is():
    data = b"<a><![CDATA[</</></><><]]><!-- ></ >< --><b/><b/></a>"
    assert cost_of(data, XmlLimits(max_elements=1)).elements >= 5


def test_a_long_text_with_many_equal_signs_is_no_element_with_many_attributes():
    parse_xml(b"<a b='1'>" + b" c='2'" * 1_000 + b"</a>")
    parse_xml(b"<a><!-- " + b" c='2'" * 1_000 + b"--></a>")


def test_a_large_file_is_parsed_in_a_thread_of_its_own(monkeypatch):
    monkeypatch.setattr(parsing, "_IN_PLACE", 0)
    assert parse_xml(b"<a><b/></a>").root[0].tag == "b"
    assert refusal(b"<a>").code == "XML-not-well-formed"


@pytest.mark.parametrize("in_place", [0, 1_000])
def test_a_file_for_which_memory_does_not_suffice_is_refused(monkeypatch, in_place):
    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(parsing, "_IN_PLACE", in_place)
    monkeypatch.setattr(parsing.etree, "fromstring", fail)
    assert refusal(b"<a/>").code == "XML-too-much-memory"


def test_small_files_are_parsed_in_place_until_there_were_many(monkeypatch):
    monkeypatch.setattr(parsing._account, "parsed", 0)
    monkeypatch.setattr(parsing, "_IN_PLACE_TOGETHER", 10)
    monkeypatch.setattr(parsing.threading, "Thread", None)
    parse_xml(b"<a/>")
    parse_xml(b"<a/>")
    with pytest.raises(TypeError):
        parse_xml(b"<a/>")


def test_memory_is_given_back_around_large_files_only(monkeypatch):
    called = []
    monkeypatch.setattr(memory, "_trim", lambda: called.append)
    memory.give_back(memory.LARGE - 1)
    assert called == []
    memory.give_back(memory.LARGE)
    assert called == [0]


def test_room_is_made_before_a_file_once_large_ones_of_16_mib_have_come(monkeypatch):
    called = []
    monkeypatch.setattr(memory, "_trim", lambda: called.append)
    memory.give_back(memory.LARGE)
    called.clear()
    for _ in range(7):
        memory.make_room(2 * 1024 * 1024)
        memory.make_room(memory.LARGE - 1)
    assert called == []
    memory.make_room(2 * 1024 * 1024)
    assert called == [0]
    memory.make_room(2 * 1024 * 1024)
    assert called == [0]
    memory.make_room(16 * 1024 * 1024)
    assert called == [0, 0]


@given(st.text(alphabet="<ab=", max_size=60), st.integers(1, 12))
def test_long_stretches_are_those_with_no_other_tag_within_reach(text, least):
    data = text.encode()
    wanted = [found.start() for found in re.finditer(rb"<[^<]{%d}" % least, data)]
    assert list(parsing._long_stretches(data, least)) == wanted


def test_memory_stays_where_it_is_without_the_gnu_library(monkeypatch):
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda _: object())
    memory._trim.cache_clear()
    try:
        memory.give_back(memory.LARGE)
    finally:
        memory._trim.cache_clear()


def test_a_file_on_disk_may_have_no_doctype_and_not_be_larger_than_its_limit(tmp_path):
    file = tmp_path / "a.xsd"
    file.write_bytes(b"<a/>")
    assert parse_file(file).root.tag == "a"
    file.write_bytes(f"{BARE}<cXML/>".encode())
    with pytest.raises(XmlRefused):
        parse_file(file)
    with pytest.raises(XmlRefused, match="bytes"):
        parse_file(file, XmlLimits(max_bytes=10))


def test_names_are_told_apart_by_namespace():
    root = parse_xml(b"<x:a xmlns:x='urn:x'><b/><!-- c --></x:a>").root
    assert [(local_name(each), namespace_of(each)) for each in (root, *root)] == [
        ("a", "urn:x"),
        ("b", None),
        ("", None),
    ]


def test_a_tree_knows_the_namespaces_of_its_root():
    tree = parse_xml(b"<x:a xmlns:x='urn:x' xmlns='urn:y'/>")
    assert dict(tree.namespaces) == {"x": "urn:x", None: "urn:y"}


def test_an_element_is_written_as_a_whole_file():
    root = etree.Element("a")
    etree.SubElement(root, "b").tail = "é"
    assert serialise(root, doctype="<!DOCTYPE a>") == (
        "<?xml version='1.0' encoding='UTF-8'?>\n<!DOCTYPE a>\n<a><b/>é</a>".encode()
    )
    assert serialise(root[0]) == b"<?xml version='1.0' encoding='UTF-8'?>\n<b/>"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<SharedSecret>abc</SharedSecret>", "<SharedSecret>********</SharedSecret>"),
        ("<c:SharedSecret a='b'>ab<![CDATA[c]]></c:SharedSecret>.", "<c:SharedSecret a='b'>********</c:SharedSecret>."),
        ("<SharedSecret><x>abc</x></SharedSecret>", "<SharedSecret>********</SharedSecret>"),
        ("<SharedSecret>abc", "<SharedSecret>********"),
        ("<SharedSecret/>abc", "<SharedSecret/>abc"),
        ("<SharedSecretary>abc", "<SharedSecretary>abc"),
    ],
)
def test_a_shared_secret_is_masked_also_where_it_is_cut_off(text, shown):
    assert masked(text) == shown


@pytest.mark.parametrize(
    "data", [b"<a", b"\xef\xbb\xbf <", "<a".encode("utf-16"), "<".encode("utf-32"), b"\x4c\x6f\xa7\x94"]
)
def test_a_file_that_begins_like_xml_is_taken_for_xml(data):
    assert may_be_xml(data)


@pytest.mark.parametrize("data", [b"", b"ISA*00*", "ISA*".encode("utf-16"), b"UNB+UNOA", b"{}", b"x<a/>"])
def test_other_files_are_not(data):
    assert not may_be_xml(data)


def test_an_error_without_a_line_is_told_without_one():
    assert refusal_for("", "odd", None, "UTF-8").message == 'The file is not well-formed XML. The parser says "odd".'


#: Functions and classes of lxml and xmlschema that parse, or run something found in a document.
PARSING = {
    "fromstring", "fromstringlist", "XML", "HTML", "XMLID", "parse", "parseid", "iterparse", "XMLParser", "HTMLParser",
    "XMLPullParser", "HTMLPullParser", "ETCompatXMLParser", "XMLTreeBuilder", "DTD", "RelaxNG", "Schematron", "XSLT",
    "XInclude", "xinclude", "set_default_parser", "validate", "is_valid", "iter_errors", "iter_decode", "to_dict",
    "to_json", "to_etree", "XmlDocument", "XMLResource", "XMLSchema", "XMLSchema11",
}  # fmt: skip
MODULES = ("lxml.etree", "lxml", "xmlschema", "xml")
#: Besides the parser's own module: schemas are compiled in two places after they were read by it, and the benchmark
#: of X12 reads the map files of the peer that it measures.
ALLOWED = {
    "gateway/standards/xml/parsing.py": {"fromstring", "XMLParser"},
    "gateway/standards/xml/schemas.py": {"XMLSchema"},
    "gateway/standards/xml/explain.py": {"XMLSchema"},
    "gateway/bench/pyx12_maps.py": {"parse"},
    "gateway/bench/xml.py": {"XMLSchema", "fromstring"},  # the peers, on orders that we made
}


def parsing_calls(source: str) -> set[str]:
    """What a module takes of the XML libraries that parses, by whatever name it imports them."""
    tree = ast.parse(source)
    names: dict[str, str] = {}
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {(each.asname or each.name.split(".")[0]): each.name for each in node.names}
        elif (
            isinstance(node, ast.ImportFrom)
            and node.module
            and node.module.split(".")[0] in ("lxml", "xmlschema", "xml")
        ):
            found |= {each.name for each in node.names if each.name in PARSING}
            names |= {(each.asname or each.name): f"{node.module}.{each.name}" for each in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in PARSING and isinstance(node.value, ast.Name):
            module = names.get(node.value.id, "")
            if module in MODULES or module.startswith("xml."):
                found.add(node.attr)
        if isinstance(node, ast.Attribute) and node.attr == "xinclude":
            found.add(node.attr)
    return found


def test_the_search_for_parsing_finds_every_way_to_write_it():
    assert parsing_calls("from lxml import etree as e\ne.fromstring(b'')") == {"fromstring"}
    assert parsing_calls("from lxml.etree import parse") == {"parse"}
    assert parsing_calls("import lxml.etree\nfrom xml.etree import ElementTree as t\nt.parse('')") == {"parse"}
    assert parsing_calls("import xmlschema\nxmlschema.validate('')") == {"validate"}
    assert parsing_calls("import json\njson.parse('')") == set()


@pytest.mark.volume
def test_no_other_module_parses_xml():
    package = Path(gateway.__file__).parent
    for file in sorted(package.rglob("*.py")):
        name = f"gateway/{file.relative_to(package).as_posix()}"
        assert parsing_calls(file.read_text("utf-8")) <= ALLOWED.get(name, set()), name
