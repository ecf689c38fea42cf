"""Writes ``docs/lifecycle.md`` from the lifecycle table: ``python -m gateway.messages.lifecycle_page FILE``."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Sequence
from enum import Enum
from pathlib import Path

from gateway.messages.axes import Acknowledgement, Axis, Delivery, Processing, Review
from gateway.messages.lifecycle import TERMINAL, diagram

__all__ = ["main", "page"]

_HEAD = """# Lifecycle

A message has not one status but four axes, each of which tells one truth. This page is written from the table
in `gateway/messages/lifecycle.py` by `python -m gateway.messages.lifecycle_page docs/lifecycle.md`; change the
table, not the page.

- A change is made by compare-and-set: it happens only if the axis still stands where the program saw it. Who
  comes second changes nothing.
- A change and its event in the ledger are one transaction. What the ledger does not tell did not happen.
- What the table does not allow is refused as a fault of the program.
"""
_AXES: dict[Axis, tuple[type[Enum], str]] = {
    Axis.PROCESSING: (Processing, "What became of a document, or of a transmission that came in."),
    Axis.DELIVERY: (Delivery, "Whether a transmission that goes out arrived."),
    Axis.ACKNOWLEDGEMENT: (Acknowledgement, "What the partner's 997, 999 or TA1 said about a document of ours."),
    Axis.REVIEW: (Review, "Where a case stands that waits for a person."),
}


def page() -> str:
    """The whole page in Markdown."""
    parts = [_HEAD]
    for axis, (states, sentence) in _AXES.items():
        rows = "\n".join(
            f"| `{name}` | {meaning} | {'yes' if states(name) in TERMINAL[axis] else ''} |"
            for name, meaning in _meanings(states).items()
        )
        parts.append(
            f"## {axis.value.capitalize()}\n\n{sentence}\n\n```mermaid\n{diagram(axis)}\n```\n\n"
            f"| state | meaning | end |\n|---|---|---|\n{rows}\n"
        )
    return "\n".join(parts)


def _meanings(states: type[Enum]) -> dict[str, str]:
    """The ``#:`` comment above each state, from the source."""
    found: dict[str, str] = {}
    comment: list[str] = []
    for line in map(str.strip, inspect.getsource(states).splitlines()):
        if line.startswith("#: "):
            comment.append(line[3:])
        elif " = " in line and comment:
            found[line.split('"')[1]] = " ".join(comment).replace("``", "`")
            comment = []
    return found


def main(arguments: Sequence[str]) -> None:
    """Write the page to the file that is named."""
    Path(arguments[0]).write_text(page(), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
