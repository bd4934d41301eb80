"""Colours of rendered pairs whose truth is known, under light that is anything but even."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from inspection.colour import ciede2000, colour_differences, lab_of_linear, linear_of_lab, zone_colours
from inspection.colour.told import colours_document, colours_of
from inspection.domain import Zone, ZoneClass
from tests import factories
from tests.inspection.colour.rendering import PANELS, Light, Shot, random_light, render

PAIRS = 6
BAR_DE = 0.5

Labs = dict[str, tuple[float, float, float]]


def true_colours(rng: np.random.Generator, *, alike: bool) -> tuple[Labs, Labs]:
    """Colours of the panels of both shoes: leather dark to light, some panels off by about 2 ΔE00."""
    left: Labs = {}
    right: Labs = {}
    common = (float(rng.uniform(25, 70)), float(rng.uniform(-10, 25)), float(rng.uniform(-10, 35)))
    for name in PANELS:
        own = (float(rng.uniform(25, 75)), float(rng.uniform(-12, 25)), float(rng.uniform(-10, 35)))
        lab = np.array(common if alike else own)
        off = rng.normal(0, 1, 3) * rng.integers(0, 2)
        for side, value in ((left, lab), (right, lab + off)):
            shown = lab_of_linear(np.clip(linear_of_lab(value), 0.01, 0.9))
            side[name] = (float(shown[0]), float(shown[1]), float(shown[2]))
    return left, right


def pairs(*, patch: bool, jpeg: int | None) -> Iterator[tuple[Shot, Labs, Shot, Labs]]:
    for seed in range(PAIRS):
        rng = np.random.default_rng(seed)
        left, right = true_colours(rng, alike=seed % 3 == 0)
        light = random_light(rng)
        other = replace(light, level=light.level * float(rng.uniform(0.85, 1.05))) if patch else light
        yield (
            render(left, light, mirrored=False, seed=2 * seed, patch=patch, jpeg=jpeg),
            left,
            render(right, other, mirrored=True, seed=2 * seed + 1, patch=patch, jpeg=jpeg),
            right,
        )


def measure(*, patch: bool, jpeg: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Error and stated uncertainty of every zone of every pair."""
    errors, stated = [], []
    for left, left_labs, right, right_labs in pairs(patch=patch, jpeg=jpeg):
        one = zone_colours(left.photo, left.zones, patches=left.patches)
        two = zone_colours(right.photo, right.zones, patches=right.patches)
        assert one is not None
        assert two is not None
        for found in colour_differences(one, two):
            truth = ciede2000(np.array(left_labs[found.zone]), np.array(right_labs[found.zone]))
            assert found.referenced is patch
            errors.append(abs(found.difference - float(truth)))
            stated.append(found.uncertainty)
    assert len(errors) == PAIRS * len(PANELS)
    return np.array(errors), np.array(stated)


@pytest.mark.parametrize("patch", [True, False], ids=["white tile, other exposure", "same exposure"])
def test_a_pair_under_uneven_light_is_compared_within_half_a_unit(patch: bool) -> None:
    errors, stated = measure(patch=patch, jpeg=None)
    assert errors.max() <= BAR_DE
    assert (errors <= stated).mean() >= 0.95


@pytest.mark.parametrize("quality", [85, 92])
def test_what_jpeg_costs_is_little_and_inside_the_stated_uncertainty(quality: int) -> None:
    errors, stated = measure(patch=False, jpeg=quality)
    assert (errors <= stated).mean() >= 0.95
    assert np.quantile(errors, 0.9) <= BAR_DE


def test_plain_means_would_not_do() -> None:
    """The light is uneven enough to matter: without the fit most zones are off by more than the bar."""
    off = []
    for left, left_labs, right, right_labs in list(pairs(patch=False, jpeg=None))[:3]:
        for one, two in zip(left.zones, right.zones, strict=True):
            seen = []
            for shot, zone in ((left, one), (right, two)):
                (x_0, y_0), (x_1, y_1) = zone.outline_px.min(axis=0), zone.outline_px.max(axis=0)
                middle = shot.photo.rgb[int(y_0) + 60 : int(y_1) - 30, int(x_0) + 30 : int(x_1) - 30]
                seen.append(lab_of_linear((middle.astype(np.float64).mean(axis=(0, 1)) / 255) ** 2.2))
            truth = ciede2000(np.array(left_labs[one.name]), np.array(right_labs[one.name]))
            off.append(abs(float(ciede2000(seen[0], seen[1]) - truth)))
    assert np.median(off) > BAR_DE


def test_the_colour_itself_is_right_in_even_light_with_a_tile() -> None:
    labs: Labs = {name: (45.0, 8.0, 14.0) for name in PANELS}
    shot = render(labs, Light(level=0.6), mirrored=False, seed=1, patch=True, jpeg=None)
    found = zone_colours(shot.photo, shot.zones, patches=shot.patches)
    assert found is not None
    for zone in found.zones:
        assert float(ciede2000(np.array(zone.lab), np.array(labs[zone.zone]))) < 0.5
        assert zone.share > 0.7


def test_defects_are_left_out() -> None:
    labs: Labs = {name: (45.0, 8.0, 14.0) for name in PANELS}
    shot = render(labs, Light(level=0.6), mirrored=False, seed=1, patch=False, jpeg=None)
    whole = zone_colours(shot.photo, shot.zones)
    without = zone_colours(shot.photo, shot.zones, leave_out=[shot.zones[0].outline_px])
    assert whole is not None
    assert without is not None
    assert [zone.zone for zone in whole.zones] == list(PANELS)
    assert [zone.zone for zone in without.zones] == list(PANELS)[1:]


def test_a_photo_too_dark_or_too_bright_has_no_colour() -> None:
    for level in (0, 255):
        rgb = np.full((300, 400, 3), level, np.uint8)
        photo = replace(factories.make_photo(), rgb=rgb)
        assert zone_colours(photo, [factories.whole_photo(photo)]) is None


def test_a_zone_of_a_few_pixels_has_no_colour() -> None:
    photo = factories.make_photo()
    dot = Zone("dot", ZoneClass.PRIMARY, np.array([(10.0, 10.0), (14.0, 10.0), (14.0, 14.0)]))
    assert zone_colours(photo, [dot]) is None


def test_a_document_gives_the_same_differences() -> None:
    left, _, right, _ = next(pairs(patch=True, jpeg=None))
    one = zone_colours(left.photo, left.zones, patches=left.patches)
    two = zone_colours(right.photo, right.zones, patches=right.patches)
    assert one is not None
    assert two is not None
    told = colour_differences(colours_of(colours_document(one)), colours_of(colours_document(two)))
    for direct, read in zip(colour_differences(one, two), told, strict=True):
        assert read.difference == pytest.approx(direct.difference, abs=0.005)
        assert read.uncertainty == pytest.approx(direct.uncertainty, abs=0.005)
