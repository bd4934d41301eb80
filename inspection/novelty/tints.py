"""Tells photos of another colour from those that are taught together.

The network's features hardly depend on colour, because a defect is told by its surroundings on leather of any
colour. So a blue part among brown ones is nothing new to them, and yet is of another style.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from inspection.colour.spaces import linear_of_srgb
from inspection.domain import Zone

__all__ = ["of_another_colour"]

OTHER_TINT = 0.4
"""Distance of the logarithms of red and blue against green from which a colour is another one. Photos of one
hide of leather-line differ by 0.07 at most, a lamp 800 K warmer makes 0.22, and three of four pairs of hides
there differ by more than 0.5."""
FAR_OUT = 4.0
"""And in deviations of the colours that are taught (by median and MAD): a style may come in many colours."""
DARK = 0.01
"""Share of white added to each colour: what is nearly black has no colour to speak of."""
LONGEST_PX = 128

Picture = tuple[npt.NDArray[np.uint8], tuple[Zone, ...]]


def of_another_colour(pictures: Sequence[Picture]) -> npt.NDArray[np.bool_]:
    """(N,) which pictures have a colour unlike that of the others.

    Parameters
    ----------
    pictures : (H, W, 3) uint8 RGB each, with its zones in pixels; what lies outside them does not count.
    """
    tints = np.array([_tint(rgb, zones) for rgb, zones in pictures])
    apart = np.linalg.norm(tints - np.median(tints, axis=0), axis=1)
    return np.asarray(apart > max(OTHER_TINT, FAR_OUT * 1.4826 * float(np.median(apart))))


def _tint(rgb: npt.NDArray[np.uint8], zones: Sequence[Zone]) -> npt.NDArray[np.float64]:
    """(2,) logarithms of red and blue against green, which brightness does not change."""
    height, width = rgb.shape[:2]
    scale = min(1.0, LONGEST_PX / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    mask = np.zeros(small.shape[:2], np.uint8)
    for zone in zones:
        cv2.fillPoly(mask, [np.rint((zone.outline_px + 0.5) * scale - 0.5).astype(np.int32)], 1)
    shown = small[mask > 0] if mask.any() else small.reshape(-1, 3)
    red, green, blue = linear_of_srgb(shown[None]).reshape(-1, 3).mean(axis=0, dtype=np.float64) + DARK
    return np.log([red / green, blue / green])
