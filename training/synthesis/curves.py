"""Smooth curves in millimetres: points by arc length, parallels, distances of grid points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil

import numpy as np

from training.synthesis.raster import F32, F64, enlarge, f32
from training.synthesis.scene import Point
from training.synthesis.surface import Grid

_STEP_MM = 0.2
_EXACT_WITHIN_MM = 6.0
_FAR_PX = 16  # node distance where nothing but padding depends on it
_NODE_PX = 4  # distances are exact on every fourth grid point and interpolated between


@dataclass(frozen=True, eq=False)
class Curve:
    """A polyline dense enough to pass for a smooth curve.

    Attributes
    ----------
    points_mm : (N, 2). along_mm : (N,) arc length from the first point.
    """

    points_mm: F64
    along_mm: F64

    @property
    def length_mm(self) -> float:
        """From end to end."""
        return float(self.along_mm[-1])

    def at(self, along_mm: F64) -> F64:
        """Points (K, 2) at arc lengths (K,); beyond the ends it goes on straight."""
        s = np.asarray(along_mm, np.float64)
        inside = np.clip(s, 0.0, self.length_mm)
        x = np.interp(inside, self.along_mm, self.points_mm[:, 0])
        y = np.interp(inside, self.along_mm, self.points_mm[:, 1])
        return np.stack([x, y], -1) + self.tangent(inside) * (s - inside)[:, None]

    def tangent(self, along_mm: F64) -> F64:
        """Unit directions (K, 2) at arc lengths (K,)."""
        s = np.clip(np.asarray(along_mm, np.float64), 0.0, self.length_mm)
        last = len(self.points_mm) - 2
        k = np.clip(np.searchsorted(self.along_mm, s, side="right") - 1, 0, last)
        step = self.points_mm[k + 1] - self.points_mm[k]
        return np.asarray(step / np.linalg.norm(step, axis=1, keepdims=True), np.float64)

    def left(self, along_mm: F64) -> F64:
        """Unit normals (K, 2) to the left of the walk (up on the page when walking right)."""
        t = self.tangent(along_mm)
        return np.stack([t[:, 1], -t[:, 0]], -1)


def polyline(points_mm: F64) -> Curve:
    """A curve through points that are dense already."""
    steps = np.linalg.norm(np.diff(points_mm, axis=0), axis=1)
    keep = np.concatenate([[True], steps > 1e-9])
    points = points_mm[keep]
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    return Curve(points, np.concatenate([[0.0], np.cumsum(steps)]))


def _through(control: F64) -> F64:
    """Catmull-Rom points through the control points."""
    if len(control) == 2:
        count = max(2, ceil(float(np.linalg.norm(control[1] - control[0])) / _STEP_MM) + 1)
        return np.linspace(control[0], control[1], count)
    ends = np.vstack([2 * control[0] - control[1], control, 2 * control[-1] - control[-2]])
    pieces = []
    for k in range(len(control) - 1):
        p0, p1, p2, p3 = ends[k : k + 4]
        count = max(2, ceil(float(np.linalg.norm(p2 - p1)) / _STEP_MM))
        t = (np.arange(count) / count)[:, None]
        pieces.append(
            0.5
            * (
                2 * p1
                + (p2 - p0) * t
                + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2
                + (3 * p1 - p0 - 3 * p2 + p3) * t**3
            )
        )
    pieces.append(control[-1:])
    return np.asarray(np.vstack(pieces), np.float64)


def smooth_curve(control: Sequence[Point], corner_at: Sequence[int] = ()) -> Curve:
    """A smooth curve through the control points that turns sharply at the listed ones."""
    points = np.asarray(control, np.float64)
    cuts = [0, *sorted(k for k in set(corner_at) if 0 < k < len(points) - 1), len(points) - 1]
    pieces = [_through(points[a : b + 1]) for a, b in pairwise(cuts)]
    return polyline(np.vstack(pieces))


def corners_mm(control: Sequence[Point], corner_at: Sequence[int], curve: Curve) -> list[float]:
    """Arc lengths at which the curve turns sharply."""
    points = np.asarray(control, np.float64)
    inner = sorted(k for k in set(corner_at) if 0 < k < len(points) - 1)
    return [
        float(curve.along_mm[int(np.argmin(np.linalg.norm(curve.points_mm - points[k], axis=1)))])
        for k in inner
    ]


def parallel(curve: Curve, to_left_mm: float) -> Curve:
    """The curve at a constant distance, to the left when positive."""
    points = curve.points_mm
    step = np.gradient(points, axis=0)
    step /= np.linalg.norm(step, axis=1, keepdims=True)
    normal = np.stack([step[:, 1], -step[:, 0]], -1)
    moved = points + to_left_mm * normal
    ahead = np.einsum("ij,ij->i", np.gradient(moved, axis=0), step) > 0  # drop the loop of a too tight bend
    return polyline(moved[ahead] if ahead.sum() > 2 else moved)


def signed_distance(points_mm: F64, curve: Curve) -> tuple[F64, F64]:
    """Distance (K,) of points to the curve, positive to its left, and the arc length (K,) nearest to each."""
    stride = max(1, round(1.0 / _STEP_MM))
    coarse = np.arange(0, len(curve.points_mm), stride)
    anchors = curve.points_mm[coarse]
    p = points_mm
    gap = (anchors**2).sum(1)[None] - 2 * (p @ anchors.T)
    near = coarse[np.argmin(gap, axis=1)]
    last = len(curve.points_mm) - 2
    best = np.full(len(p), np.inf)
    signed = np.zeros(len(p))
    along = np.zeros(len(p))
    for offset in range(-stride - 1, stride + 1):
        k = np.clip(near + offset, 0, last)
        a, b = curve.points_mm[k], curve.points_mm[k + 1]
        step = b - a
        rel = p - a
        length2 = np.einsum("ij,ij->i", step, step)
        t = np.clip(np.einsum("ij,ij->i", rel, step) / length2, 0, 1)
        away = rel - t[:, None] * step
        d2 = np.einsum("ij,ij->i", away, away)
        better = d2 < best
        best = np.where(better, d2, best)
        side = np.sign(step[:, 1] * rel[:, 0] - step[:, 0] * rel[:, 1])
        signed = np.where(better, side, signed)
        along = np.where(better, curve.along_mm[k] + t * np.sqrt(length2), along)
    return np.asarray(signed * np.sqrt(best), np.float64), along


def _rough_distance(points_mm: F64, curve: Curve) -> F64:
    """Signed distance (K,) to the nearest of points one millimetre apart: good to 0.02 mm from 6 mm on."""
    coarse = slice(0, None, max(1, round(1.0 / _STEP_MM)))
    anchors, heading = curve.points_mm[coarse], curve.tangent(curve.along_mm[coarse])
    gap = (anchors**2).sum(1)[None] - 2 * (points_mm @ anchors.T)
    near = np.argmin(gap, axis=1)
    rel = points_mm - anchors[near]
    side = np.sign(heading[near, 1] * rel[:, 0] - heading[near, 0] * rel[:, 1])
    return np.asarray(side * np.hypot(rel[:, 0], rel[:, 1]), np.float64)


def distance_field(curve: Curve, grid: Grid) -> F32:
    """Signed distance in millimetres of every grid point to the curve, positive to its left."""
    rows, columns = ceil(grid.shape[0] / _FAR_PX), ceil(grid.shape[1] / _FAR_PX)
    rough = _rough_distance(_nodes(rows, columns, _FAR_PX, grid), curve).reshape(rows, columns)
    k = _FAR_PX // _NODE_PX
    signed = enlarge(f32(rough), (rows * k, columns * k), cubic=False).astype(np.float64).ravel()
    close = np.abs(signed) < _EXACT_WITHIN_MM
    if close.any():
        signed[close], _ = signed_distance(_nodes(rows * k, columns * k, _NODE_PX, grid)[close], curve)
    # linear: OpenCV's bicubic does not keep a ramp straight
    shape = (rows * _FAR_PX, columns * _FAR_PX)
    field = enlarge(f32(signed.reshape(rows * k, columns * k)), shape, cubic=False)
    return f32(field[: grid.shape[0], : grid.shape[1]])


def _nodes(rows: int, columns: int, every_px: int, grid: Grid) -> F64:
    """Middles (rows * columns, 2), in millimetres, of the grid's squares of ``every_px`` pixels."""
    middle = (every_px - 1) / 2
    x = (np.arange(columns) * every_px + middle - grid.border_px) * grid.mm_per_px
    y = (np.arange(rows) * every_px + middle - grid.border_px) * grid.mm_per_px
    return np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)
