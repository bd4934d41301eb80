"""Reads stored results for judging them again: in order, in short transactions, changing nothing.

A look at a month goes through every document. Each call reads one stretch and lets go of the database, so
that a live service neither waits nor keeps an old state of the file for long.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from inspection.domain import Grade
from inspection.store import schema
from inspection.store.database import Store

__all__ = ["Judged", "Stretch", "newest", "read", "stretch"]

_rows = schema.inspections
_documents = schema.documents


@dataclass(frozen=True)
class Stretch:
    """Results of a span of time: the lowest and highest of their sequences, and how many there are."""

    first: int
    last: int
    results: int


@dataclass(frozen=True)
class Judged:
    """A stored result: its document as answered, and the grade that the line gave."""

    sequence: int
    result_id: str
    grade: Grade
    document: str


def stretch(store: Store, *, created_from: datetime | None, created_until: datetime | None) -> Stretch:
    """Where the results of a span of time stand; ``first`` is 1 and ``last`` 0 when there are none."""
    query = sa.select(
        sa.func.min(_rows.c.sequence), sa.func.max(_rows.c.sequence), sa.func.count(_rows.c.sequence)
    ).where(*_times(created_from, created_until))
    with store.read() as connection:
        first, last, results = connection.execute(query).one()
    return Stretch(first=int(first or 1), last=int(last or 0), results=int(results))


def read(
    store: Store,
    *,
    first: int,
    last: int,
    created_from: datetime | None = None,
    created_until: datetime | None = None,
) -> tuple[Judged, ...]:
    """Results with a sequence from ``first`` to ``last``, both inside, in order."""
    query = (
        sa.select(_rows.c.sequence, _rows.c.result_id, _rows.c.grade, _documents.c.document)
        .join_from(_rows, _documents, _documents.c.sequence == _rows.c.sequence)
        .where(_rows.c.sequence >= first, _rows.c.sequence <= last, *_times(created_from, created_until))
        .order_by(_rows.c.sequence)
    )
    with store.read() as connection:
        return tuple(
            Judged(row.sequence, row.result_id, Grade(row.grade), row.document)
            for row in connection.execute(query)
        )


def newest(store: Store, *, limit: int, created_from: datetime | None = None) -> tuple[Judged, ...]:
    """The newest results of a span of time, at most so many."""
    query = (
        sa.select(_rows.c.sequence, _rows.c.result_id, _rows.c.grade, _documents.c.document)
        .join_from(_rows, _documents, _documents.c.sequence == _rows.c.sequence)
        .where(*_times(created_from, None))
        .order_by(_rows.c.created_at.desc(), _rows.c.sequence.desc())
        .limit(limit)
    )
    with store.read() as connection:
        return tuple(
            Judged(row.sequence, row.result_id, Grade(row.grade), row.document)
            for row in connection.execute(query)
        )


def _times(created_from: datetime | None, created_until: datetime | None) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if created_from is not None:
        conditions.append(_rows.c.created_at >= created_from)
    if created_until is not None:
        conditions.append(_rows.c.created_at < created_until)
    return conditions
