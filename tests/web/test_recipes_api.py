"""Recipes over HTTP: published, tried, put in force and back, and what a station works on."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import numpy as np
import pytest

from inspection.access import Role
from inspection.recipes import Recipe
from inspection.store import audit, stations
from inspection.web.deps import CSRF_HEADER
from tests import factories
from tests.factories import Spot
from tests.web.serving import Served, make_settings, serve
from tests.web.test_bad_input import assert_problem

HOLE = Spot(at_mm=(12, 24), length_mm=6, width_mm=4)


@pytest.fixture
def engineer(served: Served) -> Iterator[httpx.Client]:
    with served.person(Role.ENGINEER) as client:
        yield client


def recipe(name: str, *, zone_class: str = "primary", **further: Any) -> dict[str, Any]:
    """A recipe whose one zone is the left half of the photo."""
    left = {"name": "left", "class": zone_class, "outline": [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]}
    return {
        "name": name,
        "version": "draft",
        "standard": "general",
        "default_view": "upper",
        "views": {"upper": {"mm_per_px": 0.1, "zones": [left], **further.pop("view", {})}},
        **further,
    }


def publish(client: httpx.Client, content: dict[str, Any], **further: Any) -> httpx.Response:
    return client.post(f"/api/v1/recipes/{content['name']}/versions", json={"recipe": content, **further})


def test_a_published_recipe_judges_the_next_photo(served: Served, engineer: httpx.Client) -> None:
    made = publish(engineer, recipe("left-only"), note="first try")
    assert made.status_code == 201, made.text
    assert made.json()["version"] == 1
    assert made.json()["in_force"] is True
    left = served.post(factories.make_jpeg([HOLE], seed=1), recipe="left-only").json()
    assert left["recipe"] == {"name": "left-only", "version": "1"}
    assert left["verdict"]["grade"] == "C"
    assert left["zones"][0]["name"] == "left"
    right = served.post(factories.make_jpeg([Spot((50, 24), 6, 4)], seed=2), recipe="left-only").json()
    assert right["defects"] == []
    assert right["verdict"]["grade"] == "A"


def test_an_older_version_is_the_way_back(served: Served, engineer: httpx.Client) -> None:
    publish(engineer, recipe("going-back"))
    hidden = publish(engineer, recipe("going-back", zone_class="hidden"))
    assert hidden.json()["version"] == 2
    photo = factories.make_jpeg([HOLE], seed=3)
    assert served.post(photo, recipe="going-back").json()["defects"][0]["zone_class"] == "hidden"
    back = engineer.put("/api/v1/recipes/going-back/active", json={"version": 1, "note": "too lenient"})
    assert back.status_code == 200, back.text
    assert [(item["version"], item["in_force"]) for item in back.json()["items"]] == [(2, False), (1, True)]
    again = served.post(photo, recipe="going-back").json()
    assert (again["recipe"]["version"], again["defects"][0]["zone_class"]) == ("1", "primary")
    read = engineer.get("/api/v1/recipes/going-back/versions/2").json()
    assert read["recipe"]["views"]["upper"]["zones"][0]["class"] == "hidden"
    assert 'class = "hidden"' in read["toml"]
    gone = engineer.put("/api/v1/recipes/going-back/active", json={"version": None})
    assert gone.status_code == 200
    assert_problem(served.post(photo, recipe="going-back"), 422, "unknown-name")


def test_a_version_that_is_only_kept_judges_nothing(served: Served, engineer: httpx.Client) -> None:
    kept = publish(engineer, recipe("kept-only"), activate=False)
    assert kept.json()["in_force"] is False
    assert_problem(served.post(factories.make_jpeg(seed=4), recipe="kept-only"), 422, "unknown-name")


def test_a_plc_switches_what_its_station_works_on(served: Served, engineer: httpx.Client) -> None:
    publish(engineer, recipe("style-a", style="Style A"))
    publish(engineer, recipe("style-b", style="Style B", zone_class="hidden"))
    at = "/api/v1/stations/line-1/recipe"
    try:
        assert served.camera.get(at).json()["recipe"] == "default"
        switched = served.camera.put(at, json={"recipe": "style-a"})
        assert switched.status_code == 200, switched.text
        assert switched.json()["set_by"] == "line-1"
        photo = factories.make_jpeg([HOLE], seed=5)
        first = served.post(photo).json()
        assert (first["recipe"]["name"], first["style"]) == ("style-a", "Style A")
        by_style = served.camera.put(at, json={"style": "Style B"})
        assert (by_style.json()["recipe"], by_style.json()["version"]) == ("style-b", "1")
        assert served.post(photo).json()["recipe"]["name"] == "style-b"
        # A photo that names its own recipe is judged by that.
        assert served.post(photo, recipe="style-a").json()["recipe"]["name"] == "style-a"
        publish(engineer, recipe("style-b", style="Style B"))
        assert served.post(photo).json()["recipe"] == {"name": "style-b", "version": "2"}
    finally:
        cleared = served.camera.delete(at)
    assert cleared.json()["recipe"] == "default"
    assert served.post(photo).json()["recipe"]["name"] == "default"
    actions = [entry.action.value for entry in audit.entries(served.station.store, subject="station:line-1")]
    assert actions[:3] == ["recipe of station cleared", "recipe of station set", "recipe of station set"]


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        ({"recipe": "no-such"}, 422, "unknown-name"),
        ({"style": "No such"}, 422, "unknown-name"),
        ({"style": "Twice"}, 409, "conflict"),
        ({"recipe": "twice-1", "style": "Other"}, 409, "conflict"),
        ({}, 422, "invalid-request"),
        ({"recipe": 17}, 422, "invalid-request"),
    ],
)
def test_a_switch_to_what_is_not_there_changes_nothing(
    served: Served, engineer: httpx.Client, body: dict[str, Any], status: int, kind: str
) -> None:
    publish(engineer, recipe("twice-1", style="Twice"))
    publish(engineer, recipe("twice-2", style="Twice"))
    assert_problem(served.camera.put("/api/v1/stations/line-1/recipe", json=body), status, kind)
    assert served.camera.get("/api/v1/stations/line-1/recipe").json()["set_at"] is None


def test_a_key_switches_its_own_station_only_and_publishes_nothing(served: Served) -> None:
    other = served.camera.put("/api/v1/stations/line-2/recipe", json={"recipe": "default"})
    assert_problem(other, 403, "forbidden")
    assert_problem(publish(served.camera, recipe("by-a-camera")), 403, "forbidden")
    assert_problem(served.camera.post("/api/v1/recipe-photos", content=b"x"), 403, "forbidden")
    with served.person(Role.INSPECTOR) as inspector:
        assert_problem(publish(inspector, recipe("by-an-inspector")), 403, "forbidden")
        nowhere = inspector.put("/api/v1/stations/no-such/recipe", json={"recipe": "default"})
        assert_problem(nowhere, 404, "not-found")


def textured(width_px: int = 640, height_px: int = 480, *, seed: int = 7) -> bytes:
    """A photo with plenty to hold on to, and no defect."""
    rng = np.random.default_rng(seed)
    rgb = factories.make_rgb(width_px=width_px, height_px=height_px, grain=0)
    for _ in range(150):
        x, y = int(rng.integers(20, width_px - 40)), int(rng.integers(20, height_px - 40))
        rgb[y : y + int(rng.integers(5, 24)), x : x + int(rng.integers(5, 24))] += np.uint8(
            rng.integers(15, 60)
        )
    return factories.encode_png(rgb)


def keep(client: httpx.Client, photo: bytes) -> str:
    answer = client.post("/api/v1/recipe-photos", content=photo, headers={"Content-Type": "image/png"})
    assert answer.status_code == 201, answer.text
    sha256: str = answer.json()["sha256"]
    return sha256


def test_zones_follow_a_part_that_lies_elsewhere(served: Served, engineer: httpx.Client) -> None:
    photo = textured()
    sha256 = keep(engineer, photo)
    shown = engineer.get(f"/api/v1/recipe-photos/{sha256}")
    assert shown.headers["content-type"] == "image/jpeg"
    made = publish(engineer, recipe("follows", view={"reference": {"sha256": sha256}}))
    assert made.status_code == 201, made.text
    told = served.post(photo, recipe="follows").json()
    assert told["registration"]["found"] is True
    assert told["zones"][0]["outline_px"][2] == pytest.approx([319.5, 479.5], abs=1.0)
    stranger = served.post(textured(seed=8), recipe="follows").json()
    assert stranger["registration"]["found"] is False
    assert stranger["zones"] == []
    assert stranger["verdict"]["disposition"] == "recheck"
    assert stranger["verdict"]["reasons"][0]["rule"] == "location"


def test_a_draft_is_tried_on_a_stored_photo_and_nothing_is_kept(
    served: Served, engineer: httpx.Client
) -> None:
    result = served.post(factories.make_jpeg([HOLE], seed=9), view="upper", mm_per_px="0.1").json()
    draft = recipe("a-draft")
    body = {"recipe": draft, "view": "upper", "result_id": result["result_id"]}
    tried = engineer.post("/api/v1/recipe-trials", json=body)
    assert tried.status_code == 200, tried.text
    assert tried.json()["verdict"]["grade"] == "C"
    assert tried.json()["zones"][0]["name"] == "left"
    draft["views"]["upper"]["zones"][0]["outline"] = [[0.6, 0], [1, 0], [1, 1], [0.6, 1]]
    assert engineer.post("/api/v1/recipe-trials", json=body).json()["verdict"]["grade"] == "A"
    assert "a-draft" not in [item["name"] for item in engineer.get("/api/v1/recipes").json()["items"]]
    assert_problem(engineer.post("/api/v1/recipe-trials", json={**body, "view": "sole"}), 422, "unknown-name")


BAD = {
    "outside": ({"zones": [{"name": "a", "class": "primary", "outline": [[0, 0], [1.2, 0], [1, 1]]}]},
                "outside the view"),
    "crossing": ({"zones": [{"name": "a", "class": "primary", "outline": [[0, 0], [1, 1], [1, 0], [0, 1]]}]},
                 "crosses or touches itself"),
    "no area": ({"zones": [{"name": "a", "class": "primary", "outline": [[0, 0], [0.5, 0.5], [1, 1]]}]},
                "no area"),
    "twice": ({"zones": [{"name": "a", "class": "primary"}, {"name": "a", "class": "hidden"}]},
              "these come twice: a"),
    "one point": ({"seams": [{"name": "s", "path": [[0.1, 0.1]]}]}, "at least two points"),
    "no length": ({"seams": [{"name": "s", "path": [[0.1, 0.1], [0.1, 0.1]]}]}, "no length"),
    "reversed": ({"seams": [{"name": "s", "path": [[0, 0], [1, 1]], "pitch_mm": [3, 2]}]}, "reversed"),
    "two photos": ({"reference": {"photo": "a.jpg", "sha256": "0" * 64}}, "either photo"),
}  # fmt: skip


@pytest.mark.parametrize(("view", "told"), BAD.values(), ids=BAD)
def test_a_recipe_that_cannot_be_meant_is_refused_with_the_reason(
    served: Served, engineer: httpx.Client, view: dict[str, Any], told: str
) -> None:
    answer = publish(engineer, recipe("bad", view=view))
    assert_problem(answer, 422, "invalid-request")
    assert told in answer.text
    assert len(answer.json()["errors"]) == 1


def test_what_is_wrong_with_a_seam_is_told_with_its_whole_way(served: Served, engineer: httpx.Client) -> None:
    answer = publish(
        engineer, recipe("bad", view={"seams": [{"name": "s", "path": [[0.1, 0.1], [1.2, 0.3]]}]})
    )
    assert [fault["field"] for fault in answer.json()["errors"]] == ["recipe.views.upper.seams.0.path.1.0"]


def test_a_reference_that_cannot_be_used_is_refused_with_the_reason(
    served: Served, engineer: httpx.Client
) -> None:
    missing = publish(engineer, recipe("bad-photo", view={"reference": {"sha256": "0" * 64}}))
    assert_problem(missing, 422, "recipe")
    assert "there is no photo" in missing.text
    small = keep(engineer, textured(200, 150))
    answer = publish(engineer, recipe("bad-photo", view={"reference": {"sha256": small}}))
    assert_problem(answer, 422, "recipe")
    assert "200 x 150 pixels" in answer.text
    plain = keep(engineer, factories.encode_png(factories.make_rgb(grain=0)))
    answer = publish(engineer, recipe("bad-photo", view={"reference": {"sha256": plain}}))
    assert_problem(answer, 422, "recipe")
    assert "points of interest" in answer.text
    named = publish(engineer, recipe("bad-photo", view={"reference": {"photo": "here.jpg"}}))
    assert_problem(named, 422, "recipe")
    standard = publish(engineer, recipe("bad-standard", standard="no-such"))
    assert_problem(standard, 422, "unknown-name")
    assert_problem(publish(engineer, recipe("default")), 422, "recipe")
    other = engineer.post("/api/v1/recipes/one/versions", json={"recipe": recipe("other")})
    assert_problem(other, 422, "recipe")


def test_what_one_replica_publishes_another_judges_by_at_once(tmp_path: Path, models_dir: Path) -> None:
    settings = make_settings(tmp_path / "data", models_dir)
    with serve(settings) as one, serve(settings) as two:
        two.station.book.publish(
            Recipe.model_validate(recipe("shared")), two.station.standards, by="t", note="", in_force=True
        )
        told = one.post(factories.make_jpeg(seed=10), recipe="shared")
        assert told.status_code == 201, told.text
        two.station.book.set_station("line-1", recipe="shared", style=None, by="t")
        assert one.post(factories.make_jpeg(seed=11)).json()["recipe"]["name"] == "shared"
        assert stations.by_name(one.station.store, "line-1").active


def test_photos_of_the_recipes_own_style_are_offered_first(served: Served, engineer: httpx.Client) -> None:
    publish(engineer, recipe("offers", style="Offered"))
    own = [
        served.post(factories.make_jpeg(seed=60 + number), recipe="offers").json()["result_id"]
        for number in range(2)
    ]
    others = [
        served.post(factories.make_jpeg(seed=70 + number), recipe="default").json()["result_id"]
        for number in range(12)
    ]
    for query, offered in (
        ("?name=offers&version=1", [*own[::-1], *others[:1:-1]]),
        ("", others[::-1]),
    ):
        page = engineer.get(f"/recipes/editor{query}").text
        assert re.findall(r'data-try="([^"]+)"', page) == offered


@pytest.mark.parametrize("path", ["/recipes/photos", "/recipes/publish", "/recipes/try"])
@pytest.mark.parametrize("token", ["", "0" * 64])
def test_the_script_of_the_editor_needs_the_token_of_its_session(
    served: Served, engineer: httpx.Client, path: str, token: str
) -> None:
    before = engineer.get("/api/v1/recipes").json()
    answer = engineer.post(path, json={"recipe": recipe("forged")}, headers={CSRF_HEADER: token})
    assert answer.status_code == 403
    assert engineer.get("/api/v1/recipes").json() == before


def test_what_is_wrong_with_a_reference_photo_is_told_in_the_language_of_the_page(
    engineer: httpx.Client, photo: bytes
) -> None:
    chinese = {"Accept-Language": "zh-CN", "Content-Type": "application/octet-stream"}
    kept = engineer.post("/recipes/photos", content=photo, headers=chinese)
    assert kept.json() == {"sha256": hashlib.sha256(photo).hexdigest()}
    cut = engineer.post("/recipes/photos", content=photo[:2000], headers=chinese)
    assert cut.status_code == 422
    assert "截断" in cut.json()["message"]
    large = engineer.post("/recipes/photos", content=b"x" * 2_100_000, headers=chinese)
    assert large.status_code == 413
    assert large.json()["message"] == (
        "上传的文件有 2.1 MB；最多接受 2 MB。"
        "请上传较小的照片，例如质量为 90 的 JPEG，或调大 WELT_MAX_UPLOAD_MB。"
    )
