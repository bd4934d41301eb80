"""The make targets and their scripts on machines that lack something."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import skipped

ROOT = Path(__file__).resolve().parent.parent

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def _run(*command: str, tools: Path | None = None, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {
        name: value for name, value in os.environ.items() if name not in ("PYTHON", "MAKEFLAGS", "PORT")
    }
    if tools is not None:
        environment["PATH"] = f"{tools}:{environment['PATH']}"
    return subprocess.run(
        command,
        cwd=ROOT,
        env={**environment, **more},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _tool(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_make_alone_lists_every_target() -> None:
    shown = _run("make").stdout
    targets = re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert {"demo", "test", "check", "bench", "model"} <= set(targets)
    assert [target for target in targets if f"make {target}" not in shown] == []


def test_a_python_that_is_too_old_is_named_with_what_to_install(tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    _tool(tools, "python3", '[ "$1" = --version ] && echo "Python 3.9.2" && exit 0\nexit 1')
    for minor in range(11, 16):
        _tool(tools, f"python3.{minor}", "exit 127")
    ran = _run("scripts/environment.sh", "service", str(tmp_path / "venv"), tools=tools)
    assert ran.returncode == 1
    assert "Python 3.11 or newer is needed, and this machine has Python 3.9.2" in ran.stderr
    assert "PYTHON=" in ran.stderr
    assert not (tmp_path / "venv").exists()


def test_a_python_that_was_named_wrongly_is_told(tmp_path: Path) -> None:
    ran = _run("scripts/environment.sh", "service", str(tmp_path / "venv"), PYTHON="/nowhere/python")
    assert ran.returncode == 1
    assert "PYTHON=/nowhere/python" in ran.stderr


def test_a_python_without_venv_is_told_with_the_package_when_we_may_not_install_it(tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    real = sys.executable
    _tool(tools, "python3", f'case "$*" in *ensurepip*) exit 1;; esac\nexec {real} "$@"')
    _tool(tools, "id", "echo 1000")
    ran = _run("scripts/environment.sh", "service", str(tmp_path / "venv"), tools=tools)
    assert ran.returncode == 1
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert f"sudo apt-get install python{version}-venv" in ran.stderr


def test_a_full_disk_is_told_before_anything_is_downloaded(tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    _tool(tools, "df", "echo header; echo /dev/sda 100 90 10 90% /")
    ran = _run("scripts/environment.sh", "full", str(tmp_path / "venv"), tools=tools)
    assert ran.returncode == 1
    assert "10 MB are free" in ran.stderr


@pytest.mark.parametrize(("target", "variable"), [("check", "VENV"), ("demo", "DEMO_VENV")])
def test_an_environment_that_is_named_but_not_there_is_told(target: str, variable: str) -> None:
    ran = _run("make", target, f"{variable}=/nowhere")
    assert ran.returncode != 0
    assert f"there is no environment at {variable}=/nowhere" in ran.stderr


def test_the_build_server_runs_what_a_person_runs() -> None:
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    commands = [line for line in lines if line and not line.startswith(("#", "set ", "cd "))]
    assert commands == ["make test"]


def test_what_did_not_run_is_told_by_reason(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(
        "<testsuites><testsuite>"
        '<testcase name="a"><skipped message="no Chromium: none\n found"/></testcase>'
        '<testcase name="b"><skipped message="no Chromium: none\n found"/></testcase>'
        '<testcase name="c"/>'
        "</testsuite></testsuites>"
    )
    assert dict(skipped.reasons(report)) == {"no Chromium: none found": 2}
