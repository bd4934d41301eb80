"""Says why: each broken rule as a reason with clause, measured value, limit, uncertainty and provenance."""

from __future__ import annotations

from inspection.domain import Calibration, CalibrationProblem, Grade, Reason, Seam, Severity
from inspection.grading.breaking import Broken
from inspection.standards import Combination, Quantity, Rule, Standard, WindowRule
from inspection.wording import number_of

__all__ = [
    "CALIBRATION_REASONS",
    "COMBINATION_REASON",
    "SCALE_REASON",
    "TOO_MANY_REASON",
    "UNREADABLE_REASON",
    "combined",
    "reason_of",
    "scale_doubt",
    "too_many",
    "unreadable",
]

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

UNREADABLE_REASON = "seam_unreadable"
"""``Reason.rule`` when a seam is there whose stitches cannot be measured."""

COMBINATION_REASON = "combination"
"""``Reason.rule`` when several faults together cost more than any alone."""

_DOUBTS = {
    CalibrationProblem.STALE: "The calibration of this camera is older than its age limit: "
    "check it with a photo of the board, or calibrate again.",
    CalibrationProblem.PHOTO_SIZE: "The calibration is for photos of another size, so no limit in "
    "millimetres can be checked: calibrate the camera as it is set now.",
    CalibrationProblem.LENS: "The calibration was made with another lens, so no limit in millimetres can be "
    "checked: calibrate the camera as it is set now.",
}

_NAMES = {
    Quantity.LENGTH_MM: "length",
    Quantity.WIDTH_MM: "width",
    Quantity.AREA_MM2: "area",
}


def reason_of(broken: Broken, standard: Standard) -> Reason:
    """The reason that a broken rule gives."""
    rule = broken.rule
    quantity = broken.quantity or rule.quantity
    return Reason(
        rule=rule.id,
        grade=standard.grade_of(rule) if broken.certain else Grade.RECHECK,
        message=_message(broken, standard),
        severity=rule.severity,
        clause=rule.clause,
        provenance=rule.origin,
        basis=rule.provenance.value,
        defect=broken.defect,
        seam=broken.seam,
        measured=broken.measured,
        limit=broken.limit,
        least=broken.least,
        unit=quantity.unit,
        quantity=quantity.value,
        uncertainty=broken.uncertainty,
        kind=broken.kind,
        zone=broken.zone,
        expected=broken.expected,
    )


_COUNTED = {
    Quantity.SKIPPED: ("skipped stitch", "skipped stitches"),
    Quantity.BROKEN: ("place without thread", "places without thread"),
}
"""What is counted along a seam, one and more of it."""


def _message(broken: Broken, standard: Standard) -> str:
    rule = broken.rule
    if isinstance(rule, WindowRule):
        return _window_message(broken)
    kind = (broken.kind or "").replace("_", " ")
    if rule.limit is None or broken.measured is None:
        if standard.grade_of(rule) is Grade.RECHECK:
            return f"A defect of kind {kind} in zone {broken.zone}: a person has to look."
        return f"A defect of kind {kind} in zone {broken.zone}; none is allowed for grade A."
    if rule.grouped:
        return _group_message(broken, rule, kind)
    unit = rule.quantity.unit
    subject = f"The {_NAMES[rule.quantity]} of the {kind} in zone {broken.zone}"
    value = f"{broken.measured:.2f} ± {broken.uncertainty or 0:.2f} {unit}"
    if broken.certain:
        return f"{subject} is {value}; {rule.limit:g} {unit} is allowed."
    return f"{subject} is {value}, too close to the limit of {rule.limit:g} {unit} to tell."


def _group_message(broken: Broken, rule: Rule, kind: str) -> str:
    assert broken.measured is not None
    zones = f"in {broken.zone} zones"
    limit, unit = f"{rule.limit:g}", rule.quantity.unit
    half = f" ± {broken.uncertainty:.2f}" if broken.uncertainty else ""
    verb = "is" if rule.limit == 1 else "are"
    allowed = f"{verb} allowed" if broken.certain else f"{verb} allowed: too close to tell"
    match rule.quantity:
        case Quantity.COUNT:
            half = f" ± {broken.uncertainty:.0f}" if broken.uncertainty else ""
            over = "" if rule.counts_over_mm is None else f" over {rule.counts_over_mm:g} mm"
            what = "defect" if f"{broken.measured:.0f}{half}" == "1" else "defects"
            return f"{broken.measured:.0f}{half} {what} of kind {kind}{over} {zones}; {limit} {allowed}."
        case Quantity.DENSITY_PER_DM2:
            return f"{broken.measured:.2f}{half} defects of kind {kind} per dm² {zones}; {limit} {allowed}."
        case Quantity.SPACING_MM:
            told = "at least" if broken.certain else "too close to tell: at least"
            return (
                f"Two defects of kind {kind} {zones} are {broken.measured:.1f}{half} mm apart; "
                f"{told} {limit} mm is asked for."
            )
        case _:
            what = "length" if rule.quantity is Quantity.SUM_LENGTH_MM else "area"
            return (
                f"All defects of kind {kind} {zones} together have a {what} of "
                f"{broken.measured:.2f}{half} {unit}; {limit} {unit} {allowed}."
            )


def _window_message(broken: Broken) -> str:
    quantity = broken.quantity or broken.rule.quantity
    name = quantity.value.removesuffix("_mm").replace("_per_cm", "").replace("_per_inch", "")
    name = name.removesuffix("_de00").removesuffix("_pct").replace("_", " ")
    unit = f" {quantity.unit}".replace(" /", "/") if quantity.unit else ""
    where = f"seam {(broken.seam or 0) + 1} in zone {broken.zone}" if broken.seam is not None else "the pair"
    if broken.expected is not None:
        where = f"the seam {broken.expected} of the recipe"
    counted = _COUNTED.get(quantity)
    if broken.measured is None:
        what = counted[1] if counted else name
        return f"The {what} of {where} could not be measured, and has a limit: a person has to look."
    are = "are" if counted and broken.limit != 1 else "is"
    bound = f"{'at least' if broken.least else 'at most'} {broken.limit:g}{unit} {are} allowed"
    told = "" if broken.certain else ", too close to tell"
    if counted:
        half = f" ± {broken.uncertainty:g}" if broken.uncertainty else ""
        found = f"{broken.measured:g}{half}"
        subject = f"{where[:1].upper()}{where[1:]} has {found} {counted[found != '1']}"
    else:
        half = f" ± {broken.uncertainty:.2f}" if broken.uncertainty else ""
        value = f"{broken.measured:.2f}{half}" if half else f"{broken.measured:.2f}".rstrip("0").rstrip(".")
        subject = f"The {name} of {where} is {value}{unit}"
    return f"{subject}{told}; {bound}."


def combined(
    grade: Grade, combination: Combination, severity: Severity, *, faults: int, allowed: int, certain: bool
) -> Reason:
    """Several faults together cost more than any of them alone."""
    return Reason(
        rule=COMBINATION_REASON,
        grade=grade if certain else Grade.RECHECK,
        message=f"{number_of(faults, 'fault that is', 'faults that are')} {severity.value} or worse; "
        f"{number_of(allowed, 'is', 'are')} allowed.",
        severity=severity,
        clause=combination.clause,
        provenance=combination.origin,
        basis=combination.provenance.value,
        measured=float(faults),
        limit=float(allowed),
        unit="",
        quantity=Quantity.FAULTS.value,
    )


def scale_doubt(calibration: Calibration | None) -> Reason | None:
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


def too_many(listed: int, left_out: int) -> Reason:
    """More regions were found than are listed."""
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


def unreadable(seam: Seam, index: int) -> Reason:
    """A seam is there, and its stitches cannot be measured."""
    return Reason(
        rule=UNREADABLE_REASON,
        grade=Grade.RECHECK,
        message=f"The stitches of seam {index + 1} in zone {seam.zone} are too faint to measure.",
        seam=index,
        zone=seam.zone,
    )
