"""Laney's charts against another computation of the same paper, and against simulated processes."""

from __future__ import annotations

import numpy as np
import pytest

from inspection.control import laney_p, laney_u, pareto

GROUPS = [(400, 12), (380, 20), (420, 9), (410, 14), (395, 31), (405, 11)]


def by_arrays(groups: list[tuple[int, int]], *, poisson: bool) -> tuple[float, float, np.ndarray, np.ndarray]:
    """Centre, sigma z and limits, written again as array formulas."""
    n, x = np.array(groups, float).T
    centre = x.sum() / n.sum()
    sigma = np.sqrt((centre if poisson else centre - centre**2) / n)
    z = (x / n - centre) / sigma
    sigma_z = np.abs(np.diff(z)).mean() / 1.128
    return centre, sigma_z, centre - 3 * sigma * sigma_z, centre + 3 * sigma * sigma_z


@pytest.mark.parametrize(("chart", "poisson"), [(laney_p, False), (laney_u, True)])
def test_the_charts_equal_another_computation(chart: object, poisson: bool) -> None:
    found = laney_u(GROUPS) if poisson else laney_p(GROUPS)
    centre, sigma_z, low, high = by_arrays(GROUPS, poisson=poisson)
    assert found.centre == pytest.approx(centre, abs=1e-12)
    assert found.sigma_z == pytest.approx(sigma_z, abs=1e-12)
    assert [point.high for point in found.points] == pytest.approx(high.tolist(), abs=1e-12)
    assert [point.low for point in found.points] == pytest.approx(np.maximum(low, 0).tolist(), abs=1e-12)


def test_a_binomial_process_has_a_sigma_z_of_one() -> None:
    rng = np.random.default_rng(1)
    found = laney_p([(2000, int(x)) for x in rng.binomial(2000, 0.05, 4000)])
    assert found.sigma_z == pytest.approx(1, abs=0.05)
    assert sum(point.out for point in found.points) / 4000 < 0.01


def test_a_process_that_varies_more_raises_few_false_alarms_where_the_classic_chart_cries() -> None:
    rng = np.random.default_rng(2)
    shares = np.clip(rng.normal(0.05, 0.01, 2000), 0, 1)
    counts = rng.binomial(20_000, shares)
    found = laney_p([(20_000, int(x)) for x in counts])
    classic = 3 * np.sqrt(found.centre * (1 - found.centre) / 20_000)
    assert np.mean(np.abs(counts / 20_000 - found.centre) > classic) > 0.4
    assert sum(point.out for point in found.points) / 2000 < 0.01


def test_a_real_jump_is_seen() -> None:
    rng = np.random.default_rng(3)
    groups = [(1000, int(x)) for x in rng.binomial(1000, 0.02, 30)]
    groups[20] = (1000, 90)
    assert [index for index, point in enumerate(laney_p(groups).points) if point.out] == [20]


@pytest.mark.parametrize("groups", [[], [(0, 0)], [(10, 0)], [(10, 10), (10, 10)], [(5, 0), (7, 0)]])
def test_charts_of_nothing_or_of_one_value_have_no_alarm(groups: list[tuple[int, int]]) -> None:
    for chart in (laney_p, laney_u):
        assert not any(point.out for point in chart(groups).points)


def test_pareto_ranks_and_adds_up() -> None:
    assert pareto([("scratch", 30), ("hole", 60), ("cut", 10)]) == (
        ("hole", 60, 0.6),
        ("scratch", 30, 0.9),
        ("cut", 10, 1.0),
    )
    assert pareto([]) == ()
