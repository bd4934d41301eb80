"""Published recipes: every version for ever, which of them is in force, and what each station works on.

A version is never changed. Going back to an older one is putting it in force again, which is noted like
every change. Content is JSON text here; ``inspection.recipes`` knows what it means.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from inspection.errors import ConflictError, NotFoundError
from inspection.store import audit, changes, schema, stations
from inspection.store.audit import Action
from inspection.store.database import Lock, Store, check_names

__all__ = [
    "MAX_NOTE_LENGTH",
    "Activation",
    "Look",
    "StationRecipe",
    "Version",
    "activate",
    "activations",
    "active",
    "add",
    "clear_station",
    "look",
    "names",
    "next_version",
    "revision",
    "set_station",
    "station_recipe",
    "version",
    "versions",
    "withdraw",
]

MAX_NOTE_LENGTH = 500
"""Characters of the note that says what a version is for."""

_versions = schema.recipe_versions
_activations = schema.recipe_activations
_of_stations = schema.station_recipes


@dataclass(frozen=True)
class Version:
    """One version of a recipe.

    Attributes
    ----------
    content : JSON text.
    """

    name: str
    version: int
    style: str | None
    content: str
    created_at: datetime
    created_by: str
    note: str


@dataclass(frozen=True)
class Activation:
    """A version that was put in force; ``version`` None: the recipe was withdrawn."""

    name: str
    version: int | None
    at: datetime
    by: str
    note: str


@dataclass(frozen=True)
class StationRecipe:
    """What a station works on now."""

    station: str
    recipe: str
    style: str | None
    set_at: datetime
    set_by: str


@dataclass(frozen=True)
class Look:
    """What a service has to know before it judges a photo.

    Attributes
    ----------
    revision : grows with every change of what is in force; 0 when nothing ever was.
    station_recipe : None when the station works on nothing in particular.
    """

    revision: int
    station_recipe: StationRecipe | None


def next_version(store: Store, name: str) -> int:
    """Number that the next version of a recipe gets."""
    check_names(name=name)
    with store.read() as connection:
        return _last(connection, name) + 1


def add(
    store: Store,
    *,
    name: str,
    version: int,
    style: str | None,
    content: str,
    by: str,
    note: str,
    in_force: bool,
) -> Version:
    """Keep a new version of a recipe.

    Parameters
    ----------
    version : as `next_version` gave it.
    in_force : whether photos are judged by it from now on.

    Raises
    ------
    MetadataError : the note is too long.
    ConflictError : somebody else added that version meanwhile.
    """
    check_names(name=name, style=style)
    changes.check_note(note, longest=MAX_NOTE_LENGTH)
    with store.write(Lock.RECIPES) as connection:
        if version != _last(connection, name) + 1:
            raise ConflictError(
                f"Version {version} of recipe {name!r} exists already.",
                hint="Somebody published meanwhile: look at their version, then publish again.",
            )
        made = Version(name, version, style, content, store.now(), by, note)
        connection.execute(
            sa.insert(_versions).values(
                name=name,
                version=version,
                style=style,
                content=content,
                created_at=made.created_at,
                created_by=by,
                note=note,
            )
        )
        _tell(store, connection, by, Action.RECIPE_ADDED, name, version=str(version), note=note)
        if in_force:
            _put_in_force(store, connection, name, version, by=by, note=note)
    return made


def activate(store: Store, name: str, version: int, *, by: str, note: str = "") -> Activation:
    """Judge photos by that version from now on; NotFoundError if there is none."""
    check_names(name=name)
    changes.check_note(note, longest=MAX_NOTE_LENGTH)
    with store.write(Lock.RECIPES) as connection:
        _version_row(connection, name, version)
        return _put_in_force(store, connection, name, version, by=by, note=note)


def withdraw(store: Store, name: str, *, by: str, note: str = "") -> Activation:
    """Judge no photo by that recipe from now on; its versions stay, and can be put in force again."""
    check_names(name=name)
    changes.check_note(note, longest=MAX_NOTE_LENGTH)
    with store.write(Lock.RECIPES) as connection:
        if _last(connection, name) == 0:
            raise _unknown(connection, name)
        made = Activation(name, None, store.now(), by, note)
        connection.execute(
            sa.insert(_activations).values(name=name, version=None, at=made.at, by=by, note=note)
        )
        _tell(store, connection, by, Action.RECIPE_WITHDRAWN, name, note=note)
    return made


def names(store: Store) -> tuple[str, ...]:
    """Names of all recipes that were ever published, sorted."""
    with store.read() as connection:
        return tuple(
            connection.execute(sa.select(_versions.c.name).distinct().order_by(_versions.c.name)).scalars()
        )


def versions(store: Store, name: str) -> tuple[Version, ...]:
    """All versions of a recipe, newest first; NotFoundError if there is none."""
    check_names(name=name)
    query = sa.select(_versions).where(_versions.c.name == name).order_by(_versions.c.version.desc())
    with store.read() as connection:
        found = tuple(_version(row) for row in connection.execute(query))
        if not found:
            raise _unknown(connection, name)
    return found


def version(store: Store, name: str, number: int) -> Version:
    """One version of a recipe; NotFoundError if there is none."""
    check_names(name=name)
    with store.read() as connection:
        return _version(_version_row(connection, name, number))


def active(store: Store) -> tuple[Version, ...]:
    """The versions in force, one per recipe, by name."""
    query = changes.in_force(_versions, _activations, name="name", edition="version")
    with store.read() as connection:
        return tuple(_version(row) for row in connection.execute(query))


def activations(store: Store, name: str, *, limit: int = 100) -> tuple[Activation, ...]:
    """What was in force, newest first."""
    check_names(name=name)
    query = (
        sa.select(_activations)
        .where(_activations.c.name == name)
        .order_by(_activations.c.sequence.desc())
        .limit(limit)
    )
    with store.read() as connection:
        return tuple(
            Activation(row.name, row.version, row.at, row.by, row.note) for row in connection.execute(query)
        )


def look(store: Store, station: str) -> Look:
    """What a service has to know before it judges a photo of that station; one short question."""
    check_names(station=station)
    with store.read() as connection:
        revision = changes.last_change(connection, _activations)
        row = connection.execute(sa.select(_of_stations).where(_of_stations.c.station == station)).first()
    return Look(revision, None if row is None else _station_recipe(row))


def revision(store: Store) -> int:
    """Grows with every change of what is in force; 0 when nothing ever was."""
    with store.read() as connection:
        return changes.last_change(connection, _activations)


# What stations work on


def station_recipe(store: Store, station: str) -> StationRecipe | None:
    """What a station works on now; None when nothing was set."""
    return look(store, station).station_recipe


def set_station(store: Store, station: str, *, recipe: str, style: str | None, by: str) -> StationRecipe:
    """Have the next photos of a station judged by that recipe, unless they name another.

    Raises
    ------
    UnknownNameError : there is no such station.
    """
    check_names(station=station, recipe=recipe, style=style)
    made = StationRecipe(station, recipe, style, store.now(), by)
    with store.write() as connection:
        stations.check_known(connection, station)
        values = {"recipe": recipe, "style": style, "set_at": made.set_at, "set_by": by}
        changed = connection.execute(
            sa.update(_of_stations).where(_of_stations.c.station == station).values(**values)
        )
        if changed.rowcount == 0:
            connection.execute(sa.insert(_of_stations).values(station=station, **values))
        audit.note(
            connection,
            store.now(),
            who=by,
            action=Action.RECIPE_SET,
            subject=f"station:{station}",
            details={"recipe": recipe, **({} if style is None else {"style": style})},
        )
    return made


def clear_station(store: Store, station: str, *, by: str) -> None:
    """Have the photos of a station judged by the recipe that they name, or by the default."""
    check_names(station=station)
    with store.write() as connection:
        stations.check_known(connection, station)
        gone = connection.execute(sa.delete(_of_stations).where(_of_stations.c.station == station))
        if gone.rowcount:
            audit.note(
                connection,
                store.now(),
                who=by,
                action=Action.RECIPE_CLEARED,
                subject=f"station:{station}",
            )


# Helpers


def _last(connection: Connection, name: str) -> int:
    query = sa.select(sa.func.max(_versions.c.version)).where(_versions.c.name == name)
    return connection.execute(query).scalar() or 0


def _version_row(connection: Connection, name: str, number: int) -> Row[Any]:
    # A number that no column can hold is that of no version.
    row = None
    if 0 < number < 2**31:
        row = connection.execute(
            sa.select(_versions).where(_versions.c.name == name, _versions.c.version == number)
        ).first()
    if row is None:
        last = _last(connection, name)
        if last == 0:
            raise _unknown(connection, name)
        raise NotFoundError(
            f"Recipe {name!r} has no version {number}.", hint=f"Its versions go from 1 to {last}."
        )
    return row


def _unknown(connection: Connection, name: str) -> NotFoundError:
    query = sa.select(_versions.c.name).distinct().order_by(_versions.c.name).limit(20)
    known = ", ".join(connection.execute(query).scalars()) or "none yet"
    return NotFoundError(f"No recipe named {name!r} was published.", hint=f"Published recipes: {known}.")


def _put_in_force(
    store: Store, connection: Connection, name: str, version: int, *, by: str, note: str
) -> Activation:
    made = Activation(name, version, store.now(), by, note)
    connection.execute(
        sa.insert(_activations).values(name=name, version=version, at=made.at, by=by, note=note)
    )
    _tell(store, connection, by, Action.RECIPE_ACTIVATED, name, version=str(version), note=note)
    return made


def _tell(store: Store, connection: Connection, who: str, action: Action, name: str, **details: str) -> None:
    audit.note(connection, store.now(), who=who, action=action, subject=f"recipe:{name}", details=details)


def _version(row: Row[Any]) -> Version:
    return Version(
        name=row.name,
        version=row.version,
        style=row.style,
        content=row.content,
        created_at=row.created_at,
        created_by=row.created_by,
        note=row.note,
    )


def _station_recipe(row: Row[Any]) -> StationRecipe:
    return StationRecipe(row.station, row.recipe, row.style, row.set_at, row.set_by)
