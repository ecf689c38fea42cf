"""``gateway send``: hand documents to the gateway, which checks them and sends them to their partners."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import click

from gateway.cli.common import call, clean, dir_option, fail, find_dir, json_option, print_json

__all__ = ["send_command"]

#: Results that mean "taken": the document is stored and on its way, or was before.
_TAKEN = frozenset({"queued", "duplicate"})
#: Largest file in bytes that one command sends (the control socket carries it as base64).
MAX_FILE_BYTES = 100 * 1024 * 1024


@click.command("send", short_help="Send documents to partners.")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--partner", help="The partner to send to (default: the receiver named in the document).")
@click.option("--as-is", is_flag=True, help="Send the bytes unchanged: no mapping, no new control numbers.")
@dir_option
@json_option
def send_command(
    files: tuple[str, ...], partner: str | None, as_is: bool, directory: Path | None, as_json: bool
) -> None:
    """Check documents (JSON, X12 or XML) and send them. Exit code 0 when every file was taken."""
    home = find_dir(directory)
    contents = [(name, _read(name)) for name in files]  # all or none: a wrong name sends nothing
    results: list[dict[str, Any]] = []
    for name, content in contents:
        entry = {
            "name": "stdin" if name == "-" else Path(name).name,
            "content": base64.b64encode(content).decode("ascii"),
        }
        answer = call(home, "send", files=[entry], partner=partner, as_is=as_is)
        for result in answer["files"]:
            results.append({**result, "name": name})
            if not as_json:
                _print_result(results[-1])
    if as_json:
        print_json(results)
    if any(result["result"] not in _TAKEN for result in results):
        click.get_current_context().exit(1)


def _read(name: str) -> bytes:
    try:
        with click.open_file(name, "rb") as file:
            content: bytes = file.read()
    except OSError as error:
        fail(f"{name} cannot be read: {error.strerror}.", 2, fix="Nothing was sent.")
    if len(content) > MAX_FILE_BYTES:
        fail(f"{name} has {len(content):,} bytes; at most {MAX_FILE_BYTES:,} are sent.", 2, fix="Split it.")
    return content


def _print_result(result: dict[str, Any]) -> None:
    """One line for a file that was taken; for one that was refused, every reason with its place."""
    what = ", ".join(filter(None, [result["result"], result.get("reference")]))
    click.echo(clean(f"{result['name']}: {what}"))
    for reason in result.get("reasons") or ():
        place = f"{reason['path']}: " if reason.get("path") else ""
        click.echo(clean(f"  {place}{reason['message']} {reason.get('fix') or ''}").rstrip())
    if result["result"] not in _TAKEN:
        for document in result.get("documents") or ():
            click.echo(clean(f"  Not refused, {document['result']}: {document['reference']}"))
