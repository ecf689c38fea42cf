"""Story: a gateway on PostgreSQL, from its first command to the day on which its server is restored."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.demo.company import Company
from gateway.demo.story import run_demo
from gateway.doctor import examine
from gateway.doctor.bundle import make_bundle
from tests.faults.faultskit import NOTHING, account, await_acknowledged, await_quiet, buyer_and_seller, order, query
from tests.postgresqlkit import Server, need_postgresql, running_server

need_postgresql()
pytestmark = [pytest.mark.real, pytest.mark.slow]

PASSWORD = "open-sesame-5309"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server(durable=True) as running:
        yield running


def gateway(*arguments: str, code: int = 0) -> str:
    """Run a command as people do; what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "gateway", *arguments], capture_output=True, text=True, timeout=120, check=False
    )
    said = done.stdout + done.stderr
    assert done.returncode == code, said
    assert "Traceback" not in said and PASSWORD not in said
    return said


@dataclass
class Two:
    """A buyer and a seller on PostgreSQL, and how many orders went between them."""

    buyer: Company
    seller: Company
    sent: list[str]

    def trade(self, *numbers: str) -> None:
        self.sent += numbers
        for number in numbers:
            self.buyer.hand_in(order(number))
        await_acknowledged(self.buyer, len(self.sent), 60)
        await_quiet(self.seller)


@pytest.fixture(scope="module")
def two(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    home = tmp_path_factory.mktemp("two")
    # The server trusts whoever comes: the password is there to be looked for where it must not be.
    urls = [server.new_database(name).replace("gateway@", f"gateway:{PASSWORD}@") for name in ("buyer", "seller")]
    with buyer_and_seller(home, (urls[0], urls[1])) as (buyer, seller):
        yield Two(buyer, seller, [])


def test_init_makes_the_tables_and_says_when_nothing_is_left_to_make(server: Server, tmp_path: Path) -> None:
    url = server.new_database("fresh")
    made = json.loads(gateway("init", str(tmp_path / "a"), "--database", url, "--as2-listen", "127.0.0.1:0", "--json"))
    assert "database server" in made["made"]
    assert url in (tmp_path / "a" / "gateway.toml").read_text()
    assert "nothing was changed" in gateway("init", str(tmp_path / "a"))
    found = {result.check: result for result in examine(tmp_path / "a", datetime.now(UTC)).results}
    assert [result for result in found.values() if result.status == "fail"] == []
    assert "A commit is on the server's disk" in found["durability"].message
    # Another folder for the same database, without the key that its secrets are sealed with.
    gateway("init", str(tmp_path / "b"), "--database", url, code=1)
    assert not (tmp_path / "b" / "keys" / "kek").exists()


def test_orders_go_to_and_fro_and_every_command_works_on_them(two: Two) -> None:
    two.trade("PO-1", "PO-2", "PO-3")
    assert account(two.buyer, two.seller, two.sent) == NOTHING
    home = str(two.seller.home)
    listed = json.loads(gateway("message", "list", "--dir", home, "--text", "po-2", "--json"))
    assert [message["number"] for message in listed["messages"]] == ["PO-2"]
    identity = listed["messages"][0]["id"]
    assert "PO-2" in gateway("message", "show", identity[:13], "--dir", home)
    assert "PO-2" in gateway("order", "show", "PO-2", "--dir", home)
    assert "events stand as they were written" in gateway("ledger", "check", "--dir", home)
    assert "harbor-retail" in gateway("partner", "list", "--dir", home)
    refused = gateway("backup", f"{home}/x.tar", "--dir", home, code=1)
    assert "pg_dump" in refused and "blobs" in refused
    assert "in use by another gateway" in gateway("restored", "--dir", home, code=1)


def test_the_password_of_the_database_is_nowhere(two: Two) -> None:
    for company in (two.buyer, two.seller):
        texts = [path for path in company.home.rglob("*") if path.is_file() and path.name != "gateway.toml"]
        assert [path for path in texts if PASSWORD.encode() in path.read_bytes()] == []
        told = [asdict(result) for result in examine(company.home, datetime.now(UTC)).results]
        assert PASSWORD not in json.dumps(told)
        with zipfile.ZipFile(io.BytesIO(make_bundle(company.home, datetime.now(UTC)))) as bundle:
            assert [name for name in bundle.namelist() if PASSWORD.encode() in bundle.read(name)] == []
    settings = two.buyer.home / "gateway.toml"
    settings.write_text(settings.read_text().replace("postgresql+psycopg", "oracle"))
    try:
        assert "oracle://gateway:***@" in gateway("ledger", "check", "--dir", str(two.buyer.home), code=1)
    finally:
        settings.write_text(settings.read_text().replace("oracle", "postgresql+psycopg"))


def test_a_restored_database_is_checked_and_uses_no_control_number_again(two: Two, server: Server) -> None:
    seller = two.seller
    dump = subprocess.run(
        ["pg_dump", "-h", str(server.home), "-U", "gateway", "-Fc", "seller"], check=True, capture_output=True
    ).stdout
    two.trade("PO-4")
    used = query(seller, "SELECT control FROM interchange WHERE direction = 'out' ORDER BY control")
    seller.stop()
    # The database is lost, and what came after the dump with it.
    server.new_database("again")
    command = ["pg_restore", "-h", str(server.home), "-U", "gateway", "-d", "again"]
    subprocess.run(command, input=dump, check=True, capture_output=True)
    settings = seller.home / "gateway.toml"
    settings.write_text(settings.read_text().replace("/seller?", "/again?"))
    seller.database = (seller.database or "").replace("/seller?", "/again?")
    said = gateway("restored", "--dir", str(seller.home))
    assert "events of the ledger stand as they were written" in said and "go on 1000 further" in said
    seller.start()
    seller.wait_ready()
    two.trade("PO-5")
    assert seller.call("ledger.check")["ok"]
    (last,) = query(seller, "SELECT next FROM control_number WHERE level = 'ISA13'")[0]
    assert last > 1000 + len(used)


def test_the_whole_demonstration_runs_on_it(server: Server, tmp_path: Path) -> None:
    """AS2, SFTP and cXML over HTTP, X12 and XML, with its broken documents and their cases."""
    steps = run_demo(
        lambda _step: None, keep=tmp_path, databases=(server.new_database("harbor"), server.new_database("alpine"))
    )
    assert len(steps) > 100
    assert [step for step in steps if not step.ok] == []
