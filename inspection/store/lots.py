"""Lots: opened once, counted from the results that name them, decided by a person, undone by an
administrator.

Everything that was decided stays in ``lot_events``, which nobody can change. The table that is in force for
the next lot of a product and line is not stored: it is replayed from these events by the switching rules, so
that it cannot disagree with them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row
from sqlalchemy.exc import IntegrityError

from inspection.domain import Grade, Severity
from inspection.errors import ConflictError, LotError, MetadataError, NotFoundError
from inspection.lots import (
    Aql,
    Counting,
    Declaration,
    Level,
    LotOutcome,
    LotPlan,
    NoneAllowedIn,
    SampleBy,
    Scheme,
    Strictness,
    Switching,
    Tally,
    after_lot,
    declare,
    is_open,
    plan_lot,
)
from inspection.store import audit, schema, sets
from inspection.store.database import Store, check_names, check_text
from inspection.store.sets import Scope, SetVerdict

__all__ = [
    "MAX_LOT_SIZE",
    "Event",
    "Lot",
    "LotEvent",
    "Mode",
    "NewLot",
    "Outcome",
    "SeenPhoto",
    "Unit",
    "add_declaration",
    "by_lot_id",
    "by_number",
    "decide",
    "events",
    "open_lot",
    "page",
    "seen",
    "switching",
    "undo",
]

MAX_LOT_SIZE = 1_000_000_000
"""Larger is a typing error: more than all shoes made in a week on earth."""
MAX_REASON_LENGTH = 2000  # characters

_rows = schema.inspections
_faults = schema.faults
_sets = schema.set_verdicts
_lots = schema.lots
_events = schema.lot_events


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


def open_lot(store: Store, new: NewLot, *, by: str) -> Lot:
    """Open a lot and fix its plan by the table that is in force for its product and line.

    Raises
    ------
    ConflictError : the lot id was opened before, or sampling is discontinued.
    LotError : a size that cannot be planned.
    """
    check_names(lot_id=new.lot_id, product=new.product, line=new.line)
    if new.size > MAX_LOT_SIZE:
        raise LotError(
            f"A lot of {new.size} items is larger than {MAX_LOT_SIZE}.", hint="Check the size of the lot."
        )
    if new.size < 1:
        raise LotError(f"A lot of {new.size} items holds nothing.", hint="Give its size, 1 or more.")
    at = store.now()
    try:
        with store.write() as connection:
            strictness: dict[Severity, Strictness] = {}
            plan = None
            if new.mode is Mode.SAMPLE:
                states = _replay(connection, new.product, new.line)
                strictness = _in_force(states, new.scheme)
                plan = plan_lot(new.size, new.scheme, strictness=strictness)
            values = {
                "lot_id": new.lot_id,
                "product": new.product,
                "line": new.line,
                "size": new.size,
                "unit": new.unit.value,
                "mode": new.mode.value,
                "scheme": _write_scheme(new.scheme),
                "plan": _write_plan(plan),
                "resubmitted": new.resubmitted,
                "opened_at": at,
                "opened_by": by,
                "revision": 0,
                "decision": None,
            }
            number = int(
                connection.execute(sa.insert(_lots).values(values).returning(_lots.c.number)).scalar_one()
            )
            _note(
                connection, at, by, Event.OPENED, new, number, {"size": str(new.size), "mode": new.mode.value}
            )
    except IntegrityError as error:
        raise ConflictError(
            f"The lot {new.lot_id!r} is open already.",
            hint="Look it up in the list; a refused lot comes again under another id, as resubmitted.",
        ) from error
    return Lot(number, new, plan, at, by, 0, None)


def by_number(store: Store, number: int) -> Lot:
    """The lot of that number; NotFoundError if there is none."""
    with store.read() as connection:
        return _value(_row(connection, number))


def by_lot_id(store: Store, lot_id: str) -> Lot | None:
    """The lot of that id; None when cameras may send it, but nobody opened it."""
    check_names(lot_id=lot_id)
    with store.read() as connection:
        row = connection.execute(sa.select(_lots).where(_lots.c.lot_id == lot_id)).first()
    return None if row is None else _value(row)


def page(
    store: Store,
    *,
    before: int | None = None,
    limit: int = 50,
    lot_id: str | None = None,
    product: str | None = None,
    line: str | None = None,
    open_only: bool = False,
) -> tuple[Lot, ...]:
    """Lots, newest first; ``before`` is the number of the last one of the page above."""
    check_names(lot_id=lot_id, product=product, line=line)
    query = sa.select(_lots).order_by(_lots.c.number.desc()).limit(limit)
    if before is not None:
        query = query.where(_lots.c.number < before)
    for column, value in ((_lots.c.lot_id, lot_id), (_lots.c.product, product), (_lots.c.line, line)):
        if value is not None:
            query = query.where(column == value)
    if open_only:
        query = query.where(_lots.c.decision.is_(None))
    with store.read() as connection:
        return tuple(_value(row) for row in connection.execute(query))


def decide(
    store: Store,
    number: int,
    outcome: Outcome,
    *,
    by: str,
    seen_revision: int,
    tallies: Mapping[Severity, Tally],
    acceptable: bool,
    comment: str = "",
) -> Lot:
    """Write down what was decided, with the counts that it was decided on.

    Parameters
    ----------
    acceptable : what the plan said; a person may refuse what it would accept, never accept what it refuses.

    Raises
    ------
    ConflictError : the lot was decided or undone since it was looked at.
    """
    _check_reason(comment)
    at = store.now()
    with store.write() as connection:
        lot = _change(connection, number, seen_revision, decided=False, decision=outcome.value)
        details = {
            "comment": comment,
            "acceptable": acceptable,
            "tallies": {
                severity.value: [tally.inspected, tally.found] for severity, tally in tallies.items()
            },
        }
        _note(connection, at, by, Event(outcome.value), lot.new, number, details)
    return replace(lot, decision=outcome)


def undo(store: Store, number: int, *, by: str, seen_revision: int, reason: str) -> Lot:
    """Take a decision back, with the reason.

    Raises
    ------
    MetadataError : no reason.
    ConflictError : nothing is decided, or a later lot of the product and line was decided on top of it.
    """
    if not reason.strip():
        raise MetadataError("No reason was given.", hint="Say why the decision is taken back.")
    _check_reason(reason)
    at = store.now()
    with store.write() as connection:
        lot = _change(connection, number, seen_revision, decided=True, decision=None)
        later = _later_decision(connection, lot)
        if later is not None:
            raise ConflictError(
                f"The lot {later!r} of the same product and line was decided afterwards.",
                hint="Take the later decision back first: the table in force followed from both.",
            )
        _note(connection, at, by, Event.UNDONE, lot.new, number, {"reason": reason})
    return replace(lot, decision=None)


def add_declaration(
    store: Store,
    product: str,
    line: str,
    declaration: Declaration,
    *,
    severities: Iterable[Severity],
    by: str,
    reason: str = "",
) -> Mapping[Severity, Switching]:
    """Write down what a person who is responsible declares, and give the state that follows.

    Raises
    ------
    ConflictError : the declaration does not fit the state, such as resuming what was not discontinued.
    """
    check_names(product=product, line=line)
    _check_reason(reason)
    at = store.now()
    with store.write() as connection:
        states = _replay(connection, product, line)
        for severity in severities:
            try:
                states[severity] = declare(states.get(severity, Switching()), declaration)
            except LotError as error:
                raise ConflictError(error.detail, hint=error.hint) from error
        details = {
            "declaration": declaration.value,
            "severities": [severity.value for severity in severities],
            "reason": reason,
        }
        new = NewLot("", product, line, 0, Scheme())
        _note(connection, at, by, Event.DECLARED, new, None, details)
    return states


def switching(store: Store, product: str, line: str) -> Mapping[Severity, Switching]:
    """The state of each class of a product and line; classes that no lot has had yet are left out."""
    check_names(product=product, line=line)
    with store.read() as connection:
        return _replay(connection, product, line)


def events(store: Store, number: int) -> tuple[LotEvent, ...]:
    """Everything that happened to a lot, oldest first."""
    query = sa.select(_events).where(_events.c.lot == number).order_by(_events.c.sequence)
    with store.read() as connection:
        return tuple(_event(row) for row in connection.execute(query))


@dataclass(frozen=True)
class SeenPhoto:
    """A photo of an item of a lot, the last of its view.

    Attributes
    ----------
    item : part or pair id as the lot's unit says, or the result id of a photo that names neither.
    part : the same for a part.
    overridden : a person gave another grade than the line.
    reviewed : a person gave a grade, the line's or another.
    faults : of each severity, as the line found them.
    shoe, pair : what holds for the part or the pair as a whole, where this is its newest photo; None where
        there is nothing to say.
    """

    item: str
    part: str
    view: str
    recipe: str
    result_id: str
    grade: Grade
    overridden: bool
    faults: Mapping[Severity, int]
    reviewed: bool = False
    shoe: SetVerdict | None = None
    pair: SetVerdict | None = None


def seen(store: Store, lot: Lot) -> tuple[SeenPhoto, ...]:
    """The photos that name the lot, the last of each view of each part, items in the order in which they
    came.
    """
    part = sa.func.coalesce(_rows.c.part_id, _rows.c.result_id)
    item = part if lot.new.unit is Unit.PART else sa.func.coalesce(_rows.c.pair_id, part)
    view = sa.func.coalesce(_rows.c.view, "")
    newest = (_rows.c.created_at.desc(), _rows.c.sequence.desc())
    ranked = (
        sa.select(
            _rows.c.sequence,
            _rows.c.result_id,
            _rows.c.recipe,
            _rows.c.grade,
            _rows.c.reviewed_grade,
            item.label("item"),
            part.label("part"),
            view.label("seen_view"),
            sa.func.min(_rows.c.sequence).over(partition_by=item).label("first"),
            sa.func.max(_rows.c.sequence).over(partition_by=part).label("newest_of_part"),
            sa.func.max(_rows.c.sequence).over(partition_by=item).label("newest_of_item"),
            sa.func.row_number().over(partition_by=[part, view], order_by=newest).label("age"),
        )
        .where(_rows.c.lot_id == lot.new.lot_id)
        .subquery()
    )
    query = (
        sa.select(ranked, _faults.c.severity, sa.func.sum(_faults.c.found).label("found"))
        .join_from(ranked, _faults, _faults.c.sequence == ranked.c.sequence, isouter=True)
        .where(ranked.c.age == 1)
        .group_by(*ranked.c, _faults.c.severity)
        .order_by(ranked.c.first, ranked.c.sequence)
    )
    whole = (
        sa.select(_sets)
        .join_from(_sets, _rows, _rows.c.sequence == _sets.c.sequence)
        .where(_rows.c.lot_id == lot.new.lot_id)
    )
    found: dict[int, SeenPhoto] = {}
    with store.read() as connection:
        wholes = {(row.sequence, row.scope): sets.value_of(row) for row in connection.execute(whole)}
        for row in connection.execute(query):
            before = found.get(row.sequence)
            faults = {} if before is None else dict(before.faults)
            if row.severity is not None:
                faults[Severity(row.severity)] = int(row.found)
            final = Grade(row.reviewed_grade or row.grade)
            found[row.sequence] = SeenPhoto(
                item=row.item,
                part=row.part,
                view=row.seen_view,
                recipe=row.recipe,
                result_id=row.result_id,
                grade=final,
                overridden=final.value != row.grade,
                reviewed=row.reviewed_grade is not None,
                faults=faults,
                # The newest photo of a part is the newest of its view, so it is always among these.
                shoe=wholes.get((row.sequence, Scope.SHOE)) if row.sequence == row.newest_of_part else None,
                pair=wholes.get((row.sequence, Scope.PAIR)) if row.sequence == row.newest_of_item else None,
            )
    return tuple(found.values())


# Switching, replayed


def _replay(connection: Connection, product: str, line: str) -> dict[Severity, Switching]:
    rows = connection.execute(
        sa.select(_events, _lots.c.lot_id, _lots.c.size, _lots.c.scheme, _lots.c.plan, _lots.c.resubmitted)
        .join_from(_events, _lots, _lots.c.number == _events.c.lot, isouter=True)
        .where(_events.c.product == product, _events.c.line == line)
        .order_by(_events.c.sequence)
    ).all()
    states: dict[Severity, Switching] = {}
    for row in _standing(rows):
        if row.event == Event.DECLARED:
            details = json.loads(row.details)
            for name in details["severities"]:
                severity = Severity(name)
                states[severity] = declare(
                    states.get(severity, Switching()), Declaration(details["declaration"])
                )
            continue
        plan = _read_plan(row.plan, int(row.size), _read_scheme(row.scheme))
        if plan is None:
            continue
        tallies = json.loads(row.details)["tallies"]
        for of_class in plan.classes:
            state = states.get(of_class.severity, Switching())
            single = of_class.plan
            # A lot that was planned before the table changed is judged, but does not count for the new one.
            if single.aql.none_allowed or state.discontinued or single.strictness is not state.strictness:
                continue
            inspected, found = (int(number) for number in tallies[of_class.severity.value])
            if is_open(single, Tally(inspected, found)):
                continue  # another class refused the lot before this one was told
            outcome = LotOutcome(row.lot_id, single, found, resubmitted=bool(row.resubmitted))
            states[of_class.severity] = after_lot(state, outcome)
    return states


def _standing(rows: Sequence[Row[Any]]) -> list[Row[Any]]:
    """Decisions that were not taken back, and declarations."""
    last_undone = {row.lot: row.sequence for row in rows if row.event == Event.UNDONE}
    wanted = (Event.ACCEPTED, Event.REFUSED)
    return [
        row
        for row in rows
        if row.event == Event.DECLARED or (row.event in wanted and row.sequence > last_undone.get(row.lot, 0))
    ]


def _in_force(states: Mapping[Severity, Switching], scheme: Scheme) -> dict[Severity, Strictness]:
    found = {}
    for severity, aql in scheme.classes.items():
        state = states.get(severity, Switching())
        if aql.none_allowed:
            continue
        if state.discontinued:
            raise ConflictError(
                f"Sampling is discontinued for {severity} nonconformities since lot {state.last_lot}.",
                hint="Open the lot with every item inspected, or declare that the supplier has acted.",
            )
        found[severity] = state.strictness
    return found


def _later_decision(connection: Connection, lot: Lot) -> str | None:
    """Id of another lot that was decided after this one and is still."""
    own = sa.select(sa.func.max(_events.c.sequence)).where(
        _events.c.lot == lot.number, _events.c.event.in_([Event.ACCEPTED.value, Event.REFUSED.value])
    )
    query = (
        sa.select(_lots.c.lot_id)
        .join_from(_events, _lots, _lots.c.number == _events.c.lot)
        .where(
            _events.c.product == lot.new.product,
            _events.c.line == lot.new.line,
            _events.c.sequence > own.scalar_subquery(),
            _events.c.event.in_([Event.ACCEPTED.value, Event.REFUSED.value]),
            _events.c.lot != lot.number,
            _lots.c.decision.is_not(None),
            _lots.c.mode == Mode.SAMPLE.value,
        )
        .limit(1)
    )
    found: str | None = connection.execute(query).scalar()
    return found


# Rows


def _change(
    connection: Connection, number: int, seen_revision: int, *, decided: bool, decision: str | None
) -> Lot:
    """Change the decision if the lot is as it was seen; of two at once one finds it changed."""
    was = _lots.c.decision.is_not(None) if decided else _lots.c.decision.is_(None)
    change = (
        sa.update(_lots)
        .where(_lots.c.number == number, _lots.c.revision == seen_revision, was)
        .values(decision=decision, revision=_lots.c.revision + 1)
    )
    if connection.execute(change).rowcount == 0:
        lot = _value(_row(connection, number))
        state = "undecided" if lot.decision is None else lot.decision.value
        raise ConflictError(
            f"The lot {lot.new.lot_id!r} is {state}, at change {lot.revision}; you saw {seen_revision}.",
            hint="Reload the lot and look at what was decided meanwhile.",
        )
    return _value(_row(connection, number))


def _row(connection: Connection, number: int) -> Row[Any]:
    row = connection.execute(sa.select(_lots).where(_lots.c.number == number)).first()
    if row is None:
        raise NotFoundError(f"There is no lot number {number}.", hint="Look it up in the list of lots.")
    return row


def _value(row: Row[Any]) -> Lot:
    scheme = _read_scheme(row.scheme)
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
        plan=_read_plan(row.plan, new.size, scheme),
        opened_at=row.opened_at,
        opened_by=row.opened_by,
        revision=row.revision,
        decision=None if row.decision is None else Outcome(row.decision),
    )


def _event(row: Row[Any]) -> LotEvent:
    return LotEvent(
        sequence=row.sequence,
        at=row.at,
        who=row.who,
        event=Event(row.event),
        lot=row.lot,
        details=json.loads(row.details),
    )


def _note(
    connection: Connection,
    at: datetime,
    who: str,
    event: Event,
    new: NewLot,
    number: int | None,
    details: Mapping[str, Any],
) -> None:
    """Write down what happened, here and in the audit trail, in one transaction."""
    connection.execute(
        sa.insert(_events).values(
            at=at,
            who=who,
            event=event.value,
            product=new.product,
            line=new.line,
            lot=number,
            details=json.dumps(dict(details), ensure_ascii=False, sort_keys=True),
        )
    )
    told = {name: value if isinstance(value, str) else json.dumps(value) for name, value in details.items()}
    audit.note(
        connection,
        at,
        who=who,
        action=audit.LOT_ACTIONS[event.value],
        subject=f"lot:{number}" if number is not None else f"product:{new.product}",
        details={"product": new.product, "line": new.line, **({"lot": new.lot_id} if number else {}), **told},
    )


def _check_reason(text: str) -> None:
    check_text(comment=text)
    if len(text) > MAX_REASON_LENGTH:
        raise MetadataError(
            f"The text has {len(text)} characters.", hint=f"Write at most {MAX_REASON_LENGTH}."
        )


# What was agreed, and the plan, as JSON


def _write_scheme(scheme: Scheme) -> str:
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


def _read_scheme(text: str) -> Scheme:
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


def _write_plan(plan: LotPlan | None) -> str:
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


def _read_plan(text: str, size: int, scheme: Scheme) -> LotPlan | None:
    told = json.loads(text)
    if told is None:
        return None
    strictness = {Severity(name): Strictness(one["strictness"]) for name, one in told["classes"].items()}
    return plan_lot(size, scheme, strictness=strictness)
