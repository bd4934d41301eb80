"""The last stretch of a run has its own mix and rate, and all else from its recipe."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from training.recipe import PROJECT, Recipe, read_recipe

pytestmark = pytest.mark.train


def test_the_last_stretch_takes_its_mix_and_rate_and_leaves_the_rest(quick: Recipe) -> None:
    recipe = read_recipe(PROJECT / "training" / "recipes" / "leather.toml")
    finish, last = recipe.finish, recipe.last_stretch
    assert finish is not None
    assert last is not None
    assert last.data.scenes is not None
    assert recipe.data.scenes is not None
    assert (last.fit.steps, last.fit.rate, last.fit.averaging) == (
        finish.steps,
        finish.rate,
        finish.averaging,
    )
    assert (last.data.box_share, last.data.focus) == (finish.box_share, finish.focus)
    assert (last.data.paste, last.data.sound_share) == (finish.paste, finish.sound_share)
    assert (last.data.scenes.share, last.data.scenes.focus) == (finish.scenes_share, finish.scenes_focus)
    assert last.data.scenes.count == recipe.data.scenes.count
    assert (last.kinds, last.network, last.fit.batch) == (recipe.kinds, recipe.network, recipe.fit.batch)
    assert last.fingerprint != recipe.fingerprint
    assert last.seed != recipe.seed
    assert last.last_stretch is None
    assert quick.last_stretch is None
