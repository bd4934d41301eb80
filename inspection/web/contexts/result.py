"""What the page of one result shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote, urlencode

from inspection import drawing
from inspection.document import DefectDocument, ReasonDocument, ResultDocument
from inspection.domain import Grade
from inspection.novelty import FULL_SCALE
from inspection.standards import Standard
from inspection.store.inspections import StoredInspection
from inspection.store.reviews import Decision, Review
from inspection.web.contexts.filters import FilterForm, named_kind
from inspection.web.contexts.frame import Fact, Moment, Notice, Zone
from inspection.web.contexts.results import overlay_url, review_state
from inspection.web.i18n import Words
from inspection.web.seamviews import ShownSeam, drawn_seams, shown_seams

__all__ = ["Legend", "ResultContext", "ShownReason", "legend_of", "result_of"]

UNDRAWN = ("outlines=false", "labels=false")
"""The photo as every browser can show it, with nothing drawn on it."""
SHOWN_BY_BROWSERS = frozenset({"image/jpeg", "image/png", "image/webp", "image/bmp", "image/gif"})


@dataclass(frozen=True)
class ShownReason:
    """A reason with the rule behind it.

    Attributes
    ----------
    grade : what the reason brings; ``rule_grade`` is what the rule costs, which a recheck leaves open.
    times : defects of which the same sentence is true; ``defect`` is the first of them.
    measured, limit : with their units; None where the rule has no numbers.
    """

    text: str
    grade: str
    rule_grade: str
    times: int
    defect: int | None
    measured: str | None
    limit: str | None
    clause: str | None
    severity: str | None
    provenance: str | None
    basis: str | None


@dataclass(frozen=True)
class ShownSize:
    """A size without its unit, which the column has; a dash where there is no scale."""

    value: str
    uncertainty: str | None


@dataclass(frozen=True)
class ShownDefect:
    """A defect in the table; ``sizes`` are length, width and area."""

    name: str
    colour: str
    zone: str
    sizes: tuple[ShownSize, ShownSize, ShownSize]
    score: str


@dataclass(frozen=True)
class TrailEntry:
    """Something that a person decided about the result."""

    text: str
    comment: str
    who: str
    at: Moment


@dataclass(frozen=True)
class Legend:
    """Scale of the heat map: colour stops from 0 to 1, and the probabilities from which the model counts.

    Attributes
    ----------
    stops : (offset 0..1, ``#rrggbb``, opacity 0..1).
    low, high : lowest and highest threshold over the kinds; None when that model does not serve any more.
    """

    stops: tuple[tuple[float, str, float], ...]
    low: float | None
    high: float | None


@dataclass(frozen=True)
class ShownNovelty:
    """Novelty of a result: its map, its score, and where the limit lies on the scale, 0..1."""

    picture_url: str
    score: str
    percentile: str
    limit: str
    version: int
    beyond: bool
    limit_share: float
    full_scale: str


@dataclass(frozen=True)
class ResultContext:
    """result.html and _review.html.

    Attributes
    ----------
    shown : what the viewer's script needs, as JSON: addresses, sizes in px, outlines, colours.
    newer_url, older_url : next to this result in the list with the same filters.
    revision : of the reviews as seen, sent back with the form.
    draft : comment to keep after a conflict.
    good_url : to say that the part is good and teach it; None where the view was not taught.
    teach_url : to teach the view again; None unless it was taught with another model than this result's.
    """

    result_id: str
    part_id: str | None
    grade: str
    first_grade: str
    disposition: str
    station: str
    view: str
    created_at: Moment
    review: str | None
    reasons: tuple[ShownReason, ...]
    defects: tuple[ShownDefect, ...]
    seams: tuple[ShownSeam, ...]
    seams_url: str
    left_out: int
    calibration: bool
    measurements: tuple[Fact, ...]
    standard: str
    facts: tuple[Fact, ...]
    timing: tuple[Fact, ...]
    width_px: int
    height_px: int
    overlay_url: str
    photo_url: str
    photo_name: str
    json_url: str
    legend: Legend
    shown: Mapping[str, object]
    trail: tuple[TrailEntry, ...]
    revision: int
    review_url: str
    list_url: str
    newer_url: str | None
    older_url: str | None
    filters_active: int
    good_url: str | None
    novelty: ShownNovelty | None
    teach_url: str | None
    notice: Notice | None = None
    draft: str = ""


DISPOSITIONS = {"A": "pass", "B": "rework", "C": "reject", "recheck": "recheck"}


def result_of(
    stored: StoredInspection,
    *,
    words: Words,
    zone: Zone,
    form: FilterForm,
    reviews: Sequence[Review],
    neighbours: tuple[str | None, str | None],
    standard: Standard | None,
    thresholds: Mapping[str, float],
    notice: Notice | None = None,
    draft: str = "",
) -> ResultContext:
    """A stored result as its own page.

    Parameters
    ----------
    neighbours : ids of the next newer and the next older result under the filters.
    standard : the one that graded it, when it is still known; for its title and dispositions.
    thresholds : of the model and recipe by kind; empty when that model does not serve any more.
    """
    record = stored.record
    document = ResultDocument.model_validate_json(record.document)
    links = document.links
    newer, older = neighbours
    photo = document.photo
    viewable = photo.media_type in SHOWN_BY_BROWSERS
    legend = legend_of(thresholds)
    return ResultContext(
        result_id=record.result_id,
        part_id=record.part_id,
        grade=stored.final_grade.value,
        first_grade=record.grade.value,
        disposition=_disposition(stored, standard),
        station=record.station,
        view=words.named("view", document.view),
        created_at=zone.show(record.created_at),
        review=review_state(stored),
        reasons=_shown_reasons(document, standard, words),
        defects=tuple(_shown_defect(defect, words) for defect in document.defects),
        seams=shown_seams(document.seams, standard, words),
        novelty=_shown_novelty(document),
        teach_url=_teach_url(document),
        good_url=None if document.novelty is None else f"/results/{record.result_id}/good",
        seams_url=f"{links.self}/seams.csv",
        left_out=document.regions_left_out,
        calibration=document.calibration is not None,
        measurements=tuple(
            Fact(words.named("measurement", m.name), words.number(m.value, m.unit or None, m.uncertainty))
            for m in document.measurements
        ),
        standard=_standard_title(standard, document, words),
        facts=_facts(document, standard, words, zone),
        timing=tuple(
            Fact(words.named("stage", stage), f"{took_ms:.1f}")
            for stage, took_ms in document.timing_ms.items()
        ),
        width_px=photo.width_px,
        height_px=photo.height_px,
        overlay_url=overlay_url(record.result_id),
        photo_url=links.photo,
        photo_name=f"{record.result_id}.{photo.media_type.partition('/')[2].replace('jpeg', 'jpg')}",
        json_url=links.self,
        legend=legend,
        shown={
            "width": photo.width_px,
            "height": photo.height_px,
            "photo": links.photo if viewable else overlay_url(record.result_id, *UNDRAWN),
            "surface": links.surface if record.surface_ref else None,
            "heat": drawing.heat_colours().tolist(),
            "defects": [
                {"outline": defect.outline_px, "colour": named_kind(defect.kind, words).colour}
                for defect in document.defects
            ],
            "seams": drawn_seams(document.seams),
            "texts": {"failed": words("viewer.failed")},
        },
        trail=tuple(_trail_entry(review, words, zone) for review in reversed(reviews)),
        revision=stored.review_revision,
        review_url=form.url(f"/results/{record.result_id}/review"),
        list_url=form.url("/results"),
        newer_url=None if newer is None else form.url(f"/results/{newer}"),
        older_url=None if older is None else form.url(f"/results/{older}"),
        filters_active=form.active,
        notice=notice,
        draft=draft,
    )


def _shown_novelty(document: ResultDocument) -> ShownNovelty | None:
    judged = document.novelty
    if judged is None:
        return None
    return ShownNovelty(
        picture_url=f"{document.links.self}/novelty/overlay",
        score=f"{judged.score:.2f}",
        percentile=f"{judged.percentile:.0f}",
        limit=f"{judged.limit:.2f}",
        version=judged.version,
        beyond=judged.score >= judged.limit,
        limit_share=min(1.0, judged.limit / FULL_SCALE),
        full_scale=f"{FULL_SCALE:g}",
    )


def _teach_url(document: ResultDocument) -> str | None:
    """Where the view can be taught again; None unless that is why novelty was not judged."""
    if document.novelty_not_judged is None:
        return None
    return f"/teach/{quote(document.recipe.name)}/{quote(document.view)}"


def legend_of(thresholds: Mapping[str, float]) -> Legend:
    """Scale of the heat map, from the same colours that the overlay is drawn with."""
    colours = drawing.heat_colours()
    stops = []
    for value in range(0, 256, 15):
        red, green, blue, alpha = (int(plane) for plane in colours[value])
        stops.append((round(value / 255, 4), f"#{red:02x}{green:02x}{blue:02x}", round(alpha / 255, 3)))
    if not thresholds:
        return Legend(tuple(stops), None, None)
    return Legend(tuple(stops), min(thresholds.values()), max(thresholds.values()))


def _disposition(stored: StoredInspection, standard: Standard | None) -> str:
    """What to do with the part now: as the line said, or by the standard for the grade that a person gave."""
    grade = stored.final_grade
    if grade is stored.record.grade:
        return stored.record.disposition.value
    if grade is Grade.RECHECK or standard is None:
        return DISPOSITIONS[grade.value]
    return standard.dispositions[grade].value


def _standard_title(standard: Standard | None, document: ResultDocument, words: Words) -> str:
    if standard is None:
        return document.standard.id
    return standard.title_zh if words.language.id == "zh" else standard.title


def _shown_reasons(
    document: ResultDocument, standard: Standard | None, words: Words
) -> tuple[ShownReason, ...]:
    """The reasons, worst first; the same sentence for several defects is told once, with their number."""
    told: dict[tuple[str, str], ShownReason] = {}
    for reason in document.verdict.reasons:
        shown = _shown_reason(reason, standard, words)
        key = (reason.rule, shown.text)
        told[key] = replace(told[key], times=told[key].times + 1) if key in told else shown
    return tuple(told.values())


def _shown_reason(reason: ReasonDocument, standard: Standard | None, words: Words) -> ShownReason:
    measured = limit = None
    if reason.measured is not None and reason.limit is not None and reason.clause is not None:
        measured = words.number(reason.measured, reason.unit or None, reason.uncertainty)
        limit = words.limit(reason.limit, reason.unit)
    rule = None if standard is None else standard.rule(reason.rule)
    return ShownReason(
        text=words.reason(reason),
        grade=reason.grade.value,
        rule_grade=reason.grade.value if rule is None or standard is None else standard.grade_of(rule).value,
        times=1,
        defect=reason.defect,
        measured=measured,
        limit=limit,
        clause=reason.clause,
        severity=None if reason.severity is None else reason.severity.value,
        provenance=reason.provenance,
        basis=None if reason.basis is None else reason.basis.value,
    )


def _shown_defect(defect: DefectDocument, words: Words) -> ShownDefect:
    kind = named_kind(defect.kind, words)

    def size(value: float | None, uncertainty: float | None) -> ShownSize:
        if value is None:
            return ShownSize("–", None)
        shown = words.number(value, "")
        return ShownSize(shown, None if uncertainty is None else words.same_digits(uncertainty, value))

    return ShownDefect(
        name=kind.name,
        colour=kind.colour,
        zone=words.named("zone", defect.zone),
        sizes=(
            size(defect.length_mm, defect.uncertainty_mm),
            size(defect.width_mm, defect.uncertainty_mm),
            size(defect.area_mm2, defect.uncertainty_mm2),
        ),
        score=f"{defect.score:.2f}",
    )


def _facts(document: ResultDocument, standard: Standard | None, words: Words, zone: Zone) -> tuple[Fact, ...]:
    calibration, photo, graded_by = document.calibration, document.photo, document.standard
    scale = words("fact.calibration_none")
    if calibration is not None:
        source = words(f"calibration_source.{calibration.source.value}")
        scale = words("fact.calibration_value", mm_per_px=f"{calibration.mm_per_px:g}", source=source)
    told = {
        "result_id": document.result_id,
        "created_at": zone.show(document.created_at).text,
        "captured_at": None if document.captured_at is None else zone.show(document.captured_at).text,
        "station": document.station,
        "view": words.named("view", document.view),
        "part_id": document.part_id,
        "pair_id": document.pair_id,
        "foot": None if document.foot is None else words(f"foot.{document.foot.value}"),
        "lot_id": document.lot_id,
        "style": document.style,
        "size": document.size,
        "recipe": f"{document.recipe.name} {document.recipe.version}",
        "standard": f"{_standard_title(standard, document, words)} ({graded_by.id} {graded_by.version})",
        "model": f"{document.model.name} {document.model.version}",
        "checksum": document.model.sha256,
        "calibration": scale,
        "photo": words(
            "fact.photo_value",
            width=photo.width_px,
            height=photo.height_px,
            media_type=photo.media_type,
            size=f"{photo.size_bytes / 1000:.0f}",
        ),
        "photo_checksum": photo.sha256,
    }
    leads_to = {
        "part_id": f"/shoe?{urlencode({'part_id': document.part_id})}",
        "pair_id": f"/pair?{urlencode({'pair_id': document.pair_id})}",
    }
    return tuple(
        Fact(words(f"fact.{name}"), value, leads_to.get(name))
        for name, value in told.items()
        if value is not None
    )


def _trail_entry(review: Review, words: Words, zone: Zone) -> TrailEntry:
    done = "agreed" if review.decision is Decision.AGREE else "overridden"
    grade = words(f"grade.{review.grade.value}.short")
    return TrailEntry(
        text=words(f"review.entry_{done}", grade=grade),
        comment=review.comment,
        who=review.reviewer,
        at=zone.show(review.at),
    )
