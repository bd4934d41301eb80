"""Data sets are what their definitions say, and no hide is on two sides of a split."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")

from inspection import taxonomy
from inspection.errors import ConfigurationError
from training import datasets
from training.datasets import UNKNOWN_LABEL, Shot, Split

pytestmark = pytest.mark.train

SETS = ("leather-hides", "leather-line")
KINDS = ("sound", "cut", "hole", "pinhole", "scratch", "wrinkle", "scar", "grain_damage")


@pytest.fixture(scope="module", params=SETS)
def shots(request: pytest.FixtureRequest, datasets_dir: Path) -> tuple[Shot, ...]:
    """All photos of one data set; opening it compares its checksum."""
    return datasets.open_dataset(datasets_dir, request.param)[1]


def test_every_photo_is_in_one_split_and_no_group_in_two(shots: tuple[Shot, ...]) -> None:
    splits: dict[str, set[Split]] = {}
    for shot in shots:
        splits.setdefault(shot.group, set()).add(shot.split)
    assert all(len(found) == 1 for found in splits.values())
    assert {shot.split for shot in shots} == set(Split)
    assert len({shot.stem for shot in shots}) == len(shots)


def test_the_test_part_is_a_fifth_to_a_third(shots: tuple[Shot, ...]) -> None:
    share = np.mean([shot.split is Split.TEST for shot in shots])
    assert 0.19 <= share <= 0.35


def test_every_label_is_in_the_taxonomy(shots: tuple[Shot, ...]) -> None:
    kinds = {shot.mask_kind for shot in shots if shot.mask_kind} | {
        box.kind for shot in shots for box in shot.boxes
    }
    assert kinds
    assert kinds <= set(taxonomy.KINDS)


def test_every_common_kind_occurs_in_training_and_in_test(shots: tuple[Shot, ...]) -> None:
    for split in (Split.TRAIN, Split.TEST):
        chosen = [shot for shot in shots if shot.split is split]
        kinds = {shot.mask_kind for shot in chosen} | {box.kind for shot in chosen for box in shot.boxes}
        expected = {"cut", "hole", "scratch", "wrinkle"}
        if chosen[0].boxes:
            expected = {"hole", "pinhole", "scratch", "scar"}
        assert expected <= kinds


def test_no_test_photo_is_a_shifted_copy_of_one_that_is_learned_from(datasets_dir: Path) -> None:
    _, shots = datasets.open_dataset(datasets_dir, "leather-hides")
    spectra = {}
    for shot in shots:
        grey = datasets.read_photo(shot).astype(np.float32).mean(axis=2)
        fine = cv2.GaussianBlur(grey, (0, 0), 1) - cv2.GaussianBlur(grey, (0, 0), 4)
        fine = np.clip((fine - fine.mean()) / fine.std(), -4, 4)
        spectra[shot.stem] = np.fft.rfft2(fine, s=(512, 512))

    def match(one: str, other: str) -> float:
        return float(np.fft.irfft2(spectra[one] * spectra[other].conj()).max() / 256**2)

    assert match("wrinkle_71", "wrinkle_72") > 0.3  # the same spot, moved by 11 pixels: the test would see it
    test = [shot.stem for shot in shots if shot.split is Split.TEST][::3]
    others = [shot.stem for shot in shots if shot.split is not Split.TEST][::3]
    assert max(match(one, other) for one in test for other in others) < 0.2


def test_a_changed_photo_is_noticed(tmp_path: Path, datasets_dir: Path) -> None:
    shutil.copy(datasets_dir / "leather-line.toml", tmp_path)
    shutil.copytree(datasets_dir / "leather-line", tmp_path / "leather-line")
    victim = next((tmp_path / "leather-line" / "images").iterdir())
    victim.write_bytes(victim.read_bytes() + b" ")
    with pytest.raises(ConfigurationError, match="checksum"):
        datasets.open_dataset(tmp_path, "leather-line")


def test_an_unknown_data_set_is_told_with_a_hint(datasets_dir: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read") as caught:
        datasets.open_dataset(datasets_dir, "dragon-skin")
    assert caught.value.hint


def test_masks_and_photos_reach_the_models_scale_together(datasets_dir: Path) -> None:
    _, shots = datasets.open_dataset(datasets_dir, "leather-hides")
    shot = next(shot for shot in shots if shot.mask_kind == "wrinkle")
    example = datasets.load(shot, mm_per_px=0.3, kinds=KINDS)
    assert example.rgb.shape == (128, 128, 3)
    assert example.labels.shape == (128, 128)
    share = (example.labels == KINDS.index("wrinkle")).mean()
    assert share == pytest.approx(datasets.read_mask(shot).mean(), rel=0.1)


def test_the_inside_of_boxes_is_unknown_and_the_rest_is_sound(datasets_dir: Path) -> None:
    _, shots = datasets.open_dataset(datasets_dir, "leather-line")
    example = datasets.load(shots[0], mm_per_px=0.15, kinds=KINDS)
    assert set(np.unique(example.labels)) == {0, UNKNOWN_LABEL}
    box = example.boxes[0]
    assert example.labels[round(box.y + box.height / 2), round(box.x + box.width / 2)] == UNKNOWN_LABEL


def test_every_data_set_ships_its_licence(datasets_dir: Path) -> None:
    for name in (*SETS, "sample"):
        assert (datasets_dir / name / "LICENCE").stat().st_size > 200
