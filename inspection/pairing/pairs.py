"""The verdict of a pair: both shoes, whether they belong together, and how much they differ."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from inspection.colour import colour_differences
from inspection.domain import Foot, Grade, Measurement, Severity, ZoneClass
from inspection.pairing.limits import PairLimit
from inspection.pairing.shoes import judge_shoe
from inspection.pairing.values import (
    Comparison,
    PairVerdict,
    SetPhoto,
    SetReason,
    SetState,
    ShoeVerdict,
    Whole,
    nothing,
    worst_grade,
)
from inspection.standards import Quantity, exceeds

__all__ = ["judge_pair"]

_OF_SHOE = {
    "shoe_length_mm": Quantity.LENGTH_DIFFERENCE_MM,
    "shoe_height_mm": Quantity.HEIGHT_DIFFERENCE_MM,
}
_OF_SEAM = {
    "density_per_cm": Quantity.DENSITY_DIFFERENCE_PER_CM,
    "margin_mean_mm": Quantity.MARGIN_DIFFERENCE_MM,
}


def judge_pair(
    pair_id: str,
    photos: Sequence[SetPhoto],
    *,
    views_of: Callable[[SetPhoto], Sequence[str]],
    limits: Sequence[PairLimit],
    now: datetime,
    timeout: timedelta,
    whole: Whole = nothing,
) -> PairVerdict:
    """Judge a pair.

    Parameters
    ----------
    photos : all that name the pair, at least one.
    views_of : the views that a photo's recipe asks for.
    limits : how much the shoes may differ.
    timeout : after the first photo, when a shoe or view that has not come makes the verdict a recheck.
    whole : what the photos of one shoe break together.
    """
    parts: dict[str, list[SetPhoto]] = {}
    for photo in photos:
        parts.setdefault(_part(photo), []).append(photo)
    shoes = tuple(
        sorted(
            (
                judge_shoe(group, views=views_of(group[-1]), now=now, timeout=timeout, whole=whole)
                for group in parts.values()
            ),
            key=lambda shoe: (shoe.foot is not Foot.LEFT, str(shoe.part_id)),
        )
    )
    reasons = list(_together(shoes))
    comparisons: tuple[Comparison, ...] = ()
    left = [shoe for shoe in shoes if shoe.foot is Foot.LEFT]
    right = [shoe for shoe in shoes if shoe.foot is Foot.RIGHT]
    if len(shoes) == 2 and left and right:
        comparisons = tuple(_compared(left[0], right[0], _assumed(limits)))
        reasons += _beyond(comparisons, limits, _classes(shoes))
        reasons += _not_compared(left[0], right[0])
    started = min(photo.created_at for photo in photos)
    overdue = now - started > timeout
    alone = len(shoes) == 1
    if alone and overdue:
        part = str(shoes[0].part_id or pair_id)
        reasons.append(
            SetReason(
                "shoe_missing",
                Grade.RECHECK,
                f"Only one shoe of the pair came: {part}.",
                names=(part,),
            )
        )
    waiting = (alone and not overdue) or any(shoe.state is SetState.WAITING for shoe in shoes)
    # What is wrong already is told at once: nothing that is still to come makes two left shoes a pair.
    known_bad = any(reason.grade is Grade.C for reason in reasons)
    state = SetState.OVERDUE if overdue and (alone or any(shoe.missing for shoe in shoes)) else SetState.KNOWN
    if waiting and not known_bad:
        return PairVerdict(pair_id, SetState.WAITING, None, shoes, tuple(reasons), comparisons)
    grades = [shoe.grade for shoe in shoes if shoe.grade is not None]
    grade = worst_grade([*grades, *(reason.grade for reason in reasons)])
    return PairVerdict(pair_id, state, grade, shoes, tuple(reasons), comparisons)


def _part(photo: SetPhoto) -> str:
    """What tells the shoes of a pair apart: the part id, or the foot where there is none."""
    return photo.part_id or f"({'?' if photo.foot is None else photo.foot.value})"


def _told(rule: str, grade: Grade, message: str, *names: str) -> SetReason:
    severity = Severity.MAJOR if grade is Grade.C else None
    return SetReason(rule, grade, message, names=names, severity=severity)


def _together(shoes: Sequence[ShoeVerdict]) -> Iterator[SetReason]:
    """Whether the shoes make a pair at all."""
    names = [str(shoe.part_id or "without an id") for shoe in shoes]
    for foot in Foot:
        same = [name for name, shoe in zip(names, shoes, strict=True) if shoe.foot is foot]
        if len(same) > 1:
            yield _told(
                f"two_{foot.value}",
                Grade.C,
                f"{len(same)} {foot.value} shoes in one pair: {', '.join(same)}.",
                *same,
            )
    if len(shoes) > 2:
        yield _told("too_many_shoes", Grade.C, f"{len(shoes)} shoes in one pair: {', '.join(names)}.", *names)
    unknown = [name for name, shoe in zip(names, shoes, strict=True) if shoe.foot is None]
    if unknown:
        yield _told(
            "foot_unknown",
            Grade.RECHECK,
            f"Which foot is not told, or told both ways, of {', '.join(unknown)}.",
            *unknown,
        )
    for rule, what, values in (
        ("sizes_differ", "sizes", {photo.size for shoe in shoes for photo in shoe.photos}),
        ("styles_differ", "styles", {photo.style for shoe in shoes for photo in shoe.photos}),
    ):
        told = sorted(value for value in values if value is not None)
        if len(told) > 1 and len(shoes) > 1:
            yield _told(rule, Grade.C, f"The shoes are of different {what}: {', '.join(told)}.", *told)


# How much they differ


def _assumed(limits: Sequence[PairLimit]) -> Mapping[Quantity, float]:
    """What the standard assumes of what no photo tells; without a limit nothing is assumed, nor decided."""
    assumed: dict[Quantity, float] = {}
    for limit in limits:
        if limit.assumed is not None:
            assumed[limit.quantity] = max(limit.assumed, assumed.get(limit.quantity, 0.0))
    return assumed


def _compared(
    left: ShoeVerdict, right: ShoeVerdict, assumed: Mapping[Quantity, float]
) -> Iterator[Comparison]:
    others = {photo.view: photo for photo in right.photos}
    for photo in left.photos:
        other = others.get(photo.view)
        if other is None:
            continue
        yield from _colours(photo, other, assumed.get(Quantity.COLOUR_DIFFERENCE_DE00))
        yield from _sizes(photo, other)
        yield from _seams(photo, other, assumed.get(Quantity.SEAM_POSITION_DIFFERENCE_MM))


def _same_camera(photo: SetPhoto, other: SetPhoto) -> bool:
    return photo.station == other.station


def _colours(photo: SetPhoto, other: SetPhoto, assumed: float | None) -> Iterator[Comparison]:
    if photo.colours is None or other.colours is None or not _same_camera(photo, other):
        return
    for found in colour_differences(photo.colours, other.colours):
        uncertainty: float | None = found.uncertainty
        if not found.referenced:
            uncertainty = None if assumed is None else math.hypot(found.uncertainty, assumed)
        yield Comparison(
            quantity=Quantity.COLOUR_DIFFERENCE_DE00,
            view=photo.view,
            what=found.zone,
            left=None,
            right=None,
            difference=found.difference,
            uncertainty=uncertainty,
            unit=Quantity.COLOUR_DIFFERENCE_DE00.unit,
            referenced=found.referenced,
            left_lab=found.first_lab,
            right_lab=found.second_lab,
        )


def _difference(
    quantity: Quantity, view: str, what: str, one: Measurement | None, two: Measurement | None
) -> Iterator[Comparison]:
    if one is None or two is None:
        return
    known = one.uncertainty is not None and two.uncertainty is not None
    yield Comparison(
        quantity=quantity,
        view=view,
        what=what,
        left=one.value,
        right=two.value,
        difference=abs(one.value - two.value),
        uncertainty=math.hypot(one.uncertainty or 0.0, two.uncertainty or 0.0) if known else None,
        unit=quantity.unit,
    )


def _sizes(photo: SetPhoto, other: SetPhoto) -> Iterator[Comparison]:
    edge, other_edge = photo.measured("silhouette_edge_mm"), other.measured("silhouette_edge_mm")
    for name, quantity in _OF_SHOE.items():
        one, two = photo.measured(name), other.measured(name)
        if edge is not None and other_edge is not None and _same_camera(photo, other):
            # Scale and height are off in the same way on both, which leaves little of it in the difference.
            one = one and replace(one, uncertainty=edge.value)
            two = two and replace(two, uncertainty=other_edge.value)
        yield from _difference(quantity, photo.view, "", one, two)


def _seams(photo: SetPhoto, other: SetPhoto, assumed: float | None) -> Iterator[Comparison]:
    others = {seam.name: seam for seam in other.seams}
    for seam in photo.seams:
        twin = others.get(seam.name)
        if twin is None:
            continue
        for name, quantity in _OF_SEAM.items():
            yield from _difference(quantity, photo.view, seam.name, seam.measured(name), twin.measured(name))
        if seam.offset_mm is not None and twin.offset_mm is not None:
            # The other shoe is the mirror image. Only across the seam is its place sharp: along it, the ends
            # of what is seen decide.
            apart = (seam.offset_mm[0] + twin.offset_mm[0], seam.offset_mm[1] - twin.offset_mm[1])
            across = abs(-apart[0] * seam.along[1] + apart[1] * seam.along[0])
            yield Comparison(
                quantity=Quantity.SEAM_POSITION_DIFFERENCE_MM,
                view=photo.view,
                what=seam.name,
                left=None,
                right=None,
                difference=across,
                uncertainty=assumed,
                unit=Quantity.SEAM_POSITION_DIFFERENCE_MM.unit,
            )


def _classes(shoes: Sequence[ShoeVerdict]) -> Mapping[str, ZoneClass]:
    """Class of what was compared, by its name."""
    found: dict[str, ZoneClass] = {}
    for shoe in shoes:
        for photo in shoe.photos:
            found |= {seam.name: seam.zone_class for seam in photo.seams}
            if photo.colours is not None:
                found |= {zone.zone: zone.zone_class for zone in photo.colours.zones}
    return found


def _beyond(
    comparisons: Sequence[Comparison], limits: Sequence[PairLimit], classes: Mapping[str, ZoneClass]
) -> Iterator[SetReason]:
    """Limits that are broken, or that nobody can tell of; a limit inside the uncertainty is never a toss."""
    for found in comparisons:
        for limit in limits:
            zone_class = classes.get(found.what)
            if limit.quantity != found.quantity or (zone_class is not None and zone_class not in limit.zones):
                continue
            over = exceeds(found.difference, limit.at_most, found.uncertainty or 0.0)
            if over is False:
                continue
            where = f" of {found.what}" if found.what else ""
            measured = f"{found.difference:.2f} ± {found.uncertainty or 0:.2f} {found.unit}"
            verdict = "is allowed" if over else "is the limit: too close to tell"
            yield SetReason(
                rule=limit.rule,
                grade=limit.grade if over else Grade.RECHECK,
                message=f"The shoes differ{where} in view {found.view} by {measured}; "
                f"{limit.at_most:g} {verdict}.",
                severity=limit.severity,
                clause=limit.clause,
                provenance=limit.provenance,
                basis=limit.basis,
                quantity=found.quantity,
                view=found.view,
                zone=found.what or None,
                measured=found.difference,
                uncertainty=found.uncertainty,
                limit=limit.at_most,
                unit=found.unit,
            )


def _not_compared(left: ShoeVerdict, right: ShoeVerdict) -> Iterator[SetReason]:
    """Views whose colours cannot be compared, told so that nobody takes silence for agreement."""
    others = {photo.view: photo for photo in right.photos}
    for photo in left.photos:
        other = others.get(photo.view)
        if other is None or photo.colours is None or other.colours is None:
            continue
        if not _same_camera(photo, other):
            yield SetReason(
                "other_camera",
                Grade.A,
                f"Colours in view {photo.view} are not compared: they were seen by two cameras, "
                f"{photo.station} and {other.station}.",
                names=(photo.station, other.station),
                view=photo.view,
            )
