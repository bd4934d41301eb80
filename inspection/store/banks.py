"""Which novelty bank is in force for each view, all that were before, and the teachings under way."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Row
from sqlalchemy.exc import IntegrityError
from ulid import ULID

from inspection.errors import ConflictError, NotFoundError
from inspection.store import audit, schema
from inspection.store.audit import Action
from inspection.store.database import Store, check_text

__all__ = [
    "BankVersion",
    "State",
    "TaughtPhoto",
    "Teaching",
    "add",
    "begin_teaching",
    "history",
    "in_force",
    "note_progress",
    "scores",
    "teaching",
    "teachings",
    "version",
]

DEAD_AFTER = timedelta(seconds=90)
"""A teaching that has said nothing for so long was killed."""

_banks = schema.novelty_banks
_teachings = schema.teachings


@dataclass(frozen=True)
class TaughtPhoto:
    """A photo that a view was taught, kept beside the others under its digest.

    Attributes
    ----------
    group : the part that it shows, where that is known; see ``novelty.GoodPhoto``.
    """

    sha256: str
    name: str
    mm_per_px: float | None
    group: str = ""


@dataclass(frozen=True)
class BankVersion:
    """One version of what a view was taught.

    Attributes
    ----------
    version : 1, 2, 3 for each view; the highest is in force.
    bank_sha256 : digest of the bank among the photos; None when novelty is not judged from here on.
    model_sha256, features_sha256 : of the model that it was taught with; see ``registry.Model``.
    limit : novelty from which a place does not belong.
    false_rejects, low, high : the share of good photos that was asked for, and the 95 % interval of what the
        limit gives.
    direct : whether the photos support it without extrapolation; ``photos_needed`` more would.
    why : what the person said, or what was done.
    """

    recipe: str
    view: str
    bank_sha256: str | None
    model_sha256: str | None
    limit: float
    false_rejects: float
    low: float
    high: float
    direct: bool
    photos_needed: int
    photos: tuple[TaughtPhoto, ...]
    why: str
    features_sha256: str | None = None
    version: int = 0
    made_by: str = ""
    made_at: datetime | None = None


class State(StrEnum):
    """Where a teaching stands. ``waiting`` is for a person to look at suspects."""

    RUNNING = "running"
    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class Teaching:
    """A teaching under way, or one that has ended.

    Attributes
    ----------
    progress : share that is done, 0..1.
    details : what was asked for, and what came of it.
    dead : whether it said nothing for so long that it must have been killed; nothing was changed then.
    """

    teaching_id: str
    recipe: str
    view: str
    state: State
    progress: float
    started_by: str
    started_at: datetime
    seen_at: datetime
    dead: bool = False
    details: Mapping[str, Any] = field(default_factory=dict)


def add(
    store: Store, new: BankVersion, *, by: str, action: Action, seen_version: int | None = None
) -> BankVersion:
    """Put a version in force, at once and wholly.

    Parameters
    ----------
    seen_version : the version that was in force when this one was decided on; None to take whatever is.

    Raises
    ------
    ConflictError : somebody else changed it meanwhile.
    """
    check_text(recipe=new.recipe, view=new.view, why=new.why)
    at = store.now()
    here = sa.and_(_banks.c.recipe == new.recipe, _banks.c.view == new.view)
    details = {
        "features_sha256": new.features_sha256,
        "limit": new.limit,
        "false_rejects": new.false_rejects,
        "low": new.low,
        "high": new.high,
        "direct": new.direct,
        "photos_needed": new.photos_needed,
        "photos": [asdict(photo) for photo in new.photos],
    }
    try:
        with store.write() as connection:
            now = connection.execute(sa.select(sa.func.max(_banks.c.version)).where(here)).scalar() or 0
            if seen_version is not None and now != seen_version:
                raise _changed(new)
            connection.execute(
                sa.insert(_banks).values(
                    recipe=new.recipe,
                    view=new.view,
                    version=now + 1,
                    bank_sha256=new.bank_sha256,
                    model_sha256=new.model_sha256,
                    details=json.dumps(details, ensure_ascii=False, sort_keys=True),
                    why=new.why,
                    made_by=by,
                    made_at=at,
                )
            )
            audit.note(
                connection,
                at,
                who=by,
                action=action,
                subject=f"novelty:{new.recipe}/{new.view}",
                details={
                    "version": str(now + 1),
                    "limit": f"{new.limit:.4g}",
                    "false_rejects": f"{new.false_rejects:g}",
                    "photos": str(len(new.photos)),
                    "why": new.why,
                },
            )
    except IntegrityError as error:
        raise _changed(new) from error
    return version(store, new.recipe, new.view, now + 1)


def in_force(store: Store) -> tuple[BankVersion, ...]:
    """The newest version of every view that was ever taught."""
    newest = (
        sa.select(_banks.c.recipe, _banks.c.view, sa.func.max(_banks.c.version).label("version"))
        .group_by(_banks.c.recipe, _banks.c.view)
        .subquery()
    )
    query = sa.select(_banks).join(
        newest,
        sa.and_(
            _banks.c.recipe == newest.c.recipe,
            _banks.c.view == newest.c.view,
            _banks.c.version == newest.c.version,
        ),
    )
    with store.read() as connection:
        return tuple(
            _version(row) for row in connection.execute(query.order_by(_banks.c.recipe, _banks.c.view)).all()
        )


def history(store: Store, recipe: str, view: str) -> tuple[BankVersion, ...]:
    """All versions of a view, newest first; none when it was never taught."""
    check_text(recipe=recipe, view=view)
    query = (
        sa.select(_banks)
        .where(_banks.c.recipe == recipe, _banks.c.view == view)
        .order_by(_banks.c.version.desc())
    )
    with store.read() as connection:
        return tuple(_version(row) for row in connection.execute(query).all())


def version(store: Store, recipe: str, view: str, number: int) -> BankVersion:
    """One version of a view; NotFoundError when there is none."""
    for one in history(store, recipe, view):
        if one.version == number:
            return one
    raise NotFoundError(
        f"The view {recipe}/{view} has no novelty version {number}.", hint="Take a version from its list."
    )


def scores(store: Store, recipe: str, view: str, *, limit: int) -> tuple[tuple[int, float], ...]:
    """(version, novelty score) of the newest ``limit`` results of a view, those that were judged."""
    check_text(recipe=recipe, view=view)
    newest = (
        sa.select(schema.inspections.c.sequence)
        .where(schema.inspections.c.view == view, schema.inspections.c.recipe == recipe)
        .order_by(schema.inspections.c.created_at.desc(), schema.inspections.c.sequence.desc())
        .limit(limit)
        .subquery()
    )
    query = sa.select(schema.documents.c.document).join(
        newest, newest.c.sequence == schema.documents.c.sequence
    )
    found = []
    with store.read() as connection:
        for (document,) in connection.execute(query):
            judged = json.loads(document).get("novelty")
            if judged is not None:
                found.append((int(judged["version"]), float(judged["score"])))
    return tuple(found)


def begin_teaching(store: Store, recipe: str, view: str, *, by: str, details: Mapping[str, Any]) -> Teaching:
    """Note that a teaching starts; ConflictError when another of the same view is running."""
    check_text(recipe=recipe, view=view)
    for other in teachings(store, recipe, view, limit=1):
        if other.state is State.RUNNING and not other.dead:
            raise ConflictError(
                f"{recipe}/{view} is being taught now, by {other.started_by}.",
                hint="Wait until that teaching has ended; it takes a minute.",
            )
    at = store.now()
    teaching_id = str(ULID())
    with store.write() as connection:
        connection.execute(
            sa.insert(_teachings).values(
                teaching_id=teaching_id,
                recipe=recipe,
                view=view,
                state=State.RUNNING.value,
                progress=0,
                details=json.dumps(dict(details), ensure_ascii=False),
                started_by=by,
                started_at=at,
                seen_at=at,
            )
        )
    return teaching(store, teaching_id)


def note_progress(
    store: Store,
    teaching_id: str,
    *,
    progress: float,
    state: State = State.RUNNING,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Note how far a teaching has come, or how it ended; ``details`` are added to those that are there."""
    values: dict[str, Any] = {
        "progress": round(1000 * progress),
        "state": state.value,
        "seen_at": store.now(),
    }
    here = _teachings.c.teaching_id == teaching_id
    with store.write() as connection:
        if details is not None:
            before = connection.execute(sa.select(_teachings.c.details).where(here)).scalar() or "{}"
            values["details"] = json.dumps({**json.loads(before), **details}, ensure_ascii=False)
        connection.execute(sa.update(_teachings).where(here).values(**values))


def teaching(store: Store, teaching_id: str) -> Teaching:
    """One teaching; NotFoundError when there is none of that id."""
    check_text(teaching_id=teaching_id)
    query = sa.select(_teachings).where(_teachings.c.teaching_id == teaching_id)
    with store.read() as connection:
        row = connection.execute(query).first()
    if row is None:
        raise NotFoundError(f"No teaching has the id {teaching_id!r}.", hint="Look at the page of the view.")
    return _teaching(row, store.now())


def teachings(store: Store, recipe: str, view: str, *, limit: int = 5) -> tuple[Teaching, ...]:
    """Teachings of a view, newest first."""
    check_text(recipe=recipe, view=view)
    query = (
        sa.select(_teachings)
        .where(_teachings.c.recipe == recipe, _teachings.c.view == view)
        .order_by(_teachings.c.started_at.desc(), _teachings.c.teaching_id.desc())
        .limit(limit)
    )
    with store.read() as connection:
        return tuple(_teaching(row, store.now()) for row in connection.execute(query).all())


def _teaching(row: Row[Any], now: datetime) -> Teaching:
    state = State(row.state)
    return Teaching(
        teaching_id=row.teaching_id,
        recipe=row.recipe,
        view=row.view,
        state=state,
        progress=row.progress / 1000,
        started_by=row.started_by,
        started_at=row.started_at,
        seen_at=row.seen_at,
        dead=state is State.RUNNING and now - row.seen_at > DEAD_AFTER,
        details=json.loads(row.details),
    )


def _version(row: Row[Any]) -> BankVersion:
    details = json.loads(row.details)
    photos = tuple(TaughtPhoto(**photo) for photo in details.pop("photos"))
    return BankVersion(
        recipe=row.recipe,
        view=row.view,
        version=row.version,
        bank_sha256=row.bank_sha256,
        model_sha256=row.model_sha256,
        photos=photos,
        why=row.why,
        made_by=row.made_by,
        made_at=row.made_at,
        **details,
    )


def _changed(new: BankVersion) -> ConflictError:
    return ConflictError(
        f"What {new.recipe}/{new.view} was taught has changed meanwhile; nothing was overwritten.",
        hint="Look at the newest version, then decide again.",
    )
