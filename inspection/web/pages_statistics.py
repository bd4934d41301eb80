"""Yield, Pareto and control charts: a page, and the same numbers as CSV."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query
from starlette.responses import HTMLResponse, Response

from inspection import taxonomy
from inspection.control import Control, laney_p, laney_u, pareto
from inspection.domain import Grade
from inspection.store import figures, inspections
from inspection.store.figures import FaultCount, Span, Unit
from inspection.store.inspections import Value
from inspection.web.charts import Chart, axis_to, chart_of, line_of
from inspection.web.contexts import NamedKind, named_kind
from inspection.web.deps import StationDep
from inspection.web.desk import Desk, DeskDep

__all__ = ["router"]

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

WIDTHS = {"hour": timedelta(hours=1), "shift": timedelta(hours=8), "day": timedelta(days=1)}
MAX_GROUPS = 400
"""Subgroups of one page: more cannot be told apart in a chart."""
LABELS = 8


@dataclass(frozen=True)
class Ask:
    """What is asked, as the address carries it."""

    since: str = ""
    until: str = ""
    station: str = ""
    style: str = ""
    kind: str = ""
    zone: str = ""
    by: str = "day"
    unit: str = "photo"

    def url(self, path: str) -> str:
        """Address of a page with the same question."""
        return f"{path}?{urlencode({name: value for name, value in vars(self).items() if value})}"


@dataclass(frozen=True)
class Subgroup:
    """One row of the numbers."""

    start: str
    inspected: int
    good: int
    second: int
    reject: int
    recheck: int
    faults: int
    affected: int

    @property
    def decided(self) -> int:
        """Photos or shoes whose grade is known."""
        return self.good + self.second + self.reject

    @property
    def first_pass(self) -> str:
        """Yield, as shown."""
        return f"{self.good / self.decided:.1%}" if self.decided else "–"


@dataclass(frozen=True)
class ShownControl:
    """A control chart with its figures."""

    chart: Chart
    centre: str
    sigma_z: str
    out: int


@dataclass(frozen=True)
class Bar:
    """A bar of a Pareto chart; ``width`` is its share of the longest, 0..100."""

    name: str
    count: int
    share: str
    width: float


@dataclass(frozen=True)
class StatisticsContext:
    """statistics.html."""

    ask: Ask
    stations: tuple[str, ...]
    kinds: tuple[NamedKind, ...]
    problem: str
    total: Subgroup
    rows: tuple[Subgroup, ...]
    share: ShownControl | None
    rate: ShownControl | None
    by_kind: tuple[Bar, ...]
    by_zone: tuple[Bar, ...]
    csv_url: str


@dataclass(frozen=True)
class _Numbers:
    starts: tuple[datetime, ...]
    grades: Mapping[int, Mapping[Grade, int]]
    faults: tuple[FaultCount, ...]


def _ask(
    since: Annotated[str, Query(max_length=40)] = "",
    until: Annotated[str, Query(max_length=40)] = "",
    station: Annotated[str, Query(max_length=128)] = "",
    style: Annotated[str, Query(max_length=128)] = "",
    kind: Annotated[str, Query(max_length=64)] = "",
    zone: Annotated[str, Query(max_length=64)] = "",
    by: Annotated[str, Query(max_length=10)] = "day",
    unit: Annotated[str, Query(max_length=10)] = "photo",
) -> Ask:
    return Ask(
        since.strip(),
        until.strip(),
        station.strip(),
        style.strip(),
        kind if kind in taxonomy.KINDS else "",
        zone.strip(),
        by if by in WIDTHS else "day",
        unit if unit in set(Unit) else "photo",
    )


AskDep = Annotated[Ask, Depends(_ask)]


def _span(ask: Ask, desk: Desk) -> tuple[Span, str]:
    """The span that is asked for, and what is to be said about a time that was not understood."""
    today, problem = desk.zone.day_of(datetime.now(UTC)), ""
    since, until = today - timedelta(days=6), today + timedelta(days=1)
    try:
        since = desk.zone.read(ask.since) if ask.since else since
        until = desk.zone.read(ask.until) if ask.until else until
    except (ValueError, OverflowError):
        problem = desk.words("filter.bad_time", value=f"{ask.since} {ask.until}".strip())
    width = WIDTHS[ask.by]
    if since >= until:
        until, problem = since + width, problem or desk.words("statistics.backwards")
    if (until - since) / width > MAX_GROUPS:
        since, problem = (
            until - MAX_GROUPS * width,
            problem or desk.words("statistics.too_many", n=MAX_GROUPS),
        )
    return Span(since, until, width, ask.station or None, ask.style or None, Unit(ask.unit)), problem


def _numbers(ask: Ask, span: Span, station: StationDep) -> _Numbers:
    faults = figures.fault_counts(station.store, span)
    wanted = tuple(one for one in faults if ask.kind in ("", one.kind) and ask.zone in ("", one.zone))
    count = -((span.since - span.until) // span.width)
    starts = tuple(span.since + span.width * index for index in range(count))
    return _Numbers(starts, figures.grade_counts(station.store, span), wanted)


def _rows(numbers: _Numbers, desk: Desk) -> tuple[Subgroup, ...]:
    found: Counter[int] = Counter()
    affected: Counter[int] = Counter()
    for one in numbers.faults:
        found[one.group] += one.found
        affected[one.group] += one.photos
    return tuple(
        _row(desk.zone.show(start).text[:16], numbers.grades.get(index, {}), found[index], affected[index])
        for index, start in enumerate(numbers.starts)
    )


def _row(start: str, grades: Mapping[Grade, int], found: int, affected: int) -> Subgroup:
    counts = [grades.get(grade, 0) for grade in (Grade.A, Grade.B, Grade.C, Grade.RECHECK)]
    good, second, reject, recheck = counts
    return Subgroup(start, sum(counts), good, second, reject, recheck, found, affected)


@router.get("/statistics")
def statistics(desk: DeskDep, station: StationDep, ask: AskDep) -> Response:
    """Yield, Pareto and control charts over a span of time."""
    span, problem = _span(ask, desk)
    numbers = _numbers(ask, span, station)
    rows = _rows(numbers, desk)
    kinds: Counter[str] = Counter()
    zones: Counter[str] = Counter()
    for one in numbers.faults:
        kinds[desk.words.kind(one.kind)] += one.found
        zones[desk.words.named("zone", one.zone or "photo")] += one.found
    bad = [(row.decided, row.second + row.reject) for row in rows]
    rates = [(row.inspected, row.faults) for row in rows]
    view = StatisticsContext(
        ask=ask,
        stations=inspections.values(station.store, Value.STATION),
        kinds=tuple(named_kind(kind, desk.words) for kind in taxonomy.KINDS),
        problem=problem,
        total=_total(rows),
        rows=tuple(row for row in rows if row.inspected),
        share=_control(laney_p(bad), bad, rows, per_cent=True),
        rate=_control(laney_u(rates), rates, rows, per_cent=False),
        by_kind=_bars(kinds),
        by_zone=_bars(zones),
        csv_url=ask.url("/statistics.csv"),
    )
    return desk.page("statistics.html", view, place="statistics")


@router.get("/statistics.csv")
def as_csv(desk: DeskDep, station: StationDep, ask: AskDep) -> Response:
    """The numbers of the page, one row per subgroup, with the limits of both charts."""
    span, _ = _span(ask, desk)
    rows = _rows(_numbers(ask, span, station), desk)
    share = iter(laney_p([(row.decided, row.second + row.reject) for row in rows]).points)
    rate = iter(laney_u([(row.inspected, row.faults) for row in rows]).points)
    target = io.StringIO()
    writer = csv.writer(target)
    names = "start inspected A B C recheck faults p p_low p_high u u_low u_high"
    writer.writerow(names.split())
    for row in rows:
        p = next(share) if row.decided else None
        u = next(rate) if row.inspected else None
        limits = [
            "" if point is None else f"{value:.6f}"
            for point in (p, u)
            for value in ((0.0, 0.0, 0.0) if point is None else (point.value, point.low, point.high))
        ]
        counts = (row.inspected, row.good, row.second, row.reject, row.recheck, row.faults)
        writer.writerow([row.start, *counts, *limits])
    headers = {"Cache-Control": "no-store", "Content-Disposition": 'attachment; filename="statistics.csv"'}
    return Response(target.getvalue().encode("utf-8-sig"), media_type="text/csv", headers=headers)


def _total(rows: tuple[Subgroup, ...]) -> Subgroup:
    return Subgroup(
        start="",
        inspected=sum(row.inspected for row in rows),
        good=sum(row.good for row in rows),
        second=sum(row.second for row in rows),
        reject=sum(row.reject for row in rows),
        recheck=sum(row.recheck for row in rows),
        faults=sum(row.faults for row in rows),
        affected=sum(row.affected for row in rows),
    )


def _bars(counts: Mapping[str, int]) -> tuple[Bar, ...]:
    ranked = pareto(list(counts.items()))
    return tuple(
        Bar(name, count, f"{share:.0%}", round(100 * count / ranked[0][1], 1))
        for name, count, share in ranked
    )


def _control(
    control: Control, groups: list[tuple[int, int]], rows: tuple[Subgroup, ...], *, per_cent: bool
) -> ShownControl | None:
    """The chart of a control; None when there are fewer than two subgroups."""
    if len(control.points) < 2:
        return None
    times = 100.0 if per_cent else 1.0
    starts = [row.start for row, (size, _) in zip(rows, groups, strict=True) if size > 0]
    xs = [float(index) for index in range(len(starts))]
    x_axis = axis_to(float(len(starts) - 1))
    y_axis = axis_to(times * max(max(point.value, point.high) for point in control.points))
    series = {
        "limit": [times * point.low for point in control.points],
        "limit upper": [times * point.high for point in control.points],
        "centre": [times * control.centre] * len(starts),
    }
    lines = [line_of(look, xs, ys, x_axis=x_axis, y_axis=y_axis) for look, ys in series.items()]
    values = [times * point.value for point in control.points]
    flags = [point.out for point in control.points]
    lines.append(line_of("series", xs, values, x_axis=x_axis, y_axis=y_axis, flagged=flags))
    step = max(1, -(-len(starts) // LABELS))
    ticks = [(xs[index], starts[index][5:]) for index in range(0, len(starts), step)]
    unit = " %" if per_cent else ""
    return ShownControl(
        chart=chart_of(lines, x_ticks=ticks, x_axis=x_axis, y_axis=y_axis, y_unit=unit),
        centre=f"{times * control.centre:.3g}{unit}",
        sigma_z=f"{control.sigma_z:.2f}",
        out=sum(flags),
    )
