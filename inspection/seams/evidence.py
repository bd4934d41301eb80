"""How much speaks for two needle holes being neighbours: thread between them, more holes in line."""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

from inspection.seams.lookup import look_up
from inspection.seams.points import Planes

__all__ = ["NearestPoint", "in_line", "seen_thread", "thread_between"]

F64 = npt.NDArray[np.float64]

_SHARES = np.arange(1, 8)[:, None] / 8
"""Of a way, where the thread is looked for."""
_LANES_CELLS = np.array([-0.8, 0.0, 0.8])[:, None, None]
"""Beside the way, where it may lie."""
_NO_THREAD, _THREAD = 0.015, 0.5
"""Cover that is no thread for certain, and that is one. Between them the logarithm counts: thread that hardly
shows is seen faintly all along, and what is none is seldom above a thousandth."""

_IN_LINE_SHARE = 0.22
"""By how much of the step a hole may lie off where it would be if the row went on straight and even."""
_FAR = 1e6
"""Cells, for a distance that is not known."""


def thread_between(planes: Planes, a: F64, b: F64) -> F64:
    """Mean cover (E,) of thread, as the geometric mean, along the ways from ``a`` to ``b`` (E, 2)."""
    x, y = (b - a).T
    length = np.maximum(1e-6, np.hypot(x, y))
    # Each coordinate lies together in memory, as in ``lattice``, and the ways side by side.
    places = np.empty((2, len(_LANES_CELLS), len(_SHARES), len(a)))
    places[0] = a[:, 0] + _SHARES * x + _LANES_CELLS * (-y / length)
    places[1] = a[:, 1] + _SHARES * y + _LANES_CELLS * (x / length)
    seen = look_up(planes.thread, np.moveaxis(places, 0, -1)).max(axis=0)
    cover = np.sort(np.log(np.maximum(seen, 1e-4).astype(np.float64)), axis=0)
    # The weakest part counts as much as the whole: a way over to the row beside crosses leather.
    return np.asarray(np.exp(0.5 * cover.mean(axis=0) + 0.5 * cover[1]), np.float64)


def seen_thread(cover: F64) -> F64:
    """Evidence 0..1 that there is thread where its cover is so much."""
    evidence = np.log(np.maximum(cover, 1e-6) / _NO_THREAD) / np.log(_THREAD / _NO_THREAD)
    return np.asarray(np.clip(evidence, 0.0, 1.0), np.float64)


class NearestPoint:
    """Distance from any place on the grid to the nearest of some points, to about half a cell.

    Parameters
    ----------
    at : (N, 2) points in cells. shape : (height, width) of the grid.
    longest : of the steps that ``in_line`` is asked about, in cells: points further off than the room that
        it leaves for such a one are not told from those far away.
    """

    def __init__(self, at: F64, shape: tuple[int, int], *, longest: float) -> None:
        height, width = shape
        reach = math.ceil(float(_room(longest, 2))) + 2
        side = 2 * reach + 1
        # The distances round one point, put down at each: few points cost less than a transform of the grid.
        free = np.full((side, side), 255, np.uint8)
        free[reach, reach] = 0
        stamp = cv2.distanceTransform(free, cv2.DIST_L2, cv2.DIST_MASK_3)
        away = np.full((height + 2 * reach, width + 2 * reach), _FAR, np.float32)
        x = np.clip(np.rint(at[:, 0]).astype(np.int64), 0, width - 1)
        y = np.clip(np.rint(at[:, 1]).astype(np.int64), 0, height - 1)
        for left, top in zip(x.tolist(), y.tolist(), strict=True):
            around = away[top : top + side, left : left + side]
            np.minimum(around, stamp, out=around)
        self._away = away[reach : reach + height, reach : reach + width]

    def distance(self, places: F64) -> F64:
        """(...,) for places (..., 2); far outside the grid."""
        return look_up(self._away, places, beyond=_FAR).astype(np.float64)


def _room(length: F64 | float, count: int) -> F64:
    """How far a hole may lie from where it would be, so many steps of ``length`` further on in a row."""
    # Rows bend and are sewn unevenly: further on there is more room.
    return np.maximum(1.2, _IN_LINE_SHARE * np.asarray(length)) * (1.0 if count == 1 else 1.5)


def in_line(nearest: NearestPoint, a: F64, b: F64) -> F64:
    """Share (E,) of the two places before ``a`` and two after ``b``, straight on and even, with a hole."""
    step = b - a
    length = np.hypot(step[:, 0], step[:, 1])
    places = np.stack([a - step, a - 2 * step, b + step, b + 2 * step])
    hits = nearest.distance(places) < np.stack([_room(length, count) for count in (1, 2, 1, 2)])
    return np.asarray(hits.mean(axis=0), np.float64)
