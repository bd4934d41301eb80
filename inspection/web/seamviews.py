"""What the page of a result shows of its seams: the table of values and the strip chart of the pitch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from inspection.document import SeamDocument
from inspection.seamtables import fault_after
from inspection.standards import Quantity, Standard
from inspection.web.i18n import Words

__all__ = ["Chart", "ShownSeam", "Tick", "drawn_seams", "shown_seams"]

CHART_WIDTH, CHART_HEIGHT = 640.0, 120.0
"""Of the chart's own units; the page scales it."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 44.0, 8.0, 8.0, 22.0
_ROOM = 0.15
"""Share of the range of pitches left free above and below."""
_LEAST_RANGE_MM = 0.6
"""A chart of less would show noise as hills."""
_MM_PER_CM, _MM_PER_INCH = 10.0, 25.4


@dataclass(frozen=True)
class Tick:
    """A label on an axis, at ``at`` in the chart's units."""

    at: float
    text: str


@dataclass(frozen=True)
class Bar:
    """One stitch of the chart: its place, its pitch and the ends of its uncertainty, and its fault."""

    x: float
    y: float
    low: float
    high: float
    fault: str
    told: str


@dataclass(frozen=True)
class Chart:
    """Pitch along a seam.

    Attributes
    ----------
    line : points of a polyline, as SVG writes them, one piece for each run of sound stitches.
    limits : heights of the standard's limits, with their values.
    """

    line: tuple[str, ...]
    bars: tuple[Bar, ...]
    limits: tuple[Tick, ...]
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]


@dataclass(frozen=True)
class ShownSeam:
    """A seam in the list; ``number`` counts from 1. ``summary`` is one line, ``values`` all of it."""

    number: int
    index: int
    name: str
    summary: str
    faulty: bool
    readable: bool
    values: tuple[tuple[str, str], ...]
    chart: Chart | None


def shown_seams(
    seams: Sequence[SeamDocument], standard: Standard | None, words: Words
) -> tuple[ShownSeam, ...]:
    """The seams of a result; limits are drawn while the standard that graded it is known."""
    return tuple(_shown(seam, standard, words) for seam in seams)


def drawn_seams(seams: Sequence[SeamDocument]) -> list[dict[str, object]]:
    """What the viewer draws: points, whether they close, and the points after which something is wrong."""
    return [
        {
            "points": seam.points_px,
            "closed": seam.closed,
            "readable": seam.readable,
            "bad": sorted({*seam.skipped, *seam.broken, *seam.loose}),
            "unsure": sorted(seam.unsure),
        }
        for seam in seams
    ]


def _shown(seam: SeamDocument, standard: Standard | None, words: Words) -> ShownSeam:
    values = []
    for each in seam.measurements:
        name = words(f"quantity.{each.name}")
        unit = words(f"unit.{each.unit}") if words.has(f"unit.{each.unit}") else each.unit
        values.append((name, words.number(each.value, unit or None, each.uncertainty)))
    known = {each.name: each for each in seam.measurements}
    if not seam.readable:
        summary = words("seam.unreadable")
    elif (mean := known.get("pitch_mean_mm")) is not None:
        summary = words(
            "seam.summary", pitch=words.number(mean.value, "mm", mean.uncertainty), holes=len(seam.points_px)
        )
    else:
        summary = words("seam.holes", holes=len(seam.points_px))
    return ShownSeam(
        number=seam.index + 1,
        index=seam.index,
        name=words("seam.name", number=seam.index + 1, zone=words.named("zone", seam.zone)),
        summary=summary,
        faulty=bool(seam.skipped or seam.broken or seam.loose or seam.unsure or not seam.readable),
        readable=seam.readable,
        values=tuple(values),
        chart=_chart(seam, _limits_mm(seam, standard), words) if seam.pitch_mm else None,
    )


def _limits_mm(seam: SeamDocument, standard: Standard | None) -> list[float]:
    """Pitches that the standard's rules for this seam's zone allow at least and at most."""
    found: set[float] = set()
    for rule in standard.stitching if standard is not None else ():
        if seam.zone_class not in rule.zones:
            continue
        ends = [end for end in (rule.at_least, rule.at_most) if end]
        if rule.quantity is Quantity.PITCH_MEAN_MM:
            found.update(ends)
        elif rule.quantity is Quantity.DENSITY_PER_CM:
            found.update(_MM_PER_CM / end for end in ends)
        elif rule.quantity is Quantity.DENSITY_PER_INCH:
            found.update(_MM_PER_INCH / end for end in ends)
    return sorted(found)


def _chart(seam: SeamDocument, limits_mm: Sequence[float], words: Words) -> Chart:
    pitch = seam.pitch_mm
    faults = [fault_after(seam, i) for i in range(len(pitch))]
    along = [0.0, *accumulate(pitch)]
    sound = [p for p, fault in zip(pitch, faults, strict=True) if not fault] or list(pitch)
    low, high = min([*sound, *limits_mm]), max([*sound, *limits_mm])
    room = max(_ROOM * (high - low), (_LEAST_RANGE_MM - (high - low)) / 2)
    low, high = max(0.0, low - room), high + room

    def x(mm: float) -> float:
        return round(_LEFT + (CHART_WIDTH - _LEFT - _RIGHT) * mm / max(along[-1], 1e-9), 1)

    def y(mm: float) -> float:
        inside = min(max(mm, low), high)
        return round(_TOP + (CHART_HEIGHT - _TOP - _BOTTOM) * (high - inside) / (high - low), 1)

    bars = []
    pieces: list[list[str]] = [[]]
    for i, (mm, known_mm, fault) in enumerate(zip(pitch, seam.pitch_uncertainty_mm, faults, strict=True)):
        middle = x((along[i] + along[i + 1]) / 2)
        told = f"{i + 1}: {words.number(mm, 'mm', known_mm)}"
        bars.append(Bar(middle, y(mm), y(mm - known_mm), y(mm + known_mm), fault, told))
        if fault:
            pieces.append([])
        else:
            pieces[-1].append(f"{middle},{y(mm)}")
    return Chart(
        line=tuple(" ".join(piece) for piece in pieces if len(piece) > 1),
        bars=tuple(bars),
        limits=tuple(Tick(y(mm), f"{mm:.2f}") for mm in limits_mm),
        across=tuple(Tick(x(mm), f"{mm:g}") for mm in _round_steps(0.0, along[-1], 6)),
        up=tuple(Tick(y(mm), f"{mm:g}") for mm in _round_steps(low, high, 4)),
    )


def _round_steps(low: float, high: float, about: int) -> list[float]:
    """Round numbers from low to high, about so many."""
    rough = max(high - low, 1e-6) / about
    base = 10.0 ** math.floor(math.log10(rough))
    step = next(base * k for k in (1, 2, 5, 10) if base * k >= rough * (1 - 1e-9))
    first = math.ceil(low / step)
    return [round(step * k, 6) for k in range(first, int(high / step) + 1)]
