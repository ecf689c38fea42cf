"""The evidence pack of a message: what crossed the wire, the receipts, the acknowledgements, and its history.

A ZIP whose README says how to verify it with ``sha256sum`` and ``openssl`` alone. Nothing is made up for it: every file
is the stored bytes, or JSON of the stored facts.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from gateway.messages.detail import message_detail
from gateway.messages.models import Document, Interchange, Transmission
from gateway.messages.notes import notes_of
from gateway.store import ledger, payloads
from gateway.store.errors import PayloadRemovedError, StoreError

__all__ = ["evidence_files", "evidence_pack"]

#: Acknowledgements that are put in, of each kind.
_MOST_ANSWERS = 20


def evidence_pack(session: Session, message_id: str, *, now: datetime, company: str, release: str) -> bytes:
    """The ZIP of one message. Raises MessageNotFoundError, and PayloadCorruptError when stored bytes have changed."""
    files = dict(evidence_files(session, message_id))
    sums = "".join(f"{hashlib.sha256(body).hexdigest()}  {name}\n" for name, body in sorted(files.items()))
    head = "{}:{}".format(*ledger.head(session))
    readme = _readme(sorted(files), message_id, now=now, company=company, release=release, head=head)
    whole = {**files, "SHA256SUMS": sums.encode(), "README.txt": readme.encode()}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in sorted(whole.items()):
            entry = zipfile.ZipInfo(name, date_time=now.timetuple()[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, body)
    return out.getvalue()


def evidence_files(session: Session, message_id: str) -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of everything that belongs to the message, without README and sums."""
    detail = message_detail(session, message_id)
    document = session.get(Document, detail["id"])
    carrier = session.get(Transmission, (document.transmission_id if document else detail["id"]) or "")
    history = detail.pop("stages")
    yield "message.json", _json({**detail, "notes": notes_of(session, detail["id"])})
    yield "timeline.json", _json(history)
    if document is not None:
        yield from _body(session, "document.json", document.canonical_sha256)
        yield from _body(session, "document-as-received.dat", document.source_sha256)
    if carrier is not None:
        yield from _transmission(session, "", carrier)
    for place, answer in enumerate(_answers(session, document, carrier), 1):
        yield from _transmission(session, f"acknowledgement-{place}/", answer)


def _transmission(session: Session, folder: str, row: Transmission) -> Iterator[tuple[str, bytes]]:
    """The payload, the raw bytes, and the receipt (MDN) with its headers."""
    yield from _body(session, f"{folder}payload{_suffix(row)}", row.payload_sha256)
    yield from _body(session, f"{folder}wire.bin", row.wire_payload_sha256)
    if row.wire_headers:
        yield f"{folder}wire-headers.txt", _headers(row.wire_headers)
    for name, receipt in _body(session, f"{folder}receipt.eml", row.answer_payload_sha256):
        here = name.endswith(".eml")
        yield name, _headers(row.answer_headers or []) + b"\r\n" + receipt if here else receipt


def _suffix(row: Transmission) -> str:
    end = (row.filename or "").rpartition(".")[2].lower()
    return f".{end}" if end in {"edi", "x12", "xml", "json", "txt"} else ".dat"


def _headers(headers: Any) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in headers).encode("utf-8", "replace")


def _body(session: Session, name: str, digest: str | None) -> Iterator[tuple[str, bytes]]:
    if digest is None:
        return
    try:
        yield name, payloads.get(session, digest)
    except PayloadRemovedError as error:
        yield f"{name}.removed.txt", f"SHA-256 {digest}: {error}\n".encode()
    except StoreError as error:  # damaged: the pack says so instead
        yield f"{name}.missing.txt", f"SHA-256 {digest}: {error}\n".encode()


def _answers(session: Session, document: Document | None, carrier: Transmission | None) -> list[Transmission]:
    """Our acknowledgements of a received message; of one of ours the partner's, which came when it was acknowledged."""
    if carrier is None:
        return []
    query = select(Transmission).order_by(Transmission.created_at).limit(_MOST_ANSWERS)
    if carrier.direction == "in":
        own = select(Interchange.id).where(Interchange.transmission_id == carrier.id)
        if document is not None and document.interchange_id is not None:
            own = own.where(Interchange.id == document.interchange_id)
        return list(session.scalars(query.where(Transmission.acknowledges_id.in_(own))))
    if document is None or document.acknowledged_at is None:
        return []
    theirs = select(Document.transmission_id).where(
        Document.partner == document.partner,
        Document.received_at == document.acknowledged_at,
        Document.direction == "in",
        or_(Document.kind == "functional_acknowledgment", Document.canonical_sha256.is_(None)),
    )
    return list(session.scalars(query.where(Transmission.id.in_(theirs))))


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True, default=str) + "\n").encode()


def _readme(files: list[str], message_id: str, *, now: datetime, company: str, release: str, head: str) -> str:
    receipts = [name for name in files if name.endswith("receipt.eml")]
    verify = [
        *(f"  openssl cms -verify -in {name} -inform SMIME -noverify -out /dev/null" for name in receipts),
        *(
            ["  (-noverify leaves out who issued the certificate: compare it with the one that was agreed,"]
            * bool(receipts)
        ),
        *(["   openssl cms -verify -in receipt.eml -noverify -signer signer.pem -out /dev/null)"] * bool(receipts)),
    ]
    lines = [
        f"Evidence of message {message_id}",
        f"Taken {now.isoformat(timespec='seconds')} by {company}, gateway {release}.",
        "",
        "What is in it",
        *(f"  {name}" for name in files),
        "",
        "  message.json    the facts of the message, its attempts, findings and acknowledgements",
        "  timeline.json   every event of the ledger about it, in order, with time, actor and reason",
        "  payload.*       the business content exactly as it crossed the wire, after decryption",
        "  wire.bin        the raw bytes of the transport, where they differ and are kept",
        "  receipt.eml     the receipt (MDN) with its headers; a signed one is S/MIME",
        "  acknowledgement-*/  the TA1, 997, 999 or XML answer, laid out the same way",
        "  *.removed.txt   instead of content that is not kept any more: its digest, when it went, and by which rule",
        "",
        "How to verify",
        "  sha256sum -c SHA256SUMS",
        "The digests of the message stand in message.json, too (wire_sha256, payload_sha256): compare them.",
        *(["A signed receipt:"] if receipts else []),
        *verify,
        "",
        f"The ledger's head when this was taken: {head}",
        "Whoever noted it can prove later, by `gateway ledger check --head`, that no event was changed since.",
    ]
    return "\n".join(lines) + "\n"
