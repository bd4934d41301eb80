"""Finds the panel's edge that a row runs along, and each hole's distance from it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from inspection.seams.frame import Frame
from inspection.seams.lines import Meant, meant_line, median, middle_of, normals
from inspection.seams.lookup import look_up
from inspection.seams.points import Planes

__all__ = ["Margins", "find_margins"]

F64 = npt.NDArray[np.float64]

REACH_MM = 8.0
"""An edge further off than this is not what the row was sewn along."""
_SIDES = np.array([1.0, -1.0])
"""To the left of the walk along the row, and to the right."""
_NEAREST_MM = 0.45
"""Nothing nearer to the meant line than this is an edge: it is the row's own groove."""
_STEP_MM = 0.15
_LEAST_EDGE = 0.35
"""Probability of an edge from which it counts."""
_LEAST_SHARE = 0.5
"""Of the row that an edge has to accompany."""
_FOLLOWED = 9
"""Holes over which an edge has to show together: a mark beside the row, or a panel's end, does not last."""
_PREFERRED_MM = 5.0
"""Of two edges the nearer counts, unless it shows less by this length of an exponential."""
_STRAYED_MM = 0.5
"""How far from where it goes on the edge may lie at one hole."""
_JUMP_MM, _JUMP_PER_UNSEEN_MM = 0.4, 0.1
"""By how much an edge's distance from the line that was meant may change from one hole to the next, and how
much more for each hole between where it is not seen."""
_WINDOW = 9
"""Holes over which the edge is taken for smooth."""
_MOST_SLANT = 0.1
"""An edge that runs away from the row faster than this, mm per mm, is that of another panel."""
_STRAY_MM = 0.15
"""A place further than this from the smooth edge may belong to something else."""
_ROUNDS = 3
EDGE_MM = 0.11
"""How well an edge as a whole is placed (k = 1): finishes and shadows differ."""
EDGE_WANDER_MM = 0.04
"""How far an edge wanders about its own line (k = 1): what counts for run-off."""


@dataclass(frozen=True, eq=False)
class Margins:
    """Distance (N,) of each hole from the edge, negative beyond it, NaN where none is seen; in mm.

    Attributes
    ----------
    to_left : whether the edge lies to the left of the walk along the row.
    certain_mm : (N,) how well the edge is known at each hole (k = 1).
    """

    margin_mm: F64
    to_left: bool
    certain_mm: F64


def find_margins(
    at_mm: F64, at_px: F64, meant: Meant, planes: Planes, frame: Frame, *, closed: bool
) -> Margins | None:
    """The nearest edge that keeps beside the row for most of its length; None where there is none.

    The edge is looked for from the line that was meant, so a row that runs off does not lose it.
    """
    n = len(at_mm)
    out_mm = np.arange(_NEAREST_MM, REACH_MM, _STEP_MM)
    # The search goes over pixels, in steps of about so many mm; what it finds is measured on the plane.
    if not frame.is_flat:
        meant = meant_line(at_px * frame.mm_per_px, closed=closed)
    side = normals(meant.tangent)
    base_px = meant.at / frame.mm_per_px
    # To the left and to the right, in cells; each coordinate by itself, as in ``lattice``.
    out_px = (_SIDES[:, None] * out_mm / frame.mm_per_px)[:, None]  # (2, 1, M)
    base, step = planes.to_cells(base_px).T, (side / planes.step_px).T
    places = base[:, None, :, None] + out_px * step[:, None, :, None]
    cover = look_up(planes.edge, np.moveaxis(places, 0, -1))
    found: list[tuple[float, F64, float]] = []
    for ridge, sign in zip(_followed(cover, out_mm, closed=closed), _SIDES.tolist(), strict=True):
        ridge = ridge if closed else _without_other_edges(ridge)
        seen = np.isfinite(ridge)
        if seen.mean() >= _LEAST_SHARE:
            found.append((median(ridge[seen]), ridge, sign))
    if not found:
        return None
    _, away, sign = min(found, key=lambda each: each[0])
    edge_px = base_px + (sign * away / frame.mm_per_px)[:, None] * side
    edge_mm = frame.to_mm(np.nan_to_num(edge_px))
    edge_mm[~np.isfinite(away)] = np.nan
    margin = _beside(at_mm, edge_mm, sign)
    known = np.isfinite(margin)
    if known.mean() < _LEAST_SHARE or _slant(np.cumsum(_lengths(at_mm))[known], margin[known]) > _MOST_SLANT:
        return None
    return Margins(margin - planes.edge_outward_mm, sign > 0, np.full(n, EDGE_MM))


def _lengths(at_mm: F64) -> F64:
    ahead = np.diff(at_mm, axis=0, prepend=at_mm[:1])
    return np.hypot(ahead[:, 0], ahead[:, 1])


def _slant(along_mm: F64, margin_mm: F64) -> float:
    """By how much the margin changes per mm, from the middle of its first third to that of its last."""
    third = len(margin_mm) // 3
    if third < 2:
        return 0.0
    rise = median(margin_mm[-third:]) - median(margin_mm[:third])
    run = median(along_mm[-third:]) - median(along_mm[:third])
    return abs(rise) / max(run, 1e-6)


def _followed(cover: npt.NDArray[np.float32], out_mm: F64, *, closed: bool) -> F64:
    """Distance (S, N) of the edge that goes on beside the row, between samples; NaN where it is not seen.

    Parameters
    ----------
    cover : (S, N, M) probability of an edge on some sides of the row, outwards from each hole.
    """
    sides, n, _ = cover.shape
    border = cv2.BORDER_WRAP if closed and n > _FOLLOWED else cv2.BORDER_REPLICATE
    pad = _FOLLOWED // 2
    steady = np.empty(cover.shape, np.float32)
    for each, blurred in zip(cover, steady, strict=True):
        padded = cv2.copyMakeBorder(each, pad, pad, 0, 0, border)
        blurred[:] = cv2.blur(padded, (3, _FOLLOWED))[pad : pad + n]
    rough = out_mm[(steady * np.exp(-out_mm / _PREFERRED_MM)).argmax(axis=2)]
    near = np.clip(np.arange(n)[:, None] + np.arange(-2, 3), 0, n - 1)
    rough = np.sort(rough[:, near], axis=2)[..., 2]
    inner = cover[..., 1:-1]
    ridge = (inner >= cover[..., :-2]) & (inner > cover[..., 2:]) & (inner >= _LEAST_EDGE)
    away = np.where(ridge, np.abs(out_mm[1:-1] - rough[..., None]), np.inf)
    best = away.argmin(axis=2)
    at = np.arange(sides)[:, None], np.arange(n), best
    left, mid, right = (cover[*at[:2], best + k].astype(np.float64) for k in (0, 1, 2))
    bend = np.maximum(1e-6, 2 * mid - left - right)
    between = np.clip((right - left) / (2 * bend), -1, 1)
    return np.where(away[at] <= _STRAYED_MM, out_mm[best + 1] + between * _STEP_MM, np.nan)


def _without_other_edges(away: F64) -> F64:
    """An edge's distances (N,) without those at either end that are of another edge.

    Where a row ends, the edge of another panel, of a tape or of a shadow often lies across its way: what is
    seen there is off the usual distance, and gets there by a jump. A row leaves its edge bit by bit.
    """
    seen = np.flatnonzero(np.isfinite(away))
    if len(seen) < 3:
        return away
    usual = median(away[seen])
    room = _JUMP_MM + _JUMP_PER_UNSEEN_MM * (np.diff(seen) - 1)
    starts = [0, *(np.flatnonzero(np.abs(np.diff(away[seen])) > room) + 1).tolist(), len(seen)]
    runs = [seen[a:b] for a, b in pairwise(starts)]
    kept = away.copy()
    for ordered in (runs, runs[::-1]):
        for run in ordered:
            if abs(median(away[run]) - usual) <= _JUMP_MM:
                break
            kept[run] = np.nan
    return kept


def _beside(at_mm: F64, edge_mm: F64, sign: float) -> F64:
    """Distance (N,) of each hole from the edge, positive where the panel is; NaN where it is hardly seen.

    The edge beside a hole is a parabola through its places beside the holes around, those that stray left
    out.
    """
    n = len(at_mm)
    width = min(_WINDOW, n)
    first = np.clip(np.arange(n) - width // 2, 0, n - width)
    around = edge_mm[first[:, None] + np.arange(width)]  # (N, W, 2)
    known = np.isfinite(around[..., 0])
    local = np.nan_to_num(around - at_mm[:, None])
    # The edge's own direction there, from its first known place to its last.
    places = np.where(known, np.arange(width), -1)
    last = places.argmax(axis=1)
    start = known.argmax(axis=1)
    rows = np.arange(n)
    ahead = local[rows, last] - local[rows, start]
    length = np.hypot(ahead[:, 0], ahead[:, 1])
    ahead /= np.maximum(1e-9, length)[:, None]
    x = np.einsum("nwk,nk->nw", local, ahead)
    y = np.einsum("nwk,nk->nw", local, normals(ahead))
    level, slope = np.zeros(n), np.zeros(n)
    kept = known.astype(np.float64)
    basis = np.stack([np.ones_like(x), x, x * x], axis=2)
    # A whisper against bending: three places make no parabola.
    ridge = np.diag([1e-9, 1e-9, 1e-3 + 1e-9])
    for _ in range(_ROUNDS):
        weighted = (basis * kept[..., None]).swapaxes(1, 2)
        fitted = np.linalg.solve(weighted @ basis + ridge, weighted @ y[..., None])
        level, slope = fitted[:, 0, 0], fitted[:, 1, 0]
        stray = np.abs(y - (basis @ fitted)[..., 0])
        usual, _ = middle_of(np.where(known, stray, np.inf))
        before, kept = kept, (known & (stray <= np.maximum(_STRAY_MM, 3 * usual[:, None]))).astype(np.float64)
        if np.array_equal(kept, before):  # another round would find the same
            break
    distance = level / np.sqrt(1 + slope**2)
    own = np.arange(n) - first
    enough = (kept.sum(axis=1) >= 4) & (length > 0) & (kept[rows, own] > 0)
    return np.where(enough, sign * distance, np.nan)
