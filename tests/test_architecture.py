"""The shape of the code: who may import whom, and what the service does without."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HEAVY = (
    "torch",
    "torchvision",
    "albumentations",
    "timm",
    "segmentation_models_pytorch",
    "matplotlib",
    "scipy",
)


def _loaded(statement: str) -> set[str]:
    """Top-level modules that a fresh interpreter has loaded after a statement."""
    code = f"{statement}\nimport sys\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return set(ran.stdout.split())


def test_imports_point_down_only() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    ran = subprocess.run(
        [linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stdout


def test_importing_the_package_loads_nothing_but_python() -> None:
    loaded = _loaded("import inspection")
    assert not loaded & {*HEAVY, "numpy", "cv2", "onnxruntime", "fastapi", "sqlalchemy", "pydantic"}


@pytest.mark.parametrize(
    "statement",
    [
        "import inspection.web.app",
        "import inspection.cli, inspection.pipeline, inspection.registry, inspection.exporting",
        "import inspection.station, inspection.store",
    ],
)
def test_the_service_loads_no_training_library(statement: str) -> None:
    assert not _loaded(statement) & {*HEAVY, "training"}


def test_the_line_side_client_loads_no_network_runtime_and_no_database() -> None:
    loaded = _loaded("import inspection.cli, inspection.camera")
    assert not loaded & {*HEAVY, "numpy", "cv2", "onnxruntime", "fastapi", "sqlalchemy"}


@pytest.mark.parametrize("module", ["inspection", "inspection.store", "inspection.web.app", "inspection.cli"])
def test_importing_does_no_work(module: str, tmp_path: Path) -> None:
    code = (
        "import sys, threading\n"
        "opened = []\n"
        "sys.addaudithook(lambda event, _: opened.append(event) if event == 'socket.connect' else None)\n"
        f"import {module}\n"
        "assert not opened, opened\n"
        "assert threading.active_count() == 1, threading.enumerate()\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert list(tmp_path.iterdir()) == []


def test_everything_that_a_module_exports_exists() -> None:
    code = (
        "import importlib, pkgutil, inspection\n"
        "for found in pkgutil.walk_packages(inspection.__path__, 'inspection.'):\n"
        "    if '.migrations' in found.name: continue\n"
        "    module = importlib.import_module(found.name)\n"
        "    missing = [name for name in getattr(module, '__all__', []) if not hasattr(module, name)]\n"
        "    assert not missing, (found.name, missing)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stderr
