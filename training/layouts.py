"""Reads folders of photos that are laid out as public benchmarks are; such data never comes with Welt.

``mvtec`` is that of MVTec AD: ``<category>/train/good/*.png``, ``<category>/test/<kind>/*.png`` with ``good``
among the kinds, and ``<category>/ground_truth/<kind>/<stem>_mask.png``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from inspection import imaging
from inspection.errors import ConfigurationError

__all__ = ["GOOD", "Category", "TestPhoto", "read_mvtec"]

GOOD = "good"
MAX_PIXELS = 64_000_000
SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"}


@dataclass(frozen=True)
class TestPhoto:
    """A photo to be judged; ``mask`` is None for good ones."""

    __test__ = False  # no test of pytest's, whatever its name

    file: Path
    kind: str
    mask: Path | None


@dataclass(frozen=True)
class Category:
    """One kind of part: good photos to learn from, good and bad ones to judge."""

    name: str
    train: tuple[Path, ...]
    test: tuple[TestPhoto, ...]


def read_mvtec(folder: Path) -> tuple[Category, ...]:
    """The categories of a folder, or the one that the folder is itself.

    Raises ConfigurationError when it is laid out otherwise, or a mask is missing.
    """
    if (folder / "train" / GOOD).is_dir():
        return (_category(folder),)
    found = tuple(_category(below) for below in sorted(folder.iterdir()) if (below / "train" / GOOD).is_dir())
    if not found:
        raise ConfigurationError(
            f"{folder} is not laid out as MVTec AD: neither it nor a folder in it has train/{GOOD}.",
            hint="Expected: <category>/train/good, <category>/test/<kind>, <category>/ground_truth/<kind>.",
        )
    return found


def _photos(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES)


def _category(folder: Path) -> Category:
    if not (folder / "test").is_dir():
        raise ConfigurationError(
            f"{folder} has train/{GOOD} but no test folder.",
            hint=f"Photos to judge belong in {folder}/test/<kind>, sound ones in test/{GOOD}.",
        )
    test = []
    for kind in sorted(below for below in (folder / "test").iterdir() if below.is_dir()):
        for file in _photos(kind):
            mask = None
            if kind.name != GOOD:
                mask = folder / "ground_truth" / kind.name / f"{file.stem}_mask.png"
                if not mask.is_file():
                    raise ConfigurationError(
                        f"{file} has no mask {mask}.", hint="Unpack the data set again, with ground_truth."
                    )
            test.append(TestPhoto(file, kind.name, mask))
    return Category(folder.name, tuple(_photos(folder / "train" / GOOD)), tuple(test))


def read_rgb(file: Path) -> npt.NDArray[np.uint8]:
    """The decoded photo, by the same decoder as the line's."""
    return imaging.decode(file.read_bytes(), max_pixels=MAX_PIXELS).rgb


def read_mask(photo: TestPhoto, *, size_px: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """(H, W) true where defective; all false for a good photo."""
    width, height = size_px
    if photo.mask is None:
        return np.zeros((height, width), bool)
    mask = cv2.imread(str(photo.mask), cv2.IMREAD_GRAYSCALE)
    if mask is None or mask.shape != (height, width):
        raise ConfigurationError(
            f"{photo.mask} is no mask of {width} x {height} pixels.", hint="Unpack the data set again."
        )
    return np.asarray(mask > 0)
