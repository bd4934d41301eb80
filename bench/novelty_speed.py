"""What novelty costs in time and memory, and what anomalib's PatchCore costs on the same photos and cores.

See ``bench.novelty`` for how the two are compared.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.photos import camera_jpeg
from bench.table import Figure
from inspection import imaging, novelty, pipeline, preprocess, runtime
from inspection.domain import Metadata, Zone, ZoneClass
from inspection.novelty import GoodPhoto, InForce, Lesson
from inspection.recipes import open_recipes
from inspection.registry import Model
from inspection.standards import open_standards

__all__ = ["HOW_TO", "MM_PER_PX", "Cost", "Peer", "good_photo", "run_peer", "speed", "whole_photo"]

SIDE_PX = 1024
TAUGHT = 20
MM_PER_PX = 0.1
PHOTOS_TIMED = 8
BACKBONE_MULTIPLE = 32
"""Sides of what WideResNet-50 sees are multiples of this."""

PEER_PYTHON = "WELT_PEER_PYTHON"
PEER_SCRIPT = Path(__file__).parent / "peers" / "patchcore.py"
PEER_LIMIT_S = 3600
HOW_TO = f"peer not installed: pip install anomalib in an environment, {PEER_PYTHON}=/its/bin/python"


def whole_photo(rgb: npt.NDArray[np.uint8]) -> tuple[Zone, ...]:
    """One zone over a whole photo."""
    height, width = rgb.shape[:2]
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float64) - 0.5
    return (Zone("leather", ZoneClass.PRIMARY, corners),)


def good_photo(rgb: npt.NDArray[np.uint8], name: str = "", group: str = "") -> GoodPhoto:
    """A photo to teach, all of it."""
    return GoodPhoto(name, rgb, MM_PER_PX, whole_photo(rgb), group)


@dataclass(frozen=True)
class Cost:
    """What teaching and scoring cost.

    Attributes
    ----------
    teach_s, photo_s : by the clock; of a photo the median.
    teach_cpu_s, photo_cpu_s : of processors, all threads together.
    peak_mb : most that the process held until then.
    bank_bytes : of the file; 0 where there is none.
    """

    teach_s: float
    teach_cpu_s: float
    photo_s: float
    photo_cpu_s: float
    peak_mb: float
    bank_bytes: int = 0

    def figures(self) -> list[Figure]:
        """Rows of the table."""
        return [
            Figure(
                f"{TAUGHT} photos of {SIDE_PX} px taught (0.1 mm/px)",
                f"{self.teach_s:.1f} s ({self.teach_cpu_s:.1f} s of processors)",
                "<= 20 s",
                self.teach_s <= 20,
            ),
            Figure(
                f"one photo of {SIDE_PX} px inspected with novelty, bytes to verdict",
                f"{self.photo_s * 1e3:.0f} ms ({self.photo_cpu_s * 1e3:.0f} ms of processors)",
                "<= 300 ms",
                self.photo_s <= 0.3,
            ),
            Figure("bank", f"{self.bank_bytes / 1e6:.2f} MB", "<= 3 MB", self.bank_bytes <= 3e6),
            Figure("memory of the process that taught and inspected", f"{self.peak_mb:.0f} MB", "", None),
        ]


def speed_photos() -> list[npt.NDArray[np.uint8]]:
    """Camera-sized photos of real leather."""
    jpegs = [camera_jpeg(width=SIDE_PX, height=SIDE_PX, variant=number) for number in range(TAUGHT)]
    return [imaging.decode(jpeg, max_pixels=4_000_000).rgb for jpeg in jpegs]


def speed(model: Model) -> Cost:
    """Teach and inspect as the service does, with the threads of this machine."""
    photos = [good_photo(rgb, str(number)) for number, rgb in enumerate(speed_photos())]
    began, began_cpu = time.perf_counter(), time.process_time()
    taught = novelty.teach(photos, Lesson("default", "leather", model))
    teach_s, teach_cpu_s = time.perf_counter() - began, time.process_time() - began_cpu
    in_force = InForce(taught.bank, 1, limit=2.0, false_rejects=0.01)
    setup = pipeline.prepare(
        Metadata(station="bench", view="leather", mm_per_px=MM_PER_PX),
        model=model,
        recipes=open_recipes(),
        standards=open_standards(),
        taught=lambda recipe, view: in_force,
    )
    jpegs = [camera_jpeg(width=SIDE_PX, height=SIDE_PX, variant=number) for number in range(PHOTOS_TIMED)]
    times, cpu_times = [], []
    for jpeg in jpegs:
        began, began_cpu = time.perf_counter(), time.process_time()
        pipeline.inspect(imaging.decode(jpeg, max_pixels=4_000_000), setup, clock=time.perf_counter)
        times.append(time.perf_counter() - began)
        cpu_times.append(time.process_time() - began_cpu)
    return Cost(
        teach_s,
        teach_cpu_s,
        statistics.median(times),
        statistics.median(cpu_times),
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
        len(novelty.bank_to_bytes(taught.bank)),
    )


@dataclass(frozen=True)
class Peer:
    """What anomalib's PatchCore cost in the same run, at our size and as it usually is."""

    version: str
    same_px: int
    same: Cost
    usual: Cost

    def figures(self, ours: Cost) -> list[Figure]:
        """Rows of the table; the bars are those of the same size."""
        rows = []
        for name, cost, teach_bar, photo_bar in (
            (f"{self.same_px} px, {novelty.MAX_VECTORS} vectors kept", self.same, 10.0, 5.0),
            ("shrunk to its usual 256 px, a tenth of the vectors", self.usual, None, None),
        ):
            who = f"anomalib {self.version} PatchCore WideResNet-50, {name}"
            rows += [
                _ratio(
                    f"{who}: teaching the same {TAUGHT} photos",
                    cost.teach_s,
                    ours.teach_s,
                    cost.teach_cpu_s,
                    ours.teach_cpu_s,
                    teach_bar,
                ),
                _ratio(
                    f"{who}: one photo, from pixels to map",
                    cost.photo_s,
                    ours.photo_s,
                    cost.photo_cpu_s,
                    ours.photo_cpu_s,
                    photo_bar,
                ),
                Figure(f"{who}: memory", f"{cost.peak_mb:.0f} MB", "", None),
            ]
        return rows


def _ratio(
    name: str, peer_s: float, our_s: float, peer_cpu_s: float, our_cpu_s: float, bar: float | None
) -> Figure:
    ratio = peer_s / our_s
    text = f"{ratio:.1f} x slower ({peer_s:.2f} s; {peer_cpu_s / our_cpu_s:.1f} x in processor seconds)"
    return Figure(name, text, "" if bar is None else f">= {bar:.0f} x", None if bar is None else ratio >= bar)


def run_peer(folder: Path, model: Model) -> Peer | None:
    """Run the peer on the photos and on the features in a folder; None where it is not installed."""
    python = os.environ.get(PEER_PYTHON)
    if not python:
        return None
    photos = speed_photos()
    np.savez(folder / "speed.npz", photos=np.stack(photos))
    seen_px, _ = preprocess.model_size(
        (SIDE_PX, SIDE_PX), photo_mm_per_px=MM_PER_PX, model_mm_per_px=model.spec.mm_per_px
    )
    side = seen_px // BACKBONE_MULTIPLE * BACKBONE_MULTIPLE
    arguments = [str(folder), str(runtime.cpu_quota()), str(side), str(novelty.MAX_VECTORS)]
    ran = subprocess.run(
        [python, str(PEER_SCRIPT), *arguments],
        env={**os.environ, "MALLOC_MMAP_THRESHOLD_": "1000000"},  # else its heap grows to over 15 GB
        capture_output=True,
        text=True,
        check=False,
        timeout=PEER_LIMIT_S,
    )
    if ran.returncode != 0:
        raise RuntimeError(f"the peer failed: {ran.stderr[-2000:]}")
    told: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return Peer(told["version"], side, Cost(**told["same"]), Cost(**told["usual"]))
