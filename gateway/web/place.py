"""Where the gateway of the pages lives: its settings and its database file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from gateway.settings import Settings, SettingsError, load_settings
from gateway.web.site import Site

__all__ = ["database_file", "own_settings", "server_facts"]


def database_file(site: Site) -> Path | None:
    """The SQLite file behind the pages; None for a database server."""
    with site.read() as session:
        engine = _engine(session)
    name = engine.url.database if engine.dialect.name == "sqlite" else None
    return Path(name).absolute() if name else None


def server_facts(site: Site) -> dict[str, Any] | None:
    """What the database server behind the pages says of itself, with its "url" without a password; None for a file."""
    with site.read() as session:
        engine = _engine(session)
        if engine.dialect.name != "postgresql":
            return None
        from gateway.store import postgresql

        return {**postgresql.facts(session), "url": engine.url.render_as_string(hide_password=True)}


def _engine(session: Session) -> Engine:
    bind = session.get_bind()
    return bind if isinstance(bind, Engine) else bind.engine


def own_settings(site: Site) -> Settings | None:
    """The settings of the working directory; None where there is none, or they are not in order."""
    try:
        return None if site.home is None else load_settings(site.home)
    except SettingsError:
        return None
