"""Tells a part from a plain background, where a recipe says that its photos have one; in doubt, nothing."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from inspection.locating import features

__all__ = ["FAR", "distance_from_background", "part_on_plain"]

_SIDE_PX = 320
"""Longer side of the photo in which background is looked for."""
_RIM_SHARE = 0.02
"""Width of the rim of the photo that shows what the background looks like, of the longer side."""
_MAX_RIM_SPREAD = 6.0
"""CIELAB units: a rim that varies more (90th percentile of the distance from its middle) is no plain
background."""
FAR = 14.0
"""CIELAB units from the background's colour: clearly another colour, shadows aside."""
_MIN_PART, _MAX_PART = 0.05, 0.9
"""Share of the photo that a part takes; other shares mean that something else was taken for it."""
_MAX_TOUCHING = 0.35
"""Share of the rim that the part may touch: more, and the rim shows the part as well."""
_KEEP_SHARE = 0.015
"""Of the longer side, kept all round the part: edges of leather are never cut off."""


def part_on_plain(rgb: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.float64], ...] | None:
    """Outlines of all that is not background.

    Background is what is joined to the photo's rim and has its colour. A hole in the part stays part.

    Returns
    -------
    Outlines, each (N, 2) float64 in photo pixels; None when the background is not plain for sure.
    """
    scale = min(1.0, _SIDE_PX / max(rgb.shape[:2]))
    height, width = (max(1, round(side * scale)) for side in rgb.shape[:2])
    small = np.asarray(cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    apart, rim = distance_from_background(small)
    if float(np.mean(apart[rim] > FAR)) > _MAX_TOUCHING:
        return None
    plain_rim = apart[rim & (apart <= FAR)]
    if plain_rim.size == 0 or float(np.percentile(plain_rim, 90)) > _MAX_RIM_SPREAD:
        return None
    like = (apart <= FAR).astype(np.uint8)
    _, labels = cv2.connectedComponents(like, connectivity=4)
    at_rim = np.unique(labels[rim & (like > 0)])
    part = (~np.isin(labels, at_rim)) | (like == 0)
    # Specks of dust on the background are no part.
    opened = cv2.morphologyEx(part.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    if not _MIN_PART <= float(opened.mean()) <= _MAX_PART:
        return None
    keep = 2 * max(1, round(_KEEP_SHARE * max(height, width))) + 1
    kept = cv2.dilate(opened, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (keep, keep)))
    contours, _ = cv2.findContours(kept, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    back = features.resampling((width, height), (rgb.shape[1], rgb.shape[0]))
    return tuple(
        (contour.reshape(-1, 2).astype(np.float64) @ back[:2, :2].T) + back[:2, 2]
        for contour in contours
        if len(contour) >= 3
    )


def distance_from_background(
    rgb: npt.NDArray[np.uint8],
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """(h, w) distance of each pixel from the rim's usual colour, in CIELAB units, and where the rim is."""
    height, width = rgb.shape[:2]
    lab = cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    rim = np.zeros((height, width), bool)
    breadth = max(2, round(_RIM_SHARE * max(height, width)))
    rim[:breadth] = rim[-breadth:] = True
    rim[:, :breadth] = rim[:, -breadth:] = True
    apart = np.linalg.norm(lab - np.median(lab[rim], axis=0), axis=2)
    return np.asarray(apart, np.float32), rim
