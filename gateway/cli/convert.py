"""`gateway convert`: a file through the canonical document, to standard output."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from gateway.cli.common import CommandError, clean, dir_option, fail, find_dir

if TYPE_CHECKING:
    from gateway.cli.conversion import Given
    from gateway.documents import Document
    from gateway.standards.edi.model import Finding

__all__ = ["convert_command"]

#: Findings shown; the rest are counted.
_MOST_SHOWN = 100


@click.command("convert")
@click.argument("file", metavar="FILE|-")
@click.option("--to", "target", type=click.Choice(["json", "x12", "ubl", "cxml"]), required=True, help="What to write.")
@click.option("--version", metavar="V", help="Release to write (004010, 005010), or to read a file as.")
@click.option("--set", "set_id", metavar="S", help="Set or document (850, Order): write as this, or read only these.")
@click.option("--partner", metavar="NAME", help="By this partner's rules and settings (a code, or a partner file).")
@click.option("--currency", metavar="CODE", help="Currency of amounts that name none (USD); XML asks for one.")
@dir_option
def convert_command(
    file: str,
    target: str,
    version: str | None,
    set_id: str | None,
    partner: str | None,
    currency: str | None,
    directory: Path | None,
) -> None:
    """Turn a file of X12, UBL, cXML or JSON documents into another of these; "-" reads standard input.

    Documents that came in the target's standard are written in the envelope they came in. What another standard
    cannot say, or asks for beyond what the document has, is told on standard error. Exit code 0 when all went well,
    1 when something could not be converted, 2 for wrong usage.
    """
    data = _read(file)
    given = _given(version, set_id, partner, currency, directory)
    documents, complaints = _documents(data, given)
    if not documents:
        _end_with(complaints or ["There is no document in this file."])
    if target == "json":
        from gateway.documents import to_jsonable

        values: list[Any] = [to_jsonable(document) for document in documents]
        text = json.dumps(values[0] if len(values) == 1 else values, ensure_ascii=False, indent=2)
        sys.stdout.buffer.write(text.encode("utf-8") + b"\n")
    else:
        complaints += _write(documents, target, given)
    sys.stdout.buffer.flush()
    if complaints:
        _end_with(complaints)


def _given(
    version: str | None, set_id: str | None, partner: str | None, currency: str | None, directory: Path | None
) -> Given:
    from gateway.cli.common import partner_profile
    from gateway.cli.conversion import Given

    named = directory or os.environ.get("GATEWAY_DIR")
    home = find_dir(named) if named else None
    if partner is None:
        return Given(version, set_id, currency=currency, workdir=home)
    profile = partner_profile(partner, directory)
    if home is None:
        return Given(version, set_id, profile, currency=currency)
    return Given(version, set_id, profile, _company(home), currency, home)


def _company(home: Path) -> Any:
    """Ourselves, as the settings of the working directory say."""
    from gateway.pipeline.context import Company
    from gateway.settings import load_settings

    return Company(**load_settings(home).company.model_dump())


def _read(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        fail(f"{file} cannot be read: {error.strerror}.", 2)


def _is_json(data: bytes) -> bool:
    return data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[")


def _documents(data: bytes, given: Given) -> tuple[list[Document], list[str]]:
    if _is_json(data):
        return _from_json(data)
    from gateway.cli.conversion import documents_of

    read = documents_of(data, given)
    _show(read.findings)
    return read.documents, read.complaints


def _from_json(data: bytes) -> tuple[list[Document], list[str]]:
    from gateway.documents import DocumentError, parse_document

    text = data.removeprefix(b"\xef\xbb\xbf")
    parts: Sequence[Any] = [text]
    if text.lstrip().startswith(b"["):
        from gateway.documents.codec import load_list

        try:
            parts = load_list(text)
        except DocumentError as error:
            return [], [str(error)]
    documents: list[Document] = []
    complaints: list[str] = []
    for index, part in enumerate(parts):
        if not isinstance(part, dict | bytes):
            complaints.append(f"[{index}]: a document is an object, and this is not one.")
            continue
        try:
            documents.append(parse_document(part))
        except DocumentError as error:
            where = f"[{index}] " if len(parts) > 1 else ""
            complaints += [f"{where}{one.path or 'document'}: {one.message}" for one in error.errors]
    return documents, complaints


def _write(documents: list[Document], target: str, given: Given) -> list[str]:
    """Write what can be written to standard output and return why the rest cannot."""
    from gateway.cli.conversion import write_documents

    result = write_documents(documents, target, given)
    _show(result.findings)
    sys.stdout.buffer.write(result.data)
    return result.complaints


def _show(findings: Sequence[Finding]) -> None:
    for finding in findings[:_MOST_SHOWN]:
        click.echo(clean(f"{finding.severity}: {finding.message} {finding.fix}".rstrip()), err=True)
    if len(findings) > _MOST_SHOWN:
        click.echo(f"… and {len(findings) - _MOST_SHOWN} more.", err=True)


def _end_with(complaints: list[str]) -> NoReturn:
    raise CommandError(complaints[0], details=complaints[1:])
