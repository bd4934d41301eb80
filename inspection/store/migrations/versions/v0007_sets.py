"""What holds for a shoe or a pair as a whole."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "set_verdicts",
        sa.Column("sequence", _SEQUENCE, autoincrement=False, nullable=False),
        sa.Column("scope", sa.String(length=8), nullable=False),
        sa.Column("grade", sa.String(length=8), nullable=False),
        sa.Column("critical", sa.Integer(), nullable=False),
        sa.Column("major", sa.Integer(), nullable=False),
        sa.Column("minor", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["sequence"], ["inspections.sequence"], name="fk_set_verdicts_sequence"),
        sa.PrimaryKeyConstraint("sequence", "scope", name="pk_set_verdicts"),
    )
