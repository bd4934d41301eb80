"""The scale comes from the camera, a named calibration or the recipe, and is never a bad number."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspection.calibration import MAX_MM_PER_PX, MIN_MM_PER_PX, calibrate, checked_mm_per_px
from inspection.domain import Calibration, CalibrationSource
from inspection.errors import ScaleError, UnknownNameError

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
