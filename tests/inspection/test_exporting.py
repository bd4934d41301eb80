"""The files of ``welt inspect --out`` are a public contract."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from inspection.domain import Novelty
from inspection.errors import StorageError
from inspection.exporting import export
from inspection.registry import open_serving
from tests.factories import Spot, make_result

SPOT = Spot((30, 22), 8, 5, 20)


def test_a_photo_gives_a_document_and_two_pictures_of_its_own_size(tmp_path: Path, models_dir: Path) -> None:
    model = open_serving(models_dir, threads=1)
    document, finding = make_result(model, [SPOT])
    paths = export(document, finding.maps, folder=tmp_path / "out", stem="photo 1")
    assert [path.name for path in paths] == ["photo 1.json", "photo 1.surface.png", "photo 1.kinds.png"]
    told = json.loads(paths[0].read_text(encoding="utf-8"))
    assert told == json.loads(document.model_dump_json())
    surface = cv2.imread(str(paths[1]), cv2.IMREAD_UNCHANGED)
    kinds = cv2.imread(str(paths[2]), cv2.IMREAD_UNCHANGED)
    assert surface is not None
    assert kinds is not None
    for picture in (surface, kinds):
        assert picture.shape == (480, 640)
        assert picture.dtype == np.uint8
    hole = told["kinds"].index("hole")
    assert kinds[220, 300] == hole
    assert surface[220, 300] > 250
    assert kinds[20, 20] == 0
    assert surface[20, 20] < 20
    assert np.count_nonzero(kinds == hole) * 0.01 == pytest.approx(SPOT.area_mm2, rel=0.05)
    assert np.count_nonzero(surface >= 128) * 0.01 == pytest.approx(SPOT.area_mm2, rel=0.05)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path, models_dir: Path) -> None:
    document, finding = make_result(open_serving(models_dir, threads=1), [])
    (tmp_path / "out").write_text("a file, not a folder")
    with pytest.raises(StorageError, match="out"):
        export(document, finding.maps, folder=tmp_path / "out", stem="photo")


def test_novelty_is_written_on_one_scale_for_every_photo(tmp_path: Path, models_dir: Path) -> None:
    document, finding = make_result(open_serving(models_dir, threads=1), [])
    grid = np.zeros((3, 4), np.float32)
    grid[1, 2] = 2.0
    grid[0, 0] = 100.0
    novelty = Novelty(version=1, grid=grid, score=100.0, percentile=100.0, limit=1.5, false_rejects=0.01)
    paths = export(document, finding.maps, folder=tmp_path, stem="photo", novelty=novelty)
    picture = cv2.imread(str(paths[-1]), cv2.IMREAD_UNCHANGED)
    assert paths[-1].name == "photo.novelty.png"
    assert picture is not None
    assert picture.dtype == np.uint16
    assert picture.shape == (480, 640)
    assert picture[240, 400] == pytest.approx(2 * 65535 / 8, rel=0.01)  # the middle of cell (1, 2)
    assert picture[0, 0] == 65535
