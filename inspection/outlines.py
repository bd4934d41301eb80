"""Checks outlines and paths that people draw: what they enclose, and whether they cross themselves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["MAX_CORNERS", "area", "crossing", "length"]

MAX_CORNERS = 400
"""More corners than anybody draws; the check for crossings takes their square."""

Points = Sequence[tuple[float, float]]


def area(outline: Points) -> float:
    """Area inside a closed outline, never negative; of one that crosses itself, that of the parts' sum."""
    x, y = np.array(outline, np.float64).T
    return abs(float(np.dot(x, np.roll(y, -1)) - np.dot(np.roll(x, -1), y))) / 2


def length(path: Points) -> float:
    """Length of an open path."""
    points = np.array(path, np.float64)
    return float(np.hypot(*np.diff(points, axis=0).T).sum())


def crossing(outline: Points) -> tuple[int, int] | None:
    """Numbers (from 1) of the corners at which two sides begin that cross or touch; None when none do.

    Sides that follow each other share a corner, which is no crossing; corners drawn twice in a row count
    once.
    """
    points = np.array(outline, np.float64)
    kept = np.flatnonzero(np.any(points != np.roll(points, 1, axis=0), axis=1))
    if len(kept) < 3:
        return None
    start = points[kept]
    end = np.roll(start, -1, axis=0)
    ends_other_side = _turns(start, end, start) * _turns(start, end, end) <= 0  # (N, N)
    boxes_meet = np.all(
        (np.minimum(start, end)[:, None] <= np.maximum(start, end)[None])
        & (np.minimum(start, end)[None] <= np.maximum(start, end)[:, None]),
        axis=2,
    )
    meet = ends_other_side & ends_other_side.T & boxes_meet
    first, second = np.nonzero(np.triu(meet, 2))
    count = len(kept)
    for i, j in zip(first.tolist(), second.tolist(), strict=True):
        if (j + 1) % count != i:  # the last side ends where the first begins
            return int(kept[i]) + 1, int(kept[j]) + 1
    return None


def _turns(
    start: npt.NDArray[np.float64], end: npt.NDArray[np.float64], points: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """(N, M) sign of the side of line i on which point j lies: 1 left, -1 right, 0 on it."""
    along = (end - start)[:, None]
    to = points[None] - start[:, None]
    return np.sign(along[..., 0] * to[..., 1] - along[..., 1] * to[..., 0])
