"""The template language of file names: which fields there are, and why a template is refused when it is loaded.

A template is plain text with fields in braces, ``{partner}_{set}_{control}_{id8}.edi``. Only letters, digits,
dot, underscore and hyphen may stand beside the fields, so a name is never a path, never hidden and never an
option of a command. A template without ``{control}`` or ``{id8}`` gives two messages one name and is refused.
"""

from __future__ import annotations

import re

__all__ = ["DEFAULT_TEMPLATE", "FIELDS", "LONGEST_NAME", "UNFINISHED_ENDINGS", "file_name_template"]

#: Field → the most characters it becomes.
FIELDS: dict[str, int] = {
    #: The partner's code.
    "partner": 40,
    #: Transaction set id of the first set ("850"), or the root element of an XML document.
    "set": 40,
    #: ISA13, nine digits; where there is none, the same as ``id8``.
    "control": 9,
    #: When the message was made, ``20260301T083000Z``.
    "utc": 16,
    #: The last eight characters of the transmission's id.
    "id8": 8,
}
#: Fields that make a name belong to one message only.
_TELLING = frozenset({"control", "id8"})
#: Endings that say "not finished": whoever looks into a folder leaves such files alone.
UNFINISHED_ENDINGS = (".tmp", ".part", ".partial", ".filepart", ".writing")
#: Most characters of a file name.
LONGEST_NAME = 200
#: Used where a profile names no template.
DEFAULT_TEMPLATE = "{partner}_{set}_{control}_{id8}.edi"

_PIECE = re.compile(r"\{([a-z0-9]+)\}|([A-Za-z0-9._-]+)")


def file_name_template(value: str) -> str:
    """``value`` when it is a good template; raises ValueError with a sentence (a pydantic validator)."""
    fields, length, end = set(), 0, 0
    for piece in _PIECE.finditer(value):
        if piece.start() != end:
            break
        end = piece.end()
        if piece[1] is None:
            length += len(piece[2])
        elif piece[1] in FIELDS:
            fields.add(piece[1])
            length += FIELDS[piece[1]]
        else:
            raise ValueError(f"has the field {{{piece[1]}}}, which is not one of {_names()}")
    if end != len(value) or not value:
        raise ValueError(
            f'has "{value[end : end + 1]}" where only letters, digits, . _ - and the fields {_names()} may stand'
        )
    if value[0] in ".-":
        raise ValueError("must not start with a dot or a hyphen: such files are hidden, or taken for an option")
    if not fields & _TELLING:
        raise ValueError("must hold {control} or {id8}: without them two messages would get the same name")
    if length > LONGEST_NAME:
        raise ValueError(f"may become {length} characters long; names have at most {LONGEST_NAME}")
    if value.lower().endswith((*UNFINISHED_ENDINGS, ".")):
        raise ValueError("must not end like the name of an unfinished file, or in a dot")
    return value


def _names() -> str:
    return ", ".join(f"{{{name}}}" for name in FIELDS)
