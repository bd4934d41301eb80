"""How the service ends: told to, with streams open, or killed, with photos on their way."""

from __future__ import annotations

import asyncio
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2 as httpx
import pytest

from inspection.web.events import Feed
from tests import running
from tests.web.serving import Served

POST = "/api/v1/inspections"


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_open_event_streams_do_not_keep_the_service_from_ending(
    tmp_path: Path, models_dir: Path, number: signal.Signals
) -> None:
    data_dir = tmp_path / "data"
    with running.serving(data_dir, models_dir) as service:
        key = running.make_key(data_dir, models_dir)
        listening, ended = threading.Semaphore(0), threading.Semaphore(0)

        def listen() -> None:
            with (
                httpx.Client(
                    base_url=service.url, headers={"X-API-Key": key}, trust_env=False, timeout=60
                ) as client,
                client.stream("GET", "/api/v1/events") as answer,
            ):
                lines = answer.iter_lines()
                next(lines)
                listening.release()
                for _ in lines:
                    pass
            ended.release()

        listeners = [threading.Thread(target=listen, daemon=True) for _ in range(5)]
        for listener in listeners:
            listener.start()
        for _ in listeners:
            assert listening.acquire(timeout=20)
        # Well below the time that the server would wait for answers that do not end.
        service.process.send_signal(number)
        assert service.process.wait(timeout=10) == 0
        for _ in listeners:
            assert ended.acquire(timeout=10)


def test_a_stream_that_is_opened_while_the_service_ends_ends_too(served: Served) -> None:
    async def open_late() -> bytes:
        feed = Feed(served.station.store, loop=asyncio.get_running_loop())
        feed.check_room()
        feed.stop()
        async with feed.listen() as (waiting, _):
            return await asyncio.wait_for(waiting.get(), timeout=10)

    assert asyncio.run(open_late()) == b""


@pytest.mark.slow
def test_a_killed_service_has_lost_nothing_that_it_acknowledged(
    tmp_path: Path, models_dir: Path, photo: bytes
) -> None:
    data_dir = tmp_path / "data"
    acknowledged: dict[str, bytes] = {}
    with running.serving(data_dir, models_dir) as service:
        key = running.make_key(data_dir, models_dir)
        with httpx.Client(
            base_url=service.url, headers={"X-API-Key": key}, trust_env=False, timeout=60
        ) as client:

            def send(number: int) -> None:
                headers = {"Content-Type": "image/jpeg", "Idempotency-Key": f"photo-{number}"}
                try:
                    answer = client.post(POST, content=photo, headers=headers)
                except httpx.TransportError:
                    return
                if answer.status_code == 201:
                    acknowledged[f"photo-{number}"] = answer.content
                if len(acknowledged) == 5:
                    service.process.kill()

            with ThreadPoolExecutor(4) as cameras:
                list(cameras.map(send, range(40)))
        service.process.wait(timeout=20)
    assert len(acknowledged) >= 5
    with (
        running.serving(data_dir, models_dir) as service,
        httpx.Client(base_url=service.url, headers={"X-API-Key": key}, trust_env=False, timeout=60) as client,
    ):
        for name, document in acknowledged.items():
            headers = {"Content-Type": "image/jpeg", "Idempotency-Key": name}
            again = client.post(POST, content=photo, headers=headers)
            assert again.status_code == 200
            assert again.content == document
        listed = client.get(POST, params={"limit": 500}).json()["items"]
        assert len({item["result_id"] for item in listed}) == len(listed) >= len(acknowledged)
        for item in listed:
            assert client.get(f"{item['links']['self']}/photo").content == photo
            assert client.get(f"{item['links']['self']}/surface").status_code == 200
