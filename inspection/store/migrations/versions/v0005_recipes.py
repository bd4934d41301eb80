"""Recipes in versions, what is in force, and what each station works on."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# Written out here, not imported from ``schema``: this step stays as it was released.
_TIME = sa.BigInteger().with_variant(TIMESTAMP(timezone=True), "postgresql")
_SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "recipe_versions",
        sa.Column("sequence", _SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("style", sa.Text(), nullable=True),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_recipe_versions"),
        sa.UniqueConstraint("name", "version", name="uq_recipe_versions_name_version"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "recipe_activations",
        sa.Column("sequence", _SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_recipe_activations"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_recipe_activations_name_sequence", "recipe_activations", ["name", "sequence"], unique=False
    )
    op.create_table(
        "station_recipes",
        sa.Column("station", sa.Text(), nullable=False),
        sa.Column("recipe", sa.Text(), nullable=False),
        sa.Column("style", sa.Text(), nullable=True),
        sa.Column("set_at", _TIME, nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["station"], ["stations.name"], name="fk_station_recipes_station"),
        sa.PrimaryKeyConstraint("station", name="pk_station_recipes"),
    )
    _append_only("recipe_versions")
    _append_only("recipe_activations")


def _append_only(table: str) -> None:
    """Let the database itself refuse to change what judged results."""
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
