"""Calibrations have a history per station and view, one of them in force."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pytest

from inspection.calibration.checking import Check
from inspection.calibration.files import CalibrationFile, from_json, to_json
from inspection.domain import Calibration, CalibrationSource, Lens
from inspection.errors import (
    ConfigurationError,
    ConflictError,
    MetadataError,
    NotFoundError,
    UnknownNameError,
)
from inspection.store import Store, audit, calibrations, stations
from inspection.store.audit import Action
from inspection.store.calibrations import NewCalibration
from tests.store.records import Clock

LENS = Lens((2400.1, 2404.8), (809.3, 593.3), (-0.18, 0.07, 4e-4, -3e-4, 0.0))
MADE = Calibration(
    0.15,
    CalibrationSource.CHARUCO,
    homography=np.array([[0.137, -0.006, 17.9], [-0.003, 0.137, 2.7], [-3.4e-5, -5.5e-5, 1.0]]),
    lens=LENS,
    photo_size_px=(1600, 1200),
    lens_name="f25",
    distance_mm=355.1,
    scale_uncertainty=0.0012,
    rms_mm=0.0054,
)
PASSED = Check(scale_error=0.0004, worst_mm=0.02, allowed_share=0.003, allowed_mm=0.9)
FAILED = Check(scale_error=0.02, worst_mm=0.02, allowed_share=0.003, allowed_mm=0.9)


@pytest.fixture
def line(store: Store) -> str:
    """A station."""
    return stations.add(store, "line-1.toe", by="admin").name


def new(view: str = "lateral", **further: object) -> NewCalibration:
    return NewCalibration(station="line-1.toe", view=view, file=CalibrationFile.of(MADE), **further)  # type: ignore[arg-type]


def test_a_calibration_comes_back_as_it_was_made(store: Store, line: str, clock: Clock) -> None:
    added = calibrations.add(store, new(coverage_png=b"png"), by="li")
    assert (added.name, added.made_by, added.in_force, added.checked_at) == (
        "line-1.toe.lateral.1",
        "li",
        True,
        None,
    )
    read = calibrations.for_photo(store, station=line, view="lateral", name=None)
    assert read is not None
    assert read.homography is not None
    np.testing.assert_array_equal(read.homography, MADE.homography)
    assert (read.lens, read.photo_size_px, read.lens_name) == (LENS, (1600, 1200), "f25")
    assert (read.distance_mm, read.scale_uncertainty, read.rms_mm) == (355.1, 0.0012, 0.0054)
    assert (read.id, read.name, read.made_at) == (added.calibration_id, added.name, clock())
    assert calibrations.coverage_png(store, added.name) == b"png"


def test_the_newest_is_in_force_until_an_older_one_is_chosen_again(store: Store, line: str) -> None:
    first = calibrations.add(store, new(), by="li")
    second = calibrations.add(store, new(), by="li")
    other = calibrations.add(store, new("toe"), by="li")
    assert [c.name for c in calibrations.history(store, station=line)] == [
        other.name,
        second.name,
        first.name,
    ]
    assert _in_force(store) == second.calibration_id
    assert calibrations.activate(store, first.name, by="chen").in_force
    assert _in_force(store) == first.calibration_id
    assert [c.in_force for c in calibrations.history(store, view="lateral")] == [False, True]
    calibrations.deactivate(store, line, "lateral", by="chen")
    assert calibrations.in_force(store, line, "lateral") is None
    assert calibrations.in_force(store, line, "toe") is not None
    assert audit.entries(store)[0].details == {"view": "lateral", "calibration": "none"}


def _in_force(store: Store) -> str | None:
    current = calibrations.in_force(store, "line-1.toe", "lateral")
    return None if current is None else current.calibration_id


def test_a_calibration_may_be_stored_without_being_put_in_force(store: Store, line: str) -> None:
    calibrations.add(store, new(), by="li", activate=False)
    assert _in_force(store) is None


def test_other_replicas_see_a_choice_at_once(store: Store, line: str, reopen: Callable[[], Store]) -> None:
    added = calibrations.add(store, new(), by="li")
    assert _in_force(reopen()) == added.calibration_id


def test_a_photo_may_name_its_calibration_by_name_or_id(store: Store, line: str) -> None:
    added = calibrations.add(store, new(name="bench-7"), by="li", activate=False)
    for name in ("bench-7", added.calibration_id):
        found = calibrations.for_photo(store, station="elsewhere", view="toe", name=name)
        assert found is not None
        assert found.name == "bench-7"
    for name in ("bench-8", "", "a b", "站"):
        assert calibrations.for_photo(store, station=line, view="lateral", name=name) is None


def test_a_check_that_was_passed_makes_a_calibration_young_again(
    store: Store, line: str, clock: Clock
) -> None:
    added = calibrations.add(store, new(), by="li")
    clock.time += timedelta(days=20)
    calibrations.add_check(store, added.calibration_id, PASSED, by="chen")
    passed_at = clock()
    clock.time += timedelta(days=20)
    calibrations.add_check(store, added.calibration_id, FAILED, by="chen")
    assert calibrations.by_id(store, added.name).checked_at == passed_at
    assert [c.holds for c in calibrations.checks(store, added.calibration_id)] == [False, True]
    assert audit.entries(store)[0].action is Action.CALIBRATION_CHECKED


def test_what_cannot_be_stored_is_refused(store: Store, line: str) -> None:
    calibrations.add(store, new(name="bench-7"), by="li")
    with pytest.raises(ConflictError, match="bench-7"):
        calibrations.add(store, new(name="bench-7"), by="li")
    with pytest.raises(UnknownNameError):
        calibrations.add(store, NewCalibration("nowhere", "lateral", CalibrationFile.of(MADE)), by="li")
    for bad in (new("No View"), new(name="a b"), new(name=""), new(note="x" * 201), new(note="\0")):
        with pytest.raises(MetadataError):
            calibrations.add(store, bad, by="li")
    assert len(calibrations.history(store)) == 1


@pytest.mark.parametrize("name", ["nothing", "", "a b", "\0", "x" * 300])
def test_an_unknown_calibration_is_told(store: Store, name: str) -> None:
    for ask in (calibrations.by_id, calibrations.coverage_png):
        with pytest.raises(NotFoundError):
            ask(store, name)


def test_a_file_that_was_changed_by_hand_names_its_fault() -> None:
    text = to_json(CalibrationFile.of(MADE))
    assert from_json(text, label="c.json") == CalibrationFile.of(MADE)
    with pytest.raises(ConfigurationError, match=r"c\.json: mm_per_px"):
        from_json(text.replace("0.15", "-0.15", 1), label="c.json")
    with pytest.raises(ConfigurationError, match=r"c\.json: the file: Invalid JSON"):
        from_json("{", label="c.json")
