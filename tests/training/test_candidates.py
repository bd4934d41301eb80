"""Thresholds keep what they promise on the photos they are chosen on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from inspection.domain import Defect, Maps, ZoneClass
from training.candidates import (
    HIGHEST_THRESHOLD,
    LOWEST_THRESHOLD,
    Look,
    choose_thresholds,
    floors_of_sound_photos,
)
from training.datasets import Shot, Split

pytestmark = pytest.mark.train

SIDE = 160
MM_PER_PX = 0.15
SQUARE = np.array([(0, 0), (4, 0), (4, 4), (0, 4)], np.float64)


def _look(number: int, *scores: tuple[str, float]) -> Look:
    """A sound photo with alarms of these kinds and scores, all in its first patch."""
    regions = tuple(
        Defect(
            kind=kind,
            zone="photo",
            zone_class=ZoneClass.PRIMARY,
            score=score,
            outline_px=SQUARE + 10 * i,
            box_px=(10.0 * i, 10.0 * i, 4.0, 4.0),
        )
        for i, (kind, score) in enumerate(scores)
    )
    shot = Shot("sound", f"photo {number}", Path("none"), Split.VAL, "one", MM_PER_PX, is_flat=False)
    maps = Maps(("sound", "cut", "hole"), np.zeros((3, 4, 4), np.float32), (SIDE, SIDE))
    return Look(shot, maps, np.zeros((SIDE, SIDE), bool), regions, MM_PER_PX)


def _alarms(looks: list[Look], thresholds: dict[str, float]) -> int:
    return sum(region.score >= thresholds[region.kind] for one in looks for region in one.regions)


def test_sound_photos_keep_to_the_alarms_they_may_raise_and_kinds_share_them() -> None:
    looks = [
        _look(0, ("cut", 0.99), ("cut", 0.8), ("cut", 0.7), ("hole", 0.6)),
        _look(1, ("cut", 0.9), ("cut", 0.85), ("cut", 0.55)),
    ]
    kinds = ("cut", "hole", "scar")
    floors = floors_of_sound_photos(looks, kinds, alarms_per_photo=1.0)
    assert _alarms(looks, floors) == 2
    assert floors["scar"] == LOWEST_THRESHOLD
    assert floors["hole"] == LOWEST_THRESHOLD  # one alarm each: the hole may stay
    assert 0.9 < floors["cut"] < 0.99
    none = floors_of_sound_photos(looks, kinds, alarms_per_photo=0.0)
    assert _alarms(looks, none) == 0
    assert set(floors_of_sound_photos(looks, kinds, alarms_per_photo=10.0).values()) == {LOWEST_THRESHOLD}
    assert set(floors_of_sound_photos([], kinds, alarms_per_photo=0.0).values()) == {LOWEST_THRESHOLD}


def test_no_threshold_rises_beyond_what_leaves_room_to_choose() -> None:
    floors = floors_of_sound_photos([_look(0, ("cut", 0.9999))], ("cut",), alarms_per_photo=0.0)
    assert floors == {"cut": HIGHEST_THRESHOLD}


def test_the_chosen_share_of_sound_patches_passes() -> None:
    looks = [_look(i, ("cut", 0.5 + 0.02 * i)) for i in range(20)]
    thresholds = choose_thresholds(looks, ("cut", "hole"), sound_pass=0.9)
    assert _alarms(looks, thresholds) == 2
    assert thresholds["hole"] == LOWEST_THRESHOLD
