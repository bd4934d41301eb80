"""Looks for the seams that a recipe expects among those that were found, and measures run-off from them.

The path of a recipe is where the seam was meant to run, so a row that follows it is held against it instead
of against a smooth line through itself: a row that is smooth and in the wrong place runs off all the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from inspection.calibration import relative_uncertainty, to_mm
from inspection.domain import Calibration, ExpectedSeam, Measurement, Registration, Seam, Zone

__all__ = ["look_for"]

F64 = npt.NDArray[np.float64]

REACH_MM = 3.0
"""A row this far beside its place is still taken for the expected one, which has run off; house value."""
ROW_GAP_MM = 3.0
"""Distance of rows where the recipe gives no window: twin needles are seldom wider apart."""
LEAST_SHARE = 0.6
"""Share of a row's holes along the path from which the row belongs to it."""
STEP_MM = 1.0
"""Steps along a path in which it is looked at: finer than any stitch that counts alone."""
BRIDGED = 2.5
"""Usual pitches between two holes over which a row goes on; a longer gap has no row in it."""
ACROSS_MM = 0.06
"""How well a hole is placed across its row (k = 1), as `seams` states it."""
DRAWN_MM = 0.3
"""How well a person draws a path along a row (k = 1): two or three pixels of a usual camera; house value."""
_COVERAGE = 2.0
_LARGEST_OF_MANY = 1.3
"""The largest of many distances is that much less certain than one."""


@dataclass(frozen=True, eq=False)
class _Beside:
    """Points beside a path: signed distance to its left (N,), whether they are beside it, its direction."""

    off: F64
    beside: npt.NDArray[np.bool_]
    way: F64


def look_for(
    expected: Sequence[ExpectedSeam],
    seams: Sequence[Seam],
    zones: Sequence[Zone],
    calibration: Calibration | None,
    *,
    registration: Registration | None,
    photo_size_px: tuple[int, int],
    nominal_mm_per_px: float,
    looked: bool,
) -> tuple[tuple[ExpectedSeam, ...], tuple[Seam, ...]]:
    """Expected seams with what was found of them, and all seams, those along a path with run-off from it.

    Parameters
    ----------
    nominal_mm_per_px : scale to look with where the photo has none; nothing in mm is told then.
    looked : whether the network tells stitches at all; if not, nothing is known of any expected seam.
    """
    has_sizes = calibration is not None and calibration.gives_sizes

    def to_plane(points_px: F64) -> F64:
        if calibration is None or not has_sizes:
            return points_px * nominal_mm_per_px
        return to_mm(points_px, calibration)

    mm_per_px = calibration.mm_per_px if calibration is not None and has_sizes else nominal_mm_per_px
    lines = [to_plane(seam.points_px) for seam in seams]
    placed_mm = math.hypot(DRAWN_MM, _residual_mm(registration, mm_per_px))
    share = relative_uncertainty(calibration) if calibration is not None and has_sizes else 0.0
    told: list[ExpectedSeam] = []
    changed = list(seams)
    for one in expected:
        zone = _zone_of(one.path_px, zones)
        one = replace(one, zone=zone.name if zone else None, zone_class=zone.zone_class if zone else None)
        if not looked:
            told.append(one)
            continue
        path = to_plane(one.path_px)
        gap_mm = one.row_gap_mm[1] if one.row_gap_mm else ROW_GAP_MM
        reach_mm = REACH_MM + (one.rows - 1) / 2 * gap_mm
        along = {}
        for index, line in enumerate(lines):
            found = _beside(line, path)
            if np.mean(found.beside & (np.abs(found.off) <= reach_mm)) >= LEAST_SHARE:
                along[index] = found
        samples_px = _sampled(one.path_px, STEP_MM / mm_per_px)
        width, height = photo_size_px
        inside = ((samples_px >= -0.5) & (samples_px <= (width - 0.5, height - 0.5))).all(axis=1)
        rows = _rows_at(to_plane(samples_px[inside]), [(lines[i], seams[i].closed) for i in along], reach_mm)
        told.append(_told(one, tuple(along), rows))
        if has_sizes:
            for index, found in along.items():
                changed[index] = _run_off(changed[index], found, one.rows, placed_mm, share)
    return tuple(told), tuple(changed)


def _residual_mm(registration: Registration | None, mm_per_px: float) -> float:
    residual = None if registration is None else registration.residual_px
    return 0.0 if residual is None else residual * mm_per_px


def _zone_of(path_px: F64, zones: Sequence[Zone]) -> Zone | None:
    """The zone that holds most of a path; where zones overlap, the first one."""
    held = [0] * len(zones)
    for x, y in _sampled(path_px, max(1.0, _length(path_px) / 64)).tolist():
        for index, zone in enumerate(zones):
            if cv2.pointPolygonTest(zone.outline_px.astype(np.float32), (x, y), False) >= 0:
                held[index] += 1
                break
    return zones[held.index(max(held))] if any(held) else None


def _length(path: F64) -> float:
    return float(np.hypot(*np.diff(path, axis=0).T).sum())


def _sampled(path: F64, step: float) -> F64:
    """Points along a path, evenly about so far apart, its ends among them."""
    at = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
    wanted = np.linspace(0, at[-1], max(2, math.ceil(at[-1] / max(step, 1e-9)) + 1))
    return np.stack([np.interp(wanted, at, path[:, 0]), np.interp(wanted, at, path[:, 1])], axis=1)


def _beside(points: F64, path: F64) -> _Beside:
    start, step = path[:-1], np.diff(path, axis=0)
    length2 = np.maximum(1e-12, (step**2).sum(axis=1))
    rel = points[:, None] - start[None]
    t = np.einsum("nmk,mk->nm", rel, step) / length2
    away = rel - np.clip(t, 0, 1)[..., None] * step
    best = (away**2).sum(axis=2).argmin(axis=1)
    rows = np.arange(len(points))
    way = step[best] / np.sqrt(length2[best])[:, None]
    side = np.sign(way[:, 1] * rel[rows, best, 0] - way[:, 0] * rel[rows, best, 1])
    off = side * np.hypot(*away[rows, best].T)
    beyond = ((best == 0) & (t[rows, best] < -0.02)) | ((best == len(start) - 1) & (t[rows, best] > 1.02))
    return _Beside(off, ~beyond, way)


def _rows_at(samples: F64, lines: Sequence[tuple[F64, bool]], reach_mm: float) -> npt.NDArray[np.int64]:
    """How many of the rows pass each sample of the path."""
    rows = np.zeros(len(samples), np.int64)
    for line, closed in lines:
        ends = np.roll(line, -1, axis=0) if closed else line[1:]
        starts = line if closed else line[:-1]
        steps = np.hypot(*(ends - starts).T)
        if not len(steps) or not len(samples):
            continue
        whole = steps <= BRIDGED * float(np.median(steps))
        start, step = starts[whole], (ends - starts)[whole]
        rel = samples[:, None] - start[None]
        t = np.clip(np.einsum("nmk,mk->nm", rel, step) / np.maximum(1e-12, (step**2).sum(axis=1)), 0, 1)
        away = rel - t[..., None] * step
        rows += (np.hypot(away[..., 0], away[..., 1]).min(axis=1) <= reach_mm).astype(np.int64)
    return rows


def _told(one: ExpectedSeam, seams: tuple[int, ...], rows: npt.NDArray[np.int64]) -> ExpectedSeam:
    """An expected seam with what was found of it.

    What is missing is as uncertain as it is much, because the network overlooks rows: it sends a photo to a
    person, and rejects nothing by itself.
    """
    if len(rows) < 2:
        return replace(one, seams=seams)
    missing = 100 * float(np.mean(rows == 0))
    there = rows[rows > 0]
    found = None
    if len(there):
        count = float(np.median(there))
        found = Measurement("rows", count, "", abs(count - one.rows) or None)
    return replace(
        one,
        seams=seams,
        missing_pct=Measurement("missing_pct", missing, "%", missing or None),
        rows_found=found,
    )


def _run_off(seam: Seam, found: _Beside, rows: int, placed_mm: float, share: float) -> Seam:
    """A seam with its run-off measured from the path, or for one of several rows from the row's own place."""
    off = np.where(found.beside, found.off, np.nan)
    if rows > 1 and np.isfinite(off).any():
        off = off - float(np.nanmedian(off))
    # Positive to the left of the walk along the points, which may go against the path.
    walk = np.gradient(seam.points_px, axis=0) if len(seam.points_px) > 1 else found.way
    if float(np.einsum("ij,ij->i", walk, found.way).sum()) < 0:
        off = -off
    kept = tuple(each for each in seam.measurements if each.name != "run_off_mm")
    if np.isfinite(off).any():
        noise = math.hypot(ACROSS_MM, placed_mm)
        # The largest of many is too large by what noise adds to it.
        worst = math.sqrt(max(0.0, float(np.nanmax(np.abs(off))) ** 2 - noise**2))
        half = math.hypot(_COVERAGE * _LARGEST_OF_MANY * noise, share * worst)
        kept = (*kept, Measurement("run_off_mm", worst, "mm", half))
    return replace(seam, run_off_mm=off, measurements=kept)
