"""What every page is made of: who is asking, in which language, with what around it.

Every form carries a CSRF token that follows from a cookie which other sites can neither read nor set: the
session's token for who is logged in, a visit's token for the login form itself. Every endpoint that asks the
database is a plain function, so it runs in a thread and never holds up the cameras.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Coroutine, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote, urlencode

from fastapi import Depends, Form, Query, Request
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, RedirectResponse, Response

from inspection import access
from inspection.access import Role
from inspection.domain import Grade
from inspection.errors import ForbiddenError, NotAuthenticatedError, UploadTooLargeError, WeltError
from inspection.store import inspections, people
from inspection.store.inspections import StoredInspection
from inspection.store.people import Session
from inspection.web import contexts
from inspection.web.contexts import FilterForm, Frame, Notice, Zone
from inspection.web.deps import SESSION_COOKIE, StationDep
from inspection.web.i18n import LANGUAGES, Words, choose_language, open_words

__all__ = [
    "HERE",
    "LANGUAGE_COOKIE",
    "PRIVATE",
    "VISIT_COOKIE",
    "YEAR_S",
    "Admin",
    "Desk",
    "DeskDep",
    "Done",
    "FromOurForm",
    "Inspector",
    "Name",
    "Pages",
    "PagesDep",
    "SessionOrNone",
    "SmallForms",
    "Viewer",
    "after",
    "at_least",
    "bare_frame",
    "has_csrf_token",
    "posting_example",
    "refused",
]

HERE = Path(__file__).parent
VISIT_COOKIE = "welt_visit"
LANGUAGE_COOKIE = "welt_language"
ZONE_COOKIE = "welt_zone"
YEAR_S = 365 * 24 * 3600
MAX_FORM_BYTES = 64 * 1024
"""Largest form taken: a comment of 2000 characters, percent-encoded three bytes each, is 18 kB."""
PRIVATE = {"Cache-Control": "no-store"}
"""Pages show what a session may see, so no cache keeps them."""


class Pages:
    """What the pages need and no request changes: words, templates, the version of the static files."""

    def __init__(self) -> None:
        self.words = open_words()
        self.static_version = _version(HERE / "static")
        self._templates = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=select_autoescape(),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def words_for(self, request: Request) -> Words:
        """Words of the language that the viewer chose, or that the browser likes."""
        cookie = request.cookies.get(LANGUAGE_COOKIE)
        return self.words[choose_language(cookie, request.headers.get("accept-language", ""))]

    def draw(self, template: str, *, words: Words, frame: Frame, view: object) -> str:
        """HTML of a template."""
        return self._templates.get_template(template).render(t=words, frame=frame, view=view)


def _version(folder: Path) -> str:
    """Short digest of all files of a folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


class SmallForms(APIRoute):
    """Refuses a form of more than `MAX_FORM_BYTES` before it is read."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_small(request: Request) -> Response:
            if request.method == "POST":
                _check_size(request.headers)
            return await handle(request)

        return handle_small


def _check_size(headers: Headers) -> None:
    length = headers.get("content-length", "")
    if not length.isascii() or not length.isdigit() or int(length) > MAX_FORM_BYTES:
        raise UploadTooLargeError(
            f"The form has {length or 'an unknown number of'} bytes; {MAX_FORM_BYTES} are taken.",
            hint="Write a shorter comment.",
        )


# Who is asking


def _pages_of(request: Request) -> Pages:
    pages: Pages = request.app.state.pages
    return pages


PagesDep = Annotated[Pages, Depends(_pages_of)]


def _session_of(request: Request, station: StationDep) -> Session | None:
    """Who is logged in; None when nobody is, or not any more."""
    token = request.cookies.get(SESSION_COOKIE)
    if not token:
        return None
    try:
        return people.by_session(station.store, token)
    except NotAuthenticatedError:
        return None


SessionOrNone = Annotated[Session | None, Depends(_session_of)]


def _logged_in(session: SessionOrNone) -> Session:
    if session is None:
        raise NotAuthenticatedError("Nobody is logged in.", hint="Log in, then open the page again.")
    return session


def at_least(role: Role) -> Callable[[Session], Session]:
    """A dependency that gives the session of somebody with that role or a higher one."""

    def check(session: Annotated[Session, Depends(_logged_in)]) -> Session:
        if not session.user.role.includes(role):
            raise ForbiddenError(
                f"{session.user.name} ({session.user.role}) may not do this.",
                hint=f"This takes a person with the role {role} or higher.",
            )
        return session

    return check


Viewer = Annotated[Session, Depends(at_least(Role.VIEWER))]
Inspector = Annotated[Session, Depends(at_least(Role.INSPECTOR))]
Admin = Annotated[Session, Depends(at_least(Role.ADMIN))]


def has_csrf_token(request: Request, given: str) -> bool:
    """Whether the form carries the token of this browser's session, or of its visit before there was one."""
    tokens = [request.cookies.get(name) for name in (SESSION_COOKIE, VISIT_COOKIE)]
    return any(access.same_digest(given, access.csrf_token(token)) for token in tokens if token)


def _check_csrf(request: Request, csrf_token: Annotated[str, Form(max_length=200)] = "") -> None:
    if not has_csrf_token(request, csrf_token):
        raise ForbiddenError(
            "The form does not belong to this session.",
            hint="Go back, reload the page, and send the form again.",
        )


FromOurForm = Depends(_check_csrf)


# Around every page


def _zone_of(request: Request) -> Zone:
    return Zone.named(unquote(request.cookies.get(ZONE_COOKIE, "")))


def bare_frame(request: Request, pages: Pages, words: Words, *, visit: str | None = None) -> Frame:
    """The frame without anything that the database knows: for the login, and for problems."""
    token = request.cookies.get(SESSION_COOKIE) or visit or request.cookies.get(VISIT_COOKIE)
    return Frame(
        language=words.language,
        other_languages=tuple(other for other in LANGUAGES.values() if other != words.language),
        csrf_token=access.csrf_token(token) if token else "",
        person=None,
        places=(),
        here=_here(request),
        zone=_zone_of(request).name,
        today=None,
        service=None,
        static_version=pages.static_version,
    )


def _here(request: Request) -> str:
    """Address to come back to: the page itself, or the results for what is no page."""
    if request.method != "GET":
        return contexts.URLS["results"]
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


class Desk:
    """What every page of somebody logged in is made of.

    Attributes
    ----------
    words, zone : of the viewer.
    """

    def __init__(self, request: Request, pages: PagesDep, station: StationDep, session: Viewer) -> None:
        self._request = request
        self._pages = pages
        self._station = station
        self._session = session
        self.words = pages.words_for(request)
        self.zone = _zone_of(request)

    def page(self, template: str, view: object, *, place: str = "results", status: int = 200) -> HTMLResponse:
        """Draw a page, or a part of one.

        Parameters
        ----------
        place : entry of the menu that is marked.
        """
        html = self._pages.draw(template, words=self.words, frame=self._frame(place), view=view)
        return HTMLResponse(html, status_code=status, headers=PRIVATE)

    def rows(self, items: Iterable[StoredInspection], form: FilterForm) -> tuple[contexts.Row, ...]:
        """Stored results as rows of a list."""
        return tuple(contexts.row_of(stored, words=self.words, zone=self.zone, form=form) for stored in items)

    def _frame(self, place: str) -> Frame:
        user = self._session.user
        person = contexts.Person(user.name, user.role)
        managed = ("stations", "users") if person.may_manage else ()
        menu = ["results", "lots", "statistics", "recipes", "standards", "teach", "model", "calibration"]
        menu += managed
        now = datetime.now(UTC)
        began = self.zone.day_of(now)
        counts = inspections.counts(
            self._station.store, created_from=began, created_until=now + timedelta(hours=1)
        )
        readiness = self._station.readiness()
        return Frame(
            language=self.words.language,
            other_languages=tuple(other for other in LANGUAGES.values() if other != self.words.language),
            csrf_token=self._session.csrf_token,
            person=person,
            places=tuple(contexts.Place(entry, contexts.URLS[entry], entry == place) for entry in menu),
            here=_here(self._request),
            zone=self.zone.name,
            today=contexts.Today(
                inspected=sum(counts.values()),
                by_grade=tuple((grade.value, counts[grade]) for grade in Grade),
            ),
            service=contexts.Service(
                readiness.ready, tuple(self.words.sentence(reason) for reason in readiness.reasons)
            ),
            static_version=self._pages.static_version,
        )


DeskDep = Annotated[Desk, Depends(Desk)]


# After a form


def after(path: str, done: str, name: str) -> Response:
    """Go to a page that says what was done; loading it again does nothing again."""
    return RedirectResponse(
        f"{path}?{urlencode({'done': done, 'name': name})}", status_code=303, headers=PRIVATE
    )


Done = Annotated[str, Query(max_length=20)]
Name = Annotated[str, Query(max_length=200)]


def refused(desk: Desk, error: WeltError) -> Notice:
    """What is told above a form that was not taken."""
    return Notice("bad", desk.words.error(error))


def posting_example(request: Request, key: str) -> str:
    """Command that posts a photo to this service, as a camera would."""
    base = str(request.base_url).rstrip("/")
    return (
        f"curl -H 'Authorization: Bearer {key}' -F image=@photo.jpg "
        f"-F 'meta={{\"mm_per_px\": 0.1}}' {base}/api/v1/inspections"
    )
