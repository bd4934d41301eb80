"""The pages of recipes: what is in force, what stations work on, and the editor of zones and seams."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Body, Depends, Form, Query, Request
from pydantic import ValidationError
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from inspection import access
from inspection.access import Role
from inspection.document import ReasonDocument, build_document
from inspection.domain import ZoneClass
from inspection.errors import ForbiddenError, UnknownNameError, WeltError
from inspection.names import HTML_PATTERN
from inspection.recipe_book import of_version
from inspection.recipes import Recipe
from inspection.store import Store, inspections, stations
from inspection.store import recipes as stored
from inspection.store.inspections import Filters, StoredInspection
from inspection.store.people import Session
from inspection.tomlfiles import message_of
from inspection.web import recipe_places
from inspection.web.contexts import Notice, overlay_url
from inspection.web.contexts import recipes as shown
from inspection.web.deps import CSRF_HEADER, SettingsDep, StationDep
from inspection.web.desk import PRIVATE, DeskDep, FromOurForm, SmallForms, Viewer, at_least
from inspection.web.i18n import Words
from inspection.web.recipes_api import kept, tried

__all__ = ["json_router", "router"]

router = APIRouter(include_in_schema=False, route_class=SmallForms, default_response_class=HTMLResponse)
json_router = APIRouter(include_in_schema=False)
"""What the editor's script asks; drafts are larger than forms."""

Engineer = Annotated[Session, Depends(at_least(Role.ENGINEER))]
Inspector = Annotated[Session, Depends(at_least(Role.INSPECTOR))]
SHOWN_VERSIONS = 20
OFFERED_PHOTOS = 12
SHOWN_REASONS = 8
TEXTS = (
    *("name", "class", "remove", "height", "rows", "pitch_low", "pitch_high", "margin_low", "margin_high"),
    *(
        "gap_low",
        "gap_high",
        "corner",
        "few_points",
        "bad_view",
        "no_photo",
        "trying",
        "took_back",
        "nothing_back",
    ),
    *("no_zones", "no_seams", "height_help"),
    *("help_pick", "help_zone", "help_seam", "help_outline", "help_scale"),
)
"""Texts that the script of the editor shows."""
BLANK: dict[str, Any] = {
    "name": "",
    "version": "draft",
    "standard": "general",
    "default_view": "upper",
    "views": {"upper": {"zones": [], "seams": []}},
}


class Did(StrEnum):
    """What was done on the page before, told on the list."""

    PUBLISHED = "published"
    KEPT = "kept"
    ACTIVATED = "activated"
    WITHDRAWN = "withdrawn"
    SWITCHED = "switched"
    CLEARED = "cleared"


def _list_url(did: Did, name: str, other: object = "") -> str:
    return "/recipes?" + urlencode({"did": did, "name": name, "other": other})


def _editor_url(name: str, number: int) -> str:
    return "/recipes/editor?" + urlencode({"name": name, "version": number})


@router.get("/recipes")
def recipes_page(
    desk: DeskDep,
    station: StationDep,
    session: Viewer,
    did: Did | None = None,
    name: Annotated[str, Query(max_length=128)] = "",
    other: Annotated[str, Query(max_length=128)] = "",
) -> Response:
    """All recipes, with the versions of those that were published."""
    station.book.refresh(stored.revision(station.store))
    known, published = station.recipes, stored.names(station.store)
    rows = []
    for name in sorted({*known.names(), *published}):
        try:
            recipe = known.get(name)
        except UnknownNameError:  # withdrawn, or never in force
            recipe = of_version(stored.versions(station.store, name)[0])
        in_force = next((each.version for each in stored.activations(station.store, name, limit=1)), None)
        versions = stored.versions(station.store, name)[:SHOWN_VERSIONS] if name in published else ()
        file = known.file(name)
        rows.append(
            shown.ShownRecipe(
                name=name,
                version=recipe.version if name in known.names() else "",
                style=recipe.style or "",
                standard=recipe.standard,
                views=tuple(desk.words.named("view", view) for view in recipe.views),
                file=None if file is None else file.name,
                activate_url=f"/recipes/{quote(name)}/active",
                versions=tuple(
                    shown.ShownVersion(
                        number=each.version,
                        created_at=desk.zone.show(each.created_at),
                        created_by=each.created_by,
                        note=each.note,
                        in_force=each.version == in_force,
                        edit_url=_editor_url(name, each.version),
                    )
                    for each in versions
                ),
            )
        )
    context = shown.RecipesContext(
        recipes=tuple(rows),
        stations=tuple(
            shown.ShownStation(
                name=one.name,
                recipe=(found.recipe if (found := stored.station_recipe(station.store, one.name)) else ""),
                url=f"/recipes/stations/{quote(one.name)}",
            )
            for one in stations.all_stations(station.store)
            if one.active
        ),
        may_edit=session.user.role.includes(Role.ENGINEER),
        may_switch=session.user.role.includes(Role.INSPECTOR),
        new_url="/recipes/editor",
        notice=Notice("good", desk.words(f"recipes.did_{did}", name=name, other=other)) if did else None,
    )
    return desk.page("recipes.html", context, place="recipes")


@router.post("/recipes/{name}/active", dependencies=[FromOurForm])
def put_in_force(
    name: str, station: StationDep, session: Engineer, version: Annotated[int, Form(ge=0)]
) -> Response:
    """Put a version in force; 0 withdraws the recipe."""
    if version == 0:
        station.book.withdraw(name, by=session.user.name)
        url = _list_url(Did.WITHDRAWN, name)
    else:
        station.book.activate(name, version, station.standards, by=session.user.name)
        url = _list_url(Did.ACTIVATED, name, version)
    return RedirectResponse(url, status_code=303, headers=PRIVATE)


@router.post("/recipes/stations/{name}", dependencies=[FromOurForm])
def switch_station(
    name: str, station: StationDep, session: Inspector, recipe: Annotated[str, Form(max_length=64)] = ""
) -> Response:
    """Have a station work on a recipe; an empty one is nothing in particular."""
    if recipe:
        station.book.set_station(name, recipe=recipe, style=None, by=session.user.name)
        url = _list_url(Did.SWITCHED, name, recipe)
    else:
        stored.clear_station(station.store, name, by=session.user.name)
        url = _list_url(Did.CLEARED, name)
    return RedirectResponse(url, status_code=303, headers=PRIVATE)


@router.get("/recipes/editor")
def editor(
    desk: DeskDep,
    station: StationDep,
    session: Engineer,
    name: Annotated[str, Query(max_length=64)] = "",
    version: Annotated[int, Query(ge=0)] = 0,
) -> Response:
    """The editor, with a version as its draft, or with an empty one."""
    draft = BLANK
    if name:
        recipe = of_version(stored.version(station.store, name, version))
        draft = recipe.model_dump(mode="json", by_alias=True, exclude_none=True)
    words = desk.words
    context = shown.EditorContext(
        name=str(draft["name"]),
        style=str(draft.get("style") or ""),
        standard=str(draft["standard"]),
        standards=tuple(station.standards.ids()),
        photos=tuple(
            shown.ShownPhoto(
                result_id=each.record.result_id,
                sha256=each.record.photo_sha256,
                picture_url=overlay_url(each.record.result_id, "side_px=320", "outlines=false"),
                name=each.record.part_id or each.record.result_id[-6:],
            )
            for each in _offered(station.store, str(draft.get("style") or ""))
        ),
        back_url="/recipes",
        name_pattern=HTML_PATTERN,
        given={
            "recipe": draft,
            "csrf": session.csrf_token,
            "classes": {each.value: words(f"zone_class.{each.value}") for each in ZoneClass},
            "texts": {key: words.texts[f"recipe.{key}"] for key in TEXTS},
        },
    )
    return desk.page("recipe.html", context, place="recipes")


def _offered(store: Store, style: str) -> list[StoredInspection]:
    """The newest results whose photos are offered, those of the recipe's style first."""
    own = inspections.page(store, Filters(style=style), limit=OFFERED_PHOTOS).items if style else ()
    newest = inspections.page(store, limit=OFFERED_PHOTOS).items
    return [*own, *(each for each in newest if each not in own)][:OFFERED_PHOTOS]


# What the script of the editor asks


def _check_token(request: Request, session: Engineer) -> None:
    if not access.same_digest(request.headers.get(CSRF_HEADER, ""), session.csrf_token):
        raise ForbiddenError(
            "The form does not belong to this session.",
            hint="Go back, reload the page, and send the form again.",
        )


FromOurScript = Depends(_check_token)
Draft = Annotated[dict[str, Any], Body()]


def _told(words: Words, error: WeltError | ValidationError, draft: object = None) -> Response:
    """An error as the editor shows it, in the viewer's language, with the place in the draft."""
    if isinstance(error, WeltError):
        return JSONResponse({"message": words.error(error)}, status_code=error.status, headers=PRIVATE)
    first = error.errors(include_url=False)[0]
    message = words.sentence(message_of(first))
    place = recipe_places.place(words, draft, first["loc"])
    told = words("recipe.at", place=place, message=message) if place else message
    return JSONResponse({"message": told}, status_code=422, headers=PRIVATE)


def _grouped(words: Words, reasons: Sequence[ReasonDocument]) -> list[str]:
    """The reasons of a trial, those of one rule, kind and place in one line: the worst, and how many."""
    alike: dict[tuple[object, ...], list[ReasonDocument]] = {}
    for reason in reasons:
        place = reason.expected if reason.expected is not None else reason.seam
        alike.setdefault((reason.grade, reason.rule, reason.kind, reason.zone, place), []).append(reason)
    lines = []
    for group in list(alike.values())[:SHOWN_REASONS]:
        told = words.reason(max(group, key=lambda reason: reason.measured or 0.0))
        lines.append(told if len(group) == 1 else words("recipe.alike", told=told, number=len(group)))
    if len(alike) > SHOWN_REASONS:
        lines.append(words("recipe.more", number=len(alike) - SHOWN_REASONS))
    return lines


@json_router.post("/recipes/photos", dependencies=[FromOurScript])
async def keep(
    request: Request, desk: DeskDep, station: StationDep, settings: SettingsDep, session: Engineer
) -> Response:
    """Keep the photo that is the body as a reference."""
    try:
        photo = await kept(request, station, settings)
    except WeltError as error:
        return _told(desk.words, error)
    return JSONResponse({"sha256": photo.sha256}, headers=PRIVATE)


@json_router.post("/recipes/publish", dependencies=[FromOurScript])
def publish(desk: DeskDep, station: StationDep, session: Engineer, body: Draft) -> Response:
    """Publish the draft, or only keep it."""
    in_force = body.get("activate") is True
    try:
        made = station.book.publish(
            Recipe.model_validate(body.get("recipe")),
            station.standards,
            by=session.user.name,
            note=str(body.get("note", "")).strip(),
            in_force=in_force,
        )
    except (WeltError, ValidationError) as error:
        return _told(desk.words, error, body.get("recipe"))
    url = _list_url(Did.PUBLISHED if in_force else Did.KEPT, made.name, made.version)
    return JSONResponse({"version": made.version, "url": url}, headers=PRIVATE)


@json_router.post("/recipes/try", dependencies=[FromOurScript])
def try_draft(desk: DeskDep, station: StationDep, session: Engineer, body: Draft) -> Response:
    """Judge a stored photo by the draft, and keep nothing."""
    words = desk.words
    try:
        result_id = str(body.get("result_id", ""))
        draft = Recipe.model_validate(body.get("recipe"))
        finding, photo, metadata, setup = tried(station, draft, str(body.get("view", "")), result_id)
    except (WeltError, ValidationError) as error:
        return _told(words, error, body.get("recipe"))
    document = build_document(
        result_id=result_id,
        created_at=datetime.now(UTC),
        metadata=metadata,
        photo=photo,
        finding=finding,
        setup=setup,
        took_ms={},
    )
    grade = document.verdict.grade.value
    return JSONResponse(
        {
            "text": words(f"grade.{grade}.spoken"),
            "reasons": _grouped(words, document.verdict.reasons),
            "zones": [{"class": zone.zone_class, "outline": zone.outline_px} for zone in document.zones],
            "seams": [seam.path_px for seam in document.expected_seams],
            "defects": [defect.outline_px for defect in document.defects],
            "width_px": photo.width_px,
            "height_px": photo.height_px,
            "photo_url": f"/api/v1/recipe-photos/{photo.sha256}",
        },
        headers=PRIVATE,
    )
