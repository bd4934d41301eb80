"""A recipe says what decides the weights, and a checkpoint knows by that whether it is of it."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")

import torch

from inspection.errors import ConfigurationError
from training import fitting
from training.recipe import DataPart, Device, ExportPart, FitPart, Precision, Recipe
from training.runs import RunFolder

pytestmark = pytest.mark.train

RECIPE = Recipe(
    name="small",
    purpose="tests",
    kinds=("sound", "cut"),
    mm_per_px=0.3,
    scale_note="none",
    data=DataPart(sets=("leather-hides",)),
    fit=FitPart(steps=2, batch=16),
    export=ExportPart(model="small", version="1", min_area_mm2={"cut": 0.3}, golden=("hole_29",)),
)


def _fitted(**changes: object) -> Recipe:
    return RECIPE.model_copy(update={"fit": RECIPE.fit.model_copy(update=changes)})


def test_a_key_that_came_later_leaves_the_fingerprint_of_older_recipes_as_it_was() -> None:
    # As version 0.1.0 had it: checkpoints of that time go on. A new key is left out where it has its default.
    assert RECIPE.fingerprint == "3d08db9061440265a295e022744e89316d464ed13a161da4a7b96419751dc750"


def test_precision_decides_the_weights_and_where_they_are_learned_does_not() -> None:
    assert _fitted(precision=Precision.BFLOAT16).fingerprint != RECIPE.fingerprint
    for device in Device:
        assert _fitted(device=device).fingerprint == RECIPE.fingerprint


@pytest.mark.skipif(torch.cuda.device_count() >= 16, reason="this machine has 16 GPUs")
def test_a_recipe_for_more_gpus_than_there_are_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "small")
    with pytest.raises(ConfigurationError, match="wants 16 CUDA devices") as refused:
        fitting.fit(_fitted(device=Device.CUDA, processes=16), run, quiet=True)
    assert "fit.device" in refused.value.hint
    assert not run.path.exists()
