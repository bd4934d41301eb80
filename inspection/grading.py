"""Grades a photo by a written standard, with the reason for every decision.

What cannot be told is never decided by a coin: a limit inside the uncertainty of a measurement is both kept
and broken. The photo is graded both ways, and when the two grades differ the verdict is a recheck.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from inspection.domain import (
    Calibration,
    CalibrationProblem,
    Defect,
    Disposition,
    Grade,
    Reason,
    Verdict,
    ZoneClass,
)
from inspection.standards import Quantity, Rule, Standard, exceeds

__all__ = ["CALIBRATION_REASONS", "SCALE_REASON", "TOO_MANY_REASON", "grade"]

SCALE_REASON = "scale"
"""``Reason.rule`` when the scale of the photo is not known."""

CALIBRATION_REASONS = {
    CalibrationProblem.STALE: "calibration_stale",
    CalibrationProblem.PHOTO_SIZE: "calibration_photo_size",
    CalibrationProblem.LENS: "calibration_lens",
}
"""``Reason.rule`` when the calibration may not decide on the photo."""

TOO_MANY_REASON = "too_many_regions"
"""``Reason.rule`` when there are more regions than are listed."""

_DOUBTS = {
    CalibrationProblem.STALE: "The calibration of this camera is older than its age limit: "
    "check it with a photo of the board, or calibrate again.",
    CalibrationProblem.PHOTO_SIZE: "The calibration is for photos of another size, so no limit in "
    "millimetres can be checked: calibrate the camera as it is set now.",
    CalibrationProblem.LENS: "The calibration was made with another lens, so no limit in millimetres can be "
    "checked: calibrate the camera as it is set now.",
}

_WORSE = {Grade.A: 0, Grade.B: 1, Grade.C: 2}
_RECHECK_FIRST = {Grade.C: 0, Grade.RECHECK: 1, Grade.B: 2, Grade.A: 3}


@dataclass(frozen=True)
class _Broken:
    """A rule that is broken, or that nobody can tell of (``certain`` false).

    ``zone`` is the name of a defect's zone, and the zone class of a count.
    """

    rule: Rule
    certain: bool
    kind: str
    zone: str
    defect: int | None
    measured: float | None
    uncertainty: float | None


def grade(
    defects: Sequence[Defect], standard: Standard, calibration: Calibration | None, *, left_out: int = 0
) -> Verdict:
    """Judge one photo.

    Parameters
    ----------
    defects : measured; without sizes when ``calibration`` is None.
    left_out : regions found beyond those in ``defects``; more than none sends the photo to a person.

    Returns
    -------
    Verdict; its reasons come worst first. Grade A has none.
    """
    broken = [
        *_by_defect(defects, standard, has_scale=calibration is not None and calibration.gives_sizes),
        *_by_count(defects, standard),
    ]
    certain = [b.rule.grade for b in broken if b.certain and b.rule.grade is not Grade.RECHECK]
    best = max(certain, key=_WORSE.__getitem__, default=Grade.A)
    # What is uncertain matters only when it would make the grade worse than what is certain already.
    told = [b for b in broken if b.certain or _WORSE[b.rule.grade] > _WORSE[best]]
    reasons = sorted((_reason(b) for b in told), key=lambda reason: _RECHECK_FIRST[reason.grade])
    if left_out:
        reasons.insert(0, _too_many(len(defects), left_out))
    doubt = _scale_doubt(calibration)
    if doubt is not None:
        reasons.insert(0, doubt)
    doubtful = any(reason.grade is Grade.RECHECK for reason in reasons)
    # A certain C stands whatever a recheck would bring; a photo without a scale that holds is never decided.
    if doubtful and (best is not Grade.C or doubt is not None):
        return Verdict(Grade.RECHECK, Disposition.RECHECK, tuple(reasons))
    return Verdict(best, standard.dispositions[best], tuple(reasons))


def _by_defect(defects: Sequence[Defect], standard: Standard, *, has_scale: bool) -> list[_Broken]:
    """For each defect the worst rule that is certainly broken, and the worst that nobody can tell of."""
    broken: list[_Broken] = []
    for index, defect in enumerate(defects):
        found: list[_Broken] = []
        for rule in standard.rules_for(defect.kind, defect.zone_class):
            if rule.quantity is Quantity.COUNT or (rule.quantity.needs_scale and not has_scale):
                continue
            measured, uncertainty = _measured(defect, rule.quantity)
            over = True
            if rule.limit is not None and measured is not None:
                told = exceeds(measured, rule.limit, uncertainty or 0.0)
                if told is False:
                    continue
                over = told is True
            found.append(_Broken(rule, over, defect.kind, defect.zone, index, measured, uncertainty))
        sure = [b for b in found if b.certain]
        unsure = [b for b in found if not b.certain]
        broken += [max(some, key=_severity) for some in (sure, unsure) if some]
    return broken


def _severity(broken: _Broken) -> int:
    return _WORSE.get(broken.rule.grade, 1)


def _by_count(defects: Sequence[Defect], standard: Standard) -> list[_Broken]:
    """Rules on how many defects of one kind a zone class may have."""
    groups: dict[tuple[str, ZoneClass], list[Defect]] = defaultdict(list)
    for defect in defects:
        groups[defect.kind, defect.zone_class].append(defect)
    return [
        _Broken(rule, True, kind, zone_class.value, None, float(len(group)), None)
        for (kind, zone_class), group in groups.items()
        for rule in standard.rules_for(kind, zone_class)
        if rule.quantity is Quantity.COUNT and rule.limit is not None and len(group) > rule.limit
    ]


def _measured(defect: Defect, quantity: Quantity) -> tuple[float | None, float | None]:
    """Value of a quantity, and its uncertainty."""
    match quantity:
        case Quantity.LENGTH_MM:
            return defect.length_mm, defect.uncertainty_mm
        case Quantity.WIDTH_MM:
            return defect.width_mm, defect.uncertainty_mm
        case Quantity.AREA_MM2:
            return defect.area_mm2, defect.uncertainty_mm2
        case _:
            return None, None


def _reason(broken: _Broken) -> Reason:
    rule = broken.rule
    return Reason(
        rule=rule.id,
        grade=rule.grade if broken.certain else Grade.RECHECK,
        message=_message(broken),
        severity=rule.severity,
        clause=rule.clause,
        provenance=rule.provenance,
        defect=broken.defect,
        measured=broken.measured,
        limit=rule.limit,
        unit=rule.quantity.unit,
        quantity=rule.quantity.value,
        uncertainty=broken.uncertainty,
        kind=broken.kind,
        zone=broken.zone,
    )


def _message(broken: _Broken) -> str:
    rule, kind = broken.rule, broken.kind.replace("_", " ")
    name = rule.quantity.value.removesuffix("_mm").removesuffix("_mm2")
    unit = f" {rule.quantity.unit}" if rule.quantity.unit else ""
    if rule.limit is None or broken.measured is None:
        if rule.grade is Grade.RECHECK:
            return f"A defect of kind {kind} in zone {broken.zone}: a person has to look."
        return f"A defect of kind {kind} in zone {broken.zone}; none is allowed for grade A."
    if rule.quantity is Quantity.COUNT:
        return (
            f"{broken.measured:.0f} defects of kind {kind} in {broken.zone} zones; "
            f"{rule.limit:g} are allowed."
        )
    value = f"{broken.measured:.2f} ± {broken.uncertainty or 0:.2f}{unit}"
    if broken.certain:
        return f"The {name} of the {kind} in zone {broken.zone} is {value}; {rule.limit:g}{unit} is allowed."
    return (
        f"The {name} of the {kind} in zone {broken.zone} is {value}, "
        f"too close to the limit of {rule.limit:g}{unit} to tell."
    )


def _scale_doubt(calibration: Calibration | None) -> Reason | None:
    """Why no limit in millimetres can be checked; None when it can."""
    if calibration is None:
        return Reason(
            rule=SCALE_REASON,
            grade=Grade.RECHECK,
            message="The scale of the photo is not known, so no limit in millimetres can be checked.",
        )
    if calibration.problem is None:
        return None
    return Reason(
        rule=CALIBRATION_REASONS[calibration.problem],
        grade=Grade.RECHECK,
        message=_DOUBTS[calibration.problem],
    )


def _too_many(listed: int, left_out: int) -> Reason:
    return Reason(
        rule=TOO_MANY_REASON,
        grade=Grade.RECHECK,
        message=f"{listed + left_out} regions were found and only the {listed} largest are listed; "
        "check focus, light and background.",
        measured=float(listed + left_out),
        limit=float(listed),
        unit="",
        quantity=Quantity.COUNT.value,
    )
