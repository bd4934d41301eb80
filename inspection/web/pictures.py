"""Draws the pictures of a result when somebody looks at them, apart from the work of the line.

One thread draws, so that many lookers share one core and the others stay with the inspections.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from inspection import drawing, imaging
from inspection.domain import Defect, ZoneClass
from inspection.errors import NotFoundError
from inspection.station import Station
from inspection.store import inspections

__all__ = ["Picture", "Renderer", "original", "surface"]

DRAWING_VERSION = "1"
"""Part of every tag; raise it when drawings change, so that browsers fetch them again."""
CACHE_BYTES = 16_000_000
"""Thumbnails kept in memory: a thousand, more than any list shows."""
THUMBNAIL_PX = 360


@dataclass(frozen=True)
class Picture:
    """An encoded picture; ``tag`` changes when its bytes would."""

    body: bytes
    media_type: str
    tag: str


def _document(station: Station, result_id: str) -> tuple[dict[str, Any], str | None]:
    record = inspections.by_id(station.store, result_id).record
    document: dict[str, Any] = json.loads(record.document)
    return document, record.surface_ref


def original(station: Station, result_id: str) -> Picture:
    """The photo as it came."""
    document, _ = _document(station, result_id)
    sha256 = document["photo"]["sha256"]
    return Picture(station.photos.get(sha256), document["photo"]["media_type"], sha256)


def surface(station: Station, result_id: str) -> Picture:
    """The surface map: probability of any defect x 255, on the grid of the network."""
    _, surface_ref = _document(station, result_id)
    if surface_ref is None:
        raise NotFoundError("This result has no surface map.", hint="Inspect the photo again.")
    body = station.photos.get_named(surface_ref)
    return Picture(body, "image/png", hashlib.sha256(body).hexdigest())


def _defects(document: dict[str, Any]) -> list[Defect]:
    return [
        Defect(
            kind=defect["kind"],
            zone=defect["zone"],
            zone_class=ZoneClass(defect["zone_class"]),
            score=defect["score"],
            outline_px=np.array(defect["outline_px"], np.float64).reshape(-1, 2),
            box_px=tuple(defect["box_px"]),
            length_mm=defect["length_mm"],
            width_mm=defect["width_mm"],
            area_mm2=defect["area_mm2"],
        )
        for defect in document["defects"]
    ]


class Renderer:
    """Draws overlays and thumbnails, one at a time."""

    def __init__(self) -> None:
        self.pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="renderer")
        self._kept: OrderedDict[str, Picture] = OrderedDict()
        self._kept_bytes = 0

    def overlay(
        self, station: Station, result_id: str, *, what: drawing.Overlay, with_heat: bool
    ) -> Picture:
        """The photo, upright, with what was found drawn over it, as JPEG."""
        document, surface_ref = _document(station, result_id)
        heat = None
        if with_heat and surface_ref is not None:
            heat = drawing.decode_grey_png(station.photos.get_named(surface_ref))
        body = station.photos.get(document["photo"]["sha256"])
        rgb = imaging.decode(body, max_pixels=_pixels(document)).rgb
        drawn = drawing.overlay(rgb, _defects(document), heat=heat, what=what)
        tag = f"{result_id}-{DRAWING_VERSION}-{what.outlines:d}{what.labels:d}{with_heat:d}"
        return Picture(drawing.encode_jpeg(drawn), "image/jpeg", tag)

    def thumbnail(self, station: Station, result_id: str) -> Picture:
        """The photo with outlines, small, as JPEG; kept in memory, since lists ask for the same ones again."""
        kept = self._kept.get(result_id)
        if kept is not None:
            self._kept.move_to_end(result_id)
            return kept
        document, _ = _document(station, result_id)
        body = station.photos.get(document["photo"]["sha256"])
        rgb = imaging.decode(body, max_pixels=_pixels(document)).rgb
        drawn = drawing.overlay(rgb, _defects(document), what=drawing.Overlay(outlines=True, labels=False))
        small = drawing.thumbnail(drawn, side_px=THUMBNAIL_PX)
        picture = Picture(
            drawing.encode_jpeg(small, quality=80), "image/jpeg", f"{result_id}-{DRAWING_VERSION}-t"
        )
        self._kept[result_id] = picture
        self._kept_bytes += len(picture.body)
        while self._kept_bytes > CACHE_BYTES:
            _, oldest = self._kept.popitem(last=False)
            self._kept_bytes -= len(oldest.body)
        return picture


def _pixels(document: dict[str, Any]) -> int:
    """Pixels of a photo that was accepted once; the limit may have been lowered since."""
    return int(document["photo"]["width_px"]) * int(document["photo"]["height_px"])
