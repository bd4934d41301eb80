"""Charts as SVG paths: numbers in, shapes out, drawn by templates in the colours of the page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Axis", "Chart", "Line", "Tick", "axis_to", "chart_of", "line_of"]

WIDTH, HEIGHT = 720, 260
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 12, 34


@dataclass(frozen=True)
class Tick:
    """A mark on an axis, with its text."""

    at: float
    text: str


@dataclass(frozen=True)
class Axis:
    """A scale from ``low`` to ``high`` with round marks."""

    low: float
    high: float
    step: float

    @property
    def values(self) -> tuple[float, ...]:
        """The marked values."""
        count = round((self.high - self.low) / self.step)
        return tuple(self.low + self.step * index for index in range(count + 1))


@dataclass(frozen=True)
class Line:
    """A line of a chart; ``look`` names its class, ``points`` are places of its dots, with a flag."""

    look: str
    path: str
    points: tuple[tuple[float, float, bool], ...] = ()


@dataclass(frozen=True)
class Chart:
    """A chart, as templates draw it."""

    width: int
    height: int
    left: int
    bottom: float
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    lines: tuple[Line, ...]


def axis_to(high: float) -> Axis:
    """An axis from 0 to at least ``high``, with four to eight round steps."""
    if high <= 0 or not math.isfinite(high):
        return Axis(0.0, 1.0, 0.25)
    power = 10.0 ** math.floor(math.log10(high))
    step = next(part * power for part in (0.1, 0.2, 0.25, 0.5, 1.0, 2.0) if high / (part * power) <= 6)
    return Axis(0.0, step * math.ceil(high / step - 1e-9), step)


def _x(value: float, axis: Axis) -> float:
    return round(LEFT + (value - axis.low) / (axis.high - axis.low) * (WIDTH - LEFT - RIGHT), 1)


def _y(value: float, axis: Axis) -> float:
    return round(HEIGHT - BOTTOM - (value - axis.low) / (axis.high - axis.low) * (HEIGHT - TOP - BOTTOM), 1)


def line_of(
    look: str,
    xs: Sequence[float],
    ys: Sequence[float],
    *,
    x_axis: Axis,
    y_axis: Axis,
    flagged: Sequence[bool] | None = None,
) -> Line:
    """A line through points; with ``flagged`` it has dots, marked where a flag is set."""
    places = [(_x(x, x_axis), _y(y, y_axis)) for x, y in zip(xs, ys, strict=True)]
    path = "M" + " L".join(f"{x:g} {y:g}" for x, y in places) if places else ""
    dots = () if flagged is None else tuple((*at, flag) for at, flag in zip(places, flagged, strict=True))
    return Line(look, path, dots)


def chart_of(
    lines: Sequence[Line],
    *,
    x_ticks: Sequence[tuple[float, str]],
    x_axis: Axis,
    y_axis: Axis,
    y_unit: str = "",
) -> Chart:
    """A chart of lines that were made for these axes."""
    return Chart(
        width=WIDTH,
        height=HEIGHT,
        left=LEFT,
        bottom=HEIGHT - BOTTOM,
        x_ticks=tuple(Tick(_x(value, x_axis), text) for value, text in x_ticks),
        y_ticks=tuple(Tick(_y(value, y_axis), f"{value:g}{y_unit}") for value in y_axis.values),
        lines=tuple(lines),
    )
