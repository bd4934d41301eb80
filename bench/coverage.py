"""Whether the uncertainties that seams state are honest: many rendered photos, in pieces that can be resumed.

A run that is interrupted goes on where it was: what is known of each model lies in the folder for temporary
files, under the model's digest.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path

import numpy as np

import inspection.seams
from bench import seams
from bench.table import Figure, wilson
from inspection.registry import open_serving
from inspection.runtime import NetworkSpec

__all__ = ["measure"]

PIECE = 25
MM_PER_PX = 0.15
Known = dict[str, list[list[float]]]
"""Per quantity: whether each value was inside (1 or 0), and its stated uncertainty."""


def measure(models_dir: Path, *, seeds: int = 400) -> list[Figure]:
    """Share of values inside their uncertainty, per quantity, through drawn maps and the served model."""
    model = open_serving(models_dir, threads=1)
    told = _figures(_gathered("drawn", seams.drawn, seams.SPEC, seeds), f"drawn maps, {seeds} seeds")
    if model.spec.stitch_planes:
        known = _gathered(model.manifest.sha256, seams.served_by(model), model.spec, seeds)
        told += _figures(known, f"served model, {seeds} seeds")
    return told


def _gathered(of: str, mapper: seams.Mapper, spec: NetworkSpec, seeds: int) -> Known:
    folder = Path(inspection.seams.__file__).parent
    parts = sorted([*folder.glob("*.py"), *folder.glob("*.onnx")])
    code = hashlib.sha256(b"".join(each.read_bytes() for each in parts))
    file = Path(tempfile.gettempdir()) / f"welt-coverage-{of[:12]}-{code.hexdigest()[:12]}.json"
    done, known = 0, Known()
    if file.is_file():
        stored = json.loads(file.read_text())
        done, known = stored["done"], stored["known"]
    while done < seeds:
        count = min(PIECE, seeds - done)
        made = seams.scenes(count, mm_per_px=MM_PER_PX, first=done)
        tally = seams.measured(((each, None) for each in made), mapper, spec)
        for name, inside in tally.inside.items():
            known.setdefault(name, []).extend(
                [float(yes), wide] for yes, wide in zip(inside, tally.wide[name], strict=True)
            )
        done += count
        file.write_text(json.dumps({"done": done, "known": known}))
    return known


def _figures(known: Known, of: str) -> list[Figure]:
    told = []
    for name, values in sorted(known.items()):
        inside, wide = np.array(values).T
        share = float(inside.mean())
        low, high = wilson(share, len(inside))
        told.append(
            Figure(
                f"{of}: inside its uncertainty, {name} (n = {len(inside)}, median ± {np.median(wide):.3f})",
                f"{share:.3f} ({low:.3f} to {high:.3f})",
                "≥ 0.95",
                share >= 0.95,
            )
        )
    return told
