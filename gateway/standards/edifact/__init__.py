"""EDIFACT for looking at (ISO 9735, syntax versions 1 to 4): structure, counts, references and names.

The gateway reads EDIFACT to show what a file is and what is wrong with it. It maps no EDIFACT message and sends none.
"""

from gateway.standards.edifact.inspect import inspect_edifact, is_edifact
from gateway.standards.edifact.model import EdifactFile, EdifactGroup, EdifactInterchange, EdifactMessage
from gateway.standards.edifact.reader import read_edifact

__all__ = [
    "EdifactFile",
    "EdifactGroup",
    "EdifactInterchange",
    "EdifactMessage",
    "inspect_edifact",
    "is_edifact",
    "read_edifact",
]
