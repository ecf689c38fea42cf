"""``gateway backup`` and ``gateway restore``: the whole working directory, but not its keys, in one checked archive."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from gateway.cli.common import clean, dir_option, fail, find_dir, json_option, print_json

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from gateway.settings import Paths, Settings
    from gateway.store.backup import Backup, Manifest, Source
    from gateway.store.restore import Restored

__all__ = ["backup_command", "raise_control_numbers", "restore_command"]

#: Folders of the operator's own files beside the settings.
_OWN_FOLDERS: Final = ("maps", "schemas", "partners")
#: Ends of names of files that are still being written into a hot folder.
_UNFINISHED: Final = (".tmp", ".part", ".partial", ".filepart")
#: Numbers that are skipped after a restore, unless told otherwise.
GAP: Final = 1000

#: One change of ``raise_control_numbers``.
Raised = dict[str, Any]


@click.command("backup", short_help="Back up the working directory.")
@click.argument("file", type=click.Path(path_type=Path))
@dir_option
@json_option
def backup_command(file: Path, directory: Path | None, as_json: bool) -> None:
    """Write settings, database, payloads and waiting documents to the archive FILE; the service may run.

    A FILE that ends in .gz or .tgz is compressed. The key-encryption key is left out: keep it in another place.
    """
    from gateway import __version__
    from gateway.settings import load_settings
    from gateway.store.backup import make_backup

    settings = load_settings(find_dir(directory))
    with _progress(as_json) as progress:
        made = make_backup(file.absolute(), _source(settings), release=__version__, progress=progress)
    _remember(settings.paths.home, made)
    if as_json:
        print_json(_made_json(made))
        return
    click.echo(f"{clean(made.file)}: {made.size:,} bytes, as of {made.manifest.taken_at}.")
    click.echo(f"In it: the database, {made.payload_files} large payloads, {made.other_files} other files.")
    for left in made.manifest.left_out:
        click.echo(f"Not in it: {clean(left)}.")
    click.echo(f"SHA-256: {made.sha256}")
    click.echo(f"Ledger head, to be noted elsewhere: {made.manifest.ledger_head}")


@click.command("restore", short_help="Restore a backup into an empty folder.")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("directory", type=click.Path(path_type=Path), metavar="DIR")
@click.option(
    "--gap",
    type=click.IntRange(0, 100_000_000),
    default=GAP,
    show_default=True,
    help="Control numbers to skip: more than were used since the backup.",
)
@click.option("--head", help="A ledger head that was noted elsewhere: that event must be in the backup.")
@json_option
def restore_command(file: Path, directory: Path, gap: int, head: str | None, as_json: bool) -> None:
    """Check the archive FILE and put it into the empty folder DIR.

    Control numbers used after the backup was made must not be used again, so each goes on --gap numbers further.
    """
    from gateway.control import is_running
    from gateway.settings_template import SETTINGS_FILE
    from gateway.store.restore import restore_backup

    home = directory.absolute()
    if is_running(home):
        fail(
            f"A gateway runs in {home}; a backup is restored into an empty folder only.",
            fix="Name another folder, or stop that gateway and move its folder away.",
        )
    with _progress(as_json) as progress:
        restored = restore_backup(
            file.absolute(),
            home,
            settle=lambda session, manifest: _settle(session, manifest, gap),
            last=SETTINGS_FILE,
            private=("keys",),
            expected_head=head,
            progress=progress,
        )
    notes = _notes(home, restored.manifest)
    if as_json:
        print_json(_restored_json(home, restored, gap, notes))
        return
    _tell(home, restored, gap, notes)


def _remember(home: Path, made: Backup) -> None:
    """Note when the last backup was made: staff are told when it grows old."""
    import json

    from gateway.backoffice.files import write_whole_file
    from gateway.workdir import LAST_BACKUP

    noted = {"taken_at": made.manifest.taken_at, "size": made.size, "sha256": made.sha256}
    place = home / LAST_BACKUP
    try:
        place.parent.mkdir(mode=0o700, exist_ok=True)
        write_whole_file(place, json.dumps(noted).encode())
    except OSError as error:  # the backup is whole all the same
        click.echo(f"That it was made could not be noted in {clean(place)}: {error.strerror}.", err=True)


# -- what is backed up ---------------------------------------------------------------------------------------


def _source(settings: Settings) -> Source:
    """The parts of a working directory, each under the name that it has there."""
    from gateway.store.backup import Source

    paths = settings.paths
    if paths.database is None:
        fail(
            "The messages are in a database server, and this command copies no other than an SQLite file.",
            fix=f"Save it with pg_dump first, then copy {paths.blobs}, {paths.settings} and your own folders. "
            "Without keys/kek, in another place, nobody can open its secrets. How: docs/backup.md.",
        )
    kept, left = _keys(paths)
    return Source(
        database=paths.database,
        database_name=_name(paths.home, paths.database, "gateway.db"),
        blobs=paths.blobs,
        blobs_name=_name(paths.home, paths.blobs, "blobs"),
        first=_waiting(paths.home, paths.outbox, "outbox"),
        last=_last(paths, kept),
        left_out=left,
    )


def _last(paths: Paths, keys: list[Path]) -> Iterator[tuple[str, Path]]:
    """Settings, public keys, the operator's own files, and what the back office has not taken yet."""
    yield paths.settings.name, paths.settings
    yield from ((_name(paths.home, path, f"keys/{path.name}"), path) for path in keys)
    for folder in _OWN_FOLDERS:
        yield from _files(paths.home / folder, folder)
    for partner in _folders(paths.inbox):
        yield from _waiting(paths.home, partner, f"inbox/{partner.name}")


def _keys(paths: Paths) -> tuple[list[Path], tuple[str, ...]]:
    """The files of the keys folder that are no secret, and what is said of those that are."""
    secret = _bytes(paths.kek)
    left = [f"{_name(paths.home, paths.kek, str(paths.kek))}, the key-encryption key: keep it in another place"]
    kept = []
    for path in sorted(paths.keys.iterdir()) if paths.keys.is_dir() else ():
        if path == paths.kek or path.is_symlink() or not path.is_file():
            continue
        data = _bytes(path)
        if b"PRIVATE KEY" in data or (secret and secret in data) or path.name.startswith("kek"):
            left.append(f"keys/{path.name}, a private key: keep it in another place")
        else:
            kept.append(path)
    return kept, tuple(left)


def _waiting(home: Path, folder: Path, otherwise: str) -> Iterator[tuple[str, Path]]:
    """The finished files of a hot folder; hidden ones and those still being written are not."""
    base = _name(home, folder, otherwise)
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        unfinished = path.name.startswith(".") or path.name.lower().endswith(_UNFINISHED)
        if not unfinished and path.is_file() and not path.is_symlink():
            yield f"{base}/{path.name}", path


def _files(folder: Path, base: str) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if path.is_file() and not path.is_symlink():
            yield f"{base}/{path.relative_to(folder).as_posix()}", path


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def _name(home: Path, path: Path, otherwise: str) -> str:
    """The name of a file in the archive: where it lies in the working directory, or a name for one outside."""
    inside = os.path.relpath(path, home)
    return otherwise if inside.startswith("..") else Path(inside).as_posix()


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


# -- after a restore -----------------------------------------------------------------------------------------


def _settle(session: Session, manifest: Manifest, gap: int) -> list[Raised]:
    from gateway.store import ledger

    raised = raise_control_numbers(session, gap)
    ledger.append(
        session,
        kind="restored",
        subject_type="gateway",
        subject_id=manifest.database,
        actor="gateway restore",
        reason=f"A backup of {manifest.taken_at} was restored; each control number goes on {gap} numbers further.",
        at=datetime.now(UTC),
        data={"taken_at": manifest.taken_at, "gap": gap, "control_numbers": raised},
    )
    return raised


def raise_control_numbers(session: Session, gap: int) -> list[Raised]:
    """Let every counter go on ``gap`` numbers further, in the caller's transaction; what was changed.

    After the highest number of a range comes its lowest. ``wrapped`` says that this happened: the partner may then
    have seen the new number before.
    """
    from sqlalchemy import select

    from gateway.messages.models import ControlNumber

    raised: list[Raised] = []
    order = (ControlNumber.partner, ControlNumber.level, ControlNumber.scope, ControlNumber.test)
    for row in session.scalars(select(ControlNumber).order_by(*order)) if gap else ():
        before = row.next
        wanted = before + gap
        size = row.high - row.low + 1
        row.next = wanted if wanted <= row.high else row.low + (wanted - row.low) % size
        raised.append(
            {
                "partner": row.partner,
                "level": row.level,
                "scope": row.scope,
                "test": row.test,
                "before": before,
                "next": row.next,
                "wrapped": wanted > row.high,
            }
        )
    session.flush()
    return raised


def _notes(home: Path, manifest: Manifest) -> list[str]:
    """What the settings say that does not fit where the parts were put."""
    from gateway.settings import SettingsError, load_settings

    try:
        paths = load_settings(home).paths
    except SettingsError as error:
        return [f"The settings cannot be read: {error}"]
    notes = []
    for setting, place, name in (
        ("database", paths.database, manifest.database),
        ("blobs", paths.blobs, manifest.blobs),
    ):
        if place != home / name:
            notes.append(f"[store] {setting} in gateway.toml names {place}, but it was restored to {home / name}.")
    return notes


# -- output --------------------------------------------------------------------------------------------------


def _made_json(made: Backup) -> dict[str, Any]:
    manifest = made.manifest
    return {
        "file": str(made.file),
        "bytes": made.size,
        "sha256": made.sha256,
        "taken_at": manifest.taken_at,
        "ledger_head": manifest.ledger_head,
        "payload_files": made.payload_files,
        "other_files": made.other_files,
        "left_out": list(manifest.left_out),
    }


def _restored_json(home: Path, restored: Restored[list[Raised]], gap: int, notes: list[str]) -> dict[str, Any]:
    return {
        "directory": str(home),
        "taken_at": restored.manifest.taken_at,
        "events": restored.events,
        "payloads": restored.payloads,
        "files": len(restored.manifest.members),
        "gap": gap,
        "control_numbers": restored.value,
        "left_out": list(restored.manifest.left_out),
        "notes": notes,
        "next": _next_steps(home, restored.manifest),
    }


def _tell(home: Path, restored: Restored[list[Raised]], gap: int, notes: list[str]) -> None:
    manifest, raised = restored.manifest, restored.value
    click.echo(f"{clean(home)} holds the backup of {manifest.taken_at}.")
    click.echo(f"Checked: {restored.events} events of the ledger, {restored.payloads} payloads.")
    if raised:
        click.echo(f"{len(raised)} control numbers go on {gap} further than they stood in the backup.")
    for each in raised:
        if each["wrapped"]:
            usage = "test" if each["test"] else "live"
            counter = f"{clean(each['partner'])} {each['level']} ({usage})"
            click.echo(f"  {counter} begins again at {each['next']}, because its range ended. Ask the partner")
            click.echo("  whether this number was used before.")
    for note in notes:
        click.echo(clean(note))
    click.echo("Next:")
    for number, step in enumerate(_next_steps(home, manifest), start=1):
        click.echo(f"  {number}. {clean(step)}")


def _next_steps(home: Path, manifest: Manifest) -> list[str]:
    return [
        f"Put the key-encryption key back: {home / 'keys' / 'kek'}, mode 0600 (or name it in GATEWAY_KEK_FILE).",
        f"Make what is missing: gateway init {home}",
        f"Check it: gateway doctor --dir {home}",
        f"What came or went after {manifest.taken_at} is not in it: ask partners to send again what they sent since.",
        f"Run it: gateway up --dir {home}",
    ]


@contextmanager
def _progress(quiet: bool) -> Iterator[Callable[[str, int, int], None] | None]:
    """A bar on a terminal; nothing when piped or with --json."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda what, done, total: bar.update(task, description=what, completed=done, total=total)
