"""A trial tells a change that brings rendered leather nearer from one that does nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from inspection.errors import ConfigurationError, UnknownNameError
from training.synthesis import scene, trials
from training.synthesis.raster import F64
from training.synthesis.realism import kernel_distance
from training.synthesis.sampling import Request, sample

SCENES = [sample(Request(side_px=64, leather_only=1.0), seed=21, index=index) for index in range(24)]


def _drawn(seed: int, *, apart: float, rows: int = 60) -> F64:
    return np.random.default_rng(seed).normal(apart, 1, (rows, 6))


def _often(rows: int, draws: int = 200) -> F64:
    return np.random.default_rng(5).multinomial(rows, np.full(rows, 1 / rows), size=draws).astype(np.float64)


def test_the_difference_is_that_of_the_two_kernel_distances() -> None:
    true, made, other = _drawn(1, apart=0), _drawn(2, apart=0.8, rows=40), _drawn(3, apart=0.3, rows=40)
    found = trials.paired(true, made, other, _often(60), _often(40))
    assert found.value == pytest.approx(1000 * (kernel_distance(true, other) - kernel_distance(true, made)))
    assert found.low < found.value < found.high
    assert found.nearer


def test_a_change_that_leads_away_is_further_and_one_that_does_nothing_neither() -> None:
    true, made = _drawn(1, apart=0), _drawn(2, apart=0.3, rows=40)
    away = trials.paired(true, made, made + 0.5, _often(60), _often(40))
    nothing = trials.paired(true, made, made, _often(60), _often(40))
    assert away.further
    assert (nothing.value, nothing.low, nothing.high) == (0, 0, 0)
    assert not nothing.nearer
    assert not nothing.further


def test_what_scenes_share_falls_out_of_the_difference() -> None:
    true, made = _drawn(1, apart=0), _drawn(2, apart=1.0, rows=40)
    paired = trials.paired(true, made, made - 0.05, _often(60), _often(40))
    apart = trials.paired(true, made, _drawn(9, apart=0.95, rows=40), _often(60), _often(40))
    assert paired.high - paired.low < 0.5 * (apart.high - apart.low)


@pytest.mark.parametrize("name", trials.CHANGES)
def test_every_change_gives_other_scenes_that_can_be_rendered(name: str) -> None:
    changed = [trials.CHANGES[name](each) for each in SCENES]
    assert changed != SCENES
    for each in changed:
        scene.check(each)


def test_unknown_changes_and_leathers_are_refused_with_those_there_are() -> None:
    with pytest.raises(UnknownNameError, match="no change 'prettier'") as refused:
        trials.tried(Path(), leathers=(), changes=("prettier",), count=8, seed=1, told=print)
    assert "grain finer" in refused.value.hint
    with pytest.raises(UnknownNameError, match="no real photos show 'velvet'"):
        trials.tried(Path(), leathers=("velvet",), changes=(), count=8, seed=1, told=print)
    with pytest.raises(ConfigurationError, match="2 scenes"):
        trials.tried(Path(), leathers=(), changes=(), count=2, seed=1, told=print)


def test_the_table_says_twice_what_helped_and_marks_it() -> None:
    down, flat = trials.Interval(-80, -120, -40), trials.Interval(5, -20, 30)
    table = trials.as_table(
        [
            trials.Trial("suede", "grain finer", 700, down, down),
            trials.Trial("suede", "one lamp", 700, down, flat),
            trials.Trial("suede", "shinier", 700, flat, None),
        ]
    )
    assert "| change | suede, now 700 |" in table
    assert "| grain finer | **-80 (-120 to -40), then -80 (-120 to -40)** |" in table
    assert "| one lamp | -80 (-120 to -40), then +5 (-20 to +30) |" in table
    assert "| shinier | +5 (-20 to +30) |" in table
