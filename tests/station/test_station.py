"""The station by itself: what it accepts, and how it ends."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from inspection.domain import Metadata
from inspection.errors import ConfigurationError, PressureError, ScaleError, UnknownNameError
from inspection.pipeline import STAGES
from inspection.station import Inspected, Station, open_station
from tests import factories
from tests.web.serving import make_settings


@pytest.fixture
def station(tmp_path: Path, models_dir: Path) -> Iterator[Station]:
    opened = open_station(make_settings(tmp_path, models_dir))
    ends_s = time.monotonic() + 20
    while not opened.readiness().ready:
        assert time.monotonic() < ends_s
        time.sleep(0.02)
    yield opened
    opened.close()


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
