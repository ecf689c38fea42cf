"""What a receipt means for a delivery: an MDN and what was expected of it, turned into a delivery outcome."""

from __future__ import annotations

from gateway.messages.ports import Answer, DeliveryOutcome, Outcome
from gateway.transports.as2.mdn import Expected, Mdn, VerdictKind, judge_mdn

__all__ = ["settle"]


def settle(mdn: Mdn, expected: Expected, answer: Answer, *, unproven: Outcome) -> DeliveryOutcome:
    """Judge an MDN. ``answer`` is kept as evidence; ``unproven`` is the outcome of one that proves nothing."""
    verdict = judge_mdn(mdn, expected)
    outcomes = {
        VerdictKind.CONFIRMED: Outcome.CONFIRMED,
        VerdictKind.NEGATIVE: Outcome.FAILED,
        VerdictKind.UNPROVEN: unproven,
    }
    reason = verdict.reason
    if verdict.kind is VerdictKind.NEGATIVE and mdn.text and verdict.mic_matched is not False:
        reason = f"{reason} They say: “{' '.join(mdn.text.split())[:300]}”"
    return DeliveryOutcome(
        outcome=outcomes[verdict.kind],
        reason=reason,
        status=answer.status,
        answer=answer,
        mic_matched=verdict.mic_matched,
        mdn_signed=verdict.signed,
    )
