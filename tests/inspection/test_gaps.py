"""Missing stitches and thread in rendered rows, where what was sewn is known; the maps are drawn from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from bench.oracle import Faults, maps_of
from bench.seams import SPEC, calibration_of, whole_photo
from inspection.domain import Maps, Seam
from inspection.seams import find_seams, finding
from inspection.seams.frame import Frame
from inspection.seams.gaps import Gaps, find_gaps
from inspection.seams.judging import Judge, Verdicts, judge
from inspection.seams.placing import Row
from inspection.seams.points import planes_of
from inspection.seams.strips import COLUMNS, LANES, PAD, Straightened, reduced
from tests.inspection.test_seams import SCALE, Sewing, straight, value
from tests.inspection.test_seams import SPEC as DRAWN_SPEC
from tests.sewn import BROWN, LIGHT, MM_PER_PX, PITCH_MM, straight_seam, strip_of
from training.synthesis.render import Sample
from training.synthesis.scene import (
    StitchDefect,
)

SIDE_PX = 400
MIDDLE_MM = SIDE_PX * MM_PER_PX / 2
CLEAN = Faults(place_mm=0.02, missed=0.0, false_per_cm2=0.0, thread_gaps=0.0, noise=0.02)
COLOURS = [
    (BROWN, LIGHT),
    ((0.75, 0.72, 0.68), (0.1, 0.1, 0.12)),
    ((0.08, 0.1, 0.2), (0.6, 0.2, 0.1)),
]
"""Of leather and thread."""


def sewn(
    *defects: StitchDefect,
    colours: int = 0,
    rows: int = 1,
) -> Sample:
    """A photo of a straight seam across its middle."""
    leather, thread = COLOURS[colours]
    return straight_seam(*defects, side_px=SIDE_PX, beyond_mm=20.0, leather=leather, thread=thread, rows=rows)


def seams_of(made: Sample, maps: Maps | None = None) -> tuple[Seam, ...]:
    if maps is None:
        maps = maps_of(made, np.random.default_rng(1), CLEAN)
    return find_seams(maps, made.rgb, (whole_photo(made),), calibration_of(made), spec=SPEC)


def fault(kind: str, *, at_mm: float = MIDDLE_MM + 10.0, stitches: int = 1) -> StitchDefect:
    extra = 1 if kind == "skipped_stitch" else 0
    return StitchDefect(kind, seed=3, at_mm=at_mm, size_mm=PITCH_MM * (stitches + extra))


def places_mm(seam: Seam, steps: tuple[int, ...]) -> list[tuple[float, float]]:
    """Where called steps begin and end along the photo, from left to right."""
    x = (seam.points_px[:, 0] + 0.5) * MM_PER_PX
    return sorted((min(x[i], x[i + 1]), max(x[i], x[i + 1])) for i in steps)


@pytest.mark.parametrize("colours", range(len(COLOURS)))
def test_a_sound_row_has_no_gap_and_every_hole(colours: int) -> None:
    made = sewn(colours=colours)
    (seam,) = seams_of(made)
    assert len(seam.points_px) == len(made.truth.rows[0].holes_px)
    assert seam.skipped == seam.broken == seam.unsure == ()


@pytest.mark.parametrize("colours", range(len(COLOURS)))
@pytest.mark.parametrize("stitches", [1, 2])
def test_skipped_stitches_are_one_long_step_and_no_hole_is_made_up(colours: int, stitches: int) -> None:
    made = sewn(fault("skipped_stitch", stitches=stitches), colours=colours)
    (truth,) = made.truth.rows
    assert len(truth.skipped) == stitches
    (seam,) = seams_of(made)
    (place,) = seam.skipped
    assert seam.broken == ()
    assert len(seam.points_px) == len(truth.holes_px) - stitches
    assert seam.pitch_mm[place] == pytest.approx((stitches + 1) * PITCH_MM, abs=0.2)
    found = seam.measured("skipped")
    assert found is not None
    assert found.value == stitches


@pytest.mark.parametrize("colours", range(len(COLOURS)))
def test_an_open_hole_beside_the_thread_is_no_stitch_though_the_map_takes_it_for_one(colours: int) -> None:
    made = sewn(fault("skipped_stitch"), colours=colours)
    (row,) = made.truth.rows
    taken_in = replace(made, truth=replace(made.truth, rows=(replace(row, formed=np.ones_like(row.formed)),)))
    maps = maps_of(taken_in, np.random.default_rng(1), CLEAN)
    (seam,) = seams_of(made, maps)
    assert len(seam.skipped) == 1
    assert len(seam.points_px) == len(row.holes_px) - 1


@pytest.mark.parametrize("colours", range(len(COLOURS)))
@pytest.mark.parametrize("stitches", [1, 3])
def test_broken_thread_is_called_where_it_is_gone(colours: int, stitches: int) -> None:
    made = sewn(fault("broken_thread", stitches=stitches), colours=colours)
    (truth,) = made.truth.rows
    assert len(truth.broken) == stitches
    (seam,) = seams_of(made)
    assert seam.skipped == ()
    called = places_mm(seam, seam.broken)
    x = (truth.holes_px[:, 0] + 0.5) * MM_PER_PX
    gone = sorted(x[[min(truth.broken), max(truth.broken) + 1]])
    assert called[0][0] == pytest.approx(gone[0], abs=0.3)
    assert called[-1][1] == pytest.approx(gone[1], abs=0.3)
    found = seam.measured("broken")
    assert found is not None
    assert found.value == 1


def test_a_tape_over_a_broken_thread_is_a_doubt_and_no_call() -> None:
    made = sewn(fault("broken_thread", stitches=3))
    (truth,) = made.truth.rows
    gone = truth.holes_px[[min(truth.broken), max(truth.broken) + 1]]
    taped = made.rgb.copy()
    left, right = (round(float(x)) for x in (gone[:, 0].min() - 6, gone[:, 0].max() + 6))
    taped[:, left:right] = (70, 110, 190)
    (seam,) = seams_of(replace(made, rgb=taped), maps_of(made, np.random.default_rng(1), CLEAN))
    assert seam.broken == seam.skipped == ()
    assert seam.unsure


def test_thread_that_is_missing_in_a_rows_last_stitch_is_a_doubt() -> None:
    at_mm = 10.0 + SIDE_PX * MM_PER_PX - 1.2 * PITCH_MM
    made = sewn(fault("broken_thread", at_mm=at_mm))
    (truth,) = made.truth.rows
    assert truth.broken == (len(truth.holes_px) - 2,)
    (seam,) = seams_of(made)
    assert len(seam.points_px) == len(truth.holes_px)
    assert seam.broken == ()
    assert len(seam.unsure) == 1


def test_a_fault_of_one_row_is_not_told_of_the_row_beside() -> None:
    made = sewn(fault("broken_thread", stitches=3), rows=2)
    seams = seams_of(made)
    assert len(seams) == 2
    assert sorted(len(seam.broken) > 0 for seam in seams) == [False, True]


@pytest.mark.parametrize("finer", [1, 3])
def test_a_strip_shows_every_stitch_equally_long_and_the_row_straight(finer: int) -> None:
    """Dots drawn at the holes of a bent row of uneven pitch come to lie at even places on one line."""
    angle = np.cumsum([0.0, 0.12, 0.18, 0.11, 0.2, 0.13, 0.16])
    holes = finer * (200 + 150 * np.stack([np.cos(angle), np.sin(angle)], axis=1))
    photo = np.zeros((finer * 400, finer * 400, 3), np.uint8)
    for x, y in np.rint(holes).astype(int).tolist():
        cv2.circle(photo, (x, y), 2 * finer, (255, 255, 255), -1)
    parts = np.array([1, 1, 2, 1, 1, 1])
    line = Straightened(holes, parts, closed=False)
    assert line.seen.tolist() == [True, True, True, False, True, True, True, True]
    strip = line.strip(reduced(photo, mm_per_px=0.12 / finer))
    assert strip.shape == (LANES, COLUMNS * (parts.sum() + 2 * PAD), 3)
    lanes, columns = np.nonzero(strip[..., 0] > 100)
    assert abs(lanes.mean() - (LANES - 1) / 2) < 1
    expected = (np.flatnonzero(line.seen) + PAD) * COLUMNS
    assert np.abs(columns[:, None] - expected).min(axis=1).max() <= 8
    assert np.abs(columns[:, None] - expected).min(axis=0).max() <= 3


def test_the_judge_says_as_much_as_there_are_stitches_and_places() -> None:
    said = judge().look(np.full((LANES, COLUMNS * (7 + 2 * PAD), 3), 90, np.uint8))
    assert said.gone.shape == (7,)
    assert said.passed.shape == said.none.shape == (8,)


@pytest.mark.parametrize(("lanes", "columns"), [(1, -1), (-1, 1), (-1, -1)])
def test_a_row_with_a_doubt_is_judged_alike_whatever_way_round_it_is(lanes: int, columns: int) -> None:
    photo = sewn(fault("broken_thread", at_mm=MIDDLE_MM + 8), fault("skipped_stitch", at_mm=MIDDLE_MM - 8))
    strip = strip_of(photo)
    said, turned = judge().look(strip), judge().look(strip[::lanes, ::columns])
    assert said.gone.max() > 0.9
    assert said.passed.max() > 0.9
    for name in ("gone", "passed", "none"):
        assert getattr(turned, name)[::columns] == pytest.approx(getattr(said, name), abs=1e-5)


def test_what_lies_beyond_the_ends_of_a_sound_row_is_no_reason_to_look_again() -> None:
    strip = strip_of(sewn())
    said, mirrored = judge().look(strip), judge().look(strip[::-1])
    # Looked at every way round, a row and the same row mirrored would be judged alike.
    assert np.abs(np.log(said.gone / mirrored.gone)).max() > 0.5


class Says(Judge):
    """A judge whose word is given, so that what is made of it can be seen: by stitch or place."""

    def __init__(
        self,
        *,
        gone: dict[int, float] | None = None,
        passed: dict[int, float] | None = None,
        none: dict[int, float] | None = None,
    ) -> None:
        self.word = gone or {}, passed or {}, none or {}

    def look(self, strip: npt.NDArray[np.uint8]) -> Verdicts:
        count = strip.shape[1] // COLUMNS - 2 * PAD
        told = [np.zeros(count, np.float32), *np.zeros((2, count + 1), np.float32)]
        for values, said in zip(told, self.word, strict=True):
            for place, probability in said.items():
                values[place] = probability
        return Verdicts(*told)


def looked_at(
    sewing: Sewing, judge: Judge, *, others: Sequence[npt.NDArray[np.float64]] = ()
) -> tuple[Row, Gaps]:
    """The only row of a drawing, and what is made of a judge's word on it."""
    planes = planes_of(sewing.maps(), DRAWN_SPEC)
    assert planes is not None
    (row,) = sewing.rows()
    photo = reduced(sewing.rgb, mm_per_px=MM_PER_PX)
    return find_gaps(row, planes, sewing.rgb, Frame(SCALE), photo=photo, others=others, judge=judge)


def ring(count: int = 24) -> Sewing:
    sewing = Sewing()
    angle = np.arange(count) * 2 * np.pi / count
    sewing.row(np.array([45.0, 30.0]) + 10 * np.stack([np.cos(angle), np.sin(angle)], axis=1), closed=True)
    return sewing


@pytest.mark.parametrize("place", [0, 7])
def test_a_skipped_stitch_of_a_closed_row_is_one_step_also_where_the_row_begins(place: int) -> None:
    row, gaps = looked_at(ring(), Says(passed={place: 0.99} | ({24: 0.99} if place == 0 else {})))
    assert row.closed
    assert len(row.at) == 23
    assert gaps.missed.sum() == 1
    assert gaps.parts.tolist().count(2) == 1
    (step,) = np.flatnonzero(gaps.missed)
    assert np.hypot(*(np.roll(row.at_mm, -1, axis=0) - row.at_mm)[step]) > 4.5
    assert not gaps.unsure.any()


def test_broken_thread_over_the_seam_of_a_closed_row_is_called_on_both_sides() -> None:
    row, gaps = looked_at(ring(), Says(gone={0: 0.99, 23: 0.99}))
    assert len(row.at) == 24
    assert np.flatnonzero(gaps.gone).tolist() == [0, 23]


def test_a_row_of_which_many_holes_would_be_passed_over_is_doubted_and_loses_none() -> None:
    sewing = Sewing()
    sewing.row(straight(20, 3.0, at_mm=(8, 20)))
    row, gaps = looked_at(sewing, Says(passed=dict.fromkeys(range(3, 10), 0.99)))
    assert len(row.at) == 20
    assert gaps.missed.sum() == 0
    assert gaps.unsure.sum() == 7


def test_a_hole_where_another_row_has_one_too_is_doubted_and_kept() -> None:
    sewing = Sewing()
    holes = straight(20, 3.0, at_mm=(8, 20))
    sewing.row(holes)
    row, gaps = looked_at(sewing, Says(passed={9: 0.99}), others=[sewing.cells(holes[[9, 10]])])
    assert len(row.at) == 20
    assert gaps.missed.sum() == 0
    assert gaps.unsure.sum() == 1


@pytest.mark.parametrize(
    ("says", "holes", "missed", "unsure"),
    [
        (Says(), 20, 0, 0),  # the photo shows a locked stitch that the map does not
        (Says(none={9: 0.9}), 19, 0, 0),  # nothing was ever there: a long stitch
        (Says(passed={9: 0.99}), 19, 1, 0),
        (Says(passed={9: 0.6}, none={9: 0.2}), 19, 0, 1),
    ],
)
def test_what_the_judge_says_of_a_place_without_a_hole_decides(
    says: Says, holes: int, missed: int, unsure: int
) -> None:
    sewing = Sewing()
    sewing.row(straight(20, 3.0, at_mm=(8, 20)), unseen=(9,))
    row, gaps = looked_at(sewing, says)
    assert len(row.at) == holes
    assert gaps.missed.sum() == missed
    assert gaps.unsure.sum() == unsure


@pytest.mark.parametrize(("probability", "called"), [(0.95, False), (0.99, True)])
def test_what_the_judge_calls_under_a_tape_is_a_doubt_unless_it_is_certain(
    probability: float, called: bool
) -> None:
    sewing = Sewing()
    holes = straight(20, 3.0, at_mm=(8, 20))
    sewing.row(holes)
    left, right = (round(float(holes[i, 0]) / MM_PER_PX) for i in (8, 10))
    sewing.rgb[:, left - 2 : right + 3] = (70, 110, 190)
    _, gaps = looked_at(sewing, Says(gone={8: probability, 9: probability}))
    assert gaps.gone[[8, 9]].all() == gaps.gone.any() == called
    assert gaps.unsure[[8, 9]].all() == gaps.unsure.any() == (not called)


def test_a_hole_beside_missing_thread_is_no_skip() -> None:
    sewing = Sewing()
    sewing.row(straight(20, 3.0, at_mm=(8, 20)))
    row, gaps = looked_at(sewing, Says(gone={8: 0.99, 9: 0.99}, passed={9: 0.99}))
    assert len(row.at) == 20
    assert gaps.missed.sum() == 0
    assert sorted(np.flatnonzero(gaps.gone)) in ([8, 9], [9, 10])


@pytest.mark.parametrize(("seen", "broken"), [(1.0, False), (0.1, True)])
@pytest.mark.parametrize("at", [0.5, 0.05])
def test_a_stitch_that_another_row_runs_across_is_not_called_broken_where_the_map_sees_it(
    seen: float, broken: bool, at: float
) -> None:
    sewing = Sewing()
    holes = straight(20, 3.0, at_mm=(8, 20))
    sewing.row(holes)
    first, last = (round(float(sewing.cells(holes[k])[0])) for k in (8, 9))
    sewing.planes[0][:, first + 1 : last] *= seen
    middle = holes[8] + at * (holes[9] - holes[8])
    across = sewing.cells(middle + np.array([[0.0, y] for y in (-4.5, -1.5, 1.5, 4.5)]))
    _, gaps = looked_at(sewing, Says(gone={8: 0.99, 10: 0.99}), others=[across])
    called = np.flatnonzero(gaps.gone).tolist()
    assert len(called) == (2 if broken or at < 0.1 else 1)
    assert not gaps.unsure.any()


@pytest.mark.parametrize(("doubts", "called"), [(3, 1), (4, 0)])
def test_a_call_among_many_doubts_is_a_doubt_too(doubts: int, called: int) -> None:
    sewing = Sewing()
    sewing.row(straight(20, 3.0, at_mm=(8, 20)))
    doubted = dict.fromkeys(range(5, 5 + 2 * doubts, 2), 0.5)
    _, gaps = looked_at(sewing, Says(gone=doubted | {2: 0.99}))
    assert gaps.gone.sum() == called
    assert gaps.unsure.sum() == doubts + 1 - called


def test_a_hole_that_the_thread_of_another_row_may_hide_is_not_called_skipped() -> None:
    sewing = Sewing()
    holes = straight(20, 3.0, at_mm=(8, 20))
    sewing.row(holes, unseen=(9,))
    across = sewing.cells(holes[9] + np.array([[0.0, y] for y in (-4.5, -1.5, 1.5, 4.5)]))
    _, gaps = looked_at(sewing, Says(passed={9: 0.99}), others=[across])
    assert gaps.missed.sum() == 0
    assert gaps.unsure.sum() == 1


def test_crossing_rows_stay_apart_also_where_two_holes_are_seen_as_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(finding, "judge", lambda: Says())  # the photo shows the hole that both share
    sewing = Sewing()
    sewing.row(straight(18, 2.6, at_mm=(10, 14), angle_deg=30))
    sewing.row(straight(18, 2.2, at_mm=(10.8, 40), angle_deg=-35))
    seams = sewing.seams()
    assert [len(seam.points_px) for seam in seams] == [18, 18]
    assert [value(seam, "skipped") for seam in seams] == [0, 0]
    assert seams[0].group != seams[1].group


@pytest.mark.parametrize(("place", "skipped"), [(9, 1), (18, 0)])
def test_a_stitch_that_is_missing_next_to_the_last_of_a_row_is_a_doubt(
    place: int, skipped: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "judge", lambda: Says(passed={place: 0.99}))
    sewing = Sewing()
    sewing.row(straight(20, 3.0, at_mm=(8, 20)), unseen=(place,))
    (seam,) = sewing.seams()
    assert len(seam.skipped) == skipped
    assert len(seam.unsure) == 1 - skipped


def test_without_a_scale_skipped_stitches_and_broken_thread_are_counted_and_nothing_else() -> None:
    made = sewn(fault("skipped_stitch"))
    maps = maps_of(made, np.random.default_rng(1), CLEAN)
    (seam,) = find_seams(maps, made.rgb, (whole_photo(made),), None, spec=SPEC)
    assert len(seam.pitch_mm) == len(seam.margin_mm) == 0
    assert {each.name: each.value for each in seam.measurements} == {"skipped": 1.0, "broken": 0.0}
