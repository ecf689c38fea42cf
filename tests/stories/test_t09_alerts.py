"""An order fails at night: one mail says what happened, and its link opens the page where it is put right."""

from __future__ import annotations

import http.cookiejar
import re
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli.main import cli
from gateway.demo.company import Company, wait_for
from tests.alerts.alertkit import PASSWORD, MailServer, make_certificate
from tests.transports.reactorkit import Reactor

pytestmark = pytest.mark.volume

FIXTURES = Path(__file__).parents[1] / "fixtures"
STAFF_PASSWORD = "violet-anchor-kettle-91"


@pytest.fixture(scope="module")
def mail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[MailServer, Path]]:
    """A mail server with TLS and logins, and the certificate that vouches for it."""
    reactor = Reactor()
    certificate = make_certificate(tmp_path_factory.mktemp("mail"))
    server = MailServer(reactor, certificate)
    yield server, certificate[0]
    server.close()
    reactor.stop()


@pytest.fixture(scope="module")
def trading(
    tmp_path_factory: pytest.TempPathFactory, mail: tuple[MailServer, Path]
) -> Iterator[tuple[Company, Company]]:
    """(buyer, seller); the seller's alerts go through the mail server."""
    home = tmp_path_factory.mktemp("companies")
    buyer = Company("harbor-retail", "Harbor Retail", home / "buyer")
    seller = Company("alpine-supply", "Alpine Supply", home / "seller")
    seller.environment = {
        "GATEWAY_ALERTS_SMTP_HOST": "localhost",
        "GATEWAY_ALERTS_SMTP_PORT": str(mail[0].port),
        "GATEWAY_ALERTS_SMTP_USER": "gateway",
        "GATEWAY_ALERTS_SMTP_PASSWORD_SECRET": "smtp",
        "GATEWAY_ALERTS_FROM": "gateway@alpine.example",
        "SSL_CERT_FILE": str(mail[1]),
        "GATEWAY_WEB_LISTEN": "127.0.0.1:0",
    }
    try:
        for company in (buyer, seller):
            company.prepare()
            company.start()
        for company in (buyer, seller):
            company.wait_ready()
        buyer.befriend(seller, "004010")
        seller.befriend(buyer, "004010")
        yield buyer, seller
    finally:
        for company in (buyer, seller):
            company.stop()


class Browser:
    """What a browser does: it keeps cookies, follows redirects and sends forms with their token."""

    def __init__(self) -> None:
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), jar)

    def get(self, url: str) -> str:
        with self._opener.open(url, timeout=60) as answer:
            return str(answer.read().decode())

    def post(self, url: str, **form: str) -> str:
        token = re.search(r'name="csrf_token" value="([^"]+)"', self.get(url))
        assert token is not None
        body = urllib.parse.urlencode({"csrf_token": token[1], **form}).encode()
        with self._opener.open(urllib.request.Request(url, body, {"Referer": url}), timeout=60) as answer:
            return str(answer.read().decode())


def test_a_failed_order_becomes_a_mail_whose_link_opens_the_failure(
    trading: tuple[Company, Company], mail: tuple[MailServer, Path], tmp_path: Path
) -> None:
    buyer, seller = trading
    secret = tmp_path / "password"
    secret.write_text(PASSWORD)
    run = CliRunner()
    where = ["--dir", str(seller.home)]
    stored = run.invoke(cli, ["secret", "put", "smtp", "--file", str(secret), *where])
    assert stored.exit_code == 0, stored.output
    added = run.invoke(cli, ["alert", "add", "Night desk", "--mail", "desk@alpine.example", *where])
    assert added.exit_code == 0, added.output
    tested = run.invoke(cli, ["alert", "test", "Night desk", *where])
    assert "took the message for desk@alpine.example" in tested.output
    mail[0].mails.clear()

    broken = (FIXTURES / "demo/004010/850-05-broken.edi").read_bytes().replace(b"20261341", b"20261214")
    order = tmp_path / "order.edi"
    order.write_bytes(broken)
    sent = run.invoke(cli, ["send", str(order), "--as-is", "--partner", "alpine-supply", "--dir", str(buyer.home)])
    assert sent.exit_code == 0, sent.output
    (letter, *more) = wait_for("The mail", lambda: [one for one in mail[0].parsed if "rule" in one["Subject"]])
    assert more == []
    assert letter["Subject"] == "Alpine Supply: 1 order from Harbor Retail breaks a rule at PO103."
    text = letter.get_content()
    assert "HR-450021" not in text and "XX" not in text
    link = re.search(r"http://127\.0\.0\.1:\d+/failures/\S+", text)
    assert link is not None

    browser = Browser()
    home = link[0].partition("/failures/")[0]
    made = seller.call("user.setup", actor="test")
    browser.post(
        f"{home}/setup",
        code=made["setup_code"],
        name="ann",
        full_name="Ann Berg",
        password=STAFF_PASSWORD,
        again=STAFF_PASSWORD,
    )
    page = browser.get(link[0])
    assert "is not a unit code" in page or "PO103" in page
    history = browser.get(f"{home}/alerts")
    assert "breaks a rule at PO103" in history
    assert "Night desk" in history
    said = (seller.home / "log").glob("*")
    assert all(PASSWORD not in path.read_text(errors="replace") for path in said)
