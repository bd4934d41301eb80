"""Where to draw the line: from the scores of good photos that the bank had not seen, for a chosen share of
false rejects, with what is known of the share that this really gives.

A limit straight from the sorted scores promises nothing about their shape: of n good photos, the k-th
highest score is passed by a share of further good ones that follows Beta(k, n + 1 - k). It needs n + 1 of
at least 1 / share. With fewer photos the tail is extrapolated from the upper half of the scores as an
exponential one, which is that of highest values of many places, or heavier. That is said, together with how
many photos would make it unnecessary.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["LARGEST_SHARE", "SMALLEST_SHARE", "Limit", "choose_limit", "percentile_of", "share_above"]

SMALLEST_SHARE, LARGEST_SHARE = 0.0005, 0.5
"""Shares of false rejects that may be asked for."""

_TAIL = 0.5
"""The upper half of the scores tells how the tail falls off."""
_Z = 1.96
_FLATTEST = 0.02
"""Excesses of less than 2 % of a score are luck, not knowledge."""


@dataclass(frozen=True)
class Limit:
    """A novelty score from which a photo counts as novel.

    Attributes
    ----------
    score : the limit.
    false_rejects : share of good photos that was asked for, 0..1.
    low, high : 95 % interval of the share that the limit gives.
    direct : whether the photos support it without extrapolation.
    photos : good photos that it rests on.
    photos_needed : how many more would support it directly; 0 when they do.
    """

    score: float
    false_rejects: float
    low: float
    high: float
    direct: bool
    photos: int
    photos_needed: int


def choose_limit(scores: npt.ArrayLike, *, false_rejects: float, photos: int) -> Limit:
    """The limit for a share of false rejects.

    Parameters
    ----------
    scores : of good photos, never of photos in the bank that scored them; several of one photo (under other
        light) may be among them.
    false_rejects : wanted share, ``SMALLEST_SHARE``..``LARGEST_SHARE``.
    photos : number of photos that the scores come from.
    """
    if not SMALLEST_SHARE <= false_rejects <= LARGEST_SHARE:
        raise ValueError(f"false_rejects {false_rejects} is not in {SMALLEST_SHARE}..{LARGEST_SHARE}")
    ordered = np.sort(np.asarray(scores, np.float64))
    if ordered.size == 0 or photos < 1:
        raise ValueError("a limit needs scores of good photos")
    needed = max(0, math.ceil(1 / false_rejects - 1e-9) - 1 - photos)
    if needed == 0:
        rank = max(1, math.floor((photos + 1) * false_rejects + 1e-9))  # among the photos, from the top
        place = ordered.size - rank * ordered.size / photos
        score = float(np.interp(place, np.arange(ordered.size), ordered))
        low, high = _beta_interval(rank, photos + 1 - rank)
        return Limit(float(np.nextafter(score, np.inf)), false_rejects, low, high, True, photos, 0)
    start = float(np.quantile(ordered, 1 - _TAIL))
    above = ordered[ordered > start] - start
    slope = max(_FLATTEST * start, float(above.mean()) if above.size else 0.0)
    reach = math.log(_TAIL / false_rejects)
    # The mean of k exponential excesses follows a gamma law, and a tail may well be lighter: nothing below.
    high = _TAIL * math.exp(-reach / _steepest(_TAIL * photos))
    return Limit(start + slope * reach, false_rejects, 0.0, high, False, photos, needed)


def _steepest(excesses: float) -> float:
    """How many times flatter than measured the tail may be, at 97.5 %: 2 k / chi-square(2 k).

    The quantile is that of Wilson and Hilferty (1931).
    """
    degrees = 2 * max(1.0, excesses)
    quantile = degrees * (1 - 2 / (9 * degrees) - _Z * math.sqrt(2 / (9 * degrees))) ** 3
    return degrees / max(quantile, 0.05)


def share_above(scores: npt.ArrayLike, limit: float) -> float:
    """Share of scores at or above a limit; NaN of none."""
    given = np.asarray(scores, np.float64)
    return float((given >= limit).mean()) if given.size else math.nan


def percentile_of(score: float, good: npt.ArrayLike) -> float:
    """Per cent of good photos whose score is below this one, 0..100."""
    ordered = np.sort(np.asarray(good, np.float64))
    return 100.0 * float(np.searchsorted(ordered, score, side="left")) / max(1, ordered.size)


def _beta_interval(a: int, b: int) -> tuple[float, float]:
    """Central 95 % of Beta(a, b) with whole numbers, by its binomial sum."""
    return _beta_quantile(0.025, a, b), _beta_quantile(0.975, a, b)


def _beta_quantile(share: float, a: int, b: int) -> float:
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if _beta_below(middle, a, b) < share:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _beta_below(x: float, a: int, b: int) -> float:
    """P(Beta(a, b) <= x) = P(Binomial(a + b - 1, x) >= a)."""
    n = a + b - 1
    below = sum(
        math.exp(
            math.lgamma(n + 1)
            - math.lgamma(k + 1)
            - math.lgamma(n - k + 1)
            + k * math.log(x)
            + (n - k) * math.log1p(-x)
        )
        for k in range(a)
    )
    return 1 - below
