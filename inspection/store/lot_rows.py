"""Lots as values, and how they stand in the database."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy.engine import Row

from inspection.domain import Severity
from inspection.lots import (
    Aql,
    Counting,
    Level,
    LotPlan,
    NoneAllowedIn,
    SampleBy,
    Scheme,
    Strictness,
    plan_lot,
)

__all__ = [
    "Event",
    "Lot",
    "LotEvent",
    "Mode",
    "NewLot",
    "Outcome",
    "Unit",
    "event_of",
    "lot_of",
    "read_plan",
    "read_scheme",
    "write_plan",
    "write_scheme",
]


class Unit(StrEnum):
    """What an item of the lot is."""

    PART = "part"
    PAIR = "pair"


class Mode(StrEnum):
    """Whether a sample is inspected, or every item."""

    SAMPLE = "sample"
    ALL = "all"


class Outcome(StrEnum):
    """What was decided."""

    ACCEPTED = "accepted"
    REFUSED = "refused"


class Event(StrEnum):
    """What happened to a lot, or to a product and line."""

    OPENED = "opened"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNDONE = "undone"
    DECLARED = "declared"


@dataclass(frozen=True)
class NewLot:
    """A lot to open.

    Attributes
    ----------
    lot_id : as cameras send it.
    product, line : whose history decides which table is in force.
    size : items.
    resubmitted : it was refused before and comes again; it does not count for the history.
    """

    lot_id: str
    product: str
    line: str
    size: int
    scheme: Scheme
    unit: Unit = Unit.PART
    mode: Mode = Mode.SAMPLE
    resubmitted: bool = False


@dataclass(frozen=True)
class Lot:
    """A lot as it was opened, and what was decided.

    Attributes
    ----------
    plan : as it followed when the lot was opened; None where every item is inspected.
    revision : how many times it was decided or undone; the next time must name it.
    """

    number: int
    new: NewLot
    plan: LotPlan | None
    opened_at: datetime
    opened_by: str
    revision: int
    decision: Outcome | None


@dataclass(frozen=True)
class LotEvent:
    """Something that happened; ``details`` is what belongs to it."""

    sequence: int
    at: datetime
    who: str
    event: Event
    lot: int | None
    details: Mapping[str, Any]


def lot_of(row: Row[Any]) -> Lot:
    """The lot of a row of ``lots``."""
    scheme = read_scheme(row.scheme)
    new = NewLot(
        lot_id=row.lot_id,
        product=row.product,
        line=row.line,
        size=int(row.size),
        scheme=scheme,
        unit=Unit(row.unit),
        mode=Mode(row.mode),
        resubmitted=bool(row.resubmitted),
    )
    return Lot(
        number=row.number,
        new=new,
        plan=read_plan(row.plan, new.size, scheme),
        opened_at=row.opened_at,
        opened_by=row.opened_by,
        revision=row.revision,
        decision=None if row.decision is None else Outcome(row.decision),
    )


def event_of(row: Row[Any]) -> LotEvent:
    """What a row of ``lot_events`` says."""
    return LotEvent(
        sequence=row.sequence,
        at=row.at,
        who=row.who,
        event=Event(row.event),
        lot=row.lot,
        details=json.loads(row.details),
    )


# What was agreed, and the plan, as JSON


def write_scheme(scheme: Scheme) -> str:
    """What was agreed, as JSON."""

    def aql(value: Aql | None) -> str | None:
        return None if value is None else str(value)

    return json.dumps(
        {
            "level": scheme.level.value,
            "critical": aql(scheme.critical),
            "major": aql(scheme.major),
            "minor": aql(scheme.minor),
            "counting": scheme.counting.value,
            "sample_by": scheme.sample_by.value,
            "none_allowed_in": scheme.none_allowed_in.value,
        }
    )


def read_scheme(text: str) -> Scheme:
    """What `write_scheme` wrote."""
    told = json.loads(text)

    def aql(value: str | None) -> Aql | None:
        return None if value is None else Aql(Decimal(value))

    return Scheme(
        level=Level(told["level"]),
        critical=aql(told["critical"]),
        major=aql(told["major"]),
        minor=aql(told["minor"]),
        counting=Counting(told["counting"]),
        sample_by=SampleBy(told["sample_by"]),
        none_allowed_in=NoneAllowedIn(told["none_allowed_in"]),
    )


def write_plan(plan: LotPlan | None) -> str:
    """The plan by its tables; the numbers beside them are for people who read the database."""
    if plan is None:
        return "null"
    return json.dumps(
        {
            "edition": plan.edition,
            "classes": {
                one.severity.value: {
                    "strictness": one.plan.strictness.value,
                    "letter": one.plan.letter,
                    "inspect": one.plan.inspect,
                    "accept": one.plan.accept,
                }
                for one in plan.classes
            },
        }
    )


def read_plan(text: str, size: int, scheme: Scheme) -> LotPlan | None:
    """What `write_plan` wrote, by the tables."""
    told = json.loads(text)
    if told is None:
        return None
    strictness = {Severity(name): Strictness(one["strictness"]) for name, one in told["classes"].items()}
    return plan_lot(size, scheme, strictness=strictness)
