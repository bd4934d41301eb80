"""Editions of standards, each kept for ever, and which of them is in force: changed by adding only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from inspection.errors import ConflictError, MetadataError, NotFoundError
from inspection.store import audit, changes, schema
from inspection.store.database import Lock, Store, check_names, check_text

__all__ = [
    "MAX_NOTE_LENGTH",
    "Activation",
    "Added",
    "Edition",
    "activate",
    "activations",
    "add",
    "editions",
    "in_force",
    "latest",
]

MAX_NOTE_LENGTH = 2000  # characters

_editions = schema.standard_editions
_activations = schema.standard_activations


@dataclass(frozen=True)
class Edition:
    """One edition of a standard as it was added.

    Attributes
    ----------
    content : the complete standard as JSON, with what it inherited then: a later change of its base does not
        reach it.
    source : the file as it was given, TOML.
    """

    standard_id: str
    edition: str
    content: str
    source: str
    added_at: datetime
    added_by: str
    note: str


@dataclass(frozen=True)
class Added:
    """An edition that is kept now; ``was_there`` when it had been before, and nothing was changed."""

    edition: Edition
    was_there: bool


@dataclass(frozen=True)
class Activation:
    """From ``at`` on photos are judged by this edition; None is the one of the service's files."""

    sequence: int
    standard_id: str
    edition: str | None
    at: datetime
    by: str
    note: str


def add(
    store: Store, standard_id: str, edition: str, *, content: str, source: str, by: str, note: str = ""
) -> Added:
    """Keep an edition; the same content again is the same edition, with its first note.

    Raises
    ------
    ConflictError : the edition exists with other content.
    MetadataError : a text that cannot be kept.
    """
    check_names(standard=standard_id, edition=edition)
    changes.check_note(note, longest=MAX_NOTE_LENGTH)
    check_text(content=content, source=source)
    with store.write(Lock.STANDARDS) as connection:
        before = _one(connection, standard_id, edition)
        if before is not None:
            if before.content != content:
                raise ConflictError(
                    f"edition {edition!r} of {standard_id!r} exists with other content",
                    hint="Give the changed standard another edition: results name the one that judged them.",
                )
            return Added(before, was_there=True)
        added = Edition(standard_id, edition, content, source, store.now(), by, note)
        connection.execute(
            sa.insert(_editions).values(
                standard_id=standard_id,
                edition=edition,
                content=content,
                source=source,
                added_at=added.added_at,
                added_by=by,
                note=note,
            )
        )
        audit.note(
            connection,
            added.added_at,
            who=by,
            action=audit.Action.STANDARD_ADDED,
            subject=f"standard:{standard_id}",
            details={"edition": edition, "note": note},
        )
    return Added(added, was_there=False)


def activate(
    store: Store, standard_id: str, edition: str | None, *, by: str, note: str, seen: int | None = None
) -> Activation:
    """Put an edition into force, from the next photo on; an earlier one again takes a change back.

    Parameters
    ----------
    edition : None for the one of the service's files.
    note : why; kept beside it and in the audit trail.
    seen : ``sequence`` of the last activation of this standard that the caller saw, 0 for none; None when it
        does not matter.

    Raises
    ------
    NotFoundError : no such edition.
    ConflictError : somebody else changed what is in force meanwhile.
    MetadataError : no reason is given.
    """
    check_names(standard=standard_id, edition=edition)
    changes.check_note(note, longest=MAX_NOTE_LENGTH)
    if not note.strip():
        raise MetadataError("no reason is given", hint="Say why, in a few words: it stays in the history.")
    with store.write(Lock.STANDARDS) as connection:
        if edition is not None and _one(connection, standard_id, edition) is None:
            raise NotFoundError(
                f"{standard_id!r} has no edition {edition!r}", hint="See its editions, or add this one first."
            )
        last = connection.execute(
            sa.select(sa.func.max(_activations.c.sequence)).where(_activations.c.standard_id == standard_id)
        ).scalar()
        if seen is not None and seen != (last or 0):
            raise ConflictError(
                f"somebody else changed what is in force of {standard_id!r} meanwhile",
                hint="Look at the history, and decide again.",
            )
        at = store.now()
        sequence = connection.execute(
            sa.insert(_activations)
            .values(standard_id=standard_id, edition=edition, at=at, by=by, note=note)
            .returning(_activations.c.sequence)
        ).scalar_one()
        audit.note(
            connection,
            at,
            who=by,
            action=audit.Action.STANDARD_ACTIVATED,
            subject=f"standard:{standard_id}",
            details={"edition": edition or "", "note": note},
        )
    return Activation(int(sequence), standard_id, edition, at, by, note)


def editions(store: Store, standard_id: str | None = None) -> tuple[Edition, ...]:
    """Editions, newest first; of all standards when none is named."""
    check_text(standard=standard_id)
    query = sa.select(_editions).order_by(_editions.c.sequence.desc())
    if standard_id is not None:
        query = query.where(_editions.c.standard_id == standard_id)
    with store.read() as connection:
        return tuple(_edition(row) for row in connection.execute(query))


def activations(store: Store, standard_id: str) -> tuple[Activation, ...]:
    """What was in force, newest first."""
    check_text(standard=standard_id)
    query = (
        sa.select(_activations)
        .where(_activations.c.standard_id == standard_id)
        .order_by(_activations.c.sequence.desc())
    )
    with store.read() as connection:
        return tuple(_activation(row) for row in connection.execute(query))


def latest(store: Store) -> int:
    """Sequence of the last activation of any standard, 0 for none; cheap enough to ask before each photo."""
    with store.read() as connection:
        return changes.last_change(connection, _activations)


def in_force(store: Store) -> tuple[int, Sequence[Edition]]:
    """`latest`, and the editions in force; a standard that is missing is judged by the service's files."""
    query = changes.in_force(_editions, _activations, name="standard_id", edition="edition")
    with store.read() as connection:
        sequence = changes.last_change(connection, _activations)
        return sequence, tuple(_edition(row) for row in connection.execute(query))


def _one(connection: Connection, standard_id: str, edition: str) -> Edition | None:
    row = connection.execute(
        sa.select(_editions).where(_editions.c.standard_id == standard_id, _editions.c.edition == edition)
    ).first()
    return None if row is None else _edition(row)


def _edition(row: Row[Any]) -> Edition:
    return Edition(
        standard_id=row.standard_id,
        edition=row.edition,
        content=row.content,
        source=row.source,
        added_at=row.added_at,
        added_by=row.added_by,
        note=row.note,
    )


def _activation(row: Row[Any]) -> Activation:
    return Activation(
        sequence=row.sequence,
        standard_id=row.standard_id,
        edition=row.edition,
        at=row.at,
        by=row.by,
        note=row.note,
    )
