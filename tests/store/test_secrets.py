"""Secrets are unreadable without the key file and useless when moved or altered."""

from __future__ import annotations

import sqlite3
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.store import secrets
from gateway.store.engine import Store
from gateway.store.errors import SecretError

NOW = datetime(2026, 3, 1, tzinfo=UTC)
VALUE = b"-----BEGIN PRIVATE KEY-----\nMIIE"


@pytest.fixture
def kek(tmp_path: Path) -> secrets.Kek:
    return secrets.create_kek(tmp_path / "keys" / "kek")


def store_secret(store: Store, kek: secrets.Kek, name: str = "as2-key", **options) -> None:
    options = {"kind": "private-key", "now": NOW, **options}
    store.writer.run(lambda session: secrets.put_secret(session, kek, name, VALUE, **options))


def read_secret(store: Store, kek: secrets.Kek, name: str = "as2-key") -> bytes:
    with store.read() as session:
        return secrets.get_secret(session, kek, name)


def test_a_secret_comes_back_and_does_not_stand_in_the_file(store: Store, kek: secrets.Kek) -> None:
    store_secret(store, kek)
    assert read_secret(store, kek) == VALUE
    store.close()
    assert VALUE not in store.path.read_bytes()


def test_the_list_tells_everything_but_the_value(store: Store, kek: secrets.Kek) -> None:
    end = datetime(2028, 1, 1, tzinfo=UTC)
    store_secret(store, kek, "b", not_after=end)
    store_secret(store, kek, "a", kind="password")
    with store.read() as session:
        assert secrets.list_secrets(session) == [
            secrets.SecretInfo("a", "password", NOW, None),
            secrets.SecretInfo("b", "private-key", NOW, end),
        ]


def test_a_name_is_not_taken_twice_by_accident(store: Store, kek: secrets.Kek) -> None:
    store_secret(store, kek)
    with pytest.raises(SecretError, match="exists"):
        store_secret(store, kek)
    store_secret(store, kek, replace=True)


def test_the_same_value_is_sealed_differently_each_time(store: Store, kek: secrets.Kek) -> None:
    store_secret(store, kek, "a")
    store_secret(store, kek, "b")
    with sqlite3.connect(store.path) as connection:
        rows = connection.execute("SELECT nonce, ciphertext FROM secret").fetchall()
    assert len(set(rows)) == 2


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE secret SET name = 'as2-key' WHERE name = 'other'",
        "UPDATE secret SET kind = 'password', name = 'as2-key' WHERE name = 'other'",
    ],
)
def test_a_secret_in_anothers_place_does_not_open(store: Store, kek: secrets.Kek, change: str) -> None:
    store_secret(store, kek, "other")
    with sqlite3.connect(store.path) as connection:
        connection.execute(change)
    with pytest.raises(SecretError, match="was altered"):
        read_secret(store, kek)


def test_another_key_file_is_named_as_the_reason(store: Store, kek: secrets.Kek, tmp_path: Path) -> None:
    store_secret(store, kek)
    other = secrets.create_kek(tmp_path / "other")
    with pytest.raises(SecretError, match="sealed with another key file"):
        read_secret(store, other)


def test_a_missing_secret_is_named(store: Store, kek: secrets.Kek) -> None:
    with pytest.raises(SecretError, match='no secret named "nobody"'):
        read_secret(store, kek, "nobody")


def test_a_secret_can_be_removed(store: Store, kek: secrets.Kek) -> None:
    store_secret(store, kek)
    assert store.writer.run(lambda session: secrets.delete_secret(session, "as2-key"))
    assert not store.writer.run(lambda session: secrets.delete_secret(session, "as2-key"))


def test_a_new_key_takes_over_every_secret(store: Store, kek: secrets.Kek, tmp_path: Path) -> None:
    store_secret(store, kek, "a")
    store_secret(store, kek, "b")
    new = secrets.create_kek(tmp_path / "new")
    assert store.writer.run(lambda session: secrets.reseal(session, kek, new)) == 2
    assert read_secret(store, new, "a") == VALUE
    with pytest.raises(SecretError):
        read_secret(store, kek, "a")
    assert store.writer.run(lambda session: secrets.reseal(session, kek, new)) == 0


class TestKeyFile:
    def test_it_is_32_bytes_that_only_the_owner_reads(self, tmp_path: Path) -> None:
        made = secrets.create_kek(tmp_path / "kek")
        assert stat.S_IMODE((tmp_path / "kek").stat().st_mode) == 0o600
        assert len((tmp_path / "kek").read_bytes()) == 32
        assert secrets.load_kek(tmp_path / "kek") == made

    def test_it_is_never_overwritten(self, tmp_path: Path) -> None:
        made = secrets.create_kek(tmp_path / "kek")
        with pytest.raises(SecretError, match="left as it is"):
            secrets.create_kek(tmp_path / "kek")
        assert secrets.load_kek(tmp_path / "kek") == made

    def test_its_bytes_do_not_show(self, tmp_path: Path) -> None:
        made = secrets.create_kek(tmp_path / "kek")
        assert repr(made.key) not in repr(made)

    def test_a_missing_file_is_named_with_what_to_do(self, tmp_path: Path) -> None:
        with pytest.raises(SecretError, match="GATEWAY_KEK_FILE"):
            secrets.load_kek(tmp_path / "none")

    def test_an_unreadable_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(SecretError, match="cannot be read"):
            secrets.load_kek(tmp_path)

    def test_a_file_of_another_size_is_no_key(self, tmp_path: Path) -> None:
        (tmp_path / "kek").write_bytes(b"short")
        with pytest.raises(SecretError, match="5 bytes instead of 32"):
            secrets.load_kek(tmp_path / "kek")

    def test_a_file_that_others_can_read_is_refused(self, tmp_path: Path) -> None:
        secrets.create_kek(tmp_path / "kek")
        (tmp_path / "kek").chmod(0o640)
        with pytest.raises(SecretError, match="chmod 600"):
            secrets.load_kek(tmp_path / "kek")

    def test_the_environment_names_it(self, tmp_path: Path) -> None:
        assert secrets.kek_path(tmp_path, {}) == tmp_path
        assert secrets.kek_path(tmp_path, {"GATEWAY_KEK_FILE": "/etc/kek"}) == Path("/etc/kek")
