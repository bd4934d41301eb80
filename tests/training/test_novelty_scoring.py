"""``python -m training score --layout mvtec`` on a tiny folder in that layout, made of photos that ship."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from inspection.errors import ConfigurationError
from tests import factories
from training.__main__ import main
from training.layouts import read_mvtec
from training.novelty_scoring import auroc, best_f1

pytestmark = pytest.mark.train

SAMPLE = Path(__file__).resolve().parents[2] / "datasets" / "sample"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sound crops of a hide to learn from; further crops, some with a green patch, to judge."""
    root = tmp_path_factory.mktemp("mvtec") / "hide"
    hide = cv2.imread(str(SAMPLE / "sound-hide-30.png"))
    assert hide is not None
    side = 96
    for name in ("train/good", "test/good", "test/paint", "ground_truth/paint"):
        (root / name).mkdir(parents=True)
    places = [(y, x) for y in range(0, hide.shape[0] - side, 40) for x in range(0, hide.shape[1] - side, 40)]
    for number, (y, x) in enumerate(places[:16]):
        crop = hide[y : y + side, x : x + side].copy()
        name = f"{number:03d}.png"
        if number < 8:
            cv2.imwrite(str(root / "train/good" / name), crop)
        elif number < 12:
            cv2.imwrite(str(root / "test/good" / name), crop)
        else:
            mask = np.zeros((side, side), np.uint8)
            cv2.circle(mask, (48, 40), 14, 255, -1)
            crop[mask > 0] = (60, 200, 90)
            cv2.imwrite(str(root / "test/paint" / name), crop)
            cv2.imwrite(str(root / "ground_truth/paint" / f"{number:03d}_mask.png"), mask)
    return root


def test_a_folder_is_taught_and_scored(folder: Path, tmp_path: Path) -> None:
    models = factories.write_models(tmp_path, embedding=True)
    ran = CliRunner().invoke(
        main,
        ["score", "--layout", "mvtec", str(folder.parent), "--models", str(models), "--mm-per-px", "0.1"],
    )
    assert ran.exit_code == 0, ran.output
    [line] = [line for line in ran.output.splitlines() if line.startswith("| hide ")]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[1].startswith("8 in ")
    assert float(cells[2]) == 1.0
    assert float(cells[3]) > 0.9
    assert float(cells[4]) > 0.7
    assert cells[8].startswith("1.00% (")
    assert cells[9] == "100.00% of 4"


def test_the_layout_is_read_and_a_wrong_one_is_told(folder: Path, tmp_path: Path) -> None:
    [category] = read_mvtec(folder)
    assert len(category.train) == 8
    assert [photo.kind for photo in category.test] == ["good"] * 4 + ["paint"] * 4
    with pytest.raises(ConfigurationError, match="MVTec AD"):
        read_mvtec(tmp_path)
    ran = CliRunner().invoke(main, ["score", "--layout", "mvtec", str(tmp_path)])
    assert ran.exit_code == 1


def test_image_figures_are_those_of_the_book() -> None:
    assert auroc([1, 2, 3], [4, 5]) == 1.0
    assert auroc([1, 2], [1, 2]) == 0.5
    assert np.isnan(auroc([], [1.0]))
    assert best_f1([1, 2, 3], [4, 5]) == 1.0
    assert best_f1([1, 5], [4, 6]) == pytest.approx(0.8)


def test_a_category_without_photos_to_judge_is_told(tmp_path: Path) -> None:
    (tmp_path / "train" / "good").mkdir(parents=True)
    with pytest.raises(ConfigurationError, match="no test folder"):
        read_mvtec(tmp_path)
