"""The API of novelty: what was taught, teaching with the photos of results, where the line is drawn."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from inspection import names, teaching
from inspection.store import banks, inspections
from inspection.store.banks import BankVersion, State, Teaching
from inspection.teaching_job import asked
from inspection.web.deps import JobsDep, Reader, StationDep, Teacher
from inspection.web.problems import problem_responses
from inspection.web.schemas import RESULT_ID_PATTERN
from inspection.web.teach_photos import fits_serving, photos_of, taught_view

__all__ = ["router"]

router = APIRouter(tags=["novelty"])

RecipeName = Annotated[str, Path(pattern=names.PATTERN, description="Name of the recipe.")]
ViewName = Annotated[str, Path(pattern=names.PATTERN, description="Name of the view.")]
Share = Annotated[float, Field(ge=0.0005, le=0.5, allow_inf_nan=False)]
ResultId = Annotated[str, Field(pattern=RESULT_ID_PATTERN)]
Why = Annotated[str, Field(max_length=500, description="Kept beside the version.")]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NoveltyVersion(_Model):
    """One version of what a view was taught; the highest is in force."""

    recipe: str
    view: str
    version: int
    on: bool = Field(description="False where novelty is not judged.")
    fits_model: bool = Field(
        description="False where it was taught with features of another model than the one that serves: "
        "novelty is not judged until the view is taught again, as a teaching with no results and `add` does."
    )
    photos: int
    limit: float = Field(description="Novelty from which a place does not belong.")
    false_rejects: float = Field(description="Share of good photos that was asked for.")
    low: float = Field(description="95 % interval of the share that the limit gives.")
    high: float
    direct: bool = Field(description="Whether the photos support it without extrapolation.")
    photos_needed: int = Field(description="How many more good photos would.")
    why: str
    made_by: str
    made_at: datetime | None


class NoveltyVersions(_Model):
    """Versions, newest first."""

    items: list[NoveltyVersion]


class SuspectPhoto(_Model):
    """A photo that a person has to look at before it is taught."""

    sha256: str
    name: str = Field(description="Id of its result.")
    score: float
    at_px: tuple[float, float]
    objection: str = Field(description="What the network sees; empty when it is only unlike the others.")


class TeachingAnswer(_Model):
    """A teaching: running, waiting for somebody to look at its suspects, done or failed."""

    teaching_id: str
    recipe: str
    view: str
    state: State
    dead: bool = Field(description="It was killed; nothing was changed.")
    progress: float
    started_by: str
    started_at: datetime
    suspects: list[SuspectPhoto]
    version: int | None = Field(description="The version that it made.")
    problem: dict[str, str] | None = Field(description="kind, detail and hint when it failed.")


class NewTeaching(_Model):
    """What to teach: photos of stored results."""

    results: list[ResultId] = Field(max_length=200)
    false_rejects: Share = teaching.DEFAULT_FALSE_REJECTS
    keep: list[ResultId] = Field(
        default=[], max_length=200, description="Results that were looked at and are good."
    )
    add: bool = Field(False, description="Together with the photos taught before.")
    replace: bool = Field(False, description="Forget what was taught before.")
    why: Why = ""


class NewLimit(_Model):
    """Another share of false rejects; ``seen_version`` is what was in force when it was decided."""

    false_rejects: Share
    seen_version: int = Field(ge=0)
    why: Why = ""


class OldVersion(_Model):
    """An older version to put in force again."""

    version: int = Field(ge=1)
    seen_version: int = Field(ge=0)


def _version(version: BankVersion, station: StationDep) -> NoveltyVersion:
    return NoveltyVersion(
        recipe=version.recipe,
        view=version.view,
        version=version.version,
        on=version.bank_sha256 is not None,
        fits_model=fits_serving(station, version),
        photos=len(version.photos),
        limit=version.limit,
        false_rejects=version.false_rejects,
        low=version.low,
        high=version.high,
        direct=version.direct,
        photos_needed=version.photos_needed,
        why=version.why,
        made_by=version.made_by,
        made_at=version.made_at,
    )


def _teaching(one: Teaching) -> TeachingAnswer:
    return TeachingAnswer(
        teaching_id=one.teaching_id,
        recipe=one.recipe,
        view=one.view,
        state=one.state,
        dead=one.dead,
        progress=one.progress,
        started_by=one.started_by,
        started_at=one.started_at,
        suspects=[SuspectPhoto(**suspect) for suspect in one.details.get("suspects", ())],
        version=one.details.get("version"),
        problem=one.details.get("problem"),
    )


_PNG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/png": {}}, "description": "16-bit grey."}}


@router.get("/api/v1/novelty", summary="What is in force", responses=problem_responses(401, 403, 503))
def list_novelty(caller: Reader, station: StationDep) -> NoveltyVersions:
    """The newest version of every view that was taught."""
    return NoveltyVersions(items=[_version(version, station) for version in banks.in_force(station.store)])


@router.get(
    "/api/v1/novelty/{recipe}/{view}",
    summary="Versions of a view",
    responses=problem_responses(401, 403, 404, 422, 503),
)
def novelty_versions(
    recipe: RecipeName, view: ViewName, caller: Reader, station: StationDep
) -> NoveltyVersions:
    """All versions of what a view was taught, newest first; empty when it never was."""
    taught_view(station, recipe, view)
    history = banks.history(station.store, recipe, view)
    return NoveltyVersions(items=[_version(one, station) for one in history])


@router.post(
    "/api/v1/novelty/{recipe}/{view}/teachings",
    summary="Teach a view",
    status_code=202,
    responses=problem_responses(400, 401, 403, 404, 409, 422, 503),
)
def teach_view(
    recipe: RecipeName, view: ViewName, body: NewTeaching, caller: Teacher, station: StationDep, jobs: JobsDep
) -> TeachingAnswer:
    """Begin to teach a view with photos of results. The line goes on; ask for the teaching now and then."""
    taught_view(station, recipe, view)
    photos = photos_of(station, recipe, view, body.results)
    history = banks.history(station.store, recipe, view)
    before = history[0].photos if body.add and history else ()
    kept = {photo.sha256 for photo in photos if photo.name in body.keep}
    known = {photo.sha256: photo for photo in (*before, *photos)}
    details = asked(
        tuple(known.values()),
        false_rejects=body.false_rejects,
        keep=frozenset(kept | {photo.sha256 for photo in before}),
        replace=body.replace,
        why=body.why,
    )
    return _teaching(
        jobs.start(station.store, station.recipes.get(recipe), view, by=caller.name, details=details)
    )


@router.get(
    "/api/v1/teachings/{teaching_id}",
    summary="How a teaching is",
    responses=problem_responses(401, 403, 404, 422, 503),
)
def teaching_state(
    teaching_id: Annotated[str, Path(pattern=RESULT_ID_PATTERN)], caller: Reader, station: StationDep
) -> TeachingAnswer:
    """Its progress, its suspects, the version that it made, or why it failed."""
    return _teaching(banks.teaching(station.store, teaching_id))


@router.get(
    "/api/v1/novelty/{recipe}/{view}/preview",
    summary="Try another limit",
    responses=problem_responses(401, 403, 404, 422, 503),
)
def preview_limit(
    recipe: RecipeName,
    view: ViewName,
    caller: Reader,
    station: StationDep,
    false_rejects: Annotated[float, Query(ge=0.0005, le=0.5, allow_inf_nan=False)],
) -> teaching.LimitPreview:
    """How many stored results would be novel under another share of false rejects; changes nothing."""
    taught_view(station, recipe, view)
    return teaching.preview(station.store, station.photos, recipe, view, false_rejects=false_rejects)


@router.post(
    "/api/v1/novelty/{recipe}/{view}/limit",
    summary="Draw the line elsewhere",
    responses=problem_responses(400, 401, 403, 404, 409, 422, 503),
)
def set_limit(
    recipe: RecipeName, view: ViewName, body: NewLimit, caller: Teacher, station: StationDep
) -> NoveltyVersion:
    """Put the limit for another share of false rejects in force, as a new version."""
    taught_view(station, recipe, view)
    made = teaching.change_limit(
        station.store,
        station.photos,
        recipe,
        view,
        false_rejects=body.false_rejects,
        by=caller.name,
        why=body.why,
        seen_version=body.seen_version,
    )
    station.banks.refresh()
    return _version(made, station)


@router.post(
    "/api/v1/novelty/{recipe}/{view}/rollback",
    summary="Go back to an older version",
    responses=problem_responses(400, 401, 403, 404, 409, 422, 503),
)
def roll_back(
    recipe: RecipeName, view: ViewName, body: OldVersion, caller: Teacher, station: StationDep
) -> NoveltyVersion:
    """Put an older version in force again, as a new version."""
    taught_view(station, recipe, view)
    made = teaching.roll_back(
        station.store, recipe, view, body.version, by=caller.name, seen_version=body.seen_version
    )
    station.banks.refresh()
    return _version(made, station)


@router.delete(
    "/api/v1/novelty/{recipe}/{view}",
    summary="Switch novelty off",
    responses=problem_responses(401, 403, 404, 409, 422, 503),
)
def switch_off(recipe: RecipeName, view: ViewName, caller: Teacher, station: StationDep) -> NoveltyVersion:
    """Judge no novelty in a view from here on; rolling back brings it back."""
    taught_view(station, recipe, view)
    made = teaching.switch_off(station.store, recipe, view, by=caller.name)
    station.banks.refresh()
    return _version(made, station)


@router.get(
    "/api/v1/inspections/{result_id}/novelty",
    summary="The novelty map of a result",
    response_class=Response,
    responses={**_PNG, **problem_responses(401, 403, 404, 422, 503)},
)
def novelty_map(
    result_id: Annotated[str, Path(pattern=RESULT_ID_PATTERN)], caller: Reader, station: StationDep
) -> Response:
    """16-bit grey PNG on novelty's own grid: novelty x 65535 / 8, the same scale for every photo."""
    stored = inspections.by_id(station.store, result_id)
    body = station.photos.get_named(f"{stored.record.result_id}.novelty.png")
    return Response(body, media_type="image/png", headers={"Cache-Control": "private, max-age=31536000"})


@router.get(
    "/api/v1/inspections/{result_id}/novelty/overlay",
    summary="The photo with its novelty",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}, **problem_responses(401, 403, 404, 422, 503)},
)
async def novelty_overlay(
    request: Request,
    result_id: Annotated[str, Path(pattern=RESULT_ID_PATTERN)],
    caller: Reader,
    station: StationDep,
) -> Response:
    """JPEG: novelty in colour on one fixed scale for every photo, and a line where it reaches the limit."""
    renderer = request.app.state.renderer
    loop = asyncio.get_running_loop()
    picture = await loop.run_in_executor(renderer.pool, renderer.novelty, station, result_id)
    return Response(
        picture.body,
        media_type=picture.media_type,
        headers={"ETag": f'"{picture.tag}"', "Cache-Control": "private, no-cache"},
    )
