"""Length and height of a drawn shoe on a plain background, lying straight and askew."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from inspection import imaging, locating, measuring
from inspection.domain import Calibration, CalibrationSource
from tests import factories

MM_PER_PX = 0.25
SCALE = Calibration(MM_PER_PX, CalibrationSource.CAMERA)
SHOE = np.array([(0, 100), (0, 70), (60, 50), (150, 40), (180, 0), (280, 0), (284, 100)], np.float64)
"""Corners in mm of a low shoe, 284 long and 100 high."""
TALL_AND_LONG = (284.0, 100.0)


def draw(
    *,
    turn_deg: float = 0.0,
    mirrored: bool = False,
    at_px: tuple[float, float] = (700, 500),
    **colours: tuple[int, int, int],
) -> npt.NDArray[np.uint8]:
    corners = (SHOE - SHOE.mean(axis=0)) / MM_PER_PX * ((-1 if mirrored else 1), 1)
    angle = np.radians(turn_deg)
    turned = corners @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) + at_px
    # Outer edges of pixels lie half a pixel from their middles; drawn eight times as fine, then averaged.
    fine = np.zeros((8 * 1000, 8 * 1400), np.uint8)
    cv2.fillPoly(fine, [np.rint((turned + 0.5) * 8 - 0.5).astype(np.int32)], 255)
    cover = cv2.resize(fine, (1400, 1000), interpolation=cv2.INTER_AREA)[..., None] / 255
    ground = np.array(colours.get("ground", (205, 208, 212)), np.float64)
    leather = np.array(colours.get("leather", (92, 60, 40)), np.float64)
    noise = np.random.default_rng(0).normal(0, 2, (1000, 1400, 3))
    return np.clip(np.rint(ground * (1 - cover) + leather * cover + noise), 0, 255).astype(np.uint8)


def sizes(rgb: npt.NDArray[np.uint8]) -> dict[str, tuple[float, float | None]]:
    photo = imaging.decode(factories.encode_jpeg(rgb, quality=90), max_pixels=10**7)
    outline = locating.outline_of_part(photo.rgb)
    assert outline is not None
    step_px = max(1.0, 1400 / locating.SIDE_PX)
    found = measuring.size_of_part(outline, SCALE, step_px=step_px, height_mm=0)
    return {each.name: (each.value, each.uncertainty) for each in found}


@pytest.mark.parametrize("turn_deg", [0, -6, 9])
def test_a_shoe_has_its_length_and_height_however_it_lies(turn_deg: float) -> None:
    told = sizes(draw(turn_deg=turn_deg))
    for name, truth in zip(("shoe_length_mm", "shoe_height_mm"), TALL_AND_LONG, strict=True):
        value, uncertainty = told[name]
        assert uncertainty is not None
        assert abs(value - truth) <= uncertainty
        assert uncertainty < 1.0


def test_both_shoes_of_a_pair_are_alike() -> None:
    left, right = sizes(draw()), sizes(draw(mirrored=True, turn_deg=4, at_px=(690, 520)))
    edge = left["silhouette_edge_mm"][0]
    for name in ("shoe_length_mm", "shoe_height_mm"):
        assert abs(left[name][0] - right[name][0]) <= np.hypot(edge, edge)


def test_in_doubt_there_is_no_outline() -> None:
    assert locating.outline_of_part(draw(at_px=(500, 500))) is None  # beyond the photo's rim
    assert locating.outline_of_part(draw(leather=(200, 204, 206))) is None  # like the background
    two = draw()
    for top in (40, 740):
        two[top : top + 220, 100:500] = two[top : top + 220, 900:1300] = (92, 60, 40)
    assert locating.outline_of_part(two) is None  # several things
    grain = factories.make_rgb(width_px=800, height_px=600, grain=40)
    assert locating.outline_of_part(grain) is None  # leather all over
