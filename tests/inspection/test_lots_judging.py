"""Plans of whole lots with their classes, and the decision from counts."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspection.domain import Severity
from inspection.errors import LotError
from inspection.lots import (
    AQLS,
    EDITION,
    Aql,
    Arrow,
    Counting,
    Level,
    LotPlan,
    NoneAllowedIn,
    SampleBy,
    Scheme,
    SinglePlan,
    Strictness,
    Tally,
    draw_sample,
    judge_lot,
    judge_single,
    plan_lot,
    plan_single,
)

CRITICAL, MAJOR, MINOR = Severity.CRITICAL, Severity.MAJOR, Severity.MINOR


def aql(text: str) -> Aql:
    return Aql.parse(text)


def tallies(critical: int, major: int, minor: int, *, plan: LotPlan) -> dict[Severity, Tally]:
    """The counts of complete samples."""
    found = {CRITICAL: critical, MAJOR: major, MINOR: minor}
    return {severity: Tally(plan.of(severity).inspect, count) for severity, count in found.items()}


def sizes(plan: LotPlan) -> list[tuple[int, int]]:
    return [(of_class.plan.inspect, of_class.plan.accept) for of_class in plan.classes]


@pytest.mark.parametrize(
    ("lot_size", "limit", "n", "accept"),
    [(500, "2.5", 50, 3), (1200, "2.5", 80, 5), (3200, "4.0", 125, 10), (80, "2.5", 20, 1)],
)
def test_the_plans_that_inspectors_know_by_heart(lot_size: int, limit: str, n: int, accept: int) -> None:
    plan = plan_single(lot_size, aql(limit))
    assert (plan.sample_size, plan.accept, plan.reject) == (n, accept, accept + 1)
    assert plan.edition == EDITION


def test_the_usual_scheme_allows_no_critical_in_the_largest_sample() -> None:
    plan = plan_lot(500)
    assert plan.letter == "H"
    assert [str(of_class.severity) for of_class in plan.classes] == ["critical", "major", "minor"]
    assert sizes(plan) == [(50, 0), (50, 3), (50, 5)]
    assert plan.inspect == 50


def test_classes_keep_their_own_samples_unless_one_letter_is_agreed() -> None:
    # 51 to 90 items, level II: AQL 2.5 is led from letter E to F, AQL 4.0 stays at E.
    assert sizes(plan_lot(80)) == [(20, 0), (20, 1), (13, 1)]
    assert sizes(plan_lot(80, Scheme(sample_by=SampleBy.LARGEST))) == [(20, 0), (20, 1), (20, 2)]


def test_one_letter_for_all_is_looked_up_again_when_it_leads_further() -> None:
    # Letter D: AQL 1.0 is led to E (13, 0), 4.0 to E (13, 1): one look-up settles it.
    plan = plan_lot(40, Scheme(major=aql("1.0"), minor=aql("4.0"), sample_by=SampleBy.LARGEST))
    assert sizes(plan) == [(13, 0), (13, 0), (13, 1)]
    # Letter D: AQL 1.5 is printed (8, 0), 4.0 is led to E (13, 1); at E, 1.5 is led up to D again.
    plan = plan_lot(40, Scheme(major=aql("1.5"), minor=aql("4.0"), sample_by=SampleBy.LARGEST))
    assert sizes(plan) == [(13, 0), (8, 0), (13, 1)]


def test_a_class_without_tolerance_may_be_looked_for_in_every_item() -> None:
    plan = plan_lot(500, Scheme(none_allowed_in=NoneAllowedIn.LOT))
    assert sizes(plan) == [(500, 0), (50, 3), (50, 5)]
    assert plan.inspect == 500
    assert plan.of(CRITICAL).every_item


def test_a_class_without_tolerance_on_its_own_has_the_sample_of_the_code_letter() -> None:
    assert sizes(plan_lot(500, Scheme(major=None, minor=None))) == [(50, 0)]


def test_each_class_is_under_its_own_table() -> None:
    plan = plan_lot(500, strictness={MAJOR: Strictness.TIGHTENED, MINOR: Strictness.REDUCED})
    assert sizes(plan) == [(50, 0), (50, 2), (20, 3)]


def test_a_sample_that_reaches_the_lot_inspects_every_item_and_keeps_its_numbers() -> None:
    plan = plan_single(10, aql("0.65"))
    assert (plan.sample_size, plan.inspect, plan.every_item) == (20, 10, True)
    assert (plan.accept, plan.reject, plan.arrow) == (0, 1, Arrow.DOWN)


@given(
    lot=st.integers(2, 10_000_000),
    level=st.sampled_from(list(Level)),
    strictness=st.sampled_from(list(Strictness)),
    limit=st.sampled_from(AQLS),
)
def test_no_plan_asks_for_more_than_the_lot(
    lot: int, level: Level, strictness: Strictness, limit: Decimal
) -> None:
    plan = plan_single(lot, Aql(limit), level=level, strictness=strictness, counting=Counting.NONCONFORMITIES)
    assert 2 <= plan.inspect <= lot
    assert plan.every_item == (plan.inspect == lot)
    assert plan.reject == plan.accept + 1


@given(
    lot=st.integers(2, 10_000_000),
    level=st.sampled_from(list(Level)),
    major=st.sampled_from(AQLS[:16]),
    minor=st.sampled_from(AQLS[:16]),
    tables=st.tuples(st.sampled_from(list(Strictness)), st.sampled_from(list(Strictness))),
)
def test_one_letter_for_all_never_draws_fewer_items(
    lot: int, level: Level, major: Decimal, minor: Decimal, tables: tuple[Strictness, Strictness]
) -> None:
    in_force = {MAJOR: tables[0], MINOR: tables[1]}
    each, largest = (
        plan_lot(lot, Scheme(level, major=Aql(major), minor=Aql(minor), sample_by=by), strictness=in_force)
        for by in SampleBy
    )
    assert largest.inspect >= each.inspect


def test_an_aql_above_ten_counts_nonconformities_only() -> None:
    with pytest.raises(LotError, match="AQL 15 is above 10") as refused:
        plan_single(500, aql("15"))
    assert "Count nonconformities" in refused.value.hint
    with pytest.raises(LotError, match="AQL 25"):
        Scheme(minor=aql("25"))
    assert plan_single(500, aql("15"), counting=Counting.NONCONFORMITIES).accept == 14


def test_a_scheme_without_any_class_is_refused() -> None:
    with pytest.raises(LotError, match="No class"):
        Scheme(critical=None, major=None, minor=None)


def test_asking_a_lot_for_a_class_that_it_is_not_judged_by_names_those_it_is() -> None:
    with pytest.raises(LotError, match="no plan for minor") as refused:
        plan_lot(500, Scheme(minor=None)).of(MINOR)
    assert "critical, major" in refused.value.hint


def test_a_lot_at_its_acceptance_numbers_is_acceptable() -> None:
    plan = plan_lot(500)
    decision = judge_lot(plan, tallies(0, 3, 5, plan=plan))
    assert decision.acceptable
    assert decision.edition == EDITION
    assert decision.classes[1].message == "major: 3 nonconforming in 50 items, at most 3 allowed."


@pytest.mark.parametrize("found", [(1, 0, 0), (0, 4, 0), (0, 0, 6)])
def test_one_too_many_of_any_class_refuses_the_lot(found: tuple[int, int, int]) -> None:
    plan = plan_lot(500)
    decision = judge_lot(plan, tallies(*found, plan=plan))
    assert not decision.acceptable
    assert [of_class.acceptable for of_class in decision.classes].count(False) == 1


def test_a_class_that_refuses_is_enough_however_far_the_others_are() -> None:
    plan = plan_lot(500)
    counted = {severity: Tally(20, 0) for severity in tallies(0, 0, 0, plan=plan)} | {MAJOR: Tally(20, 4)}
    decision = judge_lot(plan, counted)
    assert not decision.acceptable
    assert [of_class.acceptable for of_class in decision.classes] == [None, False, None]
    assert decision.classes[1].stopped_early
    assert decision.classes[2].message == "minor: 0 found in 20 of 50 items, not completed."
    with pytest.raises(LotError, match="has 20 of 50 items"):
        judge_lot(plan, counted | {MAJOR: Tally(20, 3)})
    with pytest.raises(LotError, match="cannot be"):
        judge_lot(plan, counted | {MINOR: Tally(-1, 0)})


def test_one_nonconformity_is_told_as_one() -> None:
    plan = plan_single(500, aql("2.5"), counting=Counting.NONCONFORMITIES)
    decision = judge_single(plan, Tally(50, 1), MAJOR)
    assert decision.message == "major: 1 nonconformity in 50 items, at most 3 allowed."


def test_the_message_of_a_refusal_names_the_count_and_the_limit() -> None:
    decision = judge_single(plan_single(500, aql("2.5")), Tally(50, 6), MAJOR)
    assert decision.message == "major: 6 nonconforming in 50 items, 4 or more refuse the lot."


def test_a_lot_may_be_refused_before_its_sample_is_complete_but_not_accepted() -> None:
    plan = plan_single(500, aql("2.5"))
    decision = judge_single(plan, Tally(31, 4), MAJOR)
    assert not decision.acceptable
    assert decision.stopped_early
    with pytest.raises(LotError, match="31 of 50 items") as refused:
        judge_single(plan, Tally(31, 3), MAJOR)
    assert "19 more" in refused.value.hint


@given(
    lot=st.integers(2, 100_000),
    limit=st.sampled_from(AQLS[:16]),
    found=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_finding_more_never_turns_a_refusal_into_an_acceptance(
    lot: int, limit: Decimal, found: tuple[float, float]
) -> None:
    plan = plan_single(lot, Aql(limit))
    fewer, more = sorted(round(part * plan.inspect) for part in found)
    better = judge_single(plan, Tally(plan.inspect, fewer), MAJOR)
    worse = judge_single(plan, Tally(plan.inspect, more), MAJOR)
    assert better.acceptable or not worse.acceptable


def test_nonconformities_may_outnumber_the_items_but_nonconforming_items_may_not() -> None:
    by_100 = plan_single(500, aql("150"), counting=Counting.NONCONFORMITIES)
    assert by_100.accept > by_100.inspect
    assert judge_single(by_100, Tally(by_100.inspect, by_100.accept), MINOR).acceptable
    with pytest.raises(
        LotError, match="A count of 51 for major nonconforming items cannot come of a sample of 50"
    ) as refused:
        judge_single(plan_single(500, aql("2.5")), Tally(50, 51), MAJOR)
    assert "once" in refused.value.hint


def _single() -> SinglePlan:
    return plan_single(500, aql("2.5"))


@pytest.mark.parametrize(
    ("tally", "said"),
    [
        (Tally(501, 0), "501 items were inspected of a lot of 500"),
        (Tally(51, 0), "51 items were inspected for major faults; the sample has 50"),
        (Tally(50, -1), "below 0"),
        (Tally(-1, 0), "below 0"),
        (Tally(0, 0), "0 of 50 items"),
    ],
)
def test_an_impossible_count_is_refused_and_says_why(tally: Tally, said: str) -> None:
    with pytest.raises(LotError, match=said):
        judge_single(_single(), tally, MAJOR)


def test_nonconformities_in_no_items_are_refused() -> None:
    plan = plan_single(500, aql("2.5"), counting=Counting.NONCONFORMITIES)
    with pytest.raises(LotError, match="No item was inspected"):
        judge_single(plan, Tally(0, 9), MAJOR)


def test_each_class_of_the_plan_needs_a_count_and_no_other_may_have_one() -> None:
    plan = plan_lot(500)
    with pytest.raises(LotError, match="no count for critical, minor"):
        judge_lot(plan, {MAJOR: Tally(50, 0)})
    without_minor = plan_lot(500, Scheme(minor=None))
    with pytest.raises(LotError, match="count for minor, which this lot is not judged by"):
        judge_lot(without_minor, tallies(0, 0, 0, plan=plan))


@given(lot=st.integers(1, 5000), part=st.floats(0, 1), seed=st.text(max_size=20))
def test_a_drawn_sample_has_different_items_of_the_lot_and_can_be_drawn_again(
    lot: int, part: float, seed: str
) -> None:
    items = max(1, round(part * lot))
    drawn = draw_sample(lot, items, seed=seed)
    assert len(set(drawn)) == items
    assert list(drawn) == sorted(drawn)
    assert 1 <= drawn[0] <= drawn[-1] <= lot
    assert drawn == draw_sample(lot, items, seed=seed)


def test_every_item_of_a_lot_is_drawn_about_equally_often() -> None:
    times = dict.fromkeys(range(1, 11), 0)
    for seed in range(2000):
        for position in draw_sample(10, 3, seed=str(seed)):
            times[position] += 1
    assert all(500 < count < 700 for count in times.values()), times


def test_a_sample_larger_than_the_lot_cannot_be_drawn() -> None:
    with pytest.raises(LotError, match="sample of 11 cannot be drawn from a lot of 10"):
        draw_sample(10, 11, seed="lot 7")
