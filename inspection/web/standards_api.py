"""The API of standards: what is in force, editions, previews, putting into force and taking back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from inspection import names
from inspection.document import Moment
from inspection.domain import Grade
from inspection.errors import NotFoundError
from inspection.rejudging import Comparison, compare, graded_by
from inspection.standards import Standard
from inspection.station import Station
from inspection.store import judged
from inspection.store import standards as stored
from inspection.web.deps import Reader, StandardManager, StationDep
from inspection.web.problems import problem_responses

__all__ = ["PREVIEW_RESULTS", "preview", "router"]

PREVIEW_RESULTS = 2000
"""Newest results that a preview judges, in about a second; ``welt standards diff`` judges all."""
PREVIEW_DAYS = 30

StandardId = Annotated[str, Path(pattern=names.PATTERN)]
EditionName = Annotated[str, Field(min_length=1, max_length=32, pattern=r"^[^\x00]*$")]
Note = Annotated[str, Field(max_length=stored.MAX_NOTE_LENGTH, pattern=r"^[^\x00]*$")]

router = APIRouter()


class Body(BaseModel):
    """What is sent."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Answer(BaseModel):
    """What is answered."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class EditionAnswer(Answer):
    """An edition that was added; ``source`` is its file."""

    standard: str
    edition: str
    added_at: Moment
    added_by: str
    note: str
    source: str

    @classmethod
    def of(cls, edition: stored.Edition) -> EditionAnswer:
        """The answer that tells of an edition."""
        return cls(
            standard=edition.standard_id,
            edition=edition.edition,
            added_at=edition.added_at,
            added_by=edition.added_by,
            note=edition.note,
            source=edition.source,
        )


class ActivationAnswer(Answer):
    """From then on photos were judged by this edition; null is the one of the service's files."""

    sequence: int
    standard: str
    edition: str | None
    at: Moment
    by: str
    note: str

    @classmethod
    def of(cls, activation: stored.Activation) -> ActivationAnswer:
        """The answer that tells of a change."""
        return cls(
            sequence=activation.sequence,
            standard=activation.standard_id,
            edition=activation.edition,
            at=activation.at,
            by=activation.by,
            note=activation.note,
        )


class StandardHistory(Answer):
    """A standard: the edition in force, those that were added, and what was in force; newest first."""

    in_force: Standard
    editions: list[EditionAnswer]
    activations: list[ActivationAnswer]


class NewEditionBody(Body):
    """The file of an edition, TOML."""

    source: str = Field(min_length=1, max_length=500_000, pattern=r"^[^\x00]*$")
    note: Note = ""


class ActivationBody(Body):
    """What to put into force, and why; ``seen`` guards against two people at once."""

    edition: EditionName | None = Field(description="Null for the one of the service's files.")
    note: Note = Field(min_length=1)
    seen: Annotated[int, Field(ge=0, lt=2**63)] | None = Field(
        None, description="`sequence` of the newest activation that you saw, 0 for none."
    )


class GradeChange(Answer):
    """How many results go from one grade to another, or stay."""

    before: Grade
    after: Grade
    results: int


class PreviewAnswer(Answer):
    """What would change in the newest results."""

    results: int
    changed: int
    grades: list[GradeChange]
    rules: dict[str, int] = Field(description="Changed results by the rule that speaks for the worse grade.")
    unlike_stored: int = Field(description="Results that another standard or edition graded.")


@router.post(
    "/api/v1/standards",
    name="add_standard_edition",
    tags=["configuration"],
    summary="Add an edition of a standard",
    status_code=201,
    responses={
        200: {"model": EditionAnswer, "description": "It was there already; nothing was changed."},
        **problem_responses(400, 401, 403, 409, 422, 503),
    },
)
def add_edition(
    body: NewEditionBody, caller: StandardManager, station: StationDep, response: Response
) -> EditionAnswer:
    """It is checked and kept, and not in force yet."""
    made = station.standard_book.add(body.source, by=caller.name, note=body.note)
    if made.was_there:
        response.status_code = 200
    return EditionAnswer.of(made.edition)


@router.get(
    "/api/v1/standards/{standard_id}",
    name="show_standard",
    tags=["configuration"],
    summary="A standard, its editions and its history",
    responses=problem_responses(401, 403, 404, 422, 503),
)
def show_standard(standard_id: StandardId, caller: Reader, station: StationDep) -> StandardHistory:
    """What is in force now, what could be, and what was."""
    return StandardHistory(
        in_force=in_force(station, standard_id),
        editions=[EditionAnswer.of(each) for each in stored.editions(station.store, standard_id)],
        activations=[ActivationAnswer.of(each) for each in stored.activations(station.store, standard_id)],
    )


@router.post(
    "/api/v1/standards/{standard_id}/activations",
    name="activate_standard",
    tags=["configuration"],
    summary="Put an edition into force, or take it back",
    status_code=201,
    responses=problem_responses(400, 401, 403, 404, 409, 422, 503),
)
def activate(
    standard_id: StandardId, body: ActivationBody, caller: StandardManager, station: StationDep
) -> ActivationAnswer:
    """Photos are judged by it from the next one on, in every replica."""
    made = station.standard_book.activate(
        standard_id, body.edition, by=caller.name, note=body.note, seen=body.seen
    )
    return ActivationAnswer.of(made)


@router.get(
    "/api/v1/standards/{standard_id}/preview",
    name="preview_standard",
    tags=["configuration"],
    summary="What an edition would change",
    responses=problem_responses(401, 403, 404, 422, 503),
)
def preview_standard(
    standard_id: StandardId,
    caller: Reader,
    station: StationDep,
    edition: Annotated[str | None, Query(min_length=1, max_length=32, pattern=r"^[^\x00]*$")] = None,
) -> PreviewAnswer:
    """The newest results of the last 30 days, at most 2,000, judged by what is in force and by this."""
    found = preview(station, standard_id, edition)
    return PreviewAnswer(
        results=found.results,
        changed=found.changed,
        grades=[
            GradeChange(before=before, after=after, results=count)
            for (before, after), count in sorted(found.grades.items())
        ],
        rules=dict(found.rules),
        unlike_stored=found.unlike_stored,
    )


def in_force(station: Station, standard_id: str) -> Standard:
    """The standard in force, or else its newest edition, which waits; NotFoundError when there is neither."""
    standards = station.standard_book.refresh()
    if standard_id in standards.ids():
        return standards.get(standard_id)
    waiting = stored.editions(station.store, standard_id)
    if waiting:
        return station.standard_book.get(standard_id, waiting[0].edition)
    raise NotFoundError(f"There is no standard named {standard_id!r}.", hint="See the list of standards.")


def preview(station: Station, standard_id: str, edition: str | None) -> Comparison:
    """What the edition would change in the newest results; None is the edition of the service's files."""
    candidate = station.standard_book.get(standard_id, edition)
    since = datetime.now(UTC) - timedelta(days=PREVIEW_DAYS)
    newest = judged.newest(station.store, limit=PREVIEW_RESULTS, created_from=since)
    standards = station.standard_book.refresh()
    if standard_id in standards.ids():
        own = (one for one in newest if graded_by(one.document)[0] == standard_id)
        return compare(own, standards.get(standard_id), candidate)
    # A new standard has judged nothing: it is held against what it builds on.
    base = candidate.extends
    known = base if base in standards.ids() else standards.ids()[0]
    return compare(newest, standards.get(str(known)), candidate)
