"""Shows what each source of photos is worth: short runs without one or the other, judged on unseen hides.

Real alone, rendered alone and both together tell how real the rendering is; a run without one of the two sets
of hides tells how far what is learned carries to leather, light and camera that it never saw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inspection import metrics
from inspection.metrics import Interval, Tally
from training.datasets import Example, Split
from training.fitting import fit
from training.material import open_examples
from training.networks import LeatherNet
from training.recipe import PROJECT, DataPart, Recipe
from training.runs import RunFolder, load_averaged
from training.validating import predict, regions_against_boxes

__all__ = ["compare_sources"]

SHOWN_LEVEL = 0.5
BATCH, CROP_PX = 8, 192
"""Smaller than the recipe's, so that all runs together take minutes."""


@dataclass(frozen=True)
class _Variant:
    name: str
    said: str
    data: DataPart


def _variants(data: DataPart) -> list[_Variant]:
    def without(*left_out: str) -> tuple[str, ...]:
        return tuple(name for name in data.sets if name not in left_out)

    real = data.model_copy(update={"scenes": None})
    made = [_Variant("real", "real photos alone", real)]
    if data.scenes is not None:
        made += [
            _Variant("rendered", "rendered scenes alone", data.model_copy(update={"only_scenes": True})),
            _Variant("both", "real photos and rendered scenes", data),
        ]
    for name in data.sets:
        left = without(name)
        if name.startswith("leather") and any(other.startswith("leather") for other in left):
            own = data.model_copy(update={"sets": left})
            made.append(_Variant(f"without-{name}", f"as both, but without {name}", own))
    return made


def _masks(network: LeatherNet, examples: Sequence[Example]) -> Interval:
    """Pixel AP, with an interval over photos."""
    tallies = {
        example.shot.stem: [Tally.of(1 - predict(network, example.rgb)[0], example.labels > 0)]
        for example in examples
    }
    return metrics.bootstrap(tallies, lambda some: Tally.total(some).average_precision())


def _boxes(network: LeatherNet, examples: Sequence[Example]) -> tuple[Interval, Interval]:
    """(boxes found, false regions per photo) at ``SHOWN_LEVEL``, with intervals over hides."""
    judged: dict[str, list[tuple[int, int, int]]] = {}
    for example in examples:
        defect = 1 - predict(network, example.rgb)[0]
        hit, false = regions_against_boxes(defect >= SHOWN_LEVEL, example.boxes)
        judged.setdefault(example.shot.group, []).append((hit, len(example.boxes), false))
    return (
        metrics.bootstrap(judged, lambda some: sum(row[0] for row in some) / sum(row[1] for row in some)),
        metrics.bootstrap(judged, lambda some: float(np.mean([row[2] for row in some]))),
    )


def _cell(interval: Interval) -> str:
    return f"{interval.value:.3f} ({interval.low:.3f} to {interval.high:.3f})"


def compare_sources(
    recipe: Recipe,
    run: RunFolder,
    *,
    steps: int,
    datasets_dir: Path = PROJECT / "datasets",
    quiet: bool = False,
) -> str:
    """Fit each variant for ``steps`` steps, judge it on the test hides, write the table to the run folder."""
    test = open_examples(recipe, Split.TEST, datasets_dir=datasets_dir)
    masked = [example for example in test if example.shot.mask_file is not None]
    boxed = [example for example in test if example.boxes]
    rows = []
    for variant in _variants(recipe.data):
        data = variant.data.model_copy(update={"crop_px": min(CROP_PX, recipe.data.crop_px)})
        part = {"steps": steps, "validate_every": steps, "batch": BATCH, "processes": 1}
        own = recipe.model_copy(
            update={
                "name": f"{recipe.name}-{variant.name}",
                "data": data,
                "finish": None,
                "fit": recipe.fit.model_copy(update=part),
            }
        )
        # Beside the run itself, whose pool of scenes they share.
        folder = RunFolder(run.path.parent / own.name)
        fit(own, folder, datasets_dir=datasets_dir, quiet=quiet)
        network = load_averaged(folder, own)
        recall, false = _boxes(network, boxed)
        cells = (_cell(_masks(network, masked)), _cell(recall), _cell(false))
        rows.append(f"| {variant.said} | {' | '.join(cells)} |")
    table = "\n".join(
        [
            f"What each source is worth: {steps} steps of {BATCH} crops of {CROP_PX} px each (short runs, so",
            "figures are lower than the shipped model's), torch, averaged weights, on the same unseen hides;",
            f"regions at probability {SHOWN_LEVEL:g} whatever their size; 95 % intervals in brackets, over",
            "photos for leather-hides and over hides for leather-line.",
            "",
            "| learned from | hides: pixel AP | line: boxes found | line: false regions per photo |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )
    (run.path / "sources.md").write_text(table, encoding="utf-8")
    return table
