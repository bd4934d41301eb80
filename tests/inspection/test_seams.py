"""Rows of stitches from maps that are drawn in mm, so that every pitch, gap and margin is known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from inspection.domain import Calibration, CalibrationSource, Maps, Seam, Zone, ZoneClass
from inspection.runtime import NetworkSpec
from inspection.seams import find_seams
from inspection.seams.evidence import NearestPoint
from inspection.seams.extending import extend
from inspection.seams.finding import find_rows
from inspection.seams.frame import Frame
from inspection.seams.joining import untangle
from inspection.seams.lines import steps
from inspection.seams.linking import Links
from inspection.seams.placing import Row
from inspection.seams.points import Points, planes_of
from inspection.seams.tracing import Chain

F64 = npt.NDArray[np.float64]

MM_PER_PX = 0.15
STRIDE = 2
CELL_MM = MM_PER_PX * STRIDE
SIZE_MM = (96.0, 60.0)
PLANES = ("thread", "point", "offset_x", "offset_y", "edge")
SPEC = NetworkSpec(
    kinds=("sound", "hole"),
    mm_per_px=MM_PER_PX,
    stride=STRIDE,
    tile_px=512,
    overlap_px=64,
    multiple=32,
    stitch_planes=PLANES,
)
SCALE = Calibration(MM_PER_PX, CalibrationSource.REFERENCE)


class Sewing:
    """Draws what a network and a camera see of rows of stitches; everything is given in mm."""

    def __init__(self) -> None:
        self.w, self.h = (round(side / CELL_MM) for side in SIZE_MM)
        self.planes = np.zeros((5, self.h, self.w), np.float32)
        self.rgb = np.full((self.h * STRIDE, self.w * STRIDE, 3), 90, np.uint8)

    def cells(self, points_mm: F64) -> F64:
        return np.asarray((points_mm / MM_PER_PX + 0.5) / STRIDE - 0.5)

    def row(
        self,
        holes_mm: F64,
        *,
        unseen: Sequence[int] = (),
        without_thread: Sequence[int] = (),
        closed: bool = False,
        heat: float = 0.9,
    ) -> None:
        """Holes with thread between them, but for the holes ``unseen`` and the steps ``without_thread``."""
        following = [*range(1, len(holes_mm)), *([0] if closed else [])]
        for i, j in enumerate(following):
            if i not in without_thread:
                self._line(self.planes[0], holes_mm[i], holes_mm[j])
                a, b = (
                    tuple(np.rint(p / MM_PER_PX * 16).astype(int).tolist())
                    for p in (holes_mm[i], holes_mm[j])
                )
                cv2.line(self.rgb, a, b, (190, 180, 160), 3, cv2.LINE_AA, 4)
        for i, hole in enumerate(holes_mm):
            if i in unseen:
                continue
            x, y = self.cells(hole)
            ys, xs = np.mgrid[: self.h, : self.w]
            bump = (heat * np.exp(-((xs - x) ** 2 + (ys - y) ** 2) / (2 * 1.2**2))).astype(np.float32)
            nearer = bump > self.planes[1]
            self.planes[1] = np.where(nearer, bump, self.planes[1])
            self.planes[2] = np.where(nearer, (x - xs) * STRIDE, self.planes[2])
            self.planes[3] = np.where(nearer, (y - ys) * STRIDE, self.planes[3])
            centre = tuple(np.rint(hole / MM_PER_PX * 16).astype(int).tolist())
            cv2.circle(self.rgb, centre, 32, (25, 22, 20), -1, cv2.LINE_AA, 4)

    def edge(self, points_mm: F64) -> None:
        for a, b in pairwise(points_mm):
            self._line(self.planes[4], a, b)

    def _line(self, plane: npt.NDArray[np.float32], a_mm: F64, b_mm: F64) -> None:
        a, b = self.cells(a_mm), self.cells(b_mm)
        ys, xs = np.mgrid[: self.h, : self.w]
        step = b - a
        t = np.clip(((xs - a[0]) * step[0] + (ys - a[1]) * step[1]) / max(1e-9, float(step @ step)), 0, 1)
        d2 = (xs - a[0] - t * step[0]) ** 2 + (ys - a[1] - t * step[1]) ** 2
        np.maximum(plane, np.exp(-d2 / 2).astype(np.float32), out=plane)

    def maps(self) -> Maps:
        surface = np.zeros((2, self.h, self.w), np.float32)
        surface[0] = 1
        size = (self.w * STRIDE, self.h * STRIDE)
        return Maps(("sound", "hole"), surface, size, PLANES, self.planes)

    def rows(self) -> list[Row]:
        """Rows as they are traced, before their stitches are looked at."""
        planes = planes_of(self.maps(), SPEC)
        assert planes is not None
        return find_rows(planes, self.rgb, Frame(SCALE))

    def seams(
        self, calibration: Calibration | None = SCALE, zones: Sequence[Zone] | None = None
    ) -> tuple[Seam, ...]:
        return find_seams(
            self.maps(), self.rgb, [whole_photo()] if zones is None else zones, calibration, spec=SPEC
        )


def whole_photo(*, height_mm: float = 0.0, width_mm: float = SIZE_MM[0]) -> Zone:
    right, bottom = width_mm / MM_PER_PX - 0.5, SIZE_MM[1] / MM_PER_PX - 0.5
    outline = np.array([[-0.5, -0.5], [right, -0.5], [right, bottom], [-0.5, bottom]])
    return Zone("upper", ZoneClass.PRIMARY, outline, height_mm=height_mm)


def straight(
    count: int, pitch_mm: float, *, at_mm: tuple[float, float] = (8.0, 20.0), angle_deg: float = 0.0
) -> F64:
    way = np.array([math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))])
    return np.asarray(np.array(at_mm) + pitch_mm * np.arange(count)[:, None] * way, np.float64)


def value(seam: Seam, name: str) -> float:
    found = seam.measured(name)
    assert found is not None, f"{name} is not known"
    return found.value


def test_maps_without_stitches_have_no_seams() -> None:
    maps = replace(Sewing().maps(), stitches=None, stitch_planes=())
    assert find_seams(maps, Sewing().rgb, [whole_photo()], SCALE, spec=SPEC) == ()


def test_an_empty_map_has_no_seams() -> None:
    assert Sewing().seams() == ()


@pytest.mark.parametrize("angle_deg", [0.0, 27.0])
@pytest.mark.parametrize("pitch_mm", [1.5, 2.5, 4.0])
def test_a_straight_row_has_its_pitch_and_density(pitch_mm: float, angle_deg: float) -> None:
    sewing = Sewing()
    sewing.row(straight(16, pitch_mm, angle_deg=angle_deg))
    (seam,) = sewing.seams()
    assert len(seam.points_px) == 16
    mean = seam.measured("pitch_mean_mm")
    assert mean is not None
    assert mean.uncertainty is not None
    assert mean.value == pytest.approx(pitch_mm, abs=mean.uncertainty)
    assert seam.pitch_mm == pytest.approx(pitch_mm, abs=0.12)
    assert value(seam, "density_per_cm") == pytest.approx(10 / pitch_mm, rel=0.01)
    assert value(seam, "density_per_inch") == pytest.approx(25.4 / pitch_mm, rel=0.01)
    assert value(seam, "length_mm") == pytest.approx(15 * pitch_mm, abs=0.2)
    assert value(seam, "skipped") == value(seam, "broken") == 0
    assert value(seam, "run_off_mm") < 0.15


def test_mean_and_deviation_of_a_row_with_a_hole_too_many_hold_the_true_ones() -> None:
    holes = straight(24, 2.5)
    sewing = Sewing()
    sewing.row(np.insert(holes, 12, holes[11] + 0.48 * (holes[12] - holes[11]), axis=0))
    (seam,) = sewing.seams()
    assert len(seam.points_px) == len(holes) + 1
    for name, true in (("pitch_mean_mm", 2.5), ("density_per_cm", 4.0), ("pitch_deviation_mm", 0.0)):
        told = seam.measured(name)
        assert told is not None
        assert told.uncertainty is not None
        assert told.value == pytest.approx(true, abs=told.uncertainty), name


def test_points_come_in_order_along_the_row() -> None:
    sewing = Sewing()
    holes = straight(14, 2.5, angle_deg=15)
    sewing.row(holes)
    (seam,) = sewing.seams()
    told = seam.points_px * MM_PER_PX
    forward = np.linalg.norm(told[0] - holes[0]) < 1
    assert np.abs((told if forward else told[::-1]) - holes).max() < 0.15


def test_twin_rows_stay_apart_and_share_a_group() -> None:
    sewing = Sewing()
    sewing.row(straight(18, 3.0, at_mm=(8, 20)))
    sewing.row(straight(18, 3.0, at_mm=(9.4, 21.6)))
    sewing.row(straight(18, 3.0, at_mm=(8.7, 23.2)))
    sewing.edge(np.array([[0.0, 18.2], [90.0, 18.2]]))
    seams = sorted(sewing.seams(), key=lambda seam: seam.row)
    assert [len(seam.points_px) for seam in seams] == [18, 18, 18]
    assert {seam.group for seam in seams} == {0}
    assert [seam.row for seam in seams] == [0, 1, 2]
    assert value(seams[0], "row_gap_min_mm") == pytest.approx(1.6, abs=0.15)
    assert value(seams[1], "row_gap_max_mm") == pytest.approx(1.6, abs=0.15)
    assert seams[2].measured("row_gap_min_mm") is None


def test_twin_rows_that_skip_side_by_side_do_not_change_over() -> None:
    sewing = Sewing()
    sewing.row(straight(20, 3.0, at_mm=(8, 20)), unseen=(9,))
    sewing.row(straight(20, 3.0, at_mm=(9.5, 21.4)), unseen=(9,))
    rows = sewing.rows()
    assert [len(row.at_px) for row in rows] == [19, 19]
    for row in rows:
        assert np.ptp(row.at_px[:, 1]) * MM_PER_PX < 0.3


@pytest.mark.parametrize(
    ("false_per_m", "uncertainty"), [(None, 2.0), (0.25, None), (5.0, 1.0), (100.0, 2.0)]
)
def test_calls_that_chance_makes_on_so_much_seam_are_uncertain(
    false_per_m: float | None, uncertainty: float | None
) -> None:
    sewing = Sewing()
    sewing.row(straight(20, 2.5), unseen=(7, 8))
    maps = sewing.maps()
    spec = replace(SPEC, false_gaps_per_m=false_per_m)
    (seam,) = find_seams(maps, sewing.rgb, [whole_photo()], SCALE, spec=spec)
    skipped = seam.measured("skipped")
    assert skipped is not None
    assert (skipped.value, skipped.uncertainty) == (2.0, uncertainty)


@pytest.mark.parametrize(("length_mm", "bow_mm"), [(3.0, 0.0), (7.0, 0.0), (9.0, 2.0)])
def test_an_uncut_end_is_measured_along_its_bow(length_mm: float, bow_mm: float) -> None:
    sewing = Sewing()
    holes = straight(20, 2.5)
    sewing.row(holes)
    t = np.linspace(0, 1, 60)
    path = holes[9] + np.stack([bow_mm * np.sin(np.pi * t), length_mm * t], axis=1)
    true_mm = float(np.hypot(*np.diff(path, axis=0).T).sum())
    plane = np.zeros((sewing.h, sewing.w), np.uint8)
    cells = np.rint(sewing.cells(path) * 16).astype(np.int32)
    cv2.polylines(plane, [cells], False, 1, 2, cv2.LINE_8, 4)
    surface = np.stack([1 - plane, plane]).astype(np.float32)
    maps = replace(sewing.maps(), kinds=("sound", "thread_end"), surface=surface)
    (seam,) = find_seams(maps, sewing.rgb, [whole_photo()], SCALE, spec=SPEC)
    end = seam.measured("thread_end_mm")
    assert end is not None
    assert end.uncertainty is not None
    assert end.value == pytest.approx(true_mm, abs=end.uncertainty)


def test_rows_without_any_thread_that_is_seen_are_found_by_their_even_holes() -> None:
    sewing = Sewing()
    sewing.row(straight(16, 2.5))
    sewing.planes[0] = 0
    (seam,) = sewing.seams()
    assert len(seam.points_px) == 16
    assert value(seam, "broken") == 0


@pytest.mark.parametrize(
    ("heat", "uneven_mm", "found"), [(0.4, 0.0, 1), (0.4, 0.13, 0), (0.33, 0.0, 0), (0.5, 0.13, 1)]
)
def test_faint_rows_without_thread_are_found_if_they_are_very_even(
    heat: float, uneven_mm: float, found: int
) -> None:
    sewing = Sewing()
    holes = straight(16, 3.0)
    holes[:, 0] += uneven_mm * np.random.default_rng(4).normal(0, 1, 16)
    sewing.row(holes, heat=heat)
    sewing.planes[0] = 0
    assert len(sewing.seams()) == found


def test_a_row_is_not_continued_by_one_of_another_pitch_that_leads_off_where_it_ends() -> None:
    sewing = Sewing()
    sewing.row(straight(14, 1.8, at_mm=(8, 20)))
    sewing.row(straight(10, 4.0, at_mm=(35, 21), angle_deg=20))
    assert sorted(len(seam.points_px) for seam in sewing.seams()) == [10, 14]


def test_rows_of_other_pitch_that_cross_at_a_small_angle_stay_apart() -> None:
    sewing = Sewing()
    sewing.row(straight(22, 3.6, at_mm=(6, 30)))
    sewing.row(straight(40, 1.9, at_mm=(8, 24), angle_deg=9))
    one, other = sorted(sewing.rows(), key=lambda row: len(row.at_mm))
    assert len(other.at_mm) == 40
    assert 19 <= len(one.at_mm) <= 22  # three holes that they share may be those of one
    assert np.abs(one.at_mm[:, 1] - 30).max() < 0.1


@pytest.mark.parametrize(("ahead_cells", "freed"), [(20.0, True), (40.0, False)])
def test_a_row_that_bends_over_to_another_goes_straight_on_to_an_end_within_two_stitches_only(
    ahead_cells: float, freed: bool
) -> None:
    # Stitches of 10 cells: one row whose sixth hole is linked over to a row beside, and one straight ahead.
    along = np.arange(6.0) * 10
    row = np.stack([along, np.zeros(6)], axis=1)
    beside, ahead = np.array([60.0, 8.0]), np.array([50 + ahead_cells, 0.0])
    at = np.concatenate([row, row + beside, row + ahead])
    links = Links(at, [(i, i + 1) for i in range(17) if i != 11])
    untangle(links)
    assert (12 in links.of[5]) == freed
    assert (6 in links.of[5]) == (not freed)


def test_the_distance_to_the_nearest_point_is_known_as_far_off_as_a_hole_of_the_row_may_lie() -> None:
    rng = np.random.default_rng(3)
    points = rng.uniform(0, (79, 59), (20, 2))
    places = rng.uniform(0, (79, 59), (500, 2))
    true = np.hypot(*(places[:, None] - points[None]).transpose(2, 0, 1)).min(axis=1)
    found = NearestPoint(points, (60, 80), longest=29.0).distance(places)
    near = true < 9.0
    assert near.any()
    assert not near.all()
    assert np.abs(found - true)[near].max() < 1.2
    assert found[~near].min() > 8.0
    assert NearestPoint(points, (60, 80), longest=29.0).distance(np.array([[-20.0, 5.0]])) > 1e5


@pytest.mark.parametrize(
    ("faint", "thread", "unseen", "taken"),
    [(3, False, (), 3), (2, False, (), 0), (1, True, (), 1), (5, False, (1,), 4), (8, False, (0, 1, 2), 0)],
)
def test_a_row_goes_on_through_faint_holes_where_several_keep_its_rhythm_or_thread_leads_to_them(
    faint: int, thread: bool, unseen: tuple[int, ...], taken: int
) -> None:
    sewing = Sewing()
    holes = straight(12 + faint, 2.5, angle_deg=10)
    sewing.row(holes[:12])
    sewing.row(
        holes[11:], heat=0.2, unseen=[i + 1 for i in unseen], without_thread=() if thread else range(99)
    )
    (row,) = sewing.rows()
    assert len(row.at_px) == 12 + taken
    assert np.median(steps(row.at_mm, closed=False)) == pytest.approx(2.5, abs=0.03)


@pytest.mark.parametrize(
    ("turned_deg", "pitch_mm", "rows"),
    [(0.0, 2.5, 1), (1.5, 2.5, 1), (6.0, 2.5, 2), (0.0, 3.6, 2)],
)
def test_a_row_goes_on_beyond_a_wide_thing_that_lies_over_it_where_it_leads_straight_there(
    turned_deg: float, pitch_mm: float, rows: int
) -> None:
    sewing = Sewing()
    sewing.row(straight(9, 2.5, at_mm=(5, 30)))
    sewing.row(
        straight(6, pitch_mm, at_mm=(47.5, 30 + 22.5 * math.radians(turned_deg)), angle_deg=turned_deg)
    )
    found = sewing.rows()
    assert sorted(len(row.at_px) for row in found) == ([15] if rows == 1 else [6, 9])


def test_faint_points_out_of_rhythm_are_no_holes_of_a_row() -> None:
    sewing = Sewing()
    holes = straight(16, 2.5)
    sewing.row(holes[:12])
    sewing.row(holes[12:] - np.array([0.9, 0.0]), heat=0.2, without_thread=range(9))
    sewing.row(holes[:4] - np.array([10.0, 1.2]), heat=0.2, without_thread=range(9))
    (seam,) = sewing.seams()
    assert len(seam.points_px) == 12


def test_a_row_that_ends_at_one_that_crosses_keeps_the_hole_that_both_share() -> None:
    sewing = Sewing()
    across = straight(16, 3.0, at_mm=(8, 30))
    up = straight(10, 2.5, at_mm=(float(across[8, 0]), 30.0), angle_deg=-70)
    sewing.row(up, unseen=(0,))
    sewing.row(across)
    assert [len(seam.points_px) for seam in sewing.seams()] == [16, 10]


@pytest.mark.parametrize(
    ("turned_deg", "tips", "rows"), [(0.0, True, [16]), (0.0, False, [16]), (40.0, False, [8, 8])]
)
def test_two_ends_that_face_each_other_are_one_row_also_where_each_took_a_hole_of_one_that_crosses(
    turned_deg: float, tips: bool, rows: list[int]
) -> None:
    # Stitches of 10 cells: a row in two pieces, and holes of one that crosses between them.
    turn = math.radians(turned_deg)
    first = np.stack([20 + np.arange(8.0) * 10, np.full(8, 60.0)], axis=1)
    second = np.array([100.0, 60.0]) + 10 * np.arange(8.0)[:, None] * (math.cos(turn), math.sin(turn))
    crossing = np.array([[94.0, 64.0], [95.0, 55.0]])
    at = np.vstack([first, second, crossing])
    ends = ((16,), (17,)) if tips else ((), ())
    chains = [Chain((*range(8), *ends[0])), Chain((*ends[1], *range(8, 16)))]
    planes = planes_of(Sewing().maps(), SPEC)
    assert planes is not None
    found, _ = extend(chains, Points(at, np.full(len(at), 0.8)), planes)
    assert [len(chain.points) for chain in found] == rows


def test_twin_rows_go_round_a_corner_and_not_back_along_each_other() -> None:
    # Stitches of 6.2 cells; the inner row has a shorter one before the corner.
    pitch, gap = 6.2, 3.7
    along, down = np.arange(8.0, 0, -1)[:, None] * (-pitch, 0), np.arange(1.0, 9)[:, None] * (0, pitch)
    outer = np.vstack([along, [(0, 0)], down])
    inner = np.vstack([along + np.array([0.6 * pitch, 0]), [(0, 0)], down]) + np.array([-gap, gap])
    links = Links(np.vstack([outer, inner]), [(i, i + 1) for i in range(33) if i != 16])
    untangle(links)
    assert sorted(sorted(order) for order, _ in links.chains()) == [[*range(17)], [*range(17, 34)]]


def test_a_corner_does_not_end_a_row() -> None:
    sewing = Sewing()
    down = straight(12, 2.5, at_mm=(10, 12))
    across = down[-1] + 2.5 * np.arange(1, 12)[:, None] * np.array([math.cos(1.9), math.sin(1.9)])
    sewing.row(np.vstack([down, across]))
    (seam,) = sewing.seams()
    assert len(seam.points_px) == 23
    assert value(seam, "run_off_mm") < 0.2


@pytest.mark.parametrize(("cover", "pitch_mm", "rows"), [(0.06, 2.5, 1), (0.02, 2.5, 2), (0.06, 3.4, 2)])
def test_a_row_goes_round_a_hole_in_its_corner_where_little_thread_shows_if_the_stitch_is_even(
    cover: float, pitch_mm: float, rows: int
) -> None:
    sewing = Sewing()
    down = straight(12, 2.5, at_mm=(10, 12))
    way = np.array([math.cos(1.9), math.sin(1.9)])
    across = down[-1] + (pitch_mm + 2.5 * np.arange(11.0)[:, None]) * way
    sewing.row(np.vstack([down[-1], across[0]]))
    sewing.planes[0] *= cover
    sewing.row(down)
    sewing.row(across)
    assert len(sewing.seams()) == rows


def test_a_ring_is_closed() -> None:
    sewing = Sewing()
    angle = 2 * np.pi * np.arange(30) / 30
    sewing.row(np.array([45.0, 30.0]) + 13 * np.stack([np.cos(angle), np.sin(angle)], axis=1), closed=True)
    (seam,) = sewing.seams()
    assert seam.closed
    assert len(seam.points_px) == len(seam.pitch_mm) == 30
    assert value(seam, "pitch_mean_mm") == pytest.approx(26 * math.sin(math.pi / 30), abs=0.03)


def test_margins_are_measured_from_the_edge_and_are_negative_beyond_it() -> None:
    sewing = Sewing()
    holes = straight(28, 2.5)
    bump = 2.4 * np.exp(-(((np.arange(28) - 14) / 2.2) ** 2))
    holes[:, 1] -= bump
    sewing.row(holes)
    sewing.edge(np.array([[0.0, 18.2], [90.0, 18.2]]))
    (seam,) = sewing.seams()
    assert value(seam, "margin_max_mm") == pytest.approx(1.8, abs=0.12)
    assert value(seam, "margin_min_mm") == pytest.approx(-0.6, abs=0.12)
    assert value(seam, "run_off_mm") == pytest.approx(2.4, abs=0.15)
    deepest = int(np.nanargmin(seam.margin_mm))
    assert abs(deepest - 14) <= 1 or abs(deepest - 13) <= 1


@pytest.mark.parametrize("seen_mm", [0.9, 3.9])
def test_what_lies_across_a_rows_end_is_not_taken_for_its_edge(seen_mm: float) -> None:
    sewing = Sewing()
    holes = straight(20, 2.5, at_mm=(10, 20))
    sewing.row(holes)
    sewing.edge(np.array([[0.0, 17.7], [48.0, 17.7]]))
    sewing.edge(np.array([[51.0, 20 - seen_mm], [90.0, 20 - seen_mm]]))
    (seam,) = sewing.seams()
    for name in ("margin_min_mm", "margin_max_mm"):
        assert value(seam, name) == pytest.approx(2.3, abs=0.15), name
    assert np.isnan(seam.margin_mm).sum() in (3, 4, 5)


def test_a_row_that_leaves_its_edge_bit_by_bit_keeps_its_margins_to_the_end() -> None:
    sewing = Sewing()
    sewing.row(straight(20, 2.5, at_mm=(10, 20)))
    sewing.edge(np.array([[0.0, 17.7], [45.0, 17.7], [70.0, 16.2]]))
    (seam,) = sewing.seams()
    assert value(seam, "margin_max_mm") == pytest.approx(3.2, abs=0.2)
    assert np.isfinite(seam.margin_mm).all()


def test_the_least_and_greatest_margin_are_not_those_of_the_worst_placed_holes() -> None:
    ranges_mm = []
    for seed in range(6):
        sewing = Sewing()
        holes = straight(24, 2.5, at_mm=(10, 20))
        holes[:, 1] += np.random.default_rng(seed).normal(0, 0.1, len(holes))
        sewing.row(holes)
        sewing.edge(np.array([[0.0, 17.7], [90.0, 17.7]]))
        (seam,) = sewing.seams()
        ranges_mm.append(value(seam, "margin_max_mm") - value(seam, "margin_min_mm"))
    assert np.mean(ranges_mm) < 0.2  # about 0.4 by the holes themselves


@pytest.mark.parametrize("seed", range(8))
def test_the_least_margin_is_never_above_the_mean_nor_the_greatest_below_it(seed: int) -> None:
    sewing = Sewing()
    rng = np.random.default_rng(seed)
    sewing.row(straight(20, 3.0, at_mm=(8, 20)) + rng.normal(0, 0.05, (20, 2)))
    sewing.edge(np.array([(0.0, 22.0), (96.0, 22.0)]))
    (seam,) = sewing.seams()
    assert value(seam, "margin_min_mm") <= value(seam, "margin_mean_mm") <= value(seam, "margin_max_mm")


def test_a_place_where_a_row_comes_near_its_edge_has_the_least_margin() -> None:
    sewing = Sewing()
    holes = straight(24, 2.5, at_mm=(10, 20))
    holes[10:13, 1] -= (0.5, 1.0, 0.5)
    sewing.row(holes)
    sewing.edge(np.array([[0.0, 17.7], [90.0, 17.7]]))
    (seam,) = sewing.seams()
    assert value(seam, "margin_min_mm") == pytest.approx(1.3, abs=0.15)


@pytest.mark.parametrize("bow_mm", [0.0, 4.0])
def test_a_run_off_over_a_third_of_a_row_without_an_edge_is_not_taken_for_its_line(bow_mm: float) -> None:
    sewing = Sewing()
    holes = straight(19, 2.9, at_mm=(10, 25))
    holes[:, 1] += bow_mm * np.linspace(-1, 1, 19) ** 2
    holes[5:12, 1] -= (0.4, 1.5, 2.2, 2.3, 2.2, 1.5, 0.4)
    sewing.row(holes)
    (seam,) = sewing.seams()
    run_off = seam.measured("run_off_mm")
    assert run_off is not None
    assert run_off.uncertainty is not None
    assert run_off.value == pytest.approx(2.3, abs=run_off.uncertainty)


def test_what_the_scale_does_not_know_widens_every_length() -> None:
    sewing = Sewing()
    sewing.row(straight(16, 2.5))
    (sure,) = sewing.seams()
    (unsure,) = sewing.seams(replace(SCALE, scale_uncertainty=0.02), [whole_photo(height_mm=6.0)])
    for name in ("pitch_mean_mm", "density_per_cm", "length_mm"):
        narrow, wide = sure.measured(name), unsure.measured(name)
        assert narrow is not None
        assert wide is not None
        assert narrow.uncertainty is not None
        assert wide.uncertainty is not None
        share = math.hypot(0.02, 6.0 / 300.0)
        assert wide.uncertainty == pytest.approx(math.hypot(narrow.uncertainty, share * wide.value), rel=0.01)


def test_faint_stitches_are_not_measured() -> None:
    sewing = Sewing()
    sewing.row(straight(16, 2.5), heat=0.32)
    (seam,) = sewing.seams()
    assert not seam.readable
    assert seam.measurements == ()


def test_a_row_outside_all_zones_is_left_out() -> None:
    sewing = Sewing()
    sewing.row(straight(16, 2.5, at_mm=(50.0, 20.0)))
    assert sewing.seams(zones=[whole_photo(width_mm=40.0)]) == ()


def test_scattered_points_make_no_seam() -> None:
    sewing = Sewing()
    rng = np.random.default_rng(7)
    for point in rng.uniform([4, 4], [90, 56], (60, 2)):
        sewing.row(point[None])
    assert sewing.seams() == ()
