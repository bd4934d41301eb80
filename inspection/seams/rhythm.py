"""What the rhythm of a row says: holes that it expects, and points that are none."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from inspection.seams.lines import median, middle_of, steps
from inspection.seams.points import Points
from inspection.seams.tracing import MIN_POINTS

__all__ = ["LONG", "recovered", "usual_step", "without_extras"]

F64 = npt.NDArray[np.float64]

LONG = 1.78
"""A step of so many usual ones has left a stitch out; an uneven pitch does not reach it."""
_REACH = 6
_AROUND = np.array([k for k in range(-_REACH, _REACH + 1) if k])
"""Steps around one that tell the usual one."""
_RECOVER = 1.5
"""A step of so many usual ones may hide a hole that the network was not sure of."""
_FAINT_SHARE = 0.85
"""A point with less of the row's usual heat may be no hole."""
_SPLIT = 1.35
"""Two steps that are together shorter than this many usual ones are one stitch with a point too many."""
_SHORT = 0.6
"""A step at a row's end that is shorter than this share of the usual one leads to no hole of it."""


def usual_step(length: F64) -> F64:
    """Median of the steps around each step, itself left out, so that a gap does not hide itself."""
    n = len(length)
    if n < 3:
        return np.full(n, median(length) if n else 0.0)
    whole = median(length)
    beyond = np.full(_REACH, np.inf)
    padded = np.concatenate([beyond, length, beyond])
    usual, count = middle_of(padded[np.arange(_REACH, _REACH + n)[:, None] + _AROUND])
    usual = np.where(count >= 4, usual, whole)
    # Half of the steps around may be gaps; the row as a whole is more honest then.
    return np.where(usual > 1.5 * whole, whole, usual)


def recovered(order: list[int], points: Points, free: set[int], *, closed: bool) -> list[int]:
    """A row with the weak holes that its rhythm expects: found by the network, but not believed alone."""
    for _ in range(2):
        at = points.at[order]
        length = steps(at, closed=closed)
        usual = usual_step(length)
        wide = np.flatnonzero(length > _RECOVER * usual)
        if not len(wide) or not free:
            return order
        candidates = np.array(sorted(free))
        grown: list[int] = []
        last = 0
        for i in wide.tolist():
            a, b = at[i], at[(i + 1) % len(at)]
            ahead = (b - a) / length[i]
            rel = points.at[candidates] - a
            along = rel @ ahead
            across = np.abs(rel[:, 0] * ahead[1] - rel[:, 1] * ahead[0])
            share = along / length[i]
            parts = max(2, round(length[i] / usual[i]))
            expected = np.rint(share * parts)
            fits = (
                (np.abs(share * parts - expected) * length[i] / parts < 0.25 * usual[i])
                & (expected >= 1)
                & (expected <= parts - 1)
                & (across < 1.6 + 0.02 * length[i])
            )
            chosen = []
            for place in range(1, parts):
                fitting = candidates[fits & (expected == place)]
                if len(fitting):
                    chosen.append(int(fitting[points.heat[fitting].argmax()]))
            grown += order[last : i + 1] + chosen
            free.difference_update(chosen)
            last = i + 1
        before, order = order, grown + order[last:]
        if len(order) == len(before):
            break
    return order


def without_extras(order: list[int], points: Points, *, closed: bool) -> list[int]:
    """A row without faint points that split a stitch of the usual length: marks on the thread, not holes."""
    order = list(order)
    while len(order) > MIN_POINTS:
        length = steps(points.at[order], closed=closed)
        usual = usual_step(length)
        heat = points.heat[order]
        faint = heat < _FAINT_SHARE * median(heat)
        after = length if closed else np.append(length, np.inf)
        before = np.roll(length, 1) if closed else np.insert(length, 0, np.inf)
        near = usual if closed else np.append(usual, usual[-1])
        splits = (before + after < _SPLIT * near) & faint
        if not closed:
            splits[[0, -1]] = faint[[0, -1]] & (length[[0, -1]] < _SHORT * near[[0, -1]])
        if not splits.any():
            break
        order.pop(int(np.where(splits, heat, np.inf).argmin()))
    return order
