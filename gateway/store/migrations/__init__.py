"""Making and upgrading the tables: Alembic revisions that travel inside the package.

``upgrade`` runs in one transaction of the store's writer: it is done whole or not at all.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.orm import Session

from gateway.store.engine import Store
from gateway.store.errors import StoreOutdatedError

__all__ = ["check", "current", "newest", "upgrade"]


def upgrade(store: Store) -> str:
    """Bring the tables to the newest revision and return its name; does nothing when they are there.

    Raises StoreOutdatedError when the database was made by a newer version of the gateway.
    """
    at = current(store)
    if at == newest():
        return at
    _refuse_newer(store, at)
    store.writer.run(_upgrade)
    return newest()


def check(store: Store) -> None:
    """Raise StoreOutdatedError when the tables are not those of this version of the gateway."""
    at = current(store)
    _refuse_newer(store, at)
    if at != newest():
        raise StoreOutdatedError(
            f"The tables of {store.url} are at revision {at or 'none'}, this version of the gateway needs "
            f"{newest()}. Make a backup, then run `gateway init` in that directory to upgrade them."
        )


def current(store: Store) -> str | None:
    """The revision of the database's tables, None when there are none."""
    with store.read() as session:
        return MigrationContext.configure(session.connection()).get_current_revision()


def newest() -> str:
    """The newest revision that this version of the gateway knows."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise StoreOutdatedError("The package has no table revisions; reinstall it.")
    return head


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _upgrade(session: Session) -> None:
    config = _config()
    config.attributes["connection"] = session.connection()
    config.attributes["blobs"] = session.info.get("blobs")
    command.upgrade(config, "head")


def _refuse_newer(store: Store, at: str | None) -> None:
    known = {revision.revision for revision in ScriptDirectory.from_config(_config()).walk_revisions()}
    if at is not None and at not in known:
        raise StoreOutdatedError(
            f"The tables of {store.url} are at revision {at}, which this version of the gateway does not "
            "know: they were made by a newer one. Install that version, or restore a backup."
        )
