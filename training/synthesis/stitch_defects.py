"""Fourteen faults of sewing, each as a change to a planned row and a mark in the truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import pi

import numpy as np

from inspection.errors import UnknownNameError
from training.synthesis.noise import stream
from training.synthesis.raster import F64
from training.synthesis.scene import Rgb, Seam, StitchDefect
from training.synthesis.seams import Mark, Pucker, Row, Strand, Wound, stitch

_MARK_REACH_MM = 0.5  # how far beside the thread the mask of a fault of the row reaches


@dataclass(frozen=True)
class Size:
    """What ``size_mm`` means for a kind, and what is minor, middling and severe."""

    meaning: str
    minor_mm: float
    middle_mm: float
    severe_mm: float

    def at(self, severity: float) -> float:
        """Size in millimetres for a severity 0 (minor) .. 1 (severe)."""
        low, high = (self.minor_mm, self.middle_mm) if severity < 0.5 else (self.middle_mm, self.severe_mm)
        return low + (high - low) * (2 * severity if severity < 0.5 else 2 * severity - 1)


SIZES: dict[str, Size] = {
    "skipped_stitch": Size("length of the thread that floats over the skipped holes", 4.0, 7.0, 12.0),
    "broken_thread": Size("length of the gap in the thread", 2.5, 6.0, 12.0),
    "loose_thread": Size("how far the slack thread stands off the row", 0.5, 1.2, 3.0),
    "thread_end": Size("length of the end left uncut", 2.0, 6.0, 15.0),
    "uneven_pitch": Size("largest change of pitch from the nominal", 0.4, 0.8, 1.4),
    "run_off": Size("largest distance from the line that was meant", 0.6, 1.2, 2.5),
    "off_edge": Size("how far beyond the panel's edge the row goes", 0.2, 0.6, 1.2),
    "wrong_margin": Size("difference of the margin from the nominal", 0.5, 0.9, 1.6),
    "uneven_rows": Size("largest change of the distance between two rows", 0.5, 1.0, 1.8),
    "merged_stitch": Size("distance between the stitches sewn twice", 0.15, 0.4, 0.8),
    "under_thread": Size("length of under-thread that shows at each hole", 0.35, 0.6, 1.1),
    "empty_hole": Size("diameter of the needle hole without a thread", 0.4, 0.7, 1.1),
    "needle_damage": Size("width of the torn grain", 0.8, 1.6, 3.0),
    "pucker": Size("height of the waves beside the row", 0.15, 0.35, 0.7),
}


@dataclass(frozen=True, eq=False)
class _Job:
    defect: StitchDefect
    number: int
    seam: Seam
    rows: Sequence[Row]
    rng: np.random.Generator

    @property
    def row(self) -> Row:
        return self.rows[min(self.defect.row, len(self.rows) - 1)]

    @property
    def hole(self) -> int:
        """Index of the hole nearest to where the defect is, with a hole on either side."""
        along = self.row.along_mm
        return int(np.clip(np.argmin(np.abs(along - self.defect.at_mm)), 1, max(1, len(along) - 3)))

    def span(self, least_mm: float) -> tuple[float, float]:
        half = max(least_mm, self.defect.length_mm) / 2
        return self.defect.at_mm - half, self.defect.at_mm + half

    @property
    def reach_mm(self) -> float:
        """How far beside the thread the mask of a fault of the row reaches."""
        return max(_MARK_REACH_MM, self.seam.thread.diameter_mm / 2 + 0.15)

    def mark(self, points_mm: F64, reach_mm: float = _MARK_REACH_MM) -> None:
        reach = max(reach_mm, self.seam.thread.diameter_mm / 2 + 0.15)
        self.row.marks.append(Mark(self.defect.kind, self.number, np.atleast_2d(points_mm), reach))


def apply(rows: Sequence[Row], seam: Seam, numbered: Sequence[tuple[int, StitchDefect]]) -> None:
    """Changes the rows by the seam's defects: first where the needle goes, then what the thread does."""
    for kinds in (_MOVES, _THREADS):
        for number, defect in numbered:
            if defect.kind not in SIZES:
                raise UnknownNameError(
                    f"there is no stitching defect {defect.kind!r}", hint=f"Known: {', '.join(SIZES)}."
                )
            if defect.kind in kinds and all(len(row.along_mm) > 4 for row in rows):
                rng = stream(defect.seed, defect.kind)
                kinds[defect.kind](_Job(defect, number, seam, rows, rng))


def _uneven_pitch(job: _Job) -> None:
    start, end = job.span(4 * job.seam.pitch_mm)
    found = job.row.between(start, end)
    size = min(job.defect.size_mm, 0.6 * job.seam.pitch_mm)
    sign = 1.0 if job.rng.random() < 0.5 else -1.0
    for rank, i in enumerate(found[:-1]):
        share = 1.0 if rank == len(found) // 2 else job.rng.uniform(0.4, 0.95)
        job.row.along_mm[i + 1 :] += sign * share * size
        sign = -sign if job.rng.random() < 0.75 else sign
    if len(found):
        job.mark(job.row.holes_mm()[found])


def _bump(along_mm: F64, start: float, end: float) -> F64:
    t = np.clip((along_mm - start) / (end - start), 0, 1)
    return np.asarray(0.5 - 0.5 * np.cos(2 * pi * t), np.float64)


def _run_off(job: _Job) -> None:
    start, end = job.span(4 * job.seam.pitch_mm)
    sign = 1.0 if job.seam.panel is not None and job.rng.random() < 0.6 else -1.0
    room = (
        job.defect.size_mm
        if sign > 0 or job.seam.panel is None
        else min(job.defect.size_mm, job.seam.margin_mm - 0.3)
    )
    job.row.across_mm += sign * max(0.1, room) * _bump(job.row.along_mm, start, end)
    found = job.row.between(start, end)
    deep = found[np.abs(job.row.across_mm[found]) > 0.3 * abs(room)]
    if len(deep):
        job.mark(job.row.holes_mm()[deep])


def _off_edge(job: _Job) -> None:
    start, end = job.span(5 * job.seam.pitch_mm)
    away = job.seam.margin_mm + job.row.index * job.seam.gap_mm + job.defect.size_mm
    shape = np.minimum(1.0, 1.4 * _bump(job.row.along_mm, start, end))
    job.row.across_mm -= away * shape
    found = job.row.between(start, end)
    margin = job.seam.margin_mm + job.row.index * job.seam.gap_mm
    beyond = found[-job.row.across_mm[found] > margin - 0.2]
    if len(beyond):
        job.mark(job.row.holes_mm()[beyond])


def _wrong_margin(job: _Job) -> None:
    start, end = job.span(job.defect.length_mm or 2 * job.row.line.length_mm)
    away = job.defect.size_mm
    if away < job.seam.margin_mm - 0.4 and job.rng.random() < 0.5:
        away = -away
    for row in job.rows:  # they are sewn together, so all of them move
        ease = np.clip((row.along_mm - start) / 4, 0, 1) * np.clip((end - row.along_mm) / 4, 0, 1)
        row.across_mm += away * ease
        found = row.between(start + 2, end - 2)
        if len(found):
            row.marks.append(Mark(job.defect.kind, job.number, row.holes_mm()[found], job.reach_mm))


def _uneven_rows(job: _Job) -> None:
    row = job.rows[-1]
    start, end = job.span(12 * job.seam.pitch_mm)
    room = job.defect.size_mm
    if len(job.rows) > 1 and job.rng.random() < 0.5:
        room = -min(room, 0.75 * job.seam.gap_mm)
    shape = np.clip((row.along_mm - start) / (end - start), 0, 1)
    row.across_mm += room * (shape if job.rng.random() < 0.5 else _bump(row.along_mm, start, end))
    changed = np.flatnonzero(np.abs(row.across_mm) > 0.35 * abs(room))
    if len(changed):
        row.marks.append(Mark(job.defect.kind, job.number, row.holes_mm()[changed], job.reach_mm))


def _skipped(job: _Job) -> None:
    row, i = job.row, job.hole
    count = max(1, round(job.defect.size_mm / job.seam.pitch_mm) - 1)
    last = min(i + count, len(row.along_mm) - 2)
    row.formed[i:last] = False
    row.slack_mm[i - 1 : last] = 0.06 * job.rng.uniform(-1, 1)
    job.mark(row.holes_mm()[i - 1 : last + 1])


def _curl(job: _Job, start: F64, heading: F64, length_mm: float, bend: float) -> F64:
    steps = max(6, int(length_mm / 0.35))
    angle = float(np.arctan2(heading[1], heading[0]))
    turn = job.rng.normal(0, bend)
    points = [np.asarray(start, np.float64)]
    for _ in range(steps):
        turn += job.rng.normal(0, 0.35 * bend)
        angle += turn * length_mm / steps
        points.append(points[-1] + (length_mm / steps) * np.array([np.cos(angle), np.sin(angle)]))
    return np.array(points)


def _fray(job: _Job, start: F64, heading: F64, colour: Rgb) -> list[Strand]:
    """A broken end: a short stub that opens into its filaments."""
    radius = job.seam.thread.diameter_mm / 2
    stub = _curl(job, start, heading, job.rng.uniform(0.5, 1.1), 0.5)
    found = [
        Strand(stub, np.linspace(0, radius, len(stub)), radius, colour, dips=(True, False), counts=False)
    ]
    for _ in range(5):
        turn = job.rng.normal(0, 0.6)
        c, s = np.cos(turn), np.sin(turn)
        last = stub[-1] - stub[-2]
        way = np.array([c * last[0] - s * last[1], s * last[0] + c * last[1]])
        hair = _curl(job, stub[-1], way, job.rng.uniform(0.5, 1.6), 0.9)
        lift = np.linspace(radius, radius * job.rng.uniform(0.2, 3), len(hair))
        found.append(
            Strand(hair, lift, 0.28 * radius, colour, dips=(False, False), twist=False, counts=False)
        )
    return found


def _broken(job: _Job) -> None:
    row, i = job.row, job.hole
    count = max(1, round(job.defect.size_mm / job.seam.pitch_mm))
    last = min(i + count, len(row.along_mm) - 2)
    row.gone[i:last] = True
    holes = row.holes_mm()
    ahead = holes[i + 1] - holes[i]
    back = holes[last - 1] - holes[last]
    row.extra += _fray(job, holes[i], ahead, job.seam.thread.colour)
    row.extra += _fray(job, holes[last], back, job.seam.thread.colour)
    job.mark(holes[i : last + 1], 0.7)


def _loose(job: _Job) -> None:
    row, i = job.row, job.hole
    side = 1.0 if job.rng.random() < 0.5 else -1.0
    row.slack_mm[i] = side * job.defect.size_mm
    if job.defect.length_mm > job.seam.pitch_mm:
        row.slack_mm[i + 1] = -side * job.defect.size_mm * job.rng.uniform(0.4, 0.9)
    holes = row.holes_mm()
    count = 2 if row.slack_mm[i + 1] else 1
    path = [
        stitch(holes[k], holes[k + 1], job.seam, slack_mm=float(row.slack_mm[k]), radius_mm=0.1).points_mm
        for k in range(i, i + count)
    ]
    job.mark(np.vstack(path), 0.35)


def _thread_end(job: _Job) -> None:
    row, i = job.row, job.hole
    hole = row.holes_mm()[i]
    angle = job.rng.uniform(0, 2 * pi)
    path = _curl(job, hole, np.array([np.cos(angle), np.sin(angle)]), job.defect.size_mm, 0.22)
    lift = 0.15 + 0.35 * np.abs(np.sin(np.linspace(0, job.rng.uniform(2, 6), len(path))))
    radius = job.seam.thread.diameter_mm / 2
    row.extra.append(Strand(path, lift, radius, job.seam.thread.colour, dips=(True, False), counts=False))
    for _ in range(3):
        hair = _curl(job, path[-1], path[-1] - path[-2], job.rng.uniform(0.3, 0.9), 1.0)
        flat = np.full(len(hair), lift[-1])
        row.extra.append(
            Strand(
                hair,
                flat,
                0.3 * radius,
                job.seam.thread.colour,
                dips=(False, False),
                twist=False,
                counts=False,
            )
        )
    job.mark(path, 0.3)


def _merged(job: _Job) -> None:
    row = job.row
    start, end = job.span(4 * job.seam.pitch_mm)
    found = row.between(start, end)
    if len(found) < 2:
        return
    shift = job.rng.uniform(0.25, 0.75) * job.seam.pitch_mm
    along = row.along_mm[found] + shift
    across = row.across_mm[found] + job.defect.size_mm * (1 if job.rng.random() < 0.5 else -1)
    again = row.line.at(along) + row.line.left(along) * across[:, None]
    radius = job.seam.thread.diameter_mm / 2
    for a, b in pairwise(again):
        row.extra.append(stitch(a, b, job.seam, slack_mm=0.0, radius_mm=radius))
    row.wounds += [Wound(p, 0.5 * job.seam.hole_mm, 0.0) for p in again]
    job.mark(np.vstack([row.holes_mm()[found], again[::-1]]))


def _under_thread(job: _Job) -> None:
    row = job.row
    start, end = job.span(4 * job.seam.pitch_mm)
    found = row.between(start, end)
    radius = 0.55 * job.seam.thread.diameter_mm
    for i in found:
        hole = row.holes_mm()[i]
        ahead = row.line.tangent(row.along_mm[[i]])[0]
        way = ahead + job.rng.normal(0, 0.25, 2)
        way *= job.defect.size_mm / 2 / np.hypot(*way)
        points = np.stack([hole - way, hole + way])
        lift = np.full(2, 0.12 + radius)
        row.extra.append(
            Strand(
                points,
                lift,
                radius,
                job.seam.thread.under_colour,
                dips=(False, False),
                twist=False,
                counts=False,
            )
        )
    if len(found):
        for i in found:
            job.mark(row.holes_mm()[[i]], max(0.4, 0.6 * job.defect.size_mm))


def _empty_hole(job: _Job) -> None:
    row = job.row
    start, end = job.span(0.5 * job.seam.pitch_mm)
    found = row.between(start, end)
    found = found if len(found) else np.array([job.hole])
    side = job.rng.uniform(0.9, 1.8) * (1 if job.rng.random() < 0.7 else -1)
    for i in found:
        along = row.along_mm[[i]] + 0.5 * job.seam.pitch_mm
        place = (row.line.at(along) + row.line.left(along) * (row.across_mm[i] + side))[0]
        row.wounds.append(Wound(place, job.defect.size_mm / 2, 0.0))
        job.mark(place, 0.5 * job.defect.size_mm + 0.15)


def _needle_damage(job: _Job) -> None:
    row, i = job.row, job.hole
    place = row.holes_mm()[i]
    radius = 0.5 * job.seam.hole_mm
    torn = max(0.2, (job.defect.size_mm / 2 / radius - 1.5) / 2)
    row.wounds.append(Wound(place, radius, torn))
    job.mark(place, max(0.4, job.defect.size_mm / 2))


def _pucker(job: _Job) -> None:
    length = max(10.0, job.defect.length_mm)
    job.row.puckers.append(Pucker(job.defect.at_mm, length, job.defect.size_mm, job.defect.seed))
    found = job.row.between(job.defect.at_mm - length / 2, job.defect.at_mm + length / 2)
    if len(found):
        job.mark(job.row.holes_mm()[found], 2.5)


_MOVES: dict[str, Callable[[_Job], None]] = {
    "uneven_pitch": _uneven_pitch,
    "run_off": _run_off,
    "off_edge": _off_edge,
    "wrong_margin": _wrong_margin,
    "uneven_rows": _uneven_rows,
}

_THREADS: dict[str, Callable[[_Job], None]] = {
    "skipped_stitch": _skipped,
    "broken_thread": _broken,
    "loose_thread": _loose,
    "thread_end": _thread_end,
    "merged_stitch": _merged,
    "under_thread": _under_thread,
    "empty_hole": _empty_hole,
    "needle_damage": _needle_damage,
    "pucker": _pucker,
}
