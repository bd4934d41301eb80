"""The pages of lots: the list, one lot, its printable report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request
from fastapi import Path as InPath
from pydantic import ValidationError
from starlette.responses import HTMLResponse, RedirectResponse, Response

from inspection import drawing, lotkeeping
from inspection.access import Role
from inspection.domain import Severity
from inspection.errors import ConflictError, LotError, MetadataError
from inspection.lotkeeping import LotState
from inspection.lots import Counting, Curve, Declaration, Level, SinglePlan, Switching, curve
from inspection.lots import Model as CurveModel
from inspection.store import lots
from inspection.store.lots import Event, Lot, LotEvent, Mode, Outcome, Unit
from inspection.web import pictures
from inspection.web.api_lots import MAX_NUMBER, PercentLotBody, PerHundredLotBody, new_lot_of
from inspection.web.charts import Chart, axis_to, chart_of, line_of
from inspection.web.contexts import Moment, Notice, overlay_url
from inspection.web.deps import StationDep
from inspection.web.desk import Admin, Desk, DeskDep, FromOurForm, Inspector, Viewer
from inspection.web.i18n import Words
from inspection.web.lot_report import build_report

__all__ = ["oc_curve", "router"]

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

PAGE_ROWS = 50
WORST_SHOWN = 12
WORST_PX = 320
"""Longer side of their pictures on the page."""
EMPTY_FORM = {
    **dict.fromkeys(("lot_id", "product", "line", "size"), ""),
    **{"unit": Unit.PART.value, "mode": Mode.SAMPLE.value, "counting": Counting.ITEMS.value, "level": "II"},
    **{"critical": "0", "major": "2.5", "minor": "4.0", "resubmitted": ""},
}
"""The usual agreement, to be changed."""
_CLASSES = tuple(severity.value for severity in Severity)
REPORT_PX = 480
"""Longer side of a picture in the report: 54 mm at 220 dpi."""
Number = Annotated[int, InPath(ge=1, le=MAX_NUMBER)]


@dataclass(frozen=True)
class ShownLot:
    """A lot in the list."""

    url: str
    lot_id: str
    product: str
    line: str
    size: str
    decision: str
    opened_at: Moment


@dataclass(frozen=True)
class LotsContext:
    """lots.html."""

    lots: tuple[ShownLot, ...]
    may_keep: bool
    levels: tuple[str, ...]
    draft: dict[str, str]
    older_url: str | None
    notice: Notice | None = None


@dataclass(frozen=True)
class ShownClass:
    """One class of the plan with its counts and its curve."""

    severity: str
    aql: str
    strictness: str
    letter: str
    inspect: int
    accept: int
    reject: int
    inspected: int
    found: int
    refuses: bool
    curve: Chart | None
    curve_label: str


@dataclass(frozen=True)
class ShownEvent:
    """Something that happened to the lot."""

    text: str
    comment: str
    who: str
    at: Moment


@dataclass(frozen=True)
class ShownWorst:
    """A photo of the worst of a lot."""

    url: str
    thumbnail_url: str


@dataclass(frozen=True)
class ShownState:
    """The table in force for the next lot of a class."""

    severity: str
    table: str
    score: int
    steady: bool
    approved: bool
    last_change: str


@dataclass(frozen=True)
class LotContext:
    """lot.html."""

    lot_id: str
    title: str
    facts: tuple[tuple[str, str], ...]
    decision: str
    acceptable: str
    not_yet: str
    wanted: int
    came: int
    pending: tuple[str, ...]
    pending_more: int
    beyond: int
    nonconforming: int
    classes: tuple[ShownClass, ...]
    worst: tuple[ShownWorst, ...]
    events: tuple[ShownEvent, ...]
    results_url: str
    base_url: str
    revision: int
    may_keep: bool
    may_undo: bool
    edition: str
    states: tuple[ShownState, ...] = ()
    severities: tuple[str, ...] = ()
    declarations: tuple[str, ...] = ()
    notice: Notice | None = None
    draft: str = ""


@router.get("/lots")
def lots_page(
    desk: DeskDep,
    station: StationDep,
    session: Viewer,
    before: Annotated[int | None, Query(ge=1, le=MAX_NUMBER)] = None,
) -> Response:
    """The lots, newest first."""
    return _list(desk, station, may_keep=session.user.role.includes(Role.INSPECTOR), before=before)


def _list(
    desk: Desk,
    station: StationDep,
    *,
    may_keep: bool,
    before: int | None = None,
    notice: Notice | None = None,
    draft: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    found = lots.page(station.store, before=before, limit=PAGE_ROWS + 1)
    shown = found[:PAGE_ROWS]
    view = LotsContext(
        lots=tuple(
            ShownLot(
                url=f"/lots/{lot.number}",
                lot_id=lot.new.lot_id,
                product=lot.new.product,
                line=lot.new.line,
                size=f"{lot.new.size}",
                decision="open" if lot.decision is None else lot.decision.value,
                opened_at=desk.zone.show(lot.opened_at),
            )
            for lot in shown
        ),
        may_keep=may_keep,
        levels=tuple(level.value for level in Level),
        draft={**EMPTY_FORM, **(draft or {})},
        older_url=f"/lots?before={shown[-1].number}" if len(found) > PAGE_ROWS else None,
        notice=notice,
    )
    return desk.page("lots.html", view, place="lots", status=status)


@router.post("/lots", dependencies=[FromOurForm])
def open_lot(
    desk: DeskDep,
    station: StationDep,
    session: Inspector,
    lot_id: Annotated[str, Form(max_length=128)] = "",
    product: Annotated[str, Form(max_length=128)] = "",
    line: Annotated[str, Form(max_length=128)] = "",
    size: Annotated[str, Form(max_length=20)] = "",
    unit: Annotated[str, Form(max_length=10)] = "part",
    mode: Annotated[str, Form(max_length=10)] = "sample",
    level: Annotated[str, Form(max_length=5)] = "II",
    counting: Annotated[str, Form(max_length=20)] = "items",
    critical: Annotated[str, Form(max_length=20)] = "",
    major: Annotated[str, Form(max_length=20)] = "",
    minor: Annotated[str, Form(max_length=20)] = "",
    resubmitted: Annotated[str, Form(max_length=3)] = "",
) -> Response:
    """Open a lot."""
    draft = {
        "lot_id": lot_id.strip(),
        "product": product.strip(),
        "line": line.strip(),
        "size": size.strip(),
        "unit": unit,
        "mode": mode,
        "level": level,
        "counting": counting,
        "critical": critical.strip(),
        "major": major.strip(),
        "minor": minor.strip(),
        "resubmitted": resubmitted,
    }
    kind = PercentLotBody if counting == Counting.ITEMS.value else PerHundredLotBody
    try:
        body = kind.model_validate(
            {
                **{name: draft[name] for name in ("lot_id", "product", "line", "unit", "mode", "level")},
                **{name: draft[name] or None for name in _CLASSES},
                "size": int(draft["size"]) if draft["size"].isdecimal() else draft["size"],
                "counting": counting,
                "resubmitted": resubmitted == "yes",
            }
        )
        lot = lots.open_lot(station.store, new_lot_of(body), by=session.user.name)
    except ValidationError as error:
        notice = Notice("bad", _wanted(error, desk.words))
        return _list(desk, station, may_keep=True, notice=notice, draft=draft, status=422)
    except (LotError, ConflictError, MetadataError) as error:
        notice = Notice("bad", desk.words.error(error))
        return _list(desk, station, may_keep=True, notice=notice, draft=draft, status=error.status)
    return RedirectResponse(f"/lots/{lot.number}", status_code=303)


def _wanted(error: ValidationError, words: Words) -> str:
    """What each field that cannot be read should hold."""
    told = []
    for fault in error.errors():
        name = str(fault["loc"][0])
        if name in _CLASSES:
            field, wanted = words("lots.aql_of", severity=words(f"severity.{name}")), "lots.fill_in.aql"
        else:
            field, wanted = words(f"lots.{name}"), "lots.fill_in.size" if name == "size" else "lots.fill_in"
        told.append(words(wanted, field=field))
    return words.joined(told)


@router.get("/lots/{number}")
def lot_page(number: Number, desk: DeskDep, station: StationDep, session: Viewer) -> Response:
    """One lot."""
    return _lot(desk, station, number, role=session.user.role)


@router.post("/lots/{number}/decision", dependencies=[FromOurForm])
def decide(
    number: Number,
    desk: DeskDep,
    station: StationDep,
    session: Inspector,
    outcome: Annotated[str, Form(max_length=10)],
    revision: Annotated[int, Form(ge=0)],
    comment: Annotated[str, Form(max_length=lots.MAX_REASON_LENGTH)] = "",
) -> Response:
    """Accept or refuse a lot."""
    wanted = next((known for known in Outcome if known.value == outcome), None)
    if wanted is None:
        raise MetadataError(f"{outcome!r} is no decision.", hint="Use the buttons of the form.")
    try:
        lotkeeping.decide(
            station,
            number,
            wanted,
            by=session.user.name,
            seen_revision=revision,
            comment=comment.strip(),
        )
    except ConflictError as error:
        notice = Notice("bad", desk.words.error(error))
        return _lot(desk, station, number, role=session.user.role, notice=notice, draft=comment, status=409)
    return RedirectResponse(f"/lots/{number}", status_code=303)


@router.post("/lots/{number}/undo", dependencies=[FromOurForm])
def undo(
    number: Number,
    desk: DeskDep,
    station: StationDep,
    session: Admin,
    revision: Annotated[int, Form(ge=0)],
    reason: Annotated[str, Form(max_length=lots.MAX_REASON_LENGTH)] = "",
) -> Response:
    """Take a decision back."""
    try:
        lots.undo(station.store, number, by=session.user.name, seen_revision=revision, reason=reason.strip())
    except (ConflictError, MetadataError) as error:
        notice = Notice("bad", desk.words.error(error))
        return _lot(desk, station, number, role=session.user.role, notice=notice, status=error.status)
    return RedirectResponse(f"/lots/{number}", status_code=303)


@router.post("/lots/{number}/declaration", dependencies=[FromOurForm])
def declare(
    number: Number,
    desk: DeskDep,
    station: StationDep,
    session: Admin,
    declaration: Annotated[str, Form(max_length=30)],
    severity: Annotated[str, Form(max_length=10)],
    reason: Annotated[str, Form(max_length=lots.MAX_REASON_LENGTH)] = "",
) -> Response:
    """Declare something of the lot's product and line that the standard leaves to somebody responsible."""
    said = next((known for known in Declaration if known.value == declaration), None)
    of_class = next((known for known in Severity if known.value == severity), None)
    if said is None or of_class is None:
        raise MetadataError(
            f"{declaration!r} of {severity!r} is unknown.", hint="Use the buttons of the form."
        )
    new = lots.by_number(station.store, number).new
    try:
        lots.add_declaration(
            station.store,
            new.product,
            new.line,
            said,
            severities=[of_class],
            by=session.user.name,
            reason=reason.strip(),
        )
    except (ConflictError, MetadataError) as error:
        notice = Notice("bad", desk.words.error(error))
        return _lot(desk, station, number, role=session.user.role, notice=notice, status=error.status)
    return RedirectResponse(f"/lots/{number}#in-force", status_code=303)


@router.get("/lots/{number}/report.pdf")
def report(request: Request, number: Number, desk: DeskDep, station: StationDep, session: Viewer) -> Response:
    """The printable report."""
    lot = lots.by_number(station.store, number)
    state = lotkeeping.state_of(station, lot)
    renderer: pictures.Renderer = request.app.state.renderer
    outlines = drawing.Overlay(outlines=True, labels=False)
    shown = [
        (
            result_id,
            renderer.pool.submit(
                renderer.overlay, station, result_id, what=outlines, with_heat=False, side_px=REPORT_PX
            )
            .result()
            .body,
        )
        for result_id in state.worst[:WORST_SHOWN]
    ]
    body = build_report(
        state,
        words=desk.words,
        facts=lot_facts(lot, desk.words),
        pictures=shown,
        printed=desk.zone.show(station.store.now()).text,
        printed_by=session.user.name,
        standards=lotkeeping.standards_of(station, state),
    )
    return Response(body, media_type="application/pdf", headers={"Cache-Control": "no-store"})


def _lot(
    desk: Desk,
    station: StationDep,
    number: int,
    *,
    role: Role,
    notice: Notice | None = None,
    draft: str = "",
    status: int = 200,
) -> Response:
    lot = lots.by_number(station.store, number)
    state = lotkeeping.state_of(station, lot)
    words, progress = desk.words, state.progress
    view = LotContext(
        lot_id=lot.new.lot_id,
        title=words("lots.one_title", lot=lot.new.lot_id),
        facts=lot_facts(lot, words),
        decision="open" if lot.decision is None else lot.decision.value,
        acceptable={True: "yes", False: "no", None: "open"}[state.acceptable],
        not_yet=words.sentence(state.not_yet),
        wanted=progress.wanted,
        came=progress.came,
        pending=progress.pending[:20],
        pending_more=max(0, len(progress.pending) - 20),
        beyond=progress.beyond,
        nonconforming=len(progress.nonconforming),
        classes=_classes(state, words),
        worst=tuple(
            ShownWorst(f"/results/{result_id}", overlay_url(result_id, f"side_px={WORST_PX}"))
            for result_id in state.worst[:WORST_SHOWN]
        ),
        events=tuple(_event(event, desk) for event in reversed(state.events)),
        results_url=f"/results?{urlencode({'lot': lot.new.lot_id})}",
        base_url=f"/lots/{number}",
        revision=lot.revision,
        may_keep=role.includes(Role.INSPECTOR),
        may_undo=role.includes(Role.ADMIN),
        edition="" if lot.plan is None else lot.plan.edition,
        states=_states(lot, station, words),
        severities=() if lot.plan is None else tuple(one.severity.value for one in lot.plan.classes),
        declarations=tuple(each.value for each in Declaration),
        notice=notice,
        draft=draft,
    )
    return desk.page("lot.html", view, place="lots", status=status)


def _states(lot: Lot, station: StationDep, words: Words) -> tuple[ShownState, ...]:
    """The table in force for the next lot of the product and line, class by class."""
    known = lots.switching(station.store, lot.new.product, lot.new.line)
    classes = () if lot.plan is None else tuple(one.severity for one in lot.plan.classes)
    shown = []
    for severity in dict.fromkeys((*classes, *known)):
        state = known.get(severity, Switching())
        last = state.history[-1] if state.history else None
        shown.append(
            ShownState(
                severity=words(f"severity.{severity.value}"),
                table=words(f"lots.table.{state.name}"),
                score=state.score,
                steady=state.steady,
                approved=state.approved,
                last_change="" if last is None else f"{last.clause} {last.after_lot or ''}".strip(),
            )
        )
    return tuple(shown)


def lot_facts(lot: Lot, words: Words) -> tuple[tuple[str, str], ...]:
    """What was agreed, name by name."""
    new = lot.new
    told = [
        (words("lots.product"), new.product),
        (words("lots.line"), new.line),
        (words("lots.size"), f"{new.size} {words(f'lots.unit.{new.unit.value}')}"),
        (words("lots.mode"), words(f"lots.mode.{new.mode.value}")),
        (words("lots.counting"), words(f"lots.counting.{new.scheme.counting.value}")),
    ]
    if new.mode is Mode.SAMPLE:
        told.append((words("lots.level"), new.scheme.level.value))
    if new.resubmitted:
        told.append((words("lots.resubmitted"), words("lots.yes")))
    return tuple(told)


def _classes(state: LotState, words: Words) -> tuple[ShownClass, ...]:
    plan = state.lot.plan
    if plan is None:
        return ()
    shown = []
    for one in plan.classes:
        single, tally = one.plan, state.progress.tallies[one.severity]
        shown.append(
            ShownClass(
                severity=words(f"severity.{one.severity.value}"),
                aql=str(single.aql),
                strictness="–" if single.aql.none_allowed else words(f"lots.table.{single.strictness.value}"),
                letter=single.letter,
                inspect=single.inspect,
                accept=single.accept,
                reject=single.reject,
                inspected=tally.inspected,
                found=tally.found,
                refuses=tally.found > single.accept,
                curve=oc_curve(single) if not single.every_item else None,
                curve_label=words("lots.oc_label", severity=words(f"severity.{one.severity.value}")),
            )
        )
    return tuple(shown)


def oc_curve(plan: SinglePlan) -> Chart:
    """The operating characteristic: how much of lots of each quality the plan accepts."""
    model = CurveModel.BINOMIAL if plan.counting is Counting.ITEMS else CurveModel.POISSON
    found: Curve = curve(model, plan.sample_size, plan.accept)
    x_axis, y_axis = axis_to(max(point.quality for point in found.points)), axis_to(100.0)
    lines = [
        line_of(
            "series",
            [point.quality for point in found.points],
            [100 * point.pa for point in found.points],
            x_axis=x_axis,
            y_axis=y_axis,
        )
    ]
    aql = float(plan.aql.value)
    if 0 < aql <= x_axis.high:
        lines.append(line_of("limit", [aql, aql], [0, 100], x_axis=x_axis, y_axis=y_axis))
    return chart_of(
        lines,
        x_ticks=[(value, f"{value:g}") for value in x_axis.values],
        x_axis=x_axis,
        y_axis=y_axis,
        y_unit=" %",
    )


def _event(event: LotEvent, desk: Desk) -> ShownEvent:
    details = event.details
    comment = details.get("reason" if event.event is Event.UNDONE else "comment", "")
    return ShownEvent(
        text=desk.words(f"lots.event.{event.event.value}"),
        comment=str(comment),
        who=event.who,
        at=desk.zone.show(event.at),
    )
