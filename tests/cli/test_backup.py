"""`gateway backup` and `gateway restore`: beside a running gateway, without its keys; control numbers go on."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tarfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gateway.cli.backup import _source, backup_command, raise_control_numbers, restore_command
from gateway.cli.main import cli
from gateway.demo.company import wait_for
from gateway.messages import control
from gateway.settings import company_named, load_settings
from gateway.store import ledger
from gateway.store.backup import BackupError, make_backup
from gateway.store.engine import open_store
from gateway.workdir import make_working_directory
from tests.faults.faultskit import await_acknowledged, buyer_and_seller, order


def run(command: Any, *arguments: object) -> Result:
    return CliRunner().invoke(command, [str(each) for each in arguments])


def done(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def rows(home: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{home / 'gateway.db'}?mode=ro", uri=True)) as database:
        return database.execute(sql).fetchall()


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("made-once") / "home"
    make_working_directory(home, company_named("Alpine Supply"), now=datetime.now(UTC))
    return home


@pytest.fixture
def home(made_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("GATEWAY_DIR", raising=False)
    monkeypatch.delenv("GATEWAY_KEK_FILE", raising=False)
    home = tmp_path / "home"
    shutil.copytree(made_once, home, ignore=shutil.ignore_patterns("*.lock"))
    return home


def names(archive: Path) -> set[str]:
    with tarfile.open(archive) as tar:
        return set(tar.getnames())


# -- beside a running gateway --------------------------------------------------------------------------------

ORDERS = 16


@pytest.mark.slow
def test_a_backup_while_orders_arrive_restores_to_a_gateway_that_misses_nothing(tmp_path: Path) -> None:
    numbers = [f"PO-{number:03d}" for number in range(ORDERS)]
    backups: list[Path] = []
    with buyer_and_seller(tmp_path) as (buyer, seller):
        for number in numbers:
            buyer.hand_in(order(number))
        for count in (1, ORDERS // 2):
            await_received(seller.home, count)
            backups.append(tmp_path / f"{count}.tar")
            done(run(backup_command, backups[-1], "--dir", seller.home, "--json"))
        await_acknowledged(buyer, ORDERS, 120)
        backups.append(tmp_path / "last.tar")
        done(run(backup_command, backups[-1], "--dir", seller.home, "--json"))
        refused = run(restore_command, backups[-1], seller.home)
        assert refused.exit_code == 1
        assert "A gateway runs in" in refused.output
        kek = seller.home / "keys" / "kek"
        used = {(*key,): next_ for *key, next_ in rows(seller.home, COUNTERS)}
        restored = [restore(archive, kek) for archive in backups]
    for home in restored:
        assert_whole(home)
        for *key, next_ in rows(home, COUNTERS):
            assert next_ >= used[(*key,)], "a control number was used by the gateway that went on, and would be again"
    arrived = [
        row[0] for row in rows(restored[-1], "SELECT number FROM document WHERE direction = 'in' AND kind = 'order'")
    ]
    assert sorted(arrived) == numbers
    counts = [rows(home, RECEIVED)[0][0] for home in restored]
    assert counts == sorted(counts)


RECEIVED = "SELECT count(*) FROM document WHERE direction = 'in'"
COUNTERS = "SELECT partner, level, scope, test, next FROM control_number"


def await_received(home: Path, count: int) -> None:
    wait_for(f"The arrival of {count} orders", lambda: rows(home, RECEIVED)[0][0] >= count)


def restore(archive: Path, kek: Path) -> Path:
    """Restored as the operator is told to."""
    home = archive.with_suffix("")
    told = done(run(restore_command, archive, home, "--json"))
    assert told["gap"] == 1000
    assert not (home / "keys" / "kek").exists()
    assert [(home / name).stat().st_mode & 0o777 for name in ("keys", "blobs")] == [0o700, 0o700]
    shutil.copy(kek, home / "keys" / "kek")
    assert run(cli, "init", home).exit_code == 0
    assert run(cli, "ledger", "check", "--dir", home).exit_code == 0
    return home


def assert_whole(home: Path) -> None:
    """Every payload that anything names is there, and every order that was posted waits in the inbox."""
    missing = (
        "SELECT count(*) FROM transmission t WHERE t.payload_sha256 NOT IN (SELECT sha256 FROM payload) "
        "OR t.wire_payload_sha256 NOT IN (SELECT sha256 FROM payload)"
    )
    assert rows(home, missing) == [(0,)]
    posted = rows(home, "SELECT id FROM document WHERE processing = 'posted' AND kind = 'order'")
    waiting = "".join(path.name for path in (home / "inbox").glob("*/order-*.json"))
    assert all(identity in waiting for (identity,) in posted)


# -- what is in it -------------------------------------------------------------------------------------------


def test_what_the_operator_made_is_in_it_and_no_key_is(home: Path, tmp_path: Path) -> None:
    kek = (home / "keys" / "kek").read_bytes()
    for name, data in {
        "maps/x12/004010/850.yaml": b"extends: x",
        "partners/a.yaml": b"code: a",
        "keys/tls.pem": b"-----BEGIN PRIVATE KEY-----\n",
        "keys/copy-of-it": b"# mine\n" + kek,
        "keys/kek.old": b"k" * 32,
        "inbox/harbor/order-1.json": b"{}",
        "inbox/harbor/.hidden": b"{}",
        "inbox/harbor/.gateway/a.posted": b"",
        "outbox/order-2.json": b"{}",
        "outbox/order-3.json.tmp": b"{",
        "outbox/done/order-0.json": b"{}",
    }.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_bytes(data)
    (home / "outbox" / "link").symlink_to("/etc/passwd")
    made = done(run(backup_command, tmp_path / "b.tar.gz", "--dir", home, "--json"))
    certificate = next((home / "keys").glob("*.crt")).name
    assert names(tmp_path / "b.tar.gz") == {
        *("gateway.db", "gateway.toml", "manifest.json", f"keys/{certificate}", "outbox/README.md"),
        *("maps/x12/004010/850.yaml", "partners/a.yaml", "inbox/harbor/order-1.json", "outbox/order-2.json"),
    }
    with tarfile.open(tmp_path / "b.tar.gz") as tar:
        assert not any(kek in tar.extractfile(info).read() for info in tar)  # type: ignore[union-attr]
    assert len(made["left_out"]) == 4
    assert made["left_out"][0].startswith("keys/kek, the key-encryption key")


def test_the_result_is_told_in_sentences(home: Path, tmp_path: Path) -> None:
    made = run(backup_command, tmp_path / "b.tar", "--dir", home)
    assert "Not in it: keys/kek, the key-encryption key: keep it in another place." in made.output
    assert "Ledger head, to be noted elsewhere: " in made.output
    head = made.output.strip().rpartition(": ")[2]
    restored = run(restore_command, tmp_path / "b.tar", tmp_path / "again", "--head", head)
    assert restored.exit_code == 0, restored.output
    assert f"Put the key-encryption key back: {tmp_path / 'again' / 'keys' / 'kek'}, mode 0600" in restored.output
    assert "is not in it: ask partners to send again" in restored.output


def test_database_and_blobs_outside_the_working_directory_are_told(home: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    shutil.move(home / "gateway.db", tmp_path / "elsewhere" / "edi.db")
    settings = home / "gateway.toml"
    places = f'[store]\ndatabase = "{tmp_path}/elsewhere/edi.db"\nblobs = "data/blobs"\n'
    settings.write_text(settings.read_text().replace("[store]\n", places))
    assert load_settings(home).paths.blobs == home / "data" / "blobs"
    assert run(backup_command, tmp_path / "b.tar", "--dir", home).exit_code == 0
    restored = run(restore_command, tmp_path / "b.tar", tmp_path / "again")
    assert restored.exit_code == 0, restored.output
    assert f"but it was restored to {tmp_path / 'again' / 'gateway.db'}" in restored.output
    assert "blobs in gateway.toml" not in restored.output


def test_settings_of_another_release_are_restored_and_told(home: Path, tmp_path: Path) -> None:
    source = _source(load_settings(home))
    (home / "gateway.toml").write_text("[company]\nnonsense = 1\n")
    make_backup(tmp_path / "b.tar", source, release="9.9")
    told = done(run(restore_command, tmp_path / "b.tar", tmp_path / "again", "--json"))
    assert told["notes"][0].startswith("The settings cannot be read: ")


def test_another_kind_of_database_is_refused_with_what_to_do(home: Path, tmp_path: Path) -> None:
    settings = home / "gateway.toml"
    place = '[store]\ndatabase = "postgresql+psycopg://edi@localhost/edi"\n'
    settings.write_text(settings.read_text().replace("[store]\n", place))
    refused = run(backup_command, tmp_path / "b.tar", "--dir", home)
    assert refused.exit_code == 1
    assert "pg_dump" in refused.output


def test_an_archive_that_was_changed_is_refused_with_a_sentence(home: Path, tmp_path: Path) -> None:
    assert run(backup_command, tmp_path / "b.tar", "--dir", home).exit_code == 0
    data = bytearray((tmp_path / "b.tar").read_bytes())
    data[20_000] ^= 1
    (tmp_path / "b.tar").write_bytes(data)
    refused = run(restore_command, tmp_path / "b.tar", tmp_path / "again")
    assert isinstance(refused.exception, BackupError)
    assert "is not as it was made" in str(refused.exception)
    assert not (tmp_path / "again").exists()


# -- control numbers -----------------------------------------------------------------------------------------


def test_control_numbers_go_on_a_gap_further_and_the_ledger_says_so(home: Path, tmp_path: Path) -> None:
    settings = load_settings(home)
    with open_store(settings.database_url, blobs=settings.paths.blobs) as store:
        store.writer.run(lambda session: control.take(session, "harbor", "ISA13", False, count=7))
        store.writer.run(lambda session: control.take(session, "harbor", "ISA13", True))
        store.writer.run(lambda session: control.take(session, "small", "ST02", False, low=10, high=19))
    assert run(backup_command, tmp_path / "b.tar", "--dir", home).exit_code == 0
    told = done(run(restore_command, tmp_path / "b.tar", tmp_path / "again", "--gap", 13, "--json"))
    assert [
        (each["partner"], each["level"], each["test"], each["before"], each["next"], each["wrapped"])
        for each in told["control_numbers"]
    ] == [
        ("harbor", "ISA13", False, 8, 21, False),
        ("harbor", "ISA13", True, 2, 15, False),
        ("small", "ST02", False, 11, 14, True),
    ]
    with open_store(tmp_path / "again" / "gateway.db", write=False) as store, store.read() as session:
        assert control.peek(session, "harbor", "ISA13", False) == 21
        event = session.scalars(ledger.select(ledger.Event).order_by(ledger.Event.seq.desc())).first()
        assert event is not None
        assert (event.kind, event.data["gap"]) == ("restored", 13)
        assert ledger.verify(session).ok


def test_a_range_that_ends_is_told_to_the_operator(home: Path, tmp_path: Path) -> None:
    settings = load_settings(home)
    with open_store(settings.database_url, blobs=settings.paths.blobs) as store:
        store.writer.run(lambda session: control.take(session, "small", "ST02", False, low=10, high=19))
    assert run(backup_command, tmp_path / "b.tar", "--dir", home).exit_code == 0
    told = run(restore_command, tmp_path / "b.tar", tmp_path / "again")
    assert "small ST02 (live) begins again at 11, because its range ended." in told.output
    assert "1 control numbers go on 1000 further" in told.output


def test_without_a_gap_numbers_stay_as_they_were(home: Path) -> None:
    settings = load_settings(home)
    with open_store(settings.database_url, blobs=settings.paths.blobs) as store:
        store.writer.run(lambda session: control.take(session, "harbor", "ISA13", False, count=7))
        assert store.writer.run(lambda session: raise_control_numbers(session, 0)) == []
        with store.read() as session:
            assert control.peek(session, "harbor", "ISA13", False) == 8
