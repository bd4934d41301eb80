"""The colour difference CIEDE2000.

G. Sharma, W. Wu, E. N. Dalal: The CIEDE2000 color-difference formula: implementation notes, supplementary
test data, and mathematical observations. Color Research and Application 30 (2005), 21-30. The parametric
factors are 1. The tests compare it with the 34 pairs of that paper.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["ciede2000"]

Floats = npt.NDArray[np.float64]
_25_TO_7 = 25.0**7


def ciede2000(first: Floats, second: Floats) -> Floats:
    """Colour difference of two CIELAB colours.

    Parameters
    ----------
    first, second : (..., 3) L*, a*, b*; broadcast against each other.

    Returns
    -------
    (...) 0 where they are the same; about 1 is just seen by a trained eye.
    """
    l_1, a_1, b_1 = np.moveaxis(np.asarray(first, np.float64), -1, 0)
    l_2, a_2, b_2 = np.moveaxis(np.asarray(second, np.float64), -1, 0)
    mean_chroma_7 = ((np.hypot(a_1, b_1) + np.hypot(a_2, b_2)) / 2) ** 7
    stretch = 1 + 0.5 * (1 - np.sqrt(mean_chroma_7 / (mean_chroma_7 + _25_TO_7)))
    chroma_1, hue_1 = _polar(stretch * a_1, b_1)
    chroma_2, hue_2 = _polar(stretch * a_2, b_2)
    grey = chroma_1 * chroma_2 == 0

    turn = hue_2 - hue_1
    turn = np.where(turn > 180, turn - 360, np.where(turn < -180, turn + 360, turn))
    turn = np.where(grey, 0.0, turn)
    d_hue = 2 * np.sqrt(chroma_1 * chroma_2) * np.sin(np.radians(turn / 2))
    d_light, d_chroma = l_2 - l_1, chroma_2 - chroma_1

    total = hue_1 + hue_2
    apart = np.abs(hue_1 - hue_2) > 180
    mean_hue = np.where(apart, np.where(total < 360, total + 360, total - 360), total) / 2
    mean_hue = np.where(grey, total, mean_hue)
    mean_light, mean_chroma = (l_1 + l_2) / 2, (chroma_1 + chroma_2) / 2

    weight = (
        1
        - 0.17 * np.cos(np.radians(mean_hue - 30))
        + 0.24 * np.cos(np.radians(2 * mean_hue))
        + 0.32 * np.cos(np.radians(3 * mean_hue + 6))
        - 0.20 * np.cos(np.radians(4 * mean_hue - 63))
    )
    off_middle = (mean_light - 50) ** 2
    per_light = d_light / (1 + 0.015 * off_middle / np.sqrt(20 + off_middle))
    per_chroma = d_chroma / (1 + 0.045 * mean_chroma)
    per_hue = d_hue / (1 + 0.015 * mean_chroma * weight)
    chroma_7 = mean_chroma**7
    rotation = -np.sin(np.radians(60 * np.exp(-(((mean_hue - 275) / 25) ** 2)))) * (
        2 * np.sqrt(chroma_7 / (chroma_7 + _25_TO_7))
    )
    squared = per_light**2 + per_chroma**2 + per_hue**2 + rotation * per_chroma * per_hue
    return np.asarray(np.sqrt(np.maximum(squared, 0.0)))


def _polar(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Chroma, and hue in degrees 0..360, 0 for grey."""
    return np.hypot(a, b), np.degrees(np.arctan2(b, a)) % 360
