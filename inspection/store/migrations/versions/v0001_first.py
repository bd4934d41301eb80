"""The first schema."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Written out here, not imported from ``schema``: this step stays as it was released.
_TIME = sa.BigInteger().with_variant(TIMESTAMP(timezone=True), "postgresql")
_SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("sequence", _SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_audit"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_subject_sequence", "audit", ["subject", "sequence"], unique=False)
    op.create_index("ix_audit_who_sequence", "audit", ["who", "sequence"], unique=False)
    op.create_table(
        "heartbeat",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("beat_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_heartbeat"),
    )
    op.create_table(
        "inspections",
        sa.Column("sequence", _SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("result_id", sa.String(length=26), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("captured_at", _TIME, nullable=True),
        sa.Column("station", sa.Text(), nullable=False),
        sa.Column("view", sa.Text(), nullable=True),
        sa.Column("part_id", sa.Text(), nullable=True),
        sa.Column("pair_id", sa.Text(), nullable=True),
        sa.Column("foot", sa.String(length=5), nullable=True),
        sa.Column("lot_id", sa.Text(), nullable=True),
        sa.Column("style", sa.Text(), nullable=True),
        sa.Column("size", sa.Text(), nullable=True),
        sa.Column("recipe", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=True),
        sa.Column("photo_sha256", sa.String(length=64), nullable=False),
        sa.Column("surface_ref", sa.Text(), nullable=True),
        sa.Column("grade", sa.String(length=8), nullable=False),
        sa.Column("disposition", sa.String(length=8), nullable=False),
        sa.Column("reviewed", sa.Boolean(), nullable=False),
        sa.Column("review_revision", sa.Integer(), nullable=False),
        sa.Column("reviewed_grade", sa.String(length=8), nullable=True),
        sa.PrimaryKeyConstraint("sequence", name="pk_inspections"),
        sa.UniqueConstraint("result_id", name="uq_inspections_result_id"),
        sa.UniqueConstraint("station", "idempotency_key", name="uq_inspections_station_idempotency_key"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_inspections_created_at_sequence", "inspections", ["created_at", "sequence"], unique=False
    )
    op.create_index(
        "ix_inspections_grade_created_at_sequence",
        "inspections",
        ["grade", "created_at", "sequence"],
        unique=False,
    )
    op.create_index(
        "ix_inspections_lot_id_created_at_sequence",
        "inspections",
        ["lot_id", "created_at", "sequence"],
        unique=False,
    )
    op.create_index(
        "ix_inspections_part_id_created_at_sequence",
        "inspections",
        ["part_id", "created_at", "sequence"],
        unique=False,
    )
    op.create_index(
        "ix_inspections_reviewed_created_at_sequence",
        "inspections",
        ["reviewed", "created_at", "sequence"],
        unique=False,
    )
    op.create_index(
        "ix_inspections_station_created_at_sequence",
        "inspections",
        ["station", "created_at", "sequence"],
        unique=False,
    )
    op.create_index(
        "ix_inspections_style_created_at_sequence",
        "inspections",
        ["style", "created_at", "sequence"],
        unique=False,
    )
    op.create_index(
        "ix_inspections_view_created_at_sequence",
        "inspections",
        ["view", "created_at", "sequence"],
        unique=False,
    )
    op.create_table(
        "login_failures",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_login_failures"),
    )
    op.create_index("ix_login_failures_last_at", "login_failures", ["last_at"], unique=False)
    op.create_table(
        "stations",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("disabled_at", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_stations"),
    )
    op.create_table(
        "users",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("disabled_at", _TIME, nullable=True),
        sa.Column("last_login_at", _TIME, nullable=True),
        sa.CheckConstraint("role in ('viewer', 'inspector', 'engineer', 'admin')", name="ck_users_role"),
        sa.PrimaryKeyConstraint("name", name="pk_users"),
    )
    op.create_table(
        "api_keys",
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("secret_sha256", sa.String(length=64), nullable=False),
        sa.Column("station", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("revoked_at", _TIME, nullable=True),
        sa.Column("last_used_at", _TIME, nullable=True),
        sa.ForeignKeyConstraint(["station"], ["stations.name"], name="fk_api_keys_station"),
        sa.PrimaryKeyConstraint("key_id", name="pk_api_keys"),
    )
    op.create_index("ix_api_keys_station", "api_keys", ["station"], unique=False)
    op.create_table(
        "documents",
        sa.Column("sequence", _SEQUENCE, autoincrement=False, nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["sequence"], ["inspections.sequence"], name="fk_documents_sequence"),
        sa.PrimaryKeyConstraint("sequence", name="pk_documents"),
    )
    op.create_table(
        "inspection_kinds",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("sequence", _SEQUENCE, autoincrement=False, nullable=False),
        sa.Column("grade", sa.String(length=8), nullable=False),
        sa.ForeignKeyConstraint(["sequence"], ["inspections.sequence"], name="fk_inspection_kinds_sequence"),
        sa.PrimaryKeyConstraint("kind", "created_at", "sequence", name="pk_inspection_kinds"),
    )
    op.create_index(
        "ix_inspection_kinds_kind_grade_created_at_sequence",
        "inspection_kinds",
        ["kind", "grade", "created_at", "sequence"],
        unique=False,
    )
    op.create_index("ix_inspection_kinds_sequence", "inspection_kinds", ["sequence"], unique=False)
    op.create_table(
        "reviews",
        sa.Column("sequence", _SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("result_id", sa.String(length=26), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("decision", sa.String(length=8), nullable=False),
        sa.Column("grade", sa.String(length=8), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("reviewer", sa.Text(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(["result_id"], ["inspections.result_id"], name="fk_reviews_result_id"),
        sa.PrimaryKeyConstraint("sequence", name="pk_reviews"),
        sa.UniqueConstraint("result_id", "revision", name="uq_reviews_result_id_revision"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "sessions",
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("user_name", sa.Text(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(["user_name"], ["users.name"], name="fk_sessions_user_name"),
        sa.PrimaryKeyConstraint("token_sha256", name="pk_sessions"),
    )
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"], unique=False)
    op.create_index("ix_sessions_user_name", "sessions", ["user_name"], unique=False)

    for table in ("audit", "reviews"):
        _append_only(table)


def _append_only(table: str) -> None:
    """Let the database itself refuse to change what was said."""
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("update", "delete"):
            op.execute(
                f"create trigger {table}_no_{verb} before {verb} on {table} "
                f"begin select raise(abort, '{table} is append-only'); end"
            )
        return
    op.execute(
        f"create function {table}_is_append_only() returns trigger language plpgsql as "
        f"$$ begin raise exception '{table} is append-only'; end $$"
    )
    op.execute(
        f"create trigger {table}_no_change before update or delete or truncate on {table} "
        f"for each statement execute function {table}_is_append_only()"
    )
