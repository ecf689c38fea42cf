"""Alerts over a pipeline with a clock of the test's own, and the ends that take them: a mail server and a receiver."""

from __future__ import annotations

import base64
import email
import email.policy
import hashlib
import hmac
import json
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import select

from gateway.alerts.context import Alerting, Machine
from gateway.alerts.models import Alert, AlertChannel, AlertDelivery
from gateway.alerts.operations import OPERATIONS
from gateway.alerts.runner import Runner
from gateway.messages.axes import Review
from gateway.messages.cases import close_case, open_case
from gateway.messages.models import CaseFile
from gateway.settings import AlertSettings
from gateway.store.secrets import Kek, put_secret
from tests.pipeline.pipelinekit import Kit

KEK = Kek(bytes(range(32)), "test")
PASSWORD = "kettle-violet-42"


class AlertKit:
    """A pipeline with alerts; nothing is sent unless the test says so."""

    def __init__(self, kit: Kit, machine: Machine | None = None, **settings: Any) -> None:
        self.kit = kit
        self.settings: dict[str, Any] = {"allow_private_webhooks": True, **settings}
        self.machine = machine or Machine()
        self.restart()

    def restart(self, **settings: Any) -> None:
        """A new process over the same store, with other settings if given."""
        self.settings.update(settings)
        self.alerting = Alerting(
            read=self.kit.store.read,
            write=self.kit.store.writer.run,
            kek=KEK,
            clock=lambda: self.kit.now,
            settings=AlertSettings.model_validate(self.settings),
            directory=self.kit.pipeline.directory,
            company="Alpine Supply",
            time_zone="UTC",
            base_url=lambda: "https://edi.example.com",
            machine=self.machine,
        )
        self.runner = Runner(self.alerting)

    # -- doing -------------------------------------------------------------------------------------------------

    def write(self, work: Callable[[Any], Any]) -> Any:
        return self.kit.store.writer.run(work)

    def operate(self, name: str, /, **parameters: Any) -> Any:
        return OPERATIONS[name](self.alerting, {"actor": "adam", **parameters})

    def add_mail(self, *addresses: str, **fields: Any) -> str:
        target = "\n".join(addresses or ("edi@us.example",))
        return str(self.operate("alert.add", **{"name": "Staff", "kind": "mail", "target": target, **fields})["id"])

    def add_webhook(self, url: str, **fields: Any) -> tuple[str, bytes]:
        """(id, signing key) of a new channel."""
        made = self.operate("alert.add", **{"name": "Hook", "kind": "webhook", "target": url, **fields})
        return made["id"], base64.b64decode(made["key"].removeprefix("whsec_"))

    def add_secret(self, name: str, value: str) -> None:
        self.write(
            lambda session: put_secret(session, KEK, name, value.encode(), kind="plain", now=self.kit.now, replace=True)
        )

    def look(self) -> int:
        """One look of the runner five seconds later, and everything sent that it found due."""
        self.kit.pass_time(seconds=5)
        made = self.runner.look()
        assert self.runner.sender.wait(60)
        return made

    def fail(self, fingerprint: str, member: str = "m1", **values: Any) -> str:
        """A message has a problem; the case's id."""
        return self.fail_all([(fingerprint, member)], **values)[0]

    def fail_all(self, pairs: Sequence[tuple[str, str]], **values: Any) -> list[str]:
        """Messages have problems: (fingerprint, message) each; the cases' ids."""
        told = {
            "title": "An order from Harbor Retail was rejected: something is wrong.",
            "fault": "invalid",
            "partner": "harbor",
            "subject_type": "document",
            "suggestion": "Ask the partner.",
            "whose_fault": "partner",
            **values,
        }

        def work(session: Any) -> list[str]:
            now = self.kit.now
            return [
                open_case(session, fingerprint=fingerprint, subject_id=member, now=now, **told)
                for fingerprint, member in pairs
            ]

        return list(self.write(work))

    def close(self, case_id: str, outcome: Review = Review.RESOLVED) -> None:
        def work(session: Any) -> None:
            case = session.get_one(CaseFile, case_id)
            assert close_case(session, case, outcome, actor="kim", reason="done", now=self.kit.now)

        self.write(work)

    # -- asking ------------------------------------------------------------------------------------------------

    def alerts(self) -> list[Alert]:
        """Every alert, the oldest first, but for the partner's start."""
        with self.kit.store.read() as session:
            query = select(Alert).where(Alert.fingerprint != "security|live|harbor")
            return list(session.scalars(query.order_by(Alert.created_at, Alert.id)))

    def told(self) -> list[str]:
        """ "opened: sentence" of every alert, the oldest first."""
        return [f"{alert.change}: {alert.sentence}" for alert in self.alerts()]

    def deliveries(self, **filters: Any) -> list[AlertDelivery]:
        with self.kit.store.read() as session:
            return list(session.scalars(select(AlertDelivery).filter_by(**filters).order_by(AlertDelivery.created_at)))

    def channel(self, identity: str) -> AlertChannel:
        with self.kit.store.read() as session:
            return session.get_one(AlertChannel, identity)


# -- a receiver of webhooks ----------------------------------------------------------------------------------


class Receiver:
    """A real HTTP server that keeps what is posted to it and answers as it is told."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.posts: list[tuple[dict[str, str], bytes]] = []
        #: Statuses of the next answers; 200 when empty.
        self.answers: list[int] = []
        #: Answers wait for this.
        self.open = threading.Event()
        self.open.set()
        self.came = threading.Semaphore(0)
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.posts.append((dict(self.headers.items()), body))
                receiver.came.release()
                receiver.open.wait(60)
                status = receiver.answers.pop(0) if receiver.answers else 200
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "http://127.0.0.1:1/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{'https' if tls else 'http'}://localhost:{self._server.server_address[1]}/hooks/sesame-open"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.open.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def contents(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.posts]

    def is_signed(self, key: bytes, index: int = -1) -> bool:
        """Check a signature as a receiver does, from the standard's text."""
        headers, body = self.posts[index]
        signed = f"{headers['Webhook-Id']}.{headers['Webhook-Timestamp']}.".encode() + body
        wanted = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        return headers["Webhook-Signature"].split(" ") == [f"v1,{wanted}"]


@contextmanager
def receiver(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    made = Receiver(tls)
    try:
        yield made
    finally:
        made.close()


# -- a mail server -------------------------------------------------------------------------------------------


class MailServer:
    """Twisted's SMTP server with STARTTLS and logins, on a port of the system's choice."""

    def __init__(self, reactor: Any, certificate: tuple[Path, Path] | None, *, implicit_tls: bool = False) -> None:
        from twisted.cred import checkers, portal
        from twisted.internet import ssl as tls
        from twisted.mail import imap4, smtp
        from twisted.protocols import tls as tls_protocol
        from zope.interface import implementer

        self.mails: list[tuple[str, list[str], bytes]] = []
        #: Addresses that are refused, and a temporary failure for whole messages.
        self.refused: set[str] = set()
        self.busy = False
        self.logins: list[bytes] = []
        server = self

        @implementer(smtp.IMessage)
        class Message:
            def __init__(self, sender: str, user: str) -> None:
                self.sender, self.user, self.lines = sender, user, []

            def lineReceived(self, line: bytes) -> None:
                self.lines.append(line)

            def eomReceived(self) -> Any:
                from twisted.internet import defer

                if server.busy:
                    return defer.fail(smtp.SMTPServerError(550, b"try later"))
                body = b"\r\n".join(self.lines)
                if server.is_open and server.mails:  # the same message for the next address
                    server.mails[-1][1].append(self.user)
                else:
                    server.mails.append((self.sender, [self.user], body))
                    server.is_open = True
                return defer.succeed(None)

            def connectionLost(self) -> None: ...

        @implementer(smtp.IMessageDelivery)
        class Delivery:
            def receivedHeader(self, *_: object) -> bytes:
                return b"Received: from tests"

            def validateFrom(self, _helo: object, origin: Any) -> Any:
                self.sender = str(origin)
                server.is_open = False
                return origin

            def validateTo(self, user: Any) -> Any:
                address = str(user.dest)
                if address in server.refused:
                    raise smtp.SMTPBadRcpt(user)
                return lambda: Message(self.sender, address)

        @implementer(portal.IRealm)
        class Realm:
            def requestAvatar(self, _avatar: object, _mind: object, *_interfaces: object) -> Any:
                server.logins.append(b"in")
                return smtp.IMessageDelivery, Delivery(), lambda: None

        self.is_open = False
        check = checkers.InMemoryUsernamePasswordDatabaseDontUse(gateway=PASSWORD.encode())
        context = None if certificate is None else tls.DefaultOpenSSLContextFactory(
            str(certificate[1]), str(certificate[0])
        )  # fmt: skip

        class Factory(smtp.SMTPFactory):
            def buildProtocol(self, _addr: object) -> Any:
                protocol = smtp.ESMTP(contextFactory=None if implicit_tls else context)
                protocol.factory = self
                protocol.portal = portal.Portal(Realm(), [check])
                protocol.challengers = {b"LOGIN": imap4.LOGINCredentials, b"PLAIN": imap4.PLAINCredentials}
                protocol.delivery = None if certificate else Delivery()
                server.protocols.append(protocol)
                return protocol

        self.protocols: list[Any] = []

        # Twisted's TLS takes the global reactor for its clock, which does not run here.
        self._clock = tls_protocol._get_default_clock
        tls_protocol._get_default_clock = lambda: reactor.reactor

        def listen() -> Any:
            factory: Any = Factory()
            if implicit_tls:
                factory = tls_protocol.TLSMemoryBIOFactory(context, False, factory)
            return reactor.reactor.listenTCP(0, factory, interface="127.0.0.1")

        self._reactor = reactor
        self._port = reactor.call(listen)
        self.port: int = self._port.getHost().port

    def close(self) -> None:
        def end() -> Any:
            for protocol in self.protocols:
                protocol.setTimeout(None)
                if protocol.transport is not None:
                    protocol.transport.loseConnection()
            return self._port.stopListening()

        from twisted.protocols import tls as tls_protocol

        self._reactor.call(end)
        tls_protocol._get_default_clock = self._clock

    @property
    def parsed(self) -> list[EmailMessage]:
        made = [email.message_from_bytes(body, policy=email.policy.default) for _, _, body in self.mails]
        return [mail for mail in made if isinstance(mail, EmailMessage)]


def make_certificate(folder: Path, name: str = "localhost") -> tuple[Path, Path]:
    """(certificate, key) files of a server that is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / f"{name}.crt", folder / f"{name}.key"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths
