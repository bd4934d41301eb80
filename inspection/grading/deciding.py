"""Decides on a photo or a shoe: at best, at worst, and a person where the two differ."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from inspection.domain import (
    Calibration,
    Defect,
    Disposition,
    ExpectedSeam,
    Grade,
    Reason,
    Seam,
    Severity,
    Verdict,
    ZoneClass,
)
from inspection.grading import reasons as telling
from inspection.grading.breaking import (
    RANK,
    Broken,
    Fault,
    Place,
    Seen,
    of_defects,
    of_expected,
    of_groups,
    of_seams,
)
from inspection.standards import Per, Standard

__all__ = ["Bounds", "bounds", "grade", "grade_seen", "grade_shoe", "shoe_reasons", "sums_over_shoes"]

_GRADES = {rank: grade for grade, rank in RANK.items()}
_WORST_FIRST = {Grade.C: 0, Grade.RECHECK: 1, Grade.B: 2, Grade.A: 3}
_NO_AREAS: Mapping[ZoneClass, float] = MappingProxyType({})


@dataclass(frozen=True)
class Bounds:
    """What a part is worth at best and at worst; the two are one where nothing is in doubt.

    Attributes
    ----------
    decided : False where the grade is withheld, as for a photo without a scale, even where it is sure.
    """

    best: Grade
    worst: Grade
    decided: bool = True

    @property
    def grade(self) -> Grade:
        """The grade that is given."""
        return self.best if self.decided and self.best is self.worst else Grade.RECHECK


@dataclass(frozen=True)
class _Tally:
    """Faults that are minor or worse, major or worse, critical, and the worst grade that a rule names.

    Two photos of a shoe may show one fault, where they show the same place: for certain there are as many at
    a place as the photo with most of them shows, and possibly as many as all photos show together.
    """

    minor: int
    major: int
    critical: int
    floor: int

    @classmethod
    def of(cls, faults: Iterable[Fault], *, possible: bool) -> _Tally:
        floor = 0
        shown: dict[tuple[Place, int], list[int]] = {}  # by place and photo, how many of each severity
        for fault in faults:
            severity = fault.severity_possible if possible else fault.severity
            if severity:
                shown.setdefault((fault.place, fault.photo), [0, 0, 0, 0])[severity] += 1
            floor = max(floor, fault.floor_possible if possible else fault.floor)
        take: Callable[[tuple[int, int]], int] = sum if possible else max
        most: dict[Place, list[int]] = {}
        for (place, _), (_, minor, major, critical) in shown.items():
            here = (minor + major + critical, major + critical, critical)
            most[place] = [take(both) for both in zip(most.get(place, (0, 0, 0)), here, strict=True)]
        minor, major, critical = (sum(held[rank] for held in most.values()) for rank in range(3))
        return cls(minor, major, critical, floor)

    def grade(self, standard: Standard) -> Grade:
        combined = standard.combination.grade(critical=self.critical, major=self.major, minor=self.minor)
        return _GRADES[max(RANK[combined], self.floor)]


def grade(
    defects: Sequence[Defect],
    standard: Standard,
    calibration: Calibration | None,
    *,
    seams: Sequence[Seam] = (),
    zone_area_mm2: Mapping[ZoneClass, float] = _NO_AREAS,
    left_out: int = 0,
    doubts: Sequence[Reason] = (),
    withheld: Sequence[Reason] = (),
    expected: Sequence[ExpectedSeam] = (),
) -> Verdict:
    """Judge one photo.

    Parameters
    ----------
    defects : measured; without sizes when ``calibration`` is None.
    zone_area_mm2 : inspected area by zone class, for rules on density.
    left_out : regions found beyond those in ``defects``; more than none sends the photo to a person.
    doubts : reasons from outside the standard for which a person has to look, unless a C is certain.
    withheld : reasons for which the photo is not decided, whatever is seen.
    expected : seams of the recipe, looked for among ``seams``.

    Returns
    -------
    Verdict; its reasons come worst first. Grade A has none, unless the combination allows a few faults.
    """
    doubt = telling.scale_doubt(calibration)
    has_sizes = calibration is not None and calibration.gives_sizes
    return grade_seen(
        Seen(
            defects=defects,
            seams=seams,
            mm_per_px=calibration.mm_per_px if calibration is not None and has_sizes else None,
            zone_area_mm2=zone_area_mm2,
            left_out=left_out,
            doubts=tuple(doubts),
            withheld=(*withheld, *(() if doubt is None else (doubt,))),
            expected=expected,
        ),
        standard,
    )


def grade_seen(seen: Seen, standard: Standard) -> Verdict:
    """Judge one photo; see `grade`."""
    faults = _photo_faults([seen], standard)
    return _verdict(faults, [seen], standard)


def grade_shoe(photos: Sequence[Seen], standard: Standard) -> Verdict:
    """Judge a shoe by all of its photos: rules that hold for the whole shoe see them together.

    The verdict is never better than that of a photo. Its reasons name no defect and no seam, whose numbers
    are those of a photo.
    """
    verdict = _verdict(_photo_faults(photos, standard), photos, standard)
    return replace(
        verdict, reasons=tuple(replace(reason, defect=None, seam=None) for reason in verdict.reasons)
    )


def sums_over_shoes(standard: Standard) -> bool:
    """Whether several photos of a shoe can break what none of them breaks alone."""
    combination = standard.combination
    several = (
        combination.critical_for_c,
        combination.major_for_c,
        combination.minor_for_c,
        combination.major_for_b,
        combination.minor_for_b,
    )
    return bool(_of_shoes(standard)) or any(faults is not None and faults > 1 for faults in several)


def _of_shoes(standard: Standard) -> frozenset[str]:
    return frozenset(rule.id for rule in standard.grouped_rules if rule.per is Per.SHOE)


def shoe_reasons(photos: Sequence[Seen], standard: Standard) -> tuple[Reason, ...]:
    """What a shoe breaks as a whole: limits on all of its photos, and faults that cost more together.

    What a photo breaks alone is left to its own verdict, but for limits on all photos: there the sum is told.
    With the grades of the photos these make the verdict of `grade_shoe`.
    """
    if len(photos) < 2 or not sums_over_shoes(standard):
        return ()
    of_shoes = _of_shoes(standard)
    return tuple(
        reason
        for reason in grade_shoe(photos, standard).reasons
        if reason.rule in of_shoes or reason.rule == telling.COMBINATION_REASON
    )


def bounds(photos: Sequence[Seen], standard: Standard) -> Bounds:
    """What a photo, or a shoe of several, is worth at best and at worst; the verdict without its reasons."""
    return _bounds(_photo_faults(photos, standard), photos, standard)


def _photo_faults(photos: Sequence[Seen], standard: Standard) -> list[Fault]:
    faults: list[Fault] = []
    for number, seen in enumerate(photos):
        shown = of_defects(seen, standard)
        shown += of_groups([seen], standard, Per.PHOTO)
        shown += of_seams(seen, standard)
        shown += of_expected(seen, standard)
        for fault in shown:
            fault.photo = number
        faults += shown
    faults += of_groups(photos, standard, Per.SHOE)
    return faults


def _doubts(seen: Seen, standard: Standard) -> list[Reason]:
    doubts = [*seen.withheld, *seen.doubts]
    if seen.left_out:
        doubts.append(telling.too_many(len(seen.defects), seen.left_out))
    doubts += [
        telling.unreadable(seam, index)
        for index, seam in enumerate(seen.seams)
        if not seam.readable and any(seam.zone_class in rule.zones for rule in standard.stitching)
    ]
    return doubts


def _bounds(faults: Sequence[Fault], photos: Sequence[Seen], standard: Standard) -> Bounds:
    best = _Tally.of(faults, possible=False).grade(standard)
    doubtful = any(_doubts(seen, standard) for seen in photos)
    worst = Grade.C if doubtful else _Tally.of(faults, possible=True).grade(standard)
    return Bounds(best, worst, decided=not any(seen.withheld for seen in photos))


def _verdict(faults: Sequence[Fault], photos: Sequence[Seen], standard: Standard) -> Verdict:
    found = _bounds(faults, photos, standard)
    told = [broken for fault in faults for broken in fault.told]
    # What is uncertain matters only when it would make the grade worse than what is certain already.
    rank = RANK[found.best]
    matters = [broken for broken in told if broken.certain or _rank(broken, standard) > rank]
    if found.best is not found.worst and all(broken.certain for broken in matters):
        matters = told  # none by itself, but all together
    reasons = [telling.reason_of(broken, standard) for broken in matters]
    reasons += _combined(faults, standard, found)
    reasons.sort(key=lambda reason: _WORST_FIRST[reason.grade])
    reasons[:0] = [reason for seen in photos for reason in _doubts(seen, standard)]
    if found.grade is Grade.RECHECK:
        return Verdict(Grade.RECHECK, Disposition.RECHECK, tuple(reasons))
    return Verdict(found.best, standard.dispositions[found.best], tuple(reasons))


def _rank(broken: Broken, standard: Standard) -> int:
    return RANK.get(standard.grade_of(broken.rule), RANK[Grade.C])


def _combined(faults: Sequence[Fault], standard: Standard, found: Bounds) -> list[Reason]:
    """The reason that several faults together cost more than any alone, where they do."""
    reasons = []
    for possible in (False, True):
        if possible and found.best is found.worst:
            continue
        tally = _Tally.of(faults, possible=possible)
        alone = max(
            (
                RANK.get(standard.grade_of(broken.rule), 0)
                for fault in faults
                for broken in fault.told
                if broken.certain or possible
            ),
            default=0,
        )
        together = standard.combination.grade(critical=tally.critical, major=tally.major, minor=tally.minor)
        if RANK[together] > max(alone, RANK[found.best] if possible else 0):
            severity, count, limit = _deciding(standard, tally, together)
            reasons.append(
                telling.combined(
                    together,
                    standard.combination,
                    severity,
                    faults=count,
                    allowed=limit - 1,
                    certain=not possible,
                )
            )
    return reasons


def _deciding(standard: Standard, tally: _Tally, grade: Grade) -> tuple[Severity, int, int]:
    """Which number of faults makes the grade: severity, faults, and how many make it."""
    combination, letter = standard.combination, grade.value.lower()
    for severity, count in (
        (Severity.CRITICAL, tally.critical),
        (Severity.MAJOR, tally.major),
        (Severity.MINOR, tally.minor),
    ):
        limit = getattr(combination, f"{severity.value}_for_{letter}", None)
        if limit is not None and count >= limit:
            return severity, count, limit
    raise AssertionError(f"no number of faults makes {grade}")
