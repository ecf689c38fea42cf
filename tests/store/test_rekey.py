"""A new key for every secret: all of them or none, and a death half-way is put right by the same command."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli.init import init_command
from gateway.cli.secret import secret_group
from gateway.settings import load_settings
from gateway.store import rekey
from gateway.store.engine import Store, open_store
from gateway.store.errors import SecretError
from gateway.store.ledger import Event
from gateway.store.rekey import rotate_kek
from gateway.store.secrets import Secret, create_kek, get_secret, load_kek, put_secret

NOW = datetime(2026, 11, 22, tzinfo=UTC)
VALUES = {"harbor/http": b"canary-one", "us/key": b"canary-two"}


@pytest.fixture
def key(store: Store, tmp_path: Path) -> Path:
    path = tmp_path / "keys" / "kek"
    kek = create_kek(path)

    def run(session) -> None:
        for name, value in VALUES.items():
            put_secret(session, kek, name, value, kind="password", now=NOW)

    store.writer.run(run)
    return path


def opened(store: Store, path: Path) -> dict[str, bytes]:
    kek = load_kek(path)
    with store.read() as session:
        return {name: get_secret(session, kek, name) for name in VALUES}


def test_every_secret_is_sealed_with_the_new_key_and_the_old_one_is_kept(store: Store, key: Path) -> None:
    old = load_kek(key)
    done = rotate_kek(store, key, actor="kim", now=NOW)
    assert (done.secrets, done.old) == (2, old.id)
    assert load_kek(key).id == done.new != old.id
    assert opened(store, key) == VALUES
    assert load_kek(done.kept) == old
    assert [stat.S_IMODE(path.stat().st_mode) for path in (key, done.kept)] == [0o600, 0o600]
    assert not key.with_name("kek.new").exists()
    with store.read() as session:
        (event,) = session.query(Event).filter(Event.kind == "key-rotated")
        assert event.actor == "kim"


@pytest.mark.parametrize("point", ["rekey.after_commit", "rekey.after_keep"])
def test_a_death_after_the_commit_is_put_right_by_the_same_command(
    store: Store, key: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    def die(name: str) -> None:
        if name == point:
            raise KeyboardInterrupt

    monkeypatch.setattr(rekey, "fault_point", die)
    with pytest.raises(KeyboardInterrupt):
        rotate_kek(store, key, actor="kim", now=NOW)
    with pytest.raises(SecretError, match="sealed with another key file"):
        opened(store, key)
    monkeypatch.undo()
    done = rotate_kek(store, key, actor="kim", now=NOW)
    assert opened(store, key) == VALUES
    assert done.kept.exists()
    assert not key.with_name("kek.new").exists()


def test_a_new_key_file_that_seals_nothing_is_replaced(store: Store, key: Path) -> None:
    unused = create_kek(key.with_name("kek.new"))
    assert rotate_kek(store, key, actor="kim", now=NOW).new != unused.id
    assert opened(store, key) == VALUES


def test_a_secret_that_cannot_be_opened_changes_nothing(store: Store, key: Path) -> None:
    before = load_kek(key)
    store.writer.run(lambda session: setattr(session.get_one(Secret, "us/key"), "ciphertext", b"x" * 26))
    with pytest.raises(SecretError, match="was altered"):
        rotate_kek(store, key, actor="kim", now=NOW)
    assert load_kek(key) == before
    with store.read() as session:
        assert get_secret(session, before, "harbor/http") == VALUES["harbor/http"]


def test_the_command_wants_the_service_stopped_and_says_where_the_old_key_is(tmp_path: Path) -> None:
    home, runner = tmp_path / "alpine", CliRunner()
    assert runner.invoke(init_command, [str(home)]).exit_code == 0
    settings = load_settings(home)
    before = load_kek(settings.paths.kek)
    with open_store(settings.database_url, blobs=settings.paths.blobs):
        refused = runner.invoke(secret_group, ["rotate-key", "--dir", str(home)])
        assert refused.exit_code == 1
        assert "while the service runs" in refused.output
    done = runner.invoke(secret_group, ["rotate-key", "--dir", str(home)])
    assert done.exit_code == 0, done.output
    assert before.id in done.output
    assert load_kek(settings.paths.kek).id != before.id
    assert runner.invoke(secret_group, ["rotate-key", "--dir", str(home), "--json"]).exit_code == 0
