"""`gateway doctor`: each thing that can be wrong is one line that says what to do."""

from __future__ import annotations

import errno
import json
import os
import shutil
import socket
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy.orm import Session

from gateway import control, doctor, workdir
from gateway.alerts.models import AlertChannel
from gateway.cli.doctor import doctor_command
from gateway.doctor import examine, machine, places, stored
from gateway.messages.models import CaseFile, Document, Job, Transmission
from gateway.partners.profile import PartnerProfile
from gateway.partners.registry import apply
from gateway.settings import company_named
from gateway.store import ledger
from gateway.store.engine import open_store
from gateway.transports.as2.identity import make_identity

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("doctor") / "home"
    workdir.make_working_directory(home, company_named("Alpine Supply"), now=NOW, listen="127.0.0.1:0")
    return home


@pytest.fixture
def home(template: Path, tmp_path: Path) -> Path:
    shutil.copytree(template, tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture
def running(home: Path) -> Iterator[None]:
    server = control.ControlServer(control.socket_path(home), {})
    server.start()
    yield
    server.stop()


def results(home: Path, check: str, now: datetime = NOW) -> list[tuple[str, str, str]]:
    return [(r.status, r.message, r.fix) for r in examine(home, now).results if r.check == check]


def one(home: Path, check: str, now: datetime = NOW) -> tuple[str, str]:
    [(status, message, _)] = results(home, check, now)
    return status, message


def invoke(home: Path, *options: str) -> Result:
    return CliRunner().invoke(doctor_command, ["--dir", str(home), *options])


def settings(home: Path, old: str, new: str) -> None:
    place = home / "gateway.toml"
    text = place.read_text()
    assert old in text
    place.write_text(text.replace(old, new, 1))


def write(home: Path, change: Callable[[Session], Any]) -> None:
    with open_store(home / "gateway.db") as store:
        store.writer.run(change)


def test_a_new_directory_is_healthy_and_only_lacks_partners_and_a_start(home: Path) -> None:
    diagnosis = examine(home, NOW)
    assert diagnosis.healthy
    assert [r.check for r in diagnosis.results if r.status == "warn"] == ["service", "partners"]
    checked = {r.check for r in diagnosis.results}
    assert checked >= {
        *("gateway", "python", "openssl", "sqlite", "settings", "service", "folders", "permissions", "disk"),
        *("outbox", "as2 port", "database", "integrity", "ledger", "as2 certificate", "partners", "work"),
        *("deliveries", "acknowledgements", "cases"),
    }


def test_every_line_that_is_not_ok_says_what_to_do(home: Path) -> None:
    assert all(r.fix for r in examine(home, NOW).results if r.status != "ok")


def test_the_command_prints_lines_and_exits_0_when_nothing_failed(home: Path) -> None:
    done = invoke(home)
    assert done.exit_code == 0
    assert "warn  service          The service is not running." in done.stdout
    assert "→ Start it: gateway up." in done.stdout
    assert "0 failed." in done.stdout.splitlines()[-1]


def test_the_command_exits_1_when_something_failed_and_its_json_names_it(home: Path) -> None:
    (home / "keys/kek").unlink()
    assert invoke(home).exit_code == 1
    done = invoke(home, "--json")
    assert done.exit_code == 1
    answer = json.loads(done.stdout)
    assert answer["ok"] is False
    [failed] = [check for check in answer["checks"] if check["status"] == "fail"]
    assert failed["check"] == "keys"
    assert "Restore it" in failed["message"]


def test_broken_settings_are_named_and_nothing_more_is_checked(home: Path) -> None:
    settings(home, "isa_id =", "isa_idd =")
    statuses = {r.check: r.status for r in examine(home, NOW).results}
    assert statuses.pop("settings") == "fail"
    assert set(statuses) == {"gateway", "python", "openssl", "sqlite"}


# -- the machine -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("check", "version", "status"),
    [
        (machine._python, (3, 10), "fail"),
        (machine._python, (3, 11), "ok"),
        (machine._openssl, (1, 1), "fail"),
        (machine._openssl, (3, 0), "ok"),
        (machine._sqlite, (3, 34, 1), "fail"),
        (machine._sqlite, (3, 40, 1), "ok"),
    ],
)
def test_what_is_too_old_fails(check: Callable[[tuple[int, ...]], Any], version: tuple[int, ...], status: str) -> None:
    assert check(version).status == status


@pytest.mark.parametrize(
    ("version", "warned"),
    [((3, 40, 1), True), ((3, 44, 6), False), ((3, 50, 6), True), ((3, 51, 3), False), ((3, 52, 0), False)],
)
def test_an_sqlite_that_minds_other_writers_says_so(version: tuple[int, ...], warned: bool) -> None:
    assert ("no other program" in machine._sqlite(version).message) is warned


# -- places ----------------------------------------------------------------------------------------


def test_a_missing_folder_fails(home: Path) -> None:
    shutil.rmtree(home / "inbox")
    assert one(home, "folders") == ("fail", f"{home / 'inbox'} is missing.")


def test_a_folder_that_cannot_be_written_to_fails(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(**options: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(places.tempfile, "TemporaryFile", denied)
    found = results(home, "folders")
    assert len(found) == 7
    assert "cannot be written to: Permission denied" in found[0][1]


@pytest.mark.parametrize("name", ["keys", "keys/kek", "run", "gateway.db"])
def test_a_key_or_database_that_others_can_read_fails(home: Path, name: str) -> None:
    (home / name).chmod(0o755)
    status, message = one(home, "permissions")
    assert (status, message) == ("fail", f"{home / name} is open to other users.")


def test_a_key_of_another_user_fails(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places.os, "geteuid", lambda: os.getuid() + 1)
    assert "belongs to another user" in one(home, "permissions")[1]


@pytest.mark.parametrize(("free", "status"), [(100, "fail"), (600 * 2**20, "warn"), (2**40, "ok")])
def test_a_full_disk_fails_before_partners_notice(
    home: Path, monkeypatch: pytest.MonkeyPatch, free: int, status: str
) -> None:
    monkeypatch.setattr(places.shutil, "disk_usage", lambda _: SimpleNamespace(free=free, total=2**41))
    assert one(home, "disk")[0] == status


@pytest.mark.usefixtures("running")
def test_a_file_forgotten_in_the_outbox_is_named(home: Path) -> None:
    (home / "outbox/a.json").write_text("{}")
    old = (NOW - timedelta(hours=1)).timestamp()
    os.utime(home / "outbox/a.json", (old, old))
    status, message = one(home, "outbox")
    assert status == "warn"
    assert "a.json" in message
    assert one(home, "service")[0] == "ok"


def test_refused_files_are_counted(home: Path) -> None:
    for name in ("a.json", "a.json.reason.json"):
        (home / "outbox/failed" / name).write_text("{}")
    assert one(home, "outbox")[1].startswith("1 file in")


# -- the listener ----------------------------------------------------------------------------------


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_port_in_use_by_another_program_fails(home: Path, taken: int) -> None:
    settings(home, "127.0.0.1:0", f"127.0.0.1:{taken}")
    assert one(home, "as2 port")[0] == "fail"


@pytest.mark.usefixtures("running")
def test_a_port_in_use_by_our_service_is_right(home: Path, taken: int) -> None:
    settings(home, "127.0.0.1:0", f"127.0.0.1:{taken}")
    assert one(home, "as2 port") == ("ok", f"The service listens on 127.0.0.1:{taken}.")


def test_a_free_port_is_right_and_becomes_a_warning_when_the_service_should_listen(
    home: Path, taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings(home, "127.0.0.1:0", f"127.0.0.1:{taken}")
    monkeypatch.setattr(places.socket.socket, "bind", lambda *_: None)
    assert one(home, "as2 port")[0] == "ok"
    monkeypatch.setattr(doctor, "is_running", lambda _: True)
    assert one(home, "as2 port")[0] == "warn"


@pytest.mark.parametrize(
    ("address", "expected"), [("192.0.2.1:4080", "Change listen"), ("no-such-host.invalid:80", "Change listen")]
)
def test_an_address_of_another_machine_fails(home: Path, address: str, expected: str) -> None:
    settings(home, "127.0.0.1:0", address)
    [(status, _, fix)] = results(home, "as2 port")
    assert status == "fail"
    assert fix.startswith(expected)


def test_a_port_that_needs_a_right_says_so(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings(home, "127.0.0.1:0", "127.0.0.1:80")

    def denied(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(places.socket.socket, "bind", denied)
    assert "above 1023" in results(home, "as2 port")[0][2]


# -- TLS and certificates --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    identity = make_identity("tls", NOW, days=100, bits=2048)
    return identity.certificate_pem, identity.private_key_pem


def with_tls(home: Path, certificate: bytes, key: bytes) -> None:
    (home / "keys/tls.crt").write_bytes(certificate)
    (home / "keys/tls.key").write_bytes(key)
    settings(home, "# tls_certificate", "tls_certificate")
    settings(home, "# tls_key", "tls_key")


def test_a_tls_certificate_is_checked_for_its_end(home: Path, tls: tuple[bytes, bytes]) -> None:
    with_tls(home, *tls)
    assert one(home, "tls") == ("ok", "The TLS certificate is good until 2026-06-09.")
    assert one(home, "tls", NOW + timedelta(days=90)) == (
        "warn",
        "The TLS certificate ends on 2026-06-09, in 10 days.",
    )
    assert one(home, "tls", NOW + timedelta(days=101))[0] == "fail"


def test_a_tls_key_that_does_not_fit_fails(home: Path, tls: tuple[bytes, bytes]) -> None:
    with_tls(home, tls[0], make_identity("other", NOW, bits=2048).private_key_pem)
    assert one(home, "tls")[0] == "fail"


def test_the_end_of_our_own_certificate_is_told_in_time(home: Path) -> None:
    assert one(home, "as2 certificate")[0] == "ok"
    assert one(home, "as2 certificate", NOW + timedelta(days=1080))[0] == "warn"
    assert one(home, "as2 certificate", NOW + timedelta(days=1100))[0] == "fail"


def test_without_an_as2_key_nothing_can_be_signed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "as2_keys", lambda *_: [])
    assert one(home, "as2 certificate") == ("fail", "There is no AS2 key of ours.")


def test_another_key_file_fails(home: Path) -> None:
    (home / "keys/kek").write_bytes(b"k" * 32)
    status, message = one(home, "keys")
    assert status == "fail"
    assert "sealed with another key file" in message


def test_what_a_partner_lacks_is_a_line_of_its_own(home: Path) -> None:
    live = PartnerProfile(code="acme", name="Acme", status="live")
    draft = replace_code("draft")

    def add(session: Session) -> None:
        apply(session, [draft], author="test", reason="", now=NOW)

    write(home, add)
    assert one(home, "partners") == ("ok", "1 partner, none lacks anything.")
    write(home, lambda session: apply(session, [live], author="test", reason="", now=NOW))
    found = results(home, "partners")
    assert found
    assert all(message.startswith("acme: ") for _, message, _ in found)


def replace_code(code: str) -> PartnerProfile:
    return PartnerProfile(code=code, name=code.title(), status="draft")


# -- the store -------------------------------------------------------------------------------------


def test_a_missing_database_fails(home: Path) -> None:
    (home / "gateway.db").unlink()
    status, message = one(home, "database")
    assert status == "fail"
    assert "no database" in message


def test_a_file_that_is_no_database_fails_without_a_traceback(home: Path) -> None:
    (home / "gateway.db").write_bytes(b"not a database" * 1000)
    found = [r for r in examine(home, NOW).results if r.status == "fail"]
    assert found
    assert "could not be checked" in found[0].message


def test_a_database_of_another_release_fails(home: Path) -> None:
    with sqlite3.connect(home / "gateway.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    status, message = one(home, "database")
    assert status == "fail"
    assert "9999" in message


def test_a_damaged_page_fails(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_store(home / "gateway.db") as store, store.read() as session:
        monkeypatch.setattr(session, "scalar", lambda _: "row 7 missing from index")
        assert stored._integrity(session, 100).status == "fail"


def test_a_very_large_database_is_not_read_through(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "QUICK_CHECK_BYTES", 1)
    assert one(home, "integrity")[1].startswith("Not read through")


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({}, "ok", "A commit is on the server's disk when it returns (1.0 MiB)."),
        ({"fsync": "off"}, "fail", "runs with fsync = off: what was acknowledged can be lost"),
        ({"fsync": "off", "full_page_writes": "off"}, "fail", "with fsync = off and full_page_writes = off"),
        ({"max_connections": 20}, "warn", "takes 20 connections; the gateway may need 35"),
    ],
)
def test_a_database_server_is_asked_whether_it_keeps_what_it_confirms(
    changes: dict[str, object], status: str, said: str
) -> None:
    facts = {"fsync": "on", "full_page_writes": "on", "bytes": 2**20, "max_connections": 100, **changes}
    result = list(stored._server(facts))[-1]
    assert result.status == status
    assert said in result.message


def test_settings_that_name_a_database_are_closed_to_others(home: Path) -> None:
    settings(home, "# database = ", 'database = "postgresql+psycopg://gateway:open-sesame@127.0.0.1:1/x"  # ')
    place = home / "gateway.toml"
    place.chmod(0o644)
    assert one(home, "permissions")[0] == "fail"
    place.chmod(0o640)
    assert one(home, "permissions")[0] == "ok"
    status, message = one(home, "database")
    assert status == "fail"
    assert "gateway:***@127.0.0.1:1/x cannot be reached" in message


def add_events(home: Path) -> None:
    def append(session: Session) -> None:
        for n in range(5):
            ledger.append(session, at=NOW, kind="note", subject_type="x", subject_id=str(n), actor="test", reason="-")

    write(home, append)


@pytest.mark.parametrize("whole", [True, False])
def test_a_ledger_that_was_cut_fails(home: Path, monkeypatch: pytest.MonkeyPatch, whole: bool) -> None:
    add_events(home)
    if not whole:
        monkeypatch.setattr(stored, "LEDGER_EVENTS", 1)
    assert one(home, "ledger")[0] == "ok"
    with sqlite3.connect(home / "gateway.db") as connection:
        connection.execute("DROP TRIGGER event_no_delete")
        connection.execute("DELETE FROM event WHERE seq = 5")
    connection.close()
    assert one(home, "ledger")[0] == "fail"


def trouble(session: Session) -> None:
    session.add(Transmission(id="t", direction="out", transport="as2", created_at=NOW, delivery="failed"))
    for n in range(2):
        session.add(
            Document(
                id=f"d{n}",
                direction="out",
                kind="invoice",
                standard="x12-004010",
                set_id="810",
                received_at=NOW,
                acknowledgement="overdue",
            )
        )
    session.add(CaseFile(id="c", fingerprint="f", title="t", fault="parse", opened_at=NOW))
    session.add(CaseFile(id="e", fingerprint="g", title="t", fault="parse", opened_at=NOW, review="resolved"))


def test_what_waits_for_a_person_is_counted(home: Path) -> None:
    write(home, trouble)
    assert one(home, "deliveries") == ("warn", "1 delivery was given up.")
    assert one(home, "acknowledgements") == ("warn", "2 acknowledgements are overdue.")
    assert one(home, "cases") == ("warn", "1 case waits for a person.")


def channel(name: str, **changes: Any) -> AlertChannel:
    values: dict[str, Any] = {
        "kind": "mail",
        "target": "desk@alpine.example",
        "least": "warning",
        "partners": [],
        "kinds": [],
        "time_zone": "UTC",
        "digest_minutes": 0,
        "enabled": True,
        "origin": "",
        "failures": 0,
        "created_at": NOW,
        "created_by": "root",
    }
    return AlertChannel(id=name, name=name, **{**values, **changes})


def test_a_channel_through_which_nobody_is_told_is_named(home: Path) -> None:
    assert one(home, "alerts") == ("ok", "There is no channel: problems are shown on the staff pages only.")
    write(home, lambda session: session.add(channel("Night desk")))
    assert one(home, "alerts") == ("ok", "1 channel, none fails.")
    broken = {"failures": 5, "failing_since": NOW, "last_error": "The mail server refuses the password."}
    write(home, lambda session: session.add(channel("Day desk", **broken)))
    write(home, lambda session: session.add(channel("Old desk", enabled=False, **broken)))
    [(status, message, fix)] = results(home, "alerts")
    assert (status, fix) == ("warn", 'Mend it, then try it: gateway alert test "Day desk"')
    assert message.startswith(f"Nobody is told through Day desk since {NOW:%Y-%m-%d %H:%M} UTC: ")
    assert message.endswith("The mail server refuses the password.")


@pytest.mark.usefixtures("running")
def test_work_that_nobody_does_is_told(home: Path) -> None:
    write(home, lambda session: session.add(Job(task="process", key="k", created_at=NOW - timedelta(hours=1))))
    assert one(home, "work")[0] == "warn"
    write(home, lambda session: session.add(Job(task="post", key="k", created_at=NOW, status="failed")))
    assert one(home, "work") == ("warn", "1 job failed for good.")


def test_work_that_waits_for_the_service_to_start_is_no_problem(home: Path) -> None:
    write(home, lambda session: session.add(Job(task="process", key="k", created_at=NOW - timedelta(hours=1))))
    assert one(home, "work") == ("ok", "1 job waiting, none failed.")


def test_a_check_that_breaks_is_a_failed_line_and_the_others_go_on(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(_: object) -> Iterator[doctor.Result]:
        raise RuntimeError("unforeseen\nsecond line")

    monkeypatch.setattr(doctor, "_IN_THE_STORE", {"keys": breaks, "traffic": stored.check_traffic})
    [(status, message, _)] = results(home, "keys")
    assert (status, message) == ("fail", "This could not be checked: RuntimeError: unforeseen")
    assert one(home, "cases")[0] == "ok"


def test_it_reads_beside_a_process_that_writes(home: Path) -> None:
    with open_store(home / "gateway.db"):
        assert examine(home, NOW).healthy
