"""Regions of the maps become defects with exact outlines, and nothing else does."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from inspection.detecting import MAX_DEFECTS, Box, Detection, Sensitivity, detect, trace
from inspection.domain import Maps, Zone, ZoneClass
from inspection.errors import ModelError
from inspection.measuring import area_of, sides_of

KINDS = ("sound", "hole", "scratch", "stain")
EVEN = Sensitivity(
    thresholds=dict.fromkeys(KINDS[1:], 0.5),
    min_area_mm2=dict.fromkeys(KINDS[1:], 0.0),
    nominal_mm_per_px=0.1,
)


def maps_of(
    planes: Mapping[str, npt.NDArray[np.float32]], *, photo_size_px: tuple[int, int] | None = None
) -> Maps:
    """Maps with the given probabilities of kinds; what is left is sound."""
    shape = next(iter(planes.values())).shape
    surface = np.zeros((len(KINDS), *shape), np.float32)
    for kind, plane in planes.items():
        surface[KINDS.index(kind)] = plane
    surface[0] = 1 - surface[1:].sum(axis=0)
    return Maps(KINDS, surface, photo_size_px or (shape[1], shape[0]))


def ellipse(
    height: int, width: int, *, at: tuple[float, float], axes: tuple[float, float], angle_deg: float = 0.0
) -> npt.NDArray[np.float32]:
    """Share of each grid point's cell that a full ellipse of these axes covers, by 16 x 16 samples."""
    fine = 16
    x = (np.arange(width * fine) + 0.5) / fine - 0.5 - at[0]
    y = ((np.arange(height * fine) + 0.5) / fine - 0.5 - at[1])[:, None]
    turn = math.radians(angle_deg)
    u = (x * math.cos(turn) + y * math.sin(turn)) / (axes[0] / 2)
    v = (-x * math.sin(turn) + y * math.cos(turn)) / (axes[1] / 2)
    inside = (u * u + v * v <= 1).astype(np.float32)
    return np.asarray(inside.reshape(height, fine, width, fine).mean(axis=(1, 3)), np.float32)


def whole(maps: Maps) -> tuple[Zone, ...]:
    return (zone("all", 0, 0, *maps.photo_size_px),)


def zone(
    name: str,
    left: float,
    top: float,
    right: float,
    bottom: float,
    zone_class: ZoneClass = ZoneClass.PRIMARY,
) -> Zone:
    """Rectangle between outer edges, in photo pixels."""
    corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float64)
    return Zone(name=name, zone_class=zone_class, outline_px=corners - 0.5)


def found(maps: Maps, *, sensitivity: Sensitivity = EVEN, mm_per_px: float | None = 0.1) -> Detection:
    return detect(maps, whole(maps), sensitivity, mm_per_px=mm_per_px)


def centre(outline: npt.NDArray[np.float64]) -> tuple[float, float]:
    moments = cv2.moments(outline.astype(np.float32))
    return moments["m10"] / moments["m00"], moments["m01"] / moments["m00"]


def test_a_sound_photo_has_no_defects() -> None:
    detection = found(maps_of({"hole": np.zeros((40, 60), np.float32)}))
    assert detection.defects == ()
    assert detection.left_out == 0


@given(
    at=st.tuples(st.floats(25, 35), st.floats(18, 22)),
    length=st.floats(6, 24),
    share=st.floats(0.4, 1),
    angle_deg=st.floats(0, 180),
)
@settings(max_examples=60, deadline=None)
def test_an_ellipse_is_found_where_it_is_and_as_large_as_it_is(
    at: tuple[float, float], length: float, share: float, angle_deg: float
) -> None:
    width = max(4.0, length * share)
    maps = maps_of({"hole": ellipse(40, 60, at=at, axes=(length, width), angle_deg=angle_deg)})
    (defect,) = found(maps).defects
    assert defect.kind == "hole"
    assert centre(defect.outline_px) == pytest.approx(at, abs=0.1)
    # To within one step of the grid, the uncertainty that measuring tells.
    sides = sides_of(defect.outline_px)
    assert sides == pytest.approx((max(length, width), min(length, width)), abs=1.0)
    area, true_area = area_of(defect.outline_px), math.pi / 4 * length * width
    assert area == pytest.approx(true_area, abs=0.5 * (length + width))
    assert 0.9 < defect.score <= 1


@given(factor=st.integers(1, 8))
@settings(deadline=None)
def test_outlines_are_in_photo_pixels_whatever_the_grid(factor: int) -> None:
    plane = ellipse(40, 60, at=(20.0, 12.0), axes=(14, 8), angle_deg=30)
    (small,) = found(maps_of({"hole": plane})).defects
    (large,) = found(maps_of({"hole": plane}, photo_size_px=(60 * factor, 40 * factor))).defects
    # Grid point (i, j) is the centre of a cell of factor x factor pixels, whose outer corner lies at -0.5.
    np.testing.assert_allclose(large.outline_px, (small.outline_px + 0.5) * factor - 0.5, atol=1e-4)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_mirrored_and_turned_maps_give_mirrored_and_turned_defects(seed: int) -> None:
    rng = np.random.default_rng(seed)
    plane = np.zeros((40, 60), np.float32)
    for _ in range(3):
        at = (rng.uniform(0, 59), rng.uniform(0, 39))
        axes = (rng.uniform(3, 15), rng.uniform(3, 6))
        plane = np.maximum(plane, ellipse(40, 60, at=at, axes=axes, angle_deg=rng.uniform(0, 180)))
    before = found(maps_of({"scratch": plane})).defects
    mirrored = found(maps_of({"scratch": plane[:, ::-1]})).defects
    turned = found(maps_of({"scratch": np.rot90(plane)})).defects

    def assert_same(boxes: Sequence[tuple[float, ...]], expected: Sequence[tuple[float, ...]]) -> None:
        assert len(boxes) == len(expected)
        apart = np.abs(np.array(boxes)[:, None] - np.array(expected)[None]).max(axis=2)
        assert (apart.min(axis=0) < 0.25).all()
        assert (apart.min(axis=1) < 0.25).all()

    as_mirrored = [(59 - d.box_px[0] - d.box_px[2], d.box_px[1], d.box_px[2], d.box_px[3]) for d in mirrored]
    as_turned = [(59 - d.box_px[1] - d.box_px[3], d.box_px[0], d.box_px[3], d.box_px[2]) for d in turned]
    assert_same(as_mirrored, [d.box_px for d in before])
    assert_same(as_turned, [d.box_px for d in before])


@given(mask=hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9)))
@settings(max_examples=300, deadline=None)
def test_an_outline_holds_its_region_and_no_other_point(mask: npt.NDArray[np.bool_]) -> None:
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    for label in range(1, count):
        region = labels == label
        height, width = mask.shape
        outline = trace(region.astype(np.float32), Box(0, 0, width, height), region, level=0.5)
        assert len(outline) >= 4
        # What cannot be reached from outside over sides is inside the outer outline, holes included.
        outside = np.pad(~region, 1, constant_values=True).astype(np.uint8)
        reached = cv2.connectedComponents(outside, connectivity=4)[1]
        filled = (reached != reached[0, 0])[1:-1, 1:-1]
        contour = outline.astype(np.float32)
        for y in range(height):
            for x in range(width):
                inside = cv2.pointPolygonTest(contour, (float(x), float(y)), measureDist=False) > 0
                assert inside == filled[y, x]


def test_an_outline_is_clockwise_as_seen() -> None:
    (defect,) = found(maps_of({"hole": ellipse(20, 20, at=(9, 9), axes=(8, 5))})).defects
    x, y = defect.outline_px.T
    assert (x * np.roll(y, -1) - np.roll(x, -1) * y).sum() > 0  # y points down


def test_a_defect_at_the_edge_reaches_the_edge_of_the_photo() -> None:
    plane = np.zeros((10, 10), np.float32)
    plane[:3, :4] = 1
    (defect,) = found(maps_of({"hole": plane}, photo_size_px=(40, 40))).defects
    assert defect.box_px == pytest.approx((-0.5, -0.5, 16, 12))


def test_fragments_of_several_kinds_side_by_side_are_one_defect_of_the_most_probable_kind() -> None:
    hole, scratch = np.zeros((2, 20, 40), np.float32)
    hole[8:12, 5:15] = 0.9
    scratch[8:12, 15:35] = 0.9
    (defect,) = found(maps_of({"hole": hole, "scratch": scratch})).defects
    assert defect.kind == "scratch"
    assert defect.box_px[2] == pytest.approx(30, abs=0.3)


def test_probability_shared_by_kinds_counts_as_defect() -> None:
    third = np.zeros((20, 20), np.float32)
    third[5:15, 5:15] = 0.3
    (defect,) = found(maps_of({"hole": third, "scratch": third, "stain": third * 1.05})).defects
    assert defect.kind == "stain"
    assert defect.score == pytest.approx(0.915, abs=1e-5)


def test_a_region_counts_from_the_threshold_of_its_kind() -> None:
    plane = np.zeros((20, 20), np.float32)
    plane[5:15, 5:15] = 0.7
    strict = Sensitivity({"hole": 0.8, "scratch": 0.6, "stain": 0.6}, EVEN.min_area_mm2, 0.1)
    assert found(maps_of({"hole": plane}), sensitivity=strict).defects == ()
    assert len(found(maps_of({"scratch": plane}), sensitivity=strict).defects) == 1


def test_a_low_threshold_widens_only_regions_of_its_kind() -> None:
    ramp = np.tile(np.linspace(0, 0.9, 40, dtype=np.float32), (10, 1))
    keen = Sensitivity({"hole": 0.2, "scratch": 0.5, "stain": 0.5}, EVEN.min_area_mm2, 0.1)
    (hole,) = found(maps_of({"hole": ramp}), sensitivity=keen).defects
    (scratch,) = found(maps_of({"scratch": ramp}), sensitivity=keen).defects
    assert hole.box_px[0] == pytest.approx(0.2 / 0.9 * 39, abs=0.01)
    assert scratch.box_px[0] == pytest.approx(0.5 / 0.9 * 39, abs=0.01)


def test_a_higher_threshold_does_not_shrink_a_defect() -> None:
    plane = ellipse(40, 60, at=(30, 20), axes=(20, 10))
    strict = Sensitivity(dict.fromkeys(KINDS[1:], 0.95), EVEN.min_area_mm2, 0.1)
    (even,) = found(maps_of({"hole": plane})).defects
    (found_strictly,) = found(maps_of({"hole": plane}), sensitivity=strict).defects
    np.testing.assert_array_equal(even.outline_px, found_strictly.outline_px)


def test_scores_and_outlines_do_not_depend_on_what_else_the_photo_holds() -> None:
    faint = ellipse(40, 60, at=(15, 20), axes=(10, 8)) * np.float32(0.7)
    (alone,) = found(maps_of({"hole": faint})).defects
    loud = np.maximum(faint, ellipse(40, 60, at=(45, 20), axes=(20, 20)))
    beside = min(found(maps_of({"hole": loud})).defects, key=lambda d: d.box_px[0])
    assert alone.score == beside.score == pytest.approx(0.7)
    np.testing.assert_array_equal(alone.outline_px, beside.outline_px)


def test_regions_below_the_smallest_area_are_left_out() -> None:
    plane = np.zeros((20, 40), np.float32)
    plane[5:7, 5:7] = 1  # 4 cells of 0.01 mm2
    plane[5:10, 20:25] = 1  # 25 cells
    coarse = Sensitivity(EVEN.thresholds, dict.fromkeys(KINDS[1:], 0.1), 0.1)
    assert len(found(maps_of({"hole": plane}), sensitivity=coarse).defects) == 1
    assert len(found(maps_of({"hole": plane}), sensitivity=coarse, mm_per_px=0.2).defects) == 2
    assert len(found(maps_of({"hole": plane}), sensitivity=coarse, mm_per_px=None).defects) == 1


def test_what_no_zone_covers_is_not_inspected() -> None:
    plane = np.zeros((20, 40), np.float32)
    plane[5:10, 5:10] = plane[5:10, 30:35] = 1
    maps = maps_of({"hole": plane})
    (defect,) = detect(maps, [zone("left", 0, 0, 20, 20)], EVEN, mm_per_px=0.1).defects
    assert defect.zone == "left"
    assert defect.box_px[0] < 10


def test_a_defect_across_the_border_of_the_inspected_part_is_cut_there() -> None:
    plane = np.zeros((20, 40), np.float32)
    plane[5:10, 10:30] = 1
    maps = maps_of({"hole": plane})
    (defect,) = detect(maps, [zone("left", 0, 0, 20, 20)], EVEN, mm_per_px=0.1).defects
    assert defect.box_px == pytest.approx((9.5, 4.5, 10, 5), abs=1.01)


def test_a_defect_belongs_to_the_zone_that_holds_most_of_it_and_the_first_zone_lies_on_top() -> None:
    plane = np.zeros((20, 40), np.float32)
    plane[5:10, 10:30] = 1
    maps = maps_of({"hole": plane})
    toe = zone("toe", 0, 0, 25, 20, ZoneClass.PRIMARY)
    rest = zone("rest", 0, 0, 40, 20, ZoneClass.SECONDARY)
    (defect,) = detect(maps, [toe, rest], EVEN, mm_per_px=0.1).defects
    assert (defect.zone, defect.zone_class) == ("toe", ZoneClass.PRIMARY)
    (defect,) = detect(maps, [rest, toe], EVEN, mm_per_px=0.1).defects
    assert (defect.zone, defect.zone_class) == ("rest", ZoneClass.SECONDARY)


def test_a_photo_of_noise_lists_the_largest_regions_and_counts_the_others() -> None:
    noise = np.random.default_rng(1).random((480, 640), np.float32)
    detection = found(maps_of({"hole": (noise > 0.93).astype(np.float32)}))
    assert len(detection.defects) == MAX_DEFECTS
    assert detection.left_out > 5000


def test_regions_too_faint_to_count_are_not_counted_as_left_out() -> None:
    noise = np.random.default_rng(1).random((480, 640), np.float32)
    faint = np.where(noise > 0.93, np.float32(0.6), np.float32(0))
    strict = Sensitivity(dict.fromkeys(KINDS[1:], 0.9), EVEN.min_area_mm2, 0.1)
    detection = found(maps_of({"hole": faint}), sensitivity=strict)
    assert detection.defects == ()
    assert detection.left_out == 0


def test_a_network_that_does_not_give_numbers_never_lets_a_photo_pass() -> None:
    plane = np.zeros((20, 20), np.float32)
    plane[3, 3] = np.nan
    with pytest.raises(ModelError, match="not numbers"):
        found(maps_of({"hole": plane}))


@given(seed=st.integers(0, 1000), power=st.floats(0.2, 8))
@settings(max_examples=60, deadline=None)
def test_any_map_gives_defects_that_make_sense(seed: int, power: float) -> None:
    rng = np.random.default_rng(seed)
    coarse = rng.random((len(KINDS), 6, 9)).astype(np.float32) ** power
    surface = np.stack([cv2.resize(plane, (45, 30), interpolation=cv2.INTER_CUBIC) for plane in coarse])
    surface = np.clip(surface, 0, None) + 1e-6
    maps = Maps(KINDS, (surface / surface.sum(axis=0)).astype(np.float32), (90, 60))
    uneven = Sensitivity({"hole": 0.3, "scratch": 0.55, "stain": 0.9}, EVEN.min_area_mm2, 0.1)
    for defect in found(maps, sensitivity=uneven).defects:
        assert uneven.thresholds[defect.kind] <= defect.score + 1e-6
        assert defect.score <= 1
        assert len(defect.outline_px) >= 3
        assert defect.outline_px.min() >= -0.5 - 1e-3
        assert (defect.outline_px.max(axis=0) <= np.array([89.5, 59.5]) + 1e-3).all()
