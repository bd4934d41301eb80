"""Zones follow the part wherever it lies, mirrored for the other foot, or the photo is given to a person."""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from inspection import grading
from inspection.domain import Disposition, Foot, Grade, Verdict, Zone, ZoneClass
from inspection.errors import RecipeError
from inspection.locating import Located, background, find, learn, placing
from inspection.recipes import View

RGB = npt.NDArray[np.uint8]
Matrix = npt.NDArray[np.float64]

ZONES = [
    {"name": "toe", "class": "primary", "outline": [[0.2, 0.25], [0.5, 0.25], [0.5, 0.75], [0.2, 0.75]]},
    {"name": "heel", "class": "secondary", "outline": [[0.5, 0.25], [0.8, 0.25], [0.8, 0.75], [0.5, 0.75]]},
]
PART = [(0.2, 0.25), (0.8, 0.25), (0.8, 0.75), (0.2, 0.75)]
SIZE = (640, 480)
INSIDE = np.zeros((480, 640, 1), bool)
"""Where a part lies whose outline was drawn generously."""
INSIDE[150:330, 158:482] = True


def view(*, foot: str | None = None, seams: list[dict[str, object]] | None = None) -> View:
    reference = {"sha256": "0" * 64, "foot": foot, "outline": PART}
    return View.model_validate({"zones": ZONES, "seams": seams or [], "reference": reference})


def part(seed: int = 0) -> RGB:
    """A part in the middle of a bench: seams, eyelets and panels that no other seed has, without mirror
    symmetry.
    """
    rng = np.random.default_rng(seed)
    rgb = bench(seed=99)
    left, top, right, bottom = 128, 120, 512, 360
    rgb[top:bottom, left:right] = (120, 85, 60)
    for _ in range(14):
        ends = [(int(rng.integers(left, right)), int(rng.integers(top, bottom))) for _ in range(3)]
        colour = tuple(int(v) for v in rng.integers(30, 220, 3))
        cv2.polylines(rgb, [np.array(ends)], False, colour, int(rng.integers(1, 4)), cv2.LINE_AA)
    for _ in range(25):
        at = (int(rng.integers(left + 8, right - 8)), int(rng.integers(top + 8, bottom - 8)))
        cv2.circle(rgb, at, int(rng.integers(2, 7)), tuple(int(v) for v in rng.integers(20, 240, 3)), -1)
    rgb[:top], rgb[bottom:] = bench(seed=99)[:top], bench(seed=99)[bottom:]
    rgb[:, :left], rgb[:, right:] = bench(seed=99)[:, :left], bench(seed=99)[:, right:]
    return rgb


def bench(*, seed: int) -> RGB:
    """A background with marks of its own, which stay where they are."""
    rng = np.random.default_rng(seed)
    rgb = np.full((SIZE[1], SIZE[0], 3), 190, np.uint8)
    for _ in range(120):
        at = (int(rng.integers(0, SIZE[0])), int(rng.integers(0, SIZE[1])))
        cv2.circle(rgb, at, int(rng.integers(2, 6)), tuple(int(v) for v in rng.integers(60, 250, 3)), -1)
    return rgb


def motion(*, turn_deg: float, scale: float, shift: tuple[float, float], mirrored: bool) -> Matrix:
    """(3, 3), about the middle of the photo."""
    cos, sin = scale * math.cos(math.radians(turn_deg)), scale * math.sin(math.radians(turn_deg))
    flip = np.diag([-1.0 if mirrored else 1.0, 1, 1])
    middle = np.array([[1, 0, -319.5], [0, 1, -239.5], [0, 0, 1.0]])
    turn = np.array([[cos, -sin, 319.5 + shift[0]], [sin, cos, 239.5 + shift[1]], [0, 0, 1.0]])
    moved: Matrix = turn @ flip @ middle
    return moved


def taken(rgb: RGB, where: Matrix, *, on: RGB, gain: float = 1.0, gradient: float = 0.0) -> RGB:
    """The part moved over a background that stays, in another light."""
    outline = placing.to_px(PART, width_px=SIZE[0], height_px=SIZE[1])
    mask = np.zeros((SIZE[1], SIZE[0]), np.float32)
    cv2.fillPoly(mask, [np.rint(outline).astype(np.int32)], 1.0)
    share = cv2.warpPerspective(mask, where, SIZE)[..., None]
    moved = cv2.warpPerspective(rgb, where, SIZE, flags=cv2.INTER_CUBIC)
    light = gain * (1 + gradient * np.linspace(-1, 1, SIZE[0]))[None, :, None]
    return np.clip((moved * share + on * (1 - share)) * light, 0, 255).astype(np.uint8)


def overlap(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    """Intersection over union of two outlines."""
    masks = []
    for outline in (one, other):
        mask = np.zeros((1400, 1600), np.uint8)
        cv2.fillPoly(mask, [np.rint((outline + 400) * 16).astype(np.int32)], 1, shift=4)
        masks.append(mask.astype(bool))
    return float((masks[0] & masks[1]).sum() / (masks[0] | masks[1]).sum())


def assert_followed(located: Located, where: Matrix) -> None:
    assert located.registration is not None
    assert located.registration.found, located.registration
    fixed = placing.locate(view(), width_px=SIZE[0], height_px=SIZE[1])
    for zone, drawn in zip(located.zones, fixed, strict=True):
        assert zone.name == drawn.name
        assert overlap(zone.outline_px, placing.transformed(where, drawn.outline_px)) > 0.95


MOTIONS = [
    {"turn_deg": 0.0, "scale": 1.0, "shift": (0.0, 0.0)},
    {"turn_deg": 20.0, "scale": 0.85, "shift": (90.0, -70.0)},
    {"turn_deg": -20.0, "scale": 1.15, "shift": (-96.0, 0.0)},
    {"turn_deg": 8.0, "scale": 1.1, "shift": (0.0, 72.0)},
]


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("moved", MOTIONS)
def test_zones_follow_a_part_that_moved_over_a_background_that_did_not(
    moved: dict[str, object], mirrored: bool
) -> None:
    where = motion(**moved, mirrored=mirrored)  # type: ignore[arg-type]
    photo = taken(part(), where, on=bench(seed=99), gain=0.7, gradient=0.25)
    located = find(view(), photo, reference=learn(part(), view()))
    assert_followed(located, where)
    assert located.registration is not None
    assert located.registration.mirrored is mirrored
    assert located.registration.residual_px is not None
    assert located.registration.residual_px < 2


def test_seams_and_the_outline_of_the_part_follow_too() -> None:
    seam = {"name": "cap", "path": [[0.3, 0.3], [0.6, 0.6]], "rows": 2}
    with_seam = view(seams=[seam])
    where = motion(turn_deg=12, scale=0.9, shift=(30, -20), mirrored=True)
    photo = taken(part(), where, on=bench(seed=99))
    located = find(with_seam, photo, reference=learn(part(), with_seam))
    path = placing.transformed(where, placing.to_px(seam["path"], width_px=640, height_px=480))  # type: ignore[arg-type]
    np.testing.assert_allclose(located.seams[0].path_px, path, atol=2)
    assert located.part_px is not None
    part_px = placing.transformed(where, placing.to_px(PART, width_px=640, height_px=480))
    assert overlap(located.part_px[0], part_px) > 0.95


def test_the_foot_says_which_way_round() -> None:
    of_left = view(foot="left")
    reference = learn(part(), of_left)
    where = motion(turn_deg=5, scale=1.0, shift=(10, 10), mirrored=True)
    photo = taken(part(), where, on=bench(seed=99))
    assert_followed(find(of_left, photo, reference=reference, foot=Foot.RIGHT), where)
    wrong = find(of_left, photo, reference=reference, foot=Foot.LEFT)
    assert wrong.registration is not None
    assert not wrong.registration.found
    assert wrong.zones == ()


@pytest.mark.parametrize(
    "photo",
    [part(seed=5), bench(seed=99), np.zeros((480, 640, 3), np.uint8), np.full((48, 64, 3), 128, np.uint8)],
    ids=["another part", "background alone", "black", "tiny"],
)
def test_a_photo_without_the_part_has_no_zones(photo: RGB) -> None:
    located = find(view(), photo, reference=learn(part(), view()))
    assert located.registration is not None
    assert not located.registration.found
    assert located.zones == ()
    assert located.seams == ()


def test_a_photo_of_both_feet_is_not_decided() -> None:
    """Either of two parts could be meant."""
    small = motion(turn_deg=0, scale=0.8, shift=(-160, 0), mirrored=False)
    other = motion(turn_deg=0, scale=0.8, shift=(160, 0), mirrored=True)
    photo = taken(part(), other, on=taken(part(), small, on=bench(seed=99)))
    reference = learn(part(), view(foot="left"))
    both_ways = find(view(foot="left"), photo, reference=reference)
    assert both_ways.registration is not None
    assert not both_ways.registration.found
    known = find(view(foot="left"), photo, reference=reference, foot=Foot.RIGHT)
    assert_followed(known, other)


def test_the_same_photo_is_laid_the_same_way_each_time() -> None:
    photo = taken(part(), motion(turn_deg=9, scale=0.9, shift=(20, 5), mirrored=True), on=bench(seed=99))
    reference = learn(part(), view())
    first, second = (find(view(), photo, reference=reference).registration for _ in range(2))
    assert first is not None
    assert second is not None
    np.testing.assert_array_equal(first.to_photo, second.to_photo)


@pytest.mark.parametrize(
    ("rgb", "told"),
    [
        (part()[:200], "640 x 200 pixels"),
        (np.full((480, 640, 3), 120, np.uint8), "too few points of interest"),
        (bench(seed=99) // 255 * 255, "points of interest"),
    ],
    ids=["too small", "featureless", "black"],
)
def test_a_reference_that_nothing_can_be_laid_on_is_told(rgb: RGB, told: str) -> None:
    with pytest.raises(RecipeError, match=told):
        learn(rgb, view())


def test_without_a_reference_zones_lie_where_the_recipe_draws_them() -> None:
    fixed = View.model_validate({"zones": ZONES})
    located = find(fixed, part(), reference=None)
    np.testing.assert_allclose(located.zones[0].outline_px[0], [127.5, 119.5])
    assert located.registration is None
    assert located.part_px is None


# Parts that show little


VAMP = [(0.2, 0.45), (0.35, 0.2), (0.7, 0.25), (0.85, 0.6), (0.6, 0.8), (0.3, 0.7)]
SEAM = [(210, 300), (300, 210), (420, 190), (500, 260)]
OTHER_SEAM = [(160, 230), (260, 290), (330, 330), (430, 350)]


def vamp_view() -> View:
    zones = [{"name": "vamp", "class": "primary", "outline": VAMP}]
    return View.model_validate({"zones": zones, "reference": {"sha256": "0" * 64, "outline": VAMP}})


def leather(*, grain: int, seam: list[tuple[int, int]]) -> RGB:
    """Leather all over the photo, with the grain of one specimen and one seam."""
    rng = np.random.default_rng(grain)
    cells = cv2.GaussianBlur(rng.standard_normal((SIZE[1], SIZE[0])).astype(np.float32), (0, 0), 1.5)
    rgb = np.clip(np.array([120, 85, 60]) * (1 + 0.25 * cells[..., None]), 0, 255).astype(np.uint8)
    cv2.polylines(rgb, [np.array(seam)], False, (40, 25, 15), 5, cv2.LINE_AA)
    cv2.polylines(rgb, [np.array(seam) + np.array((0, 9))], False, (220, 210, 190), 2, cv2.LINE_AA)
    return np.asarray(rgb, np.uint8)


def vamp_on(background: RGB, specimen: RGB, where: Matrix) -> RGB:
    """A vamp cut from leather, moved over a background."""
    mask = np.zeros((SIZE[1], SIZE[0]), np.float32)
    outline = placing.to_px(VAMP, width_px=SIZE[0], height_px=SIZE[1])
    cv2.fillPoly(mask, [np.rint(outline).astype(np.int32)], 1.0)
    share = cv2.warpPerspective(mask, where, SIZE)[..., None]
    moved = cv2.warpPerspective(specimen, where, SIZE, flags=cv2.INTER_CUBIC)
    mixed = moved * share + background * (1 - share)
    return np.asarray(np.clip(mixed, 0, 255), np.uint8)


@pytest.mark.parametrize("mirrored", [False, True])
def test_the_next_specimen_of_a_plain_part_is_found_by_its_seam_and_outline(mirrored: bool) -> None:
    """Its grain is another one, so no point of interest is found again."""
    reference = learn(leather(grain=1, seam=SEAM), vamp_view())
    where = motion(turn_deg=-14, scale=0.9, shift=(40, -30), mirrored=mirrored)
    photo = vamp_on(bench(seed=4), leather(grain=2, seam=SEAM), where)
    located = find(vamp_view(), photo, reference=reference)
    assert located.registration is not None
    assert located.registration.found, located.registration
    assert located.registration.mirrored is mirrored
    assert located.registration.matches == 0
    drawn = placing.to_px(VAMP, width_px=SIZE[0], height_px=SIZE[1])
    assert overlap(located.zones[0].outline_px, placing.transformed(where, drawn)) > 0.985


def test_a_part_of_the_same_outline_with_another_seam_is_not_found() -> None:
    reference = learn(leather(grain=1, seam=SEAM), vamp_view())
    where = motion(turn_deg=-14, scale=0.9, shift=(40, -30), mirrored=False)
    photo = vamp_on(bench(seed=4), leather(grain=2, seam=OTHER_SEAM), where)
    assert find(vamp_view(), photo, reference=reference).zones == ()


def test_leather_with_a_seam_that_runs_through_says_nothing_of_the_place_along_it() -> None:
    straight = [(0, 300), (639, 180)]
    reference = learn(leather(grain=1, seam=straight), vamp_view())
    assert find(vamp_view(), leather(grain=2, seam=straight), reference=reference).zones == ()


def holes_in_rows(*, grain: int) -> RGB:
    """Two rows of like holes through the photo, in leather with the grain of one specimen."""
    rgb = leather(grain=grain, seam=[(-9, -9), (-9, -9)])
    for number in range(-20, 40):
        x, y = 320 + 40 * number, 240 - 10 * number
        cv2.circle(rgb, (x, y), 8, (15, 12, 10), -1, cv2.LINE_AA)
        cv2.circle(rgb, (x + 14, y + 70), 8, (15, 12, 10), -1, cv2.LINE_AA)
    return rgb


def test_rows_of_holes_that_run_through_fit_a_hole_further_on_as_well() -> None:
    where = motion(turn_deg=-16, scale=0.97, shift=(-15, -55), mirrored=False)
    photo = vamp_on(holes_in_rows(grain=2), holes_in_rows(grain=2), where)
    reference = learn(holes_in_rows(grain=1), vamp_view())
    assert find(vamp_view(), photo, reference=reference).zones == ()


def dots_in_a_row() -> RGB:
    """Plain leather with a row of marks that differ from each other."""
    rng = np.random.default_rng(1)
    rgb = np.full((SIZE[1], SIZE[0], 3), (120, 85, 60), np.uint8)
    for x in range(130, 530, 7):
        at = (int(x + rng.integers(-2, 3)), int(300 - 0.19 * x + rng.normal(0, 1.5)))
        long, colour = int(rng.integers(1, 4)), tuple(int(v) for v in rng.integers(20, 240, 3))
        cv2.ellipse(rgb, at, (long + 2, long), int(rng.integers(180)), 0, 360, colour, -1, cv2.LINE_AA)
    return rgb


@pytest.mark.parametrize("moved", MOTIONS)
def test_points_in_a_row_do_not_shear_what_lies_beside_it(moved: dict[str, object]) -> None:
    reference = learn(dots_in_a_row(), vamp_view())
    where = motion(**moved, mirrored=False)  # type: ignore[arg-type]
    photo = vamp_on(bench(seed=4), dots_in_a_row(), where) * 0.6
    photo = photo + np.random.default_rng(3).normal(0, 6, photo.shape)
    located = find(vamp_view(), np.clip(photo, 0, 255).astype(np.uint8), reference=reference)
    assert located.registration is not None
    assert located.registration.matches > 0
    drawn = placing.to_px(VAMP, width_px=SIZE[0], height_px=SIZE[1])
    assert overlap(located.zones[0].outline_px, placing.transformed(where, drawn)) > 0.98


def test_strong_structure_that_stays_beside_a_faint_part_does_not_pull_its_zones_along() -> None:
    rng = np.random.default_rng(10)
    blobs = cv2.GaussianBlur(rng.standard_normal((SIZE[1], SIZE[0])).astype(np.float32), (0, 0), 9)
    floor = np.clip(128 + 60 * blobs / blobs.std(), 0, 255).astype(np.uint8)[..., None].repeat(3, axis=2)
    faint = np.where(INSIDE, (0.12 * part(10) + 100).astype(np.uint8), floor)
    where = motion(turn_deg=1, scale=1.0, shift=(-4.2, -2.2), mirrored=False)
    share = cv2.warpPerspective(INSIDE[..., 0].astype(np.float32), where, SIZE)[..., None]
    moved = cv2.warpPerspective(faint, where, SIZE, flags=cv2.INTER_CUBIC)
    photo = (moved * share + floor * (1 - share)).astype(np.uint8)
    assert_followed(find(view(), photo, reference=learn(faint, view())), where)


# What was not seen


def square(left: float, top: float, side: float) -> npt.NDArray[np.float64]:
    return np.array([[left, top], [left + side, top], [left + side, top + side], [left, top + side]])


@pytest.mark.parametrize(
    ("outline", "share"),
    [
        (square(10, 10, 20), 1.0),
        (square(-10.5, 10, 20), 0.5),
        (square(-10.5, -10.5, 20), 0.25),
        (square(200, 200, 20), 0.0),
    ],
)
def test_the_share_of_a_zone_inside_the_photo_is_told(outline: npt.NDArray[np.float64], share: float) -> None:
    inside = placing.share_inside(outline, width_px=100, height_px=100)
    assert inside == pytest.approx(share, abs=0.02)


def test_a_zone_that_is_cut_off_is_given_to_a_person_unless_the_rest_is_a_c() -> None:
    zones = (
        Zone("toe", ZoneClass.PRIMARY, square(0, 0, 10)),
        Zone("lining", ZoneClass.HIDDEN, square(0, 0, 10)),
    )
    good = Verdict(Grade.A, Disposition.PASS)
    seen = grading.with_cut_off_zones(good, zones, (0.96, 0.2))
    assert seen == good
    cut = grading.with_cut_off_zones(good, zones, (0.5, 1.0))
    assert (cut.grade, cut.disposition) == (Grade.RECHECK, Disposition.RECHECK)
    assert cut.reasons[0].message.startswith("Only 50% of the zone toe")
    bad = Verdict(Grade.C, Disposition.REJECT)
    assert grading.with_cut_off_zones(bad, zones, (0.5, 1.0)).grade is Grade.C


# Plain backgrounds


def test_a_plain_background_is_left_out_and_no_leather_with_it() -> None:
    rgb = np.full((480, 640, 3), (40, 90, 170), np.uint8)
    rgb += np.random.default_rng(1).integers(0, 6, rgb.shape, dtype=np.uint8)
    cv2.ellipse(rgb, (320, 240), (200, 120), 15, 0, 360, (120, 85, 60), -1, cv2.LINE_AA)
    cv2.circle(rgb, (320, 240), 40, (40, 90, 170), -1)  # a window in the part, of the background's colour
    outlines = background.part_on_plain(rgb)
    assert outlines is not None
    mask = np.zeros((480, 640), np.uint8)
    for outline in outlines:
        cv2.fillPoly(mask, [np.rint(outline).astype(np.int32)], 1)
    leather = np.zeros((480, 640), np.uint8)
    cv2.ellipse(leather, (320, 240), (200, 120), 15, 0, 360, 1, -1)
    assert not (leather.astype(bool) & ~mask.astype(bool)).any()
    assert mask.mean() < 1.25 * leather.mean()


def test_leather_that_fills_the_photo_is_never_taken_for_background() -> None:
    rng = np.random.default_rng(2)
    grain = cv2.GaussianBlur(rng.standard_normal((480, 640)).astype(np.float32), (0, 0), 2)
    leather = np.clip(np.array([120, 85, 60]) + 60 * grain[..., None], 0, 255).astype(np.uint8)
    assert background.part_on_plain(leather) is None
    flat = np.full((480, 640, 3), 120, np.uint8)
    assert background.part_on_plain(flat) is None
    cv2.circle(flat, (300, 200), 30, (20, 20, 20), -1)  # a hole
    assert background.part_on_plain(flat) is None
