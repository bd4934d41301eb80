"""Draws the pictures of a result when somebody looks at them, apart from the work of the line.

One thread draws, so that many lookers share one core and the others stay with the inspections.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from inspection import drawing, imaging, taxonomy
from inspection.document import SeamDocument
from inspection.domain import Defect, Seam, ZoneClass
from inspection.errors import NotFoundError
from inspection.novelty import FULL_SCALE
from inspection.seamtables import seams_csv
from inspection.station import Station
from inspection.store import Photos, inspections

__all__ = ["Picture", "Renderer", "drawing_version", "original", "seams_table", "surface"]

CACHE_BYTES = 16_000_000
"""Small pictures kept in memory: over a thousand, more than any list shows."""
SMALL_PX = 640
"""Below this nobody can read labels, so none are drawn."""


@dataclass(frozen=True)
class Picture:
    """An encoded picture; ``tag`` changes when its bytes would."""

    body: bytes
    media_type: str
    tag: str


@cache
def drawing_version() -> str:
    """Short digest of the code that draws: part of every tag and of the addresses that pages use.

    Taken from the code itself, so that nobody has to remember to raise a number when colours or lines change.
    """
    digest = hashlib.sha256(cv2.__version__.encode())
    for module in (drawing, taxonomy, sys.modules[__name__]):
        digest.update(Path(str(module.__file__)).read_bytes())
    return digest.hexdigest()[:10]


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


def seams_table(station: Station, result_id: str) -> Picture:
    """The seams of a result as CSV, with the mark that spreadsheets know UTF-8 by."""
    document, _ = _document(station, result_id)
    seams = [SeamDocument.model_validate(seam) for seam in document.get("seams", ())]
    body = seams_csv(seams).encode("utf-8-sig")
    return Picture(body, "text/csv", hashlib.sha256(body).hexdigest())


def _seams(document: dict[str, Any], *, scale: float) -> list[Seam]:
    """The seams of a document, in pixels of the picture to be drawn on."""
    return [
        Seam(
            zone=seam["zone"],
            zone_class=ZoneClass(seam["zone_class"]),
            points_px=(np.array(seam["points_px"], np.float64).reshape(-1, 2) + 0.5) * scale - 0.5,
            closed=seam["closed"],
            readable=seam["readable"],
            skipped=tuple(seam["skipped"]),
            broken=tuple(seam["broken"]),
            loose=tuple(seam["loose"]),
            unsure=tuple(seam.get("unsure", ())),
        )
        for seam in document.get("seams", ())
    ]


def _defects(document: dict[str, Any], *, scale: float) -> list[Defect]:
    """The defects of a document, in pixels of the picture to be drawn on."""
    return [
        Defect(
            kind=defect["kind"],
            zone=defect["zone"],
            zone_class=ZoneClass(defect["zone_class"]),
            score=defect["score"],
            outline_px=(np.array(defect["outline_px"], np.float64).reshape(-1, 2) + 0.5) * scale - 0.5,
            box_px=tuple(side * scale for side in defect["box_px"]),
            length_mm=defect["length_mm"],
            width_mm=defect["width_mm"],
            area_mm2=defect["area_mm2"],
        )
        for defect in document["defects"]
    ]


def _draw(
    photos: Photos,
    document: dict[str, Any],
    *,
    what: drawing.Overlay,
    heat: npt.NDArray[np.uint8] | None,
    side_px: int | None,
) -> bytes:
    # The limit for new photos may have been lowered since this one was accepted.
    pixels = int(document["photo"]["width_px"]) * int(document["photo"]["height_px"])
    rgb = imaging.decode(photos.get(document["photo"]["sha256"]), max_pixels=pixels).rgb
    full_px = max(rgb.shape[:2])
    if side_px is not None:
        rgb = drawing.thumbnail(rgb, side_px=side_px)
    # Drawn after shrinking, so that lines stay as wide as they are meant to be.
    scale = max(rgb.shape[:2]) / full_px
    defects, seams = _defects(document, scale=scale), _seams(document, scale=scale)
    return drawing.encode_jpeg(drawing.overlay(rgb, defects, seams=seams, heat=heat, what=what))


class Renderer:
    """Draws overlays, one at a time."""

    def __init__(self) -> None:
        self.pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="renderer")
        self._kept: OrderedDict[str, Picture] = OrderedDict()
        self._kept_bytes = 0

    def overlay(
        self, station: Station, result_id: str, *, what: drawing.Overlay, with_heat: bool, side_px: int | None
    ) -> Picture:
        """The photo, upright, with what was found drawn over it, as JPEG.

        Parameters
        ----------
        side_px : the longer side is at most this; None for the photo's own size. Small pictures are kept in
            memory, since lists ask for the same ones again.
        """
        small = side_px is not None and side_px < SMALL_PX
        if small:
            what = replace(what, labels=False)
        tag = f"{result_id}-{drawing_version()}-{what.outlines:d}{what.labels:d}{with_heat:d}-{side_px or 0}"
        kept = self._kept.get(tag)
        if kept is not None:
            self._kept.move_to_end(tag)
            return kept
        document, surface_ref = _document(station, result_id)
        heat = None
        if with_heat and surface_ref is not None:
            heat = drawing.decode_grey_png(station.photos.get_named(surface_ref))
        body = _draw(station.photos, document, what=what, heat=heat, side_px=side_px)
        picture = Picture(body, "image/jpeg", tag)
        if small:
            self._keep(picture)
        return picture

    def novelty(self, station: Station, result_id: str) -> Picture:
        """The photo with its novelty over it, on the fixed scale, and a line at the limit, as JPEG."""
        document, _ = _document(station, result_id)
        judged = document.get("novelty")
        if judged is None:
            raise NotFoundError("This result has no novelty map.", hint="Its view had not been taught.")
        grid = drawing.read_grey16_png(
            station.photos.get_named(f"{result_id}.novelty.png"), full_scale=FULL_SCALE
        )
        photo = station.photos.get(document["photo"]["sha256"])
        rgb = imaging.decode(photo, max_pixels=int(station.settings.max_photo_mp * 1e6)).rgb
        drawn = drawing.novelty_overlay(rgb, grid, limit=judged["limit"], full_scale=FULL_SCALE)
        return Picture(drawing.encode_jpeg(drawn), "image/jpeg", f"{result_id}-{drawing_version()}-novelty")

    def _keep(self, picture: Picture) -> None:
        self._kept[picture.tag] = picture
        self._kept_bytes += len(picture.body)
        while self._kept_bytes > CACHE_BYTES:
            _, oldest = self._kept.popitem(last=False)
            self._kept_bytes -= len(oldest.body)
