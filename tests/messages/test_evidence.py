"""The evidence pack: everything about one message, with sums that ``sha256sum`` agrees with."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from datetime import timedelta
from typing import Any

import pytest

from gateway.messages.detail import MessageNotFoundError
from gateway.messages.evidence import evidence_pack
from gateway.messages.models import Document, Interchange, Transmission
from gateway.store import payloads
from gateway.store.engine import Store
from tests.messages.conftest import NOW


def pack(store: Store, identity: str) -> dict[str, bytes]:
    with store.read() as session:
        data = evidence_pack(session, identity, now=NOW, company="Alpine Supply", release="0.1")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    for line in files["SHA256SUMS"].decode().splitlines():
        digest, _, name = line.partition("  ")
        assert hashlib.sha256(files[name]).hexdigest() == digest
    assert set(files) - {"README.txt", "SHA256SUMS"} == {
        line.partition("  ")[2] for line in files["SHA256SUMS"].decode().splitlines()
    }
    return files


def put(store: Store, body: bytes) -> str:
    digest: str = store.writer.run(lambda session: payloads.put(session, body))
    return digest


@pytest.fixture
def received(store: Store, add: Any) -> Document:
    """An order with its raw bytes, its signed receipt, and the 997 that we sent."""
    carrier = add(
        Transmission,
        filename="order.edi",
        payload_sha256=put(store, b"ISA*order~"),
        wire_payload_sha256=put(store, b"encrypted"),
        answer_headers=[["Content-Type", "multipart/signed"], ["Message-ID", "<mdn@us>"]],
        answer_payload_sha256=put(store, b"--b\r\nsigned receipt"),
    )
    row = Interchange(
        id="i", transmission_id=carrier.id, position=1, direction="in", sender="a", receiver="b",
        control="000000007", version="00401", sha256="", received_at=NOW, verdict="accepted",
    )  # fmt: skip
    store.writer.run(lambda session: session.add(row))
    add(
        Transmission,
        direction="out",
        delivery="queued",
        acknowledges_id="i",
        filename="997.edi",
        payload_sha256=put(store, b"ISA*997~"),
        wire_headers=[["Subject", "answer"]],
    )
    document: Document = add(
        transmission_id=carrier.id, interchange_id="i", number="PO-1", canonical_sha256=put(store, b'{"kind":"order"}')
    )
    return document


def test_a_received_message_comes_with_its_receipt_and_our_answer(store: Store, received: Document) -> None:
    files = pack(store, received.id)
    assert files["payload.edi"] == b"ISA*order~"
    assert files["wire.bin"] == b"encrypted"
    assert files["document.json"] == b'{"kind":"order"}'
    assert files["receipt.eml"].startswith(b"Content-Type: multipart/signed\r\nMessage-ID: <mdn@us>\r\n\r\n--b")
    assert files["acknowledgement-1/payload.edi"] == b"ISA*997~"
    assert files["acknowledgement-1/wire-headers.txt"] == b"Subject: answer\r\n"
    assert json.loads(files["timeline.json"])[0]["event"] == "created"
    assert json.loads(files["message.json"])["number"] == "PO-1"
    readme = files["README.txt"].decode()
    assert "sha256sum -c SHA256SUMS" in readme
    assert "openssl cms -verify -in receipt.eml" in readme


def test_one_of_ours_comes_with_the_partners_acknowledgement(store: Store, add: Any) -> None:
    at = NOW + timedelta(hours=3)
    answer = add(Transmission, payload_sha256=put(store, b"ISA*their 997~"))
    add(kind="functional_acknowledgment", transmission_id=answer.id, received_at=at)
    carrier = add(Transmission, direction="out", delivery="queued", filename="x.weird")
    ours = add(direction="out", transmission_id=carrier.id, acknowledged_at=at)
    files = pack(store, ours.id)
    assert files["acknowledgement-1/payload.dat"] == b"ISA*their 997~"
    assert "openssl" not in files["README.txt"].decode().replace("with sha256sum and openssl", "")
    assert "acknowledgement-1/payload.dat" not in pack(store, add(direction="out", transmission_id=carrier.id).id)


def test_a_body_that_is_gone_is_named_instead(store: Store, add: Any) -> None:
    body = b"x" * (payloads.INLINE_LIMIT + 1)
    staged = payloads.stage_large(store.blobs, body)
    store.writer.run(lambda session: payloads.put(session, staged))
    (store.blobs / staged.path).unlink()
    files = pack(store, add(Transmission, payload_sha256=staged.sha256).id)
    assert staged.sha256 in files["payload.dat.missing.txt"].decode()


def test_a_document_that_no_transmission_carries_yet_has_its_history(store: Store, add: Any) -> None:
    assert set(pack(store, add(direction="out").id)) == {"README.txt", "SHA256SUMS", "message.json", "timeline.json"}
    with pytest.raises(MessageNotFoundError):
        pack(store, "none")
