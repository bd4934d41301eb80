"""Joins strings of holes into rows: across gaps, round corners, and never over to the row beside.

What decides is how a row would have to bend. A row that goes on bends the same way at both ends of a gap, if
at all; one that changes over to the row beside bends there and back, like an S.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from inspection.seams.evidence import seen_thread, thread_between
from inspection.seams.linking import Links
from inspection.seams.points import Planes

__all__ = ["bridge", "round_corners", "trimmed", "untangle"]

F64 = npt.NDArray[np.float64]

MAX_GAP_CELLS = 62.0
"""Over which two ends of a row are joined: a thread broken over 15 mm and a stitch on either side."""

_AHEAD = np.radians(32)
"""By how much the direction may turn where a gap is crossed."""
_HEADING_HOLES = 5
_BESIDE_CELLS = 1.5
"""A hole this near to a link lies on it."""
_LEAST_RING = 8
"""Fewer holes make no ring."""

_S_BEND = 1.0
_BEND = 0.25
"""Weights of an S-bend and of a plain one, per radian."""
_UNKNOWN_BEND = 0.5
"""Taken for the bend towards a single hole, which has no direction of its own."""
_LONGER = 1.2
"""Two rows are not linked the other way round where that takes so much more length."""
_SUSPECT = np.radians(9)
"""A link that bends like an S by more than this may have changed over to another row."""
_SUSPECT_STEP = 1.5
"""So may one that is longer than so many usual steps."""
_GAIN = 0.12
"""By how much, in radians of bend, another way to link has to be better."""
_FREED = 0.25
"""What it costs to leave an end free."""

_CORNER_LEAST, _CORNER_MOST = np.radians(35), np.radians(135)
_CORNER_STEPS = 4.5
"""Steps from a corner to the nearest stitch on either side."""
_TRIM_TURN = np.radians(22)
_TRIM_HOLES = 2
_TRIM_THREAD = 0.6
"""Evidence of thread with which a row may turn on its last step."""


def _heading(links: Links, i: int, leaving: int) -> F64 | None:
    """Unit vector in which a string arrives at ``i``, away from ``leaving``; None for a single hole."""
    inner = links.inward(i, leaving, _HEADING_HOLES)
    if len(inner) < 2:
        return None
    at = links.at
    mean, last = at[i] - at[inner[-1]], at[i] - at[inner[1]]
    # The last step tells more of where a bend leads than the mean of many.
    way = mean / max(1e-9, float(np.hypot(*mean))) + 0.5 * last / max(1e-9, float(np.hypot(*last)))
    return np.asarray(way / max(1e-9, float(np.hypot(*way))), np.float64)


def _angle(a: F64, b: F64) -> float:
    return float(np.arctan2(a[0] * b[1] - a[1] * b[0], a @ b))


def _bends(links: Links, i: int, j: int, leaving: tuple[int, int]) -> tuple[float, float] | None:
    """Signed turns at both ends of a way from ``i`` to ``j``; None where one of them has no direction."""
    first, second = _heading(links, i, leaving[0]), _heading(links, j, leaving[1])
    if first is None or second is None:
        return None
    gap = links.at[j] - links.at[i]
    return _angle(first, gap), _angle(gap, -second)


def _cost(links: Links, i: int, j: int, leaving: tuple[int, int]) -> float:
    """How much a row has to bend to go from ``i`` to ``j``."""
    bends = _bends(links, i, j, leaving)
    if bends is None:
        return _UNKNOWN_BEND
    a, b = bends
    return _S_BEND * abs(a - b) + _BEND * (abs(a) + abs(b))


def bridge(links: Links) -> None:
    """Join ends that point at each other across a gap: stitches that were not seen, skipped or broken.

    Single holes that lie in such a gap are taken up on the way.
    """
    at = links.at
    ends = [i for i in links.ends() if len(links.walk(i, 3)) >= 3]
    if len(ends) < 2:
        return
    place = at[ends]
    apart = np.hypot(*(place[:, None] - place[None]).transpose(2, 0, 1))
    found = []
    for p, q in zip(*np.nonzero(np.triu(apart <= MAX_GAP_CELLS, 1)), strict=True):
        i, j, d = ends[p], ends[q], float(apart[p, q])
        if d < 1e-6:
            continue
        bends = _bends(links, i, j, (-1, -1))
        if bends is None or max(map(abs, bends)) > _AHEAD or abs(bends[0] + bends[1]) > _AHEAD:
            continue
        turned = abs(bends[0] - bends[1]) + 0.5 * abs(bends[0] + bends[1])
        found.append((d * (1 + 6 * turned), i, j))
    loose = [i for i, near in enumerate(links.of) if not near]
    for _, i, j in sorted(found):
        if len(links.of[i]) != 1 or len(links.of[j]) != 1:
            continue
        ring = links.other_end(i) == j
        if ring and len(links.walk(i, _LEAST_RING)) < _LEAST_RING:
            continue
        way = [i, *_between(at, i, j, loose), j]
        for a, b in pairwise(way):
            links.add(a, b, closing=ring)


def _between(at: F64, i: int, j: int, loose: list[int]) -> list[int]:
    """Single holes on the straight way from ``i`` to ``j``, in order."""
    gap = at[j] - at[i]
    d = float(np.hypot(*gap))
    found = []
    for k in loose:
        rel = at[k] - at[i]
        along = float(rel @ gap) / d
        across = float(rel[0] * gap[1] - rel[1] * gap[0]) / d
        if 2.5 < along < d - 2.5 and abs(across) < _BESIDE_CELLS + 0.03 * d:
            found.append((along, k))
    taken = [k for _, k in sorted(found)]
    for k in taken:
        loose.remove(k)
    return taken


def untangle(links: Links) -> None:
    """Link two rows the other way round where each would then go straight on instead of over to the other."""
    suspects = [pair for pair in links.links() if _is_suspect(links, *pair)]
    if not suspects:
        return
    middle = {pair: (links.at[pair[0]] + links.at[pair[1]]) / 2 for pair in suspects}
    for first in suspects:
        for second in suspects:
            if second <= first or not (_linked(links, first) and _linked(links, second)):
                continue
            if float(np.hypot(*(middle[first] - middle[second]))) <= MAX_GAP_CELLS / 2:
                _swap(links, first, second)
        if _linked(links, first):
            _free(links, first)
    links.settle()


def _linked(links: Links, pair: tuple[int, int]) -> bool:
    return pair[1] in links.of[pair[0]]


def _is_suspect(links: Links, i: int, j: int) -> bool:
    bends = _bends(links, i, j, (j, i))
    if bends is None:
        return False
    if abs(bends[0] - bends[1]) > _SUSPECT:
        return True
    length = float(np.hypot(*(links.at[j] - links.at[i])))
    beside = [
        float(np.hypot(*(links.at[a] - links.at[b])))
        for a, other in ((i, j), (j, i))
        for b in links.of[a]
        if b != other
    ]
    return bool(beside) and length > _SUSPECT_STEP * min(beside)


def _swap(links: Links, first: tuple[int, int], second: tuple[int, int]) -> None:
    (i, j), (k, m) = first, second
    if len({i, j, k, m}) < 4:
        return
    now = _cost(links, i, j, (j, i)) + _cost(links, k, m, (m, k))
    ways = (
        (_cost(links, i, m, (j, k)) + _cost(links, k, j, (m, i)), (i, m), (k, j)),
        (_cost(links, i, k, (j, m)) + _cost(links, j, m, (i, k)), (i, k), (j, m)),
    )
    best, one, other = min(ways)
    before = _length(links, first) + _length(links, second)
    if best > now - _GAIN or _length(links, one) + _length(links, other) > _LONGER * before:
        return
    links.remove(i, j)
    links.remove(k, m)
    for a, b in (one, other):
        links.of[a].append(b)
        links.of[b].append(a)


def _length(links: Links, pair: tuple[int, int]) -> float:
    return float(np.hypot(*(links.at[pair[0]] - links.at[pair[1]])))


def _free(links: Links, pair: tuple[int, int]) -> None:
    """Give a link up for one to a free end that lies straight ahead."""
    if _bends(links, *pair, (pair[1], pair[0])) is None:
        return
    now = _cost(links, *pair, (pair[1], pair[0]))
    reach = 2 * _length(links, pair)
    best = (now - _FREED, -1, -1)
    for i, j in (pair, pair[::-1]):
        for k in links.ends():
            if k in pair or _length(links, (i, k)) > reach:
                continue
            if links.inward(k, -1, 3)[-1] in (i, j):
                continue
            cost = _cost(links, i, k, (j, -1))
            if cost < best[0]:
                best = (cost, i, k)
    if best[1] < 0:
        return
    links.remove(*pair)
    links.of[best[1]].append(best[2])
    links.of[best[2]].append(best[1])


def round_corners(links: Links) -> None:
    """Join two ends at the hole of a corner that both point at, where the stitches beside it are missing."""
    at = links.at
    loose = [i for i, near in enumerate(links.of) if not near]
    ends = [i for i in links.ends() if len(links.walk(i, 4)) >= 4]
    found = []
    for n, i in enumerate(ends):
        for j in ends[n + 1 :]:
            if float(np.hypot(*(at[j] - at[i]))) > MAX_GAP_CELLS:
                continue
            first, second = _heading(links, i, -1), _heading(links, j, -1)
            if first is None or second is None:
                continue
            turn = abs(_angle(first, -second))
            if not _CORNER_LEAST <= turn <= _CORNER_MOST:
                continue
            reach = np.linalg.solve(np.stack([first, -second], axis=1), at[j] - at[i])
            usual = max(_length(links, (i, links.of[i][0])), _length(links, (j, links.of[j][0])))
            if reach.min() <= 0 or reach.max() > _CORNER_STEPS * usual:
                continue
            corner = at[i] + reach[0] * first
            near = [k for k in loose if float(np.hypot(*(at[k] - corner))) < 0.5 * usual]
            if near:
                best = min(near, key=lambda k: float(np.hypot(*(at[k] - corner))))
                found.append((float(reach.sum()), i, j, best))
    for _, i, j, corner_hole in sorted(found):
        if len(links.of[i]) != 1 or len(links.of[j]) != 1 or links.of[corner_hole]:
            continue
        others = [k for k in loose if k != corner_hole and not links.of[k]]
        for start in (i, j):
            way = [start, *_between(at, start, corner_hole, others), corner_hole]
            for a, b in pairwise(way):
                links.add(a, b)


def trimmed(at: F64, order: list[int], planes: Planes, *, closed: bool) -> list[int]:
    """A string without last holes that lie aside and that no thread leads to: of another row, or dirt."""
    if closed:
        return order
    order = list(order)
    for _ in range(2):
        for _ in range(_TRIM_HOLES):
            if len(order) < 6:
                break
            way = at[order[-2]] - at[order[-5]]
            step = at[order[-1]] - at[order[-2]]
            usual = float(np.median(np.hypot(*np.diff(at[order], axis=0).T)))
            turn = abs(_angle(way, step))
            thread = float(seen_thread(thread_between(planes, at[order[-2:-1]], at[order[-1:]]))[0])
            aside = turn > _TRIM_TURN and (thread < _TRIM_THREAD or float(np.hypot(*step)) > 1.3 * usual)
            if not aside:
                break
            order.pop()
        order.reverse()
    return order
