"""Scenes are complete: saved, loaded and rendered again they give the same bytes."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from inspection.errors import ConfigurationError, UnknownNameError
from training.synthesis import leather, leather_defects, rigs, sampling, scene
from training.synthesis.render import render
from training.synthesis.sampling import Request, sample
from training.synthesis.scene import Family
from training.synthesis.surface import make_grid

SMALL = Request(side_px=160)


def test_a_saved_scene_renders_to_the_same_bytes(tmp_path: Path) -> None:
    first = sample(SMALL, seed=3, index=4)
    scene.save(first, tmp_path / "scene.json")
    again = scene.load(tmp_path / "scene.json")
    assert again == first
    one, two = render(first), render(again)
    np.testing.assert_array_equal(one.rgb, two.rgb)
    np.testing.assert_array_equal(one.truth.kinds, two.truth.kinds)
    np.testing.assert_array_equal(one.height_mm, two.height_mm)


def test_scenes_depend_on_seed_and_index_alone() -> None:
    assert sample(SMALL, seed=1, index=7) == sample(SMALL, seed=1, index=7)
    assert sample(SMALL, seed=1, index=7) != sample(SMALL, seed=1, index=8)
    assert sample(SMALL, seed=1, index=7) != sample(SMALL, seed=2, index=7)


def test_every_sampled_scene_passes_its_own_check() -> None:
    for index in range(60):
        drawn = sample(SMALL, seed=11, index=index)
        assert scene.check(drawn) == drawn


@pytest.mark.parametrize("families", itertools.combinations(Family, 2))
def test_no_leather_has_a_fault_that_it_cannot_have(families: tuple[Family, Family]) -> None:
    request = Request(side_px=64, families=families, sound=0.0, leather_only=1.0)
    for index in range(40):
        drawn = sample(request, seed=3, index=index)
        for flaw, worn in itertools.product(
            drawn.leather_defects, [drawn.base, *(panel.leather for panel in drawn.panels)]
        ):
            assert leather_defects.fits(flaw.kind, worn.family)


def test_a_fault_that_the_wanted_leather_cannot_have_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="finish_crack cannot be on suede"):
        sampling.check(Request(kinds=("finish_crack",), families=("suede",)))


def test_a_pitch_of_zero_is_refused_with_its_name() -> None:
    drawn = next(s for i in range(40) if (s := sample(SMALL, seed=5, index=i)).seams)
    text = json.loads(scene.to_json(drawn))
    text["seams"][0]["pitch_mm"] = 0
    with pytest.raises(ConfigurationError, match=r"seams\.0\.pitch_mm"):
        scene.from_json(json.dumps(text))


def test_a_field_that_does_not_exist_is_refused() -> None:
    text = json.loads(scene.to_json(sample(SMALL, seed=5, index=0)))
    text["colour_of_sky"] = "blue"
    with pytest.raises(ConfigurationError, match="colour_of_sky"):
        scene.from_json(json.dumps(text))


def test_text_that_is_no_scene_is_refused(tmp_path: Path) -> None:
    (tmp_path / "scene.json").write_text("{not json")
    with pytest.raises(ConfigurationError):
        scene.load(tmp_path / "scene.json")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        scene.load(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("request_", "error", "says"),
    [
        (Request(kinds=("moth",)), UnknownNameError, "moth"),
        (Request(families=("denim",)), UnknownNameError, "denim"),
        (Request(pitch_mm=(0.0, 3.0)), ConfigurationError, "pitch 0.0"),
        (Request(mm_per_px=(0.01, 0.1)), ConfigurationError, "scale 0.01"),
        (Request(mm_per_px=(0.2, 0.1)), ConfigurationError, "upside down"),
        (Request(side_px=10), ConfigurationError, "size 10"),
        (Request(sound=1.5), ConfigurationError, "sound 1.5"),
        (Request(sound=float("nan")), ConfigurationError, "nan"),
    ],
)
def test_a_request_that_cannot_be_rendered_says_why(
    request_: Request, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        sampling.check(request_)


def test_truth_only_changes_with_what_the_scene_shows() -> None:
    drawn = next(s for i in range(60) if (s := sample(SMALL, seed=9, index=i)).seams and not s.distractors)
    lit_otherwise = replace(drawn, light=rigs.a_light(np.random.default_rng(1), "grazing"))
    one, two = render(drawn), render(lit_otherwise)
    assert (one.rgb != two.rgb).any()
    np.testing.assert_array_equal(one.truth.kinds, two.truth.kinds)
    np.testing.assert_array_equal(one.truth.thread, two.truth.thread)


def test_scenes_are_drawn_under_the_wanted_rig_and_an_unknown_one_is_refused() -> None:
    still = [sample(replace(SMALL, rigs=("still",)), seed=5, index=index) for index in range(12)]
    assert all(each.camera.jpeg is None and not each.camera.bayer for each in still)
    every = [sample(SMALL, seed=5, index=index) for index in range(12)]
    assert any(each.camera.bayer for each in every)
    with pytest.raises(UnknownNameError, match="no rig 'studio'"):
        sampling.check(Request(rigs=("studio",)))


def test_lint_lies_on_the_leather_and_is_no_defect() -> None:
    bare = sample(Request(side_px=96, sound=1.0, leather_only=1.0, distractors=0), seed=5, index=2)
    clean = replace(bare, base=replace(bare.base, lint=0.0))
    dirty = replace(bare, base=replace(bare.base, lint=200.0))
    one, two = render(clean), render(dirty)
    changed = np.abs(one.rgb.astype(int) - two.rgb.astype(int)).max(2) > 12
    assert 0.001 < changed.mean() < 0.5
    assert not two.truth.kinds.any()
    np.testing.assert_array_equal(one.height_mm, two.height_mm)


def test_specks_seen_close_are_round() -> None:
    drawn = sample(Request(side_px=320, sound=1.0, leather_only=1.0, families=("smooth",)), seed=5, index=2)
    close = replace(drawn, mm_per_px=0.01)
    bare, strewn = (
        leather.tan(replace(close.base, lint=lint), make_grid(close, border_px=0), None).albedo
        for lint in (0.0, 400.0)
    )
    changed = (np.abs(strewn - bare).max(2) > 0.02).astype(np.uint8)
    _, _, found, _ = cv2.connectedComponentsWithStats(changed)
    boxes = [(wide, high, area) for _, _, wide, high, area in found[1:] if wide > 5 and abs(wide - high) < 2]
    round_ones = [area / (wide * high) for wide, high, area in boxes if area > 0.6 * wide * high]
    assert len(round_ones) > 5
    assert max(round_ones) < 0.95  # a disc fills 0.79 of its box, and a square all of it


@pytest.mark.parametrize("name", sorted(rigs.RIGS))
def test_every_rig_draws_lights_and_cameras_within_its_ranges(name: str) -> None:
    rig = rigs.RIGS[name]
    for index in range(40):
        drawn = sample(replace(SMALL, rigs=(name,)), seed=21, index=index)
        light, camera = drawn.light, drawn.camera
        assert light.kind in rig.lights
        if rig.ambient is not None:
            assert rig.ambient[0] <= light.ambient <= rig.ambient[1]
        for field in ("lean", "falloff"):
            low, high = getattr(rig, field)
            assert low <= getattr(light, field) <= high, field
        for field in ("vignette", "exposure", "metering", "shot", "read", "contrast"):
            low, high = getattr(rig, field)
            assert low <= getattr(camera, field) <= high, field
        low, high = rig.mosaic_blur_px if camera.bayer else rig.blur_px
        assert low <= camera.blur_px <= high
        assert abs(camera.tilt_x) <= rig.tilt
        assert camera.bayer in ({True} if rig.bayer == 1 else {False} if rig.bayer == 0 else {True, False})
        if camera.jpeg is None:
            assert rig.lossless > 0
        else:
            assert rig.lossless < 1
            assert rig.quality[0] <= camera.jpeg < rig.quality[1]


def test_a_request_without_a_rig_draws_each_of_them_about_as_often() -> None:
    # Lossless and without a mosaic: all of the still rig, none of the line, and 6 % of the workshop.
    drawn = [sample(SMALL, seed=22, index=index).camera for index in range(300)]
    share = sum(each.jpeg is None and not each.bayer for each in drawn) / len(drawn)
    assert 0.27 < share < 0.45
