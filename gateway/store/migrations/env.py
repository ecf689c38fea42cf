"""Alembic's entry: runs the revisions on the connection, and in the transaction, of the caller."""

from __future__ import annotations

from alembic import context

_attributes = context.config.attributes
context.configure(
    connection=_attributes["connection"],
    target_metadata=_attributes.get("target_metadata"),
    render_as_batch=True,
    compare_type=True,
    compare_server_default=True,
)
context.run_migrations()
