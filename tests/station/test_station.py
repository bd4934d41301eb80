"""The station by itself: what it accepts, and how it ends."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inspection import imaging
from inspection.calibration.files import CalibrationFile
from inspection.domain import Calibration, CalibrationSource, Metadata
from inspection.errors import ConfigurationError, PressureError, ScaleError, UnknownNameError
from inspection.pipeline import STAGES
from inspection.station import Inspected, Station, open_station
from inspection.store import calibrations, stations
from inspection.store.calibrations import NewCalibration, StoredCalibration
from tests import factories
from tests.web.serving import make_settings


@pytest.fixture
def station(tmp_path: Path, models_dir: Path) -> Iterator[Station]:
    opened = open_station(make_settings(tmp_path, models_dir))
    _wait_until_ready(opened)
    yield opened
    opened.close()


def _wait_until_ready(opened: Station) -> None:
    ends_s = time.monotonic() + 20
    while not opened.readiness().ready:
        assert time.monotonic() < ends_s
        time.sleep(0.02)


def submit(station: Station, photo: bytes, metadata: Metadata) -> str:
    sha256 = hashlib.sha256(photo).hexdigest()
    return station.submit(photo, metadata, sha256=sha256).result(20).document


def test_subscribers_hear_of_each_durable_result(station: Station) -> None:
    heard: list[Inspected] = []
    station.subscribe(heard.append)
    document = submit(station, factories.make_jpeg(), Metadata(station="line-1", mm_per_px=0.1))
    assert [inspected.stored.record.document for inspected in heard] == [document]
    assert {"queue", "decode", *STAGES, "encode", "store"} == set(heard[0].took_ms)


def test_names_and_scales_are_checked_before_the_photo_waits(station: Station) -> None:
    for metadata, error in (
        (Metadata(station="line-1", recipe="nowhere"), UnknownNameError),
        (Metadata(station="line-1", view="nowhere"), UnknownNameError),
        (Metadata(station="line-1", mm_per_px=-1.0), ScaleError),
    ):
        with pytest.raises(error):
            station.submit(b"never looked at", metadata, sha256="")


def test_a_closed_station_takes_no_more(station: Station) -> None:
    station.close()
    assert not station.readiness().ready
    with pytest.raises(PressureError) as refused:
        submit(station, factories.make_jpeg(), Metadata(station="line-1"))
    assert refused.value.retry_after_s


def test_closing_twice_is_closing_once(station: Station) -> None:
    station.close()
    station.close()


def test_a_recipe_with_an_unknown_standard_keeps_the_service_from_starting(
    tmp_path: Path, models_dir: Path
) -> None:
    recipes = tmp_path / "recipes"
    recipes.mkdir()
    (recipes / "boot.toml").write_text(
        'name = "boot"\nversion = "1"\nstandard = "nowhere"\ndefault_view = "toe"\n'
        '[views.toe]\nzones = [{ name = "toe", class = "primary" }]\n'
    )
    with pytest.raises((ConfigurationError, UnknownNameError)):
        open_station(make_settings(tmp_path / "data", models_dir, recipes_dir=recipes))


def stored(station: Station, *, size_px: tuple[int, int] | None = None) -> StoredCalibration:
    """A calibration in force at line-1 and the default view."""
    if "line-1" not in [one.name for one in stations.all_stations(station.store)]:
        stations.add(station.store, "line-1", by="li")
    view = station.recipes.get(None).default_view
    made = Calibration(
        0.11,
        CalibrationSource.CHARUCO,
        homography=np.diag([0.11, 0.11, 1.0]),
        photo_size_px=size_px,
        lens_name="f25",
        rms_mm=0.01,
    )
    new = NewCalibration("line-1", view, CalibrationFile.of(made))
    return calibrations.add(station.store, new, by="li")


def ask(station: Station, **metadata: object) -> dict[str, Any]:
    document = submit(station, factories.make_jpeg(), Metadata(station="line-1", **metadata))  # type: ignore[arg-type]
    content: dict[str, Any] = json.loads(document)
    return content


def test_photos_are_measured_with_the_calibration_in_force_and_their_results_name_it(
    station: Station,
) -> None:
    made = stored(station)
    told = ask(station)["calibration"]
    assert (told["id"], told["name"], told["mm_per_px"]) == (made.calibration_id, made.name, 0.11)
    assert (told["source"], told["rms_mm"], told["problem"]) == ("charuco", 0.01, None)
    assert ask(station, calibration=made.name)["calibration"] == told
    assert ask(station, mm_per_px=0.2)["calibration"]["source"] == "camera"
    calibrations.deactivate(station.store, "line-1", made.view, by="li")
    assert ask(station)["calibration"] is None
    assert ask(station, calibration=made.name)["calibration"] == told


def test_a_calibration_that_does_not_exist_is_told_with_those_of_the_recipe(station: Station) -> None:
    with pytest.raises(UnknownNameError, match="no calibration named 'bench-9'"):
        ask(station, calibration="bench-9")


def test_a_photo_of_another_size_or_lens_is_a_recheck_and_names_the_calibration(station: Station) -> None:
    fits = imaging.decode(factories.make_jpeg(), max_pixels=10**7)
    for size_px, lens, problem in (
        ((800, 601), "f25", "photo_size"),
        ((fits.width_px, fits.height_px), "f35", "lens"),
    ):
        made = stored(station, size_px=size_px)
        document = ask(station, lens=lens)
        assert document["verdict"]["grade"] == "recheck"
        assert document["verdict"]["reasons"][0]["rule"] == f"calibration_{problem}"
        assert document["calibration"]["id"] == made.calibration_id
        assert document["calibration"]["problem"] == problem


def test_an_old_calibration_is_a_recheck(tmp_path: Path, models_dir: Path) -> None:
    settings = make_settings(tmp_path, models_dir, calibration_max_age_days=1e-6)
    opened = open_station(settings)
    try:
        _wait_until_ready(opened)
        made = stored(opened)
        time.sleep(0.1)  # a millionth of a day
        document = ask(opened)
        assert document["verdict"]["reasons"][0]["rule"] == "calibration_stale"
        assert document["calibration"]["id"] == made.calibration_id
    finally:
        opened.close()
