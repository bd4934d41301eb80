"""Cameras are calibrated over the API and on the page."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest

from inspection.access import Role
from inspection.calibration.boards import BOARDS
from inspection.store import calibrations
from tests.boards import camera_over, pose_of, render
from tests.factories import encode_png
from tests.web.serving import Served, make_settings, serve

A4 = BOARDS["a4"]
TILTS = ((3, -2), (28, 4), (-25, 8), (5, 30), (-6, -28), (20, 20))


@lru_cache(maxsize=1)
def shots() -> list[bytes]:
    """The board on the plane, then tilted, by a camera of 0.55 mm per pixel."""
    camera = camera_over(size_px=(560, 420), focal_px=820)
    rays = camera.rays()
    middle = (A4.size_mm[0] / 2, A4.size_mm[1] / 2)
    return [
        encode_png(
            render(
                A4,
                camera,
                pose_of(camera, mm_per_px=0.55, middle_mm=middle, tilt_deg=tilt, spin_deg=5 * number),
                seed=number,
                rays=rays,
            ).rgb
        )
        for number, tilt in enumerate(TILTS)
    ]


def files(plane: bytes, *tilted: bytes) -> list[tuple[str, tuple[str, bytes, str]]]:
    parts = [("plane", ("flat.png", plane, "image/png"))]
    return parts + [("photos", (f"t{i}.png", body, "image/png")) for i, body in enumerate(tilted)]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, models_dir: Path) -> Iterator[Served]:
    """A running service."""
    with serve(make_settings(tmp_path_factory.mktemp("calibrations"), models_dir)) as running:
        yield running


def view_of(served: Served) -> str:
    return served.station.recipes.get(None).default_view


def test_an_engineer_calibrates_and_photos_are_measured_with_it(served: Served) -> None:
    view = view_of(served)
    fields = {"station": "line-1", "view": view, "ruler_mm": "200,0", "note": "第一次"}
    with served.person(Role.ENGINEER) as engineer:
        made = engineer.post("/api/v1/calibrations", data=fields, files=files(*shots()))
        assert made.status_code == 201, made.text
        told = made.json()
        assert told["in_force"]
        assert told["content"]["mm_per_px"] == pytest.approx(0.55, rel=0.01)
        name = told["name"]
        checked = engineer.post(
            f"/api/v1/calibrations/{name}/checks", files={"photo": ("c.png", shots()[0], "image/png")}
        )
        assert (checked.status_code, checked.json()["holds"]) == (201, True)
        again = engineer.post(f"/api/v1/calibrations/{name}/activate")
        assert (again.status_code, again.json()["checked_at"] is not None) == (200, True)
    document = served.post(shots()[0]).json()
    assert document["calibration"]["name"] == name
    assert document["calibration"]["problem"] is None
    with served.person(Role.VIEWER) as viewer:
        listed = viewer.get("/api/v1/calibrations", params={"station": "line-1"}).json()["items"]
        assert [one["name"] for one in listed] == [name]
        assert viewer.get(f"/api/v1/calibrations/{name}").json()["note"] == "第一次"
        png = viewer.get(f"/api/v1/calibrations/{name}/coverage")
        assert png.content.startswith(b"\x89PNG")
        assert viewer.get("/api/v1/boards/a3").content.startswith(b"%PDF")
        page = viewer.get("/calibration").text
        assert name in page
        assert '<form class="filters"' not in page  # viewers calibrate nothing
        assert viewer.post(f"/api/v1/calibrations/{name}/activate").status_code == 403
        assert viewer.post("/api/v1/calibrations", data=fields, files=files(*shots())).status_code == 403
    assert served.camera.post(f"/api/v1/calibrations/{name}/activate").status_code == 403


def test_the_page_calibrates_checks_and_goes_back(served: Served) -> None:
    with served.person(Role.ENGINEER) as engineer:
        form = {"csrf_token": engineer.headers["X-CSRF-Token"]}
        fields = {**form, "station": "line-2", "view": "toe-side"}
        for _ in range(2):
            done = engineer.post("/calibration", data=fields, files=files(*shots()))
            assert done.status_code == 303, done.text
        first, second = "line-2.toe-side.1", "line-2.toe-side.2"
        assert second in done.headers["location"]
        used = engineer.post(f"/calibration/{first}/use", data=form)
        assert used.status_code == 303
        current = calibrations.in_force(served.station.store, "line-2", "toe-side")
        assert current is not None
        assert current.name == first
        photo = {"photo": ("c.png", shots()[0], "image/png")}
        checked = engineer.post(f"/calibration/{first}/check", data=form, files=photo)
        assert "done=holds" in checked.headers["location"]
        page = engineer.get(checked.headers["location"], headers={"Accept-Language": "zh"}).text
        assert "仍然有效" in page
        assert first in page
        assert engineer.post(f"/calibration/{first}/use", data={}).status_code == 403  # not from our form


def test_photos_that_do_not_serve_are_told_in_the_readers_language(served: Served) -> None:
    with served.person(Role.ENGINEER) as engineer:
        fields = {"station": "line-2", "view": "toe"}
        one = engineer.post("/api/v1/calibrations", data=fields, files=files(shots()[0]))
        assert (one.status_code, one.json()["type"]) == (422, "urn:welt:problem:calibration")
        form = {**fields, "csrf_token": engineer.headers["X-CSRF-Token"]}
        page = engineer.post(
            "/calibration", data=form, files=files(shots()[0]), headers={"Accept-Language": "zh"}
        )
        assert page.status_code == 422
        assert "仅凭一张照片" in page.text
        for change, status in (
            ({"ruler_mm": "x"}, 422),
            ({"ruler_mm": "20"}, 422),
            ({"board": "a9"}, 422),
            ({"station": "nowhere"}, 422),
        ):
            asked = engineer.post("/api/v1/calibrations", data={**fields, **change}, files=files(*shots()))
            assert asked.status_code == status, asked.text
        broken = engineer.post("/api/v1/calibrations", data=fields, files=files(b"no photo", *shots()))
        assert broken.json()["detail"].startswith("flat.png: ")
        assert engineer.get("/api/v1/calibrations/nothing").status_code == 404
        assert engineer.get("/api/v1/boards/a9").status_code == 404
