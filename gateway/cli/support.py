"""``gateway support bundle FILE``: what somebody else needs to help, with secrets and payloads left out."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import click

from gateway.cli.common import clean, dir_option, fail, find_dir, json_option, print_json

__all__ = ["support_group"]


@click.group("support", short_help="Help others help you.")
def support_group() -> None:
    """Collect what a helper needs to know about this gateway."""


@support_group.command("bundle")
@click.argument("file", type=click.Path(path_type=Path))
@dir_option
@json_option
def bundle_command(file: Path, directory: Path | None, as_json: bool) -> None:
    """Write the support bundle FILE (a ZIP): versions, settings, checks, counts, log; no secrets, no payloads."""
    from gateway.doctor.bundle import make_bundle

    home = find_dir(directory)
    if file.exists():
        fail(f"{file} is there already.", fix="Name another file, or remove this one.")
    data = make_bundle(home, datetime.now(UTC))
    handle = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(handle, "wb") as out:
        out.write(data)
    if as_json:
        print_json({"file": str(file), "bytes": len(data)})
        return
    click.echo(f"{clean(str(file))}: {len(data):,} bytes. Look through it before you send it.")
