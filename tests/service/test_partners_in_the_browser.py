"""Partners changed in the staff pages of a real working directory: the running doors know it with the next message."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from gateway.partners.errors import PartnerChangedError
from gateway.service import OPERATIONS, Context, open_context
from gateway.service.web import StaffPages
from gateway.settings import company_named
from gateway.staff import accounts
from gateway.web.app import create_app
from gateway.workdir import make_working_directory
from tests.web.webkit import HASHED, PASSWORD

HOST = "gateway.test"


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    make_working_directory(
        tmp_path, company_named("Alpine Supply", as2_name="ALPINE"), now=datetime.now(UTC), listen="127.0.0.1:0"
    )
    opened = open_context(tmp_path)
    yield opened
    opened.close()


def admin(context: Context, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """A browser of an admin before the pages as the service serves them."""

    def open_account(session: Any) -> None:
        now = datetime.now(UTC)
        values: dict[str, Any] = {"password": PASSWORD, "password_hash": HASHED, "actor": "test", "now": now}
        accounts.create_user(session, name="adam", full_name="Adam Berg", roles=["admin"], **values)

    context.store.writer.run(open_account)
    pages = StaffPages(context)
    monkeypatch.setattr(StaffPages, "_hosts", lambda self: frozenset({HOST}))
    client = create_app(pages._site(secure=False)).test_client()
    send(client, "/login", name="adam", password=PASSWORD)
    return client


def send(client: FlaskClient, path: str, **form: Any) -> Any:
    page = client.get("/login", base_url=f"http://{HOST}", follow_redirects=True).text
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert token is not None
    return client.post(path, base_url=f"http://{HOST}", data={"csrf_token": token[1], **form})


def content(url: str) -> str:
    return (
        "code: bolt\nname: Bolt\nstatus: draft\nids: {as2: BOLT, isa: [{id: BOLT}]}\n"
        f"as2: {{url: '{url}', encrypt: none, require_signed: false, mdn_signed: false, require_encrypted: false}}\n"
    )


def test_the_running_doors_take_a_change_of_the_browser_with_the_next_message(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = admin(context, monkeypatch)
    assert context.relationships.find("BOLT", "ALPINE") is None
    made = send(client, "/partners/_new", code="bolt", name="Bolt", preset="", reason="New.")
    assert made.status_code == 303, made.text
    form = {"do": "save", "mode": "text", "base": "1", "reason": "Their address."}
    saved = send(client, "/partners/bolt/edit", content=content("https://one.example/as2"), **form)
    assert saved.status_code == 303, saved.text
    known = context.relationships.find("BOLT", "ALPINE")
    assert known is not None
    assert known.url == "https://one.example/as2"
    assert context.directory.by_as2("BOLT", "ALPINE") == "bolt"
    saved = send(client, "/partners/bolt/edit", content=content("https://two.example/as2"), **{**form, "base": "2"})
    assert saved.status_code == 303
    assert context.relationships.find("BOLT", "ALPINE").url == "https://two.example/as2"  # type: ignore[union-attr]
    assert [version["author"] for version in OPERATIONS["partner.history"](context, {"name": "bolt"})["versions"]] == [
        "adam"
    ] * 3


def test_the_operation_refuses_what_was_made_from_an_older_version(context: Context) -> None:
    def apply(version: int, url: str) -> Any:
        file = {"name": "bolt.yaml", "text": content(url)}
        return OPERATIONS["partner.apply"](
            context, {"files": [file], "author": "kim", "reason": "x", "versions": {"bolt": version}}
        )

    apply(0, "https://one.example")
    with pytest.raises(PartnerChangedError, match='There is a partner "bolt" already'):
        apply(0, "https://two.example")
    apply(1, "https://two.example")
    with pytest.raises(PartnerChangedError, match="version 1 is 2 now, by kim"):
        apply(1, "https://three.example")


def test_the_smtp_password_is_no_secret_of_a_partner(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = context.settings.paths.home / "gateway.toml"
    alerts = (
        '[alerts]\nsmtp_host = "mail.example"\nfrom = "a@b.example"\nsmtp_user = "u"\nsmtp_password_secret = "mail"\n'
    )
    settings.write_text(re.sub(r"(?m)^\[alerts\]\n", alerts, settings.read_text("utf-8")), "utf-8")
    client = admin(context, monkeypatch)
    send(client, "/partners/_new", code="bolt", name="Bolt", preset="", reason="New.")
    text = "code: bolt\nname: Bolt\nstatus: draft\nxml: {shared_secret: {secret: mail}}\n"
    answer = send(client, "/partners/bolt/edit", do="review", mode="text", base="1", content=text)
    assert "which belongs to the settings" in answer.text
