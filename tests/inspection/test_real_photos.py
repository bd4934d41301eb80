"""The photos that ship go through; hand-painted truth comes out as regions of its own size."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from inspection import drawing
from inspection.detecting import detect
from inspection.domain import Maps, Metadata
from inspection.imaging import decode
from inspection.measuring import area_of
from inspection.pipeline import inspect, prepare
from inspection.recipes import open_recipes
from inspection.registry import Model, open_serving
from inspection.standards import open_standards
from tests import factories

DATASETS = Path(__file__).parents[2] / "datasets"
SAMPLE = sorted(path for path in (DATASETS / "sample").iterdir() if path.suffix in (".jpg", ".png"))
HIDES = sorted((DATASETS / "leather-hides" / "masks").glob("*.png"))[::12]
MAX_PIXELS = 4_000_000


@pytest.fixture(scope="module")
def model(models_dir: Path) -> Model:
    return open_serving(models_dir, threads=1)


def test_photos_ship() -> None:
    assert len(SAMPLE) >= 10
    assert len(HIDES) >= 10


@pytest.mark.parametrize("path", SAMPLE, ids=lambda path: path.name)
def test_a_photo_of_the_sample_is_inspected_and_drawn(path: Path, model: Model) -> None:
    photo = decode(path.read_bytes(), max_pixels=MAX_PIXELS)
    setup = prepare(
        Metadata(station="bench", mm_per_px=0.15),
        model=model,
        recipes=open_recipes(),
        standards=open_standards(),
    )
    finding = inspect(photo, setup, clock=lambda: 0.0)
    heat = drawing.any_defect_u8(finding.maps)
    assert drawing.overlay(photo.rgb, finding.defects, heat=heat).shape == photo.rgb.shape


@pytest.mark.parametrize("path", HIDES, ids=lambda path: path.name)
def test_painted_defects_come_out_as_large_as_they_were_painted(path: Path) -> None:
    painted = decode(path.read_bytes(), max_pixels=MAX_PIXELS)
    grid = cv2.resize(painted.rgb[..., 0], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    share = grid.astype(np.float32) / 255
    maps = Maps(("sound", "cut"), np.stack([1 - share, share]), (painted.width_px, painted.height_px))
    zone = factories.whole_photo(painted)
    detection = detect(maps, [zone], factories.sensitivity("cut"), mm_per_px=0.15)
    regions, labels = cv2.connectedComponents((share >= 0.5).astype(np.uint8), connectivity=8)
    assert len(detection.defects) == regions - 1
    canvas = np.zeros(painted.rgb.shape[:2], np.uint8)
    for defect in detection.defects:
        cv2.fillPoly(canvas, [np.rint(defect.outline_px * 16).astype(np.int32)], 1, shift=4)
    inside = cv2.resize(share, (painted.width_px, painted.height_px), interpolation=cv2.INTER_LINEAR) >= 0.5
    # Outlines follow the half-way line of the map; filling a polygon covers the pixels on its border too.
    assert np.count_nonzero(inside & (canvas == 0)) <= 0.01 * np.count_nonzero(inside) + 5
    cells = sum(area_of(defect.outline_px) for defect in detection.defects) / 4
    assert cells >= 0.9 * np.count_nonzero(labels) - 2  # corners of the smallest regions are cut
