"""Inspector: paste or upload any message and read what it is, what is wrong with it, and what we would answer.

Nothing is stored: the answer to the form is the page itself.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, g, render_template, request
from werkzeug.exceptions import RequestEntityTooLarge

from gateway.standards.edifact import EdifactMessage
from gateway.web.inspecting import Inspection, inspect_message
from gateway.web.place import own_settings
from gateway.web.site import the_site
from gateway.web.view import edifact
from gateway.web.view import payload as shown

__all__ = ["pages"]

pages = Blueprint("inspector", __name__, url_prefix="/inspector")

#: Bytes that can be looked at, and a little for the form around them.
MOST_BYTES = 10 << 20
_FORM = 64 << 10
#: Characters of a pasted text that come back in the form.
_MOST_PASTED = 100_000
#: Sets whose segments are shown, and findings that are listed.
_MOST_SETS, _MOST_FINDINGS = 12, 200
#: Above this many bytes fewer sets are shown: each is cut out of the whole.
_LARGE, _SETS_OF_LARGE = 1_000_000, 3
#: Lines shown before the first finding, when a long content is shown from there.
_LINES_BEFORE = 20
_FAMILIES = {"x12": "X12", "edifact": "EDIFACT", "ubl": "UBL", "cxml": "cXML", "xml": "XML", "unknown": "Unknown"}


@pages.url_value_preprocessor
def _allow_uploads(_endpoint: str | None, _values: dict[str, Any] | None) -> None:
    """Raise the limits before anything reads the form."""
    request.max_content_length = MOST_BYTES + _FORM
    request.max_form_memory_size = MOST_BYTES + _FORM


@pages.errorhandler(RequestEntityTooLarge)
def _too_large(_error: RequestEntityTooLarge) -> Any:
    said = (
        f"That is more than {MOST_BYTES >> 20} MB, the most that is looked at here. Inspect it on the machine instead:"
    )
    return _page(said=f"{said} gateway inspect FILE."), 413


@pages.get("")
def show() -> Any:
    """The form."""
    return _page()


@pages.post("")
def inspect() -> Any:
    """Look at what was pasted or uploaded; an upload wins."""
    upload = request.files.get("file")
    pasted = request.form.get("text", "")
    data = upload.stream.read(MOST_BYTES + 1) if upload is not None and upload.filename else b""
    name = (upload.filename or "")[:200] if data and upload is not None else "pasted text"
    if not data:
        # A form sends every line end as CR LF (HTML, form submission); what was pasted had one of its own.
        data = pasted.replace("\r\n", "\n").encode("utf-8", "surrogateescape")
    if not data.strip():
        said = "There is nothing to look at: the file is empty." if upload and upload.filename else ""
        return _page(said=said or "There is nothing to look at yet. Paste a message, or choose a file."), 400
    if len(data) > MOST_BYTES:
        raise RequestEntityTooLarge
    site = the_site()
    found = inspect_message(site, own_settings(site), name, data, g.now)
    return _page(found, pasted=pasted[:_MOST_PASTED] if name == "pasted text" else "")


def _page(found: Inspection | None = None, *, said: str = "", pasted: str = "") -> Any:
    return render_template(
        "inspector.html",
        found=found,
        said=said,
        pasted=pasted,
        families=_FAMILIES,
        most=MOST_BYTES >> 20,
        names={partner.code: partner.name for partner in the_site().partners()},
        findings=_findings(found) if found else [],
        contents=_contents(found) if found else [],
        most_findings=_MOST_FINDINGS,
    )


def _findings(found: Inspection) -> list[dict[str, Any]]:
    """Every finding with the place it belongs to, errors first."""
    if found.result is None:
        return []
    listed: list[dict[str, Any]] = []
    for number, interchange in enumerate(found.result["interchanges"], start=1):
        listed += [{**each, "of": "", "anchor": ""} for each in interchange["findings"]]
        position = 0
        for group in interchange["groups"]:
            listed += [{**each, "of": f"group {group['control']}", "anchor": ""} for each in group["findings"]]
            for one in group["sets"]:
                position += 1
                of = f"{one['set'] or 'segments'} {one['number'] or one['control'] or ''}".strip()
                line = "line" if found.result["format"] in ("ubl", "cxml", "xml") else "position"
                for each in one["findings"]:
                    place = f"{number}-{position}-" if line == "position" else ""
                    anchor = f"s{place}{each[line]}" if each.get(line) else ""
                    listed.append({**each, "of": of, "anchor": anchor})
    order = {"error": 0, "warning": 1, "note": 2}
    return sorted(listed, key=lambda each: order[each["severity"]])


def _contents(found: Inspection) -> list[dict[str, Any]]:
    """What is shown of the content: each set by its segments, XML by its lines, anything else by its bytes."""
    data = found.opened.payload
    if found.result is None or not data:
        return []
    kind = shown.kind_of(data)
    if found.edifact is not None and (messages := _edifact(found.result, found.edifact.messages)):
        return messages
    if kind == "x12" and found.result["interchanges"]:
        sets = _sets(found.result, data)
        if sets:
            return sets
    if kind in ("bytes", "x12"):
        return [{"kind": "hex", "title": "Bytes", "lines": shown.hex_lines(data), "size": len(data)}]
    about = _findings(found)
    first = _first_line([each["line"] for each in about if each.get("line")])
    lines = shown.text_lines(data, about, first=first)
    return [
        {
            "kind": "lines",
            "title": "Content",
            "shown": lines,
            "prefix": "s",
            "laid_out": lines.total > data.count(b"\n") + 1,
        }
    ]


def _first_line(places: list[int]) -> int:
    """Where a content is shown from: its start, unless the first finding stands further than one page."""
    first = min(places, default=0)
    return 0 if first < shown.MOST_LINES else first - _LINES_BEFORE


def _chosen(result: dict[str, Any], most: int) -> tuple[list[tuple[int, int, dict[str, Any]]], int]:
    """(interchange, place in it, set) of the sets that are shown, and how many are not.

    Those with something to see come first, then they are in their order again.
    """
    every = []
    for number, interchange in enumerate(result["interchanges"], start=1):
        sets = [one for group in interchange["groups"] for one in group["sets"]]
        every += [(bool(one["findings"]), number, place, one) for place, one in enumerate(sets, start=1)]
    chosen = sorted(sorted(every, key=lambda each: not each[0])[:most], key=lambda each: each[1:3])
    return [each[1:] for each in chosen], len(every) - len(chosen)


def _edifact(result: dict[str, Any], messages: list[list[EdifactMessage]]) -> list[dict[str, Any]]:
    """Messages of EDIFACT by their segments; ``messages`` are those of each interchange."""
    chosen, left = _chosen(result, _MOST_SETS)
    contents = []
    for number, place, one in chosen:
        first = _first_line([each["position"] for each in one["findings"] if each["position"]])
        contents.append(
            {
                "kind": "segments",
                "title": f"{one['set'] or 'Message'} {one['number'] or one['control'] or ''}".strip()[:80],
                "verdict": one["verdict"],
                "shown": edifact.message_lines(messages[number - 1][place - 1], one["findings"], first=first),
                "prefix": f"s{number}-{place}-",
                "left": left,
                "mark": "+",
            }
        )
    return contents


def _sets(result: dict[str, Any], data: bytes) -> list[dict[str, Any]]:
    chosen, left = _chosen(result, _MOST_SETS if len(data) <= _LARGE else _SETS_OF_LARGE)
    contents = []
    for number, place, one in chosen:
        first = _first_line([each["position"] for each in one["findings"] if each["position"]])
        lines = shown.segments(data, one["findings"], place=(number, place), first=first)
        if lines is not None:
            title = f"{one['set'] or 'Segments'} {one['number'] or one['control'] or ''}".strip()
            contents.append(
                {
                    "kind": "segments",
                    "title": title,
                    "verdict": one["verdict"],
                    "shown": lines,
                    "prefix": f"s{number}-{place}-",
                    "left": left,
                }
            )
    return contents
