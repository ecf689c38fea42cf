"""Checks an XML file from its bytes to its business rules and gives each document in it a verdict.

Parse, identify, find the schema, validate, and, when the schema is content, the business rules. A document is
rejected when the schema says no, accepted with errors when there are warnings or a business rule is broken (which
holds it for a person), and unreadable when it is of no family that a schema is known for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Final

from gateway.standards.edi.model import VALUE_LIMIT, Finding, Severity
from gateway.standards.x12.checked import combine
from gateway.standards.xml.businessrules import check_rules
from gateway.standards.xml.checked import CheckedXml, CheckedXmlDocument, SchemaUsed, XmlVerdict
from gateway.standards.xml.identify import KINDS, XmlFormat, XmlIdentity, identify_xml
from gateway.standards.xml.limits import DEFAULT_LIMITS, XmlLimits
from gateway.standards.xml.parsing import XmlRefused, XmlTree, parse_xml
from gateway.standards.xml.schema_files import SchemaRefusedError
from gateway.standards.xml.schemas import INSTALL_UBL, SchemaEntry, SchemaRegistry, load_registry
from gateway.standards.xml.validate import validate

__all__ = ["DEFAULT_OPTIONS", "CheckedXml", "CheckedXmlDocument", "SchemaUsed", "XmlCheckOptions", "check_xml"]

_FAMILY: Final[Mapping[XmlFormat, str]] = {"ubl": "UBL", "cxml": "cXML", "xml": "XML"}
#: The element of a cXML header that holds a password.
_GUARDED: Final = "SharedSecret"


@dataclass(frozen=True, slots=True)
class XmlCheckOptions:
    """How a partner's XML files are checked."""

    limits: XmlLimits = DEFAULT_LIMITS
    #: The schemas to check against; None = those of the package and its extras.
    registry: SchemaRegistry | None = None
    #: Release of UBL whose schema judges, "2.1"; None = the newest that is here.
    ubl_version: str | None = None
    #: Check the business rules too.
    rules: bool = True
    #: Severity for a finding's code ("RULE-totals"), or for all codes before the first "-" ("RULE").
    severities: Mapping[str, Severity] | None = None


DEFAULT_OPTIONS: Final = XmlCheckOptions()


def check_xml(source: bytes | XmlTree, options: XmlCheckOptions = DEFAULT_OPTIONS) -> CheckedXml:
    """Check a file, or its parsed tree. Total: any bytes give a verdict, never an exception."""
    tree: XmlTree | None = None
    try:
        tree = parse_xml(source, options.limits) if isinstance(source, bytes) else source
        identities = identify_xml(tree, options.limits)
    except XmlRefused as refused:
        reason = f"{refused.message} {refused.fix}"
        return CheckedXml("xml", "unreadable", (), (refused.finding,), reason, tree)
    registry = options.registry or load_registry()
    documents = tuple(_document(identity, registry, options) for identity in identities)
    formats = {identity.format for identity in identities}
    unread = [document for document in documents if document.verdict == "unreadable"]
    return CheckedXml(
        format=formats.pop() if len(formats) == 1 else "xml",
        verdict=combine(document.verdict for document in documents),
        documents=documents,
        findings=(),
        unreadable=_said(unread[0]) if len(unread) == len(documents) else "",
        tree=tree,
    )


def _said(document: CheckedXmlDocument) -> str:
    return " ".join(f"{finding.message} {finding.fix}".strip() for finding in document.findings)


def _document(identity: XmlIdentity, registry: SchemaRegistry, options: XmlCheckOptions) -> CheckedXmlDocument:
    version = options.ubl_version if identity.format == "ubl" else None
    entry = registry.find(identity.namespace, identity.document_name, version)
    if entry is None:
        finding, verdict = _without_schema(identity, registry, version)
        return _weighed(identity, verdict, (finding, *_rules(identity, verdict, options)), None, options)
    used = SchemaUsed(entry.name, registry.digest(entry))
    findings = _valid(identity, entry, registry)
    verdict = _verdict(findings)
    return _weighed(identity, verdict, (*findings, *_rules(identity, verdict, options)), used, options)


def _valid(identity: XmlIdentity, entry: SchemaEntry, registry: SchemaRegistry) -> tuple[Finding, ...]:
    try:
        return tuple(_hidden(finding) for finding in validate(identity.document, entry, registry))
    except SchemaRefusedError as refused:
        message = f"The document could not be checked against its schema: {refused}"
        return (Finding("XSD-unusable-schema", "error", message, refused.fix, segment=identity.root),)


def _hidden(finding: Finding) -> Finding:
    """A finding about a shared secret without the secret."""
    if _GUARDED not in (finding.path or "") and finding.segment != _GUARDED:
        return finding
    message = "SharedSecret in the header is not as cXML asks."
    return replace(finding, message=message, value="********" if finding.value else finding.value)


def _rules(identity: XmlIdentity, verdict: XmlVerdict, options: XmlCheckOptions) -> tuple[Finding, ...]:
    accepted = verdict in ("accepted", "accepted_with_errors")
    return check_rules(identity.content) if options.rules and accepted and identity.format != "xml" else ()


def _verdict(findings: Iterable[Finding]) -> XmlVerdict:
    severities = {finding.severity for finding in findings}
    return "rejected" if "error" in severities else "accepted_with_errors" if "warning" in severities else "accepted"


def _weighed(
    identity: XmlIdentity,
    verdict: XmlVerdict,
    findings: tuple[Finding, ...],
    schema: SchemaUsed | None,
    options: XmlCheckOptions,
) -> CheckedXmlDocument:
    """The document with the severities that the partner's profile gives; rules and warnings lower "accepted"."""
    chosen = options.severities or {}
    if chosen:
        findings = tuple(
            replace(each, severity=chosen.get(each.code, chosen.get(each.code.partition("-")[0], each.severity)))
            for each in findings
        )
    if verdict == "accepted" and any(each.severity != "note" for each in findings):
        verdict = "accepted_with_errors"
    return CheckedXmlDocument(identity, verdict, findings, schema)


def _without_schema(identity: XmlIdentity, registry: SchemaRegistry, version: str | None) -> tuple[Finding, XmlVerdict]:
    """What is said of a document that no schema here knows, and its verdict."""
    name = _clipped(identity.document_name)
    family = _FAMILY[identity.format]
    line = identity.document.sourceline
    known = registry.roots(identity.format) if identity.format != "xml" else ()
    if identity.format == "ubl" and not known and identity.kind is not None:
        message = f"The document is a UBL {name}; it was not checked, because the schemas of UBL are not installed."
        return Finding("XSD-not-validated", "warning", message, INSTALL_UBL, name, line=line), "accepted_with_errors"
    if identity.format == "ubl" and version is not None and registry.find(identity.namespace, name) is not None:
        message = f"The document is a UBL {name}, but there is no schema of UBL {version} here."
        fix = f"Add the schemas of UBL {version} with `gateway schema add`, or change the release in the profile."
        return Finding("XSD-no-schema", "error", message, fix, name, path=f"/{name}", line=line), "rejected"
    if identity.format != "xml":
        message = f"The outermost element is {name}, which is no document of {family}, although its namespace says so."
        near = get_close_matches(name, known, 1)
        fix = f"Perhaps {near[0]} is meant. " if near else ""
        fix += f"Documents of {family} that are read here: {', '.join(KINDS[identity.format])}."
        return Finding("XSD-unknown-root", "error", message, fix, name, path=f"/{name}", line=line), "rejected"
    where = f'of the namespace "{_clipped(identity.namespace)}"' if identity.namespace else "without a namespace"
    message = f"The file is XML, but no schema is known for its outermost element {name} {where}."
    fix = "Ask the sender for UBL or cXML, or add the schema of these documents with `gateway schema add`."
    return Finding("XML-unknown-document", "error", message, fix, name, path=f"/{name}", line=line), "unreadable"


def _clipped(text: str | None) -> str:
    text = text or ""
    return text if len(text) <= VALUE_LIMIT else text[: VALUE_LIMIT - 1] + "…"
