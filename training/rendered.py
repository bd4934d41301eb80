"""Scores a model on rendered scenes of leathers and threads that it never saw, every needle hole known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from inspection import metrics, runtime
from inspection.metrics import Tally
from inspection.registry import Metric, Model
from training import sewing_scores
from training.datasets import UNKNOWN_LABEL
from training.recipe import Recipe
from training.scenes import render_piece, wanted_scene
from training.sewing_scores import PointTally

__all__ = ["COUNT", "rendered_figures"]

COUNT = 60
SEED_APART = 7
"""Added to the recipe's seed: no scene of the pool comes again."""
DATA = "rendered, families and threads never trained on"


@dataclass(frozen=True, eq=False)
class _Judged:
    index: int
    points: PointTally
    both: int
    either: int
    tally: Tally


def _judge(recipe: Recipe, model: Model, index: int, datasets_dir: Path) -> _Judged:
    part = recipe.data.scenes
    if part is None:
        raise ValueError("the recipe has no scenes")
    seed = recipe.seed + SEED_APART
    exact = part.model_copy(update={"scale_jitter_share": 0.0})
    scene, _ = wanted_scene(
        exact, index, mm_per_px=recipe.mm_per_px, seed=seed, held_out=True, datasets_dir=datasets_dir
    )
    piece = render_piece(
        scene, recipe.mm_per_px, kinds=model.manifest.kinds, seed=seed, datasets_dir=datasets_dir
    )
    maps = runtime.infer(model.network, piece.rgb, photo_mm_per_px=recipe.mm_per_px, spec=model.spec)
    stitches = np.zeros((5, 1, 1), np.float32) if maps.stitches is None else maps.stitches
    found = sewing_scores.peaks(stitches, stride=model.spec.stride)
    near_px = sewing_scores.NEAR_MM / recipe.mm_per_px
    both, either = sewing_scores.thread_overlap(stitches, piece.thread)
    defect = np.kron(1 - maps.surface[0], np.ones((model.spec.stride, model.spec.stride), np.float32))
    known = piece.labels != UNKNOWN_LABEL
    return _Judged(
        index=index,
        points=sewing_scores.judge_points(found, piece.holes_px, piece.doubtful_px, near_px=near_px),
        both=both,
        either=either,
        tally=Tally.of(defect, (piece.labels > 0) & known, valid=known),
    )


def rendered_figures(
    recipe: Recipe, model: Model, *, datasets_dir: Path, count: int | None = None, quiet: bool = False
) -> list[Metric]:
    """Stitch points, thread and surface on rendered scenes; intervals by bootstrap over scenes."""
    wanted = count if count is not None else min(COUNT, recipe.data.scenes.count if recipe.data.scenes else 0)
    judged = [
        _judge(recipe, model, index, datasets_dir)
        for index in tqdm(range(wanted), desc="rendered", unit="scene", disable=quiet)
    ]
    holes = sum(one.points.holes for one in judged)
    mm = recipe.mm_per_px

    def off_mm(some: Sequence[_Judged]) -> float:
        off = np.concatenate([one.points.off_px for one in some])
        return float(np.median(off)) * mm if len(off) else float("nan")

    figures: tuple[tuple[str, int, Callable[[Sequence[_Judged]], float]], ...] = (
        (
            f"needle holes, AP within {sewing_scores.NEAR_MM:g} mm",
            holes,
            lambda some: sewing_scores.average_precision([one.points for one in some]),
        ),
        ("median distance of a found hole, mm", holes, off_mm),
        (
            "thread, intersection over union",
            len(judged),
            lambda some: sum(one.both for one in some) / max(1, sum(one.either for one in some)),
        ),
        (
            "pixel AP",
            len(judged),
            lambda some: Tally.total([one.tally for one in some]).average_precision(),
        ),
    )
    made = []
    for name, n, figure in figures:
        if n == 0 or np.isnan(figure(judged)):
            continue
        interval = metrics.bootstrap({one.index: [one] for one in judged}, figure)
        known = not np.isnan(interval.low)
        made.append(
            Metric(
                name=name,
                data=DATA,
                kind="any",
                value=round(interval.value, 4),
                low=round(interval.low, 4) if known else None,
                high=round(interval.high, 4) if known else None,
                n=n,
            )
        )
    return made
