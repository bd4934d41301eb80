"""Charts of a gauge study as plain shapes, which SVG and PDF both draw."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

import numpy as np

from inspection.gauge.study import Linearity, Study

__all__ = [
    "COLOURS",
    "Chart",
    "Shape",
    "components_chart",
    "interaction_chart",
    "linearity_chart",
    "parts_chart",
]

WIDTH, HEIGHT = 460.0, 270.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 58.0, 12.0, 30.0, 44.0
COLOURS = ("#1558b0", "#c62828", "#2e7d32", "#b26a00", "#6a1b9a", "#00838f")
"""Of operators; told apart by people who see no red or green by order and marks as well."""
_INK, _SOFT = "#222222", "#bbbbbb"
_FONT = 11.0


@dataclass(frozen=True)
class Shape:
    """A line through points, a filled polygon, a dot, or text; y grows downwards.

    Attributes
    ----------
    kind : ``line``, ``area``, ``dot``, ``text``.
    anchor : of text: ``start``, ``middle``, ``end``.
    """

    kind: str
    points: tuple[tuple[float, float], ...]
    colour: str = _INK
    text: str = ""
    anchor: str = "middle"
    size: float = _FONT
    dashed: bool = False


@dataclass(frozen=True)
class Chart:
    """Shapes on a plate of WIDTH x HEIGHT."""

    title: str
    shapes: tuple[Shape, ...]

    def svg(self) -> str:
        """The chart as SVG, with its title for screen readers."""
        drawn = "".join(_svg(shape) for shape in self.shapes)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img" '
            f'font-family="sans-serif"><title>{escape(self.title)}</title>{drawn}</svg>'
        )


def _svg(shape: Shape) -> str:
    x, y = shape.points[0]
    if shape.kind == "text":
        return (
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{shape.size:g}" text-anchor="{shape.anchor}" '
            f'fill="{shape.colour}">{escape(shape.text)}</text>'
        )
    if shape.kind == "dot":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{shape.size:g}" fill="{shape.colour}"/>'
    points = " ".join(f"{px:.1f},{py:.1f}" for px, py in shape.points)
    if shape.kind == "area":
        return f'<polygon points="{points}" fill="{shape.colour}"/>'
    dash = ' stroke-dasharray="4 3"' if shape.dashed else ""
    return f'<polyline points="{points}" fill="none" stroke="{shape.colour}" stroke-width="1.4"{dash}/>'


@dataclass
class _Plot:
    """Axes, and what is drawn on them."""

    title: str
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    shapes: list[Shape] = field(default_factory=list)

    def at(self, x: float, y: float) -> tuple[float, float]:
        (x0, x1), (y0, y1) = self.x_range, self.y_range
        return (
            _LEFT + (x - x0) / (x1 - x0) * (WIDTH - _LEFT - _RIGHT),
            HEIGHT - _BOTTOM - (y - y0) / (y1 - y0) * (HEIGHT - _TOP - _BOTTOM),
        )

    def line(self, points: Sequence[tuple[float, float]], colour: str, *, dashed: bool = False) -> None:
        self.shapes.append(Shape("line", tuple(self.at(*p) for p in points), colour, dashed=dashed))

    def dot(self, x: float, y: float, colour: str, size: float = 3.0) -> None:
        self.shapes.append(Shape("dot", (self.at(x, y),), colour, size=size))

    def frame(self, *, ticks_x: Sequence[tuple[float, str]], axis_x: str, axis_y: str) -> None:
        for value in _ticks(*self.y_range):
            x, y = self.at(self.x_range[0], value)
            self.shapes.append(Shape("line", ((x, y), (WIDTH - _RIGHT, y)), "#e6e6e6"))
            self.shapes.append(Shape("text", ((x - 5, y + 4),), text=f"{value:.6g}", anchor="end", size=10))
        for value, label in ticks_x:
            x, _ = self.at(value, 0)
            self.shapes.append(Shape("text", ((x, HEIGHT - _BOTTOM + 14),), text=label[:12], size=10))
        corner = (_LEFT, HEIGHT - _BOTTOM)
        self.shapes.append(Shape("line", ((_LEFT, _TOP), corner, (WIDTH - _RIGHT, corner[1])), _INK))
        self.shapes.append(Shape("text", ((WIDTH / 2, HEIGHT - 8),), text=axis_x))
        self.shapes.append(Shape("text", ((4, _TOP - 8),), text=axis_y, anchor="start"))

    def legend(self, names: Sequence[str]) -> None:
        x = WIDTH - _RIGHT
        for number, name in reversed(list(enumerate(names))):
            self.shapes.append(
                Shape("text", ((x, _TOP - 8),), _colour(number), text=f"● {name[:14]}", anchor="end")
            )
            x -= 8.0 * min(len(name), 14) + 22

    def chart(self) -> Chart:
        return Chart(self.title, tuple(self.shapes))


def _colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]


def _ticks(low: float, high: float) -> list[float]:
    """Four to eight round numbers."""
    step = 10 ** math.floor(math.log10((high - low) / 4))
    step = next(step * m for m in (1, 2, 5, 10) if (high - low) / (step * m) <= 7)
    first = math.ceil(low / step - 1e-9)
    return [round(k * step, 12) for k in range(first, math.floor(high / step + 1e-9) + 1)]


def _padded(values: np.ndarray) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    pad = 0.08 * (high - low) or max(abs(high), 1.0) * 0.1
    return low - pad, high + pad


def components_chart(study: Study, *, title: str, axis: str, labels: Sequence[str]) -> Chart:
    """Bars of GRR, repeatability, reproducibility, parts as per cent of the total variation."""
    shares = [
        study.share(value)
        for value in (study.grr, study.ev, math.hypot(study.av, study.interaction), study.pv)
    ]
    plot = _Plot(title, (-0.6, 3.6), (0.0, 108.0))
    plot.frame(ticks_x=list(enumerate(labels)), axis_x="", axis_y=axis)
    for number, share in enumerate(shares):
        low, high = plot.at(number - 0.3, 0), plot.at(number + 0.3, share)
        colour = COLOURS[0] if number < 3 else "#78909c"
        bar = ((low[0], low[1]), (low[0], high[1]), (high[0], high[1]), (high[0], low[1]))
        plot.shapes.append(Shape("area", bar, colour))
        plot.shapes.append(
            Shape("text", (((low[0] + high[0]) / 2, high[1] - 4),), text=f"{share:.1f} %", size=10)
        )
    for limit in (10.0, 30.0):  # of %GRR: good below, poor above
        plot.line([(-0.6, limit), (0.5, limit)], COLOURS[1], dashed=True)
    return plot.chart()


def parts_chart(study: Study, *, title: str, axis_x: str, axis_y: str) -> Chart:
    """Every value by part, coloured by operator, with the means of parts."""
    count = len(study.parts)
    plot = _Plot(title, (-0.6, count - 0.4), _padded(study.values))
    plot.frame(ticks_x=list(enumerate(study.parts)), axis_x=axis_x, axis_y=axis_y)
    plot.line(list(enumerate(study.values.mean(axis=(1, 2)).tolist())), _SOFT)
    operators = len(study.operators)
    for part in range(count):
        for operator in range(operators):
            x = part + 0.5 * ((operator + 0.5) / operators - 0.5)
            for value in study.values[part, operator]:
                plot.dot(x, float(value), _colour(operator), 2.4)
    plot.legend(study.operators)
    return plot.chart()


def interaction_chart(study: Study, *, title: str, axis_x: str, axis_y: str) -> Chart:
    """Mean of each part less the mean of all operators, a line per operator: parallel lines agree."""
    means = study.values.mean(axis=2) - study.values.mean(axis=(1, 2))[:, None]
    plot = _Plot(title, (-0.6, len(study.parts) - 0.4), _padded(means))
    plot.frame(ticks_x=list(enumerate(study.parts)), axis_x=axis_x, axis_y=axis_y)
    for operator in range(len(study.operators)):
        plot.line(list(enumerate(means[:, operator].tolist())), _colour(operator))
        for part, value in enumerate(means[:, operator].tolist()):
            plot.dot(part, value, _colour(operator))
    plot.legend(study.operators)
    return plot.chart()


def linearity_chart(found: Linearity, *, title: str, axis_x: str, axis_y: str) -> Chart:
    """Each bias over its reference, the line through them, and its 95 % band."""
    low, high = min(found.references), max(found.references)
    xs = np.linspace(low, high, 30).tolist()
    bands = [found.band(x) for x in xs]
    values = np.array([*found.biases, 0.0, *(edge for band in bands for edge in band)])
    pad = 0.05 * (high - low)
    plot = _Plot(title, (low - pad, high + pad), _padded(values))
    plot.frame(ticks_x=[(t, f"{t:.6g}") for t in _ticks(low - pad, high + pad)], axis_x=axis_x, axis_y=axis_y)
    for x, y in zip(found.references, found.biases, strict=True):
        plot.dot(x, y, COLOURS[0], 2.4)
    plot.line([(low - pad, 0.0), (high + pad, 0.0)], _SOFT)
    plot.line([(x, found.slope * x + found.intercept) for x in xs], COLOURS[1])
    for side in (0, 1):
        plot.line([(x, band[side]) for x, band in zip(xs, bands, strict=True)], COLOURS[1], dashed=True)
    return plot.chart()
