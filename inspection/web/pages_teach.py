"""The pages of teaching: which views were taught, and one view with its versions, limit and photos."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, Form, Query
from starlette.responses import HTMLResponse, RedirectResponse, Response

from inspection import teaching
from inspection.access import Role
from inspection.errors import (
    ConflictError,
    MetadataError,
    ModelError,
    NotFoundError,
    TeachingError,
    WeltError,
)
from inspection.store import banks
from inspection.store.banks import BankVersion, State, Teaching
from inspection.store.people import Session
from inspection.teaching_job import asked
from inspection.web.contexts import Notice, overlay_url
from inspection.web.contexts import teach as shown
from inspection.web.deps import JobsDep, StationDep
from inspection.web.desk import PRIVATE, Desk, DeskDep, FromOurForm, SmallForms, Viewer, at_least
from inspection.web.i18n import Words
from inspection.web.schemas import RESULT_ID_PATTERN
from inspection.web.teach_photos import (
    OFFERED,
    estimate_of,
    fits_serving,
    offers,
    photos_of,
    taught_view,
    with_another,
)

__all__ = ["router"]

router = APIRouter(include_in_schema=False, route_class=SmallForms, default_response_class=HTMLResponse)

Engineer = Annotated[Session, Depends(at_least(Role.ENGINEER))]
Percent = Annotated[float, Form(ge=0.05, le=50, allow_inf_nan=False)]
RESULT_ID = re.compile(RESULT_ID_PATTERN)
DEFAULT_PERCENT = 100 * teaching.DEFAULT_FALSE_REJECTS
THUMBNAIL = "side_px=160"


def _url(recipe: str, view: str) -> str:
    return f"/teach/{quote(recipe)}/{quote(view)}"


@router.get("/teach")
def teach_page(desk: DeskDep, station: StationDep, session: Viewer) -> Response:
    """All views of all recipes, with what they were taught."""
    known = {(version.recipe, version.view): version for version in banks.in_force(station.store)}
    views = []
    for name in station.recipes.names():
        for view in station.recipes.get(name).views:
            version = known.get((name, view))
            views.append(
                shown.TaughtView(
                    recipe=name,
                    view=view,
                    name=desk.words.named("view", view),
                    url=_url(name, view),
                    state=_state(version, station),
                    version=version.version if version else 0,
                    photos=len(version.photos) if version else 0,
                )
            )
    context = shown.TeachContext(views=tuple(views), model_teaches=_teaches(station))
    return desk.page("teach.html", context, place="teach")


def _teaches(station: StationDep) -> bool:
    try:
        return bool(station.model.spec.embedding_channels)
    except ModelError:
        return True  # it is only being opened


def _state(version: BankVersion | None, station: StationDep) -> str:
    if version is None:
        return "never"
    if version.bank_sha256 is None:
        return "off"
    return "on" if fits_serving(station, version) else "other_model"


Done = Annotated[str, Query(max_length=20)]


@router.get("/teach/{recipe}/{view}")
def teach_view_page(
    recipe: str,
    view: str,
    desk: DeskDep,
    station: StationDep,
    session: Viewer,
    percent: Annotated[float | None, Query(ge=0.05, le=50, allow_inf_nan=False)] = None,
    done: Done = "",
) -> Response:
    """One view: versions, limit, photos to teach."""
    taught_view(station, recipe, view)
    notice = None
    if done in ("begun", "changed"):
        notice = Notice("good", desk.words("teach.begun" if done == "begun" else "teach.changed"))
    return _page(desk, station, session, recipe, view, percent=percent, notice=notice)


def _page(
    desk: Desk,
    station: StationDep,
    session: Session,
    recipe: str,
    view: str,
    *,
    percent: float | None = None,
    notice: Notice | None = None,
    status: int = 200,
) -> Response:
    history = banks.history(station.store, recipe, view)
    now = history[0] if history else None
    preview = None
    if percent is not None and now is not None and now.bank_sha256 is not None:
        tried = teaching.preview(station.store, station.photos, recipe, view, false_rejects=percent / 100)
        preview = shown.ShownPreview(
            asked=_percent(tried.false_rejects),
            limit=f"{tried.limit:.2f}",
            promise=_promise(tried.low, tried.high),
            direct=tried.direct,
            photos_needed=tried.photos_needed,
            results=tried.results,
            now=tried.now,
            then=tried.then,
            more=tried.more,
            fewer=tried.fewer,
        )
    offered = offers(station, recipe, view)
    good = [offer for offer in offered if offer.good]
    needed = estimate_of(station, good)
    default = DEFAULT_PERCENT if now is None else 100 * now.false_rejects
    context = shown.TeachViewContext(
        recipe=recipe,
        view=view,
        name=desk.words.named("view", view),
        url=_url(recipe, view),
        seen_version=now.version if now else 0,
        may_teach=session.user.role.includes(Role.ENGINEER),
        other_model=_state(now, station) == "other_model",
        versions=tuple(_version(version, now, desk) for version in history),
        offered=tuple(
            shown.OfferedPhoto(
                result_id=offer.document.result_id,
                thumbnail_url=overlay_url(offer.document.result_id, THUMBNAIL),
                page_url=offer.document.links.page,
                grade=offer.stored.final_grade.value,
                good=offer.good,
                at=desk.zone.show(offer.stored.record.created_at),
                novelty="" if offer.document.novelty is None else f"{offer.document.novelty.score:.2f}",
            )
            for offer in offered
        ),
        estimate=""
        if needed is None
        else desk.words(
            "teach.estimate",
            photos=needed.photos,
            mb=f"{needed.memory_mb:.0f}",
            seconds=max(1, round(2 * needed.seconds)),
        ),
        teaching=_newest(desk, station, recipe, view),
        preview=preview,
        false_rejects_percent=f"{percent if percent is not None else default:g}",
        notice=notice,
    )
    return desk.page("teach_view.html", context, place="teach", status=status)


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"


def _promise(low: float, high: float) -> str:
    return f"{100 * low:.2g}–{100 * high:.2g} %"


def _version(version: BankVersion, now: BankVersion | None, desk: Desk) -> shown.ShownVersion:
    return shown.ShownVersion(
        number=version.version,
        on=version.bank_sha256 is not None,
        current=now is not None and version.version == now.version,
        photos=len(version.photos),
        limit=f"{version.limit:.2f}",
        asked=_percent(version.false_rejects),
        promise=_promise(version.low, version.high),
        direct=version.direct,
        photos_needed=version.photos_needed,
        why=version.why,
        made_by=version.made_by,
        made_at=None if version.made_at is None else desk.zone.show(version.made_at),
    )


def _newest(desk: Desk, station: StationDep, recipe: str, view: str) -> shown.ShownTeaching | None:
    found = banks.teachings(station.store, recipe, view, limit=1)
    return None if not found else _teaching(found[0], desk)


def _teaching(one: Teaching, desk: Desk) -> shown.ShownTeaching:
    problem = one.details.get("problem")
    return shown.ShownTeaching(
        state="dead" if one.dead else one.state.value,
        percent=round(100 * one.progress),
        by=one.started_by,
        at=desk.zone.show(one.started_at),
        url=f"{_url(one.recipe, one.view)}/state",
        version=int(one.details.get("version", 0)),
        problem="" if problem is None else _told(desk.words, problem["detail"], problem["hint"]),
        suspects=tuple(
            shown.ShownSuspect(
                sha256=suspect["sha256"],
                name=suspect["name"],
                score=f"{suspect['score']:.2f}",
                thumbnail_url=overlay_url(suspect["name"], THUMBNAIL),
                page_url=f"/results/{suspect['name']}" if RESULT_ID.fullmatch(suspect["name"]) else "",
                why=suspect["objection"] or desk.words("teach.unlike"),
            )
            for suspect in one.details.get("suspects", ())
        ),
    )


def _told(words: Words, detail: str, hint: str) -> str:
    return f"{words.sentence(detail)} {words.sentence(hint)}"


@router.get("/teach/{recipe}/{view}/state")
def teaching_state(recipe: str, view: str, desk: DeskDep, station: StationDep, session: Viewer) -> Response:
    """The newest teaching, as a part of the page that asks again while it runs."""
    taught_view(station, recipe, view)
    context = shown.TeachingPart(
        recipe=recipe,
        view=view,
        url=_url(recipe, view),
        may_teach=session.user.role.includes(Role.ENGINEER),
        teaching=_newest(desk, station, recipe, view),
    )
    return desk.page("_teaching.html", context, place="teach")


def _after(recipe: str, view: str, done: str) -> Response:
    return RedirectResponse(
        f"{_url(recipe, view)}?{urlencode({'done': done})}", status_code=303, headers=PRIVATE
    )


@router.post("/teach/{recipe}/{view}", dependencies=[FromOurForm])
def begin(
    recipe: str,
    view: str,
    desk: DeskDep,
    station: StationDep,
    jobs: JobsDep,
    session: Engineer,
    percent: Percent = DEFAULT_PERCENT,
    result_id: Annotated[list[str] | None, Form(max_length=OFFERED)] = None,
    add: Annotated[bool, Form()] = False,
    replace: Annotated[bool, Form()] = False,
    why: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """Teach the view with the photos of the ticked results."""
    taught_view(station, recipe, view)
    try:
        photos = photos_of(station, recipe, view, result_id or [])
        history = banks.history(station.store, recipe, view)
        before = history[0].photos if add and history else ()
        known = {photo.sha256: photo for photo in (*before, *photos)}
        details = asked(
            tuple(known.values()),
            false_rejects=percent / 100,
            keep=frozenset(photo.sha256 for photo in before),
            replace=replace,
            why=why.strip(),
        )
        jobs.start(station.store, station.recipes.get(recipe), view, by=session.user.name, details=details)
    except (ConflictError, MetadataError, NotFoundError, TeachingError) as error:
        return _refused(desk, station, session, recipe, view, error)
    return _after(recipe, view, "begun")


def _refused(
    desk: Desk, station: StationDep, session: Session, recipe: str, view: str, error: WeltError
) -> Response:
    notice = Notice("bad", desk.words.error(error))
    return _page(desk, station, session, recipe, view, notice=notice, status=error.status)


@router.post("/teach/{recipe}/{view}/again", dependencies=[FromOurForm])
def teach_again(
    recipe: str, view: str, desk: DeskDep, station: StationDep, jobs: JobsDep, session: Engineer
) -> Response:
    """Teach the view what it was taught before, with the model that serves now."""
    taught_view(station, recipe, view)
    try:
        before = teaching.newest(station.store, recipe, view)
        details = asked(
            before.photos,
            false_rejects=before.false_rejects,
            keep=frozenset(photo.sha256 for photo in before.photos),
            why=f"version {before.version} again",
        )
        jobs.start(station.store, station.recipes.get(recipe), view, by=session.user.name, details=details)
    except (ConflictError, NotFoundError, TeachingError) as error:
        return _refused(desk, station, session, recipe, view, error)
    return _after(recipe, view, "begun")


@router.post("/teach/{recipe}/{view}/suspects", dependencies=[FromOurForm])
def decide(
    recipe: str,
    view: str,
    desk: DeskDep,
    station: StationDep,
    jobs: JobsDep,
    session: Engineer,
    keep: Annotated[list[str] | None, Form(max_length=200)] = None,
) -> Response:
    """Teach again: the ticked suspects are good, the others are left out."""
    taught_view(station, recipe, view)
    found = banks.teachings(station.store, recipe, view, limit=1)
    if not found or found[0].state is not State.WAITING:
        return _after(recipe, view, "")
    details = dict(found[0].details)
    kept = set(keep or ())
    left_out = {suspect["sha256"] for suspect in details.pop("suspects")} - kept
    details["photos"] = [photo for photo in details["photos"] if photo["sha256"] not in left_out]
    # A person has seen what was far out; what is far out among fewer photos is not asked about again.
    details["keep"] = [photo["sha256"] for photo in details["photos"]]
    try:
        jobs.start(station.store, station.recipes.get(recipe), view, by=session.user.name, details=details)
    except (ConflictError, TeachingError) as error:
        return _refused(desk, station, session, recipe, view, error)
    return _after(recipe, view, "begun")


@router.post("/teach/{recipe}/{view}/limit", dependencies=[FromOurForm])
def set_limit(
    recipe: str,
    view: str,
    desk: DeskDep,
    station: StationDep,
    session: Engineer,
    percent: Percent,
    seen_version: Annotated[int, Form(ge=0)],
    why: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """Draw the line for another share of false rejects."""
    taught_view(station, recipe, view)
    try:
        teaching.change_limit(
            station.store,
            station.photos,
            recipe,
            view,
            false_rejects=percent / 100,
            by=session.user.name,
            why=why.strip(),
            seen_version=seen_version,
        )
    except (ConflictError, NotFoundError) as error:
        return _refused(desk, station, session, recipe, view, error)
    station.banks.refresh()
    return _after(recipe, view, "changed")


@router.post("/teach/{recipe}/{view}/rollback", dependencies=[FromOurForm])
def roll_back(
    recipe: str,
    view: str,
    desk: DeskDep,
    station: StationDep,
    session: Engineer,
    version: Annotated[int, Form(ge=1)],
    seen_version: Annotated[int, Form(ge=0)],
) -> Response:
    """Put an older version in force again."""
    taught_view(station, recipe, view)
    try:
        teaching.roll_back(
            station.store, recipe, view, version, by=session.user.name, seen_version=seen_version
        )
    except (ConflictError, NotFoundError) as error:
        return _refused(desk, station, session, recipe, view, error)
    station.banks.refresh()
    return _after(recipe, view, "changed")


@router.post("/teach/{recipe}/{view}/off", dependencies=[FromOurForm])
def switch_off(recipe: str, view: str, desk: DeskDep, station: StationDep, session: Engineer) -> Response:
    """Judge no novelty in the view from here on."""
    taught_view(station, recipe, view)
    try:
        teaching.switch_off(station.store, recipe, view, by=session.user.name)
    except (ConflictError, NotFoundError) as error:
        return _refused(desk, station, session, recipe, view, error)
    station.banks.refresh()
    return _after(recipe, view, "changed")


@router.post("/results/{result_id}/good", dependencies=[FromOurForm])
def teach_one(
    result_id: str, desk: DeskDep, station: StationDep, jobs: JobsDep, session: Engineer
) -> Response:
    """This one is good: teach its view again with its photo on top."""
    recipe, view, photos = with_another(station, result_id)
    history = banks.history(station.store, recipe, view)
    details = asked(
        photos,
        false_rejects=history[0].false_rejects,
        keep=frozenset(photo.sha256 for photo in photos),
        why=f"good: {result_id}",
    )
    try:
        jobs.start(station.store, station.recipes.get(recipe), view, by=session.user.name, details=details)
    except (ConflictError, TeachingError) as error:
        return _refused(desk, station, session, recipe, view, error)
    return _after(recipe, view, "begun")
