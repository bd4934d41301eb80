"""Laney's p' and u' control charts, and Pareto shares: pure arithmetic on counts.

D. B. Laney: Improved Control Charts for Attributes. Quality Engineering 14 (2002), 531-537. Thousands of
photos per hour make the limits of the classic p and u charts so narrow that almost every point is out,
because real processes vary more than the binomial or Poisson law says. Laney's charts measure that further
variation from point to point (sigma z) and widen the limits by it; with sigma z = 1 they are the classic
charts.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Control", "ControlPoint", "laney_p", "laney_u", "pareto"]

LIMIT_SIGMAS = 3.0
D2 = 1.128
"""Mean range of two values of a normal law, in standard deviations."""


@dataclass(frozen=True)
class ControlPoint:
    """One subgroup.

    Attributes
    ----------
    size : items in it.
    value : share nonconforming, or nonconformities per item.
    low, high : control limits for a subgroup of this size.
    """

    size: int
    value: float
    low: float
    high: float

    @property
    def out(self) -> bool:
        """Whether the point lies beyond its limits."""
        return not self.low <= self.value <= self.high


@dataclass(frozen=True)
class Control:
    """A control chart; ``sigma_z`` is the variation from point to point over what the law says."""

    centre: float
    sigma_z: float
    points: tuple[ControlPoint, ...]


def laney_p(groups: Sequence[tuple[int, int]]) -> Control:
    """p' chart of subgroups ``(size, nonconforming)``, in order of time; empty ones are left out."""
    total = sum(size for size, _ in groups)
    centre = sum(found for _, found in groups) / total if total else 0.0
    return _laney(groups, centre, centre * (1 - centre), highest=1.0)


def laney_u(groups: Sequence[tuple[int, int]]) -> Control:
    """u' chart of subgroups ``(size, nonconformities)``, in order of time; empty ones are left out."""
    total = sum(size for size, _ in groups)
    centre = sum(found for _, found in groups) / total if total else 0.0
    return _laney(groups, centre, centre, highest=math.inf)


def _laney(groups: Sequence[tuple[int, int]], centre: float, variance: float, *, highest: float) -> Control:
    held = [(size, found) for size, found in groups if size > 0]
    sigmas = [math.sqrt(max(variance, 0.0) / size) for size, _ in held]
    scores = [
        (found / size - centre) / sigma if sigma else 0.0
        for (size, found), sigma in zip(held, sigmas, strict=True)
    ]
    ranges = [abs(later - earlier) for earlier, later in itertools.pairwise(scores)]
    sigma_z = sum(ranges) / len(ranges) / D2 if ranges else 1.0
    points = []
    for (size, found), sigma in zip(held, sigmas, strict=True):
        reach = LIMIT_SIGMAS * sigma * sigma_z
        points.append(
            ControlPoint(size, found / size, max(0.0, centre - reach), min(highest, centre + reach))
        )
    return Control(centre, sigma_z, tuple(points))


def pareto(counts: Sequence[tuple[str, int]]) -> tuple[tuple[str, int, float], ...]:
    """Name, count and cumulative share, the most frequent first; equal counts by name."""
    total = sum(count for _, count in counts)
    shown, so_far = [], 0
    for name, count in sorted(counts, key=lambda pair: (-pair[1], pair[0])):
        so_far += count
        shown.append((name, count, so_far / total if total else 0.0))
    return tuple(shown)
