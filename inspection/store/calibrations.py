"""Calibrations of stations and views: their history, which one is in force, and how checks went."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row
from sqlalchemy.exc import IntegrityError
from ulid import ULID

from inspection import names
from inspection.calibration.checking import Check
from inspection.calibration.files import CalibrationFile, from_json, to_json
from inspection.domain import Calibration
from inspection.errors import ConflictError, MetadataError, NotFoundError
from inspection.store import audit, schema, stations
from inspection.store.audit import Action
from inspection.store.changes import check_note
from inspection.store.database import Store, check_names, check_text

__all__ = [
    "CheckRecord",
    "NewCalibration",
    "StoredCalibration",
    "activate",
    "add",
    "add_check",
    "by_id",
    "checks",
    "coverage_png",
    "deactivate",
    "for_photo",
    "history",
    "in_force",
]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_NOTE_LENGTH = 200  # characters

_table = schema.calibrations
_choices = schema.calibration_choices
_checks = schema.calibration_checks


@dataclass(frozen=True, eq=False)
class NewCalibration:
    """A calibration to be stored.

    Attributes
    ----------
    name : that cameras may give; None for ``<station>.<view>.<number>``.
    coverage_png : drawing of where the board was seen; None without a board.
    """

    station: str
    view: str
    file: CalibrationFile
    name: str | None = None
    note: str = ""
    coverage_png: bytes | None = None


@dataclass(frozen=True, eq=False)
class StoredCalibration:
    """A calibration with its place in the history.

    Attributes
    ----------
    in_force : whether photos of its station and view are measured with it.
    checked_at : of the last check that it passed.
    """

    calibration_id: str
    name: str
    station: str
    view: str
    made_at: datetime
    made_by: str
    note: str
    file: CalibrationFile
    in_force: bool
    checked_at: datetime | None
    has_coverage: bool

    @property
    def calibration(self) -> Calibration:
        """As the stages know it."""
        return self.file.calibration(id=self.calibration_id, name=self.name, checked_at=self.checked_at)


@dataclass(frozen=True)
class CheckRecord:
    """One photo of the board that was measured with a calibration."""

    at: datetime
    by: str
    scale_error: float
    worst_mm: float
    holds: bool


def add(store: Store, new: NewCalibration, *, by: str, activate: bool = True) -> StoredCalibration:
    """Store a calibration, and put it in force at its station and view.

    Raises
    ------
    UnknownNameError : there is no such station.
    MetadataError : a name, view or note that is not taken.
    ConflictError : the name is taken.
    """
    check_text(note=new.note)
    stations.by_name(store, new.station)
    if re.fullmatch(names.PATTERN, new.view) is None:
        raise MetadataError(
            f"{new.view!r} is not the name of a view",
            hint="Use the view's name in the recipe, as in lateral.",
        )
    if new.name is not None and _NAME.fullmatch(new.name) is None:
        raise MetadataError(
            f"{new.name!r} is not a name for a calibration",
            hint="Use up to 128 letters, digits, dots, dashes or underscores.",
        )
    check_note(new.note, longest=_NOTE_LENGTH)
    calibration_id = str(ULID())
    made_at = store.now()
    file = new.file.model_copy(update={"made_at": made_at})
    try:
        with store.write() as connection:
            name = new.name or _next_name(connection, new.station, new.view)
            connection.execute(
                sa.insert(_table).values(
                    calibration_id=calibration_id,
                    name=name,
                    station=new.station,
                    view=new.view,
                    made_at=made_at,
                    made_by=by,
                    note=new.note,
                    content=to_json(file),
                    coverage_png=new.coverage_png,
                )
            )
            audit.note(
                connection,
                made_at,
                who=by,
                action=Action.CALIBRATION_ADDED,
                subject=f"calibration:{calibration_id}",
                details={"name": name, "station": new.station, "view": new.view},
            )
            if activate:
                _choose(store, connection, new.station, new.view, calibration_id, by=by)
    except IntegrityError as error:
        raise ConflictError(
            f"there is a calibration {new.name or 'of that name'!r} already", hint="Choose another name."
        ) from error
    return by_id(store, calibration_id)


def by_id(store: Store, id_or_name: str) -> StoredCalibration:
    """The calibration of that id or name; NotFoundError if there is none."""
    with store.read() as connection:
        return _stored(connection, _row(connection, id_or_name))


def history(
    store: Store, *, station: str | None = None, view: str | None = None
) -> tuple[StoredCalibration, ...]:
    """All calibrations, newest first; of one station or view if named."""
    check_names(station=station, view=view)
    query = sa.select(_table).order_by(_table.c.sequence.desc())
    if station is not None:
        query = query.where(_table.c.station == station)
    if view is not None:
        query = query.where(_table.c.view == view)
    with store.read() as connection:
        return tuple(_stored(connection, row) for row in connection.execute(query).all())


def in_force(store: Store, station: str, view: str) -> StoredCalibration | None:
    """The calibration that photos of a station and view are measured with; None when there is none."""
    check_names(station=station, view=view)
    with store.read() as connection:
        chosen = _chosen(connection, station, view)
        return None if chosen is None else _stored(connection, _row(connection, chosen))


def for_photo(store: Store, *, station: str, view: str, name: str | None) -> Calibration | None:
    """The calibration that a photo names, or without a name the one in force; None when there is none."""
    check_names(name=name)
    if name is None:
        current = in_force(store, station, view)
        return None if current is None else current.calibration
    try:
        return by_id(store, name).calibration
    except NotFoundError:
        return None  # it may be one of the recipe's


def activate(store: Store, id_or_name: str, *, by: str) -> StoredCalibration:
    """Put a calibration in force at its station and view; also to go back to an earlier one."""
    with store.write() as connection:
        row = _row(connection, id_or_name)
        if _chosen(connection, row.station, row.view) != row.calibration_id:
            _choose(store, connection, row.station, row.view, row.calibration_id, by=by)
        return _stored(connection, row)


def deactivate(store: Store, station: str, view: str, *, by: str) -> None:
    """Have no calibration in force at a station and view."""
    check_names(station=station, view=view)
    with store.write() as connection:
        if _chosen(connection, station, view) is not None:
            _choose(store, connection, station, view, None, by=by)


def add_check(store: Store, calibration_id: str, check: Check, *, by: str) -> CheckRecord:
    """Note how a check went; one that was passed makes the calibration young again."""
    record = CheckRecord(
        at=store.now(), by=by, scale_error=check.scale_error, worst_mm=check.worst_mm, holds=check.holds
    )
    with store.write() as connection:
        row = _row(connection, calibration_id)
        connection.execute(
            sa.insert(_checks).values(
                calibration_id=row.calibration_id,
                at=record.at,
                by=by,
                scale_error=record.scale_error,
                worst_mm=record.worst_mm,
                holds=record.holds,
            )
        )
        audit.note(
            connection,
            record.at,
            who=by,
            action=Action.CALIBRATION_CHECKED,
            subject=f"calibration:{row.calibration_id}",
            details={"holds": "yes" if record.holds else "no", "scale_error": f"{record.scale_error:.5f}"},
        )
    return record


def checks(store: Store, calibration_id: str) -> tuple[CheckRecord, ...]:
    """Checks of a calibration, newest first."""
    query = (
        sa.select(_checks)
        .where(_checks.c.calibration_id == calibration_id)
        .order_by(_checks.c.sequence.desc())
    )
    with store.read() as connection:
        return tuple(
            CheckRecord(row.at, row.by, row.scale_error, row.worst_mm, row.holds)
            for row in connection.execute(query)
        )


def coverage_png(store: Store, id_or_name: str) -> bytes:
    """Drawing of where the board was seen; NotFoundError if there is none."""
    with store.read() as connection:
        png = _row(connection, id_or_name).coverage_png
    if png is None:
        raise NotFoundError(
            f"the calibration {id_or_name!r} has no coverage map", hint="Only those made of boards have one."
        )
    return bytes(png)


def _next_name(connection: Connection, station: str, view: str) -> str:
    """``<station>.<view>.<number>``, the lowest number above those of the history that is free."""
    of_view = sa.and_(_table.c.station == station, _table.c.view == view)
    number = connection.execute(sa.select(sa.func.count()).where(of_view)).scalar_one() + 1
    taken = set(connection.execute(sa.select(_table.c.name).where(of_view)).scalars())
    while f"{station}.{view}.{number}" in taken:
        number += 1
    return f"{station}.{view}.{number}"


def _choose(
    store: Store, connection: Connection, station: str, view: str, calibration_id: str | None, *, by: str
) -> None:
    now = store.now()
    connection.execute(
        sa.insert(_choices).values(station=station, view=view, calibration_id=calibration_id, at=now, by=by)
    )
    audit.note(
        connection,
        now,
        who=by,
        action=Action.CALIBRATION_CHOSEN,
        subject=f"station:{station}",
        details={"view": view, "calibration": calibration_id or "none"},
    )


def _chosen(connection: Connection, station: str, view: str) -> str | None:
    query = (
        sa.select(_choices.c.calibration_id)
        .where(_choices.c.station == station, _choices.c.view == view)
        .order_by(_choices.c.sequence.desc())
        .limit(1)
    )
    return connection.execute(query).scalar()


def _row(connection: Connection, id_or_name: str) -> Row[Any]:
    row = None
    # A name of another form cannot exist, and may hold what no database can compare with.
    if _NAME.fullmatch(id_or_name) is not None:
        query = sa.select(_table).where(
            sa.or_(_table.c.calibration_id == id_or_name, _table.c.name == id_or_name)
        )
        row = connection.execute(query).first()
    if row is None:
        raise NotFoundError(
            f"there is no calibration {id_or_name[:128]!r}",
            hint="welt calibrate list shows all, with their names.",
        )
    return row


def _stored(connection: Connection, row: Row[Any]) -> StoredCalibration:
    passed = sa.select(sa.func.max(_checks.c.at)).where(
        _checks.c.calibration_id == row.calibration_id, _checks.c.holds.is_(True)
    )
    return StoredCalibration(
        calibration_id=row.calibration_id,
        name=row.name,
        station=row.station,
        view=row.view,
        made_at=row.made_at,
        made_by=row.made_by,
        note=row.note,
        file=from_json(row.content, label=f"calibration {row.name}"),
        in_force=_chosen(connection, row.station, row.view) == row.calibration_id,
        checked_at=connection.execute(passed).scalar(),
        has_coverage=row.coverage_png is not None,
    )
