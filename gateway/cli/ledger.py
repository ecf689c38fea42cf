"""``gateway ledger``: prove that the record of what happened is whole and unchanged."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path

import click

from gateway.cli.common import dir_option, fail, find_dir, json_option, print_json

__all__ = ["ledger_group"]


@click.group("ledger", short_help="Check the event ledger.")
def ledger_group() -> None:
    """The ledger records every event once, chained by hashes."""


@ledger_group.command("check")
@click.option("--head", help="A head that an earlier check printed: that event must still be in the ledger.")
@dir_option
@json_option
def check_command(head: str | None, directory: Path | None, as_json: bool) -> None:
    """Check every event. Exit code 0 when all stand as they were written, 1 when not."""
    from gateway.settings import load_settings
    from gateway.store import ledger, migrations
    from gateway.store.engine import open_store

    settings = load_settings(find_dir(directory))
    with closing(open_store(settings.database_url, blobs=settings.paths.blobs, write=False)) as store:
        migrations.check(store)
        with store.read() as session, _progress(as_json) as progress:
            try:
                report = ledger.verify(session, progress, expected_head=head)
            except ValueError as error:
                fail(str(error), 2)
    if as_json:
        print_json(asdict(report))
    else:
        click.echo(report.message)
        click.echo(f"Head: {report.head}")
        if not report.ok:
            click.echo("Stop the gateway, keep a copy of the database, and restore the last good backup.")
    if not report.ok:
        click.get_current_context().exit(1)


@contextmanager
def _progress(quiet: bool) -> Iterator[Callable[[int, int], None] | None]:
    """A bar on a terminal; nothing when piped or with --json."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Checking events", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
