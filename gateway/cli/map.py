"""``gateway map``: which maps there are, whether their examples come out as they went in, and where values go."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from gateway.cli.common import (
    clean,
    console,
    dir_option,
    fail,
    json_option,
    near_workdir,
    print_json,
    print_table,
)
from gateway.cli.map_trace import STANDARDS, trace_command

if TYPE_CHECKING:
    from gateway.mapping.golden import MapName, Outcome

__all__ = ["map_group"]

_COLUMNS: Final = ("standard", "version", "set", "document", "origin")
#: Differences of one set that are shown to people; --json has them all.
_MOST_SHOWN: Final = 20


@click.group("map", short_help="Maps: list, test and trace.")
def map_group() -> None:
    """Maps between documents and the sets of X12, UBL and cXML."""


map_group.add_command(trace_command)


# -- list ----------------------------------------------------------------------------------------------------


@map_group.command("list")
@dir_option
@json_option
def list_command(directory: Path | None, as_json: bool) -> None:
    """List the maps that are here, and whether each can be used. Exit code 1 when one cannot."""
    from gateway.mapping.registry import maps_available

    workdir = near_workdir(directory)
    rows = [_row(name, workdir) for name in maps_available(workdir)]
    if as_json:
        print_json({"maps": rows})
    else:
        print_table(
            ["standard", "version", "set", "document", "where from", "digest", "problem"],
            [[*(row[name] for name in _COLUMNS), row["digest"][:16], row["problem"]] for row in rows],
        )
    if any(row["problem"] for row in rows):
        fail("Not every map can be used.", fix="Correct the files named above; docs/maps.md has the language.")


def _row(name: MapName, workdir: Path | None) -> dict[str, Any]:
    from gateway.mapping.errors import MapError
    from gateway.mapping.registry import load_map
    from gateway.mapping.source import load_source
    from gateway.resources import find

    standard, version, set_id = name
    path = find(f"maps/{standard}/{version}/{set_id}.yaml", workdir)
    own = workdir is not None and path.is_relative_to(workdir / "maps")
    row: dict[str, Any] = {
        "standard": standard,
        "version": version,
        "set": set_id,
        "document": "",
        "file": str(path),
        "origin": "operator" if own else "package",
        "digest": "",
        "problem": "",
    }
    try:
        row["document"] = load_map(standard, version, set_id, workdir=workdir).kind
        row["digest"] = load_source(path).digest
    except MapError as error:
        row["problem"] = str(error)
    return row


# -- test ----------------------------------------------------------------------------------------------------


@map_group.command("test")
@click.argument("named", nargs=-1, metavar="[STANDARD VERSION SET | FILE]…")
@click.option("--overlay", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="A partner's overlay.")
@dir_option
@json_option
def test_command(named: tuple[str, ...], overlay: Path | None, directory: Path | None, as_json: bool) -> None:
    """Read and write examples, and show every difference. Exit code 1 when there is one.

    Examples are the files below maps/STANDARD/VERSION/examples/SET, and those named here. A file NAME.json beside
    NAME.edi says which document it must give. Without names, the examples of every map are tested.
    """
    from gateway.mapping.golden import check_example, examples_of
    from gateway.mapping.registry import maps_available
    from gateway.standards.xml.check import XmlCheckOptions
    from gateway.standards.xml.schemas import load_registry

    workdir = near_workdir(directory)
    maps, files = _named(named)
    if not maps and not files:
        maps = maps_available(workdir)
    work: list[tuple[Path, MapName | None]] = [(path, name) for name in maps for path in examples_of(name, workdir)]
    work += [(path, maps[0] if len(maps) == 1 else None) for path in files]
    options = XmlCheckOptions(registry=load_registry(workdir))
    rows: list[dict[str, Any]] = []
    for path, name in _shown(work, quiet=as_json):
        golden = path.with_suffix(".json")
        try:
            data, expected = path.read_bytes(), golden.read_bytes() if golden.is_file() and golden != path else None
        except OSError as error:
            fail(f"{path} cannot be read: {error.strerror}.", 2)
        outcomes = check_example(data, name=name, golden=expected, overlay=overlay, options=options, workdir=workdir)
        rows += [_outcome_row(path, outcome) for outcome in outcomes]
    if as_json:
        print_json({"ok": all(row["ok"] for row in rows), "examples": rows})
    else:
        _tell_outcomes(rows)
    if not all(row["ok"] for row in rows):
        click.get_current_context().exit(1)


def _named(named: Sequence[str]) -> tuple[list[MapName], list[Path]]:
    """Maps (three words each) and files out of one list."""
    maps: list[MapName] = []
    files: list[Path] = []
    words = list(named)
    while words:
        if words[0] in STANDARDS and not Path(words[0]).is_file():
            if len(words) < 3:
                fail(f"A map is named by three words, and here are only: {' '.join(words)}.", 2, fix="See `map list`.")
            maps.append((words[0], words[1], words[2]))
            words = words[3:]
            continue
        path = Path(words.pop(0))
        if not path.is_file():
            fail(f"{path} is no file and no map.", 2, fix="Name a file, or a map by three words: x12 004010 850.")
        files.append(path)
    return maps, files


def _outcome_row(path: Path, outcome: Outcome) -> dict[str, Any]:
    return {
        "file": str(path),
        "set": outcome.set_id,
        "number": outcome.number,
        "map": outcome.map,
        "ok": outcome.ok,
        "problem": outcome.problem,
        "differences": [asdict(difference) for difference in outcome.differences],
    }


def _tell_outcomes(rows: Sequence[dict[str, Any]]) -> None:
    if not rows:
        click.echo("There are no examples. Put files such as maps/x12/004010/examples/850/order.edi into the")
        click.echo("working directory, or name files here.")
        return
    for row in rows:
        what = f"{row['file']}  {row['set']} {row['number'] or ''}".rstrip()
        click.echo(clean(f"{'ok   ' if row['ok'] else 'FAIL '} {what}"))
        if row["problem"]:
            click.echo(f"      {clean(row['problem'])}")
        for each in row["differences"][:_MOST_SHOWN]:
            click.echo(clean(f"      {each['where']}:"))
            click.echo(clean(f"        - {each['expected']}"))
            click.echo(clean(f"        + {each['found']}"))
        if len(row["differences"]) > _MOST_SHOWN:
            click.echo(f"      and {len(row['differences']) - _MOST_SHOWN} more; --json lists them all")
    good = sum(row["ok"] for row in rows)
    click.echo(f"{good} of {len(rows)} came out as they went in.")


def _shown(work: Sequence[Any], *, quiet: bool) -> Iterable[Any]:
    """The work, with a bar on a terminal while it is gone through."""
    out = console()
    if quiet or not out.is_terminal:
        return work
    from rich.progress import track

    return track(work, "Testing examples", console=out, transient=True)
