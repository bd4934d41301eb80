"""A fault of sewing counts as one that shows only where the photo differs from that of a sound seam."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("torch")

from bench.seams import Tally, count_scene
from bench.sight import RowSight, sight_of
from training.synthesis.render import Sample, render
from training.synthesis.scene import (
    Camera,
    Distractor,
    Family,
    Lamp,
    Leather,
    Light,
    Rgb,
    Scene,
    Seam,
    StitchDefect,
    Thread,
)

pytestmark = pytest.mark.train

LEATHER: Rgb = (0.3, 0.2, 0.1)
LIGHT: Rgb = (0.7, 0.6, 0.5)
SIDE_PX, MM_PER_PX = 200, 0.15


def _made(*defects: StitchDefect, things: tuple[Distractor, ...] = ()) -> tuple[Sample, RowSight]:
    """A straight row across the middle of the photo, and what shows of it."""
    middle = SIDE_PX * MM_PER_PX / 2
    seam = Seam(
        name="free",
        seed=5,
        thread=Thread(tex=70, colour=LIGHT),
        pitch_mm=3.0,
        line_mm=((-10.0, middle), (middle, middle), (40.0, middle)),
        hole_mm=0.6,
        defects=defects,
    )
    scene = Scene(
        seed=1,
        width_px=SIDE_PX,
        height_px=SIDE_PX,
        mm_per_px=MM_PER_PX,
        base=Leather(Family.SMOOTH, seed=1, colour=LEATHER, grain_mm=0.5, depth_mm=0.002),
        light=Light("bar", (Lamp(30, 50, 10, 1.0),)),
        camera=Camera(seed=1, jpeg=None),
        seams=(seam,),
        distractors=things,
    )
    made = render(scene)
    (sight,) = sight_of(made)
    return made, sight


SKIP = StitchDefect("skipped_stitch", seed=3, at_mm=25.0, size_mm=6.0)
BREAK = StitchDefect("broken_thread", seed=3, at_mm=25.0, size_mm=6.0)


@pytest.mark.parametrize("fault", [SKIP, BREAK])
def test_a_fault_in_plain_view_shows(fault: StitchDefect) -> None:
    made, sight = _made(fault)
    (row,) = made.truth.rows
    assert row.skipped or row.broken
    assert sight.skipped == set(row.skipped)
    assert sight.broken == set(row.broken)
    assert sight.stitches.mean() > 0.8


@pytest.mark.parametrize("fault", [SKIP, BREAK])
def test_a_fault_under_an_eyelet_does_not_show_and_is_counted_apart(fault: StitchDefect) -> None:
    middle = SIDE_PX * MM_PER_PX / 2
    eyelet = Distractor("eyelet", seed=1, x_mm=middle, y_mm=middle, size_mm=14.0)
    made, sight = _made(fault, things=(eyelet,))
    (row,) = made.truth.rows
    assert row.skipped or row.broken
    assert not sight.skipped
    assert not sight.broken
    assert not sight.stitches.all()
    tally = Tally()
    count_scene(tally, made, (), [sight])
    assert (tally.gaps.there, tally.gaps_shown.there) == (1, 0)


def test_a_row_of_which_hardly_anything_shows_is_counted_apart() -> None:
    made, sight = _made()
    for stitches, shown in ((sight.stitches, 1), (sight.stitches & False, 0)):
        tally = Tally()
        count_scene(tally, made, (), [replace(sight, stitches=stitches)])
        assert (tally.rows.there, tally.rows_shown.there) == (1, shown)
