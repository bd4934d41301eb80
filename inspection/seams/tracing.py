"""Strings needle holes into rows by direction and rhythm, along the thread that is seen between them.

Two holes are linked when each takes the other for one of its two neighbours: of all pairs around a hole the
one that lies straightest, with thread on both sides and about the same distance. So rows keep apart where
they cross or run side by side. What is left over is then joined from end to end, over gaps too, where both
ends point at each other (``joining``). No hole is made up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inspection.seams.evidence import NearestPoint, in_line, seen_thread, thread_between
from inspection.seams.joining import bridge, part, round_corners, same_pitch, trimmed, untangle
from inspection.seams.lines import median
from inspection.seams.linking import Links
from inspection.seams.points import MIN_HEAT, Planes, Points

__all__ = ["MIN_POINTS", "Chain", "trace"]

F64 = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Bools = npt.NDArray[np.bool_]

MAX_PITCH_CELLS = 29.0
"""8.7 mm at the model's scale: stitches longer than this are not sewn on shoes."""

MIN_POINTS = 5
"""Fewer holes in line are no row: rivets, pores and punched patterns come in threes and fours."""

_NEIGHBOURS = 10
_ONE, _OTHER = np.triu_indices(_NEIGHBOURS, 1)
"""Every two of them."""
_BLOCK = 64
"""Points compared at once with all that are near in x: more meet too many, fewer take more rounds."""
_LINKED_SUPPORT = 0.35
"""Evidence that a link needs."""
_LINE_WEIGHT = 0.8
"""Evidence of holes in line, where all are there: thread that is not seen at all still leaves a doubt."""
_LEAST_THREAD = 0.2
"""Median evidence of thread below which a string of holes is not sewn."""
_MANY_HOLES, _PLAIN_HEAT, _EVEN_SPREAD = 8, 0.4, 0.12
"""Holes, their median heat and the robust spread of their steps with which a string needs no thread."""
_FAINT_HEAT, _VERY_EVEN_SPREAD = 0.35, 0.06
"""Or their median heat and spread where they are fainter, and as even as only a machine sews."""
_STRAIGHT_COS = np.cos(np.radians(140))
"""Two neighbours of a hole leave at least this angle between them; corners are linked later."""
_SLIGHT_TURN = 0.3
"""1 - cos of a turn that a row makes without a corner."""
_CORNER_SUPPORT = 0.75
"""Share of thread along a stitch that leads round a corner."""
_CORNER_TURN = 1.65
"""1 - cos of the sharpest corner that is sewn, 130 degrees off straight on."""
_BESIDE_CELLS = 1.5
"""A hole this near to a link lies on it: the link leaves it out."""


@dataclass(frozen=True)
class Chain:
    """Indices of points in order along a row."""

    points: tuple[int, ...]
    closed: bool = False


def trace(points: Points, planes: Planes) -> list[Chain]:
    """Rows of at least ``MIN_POINTS`` holes.

    Peaks below ``MIN_HEAT`` take part only between others of a row.
    """
    strong = np.flatnonzero(points.heat >= MIN_HEAT)
    if len(strong) < MIN_POINTS:
        return []
    at = points.at[strong]
    evidence = _Evidence(at, planes)
    links = Links(at, _mutual(at, evidence))
    _extend(links, evidence)
    bridge(links)
    untangle(links)
    part(links)
    bridge(links)
    round_corners(links, planes)
    return [
        Chain(tuple(strong[order].tolist()), closed)
        for order, closed in (
            (trimmed(at, order, planes, closed=closed), closed) for order, closed in links.chains()
        )
        if len(order) >= MIN_POINTS and _sewn(at[order], points.heat[strong[order]], planes)
    ]


def _sewn(at: F64, heat: F64, planes: Planes) -> bool:
    """Whether a string of holes shows thread, or, tone on tone, holes that are plain, many and even.

    The network marks no punched holes and eyelets as holes of a needle, and those it does come in few.
    """
    if median(seen_thread(thread_between(planes, at[:-1], at[1:]))) >= _LEAST_THREAD:
        return True
    step = np.diff(at, axis=0)
    length = np.hypot(step[:, 0], step[:, 1])
    uneven = 1.4826 * median(np.abs(length - median(length))) / max(median(length), 1e-6)
    plain = uneven <= _EVEN_SPREAD and median(heat) >= _PLAIN_HEAT
    very_even = uneven <= _VERY_EVEN_SPREAD and median(heat) >= _FAINT_HEAT
    return len(at) >= _MANY_HOLES and (plain or very_even)


def _nearest(at: F64, count: int, reach: float) -> tuple[Ints, F64]:
    """The nearest others of each point (N, count), -1 where there is none within ``reach``, and distances."""
    n = len(at)
    near = np.full((n, count), -1, np.intp)
    far = np.full((n, count), np.inf)
    small = at.astype(np.float32)
    order = np.argsort(small[:, 0], kind="stable")
    x, y = small[order].T
    for begin in range(0, n, _BLOCK):  # points sorted by x: a block meets only what is near in x
        block = order[begin : begin + _BLOCK]
        end = begin + len(block)
        low = np.searchsorted(x, x[begin] - reach)
        high = np.searchsorted(x, x[end - 1] + reach, side="right")
        others = order[low:high]
        d2 = (x[begin:end, None] - x[low:high]) ** 2
        d2 += (y[begin:end, None] - y[low:high]) ** 2
        np.fill_diagonal(d2[:, begin - low :], np.inf)  # a point is not near itself
        k = min(count, len(others))
        best = np.argpartition(d2, k - 1, axis=1)[:, :k]
        own = np.arange(len(block))[:, None]
        best = best[own, np.argsort(d2[own, best], axis=1, kind="stable")]
        best_d2 = d2[own, best]
        near[block, :k] = np.where(best_d2 <= reach**2, others[best], -1)
        far[block, :k] = np.sqrt(best_d2)
    far[near < 0] = np.inf
    return near, far


def _pairs(near: Ints) -> tuple[Bools, Bools]:
    """Which of those near to each point (N, K), -1 where none is, are to be taken so that each pair is once;
    and which of the points near to each of them (N, K, K) is that point itself.
    """
    own = np.arange(len(near))[:, None]
    real = near >= 0
    back = (near[near] == own[..., None]) & real[..., None]
    return real & ((own < near) | ~back.any(axis=2)), back


class _Evidence:
    """How much speaks for links: thread between their holes, or more holes in line with them."""

    def __init__(self, at: F64, planes: Planes) -> None:
        self._at, self._planes = at, planes
        height, width = planes.point.shape
        self._nearest = NearestPoint(at, (height, width), longest=MAX_PITCH_CELLS)

    def of(self, first: Ints, second: Ints) -> F64:
        """0..1 for each pair of holes."""
        a, b = self._at[first], self._at[second]
        thread = seen_thread(thread_between(self._planes, a, b))
        line = in_line(self._nearest, a, b)
        return 1 - (1 - thread) * (1 - _LINE_WEIGHT * line)


def _mutual(at: F64, evidence: _Evidence) -> list[tuple[int, int]]:
    """Links on which both holes agree."""
    near, far = _nearest(at, _NEIGHBOURS, MAX_PITCH_CELLS)
    n, count = near.shape
    real = near >= 0
    # What speaks for a link is the same from either hole.
    once, back = _pairs(near)
    first, rank = np.nonzero(once)
    held = np.zeros((n, count))
    held[first, rank] = evidence.of(first, near[first, rank])
    again = real & ~once
    held[again] = held[near[again], back[again].argmax(axis=1)]
    ahead = at[np.maximum(near, 0)] - at[:, None]
    apart = np.maximum(far, 1e-6)
    way = ahead / apart[..., None]
    way[~real] = 0
    # A link that passes over another hole leaves it out.
    along = ahead[:, :, None, 0] * way[:, None, :, 0]  # of neighbour i along the way to neighbour j
    along += ahead[:, :, None, 1] * way[:, None, :, 1]
    reach = np.where(real, far, 0)
    over = (along > 0.15 * reach[:, None]) & (along < 0.85 * reach[:, None])
    over &= reach[:, :, None] ** 2 - along**2 < _BESIDE_CELLS**2
    over &= (real & (held > 0.4))[:, :, None]
    usable = real & (held >= _LINKED_SUPPORT) & ~over.any(axis=1)
    # What it costs to go straight through a hole from one of its neighbours to another.
    cos = along[:, _ONE, _OTHER] / apart[:, _ONE]
    hole, pair = np.nonzero(usable[:, _ONE] & usable[:, _OTHER] & (cos < _STRAIGHT_COS))
    cos, i, j = cos[hole, pair], (hole, _ONE[pair]), (hole, _OTHER[pair])
    cost = (
        1.2 * (1 + cos)
        + 0.5 * np.abs(np.log(far[i] / far[j]))
        + 0.8 * (2 - held[i] - held[j])
        + 0.02 * (far[i] + far[j])
    )
    cheapest = np.lexsort((cost, hole))
    holes, place = np.unique(hole[cheapest], return_index=True)
    best = cheapest[place]
    choice = np.full((n, 2), -1, np.intp)
    choice[holes] = np.stack([near[i][best], near[j][best]], axis=1)
    first, rank = np.nonzero(np.arange(n)[:, None] < near)
    second = near[first, rank]
    agreed = (choice[first] == second[:, None]).any(axis=1) & (choice[second] == first[:, None]).any(axis=1)
    return list(zip(first[agreed].tolist(), second[agreed].tolist(), strict=True))


def _extend(links: Links, evidence: _Evidence) -> None:
    """Link holes with room along thread that leads from one to the other, the straightest first."""
    at = links.at
    free = np.array([i for i, near in enumerate(links.of) if len(near) < 2], np.intp)
    if len(free) < 2:
        return
    near, far = _nearest(at[free], 6, MAX_PITCH_CELLS)
    first, rank = np.nonzero(_pairs(near)[0])
    first, second, distance = free[first], free[near[first, rank]], far[first, rank]
    held = evidence.of(first, second)
    found = []
    for i, j, d, s in zip(first.tolist(), second.tolist(), distance.tolist(), held.tolist(), strict=True):
        if s < _LINKED_SUPPORT:
            continue
        if not _may_join(links, i, j, s, d):
            continue
        turn = _turn(links, i, j) + _turn(links, j, i)
        usual = max(_step(links, i), _step(links, j))
        uneven = abs(math.log(d / usual)) if usual > 0 else 0.3
        found.append((1.2 * turn + uneven + 1.6 * (1 - s) + 0.02 * d, i, j, s, d))
    for _, i, j, s, d in sorted(found):
        # Links made meanwhile may have changed where the strings lead.
        if _may_join(links, i, j, s, d):
            links.add(i, j, closing=len(links.walk(i, 12)) >= 8)


def _may_join(links: Links, i: int, j: int, held: float, distance: float) -> bool:
    """Whether a link goes on, or round one corner, rather than over to the row beside."""
    slight, sharp = sorted((_turn(links, i, j), _turn(links, j, i)))
    if sharp <= _SLIGHT_TURN:
        return True
    if slight > _SLIGHT_TURN or sharp > _CORNER_TURN or not (links.of[i] and links.of[j]):
        return False
    if not same_pitch(links, i, j):
        return False
    steps = (_step(links, i), _step(links, j))
    return held >= _CORNER_SUPPORT and max(steps) < 1.6 * distance and distance < 1.6 * min(steps)


def _turn(links: Links, i: int, j: int) -> float:
    """1 minus the cosine of the turn at ``i`` from its string towards ``j``; 0.15 when it has none."""
    if not links.of[i]:
        return 0.15
    back, ahead = links.step(links.of[i][0], i), links.step(i, j)
    size = math.hypot(*back) * math.hypot(*ahead)
    return 1 - (back[0] * ahead[0] + back[1] * ahead[1]) / max(1e-9, size)


def _step(links: Links, i: int) -> float:
    """Distance from ``i`` to its neighbour; 0 when it has none."""
    return math.hypot(*links.step(i, links.of[i][0])) if links.of[i] else 0.0
