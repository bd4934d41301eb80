"""Finds rules of a standard that contradict each other, and rules that can never decide anything.

A rule *costs* a grade, and within the grade a severity. A rule is never reached when in every cell (a kind in
a zone class) where it holds another rule costs as much or more and is broken whenever this one is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from inspection.domain import Grade, Severity, ZoneClass
from inspection.standards.model import ANY_KIND, Rule, SeamRule, Standard, WindowRule
from inspection.standards.quantities import Quantity
from inspection.standards.reading import Fault, Place
from inspection.standards.resolving import Resolved
from inspection.taxonomy import KINDS

__all__ = ["check"]

_GRADES = {Grade.A: 0, Grade.B: 1, Grade.RECHECK: 2, Grade.C: 3}
_SEVERITIES = {Severity.MINOR: 0, Severity.MAJOR: 1, Severity.CRITICAL: 2}
_CM_PER_INCH = 2.54

Cost = tuple[int, int]
Cell = tuple[str, ZoneClass]


def check(resolved: Resolved) -> list[Fault]:
    """Everything that is wrong with a standard whose parts are right each by itself."""
    return [
        *_combination(resolved),
        *_severities(resolved),
        *_of_defects(resolved),
        *_of_windows(resolved, "stitching", resolved.standard.stitching),
        *_of_windows(resolved, "pairs", resolved.standard.pairs),
        *_densities(resolved),
    ]


def _cost(standard: Standard, rule: Rule | WindowRule) -> Cost:
    return _GRADES[standard.grade_of(rule)], _SEVERITIES[rule.severity]


def _combination(resolved: Resolved) -> Iterator[Fault]:
    combination = resolved.standard.combination
    hint = "Fewer faults of a worse severity make the worse grade; leave a number out for never."
    place: Place = ("combination",)
    worse_first = [
        ("critical_for_c", combination.critical_for_c),
        ("major_for_c", combination.major_for_c),
        ("minor_for_c", combination.minor_for_c),
    ]
    for (worse, few), (lesser, many) in combinations(worse_first, 2):
        if few is not None and many is not None and many < few:
            yield resolved.fault(
                (*place, lesser),
                f"{lesser} = {many} is reached before {worse} = {few}: a lesser fault would cost more",
                hint,
            )
    if (
        combination.major_for_b is not None
        and combination.minor_for_b is not None
        and combination.minor_for_b < combination.major_for_b
    ):
        yield resolved.fault(
            (*place, "minor_for_b"),
            f"minor_for_b = {combination.minor_for_b} is reached before "
            f"major_for_b = {combination.major_for_b}: a lesser fault would cost more",
            hint,
        )
    for severity in ("major", "minor"):
        for_b, for_c = (getattr(combination, f"{severity}_for_{grade}") for grade in "bc")
        if severity == "minor" and for_b is not None and for_c is not None and for_c <= for_b:
            yield resolved.fault(
                (*place, "minor_for_b"),
                f"minor_for_b = {for_b} is never reached: minor_for_c = {for_c} makes C before",
                "Make minor_for_c larger, or leave one of them out.",
            )


def _severities(resolved: Resolved) -> Iterator[Fault]:
    standard = resolved.standard
    for table, rules in _tables(standard):
        for index, rule in enumerate(rules):
            grade = standard.grade_of(rule)
            if rule.severity is Severity.CRITICAL and grade is Grade.B:
                yield resolved.fault(
                    (table, index, "grade"),
                    "is B for a critical fault, which is unsafe or illegal to sell",
                    "Give it grade C, or call the fault major.",
                )


def _tables(standard: Standard) -> Iterator[tuple[str, Sequence[Rule | WindowRule]]]:
    yield "rules", standard.rules
    yield "stitching", standard.stitching
    yield "pairs", standard.pairs


# Rules of defects


def _of_defects(resolved: Resolved) -> Iterator[Fault]:
    standard = resolved.standard
    cells = {rule.id: _cells(standard, rule) for rule in standard.rules}
    for index, rule in enumerate(standard.rules):
        place: Place = ("rules", index)
        if rule.quantity is Quantity.SPACING_MM and rule.limit == 0:
            yield resolved.fault(
                (*place, "limit"), "is 0, and no distance is less: the rule never fires", "Raise it."
            )
        if not cells[rule.id]:
            continue  # a net under the named kinds, for those that a later Welt may know
        twin = _contradicts(standard, rule, standard.rules[:index], cells)
        if twin is not None:
            yield resolved.fault(
                place,
                f"contradicts rule {twin.id!r}: the same limit for the same defects, another answer",
                "Take one of them out, or let their kinds or zones differ.",
            )
            continue
        over = [
            next(
                (
                    other
                    for other in standard.rules
                    if other.id != rule.id and cell in cells[other.id] and _covers(standard, other, rule)
                ),
                None,
            )
            for cell in cells[rule.id]
        ]
        if all(over):
            names = sorted({other.id for other in over if other is not None})
            yield resolved.fault(
                place,
                f"can never decide: {', '.join(map(repr, names))} costs as much or more and is broken before",
                "Lower its limit, let it cost more, or take it out.",
            )


def _cells(standard: Standard, rule: Rule) -> frozenset[Cell]:
    kinds = KINDS if ANY_KIND in rule.kinds else rule.kinds
    return frozenset(
        (kind, zone) for kind in kinds for zone in rule.zones if standard.applies(rule, kind, zone)
    )


def _contradicts(
    standard: Standard, rule: Rule, before: Sequence[Rule], cells: dict[str, frozenset[Cell]]
) -> Rule | None:
    return next(
        (
            other
            for other in before
            if (other.quantity, other.limit, other.per, other.counts_over_mm)
            == (rule.quantity, rule.limit, rule.per, rule.counts_over_mm)
            and (cells[other.id] == cells[rule.id] if rule.grouped else cells[other.id] & cells[rule.id])
            and _cost(standard, other) != _cost(standard, rule)
        ),
        None,
    )


def _covers(standard: Standard, other: Rule, rule: Rule) -> bool:
    """Whether ``other`` is broken wherever ``rule`` is, and costs as much, in a cell where both hold."""
    cost, other_cost = _cost(standard, rule), _cost(standard, other)
    if other_cost < cost or (_same(other, rule) and _order(standard, other) > _order(standard, rule)):
        return False
    if other.quantity is Quantity.PRESENT:
        # A fault of a group is one more for the combination, which matters below the worst grade.
        return not rule.grouped or standard.grade_of(other) is Grade.C
    if other.limit is None or rule.limit is None:
        return False
    if rule.grouped or other.grouped:
        return _covers_group(other, rule)
    if other.quantity is rule.quantity:
        return other.limit <= rule.limit
    # Nothing is wider than it is long.
    longer = (other.quantity, rule.quantity) == (Quantity.LENGTH_MM, Quantity.WIDTH_MM)
    return longer and other.limit <= rule.limit


def _covers_group(other: Rule, rule: Rule) -> bool:
    assert other.limit is not None
    assert rule.limit is not None
    if (other.quantity, other.per) != (rule.quantity, rule.per):
        return False
    if not (set(rule.kinds) <= set(other.kinds) and set(rule.zones) <= set(other.zones)):
        return False
    if (other.counts_over_mm or 0.0) > (rule.counts_over_mm or 0.0):
        return False
    # A larger group has more of everything but area, and its members stand closer together.
    if rule.quantity is Quantity.DENSITY_PER_DM2 and set(rule.zones) != set(other.zones):
        return False
    return other.limit >= rule.limit if rule.least else other.limit <= rule.limit


def _same(other: Rule, rule: Rule) -> bool:
    return (other.quantity, other.limit) == (rule.quantity, rule.limit)


def _order(standard: Standard, rule: Rule) -> int:
    return next(index for index, held in enumerate(standard.rules) if held.id == rule.id)


# Windows of seams and pairs


def _of_windows(resolved: Resolved, table: str, rules: Sequence[WindowRule]) -> Iterator[Fault]:
    standard = resolved.standard
    for index, rule in enumerate(rules):
        for other in rules:
            if other.id == rule.id or not _alike(other, rule) or not set(other.zones) & set(rule.zones):
                continue
            earlier = other in rules[:index]
            if earlier and _disjoint(_window(other), _window(rule)):
                yield resolved.fault(
                    (table, index),
                    f"contradicts rule {other.id!r}: their windows do not meet, so nothing keeps both",
                    "Let the windows overlap, or let their zones differ.",
                )
            elif (
                set(rule.zones) <= set(other.zones)
                and _inside(_window(other), _window(rule))
                and _cost(standard, other) >= _cost(standard, rule)
                and (
                    earlier
                    or _window(other) != _window(rule)
                    or _cost(standard, other) > _cost(standard, rule)
                )
            ):
                same = _window(other) == _window(rule)
                yield resolved.fault(
                    (table, index),
                    f"contradicts rule {other.id!r}: the same window, another answer"
                    if same and _cost(standard, other) != _cost(standard, rule)
                    else f"can never decide: {other.id!r} costs as much or more and is broken before",
                    "Narrow its window, let it cost more, or take it out.",
                )
                break


def _alike(other: WindowRule, rule: WindowRule) -> bool:
    if isinstance(other, SeamRule) and isinstance(rule, SeamRule):
        return (other.quantity, other.stitches_per_cm) == (rule.quantity, rule.stitches_per_cm)
    return other.quantity is rule.quantity


Window = tuple[float, float]


def _window(rule: WindowRule) -> Window:
    infinity = float("inf")
    return (
        -infinity if rule.at_least is None else rule.at_least,
        infinity if rule.at_most is None else rule.at_most,
    )


def _disjoint(one: Window, other: Window) -> bool:
    return one[1] < other[0] or other[1] < one[0]


def _inside(inner: Window, outer: Window) -> bool:
    return outer[0] <= inner[0] and inner[1] <= outer[1]


def _densities(resolved: Resolved) -> Iterator[Fault]:
    """Stitches per cm and per inch are one quantity in two units."""
    rules = resolved.standard.stitching
    per_cm = [rule for rule in rules if rule.quantity is Quantity.DENSITY_PER_CM]
    for index, rule in enumerate(rules):
        if rule.quantity is not Quantity.DENSITY_PER_INCH:
            continue
        least, most = (end / _CM_PER_INCH for end in _window(rule))
        for other in per_cm:
            if set(other.zones) & set(rule.zones) and _disjoint(_window(other), (least, most)):
                yield resolved.fault(
                    ("stitching", index),
                    f"contradicts rule {other.id!r}: {least:.2g} to {most:.2g} stitches per cm do not meet "
                    "its window",
                    "Keep one of the two units.",
                )
