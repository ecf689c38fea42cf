"""Settings: the file, the environment, and sentences that name line and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.settings import (
    Company,
    Endpoint,
    SettingsError,
    company_named,
    load_settings,
    parse_endpoint,
    settings_text,
    write_default,
)

COMPANY = company_named("Harbor Retail")


def problem_of(directory: Path, text: str, **environ: str) -> str:
    (directory / "gateway.toml").write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load_settings(directory, environ)
    return str(caught.value)


def test_a_new_file_reads_back_as_the_company_it_was_written_for(tmp_path: Path) -> None:
    text = write_default(tmp_path, COMPANY, listen="127.0.0.1:0", public_url="https://edi.example.com/as2")
    settings = load_settings(tmp_path, {})
    assert (tmp_path / "gateway.toml").read_text(encoding="utf-8") == text
    assert settings.company == COMPANY
    assert settings.as2.endpoint == Endpoint("127.0.0.1", 0)
    assert settings.as2.public_url == "https://edi.example.com/as2"


def test_every_commented_default_of_the_new_file_is_the_default_of_the_code(tmp_path: Path) -> None:
    examples = ("public_url", "tls_", "slots", "listen")
    lines = []
    for line in settings_text(COMPANY).splitlines():
        bare = line.removeprefix("# ")
        is_setting = line.startswith("# ") and " = " in bare and bare.split(" = ")[0].isidentifier()
        lines.append(bare if is_setting and not bare.startswith(examples) else line)
    (tmp_path / "gateway.toml").write_text("\n".join(lines), encoding="utf-8")
    uncommented = load_settings(tmp_path, {})
    (tmp_path / "gateway.toml").write_text(settings_text(COMPANY), encoding="utf-8")
    assert uncommented == load_settings(tmp_path, {})
    assert sum(a != b for a, b in zip(lines, settings_text(COMPANY).splitlines(), strict=True)) == 35


@given(st.text(min_size=1, max_size=200).filter(str.strip))
def test_any_company_name_makes_a_file_that_reads_back(name: str) -> None:
    import tomllib

    company = company_named(name)
    assert Company.model_validate(tomllib.loads(settings_text(company))["company"]) == company


def test_a_new_file_never_replaces_an_old_one(tmp_path: Path) -> None:
    write_default(tmp_path, COMPANY)
    with pytest.raises(FileExistsError):
        write_default(tmp_path, COMPANY)


def test_ids_are_made_from_the_name_where_none_are_given() -> None:
    made = company_named("Müller & Söhne GmbH + Co. Handelsgesellschaft")
    assert (made.code, made.isa_id, made.gs_id) == (
        "m-ller-s-hne-gmbh-co-handelsgesellschaft",
        "MLLERSHNEGMBHCO",
        "MLLERSHNEGMBHCO",
    )
    given_ids = company_named("X", code="x-1", isa_qualifier="01", isa_id="123456789", as2_name="X as2")
    assert (given_ids.isa_qualifier, given_ids.isa_id, given_ids.gs_id) == ("01", "123456789", "123456789")
    assert company_named("X").gs_id == "X0"


def test_an_id_that_x12_cannot_carry_is_refused_by_name() -> None:
    with pytest.raises(SettingsError, match="isa_id = 'lower'"):
        company_named("X", isa_id="lower")
    with pytest.raises(SettingsError, match="printable ASCII"):
        company_named("X", as2_name="ä")
    with pytest.raises(SettingsError, match="not a time zone"):
        company_named("X", time_zone="Mars/Olympus")


def test_a_variable_overrides_the_file(tmp_path: Path) -> None:
    write_default(tmp_path, COMPANY)
    settings = load_settings(
        tmp_path,
        {
            "GATEWAY_AS2_LISTEN": "0.0.0.0:8080",
            "GATEWAY_FOLDERS_SCAN_SECONDS": "0.1",
            "GATEWAY_WORK_SLOTS": "3",
            "GATEWAY_LOG_FILE": "",
            "GATEWAY_KEK_FILE": "/run/credentials/kek",
            "GATEWAY_DIR": "ignored",
            "GATEWAY_FAULT": "ignored",
        },
    )
    assert settings.as2.endpoint == Endpoint("0.0.0.0", 8080)
    assert settings.folders.scan_seconds == 0.1
    assert settings.work.threads == 3
    assert settings.paths.log is None
    assert settings.paths.kek == Path("/run/credentials/kek")


def test_places_are_absolute_and_below_the_working_directory(tmp_path: Path) -> None:
    write_default(tmp_path, COMPANY)
    settings = load_settings(tmp_path, {})
    paths = settings.paths
    assert paths.database == tmp_path / "gateway.db"
    assert settings.database_url == str(tmp_path / "gateway.db")
    assert paths.kek == tmp_path / "keys/kek"
    assert paths.control_socket == tmp_path / "run/control.sock"
    assert (paths.inbox, paths.outbox, paths.blobs) == (
        tmp_path / "inbox",
        tmp_path / "outbox",
        tmp_path / "blobs",
    )
    assert settings.resolve(Path("keys/tls.crt")) == tmp_path / "keys/tls.crt"
    assert settings.work.threads >= 2


def test_a_database_url_is_not_a_path(tmp_path: Path) -> None:
    write_default(tmp_path, COMPANY)
    settings = load_settings(tmp_path, {"GATEWAY_STORE_DATABASE": "postgresql+psycopg://edi@db/edi"})
    assert settings.paths.database is None
    assert settings.database_url == "postgresql+psycopg://edi@db/edi"


@pytest.mark.parametrize("kind", ["postgres", "postgresql", "postgresql+psycopg"])
def test_the_driver_of_a_database_need_not_be_named(tmp_path: Path, kind: str) -> None:
    write_default(tmp_path, COMPANY)
    settings = load_settings(tmp_path, {"GATEWAY_STORE_DATABASE": f"{kind}://edi:pass%40word@db/edi?host=/run"})
    assert settings.database_url == "postgresql+psycopg://edi:pass%40word@db/edi?host=/run"


@pytest.mark.parametrize(
    ("url", "shown", "reason"),
    [
        ("mysql://edi:open-sesame@db/edi", "mysql://edi:***@db/edi", "name a SQLite file, or a PostgreSQL database"),
        ("postgresql://edi:open-sesame@db:port/x", "edi:***@db:port", "it is not a database URL"),
    ],
)
def test_a_mistake_in_the_address_of_a_database_is_told_without_its_password(
    tmp_path: Path, url: str, shown: str, reason: str
) -> None:
    message = problem_of(tmp_path, settings_text(COMPANY, database=url))
    assert "[store] database = " in message and shown in message and reason in message
    assert "open-sesame" not in message


def test_a_directory_without_settings_says_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="gateway init"):
        load_settings(tmp_path / "nowhere", {})


def test_broken_toml_names_file_and_line(tmp_path: Path) -> None:
    message = problem_of(tmp_path, "[company]\ncode = \n")
    assert str(tmp_path / "gateway.toml") in message
    assert "line 2" in message


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_bytes(b"\xff")
    with pytest.raises(SettingsError, match="readable UTF-8"):
        load_settings(tmp_path, {})


@pytest.mark.parametrize(
    ("old", "new", "line_of", "expected"),
    [
        ("isa_id =", "isa_idd =", "isa_idd", '"[company] isa_idd" is not a setting; did you mean "isa_id"?'),
        ("[folders]", "[folder]", "[folder]", '"[folder]" is not a setting; did you mean "folders"?'),
        ("# slots = 4", 'slots = "many"', "slots", "[work] slots = 'many': Input should be a valid integer"),
        ("# slots = 4", "zzz = 1", "zzz", '"[work] zzz" is not a setting; known here: slots.'),
        ('"127.0.0.1:4080"', '"4080"', "listen", "[as2] listen = '4080': \"4080\" is not an address"),
        ('# level = "info"', 'level = "loud"', "level", "[log] level = 'loud': Input should be 'debug'"),
        ("# tls_key", "tls_key", "[as2]", "[as2]: tls_certificate and tls_key belong together"),
        ('# path = "/as2"', 'path = "as2"', "path", "[as2] path = 'as2': \"as2\" is not a URL path"),
        ("gs_id =", "# gs_id =", "[company]", "[company] gs_id is missing"),
    ],
)
def test_each_mistake_is_named_with_its_line(tmp_path: Path, old: str, new: str, line_of: str, expected: str) -> None:
    text = settings_text(COMPANY).replace(old, new, 1)
    line = next(n for n, line in enumerate(text.splitlines(), start=1) if line.startswith(line_of))
    assert f"gateway.toml, line {line}: {expected}" in problem_of(tmp_path, text)


def test_a_missing_section_is_named(tmp_path: Path) -> None:
    assert "[company] is missing" in problem_of(tmp_path, "[work]\n")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://host/", "begins with http"),
        ("https://user:pw@host/as2", "holds a user name or password"),
        ("https:///as2", "names a host"),
    ],
)
def test_a_public_address_must_be_a_plain_web_address(tmp_path: Path, url: str, reason: str) -> None:
    assert reason in problem_of(tmp_path, settings_text(COMPANY, public_url=url))


def test_a_mistyped_variable_is_named_as_such(tmp_path: Path) -> None:
    message = problem_of(tmp_path, settings_text(COMPANY), GATEWAY_AS2_LISTN="x", GATEWAY_WORK_SLOTS="0")
    assert 'environment variable GATEWAY_AS2_LISTN: "[as2] listn" is not a setting; did you mean "listen"?' in message
    assert "environment variable GATEWAY_WORK_SLOTS: [work] slots = '0'" in message


@pytest.mark.parametrize("text", ["", ":80", "host", "host:", "host:99999", "a b:1", "::1:80", "[::1]"])
def test_what_is_no_endpoint_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"address to listen on|port number"):
        parse_endpoint(text)


def test_an_endpoint_reads_back_from_its_text() -> None:
    for endpoint in (Endpoint("::1", 0), Endpoint("127.0.0.1", 65535), Endpoint("edi.example.com", 80)):
        assert parse_endpoint(str(endpoint)) == endpoint


def test_the_sftp_and_http_doors_are_shut_unless_they_have_an_address(tmp_path: Path) -> None:
    write_default(tmp_path, COMPANY)
    settings = load_settings(tmp_path, {})
    assert (settings.sftp.endpoint, settings.http.endpoint) == (None, None)
    settings = load_settings(tmp_path, {"GATEWAY_SFTP_LISTEN": "[::1]:2222", "GATEWAY_HTTP_LISTEN": "127.0.0.1:0"})
    assert (settings.sftp.endpoint, settings.http.endpoint) == (Endpoint("::1", 2222), Endpoint("127.0.0.1", 0))
