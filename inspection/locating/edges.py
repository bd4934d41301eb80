"""The edges of a part and of a photo, and how well they agree where the part is thought to lie.

An edge is told by its direction and not by which side is brighter: a doubled angle (Granlund 1978), so that
a part may lie on any background. Contrast is taken of the logarithm of brightness and levels off, so that
light, its fall-off and strong edges of the background count for little.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from inspection.locating import features, placing

__all__ = ["SIDES_PX", "Edges", "Matrix", "Pattern", "agreement", "edges", "overall", "pattern", "turn_of"]

SIDES_PX = (64, 128, 240, 400)
"""Longer sides of the photo, coarse to fine, at which edges are compared: over the first the whole photo is
searched, on the others the place is refined."""
MAX_PLACES = 6000
"""Of the part that are compared; more cost time and change no result."""
_BLUR_PX = 0.8
_DARK = 16.0
"""Grey levels added before the logarithm: below them contrast is noise of the camera."""
_HALF_CONTRAST = 0.06
"""Change of the logarithm of brightness per pixel at which an edge counts half."""
_RIM_SHARE = 0.25
"""Of the steepest place of the part's drawn outline: from there on a pixel belongs to the outline."""

Matrix = npt.NDArray[np.float64]
Edges = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Pattern:
    """The edges of a part at one size of its reference photo.

    Attributes
    ----------
    field : (h, w) complex64, of the part; 0 outside.
    to_level : (3, 3), from pixels of the reference photo to those of the reduced one.
    places, values : (N, 2) float64 and (N,) complex64, where the part is and its edges there.
    inner : (N,) bool, places of the part itself; the others are its outline, as drawn.
    centre, size_px : of the part, in the reduced photo; the size is the root of its area.
    """

    field: npt.NDArray[np.complex64]
    to_level: Matrix
    places: npt.NDArray[np.float64]
    values: npt.NDArray[np.complex64]
    inner: npt.NDArray[np.bool_]
    centre: npt.NDArray[np.float64]
    size_px: float


def edges(grey: npt.NDArray[np.uint8]) -> Edges:
    """(h, w, 2) float32: strength 0..1 times cosine and sine of twice the direction across each edge."""
    across, down = _slopes(np.log(cv2.GaussianBlur(grey.astype(np.float32), (0, 0), _BLUR_PX) + _DARK))
    strength = np.hypot(across, down)
    weight = 1 / np.maximum(strength * (strength + _HALF_CONTRAST), 1e-9)
    return np.dstack([(across**2 - down**2) * weight, 2 * across * down * weight]).astype(np.float32)


def pattern(
    grey: npt.NDArray[np.uint8],
    part: list[npt.NDArray[np.float64]],
    *,
    photo_size: tuple[int, int],
    side_px: int,
    outlined: bool,
) -> Pattern:
    """Edges of the part at one size.

    Parameters
    ----------
    grey : (h, w) uint8, the reduced reference photo. photo_size : (width, height) of the photo.
    part : outlines in pixels of the photo.
    side_px : longer side at which the edges are compared.
    outlined : whether they are where the part ends, so that an edge is expected there on any background.
    """
    small = features.shrunk(grey, side_px=side_px)
    size = (small.shape[1], small.shape[0])
    to_level = features.resampling(photo_size, size)
    mask = features.filled([placing.transformed(to_level, outline) for outline in part], size)
    # What the outermost pixels show is mixed with the background.
    inner = cv2.erode(mask, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=(0,)) > 0
    both = edges(small)
    field = np.where(inner, both[..., 0] + 1j * both[..., 1], 0)
    if outlined:
        across, down = _slopes(np.asarray(cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 1.0), np.float32))
        strength = np.hypot(across, down)
        strength /= max(float(strength.max()), 1e-6)
        rim = strength > _RIM_SHARE
        field = np.where(rim, strength * np.exp(2j * np.arctan2(down, across)), field)
        inner &= ~rim
    else:
        rim = np.zeros_like(inner)
    rows, columns = np.nonzero(inner | rim)
    every = max(1, math.ceil(len(rows) / MAX_PLACES))
    rows, columns = rows[::every], columns[::every]
    area = float(np.count_nonzero(mask))
    moments = cv2.moments(mask, binaryImage=True)
    centre = np.array([moments["m10"], moments["m01"]]) / max(moments["m00"], 1.0)
    return Pattern(
        field=field.astype(np.complex64),
        to_level=to_level,
        places=np.column_stack([columns, rows]).astype(np.float64),
        values=field[rows, columns].astype(np.complex64),
        inner=inner[rows, columns],
        centre=centre,
        size_px=math.sqrt(area),
    )


def agreement(of_part: Pattern, of_photo: Edges, matrix: Matrix) -> tuple[float, float]:
    """How well the edges agree, -1..1: of part and outline, and of the part alone.

    Parameters
    ----------
    matrix : (3, 3), from the pattern's pixels to those of the photo's edges.
    """
    seen = _seen(of_part, of_photo, matrix)
    inner = of_part.inner
    return _correlated(of_part.values, seen), _correlated(of_part.values[inner], seen[inner])


def overall(of_part: Pattern, of_photo: Edges, matrix: Matrix) -> float:
    """The first figure of `agreement` alone."""
    return _correlated(of_part.values, _seen(of_part, of_photo, matrix))


def turn_of(matrix: Matrix) -> float:
    """Radians by which a (3, 3) map turns, after its mirroring along x where it mirrors."""
    mirrored = np.linalg.det(matrix[:2, :2]) < 0
    linear = matrix[:2, :2] @ np.diag([-1.0 if mirrored else 1.0, 1.0])
    return math.atan2(linear[1, 0] - linear[0, 1], linear[0, 0] + linear[1, 1])


def _seen(of_part: Pattern, of_photo: Edges, matrix: Matrix) -> npt.NDArray[np.complex64]:
    """(N,) edges of the photo at the part's places, as seen in the reference; 0 outside the photo."""
    there = (matrix[:2, :2] @ of_part.places.T + matrix[:2, 2:]).astype(np.float32)[:, None]
    sampled = cv2.remap(of_photo, there[0], there[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)[0]
    mirrored = np.linalg.det(matrix[:2, :2]) < 0
    seen = (sampled[:, 0] + 1j * sampled[:, 1]) * np.exp(-2j * turn_of(matrix))
    return np.asarray(np.conj(seen) if mirrored else seen, np.complex64)


def _correlated(one: npt.NDArray[np.complex64], other: npt.NDArray[np.complex64]) -> float:
    norm = math.sqrt(float(np.vdot(one, one).real) * float(np.vdot(other, other).real))
    return float(np.vdot(one, other).real) / norm if norm > 0 else 0.0


def _slopes(values: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Change per pixel, to the right and down."""
    return (
        np.asarray(cv2.Scharr(values, cv2.CV_32F, 1, 0, scale=1 / 32), np.float32),
        np.asarray(cv2.Scharr(values, cv2.CV_32F, 0, 1, scale=1 / 32), np.float32),
    )
