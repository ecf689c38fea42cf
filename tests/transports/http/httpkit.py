"""A reactor on a thread, a listening door, certificates, and an inbound port that keeps what it is given."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from gateway.messages.ids import derived_id
from gateway.messages.ports import Answer, Receipt, Received
from gateway.transports.http import HttpAccount, HttpReceiver, HttpServer
from tests.transports.reactorkit import Reactor

TOKEN = "t0ken-of-the-partner"


class Inbound:
    """Knows an identity again, as the store does."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.raises: Callable[[Received], None] = lambda received: None
        self._lock = threading.Lock()

    def receive(self, received: Received) -> Receipt:
        self.raises(received)
        with self._lock:
            transmission = derived_id("test", received.partner, received.transport_id)
            for one in self.received:
                if (one.partner, one.transport_id) == (received.partner, received.transport_id):
                    same = one.wire_sha256 == received.wire_sha256
                    return Receipt(transmission, duplicate=same, conflict=not same)
            self.received.append(received)
            return Receipt(transmission)

    def earlier(self, transport: str, partner: str, transport_id: str) -> tuple[str, Answer | None] | None:
        return None


class Access:
    def __init__(self, *accounts: HttpAccount) -> None:
        self.accounts = {account.partner: account for account in accounts}

    def account(self, partner: str) -> HttpAccount | None:
        return self.accounts.get(partner)


@contextmanager
def live(reactor: Reactor, receiver: HttpReceiver, **options: Any) -> Iterator[HttpServer]:
    """A listening door on a free loopback port."""
    server = HttpServer(reactor.reactor, receiver, port=0, **options)
    reactor.call(server.start)
    try:
        yield server
    finally:
        reactor.call(server.stop)


def post(
    server: HttpServer,
    body: bytes = b"ISA*...",
    *,
    partner: str = "harbor",
    token: str | None = TOKEN,
    method: str = "POST",
    path: str | None = None,
    context: ssl.SSLContext | None = None,
    **headers: str,
) -> tuple[int, dict[str, Any], dict[str, str]]:
    """(status, JSON, headers) of one request."""
    host, port = server.address
    connection: http.client.HTTPConnection
    if context is None:
        connection = http.client.HTTPConnection(host, port, timeout=15)
    else:
        connection = http.client.HTTPSConnection(host, port, timeout=15, context=context)
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    if token is not None:
        given["Authorization"] = f"Bearer {token}"
    connection.request(method, path or f"/in/{partner}", body, given)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, json.loads(text) if text else {}, dict(answer.getheaders())


def certificate(folder: Path, name: str) -> tuple[Path, Path, str]:
    """(certificate file, key file, SHA-256 fingerprint) of a new self-signed certificate for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / f"{name}.pem", folder / f"{name}.key"
    certificate_file.write_bytes(made.public_bytes(Encoding.PEM))
    key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return certificate_file, key_file, made.fingerprint(hashes.SHA256()).hex()
