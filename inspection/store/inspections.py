"""Results: added once, read by id, by idempotency key, page by page, and as they come."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row
from sqlalchemy.exc import IntegrityError

from inspection.domain import Disposition, Foot, Grade, Severity
from inspection.errors import ConflictError, MetadataError, NotFoundError
from inspection.store import schema
from inspection.store.database import Lock, Store, check_names, check_text

__all__ = [
    "DuplicateKeyError",
    "Fault",
    "Filters",
    "InspectionRecord",
    "Neighbours",
    "Page",
    "StoredInspection",
    "Value",
    "add",
    "by_id",
    "by_idempotency_key",
    "counts",
    "latest_sequence",
    "neighbours",
    "newer_than",
    "of_pair",
    "of_part",
    "page",
    "values",
]

MAX_LIMIT = 500  # results of one page
MAX_SET = 200  # photos of one part or pair: a shoe has a dozen views, and is seldom seen again ten times
_LARGEST_SEQUENCE = 2**63 - 1

_rows = schema.inspections
_kinds = schema.inspection_kinds
_faults = schema.faults
_documents = schema.documents


class DuplicateKeyError(ConflictError):
    """The station has already stored a result under this idempotency key: ``stored`` is that one."""

    def __init__(self, stored: StoredInspection) -> None:
        record = stored.record
        super().__init__(
            f"station {record.station!r} has already used the idempotency key {record.idempotency_key!r}",
            hint="Read the stored result, or send another photo under another key.",
        )
        self.stored = stored


@dataclass(frozen=True)
class Fault:
    """What a rule was broken by: a kind in a zone, with the severity of the rule."""

    kind: str
    zone: str
    severity: Severity


@dataclass(frozen=True)
class InspectionRecord:
    """What is remembered of one inspection.

    Attributes
    ----------
    result_id : ULID, 26 characters.
    created_at, captured_at : aware.
    photo_sha256 : of the encoded bytes as they came; also tells whether a repeated key came with the same
        photo.
    surface_ref : name of the surface map in the photo store.
    grade : the grade as given by the line; reviews do not change it.
    kinds : of the defects found.
    faults : how many of each; written for counting, not read back with the record.
    document : the result document, JSON, exactly as answered.
    """

    result_id: str
    created_at: datetime
    station: str
    recipe: str
    photo_sha256: str
    grade: Grade
    disposition: Disposition
    document: str
    kinds: frozenset[str] = frozenset()
    faults: Mapping[Fault, int] = field(default_factory=dict, compare=False)
    captured_at: datetime | None = None
    view: str | None = None
    part_id: str | None = None
    pair_id: str | None = None
    foot: Foot | None = None
    lot_id: str | None = None
    style: str | None = None
    size: str | None = None
    idempotency_key: str | None = None
    surface_ref: str | None = None


@dataclass(frozen=True)
class StoredInspection:
    """A record with what became of it.

    Attributes
    ----------
    sequence : grows with each stored result, across replicas; the position in the feed of `newer_than`.
    review_revision : how many reviews it has had; the next one must name it.
    reviewed_grade : grade of the last review; None before the first.
    """

    record: InspectionRecord
    sequence: int
    review_revision: int = 0
    reviewed_grade: Grade | None = None

    @property
    def final_grade(self) -> Grade:
        """What a person said last, or else what the line said."""
        return self.reviewed_grade or self.record.grade


@dataclass(frozen=True)
class Filters:
    """Which results; all that are given must hold, and an empty set means any.

    Attributes
    ----------
    grades : as given by the line.
    kinds : at least one of these kinds was found.
    created_from, created_until : aware; from is inside, until is outside.
    """

    grades: frozenset[Grade] = frozenset()
    kinds: frozenset[str] = frozenset()
    station: str | None = None
    style: str | None = None
    lot_id: str | None = None
    view: str | None = None
    part_id: str | None = None
    created_from: datetime | None = None
    created_until: datetime | None = None
    reviewed: bool | None = None


NO_FILTERS = Filters()


@dataclass(frozen=True)
class Page:
    """Some results, newest first; ``next_cursor`` asks for those after them, None at the end."""

    items: tuple[StoredInspection, ...]
    next_cursor: str | None


@dataclass(frozen=True)
class Neighbours:
    """Ids of the results just above and just below another in a list, None at its ends."""

    newer: str | None
    older: str | None


def add(store: Store, record: InspectionRecord) -> StoredInspection:
    """Store a result; it is on the disk on return.

    Raises
    ------
    DuplicateKeyError : the station used the idempotency key before; of two at the same time, one gets this.
    MetadataError : a text that no database can hold.
    StorageError : not stored.
    """
    check_names(
        station=record.station,
        view=record.view,
        part_id=record.part_id,
        pair_id=record.pair_id,
        lot_id=record.lot_id,
        style=record.style,
        size=record.size,
        recipe=record.recipe,
        idempotency_key=record.idempotency_key,
    )
    check_text(document=record.document)
    try:
        with store.write(Lock.FEED) as connection:
            return _insert(connection, record)
    except IntegrityError as error:
        key = record.idempotency_key
        stored = None if key is None else by_idempotency_key(store, record.station, key)
        if stored is None:
            raise  # a repeated result id: 80 random bits do not repeat, so the caller is wrong
        raise DuplicateKeyError(stored) from error


def _insert(connection: Connection, record: InspectionRecord) -> StoredInspection:
    values = {
        "result_id": record.result_id,
        "created_at": record.created_at,
        "captured_at": record.captured_at,
        "station": record.station,
        "view": record.view,
        "part_id": record.part_id,
        "pair_id": record.pair_id,
        "foot": None if record.foot is None else record.foot.value,
        "lot_id": record.lot_id,
        "style": record.style,
        "size": record.size,
        "recipe": record.recipe,
        "idempotency_key": record.idempotency_key,
        "photo_sha256": record.photo_sha256,
        "surface_ref": record.surface_ref,
        "grade": record.grade.value,
        "disposition": record.disposition.value,
        "reviewed": False,
        "review_revision": 0,
    }
    sequence = int(
        connection.execute(sa.insert(_rows).values(values).returning(_rows.c.sequence)).scalar_one()
    )
    connection.execute(sa.insert(_documents).values(sequence=sequence, document=record.document))
    if record.kinds:
        connection.execute(
            sa.insert(_kinds),
            [
                {
                    "kind": kind,
                    "created_at": record.created_at,
                    "sequence": sequence,
                    "grade": record.grade.value,
                }
                for kind in sorted(record.kinds)
            ],
        )
    if record.faults:
        connection.execute(
            sa.insert(_faults),
            [
                {
                    "sequence": sequence,
                    "kind": fault.kind,
                    "zone": fault.zone,
                    "severity": fault.severity.value,
                    "created_at": record.created_at,
                    "found": found,
                }
                for fault, found in record.faults.items()
            ],
        )
    return StoredInspection(record=record, sequence=sequence)


def of_part(store: Store, part_id: str) -> tuple[StoredInspection, ...]:
    """Results of one part, oldest first; the newest `MAX_SET` where there are more."""
    check_names(part_id=part_id)
    return _of_set(store, _rows.c.part_id == part_id)


def of_pair(store: Store, pair_id: str) -> tuple[StoredInspection, ...]:
    """Results of the shoes of one pair, oldest first; the newest `MAX_SET` where there are more."""
    check_names(pair_id=pair_id)
    return _of_set(store, _rows.c.pair_id == pair_id)


def _of_set(store: Store, condition: sa.ColumnElement[bool]) -> tuple[StoredInspection, ...]:
    newest = (
        sa.select(_rows.c.sequence)
        .where(condition)
        .order_by(_rows.c.created_at.desc(), _rows.c.sequence.desc())
        .limit(MAX_SET)
    )
    with store.read() as connection:
        sequences = connection.execute(newest).scalars().all()
        found = _load(connection, _rows.c.sequence.in_(sequences)) if sequences else ()
    return tuple(sorted(found, key=lambda stored: (stored.record.created_at, stored.sequence)))


def by_id(store: Store, result_id: str) -> StoredInspection:
    """The result of that id; NotFoundError if there is none."""
    check_text(result_id=result_id)
    with store.read() as connection:
        found = _load(connection, _rows.c.result_id == result_id)
    if not found:
        raise NotFoundError(
            f"no result has the id {result_id!r}",
            hint="Copy the id from the list of results, or from the answer.",
        )
    return found[0]


def by_idempotency_key(store: Store, station: str, key: str) -> StoredInspection | None:
    """What the station stored under this key; None: nothing yet."""
    check_names(station=station, idempotency_key=key)
    with store.read() as connection:
        found = _load(connection, sa.and_(_rows.c.station == station, _rows.c.idempotency_key == key))
    return found[0] if found else None


def page(store: Store, filters: Filters = NO_FILTERS, *, cursor: str | None = None, limit: int = 50) -> Page:
    """Results, newest first.

    Parameters
    ----------
    cursor : ``next_cursor`` of the page before. Rows that come meanwhile neither repeat nor hide any.
    limit : 1 .. `MAX_LIMIT`.

    Raises
    ------
    MetadataError : the cursor is not one of ours, or the limit is out of range.
    """
    if not 1 <= limit <= MAX_LIMIT:
        raise MetadataError(f"a page of {limit} results was asked for", hint=f"Ask for 1 to {MAX_LIMIT}.")
    _check_filters(filters)
    position = None if cursor is None else _read_cursor(cursor)
    wanted = _places(filters, position, limit + 1)
    with store.read() as connection:
        places = connection.execute(wanted).all()
        shown = places[:limit]
        found = _load(connection, _rows.c.sequence.in_([place.sequence for place in shown])) if shown else ()
    by_sequence = {stored.sequence: stored for stored in found}
    return Page(
        items=tuple(by_sequence[place.sequence] for place in shown),
        next_cursor=_write_cursor(shown[-1].created_at, shown[-1].sequence) if len(places) > limit else None,
    )


def newer_than(
    store: Store, sequence: int, filters: Filters = NO_FILTERS, *, limit: int = 100
) -> tuple[StoredInspection, ...]:
    """Results that were stored after the one of that sequence, oldest first; 0 starts at the very first."""
    _check_filters(filters)
    after = min(max(sequence, 0), _LARGEST_SEQUENCE)
    query = sa.select(_rows.c.sequence).where(_rows.c.sequence > after, *_conditions(filters))
    with store.read() as connection:
        sequences = connection.execute(query.order_by(_rows.c.sequence).limit(limit)).scalars().all()
        found = _load(connection, _rows.c.sequence.in_(sequences)) if sequences else ()
    return tuple(sorted(found, key=lambda stored: stored.sequence))


def neighbours(store: Store, stored: StoredInspection, filters: Filters = NO_FILTERS) -> Neighbours:
    """What stands beside a result in the order of `page`; the result itself need not match the filters."""
    _check_filters(filters)
    here = (stored.record.created_at, stored.sequence)
    above, below = _places(filters, here, 1, upwards=True), _places(filters, here, 1)
    with store.read() as connection:
        return Neighbours(newer=_id_at(connection, above), older=_id_at(connection, below))


def _id_at(connection: Connection, place: sa.Select[Any]) -> str | None:
    wanted = place.subquery()
    query = sa.select(_rows.c.result_id).join_from(_rows, wanted, _rows.c.sequence == wanted.c.sequence)
    found: str | None = connection.execute(query).scalar()
    return found


def latest_sequence(store: Store) -> int:
    """Sequence of the newest result; 0 when there is none."""
    with store.read() as connection:
        return int(connection.execute(sa.select(sa.func.max(_rows.c.sequence))).scalar_one() or 0)


def counts(
    store: Store, *, created_from: datetime, created_until: datetime, station: str | None = None
) -> Mapping[Grade, int]:
    """How many results of each grade, as given by the line, in a span of time."""
    check_names(station=station)
    query = (
        sa.select(_rows.c.grade, sa.func.count().label("results"))
        .where(_rows.c.created_at >= created_from, _rows.c.created_at < created_until)
        .group_by(_rows.c.grade)
    )
    if station is not None:
        query = query.where(_rows.c.station == station)
    with store.read() as connection:
        found = {Grade(row.grade): int(row.results) for row in connection.execute(query)}
    return MappingProxyType({grade: found.get(grade, 0) for grade in Grade})


class Value(StrEnum):
    """Columns whose values a page offers to choose from."""

    STATION = "station"
    STYLE = "style"
    LOT = "lot_id"
    VIEW = "view"


def values(store: Store, column: Value, *, limit: int = 200) -> tuple[str, ...]:
    """The different values in a column, in order.

    Jumps from each value to the next in the index, so it takes as many steps as there are values, not
    results.
    """
    held = _rows.c[column.value]
    first = sa.select(sa.func.min(held).label("value")).cte("jump", recursive=True)
    further = sa.select(sa.select(sa.func.min(held)).where(held > first.c.value).scalar_subquery()).where(
        first.c.value.is_not(None)
    )
    jump = first.union_all(further)
    with store.read() as connection:
        found = connection.execute(
            sa.select(jump.c.value).where(jump.c.value.is_not(None)).limit(limit)
        ).scalars()
        return tuple(str(value) for value in found)


# Questions


def _check_filters(filters: Filters) -> None:
    check_names(
        station=filters.station,
        style=filters.style,
        lot_id=filters.lot_id,
        view=filters.view,
        part_id=filters.part_id,
    )
    for kind in filters.kinds:
        check_names(kind=kind)


def _columns(filters: Filters) -> list[sa.ColumnElement[bool]]:
    return [
        _rows.c[column] == value
        for column in ("station", "style", "lot_id", "view", "part_id", "reviewed")
        if (value := getattr(filters, column)) is not None
    ]


def _times(filters: Filters, created_at: sa.ColumnElement[Any]) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if filters.created_from is not None:
        conditions.append(created_at >= filters.created_from)
    if filters.created_until is not None:
        conditions.append(created_at < filters.created_until)
    return conditions


def _conditions(filters: Filters) -> list[sa.ColumnElement[bool]]:
    """All of the filters at once, for the feed, which reads the few rows after a sequence."""
    conditions = [*_columns(filters), *_times(filters, _rows.c.created_at)]
    if filters.kinds:
        # EXISTS, not a join: a result with two of the kinds is one result.
        conditions.append(
            sa.exists().where(_kinds.c.sequence == _rows.c.sequence, _kinds.c.kind.in_(sorted(filters.kinds)))
        )
    if filters.grades:
        conditions.append(_rows.c.grade.in_(sorted(filters.grades)))
    return conditions


def _places(
    filters: Filters, start: tuple[datetime, int] | None, limit: int, *, upwards: bool = False
) -> sa.Select[Any]:
    """The places ``(created_at, sequence)`` that match, from ``start`` on to older ones, or upwards.

    Several grades or kinds are asked for one by one, each in its own index and each with the limit, and the
    answers are merged: a condition "one of" would make the database read the whole table for a rare kind.
    """
    every_grade = len(filters.grades) in (0, len(Grade))
    kinds: list[str | None] = [*sorted(filters.kinds)] or [None]
    grades: list[Grade | None] = [None] if every_grade else [*sorted(filters.grades)]
    branches = []
    for kind in kinds:
        place = _rows.c if kind is None else _kinds.c
        for grade in grades:
            branch = _branch(filters, kind=kind, grade=grade)
            if start is not None:
                here, there = sa.tuple_(place.created_at, place.sequence), _literal(*start)
                branch = branch.where(here > there if upwards else here < there)
            branches.append(branch.order_by(*_order(place, upwards=upwards)).limit(limit))
    if len(branches) == 1:
        return branches[0]
    # UNION, not UNION ALL: a result with two of the kinds is one result.
    merged = sa.union(*(sa.select(branch.subquery()) for branch in branches)).subquery()
    return sa.select(merged).order_by(*_order(merged.c, upwards=upwards)).limit(limit)


def _branch(filters: Filters, *, kind: str | None, grade: Grade | None) -> sa.Select[Any]:
    place = _rows.c if kind is None else _kinds.c
    query = sa.select(place.created_at, place.sequence).where(*_times(filters, place.created_at))
    if grade is not None:
        query = query.where(place.grade == grade.value)
    columns = _columns(filters)
    if kind is not None:
        query = query.where(_kinds.c.kind == kind)
        if columns:
            query = query.join_from(_kinds, _rows, _rows.c.sequence == _kinds.c.sequence)
    return query.where(*columns)


def _literal(created_at: datetime, sequence: int) -> sa.Tuple:
    return sa.tuple_(sa.literal(created_at, schema.UtcTime()), sa.literal(sequence, sa.BigInteger()))


def _order(
    place: sa.ColumnCollection[str, Any], *, upwards: bool
) -> tuple[sa.ColumnElement[Any], sa.ColumnElement[Any]]:
    if upwards:
        return place.created_at.asc(), place.sequence.asc()
    return place.created_at.desc(), place.sequence.desc()


def _load(connection: Connection, condition: sa.ColumnElement[bool]) -> tuple[StoredInspection, ...]:
    query = (
        sa.select(_rows, _documents.c.document)
        .join_from(_rows, _documents, _documents.c.sequence == _rows.c.sequence)
        .where(condition)
    )
    rows = connection.execute(query).all()
    if not rows:
        return ()
    kinds = _kinds_of(connection, [row.sequence for row in rows])
    return tuple(_value(row, kinds[row.sequence]) for row in rows)


def _kinds_of(connection: Connection, sequences: Iterable[int]) -> Mapping[int, frozenset[str]]:
    held: dict[int, set[str]] = {sequence: set() for sequence in sequences}
    query = sa.select(_kinds.c.sequence, _kinds.c.kind).where(_kinds.c.sequence.in_(list(held)))
    for row in connection.execute(query):
        held[row.sequence].add(row.kind)
    return {sequence: frozenset(kinds) for sequence, kinds in held.items()}


def _value(row: Row[Any], kinds: frozenset[str]) -> StoredInspection:
    return StoredInspection(
        record=InspectionRecord(
            result_id=row.result_id,
            created_at=row.created_at,
            captured_at=row.captured_at,
            station=row.station,
            view=row.view,
            part_id=row.part_id,
            pair_id=row.pair_id,
            foot=None if row.foot is None else Foot(row.foot),
            lot_id=row.lot_id,
            style=row.style,
            size=row.size,
            recipe=row.recipe,
            idempotency_key=row.idempotency_key,
            photo_sha256=row.photo_sha256,
            surface_ref=row.surface_ref,
            grade=Grade(row.grade),
            disposition=Disposition(row.disposition),
            kinds=kinds,
            document=row.document,
        ),
        sequence=row.sequence,
        review_revision=row.review_revision,
        reviewed_grade=None if row.reviewed_grade is None else Grade(row.reviewed_grade),
    )


# Cursors: a place in the list, opaque so that its form may change.


def _write_cursor(created_at: datetime, sequence: int) -> str:
    text = f"1:{created_at.astimezone(UTC).isoformat(timespec='microseconds')}:{sequence}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> tuple[datetime, int]:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
        moment, _, number = text.removeprefix("1:").rpartition(":")
        created_at, sequence = datetime.fromisoformat(moment), int(number)
        # Written back it must be the same: no other spelling of a place is taken.
        ours = (
            created_at.tzinfo is not None
            and 0 <= sequence <= _LARGEST_SEQUENCE
            and _write_cursor(created_at, sequence) == cursor
        )
    except (binascii.Error, UnicodeError, ValueError, OverflowError):
        ours = False
    if not ours:
        raise MetadataError(
            f"the cursor {cursor[:80]!r} is not one that a page gave",
            hint="Start without a cursor, or copy the whole one.",
        )
    return created_at, sequence
