"""``gateway retention``: what content has had its time, and removing it now instead of in the next hour."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from gateway.cli.common import call, clean, dir_option, fail, find_dir, json_option, print_json, print_table

__all__ = ["retention_group"]

#: (payloads looked at, how many there are).
Progress = Callable[[int, int], None]


@click.group("retention", short_help="Content whose time is over.")
def retention_group() -> None:
    """Content of finished messages is removed when its time is over; facts, history and digests stay.

    How long it is kept stands in a partner's profile (group keep) and in [retention] of the settings. Without a rule
    nothing is ever removed.
    """


@retention_group.command("plan")
@click.option("--partner", help="Only what belongs to this partner.")
@dir_option
@json_option
def plan_command(partner: str | None, directory: Path | None, as_json: bool) -> None:
    """Show what would be removed now, and what is kept back and why. Changes nothing."""
    _report("retention.look", "due", partner, directory, as_json)


@retention_group.command("run")
@dir_option
@json_option
def run_command(directory: Path | None, as_json: bool) -> None:
    """Remove what is due now. The running service does the same by itself every hour.

    It can be stopped at any time: what was removed is recorded, and the next run goes on.
    """
    _report("retention.run", "removed", None, directory, as_json)


def _report(operation: str, key: str, partner: str | None, directory: Path | None, as_json: bool) -> None:
    home = find_dir(directory)
    if partner is not None:
        call(home, "partner.show", name=partner)  # says so when there is none
    with _progress(as_json) as progress:
        found = _whole(home, operation, key, progress)
    if partner is not None:
        for part in (key, "kept_back", "rules"):
            found[part] = [row for row in found[part] if row["partner"] == partner]
    total = {name: sum(row[name] for row in found[key]) for name in ("payloads", "bytes")}
    if as_json:
        print_json({**found, "total": total})
        return
    _tell(found, key, total)


def _whole(home: Path, operation: str, key: str, progress: Progress) -> dict[str, Any]:
    """Every page of a pass as one."""
    sums: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = {key: {}, "kept_back": {}}
    after, looked_at = "", 0
    while True:
        page = call(home, operation, after=after)
        for part, rows in sums.items():
            _add(rows, page[part])
        looked_at += page["looked_at"]
        progress(looked_at, max(page["total"], looked_at))
        after = page["next"] or ""
        if not after:
            told = {part: list(rows.values()) for part, rows in sums.items()}
            return {"as_of": page["as_of"], "rules": page["rules"], "looked_at": looked_at, **told}


def _add(sums: dict[tuple[Any, ...], dict[str, Any]], rows: Iterable[dict[str, Any]]) -> None:
    for row in rows:
        same = tuple(value for name, value in row.items() if name not in ("payloads", "bytes"))
        known = sums.setdefault(same, {**row, "payloads": 0, "bytes": 0})
        known["payloads"] += row["payloads"]
        known["bytes"] += row["bytes"]


# -- for people ------------------------------------------------------------------------------------------------

_CONTENT = {"raw": "raw", "document": "documents", "evidence": "evidence"}


def _tell(found: Mapping[str, Any], key: str, total: Mapping[str, int]) -> None:
    if not found["rules"]:
        click.echo("Nothing is ever removed: no rule says how long content is kept.")
        click.echo("Set keep.raw_days, document_days or evidence_days in a profile, or [retention] in gateway.toml.")
        return
    if found[key]:
        print_table(
            ("partner", "content", "payloads", "bytes", "rule"),
            (
                (_partner(row), _CONTENT[row["content"]], f"{row['payloads']:,}", f"{row['bytes']:,}", row["rule"])
                for row in found[key]
            ),
        )
    verb = "would be removed" if key == "due" else "removed"
    click.echo(f"{total['payloads']:,} payloads with {total['bytes']:,} bytes {verb}.")
    if found["kept_back"]:
        click.echo("Kept back although their time is over:")
        print_table(
            ("partner", "content", "payloads", "bytes", "why"),
            (
                (_partner(row), _CONTENT[row["content"]], f"{row['payloads']:,}", f"{row['bytes']:,}", row["sentence"])
                for row in found["kept_back"]
            ),
        )


def _partner(row: Mapping[str, Any]) -> str:
    return clean(row["partner"] or "unknown")


@contextmanager
def _progress(quiet: bool) -> Iterator[Progress]:
    """A bar on a terminal; nothing when piped or with --json."""
    if quiet or not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Looking at payloads", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


# -- space -----------------------------------------------------------------------------------------------------


@retention_group.command("shrink")
@dir_option
@json_option
def shrink_command(directory: Path | None, as_json: bool) -> None:
    """Give the space of removed content back to the disk: the SQLite file is written anew. Stop the service first.

    Not needed for its own sake: new messages use that space first. It also overwrites what was removed.
    """
    from gateway.settings import load_settings
    from gateway.store.errors import StoreLockedError
    from gateway.store.shrink import shrink

    settings = load_settings(find_dir(directory))
    if settings.paths.database is None:
        fail(
            "The database is not a SQLite file.",
            fix="Use VACUUM FULL of PostgreSQL itself.",
        )
    try:
        before, after = shrink(settings.paths.database)
    except StoreLockedError as error:
        fail(str(error), fix="Stop the service, then try again.")
    if as_json:
        print_json({"bytes_before": before, "bytes_after": after})
    else:
        click.echo(f"{settings.paths.database}: {before:,} bytes before, {after:,} bytes now.")
