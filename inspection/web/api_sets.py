"""The API of shoes and pairs: what the photos of one part, or of two, come to."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from inspection import assembling
from inspection.domain import Foot, Grade, Severity
from inspection.pairing import Comparison, PairVerdict, SetPhoto, SetReason, SetState, ShoeVerdict
from inspection.standards import Provenance
from inspection.web.deps import Reader, StationDep
from inspection.web.problems import problem_responses
from inspection.web.schemas import Moment, Text

__all__ = ["router"]

router = APIRouter()


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SetReasonAnswer(_Answer):
    """Why a shoe or pair is what it is; grade A only tells something."""

    rule: str
    grade: Grade
    message: str = Field(description="English; translate by rule, quantity and the values.")
    names: list[str]
    severity: Severity | None
    clause: str | None
    provenance: str | None
    quantity: str | None
    view: str | None
    zone: str | None
    measured: float | None
    uncertainty: float | None = Field(description="Expanded (k = 2).")
    limit: float | None
    unit: str | None
    basis: Provenance | None = Field(description="What the limit rests on.")
    kind: str | None = Field(description="Kinds of defect that a limit on the whole shoe is about.")
    least: bool
    alone: bool = Field(description="A single photo breaks the same limit, and says so itself.")

    @classmethod
    def of(cls, reason: SetReason) -> SetReasonAnswer:
        """The answer that tells of a reason."""
        return cls(**{**vars(reason), "names": list(reason.names)})


class SetPhotoAnswer(_Answer):
    """A photo that counts."""

    result_id: str
    view: str
    created_at: Moment
    grade: Grade = Field(description="What holds now: of the last review, or else of the line.")
    overridden: bool

    @classmethod
    def of(cls, photo: SetPhoto) -> SetPhotoAnswer:
        """The answer that tells of a photo."""
        return cls(
            result_id=photo.result_id,
            view=photo.view,
            created_at=photo.created_at,
            grade=photo.grade,
            overridden=photo.overridden,
        )


class ShoeAnswer(_Answer):
    """The verdict of one shoe; the grade is null while photos are waited for."""

    part_id: str | None
    foot: Foot | None
    state: SetState
    grade: Grade | None
    photos: list[SetPhotoAnswer]
    replaced: list[str] = Field(description="Result ids of photos that a later one of the view replaced.")
    missing: list[str] = Field(description="Views that did not come.")
    decided_by: list[str]
    reasons: list[SetReasonAnswer]

    @classmethod
    def of(cls, shoe: ShoeVerdict) -> ShoeAnswer:
        """The answer that tells of a shoe."""
        return cls(
            part_id=shoe.part_id,
            foot=shoe.foot,
            state=shoe.state,
            grade=shoe.grade,
            photos=[SetPhotoAnswer.of(photo) for photo in shoe.photos],
            replaced=[photo.result_id for photo in shoe.older],
            missing=list(shoe.missing),
            decided_by=list(shoe.decided_by),
            reasons=[SetReasonAnswer.of(reason) for reason in shoe.reasons],
        )


class ComparisonAnswer(_Answer):
    """One quantity of both shoes."""

    quantity: str
    view: str
    what: str = Field(description="Zone or seam; empty for the shoe as a whole.")
    left: float | None
    right: float | None
    difference: float
    uncertainty: float | None = Field(description="Expanded (k = 2).")
    unit: str
    referenced: bool = Field(description="Of colours: whether both photos show a white tile.")
    left_lab: tuple[float, float, float] | None
    right_lab: tuple[float, float, float] | None

    @classmethod
    def of(cls, found: Comparison) -> ComparisonAnswer:
        """The answer that tells of a comparison."""
        return cls(**vars(found))


class PairAnswer(_Answer):
    """The verdict of a pair; the grade is null while a shoe or a photo is waited for."""

    pair_id: str
    state: SetState
    grade: Grade | None
    shoes: list[ShoeAnswer]
    reasons: list[SetReasonAnswer]
    comparisons: list[ComparisonAnswer]

    @classmethod
    def of(cls, pair: PairVerdict) -> PairAnswer:
        """The answer that tells of a pair."""
        return cls(
            pair_id=pair.pair_id,
            state=pair.state,
            grade=pair.grade,
            shoes=[ShoeAnswer.of(shoe) for shoe in pair.shoes],
            reasons=[SetReasonAnswer.of(reason) for reason in pair.reasons],
            comparisons=[ComparisonAnswer.of(found) for found in pair.comparisons],
        )


@router.get(
    "/api/v1/shoe",
    name="read_shoe",
    tags=["shoes"],
    summary="The verdict of one shoe",
    responses=problem_responses(401, 403, 404, 422, 503),
)
def read_shoe(
    part_id: Annotated[Text, Query(description="As sent with its photos.")],
    caller: Reader,
    station: StationDep,
    response: Response,
) -> ShoeAnswer:
    """The worst view decides; known once every view that the recipe asks for is in, or time is up."""
    response.headers["Cache-Control"] = "no-store"
    return ShoeAnswer.of(assembling.shoe_of(station, part_id))


@router.get(
    "/api/v1/pair",
    name="read_pair",
    tags=["shoes"],
    summary="The verdict of a pair",
    responses=problem_responses(401, 403, 404, 422, 503),
)
def read_pair(
    pair_id: Annotated[Text, Query(description="As sent with the photos of both shoes.")],
    caller: Reader,
    station: StationDep,
    response: Response,
) -> PairAnswer:
    """Both shoes, whether they belong together, and how much they differ."""
    response.headers["Cache-Control"] = "no-store"
    return PairAnswer.of(assembling.pair_of(station, pair_id))
