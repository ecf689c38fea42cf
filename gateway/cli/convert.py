"""`gateway convert`: a file through the canonical document, to standard output."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from gateway.cli.common import CommandError, clean, dir_option, fail

if TYPE_CHECKING:
    from gateway.documents import Document
    from gateway.standards.edi.model import Finding
    from gateway.standards.edi.options import ValidationOptions

__all__ = ["convert_command"]

_LATER = ("ubl", "cxml")
_MOST_SHOWN = 20


@click.command("convert")
@click.argument("file", metavar="FILE|-")
@click.option("--to", "target", type=click.Choice(["json", "x12", *_LATER]), required=True, help="What to write.")
@click.option("--version", metavar="V", help="Release to write (004010, 005010), or to read a file as.")
@click.option("--set", "set_id", metavar="S", help="Transaction set (850): write as this, or read only these.")
@click.option("--partner", metavar="NAME", help="Read by this partner's rules (a code, or a partner file).")
@dir_option
def convert_command(
    file: str, target: str, version: str | None, set_id: str | None, partner: str | None, directory: Path | None
) -> None:
    """Turn an X12 file into JSON documents, or JSON documents into X12; "-" reads standard input.

    Documents that came from X12 are written in the envelope they came in. Exit code 0 when all went well, 1 when
    something could not be converted (each with a sentence on standard error), 2 for wrong usage.
    """
    if target in _LATER:
        fail(f"This release does not write {target} yet. It writes json and x12.", 2)
    data = _read(file)
    documents, complaints = _documents(data, version, set_id, partner, directory, reading_json=_is_json(data))
    if not documents:
        _end_with(complaints or ["There is no document in this file."])
    if target == "json":
        from gateway.documents import to_jsonable

        values: list[Any] = [to_jsonable(document) for document in documents]
        text = json.dumps(values[0] if len(values) == 1 else values, ensure_ascii=False, indent=2)
        sys.stdout.buffer.write(text.encode("utf-8") + b"\n")
    else:
        sys.stdout.buffer.write(_x12(documents, version, set_id if _is_json(data) else None, directory))
    sys.stdout.buffer.flush()
    if complaints:
        _end_with(complaints)


def _read(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        fail(f"{file} cannot be read: {error.strerror}.", 2)


def _is_json(data: bytes) -> bool:
    return data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[")


def _documents(
    data: bytes,
    version: str | None,
    set_id: str | None,
    partner: str | None,
    directory: Path | None,
    *,
    reading_json: bool,
) -> tuple[list[Document], list[str]]:
    if reading_json:
        return _from_json(data)
    from gateway.mapping.x12_convert import documents_from_x12

    result = documents_from_x12(
        data, options=_options(partner, directory), only_set=set_id, version=version, workdir=directory
    )
    _show(result.findings)
    return result.documents, result.complaints


def _options(partner: str | None, directory: Path | None) -> Callable[..., ValidationOptions] | None:
    if partner is None:
        return None
    from gateway.cli.common import validation_options_for_partner

    options = validation_options_for_partner(partner, directory)
    return lambda *_envelope: options


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
        try:
            documents.append(parse_document(part))
        except DocumentError as error:
            where = f"[{index}] " if len(parts) > 1 else ""
            complaints += [f"{where}{one.path or 'document'}: {one.message}" for one in error.errors]
    return documents, complaints


def _x12(documents: list[Document], version: str | None, set_id: str | None, directory: Path | None) -> bytes:
    from gateway.mapping import MapError, MappingError
    from gateway.mapping.x12_convert import Plain, x12_from_documents
    from gateway.standards.x12.writer import WriteError

    first = documents[0]
    plain = Plain(
        now=datetime.now(UTC),
        version=version or "004010",
        sender=(first.sender or "SENDER").upper(),
        receiver=(first.receiver or "RECEIVER").upper(),
    )
    try:
        result = x12_from_documents(documents, plain, version=version, set_id=set_id, workdir=directory)
    except MappingError as error:
        _end_with([f"{problem.path}: {problem.message}" for problem in error.problems])
    except (MapError, WriteError) as error:
        _end_with([str(error)])
    _show(result.findings)
    return result.data


def _show(findings: Sequence[Finding]) -> None:
    for finding in findings[:_MOST_SHOWN]:
        click.echo(clean(f"{finding.severity}: {finding.message} {finding.fix}".rstrip()), err=True)
    if len(findings) > _MOST_SHOWN:
        click.echo(f"… and {len(findings) - _MOST_SHOWN} more.", err=True)


def _end_with(complaints: list[str]) -> NoReturn:
    raise CommandError(complaints[0], details=complaints[1:])
