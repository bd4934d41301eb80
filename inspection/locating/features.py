"""What of a photo is compared when the part is looked for: points of interest, and structure."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

__all__ = [
    "FINER_SIDE_PX",
    "FINE_SIDE_PX",
    "MAX_REFERENCE_POINTS",
    "Points",
    "filled",
    "reduced",
    "resampling",
    "seen",
    "shrunk",
    "structure",
]

FINE_SIDE_PX = 400
"""Longer side of the photo in which points are found: stitches of a whole shoe still show as texture, and the
search ends within the time budget (bench ``locating``)."""
STRUCTURE_SIDE_PX = 240
"""Longer side of the photo whose structure is compared: grain of leather, which differs from shoe to shoe, is
gone, and seams, edges and eyelets are left."""
FINER_SIDE_PX = 640
"""The same for parts that show little, such as plain leather with a seam: grain helps, and costs time."""
PLENTY_OF_POINTS = 200
"""Points of a reference from which the smaller photo is enough."""
MAX_REFERENCE_POINTS = 800
MAX_PHOTO_POINTS = 1500
"""Strongest points of each; more cost time and change no result in the bench."""
_CONTRAST = 0.015
"""Of SIFT, half its usual value: black leather has weak points."""
_LIGHT_SHARE = 1 / 15
"""Of the longer side: what changes more slowly than this is taken for light, not for structure."""
_FLOOR = 2.0
"""Grey levels: structure below this is noise of the camera and is not blown up."""

Grey = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Points:
    """Points of interest.

    Attributes
    ----------
    places : (N, 2) float64, (x, y) in pixels of the reduced photo.
    looks : (N, 128) float32, descriptors of unit length.
    """

    places: npt.NDArray[np.float64]
    looks: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.places)


def reduced(rgb: npt.NDArray[np.uint8], *, side_px: int) -> tuple[Grey, float]:
    """Grey photo whose longer side is ``side_px``, and its pixels per pixel of the photo; small ones grow."""
    scale = side_px / max(rgb.shape[:2])
    height, width = (max(1, round(side * scale)) for side in rgb.shape[:2])
    if scale < 1:  # colours of the small photo alone cost a fraction of those of the whole
        small = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA)
        return cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.uint8), scale
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    return cv2.resize(grey, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.uint8), scale


def shrunk(grey: Grey, *, side_px: int) -> Grey:
    """A reduced photo, reduced further; a fraction of the cost of reducing the photo again."""
    scale = side_px / max(grey.shape)
    height, width = (max(1, round(side * scale)) for side in grey.shape)
    return np.asarray(cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def resampling(from_size: tuple[int, int], to_size: tuple[int, int]) -> npt.NDArray[np.float64]:
    """(3, 3) map of pixels of a photo to those of the same photo at another size (width, height)."""
    scale_x, scale_y = to_size[0] / from_size[0], to_size[1] / from_size[1]
    return np.array([[scale_x, 0, 0.5 * scale_x - 0.5], [0, scale_y, 0.5 * scale_y - 0.5], [0, 0, 1.0]])


def filled(outlines_px: list[npt.NDArray[np.float64]], size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Mask (h, w), 255 inside any of the outlines, of a photo of that (width, height)."""
    mask = np.zeros((size[1], size[0]), np.uint8)
    for outline in outlines_px:
        cv2.fillPoly(mask, [np.rint(outline * 16).astype(np.int32)], 255, shift=4)
    return mask


def seen(grey: Grey, *, mask: npt.NDArray[np.uint8] | None, most: int) -> Points:
    """The strongest points of interest inside the mask."""
    finder = cv2.SIFT.create(nfeatures=most, contrastThreshold=_CONTRAST)
    keypoints, looks = finder.detectAndCompute(grey, mask)
    if looks is None or len(keypoints) == 0:
        return Points(np.empty((0, 2)), np.empty((0, 128), np.float32))
    places = np.array([keypoint.pt for keypoint in keypoints[:most]], np.float64)
    # Square roots of the share of each bin compare as histograms should (Arandjelovic and Zisserman 2012).
    shares = looks[:most] / np.maximum(looks[:most].sum(axis=1, keepdims=True), 1e-6)
    return Points(places, np.sqrt(shares).astype(np.float32))


def structure(grey: Grey) -> npt.NDArray[np.float32]:
    """(h, w) float32, local contrast free of brightness, colour of the light and its fall-off."""
    light = _LIGHT_SHARE * max(grey.shape)
    values = grey.astype(np.float32)
    detail = values - cv2.GaussianBlur(values, (0, 0), light)
    strength = np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), light))
    return np.asarray(detail / (strength + _FLOOR), np.float32)
