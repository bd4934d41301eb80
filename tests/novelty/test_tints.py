"""Photos of another colour are told from those that are taught together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inspection import novelty, registry
from inspection.novelty import Lesson
from inspection.novelty.tints import of_another_colour
from inspection.novelty.variants import VARIANTS
from tests import factories
from tests.novelty.conftest import good_photo, good_rgb

MODELS = Path(__file__).parents[2] / "models"
BROWN, BLUE = (150, 100, 60), (70, 90, 130)


def _dyed(seed: int, colour: tuple[int, int, int]) -> factories.RGB:
    grain = good_rgb(seed).mean(axis=2, keepdims=True) / 128
    return np.asarray(np.clip(grain * np.array(colour), 0, 255), np.uint8)


def test_a_few_of_another_colour_are_told() -> None:
    colours = [BROWN] * 8 + [BLUE] * 3
    told = of_another_colour([(_dyed(seed, colour), ()) for seed, colour in enumerate(colours)])
    assert told.tolist() == [False] * 8 + [True] * 3


@pytest.mark.parametrize("name", list(VARIANTS))
def test_the_same_under_another_light_is_no_other_colour(name: str) -> None:
    pictures = [_dyed(seed, BROWN) for seed in range(6)]
    pictures[2] = VARIANTS[name](pictures[2])
    assert not of_another_colour([(picture, ()) for picture in pictures]).any()


def test_a_style_that_comes_in_many_colours_has_no_other_one() -> None:
    colours = [BROWN, BLUE, (60, 120, 60), (150, 60, 60)] * 2
    assert not of_another_colour([(_dyed(seed, colour), ()) for seed, colour in enumerate(colours)]).any()


def test_what_lies_outside_the_zones_has_no_colour() -> None:
    outline = np.array([(60, 40), (200, 40), (200, 150), (60, 150)], np.float64)
    zone = replace(good_photo(0).zones[0], outline_px=outline)
    pictures = [_dyed(seed, BROWN) for seed in range(6)]
    floor = np.ones(pictures[3].shape[:2], bool)
    floor[40:151, 60:201] = False
    pictures[3][floor] = BLUE
    assert (
        of_another_colour([(picture, ()) for picture in pictures]).tolist()
        == [False] * 3 + [True] + [False] * 2
    )
    assert not of_another_colour([(picture, (zone,)) for picture in pictures]).any()


def test_they_are_shown_before_they_are_taught() -> None:
    """By the network that ships, whose features hardly depend on colour."""
    model = registry.open_serving(MODELS, threads=1)
    photos = [
        replace(good_photo(seed), rgb=_dyed(seed, BLUE if seed in (4, 7) else BROWN)) for seed in range(10)
    ]
    taught = novelty.teach(photos, Lesson("default", "upper", model))
    assert sorted(suspect.index for suspect in taught.suspects) == [4, 7]
