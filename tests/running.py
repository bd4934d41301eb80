"""Starts the real service in a process of its own, for the tests that look at it from outside."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2 as httpx

from inspection.settings import Settings
from inspection.store import open_store, stations

ROOT = Path(__file__).resolve().parent.parent
START_LIMIT_S = 60.0
STOP_LIMIT_S = 30.0


@dataclass(frozen=True)
class Running:
    """A service that listens.

    Attributes
    ----------
    log : file of what it wrote.
    """

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Tell it to stop and give its exit status."""
        self.process.send_signal(number)
        return self.process.wait(timeout=STOP_LIMIT_S)


def environment(data_dir: Path, models_dir: Path) -> dict[str, str]:
    """Environment of a service on these folders, without settings of the machine that runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WELT_")}
    return {
        **kept,
        "WELT_DATA_DIR": str(data_dir),
        "WELT_MODELS_DIR": str(models_dir),
        "PYTHONPATH": str(ROOT),
        "NO_PROXY": "127.0.0.1",
    }


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def make_key(data_dir: Path, models_dir: Path, *, station: str = "s1") -> str:
    """Add a station to the database of a data folder and give a key of it."""
    settings = Settings(data_dir=data_dir, models_dir=models_dir)
    with closing(open_store(settings.database)) as store:
        stations.add(store, station, by="tests")
        return stations.create_key(store, station, by="tests").text


@contextmanager
def serving(data_dir: Path, models_dir: Path, *, port: int | None = None) -> Iterator[Running]:
    """``welt serve`` on a free port, ready; stopped at the end if it still runs."""
    port = port or free_port()
    url = f"http://127.0.0.1:{port}"
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    log = data_dir.parent / f"service-{port}.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "inspection.cli", "serve", "--port", str(port)],
            env=environment(data_dir, models_dir),
            cwd=data_dir.parent,
            stdout=output,
            stderr=output,
        )
    try:
        wait_until_ready(url, process, log)
        yield Running(url, process, log)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(timeout=STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait for ``/readyz``; fails with the log when the service ends or takes too long."""
    until = time.monotonic() + START_LIMIT_S
    said = "no answer"
    with httpx.Client(trust_env=False, timeout=5.0) as client:
        while time.monotonic() < until:
            if process.poll() is not None:
                raise AssertionError(f"the service ended with {process.returncode}:\n{log.read_text()}")
            try:
                answer = client.get(f"{url}/readyz")
                if answer.status_code == 200:
                    return
                said = answer.text
            except httpx.TransportError:
                pass
            time.sleep(0.05)
    raise AssertionError(f"the service was not ready in {START_LIMIT_S:.0f} s: {said}\n{log.read_text()}")


def without_colours(text: str) -> str:
    """Terminal output without escape sequences."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
