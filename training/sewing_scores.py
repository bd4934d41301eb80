"""Scores of the stitch planes against rendered truth: needle holes found, thread covered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from training.stitches import PLANES

__all__ = ["NEAR_MM", "PointTally", "average_precision", "judge_points", "peaks", "thread_overlap"]

NEAR_MM = 0.5
"""A point is found when its peak is this near."""
LOWEST_HEAT = 0.05
THREAD, POINT, OFFSET_X, OFFSET_Y = (PLANES.index(n) for n in ("thread", "point", "offset_x", "offset_y"))

F32 = npt.NDArray[np.float32]


def peaks(stitches: F32, *, stride: int) -> F32:
    """Points that the planes show.

    Parameters
    ----------
    stitches : (5, h, w), see ``stitches.PLANES``.

    Returns
    -------
    (N, 3) float32: x and y in pixels at model scale, and heat; strongest first.
    """
    heat = np.ascontiguousarray(stitches[POINT])
    highest = cv2.dilate(heat, np.ones((3, 3)))
    rows, columns = np.nonzero((heat >= highest) & (heat >= LOWEST_HEAT))
    x = (columns + 0.5) * stride - 0.5 + stitches[OFFSET_X, rows, columns]
    y = (rows + 0.5) * stride - 0.5 + stitches[OFFSET_Y, rows, columns]
    found = np.column_stack([x, y, heat[rows, columns]]).astype(np.float32)
    return found[np.argsort(-found[:, 2], kind="stable")]


@dataclass(frozen=True, eq=False)
class PointTally:
    """Found points of one photo.

    Attributes
    ----------
    heat : (N,) of each found point that counts. right : (N,) whether it is at a hole of its own.
    holes : how many holes there are.
    off_px : distance of each right one from its hole.
    """

    heat: F32
    right: npt.NDArray[np.bool_]
    holes: int
    off_px: F32


def judge_points(found: F32, holes_px: F32, doubtful_px: F32, *, near_px: float) -> PointTally:
    """Hold found points, strongest first, against holes, each of which answers for one point.

    A point near a doubtful hole and near no other is neither right nor wrong.
    """
    free = np.ones(len(holes_px), bool)
    heat, right, off = [], [], []
    for x, y, strength in found:
        away = np.hypot(*(holes_px - (x, y)).T) if len(holes_px) else np.empty(0)
        away = np.where(free, away, np.inf)
        best = int(np.argmin(away)) if len(away) else -1
        if best >= 0 and away[best] <= near_px:
            free[best] = False
            off.append(float(away[best]))
            heat.append(strength)
            right.append(True)
        elif not (len(doubtful_px) and np.hypot(*(doubtful_px - (x, y)).T).min() <= near_px):
            heat.append(strength)
            right.append(False)
    return PointTally(
        np.array(heat, np.float32), np.array(right, bool), len(holes_px), np.array(off, np.float32)
    )


def average_precision(tallies: Sequence[PointTally]) -> float:
    """Area under precision over recall; NaN without holes."""
    holes = sum(tally.holes for tally in tallies)
    if holes == 0:
        return float("nan")
    heat = np.concatenate([tally.heat for tally in tallies])
    right = np.concatenate([tally.right for tally in tallies])[np.argsort(-heat, kind="stable")]
    hits = np.cumsum(right)
    precision = hits / np.arange(1, len(right) + 1)
    # Precision at a recall is the best one that can be had at that recall or beyond.
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(envelope[right].sum() / holes)


def thread_overlap(stitches: F32, thread: npt.NDArray[np.uint8]) -> tuple[int, int]:
    """(cells in both, cells in either) of predicted and true thread at half cover.

    Parameters
    ----------
    thread : (H, W) uint8 cover at model scale.
    """
    height, width = stitches.shape[1:]
    true = cv2.resize(thread, (width, height), interpolation=cv2.INTER_AREA) >= 128
    said = stitches[THREAD] >= 0.5
    return int(np.count_nonzero(true & said)), int(np.count_nonzero(true | said))
