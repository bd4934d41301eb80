"""Tells schemathesis what OpenAPI cannot: what a photo is, and which names this service knows.

A schema can say that a body is a picture, but not what a picture is, and that a name has a form, but not which names
there are. Requests that are meant to be accepted get real photos and known names; those that are meant to be refused
stay as they were made.
"""

from __future__ import annotations

from typing import Any

import schemathesis
from hypothesis import strategies as st

from inspection.web.openapi import HEADER_PREFIX
from inspection.web.uploads import RAW_MEDIA_TYPES
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


@schemathesis.hook
def map_case(context: Any, case: Any) -> Any:
    """Give an upload that is meant to be accepted names that are known."""
    is_upload = case.operation.label == "POST /api/v1/inspections"
    if not is_upload or case.meta is None or not case.meta.generation.mode.is_positive:
        return case
    meta = case.body.get("meta") if isinstance(case.body, dict) else None
    places = [
        (case.query, lambda name: name),
        (case.headers, lambda name: (HEADER_PREFIX + name).title().replace("_", "-")),
        (meta if isinstance(meta, dict) else {}, lambda name: name),
    ]
    for given, spelled in places:
        for name in list(given or {}):
            known = {spelled(key): value for key, value in KNOWN.items()}
            if name not in known:
                continue
            if known[name] is None:
                del given[name]
            else:
                given[name] = known[name]
    # The same field twice with different values is refused, which the schema cannot say: the headers hold.
    for name in list(case.query or {}):
        if (HEADER_PREFIX + name).title().replace("_", "-") in (
            case.headers or {}
        ) or name == "idempotency_key":
            del case.query[name]
    for name in list(meta if isinstance(meta, dict) else {}):
        del meta[name]
    # People have to name the station of a photo.
    case.headers = {**(case.headers or {}), "X-Welt-Station": KNOWN["station"]}
    return case
