"""The outline of a whole part on a plain background, fine enough to measure it; in doubt, nothing."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from inspection.locating import background, features

__all__ = ["SIDE_PX", "outline_of_part"]

SIDE_PX = 1280
"""Longer side of the photo in which the outline is drawn: about a quarter of a millimetre of a shoe."""
_MIN_PART = 0.5
"""Share of all that is not background which the part takes: otherwise there are several things, or it fell
apart."""


def outline_of_part(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64] | None:
    """(N, 2) outline of the one part that lies wholly inside the photo, in photo pixels.

    The outline runs along the outer edges of the part's pixels.

    Returns
    -------
    None where the background is not plain for sure, the part touches the photo's rim, or there are several.
    """
    if background.part_on_plain(rgb) is None:
        return None
    scale = min(1.0, SIDE_PX / max(rgb.shape[:2]))
    height, width = (max(1, round(side * scale)) for side in rgb.shape[:2])
    small = np.asarray(cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    apart, rim = background.distance_from_background(small)
    like = (apart <= background.FAR).astype(np.uint8)
    # What is joined to the rim is background: a hole in the part, such as its opening, is not.
    _, labels = cv2.connectedComponents(like, connectivity=4)
    part = (~np.isin(labels, np.unique(labels[rim & (like > 0)])) | (like == 0)).astype(np.uint8)
    part = cv2.morphologyEx(part, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(part, connectivity=4)
    if count < 2:
        return None
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    x, y, w, h, area = (int(value) for value in stats[largest])
    if x <= 1 or y <= 1 or x + w >= width - 1 or y + h >= height - 1:
        return None
    if area < _MIN_PART * int(part.sum()):
        return None
    # Twice as fine, so that the outline leads round the pixels and not through their middles.
    alone = (labels == largest).astype(np.uint8)
    doubled = cv2.resize(alone, (2 * width, 2 * height), interpolation=cv2.INTER_NEAREST)
    contours, _ = cv2.findContours(doubled, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    fine = max(contours, key=len).reshape(-1, 2).astype(np.float64)
    # The middles of the outermost halves lie a quarter of a pixel inside the edge.
    middle = fine.mean(axis=0)
    away = fine - middle
    fine = fine + 0.5 * away / np.maximum(1e-9, np.abs(away).max(axis=1, keepdims=True))
    back = features.resampling((2 * width, 2 * height), (rgb.shape[1], rgb.shape[0]))
    return np.asarray(fine @ back[:2, :2].T + back[:2, 2], np.float64)
