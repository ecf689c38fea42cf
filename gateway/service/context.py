"""An opened working directory: settings, store, keys, partners and the pipeline over them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from gateway.backoffice.folder import FolderBackOffice
from gateway.messages.corrections import SecondPerson
from gateway.messages.models import Document, Transmission
from gateway.messages.ports import DeliveryPort, Task
from gateway.messages.retention import Days
from gateway.partners.directory import Directory
from gateway.pipeline.context import Company, Pipeline
from gateway.pipeline.problems import Problem, ProblemKind, open_problem
from gateway.pipeline.schematron import OfficialRules
from gateway.pipeline.work import EmbeddedWork
from gateway.service.later import Later, PortsLater
from gateway.service.relationships import Relationships
from gateway.service.tables import TABLES
from gateway.settings import Settings, load_settings
from gateway.store import migrations
from gateway.store.engine import Store, open_store
from gateway.store.secrets import Kek, get_secret, load_kek

if TYPE_CHECKING:
    from gateway.service.doors import Doors

__all__ = ["Context", "open_context", "utc_now"]


def utc_now() -> datetime:
    """The present instant, aware."""
    return datetime.now(UTC)


@dataclass(slots=True)
class Context:
    """Everything one process of the gateway works with; close it when done."""

    settings: Settings
    store: Store
    kek: Kek
    directory: Directory
    relationships: Relationships
    work: EmbeddedWork
    pipeline: Pipeline
    doors_later: Later[Doors]
    official_rules: OfficialRules
    #: Called after something was sent or applied, so that waiting threads look at once.
    wake: Callable[[], None] = lambda: None
    #: Where staff reach the pages while the service runs; "" before.
    staff_url: str = ""
    #: Every table of the database.
    tables: frozenset[str] = TABLES

    @property
    def doors(self) -> Doors:
        """Every door but AS2; made when it is first asked for, with all that speaks to partners."""
        return self.doors_later.get()

    def close(self) -> None:
        """End the helper process, commit what waits and let go of the database."""
        self.official_rules.close()
        self.store.close()


def open_context(directory: Path) -> Context:
    """Open a working directory for work; its database is locked for other writing processes.

    Raises SettingsError, SecretError, StoreLockedError or StoreOutdatedError, each with a sentence.
    """
    settings = load_settings(directory)
    kek = load_kek(settings.paths.kek)
    store = open_store(settings.database_url, blobs=settings.paths.blobs)
    try:
        migrations.upgrade(store)
        return _context(settings, store, kek)
    except BaseException:
        store.close()
        raise


def _context(settings: Settings, store: Store, kek: Kek) -> Context:
    company = Company(
        code=settings.company.code,
        name=settings.company.name,
        isa_qualifier=settings.company.isa_qualifier,
        isa_id=settings.company.isa_id,
        gs_id=settings.company.gs_id,
        as2_name=settings.company.as2_name,
        time_zone=settings.company.time_zone,
        xml_ids=settings.company.xml_ids,
    )
    partners = Directory(store.read, company.as2_name)
    relationships = Relationships(store, kek, company, public_url=settings.as2.public_url, clock=utc_now)
    work = EmbeddedWork(store, on_poison=_poisoned)
    doors = Later(partial(_doors, settings, store, kek, partners))
    pipeline = Pipeline(
        company=company,
        store=store,
        work=work,
        directory=partners,
        clock=utc_now,
        delivery=PortsLater(partial(_ports, relationships, doors)),
        posting=FolderBackOffice(settings.paths.inbox),
        workdir=settings.paths.home,
    )
    pipeline.has_room = partial(_has_room, settings.paths.home, settings.limits.min_free_disk_bytes)
    pipeline.secrets = partial(_secret, store, kek)
    pipeline.reopen = partial(_reopen, relationships)
    official = OfficialRules(settings.paths.home)
    pipeline.official_rules = official.check
    keep = settings.retention
    pipeline.keep = Days(keep.raw_days, keep.document_days, keep.evidence_days)
    pipeline.second_person = SecondPerson(settings.staff.second_person)
    pipeline.profiles_changed = relationships.refresh
    return Context(settings, store, kek, partners, relationships, work, pipeline, doors, official)


def _doors(settings: Settings, store: Store, kek: Kek, partners: Directory) -> Doors:
    from gateway.service.doors import Doors

    return Doors(settings, store, kek, partners, partial(_secret, store, kek), utc_now)


def _ports(relationships: Relationships, doors: Later[Doors]) -> dict[str, DeliveryPort]:
    from gateway.transports.as2.client import As2Delivery

    return {"as2": As2Delivery(relationships, clock=utc_now), **doors.get().delivery}


def _has_room(home: Path, reserve: int) -> bool:
    return shutil.disk_usage(home).free >= reserve


def _secret(store: Store, kek: Kek, name: str) -> bytes:
    with store.read() as session:
        return get_secret(session, kek, name)


def _reopen(relationships: Relationships, partner: str, facts: Mapping[str, Any], wire: bytes) -> bytes:
    """Open an AS2 message again that was refused when it came; ValueError with the true reason."""
    from gateway.transports.as2.receive import reopen
    from gateway.transports.as2.refusal import As2Refusal

    try:
        opened = reopen(relationships.for_partner(partner), facts.get("headers", ()), wire, utc_now())
    except As2Refusal as refusal:
        raise ValueError(refusal.reason) from refusal
    except LookupError as error:
        raise ValueError(str(error.args[0] if error.args else error)) from error
    return opened.payload


def _poisoned(session: Session, task: Task, key: str, error: str) -> None:
    """A job that failed again and again becomes a case for staff; its message stays where it is."""
    row: Transmission | Document | None = None
    if task is Task.PROCESS:
        row = session.get(Transmission, key)
    elif task is Task.POST:
        row = session.get(Document, key)
    if row is None:  # a delivery run: its transmissions keep their own schedule
        return
    sentence = f"The gateway failed several times while it worked on this message ({task.value}): {error}"
    open_problem(session, row, Problem(ProblemKind.POISON, sentence, task.value), utc_now(), "work")
