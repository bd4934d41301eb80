"""Transplants real defects of training photos onto sound leather of other training photos.

A defect is lifted as the ratio between its pixels and the leather as it would be without it, so that on a
leather of another colour it is as much darker or lighter as it was at home. It multiplies the number of
leathers that each defect was seen on without drawing a single artificial one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from training.augment import Crop
from training.datasets import UNKNOWN_LABEL

__all__ = ["Graft", "collect", "transplant"]

MARGIN_PX = 8
DARK_OFFSET = 8.0
"""Added to both sides of a ratio: on nearly black leather a ratio of raw values is mostly noise."""
LARGEST_PX = 200
SMOOTHING_PX = 9.0

Rgb = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Graft:
    """A lifted defect.

    Attributes
    ----------
    label : index into the kinds.
    log_ratio : (h, w, 3) float32, logarithm of defect over surroundings.
    shape : (h, w) float32, 1 on the defect.
    """

    label: int
    log_ratio: npt.NDArray[np.float32]
    shape: npt.NDArray[np.float32]


def collect(rgb: Rgb, labels: npt.NDArray[np.uint8], *, skip: frozenset[int] = frozenset()) -> list[Graft]:
    """Lift each connected defect of a photo.

    Parameters
    ----------
    labels : (H, W), index into the kinds; 0 and ``UNKNOWN_LABEL`` are no defects.
    skip : labels that do not survive a transplant, such as scars, which are a change of grain and not of
        shade.
    """
    known = (labels != 0) & (labels != UNKNOWN_LABEL)
    sound = cv2.erode((labels == 0).astype(np.float32), np.ones((3, 3)))
    weight = cv2.GaussianBlur(sound, (0, 0), SMOOTHING_PX)[..., None] + 1e-4
    base = cv2.GaussianBlur(rgb.astype(np.float32) * sound[..., None], (0, 0), SMOOTHING_PX) / weight
    near = cv2.dilate(known.astype(np.uint8), np.ones((5, 5)))
    count, components, stats, _ = cv2.connectedComponentsWithStats(near, connectivity=8)
    grafts = []
    for i in range(1, count):
        x, y, width, height = (int(v) for v in stats[i, :4])
        inside = (components == i) & known
        label = int(np.bincount(labels[inside]).argmax())
        if label in skip or max(width, height) > LARGEST_PX or np.count_nonzero(inside) < 4:
            continue
        where = (
            slice(max(0, y - MARGIN_PX), y + height + MARGIN_PX),
            slice(max(0, x - MARGIN_PX), x + width + MARGIN_PX),
        )
        ratio = np.log((rgb[where].astype(np.float32) + DARK_OFFSET) / (base[where] + DARK_OFFSET))
        grafts.append(Graft(label, ratio.astype(np.float32), inside[where].astype(np.float32)))
    return grafts


def _moved(graft: Graft, rng: np.random.Generator) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """A graft turned, mirrored and scaled a little."""
    height, width = graft.shape.shape
    angle, scale = float(rng.uniform(0, 360)), float(rng.uniform(0.7, 1.4))
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, scale)
    reach_x = abs(matrix[0, 0]) * width + abs(matrix[0, 1]) * height
    reach_y = abs(matrix[1, 0]) * width + abs(matrix[1, 1]) * height
    size = (int(np.ceil(reach_x)) + 2, int(np.ceil(reach_y)) + 2)
    matrix[:, 2] += ((size[0] - width) / 2, (size[1] - height) / 2)
    ratio = cv2.warpAffine(graft.log_ratio, matrix, size, flags=cv2.INTER_LINEAR)
    shape = cv2.warpAffine(graft.shape, matrix, size, flags=cv2.INTER_LINEAR)
    if rng.random() < 0.5:
        ratio, shape = ratio[:, ::-1], shape[:, ::-1]
    return np.asarray(ratio, np.float32), np.asarray(shape, np.float32)


def transplant(crop: Crop, grafts: Sequence[Graft], rng: np.random.Generator) -> Crop:
    """A crop with one to three defects planted where it is sound; fewer where there is no room."""
    rgb, labels = crop.rgb.copy(), crop.labels.copy()
    for _ in range(int(rng.integers(1, 4))):
        graft = grafts[int(rng.integers(len(grafts)))]
        ratio, shape = _moved(graft, rng)
        height, width = shape.shape
        if height >= rgb.shape[0] or width >= rgb.shape[1]:
            continue
        y = int(rng.integers(rgb.shape[0] - height))
        x = int(rng.integers(rgb.shape[1] - width))
        where = (slice(y, y + height), slice(x, x + width))
        if labels[where].any():
            continue
        soft = cv2.GaussianBlur(cv2.dilate(shape, np.ones((3, 3))), (0, 0), 1.0)[..., None]
        strength = float(rng.uniform(0.7, 1.3))
        changed = (rgb[where].astype(np.float32) + DARK_OFFSET) * np.exp(strength * soft * ratio)
        rgb[where] = np.clip(changed - DARK_OFFSET, 0, 255).astype(np.uint8)
        labels[where][shape >= 0.5] = graft.label
    return Crop(rgb=rgb, labels=labels, box_ids=crop.box_ids)
