"""Recipes say which views there are, where their zones lie and which standard applies."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspection import outlines
from inspection.domain import ZoneClass
from inspection.errors import ConfigurationError, UnknownNameError
from inspection.locating import find, locate
from inspection.recipe_toml import to_toml
from inspection.recipes import Recipe, open_recipes
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


ZONE = '{ name = "quarter", class = "secondary" }'


@pytest.mark.parametrize(
    ("zone", "told"),
    [
        ('{ name = "quarter", class = "hidden", outline = [[0, 0], [1.5, 0], [1, 1]] }', "1.5 lies outside"),
        ('{ name = "quarter", class = "hidden", outline = [[0, 0], [nan, 0], [1, 1]] }', "nan lies outside"),
        ('{ name = "quarter", class = "hidden", outline = [[0, 0], [1, 1], [1, 0], [0, 1]] }',
         "sides from corner 1 and from corner 3 meet"),
        ('{ name = "quarter", class = "hidden", outline = [[0, 0], [1, 0], [0.5, 0], [0.5, 1]] }',
         "crosses or touches itself"),
    ],
)  # fmt: skip
def test_an_outline_that_nobody_can_mean_is_told(tmp_path: Path, zone: str, told: str) -> None:
    write(tmp_path, DERBY.replace(ZONE, zone))
    with pytest.raises(ConfigurationError, match=re.escape(told)) as caught:
        open_recipes([tmp_path])
    assert "quarter" in caught.value.detail


SEAM = """
[[views.lateral.seams]]
name = "cap"
path = [[0.1, 0.5], [0.9, 0.5]]
rows = 2
pitch_mm = [2.0, 2.6]
margin_mm = [1.0, 2.0]
"""


@pytest.mark.parametrize(
    ("instead", "told"),
    [
        (("[[0.1, 0.5], [0.9, 0.5]]", "[[0.1, 0.5]]"), "at least two points"),
        (("[[0.1, 0.5], [0.9, 0.5]]", "[[0.1, 0.5], [0.1, 0.5]]"), "no length"),
        (("[2.0, 2.6]", "[2.6, 2.0]"), "reversed: 2.6 to 2"),
        (("rows = 2", "rows = 0"), "greater than or equal to 1"),
    ],
)
def test_a_seam_that_nobody_can_mean_is_told(tmp_path: Path, instead: tuple[str, str], told: str) -> None:
    write(tmp_path, DERBY + SEAM.replace(*instead))
    with pytest.raises(ConfigurationError, match=re.escape(told)) as caught:
        open_recipes([tmp_path])
    assert "cap" in caught.value.detail


def test_expected_seams_lie_where_the_recipe_draws_them(tmp_path: Path) -> None:
    write(tmp_path, DERBY + SEAM)
    view = open_recipes([tmp_path]).get("derby").view(None)
    rgb = np.zeros((100, 200, 3), np.uint8)
    located = find(view, rgb, reference=None)
    (seam,) = located.seams
    np.testing.assert_allclose(seam.path_px, [[19.5, 49.5], [179.5, 49.5]])
    assert (seam.rows, seam.pitch_mm, seam.margin_mm) == (2, (2.0, 2.6), (1.0, 2.0))
    assert located.visible == (1.0, 1.0)


def test_a_recipe_written_as_toml_reads_back_the_same(tmp_path: Path) -> None:
    reference = '[views.lateral.reference]\nphoto = "lateral.jpg"\nfoot = "left"\n'
    (tmp_path / "lateral.jpg").write_bytes(b"photo")
    write(tmp_path, DERBY.replace('"Derby 17"', r'"德比 \"17\" \\ 号"') + reference + SEAM)
    recipe = open_recipes([tmp_path]).get("derby")
    write(tmp_path, to_toml(recipe))
    assert open_recipes([tmp_path]).get("derby") == recipe
    default = open_recipes().get(None)
    assert Recipe.model_validate(tomllib.loads(to_toml(default))) == default


def test_a_reference_photo_that_is_not_there_is_told(tmp_path: Path) -> None:
    write(tmp_path, DERBY + '[views.lateral.reference]\nphoto = "gone.jpg"\n')
    with pytest.raises(ConfigurationError, match=re.escape("no file 'gone.jpg'")):
        open_recipes([tmp_path])


def test_a_published_recipe_and_a_file_of_one_name_are_told(tmp_path: Path) -> None:
    write(tmp_path, DERBY)
    recipes = open_recipes([tmp_path])
    assert recipes.of_style("Derby 17") == (recipes.get("derby"),)
    assert recipes.of_style("Oxford") == ()
    other = recipes.get("derby").model_copy(update={"name": "oxford"})
    assert recipes.with_stored([other]).names() == ("default", "derby", "oxford")
    with pytest.raises(ConfigurationError, match="also the name of a published recipe"):
        recipes.with_stored([recipes.get("derby")])


corner = st.tuples(st.floats(0, 1), st.floats(0, 1))


@given(st.lists(corner, min_size=3, max_size=12))
def test_crossings_are_those_that_a_slow_search_finds(outline: list[tuple[float, float]]) -> None:
    rounded = [(round(x * 8), round(y * 8)) for x, y in outline]
    points = [p for p, before in zip(rounded, [rounded[-1], *rounded[:-1]], strict=True) if p != before]
    sides = list(zip(points, [*points[1:], *points[:1]], strict=True))
    apart = [
        (i, j) for i in range(len(sides)) for j in range(i + 2, len(sides)) if (i, j) != (0, len(sides) - 1)
    ]
    meet = any(_meet(*sides[i], *sides[j]) for i, j in apart)
    assert (outlines.crossing(rounded) is not None) == meet


def _meet(a: tuple[int, int], b: tuple[int, int], c: tuple[int, int], d: tuple[int, int]) -> bool:
    """Whether two segments of whole numbers share a point, exactly."""

    def turn(p: tuple[int, int], q: tuple[int, int], r: tuple[int, int]) -> int:
        return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])

    def on(p: tuple[int, int], q: tuple[int, int], r: tuple[int, int]) -> bool:
        within = min(p[0], q[0]) <= r[0] <= max(p[0], q[0]) and min(p[1], q[1]) <= r[1] <= max(p[1], q[1])
        return turn(p, q, r) == 0 and within

    sign = [np.sign(turn(*three)) for three in ((a, b, c), (a, b, d), (c, d, a), (c, d, b))]
    if sign[0] != sign[1] and sign[2] != sign[3] and 0 not in sign:
        return True
    return on(a, b, c) or on(a, b, d) or on(c, d, a) or on(c, d, b)
