"""The API of lots: opened with a plan, counted from results, decided by people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Path, Query, Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, WithJsonSchema

from inspection import lotkeeping
from inspection.domain import Severity
from inspection.lotkeeping import LotState
from inspection.lots import (
    AQLS,
    Aql,
    Counting,
    Declaration,
    Level,
    NoneAllowedIn,
    SampleBy,
    Scheme,
    Strictness,
    Switching,
)
from inspection.store import lots
from inspection.store.lots import Lot, Mode, NewLot, Outcome, Unit
from inspection.web.deps import LotAdmin, LotKeeper, Reader, StationDep
from inspection.web.problems import UNION_TAG, problem_responses
from inspection.web.schemas import Moment, Text

__all__ = ["router"]

router = APIRouter()

MAX_NUMBER = 2**53 - 1  # what JSON readers hold exactly
LotNumber = Annotated[int, Path(ge=1, le=MAX_NUMBER, description="`number` of the lot.")]
_PREFERRED = ("0", *(str(Aql(value)) for value in AQLS))
AqlText = Annotated[str, Field(max_length=20), WithJsonSchema({"type": "string", "enum": list(_PREFERRED)})]
PercentAql = Annotated[
    str,
    Field(max_length=20),
    WithJsonSchema({"type": "string", "enum": [text for text in _PREFERRED if float(text) <= 10]}),
]
"""As text, so that one between the preferred values is answered with its neighbours."""


def _whole(value: object) -> object:
    """JSON knows one kind of number: 1.0 is a whole one."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _NewLotBody(_Body):
    lot_id: Text = Field(description="As cameras send it with the photos.")
    product: Text = Field(description="Style or product whose history decides the table in force.")
    line: Text = Field(description="Line or supplier, likewise.")
    size: Annotated[
        int,
        BeforeValidator(_whole),
        WithJsonSchema({"type": "integer", "minimum": 2, "maximum": lots.MAX_LOT_SIZE}),
    ]
    unit: Annotated[Unit, Field(strict=False)] = Unit.PART
    mode: Annotated[Mode, Field(strict=False)] = Mode.SAMPLE
    level: Annotated[Level, Field(strict=False)] = Level.II
    sample_by: Annotated[SampleBy, Field(strict=False)] = SampleBy.CLASS
    none_allowed_in: Annotated[NoneAllowedIn, Field(strict=False)] = NoneAllowedIn.SAMPLE
    resubmitted: bool = False


class PercentLotBody(_NewLotBody):
    """A lot whose nonconforming items are counted: each once."""

    counting: Literal["items"] = "items"
    critical: PercentAql | None = "0"
    major: PercentAql = "2.5"
    minor: PercentAql | None = "4.0"


class PerHundredLotBody(_NewLotBody):
    """A lot whose nonconformities are counted: several on one item, per 100 items."""

    counting: Literal["nonconformities"]
    critical: AqlText | None = "0"
    major: AqlText = "2.5"
    minor: AqlText | None = "4.0"


def _counting(body: object) -> str:
    """The tag of a body, so that its faults are told once and not for either form."""
    counting = body.get("counting", Counting.ITEMS) if isinstance(body, Mapping) else Counting.ITEMS
    return f"{UNION_TAG}{counting}"


NewLotBody = Annotated[
    Annotated[PercentLotBody, Tag(f"{UNION_TAG}{Counting.ITEMS}")]
    | Annotated[PerHundredLotBody, Tag(f"{UNION_TAG}{Counting.NONCONFORMITIES}")],
    Discriminator(
        _counting,
        custom_error_type="counting",
        custom_error_message=f"counting is {' or '.join(repr(each.value) for each in Counting)}",
    ),
]


def new_lot_of(body: PercentLotBody | PerHundredLotBody) -> NewLot:
    """The lot that a body asks for."""

    def aql(text: str | None) -> Aql | None:
        return None if text is None else Aql.parse(text)

    return NewLot(
        lot_id=body.lot_id,
        product=body.product,
        line=body.line,
        size=body.size,
        unit=body.unit,
        mode=body.mode,
        resubmitted=body.resubmitted,
        scheme=Scheme(
            level=body.level,
            critical=aql(body.critical),
            major=aql(body.major),
            minor=aql(body.minor),
            counting=Counting(body.counting),
            sample_by=body.sample_by,
            none_allowed_in=body.none_allowed_in,
        ),
    )


class ClassAnswer(_Answer):
    """How one class is judged, and what was counted so far."""

    severity: Severity
    aql: str
    strictness: Strictness
    letter: str
    inspect: int
    accept: int
    reject: int
    inspected: int
    found: int


class LotSummary(_Answer):
    """A lot in a list."""

    number: int
    lot_id: str
    product: str
    line: str
    size: int
    unit: Unit
    mode: Mode
    resubmitted: bool
    opened_at: Moment
    opened_by: str
    revision: int
    decision: Outcome | None

    @classmethod
    def of(cls, lot: Lot) -> LotSummary:
        """The summary of a lot."""
        return cls(**_facts(lot))


def _facts(lot: Lot) -> dict[str, Any]:
    new = lot.new
    return {
        "number": lot.number,
        "lot_id": new.lot_id,
        "product": new.product,
        "line": new.line,
        "size": new.size,
        "unit": new.unit,
        "mode": new.mode,
        "resubmitted": new.resubmitted,
        "opened_at": lot.opened_at,
        "opened_by": lot.opened_by,
        "revision": lot.revision,
        "decision": lot.decision,
    }


class LotEventAnswer(_Answer):
    """Something that happened to a lot."""

    at: Moment
    who: str
    event: str
    details: dict[str, Any]


class LotAnswer(LotSummary):
    """A lot with its counts and what its plan says of them."""

    edition: str | None = Field(description="Of ISO 2859-1; null where every item is inspected.")
    wanted: int = Field(description="Items to inspect.")
    came: int
    pending: list[str] = Field(description="Items that cannot be counted yet, at most 100.")
    beyond: int = Field(description="Items after the sample was complete; they do not count.")
    nonconforming: int
    classes: list[ClassAnswer]
    acceptable: bool | None = Field(description="Null while it cannot be told.")
    not_yet: str
    events: list[LotEventAnswer]

    @classmethod
    def telling(cls, state: LotState) -> LotAnswer:
        """The answer that tells of a lot's state."""
        plan, progress = state.lot.plan, state.progress
        return cls(
            **_facts(state.lot),
            edition=None if plan is None else plan.edition,
            wanted=progress.wanted,
            came=progress.came,
            pending=list(progress.pending[:100]),
            beyond=progress.beyond,
            nonconforming=len(progress.nonconforming),
            classes=[
                ClassAnswer(
                    severity=one.severity,
                    aql=str(one.plan.aql),
                    strictness=one.plan.strictness,
                    letter=one.plan.letter,
                    inspect=one.plan.inspect,
                    accept=one.plan.accept,
                    reject=one.plan.reject,
                    inspected=progress.tallies[one.severity].inspected,
                    found=progress.tallies[one.severity].found,
                )
                for one in (() if plan is None else plan.classes)
            ],
            acceptable=state.acceptable,
            not_yet=state.not_yet,
            events=[
                LotEventAnswer(at=one.at, who=one.who, event=one.event.value, details=dict(one.details))
                for one in state.events
            ],
        )


class LotList(_Answer):
    """Lots, newest first; ask again with `before` = the last `number`."""

    items: list[LotSummary]


class DecisionBody(_Body):
    """What a person decides."""

    outcome: Annotated[Outcome, Field(strict=False)]
    comment: str = Field("", max_length=lots.MAX_REASON_LENGTH, pattern=r"^[^\x00]*$")
    revision: Annotated[int, Field(ge=0, le=1_000_000), BeforeValidator(_whole)] = Field(
        description="`revision` of the lot as it was seen."
    )


class UndoBody(_Body):
    """Why a decision is taken back."""

    reason: str = Field(min_length=1, max_length=lots.MAX_REASON_LENGTH, pattern=r"^[^\x00]*\S[^\x00]*$")
    revision: Annotated[int, Field(ge=0, le=1_000_000), BeforeValidator(_whole)]


class SwitchAnswer(_Answer):
    """One change of the table in force."""

    after_lot: str | None
    before: str
    after: str
    clause: str
    reason: str


class SwitchingAnswer(_Answer):
    """Which table is in force for the next lot of a class."""

    severity: Severity
    in_force: str = Field(description="normal, tightened, reduced or discontinued.")
    score: int
    steady: bool
    approved: bool
    history: list[SwitchAnswer]

    @classmethod
    def of(cls, severity: Severity, state: Switching) -> SwitchingAnswer:
        """The answer that tells of a state."""
        return cls(
            severity=severity,
            in_force=state.name,
            score=state.score,
            steady=state.steady,
            approved=state.approved,
            history=[SwitchAnswer(**vars(switch)) for switch in state.history],
        )


class SwitchingList(_Answer):
    """The state of each class of a product and line."""

    items: list[SwitchingAnswer]


class DeclarationBody(_Body):
    """What somebody responsible declares of a product and line."""

    product: Text
    line: Text
    declaration: Annotated[Declaration, Field(strict=False)]
    severity: Annotated[Severity, Field(strict=False)]
    reason: str = Field("", max_length=lots.MAX_REASON_LENGTH, pattern=r"^[^\x00]*$")


@router.get(
    "/api/v1/lots",
    name="list_lots",
    tags=["lots"],
    summary="The lots, newest first",
    responses=problem_responses(401, 403, 422, 503),
)
def list_lots(
    caller: Reader,
    station: StationDep,
    lot_id: Annotated[Text | None, Query()] = None,
    product: Annotated[Text | None, Query()] = None,
    line: Annotated[Text | None, Query()] = None,
    before: Annotated[int | None, Query(ge=1, le=MAX_NUMBER)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> LotList:
    """Without their counts; read one for those."""
    found = lots.page(station.store, before=before, limit=limit, lot_id=lot_id, product=product, line=line)
    return LotList(items=[LotSummary.of(lot) for lot in found])


@router.post(
    "/api/v1/lots",
    name="open_lot",
    tags=["lots"],
    summary="Open a lot",
    status_code=201,
    responses=problem_responses(400, 401, 403, 409, 422, 503),
)
def open_lot(body: Annotated[NewLotBody, Body()], caller: LotKeeper, station: StationDep) -> LotAnswer:
    """Fixes its plan by the table in force for its product and line."""
    lot = lots.open_lot(station.store, new_lot_of(body), by=caller.name)
    return LotAnswer.telling(lotkeeping.state_of(station, lot))


@router.get(
    "/api/v1/lots/{number}",
    name="read_lot",
    tags=["lots"],
    summary="One lot: plan, counts, decision",
    responses=problem_responses(401, 403, 404, 422, 503),
)
def read_lot(number: LotNumber, caller: Reader, station: StationDep, response: Response) -> LotAnswer:
    """Counted now from the results that name it."""
    response.headers["Cache-Control"] = "no-store"
    return LotAnswer.telling(lotkeeping.state_of(station, lots.by_number(station.store, number)))


@router.post(
    "/api/v1/lots/{number}/decision",
    name="decide_lot",
    tags=["lots"],
    summary="Accept or refuse a lot",
    status_code=201,
    responses=problem_responses(400, 401, 403, 404, 409, 422, 503),
)
def decide_lot(number: LotNumber, body: DecisionBody, caller: LotKeeper, station: StationDep) -> LotAnswer:
    """409 while the sample is not complete, or when the plan refuses what is to be accepted."""
    lot = lotkeeping.decide(
        station,
        number,
        body.outcome,
        by=caller.name,
        seen_revision=body.revision,
        comment=body.comment,
    )
    return LotAnswer.telling(lotkeeping.state_of(station, lots.by_number(station.store, lot.number)))


@router.post(
    "/api/v1/lots/{number}/undo",
    name="undo_lot",
    tags=["lots"],
    summary="Take a decision back",
    status_code=201,
    responses=problem_responses(400, 401, 403, 404, 409, 422, 503),
)
def undo_lot(number: LotNumber, body: UndoBody, caller: LotAdmin, station: StationDep) -> LotAnswer:
    """With the reason; both stay in the lot's history and in the audit trail."""
    lots.undo(station.store, number, by=caller.name, seen_revision=body.revision, reason=body.reason)
    return LotAnswer.telling(lotkeeping.state_of(station, lots.by_number(station.store, number)))


@router.get(
    "/api/v1/switching",
    name="read_switching",
    tags=["lots"],
    summary="Which tables are in force for a product and line",
    responses=problem_responses(401, 403, 422, 503),
)
def read_switching(
    product: Annotated[Text, Query()], line: Annotated[Text, Query()], caller: Reader, station: StationDep
) -> SwitchingList:
    """Replayed from every decision that stands."""
    return _switching_list(lots.switching(station.store, product, line))


@router.post(
    "/api/v1/switching",
    name="declare_switching",
    tags=["lots"],
    summary="Declare steady production, approval, or that the supplier acted",
    status_code=201,
    responses=problem_responses(400, 401, 403, 409, 422, 503),
)
def declare_switching(body: DeclarationBody, caller: LotAdmin, station: StationDep) -> SwitchingList:
    """What the standard leaves to somebody responsible."""
    states = lots.add_declaration(
        station.store,
        body.product,
        body.line,
        body.declaration,
        severities=[body.severity],
        by=caller.name,
        reason=body.reason,
    )
    return _switching_list(states)


def _switching_list(states: Any) -> SwitchingList:
    return SwitchingList(items=[SwitchingAnswer.of(severity, state) for severity, state in states.items()])
