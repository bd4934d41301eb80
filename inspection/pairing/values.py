"""What shoes and pairs are judged from, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from inspection.domain import Foot, Grade, Measurement, PhotoColours, Severity, ZoneClass

__all__ = [
    "OF_TIME",
    "Comparison",
    "PairVerdict",
    "SeamFigures",
    "SetPhoto",
    "SetReason",
    "SetState",
    "ShoeVerdict",
    "Whole",
    "nothing",
    "worst_grade",
]

OF_TIME = frozenset({"views_missing", "shoe_missing"})
"""Rules of reasons that go away once the rest has come."""
_WORST_FIRST = (Grade.C, Grade.RECHECK, Grade.B, Grade.A)


def worst_grade(grades: Iterable[Grade]) -> Grade:
    """The grade that decides: a certain C stands whatever a recheck would bring; A when there is none."""
    held = set(grades)
    return next((grade for grade in _WORST_FIRST if grade in held), Grade.A)


@dataclass(frozen=True)
class SeamFigures:
    """What of a seam is compared.

    Attributes
    ----------
    name : the same for the seam on both shoes: zone, group and row.
    measurements : of the seam, by the names of ``domain.Seam``.
    offset_mm : (x, y) of its middle from the middle of its zone; None without a scale.
    along : (x, y) unit vector of its course.
    """

    name: str
    zone: str
    zone_class: ZoneClass
    measurements: tuple[Measurement, ...]
    offset_mm: tuple[float, float] | None = None
    along: tuple[float, float] = (1.0, 0.0)

    def measured(self, name: str) -> Measurement | None:
        """Measurement of that name; None when it was not measured."""
        return next((each for each in self.measurements if each.name == name), None)


@dataclass(frozen=True, eq=False)
class SetPhoto:
    """A stored photo of a shoe.

    Attributes
    ----------
    grade : what holds now: of the last review, or else of the line.
    overridden : a person gave another grade than the line.
    """

    result_id: str
    created_at: datetime
    station: str
    view: str
    grade: Grade
    part_id: str | None = None
    pair_id: str | None = None
    foot: Foot | None = None
    style: str | None = None
    size: str | None = None
    overridden: bool = False
    measurements: tuple[Measurement, ...] = ()
    seams: tuple[SeamFigures, ...] = ()
    colours: PhotoColours | None = None

    def measured(self, name: str) -> Measurement | None:
        """Measurement of that name; None when it was not measured."""
        return next((each for each in self.measurements if each.name == name), None)


class SetState(StrEnum):
    """Whether a verdict is known."""

    WAITING = "waiting"
    KNOWN = "known"
    OVERDUE = "overdue"


@dataclass(frozen=True)
class SetReason:
    """Why a shoe or pair is what it is.

    Attributes
    ----------
    rule : identifier of a limit of the standard, or of what was found in the identifiers.
    grade : what it is worth at best because of this; A where it only tells something.
    names : what it is about: part ids, views, sizes, styles.
    quantity, view, zone, measured, uncertainty, limit, unit : of a comparison, or of a limit on the
        whole shoe.
    kind : kinds of defect that a limit on the whole shoe is about, separated by ", ".
    least : ``limit`` is the least that is allowed.
    alone : a single photo breaks the same limit, and says so itself.
    """

    rule: str
    grade: Grade
    message: str
    names: tuple[str, ...] = ()
    severity: Severity | None = None
    clause: str | None = None
    provenance: str | None = None
    quantity: str | None = None
    view: str | None = None
    zone: str | None = None
    measured: float | None = None
    uncertainty: float | None = None
    limit: float | None = None
    unit: str | None = None
    basis: str | None = None
    kind: str | None = None
    least: bool = False
    alone: bool = False

    @property
    def seam(self) -> int | None:
        """None: what is numbered in a photo has no number on a shoe."""
        return None

    @property
    def expected(self) -> str | None:
        """None: seams are of photos."""
        return None


Whole = Callable[[Sequence[SetPhoto]], Sequence[SetReason]]
"""What the photos of a shoe break together; see ``grading.shoe_reasons``."""


def nothing(photos: Sequence[SetPhoto]) -> Sequence[SetReason]:
    """No limit holds for several photos together."""
    return ()


@dataclass(frozen=True, eq=False)
class ShoeVerdict:
    """The decision on one shoe.

    Attributes
    ----------
    part_id : None for photos that name none.
    grade : None while photos are waited for.
    photos : that count, one per view: the last of each.
    older : photos of a view that a later one replaced.
    missing : views that were asked for and did not come.
    decided_by : result ids of the photos whose grade is the shoe's.
    """

    part_id: str | None
    foot: Foot | None
    state: SetState
    grade: Grade | None
    photos: tuple[SetPhoto, ...]
    older: tuple[SetPhoto, ...] = ()
    missing: tuple[str, ...] = ()
    reasons: tuple[SetReason, ...] = ()
    decided_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """One quantity of both shoes, whatever its limit.

    Attributes
    ----------
    what : of the shoe, such as a zone or a seam; empty for the shoe as a whole.
    difference, uncertainty : the latter expanded (k = 2); None where it is not known.
    """

    quantity: str
    view: str
    what: str
    left: float | None
    right: float | None
    difference: float
    uncertainty: float | None
    unit: str
    referenced: bool = True
    left_lab: tuple[float, float, float] | None = None
    right_lab: tuple[float, float, float] | None = None


@dataclass(frozen=True, eq=False)
class PairVerdict:
    """The decision on a pair; ``grade`` is None while a shoe or a photo is waited for."""

    pair_id: str
    state: SetState
    grade: Grade | None
    shoes: tuple[ShoeVerdict, ...]
    reasons: tuple[SetReason, ...] = ()
    comparisons: tuple[Comparison, ...] = field(default_factory=tuple)
