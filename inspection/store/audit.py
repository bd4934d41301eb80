"""The audit trail: who did what and when, never changed afterwards (the database itself refuses)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from inspection.store import schema
from inspection.store.database import Store, check_text

__all__ = ["Action", "AuditEntry", "entries"]


class Action(StrEnum):
    """What is noted."""

    LOGIN = "login"
    LOGIN_REFUSED = "login refused"
    LOGOUT = "logout"
    USER_ADDED = "user added"
    USER_ROLE_CHANGED = "role changed"
    USER_DISABLED = "user disabled"
    USER_ENABLED = "user enabled"
    PASSWORD_CHANGED = "password changed"
    STATION_ADDED = "station added"
    STATION_DISABLED = "station disabled"
    STATION_ENABLED = "station enabled"
    KEY_CREATED = "key created"
    KEY_REVOKED = "key revoked"
    REVIEWED = "reviewed"
    LOT_OPENED = "lot opened"
    LOT_ACCEPTED = "lot accepted"
    LOT_REFUSED = "lot refused"
    LOT_UNDONE = "lot decision undone"
    SAMPLING_DECLARED = "sampling declared"
    STANDARD_ADDED = "standard edition added"
    STANDARD_ACTIVATED = "standard edition in force"
    TAUGHT = "novelty taught"
    NOVELTY_LIMIT = "novelty limit changed"
    NOVELTY_ROLLED_BACK = "novelty rolled back"
    NOVELTY_OFF = "novelty switched off"
    RECIPE_ADDED = "recipe version added"
    RECIPE_ACTIVATED = "recipe version in force"
    RECIPE_WITHDRAWN = "recipe withdrawn"
    RECIPE_SET = "recipe of station set"
    RECIPE_CLEARED = "recipe of station cleared"
    CALIBRATION_ADDED = "calibration added"
    CALIBRATION_CHOSEN = "calibration chosen"
    CALIBRATION_CHECKED = "calibration checked"


LOT_ACTIONS = {
    "opened": Action.LOT_OPENED,
    "accepted": Action.LOT_ACCEPTED,
    "refused": Action.LOT_REFUSED,
    "undone": Action.LOT_UNDONE,
    "declared": Action.SAMPLING_DECLARED,
}
"""How the events of lots are called in the trail."""


@dataclass(frozen=True)
class AuditEntry:
    """One thing that somebody did.

    Attributes
    ----------
    who : name of the person, or ``system`` for the command line.
    subject : what it was done to: ``user:<name>``, ``station:<name>``, ``key:<id>``, ``result:<id>``,
        ``recipe:<name>``.
    details : what else there is to know, without secrets.
    """

    sequence: int
    at: datetime
    who: str
    action: Action
    subject: str
    details: Mapping[str, str]


def note(
    connection: Connection,
    at: datetime,
    *,
    who: str,
    action: Action,
    subject: str,
    details: Mapping[str, str] | None = None,
) -> None:
    """Add an entry in the transaction of what it tells about, so that neither exists without the other."""
    connection.execute(
        sa.insert(schema.audit).values(
            at=at,
            who=who,
            action=action.value,
            subject=subject,
            details=json.dumps(dict(details or {}), ensure_ascii=False, sort_keys=True),
        )
    )


def entries(
    store: Store,
    *,
    limit: int = 100,
    before: int | None = None,
    subject: str | None = None,
    who: str | None = None,
) -> tuple[AuditEntry, ...]:
    """Entries, newest first; ``before`` is the ``sequence`` of the last one of the page above."""
    check_text(subject=subject, who=who)
    table = schema.audit
    query = sa.select(table).order_by(table.c.sequence.desc()).limit(limit)
    if before is not None:
        query = query.where(table.c.sequence < before)
    if subject is not None:
        query = query.where(table.c.subject == subject)
    if who is not None:
        query = query.where(table.c.who == who)
    with store.read() as connection:
        rows = connection.execute(query).all()
    return tuple(
        AuditEntry(
            sequence=row.sequence,
            at=row.at,
            who=row.who,
            action=Action(row.action),
            subject=row.subject,
            details=json.loads(row.details),
        )
        for row in rows
    )
