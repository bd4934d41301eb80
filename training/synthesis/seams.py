"""Lockstitch: where the needle went, where the thread lies, and how it looks.

A row is planned in millimetres first (`plan`): needle holes by arc length along a line, then the threads
between them. The faults of `stitch_defects` change that plan, and what the plan says after them is the truth.
Then it is sewn (`sew`): the thread presses a groove, the needle leaves holes, and each thread is drawn as a
round twisted cord.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil, pi, radians, tan

import numpy as np

from training.synthesis import noise
from training.synthesis.curves import Curve, corners_mm, parallel, smooth_curve
from training.synthesis.noise import stream
from training.synthesis.panels import Laid
from training.synthesis.raster import F32, F64, enlarge, f32, mix, shrink
from training.synthesis.scene import Rgb, Seam, Thread
from training.synthesis.surface import Grid, Surface

_HOLE_DEPTH_MM = 0.35
_DIMPLE_MM = 0.9  # how far the leather is drawn in around a stitch
_OVERSHOOT_MM = 60.0  # how far rows go on beyond a line's end when it has none of its own


@dataclass(eq=False)
class Strand:
    """A piece of thread on the surface: a polyline with its height above the leather and its look.

    ``dips`` says whether its first and last end go down into a hole.
    """

    points_mm: F64
    lift_mm: F64
    radius_mm: float
    colour: Rgb
    dips: tuple[bool, bool] = (True, True)
    twist: bool = True
    counts: bool = True  # as thread of the seam, in the thread mask


@dataclass(eq=False)
class Mark:
    """Where a defect of a row shows: within ``reach_mm`` of a polyline."""

    kind: str
    number: int
    points_mm: F64
    reach_mm: float


@dataclass(eq=False)
class Wound:
    """A hole of the needle beside or without the thread: open, or torn with raised grain."""

    at_mm: F64
    radius_mm: float
    torn: float


@dataclass(eq=False)
class Pucker:
    """Waves of the leather across the row."""

    at_mm: float
    length_mm: float
    height_mm: float
    seed: int


@dataclass(eq=False)
class Row:
    """One row as it is being planned.

    Attributes
    ----------
    line : where the row was meant to go. along_mm, across_mm : (N,) of each needle hole, across positive to
        the left.
    formed : (N,) whether the stitch locked there. gone : (N - 1,) whether the thread after hole i is missing.
    slack_mm : (N - 1,) how far the thread after hole i bulges to the left, and half as much upwards.
    """

    line: Curve
    index: int
    along_mm: F64
    across_mm: F64
    formed: np.ndarray
    gone: np.ndarray
    slack_mm: F64
    extra: list[Strand] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    wounds: list[Wound] = field(default_factory=list)
    puckers: list[Pucker] = field(default_factory=list)

    def holes_mm(self) -> F64:
        """The needle holes (N, 2)."""
        return self.line.at(self.along_mm) + self.line.left(self.along_mm) * self.across_mm[:, None]

    def between(self, start_mm: float, end_mm: float) -> np.ndarray:
        """Indices of the holes whose arc length lies within the span."""
        return np.flatnonzero((self.along_mm >= start_mm) & (self.along_mm <= end_mm))


def line_of(seam: Seam, laid: Sequence[Laid]) -> Curve:
    """The line that the rows of a seam follow: its panel's edge, or its own."""
    return laid[seam.panel].edge if seam.panel is not None else smooth_curve(seam.line_mm, seam.corner_at)


def plan(seam: Seam, line: Curve) -> list[Row]:
    """The rows of a seam as a good machine sews them, before any defect."""
    rows = []
    for index in range(seam.rows):
        away = index * seam.gap_mm + (seam.margin_mm if seam.panel is not None else 0.0)
        path = parallel(line, away) if away else line
        rows.append(_row(seam, path, index))
    return rows


def _row(seam: Seam, path: Curve, index: int) -> Row:
    rng = stream(seam.seed, "row", index)
    start = seam.start_mm
    end = path.length_mm if seam.end_mm is None else min(seam.end_mm, path.length_mm)
    stops = [start, *(s for s in corners_mm(seam.line_mm, seam.corner_at, path) if start < s < end), end]
    pieces = []
    for a, b in pairwise(stops):
        count = max(1, round((b - a) / seam.pitch_mm))
        step = seam.pitch_mm if len(stops) == 2 else (b - a) / count
        pieces.append(a + step * np.arange(count))
    along = np.concatenate([*pieces, [min(end, pieces[-1][-1] + seam.pitch_mm)]])
    if along[-1] - along[-2] < 0.5 * seam.pitch_mm:
        along = along[:-1]
    along = along + (rng.uniform(0, seam.pitch_mm) if index and seam.start_mm <= 0 else 0.0)
    jitter = np.clip(rng.standard_normal(len(along)), -2.5, 2.5) * seam.jitter_mm
    jitter[0] = 0
    across = np.clip(rng.standard_normal(len(along)), -2.5, 2.5) * (0.5 * seam.jitter_mm)
    n = len(along)
    return Row(
        line=path,
        index=index,
        along_mm=along + jitter,
        across_mm=across,
        formed=np.ones(n, bool),
        gone=np.zeros(max(0, n - 1), bool),
        slack_mm=np.zeros(max(0, n - 1)),
    )


def strands(row: Row, seam: Seam, grid: Grid) -> list[Strand]:
    """The threads of a row on the grid: from each locked hole to the next, then those of its defects."""
    holes = row.holes_mm()
    near = _near(holes, grid, 6.0)
    radius = seam.thread.diameter_mm / 2
    locked = np.flatnonzero(row.formed)
    found = []
    for a, b in pairwise(locked):
        if row.gone[a:b].any() or not (near[a] or near[b]):
            continue
        found.append(
            stitch(holes[a], holes[b], seam, slack_mm=float(row.slack_mm[a:b].max()), radius_mm=radius)
        )
    if seam.tack:
        found.extend(_tacks(row, holes, seam, radius))
    return found + row.extra


def stitch(a: F64, b: F64, seam: Seam, *, slack_mm: float, radius_mm: float) -> Strand:
    """One thread from hole to hole, slanted, and bulging to its left where it is slack."""
    chord = b - a
    length = float(np.hypot(*chord))
    ahead = chord / max(length, 1e-9)
    left = np.array([ahead[1], -ahead[0]])
    lean = min(0.5 * length * abs(tan(radians(seam.slant_deg))), 0.9 * radius_mm) * np.sign(seam.slant_deg)
    t = np.linspace(0, 1, 9 if slack_mm else 2)
    bow = slack_mm * np.sin(pi * t) ** 0.8
    points = a + t[:, None] * chord + left * (lean * (1 - 2 * t) + bow)[:, None]
    return Strand(points, 0.5 * np.abs(bow), radius_mm, seam.thread.colour)


def _tacks(row: Row, holes: F64, seam: Seam, radius: float) -> list[Strand]:
    found = []
    ends = [] if seam.start_mm <= 0 else [(0, 1)]
    if seam.end_mm is not None:
        ends.append((len(holes) - 1, -1))
    for first, step in ends:
        side = row.line.left(row.along_mm[[first]])[0] * (0.7 * radius)
        for k in range(min(seam.tack, len(holes) - 1)):
            a, b = holes[first + step * k] + side, holes[first + step * (k + 1)] + side
            found.append(stitch(a, b, seam, slack_mm=0.0, radius_mm=radius))
    return found


def sew(surface: Surface, rows: Sequence[Row], seam: Seam, grid: Grid, *, layer: int) -> None:
    """Draws the rows of a seam on the surface, where ``layer`` is on top."""
    on_layer = surface.layer == layer
    for row in rows:
        _press(surface, row, seam, grid, on_layer)
        holes = row.holes_mm()
        for hole in holes[_near(holes, grid, 2.0)]:
            puncture(
                surface, grid, hole, radius_mm=0.5 * seam.hole_mm, depth_mm=_HOLE_DEPTH_MM, over=on_layer
            )
        for wound in row.wounds:
            if wound.torn:
                _tear(surface, grid, wound, seam.seed)
            puncture(surface, grid, wound.at_mm, radius_mm=wound.radius_mm, depth_mm=0.6, over=on_layer)
    ground = _ground(surface, grid)
    rng = stream(seam.seed, "thread")
    for row in rows:
        for strand in strands(row, seam, grid):
            draw_strand(surface, strand, seam.thread, grid, ground, rng)


def _near(points: F64, grid: Grid, reach_mm: float) -> np.ndarray:
    low = np.array([float(grid.x_mm[0, 0]), float(grid.y_mm[0, 0])]) - reach_mm
    high = np.array([float(grid.x_mm[-1, -1]), float(grid.y_mm[-1, -1])]) + reach_mm
    return np.asarray(((points >= low) & (points <= high)).all(1))


def _ground(surface: Surface, grid: Grid) -> F32:
    """The leather under the threads, without its grain: the least height nearby, smoothed."""
    step = max(1, round(0.5 / grid.mm_per_px))
    height, width = grid.shape
    small = shrink(surface.height_mm, (ceil(height / step), ceil(width / step)))
    return enlarge(small, grid.shape, cubic=False)


def _press(surface: Surface, row: Row, seam: Seam, grid: Grid, on_layer: np.ndarray) -> None:
    """The groove that the tension of the thread draws in along the row, and puckers."""
    holes = row.holes_mm()
    keep = _near(holes, grid, 8.0)
    if not keep.any():
        return
    dent = np.zeros(grid.shape, np.float32)
    wide = _DIMPLE_MM
    for i in np.flatnonzero(keep[:-1] | keep[1:]):
        a, b = holes[i], holes[i + 1]
        at = grid.window(np.minimum(a, b) - 2.2 * wide, np.maximum(a, b) + 2.2 * wide)
        if at is None:
            continue
        d = distance_to_segment(grid.x_mm[at], grid.y_mm[at], a, b)
        np.maximum(dent[at], np.exp(-((d / np.float32(wide)) ** 2)), out=dent[at])
    dent *= on_layer
    surface.height_mm -= np.float32(seam.sink_mm) * dent
    for pucker in row.puckers:
        _ripple(surface, row, pucker, grid, on_layer)


def _ripple(surface: Surface, row: Row, pucker: Pucker, grid: Grid, on_layer: np.ndarray) -> None:
    rng = stream(pucker.seed, "pucker")
    s = pucker.at_mm - pucker.length_mm / 2
    end = pucker.at_mm + pucker.length_mm / 2
    while s < end:
        wave = rng.uniform(2.2, 4.2)
        middle = np.array([s + wave / 2])
        centre = row.line.at(middle)[0]
        t = row.line.tangent(middle)[0]
        reach = rng.uniform(4.0, 8.0)
        at = grid.window(centre - reach * 1.6, centre + reach * 1.6)
        s += wave
        if at is None:
            continue
        x, y = grid.x_mm[at] - np.float32(centre[0]), grid.y_mm[at] - np.float32(centre[1])
        turn = rng.normal(0, 0.18)
        u = x * np.float32(t[0] + turn * t[1]) + y * np.float32(t[1] - turn * t[0])
        v = x * np.float32(t[1]) - y * np.float32(t[0])
        spread = 0.3 * wave + 0.05 * np.abs(v)
        bump = np.exp(-((u / spread) ** 2)) * np.exp(-((v / np.float32(0.55 * reach)) ** 2))
        surface.height_mm[at] += f32(pucker.height_mm * rng.uniform(0.6, 1.0) * bump * on_layer[at])


def distance_to_segment(x: F32, y: F32, a: F64, b: F64) -> F32:
    """Distance of points to the segment from ``a`` to ``b``."""
    step = b - a
    length2 = max(1e-12, float(step @ step))
    rx, ry = x - np.float32(a[0]), y - np.float32(a[1])
    t = np.clip((rx * np.float32(step[0]) + ry * np.float32(step[1])) / np.float32(length2), 0, 1)
    return f32(np.sqrt((rx - t * np.float32(step[0])) ** 2 + (ry - t * np.float32(step[1])) ** 2))


def puncture(
    surface: Surface, grid: Grid, at_mm: F64, *, radius_mm: float, depth_mm: float, over: np.ndarray
) -> None:
    """A hole through the grain: a pit with slightly drawn-in lips, dark inside."""
    reach = 2.5 * radius_mm + 2 * grid.mm_per_px
    at = grid.window(at_mm - reach, at_mm + reach)
    if at is None:
        return
    d = np.hypot(grid.x_mm[at] - np.float32(at_mm[0]), grid.y_mm[at] - np.float32(at_mm[1]))
    pit = np.clip((np.float32(radius_mm) - d) / np.float32(grid.mm_per_px) + 0.5, 0, 1) * over[at]
    lip = np.exp(-((d / np.float32(1.5 * radius_mm)) ** 2)) * over[at]
    surface.height_mm[at] -= f32(np.float32(depth_mm) * pit + 0.06 * lip)
    surface.shade[at] *= f32(1 - 0.6 * pit)
    surface.albedo[at] *= f32(1 - 0.35 * pit)[..., None]


def _tear(surface: Surface, grid: Grid, wound: Wound, seed: int) -> None:
    """Grain broken open around a hole: a raised ragged rim with the raw leather showing."""
    size = wound.radius_mm * (1.5 + 2 * wound.torn)
    reach = 2.2 * size
    at = grid.window(wound.at_mm - reach, wound.at_mm + reach)
    if at is None:
        return
    rng = stream(seed, "tear", int(abs(wound.at_mm[0]) * 1000))
    x, y = grid.x_mm[at] - np.float32(wound.at_mm[0]), grid.y_mm[at] - np.float32(wound.at_mm[1])
    angle = np.arctan2(y, x)
    ragged = np.ones_like(x)
    for k in (2, 3, 5, 7, 11):
        ragged += np.float32(0.3 * rng.normal() / k**0.5) * np.cos(k * angle + np.float32(rng.uniform(0, 6)))
    ragged = np.clip(ragged, 0.35, 1.8)
    d = np.hypot(x, y) / (np.float32(size) * ragged)
    inside = np.clip((1 - d) * np.float32(size / grid.mm_per_px) + 0.5, 0, 1)
    surface.height_mm[at] += f32(0.12 * np.exp(-(((d - 0.9) / 0.35) ** 2)))
    raw = np.clip(surface.albedo[at].mean((0, 1)) * 0.6 + 0.1, 0, 0.8)
    patch = surface.albedo[at]
    mix(patch, raw, f32(0.7 * inside * np.clip(0.8 + 0.3 * noise.smooth(rng, inside.shape, 3.0), 0, 1)))
    rough = surface.roughness[at]
    mix(rough, 0.95, f32(inside))


def draw_strand(
    surface: Surface,
    strand: Strand,
    thread: Thread,
    grid: Grid,
    ground: F32,
    rng: np.random.Generator,
) -> None:
    """Draws one strand: a round cord of twisted plies that dips into its holes."""
    lengths = np.linalg.norm(np.diff(strand.points_mm, axis=0), axis=1)
    total = float(lengths.sum())
    done = 0.0
    phase = rng.uniform(0, 2 * pi)
    reach = strand.radius_mm + 1.5 * grid.mm_per_px
    for k, length in enumerate(lengths):
        a, b = strand.points_mm[k], strand.points_mm[k + 1]
        at = grid.window(np.minimum(a, b) - reach, np.maximum(a, b) + reach)
        if at is not None and length > 1e-6:
            _cord(surface, strand, thread, grid, ground, at, k, done, total, phase)
        done += float(length)


def _cord(
    surface: Surface,
    strand: Strand,
    thread: Thread,
    grid: Grid,
    ground: F32,
    at: tuple[slice, slice],
    k: int,
    done: float,
    total: float,
    phase: float,
) -> None:
    a, b = strand.points_mm[k], strand.points_mm[k + 1]
    step = b - a
    length = float(np.hypot(*step))
    tx, ty = np.float32(step[0] / length), np.float32(step[1] / length)
    rx, ry = grid.x_mm[at] - np.float32(a[0]), grid.y_mm[at] - np.float32(a[1])
    u = rx * tx + ry * ty
    v = rx * ty - ry * tx
    px = np.float32(grid.mm_per_px)
    inner = np.clip(u, 0, np.float32(length))
    past = u - inner
    d = np.sqrt(v * v + past * past)
    r = np.float32(strand.radius_mm)
    cover = np.clip((r - d) / px + 0.5, 0, 1)
    if strand.dips[0] and k == 0:  # the thread ends in the middle of its hole
        cover *= np.clip(u / px + 0.5, 0, 1)
    if strand.dips[1] and k == len(strand.points_mm) - 2:
        cover *= np.clip((np.float32(length) - u) / px + 0.5, 0, 1)
    if not cover.any():
        return
    s = inner + np.float32(done)
    across = np.clip(v / r, -1, 1)
    lay = thread.twist_mm
    fine = min(1.0, max(0.0, lay / thread.plies / grid.mm_per_px / 2 - 0.6)) if strand.twist else 0.0
    turn = np.float32(2 * pi / lay) * s + np.arcsin(across) + np.float32(phase)
    ridge = np.abs(np.cos(np.float32(thread.plies / 2) * turn))
    groove = np.float32(fine) * (1 - ridge)
    round_ = np.sqrt(np.clip(1 - across * across, 0, 1))
    t = inner / np.float32(length)
    lift = strand.lift_mm[k] * (1 - t) + strand.lift_mm[k + 1] * t
    dip = np.zeros_like(s)
    sharp = np.float32(max(0.8 * r, 1.2 * px))
    if strand.dips[0]:
        dip += np.exp(-((s / sharp) ** 2))
    if strand.dips[1]:
        dip += np.exp(-(((np.float32(total) - s) / sharp) ** 2))
    top = ground[at] + lift + 0.75 * r + r * round_ * (1 - 0.3 * groove) - (1.6 * r + 0.1) * dip
    rise = surface.height_mm[at]
    mix(rise, top, f32(cover))
    fibre = noise.white(
        stream(7, int(1000 * abs(a[0])) & 0xFFFF, int(1000 * abs(a[1])) & 0xFFFF), cover.shape
    )
    tone = (1 - 0.45 * groove) * (0.72 + 0.28 * round_) * (1 + np.float32(0.05) * fibre) * (1 - 0.6 * dip)
    colour = f32(strand.colour) * f32(tone)[..., None]
    albedo = surface.albedo[at]
    mix(albedo, colour, f32(cover))
    rough = surface.roughness[at]
    mix(rough, 0.55, f32(cover))
    nap = surface.sheen[at]
    mix(nap, 0.1, f32(cover))
    shade = surface.shade[at]
    mix(shade, 1.0, f32(cover * (1 - 0.5 * dip)))
    if strand.counts:
        np.maximum(surface.thread[at], cover, out=surface.thread[at])
