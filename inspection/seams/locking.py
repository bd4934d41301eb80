"""Tells holes where the stitch locked from those that the thread passes over.

Where a stitch locks, the thread goes down into its hole and grows dark there. Over a skipped hole it goes on
as bright as between the holes. So each hole's profile along the middle of the thread is compared with that of
its row: as much of it, or next to none.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from inspection.seams.lines import normals
from inspection.seams.lookup import look_up

__all__ = ["unlocked"]

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]

_HALF_LENGTH = 0.45
"""Of the profile, in pitches."""
_MOST_HALF_LENGTH_MM = 1.1
_STEP_PX = 0.5
_LANES_PX = (-0.5, 0.0, 0.5)
_SHIFTS = 2
"""Samples by which a hole may lie off its place on either side."""
_MOST_SPREAD = 0.1
"""Robust standard deviation of the shares above which the stitches of a row are too unlike to tell."""
_SPREADS = 6.0
"""By how many robust standard deviations of its row a hole has to fall short."""
_LEAST_SHARE, _MOST_SHARE = 0.4, 0.75
"""Share of the usual profile below which a hole is never taken for locked, and from which it always is."""
_LEAST_LEVELS = 4.0
"""Grey levels of the usual profile below which nothing can be told."""
_LEAST_HOLES = 8


def unlocked(
    grey: F32, at_px: F64, tangent: F64, *, pitch_px: float, mm_per_px: float
) -> npt.NDArray[np.bool_]:
    """Whether each hole (N, 2) of a row shows no locked stitch; all False where the photo cannot tell."""
    n = len(at_px)
    none = np.zeros(n, bool)
    if n < _LEAST_HOLES:
        return none
    half = min(_HALF_LENGTH * pitch_px, _MOST_HALF_LENGTH_MM / mm_per_px)
    steps = int(half / _STEP_PX)
    u = np.arange(-steps - _SHIFTS, steps + _SHIFTS + 1) * _STEP_PX
    v = np.array(_LANES_PX)
    places = (
        at_px[:, None, None]
        + u[None, None, :, None] * tangent[:, None, None]
        + v[None, :, None, None] * normals(tangent)[:, None, None]
    )
    wide = look_up(grey, places, beyond=None).mean(axis=1).astype(np.float64)
    # A hole may be placed a little off: the best of a few shifts counts.
    shifted = np.lib.stride_tricks.sliding_window_view(wide, 2 * steps + 1, axis=1)
    profile = shifted - shifted.mean(axis=2, keepdims=True)
    usual = np.median(profile[:, _SHIFTS], axis=0)
    energy = float(usual @ usual)
    if energy < len(usual) * _LEAST_LEVELS**2:
        return none
    share = (profile @ usual).max(axis=1) / energy
    middle = float(np.median(share))
    spread = 1.4826 * float(np.median(np.abs(share - middle)))
    if spread > _MOST_SPREAD:
        return none
    limit = float(np.clip(middle - _SPREADS * spread, _LEAST_SHARE, _MOST_SHARE))
    found = share < limit
    # Where many fall short it is the row that does not look alike, not the stitches that skipped.
    return found if found.sum() <= max(2, n // 4) else none
