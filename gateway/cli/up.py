"""``gateway up``: run the gateway of a working directory until it is told to stop."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli.common import dir_option, find_dir
from gateway.loading import loading

__all__ = ["up_command"]


@click.command("up", short_help="Run the gateway.")
@dir_option
@click.option(
    "--role",
    type=click.Choice(["all", "receive", "work", "web"]),
    default="all",
    show_default=True,
    help="What this process does: everything, take messages in, work on them, or serve staff.",
)
def up_command(directory: Path | None, role: str) -> None:
    """Run the gateway until SIGTERM or Ctrl-C; its listeners are printed when they are ready."""
    home = find_dir(directory)
    with loading():
        from gateway.service.run import run

    run(home, role)
