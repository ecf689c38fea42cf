"""The ``gateway`` command: its sub-commands are imported only when they are used.

No traceback ever reaches a user: what is known to go wrong is a sentence, what is not is a sentence with an
error id, under which the log has the details.
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
import os
import secrets
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import click

from gateway import __version__
from gateway.control import describe
from gateway.loading import loading
from gateway.settings_template import SETTINGS_FILE

__all__ = ["COMMANDS", "LazyCommand", "cli", "main"]

#: Exit code of a fault that nobody foresaw (EX_SOFTWARE of sysexits.h).
EX_SOFTWARE = 70
#: Exit code after Ctrl-C, as shells report it.
EX_INTERRUPTED = 130


class LazyCommand(NamedTuple):
    """Where a sub-command lives, and its line in the overview."""

    module: str
    attribute: str
    help: str


#: Every sub-command, in the order in which a newcomer needs them.
COMMANDS: dict[str, LazyCommand] = {
    "init": LazyCommand("gateway.cli.init", "init_command", "Make a working directory."),
    "up": LazyCommand("gateway.cli.up", "up_command", "Run the gateway."),
    "demo": LazyCommand("gateway.cli.demo", "demo_command", "Watch two companies trade."),
    "doctor": LazyCommand("gateway.cli.doctor", "doctor_command", "Check everything and say what to do."),
    "inspect": LazyCommand("gateway.cli.inspect", "inspect_command", "Check and explain a file."),
    "convert": LazyCommand("gateway.cli.convert", "convert_command", "Turn a file into JSON or back."),
    "send": LazyCommand("gateway.cli.send", "send_command", "Send documents to partners."),
    "message": LazyCommand("gateway.cli.message", "message_group", "Look at messages and repair them."),
    "order": LazyCommand("gateway.cli.order", "order_group", "Look at purchase orders."),
    "partner": LazyCommand("gateway.cli.partner", "partner_group", "Trading-partner profiles."),
    "alert": LazyCommand("gateway.cli.alert", "alert_group", "Who is told of problems."),
    "user": LazyCommand("gateway.cli.user", "user_group", "Accounts of the staff pages."),
    "secret": LazyCommand("gateway.cli.secret", "secret_group", "Passwords, keys and tokens."),
    "schema": LazyCommand("gateway.cli.schema", "schema_group", "XML schemas: list and add."),
    "map": LazyCommand("gateway.cli.map", "map_group", "Maps: list, test and trace."),
    "retention": LazyCommand("gateway.cli.retention", "retention_group", "Content whose time is over."),
    "ledger": LazyCommand("gateway.cli.ledger", "ledger_group", "Check the event ledger."),
    "schematron": LazyCommand(
        "gateway.cli.schematron", "schematron_group", "Official rule sets: list, and check a file."
    ),
    "guide": LazyCommand("gateway.cli.guide", "guide_group", "Partner guides: list and check."),
    "backup": LazyCommand("gateway.cli.backup", "backup_command", "Back up the working directory."),
    "restore": LazyCommand("gateway.cli.backup", "restore_command", "Restore a backup into an empty folder."),
    "restored": LazyCommand("gateway.cli.restored", "restored_command", "Go on after a database server was restored."),
    "support": LazyCommand("gateway.cli.support", "support_group", "A bundle for those who help."),
    "bench": LazyCommand("gateway.cli.bench", "bench_group", "Measure against named peers."),
}


class _LazyGroup(click.Group):
    """A group that imports a sub-command when it is called, so that one broken module breaks only itself."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        lazy = COMMANDS.get(cmd_name)
        if lazy is None:
            return None
        try:
            with loading():
                command = getattr(importlib.import_module(lazy.module), lazy.attribute)
        except (ImportError, AttributeError) as exc:
            raise click.ClickException(
                f"The command {cmd_name} is not part of this installation ({exc}). Reinstall the package."
            ) from exc
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, lazy.help) for name, lazy in COMMANDS.items()])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="gateway", message="%(prog)s %(version)s")
def cli() -> None:
    """An EDI/XML B2B message gateway.

    Start with `gateway demo`, or with `gateway init DIR` for a gateway of your own.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 = done, 1 = no, 2 = wrong usage, 70 = a fault of ours."""
    sys.exit(_run(list(sys.argv[1:] if arguments is None else arguments)))


def _run(arguments: list[str]) -> int:
    try:
        result = cli.main(args=arguments, prog_name="gateway", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        return EX_INTERRUPTED
    except BrokenPipeError:
        # The reader of our output (head, less) has seen enough; nothing more can be printed to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # noqa: BLE001  the last stop: a sentence for people, the traceback for the log
        return _report(error, arguments)
    return result if isinstance(result, int) else 0


def _report(error: Exception, arguments: Sequence[str]) -> int:
    if failure := describe(error):
        lines = (failure.error, *(f"  {line}" for line in failure.details), failure.fix)
        click.echo("\n".join(line for line in lines if line), err=True)
        return 1
    reference = secrets.token_hex(4)
    log = _write_traceback(error, arguments, reference)
    click.echo(
        f"The command failed unexpectedly: {type(error).__name__} (error id {reference}). The details are in {log}.",
        err=True,
    )
    return EX_SOFTWARE


def _write_traceback(error: Exception, arguments: Sequence[str], reference: str) -> Path:
    """Append the traceback to the log of the working directory, else to a file of its own."""
    text = "".join(traceback.format_exception(error))
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    command = [argument.partition("=")[0] for argument in arguments[:2]]  # a value may be a secret
    entry = f"{stamp} ERROR gateway.cli error id {reference}, command {command}\n{text}"
    for log in (_log_of(arguments), Path(tempfile.gettempdir()) / f"gateway-error-{reference}.log"):
        if log is not None:
            with contextlib.suppress(OSError):
                log.parent.mkdir(parents=True, exist_ok=True)
                with log.open("a", encoding="utf-8") as file:
                    file.write(entry)
                return log
    click.echo(text, err=True)
    return Path("the lines above")


def _log_of(arguments: Sequence[str]) -> Path | None:
    named = next((value for option, value in itertools.pairwise(arguments) if option == "--dir"), None)
    home = Path(named or os.environ.get("GATEWAY_DIR") or ".").absolute()
    if not (home / SETTINGS_FILE).is_file():
        return None
    from gateway.settings import SettingsError, load_settings

    try:
        return load_settings(home).paths.log
    except SettingsError:
        return None
