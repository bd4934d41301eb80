"""Steady load for half an hour: the memory at the end against the memory at minute 5."""

from __future__ import annotations

import random
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from bench.photos import camera_jpeg
from bench.service import STATION, Service
from bench.table import Figure

BAR = 0.05
PHOTO_EVERY_S = 1.0
"""Two to three lines' worth: a line of 120 pairs an hour takes 0.3 to 0.4 photos a second."""
MB = 1e6


def measure(models_dir: Path, *, minutes: float = 30.0, settle_minutes: float = 5.0) -> list[Figure]:
    """Post different photos, one a second, and read the resident memory.

    Memory is a mean over the time before each mark, so that one allocation does not decide.
    """
    if minutes <= settle_minutes:
        raise ValueError("the soak must be longer than the time to settle")
    with TemporaryDirectory(prefix="welt-soak-") as folder, Service(Path(folder), models_dir) as service:
        watched = psutil.Process(service.pid)
        sizes = [(640, 640), (1280, 960)]
        photos = [camera_jpeg(width=w, height=h, variant=i) for i in range(12) for w, h in sizes]
        # In an order of chance: in turns, one worker would get all the small photos, until the turns slip.
        chance = random.Random(20537)
        samples: list[tuple[float, float]] = []
        began, count = time.monotonic(), 0
        with service.client() as client:
            while (elapsed := (time.monotonic() - began) / 60) < minutes:
                answer = client.post(
                    "/api/v1/inspections",
                    params={"station": STATION, "mm_per_px": 0.15, "part_id": f"soak-{count}"},
                    headers={"Content-Type": "image/jpeg"},
                    content=chance.choice(photos),
                )
                if answer.status_code != 201:
                    raise RuntimeError(f"{answer.status_code}: {answer.text}")
                count += 1
                if count % 20 == 0:
                    samples.append((elapsed, watched.memory_info().rss / MB))
                    print(
                        f"\r{elapsed:5.1f} of {minutes:.0f} min, {samples[-1][1]:.0f} MB", end="", flush=True
                    )
                time.sleep(max(0.0, began + count * PHOTO_EVERY_S - time.monotonic()))
        print()
    early = mean_before(samples, settle_minutes, settle_minutes / 5)
    late = mean_before(samples, minutes, settle_minutes / 5)
    growth = late / early - 1
    return [
        Figure(
            f"resident memory after {minutes:.0f} min of steady load against minute {settle_minutes:.0f}",
            f"{growth:+.1%} ({early:.0f} MB to {late:.0f} MB, {count} photos)",
            f"within {BAR:.0%}",
            abs(growth) <= BAR,
        )
    ]


def mean_before(samples: list[tuple[float, float]], mark: float, window: float) -> float:
    """Mean of the samples in the ``window`` minutes before ``mark``."""
    chosen = [mb for at, mb in samples if mark - window <= at <= mark]
    return sum(chosen) / len(chosen)
