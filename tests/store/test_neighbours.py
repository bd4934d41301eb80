"""What stands beside a result in a filtered list is what the list itself shows there."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest

from inspection.domain import Grade
from inspection.store import Store, inspections
from inspection.store.inspections import Filters, Neighbours, StoredInspection
from tests.store.records import START, make_record


@pytest.fixture
def stored(store: Store) -> list[StoredInspection]:
    """Twelve results; some share their moment, and some were stored later than a newer one."""
    grades = (Grade.A, Grade.B, Grade.C)
    kinds = (frozenset[str](), frozenset({"cut"}), frozenset({"cut", "stain"}))
    return [
        inspections.add(
            store,
            make_record(
                created_at=START + timedelta(seconds=(number * 5) % 7),
                grade=grades[number % 3],
                kinds=kinds[number % 3],
                station=f"line-{number % 2}",
            ),
        )
        for number in range(12)
    ]


@pytest.mark.parametrize(
    "filters",
    [
        Filters(),
        Filters(grades=frozenset({Grade.B, Grade.C})),
        Filters(kinds=frozenset({"cut", "stain"})),
        Filters(station="line-1", kinds=frozenset({"cut"})),
        Filters(created_from=START + timedelta(seconds=2), created_until=START + timedelta(seconds=5)),
    ],
)
def test_neighbours_are_those_of_the_list(
    store: Store, stored: list[StoredInspection], filters: Filters
) -> None:
    listed = inspections.page(store, filters).items
    assert len(listed) > 2
    for newer, older in pairwise(listed):
        assert inspections.neighbours(store, newer, filters).older == older.record.result_id
        assert inspections.neighbours(store, older, filters).newer == newer.record.result_id
    assert inspections.neighbours(store, listed[0], filters).newer is None
    assert inspections.neighbours(store, listed[-1], filters).older is None


def test_a_result_that_left_its_filter_still_has_neighbours(
    store: Store, stored: list[StoredInspection]
) -> None:
    listed = inspections.page(store).items
    place, left = next((n, one) for n, one in enumerate(listed) if n > 0 and one.record.grade is not Grade.A)
    only_a = Filters(grades=frozenset({Grade.A}))
    above = [one.record.result_id for one in listed[:place] if one.record.grade is Grade.A]
    below = [one.record.result_id for one in listed[place:] if one.record.grade is Grade.A]
    expected = Neighbours(newer=above[-1] if above else None, older=below[0] if below else None)
    assert inspections.neighbours(store, left, only_a) == expected
