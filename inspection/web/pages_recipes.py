"""The pages of recipes: what is in force, what stations work on, and the editor of zones and seams."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Body, Depends, Form, Query, Request
from pydantic import ValidationError
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from inspection import access
from inspection.access import Role
from inspection.document import build_document
from inspection.domain import ZoneClass
from inspection.errors import ForbiddenError, UnknownNameError, WeltError
from inspection.recipe_book import of_version
from inspection.recipes import Recipe
from inspection.store import inspections, stations
from inspection.store import recipes as stored
from inspection.store.people import Session
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
TEXTS = (
    *("name", "class", "remove", "height", "rows", "pitch_low", "pitch_high", "margin_low", "margin_high"),
    *("gap_low", "gap_high", "corner", "few_points", "bad_view", "no_photo"),
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


def _editor_url(name: str, number: int) -> str:
    return "/recipes/editor?" + urlencode({"name": name, "version": number})


@router.get("/recipes")
def recipes_page(
    desk: DeskDep, station: StationDep, session: Viewer, done: Annotated[str, Query(max_length=80)] = ""
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
        notice=Notice("good", desk.words("recipes.done", name=done)) if done else None,
    )
    return desk.page("recipes.html", context, place="recipes")


@router.post("/recipes/{name}/active", dependencies=[FromOurForm])
def put_in_force(
    name: str, station: StationDep, session: Engineer, version: Annotated[int, Form(ge=0)]
) -> Response:
    """Put a version in force; 0 withdraws the recipe."""
    if version == 0:
        station.book.withdraw(name, by=session.user.name)
    else:
        station.book.activate(name, version, station.standards, by=session.user.name)
    return RedirectResponse("/recipes?" + urlencode({"done": name}), status_code=303, headers=PRIVATE)


@router.post("/recipes/stations/{name}", dependencies=[FromOurForm])
def switch_station(
    name: str, station: StationDep, session: Inspector, recipe: Annotated[str, Form(max_length=64)] = ""
) -> Response:
    """Have a station work on a recipe; an empty one is nothing in particular."""
    if recipe:
        station.book.set_station(name, recipe=recipe, style=None, by=session.user.name)
    else:
        stored.clear_station(station.store, name, by=session.user.name)
    return RedirectResponse("/recipes?" + urlencode({"done": name}), status_code=303, headers=PRIVATE)


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
    page = inspections.page(station.store, limit=OFFERED_PHOTOS)
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
            for each in page.items
        ),
        back_url="/recipes",
        given={
            "recipe": draft,
            "csrf": session.csrf_token,
            "classes": {each.value: words(f"zone_class.{each.value}") for each in ZoneClass},
            "texts": {key: words.texts[f"recipe.{key}"] for key in TEXTS},
        },
    )
    return desk.page("recipe.html", context, place="recipes")


# What the script of the editor asks


def _check_token(request: Request, session: Engineer) -> None:
    if not access.same_digest(request.headers.get(CSRF_HEADER, ""), session.csrf_token):
        raise ForbiddenError(
            "The form does not belong to this session.",
            hint="Go back, reload the page, and send the form again.",
        )


FromOurScript = Depends(_check_token)
Draft = Annotated[dict[str, Any], Body()]


def _told(words: Words, error: WeltError | ValidationError) -> Response:
    """An error as the editor shows it, in the viewer's language."""
    if isinstance(error, WeltError):
        return JSONResponse({"message": words.error(error)}, status_code=error.status, headers=PRIVATE)
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    message = words.sentence(str(first["msg"]).removeprefix("Value error, "))
    return JSONResponse({"message": f"{place}: {message}"}, status_code=422, headers=PRIVATE)


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
    try:
        made = station.book.publish(
            Recipe.model_validate(body.get("recipe")),
            station.standards,
            by=session.user.name,
            note=str(body.get("note", "")).strip(),
            in_force=body.get("activate") is True,
        )
    except (WeltError, ValidationError) as error:
        return _told(desk.words, error)
    url = "/recipes?" + urlencode({"done": f"{made.name} {made.version}"})
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
        return _told(words, error)
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
            "reasons": [words.reason(reason) for reason in document.verdict.reasons[:5]],
            "zones": [{"class": zone.zone_class, "outline": zone.outline_px} for zone in document.zones],
            "seams": [seam.path_px for seam in document.expected_seams],
            "defects": [defect.outline_px for defect in document.defects],
            "width_px": photo.width_px,
            "height_px": photo.height_px,
            "photo_url": f"/api/v1/recipe-photos/{photo.sha256}",
        },
        headers=PRIVATE,
    )
