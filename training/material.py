"""Opens what a recipe learns from: the photos of its data sets, its pool of rendered scenes."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from inspection.errors import ConfigurationError
from training.datasets import Example, Shot, Split, load, open_dataset
from training.recipe import Recipe
from training.runs import RunFolder
from training.scenes import SIDE_PX, Pool, open_pool

__all__ = ["open_examples", "open_recipe_pool"]

SCENES = "scenes"
"""Folder of rendered pools, beside the folders of the runs."""


def open_examples(recipe: Recipe, split: Split, *, datasets_dir: Path) -> tuple[Example, ...]:
    """All photos of one split of the recipe's data sets, at model scale."""
    examples: list[Example] = []
    for name in recipe.data.sets:
        _, shots = open_dataset(datasets_dir, name)
        chosen: list[Shot] = [shot for shot in shots if shot.split is split]
        if recipe.data.limit is not None:
            chosen = _spread(chosen, recipe.data.limit)
        examples += [load(shot, mm_per_px=recipe.mm_per_px, kinds=recipe.kinds) for shot in chosen]
    return tuple(examples)


def _spread(shots: list[Shot], limit: int) -> list[Shot]:
    """A few shots spread over all, so that every kind is likely to occur."""
    if len(shots) <= limit:
        return shots
    return [shots[i] for i in np.linspace(0, len(shots) - 1, limit).round().astype(int)]


def open_recipe_pool(recipe: Recipe, run: RunFolder, datasets_dir: Path, *, quiet: bool) -> Pool | None:
    """The rendered scenes of a recipe; None when it wants none."""
    if recipe.data.scenes is None:
        return None
    if recipe.data.crop_px > SIDE_PX:
        raise ConfigurationError(
            f"'{recipe.name}' cuts crops of {recipe.data.crop_px} px from rendered scenes of {SIDE_PX} px",
            hint=f"Set data.crop_px to {SIDE_PX} at the most, or leave out data.scenes.",
        )
    return open_pool(
        recipe.data.scenes,
        kinds=recipe.kinds,
        mm_per_px=recipe.mm_per_px,
        seed=recipe.seed,
        folder=run.path.parent / SCENES,
        datasets_dir=datasets_dir,
        workers=len(os.sched_getaffinity(0)),
        quiet=quiet,
    )
