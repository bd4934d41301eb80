"""Finds the panel's edge that a row runs along, and each hole's distance from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from inspection.seams.frame import Frame
from inspection.seams.lines import Meant, meant_line, median, middle_of, normals, steps
from inspection.seams.lookup import look_up
from inspection.seams.points import Planes

__all__ = ["Margins", "Walk", "find_margins"]

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]

REACH_MM = 8.0
"""An edge further off than this is not what the row was sewn along."""
_SIDES = np.array([1.0, -1.0])
"""To the left of the walk along the row, and to the right."""
_NEAREST_MM = 0.45
"""Nothing nearer to the meant line than this is an edge: it is the row's own groove."""
_STEP_MM = 0.15
_OUT_MM = np.arange(_NEAREST_MM, REACH_MM, _STEP_MM)
"""Distances from the line that was meant at which an edge is looked for, on either side of it."""
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


@dataclass(frozen=True, eq=False)
class Walk:
    """The holes (N, 2) of a row, and the line that it was meant to follow."""

    at_mm: F64
    at_px: F64
    meant: Meant
    closed: bool


def find_margins(walks: Sequence[Walk], planes: Planes, frame: Frame) -> list[Margins | None]:
    """Of each row the nearest edge that keeps beside it for most of its length; None where there is none.

    The edge is looked for from the line that was meant, so a row that runs off does not lose it. All rows of
    a photo are looked at together, one after the other in the same arrays.
    """
    if not walks:
        return []
    ends = np.cumsum([len(walk.at_mm) for walk in walks]).tolist()
    own = [slice(begin, end) for begin, end in pairwise([0, *ends])]
    # The search goes over pixels, in steps of about so many mm; what it finds is measured on the plane.
    meant = [
        walk.meant if frame.is_flat else meant_line(walk.at_px * frame.mm_per_px, closed=walk.closed)
        for walk in walks
    ]
    base_px = np.concatenate([each.at for each in meant]) / frame.mm_per_px
    side = normals(np.concatenate([each.tangent for each in meant]))
    cover = _cover(base_px, side, planes, frame)
    away, sign = np.full(len(base_px), np.nan), np.ones(len(base_px))
    for mine, ridges in zip(own, _followed(cover, walks, own), strict=True):
        found = [
            (median(ridge[np.isfinite(ridge)]), ridge, way)
            for ridge, way in zip(ridges, _SIDES, strict=True)
            if np.isfinite(ridge).mean() >= _LEAST_SHARE
        ]
        if found:
            _, away[mine], sign[mine] = min(found, key=lambda each: each[0])
    edge_px = base_px + (sign * away / frame.mm_per_px)[:, None] * side
    edge_mm = frame.to_mm(np.nan_to_num(edge_px))
    edge_mm[~np.isfinite(away)] = np.nan
    margin_mm = sign * _beside(np.concatenate([walk.at_mm for walk in walks]), edge_mm, own)
    return [
        Margins(
            margin_mm[mine] - planes.edge_outward_mm, sign[mine][0] > 0, np.full(len(walk.at_mm), EDGE_MM)
        )
        if _keeps_beside(walk.at_mm, margin_mm[mine])
        else None
        for walk, mine in zip(walks, own, strict=True)
    ]


def _cover(base_px: F64, side: F64, planes: Planes, frame: Frame) -> F32:
    """Probability (2, N, M) of an edge, outwards to the left and to the right of places (N, 2)."""
    out_px = (_SIDES[:, None] * _OUT_MM / frame.mm_per_px)[:, None]  # (2, 1, M)
    # In cells; each coordinate by itself, as in ``lattice``.
    base, step = planes.to_cells(base_px).T, (side / planes.step_px).T
    places = base[:, None, :, None] + out_px * step[:, None, :, None]
    return look_up(planes.edge, np.moveaxis(places, 0, -1))


def _keeps_beside(at_mm: F64, margin_mm: F64) -> bool:
    """Whether an edge accompanies most of a row, and runs along it."""
    known = np.isfinite(margin_mm)
    if known.mean() < _LEAST_SHARE:
        return False
    along_mm = np.concatenate([[0.0], np.cumsum(steps(at_mm, closed=False))])
    return _slant(along_mm[known], margin_mm[known]) <= _MOST_SLANT


def _slant(along_mm: F64, margin_mm: F64) -> float:
    """By how much the margin changes per mm, from the middle of its first third to that of its last."""
    third = len(margin_mm) // 3
    if third < 2:
        return 0.0
    rise = median(margin_mm[-third:]) - median(margin_mm[:third])
    run = median(along_mm[-third:]) - median(along_mm[:third])
    return abs(rise) / max(run, 1e-6)


def _followed(cover: F32, walks: Sequence[Walk], own: Sequence[slice]) -> list[F64]:
    """Distances (2, n) of the edges that go on beside each row, between samples; NaN where they are not seen.

    Parameters
    ----------
    cover : (2, N, M) as of ``_cover``. own : which of the N places are those of each row.
    """
    steady, near = np.empty(cover.shape, np.float32), np.arange(cover.shape[1])[:, None] + np.arange(-2, 3)
    pad = _FOLLOWED // 2
    for walk, mine in zip(walks, own, strict=True):
        n = mine.stop - mine.start
        np.clip(near[mine], mine.start, mine.stop - 1, out=near[mine])
        border = cv2.BORDER_WRAP if walk.closed and n > _FOLLOWED else cv2.BORDER_REPLICATE
        for each, blurred in zip(cover[:, mine], steady[:, mine], strict=True):
            padded = cv2.copyMakeBorder(each, pad, pad, 0, 0, border)
            blurred[:] = cv2.blur(padded, (3, _FOLLOWED))[pad : pad + n]
    rough = _OUT_MM[(steady * np.exp(-_OUT_MM / _PREFERRED_MM)).argmax(axis=2)]
    rough = np.sort(rough[:, near], axis=2)[..., 2]
    inner = cover[..., 1:-1]
    ridge = (inner >= cover[..., :-2]) & (inner > cover[..., 2:]) & (inner >= _LEAST_EDGE)
    away = np.where(ridge, np.abs(_OUT_MM[1:-1] - rough[..., None]), np.inf)
    best = away.argmin(axis=2)
    one, row = np.indices(best.shape, sparse=True)
    left, mid, right = (cover[one, row, best + k].astype(np.float64) for k in (0, 1, 2))
    bend = np.maximum(1e-6, 2 * mid - left - right)
    between = np.clip((right - left) / (2 * bend), -1, 1)
    edge = np.where(away[one, row, best] <= _STRAYED_MM, _OUT_MM[best + 1] + between * _STEP_MM, np.nan)
    return [
        edge[:, mine] if walk.closed else np.stack([_without_other_edges(each) for each in edge[:, mine]])
        for walk, mine in zip(walks, own, strict=True)
    ]


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


def _beside(at_mm: F64, edge_mm: F64, own: Sequence[slice]) -> F64:
    """Distance (N,) of each hole from the edge, positive to the left; NaN where it is hardly seen.

    The edge beside a hole is a parabola through its places beside the holes around, those that stray left
    out.

    Parameters
    ----------
    own : which of the N holes are those of each row.
    """
    n = len(at_mm)
    last = np.repeat([mine.stop - 1 for mine in own], [mine.stop - mine.start for mine in own])
    first = np.concatenate(
        [
            np.clip(
                np.arange(mine.start, mine.stop) - _WINDOW // 2,
                mine.start,
                max(mine.start, mine.stop - _WINDOW),
            )
            for mine in own
        ]
    )
    window = first[:, None] + np.arange(_WINDOW)
    around = edge_mm[np.minimum(window, last[:, None])]  # (N, W, 2)
    known = np.isfinite(around[..., 0]) & (window <= last[:, None])
    local = np.nan_to_num(around - at_mm[:, None])
    # The edge's own direction there, from its first known place to its last.
    rows = np.arange(n)
    to, start = np.where(known, np.arange(_WINDOW), -1).argmax(axis=1), known.argmax(axis=1)
    ahead = local[rows, to] - local[rows, start]
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
    at_hole = np.arange(n) - first
    enough = (kept.sum(axis=1) >= 4) & (length > 0) & (kept[rows, at_hole] > 0)
    return np.where(enough, distance, np.nan)
