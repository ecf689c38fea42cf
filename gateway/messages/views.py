"""Saved views: filters of the message list that a person gave a name, for themselves or for everybody."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Index, Text, false, func, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from gateway.messages.ids import new_id
from gateway.store import ledger
from gateway.store.base import Base, UtcDateTime

__all__ = ["MOST_VIEWS", "SavedView", "ViewError", "delete_view", "rename_view", "save_view", "share_view", "views_for"]

#: Views that one person may have.
MOST_VIEWS = 30
_LONGEST_NAME = 60
_LONGEST_QUERY = 2_000


class ViewError(ValueError):
    """A view cannot be saved or changed; the text says why and what to do."""


class SavedView(Base):
    """One named set of filters."""

    __tablename__ = "saved_view"
    __table_args__ = (
        Index("uq_saved_view_name", "owner", "name", unique=True),
        Index("ix_saved_view_shared", "shared"),
    )

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    #: Login name of who made it.
    owner: Mapped[str] = mapped_column(Text)
    #: Unique among the owner's views.
    name: Mapped[str] = mapped_column(Text)
    #: The filters as the query of the address, in a fixed order.
    query: Mapped[str] = mapped_column(Text)
    #: True when everybody sees it.
    shared: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


def views_for(session: Session, owner: str) -> list[dict[str, Any]]:
    """A person's own views and the shared ones, by name: {"id", "name", "query", "shared", "owner", "own"}."""
    query = select(SavedView).where(or_(SavedView.owner == owner, SavedView.shared)).order_by(SavedView.name)
    return [
        {
            "id": row.id,
            "name": row.name,
            "query": row.query,
            "shared": row.shared,
            "owner": row.owner,
            "own": row.owner == owner,
        }
        for row in session.scalars(query)
    ]


def save_view(session: Session, *, owner: str, name: str, query: str, shared: bool, now: datetime) -> str:
    """Give filters a name; a view of the same name is replaced. Its id. Raises ViewError."""
    name = _name(name)
    if not query:
        raise ViewError("Nothing is filtered, so there is nothing to save: choose filters first.")
    if len(query) > _LONGEST_QUERY:
        raise ViewError("These filters are too long to be saved.")
    row = session.scalar(select(SavedView).where(SavedView.owner == owner, SavedView.name == name))
    if row is None:
        count = session.scalar(select(func.count()).select_from(SavedView).where(SavedView.owner == owner)) or 0
        if count >= MOST_VIEWS:
            raise ViewError(f"You have {MOST_VIEWS} views; delete one first.")
        row = SavedView(id=new_id(now), owner=owner, name=name, query=query, shared=shared, created_at=now)
        session.add(row)
    else:
        row.query, row.shared = query, shared
    session.flush()
    _note(session, row, "view-saved", owner, f'The view "{name}" shows {query}.', now)
    return row.id


def rename_view(session: Session, identity: str, *, actor: str, name: str, now: datetime) -> None:
    """Give a view of one's own another name. Raises ViewError."""
    row, name = _own(session, identity, actor), _name(name)
    taken = session.scalar(
        select(SavedView.id).where(SavedView.owner == actor, SavedView.name == name, SavedView.id != row.id)
    )
    if taken is not None:
        raise ViewError(f'You have a view called "{name}" already.')
    old, row.name = row.name, name
    _note(session, row, "view-renamed", actor, f'The view "{old}" is called "{name}" now.', now)


def share_view(session: Session, identity: str, *, actor: str, shared: bool, now: datetime) -> None:
    """Show a view of one's own to everybody, or no more. Raises ViewError."""
    row = _own(session, identity, actor)
    row.shared = shared
    _note(session, row, "view-shared", actor, f'The view "{row.name}" is {"" if shared else "not "}shared.', now)


def delete_view(session: Session, identity: str, *, actor: str, now: datetime) -> None:
    """Forget a view of one's own; the messages stay. Raises ViewError."""
    row = _own(session, identity, actor)
    _note(session, row, "view-deleted", actor, f'The view "{row.name}" was deleted.', now)
    session.delete(row)


def _own(session: Session, identity: str, actor: str) -> SavedView:
    row = session.get(SavedView, identity)
    if row is None or row.owner != actor:
        raise ViewError("There is no such view of yours.")
    return row


def _name(name: str) -> str:
    bare = " ".join(name.split())
    if not bare or len(bare) > _LONGEST_NAME:
        raise ViewError(f"A view needs a name of at most {_LONGEST_NAME} characters.")
    return bare


def _note(session: Session, row: SavedView, kind: str, actor: str, reason: str, now: datetime) -> None:
    ledger.append(session, at=now, kind=kind, subject_type="view", subject_id=row.id, actor=actor, reason=reason)
