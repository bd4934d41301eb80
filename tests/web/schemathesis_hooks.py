"""Tells schemathesis what OpenAPI cannot: what a photo is, and which names this service knows.

A schema can say that a body is a picture, but not what a picture is, and that a name has a form, but not
which names there are. Requests that are meant to be accepted get real photos and known names; those that are
meant to be refused stay as they were made.
"""

from __future__ import annotations

from typing import Any

import schemathesis
from hypothesis import strategies as st

from inspection.standards import SHIPPED_STANDARDS
from inspection.web.uploads import HEADER_PREFIX, RAW_MEDIA_TYPES
from tests import factories

PHOTOS = st.sampled_from(
    [
        factories.make_jpeg(width_px=64, height_px=64),
        factories.make_jpeg(
            [factories.Spot(at_mm=(3, 3), length_mm=2, width_mm=1)], width_px=64, height_px=64
        ),
        factories.encode_png(factories.make_rgb(width_px=48, height_px=64)),
    ]
)
KNOWN = {"station": "line-1", "recipe": "default", "view": "toe", "calibration": None, "mm_per_px": "0.1"}
"""None is left out. Which scales suit the photo is for the model to say."""

for media_type in RAW_MEDIA_TYPES:
    schemathesis.openapi.media_type(media_type, PHOTOS)


def _header(name: str) -> str:
    """The header of a metadata field."""
    return (HEADER_PREFIX + name).title().replace("_", "-")


def _known_recipe(case: Any) -> None:
    """Give what is meant to be accepted a recipe that can be: no schema says all that outlines may be."""
    if case.meta is None or not case.meta.generation.mode.is_positive or not isinstance(case.body, dict):
        return
    if case.operation.label == "PUT /api/v1/stations/{name}/recipe":
        case.body = {"recipe": "default"}
    view = {"zones": [{"name": "all", "class": "primary"}]}
    recipe = {"version": "1", "standard": "general", "default_view": "upper", "views": {"upper": view}}
    if case.operation.label == "POST /api/v1/recipes/{name}/versions":
        case.path_parameters = {"name": "generated"}
        case.body = {"recipe": {"name": "generated", **recipe}}
    if case.operation.label == "POST /api/v1/recipe-trials":
        case.body = {**case.body, "recipe": {"name": "generated", **recipe}, "view": "upper"}
    if case.operation.label == "POST /api/v1/standards":
        case.body = {**case.body, "source": (SHIPPED_STANDARDS / "sports.toml").read_text(encoding="utf-8")}


@schemathesis.hook
def map_case(context: Any, case: Any) -> Any:
    """Give an upload that is meant to be accepted names that are known."""
    _known_recipe(case)
    is_upload = case.operation.label == "POST /api/v1/inspections"
    if not is_upload or case.meta is None or not case.meta.generation.mode.is_positive:
        return case
    query, headers = case.query or {}, case.headers or {}
    for given, known in ((query, KNOWN), (headers, {_header(name): KNOWN[name] for name in KNOWN})):
        for name in set(given) & set(known):
            if known[name] is None:
                given.pop(name)
            else:
                given[name] = known[name]
    # The same field twice with different values is refused, which no schema can say: the headers hold.
    for name in list(query):
        if _header(name) in headers or name == "idempotency_key":
            query.pop(name)
    if isinstance(case.body, dict) and isinstance(case.body.get("meta"), dict):
        case.body["meta"].clear()
    # People have to name the station of a photo.
    case.headers = {**(case.headers or {}), "X-Welt-Station": KNOWN["station"]}
    return case
