"""How much XML is taken on before a file is refused, and what a file will cost before it is parsed.

A tree costs memory by the node and by the attribute, not by the byte: 4 bytes of file can become 128 bytes of tree.
So the cost is estimated from counts over the raw bytes, which are upper bounds for every file that is well-formed.
The constants were measured on the worst shapes there are (empty elements, comments, attributes, distinct names)
with lxml 6.1 on a 64-bit machine; `tests/attacks` measures them again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["DEFAULT_LIMITS", "Cost", "XmlLimits", "cost_of"]

MIB: Final = 1024 * 1024
#: Bytes of memory for one node of the tree: element, text, comment or processing instruction.
_NODE: Final = 152
#: Bytes of memory for one attribute or namespace declaration, with its value.
_ATTRIBUTE: Final = 340


@dataclass(frozen=True, slots=True)
class XmlLimits:
    """What one XML file may cost. The defaults keep any file under 128 MiB of memory, its own bytes included."""

    #: Bytes of the file.
    max_bytes: int = 50 * MIB
    #: Elements, comments and processing instructions of the file.
    max_elements: int = 800_000
    #: Bytes of memory that the file and its tree may take, as estimated by `cost_of`.
    max_memory: int = 112 * MIB
    #: Attributes and namespace declarations of one element.
    max_attributes: int = 256
    #: Business documents in one file.
    max_documents: int = 1_000


DEFAULT_LIMITS: Final = XmlLimits()


@dataclass(frozen=True, slots=True)
class Cost:
    """Upper bounds of what a file holds, read from its bytes."""

    #: Elements, comments, processing instructions and CDATA sections.
    elements: int
    #: Bytes of memory for the file and its tree together.
    memory: int
    #: Attributes and namespace declarations of all elements.
    attributes: int


def cost_of(data: bytes | bytearray, limits: XmlLimits, *, growth: int = 1) -> Cost:
    """Bounds for a file whose markup stands in ASCII bytes; ``growth`` is how far its text may grow in UTF-8.

    The quick bound counts "<" and "=" only; where it goes beyond the limits, the exact number of nodes is counted:
    every "<" begins one element, comment or instruction unless "/" follows, and ends one text unless ">" stands
    before it.
    """
    opened = data.count(b"<")
    attributes = data.count(b"=")
    base = len(data) * (1 + growth) + attributes * _ATTRIBUTE
    quick = Cost(opened, base + 2 * opened * _NODE, attributes)
    if quick.elements <= limits.max_elements and quick.memory <= limits.max_memory:
        return quick
    elements = opened - data.count(b"</")
    texts = opened - data.count(b"><")
    return Cost(elements, base + (elements + texts) * _NODE, attributes)
