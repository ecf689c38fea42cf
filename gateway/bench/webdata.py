"""A store with very many messages for measuring the staff pages, made in bulk.

A good order makes eight messages: the order, our 997, its answer, ship notice and invoice, and a 997 for each of these
three. They are spread over sixty days and over partners of different size, with rejections, cases, acknowledgements
that are overdue, deliveries that failed, and one order of 5 MB. Rows are as the gateway writes them, the ledger's chain
included; bodies of one kind are shared, because content does not matter here. The same seed makes the same store.
"""

from __future__ import annotations

import heapq
import json
import random
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias, cast

from sqlalchemy import Table, insert
from sqlalchemy.dialects import sqlite

from gateway import resources
from gateway.documents.sscc import make_sscc
from gateway.messages.models import Attempt, CaseFile, CaseMember, Document, Interchange, Transmission
from gateway.messages.searchkeys import SearchKey
from gateway.partners import registry
from gateway.partners.profile import PartnerProfile
from gateway.store import ledger, migrations, payloads
from gateway.store.engine import open_store

__all__ = ["PARTNERS", "Made", "make_store"]

#: Partners; the first has a quarter of the traffic, the last very little.
PARTNERS = 40
DAYS = 60
_OURS = "ZZ:ALPINESUPPLY"
_LARGE = 5_000_000
#: What becomes of an order: (name, of ten thousand orders, messages that it makes).
_OUTCOMES = (
    ("good", 9_300, 8),
    ("rejected", 300, 2),
    ("held", 100, 2),
    ("noise", 50, 1),
    ("failed", 50, 3),
    ("refused", 100, 4),
    ("silent", 100, 3),
)
#: Cases younger than this are open.
_OPEN_FOR = timedelta(days=6)
#: For so long the largest partner's orders are held for one cause.
_BURST = timedelta(days=1.5)
#: Rows that are written at once.
_BATCH = 20_000

Row: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Made:
    """What was made, and examples to look for."""

    messages: int
    #: Of a good order: its id and what it is found by.
    document: str
    number: str
    control: str
    message_id: str
    filename: str
    sscc: str
    partner: str
    #: The order of 5 MB, and an open case with many members.
    large: str
    case: str


def make_store(path: Path, messages: int, now: datetime, tell: Callable[[str], None], seed: int = 1) -> Made:
    """Make the database ``path`` with about so many messages, the last one shortly before ``now``.

    The file must not be there. Its folder of large payloads is the default one beside it.
    """
    tell(f"making {messages:,} messages")
    now = now.astimezone(UTC)
    profiles = [_profile(n) for n in range(PARTNERS)]
    with open_store(path) as store:
        migrations.upgrade(store)
        bodies = _store_bodies(store.writer.run, store.blobs, now)
        store.writer.run(lambda session: registry.apply(session, profiles, "bench", "Made for a measurement.", now))
        with store.read() as session:
            seq, head = ledger.head(session)
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "foreign_keys=OFF", "cache_size=-400000"):
            connection.execute(f"PRAGMA {pragma}")
        indexes = _drop_indexes(connection)
        connection.execute("BEGIN")
        maker = _Maker(_Writer(connection, seq, head), bodies, random.Random(seed), now)  # noqa: S311 - made data
        made = maker.run(messages)
        connection.execute("COMMIT")
        tell("building indexes")
        for statement in indexes:
            connection.execute(statement)
        connection.execute("PRAGMA journal_mode=WAL")
    finally:
        connection.close()
    return made


def _profile(number: int) -> PartnerProfile:
    code = f"partner{number:02d}"
    return PartnerProfile.model_validate(
        {
            "code": code,
            "name": f"Partner {number:02d} Stores",
            "status": "live",
            "ids": {"isa": [{"id": code.upper()}], "gs": [code.upper()], "as2": code.upper()},
            "delivery": {"transport": "as2"},
        }
    )


def _drop_indexes(connection: sqlite3.Connection) -> list[str]:
    """Take every index away that can be made again, and give the statements for that."""
    rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL").fetchall()
    for name, _ in rows:
        connection.execute(f'DROP INDEX "{name}"')
    return [sql for _, sql in rows]


# -- bodies --------------------------------------------------------------------------------------------------


def _store_bodies(
    write: Callable[[Callable[[Any], Any]], Any], blobs: Path, now: datetime
) -> dict[str, tuple[str, int]]:
    """Kind of body → (digest, bytes)."""
    demo = resources.find("demo") / "004010"
    found = {
        "order": (demo / "850-01-plain.edi").read_bytes(),
        "broken": (demo / "850-05-broken.edi").read_bytes(),
        "large": _large_order(),
        "noise": b"\x00\x01 no order at all \xff" * 40,
        "canonical": json.dumps({"kind": "order", "number": "4500000001", "lines": []}).encode(),
        **{name: _set(code, segments) for name, (code, segments) in _SETS.items()},
    }
    staged = {name: payloads.stage(blobs, body) for name, body in found.items()}
    digests = write(lambda session: {name: payloads.put(session, body, now=now) for name, body in staged.items()})
    return {name: (digests[name], len(found[name])) for name in found}


_SETS: dict[str, tuple[str, list[str]]] = {
    "997": ("997", ["AK1*PO*1", "AK2*850*0001", "AK5*A", "AK9*A*1*1*1"]),
    "855": ("855", ["BAK*00*AC*4500000001*20261101", "PO1*1*10*EA*11.9**UP*012345678905", "ACK*IA*10*EA", "CTT*1"]),
    "856": (
        "856",
        [
            *("BSN*00*SH000001*20261102*1200", "HL*1**S", "TD5**2*UPSN*M", "REF*BM*BOL000001", "HL*2*1*O"),
            *("PRF*4500000001", "HL*3*2*P", "MAN*GM*00006141410000000018", "HL*4*3*I", "SN1*1*10*EA", "CTT*4"),
        ],
    ),
    "810": ("810", ["BIG*20261103*INV000001**4500000001", "IT1*1*10*EA*11.9**UP*012345678905", "TDS*11900", "CTT*1"]),
}


def _set(code: str, segments: list[str]) -> bytes:
    """One set in its envelope."""
    isa = f"ISA*00*{'':10}*00*{'':10}*ZZ*{'ALPINESUPPLY':15}*ZZ*{'PARTNER00':15}*261101*1200*U*00401*000000001*0*P*>"
    body = [f"ST*{code}*0001", *segments, f"SE*{len(segments) + 2}*0001"]
    whole = [isa, "GS*PO*ALPINESUPPLY*PARTNER00*20261101*1200*1*X*004010", *body, "GE*1*1", "IEA*1*000000001"]
    return ("~\n".join(whole) + "~\n").encode("ascii")


def _large_order() -> bytes:
    """One 850 of 5 MB in a single set."""
    lines: list[str] = []
    size = number = 0
    while size < _LARGE:
        number += 1
        lines += [f"PO1*{number}*10*EA*11.9**UP*012345678905", "PID*F****PICTURE FRAME 20 X 30 OAK", "PO4*12*1*EA"]
        size += sum(len(line) + 2 for line in lines[-3:])
    return _set("850", ["BEG*00*SA*4599999999**20261101", *lines, f"CTT*{number}"])


# -- rows ----------------------------------------------------------------------------------------------------


class _Writer:
    """Rows on their way into the tables, in batches, and events in the order of time."""

    def __init__(self, connection: sqlite3.Connection, seq: int, head: str) -> None:
        self._connection = connection
        self._rows: dict[Any, list[tuple[Any, ...]]] = {}
        self._inserts: dict[Any, tuple[str, Row]] = {}
        self._waiting: list[tuple[str, int, Row]] = []
        self._count = 0
        self._seq, self._head = seq, head

    def add(self, model: Any, **values: Any) -> None:
        if model not in self._inserts:
            table = cast("Table", model.__table__)
            statement = str(insert(table).compile(dialect=sqlite.dialect(paramstyle="qmark")))
            blank = {column.name: getattr(column.default, "arg", None) for column in table.columns}
            self._inserts[model] = (statement, blank)
            self._rows[model] = []
        rows = self._rows[model]
        rows.append(tuple({**self._inserts[model][1], **values}.values()))
        if len(rows) >= _BATCH:
            self._write(model)

    def event(self, at: datetime, kind: str, subject: tuple[str, str], actor: str, reason: str, **more: Any) -> None:
        row = {
            "at": _instant(at), "kind": kind, "subject_type": subject[0], "subject_id": subject[1],
            "axis": None, "old": None, "new": None, "actor": actor, "reason": reason, "data": None, **more,
        }  # fmt: skip
        self._count += 1
        heapq.heappush(self._waiting, (str(row["at"]), self._count, row))

    def moves(self, at: datetime, subject: tuple[str, str], axis: str, *states: str) -> None:
        for old, new in pairwise(states):
            self.event(at, "moved", subject, "pipeline", "As it goes.", axis=axis, old=old, new=new)

    def settle(self, before: datetime | None) -> None:
        """Chain the events that are older than an instant; None for all."""
        limit = None if before is None else _instant(before)
        while self._waiting and (limit is None or self._waiting[0][0] < limit):
            row = heapq.heappop(self._waiting)[2]
            self._seq += 1
            row = {"seq": self._seq, **row, "prev_hash": self._head}
            self._head = row["hash"] = ledger._digest(row)  # in bulk, what ``append`` does singly
            self.add(ledger.Event, **row)

    def close(self) -> None:
        self.settle(None)
        for model in self._rows:
            self._write(model)
        self._connection.execute("UPDATE ledger_head SET seq = ?, hash = ?", (self._seq, self._head))

    def _write(self, model: Any) -> None:
        self._connection.executemany(self._inserts[model][0], self._rows[model])
        self._rows[model].clear()


def _text(at: datetime) -> str:
    """An instant as SQLAlchemy keeps it in SQLite."""
    return at.isoformat(" ", "microseconds")[:26]


def _instant(at: datetime) -> str:
    """``ledger.instant`` of an instant in UTC, three times as fast."""
    return at.isoformat("T", "microseconds")[:26] + "Z"


_FINDINGS = json.dumps(
    [
        {
            "code": "AK403-7", "severity": "error", "segment": "PO1", "position": 9, "element": 3, "value": "XX",
            "message": 'PO103 is "XX", which is not a unit this partner uses.', "fix": "Ask the partner.",
        }
    ]
)  # fmt: skip


@dataclass
class _Maker:
    """Makes one order after the other."""

    out: _Writer
    bodies: dict[str, tuple[str, int]]
    dice: random.Random
    now: datetime
    number: int = 0
    cases: dict[str, Row] = field(default_factory=dict)
    example: dict[str, str] = field(default_factory=dict)

    def run(self, messages: int) -> Made:
        outcomes = self._outcomes(messages)
        times = sorted(self._time() for _ in outcomes)
        weights = [1 / (n + 1) ** 0.9 for n in range(PARTNERS)]
        partners = self.dice.choices(range(PARTNERS), weights, k=len(outcomes))
        for (outcome, _), at, partner in zip(outcomes, times, partners, strict=True):
            self.out.settle(at)
            self.number += 1
            burst = partner == 0 and at > self.now - _BURST and outcome == "good"
            self._order(f"partner{partner:02d}", at, "burst" if burst else outcome)
        large = self._large(times[-1])
        for case in self.cases.values():
            self.out.add(CaseFile, **case)
        self.out.close()
        many = max((case for case in self.cases.values() if case["review"] == "new"), key=lambda c: c["id"])
        case_id = self.cases.get("partner00|in|mapping|burst", many)["id"]
        return Made(messages=sum(count for _, count in outcomes) + 1, large=large, case=case_id, **self.example)

    def _outcomes(self, messages: int) -> list[tuple[str, int]]:
        found, total = [], 1
        weights = [weight for _, weight, _ in _OUTCOMES]
        for name, _, count in _forever(self.dice, weights):
            if total >= messages:
                break
            found.append((name, count))
            total += count
        return found

    def _time(self) -> datetime:
        """Some instant of the last sixty days: more by day than by night, little at weekends."""
        while True:
            at = self.now - timedelta(seconds=self.dice.uniform(60, DAYS * 86_400))
            busy = (0.2 if at.weekday() > 4 else 1.0) * (1.0 if 7 <= at.hour < 19 else 0.25)
            if self.dice.random() < busy:
                return at

    def _id(self, at: datetime) -> str:
        value = int(at.timestamp() * 1000) << 80 | self.dice.getrandbits(76) | 0x7 << 76
        return str(uuid.UUID(int=value & ~(0x3 << 62) | 0x2 << 62))

    # -- one order -------------------------------------------------------------------------------------------

    def _order(self, partner: str, at: datetime, outcome: str) -> None:
        number = f"{4_500_000_000 + self.number}"
        if outcome == "noise":
            self._noise(partner, at)
            return
        state = {"rejected": "rejected", "held": "held", "burst": "held"}.get(outcome, "posted")
        body = "broken" if outcome == "rejected" else "order"
        carrier, document, interchange = self._in(partner, at, "order", "850", number, body, state)
        self._answer(partner, at, interchange)
        if state != "posted":
            rule = "burst" if outcome == "burst" else f"{outcome}-{at:%G%V}-{self.number % 3}"
            kind = "invalid" if outcome == "rejected" else "mapping"
            self._case(partner, "in", kind, rule, "document", document, at, f"850 {number} was {state}: PO103.")
            return
        if outcome == "good" and partner == "partner03":
            self._remember(partner, document, number, carrier)
        kinds = [("order_acknowledgment", "855", number), ("ship_notice", "856", f"SH{self.number:07d}")]
        kinds.append(("invoice", "810", f"INV{self.number:07d}"))
        for place, (kind, set_id, own) in enumerate(kinds if outcome == "good" else kinds[:1]):
            later = min(at + timedelta(minutes=(20, 140, 200)[place]), self.now)
            self._out(partner, later, kind, set_id, own, number, outcome)

    def _in(
        self, partner: str, at: datetime, kind: str, set_id: str, number: str | None, body: str, state: str
    ) -> tuple[Row, str, str]:
        carrier = self._transmission(partner, at, "in", body, processing="posted", control=self._control())
        document, interchange = self._document(carrier, partner, at, "in", kind, set_id, number, state)
        return carrier, document, interchange

    def _control(self) -> str:
        return f"{self.dice.randrange(1, 999_999_999):09d}"

    def _transmission(self, partner: str, at: datetime, direction: str, body: str, *, control: str, **more: Any) -> Row:
        digest, size = self.bodies[body]
        identity = self._id(at)
        name = f"{body.upper()}-{partner}-{control}.edi"
        row: Row = {
            "id": identity, "direction": direction, "transport": "as2" if self.number % 5 else "sftp",
            "partner": partner, "partner_version": 1, "transport_id": f"<{identity}@{partner}.example>",
            "wire_sha256": digest, "payload_sha256": digest, "size": size, "filename": name,
            "content_type": "application/edi-x12", "facts": '{"signed":true}', "created_at": _text(at),
            "standard": "x12-004010", "reason": "It went its way.", "mic_matched": True, **more,
        }  # fmt: skip
        self.out.add(Transmission, **row)
        subject = ("transmission", identity)
        self.out.event(at, "created", subject, "pipeline", "Stored.", data='{"delivery":"none"}')
        if direction == "in":
            self.out.moves(at, subject, "processing", "received", str(row.get("processing")))
        else:
            self.out.moves(at, subject, "delivery", "queued", "sending", str(row["delivery"]))
            for count in range(1, int(row["attempts"]) + 1):
                self.out.add(
                    Attempt, id=self._id(at), transmission_id=identity, number=count, started_at=_text(at),
                    ended_at=_text(at), outcome=row["delivery"], status=200, reason="The partner answered.",
                )  # fmt: skip
        return {**row, "control": control}

    def _document(
        self, carrier: Row, partner: str, at: datetime, way: str, kind: str, set_id: str, number: str | None,
        state: str, **more: Any,
    ) -> tuple[str, str]:  # fmt: skip
        interchange, document = str(uuid.UUID(int=self.dice.getrandbits(128))), self._random_id()
        ends = (f"ZZ:{partner.upper()}", _OURS)
        self.out.add(
            Interchange, id=interchange, transmission_id=carrier["id"], position=1, direction=way, partner=partner,
            sender=ends[way == "out"], receiver=ends[way == "in"], control=carrier["control"], version="00401",
            test=False, sha256=carrier["wire_sha256"], received_at=_text(at),
            verdict="rejected" if state == "rejected" else "accepted", ta1_code="000",
        )  # fmt: skip
        canonical = self.bodies["canonical"][0]
        values: Row = {
            "id": document, "direction": way, "kind": kind, "standard": "x12-004010", "set_id": set_id,
            "number": number, "business_key": number and f"{kind}|original|{number}", "owns_key": number is not None,
            "partner": partner, "partner_version": 1, "transmission_id": carrier["id"], "interchange_id": interchange,
            "group_code": "PO", "group_control": carrier["control"].lstrip("0")[-6:], "position": 1,
            "set_control": f"{self.dice.randrange(1, 400):04d}", "processing": state, "acknowledgement": "not_expected",
            "canonical_sha256": None if state == "rejected" or set_id == "997" else canonical,
            "map_identity": f"x12/004010/{set_id}", "schema_identity": "x12-004010", "software_version": "bench",
            "findings": _FINDINGS if state == "rejected" else "[]", "received_at": _text(at),
            "reason": f"{set_id} {number or ''} is {state}.", "currency": "USD" if number else None,
            "amount": f"{self.dice.randrange(100, 9_000_000) / 100:.2f}" if number else None, **more,
        }  # fmt: skip
        self.out.add(Document, **values)
        subject = ("document", document)
        self.out.event(
            at, "created", subject, "pipeline", "Found in its interchange.", data='{"processing":"identified"}'
        )
        self.out.moves(at, subject, "processing", "identified", "validated", state)
        return document, interchange

    def _random_id(self) -> str:
        return str(uuid.UUID(int=self.dice.getrandbits(128)))

    def _answer(self, partner: str, at: datetime, interchange: str) -> None:
        """Our 997: a transmission without a document."""
        control = self._control()
        more = {"delivery": "confirmed", "attempts": 1, "acknowledges_id": interchange}
        self._transmission(partner, at + timedelta(seconds=2), "out", "997", control=control, **more)

    def _out(self, partner: str, at: datetime, kind: str, set_id: str, number: str, order: str, outcome: str) -> None:
        failed = outcome == "failed"
        more = {"delivery": "failed" if failed else "confirmed", "attempts": 3 if failed else 1}
        carrier = self._transmission(partner, at, "out", set_id, control=self._control(), **more)
        waits = at > self.now - timedelta(hours=3)
        states = {"refused": "rejected", "silent": "overdue", "failed": "awaited"}
        state = states.get(outcome, "awaited" if waits else "accepted")
        answered = min(at + timedelta(minutes=self.dice.randrange(1, 90)), self.now)
        facts = {
            "acknowledgement": state, "acknowledgement_due_at": _text(at + timedelta(hours=24)),
            "acknowledged_at": None if state in ("awaited", "overdue") else _text(answered),
            "acknowledgement_detail": '["The partner refused it."]' if state == "rejected" else None,
        }  # fmt: skip
        document, _ = self._document(carrier, partner, at, "out", kind, set_id, number, "posted", **facts)
        self._keys(document, kind, order)
        title = f"{set_id} {number} has a problem."
        if failed:
            self._case(partner, "out", "delivery", f"{at:%G%V}", "transmission", carrier["id"], at, title)
        elif state in ("rejected", "overdue"):
            self._case(partner, "out", state, f"{set_id}-{at:%G%V}", "document", document, at, title)
        if state in ("accepted", "rejected"):
            self.out.moves(answered, ("document", document), "acknowledgement", "awaited", state)
            self._in(partner, answered, "functional_acknowledgment", "997", None, "997", "posted")

    def _keys(self, document: str, kind: str, order: str) -> None:
        if kind == "ship_notice":
            for carton in range(3):
                sscc = make_sscc(0, "0614141", self.number * 10 + carton)
                self.out.add(SearchKey, document_id=document, kind="sscc", value=sscc)
            self.out.add(SearchKey, document_id=document, kind="bill_of_lading", value=f"BOL{self.number:07d}")
        if kind in ("ship_notice", "invoice"):
            self.out.add(SearchKey, document_id=document, kind="order", value=order)

    def _noise(self, partner: str, at: datetime) -> None:
        row = self._transmission(partner, at, "in", "noise", processing="held", control=self._control())
        self._case(partner, "in", "parse", f"{at:%G%V}", "transmission", row["id"], at, "Nothing can be read.")

    def _large(self, at: datetime) -> str:
        carrier = self._transmission("partner01", at, "in", "large", processing="posted", control=self._control())
        return self._document(carrier, "partner01", at, "in", "order", "850", "4599999999", "posted")[0]

    def _remember(self, partner: str, document: str, number: str, carrier: Row) -> None:
        self.example = {
            "document": document, "number": number, "control": carrier["control"], "partner": partner,
            "message_id": carrier["transport_id"], "filename": carrier["filename"],
            "sscc": make_sscc(0, "0614141", self.number * 10 + 1),
        }  # fmt: skip

    def _case(
        self, partner: str, way: str, fault: str, rule: str, kind: str, subject: str, at: datetime, title: str
    ) -> None:
        key = f"{partner}|{way}|{fault}|{rule}"
        if key not in self.cases:
            is_open = at > self.now - _OPEN_FOR
            self.cases[key] = {
                "id": self._id(at), "fingerprint": key, "title": title, "fault": fault, "partner": partner,
                "review": "new" if is_open else "resolved", "opened_at": _text(at), "times_opened": 1,
                "closed_at": None if is_open else _text(at + timedelta(hours=5)), "suggestion": "Look at it.",
                "severity": "error", "whose_fault": "partner",
            }  # fmt: skip
            self.out.event(at, "created", ("case", self.cases[key]["id"]), "pipeline", title)
        case = self.cases[key]["id"]
        self.out.add(CaseMember, case_id=case, subject_type=kind, subject_id=subject, added_at=_text(at), detail=title)


def _forever(dice: random.Random, weights: list[int]) -> Iterator[tuple[str, int, int]]:
    while True:
        yield from dice.choices(_OUTCOMES, weights, k=1_000)
