"""Puts rows that run side by side into groups, and measures the gap between neighbours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from inspection.seams.lines import distance_to_line, median

__all__ = ["Beside", "group"]

F64 = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
_Away = Callable[[int, int], tuple[F64, Bools]]
"""Of the points of one row: how far from the line of another one, and whether beside it (``lines``)."""

MOST_GAP_MM = 4.5
"""Rows further apart than this are not one seam."""
_LEAST_SHARE = 0.6
"""Of the shorter row that has to run beside the longer one."""
_MOST_WANDER_MM = 0.8
"""By how much the gap of parallel rows may vary (as 1.48 MAD); rows that cross vary more."""


@dataclass(frozen=True, eq=False)
class Beside:
    """Where a row stands: its group, its number in it, and (N,) mm to the next row (NaN where not beside)."""

    group: int
    row: int
    gap_mm: F64


def group(rows: Sequence[F64], closed: Sequence[bool], margins: Sequence[float | None]) -> list[Beside]:
    """Group rows given by their points (N, 2) in mm.

    Parameters
    ----------
    margins : middle distance of each row from its edge, None without: the nearest comes first in its group.
    """
    n = len(rows)
    boxes = [(each.min(axis=0) - MOST_GAP_MM, each.max(axis=0) + MOST_GAP_MM) for each in rows]
    parent = list(range(n))

    def top(i: int) -> int:
        while parent[i] != i:
            i = parent[i]
        return i

    @cache
    def away(i: int, j: int) -> tuple[F64, Bools]:
        return distance_to_line(rows[i], rows[j], closed=closed[j])

    for i in range(n):
        for j in range(i):
            if (boxes[i][0] > boxes[j][1]).any() or (boxes[j][0] > boxes[i][1]).any():
                continue
            short, long = (i, j) if len(rows[i]) <= len(rows[j]) else (j, i)
            d, beside = away(short, long)
            if beside.sum() < max(3.0, _LEAST_SHARE * len(d)):
                continue
            middle = median(d[beside])
            wander = 1.4826 * median(np.abs(d[beside] - middle))
            if abs(middle) <= MOST_GAP_MM and wander <= min(_MOST_WANDER_MM, 0.5 * abs(middle)):
                parent[top(i)] = top(j)
    members: dict[int, list[int]] = {}
    for i in range(n):
        members.setdefault(top(i), []).append(i)
    found: list[Beside | None] = [None] * n
    for number, group_rows in enumerate(sorted(members.values(), key=lambda each: each[0])):
        ordered = _ordered(group_rows, rows, away, margins)
        for place, i in enumerate(ordered):
            gap = np.full(len(rows[i]), np.nan)
            if place + 1 < len(ordered):
                d, beside = away(i, ordered[place + 1])
                near = beside & (np.abs(d) < 2 * MOST_GAP_MM)
                gap[near] = np.abs(d[near])
            found[i] = Beside(number, place, gap)
    return [each for each in found if each is not None]


def _ordered(
    members: list[int], rows: Sequence[F64], away: _Away, margins: Sequence[float | None]
) -> list[int]:
    """Members of a group from one side to the other, the nearest to the edge first."""
    if len(members) == 1:
        return members
    longest = max(members, key=lambda i: len(rows[i]))
    aside = {}
    for i in members:
        if i == longest:
            aside[i] = 0.0
            continue
        d, beside = away(i, longest)
        aside[i] = median(d[beside] if beside.any() else d)
    ordered = sorted(members, key=lambda i: aside[i])
    known = [(margins[i], k) for k, i in enumerate(ordered) if margins[i] is not None]
    if len(known) > 1:
        return ordered if known[0][0] <= known[-1][0] else ordered[::-1]  # type: ignore[operator]
    return ordered
