"""One received AS2 request becomes one answer: find the partner, open, store, then answer.

``As2Receiver.handle`` is synchronous and knows nothing of sockets. Its order is the promise of the gateway:
the message is durable before the receipt leaves. A repeated message gets its first receipt again, byte for
byte. A message that is refused never takes a Message-ID away from the real one: it is stored under the
identity ``<id> refused <digest>``, so nobody can block a partner's message by sending rubbish under its name
first.
"""

from __future__ import annotations

import hashlib
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from gateway.messages.ports import (
    Answer,
    DeliveryOutcome,
    InboundPort,
    Outcome,
    Received,
    ReceiveFailure,
)
from gateway.store.errors import PayloadRemovedError, StoreBusyError
from gateway.transports.as2.headers import (
    HttpFields,
    ReceiptRequest,
    http_fields,
    message_id_problem,
    new_message_id,
    parse_name,
    parse_receipt_request,
)
from gateway.transports.as2.mdn import Expected, MdnFacts, build_mdn, is_mdn, open_mdn
from gateway.transports.as2.mime import MimeError
from gateway.transports.as2.opening import OpenedMessage, mic_digest, open_message
from gateway.transports.as2.receipts import settle
from gateway.transports.as2.refusal import PROCESSED, As2Refusal, Kind
from gateway.transports.as2.relationship import As2Directory, As2Relationship

__all__ = ["BUSY", "TOO_LARGE", "UNKNOWN", "As2Receiver", "HttpRequest", "MdnPort", "plain", "reopen"]


def plain(status: int, sentence: str, *headers: tuple[str, str]) -> Answer:
    """An answer in plain text."""
    body = f"{sentence}\n".encode("ascii")
    return Answer(status, (("Content-Type", "text/plain; charset=us-ascii"), *headers), body)


#: The one answer for every pair of names that is not agreed; it does not tell which name is wrong.
UNKNOWN = plain(403, "This AS2 relationship is not known here.")
TOO_LARGE = plain(413, "The message is larger than what is accepted here.")
BUSY = plain(503, "The message could not be stored now; send it again later.", ("Retry-After", "60"))
_EMPTY = Answer(200, (), b"")
_UNREADABLE = plain(400, "This is not a readable disposition notification.")
_NO_SUCH = plain(404, "No message with this Original-Message-ID waits for a receipt.")
#: Header fields kept as evidence and for opening the message again.
_KEPT = frozenset(
    {
        "as2-from",
        "as2-to",
        "as2-version",
        "content-disposition",
        "content-transfer-encoding",
        "content-type",
        "date",
        "disposition-notification-options",
        "disposition-notification-to",
        "ediint-features",
        "message-id",
        "mime-version",
        "receipt-delivery-option",
        "subject",
        "user-agent",
    }
)
_RECEIPT_NOTE = "This receipt says that the message arrived. It says nothing about its business content."


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """What is known of a request besides its body."""

    headers: tuple[tuple[str, str], ...]
    #: Network address of the sender.
    address: str = ""


class MdnPort(Protocol):
    """Where asynchronous receipts meet the transmissions they confirm. Thread-safe."""

    def mics_of(self, partner: str, message_id: str) -> Mapping[str, str] | None:
        """``PreparedWire.mics`` of our transmission with this Message-ID to this partner; None when unknown."""
        ...

    def async_mdn(self, partner: str, message_id: str, outcome: DeliveryOutcome) -> None:
        """Record the outcome durably; the same one again changes nothing.

        ``outcome.outcome`` is CONFIRMED, FAILED, or SENT when the receipt proves nothing (still waiting).
        """
        ...


class _UnknownNotes:
    """Tells staff of an unknown pair at most once a minute for each address."""

    def __init__(self, notify: Callable[[str, str, str], None] | None) -> None:
        self._notify = notify
        self._told: dict[tuple[str, str, str], datetime] = {}
        self._lock = threading.Lock()

    def note(self, as2_from: str, as2_to: str, address: str, now: datetime) -> None:
        key = (as2_from, as2_to, address)
        with self._lock:
            last = self._told.get(key)
            if self._notify is None or (last is not None and now - last < timedelta(minutes=1)):
                return
            if len(self._told) >= 1000:
                self._told.clear()
            self._told[key] = now
        self._notify(*key)


@dataclass(frozen=True, slots=True)
class _Incoming:
    """One message on its way through ``handle``."""

    relationship: As2Relationship
    fields: HttpFields
    receipt: ReceiptRequest
    request: HttpRequest
    body: bytes
    digest: str
    now: datetime

    @property
    def message_id(self) -> str:
        return self.fields.get("message-id")


class As2Receiver:
    """Receives AS2 messages and asynchronous receipts for every relationship of a directory.

    ``clock`` gives aware instants; ``host`` is the right side of our Message-IDs. ``send_receipt`` takes
    (relationship, url, MDN) of an asynchronous receipt; ``on_unknown`` (as2_from, as2_to, address).
    """

    def __init__(
        self,
        directory: As2Directory,
        inbound: InboundPort,
        *,
        clock: Callable[[], datetime],
        host: str = "localhost",
        mdns: MdnPort | None = None,
        send_receipt: Callable[[As2Relationship, str, Answer], None] | None = None,
        on_unknown: Callable[[str, str, str], None] | None = None,
    ) -> None:
        self._directory = directory
        self._inbound = inbound
        self._clock = clock
        self._host = host
        self._mdns = mdns
        self._send_receipt = send_receipt
        self._unknown = _UnknownNotes(on_unknown)

    def relationship_of(self, request: HttpRequest) -> As2Relationship | None:
        """The relationship a request belongs to, or None."""
        fields = http_fields(request.headers)
        as2_from, as2_to = parse_name(fields.get("as2-from")), parse_name(fields.get("as2-to"))
        if not as2_from or not as2_to or {"as2-from", "as2-to"} & set(fields.doubled):
            return None
        return self._directory.find(as2_from, as2_to)

    def note_unknown(self, request: HttpRequest) -> None:
        """Tell staff that somebody used a pair of names that is not agreed, at most once a minute."""
        fields = http_fields(request.headers)
        as2_from, as2_to = (parse_name(fields.get(name)) or "" for name in ("as2-from", "as2-to"))
        self._unknown.note(as2_from, as2_to, request.address, self._clock())

    def handle(self, request: HttpRequest, body: bytes) -> Answer:
        """The answer to one complete request. What it acknowledges is durable when it returns."""
        relationship = self.relationship_of(request)
        if relationship is None:
            self.note_unknown(request)
            return UNKNOWN
        if len(body) > relationship.max_body_bytes:
            return TOO_LARGE
        fields = http_fields(request.headers)
        now = self._clock()
        if is_mdn(fields, body):
            return self._take_receipt(relationship, fields, request, body, now)
        digest = hashlib.sha256(body).hexdigest()
        receipt = parse_receipt_request(fields)
        incoming = _Incoming(relationship, fields, receipt, request, body, digest, now)
        try:
            return self._reply(incoming, self._take_message(incoming))
        except StoreBusyError:
            return BUSY

    def _take_message(self, incoming: _Incoming) -> Answer:
        """Store a message (or recognise it) and return its receipt."""
        partner = incoming.relationship.partner_code
        problem = message_id_problem(incoming.message_id)
        if problem:
            return self._refuse(incoming, As2Refusal(Kind.MESSAGE_ID, problem))
        earlier = self._earlier(partner, incoming.message_id)
        if earlier and earlier[0] == incoming.digest:
            return earlier[1] or _EMPTY
        try:
            opened = open_message(
                incoming.fields,
                incoming.body,
                incoming.relationship.policy_at(incoming.now),
                incoming.relationship.keyring(),
                incoming.now,
            )
        except As2Refusal as refusal:
            return self._refuse(incoming, refusal)
        answer = self._receipt(incoming, _conflict() if earlier else opened)
        receipt = self._inbound.receive(_received(incoming, opened, answer))
        if receipt.conflict:
            return self._receipt(incoming, _conflict())
        return receipt.answer or answer

    def _earlier(self, partner: str, identity: str) -> tuple[str, Answer | None] | None:
        """(digest, receipt) of the message that had this identity before.

        None also when its receipt is not kept any more: the message is opened once more, which gives the same MIC, and
        where the store knows the bytes it takes the new receipt for the lost one.
        """
        try:
            return self._inbound.earlier("as2", partner, identity)
        except PayloadRemovedError:
            return None

    def _refuse(self, incoming: _Incoming, refusal: As2Refusal) -> Answer:
        """Keep a refused message for staff, under an identity that stands in nobody's way."""
        identity = f"{incoming.message_id} refused {incoming.digest[:16]}".strip()
        earlier = self._earlier(incoming.relationship.partner_code, identity)
        if earlier and earlier[0] == incoming.digest:
            return earlier[1] or _EMPTY
        answer = self._receipt(incoming, refusal)
        receipt = self._inbound.receive(
            Received(
                transport="as2",
                partner=incoming.relationship.partner_code,
                payload=b"",
                wire=incoming.body,
                transport_id=identity,
                wire_sha256=incoming.digest,
                content_type=incoming.fields.get("content-type") or None,
                facts=_facts(incoming, refusal.facts),
                answer=answer,
                failure=ReceiveFailure(refusal.fault, refusal.reason, refusal.fix),
            )
        )
        return receipt.answer or answer

    def _receipt(self, incoming: _Incoming, result: OpenedMessage | As2Refusal) -> Answer:
        """The MDN for a message, or an empty answer when none was asked for."""
        accepted = isinstance(result, OpenedMessage)
        disposition = PROCESSED if isinstance(result, OpenedMessage) else result.disposition
        if not incoming.receipt.wanted:
            return Answer(200, (), b"", disposition)
        relationship = incoming.relationship
        text = "The message was received and stored." if accepted else ""
        if isinstance(result, As2Refusal):
            text = result.public_text
        fields = incoming.fields
        facts = MdnFacts(
            our_name=relationship.our_name,
            their_name=relationship.their_name,
            message_id=new_message_id(str(uuid.uuid4()), self._host),
            date=incoming.now,
            original_message_id=incoming.message_id,
            disposition=disposition,
            text=f"{text}\n\nMessage-ID: {_line(incoming.message_id)}\nSubject: {_line(fields.get('subject'))}\n"
            f"Date: {_line(fields.get('date'))}\n\n{_RECEIPT_NOTE}",
            mic=result.mic if isinstance(result, OpenedMessage) else "",
            mic_algorithm=result.mic_algorithm if isinstance(result, OpenedMessage) else "",
        )
        key = relationship.signing_key(incoming.now) or next(iter(relationship.our_keys), None)
        digests = relationship.policy_at(incoming.now).algorithms.digests
        digest = result.digest if isinstance(result, OpenedMessage) else mic_digest(incoming.receipt, None, digests)[0]
        headers, body = build_mdn(facts, key if incoming.receipt.signed else None, digest)
        return Answer(200, headers, body, disposition)

    def _reply(self, incoming: _Incoming, answer: Answer) -> Answer:
        """The HTTP answer: the MDN itself, or nothing yet when it goes out on its own connection."""
        url = incoming.receipt.url
        if not url or not answer.body or self._send_receipt is None:
            return answer
        if not incoming.relationship.may_receive_receipt(url):
            return answer
        self._send_receipt(incoming.relationship, url, answer)
        return Answer(204, (), b"", answer.disposition)

    def _take_receipt(
        self,
        relationship: As2Relationship,
        fields: HttpFields,
        request: HttpRequest,
        body: bytes,
        now: datetime,
    ) -> Answer:
        """An asynchronous MDN: match it with what we sent, judge it, record it."""
        policy = relationship.policy_at(now)
        try:
            mdn = open_mdn(fields, body, relationship.their_certificates, policy.algorithms, now)
        except MimeError:
            return _UNREADABLE
        message_id = mdn.original_message_id
        mics = self._mdns.mics_of(relationship.partner_code, message_id) if self._mdns else None
        if mics is None or self._mdns is None:
            return _NO_SUCH
        expected = Expected(
            message_id, relationship.our_name, relationship.their_name, mics, relationship.receipt.signed
        )
        evidence = Answer(0, _kept(request), body, mdn.disposition)
        outcome = settle(mdn, expected, evidence, unproven=Outcome.SENT)
        try:
            self._mdns.async_mdn(relationship.partner_code, message_id, outcome)
        except StoreBusyError:
            return BUSY
        return _EMPTY


def reopen(relationship: As2Relationship, headers: Iterable[Sequence[str]], wire: bytes, at: datetime) -> OpenedMessage:
    """Open a message that was kept, as staff replay a refused one: ``headers`` are ``facts["headers"]``.

    Raises As2Refusal when it is still refused.
    """
    fields = http_fields((item[0], item[1]) for item in headers)
    return open_message(fields, wire, relationship.policy_at(at), relationship.keyring(), at)


def _conflict() -> As2Refusal:
    return As2Refusal(Kind.CONFLICT, "The Message-ID was used before for other bytes.")


def _line(value: str) -> str:
    """A received header value for the text part of an MDN."""
    return "".join(character if character.isprintable() else "?" for character in value)[:998]


def _kept(request: HttpRequest) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in request.headers if name.lower() in _KEPT)


def _facts(incoming: _Incoming, seen: Mapping[str, Any]) -> dict[str, Any]:
    """What people may want to know of a message."""
    fields = incoming.fields
    facts: dict[str, Any] = {
        **seen,
        "as2_from": incoming.relationship.their_name,
        "as2_to": incoming.relationship.our_name,
        "message_id": incoming.message_id,
        "subject": fields.get("subject"),
        "address": incoming.request.address,
        "receipt": "none" if not incoming.receipt.wanted else "async" if incoming.receipt.url else "sync",
        "headers": [list(item) for item in _kept(incoming.request)],
    }
    url = incoming.receipt.url
    if url and not incoming.relationship.may_receive_receipt(url):
        facts["receipt_problem"] = (
            f"Receipts are to go to {url[:300]}, which is not on the partner's list: the receipt was given on the "
            "same connection. Add the address to allowed_receipt_urls if it is the partner's."
        )
    return facts


def _received(incoming: _Incoming, opened: OpenedMessage, answer: Answer) -> Received:
    return Received(
        transport="as2",
        partner=incoming.relationship.partner_code,
        payload=opened.payload,
        wire=incoming.body if incoming.body != opened.payload else None,
        transport_id=incoming.message_id,
        wire_sha256=incoming.digest,
        filename=opened.filename,
        content_type=opened.content_type,
        facts=_facts(incoming, opened.facts),
        answer=answer,
        mic=opened.mic,
        mic_algorithm=opened.mic_algorithm,
    )
