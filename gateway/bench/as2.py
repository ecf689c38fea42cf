"""How fast AS2 messages are received, beside pyas2lib in a process of its own.

Receiving is decrypt, verify, inflate, digest and a signed receipt; storing is left out on both sides. What is
measured is processor time, so that other work on the machine does not count.
"""

from __future__ import annotations

import base64
import importlib
import importlib.metadata
import json
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from gateway.bench.generate import purchase_order_file
from gateway.messages.ports import Answer, Receipt, Received
from gateway.transports.as2.building import BuiltMessage, Outbound, Protection, ReceiptWish, build_message
from gateway.transports.as2.cms import TheirCertificate
from gateway.transports.as2.identity import Identity, load_own_key, make_identity
from gateway.transports.as2.receive import As2Receiver, HttpRequest
from gateway.transports.as2.relationship import As2Relationship

__all__ = ["run"]

_GCM = Protection(encrypt="aes256-gcm", key_transport="oaep-sha256", compress="before_sign")
#: (name, protection, payload bytes, messages of ours, messages of the peer's or 0 when it cannot read them).
_VARIANTS = (
    ("signed, AES-256-CBC, zlib, 10 KB", Protection(compress="before_sign"), 10_000, 300, 40),
    ("signed, AES-256-CBC, 10 KB", Protection(), 10_000, 300, 40),
    ("signed, AES-256-GCM with OAEP, zlib, 10 KB", _GCM, 10_000, 300, 0),
    ("signed, AES-256-CBC, zlib, 5 MB", Protection(compress="before_sign"), 5_000_000, 10, 3),
)
_ROUNDS = 3


class _NoStore:
    """Takes a message and keeps nothing."""

    def receive(self, received: Received) -> Receipt:
        if received.failure is not None:
            raise RuntimeError(received.failure.reason)
        return Receipt("bench", answer=received.answer)

    def earlier(self, transport: str, partner: str, transport_id: str) -> tuple[str, Answer | None] | None:
        return None


class _One:
    """A directory of one relationship."""

    def __init__(self, relationship: As2Relationship) -> None:
        self._relationship = relationship

    def find(self, as2_from: str, as2_to: str) -> As2Relationship | None:
        return self._relationship

    def for_partner(self, code: str) -> As2Relationship:
        return self._relationship


def run(progress: Callable[[str], None] | None = None) -> list[dict[str, Any]]:
    """One row for each variant; ``progress`` is told what is measured next."""
    now = datetime.now(UTC)
    buyer, seller = (make_identity(name, now, bits=2048) for name in ("buyer", "seller"))
    buyer_key, seller_key = (load_own_key(one.private_key_pem, one.certificate_pem) for one in (buyer, seller))
    relationship = As2Relationship(
        partner_code="buyer",
        their_name="buyer",
        our_name="seller",
        their_certificates=(TheirCertificate(buyer_key.certificate, frozenset({"sign", "encrypt"})),),
        our_keys=(seller_key,),
    )
    receiver = As2Receiver(_One(relationship), _NoStore(), clock=lambda: now)
    rows = []
    for name, protection, size, count, peer_count in _VARIANTS:
        if progress:
            progress(name)
        payload = purchase_order_file(size // 30)[:size].replace(b"~", b"~\r\n")
        outbound = Outbound(payload, "application/EDI-X12", "order.edi", "<1@b>", "buyer", "seller", now)
        built = build_message(outbound, protection, ReceiptWish(), buyer_key, seller_key.certificate)
        request = HttpRequest(built.headers)

        def once(request: HttpRequest = request, body: bytes = built.body) -> None:
            receiver.handle(request, body)

        seconds = _best(once, count)
        peer, note = (
            _peer(built, buyer, seller, peer_count) if peer_count else (None, "pyas2lib has no GCM and no OAEP")
        )
        rows.append(_row(name, count, seconds, peer, note))
    return rows


def _best(once: Callable[[], object], count: int) -> float:
    """Processor seconds of one call: the best of several rounds."""
    once()
    best = float("inf")
    for _ in range(_ROUNDS):
        start = time.process_time()
        for _ in range(count):
            once()
        best = min(best, (time.process_time() - start) / count)
    return best


def _row(name: str, count: int, seconds: float, peer: float | None, note: str) -> dict[str, Any]:
    row: dict[str, Any] = {
        "benchmark": "as2",
        "variant": f"receive: {name}",
        "work": f"{count} messages",
        "ours": round(1 / seconds, 1),
        "unit": "messages per processor second",
        "peer": "pyas2lib",
        "peer_value": round(1 / peer, 1) if peer else None,
        "ratio": round(peer / seconds, 1) if peer else None,
        "rss_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    return row if peer else {**row, "note": note}


def _peer(built: BuiltMessage, buyer: Identity, seller: Identity, count: int) -> tuple[float | None, str]:
    """(processor seconds of one message, "") of pyas2lib, or (None, why not)."""
    head = "".join(f"{name}: {value}\n" for name, value in built.headers).encode("ascii")
    job = {
        "raw": base64.b64encode(head + b"\n" + built.body).decode("ascii"),
        "count": count,
        "key": (seller.private_key_pem + seller.certificate_pem).decode("ascii"),
        "certificate": buyer.certificate_pem.decode("ascii"),
    }
    done = subprocess.run(
        [sys.executable, "-m", "gateway.bench.as2"],
        input=json.dumps(job),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if done.returncode:
        return None, (done.stderr.strip().splitlines() or ["the peer process failed"])[-1]
    return float(done.stdout), ""


def _measure_peer() -> None:
    """The peer process: reads a job from standard input, prints processor seconds for each message."""
    job = json.loads(sys.stdin.read())
    _let_oscrypto_read_versions()
    as2: Any = importlib.import_module("pyas2lib.as2")
    raw = base64.b64decode(job["raw"])
    pair = job["key"].encode("ascii")
    organisation = as2.Organization(
        as2_name="seller", sign_key=pair, sign_key_pass="", decrypt_key=pair, decrypt_key_pass=""
    )
    certificate = job["certificate"].encode("ascii")
    partner = as2.Partner(as2_name="buyer", verify_cert=certificate, encrypt_cert=certificate, validate_certs=False)

    def once() -> None:
        message = as2.Message()
        status, detail, mdn = message.parse(raw, lambda _: organisation, lambda _: partner, lambda *_: False)
        if status != "processed" or not mdn.content:
            raise SystemExit(f"pyas2lib refused the message: {detail}")

    sys.stdout.write(str(_best(once, job["count"])))


def _let_oscrypto_read_versions() -> None:
    """oscrypto knows OpenSSL versions of one-digit parts only; show it those of two digits as well."""
    search, old = re.search, r"\b(\d\.\d\.\d[a-z]*)\b"

    def lenient(pattern: Any, *rest: Any, **more: Any) -> Any:
        return search(old.replace(r"\d", r"\d+") if pattern == old else pattern, *rest, **more)

    setattr(re, "search", lenient)  # noqa: B010 - a patch for the import below, undone after it
    try:
        importlib.import_module("oscrypto.asymmetric")
        importlib.import_module("oscrypto.symmetric")
    finally:
        setattr(re, "search", search)  # noqa: B010


if __name__ == "__main__":
    _measure_peer()
