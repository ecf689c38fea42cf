"""The support bundle: what a helper needs, and no secret that was ever told to this gateway."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli.main import cli
from gateway.doctor.bundle import make_bundle
from gateway.doctor.masking import MASK, mask_settings, mask_text, without_values
from gateway.partners import registry
from gateway.partners.profile import PartnerProfile
from gateway.settings import company_named, load_settings
from gateway.store.engine import open_store
from gateway.store.secrets import load_kek, put_secret
from gateway.workdir import make_working_directory

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
CANARY = "canary-7f3a91"


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Path:
    """A copy of it for each test."""
    return Path(shutil.copytree(made, tmp_path / "alpine"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory with a canary wherever a secret may be."""
    home = tmp_path_factory.mktemp("support") / "alpine"
    ours = company_named("Alpine Supply", code="alpine", isa_id="ALPINESUPPLY", gs_id="ALPINESUPPLY", as2_name="ALPINE")
    make_working_directory(home, ours, now=NOW)
    kek = load_kek(home / "keys" / "kek")
    with open_store(home / "gateway.db") as store:
        profile = PartnerProfile.model_validate({"code": "harbor", "name": "Harbor", "status": "testing"})
        store.writer.run(lambda session: registry.apply(session, [profile], "test", "", NOW))
        for name, kind in (("sftp-harbor", "password"), ("smtp", "password"), ("http-token", "token")):
            value = f"{CANARY}-{name}".encode()
            store.writer.run(lambda s, n=name, k=kind, v=value: put_secret(s, kek, n, v, kind=k, now=NOW))
    log = home / "log" / "gateway.log"
    log.parent.mkdir(exist_ok=True)
    log.write_text(
        "\n".join(
            [
                "2026-11-22 started on 127.0.0.1:4080",
                f"password={CANARY}-plain",
                f'{{"api_key": "{CANARY}-json"}}',
                f"Authorization: Bearer {CANARY}-bearer",
                f"Cookie: gateway={CANARY}-cookie; other=1",
                f"GET https://olga:{CANARY}-url@example.com/x?token={CANARY}-query&a=1",
                f"the server said {CANARY}-sftp-harbor is wrong",
                f"ISA*03*{CANARY[:10]}*01*{CANARY[:10]}*ZZ*HARBOR         *ZZ*ALPINE",
                f"<SharedSecret>{CANARY}</SharedSecret>",
                f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----",
                f"session {'aB3' * 15}{CANARY[:4]}9",
                f"set-up code: {CANARY.upper()}",
                f"kek {kek.key.hex()}",
                "digest " + "0123456789abcdef" * 4,
            ]
        )
        + "\n"
    )
    return home


def files(data: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_no_canary_is_in_the_bundle_and_what_helps_is(home: Path) -> None:
    whole = files(make_bundle(home, NOW))
    for name, text in whole.items():
        assert CANARY[:9] not in text.lower(), name
        assert load_kek(home / "keys" / "kek").key.hex() not in text
    assert {"README.txt", "versions.json", "settings.json", "doctor.json", "counts.json"} <= set(whole)
    assert {"schemas.json", "maps.json", "partners.json", "log.txt"} <= set(whole)
    assert json.loads(whole["settings.json"])["company"]["name"] == "Alpine Supply"
    assert json.loads(whole["counts.json"])["messages"]["held"] == 0
    assert json.loads(whole["partners.json"]) == [
        {"code": "harbor", "version": 1, "status": "testing", "transport": ""}
    ]
    assert "2026-11-22 started on 127.0.0.1:4080" in whole["log.txt"]
    assert "0123456789abcdef" * 4 in whole["log.txt"]
    assert any(check["check"] == "database" for check in json.loads(whole["doctor.json"]))


def test_settings_lose_their_secrets_by_name_and_by_shape(home: Path) -> None:
    settings = {
        "database": f"postgresql+psycopg://gateway:{CANARY}@db/gateway",
        "alerts": {"smtp_password_secret": CANARY, "smtp_host": "mail.example.com", "port": 587},
        "web": {"oidc_client_secret": CANARY, "tls_key": None, "names": ["a", f"token={CANARY}"], "on": True},
    }
    masked = mask_settings(settings)
    assert CANARY not in json.dumps(masked)
    assert masked["database"] == f"postgresql+psycopg://{MASK}@db/gateway"
    assert masked["alerts"] == {"smtp_password_secret": MASK, "smtp_host": "mail.example.com", "port": 587}
    assert masked["web"]["on"] is True


def test_ordinary_lines_stay_as_they_are() -> None:
    line = "2026-11-22T09:00:00Z INFO gateway.pipeline 01a20212-412c-7088-b521-8ff571817b20 posted to inbox/order.json"
    assert mask_text(line) == line
    assert without_values("abc", [b"a", b""]) == "abc"


@pytest.mark.parametrize("broken", ["log", "database", "kek"])
def test_a_bundle_is_made_of_what_there_is(home: Path, broken: str) -> None:
    paths = load_settings(home).paths
    for path in {"log": [paths.log], "database": [paths.database], "kek": [paths.kek]}[broken]:
        assert path is not None
        path.unlink()
    whole = files(make_bundle(home, NOW))
    expected = {
        "log": ("log.txt", "There is no log file"),
        "database": ("counts.json", "There is no database"),
        "kek": ("doctor.json", "fail"),
    }[broken]
    assert expected[1] in whole[expected[0]]


def test_the_command_writes_one_file_that_only_its_owner_reads(home: Path, tmp_path: Path) -> None:
    target = tmp_path / "support.zip"
    done = CliRunner().invoke(cli, ["support", "bundle", str(target), "--dir", str(home), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["bytes"] == target.stat().st_size
    assert target.stat().st_mode & 0o077 == 0
    again = CliRunner().invoke(cli, ["support", "bundle", str(target), "--dir", str(home)])
    assert again.exit_code == 1
    assert "is there already" in again.output
    done = CliRunner().invoke(cli, ["support", "bundle", str(tmp_path / "two.zip"), "--dir", str(home)])
    assert "Look through it before you send it." in done.stdout
