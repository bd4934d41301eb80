"""Sound pieces of real photos as leather, on which seams and defects are rendered with matching light.

The photo's own light is taken out as far as that can be done: what changes over more than some millimetres is
divided away, and what is left is taken as colour and, weakly, as height, so that the scene's lamps still
model the grain.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from math import ceil
from pathlib import Path

import cv2
import numpy as np

from inspection.errors import ConfigurationError
from training.datasets import PAINTED, Shot, Split, open_dataset
from training.synthesis.raster import F32, U8, blur, enlarge, f32, shrink
from training.synthesis.scene import Leather, PhotoBase

_LIGHT_MM = 4.0  # what is wider than this in the photo is taken for its light, not for its leather
_RELIEF_MM = 0.025  # height that stands for a change of tone by 100 %
_LEAST_PX = 192  # smaller sound pieces would have to be mirrored too often
_DATASETS = ("leather-line", "leather-hides")


def sound_bases(datasets_dir: Path) -> tuple[PhotoBase, ...]:
    """The pieces of the *train* photos that hold no marked defect, the largest square of each photo.

    Raises
    ------
    ConfigurationError : a data set is missing, or not what its definition says.
    """
    found = []
    for name in _DATASETS:
        _, shots = open_dataset(datasets_dir, name)
        for shot in shots:
            if shot.split is Split.TRAIN:
                found.extend(_of(shot, datasets_dir))
    return tuple(found)


def _of(shot: Shot, datasets_dir: Path) -> list[PhotoBase]:
    body = shot.file.read_bytes()
    rgb = _decoded(body, shot.file)
    bad = np.zeros(rgb.shape[:2], np.uint8)
    if shot.mask_file is not None:
        mask = cv2.imread(str(shot.mask_file), cv2.IMREAD_GRAYSCALE)
        if mask is not None:
            bad[np.asarray(mask) >= PAINTED] = 1
    for box in shot.boxes:
        bad[int(box.y) : int(box.y + box.height) + 1, int(box.x) : int(box.x + box.width) + 1] = 1
    total = cv2.integral(bad)
    height, width = rgb.shape[0], rgb.shape[1]
    for side in range(min(height, width), _LEAST_PX - 1, -32):
        for top in range(0, height - side + 1, 32):
            for left in range(0, width - side + 1, 32):
                a, b = total[top, left], total[top + side, left + side]
                if a + b - total[top, left + side] - total[top + side, left] == 0:
                    name = shot.file.relative_to(datasets_dir).as_posix()
                    digest = hashlib.sha256(body).hexdigest()
                    return [PhotoBase(name, digest, left, top, side, shot.mm_per_px)]
    return []


@lru_cache(maxsize=64)
def _opened(base: PhotoBase, folder: Path) -> U8:
    path = folder / base.name
    try:
        body = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"the photo {path} that the scene is made of cannot be read: {error.strerror}",
            hint="Give the folder of data sets that the scene was drawn with.",
        ) from error
    if hashlib.sha256(body).hexdigest() != base.sha256:
        raise ConfigurationError(
            f"the photo {path} is not the one that the scene was drawn with", hint="Restore the data set."
        )
    rgb = _decoded(body, path)
    cut = rgb[base.y_px : base.y_px + base.side_px, base.x_px : base.x_px + base.side_px]
    if cut.shape[:2] != (base.side_px, base.side_px):
        raise ConfigurationError(f"the piece of {path} reaches beyond the photo", hint="Correct the scene.")
    return np.ascontiguousarray(cut)


def _decoded(body: bytes, path: Path) -> U8:
    bgr = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_COLOR)
    if bgr is None:
        raise ConfigurationError(f"{path} is no photo", hint="Restore the data set.")
    rgb: U8 = np.ascontiguousarray(np.asarray(bgr, np.uint8)[..., ::-1])
    return rgb


def relief(
    leather: Leather, base: PhotoBase, folder: Path, *, shape: tuple[int, int], mm_per_px: float
) -> tuple[F32, F32]:
    """Height (H, W) in mm and colour (H, W, 3) of a photo's grain, mirrored where the photo ends."""
    linear = f32(f32(_opened(base, folder).astype(np.float32) / np.float32(255)) ** np.float32(2.2))
    light = np.maximum(blur(linear, _LIGHT_MM / base.mm_per_px), 1e-3)
    tone = f32(np.clip(linear / light, 0.2, 3.0))
    side = max(2, round(base.side_px * base.mm_per_px / mm_per_px))
    tone = shrink(tone, (side, side)) if side < base.side_px else enlarge(tone, (side, side))
    # on dark leather the photo's contrast is gloss rather than colour, and would be too much on a lighter one
    tone = f32(1 + (tone - 1) * min(1.0, (float(linear.mean()) / 0.12) ** 0.5))
    rows, columns = _mirrored(shape[0], side), _mirrored(shape[1], side)
    laid = tone[rows][:, columns]
    grey = laid.mean(2)
    return f32(_RELIEF_MM * (grey - 1)), f32(np.clip(laid * f32(leather.colour), 0.004, 0.92))


def _mirrored(length: int, side: int) -> np.ndarray:
    one = np.concatenate([np.arange(side), np.arange(side)[::-1]])
    return np.tile(one, ceil(length / (2 * side)))[:length]
