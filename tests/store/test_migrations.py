"""The revisions make exactly the tables that the models describe."""

from __future__ import annotations

import hashlib
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.orm import Session

import gateway.alerts.models
import gateway.messages.corrections
import gateway.messages.models
import gateway.messages.notes
import gateway.messages.ordermodels
import gateway.messages.searchkeys
import gateway.messages.views
import gateway.partners.models
import gateway.staff.models
import gateway.store.secrets
import gateway.transports.sftp.models  # noqa: F401 - every module with tables, so that the metadata is whole
from gateway.store import ledger, migrations, payloads, removal
from gateway.store.base import Base
from gateway.store.engine import Store, open_store
from gateway.store.errors import PayloadRemovedError, StoreOutdatedError


def test_the_revisions_and_the_models_agree(store: Store) -> None:
    with store.read() as session:
        options = {"compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(session.connection(), opts=options)
        assert compare_metadata(context, Base.metadata) == []


def schema(path: Path) -> set[tuple[str, ...]]:
    """Every statement as its sorted parts: the order of constraints is of no interest."""
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    plain = [" ".join(sql.replace('"', "").split()) for (sql,) in rows if "alembic" not in sql]
    return {tuple(sorted(part.strip(" ()") for part in sql.split(", "))) for sql in plain}


def test_a_migrated_database_is_the_same_as_one_made_from_the_models(store: Store, tmp_path: Path) -> None:
    with open_store(tmp_path / "models.db") as fresh:
        fresh.writer.run(lambda session: Base.metadata.create_all(session.connection()))
    assert schema(tmp_path / "models.db") == schema(store.path)


def test_the_revisions_are_those_of_alembic_in_their_order(store: Store) -> None:
    known = ScriptDirectory.from_config(migrations._config()).walk_revisions()
    assert migrations.revisions() == [revision.revision for revision in known][::-1]
    with store.read() as session:
        assert migrations.current(store) == MigrationContext.configure(session.connection()).get_current_revision()


def test_a_new_database_is_made_once_and_then_left_alone(tmp_path: Path) -> None:
    with open_store(tmp_path / "new.db") as store:
        assert migrations.current(store) is None
        assert migrations.upgrade(store) == migrations.newest()
        assert migrations.upgrade(store) == migrations.newest() == migrations.current(store)
        migrations.check(store)


def test_the_ledgers_triggers_are_those_of_the_model(store: Store) -> None:
    with sqlite3.connect(store.path) as connection:
        made = {sql for (sql,) in connection.execute("SELECT sql FROM sqlite_master WHERE type = 'trigger'")}
    assert made == set(ledger.GUARDS["sqlite"])


def test_a_database_without_tables_is_outdated(tmp_path: Path) -> None:
    with open_store(tmp_path / "new.db") as store, pytest.raises(StoreOutdatedError, match="revision none"):
        migrations.check(store)


def test_a_database_of_a_newer_version_is_left_alone(store: Store) -> None:
    with sqlite3.connect(store.path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    for touch in (migrations.upgrade, migrations.check):
        with pytest.raises(StoreOutdatedError, match="made by a newer one"):
            touch(store)


def test_a_failed_upgrade_leaves_nothing(tmp_path: Path) -> None:
    with open_store(tmp_path / "new.db") as store:
        with sqlite3.connect(store.path) as connection:
            connection.execute("CREATE TABLE document (x)")
        with pytest.raises(Exception, match="already exists"):
            migrations.upgrade(store)
        assert migrations.current(store) is None
        assert schema(store.path) == {("CREATE TABLE document (x",)}


def test_payloads_of_a_release_that_removed_nothing_are_read_and_removed(tmp_path: Path) -> None:
    with open_store(tmp_path / "old.db") as store:

        def old(session: Session) -> None:
            config = migrations._config()
            config.attributes["connection"] = session.connection()
            command.upgrade(config, "0007")
            insert = "INSERT INTO payload (sha256, size, body, created_at) VALUES (:digest, 8, :body, '2026-01-01')"
            session.execute(text(insert), {"digest": hashlib.sha256(b"ISA*00*~").hexdigest(), "body": b"ISA*00*~"})

        store.writer.run(old)
        migrations.upgrade(store)
        digest = hashlib.sha256(b"ISA*00*~").hexdigest()
        with store.read() as session:
            assert payloads.get(session, digest) == b"ISA*00*~"
        store.writer.run(lambda session: removal.remove(session, digest, at=datetime.now(UTC), rule="a rule"))
        with store.read() as session, pytest.raises(PayloadRemovedError, match="a rule"):
            payloads.get(session, digest)
