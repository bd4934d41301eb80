"""Reading results: documents, lists, pictures, reviews, figures, and what every answer carries."""

from __future__ import annotations

import html
import json
import re
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import cv2
import httpx2 as httpx
import numpy as np
import pytest

import inspection.web
from inspection.access import Role
from inspection.document import ResultDocument
from inspection.store import open_store, reviews
from tests import factories
from tests.web.serving import Served

POST = "/api/v1/inspections"


def get(served: Served, path: str, **query: Any) -> httpx.Response:
    answer = served.camera.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer


def picture(answer: httpx.Response) -> np.ndarray:
    decoded = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.asarray(decoded)


def test_an_answer_is_a_complete_document_that_can_be_read_again(served: Served, photo: bytes) -> None:
    answer = served.post(
        photo, mm_per_px="0.1", part_id="P-7", view="toe", foot="left", lot_id="L", size="42"
    )
    document = ResultDocument.model_validate_json(answer.content)
    assert document.verdict.grade == "C"
    assert document.station == "line-1"
    assert document.part_id == "P-7"
    assert answer.headers["location"] == document.links.self
    assert get(served, document.links.self).content == answer.content


@pytest.mark.parametrize("way", ["query", "headers", "multipart", "octets"])
def test_metadata_comes_every_way(served: Served, photo: bytes, way: str) -> None:
    if way == "query":
        answer = served.post(photo, mm_per_px="0.1", part_id="鞋 7")
    elif way == "headers":
        headers: list[tuple[str, str | bytes]] = [
            ("Content-Type", "image/jpeg"),
            ("X-Welt-Mm-Per-Px", "0.1"),
            ("X-Welt-Part-Id", "鞋 7".encode()),
        ]
        answer = served.camera.post(POST, content=photo, headers=headers)  # type: ignore[arg-type]
    elif way == "multipart":
        answer = served.camera.post(
            POST,
            files={
                "image": ("a.jpg", photo, "image/jpeg"),
                "meta": (None, '{"mm_per_px": 0.1, "part_id": "鞋 7"}', "application/json"),
            },
        )
    else:
        answer = served.camera.post(
            POST,
            content=photo,
            params={"mm_per_px": "0.1", "part_id": "鞋 7"},
            headers={"Content-Type": "application/octet-stream"},
        )
    assert answer.status_code == 201, answer.text
    assert answer.json()["part_id"] == "鞋 7"
    told = answer.json()["calibration"]
    assert (told["mm_per_px"], told["source"], told["problem"]) == (0.1, "camera", None)


def test_a_photo_without_a_scale_is_rechecked_and_says_why(served: Served, photo: bytes) -> None:
    verdict = served.post(photo).json()["verdict"]
    assert verdict["grade"] == "recheck"
    assert [reason["rule"] for reason in verdict["reasons"]][:1] == ["scale"]


def test_lists_filter_and_page_without_repeats(served: Served, photo: bytes) -> None:
    clean = factories.make_jpeg(seed=5)
    wanted = [served.post(photo, mm_per_px="0.1", lot_id="paging").json()["result_id"] for _ in range(5)]
    other = served.post(clean, mm_per_px="0.1", lot_id="paging").json()["result_id"]
    found, cursor = [], None
    while True:
        page = get(
            served, POST, lot_id="paging", kind="hole", limit=2, **({"cursor": cursor} if cursor else {})
        ).json()
        found += [item["result_id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == wanted[::-1]
    graded = get(served, POST, lot_id="paging", grade=["A", "B"]).json()["items"]
    assert [item["result_id"] for item in graded] == [other]
    assert get(served, POST, lot_id="paging", created_until="2020-01-01T00:00:00Z").json()["items"] == []
    assert get(served, POST, station="nobody").json()["items"] == []


def test_the_photo_comes_back_byte_for_byte_and_may_be_kept(served: Served, photo: bytes) -> None:
    links = served.post(photo).json()["links"]
    answer = get(served, links["photo"])
    assert answer.content == photo
    assert answer.headers["content-type"] == "image/jpeg"
    assert "immutable" in answer.headers["cache-control"]
    again = served.camera.get(links["photo"], headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
    assert again.content == b""


def test_an_overlay_is_kept_only_under_the_version_that_drew_it(served: Served, photo: bytes) -> None:
    overlay = served.post(photo, mm_per_px="0.1").json()["links"]["overlay"]
    plain = get(served, overlay, side_px=160)
    assert plain.headers["cache-control"] == "private, no-cache"
    again = served.camera.get(
        overlay, params={"side_px": 160}, headers={"If-None-Match": plain.headers["etag"]}
    )
    assert (again.status_code, again.headers["cache-control"]) == (304, "private, no-cache")
    of_another = get(served, overlay, side_px=160, v="0000000000")
    assert of_another.headers["cache-control"] == "private, no-cache"
    with served.person(Role.VIEWER) as viewer:
        page = viewer.get("/results", headers={"Accept": "text/html"}).text
    address = html.unescape(page[page.index(overlay) :].split('"', 1)[0])
    assert "&v=" in address
    assert "immutable" in served.camera.get(address).headers["cache-control"]


def test_every_page_asks_for_overlays_by_their_version() -> None:
    web = Path(inspection.web.__file__).parent
    asking = {
        path.relative_to(web).as_posix()
        for path in (*web.rglob("*.py"), *web.rglob("*.html"), *(web / "static").glob("*.js"))
        if re.search(r"(?<!novelty)/overlay[?\"']", path.read_text(encoding="utf-8"))
    }
    # Who makes the addresses, who answers them, and the links of the API, which do not name a version.
    assert asking == {"contexts/results.py", "api.py", "schemas.py"}


def test_the_table_of_seams_is_asked_for_again(served: Served, photo: bytes) -> None:
    answer = get(served, served.post(photo, mm_per_px="0.1").json()["links"]["self"] + "/seams.csv")
    assert answer.headers["cache-control"] == "private, no-cache"


def test_overlays_are_drawn_as_asked(served: Served, photo: bytes) -> None:
    links = served.post(photo, mm_per_px="0.1").json()["links"]
    plain = picture(get(served, links["overlay"], outlines=False, labels=False))
    outlined = picture(get(served, links["overlay"], labels=False))
    heated = picture(get(served, links["overlay"], outlines=False, labels=False, heat=True))
    small = picture(get(served, links["overlay"], side_px=160))
    assert plain.shape == outlined.shape == heated.shape == (480, 640, 3)
    assert small.shape == (120, 160, 3)
    upright = cv2.imdecode(np.frombuffer(photo, np.uint8), cv2.IMREAD_COLOR)
    assert upright is not None
    assert np.abs(plain.astype(int) - upright).mean() < 4
    assert np.abs(outlined.astype(int) - plain).max() > 60
    hole = np.s_[195:205, 195:205]
    assert np.abs(heated.astype(int) - plain)[hole].mean() > 30


def test_the_surface_map_lies_over_the_photo(served: Served, photo: bytes) -> None:
    links = served.post(photo, mm_per_px="0.1").json()["links"]
    surface = cv2.imdecode(
        np.frombuffer(get(served, links["surface"]).content, np.uint8), cv2.IMREAD_UNCHANGED
    )
    assert surface is not None
    assert surface.shape == (240, 320)
    assert surface[100, 100] > 200
    assert surface[5, 5] < 50


def test_reviews_add_up_and_conflicts_are_told(served: Served, photo: bytes) -> None:
    result_id = served.post(photo, mm_per_px="0.1").json()["result_id"]
    path = f"{POST}/{result_id}/reviews"
    with served.person(Role.INSPECTOR) as inspector:
        agreed = inspector.post(path, json={"decision": "agree", "revision": 0})
        assert agreed.status_code == 201
        assert agreed.json()["grade"] == "C"
        stale = inspector.post(path, json={"decision": "override", "grade": "A", "revision": 0})
        assert stale.status_code == 409
        body = {"decision": "override", "grade": "B", "comment": "a pore", "revision": 1}
        assert inspector.post(path, json=body).status_code == 201
        for wrong in (
            {"decision": "agree", "grade": "A", "revision": 2},
            {"decision": "override", "revision": 2},
            {"decision": "maybe", "revision": 2},
            {"decision": "agree", "revision": -1},
            {"decision": "agree", "revision": 2, "comment": "x" * 2001},
            {"decision": "agree", "revision": 2, "colour": "brown"},
        ):
            assert inspector.post(path, json=wrong).status_code == 422
    listed = get(served, path).json()["items"]
    assert [(review["revision"], review["grade"]) for review in listed] == [(1, "C"), (2, "B")]
    summary = get(served, POST, limit=500).json()["items"]
    assert [item["reviewed_grade"] for item in summary if item["result_id"] == result_id] == ["B"]
    # What the line said stays as it was.
    assert get(served, f"{POST}/{result_id}").json()["verdict"]["grade"] == "C"


def test_what_photos_are_judged_by_is_told(served: Served) -> None:
    assert get(served, "/api/v1/models").json()["items"][0]["name"] == "dark-spots"
    assert "default" in [item["name"] for item in get(served, "/api/v1/recipes").json()["items"]]
    assert {"general", "strict"} <= {item["id"] for item in get(served, "/api/v1/standards").json()["items"]}
    assert "line-1" in [item["name"] for item in get(served, "/api/v1/stations").json()["items"]]


def test_prometheus_finds_times_verdicts_and_errors(served: Served, photo: bytes) -> None:
    served.post(photo, mm_per_px="0.1")
    served.post(b"")
    text = get(served, "/metrics").text
    for stage in ("queue", "decode", "network", "detecting", "measuring", "grading", "encode", "store"):
        assert f'welt_stage_seconds_count{{stage="{stage}"}}' in text
    assert 'welt_verdicts_total{grade="C",station="line-1"}' in text
    assert 'welt_errors_total{kind="empty-photo"}' in text
    assert 'route="/api/v1/inspections",status="201"' in text
    assert "welt_ready 1.0" in text


@pytest.mark.parametrize("path", ["/healthz", "/api/v1/nothing", "/login", POST])
def test_every_answer_keeps_to_itself(served: Served, path: str) -> None:
    headers = served.camera.get(path).headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "default-src 'self'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


def test_no_page_of_the_service_loads_anything_from_elsewhere(served: Served) -> None:
    assert served.camera.get("/docs").status_code == 404
    assert served.camera.get("/redoc").status_code == 404
    assert served.camera.get("/openapi.json").json()["openapi"].startswith("3.1")


def test_what_nobody_foresaw_is_told_without_internals(served: Served) -> None:
    def fail() -> None:
        raise ZeroDivisionError("secret internals")

    served.app.add_api_route("/test/unforeseen", fail, include_in_schema=False)
    answer = served.camera.get("/test/unforeseen")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["hint"]
    assert "secret" not in answer.text
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


# Events


class Listener:
    """Reads an event stream in a thread of its own."""

    def __init__(self, served: Served, **headers: str) -> None:
        self.events: list[tuple[str, str, str]] = []
        self.opened = threading.Event()
        self.ended = threading.Event()
        self._thread = threading.Thread(target=self._listen, args=(served, headers), daemon=True)
        self._thread.start()
        assert self.opened.wait(10)

    def _listen(self, served: Served, headers: dict[str, str]) -> None:
        event = {"id": "", "event": "", "data": ""}
        with (
            served.client(Authorization=f"Bearer {served.key}", **headers) as client,
            client.stream("GET", "/api/v1/events") as answer,
        ):
            assert answer.headers["content-type"].startswith("text/event-stream")
            for line in answer.iter_lines():
                self.opened.set()
                name, _, value = line.partition(": ")
                if line == "" and event["event"]:
                    self.events.append((event["event"], event["id"], event["data"]))
                    event |= {"event": "", "data": ""}
                elif name in event:
                    event[name] = value
        self.ended.set()

    def wait_for(self, text: str, seconds: float = 10) -> tuple[str, str, str]:
        ends_s = time.monotonic() + seconds
        while True:
            for event in list(self.events):
                if text in event[2]:
                    return event
            assert time.monotonic() < ends_s, self.events
            time.sleep(0.01)


def test_results_and_reviews_are_told_as_they_come(served: Served, photo: bytes) -> None:
    listeners = [Listener(served) for _ in range(5)]
    result_id = served.post(photo, mm_per_px="0.1").json()["result_id"]
    for listener in listeners:
        assert listener.wait_for(result_id)[0] == "inspected"
    with served.person(Role.INSPECTOR) as inspector:
        inspector.post(f"{POST}/{result_id}/reviews", json={"decision": "agree", "revision": 0})
    assert listeners[0].wait_for('"decision":"agree"')[0] == "reviewed"


def test_what_another_replica_stores_is_told_too(served: Served, photo: bytes) -> None:
    listener = Listener(served)
    result_id = served.post(photo, mm_per_px="0.1").json()["result_id"]
    listener.wait_for(result_id)
    with closing(open_store(served.station.settings.database)) as replica:
        reviews.add(replica, result_id, reviewer="far", decision=reviews.Decision.AGREE, seen_revision=0)
    name, _, body = listener.wait_for('"reviewer":"far"')
    assert (name, json.loads(body)["result_id"]) == ("reviewed", result_id)


def test_a_listener_that_was_away_resumes_where_it_was(served: Served, photo: bytes) -> None:
    first = Listener(served)
    _, place, _ = first.wait_for(served.post(photo).json()["result_id"])
    missed = [served.post(photo).json()["result_id"] for _ in range(3)]
    again = Listener(served, **{"Last-Event-ID": place})
    for result_id in missed:
        again.wait_for(result_id)
    told = [data for name, _, data in again.events if name == "inspected"]
    assert len(told) == len(set(told))
