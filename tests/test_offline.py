"""A factory has no internet: everything works with the network cut off, loopback aside."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests import factories

ROOT = Path(__file__).resolve().parent.parent

GUARD = """
import sys

def forbid(event, arguments):
    # Raises in whichever thread asks for the network.
    if event == "socket.getaddrinfo":
        assert arguments[0] in ("127.0.0.1", "localhost", "::1", None), f"looked up {arguments[0]!r}"
    if event in ("socket.connect", "socket.sendto"):
        address = arguments[1]
        if isinstance(address, tuple):
            assert address[0] in ("127.0.0.1", "::1"), f"connected to {address}"

sys.addaudithook(forbid)
"""

SERVE_AND_POST = """
import socket, threading, time
from pathlib import Path
import httpx2, uvicorn
from inspection.settings import Settings
from inspection.store import open_store, stations
from inspection.web.app import create_app

folder, models, photo = map(Path, sys.argv[1:])
settings = Settings(data_dir=folder, models_dir=models)
store = open_store(settings.database)
stations.add(store, "s", by="test")
key = stations.create_key(store, "s", by="test").text
store.close()
listener = socket.create_server(("127.0.0.1", 0))
server = uvicorn.Server(uvicorn.Config(create_app(settings), log_level="warning"))
thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
thread.start()
url = f"http://127.0.0.1:{listener.getsockname()[1]}"
with httpx2.Client(base_url=url, trust_env=False, timeout=30) as client:
    for _ in range(300):
        if server.started and client.get("/readyz").status_code == 200:
            break
        time.sleep(0.1)
    answer = client.post("/api/v1/inspections", headers={"Authorization": f"Bearer {key}"},
                         files={"image": photo.read_bytes()}, data={"meta": '{"mm_per_px": 0.1}'})
    page = client.get("/login")
server.should_exit = True
thread.join()
assert answer.status_code == 201, answer.text
assert page.status_code == 200, page.text
print(answer.json()["verdict"]["grade"])
"""


def _environment(models_dir: Path) -> dict[str, str]:
    return {**os.environ, "WELT_MODELS_DIR": str(models_dir), "PYTHONPATH": str(ROOT)}


def test_the_service_inspects_a_photo_without_asking_the_network(tmp_path: Path, models_dir: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(factories.make_jpeg())
    ran = subprocess.run(
        [sys.executable, "-c", GUARD + SERVE_AND_POST, tmp_path / "data", models_dir, photo],
        cwd=tmp_path,
        env=_environment(models_dir),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == "A"


def test_the_guard_of_these_tests_notices_a_connection(tmp_path: Path) -> None:
    code = GUARD + textwrap.dedent(
        """
        import socket
        socket.create_connection(("192.0.2.1", 80), timeout=1)
        """
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode != 0
    assert "192.0.2.1" in ran.stderr


def _can_cut_the_network() -> bool:
    program = shutil.which("unshare")
    return program is not None and subprocess.run([program, "-rn", "true"], check=False).returncode == 0


@pytest.mark.skipif(not _can_cut_the_network(), reason="this system does not let us cut off a process")
def test_a_photo_is_inspected_in_a_process_without_any_network(tmp_path: Path, models_dir: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(factories.make_jpeg())
    ran = subprocess.run(
        ["unshare", "-rn", sys.executable, "-m", "inspection.cli", "inspect", photo, "--mm-per-px", "0.1"],
        cwd=tmp_path,
        env=_environment(models_dir),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert " A " in ran.stdout
