"""Sums for statistics on both databases: subgroups, what a person decided, overridden calls."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from inspection.domain import Grade, Severity
from inspection.store import Store, figures, inspections, reviews, sets
from inspection.store.figures import FaultCount, Span, Unit
from inspection.store.inspections import Fault, StoredInspection
from inspection.store.reviews import Decision
from inspection.store.sets import Scope, SetVerdict
from tests.store.records import START, make_record

HOLE, MARK = Fault("hole", "toe", Severity.MAJOR), Fault("scratch", "heel", Severity.MINOR)
HOURS = Span(START, START + timedelta(hours=4), timedelta(hours=1))


def fill(store: Store) -> list[str]:
    ids = []
    for minutes, grade, faults, station in (
        (0, Grade.A, {}, "line-1"),
        (59, Grade.C, {HOLE: 2, MARK: 1}, "line-1"),
        (60, Grade.C, {HOLE: 1}, "line-2"),
        (130, Grade.B, {MARK: 1}, "line-1"),
        (131, Grade.RECHECK, {}, "line-1"),
        (240, Grade.C, {HOLE: 1}, "line-1"),  # beyond the span
    ):
        record = make_record(
            created_at=START + timedelta(minutes=minutes),
            grade=grade,
            faults=faults,
            station=station,
            style="牛津鞋" if minutes == 0 else None,
        )
        ids.append(inspections.add(store, record).record.result_id)
    return ids


def test_photos_are_counted_by_subgroup_and_grade(store: Store) -> None:
    fill(store)
    assert figures.grade_counts(store, HOURS) == {
        0: {Grade.A: 1, Grade.C: 1},
        1: {Grade.C: 1},
        2: {Grade.B: 1, Grade.RECHECK: 1},
    }
    only = Span(HOURS.since, HOURS.until, timedelta(hours=4), station="line-2")
    assert figures.grade_counts(store, only) == {0: {Grade.C: 1}}
    styled = Span(HOURS.since, HOURS.until, timedelta(hours=4), style="牛津鞋")
    assert figures.grade_counts(store, styled) == {0: {Grade.A: 1}}


def test_faults_are_counted_without_overridden_calls(store: Store) -> None:
    ids = fill(store)
    before = figures.fault_counts(store, HOURS)
    assert set(before) == {
        FaultCount(0, "hole", "toe", 2, 1),
        FaultCount(0, "scratch", "heel", 1, 1),
        FaultCount(1, "hole", "toe", 1, 1),
        FaultCount(2, "scratch", "heel", 1, 1),
    }
    for result_id, decision, grade in (
        (ids[1], Decision.OVERRIDE, Grade.A),
        (ids[2], Decision.AGREE, None),
    ):
        reviews.add(store, result_id, reviewer="li", decision=decision, grade=grade, seen_revision=0)
    assert {count.group for count in figures.fault_counts(store, HOURS)} == {1, 2}
    assert figures.grade_counts(store, HOURS)[0] == {Grade.A: 2}


def test_shoes_are_counted_once_with_what_they_are_as_a_whole(store: Store) -> None:
    def add(minutes: int, part: str | None, view: str, grade: Grade, **faults: int) -> StoredInspection:
        found = {Fault("hole", zone, Severity.MAJOR): count for zone, count in faults.items()}
        at = START + timedelta(minutes=minutes)
        return inspections.add(
            store, make_record(created_at=at, part_id=part, view=view, grade=grade, faults=found)
        )

    add(1, None, "toe", Grade.C, toe=1)  # of no shoe
    add(2, "good", "toe", Grade.C, toe=5)  # seen again later
    add(3, "good", "heel", Grade.A)
    add(61, "good", "toe", Grade.A)  # the newest photo decides the subgroup
    add(4, "bad", "toe", Grade.B, toe=1)
    add(5, "bad", "heel", Grade.C, heel=2)
    add(6, "unclear", "toe", Grade.RECHECK)
    whole = (add(7, "whole", "toe", Grade.A), add(8, "whole", "heel", Grade.A))
    kept = SetVerdict(Grade.B, {Severity.MINOR: 1})
    assert sets.keep(store, Scope.SHOE, "whole", whole, kept)
    shoes = replace(HOURS, unit=Unit.SHOE)
    assert figures.grade_counts(store, shoes) == {
        0: {Grade.C: 1, Grade.RECHECK: 1, Grade.B: 1},
        1: {Grade.A: 1},
    }
    assert set(figures.fault_counts(store, shoes)) == {
        FaultCount(0, "hole", "toe", 1, 1),
        FaultCount(0, "hole", "heel", 2, 1),
    }
    # Worked out from what is not the newest any more: to be done again, and nothing is kept.
    newer = add(9, "whole", "toe", Grade.A)
    assert not sets.keep(store, Scope.SHOE, "whole", whole, kept)
    assert sets.keep(store, Scope.SHOE, "whole", (*whole, newer), None)
    assert figures.grade_counts(store, shoes)[0] == {Grade.C: 1, Grade.RECHECK: 1, Grade.A: 1}
    reviews.add(
        store, newer.record.result_id, reviewer="li", decision=Decision.AGREE, grade=None, seen_revision=0
    )
    assert not sets.keep(store, Scope.SHOE, "whole", (*whole, newer), kept)
