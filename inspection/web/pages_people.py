"""Stations with their keys, and people with their roles."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse, Response

from inspection import access
from inspection.access import Role
from inspection.errors import ConflictError, MetadataError
from inspection.station import Station
from inspection.store import people, stations
from inspection.store.people import Session
from inspection.web import contexts
from inspection.web.contexts import Notice
from inspection.web.deps import StationDep
from inspection.web.desk import (
    Admin,
    Desk,
    DeskDep,
    Done,
    FromOurForm,
    Name,
    SmallForms,
    after,
    posting_example,
    refused,
)

__all__ = ["router"]

router = APIRouter(include_in_schema=False, route_class=SmallForms, default_response_class=HTMLResponse)


def _stations_page(
    desk: Desk,
    station: Station,
    *,
    notice: Notice | None = None,
    new_key: contexts.ShownSecret | None = None,
    draft: tuple[str, str] = ("", ""),
    status: int = 200,
) -> Response:
    held: dict[str, list[contexts.ShownKey]] = {}
    for key in stations.keys(station.store):
        held.setdefault(key.station, []).append(
            contexts.ShownKey(
                id=key.key_id,
                note=key.note,
                created_at=desk.zone.show(key.created_at),
                created_by=key.created_by,
                last_used_at=None if key.last_used_at is None else desk.zone.show(key.last_used_at),
                revoked_at=None if key.revoked_at is None else desk.zone.show(key.revoked_at),
                revoke_url=f"/keys/{quote(key.key_id)}/revoke",
            )
        )
    shown = tuple(
        contexts.ShownStation(
            name=known.name,
            description=known.description,
            disabled=not known.active,
            key_url=f"/stations/{quote(known.name)}/keys",
            keys=tuple(held.get(known.name, ())),
        )
        for known in stations.all_stations(station.store)
    )
    view = contexts.StationsContext(
        stations=shown, notice=notice, new_key=new_key, draft_name=draft[0], draft_description=draft[1]
    )
    return desk.page("stations.html", view, place="stations", status=status)


@router.get("/stations")
def stations_page(
    desk: DeskDep, station: StationDep, session: Admin, done: Done = "", name: Name = ""
) -> Response:
    """Stations with their keys."""
    notice = None
    if done == "added":
        notice = Notice("good", desk.words("stations.was_added", name=name))
    if done == "revoked":
        notice = Notice("good", desk.words("stations.was_revoked", id=name))
    return _stations_page(desk, station, notice=notice)


@router.post("/stations", dependencies=[FromOurForm])
def add_station(
    desk: DeskDep,
    station: StationDep,
    session: Admin,
    name: Annotated[str, Form(max_length=200)] = "",
    description: Annotated[str, Form(max_length=1000)] = "",
) -> Response:
    """Add a station."""
    name, description = name.strip(), description.strip()
    try:
        stations.add(station.store, name, by=session.user.name, description=description)
    except (MetadataError, ConflictError) as error:
        return _stations_page(
            desk, station, notice=refused(desk, error), draft=(name, description), status=error.status
        )
    return after("/stations", "added", name)


@router.post("/stations/{name}/keys", dependencies=[FromOurForm])
def create_key(
    request: Request,
    name: str,
    desk: DeskDep,
    station: StationDep,
    session: Admin,
    note: Annotated[str, Form(max_length=1000)] = "",
) -> Response:
    """Make a key and show it, this once."""
    try:
        made = stations.create_key(station.store, name, by=session.user.name, note=note.strip())
    except MetadataError as error:
        return _stations_page(desk, station, notice=refused(desk, error), status=error.status)
    secret = contexts.ShownSecret(station=name, text=made.text, example=posting_example(request, made.text))
    return _stations_page(desk, station, new_key=secret)


@router.post("/keys/{key_id}/revoke", dependencies=[FromOurForm])
def revoke_key(key_id: str, station: StationDep, session: Admin) -> Response:
    """Stop a key from working."""
    stations.revoke_key(station.store, key_id, by=session.user.name)
    return after("/stations", "revoked", key_id)


# People


def _users_page(
    desk: Desk,
    station: Station,
    session: Session,
    *,
    notice: Notice | None = None,
    new_password: contexts.ShownPassword | None = None,
    draft: str = "",
    status: int = 200,
) -> Response:
    shown = tuple(
        contexts.ShownUser(
            name=user.name,
            role=user.role.value,
            disabled=not user.active,
            itself=user.name == session.user.name,
            last_login_at=None if user.last_login_at is None else desk.zone.show(user.last_login_at),
            role_url=f"/users/{quote(user.name)}/role",
            state_url=f"/users/{quote(user.name)}/state",
            password_url=f"/users/{quote(user.name)}/password",
        )
        for user in people.everyone(station.store)
    )
    view = contexts.UsersContext(
        users=shown,
        roles=tuple(role.value for role in Role),
        notice=notice,
        new_password=new_password,
        draft_name=draft,
    )
    return desk.page("users.html", view, place="users", status=status)


@router.get("/users")
def users_page(
    desk: DeskDep, station: StationDep, session: Admin, done: Done = "", name: Name = ""
) -> Response:
    """People and their roles."""
    notice = Notice("good", desk.words("users.was_changed", name=name)) if done == "changed" else None
    return _users_page(desk, station, session, notice=notice)


def _role(text: str) -> Role:
    try:
        return Role(text)
    except ValueError as error:
        raise MetadataError(f"{text!r} is no role.", hint=f"Roles: {', '.join(Role)}.") from error


@router.post("/users", dependencies=[FromOurForm])
def add_user(
    desk: DeskDep,
    station: StationDep,
    session: Admin,
    name: Annotated[str, Form(max_length=200)] = "",
    role: Annotated[str, Form(max_length=20)] = "",
) -> Response:
    """Add a person with a random first password, shown this once."""
    name, password = name.strip().lower(), access.new_password()
    try:
        people.add(station.store, name, password, _role(role), by=session.user.name)
    except (MetadataError, ConflictError) as error:
        return _users_page(
            desk, station, session, notice=refused(desk, error), draft=name, status=error.status
        )
    return _users_page(desk, station, session, new_password=contexts.ShownPassword(name, password))


@router.post("/users/{name}/password", dependencies=[FromOurForm])
def reset_password(name: str, desk: DeskDep, station: StationDep, session: Admin) -> Response:
    """Give a person a new random password, shown this once; all their sessions end."""
    password = access.new_password()
    people.set_password(station.store, name, password, by=session.user.name)
    return _users_page(desk, station, session, new_password=contexts.ShownPassword(name, password))


@router.post("/users/{name}/role", dependencies=[FromOurForm])
def change_role(
    name: str,
    desk: DeskDep,
    station: StationDep,
    session: Admin,
    role: Annotated[str, Form(max_length=20)] = "",
) -> Response:
    """Change what a person may do."""
    try:
        people.set_role(station.store, name, _role(role), by=session.user.name)
    except (MetadataError, ConflictError) as error:
        return _users_page(desk, station, session, notice=refused(desk, error), status=error.status)
    return after("/users", "changed", name)


@router.post("/users/{name}/state", dependencies=[FromOurForm])
def change_state(
    name: str,
    desk: DeskDep,
    station: StationDep,
    session: Admin,
    disabled: Annotated[str, Form(max_length=3)] = "",
) -> Response:
    """Keep a person out, or let them in again."""
    change = people.disable if disabled == "yes" else people.enable
    try:
        change(station.store, name, by=session.user.name)
    except ConflictError as error:
        return _users_page(desk, station, session, notice=refused(desk, error), status=error.status)
    return after("/users", "changed", name)
