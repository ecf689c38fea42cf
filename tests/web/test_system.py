"""System: versions, the doctor's checks in words, disk, database, schemas and maps; for admins."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from gateway.settings import company_named
from gateway.store.engine import open_store
from gateway.web import place
from gateway.web.pages import system
from gateway.workdir import make_working_directory
from tests.pipeline.pipelinekit import NOW, Kit
from tests.web.webkit import ROLES, WebKit, texts


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebKit]:
    """A site over a whole working directory."""
    home = tmp_path_factory.mktemp("system") / "alpine"
    ours = company_named("Alpine Supply", code="alpine", isa_id="ALPINESUPPLY", gs_id="ALPINESUPPLY", as2_name="ALPINE")
    make_working_directory(home, ours, now=NOW)
    with open_store(home / "gateway.db") as store:
        made = WebKit(Kit(store, home))
        made.add_users()
        yield made


@pytest.mark.parametrize("name", ROLES)
def test_only_admins_see_the_system(busy: WebKit, name: str) -> None:
    status = busy.browser(name).get("/system").status_code
    assert status == (200 if "admin" in ROLES[name] else 403)


def test_the_doctors_checks_stand_there_in_words_what_needs_somebody_first(whole: WebKit) -> None:
    page = texts(whole.browser("adam").get("/system"))
    assert "The service is not running. Start it: gateway up." in page
    assert "harbor: as2.url is empty: there is nowhere to send to." in page
    assert "Our AS2 certificate is good until" in page
    assert page.index("The service is not running.") < page.index("Our AS2 certificate is good until")


def test_versions_disk_database_and_working_directory_are_told(whole: WebKit) -> None:
    page = texts(whole.browser("adam").get("/system"))
    assert "Gateway 0.1 Tables revision" in page
    assert "GiB of" in page
    assert "below it nothing new is taken in" in page
    assert "gateway.db" in page
    assert "Last digest" in page
    assert "Inbox" in page


def test_schemas_and_maps_are_listed(whole: WebKit) -> None:
    page = texts(whole.browser("adam").get("/system"))
    assert "cxml-1.2 part of the gateway cXML as recorded" in page
    assert "004010 810" in page
    assert "x12 004010" in page
    assert "ubl 2.1" in page


def test_an_operators_schema_that_was_changed_is_marked(whole: WebKit, monkeypatch: pytest.MonkeyPatch) -> None:
    from gateway.standards.xml.schemas import SchemaSet

    monkeypatch.setattr(SchemaSet, "changed_files", lambda self: ("order.xsd",) * (self.name == "cxml-1.2"))
    assert "changed: order.xsd" in texts(whole.browser("adam").get("/system"))


def test_a_broken_schema_folder_is_told(whole: WebKit) -> None:
    folder = whole.kit.home / "schemas" / "xsd" / "broken"
    folder.mkdir(parents=True)
    (folder / "record.json").write_text("{")
    try:
        assert "broken" in texts(whole.browser("adam").get("/system"))
    finally:
        shutil.rmtree(folder)


def test_a_large_database_is_checked_only_on_request(whole: WebKit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "CHECK_AT_ONCE", 1)
    browser = whole.browser("adam")
    assert "The checks take a while here" in texts(browser.get("/system"))
    assert "Our AS2 certificate is good until" in texts(browser.get("/system?checks=run"))


def test_little_room_is_marked(whole: WebKit, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    page = texts(whole.browser("adam").get("/system"))
    assert "little room" in page
    assert "less than the reserve" in page


def test_without_a_working_directory_the_page_says_where_to_look(busy: WebKit) -> None:
    page = texts(busy.browser("adam").get("/system"))
    assert "The checks cannot be run from here" in page
    assert "gateway doctor" in page
    assert "Versions" in page


def test_settings_that_cannot_be_read_count_as_none(web: WebKit, tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text("[company")
    assert place.own_settings(web.site) is None
    assert "The checks cannot be run from here" in texts(web.browser("adam").get("/system"))


def test_a_database_server_has_no_file(web: WebKit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place, "database_file", lambda _site: None)
    monkeypatch.setattr(system, "database_file", lambda _site: None)
    page = texts(web.browser("adam").get("/system"))
    assert "a database server" in page
    assert "Not known here." in page


def test_the_place_of_the_database_is_found_from_an_engine_too(web: WebKit) -> None:
    from contextlib import contextmanager

    from sqlalchemy.orm import Session

    @contextmanager
    def memory() -> Iterator[Session]:
        with Session(create_engine("sqlite://")) as session:
            yield session

    assert place.database_file(replace(web.site, read=memory)) is None
    found = place.database_file(web.site)
    assert found is not None
    assert found.name == "gateway.db"


def test_the_support_bundle_is_downloaded_by_admins_and_that_is_noted(whole: WebKit, busy: WebKit) -> None:
    answer = whole.browser("adam").get("/system/bundle")
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="support-')
    assert answer.data.startswith(b"PK")
    assert "adam downloaded the support bundle." in whole.browser("adam").get("/audit").text
    assert whole.browser("olga").get("/system/bundle").status_code == 403
    assert "gateway support bundle FILE" in busy.browser("adam").get("/system/bundle").text
