"""The limit gives the share that was asked for, and says honestly how well it is known."""

from __future__ import annotations

import numpy as np
import pytest

from inspection.novelty import choose_limit, percentile_of


def test_the_highest_of_99_good_photos_is_the_limit_for_one_in_a_hundred() -> None:
    limit = choose_limit(np.arange(1.0, 100.0), false_rejects=0.01, photos=99)
    assert limit.direct
    assert limit.photos_needed == 0
    assert 98 < limit.score <= 99 + 1e-9
    # Beta(1, 99) in closed form.
    assert limit.low == pytest.approx(1 - 0.975 ** (1 / 99), rel=1e-6)
    assert limit.high == pytest.approx(1 - 0.025 ** (1 / 99), rel=1e-6)


def test_too_few_photos_are_said_with_how_many_more_are_needed() -> None:
    limit = choose_limit(np.linspace(0.8, 1.3, 20), false_rejects=0.01, photos=20)
    assert not limit.direct
    assert limit.photos_needed == 79
    assert limit.low == 0
    assert 0.05 < limit.high < 0.1
    assert limit.score > 1.3


@pytest.mark.parametrize("photos", [8, 20, 50, 400])
@pytest.mark.parametrize("law", ["log-normal", "gumbel"])
def test_a_limit_gives_about_the_share_that_was_asked_for(photos: int, law: str) -> None:
    """1 % is asked for 300 times; scores are highest values of many places, so such laws are theirs."""
    rng = np.random.default_rng(0)

    def drawn(count: int) -> np.ndarray:
        return (
            1 + 0.15 * rng.gumbel(size=count) if law == "gumbel" else np.exp(0.2 * rng.standard_normal(count))
        )

    fresh = np.sort(drawn(200_000))
    shares, inside = [], 0
    for _ in range(300):
        limit = choose_limit(drawn(photos), false_rejects=0.01, photos=photos)
        share = 1 - int(np.searchsorted(fresh, limit.score)) / len(fresh)
        shares.append(share)
        inside += bool(limit.low <= share <= limit.high)
    assert 0.003 < np.mean(shares) < (0.05 if photos < 20 else 0.03)
    assert inside >= 0.92 * 300


def test_more_false_rejects_lower_the_limit() -> None:
    scores = np.exp(np.random.default_rng(1).standard_normal(30) * 0.2)
    limits = [
        choose_limit(scores, false_rejects=share, photos=30).score for share in (0.001, 0.01, 0.05, 0.2)
    ]
    assert limits == sorted(limits, reverse=True)


def test_a_percentile_counts_the_good_photos_below() -> None:
    assert percentile_of(1.5, [1.0, 1.2, 1.4, 1.6]) == 75.0
    assert percentile_of(0.5, [1.0]) == 0.0


@pytest.mark.parametrize("share", [0, 1, -0.1, 0.7])
def test_a_share_that_makes_no_sense_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="false_rejects"):
        choose_limit([1.0, 2.0], false_rejects=share, photos=2)
