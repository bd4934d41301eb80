"""Puts the stored photos of a shoe or a pair together and has them judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Protocol

import numpy as np

from inspection import grading, pairing
from inspection.colour.told import colours_of
from inspection.document import ResultDocument, SeamDocument
from inspection.domain import Grade, Measurement, Reason
from inspection.errors import NotFoundError, UnknownNameError
from inspection.pairing import PairVerdict, SeamFigures, SetPhoto, SetReason, ShoeVerdict, Whole
from inspection.recipes import Recipes
from inspection.rejudging import graded_by, needs_areas, seen_of
from inspection.settings import Settings
from inspection.standard_book import StandardBook
from inspection.standards import Standard
from inspection.store import Store, inspections, sets
from inspection.store.inspections import StoredInspection
from inspection.store.sets import Scope, SetVerdict

__all__ = ["Service", "keep", "pair_of", "set_photo", "shoe_of"]

_TRIES = 5
"""How often a shoe is worked out anew because another photo or review came meanwhile: more never happens."""


class Service(Protocol):
    """What photos are put together with; a station is one."""

    store: Store
    settings: Settings
    standard_book: StandardBook

    @property
    def recipes(self) -> Recipes:
        """The recipes in force."""
        ...


def shoe_of(service: Service, part_id: str) -> ShoeVerdict:
    """The verdict of one shoe now; NotFoundError when no photo names the part."""
    stored = inspections.of_part(service.store, part_id)
    if not stored:
        raise NotFoundError(
            f"No photo names the part {part_id!r}.", hint="Send part_id with the photos of a shoe."
        )
    return judged_shoe(service, stored)


def judged_shoe(service: Service, stored: Sequence[StoredInspection]) -> ShoeVerdict:
    """The verdict of one shoe now, from all of its results, oldest first."""
    return pairing.judge_shoe(
        [_bare(one) for one in stored],
        views=_views_of(service, stored[-1]),
        now=service.store.now(),
        timeout=timedelta(seconds=service.settings.shoe_timeout_s),
        whole=_whole(service, stored),
    )


def pair_of(service: Service, pair_id: str) -> PairVerdict:
    """The verdict of a pair now; NotFoundError when no photo names it."""
    stored = inspections.of_pair(service.store, pair_id)
    if not stored:
        raise NotFoundError(
            f"No photo names the pair {pair_id!r}.",
            hint="Send pair_id and foot with the photos of both shoes.",
        )
    return judged_pair(service, pair_id, stored)


def judged_pair(service: Service, pair_id: str, stored: Sequence[StoredInspection]) -> PairVerdict:
    """The verdict of a pair now, from all results of both shoes, oldest first."""
    by_id = {one.record.result_id: one for one in stored}
    standard = _standard_of(service, stored[-1])
    # Only where there are two feet is anything compared, and then their documents are needed.
    comparable = len({one.record.foot for one in stored} - {None}) > 1
    return pairing.judge_pair(
        pair_id,
        [set_photo(one) if comparable else _bare(one) for one in stored],
        views_of=lambda photo: _views_of(service, by_id[photo.result_id]),
        limits=() if standard is None else pairing.pair_limits(standard),
        now=service.store.now(),
        timeout=timedelta(seconds=service.settings.shoe_timeout_s),
        whole=_whole(service, stored),
    )


def keep(service: Service, stored: StoredInspection) -> None:
    """Work out what a photo makes of its shoe and its pair, and keep it for lots and statistics.

    To be called when a photo was stored and when it was reviewed. What only time decides, such as views that
    did not come, is not kept.
    """
    record = stored.record
    if record.part_id is not None:
        _keep(service, Scope.SHOE, record.part_id, inspections.of_part, _kept_of_shoe)
    if record.pair_id is not None:
        _keep(service, Scope.PAIR, record.pair_id, inspections.of_pair, _kept_of_pair)


def _keep(
    service: Service,
    scope: Scope,
    name: str,
    read: Callable[[Store, str], tuple[StoredInspection, ...]],
    judge: Callable[[Service, str, Sequence[StoredInspection]], Sequence[SetReason]],
) -> None:
    for _ in range(_TRIES):
        stored = read(service.store, name)
        reasons = judge(service, name, stored) if len(stored) > 1 else ()
        if sets.keep(service.store, scope, name, stored, _to_keep(reasons)):
            return


def _kept_of_shoe(service: Service, name: str, stored: Sequence[StoredInspection]) -> Sequence[SetReason]:
    return judged_shoe(service, stored).reasons


def _kept_of_pair(service: Service, name: str, stored: Sequence[StoredInspection]) -> Sequence[SetReason]:
    return judged_pair(service, name, stored).reasons


def _to_keep(reasons: Sequence[SetReason]) -> SetVerdict | None:
    lasting = [one for one in reasons if one.rule not in pairing.OF_TIME and one.grade is not Grade.A]
    if not lasting:
        return None
    found = Counter(
        reason.severity
        for reason in lasting
        if reason.severity is not None
        and reason.grade is not Grade.RECHECK
        and reason.rule != grading.COMBINATION_REASON
        and not reason.alone
    )
    return SetVerdict(pairing.worst_grade(reason.grade for reason in lasting), found)


def _views_of(service: Service, stored: StoredInspection) -> Sequence[str]:
    """Views that a shoe of the result's recipe needs; none when the recipe is not known any more."""
    try:
        return service.recipes.get(stored.record.recipe).shoe_views
    except UnknownNameError:
        return ()


def _standard_of(service: Service, stored: StoredInspection) -> Standard | None:
    """The standard that graded the photo, in its own edition where that is kept; None when it is gone."""
    standard_id, edition = graded_by(stored.record.document)
    try:
        in_force = service.standard_book.standards.get(standard_id)
    except UnknownNameError:
        in_force = None
    if in_force is not None and in_force.edition == edition:
        return in_force
    try:
        return service.standard_book.get(standard_id, edition)
    except NotFoundError:
        return in_force


def _whole(service: Service, stored: Sequence[StoredInspection]) -> Whole:
    """What the photos of a shoe break together, by the standard that graded the last of them."""
    by_id = {one.record.result_id: one for one in stored}

    def judge(photos: Sequence[SetPhoto]) -> Sequence[SetReason]:
        # Where a person said otherwise, what the line saw was wrong and adds to no sum.
        held = [by_id[photo.result_id] for photo in photos if not photo.overridden]
        if len(held) < 2:
            return ()
        standard = _standard_of(service, max(held, key=lambda one: one.sequence))
        if standard is None or not grading.sums_over_shoes(standard):
            return ()
        areas, seams = needs_areas(standard), bool(standard.stitching)
        seen = [seen_of(one.record.document, areas=areas, seams=seams) for one in held]
        alone = {
            reason.rule
            for each in seen
            for reason in grading.grade_seen(each, standard).reasons
            if reason.grade is not Grade.RECHECK
        }
        return [
            _of_shoe(reason, alone=reason.rule in alone) for reason in grading.shoe_reasons(seen, standard)
        ]

    return judge


def _of_shoe(reason: Reason, *, alone: bool) -> SetReason:
    return SetReason(
        rule=reason.rule,
        grade=reason.grade,
        message=reason.message,
        severity=reason.severity,
        clause=reason.clause,
        provenance=reason.provenance,
        quantity=reason.quantity,
        zone=reason.zone,
        measured=reason.measured,
        uncertainty=reason.uncertainty,
        limit=reason.limit,
        unit=reason.unit,
        basis=reason.basis,
        kind=reason.kind,
        least=reason.least,
        alone=alone,
    )


def _bare(stored: StoredInspection) -> SetPhoto:
    """A stored result without what only a pair compares."""
    record = stored.record
    return SetPhoto(
        result_id=record.result_id,
        created_at=record.created_at,
        station=record.station,
        view=record.view or "",
        grade=stored.final_grade,
        part_id=record.part_id,
        pair_id=record.pair_id,
        foot=record.foot,
        style=record.style,
        size=record.size,
        overridden=stored.final_grade is not record.grade,
    )


def set_photo(stored: StoredInspection) -> SetPhoto:
    """A stored result as what shoes and pairs are judged from."""
    document = ResultDocument.model_validate_json(stored.record.document)
    return replace(
        _bare(stored),
        view=document.view,
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
