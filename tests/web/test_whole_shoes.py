"""A limit on the whole shoe, broken by photos that are each good: told wherever shoes are."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import Any

import pytest

from inspection.access import Role
from tests import factories
from tests.factories import Spot
from tests.web.serving import Served, make_settings, serve

HTML = {"Accept": "text/html"}
VIEWS = ("lateral", "medial")
STANDARD = """
schema = "welt.standard/2"
id = "sums"
edition = "1"
title = "Sums over a shoe"
title_zh = "整鞋合计"
[grades.A]
disposition = "pass"
[grades.B]
disposition = "rework"
[grades.C]
disposition = "reject"
[[rules]]
id = "stains-of-a-shoe"
kinds = ["stain"]
zones = ["primary"]
quantity = "sum_length_mm"
limit = 8.0
unit = "mm"
per = "shoe"
severity = "major"
clause = "9.1"
provenance = "agreed"
source = "agreement of March, page 2"
"""
RECIPE = """
name = "summed"
version = "1"
standard = "sums"
default_view = "lateral"
shoe_views = ["lateral", "medial"]
[views.lateral]
zones = [{ name = "vamp", class = "primary" }]
[views.medial]
zones = [{ name = "quarter", class = "primary" }]
"""
OVERLAPPING = RECIPE.replace('"summed"', '"overlapping"').replace('"quarter"', '"vamp"')
"""Both views show the vamp."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("shop")
    for name, text in (
        ("standards/sums.toml", STANDARD),
        ("recipes/summed.toml", RECIPE),
        ("recipes/overlapping.toml", OVERLAPPING),
    ):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    settings = make_settings(
        folder / "data",
        factories.write_models(folder / "models"),
        standards_dir=folder / "standards",
        recipes_dir=folder / "recipes",
    )
    with serve(settings) as served:
        yield served


def post(
    shop: Served, part: str, view: str, stain_mm: float, *, recipe: str = "summed", **query: str
) -> dict[str, Any]:
    spots = [Spot(at_mm=(8, 6), length_mm=stain_mm, width_mm=2, kind="stain")] if stain_mm else []
    body = factories.make_jpeg(
        spots, seed=abs(hash((part, view, stain_mm))) % 10**6, width_px=160, height_px=120
    )
    answer = shop.post(body, mm_per_px="0.1", recipe=recipe, view=view, part_id=part, style="sums", **query)
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    return told


def shoe(shop: Served, part: str) -> dict[str, Any]:
    told: dict[str, Any] = shop.camera.get("/api/v1/shoe", params={"part_id": part}).json()
    return told


def test_stains_that_are_small_alone_are_too_long_together(shop: Served) -> None:
    photos = [post(shop, "S-sum", view, 5) for view in VIEWS]
    assert [photo["verdict"]["grade"] for photo in photos] == ["A", "A"]
    told = shoe(shop, "S-sum")
    assert (told["state"], told["grade"]) == ("known", "C")
    [reason] = told["reasons"]
    assert (reason["rule"], reason["clause"], reason["basis"]) == ("stains-of-a-shoe", "9.1", "agreed")
    assert (reason["severity"], reason["limit"], reason["kind"]) == ("major", 8.0, "stain")
    assert reason["measured"] == pytest.approx(10, abs=1)
    assert 0 < reason["uncertainty"] < 2


def test_a_stain_that_two_views_may_both_show_goes_to_a_person_and_counts_not_twice(
    shop: Served,
) -> None:
    for view in VIEWS:
        post(shop, "S-both", view, 5, recipe="overlapping")
    told = shoe(shop, "S-both")
    assert told["grade"] == "recheck"
    [reason] = told["reasons"]
    assert (reason["rule"], reason["grade"]) == ("stains-of-a-shoe", "recheck")
    assert reason["measured"] == pytest.approx(10, abs=1)
    assert reason["measured"] - reason["uncertainty"] == pytest.approx(5, abs=1)

    for view in VIEWS:
        post(shop, "S-short", view, 3, recipe="overlapping")
    assert shoe(shop, "S-short")["grade"] == "A"


def test_a_sum_too_close_to_its_limit_goes_to_a_person(shop: Served) -> None:
    for view in VIEWS:
        post(shop, "S-near", view, 4)
    told = shoe(shop, "S-near")
    assert (told["grade"], told["reasons"][0]["grade"]) == ("recheck", "recheck")


def test_what_a_photo_breaks_alone_is_told_with_the_sum_and_marked(shop: Served) -> None:
    assert post(shop, "S-alone", "lateral", 11)["verdict"]["grade"] == "C"
    post(shop, "S-alone", "medial", 3)
    [reason] = shoe(shop, "S-alone")["reasons"]
    assert reason["alone"]
    assert reason["measured"] == pytest.approx(14, abs=1)


def test_what_a_person_says_otherwise_adds_to_no_sum(shop: Served) -> None:
    results = [post(shop, "S-said", view, 5)["result_id"] for view in VIEWS]
    assert shoe(shop, "S-said")["grade"] == "C"
    with shop.person(Role.INSPECTOR) as inspector:
        said = {"decision": "override", "grade": "B", "revision": 0}
        inspector.post(f"/api/v1/inspections/{results[0]}/reviews", json=said)
    assert (shoe(shop, "S-said")["grade"], shoe(shop, "S-said")["reasons"]) == ("B", [])


@pytest.mark.parametrize(("language", "words"), [("en", "together are"), ("zh", "总长")])
def test_the_page_tells_the_clause_in_both_languages(shop: Served, language: str, words: str) -> None:
    for view in VIEWS:
        post(shop, f"S-{language}", view, 5)
    with shop.person(Role.VIEWER) as viewer:
        viewer.cookies.set("welt_language", language)
        page = viewer.get("/shoe", params={"part_id": f"S-{language}"}, headers=HTML).text
    text = re.sub(r"<[^>]+>", " ", page)
    assert words in text
    assert "9.1" in text
    assert "basis-agreed" in page


def test_a_lot_counts_the_shoe_and_lets_it_go_after_a_review(shop: Served) -> None:
    with shop.person(Role.INSPECTOR) as inspector:
        body = {"lot_id": "L-sum", "product": "p", "line": "l", "size": 5, "mode": "all"}
        number = inspector.post("/api/v1/lots", json=body).json()["number"]
        results = [post(shop, "L-bad", view, 5, lot_id="L-sum")["result_id"] for view in VIEWS]
        for view in VIEWS:
            post(shop, "L-good", view, 0, lot_id="L-sum")
        lot = inspector.get(f"/api/v1/lots/{number}").json()
        assert (lot["came"], lot["nonconforming"]) == (2, 1)
        said = {"decision": "override", "grade": "A", "revision": 0}
        # The photo that was not the newest: what is kept beside the newest one follows all the same.
        inspector.post(f"/api/v1/inspections/{results[0]}/reviews", json=said)
        assert inspector.get(f"/api/v1/lots/{number}").json()["nonconforming"] == 1


def test_statistics_count_shoes(shop: Served) -> None:
    for view in VIEWS:
        post(shop, "T-bad", view, 5)
    with shop.person(Role.VIEWER) as viewer:
        answer = viewer.get("/statistics.csv", params={"style": "sums", "unit": "shoe"})
        page = viewer.get("/statistics", params={"style": "sums", "unit": "shoe"}, headers=HTML).text
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert sum(int(row["C"]) for row in rows) >= 1
    assert 'value="shoe" selected' in page
