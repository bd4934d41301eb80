"""From photos to shoes to pairs: who decides, what is waited for, and what is mixed up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from inspection.domain import Foot, Grade, Measurement, ZoneClass
from inspection.pairing import (
    PairVerdict,
    SeamFigures,
    SetPhoto,
    SetState,
    ShoeVerdict,
    judge_pair,
    judge_shoe,
    pair_limits,
)
from inspection.standards import open_standards

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
TIMEOUT = timedelta(minutes=5)
LIMITS = pair_limits(open_standards().get("general"))
VIEWS = ("lateral", "medial", "toe")


def photo(view: str = "lateral", grade: Grade = Grade.A, *, after_s: float = 0, **fields: Any) -> SetPhoto:
    given: dict[str, Any] = {
        "result_id": f"{fields.get('part_id', 'L1')}-{view}-{after_s:g}",
        "created_at": START + timedelta(seconds=after_s),
        "station": "line-1",
        "view": view,
        "grade": grade,
        "part_id": "L1",
        "pair_id": "P",
    }
    return SetPhoto(**{**given, **fields})


def shoe(*photos: SetPhoto, views: Sequence[str] = VIEWS, now_s: float = 10) -> ShoeVerdict:
    return judge_shoe(photos, views=views, now=START + timedelta(seconds=now_s), timeout=TIMEOUT)


def pair(*photos: SetPhoto, views: Sequence[str] = (), now_s: float = 10) -> PairVerdict:
    return judge_pair(
        "P",
        photos,
        views_of=lambda _: views,
        limits=LIMITS,
        now=START + timedelta(seconds=now_s),
        timeout=TIMEOUT,
    )


def left(**fields: Any) -> SetPhoto:
    return photo(**{"part_id": "L1", "foot": Foot.LEFT, **fields})


def right(**fields: Any) -> SetPhoto:
    return photo(**{"part_id": "R1", "foot": Foot.RIGHT, **fields})


def rules(verdict: ShoeVerdict | PairVerdict) -> list[str]:
    return [reason.rule for reason in verdict.reasons]


# Shoes


def test_a_shoe_waits_for_its_views() -> None:
    waiting = shoe(photo("lateral"), photo("toe", Grade.C))
    assert (waiting.state, waiting.grade, waiting.missing) == (SetState.WAITING, None, ("medial",))


def test_views_that_do_not_come_in_time_make_a_recheck() -> None:
    at_the_limit = shoe(photo("lateral"), now_s=300)
    assert at_the_limit.state is SetState.WAITING
    late = shoe(photo("lateral"), now_s=301)
    assert (late.state, late.grade) == (SetState.OVERDUE, Grade.RECHECK)
    assert late.reasons[0].rule == "views_missing"
    assert late.reasons[0].names == ("medial", "toe")


@pytest.mark.parametrize(
    ("grades", "expected"),
    [
        ("AAA", Grade.A),
        ("ABA", Grade.B),
        ("BCA", Grade.C),
        ("A?B", Grade.RECHECK),
        ("?CB", Grade.C),
    ],
)
def test_the_worst_view_decides(grades: str, expected: Grade) -> None:
    of = {"A": Grade.A, "B": Grade.B, "C": Grade.C, "?": Grade.RECHECK}
    found = shoe(*(photo(view, of[letter]) for view, letter in zip(VIEWS, grades, strict=True)))
    assert (found.state, found.grade) == (SetState.KNOWN, expected)
    worst = [one.result_id for one in found.photos if one.grade is expected]
    assert list(found.decided_by) == ([] if expected is Grade.A else worst)


def test_of_a_view_that_came_twice_the_later_photo_counts() -> None:
    found = shoe(photo("toe", Grade.C), photo("toe", Grade.A, after_s=60), views=["toe"])
    assert found.grade is Grade.A
    assert [one.grade for one in found.older] == [Grade.C]


def test_without_asked_views_any_photo_will_do() -> None:
    assert shoe(photo("heel", Grade.B), views=[]).grade is Grade.B


@pytest.mark.parametrize(
    ("field", "values", "rule"),
    [
        ("foot", (Foot.LEFT, Foot.RIGHT), "part_two_feet"),
        ("size", ("42", "43"), "part_two_sizes"),
        ("style", ("oxford", "derby"), "part_two_styles"),
        ("pair_id", ("P", "Q"), "part_two_pairs"),
    ],
)
def test_a_part_id_that_was_used_twice_is_told(field: str, values: tuple[Any, Any], rule: str) -> None:
    found = shoe(photo("toe", **{field: values[0]}), photo("heel", **{field: values[1]}), views=[])
    assert (found.grade, rules(found)) == (Grade.RECHECK, [rule])
    assert "used twice" in found.reasons[0].message
    assert "L1" in found.reasons[0].message


# Pairs


def test_two_good_shoes_make_a_good_pair() -> None:
    found = pair(left(), right())
    assert (found.state, found.grade, found.reasons) == (SetState.KNOWN, Grade.A, ())
    assert [one.foot for one in found.shoes] == [Foot.LEFT, Foot.RIGHT]


def test_the_worse_shoe_decides() -> None:
    assert pair(left(), right(grade=Grade.C)).grade is Grade.C


def test_a_pair_waits_for_its_second_shoe_and_then_goes_to_a_person() -> None:
    assert pair(left()).state is SetState.WAITING
    late = pair(left(), now_s=301)
    assert (late.state, late.grade, rules(late)) == (SetState.OVERDUE, Grade.RECHECK, ["shoe_missing"])


def test_a_pair_waits_for_the_views_of_each_shoe() -> None:
    found = pair(left(), right(), views=("lateral", "toe"))
    assert (found.state, found.grade) == (SetState.WAITING, None)


@pytest.mark.parametrize("foot", list(Foot))
def test_two_shoes_of_one_foot_are_no_pair(foot: Foot) -> None:
    found = pair(photo(foot=foot, part_id="X1"), photo(foot=foot, part_id="X2"))
    assert (found.grade, rules(found)) == (Grade.C, [f"two_{foot.value}"])
    assert found.reasons[0].names == ("X1", "X2")
    assert f"2 {foot.value} shoes" in found.reasons[0].message


def test_two_left_shoes_are_told_at_once_though_views_are_missing() -> None:
    found = pair(left(part_id="X1"), left(part_id="X2"), views=("lateral", "toe"))
    assert found.grade is Grade.C


def test_one_part_that_is_both_feet_is_told() -> None:
    found = pair(left(part_id="X"), right(part_id="X", after_s=1, view="toe"), now_s=400)
    assert found.grade is Grade.RECHECK
    assert "foot_unknown" in rules(found)
    assert rules(found.shoes[0]) == ["part_two_feet"]


def test_a_photo_without_a_foot_is_told() -> None:
    found = pair(left(), photo(part_id="R1"))
    assert (found.grade, rules(found)) == (Grade.RECHECK, ["foot_unknown"])


def test_three_shoes_are_no_pair() -> None:
    assert "too_many_shoes" in rules(pair(left(), right(), right(part_id="R2")))


@pytest.mark.parametrize(("field", "rule"), [("size", "sizes_differ"), ("style", "styles_differ")])
def test_sizes_and_styles_have_to_agree(field: str, rule: str) -> None:
    found = pair(left(**{field: "a"}), right(**{field: "b"}))
    assert (found.grade, rules(found)) == (Grade.C, [rule])
    assert pair(left(**{field: "a"}), right()).grade is Grade.A


def test_photos_without_part_ids_are_told_apart_by_the_foot() -> None:
    found = pair(left(part_id=None), right(part_id=None))
    assert found.grade is Grade.A


def seam(
    *, density: float = 4.0, margin: float = 2.0, offset: tuple[float, float] = (10.0, 5.0)
) -> SeamFigures:
    return SeamFigures(
        name="vamp 1.1",
        zone="vamp",
        zone_class=ZoneClass.PRIMARY,
        measurements=(
            Measurement("density_per_cm", density, "1/cm", 0.05),
            Measurement("margin_mean_mm", margin, "mm", 0.1),
        ),
        offset_mm=offset,
        along=(1.0, 0.0),
    )


def test_seams_are_compared_as_mirror_images() -> None:
    found = pair(left(seams=(seam(),)), right(seams=(seam(offset=(-10.0, 5.0)),)))
    assert found.grade is Grade.A
    assert {one.quantity: one.difference for one in found.comparisons} == {
        "density_difference_per_cm": 0,
        "margin_difference_mm": 0,
        "seam_position_difference_mm": 0,
    }


@pytest.mark.parametrize(
    ("other", "grade", "rule"),
    [
        ({"density": 4.9}, Grade.B, "pair-density"),
        ({"density": 4.52}, Grade.RECHECK, "pair-density"),
        ({"density": 4.3}, Grade.A, None),
        ({"margin": 3.5}, Grade.B, "pair-margin"),
        ({"offset": (-10.0, 8.5)}, Grade.B, "pair-seam-position"),
        ({"offset": (-4.0, 5.0)}, Grade.A, None),  # along the seam its ends decide, and they are not compared
    ],
)
def test_seams_that_differ_beyond_their_limit_cost_the_grade(
    other: dict[str, Any], grade: Grade, rule: str | None
) -> None:
    found = pair(left(seams=(seam(),)), right(seams=(seam(**{"offset": (-10.0, 5.0), **other}),)))
    assert (found.grade, rules(found)) == (grade, [] if rule is None else [rule])


def test_lengths_and_heights_are_compared_where_they_were_measured() -> None:
    def sized(length: float) -> dict[str, Any]:
        return {"measurements": (Measurement("shoe_length_mm", length, "mm", 0.5),)}

    found = pair(left(**sized(280)), right(**sized(284)))
    assert (found.grade, rules(found)) == (Grade.B, ["pair-length"])
    reason = found.reasons[0]
    assert (reason.measured, reason.limit, reason.unit) == (4, 2.0, "mm")
    assert "house" in str(reason.provenance)


def test_a_limit_grades_as_its_standard_combines_faults() -> None:
    assert {limit.grade for limit in LIMITS} == {Grade.B}
    sports = pair_limits(open_standards().get("sports"))
    serious = next(limit for limit in sports if limit.rule == "pair-length-serious")
    assert serious.grade is Grade.C
