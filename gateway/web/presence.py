"""Two people on one thing: who has which page open now, and no action on what changed in the meantime.

Presence lives in the memory of this process and leaves no trace in the database. A page that shows a thing says so
while it is made (``present`` in templates), on its first load and each time that it renews itself; after 60 seconds
without that, nobody is there any more.

A form about a thing carries what its page had seen: ``kind:id:number`` of the thing's last event. Before any route
acts, ``guard`` compares; when somebody was faster it shows what changed, by whom, and the page again. One thing is
acted on by one request at a time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from flask import Flask, current_app, flash, g, redirect, request, url_for
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from gateway.messages.models import CaseMember, Document
from gateway.store.ledger import Event
from gateway.web.security import local_path
from gateway.web.site import the_site
from gateway.web.viewlog import PAYLOAD_VIEWED

__all__ = ["Change", "Presence", "changes_since", "install", "seen"]

#: How long somebody counts as there after the last beat.
GONE_AFTER = timedelta(seconds=60)
#: Events that change nothing about a thing.
_SILENT = (PAYLOAD_VIEWED, "evidence-downloaded", "member-added")
#: Kinds of things → the ledger's word for them ("message" is a document with what carries it, or a transmission).
_PAGES = {"message": "messages.detail", "case": "failures.show"}


@dataclass
class Presence:
    """Who looks at what, in the memory of the process; safe to use from several threads."""

    clock: Callable[[], datetime]
    _beats: dict[tuple[str, str], dict[str, tuple[datetime, str, str]]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _acting: dict[str, threading.Lock] = field(default_factory=dict)

    def beat(self, kind: str, identity: str, name: str, full_name: str, doing: str) -> None:
        """Somebody has the page of a thing open now. ``doing``: "looking at" or "editing"."""
        now = self.clock()
        with self._lock:
            self._beats.setdefault((kind, identity), {})[name] = (now, full_name, doing)
            if len(self._beats) > 2_000:
                self._forget(now)

    def others(self, kind: str, identity: str, name: str) -> list[tuple[str, str]]:
        """(full name, what they do) of everybody else who is there, the last to come first."""
        oldest = self.clock() - GONE_AFTER
        with self._lock:
            found = [(*beat, who) for who, beat in self._beats.get((kind, identity), {}).items()]
        there = sorted((beat for beat in found if beat[0] > oldest and beat[3] != name), reverse=True)
        return [(full_name, doing) for _, full_name, doing, _ in there]

    def acting(self, what: str) -> threading.Lock:
        """The lock of one thing: held while a request acts on it."""
        with self._lock:
            if len(self._acting) > 2_000:
                self._acting = {key: lock for key, lock in self._acting.items() if lock.locked()}
            return self._acting.setdefault(what, threading.Lock())

    def _forget(self, now: datetime) -> None:
        for key in list(self._beats):
            left = {name: beat for name, beat in self._beats[key].items() if beat[0] > now - GONE_AFTER}
            if left:
                self._beats[key] = left
            else:
                del self._beats[key]


def install(app: Flask, clock: Callable[[], datetime]) -> None:
    """Make presence known to the templates, and put the guard before every action."""
    app.extensions["gateway.presence"] = Presence(clock)
    app.jinja_env.globals.update(present=_present, seen_value=_seen_field)
    app.before_request(_guard)
    app.teardown_request(_release)


def _presence() -> Presence:
    found: Presence = current_app.extensions["gateway.presence"]
    return found


def _present(kind: str, identity: str, doing: str = "looking at") -> list[tuple[str, str]]:
    """For templates: says that the visitor is here, and gives the others."""
    who = g.visitor
    if who is None:
        return []
    _presence().beat(kind, identity, who.name, who.full_name, doing)
    return _presence().others(kind, identity, who.name)


# -- what was seen -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Change:
    """One event that happened after a page was shown."""

    at: str
    kind: str
    actor: str
    reason: str
    new: str | None


def seen(session: Session, kind: str, identity: str) -> int:
    """The number of the last event that changed a thing; 0 when there is none."""
    query = select(Event.seq).where(_about(session, kind, identity), Event.kind.not_in(_SILENT))
    return session.scalar(query.order_by(Event.seq.desc()).limit(1)) or 0


def changes_since(session: Session, kind: str, identity: str, number: int, *, with_cases: bool = True) -> list[Change]:
    """What happened to a thing after the event with this number, the oldest first.

    ``with_cases``: of a message, also what happened to its problems.
    """
    query = (
        select(Event)
        .where(_about(session, kind, identity, with_cases=with_cases), Event.kind.not_in(_SILENT), Event.seq > number)
        .order_by(Event.seq)
        .limit(20)
    )
    return [Change(row.at, row.kind, row.actor, row.reason, row.new) for row in session.scalars(query)]


def _about(session: Session, kind: str, identity: str, *, with_cases: bool = True) -> Any:
    """The events of a thing: of a message also those of the transmission that carries it, and of its problems."""
    subjects = [(kind, identity)]
    if kind == "message":
        carrier = session.scalar(select(Document.transmission_id).where(Document.id == identity))
        subjects = [("document", identity), ("transmission", carrier or identity)]
        if with_cases:
            cases = select(CaseMember.case_id).where(
                CaseMember.subject_type.in_(["document", "transmission"]),
                CaseMember.subject_id.in_([each for _, each in subjects]),
            )
            subjects += [("case", case) for case in session.scalars(cases)]
    return or_(*((Event.subject_type == name) & (Event.subject_id == each) for name, each in subjects))


def _seen_field(kind: str, identity: str) -> str:
    """For templates: the value of the hidden field ``seen``; worked out once for each page."""
    kept: dict[tuple[str, str], str] = g.setdefault("seen_fields", {})
    if (kind, identity) not in kept:
        with the_site().read() as session:
            kept[kind, identity] = f"{kind}:{identity}:{seen(session, kind, identity)}"
    return kept[kind, identity]


def _guard() -> Any:
    """Before an action: is the thing still as its page showed it?"""
    if request.method != "POST" or not g.get("visitor") or request.form.get("action") == "note":
        return None  # a note never undoes what another did
    value = request.form.get("seen", "")
    kind, _, rest = value.partition(":")
    identity, _, number = rest.rpartition(":")
    if kind not in _PAGES or not identity or not (number.isascii() and number.isdecimal()):
        return None
    lock = _presence().acting(f"{kind}:{identity}")
    lock.acquire()
    g.acting = lock
    with the_site().read() as session:
        changes = changes_since(session, kind, identity, int(number))
    if not changes:
        return None
    wrote = request.form.get("reason", "").strip()[:500]
    flash(sentence(changes, g.visitor.name) + (f" What you wrote: {wrote}" if wrote else ""), "warn")
    back = request.form.get("back")
    return redirect(local_path(back) if back else url_for(_PAGES[kind], id=identity), 303)


def sentence(changes: Iterable[Change], name: str) -> str:
    """What changed and by whom, in words; nothing was done."""
    last = list(changes)[-1]
    who = "You" if last.actor == name else last.actor
    what = last.reason.rstrip(".") or last.kind.replace("-", " ")
    state = f" It is {last.new.replace('_', ' ')} now." if last.new else ""
    return f"Nothing was done, because this changed since you opened it. {who}: {what}.{state} Look at it again."


def _release(_error: BaseException | None = None) -> None:
    lock = g.pop("acting", None)
    if lock is not None:
        lock.release()
