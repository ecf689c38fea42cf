"""``gateway init``: make a working directory with everything a gateway needs, never overwriting anything."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.common import clean, fail, json_option, print_json

if TYPE_CHECKING:
    from gateway.workdir import WorkingDirectory

__all__ = ["init_command"]


@click.command("init", short_help="Make a working directory.")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False), default=".", metavar="[DIR]")
@click.option("--company-name", "name", default="My Company", help="Our name for people; ids are made from it.")
@click.option("--company-code", "code", help="Our code in documents and folders (a-z, 0-9, -).")
@click.option("--isa-qualifier", default="ZZ", show_default=True, help="ISA05: what kind of id ISA06 is.")
@click.option("--isa-id", help="ISA06: our interchange id, at most 15 characters.")
@click.option("--gs-id", help="GS02: our application code (default: the ISA id).")
@click.option("--as2-name", help="Our AS2 name (default: the ISA id).")
@click.option("--time-zone", default="UTC", show_default=True, help="IANA zone of our envelope times.")
@click.option("--as2-listen", default="127.0.0.1:4080", show_default=True, help="host:port for partners.")
@click.option("--public-url", help="The address partners reach us under.")
@click.option(
    "--database", help="A PostgreSQL database, postgresql+psycopg://user@host/name (default: an SQLite file)."
)
@json_option
def init_command(
    directory: Path, as2_listen: str, public_url: str | None, database: str | None, as_json: bool, **company: str
) -> None:
    """Make settings, keys, database and folders in DIR. What exists is left as it is."""
    from gateway.settings import company_named, parse_endpoint
    from gateway.workdir import make_working_directory

    try:
        parse_endpoint(as2_listen)
    except ValueError as error:
        fail(f"--as2-listen: {error}.", 2)
    made = make_working_directory(
        directory,
        company_named(**company),
        now=datetime.now(UTC),
        listen=as2_listen,
        public_url=public_url,
        database=database,
    )
    steps = _next_steps(made)
    if as_json:
        print_json(_as_json(made, steps))
    else:
        _print(made, steps)


def _next_steps(made: WorkingDirectory) -> list[str]:
    home = made.settings.paths.home
    option = "" if home == Path.cwd() else f" --dir {home}"
    return [
        f"Look over [company] and [as2] in {made.settings.paths.settings}.",
        f"Give partners {made.certificate} and the AS2 name {made.settings.company.as2_name}.",
        f"Describe a partner in a YAML file, then: gateway partner apply{option} PARTNER.yaml",
        f"Run it: gateway up{option}",
        "Open the staff pages (the address is its last line) and make the first account with the set-up code.",
        f"Check it at any time: gateway doctor{option}",
    ]


def _as_json(made: WorkingDirectory, steps: list[str]) -> dict[str, Any]:
    return {
        "directory": str(made.settings.paths.home),
        "made": [part.path for part in made.parts if part.state != "exists"],
        "existing": [part.path for part in made.parts if part.state == "exists"],
        "company": made.settings.company.model_dump(),
        "as2": {
            "listen": made.settings.as2.listen,
            "certificate": str(made.certificate),
            "fingerprint": made.fingerprint,
            "not_after": made.not_after.isoformat(),
        },
        "setup_code": made.setup_code,
        "next": steps,
    }


def _print(made: WorkingDirectory, steps: list[str]) -> None:
    home = made.settings.paths.home
    company = made.settings.company
    if not made.changed:
        click.echo(f"{home} is a whole working directory of {clean(company.name)}; nothing was changed.")
    else:
        click.echo(f"{home} is now a working directory of {clean(company.name)}.")
    for part in made.parts:
        click.echo(f"  {part.state:<8}  {part.path:<32} {part.what}")
    click.echo(f"AS2 certificate fingerprint (SHA-256): {made.fingerprint}")
    click.echo(f"It is good until {made.not_after:%Y-%m-%d}.")
    if made.setup_code:
        click.echo(f"One-time set-up code for the staff pages, shown only now: {made.setup_code}")
        click.echo("It is good for 30 minutes; `gateway user reset --setup` prints another.")
    click.echo("Next:")
    for number, step in enumerate(steps, start=1):
        click.echo(f"  {number}. {clean(step)}")
