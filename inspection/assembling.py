"""Puts the stored photos of a shoe or a pair together and has them judged."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import numpy as np

from inspection import pairing
from inspection.colour.told import colours_of
from inspection.document import ResultDocument, SeamDocument
from inspection.domain import Measurement
from inspection.errors import NotFoundError, UnknownNameError
from inspection.pairing import PairLimit, PairVerdict, SeamFigures, SetPhoto, ShoeVerdict
from inspection.station import Station
from inspection.store import inspections
from inspection.store.inspections import StoredInspection

__all__ = ["pair_of", "set_photo", "shoe_of"]


def shoe_of(station: Station, part_id: str) -> ShoeVerdict:
    """The verdict of one shoe now; NotFoundError when no photo names the part."""
    stored = inspections.of_part(station.store, part_id)
    if not stored:
        raise NotFoundError(
            f"No photo names the part {part_id!r}.", hint="Send part_id with the photos of a shoe."
        )
    photos = [set_photo(one) for one in stored]
    return pairing.judge_shoe(
        photos,
        views=_views_of(station, stored[-1]),
        now=station.store.now(),
        timeout=timedelta(seconds=station.settings.shoe_timeout_s),
    )


def pair_of(station: Station, pair_id: str) -> PairVerdict:
    """The verdict of a pair now; NotFoundError when no photo names it."""
    stored = inspections.of_pair(station.store, pair_id)
    if not stored:
        raise NotFoundError(
            f"No photo names the pair {pair_id!r}.",
            hint="Send pair_id and foot with the photos of both shoes.",
        )
    by_id = {one.record.result_id: one for one in stored}
    return pairing.judge_pair(
        pair_id,
        [set_photo(one) for one in stored],
        views_of=lambda photo: _views_of(station, by_id[photo.result_id]),
        limits=_limits_of(station, stored[-1]),
        now=station.store.now(),
        timeout=timedelta(seconds=station.settings.shoe_timeout_s),
    )


def _views_of(station: Station, stored: StoredInspection) -> Sequence[str]:
    """Views that a shoe of the result's recipe needs; none when the recipe is not known any more."""
    try:
        return station.recipes.get(stored.record.recipe).shoe_views
    except UnknownNameError:
        return ()


def _limits_of(station: Station, stored: StoredInspection) -> Sequence[PairLimit]:
    """Limits of the standard that graded the photo, in its edition of today; none when it is gone."""
    document = ResultDocument.model_validate_json(stored.record.document)
    try:
        return pairing.pair_limits(station.standards.get(document.standard.id))
    except UnknownNameError:
        return ()


def set_photo(stored: StoredInspection) -> SetPhoto:
    """A stored result as what shoes and pairs are judged from."""
    record = stored.record
    document = ResultDocument.model_validate_json(record.document)
    return SetPhoto(
        result_id=record.result_id,
        created_at=record.created_at,
        station=record.station,
        view=document.view,
        grade=stored.final_grade,
        part_id=record.part_id,
        pair_id=record.pair_id,
        foot=record.foot,
        style=record.style,
        size=record.size,
        overridden=stored.final_grade is not record.grade,
        why=tuple(reason.message for reason in document.verdict.reasons),
        measurements=tuple(
            Measurement(each.name, each.value, each.unit, each.uncertainty) for each in document.measurements
        ),
        seams=tuple(_seam(seam, document) for seam in document.seams if seam.readable),
        colours=None if document.colours is None else colours_of(document.colours),
    )


def _seam(seam: SeamDocument, document: ResultDocument) -> SeamFigures:
    offset_mm, along = None, (1.0, 0.0)
    zone = next((zone for zone in document.zones if zone.name == seam.zone), None)
    points = np.array(seam.points_px, np.float64).reshape(-1, 2)
    if zone is not None and document.calibration is not None and len(points) > 1:
        outline = np.array(zone.outline_px, np.float64)
        # The middle of the box, not of the corners: those lie where somebody happened to click.
        middle = (outline.min(axis=0) + outline.max(axis=0)) / 2
        shift = (points.mean(axis=0) - middle) * document.calibration.mm_per_px
        course = np.linalg.svd(points - points.mean(axis=0), full_matrices=False)[2][0]
        offset_mm, along = (float(shift[0]), float(shift[1])), (float(course[0]), float(course[1]))
    return SeamFigures(
        name=f"{seam.zone} {seam.group + 1}.{seam.row + 1}",
        zone=seam.zone,
        zone_class=seam.zone_class,
        measurements=tuple(
            Measurement(each.name, each.value, each.unit, each.uncertainty) for each in seam.measurements
        ),
        offset_mm=offset_mm,
        along=along,
    )
