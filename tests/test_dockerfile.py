"""The Dockerfile's own steps, carried out without Docker in an empty folder, and the service that they make.

Each COPY and RUN is done as it is written, with the image's paths laid below a folder of the test, so that
``/opt/welt`` becomes ``<root>/opt/welt``. CMD is then started as the user of the image where the tests may,
else as ourselves with everything but the data volume made read-only.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx2 as httpx
import pytest

from tests import factories, running

ROOT = Path(__file__).resolve().parent.parent
DOCKERFILE = ROOT / "Dockerfile"
IMAGE_PATHS = ("/opt", "/var/lib/welt", "/src")
PIP_LIMIT_S = 600


@dataclass
class Stage:
    """One FROM with what follows it."""

    base: str
    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def all(self, word: str) -> list[str]:
        return [rest for step, rest in self.steps if step == word]

    def last(self, word: str) -> str:
        return self.all(word)[-1]


def _stages() -> list[Stage]:
    text = re.sub(r"^\s*#.*\n", "", DOCKERFILE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    stages: list[Stage] = []
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        if not line.strip():
            continue
        word, rest = line.split(maxsplit=1)
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            stages.append(Stage(base, name))
        else:
            stages[-1].steps.append((word, rest))
    return stages


def _environment_of(stage: Stage) -> dict[str, str]:
    return dict(pair.split("=", 1) for rest in stage.all("ENV") for pair in shlex.split(rest))


# -------------------------------------------------------------------------------- what it says


def test_the_image_does_not_run_as_root() -> None:
    user = _stages()[-1].last("USER")
    assert re.fullmatch(r"\d+:\d+", user)
    assert not user.startswith("0")


def test_the_image_is_slim_and_is_built_in_another_stage() -> None:
    stages = _stages()
    assert all("slim" in stage.base for stage in stages)
    assert "--from=build" in stages[-1].all("COPY")[0]


def test_the_image_installs_pinned_versions_and_no_torch() -> None:
    (install,) = [run for run in _stages()[0].all("RUN") if "pip install" in run]
    assert "--constraint constraints.txt" in install
    assert install.endswith('".[postgres]"')


def test_the_image_has_a_health_check_a_volume_and_no_secret() -> None:
    last = _stages()[-1]
    assert "/healthz" in last.last("HEALTHCHECK")
    assert last.last("VOLUME") == _environment_of(last)["WELT_DATA_DIR"]
    assert not [name for name in _environment_of(last) if re.search("KEY|PASSWORD|SECRET|TOKEN", name)]


def test_everything_that_is_copied_exists_and_is_not_ignored() -> None:
    ignored = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    for stage in _stages():
        for copy in stage.all("COPY"):
            if copy.startswith("--from"):
                continue
            for name in copy.split()[:-1]:
                assert (ROOT / name).exists(), name
                assert f"!{name}" in ignored, name


# -------------------------------------------------------------------------------- what it makes


@dataclass(frozen=True)
class Image:
    """A root folder that the steps filled, and how to start what is in it."""

    root: Path
    command: list[str]
    health: list[str]
    environment: dict[str, str]
    data: Path
    user: int | None


def _moved(text: str, root: Path) -> str:
    """A step with the image's absolute paths below the root."""
    for path in IMAGE_PATHS:
        text = re.sub(rf"(?<![\w/.-]){re.escape(path)}(?=$|[\s/:\"'])", f"{root}{path}", text)
    return text


def _copy(rest: str, cwd: Path, root: Path) -> None:
    words = rest.split()
    source_root = ROOT
    if words[0].startswith("--from="):
        words, source_root = words[1:], Path("/")
    *sources, target = words
    to = Path(_moved(target, root)) if target.startswith("/") else cwd / target
    for source in sources:
        origin = Path(_moved(source, root)) if source_root == Path("/") else ROOT / source
        if origin == to:
            continue  # both stages share the root here
        if origin.is_dir():
            shutil.copytree(
                origin, to, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", "*.pyc")
            )
        else:
            to.mkdir(parents=True, exist_ok=True)
            shutil.copy2(origin, to / origin.name)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory, models_dir: Path) -> Iterator[Image]:
    """The image, made step by step. The models are those of the tests where none are published yet."""
    folder = Path(tempfile.mkdtemp(prefix="welt-image-"))
    folder.chmod(0o755)
    try:
        yield _make(folder, models_dir)
    finally:
        subprocess.run(["chmod", "-R", "u+w", folder], check=False)
        shutil.rmtree(folder, ignore_errors=True)


def _make(root: Path, models_dir: Path) -> Image:
    base = root / "base-bin"
    base.mkdir()
    is_root = os.geteuid() == 0
    last = _stages()[-1]
    user = int(last.last("USER").split(":")[0]) if is_root else None
    python, user = _python_for(user)
    (base / "python").symlink_to(python)
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("WELT_", "PYTHON", "VIRTUAL_ENV"))
    }
    environment |= {"PATH": f"{base}:/usr/local/bin:/usr/bin:/bin", "HOME": str(root)}
    for stage in _stages():
        cwd = root
        for word, rest in stage.steps:
            if word == "WORKDIR":
                cwd = Path(_moved(rest, root))
                cwd.mkdir(parents=True, exist_ok=True)
            elif word == "COPY":
                _copy(rest, cwd, root)
            elif word == "RUN":
                step = _moved(rest, root)
                if not is_root:
                    step = re.sub(r"&& chown \S+ \S+", "", step)
                ran = subprocess.run(
                    ["/bin/sh", "-ec", step],
                    cwd=cwd,
                    env=environment,
                    capture_output=True,
                    text=True,
                    timeout=PIP_LIMIT_S,
                    check=False,
                )
                if ran.returncode and "pip install" in step and not _packages_can_be_had(root, environment):
                    pytest.skip(
                        "no package index can be reached, so the image's packages cannot be installed"
                    )
                assert ran.returncode == 0, f"{step}\n{ran.stdout[-2000:]}\n{ran.stderr[-4000:]}"
            else:
                assert word in {"ENV", "USER", "VOLUME", "EXPOSE", "HEALTHCHECK", "CMD"}, word
    if not (root / "opt" / "models" / "serving.toml").exists():
        shutil.copytree(models_dir, root / "opt" / "models", dirs_exist_ok=True)
        subprocess.run(["chmod", "-R", "a+rX", root / "opt" / "models"], check=True)
    stated = {name: _moved(value, root) for name, value in _environment_of(last).items()}
    stated["PATH"] = ":".join(_moved(part, root) for part in stated["PATH"].split(":"))
    data = Path(stated["WELT_DATA_DIR"])
    if user is None:
        subprocess.run(["chmod", "-R", "a-w", root / "opt"], check=True)
    return Image(
        root=root,
        command=json.loads(last.last("CMD")),
        health=json.loads(last.last("HEALTHCHECK").partition("CMD ")[2]),
        environment=stated,
        data=data,
        user=user,
    )


def _python_for(user: int | None) -> tuple[str, int | None]:
    """A Python that the image's user may run, and that user; None for ourselves where there is none.

    A Python in a home folder, as pyenv makes them, is closed to other users.
    """
    for python in (sys.executable, "/usr/bin/python3"):
        try:
            ran = subprocess.run(
                [python, "-c", "import sys, ensurepip; sys.exit(sys.version_info < (3, 11))"],
                user=user,
                cwd="/",
                capture_output=True,
                check=False,
            )
        except OSError:
            continue
        if ran.returncode == 0:
            return python, user
    return sys.executable, None


def _packages_can_be_had(root: Path, environment: dict[str, str]) -> bool:
    pin = next(
        line for line in (ROOT / "constraints.txt").read_text().splitlines() if line.startswith("idna==")
    )
    pip, into = str(root / "opt/welt/bin/pip"), str(root / "probe")
    command = [pip, "download", "--no-deps", "--no-cache-dir", "-d", into, pin]
    return subprocess.run(command, env=environment, capture_output=True, check=False).returncode == 0


def _files(folder: Path, *, but: Path) -> set[str]:
    return {str(path) for path in folder.rglob("*") if but not in path.parents and path != but}


@pytest.mark.slow
def test_the_steps_make_a_service_that_inspects_as_its_user_and_writes_to_its_volume_alone(
    image: Image,
) -> None:
    port = running.free_port()
    environment = image.environment | {"WELT_PORT": str(port), "WELT_HOST": "127.0.0.1", "TMPDIR": "/tmp"}
    before = _files(image.root, but=image.data)

    def run(command: list[str], **more: str) -> subprocess.CompletedProcess[str]:
        program = shutil.which(command[0], path=environment["PATH"])
        assert program is not None, command
        return subprocess.run(
            [program, *command[1:]],
            env=environment | more,
            cwd=image.data,
            user=image.user,
            group=image.user,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    added = run(["welt", "stations", "add", "s1"])
    assert added.returncode == 0, added.stderr
    key = run(["welt", "stations", "key", "create", "s1"]).stdout.strip()
    assert run(image.health).returncode != 0, "nothing runs yet, so the health check has to fail"

    program = shutil.which(image.command[0], path=environment["PATH"])
    assert program is not None
    log = image.data / "service.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [program, *image.command[1:]],
            env=environment,
            cwd=image.data,
            user=image.user,
            group=image.user,
            stdout=output,
            stderr=output,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        running.wait_until_ready(url, process, log)
        assert run(image.health).returncode == 0
        answer = httpx.post(
            f"{url}/api/v1/inspections",
            headers={"Authorization": f"Bearer {key}"},
            files={"image": factories.make_jpeg()},
            data={"meta": '{"mm_per_px": 0.1}'},
            trust_env=False,
            timeout=30,
        )
        assert answer.status_code == 201, answer.text
        page = httpx.get(f"{url}/login", trust_env=False)
        assert page.status_code == 200
    finally:
        process.terminate()
        process.wait(timeout=30)
    assert process.returncode == 0, log.read_text()
    assert _files(image.root, but=image.data) == before
    assert list((image.data / "photos").rglob("*")), "the photo is in the volume"


@pytest.mark.slow
def test_the_image_holds_no_torch_no_tests_and_no_pip(image: Image) -> None:
    packages = next((image.root / "opt/welt/lib").glob("python3*")) / "site-packages"
    names = {path.name for path in packages.iterdir()}
    assert "inspection" in names
    assert "pg8000" in names
    assert not {"torch", "tests", "training", "pip", "pytest"} & names
    assert not fnmatch.filter(names, "nvidia*")
    size_mb = sum(path.stat().st_size for path in (image.root / "opt").rglob("*") if path.is_file()) / 1e6
    assert size_mb < 1000


def test_the_check_of_paths_moves_only_the_paths_of_the_image() -> None:
    root = Path("/r")
    assert _moved("python -m venv /opt/welt", root) == "python -m venv /r/opt/welt"
    assert _moved("ls /usr/opt /opt", root) == "ls /usr/opt /r/opt"
