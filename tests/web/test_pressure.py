"""Repeats, full queues, deadlines, crashes and shutdown: nothing lost, nothing twice, nobody else delayed."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2 as httpx
import numpy as np
import pytest

from inspection.access import Role
from tests import factories
from tests.web.serving import Gate, Served, make_settings, serve

POST = "/api/v1/inspections"


@contextmanager
def gated(
    data_dir: Path, models_dir: Path, **changes: Any
) -> Iterator[tuple[Served, Gate, ThreadPoolExecutor]]:
    """A service whose network can be held up, and threads to wait for its answers."""
    gate = Gate()
    with (
        ThreadPoolExecutor(8) as pool,
        serve(
            make_settings(data_dir, models_dir, **{"deadline_s": 30, **changes}), open_model=gate
        ) as served,
    ):
        try:
            yield served, gate, pool
        finally:
            gate.held.open.set()


def send(served: Served, photo: bytes, key: str | None = None) -> httpx.Response:
    headers = {"Content-Type": "image/jpeg", "Authorization": f"Bearer {served.key}"}
    if key is not None:
        headers["Idempotency-Key"] = key
    with served.client(**headers) as client:
        return client.post(POST, content=photo, params={"mm_per_px": "0.1"})


def count(served: Served) -> int:
    return len(served.camera.get(POST, params={"limit": 500}).json()["items"])


def test_a_repeat_gets_the_same_document_byte_for_byte(served: Served, photo: bytes) -> None:
    first, second = send(served, photo, "repeat-1"), send(served, photo, "repeat-1")
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.content == second.content
    assert first.headers["location"] == second.headers["location"]
    assert served.camera.get(first.headers["location"]).content == first.content


def test_a_repeat_may_come_the_other_way(served: Served, photo: bytes) -> None:
    first = send(served, photo, "repeat-2")
    files = {"image": ("a.jpg", photo, "image/jpeg")}
    second = served.camera.post(POST, files=files, data={"meta": '{"idempotency_key": "repeat-2"}'})
    third = served.camera.post(POST, files=files, headers={"Idempotency-Key": "repeat-2"})
    assert (second.status_code, third.status_code) == (200, 200)
    assert first.content == second.content == third.content


def test_the_same_key_with_another_photo_is_refused(served: Served, photo: bytes) -> None:
    assert send(served, photo, "repeat-3").status_code == 201
    answer = send(served, factories.make_jpeg(seed=9), "repeat-3")
    assert answer.status_code == 409
    assert answer.json()["type"] == "urn:welt:problem:conflict"


def test_photos_without_a_key_are_always_new(served: Served, photo: bytes) -> None:
    first, second = send(served, photo), send(served, photo)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["result_id"] != second.json()["result_id"]


def test_the_same_key_at_the_same_time_is_inspected_once(
    tmp_path: Path, models_dir: Path, photo: bytes
) -> None:
    with gated(tmp_path, models_dir, workers=4) as (served, gate, pool):
        before = gate.held.runs
        assert send(served, photo).status_code == 201
        once = gate.held.runs - before
        gate.held.open.clear()
        waiting = [pool.submit(send, served, photo, "same") for _ in range(5)]
        _until(lambda: served.station.busy() == 1)
        assert send(served, factories.make_jpeg(seed=9), "same").status_code == 409
        gate.held.open.set()
        answers = [future.result() for future in waiting]
        assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 200, 201]
        assert len({answer.content for answer in answers}) == 1
        assert gate.held.runs == before + 2 * once
        assert count(served) == 2


def test_a_full_queue_refuses_at_once_and_says_when_to_come_back(
    tmp_path: Path, models_dir: Path, photo: bytes
) -> None:
    with gated(tmp_path, models_dir, workers=1, queue_length=2) as (served, gate, pool):
        gate.held.open.clear()
        accepted: list[Future[httpx.Response]] = [pool.submit(send, served, photo)]
        assert gate.held.entered.acquire(timeout=10)
        accepted += [pool.submit(send, served, photo) for _ in range(2)]
        _until(lambda: served.station.queue_depth() == 2)
        began_s = time.monotonic()
        answer = send(served, photo)
        assert time.monotonic() - began_s < served.app.state.settings.deadline_s / 2
        assert answer.status_code == 503
        assert answer.json()["type"] == "urn:welt:problem:queue-full"
        assert int(answer.headers["retry-after"]) >= 1
        assert "welt_queue_depth 2.0" in served.camera.get("/metrics").text
        gate.held.open.set()
        assert [future.result().status_code for future in accepted] == [201, 201, 201]
        assert count(served) == 3


def test_an_inspection_past_its_deadline_goes_on_and_a_repeat_gets_its_result(
    tmp_path: Path, models_dir: Path, photo: bytes
) -> None:
    with gated(tmp_path, models_dir, deadline_s=0.5) as (served, gate, _):
        gate.held.open.clear()
        answer = send(served, photo, "late")
        assert answer.status_code == 504
        assert answer.json()["type"] == "urn:welt:problem:deadline"
        assert "same idempotency key" in answer.json()["hint"]
        gate.held.open.set()
        _until(lambda: count(served) == 1)
        assert send(served, photo, "late").status_code == 200
        assert count(served) == 1


def test_a_held_up_photo_delays_no_other(tmp_path: Path, models_dir: Path, photo: bytes) -> None:
    with gated(tmp_path, models_dir, workers=2) as (served, gate, pool):
        gate.held.open.clear()
        slow = pool.submit(send, served, photo)
        assert gate.held.entered.acquire(timeout=10)
        assert served.post(photo[:100]).status_code == 422
        assert served.camera.get(POST).status_code == 200
        assert not slow.done()
        gate.held.open.set()
        assert slow.result().status_code == 201


def test_a_crash_is_told_to_its_own_camera_only(tmp_path: Path, models_dir: Path, photo: bytes) -> None:
    white = factories.encode_png(np.full((64, 64, 3), 255, np.uint8))
    with gated(tmp_path, models_dir, workers=1) as (served, _, pool):
        crashed, fine = pool.submit(send, served, white), pool.submit(send, served, photo)
        assert fine.result().status_code == 201
        answer = crashed.result()
        assert answer.status_code == 500
        assert answer.headers["content-type"] == "application/problem+json"
        assert "secret" not in answer.text
        assert served.camera.get("/readyz").status_code == 200
        assert send(served, photo).status_code == 201


def test_what_was_accepted_is_finished_before_the_service_ends(
    tmp_path: Path, models_dir: Path, photo: bytes
) -> None:
    with gated(tmp_path, models_dir, workers=1) as (served, gate, pool):
        gate.held.open.clear()
        accepted = [pool.submit(send, served, photo)]
        # Only once the worker holds the first does a depth of two mean that all three were accepted.
        assert gate.held.entered.acquire(timeout=10)
        accepted += [pool.submit(send, served, photo) for _ in range(2)]
        _until(lambda: served.station.queue_depth() == 2)
        served.server.should_exit = True
        threading.Timer(0.3, gate.held.open.set).start()
        assert [future.result().status_code for future in accepted] == [201, 201, 201]
    with serve(make_settings(tmp_path, models_dir)) as again:
        assert count(again) == 3


@pytest.mark.parametrize("path", [POST, "/api/v1/recipe-photos"])
def test_an_upload_that_never_ends_is_answered_at_the_deadline(
    tmp_path: Path, models_dir: Path, photo: bytes, path: str
) -> None:
    # One photo of 0.1 MB fills most of what all uploads may hold, so what is not freed stands in the way.
    limits = {"max_upload_mb": 0.11, "queue_length": 1, "workers": 1, "deadline_s": 2}
    held = b"\xff" * 100_000
    assert len(photo) < 110_000
    with serve(make_settings(tmp_path, models_dir, **limits)) as served:
        budget = served.app.state.upload_budget
        engineer = served.person(Role.ENGINEER)
        who = {"authorization": f"Bearer {served.key}"} if path == POST else dict(engineer.headers)
        if path != POST:
            who["cookie"] = "; ".join(f"{name}={value}" for name, value in engineer.cookies.items())
        with Dribbler(served, path, held, who) as slow:
            _until(lambda: budget.held_bytes >= len(held))
            assert served.post(photo).status_code == 201
            answer = slow.answer()
        status, _, rest = answer.partition("\r\n")
        headers, _, body = rest.partition("\r\n\r\n")
        problem = json.loads(body)
        assert status.split()[1] == "504"
        assert "retry-after: 1" in headers.lower()
        assert problem["type"] == "urn:welt:problem:deadline"
        assert problem["detail"] == "The upload did not end within 2 s."
        assert budget.held_bytes == 0
        assert count(served) == 1
        assert served.post(photo).status_code == 201


def test_uploads_hold_no_more_together_than_their_budget(
    tmp_path: Path, models_dir: Path, photo: bytes
) -> None:
    limits = {"max_upload_mb": 0.11, "queue_length": 1, "workers": 1, "deadline_s": 5}
    large = b"\xff" * 100_000
    who = "authorization"
    with serve(make_settings(tmp_path, models_dir, **limits)) as served:
        budget, key = served.app.state.upload_budget, f"Bearer {served.key}"
        with Dribbler(served, POST, large, {who: key}), Dribbler(served, POST, large, {who: key}):
            _until(lambda: budget.held_bytes >= 2 * len(large))
            answer = served.post(large)
            assert answer.status_code == 503
            assert answer.json()["type"] == "urn:welt:problem:queue-full"
            assert int(answer.headers["retry-after"]) >= 1
            _until(lambda: budget.held_bytes == 0)
        assert served.post(photo).status_code == 201


class Dribbler:
    """A camera that sends ``first`` and then a byte now and then, for as long as nobody stops it."""

    def __init__(self, served: Served, path: str, first: bytes, headers: dict[str, str]) -> None:
        address = httpx.URL(served.url)
        self._socket = socket.create_connection((address.host, address.port), timeout=20)
        said = {**headers, "host": address.host, "content-type": "image/jpeg", "content-length": "105000"}
        lines = "".join(f"{name}: {value}\r\n" for name, value in said.items())
        self._socket.sendall(f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + first)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._dribble)

    def __enter__(self) -> Dribbler:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()
        self._socket.close()

    def _dribble(self) -> None:
        while not self._stopped.wait(0.05):
            try:
                self._socket.sendall(b"\xff")
            except ConnectionError:
                return

    def answer(self) -> str:
        """What the service says while the body still dribbles; TimeoutError when it says nothing."""
        received = b""
        while piece := self._socket.recv(65_536):
            received += piece
            head, ended, body = received.partition(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head.lower())
            if ended and length is not None and len(body) >= int(length[1]):
                break
        return received.decode()


def _until(condition: Any, seconds: float = 10) -> None:
    ends_s = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends_s, "it did not happen"
        time.sleep(0.01)


@pytest.mark.parametrize("clients", [8])
def test_many_cameras_at_once_each_get_their_own_result(served: Served, clients: int) -> None:
    photos = [
        factories.make_jpeg([factories.Spot(at_mm=(20, 20), length_mm=2 + n, width_mm=2)], seed=n)
        for n in range(clients)
    ]
    with ThreadPoolExecutor(clients) as pool:
        answers = list(pool.map(lambda photo: send(served, photo), photos))
    for n, answer in enumerate(answers):
        assert answer.status_code == 201
        assert answer.json()["defects"][0]["length_mm"] == pytest.approx(2 + n, abs=0.5)
