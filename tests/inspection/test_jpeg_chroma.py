"""Chroma of JPEGs finer than whole levels, of every kind of JPEG that cameras and programs write."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from inspection import imaging
from inspection.jpeg_chroma import fine_chroma

RGB = (92.3, 71.2, 55.4)
CHROMA = (-11.46, 11.83)
"""Cb and Cr less 128 of that colour."""


def leather(seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 1.5, (320, 480, 3))
    return np.clip(np.rint(np.array(RGB) + noise), 0, 255).astype(np.uint8)


def jpeg(quality: int = 92, *options: int) -> bytes:
    ok, encoded = cv2.imencode(".jpg", leather()[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality, *options])
    assert ok
    return encoded.tobytes()


@pytest.mark.parametrize("quality", [85, 92, 98])
@pytest.mark.parametrize(
    "options",
    [
        (),
        (cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
        (cv2.IMWRITE_JPEG_OPTIMIZE, 1),
        (cv2.IMWRITE_JPEG_RST_INTERVAL, 4),
        (cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
        (cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422),
    ],
    ids=["baseline", "progressive", "optimised", "restarts", "4:4:4", "4:2:2"],
)
def test_flat_colour_is_told_to_a_fraction_of_a_level(quality: int, options: tuple[int, ...]) -> None:
    found = fine_chroma(jpeg(quality, *options))
    assert found is not None
    assert found.planes.shape == (40, 60, 2)
    # The encoder rounded as well, so the bound is half a step of the file.
    assert np.abs(found.planes.mean(axis=(0, 1)) - CHROMA).max() <= found.step / 2 + 0.1
    assert found.step <= 0.7


def test_saturated_colours_are_told_where_a_stretched_plane_would_be_clipped() -> None:
    red = np.empty((160, 160, 3), np.uint8)
    red[:] = (40, 30, 200)  # BGR
    body = cv2.imencode(".jpg", red)[1].tobytes()
    found = fine_chroma(body)
    assert found is not None
    assert np.abs(found.planes - (-23.7, 84.2)).max() < 1


def test_what_has_no_chroma_of_its_own_tells_none() -> None:
    grey = cv2.imencode(".jpg", leather()[..., 0])[1].tobytes()
    assert fine_chroma(grey) is None
    for mode in ("CMYK", "L"):
        held = io.BytesIO()
        Image.fromarray(leather()).convert(mode).save(held, "JPEG")
        assert fine_chroma(held.getvalue()) is None
    one_table = io.BytesIO()
    Image.fromarray(leather()).save(one_table, "JPEG", qtables=[[8] * 64])
    assert fine_chroma(one_table.getvalue()) is None


def test_it_is_turned_upright_with_the_photo() -> None:
    held = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(leather()).save(held, "JPEG", exif=exif)
    photo = imaging.decode(held.getvalue(), max_pixels=10**6, colours=True)
    assert photo.chroma is not None
    assert photo.rgb.shape[:2] == (480, 320)
    assert photo.chroma.shape == (60, 40, 2)
    assert imaging.decode(held.getvalue(), max_pixels=10**6).chroma is None


@pytest.mark.parametrize("cut", [3, 30, 170, 400, 640])
def test_a_damaged_file_tells_none_or_something_but_never_fails(cut: int) -> None:
    found = fine_chroma(jpeg()[:cut])
    assert found is None or found.planes.ndim == 3
