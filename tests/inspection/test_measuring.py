"""Sizes in millimetres are those that were drawn, within the uncertainty that is told."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspection import measuring
from inspection.domain import Calibration, CalibrationProblem, CalibrationSource, Defect, Maps, ZoneClass

HALF_MM = Calibration(0.5, CalibrationSource.CAMERA)


def defect(*corners: tuple[float, float]) -> Defect:
    outline = np.array(corners, np.float64)
    left, top = outline.min(axis=0)
    width, height = outline.max(axis=0) - outline.min(axis=0)
    return Defect(
        kind="scratch",
        zone="toe",
        zone_class=ZoneClass.PRIMARY,
        score=0.9,
        outline_px=outline,
        box_px=(left, top, width, height),
    )


def test_a_rectangle_of_20_by_4_pixels_is_as_long_as_its_diagonal_and_2_mm_wide_at_half_a_mm_per_pixel() -> (
    None
):
    (measured,) = measuring.measure([defect((0, 0), (20, 0), (20, 4), (0, 4))], HALF_MM, step_px=2)
    assert measured.length_mm == pytest.approx(math.hypot(10, 2), abs=1e-4)
    assert measured.width_mm == pytest.approx(2, abs=1e-4)
    assert measured.area_mm2 == pytest.approx(20)
    assert measured.uncertainty_mm == pytest.approx(1)  # one step of the grid
    assert measured.uncertainty_mm2 == pytest.approx(24 * 0.5)  # half a step along 24 mm of outline


def tilted(*, problem: CalibrationProblem | None = None, scale_uncertainty: float = 0.0) -> Calibration:
    """A camera that sees the plane aslant: 0.1 mm per pixel at the left, finer to the right."""
    return Calibration(
        0.1,
        CalibrationSource.CHARUCO,
        homography=np.array([[0.1, 0, 0], [0, 0.1, 0], [2e-4, 0, 1]]),
        photo_size_px=(1000, 1000),
        distance_mm=500.0,
        scale_uncertainty=scale_uncertainty,
        problem=problem,
    )


def test_sizes_are_those_on_the_plane_wherever_a_tilted_camera_sees_them() -> None:
    calibration = tilted()
    inverse = np.linalg.inv(np.asarray(calibration.homography))
    for left, top in ((5.0, 5.0), (60.0, 50.0)):
        corners_mm = np.array([(left, top), (left + 8, top), (left + 8, top + 6), (left, top + 6)])
        seen = np.column_stack([corners_mm, np.ones(4)]) @ inverse.T
        corners_px = seen[:, :2] / seen[:, 2:]
        (measured,) = measuring.measure([defect(*map(tuple, corners_px))], calibration, step_px=2)
        assert measured.length_mm == pytest.approx(10, abs=1e-3)
        assert measured.width_mm == pytest.approx(6, abs=1e-3)
        assert measured.area_mm2 == pytest.approx(48, rel=1e-3)


def test_what_is_not_known_of_scale_and_height_widens_the_uncertainty() -> None:
    square = defect((0, 0), (300, 0), (300, 400), (0, 400))
    (narrow,) = measuring.measure([square], tilted(), step_px=2)
    (wide,) = measuring.measure(
        [square], tilted(scale_uncertainty=0.003), step_px=2, heights_mm={"toe": 2.0, "heel": 90.0}
    )
    assert narrow.length_mm is not None
    assert narrow.uncertainty_mm is not None
    share = math.hypot(0.003, 2 / 498)
    assert wide.uncertainty_mm == pytest.approx(math.hypot(narrow.uncertainty_mm, share * narrow.length_mm))


def test_a_calibration_of_another_photo_size_measures_nothing_and_a_stale_one_does() -> None:
    square = defect((0, 0), (300, 0), (300, 400), (0, 400))
    (unmeasured,) = measuring.measure([square], tilted(problem=CalibrationProblem.PHOTO_SIZE), step_px=2)
    (measured,) = measuring.measure([square], tilted(problem=CalibrationProblem.STALE), step_px=2)
    assert unmeasured.length_mm is unmeasured.uncertainty_mm is None
    assert measured.length_mm is not None


def test_without_a_scale_nothing_is_measured() -> None:
    (unmeasured,) = measuring.measure([defect((0, 0), (20, 0), (20, 4))], None, step_px=2)
    assert unmeasured.length_mm is unmeasured.width_mm is unmeasured.area_mm2 is None
    assert unmeasured.uncertainty_mm is unmeasured.uncertainty_mm2 is None


@given(
    angle=st.floats(0, math.tau),
    scale=st.floats(0.2, 20),
    shift=st.tuples(st.floats(0, 4000), st.floats(0, 4000)),
)
@settings(deadline=None)
def test_sizes_do_not_depend_on_place_and_angle_and_grow_with_the_scale(
    angle: float, scale: float, shift: tuple[float, float]
) -> None:
    shape = np.array([(0, 0), (30, 0), (30, 6), (12, 9), (0, 6)], np.float64)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    moved = (shape * scale) @ turn.T + shift
    assert measuring.area_of(moved) == pytest.approx(measuring.area_of(shape) * scale**2, rel=1e-6)
    expected = [side * scale for side in measuring.sides_of(shape)]
    assert measuring.sides_of(moved) == pytest.approx(expected, rel=1e-3, abs=0.01)


def test_the_grid_step_is_the_larger_one_of_both_axes() -> None:
    surface = np.zeros((2, 10, 20), np.float32)
    assert measuring.grid_step_px(Maps(("sound", "hole"), surface, (80, 50))) == 5


def test_a_photo_is_summed_up_by_count_longest_and_area() -> None:
    small, large = defect((0, 0), (4, 0), (4, 2), (0, 2)), defect((0, 0), (20, 0), (20, 4), (0, 4))
    summary = {m.name: m for m in measuring.summarise(measuring.measure([small, large], HALF_MM, step_px=1))}
    assert summary["defect_count"].value == 2
    assert summary["longest_defect"].value == pytest.approx(math.hypot(10, 2), abs=1e-4)
    assert summary["longest_defect"].unit == "mm"
    assert summary["defect_area"].value == pytest.approx(22)
    assert summary["defect_area"].uncertainty == pytest.approx((6 + 24) * 0.5 / 2)


def test_without_a_scale_only_the_count_is_told() -> None:
    summary = measuring.summarise([defect((0, 0), (4, 0), (4, 2))])
    assert [(m.name, m.value) for m in summary] == [("defect_count", 1)]


def test_a_sound_photo_has_a_count_of_none() -> None:
    assert [(m.name, m.value) for m in measuring.summarise([])] == [("defect_count", 0)]
