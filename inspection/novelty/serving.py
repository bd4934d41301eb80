"""A bank in force: with its version and its limit, as photos are judged by it."""

from __future__ import annotations

from dataclasses import dataclass

from inspection.domain import Maps, Novelty, Zone
from inspection.novelty.bank import Bank, look
from inspection.novelty.limits import percentile_of

__all__ = ["InForce", "judge"]


@dataclass(frozen=True, eq=False)
class InForce:
    """What judges the novelty of a view's photos now.

    Attributes
    ----------
    limit : novelty from which a place does not belong.
    false_rejects : share of good photos that the limit was chosen to reject.
    """

    bank: Bank
    version: int
    limit: float
    false_rejects: float


def judge(maps: Maps, zones: tuple[Zone, ...], taught: InForce) -> Novelty:
    """Novelty of a photo by what is in force."""
    seen = look(maps, zones, taught.bank)
    return Novelty(
        version=taught.version,
        grid=seen.grid,
        score=seen.score,
        percentile=percentile_of(seen.score, taught.bank.good),
        limit=taught.limit,
        false_rejects=taught.false_rejects,
    )
