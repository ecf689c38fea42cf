"""What retention needs: when and by which rule a payload's bytes were removed, and the indexes from a payload to its users."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

#: Index → (table, its columns, what its rows have).
_INDEXES: dict[str, tuple[str, list[str], str]] = {
    "ix_payload_kept": ("payload", ["created_at", "sha256"], "removed_at IS NULL"),
    "ix_transmission_payload": ("transmission", ["payload_sha256"], "payload_sha256 IS NOT NULL"),
    "ix_transmission_wire": ("transmission", ["wire_payload_sha256"], "wire_payload_sha256 IS NOT NULL"),
    "ix_transmission_receipt": ("transmission", ["answer_payload_sha256"], "answer_payload_sha256 IS NOT NULL"),
    "ix_document_canonical": ("document", ["canonical_sha256"], "canonical_sha256 IS NOT NULL"),
    "ix_document_source": ("document", ["source_sha256"], "source_sha256 IS NOT NULL"),
    "ix_correction_before": ("correction", ["before_sha256"], "before_sha256 IS NOT NULL"),
    "ix_correction_after": ("correction", ["after_sha256"], "after_sha256 IS NOT NULL"),
}


def upgrade() -> None:
    """Add two columns, which no row has to be written again for, and the indexes."""
    op.add_column("payload", sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("payload", sa.Column("removed_rule", sa.Text(), nullable=True))
    for name, (table, columns, rows) in _INDEXES.items():
        where = sa.text(rows)
        op.create_index(name, table, columns, unique=False, sqlite_where=where, postgresql_where=where)
