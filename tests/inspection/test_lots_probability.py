"""Probabilities of acceptance against scipy, and what must hold of every curve."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspection.errors import LotError
from inspection.lots import (
    AQLS,
    LETTERS,
    Aql,
    Arrow,
    Model,
    Strictness,
    TablePlan,
    binomial_pa,
    binomial_quality,
    curve,
    hypergeometric_pa,
    poisson_pa,
    poisson_quality,
    table_plan,
)


@pytest.fixture(scope="module")
def stats() -> Any:
    """scipy comes with the training extra; the service must not need it."""
    return pytest.importorskip("scipy.stats")


def _printed_plans(strictness: Strictness) -> list[tuple[Aql, TablePlan]]:
    plans = [(Aql(aql), table_plan(letter, Aql(aql), strictness)) for letter in LETTERS for aql in AQLS]
    return [(aql, plan) for aql, plan in plans if plan.arrow is Arrow.NONE]


@pytest.mark.parametrize("strictness", list(Strictness))
def test_pa_at_the_aql_of_every_printed_plan_equals_scipy(stats: Any, strictness: Strictness) -> None:
    plans = _printed_plans(strictness)
    assert len(plans) > 130
    for aql, plan in plans:
        quality = float(aql.value)
        if quality <= 10:
            expected = stats.binom.cdf(plan.accept, plan.sample_size, quality / 100)
            assert binomial_pa(plan.sample_size, plan.accept, quality) == pytest.approx(expected, abs=1e-9)
        expected = stats.poisson.cdf(plan.accept, plan.sample_size * quality / 100)
        assert poisson_pa(plan.sample_size, plan.accept, quality) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("percent", [1e-9, 0.01, 0.4, 2.5, 10.0, 49.0, 90.0, 99.999])
@pytest.mark.parametrize(("sample_size", "accept"), [(2, 0), (13, 1), (125, 7), (3150, 21), (20_000, 400)])
def test_the_binomial_equals_scipy_over_its_whole_range(
    stats: Any, sample_size: int, accept: int, percent: float
) -> None:
    expected = stats.binom.cdf(accept, sample_size, percent / 100)
    assert binomial_pa(sample_size, accept, percent) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("per_100", [1e-9, 0.4, 10.0, 150.0, 1000.0, 5000.0])
@pytest.mark.parametrize(("sample_size", "accept"), [(2, 0), (5, 44), (125, 7), (3150, 21)])
def test_the_poisson_equals_scipy_over_its_whole_range(
    stats: Any, sample_size: int, accept: int, per_100: float
) -> None:
    expected = stats.poisson.cdf(accept, sample_size * per_100 / 100)
    assert poisson_pa(sample_size, accept, per_100) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("lot_size", "nonconforming"), [(2, 1), (90, 4), (500, 12), (500, 499), (3200, 80), (150_000, 3000)]
)
@pytest.mark.parametrize(("sample_size", "accept"), [(2, 0), (20, 1), (50, 3), (500, 21)])
def test_the_hypergeometric_equals_scipy(
    stats: Any, lot_size: int, nonconforming: int, sample_size: int, accept: int
) -> None:
    sample_size = min(sample_size, lot_size)
    expected = stats.hypergeom.cdf(accept, lot_size, nonconforming, sample_size)
    found = hypergeometric_pa(lot_size, nonconforming, sample_size, accept)
    assert found == pytest.approx(float(expected), abs=1e-9)


def test_the_published_point_of_letter_k_at_aql_2_5_is_met() -> None:
    assert binomial_pa(125, 7, 2.5) == pytest.approx(0.9864, abs=5e-5)
    assert binomial_quality(125, 7, 0.95) == pytest.approx(3.2241, abs=5e-5)
    assert binomial_quality(125, 7, 0.10) == pytest.approx(9.2371, abs=5e-5)


samples = st.integers(1, 3150)
accepts = st.integers(0, 60)
percents = st.floats(0, 100)


@given(n=samples, accept=accepts, first=percents, second=percents)
def test_worse_quality_is_never_accepted_more_often(n: int, accept: int, first: float, second: float) -> None:
    better, worse = sorted((first, second))
    assert binomial_pa(n, accept, worse) <= binomial_pa(n, accept, better) + 1e-12
    assert poisson_pa(n, accept, worse) <= poisson_pa(n, accept, better) + 1e-12


@given(n=samples, accept=accepts, percent=percents)
def test_allowing_one_more_never_accepts_less_often(n: int, accept: int, percent: float) -> None:
    assert 0.0 <= binomial_pa(n, accept, percent) <= binomial_pa(n, accept + 1, percent) + 1e-12 <= 1.0 + 1e-9
    assert 0.0 <= poisson_pa(n, accept, percent) <= poisson_pa(n, accept + 1, percent) + 1e-12 <= 1.0 + 1e-9


@given(n=samples, accept=accepts, percent=percents)
def test_a_larger_sample_with_the_same_allowance_never_accepts_more_often(
    n: int, accept: int, percent: float
) -> None:
    assert binomial_pa(n + 1, accept, percent) <= binomial_pa(n, accept, percent) + 1e-12


@given(lot=st.integers(2, 400), parts=st.tuples(st.floats(0, 1), st.floats(0, 1)), accept=st.integers(0, 30))
def test_one_more_bad_item_in_a_lot_is_never_accepted_more_often(
    lot: int, parts: tuple[float, float], accept: int
) -> None:
    n = max(1, round(parts[0] * lot))
    bad = round(parts[1] * (lot - 1))
    assert hypergeometric_pa(lot, bad + 1, n, accept) <= hypergeometric_pa(lot, bad, n, accept)


@given(lot=st.integers(2, 300), bad=st.integers(0, 300), n=st.integers(1, 300), accept=st.integers(0, 30))
def test_counting_ways_agrees_with_adding_up_every_case(lot: int, bad: int, n: int, accept: int) -> None:
    bad, n = min(bad, lot), min(n, lot)
    ways = sum(math.comb(bad, k) * math.comb(lot - bad, n - k) for k in range(min(accept, n) + 1))
    assert hypergeometric_pa(lot, bad, n, accept) == ways / math.comb(lot, n)


@given(lot=st.integers(2, 5000), bad=st.integers(0, 5000), accept=st.integers(0, 50))
def test_inspecting_every_item_leaves_nothing_to_chance(lot: int, bad: int, accept: int) -> None:
    bad = min(bad, lot)
    assert hypergeometric_pa(lot, bad, lot, accept) == (1.0 if bad <= accept else 0.0)


@given(n=st.integers(1, 200), accept=st.integers(0, 10), percent=st.integers(0, 20))
def test_a_very_large_lot_is_accepted_like_a_process(n: int, accept: int, percent: int) -> None:
    lot = 10_000_000
    of_lot = hypergeometric_pa(lot, lot * percent // 100, n, accept)
    assert of_lot == pytest.approx(binomial_pa(n, accept, float(percent)), abs=1e-3)


@given(n=samples, accept=accepts, pa=st.floats(0.001, 0.999))
def test_the_quality_at_a_probability_has_that_probability(n: int, accept: int, pa: float) -> None:
    assert poisson_pa(n, accept, poisson_quality(n, accept, pa)) == pytest.approx(pa, abs=1e-9)
    if accept < n:
        assert binomial_pa(n, accept, binomial_quality(n, accept, pa)) == pytest.approx(pa, abs=1e-9)


@pytest.mark.parametrize("model", list(Model))
def test_a_curve_falls_from_certainty_to_less_than_one_lot_of_a_hundred(model: Model) -> None:
    drawn = curve(model, 50, 3, lot_size=500)
    accepted = [point.pa for point in drawn.points]
    assert accepted[0] == 1.0
    assert accepted == sorted(accepted, reverse=True)
    assert accepted[-1] <= 0.01 + 1e-9
    assert 10 <= len(accepted) <= 25


def test_a_curve_of_a_lot_names_whole_items() -> None:
    drawn = curve(Model.HYPERGEOMETRIC, 20, 1, lot_size=80)
    assert [point.nonconforming for point in drawn.points][:3] == [0, 2, 4]
    assert drawn.points[1].quality == 2.5
    assert drawn.points[0].pa == 1.0 > drawn.points[1].pa


def test_a_curve_of_a_plan_that_accepts_everything_stays_at_certainty() -> None:
    assert {point.pa for point in curve(Model.BINOMIAL, 2, 5).points} == {1.0}
    assert {point.pa for point in curve(Model.HYPERGEOMETRIC, 2, 5, lot_size=3).points} == {1.0}


def test_impossible_questions_are_refused_with_what_to_do() -> None:
    with pytest.raises(LotError, match="sample of 0"):
        binomial_pa(0, 0, 1.0)
    with pytest.raises(LotError, match="acceptance number of -1"):
        poisson_pa(10, -1, 1.0)
    with pytest.raises(LotError, match=r"101.0 %"):
        binomial_pa(10, 1, 101.0)
    with pytest.raises(LotError, match="nan"):
        binomial_pa(10, 1, math.nan)
    with pytest.raises(LotError, match="inf"):
        poisson_pa(10, 1, math.inf)
    with pytest.raises(LotError, match="sample of 20 cannot be drawn from a lot of 10") as refused:
        hypergeometric_pa(10, 1, 20, 0)
    assert "every item" in refused.value.hint
    with pytest.raises(LotError, match="cannot hold 11"):
        hypergeometric_pa(10, 11, 5, 0)
    with pytest.raises(LotError, match="probability 1"):
        poisson_quality(10, 1, 1.0)
    with pytest.raises(LotError, match="accepts every lot"):
        binomial_quality(2, 2, 0.5)
    with pytest.raises(LotError, match="about one lot"):
        curve(Model.HYPERGEOMETRIC, 10, 1)


def test_a_curve_names_the_quality_of_the_suppliers_and_the_customers_risk() -> None:
    of_process = curve(Model.BINOMIAL, 125, 7)
    assert [round(point.quality, 4) for point in of_process.risks] == [3.2241, 6.119, 9.2371]
    of_lot = curve(Model.HYPERGEOMETRIC, 20, 1, lot_size=80)
    for point, pa in zip(of_lot.risks, (0.95, 0.50, 0.10), strict=True):
        assert point.nonconforming is not None
        assert point.pa <= pa < hypergeometric_pa(80, point.nonconforming - 1, 20, 1)
    assert curve(Model.BINOMIAL, 2, 5).risks == ()
