"""What to inspect of a lot: for each class of nonconformity its AQL, sample and acceptance number.

A class of AQL 0 (critical, unless agreed otherwise) is not in the tables. It is looked for in the largest
sample of the other classes, and a single one refuses the lot; or, where the scheme says so, in every item of
the lot. A sample cannot promise that the lot holds none: ``probability`` tells how much would pass.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from inspection.domain import Severity
from inspection.errors import LotError
from inspection.lots.tables import (
    EDITION,
    HIGHEST_PERCENT,
    LETTERS,
    Aql,
    Arrow,
    Counting,
    Level,
    Strictness,
    code_letter,
    sample_size,
    table_plan,
)

__all__ = [
    "ClassPlan",
    "LotPlan",
    "NoneAllowedIn",
    "SampleBy",
    "Scheme",
    "SinglePlan",
    "draw_sample",
    "plan_lot",
    "plan_single",
]


class SampleBy(StrEnum):
    """What to do when arrows give the classes samples of different size.

    ``CLASS``: each class keeps its own. ``LARGEST``: all use the code letter of the largest, which the
    standard allows where the responsible authority approves.
    """

    CLASS = "class"
    LARGEST = "largest"


class NoneAllowedIn(StrEnum):
    """Where a class of AQL 0 is looked for: in the sample drawn for the other classes, or in every item."""

    SAMPLE = "sample"
    LOT = "lot"


@dataclass(frozen=True)
class SinglePlan:
    """How one class of a lot is judged.

    Attributes
    ----------
    asked_letter : code letter by lot size and level; ``letter`` is the one of the plan in use.
    sample_size : n of the plan; ``inspect`` is how many items that makes of this lot.
    accept, reject : Ac and Re = Ac + 1, in the unit of ``counting``.
    edition : of the standard that the plan is from.
    """

    lot_size: int
    aql: Aql
    strictness: Strictness
    counting: Counting
    asked_letter: str
    letter: str
    sample_size: int
    accept: int
    arrow: Arrow
    edition: str = EDITION

    @property
    def reject(self) -> int:
        return self.accept + 1

    @property
    def every_item(self) -> bool:
        """Whether the sample reaches the lot, so that all of it is inspected; Ac and Re stay as they are."""
        return self.sample_size >= self.lot_size

    @property
    def inspect(self) -> int:
        """Items to inspect."""
        return min(self.sample_size, self.lot_size)


@dataclass(frozen=True)
class ClassPlan:
    """The plan of one class."""

    severity: Severity
    plan: SinglePlan


@dataclass(frozen=True)
class Scheme:
    """What was agreed for a product, from which every lot's plan follows.

    Attributes
    ----------
    critical, major, minor : AQL of each class; 0 where none is allowed, None where it is not judged.
    counting : of all classes.
    """

    level: Level = Level.II
    critical: Aql | None = field(default=Aql(Decimal(0)))
    major: Aql | None = field(default=Aql(Decimal("2.5")))
    minor: Aql | None = field(default=Aql(Decimal("4.0")))
    counting: Counting = Counting.ITEMS
    sample_by: SampleBy = SampleBy.CLASS
    none_allowed_in: NoneAllowedIn = NoneAllowedIn.SAMPLE

    def __post_init__(self) -> None:
        if not self.classes:
            raise LotError("No class has an AQL.", hint="Give an AQL to critical, major or minor.")
        for aql in self.classes.values():
            _check_counting(aql, self.counting)

    @property
    def classes(self) -> dict[Severity, Aql]:
        """AQL of each class that is judged, worst class first."""
        given = {
            Severity.CRITICAL: self.critical,
            Severity.MAJOR: self.major,
            Severity.MINOR: self.minor,
        }
        return {severity: aql for severity, aql in given.items() if aql is not None}


@dataclass(frozen=True)
class LotPlan:
    """How a lot is judged.

    Attributes
    ----------
    letter : code letter by lot size and level.
    classes : worst first.
    """

    lot_size: int
    level: Level
    letter: str
    classes: tuple[ClassPlan, ...]
    edition: str = EDITION

    @property
    def inspect(self) -> int:
        """Items to draw: the largest sample of any class."""
        return max(of_class.plan.inspect for of_class in self.classes)

    def of(self, severity: Severity) -> SinglePlan:
        """The plan of one class."""
        for of_class in self.classes:
            if of_class.severity is severity:
                return of_class.plan
        raise LotError(
            f"The lot has no plan for {severity} nonconformities.",
            hint=f"It is judged by: {', '.join(of_class.severity for of_class in self.classes)}.",
        )


def _check_counting(aql: Aql, counting: Counting) -> None:
    if counting is Counting.ITEMS and aql.value > HIGHEST_PERCENT:
        raise LotError(
            f"AQL {aql} is above {HIGHEST_PERCENT}: it means nonconformities per 100 items, no percentage.",
            hint="Count nonconformities, several on one item included, or choose an AQL of 10 or less.",
        )


def plan_single(
    lot_size: int,
    aql: Aql,
    *,
    level: Level = Level.II,
    strictness: Strictness = Strictness.NORMAL,
    counting: Counting = Counting.ITEMS,
) -> SinglePlan:
    """Plan one class of a lot by the tables; ``aql`` must not be 0."""
    _check_counting(aql, counting)
    asked = code_letter(lot_size, level)
    return _planned(lot_size, asked, aql, strictness, counting, asked)


def _planned(
    lot_size: int, letter: str, aql: Aql, strictness: Strictness, counting: Counting, asked: str
) -> SinglePlan:
    found = table_plan(letter, aql, strictness)
    before, after = LETTERS.index(asked), (LETTERS + "S").index(found.letter)
    arrow = Arrow.NONE if before == after else Arrow.DOWN if after > before else Arrow.UP
    return SinglePlan(
        lot_size, aql, strictness, counting, asked, found.letter, found.sample_size, found.accept, arrow
    )


def plan_lot(
    lot_size: int, scheme: Scheme | None = None, *, strictness: Mapping[Severity, Strictness] | None = None
) -> LotPlan:
    """Plan a lot by what was agreed.

    Parameters
    ----------
    scheme : level II with AQL 0, 2.5 and 4.0 unless given.
    strictness : which table is in force for each class, normal where not given: the standard switches every
        class by itself.
    """
    scheme = scheme or Scheme()
    in_force = strictness or {}
    asked = code_letter(lot_size, scheme.level)
    listed = {severity: aql for severity, aql in scheme.classes.items() if not aql.none_allowed}

    def planned(severity: Severity, letter: str) -> SinglePlan:
        return _planned(
            lot_size,
            letter,
            listed[severity],
            in_force.get(severity, Strictness.NORMAL),
            scheme.counting,
            asked,
        )

    plans = {severity: planned(severity, asked) for severity in listed}
    if scheme.sample_by is SampleBy.LARGEST:
        plans = _with_one_letter(plans, planned)
    return LotPlan(
        lot_size,
        scheme.level,
        asked,
        tuple(
            ClassPlan(severity, plans.get(severity) or _none_allowed(lot_size, asked, plans, scheme))
            for severity in scheme.classes
        ),
    )


def _with_one_letter(
    plans: Mapping[Severity, SinglePlan], planned: Callable[[Severity, str], SinglePlan]
) -> dict[Severity, SinglePlan]:
    """Look every class up at the letter of the largest sample.

    A class may meet another arrow there. One that leads further down gives a larger sample, so all look
    again; one that leads up is followed, and that class needs fewer of the same items.
    """
    found = dict(plans)
    letter = ""
    while found:
        largest = max(found.values(), key=lambda plan: (plan.sample_size, plan.letter))
        if largest.letter not in LETTERS or largest.letter <= letter:
            break
        letter = largest.letter
        found = {severity: planned(severity, letter) for severity in found}
    return found


def _none_allowed(
    lot_size: int, asked: str, plans: Mapping[Severity, SinglePlan], scheme: Scheme
) -> SinglePlan:
    if scheme.none_allowed_in is NoneAllowedIn.LOT:
        letter, size = asked, lot_size
    elif plans:
        largest = max(plans.values(), key=lambda plan: plan.sample_size)
        letter, size = largest.letter, largest.sample_size
    else:
        letter, size = asked, sample_size(asked, Strictness.NORMAL)
    # No row of the tables is used: there is no arrow and nothing to switch, so it always counts as normal.
    return SinglePlan(
        lot_size, Aql(Decimal(0)), Strictness.NORMAL, scheme.counting, asked, letter, size, 0, Arrow.NONE
    )


def draw_sample(lot_size: int, items: int, *, seed: str) -> tuple[int, ...]:
    """Positions in the lot to inspect, 1 to ``lot_size``, rising; every set of items is equally likely.

    The same seed draws the same positions (an auditor can repeat it); keep the positions too, as another
    Python version may draw others.
    """
    if not 1 <= items <= lot_size:
        raise LotError(
            f"A sample of {items} cannot be drawn from a lot of {lot_size}.",
            hint=f"Draw from 1 to {lot_size} items.",
        )
    return tuple(sorted(random.Random(seed).sample(range(1, lot_size + 1), items)))
