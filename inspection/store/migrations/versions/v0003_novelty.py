"""What views were taught, and the teachings under way."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# Written out here, not imported from ``schema``: this step stays as it was released.
_TIME = sa.BigInteger().with_variant(TIMESTAMP(timezone=True), "postgresql")
_SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "novelty_banks",
        sa.Column("sequence", _SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("recipe", sa.Text(), nullable=False),
        sa.Column("view", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("bank_sha256", sa.String(length=64), nullable=True),
        sa.Column("model_sha256", sa.String(length=64), nullable=True),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("made_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_novelty_banks"),
        sa.UniqueConstraint("recipe", "view", "version", name="uq_novelty_banks_recipe_view_version"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "teachings",
        sa.Column("teaching_id", sa.String(length=26), nullable=False),
        sa.Column("recipe", sa.Text(), nullable=False),
        sa.Column("view", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("progress", sa.Integer(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("started_by", sa.Text(), nullable=False),
        sa.Column("started_at", _TIME, nullable=False),
        sa.Column("seen_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("teaching_id", name="pk_teachings"),
    )
    op.create_index(
        "ix_teachings_recipe_view_started_at", "teachings", ["recipe", "view", "started_at"], unique=False
    )
