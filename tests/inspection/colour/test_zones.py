"""Colours of rendered pairs whose truth is known, under light that is anything but even."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from inspection.colour import ciede2000, colour_differences, lab_of_linear, zone_colours
from inspection.colour.told import colours_document, colours_of
from inspection.domain import Zone, ZoneClass
from tests import factories
from tests.inspection.colour.rendering import PANELS, Jpeg, Labs, Light, draw, pairs

PAIRS = 6
BAR_DE = 0.5


def measure(*, patch: bool, jpeg: Jpeg | None) -> tuple[np.ndarray, np.ndarray]:
    """Error and stated uncertainty of every zone of every pair."""
    errors, stated = [], []
    for pair in pairs(range(PAIRS), patch=patch):
        left, right = pair.left.shot(jpeg), pair.right.shot(jpeg)
        one = zone_colours(left.photo, left.zones, patches=left.patches)
        two = zone_colours(right.photo, right.zones, patches=right.patches)
        assert one is not None
        assert two is not None
        for found in colour_differences(one, two):
            truth = ciede2000(np.array(pair.left_labs[found.zone]), np.array(pair.right_labs[found.zone]))
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
    errors, stated = measure(patch=False, jpeg=Jpeg(quality))
    assert (errors <= stated).mean() >= 0.95
    assert np.quantile(errors, 0.9) <= BAR_DE


@pytest.mark.parametrize(("quality", "step"), [(95, 2), (85, 5), (50, 17), (30, 28)])
def test_a_jpeg_is_as_uncertain_as_its_own_steps_however_coarse(quality: int, step: int) -> None:
    labs: Labs = {name: (45.0, 8.0, 14.0) for name in PANELS}
    shot = draw(labs, Light(level=0.6), mirrored=False, seed=1, patch=False).shot(Jpeg(quality))
    found = zone_colours(shot.photo, shot.zones)
    assert found is not None
    # The table of libjpeg keeps the mean of a block of chroma in steps of 17 eighths at quality 50.
    assert found.rounding == pytest.approx(step / 8 / 12**0.5)


def test_plain_means_would_not_do() -> None:
    """The light is uneven enough to matter: without the fit most zones are off by more than the bar."""
    off = []
    for pair in pairs(range(3), patch=False):
        for one, two in zip(pair.left.zones, pair.right.zones, strict=True):
            seen = []
            for drawing, zone in ((pair.left, one), (pair.right, two)):
                (x_0, y_0), (x_1, y_1) = zone.outline_px.min(axis=0), zone.outline_px.max(axis=0)
                middle = drawing.rgb[int(y_0) + 60 : int(y_1) - 30, int(x_0) + 30 : int(x_1) - 30]
                seen.append(lab_of_linear((middle.astype(np.float64).mean(axis=(0, 1)) / 255) ** 2.2))
            truth = ciede2000(np.array(pair.left_labs[one.name]), np.array(pair.right_labs[one.name]))
            off.append(abs(float(ciede2000(seen[0], seen[1]) - truth)))
    assert np.median(off) > BAR_DE


def test_the_colour_itself_is_right_in_even_light_with_a_tile() -> None:
    labs: Labs = {name: (45.0, 8.0, 14.0) for name in PANELS}
    shot = draw(labs, Light(level=0.6), mirrored=False, seed=1, patch=True).shot()
    found = zone_colours(shot.photo, shot.zones, patches=shot.patches)
    assert found is not None
    for zone in found.zones:
        assert float(ciede2000(np.array(zone.lab), np.array(labs[zone.zone]))) < 0.5
        assert zone.share > 0.7


def test_defects_are_left_out() -> None:
    labs: Labs = {name: (45.0, 8.0, 14.0) for name in PANELS}
    shot = draw(labs, Light(level=0.6), mirrored=False, seed=1, patch=False).shot()
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
    pair = next(pairs([0], patch=True))
    left, right = pair.left.shot(), pair.right.shot()
    one = zone_colours(left.photo, left.zones, patches=left.patches)
    two = zone_colours(right.photo, right.zones, patches=right.patches)
    assert one is not None
    assert two is not None
    told = colour_differences(colours_of(colours_document(one)), colours_of(colours_document(two)))
    for direct, read in zip(colour_differences(one, two), told, strict=True):
        assert read.difference == pytest.approx(direct.difference, abs=0.005)
        assert read.uncertainty == pytest.approx(direct.uncertainty, abs=0.005)
