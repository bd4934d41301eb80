"""Tells where something lies over a row: a lace, a tape, a ring, dust."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from inspection.seams.lines import normals

__all__ = ["covered"]

F64 = npt.NDArray[np.float64]

_LANES_MM = (0.55, 0.8, 1.05)
"""Beside the thread, where the leather shows on either side: no fraying end reaches all of it."""
_AROUND = 12
"""Sound steps, the nearest ones, that tell what the leather beside the row usually looks like."""
_LEAST_LEVELS = 12.0
"""Levels by which leather beside a row does not change without something lying there."""
_PLAIN_LEVELS = 30.0
"""On one side only it has to be plainer."""
_SPREADS = 5.0
_LEAST_SOUND = 4


def covered(
    rgb: npt.NDArray[np.uint8],
    at_px: F64,
    doubted: npt.NDArray[np.bool_],
    *,
    closed: bool,
    mm_per_px: float,
) -> npt.NDArray[np.bool_]:
    """Whether doubted steps of a row lie under something that is of another colour beside it.

    Parameters
    ----------
    rgb : (H, W, 3) uint8. at_px : (N, 2) holes of the row.
    doubted : (S,) of its steps, N - 1 or N when closed: those to judge; the others show what the row usually
        looks like.

    Returns
    -------
    (S,), False where not doubted.
    """
    found = np.zeros(len(doubted), bool)
    wrong, sound = np.flatnonzero(doubted), np.flatnonzero(~doubted)
    if not len(wrong) or len(sound) < _LEAST_SOUND:
        return found
    ahead = np.diff(at_px, axis=0, append=at_px[:1]) if closed else np.diff(at_px, axis=0)
    first = at_px[: len(ahead)]
    left = normals(ahead / np.maximum(1e-9, np.hypot(ahead[:, 0], ahead[:, 1]))[:, None])
    lanes = np.array(_LANES_MM) / mm_per_px
    t = np.array([0.2, 0.5, 0.8])
    away = np.zeros((2, len(ahead)))
    for side, sign in enumerate((1.0, -1.0)):
        places = (
            first[:, None, None]
            + t[None, :, None, None] * ahead[:, None, None]
            + sign * lanes[None, None, :, None] * left[:, None, None]
        )
        x = np.clip(np.rint(places[..., 0]).astype(np.intp), 0, rgb.shape[1] - 1)
        y = np.clip(np.rint(places[..., 1]).astype(np.intp), 0, rgb.shape[0] - 1)
        colour = rgb[y, x].astype(np.float64).mean(axis=(1, 2))
        for i in wrong:
            near = colour[sound[np.argsort(np.abs(sound - i), kind="stable")[:_AROUND]]]
            usual = np.median(near, axis=0)
            spread = 1.4826 * np.median(np.abs(near - usual), axis=0)
            levels = np.abs(colour[i] - usual)
            away[side, i] = float(np.where(levels > _SPREADS * spread, levels, 0.0).max())
    found[wrong] = (away.min(axis=0) > _LEAST_LEVELS)[wrong] | (away.max(axis=0) > _PLAIN_LEVELS)[wrong]
    return found
