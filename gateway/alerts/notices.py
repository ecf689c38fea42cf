"""What staff read: one sentence for each alert, made of our own words, counts and names, never of a payload.

The sentence of a case names the kind of its documents, the partner and the rule's place (PO103), but no value that a
partner sent: alerts travel by mail and through other people's servers. What is wrong in full stands on the page.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from gateway.alerts.kinds import AlertKind, Change, kind_of_fault
from gateway.alerts.mail import one_line

__all__ = ["MOST_LISTED", "Notice", "case_notice", "content_of", "counted", "money_words", "subject_of", "text_of"]

#: Alerts that a digest lists one by one.
MOST_LISTED = 20
_MOST_WORDS = 300


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing that staff are told."""

    kind: AlertKind
    change: Change
    severity: str
    fingerprint: str
    sentence: str
    advice: str
    #: The page of ours that shows it.
    path: str
    whose: str = "unknown"
    partner: str | None = None
    case_id: str | None = None
    count: int | None = None
    #: (amount, currency) at stake.
    money: tuple[tuple[str, str], ...] = ()
    due_at: datetime | None = None
    #: When it happened; set once it is stored.
    at: datetime | None = None
    id: str = ""


_HEADS = {Change.OPENED: "", Change.WORSE: "Worse: ", Change.RESOLVED: "Resolved: "}
_SIDES = {"partner": "the partner's", "us": "ours"}
_KIND = re.compile(r"[a-z_]{3,40}")
_ELEMENT = re.compile(r"[A-Z][A-Z0-9]{1,2}\d{2}")
#: [singular|plural] in a sentence below.
_VERB = re.compile(r"\[(\w+)\|(\w+)\]")
_QUOTED = re.compile(r"“[^”]*”|\"[^\"]*\"")

#: Fault class → the sentence; {what} are the documents ("3 orders"), {partner} its name, {place} " at PO103" or "".
_SENTENCES: Mapping[str, str] = {
    "unreadable": "{what} from {partner} cannot be read.",
    "unknown_sender": "{what} came from a sender that no profile knows.",
    "sender_mismatch": "{what} from {partner} [names|name] another sender.",
    "unknown_receiver": "{what} from {partner} [names|name] a receiver that is not us.",
    "envelope": "{what} from {partner} [has|have] a broken envelope.",
    "duplicate_control_number": "{partner} used a control number again for other content: {what}.",
    "duplicate_message_id": "{partner} used a Message-ID again for other content: {what}.",
    "unknown_version": "{what} from {partner} [is|are] in a version that was not agreed on.",
    "unknown_set": "{what} from {partner} [is|are] of a kind that was not agreed on.",
    "invalid": "{what} from {partner} [breaks|break] a rule{place}.",
    "business_rule": "What {what} from {partner} [says|say] does not hold together.",
    "no_map": "{what} from {partner} [has|have] no map.",
    "mapping": "{what} from {partner} could not be mapped.",
    "approval": "{what} from {partner} [waits|wait] for an approval.",
    "order_difference": "{what} from {partner} [differs|differ] from the order.",
    "duplicate_number": "{what} from {partner} came under a number that was used before.",
    "test_data": "{what} of test data came from {partner}, who is live.",
    "partner_status": "{what} from {partner} [waits|wait], for the profile is not live.",
    "security": "{what} from {partner} could not be opened: signature, encryption or limits.",
    "posting": "The back office did not take {what} from {partner}.",
    "door": "The connection with {partner} needs somebody.",
    "delivery": "{what} to {partner} could not be delivered.",
    "rejected_by_partner": "{partner} rejected {what}.",
    "acknowledgement_overdue": "{partner} has not acknowledged {what} in time.",
    "acknowledgement_unmatched": "{partner} acknowledged something that we did not send.",
    "document_late": "We are late with the {rule} that follows {what} of {partner}.",
    "document_overdue": "{partner} is late with the {rule} that follows {what}.",
    "poison": "The gateway failed several times on {what} of {partner}.",
}


def case_notice(
    card: Mapping[str, Any], fingerprint: str, change: Change, partner: str, count: int | None = None
) -> Notice:
    """The alert of a case: ``card`` is ``queries_cases.case_card``, ``partner`` the partner's name."""
    number = count or (card["waiting"] if card["open"] else 0) or card["members"]
    template = _SENTENCES.get(
        card["fault"], "{what} of {partner} [needs|need] somebody: " + card["fault"].replace("_", " ") + "."
    )
    agreed = _VERB.sub(lambda verb: verb[1 if number == 1 else 2], template)
    words = {"what": _what(card, number), "partner": partner, "place": _place(fingerprint), "rule": _rule(fingerprint)}
    sentence = agreed.format(**words)
    if card["fault"] == "door" and "sftp-" not in fingerprint:
        sentence = _plain(card["title"])
    return Notice(
        kind=kind_of_fault(card["fault"]),
        change=change,
        severity=card["severity"],
        fingerprint=fingerprint,
        sentence=one_line(sentence[:1].upper() + sentence[1:], _MOST_WORDS),
        advice=_plain(card["suggestion"]),
        path=f"/failures/{card['id']}",
        whose=card["whose_fault"],
        partner=card["partner"],
        case_id=card["id"],
        count=number,
        money=tuple((amount, currency) for amount, currency in card["money"][:3]),
        due_at=datetime.fromisoformat(card["due_at"]) if card["due_at"] else None,
    )


def _what(card: Mapping[str, Any], number: int) -> str:
    """ "3 orders", or "3 messages" where there are several kinds or none."""
    kinds = card["kinds"]
    word = kinds[0][0].replace("_", " ") if len(kinds) == 1 else "message"
    return counted(number, word)


def counted(number: int, word: str) -> str:
    """ "1 order", "1,200 orders"."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _place(fingerprint: str) -> str:
    """ " at PO103" when the fingerprint of a rejected set names an element; the value after "=" is left out."""
    place = fingerprint.rpartition("|")[2].partition("=")[0]
    return f" at {place}" if _ELEMENT.fullmatch(place) else ""


def _rule(fingerprint: str) -> str:
    """The kind of document that a late case's fingerprint ends in, in words."""
    rule = fingerprint.rpartition("|")[2]
    return rule.replace("_", " ") if _KIND.fullmatch(rule) else "document"


def _plain(text: str) -> str:
    """A sentence without what stands in quotes: it may be a partner's value."""
    return one_line(_QUOTED.sub("…", text), _MOST_WORDS)


# -- mail ----------------------------------------------------------------------------------------------------


def subject_of(notices: Sequence[Notice], company: str, more: int = 0) -> str:
    """The subject of a message with these alerts."""
    if len(notices) == 1 and not more:
        notice = notices[0]
        mark = "CRITICAL: " if notice.severity == "critical" and notice.change is not Change.RESOLVED else ""
        return f"{company}: {mark}{_HEADS[notice.change]}{notice.sentence}"
    return f"{company}: {counted(len(notices) + more, 'alert')}"


def text_of(notices: Sequence[Notice], more: int, *, company: str, base: str, zone: str, now: datetime) -> str:
    """The text of a mail: everything of one alert, or a line and a link for each of several."""
    if len(notices) == 1 and not more:
        lines = _whole(notices[0], base, zone, now)
    else:
        lines = [f"{counted(len(notices) + more, 'alert')}:", ""]
        for notice in notices:
            lines += [f"- {_HEADS[notice.change]}{notice.sentence}", f"  {base}{notice.path}"]
        if more:
            lines += ["", f"and {more:,} more: {base}/alerts"]
    return "\n".join(
        [*lines, "", "-- ", f"The gateway of {one_line(company, 100)}", f"Channels and mutes: {base}/alerts", ""]
    )


def _whole(notice: Notice, base: str, zone: str, now: datetime) -> list[str]:
    facts = [
        ("Messages", f"{notice.count:,}" if notice.count else ""),
        ("At stake", ", ".join(money_words(amount, currency) for amount, currency in notice.money)),
        ("Deadline", "" if notice.due_at is None else f"{_exact(notice.due_at, zone)} ({_span(notice.due_at - now)})"),
        ("Whose side", _SIDES.get(notice.whose, "")),
        ("Since", "" if notice.at is None else _exact(notice.at, zone)),
    ]
    shown = [f"{name + ':':<12}{words}" for name, words in facts if words]
    advice = ["", f"What to do: {notice.advice}"] if notice.advice and notice.change is not Change.RESOLVED else []
    return [f"{_HEADS[notice.change]}{notice.sentence}", "", *shown, *advice, "", f"{base}{notice.path}"]


def money_words(amount: str, currency: str) -> str:
    """ "1,234.50 USD"."""
    try:
        return f"{Decimal(amount):,.2f} {currency}".strip()
    except InvalidOperation:
        return f"{amount} {currency}".strip()


def _exact(at: datetime, zone: str) -> str:
    local = at.astimezone(ZoneInfo(zone))
    return f"{local.day} {local:%b %Y %H:%M %Z}"


def _span(left: Any) -> str:
    seconds = left.total_seconds()
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if abs(seconds) >= size:
            words = f"{int(abs(seconds) // size)} {unit}"
            return f"in {words}" if seconds > 0 else f"{words} ago"
    return "now"


# -- webhook -------------------------------------------------------------------------------------------------


def content_of(notices: Sequence[Notice], more: int, *, company: str, base: str, now: datetime) -> dict[str, Any]:
    """The JSON of a webhook: {"type", "timestamp", "data"}; several alerts have the type "digest"."""
    stamp = now.astimezone(UTC).isoformat()
    if len(notices) == 1 and not more:
        notice = notices[0]
        kind = f"{notice.kind.value}.{notice.change.value}"
        return {"type": kind, "timestamp": stamp, "data": {"company": company, **_json(notice, base)}}
    alerts = [_json(notice, base) for notice in notices]
    data = {"company": company, "alerts": alerts, "more": more, "link": f"{base}/alerts"}
    return {"type": "digest", "timestamp": stamp, "data": data}


def _json(notice: Notice, base: str) -> dict[str, Any]:
    return {
        "id": notice.id,
        "kind": notice.kind.value,
        "change": notice.change.value,
        "severity": notice.severity,
        "at": notice.at.isoformat() if notice.at else None,
        "sentence": notice.sentence,
        "partner": notice.partner,
        "messages": notice.count,
        "at_stake": [{"amount": amount, "currency": currency} for amount, currency in notice.money],
        "deadline": notice.due_at.isoformat() if notice.due_at else None,
        "whose_side": notice.whose,
        "what_to_do": notice.advice,
        "problem": notice.fingerprint.partition("=")[0],
        "link": f"{base}{notice.path}",
    }
