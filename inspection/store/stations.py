"""Stations of the line and the API keys of their cameras."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row
from sqlalchemy.exc import IntegrityError

from inspection import access
from inspection.errors import (
    ConflictError,
    MetadataError,
    NotAuthenticatedError,
    NotFoundError,
    UnknownNameError,
)
from inspection.store import audit, schema
from inspection.store.audit import Action
from inspection.store.changes import check_note
from inspection.store.database import Store, check_text

__all__ = [
    "Key",
    "NewKey",
    "Station",
    "add",
    "all_stations",
    "by_name",
    "check_key",
    "check_known",
    "create_key",
    "disable",
    "enable",
    "keys",
    "revoke_key",
]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_NOTE_LENGTH = 200  # characters
_TOUCH_EVERY = timedelta(minutes=1)
_NOBODY = access.digest("")  # compared with when no row was found, so that both ways take the same time

_stations = schema.stations
_keys = schema.api_keys


@dataclass(frozen=True)
class Station:
    """A place on the line from which photos come."""

    name: str
    description: str
    created_at: datetime
    disabled_at: datetime | None = None

    @property
    def active(self) -> bool:
        """Whether its photos are taken."""
        return self.disabled_at is None


@dataclass(frozen=True)
class Key:
    """What is known of an API key; its secret is not.

    Attributes
    ----------
    last_used_at : to the minute; a service that was killed may have lost the last one.
    """

    key_id: str
    station: str
    note: str
    created_at: datetime
    created_by: str
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None


@dataclass(frozen=True)
class NewKey:
    """A key that was just made; ``text`` is shown now and never again."""

    key: Key
    text: str

    def __repr__(self) -> str:  # the secret must not get into logs
        return f"NewKey(key={self.key!r})"


def add(store: Store, name: str, *, by: str, description: str = "") -> Station:
    """Add a station.

    Raises
    ------
    MetadataError : a name that is not taken.
    ConflictError : the name exists.
    """
    check_text(description=description)
    if _NAME.fullmatch(name) is None or len(description) > _NOTE_LENGTH:
        raise MetadataError(
            f"{name!r} is not a name for a station, or its description is over {_NOTE_LENGTH} characters",
            hint="Use up to 64 letters, digits, dots, dashes or underscores, as in line-2.toe.",
        )
    station = Station(name=name, description=description, created_at=store.now())
    try:
        with store.write() as connection:
            connection.execute(
                sa.insert(_stations).values(name=name, description=description, created_at=station.created_at)
            )
            _note(store, connection, by, Action.STATION_ADDED, f"station:{name}")
    except IntegrityError as error:
        raise ConflictError(
            f"there is a station {name!r} already", hint="Choose another name, or enable that station again."
        ) from error
    return station


def by_name(store: Store, name: str) -> Station:
    """The station of that name; UnknownNameError, with the known names, if there is none."""
    with store.read() as connection:
        return _station(_row(connection, name))


def check_known(connection: Connection, name: str) -> None:
    """Raise UnknownNameError, with the known names, where there is no station of that name."""
    _row(connection, name)


def all_stations(store: Store) -> tuple[Station, ...]:
    """All stations, disabled ones too, by name."""
    with store.read() as connection:
        return tuple(
            _station(row) for row in connection.execute(sa.select(_stations).order_by(_stations.c.name))
        )


def disable(store: Store, name: str, *, by: str) -> Station:
    """Take no more photos from a station; its keys stop working, its results stay."""
    with store.write() as connection:
        if _row(connection, name).disabled_at is None:
            connection.execute(
                sa.update(_stations).where(_stations.c.name == name).values(disabled_at=store.now())
            )
            _note(store, connection, by, Action.STATION_DISABLED, f"station:{name}")
        return _station(_row(connection, name))


def enable(store: Store, name: str, *, by: str) -> Station:
    """Take photos from a disabled station again, with the keys that it had."""
    with store.write() as connection:
        if _row(connection, name).disabled_at is not None:
            connection.execute(sa.update(_stations).where(_stations.c.name == name).values(disabled_at=None))
            _note(store, connection, by, Action.STATION_ENABLED, f"station:{name}")
        return _station(_row(connection, name))


def create_key(store: Store, station: str, *, by: str, note: str = "") -> NewKey:
    """Make a key for a station; ``note`` says which camera it is for."""
    check_note(note, longest=_NOTE_LENGTH)
    made = access.new_api_key()
    key = Key(key_id=made.key_id, station=station, note=note, created_at=store.now(), created_by=by)
    with store.write() as connection:
        _row(connection, station)
        connection.execute(
            sa.insert(_keys).values(
                key_id=key.key_id,
                secret_sha256=made.secret_sha256,
                station=station,
                note=note,
                created_at=key.created_at,
                created_by=by,
            )
        )
        _note(store, connection, by, Action.KEY_CREATED, f"key:{key.key_id}", station=station, note=note)
    return NewKey(key=key, text=made.text)


def check_key(store: Store, text: str) -> Key:
    """The key that a camera sent; its ``station`` is the one that it may post for.

    Raises
    ------
    NotAuthenticatedError : it is no key, unknown, wrong, revoked, or its station is disabled.
    """
    key_id, secret_sha256 = access.parse_api_key(text)
    query = (
        sa.select(_keys, _stations.c.disabled_at)
        .join_from(_keys, _stations, _stations.c.name == _keys.c.station)
        .where(_keys.c.key_id == key_id)
    )
    with store.read() as connection:
        row = connection.execute(query).first()
    if not access.same_digest(_NOBODY if row is None else row.secret_sha256, secret_sha256) or row is None:
        raise NotAuthenticatedError("the API key is wrong", hint="Create a new key for this station.")
    if row.revoked_at is not None:
        raise NotAuthenticatedError(
            f"the API key {key_id} was revoked", hint="Create a new key for this station."
        )
    if row.disabled_at is not None:
        raise NotAuthenticatedError(
            f"the station {row.station!r} is disabled", hint="Ask an administrator to enable it."
        )
    _touch(store, row)
    return _key(row)


def keys(store: Store, station: str | None = None) -> tuple[Key, ...]:
    """All keys, revoked ones too, newest first; of one station if named."""
    check_text(station=station)
    query = sa.select(_keys).order_by(_keys.c.created_at.desc(), _keys.c.key_id)
    if station is not None:
        query = query.where(_keys.c.station == station)
    with store.read() as connection:
        return tuple(_key(row) for row in connection.execute(query))


def revoke_key(store: Store, key_id: str, *, by: str) -> Key:
    """Stop a key from working, at once and for ever; NotFoundError if there is none."""
    check_text(key_id=key_id)
    one = sa.select(_keys).where(_keys.c.key_id == key_id)
    with store.write() as connection:
        row = connection.execute(one).first()
        if row is None:
            raise NotFoundError(
                f"there is no API key {key_id!r}", hint="See the list of keys of the station."
            )
        if row.revoked_at is None:
            connection.execute(
                sa.update(_keys).where(_keys.c.key_id == key_id).values(revoked_at=store.now())
            )
            _note(store, connection, by, Action.KEY_REVOKED, f"key:{key_id}", station=row.station)
        return _key(connection.execute(one).one())


def _touch(store: Store, row: Row[Any]) -> None:
    """Note the use of a key, at most once a minute, in the background: no camera waits for it."""
    now = store.now()
    last = max(
        (at for at in (row.last_used_at, store.touched.get(row.key_id)) if at is not None), default=None
    )
    if last is not None and now - last < _TOUCH_EVERY:
        return
    store.touched[row.key_id] = now
    key_id = row.key_id

    def write() -> None:
        with store.write() as connection:
            connection.execute(sa.update(_keys).where(_keys.c.key_id == key_id).values(last_used_at=now))

    store.soon(write)


def _note(
    store: Store, connection: Connection, who: str, action: Action, subject: str, **details: str
) -> None:
    audit.note(connection, store.now(), who=who, action=action, subject=subject, details=details)


def _row(connection: Connection, name: str) -> Row[Any]:
    # A name of another form cannot exist, and may hold what no database can compare with.
    row = None
    if _NAME.fullmatch(name) is not None:
        row = connection.execute(sa.select(_stations).where(_stations.c.name == name)).first()
    if row is None:
        known = connection.execute(sa.select(_stations.c.name).order_by(_stations.c.name).limit(20)).scalars()
        names = ", ".join(known) or "none yet"
        raise UnknownNameError(
            f"there is no station {name!r}", hint=f"Known stations: {names}. An administrator can add one."
        )
    return row


def _station(row: Row[Any]) -> Station:
    return Station(
        name=row.name,
        description=row.description,
        created_at=row.created_at,
        disabled_at=row.disabled_at,
    )


def _key(row: Row[Any]) -> Key:
    return Key(
        key_id=row.key_id,
        station=row.station,
        note=row.note,
        created_at=row.created_at,
        created_by=row.created_by,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
    )
