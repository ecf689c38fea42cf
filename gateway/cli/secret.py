"""``gateway secret``: passwords, keys and tokens that profiles name; stored sealed, never shown again."""

from __future__ import annotations

import base64
import getpass
from pathlib import Path

import click

from gateway.cli.common import call, dir_option, fail, find_dir, json_option, print_json, print_table

__all__ = ["secret_group"]


@click.group("secret", short_help="Passwords, keys and tokens.")
def secret_group() -> None:
    """Store what a profile names by `{secret: NAME}`. Nothing that was stored is ever shown again."""


@secret_group.command("put")
@click.argument("name")
@click.option(
    "--file", "file", type=click.Path(path_type=Path), help="Read the value from a file (- = standard input)."
)
@click.option("--hash", "hashed", is_flag=True, help="Keep only the argon2id hash: a partner's password for our SFTP.")
@click.option("--token", is_flag=True, help="Make a token for the HTTP door and print it once.")
@dir_option
@json_option
def put_command(name: str, file: Path | None, hashed: bool, token: bool, directory: Path | None, as_json: bool) -> None:
    """Store or replace a secret; without --file it is asked for twice and not echoed."""
    home = find_dir(directory)
    if token and (hashed or file):
        fail("--token makes its own value; leave --hash and --file out.", 2)
    kind = "token" if token else "password-hash" if hashed else "plain"
    value = b"" if token else _value(file)
    encoded = base64.b64encode(value).decode("ascii")
    done = call(home, "secret.put", name=name, kind=kind, value=encoded, actor=_actor())
    if as_json:
        print_json(done)
    elif token:
        click.echo(f"The token for {name}, shown only now: {done['token']}")
    else:
        click.echo(f"{name} is stored.")


def _value(file: Path | None) -> bytes:
    from gateway.partners.secretnames import secret_of_file

    if file is None:
        typed: str = click.prompt("Value", hide_input=True, confirmation_prompt=True)
        return typed.encode("utf-8")
    try:
        with click.open_file(str(file), "rb") as source:
            value: bytes = source.read()
    except OSError as error:
        fail(f"{file} cannot be read: {error.strerror}.", 2)
    return secret_of_file(value)


@secret_group.command("list")
@dir_option
@json_option
def list_command(directory: Path | None, as_json: bool) -> None:
    """Show the names and kinds of stored secrets, never their values."""
    secrets = call(find_dir(directory), "secret.list")["secrets"]
    if as_json:
        print_json(secrets)
        return
    print_table(
        ["name", "kind", "stored"], [[entry["name"], entry["kind"], entry["created_at"][:19]] for entry in secrets]
    )


@secret_group.command("delete")
@click.argument("name")
@dir_option
def delete_command(name: str, directory: Path | None) -> None:
    """Remove a secret."""
    call(find_dir(directory), "secret.delete", name=name, actor=_actor())
    click.echo(f"{name} is removed.")


@secret_group.command("rotate-key")
@dir_option
@json_option
def rotate_command(directory: Path | None, as_json: bool) -> None:
    """Seal every secret with a new key file. Stop the service first.

    The old key file is kept under its number: backups made before need it.
    """
    from contextlib import closing
    from datetime import UTC, datetime

    from gateway.settings import load_settings
    from gateway.store.engine import open_store
    from gateway.store.errors import StoreLockedError
    from gateway.store.rekey import rotate_kek

    settings = load_settings(find_dir(directory))
    try:
        with closing(open_store(settings.database_url, blobs=settings.paths.blobs)) as store:
            done = rotate_kek(store, settings.paths.kek, actor=_actor(), now=datetime.now(UTC))
    except StoreLockedError as error:
        fail(
            "The key cannot be changed while the service runs.",
            fix="Stop the service, then run this again.",
            details=[str(error)],
        )
    if as_json:
        print_json({"secrets": done.secrets, "old": done.old, "new": done.new, "kept": str(done.kept)})
        return
    click.echo(f"{done.secrets} secrets are sealed with the new key {done.new}.")
    click.echo(f"The old key is kept as {done.kept}. Backups made before need it: move it to where your keys are kept.")


def _actor() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "operator"
