"""Recipes say which views there are, where their zones lie and which standard applies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from inspection.domain import ZoneClass
from inspection.errors import ConfigurationError, UnknownNameError
from inspection.locating import locate
from inspection.recipes import open_recipes
from inspection.standards import open_standards

DERBY = """
name = "derby"
version = "2"
style = "Derby 17"
standard = "strict"
default_view = "lateral"

[thresholds]
scratch = 0.7

[calibrations]
bench-1 = 0.12

[views.lateral]
mm_per_px = 0.1
zones = [
    { name = "toe", class = "primary", outline = [[0, 0], [0.25, 0], [0.25, 1], [0, 1]] },
    { name = "quarter", class = "secondary" },
]
"""


def write(folder: Path, text: str, name: str = "derby.toml") -> None:
    (folder / name).write_text(text, encoding="utf-8")


def test_the_default_recipe_has_the_usual_views_and_a_standard_that_exists() -> None:
    recipe = open_recipes().get(None)
    assert recipe.name == "default"
    assert set(recipe.views) == {"lateral", "medial", "toe", "heel", "top", "sole", "upper", "leather"}
    assert open_standards().get(recipe.standard).id == "general"
    assert recipe.view(None) is recipe.views["upper"]
    assert recipe.view("lateral").zones[0].zone_class is ZoneClass.PRIMARY
    assert recipe.view("medial").zones[0].zone_class is ZoneClass.SECONDARY


def test_a_recipe_of_ones_own_is_read_beside_the_default(tmp_path: Path) -> None:
    write(tmp_path, DERBY)
    recipes = open_recipes([tmp_path])
    assert recipes.names() == ("default", "derby")
    recipe = recipes.get("derby")
    assert recipe.view_name(None) == "lateral"
    assert recipe.view("lateral").mm_per_px == 0.1
    assert recipe.calibrations == {"bench-1": 0.12}
    assert recipe.thresholds == {"scratch": 0.7}


def test_unknown_recipes_and_views_are_told_with_those_that_exist() -> None:
    with pytest.raises(UnknownNameError, match="'oxford'") as refused:
        open_recipes().get("oxford")
    assert refused.value.hint == "Known recipes: default."
    with pytest.raises(UnknownNameError, match="no view named 'front'") as refused:
        open_recipes().get(None).view("front")
    assert "heel, lateral, leather" in refused.value.hint


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('default_view = "lateral"', 'default_view = "front"', "default_view 'front' is not among the views"),
        ("mm_per_px = 0.1", "mm_per_px = 0", "views.lateral.mm_per_px"),
        ("mm_per_px = 0.1", "mm_per_px = inf", "views.lateral.mm_per_px"),
        ("mm_per_px = 0.1", "mm_per_pixel = 0.1", "views.lateral.mm_per_pixel"),
        ("[0.25, 0], [0.25, 1]", "[1.25, 0], [0.25, 1]", "views.lateral.zones[toe].outline[1][0]"),
        ("[[0, 0], [0.25, 0], [0.25, 1], [0, 1]]", "[[0, 0], [0.25, 0]]", "at least three corners"),
        ("[[0, 0], [0.25, 0], [0.25, 1], [0, 1]]", "[[0, 0], [0.5, 0.5], [1, 1]]", "encloses no area"),
        ('"quarter"', '"toe"', "zone names have to differ"),
        ("scratch = 0.7", "scrach = 0.7", "'scrach' is no defect kind"),
        ("scratch = 0.7", "scratch = 1.5", "thresholds.scratch"),
        ("bench-1 = 0.12", "bench-1 = -1", "calibrations.bench-1"),
    ],
)
def test_a_fault_is_told_by_file_and_key(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in DERBY
    write(tmp_path, DERBY.replace(old, new))
    with pytest.raises(ConfigurationError) as refused:
        open_recipes([tmp_path])
    assert str(tmp_path / "derby.toml") in refused.value.detail
    assert told in refused.value.detail
    assert refused.value.hint


def test_two_recipes_may_not_share_a_name(tmp_path: Path) -> None:
    write(tmp_path, DERBY)
    write(tmp_path, DERBY, "again.toml")
    with pytest.raises(ConfigurationError, match="already the name of"):
        open_recipes([tmp_path])


def test_zones_are_laid_over_the_photo_between_its_outer_edges(tmp_path: Path) -> None:
    write(tmp_path, DERBY)
    view = open_recipes([tmp_path]).get("derby").view(None)
    toe, quarter = locate(view, width_px=400, height_px=300)
    np.testing.assert_allclose(
        toe.outline_px, [(-0.5, -0.5), (99.5, -0.5), (99.5, 299.5), (-0.5, 299.5)], atol=1e-9
    )
    assert (toe.name, toe.zone_class) == ("toe", ZoneClass.PRIMARY)
    assert quarter.outline_px.max() == 399.5
