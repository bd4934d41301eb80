"""Makes use of loose boxes: guesses which pixels inside a box are the defect.

A box of 15 mm round a hole of 1 mm says little of each pixel, but three things are sure: outside all boxes
leather is sound (but for the odd defect that nobody labelled), somewhere inside the box there is the
defect, and small defects differ from the leather round them. ``mark`` turns the third into labels for a few
pixels; the second and a growing trust in the averaged network are losses (``losses``).
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from training.datasets import UNKNOWN_LABEL, Box, Example, box_slices

__all__ = ["BROAD_KINDS", "mark"]

BROAD_KINDS = frozenset({"scar"})
"""Kinds that fill most of their box instead of hiding in it."""
BROAD_CORE = 0.4
"""Share of a broad kind's box, about its centre, that is taken for the defect itself."""
RING_PX = 24
"""Leather this near to a box tells what is normal there."""
OUTLIER = 3.0
"""A speck counts when its peak is this many median deviations beyond all but the strangest 0.5 % of the
ring."""
FEWEST_RING_PIXELS = 200
NEAR_PX = 4
"""Inside a box where something stands out, what is further than this from all that does counts as sound."""
WEAKEST_SHARE = 0.35
"""Specks count beside the strongest one of a box when they stand out at least this much as it does."""
MOST_SPECKS = 4
LARGEST_SHARE = 0.25
"""A speck larger than this share of its box is shading, not the defect."""

Rgb = npt.NDArray[np.uint8]


def _strangeness(rgb: Rgb, ring: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """How far each pixel's colour is from those of a ring of sound leather.

    Parameters
    ----------
    rgb : (H, W, 3) uint8.
    ring : (H, W), where leather is sound.

    Returns
    -------
    (H, W) float32, Mahalanobis distance in L*a*b*.
    """
    soft = cv2.GaussianBlur(rgb, (0, 0), 0.8).astype(np.float32) / 255.0
    lab = cv2.cvtColor(soft, cv2.COLOR_RGB2LAB)
    normal = lab[ring]
    centre = np.median(normal, axis=0)
    spread = np.cov(normal - centre, rowvar=False) + np.diag([1.0, 0.5, 0.5])
    off = lab - centre
    squared = np.einsum("hwc,cd,hwd->hw", off, np.linalg.inv(spread), off)
    return np.asarray(np.sqrt(np.maximum(squared, 0.0)), np.float32)


def _specks(
    rgb: Rgb, box: Box, boxes: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """(h, w) of the box twice: compact pixels that stand out from the leather round it, and plain ones.

    Neither holds anything when nothing stands out.
    """
    rows, columns = box_slices(box)
    top, left = max(0, rows.start - RING_PX), max(0, columns.start - RING_PX)
    around = (slice(top, rows.stop + RING_PX), slice(left, columns.stop + RING_PX))
    ring = ~boxes[around]
    height, width = (int(side) for side in rgb[rows, columns].shape[:2])
    nothing = np.zeros((height, width), bool)
    if np.count_nonzero(ring) < FEWEST_RING_PIXELS:
        return nothing, nothing
    distance = _strangeness(rgb[around], ring)
    usual = distance[ring]
    level = float(np.quantile(usual, 0.995))
    deviation = float(np.median(np.abs(usual - np.median(usual)))) + 1e-6
    down, across = rows.start - top, columns.start - left
    inside = distance[down : down + height, across : across + width]
    standing_out = (inside > level).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(standing_out, connectivity=8)
    excess = np.array([float((inside[labels == i] - level).sum()) for i in range(1, count)])
    peak = np.array([float(inside[labels == i].max()) for i in range(1, count)])
    area = stats[1:, cv2.CC_STAT_AREA]
    fits = (area >= 3) & (area <= LARGEST_SHARE * nothing.size) & (peak > level + OUTLIER * deviation)
    if not fits.any():
        return nothing, nothing
    chosen = 1 + np.flatnonzero(fits & (excess >= WEAKEST_SHARE * excess[fits].max()))
    specks = np.isin(labels, chosen[:MOST_SPECKS])
    near = cv2.dilate(standing_out, np.ones((2 * NEAR_PX + 1, 2 * NEAR_PX + 1)))
    return np.asarray(specks, bool), near == 0


def mark(example: Example, *, kinds: Sequence[str]) -> npt.NDArray[np.uint8]:
    """Labels of a photo with boxes, with the pixels filled in that can be guessed.

    Returns
    -------
    (H, W) uint8: 0 outside boxes; inside, the kind where a speck stands out or in the core of a broad
    defect, and ``UNKNOWN_LABEL`` elsewhere.
    """
    labels = example.labels.copy()
    boxes = example.labels == UNKNOWN_LABEL
    for box in example.boxes:
        rows, columns = box_slices(box)
        label = kinds.index(box.kind)
        if box.kind in BROAD_KINDS:
            height, width = labels[rows, columns].shape
            side = BROAD_CORE**0.5
            down, across = round(height * (1 - side) / 2), round(width * (1 - side) / 2)
            labels[rows, columns][down : height - down, across : width - across] = label
        else:
            specks, plain = _specks(example.rgb, box, boxes)
            labels[rows, columns][plain] = 0
            labels[rows, columns][specks] = label
    return labels
