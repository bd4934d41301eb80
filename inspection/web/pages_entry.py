"""Logging in and out, one's own password, the language."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from inspection import access
from inspection.errors import MetadataError, NotAuthenticatedError, TooManyAttemptsError
from inspection.store import people
from inspection.web import contexts
from inspection.web.contexts import Notice
from inspection.web.deps import SESSION_COOKIE, SettingsDep, StationDep
from inspection.web.desk import (
    LANGUAGE_COOKIE,
    PRIVATE,
    VISIT_COOKIE,
    YEAR_S,
    DeskDep,
    FromOurForm,
    Pages,
    PagesDep,
    SessionOrNone,
    SmallForms,
    Viewer,
    bare_frame,
    has_csrf_token,
)
from inspection.web.i18n import LANGUAGES

__all__ = ["router"]

router = APIRouter(include_in_schema=False, route_class=SmallForms, default_response_class=HTMLResponse)


def _login_page(
    request: Request, pages: Pages, *, name: str, target: str, problem: str | None, status: int
) -> Response:
    words = pages.words_for(request)
    visit = request.cookies.get(VISIT_COOKIE) or access.new_token()
    frame = bare_frame(request, pages, words, visit=visit)
    view = contexts.LoginContext(name=name, next=target, problem=problem)
    page = HTMLResponse(
        pages.draw("login.html", words=words, frame=frame, view=view), status_code=status, headers=PRIVATE
    )
    settings = request.app.state.settings
    page.set_cookie(
        VISIT_COOKIE, visit, path="/", httponly=True, samesite="lax", secure=settings.secure_cookies
    )
    return page


def _own_path(target: str) -> str:
    """The address if it is a page of ours, else the results: no link may lead elsewhere after the login."""
    is_path = target.startswith("/") and not target.startswith(("//", "/\\"))
    return target if is_path and target.isprintable() else contexts.URLS["results"]


@router.get("/login")
def login_form(
    request: Request,
    pages: PagesDep,
    session: SessionOrNone,
    next: Annotated[str, Query(max_length=2000)] = "",
) -> Response:
    """The login form; who is logged in goes on at once."""
    if session is not None:
        return RedirectResponse(_own_path(next), status_code=303)
    return _login_page(request, pages, name="", target=_own_path(next), problem=None, status=200)


@router.post("/login")
def log_in(
    request: Request,
    pages: PagesDep,
    station: StationDep,
    settings: SettingsDep,
    name: Annotated[str, Form(max_length=200)] = "",
    password: Annotated[str, Form(max_length=1000)] = "",
    next: Annotated[str, Form(max_length=2000)] = "",
    csrf_token: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Begin a session."""
    words, target, name = pages.words_for(request), _own_path(next), name.strip().lower()

    def again(problem: str, status: int) -> Response:
        return _login_page(request, pages, name=name, target=target, problem=problem, status=status)

    if not has_csrf_token(request, csrf_token):
        return again(words("login.expired"), 403)
    try:
        session = people.log_in(station.store, name, password, hours=settings.session_hours)
    except NotAuthenticatedError:
        return again(words("login.refused"), 401)
    except TooManyAttemptsError as error:
        return again(words("login.wait", seconds=error.retry_after_s), 429)
    response = RedirectResponse(target, status_code=303, headers=PRIVATE)
    response.set_cookie(
        SESSION_COOKIE,
        session.token,
        max_age=int(settings.session_hours * 3600),
        path="/",
        httponly=True,
        samesite="lax",
        secure=settings.secure_cookies,
    )
    response.delete_cookie(VISIT_COOKIE, path="/")
    return response


@router.post("/logout", dependencies=[FromOurForm])
def log_out(request: Request, station: StationDep) -> Response:
    """End the session, here and in the database."""
    token = request.cookies.get(SESSION_COOKIE)
    if token:
        people.log_out(station.store, token)
    response = RedirectResponse(contexts.URLS["login"], status_code=303, headers=PRIVATE)
    response.delete_cookie(SESSION_COOKIE, path="/")
    return response


@router.get("/password")
def password_form(desk: DeskDep) -> Response:
    """Where people change their own password."""
    return desk.page("password.html", contexts.PasswordContext(None), place="")


@router.post("/password", dependencies=[FromOurForm])
def change_password(
    desk: DeskDep,
    station: StationDep,
    session: Viewer,
    old: Annotated[str, Form(max_length=1000)] = "",
    new: Annotated[str, Form(max_length=1000)] = "",
) -> Response:
    """Change one's own password; every session of the person ends, this one too."""
    words = desk.words
    try:
        people.change_password(station.store, session.user.name, old=old, new=new)
    except NotAuthenticatedError:
        problem, code = words("password.refused"), 422
    except TooManyAttemptsError as error:
        problem, code = words("login.wait", seconds=error.retry_after_s), error.status
    except MetadataError as error:
        problem, code = f"{words('password.not_taken')} {words.sentence(error.hint)}", error.status
    else:
        return RedirectResponse(contexts.URLS["login"], status_code=303, headers=PRIVATE)
    return desk.page("password.html", contexts.PasswordContext(Notice("bad", problem)), place="", status=code)


@router.post("/language", dependencies=[FromOurForm])
def choose(
    settings: SettingsDep,
    language: Annotated[str, Form(max_length=10)] = "",
    back: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """Remember a language and show the same page in it."""
    response = RedirectResponse(_own_path(back), status_code=303, headers=PRIVATE)
    if language in LANGUAGES:
        response.set_cookie(
            LANGUAGE_COOKIE,
            language,
            max_age=YEAR_S,
            path="/",
            httponly=True,
            samesite="lax",
            secure=settings.secure_cookies,
        )
    return response
