"""Every cell of the standard's tables, and what is said when a lot or an AQL is not in them."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspection.errors import LotError
from inspection.lots import (
    AQLS,
    EDITION,
    LETTERS,
    Aql,
    Arrow,
    Level,
    Strictness,
    code_letter,
    poisson_pa,
    table_plan,
)

PRINTED: dict[str, Any] = json.loads((Path(__file__).parent / "iso2859_1.json").read_text(encoding="utf-8"))

levels = st.sampled_from(list(Level))
lots = st.integers(2, 10_000_000)


@pytest.mark.parametrize("strictness", list(Strictness))
def test_every_cell_of_the_table_is_the_printed_one(strictness: Strictness) -> None:
    computed = {
        letter: [
            f"{plan.letter} {plan.sample_size} {plan.accept} {plan.arrow}"
            for plan in (table_plan(letter, Aql.parse(aql), strictness) for aql in PRINTED["aqls"])
        ]
        for letter in LETTERS
    }
    assert computed == PRINTED["tables"][strictness]


def test_the_three_tables_have_all_their_cells() -> None:
    assert sum(len(row) for table in PRINTED["tables"].values() for row in table.values()) == 3 * 16 * 26


@pytest.mark.parametrize(("smallest", "largest", "letters"), PRINTED["code_letters"])
def test_both_ends_of_each_band_of_lots_have_the_printed_letters(
    smallest: int, largest: int | None, letters: str
) -> None:
    for lot_size in (smallest, largest or 10_000_000):
        assert "".join(code_letter(lot_size, level) for level in Level) == letters


def test_levels_and_aqls_are_the_printed_ones() -> None:
    assert [str(level) for level in Level] == PRINTED["levels"]
    assert [str(aql) for aql in AQLS] == PRINTED["aqls"]


def test_an_arrow_moves_the_whole_plan_and_not_the_acceptance_number_alone() -> None:
    # Lots of 51 to 90 at level II have letter E; at AQL 2.5 the arrow leads to F: 20 items, not 13.
    plan = table_plan(code_letter(80, Level.II), Aql.parse("2.5"), Strictness.NORMAL)
    assert (plan.asked_letter, plan.letter, plan.sample_size) == ("E", "F", 20)
    assert (plan.accept, plan.reject, plan.arrow) == (1, 2, Arrow.DOWN)


def test_the_largest_lots_under_tightened_inspection_reach_letter_s() -> None:
    for letter in "QR":
        plan = table_plan(letter, Aql.parse("0.025"), Strictness.TIGHTENED)
        assert (plan.letter, plan.sample_size, plan.accept) == ("S", 3150, 1)


@pytest.mark.parametrize("letter", list(LETTERS))
@pytest.mark.parametrize("aql", AQLS)
def test_at_its_aql_a_tightened_plan_never_accepts_more_often_than_the_normal_one(
    letter: str, aql: Decimal
) -> None:
    normal = table_plan(letter, Aql(aql), Strictness.NORMAL)
    tightened = table_plan(letter, Aql(aql), Strictness.TIGHTENED)
    accepted_normal = poisson_pa(normal.sample_size, normal.accept, float(aql))
    accepted_tightened = poisson_pa(tightened.sample_size, tightened.accept, float(aql))
    assert accepted_tightened <= accepted_normal + 1e-12


@given(lot=lots, more=st.integers(0, 1_000_000), level=levels)
def test_a_larger_lot_never_has_an_earlier_letter(lot: int, more: int, level: Level) -> None:
    assert code_letter(lot, level) <= code_letter(lot + more, level)


@given(lot=lots)
def test_a_higher_level_never_has_an_earlier_letter(lot: int) -> None:
    special = [code_letter(lot, level) for level in (Level.S1, Level.S2, Level.S3, Level.S4)]
    general = [code_letter(lot, level) for level in (Level.I, Level.II, Level.III)]
    assert special == sorted(special)
    assert general == sorted(general)


def test_a_lot_of_one_is_told_to_be_inspected_itself() -> None:
    with pytest.raises(LotError, match="lot of 1 item") as refused:
        code_letter(1, Level.II)
    assert "Inspect the item itself" in refused.value.hint


@pytest.mark.parametrize("lot_size", [0, -3])
def test_a_lot_without_items_is_refused(lot_size: int) -> None:
    with pytest.raises(LotError, match=str(lot_size)):
        code_letter(lot_size, Level.II)


def test_a_lot_of_ten_million_has_a_plan() -> None:
    plan = table_plan(code_letter(10_000_000, Level.II), Aql.parse("2.5"), Strictness.NORMAL)
    assert (plan.asked_letter, plan.letter, plan.sample_size, plan.accept) == ("Q", "N", 500, 21)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("3", "2.5 (stricter) or 4.0 (laxer)"),
        ("2", "1.5 (stricter) or 2.5 (laxer)"),
        ("0.02", "0.015 (stricter) or 0.025 (laxer)"),
        ("0.001", "strictest is 0.010"),
        ("2000", "laxest is 1000"),
    ],
)
def test_an_aql_between_the_preferred_values_names_its_neighbours(text: str, named: str) -> None:
    with pytest.raises(LotError, match="not one of the preferred values") as refused:
        Aql.parse(text)
    assert named in refused.value.hint
    assert EDITION in refused.value.detail


@pytest.mark.parametrize("text", ["", "two", "2,5", "nan", "inf", "-1", "sNaN"])
def test_what_is_no_aql_is_refused(text: str) -> None:
    with pytest.raises(LotError):
        Aql.parse(text)


@pytest.mark.parametrize(
    ("text", "written"), [("0.01", "0.010"), (" 2.50 ", "2.5"), ("4%", "4.0"), ("1e1", "10")]
)
def test_an_aql_is_written_as_the_standard_writes_it(text: str, written: str) -> None:
    assert str(Aql.parse(text)) == written


def test_an_aql_of_zero_is_not_looked_up() -> None:
    with pytest.raises(LotError, match="AQL 0 is not in the tables"):
        table_plan("H", Aql.parse("0"), Strictness.NORMAL)


@pytest.mark.parametrize("letter", ["I", "O", "S", "", "AB", "a"])
def test_what_is_no_code_letter_is_refused(letter: str) -> None:
    with pytest.raises(LotError, match="code letter"):
        table_plan(letter, Aql.parse("2.5"), Strictness.NORMAL)
