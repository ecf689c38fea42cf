"""`gateway guide`: the files with partners' own rules over X12 sets, and whether they can be used."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.common import dir_option, json_option, near_workdir, print_json, print_table

if TYPE_CHECKING:
    from gateway.partners.guides import PartnerGuide

__all__ = ["guide_group"]


@click.group("guide")
def guide_group() -> None:
    """Partner guides: the rules of a partner over a set, in files below schemas/guides."""


@guide_group.command("list")
@dir_option
@json_option
def list_command(directory: Path | None, as_json: bool) -> None:
    """List the guides that are here. Exit code 1 when one cannot be used."""
    from gateway.partners.guides import FOLDER, guides_available

    rows = [_row(path) for path in guides_available(near_workdir(directory))]
    if as_json:
        print_json({"guides": rows})
    elif rows:
        print_table(
            ["file", "name", "sets", "rules", "problem"],
            [
                [row["file"], row["name"], ", ".join(row["sets"]) or "all", row["rules"], *row["problems"][:1]]
                for row in rows
            ],
        )
    else:
        click.echo(f"There is no guide. Put one into {FOLDER} of the working directory and name it in a profile.")
    if any(row["problems"] for row in rows):
        raise SystemExit(1)


@guide_group.command("check")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@json_option
def check_command(files: tuple[Path, ...], as_json: bool) -> None:
    """Read guide files and name every mistake in them. Exit code 1 when one cannot be used."""
    rows = [_row(path) for path in files]
    if as_json:
        print_json({"guides": rows})
    else:
        for row in rows:
            count = row["rules"]
            about = f"for {', '.join(row['sets'])}" if row["sets"] else "for every set"
            good = f"{count} {'rule' if count == 1 else 'rules'} {about}, can be used."
            click.echo(f"{row['file']}: {'cannot be used.' if row['problems'] else good}")
            for problem in row["problems"]:
                click.echo(f"  {problem}")
    if any(row["problems"] for row in rows):
        raise SystemExit(1)


def _row(path: Path) -> dict[str, Any]:
    from gateway.partners.guides import GuideUnusableError, read_guide

    found: PartnerGuide | None = None
    problems: list[str] = []
    try:
        found = read_guide(path)
    except GuideUnusableError as error:
        problems = list(error.problems)
    return {
        "file": str(path),
        "name": found.guide.name if found else "",
        "sets": sorted(found.sets) if found else [],
        "rules": len(found.guide.rules) if found else 0,
        "problems": problems,
    }
