"""Shoes and pairs over HTTP and as pages, from photos that a camera posted."""

from __future__ import annotations

import re

import pytest

from inspection.access import Role
from inspection.domain import Grade
from inspection.pairing import SetReason
from inspection.web.i18n import open_words
from inspection.web.pages_sets import told
from tests import factories
from tests.factories import Spot
from tests.web.serving import Served

HTML = {"Accept": "text/html"}


def post(served: Served, seed: int, *, hole: bool = False, **query: str) -> str:
    spots = [Spot(at_mm=(20, 20), length_mm=5, width_mm=3)] if hole else []
    answer = served.post(factories.make_jpeg(spots, seed=seed), mm_per_px="0.1", view="lateral", **query)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["result_id"])


@pytest.fixture(scope="module")
def pair(served: Served) -> dict[str, str]:
    """A pair whose right shoe has a hole; posted once."""
    return {
        "left": post(served, 9001, part_id="S-L", pair_id="S-P", foot="left", size="42", style="oxford"),
        "right": post(
            served, 9002, hole=True, part_id="S-R", pair_id="S-P", foot="right", size="42", style="oxford"
        ),
    }


def test_a_shoe_is_answered_with_its_photos(served: Served, pair: dict[str, str]) -> None:
    answer = served.camera.get("/api/v1/shoe", params={"part_id": "S-R"})
    assert answer.status_code == 200, answer.text
    shoe = answer.json()
    assert (shoe["state"], shoe["grade"], shoe["foot"]) == ("known", "C", "right")
    assert [photo["result_id"] for photo in shoe["photos"]] == [pair["right"]]
    assert shoe["decided_by"] == [pair["right"]]


def test_a_pair_compares_colours(served: Served, pair: dict[str, str]) -> None:
    found = served.camera.get("/api/v1/pair", params={"pair_id": "S-P"}).json()
    assert (found["state"], found["grade"]) == ("known", "C")
    [colour] = [one for one in found["comparisons"] if one["quantity"] == "colour_difference_de00"]
    assert (colour["view"], colour["what"], colour["unit"]) == ("lateral", "outer-side", "ΔE00")
    assert colour["difference"] < 1  # the same drawn leather
    assert colour["uncertainty"] >= 1  # no white tile, and JPEG
    assert not colour["referenced"]


def test_a_review_counts_for_the_shoe(served: Served) -> None:
    result_id = post(served, 9003, hole=True, part_id="S-reviewed")
    assert served.camera.get("/api/v1/shoe", params={"part_id": "S-reviewed"}).json()["grade"] == "C"
    with served.person(Role.INSPECTOR) as inspector:
        review = {"decision": "override", "grade": "A", "revision": 0}
        assert inspector.post(f"/api/v1/inspections/{result_id}/reviews", json=review).status_code == 201
    shoe = served.camera.get("/api/v1/shoe", params={"part_id": "S-reviewed"}).json()
    assert shoe["grade"] == "A"
    assert shoe["photos"][0]["overridden"]


def test_two_left_shoes_get_a_clear_answer(served: Served) -> None:
    for seed, part in ((9004, "S-L1"), (9005, "S-L2")):
        post(served, seed, part_id=part, pair_id="S-LL", foot="left")
    found = served.camera.get("/api/v1/pair", params={"pair_id": "S-LL"}).json()
    assert found["grade"] == "C"
    assert found["reasons"][0]["rule"] == "two_left"
    assert found["reasons"][0]["names"] == ["S-L1", "S-L2"]


@pytest.mark.parametrize("query", ["shoe?part_id=nobody", "pair?pair_id=nobody"])
def test_a_shoe_or_pair_that_nobody_sent_is_not_found(served: Served, query: str) -> None:
    answer = served.camera.get(f"/api/v1/{query}")
    assert answer.status_code == 404
    assert "nobody" in answer.json()["detail"]
    assert answer.json()["hint"]


def test_only_photos_of_pairs_carry_colours(served: Served, pair: dict[str, str]) -> None:
    paired = served.camera.get(f"/api/v1/inspections/{pair['left']}").json()
    single = served.camera.get(f"/api/v1/inspections/{post(served, 9006)}").json()
    assert [zone["zone"] for zone in paired["colours"]["zones"]] == ["outer-side"]
    assert single["colours"] is None


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("address", ["/shoe?part_id=S-R", "/pair?pair_id=S-P", "/pair?pair_id=S-LL"])
def test_the_pages_tell_the_same_in_both_languages(
    served: Served, pair: dict[str, str], address: str, language: str
) -> None:
    with served.person(Role.VIEWER) as viewer:
        viewer.cookies.set("welt_language", language)
        page = viewer.get(address, headers=HTML)
    assert page.status_code == 200, page.text
    assert 'class="grade grade-C' in page.text
    text = re.sub(r"<[^>]+>", " ", page.text)
    assert ("色差" in text or "左鞋" in text or "鞋 S-R" in text) == (language == "zh")


def test_a_pair_names_the_worse_shoe_where_nothing_else_says_its_grade(
    served: Served, pair: dict[str, str]
) -> None:
    with served.person(Role.VIEWER) as viewer:
        assert (
            "A pair is as good as its worse shoe: S-R" in viewer.get("/pair?pair_id=S-P", headers=HTML).text
        )
        assert "worse shoe" not in viewer.get("/pair?pair_id=S-LL", headers=HTML).text
        viewer.cookies.set("welt_language", "zh")
        assert "整双按较差的一只判定：S-R" in viewer.get("/pair?pair_id=S-P", headers=HTML).text


def test_a_pair_of_two_shoes_as_bad_names_both(served: Served) -> None:
    for seed, part, foot in ((9011, "S-both-L", "left"), (9012, "S-both-R", "right")):
        post(served, seed, hole=True, part_id=part, pair_id="S-bad", foot=foot)
    with served.person(Role.VIEWER) as viewer:
        page = viewer.get("/pair?pair_id=S-bad", headers=HTML).text
        assert "Both shoes by themselves have this grade: S-both-L, S-both-R" in page
        assert "worse shoe" not in page
        viewer.cookies.set("welt_language", "zh")
        assert (
            "两只各自即为此等级：S-both-L, S-both-R" in viewer.get("/pair?pair_id=S-bad", headers=HTML).text
        )


@pytest.mark.parametrize(
    ("name", "en", "zh"),
    [
        ("outer-side", "outer side", "外侧"),
        ("outer-side 1.2", "outer side 1.2", "外侧 1.2"),
        ("heel-tab 2", "heel tab 2", "heel tab 2"),
        (None, "whole shoe", "整鞋"),
    ],
)
def test_a_seam_is_named_by_its_zone_in_the_language_of_the_page(name: str | None, en: str, zh: str) -> None:
    reason = SetReason(
        rule="pair",
        message="",
        grade=Grade.B,
        view="lateral",
        zone=name,
        quantity="seam_position_difference_mm",
    )
    words = open_words()
    assert f"of “{en}” in" in told(reason, words["en"])
    assert f"“{zh}”的" in told(reason, words["zh"])


def test_feet_that_contradict_each_other_are_told_in_the_language_of_the_page(served: Served) -> None:
    for seed, foot in ((9007, "left"), (9008, "right")):
        post(served, seed, part_id="S-both", foot=foot)
    with served.person(Role.VIEWER) as viewer:
        assert "more than one foot: left, right" in viewer.get("/shoe?part_id=S-both", headers=HTML).text
        viewer.cookies.set("welt_language", "zh")
        page = viewer.get("/shoe?part_id=S-both", headers=HTML).text
        assert "多个左右脚标记：左脚, 右脚" in page


def test_a_result_leads_to_its_shoe_and_pair(served: Served, pair: dict[str, str]) -> None:
    with served.person(Role.VIEWER) as viewer:
        page = viewer.get(f"/results/{pair['left']}", headers=HTML).text
    assert 'href="/shoe?part_id=S-L"' in page
    assert 'href="/pair?pair_id=S-P"' in page


def test_an_empty_id_is_refused_not_searched(served: Served) -> None:
    assert served.camera.get("/api/v1/shoe", params={"part_id": ""}).status_code == 422
    assert served.camera.get("/api/v1/pair").status_code == 422
