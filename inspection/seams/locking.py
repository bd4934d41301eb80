"""Tells holes where the stitch locked from those that the thread passes over.

Where a stitch locks, the thread goes down into its hole and the middle of the row grows dark there. Over a
skipped hole the thread goes on nearly as bright as between the holes. So the depth of the dark at a place, in
the row's own measure (0 between holes, 1 at a usual hole), tells whether a stitch locked: yes, or no, or,
where the row's own holes and threads are too unlike each other, that the photo cannot tell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inspection.seams.lines import median, normals
from inspection.seams.lookup import look_up

__all__ = ["LOCKED", "Locks", "locks_of"]

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]

LOCKED = 0.75
"""Depth from which a place shows a locked stitch; 95 of 100 skipped ones are less deep (rendered rows)."""

_STEP_PX = 0.5
_LANES_PX = (-0.5, 0.0, 0.5)
_HALF_LENGTH = 0.5
"""Of the profile along the row, in pitches: its bright part is the thread on either side."""
_DARK_HALF_LENGTH, _DARK_HALF_PX = 0.2, 2.0
"""The dark is looked for this near to the place, in pitches and at least in pixels."""
_THREAD_PERCENTILE = 75.0
_MOST_SPREAD = 0.3
"""Robust spread of depths, holes and threads taken together, above which a row tells nothing."""
_SPREADS = 2.5
"""A place is bare when it falls short of the usual hole by so many spreads, and of ``LOCKED``,"""
_BARE = 0.62
"""or anyway of this: of 100 holes in rows that only just tell, two or three do."""
_LEAST_LEVELS = 4.0
"""Grey levels of the usual depth below which nothing can be told."""
_LEAST_HOLES = 6


@dataclass(frozen=True, eq=False)
class Locks:
    """How deep the holes of one row are.

    Attributes
    ----------
    hole, thread : grey levels of the usual depth at holes and between them. spread : robust spread of depths,
        as a share of their difference.
    """

    grey: F32
    pitch_px: float
    hole: float
    thread: float
    spread: float

    @property
    def tells(self) -> bool:
        """Whether the photo tells holes from threads in this row."""
        return self.spread <= _MOST_SPREAD and self.hole - self.thread >= _LEAST_LEVELS

    @property
    def bare(self) -> float:
        """Depth below which no stitch locked."""
        return float(np.clip(1 - _SPREADS * self.spread, _BARE, LOCKED))

    def depth(self, at_px: F64, way: F64) -> F64:
        """Depth (N,) at places (N, 2) of a row that runs along ``way`` (N, 2) there: about 1 at a hole."""
        levels = _levels(self.grey, at_px, way, self.pitch_px)
        return (levels - self.thread) / max(self.hole - self.thread, 1e-6)


def locks_of(grey: F32, at_px: F64, way: F64, *, pitch_px: float) -> Locks | None:
    """How deep the holes (N, 2) of a row are in the photo; None when they are too few.

    Parameters
    ----------
    way : (N, 2) unit vectors along the row.
    """
    if len(at_px) < _LEAST_HOLES:
        return None
    middle, spread = _robust(_levels(grey, at_px, way, pitch_px))
    between = (at_px[:-1] + at_px[1:]) / 2
    ahead = np.diff(at_px, axis=0)
    length = np.hypot(ahead[:, 0], ahead[:, 1])
    plain = length < 1.4 * median(length)
    ahead /= np.maximum(1e-9, length)[:, None]
    thread, thread_spread = _robust(_levels(grey, between[plain], ahead[plain], pitch_px))
    apart = max(middle - thread, 1e-6)
    return Locks(grey, pitch_px, middle, thread, float(np.hypot(spread, thread_spread)) / apart)


def _levels(grey: F32, at_px: F64, way: F64, pitch_px: float) -> F64:
    """Grey levels (N,) by which the darkest near each place is darker than the thread around it."""
    count = int(_HALF_LENGTH * pitch_px / _STEP_PX)
    u = np.arange(-count, count + 1) * _STEP_PX
    v = np.array(_LANES_PX)
    places = (
        at_px[:, None, None]
        + u[None, :, None, None] * way[:, None, None]
        + v[None, None, :, None] * normals(way)[:, None, None]
    )
    profile = look_up(grey, places, beyond=None).mean(axis=2)
    inner = np.abs(u) <= max(_DARK_HALF_PX, _DARK_HALF_LENGTH * pitch_px)
    rank = int(_THREAD_PERCENTILE / 100 * (len(u) - 1))
    bright = np.partition(profile, rank, axis=1)[:, rank]
    return np.asarray(bright - profile[:, inner].min(axis=1), np.float64)


def _robust(values: F64) -> tuple[float, float]:
    middle = median(values)
    return middle, 1.4826 * median(np.abs(values - middle))
