"""`gateway schematron`: the official rule sets that are here, and what they say of a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gateway.cli.common import clean, dir_option, fail, find_dir, json_option, print_json, print_table

__all__ = ["schematron_group"]


@click.group("schematron")
def schematron_group() -> None:
    """Official rule sets (compiled Schematron) for XML documents, in folders below schemas/schematron."""


@schematron_group.command("list")
@dir_option
@json_option
def list_command(directory: Path | None, as_json: bool) -> None:
    """List the rule sets. Exit code 1 when one cannot be used, or when the extra that runs them is missing."""
    from importlib.util import find_spec

    from gateway.pipeline.schematron import FOLDER, load_rule_sets
    from gateway.pipeline.schematron.runner import INSTALL

    found, problems = load_rule_sets(find_dir(directory))
    complaints = list(problems)
    if found and find_spec("saxonche") is None:
        complaints.append(f"Saxon, which runs the rules, is not installed; {INSTALL}.")
    rows = [
        {
            "name": rules.name,
            "folder": str(rules.folder),
            "documents": sorted(rules.documents),
            "customization": list(rules.customization),
            "files": [file.name for file in rules.files],
        }
        for rules in found
    ]
    if as_json:
        print_json({"rule_sets": rows, "problems": complaints})
    elif rows:
        columns = ("documents", "customization", "files")
        print_table(
            ["name", *columns], [[row["name"], *(", ".join(row[each]) or "all" for each in columns)] for row in rows]
        )
    else:
        click.echo(f"There is no rule set. docs/xml.md tells how to put one into {FOLDER}.")
    for complaint in complaints:
        click.echo(clean(complaint), err=True)
    if complaints:
        raise SystemExit(1)


@schematron_group.command("check")
@click.argument("file", type=click.Path(path_type=Path))
@dir_option
@json_option
def check_command(file: Path, directory: Path | None, as_json: bool) -> None:
    """Check the documents of an XML file against the schema and the official rules. Exit code 1 when one is broken."""
    from contextlib import closing

    from gateway.pipeline.schematron import OfficialRules
    from gateway.standards.xml.check import XmlCheckOptions, check_xml
    from gateway.standards.xml.schemas import load_registry

    home = find_dir(directory)
    try:
        data = file.read_bytes()
    except OSError as error:
        fail(f"{file} cannot be read: {error.strerror or error}.", fix="Check the name.")
    checked = check_xml(data, XmlCheckOptions(registry=load_registry(home)))
    if not checked.documents:
        fail(f"{file} cannot be read: {checked.unreadable}")
    results: list[dict[str, Any]] = []
    with closing(OfficialRules(home)) as official:
        for document in checked.documents:
            findings = [*document.findings, *(official.check(document) if document.accepted else ())]
            results.append(
                {
                    "document": document.set_id,
                    "number": document.number,
                    "schema": document.verdict,
                    "findings": [
                        {"code": f.code, "severity": f.severity, "message": f.message, "fix": f.fix, "path": f.path}
                        for f in findings
                    ],
                }
            )
    broken = any(one["severity"] == "error" for result in results for one in result["findings"])
    if as_json:
        print_json({"documents": results})
    else:
        _tell(results)
    if broken:
        raise SystemExit(1)


def _tell(results: list[dict[str, Any]]) -> None:
    for result in results:
        findings = result["findings"]
        end = (
            "nothing is broken"
            if not findings
            else f"{len(findings)} {'finding' if len(findings) == 1 else 'findings'}"
        )
        click.echo(clean(f"{result['document']} {result['number'] or ''}: schema {result['schema']}, {end}"))
        for one in findings:
            click.echo(clean(f"  {one['severity']:7} {one['path'] or ''}"))
            click.echo(clean(f"          {one['message']}"))
