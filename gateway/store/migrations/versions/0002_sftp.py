"""The tables of SFTP: mailbox files and files seen on partners' servers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add both tables."""
    op.create_table(
        "mailbox_file",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("partner", sa.Text(), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("payload_sha256", sa.Text(), nullable=True),
        sa.Column("transmission_id", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("alerted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("facts", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["payload_sha256"], ["payload.sha256"], name=op.f("fk_mailbox_file_payload_sha256_payload")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mailbox_file")),
    )
    op.create_index("uq_mailbox_file_name", "mailbox_file", ["partner", "folder", "name"], unique=True)
    op.create_index("uq_mailbox_file_transmission", "mailbox_file", ["transmission_id"], unique=True)
    op.create_index("ix_mailbox_file_state", "mailbox_file", ["state", "changed_at"], unique=False)
    op.create_table(
        "sftp_seen",
        sa.Column("partner", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("mtime", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("transmission_id", sa.Text(), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("partner", "path", "size", "mtime", name=op.f("pk_sftp_seen")),
    )
