"""What the API and the pages of teaching share: photos of results, and which of them to offer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from inspection import novelty, teaching
from inspection.document import ResultDocument
from inspection.domain import Grade
from inspection.errors import MetadataError, ModelError, NotFoundError, UnknownNameError
from inspection.novelty import Estimate
from inspection.station import Station
from inspection.store import banks, inspections
from inspection.store.banks import BankVersion, TaughtPhoto
from inspection.store.inspections import Filters, StoredInspection

__all__ = [
    "OFFERED",
    "Offer",
    "estimate_of",
    "fits_serving",
    "offers",
    "photos_of",
    "taught_view",
    "with_another",
]

OFFERED = 60
"""Newest results of a view that are offered to be taught."""


@dataclass(frozen=True)
class Offer:
    """A stored result whose photo may be taught; ``good`` where the line or a person graded it A."""

    stored: StoredInspection
    document: ResultDocument
    good: bool


def taught_view(station: Station, recipe: str, view: str) -> None:
    """NotFoundError unless the recipe and its view exist: in an address they are a page that is not there."""
    try:
        station.recipes.get(recipe).view_name(view)
    except UnknownNameError as error:
        raise NotFoundError(error.detail, hint=error.hint) from error


def fits_serving(station: Station, version: BankVersion) -> bool:
    """Whether a version was taught with features such as the serving model gives; also while none is open."""
    try:
        return teaching.fits(version, station.model)
    except ModelError:
        return True


def offers(station: Station, recipe: str, view: str) -> tuple[Offer, ...]:
    """The newest results of a view, newest first."""
    found = inspections.page(station.store, Filters(view=view), limit=OFFERED).items
    offered = []
    for stored in found:
        if stored.record.recipe != recipe:
            continue
        document = ResultDocument.model_validate_json(stored.record.document)
        offered.append(Offer(stored, document, stored.final_grade is Grade.A))
    return tuple(offered)


def photos_of(station: Station, recipe: str, view: str, result_ids: Iterable[str]) -> tuple[TaughtPhoto, ...]:
    """The photos of results, each once; MetadataError when one shows another view."""
    photos: dict[str, TaughtPhoto] = {}
    for result_id in result_ids:
        stored = inspections.by_id(station.store, result_id)
        document = ResultDocument.model_validate_json(stored.record.document)
        if (document.recipe.name, document.view) != (recipe, view):
            raise MetadataError(
                f"The result {result_id} shows {document.recipe.name}/{document.view}, not {recipe}/{view}.",
                hint="Choose results of the view that is taught.",
            )
        calibration = document.calibration
        photos[document.photo.sha256] = TaughtPhoto(
            sha256=document.photo.sha256,
            name=result_id,
            mm_per_px=None if calibration is None else calibration.mm_per_px,
            group=document.part_id or "",
        )
    return tuple(photos.values())


def with_another(station: Station, result_id: str) -> tuple[str, str, tuple[TaughtPhoto, ...]]:
    """Recipe and view of a result, and what they were taught with its photo on top."""
    stored = inspections.by_id(station.store, result_id)
    document = ResultDocument.model_validate_json(stored.record.document)
    recipe, view = document.recipe.name, document.view
    history = banks.history(station.store, recipe, view)
    if not history:
        raise NotFoundError(
            f"The view {recipe}/{view} was not taught, or is switched off.",
            hint="Teach it with welt teach, or go back to an older version.",
        )
    another = photos_of(station, recipe, view, [result_id])
    known = {photo.sha256: photo for photo in (*history[0].photos, *another)}
    return recipe, view, tuple(known.values())


def estimate_of(station: Station, chosen: Iterable[Offer]) -> Estimate | None:
    """Memory and time that teaching these would take; None while no model serves that could."""
    sizes = [
        (
            (offer.document.photo.width_px, offer.document.photo.height_px),
            None if offer.document.calibration is None else offer.document.calibration.mm_per_px,
        )
        for offer in chosen
    ]
    try:
        return novelty.estimate(sizes, station.model) if sizes else None
    except ModelError:
        return None
