"""Seams that a recipe expects: found along their path, missing, in other rows, beside their place."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from inspection.domain import (
    Calibration,
    CalibrationSource,
    ExpectedSeam,
    Grade,
    Measurement,
    Registration,
    Seam,
    Verdict,
    Zone,
    ZoneClass,
)
from inspection.expecting import look_for
from inspection.grading import grade
from inspection.standards import open_standards

MM_PER_PX = 0.1
SIZE_PX = (1000, 600)
SCALE = Calibration(mm_per_px=MM_PER_PX, source=CalibrationSource.CAMERA)
ALL = Zone("all", ZoneClass.PRIMARY, np.array([(0, 0), (999, 0), (999, 599), (0, 599)], np.float64))
STANDARD = open_standards().get("appearance")


def row(y_px: float, *, x_px: tuple[float, float] = (100, 900), row: int = 0, **measured: float) -> Seam:
    """A straight row of stitches of 2.5 mm along x, with measurements that are known to 0.05."""
    x = np.arange(x_px[0], x_px[1] + 1, 25.0)
    values = {"pitch_mean_mm": 2.5, "margin_min_mm": 2.0, "margin_max_mm": 2.2, **measured}
    return Seam(
        "all",
        ZoneClass.PRIMARY,
        np.stack([x, np.full(len(x), y_px)], axis=1),
        row=row,
        pitch_mm=np.full(len(x) - 1, 2.5),
        run_off_mm=np.zeros(len(x)),
        measurements=tuple(Measurement(name, value, "mm", 0.05) for name, value in values.items()),
    )


def expected(**fields: Any) -> ExpectedSeam:
    given: dict[str, Any] = {"name": "toe-cap", "path_px": np.array([(100.0, 300), (900, 300)])}
    return ExpectedSeam(**{**given, **fields})


def look(
    one: ExpectedSeam, *seams: Seam, calibration: Calibration | None = SCALE, looked: bool = True, **more: Any
) -> tuple[ExpectedSeam, tuple[Seam, ...]]:
    [told], changed = look_for(
        [one],
        seams,
        [ALL],
        calibration,
        registration=more.get("registration"),
        photo_size_px=SIZE_PX,
        nominal_mm_per_px=MM_PER_PX,
        looked=looked,
    )
    return told, changed


def judged(one: ExpectedSeam, *seams: Seam, **more: Any) -> Verdict:
    told, changed = look(one, *seams, **more)
    return grade([], STANDARD, more.get("calibration", SCALE), seams=changed, expected=[told])


def test_a_seam_in_its_place_has_nothing_to_tell() -> None:
    told, _ = look(expected(), row(302))
    assert (told.zone, told.zone_class, told.seams) == ("all", ZoneClass.PRIMARY, (0,))
    assert told.missing_pct == Measurement("missing_pct", 0, "%", None)
    assert told.rows_found == Measurement("rows", 1, "", None)
    assert judged(expected(), row(302)).grade is Grade.A


@pytest.mark.parametrize(
    ("seams", "rule", "measured"),
    [
        ((), "recipe-seam-missing", 100),
        ((row(500),), "recipe-seam-missing", 100),  # somewhere else
        ((row(300, x_px=(100, 600)),), "recipe-seam-missing", 34),
        ((row(300, x_px=(100, 350)), row(300, x_px=(650, 900))), "recipe-seam-missing", 30),
        ((row(295), row(310, row=1)), "recipe-seam-rows", 1),
    ],
)
def test_what_is_not_as_expected_goes_to_a_person(
    seams: tuple[Seam, ...], rule: str, measured: float
) -> None:
    verdict = judged(expected(), *seams)
    assert verdict.grade is Grade.RECHECK  # the network overlooks rows, so none is rejected for that
    [reason] = verdict.reasons
    assert (reason.rule, reason.expected, reason.zone) == (rule, "toe-cap", "all")
    assert reason.measured == pytest.approx(measured, abs=4)
    assert "toe-cap" in reason.message
    assert reason.basis == "house"


def test_twin_rows_are_right_where_two_are_expected() -> None:
    assert judged(expected(rows=2), row(290), row(315, row=1)).grade is Grade.A
    assert [one.rule for one in judged(expected(rows=2), row(300)).reasons] == ["recipe-seam-rows"]


@pytest.mark.parametrize(
    ("window", "graded", "limit", "least"),
    [
        ({"pitch_mm": (2.4, 2.6)}, Grade.A, None, False),
        ({"pitch_mm": (2.0, 2.4)}, Grade.B, 2.4, False),
        ({"pitch_mm": (2.6, 3.0)}, Grade.B, 2.6, True),
        ({"pitch_mm": (2.0, 2.49)}, Grade.RECHECK, 2.49, False),
        ({"margin_mm": (1.5, 2.5)}, Grade.A, None, False),
        ({"margin_mm": (2.1, 2.5)}, Grade.B, 2.1, True),
        ({"margin_mm": (1.5, 2.1)}, Grade.B, 2.1, False),
        ({"row_gap_mm": (1.5, 2.5), "rows": 1}, Grade.RECHECK, 1.5, True),  # nobody could measure it
    ],
)
def test_windows_are_those_of_the_recipe(
    window: dict[str, Any], graded: Grade, limit: float | None, least: bool
) -> None:
    verdict = judged(expected(**window), row(300))
    assert verdict.grade is graded
    assert [(one.limit, one.least) for one in verdict.reasons[:1]] == (
        [] if limit is None else [(limit, least)]
    )


def test_run_off_is_measured_from_the_path_and_as_sure_as_the_registration() -> None:
    bent = row(300)
    points = bent.points_px.copy()
    points[10:14, 1] -= 20  # 2 mm upwards, which is to the left of a walk to the right
    bent = replace(bent, points_px=points)
    _, [changed] = look(expected(), bent)
    told = changed.measured("run_off_mm")
    assert told is not None
    assert told.value == pytest.approx(2.0, abs=0.1)
    assert told.uncertainty == pytest.approx(0.8, abs=0.1)
    assert changed.run_off_mm[11] == pytest.approx(2.0)
    back = replace(bent, points_px=points[::-1].copy())
    _, [reversed_walk] = look(expected(), back)
    assert reversed_walk.run_off_mm[-12] == pytest.approx(-2.0)
    # A row that is straight and in the wrong place has run off, which no line through itself would tell.
    _, [aside] = look(expected(), row(318))
    off = aside.measured("run_off_mm")
    assert off is not None
    assert off.value == pytest.approx(1.8, abs=0.1)
    loose = Registration(True, False, 50, 0.9, residual_px=4.0, to_photo=np.eye(3))
    _, [unsure] = look(expected(), bent, registration=loose)
    wide = unsure.measured("run_off_mm")
    assert wide is not None
    assert (wide.uncertainty or 0) > (told.uncertainty or 0)


def test_rows_of_a_twin_seam_run_off_from_their_own_places() -> None:
    _, [first, second] = look(expected(rows=2), row(290), row(315, row=1))
    for seam in (first, second):
        told = seam.measured("run_off_mm")
        assert told is not None
        assert told.value == 0


def test_without_a_scale_a_seam_is_looked_for_and_nothing_measured() -> None:
    told, [seam] = look(expected(pitch_mm=(1, 2)), row(300), calibration=None)
    assert told.seams == (0,)
    assert seam.measured("run_off_mm") is None
    verdict = grade([], STANDARD, None, seams=[seam], expected=[told])
    assert [one.rule for one in verdict.reasons] == ["scale"]


def test_where_the_network_tells_no_stitches_nobody_knows() -> None:
    verdict = judged(expected(), looked=False)
    assert (verdict.grade, verdict.reasons[0].measured) == (Grade.RECHECK, None)
    assert "could not be measured" in verdict.reasons[0].message


def test_what_lies_outside_the_photo_is_not_missing() -> None:
    beyond = expected(path_px=np.array([(100.0, 300), (1500, 300)]))
    told, _ = look(beyond, row(300, x_px=(100, 999)))
    assert told.missing_pct is not None
    assert told.missing_pct.value < 3
    outside = expected(path_px=np.array([(1200.0, 300), (1500, 300)]))
    assert look(outside)[0].missing_pct is None


def test_a_path_in_no_zone_is_not_judged() -> None:
    corner = replace(ALL, outline_px=np.array([(0, 0), (50, 0), (50, 50), (0, 50)], np.float64))
    [told], _ = look_for(
        [expected()],
        [],
        [corner],
        SCALE,
        registration=None,
        photo_size_px=SIZE_PX,
        nominal_mm_per_px=MM_PER_PX,
        looked=True,
    )
    assert told.zone is None
    assert grade([], STANDARD, SCALE, expected=[told]).grade is Grade.A
