"""Places needle holes in the photo itself, finer than the network's grid.

The stitches of one row look alike. So each row makes its own pattern: the mean of what the photo shows
around its holes, turned to the row's direction. Each hole is then moved to where it fits that pattern best.
A shift that all holes share cannot be seen this way and does not matter to any distance between them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inspection.seams.lookup import look_up

__all__ = ["Refined", "refine"]

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]

MIN_HOLES = 6
"""Fewer holes make no pattern of their own."""

_HALF_LENGTH = 0.42
"""Of the piece of photo around a hole, along the row, in pitches: not so far that the next hole decides."""
_MOST_HALF_LENGTH_MM = 1.0
_HALF_WIDTH_MM = 0.45
"""Across the row: the thread and the rim of the hole, not the next row."""
_REACH_MM = 0.36
"""How far a hole may be moved along the row: more than the network errs."""
_STEP_PX = 0.5
_ROUNDS = 3


@dataclass(frozen=True, eq=False)
class Refined:
    """Where the photo shows the holes of a row.

    Attributes
    ----------
    along_px : (N,) how far to move each hole along the row. fit : (N,) correlation with the row's pattern,
        -1..1.
    curvature : (N,) how sharply the fit falls off with distance, per squared pixel.
    """

    along_px: F64
    fit: F64
    curvature: F64


def refine(grey: F32, at_px: F64, tangent: F64, *, pitch_px: float, mm_per_px: float) -> Refined | None:
    """Fit the holes of one row to their common pattern.

    Parameters
    ----------
    grey : (H, W) float32. at_px : (N, 2). tangent : (N, 2) unit vectors along the row.

    Returns
    -------
    None when there are too few holes to make a pattern.
    """
    if len(at_px) < MIN_HOLES:
        return None
    half = min(_HALF_LENGTH * pitch_px, _MOST_HALF_LENGTH_MM / mm_per_px)
    reach = min(_REACH_MM / mm_per_px, 0.3 * pitch_px)
    span = int(np.ceil(half / _STEP_PX))
    shift = max(2, int(np.ceil(reach / _STEP_PX)))
    lanes = max(1, round(_HALF_WIDTH_MM / mm_per_px))
    u = np.arange(-(span + shift), span + shift + 1) * _STEP_PX
    v = np.linspace(-_HALF_WIDTH_MM, _HALF_WIDTH_MM, 2 * lanes + 1) / mm_per_px
    side = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)
    places = (
        at_px[:, None, None]
        + u[None, None, :, None] * tangent[:, None, None]
        + v[None, :, None, None] * side[:, None, None]
    )
    n = len(at_px)
    strip = look_up(grey, places, beyond=None)
    # What runs along the whole row (thread, groove, shade) tells nothing about where the hole is.
    strip = strip - strip.mean(axis=2, keepdims=True)
    windows = np.lib.stride_tricks.sliding_window_view(
        strip, 2 * span + 1, axis=2
    )  # (n, across, shifts, long)
    windows = windows.transpose(0, 2, 1, 3).reshape(n, 2 * shift + 1, -1)
    centred = windows - windows.mean(axis=2, keepdims=True)
    norm = np.sqrt(np.einsum("nsk,nsk->ns", centred, centred)) + 1e-6
    best = np.full(n, shift)
    rows = np.arange(n)
    score = np.zeros((n, 2 * shift + 1))
    for _ in range(_ROUNDS):
        looks = centred[rows, best] / norm[rows, best][:, None]
        pattern = looks.mean(axis=0)
        size = float(np.sqrt(pattern @ pattern))
        if size < 1e-6:
            return None
        score = (centred @ (pattern / size)) / norm
        best = np.clip(score.argmax(axis=1), 0, 2 * shift)
    inner = np.clip(best, 1, 2 * shift - 1)
    left, mid, right = (score[rows, inner + k] for k in (-1, 0, 1))
    bend = np.maximum(1e-6, 2 * mid - left - right)
    offset = np.clip((right - left) / (2 * bend), -1, 1)
    moved = (inner - shift + offset) * _STEP_PX
    return Refined(moved - np.median(moved), score[rows, best], bend / _STEP_PX**2)
