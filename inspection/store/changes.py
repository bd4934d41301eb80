"""What is in force where every change is kept for ever: the last change of each name holds."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from inspection.errors import MetadataError
from inspection.store.database import check_text

__all__ = ["check_note", "in_force", "last_change"]


def last_change(connection: Connection, changes: sa.Table) -> int:
    """Sequence of the last change of any name, 0 for none; cheap enough to ask before each photo."""
    return int(connection.execute(sa.select(sa.func.max(changes.c.sequence))).scalar() or 0)


def in_force(texts: sa.Table, changes: sa.Table, *, name: str, edition: str) -> sa.Select[Any]:
    """Ask for the rows of ``texts`` that are in force, by name.

    A name whose last change put no edition in force has none.

    Parameters
    ----------
    texts : what was written, by name and edition.
    changes : what was put in force, in the order of ``sequence``.
    name, edition : columns that both tables have.
    """
    last = sa.select(sa.func.max(changes.c.sequence)).group_by(changes.c[name])
    return (
        sa.select(texts)
        .join(changes, (changes.c[name] == texts.c[name]) & (changes.c[edition] == texts.c[edition]))
        .where(changes.c.sequence.in_(last))
        .order_by(texts.c[name])
    )


def check_note(note: str, *, longest: int) -> None:
    """Raise MetadataError for a note that cannot be kept.

    Parameters
    ----------
    longest : characters that it may have.
    """
    check_text(note=note)
    if len(note) > longest:
        raise MetadataError(f"the note has {len(note)} characters", hint=f"Write at most {longest}.")
