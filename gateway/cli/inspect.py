"""`gateway inspect`: what a file is, whether it is right, what is wrong, and the answer it would get."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from gateway.cli.common import clean, console, dir_option, find_dir, json_option, print_json

if TYPE_CHECKING:
    from rich.console import Console

    from gateway.standards.x12.check import OptionsFor
    from gateway.standards.xml.check import XmlCheckOptions

__all__ = ["inspect_command"]

#: Findings of one set that are shown to people; --json has them all.
_MOST_SHOWN: Final = 25
#: Bytes from which on a terminal shows that something is going on.
_LARGE: Final = 2_000_000
_XML: Final = ("ubl", "cxml", "xml")
_GOOD: Final = ("accepted", "accepted_with_errors")
_STYLE: Final = {
    "accepted": "bold green",
    "accepted_with_errors": "bold yellow",
    "partially_accepted": "bold yellow",
    "held": "bold yellow",
    "faulty": "bold red",
    "rejected": "bold red",
    "unreadable": "bold red",
    "error": "red",
    "warning": "yellow",
    "note": "dim",
}


@click.command("inspect")
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@click.option("--partner", metavar="NAME", help="Check by this partner's rules (a code, or a partner file).")
@click.option("--ack", "with_ack", is_flag=True, help="Also print the acknowledgement that would be sent.")
@dir_option
@json_option
def inspect_command(
    files: tuple[str, ...], partner: str | None, with_ack: bool, directory: Path | None, as_json: bool
) -> None:
    """Identify, check and explain files; "-" reads standard input. Nothing is stored or sent.

    Exit code 0 when every file is accepted, 1 when one is not, 2 when one cannot be opened.
    """
    options = _partner_options(partner, directory)
    xml_options = _xml_options(directory)
    out = console()
    results: list[dict[str, Any]] = []
    unopened = 0
    for name in files:
        try:
            data = _read(name)
        except OSError as error:
            unopened += 1
            click.echo(f"{clean(name)}: {_why(error)}", err=True)
            continue
        result = _inspect(name, data, options, with_ack, None if as_json else out, xml_options)
        results.append(result)
        if not as_json:
            _show(result, out)
    if as_json:
        print_json(results)
    elif len(files) > 1:
        _show_summary(results, unopened, out)
    sys.exit(2 if unopened else 0 if all(result["verdict"] in _GOOD for result in results) else 1)


def _partner_options(partner: str | None, directory: Path | None) -> OptionsFor | None:
    if partner is None:
        return None
    from gateway.cli.common import validation_options_for_partner

    return validation_options_for_partner(partner, directory)


def _xml_options(directory: Path | None) -> XmlCheckOptions | None:
    """The schemas of a working directory beside those of the package; None without one."""
    from gateway.standards.xml.check import XmlCheckOptions
    from gateway.standards.xml.schemas import load_registry

    named = directory or os.environ.get("GATEWAY_DIR")
    return XmlCheckOptions(registry=load_registry(find_dir(named))) if named else None


def _read(name: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read()
    return Path(name).read_bytes()


def _why(error: OSError) -> str:
    """Why a file cannot be opened, as a sentence with what to do."""
    if isinstance(error, FileNotFoundError):
        return "there is no such file. Check the name."
    if isinstance(error, IsADirectoryError):
        return "this is a folder. Name the files in it."
    if isinstance(error, PermissionError):
        return "you are not allowed to read this file. Ask its owner, or run the command as another user."
    return f"the file cannot be read: {error.strerror or error}."


def _inspect(
    name: str,
    data: bytes,
    options: OptionsFor | None,
    with_ack: bool,
    out: Console | None,
    xml_options: XmlCheckOptions | None = None,
) -> dict[str, Any]:
    from gateway.standards.inspect import inspect_file
    from gateway.standards.xml.check import DEFAULT_OPTIONS

    is_slow = out is not None and out.is_terminal and len(data) > _LARGE
    waiting = out.status(f"Checking {clean(name)}, {len(data):,} bytes") if out and is_slow else nullcontext()
    with waiting:
        return inspect_file(
            name,
            data,
            options=options,
            xml_options=xml_options or DEFAULT_OPTIONS,
            ack=with_ack,
            now=datetime.now(UTC),
        )


def _show(result: dict[str, Any], out: Console) -> None:
    from rich.text import Text

    verdict = result["verdict"]
    headline = Text(clean(result["file"]), style="bold").append("  ")
    out.print(headline.append(verdict.replace("_", " "), style=_STYLE[verdict]))
    if "reason" in result:
        out.print(Text("  " + clean(result["reason"])))
    for interchange in result["interchanges"]:
        if interchange["control"] is None and not interchange["groups"] and result["format"] in _XML:
            continue  # a file that was refused as a whole: the reason says it all
        show = _show_document if result["format"] in _XML else _show_interchange
        show(interchange, out)
    if result["ack"]:
        out.print(Text("  Answer", style="bold"))
        for line in result["ack"].splitlines():
            out.print(Text("    " + clean(line)))
    out.print()


def _show_interchange(interchange: dict[str, Any], out: Console) -> None:
    from rich.text import Text

    if interchange["control"] is None:
        out.print(Text("  Interchange that cannot be read"))
    else:
        addresses = f"{interchange['sender']} → {interchange['receiver']}"
        where = f"  Interchange {interchange['control']}  {addresses}  version {interchange['version']}"
        out.print(Text(clean(where)))
    _show_findings(interchange["findings"], 4, out)
    for group in interchange["groups"]:
        out.print(Text(clean(f"    Group {group['code']} {group['control']}  version {group['version']}")))
        _show_findings(group["findings"], 6, out)
        for each in group["sets"]:
            _show_set(each, out)


def _show_document(interchange: dict[str, Any], out: Console) -> None:
    """An XML document: the interchange and the group are only the shape it is told in."""
    from rich.text import Text

    addresses = f"{interchange['sender'] or 'no sender'} → {interchange['receiver'] or 'no receiver'}"
    out.print(Text(clean(f"  {addresses}  {interchange['version']}")))
    for group in interchange["groups"]:
        for each in group["sets"]:
            _show_set(each, out)


def _show_set(each: dict[str, Any], out: Console) -> None:
    from rich.text import Text

    what = (each["document"] or "document").replace("_", " ")
    number = f" {each['number']}" if each["number"] else ""
    name = f"{each['set']} {each['control']}" if each["set"] else "segments without ST"
    line = Text(clean(f"      {name}  {what}{number}  "))
    out.print(line.append(each["verdict"].replace("_", " "), style=_STYLE[each["verdict"]]))
    _show_findings(each["findings"], 8, out)


def _show_findings(findings: list[dict[str, Any]], indent: int, out: Console) -> None:
    from rich.text import Text

    margin = " " * indent
    for finding in findings[:_MOST_SHOWN]:
        line = Text(margin).append(f"{finding['severity']:<8}", style=_STYLE[finding["severity"]])
        place = ", ".join(_place(finding))
        line.append(clean(finding["message"])).append(f"  [{finding['code']}{place and ', '}{place}]", style="dim")
        out.print(line)
        if finding["fix"]:
            out.print(Text(f"{margin}        {clean(finding['fix'])}", style="dim"))
    if len(findings) > _MOST_SHOWN:
        out.print(Text(f"{margin}and {len(findings) - _MOST_SHOWN} more; --json lists them all"))


def _place(finding: dict[str, Any]) -> Iterator[str]:
    if finding["position"] is not None:
        yield f"segment {finding['position']}"
    if finding.get("line") is not None:
        yield f"line {finding['line']}"
    if finding.get("path"):
        yield clean(finding["path"])
    if finding["offset"] is not None:
        yield f"byte {finding['offset']}"


def _show_summary(results: list[dict[str, Any]], unopened: int, out: Console) -> None:
    counted = Counter(result["verdict"] for result in results)
    parts = [f"{count} {verdict.replace('_', ' ')}" for verdict, count in counted.items()]
    if unopened:
        parts.append(f"{unopened} not opened")
    out.print(f"{len(results) + unopened} files: {', '.join(parts)}")
