"""Checks of what the store holds: tables, ledger, keys, partners, and the traffic that needs somebody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, select, text
from sqlalchemy.orm import Session

from gateway.alerts.models import AlertChannel
from gateway.alerts.queries import failing_channels
from gateway.doctor.places import expiry
from gateway.doctor.result import Patient, Result, count, fail, ok, warn
from gateway.messages.axes import Acknowledgement, Delivery, Review
from gateway.messages.models import CaseFile, Document, Job, Transmission
from gateway.partners.registry import list_partners
from gateway.partners.rules import warnings
from gateway.store import ledger, migrations
from gateway.store.engine import CONNECTIONS, Store
from gateway.store.secrets import load_kek
from gateway.workdir import as2_keys

__all__ = ["check_alerts", "check_database", "check_keys", "check_partners", "check_traffic"]

#: The whole ledger is verified up to so many events; beyond, only its end (the command checks it all).
LEDGER_EVENTS = 20_000
#: Bytes of a database up to which its pages are read through.
QUICK_CHECK_BYTES = 2 * 2**30
#: A job that waits longer than this while the service runs is stuck.
STUCK_JOB = timedelta(minutes=10)
_OPEN_REVIEWS = (Review.NEW.value, Review.ASSIGNED.value, Review.WAITING.value)


def _opened(patient: Patient) -> Store:
    assert patient.store is not None
    return patient.store


def check_database(patient: Patient) -> Iterator[Result]:
    """The tables are those of this version, the file is sound, the ledger is whole."""
    store = _opened(patient)
    migrations.check(store)
    facts = store.facts()
    yield ok("database", f"{facts['database']} {facts['version']}, tables of revision {migrations.newest()}.")
    size = facts["bytes"]
    with store.read() as session:
        if store.path is None:
            yield from _server(facts)
        elif size <= QUICK_CHECK_BYTES:
            yield _integrity(session, size)
        else:
            yield ok("integrity", f"Not read through: the database has {size / 2**30:,.1f} GiB.")
        yield _ledger(session)


def _server(facts: Mapping[str, Any]) -> Iterator[Result]:
    """A commit of the database server is on its disk when it returns, and there are connections enough."""
    unsafe = [name for name in ("fsync", "full_page_writes") if facts[name] != "on"]
    if unsafe:
        names = " and ".join(f"{name} = off" for name in unsafe)
        message = f"The database server runs with {names}: what was acknowledged can be lost when it loses power."
        yield fail("durability", message, "Set both to on in postgresql.conf, then reload the server.")
    else:
        yield ok("durability", f"A commit is on the server's disk when it returns ({facts['bytes'] / 2**20:,.1f} MiB).")
    if facts["max_connections"] < CONNECTIONS:
        message = (
            f"The database server takes {facts['max_connections']} connections; the gateway may need {CONNECTIONS}."
        )
        yield warn("connections", message, "Raise max_connections in postgresql.conf, then restart the server.")


def _integrity(session: Session, size: int) -> Result:
    found = session.scalar(text("PRAGMA quick_check(1)"))
    if found == "ok":
        return ok("integrity", f"The {size / 2**20:,.1f} MiB of the database are sound.")
    return fail("integrity", f"The database is damaged: {found}.", "Stop the service and restore a backup.")


def _ledger(session: Session) -> Result:
    events, head = ledger.head(session)
    if events <= LEDGER_EVENTS:
        report = ledger.verify(session)
        good, message = report.ok, report.message
    else:
        last = session.execute(
            select(ledger.Event.seq, ledger.Event.hash).order_by(ledger.Event.seq.desc()).limit(1)
        ).one()
        good = tuple(last) == (events, head)
        message = f"The last of {events} events is in place."
        if not good:
            message = f"The ledger ends with event {last.seq}, but {events} were written."
    if good:
        return ok("ledger", message)
    return fail("ledger", message, "Somebody changed the database by hand; see `gateway ledger check`.")


def check_keys(patient: Patient) -> Iterator[Result]:
    """The key-encryption key opens our keys, and our certificate is in date."""
    paths = patient.settings.paths
    kek = load_kek(paths.kek)
    with _opened(patient).read() as session:
        keys = as2_keys(session, kek)
    if not keys:
        yield fail("as2 certificate", "There is no AS2 key of ours.", f"Make one: gateway init {paths.home}")
        return
    ends = keys[0].certificate.not_valid_after_utc
    fix = "Make a new key and give its certificate to every partner in good time."
    yield expiry("as2 certificate", "Our AS2 certificate", ends, patient.now, fix)


def check_partners(patient: Patient) -> Iterator[Result]:
    """Each partner's profile has what it needs, and its certificates are in date."""
    with _opened(patient).read() as session:
        partners = list_partners(session)
    if not partners:
        yield warn("partners", "There are no partners yet.", "Add one: gateway partner apply FILE.yaml")
        return
    found = 0
    for _, profile in partners:
        for sentence in warnings(profile, patient.now):
            found += 1
            yield warn("partners", f"{profile.code}: {sentence}", f"See: gateway partner show {profile.code}")
    if not found:
        yield ok("partners", f"{count(len(partners), 'partner')}, none lacks anything.")


def check_traffic(patient: Patient) -> Iterator[Result]:
    """Work that is stuck, deliveries that were given up, acknowledgements overdue, cases open."""
    with _opened(patient).read() as session:
        yield _jobs(session, patient)
        yield _count(
            session,
            "deliveries",
            Transmission.delivery == Delivery.FAILED.value,
            ("No delivery was given up.", "{} delivery was given up.", "{} deliveries were given up."),
            "See: gateway message list --delivery failed",
        )
        yield _count(
            session,
            "acknowledgements",
            Document.acknowledgement == Acknowledgement.OVERDUE.value,
            (
                "No acknowledgement is overdue.",
                "{} acknowledgement is overdue.",
                "{} acknowledgements are overdue.",
            ),
            "See: gateway message list --acknowledgement overdue",
        )
        yield _count(
            session,
            "cases",
            CaseFile.review.in_(_OPEN_REVIEWS),
            ("No case is open.", "{} case waits for a person.", "{} cases wait for a person."),
            "See: gateway message list --processing held",
        )


def check_alerts(patient: Patient) -> Iterator[Result]:
    """Channels through which nobody is told of problems at present."""
    with _opened(patient).read() as session:
        channels = session.scalar(select(func.count()).select_from(AlertChannel).where(AlertChannel.enabled)) or 0
        failing = failing_channels(session)
    for channel in failing:
        name, since = channel["name"], channel["failing_since"]
        began = f" since {datetime.fromisoformat(since):%Y-%m-%d %H:%M} UTC" if since else ""
        message = f"Nobody is told through {name}{began}: {channel['last_error'] or 'no try worked.'}"
        yield warn("alerts", message, f'Mend it, then try it: gateway alert test "{name}"')
    if not channels:
        yield ok("alerts", "There is no channel: problems are shown on the staff pages only.")
    elif not failing:
        yield ok("alerts", f"{count(channels, 'channel')}, none fails.")


def _count(
    session: Session,
    check: str,
    condition: ColumnElement[bool],
    sentences: tuple[str, str, str],
    fix: str,
) -> Result:
    """A warning when any row fits; ``sentences`` are those for none, one and many."""
    number = session.scalar(select(func.count()).where(condition)) or 0
    message = sentences[min(number, 2)].format(number)
    return warn(check, message, fix) if number else ok(check, message)


def _jobs(session: Session, patient: Patient) -> Result:
    failed = session.scalar(select(func.count()).select_from(Job).where(Job.status == "failed")) or 0
    if failed:
        return warn("work", f"{count(failed, 'job')} failed for good.", "See the cases they opened, and the log.")
    waiting, oldest = session.execute(select(func.count(), func.min(Job.created_at)).where(Job.status == "ready")).one()
    if waiting and patient.running and patient.now - oldest > STUCK_JOB:
        since = f"{oldest:%Y-%m-%d %H:%M} UTC"
        return warn(
            "work", f"{count(waiting, 'job')} waiting, the oldest since {since}.", "Look into the log; restart."
        )
    return ok("work", f"{count(waiting, 'job')} waiting, none failed.")
