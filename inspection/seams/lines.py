"""Geometry of a row: tangents, the smooth line that was meant, distances from another line."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

__all__ = ["Meant", "distance_to_line", "meant_line", "median", "middle_of", "normals", "steps", "tangents"]

F64 = npt.NDArray[np.float64]

_CORNER_COS = np.cos(np.radians(40))
"""A turn of more than this between one stitch and the next is a corner, not a bend."""

_MM_PER_DEGREE = 11.0
"""The meant line bends no faster than a polynomial with one more degree per so many mm."""
_MOST_DEGREES = 14
_WAVY_MM = 0.12
"""Robust spread of the holes about the line beyond which it may be led astray: holes are placed better."""
_LEAST_SPREAD_MM = 0.03
_CUT, _HARD_CUT = 4.7, 2.5
"""Spreads off the line at which a hole no longer counts; the harder one leaves a run-off sooner."""
_ROUNDS = 12
_SETTLED = 0.02
"""Change of weights below which another round changes nothing."""


def steps(points: F64, *, closed: bool) -> F64:
    """Distance (N - 1,) of each point to the next, (N,) when closed."""
    ahead = np.diff(points, axis=0, append=points[:1]) if closed else np.diff(points, axis=0)
    return np.hypot(ahead[:, 0], ahead[:, 1])


def median(values: npt.NDArray[np.floating]) -> float:
    """Median of at least one value; NumPy's own takes ten times as long for as few as a row has."""
    ordered = np.sort(values, axis=None)
    half = len(ordered) // 2
    return float(ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2)


def middle_of(values: F64) -> tuple[F64, npt.NDArray[np.int64]]:
    """Median (N,) of the finite values of each row (N, W), infinite ones left out, 0 where none is; and how
    many are.

    NumPy's own median of masked values goes row by row, which takes most of the time of a photo.
    """
    ordered = np.sort(values, axis=1)
    count = np.isfinite(values).sum(axis=1)
    rows = np.arange(len(values))
    middle = (ordered[rows, np.maximum(0, count - 1) // 2] + ordered[rows, count // 2]) / 2
    return np.where(count > 0, middle, 0.0), count


def tangents(points: F64, *, closed: bool) -> F64:
    """Unit directions (N, 2) along a row; at a corner that of the mean of both sides."""
    if closed:
        ahead = np.roll(points, -1, axis=0) - np.roll(points, 1, axis=0)
    else:
        ahead = np.empty_like(points)
        ahead[1:-1] = points[2:] - points[:-2]
        ahead[0], ahead[-1] = points[1] - points[0], points[-1] - points[-2]
    return np.asarray(ahead / np.maximum(1e-9, np.hypot(ahead[:, 0], ahead[:, 1]))[:, None], np.float64)


def normals(along: F64) -> F64:
    """Unit vectors (N, 2) to the left of directions (N, 2), as one sees them on the page (y points down)."""
    return np.stack([along[:, 1], -along[:, 0]], axis=1)


@dataclass(frozen=True, eq=False)
class Meant:
    """The line that a row was meant to follow.

    Attributes
    ----------
    at : (N, 2) mm, the place on it beside each point. tangent : (N, 2). off : (N,) mm, how far each point
        is to its left.
    certain : (N,) how well the line is known there (k = 1), mm.
    """

    at: F64
    tangent: F64
    off: F64
    certain: F64


def meant_line(points: F64, *, closed: bool) -> Meant:
    """A smooth line through most of the points (N, 2) in mm, with the corners where the row has them.

    Points that a run-off has carried away count less and less: the fit is repeated with Tukey's weights.
    """
    n = len(points)
    at, tangent = np.array(points, np.float64), np.zeros((n, 2))
    off, certain = np.zeros(n), np.full(n, np.nan)
    for piece in _pieces(points, closed=closed):
        fitted, slope, spread = _fit(points[piece])
        left = normals(slope)
        at[piece], tangent[piece] = fitted, slope
        off[piece] = np.einsum("ij,ij->i", points[piece] - fitted, left)
        certain[piece] = spread
    return Meant(at, tangent, off, certain)


def _pieces(points: F64, *, closed: bool) -> list[npt.NDArray[np.intp]]:
    """Indices between corners; a ring without one is opened at its first point."""
    ahead = np.diff(points, axis=0)
    way = ahead / np.maximum(1e-9, np.hypot(ahead[:, 0], ahead[:, 1]))[:, None]
    cos = np.einsum("ij,ij->i", way[:-1], way[1:])
    cuts = [0, *(np.flatnonzero(cos < _CORNER_COS) + 1).tolist(), len(points)]
    pieces = [np.arange(a, b) for a, b in pairwise(cuts) if b > a]
    if closed and len(pieces) > 1:
        pieces[0] = np.concatenate([pieces.pop(), pieces[0]])
    return pieces


def _fit(points: F64) -> tuple[F64, F64, F64]:
    """Places and unit directions on the smooth line beside points of one piece, and how well it is known."""
    n = len(points)
    along = np.concatenate([[0.0], np.cumsum(steps(points, closed=False))])
    length = max(along[-1], 1e-6)
    t = 2 * along / length - 1
    degree = min(2 + int(length // _MM_PER_DEGREE), _MOST_DEGREES, max(1, (n - 1) // 3))
    fit = _fit_of_degree(points, t, degree, cut=_CUT)
    if fit[3] > _WAVY_MM:
        # A line that may bend so much follows a run-off; one that bends less leaves it if most lie on it.
        stiffer = [_fit_of_degree(points, t, k, cut=_HARD_CUT) for k in range(1, degree)]
        fit = min((fit, *stiffer), key=lambda each: each[3])
    return fit[:3]


def _fit_of_degree(points: F64, t: F64, degree: int, *, cut: float) -> tuple[F64, F64, F64, float]:
    """Places, unit directions and how well they are known of the polynomial of one degree through most of the
    points (N, 2) with parameters (N,) from -1 to 1; and the robust spread of the points about it.
    """
    n = len(points)
    basis, slopes = _legendre(t, degree)
    weight = np.ones(n)
    fitted: F64 = points
    spread = _LEAST_SPREAD_MM
    direction: F64 = np.zeros((n, 2))
    # A whisper of ridge keeps the fit whole where weights leave fewer points than degrees.
    ridge = 1e-6 * np.eye(degree + 1)
    inverse: F64 = ridge
    for _ in range(_ROUNDS):
        weighted = basis * weight[:, None]
        inverse = np.asarray(cv2.invert(basis.T @ weighted + ridge)[1], np.float64)
        coefficients = inverse @ (weighted.T @ points)
        fitted = np.asarray(basis @ coefficients, np.float64)
        slope = slopes @ coefficients
        direction = np.asarray(slope / np.maximum(1e-9, np.hypot(*slope.T))[:, None], np.float64)
        (x, y), (ahead_x, ahead_y) = (points - fitted).T, direction.T
        away = x * ahead_y - y * ahead_x  # to the left, as ``normals``
        spread = max(_LEAST_SPREAD_MM, 1.4826 * median(np.abs(away)))
        before, weight = weight, np.maximum(0, 1 - (away / (cut * spread)) ** 2) ** 2
        if float(np.abs(weight - before).max()) < _SETTLED:
            break
    known = np.sqrt(np.maximum(0.0, np.einsum("ij,ij->i", basis @ inverse, basis)))
    return fitted, direction, spread * np.minimum(known, 5.0), spread


def _legendre(t: F64, degree: int) -> tuple[F64, F64]:
    """Legendre's polynomials up to a degree (1 and more) and their derivatives, (N, degree + 1) at t (N,)."""
    values, slopes = np.ones((degree + 1, len(t))), np.zeros((degree + 1, len(t)))
    values[1], slopes[1] = t, 1.0
    for k in range(1, degree):  # by recurrence
        values[k + 1] = (values[k] * t * (2 * k + 1) - values[k - 1] * k) / (k + 1)
        slopes[k + 1] = slopes[k - 1] + (2 * k + 1) * values[k]
    return values.T, slopes.T


def distance_to_line(points: F64, line: F64, *, closed: bool = False) -> tuple[F64, npt.NDArray[np.bool_]]:
    """Signed distance (N,) of points from a polyline (M, 2), positive to its left, and whether it is beside.

    A point is beside the line when its nearest place is not one of the line's open ends.
    """
    a = line if closed else line[:-1]
    b = np.roll(line, -1, axis=0) if closed else line[1:]
    # Each coordinate by itself: NumPy takes several times as long over pairs.
    (from_x, from_y), (step_x, step_y) = a.T, (b - a).T
    x, y = points[:, 0, None] - from_x, points[:, 1, None] - from_y  # (N, M)
    t = (x * step_x + y * step_y) / np.maximum(1e-12, step_x**2 + step_y**2)
    inside = np.clip(t, 0, 1)
    d2 = (x - inside * step_x) ** 2 + (y - inside * step_y) ** 2
    best = d2.argmin(axis=1)
    nearest = np.arange(len(points)), best
    d, t = np.sqrt(d2[nearest]), t[nearest]
    side = np.sign(step_y[best] * x[nearest] - step_x[best] * y[nearest])
    beyond = ((best == 0) & (t < -0.02)) | ((best == len(a) - 1) & (t > 1.02))
    return side * d, ~beyond | np.full(len(points), closed)
