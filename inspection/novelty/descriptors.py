"""Features of a photo as novelty compares them: one vector for every cell of 16 model-scale pixels."""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

from inspection.domain import Zone
from inspection.errors import ModelError

__all__ = ["CELLS", "cells_of_zones", "describe", "grid_of"]

CELLS = 2
"""Embedding cells along a side of one novelty cell: a quarter of the vectors, and hardly less found."""

NEIGHBOURHOOD = 3
"""Embedding cells along a side of the neighbourhood that is averaged, as PatchCore does (its section 3.1)."""


def grid_of(rows: int, columns: int) -> tuple[int, int]:
    """Rows and columns of novelty cells over an embedding of so many."""
    return math.ceil(rows / CELLS), math.ceil(columns / CELLS)


def describe(embedding: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Vectors of a photo.

    Parameters
    ----------
    embedding : (C, rows, columns) float32, as the network gives it.

    Returns
    -------
    (h, w, C) float32. The grid shares its outer edges with the photo where the embedding's sides are even,
    else it reaches half a cell beyond.
    """
    rows, columns = embedding.shape[1:]
    down, across = grid_of(rows, columns)
    features = np.pad(
        np.ascontiguousarray(embedding.transpose(1, 2, 0)),
        ((1, 1 + down * CELLS - rows), (1, 1 + across * CELLS - columns), (0, 0)),
        mode="edge",
    )
    across_rows = _averaged(features)  # (h, 2 w + 2, C)
    cells = _averaged(across_rows.transpose(1, 0, 2)).transpose(1, 0, 2)  # (h, w, C)
    cells = np.ascontiguousarray(cells)
    if not math.isfinite(float(cells.sum())):
        raise ModelError(
            "The network gave features that are not numbers.",
            hint="Copy the model folder again, or serve the model before it.",
        )
    return np.asarray(cells, np.float32)


def _averaged(lines: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Each pair of lines as the mean of its neighbourhoods: three lines round each, so 1 2 2 1 over six."""
    outer = lines[0:-3:CELLS] + lines[3::CELLS]
    inner = lines[1:-2:CELLS] + lines[2:-1:CELLS]
    inner *= 2
    inner += outer
    inner /= 2 * NEIGHBOURHOOD
    return np.asarray(inner, np.float32)


def cells_of_zones(
    zones: tuple[Zone, ...], *, photo_size_px: tuple[int, int], grid: tuple[int, int]
) -> npt.NDArray[np.uint8]:
    """(h, w) number of the zone at the middle of each cell, from 1; 0 where there is none.

    Where zones overlap the first counts, as everywhere.
    """
    rows, columns = grid
    step = np.array([photo_size_px[0] / columns, photo_size_px[1] / rows])
    numbers = np.zeros((rows, columns), np.uint8)
    for number, zone in reversed(list(enumerate(zones, start=1))):
        corners = (zone.outline_px + 0.5) / step - 0.5
        cv2.fillPoly(numbers, [np.rint(corners * 16).astype(np.int32)], number, shift=4)
    return numbers
