"""What every command shares: the working directory, operations through the service, output and errors."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from gateway import control
from gateway.loading import loading
from gateway.settings_template import SETTINGS_FILE

if TYPE_CHECKING:
    from rich.console import Console

    from gateway.partners.profile import PartnerProfile
    from gateway.standards.x12.check import OptionsFor

__all__ = [
    "CommandError",
    "call",
    "clean",
    "console",
    "dir_option",
    "fail",
    "find_dir",
    "json_option",
    "near_workdir",
    "partner_profile",
    "print_json",
    "print_table",
    "validation_options_for_partner",
]

#: Seconds that a command waits for another short command to let go of the database.
LOCK_SECONDS = 10.0

dir_option = click.option(
    "--dir",
    "directory",
    type=click.Path(path_type=Path),
    help="Working directory (default: GATEWAY_DIR, else the nearest one with a gateway.toml).",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


class CommandError(click.ClickException):
    """A command that ends with a sentence: what went wrong and, in ``fix``, what to do."""

    def __init__(self, message: str, *, fix: str = "", details: Sequence[str] = (), code: int = 1) -> None:
        super().__init__(message)
        self.fix = fix
        self.details = tuple(details)
        self.exit_code = code  # type: ignore[misc]  # of this error, where click has one for all

    def show(self, file: Any = None) -> None:
        """Print the sentence, one line for each detail, and the remedy to standard error."""
        lines = [clean(self.message, lines=True), *(f"  {clean(line)}" for line in self.details)]
        if self.fix:
            lines.append(clean(self.fix))
        click.echo("\n".join(lines), file=file or sys.stderr)


def fail(message: str, code: int = 1, *, fix: str = "", details: Sequence[str] = ()) -> NoReturn:
    """End the command with a sentence and an exit code (1 = no, 2 = wrong usage)."""
    raise CommandError(message, fix=fix, details=details, code=code)


def find_dir(option: Path | str | None) -> Path:
    """The working directory meant: ``--dir``, else ``GATEWAY_DIR``, else the nearest one around here.

    Fails with exit code 2 when there is none.
    """
    named = option or os.environ.get("GATEWAY_DIR")
    if named:
        home = Path(named).absolute()
        if not (home / SETTINGS_FILE).is_file():
            fail(
                f"{home} is not a working directory: it has no {SETTINGS_FILE}.",
                2,
                fix=f"Make one with `gateway init {home}`, or name another with --dir.",
            )
        return home
    here = Path.cwd()
    for home in (here, *here.parents):
        if (home / SETTINGS_FILE).is_file():
            return home
    fail(
        f"There is no {SETTINGS_FILE} in {here} or above it.",
        2,
        fix="Make a working directory with `gateway init`, or name one with --dir.",
    )


def call(directory: Path | str, operation: str, /, **parameters: Any) -> Any:
    """Run an operation in the working directory and return its JSON-able result.

    The running service does it, reached through its control socket; without one the store is opened here.
    Raises CommandError with the sentence of whatever went wrong.
    """
    give_up = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            return control.call(directory, operation, **parameters)
        except control.NotRunningError:
            pass
        except control.ControlError as error:
            raise CommandError(str(error), fix=error.fix, details=error.details) from error
        from gateway.store.errors import StoreLockedError

        try:
            return _run_here(Path(directory), operation, parameters)
        except StoreLockedError:
            # Another command, or a service that is just starting: it will let go, or open its socket.
            if time.monotonic() > give_up:
                raise
            time.sleep(0.1)
        except Exception as error:
            failure = control.describe(error)
            if failure is None or isinstance(error, CommandError):
                raise
            raise CommandError(failure.error, fix=failure.fix, details=failure.details) from error


def _run_here(directory: Path, operation: str, parameters: dict[str, Any]) -> Any:
    with loading():
        from gateway import service

        run, open_context = service.OPERATIONS.get(operation), service.open_context
    if run is None:
        fail(f'This release has no operation "{operation}".', 70, fix="Reinstall the package.")
    with closing(open_context(directory)) as context:
        return json.loads(json.dumps(run(context, json.loads(json.dumps(parameters)))))


def clean(text: object, *, lines: bool = False) -> str:
    """Text from outside made harmless for a terminal: control characters become visible.

    Line ends stay with ``lines=True``, else they become blanks.
    """
    shown = str(text).encode("utf-8", "replace").decode()
    if not lines:
        shown = " ".join(shown.split("\n"))
    return "".join(c if c.isprintable() or c == "\n" else f"\\x{ord(c):02x}" for c in shown)


def console() -> Console:
    """Standard output: styled on a terminal, plain unwrapped lines when piped."""
    from rich.console import Console

    return Console(highlight=False, markup=False, emoji=False, soft_wrap=True)


def print_json(value: Any) -> None:
    """Print a result as indented JSON."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on a terminal; when piped, one line for each row with a tab between columns."""
    cells = [[clean("" if cell is None else cell) for cell in row] for row in rows]
    out = console()
    if not out.is_terminal:
        for line in ([str(column) for column in columns], *cells):
            click.echo("\t".join(line))
        return
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))
    out.print(table, soft_wrap=False)


def validation_options_for_partner(name: str, directory: Path | str | None = None) -> OptionsFor:
    """How a partner's sets are checked: ``name`` is a partner's code, or a partner file (``*.yaml``).

    Guides are looked for in the working directory that is named or near. Fails with a sentence when there is no such
    partner or file; what is returned fails so for a guide that cannot be used.
    """
    from gateway.partners.guides import options_by_set

    by_set = options_by_set(partner_profile(name, directory), "in", near_workdir(directory))
    return lambda _interchange, _group, raw_set: by_set(raw_set.set_id)


def near_workdir(directory: Path | str | None) -> Path | None:
    """The working directory if one is named or near; None for what is packaged only. Fails when a named one is none."""
    try:
        return find_dir(directory)
    except CommandError:
        if directory is not None:
            raise
        return None


def partner_profile(name: str, directory: Path | str | None = None) -> PartnerProfile:
    """A partner's profile: ``name`` is a partner's code, or a partner file (``*.yaml``).

    Fails with a sentence when there is no such partner or file.
    """
    from gateway.partners.profile import PartnerProfile
    from gateway.partners.yamlform import load_partner_file

    if name.endswith((".yaml", ".yml")):
        profiles = load_partner_file(Path(name))
        if len(profiles) != 1:
            fail(f"{name} holds {len(profiles)} partners; name a file with one.", 2)
        return profiles[0]
    profile = call(find_dir(directory), "partner.show", name=name)
    return PartnerProfile.model_validate(profile.get("profile", profile))
