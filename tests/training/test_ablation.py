"""Ablations change one thing at a time, and all of them are taught, scored and told alike."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from click.testing import CliRunner

from training import ablation
from training.__main__ import main
from training.ablation import QUESTIONS, What
from training.recipe import PROJECT, Architecture, BoxUse, Recipe, read_recipe
from training.runs import RunFolder

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def leather() -> Recipe:
    """The recipe that ships."""
    return read_recipe(PROJECT / "training" / "recipes" / "leather.toml")


def _recipes(recipe: Recipe, what: What) -> dict[str, Recipe]:
    return {one.name: one.recipe for one in ablation.variants(recipe, what, steps=7)}


@pytest.mark.parametrize("what", What)
def test_all_variants_are_short_runs_of_their_own(leather: Recipe, what: What) -> None:
    recipes = _recipes(leather, what).values()
    assert len({recipe.fingerprint for recipe in recipes}) == len(recipes)
    assert len({recipe.name for recipe in recipes}) == len(recipes)
    for recipe in recipes:
        assert recipe.last_stretch is None
        assert (recipe.fit.steps, recipe.fit.batch) == (7, ablation.BATCH)
        assert recipe.data.crop_px == ablation.CROP_PX
        assert Recipe.model_validate(recipe.model_dump())


def test_each_question_changes_one_thing(leather: Recipe) -> None:
    boxes = _recipes(leather, What.BOXES)
    assert [recipe.data.boxes for recipe in boxes.values()] == list(BoxUse)
    sources = _recipes(leather, What.SOURCES)
    assert sources["real"].data.scenes is None
    assert sources["rendered"].data.only_scenes
    assert sources["both"].data.sets == leather.data.sets
    assert sources["without-leather-line"].data.sets == ("leather-hides", "shoes")
    assert sources["without-leather-hides"].data.sets == ("leather-line", "shoes")
    encoder = _recipes(leather, What.ENCODER).values()
    assert [recipe.network.frozen_stages for recipe in encoder] == [-1, leather.network.frozen_stages, 7]
    assert len({recipe.data for recipe in encoder}) == 1
    ours, peer = _recipes(leather, What.PEER).values()
    assert (ours.network.architecture, peer.network.architecture) == tuple(Architecture)
    assert ours.data == peer.data
    assert ours.fit.steps == peer.fit.steps


def test_every_question_can_be_asked_by_the_command() -> None:
    assert set(QUESTIONS) == set(What)
    told = CliRunner().invoke(main, ["ablate", "--help"]).output
    assert f"[{'|'.join(What)}]" in told


@pytest.mark.slow
def test_a_plain_unet_is_taught_scored_and_timed_beside_the_network(
    quick: Recipe, finished: RunFolder
) -> None:
    run = RunFolder(finished.path.parent / "beside")  # where the pool of scenes lies already
    table = ablation.ablate(quick, run, What.PEER, steps=2, quiet=True)
    assert ablation.table_file(run, What.PEER).read_text() == table
    assert "could not be had" in table
    rows = {
        cells[1].strip(): cells[2:-1]
        for cells in (line.split("|") for line in table.splitlines() if "|" in line)
    }
    assert rows[""] == [" the recipe's network ", " plain U-Net on ResNet-34 "]
    for figure in ("hides: pixel AP", "line: boxes found at 1 false region per photo"):
        assert all(" to " in cell for cell in rows[figure])
    ours_ms, peer_ms = (
        float(cell.split("(")[0]) for cell in rows[next(row for row in rows if row.startswith("ms per"))]
    )
    assert ours_ms > 0
    assert peer_ms > 0
