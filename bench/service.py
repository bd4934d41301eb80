"""A real service in a process of its own, on a free port, for measurements and fault runs."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import httpx2 as httpx

from inspection.settings import Settings
from inspection.store import open_store, stations

STATION = "bench"
START_LIMIT_S = 60.0
ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Service:
    """One ``welt serve`` on 127.0.0.1. Use as a context manager; ``kill`` is a real SIGKILL.

    Attributes
    ----------
    folder : data folder of the service, made by the caller and kept.
    models_dir : models to serve.
    environment : further ``WELT_…`` settings.
    """

    folder: Path
    models_dir: Path = ROOT / "models"
    environment: dict[str, str] = field(default_factory=dict)
    port: int = 0
    key: str = ""
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        if self.process is None:
            raise RuntimeError("the service is not started")
        return self.process.pid

    def settings(self) -> Settings:
        """The settings that the started process reads from its environment."""
        return Settings(data_dir=self.folder, models_dir=self.models_dir)

    def start(self) -> float:
        """Start the process and wait until it is ready; answers the seconds that took.

        Raises
        ------
        RuntimeError : it did not become ready; the message holds the end of its log.
        """
        self.port = self.port or free_port()
        if not self.key:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.key = make_station_key(self.settings())
        began = time.perf_counter()
        with (self.folder / "service.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "inspection.cli", "serve"],
                cwd=ROOT,
                env=os.environ
                | {
                    "WELT_HOST": "127.0.0.1",
                    "WELT_PORT": str(self.port),
                    "WELT_DATA_DIR": str(self.folder),
                    "WELT_MODELS_DIR": str(self.models_dir),
                }
                | self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        while time.perf_counter() - began < START_LIMIT_S:
            if self.process.poll() is not None:
                raise RuntimeError(f"the service ended with {self.process.returncode}:\n{self.log_tail()}")
            try:
                if httpx.get(f"{self.url}/readyz", timeout=2.0).status_code == 200:
                    return time.perf_counter() - began
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise RuntimeError(f"not ready after {START_LIMIT_S:.0f} s:\n{self.log_tail()}")

    def log_tail(self, *, lines: int = 20) -> str:
        """The last lines that the service logged."""
        return "\n".join((self.folder / "service.log").read_text(errors="replace").splitlines()[-lines:])

    def kill(self) -> None:
        """SIGKILL, as a power cut would end it."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM: it finishes what it accepted."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None

    def client(self, *, timeout_s: float = 30.0) -> httpx.Client:
        """A client that carries the station's key."""
        return httpx.Client(
            base_url=self.url, timeout=timeout_s, headers={"Authorization": f"Bearer {self.key}"}
        )

    def __enter__(self) -> Service:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def make_station_key(settings: Settings) -> str:
    """Register the bench's station in a fresh database and answer its key."""
    with closing(open_store(settings.database)) as store:
        if all(station.name != STATION for station in stations.all_stations(store)):
            stations.add(store, STATION, by="bench", description="measurements")
        return stations.create_key(store, STATION, by="bench").text
