"""The public result document: what the API answers, the command line prints and other systems read.

Names follow OPC 40100-1 (machine vision) where it has one: result, part, recipe, measurement. Lengths are
millimetres, positions are pixels of the upright photo with (0, 0) the centre of its first pixel, times are
UTC.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer

from inspection.colour.told import ColoursDocument, colours_document
from inspection.domain import (
    Calibration,
    CalibrationProblem,
    CalibrationSource,
    Defect,
    Disposition,
    ExpectedSeam,
    Finding,
    Foot,
    Grade,
    Measurement,
    Metadata,
    Novelty,
    Photo,
    Reason,
    Registration,
    Seam,
    Severity,
    ZoneClass,
)
from inspection.pipeline import Setup
from inspection.standards import Provenance, Quantity

__all__ = [
    "SCHEMA",
    "CalibrationDocument",
    "DefectDocument",
    "ExpectedSeamDocument",
    "LinksDocument",
    "MeasurementDocument",
    "ModelDocument",
    "NoveltyDocument",
    "PhotoDocument",
    "ReasonDocument",
    "RecipeDocument",
    "RegistrationDocument",
    "ResultDocument",
    "SeamDocument",
    "StandardDocument",
    "VerdictDocument",
    "ZoneDocument",
    "build_document",
    "seam_document",
    "to_json",
]

SCHEMA: Final = "welt.result/1"


def _iso(moment: datetime) -> str:
    """UTC with milliseconds and Z: 2026-03-01T08:15:00.250Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Moment = Annotated[AwareDatetime, PlainSerializer(_iso, return_type=str, when_used="json")]
Number = Annotated[float, Field(allow_inf_nan=False)]
Length = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)


class RecipeDocument(_Document):
    """The recipe that chose zones and standard."""

    name: str
    version: str


class StandardDocument(_Document):
    """The standard that the photo was graded by."""

    id: str
    version: str


class ModelDocument(_Document):
    """The network that looked at the photo; ``sha256`` is that of its file."""

    name: str
    version: str
    sha256: str


class CalibrationDocument(_Document):
    """The scale of the photo, and who gave it.

    ``id``, ``name``, ``made_at`` are null for a scale that is not stored; ``rms_mm`` is null without a board.
    """

    mm_per_px: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        description="At the middle of the photo."
    )
    source: CalibrationSource
    id: str | None = None
    name: str | None = None
    made_at: Moment | None = None
    rms_mm: Length | None = Field(None, description="Of the board's corners about their places.")
    scale_uncertainty: Length | None = Field(None, description="Share of any length, expanded (k = 2).")
    problem: CalibrationProblem | None = Field(
        None, description="Why it may not decide on this photo; null when it may."
    )


class PhotoDocument(_Document):
    """The photo as it came; its sides are those after turning it upright."""

    sha256: str
    width_px: int
    height_px: int
    media_type: str
    size_bytes: int


class ReasonDocument(_Document):
    """One rule that decided; ``defect`` or ``seam`` is an ``index``, both null for the photo as a whole."""

    rule: str = Field(description="Rule of the standard, or `scale`, `calibration_…` or `too_many_regions`.")
    grade: Grade
    message: str = Field(description="English; translate by rule, kind, zone and the values.")
    severity: Severity | None
    clause: str | None
    provenance: str | None = Field(description="Where the limit comes from.")
    defect: int | None
    kind: str | None
    zone: str | None = Field(description="Name of the zone; for counts the zone class.")
    quantity: Quantity | None
    measured: Number | None
    uncertainty: Number | None = Field(description="Expanded (k = 2), in `unit`.")
    limit: Number | None
    unit: str | None
    seam: int | None = Field(None, description="`index` of a seam.")
    basis: Provenance | None = Field(
        None, description="What the limit rests on: a verified source, an agreement, or a house value."
    )
    least: bool = Field(False, description="`limit` is the least that is allowed, not the most.")
    expected: str | None = Field(None, description="Name of the recipe's seam that it is about.")


class VerdictDocument(_Document):
    """The decision on the photo; reasons come worst first."""

    grade: Grade
    disposition: Disposition
    reasons: tuple[ReasonDocument, ...]


class RegistrationDocument(_Document):
    """How the photo lies on the reference photo of the recipe's view."""

    found: bool = Field(description="False: the part was not found, and the photo goes to a person.")
    mirrored: bool = Field(description="Whether the photo shows the other foot than the reference.")
    matches: int = Field(
        ge=0, description="Places of the reference that were found again; 0 when found by edges and outline."
    )
    correlation: Annotated[
        float, Field(ge=-1, le=1, description="Of the structure, or the edges, of photo and reference.")
    ]
    residual_px: Length | None = Field(
        description="Of the matches, root mean square, or of the edges' place, in photo pixels."
    )
    to_photo: tuple[tuple[Number, Number, Number], ...] | None = Field(
        description="3 x 3, from pixels of the reference to pixels of the photo; null when nothing was found."
    )


class ZoneDocument(_Document):
    """A part of the photo that was judged alike."""

    name: str
    zone_class: ZoneClass
    outline_px: tuple[tuple[Number, Number], ...]


class DefectDocument(_Document):
    """A region that does not belong. Sizes are null when the scale of the photo is not known."""

    index: int
    kind: str
    zone: str
    zone_class: ZoneClass
    score: Annotated[float, Field(ge=0, le=1, description="Highest raw probability in the region.")]
    outline_px: tuple[tuple[Number, Number], ...] = Field(
        description="Closed: the last point joins the first."
    )
    box_px: tuple[Number, Number, Length, Length] = Field(description="x, y, width, height.")
    length_mm: Length | None
    width_mm: Length | None
    area_mm2: Length | None
    uncertainty_mm: Length | None = Field(description="Of length and width, expanded (k = 2).")
    uncertainty_mm2: Length | None = Field(description="Of the area, expanded (k = 2).")


class MeasurementDocument(_Document):
    """A number of the photo or of a seam as a whole; an empty unit is a plain number."""

    name: str
    value: Number
    unit: str
    uncertainty: Number | None = Field(description="Expanded (k = 2), in `unit`.")


class ExpectedSeamDocument(_Document):
    """A seam that the recipe expects, where it lies in the photo, and what was found of it.

    `zone` is null where the path lies in no zone; `missing_pct` and `rows_found` where nobody could tell.
    """

    name: str
    path_px: tuple[tuple[Number, Number], ...]
    rows: int
    pitch_mm: tuple[Length, Length] | None = Field(None, description="Window of the recipe.")
    margin_mm: tuple[Length, Length] | None = None
    row_gap_mm: tuple[Length, Length] | None = None
    zone: str | None = None
    zone_class: ZoneClass | None = None
    seams: tuple[int, ...] = Field((), description="`index` of the rows found along it.")
    missing_pct: MeasurementDocument | None = Field(None, description="Of the path, without any row.")
    rows_found: MeasurementDocument | None = None


class SeamDocument(_Document):
    """One row of stitches with every needle hole that was found. Lists in mm are empty without a scale.

    `skipped`, `broken`, `loose` and `unsure` hold the index of the point before the place; after the last
    point of a closed seam comes its first.
    """

    index: int
    zone: str
    zone_class: ZoneClass
    group: int = Field(description="Rows that run side by side share a group.")
    row: int = Field(description="Within the group, from 0; the row nearest to the panel's edge first.")
    closed: bool = Field(description="The last point is followed by the first.")
    readable: bool = Field(description="False when the stitches are too faint to measure.")
    points_px: tuple[tuple[Number, Number], ...] = Field(description="Needle holes, in order along the row.")
    pitch_mm: tuple[Length, ...] = Field(description="From each point to the next.")
    pitch_uncertainty_mm: tuple[Length, ...] = Field(description="Expanded (k = 2).")
    skipped: tuple[int, ...]
    broken: tuple[int, ...]
    loose: tuple[int, ...]
    unsure: tuple[int, ...] = Field(
        (), description="Where it cannot be told whether a stitch or thread is missing: a person has to look."
    )
    margin_mm: tuple[Number | None, ...] = Field(
        description="Distance of each point from the panel's edge, negative beyond; null where none is seen."
    )
    run_off_mm: tuple[Number | None, ...] = Field(
        description="Distance of each point from the line that was meant, positive to the left of the walk."
    )
    gap_mm: tuple[Number | None, ...] = Field(
        description="Distance of each point from the next row of the group; null where that is not beside it."
    )
    measurements: tuple[MeasurementDocument, ...]


class NoveltyDocument(_Document):
    """How far the photo is from the good ones that its view was taught; places beyond `limit` that no known
    kind explains are defects of kind `unknown`."""

    version: int = Field(ge=1, description="Of what was taught.")
    score: Length = Field(description="Raw; 1 is the typical highest novelty of a good photo.")
    percentile: Annotated[float, Field(ge=0, le=100)] = Field(description="Per cent of good photos below it.")
    limit: Length
    false_rejects: Annotated[float, Field(ge=0, le=1)] = Field(
        description="Share of good photos that the limit was chosen to reject."
    )


class LinksDocument(_Document):
    """Where the rest of the result is, relative to the service."""

    self: str
    photo: str
    overlay: str
    surface: str
    page: str


class ResultDocument(_Document):
    """The result of one inspection."""

    schema_: Literal["welt.result/1"] = Field("welt.result/1", alias="schema")
    result_id: str
    created_at: Moment
    captured_at: Moment | None
    station: str
    view: str
    part_id: str | None
    pair_id: str | None
    foot: Foot | None
    lot_id: str | None
    style: str | None
    size: str | None
    recipe: RecipeDocument
    standard: StandardDocument
    model: ModelDocument
    calibration: CalibrationDocument | None
    photo: PhotoDocument
    verdict: VerdictDocument
    zones: tuple[ZoneDocument, ...]
    defects: tuple[DefectDocument, ...]
    regions_left_out: int = Field(ge=0, description="Regions found beyond those in `defects`.")
    seams: tuple[SeamDocument, ...] = ()
    measurements: tuple[MeasurementDocument, ...]
    colours: ColoursDocument | None = Field(
        None, description="Of a photo of a shoe that belongs to a pair; null when not looked at."
    )
    registration: RegistrationDocument | None = Field(
        None, description="Null when the recipe's view has no reference photo."
    )
    expected_seams: tuple[ExpectedSeamDocument, ...] = ()
    kinds: tuple[str, ...] = Field(description="Names by index of the kinds map; the first is sound.")
    novelty: NoveltyDocument | None = Field(None, description="Null when the view was not taught.")
    novelty_not_judged: Literal["other_model"] | None = Field(
        None,
        description="Why it is null although the view was taught: with features of another model than the "
        "one that serves. Teach it again from its stored photos.",
    )
    links: LinksDocument
    timing_ms: Mapping[str, Length]


def build_document(
    *,
    result_id: str,
    created_at: datetime,
    metadata: Metadata,
    photo: Photo,
    finding: Finding,
    setup: Setup,
    took_ms: Mapping[str, float],
) -> ResultDocument:
    """Put together the public document of one inspection.

    Parameters
    ----------
    took_ms : times of stages outside the pipeline, such as decoding, added to those of ``finding``.
    """
    manifest = setup.model.manifest
    calibration = finding.calibration
    return ResultDocument(
        schema_=SCHEMA,
        result_id=result_id,
        created_at=created_at,
        captured_at=metadata.captured_at,
        station=metadata.station,
        view=setup.view,
        part_id=metadata.part_id,
        pair_id=metadata.pair_id,
        foot=metadata.foot,
        lot_id=metadata.lot_id,
        style=metadata.style or setup.recipe.style,
        size=metadata.size,
        recipe=RecipeDocument(name=setup.recipe.name, version=setup.recipe.version),
        standard=StandardDocument(id=setup.standard.id, version=setup.standard.version),
        model=ModelDocument(name=manifest.name, version=manifest.version, sha256=manifest.sha256),
        calibration=None if calibration is None else _calibration(calibration),
        photo=PhotoDocument(
            sha256=photo.sha256,
            width_px=photo.width_px,
            height_px=photo.height_px,
            media_type=photo.media_type,
            size_bytes=photo.size_bytes,
        ),
        verdict=VerdictDocument(
            grade=finding.verdict.grade,
            disposition=finding.verdict.disposition,
            reasons=tuple(_reason(reason) for reason in finding.verdict.reasons),
        ),
        zones=tuple(
            ZoneDocument(
                name=zone.name, zone_class=zone.zone_class, outline_px=_points(zone.outline_px.tolist())
            )
            for zone in finding.zones
        ),
        defects=tuple(_defect(index, defect) for index, defect in enumerate(finding.defects)),
        regions_left_out=finding.left_out,
        seams=tuple(seam_document(index, seam) for index, seam in enumerate(finding.seams)),
        measurements=tuple(_measurement(measurement) for measurement in finding.measurements),
        colours=None if finding.colours is None else colours_document(finding.colours),
        registration=_registration(finding.registration),
        expected_seams=tuple(_expected(seam) for seam in finding.expected_seams),
        kinds=finding.maps.kinds,
        novelty=None if finding.novelty is None else _novelty(finding.novelty),
        novelty_not_judged="other_model" if setup.taught_otherwise else None,
        links=links(result_id),
        timing_ms={stage: round(ms, 3) for stage, ms in {**took_ms, **finding.took_ms}.items()},
    )


def links(result_id: str) -> LinksDocument:
    """Paths of a result's parts."""
    api = f"/api/v1/inspections/{result_id}"
    return LinksDocument(
        self=api,
        photo=f"{api}/photo",
        overlay=f"{api}/overlay",
        surface=f"{api}/surface",
        page=f"/results/{result_id}",
    )


def to_json(document: ResultDocument) -> str:
    """The document as JSON text, the same for the same document; numbers are finite."""
    return document.model_dump_json()


def _rounded(value: float | None, digits: int) -> float | None:
    """The value without digits far below its uncertainty; None stays None."""
    return None if value is None else round(value, digits)


def _points(points: list[list[float]]) -> tuple[tuple[float, float], ...]:
    return tuple((round(x, 2), round(y, 2)) for x, y in points)


def _calibration(calibration: Calibration) -> CalibrationDocument:
    return CalibrationDocument(
        mm_per_px=calibration.mm_per_px,
        source=calibration.source,
        id=calibration.id,
        name=calibration.name,
        made_at=calibration.made_at,
        rms_mm=_rounded(calibration.rms_mm, 5),
        scale_uncertainty=_rounded(calibration.scale_uncertainty, 6),
        problem=calibration.problem,
    )


def _registration(registration: Registration | None) -> RegistrationDocument | None:
    if registration is None:
        return None
    to_photo = registration.to_photo
    return RegistrationDocument(
        found=registration.found,
        mirrored=registration.mirrored,
        matches=registration.matches,
        correlation=round(registration.correlation, 4),
        residual_px=_rounded(registration.residual_px, 3),
        to_photo=None if to_photo is None else tuple((a, b, c) for a, b, c in to_photo.tolist()),
    )


def _expected(seam: ExpectedSeam) -> ExpectedSeamDocument:
    return ExpectedSeamDocument(
        name=seam.name,
        path_px=_points(seam.path_px.tolist()),
        rows=seam.rows,
        pitch_mm=seam.pitch_mm,
        margin_mm=seam.margin_mm,
        row_gap_mm=seam.row_gap_mm,
        zone=seam.zone,
        zone_class=seam.zone_class,
        seams=seam.seams,
        missing_pct=None if seam.missing_pct is None else _measurement(seam.missing_pct),
        rows_found=None if seam.rows_found is None else _measurement(seam.rows_found),
    )


def _reason(reason: Reason) -> ReasonDocument:
    return ReasonDocument(
        rule=reason.rule,
        grade=reason.grade,
        message=reason.message,
        severity=reason.severity,
        clause=reason.clause,
        provenance=reason.provenance,
        defect=reason.defect,
        kind=reason.kind,
        zone=reason.zone,
        quantity=None if reason.quantity is None else Quantity(reason.quantity),
        measured=_rounded(reason.measured, 3),
        uncertainty=_rounded(reason.uncertainty, 3),
        limit=reason.limit,
        unit=reason.unit,
        seam=reason.seam,
        basis=None if reason.basis is None else Provenance(reason.basis),
        least=reason.least,
        expected=reason.expected,
    )


def _defect(index: int, defect: Defect) -> DefectDocument:
    x, y, width, height = (round(v, 2) for v in defect.box_px)
    return DefectDocument(
        index=index,
        kind=defect.kind,
        zone=defect.zone,
        zone_class=defect.zone_class,
        score=round(defect.score, 4),
        outline_px=_points(defect.outline_px.tolist()),
        box_px=(x, y, width, height),
        length_mm=_rounded(defect.length_mm, 3),
        width_mm=_rounded(defect.width_mm, 3),
        area_mm2=_rounded(defect.area_mm2, 3),
        uncertainty_mm=_rounded(defect.uncertainty_mm, 3),
        uncertainty_mm2=_rounded(defect.uncertainty_mm2, 3),
    )


def _novelty(novelty: Novelty) -> NoveltyDocument:
    return NoveltyDocument(
        version=novelty.version,
        score=round(novelty.score, 4),
        percentile=round(novelty.percentile, 2),
        limit=round(novelty.limit, 4),
        false_rejects=novelty.false_rejects,
    )


def seam_document(index: int, seam: Seam) -> SeamDocument:
    """A seam as the result document tells it."""
    return SeamDocument(
        index=index,
        zone=seam.zone,
        zone_class=seam.zone_class,
        group=seam.group,
        row=seam.row,
        closed=seam.closed,
        readable=seam.readable,
        points_px=_points(seam.points_px.tolist()),
        pitch_mm=tuple(round(v, 3) for v in seam.pitch_mm.tolist()),
        pitch_uncertainty_mm=tuple(round(v, 3) for v in seam.pitch_uncertainty_mm.tolist()),
        skipped=seam.skipped,
        broken=seam.broken,
        loose=seam.loose,
        unsure=seam.unsure,
        margin_mm=_known(seam.margin_mm.tolist()),
        run_off_mm=_known(seam.run_off_mm.tolist()),
        gap_mm=_known(seam.gap_mm.tolist()),
        measurements=tuple(_measurement(each) for each in seam.measurements),
    )


def _known(values: list[float]) -> tuple[float | None, ...]:
    """The values, None for those that are NaN."""
    return tuple(None if math.isnan(value) else round(value, 3) for value in values)


def _measurement(measurement: Measurement) -> MeasurementDocument:
    return MeasurementDocument(
        name=measurement.name,
        value=round(measurement.value, 3),
        unit=measurement.unit,
        uncertainty=_rounded(measurement.uncertainty, 3),
    )
