"""Calibrations of stations and views, which one is in force, and how checks of them went."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_TIME = sa.BigInteger().with_variant(TIMESTAMP(timezone=True), "postgresql")
_SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "calibrations",
        sa.Column("sequence", _SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("calibration_id", sa.String(length=26), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("station", sa.Text(), nullable=False),
        sa.Column("view", sa.Text(), nullable=False),
        sa.Column("made_at", _TIME, nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("coverage_png", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["station"], ["stations.name"], name="fk_calibrations_station"),
        sa.PrimaryKeyConstraint("sequence", name="pk_calibrations"),
        sa.UniqueConstraint("calibration_id", name="uq_calibrations_calibration_id"),
        sa.UniqueConstraint("name", name="uq_calibrations_name"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_calibrations_station_view_sequence", "calibrations", ["station", "view", "sequence"], unique=False
    )
    op.create_table(
        "calibration_choices",
        sa.Column("sequence", _SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("station", sa.Text(), nullable=False),
        sa.Column("view", sa.Text(), nullable=False),
        sa.Column("calibration_id", sa.String(length=26), nullable=True),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["calibration_id"],
            ["calibrations.calibration_id"],
            name="fk_calibration_choices_calibration_id",
        ),
        sa.PrimaryKeyConstraint("sequence", name="pk_calibration_choices"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_calibration_choices_station_view_sequence",
        "calibration_choices",
        ["station", "view", "sequence"],
        unique=False,
    )
    op.create_table(
        "calibration_checks",
        sa.Column("sequence", _SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("calibration_id", sa.String(length=26), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("scale_error", sa.Double(), nullable=False),
        sa.Column("worst_mm", sa.Double(), nullable=False),
        sa.Column("holds", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["calibration_id"],
            ["calibrations.calibration_id"],
            name="fk_calibration_checks_calibration_id",
        ),
        sa.PrimaryKeyConstraint("sequence", name="pk_calibration_checks"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_calibration_checks_calibration_id_sequence",
        "calibration_checks",
        ["calibration_id", "sequence"],
        unique=False,
    )
