"""The page of calibrations: what is in force where, how old it is, and forms to calibrate and to check."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, File, UploadFile
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from inspection.access import Role
from inspection.errors import WeltError
from inspection.settings import Settings
from inspection.station import Station
from inspection.store import calibrations, stations
from inspection.store.calibrations import StoredCalibration
from inspection.store.people import Session
from inspection.web.calibration_forms import BoardDep, LargeForms, ShotsDep, check, make
from inspection.web.contexts import Moment, Notice
from inspection.web.deps import SettingsDep, StationDep
from inspection.web.desk import Desk, DeskDep, Done, FromOurForm, Name, Viewer, after, at_least, refused

__all__ = ["router"]

URL = "/calibration"
Engineer = Annotated[Session, Depends(at_least(Role.ENGINEER))]

_DONE = {
    "made": "calibration.was_made",
    "used": "calibration.was_used",
    "holds": "calibration.was_holds",
    "failed": "calibration.was_failed",
}
"""What the page says after a form."""

router = APIRouter(include_in_schema=False, route_class=LargeForms, default_response_class=HTMLResponse)


@dataclass(frozen=True)
class ShownCalibration:
    """One line of the history."""

    name: str
    made_at: Moment
    made_by: str
    note: str
    source: str
    scale: str
    fit: str
    coverage: str
    in_force: bool
    checked_at: Moment | None
    use_url: str
    check_url: str
    coverage_url: str | None


@dataclass(frozen=True)
class ShownPlace:
    """A station and view with its history, newest first.

    Attributes
    ----------
    current : the one in force; None when there is none.
    stale : whether it is over its age limit.
    age_days : since it was made, or last passed a check.
    """

    station: str
    view: str
    current: ShownCalibration | None
    stale: bool
    age_days: int
    history: tuple[ShownCalibration, ...]


@dataclass(frozen=True)
class CalibrationContext:
    """calibration.html."""

    places: tuple[ShownPlace, ...]
    stations: tuple[str, ...]
    views: tuple[str, ...]
    may_calibrate: bool
    max_age_days: str
    notice: Notice | None
    url: str = URL


def _shown(one: StoredCalibration, desk: Desk) -> ShownCalibration:
    file, words = one.file, desk.words
    return ShownCalibration(
        name=one.name,
        made_at=desk.zone.show(one.made_at),
        made_by=one.made_by,
        note=one.note,
        source=words(f"calibration_source.{file.source.value}"),
        scale=f"{file.mm_per_px:.4f} mm ± {100 * file.scale_uncertainty:.2f} %",
        fit="" if file.rms_mm is None else f"{file.rms_mm:.3f} mm",
        coverage="" if file.coverage is None else f"{100 * file.coverage:.0f} %",
        in_force=one.in_force,
        checked_at=None if one.checked_at is None else desk.zone.show(one.checked_at),
        use_url=f"{URL}/{quote(one.name)}/use",
        check_url=f"{URL}/{quote(one.name)}/check",
        coverage_url=f"/api/v1/calibrations/{quote(one.name)}/coverage" if one.has_coverage else None,
    )


def _days(settings: Settings) -> str:
    """Days after which a calibration is over its age; empty where there is no limit."""
    days = settings.calibration_max_age_days
    return f"{days:g}" if days else ""


def _page(
    desk: Desk,
    station: Station,
    settings: Settings,
    session: Session,
    *,
    notice: Notice | None = None,
    status: int = 200,
) -> Response:
    by_place: dict[tuple[str, str], list[StoredCalibration]] = {}
    for one in calibrations.history(station.store):
        by_place.setdefault((one.station, one.view), []).append(one)
    now = datetime.now(UTC)
    places = []
    for (name, view), history in sorted(by_place.items()):
        current = next((one for one in history if one.in_force), None)
        age = (
            timedelta(0)
            if current is None
            else now - max(current.made_at, current.checked_at or current.made_at)
        )
        limit = settings.calibration_max_age_days
        places.append(
            ShownPlace(
                station=name,
                view=view,
                current=None if current is None else _shown(current, desk),
                stale=bool(limit) and age > timedelta(days=limit),
                age_days=age.days,
                history=tuple(_shown(one, desk) for one in history),
            )
        )
    recipes = [station.recipes.get(name) for name in station.recipes.names()]
    view_context = CalibrationContext(
        places=tuple(places),
        stations=tuple(known.name for known in stations.all_stations(station.store) if known.active),
        views=tuple(sorted({view for recipe in recipes for view in recipe.views})),
        may_calibrate=session.user.role.includes(Role.ENGINEER),
        max_age_days=_days(settings),
        notice=notice,
    )
    return desk.page("calibration.html", view_context, place="calibration", status=status)


@router.get(URL)
def calibration_page(
    desk: DeskDep,
    station: StationDep,
    settings: SettingsDep,
    session: Viewer,
    done: Done = "",
    name: Name = "",
) -> Response:
    """What is in force where."""
    look = "bad" if done == "failed" else "good"
    notice = Notice(look, desk.words(_DONE[done], name=name)) if done in _DONE else None
    return _page(desk, station, settings, session, notice=notice)


@router.post(URL, dependencies=[FromOurForm])
async def calibrate(
    desk: DeskDep,
    station: StationDep,
    settings: SettingsDep,
    session: Engineer,
    shots: ShotsDep,
    plane: Annotated[UploadFile, File()],
    photos: Annotated[list[UploadFile] | None, File()] = None,
) -> Response:
    """Make a calibration of the photos of the form."""
    try:
        made = await make(station, settings, shots, photos or [], plane, by=session.user.name)
    except WeltError as error:
        return await _refusal(desk, station, settings, session, error)
    return after(URL, "made", made.name)


@router.post(URL + "/{name}/check", dependencies=[FromOurForm])
async def check_one(
    name: str,
    desk: DeskDep,
    station: StationDep,
    settings: SettingsDep,
    session: Engineer,
    shots: BoardDep,
    photo: Annotated[UploadFile, File()],
) -> Response:
    """Check a calibration with the photo of the form."""
    try:
        told = await check(station, settings, name, shots, photo, by=session.user.name)
    except WeltError as error:
        return await _refusal(desk, station, settings, session, error)
    return after(URL, "holds" if told.holds else "failed", name)


@router.post(URL + "/{name}/use", dependencies=[FromOurForm])
def use_one(name: str, station: StationDep, session: Engineer) -> Response:
    """Put a calibration in force."""
    return after(URL, "used", calibrations.activate(station.store, name, by=session.user.name).name)


async def _refusal(
    desk: Desk, station: Station, settings: Settings, session: Session, error: WeltError
) -> Response:
    """The page again, with what was wrong above it."""

    def draw() -> Response:
        return _page(desk, station, settings, session, notice=refused(desk, error), status=error.status)

    return await run_in_threadpool(draw)
