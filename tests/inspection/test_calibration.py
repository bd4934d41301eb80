"""The scale comes from the camera, a named calibration or the recipe, and is never a bad number."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspection.calibration import MAX_MM_PER_PX, MIN_MM_PER_PX, calibrate, checked_mm_per_px, fitted
from inspection.calibration.choosing import aged
from inspection.domain import Calibration, CalibrationProblem, CalibrationSource
from inspection.errors import ScaleError, UnknownNameError

NOW = datetime(2026, 3, 1, tzinfo=UTC)
KNOWN = {"bench-1": 0.12}


def test_what_the_camera_says_comes_first() -> None:
    chosen = calibrate(mm_per_px=0.2, calibration="bench-1", view_mm_per_px=0.1, known=KNOWN)
    assert chosen == Calibration(0.2, CalibrationSource.CAMERA)


def test_a_named_calibration_comes_before_the_recipe() -> None:
    chosen = calibrate(mm_per_px=None, calibration="bench-1", view_mm_per_px=0.1, known=KNOWN)
    assert chosen == Calibration(0.12, CalibrationSource.REFERENCE)


def test_the_recipe_knows_the_scale_of_a_fixed_camera() -> None:
    chosen = calibrate(mm_per_px=None, calibration=None, view_mm_per_px=0.1, known=KNOWN)
    assert chosen == Calibration(0.1, CalibrationSource.RECIPE)


def test_nobody_may_know_the_scale() -> None:
    assert calibrate(mm_per_px=None, calibration=None, view_mm_per_px=None, known={}) is None


def test_an_unknown_calibration_is_told_with_those_that_exist() -> None:
    with pytest.raises(UnknownNameError, match="'bench-2'") as refused:
        calibrate(mm_per_px=None, calibration="bench-2", view_mm_per_px=0.1, known=KNOWN)
    assert "bench-1" in refused.value.hint


@pytest.mark.parametrize("bad", [0.0, -0.1, math.nan, math.inf, -math.inf, 0.004, 5.1, 96.0])
def test_a_scale_that_makes_no_sense_is_refused(bad: float) -> None:
    with pytest.raises(ScaleError) as refused:
        calibrate(mm_per_px=bad, calibration=None, view_mm_per_px=None, known={})
    assert "0.1" in refused.value.hint or "millimetres" in refused.value.hint


@given(st.floats(MIN_MM_PER_PX, MAX_MM_PER_PX))
def test_every_scale_of_a_camera_is_taken_as_it_is(mm_per_px: float) -> None:
    assert checked_mm_per_px(mm_per_px) == mm_per_px


def test_a_stored_calibration_comes_before_the_recipe_and_after_the_camera() -> None:
    stored = Calibration(0.11, CalibrationSource.CHARUCO, id="1")
    assert calibrate(mm_per_px=None, calibration=None, view_mm_per_px=0.1, known={}, stored=stored) == stored
    assert calibrate(mm_per_px=None, calibration="b", view_mm_per_px=0.1, known={}, stored=stored) == stored
    chosen = calibrate(mm_per_px=0.2, calibration=None, view_mm_per_px=0.1, known={}, stored=stored)
    assert chosen is not None
    assert chosen.source is CalibrationSource.CAMERA


@pytest.mark.parametrize(
    ("days", "limit", "problem"),
    [(29.9, 30, None), (30.1, 30, CalibrationProblem.STALE), (4000, 0, None)],
)
def test_a_calibration_has_an_age_limit(
    days: float, limit: float, problem: CalibrationProblem | None
) -> None:
    made = Calibration(0.1, CalibrationSource.CHARUCO, made_at=NOW - timedelta(days=days))
    assert aged(made, now=NOW, max_age_days=limit).problem is problem


@pytest.mark.parametrize(
    ("size", "lens", "problem"),
    [
        ((640, 480), None, None),
        ((640, 480), "f25", None),
        ((480, 640), "f25", CalibrationProblem.PHOTO_SIZE),
        ((320, 240), None, CalibrationProblem.PHOTO_SIZE),
        ((640, 480), "f35", CalibrationProblem.LENS),
    ],
)
def test_a_calibration_fits_photos_of_its_size_through_its_lens(
    size: tuple[int, int], lens: str | None, problem: CalibrationProblem | None
) -> None:
    made = Calibration(0.1, CalibrationSource.CHARUCO, photo_size_px=(640, 480), lens_name="f25")
    assert fitted(made, photo_size_px=size, lens_name=lens).problem is problem
