"""Reading XML Schema files with care: what one declares, and that it leads nowhere outside its own folder.

A schema is code of a kind: it can name other files, also over the network, and entities. Every file is therefore
read by the hardened parser before libxml2 compiles it, and everything it includes, imports or redefines must lie in
the same folder tree. A DOCTYPE is refused, except one that declares nothing but short literal entities and attribute
defaults, which the schema of XML Signature, part of every UBL release, has.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from lxml import etree

from gateway.standards.xml.limits import XmlLimits
from gateway.standards.xml.parsing import XmlRefused, local_name, parse_xml

__all__ = ["SCHEMA_LIMITS", "XSD", "Reference", "SchemaFile", "SchemaRefusedError", "read_schema_file", "schema_tree"]

#: Namespace of XML Schema, in the way lxml writes it.
XSD: Final = "{http://www.w3.org/2001/XMLSchema}"
#: The largest schema file that is read.
SCHEMA_LIMITS: Final = XmlLimits(max_bytes=10 * 1024 * 1024)

_REFERENCES: Final = frozenset({f"{XSD}include", f"{XSD}import", f"{XSD}redefine", f"{XSD}override"})
_HARMLESS_DOCTYPE: Final = re.compile(
    rb"""<!DOCTYPE\s+[\w:.-]+\s*\[
         (?:\s | <!--(?:(?!-->).)*-->
          | <!ATTLIST\s+[\w:.-]+\s+[\w:.-]+\s+CDATA\s+(?:\#FIXED\s+)?(?:"[^"<&%]*"|'[^'<&%]*'|\#IMPLIED)\s*>
          | <!ENTITY\s+(?:%\s+)?[\w:.-]+\s+(?:"[^"<&%]{0,200}"|'[^'<&%]{0,200}')\s*>
         )*+\]\s*>""",
    re.VERBOSE | re.DOTALL,
)


class SchemaRefusedError(ValueError):
    """A schema file that must not be used; the text says which, where and why, `fix` what to do."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(message)
        self.fix = fix


@dataclass(frozen=True, slots=True)
class Reference:
    """One file that a schema names (xs:include, xs:import, xs:redefine, xs:override)."""

    #: schemaLocation as written.
    location: str
    #: Line of the schema file, from 1.
    line: int


@dataclass(frozen=True, slots=True)
class SchemaFile:
    """What one XML Schema file declares."""

    path: Path
    #: SHA-256 of the file, in hexadecimal.
    digest: str
    #: Its target namespace; None when it has none.
    namespace: str | None
    #: Its own version attribute ("2.1"); "" when it has none.
    version: str
    #: Names of the elements it declares globally.
    elements: tuple[str, ...]
    references: tuple[Reference, ...]
    #: The xs:schema element.
    root: etree._Element


def read_schema_file(path: Path) -> SchemaFile:
    """Read one file. Raises SchemaRefusedError when it is not a schema or not harmless."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SchemaRefusedError(
            f"{path.name} cannot be read: {error.strerror or error}.", "Check that the file is there and readable."
        ) from error
    try:
        root = parse_xml(_without_harmless_doctype(data), SCHEMA_LIMITS, allow_cxml=False).root
    except XmlRefused as refused:
        where = f", line {refused.line}" if refused.line else ""
        raise SchemaRefusedError(f"{path.name}{where}: {refused}", "Use the schema files as published.") from refused
    if root.tag != f"{XSD}schema":
        raise SchemaRefusedError(
            f"{path.name} is not an XML Schema: its document element is {local_name(root)}.", "Name only XSD files."
        )
    return SchemaFile(
        path,
        hashlib.sha256(data).hexdigest(),
        root.get("targetNamespace"),
        root.get("version", ""),
        tuple(each.get("name", "") for each in root.iterchildren(f"{XSD}element")),
        tuple(
            Reference(each.get("schemaLocation", ""), each.sourceline or 0)
            for each in root
            if each.tag in _REFERENCES and each.get("schemaLocation")
        ),
        root,
    )


def schema_tree(entry: Path, folder: Path, known: Mapping[Path, SchemaFile] | None = None) -> tuple[SchemaFile, ...]:
    """A schema and all files that it leads to, the entry first; `known` are files that were read already.

    Raises SchemaRefusedError when one is missing, not harmless, or outside `folder`.
    """
    folder = folder.resolve()
    tree: dict[Path, SchemaFile] = {}
    waiting = [entry.resolve()]
    while waiting:
        path = waiting.pop()
        if path in tree:
            continue
        file = known[path] if known is not None and path in known else read_schema_file(path)
        tree[path] = file
        waiting.extend(_targets(file, folder))
    return tuple(tree.values())


def _targets(file: SchemaFile, folder: Path) -> Iterator[Path]:
    for reference in file.references:
        where = f"{file.path.name}, line {reference.line}"
        parts = urlsplit(reference.location)
        if parts.scheme or parts.netloc or reference.location.startswith(("/", "\\")):
            raise SchemaRefusedError(
                f'{where}: the schema names "{reference.location}", which is not in its own folder. '
                "Nothing is fetched from elsewhere.",
                "Put that file into the folder and name it by its relative path.",
            )
        target = (file.path.parent / unquote(parts.path)).resolve()
        if not target.is_relative_to(folder):
            raise SchemaRefusedError(
                f'{where}: the schema names "{reference.location}", which leads out of the folder {folder.name}.',
                "Add the folder above, so that everything the schema needs is inside.",
            )
        if not target.is_file():
            raise SchemaRefusedError(
                f'{where}: the schema names "{reference.location}", which is not there.',
                "Add the whole folder as it was published, with its subfolders.",
            )
        yield target


def _without_harmless_doctype(data: bytes) -> bytes:
    """The file with blanks for a harmless DOCTYPE, so that line numbers stay; else unchanged.

    A file that uses an entity of it is not well-formed afterwards, and so refused.
    """
    found = _HARMLESS_DOCTYPE.search(data[:20_000])
    if found is None:
        return data
    return data[: found.start()] + re.sub(rb"[^\r\n]", b" ", found[0]) + data[found.end() :]
