"""`gateway init`: makes a whole working directory, and never overwrites anything."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from gateway import workdir
from gateway.cli.init import init_command
from gateway.settings import SettingsError, company_named, load_settings
from gateway.store.engine import open_store
from gateway.store.errors import SecretError, StoreLockedError
from gateway.store.secrets import get_secret, list_secrets, load_kek

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def init(*arguments: object) -> Result:
    return CliRunner().invoke(init_command, [str(argument) for argument in arguments])


def contents(home: Path) -> dict[str, bytes]:
    skip = ("gateway.db-wal", "gateway.db-shm")
    return {
        str(path.relative_to(home)): path.read_bytes()
        for path in sorted(home.rglob("*"))
        if path.is_file() and path.name not in skip
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    home = tmp_path_factory.mktemp("init") / "alpine"
    return home, init(
        home, "--company-name", "Alpine Supply", "--as2-listen", "127.0.0.1:0", "--time-zone", "Europe/Zurich"
    )


def test_it_makes_everything_a_gateway_needs(made: tuple[Path, Result]) -> None:
    home, result = made
    assert result.exit_code == 0, result.output
    assert set(contents(home)) == {
        "gateway.toml",
        "gateway.db",
        "gateway.db.lock",
        "inbox/README.md",
        "outbox/README.md",
        "keys/kek",
        "keys/as2-ALPINESUPPLY.crt",
    }
    for folder in ("blobs", "run", "log", "outbox/done", "outbox/failed"):
        assert (home / folder).is_dir()
    settings = load_settings(home, {})
    assert settings.company.name == "Alpine Supply"
    assert settings.company.time_zone == "Europe/Zurich"
    assert settings.as2.endpoint.port == 0


def test_keys_and_database_are_closed_to_others(made: tuple[Path, Result]) -> None:
    home, _ = made
    modes = {name: stat.S_IMODE((home / name).stat().st_mode) for name in ("keys", "run", "keys/kek", "gateway.db")}
    assert modes == {"keys": 0o700, "run": 0o700, "keys/kek": 0o600, "gateway.db": 0o600}
    assert len((home / "keys/kek").read_bytes()) == 32


def test_the_private_key_is_only_in_the_store_and_fits_the_certificate_for_partners(
    made: tuple[Path, Result],
) -> None:
    home, _ = made
    public = x509.load_pem_x509_certificate((home / "keys/as2-ALPINESUPPLY.crt").read_bytes())
    with open_store(home / "gateway.db", write=False) as store, store.read() as session:
        [key] = workdir.as2_keys(session, load_kek(home / "keys/kek"))
        infos = {info.kind: info for info in list_secrets(session)}
    assert key.certificate == public
    assert key.private_key.public_key() == public.public_key()
    assert infos[workdir.AS2_IDENTITY].not_after == public.not_valid_after_utc
    assert not any(b"PRIVATE KEY" in body for body in contents(home).values())


def test_the_set_up_code_is_printed_once_and_only_its_hash_is_kept(made: tuple[Path, Result]) -> None:
    home, result = made
    code = result.output.split("shown only now: ")[1].split()[0]
    with open_store(home / "gateway.db", write=False) as store, store.read() as session:
        stored = get_secret(session, load_kek(home / "keys/kek"), workdir.SETUP_CODE)
    assert workdir.setup_code_matches(code, stored)
    assert workdir.setup_code_matches(code.lower().replace("-", ""), stored)
    assert not workdir.setup_code_matches("AAAAA-AAAAA-AAAAA-AAAAA", stored)
    assert code.encode() not in b"".join(contents(home).values())
    assert code not in init(home).output


def test_it_says_what_to_do_next(made: tuple[Path, Result]) -> None:
    home, result = made
    for step in ("gateway partner apply", f"gateway up --dir {home}", "gateway doctor", "as2-ALPINESUPPLY.crt"):
        assert step in result.output


def test_a_second_run_changes_nothing_and_says_so(made: tuple[Path, Result]) -> None:
    home, _ = made
    before = contents(home)
    result = init(home, "--company-name", "Somebody Else", "--isa-id", "OTHER")
    assert result.exit_code == 0
    assert "is a whole working directory of Alpine Supply; nothing was changed" in result.output
    assert contents(home) == before


def test_the_json_tells_the_same(made: tuple[Path, Result]) -> None:
    home, _ = made
    answer = json.loads(init(home, "--json").stdout)
    assert answer["directory"] == str(home)
    assert answer["made"] == []
    assert "gateway.db" in answer["existing"]
    assert answer["company"]["isa_id"] == "ALPINESUPPLY"
    assert answer["setup_code"] is None
    assert answer["as2"]["certificate"] == str(home / "keys/as2-ALPINESUPPLY.crt")


def test_it_runs_beside_a_running_service(made: tuple[Path, Result]) -> None:
    home, _ = made
    with open_store(home / "gateway.db"):
        assert init(home).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--isa-id", "lower"), "isa_id = 'lower'"),
        (("--time-zone", "Mars"), "not a time zone"),
        (("--as2-listen", "4080"), "not an address to listen on"),
        (("--as2-name", "ä"), "printable ASCII"),
    ],
)
def test_a_wrong_option_makes_nothing(tmp_path: Path, arguments: tuple[str, ...], expected: str) -> None:
    result = init(tmp_path / "new", *arguments)
    assert result.exit_code != 0
    assert expected in (result.output + str(result.exception))
    assert not (tmp_path / "new").exists()


class StoppedError(Exception):
    """A run that was cut off."""


@pytest.mark.parametrize(
    "step", ["load_settings", "_readme", "_kek", "open_store", "_make_secrets", "write_whole_file"]
)
def test_a_run_that_was_cut_off_is_completed_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    real: Callable[..., object] = getattr(workdir, step)

    def stop(*arguments: object, **options: object) -> object:
        if step == "write_whole_file" and not str(arguments[0]).endswith(".crt"):
            return real(*arguments, **options)
        raise StoppedError

    company = company_named("Alpine Supply")
    with monkeypatch.context() as patch:
        patch.setattr(workdir, step, stop)
        with pytest.raises(StoppedError):
            workdir.make_working_directory(tmp_path, company, now=NOW)
    settings = (tmp_path / "gateway.toml").read_bytes()
    made = workdir.make_working_directory(tmp_path, company, now=NOW)
    assert made.changed
    assert (tmp_path / "gateway.toml").read_bytes() == settings
    assert made.certificate.exists()
    assert not workdir.make_working_directory(tmp_path, company, now=NOW).changed


def test_a_database_without_its_key_file_is_not_given_a_new_one(tmp_path: Path) -> None:
    company = company_named("Alpine Supply")
    workdir.make_working_directory(tmp_path, company, now=NOW)
    (tmp_path / "keys/kek").unlink()
    with pytest.raises(SecretError, match="Restore it"):
        workdir.make_working_directory(tmp_path, company, now=NOW)
    assert not (tmp_path / "keys/kek").exists()


def test_settings_that_cannot_be_read_stop_it(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text("[company]\nname = 3\n")
    with pytest.raises(SettingsError):
        workdir.make_working_directory(tmp_path, company_named("X"), now=NOW)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gateway.toml"]


def test_an_unfinished_directory_that_a_service_uses_is_left_to_it(tmp_path: Path) -> None:
    workdir.make_working_directory(tmp_path / "other", company_named("X"), now=NOW)
    home = tmp_path / "home"
    with open_store(tmp_path / "other/gateway.db"):
        home.mkdir()
        (home / "gateway.toml").write_text(
            (tmp_path / "other/gateway.toml")
            .read_text()
            .replace('# database = "gateway.db" ', f'database = "{tmp_path / "other/gateway.db"}" #')
        )
        (home / "keys").mkdir()
        (home / "keys/kek").write_bytes((tmp_path / "other/keys/kek").read_bytes())
        (home / "keys/kek").chmod(0o600)
        assert not workdir.make_working_directory(home, company_named("X"), now=NOW).setup_code
    (tmp_path / "other/gateway.db").unlink()
    (tmp_path / "other/gateway.db").touch()
    with open_store(tmp_path / "other/gateway.db"), pytest.raises(StoreLockedError):
        workdir.make_working_directory(home, company_named("X"), now=NOW)


def test_a_certificate_of_another_database_stays_and_ours_lies_beside_it(tmp_path: Path) -> None:
    """The database was changed for another one: our key there is new, and partners must not be given the old one."""
    first = json.loads(init(tmp_path, "--json").output)["as2"]
    old = Path(first["certificate"]).read_bytes()
    settings = tmp_path / "gateway.toml"
    settings.write_text(settings.read_text().replace("# database = ", 'database = "other.db"  # '))
    second = json.loads(init(tmp_path, "--json").output)["as2"]
    assert Path(first["certificate"]).read_bytes() == old
    assert second["certificate"] != first["certificate"]
    certificate = x509.load_pem_x509_certificate(Path(second["certificate"]).read_bytes())
    assert certificate.fingerprint(hashes.SHA256()).hex(":").upper() == second["fingerprint"]
    assert json.loads(init(tmp_path, "--json").output)["as2"] == second
