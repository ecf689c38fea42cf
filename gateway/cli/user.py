"""``gateway user``: accounts of the staff pages, for the machine itself: list, add, reset, disable, enable."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

import click

from gateway.cli.common import call, clean, dir_option, fail, find_dir, json_option, print_json, print_table

__all__ = ["user_group"]


@click.group("user", short_help="Accounts of the staff pages.")
def user_group() -> None:
    """Open, reset and close accounts. A password made here is shown once and must be changed at the next login."""


@user_group.command("list")
@dir_option
@json_option
def list_command(directory: Path | None, as_json: bool) -> None:
    """Every account with its roles and last login."""
    found = call(find_dir(directory), "user.list")
    if as_json:
        print_json(found)
        return
    columns = ("NAME", "FULL NAME", "ROLES", "SECOND FACTOR", "LAST LOGIN", "STATE")
    print_table(
        columns,
        [
            (
                user["name"],
                user["full_name"],
                ", ".join(user["roles"]),
                "on" if user["totp"] else "off",
                user["last_login_at"] or "never",
                "closed" if user["disabled_at"] else "open",
            )
            for user in found["users"]
        ],
    )


@user_group.command("add")
@click.argument("name")
@click.option("--full-name", default="", help="What others see.")
@click.option("--role", "roles", multiple=True, required=True, help="viewer, operator, admin or security; repeatable.")
@dir_option
@json_option
def add_command(name: str, full_name: str, roles: tuple[str, ...], directory: Path | None, as_json: bool) -> None:
    """Open an account."""
    home = find_dir(directory)
    made = call(home, "user.add", name=name, full_name=full_name, roles=list(roles), actor=_actor())
    _show_password(made, as_json)


@user_group.command("reset")
@click.argument("name", required=False)
@click.option("--forget-code", is_flag=True, help="Also remove the second factor (a lost telephone).")
@click.option("--setup", is_flag=True, help="Instead print a new set-up code, while nobody has an account.")
@dir_option
@json_option
def reset_command(name: str | None, forget_code: bool, setup: bool, directory: Path | None, as_json: bool) -> None:
    """Give an account a new password; its sessions end."""
    if setup == (name is not None):
        fail("Name the account, or give --setup for a new set-up code; not both.", 2)
    home = find_dir(directory)
    if name is not None:
        _show_password(call(home, "user.reset", name=name, forget_code=forget_code, actor=_actor()), as_json)
        return
    made = call(home, "user.setup", actor=_actor())
    if as_json:
        print_json(made)
    else:
        click.echo(f"One-time set-up code, shown only now: {made['setup_code']}")
        click.echo(f"It is good until {made['good_until']}.")


@user_group.command("disable")
@click.argument("name")
@dir_option
@json_option
def disable_command(name: str, directory: Path | None, as_json: bool) -> None:
    """Close an account: its sessions and tokens end at once."""
    _changed(call(find_dir(directory), "user.disable", name=name, actor=_actor()), "is closed", as_json)


@user_group.command("enable")
@click.argument("name")
@dir_option
@json_option
def enable_command(name: str, directory: Path | None, as_json: bool) -> None:
    """Open a closed account again."""
    _changed(call(find_dir(directory), "user.enable", name=name, actor=_actor()), "is open", as_json)


def _changed(user: dict[str, Any], state: str, as_json: bool) -> None:
    if as_json:
        print_json(user)
    else:
        click.echo(f"The account {clean(user['name'])} {state}.")


def _show_password(made: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(made)
        return
    click.echo(f"Account {clean(made['name'])} ({', '.join(made['roles'])})")
    click.echo(f"First password, shown only now: {made['password']}")
    click.echo("It must be changed at the next login.")


def _actor() -> str:
    """The name of the person at the keyboard, for the ledger."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):  # a user id without a name
        return "cli"
