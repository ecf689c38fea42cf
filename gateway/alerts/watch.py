"""What the clock and the machine tell: deadlines, queues, silence, certificates, disk, backups, ledger, self-tests.

Each check reads, and gives the steps that follow; ``run_checks`` runs those that are due. A check that cannot be done
is logged and done again at its next time, and no other one waits for it.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from urllib.parse import quote

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from gateway.alerts import security
from gateway.alerts.conditions import Found, Step, as_values, settle, store_steps
from gateway.alerts.context import Alerting
from gateway.alerts.events import HISTORY, held_back_cases
from gateway.alerts.kinds import AlertKind, Change, DeliveryState
from gateway.alerts.models import Alert, AlertCondition, AlertCursor, AlertDelivery, PartnerArrival
from gateway.alerts.notices import case_notice, counted
from gateway.alerts.quiet import quiet_partners
from gateway.messages import queries_cases
from gateway.messages.axes import Acknowledgement, Delivery, Review
from gateway.messages.models import CaseFile, CaseMember, Document, Transmission
from gateway.messages.ordermodels import OrderFollowUp, PurchaseOrder
from gateway.partners.certificates import EXPIRY_DAYS, certificate_facts, load_certificate, missing_roles, window
from gateway.partners.profile import PartnerProfile, Status
from gateway.partners.registry import list_partners
from gateway.store import ledger

__all__ = ["CHECKS", "Check", "run_checks"]

logger = logging.getLogger(__name__)

Check = Callable[[Session, Alerting, datetime], list[Step]]

#: Alerts that are over and told are kept so long.
KEEP = timedelta(days=365)
_VERIFIED = "verified"
_NO_ALARM = frozenset({Status.RETIRED, Status.DRAFT})


def check_queues(session: Session, alerting: Alerting, now: datetime) -> list[Step]:
    """Partners whose oldest message waits longer to be sent than it should; ten times as long is worse."""
    limit = timedelta(minutes=alerting.settings.queue_minutes)
    waiting = (Delivery.QUEUED, Delivery.RETRYING, Delivery.SENDING)
    query = (
        select(Transmission.partner, func.count(), func.min(Transmission.created_at))
        .where(Transmission.delivery.in_(waiting))
        .group_by(Transmission.partner)
    )
    found = []
    for partner, count, oldest in session.execute(query):
        age = now - oldest
        if age <= limit:
            continue
        name = alerting.partner_name(partner)
        minutes = int(age.total_seconds() // 60)
        since = f"{minutes} minutes" if minutes < 120 else f"{minutes // 60} hours"
        found.append(
            Found(
                kind=AlertKind.QUEUE,
                thing=partner or "-",
                sentence=f"{counted(count, 'message')} to {name} wait{'s' if count == 1 else ''} to be sent, "
                f"the oldest for {since}.",
                advice="Look at the queue: it says why the last try failed. Test the connection.",
                path=f"/queues?partner={quote(partner)}" if partner else "/queues",
                partner=partner,
                count=count,
                severity="error" if age > 10 * limit else "warning",
                level=2 if age > 10 * limit else 1,
            )
        )
    return settle(session, [AlertKind.QUEUE], found, now)


def check_deadlines(session: Session, alerting: Alerting, now: datetime) -> list[Step]:
    """Open problems whose deadline is near, each once."""
    lead = timedelta(hours=alerting.settings.deadline_hours)
    near = (
        select(CaseMember.case_id)
        .join(Document, Document.id == CaseMember.subject_id)
        .where(
            CaseMember.subject_type == "document",
            Document.acknowledgement == Acknowledgement.AWAITED,
            Document.acknowledgement_due_at > now,
            Document.acknowledgement_due_at <= now + lead,
        )
        .distinct()
    )
    query = (
        select(AlertCondition, CaseFile)
        .join(CaseFile, CaseFile.id == AlertCondition.case_id)
        .where(
            AlertCondition.open,
            AlertCondition.due_told.is_(False),
            CaseFile.id.in_(near),
            CaseFile.review.not_in((Review.RESOLVED, Review.IGNORED)),
        )
    )
    steps = []
    for row, case in session.execute(query):
        card = queries_cases.case_card(session, case.id)
        notice = case_notice(card, case.fingerprint, Change.WORSE, alerting.partner_name(case.partner))
        steps.append(Step({**as_values(row), "due_told": True, "told": True}, notice))
    return steps


def check_orders(session: Session, alerting: Alerting, now: datetime) -> list[Step]:
    """Business documents that are due soon, by partner and kind; those that are late have a case."""
    lead = timedelta(hours=alerting.settings.deadline_hours)
    query = (
        select(PurchaseOrder.partner, OrderFollowUp.kind, func.count(), func.min(OrderFollowUp.due_at))
        .join(PurchaseOrder, PurchaseOrder.id == OrderFollowUp.order_id)
        .where(
            OrderFollowUp.ended_at.is_(None),
            OrderFollowUp.due_at > now,
            OrderFollowUp.due_at <= now + lead,
            PurchaseOrder.test.is_(False),
        )
        .group_by(PurchaseOrder.partner, OrderFollowUp.kind)
    )
    found = []
    for partner, kind, count, due in session.execute(query):
        what = counted(count, kind.replace("_", " "))
        found.append(
            Found(
                kind=AlertKind.ORDER,
                thing=f"due|{partner}|{kind}",
                sentence=f"{what} for orders with {alerting.partner_name(partner)} "
                f"{'is' if count == 1 else 'are'} due soon.",
                advice="Open the orders, and send what is due or ask for it.",
                path=f"/orders?partner={quote(partner)}",
                partner=partner,
                count=count,
                due_at=due,
                level=len(str(count)),
            )
        )
    steps = settle(session, [AlertKind.ORDER], found, now, things="order|due|")
    # What was sent in time needs no word, and what became late has a case that says so.
    return [Step(s.values) if s.notice and s.notice.change is Change.RESOLVED else s for s in steps]


def check_quiet(session: Session, alerting: Alerting, now: datetime) -> list[Step]:
    """Partners that are unusually quiet."""
    return settle(session, [AlertKind.QUIET], quiet_partners(session, alerting, now), now)


def check_certificates(session: Session, alerting: Alerting, now: datetime) -> list[Step]:
    """Certificates of ours and of partners that end, told at 45, 30, 14, 7 and 1 days and at their end."""
    found = [_ending(f"ours|{one.name}", one.name, one.not_after, now) for one in alerting.machine.own_certificates()]
    for _, profile in list_partners(session):
        if profile.status not in _NO_ALARM:
            found += _of_partner(profile, now)
    return settle(session, [AlertKind.CERTIFICATE], [one for one in found if one is not None], now)


def _of_partner(profile: PartnerProfile, now: datetime) -> list[Found | None]:
    entries = profile.as2.certificates
    horizon = now + timedelta(days=max(EXPIRY_DAYS))
    found = []
    for entry in entries:
        _, last = window(entry)
        others = [other for other in entries if other is not entry]
        if last > horizon or not missing_roles(others, entry.role, max(horizon, now)):
            continue
        facts = certificate_facts(load_certificate(entry.pem))
        digest = hashlib.sha256(f"{facts.fingerprint}{entry.role}".encode()).hexdigest()[:16]
        name = f"The certificate of {profile.name} to {' and '.join(entry.role)}"
        found.append(_ending(f"{profile.code}|{digest}", name, last, now, partner=profile.code))
    return found


def _ending(thing: str, name: str, ends: datetime, now: datetime, partner: str | None = None) -> Found | None:
    left = (ends - now) / timedelta(days=1)
    level = sum(left <= days for days in (*EXPIRY_DAYS, 0))
    if level == 0:
        return None
    day = f"{ends:%Y-%m-%d}"
    when = f"ended on {day}" if left <= 0 else f"ends on {day}, in {counted(int(left), 'day')}"
    return Found(
        kind=AlertKind.CERTIFICATE,
        thing=thing,
        sentence=f"{name} {when}, and no next one is there.",
        advice="Ask the partner for the next one and add it beside the present one."
        if partner
        else "Make the next one in good time, and give it to every partner before it is used.",
        path=f"/partners/{partner}" if partner else "/system",
        partner=partner,
        whose="partner" if partner else "us",
        severity="error" if left <= 7 else "warning",
        due_at=ends,
        level=level,
    )


def check_disk(session: Session, alerting: Alerting, now: datetime) -> list[Step]:
    """The disk has reached the reserve below which nothing is taken in."""
    machine = alerting.machine
    free = machine.free_bytes()
    found = []
    if free < machine.reserve_bytes:
        found.append(
            Found(
                kind=AlertKind.DISK,
                thing="reserve",
                sentence=f"The disk is full: {free / 2**20:,.0f} MiB are free, the reserve is "
                f"{machine.reserve_bytes / 2**20:,.0f} MiB. Partners are asked to try later.",
                advice="Make room on the disk; nothing is lost meanwhile, and it goes on by itself.",
                path="/system",
                severity="critical",
                whose="us",
            )
        )
    return settle(session, [AlertKind.DISK], found, now)


def check_backup(session: Session, alerting: Alerting, now: datetime) -> list[Step]:
    """The last backup is old, where one was ever made."""
    last, days = alerting.machine.last_backup(), alerting.settings.backup_days
    found = []
    if last is not None and days and now - last > timedelta(days=days):
        found.append(
            Found(
                kind=AlertKind.BACKUP,
                thing="last",
                sentence=f"The last backup is {(now - last).days} days old.",
                advice="Run `gateway backup`, or mend what runs it.",
                path="/system",
                whose="us",
            )
        )
    return settle(session, [AlertKind.BACKUP], found, now)


def check_self_tests(session: Session, alerting: Alerting, now: datetime) -> list[Step]:
    """Self-tests that fail."""
    found = [
        Found(
            kind=AlertKind.SELF_TEST,
            thing=failed.check,
            sentence=f"The self-test “{failed.check}” failed: {failed.message}",
            advice=failed.fix,
            path="/system",
            severity="critical",
            whose="us",
        )
        for failed in alerting.machine.failed_tests()
    ]
    return settle(session, [AlertKind.SELF_TEST], found, now)


def check_ledger(session: Session, alerting: Alerting, now: datetime) -> list[Step]:
    """The next part of the ledger is as it was written; from its end the walk begins again."""
    noted = session.scalar(select(AlertCursor.value).where(AlertCursor.name == _VERIFIED))
    report = ledger.verify_after(session, noted or None)
    last = session.execute(
        select(ledger.Event.seq, ledger.Event.hash).order_by(ledger.Event.seq.desc()).limit(1)
    ).first()
    found = []
    if not report.ok or (tuple(last) if last else (0, ledger.GENESIS)) != ledger.head(session):
        found.append(
            Found(
                kind=AlertKind.LEDGER,
                thing="chain",
                sentence="The event ledger is not as it was written: somebody changed the database by hand.",
                advice="Run `gateway ledger check`, and compare with a backup.",
                path="/audit",
                severity="critical",
                whose="us",
            )
        )
    else:
        reached = "" if report.head == "{}:{}".format(*ledger.head(session)) else report.head
        if reached != (noted or ""):
            alerting.write(lambda writing: _note(writing, _VERIFIED, reached))
    return settle(session, [AlertKind.LEDGER], found, now)


def _note(session: Session, name: str, value: str) -> None:
    session.merge(AlertCursor(name=name, value=value))


def check_held_back(session: Session, alerting: Alerting, now: datetime) -> list[Step]:
    """What did not pass by itself, and what is told again from now on."""
    return [*held_back_cases(session, alerting, now), *security.forgotten(session, now)]


def forget_old(_session: Session, alerting: Alerting, now: datetime) -> list[Step]:
    """Remove what nobody compares with or looks up any more."""

    def work(session: Session) -> None:
        session.execute(delete(PartnerArrival).where(PartnerArrival.hour < now - HISTORY - timedelta(days=2)))
        waiting = select(AlertDelivery.alert_id).where(AlertDelivery.state == DeliveryState.WAITING)
        old = select(Alert.id).where(Alert.created_at < now - KEEP, Alert.id.not_in(waiting)).limit(1000)
        ids = list(session.scalars(old))
        if ids:
            session.execute(delete(AlertDelivery).where(AlertDelivery.alert_id.in_(ids)))
            session.execute(delete(Alert).where(Alert.id.in_(ids)))

    alerting.write(work)
    return []


_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)
#: Name → (how often, check).
CHECKS: Mapping[str, tuple[timedelta, Check]] = {
    "held-back": (_MINUTE, check_held_back),
    "queues": (_MINUTE, check_queues),
    "deadlines": (_MINUTE, check_deadlines),
    "orders": (_MINUTE, check_orders),
    "disk": (_MINUTE, check_disk),
    "ledger": (_MINUTE, check_ledger),
    "quiet": (5 * _MINUTE, check_quiet),
    "certificates": (_HOUR, check_certificates),
    "backup": (_HOUR, check_backup),
    "self-tests": (_HOUR, check_self_tests),
    "forget": (_HOUR, forget_old),
}


def run_checks(
    alerting: Alerting, last_run: dict[str, datetime], checks: Mapping[str, tuple[timedelta, Check]] = CHECKS
) -> int:
    """Run the checks that are due and note in ``last_run`` that they ran; how many alerts were made."""
    made = 0
    for name, (every, check) in checks.items():
        now = alerting.clock()
        before = last_run.get(name)
        if before is not None and before <= now < before + every:
            continue
        last_run[name] = now
        try:
            made += _run(alerting, check, now)
        except Exception:
            logger.exception("The check %s for alerts failed; it is done again later", name)
    return made


def _run(alerting: Alerting, check: Check, now: datetime) -> int:
    with alerting.read() as session:
        steps = check(session, alerting, now)
    if not steps:
        return 0
    made: list[str] = alerting.write(lambda session: store_steps(session, alerting, steps, now))
    return len(made)
