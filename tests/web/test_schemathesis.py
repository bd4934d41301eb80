"""The API against its own description: schemathesis, all checks, on the real application with a real key."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from inspection.access import Role
from inspection.store import people, stations
from inspection.web.deps import CSRF_HEADER, SESSION_COOKIE
from tests.web.serving import PASSWORD, Served, make_settings, serve

ROOT = Path(__file__).parents[2]


def run_schemathesis(served: Served, tmp_path: Path, *headers: str) -> None:
    """Run the command as anyone would; it prints what it finds."""
    found = subprocess.run(
        [
            sys.executable,
            *("-m", "schemathesis.cli"),
            *("run", f"{served.url}/openapi.json", "--checks", "all", "--max-examples", "10"),
            *("--no-color", "--request-timeout", "20", "--seed", "1"),
            # No schema can say what a photo of a board is; tests/web/test_calibrations.py sends real ones.
            *("--exclude-name", "POST /api/v1/calibrations"),
            *("--exclude-name", "POST /api/v1/calibrations/{name}/checks"),
            *(argument for header in headers for argument in ("-H", header)),
        ],
        cwd=tmp_path,
        env={**os.environ, "SCHEMATHESIS_HOOKS": "tests.web.schemathesis_hooks", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert found.returncode == 0, found.stdout[-8000:] + found.stderr[-2000:]


@pytest.mark.slow
def test_nothing_is_found_with_the_key_of_a_camera(tmp_path: Path, models_dir: Path) -> None:
    with serve(make_settings(tmp_path / "data", models_dir, max_upload_mb=2)) as served:
        run_schemathesis(served, tmp_path, f"Authorization: Bearer {served.key}")


@pytest.mark.slow
def test_nothing_is_found_with_the_session_of_an_administrator(tmp_path: Path, models_dir: Path) -> None:
    with serve(make_settings(tmp_path / "data", models_dir, max_upload_mb=2)) as served:
        people.add(served.station.store, "admin", PASSWORD, Role.ADMIN, by="test")
        session = people.log_in(served.station.store, "admin", PASSWORD, hours=1)
        assert stations.all_stations(served.station.store)
        run_schemathesis(
            served,
            tmp_path,
            f"Cookie: {SESSION_COOKIE}={session.token}",
            f"{CSRF_HEADER}: {session.csrf_token}",
        )
