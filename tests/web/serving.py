"""Runs the real application in a real server, for tests that talk to it over HTTP."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2 as httpx
import numpy as np
import numpy.typing as npt
import uvicorn
from fastapi import FastAPI

from inspection import registry
from inspection.access import Role
from inspection.registry import Model
from inspection.runtime import Network, Output
from inspection.settings import Settings
from inspection.station import ModelOpener, Station
from inspection.store import people, stations
from inspection.web.app import create_app
from inspection.web.deps import CSRF_HEADER, SESSION_COOKIE

PASSWORD = "correct horse battery"


@dataclass
class Served:
    """A running service, and clients that may use it.

    Attributes
    ----------
    url : of the service.
    camera : client with the key of station ``line-1``.
    """

    app: FastAPI
    url: str
    camera: httpx.Client
    key: str
    server: uvicorn.Server

    @property
    def station(self) -> Station:
        """The open station."""
        station: Station = self.app.state.station
        return station

    def client(self, **headers: str) -> httpx.Client:
        """A client that sends these headers and no key."""
        return httpx.Client(base_url=self.url, headers=headers, timeout=60)

    def person(self, role: Role, name: str | None = None) -> httpx.Client:
        """A client of a person who is logged in."""
        name = name or f"{role}-person"
        if name not in {user.name for user in people.everyone(self.station.store)}:
            people.add(self.station.store, name, PASSWORD, role, by="test")
        session = people.log_in(self.station.store, name, PASSWORD, hours=1)
        return httpx.Client(
            base_url=self.url,
            cookies={SESSION_COOKIE: session.token},
            headers={CSRF_HEADER: session.csrf_token},
            timeout=60,
        )

    def post(self, photo: bytes, **query: str) -> httpx.Response:
        """Post a photo as ``line-1`` does."""
        return self.camera.post(
            "/api/v1/inspections", content=photo, params=query, headers={"Content-Type": "image/jpeg"}
        )

    def wait_until_ready(self, seconds: float = 20) -> None:
        """Return once the service says that it is ready."""
        ends_s = time.monotonic() + seconds
        while True:
            answer = self.camera.get("/readyz")
            if answer.status_code == 200:
                return
            assert time.monotonic() < ends_s, answer.text
            time.sleep(0.05)


class GatedNetwork:
    """A network that can be held up, and that fails where a photo is all white, as no real one should."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self.open = threading.Event()
        self.open.set()
        self.entered = threading.Semaphore(0)
        self.runs = 0

    def run(
        self, rgb: npt.NDArray[np.uint8], outputs: Collection[Output]
    ) -> dict[Output, npt.NDArray[np.float32]]:
        """See ``Network.run``."""
        self.runs += 1
        self.entered.release()
        assert self.open.wait(30)
        if rgb.min() == 255:
            raise ZeroDivisionError("secret internals")
        return self._network.run(rgb, outputs)


class Gate:
    """Opens models whose network can be held up."""

    def __init__(self) -> None:
        self.network: GatedNetwork | None = None

    def __call__(self, models_dir: Path, /, *, threads: int, precision: registry.Precision) -> Model:
        """See ``registry.open_serving``."""
        model = registry.open_serving(models_dir, threads=threads, precision=precision)
        self.network = GatedNetwork(model.network)
        return replace(model, network=self.network)

    @property
    def held(self) -> GatedNetwork:
        """The network of the opened model."""
        assert self.network is not None
        return self.network


def make_settings(data_dir: Path, models_dir: Path, **changes: Any) -> Settings:
    """Settings of a service for tests: everything under ``data_dir``, nothing from the environment."""
    values: dict[str, Any] = {"data_dir": data_dir, "models_dir": models_dir, "min_free_mb": 0, "workers": 2}
    return Settings(**{**values, **changes})


@contextmanager
def serve(
    settings: Settings, *, ready: bool = True, open_model: ModelOpener = registry.open_serving
) -> Iterator[Served]:
    """Run the application in a server on a free port.

    Parameters
    ----------
    ready : whether to wait until it is.
    """
    app = create_app(settings, open_model=open_model)
    # Named as TCP, or asyncio does not see that it is, leaves small writes waiting, and answers take 40 ms
    # longer.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=20))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        store = app.state.station.store
        if "line-1" not in {station.name for station in stations.all_stations(store)}:
            stations.add(store, "line-1", by="test")
            stations.add(store, "line-2", by="test")
        key = stations.create_key(store, "line-1", by="test").text
        with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60) as camera:
            served = Served(app=app, url=url, camera=camera, key=key, server=server)
            if ready:
                served.wait_until_ready()
            yield served
    finally:
        if server.started and hasattr(app.state, "feed"):
            app.state.feed.stop_from_anywhere()
        server.should_exit = True
        thread.join()
        listener.close()
