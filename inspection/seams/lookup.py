"""Looks values up between the cells of a map or the pixels of a photo."""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

__all__ = ["grey_at", "lattice", "look_up"]

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
U8 = npt.NDArray[np.uint8]

_MOST_COLUMNS = 32766
"""OpenCV takes no wider image."""
_MOST_PIXELS = 1 << 16
"""Of a piece of a photo: two smaller ones are made in less time than a larger one."""


def lattice(
    at: F64, first: F64, u: npt.NDArray[np.floating], second: F64, v: npt.NDArray[np.floating]
) -> F64:
    """Places (N, U, V, 2) around each of ``at`` (N, 2).

    Parameters
    ----------
    first, second : (N, 2) directions at each, of which ``u`` (U,) and ``v`` (V,) tell how far to go.
    """
    # Each coordinate lies together in memory: NumPy takes five times as long over pairs.
    places = np.empty((2, len(at), len(u), len(v)))
    for k in (0, 1):
        places[k] = at[:, k, None, None] + u[:, None] * first[:, k, None, None] + v * second[:, k, None, None]
    return np.moveaxis(places, 0, -1)


def look_up(plane: F32, at: npt.NDArray[np.floating], *, beyond: float | None = 0.0) -> F32:
    """Values (...,) at places (..., 2), (x, y) with (0, 0) the middle of the first cell, linear between.

    Parameters
    ----------
    beyond : value outside the map; None goes on with the value at its edge.
    """
    x, y = (at[..., k].ravel().astype(np.float32) for k in (0, 1))
    found = np.empty(len(x), np.float32)
    border = cv2.BORDER_REPLICATE if beyond is None else cv2.BORDER_CONSTANT
    for begin in range(0, len(x), _MOST_COLUMNS):
        part = slice(begin, begin + _MOST_COLUMNS)
        cv2.remap(
            plane,
            x[None, part],
            y[None, part],
            cv2.INTER_LINEAR,
            dst=found[None, part],
            borderMode=border,
            borderValue=beyond or 0.0,
        )
    return found.reshape(at.shape[:-1])


def grey_at(rgb: U8, at: npt.NDArray[np.floating]) -> F32:
    """Grey values (N, ...) of a photo (H, W, 3) at places (N, ..., 2), linear between; its edge goes on.

    Only the pieces of the photo where they lie are turned to grey: rows take up little of it.
    """
    at = at.astype(np.float32, copy=False)  # as in ``look_up``: so taking off the corner is exact
    (left, right), (top, bottom) = (_span(at[..., k], rgb.shape[1 - k]) for k in (0, 1))
    if len(at) > 1 and (right - left) * (bottom - top) > _MOST_PIXELS:
        half = len(at) // 2
        return np.concatenate([grey_at(rgb, at[:half]), grey_at(rgb, at[half:])])
    piece = cv2.cvtColor(rgb[top:bottom, left:right], cv2.COLOR_RGB2GRAY).astype(np.float32)
    return look_up(piece, at - np.array([left, top], np.float32), beyond=None)


def _span(at: F32, size: int) -> tuple[int, int]:
    """First pixel, and the one after the last, that places need along one side of a photo."""
    first, last = (min(max(0, each), size - 1) for each in (math.floor(at.min()), math.ceil(at.max())))
    return first, last + 1
