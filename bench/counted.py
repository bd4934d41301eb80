"""Density of real seams against a count by eye, where a person can count: ``real_seams/counts.toml``."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.table import Figure
from inspection import imaging, runtime
from inspection.domain import Calibration, CalibrationSource, Seam, Zone, ZoneClass
from inspection.registry import open_serving
from inspection.seams import find_seams

__all__ = ["measure"]

FOLDER = Path(__file__).parent / "real_seams"
_BESIDE_PX = 6.0
_AGREES = 0.05
_LEAST_SHARE = 0.8
"""Of a counted stretch that has to be covered by found steps."""

F64 = npt.NDArray[np.float64]


def measure(models_dir: Path) -> list[Figure]:
    """How many counted seams are found with a density that agrees within 5 %."""
    said = tomllib.loads((FOLDER / "counts.toml").read_text())
    rgb = imaging.decode((FOLDER / said["photo"]).read_bytes(), max_pixels=4_000_000).rgb
    model = open_serving(models_dir, threads=1)
    maps = runtime.infer(model.network, rgb, photo_mm_per_px=said["mm_per_px"], spec=model.spec)
    h, w = rgb.shape[:2]
    zone = Zone(
        "photo",
        ZoneClass.PRIMARY,
        np.array([[-0.5, -0.5], [w - 0.5, -0.5], [w - 0.5, h - 0.5], [-0.5, h - 0.5]]),
    )
    scale = Calibration(said["mm_per_px"], CalibrationSource.REFERENCE)
    seams = find_seams(maps, rgb, (zone,), scale, spec=model.spec)
    errors = []
    for each in said["seam"]:
        start, end = np.array(each["from_px"], float), np.array(each["to_px"], float)
        pitch = _pitch_px(seams, start, end)
        true = float(np.hypot(*(end - start))) / each["stitches"]
        errors.append(abs(true / pitch - 1) if pitch else np.inf)
    agree, count = int(np.sum(np.array(errors) <= _AGREES)), len(errors)
    found = [error for error in errors if np.isfinite(error)]
    return [
        Figure(
            f"counted seams whose density agrees within 5 % ({len(found)} of {count} found)",
            f"{agree} of {count}",
            f"{count}",
            agree == count,
        ),
        Figure(
            "median difference from the count, of those found",
            f"{100 * float(np.median(found)):.1f} %" if found else "none found",
            "",
            None,
        ),
    ]


def _pitch_px(seams: tuple[Seam, ...], start: F64, end: F64) -> float | None:
    """Mean step of the seam along a stretch; None where none covers it."""
    length = float(np.hypot(*(end - start)))
    way = (end - start) / length
    for seam in seams:
        if not seam.readable:
            continue
        rel = seam.points_px - start
        along, across = rel @ way, rel @ np.array([-way[1], way[0]])
        on = (np.abs(across) < _BESIDE_PX) & (along > -_BESIDE_PX) & (along < length + _BESIDE_PX)
        both = on[:-1] & on[1:]
        steps = np.hypot(*np.diff(seam.points_px, axis=0).T)[both]
        if steps.sum() >= _LEAST_SHARE * length:
            return float(steps.mean())
    return None
