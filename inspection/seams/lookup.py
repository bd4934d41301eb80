"""Looks values up between the cells of a map or the pixels of a photo."""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

__all__ = ["look_up"]

F32 = npt.NDArray[np.float32]


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
