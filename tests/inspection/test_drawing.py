"""Overlays show what was found, where it was found, on one scale for all photos."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from inspection import drawing
from inspection.detecting import detect
from inspection.domain import Defect, Maps, ZoneClass
from inspection.drawing import Overlay
from inspection.errors import BrokenPhotoError
from inspection.imaging import decode
from inspection.taxonomy import KINDS
from tests import factories

GREY = np.full((240, 320, 3), 128, np.uint8)


def defect(kind: str = "hole", left: float = 100, top: float = 100, side: float = 40) -> Defect:
    outline = np.array([(0, 0), (side, 0), (side, side), (0, side)], np.float64)
    outline += np.array([left, top])
    return Defect(
        kind=kind,
        zone="toe",
        zone_class=ZoneClass.PRIMARY,
        score=0.9,
        outline_px=outline,
        box_px=(left, top, side, side),
        length_mm=4.0,
        width_mm=4.0,
        area_mm2=16.0,
    )


def maps_of(any_defect: list[list[float]], photo_size_px: tuple[int, int]) -> Maps:
    plane = np.array(any_defect, np.float32)
    return Maps(("sound", "hole"), np.stack([1 - plane, plane]), photo_size_px)


@pytest.mark.parametrize("kind", KINDS)
def test_a_defect_is_ringed_in_the_colour_of_its_kind_and_stays_in_sight(kind: str) -> None:
    drawn = drawing.overlay(GREY, [defect(kind)], what=Overlay(labels=False))
    changed = (drawn != GREY).any(axis=2)
    rows, columns = np.nonzero(changed)
    assert (rows.min(), columns.min()) == pytest.approx((93, 93), abs=2)
    assert (rows.max(), columns.max()) == pytest.approx((147, 147), abs=2)
    assert not changed[102:138, 102:138].any()
    assert (drawn[changed] == drawing.kind_rgb(kind)).all(axis=1).any()


def test_the_photo_itself_is_not_drawn_upon() -> None:
    photo = GREY.copy()
    drawing.overlay(photo, [defect()], heat=np.full((24, 32), 200, np.uint8))
    assert (photo == GREY).all()


def test_without_anything_to_draw_the_photo_stays_as_it_is() -> None:
    assert (drawing.overlay(GREY, [defect()], what=Overlay(outlines=False, labels=False)) == GREY).all()
    assert (drawing.overlay(GREY, []) == GREY).all()


@pytest.mark.parametrize(("left", "top"), [(-0.5, -0.5), (279, 199), (0, 199), (279, 0)])
def test_labels_stay_within_the_photo(left: float, top: float) -> None:
    colour = np.array(drawing.kind_rgb("hole"))
    rings = drawing.overlay(GREY, [defect(left=left, top=top)], what=Overlay(labels=False))
    drawn = drawing.overlay(GREY, [defect(left=left, top=top)])
    label = (drawn == colour).all(axis=2) & ~(rings == colour).all(axis=2)
    assert label.sum() > 300
    rows, columns = np.nonzero(label)
    assert columns.max() - columns.min() > 50  # "1 hole 4.0 mm" in full
    assert rows.max() - rows.min() > 8


def test_only_the_largest_defects_are_labelled_and_all_are_ringed() -> None:
    large = [defect(left=15 * number, top=20, side=6) for number in range(drawing.MAX_LABELS)]
    small = [defect(left=40 * number + 20, top=200, side=3) for number in range(5)]
    labelled = drawing.overlay(GREY, [*large, *small])
    plain = drawing.overlay(GREY, [*large, *small], what=Overlay(labels=False))
    assert (labelled[:100] != plain[:100]).any()
    assert (labelled[150:] == plain[150:]).all()
    assert (plain[150:] != GREY[150:]).any()


def test_heat_means_the_same_on_every_photo() -> None:
    half = np.full((24, 32), 128, np.uint8)
    some = half.copy()
    some[:12] = 0
    alone = drawing.overlay(GREY, [], heat=half)
    beside = drawing.overlay(GREY, [], heat=some)
    assert (beside[-40:] == alone[-40:]).all()
    assert (beside[:40] == GREY[:40]).all()


def test_certain_heat_is_red_and_doubtful_heat_is_yellow() -> None:
    red = drawing.overlay(GREY, [], heat=np.full((24, 32), 255, np.uint8))[0, 0].astype(int)
    yellow = drawing.overlay(GREY, [], heat=np.full((24, 32), 128, np.uint8))[0, 0].astype(int)
    assert red[0] > red[1] + 80
    assert red[0] > red[2] + 80
    assert yellow[0] > yellow[2] + 50
    assert yellow[1] > yellow[2] + 50


def test_map_values_are_probabilities_times_255() -> None:
    maps = maps_of([[0.0, 0.2], [0.5, 1.0]], (2, 2))
    assert drawing.any_defect_u8(maps).tolist() == [[0, 51], [128, 255]]
    assert drawing.kinds_u8(maps).tolist() == [[0, 0], [0, 1]]


def test_maps_at_photo_size_share_the_photos_outer_edges() -> None:
    maps = maps_of([[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]], (40, 40))
    at_size = drawing.any_defect_at((40, 40), drawing.any_defect_u8(maps))
    kinds = drawing.kinds_at((40, 40), drawing.kinds_u8(maps))
    assert kinds[10:30, 10:30].all()
    assert kinds.sum() == 400
    assert np.abs(at_size.astype(int) - at_size[::-1, ::-1]).max() <= 1
    # The half-way contour of the picture is the outline that detecting gives.
    assert (at_size[20] >= 128).nonzero()[0][[0, -1]] == pytest.approx([10, 29], abs=1)


def test_the_stored_surface_is_read_back() -> None:
    maps = maps_of([[0.0, 0.2], [0.5, 1.0]], (20, 20))
    read = drawing.decode_grey_png(drawing.surface_png(maps))
    assert (read == drawing.any_defect_u8(maps)).all()
    with pytest.raises(BrokenPhotoError):
        drawing.decode_grey_png(b"")
    with pytest.raises(BrokenPhotoError):
        drawing.decode_grey_png(b"no picture")


def test_thumbnails_keep_their_shape_and_never_grow() -> None:
    assert drawing.thumbnail(GREY, side_px=160).shape == (120, 160, 3)
    assert drawing.thumbnail(GREY, side_px=1000).shape == GREY.shape
    assert drawing.thumbnail(np.zeros((2, 900, 3), np.uint8), side_px=90).shape == (1, 90, 3)


def test_encoded_pictures_show_red_as_red() -> None:
    red = np.zeros((40, 40, 3), np.uint8)
    red[...] = (210, 30, 20)
    for body in (drawing.encode_png(red), drawing.encode_jpeg(red)):
        assert np.abs(decode(body, max_pixels=2000).rgb.astype(int) - red).max() <= 3


def test_outlines_of_detected_regions_are_drawn_where_the_region_is() -> None:
    photo = factories.make_photo([factories.Spot((30, 20), 6, 4)], grain=0)
    dark = (photo.rgb.mean(axis=2) < 65).astype(np.float32)
    maps = Maps(("sound", "hole"), np.stack([1 - dark, dark]), (640, 480))
    detection = detect(maps, [], factories.sensitivity("hole"), mm_per_px=0.1)
    assert detection.defects == ()  # no zone, nothing inspected
    zone = factories.whole_photo(photo)
    (found,) = detect(maps, [zone], factories.sensitivity("hole"), mm_per_px=0.1).defects
    drawn = drawing.overlay(photo.rgb, [found], what=Overlay(labels=False))
    ring = (drawn != photo.rgb).any(axis=2)
    assert not (ring & (dark > 0)).any()
    around = cv2.dilate((dark > 0).astype(np.uint8), np.ones((19, 19), np.uint8))
    assert not (ring & (around == 0)).any()
