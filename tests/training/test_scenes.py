"""The pool of rendered scenes repeats, goes on where it stopped, and never shows what is held out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from training import scenes
from training.datasets import UNKNOWN_LABEL
from training.recipe import ScenesPart
from training.scenes import HELD_OUT, SIDE_PX, Pool

pytestmark = pytest.mark.train

KINDS = ("sound", "cut", "hole", "stain")
PART = ScenesPart(count=5, share=0.5)


def _open(part: ScenesPart, folder: Path, datasets_dir: Path) -> Pool:
    return scenes.open_pool(
        part,
        kinds=KINDS,
        mm_per_px=0.15,
        seed=11,
        folder=folder,
        datasets_dir=datasets_dir,
        workers=1,
        quiet=True,
    )


def test_a_pool_is_rendered_once_and_holds_what_a_single_piece_says(
    tmp_path: Path, datasets_dir: Path
) -> None:
    pool = _open(PART, tmp_path, datasets_dir)
    assert len(pool) == PART.count
    written = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.npy")}
    again = _open(PART, tmp_path, datasets_dir)
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.npy")} == written
    scene, taken_for = scenes.wanted_scene(
        PART, 3, mm_per_px=0.15, seed=11, held_out=False, datasets_dir=datasets_dir
    )
    alone = scenes.render_piece(scene, taken_for, kinds=KINDS, seed=11, datasets_dir=datasets_dir)
    for piece in (pool.piece(3), again.piece(3)):
        np.testing.assert_array_equal(piece.rgb, alone.rgb)
        np.testing.assert_array_equal(piece.labels, alone.labels)
        np.testing.assert_allclose(piece.holes_px, alone.holes_px)
        assert piece.rgb.shape == (SIDE_PX, SIDE_PX, 3)
    labels = {int(value) for i in range(len(pool)) for value in np.unique(pool.piece(i).labels)}
    assert labels <= {0, 1, 2, 3, UNKNOWN_LABEL}


def test_held_out_families_and_threads_are_never_trained_on(datasets_dir: Path) -> None:
    for index in range(12):
        for held_out in (True, False):
            scene, _ = scenes.wanted_scene(
                PART, index, mm_per_px=0.15, seed=3, held_out=held_out, datasets_dir=datasets_dir
            )
            families = {scene.base.family, *(panel.leather.family for panel in scene.panels)}
            assert scenes.is_held_out(scene) is held_out
            if not held_out:
                assert not families & HELD_OUT


def test_the_edge_of_a_panel_lies_on_both_its_sides() -> None:
    layer = np.zeros((8, 8), np.uint8)
    layer[3:, 2:6] = 1
    edge = scenes._edges(layer)
    assert edge[5].tolist() == [0, 1, 1, 0, 0, 1, 1, 0]
    assert edge[:, 4].tolist() == [0, 0, 1, 1, 0, 0, 0, 0]


def test_what_looks_like_a_scratch_and_is_none_is_never_drawn(datasets_dir: Path) -> None:
    for index in range(30):
        scene, _ = scenes.wanted_scene(
            PART, index, mm_per_px=0.15, seed=5, held_out=False, datasets_dir=datasets_dir
        )
        assert not {thing.kind for thing in scene.distractors} & set(scenes.NEVER)


def test_what_nobody_can_see_is_no_label() -> None:
    rng = np.random.default_rng(0)
    leather = np.clip(rng.normal(128, 6, (64, 64, 1)).repeat(3, axis=2), 0, 255).astype(np.uint8)
    photo = leather.copy()
    photo[10:20, 10:20] //= 2
    photo[40:50, 40:50] += 1
    seen = scenes.visible(photo, leather)
    assert seen[11:19, 11:19].mean() > 0.9
    assert not seen[38:52, 38:52].any()
