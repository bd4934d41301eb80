"""The API of recipes: versions, what is in force, reference photos, trials, and what stations work on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from fastapi.concurrency import run_in_threadpool

from inspection import drawing, imaging, names
from inspection.document import ResultDocument, build_document
from inspection.domain import Finding, Metadata, Photo
from inspection.errors import ForbiddenError, NotFoundError, RecipeError, UnknownNameError
from inspection.pipeline import Setup
from inspection.recipe_book import of_version
from inspection.recipe_toml import to_toml
from inspection.recipes import Recipe
from inspection.settings import Settings
from inspection.station import Station
from inspection.store import inspections, stations
from inspection.store import recipes as stored
from inspection.web.deps import (
    Caller,
    Reader,
    RecipeManager,
    RecipeSetter,
    SettingsDep,
    StationDep,
)
from inspection.web.problems import problem_responses
from inspection.web.recipe_schemas import (
    ActiveBody,
    NewVersionBody,
    PhotoAnswer,
    RecipeVersions,
    StationRecipeAnswer,
    StationRecipeBody,
    TrialBody,
    VersionAnswer,
    VersionSummary,
)
from inspection.web.schemas import NAME_PATTERN
from inspection.web.uploads import RAW_MEDIA_TYPES, read_upload_in_time

__all__ = ["router", "tried"]

router = APIRouter()

RecipeName = Annotated[str, Path(pattern=names.PATTERN, description="Name of the recipe.")]
Number = Annotated[int, Path(ge=1, le=2**31 - 1, description="Number of the version.")]
StationName = Annotated[str, Path(pattern=NAME_PATTERN, description="Name of the station.")]
Sha256 = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="SHA-256 of the photo, in hex.")]


def _in_force(station: StationDep, name: str) -> int | None:
    return next((each.version for each in stored.activations(station.store, name, limit=1)), None)


@router.get(
    "/api/v1/recipes/{name}/versions",
    name="list_recipe_versions",
    tags=["recipes"],
    summary="Versions of a recipe",
    responses=problem_responses(401, 403, 404, 422, 503),
)
def list_versions(name: RecipeName, caller: Reader, station: StationDep) -> RecipeVersions:
    """All versions, newest first, with who published them, when and why."""
    active = _in_force(station, name)
    return RecipeVersions(
        items=[
            VersionSummary.of(version, in_force=active) for version in stored.versions(station.store, name)
        ]
    )


@router.get(
    "/api/v1/recipes/{name}/versions/{number}",
    name="read_recipe_version",
    tags=["recipes"],
    summary="Read a version of a recipe",
    responses=problem_responses(401, 403, 404, 422, 503),
)
def read_version(name: RecipeName, number: Number, caller: Reader, station: StationDep) -> VersionAnswer:
    """Its content as it was published, and as TOML."""
    version = stored.version(station.store, name, number)
    recipe = of_version(version)
    return VersionAnswer(
        summary=VersionSummary.of(version, in_force=_in_force(station, name)),
        recipe=recipe,
        toml=to_toml(recipe),
    )


@router.post(
    "/api/v1/recipes/{name}/versions",
    name="publish_recipe",
    tags=["recipes"],
    summary="Publish a version of a recipe",
    status_code=201,
    responses=problem_responses(400, 401, 403, 404, 409, 422, 503),
)
def publish(
    name: RecipeName, body: NewVersionBody, caller: RecipeManager, station: StationDep
) -> VersionSummary:
    """Reference photos are uploaded before. Photos that come after the answer are judged by the version."""
    if body.recipe.name != name:
        raise RecipeError(
            f"name: the recipe is called {body.recipe.name!r}, the address {name!r}.",
            hint="Use one name for both.",
        )
    made = station.book.publish(
        body.recipe, station.standards, by=caller.name, note=body.note, in_force=body.activate
    )
    return VersionSummary.of(made, in_force=_in_force(station, name))


@router.put(
    "/api/v1/recipes/{name}/active",
    name="activate_recipe",
    tags=["recipes"],
    summary="Put a version of a recipe in force",
    responses=problem_responses(400, 401, 403, 404, 422, 503),
)
def activate(
    name: RecipeName, body: ActiveBody, caller: RecipeManager, station: StationDep
) -> RecipeVersions:
    """An older version is the way back. Null withdraws the recipe; its versions stay."""
    if body.version is None:
        station.book.withdraw(name, by=caller.name, note=body.note)
    else:
        station.book.activate(name, body.version, station.standards, by=caller.name, note=body.note)
    return list_versions(name, caller, station)


# Reference photos ------------------------------------------------------------------------------------------


@router.post(
    "/api/v1/recipe-photos",
    name="keep_recipe_photo",
    tags=["recipes"],
    summary="Keep a reference photo",
    status_code=201,
    responses=problem_responses(400, 401, 403, 413, 415, 422, 503, 504),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                media_type: {"schema": {"type": "string", "format": "binary"}}
                for media_type in RAW_MEDIA_TYPES
            },
        }
    },
)
async def keep_photo(
    request: Request, caller: RecipeManager, station: StationDep, settings: SettingsDep
) -> PhotoAnswer:
    """Send the photo as the body; a recipe names it by the `sha256` of the answer."""
    return await kept(request, station, settings)


async def kept(request: Request, station: Station, settings: Settings) -> PhotoAnswer:
    """Receive and keep a reference photo."""
    upload = await read_upload_in_time(
        request,
        limit_bytes=int(settings.max_upload_mb * 1e6),
        budget=request.app.state.upload_budget,
        deadline_s=settings.deadline_s,
        hint="Nothing was stored; send the photo again.",
    )

    def keep() -> PhotoAnswer:
        photo = imaging.decode(upload.body, max_pixels=int(settings.max_photo_mp * 1e6))
        sha256 = station.photos.put(upload.body)
        return PhotoAnswer(sha256=sha256, width_px=photo.width_px, height_px=photo.height_px)

    return await run_in_threadpool(keep)


@router.get(
    "/api/v1/recipe-photos/{sha256}",
    name="read_recipe_photo",
    tags=["recipes"],
    summary="A kept photo",
    response_class=Response,
    responses={
        200: {
            "content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}},
            "description": "The photo, upright, as the service sees it.",
        },
        **problem_responses(401, 403, 404, 422, 503),
    },
)
def read_photo(sha256: Sha256, caller: RecipeManager, station: StationDep, settings: SettingsDep) -> Response:
    """The photo turned upright and as every browser can show it: what outlines are drawn on."""
    photo = imaging.decode(station.photos.get(sha256), max_pixels=int(settings.max_photo_mp * 1e6))
    return Response(
        drawing.encode_jpeg(photo.rgb),
        media_type="image/jpeg",
        headers={"Cache-Control": "private, max-age=31536000, immutable"},
    )


# Trials ----------------------------------------------------------------------------------------------------


@router.post(
    "/api/v1/recipe-trials",
    name="try_recipe",
    tags=["recipes"],
    summary="Try a draft on a stored photo",
    responses=problem_responses(400, 401, 403, 404, 422, 503),
)
def try_recipe(body: TrialBody, caller: RecipeManager, station: StationDep) -> ResultDocument:
    """The document that the draft would give for the photo of a result. Nothing is kept, and `result_id` and
    `links` stay those of the result.
    """
    finding, photo, metadata, setup = tried(station, body.recipe, body.view, body.result_id)
    return build_document(
        result_id=body.result_id,
        created_at=datetime.now(UTC),
        metadata=metadata,
        photo=photo,
        finding=finding,
        setup=setup,
        took_ms={},
    )


def tried(
    station: Station, draft: Recipe, view: str, result_id: str
) -> tuple[Finding, Photo, Metadata, Setup]:
    """Judge the stored photo of a result by a draft.

    Raises
    ------
    NotFoundError : no such result.
    RecipeError, UnknownNameError : the draft cannot be used, or has no such view.
    """
    record = inspections.by_id(station.store, result_id).record
    before = ResultDocument.model_validate_json(record.document)
    # The limit for new photos may have been lowered since this one was accepted.
    photo = imaging.decode(
        station.photos.get(record.photo_sha256), max_pixels=before.photo.width_px * before.photo.height_px
    )
    metadata = Metadata(
        station=record.station,
        view=view,
        recipe=draft.name,
        foot=record.foot,
        # The recipe's own scale is what is tried; the photo's holds where the draft has none.
        mm_per_px=None
        if before.calibration is None or draft.view(view).mm_per_px is not None
        else before.calibration.mm_per_px,
    )
    finding, setup = station.try_recipe(photo, metadata, draft)
    return finding, photo, metadata, setup


# What stations work on -------------------------------------------------------------------------------------


def _own_station(caller: Caller, name: str, station: StationDep) -> None:
    """A key speaks for its own station; people for every one that there is."""
    if caller.station is not None and caller.station != name:
        raise ForbiddenError(
            f"The key belongs to station {caller.station!r}, not to {name!r}.",
            hint="Use a key of that station.",
        )
    _existing(station, name)


def _existing(station: Station, name: str) -> None:
    try:
        stations.by_name(station.store, name)
    except UnknownNameError as error:
        raise NotFoundError(error.detail, hint=error.hint) from error


def _told(station: StationDep, name: str, found: stored.StationRecipe | None) -> StationRecipeAnswer:
    recipe = None if found is None else found.recipe
    try:
        version = station.recipes.get(recipe).version
    except UnknownNameError:
        version = None
    if found is None:
        return StationRecipeAnswer(
            station=name, recipe="default", version=version, style=None, set_at=None, set_by=None
        )
    return StationRecipeAnswer(
        station=name,
        recipe=found.recipe,
        version=version,
        style=found.style,
        set_at=found.set_at,
        set_by=found.set_by,
    )


_STATION_RESPONSES: dict[int | str, dict[str, Any]] = problem_responses(400, 401, 403, 404, 409, 422, 503)


@router.get(
    "/api/v1/stations/{name}/recipe",
    name="read_station_recipe",
    tags=["stations"],
    summary="What a station works on",
    responses=problem_responses(401, 403, 404, 422, 503),
)
def read_station_recipe(name: StationName, caller: Reader, station: StationDep) -> StationRecipeAnswer:
    """The recipe of its next photo, unless the photo names another."""
    _existing(station, name)
    look = stored.look(station.store, name)
    station.book.refresh(look.revision)
    return _told(station, name, look.station_recipe)


@router.put(
    "/api/v1/stations/{name}/recipe",
    name="set_station_recipe",
    tags=["stations"],
    summary="Switch what a station works on",
    responses=_STATION_RESPONSES,
)
def set_station_recipe(
    name: StationName, body: StationRecipeBody, caller: RecipeSetter, station: StationDep
) -> StationRecipeAnswer:
    """For a PLC at a change of style: its next photo is judged by that recipe, on every replica."""
    _own_station(caller, name, station)
    made = station.book.set_station(name, recipe=body.recipe, style=body.style, by=caller.name)
    return _told(station, name, made)


@router.delete(
    "/api/v1/stations/{name}/recipe",
    name="clear_station_recipe",
    tags=["stations"],
    summary="Have a station work on nothing in particular",
    responses=problem_responses(401, 403, 404, 422, 503),
)
def clear_station_recipe(name: StationName, caller: RecipeSetter, station: StationDep) -> StationRecipeAnswer:
    """Its photos are judged by the recipe that they name, or by the default."""
    _own_station(caller, name, station)
    stored.clear_station(station.store, name, by=caller.name)
    return _told(station, name, None)
