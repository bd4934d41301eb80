"""A recipe says what decides the weights, and a checkpoint knows by that whether it is of it."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")

import torch

from inspection.errors import ConfigurationError
from training import fitting
from training.material import open_recipe_pool
from training.recipe import (
    PROJECT,
    DataPart,
    Device,
    ExportPart,
    FitPart,
    Precision,
    Recipe,
    ScenesPart,
    read_recipe,
)
from training.runs import RunFolder, load_averaged

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


@pytest.mark.parametrize("processes", [1, 2])
def test_a_checkpoint_of_another_recipe_is_refused_with_a_hint(tmp_path: Path, processes: int) -> None:
    run = RunFolder(tmp_path / "small")
    run.path.mkdir()
    torch.save({"fingerprint": "of another"}, run.checkpoint)
    with pytest.raises(ConfigurationError, match="another version") as refused:
        fitting.fit(_fitted(processes=processes), run, quiet=True)
    assert str(run.path) in refused.value.hint


def test_crops_larger_than_rendered_scenes_are_refused(tmp_path: Path, datasets_dir: Path) -> None:
    data = RECIPE.data.model_copy(update={"crop_px": 352, "scenes": ScenesPart(count=4, share=0.5)})
    recipe = RECIPE.model_copy(update={"data": data})
    with pytest.raises(ConfigurationError, match="crops of 352 px"):
        open_recipe_pool(recipe, RunFolder(tmp_path / "small"), datasets_dir, quiet=True)


@pytest.mark.slow
def test_the_recipe_for_a_gpu_fits_on_a_cpu_too(tmp_path: Path) -> None:
    whole = read_recipe(PROJECT / "training" / "recipes" / "leather-gpu.toml")
    leather = read_recipe(PROJECT / "training" / "recipes" / "leather.toml")
    assert whole.fit.device is Device.CUDA
    assert whole.network.decoder_channels == leather.network.decoder_channels
    assert whole.kinds == leather.kinds
    assert whole.data.crop_px > leather.data.crop_px
    assert whole.fit.batch > leather.fit.batch
    assert whole.data.scenes is not None
    few = whole.data.scenes.model_copy(update={"count": 4})
    trial = {"device": Device.AUTO, "steps": 2, "batch": 2, "warm_up": 0, "threads": 2, "workers": 0}
    recipe = whole.model_copy(
        update={
            "data": whole.data.model_copy(update={"limit": 4, "scenes": few}),
            "fit": whole.fit.model_copy(update=trial),
            "finish": None,
        }
    )
    run = RunFolder(tmp_path / "runs" / whole.name)
    fitting.fit(recipe, run, quiet=True)
    assert load_averaged(run, recipe).head.out_channels == len(whole.kinds)
