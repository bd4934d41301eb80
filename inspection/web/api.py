"""The API under /api/v1: photos in, results out, and what they are judged by."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import Future
from typing import Annotated, Any

from fastapi import APIRouter, Body, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from inspection import assembling, drawing
from inspection.document import ResultDocument
from inspection.domain import Metadata
from inspection.errors import (
    DeadlineError,
    ForbiddenError,
    MetadataError,
    NotFoundError,
    UnknownNameError,
)
from inspection.station import Outcome, Station
from inspection.store import Store, inspections, reviews, stations
from inspection.web import openapi, pictures
from inspection.web.deps import (
    Caller,
    Inspector,
    KeyManager,
    Reader,
    Reviewer,
    SettingsDep,
    StationDep,
    StationManager,
)
from inspection.web.events import Feed
from inspection.web.pictures import Picture
from inspection.web.problems import problem_responses
from inspection.web.schemas import (
    KEY_ID_PATTERN,
    NAME_PATTERN,
    RESULT_ID_PATTERN,
    Agreement,
    InspectionPage,
    InspectionSummary,
    KeyAnswer,
    KeyList,
    ListQuery,
    ModelList,
    NewKeyAnswer,
    NewKeyBody,
    NewStationBody,
    OverlayQuery,
    Override,
    RecipeList,
    ReviewAnswer,
    ReviewList,
    StandardList,
    StationAnswer,
    StationList,
)
from inspection.web.uploads import PhotoMeta, Upload, read_upload_in_time

__all__ = ["router"]

router = APIRouter()

ResultId = Annotated[str, Path(pattern=RESULT_ID_PATTERN, description="Id of the result, a ULID.")]
StationName = Annotated[str, Path(pattern=NAME_PATTERN, description="Name of the station.")]
KeyId = Annotated[str, Path(pattern=KEY_ID_PATTERN, description="Id of the key, the part after welt_.")]

_FOR_EVER = "private, max-age=31536000, immutable"
_ASK_AGAIN = "private, no-cache"
"""May be kept, but only shown again once the service said that it is still right."""
_ETAG = {"ETag": {"schema": {"type": "string"}}}
_NOT_MODIFIED: dict[str, Any] = {"description": "The caller's copy is still right."}


# Inspections -----------------------------------------------------------------------------------------------


@router.post(
    "/api/v1/inspections",
    name="create_inspection",
    tags=["inspections"],
    summary="Inspect a photo",
    status_code=201,
    response_class=Response,
    responses={
        201: {
            "model": ResultDocument,
            "description": "Inspected; photo and result are on the disk.",
            "headers": {"Location": {"required": True, "schema": {"type": "string"}}},
        },
        200: {
            "model": ResultDocument,
            "description": "Inspected before under the same idempotency key; the same document.",
            "headers": {"Location": {"required": True, "schema": {"type": "string"}}},
        },
        **problem_responses(400, 401, 403, 409, 413, 415, 422, 503, 504),
    },
    openapi_extra=openapi.upload_description(),
)
async def create_inspection(
    request: Request, caller: Inspector, station: StationDep, settings: SettingsDep
) -> Response:
    """Send the photo as multipart (`image` and `meta`), or as the raw body with metadata in query or headers.

    The answer comes once photo and result are durable. A repeat with the same idempotency key and the same
    bytes gets the stored answer, byte for byte; so a camera that got none may simply send again.
    """
    ends_s = time.monotonic() + settings.deadline_s
    upload = await read_upload_in_time(
        request,
        limit_bytes=int(settings.max_upload_mb * 1e6),
        budget=request.app.state.upload_budget,
        deadline_s=settings.deadline_s,
        hint="Check the network between camera and service; nothing was stored, so send the photo again.",
    )
    metadata = await _metadata(caller, upload.meta, station)
    answer = station.submit(upload.body, metadata, sha256=upload.sha256)
    outcome = await _wait(
        answer, seconds=ends_s - time.monotonic(), upload=upload, settings_s=settings.deadline_s
    )
    return Response(
        outcome.document,
        status_code=201 if outcome.created else 200,
        media_type="application/json",
        headers={"Location": f"/api/v1/inspections/{outcome.result_id}", "Cache-Control": "no-store"},
    )


async def _wait(answer: Future[Outcome], *, seconds: float, upload: Upload, settings_s: float) -> Outcome:
    waiting = asyncio.wrap_future(answer)
    # When nobody waits any more, the end is looked at here: asyncio complains of errors that nobody saw.
    waiting.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
    try:
        async with asyncio.timeout(max(0.0, seconds)):
            return await asyncio.shield(waiting)
    except TimeoutError:
        repeat = (
            "Send it again with the same idempotency key: the inspection goes on, and will be the answer."
            if upload.meta.idempotency_key is not None
            else "The inspection goes on and will be listed; with an Idempotency-Key you could ask again."
        )
        raise DeadlineError(
            f"The inspection did not end within {settings_s:g} s.", hint=repeat, retry_after_s=2
        ) from None


async def _metadata(caller: Caller, meta: PhotoMeta, station: Station) -> Metadata:
    name = meta.station or caller.station
    if name is None:
        raise MetadataError(
            "The photo names no station.",
            hint="People name the station of the photo; only an API key brings its own.",
        )
    if name != caller.station:
        known = await run_in_threadpool(stations.by_name, station.store, name)
        if caller.station is not None:
            raise ForbiddenError(
                f"The key belongs to station {caller.station!r}, not to {known.name!r}.",
                hint="Leave station out, or use a key of that station.",
            )
        if not known.active:
            raise ForbiddenError(
                f"The station {name!r} is disabled.", hint="Ask an administrator to enable it."
            )
    return await run_in_threadpool(station.book.choose, Metadata(**{**dict(meta), "station": name}))


@router.get(
    "/api/v1/inspections",
    name="list_inspections",
    tags=["inspections"],
    summary="List results, newest first",
    responses=problem_responses(401, 403, 404, 422, 503),
)
def list_inspections(
    query: Annotated[ListQuery, Query()], caller: Reader, station: StationDep, response: Response
) -> InspectionPage:
    """Results that match all filters, page by page; what comes meanwhile neither repeats nor hides any."""
    filters = inspections.Filters(
        grades=frozenset(query.grade),
        kinds=frozenset(query.kind),
        station=query.station,
        style=query.style,
        lot_id=query.lot_id,
        view=query.view,
        part_id=query.part_id,
        created_from=query.created_from,
        created_until=query.created_until,
        reviewed=query.reviewed,
    )
    try:
        page = inspections.page(station.store, filters, cursor=query.cursor, limit=query.limit)
    except MetadataError as error:
        if query.cursor is None:
            raise
        raise NotFoundError(
            f"There is no page after the cursor {query.cursor!r}.",
            hint="Use next_cursor of the page before, unchanged.",
        ) from error
    response.headers["Cache-Control"] = "no-store"
    return InspectionPage(
        items=[InspectionSummary.of(stored) for stored in page.items], next_cursor=page.next_cursor
    )


@router.get(
    "/api/v1/inspections/{result_id}",
    name="read_inspection",
    tags=["inspections"],
    summary="Read a result",
    response_class=Response,
    responses={
        200: {"model": ResultDocument, "description": "The document, as it was answered to the camera."},
        **problem_responses(401, 403, 404, 422, 503),
    },
)
def read_inspection(result_id: ResultId, caller: Reader, station: StationDep) -> Response:
    """The result document, byte for byte as the camera got it; reviews are apart and do not change it."""
    record = inspections.by_id(station.store, result_id).record
    return Response(record.document, media_type="application/json", headers={"Cache-Control": "no-store"})


# Pictures --------------------------------------------------------------------------------------------------


def _picture_responses(media_type: str, description: str) -> dict[int | str, dict[str, Any]]:
    return {
        200: {
            "content": {media_type: {"schema": {"type": "string", "format": "binary"}}},
            "description": description,
            "headers": _ETAG,
        },
        304: _NOT_MODIFIED,
        **problem_responses(401, 403, 404, 422, 503),
    }


def _show(request: Request, picture: Picture, *, keeping: str = _FOR_EVER) -> Response:
    etag = f'"{picture.tag}"'
    headers = {"ETag": etag, "Cache-Control": keeping}
    known = request.headers.get("if-none-match", "")
    if known == "*" or etag in (tag.strip().removeprefix("W/") for tag in known.split(",")):
        return Response(status_code=304, headers=headers)
    return Response(picture.body, media_type=picture.media_type, headers=headers)


@router.get(
    "/api/v1/inspections/{result_id}/photo",
    name="read_photo",
    tags=["pictures"],
    summary="The photo as it came",
    response_class=Response,
    responses=_picture_responses("image/*", "The bytes that the camera sent."),
)
def read_photo(request: Request, result_id: ResultId, caller: Reader, station: StationDep) -> Response:
    """The photo, byte for byte; not turned upright."""
    return _show(request, pictures.original(station, result_id))


@router.get(
    "/api/v1/inspections/{result_id}/surface",
    name="read_surface",
    tags=["pictures"],
    summary="The surface map",
    response_class=Response,
    responses=_picture_responses("image/png", "8-bit grey: probability of any defect x 255."),
)
def read_surface(request: Request, result_id: ResultId, caller: Reader, station: StationDep) -> Response:
    """The map on the grid of the network; its outer edges are those of the upright photo."""
    return _show(request, pictures.surface(station, result_id))


@router.get(
    "/api/v1/inspections/{result_id}/seams.csv",
    name="read_seams",
    tags=["inspections"],
    summary="Every stitch of a result as CSV",
    response_class=Response,
    responses=_picture_responses("text/csv", "One line per needle hole; the header names the columns."),
)
def read_seams(request: Request, result_id: ResultId, caller: Reader, station: StationDep) -> Response:
    """The seams of the result document for a spreadsheet: places, pitch, margin, run-off, row gap, faults.

    Another version of Welt may have further columns.
    """
    return _show(request, pictures.seams_table(station, result_id), keeping=_ASK_AGAIN)


@router.get(
    "/api/v1/inspections/{result_id}/overlay",
    name="read_overlay",
    tags=["pictures"],
    summary="The photo with what was found",
    response_class=Response,
    responses=_picture_responses("image/jpeg", "The upright photo, drawn over."),
)
async def read_overlay(
    request: Request,
    result_id: ResultId,
    query: Annotated[OverlayQuery, Query()],
    caller: Reader,
    station: StationDep,
) -> Response:
    """Drawn when asked for, and not before: another version of Welt may draw it otherwise."""
    what = drawing.Overlay(outlines=query.outlines, labels=query.labels)
    renderer: pictures.Renderer = request.app.state.renderer
    drawn = await asyncio.get_running_loop().run_in_executor(
        renderer.pool,
        lambda: renderer.overlay(station, result_id, what=what, with_heat=query.heat, side_px=query.side_px),
    )
    same = query.v == pictures.drawing_version()
    return _show(request, drawn, keeping=_FOR_EVER if same else _ASK_AGAIN)


# Reviews ---------------------------------------------------------------------------------------------------


@router.post(
    "/api/v1/inspections/{result_id}/reviews",
    name="create_review",
    tags=["reviews"],
    summary="Agree with a result, or give another grade",
    status_code=201,
    responses=problem_responses(400, 401, 403, 404, 409, 422, 503),
)
def create_review(
    request: Request,
    result_id: ResultId,
    body: Annotated[Agreement | Override, Body(discriminator="decision")],
    caller: Reviewer,
    station: StationDep,
) -> ReviewAnswer:
    """Adds to what was said before. 409 when somebody else reviewed it since the reviewer looked."""
    review = reviews.add(
        station.store,
        result_id,
        reviewer=caller.name,
        decision=body.decision,
        grade=body.grade if isinstance(body, Override) else None,
        seen_revision=body.revision,
        comment=body.comment,
    )
    assembling.keep(station, inspections.by_id(station.store, result_id))
    feed: Feed = request.app.state.feed
    feed.wake()
    return ReviewAnswer.of(review)


@router.get(
    "/api/v1/inspections/{result_id}/reviews",
    name="list_reviews",
    tags=["reviews"],
    summary="What people said of a result",
    responses=problem_responses(401, 403, 404, 422, 503),
)
def list_reviews(result_id: ResultId, caller: Reader, station: StationDep) -> ReviewList:
    """All reviews, oldest first; the last one holds."""
    inspections.by_id(station.store, result_id)
    return ReviewList(
        items=[ReviewAnswer.of(review) for review in reviews.of_result(station.store, result_id)]
    )


# What photos are judged by ---------------------------------------------------------------------------------


@router.get(
    "/api/v1/models",
    name="list_models",
    tags=["configuration"],
    summary="The model that serves",
    responses=problem_responses(401, 403, 503),
)
def list_models(caller: Reader, station: StationDep) -> ModelList:
    """Its manifest: kinds, scale, thresholds, data and scores."""
    return ModelList(items=[station.model.manifest])


@router.get(
    "/api/v1/recipes",
    name="list_recipes",
    tags=["configuration"],
    summary="The recipes",
    responses=problem_responses(401, 403, 503),
)
def list_recipes(caller: Reader, station: StationDep) -> RecipeList:
    """Views, zones and standard of each."""
    return RecipeList(items=[station.recipes.get(name) for name in station.recipes.names()])


@router.get(
    "/api/v1/standards",
    name="list_standards",
    tags=["configuration"],
    summary="The standards",
    responses=problem_responses(401, 403, 503),
)
def list_standards(caller: Reader, station: StationDep) -> StandardList:
    """The rules of each, with clause and provenance."""
    return StandardList(items=[station.standards.get(name) for name in station.standards.ids()])


# Stations and keys -----------------------------------------------------------------------------------------


@router.get(
    "/api/v1/stations",
    name="list_stations",
    tags=["stations"],
    summary="The stations",
    responses=problem_responses(401, 403, 503),
)
def list_stations(caller: Reader, station: StationDep) -> StationList:
    """All stations, disabled ones too."""
    return StationList(items=[StationAnswer.of(one) for one in stations.all_stations(station.store)])


@router.post(
    "/api/v1/stations",
    name="create_station",
    tags=["stations"],
    summary="Add a station",
    status_code=201,
    responses=problem_responses(400, 401, 403, 409, 422, 503),
)
def create_station(body: NewStationBody, caller: StationManager, station: StationDep) -> StationAnswer:
    """A place on the line from which photos come."""
    return StationAnswer.of(
        stations.add(station.store, body.name, by=caller.name, description=body.description)
    )


def _existing(store: Store, name: str) -> stations.Station:
    try:
        return stations.by_name(store, name)
    except UnknownNameError as error:
        # In the address a name that is not known is a page that is not there.
        raise NotFoundError(error.detail, hint=error.hint) from error


@router.get(
    "/api/v1/stations/{name}/keys",
    name="list_keys",
    tags=["stations"],
    summary="The API keys of a station",
    responses=problem_responses(401, 403, 404, 422, 503),
)
def list_keys(name: StationName, caller: KeyManager, station: StationDep) -> KeyList:
    """All keys, revoked ones too, without their secrets."""
    known = _existing(station.store, name)
    return KeyList(items=[KeyAnswer.of(key) for key in stations.keys(station.store, known.name)])


@router.post(
    "/api/v1/stations/{name}/keys",
    name="create_key",
    tags=["stations"],
    summary="Make an API key for a station",
    status_code=201,
    responses=problem_responses(400, 401, 403, 404, 422, 503),
)
def create_key(
    name: StationName, body: NewKeyBody, caller: KeyManager, station: StationDep, response: Response
) -> NewKeyAnswer:
    """The key is in this answer and nowhere else."""
    known = _existing(station.store, name)
    made = stations.create_key(station.store, known.name, by=caller.name, note=body.note)
    response.headers["Cache-Control"] = "no-store"
    return NewKeyAnswer(key=KeyAnswer.of(made.key), text=made.text)


@router.delete(
    "/api/v1/stations/{name}/keys/{key_id}",
    name="revoke_key",
    tags=["stations"],
    summary="Revoke an API key",
    responses=problem_responses(401, 403, 404, 422, 503),
)
def revoke_key(name: StationName, key_id: KeyId, caller: KeyManager, station: StationDep) -> KeyAnswer:
    """It stops working at once and for ever; it stays in the list."""
    known = _existing(station.store, name)
    if key_id not in {key.key_id for key in stations.keys(station.store, known.name)}:
        raise NotFoundError(
            f"The station {name!r} has no API key {key_id!r}.", hint="See the list of keys of the station."
        )
    return KeyAnswer.of(stations.revoke_key(station.store, key_id, by=caller.name))
