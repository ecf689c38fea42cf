"""Where the gateway of the pages lives: its settings and its database file."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine

from gateway.settings import Settings, SettingsError, load_settings
from gateway.web.site import Site

__all__ = ["database_file", "own_settings"]


def database_file(site: Site) -> Path | None:
    """The SQLite file behind the pages; None for a database server."""
    with site.read() as session:
        bind = session.get_bind()
    engine = bind if isinstance(bind, Engine) else bind.engine
    name = engine.url.database if engine.dialect.name == "sqlite" else None
    return Path(name).absolute() if name else None


def own_settings(site: Site) -> Settings | None:
    """The settings of the working directory; None where there is none, or they are not in order."""
    try:
        return None if site.home is None else load_settings(site.home)
    except SettingsError:
        return None
