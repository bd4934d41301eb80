"""The photos of a lot's items, as lots are counted from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from inspection.domain import Grade, Severity
from inspection.store import schema, sets
from inspection.store.database import Store
from inspection.store.lot_rows import Lot, Unit
from inspection.store.sets import Scope, SetVerdict

__all__ = ["SeenPhoto", "seen"]

_rows = schema.inspections
_faults = schema.faults
_sets = schema.set_verdicts


@dataclass(frozen=True)
class SeenPhoto:
    """A photo of an item of a lot, the last of its view.

    Attributes
    ----------
    item : part or pair id as the lot's unit says, or the result id of a photo that names neither.
    part : the same for a part.
    overridden : a person gave another grade than the line.
    reviewed : a person gave a grade, the line's or another.
    faults : of each severity, as the line found them.
    shoe, pair : what holds for the part or the pair as a whole, where this is its newest photo; None where
        there is nothing to say.
    """

    item: str
    part: str
    view: str
    recipe: str
    result_id: str
    grade: Grade
    overridden: bool
    faults: Mapping[Severity, int]
    reviewed: bool = False
    shoe: SetVerdict | None = None
    pair: SetVerdict | None = None


def seen(store: Store, lot: Lot) -> tuple[SeenPhoto, ...]:
    """The photos that name the lot, the last of each view of each part, items in the order in which they
    came.
    """
    part = sa.func.coalesce(_rows.c.part_id, _rows.c.result_id)
    item = part if lot.new.unit is Unit.PART else sa.func.coalesce(_rows.c.pair_id, part)
    view = sa.func.coalesce(_rows.c.view, "")
    newest = (_rows.c.created_at.desc(), _rows.c.sequence.desc())
    ranked = (
        sa.select(
            _rows.c.sequence,
            _rows.c.result_id,
            _rows.c.recipe,
            _rows.c.grade,
            _rows.c.reviewed_grade,
            item.label("item"),
            part.label("part"),
            view.label("seen_view"),
            sa.func.min(_rows.c.sequence).over(partition_by=item).label("first"),
            sa.func.max(_rows.c.sequence).over(partition_by=part).label("newest_of_part"),
            sa.func.max(_rows.c.sequence).over(partition_by=item).label("newest_of_item"),
            sa.func.row_number().over(partition_by=[part, view], order_by=newest).label("age"),
        )
        .where(_rows.c.lot_id == lot.new.lot_id)
        .subquery()
    )
    query = (
        sa.select(ranked, _faults.c.severity, sa.func.sum(_faults.c.found).label("found"))
        .join_from(ranked, _faults, _faults.c.sequence == ranked.c.sequence, isouter=True)
        .where(ranked.c.age == 1)
        .group_by(*ranked.c, _faults.c.severity)
        .order_by(ranked.c.first, ranked.c.sequence)
    )
    whole = (
        sa.select(_sets)
        .join_from(_sets, _rows, _rows.c.sequence == _sets.c.sequence)
        .where(_rows.c.lot_id == lot.new.lot_id)
    )
    found: dict[int, SeenPhoto] = {}
    with store.read() as connection:
        wholes = {(row.sequence, row.scope): sets.value_of(row) for row in connection.execute(whole)}
        for row in connection.execute(query):
            before = found.get(row.sequence)
            faults = {} if before is None else dict(before.faults)
            if row.severity is not None:
                faults[Severity(row.severity)] = int(row.found)
            final = Grade(row.reviewed_grade or row.grade)
            found[row.sequence] = SeenPhoto(
                item=row.item,
                part=row.part,
                view=row.seen_view,
                recipe=row.recipe,
                result_id=row.result_id,
                grade=final,
                overridden=final.value != row.grade,
                reviewed=row.reviewed_grade is not None,
                faults=faults,
                # The newest photo of a part is the newest of its view, so it is always among these.
                shoe=wholes.get((row.sequence, Scope.SHOE)) if row.sequence == row.newest_of_part else None,
                pair=wholes.get((row.sequence, Scope.PAIR)) if row.sequence == row.newest_of_item else None,
            )
    return tuple(found.values())
