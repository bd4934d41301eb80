"""Standards over HTTP and on pages: previewed, put into force at once, taken back, each change noted."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from inspection.access import Role
from inspection.store import audit, inspections
from inspection.web.standards_api import preview
from tests import factories
from tests.factories import Spot
from tests.web.serving import Served, make_settings, serve

API = "/api/v1/standards"
EDITION = """schema = "welt.standard/2"
id = "general"
edition = "lenient"
extends = "appearance"
remove = ["open-leather-primary"]
title = "Holes are fine"
title_zh = "允许破洞"

[[rules]]
id = "hole-large"
kinds = ["hole"]
zones = ["primary"]
quantity = "length_mm"
limit = 50.0
unit = "mm"
severity = "major"
clause = "1.1"
provenance = "agreed"
source = "contract 7"
"""


@pytest.fixture
def served(tmp_path: Path, models_dir: Path) -> Iterator[Served]:
    with serve(make_settings(tmp_path, models_dir)) as served:
        yield served


def post_hole(served: Served, seed: int) -> dict[str, object]:
    photo = factories.make_jpeg([Spot(at_mm=(20, 20), length_mm=5, width_mm=3)], seed=seed)
    answer = served.post(photo, mm_per_px="0.1")
    assert answer.status_code == 201
    document: dict[str, object] = answer.json()
    return document


def grade_of(document: dict[str, object]) -> tuple[str, str]:
    verdict, standard = document["verdict"], document["standard"]
    assert isinstance(verdict, dict)
    assert isinstance(standard, dict)
    return verdict["grade"], standard["version"]


def token(page: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found is not None
    return found[1]


def test_a_change_is_previewed_holds_from_the_next_photo_and_is_taken_back(served: Served) -> None:
    first = post_hole(served, 1)
    assert grade_of(first) == ("C", "3")
    with served.person(Role.ENGINEER) as engineer:
        added = engineer.post(API, json={"source": EDITION, "note": "try"})
        assert added.status_code == 201, added.text
        assert grade_of(post_hole(served, 2)) == ("C", "3")

        told = engineer.get(f"{API}/general/preview", params={"edition": "lenient"}).json()
        assert (told["results"], told["changed"], told["unlike_stored"]) == (2, 2, 0)
        assert told["grades"] == [{"before": "C", "after": "A", "results": 2}]
        assert told["rules"] == {"open-leather-primary": 2}

        body = {"edition": "lenient", "note": "agreed", "seen": 0}
        made = engineer.post(f"{API}/general/activations", json=body)
        assert made.status_code == 201, made.text
        assert grade_of(post_hole(served, 3)) == ("A", "lenient")
        assert engineer.post(f"{API}/general/activations", json=body).status_code == 409

        back = {"edition": None, "note": "back to the file", "seen": made.json()["sequence"]}
        assert engineer.post(f"{API}/general/activations", json=back).status_code == 201
        assert grade_of(post_hole(served, 4)) == ("C", "3")

        shown = engineer.get(f"{API}/general").json()
        assert shown["in_force"]["edition"] == "3"
        assert [one["edition"] for one in shown["editions"]] == ["lenient"]
        assert [(one["edition"], one["note"]) for one in shown["activations"]] == [
            (None, "back to the file"),
            ("lenient", "agreed"),
        ]
    stored = inspections.by_id(served.station.store, str(first["result_id"]))
    assert stored.record.grade == "C"
    noted = audit.entries(served.station.store, subject="standard:general")
    assert [entry.who for entry in noted] == ["engineer-person"] * 3


def test_a_change_made_by_another_replica_holds_too(served: Served, tmp_path: Path, models_dir: Path) -> None:
    with serve(make_settings(tmp_path, models_dir)) as other, other.person(Role.ADMIN) as admin:
        assert admin.post(API, json={"source": EDITION}).status_code == 201
        body = {"edition": "lenient", "note": "agreed"}
        assert admin.post(f"{API}/general/activations", json=body).status_code == 201
        assert grade_of(post_hole(served, 5)) == ("A", "lenient")


def test_what_is_wrong_is_answered_with_what_to_do(served: Served) -> None:
    with served.person(Role.ENGINEER) as engineer:
        wrong = engineer.post(API, json={"source": EDITION.replace("limit", "limt")})
        assert wrong.status_code == 422
        assert "standard.toml:14: rules[hole-large].limt: is not a known key" in wrong.json()["detail"]
        assert wrong.json()["hint"] == "Did you mean 'limit'?"
        first = engineer.post(API, json={"source": EDITION})
        assert first.status_code == 201
        same = engineer.post(API, json={"source": EDITION, "note": "again"})
        assert (same.status_code, same.json()) == (200, first.json())
        again = engineer.post(API, json={"source": EDITION.replace("50.0", "60.0")})
        assert again.status_code == 409
        for name, edition, code in (("general", "nothing", 404), ("nobody", "1", 404), ("nobody", None, 404)):
            body = {"edition": edition, "note": "why"}
            assert engineer.post(f"{API}/{name}/activations", json=body).status_code == code
        empty = {"edition": "lenient", "note": " "}
        assert engineer.post(f"{API}/general/activations", json=empty).status_code == 422
        assert engineer.get(f"{API}/nobody").status_code == 404
        assert engineer.get(f"{API}/general/preview", params={"edition": "nothing"}).status_code == 404


@pytest.mark.parametrize("role", [Role.VIEWER, Role.INSPECTOR])
def test_only_engineers_and_administrators_change_standards(served: Served, role: Role) -> None:
    with served.person(role) as person:
        assert person.get(f"{API}/general").status_code == 200
        assert person.post(API, json={"source": EDITION}).status_code == 403
        body = {"edition": None, "note": "why"}
        assert person.post(f"{API}/general/activations", json=body).status_code == 403
        page = person.get("/standards").text
        assert "<textarea" not in page
        sent = person.post("/standards", data={"csrf_token": token(page), "source": EDITION})
        assert sent.status_code == 403
        assert "/activate" not in person.get("/standards/general?edition=").text


def test_the_pages_show_every_rule_with_its_badge_and_its_source(served: Served) -> None:
    with served.person(Role.VIEWER) as viewer:
        for name in served.station.standards.ids():
            standard = served.station.standards.get(name)
            page = html.unescape(viewer.get(f"/standards/{name}").text)
            assert standard.title in page
            for rule in standard.every_rule:
                assert f'<tr id="{rule.id}"><td>{rule.clause}</td>' in page
                assert rule.source in page
            assert page.count("house value</span>") >= sum(
                rule.provenance == "house" for rule in standard.every_rule
            )
        viewer.cookies.set("welt_language", "zh")
        chinese = viewer.get("/standards/leather-1002").text
        assert "皮鞋外观标准" in chinese
        assert "厂内自定值" in chinese
        assert 'basis-house">house value' not in chinese


def test_the_page_previews_puts_into_force_and_shows_the_history(served: Served) -> None:
    post_hole(served, 6)
    with served.person(Role.ENGINEER) as engineer:
        page = engineer.get("/standards").text
        wrong = engineer.post(
            "/standards", data={"csrf_token": token(page), "source": EDITION.replace('unit = "mm"\n', "")}
        )
        assert wrong.status_code == 422
        assert "unit is missing" in html.unescape(wrong.text)
        twice = EDITION.replace("limit", "limt").replace("severity", "severty")
        told = engineer.post("/standards", data={"csrf_token": token(page), "source": twice}).text
        faults = re.findall(r"<li>(standard.toml:.*?)</li>", html.unescape(told))
        assert len(faults) >= 2  # one a line, each with its own advice
        assert any(fault.endswith("Did you mean 'severity'?") for fault in faults)
        assert any(fault.endswith("Did you mean 'limit'?") for fault in faults)
        assert "Holes are fine" in wrong.text  # what was written is still there
        sent = engineer.post(
            "/standards",
            data={"csrf_token": token(page), "source": EDITION.replace("\n", "\r\n"), "note": "try"},
        )
        assert (sent.status_code, sent.headers["location"]) == (303, "/standards/general?edition=lenient")
        preview_page = engineer.get(sent.headers["location"]).text
        assert "was there already" not in preview_page
        again = engineer.post("/standards", data={"csrf_token": token(page), "source": EDITION})
        assert again.headers["location"] == "/standards/general?edition=lenient&there=yes"
        assert "Edition lenient was there already" in engineer.get(again.headers["location"]).text
        assert "Of the newest 1 result of the last 30 days, 1 would get another grade." in preview_page
        form = {"csrf_token": token(preview_page), "edition": "lenient", "note": "", "seen": "0"}
        assert "no reason is given" in engineer.post("/standards/general/activate", data=form).text.lower()
        done = engineer.post("/standards/general/activate", data={**form, "note": "agreed"})
        assert (done.status_code, done.headers["location"]) == (303, "/standards/general")
        late = engineer.post("/standards/general/activate", data={**form, "note": "again"})
        assert late.status_code == 409
        after = engineer.get("/standards/general").text
        assert "in force" in after
        assert "agreed" in after
        assert "Holes are fine" in after
    assert grade_of(post_hole(served, 7)) == ("A", "lenient")


def test_a_new_standard_waits_until_it_is_put_into_force(served: Served) -> None:
    source = EDITION.replace('id = "general"', 'id = "acme"')
    with served.person(Role.ENGINEER) as engineer:
        assert engineer.post(API, json={"source": source}).status_code == 201
        assert "not in force yet" in engineer.get("/standards").text
        post_hole(served, 8)
        assert preview(served.station, "acme", "lenient").changed == 1
        assert engineer.get("/standards/acme?edition=lenient").status_code == 200
        body = {"edition": "lenient", "note": "agreed"}
        assert engineer.post(f"{API}/acme/activations", json=body).status_code == 201
        assert "acme" in served.station.standards.ids()
        assert "not in force yet" not in engineer.get("/standards").text


@pytest.mark.parametrize("name", ["nobody", quote("坏", safe=""), "x" * 300])
def test_a_standard_that_is_not_there_is_told_on_a_page(served: Served, name: str) -> None:
    with served.person(Role.VIEWER) as viewer:
        answer = viewer.get(f"/standards/{name}", headers={"accept": "text/html"})
    assert answer.status_code in (404, 422)
