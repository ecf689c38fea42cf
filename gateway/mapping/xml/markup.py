"""Elements as text in our own prefixes, for what a document keeps, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lxml import etree

from gateway.mapping.xml.places import Names, tag_of
from gateway.standards.xml.limits import XmlLimits
from gateway.standards.xml.parsing import XmlRefused, parse_xml

__all__ = ["elements_of", "markup"]

_TEXT: Final = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;", ord("\r"): "&#13;"}
_VALUE: Final = {**_TEXT, ord('"'): "&quot;", ord("\n"): "&#10;", ord("\t"): "&#9;"}
#: What was kept came from a file that was within the limits of its partner.
_LIMITS: Final = XmlLimits(
    max_bytes=2**31, max_elements=2**31, max_memory=2**40, max_attributes=100_000, max_documents=1
)


def markup(element: etree._Element, names: Names) -> str:
    """One element with everything in it, without the text behind it; namespaces that we know need no declaration."""
    parts: list[str] = []
    _add(element, names, names.default or "", parts)
    return "".join(parts)


def _add(element: etree._Element, names: Names, default: str, parts: list[str]) -> None:
    """`default` is the namespace of names without a prefix at this place."""
    name, declared = _name(names.name(tag_of(element)))
    if ":" not in name:
        own = etree.QName(element).namespace or ""
        declared = "" if own == default else f' xmlns="{own.translate(_VALUE)}"'
        default = own
    parts.append(f"<{name}{declared}")
    for number, (key, value) in enumerate(element.items(), 1):
        attribute = names.attribute(key)
        if attribute[0] == "{":
            uri, _, local = attribute[1:].partition("}")
            parts.append(f' xmlns:a{number}="{uri.translate(_VALUE)}"')
            attribute = f"a{number}:{local}"
        parts.append(f' {attribute}="{value.translate(_VALUE)}"')
    text = element.text
    if not len(element) and not text:
        parts.append("/>")
        return
    parts.append(">")
    keeps_space = _has_words(element)
    if text and (keeps_space or not len(element)):
        parts.append(text.translate(_TEXT))
    for child in element:
        _add(child, names, default, parts)
        if keeps_space and child.tail:
            parts.append(child.tail.translate(_TEXT))
    parts.append(f"</{name}>")


def _has_words(element: etree._Element) -> bool:
    """Text that is more than white space between or around children."""
    texts = [element.text, *(child.tail for child in element)]
    return any(text and not text.isspace() for text in texts)


def _name(name: str) -> tuple[str, str]:
    if name[0] != "{":
        return name, ""
    uri, _, local = name[1:].partition("}")
    if not uri:
        return local, ""
    return f"k:{local}", f' xmlns:k="{uri.translate(_VALUE)}"'


def elements_of(texts: Sequence[str], names: Names) -> list[etree._Element | None]:
    """The elements of kept texts, in the same order; None for a text that is not one whole element."""
    found = _parsed(texts, names)
    if found is not None and len(found) == len(texts):
        return list(found)
    alone = [_parsed([text], names) for text in texts]
    return [one[0] if one is not None and len(one) == 1 else None for one in alone]


def _parsed(texts: Sequence[str], names: Names) -> list[etree._Element] | None:
    declared = "".join(
        f' xmlns:{prefix}="{uri}"' if prefix else f' xmlns="{uri}"' for prefix, uri in names.kept_declarations
    )
    try:
        tree = parse_xml(f"<kept{declared}>{''.join(texts)}</kept>".encode(), _LIMITS, allow_cxml=False)
    except (XmlRefused, UnicodeEncodeError):
        return None
    words = [tree.root.text, *(child.tail for child in tree.root)]
    return list(tree.root) if not any(word and word.strip() for word in words) else None
