"""Sequences of lots through the switching rules."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspection.domain import Severity
from inspection.errors import LotError
from inspection.lots import (
    AQLS,
    EDITION,
    LETTERS,
    Aql,
    Counting,
    Declaration,
    LotOutcome,
    Scheme,
    Strictness,
    Switching,
    after_lot,
    declare,
    one_step_tighter,
    plan_lot,
    plan_single,
    table_plan,
)

GOOD, TOLERABLE, BAD = "good", "tolerable", "bad"
"""A lot that a tighter AQL would accept too; one that only this AQL accepts; one not accepted."""


def outcome(
    state: Switching, how: str, *, lot: str = "L", lot_size: int = 500, limit: str = "2.5"
) -> LotOutcome:
    """A lot of H, AQL 2.5 (n / Ac): normal 50 / 3, one step tighter 2; tightened 50 / 2; reduced 20 / 2."""
    plan = plan_single(lot_size, Aql.parse(limit), strictness=state.strictness)
    found = {GOOD: 0, TOLERABLE: plan.accept, BAD: plan.reject}[how]
    return LotOutcome(lot, plan, found)


def run(state: Switching, *hows: str, **of_lot: str | int) -> Switching:
    for number, how in enumerate(hows, start=1):
        state = after_lot(state, outcome(state, how, lot=f"L{number}", **of_lot))  # type: ignore[arg-type]
    return state


def ready(state: Switching) -> Switching:
    """With steady production and approval declared."""
    return declare(declare(state, Declaration.PRODUCTION_STEADY), Declaration.REDUCED_APPROVED)


def tightened() -> Switching:
    return run(Switching(), BAD, BAD)


def reduced() -> Switching:
    return run(ready(Switching()), *[GOOD] * 10)


def test_inspection_starts_normal_and_names_its_edition() -> None:
    assert Switching().name == "normal"
    assert Switching().edition == EDITION


@pytest.mark.parametrize(
    "lots",
    [(BAD, BAD), (BAD, GOOD, BAD), (BAD, GOOD, GOOD, GOOD, BAD), (GOOD, GOOD, GOOD, BAD, GOOD, GOOD, BAD)],
)
def test_two_refused_within_five_lots_bring_tightened_inspection(lots: tuple[str, ...]) -> None:
    assert run(Switching(), *lots[:-1]).name == "normal"
    state = run(Switching(), *lots)
    assert state.name == "tightened"
    assert state.history[-1].clause == "9.3.1"


def test_two_refused_six_lots_apart_leave_inspection_normal() -> None:
    assert run(Switching(), BAD, GOOD, GOOD, GOOD, GOOD, BAD).name == "normal"


def test_five_accepted_in_a_row_end_tightened_inspection() -> None:
    assert run(tightened(), GOOD, GOOD, GOOD, GOOD).name == "tightened"
    state = run(tightened(), GOOD, BAD, GOOD, GOOD, GOOD, GOOD, TOLERABLE)
    assert (state.name, state.history[-1].clause) == ("normal", "9.3.2")


def test_a_refused_lot_before_tightened_inspection_does_not_count_after_it() -> None:
    back = run(tightened(), *[GOOD] * 5)
    assert run(back, BAD).name == "normal"
    assert run(back, BAD, BAD).name == "tightened"


def test_five_refused_under_tightened_inspection_end_sampling() -> None:
    four = run(tightened(), BAD, GOOD, BAD, GOOD, GOOD, BAD, GOOD, GOOD, GOOD, GOOD, lot_size=500)
    assert four.name == "tightened"
    assert four.refused == 3
    state = run(four, BAD, GOOD, BAD)
    assert (state.name, state.history[-1].clause) == ("discontinued", "9.4")
    with pytest.raises(LotError, match="discontinued since lot L3") as refused:
        run(state, GOOD)
    assert "supplier" in refused.value.hint


def test_the_refused_lots_are_counted_anew_when_tightened_inspection_is_taken_up_again() -> None:
    state = run(tightened(), BAD, BAD, BAD, BAD, *[GOOD] * 5)
    assert state.name == "normal"
    state = run(state, BAD, BAD, BAD, BAD, BAD, BAD)
    assert (state.name, state.refused) == ("tightened", 4)
    assert run(state, BAD).name == "discontinued"


def test_sampling_resumes_tightened_when_the_supplier_has_acted() -> None:
    stopped = run(tightened(), *[BAD] * 5)
    state = declare(stopped, Declaration.SUPPLIER_ACTED)
    assert (state.name, state.refused) == ("tightened", 0)
    assert run(state, *[GOOD] * 5).name == "normal"
    with pytest.raises(LotError, match="not discontinued"):
        declare(state, Declaration.SUPPLIER_ACTED)


def test_ten_lots_good_at_a_tighter_aql_open_reduced_inspection() -> None:
    state = ready(Switching())
    scores = []
    for _ in range(9):
        state = run(state, GOOD)
        scores.append(state.score)
    assert scores == [3, 6, 9, 12, 15, 18, 21, 24, 27]
    state = run(state, GOOD)
    assert (state.name, state.history[-1].clause) == ("reduced", "9.3.3")


def test_fifteen_accepted_lots_of_a_small_plan_open_reduced_inspection() -> None:
    # 80 items, AQL 2.5: 20 / 1; every accepted lot scores 2.
    state = run(ready(Switching()), *[TOLERABLE] * 14, lot_size=80)
    assert (state.name, state.score) == ("normal", 28)
    assert run(state, TOLERABLE, lot_size=80).name == "reduced"


def test_a_lot_that_a_tighter_aql_would_refuse_sets_the_score_back() -> None:
    state = run(Switching(), GOOD, GOOD, TOLERABLE)
    assert (state.name, state.score) == ("normal", 0)
    assert run(state, GOOD, BAD).score == 0


def test_the_score_waits_above_thirty_until_the_other_conditions_are_met() -> None:
    state = run(Switching(), *[GOOD] * 12)
    assert (state.name, state.score) == ("normal", 36)
    state = declare(state, Declaration.REDUCED_APPROVED)
    assert state.name == "normal"
    assert declare(state, Declaration.PRODUCTION_STEADY).name == "reduced"


def test_one_refused_lot_ends_reduced_inspection_and_uses_up_its_approval() -> None:
    state = run(reduced(), GOOD, TOLERABLE)
    assert state.name == "reduced"
    state = run(state, BAD)
    assert (state.name, state.score, state.history[-1].clause) == ("normal", 0, "9.3.4")
    state = run(state, *[GOOD] * 10)
    assert state.name == "normal"
    assert declare(state, Declaration.REDUCED_APPROVED).name == "reduced"


def test_the_lot_that_ended_reduced_inspection_is_not_one_of_the_two_of_five() -> None:
    assert run(reduced(), BAD, BAD).name == "normal"
    assert run(reduced(), BAD, BAD, BAD).name == "tightened"


@pytest.mark.parametrize("said", [Declaration.PRODUCTION_IRREGULAR, Declaration.REDUCED_WITHDRAWN])
def test_reduced_inspection_ends_when_its_conditions_do(said: Declaration) -> None:
    assert declare(reduced(), said).name == "normal"
    assert declare(tightened(), said).name == "tightened"


def test_a_resubmitted_lot_changes_nothing() -> None:
    state = run(Switching(), BAD)
    again = outcome(state, BAD)
    assert after_lot(state, LotOutcome(again.lot, again.plan, again.found, resubmitted=True)) == state


def test_a_lot_judged_by_another_table_than_the_one_in_force_is_refused() -> None:
    with pytest.raises(LotError, match="judged as normal, but tightened is in force"):
        after_lot(tightened(), outcome(Switching(), GOOD))


def test_a_class_of_which_none_is_allowed_does_not_switch() -> None:
    with pytest.raises(LotError, match="one plan only"):
        after_lot(Switching(), LotOutcome("L1", plan_lot(500, Scheme()).of(Severity.CRITICAL), 0))


def test_the_history_tells_every_change_with_its_lot_clause_and_reason() -> None:
    state = run(ready(Switching()), GOOD, BAD, BAD)
    state = run(state, *[GOOD] * 5)
    told = [(switch.after_lot, switch.before, switch.after, switch.clause) for switch in state.history]
    assert told == [("L3", "normal", "tightened", "9.3.1"), ("L5", "tightened", "normal", "9.3.2")]
    assert state.history[0].reason == "2 of 3 consecutive lots were not accepted"


@pytest.mark.parametrize("letter", list(LETTERS))
def test_one_step_tighter_always_has_the_sample_that_was_drawn(letter: str) -> None:
    for index, aql in enumerate(AQLS):
        plan = table_plan(letter, Aql(aql), Strictness.NORMAL)
        if plan.accept >= 2:
            tighter = table_plan(plan.letter, Aql(AQLS[index - 1]), Strictness.NORMAL)
            assert tighter.sample_size == plan.sample_size
            assert tighter.accept < plan.accept


def test_one_step_tighter_follows_the_plan_in_use_where_an_arrow_points_up() -> None:
    # Letter N, AQL 4.0: the arrow leads up to M, 315 / 21. AQL 2.5 at N is 500 / 21, which nobody drew.
    plan = plan_single(100_000, Aql.parse("4.0"))
    assert (plan.asked_letter, plan.letter, plan.sample_size, plan.accept) == ("N", "M", 315, 21)
    assert one_step_tighter(plan) == 14


@pytest.mark.parametrize("limit", ["2.5", "4.0"])
def test_up_to_35_000_items_both_readings_of_one_step_tighter_have_the_same_sample(limit: str) -> None:
    aql = Aql.parse(limit)
    for lot_size in (8, 15, 25, 50, 90, 150, 280, 500, 1200, 3200, 10_000, 35_000):
        plan = plan_single(lot_size, aql)
        if plan.accept >= 2:
            again = plan_single(lot_size, Aql(AQLS[aql.index - 1]))
            assert (again.sample_size, again.accept) == (plan.sample_size, one_step_tighter(plan))


def test_one_step_tighter_is_asked_of_normal_plans_above_one_only() -> None:
    with pytest.raises(LotError, match="takes no part"):
        one_step_tighter(plan_single(80, Aql.parse("2.5")))
    with pytest.raises(LotError, match="takes no part"):
        one_step_tighter(plan_single(500, Aql.parse("2.5"), strictness=Strictness.TIGHTENED))


@dataclass
class Book:
    """The rules as a clerk would apply them: looks through the whole list each time, keeps no counts."""

    entries: list[tuple[str, str]] = field(default_factory=list)
    table: str = "normal"
    since: int = 0

    def enter(self, how: str) -> None:
        self.entries.append((self.table, how))
        here = [how for _, how in self.entries[self.since :]]
        if self.table == "normal":
            last = here[-5:]
            if last.count(BAD) >= 2:
                self.take_up("tightened")
                return
            run_of_good = 0
            for how_before in reversed(here):
                if how_before != GOOD:
                    break
                run_of_good += 1
            if 3 * run_of_good >= 30:
                self.take_up("reduced")
        elif self.table == "tightened":
            if here.count(BAD) == 5:
                self.take_up("discontinued")
            elif len(here) >= 5 and BAD not in here[-5:]:
                self.take_up("normal")
        elif self.table == "reduced" and how == BAD:
            self.take_up("normal")

    def take_up(self, table: str) -> None:
        self.table, self.since = table, len(self.entries)


weighted = st.sampled_from([GOOD] * 12 + [TOLERABLE, BAD, BAD])


@given(st.lists(weighted, max_size=120))
def test_any_sequence_ends_where_a_clerk_with_the_whole_list_would_end(hows: list[str]) -> None:
    state, book = Switching(), Book()
    for how in hows:
        state = ready(state) if not state.discontinued else declare(state, Declaration.SUPPLIER_ACTED)
        if book.table == "discontinued":
            book.take_up("tightened")
        state = run(state, how)
        book.enter(how)
        assert state.name == book.table


@given(st.lists(weighted, max_size=60))
def test_the_history_is_a_chain_that_ends_in_the_present(hows: list[str]) -> None:
    state = Switching()
    for how in hows:
        if state.discontinued:
            state = declare(state, Declaration.SUPPLIER_ACTED)
        state = run(ready(state), how)
    chain = ["normal", *(switch.after for switch in state.history)]
    assert [switch.before for switch in state.history] == chain[:-1]
    assert chain[-1] == state.name


def test_nonconformities_per_100_items_switch_by_the_same_rules() -> None:
    state = ready(Switching())
    for number in range(10):
        plan = plan_single(
            500, Aql.parse("65"), strictness=state.strictness, counting=Counting.NONCONFORMITIES
        )
        state = after_lot(state, LotOutcome(f"L{number}", plan, one_step_tighter(plan)))
    assert state.name == "reduced"
