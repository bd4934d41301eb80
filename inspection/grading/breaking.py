"""Finds which rules are broken, and which may be: every value is taken at both ends of its uncertainty."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from inspection.domain import Defect, ExpectedSeam, Grade, Measurement, Reason, Seam, Severity, ZoneClass
from inspection.standards import (
    AnyRule,
    Per,
    Quantity,
    Rule,
    Scope,
    SeamRule,
    Standard,
    Unknown,
    WindowRule,
)

__all__ = [
    "RANK",
    "Broken",
    "Fault",
    "Place",
    "Seen",
    "of_defects",
    "of_expected",
    "of_groups",
    "of_seams",
    "of_window",
]

_MM2_PER_DM2 = 10_000.0
_MM_PER_CM = 10.0

RANK = {Grade.A: 0, Grade.B: 1, Grade.C: 2}
_SEVERITIES = {Severity.MINOR: 1, Severity.MAJOR: 2, Severity.CRITICAL: 3}
_SIZES = {
    Quantity.LENGTH_MM: ("length_mm", "uncertainty_mm"),
    Quantity.WIDTH_MM: ("width_mm", "uncertainty_mm"),
    Quantity.AREA_MM2: ("area_mm2", "uncertainty_mm2"),
}
_NONE_SEEN = {Quantity.LOOSE_THREAD_MM: 0.0, Quantity.THREAD_END_MM: 0.0}
"""Measured only where there is some: left out, there is none."""
_GAPS = frozenset({Quantity.ROW_GAP_MIN_MM, Quantity.ROW_GAP_MAX_MM})
_MARGINS = frozenset({Quantity.MARGIN_MIN_MM, Quantity.MARGIN_MAX_MM, Quantity.MARGIN_MEAN_MM})
_NO_AREAS: Mapping[ZoneClass, float] = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class Seen:
    """What one photo shows, as far as grading needs it.

    Attributes
    ----------
    defects : measured; without sizes when ``mm_per_px`` is None.
    mm_per_px : scale at the middle of the photo; None when it is not known.
    zone_area_mm2 : inspected area by zone class, for densities; a class that is missing has none.
    left_out : regions found beyond those in ``defects``.
    doubts : reasons from outside the standard for which a person has to look, unless a C is certain.
    withheld : reasons for which the photo is never decided, whatever is seen: no scale that holds.
    expected : seams of the recipe, looked for.
    """

    defects: Sequence[Defect]
    seams: Sequence[Seam] = ()
    mm_per_px: float | None = None
    zone_area_mm2: Mapping[ZoneClass, float] = field(default_factory=lambda: _NO_AREAS)
    left_out: int = 0
    doubts: tuple[Reason, ...] = ()
    withheld: tuple[Reason, ...] = ()
    expected: Sequence[ExpectedSeam] = ()


@dataclass(frozen=True, slots=True)
class Broken:
    """A rule that is broken, or that nobody can tell of (``certain`` false).

    ``zone`` is the name of a defect's or seam's zone, and the zone classes of a group; ``kind`` lists the
    kinds of a group; ``least`` tells that the value is too small. ``quantity`` is that of ``measured`` where
    it is another than the rule's: a rule on how far something is beyond the recipe's window tells the value
    and the window. Without ``measured`` a window cannot be told of, because nobody could measure.
    """

    rule: AnyRule
    certain: bool
    measured: float | None = None
    uncertainty: float | None = None
    limit: float | None = None
    least: bool = False
    kind: str | None = None
    zone: str | None = None
    defect: int | None = None
    seam: int | None = None
    expected: str | None = None
    quantity: Quantity | None = None


Place = tuple[str, str]
"""Where on a shoe something lies, as far as its photos tell: "zone" and its name, "seam" and that of a seam
of the recipe, or "rule" and the id of one that a photo breaks as a whole. Two photos may show one place.
"""


@dataclass(slots=True)
class Fault:
    """One thing that is wrong, with the worst that is certain of it and the worst that is possible.

    Severities are 0 for none to 3 for critical, floors 0 for A to 2 for C. A floor comes from rules that name
    a grade, a severity from rules that leave it to the combination; both only grow as values do.

    Attributes
    ----------
    place : where it lies on the shoe.
    photo : number of the photo that shows it.
    """

    place: Place
    photo: int = 0
    severity: int = 0
    severity_possible: int = 0
    floor: int = 0
    floor_possible: int = 0
    told: list[Broken] = field(default_factory=list)

    def add(self, broken: Broken, standard: Standard) -> None:
        """Take one more broken rule in; of those certain and those possible, only the worst is told."""
        rule = broken.rule
        severity = floor = floor_possible = 0
        if rule.grade is None:
            severity = _SEVERITIES[rule.severity]
        elif rule.grade is Grade.RECHECK:
            floor_possible = RANK[Grade.C]
        else:
            floor = floor_possible = RANK[rule.grade]
        if broken.certain:
            self.severity = max(self.severity, severity)
            self.floor = max(self.floor, floor)
        self.severity_possible = max(self.severity_possible, severity)
        self.floor_possible = max(self.floor_possible, floor_possible)
        for index, held in enumerate(self.told):
            if held.certain is broken.certain:
                if _cost(broken.rule, standard) > _cost(held.rule, standard):
                    self.told[index] = broken
                return
        self.told.append(broken)


def _cost(rule: AnyRule, standard: Standard) -> tuple[int, int]:
    # A rule that asks for a person costs less than a certain C, and more than nothing.
    return RANK.get(standard.grade_of(rule), 1), _SEVERITIES[rule.severity]


def of_defects(seen: Seen, standard: Standard) -> list[Fault]:
    """One fault for each defect that breaks a rule on its own size or presence."""
    faults: list[Fault] = []
    has_scale = seen.mm_per_px is not None
    for index, defect in enumerate(seen.defects):
        fault: Fault | None = None
        for rule in standard.own_rules_for(defect.kind, defect.zone_class):
            limit = rule.limit
            measured = uncertainty = None
            certain = True
            if limit is not None:
                if not has_scale:
                    continue
                value_name, uncertainty_name = _SIZES[rule.quantity]
                measured = getattr(defect, value_name)
                uncertainty = getattr(defect, uncertainty_name)
                # A defect whose size is not known may have any: it is told, as one that is too large.
                if measured is not None:
                    half = uncertainty or 0.0
                    if measured + half <= limit:
                        continue
                    certain = measured - half > limit
            broken = Broken(
                rule, certain, measured, uncertainty, limit, False, defect.kind, defect.zone, index
            )
            if fault is None:
                fault = Fault(place=("zone", defect.zone))
                faults.append(fault)
            fault.add(broken, standard)
    return faults


def of_groups(photos: Sequence[Seen], standard: Standard, per: Per) -> list[Fault]:
    """Faults of all defects of a rule's kinds and zones together, over these photos."""
    faults: list[Fault] = []
    rules = [rule for rule in standard.grouped_rules if rule.per is per]
    if not rules:
        return faults
    cells: dict[tuple[str, ZoneClass], list[tuple[int, Defect]]] = defaultdict(list)
    for photo, seen in enumerate(photos):
        for defect in seen.defects:
            cells[defect.kind, defect.zone_class].append((photo, defect))
    has_scale = all(seen.mm_per_px is not None for seen in photos)
    for rule in rules:
        if rule.needs_scale and not has_scale:
            continue
        members = [
            member
            for (kind, zone_class), held in cells.items()
            if standard.applies(rule, kind, zone_class)
            for member in held
        ]
        if members:
            faults += _group_fault(rule, members, photos, standard)
    return faults


def _group_fault(
    rule: Rule, members: list[tuple[int, Defect]], photos: Sequence[Seen], standard: Standard
) -> Iterator[Fault]:
    assert rule.limit is not None
    span = _span_of_group(rule, members, photos)
    if span is None:
        return
    measured, low, high = span
    certain, possible = (
        (high < rule.limit, low < rule.limit)
        if rule.least
        else (
            low > rule.limit,
            high > rule.limit,
        )
    )
    if not possible:
        return
    half = max(high - measured, measured - low)
    fault = Fault(place=("rule", rule.id))
    fault.add(
        Broken(
            rule,
            certain,
            measured,
            half or None,
            rule.limit,
            rule.least,
            ", ".join(sorted({defect.kind for _, defect in members})),
            ", ".join(zone for zone in rule.zones),
        ),
        standard,
    )
    yield fault


Span = tuple[float, float, float]
"""A value, and the least and most that it may be."""


def _span_of_group(rule: Rule, members: list[tuple[int, Defect]], photos: Sequence[Seen]) -> Span | None:
    match rule.quantity:
        case Quantity.COUNT:
            return _over_places(members, lambda held: _count(rule, held))
        case Quantity.DENSITY_PER_DM2:
            areas = (seen.zone_area_mm2.get(zone, 0.0) for seen in photos for zone in rule.zones)
            area_dm2 = sum(areas) / _MM2_PER_DM2
            if area_dm2 <= 0:
                return None
            measured, low, high = _count(rule, members)
            return measured / area_dm2, low / area_dm2, high / area_dm2
        case Quantity.SUM_LENGTH_MM | Quantity.SUM_AREA_MM2:
            size = Quantity.LENGTH_MM if rule.quantity is Quantity.SUM_LENGTH_MM else Quantity.AREA_MM2
            return _over_places(members, lambda held: _sum(size, held))
        case _:
            return _closest(members, photos)


def _over_places(
    members: list[tuple[int, Defect]], span_of: Callable[[list[tuple[int, Defect]]], Span]
) -> Span:
    """A count or a sum over the photos of a shoe, some of which may show the same place.

    Zones of one name in two photos may be the same place, and what they show the same defects: so at least
    there is what the photo with most of it shows, and at most the sum.
    """
    if len({photo for photo, _ in members}) == 1:
        return span_of(members)
    measured = high = 0.0
    least: dict[str, float] = defaultdict(float)
    shown: dict[tuple[str, int], list[tuple[int, Defect]]] = defaultdict(list)
    for member in members:
        shown[member[1].zone, member[0]].append(member)
    for (zone, _), held in shown.items():
        here = span_of(held)
        measured, high = measured + here[0], high + here[2]
        least[zone] = max(least[zone], here[1])
    return measured, sum(least.values()), high


def _sum(size: Quantity, members: list[tuple[int, Defect]]) -> Span:
    value_name, uncertainty_name = _SIZES[size]
    # Neighbouring defects share the network's errors, so their uncertainties add up in full.
    total = sum(getattr(defect, value_name) or 0.0 for _, defect in members)
    half = sum(getattr(defect, uncertainty_name) or 0.0 for _, defect in members)
    return total, max(total - half, 0.0), total + half


def _count(rule: Rule, members: list[tuple[int, Defect]]) -> Span:
    if rule.counts_over_mm is None:
        count = float(len(members))
        return count, count, count
    over = [
        (
            length > rule.counts_over_mm,
            length - half > rule.counts_over_mm,
            length + half > rule.counts_over_mm,
        )
        for length, half in ((defect.length_mm or 0.0, defect.uncertainty_mm or 0.0) for _, defect in members)
    ]
    measured, low, high = (float(sum(column)) for column in zip(*over, strict=True))
    return measured, low, high


def _closest(members: list[tuple[int, Defect]], photos: Sequence[Seen]) -> Span | None:
    """Smallest gap between the boxes of two defects of one photo, in mm."""
    spans = []
    for photo, seen in enumerate(photos):
        held = [defect for at, defect in members if at == photo]
        if len(held) < 2 or seen.mm_per_px is None:
            continue
        x, y, width, height = np.array([defect.box_px for defect in held]).T
        gap_x = np.maximum(x[:, None] - (x + width)[None], x[None] - (x + width)[:, None]).clip(0)
        gap_y = np.maximum(y[:, None] - (y + height)[None], y[None] - (y + height)[:, None]).clip(0)
        first, second = np.triu_indices(len(held), 1)
        gaps_mm = np.hypot(gap_x, gap_y)[first, second] * seen.mm_per_px
        halves = np.array([defect.uncertainty_mm or 0.0 for defect in held])
        # Half of a length's uncertainty lies at each of its ends, and a gap lies between two ends.
        half = (halves[first] + halves[second]) / 2
        spans.append((gaps_mm.min(), (gaps_mm - half).min(), (gaps_mm + half).min()))
    if not spans:
        return None
    measured, low, high = (float(min(column)) for column in zip(*spans, strict=True))
    return measured, max(low, 0.0), high


def of_seams(seen: Seen, standard: Standard) -> list[Fault]:
    """One fault for each quantity of each seam that is outside its windows."""
    faults: dict[tuple[int, Quantity], Fault] = {}
    rows_beside = Counter((seam.zone, seam.group) for seam in seen.seams)
    rules = [rule for rule in standard.stitching if rule.quantity.scope is Scope.SEAM]
    for index, seam in enumerate(seen.seams):
        alone = rows_beside[seam.zone, seam.group] < 2
        for rule in rules:
            if (
                seam.zone_class not in rule.zones
                or not seam.readable
                or _has_none(rule.quantity, seam, alone)
            ):
                continue
            span = _span_of_seam(rule, seam)
            for broken in _of_seam(rule, span, seen, zone=seam.zone, seam=index):
                fault = faults.setdefault((index, rule.quantity), Fault(place=("zone", seam.zone)))
                fault.add(broken, standard)
    return list(faults.values())


def _has_none(quantity: Quantity, seam: Seam, alone: bool) -> bool:
    """Whether a seam cannot have the quantity, so that there is nothing to know."""
    # The edge distance of a twin row is that of the first row and the gap between them.
    return (quantity in _MARGINS and seam.row > 0) or (quantity in _GAPS and alone)


def _of_seam(rule: SeamRule, span: Span | None, seen: Seen, **where: Any) -> Iterator[Broken]:
    """The ends of a window that a value breaks, or may break; without a value it may be anything."""
    if span is not None:
        yield from of_window(rule, span, **where)
    elif rule.unknown is Unknown.RECHECK and not (rule.needs_scale and seen.mm_per_px is None):
        limit = rule.at_least if rule.at_most is None else rule.at_most
        yield Broken(rule, False, None, None, limit, rule.at_most is None, **where)


def of_expected(seen: Seen, standard: Standard) -> list[Fault]:
    """One fault for each thing that is wrong with a seam of the recipe, however many rows it has."""
    faults: list[Fault] = []
    rules = [rule for rule in standard.stitching if rule.quantity.scope is Scope.EXPECTED]
    for expected in seen.expected:
        for rule in rules:
            if expected.zone_class not in rule.zones:
                continue
            fault: Fault | None = None
            for broken in _of_expected(rule, expected, seen):
                fault = fault or Fault(place=("seam", expected.name))
                fault.add(broken, standard)
            if fault is not None:
                faults.append(fault)
    return faults


def _of_expected(rule: SeamRule, expected: ExpectedSeam, seen: Seen) -> Iterator[Broken]:
    where: dict[str, Any] = {"zone": expected.zone, "expected": expected.name}
    missing, rows = expected.missing_pct, expected.rows_found
    if rule.quantity is Quantity.MISSING_PCT:
        span = None if missing is None else _span_of(missing)
        yield from _of_seam(rule, span, seen, **where)
    elif rule.quantity is Quantity.ROWS_OFF:
        if rows is not None:
            half = rows.uncertainty or 0.0
            off = abs(rows.value - expected.rows)
            span = (off, max(off - half, 0.0), off + half)
            yield from of_window(rule, span, **where)
    elif seen.mm_per_px is not None:
        window, lowest, highest = _OFF[rule.quantity]
        ends = getattr(expected, window)
        if ends is not None:
            for index in expected.seams:
                yield from _beyond(rule, ends, (lowest, highest), seen, index, where)


_OFF = {
    Quantity.PITCH_OFF_MM: ("pitch_mm", Quantity.PITCH_MEAN_MM, Quantity.PITCH_MEAN_MM),
    Quantity.MARGIN_OFF_MM: ("margin_mm", Quantity.MARGIN_MIN_MM, Quantity.MARGIN_MAX_MM),
    Quantity.ROW_GAP_OFF_MM: ("row_gap_mm", Quantity.ROW_GAP_MIN_MM, Quantity.ROW_GAP_MAX_MM),
}
"""Window of the recipe, and what of a seam lies lowest and highest in it."""


def _beyond(
    rule: SeamRule,
    ends: tuple[float, float],
    quantities: tuple[Quantity, Quantity],
    seen: Seen,
    index: int,
    where: Mapping[str, Any],
) -> Iterator[Broken]:
    """Ends of the recipe's window that a seam lies beyond by more than the rule allows, or may."""
    seam = seen.seams[index]
    allowed = rule.at_most or 0.0
    for end, quantity, least in zip(ends, quantities, (True, False), strict=True):
        # The last row of a group has no row after it, and only the first has a margin of its own.
        if not seam.readable or (quantity in _MARGINS and seam.row > 0):
            continue
        measured = seam.measured(quantity.value)
        if quantity in _GAPS and measured is None and seam.row > 0:
            continue
        limit = end - allowed if least else end + allowed
        told = {**where, "seam": index, "quantity": quantity}
        if measured is None:
            if rule.unknown is Unknown.RECHECK:
                yield Broken(rule, False, None, None, limit, least, **told)
            continue
        value, low, high = _span_of(measured)
        certain, possible = (high < limit, low < limit) if least else (low > limit, high > limit)
        if possible:
            yield Broken(rule, certain, value, measured.uncertainty or None, limit, least, **told)


def of_window(rule: WindowRule, span: Span, **where: Any) -> Iterator[Broken]:
    """The ends of a window that a value breaks, or may break."""
    measured, low, high = span
    half = max(high - measured, measured - low) or None
    if rule.at_most is not None and high > rule.at_most:
        yield Broken(rule, low > rule.at_most, measured, half, rule.at_most, False, **where)
    if rule.at_least is not None and low < rule.at_least:
        yield Broken(rule, high < rule.at_least, measured, half, rule.at_least, True, **where)


def _span_of_seam(rule: SeamRule, seam: Seam) -> Span | None:
    if rule.quantity is Quantity.OFF_SPEC_LENGTH_MM:
        assert rule.stitches_per_cm is not None
        return _off_spec(seam, *rule.stitches_per_cm)
    measurement = seam.measured(rule.quantity.value)
    if measurement is None:
        none = _NONE_SEEN.get(rule.quantity)
        return None if none is None else (none, none, none)
    return _span_of(measurement)


def _span_of(measurement: Measurement) -> Span:
    half = measurement.uncertainty or 0.0
    return measurement.value, measurement.value - half, measurement.value + half


def _off_spec(seam: Seam, least_per_cm: float, most_per_cm: float) -> Span | None:
    """Length of the longest stretch of stitches that are longer or shorter than they may be."""
    pitch = seam.pitch_mm
    if not len(pitch):
        return None
    half = seam.pitch_uncertainty_mm if len(seam.pitch_uncertainty_mm) else np.zeros(len(pitch))
    shortest, longest = _MM_PER_CM / most_per_cm, _MM_PER_CM / least_per_cm
    maybe = (pitch + half > longest) | (pitch - half < shortest)
    if not maybe.any():
        return 0.0, 0.0, 0.0
    off = (pitch > longest) | (pitch < shortest)
    surely = (pitch - half > longest) | (pitch + half < shortest)
    return (
        _longest_run(off, pitch, closed=seam.closed),
        _longest_run(surely, np.maximum(pitch - half, 0), closed=seam.closed),
        _longest_run(maybe, pitch + half, closed=seam.closed),
    )


def _longest_run(chosen: Any, lengths: Any, *, closed: bool) -> float:
    best = run = 0.0
    # A closed row goes on from its last stitch to its first; twice round is once more than any run.
    rounds: Iterable[tuple[bool, float]] = zip(chosen.tolist(), lengths.tolist(), strict=True)
    if closed:
        if chosen.all():
            return float(lengths.sum())
        rounds = [*rounds] * 2
    for is_off, length in rounds:
        run = run + length if is_off else 0.0
        if run > best:
            best = run
    return best
