"""What time does: views end, cut uploads go, collected files leave, staff hear of what waits too long."""

from __future__ import annotations

from sftpkit import ORDER, account, order, running
from sqlalchemy import select

from gateway.pipeline.receive import Inbox
from gateway.store.ledger import Event
from gateway.transports.sftp.server.mailbox import Entry, FileState


def sweep(server) -> None:
    server.listener._housekeeper.sweep()


def events(server) -> list[str]:
    with server.mailbox.store.read() as session:
        return list(session.scalars(select(Event.kind).order_by(Event.seq)))


def put(server, name: str, body: bytes) -> None:
    with server.paramiko() as sftp, sftp.open(f"/in/{name}", "wb") as file:
        file.write(body)


def test_a_received_file_leaves_the_view_after_an_hour(server) -> None:
    put(server, "a.edi", ORDER)
    sweep(server)
    server.clock.forward(minutes=59)
    sweep(server)
    assert server.states() == {"a.edi": "received"}
    server.clock.forward(minutes=2)
    sweep(server)
    assert server.states() == {}


def test_a_received_file_that_is_not_processed_stays_in_view(store, tmp_path) -> None:
    from tests.pipeline.pipelinekit import Kit

    kit = Kit(store, tmp_path)
    with running(store, tmp_path, inbound=Inbox(kit.pipeline)) as server:
        put(server, "a.edi", ORDER)
        server.clock.forward(days=2)
        sweep(server)
        assert server.states() == {"a.edi": "received"}
        with store.read() as session:
            from gateway.messages.models import Transmission

            row = session.scalars(select(Transmission)).one()
            assert (row.transport, row.partner, row.filename) == ("sftp", "acme", "a.edi")
            assert row.processing == "received"


def test_a_resend_reaches_the_real_inbox_once(store, tmp_path) -> None:
    from gateway.messages.models import Transmission
    from tests.pipeline.pipelinekit import Kit

    with running(store, tmp_path, inbound=Inbox(Kit(store, tmp_path).pipeline)) as server:
        put(server, "a.edi", ORDER)
        put(server, "a.edi", ORDER)
        with store.read() as session:
            assert len(session.scalars(select(Transmission)).all()) == 1


def test_a_malformed_upload_is_held_with_a_case(store, tmp_path) -> None:
    from gateway.messages.models import CaseFile, Transmission
    from tests.pipeline.pipelinekit import Kit

    with running(store, tmp_path, inbound=Inbox(Kit(store, tmp_path).pipeline)) as server:
        put(server, "half.edi", ORDER[:-30])
        with store.read() as session:
            assert session.scalars(select(Transmission.processing)).all() == ["held"]
            assert session.scalars(select(CaseFile.partner)).all() == ["acme"]


def test_a_cut_upload_goes_after_a_day(server) -> None:
    now = server.clock()
    server.mailbox.put(Entry("cut", "acme", "in", "a.edi", FileState.ABORTED, 3, now, now)).result()
    server.mailbox.staged_path("cut").write_bytes(b"abc")
    server.clock.forward(hours=23)
    sweep(server)
    assert server.states() == {"a.edi": "aborted"}
    server.clock.forward(hours=2)
    sweep(server)
    assert server.states() == {}
    assert list(server.mailbox.staging.iterdir()) == []


def test_staff_hear_once_of_a_file_that_nobody_collects_and_again_when_it_is_taken_away(store, tmp_path) -> None:
    with running(store, tmp_path, account(alert_uncollected_hours=4, keep_days=10)) as server:
        server.offer("a.edi", order(1), "tx-1")
        sweep(server)
        assert server.alerts == []
        server.clock.forward(hours=5)
        sweep(server)
        sweep(server)
        assert [(alert.kind, alert.transmission_id) for alert in server.alerts] == [("uncollected", "tx-1")]
        server.clock.forward(days=10)
        sweep(server)
        assert [alert.kind for alert in server.alerts] == ["uncollected", "expired"]
        assert server.states("out") == {}
        assert "sftp-expired" in events(server)


def test_collected_files_leave_an_endless_session_and_later_the_archive(store, tmp_path) -> None:
    with running(store, tmp_path, account(archive_days=3)) as server, server.paramiko() as sftp:
        server.offer("a.edi", order(1), "tx-1")
        with sftp.open("/out/a.edi") as file:
            file.read()
        assert server.states("out") == {"a.edi": "collected"}
        server.clock.forward(minutes=6)
        sweep(server)
        assert server.states("out") == {}
        assert server.states("archive/20260301") == {"a.edi": "collected"}
        server.clock.forward(days=3)
        sweep(server)
        assert server.states("archive/20260301") == {}


def test_files_of_one_name_collected_on_one_day_are_all_in_the_archive(server) -> None:
    for transmission in ("tx-00000001", "tx-00000002"):
        server.offer("a.edi", order(1), transmission)
        with server.paramiko() as sftp, sftp.open("/out/a.edi") as file:
            file.read()
        server.until(lambda: not server.listener.door.sessions)
    assert len(server.states("archive/20260301")) == 2


def test_logins_bans_and_unread_deletions_stand_in_the_ledger(server) -> None:
    server.offer("a.edi", order(1), "tx-1")
    with server.paramiko() as sftp:
        sftp.remove("/out/a.edi")
    for _ in range(10):
        server.listener._gate.failed("192.0.2.1")
    server.mailbox.store.writer.run(lambda _session: None)
    assert events(server) == ["sftp-login", "sftp-deleted-unread", "sftp-ban"]


def test_one_quiet_file_whose_bytes_have_gone_never_holds_up_the_others(store, tmp_path) -> None:
    with running(store, tmp_path, account(complete="quiet", quiet_seconds=60)) as server:
        put(server, "a.edi", order(1))
        put(server, "b.edi", order(2))
        gone = server.mailbox.find("acme", "in", "a.edi")
        server.mailbox.staged_path(gone.id).unlink()
        server.clock.forward(minutes=5)
        assert server.call(server.listener._housekeeper.take_quiet_files()).result(20) in (0, 1)
        server.inbound.wait(1)
    assert server.inbound.names == ["b.edi"]
