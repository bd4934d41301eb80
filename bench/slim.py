"""What the service loads: never torch, never albumentations."""

from __future__ import annotations

import subprocess
import sys

from bench.table import Figure

HEAVY = ("torch", "torchvision", "albumentations", "timm", "segmentation_models_pytorch")


def measure() -> list[Figure]:
    """Import the service's app factory in a fresh process and list the heavy packages that came along."""
    code = (
        "import sys, inspection.web.app, inspection.cli\n"
        + f"print(*(m for m in {HEAVY!r} if m in sys.modules))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.split()
    return [Figure("heavy packages loaded by the service", ", ".join(loaded) or "none", "none", not loaded)]
