"""What the API takes and answers besides the result document, checked by pydantic and told by OpenAPI."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

from inspection.domain import Disposition, Foot, Grade
from inspection.recipes import Recipe
from inspection.registry import Manifest
from inspection.standards import Standard
from inspection.store import reviews, stations
from inspection.store.inspections import StoredInspection
from inspection.store.reviews import MAX_COMMENT_LENGTH, Decision

__all__ = [
    "RESULT_ID_PATTERN",
    "Agreement",
    "InspectionPage",
    "InspectionSummary",
    "Key",
    "KeyAnswer",
    "KeyList",
    "ListQuery",
    "ModelList",
    "Moment",
    "Name",
    "NewKeyAnswer",
    "NewKeyBody",
    "NewStationBody",
    "OverlayQuery",
    "Override",
    "RecipeList",
    "ReviewAnswer",
    "ReviewList",
    "StandardList",
    "StationAnswer",
    "StationList",
    "Text",
    "ZonelessTimeError",
    "whole",
]

RESULT_ID_PATTERN = "^[0-7][0-9A-HJKMNP-TV-Z]{25}$"
"""A ULID in Crockford's base 32."""
NAME_PATTERN = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
KEY_ID_PATTERN = "^[a-z0-9]{1,32}$"
TIME_PATTERN = r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$"
_ZONELESS = re.compile(r"^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?)?$")


class ZonelessTimeError(ValueError):
    """A time that does not say where on earth it holds."""


def _moment(value: object) -> object:
    """RFC 3339 text to UTC; other forms, such as bare numbers, are refused rather than guessed at."""
    if value is None or isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        raise ValueError("a time is text, such as 2026-03-01T08:00:00Z")
    if not re.fullmatch(TIME_PATTERN, value, re.ASCII):
        if _ZONELESS.match(value):
            raise ZonelessTimeError(f"{value} has no zone")
        raise ValueError(f"{value[:40]!r} is not an RFC 3339 time of this century")
    return datetime.fromisoformat(value).astimezone(UTC)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Moment = Annotated[
    datetime,
    BeforeValidator(_moment),
    PlainSerializer(_iso, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": TIME_PATTERN, "format": "date-time"}),
]
Name = Annotated[str, Field(pattern=NAME_PATTERN)]
Text = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]+$")]
Key = Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,128}$")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ListQuery(BaseModel):
    """Which results to list; all that are given must hold."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    grade: list[Grade] = Field([], max_length=4, description="Grades as given by the line; any of them.")
    kind: list[Name] = Field([], max_length=20, description="Defect kinds; any of them was found.")
    station: Name | None = None
    style: Text | None = None
    lot_id: Text | None = None
    view: Name | None = None
    part_id: Text | None = None
    created_from: Moment | None = Field(None, description="Created at this time or later.")
    created_until: Moment | None = Field(None, description="Created before this time.")
    reviewed: bool | None = Field(None, description="Whether a person has reviewed it.")
    cursor: str | None = Field(None, max_length=200, description="`next_cursor` of the page before.")
    limit: int = Field(50, ge=1, le=500, description="Results of one page.")


class OverlayQuery(BaseModel):
    """What to draw over the photo."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    outlines: bool = Field(True, description="Outline of each defect.")
    labels: bool = Field(
        True, description="Number, kind and length beside each defect; never on pictures below 640 px."
    )
    heat: bool = Field(False, description="Probability of a defect as colour.")
    side_px: Annotated[
        int | None, Field(ge=16, le=8192), WithJsonSchema({"type": "integer", "minimum": 16, "maximum": 8192})
    ] = Field(None, description="Longest side of the picture; the photo's own size when left out.")
    v: str = Field(
        "",
        max_length=64,
        description="Version of the drawing, as pages have it: with the current one the picture may be kept.",
    )


class InspectionSummary(_Answer):
    """One line of a list of results."""

    result_id: str
    created_at: Moment
    captured_at: Moment | None
    station: str
    view: str | None
    part_id: str | None
    pair_id: str | None
    foot: Foot | None
    lot_id: str | None
    style: str | None
    size: str | None
    recipe: str
    grade: Grade = Field(description="As given by the line.")
    disposition: Disposition
    kinds: list[str]
    review_revision: int = Field(ge=0, description="How many reviews it has had.")
    reviewed_grade: Grade | None = Field(description="Grade of the last review.")
    links: dict[str, str]

    @classmethod
    def of(cls, stored: StoredInspection) -> InspectionSummary:
        """The summary of a stored result."""
        record = stored.record
        api = f"/api/v1/inspections/{record.result_id}"
        return cls(
            result_id=record.result_id,
            created_at=record.created_at,
            captured_at=record.captured_at,
            station=record.station,
            view=record.view,
            part_id=record.part_id,
            pair_id=record.pair_id,
            foot=record.foot,
            lot_id=record.lot_id,
            style=record.style,
            size=record.size,
            recipe=record.recipe,
            grade=record.grade,
            disposition=record.disposition,
            kinds=sorted(record.kinds),
            review_revision=stored.review_revision,
            reviewed_grade=stored.reviewed_grade,
            links={"self": api, "overlay": f"{api}/overlay", "page": f"/results/{record.result_id}"},
        )


class InspectionPage(_Answer):
    """Some results, newest first."""

    items: list[InspectionSummary]
    next_cursor: str | None = Field(description="Asks for the results after these; null at the end.")


_Comment = Annotated[str, Field(max_length=MAX_COMMENT_LENGTH, pattern=r"^[^\x00]*$")]


def whole(value: object) -> object:
    """JSON knows one kind of number: 1.0 is a whole one."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


_Revision = Annotated[int, Field(ge=0, le=1_000_000), BeforeValidator(whole)]


class Agreement(_Body):
    """The reviewer agrees with the grade that stands."""

    decision: Literal[Decision.AGREE]
    comment: _Comment = ""
    revision: _Revision = Field(description="`review_revision` of the result as the reviewer saw it.")


class Override(_Body):
    """The reviewer gives another grade."""

    decision: Literal[Decision.OVERRIDE]
    grade: Annotated[Grade, Field(strict=False)]
    comment: _Comment = ""
    revision: _Revision = Field(description="`review_revision` of the result as the reviewer saw it.")


class ReviewAnswer(_Answer):
    """What one person said about one result."""

    result_id: str
    revision: int
    decision: Decision
    grade: Grade = Field(description="The grade that holds from here on.")
    comment: str
    reviewer: str
    at: Moment

    @classmethod
    def of(cls, review: reviews.Review) -> ReviewAnswer:
        """The answer that tells of a review."""
        return cls(
            result_id=review.result_id,
            revision=review.revision,
            decision=review.decision,
            grade=review.grade,
            comment=review.comment,
            reviewer=review.reviewer,
            at=review.at,
        )


class ReviewList(_Answer):
    """All reviews of a result, oldest first."""

    items: list[ReviewAnswer]


class NewStationBody(_Body):
    """A station to add."""

    name: Name
    description: str = Field("", max_length=200, pattern=r"^[^\x00]*$")


class StationAnswer(_Answer):
    """A place on the line from which photos come."""

    name: str
    description: str
    created_at: Moment
    disabled_at: Moment | None

    @classmethod
    def of(cls, station: stations.Station) -> StationAnswer:
        """The answer that tells of a station."""
        return cls(
            name=station.name,
            description=station.description,
            created_at=station.created_at,
            disabled_at=station.disabled_at,
        )


class StationList(_Answer):
    """All stations, by name."""

    items: list[StationAnswer]


class NewKeyBody(_Body):
    """An API key to make."""

    note: str = Field("", max_length=200, pattern=r"^[^\x00]*$", description="Which camera it is for.")


class KeyAnswer(_Answer):
    """What is known of an API key; its secret is not."""

    key_id: str
    station: str
    note: str
    created_at: Moment
    created_by: str
    revoked_at: Moment | None
    last_used_at: Moment | None

    @classmethod
    def of(cls, key: stations.Key) -> KeyAnswer:
        """The answer that tells of a key."""
        return cls(
            key_id=key.key_id,
            station=key.station,
            note=key.note,
            created_at=key.created_at,
            created_by=key.created_by,
            revoked_at=key.revoked_at,
            last_used_at=key.last_used_at,
        )


class KeyList(_Answer):
    """All keys of a station, newest first."""

    items: list[KeyAnswer]


class NewKeyAnswer(_Answer):
    """A key that was just made."""

    key: KeyAnswer
    text: str = Field(description="The key itself, shown this once.")


class ModelList(_Answer):
    """The models in use; now the one that serves."""

    items: list[Manifest]


class RecipeList(_Answer):
    """The recipes that are known, by name."""

    items: list[Recipe]


class StandardList(_Answer):
    """The standards that are known, by id."""

    items: list[Standard]
