"""Crops that the judge of stitches learns from: thread that was pulled out, and what is left unknown."""

from __future__ import annotations

import numpy as np
import pytest

from inspection.seams.judging import judge
from inspection.seams.strips import COLUMNS, LANES, PAD
from tests.sewn import straight_seam, strip_of
from training.seam_crops import pulled_out
from training.seam_strips import GONE, LOCKED, NONE, PASSED, SOUND, UNKNOWN, beside_passed

pytestmark = pytest.mark.train

LEATHER, HOLE = (90, 70, 50), (15, 15, 15)
WIDE = 8


def row(thread: tuple[int, int, int] = (200, 190, 180)) -> np.ndarray:
    """A strip of eight stitches."""
    rgb = np.full((LANES, WIDE * COLUMNS, 3), LEATHER, np.uint8)
    rgb[LANES // 2 - 2 : LANES // 2 + 2] = thread
    for k in range(WIDE + 1):
        rgb[LANES // 2 - 3 : LANES // 2 + 3, max(0, k * COLUMNS - 2) : k * COLUMNS + 2] = HOLE
    return rgb


def labels(**places: int) -> tuple[np.ndarray, np.ndarray]:
    of_places = np.full(WIDE - 1, LOCKED, np.int8)
    for name, what in places.items():
        of_places[int(name[1:])] = what
    return np.full(WIDE, SOUND, np.int8), of_places


def test_thread_that_was_pulled_out_leaves_leather_between_its_holes() -> None:
    rgb, (stitches, places) = row(), labels()
    spoilt, gone, unknown = pulled_out(rgb, stitches, places, np.random.default_rng(1))
    (taken,) = np.nonzero(gone == GONE)
    assert 1 <= len(taken) <= 3
    assert (np.diff(taken) == 1).all()
    middle = spoilt[LANES // 2 - 2 : LANES // 2 + 2]
    for k in range(WIDE):
        between = middle[:, k * COLUMNS + 8 : (k + 1) * COLUMNS - 8].reshape(-1, 3)
        assert (between == (LEATHER if k in taken else (200, 190, 180))).all()
    for k in range(1, WIDE):
        assert (middle[:, k * COLUMNS - 2 : k * COLUMNS + 2] == HOLE).all()
    assert np.flatnonzero(unknown == UNKNOWN).tolist() == taken[:-1].tolist()
    assert (stitches == SOUND).all()  # the strip itself is drawn again later


@pytest.mark.parametrize(
    ("leather", "thread"),
    [((0.75, 0.72, 0.68), (0.1, 0.1, 0.12)), ((0.08, 0.1, 0.2), (0.6, 0.2, 0.1))],
)
def test_the_judge_that_ships_tells_such_thread(
    leather: tuple[float, float, float], thread: tuple[float, float, float]
) -> None:
    photo = straight_seam(side_px=400, beyond_mm=20.0, leather=leather, thread=thread)
    strip = strip_of(photo)
    stitches = np.full(strip.shape[1] // COLUMNS, UNKNOWN, np.int8)
    stitches[2 * PAD : -2 * PAD] = SOUND
    places = np.full(len(stitches) - 1, LOCKED, np.int8)
    spoilt, told, _ = pulled_out(strip, stitches, places, np.random.default_rng(5))
    gone = told[PAD:-PAD] == GONE
    said = judge().look(spoilt)
    assert said.gone[gone].min() > 0.9
    assert said.gone[~gone].max() < 0.1


def test_thread_that_hardly_differs_from_leather_is_not_pulled_out() -> None:
    rgb, (stitches, places) = row(thread=(94, 74, 54)), labels()
    spoilt, gone, _ = pulled_out(rgb, stitches, places, np.random.default_rng(1))
    assert spoilt is rgb
    assert (gone == SOUND).all()


@pytest.mark.parametrize("seed", range(8))
def test_only_stitches_between_locked_holes_are_pulled_out(seed: int) -> None:
    stitches, places = labels(p1=PASSED, p4=UNKNOWN)
    _, gone, _ = pulled_out(row(), stitches, places, np.random.default_rng(seed))
    assert set(np.flatnonzero(gone == GONE)) <= {3, 6}


def test_what_lies_beside_a_passed_hole_is_not_learned_as_no_hole() -> None:
    said = np.array([LOCKED, NONE, PASSED, LOCKED, NONE, LOCKED, PASSED, NONE, NONE, UNKNOWN, NONE], np.int8)
    told = [LOCKED, UNKNOWN, PASSED, LOCKED, NONE, LOCKED, PASSED, UNKNOWN, UNKNOWN, UNKNOWN, NONE]
    assert beside_passed(said).tolist() == told
