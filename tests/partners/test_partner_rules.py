"""What a profile says about one message."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.partners import rules
from gateway.partners.profile import PartnerProfile

T = datetime(2026, 3, 1, 12, tzinfo=UTC)


def partner(**fields: Any) -> PartnerProfile:
    return PartnerProfile(**{"code": "harbor", "name": "Harbor Retail", "status": "live", **fields})


IDS = {"isa": [{"id": "LIVE"}, {"id": "ALIAS"}, {"id": "TRIAL", "test": True}]}


def test_a_live_partner_is_sent_to_by_its_first_usual_identity_and_a_testing_one_by_its_test_identity() -> None:
    assert rules.receiver_isa(partner(ids=IDS)).id == "LIVE"
    assert rules.receiver_isa(partner(ids=IDS, status="testing")).id == "TRIAL"
    assert rules.receiver_isa(partner(ids={"isa": {"id": "LIVE"}}, status="testing")).id == "LIVE"
    assert rules.receiver_isa(partner(ids={"isa": {"id": "T", "test": True}})).id == "T"
    assert rules.receiver_isa(partner()) is None


def test_the_application_code_comes_from_the_set_then_the_list_then_the_interchange_identity() -> None:
    profile = partner(ids={**IDS, "gs": ["GSONE", "GSTWO"], "gs_by_set": {"810": "GSINV"}})
    assert rules.receiver_gs(profile, "810") == "GSINV"
    assert rules.receiver_gs(profile, "855") == "GSONE"
    assert rules.receiver_gs(partner(ids=IDS), "855") == "LIVE"
    assert rules.receiver_gs(partner(), "855") is None
    assert rules.receiver_gs(partner(ids={"isa": {"id": "X"}}), "855") is None


def test_the_version_of_a_document_goes_before_the_envelope_version() -> None:
    profile = partner(documents={"sent": {"810": {"version": "005010"}}})
    assert rules.version_to_send(profile, "810") == "005010"
    assert rules.version_to_send(profile, "855") == "004010"
    assert rules.document_settings(profile, "810", "in").version is None


def test_the_repetition_separator_is_written_from_004020_on() -> None:
    profile = partner(envelope={"separators": {"repetition": "^"}, "suffix": "newline"})
    assert rules.separators(profile).repetition is None
    assert rules.separators(profile).suffix == "\n"
    assert rules.separators(profile, "005010").repetition == "^"
    assert (rules.isa11(profile), rules.isa11(profile, "005010")) == ("U", "^")
    assert (rules.isa12(profile), rules.isa12(profile, "005010VICS")) == ("00401", "00501")


def test_isa11_and_isa12_of_the_profile_go_first() -> None:
    profile = partner(envelope={"isa11": "|", "isa12": "00400"})
    assert (rules.isa11(profile, "005010"), rules.isa12(profile, "005010")) == ("|", "00400")


@pytest.mark.parametrize(
    ("set_id", "version", "answer"),
    [
        ("850", "004010", "accepted"),
        ("850", "004010VICS", "accepted"),
        ("850", "005010", "unknown_version"),
        ("860", "003030", "accepted"),
        ("810", "004010", "unknown_set"),
    ],
)
def test_only_listed_documents_are_accepted(set_id: str, version: str, answer: str) -> None:
    profile = partner(inbound={"accepted": [{"set": "850", "versions": "004010"}, {"set": "860"}]})
    assert rules.accepts(profile, set_id, version) == answer


def test_an_empty_list_accepts_everything() -> None:
    assert rules.accepts(partner(), "999", "008010") == "accepted"


def test_an_acknowledgement_is_due_by_the_hours_of_its_set_and_never_for_an_acknowledgement() -> None:
    profile = partner(
        acknowledgements={"expect": {"hours": 4, "sets": {"810": {"hours": 1}, "856": {"expected": False}}}}
    )
    assert rules.acknowledgement_due(profile, "855", T) == T + timedelta(hours=4)
    assert rules.acknowledgement_due(profile, "810", T) == T + timedelta(hours=1)
    assert rules.acknowledgement_due(profile, "856", T) is None
    assert rules.acknowledgement_due(profile, "997", T) is None


def test_the_test_address_is_used_until_the_partner_is_live() -> None:
    as2 = {"url": "https://h/live", "test_url": "https://h/test"}
    assert rules.delivery_url(partner(as2=as2)) == "https://h/live"
    assert rules.delivery_url(partner(as2=as2, status="testing")) == "https://h/test"
    assert rules.delivery_url(partner(as2={"url": "https://h/live"}, status="testing")) == "https://h/live"


@pytest.mark.parametrize(
    ("fields", "way"),
    [
        ({}, None),
        ({"as2": {"url": "https://h/"}, "sftp": {"host": "h"}}, "as2"),
        ({"sftp": {"host": "h"}, "folder": {"outbound": "x"}}, "sftp"),
        ({"folder": {"outbound": "x"}}, "folder"),
        ({"as2": {"url": "https://h/"}, "delivery": {"transport": "folder"}}, "folder"),
    ],
)
def test_the_way_to_send_is_the_one_that_is_set_up(fields: dict[str, Any], way: str | None) -> None:
    assert rules.transport(partner(**fields)) == way


def test_retries_follow_the_schedule_then_repeat_its_last_step_until_giving_up() -> None:
    profile = partner(delivery={"retry_seconds": [60, 300], "give_up_hours": 1})
    assert rules.retry_delay(profile, 1, T, T) == timedelta(seconds=60)
    assert rules.retry_delay(profile, 2, T, T) == timedelta(seconds=300)
    assert rules.retry_delay(profile, 9, T, T) == timedelta(seconds=300)
    assert rules.retry_delay(profile, 3, T, T + timedelta(hours=1)) is None


def test_a_complete_partner_is_ready(pem: str) -> None:
    profile = partner(
        ids={"isa": {"id": "HARBOR"}, "as2": "HARBOR"},
        as2={"url": "https://h/", "certificates": {"pem": pem}},
    )
    assert rules.readiness(profile, T) == []
    assert rules.warnings(profile, T) == []


def test_what_is_missing_is_said_in_sentences_once_the_partner_trades() -> None:
    missing = rules.readiness(partner(as2={"url": "https://h/"}), T)
    assert [sentence.split(" ", 1)[0] for sentence in missing] == [
        "ids.isa",
        "ids.as2",
        "as2.certificates",
        "as2.certificates",
    ]
    assert rules.warnings(partner(), T) == rules.readiness(partner(), T)
    assert rules.warnings(partner(status="draft"), T) == []


def test_a_partner_that_only_sends_to_us_needs_no_certificate_to_encrypt_with(make_pem: Any) -> None:
    profile = partner(
        ids={"isa": {"id": "HARBOR"}, "as2": "HARBOR"},
        as2={"certificates": {"role": "sign", "pem": make_pem("ec")}},
        folder={"outbound": "out"},
    )
    assert rules.readiness(profile, T) == []


def test_an_sftp_server_without_known_keys_is_not_ready() -> None:
    profile = partner(ids={"isa": {"id": "H"}}, sftp={"host": "h"})
    assert [sentence.split(" is empty")[0].split(" are")[0] for sentence in rules.readiness(profile, T)] == [
        "sftp.host_keys",
        "sftp.user",
        "sftp.password and sftp.key",
    ]
    chosen = partner(
        ids={"isa": {"id": "H"}, "as2": "H"},
        as2={"mdn": "none", "require_signed": False, "encrypt": "none"},
        delivery={"transport": "as2"},
    )
    assert rules.readiness(chosen, T) == ["as2.url is empty: there is nowhere to send to."]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"delivery": {"transport": "http"}}, "xml.url is empty"),
        ({"delivery": {"transport": "folder"}}, "folder.outbound is empty"),
        ({"delivery": {"transport": "sftp"}}, "sftp.host and sftp.hosted.user are empty"),
        ({"sftp": {"hosted": {"user": "h"}}}, "the partner cannot log in"),
        ({"ids": {"isa": [{"id": "H", "test": True}]}, "folder": {"outbound": "o"}}, "test identities only"),
        ({"xml": {"standard": "cxml-1.2", "url": "https://h/"}, "ids": {"xml": "H"}}, "xml.accepted_secrets is empty"),
        ({"xml": {"standard": "cxml-1.2", "url": "https://h/"}, "ids": {"xml": "H"}}, "xml.shared_secret is empty"),
    ],
)
def test_every_way_of_exchange_says_what_it_lacks(values: dict[str, Any], sentence: str) -> None:
    told = rules.readiness(partner(**{"ids": {"isa": {"id": "H"}}, **values}), T)
    assert any(sentence in one for one in told), told


def test_a_past_legacy_day_is_a_warning_but_not_for_a_retired_partner() -> None:
    as2 = {"sign": "sha1-legacy", "legacy_until": "2026-01-31"}
    assert any("2026-01-31" in text for text in rules.warnings(partner(as2=as2, status="draft"), T))
    assert rules.warnings(partner(as2=as2, status="retired"), T) == []
