"""What a line does to a good part's photo: other light, other lamps, a little out of focus, a little turned.

A bank that is taught these as well does not take them for novelties. Measured against the alternatives
(features scaled alone, or whitened against the same changes), teaching them kept the false rejects nearest to
what was asked; docs/novelty.md has the figures.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

__all__ = ["VARIANTS", "brighter", "defocused", "passes_per_photo", "turned", "variants_of", "warmer"]

Rgb = npt.NDArray[np.uint8]
Change = Callable[[Rgb], Rgb]

LAMP_K = 5000.0
"""Colour temperature that a camera on a line is usually balanced for."""

LEAST_VARIED = 12
"""Varied photos in all, at the least: each of the six changes about twice."""


def _scaled(rgb: Rgb, gains: npt.NDArray[np.float32]) -> Rgb:
    levels = np.arange(256, dtype=np.float32)[:, None] * gains  # (256, 3)
    table = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(np.ascontiguousarray(rgb), table.reshape(1, 256, 3)), np.uint8)


def brighter(rgb: Rgb, share: float) -> Rgb:
    """The photo under ``share`` more light (less where negative); what is too bright is clipped."""
    return _scaled(rgb, np.full(3, 1 + share, np.float32))


def _lamp_rgb(kelvin: float) -> npt.NDArray[np.float64]:
    """Colour of a black body below 6600 K, relative; the usual fit of Tanner Helland to Mitchell Charity's
    table."""
    t = kelvin / 100
    red = 255.0 if t <= 66 else 329.698727446 * (t - 60) ** -0.1332047592
    green = 99.4708025861 * math.log(t) - 161.1195681661
    if t > 66:
        green = 288.1221695283 * (t - 60) ** -0.0755148492
    blue = 255.0 if t >= 66 else 138.5177312231 * math.log(t - 10) - 305.0447927307
    return np.array([red, green, blue])


def warmer(rgb: Rgb, by_k: float) -> Rgb:
    """The photo under a lamp whose colour temperature is ``by_k`` lower than ``LAMP_K``; green stays."""
    gains = _lamp_rgb(LAMP_K - by_k) / _lamp_rgb(LAMP_K)
    return _scaled(rgb, (gains / gains[1]).astype(np.float32))


def defocused(rgb: Rgb, sigma_px: float) -> Rgb:
    """The photo blurred by a Gaussian of ``sigma_px`` of its own pixels."""
    return np.asarray(cv2.GaussianBlur(rgb, (0, 0), sigma_px), np.uint8)


def turned(rgb: Rgb, angle_deg: float, shift_px: float) -> Rgb:
    """The photo turned about its middle and shifted along both axes; its edges are mirrored."""
    height, width = rgb.shape[:2]
    middle = ((width - 1) / 2, (height - 1) / 2)
    matrix = np.asarray(cv2.getRotationMatrix2D(middle, angle_deg, 1.0), np.float64)
    matrix[:, 2] += shift_px
    moved = cv2.warpAffine(
        rgb, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    return np.asarray(moved, np.uint8)


VARIANTS: dict[str, Change] = {
    "20 % brighter": lambda rgb: brighter(rgb, 0.2),
    "20 % darker": lambda rgb: brighter(rgb, -0.2),
    "800 K warmer": lambda rgb: warmer(rgb, 800),
    "800 K cooler": lambda rgb: warmer(rgb, -800),
    "1 px out of focus": lambda rgb: defocused(rgb, 1.0),
    "turned 2 degrees": lambda rgb: turned(rgb, 2.0, 4.0),
}
"""The changes that are taught, by name."""


def passes_per_photo(photos: int) -> int:
    """How often each photo is looked at: as it is, and under one to three of the changes."""
    return 1 + min(3, max(1, math.ceil(LEAST_VARIED / max(1, photos))))


def variants_of(index: int, photos: int) -> tuple[str, ...]:
    """Names of the changes that photo ``index`` of so many is taught under; they go round."""
    names = list(VARIANTS)
    changes = passes_per_photo(photos) - 1
    return tuple(names[(index * changes + step) % len(names)] for step in range(changes))
