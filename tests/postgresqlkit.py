"""A real PostgreSQL server for tests: started, broken and ended by them, with as many databases as they ask for."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from gateway.store.engine import open_store
from gateway.store.migrations import upgrade

__all__ = ["Server", "need_postgresql", "running_server"]

#: The database from which the others are copied: every table, no rows.
_TEMPLATE = "made_once"
_OPTIONS = "-c max_connections=200 -c listen_addresses=''"
#: What most tests need not wait for: nobody pulls the plug of their machine.
_QUICK = "-c fsync=off -c full_page_writes=off"


def need_postgresql() -> None:
    """Skip the module where there is no PostgreSQL, unless everything is required."""
    # Debian keeps the server's programs outside the search path.
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin")):
        os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"
    missing = [name for name in ("initdb", "pg_ctl") if shutil.which(name) is None]
    if importlib.util.find_spec("psycopg") is None:
        missing.append("psycopg")
    if missing and os.environ.get("GATEWAY_REQUIRE_ALL") != "1":
        pytest.skip(f"PostgreSQL is not here: {', '.join(missing)} missing", allow_module_level=True)


class Server:
    """A server that listens on a socket in its own folder. A root user hands it to ``nobody``, as it demands."""

    def __init__(self, home: Path, switch: dict[str, Any], durable: bool) -> None:
        self.home = home
        self._switch = switch
        self._options = f"-k {home} {_OPTIONS} {'' if durable else _QUICK}"
        self._data = str(home / "data")

    def make(self) -> None:
        """Make the cluster."""
        subprocess.run(
            ["initdb", "-D", self._data, "-U", "gateway", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C.UTF-8"],
            check=True,
            capture_output=True,
            **self._switch,
        )

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        log = str(self.home / "log")
        subprocess.run(
            ["pg_ctl", "-D", self._data, "-w", "-l", log, "-o", self._options, "start"],
            check=True,
            stdout=subprocess.DEVNULL,
            **self._switch,
        )

    def stop(self, how: str = "immediate") -> None:
        """End it: ``immediate`` as a crash does, ``fast`` with every connection told."""
        command = ["pg_ctl", "-D", self._data, "-w", "-m", how, "stop"]
        subprocess.run(command, check=False, capture_output=True, **self._switch)

    def url(self, database: str, user: str = "gateway") -> str:
        """How a gateway names a database here."""
        return f"postgresql+psycopg://{user}@/{database}?host={self.home}"

    def new_database(self, name: str, *, template: str = "template0") -> str:
        """Make a database and give its URL."""
        self.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
        return self.url(name)

    def with_tables(self, name: str) -> str:
        """Make a database with every table and give its URL."""
        if not self.query("postgres", "SELECT 1 FROM pg_database WHERE datname = %s", [_TEMPLATE]):
            with open_store(self.new_database(_TEMPLATE), blobs=self.home / "blobs") as store:
                upgrade(store)
        return self.new_database(name, template=_TEMPLATE)

    def drop(self, name: str) -> bool:
        """Remove a database; False when somebody is connected to it."""
        try:
            self.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))
        except psycopg.errors.ObjectInUse:
            return False
        return True

    def execute(self, statement: Any, values: Any = None) -> None:
        """One statement outside of any transaction, in the database that every server has."""
        with psycopg.connect(host=str(self.home), user="gateway", dbname="postgres", autocommit=True) as connection:
            connection.execute(statement, values)

    def query(self, database: str, statement: Any, values: Any = None) -> list[tuple[Any, ...]]:
        """Rows of one database, read beside whoever uses it."""
        with psycopg.connect(host=str(self.home), user="gateway", dbname=database) as connection:
            return connection.execute(statement, values).fetchall()

    def break_connections(self, database: str) -> None:
        """End every connection to one database, as a fail-over or an administrator does."""
        self.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [database])


@contextmanager
def running_server(*, durable: bool = False) -> Iterator[Server]:
    """A server that runs until the end of the block; ``durable`` = as an operator runs it."""
    home = Path(tempfile.mkdtemp(prefix="gateway-pg-"))
    switch: dict[str, Any] = {}
    if os.getuid() == 0:
        shutil.chown(home, "nobody")
        switch = {"user": "nobody", "cwd": "/"}
    server = Server(home, switch, durable)
    try:
        server.make()
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)
