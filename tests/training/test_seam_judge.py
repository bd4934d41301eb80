"""The judge of stitches: what it learns from, that fitting goes on where it was killed, what is exported."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from inspection.registry import Model, open_serving
from inspection.seams import judging
from inspection.seams.strips import COLUMNS, LANES, PAD
from tests.sewn import straight_seam
from training.recipe import PROJECT
from training.seam_strips import (
    GONE,
    LOCKED,
    NONE,
    PASSED,
    SOUND,
    UNKNOWN,
    Strip,
    labelled,
    scene_of,
    truth_of,
)
from training.synthesis.scene import (
    Family,
    StitchDefect,
)
from training.synthesis.truth import RowTruth

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def served() -> Model:
    return open_serving(PROJECT / "models", threads=1)


def row(count: int, *, skipped: tuple[int, ...] = (), broken: tuple[int, ...] = ()) -> RowTruth:
    """A straight row with holes every 20 px at y = 50."""
    holes = np.stack([20.0 * np.arange(1, count + 1), np.full(count, 50.0)], axis=1)
    formed = np.ones(count, bool)
    formed[list(skipped)] = False
    none = np.zeros(0)
    return RowTruth(
        seam="one",
        row=0,
        holes_mm=holes * 0.15,
        holes_px=holes,
        formed=formed,
        visible=np.ones(count, bool),
        pitch_mm=np.full(count - 1, 3.0),
        stitch_mm=none,
        skipped=skipped,
        broken=broken,
        run_off_mm=0.0,
        margin_mm=none,
        gap_mm=none,
    )


def test_what_is_true_of_a_traced_row_is_that_of_the_row_it_lies_on() -> None:
    truth = row(10, skipped=(3,), broken=(6, 7))
    seen = np.ones(10, bool)
    stitches, places = truth_of(truth.holes_px[::-1], seen, [truth], 0.15)
    assert stitches[::-1].tolist() == [SOUND] * 6 + [GONE] * 2 + [SOUND]
    assert places[::-1].tolist() == [LOCKED] * 3 + [PASSED] + [LOCKED] * 3 + [UNKNOWN] + [LOCKED] * 2


def test_a_hole_too_many_and_the_middle_of_a_long_stitch_are_no_holes_of_the_row() -> None:
    truth = row(10)
    at = np.insert(truth.holes_px, 4, (90.0, 50.0), axis=0)  # between the fourth hole and the fifth
    for seen_there in (True, False):
        seen = np.ones(11, bool)
        seen[4] = seen_there
        stitches, places = truth_of(at, seen, [truth], 0.15)
        assert places.tolist() == [LOCKED] * 4 + [NONE] + [LOCKED] * 6
        assert (stitches == SOUND).all()


def test_nothing_is_learned_of_a_row_that_is_none() -> None:
    across = np.stack([np.full(8, 100.0), 20.0 * np.arange(8) + 8], axis=1)
    stitches, places = truth_of(across, np.ones(8, bool), [row(10)], 0.15)
    assert (stitches == UNKNOWN).all()
    assert not (places == PASSED).any()


def test_strips_of_a_rendered_photo_show_its_faults(served: Model) -> None:
    cv2.setNumThreads(1)
    defects = (
        StitchDefect("skipped_stitch", seed=3, at_mm=25.0, size_mm=6.0),
        StitchDefect("broken_thread", seed=3, at_mm=45.0, size_mm=6.0),
    )
    made = straight_seam(*defects, side_px=400, beyond_mm=20.0)
    (strip,) = labelled(made, served, photo=7)
    assert strip.photo == 7
    assert (strip.places == PASSED).sum() == 1
    assert (strip.stitches == GONE).sum() == 2
    assert strip.rgb.shape == (LANES, COLUMNS * (len(strip.stitches) + 2 * PAD), 3)


def test_scenes_to_learn_from_are_of_no_held_out_family() -> None:
    families = {scene_of(3, index, PROJECT / "datasets").base.family for index in range(30)}
    assert families
    assert not families & {Family.NUBUCK, Family.EMBOSSED}


def strips(count: int) -> list[Strip]:
    """Light dashes on dark; where one is missing the thread is gone. Every other row is a short one."""
    rng = np.random.default_rng(5)
    made = []
    for number in range(count):
        long = (12, 4)[number % 2]
        stitches = (rng.random(long) < 0.2).astype(np.int8)
        rgb = rng.normal(60, 5, (LANES, COLUMNS * (long + 2 * PAD), 3))
        for i, gone in enumerate(np.pad(stitches, PAD)):
            if not gone:
                rgb[12:16, i * COLUMNS + 4 : (i + 1) * COLUMNS - 4] += 100
        places = np.full(long + 1, LOCKED, np.int8)
        made.append(Strip(rgb.clip(0, 255).astype(np.uint8), stitches, places, number))
    return made


@pytest.mark.slow
def test_a_fit_that_was_killed_ends_with_the_same_weights_and_the_file_says_what_the_network_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from training import seam_judge

    torch.set_num_threads(1)
    rows = strips(48)
    whole = seam_judge.fit(rows, tmp_path / "whole.pt", epochs=4, seed=1, quiet=True)
    stopped = tmp_path / "stopped.pt"

    saved = 0
    real = torch.save

    def dies_after_two(state: object, file: Path) -> None:
        nonlocal saved
        real(state, file)
        saved += 1
        if saved == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", dies_after_two)
    with pytest.raises(KeyboardInterrupt):
        seam_judge.fit(rows, stopped, epochs=4, seed=1, quiet=True)
    monkeypatch.undo()
    gone_on = seam_judge.fit(rows, stopped, epochs=4, seed=1, quiet=True)
    for name, value in whole.state_dict().items():
        assert torch.allclose(value, gone_on.state_dict()[name], atol=1e-6), name

    judge = judging.Judge(seam_judge.export(whole))
    monkeypatch.setattr(judging, "_LOOK_AGAIN", 2.0)  # never: what the network says once is compared
    gone = next(strip for strip in strips(80)[60:] if strip.stitches.any())
    said = judge.look(gone.rgb)
    levels = torch.from_numpy(gone.rgb).permute(2, 0, 1)[None].float()
    with torch.no_grad():
        logits, _ = whole(levels, torch.ones(1, levels.shape[3] // COLUMNS))
    expected = logits.softmax(1)[0, 1, PAD:-PAD].numpy()
    assert np.abs(said.gone - expected).max() < 1e-4
    assert said.gone[gone.stitches == GONE].min() > said.gone[gone.stitches == SOUND].max()

    (thread, _) = seam_judge.judged(judge, [gone], thresholds=(0.5,))
    assert thread.there == int((gone.stitches == GONE).sum())
    assert thread.sound == int((gone.stitches == SOUND).sum())


def test_the_judges_card_is_of_the_file_beside_it() -> None:
    folder = PROJECT / "inspection" / "seams"
    digest = hashlib.sha256((folder / "judge.onnx").read_bytes()).hexdigest()
    assert digest in (folder / "judge.md").read_text(encoding="utf-8")
