"""The tables, as SQLAlchemy knows them; ``migrations`` is how a database gets there, and a test compares the
two.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.types import TypeDecorator, TypeEngine

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class UtcTime(TypeDecorator[datetime]):
    """An aware moment to the microsecond.

    PostgreSQL keeps ``timestamptz``. SQLite has no type for it and gets microseconds since 1970 as an
    integer: a third of the size of text in each index. Read there with ``datetime(created_at / 1e6,
    'unixepoch')``.
    """

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(TIMESTAMP(timezone=True))
        return dialect.type_descriptor(BigInteger())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise TypeError(f"{value!r} has no zone")
        if dialect.name == "postgresql":
            return value.astimezone(UTC)
        return (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if isinstance(value, datetime):
            return value.astimezone(UTC)
        return _EPOCH + int(value) * _MICROSECOND


# SQLite numbers rows by itself only in a column that is declared INTEGER.
_Sequence = BigInteger().with_variant(Integer(), "sqlite")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

inspections = Table(
    "inspections",
    metadata,
    # Rows become visible in this order (see Lock.FEED), so "all above n" never misses one.
    Column("sequence", _Sequence, primary_key=True, autoincrement=True),
    Column("result_id", String(26), nullable=False, unique=True),
    Column("created_at", UtcTime, nullable=False),
    Column("captured_at", UtcTime),
    Column("station", Text, nullable=False),
    Column("view", Text),
    Column("part_id", Text),
    Column("pair_id", Text),
    Column("foot", String(5)),
    Column("lot_id", Text),
    Column("style", Text),
    Column("size", Text),
    Column("recipe", Text, nullable=False),
    Column("idempotency_key", Text),
    Column("photo_sha256", String(64), nullable=False),
    Column("surface_ref", Text),
    Column("grade", String(8), nullable=False),
    Column("disposition", String(8), nullable=False),
    # The state of its reviews, repeated here so that lists need not look for it.
    Column("reviewed", Boolean(create_constraint=False), nullable=False),
    Column("review_revision", Integer, nullable=False),
    Column("reviewed_grade", String(8)),
    UniqueConstraint("station", "idempotency_key"),
    # One index per filter, each in the order of the list, so that a page reads only its own rows.
    Index(None, "created_at", "sequence"),
    Index(None, "grade", "created_at", "sequence"),
    Index(None, "station", "created_at", "sequence"),
    Index(None, "style", "created_at", "sequence"),
    Index(None, "lot_id", "created_at", "sequence"),
    Index(None, "view", "created_at", "sequence"),
    Index(None, "part_id", "created_at", "sequence"),
    Index(None, "pair_id", "created_at", "sequence"),
    Index(None, "reviewed", "created_at", "sequence"),
    sqlite_autoincrement=True,
)

# Beside the rows that lists scan, because a document is twenty times their size.
documents = Table(
    "documents",
    metadata,
    Column("sequence", _Sequence, ForeignKey("inspections.sequence"), primary_key=True, autoincrement=False),
    Column("document", Text, nullable=False),
)

inspection_kinds = Table(
    "inspection_kinds",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("created_at", UtcTime, primary_key=True),
    Column("sequence", _Sequence, ForeignKey("inspections.sequence"), primary_key=True, autoincrement=False),
    # As given by the line, so it never changes: "C for a hole" is asked often and must not try every hole.
    Column("grade", String(8), nullable=False),
    Index(None, "kind", "grade", "created_at", "sequence"),
    Index(None, "sequence"),
)

# What was wrong, by kind, zone and severity: what lots, yields and Pareto charts count. Only faults that a
# rule was certain of; as given by the line, so it never changes.
faults = Table(
    "faults",
    metadata,
    Column("sequence", _Sequence, ForeignKey("inspections.sequence"), primary_key=True, autoincrement=False),
    Column("kind", Text, primary_key=True),
    Column("zone", Text, primary_key=True),
    Column("severity", String(8), primary_key=True),
    Column("created_at", UtcTime, nullable=False),
    Column("found", Integer, nullable=False),
    Index(None, "created_at", "sequence"),
)

# What a shoe or a pair is worth as a whole, beside its newest photo; no row where only its photos decide.
set_verdicts = Table(
    "set_verdicts",
    metadata,
    Column("sequence", _Sequence, ForeignKey("inspections.sequence"), primary_key=True, autoincrement=False),
    Column("scope", String(8), primary_key=True),
    Column("grade", String(8), nullable=False),
    Column("critical", Integer, nullable=False),
    Column("major", Integer, nullable=False),
    Column("minor", Integer, nullable=False),
)

lots = Table(
    "lots",
    metadata,
    Column("number", _Sequence, primary_key=True, autoincrement=True),
    Column("lot_id", Text, nullable=False, unique=True),
    Column("product", Text, nullable=False),
    Column("line", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("unit", String(8), nullable=False),
    Column("mode", String(8), nullable=False),
    # JSON of what was agreed, and of the plan that followed from it when the lot was opened.
    Column("scheme", Text, nullable=False),
    Column("plan", Text, nullable=False),
    Column("resubmitted", Boolean(create_constraint=False), nullable=False),
    Column("opened_at", UtcTime, nullable=False),
    Column("opened_by", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("decision", String(8)),
    Index(None, "opened_at", "number"),
    Index(None, "decision", "opened_at", "number"),
    Index(None, "product", "line", "number"),
    sqlite_autoincrement=True,
)

# Everything that was decided about lots, and declared about a product and line, in order: the switching rules
# are replayed from it.
lot_events = Table(
    "lot_events",
    metadata,
    Column("sequence", _Sequence, primary_key=True, autoincrement=True),
    Column("at", UtcTime, nullable=False),
    Column("who", Text, nullable=False),
    Column("event", String(16), nullable=False),
    Column("product", Text, nullable=False),
    Column("line", Text, nullable=False),
    Column("lot", _Sequence, ForeignKey("lots.number")),
    Column("details", Text, nullable=False),
    Index(None, "product", "line", "sequence"),
    Index(None, "lot", "sequence"),
    sqlite_autoincrement=True,
)

reviews = Table(
    "reviews",
    metadata,
    Column("sequence", _Sequence, primary_key=True, autoincrement=True),
    Column("result_id", String(26), ForeignKey("inspections.result_id"), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("decision", String(8), nullable=False),
    Column("grade", String(8), nullable=False),
    Column("comment", Text, nullable=False),
    Column("reviewer", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
    UniqueConstraint("result_id", "revision"),
    sqlite_autoincrement=True,
)

novelty_banks = Table(
    "novelty_banks",
    metadata,
    Column("sequence", _Sequence, primary_key=True, autoincrement=True),
    Column("recipe", Text, nullable=False),
    Column("view", Text, nullable=False),
    # Only ever added to: the highest version is in force, and going back adds a version like an older one.
    Column("version", Integer, nullable=False),
    # Of the bank's bytes, kept beside the photos; none: novelty is not judged.
    Column("bank_sha256", String(64)),
    Column("model_sha256", String(64)),
    # Limit, what is known of it, and the photos taught, as JSON.
    Column("details", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("made_at", UtcTime, nullable=False),
    UniqueConstraint("recipe", "view", "version"),
    sqlite_autoincrement=True,
)

teachings = Table(
    "teachings",
    metadata,
    Column("teaching_id", String(26), primary_key=True),
    Column("recipe", Text, nullable=False),
    Column("view", Text, nullable=False),
    Column("state", String(16), nullable=False),
    # Thousandths that are done.
    Column("progress", Integer, nullable=False),
    Column("details", Text, nullable=False),
    Column("started_by", Text, nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("seen_at", UtcTime, nullable=False),
    Index(None, "recipe", "view", "started_at"),
)

audit = Table(
    "audit",
    metadata,
    Column("sequence", _Sequence, primary_key=True, autoincrement=True),
    Column("at", UtcTime, nullable=False),
    Column("who", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("details", Text, nullable=False),
    Index(None, "subject", "sequence"),
    Index(None, "who", "sequence"),
    sqlite_autoincrement=True,
)

users = Table(
    "users",
    metadata,
    Column("name", Text, primary_key=True),
    Column("role", String(16), nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("disabled_at", UtcTime),
    Column("last_login_at", UtcTime),
    CheckConstraint("role in ('viewer', 'inspector', 'engineer', 'admin')", name="role"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("token_sha256", String(64), primary_key=True),
    Column("user_name", Text, ForeignKey("users.name"), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Index(None, "user_name"),
    Index(None, "expires_at"),
)

login_failures = Table(
    "login_failures",
    metadata,
    Column("name", Text, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("last_at", UtcTime, nullable=False),
    Index(None, "last_at"),
)

stations = Table(
    "stations",
    metadata,
    Column("name", Text, primary_key=True),
    Column("description", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("disabled_at", UtcTime),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("secret_sha256", String(64), nullable=False),
    Column("station", Text, ForeignKey("stations.name"), nullable=False),
    Column("note", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("revoked_at", UtcTime),
    Column("last_used_at", UtcTime),
    Index(None, "station"),
)

standard_editions = Table(
    "standard_editions",
    metadata,
    Column("sequence", _Sequence, primary_key=True, autoincrement=True),
    Column("standard_id", Text, nullable=False),
    Column("edition", Text, nullable=False),
    Column("content", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("added_at", UtcTime, nullable=False),
    Column("added_by", Text, nullable=False),
    Column("note", Text, nullable=False),
    UniqueConstraint("standard_id", "edition"),
    sqlite_autoincrement=True,
)

standard_activations = Table(
    "standard_activations",
    metadata,
    Column("sequence", _Sequence, primary_key=True, autoincrement=True),
    Column("standard_id", Text, nullable=False),
    # None is the edition of the service's files.
    Column("edition", Text),
    Column("at", UtcTime, nullable=False),
    Column("by", Text, nullable=False),
    Column("note", Text, nullable=False),
    Index(None, "standard_id", "sequence"),
    sqlite_autoincrement=True,
)

# Never changed: a version says for ever what it said, so results can be explained later.
recipe_versions = Table(
    "recipe_versions",
    metadata,
    Column("sequence", _Sequence, primary_key=True, autoincrement=True),
    Column("name", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("style", Text),
    Column("content", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("note", Text, nullable=False),
    UniqueConstraint("name", "version"),
    sqlite_autoincrement=True,
)

# What was in force when: the last row of a name holds; none as its version means withdrawn.
recipe_activations = Table(
    "recipe_activations",
    metadata,
    Column("sequence", _Sequence, primary_key=True, autoincrement=True),
    Column("name", Text, nullable=False),
    Column("version", Integer),
    Column("at", UtcTime, nullable=False),
    Column("by", Text, nullable=False),
    Column("note", Text, nullable=False),
    Index(None, "name", "sequence"),
    sqlite_autoincrement=True,
)

# What a station works on now, as its PLC says.
station_recipes = Table(
    "station_recipes",
    metadata,
    Column("station", Text, ForeignKey("stations.name"), primary_key=True),
    Column("recipe", Text, nullable=False),
    Column("style", Text),
    Column("set_at", UtcTime, nullable=False),
    Column("set_by", Text, nullable=False),
)

calibrations = Table(
    "calibrations",
    metadata,
    Column("sequence", _Sequence, primary_key=True, autoincrement=True),
    Column("calibration_id", String(26), nullable=False, unique=True),
    Column("name", Text, nullable=False, unique=True),
    Column("station", Text, ForeignKey("stations.name"), nullable=False),
    Column("view", Text, nullable=False),
    Column("made_at", UtcTime, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("content", Text, nullable=False),
    Column("coverage_png", LargeBinary),
    Index(None, "station", "view", "sequence"),
    sqlite_autoincrement=True,
)

# The last one of a station and view is in force; one without a calibration means none.
calibration_choices = Table(
    "calibration_choices",
    metadata,
    Column("sequence", _Sequence, primary_key=True, autoincrement=True),
    Column("station", Text, nullable=False),
    Column("view", Text, nullable=False),
    Column("calibration_id", String(26), ForeignKey("calibrations.calibration_id")),
    Column("at", UtcTime, nullable=False),
    Column("by", Text, nullable=False),
    Index(None, "station", "view", "sequence"),
    sqlite_autoincrement=True,
)

calibration_checks = Table(
    "calibration_checks",
    metadata,
    Column("sequence", _Sequence, primary_key=True, autoincrement=True),
    Column("calibration_id", String(26), ForeignKey("calibrations.calibration_id"), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("by", Text, nullable=False),
    Column("scale_error", Double, nullable=False),
    Column("worst_mm", Double, nullable=False),
    Column("holds", Boolean(create_constraint=False), nullable=False),
    Index(None, "calibration_id", "sequence"),
    sqlite_autoincrement=True,
)

# One row, written by Store.check to prove that the database takes writes.
heartbeat = Table(
    "heartbeat",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("beat_at", UtcTime, nullable=False),
)
