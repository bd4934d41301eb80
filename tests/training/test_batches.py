"""Batches repeat from their seed, and augmentation keeps labels on their defects."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from training.augment import Augment, Crop
from training.batches import Batches
from training.datasets import UNKNOWN_LABEL, Split
from training.material import open_examples
from training.pasting import collect, transplant
from training.recipe import Recipe, ScenesPart
from training.scenes import SIDE_PX, Pool

pytestmark = pytest.mark.train


def test_a_batch_depends_on_seed_and_number_alone(quick: Recipe, datasets_dir: Path) -> None:
    examples = open_examples(quick, Split.TRAIN, datasets_dir=datasets_dir)
    first, second = Batches(examples, quick), Batches(examples, quick)
    first[0]
    for one, other in zip(first[3], second[3], strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())
    assert not np.array_equal(first[3][0].numpy(), first[4][0].numpy())


def test_batches_have_the_promised_shapes(quick: Recipe, datasets_dir: Path) -> None:
    examples = open_examples(quick, Split.TRAIN, datasets_dir=datasets_dir)
    images, labels, box_ids, box_kinds, stitches, stitches_known = Batches(examples, quick)[0]
    assert images.shape == (4, 3, 128, 128)
    assert labels.shape == box_ids.shape == (4, 128, 128)
    assert box_kinds.shape[0] == 4
    assert stitches.shape == (4, 5, 64, 64)
    assert stitches_known.shape == (4, 2, 64, 64)
    known = labels[labels != UNKNOWN_LABEL]
    assert int(known.max()) < len(quick.kinds)


def test_a_rendered_crop_shows_a_defect_as_often_as_the_recipe_says(quick: Recipe, tmp_path: Path) -> None:
    count = 12
    planes = np.zeros((count, 3, SIDE_PX, SIDE_PX), np.uint8)
    planes[0, 0, 5:9, 300:310] = 1
    planes[1, 0, 200:230, 20:60] = 2
    planes[2, 0, 100:102, 160:162] = UNKNOWN_LABEL
    pool = Pool(
        rgb=np.zeros((count, SIDE_PX, SIDE_PX, 3), np.uint8),
        planes=planes,
        holes=np.zeros((0, 3), np.float32),
        starts=np.zeros(count + 1, np.int64),
    )
    for focus, least, most in ((1.0, 1.0, 1.0), (0.0, 0.0, 0.45)):
        scenes = ScenesPart(count=count, share=1.0, focus=focus)
        data = quick.data.model_copy(update={"scenes": scenes, "only_scenes": True})
        batches = Batches((), quick.model_copy(update={"data": data}), pool)
        drawn = [label for step in range(10) for label in batches[step].labels.numpy()]
        shown = [np.unique(label[(label > 0) & (label != UNKNOWN_LABEL)]).tolist() for label in drawn]
        assert least <= np.mean([bool(kinds) for kinds in shown]) <= most
        if focus == 1.0:
            assert {kind for kinds in shown for kind in kinds} == {1, 2}


def test_a_label_moves_with_its_defect() -> None:
    rgb = np.full((160, 160, 3), 140, np.uint8)
    labels = np.zeros((160, 160), np.uint8)
    rgb[60:90, 70:100] = 20
    labels[60:90, 70:100] = 1
    augment = Augment(crop_px=128)
    for seed in range(20):
        varied = augment(Crop(rgb=rgb, labels=labels, box_ids=labels), seed=seed)
        grey = varied.rgb.astype(np.float64).mean(axis=2)
        inside = varied.labels == 1
        assert varied.rgb.shape == (128, 128, 3)
        assert inside.any()
        assert grey[~inside].mean() - grey[inside].mean() > 15
        np.testing.assert_array_equal(varied.labels, varied.box_ids)


def test_a_transplanted_defect_keeps_its_contrast_and_gets_its_label() -> None:
    rng = np.random.default_rng(0)
    home = np.clip(rng.normal(0, 3, (64, 64, 1)) + np.array([200, 180, 150]), 0, 255).astype(np.uint8)
    labels = np.zeros((64, 64), np.uint8)
    home[28:36, 28:36] = (home[28:36, 28:36] * 0.3).astype(np.uint8)
    labels[28:36, 28:36] = 2
    grafts = collect(home, labels)
    assert [graft.label for graft in grafts] == [2]
    sound = np.clip(rng.normal(0, 3, (128, 128, 1)) + np.array([60, 90, 120]), 0, 255).astype(np.uint8)
    empty = np.zeros((128, 128), np.uint8)
    planted = transplant(Crop(rgb=sound, labels=empty, box_ids=empty), grafts, rng)
    at = planted.labels == 2
    assert at.any()
    ratio = planted.rgb[at].mean() / sound[at].mean()
    assert 0.1 < ratio < 0.65
    far = ~at
    np.testing.assert_array_equal(planted.rgb[far][:50], sound[far][:50])


def test_nothing_is_planted_on_what_is_unknown() -> None:
    rgb = np.full((64, 64, 3), 128, np.uint8)
    labels = np.zeros((64, 64), np.uint8)
    rgb[30:34, 30:34], labels[30:34, 30:34] = 20, 1
    grafts = collect(rgb, labels)
    unknown = np.full((64, 64), UNKNOWN_LABEL, np.uint8)
    planted = transplant(Crop(rgb=rgb, labels=unknown, box_ids=unknown), grafts, np.random.default_rng(0))
    np.testing.assert_array_equal(planted.rgb, rgb)


def test_boxes_alone_can_be_learned_from(quick: Recipe, datasets_dir: Path) -> None:
    data = quick.data.model_copy(update={"sets": ("leather-line",), "box_share": 0.1})
    alone = quick.model_copy(update={"data": data})
    batch = Batches(open_examples(alone, Split.TRAIN, datasets_dir=datasets_dir), alone)[0]
    assert (batch.box_ids > 0).any()
