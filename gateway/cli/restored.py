"""``gateway restored``: after a database came back by its server's own tools, make sure that it can be worked with.

What ``gateway restore`` does at its end for an archive of ours: the ledger and the large payloads are checked, and no
control number that was used since the backup is used again.
"""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.backup import GAP, raise_control_numbers
from gateway.cli.common import clean, dir_option, fail, find_dir, json_option, print_json

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from gateway.store.engine import Store

__all__ = ["restored_command"]

#: Missing payloads that are named.
_NAMED = 5


@click.command("restored", short_help="Go on after a database server was restored.")
@click.option(
    "--gap",
    type=click.IntRange(0, 100_000_000),
    default=GAP,
    show_default=True,
    help="Control numbers to skip: more than were used since the backup.",
)
@click.option("--head", help="A ledger head that was noted elsewhere: that event must be in the database.")
@dir_option
@json_option
def restored_command(gap: int, head: str | None, directory: Path | None, as_json: bool) -> None:
    """Check a database that was restored by its server's own tools, before the gateway runs on it.

    Control numbers used after the backup was made must not be used again, so each goes on --gap numbers further.
    """
    from gateway.settings import load_settings
    from gateway.store import migrations
    from gateway.store.engine import open_store

    settings = load_settings(find_dir(directory))
    with closing(open_store(settings.database_url, blobs=settings.paths.blobs)) as store:
        migrations.upgrade(store)
        events = _checked_ledger(store, head)
        files = _checked_files(store)
        raised = store.writer.run(lambda session: _settle(session, gap))
    if as_json:
        print_json({"events": events, "payload_files": files, "gap": gap, "control_numbers": raised})
        return
    click.echo(f"All {events} events of the ledger stand as they were written; {files} large payloads are there.")
    click.echo(f"{len(raised)} control numbers go on {gap} further than they stood in the backup.")
    for each in raised:
        if each["wrapped"]:
            counter = f"{clean(each['partner'])} {each['level']}"
            click.echo(f"  {counter} begins again at {each['next']}, because its range ended. Ask the partner")
            click.echo("  whether this number was used before.")
    click.echo("What came or went after the backup is not in it: ask partners to send again what they sent since.")


def _checked_ledger(store: Store, head: str | None) -> int:
    """How many events there are; fails when one is missing or changed."""
    from gateway.store import ledger

    with store.read() as session:
        try:
            report = ledger.verify(session, expected_head=head)
        except ValueError as error:
            fail(str(error), 2)
    if not report.ok:
        fail(f"The ledger is not whole. {report.message}", fix="Restore another backup.")
    return report.checked


def _checked_files(store: Store) -> int:
    """How many large payloads are beside the database; fails when one is missing or has another size."""
    from sqlalchemy import select

    from gateway.store.payloads import Payload

    query = select(Payload.path, Payload.size).where(Payload.path.is_not(None), Payload.removed_at.is_(None))
    with store.read() as session:
        rows = session.execute(query).all()
    missing = [row.path for row in rows if not _is_there(store.blobs / row.path, row.size)]
    if missing:
        fail(
            f"{len(missing)} large payloads are not in {store.blobs}.",
            fix="Copy the folder of the same backup there, then run this again.",
            details=missing[:_NAMED],
        )
    return len(rows)


def _is_there(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _settle(session: Session, gap: int) -> list[dict[str, object]]:
    from gateway.store import ledger

    raised = raise_control_numbers(session, gap)
    ledger.append(
        session,
        kind="restored",
        subject_type="gateway",
        subject_id="database",
        actor="gateway restored",
        reason=f"The database was restored by its server's tools; each control number goes on {gap} numbers further.",
        at=datetime.now(UTC),
        data={"gap": gap, "control_numbers": raised},
    )
    return raised
