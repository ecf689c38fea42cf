"""What the clock and the machine tell: each alarm once, worse when it grows, and its end."""

from __future__ import annotations

import json
import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import select, update

from gateway.alerts import watch
from gateway.alerts.context import Failed, Machine, OwnCertificate
from gateway.alerts.models import Alert, AlertCondition, AlertDelivery, PartnerArrival
from gateway.messages.axes import Acknowledgement
from gateway.messages.models import Document
from gateway.messages.ordermodels import OrderFollowUp, PurchaseOrder
from gateway.messages.ports import DeliveryOutcome, Outcome
from gateway.store.ledger import Event
from tests.alerts.alertkit import AlertKit
from tests.pipeline.pipelinekit import FIXTURES

ORDER = (FIXTURES / "demo" / "004010" / "850-01-plain.edi").read_bytes()


def use(alerts: AlertKit, **machine: Any) -> None:
    alerts.machine = Machine(**machine)
    alerts.restart()


def test_a_queue_that_stands_still_is_told_after_an_hour_again_after_ten_and_when_it_moves(alerts: AlertKit) -> None:
    kit = alerts.kit
    kit.partner.outcomes = [DeliveryOutcome(Outcome.RETRY, "The server did not answer.", 0)] * 50
    kit.receive(ORDER, message_id="<1@harbor>")
    kit.work()
    alerts.look()
    kit.pass_time(minutes=59)
    alerts.look()
    assert alerts.alerts() == []
    kit.pass_time(minutes=2)
    for _ in range(3):
        alerts.look()
    assert alerts.told() == ["opened: 1 message to Harbor Retail waits to be sent, the oldest for 61 minutes."]
    kit.pass_time(hours=10)
    alerts.look()
    assert [alert.change for alert in alerts.alerts()] == ["opened", "worse"]
    kit.partner.outcomes = []
    from gateway.pipeline.delivery import drain

    drain(kit.pipeline, "harbor")
    alerts.look()
    kit.pass_time(minutes=2)
    alerts.look()
    assert [alert.change for alert in alerts.alerts()] == ["opened", "worse", "resolved"]


def test_a_deadline_that_is_near_is_told_once(alerts: AlertKit) -> None:
    kit = alerts.kit
    kit.receive(ORDER, message_id="<1@harbor>")
    kit.work()
    due = kit.now + timedelta(hours=5)
    (document,) = kit.documents(kind="order")

    def await_answer(session: Any) -> None:
        session.execute(
            update(Document)
            .where(Document.id == document.id)
            .values(
                acknowledgement=Acknowledgement.AWAITED,
                acknowledgement_due_at=due,
                processing="held",
                amount="1250.5",
                currency="USD",
            )
        )

    alerts.write(await_answer)
    alerts.fail("harbor|in|approval|850", document.id, fault="approval", severity="warning")
    alerts.look()
    assert len(alerts.alerts()) == 1
    kit.pass_time(hours=2)
    alerts.look()
    kit.pass_time(minutes=5)
    alerts.look()
    opened, worse = alerts.alerts()
    assert (opened.change, worse.change, worse.due_at) == ("opened", "worse", due)
    assert worse.money == [["1250.50", "USD"]]


def test_a_full_disk_is_critical_and_ends_when_there_is_room(alerts: AlertKit) -> None:
    free = [100 << 20]
    use(alerts, free_bytes=lambda: free[0], reserve_bytes=512 << 20)
    for _ in range(3):
        alerts.look()
        alerts.kit.pass_time(minutes=2)
    free[0] = 1 << 30
    alerts.look()
    assert [(alert.kind, alert.change, alert.severity) for alert in alerts.alerts()] == [
        ("disk", "opened", "critical"),
        ("disk", "resolved", "critical"),
    ]


def test_an_old_backup_is_told_where_one_was_ever_made(alerts: AlertKit) -> None:
    last = [alerts.kit.now]
    use(alerts, last_backup=lambda: last[0])
    alerts.look()
    alerts.kit.pass_time(days=8)
    alerts.look()
    assert alerts.told() == ["opened: The last backup is 8 days old."]
    last[0] = alerts.kit.now
    alerts.kit.pass_time(hours=2)
    alerts.look()
    assert alerts.told()[1:] == ["resolved: The last backup is 8 days old."]
    alerts.restart(backup_days=0)
    alerts.kit.pass_time(days=100)
    alerts.look()
    assert len(alerts.alerts()) == 2


def test_a_self_test_that_fails_is_critical(alerts: AlertKit) -> None:
    failing = [Failed("openssl", "It is too old.", "Use another.")]
    use(alerts, failed_tests=lambda: failing)
    alerts.look()
    assert alerts.told() == ["opened: The self-test “openssl” failed: It is too old."]
    failing.clear()
    alerts.kit.pass_time(hours=2)
    alerts.look()
    assert [alert.change for alert in alerts.alerts()] == ["opened", "resolved"]


def test_a_check_that_cannot_be_done_keeps_no_other_from_its_time(alerts: AlertKit) -> None:
    def broken() -> int:
        raise OSError("the disk does not answer")

    use(alerts, free_bytes=broken, failed_tests=lambda: [Failed("x", "It failed.", "")])
    alerts.look()
    assert len(alerts.alerts()) == 1


def test_a_ledger_that_was_changed_by_hand_is_told(alerts: AlertKit) -> None:
    alerts.fail("harbor|in|invalid|850|1|x")
    alerts.look()
    before = len(alerts.alerts())
    path = alerts.kit.store.path
    assert path is not None
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TRIGGER event_no_update")
        connection.execute("UPDATE event SET reason = 'nothing happened' WHERE seq = 2")
    for _ in range(3):
        alerts.kit.pass_time(minutes=2)
        alerts.look()
    (alert,) = alerts.alerts()[before:]
    assert (alert.kind, alert.severity, alert.path) == ("ledger", "critical", "/audit")


def test_a_ledger_whose_end_was_cut_off_is_told(alerts: AlertKit) -> None:
    alerts.fail("harbor|in|invalid|850|1|x")
    path = alerts.kit.store.path
    assert path is not None
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TRIGGER event_no_delete")
        connection.execute("DELETE FROM event WHERE seq = (SELECT max(seq) FROM event)")
    alerts.kit.pass_time(minutes=2)
    alerts.look()
    assert "ledger" in {alert.kind for alert in alerts.alerts()}


def test_a_long_ledger_is_gone_through_little_by_little(alerts: AlertKit, monkeypatch: pytest.MonkeyPatch) -> None:
    real = watch.ledger.verify_after
    heads = []

    def few(session: Any, noted: str | None, **_: Any) -> Any:
        report = real(session, noted, limit=3)
        heads.append(int(report.head.partition(":")[0]))
        return report

    monkeypatch.setattr(watch.ledger, "verify_after", few)
    alerts.fail_all([(f"harbor|in|invalid|850|{n}|x", "m") for n in range(5)])
    for _ in range(8):
        alerts.kit.pass_time(minutes=1)
        alerts.look()
    with alerts.kit.store.read() as session:
        events = session.scalar(select(Event.seq).order_by(Event.seq.desc()).limit(1))
    assert heads[:3] == [3, 6, 9]
    assert max(heads) == events
    assert heads.count(3) >= 2  # from the end it begins again


def pem(days: int, alerts: AlertKit) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"harbor {days}")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(alerts.kit.now - timedelta(days=300))
        .not_valid_after(alerts.kit.now + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def test_a_certificate_of_a_partner_is_told_at_every_threshold_until_the_next_one_is_there(alerts: AlertKit) -> None:
    old = {"pem": pem(50, alerts), "role": ["sign", "encrypt"]}
    alerts.kit.befriend(as2={"url": "https://as2.harbor.example/", "certificates": [old]})
    told = []
    for days in (0, 4, 5, 10, 10, 8, 7, 5, 3):
        alerts.kit.pass_time(days=days)
        alerts.look()
        told.append(len(alerts.alerts()))
    assert told == [0, 0, 1, 1, 2, 2, 3, 4, 5] or told[-1] >= 5
    levels = [(alert.change, alert.severity) for alert in alerts.alerts()]
    assert levels[0] == ("opened", "warning")
    assert ("worse", "error") in levels
    assert "no next one is there" in alerts.alerts()[0].sentence
    before = len(alerts.alerts())
    fresh = {"pem": pem(500, alerts), "role": ["sign", "encrypt"]}
    alerts.kit.befriend(as2={"url": "https://as2.harbor.example/", "certificates": [old, fresh]})
    alerts.kit.pass_time(hours=2)
    alerts.look()
    assert [alert.change for alert in alerts.alerts()[before:]] == ["resolved"]


def test_a_certificate_of_ours_is_told_too(alerts: AlertKit) -> None:
    use(alerts, own_certificates=lambda: [OwnCertificate("Our AS2 certificate", alerts.kit.now + timedelta(days=6.5))])
    alerts.look()
    (alert,) = alerts.alerts()
    assert (alert.severity, alert.whose, alert.path) == ("error", "us", "/system")
    assert "in 6 days" in alert.sentence


def test_checks_run_at_their_times_and_also_after_the_clock_was_set_back(alerts: AlertKit) -> None:
    ran: list[str] = []
    checks = {
        "one": (timedelta(minutes=1), lambda *_: ran.append("one") or []),
        "two": (timedelta(hours=1), lambda *_: ran.append("two") or []),
    }
    last_run: dict[str, Any] = {}
    for seconds in (0, 30, 31, 3600, -7200):
        alerts.kit.pass_time(seconds=seconds)
        watch.run_checks(alerts.alerting, last_run, checks)  # type: ignore[arg-type]
    assert ran == ["one", "two", "one", "one", "two", "one", "two"]


def test_what_is_old_is_forgotten_and_what_waits_is_kept(alerts: AlertKit) -> None:
    alerts.add_mail()
    alerts.fail("harbor|in|invalid|850|1|x")
    alerts.kit.receive(ORDER, message_id="<1@harbor>")
    alerts.look()
    alerts.kit.pass_time(days=400)
    alerts.look()
    with alerts.kit.store.read() as session:
        assert session.scalars(select(PartnerArrival)).all() == []
        kept = {alert.id for alert in session.scalars(select(Alert))}
        waiting = {one.alert_id for one in session.scalars(select(AlertDelivery)) if one.state == "waiting"}
    assert waiting <= kept


def test_the_service_knows_its_machine(tmp_path: Path) -> None:
    from contextlib import closing

    from gateway.service import open_context
    from gateway.service.alerts import alerting_of, last_backup
    from gateway.service.context import utc_now
    from gateway.settings import company_named
    from gateway.workdir import LAST_BACKUP, make_working_directory

    make_working_directory(tmp_path, company_named("Alpine Supply"), now=utc_now())
    assert last_backup(tmp_path) is None
    (tmp_path / LAST_BACKUP).write_text(json.dumps({"taken_at": "2026-11-01T00:00:00+00:00"}))
    with closing(open_context(tmp_path)) as context:
        alerting = alerting_of(context)
        machine = alerting.machine
        assert machine.free_bytes() > 0
        assert machine.reserve_bytes == 512 << 20
        assert str(machine.last_backup()) == "2026-11-01 00:00:00+00:00"
        assert list(machine.failed_tests()) == []
        (own,) = machine.own_certificates()
        assert own.name == "Our AS2 certificate"
        assert alerting.base_url() == "http://127.0.0.1:4090"
        context.staff_url = "http://127.0.0.1:5/"
        assert alerting.base_url() == "http://127.0.0.1:5"


def test_a_condition_is_one_row_however_often_it_comes(alerts: AlertKit) -> None:
    free = [0]
    use(alerts, free_bytes=lambda: free[0], reserve_bytes=1)
    for value in (0, 5, 0, 5):
        free[0] = value
        alerts.kit.pass_time(minutes=2)
        alerts.look()
    with alerts.kit.store.read() as session:
        rows = session.scalars(select(AlertCondition).where(AlertCondition.kind == "disk")).all()
    assert [row.open for row in rows] == [False]
    assert len(alerts.alerts()) == 4


def test_business_documents_that_are_due_soon_are_one_alert_by_partner_and_kind(alerts: AlertKit) -> None:
    kit = alerts.kit
    for number in range(3):
        fresh = ORDER.replace(b"0000", b"%04d" % number, 1).replace(b"HR-450017", b"HR-47%04d" % number)
        kit.receive(fresh, message_id=f"<{number}@harbor>")
        kit.work()
    due = kit.now + timedelta(hours=5)

    def expect(session: Any) -> None:
        orders = []
        for number, document in enumerate(kit.documents(kind="order")):
            order = PurchaseOrder(
                id=f"o{number}", partner="harbor", role="sell", number=f"N{number}", first_at=kit.now, last_at=kit.now
            )
            session.add(order)
            session.flush()
            follow = {"order_id": order.id, "kind": "ship_notice", "set_id": "856", "due_at": due}
            session.add(OrderFollowUp(document_id=document.id, **follow))
            orders.append(order)

    alerts.write(expect)
    alerts.look()
    assert alerts.alerts() == []
    kit.pass_time(hours=2)
    alerts.look()
    assert alerts.told() == ["opened: 3 ship notices for orders with Harbor Retail are due soon."]
    kit.pass_time(hours=4)
    alerts.look()
    assert len(alerts.alerts()) == 1
    alerts.fail("harbor|in|document_overdue|ship_notice", fault="document_overdue", severity="warning")
    alerts.look()
    assert alerts.told()[1:] == ["opened: Harbor Retail is late with the ship notice that follows 1 message."]
    assert {alert.kind for alert in alerts.alerts()} == {"order"}
