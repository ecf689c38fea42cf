"""`gateway schema`: which XML schemas documents are checked against, and adding others."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from gateway.cli.common import (
    CommandError,
    clean,
    console,
    dir_option,
    fail,
    find_dir,
    json_option,
    print_json,
    print_table,
)

if TYPE_CHECKING:
    from gateway.standards.xml.schemas import SchemaEntry, SchemaSet

__all__ = ["schema_group"]

_FOLDER: Final = "schemas/xsd"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")
_ORIGINS: Final = {"package": "part of the gateway", "extra": "the ubl extra", "operator": "added here"}
#: Names of documents that a table shows of one schema set.
_MOST_ROOTS: Final = 6


@click.group("schema")
def schema_group() -> None:
    """XML schemas: what documents are checked against."""


@schema_group.command("list")
@dir_option
@json_option
def list_command(directory: Path | None, as_json: bool) -> None:
    """List the schemas that are here, and whether their files are as they were recorded.

    Exit code 0 when all are, 1 when one is not.
    """
    from gateway.standards.xml.schemas import load_registry

    registry = load_registry(_workdir(directory))
    rows = [_row(schema_set) for schema_set in registry.sets]
    if as_json:
        print_json({"schemas": rows, "problems": list(registry.problems)})
    else:
        print_table(
            ["name", "family", "version", "documents", "where from", "digest", "ok"],
            [
                [
                    row["name"],
                    row["family"],
                    row["version"],
                    _shortened(row["roots"]),
                    _ORIGINS[row["origin"]],
                    row["digest"][:12],
                    "yes" if row["ok"] else "changed: " + ", ".join(row["changed"][:3]),
                ]
                for row in rows
            ],
        )
        for problem in registry.problems:
            click.echo(clean(problem), err=True)
    if not all(row["ok"] for row in rows):
        fail(
            "Schema files are not as they were recorded.", fix="Find out why, then add them again: gateway schema add."
        )


@schema_group.command("add")
@click.argument("source", type=click.Path(path_type=Path), metavar="FOLDER|ZIP|FILE")
@click.option("--name", help="Name of the schema set (default: that of the folder or file).")
@click.option("--replace", is_flag=True, help="Replace the schema set of this name.")
@dir_option
@json_option
def add_command(source: Path, name: str | None, replace: bool, directory: Path | None, as_json: bool) -> None:
    """Add XML schemas, such as those of UBL 2.3, from a folder, a ZIP file or one .xsd file.

    Every schema is compiled and must find all it needs in its own folder; nothing is fetched.
    """
    from gateway.cli.schema_source import take_schema_files

    name = name or source.absolute().name.removesuffix(".zip").removesuffix(".xsd")
    if not _NAME.fullmatch(name):
        fail(
            f'"{name}" cannot be the name of a schema set.',
            2,
            fix="Use letters, digits, dots, hyphens: --name ubl-2.3.",
        )
    base = find_dir(directory) / _FOLDER
    target = base / name
    if target.exists() and not replace:
        fail(f"There are schemas called {name} already.", fix="Give another --name, or use --replace.")
    base.mkdir(parents=True, exist_ok=True)
    stage = Path(tempfile.mkdtemp(prefix=".adding-", dir=base))
    try:
        take_schema_files(source, stage / "new")
        added = _checked(name, stage / "new", quiet=as_json)
        if target.exists():
            target.rename(stage / "old")
        (stage / "new").rename(target)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    row = _row(added) | {"folder": str(target)}
    if as_json:
        print_json(row)
        return
    count = len(row["roots"])
    click.echo(f"{name} was added: {len(added.files)} files, {count} document{'s' if count != 1 else ''}.")
    click.echo(clean(", ".join(row["roots"])))


def _checked(name: str, folder: Path, *, quiet: bool) -> SchemaSet:
    """The schema set in a folder, with its record written, every schema of it compiled once."""
    from gateway.standards.xml.schema_files import SchemaRefusedError
    from gateway.standards.xml.schemas import RECORD, compile_schema, record_of, set_of_folder

    try:
        record = record_of(folder)
        (folder / RECORD).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        schema_set = set_of_folder(name, "operator", folder.resolve())
        for entry in _shown(schema_set.entries, quiet=quiet):
            compile_schema(entry.path)
    except SchemaRefusedError as refused:
        raise CommandError(f"The schemas were not added. {refused}", fix=refused.fix) from refused
    if not schema_set.entries:
        fail("The schemas were not added: none of them declares a document element.", fix="Add the whole folder.")
    return schema_set


def _shown(entries: tuple[SchemaEntry, ...], *, quiet: bool) -> Iterable[SchemaEntry]:
    """The entries, with a bar on a terminal while they are gone through."""
    out = console()
    if quiet or not out.is_terminal:
        return entries
    from rich.progress import track

    return track(entries, "Checking schemas", console=out, transient=True)


def _row(schema_set: SchemaSet) -> dict[str, Any]:
    families = sorted({entry.family for entry in schema_set.entries})
    versions = sorted({entry.version for entry in schema_set.entries if entry.version})
    listed = "".join(f"{name} {digest}\n" for name, digest in sorted(schema_set.files.items()))
    changed = schema_set.changed_files()
    return {
        "name": schema_set.name,
        "family": ", ".join(families),
        "version": ", ".join(versions),
        "roots": sorted({root for entry in schema_set.entries for root in entry.roots}),
        "origin": schema_set.origin,
        "folder": str(schema_set.folder),
        "files": len(schema_set.files),
        "digest": hashlib.sha256(listed.encode()).hexdigest(),
        "ok": not changed,
        "changed": list(changed),
    }


def _shortened(roots: list[str]) -> str:
    more = len(roots) - _MOST_ROOTS
    return ", ".join(roots[:_MOST_ROOTS]) + (f" and {more} more" if more > 0 else "")


def _workdir(directory: Path | None) -> Path | None:
    """The working directory if one is named or near; None to see the packaged schemas only."""
    try:
        return find_dir(directory)
    except CommandError:
        if directory is not None:
            raise
        return None
