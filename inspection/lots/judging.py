"""The decision on a lot, from what its sample held."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from inspection.domain import Severity
from inspection.errors import LotError
from inspection.lots.plans import LotPlan, SinglePlan
from inspection.lots.tables import EDITION, Counting
from inspection.wording import number_of

__all__ = ["ClassDecision", "LotDecision", "Tally", "is_open", "judge_lot", "judge_single"]


@dataclass(frozen=True)
class Tally:
    """What the sample of one class held.

    Attributes
    ----------
    inspected : items looked at.
    found : nonconforming items, or nonconformities where the plan counts those.
    """

    inspected: int
    found: int


@dataclass(frozen=True)
class ClassDecision:
    """Whether one class lets the lot pass.

    Attributes
    ----------
    acceptable : None where the sample is not complete and another class has refused the lot already.
    stopped_early : refused before the sample was complete; the rest cannot change it.
    message : English sentence with the numbers.
    """

    severity: Severity
    plan: SinglePlan
    tally: Tally
    acceptable: bool | None
    stopped_early: bool
    message: str


@dataclass(frozen=True)
class LotDecision:
    """Whether the lot is acceptable: it is when every class is; one that refuses is enough.

    Nonconforming items that were found leave the lot, or are repaired, even when the lot is accepted.
    """

    plan: LotPlan
    classes: tuple[ClassDecision, ...]
    edition: str = EDITION

    @property
    def acceptable(self) -> bool:
        return all(of_class.acceptable is True for of_class in self.classes)


def judge_single(plan: SinglePlan, tally: Tally, severity: Severity) -> ClassDecision:
    """Judge one class.

    Raises
    ------
    LotError : the tally is impossible, or the sample is not complete and may still turn out either way.
    """
    _check_tally(plan, tally, severity)
    acceptable = tally.found <= plan.accept
    if is_open(plan, tally):
        missing = plan.inspect - tally.inspected
        raise LotError(
            f"The sample for {severity} nonconformities has {tally.inspected} of {plan.inspect} items.",
            hint=f"Inspect {missing} more, drawn at random from the whole lot.",
        )
    found = (
        f"{tally.found} nonconforming"
        if plan.counting is Counting.ITEMS
        else number_of(tally.found, "nonconformity", "nonconformities")
    )
    limit = f"at most {plan.accept} allowed" if acceptable else f"{plan.reject} or more refuse the lot"
    message = f"{severity}: {found} in {number_of(tally.inspected, 'item')}, {limit}."
    return ClassDecision(severity, plan, tally, acceptable, tally.inspected < plan.inspect, message)


def judge_lot(plan: LotPlan, tallies: Mapping[Severity, Tally]) -> LotDecision:
    """Judge a lot; there must be a tally for each class of the plan and for no other.

    An item with nonconformities of several classes counts in the worst of them alone where items are counted.
    Once a class has refused, the samples of the others need not be completed.

    Raises
    ------
    LotError : a tally is missing or impossible, or no class refuses and a sample is not complete.
    """
    planned = [of_class.severity for of_class in plan.classes]
    missing = [severity for severity in planned if severity not in tallies]
    if missing:
        raise LotError(
            f"There is no count for {', '.join(missing)}.",
            hint="Give one for each class of the plan; 0 where nothing was found.",
        )
    unplanned = [severity for severity in tallies if severity not in planned]
    if unplanned:
        raise LotError(
            f"There is a count for {', '.join(unplanned)}, which this lot is not judged by.",
            hint=f"Its plan has {', '.join(planned)}; add an AQL for the class or leave its count out.",
        )
    refused = any(tallies[of_class.severity].found > of_class.plan.accept for of_class in plan.classes)
    return LotDecision(
        plan,
        tuple(
            _unfinished(of_class.plan, tallies[of_class.severity], of_class.severity)
            if refused and is_open(of_class.plan, tallies[of_class.severity])
            else judge_single(of_class.plan, tallies[of_class.severity], of_class.severity)
            for of_class in plan.classes
        ),
    )


def is_open(plan: SinglePlan, tally: Tally) -> bool:
    """Whether the sample is not complete and may turn out either way."""
    return tally.inspected < plan.inspect and tally.found <= plan.accept


def _unfinished(plan: SinglePlan, tally: Tally, severity: Severity) -> ClassDecision:
    _check_tally(plan, tally, severity)
    message = f"{severity}: {tally.found} found in {tally.inspected} of {plan.inspect} items, not completed."
    return ClassDecision(severity, plan, tally, None, stopped_early=False, message=message)


def _check_tally(plan: SinglePlan, tally: Tally, severity: Severity) -> None:
    if tally.inspected < 0 or tally.found < 0:
        raise LotError(
            f"{tally.found} {severity} in {tally.inspected} items cannot be: a count is below 0.",
            hint="Count again; 0 is the least.",
        )
    if tally.inspected > plan.lot_size:
        raise LotError(
            f"{tally.inspected} items were inspected of a lot of {plan.lot_size}.",
            hint="Check the lot size: a sample cannot be larger than its lot.",
        )
    if tally.inspected > plan.inspect:
        raise LotError(
            f"{tally.inspected} items were inspected for {severity} faults; the sample has {plan.inspect}.",
            hint=f"Count only the {plan.inspect} items drawn at random: others change the risk.",
        )
    if plan.counting is Counting.ITEMS and tally.found > tally.inspected:
        raise LotError(
            f"A count of {tally.found} for {severity} nonconforming items cannot come of a sample of "
            f"{tally.inspected}.",
            hint="Count each item once, however much is wrong with it, or plan by nonconformities.",
        )
    if tally.inspected == 0 and tally.found > 0:
        raise LotError(
            f"No item was inspected, and the count of {severity} nonconformities is {tally.found}.",
            hint="Give the items inspected.",
        )
