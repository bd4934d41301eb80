"""What is wrong with a draft is told by the names its maker gave, and what was done by what was touched."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from inspection.recipes import Recipe
from inspection.web.i18n import open_words
from inspection.web.pages_recipes import Did
from inspection.web.recipe_places import place

WORDS = open_words()
SQUARE = [[0, 0], [1, 0], [1, 1]]


def _draft(**view: Any) -> dict[str, Any]:
    base = {"zones": [{"name": "toe-cap", "class": "primary", "outline": SQUARE}], "seams": []}
    return {
        "name": "derby",
        "version": "1",
        "standard": "general",
        "default_view": "left-side",
        "views": {"left-side": base | view},
    }


def _place(draft: Any, language: str = "en") -> str:
    with pytest.raises(ValidationError) as caught:
        Recipe.model_validate(draft)
    return place(WORDS[language], draft, caught.value.errors()[0]["loc"])


def test_zones_and_seams_are_named() -> None:
    zone = {"name": "vamp", "class": "primary", "height_mm": -1}
    assert _place(_draft(zones=[zone])) == "View left-side, Zone vamp, Height above the plane, mm"
    seam = {"name": "topline", "path": [[0, 0], [1, 1]], "pitch_mm": [3, 2]}
    assert _place(_draft(seams=[seam])) == "View left-side, Seam topline, Pitch"
    assert _place(_draft(seams=[seam]), "zh") == "视图 left-side，缝线 topline，针距"


def test_what_has_no_name_is_counted() -> None:
    assert _place(_draft(zones=[{"class": "primary"}])) == "View left-side, Zone 1, Name"


def test_faults_of_the_whole_are_placed_as_well_as_can_be() -> None:
    assert _place(_draft() | {"name": "Derby 17"}) == "Name"
    assert _place(_draft(zones=_draft()["views"]["left-side"]["zones"] * 2)) == "View left-side, Zone"
    assert _place(_draft() | {"default_view": "toe"}) == ""
    assert _place("no recipe") == ""


@pytest.mark.parametrize("language", WORDS)
def test_what_was_done_is_told(language: str) -> None:
    for did in Did:
        told = WORDS[language](f"recipes.did_{did}", name="derby", other="oxford")
        assert "derby" in told
