"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_REFUSAL = "the ledger is append-only"
#: The ledger's events can be added only (gateway.store.ledger).
_GUARDS = {
    "sqlite": (
        f"CREATE TRIGGER event_no_update BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END",
        f"CREATE TRIGGER event_no_delete BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END",
    ),
    "postgresql": (
        "CREATE FUNCTION event_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$",
        "CREATE TRIGGER event_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON event "
        "FOR EACH STATEMENT EXECUTE FUNCTION event_refuse()",
    ),
}


def upgrade() -> None:
    """Make every table of the first release."""
    op.create_table(
        "case_file",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("fault", sa.Text(), nullable=False),
        sa.Column("partner", sa.Text(), nullable=True),
        sa.Column("review", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("times_opened", sa.Integer(), nullable=False),
        sa.Column("assignee", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("suggestion", sa.Text(), nullable=False),
        sa.Column("whose_fault", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_file")),
    )
    op.create_index("ix_case_file_partner", "case_file", ["partner", "opened_at"], unique=False)
    op.create_index("ix_case_file_review", "case_file", ["review", "opened_at"], unique=False)
    op.create_index("uq_case_file_fingerprint", "case_file", ["fingerprint"], unique=True)
    op.create_table(
        "control_number",
        sa.Column("partner", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("test", sa.Boolean(), nullable=False),
        sa.Column("next", sa.BigInteger(), nullable=False),
        sa.Column("low", sa.BigInteger(), nullable=False),
        sa.Column("high", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("partner", "level", "scope", "test", name=op.f("pk_control_number")),
    )
    op.create_table(
        "event",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject_type", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("axis", sa.Text(), nullable=True),
        sa.Column("old", sa.Text(), nullable=True),
        sa.Column("new", sa.Text(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=True),
        sa.Column("prev_hash", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_event")),
    )
    op.create_index("ix_event_subject", "event", ["subject_type", "subject_id", "seq"], unique=False)
    op.create_table(
        "job",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), server_default="ready", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("token", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_job_lane",
        "job",
        ["lane", "id"],
        unique=False,
        sqlite_where=sa.text("status IN ('ready', 'running')"),
        postgresql_where=sa.text("status IN ('ready', 'running')"),
    )
    op.create_index("ix_job_status", "job", ["status", "id"], unique=False)
    op.create_index(
        "uq_job_ready",
        "job",
        ["task", "key"],
        unique=True,
        sqlite_where=sa.text("status = 'ready'"),
        postgresql_where=sa.text("status = 'ready'"),
    )
    op.create_table(
        "ledger_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_head")),
    )
    op.create_table(
        "partner",
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("current_version", sa.Integer(), nullable=False),
        sa.Column("next_seq", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_partner")),
    )
    op.create_table(
        "payload",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("path", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(body IS NULL) <> (path IS NULL)", name=op.f("ck_payload_one_place")),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_payload")),
    )
    op.create_table(
        "secret",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("kek_id", sa.Text(), nullable=False),
        sa.Column("nonce", sa.LargeBinary(), nullable=False),
        sa.Column("ciphertext", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("not_after", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_secret")),
    )
    op.create_table(
        "case_member",
        sa.Column("case_id", sa.Text(), nullable=False),
        sa.Column("subject_type", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name=op.f("fk_case_member_case_id_case_file")),
        sa.PrimaryKeyConstraint("case_id", "subject_type", "subject_id", name=op.f("pk_case_member")),
    )
    op.create_index("ix_case_member_subject", "case_member", ["subject_type", "subject_id"], unique=False)
    op.create_table(
        "partner_id",
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("value", sa.String(length=128), nullable=False),
        sa.Column("partner", sa.String(length=40), nullable=False),
        sa.Column("ours", sa.String(length=128), nullable=True),
        sa.ForeignKeyConstraint(["partner"], ["partner.code"], name=op.f("fk_partner_id_partner_partner")),
        sa.PrimaryKeyConstraint("kind", "value", "partner", name=op.f("pk_partner_id")),
    )
    op.create_index("ix_partner_id_partner", "partner_id", ["partner"], unique=False)
    op.create_index(
        "uq_partner_id_kind_value",
        "partner_id",
        ["kind", "value"],
        unique=True,
        sqlite_where=sa.text("kind <> 'gs'"),
        postgresql_where=sa.text("kind <> 'gs'"),
    )
    op.create_table(
        "partner_version",
        sa.Column("partner", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("profile_json", sa.Text(), nullable=False),
        sa.Column("author", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.CheckConstraint("version >= 1", name=op.f("ck_partner_version_version")),
        sa.ForeignKeyConstraint(
            ["partner"], ["partner.code"], name=op.f("fk_partner_version_partner_partner")
        ),
        sa.PrimaryKeyConstraint("partner", "version", name=op.f("pk_partner_version")),
    )
    op.create_table(
        "transmission",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("transport", sa.Text(), nullable=False),
        sa.Column("partner", sa.Text(), nullable=True),
        sa.Column("partner_version", sa.Integer(), nullable=True),
        sa.Column("transport_id", sa.Text(), nullable=True),
        sa.Column("wire_sha256", sa.Text(), nullable=False),
        sa.Column("payload_sha256", sa.Text(), nullable=True),
        sa.Column("wire_payload_sha256", sa.Text(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("filename", sa.Text(), nullable=True),
        sa.Column("content_type", sa.Text(), nullable=True),
        sa.Column("facts", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("processing", sa.Text(), nullable=True),
        sa.Column("delivery", sa.Text(), nullable=False),
        sa.Column("answer_status", sa.Integer(), nullable=True),
        sa.Column("answer_headers", sa.Text(), nullable=True),
        sa.Column("answer_payload_sha256", sa.Text(), nullable=True),
        sa.Column("answer_disposition", sa.Text(), nullable=True),
        sa.Column("mic", sa.Text(), nullable=True),
        sa.Column("mic_algorithm", sa.Text(), nullable=True),
        sa.Column("mic_matched", sa.Boolean(), nullable=True),
        sa.Column("mdn_signed", sa.Boolean(), nullable=True),
        sa.Column("parent_id", sa.Text(), nullable=True),
        sa.Column("sequence", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("given_up_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("wire_headers", sa.Text(), nullable=True),
        sa.Column("mics", sa.Text(), nullable=True),
        sa.Column("acknowledges_id", sa.Text(), nullable=True),
        sa.Column("standard", sa.Text(), nullable=True),
        sa.Column("test", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["answer_payload_sha256"],
            ["payload.sha256"],
            name=op.f("fk_transmission_answer_payload_sha256_payload"),
        ),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["transmission.id"], name=op.f("fk_transmission_parent_id_transmission")
        ),
        sa.ForeignKeyConstraint(
            ["payload_sha256"], ["payload.sha256"], name=op.f("fk_transmission_payload_sha256_payload")
        ),
        sa.ForeignKeyConstraint(
            ["wire_payload_sha256"],
            ["payload.sha256"],
            name=op.f("fk_transmission_wire_payload_sha256_payload"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transmission")),
    )
    op.create_index("ix_transmission_acknowledges", "transmission", ["acknowledges_id"], unique=False)
    op.create_index("ix_transmission_created", "transmission", ["created_at", "id"], unique=False)
    op.create_index("ix_transmission_due", "transmission", ["delivery", "next_attempt_at"], unique=False)
    op.create_index("ix_transmission_order", "transmission", ["partner", "sequence"], unique=False)
    op.create_index("ix_transmission_parent", "transmission", ["parent_id"], unique=False)
    op.create_index("ix_transmission_processing", "transmission", ["processing", "created_at"], unique=False)
    op.create_index("ix_transmission_transport_id", "transmission", ["transport_id"], unique=False)
    op.create_index(
        "uq_transmission_identity",
        "transmission",
        ["partner", "direction", "transport", "transport_id"],
        unique=True,
        sqlite_where=sa.text("transport_id IS NOT NULL"),
        postgresql_where=sa.text("transport_id IS NOT NULL"),
    )
    op.create_table(
        "attempt",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("transmission_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["transmission_id"], ["transmission.id"], name=op.f("fk_attempt_transmission_id_transmission")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempt")),
    )
    op.create_index("ix_attempt_open", "attempt", ["outcome", "started_at"], unique=False)
    op.create_index("uq_attempt_number", "attempt", ["transmission_id", "number"], unique=True)
    op.create_table(
        "interchange",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("transmission_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("partner", sa.Text(), nullable=True),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("receiver", sa.Text(), nullable=False),
        sa.Column("control", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("test", sa.Boolean(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("ta1_code", sa.Text(), nullable=True),
        sa.Column("acknowledgement_transmission_id", sa.Text(), nullable=True),
        sa.Column("findings", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["acknowledgement_transmission_id"],
            ["transmission.id"],
            name=op.f("fk_interchange_acknowledgement_transmission_id_transmission"),
        ),
        sa.ForeignKeyConstraint(
            ["transmission_id"], ["transmission.id"], name=op.f("fk_interchange_transmission_id_transmission")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_interchange")),
    )
    op.create_index(
        "ix_interchange_acknowledgement", "interchange", ["acknowledgement_transmission_id"], unique=False
    )
    op.create_index(
        "ix_interchange_control",
        "interchange",
        ["sender", "receiver", "test", "control", "direction"],
        unique=False,
    )
    op.create_index(
        "ix_interchange_transmission", "interchange", ["transmission_id", "position"], unique=False
    )
    op.create_table(
        "document",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("standard", sa.Text(), nullable=False),
        sa.Column("set_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("business_key", sa.Text(), nullable=True),
        sa.Column("owns_key", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("partner", sa.Text(), nullable=True),
        sa.Column("partner_version", sa.Integer(), nullable=True),
        sa.Column("transmission_id", sa.Text(), nullable=True),
        sa.Column("interchange_id", sa.Text(), nullable=True),
        sa.Column("group_code", sa.Text(), nullable=True),
        sa.Column("group_control", sa.Text(), nullable=True),
        sa.Column("set_control", sa.Text(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("processing", sa.Text(), nullable=False),
        sa.Column("acknowledgement", sa.Text(), nullable=False),
        sa.Column("acknowledgement_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledgement_detail", sa.Text(), nullable=True),
        sa.Column("canonical_sha256", sa.Text(), nullable=True),
        sa.Column("source_sha256", sa.Text(), nullable=True),
        sa.Column("map_identity", sa.Text(), nullable=True),
        sa.Column("schema_identity", sa.Text(), nullable=True),
        sa.Column("software_version", sa.Text(), nullable=True),
        sa.Column("findings", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("parent_id", sa.Text(), nullable=True),
        sa.Column("related", sa.Text(), nullable=True),
        sa.Column("test", sa.Boolean(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("posted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("post_reference", sa.Text(), nullable=True),
        sa.Column("amount", sa.Text(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["canonical_sha256"], ["payload.sha256"], name=op.f("fk_document_canonical_sha256_payload")
        ),
        sa.ForeignKeyConstraint(
            ["interchange_id"], ["interchange.id"], name=op.f("fk_document_interchange_id_interchange")
        ),
        sa.ForeignKeyConstraint(["parent_id"], ["document.id"], name=op.f("fk_document_parent_id_document")),
        sa.ForeignKeyConstraint(
            ["source_sha256"], ["payload.sha256"], name=op.f("fk_document_source_sha256_payload")
        ),
        sa.ForeignKeyConstraint(
            ["transmission_id"], ["transmission.id"], name=op.f("fk_document_transmission_id_transmission")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document")),
    )
    op.create_index(
        "ix_document_acknowledgement", "document", ["acknowledgement", "acknowledgement_due_at"], unique=False
    )
    op.create_index(
        "ix_document_control",
        "document",
        ["partner", "direction", "group_control", "set_control"],
        unique=False,
    )
    op.create_index("ix_document_interchange", "document", ["interchange_id"], unique=False)
    op.create_index("ix_document_key", "document", ["partner", "direction", "business_key"], unique=False)
    op.create_index("ix_document_number", "document", ["number"], unique=False)
    op.create_index("ix_document_parent", "document", ["parent_id"], unique=False)
    op.create_index("ix_document_processing", "document", ["processing", "received_at"], unique=False)
    op.create_index("ix_document_received", "document", ["received_at", "id"], unique=False)
    op.create_index("ix_document_transmission", "document", ["transmission_id"], unique=False)
    op.create_index(
        "uq_document_business_key",
        "document",
        ["partner", "direction", "business_key"],
        unique=True,
        sqlite_where=sa.text("owns_key AND business_key IS NOT NULL"),
        postgresql_where=sa.text("owns_key AND business_key IS NOT NULL"),
    )
    for statement in _GUARDS.get(op.get_bind().dialect.name, ()):
        op.execute(statement)
