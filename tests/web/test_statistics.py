"""The statistics page and its CSV, from photos that were posted."""

from __future__ import annotations

import csv
import io
import re

import pytest

from inspection.access import Role
from inspection.web.i18n import open_words
from tests import factories
from tests.factories import Spot
from tests.web.serving import Served

HTML = {"Accept": "text/html"}


@pytest.fixture(scope="module")
def filled(served: Served) -> Served:
    for seed in range(3):
        spots = [Spot(at_mm=(5, 5), length_mm=4, width_mm=3)] if seed == 0 else []
        body = factories.make_jpeg(spots, seed=8000 + seed, width_px=160, height_px=120)
        assert served.post(body, mm_per_px="0.1", style="statistics-style").status_code == 201
    return served


def test_the_numbers_are_those_of_the_photos(filled: Served) -> None:
    with filled.person(Role.VIEWER) as viewer:
        answer = viewer.get("/statistics.csv", params={"style": "statistics-style"})
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert len(rows) == 7
    total = {name: sum(int(row[name]) for row in rows) for name in ("inspected", "A", "C", "faults")}
    assert total == {"inspected": 3, "A": 2, "C": 1, "faults": 1}


@pytest.mark.parametrize(
    ("language", "words"), [("en", "First-pass yield 66.7%"), ("zh", "一次合格率 66.7%")]
)
def test_the_page_is_drawn_in_both_languages(filled: Served, language: str, words: str) -> None:
    with filled.person(Role.VIEWER) as viewer:
        viewer.cookies.set("welt_language", language)
        page = viewer.get("/statistics", params={"style": "statistics-style"}, headers=HTML)
    assert page.status_code == 200
    assert words in re.sub(r"<[^>]+>", "", page.text)
    assert ("hole" in page.text) if language == "en" else ("破洞" in page.text)


@pytest.mark.parametrize(
    ("language", "unit", "rate"),
    [
        ("en", "photo", "Faults per photo (Laney u′)"),
        ("en", "shoe", "Faults per shoe (Laney u′)"),
        ("zh", "photo", "每张照片缺陷数（Laney u′ 图）"),
        ("zh", "shoe", "每只鞋缺陷数（Laney u′ 图）"),
    ],
)
def test_each_chart_says_what_it_counts(filled: Served, language: str, unit: str, rate: str) -> None:
    words = open_words()[language]
    with filled.person(Role.VIEWER) as viewer:
        viewer.cookies.set("welt_language", language)
        page = viewer.get("/statistics", params={"unit": unit}, headers=HTML).text
    assert re.findall(r"<h2>(.*?)</h2>", page) == [
        words("statistics.share"),
        rate,
        words("statistics.by_kind"),
        words("statistics.by_zone"),
        words("statistics.numbers"),
    ]


@pytest.mark.parametrize(
    "query",
    [
        {"since": "nonsense"},
        {"since": "2026-03-02T00:00", "until": "2026-03-01T00:00"},
        {"since": "0001-01-01T00:00", "by": "hour"},
        {"by": "fortnight", "kind": "no such kind"},
    ],
)
def test_a_question_that_makes_no_sense_is_answered_all_the_same(
    served: Served, query: dict[str, str]
) -> None:
    with served.person(Role.VIEWER) as viewer:
        assert viewer.get("/statistics", params=query, headers=HTML).status_code == 200
