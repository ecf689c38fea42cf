"""``gateway doctor``: check everything, and say what to do about what is not right."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.common import clean, console, dir_option, find_dir, json_option, print_json

if TYPE_CHECKING:
    from gateway.doctor import Diagnosis

__all__ = ["doctor_command"]

_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


@click.command("doctor", short_help="Check everything and say what to do.")
@dir_option
@json_option
def doctor_command(directory: Path | None, as_json: bool) -> None:
    """Check the machine, the working directory and the traffic. Exit code 1 when something fails."""
    home = find_dir(directory)
    from gateway.doctor import examine

    diagnosis = examine(home, datetime.now(UTC))
    if as_json:
        checks = [asdict(result) for result in diagnosis.results]
        print_json({"ok": diagnosis.healthy, "directory": str(home), "checks": checks})
    else:
        _print(diagnosis)
    if not diagnosis.healthy:
        click.get_current_context().exit(1)


def _print(diagnosis: Diagnosis) -> None:
    from rich.text import Text

    out = console()
    for result in diagnosis.results:
        line = Text(f"{result.status:<5} ", style=_STYLES[result.status])
        line.append(f"{result.check:<16} ", style="not bold default")
        line.append(clean(result.message), style="not bold default")
        out.print(line)
        if result.fix:
            out.print(f"{'':<23}→ {clean(result.fix)}", style="dim")
    counts = {status: diagnosis.count(status) for status in _STYLES}
    out.print(f"{counts['ok']} ok, {counts['warn']} to look at, {counts['fail']} failed.")
