"""Lots, what was wrong with each result, and pairs found by their id."""

import json

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# Written out here, not imported from ``schema``: this step stays as it was released.
_TIME = sa.BigInteger().with_variant(TIMESTAMP(timezone=True), "postgresql")
_SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_BATCH = 500  # documents read at once: some MB


def upgrade() -> None:
    op.create_index(
        "ix_inspections_pair_id_created_at_sequence",
        "inspections",
        ["pair_id", "created_at", "sequence"],
        unique=False,
    )
    op.create_table(
        "faults",
        sa.Column("sequence", _SEQUENCE, autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("severity", sa.String(length=8), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("found", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["sequence"], ["inspections.sequence"], name="fk_faults_sequence"),
        sa.PrimaryKeyConstraint("sequence", "kind", "zone", "severity", name="pk_faults"),
    )
    op.create_index("ix_faults_created_at_sequence", "faults", ["created_at", "sequence"], unique=False)
    op.create_table(
        "lots",
        sa.Column("number", _SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("lot_id", sa.Text(), nullable=False),
        sa.Column("product", sa.Text(), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("unit", sa.String(length=8), nullable=False),
        sa.Column("mode", sa.String(length=8), nullable=False),
        sa.Column("scheme", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("resubmitted", sa.Boolean(), nullable=False),
        sa.Column("opened_at", _TIME, nullable=False),
        sa.Column("opened_by", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("decision", sa.String(length=8), nullable=True),
        sa.PrimaryKeyConstraint("number", name="pk_lots"),
        sa.UniqueConstraint("lot_id", name="uq_lots_lot_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_lots_opened_at_number", "lots", ["opened_at", "number"], unique=False)
    op.create_index(
        "ix_lots_decision_opened_at_number", "lots", ["decision", "opened_at", "number"], unique=False
    )
    op.create_index("ix_lots_product_line_number", "lots", ["product", "line", "number"], unique=False)
    op.create_table(
        "lot_events",
        sa.Column("sequence", _SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("event", sa.String(length=16), nullable=False),
        sa.Column("product", sa.Text(), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("lot", _SEQUENCE, nullable=True),
        sa.Column("details", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["lot"], ["lots.number"], name="fk_lot_events_lot"),
        sa.PrimaryKeyConstraint("sequence", name="pk_lot_events"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_lot_events_product_line_sequence", "lot_events", ["product", "line", "sequence"], unique=False
    )
    op.create_index("ix_lot_events_lot_sequence", "lot_events", ["lot", "sequence"], unique=False)
    _append_only("lot_events")
    _count_faults()


def _count_faults() -> None:
    """Read what was wrong out of the documents that are stored already."""
    connection = op.get_bind()
    query = sa.text(
        "select i.sequence, i.created_at, d.document from inspections i "
        "join documents d on d.sequence = i.sequence "
        "where i.sequence > :after order by i.sequence limit :batch"
    )
    insert = sa.text(
        "insert into faults (sequence, kind, zone, severity, created_at, found) "
        "values (:sequence, :kind, :zone, :severity, :created_at, :found)"
    )
    after = 0
    while rows := connection.execute(query, {"after": after, "batch": _BATCH}).all():
        after = rows[-1].sequence
        found: dict[tuple[object, ...], int] = {}
        for row in rows:
            verdict = json.loads(row.document).get("verdict") or {}
            for reason in verdict.get("reasons", ()):
                if reason.get("severity") and reason.get("grade") != "recheck" and reason.get("kind"):
                    key = (
                        row.sequence,
                        row.created_at,
                        reason["kind"],
                        reason.get("zone") or "",
                        reason["severity"],
                    )
                    found[key] = found.get(key, 0) + 1
        if found:
            connection.execute(
                insert,
                [
                    {
                        "sequence": sequence,
                        "created_at": created_at,
                        "kind": kind,
                        "zone": zone,
                        "severity": severity,
                        "found": count,
                    }
                    for (sequence, created_at, kind, zone, severity), count in found.items()
                ],
            )


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
