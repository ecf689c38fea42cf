"""What the lists of the staff pages need: saved views, search keys, notes on messages, and the indexes behind filters and search."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

#: Index → (table, its columns).
_INDEXES: dict[str, tuple[str, list[str]]] = {
    "ix_transmission_partner": ("transmission", ["partner", "created_at", "id"]),
    "ix_transmission_delivery": ("transmission", ["delivery", "created_at", "id"]),
    "ix_transmission_filename": ("transmission", ["filename"]),
    "ix_interchange_number": ("interchange", ["control"]),
    "ix_document_partner": ("document", ["partner", "received_at", "id"]),
    "ix_document_kind": ("document", ["kind", "received_at", "id"]),
    "ix_document_processing": ("document", ["processing", "received_at", "direction"]),
    "ix_document_answer": ("document", ["acknowledgement", "received_at", "id"]),
    "ix_document_set_control": ("document", ["set_control", "received_at"]),
    "ix_document_group_control": ("document", ["group_control", "received_at"]),
    "ix_case_member_added": ("case_member", ["case_id", "added_at", "subject_id"]),
}


def upgrade() -> None:
    """Add the three tables and the indexes."""
    op.drop_index("ix_document_processing", table_name="document")
    for name, (table, columns) in _INDEXES.items():
        op.create_index(name, table, columns, unique=False)
    op.create_table(
        "search_key",
        sa.Column("document_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_search_key_document_id_document")),
        sa.PrimaryKeyConstraint("document_id", "kind", "value", name=op.f("pk_search_key")),
    )
    op.create_index("ix_search_key_value", "search_key", ["value", "document_id"], unique=False)
    op.create_table(
        "saved_view",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("shared", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_view")),
    )
    op.create_index("uq_saved_view_name", "saved_view", ["owner", "name"], unique=True)
    op.create_index("ix_saved_view_shared", "saved_view", ["shared"], unique=False)
    op.create_table(
        "message_note",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("subject_type", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message_note")),
    )
    op.create_index("ix_message_note_subject", "message_note", ["subject_id", "at"], unique=False)
