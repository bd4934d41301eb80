"""The pages of every part of the service, their files, and the page of problems."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from inspection.errors import ModelError
from inspection.web import (
    calibration_pages,
    contexts,
    pages_entry,
    pages_lots,
    pages_people,
    pages_recipes,
    pages_results,
    pages_sets,
    pages_statistics,
    pages_teach,
    standards_pages,
)
from inspection.web.deps import SESSION_COOKIE, StationDep
from inspection.web.desk import HERE, PRIVATE, YEAR_S, DeskDep, Pages, SmallForms, bare_frame

__all__ = ["install", "routers"]


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
        frame = bare_frame(request, self._pages, words)
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


router = APIRouter(include_in_schema=False, route_class=SmallForms, default_response_class=HTMLResponse)


def routers() -> tuple[APIRouter, ...]:
    """The pages, by part of the service."""
    return (
        router,
        pages_entry.router,
        pages_results.router,
        pages_people.router,
        pages_sets.router,
        pages_lots.router,
        pages_statistics.router,
        pages_recipes.json_router,
        pages_recipes.router,
        pages_teach.router,
        standards_pages.router,
        calibration_pages.router,
    )


def install(app: FastAPI) -> None:
    """Add the pages, their files and the page of problems to the application."""
    pages = Pages()
    app.state.pages = pages
    app.state.templates = _Problems(pages)
    app.mount("/static", _StaticFiles(directory=HERE / "static"), name="static")
    for each in routers():
        app.include_router(each)


@router.get("/")
def root() -> Response:
    """The results are what people come for."""
    return RedirectResponse(contexts.URLS["results"], status_code=303)


@router.get("/status")
def status(desk: DeskDep) -> Response:
    """Counts and the light, for pages that stay open."""
    return desk.page("_status.html", None)


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
