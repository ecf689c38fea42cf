"""``gateway map trace``: where every field of a document came from, or where each one is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from gateway.cli.common import (
    CommandError,
    clean,
    dir_option,
    json_option,
    near_workdir,
    partner_profile,
    print_json,
    print_table,
)

if TYPE_CHECKING:
    from gateway.documents import Document
    from gateway.mapping.trace import ReadTrace, Traces, WriteTrace
    from gateway.partners.profile import PartnerProfile

__all__ = ["STANDARDS", "trace_command"]

#: The standards that maps are for.
STANDARDS: Final = ("x12", "ubl", "cxml")


@click.command("trace")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--partner", metavar="NAME", help="With this partner's rules and overlays (a code, or a partner file).")
@click.option("--set", "set_id", metavar="S", help="Only this set or document; for JSON, the one to write.")
@click.option("--to", "target", type=click.Choice(STANDARDS), help="For JSON: the standard to write.")
@click.option("--version", metavar="V", help="For JSON as X12: the release to write.")
@click.option("--currency", metavar="CODE", help="For JSON as XML: currency of amounts that name none (USD).")
@dir_option
@json_option
def trace_command(
    file: Path,
    partner: str | None,
    set_id: str | None,
    target: str | None,
    version: str | None,
    currency: str | None,
    directory: Path | None,
    as_json: bool,
) -> None:
    """Show where every field of FILE's documents came from, or, for a JSON document, where each one is written.

    Exit code 0 when all could be traced, 1 when a set or document could not be read or written.
    """
    workdir = near_workdir(directory)
    profile = partner_profile(partner, directory) if partner is not None else None
    data = file.read_bytes()
    if data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"["):
        results, complaints = _written(data, profile, workdir, target, version, set_id, currency)
    else:
        found = _read(data, profile, workdir, set_id)
        results, complaints = [_read_json(trace) for trace in found.traces], found.complaints
    if as_json:
        print_json({"documents": results, "complaints": complaints})
    else:
        for result in results:
            _tell_trace(result)
    if complaints or not results:
        first, *rest = complaints or ["There is no document in this file that a map reads."]
        raise CommandError(first, details=rest)


def _read(data: bytes, profile: PartnerProfile | None, workdir: Path | None, set_id: str | None) -> Traces:
    from gateway.mapping.trace import trace_x12, trace_xml
    from gateway.partners.guides import options_by_set
    from gateway.standards.xml.check import XmlCheckOptions
    from gateway.standards.xml.schemas import load_registry

    overlay_of = _overlays(profile, "in", workdir)
    head = data[:64].removeprefix(b"\xef\xbb\xbf").lstrip(b"\x00\xff\xfe \t\r\n")
    if head.startswith(b"<"):
        options = XmlCheckOptions(registry=load_registry(workdir))
        return trace_xml(data, options=options, only_set=set_id, overlay_of=overlay_of, workdir=workdir)
    by_set = options_by_set(profile, "in", workdir) if profile is not None else None
    options_of = (lambda _interchange, _group, raw_set: by_set(raw_set.set_id)) if by_set is not None else None
    return trace_x12(data, options=options_of, only_set=set_id, overlay_of=overlay_of, workdir=workdir)


def _overlays(profile: PartnerProfile | None, direction: Any, workdir: Path | None) -> Callable[[str], Path | None]:
    from gateway.partners import rules
    from gateway.resources import find

    def overlay_of(set_id: str) -> Path | None:
        name = rules.document_settings(profile, set_id, direction).map_overlay if profile is not None else None
        return find(f"maps/{name}", workdir) if name else None

    return overlay_of


def _written(
    data: bytes,
    profile: PartnerProfile | None,
    workdir: Path | None,
    target: str | None,
    version: str | None,
    set_id: str | None,
    currency: str | None,
) -> tuple[list[dict[str, Any]], list[str]]:
    from gateway.documents import DocumentError, parse_document
    from gateway.documents.codec import load_list
    from gateway.mapping.errors import MapError, MappingError

    text = data.removeprefix(b"\xef\xbb\xbf")
    results: list[dict[str, Any]] = []
    complaints: list[str] = []
    try:
        parts: list[Any] = load_list(text) if text.lstrip().startswith(b"[") else [text]
        for part in parts:
            document = parse_document(part)
            results.append(_write_trace(document, profile, workdir, target, version, set_id, currency))
    except DocumentError as error:
        complaints += [f"{each.path or 'document'}: {each.message}" for each in error.errors] or [str(error)]
    except MappingError as error:
        complaints += [f"{problem.path}: {problem.message}" for problem in error.problems]
    except MapError as error:
        complaints.append(str(error))
    return results, complaints


def _write_trace(
    document: Document,
    profile: PartnerProfile | None,
    workdir: Path | None,
    target: str | None,
    version: str | None,
    set_id: str | None,
    currency: str | None,
) -> dict[str, Any]:
    from gateway.mapping.crossing import CrossingHints, cross
    from gateway.mapping.trace import trace_document
    from gateway.mapping.xml.convert import MAP_VERSIONS
    from gateway.partners import rules

    source = document.source
    standard = target or (source.standard if source is not None else None) or "x12"
    made = cross(document, standard, CrossingHints(currency=currency, version=version or "004010"))
    wanted = set_id or made.set_id
    if standard in MAP_VERSIONS:
        release = MAP_VERSIONS[standard]
    else:
        own = source.version if source is not None and source.standard == standard else None
        sent = rules.version_to_send(profile, wanted) if profile is not None else None
        release = version or sent or own or "004010"
    overlay = _overlays(profile, "out", workdir)(wanted)
    trace = trace_document(made.document, standard, release, wanted, overlay=overlay, workdir=workdir)
    return _write_json(trace, [*made.findings, *trace.findings])


# -- output --------------------------------------------------------------------------------------------------


def _read_json(trace: ReadTrace) -> dict[str, Any]:
    return {
        "direction": "read",
        "document": trace.document.kind,
        "number": trace.document.number,
        "map": trace.map,
        "fields": [
            {
                "field": each.field,
                "value": _text(each.value),
                "from": _bare(each.origin),
                "rule": _bare(each.rule),
                "why": each.why,
            }
            for each in trace.fields
        ],
        "kept": [
            {
                "value": each.value,
                "from": _bare(each.place),
                "why": each.why,
                "extension": each.extension,
                "anchor": each.anchor,
            }
            for each in trace.kept
        ],
        "findings": [asdict(finding) for finding in trace.findings],
    }


def _write_json(trace: WriteTrace, findings: Sequence[Any]) -> dict[str, Any]:
    not_carried = {finding.message.partition(":")[0]: finding.message for finding in findings}
    return {
        "direction": "write",
        "document": trace.document.kind,
        "number": trace.document.number,
        "map": trace.map,
        "fields": [
            {
                "field": each.field,
                "value": each.text,
                "to": _bare(each.place),
                "rule": _bare(each.rule),
                "why": each.why,
            }
            for each in trace.fields
        ],
        "others": [
            {"value": each.text, "to": _bare(each.place), "from": each.fields[0] if each.fields else None}
            for each in trace.others
        ],
        "unwritten": [
            {"field": path, "value": _text(value), "why": _why_not(path, not_carried)}
            for path, value in trace.unwritten
        ],
        "findings": [asdict(finding) for finding in findings],
    }


def _why_not(path: str, not_carried: dict[str, str]) -> str:
    for above, message in not_carried.items():
        if path == above or path.startswith((f"{above}.", f"{above}[")):
            return message
    return "it has no element of its own: it chooses the rule, or the map computes it anew"


def _bare(value: Any) -> dict[str, Any] | None:
    return {name: item for name, item in asdict(value).items() if item is not None} if value is not None else None


def _text(value: Any) -> Any:
    return value if isinstance(value, bool | int) else str(value)


def _tell_trace(result: dict[str, Any]) -> None:
    reading = result["direction"] == "read"
    click.echo(clean(f"{result['document']} {result['number'] or ''} by {result['map']}"))
    print_table(
        ["field", "value", "from" if reading else "to", "rule"],
        [
            [each["field"], each["value"], _place(each["from" if reading else "to"]) or each["why"], _rule(each)]
            for each in result["fields"]
        ],
    )
    if reading and result["kept"]:
        click.echo("Beside the fields:")
        print_table(
            ["value", "from", "what became of it", "kept in"],
            [[each["value"], _place(each["from"]), each["why"], each["extension"]] for each in result["kept"]],
        )
    if not reading and result["others"]:
        click.echo("Written from no field:")
        print_table(
            ["value", "to", "from"],
            [[each["value"], _place(each["to"]), each["from"] or "the map"] for each in result["others"]],
        )
    if not reading and result["unwritten"]:
        click.echo("Without a place of their own:")
        print_table(
            ["field", "value", "why"], [[each["field"], each["value"], each["why"]] for each in result["unwritten"]]
        )
    for finding in result["findings"]:
        click.echo(clean(f"{finding['severity']}: {finding['message']} {finding['fix']}".rstrip()), err=True)


def _place(place: dict[str, Any] | None) -> str:
    return ", ".join(_place_parts(place)) if place is not None else ""


def _place_parts(place: dict[str, Any]) -> Iterator[str]:
    if "path" in place:
        yield place["path"]
        if "line" in place:
            yield f"line {place['line']}"
        return
    component = f".{place['component']}" if "component" in place else ""
    yield f"{place['segment']}{place['element']:02d}{component}"
    if place["position"]:
        yield f"segment {place['position']}"
    if "loop" in place:
        yield f"loop {place['loop']}"
    if "offset" in place:
        yield f"byte {place['offset']}"


def _rule(each: dict[str, Any]) -> str:
    rule = each["rule"]
    if rule is None:
        return ""
    where = f" ({rule['file']}, line {rule['line']})" if rule["line"] else ""
    return f"{rule['at'] or 'the map'} {rule['field']} {rule['converter']}{where}"
