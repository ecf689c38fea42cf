"""Which working directory the pages serve: the one that the database of the site belongs to."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine

from gateway.settings import SETTINGS_FILE, Settings, SettingsError, load_settings
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
    """The settings in the nearest folder around the database; None where there are none, or not in order."""
    file = database_file(site)
    for folder in file.parents if file else ():
        if (folder / SETTINGS_FILE).is_file():
            try:
                return load_settings(folder)
            except SettingsError:
                return None
    return None
