"""From the items of a lot to the counts that it is judged by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from inspection.domain import Grade, Severity
from inspection.lots.judging import Tally
from inspection.lots.plans import LotPlan, SinglePlan
from inspection.lots.tables import Counting

__all__ = ["Item", "Progress", "count", "severities_of_grade"]

_WORST_FIRST = (Severity.CRITICAL, Severity.MAJOR, Severity.MINOR)


@dataclass(frozen=True)
class Item:
    """One item of a lot, as far as it was seen.

    Attributes
    ----------
    name : part or pair id, or the result id of a photo that names neither.
    complete : every photo that it needs has come.
    undecided : a photo of it waits for a person.
    found : nonconformities of each class; classes with none are left out.
    """

    name: str
    complete: bool = True
    undecided: bool = False
    found: Mapping[Severity, int] = field(default_factory=dict)

    @property
    def decided(self) -> bool:
        """Whether it counts already."""
        return self.complete and not self.undecided

    @property
    def worst(self) -> Severity | None:
        """Its worst class; None when it conforms."""
        return next((severity for severity in _WORST_FIRST if self.found.get(severity)), None)


@dataclass(frozen=True)
class Progress:
    """How far a lot has come.

    Attributes
    ----------
    wanted : items to inspect: the sample, or the whole lot.
    came : items of which a photo came, at most ``wanted``.
    pending : names of those that cannot be counted yet.
    beyond : items that came after the sample was complete; they do not count, as they would change the risk.
    tallies : of each class, over the items of its own sample.
    nonconforming : names of items that do not conform, worst first, the ones beyond the sample too: every one
        that is found leaves the lot.
    """

    wanted: int
    came: int
    pending: tuple[str, ...]
    beyond: int
    tallies: Mapping[Severity, Tally]
    nonconforming: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether every wanted item is counted."""
        return self.came >= self.wanted and not self.pending


def severities_of_grade(grade: Grade) -> Mapping[Severity, int]:
    """What a grade stands for when a person gave it and no rule says: C is major, B is minor."""
    if grade is Grade.C:
        return {Severity.MAJOR: 1}
    return {Severity.MINOR: 1} if grade is Grade.B else {}


def count(
    items: Sequence[Item], plan: LotPlan | None, *, lot_size: int, counting: Counting = Counting.ITEMS
) -> Progress:
    """Count the items of a lot.

    Parameters
    ----------
    items : in the order in which they came: the first ones are the sample.
    plan : None where every item is inspected.
    """
    wanted = lot_size if plan is None else plan.inspect
    sample = items[:wanted]
    if plan is None:
        tallies = {severity: _tally(sample, severity, counting) for severity in _WORST_FIRST}
    else:
        tallies = {
            of_class.severity: _of_class(items, of_class.severity, of_class.plan) for of_class in plan.classes
        }
    bad = [item for item in items if item.decided and item.worst is not None]
    return Progress(
        wanted=wanted,
        came=len(sample),
        pending=tuple(item.name for item in sample if not item.decided),
        beyond=len(items) - len(sample),
        tallies=tallies,
        nonconforming=tuple(item.name for item in sorted(bad, key=_badness)),
    )


def _badness(item: Item) -> tuple[int, int]:
    worst = item.worst
    return (_WORST_FIRST.index(worst) if worst is not None else len(_WORST_FIRST), -sum(item.found.values()))


def _of_class(items: Sequence[Item], severity: Severity, plan: SinglePlan) -> Tally:
    """Each class has its own sample size, and the first so many items are its sample."""
    return _tally(items[: plan.inspect], severity, plan.counting)


def _tally(sample: Sequence[Item], severity: Severity, counting: Counting) -> Tally:
    decided = [item for item in sample if item.decided]
    if counting is Counting.ITEMS:
        # An item with nonconformities of several classes counts in the worst of them alone.
        found = sum(item.worst is severity for item in decided)
    else:
        found = sum(item.found.get(severity, 0) for item in decided)
    return Tally(inspected=len(decided), found=found)
