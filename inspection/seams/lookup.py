"""Looks values up between the cells of a map or the pixels of a photo."""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

__all__ = ["lattice", "look_up"]

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]


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
    count = math.prod(at.shape[:-1])
    # OpenCV takes at most 32767 columns, so a square of places serves as well as a row of them.
    side = max(1, math.ceil(math.sqrt(count)))
    x, y = np.full((2, side * side), -10, np.float32)
    x[:count], y[:count] = at[..., 0].ravel(), at[..., 1].ravel()
    found = cv2.remap(
        plane,
        x.reshape(side, side),
        y.reshape(side, side),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE if beyond is None else cv2.BORDER_CONSTANT,
        borderValue=beyond or 0.0,
    )
    return np.asarray(found, np.float32).ravel()[:count].reshape(at.shape[:-1])
