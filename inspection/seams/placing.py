"""Places the holes of one row as well as map and photo allow."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from inspection.seams.frame import Frame
from inspection.seams.lines import median, steps, tangents
from inspection.seams.points import Planes, Points
from inspection.seams.refining import Pattern, pattern_of
from inspection.seams.strips import Straightened
from inspection.seams.tracing import Chain

__all__ = ["NETWORK_ACROSS_MM", "NETWORK_ALONG_MM", "Row", "placed"]

F64 = npt.NDArray[np.float64]
U8 = npt.NDArray[np.uint8]
Bools = npt.NDArray[np.bool_]

NETWORK_ALONG_MM = 0.09
"""How well the network alone places a hole (k = 1), where the photo shows nothing finer."""
NETWORK_ACROSS_MM = 0.06

_LEAST_FIT = 0.45
"""A hole that correlates less with its row's pattern keeps the network's place."""
_FINEST_MM = 0.015
"""No hole is placed better than this (k = 1), however alike the stitches look."""
_NOISE_FACTOR = 2.0
"""The two sides of a row share errors (light, twist, focus): on rendered rows the truth is off by about twice
what they disagree by."""


@dataclass(frozen=True, eq=False)
class Row:
    """One row on its way: holes in cells, in photo pixels and, with a scale, in mm."""

    at: F64
    at_px: F64
    at_mm: F64
    heat: F64
    closed: bool
    along_mm: F64
    across_mm: F64
    pattern: Pattern | None

    def at_places(self, line: Straightened, kept: Bools, planes: Planes, frame: Frame | None) -> Row:
        """The row with holes at the places ``kept`` of those that it was straightened by.

        Parameters
        ----------
        line : this row, straightened. kept : (P,) of its places, the last one of a closed row left out.
        """
        seen = line.seen[: len(kept)]
        if np.array_equal(kept, seen):
            return self
        own = np.cumsum(seen) - 1
        added = kept & ~seen
        at_px = np.where(seen[:, None], self.at_px[own], line.at_px[: len(kept)])
        if self.pattern is not None and added.any():
            way = tangents(line.at_px, closed=False)[: len(kept)][added]
            at_px[added] += self.pattern.fit(at_px[added], way).along_px[:, None] * way
        at_px, added, own = at_px[kept], added[kept], own[kept]
        return replace(
            self,
            at=planes.to_cells(at_px),
            at_px=at_px,
            at_mm=_in_mm(at_px, planes, frame),
            heat=np.where(added, median(self.heat), self.heat[own]),
            along_mm=np.where(added, NETWORK_ALONG_MM, self.along_mm[own]),
            across_mm=np.full(len(at_px), NETWORK_ACROSS_MM),
        )


def placed(
    order: list[int], chain: Chain, points: Points, planes: Planes, rgb: U8, frame: Frame | None
) -> Row:
    """A row with its holes as well placed as map and photo allow."""
    at_px = planes.to_px(points.at[order])
    heat = points.heat[order]
    mm_per_px = planes.mm_per_px(frame)
    pitch_px = median(steps(at_px, closed=chain.closed))
    along = tangents(at_px, closed=chain.closed)
    made = pattern_of(rgb, at_px, along, pitch_px=pitch_px, mm_per_px=mm_per_px)
    along_mm = np.full(len(order), NETWORK_ALONG_MM)
    if made is not None:
        found = made[1]
        usual_fit = median(found.fit)
        # At its ends a row looks otherwise: thread on one side only. There the map is the better witness.
        good = found.fit >= max(_LEAST_FIT, 0.6 * usual_fit)
        if not chain.closed:
            good[[0, -1]] = False
        moved = at_px + found.along_px[:, None] * along
        noise_mm = max(_FINEST_MM, _NOISE_FACTOR * found.noise_px * mm_per_px)
        # The photo is believed where it makes the stitches more even than the map does: noise never does.
        if noise_mm < NETWORK_ALONG_MM and _rhythm(moved, chain.closed) <= _rhythm(at_px, chain.closed):
            at_px = np.where(good[:, None], moved, at_px)
            along_mm = np.where(good, noise_mm, along_mm)
    return Row(
        at=planes.to_cells(at_px),
        at_px=at_px,
        at_mm=_in_mm(at_px, planes, frame),
        heat=heat,
        closed=chain.closed,
        along_mm=along_mm,
        across_mm=np.full(len(at_px), NETWORK_ACROSS_MM),
        pattern=None if made is None else made[0],
    )


def _in_mm(at_px: F64, planes: Planes, frame: Frame | None) -> F64:
    return frame.to_mm(at_px) if frame else at_px * planes.nominal_mm_per_px


def _rhythm(at: F64, closed: bool) -> float:
    """Robust spread of the steps: true changes are in it for any placing, so the smaller is the better."""
    length = steps(at, closed=closed)
    if len(length) < 3:
        return float("inf")
    return 1.4826 * median(np.abs(length - median(length)))
