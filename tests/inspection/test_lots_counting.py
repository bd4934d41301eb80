"""Items to counts: each class its own sample, each item once, nothing before it is known."""

from __future__ import annotations

import pytest

from inspection.domain import Grade, Severity
from inspection.errors import LotError
from inspection.lots import Counting, Item, Scheme, Tally, count, judge_lot, plan_lot, severities_of_grade

PLAN = plan_lot(500)  # 50 items
MAJOR, MINOR, CRITICAL = Severity.MAJOR, Severity.MINOR, Severity.CRITICAL


def items(number: int, **found: int) -> list[Item]:
    return [
        Item(f"item-{index}", found={Severity(k): v for k, v in found.items()}) for index in range(number)
    ]


def test_an_item_counts_in_its_worst_class_alone() -> None:
    progress = count([*items(3, major=2, minor=5), *items(47)], PLAN, lot_size=500)
    assert progress.tallies == {CRITICAL: Tally(50, 0), MAJOR: Tally(50, 3), MINOR: Tally(50, 0)}
    assert progress.complete
    assert len(progress.nonconforming) == 3


def test_nonconformities_are_all_counted() -> None:
    plan = plan_lot(500, Scheme(counting=Counting.NONCONFORMITIES))
    progress = count([*items(3, major=2, minor=5), *items(47)], plan, lot_size=500)
    assert (progress.tallies[MAJOR].found, progress.tallies[MINOR].found) == (6, 15)


def test_items_beyond_the_sample_do_not_count_but_still_leave_the_lot() -> None:
    progress = count([*items(50), *items(10, major=1)], PLAN, lot_size=500)
    assert progress.tallies[MAJOR] == Tally(50, 0)
    assert (progress.beyond, len(progress.nonconforming)) == (10, 10)


@pytest.mark.parametrize("blocked", [Item("x", complete=False), Item("x", undecided=True)])
def test_an_unfinished_sample_cannot_be_accepted(blocked: Item) -> None:
    progress = count([*items(49), blocked], PLAN, lot_size=500)
    assert progress.pending == ("x",)
    assert not progress.complete
    with pytest.raises(LotError, match="49 of 50"):
        judge_lot(PLAN, progress.tallies)


def test_the_worst_items_come_first() -> None:
    found = [
        Item("minor", found={MINOR: 9}),
        Item("critical", found={CRITICAL: 1}),
        Item("major", found={MAJOR: 1}),
    ]
    assert count(found, PLAN, lot_size=500).nonconforming == ("critical", "major", "minor")


def test_every_item_is_wanted_where_all_are_inspected() -> None:
    progress = count(items(20, minor=1), None, lot_size=20)
    assert (progress.wanted, progress.complete) == (20, True)
    assert progress.tallies[MINOR] == Tally(20, 20)


def test_a_grade_of_a_person_stands_for_a_severity() -> None:
    assert severities_of_grade(Grade.C) == {MAJOR: 1}
    assert severities_of_grade(Grade.B) == {MINOR: 1}
    assert severities_of_grade(Grade.A) == {}
