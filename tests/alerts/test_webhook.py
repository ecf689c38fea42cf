"""Alerts by webhook: a signature that receivers can check, verified TLS, and nowhere it must not go."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path

import pytest
from sqlalchemy import select

from gateway.alerts import webhook
from gateway.alerts.errors import AlertError, SendError
from gateway.alerts.kinds import DeliveryState
from gateway.store.ledger import Event
from gateway.transports.as2 import post
from tests.alerts.alertkit import AlertKit, receiver

RULE = "harbor|in|invalid|850|AK403-7|PO103=XX"


def tls_of(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


def test_a_notice_is_signed_and_holds_what_staff_need(alerts: AlertKit, certificate: tuple[Path, Path]) -> None:
    with receiver(tls_of(certificate)) as server:
        _, key = alerts.add_webhook(server.url)
        case = alerts.fail(RULE)
        alerts.look()
        (content,) = server.contents
        assert server.is_signed(key)
        assert not server.is_signed(b"x" * 32)
        headers = server.posts[0][0]
    (alert,) = alerts.alerts()
    (delivery,) = alerts.deliveries()
    assert headers["Webhook-Id"] == delivery.batch
    assert content["type"] == "problem.opened"
    assert content["data"] == {
        "company": "Alpine Supply",
        "id": alert.id,
        "kind": "problem",
        "change": "opened",
        "severity": "error",
        "at": alert.created_at.isoformat(),
        "sentence": "1 message from Harbor Retail breaks a rule at PO103.",
        "partner": "harbor",
        "messages": 1,
        "at_stake": [],
        "deadline": None,
        "whose_side": "partner",
        "what_to_do": "Ask the partner.",
        "problem": "harbor|in|invalid|850|AK403-7|PO103",
        "link": f"https://edi.example.com/failures/{case}",
    }


def test_the_signature_is_that_of_the_standard() -> None:
    key = webhook.base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signed = webhook.sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_server_that_refuses_is_tried_again_for_a_day_with_the_same_id(alerts: AlertKit) -> None:
    with receiver() as server:
        identity, _ = alerts.add_webhook(server.url)
        server.answers = [500] * 100
        alerts.fail(RULE)
        alerts.look()
        assert alerts.channel(identity).failing_since is not None
        for _ in range(40):
            alerts.kit.pass_time(minutes=61)
            alerts.look()
        (delivery,) = alerts.deliveries()
        assert delivery.state == DeliveryState.FAILED
        assert {headers["Webhook-Id"] for headers, _ in server.posts} == {delivery.batch}
        assert 20 <= len(server.posts) <= 32
        assert alerts.channel(identity).gave_up_at is not None
        (listed,) = alerts.operate("alert.list")["channels"]
        assert listed["state"] == "failing"
        server.answers = []
        alerts.fail("harbor|in|unreadable|", fault="unreadable")
        alerts.kit.pass_time(minutes=61)
        alerts.look()
        assert alerts.channel(identity).gave_up_at is None
    with alerts.kit.store.read() as session:
        given_up = session.scalars(select(Event).where(Event.kind == "given-up")).all()
    assert len(given_up) == 1


def test_a_redirect_is_not_followed(alerts: AlertKit) -> None:
    with receiver() as server:
        identity, _ = alerts.add_webhook(server.url)
        server.answers = [302]
        result = alerts.operate("alert.test", id=identity)
    assert not result["ok"]
    assert "Redirects are not followed" in result["steps"][-1]["sentence"]


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/x",
        "https://localhost/x",
        "https://10.1.2.3/x",
        "https://192.168.1.1:8443/x",
        "https://172.16.0.9/x",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/x",
        "https://[fe80::1]/x",
        "https://[fd00:ec2::254]/x",
        "https://[::ffff:127.0.0.1]/x",
        "https://[64:ff9b::7f00:1]/x",
        "https://[2002:7f00:1::]/x",
        "https://0.0.0.0/x",
        "https://100.64.0.1/x",
        "https://2130706433/x",
        "https://user:secret@hooks.example.com/x",
        "http://hooks.example.com/x",
        "file:///etc/passwd",
        "https://",
        "https://hooks.example.com/a\r\nX-Evil: 1",
    ],
)
def test_an_address_of_our_own_network_is_refused(alerts: AlertKit, url: str) -> None:
    alerts.restart(allow_private_webhooks=False)
    with pytest.raises(AlertError) as caught:
        alerts.add_webhook(url)
    assert caught.value.field == "target"
    with pytest.raises(SendError):
        webhook.send_webhook(url, b"k", {}, message_id="m", now=alerts.kit.now, private=False)


def test_link_local_and_metadata_addresses_are_refused_even_where_private_ones_are_allowed(alerts: AlertKit) -> None:
    for url in ("https://169.254.169.254/x", "https://[fe80::1]/x", "https://100.100.100.200/x"):
        with pytest.raises(AlertError, match="never have"):
            alerts.add_webhook(url)


def test_a_name_that_changes_to_a_private_address_is_refused_when_it_is_used(
    alerts: AlertKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    alerts.restart(allow_private_webhooks=False)
    answers = iter([["93.184.216.34"], ["10.0.0.1"]])

    def resolve(_host: str, port: int, **_: object) -> list[object]:
        return [(0, 0, 0, "", (address, port)) for address in next(answers)]

    monkeypatch.setattr(post.socket, "getaddrinfo", resolve)
    identity, _ = alerts.add_webhook("https://hooks.example.com/x")
    result = alerts.operate("alert.test", id=identity)
    assert "resolves to 10.0.0.1" in result["steps"][-1]["sentence"]


def test_the_address_and_the_key_show_nowhere(
    alerts: AlertKit, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    with receiver() as server:
        identity, key = alerts.add_webhook(server.url)
        server.answers = [500]
        alerts.fail(RULE)
        alerts.look()
        result = alerts.operate("alert.test", id=identity)
        listed = alerts.operate("alert.list")
        alerts.operate("alert.change", id=identity, digest_minutes=5)
        renewed = alerts.operate("alert.key", id=identity)
    shown = webhook.shown_key(key)
    with alerts.kit.store.read() as session:
        told = " ".join(f"{event.reason} {event.data}" for event in session.scalars(select(Event)))
    for text in (caplog.text, str(result), str(listed), told):
        assert "sesame-open" not in text
        assert shown not in text and shown[6:] not in text
    assert renewed["key"] != shown
    for file in (tmp_path / "gateway.db", tmp_path / "gateway.db-wal"):
        assert key not in file.read_bytes() and shown[6:].encode() not in file.read_bytes()


def test_a_certificate_that_nobody_vouches_for_stops_the_notice(
    alerts: AlertKit, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiver(tls_of(certificate)) as server:
        monkeypatch.delenv("SSL_CERT_FILE")
        post._context.cache_clear()
        identity, _ = alerts.add_webhook(server.url)
        result = alerts.operate("alert.test", id=identity)
        assert server.posts == []
    assert "TLS with localhost failed" in result["steps"][-1]["sentence"]
