"""Joins novelty with the kinds that the network knows: what neither explains is a defect of kind unknown."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from inspection.domain import Defect, Maps, Novelty
from inspection.taxonomy import SOUND, UNKNOWN

__all__ = ["MIN_AREA_MM2", "as_maps", "unexplained"]

MIN_AREA_MM2 = 1.0
"""A novel region smaller than a millimetre squared is a cell at its limit, not a thing."""

FINER = 4
"""Points of the map that regions are found on, along a side of a cell: outlines are smooth that way."""

EXPLAINED = 0.25
"""A novel region is explained when a known defect covers this share of it, or its most novel place."""

GROWN_CELLS = 1.0
"""Known outlines reach this far further: novelty is coarser than they are."""


def as_maps(novelty: Novelty, *, photo_size_px: tuple[int, int]) -> Maps:
    """Novelty as a map of one kind, so that its regions are found as all others are.

    Returns
    -------
    Maps whose ``unknown`` is novelty / (novelty + limit): 0.5 at the limit, and always the same for the same
    novelty.
    """
    rows, columns = novelty.grid.shape
    fine = cv2.resize(
        np.asarray(novelty.grid), (columns * FINER, rows * FINER), interpolation=cv2.INTER_LINEAR
    )
    share = np.asarray(fine / (fine + np.float32(novelty.limit)), np.float32)
    return Maps(kinds=(SOUND, UNKNOWN), surface=np.stack([1 - share, share]), photo_size_px=photo_size_px)


def unexplained(
    found: Sequence[Defect], known: Sequence[Defect], novelty: Novelty, *, photo_size_px: tuple[int, int]
) -> tuple[Defect, ...]:
    """The novel regions that no known defect explains.

    Parameters
    ----------
    found : novel regions.
    known : defects of known kinds, in the same photo.
    """
    if not found or not known:
        return tuple(found)
    rows, columns = novelty.grid.shape
    size = (columns * FINER, rows * FINER)
    step = np.array([photo_size_px[0] / size[0], photo_size_px[1] / size[1]])
    covered = np.zeros((size[1], size[0]), np.uint8)
    for defect in known:
        cv2.fillPoly(covered, [_corners(defect, step)], 1)
        cv2.polylines(covered, [_corners(defect, step)], True, 1)
    reach = 2 * round(GROWN_CELLS * FINER) + 1
    grown = cv2.dilate(covered, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))) > 0
    fine = cv2.resize(np.asarray(novelty.grid), size, interpolation=cv2.INTER_LINEAR)
    left = []
    for defect in found:
        region = np.zeros_like(covered)
        cv2.fillPoly(region, [_corners(defect, step)], 1)
        inside = region > 0
        if not inside.any():
            left.append(defect)
            continue
        peak = np.unravel_index(int(np.where(inside, fine, -1).argmax()), fine.shape)
        if grown[inside].mean() < EXPLAINED and not grown[peak]:
            left.append(defect)
    return tuple(left)


def _corners(defect: Defect, step: npt.NDArray[np.float64]) -> npt.NDArray[np.int32]:
    return np.rint((defect.outline_px + 0.5) / step - 0.5).astype(np.int32)
