"""A fault of sewing counts as one that shows only where the photo differs from that of a sound seam."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("torch")

from bench.seams import Tally, count_scene
from bench.sight import RowSight, sight_of
from tests.sewn import MM_PER_PX, straight_seam
from training.synthesis.render import Sample
from training.synthesis.scene import (
    Distractor,
    StitchDefect,
)

pytestmark = pytest.mark.train

SIDE_PX = 200


def _made(*defects: StitchDefect, things: tuple[Distractor, ...] = ()) -> tuple[Sample, RowSight]:
    """A straight row across the middle of the photo, and what shows of it."""
    made = straight_seam(*defects, side_px=SIDE_PX, beyond_mm=10.0, things=things, jpeg=None)
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
