"""What a posted message becomes: judged at its headers, stored, then answered with its id. No sockets here."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from email.message import Message

from gateway.messages.ports import Answer, AnswerPort, InboundPort, Received
from gateway.store.errors import StoreBusyError, StoreClosedError
from gateway.transports.filenames import name_problem
from gateway.transports.http.access import HttpAccess, HttpAccount, opens

__all__ = ["Admitted", "HttpReceiver", "RequestHead", "problem"]

#: Where cXML is posted: who sent it is proved by the credential and shared secret in its header.
CXML_PATH = "/cxml"
_CXML_BYTES = 10 * 1024 * 1024
_PATH = re.compile(r"/in/([a-z0-9][a-z0-9-]{0,39})")
_BEARER = re.compile(r"Bearer +([A-Za-z0-9._~+/=-]{1,512})", re.IGNORECASE)
_KEY = re.compile(r"[\x21-\x7e]{1,200}")
_JSON = ("Content-Type", "application/json")
_DEFAULT_TYPE = "application/octet-stream"


def problem(status: int, sentence: str, *headers: tuple[str, str]) -> Answer:
    """An answer that refuses, with its sentence as JSON."""
    body = json.dumps({"error": sentence}, ensure_ascii=True).encode("ascii") + b"\n"
    return Answer(status, (_JSON, *headers), body)


#: The one answer whoever may not post gets; it does not tell whether the partner exists.
SHUT = problem(401, "A token or client certificate of this partner is needed.", ("WWW-Authenticate", "Bearer"))
NOT_FOUND = problem(404, "There is nothing here; messages are posted to /in/PARTNER.")
WRONG_METHOD = problem(405, "Only POST is served here.", ("Allow", "POST"))
TOO_LARGE = problem(413, "The message is larger than what is accepted here.")
ENCODED = problem(415, "Content-Encoding is not accepted; send the message as it is.")
MULTIPART = problem(415, "Form uploads are not accepted; send the message itself as the body.")
BAD_KEY = problem(400, "Idempotency-Key must be given once: 1 to 200 visible ASCII characters.")
EMPTY = problem(400, "The body is empty; send the message as the body.")
CONFLICT = problem(409, "This Idempotency-Key was used before for another message; use a new one for each message.")
BUSY = problem(503, "The message could not be stored now; send it again later.", ("Retry-After", "60"))


@dataclass(frozen=True, slots=True)
class RequestHead:
    """What is known of a request before its body."""

    method: str
    #: Without the query.
    path: str
    #: Names in small letters → every value.
    headers: dict[str, tuple[str, ...]]
    #: Network address of the sender.
    address: str = ""
    #: SHA-256 (hex) of the TLS client certificate, "" for none.
    certificate: str = ""

    def first(self, name: str) -> str:
        """The first value of a header, "" when there is none."""
        return next(iter(self.headers.get(name, ())), "")


@dataclass(frozen=True, slots=True)
class Admitted:
    """A request that may send its body."""

    account: HttpAccount
    #: "token", "certificate", "both"; "credential" when only the content can say who it is from.
    by: str
    #: The Idempotency-Key, "" for none.
    key: str


#: Stands for whoever posts to `/cxml` until the content has said who it is.
_STRANGER = HttpAccount("", max_body_bytes=_CXML_BYTES)


class HttpReceiver:
    """Judges and stores posted messages. Thread-safe.

    ``answers`` gives cXML requests their Response; without it there is no `/cxml`. ``on_refused`` gets (partner as in
    the path, address) of requests without a good token or certificate.
    """

    def __init__(
        self,
        access: HttpAccess,
        inbound: InboundPort,
        *,
        answers: AnswerPort | None = None,
        on_refused: Callable[[str, str], None] | None = None,
    ) -> None:
        self._access, self._inbound, self._answers = access, inbound, answers
        self._on_refused = on_refused

    def judge(self, head: RequestHead) -> Admitted | Answer:
        """Whether the body may come, by the headers alone; an Answer refuses."""
        if head.path == CXML_PATH and self._answers is not None:
            return self._judge_content(head, Admitted(_STRANGER, "credential", ""))
        path = _PATH.fullmatch(head.path)
        if path is None:
            return NOT_FOUND
        if head.method != "POST":
            return WRONG_METHOD
        account = self._access.account(path[1])
        bearer = _BEARER.fullmatch(head.first("authorization").strip())
        by = opens(account, bearer[1] if bearer else "", head.certificate)
        if account is None or not by:
            if self._on_refused is not None:
                self._on_refused(path[1], head.address)
            return SHUT
        return self._judge_content(head, Admitted(account, by, ""))

    @staticmethod
    def _judge_content(head: RequestHead, admitted: Admitted) -> Admitted | Answer:
        """Method, coding, type and key: what is asked of whoever posts."""
        if head.method != "POST":
            return WRONG_METHOD
        if head.first("content-encoding").lower() not in ("", "identity"):
            return ENCODED
        if head.first("content-type").lower().lstrip().startswith("multipart/"):
            return MULTIPART
        keys = head.headers.get("idempotency-key", ())
        if len(keys) > 1 or (keys and not _KEY.fullmatch(keys[0])):
            return BAD_KEY
        return replace(admitted, key=keys[0] if keys else "")

    def take(self, head: RequestHead, admitted: Admitted, body: bytes) -> Answer:
        """Store a complete message; 202 with its id once it is durable.

        The same key with the same body gets the same answer; with another body 409. Without a key the body's own
        digest is the key: the same bytes are one message.
        """
        if not body:
            return EMPTY
        if len(body) > admitted.account.max_body_bytes:
            return TOO_LARGE
        partner: str | Answer = admitted.account.partner
        if admitted.by == "credential" and self._answers is not None:
            partner = self._answers.partner_of(body)
        if isinstance(partner, Answer):
            if self._on_refused is not None:
                self._on_refused("", head.address)
            return partner
        digest = hashlib.sha256(body).hexdigest()
        own = self._answers.answer(partner, body) if self._answers is not None else None
        received = Received(
            transport="http",
            partner=partner,
            payload=body,
            transport_id=_identity(admitted.key, own[0] if own else "", digest),
            answer=own[1] if own else None,
            wire_sha256=digest,
            filename=_filename(head.first("content-disposition")),
            content_type=head.first("content-type")[:200] or _DEFAULT_TYPE,
            facts={
                "address": head.address,
                "opened_by": admitted.by,
                "client_certificate": head.certificate,
                "idempotency_key": admitted.key,
                "user_agent": head.first("user-agent")[:200],
            },
        )
        try:
            receipt = self._inbound.receive(received)
        except (StoreBusyError, StoreClosedError):
            return BUSY
        if receipt.conflict:
            return self._answers.conflict() if own is not None and self._answers is not None else CONFLICT
        if own is not None and receipt.answer is not None:
            return receipt.answer
        return Answer(202, (_JSON,), json.dumps({"id": receipt.transmission_id}).encode("ascii") + b"\n")


def _identity(key: str, own: str, digest: str) -> str:
    """What makes a message the same one again: its payloadID, else the client's key, else its bytes."""
    if own:
        return f"payload:{own}"
    return f"key:{key}" if key else f"body:{digest}"


def _filename(disposition: str) -> str | None:
    """The file name of a Content-Disposition header (RFC 6266), or None when there is none that may be kept."""
    if not disposition:
        return None
    header = Message()
    header["Content-Disposition"] = disposition
    name = header.get_filename()
    if not name or name.startswith(".") or name_problem(name.encode("utf-8", "surrogateescape")):
        return None
    return name
