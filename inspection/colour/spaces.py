"""Between sRGB as cameras write it, linear light, and CIELAB.

sRGB and its matrix are those of IEC 61966-2-1; CIELAB is that of ISO/CIE 11664-4. The white point of both is
D65, so no adaptation is needed between them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["lab_of_linear", "linear_of_lab", "linear_of_levels", "linear_of_srgb", "srgb_of_linear"]

Floats = npt.NDArray[np.float64]

_XYZ_OF_RGB = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
_RGB_OF_XYZ = np.linalg.inv(_XYZ_OF_RGB)
_WHITE = _XYZ_OF_RGB.sum(axis=1)  # so that equal RGB is exactly neutral
_DELTA = 6 / 29
_SRGB_LEVELS = np.arange(256) / 255
_LINEAR_LEVELS = np.where(
    _SRGB_LEVELS <= 0.04045, _SRGB_LEVELS / 12.92, ((_SRGB_LEVELS + 0.055) / 1.055) ** 2.4
)
_LINEAR_LEVELS_F32 = _LINEAR_LEVELS.astype(np.float32)


def linear_of_srgb(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Linear light, 0..1, of 8-bit sRGB; any shape."""
    return _LINEAR_LEVELS_F32[rgb]


def linear_of_levels(levels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Linear light, 0..1, of sRGB in levels 0..255 that need not be whole; what is outside is clipped."""
    share = np.clip(levels, 0, 255) / np.float32(255)
    bent = ((share + np.float32(0.055)) / np.float32(1.055)) ** np.float32(2.4)
    return np.asarray(np.where(share <= 0.04045, share / np.float32(12.92), bent), np.float32)


def srgb_of_linear(linear: Floats) -> npt.NDArray[np.uint8]:
    """8-bit sRGB of linear light; what is outside 0..1 is clipped."""
    held = np.clip(linear, 0.0, 1.0)
    encoded = np.where(held <= 0.0031308, held * 12.92, 1.055 * held ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(encoded * 255), np.uint8)


def lab_of_linear(linear: Floats) -> Floats:
    """CIELAB of linear sRGB light.

    Parameters
    ----------
    linear : (..., 3), 1 is the white.

    Returns
    -------
    (..., 3) L* 0..100, a*, b*.
    """
    ratio = np.asarray(linear, np.float64) @ _XYZ_OF_RGB.T / _WHITE
    root = np.where(ratio > _DELTA**3, np.cbrt(ratio), ratio / (3 * _DELTA**2) + 4 / 29)
    x, y, z = np.moveaxis(root, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def linear_of_lab(lab: Floats) -> Floats:
    """Linear sRGB light (..., 3) of CIELAB (..., 3); outside 0..1 where sRGB does not reach."""
    lightness, a, b = np.moveaxis(np.asarray(lab, np.float64), -1, 0)
    y = (lightness + 16) / 116
    root = np.stack([y + a / 500, y, y - b / 200], axis=-1)
    ratio = np.where(root > _DELTA, root**3, 3 * _DELTA**2 * (root - 4 / 29))
    return np.asarray(ratio * _WHITE @ _RGB_OF_XYZ.T)
