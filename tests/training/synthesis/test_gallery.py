"""Every kind shows: in its own exemplar at every severity, in the truth and in the photo."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from training.synthesis import gallery, sampling
from training.synthesis.catalogue import KIND_NAMES, SIZES
from training.synthesis.distractors import KINDS as THINGS
from training.synthesis.noise import stream
from training.synthesis.render import render
from training.synthesis.scene import Family


@pytest.mark.parametrize("kind", list(SIZES))
def test_a_severe_defect_shows_in_the_truth_and_changes_the_photo(kind: str) -> None:
    scene = gallery.exemplar(kind, 1.0, 0.12, seed=4)
    sample = render(scene)
    assert kind in {defect.kind for defect in sample.truth.defects}
    assert (sample.truth.kinds == KIND_NAMES.index(kind)).any()
    seams = tuple(replace(seam, defects=()) for seam in scene.seams)
    sound = render(replace(scene, seams=seams, leather_defects=()))
    assert not sound.truth.defects
    # both photos have the same noise, and black thread on black leather is hard to see
    assert np.abs(sample.rgb.astype(int) - sound.rgb.astype(int)).max() > 8


@pytest.mark.parametrize("kind", list(SIZES))
def test_sizes_grow_with_severity(kind: str) -> None:
    size = SIZES[kind]
    assert 0 < size.minor_mm < size.middle_mm < size.severe_mm
    assert size.at(0) == size.minor_mm
    assert size.at(0.5) == pytest.approx(size.middle_mm)
    assert size.at(1) == pytest.approx(size.severe_mm)


@pytest.mark.parametrize("kind", list(THINGS))
def test_a_distractor_changes_the_photo_and_is_no_defect(kind: str) -> None:
    scene = gallery.thing_exemplar(kind, 0.12, seed=2)
    with_it, without = render(scene), render(replace(scene, distractors=()))
    assert (with_it.rgb != without.rgb).any()
    assert not with_it.truth.kinds.any()
    assert not with_it.truth.defects


@pytest.mark.parametrize("family", list(Family))
@pytest.mark.parametrize("mm_per_px", [0.05, 0.3])
def test_every_leather_renders_at_both_ends_of_the_scale(family: Family, mm_per_px: float) -> None:
    rng = stream(1, family.value)
    stage = gallery.stage(rng, mm_per_px, side_px=128)
    sample = render(replace(stage, base=sampling.a_leather(rng, family)))
    assert np.isfinite(sample.height_mm).all()
    assert 5 < sample.rgb.mean() < 250


def test_a_distractor_over_a_defect_takes_it_out_of_the_truth() -> None:
    scene = gallery.leather_exemplar("pinhole", 0.0, 0.1, seed=1)
    tape = sampling.a_thing(np.random.default_rng(1), scene.width_mm, kind="tape")
    covered = replace(scene, distractors=(replace(tape, x_mm=scene.width_mm / 2, y_mm=scene.width_mm / 2),))
    assert render(scene).truth.defects
    assert not render(covered).truth.defects
