"""The list of results, the shop-floor screen, one result, and what people say of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from inspection import assembling, taxonomy
from inspection.document import ResultDocument
from inspection.domain import Grade
from inspection.errors import ConflictError, MetadataError, ModelError, UnknownNameError
from inspection.recipes import Recipe
from inspection.standards import Standard
from inspection.station import Station
from inspection.store import inspections, reviews
from inspection.store.inspections import Filters, StoredInspection, Value
from inspection.store.reviews import Decision
from inspection.web import contexts
from inspection.web.contexts import FilterForm, Notice
from inspection.web.deps import StationDep
from inspection.web.desk import PRIVATE, Desk, DeskDep, FromOurForm, Inspector, SmallForms, posting_example

__all__ = ["router"]

PAGE_ROWS = 50
LIVE_ROWS = 100
"""Rows that the live list asks for at once; it asks again when there are more."""
FLOOR_STRIP = 8

router = APIRouter(include_in_schema=False, route_class=SmallForms, default_response_class=HTMLResponse)


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
        example=posting_example(request, "STATION_KEY"),
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
        assembling.keep(station, inspections.by_id(station.store, result_id))
        request.app.state.feed.wake()
    stored = inspections.by_id(station.store, result_id)
    view = _result_view(stored, desk, station, form, notice=notice, draft=draft)
    if "hx-request" in request.headers:
        return desk.page("_reviewed.html", view, status=code)
    if code == 200:
        return RedirectResponse(form.url(f"/results/{result_id}"), status_code=303, headers=PRIVATE)
    return desk.page("result.html", view, status=code)
