"""Lots over HTTP and as pages: opened, filled by photos, decided, printed."""

from __future__ import annotations

import re
from typing import Any

import httpx2 as httpx
import pytest

from inspection.access import Role
from inspection.lots import AQLS, Aql
from inspection.web import api_lots
from tests import factories
from tests.factories import Spot
from tests.web.serving import Served

HTML = {"Accept": "text/html"}


def post(served: Served, lot_id: str, part_id: str, *, hole: bool = False, **query: str) -> None:
    spots = [Spot(at_mm=(5, 5), length_mm=4, width_mm=3)] if hole else []
    body = factories.make_jpeg(spots, seed=abs(hash((lot_id, part_id))) % 10**6, width_px=160, height_px=120)
    answer = served.post(body, mm_per_px="0.1", lot_id=lot_id, part_id=part_id, **query)
    assert answer.status_code == 201, answer.text


def body(lot_id: str, **fields: Any) -> dict[str, Any]:
    return {"lot_id": lot_id, "product": "oxford", "line": lot_id, "size": 5, "minor": None, **fields}


def open_lot(client: httpx.Client, lot_id: str, **fields: Any) -> dict[str, Any]:
    answer = client.post("/api/v1/lots", json=body(lot_id, **fields))
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    return told


def test_a_small_lot_goes_its_way(served: Served) -> None:
    with served.person(Role.INSPECTOR) as inspector, served.person(Role.ADMIN) as admin:
        lot = open_lot(inspector, "W-1")
        url = f"/api/v1/lots/{lot['number']}"
        assert [(one["severity"], one["inspect"], one["accept"]) for one in lot["classes"]] == [
            ("critical", 5, 0),
            ("major", 5, 0),
        ]
        early = inspector.post(f"{url}/decision", json={"outcome": "accepted", "revision": 0})
        assert early.status_code == 409
        assert "0 of 5" in early.json()["detail"]
        assert early.json()["hint"]
        for part in range(5):
            post(served, "W-1", f"W-1-{part}")
        now = inspector.get(url).json()
        assert (now["came"], now["acceptable"], now["pending"]) == (5, True, [])
        done = inspector.post(
            f"{url}/decision", json={"outcome": "accepted", "revision": 0, "comment": "fine"}
        )
        assert done.status_code == 201, done.text
        assert done.json()["decision"] == "accepted"
        again = inspector.post(f"{url}/decision", json={"outcome": "refused", "revision": 0})
        assert again.status_code == 409
        undo = {"reason": "counted wrong", "revision": 1}
        assert inspector.post(f"{url}/undo", json=undo).status_code == 403
        assert admin.post(f"{url}/undo", json=undo).json()["decision"] is None


def test_a_lot_that_its_plan_refuses_cannot_be_accepted(served: Served) -> None:
    with served.person(Role.INSPECTOR) as inspector:
        url = f"/api/v1/lots/{open_lot(inspector, 'W-2')['number']}"
        post(served, "W-2", "W-2-bad", hole=True)
        early = inspector.get(url).json()
        assert (early["acceptable"], early["nonconforming"]) == (False, 1)  # what else comes cannot mend that
        for part in range(4):
            post(served, "W-2", f"W-2-{part}")
        told = inspector.get(url).json()
        assert (told["acceptable"], told["nonconforming"]) == (False, 1)
        refused = inspector.post(f"{url}/decision", json={"outcome": "accepted", "revision": 0})
        assert refused.status_code == 409
        assert (
            inspector.post(f"{url}/decision", json={"outcome": "refused", "revision": 0}).status_code == 201
        )


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"size": 1}, "lot of 1"),
        ({"size": 10**12}, "larger than"),
        ({"major": "3.0"}, "2.5"),
        ({"major": "15"}, "above 10"),
        ({"majer": "2.5"}, "majer: Extra inputs"),
        ({"counting": "both"}, "'items' or 'nonconformities'"),
        ({"counting": "nonconformities", "minor": 4}, "minor: Input should be a valid string"),
    ],
)
def test_what_cannot_be_planned_is_answered_clearly(
    served: Served, fields: dict[str, Any], words: str
) -> None:
    with served.person(Role.INSPECTOR) as inspector:
        answer = inspector.post("/api/v1/lots", json=body("W-bad", **fields))
    assert answer.status_code == 422, answer.text
    problem = answer.json()
    assert words in problem["detail"] + problem["hint"]
    assert len(problem.get("errors", [""])) == 1


def test_a_sample_that_is_larger_than_the_lot_is_the_lot(served: Served) -> None:
    with served.person(Role.INSPECTOR) as inspector:
        lot = open_lot(inspector, "W-small", size=50, major="0.010", minor=None)
    assert lot["wanted"] == 50
    assert {one["inspect"] for one in lot["classes"]} <= set(range(1, 51))


def test_an_unknown_lot_is_not_found(served: Served) -> None:
    assert served.camera.get("/api/v1/lots/999999").status_code == 404
    with served.person(Role.VIEWER) as viewer:
        assert viewer.get("/lots/999999", headers=HTML).status_code == 404


def test_cameras_read_lots_and_open_none(served: Served) -> None:
    assert served.camera.get("/api/v1/lots").status_code == 200
    assert served.camera.post("/api/v1/lots", json=body("W-cam")).status_code == 403


def test_every_preferred_aql_is_offered() -> None:
    schema = api_lots.PerHundredLotBody.model_json_schema()["properties"]["major"]
    assert schema["enum"] == ["0", *(str(Aql(value)) for value in AQLS)]


def test_the_pages_open_show_decide_and_print(served: Served) -> None:
    with served.person(Role.INSPECTOR) as person:
        page = person.get("/lots", headers=HTML).text
        found = re.search(r'name="csrf_token" value="([0-9a-f]{64})"', page)
        assert found is not None
        form = {"csrf_token": found[1], "lot_id": "W-3 批", "product": "p", "line": "W-3", "major": "2.5"}
        wrong = person.post("/lots", data={**form, "size": "1"}, headers=HTML)
        assert wrong.status_code == 422
        assert 'value="W-3 批"' in wrong.text
        made = person.post("/lots", data={**form, "size": "1000", "critical": "0"}, headers=HTML)
        assert made.status_code == 303
        url = made.headers["location"]
        post(served, "W-3 批", "W-3-bad", hole=True)
        for language, words in (("en", "Plan by ISO 2859-1"), ("zh", "抽样方案，依据 ISO 2859-1")):
            person.cookies.set("welt_language", language)
            shown = person.get(url, headers=HTML).text
            assert words in shown
            assert '<svg class="chart"' in shown
            report = person.get(f"{url}/report.pdf")
            assert report.headers["content-type"] == "application/pdf"
            assert report.content.startswith(b"%PDF-")
            assert report.content.count(b"/Subtype /Image") >= 1
        early = person.post(
            f"{url}/decision", data={**form, "outcome": "accepted", "revision": "0"}, headers=HTML
        )
        assert early.status_code == 409
        assert (
            person.post(f"{url}/decision", data={"outcome": "accepted", "revision": "0"}).status_code == 403
        )


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"size": ""}, ["Lot size: write the number of items in digits, such as 1200."]),
        ({"size": "1,200"}, ["Lot size: write the number of items in digits, such as 1200."]),
        ({"line": " ", "major": ""}, ["Line or supplier: fill this in", "AQL, major: give a value"]),
    ],
)
def test_a_form_that_cannot_be_read_names_the_field_and_keeps_what_was_typed(
    served: Served, changes: dict[str, str], told: list[str]
) -> None:
    with served.person(Role.INSPECTOR) as person:
        person.cookies.set("welt_language", "en")
        page = person.get("/lots", headers=HTML).text
        found = re.search(r'name="csrf_token" value="([0-9a-f]{64})"', page)
        assert found is not None
        form = {"csrf_token": found[1], "lot_id": "W-typed", "product": "p", "line": "l", "size": "1200"}
        form |= {"unit": "pair", "mode": "all", "counting": "nonconformities", "resubmitted": "yes"}
        answer = person.post("/lots", data={**form, "major": "4.0", **changes}, headers=HTML)
    assert answer.status_code == 422
    notice = re.search(r'<div class="notice bad" role="status"><p>(.*?)</p>', answer.text)
    assert notice is not None
    assert all(text in notice[1] for text in told)
    assert notice[1].count(": ") == len(told)
    assert 'value="W-typed"' in answer.text
    if changes.get("size"):
        assert f'value="{changes["size"]}"' in answer.text
    for chosen in ("pair", "all", "nonconformities"):
        assert f'<option value="{chosen}" selected>' in answer.text
    assert 'name="resubmitted" value="yes" checked' in answer.text


def test_an_administrator_declares_on_the_page_and_others_do_not(served: Served) -> None:
    with served.person(Role.INSPECTOR) as inspector, served.person(Role.ADMIN) as admin:
        number = open_lot(inspector, "W-declared")["number"]
        url = f"/lots/{number}"
        assert "declaration" not in inspector.get(url, headers=HTML).text
        admin.cookies.set("welt_language", "en")
        page = admin.get(url, headers=HTML).text
        found = re.search(r'name="csrf_token" value="([0-9a-f]{64})"', page)
        assert found is not None
        form = {"csrf_token": found[1], "severity": "major", "reason": "ten weeks without a change"}
        said = {**form, "declaration": "production-steady"}
        assert admin.post(f"{url}/declaration", data=said, headers=HTML).status_code == 303
        states = admin.get("/api/v1/switching", params={"product": "oxford", "line": "W-declared"}).json()
        assert [(one["severity"], one["steady"]) for one in states["items"]] == [("major", True)]
        # What does not fit the state is told on the page.
        unfit = admin.post(f"{url}/declaration", data={**form, "declaration": "supplier-acted"}, headers=HTML)
        assert unfit.status_code == 409
        assert "notice bad" in unfit.text
        assert inspector.post(f"{url}/declaration", data=said, headers=HTML).status_code == 403
