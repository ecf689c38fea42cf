"""Making and upgrading the tables: Alembic revisions that travel inside the package.

``upgrade`` runs in one transaction of the store's writer: it is done whole or not at all. Every command asks whether
the tables are the newest, few have to change them: Alembic is loaded for these only. A revision is a file
``versions/<revision>_<what it does>.py``, each follows the one before it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import inspect, text
from sqlalchemy.orm import Session

from gateway.store.engine import Store
from gateway.store.errors import StoreOutdatedError

if TYPE_CHECKING:
    from alembic.config import Config

__all__ = ["check", "current", "newest", "revisions", "upgrade"]

_HERE = Path(__file__).parent


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
        if not inspect(session.connection()).has_table("alembic_version"):
            return None
        found: str | None = session.scalar(text("SELECT version_num FROM alembic_version"))
        return found


def newest() -> str:
    """The newest revision that this version of the gateway knows."""
    known = revisions()
    if not known:
        raise StoreOutdatedError("The package has no table revisions; reinstall it.")
    return known[-1]


def revisions() -> list[str]:
    """Every revision that this version of the gateway knows, the oldest first."""
    return sorted(path.name.partition("_")[0] for path in (_HERE / "versions").glob("[0-9]*_*.py"))


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_HERE).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _upgrade(session: Session) -> None:
    from alembic import command

    config = _config()
    config.attributes["connection"] = session.connection()
    config.attributes["blobs"] = session.info.get("blobs")
    command.upgrade(config, "head")


def _refuse_newer(store: Store, at: str | None) -> None:
    if at is not None and at not in revisions():
        raise StoreOutdatedError(
            f"The tables of {store.url} are at revision {at}, which this version of the gateway does not "
            "know: they were made by a newer one. Install that version, or restore a backup."
        )
