"""What the AS2 tests share: two companies with keys, a store in memory, and a live listener on a thread."""

from __future__ import annotations

import hashlib
import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.messages.ports import Answer, Delivery, DeliveryOutcome, Receipt, Received
from gateway.transports.as2.building import BuiltMessage, Outbound, Protection, ReceiptWish, build_message
from gateway.transports.as2.cms import OwnKey, TheirCertificate
from gateway.transports.as2.identity import Identity, load_own_key, make_identity
from gateway.transports.as2.receive import As2Receiver, HttpRequest
from gateway.transports.as2.relationship import As2Relationship
from gateway.transports.as2.server import As2Server, ServerLimits
from tests.transports.reactorkit import Reactor

NOW = datetime.now(UTC).replace(microsecond=0)
ORDER = (
    b"ISA*00*          *00*          *ZZ*BUYER          *ZZ*SELLER         *261121*1200*U*00401*000000001*0*P*>~\r\n"
    b"GS*PO*BUYER*SELLER*20261121*1200*1*X*004010~\r\nST*850*0001~\r\nBEG*00*SA*PO-1001**20261121~\r\n"
    b"PO1*1*12*EA*9.95**VN*A-100~\r\nCTT*1~\r\nSE*5*0001~\r\nGE*1*1~\r\nIEA*1*000000001~\r\n"
)


def identity(name: str, days: int = 365) -> Identity:
    """A company's identity; the same name gives the same keys."""
    return _identity(name, days)


@lru_cache(maxsize=32)
def _identity(name: str, days: int) -> Identity:
    return make_identity(
        name, NOW if days > 0 else NOW + timedelta(days=days - 30), days=30 if days < 0 else days, bits=2048
    )


def key(name: str, days: int = 365) -> OwnKey:
    """A company's key; negative days make a certificate that has run out."""
    return _key(name, days)


@lru_cache(maxsize=32)
def _key(name: str, days: int) -> OwnKey:
    made = identity(name, days)
    return load_own_key(made.private_key_pem, made.certificate_pem)


@lru_cache(maxsize=4)
def ec_key(name: str) -> OwnKey:
    """An EC P-256 key with a self-signed certificate."""
    private = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=100))
        .sign(private, hashes.SHA256())
    )
    return OwnKey(private, certificate)


def pinned(own: OwnKey, *roles: str, primary: bool = False) -> TheirCertificate:
    """A certificate as the other side holds it."""
    return TheirCertificate(own.certificate, frozenset(roles or ("sign", "encrypt")), primary=primary)


def ours(**changes: Any) -> As2Relationship:
    """How we see the partner: we are "seller", they are "buyer"."""
    base = As2Relationship(
        partner_code="buyer",
        their_name="buyer",
        our_name="seller",
        their_certificates=(pinned(key("buyer")),),
        our_keys=(key("seller"),),
    )
    return replace(base, **changes)


def theirs(**changes: Any) -> As2Relationship:
    """How the partner sees us."""
    base = As2Relationship(
        partner_code="seller",
        their_name="seller",
        our_name="buyer",
        their_certificates=(pinned(key("seller")),),
        our_keys=(key("buyer"),),
    )
    return replace(base, **changes)


def message(
    payload: bytes = ORDER,
    *,
    message_id: str = "<1@buyer.example>",
    protection: Protection | None = None,
    receipt: ReceiptWish | None = None,
    signer: OwnKey | None = None,
    recipient: OwnKey | None = None,
    content_type: str = "application/EDI-X12",
    filename: str = "order.edi",
) -> BuiltMessage:
    """A message from the buyer to the seller, signed and encrypted unless told otherwise."""
    outbound = Outbound(payload, content_type, filename, message_id, "buyer", "seller", NOW)
    return build_message(
        outbound,
        protection or Protection(),
        receipt or ReceiptWish(),
        signer or key("buyer"),
        (recipient or key("seller")).certificate,
    )


class Directory:
    """Relationships by names and by code."""

    def __init__(self, *relationships: As2Relationship) -> None:
        self.relationships = list(relationships)

    def find(self, as2_from: str, as2_to: str) -> As2Relationship | None:
        pairs = {(one.their_name, one.our_name): one for one in self.relationships}
        return pairs.get((as2_from, as2_to))

    def for_partner(self, code: str) -> As2Relationship:
        for one in self.relationships:
            if one.partner_code == code:
                return one
        raise LookupError(f"{code} has no AS2 relationship.")


class Inbox:
    """An InboundPort in memory, with the store's rules for duplicates and conflicts."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.conflicts: list[Received] = []
        self.problem: Exception | None = None
        self.gate: threading.Event | None = None
        self._lock = threading.Lock()

    def receive(self, received: Received) -> Receipt:
        if self.gate is not None:
            self.gate.wait(10)
        if self.problem is not None:
            raise self.problem
        with self._lock:
            for number, one in enumerate(self.received):
                if (one.partner, one.transport_id) == (received.partner, received.transport_id):
                    if one.wire_sha256 == received.wire_sha256:
                        return Receipt(str(number), duplicate=True, answer=one.answer)
                    self.conflicts.append(received)
                    return Receipt(str(number), conflict=True, answer=received.answer)
            self.received.append(received)
            return Receipt(str(len(self.received) - 1), answer=received.answer)

    def earlier(self, transport: str, partner: str, transport_id: str) -> tuple[str, Answer | None] | None:
        with self._lock:
            for one in self.received:
                if (one.transport, one.partner, one.transport_id) == (transport, partner, transport_id):
                    return one.wire_sha256, one.answer
        return None


class Receipts:
    """An MdnPort in memory."""

    def __init__(self, mics: dict[str, dict[str, str]] | None = None) -> None:
        self.mics = mics or {}
        self.outcomes: list[tuple[str, str, DeliveryOutcome]] = []
        self.problem: Exception | None = None

    def mics_of(self, partner: str, message_id: str) -> dict[str, str] | None:
        return self.mics.get(message_id)

    def async_mdn(self, partner: str, message_id: str, outcome: DeliveryOutcome) -> None:
        if self.problem is not None:
            raise self.problem
        self.outcomes.append((partner, message_id, outcome))


def receiver(inbox: Inbox, *relationships: As2Relationship, **options: Any) -> As2Receiver:
    """A receiver with a fixed clock."""
    directory = Directory(*(relationships or (ours(),)))
    return As2Receiver(directory, inbox, clock=lambda: NOW, host="seller.example", **options)


def request(built: BuiltMessage, address: str = "192.0.2.1") -> HttpRequest:
    """A built message as a request."""
    return HttpRequest(tuple(built.headers), address)


def delivery(payload: bytes = ORDER, transport_id: str = "<out-1@seller.example>", partner: str = "buyer") -> Delivery:
    """A delivery of an order to a partner."""
    return Delivery("t-1", partner, "as2", payload, "order.edi", "application/EDI-X12", transport_id, NOW)


def sha256(data: bytes) -> str:
    """Hex digest."""
    return hashlib.sha256(data).hexdigest()


@contextmanager
def live(reactor: Reactor, the_receiver: As2Receiver, limits: ServerLimits | None = None, **options: Any):
    """A listener on a free loopback port; gives the server."""
    server = As2Server(reactor.reactor, the_receiver, port=0, limits=limits, **options)
    reactor.call(server.start)
    try:
        yield server
    finally:
        reactor.call(server.stop)
