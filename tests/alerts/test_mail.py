"""Alerts by mail through a real SMTP server with STARTTLS or TLS and a login."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from gateway.alerts import mail
from gateway.alerts.kinds import DeliveryState
from gateway.store.ledger import Event
from tests.alerts.alertkit import PASSWORD, AlertKit, MailServer
from tests.transports.reactorkit import Reactor

RULE = "harbor|in|invalid|850|AK403-7|PO103=XX"


@pytest.fixture
def server(reactor: Reactor, certificate: tuple[Path, Path]) -> Iterator[MailServer]:
    made = MailServer(reactor, certificate)
    yield made
    made.close()


def use(alerts: AlertKit, server: MailServer, **settings: Any) -> None:
    """Set the mail server, with a login."""
    alerts.add_secret("smtp", PASSWORD)
    alerts.restart(
        **{
            "smtp_host": "localhost",
            "smtp_port": server.port,
            "smtp_user": "gateway",
            "smtp_password_secret": "smtp",
            "from": "gateway@alpine.example",
            **settings,
        }
    )


def test_a_problem_becomes_one_mail_that_says_what_to_do_and_where(alerts: AlertKit, server: MailServer) -> None:
    use(alerts, server)
    alerts.add_mail("ann@us.example", "bob@us.example")
    case = alerts.fail(RULE)
    alerts.look()
    ((sender, to, _),) = server.mails
    (letter,) = server.parsed
    assert (sender, to) == ("gateway@alpine.example", ["ann@us.example", "bob@us.example"])
    assert letter["Subject"] == "Alpine Supply: 1 message from Harbor Retail breaks a rule at PO103."
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter["List-Id"] == "<alerts.alpine.example>"
    assert letter.get_content_type() == "text/plain"
    text = letter.get_content().replace("\r\n", "\n")
    assert f"https://edi.example.com/failures/{case}\n" in text
    assert "Whose side: the partner's" in text
    assert "What to do: Ask the partner." in text
    assert server.logins == [b"in"]
    (delivery,) = alerts.deliveries()
    assert (delivery.state, delivery.attempts) == (DeliveryState.SENT, 1)
    assert letter["Message-ID"] == f"<{delivery.batch}@alpine.example>"


def test_tls_from_the_first_byte_works_too(alerts: AlertKit, reactor: Reactor, certificate: tuple[Path, Path]) -> None:
    server = MailServer(reactor, certificate, implicit_tls=True)
    try:
        use(alerts, server, smtp_security="tls")
        alerts.add_mail()
        alerts.fail(RULE)
        alerts.look()
        assert len(server.mails) == 1
    finally:
        server.close()


def test_without_encryption_mail_goes_to_this_machine_only(alerts: AlertKit, reactor: Reactor) -> None:
    server = MailServer(reactor, None)
    try:
        plain = {"smtp_security": "none", "smtp_user": "", "smtp_password_secret": ""}
        use(alerts, server, **plain)
        alerts.add_mail()
        alerts.fail(RULE)
        alerts.look()
        assert len(server.mails) == 1
    finally:
        server.close()


def test_a_name_that_leads_elsewhere_gets_nothing_without_encryption() -> None:
    class Socket:
        def getpeername(self) -> tuple[str, int]:
            return "192.0.2.7", 25

    class Elsewhere:
        sock = Socket()

    with pytest.raises(mail.SendError, match="not on this machine"):
        mail._must_be_here(Elsewhere())  # type: ignore[arg-type]


def test_a_server_whose_certificate_nobody_vouches_for_gets_no_login(
    alerts: AlertKit, server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    use(alerts, server)
    identity = alerts.add_mail()
    alerts.fail(RULE)
    alerts.look()
    assert server.mails == server.logins == []
    assert "TLS with the mail server localhost" in (alerts.channel(identity).last_error or "")


def test_a_wrong_password_is_a_sentence_without_the_password(
    alerts: AlertKit, server: MailServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    use(alerts, server)
    alerts.add_secret("smtp", "canary-wrong-77")
    identity = alerts.add_mail()
    alerts.fail(RULE)
    alerts.look()
    assert "refuses the login of gateway (535)" in (alerts.channel(identity).last_error or "")
    assert "canary-wrong-77" not in caplog.text
    with alerts.kit.store.read() as session:
        events = " ".join(f"{event.reason} {event.data}" for event in session.scalars(select(Event)))
    assert "canary-wrong-77" not in events


def test_an_address_that_is_refused_is_named_and_the_others_get_the_mail(alerts: AlertKit, server: MailServer) -> None:
    use(alerts, server)
    server.refused.add("old@us.example")
    identity = alerts.add_mail("old@us.example", "ann@us.example")
    alerts.fail(RULE)
    alerts.look()
    assert server.mails[0][1] == ["ann@us.example"]
    assert "old@us.example" in (alerts.channel(identity).last_error or "")
    server.refused.add("ann@us.example")
    alerts.fail("harbor|in|unreadable|", fault="unreadable")
    alerts.look()
    assert "for none of the addresses" in (alerts.channel(identity).last_error or "")


def test_a_busy_server_is_tried_again_with_the_same_message_id(alerts: AlertKit, server: MailServer) -> None:
    use(alerts, server)
    server.busy = True
    identity = alerts.add_mail()
    alerts.fail(RULE)
    alerts.look()
    assert "refuses the message (550" in (alerts.channel(identity).last_error or "")
    (first,) = alerts.deliveries()
    server.busy = False
    alerts.kit.pass_time(seconds=61)
    alerts.look()
    (letter,) = server.parsed
    assert first.batch and first.batch in letter["Message-ID"]
    assert alerts.channel(identity).last_error is None


def test_nothing_in_a_text_becomes_a_header_or_an_address() -> None:
    letter = mail.make_mail(
        sender="gateway@alpine.example",
        to=["ann@us.example"],
        subject="Order\r\nBcc: thief@evil.example\r\n\r\n<b>hello</b>\x00 ü",
        text="Order\n.\nBcc: thief@evil.example\n",
        message_id="m1",
        company="Alpine\r\nX-Evil: 1",
        now=datetime(2026, 11, 22, tzinfo=UTC),
    )
    head = bytes(letter).partition(b"\r\n\r\n")[0]
    names = [line.partition(b":")[0] for line in head.split(b"\r\n") if not line.startswith((b" ", b"\t"))]
    assert b"Bcc" not in names and b"X-Evil" not in names
    assert letter["To"] == "ann@us.example"
    assert len(letter["Subject"]) <= 150


def test_a_long_subject_is_cut() -> None:
    assert mail.one_line("x" * 400, 150).endswith("…")
    assert len(mail.one_line("x" * 400, 150)) == 150


def test_no_server_no_answer_and_no_name_are_sentences(alerts: AlertKit, reactor: Reactor) -> None:
    identity = alerts.add_mail()
    result = alerts.operate("alert.test", id=identity)
    assert result["steps"][-1]["sentence"].startswith("No mail server is set")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        alerts.restart(smtp_host="127.0.0.1", smtp_port=port, smtp_security="none", **{"from": "a@b.example"})
        assert "cannot be reached" in alerts.operate("alert.test", id=identity)["steps"][-1]["sentence"]
    alerts.restart(smtp_host="no-such-host.invalid", smtp_security="tls")
    assert "cannot be resolved" in alerts.operate("alert.test", id=identity)["steps"][-1]["sentence"]
    alerts.restart(smtp_password_secret="gone", smtp_user="x")
    assert 'no secret named "gone"' in alerts.operate("alert.test", id=identity)["steps"][-1]["sentence"]


def test_a_server_that_says_nothing_is_left_after_its_time(alerts: AlertKit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "ANSWER_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        alerts.restart(smtp_host="127.0.0.1", smtp_port=port, smtp_security="none", **{"from": "a@b.example"})
        identity = alerts.add_mail()
        assert "did not answer in time" in alerts.operate("alert.test", id=identity)["steps"][-1]["sentence"]


def test_a_server_without_encryption_is_not_talked_to_about_secrets(alerts: AlertKit, reactor: Reactor) -> None:
    server = MailServer(reactor, None)
    try:
        use(alerts, server)
        identity = alerts.add_mail()
        sentence = alerts.operate("alert.test", id=identity)["steps"][-1]["sentence"]
        assert "cannot do what the settings ask for" in sentence
        assert server.logins == []
    finally:
        server.close()


def test_the_test_button_sends_and_tells_every_step(alerts: AlertKit, server: MailServer) -> None:
    use(alerts, server)
    identity = alerts.add_mail()
    result = alerts.operate("alert.test", id=identity)
    assert result["ok"]
    assert [step["step"] for step in result["steps"]] == ["name", "connection", "encryption", "login", "hand-over"]
    assert "This is a test of the alert channel Staff, asked for by adam." in server.parsed[0].get_content()


def test_an_address_of_a_profile_that_is_none_is_named_and_the_others_get_the_mail(
    alerts: AlertKit, server: MailServer
) -> None:
    use(alerts, server)
    alerts.kit.befriend(alerts={"mail": ["harbor@us.example", "not-an-address"]})
    alerts.fail(RULE)
    alerts.look()
    assert server.mails[0][1] == ["harbor@us.example"]
    assert alerts.deliveries()[0].last_error == "No mail address: not-an-address; correct it in the profile."
    alerts.kit.befriend(alerts={"mail": ["nobody"]})
    alerts.fail("harbor|in|unreadable|", fault="unreadable")
    alerts.look()
    assert "There is no mail address among nobody" in str(alerts.deliveries()[-1].last_error)
