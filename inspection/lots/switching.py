"""The switching rules: from each lot's outcome to the table in force for the next.

A ``Switching`` value holds what the rules need of one class of one product from one source; functions take it
and give the next. Nothing is read from a clock or a store. What the standard leaves to the reader is decided
here so:

- *The switching score when the AQL is one step tighter.* The score asks whether the lot would also have been
  accepted one AQL tighter. Looked up for the lot again, that plan can have another sample size, which nobody
  drew. It is looked up at the code letter of the plan in use instead: there the sample is the same for every
  plan that accepts 2 or more, so the count answers the question. The two readings differ only where the arrow
  of a large lot points up (at AQL 2.5 and 4.0 and level II: lots above 35 000).
- *Two of five.* The five lots are those inspected under normal inspection since it was last taken up. The lot
  that ended reduced inspection is not among them.
- *Five not accepted* are counted since tightened inspection was last taken up.
- *Reduced inspection* needs steady production and an approval. Neither is assumed: both must be declared, and
  the approval is used up when reduced inspection ends.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from inspection.errors import LotError
from inspection.lots.plans import SinglePlan
from inspection.lots.tables import AQLS, EDITION, Aql, Strictness, table_plan

__all__ = ["Declaration", "LotOutcome", "Switch", "Switching", "after_lot", "declare", "one_step_tighter"]

REDUCED_SCORE = 30
"""Score from which reduced inspection is open."""

WINDOW = 5
"""Consecutive lots on normal inspection that are looked back on."""

REFUSED_IN_WINDOW = 2
"""Lots not accepted within the window that bring tightened inspection."""

ACCEPTED_TO_NORMAL = 5
"""Consecutive lots accepted that end tightened inspection."""

REFUSED_TO_STOP = 5
"""Lots not accepted on tightened inspection that end acceptance by sampling."""

_SCORE_TIGHTER, _SCORE_SMALL, _SMALL_ACCEPT = 3, 2, 1


class Declaration(StrEnum):
    """What a person says, who is responsible for it."""

    PRODUCTION_STEADY = "production-steady"
    PRODUCTION_IRREGULAR = "production-irregular"
    REDUCED_APPROVED = "reduced-approved"
    REDUCED_WITHDRAWN = "reduced-withdrawn"
    SUPPLIER_ACTED = "supplier-acted"


@dataclass(frozen=True)
class LotOutcome:
    """A judged lot, as far as one class goes.

    Attributes
    ----------
    lot : its name, for the history.
    found : nonconforming items or nonconformities in the sample.
    resubmitted : it was refused before and comes again; such lots do not count.
    """

    lot: str
    plan: SinglePlan
    found: int
    resubmitted: bool = False

    @property
    def acceptable(self) -> bool:
        return self.found <= self.plan.accept


@dataclass(frozen=True)
class Switch:
    """One change of the table in force.

    Attributes
    ----------
    after_lot : the last lot before it; None when no lot was judged yet.
    after, before : the states, ``discontinued`` included.
    clause : of the standard.
    """

    after_lot: str | None
    before: str
    after: str
    clause: str
    reason: str


@dataclass(frozen=True)
class Switching:
    """The state of one class. A new product starts with ``Switching()``.

    Attributes
    ----------
    strictness : table in force for the next lot; while discontinued, the one to resume on.
    discontinued : no lot may be accepted by sampling until the supplier has acted.
    score : switching score, counted on normal inspection.
    recent : of the last lots on normal inspection, up to 4, whether each was accepted.
    accepted_in_row, refused : on tightened inspection, lots accepted since the last refusal, and all refused.
    steady, approved : declared conditions of reduced inspection.
    last_lot : name of the last lot that counted.
    history : every change, oldest first.
    """

    strictness: Strictness = Strictness.NORMAL
    discontinued: bool = False
    score: int = 0
    recent: tuple[bool, ...] = ()
    accepted_in_row: int = 0
    refused: int = 0
    steady: bool = False
    approved: bool = False
    last_lot: str | None = None
    history: tuple[Switch, ...] = ()
    edition: str = EDITION

    @property
    def name(self) -> str:
        """``normal``, ``tightened``, ``reduced`` or ``discontinued``."""
        return "discontinued" if self.discontinued else str(self.strictness)


def one_step_tighter(plan: SinglePlan) -> int:
    """Acceptance number for the same sample if the AQL were one step tighter.

    Defined for normal plans that accept 2 or more.
    """
    if plan.strictness is not Strictness.NORMAL or plan.accept <= _SMALL_ACCEPT:
        raise LotError(
            f"A {plan.strictness} plan that accepts {plan.accept} takes no part in the score by tighter AQL.",
            hint="Ask it of normal plans that accept 2 or more.",
        )
    return table_plan(plan.letter, Aql(AQLS[plan.aql.index - 1]), Strictness.NORMAL).accept


def after_lot(state: Switching, outcome: LotOutcome) -> Switching:
    """The state for the next lot.

    Raises
    ------
    LotError : sampling is discontinued, or the lot was judged by another table than the one in force.
    """
    if outcome.plan.aql.none_allowed:
        raise LotError(
            "A class of which none is allowed has one plan only.",
            hint="Keep a switching state for classes with an AQL above 0.",
        )
    if outcome.resubmitted:
        return state
    if state.discontinued:
        raise LotError(
            f"Lot {outcome.lot} cannot be judged: sampling is discontinued since lot {state.last_lot}.",
            hint="Inspect every item, and declare when the supplier has acted to improve.",
        )
    if outcome.plan.strictness is not state.strictness:
        raise LotError(
            f"Lot {outcome.lot} was judged as {outcome.plan.strictness}, but {state.strictness} is in force.",
            hint=f"Plan and judge it under {state.strictness} inspection.",
        )
    state = replace(state, last_lot=outcome.lot)
    if state.strictness is Strictness.NORMAL:
        return _after_normal(state, outcome)
    if state.strictness is Strictness.TIGHTENED:
        return _after_tightened(state, outcome)
    if outcome.acceptable:
        return state
    return _switch(state, Strictness.NORMAL, "9.3.4", "a lot was not accepted")


def declare(state: Switching, declaration: Declaration) -> Switching:
    """The state after a person's declaration."""
    if declaration is Declaration.SUPPLIER_ACTED:
        if not state.discontinued:
            raise LotError(
                f"Sampling is not discontinued: {state.name} inspection is in force.",
                hint="Nothing needs to be resumed.",
            )
        return _switch(state, Strictness.TIGHTENED, "9.4", "the supplier has acted to improve")
    if declaration is Declaration.PRODUCTION_STEADY:
        return _open_reduced(replace(state, steady=True))
    if declaration is Declaration.REDUCED_APPROVED:
        return _open_reduced(replace(state, approved=True))
    if declaration is Declaration.PRODUCTION_IRREGULAR:
        state, reason = replace(state, steady=False), "production is irregular or delayed"
    else:
        state, reason = replace(state, approved=False), "other conditions call for normal inspection"
    if state.strictness is Strictness.REDUCED:
        return _switch(state, Strictness.NORMAL, "9.3.4", reason)
    return state


def _after_normal(state: Switching, outcome: LotOutcome) -> Switching:
    seen = (*state.recent, outcome.acceptable)
    if seen.count(False) >= REFUSED_IN_WINDOW:
        reason = f"{REFUSED_IN_WINDOW} of {len(seen)} consecutive lots were not accepted"
        return _switch(state, Strictness.TIGHTENED, "9.3.1", reason)
    state = replace(state, recent=seen[-(WINDOW - 1) :], score=_scored(state.score, outcome))
    return _open_reduced(state)


def _scored(score: int, outcome: LotOutcome) -> int:
    plan = outcome.plan
    if plan.accept <= _SMALL_ACCEPT:
        return score + _SCORE_SMALL if outcome.acceptable else 0
    return score + _SCORE_TIGHTER if outcome.found <= one_step_tighter(plan) else 0


def _open_reduced(state: Switching) -> Switching:
    if (
        state.strictness is Strictness.NORMAL
        and state.score >= REDUCED_SCORE
        and state.steady
        and state.approved
    ):
        reason = f"score {state.score}, production steady, approved"
        return _switch(state, Strictness.REDUCED, "9.3.3", reason)
    return state


def _after_tightened(state: Switching, outcome: LotOutcome) -> Switching:
    if outcome.acceptable:
        state = replace(state, accepted_in_row=state.accepted_in_row + 1)
        if state.accepted_in_row >= ACCEPTED_TO_NORMAL:
            reason = f"{ACCEPTED_TO_NORMAL} consecutive lots were accepted"
            return _switch(state, Strictness.NORMAL, "9.3.2", reason)
        return state
    state = replace(state, accepted_in_row=0, refused=state.refused + 1)
    if state.refused >= REFUSED_TO_STOP:
        reason = f"{REFUSED_TO_STOP} lots were not accepted under tightened inspection"
        stopped = replace(state, discontinued=True)
        return replace(
            stopped,
            history=(
                *state.history,
                Switch(state.last_lot, state.name, stopped.name, "9.4", reason),
            ),
        )
    return state


def _switch(state: Switching, to: Strictness, clause: str, reason: str) -> Switching:
    """Take another table up; every count starts again."""
    return Switching(
        strictness=to,
        steady=state.steady,
        approved=state.approved and state.strictness is not Strictness.REDUCED,
        last_lot=state.last_lot,
        history=(*state.history, Switch(state.last_lot, state.name, str(to), clause, reason)),
    )
