"""The pages that people see: drawn by the server, live by a little script, complete without it.

Every form carries a CSRF token that follows from a cookie which other sites can neither read nor set: the
session's token for who is logged in, a visit's token for the login form itself. Every endpoint that asks the
database is a plain function, so it runs in a thread and never holds up the cameras.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Coroutine, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, unquote, urlencode

from fastapi import APIRouter, Depends, FastAPI, Form, Query, Request
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from inspection import access, taxonomy
from inspection.access import Role
from inspection.document import ResultDocument
from inspection.domain import Grade
from inspection.errors import (
    ConflictError,
    ForbiddenError,
    MetadataError,
    ModelError,
    NotAuthenticatedError,
    TooManyAttemptsError,
    UnknownNameError,
    UploadTooLargeError,
    WeltError,
)
from inspection.recipes import Recipe
from inspection.standards import Standard
from inspection.station import Station
from inspection.store import inspections, people, reviews, stations
from inspection.store.inspections import Filters, StoredInspection, Value
from inspection.store.people import Session
from inspection.store.reviews import Decision
from inspection.web import contexts
from inspection.web.contexts import FilterForm, Frame, Notice, Zone
from inspection.web.deps import SESSION_COOKIE, SettingsDep, StationDep
from inspection.web.i18n import LANGUAGES, Words, choose_language, open_words

__all__ = [
    "PRIVATE",
    "Desk",
    "DeskDep",
    "FromOurForm",
    "Pages",
    "SmallForms",
    "Viewer",
    "at_least",
    "install",
]

HERE = Path(__file__).parent
VISIT_COOKIE = "welt_visit"
LANGUAGE_COOKIE = "welt_language"
ZONE_COOKIE = "welt_zone"
YEAR_S = 365 * 24 * 3600
PAGE_ROWS = 50
LIVE_ROWS = 100
"""Rows that the live list asks for at once; it asks again when there are more."""
FLOOR_STRIP = 8
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


class _Problems:
    """Draws problem.html for `inspection.web.problems`, which knows the error but nothing of pages."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def TemplateResponse(  # noqa: N802 - the name that Jinja2Templates has
        self,
        request: Request,
        name: str,
        context: Mapping[str, Any],
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """The page of a problem. Asks no database: that may be what failed."""
        problem = context["problem"]
        words = self._pages.words_for(request)
        kind = str(problem.type).rpartition(":")[2]
        title = words(f"problem.{kind}") if words.has(f"problem.{kind}") else problem.title
        in_english = words.language.id == "en"
        detail, hint = words.phrases.tell(problem.detail), words.phrases.tell(problem.hint)
        if hint is None and not in_english and words.has(f"problem.{kind}.hint"):
            hint = words(f"problem.{kind}.hint")  # less to the point, but in the reader's language
        view = contexts.ProblemContext(
            status=problem.status,
            title=title,
            detail=words.sentence(problem.detail),
            detail_is_english=detail is None,
            hint=words.sentence(problem.hint) if hint is None else hint,
            hint_is_english=hint is None,
            offer_login=SESSION_COOKIE not in request.cookies,
        )
        frame = _bare_frame(request, self._pages, words)
        body = self._pages.draw(name, words=words, frame=frame, view=view)
        return HTMLResponse(body, status_code=status_code, headers={**PRIVATE, **(headers or {})})


class _StaticFiles(StaticFiles):
    """Files of the pages. An address with a version may be kept for ever: another version has another one."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        versioned = scope["query_string"].startswith(b"v=")
        response.headers["Cache-Control"] = (
            f"public, max-age={YEAR_S}, immutable" if versioned else "no-cache"
        )
        return response


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


router = APIRouter(include_in_schema=False, route_class=SmallForms, default_response_class=HTMLResponse)


def install(app: FastAPI) -> None:
    """Add the pages, their files and the page of problems to the application."""
    pages = Pages()
    app.state.pages = pages
    app.state.templates = _Problems(pages)
    app.mount("/static", _StaticFiles(directory=HERE / "static"), name="static")
    app.include_router(router)


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


def _has_csrf_token(request: Request, given: str) -> bool:
    """Whether the form carries the token of this browser's session, or of its visit before there was one."""
    tokens = [request.cookies.get(name) for name in (SESSION_COOKIE, VISIT_COOKIE)]
    return any(access.same_digest(given, access.csrf_token(token)) for token in tokens if token)


def _check_csrf(request: Request, csrf_token: Annotated[str, Form(max_length=200)] = "") -> None:
    if not _has_csrf_token(request, csrf_token):
        raise ForbiddenError(
            "The form does not belong to this session.",
            hint="Go back, reload the page, and send the form again.",
        )


FromOurForm = Depends(_check_csrf)


# Around every page


def _zone_of(request: Request) -> Zone:
    return Zone.named(unquote(request.cookies.get(ZONE_COOKIE, "")))


def _bare_frame(request: Request, pages: Pages, words: Words, *, visit: str | None = None) -> Frame:
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


@router.get("/")
def root() -> Response:
    """The results are what people come for."""
    return RedirectResponse(contexts.URLS["results"], status_code=303)


@router.get("/status")
def status(desk: DeskDep) -> Response:
    """Counts and the light, for pages that stay open."""
    return desk.page("_status.html", None)


# Logging in


def _login_page(
    request: Request, pages: Pages, *, name: str, target: str, problem: str | None, status: int
) -> Response:
    words = pages.words_for(request)
    visit = request.cookies.get(VISIT_COOKIE) or access.new_token()
    frame = _bare_frame(request, pages, words, visit=visit)
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

    if not _has_csrf_token(request, csrf_token):
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


# Results


def _form(
    grade: Annotated[list[str] | None, Query(max_length=10)] = None,
    kind: Annotated[str, Query(max_length=64)] = "",
    station: Annotated[str, Query(max_length=128)] = "",
    style: Annotated[str, Query(max_length=128)] = "",
    lot: Annotated[str, Query(max_length=128)] = "",
    since: Annotated[str, Query(max_length=40)] = "",
    until: Annotated[str, Query(max_length=40)] = "",
    reviewed: Annotated[str, Query(max_length=5)] = "",
) -> FilterForm:
    """The filters of the address; what they cannot mean is left out."""
    return FilterForm(
        grades=tuple(known.value for known in Grade if known.value in (grade or [])),
        kind=kind if kind in taxonomy.KINDS else "",
        station=station.strip(),
        style=style.strip(),
        lot=lot.strip(),
        since=since.strip(),
        until=until.strip(),
        reviewed=reviewed if reviewed in ("yes", "no") else "",
    )


FormDep = Annotated[FilterForm, Depends(_form)]
Cursor = Annotated[str, Query(max_length=200)]


def _filters(form: FilterForm, desk: Desk) -> tuple[Filters, str | None]:
    """Filters for the store, and what is to be said about a time that was not understood."""
    try:
        return form.filters(desk.zone), None
    except MetadataError as error:
        rest = FilterForm(form.grades, form.kind, form.station, form.style, form.lot, "", "", form.reviewed)
        return rest.filters(desk.zone), desk.words("filter.bad_time", value=error.detail)


@router.get("/results")
def results(
    request: Request, desk: DeskDep, station: StationDep, form: FormDep, cursor: Cursor = "", screen: str = ""
) -> Response:
    """The list, newest first; or the screen for the shop floor."""
    if screen == "floor":
        return desk.page("floor.html", _floor(desk, station, form))
    filters, problem = _filters(form, desk)
    page = inspections.page(station.store, filters, cursor=cursor or None, limit=PAGE_ROWS)
    rows = desk.rows(page.items, form)
    view = contexts.ResultsContext(
        rows=rows,
        filters=form,
        choices=contexts.choices_of(desk.words, inspections.values(station.store, Value.STATION)),
        held=bool(cursor),
        rows_url=form.url("/results/rows"),
        newest_url=form.url("/results"),
        older_url=None if page.next_cursor is None else form.url("/results", cursor=page.next_cursor),
        floor_url=form.url("/results", screen="floor"),
        example=_example(request, "STATION_KEY"),
        problem=problem,
    )
    return desk.page("results.html", view)


@router.get("/results/rows")
def rows(
    desk: DeskDep,
    station: StationDep,
    form: FormDep,
    after: Annotated[int, Query(ge=0)] = 0,
    only: Annotated[str, Query(max_length=26)] = "",
    screen: str = "",
) -> Response:
    """Rows for the live list, newest first: those after a place in the feed, or one that was reviewed."""
    if screen == "floor":
        return desk.page("_floor.html", _floor(desk, station, form))
    if only:
        found: tuple[StoredInspection, ...] = (inspections.by_id(station.store, only),)
    else:
        filters, _ = _filters(form, desk)
        found = inspections.newer_than(station.store, after, filters, limit=LIVE_ROWS)
    newest_first = sorted(found, key=lambda stored: stored.sequence, reverse=True)
    return desk.page("_rows.html", contexts.RowsContext(desk.rows(newest_first, form)))


def _floor(desk: Desk, station: Station, form: FilterForm) -> contexts.FloorContext:
    filters, _ = _filters(form, desk)
    page = inspections.page(station.store, filters, limit=1 + FLOOR_STRIP)
    shown = desk.rows(page.items, form)
    return contexts.FloorContext(
        last=shown[0] if shown else None,
        strip=shown[1:],
        list_url=form.url("/results"),
        part_url=form.url("/results/rows", screen="floor"),
    )


def _example(request: Request, key: str) -> str:
    """Command that posts a photo to this service, as a camera would."""
    base = str(request.base_url).rstrip("/")
    return (
        f"curl -H 'Authorization: Bearer {key}' -F image=@photo.jpg "
        f"-F 'meta={{\"mm_per_px\": 0.1}}' {base}/api/v1/inspections"
    )


def _result_view(
    stored: StoredInspection,
    desk: Desk,
    station: Station,
    form: FilterForm,
    *,
    notice: Notice | None = None,
    draft: str = "",
) -> contexts.ResultContext:
    document = ResultDocument.model_validate_json(stored.record.document)
    filters, _ = _filters(form, desk)
    beside = inspections.neighbours(station.store, stored, filters)
    return contexts.result_of(
        stored,
        words=desk.words,
        zone=desk.zone,
        form=form,
        reviews=reviews.of_result(station.store, stored.record.result_id),
        neighbours=(beside.newer, beside.older),
        standard=_standard(station, document),
        thresholds=_thresholds(station, document),
        notice=notice,
        draft=draft,
    )


def _standard(station: Station, document: ResultDocument) -> Standard | None:
    """The standard that graded a result, if it is still here."""
    try:
        return station.standards.get(document.standard.id)
    except UnknownNameError:
        return None


def _thresholds(station: Station, document: ResultDocument) -> Mapping[str, float]:
    """Probability from which each kind counted; empty when that model does not serve any more."""
    try:
        manifest = station.model.manifest
    except ModelError:
        return {}
    if manifest.sha256 != document.model.sha256:
        return {}
    try:
        recipe: Recipe = station.recipes.get(document.recipe.name)
    except UnknownNameError:
        return manifest.thresholds
    return {kind: recipe.thresholds.get(kind, value) for kind, value in manifest.thresholds.items()}


@router.get("/results/{result_id}")
def result(result_id: str, desk: DeskDep, station: StationDep, form: FormDep) -> Response:
    """One result."""
    stored = inspections.by_id(station.store, result_id)
    return desk.page("result.html", _result_view(stored, desk, station, form))


@router.post("/results/{result_id}/review", dependencies=[FromOurForm])
def review(
    request: Request,
    result_id: str,
    desk: DeskDep,
    station: StationDep,
    form: FormDep,
    session: Inspector,
    decision: Annotated[str, Form(max_length=10)],
    revision: Annotated[int, Form(ge=0)],
    comment: Annotated[str, Form(max_length=reviews.MAX_COMMENT_LENGTH)] = "",
) -> Response:
    """Agree with a result or override it; told kindly when somebody else did so meanwhile."""
    grade = next((known for known in Grade if known.value == decision), None)
    if grade is None and decision != Decision.AGREE.value:
        raise MetadataError(f"{decision!r} is no decision.", hint="Use the buttons of the form.")
    notice, draft, code = Notice("good", desk.words("review.saved")), "", 200
    try:
        reviews.add(
            station.store,
            result_id,
            reviewer=session.user.name,
            decision=Decision.AGREE if grade is None else Decision.OVERRIDE,
            seen_revision=revision,
            grade=grade,
            comment=comment.strip(),
        )
    except ConflictError:
        last = reviews.of_result(station.store, result_id)[-1]
        notice = Notice("warn", desk.words("review.conflict", who=last.reviewer))
        draft, code = comment, 409
    else:
        request.app.state.feed.wake()
    stored = inspections.by_id(station.store, result_id)
    view = _result_view(stored, desk, station, form, notice=notice, draft=draft)
    if "hx-request" in request.headers:
        return desk.page("_reviewed.html", view, status=code)
    if code == 200:
        return RedirectResponse(form.url(f"/results/{result_id}"), status_code=303, headers=PRIVATE)
    return desk.page("result.html", view, status=code)


# Model


@router.get("/model")
def model(desk: DeskDep, station: StationDep) -> Response:
    """What serves."""
    try:
        serving = station.model
    except ModelError:
        shown = None
    else:
        card = serving.folder / "CARD.md"
        text = card.read_text(encoding="utf-8", errors="replace") if card.is_file() else ""
        shown = contexts.model_of(serving, words=desk.words, zone=desk.zone, card=text)
    view = contexts.ModelContext(model=shown)
    return desk.page("model.html", view, place="model")


# Stations and keys


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


def _after(path: str, done: str, name: str) -> Response:
    """Go to a page that says what was done; loading it again does nothing again."""
    return RedirectResponse(
        f"{path}?{urlencode({'done': done, 'name': name})}", status_code=303, headers=PRIVATE
    )


Done = Annotated[str, Query(max_length=20)]
Name = Annotated[str, Query(max_length=200)]


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
            desk, station, notice=_refused(desk, error), draft=(name, description), status=error.status
        )
    return _after("/stations", "added", name)


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
        return _stations_page(desk, station, notice=_refused(desk, error), status=error.status)
    secret = contexts.ShownSecret(station=name, text=made.text, example=_example(request, made.text))
    return _stations_page(desk, station, new_key=secret)


@router.post("/keys/{key_id}/revoke", dependencies=[FromOurForm])
def revoke_key(key_id: str, station: StationDep, session: Admin) -> Response:
    """Stop a key from working."""
    stations.revoke_key(station.store, key_id, by=session.user.name)
    return _after("/stations", "revoked", key_id)


def _refused(desk: Desk, error: WeltError) -> Notice:
    return Notice("bad", desk.words.error(error))


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
            desk, station, session, notice=_refused(desk, error), draft=name, status=error.status
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
        return _users_page(desk, station, session, notice=_refused(desk, error), status=error.status)
    return _after("/users", "changed", name)


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
        return _users_page(desk, station, session, notice=_refused(desk, error), status=error.status)
    return _after("/users", "changed", name)


def _version(folder: Path) -> str:
    """Short digest of all files of a folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]
