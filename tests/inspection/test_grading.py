"""Verdicts follow the written rules, with reasons; what cannot be told goes to a person."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspection.domain import (
    Calibration,
    CalibrationProblem,
    CalibrationSource,
    Defect,
    Disposition,
    Grade,
    Measurement,
    Severity,
    Verdict,
    ZoneClass,
)
from inspection.grading import grade
from inspection.standards import Rule, Standard, exceeds, open_standards
from tests import factories

CAMERA = Calibration(0.1, CalibrationSource.CAMERA)
GENERAL = open_standards().get("general")
STRICT = open_standards().get("strict")


def defect(
    kind: str,
    length_mm: float | None = 3.0,
    *,
    zone_class: ZoneClass = ZoneClass.PRIMARY,
    uncertainty_mm: float = 0.2,
    area_mm2: float = 4.0,
) -> Defect:
    measured = length_mm is not None
    return Defect(
        kind=kind,
        zone=f"{zone_class.value}-zone",
        zone_class=zone_class,
        score=0.9,
        outline_px=np.array([(0, 0), (9, 0), (9, 9)], np.float64),
        box_px=(0, 0, 9, 9),
        length_mm=length_mm,
        width_mm=0.5 if measured else None,
        area_mm2=area_mm2 if measured else None,
        uncertainty_mm=uncertainty_mm if measured else None,
        uncertainty_mm2=1.0 if measured else None,
    )


def general(*defects: Defect) -> Verdict:
    return grade(defects, GENERAL, CAMERA)


def rules(verdict: Verdict) -> list[str]:
    return [reason.rule for reason in verdict.reasons]


def test_a_photo_without_defects_passes() -> None:
    assert general() == Verdict(Grade.A, Disposition.PASS)


def test_a_scratch_over_5_mm_in_the_primary_zone_is_rejected() -> None:
    verdict = general(defect("scratch", 6.0))
    assert (verdict.grade, verdict.disposition) == (Grade.C, Disposition.REJECT)
    (reason,) = verdict.reasons
    assert reason.rule == "mark-long-primary"
    assert (reason.measured, reason.limit, reason.unit, reason.uncertainty) == (6.0, 5.0, "mm", 0.2)
    assert (reason.kind, reason.zone, reason.defect) == ("scratch", "primary-zone", 0)
    assert reason.severity is Severity.MAJOR
    assert reason.clause == "2.1"
    assert reason.provenance is not None
    assert "abelinspection.com" in reason.provenance
    assert (
        reason.message == "The length of the scratch in zone primary-zone is 6.00 ± 0.20 mm; 5 mm is allowed."
    )


def test_a_short_scratch_in_the_primary_zone_is_for_rework() -> None:
    verdict = general(defect("scratch", 3.0))
    assert (verdict.grade, verdict.disposition) == (Grade.B, Disposition.REWORK)
    assert rules(verdict) == ["mark-short-primary"]


def test_the_same_scratch_counts_less_in_the_secondary_and_the_hidden_zone() -> None:
    assert general(defect("scratch", 6.0, zone_class=ZoneClass.SECONDARY)).grade is Grade.B
    assert general(defect("scratch", 6.0, zone_class=ZoneClass.HIDDEN)).grade is Grade.A
    assert general(defect("scratch", 3.0, zone_class=ZoneClass.SECONDARY)).grade is Grade.A


def test_a_scratch_about_as_long_as_the_limit_is_for_a_person_to_judge() -> None:
    verdict = general(defect("scratch", 4.9))
    assert (verdict.grade, verdict.disposition) == (Grade.RECHECK, Disposition.RECHECK)
    assert rules(verdict) == ["mark-long-primary", "mark-short-primary"]
    assert verdict.reasons[0].grade is Grade.RECHECK
    assert "too close to the limit" in verdict.reasons[0].message


def test_a_doubtful_scratch_does_not_matter_beside_a_certain_hole() -> None:
    verdict = general(defect("scratch", 4.9), defect("hole", 1.0))
    assert verdict.grade is Grade.C
    assert rules(verdict) == ["open-leather-primary", "mark-short-primary"]
    assert [reason.defect for reason in verdict.reasons] == [1, 0]


def test_a_doubt_that_could_change_nothing_does_not_ask_for_a_person() -> None:
    doubtful_b = defect("scratch", 5.1, zone_class=ZoneClass.SECONDARY)
    assert general(doubtful_b).grade is Grade.RECHECK
    assert general(doubtful_b, defect("scratch", 2.0)).grade is Grade.B


def test_any_hole_in_a_visible_zone_is_rejected() -> None:
    for zone_class in (ZoneClass.PRIMARY, ZoneClass.SECONDARY):
        assert general(defect("hole", 0.3, zone_class=zone_class)).grade is Grade.C
    assert general(defect("hole", 0.3, zone_class=ZoneClass.HIDDEN)).grade is Grade.B


def test_two_pinholes_are_for_rework_and_three_are_rejected() -> None:
    assert general(*[defect("pinhole", 0.4)] * 2).grade is Grade.B
    verdict = general(*[defect("pinhole", 0.4)] * 3)
    assert verdict.grade is Grade.C
    reason = verdict.reasons[0]
    assert reason.rule == "pinholes-many-primary"
    assert (reason.measured, reason.limit, reason.defect, reason.zone) == (3, 2, None, "primary")
    assert reason.message == "3 defects of kind pinhole in primary zones; 2 are allowed."


@pytest.mark.parametrize(
    ("pinholes", "limit", "told"),
    [
        (1, 0, "1 defect of kind pinhole in primary zones; 0 are allowed."),
        (2, 1, "2 defects of kind pinhole in primary zones; 1 is allowed."),
    ],
)
def test_one_is_told_as_one(pinholes: int, limit: int, told: str) -> None:
    content = GENERAL.model_dump(by_alias=True)
    rules = [{**rule, "limit": limit} for rule in content["rules"] if rule["id"] == "pinholes-many-primary"]
    standard = Standard.model_validate({**content, "rules": rules})
    verdict = grade([defect("pinhole", 0.4)] * pinholes, standard, CAMERA)
    assert verdict.reasons[0].message == told


def test_pinholes_of_different_zone_classes_are_counted_apart() -> None:
    verdict = general(
        *[defect("pinhole", 0.4)] * 2, *[defect("pinhole", 0.4, zone_class=ZoneClass.SECONDARY)] * 2
    )
    assert verdict.grade is Grade.B


def test_an_unknown_defect_is_for_a_person_to_judge() -> None:
    verdict = general(defect("unknown"))
    assert verdict.grade is Grade.RECHECK
    assert rules(verdict) == ["unknown"]
    assert general(defect("unknown"), defect("hole")).grade is Grade.C
    assert general(defect("unknown"), defect("scratch")).grade is Grade.RECHECK


@pytest.mark.parametrize("problem", CalibrationProblem)
def test_a_calibration_that_may_not_decide_makes_a_recheck_and_says_why_first(
    problem: CalibrationProblem,
) -> None:
    for defects in ((), (defect("hole"),)):
        verdict = grade(defects, GENERAL, replace(CAMERA, problem=problem))
        assert verdict.grade is Grade.RECHECK
        assert verdict.reasons[0].rule == f"calibration_{problem}"


def test_without_a_scale_every_verdict_is_a_recheck_and_says_so_first() -> None:
    for defects in ([], [defect("scratch", None)], [defect("hole", None)]):
        verdict = grade(defects, GENERAL, None)
        assert (verdict.grade, verdict.disposition) == (Grade.RECHECK, Disposition.RECHECK)
        assert verdict.reasons[0].rule == "scale"
    assert rules(verdict) == ["scale", "open-leather-primary"]


def test_regions_left_out_ask_for_a_person() -> None:
    verdict = grade([defect("scratch", 2.0)], GENERAL, CAMERA, left_out=70)
    assert verdict.grade is Grade.RECHECK
    assert verdict.reasons[0].rule == "too_many_regions"
    assert (verdict.reasons[0].measured, verdict.reasons[0].limit) == (71, 1)


def test_the_strict_standard_allows_less() -> None:
    for kind, length_mm in (("scratch", 3.0), ("wrinkle", 6.0), ("hole", 1.0)):
        assert grade([defect(kind, length_mm)], STRICT, CAMERA).grade is Grade.C
    assert grade([defect("hole", 1.0, zone_class=ZoneClass.HIDDEN)], STRICT, CAMERA).grade is Grade.C


def test_areas_are_judged_with_their_own_uncertainty() -> None:
    patch = defect("colour_difference", 20.0, zone_class=ZoneClass.SECONDARY)
    assert general(replace(patch, area_mm2=98.0)).grade is Grade.A
    assert general(replace(patch, area_mm2=99.5)).grade is Grade.RECHECK
    assert general(replace(patch, area_mm2=102.0)).grade is Grade.B


KINDS = st.sampled_from(["scratch", "hole", "wrinkle", "pinhole", "stain", "unknown", "thread_end"])
DEFECTS = st.lists(
    st.builds(
        defect,
        KINDS,
        st.floats(0.1, 40),
        zone_class=st.sampled_from(ZoneClass),
        uncertainty_mm=st.floats(0, 2),
    ),
    max_size=6,
)


@given(defects=DEFECTS)
def test_a_certain_verdict_holds_for_every_size_within_the_uncertainty(defects: list[Defect]) -> None:
    verdict = general(*defects)
    if verdict.grade is Grade.RECHECK:
        return
    for sign in (-0.99, 0.0, 0.99):
        exact = [
            replace(d, length_mm=(d.length_mm or 0) + sign * (d.uncertainty_mm or 0), uncertainty_mm=0.0)
            for d in defects
        ]
        assert general(*exact).grade is verdict.grade


@given(defects=DEFECTS, more=DEFECTS)
def test_more_defects_never_make_a_photo_better(defects: list[Defect], more: list[Defect]) -> None:
    order = [Grade.A, Grade.B, Grade.RECHECK, Grade.C]
    before, after = general(*defects).grade, general(*defects, *more).grade
    # A recheck may turn out B when a certain B joins a doubtful one, but never A.
    if before is Grade.RECHECK:
        assert after is not Grade.A
    else:
        assert order.index(after) >= order.index(before)


@given(defects=DEFECTS)
def test_every_verdict_below_a_gives_a_reason_and_the_reason_names_its_rule(defects: list[Defect]) -> None:
    verdict = general(*defects)
    assert (verdict.grade is Grade.A) == (not verdict.reasons)
    for reason in verdict.reasons:
        rule = GENERAL.rule(reason.rule)
        assert rule is not None
        assert isinstance(rule, Rule)
        assert (reason.clause, reason.provenance, reason.limit) == (rule.clause, rule.origin, rule.limit)
        assert reason.basis == rule.provenance
        assert reason.message


@pytest.mark.parametrize(
    ("value", "limit", "uncertainty", "told"),
    [
        (5.0, 5.0, 0.0, False),
        (5.01, 5.0, 0.0, True),
        (5.1, 5.0, 0.2, None),
        (4.9, 5.0, 0.2, None),
        (5.3, 5.0, 0.2, True),
        (4.7, 5.0, 0.2, False),
    ],
)
def test_a_limit_is_exceeded_kept_or_beyond_telling(
    value: float, limit: float, uncertainty: float, told: bool | None
) -> None:
    assert exceeds(value, limit, uncertainty) is told


def test_rules_for_any_kind_hold_only_for_kinds_without_their_own() -> None:
    named = GENERAL.rules_for("scratch", ZoneClass.PRIMARY)
    other = GENERAL.rules_for("burn", ZoneClass.HIDDEN)
    assert {rule.id for rule in named} == {"mark-long-primary", "mark-short-primary"}
    assert {rule.id for rule in other} == {"open-leather-hidden"}
    without = Standard.model_validate(
        GENERAL.model_dump() | {"rules": [rule for rule in GENERAL.rules if "scratch" not in rule.kinds]}
    )
    assert {rule.id for rule in without.rules_for("scratch", ZoneClass.PRIMARY)} == {"other-primary"}
    assert all(isinstance(rule, Rule) for rule in without.rules)


# Seams of which something is not known


def stitched(*measured: Measurement, **fields: Any) -> Verdict:
    known = {
        "skipped": Measurement("skipped", 0, ""),
        "broken": Measurement("broken", 0, ""),
        "density_per_cm": Measurement("density_per_cm", 4, "1/cm", 0.1),
        "run_off_mm": Measurement("run_off_mm", 0.1, "mm", 0.2),
        **{each.name: each for each in measured},
    }
    left_out = fields.pop("without", None)
    told = [each for name, each in known.items() if name != left_out]
    seam = factories.make_seam(pitch_mm=(2.5,) * 4, measurements=told)
    return grade([], GENERAL, CAMERA, seams=[replace(seam, **fields)])


def test_a_seam_that_is_measured_and_right_is_good() -> None:
    assert stitched().grade is Grade.A


@pytest.mark.parametrize(
    ("name", "rule"),
    [("skipped", "seam-skipped"), ("density_per_cm", "seam-density"), ("run_off_mm", "seam-run-off")],
)
def test_what_could_not_be_measured_of_a_seam_goes_to_a_person(name: str, rule: str) -> None:
    verdict = stitched(without=name)
    assert (verdict.grade, [reason.rule for reason in verdict.reasons]) == (Grade.RECHECK, [rule])
    [reason] = verdict.reasons
    assert (reason.grade, reason.measured, reason.quantity) == (Grade.RECHECK, None, name)
    assert "could not be measured" in reason.message


@pytest.mark.parametrize(
    ("measured", "told"),
    [
        (Measurement("skipped", 1, ""), "has 1 skipped stitch; at most 0 are allowed."),
        (
            Measurement("broken", 1, "", 1.0),
            "has 1 ± 1 places without thread, too close to tell; at most 0 are allowed.",
        ),
        (Measurement("broken", 3, "", 1.0), "has 3 ± 1 places without thread; at most 0 are allowed."),
    ],
)
def test_what_is_counted_along_a_seam_is_told_in_whole_numbers(measured: Measurement, told: str) -> None:
    [reason] = stitched(measured).reasons
    assert reason.message == f"Seam 1 in zone photo {told}"


def test_missing_counts_are_named() -> None:
    [reason] = stitched(without="skipped").reasons
    assert reason.message.startswith("The skipped stitches of seam 1 in zone photo could not be measured")


def test_what_a_seam_need_not_have_is_not_missed() -> None:
    # No edge beside it, no second row, no loose thread: nothing of that was measured, and it is good.
    assert stitched(row=0).grade is Grade.A
    assert stitched(row=1).grade is Grade.A


@pytest.mark.parametrize(("uncertainty", "expected"), [(1.0, Grade.RECHECK), (None, Grade.C), (0.5, Grade.C)])
@pytest.mark.parametrize("name", ["skipped", "broken"])
def test_a_skip_that_the_measuring_cannot_be_sure_of_rejects_nothing(
    name: str, uncertainty: float | None, expected: Grade
) -> None:
    verdict = stitched(Measurement(name, 1, "", uncertainty))
    assert verdict.grade is expected
    assert verdict.reasons[0].severity is Severity.MAJOR
