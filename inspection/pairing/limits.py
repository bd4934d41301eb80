"""How much the two shoes of a pair may differ: what the standard's ``[[pairs]]`` say."""

from __future__ import annotations

from dataclasses import dataclass

from inspection.domain import Grade, Severity, ZoneClass
from inspection.standards import Quantity, Standard

__all__ = ["PairLimit", "pair_limits"]


@dataclass(frozen=True)
class PairLimit:
    """One limit of a standard.

    Attributes
    ----------
    assumed : uncertainty (k = 2) of what no photo tells, in the unit of the quantity; see ``PairRule``.
    at_most : largest difference that is allowed, in the unit of the quantity.
    grade : what the pair is worth at best beyond it.
    zones : classes of zones where it holds; lengths and heights are of the shoe and have none.
    provenance : where the figure comes from, in one line; ``basis`` is ``verified``, ``agreed`` or ``house``.
    """

    rule: str
    quantity: Quantity
    at_most: float
    grade: Grade
    severity: Severity
    clause: str
    provenance: str
    basis: str
    assumed: float | None = None
    zones: frozenset[ZoneClass] = frozenset(ZoneClass)


def pair_limits(standard: Standard) -> tuple[PairLimit, ...]:
    """The limits of a standard; differences have no least, so only ``at_most`` counts."""
    return tuple(
        PairLimit(
            rule=rule.id,
            quantity=rule.quantity,
            at_most=rule.at_most,
            grade=rule.grade or standard.combination.alone(rule.severity),
            severity=rule.severity,
            clause=rule.clause,
            provenance=rule.origin,
            basis=rule.provenance.value,
            assumed=rule.assumed_uncertainty,
            zones=frozenset(rule.zones),
        )
        for rule in standard.pairs
        if rule.at_most is not None
    )
