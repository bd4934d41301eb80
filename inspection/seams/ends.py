"""Measures ends of thread that were not cut: what the network marks as such and hangs on a row.

The thread plane shows the thread of seams only, so ends are taken from the surface map's kind ``thread_end``.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from inspection.domain import Maps

__all__ = ["KIND", "ThreadEnd", "thread_ends"]

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]

KIND = "thread_end"
_LEAST_PROBABILITY = 0.5
_LEAST_MM = 0.8
"""Shorter ones are fluff of the stitch itself."""
_HANGS_MM = 1.2
"""An end further from every row than this belongs to none: dust, a hair."""
_MOST_CELLS = 3000
"""A larger patch is no thread."""
_SHARE_KNOWN = 0.12
_CELLS_KNOWN = 1.5
"""How well a length is known (k = 2): a share of it, for the way over cells, and some cells for both tips."""


@dataclass(frozen=True)
class ThreadEnd:
    """An uncut end: the row that it hangs on, its length and the uncertainty (k = 2) of that."""

    row: int
    length_mm: float
    uncertainty_mm: float


def thread_ends(maps: Maps, rows: Sequence[F64], *, cell_mm: float) -> list[ThreadEnd]:
    """Every end that hangs on a row; none when the model does not know the kind.

    Parameters
    ----------
    rows : (N, 2) holes of each row, in cells of the surface map. cell_mm : size of a cell.
    """
    if KIND not in maps.kinds or not rows:
        return []
    plane = maps.surface[maps.kinds.index(KIND)]
    if plane.max() < _LEAST_PROBABILITY:
        return []
    mask = (plane >= _LEAST_PROBABILITY).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    away = [_distance(row, mask.shape) * cell_mm for row in rows]
    found = []
    for label in range(1, count):
        x, y, w, h, area = (int(v) for v in stats[label])
        if max(w, h) * cell_mm < _LEAST_MM or area > _MOST_CELLS:
            continue
        inside = labels[y : y + h, x : x + w] == label
        near = [float(each[y : y + h, x : x + w][inside].min()) for each in away]
        row = int(np.argmin(near))
        if near[row] > _HANGS_MM:
            continue
        start = np.where(inside, away[row][y : y + h, x : x + w], np.inf)
        # From the cell nearest to the row, and what is left to its line.
        root = np.unravel_index(int(start.argmin()), inside.shape)
        length = _longest_way(inside, root) * cell_mm + near[row]
        if length >= _LEAST_MM:
            known = float(np.hypot(_SHARE_KNOWN * length, _CELLS_KNOWN * cell_mm))
            found.append(ThreadEnd(row, length, known))
    return found


def _distance(row: F64, shape: tuple[int, ...]) -> F32:
    """Distance of every cell from the line of a row, in cells."""
    free = np.full(shape, 255, np.uint8)
    cv2.polylines(free, [np.rint(row * 16).astype(np.int32)], False, 0, 1, cv2.LINE_8, 4)
    return np.asarray(cv2.distanceTransform(free, cv2.DIST_L2, cv2.DIST_MASK_5), np.float32)


def _longest_way(inside: npt.NDArray[np.bool_], start: tuple[np.intp, ...]) -> float:
    """Length, in cells, of the shortest way inside a patch to the cell that is furthest from ``start``."""
    height, width = inside.shape
    # Ways keep off the rim, so that they follow the middle of a bow and do not cut its corner.
    padded = cv2.copyMakeBorder(inside.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_3)[1:-1, 1:-1]
    first = (int(start[0]), int(start[1]))
    cost = {first: 0.0}
    length = {first: 0.0}
    queue = [(0.0, first)]
    while queue:
        spent, (y, x) = heapq.heappop(queue)
        if spent > cost[y, x]:
            continue
        for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1)):
            v, u = y + dy, x + dx
            if not (0 <= v < height and 0 <= u < width and inside[v, u]):
                continue
            step = float(np.hypot(dy, dx))
            total = spent + step / float(depth[v, u])
            if total < cost.get((v, u), np.inf):
                cost[v, u] = total
                length[v, u] = length[y, x] + step
                heapq.heappush(queue, (total, (v, u)))
    return max(length.values())
