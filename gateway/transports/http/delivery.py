"""Posting documents to a partner's web address; a cXML Response in the answer says what became of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.messages.ports import Answer, Delivery, DeliveryOutcome, Outcome, PreparedWire
from gateway.standards.xml.reconcile import read_response
from gateway.transports.as2.post import HttpAnswer, PostError, post

__all__ = ["HttpDelivery", "HttpTarget"]

_TRY_AGAIN = frozenset({408, 425, 429})
#: cXML Status of a request whose sender was not believed: nobody looked at the document.
_SHUT = frozenset({"401", "403"})


@dataclass(frozen=True, slots=True)
class HttpTarget:
    """Where one partner takes documents over HTTP."""

    url: str
    #: Bearer token that its server wants, "" for none.
    token: str = field(default="", repr=False)
    #: Seconds.
    connect_timeout: float = 30.0
    response_timeout: float = 120.0


class HttpDelivery:
    """Implements ``DeliveryPort``; ``target`` gives a partner's address, or LookupError with a sentence."""

    def __init__(self, target: Callable[[str], HttpTarget]) -> None:
        self._target = target

    def prepare(self, delivery: Delivery) -> PreparedWire:
        """The body as it is; a token is added when it is sent, so that it is stored nowhere."""
        self._target(delivery.partner)
        headers = (("Content-Type", f"{delivery.content_type}; charset=UTF-8"), ("User-Agent", "edi-gateway"))
        return PreparedWire(headers, delivery.payload, delivery.transport_id)

    def deliver(self, delivery: Delivery, wire: PreparedWire) -> DeliveryOutcome:
        """Make one attempt. Never raises for what a peer or the network does."""
        try:
            target = self._target(delivery.partner)
        except LookupError as error:
            return DeliveryOutcome(Outcome.FAILED, str(error.args[0] if error.args else error))
        authorization = (("Authorization", f"Bearer {target.token}"),) if target.token else ()
        try:
            answer = post(
                target.url,
                (*wire.headers, *authorization),
                wire.body,
                connect_timeout=target.connect_timeout,
                response_timeout=target.response_timeout,
            )
        except PostError as error:
            return DeliveryOutcome(Outcome.FAILED if error.final else Outcome.RETRY, str(error))
        return _judge(wire, answer)


def _judge(wire: PreparedWire, answer: HttpAnswer) -> DeliveryOutcome:
    evidence = Answer(answer.status, answer.headers, answer.body)
    status = answer.status
    if status >= 500 or status in _TRY_AGAIN:
        sentence = f"The partner's server cannot take the document now (HTTP {status})."
        return DeliveryOutcome(Outcome.RETRY, sentence, status, evidence)
    if not 200 <= status < 300:
        sentence = f"The partner's server refuses the document (HTTP {status}). Check the address and the token."
        return DeliveryOutcome(Outcome.FAILED, sentence, status, evidence)
    if b"<cXML" not in wire.body[:4096]:
        return DeliveryOutcome(Outcome.CONFIRMED, f"The partner's server took it (HTTP {status}).", status, evidence)
    response = read_response(answer.body)
    if response is None:
        sentence = (
            f"The partner's server answered HTTP {status} without a cXML Response; whether it has the document is not "
            "known. The same document is sent again."
        )
        return DeliveryOutcome(Outcome.RETRY, sentence, status, evidence)
    said = f"cXML status {response.code}" + (f": {' '.join(response.sentences)}" if response.sentences else ".")
    if response.temporary:
        return DeliveryOutcome(Outcome.RETRY, f"The partner cannot take it now, {said}", status, evidence)
    if response.code in _SHUT:
        sentence = f"The partner did not believe our credential or shared secret, {said}"
        return DeliveryOutcome(Outcome.FAILED, sentence, status, evidence)
    return DeliveryOutcome(Outcome.CONFIRMED, f"The partner's server took it and answered {said}", status, evidence)
