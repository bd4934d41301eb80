"""The commands of README and quickstart, run as they are written, on a copy of this checkout."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import running

ROOT = Path(__file__).resolve().parent.parent.parent
NEEDED = ("Makefile", "scripts", "inspection", "datasets/sample", "models")
SAID_LIMIT_S = 120.0

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed"),
]


class Demo:
    """A ``make demo`` under way, with all that it has said."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self._lines: list[str] = []
        self._changed = threading.Condition()
        self.process = subprocess.Popen(
            self.command(),
            cwd=folder,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # so that Ctrl-C reaches make and what it started, as from a terminal
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as output:
            for line in output:
                self._add(running.without_colours(line))
        self._add("(ended)")

    def _add(self, line: str) -> None:
        with self._changed:
            self._lines.append(line)
            self._changed.notify_all()

    @property
    def said(self) -> str:
        return "".join(self._lines)

    def wait_for(self, pattern: str) -> re.Match[str]:
        """The first thing said that matches."""
        with self._changed:
            self._changed.wait_for(
                lambda: re.search(pattern, self.said) or "(ended)" in self._lines, timeout=SAID_LIMIT_S
            )
        match = re.search(pattern, self.said)
        assert match, f"{pattern!r} was not said:\n{self.said}"
        return match

    def environment(self, **more: str) -> dict[str, str]:
        """Of what runs beside the demo: its own code, and no settings of this machine."""
        ours = ("WELT_", "MAKE")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        own = {"PYTHONUNBUFFERED": "1", "NO_PROXY": "127.0.0.1", "PYTHONPATH": str(self.folder)}
        return {**kept, **own, **more}

    def command(self) -> list[str]:
        """The environment of these tests holds what the demo would install."""
        return ["make", "demo", f"PORT={self.port}", f"DEMO_VENV={sys.prefix}"]

    def press_ctrl_c(self) -> int:
        """Interrupt it as a terminal does; gives the exit status of make."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)
        status = self.process.wait(timeout=60)
        self._reader.join()
        return status


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, models_dir: Path) -> Iterator[Demo]:
    """``make demo`` in a copy of the checkout; all photos were sent."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in NEEDED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy2(source, folder / name)
    if not (folder / "models" / "serving.toml").exists():
        shutil.copytree(models_dir, folder / "models", dirs_exist_ok=True)
    started = Demo(folder, running.free_port())
    try:
        started.wait_for(r"Every photo was sent \(\d+\)")
        yield started
    finally:
        started.press_ctrl_c()


def _blocks(page: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def _run(demo: Demo, script: str, **more: str) -> subprocess.CompletedProcess[str]:
    """A block of a page, with the demo's port and key and this environment's ``welt``."""
    key = demo.wait_for(r"welt_[a-z0-9]+_[0-9a-f]+")[0]
    script = re.sub(r"welt_\.\.\.", key, script)
    script = script.replace("127.0.0.1:8000", f"127.0.0.1:{demo.port}")
    script = script.replace(".venv-demo/bin/", f"{Path(sys.executable).parent}/")
    script = script.replace("curl ", "curl --silent --show-error --fail-with-body ")
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=demo.folder,
        env=demo.environment(WELT_KEY=key, **more),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


def test_the_demo_says_where_to_look_and_how_to_log_in(demo: Demo) -> None:
    assert demo.wait_for(r"http://127\.0\.0\.1:(\d+)/")[1] == str(demo.port)
    assert demo.wait_for(r"name demo, password ([a-z0-9-]{15,})")
    assert demo.wait_for(r"Every photo was sent \((\d+)\)")[1] == str(
        len([p for p in (ROOT / "datasets/sample").iterdir() if p.suffix in (".jpg", ".png")])
    )


def test_the_name_and_password_of_the_demo_open_the_page(demo: Demo) -> None:
    import httpx2 as httpx

    password = demo.wait_for(r"password (\S+)")[1]
    with httpx.Client(base_url=f"http://127.0.0.1:{demo.port}", trust_env=False, timeout=30) as browser:
        form = browser.get("/login")
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', form.text)
        fields = {"name": "demo", "password": password} | ({"csrf_token": token[1]} if token else {})
        assert browser.post("/login", data=fields).status_code in (302, 303)
        assert "/overlay" in browser.get("/results").text


def test_a_second_demo_says_where_the_first_one_is(demo: Demo) -> None:
    second = subprocess.run(
        demo.command(),
        cwd=demo.folder,
        env=demo.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert second.returncode != 0
    assert f"running already: http://127.0.0.1:{demo.port}" in second.stderr
    assert "Traceback" not in second.stderr


def test_a_port_that_is_taken_is_named_with_how_to_choose_another(demo: Demo) -> None:
    shutil.copytree(demo.folder, demo.folder.with_name("other"), ignore=shutil.ignore_patterns(".demo"))
    second = subprocess.run(
        demo.command(),
        cwd=demo.folder.with_name("other"),
        env=demo.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert second.returncode != 0
    assert f"port {demo.port}" in second.stderr
    assert "make demo PORT=" in second.stderr


@needs_curl
def test_posting_a_photo_works_as_the_quickstart_says(demo: Demo) -> None:
    block = next(block for block in _blocks("docs/quickstart.md") if "curl" in block)
    ran = _run(demo, block)
    assert ran.returncode == 0, ran.stderr + ran.stdout
    document = json.loads(ran.stdout)
    assert document["schema"] == "welt.result/1"
    assert document["part_id"] == "4711"


def test_sending_a_folder_works_as_the_quickstart_says(demo: Demo) -> None:
    block = next(block for block in _blocks("docs/quickstart.md") if "bin/welt camera" in block)
    ran = _run(demo, block.replace("/tmp/welt-journal.jsonl", str(demo.folder / "journal.jsonl")))
    assert ran.returncode == 0, ran.stderr + ran.stdout
    assert " 0 refused, 0 left" in ran.stderr


def test_inspecting_without_a_service_works_as_the_quickstart_says(demo: Demo) -> None:
    block = next(block for block in _blocks("docs/quickstart.md") if "bin/welt inspect" in block)
    ran = _run(demo, block)
    assert ran.returncode == 0, ran.stderr + ran.stdout
    written = sorted(path.name for path in (demo.folder / "results").iterdir())
    assert written == ["cut-30.json", "cut-30.kinds.png", "cut-30.surface.png"]


def test_running_it_for_real_works_as_the_quickstart_says(demo: Demo) -> None:
    block = next(block for block in _blocks("docs/quickstart.md") if "users add" in block)
    lines = [line for line in block.splitlines() if " serve " not in line]
    assert len(lines) == 3
    script = "\n".join(lines).replace(
        "--role admin", "--role admin --password-stdin <<<'correct horse battery'"
    )
    ran = _run(demo, script, WELT_DATA_DIR=str(demo.folder / "welt-data"))
    assert ran.returncode == 0, ran.stderr + ran.stdout
    assert "welt_" in ran.stdout


@needs_curl
def test_the_ten_lines_of_the_readme_work(demo: Demo) -> None:
    block = next(block for block in _blocks("README.md") if "curl" in block)
    # The id of the third request is that of the first one's answer.
    block = block.replace('part_id": "4711"}\' $URL', 'part_id": "4711"}\' $URL | tee first.json')
    block = block.replace(
        "# List rejected", 'RESULT_ID=$(grep -o \'"result_id":"[^"]*\' first.json | cut -d\'"\' -f4)\n#'
    )
    ran = _run(demo, block)
    assert ran.returncode == 0, ran.stderr + ran.stdout
    assert (demo.folder / "overlay.jpg").read_bytes()[:2] == b"\xff\xd8"


def test_the_python_of_the_line_integration_works(demo: Demo) -> None:
    page = (ROOT / "docs/line-integration.md").read_text(encoding="utf-8")
    code = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)[0]
    key = demo.wait_for(r"welt_[a-z0-9]+_[0-9a-f]+")[0]
    code = code.replace("http://welt:8000", f"http://127.0.0.1:{demo.port}") + (
        "\nfrom pathlib import Path\n"
        "photo = Path('datasets/sample/cut-30.png').read_bytes()\n"
        f"first = inspect(photo, 'python-1', {key!r}, view='leather', mm_per_px=0.15)\n"
        f"again = inspect(photo, 'python-1', {key!r}, view='leather', mm_per_px=0.15)\n"
        "assert first == again\n"
        "print(first['calibration']['mm_per_px'])\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=demo.folder,
        env=demo.environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == "0.15"


def test_the_commands_of_the_readme_exist() -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [
        target
        for target in re.findall(r"(?:^|`)make ([a-z]+)", readme, re.MULTILINE)
        if target not in targets
    ] == []


def test_ctrl_c_ends_the_demo_cleanly_and_a_second_run_goes_on(demo: Demo) -> None:
    status = demo.press_ctrl_c()
    assert status in (0, 2, 130, -signal.SIGINT), status
    assert "Stopped." in demo.said
    assert "Traceback" not in demo.said
    assert _running_in(demo.folder) == []
    again = Demo(demo.folder, demo.port)
    try:
        second = again.wait_for(r"password (\S+)")
    finally:
        again.press_ctrl_c()
    assert second[1] != demo.wait_for(r"password (\S+)")[1]
    assert "Traceback" not in again.said


def _running_in(folder: Path) -> list[str]:
    """Command lines of processes whose working folder is this one."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").resolve() == folder:
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found
