"""Partners: the list as a table of health, and one partner with its profile, identities and versions."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import text, update

from gateway.messages.models import Document, Transmission
from gateway.messages.ports import DeliveryOutcome, Outcome
from gateway.partners import registry
from gateway.partners.profile import PartnerProfile
from gateway.web.view.profiles import groups, told
from tests.pipeline.pipelinekit import FIXTURES, HARBOR
from tests.web.webkit import ROLES, WebKit, texts

ORDER = (FIXTURES / "demo" / "004010" / "850-01-plain.edi").read_bytes()
BAD = (FIXTURES / "bad" / "unit-and-date-wrong.edi").read_bytes()


def befriend(web: WebKit, code: str, **changes: Any) -> None:
    """Another partner, which shares no identity with the first."""
    values = {
        **HARBOR,
        "code": code,
        "name": code.title(),
        "ids": {"isa": [{"qualifier": "ZZ", "id": code.upper()}], "gs": [code.upper()], "as2": code.upper()},
        **changes,
    }
    profile = PartnerProfile.model_validate(values)
    web.write(lambda session: registry.apply(session, [profile], "kim", "A new partner.", web.kit.now))


def certificate(name: str, start: datetime, end: datetime) -> str:
    """A self-signed certificate that is good between two instants, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(4711)
        .not_valid_before(start)
        .not_valid_after(end)
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


# -- the list ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ROLES)
def test_everybody_sees_the_partners(busy: WebKit, name: str) -> None:
    browser = busy.browser(name)
    assert "Harbor Retail" in texts(browser.get("/partners"))
    assert browser.get("/partners/harbor").status_code == 200


def test_a_line_says_when_it_was_last_heard_of_and_what_needs_somebody(web: WebKit) -> None:
    web.kit.receive(BAD, message_id="<bad@harbor>")
    web.kit.work()
    web.kit.partner.outcomes.append(DeliveryOutcome(Outcome.RETRY, "No answer.", 0))
    web.kit.receive(ORDER, message_id="<good@harbor>")
    web.kit.work()
    web.kit.pass_time(minutes=3)
    page = texts(web.browser("vera").get("/partners"))
    assert "Harbor Retail harbor Live 3 min ago 3 min ago no certificate" in page
    assert "1 open problem" in page
    assert "1 waiting" in page
    assert "3 warnings" in page


def test_given_up_deliveries_and_overdue_acknowledgements_are_counted(web: WebKit) -> None:
    web.kit.receive(ORDER, message_id="<good@harbor>")
    web.kit.work()
    web.write(
        lambda session: session.execute(
            update(Transmission).where(Transmission.direction == "out").values(delivery="failed")
        )
    )
    web.write(lambda session: session.execute(update(Document).values(acknowledgement="overdue")))
    page = texts(web.browser("vera").get("/partners"))
    assert "1 not delivered" in page
    assert "1 overdue" in page


def test_a_partner_that_was_silent_for_long_is_said_to_be(web: WebKit) -> None:
    web.kit.receive(ORDER, message_id="<good@harbor>")
    web.kit.work()
    web.kit.pass_time(days=31)
    assert "nothing in 30 days" in texts(web.browser("vera").get("/partners"))


def test_those_that_need_somebody_come_first_and_the_address_picks_a_status(web: WebKit) -> None:
    befriend(web, "alpha", folder={"outbound": "out"}, delivery={"transport": "folder"}, status="draft")
    befriend(web, "zulu", status="paused")
    browser = web.browser("vera")
    page = texts(browser.get("/partners"))
    assert page.index("Zulu zulu") < page.index("Alpha alpha")
    assert "All 3 Draft 1 Live 1 Paused 1" in page
    drafts = texts(browser.get("/partners?status=draft"))
    assert "Alpha alpha" in drafts
    assert "Zulu zulu" not in drafts
    assert "No partner has this status" in texts(browser.get("/partners?status=retired"))
    assert "Zulu zulu" in texts(browser.get("/partners?status=nonsense"))


@pytest.mark.parametrize(("days", "shown"), [(400, "400 d left"), (40, "40 d left"), (5, "5 d left"), (-3, "ended")])
def test_a_certificate_shows_how_long_it_is_good(web: WebKit, days: int, shown: str) -> None:
    end = web.kit.now + timedelta(days=days, hours=1)
    pem = certificate("HARBOR", end - timedelta(days=700), end)
    web.kit.befriend(as2={"url": "http://harbor.example/as2", "certificates": [{"pem": pem}]})
    browser = web.browser("vera")
    assert shown in texts(browser.get("/partners"))
    page = texts(browser.get("/partners/harbor"))
    assert "HARBOR" in page
    assert "Fingerprint" in page


def test_without_partners_the_page_says_how_to_begin(web: WebKit) -> None:
    for table in ("partner_id", "partner_version", "partner"):
        web.write(lambda session, table=table: session.execute(text(f"DELETE FROM {table}")))
    assert "No partners yet" in texts(web.browser("vera").get("/partners"))


# -- one partner -------------------------------------------------------------------------------------------------


def test_an_unknown_partner_is_named_with_those_that_there_are(busy: WebKit) -> None:
    answer = busy.browser("vera").get("/partners/nobody")
    assert answer.status_code == 404
    assert "the partners are harbor" in texts(answer)


def test_the_overview_tells_warnings_identities_and_contacts(web: WebKit) -> None:
    web.kit.befriend(
        contacts=[{"name": "Ilse Brand", "mail": "edi@harbor.example"}],
        notes="Calls before each change.",
        tags=["big box"],
        agreement_from="2026-01-01",
    )
    page = texts(web.browser("vera").get("/partners/harbor"))
    assert "as2.url is empty: there is nowhere to send to." in page
    assert "Interchange (ISA) ZZ:HARBORRETAIL" in page
    assert "AS2 name HARBOR" in page
    assert "Ilse Brand" in page
    assert "Calls before each change." in page
    assert "2026-01-01 to no end" in page


def test_a_draft_lists_what_it_lacks_and_a_retired_partner_is_known_by_nothing(web: WebKit) -> None:
    web.kit.befriend(status="draft")
    browser = web.browser("vera")
    assert "Missing before messages can flow" in texts(browser.get("/partners/harbor"))
    web.kit.befriend(status="retired")
    assert "By nothing: what it sends would be held." in texts(browser.get("/partners/harbor"))


def test_what_goes_next_is_linked(web: WebKit) -> None:
    web.kit.partner.outcomes.append(DeliveryOutcome(Outcome.RETRY, "No answer.", 0))
    web.kit.receive(ORDER, message_id="<good@harbor>")
    web.kit.work()
    assert "Goes next 997-" in texts(web.browser("vera").get("/partners/harbor"))


def test_own_values_stand_out_and_defaults_are_grey(web: WebKit) -> None:
    web.kit.befriend(delivery={"transport": "as2", "give_up_hours": 48})
    page = web.browser("vera").get("/partners/harbor?view=profile").text
    assert "<b>48.0</b>" in page
    assert "values are our default" in page
    assert page.index("<b>Give up hours</b>") < page.index("<dd>", page.index("<b>Give up hours</b>"))


def test_values_of_a_preset_are_told_from_our_own() -> None:
    profile = PartnerProfile.model_validate({**HARBOR, "preset": "grocery", "envelope": {"version": "005010"}})
    preset = {"envelope": {"version": "005010"}, "tags": "big"}
    rows = {row.path: row for group in groups(profile, preset) for row in group.rows}
    assert rows["envelope.version"].source == "preset grocery"
    assert rows["delivery.transport"].source == ""
    assert rows["keep.raw_days" if "keep.raw_days" in rows else "time_zone"].source == "default"


def test_a_list_page_of_a_profile_with_a_preset_shows_where_values_come_from(web: WebKit) -> None:
    web.kit.befriend(preset="big-box-retailer")
    page = texts(web.browser("vera").get("/partners/harbor?view=profile"))
    assert "from the preset big-box-retailer" in page


def test_no_secret_and_no_certificate_text_is_ever_shown(web: WebKit) -> None:
    end = web.kit.now + timedelta(days=90)
    pem = certificate("HARBOR", end - timedelta(days=200), end)
    web.kit.befriend(
        as2={"url": "http://harbor.example/as2", "certificates": [{"pem": pem}]},
        xml={"shared_secret": {"secret": "harbor-cxml"}},
    )
    browser = web.browser("root")
    pages = [browser.get(f"/partners/harbor{view}").text for view in ("", "?view=profile", "?view=versions")]
    assert all("BEGIN CERTIFICATE" not in page for page in pages)
    assert "stored secret “harbor-cxml”" in pages[1]
    assert "stored secret “harbor-cxml”" in pages[2]


@pytest.mark.parametrize(
    ("value", "name", "shown"),
    [
        (None, "", "none"),
        ([], "", "none"),
        (True, "", "yes"),
        (False, "", "no"),
        ({"secret": "name"}, "password", "stored secret “name”"),
        ("hunter2", "password", "hidden"),
        ("-----BEGIN PRIVATE KEY-----", "pem", "hidden"),
        ("-----BEGIN CERTIFICATE-----", "pem", "a certificate"),
        ([{"qualifier": "ZZ", "id": "A", "test": False}], "isa", "qualifier ZZ, id A, test no"),
        ("\r\n", "suffix", "\\r\\n"),
        ("x" * 700, "notes", "x" * 600 + "…"),
        (5, "", "5"),
    ],
)
def test_values_are_told_in_words(value: Any, name: str, shown: str) -> None:
    assert told(value, name) == shown


def test_two_versions_are_compared_field_by_field(web: WebKit) -> None:
    web.kit.befriend(status="paused")
    web.kit.befriend(status="paused", notes="On holiday.")
    browser = web.browser("vera")
    last = texts(browser.get("/partners/harbor?view=versions"))
    assert "From version 2 to 3" in last
    assert "notes none → On holiday." in last
    assert "Version 3 in force" in last
    assert "1 value changed" in last
    every = texts(browser.get("/partners/harbor?view=versions&from=1&to=3"))
    assert "status live → paused" in every
    assert "notes none → On holiday." in every
    assert "No difference" in texts(browser.get("/partners/harbor?view=versions&from=2&to=2"))


@pytest.mark.parametrize("query", ["from=9&to=9", "from=-1&to=abc", "from=2"])
def test_versions_that_are_not_there_give_the_last_ones(web: WebKit, query: str) -> None:
    web.kit.befriend(status="paused")
    answer = web.browser("vera").get(f"/partners/harbor?view=versions&{query}")
    assert answer.status_code == 200
    assert "to 2" in texts(answer)


def test_a_name_with_markup_stays_text(web: WebKit) -> None:
    web.kit.befriend(name="<script>alert(1)</script>", notes='"><img src=x onerror=alert(1)>')
    browser = web.browser("vera")
    for path in ("/partners", "/partners/harbor", "/partners/harbor?view=profile", "/partners/harbor?view=versions"):
        page = browser.get(path).text
        assert "<script>alert" not in page
        assert "<img" not in page
