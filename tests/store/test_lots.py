"""Lots on both databases: opened with the plan in force, counted, decided, undone, never forgotten."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from inspection.domain import Grade, Severity
from inspection.errors import ConflictError, LotError, MetadataError, NotFoundError
from inspection.lots import Aql, Counting, Declaration, Scheme, Strictness, Tally
from inspection.store import Store, audit, inspections, lot_photos, lots, reviews
from inspection.store.inspections import Fault
from inspection.store.lots import Event, Lot, Mode, NewLot, Outcome, Unit
from inspection.store.reviews import Decision
from tests.store.records import make_record

MAJOR_ONLY = Scheme(critical=None, minor=None)


def new(lot_id: str = "L1", **fields: Any) -> NewLot:
    given: dict[str, Any] = {"product": "oxford", "line": "line-1", "size": 500, "scheme": MAJOR_ONLY}
    return NewLot(lot_id, **{**given, **fields})


def opened(store: Store, lot_id: str = "L1", **fields: Any) -> Lot:
    return lots.open_lot(store, new(lot_id, **fields), by="li")


def judged(store: Store, lot_id: str, found: int, **fields: Any) -> Lot:
    """A lot that was opened, inspected and decided as its plan says."""
    lot = opened(store, lot_id, **fields)
    assert lot.plan is not None
    plan = lot.plan.of(Severity.MAJOR)
    acceptable = found <= plan.accept
    return lots.decide(
        store,
        lot.number,
        Outcome.ACCEPTED if acceptable else Outcome.REFUSED,
        by="li",
        seen_revision=0,
        tallies={Severity.MAJOR: Tally(plan.inspect, found)},
        acceptable=acceptable,
    )


def in_force(store: Store) -> str:
    states = lots.switching(store, "oxford", "line-1")
    return states[Severity.MAJOR].name if states else "normal"


def test_a_lot_keeps_what_was_agreed_and_its_plan(store: Store) -> None:
    scheme = Scheme(
        major=Aql(Decimal("6.5")),
        critical=Aql(Decimal("0.65")),
        minor=None,
        counting=Counting.NONCONFORMITIES,
    )
    made = opened(store, "批次一", scheme=scheme, unit=Unit.PAIR, resubmitted=True)
    assert lots.by_number(store, made.number) == made
    assert lots.by_lot_id(store, "批次一") == made
    assert lots.by_lot_id(store, "another") is None
    assert [one.lot_id for one in [lot.new for lot in lots.page(store)]] == ["批次一"]


def test_a_lot_is_opened_once(store: Store) -> None:
    opened(store)
    with pytest.raises(ConflictError, match="open already"):
        opened(store)


@pytest.mark.parametrize(("size", "match"), [(0, "holds nothing"), (1, "lot of 1"), (10**10, "larger than")])
def test_a_size_that_cannot_be_planned_is_refused(store: Store, size: int, match: str) -> None:
    with pytest.raises(LotError, match=match) as caught:
        opened(store, size=size)
    assert caught.value.hint
    assert lots.page(store) == ()


def test_a_lot_of_ten_million_has_a_plan(store: Store) -> None:
    plan = opened(store, size=10_000_000).plan
    assert plan is not None
    assert (plan.inspect, plan.of(Severity.MAJOR).accept) == (500, 21)


def test_two_refused_lots_tighten_the_next_and_five_accepted_relax_it(store: Store) -> None:
    for number in range(2):
        judged(store, f"bad-{number}", 40)
    assert in_force(store) == "tightened"
    next_plan = opened(store, "next").plan
    assert next_plan is not None
    assert next_plan.of(Severity.MAJOR).strictness is Strictness.TIGHTENED
    for number in range(5):
        judged(store, f"good-{number}", 0)
    assert in_force(store) == "normal"
    history = lots.switching(store, "oxford", "line-1")[Severity.MAJOR].history
    assert [(switch.clause, switch.after_lot) for switch in history] == [
        ("9.3.1", "bad-1"),
        ("9.3.2", "good-4"),
    ]


def test_a_class_that_was_not_told_does_not_count_when_another_refused_early(store: Store) -> None:
    lot = opened(store, scheme=Scheme(critical=None))
    tallies = {Severity.MAJOR: Tally(20, 4), Severity.MINOR: Tally(20, 1)}  # of 50 items each
    refused: dict[str, Any] = {"by": "li", "seen_revision": 0, "tallies": tallies, "acceptable": False}
    lots.decide(store, lot.number, Outcome.REFUSED, **refused)
    states = lots.switching(store, "oxford", "line-1")
    assert states[Severity.MAJOR].recent == (False,)
    assert Severity.MINOR not in states


def test_another_line_has_a_history_of_its_own(store: Store) -> None:
    for number in range(2):
        judged(store, f"bad-{number}", 40)
    other = opened(store, "other", line="line-2").plan
    assert other is not None
    assert other.of(Severity.MAJOR).strictness is Strictness.NORMAL


def test_resubmitted_lots_and_those_planned_before_a_switch_do_not_count(store: Store) -> None:
    early = opened(store, "early")
    judged(store, "bad-0", 40)
    judged(store, "again", 40, resubmitted=True)
    assert in_force(store) == "normal"
    judged(store, "bad-1", 40)
    assert in_force(store) == "tightened"
    lots.decide(
        store,
        early.number,
        Outcome.ACCEPTED,
        by="li",
        seen_revision=0,
        tallies={Severity.MAJOR: Tally(50, 0)},
        acceptable=True,
    )
    assert lots.switching(store, "oxford", "line-1")[Severity.MAJOR].accepted_in_row == 0


def test_sampling_that_is_discontinued_opens_no_sample_until_the_supplier_acted(store: Store) -> None:
    for number in range(7):
        judged(store, f"bad-{number}", 40)
    assert in_force(store) == "discontinued"
    with pytest.raises(ConflictError, match="discontinued") as caught:
        opened(store, "next")
    assert "every item" in caught.value.hint
    assert opened(store, "sorted", mode=Mode.ALL).plan is None
    lots.add_declaration(
        store, "oxford", "line-1", Declaration.SUPPLIER_ACTED, severities=[Severity.MAJOR], by="wang"
    )
    assert in_force(store) == "tightened"
    assert opened(store, "resumed").plan is not None


def test_a_declaration_that_does_not_fit_changes_nothing(store: Store) -> None:
    with pytest.raises(ConflictError, match="not discontinued"):
        lots.add_declaration(
            store, "oxford", "line-1", Declaration.SUPPLIER_ACTED, severities=[Severity.MAJOR], by="wang"
        )
    assert lots.switching(store, "oxford", "line-1") == {}


def test_reduced_inspection_needs_score_steadiness_and_approval(store: Store) -> None:
    for number in range(10):
        judged(store, f"good-{number}", 0)
    for declaration in (Declaration.PRODUCTION_STEADY, Declaration.REDUCED_APPROVED):
        assert in_force(store) == "normal"
        lots.add_declaration(store, "oxford", "line-1", declaration, severities=[Severity.MAJOR], by="wang")
    assert in_force(store) == "reduced"
    judged(store, "bad", 40)
    assert in_force(store) == "normal"


def test_a_decision_is_taken_back_with_a_reason_and_the_table_with_it(store: Store) -> None:
    judged(store, "bad-0", 40)
    last = judged(store, "bad-1", 40)
    assert in_force(store) == "tightened"
    with pytest.raises(MetadataError, match="reason"):
        lots.undo(store, last.number, by="wang", seen_revision=1, reason="  ")
    undone = lots.undo(store, last.number, by="wang", seen_revision=1, reason="wrong lot")
    assert (undone.decision, undone.revision) == (None, 2)
    assert in_force(store) == "normal"
    told = [(event.event, event.who) for event in lots.events(store, last.number)]
    assert told == [(Event.OPENED, "li"), (Event.REFUSED, "li"), (Event.UNDONE, "wang")]
    trail = audit.entries(store, subject=f"lot:{last.number}")
    assert [entry.action.value for entry in trail] == ["lot decision undone", "lot refused", "lot opened"]
    assert trail[0].details["reason"] == "wrong lot"


def test_only_the_last_decision_of_a_line_can_be_taken_back(store: Store) -> None:
    first = judged(store, "one", 0)
    judged(store, "two", 0)
    with pytest.raises(ConflictError, match="two"):
        lots.undo(store, first.number, by="wang", seen_revision=1, reason="x")
    assert lots.by_number(store, first.number).decision is Outcome.ACCEPTED


def test_of_two_who_decide_at_once_one_is_told(store: Store) -> None:
    lot = judged(store, "L", 0)
    with pytest.raises(ConflictError, match="accepted"):
        lots.decide(
            store, lot.number, Outcome.REFUSED, by="wang", seen_revision=0, tallies={}, acceptable=True
        )
    with pytest.raises(NotFoundError, match="99"):
        lots.decide(store, 99, Outcome.REFUSED, by="wang", seen_revision=0, tallies={}, acceptable=True)


def test_what_happened_to_lots_cannot_be_changed(store: Store) -> None:
    judged(store, "L", 0)
    for statement in ("update lot_events set who = 'x'", "delete from lot_events"):
        with pytest.raises(DBAPIError, match="append-only"), store.write() as connection:
            connection.execute(sa.text(statement))


HOLE = Fault("hole", "toe", Severity.MAJOR)
MARK = Fault("scratch", "toe", Severity.MINOR)


def test_the_last_photo_of_each_view_counts_with_its_faults(store: Store) -> None:
    lot = opened(store)
    for part, view, faults, grade in (
        ("a", "toe", {HOLE: 2, MARK: 1}, Grade.C),
        ("a", "heel", {}, Grade.A),
        ("b", "toe", {HOLE: 1}, Grade.C),
        ("b", "toe", {MARK: 3}, Grade.B),  # photographed again after rework
        (None, "toe", {}, Grade.A),
    ):
        inspections.add(store, make_record(lot_id="L1", part_id=part, view=view, faults=faults, grade=grade))
    inspections.add(store, make_record(lot_id="another", part_id="z", grade=Grade.C, faults={HOLE: 1}))
    seen = lot_photos.seen(store, lot)
    assert [(photo.part, photo.view, dict(photo.faults)) for photo in seen[:3]] == [
        ("a", "toe", {Severity.MAJOR: 2, Severity.MINOR: 1}),
        ("a", "heel", {}),
        ("b", "toe", {Severity.MINOR: 3}),
    ]
    assert len(seen) == 4


def test_a_review_shows_as_an_override(store: Store) -> None:
    lot = opened(store)
    stored = inspections.add(store, make_record(lot_id="L1", part_id="a", grade=Grade.C, faults={HOLE: 1}))
    reviews.add(
        store,
        stored.record.result_id,
        reviewer="li",
        decision=Decision.OVERRIDE,
        grade=Grade.A,
        seen_revision=0,
    )
    [photo] = lot_photos.seen(store, lot)
    assert (photo.grade, photo.overridden) == (Grade.A, True)


def test_pairs_are_items_of_a_lot_of_pairs(store: Store) -> None:
    lot = opened(store, unit=Unit.PAIR)
    for part in ("l", "r"):
        inspections.add(store, make_record(lot_id="L1", part_id=part, pair_id="p"))
    assert {(photo.item, photo.part) for photo in lot_photos.seen(store, lot)} == {("p", "l"), ("p", "r")}
