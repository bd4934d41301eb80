"""Folders that others labelled are read in their own layout, and what is wrong with one is said."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")

from click.testing import CliRunner

from inspection import registry
from inspection.errors import ConfigurationError
from tests import factories
from training import scoring
from training.__main__ import main
from training.datasets import Box, read_mask
from training.labelled import Layout, read_layout

pytestmark = pytest.mark.train

WIDTH, HEIGHT = 160, 120


def _photo(file: Path, *, hole: bool) -> None:
    rgb = np.full((HEIGHT, WIDTH, 3), 140, np.uint8)
    if hole:
        cv2.circle(rgb, (60, 50), 8, (5, 5, 5), -1)
    file.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(file), rgb)


def _mask(file: Path, *, value: int = 255) -> None:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.circle(mask, (60, 50), 8, value, -1)
    file.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(file), mask)


def _coco(folder: Path) -> None:
    _photo(folder / "images" / "a.png", hole=True)
    _photo(folder / "images" / "b.png", hole=False)
    content = {
        "images": [{"id": 1, "file_name": "a.png", "width": WIDTH}, {"id": 2, "file_name": "b.png"}],
        "annotations": [{"id": 5, "image_id": 1, "category_id": 3, "bbox": [50, 40, 20, 20]}],
        "categories": [{"id": 3, "name": "hole"}],
    }
    (folder / "labels.json").write_text(json.dumps(content))


def _yolo(folder: Path) -> None:
    _photo(folder / "images" / "a.png", hole=True)
    _photo(folder / "images" / "b.png", hole=False)
    (folder / "labels").mkdir()
    (folder / "labels" / "a.txt").write_text(f"1 {60 / WIDTH} {50 / HEIGHT} {20 / WIDTH} {20 / HEIGHT}\n")
    (folder / "classes.txt").write_text("cut\nhole\n")


def _mvtec(folder: Path) -> None:
    _photo(folder / "test" / "good" / "000.png", hole=False)
    _photo(folder / "test" / "hole" / "000.png", hole=True)
    _mask(folder / "ground_truth" / "hole" / "000_mask.png")


def _masks(folder: Path) -> None:
    _photo(folder / "images" / "a.png", hole=True)
    _photo(folder / "images" / "b.png", hole=False)
    _mask(folder / "masks" / "a.png", value=1)


WRITERS = {Layout.COCO: _coco, Layout.YOLO: _yolo, Layout.MVTEC: _mvtec, Layout.MASKS: _masks}


@pytest.mark.parametrize("layout", Layout)
def test_every_layout_gives_one_defect_and_one_sound_photo(layout: Layout, tmp_path: Path) -> None:
    WRITERS[layout](tmp_path)
    shots = read_layout(layout, tmp_path, mm_per_px=0.1)
    labelled = [shot for shot in shots if shot.boxes or shot.mask_file]
    assert len(shots) == 2
    assert len(labelled) == 1
    (shot,) = labelled
    if shot.boxes:
        (box,) = shot.boxes
        assert box.kind == "hole"
        np.testing.assert_allclose((box.x, box.y, box.width, box.height), (50, 40, 20, 20), atol=0.01)
    else:
        mask = read_mask(shot)
        assert mask.shape == (HEIGHT, WIDTH)
        assert mask[50, 60]
        assert 150 < mask.sum() < 260


@pytest.mark.parametrize("layout", Layout)
def test_a_model_is_scored_on_every_layout(layout: Layout, tmp_path: Path) -> None:
    WRITERS[layout](tmp_path / "set")
    model = registry.open_model(factories.write_dark_spot_model(tmp_path / "model"), threads=1)
    shots = read_layout(layout, tmp_path / "set", mm_per_px=factories.MODEL_MM_PER_PX)
    figures = {
        (figure.name, figure.kind): figure.value
        for figure in scoring.score_shots("set", shots, model, quiet=True).metrics
    }
    assert figures["false regions per sound photo", "any"] == 0
    if layout in (Layout.COCO, Layout.YOLO):
        assert figures["boxes found", "hole"] == 1
    else:
        assert figures["defects found", "any"] == 1
        assert figures["photo AUROC", "any"] == 1
        assert figures["pixel AP", "any"] > 0.9


def test_the_command_prints_and_writes_the_score_of_a_folder(tmp_path: Path) -> None:
    _mvtec(tmp_path / "set")
    models_dir = factories.write_models(tmp_path / "models")
    command = ["score", str(tmp_path / "set"), "--layout", "mvtec-test", "--models", str(models_dir)]
    told = CliRunner().invoke(main, [*command, "--out", str(tmp_path / "out")])
    assert told.exit_code == 0, told.output
    assert "| photo AUROC | any | 1 |" in told.output
    assert json.loads((tmp_path / "out" / "score.json").read_text())["model"] == "dark-spots/1"
    page = (tmp_path / "out" / "report.html").read_text()
    assert "photo AUROC" in page
    assert page.count("data:image/png;base64,") == 2  # confusion and reliability


@pytest.mark.parametrize(
    ("layout", "breakage", "said"),
    [
        (Layout.MVTEC, lambda folder: (folder / "ground_truth/hole/000_mask.png").unlink(), "000_mask.png"),
        (Layout.MASKS, lambda folder: (folder / "masks").rename(folder / "other"), "masks"),
        (Layout.YOLO, lambda folder: (folder / "labels/a.txt").write_text("hole 1 2"), "line 1"),
        (Layout.COCO, lambda folder: (folder / "labels.json").write_text('{"images": [{}]}'), "images.0"),
        (Layout.COCO, lambda folder: (folder / "images/a.png").unlink(), "a.png"),
        (Layout.COCO, lambda folder: (folder / "labels.json").unlink(), "0 .json files"),
    ],
)
def test_a_folder_that_is_not_laid_out_so_is_told(
    layout: Layout, breakage: object, said: str, tmp_path: Path
) -> None:
    WRITERS[layout](tmp_path)
    assert callable(breakage)
    breakage(tmp_path)
    with pytest.raises(ConfigurationError, match=said) as caught:
        read_layout(layout, tmp_path, mm_per_px=0.1)
    assert caught.value.hint


def test_a_box_of_another_image_is_told(tmp_path: Path) -> None:
    _coco(tmp_path)
    content = json.loads((tmp_path / "labels.json").read_text())
    content["annotations"][0]["image_id"] = 99
    (tmp_path / "labels.json").write_text(json.dumps(content))
    with pytest.raises(ConfigurationError, match="99"):
        read_layout(Layout.COCO, tmp_path, mm_per_px=0.1)


def test_a_class_number_without_a_name_is_kept_as_a_number(tmp_path: Path) -> None:
    _yolo(tmp_path)
    (tmp_path / "classes.txt").unlink()
    shots = read_layout(Layout.YOLO, tmp_path, mm_per_px=0.1)
    assert [box.kind for shot in shots for box in shot.boxes] == ["class-1"]
    assert isinstance(shots[0].boxes[0], Box)
