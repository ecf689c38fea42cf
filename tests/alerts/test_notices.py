"""What staff read: sentences, mails and JSON made of our own words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.alerts.kinds import AlertKind, Change, grave
from gateway.alerts.notices import Notice, case_notice, content_of, money_words, subject_of, text_of
from gateway.pipeline.problems import ProblemKind

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
BASE = "https://edi.example.com"


def card(**changes: Any) -> dict[str, Any]:
    return {
        "id": "c1",
        "title": 'An order was rejected: "XX" is not a unit.',
        "fault": "invalid",
        "severity": "error",
        "partner": "harbor",
        "open": True,
        "waiting": 3,
        "members": 5,
        "kinds": [("order", 3)],
        "money": [("1250.5", "USD"), ("80", "EUR")],
        "due_at": "2026-11-22T13:00:00+00:00",
        "suggestion": 'Use EA instead of "XX".',
        "whose_fault": "partner",
        **changes,
    }


def notice(fingerprint: str = "harbor|in|invalid|850|AK403-7|PO103=XX", **changes: Any) -> Notice:
    return case_notice(card(**changes), fingerprint, Change.OPENED, "Harbor Retail")


@pytest.mark.parametrize("fault", [kind.value for kind in ProblemKind])
def test_every_kind_of_problem_has_a_sentence_in_one_and_in_many(fault: str) -> None:
    many = notice("harbor|in|x|sftp-in", fault=fault).sentence
    one = notice("harbor|in|x|sftp-in", fault=fault, waiting=1).sentence
    for sentence in (many, one):
        assert sentence.endswith(".") and "[" not in sentence and "{" not in sentence
        assert "Harbor Retail" in sentence or fault in ("unknown_sender",)
        assert sentence[0].isupper() or sentence[0].isdigit()


def test_a_sentence_counts_and_names_the_place_but_no_value() -> None:
    assert notice().sentence == "3 orders from Harbor Retail break a rule at PO103."
    assert notice().advice == "Use EA instead of …."
    assert notice("harbor|in|invalid|850|NOTE|a value").sentence == "3 orders from Harbor Retail break a rule."
    mixed = notice(kinds=[("order", 2), ("invoice", 1)])
    assert mixed.sentence == "3 messages from Harbor Retail break a rule at PO103."


def test_a_mail_of_one_alert_has_every_fact() -> None:
    told = Notice(**{**{f: getattr(notice(), f) for f in Notice.__slots__}, "at": NOW - timedelta(hours=1)})
    text = text_of([told], 0, company="Alpine", base=BASE, zone="America/New_York", now=NOW)
    assert "Messages:   3\n" in text
    assert "At stake:   1,250.50 USD, 80.00 EUR\n" in text
    assert "Deadline:   22 Nov 2026 08:00 EST (in 3 h)\n" in text
    assert "Whose side: the partner's\n" in text
    assert "Since:      22 Nov 2026 04:00 EST\n" in text
    assert f"{BASE}/failures/c1\n" in text


@pytest.mark.parametrize(
    ("due", "words"),
    [
        ("2026-11-24T10:00:00+00:00", "in 2 d"),
        ("2026-11-22T09:20:00+00:00", "40 min ago"),
        ("2026-11-22T10:00:20+00:00", "now"),
    ],
)
def test_a_deadline_is_told_in_words(due: str, words: str) -> None:
    text = text_of([notice(due_at=due)], 0, company="Alpine", base=BASE, zone="UTC", now=NOW)
    assert f"({words})" in text


def test_a_digest_lists_what_it_can_and_says_how_many_more() -> None:
    several = [notice(), notice(fault="delivery")]
    text = text_of(several, 37, company="Alpine", base=BASE, zone="UTC", now=NOW)
    assert text.startswith("39 alerts:\n")
    assert "- 3 orders to Harbor Retail could not be delivered.\n  https://edi.example.com/failures/c1\n" in text
    assert "and 37 more: https://edi.example.com/alerts\n" in text
    assert subject_of(several, "Alpine", 37) == "Alpine: 39 alerts"
    content = content_of(several, 37, company="Alpine", base=BASE, now=NOW)
    assert (content["type"], content["data"]["more"], len(content["data"]["alerts"])) == ("digest", 37, 2)
    assert content["data"]["alerts"][0]["at_stake"][1] == {"amount": "80", "currency": "EUR"}


def test_what_is_critical_says_so_until_it_is_over() -> None:
    disk = {"kind": AlertKind.DISK, "severity": "critical", "fingerprint": "disk|x", "advice": "", "path": "/system"}
    opened = Notice(change=Change.OPENED, sentence="The disk is full.", **disk)
    resolved = Notice(change=Change.RESOLVED, sentence="The disk is full.", **disk)
    assert subject_of([opened], "Alpine") == "Alpine: CRITICAL: The disk is full."
    assert subject_of([resolved], "Alpine") == "Alpine: Resolved: The disk is full."
    assert grave("critical") > grave("error") == grave("unheard of")


def test_an_amount_that_is_none_is_shown_as_it_is() -> None:
    assert money_words("a lot", "USD") == "a lot USD"
