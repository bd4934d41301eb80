"""How far off a network sees edges is measured anew, whatever its manifest says."""

from __future__ import annotations

import pytest

from inspection.registry import Model, open_serving
from training import edges
from training.edges import edge_outward_mm
from training.recipe import PROJECT, Recipe, read_recipe

SCENES = 14
"""Of these some ten rows run along an edge."""


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return read_recipe(PROJECT / "training/recipes/leather.toml")


@pytest.fixture(scope="module")
def served() -> Model:
    return open_serving(PROJECT / "models", threads=1)


@pytest.fixture(scope="module")
def measured(recipe: Recipe, served: Model) -> float:
    return edge_outward_mm(recipe, served, scenes=SCENES)


def test_the_model_that_ships_says_what_is_measured(measured: float, served: Model) -> None:
    # A third of the scenes that the manifest's figure comes from.
    assert measured == pytest.approx(served.manifest.edge_outward_mm, abs=0.05)
    assert measured != 0


def test_what_the_manifest_says_is_not_taken_off(measured: float, recipe: Recipe, served: Model) -> None:
    claimed = served.manifest.model_copy(update={"edge_outward_mm": 0.6})
    other = Model(claimed, served.network, served.folder)
    assert edge_outward_mm(recipe, other, scenes=SCENES) == measured


def test_without_scenes_or_stitches_nothing_is_measured(recipe: Recipe, served: Model) -> None:
    real = recipe.model_copy(update={"data": recipe.data.model_copy(update={"scenes": None})})
    assert edge_outward_mm(real, served, scenes=SCENES) == 0
    plain = Model(served.manifest.model_copy(update={"stitch_planes": ()}), served.network, served.folder)
    assert edge_outward_mm(recipe, plain, scenes=SCENES) == 0


def test_too_few_rows_say_nothing(recipe: Recipe, served: Model) -> None:
    assert edge_outward_mm(recipe, served, scenes=2) == 0


def test_a_network_that_sees_no_edges_is_not_allowed_for(
    monkeypatch: pytest.MonkeyPatch, recipe: Recipe, served: Model
) -> None:
    told: list[str] = []
    # What the log shows depends on who configured it before; what is told does not.
    monkeypatch.setattr(edges.LOG, "warning", lambda message, *values: told.append(message % values))
    monkeypatch.setattr(edges, "_margin_error_mm", lambda *_: -3.0)  # as after a few hundred steps
    assert edge_outward_mm(recipe, served, scenes=SCENES) == 0
    assert told == ["edges are seen -3.00 mm off, so they are not seen: margins allow for nothing"]
