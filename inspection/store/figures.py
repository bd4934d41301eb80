"""Counts for yields, Pareto and control charts, summed by the database: of photos, or of shoes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from inspection.domain import Grade
from inspection.store import schema
from inspection.store.database import Store, check_names
from inspection.store.sets import Scope

__all__ = ["FaultCount", "Span", "Unit", "fault_counts", "grade_counts"]

_rows = schema.inspections
_faults = schema.faults
_sets = schema.set_verdicts

_WORST_FIRST = (Grade.C, Grade.RECHECK, Grade.B, Grade.A)


class Unit(StrEnum):
    """What is counted.

    SHOE : photos that name a part, each shoe once, at its newest photo in the span; of a view that came twice
        the later photo counts.
    """

    PHOTO = "photo"
    SHOE = "shoe"


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
    unit: Unit = Unit.PHOTO


@dataclass(frozen=True)
class FaultCount:
    """Faults of one kind in one zone in one subgroup.

    Attributes
    ----------
    found : how many.
    photos : on how many photos, or shoes.
    """

    group: int
    kind: str
    zone: str
    found: int
    photos: int


def grade_counts(store: Store, span: Span) -> Mapping[int, Mapping[Grade, int]]:
    """Photos by subgroup and by the grade that holds: of the last review, or else of the line.

    A shoe is worth what its worst photo is, and what it is as a whole.
    """
    if span.unit is Unit.SHOE:
        return _shoe_counts(store, span)
    group = _group(store, span, _rows.c.created_at, "inspections.created_at")
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


def _shoe_counts(store: Store, span: Span) -> Mapping[int, Mapping[Grade, int]]:
    photos = _photos_of_shoes(span).subquery()
    by_shoe = (
        sa.select(
            sa.func.max(photos.c.created_at).label("created_at"),
            sa.func.max(photos.c.sequence).label("newest"),
            sa.func.max(_rank(photos.c.grade)).label("rank"),
        )
        .where(photos.c.age == 1)
        .group_by(photos.c.part_id)
        .subquery("by_shoe")
    )
    worst = sa.case(
        (_rank(_sets.c.grade) > by_shoe.c.rank, _rank(_sets.c.grade)), else_=by_shoe.c.rank
    ).label("worst")
    joined = by_shoe.outerjoin(
        _sets, sa.and_(_sets.c.sequence == by_shoe.c.newest, _sets.c.scope == Scope.SHOE.value)
    )
    query = (
        sa.select(
            _group(store, span, by_shoe.c.created_at, "by_shoe.created_at"),
            worst,
            sa.func.count().label("shoes"),
        )
        .select_from(joined)
        .group_by(sa.literal_column("1"), sa.literal_column("2"))
    )
    found: dict[int, dict[Grade, int]] = {}
    with store.read() as connection:
        for row in connection.execute(query):
            grade = _WORST_FIRST[len(_WORST_FIRST) - 1 - int(row.worst)]
            found.setdefault(int(row.subgroup), {})[grade] = int(row.shoes)
    return found


def _photos_of_shoes(span: Span) -> sa.Select[Any]:
    """Photos of the span that name a part; ``age`` 1 is the newest of its view."""
    newest = (_rows.c.created_at.desc(), _rows.c.sequence.desc())
    view = sa.func.coalesce(_rows.c.view, "")
    return sa.select(
        _rows.c.part_id,
        _rows.c.sequence,
        _rows.c.created_at,
        sa.func.coalesce(_rows.c.reviewed_grade, _rows.c.grade).label("grade"),
        sa.func.row_number().over(partition_by=[_rows.c.part_id, view], order_by=newest).label("age"),
    ).where(_rows.c.part_id.is_not(None), *_conditions(span))


def _rank(grade: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
    """0 for the best, higher for what decides over it."""
    ranks = {each.value: len(_WORST_FIRST) - 1 - place for place, each in enumerate(_WORST_FIRST)}
    return sa.case(ranks, value=grade, else_=0)


def fault_counts(store: Store, span: Span) -> tuple[FaultCount, ...]:
    """Faults by subgroup, kind and zone; those of photos whose grade a person changed are left out."""
    if span.unit is Unit.SHOE:
        return _shoe_faults(store, span)
    group = _group(store, span, _faults.c.created_at, "faults.created_at")
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


def _shoe_faults(store: Store, span: Span) -> tuple[FaultCount, ...]:
    """Faults on the photos that count for shoes, in the subgroup of the shoe.

    Asked photo by photo of the few with faults, each in the index of its part, instead of over all photos.
    """
    other = _rows.alias("other")
    newer = sa.or_(
        other.c.created_at > _rows.c.created_at,
        sa.and_(other.c.created_at == _rows.c.created_at, other.c.sequence > _rows.c.sequence),
    )
    same_view = sa.func.coalesce(other.c.view, "") == sa.func.coalesce(_rows.c.view, "")
    of_part = (other.c.part_id == _rows.c.part_id, *_conditions(span, other))
    newest = sa.select(sa.func.max(other.c.created_at)).where(*of_part).scalar_subquery()
    dated = (
        sa.select(_rows.c.part_id, _faults.c.kind, _faults.c.zone, _faults.c.found, newest.label("at"))
        .join_from(_faults, _rows, _rows.c.sequence == _faults.c.sequence)
        .where(
            _rows.c.part_id.is_not(None),
            _faults.c.created_at >= span.since,
            _faults.c.created_at < span.until,
            sa.or_(_rows.c.reviewed_grade.is_(None), _rows.c.reviewed_grade == _rows.c.grade),
            *_where(span),
            ~sa.exists(sa.select(other.c.sequence).where(*of_part, same_view, newer)),
        )
        .subquery("dated")
    )
    query = sa.select(
        _group(store, span, dated.c["at"], "dated.at"),
        dated.c.kind,
        dated.c.zone,
        sa.func.sum(dated.c.found).label("found"),
        sa.func.count(sa.distinct(dated.c.part_id)).label("photos"),
    ).group_by(sa.literal_column("1"), dated.c.kind, dated.c.zone)
    with store.read() as connection:
        return tuple(
            FaultCount(int(row.subgroup), row.kind, row.zone, int(row.found), int(row.photos))
            for row in connection.execute(query)
        )


def _where(span: Span, rows: sa.FromClause = _rows) -> list[sa.ColumnElement[bool]]:
    check_names(station=span.station, style=span.style)
    conditions = []
    if span.station is not None:
        conditions.append(rows.c.station == span.station)
    if span.style is not None:
        conditions.append(rows.c.style == span.style)
    return conditions


def _conditions(span: Span, rows: sa.FromClause = _rows) -> list[sa.ColumnElement[bool]]:
    return [rows.c.created_at >= span.since, rows.c.created_at < span.until, *_where(span, rows)]


def _group(store: Store, span: Span, at: sa.ColumnElement[Any], name: str) -> sa.Label[Any]:
    """Number of the subgroup that a moment lies in, from 0; ``name`` is that of its column."""
    if store.engine.dialect.name == "sqlite":
        # Whole microseconds since 1970, and SQLite divides whole numbers to whole numbers.
        micros = int(span.width / timedelta(microseconds=1))
        began = int((span.since - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1))
        return sa.literal_column(f"(({name} - {began}) / {micros})").label("subgroup")
    since = sa.literal(span.since, schema.UtcTime())
    seconds = sa.func.extract("epoch", at - since)
    return sa.func.floor(seconds / span.width.total_seconds()).label("subgroup")
