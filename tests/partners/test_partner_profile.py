"""What a profile takes, refuses and fills in."""

from __future__ import annotations

import json
import types
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Union, get_args, get_origin

import pytest
from pydantic import BaseModel, ValidationError

from gateway.partners.explain import field_paths, model_at
from gateway.partners.fields import CHARACTER_NAMES, Group, SecretRef, character_name
from gateway.partners.profile import (
    PartnerProfile,
    Status,
    canonical_json,
    profile_from_json,
    profile_sha256,
    validation_options,
)
from gateway.partners.transfers.documents import DocumentSettings
from gateway.partners.x12settings import SeparatorChars


def partner(**fields: Any) -> PartnerProfile:
    return PartnerProfile(**{"code": "harbor", "name": "Harbor Retail", **fields})


def refusal(**fields: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        partner(**fields)
    return str(caught.value)


def test_a_code_and_a_name_are_a_profile() -> None:
    profile = partner()
    assert profile.status is Status.DRAFT
    assert profile.envelope.version == "004010"
    assert profile.as2.require_signed
    assert profile.as2.require_encrypted
    assert profile.delivery.retry_seconds == (60, 300, 900, 3600, 14_400)
    assert profile.acknowledgements.expect.hours == 24


@pytest.mark.parametrize("code", ["", "Harbor", "-x", "a b", "a/b", "..", "x" * 41, "é"])
def test_a_code_that_is_no_safe_folder_name_is_refused(code: str) -> None:
    assert "small letters, digits and hyphens" in refusal(code=code)


def test_every_field_is_described_in_plain_words() -> None:
    for path in field_paths():
        group, _, name = path.rpartition(".")
        model = model_at(tuple(group.split(".")) if group else ())
        if model is None:  # a group inside a map or list: reached by one more step
            continue
        description = model.model_fields[name].description
        assert description, path
        assert description.endswith(".") or ":" in description, path


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) for model in _models(inner)]


def test_a_field_that_may_be_empty_is_empty_by_default_so_null_in_a_file_always_means_the_default() -> None:
    seen: set[type[BaseModel]] = set()
    waiting: list[type[BaseModel]] = [PartnerProfile]
    while waiting:
        model = waiting.pop()
        if model in seen:
            continue
        seen.add(model)
        for name, info in model.model_fields.items():
            waiting += _models(info.annotation)
            optional = get_origin(info.annotation) in {Union, types.UnionType}
            if optional and type(None) in get_args(info.annotation):
                assert info.default is None, (model, name)
    assert len(seen) > 30


def test_a_profile_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        partner().name = "Other"  # type: ignore[misc]


def test_an_unknown_field_is_refused() -> None:
    assert "extra_forbidden" in refusal(as2={"sgn": "sha256"})


@pytest.mark.parametrize(
    ("status", "usage"), [("draft", "T"), ("testing", "T"), ("live", "P"), ("paused", "P"), ("retired", "P")]
)
def test_the_usage_indicator_follows_the_status(status: str, usage: str) -> None:
    assert partner(status=status).envelope.usage == usage
    assert partner(status=Status(status), envelope={"suffix": "crlf"}).envelope.usage == usage
    assert partner(status=status, envelope=partner().envelope.model_copy()).envelope.usage == "T"


def test_a_usage_indicator_that_is_given_stays() -> None:
    assert partner(status="live", envelope={"usage": "T"}).envelope.usage == "T"
    envelope = partner().envelope.__class__(suffix="lf")
    assert partner(status="live", envelope=envelope).envelope.usage == "P"


@pytest.mark.parametrize(
    ("name", "character"), [*CHARACTER_NAMES.items(), ("x15", "\x15"), ("0x1C", "\x1c"), ("|", "|")]
)
def test_a_separator_is_given_by_itself_its_name_or_its_code(name: str, character: str) -> None:
    assert SeparatorChars(element=name).element == character
    assert SeparatorChars(element=character_name(character)).element == character


@pytest.mark.parametrize(
    ("separators", "why"),
    [
        ({"element": "~"}, "differ"),
        ({"element": "A"}, "occurs in data"),
        ({"element": " "}, "occurs in data"),
        ({"element": "**"}, "one character"),
        ({"element": "€"}, "one character"),
        ({"element": ""}, "one character"),
        ({"element": 5}, "valid string"),
    ],
)
def test_separators_that_cannot_separate_are_refused(separators: dict[str, Any], why: str) -> None:
    assert why in refusal(envelope={"separators": separators})


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"envelope": {"replacement": "*"}}, "must not be one of the separators"),
        ({"envelope": {"charset": "utf-8", "separators": {"segment": "nel"}}}, "one byte in utf-8"),
        ({"envelope": {"isa04": {"secret": "x"}}}, "must not be 00"),
        ({"envelope": {"suffix": "lflf"}}, "must be one of"),
        ({"envelope": {"version": "4010"}}, "six digits"),
        ({"envelope": {"isa04": "hunter2"}}, "SecretRef"),
        ({"as2": {"http_auth": {"user": "u", "password": "hunter2"}}}, "SecretRef"),
        ({"as2": {"http_auth": {"user": "u", "password": {"secret": "a b"}}}}, "name of a stored secret"),
        ({"ids": {"isa": [{"qualifier": "Z", "id": "X"}]}}, "two capital letters or digits"),
        ({"ids": {"isa": [{"id": "SIXTEEN-LETTERS-"}]}}, "1 to 15 printable"),
        ({"ids": {"isa": [{"id": "X"}, {"id": "X ", "test": True}]}}, "lists ZZ:X twice"),
        ({"ids": {"gs": ["AB", "AB"]}}, "twice"),
        ({"ids": {"gs": ["A"]}}, "2 to 15"),
        ({"ids": {"as2": " x"}}, "128 printable"),
        ({"ids": {"gln": "4000001000006"}}, "must be 5"),
        ({"ids": {"gln": "12"}}, "13 digits"),
        ({"time_zone": "Mars/Olympus"}, "not a time zone"),
        ({"time_zone": "../etc/passwd"}, "not a time zone"),
        ({"agreement_from": "2026-02-01", "agreement_until": "2026-01-01"}, "must not be after"),
        ({"inbound": {"accepted": [{"set": "850"}, {"set": "850"}]}}, "lists 850 twice"),
        ({"inbound": {"accepted": [{"set": "85"}]}}, "transaction set id"),
        ({"inbound": {"severities": {"AK9999": "note"}}}, "not a finding code"),
        ({"inbound": {"code_lists": {"po103": {"add": ["XX"]}}}}, "not an element"),
        ({"inbound": {"code_lists": {"355": {}}}}, "add or only"),
        ({"control_numbers": {"isa13": {"low": 5, "high": 5}}}, "low must be smaller"),
        ({"documents": {"sent": {"855": {"map_overlay": "../x.yaml"}}}}, "below the maps folder"),
        ({"sftp": {"host": "sftp://x"}}, "host name"),
        ({"sftp": {"host_keys": "MD5:aa"}}, "ssh-keygen"),
        ({"alerts": {"quiet_hours": "22-6"}}, "span of the day"),
        ({"sftp": {"poll_not_during": "22-6"}}, "span of the day"),
        ({"sftp": {"outbound_marker": "done"}}, "an ending such as .done"),
        ({"sftp": {"file_name": "po.edi"}}, "{control} or {id8}"),
        ({"sftp": {"bandwidth_bytes_per_second": 0}}, "bandwidth_bytes_per_second"),
        ({"sftp": {"hosted": {"bandwidth_bytes_per_second": -1}}}, "bandwidth_bytes_per_second"),
        ({"sftp": {"hosted": {"allow_from": "192.0.2.300"}}}, "not an address or network"),
        ({"sftp": {"hosted": {"inbox": "x", "outbox": "x"}}}, "different names"),
        ({"http": {"client_certificates": "ab:cd"}}, "64 hexadecimal digits"),
    ],
)
def test_a_value_that_cannot_work_is_refused_with_the_reason(fields: dict[str, Any], why: str) -> None:
    assert why in refusal(**fields)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host/x",
        "host/x",
        "https://",
        "https://user:pw@host/",
        "https://host/#x",
        "https://host/a b",
        "https://host:99999/",
        "https://ho\nst/",
        "http://[::1",
    ],
)
def test_an_as2_address_that_is_no_web_address_is_refused(url: str) -> None:
    assert "as2.url" in refusal(as2={"url": url})


@pytest.mark.parametrize(
    ("as2", "why"),
    [
        ({"sign": "sha1-legacy"}, "legacy_until"),
        ({"encrypt": "3des-legacy"}, "legacy_until"),
        ({"mdn": "none", "mic_algorithm": "sha256"}, "without a receipt"),
        ({"tls": {"trust": "pin"}}, "role tls"),
        ({"headers": {"Content-Type": "x"}}, "set by the message itself"),
        ({"headers": {"X Y": "x"}}, "legal header name"),
        ({"headers": {"X-Y": "a\r\nb"}}, "printable ASCII"),
        ({"content_type": "edi"}, "media type"),
        ({"certificates": {"pem": "x"}}, "no certificate"),
    ],
)
def test_an_as2_setting_that_cannot_work_is_refused_with_the_reason(as2: dict[str, Any], why: str) -> None:
    assert why in refusal(as2=as2)


def test_legacy_algorithms_are_taken_with_a_last_day() -> None:
    assert partner(as2={"sign": "sha1-legacy", "legacy_until": "2026-12-31"}).as2.sign == "sha1-legacy"


def test_a_certificate_window_must_open_before_it_closes(pem: str) -> None:
    window = {"pem": pem, "valid_from": "2026-05-01", "valid_until": "2026-04-01"}
    assert "before valid_until" in refusal(as2={"certificates": [window]})


def test_a_window_given_by_days_includes_its_last_day(pem: str) -> None:
    entry = partner(
        as2={"certificates": {"pem": pem, "valid_from": "2026-04-01", "valid_until": "2026-05-01"}}
    ).as2.certificates[0]
    assert entry.valid_from == datetime(2026, 4, 1, tzinfo=UTC)
    assert entry.valid_until == datetime(2026, 5, 1, 23, 59, 59, tzinfo=UTC)
    again = partner(as2={"certificates": {"pem": pem, "valid_until": datetime(2026, 5, 1).date()}})
    assert again.as2.certificates[0].valid_until == entry.valid_until
    moved = partner(as2={"certificates": {"pem": pem, "valid_from": "2026-04-01T02:00:00+02:00"}})
    assert moved.as2.certificates[0].valid_from == entry.valid_from


def test_the_pem_text_is_kept_in_one_form(pem: str) -> None:
    crlf = partner(as2={"certificates": {"pem": "\n" + pem.replace("\n", "\r\n")}})
    assert crlf == partner(as2={"certificates": {"pem": pem}})


def test_a_single_value_stands_for_a_list_of_one() -> None:
    profile = partner(ids={"isa": {"id": "HARBOR"}, "gs": "HARBOR"}, tags="retailer")
    assert (profile.ids.isa[0].key, profile.ids.gs, profile.tags) == ("ZZ:HARBOR", ("HARBOR",), ("retailer",))


def test_json_gives_back_an_equal_profile_with_an_equal_hash(pem: str) -> None:
    profile = partner(
        status="live",
        time_zone="America/Chicago",
        ids={"isa": [{"qualifier": "01", "id": "123456789"}], "as2": "Harbor AS2"},
        envelope={"separators": {"segment": "x15"}, "isa03": "01", "isa04": {"secret": "harbor/isa04"}},
        as2={"certificates": [{"pem": pem}], "legacy_until": "2026-12-31"},
    )
    again = profile_from_json(canonical_json(profile))
    assert again == profile
    assert profile_sha256(again) == profile_sha256(profile)
    assert json.loads(canonical_json(profile))["envelope"]["isa04"] == {"secret": "harbor/isa04"}
    assert profile.envelope.isa04 == SecretRef(secret="harbor/isa04")
    assert profile_sha256(profile) != profile_sha256(partner())


def test_the_usage_indicator_survives_json_without_being_filled_again() -> None:
    profile = partner(status="live", envelope={"usage": "T"})
    assert profile_from_json(canonical_json(profile)).envelope.usage == "T"


def test_validation_options_say_what_the_profile_says() -> None:
    profile = partner(
        inbound={
            "severities": {"AK403-7": "warning", "AK304": "note"},
            "code_lists": {"PO103": {"add": "XX"}, "355": {"only": ["EA", "CA"]}},
            "integer_point": "accept",
            "charset": "latin-1",
        }
    )
    options = validation_options(profile)
    assert options.severity("AK403-7") == "warning"
    assert options.severity("AK304-3") == "note"
    rules = {rule.where: rule for rule in options.codes}
    assert rules["PO103"].apply(frozenset({"EA"})) == {"EA", "XX"}
    assert rules["355"].apply(frozenset({"EA", "DZ"})) == {"EA", "CA"}
    assert (options.integer_point, options.charset) == ("accept", "latin-1")
    assert options == validation_options(profile_from_json(canonical_json(profile)))
    assert hash(options) == hash(validation_options(profile))


def test_a_profile_without_wishes_gives_the_default_options() -> None:
    from gateway.standards.edi.options import ValidationOptions

    assert validation_options(partner()) == ValidationOptions()


def test_the_other_ways_of_exchange_take_what_they_need() -> None:
    profile = partner(
        ids={"gln": "4000001000005", "duns": "123456789", "scac": "ABCD", "peppol": "0088:4000001000005"},
        contacts={"name": "EDI desk", "mail": "edi@harbor.example"},
        back_office={"customer": "C-100"},
        sftp={"host": "sftp.harbor.example", "host_keys": "SHA256:" + "A" * 43, "key": {"secret": "harbor/ssh"}},
        xml={"standard": "cxml-1.2", "shared_secret": {"secret": "harbor/cxml"}},
        documents={"sent": {"855": {"map_overlay": "harbor/855.yaml"}}},
        alerts={"quiet_hours": "22:00-06:00", "mail": "edi@us.example"},
    )
    assert profile.sftp.host_keys == ("SHA256:" + "A" * 43,)
    assert profile.documents.sent["855"].map_overlay == "harbor/855.yaml"
    assert profile_from_json(canonical_json(profile)) == profile


def test_what_is_no_profile_at_all_is_refused() -> None:
    with pytest.raises(ValidationError):
        PartnerProfile.model_validate(["harbor"])


def test_a_group_by_default_is_the_group_that_nothing_is_said_of() -> None:
    def groups(of: type[Group]) -> Iterator[type[Group]]:
        for each in of.__subclasses__():
            yield each
            yield from groups(each)

    defaults = [
        field.default
        for each in groups(Group)
        for field in each.model_fields.values()
        if isinstance(field.default, Group)
    ]
    assert len(defaults) > 20
    for made in [*defaults, DocumentSettings.by_default()]:
        checked = type(made)()
        assert made == checked and made.model_dump() == checked.model_dump()
        assert made.model_fields_set == checked.model_fields_set == set()
