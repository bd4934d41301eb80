"""Who is asking, and whether they may: what endpoints need, as FastAPI dependencies."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyCookie, APIKeyHeader, HTTPBearer
from fastapi.security.http import HTTPAuthorizationCredentials

from inspection import access
from inspection.access import Role
from inspection.errors import ForbiddenError, NotAuthenticatedError
from inspection.settings import Settings
from inspection.station import Station
from inspection.store import people, stations
from inspection.teaching_job import Jobs

__all__ = [
    "CSRF_HEADER",
    "LEAST_ROLE",
    "SESSION_COOKIE",
    "Act",
    "CalibrationManager",
    "Caller",
    "CallerDep",
    "Inspector",
    "JobsDep",
    "KeyManager",
    "LotAdmin",
    "LotKeeper",
    "Reader",
    "RecipeManager",
    "RecipeSetter",
    "Reviewer",
    "SettingsDep",
    "StandardManager",
    "StationDep",
    "StationManager",
    "Teacher",
    "allowed",
    "caller_of",
    "check_allowed",
]

SESSION_COOKIE = "welt_session"
CSRF_HEADER = "X-CSRF-Token"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Act(StrEnum):
    """What can be done with the service."""

    READ = "read"
    INSPECT = "inspect"
    REVIEW = "review"
    KEEP_LOTS = "keep lots"
    UNDO_LOTS = "take back decisions on lots"
    TEACH = "teach"
    SET_RECIPE = "set the recipe of a station"
    MANAGE_RECIPES = "manage recipes"
    MANAGE_STANDARDS = "manage standards"
    MANAGE_STATIONS = "manage stations"
    MANAGE_KEYS = "manage keys"
    CALIBRATE = "calibrate"


LEAST_ROLE: dict[Act, Role] = {
    Act.READ: Role.VIEWER,
    Act.INSPECT: Role.INSPECTOR,
    Act.REVIEW: Role.INSPECTOR,
    Act.KEEP_LOTS: Role.INSPECTOR,
    Act.UNDO_LOTS: Role.ADMIN,
    Act.TEACH: Role.ENGINEER,
    Act.SET_RECIPE: Role.INSPECTOR,
    Act.MANAGE_RECIPES: Role.ENGINEER,
    Act.MANAGE_STANDARDS: Role.ENGINEER,
    Act.MANAGE_STATIONS: Role.ADMIN,
    Act.MANAGE_KEYS: Role.ADMIN,
    Act.CALIBRATE: Role.ENGINEER,
}
"""The one table of rights of people: each act, and the least role that may do it."""

KEY_ACTS = frozenset({Act.READ, Act.INSPECT, Act.SET_RECIPE})
"""What a camera's key may do; it posts and switches for its own station only."""


@dataclass(frozen=True)
class Caller:
    """Who is asking: a person, or a camera.

    Attributes
    ----------
    name : of the person, or of the station.
    role : of the person; None for a camera.
    station : of the camera's key; None for a person.
    """

    name: str
    role: Role | None
    station: str | None

    def may(self, act: Act) -> bool:
        """Whether this caller may do that."""
        if self.role is None:
            return act in KEY_ACTS
        return self.role.includes(LEAST_ROLE[act])


# Only described here; the checks are below, where their errors carry hints and an empty key is not no key.
_bearer = HTTPBearer(auto_error=False, scheme_name="key", description="API key of a station.")
_key_header = APIKeyHeader(
    name="X-API-Key", auto_error=False, scheme_name="keyHeader", description="API key of a station."
)
_cookie = APIKeyCookie(
    name=SESSION_COOKIE,
    auto_error=False,
    scheme_name="session",
    description="Session of a person; other methods than GET also need the header X-CSRF-Token.",
)


async def get_station(request: Request) -> Station:
    """The open station of the application."""
    station: Station = request.app.state.station
    return station


async def get_settings(request: Request) -> Settings:
    """The settings of the application."""
    settings: Settings = request.app.state.settings
    return settings


async def get_jobs(request: Request) -> Jobs:
    """The teachings of the application."""
    jobs: Jobs = request.app.state.jobs
    return jobs


JobsDep = Annotated[Jobs, Depends(get_jobs)]
StationDep = Annotated[Station, Depends(get_station)]
SettingsDep = Annotated[Settings, Depends(get_settings)]


def _given_key(request: Request) -> str | None:
    """The API key of a request, as it came; None when none came.

    Whoever sends a key means it: an empty or unreadable one is a wrong key, even beside a session.
    """
    authorization = request.headers.get("authorization")
    if authorization is None:
        return request.headers.get("x-api-key")
    scheme, _, credentials = authorization.partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else ""


def caller_of(
    request: Request,
    station: StationDep,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
    key_header: Annotated[str | None, Security(_key_header)],
    session_token: Annotated[str | None, Security(_cookie)],
) -> Caller:
    """Find out who is asking; NotAuthenticatedError when nobody known is. Not async: it asks the database."""
    key = _given_key(request)
    if key is not None:
        checked = stations.check_key(station.store, key)
        return Caller(name=checked.station, role=None, station=checked.station)
    if session_token:
        session = people.by_session(station.store, session_token)
        if request.method not in _SAFE_METHODS:
            _check_csrf(request, session_token)
        return Caller(name=session.user.name, role=session.user.role, station=None)
    raise NotAuthenticatedError(
        "The request carries neither an API key nor a session.",
        hint="Send the station's key as 'Authorization: Bearer welt_…' or X-API-Key, or log in.",
    )


def _check_csrf(request: Request, session_token: str) -> None:
    given = request.headers.get(CSRF_HEADER, "")
    if not access.same_digest(given, access.csrf_token(session_token)):
        raise ForbiddenError(
            f"The header {CSRF_HEADER} is missing or does not belong to this session.",
            hint="Reload the page and try again; programs use an API key instead of a session.",
        )


CallerDep = Annotated[Caller, Depends(caller_of)]


def check_allowed(caller: Caller, act: Act) -> None:
    """Raise ForbiddenError unless the caller may do that."""
    if not caller.may(act):
        who = (
            f"the key of station {caller.name!r}" if caller.role is None else f"{caller.name} ({caller.role})"
        )
        raise ForbiddenError(
            f"{who} may not {act}.",
            hint=f"This takes a person with the role {LEAST_ROLE[act]} or higher.",
        )


def allowed(act: Act) -> Callable[[Caller], Awaitable[Caller]]:
    """A dependency that gives the caller, if they may do that."""

    async def check(caller: CallerDep) -> Caller:
        check_allowed(caller, act)
        return caller

    return check


Reader = Annotated[Caller, Depends(allowed(Act.READ))]
Inspector = Annotated[Caller, Depends(allowed(Act.INSPECT))]
Reviewer = Annotated[Caller, Depends(allowed(Act.REVIEW))]
LotKeeper = Annotated[Caller, Depends(allowed(Act.KEEP_LOTS))]
LotAdmin = Annotated[Caller, Depends(allowed(Act.UNDO_LOTS))]
Teacher = Annotated[Caller, Depends(allowed(Act.TEACH))]
RecipeSetter = Annotated[Caller, Depends(allowed(Act.SET_RECIPE))]
RecipeManager = Annotated[Caller, Depends(allowed(Act.MANAGE_RECIPES))]
StandardManager = Annotated[Caller, Depends(allowed(Act.MANAGE_STANDARDS))]
StationManager = Annotated[Caller, Depends(allowed(Act.MANAGE_STATIONS))]
KeyManager = Annotated[Caller, Depends(allowed(Act.MANAGE_KEYS))]
CalibrationManager = Annotated[Caller, Depends(allowed(Act.CALIBRATE))]
