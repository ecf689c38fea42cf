"""Checking one XML document against its schema: the verdict is libxml2's, the words are ours.

libxml2 works out the path of every error by counting siblings, so a document that is wrong in sixty thousand lines
would take it a quarter of a minute. Once `MOST_COUNTED` errors are found, the rest of the document is cut off under
its hands, and the check ends: such a document is rejected in any case, and its tree is of no further use.

Only a document that is a tree of its own may be cut. For one inside a larger tree (in an envelope, or beside others),
lxml lends the children to a stand-in for the root, which must find them all again; a large one is therefore moved into
a tree of its own for the check, a small one cannot have many errors.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import islice
from typing import Final

from lxml import etree

from gateway.standards.edi.model import Finding
from gateway.standards.xml.explain import SchemaError, explain
from gateway.standards.xml.names import canonical_name
from gateway.standards.xml.parsing import local_name, namespace_of
from gateway.standards.xml.schemas import SchemaEntry, SchemaRegistry, load_registry

__all__ = ["MOST_COUNTED", "MOST_KEPT", "element_at", "validate"]

#: Errors of one document that become findings.
MOST_KEPT: Final = 50
#: Errors after which the check of a document ends.
MOST_COUNTED: Final = 5_000
#: Elements of a document inside a larger tree that is checked where it stands; a larger one is moved out meanwhile.
_MOST_INSIDE: Final = 20_000


def validate(
    element: etree._Element, entry: SchemaEntry | None = None, registry: SchemaRegistry | None = None
) -> tuple[Finding, ...]:
    """Check the document that starts at this element; () when it is valid.

    `entry` is the schema of `registry` to check against, by default the newest that fits the element. At most
    `MOST_KEPT` errors of libxml2 are explained, with a note ("XSD-more") when there were more. Raises
    SchemaRefusedError when there is no such schema, or it cannot be used.
    """
    registry = registry if registry is not None else load_registry()
    if entry is None:
        entry = registry.entry(namespace_of(element), local_name(element))
    if element.getroottree().getroot() is element:
        return _judged(element, entry, registry, may_cut=True)
    if sum(1 for _ in islice(element.iter(), _MOST_INSIDE + 1)) <= _MOST_INSIDE:
        return _judged(element, entry, registry, may_cut=False)
    alone = etree.Element(element.tag, dict(element.attrib), element.nsmap)
    alone.text = element.text
    _move_children(element, alone)
    try:
        return _judged(alone, entry, registry, may_cut=True)
    finally:
        _move_children(alone, element)


def _judged(top: etree._Element, entry: SchemaEntry, registry: SchemaRegistry, *, may_cut: bool) -> tuple[Finding, ...]:
    schema = registry.compiled(entry)
    watch = _watch_of_thread()
    watch.top, watch.seen = top if may_cut else None, 0
    try:
        if schema.validate(top):
            return ()
    except etree.XMLSchemaValidateError:
        return (_broken_off(top),)
    finally:
        watch.top = None
    log = schema.error_log
    return explain(tuple(_errors(islice(log, MOST_KEPT), top)), top, registry, entry, total=len(log))


def _move_children(source: etree._Element, target: etree._Element) -> None:
    """Move all children, one by one: a list of them all would take memory for each, and counting them time."""
    while (child := next(source.iterchildren(), None)) is not None:
        target.append(child)


class _Watch(etree.PyErrorLog):
    """Hears of every error while libxml2 checks, and stops it when there are too many.

    lxml calls it in the checking thread, between two elements. What follows the faulty element and its ancestors is
    taken out of the tree; libxml2 keeps no pointer to what it has not reached.
    """

    def __init__(self) -> None:
        super().__init__()
        self.top: etree._Element | None = None
        self.seen = 0

    def receive(self, log_entry: etree._LogEntry) -> None:
        """Count one error; must not raise, since nothing could catch it."""
        if self.top is None:
            return
        self.seen += 1
        if self.seen >= MOST_COUNTED:
            here = element_at(log_entry.path or "", self.top)
            while here is not None and here is not self.top and (parent := here.getparent()) is not None:
                del parent[parent.index(here) + 1 :]
                here = parent


_of_thread = threading.local()


def _watch_of_thread() -> _Watch:
    watch: _Watch | None = getattr(_of_thread, "watch", None)
    if watch is None:
        watch = _of_thread.watch = _Watch()
    etree.use_global_python_log(watch)
    return watch


def _errors(log: Iterator[etree._LogEntry], top: etree._Element) -> Iterator[SchemaError]:
    for entry in log:
        yield SchemaError(element_at(entry.path or "", top), entry.line, entry.type_name, entry.message)


def element_at(path: str, top: etree._Element) -> etree._Element | None:
    """The element that a path of libxml2 means ("/*/cac:OrderLine[2]/*[3]"), or the last one on the way to it.

    libxml2 writes the document's own prefixes, and `*` with a number among all siblings for names of a default
    namespace. None when the path is empty.
    """
    here: etree._Element | None = None
    for step in path.split("/")[1:]:
        if here is None:
            here = top
            continue
        name, _, number = step.removesuffix("]").partition("[")
        found = next(islice(_named(here, name), int(number or 1) - 1, None), None)
        if found is None:
            break
        here = found
    return here


def _named(parent: etree._Element, name: str) -> Iterator[etree._Element]:
    if name == "*":
        return parent.iterchildren("*")
    prefix, _, local = name.rpartition(":")
    return (
        child
        for child in parent.iterchildren("*" if prefix else name)
        if (child.prefix or "") == prefix and local_name(child) == local
    )


def _broken_off(element: etree._Element) -> Finding:
    name = canonical_name(element)
    return Finding(
        "XSD-not-checkable",
        "error",
        f"The schema check of {name} broke off: the document has something in it that no schema can judge.",
        "Ask the sender for a document without entities.",
        segment=name,
        path=f"/{name}",
        line=element.sourceline,
    )
