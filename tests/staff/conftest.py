"""A fresh store for each test, a key, an instant, and an account."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.staff import accounts
from gateway.staff.operations import Staff
from gateway.staff.passwords import hash_password
from gateway.store.engine import Store, open_store
from gateway.store.migrations import upgrade
from gateway.store.secrets import Kek

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
PASSWORD = "violet-anchor-kettle-91"
HASHED = hash_password(PASSWORD)
KEK = Kek(bytes(32), "test")


class Office:
    """Accounts over a store, at a time that the test moves."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.now = NOW
        self.staff = Staff(store.read, store.writer.run, KEK, lambda: self.now)

    def write(self, work: Callable[..., Any]) -> Any:
        return self.store.writer.run(work)

    def read(self, work: Callable[..., Any]) -> Any:
        with self.store.read() as session:
            return work(session)

    def later(self, **span: float) -> None:
        self.now += timedelta(**span)

    def hire(self, name: str = "kim", *roles: str) -> str:
        """Open an account with PASSWORD; its id."""
        user_id: str = self.write(
            lambda session: (
                accounts.create_user(
                    session,
                    name=name,
                    full_name="Kim Berg",
                    roles=roles or ("operator",),
                    password=PASSWORD,
                    password_hash=HASHED,
                    actor="test",
                    now=self.now,
                ).id
            )
        )
        return user_id

    def change(self, name: str, work: Callable[..., Any]) -> Any:
        """Run ``work(session, user)``."""
        return self.write(lambda session: work(session, accounts.by_name(session, name)))


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("staff") / "gateway.db"
    with open_store(path) as store:
        upgrade(store)
    return path


@pytest.fixture
def office(made_once: Path, tmp_path: Path) -> Iterator[Office]:
    path = tmp_path / "gateway.db"
    shutil.copy(made_once, path)
    with open_store(path) as store:
        yield Office(store)
