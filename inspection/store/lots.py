"""Lots: opened once, decided by a person, undone by an administrator.

Everything that was decided stays in ``lot_events``, which nobody can change. The table that is in force for
the next lot of a product and line is not stored: it is replayed from these events by the switching rules, so
that it cannot disagree with them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row
from sqlalchemy.exc import IntegrityError

from inspection.domain import Severity
from inspection.errors import ConflictError, LotError, MetadataError, NotFoundError
from inspection.lots import (
    Declaration,
    LotOutcome,
    Scheme,
    Strictness,
    Switching,
    Tally,
    after_lot,
    declare,
    is_open,
    plan_lot,
)
from inspection.store import audit, schema
from inspection.store.database import Store, check_names, check_text
from inspection.store.lot_rows import (
    Event,
    Lot,
    LotEvent,
    Mode,
    NewLot,
    Outcome,
    Unit,
    event_of,
    lot_of,
    read_plan,
    read_scheme,
    write_plan,
    write_scheme,
)

__all__ = [
    "MAX_LOT_SIZE",
    "Event",
    "Lot",
    "LotEvent",
    "Mode",
    "NewLot",
    "Outcome",
    "Unit",
    "add_declaration",
    "by_lot_id",
    "by_number",
    "decide",
    "events",
    "open_lot",
    "page",
    "switching",
    "undo",
]

MAX_LOT_SIZE = 1_000_000_000
"""Larger is a typing error: more than all shoes made in a week on earth."""
MAX_REASON_LENGTH = 2000  # characters

_lots = schema.lots
_events = schema.lot_events


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
                "scheme": write_scheme(new.scheme),
                "plan": write_plan(plan),
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
        return lot_of(_row(connection, number))


def by_lot_id(store: Store, lot_id: str) -> Lot | None:
    """The lot of that id; None when cameras may send it, but nobody opened it."""
    check_names(lot_id=lot_id)
    with store.read() as connection:
        row = connection.execute(sa.select(_lots).where(_lots.c.lot_id == lot_id)).first()
    return None if row is None else lot_of(row)


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
        return tuple(lot_of(row) for row in connection.execute(query))


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
        return tuple(event_of(row) for row in connection.execute(query))


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
        plan = read_plan(row.plan, int(row.size), read_scheme(row.scheme))
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
        lot = lot_of(_row(connection, number))
        state = "undecided" if lot.decision is None else lot.decision.value
        raise ConflictError(
            f"The lot {lot.new.lot_id!r} is {state}, at change {lot.revision}; you saw {seen_revision}.",
            hint="Reload the lot and look at what was decided meanwhile.",
        )
    return lot_of(_row(connection, number))


def _row(connection: Connection, number: int) -> Row[Any]:
    row = connection.execute(sa.select(_lots).where(_lots.c.number == number)).first()
    if row is None:
        raise NotFoundError(f"There is no lot number {number}.", hint="Look it up in the list of lots.")
    return row


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
