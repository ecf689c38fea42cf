"""``gateway partner``: see what a partner file would change, apply it, look back, restore, export."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.common import call, clean, dir_option, fail, find_dir, json_option, print_json, print_table

if TYPE_CHECKING:
    from gateway.partners.profile import PartnerProfile

__all__ = ["partner_group"]

#: Sign and words for each action of a plan.
_ACTIONS = {
    "create": ("+", "new partner (version {version})"),
    "update": ("~", "changed (version {version})"),
    "unchanged": ("=", "unchanged (version {version})"),
}
#: Longest value shown in a difference.
_SHOWN = 100

author_option = click.option("--author", help="Who makes the change (default: the user of this machine).")
reason_option = click.option("--reason", default="", help="Why, in your words; kept with the version.")


@click.group("partner", short_help="Trading-partner profiles.")
def partner_group() -> None:
    """Trading-partner profiles: files are applied like a plan, every change is a new version."""


@partner_group.command("apply")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@author_option
@reason_option
@dir_option
@json_option
def apply_command(
    files: tuple[str, ...], author: str | None, reason: str, directory: Path | None, as_json: bool
) -> None:
    """Make the partners what the files say. Partners that are not named stay as they are."""
    home = find_dir(directory)
    result = call(
        home,
        "partner.apply",
        files=_collect(files, home),
        author=author or _user(),
        reason=reason,
        dry_run=False,
    )
    _print_changes(result, as_json)


@partner_group.command("diff")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--exit-code", is_flag=True, help="Exit with 1 when something would change.")
@dir_option
@json_option
def diff_command(files: tuple[str, ...], exit_code: bool, directory: Path | None, as_json: bool) -> None:
    """Show what applying the files would change. Nothing is changed."""
    home = find_dir(directory)
    result = call(home, "partner.apply", files=_collect(files, home), author=_user(), reason="", dry_run=True)
    _print_changes(result, as_json)
    if exit_code and any(change["action"] != "unchanged" for change in result["changes"]):
        click.get_current_context().exit(1)


@partner_group.command("export")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder to write NAME.yaml files to.")
@click.option("--force", is_flag=True, help="Overwrite files that hold something else.")
@dir_option
@json_option
def export_command(
    names: tuple[str, ...], output: Path | None, force: bool, directory: Path | None, as_json: bool
) -> None:
    """Write profiles as partner files: to a folder, or to standard output."""
    from gateway.partners.profile import PartnerProfile
    from gateway.partners.yamlform import dump_partner, dump_partners

    home = find_dir(directory)
    exported = call(home, "partner.export", names=list(names))["partners"]
    if as_json:
        print_json(exported)
        return
    profiles = [PartnerProfile.model_validate(profile) for profile in exported]
    if output is not None:
        _write_files(profiles, output, home, force)
    elif profiles:
        click.echo(dump_partner(profiles[0], home) if len(profiles) == 1 else dump_partners(profiles, home), nl=False)


@partner_group.command("list")
@dir_option
@json_option
def list_command(directory: Path | None, as_json: bool) -> None:
    """All partners with their status and identities."""
    partners = call(find_dir(directory), "partner.list")["partners"]
    if as_json:
        print_json(partners)
        return
    if not partners:
        click.echo("There are no partners yet. Apply a file with `gateway partner apply FILE`.")
        return
    columns = ("code", "name", "status", "version", "ISA", "AS2", "transport", "notes")
    rows = (
        (
            partner["code"],
            partner["name"],
            partner["status"],
            partner["version"],
            ", ".join(partner["isa"]),
            partner["as2"],
            partner["transport"],
            _count(len(partner["warnings"]), "warning") if partner["warnings"] else "",
        )
        for partner in partners
    )
    print_table(columns, rows)


@partner_group.command("show")
@click.argument("name")
@click.option("--version", type=click.IntRange(min=1), help="An earlier version.")
@dir_option
@json_option
def show_command(name: str, version: int | None, directory: Path | None, as_json: bool) -> None:
    """One partner: what is set, its certificates, and what is missing."""
    home = find_dir(directory)
    partner = call(home, "partner.show", name=name, version=version)
    if as_json:
        print_json(partner)
        return
    from gateway.partners.profile import PartnerProfile
    from gateway.partners.yamlform import dump_partner

    changed = partner["changed"]
    of = "" if partner["version"] == partner["current_version"] else f" of {partner['current_version']}"
    why = f": {changed['reason']}" if changed["reason"] else ""
    click.echo(clean(f"{partner['name']} ({partner['code']}) is {partner['status']}."))
    click.echo(clean(f"Version {partner['version']}{of}, {changed['created_at']} by {changed['author']}{why}"))
    for entry in partner["certificates"]:
        state = "active" if entry["active"] else "not active"
        use = ", ".join(entry["role"])
        click.echo(clean(f"Certificate ({use}, {state} until {entry['used_until'][:10]}): {entry['subject']}"))
        click.echo(f"  {entry['key']}, SHA-256 {entry['fingerprint']}")
    for warning in dict.fromkeys((*partner["missing"], *partner["warnings"])):
        click.echo(clean(f"! {warning}"))
    click.echo()
    click.echo(dump_partner(PartnerProfile.model_validate(partner["profile"]), home), nl=False)


@partner_group.command("history")
@click.argument("name")
@dir_option
@json_option
def history_command(name: str, directory: Path | None, as_json: bool) -> None:
    """Every version of a partner: when, who, why, and what it changed."""
    versions = call(find_dir(directory), "partner.history", name=name)["versions"]
    if as_json:
        print_json(versions)
        return
    for entry in versions:
        mark = " (current)" if entry["current"] else ""
        why = f": {entry['reason']}" if entry["reason"] else ""
        click.echo(clean(f"Version {entry['version']}{mark}, {entry['created_at']} by {entry['author']}{why}"))
        _print_differences(entry["differences"])


@partner_group.command("restore")
@click.argument("name")
@click.option("--version", type=click.IntRange(min=1), required=True, help="The version to make current again.")
@author_option
@reason_option
@dir_option
@json_option
def restore_command(
    name: str, version: int, author: str | None, reason: str, directory: Path | None, as_json: bool
) -> None:
    """Make an earlier version current again, as a new version."""
    change = call(
        find_dir(directory),
        "partner.restore",
        name=name,
        version=version,
        author=author or _user(),
        reason=reason,
    )
    _print_changes({"changes": [change], "applied": True}, as_json)


@partner_group.command("pause")
@click.argument("name")
@author_option
@click.option("--reason", required=True, help="Why, in your words; kept with the version.")
@dir_option
@json_option
def pause_command(name: str, author: str | None, reason: str, directory: Path | None, as_json: bool) -> None:
    """Send a partner nothing and hold what it sends, until it is resumed."""
    change = call(find_dir(directory), "partner.pause", name=name, author=author or _user(), reason=reason)
    _print_changes({"changes": [change], "applied": True}, as_json)


@partner_group.command("resume")
@click.argument("name")
@author_option
@reason_option
@dir_option
@json_option
def resume_command(name: str, author: str | None, reason: str, directory: Path | None, as_json: bool) -> None:
    """End a partner's pause. What was held meanwhile waits for a replay."""
    change = call(find_dir(directory), "partner.resume", name=name, author=author or _user(), reason=reason)
    _print_changes({"changes": [change], "applied": True}, as_json)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "operator"


def _collect(names: Sequence[str], home: Path) -> list[dict[str, Any]]:
    """The checked files with all they name; every mistake of every file is told at once."""
    from gateway.partners.errors import PartnerFileError
    from gateway.partners.yamlform import collect_partner_file

    collected, problems = [], list[str]()
    for name in names:
        try:
            collected.append(collect_partner_file(name, home))
        except PartnerFileError as error:
            problems += error.details
    if problems:
        fail("\n".join(problems), fix="Nothing was changed.")
    return collected


def _print_changes(result: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(result)
        return
    counts = dict.fromkeys(_ACTIONS, 0)
    for change in result["changes"]:
        sign, words = _ACTIONS[change["action"]]
        counts[change["action"]] += 1
        click.echo(clean(f"{sign} {change['code']}  {words.format(version=change['version'])}"))
        _print_differences(change["differences"])
        for warning in change["warnings"]:
            click.echo(clean(f"    ! {warning}"))
    done = ("created", "updated") if result["applied"] else ("to create", "to update")
    click.echo(f"{counts['create']} {done[0]}, {counts['update']} {done[1]}, {counts['unchanged']} unchanged.")


def _print_differences(differences: Iterable[Mapping[str, Any]]) -> None:
    for difference in differences:
        old, new = (_shown(difference["path"], difference[side]) for side in ("old", "new"))
        text = f"{new}" if old is None else f"{old} → {'(removed)' if new is None else new}"
        click.echo(clean(f"    {difference['path']}: {text}"))


def _shown(path: str, value: Any) -> str | None:
    """A value as one line; a certificate by its name and fingerprint."""
    if value is None:
        return None
    if path.endswith(".pem"):
        from gateway.partners.certificates import certificate_facts, load_certificate

        facts = certificate_facts(load_certificate(value))
        return f"{facts.subject}, SHA-256 {facts.fingerprint[:23]}…"
    if isinstance(value, dict) and "pem" in value:
        return _shown("x.pem", value["pem"])
    if isinstance(value, str):
        text = value if value and value == value.strip() and value.isprintable() else json.dumps(value)
    else:
        text = json.dumps(_without_empty(value), ensure_ascii=False, sort_keys=True)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _without_empty(value: Any) -> Any:
    """A group without the fields that say nothing."""
    if isinstance(value, dict):
        return {key: _without_empty(inner) for key, inner in value.items() if inner not in (None, [], {}, "")}
    return [_without_empty(inner) for inner in value] if isinstance(value, list) else value


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _write_files(profiles: Sequence[PartnerProfile], folder: Path, home: Path, force: bool) -> None:
    """Write one file for each profile; a file that says the same stays, comments and all."""
    from gateway.partners.yamlform import dump_partner

    try:
        folder.mkdir(parents=True, exist_ok=True)
        kept = [profile.code for profile in profiles if _differs(folder / f"{profile.code}.yaml", profile, home)]
        if kept and not force:
            fail(
                f"{folder} holds files that say something else: {', '.join(kept)}.",
                fix="Look with `gateway partner diff`, then overwrite with --force. Nothing was written.",
            )
        for profile in profiles:
            path = folder / f"{profile.code}.yaml"
            if path.exists() and profile.code not in kept:
                click.echo(f"{path}: unchanged")
                continue
            path.write_text(dump_partner(profile, home), "utf-8")
            click.echo(f"{path}: written")
    except OSError as error:
        fail(f"{error.filename or folder}: {error.strerror}.", fix="Name another folder with -o.")


def _differs(path: Path, profile: PartnerProfile, home: Path) -> bool:
    """True when the file is there and does not hold just this profile."""
    from gateway.partners.errors import PartnerFileError
    from gateway.partners.yamlform import load_partner_file

    if not path.exists():
        return False
    try:
        return load_partner_file(path, home) != [profile]
    except PartnerFileError:
        return True


@partner_group.command("test")
@click.argument("name")
@dir_option
@json_option
def test_command(name: str, directory: Path | None, as_json: bool) -> None:
    """Try the partner's servers step by step and say what was found. Exit code 1 when a step fails."""
    result = call(find_dir(directory), "partner.test", name=name)
    if as_json:
        print_json(result)
    else:
        for step in result["steps"]:
            click.echo(f"{'ok  ' if step['ok'] else 'fail'}  {step['step']:<11} {clean(step['sentence'])}")
    if not result["ok"]:
        click.get_current_context().exit(1)
