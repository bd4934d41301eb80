"""Varies training crops: geometry, light, colour, grain, focus. The only module that knows albumentations.

A hide that was never seen has another colour, another light, another lens. So colour is pushed far (a
defect is a disturbance of its surroundings, not a colour), while geometry stays near the true scale,
because the network is told the scale.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # its import would ask the network for news

import albumentations as A

__all__ = ["Augment", "Crop"]

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Crop:
    """A piece of a photo.

    Attributes
    ----------
    rgb : (h, w, 3) uint8.
    labels : (h, w) uint8, index into the kinds or ``UNKNOWN_LABEL``.
    box_ids : (h, w) uint8, 0 outside, i + 1 inside box i.
    """

    rgb: Bytes
    labels: Bytes
    box_ids: Bytes


class Augment:
    """A seeded chain of variations that turns a crop of any size into one of ``crop_px``."""

    def __init__(self, *, crop_px: int) -> None:
        self._chain = A.Compose(
            [
                A.PadIfNeeded(crop_px, crop_px, border_mode=cv2.BORDER_REFLECT_101),
                A.Affine(
                    scale=(0.7, 1.4),
                    rotate=(-45, 45),
                    shear=(-6, 6),
                    p=0.8,
                    border_mode=cv2.BORDER_REFLECT_101,
                    interpolation=cv2.INTER_LINEAR,
                    mask_interpolation=cv2.INTER_NEAREST,
                ),
                A.CenterCrop(crop_px, crop_px),
                A.SquareSymmetry(p=1.0),
                *_photography(colour=0.75, light=0.6, lens=0.4, sensor=0.35),
            ],
            additional_targets={"box_ids": "mask"},
            seed=0,
        )
        # Scenes come with a light, a lens and a sensor of their own already.
        self._retouch = A.Compose(_photography(colour=0.35, light=0.3, lens=0.15, sensor=0.1), seed=0)

    def __call__(self, crop: Crop, *, seed: int) -> Crop:
        """One variation; the same seed gives the same one."""
        self._chain.set_random_seed(seed)
        varied = self._chain(image=crop.rgb, mask=crop.labels, box_ids=crop.box_ids)
        return Crop(rgb=varied["image"], labels=varied["mask"], box_ids=varied["box_ids"])

    def retouch(self, rgb: Bytes, *, seed: int) -> Bytes:
        """Another colour, light, lens and sensor for a rendered crop; nothing moves."""
        self._retouch.set_random_seed(seed)
        return np.asarray(self._retouch(image=rgb)["image"], np.uint8)


def _photography(*, colour: float, light: float, lens: float, sensor: float) -> list[A.BasicTransform]:
    """What changes a photo but not where anything lies, each group with its probability."""
    return [
        A.OneOf(
            [
                A.HueSaturationValue(90, 40, 25, p=1.0),
                A.RGBShift(40, 40, 40, p=1.0),
                A.ChannelShuffle(p=1.0),
                A.ToGray(p=1.0),
            ],
            p=colour,
        ),
        A.RandomBrightnessContrast((-0.25, 0.1), (-0.35, 0.25), p=light),
        A.RandomGamma((80, 150), p=0.66 * light),
        A.Illumination(mode="gaussian", effect_type="darken", intensity_range=(0.05, 0.2), p=light / 3),
        A.Illumination(mode="linear", effect_type="darken", intensity_range=(0.05, 0.2), p=light / 3),
        A.OneOf(
            [
                A.GaussianBlur(blur_limit=0, sigma_limit=(0.4, 1.6), p=1.0),
                A.MotionBlur(blur_limit=(3, 5), p=1.0),
                A.Sharpen(alpha=(0.1, 0.4), p=1.0),
                A.Downscale(scale_range=(0.5, 0.85), p=1.0),
            ],
            p=lens,
        ),
        A.OneOf(
            [
                A.GaussNoise(std_range=(0.01, 0.05), p=1.0),
                A.ISONoise(p=1.0),
                A.ImageCompression(quality_range=(50, 95), p=1.0),
            ],
            p=sensor,
        ),
    ]
