"""Joins strings of holes into rows: across gaps, round corners, and never over to the row beside.

What decides is how a row would have to bend. A row that goes on bends the same way at both ends of a gap, if
at all; one that changes over to the row beside bends there and back, like an S. And a machine sews a row
with one length of stitch from end to end: where that changes, one row ends and another begins.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from inspection.seams.evidence import seen_thread, thread_between
from inspection.seams.lines import median
from inspection.seams.linking import Links
from inspection.seams.points import Planes

__all__ = ["bridge", "part", "round_corners", "same_pitch", "trimmed", "untangle"]

F64 = npt.NDArray[np.float64]

MAX_GAP_CELLS = 62.0
"""Over which two ends of a row are joined: a thread broken over 15 mm and a stitch on either side."""

_MOST_STRAIGHT_CELLS, _STRAIGHT = 120.0, math.radians(3)
"""So far (36 mm) if they point at each other as straight as that: something lies over the row."""

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
_TURNED_BACK = 9.0
"""A row goes round corners, but not back along itself: more than any bend costs."""
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

_PITCH_STEPS = 5
"""Steps on either side of a place that tell the length of stitch there."""
_LEAST_STEPS = 3
"""Fewer tell none."""
_OTHER_PITCH = math.log(1.3)
"""Change of the length of stitch, as a logarithm, that a row has only where many holes are not seen."""
_KINK = math.radians(6)
"""So where it changes and the row turns by more than this, besides, it is another row."""
_KINK_STEPS = 3
_PITCH = 0.6
"""Weight of a change of the length of stitch, beside bends in radians."""

_CORNER_LEAST, _CORNER_MOST = np.radians(35), np.radians(135)
_CORNER_STEPS = 4.5
_AT_CORNER = 0.3
"""Steps from a corner to the nearest stitch on either side."""
_EVEN_CORNER, _CORNER_THREAD = 0.2, 0.35
"""A corner's own hole that is a stitch away, but for this share of it, needs this much evidence of thread."""
_TRIM_TURN = np.radians(22)
_TRIM_HOLES = 2
_TRIM_THREAD = 0.6
"""Evidence of thread with which a row may turn."""


_Vector = tuple[float, float]
"""Single vectors are plain numbers here: arrays of two take longer to make than to use."""


def _heading(links: Links, i: int, leaving: int) -> _Vector | None:
    """Unit vector in which a string arrives at ``i``, away from ``leaving``; None for a single hole."""
    inner = links.inward(i, leaving, _HEADING_HOLES)
    if len(inner) < 2:
        return None
    mean, last = _unit(links.step(inner[-1], i)), _unit(links.step(inner[1], i))
    # The last step tells more of where a bend leads than the mean of many.
    return _unit((mean[0] + 0.5 * last[0], mean[1] + 0.5 * last[1]))


def _unit(a: _Vector) -> _Vector:
    length = max(1e-9, math.hypot(*a))
    return a[0] / length, a[1] / length


def _angle(a: _Vector, b: _Vector) -> float:
    return math.atan2(a[0] * b[1] - a[1] * b[0], a[0] * b[0] + a[1] * b[1])


def _bends(links: Links, i: int, j: int, leaving: tuple[int, int]) -> tuple[float, float] | None:
    """Signed turns at both ends of a way from ``i`` to ``j``; None where one of them has no direction."""
    first, second = _heading(links, i, leaving[0]), _heading(links, j, leaving[1])
    if first is None or second is None:
        return None
    gap = links.step(i, j)
    return _angle(first, gap), _angle(gap, (-second[0], -second[1]))


def _cost(links: Links, i: int, j: int, leaving: tuple[int, int]) -> float:
    """How much a row has to bend, and to change its length of stitch, to go from ``i`` to ``j``."""
    change = _PITCH * _pitch_change(links, i, j, leaving)
    bends = _bends(links, i, j, leaving)
    if bends is None:
        return _UNKNOWN_BEND + change
    a, b = bends
    if abs(a + b) > _CORNER_MOST:
        return _TURNED_BACK
    return _S_BEND * abs(a - b) + _BEND * (abs(a) + abs(b)) + change


def _pitch_change(links: Links, i: int, j: int, leaving: tuple[int, int] = (-1, -1)) -> float:
    """By how much the length of stitch changes from one string to the other, as a logarithm; 0 where a string
    is too short to tell."""
    first, second = (_pitch(links, end, inner) for end, inner in zip((i, j), leaving, strict=True))
    return abs(math.log(first / second)) if first and second else 0.0


def same_pitch(links: Links, i: int, j: int) -> bool:
    """Whether two strings may be one row by their lengths of stitch, joined at their ends ``i`` and ``j``."""
    return _pitch_change(links, i, j) <= _OTHER_PITCH


def _pitch(links: Links, i: int, leaving: int) -> float:
    """Median step of a string near ``i``, on the side away from ``leaving``; 0 where it has too few."""
    inner = links.inward(i, leaving, _PITCH_STEPS + 1)
    length = sorted(math.hypot(*links.step(a, b)) for a, b in pairwise(inner))
    return length[len(length) // 2] if len(length) >= _LEAST_STEPS else 0.0


def part(links: Links) -> None:
    """Cut strings where they turn and the length of stitch changes for good: there another row begins."""
    cut = False
    for order, closed in links.chains():
        if closed or len(order) <= 2 * _PITCH_STEPS + 1:
            continue
        ahead = np.diff(links.at[order], axis=0)
        change = _changes(np.hypot(ahead[:, 0], ahead[:, 1]))
        change[_kinks(links.at[order]) < _KINK] = 0.0
        while float(change.max()) > _OTHER_PITCH:
            k = int(change.argmax())
            links.remove(order[k], order[k + 1])
            change[max(0, k - _PITCH_STEPS) : k + _PITCH_STEPS + 1] = 0.0
            cut = True
    if cut:
        links.settle()


def _changes(length: F64) -> F64:
    """Change (S,) of the usual step, as a logarithm, from before each step to after it; 0 near the ends."""
    change = np.zeros(len(length))
    if len(length) > 2 * _PITCH_STEPS:
        windows = length[np.arange(len(length) - _PITCH_STEPS + 1)[:, None] + np.arange(_PITCH_STEPS)]
        usual = np.log(np.maximum(np.sort(windows, axis=1)[:, _PITCH_STEPS // 2], 1e-9))
        beside = _PITCH_STEPS + 1
        change[_PITCH_STEPS:-_PITCH_STEPS] = np.abs(usual[beside:] - usual[:-beside])
    return change


def _kinks(at: F64) -> F64:
    """By how much more a row of S steps turns at each of them (S,) than it usually does; 0 near the ends."""
    turn = np.zeros(len(at) - 1)
    ahead = at[_KINK_STEPS:] - at[:-_KINK_STEPS]
    before, after = ahead[: -_KINK_STEPS - 1], ahead[_KINK_STEPS + 1 :]
    across = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
    bend = np.arctan2(across, np.einsum("ij,ij->i", before, after))
    turn[_KINK_STEPS:-_KINK_STEPS] = np.abs(bend - median(bend))
    return turn


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
    for p, q in zip(*np.nonzero(np.triu(apart <= _MOST_STRAIGHT_CELLS, 1)), strict=True):
        i, j, d = ends[p], ends[q], float(apart[p, q])
        if d < 1e-6:
            continue
        bends = _bends(links, i, j, (-1, -1))
        if bends is None:
            continue
        most = max(map(abs, bends))
        if most > _AHEAD or abs(bends[0] + bends[1]) > _AHEAD:
            continue
        if most > _KINK and not same_pitch(links, i, j):
            continue
        if d > MAX_GAP_CELLS and (most > _STRAIGHT or not _alike(links, i, j)):
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


def _alike(links: Links, i: int, j: int) -> bool:
    """Whether two strings are both long enough to tell their length of stitch, and have the same."""
    both = (_pitch(links, end, -1) for end in (i, j))
    return all(both) and same_pitch(links, i, j)


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
    suspects = [pair for pair in _uneven(links) if _is_suspect(links, *pair)]
    if not suspects:
        return
    ends = links.ends()
    centre = links.at[np.array(suspects)].mean(axis=1)
    apart = np.hypot(*(centre[:, None] - centre[None]).transpose(2, 0, 1))
    near = np.triu(apart <= MAX_GAP_CELLS / 2, 1)
    for first, beside in zip(suspects, near, strict=True):
        for k in np.flatnonzero(beside).tolist():
            if _linked(links, first) and _linked(links, suspects[k]):
                _swap(links, first, suspects[k])
        if _linked(links, first):
            _free(links, first, ends)
    links.settle()


def _uneven(links: Links) -> list[tuple[int, int]]:
    """Links that bend like an S from one step to the next, or are longer than those beside: a quick look."""
    found: list[tuple[int, int]] = []
    for order, closed in links.chains():
        if len(order) < 3:
            continue
        at = links.at[order + order[:1]] if closed else links.at[order]
        step = np.diff(at, axis=0)
        across = step[:-1, 0] * step[1:, 1] - step[:-1, 1] * step[1:, 0]
        turn = np.arctan2(across, np.einsum("ij,ij->i", step[:-1], step[1:]))
        length = np.hypot(step[:, 0], step[:, 1])
        apart = np.concatenate([[np.inf], length, [np.inf]])
        uneven = length > _SUSPECT_STEP * np.minimum(apart[:-2], apart[2:])
        bend = np.concatenate([turn[:1], turn, turn[-1:]])
        uneven |= np.abs(np.diff(bend)) > _SUSPECT
        uneven |= _changes(length) > _OTHER_PITCH
        n = len(order)
        for k in np.flatnonzero(uneven).tolist():
            i, j = order[k], order[(k + 1) % n]
            found.append((min(i, j), max(i, j)))
    return sorted(set(found))


def _linked(links: Links, pair: tuple[int, int]) -> bool:
    return pair[1] in links.of[pair[0]]


def _is_suspect(links: Links, i: int, j: int) -> bool:
    bends = _bends(links, i, j, (j, i))
    if bends is None:
        return False
    if abs(bends[0] - bends[1]) > _SUSPECT or _pitch_change(links, i, j, (j, i)) > _OTHER_PITCH:
        return True
    length = _length(links, (i, j))
    beside = [_length(links, (a, b)) for a, other in ((i, j), (j, i)) for b in links.of[a] if b != other]
    return bool(beside) and length > _SUSPECT_STEP * min(beside)


def _swap(links: Links, first: tuple[int, int], second: tuple[int, int]) -> None:
    (i, j), (k, m) = first, second
    if len({i, j, k, m}) < 4:
        return
    before = _length(links, first) + _length(links, second)
    across = _length(links, (i, m)) + _length(links, (k, j))
    along = _length(links, (i, k)) + _length(links, (j, m))
    if min(across, along) > _LONGER * before:  # most pairs: what follows takes far longer to tell
        return
    now = _cost(links, i, j, (j, i)) + _cost(links, k, m, (m, k))
    ways = (
        (_cost(links, i, m, (j, k)) + _cost(links, k, j, (m, i)), (i, m), (k, j)),
        (_cost(links, i, k, (j, m)) + _cost(links, j, m, (i, k)), (i, k), (j, m)),
    )
    best, one, other = min(ways)
    if best > now - _GAIN or _length(links, one) + _length(links, other) > _LONGER * before:
        return
    links.remove(i, j)
    links.remove(k, m)
    for a, b in (one, other):
        links.of[a].append(b)
        links.of[b].append(a)


def _length(links: Links, pair: tuple[int, int]) -> float:
    return math.hypot(*links.step(*pair))


def _free(links: Links, pair: tuple[int, int], ends: list[int]) -> None:
    """Give a link up for one to a free end that lies straight ahead."""
    if min(len(links.of[i]) for i in pair) < 2:  # a single hole has no direction
        return
    reach = 2 * max(_length(links, pair), *(_pitch(links, i, j) for i, j in (pair, pair[::-1])))
    ahead = [
        (i, j, k)
        for i, j in (pair, pair[::-1])
        for k in ends
        if len(links.of[k]) == 1 and k not in pair and _length(links, (i, k)) <= reach
    ]
    if not ahead:  # most links: what follows takes longer to tell
        return
    best = (_cost(links, *pair, (pair[1], pair[0])) - _FREED, -1, -1)
    for i, j, k in ahead:
        if links.inward(k, -1, 3)[-1] not in pair:
            best = min(best, (_cost(links, i, k, (j, -1)), i, k), key=lambda each: each[0])
    if best[1] < 0:
        return
    links.remove(*pair)
    links.of[best[1]].append(best[2])
    links.of[best[2]].append(best[1])


def round_corners(links: Links, planes: Planes) -> None:
    """Join two ends at a corner that both point at, where stitches beside it are missing.

    A hole has to lie in the corner, or thread has to lead there from both ends.
    """
    at = links.at
    loose = [i for i, near in enumerate(links.of) if not near]
    ends = [i for i in links.ends() if len(links.walk(i, 4)) >= 4]
    found = []
    for n, i in enumerate(ends):
        for j in ends[n + 1 :]:
            if _length(links, (i, j)) > MAX_GAP_CELLS:
                continue
            first, second = _heading(links, i, -1), _heading(links, j, -1)
            if first is None or second is None:
                continue
            back = (-second[0], -second[1])
            turn = abs(_angle(first, back))
            if not _CORNER_LEAST <= turn <= _CORNER_MOST or not same_pitch(links, i, j):
                continue
            reach = np.linalg.solve(np.array([first, back]).T, at[j] - at[i])
            usual = max(_length(links, (i, links.of[i][0])), _length(links, (j, links.of[j][0])))
            # One of the ends may be the hole of the corner itself.
            if reach.min() <= -_AT_CORNER * usual or reach.max() > _CORNER_STEPS * usual:
                continue
            corner = at[i] + reach[0] * np.array(first)
            near = [k for k in loose if float(np.hypot(*(at[k] - corner))) < 0.5 * usual]
            best = min(near, key=lambda k: float(np.hypot(*(at[k] - corner)))) if near else -1
            if not near:
                thread = seen_thread(thread_between(planes, at[[i, j]], np.stack([corner, corner])))
                first_at, second_at = np.abs(reach) < _AT_CORNER * usual
                if first_at != second_at and abs(reach.max() - usual) < _EVEN_CORNER * usual:
                    # One end is the corner's own hole, and the other a stitch away: less thread is enough.
                    if float(thread[0 if second_at else 1]) < _CORNER_THREAD:
                        continue
                elif float(thread.min()) < _TRIM_THREAD:
                    continue
            found.append((float(reach.sum()), i, j, best))
    for _, i, j, corner_hole in sorted(found):
        if len(links.of[i]) != 1 or len(links.of[j]) != 1:
            continue
        if corner_hole < 0:
            links.add(i, j)
            continue
        if links.of[corner_hole]:
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
            if abs(_angle(tuple(way), tuple(step))) <= _TRIM_TURN:
                break
            usual = median(np.hypot(*np.diff(at[order], axis=0).T))
            thread = float(seen_thread(thread_between(planes, at[order[-2:-1]], at[order[-1:]]))[0])
            if thread >= _TRIM_THREAD and float(np.hypot(*step)) <= 1.3 * usual:
                break
            order.pop()
        order.reverse()
    return order
