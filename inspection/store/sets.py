"""What holds for a shoe or a pair as a whole, kept beside the newest photo of it, for lots and statistics.

Kept only where there is something to say, so most shoes have no row. A row belongs to one photo and is right
as long as that is the newest one of the shoe or pair; when another comes, or a person reviews one, it is
worked out again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Row

from inspection.domain import Grade, Severity
from inspection.store import schema
from inspection.store.database import Lock, Store
from inspection.store.inspections import StoredInspection

__all__ = ["Scope", "SetVerdict", "keep", "value_of"]

_rows = schema.inspections
_sets = schema.set_verdicts


class Scope(StrEnum):
    """What a verdict is of."""

    SHOE = "shoe"
    PAIR = "pair"


@dataclass(frozen=True)
class SetVerdict:
    """What a shoe or pair is worth at best, whatever its photos are worth one by one.

    Attributes
    ----------
    found : nonconformities of each severity that no single photo shows; classes with none are left out.
    """

    grade: Grade
    found: Mapping[Severity, int] = field(default_factory=dict)


def keep(
    store: Store, scope: Scope, name: str, seen: tuple[StoredInspection, ...], verdict: SetVerdict | None
) -> bool:
    """Keep what was worked out from all photos of a part or pair; None where there is nothing to say.

    Parameters
    ----------
    name : part id or pair id.
    seen : what it was worked out from.

    Returns
    -------
    False when a photo or a review has come since: then it is to be worked out again.
    """
    newest = max(one.sequence for one in seen)
    column = _rows.c.part_id if scope is Scope.SHOE else _rows.c.pair_id
    here = (_sets.c.sequence == newest, _sets.c.scope == scope.value)
    with store.read() as connection:
        held = connection.execute(sa.select(_sets.c.grade).where(*here)).first()
    if held is None and verdict is None:
        return True
    with store.write(Lock.REVIEWS) as connection:
        now = connection.execute(
            sa.select(
                sa.func.max(_rows.c.sequence).label("newest"),
                sa.func.sum(_rows.c.review_revision).label("revisions"),
            ).where(column == name, _rows.c.sequence >= min(one.sequence for one in seen))
        ).one()
        if (now.newest, now.revisions) != (newest, sum(one.review_revision for one in seen)):
            return False
        connection.execute(sa.delete(_sets).where(*here))
        if verdict is not None:
            counts = {severity.value: verdict.found.get(severity, 0) for severity in Severity}
            values = {"sequence": newest, "scope": scope.value, "grade": verdict.grade.value, **counts}
            connection.execute(sa.insert(_sets).values(values))
    return True


def value_of(row: Row[Any]) -> SetVerdict:
    """A row as a value."""
    found = {severity: getattr(row, severity.value) for severity in Severity}
    return SetVerdict(Grade(row.grade), {severity: count for severity, count in found.items() if count})
