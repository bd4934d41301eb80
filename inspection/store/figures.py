"""Counts for yields, Pareto and control charts, summed by the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from inspection.domain import Grade
from inspection.store import schema
from inspection.store.database import Store, check_names

__all__ = ["FaultCount", "Span", "fault_counts", "grade_counts"]

_rows = schema.inspections
_faults = schema.faults


@dataclass(frozen=True)
class Span:
    """Which results, in subgroups of equal width.

    Attributes
    ----------
    since, until : aware; since is inside, until is outside.
    width : of a subgroup; the first begins at ``since``.
    """

    since: datetime
    until: datetime
    width: timedelta
    station: str | None = None
    style: str | None = None


@dataclass(frozen=True)
class FaultCount:
    """Faults of one kind in one zone in one subgroup.

    Attributes
    ----------
    found : how many.
    photos : on how many photos.
    """

    group: int
    kind: str
    zone: str
    found: int
    photos: int


def grade_counts(store: Store, span: Span) -> Mapping[int, Mapping[Grade, int]]:
    """Photos by subgroup and by the grade that holds: of the last review, or else of the line."""
    group = _group(store, span, _rows.c.created_at)
    grade = sa.func.coalesce(_rows.c.reviewed_grade, _rows.c.grade).label("grade")
    query = (
        sa.select(group, grade, sa.func.count().label("photos"))
        .where(*_conditions(span))
        .group_by(sa.literal_column("1"), sa.literal_column("2"))
    )
    found: dict[int, dict[Grade, int]] = {}
    with store.read() as connection:
        for row in connection.execute(query):
            found.setdefault(int(row.subgroup), {})[Grade(row.grade)] = int(row.photos)
    return found


def fault_counts(store: Store, span: Span) -> tuple[FaultCount, ...]:
    """Faults by subgroup, kind and zone; those of photos whose grade a person changed are left out."""
    group = _group(store, span, _faults.c.created_at)
    query = (
        sa.select(
            group,
            _faults.c.kind,
            _faults.c.zone,
            sa.func.sum(_faults.c.found).label("found"),
            sa.func.count(sa.distinct(_faults.c.sequence)).label("photos"),
        )
        .join_from(_faults, _rows, _rows.c.sequence == _faults.c.sequence)
        .where(
            _faults.c.created_at >= span.since,
            _faults.c.created_at < span.until,
            sa.or_(_rows.c.reviewed_grade.is_(None), _rows.c.reviewed_grade == _rows.c.grade),
            *_where(span),
        )
        .group_by(sa.literal_column("1"), _faults.c.kind, _faults.c.zone)
    )
    with store.read() as connection:
        return tuple(
            FaultCount(int(row.subgroup), row.kind, row.zone, int(row.found), int(row.photos))
            for row in connection.execute(query)
        )


def _where(span: Span) -> list[sa.ColumnElement[bool]]:
    check_names(station=span.station, style=span.style)
    conditions = []
    if span.station is not None:
        conditions.append(_rows.c.station == span.station)
    if span.style is not None:
        conditions.append(_rows.c.style == span.style)
    return conditions


def _conditions(span: Span) -> list[sa.ColumnElement[bool]]:
    return [_rows.c.created_at >= span.since, _rows.c.created_at < span.until, *_where(span)]


def _group(store: Store, span: Span, at: sa.Column[Any]) -> sa.Label[Any]:
    """Number of the subgroup that a moment lies in, from 0."""
    if store.engine.dialect.name == "sqlite":
        # Whole microseconds since 1970, and SQLite divides whole numbers to whole numbers.
        micros = int(span.width / timedelta(microseconds=1))
        began = int((span.since - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1))
        return sa.literal_column(f"(({at.table.name}.{at.name} - {began}) / {micros})").label("subgroup")
    since = sa.literal(span.since, schema.UtcTime())
    seconds = sa.func.extract("epoch", at - since)
    return sa.func.floor(seconds / span.width.total_seconds()).label("subgroup")
