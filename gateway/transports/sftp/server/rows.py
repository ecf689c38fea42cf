"""The rows of mailbox files and the statements that read and change them, each built once: they run for every file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, cast

from sqlalchemy import Integer, Table, Text, bindparam, delete, insert, select, update
from sqlalchemy.orm import Session

from gateway.store.base import UtcDateTime
from gateway.store.payloads import Payload
from gateway.store.prepared import Prepared
from gateway.transports.sftp.models import MailboxFile
from gateway.transports.sftp.server.entries import Entry, FileState
from gateway.transports.sftp.server.tree import OUTBOX

__all__ = [
    "BODY",
    "BY_NAME",
    "COLLECT",
    "COLLECTED",
    "LISTED",
    "MOVE",
    "NAMED",
    "add",
    "entry_of",
    "remove",
    "replace_others",
]

_TABLE = cast("Table", MailboxFile.__table__)
_PAYLOAD = cast("Table", Payload.__table__)
_COLUMNS = [_TABLE.c[field.name] for field in fields(Entry)]


def _given(name: str) -> Any:
    return bindparam(name, type_=Text)


_PLACE = (_TABLE.c.partner == _given("partner"), _TABLE.c.folder == _given("folder"), _TABLE.c.name == _given("name"))
#: The file with a name in a folder of a partner.
BY_NAME = Prepared(select(*_COLUMNS).where(*_PLACE))
#: The files of a folder by name.
LISTED = Prepared(
    select(*_COLUMNS)
    .where(_TABLE.c.partner == _given("partner"), _TABLE.c.folder == _given("folder"))
    .order_by(_TABLE.c.name)
    .limit(bindparam("most", type_=Integer))
)
#: Its id only.
NAMED = Prepared(select(_TABLE.c.id).where(*_PLACE))
#: The bytes of a payload, or the place of its file.
BODY = Prepared(select(_PAYLOAD.c.body, _PAYLOAD.c.path).where(_PAYLOAD.c.sha256 == _given("sha256")))
#: An offered file becomes a collected one, once: partner and transmission when it did.
COLLECT = Prepared(
    update(_TABLE)
    .where(_TABLE.c.id == _given("entry"), _TABLE.c.state == FileState.AVAILABLE.value)
    .values(state=FileState.COLLECTED.value, changed_at=bindparam("now", type_=UtcDateTime()))
    .returning(_TABLE.c.partner, _TABLE.c.transmission_id)
)
#: A collected file that is still in the outbox.
COLLECTED = Prepared(
    select(_TABLE.c.partner, _TABLE.c.name, _TABLE.c.changed_at).where(
        _TABLE.c.id == _given("entry"),
        _TABLE.c.state == FileState.COLLECTED.value,
        _TABLE.c.folder == OUTBOX,
    )
)
#: Another folder and name for a file.
MOVE = Prepared(
    update(_TABLE).where(_TABLE.c.id == _given("entry")).values(folder=_given("new_folder"), name=_given("new_name"))
)
_OTHERS = Prepared(select(_TABLE.c.id).where(*_PLACE, _TABLE.c.id != _given("id")))
_REMOVE = Prepared(delete(_TABLE).where(_TABLE.c.id == _given("entry")))
_ADD = Prepared(insert(_TABLE), columns=tuple(column.name for column in _COLUMNS))


def entry_of(row: Any) -> Entry:
    """The entry of a row, read as a model or as columns."""
    return Entry(
        id=row.id,
        partner=row.partner,
        folder=row.folder,
        name=row.name,
        state=FileState(row.state),
        size=row.size,
        created_at=row.created_at,
        changed_at=row.changed_at,
        sha256=row.sha256,
        payload_sha256=row.payload_sha256,
        transmission_id=row.transmission_id,
        facts=row.facts,
    )


def add(session: Session, entry: Entry) -> None:
    """Store a new row. Raises IntegrityError when its id or its place is taken."""
    _ADD.change(session, _values(entry))


def remove(session: Session, entry_id: str) -> None:
    """Remove a row when it is there."""
    _REMOVE.change(session, {"entry": entry_id})


def replace_others(session: Session, entry: Entry) -> list[str]:
    """Store an entry in the place of whatever has its id or its name; the ids of other files that went for it."""
    values = _values(entry)
    others = [row.id for row in _OTHERS.all(session, values)]
    for gone in (*others, entry.id):
        remove(session, gone)
    _ADD.change(session, values)
    return others


def _values(entry: Entry) -> Mapping[str, Any]:
    """The columns of an entry."""
    values = {column.name: getattr(entry, column.name) for column in _COLUMNS}
    return {**values, "state": entry.state.value, "facts": None if entry.facts is None else dict(entry.facts)}
