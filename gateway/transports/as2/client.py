"""Deliver over AS2: build the wire once, POST it from a worker thread, and believe only a receipt that proves
it.
"""

from __future__ import annotations

import base64
import logging
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from queue import SimpleQueue

from gateway.messages.ports import Answer, Delivery, DeliveryOutcome, Outcome, PreparedWire
from gateway.transports.as2.building import Outbound, build_message
from gateway.transports.as2.headers import http_fields, parse_name
from gateway.transports.as2.mdn import Expected, open_mdn
from gateway.transports.as2.mime import MimeError
from gateway.transports.as2.post import HttpAnswer, PostError, post
from gateway.transports.as2.receipts import settle
from gateway.transports.as2.relationship import As2Directory, As2Relationship, origin

__all__ = ["As2Delivery", "ReceiptSender"]

_log = logging.getLogger(__name__)
#: Answers after which the same request may succeed later (RFC 9110, RFC 6585).
_TRY_AGAIN = frozenset({408, 425, 429})
_STATUS_WORDS = {
    301: "moved; redirects are not followed, correct the address in the profile",
    302: "redirected; redirects are not followed, correct the address in the profile",
    307: "redirected; redirects are not followed, correct the address in the profile",
    308: "moved; redirects are not followed, correct the address in the profile",
    400: "does not understand the request",
    401: "demands a user and password: set http_auth in the profile",
    403: "forbids it: compare both AS2 names and our network address with the partner",
    404: "has no AS2 service at this address: correct the url in the profile",
    405: "takes no POST at this address: correct the url in the profile",
    413: "takes no message of this size",
    415: "does not take this content type",
}


class As2Delivery:
    """Implements ``DeliveryPort`` for AS2. Thread-safe; ``clock`` gives aware instants."""

    def __init__(self, directory: As2Directory, *, clock: Callable[[], datetime]) -> None:
        self._directory = directory
        self._clock = clock

    def prepare(self, delivery: Delivery) -> PreparedWire:
        """Build headers, body and MICs once, under the Message-ID that the delivery already has.

        Raises LookupError when the partner has no AS2 relationship, ValueError when a key, certificate or
        address is missing or a legacy algorithm's last day has passed; each with a sentence for staff.
        """
        relationship = self._directory.for_partner(delivery.partner)
        now = self._clock()
        protection = relationship.protection_at(now)
        built = build_message(
            Outbound(
                payload=delivery.payload,
                content_type=delivery.content_type or relationship.content_type,
                filename=delivery.filename,
                message_id=delivery.transport_id,
                as2_from=relationship.our_name,
                as2_to=relationship.their_name,
                date=delivery.created_at,
                subject=relationship.subject,
            ),
            protection,
            relationship.receipt,
            relationship.signing_key(now),
            relationship.encryption_certificate(now) if protection.encrypt else None,
        )
        return PreparedWire(built.headers, built.body, delivery.transport_id, built.mics)

    def deliver(self, delivery: Delivery, wire: PreparedWire) -> DeliveryOutcome:
        """Make one attempt with the frozen wire. Never raises for what a peer or the network does."""
        try:
            relationship = self._directory.for_partner(delivery.partner)
        except LookupError as error:
            return DeliveryOutcome(Outcome.FAILED, str(error.args[0] if error.args else error))
        if not relationship.url:
            return DeliveryOutcome(
                Outcome.FAILED, f"The profile of {delivery.partner} has no AS2 url: add it, then send again."
            )
        try:
            answer = _post(relationship, relationship.url, wire.headers, wire.body, self._clock())
        except PostError as error:
            return DeliveryOutcome(Outcome.FAILED if error.final else Outcome.RETRY, str(error))
        return self._judge(relationship, wire, answer)

    def _judge(self, relationship: As2Relationship, wire: PreparedWire, http: HttpAnswer) -> DeliveryOutcome:
        fields = http_fields(wire.headers)
        evidence = Answer(http.status, http.headers, http.body)
        if not 200 <= http.status < 300:
            return _by_status(evidence)
        wanted = bool(fields.get("disposition-notification-to"))
        later = bool(fields.get("receipt-delivery-option"))
        if not wanted or (later and not http.body.strip()):
            words = "its receipt comes later" if wanted else "no receipt was asked for"
            return DeliveryOutcome(
                Outcome.SENT, f"The partner's server took the message; {words}.", http.status, evidence
            )
        if not http.body.strip():
            return DeliveryOutcome(
                Outcome.RETRY,
                f"The partner's server answered {http.status} without the receipt that was asked for; whether it "
                "has the message is not known. The same message is sent again.",
                http.status,
                evidence,
            )
        now = self._clock()
        algorithms = relationship.policy_at(now).algorithms
        try:
            mdn = open_mdn(http_fields(http.headers), http.body, relationship.their_certificates, algorithms, now)
        except MimeError as error:
            return DeliveryOutcome(
                Outcome.SENT if later else Outcome.RETRY,
                f"The partner's server answered {http.status} with something that is no receipt: {error}.",
                http.status,
                evidence,
            )
        expected = Expected(
            message_id=wire.transport_id,
            our_name=parse_name(fields.get("as2-from")) or "",
            their_name=parse_name(fields.get("as2-to")) or "",
            mics=wire.mics,
            signed="signed-receipt-micalg" in fields.get("disposition-notification-options"),
        )
        evidence = Answer(http.status, http.headers, http.body, mdn.disposition)
        return settle(mdn, expected, evidence, unproven=Outcome.RETRY)


def _post(
    relationship: As2Relationship, url: str, headers: Sequence[tuple[str, str]], body: bytes, now: datetime
) -> HttpAnswer:
    """POST to the partner; credentials and extra headers go to the partner's own server only."""
    own = origin(url) == origin(relationship.url)
    extra = list(relationship.extra_headers) if own else []
    if own and relationship.auth is not None:
        pair = f"{relationship.auth.user}:{relationship.auth.password}".encode()
        extra.append(("Authorization", f"Basic {base64.b64encode(pair).decode('ascii')}"))
    return post(
        url,
        [*headers, *extra],
        body,
        connect_timeout=relationship.connect_timeout,
        response_timeout=relationship.response_timeout,
        tls=relationship.tls,
        pinned=relationship.active("tls", now),
    )


def _by_status(answer: Answer) -> DeliveryOutcome:
    """The outcome of an answer outside 2xx."""
    status = answer.status
    text = " ".join(answer.body[:300].decode("utf-8", "replace").split())
    said = f" It says: “{text}”" if text and text.isprintable() and not text.startswith("<") else ""
    if status >= 500 or status in _TRY_AGAIN:
        return DeliveryOutcome(
            Outcome.RETRY,
            f"The partner's server cannot take the message now ({status}).{said}",
            status,
            answer,
        )
    words = _STATUS_WORDS.get(status, "refuses the message")
    return DeliveryOutcome(Outcome.FAILED, f"The partner's server {words} ({status}).{said}", status, answer)


class ReceiptSender:
    """Sends asynchronous receipts on their own connections, with a few retries.

    Waiting receipts live in memory: one that is lost with the process is sent again when the partner repeats
    its message, because the receipt itself is stored with it.
    """

    #: Seconds before the second, third … attempt.
    RETRY_SECONDS = (30.0, 120.0, 600.0)

    def __init__(
        self,
        *,
        clock: Callable[[], datetime],
        on_done: Callable[[str, str, str], None] | None = None,
        retry_seconds: Sequence[float] = RETRY_SECONDS,
    ) -> None:
        """``on_done`` gets (partner, url, "" or the sentence why it was given up)."""
        self._clock = clock
        self._on_done = on_done
        self._delays = tuple(retry_seconds)
        self._queue: SimpleQueue[tuple[As2Relationship, str, Answer, int] | None] = SimpleQueue()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="as2-receipts", daemon=True)
        self._thread.start()

    def __call__(self, relationship: As2Relationship, url: str, answer: Answer) -> None:
        """Queue one receipt; the address was checked against the partner's list by the receiver."""
        self._queue.put((relationship, url, answer, 0))

    def stop(self, timeout: float = 10.0) -> None:
        """End the thread after the receipt that is on its way."""
        self._stopping.set()
        self._queue.put(None)
        self._thread.join(timeout)

    def _run(self) -> None:
        while (item := self._queue.get()) is not None and not self._stopping.is_set():
            relationship, url, answer, attempt = item
            problem = self._attempt(relationship, url, answer)
            if problem and attempt < len(self._delays):
                again = (relationship, url, answer, attempt + 1)
                timer = threading.Timer(self._delays[attempt], self._queue.put, (again,))
                timer.daemon = True
                timer.start()
            else:
                self._report(relationship.partner_code, url, problem)

    def _report(self, partner: str, url: str, problem: str) -> None:
        if problem:
            _log.warning("The receipt for %s was not taken by %s: %s", partner, url, problem)
        if self._on_done is None:
            return
        try:
            self._on_done(partner, url, problem)
        except Exception:  # noqa: BLE001 - the thread outlives what its callback does
            _log.exception("Recording the receipt for %s failed", partner)

    def _attempt(self, relationship: As2Relationship, url: str, answer: Answer) -> str:
        """ "" when the partner took it, else why not."""
        try:
            got = _post(relationship, url, answer.headers, answer.body, self._clock())
        except PostError as error:
            return str(error)
        return "" if 200 <= got.status < 300 else _by_status(Answer(got.status, got.headers, got.body)).reason
