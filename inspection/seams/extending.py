"""Lets rows go on where their rhythm leads: through faint holes, past the holes of a row that they cross.

A hole that the network hardly sees is not believed alone, and one that two crossing rows share goes to one of
them. At a row's end its rhythm says where the next hole has to lie: a faint peak there is that hole, where
thread leads to it or several follow one another. Where the next hole is that of another row that runs across,
both have one there. Where it is the end of another row that goes on the same way, both are one row.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from inspection.seams.evidence import seen_thread, thread_between
from inspection.seams.points import Planes, Points
from inspection.seams.tracing import Chain

__all__ = ["extend"]

F64 = npt.NDArray[np.float64]

_PITCH_STEPS = 6
"""Last steps of a row that tell its length of stitch."""
_AHEAD_STEPS = 2
"""Steps over which a row's direction is told; as many before them tell how it bends."""
_MOST_TURN = math.radians(12)
"""By how much a row is taken to bend from one step to the next."""
_ALONG, _ACROSS, _ACROSS_CELLS = 0.2, 0.1, 0.8
"""How far a hole may lie from where the rhythm has it: shares of a stitch, and cells besides."""
_WIDER = 0.5
"""By how much more of that for each hole that was not seen before it."""
_MOST_UNSEEN = 2
"""Holes in a row that may not be seen."""
_MOST_SHARED = 3
"""Holes in a row that may be those of rows that cross."""
_MOST_ADDED = 40
_THREAD = 0.35
"""Evidence of thread with which one faint hole is believed."""
_BELIEVED = 3
"""Holes that follow one another in rhythm are believed without thread."""
_CROSSING = math.radians(8)
"""Rows that run at a smaller angle than this do not cross."""
_SAME_WAY = math.radians(25)
"""By how much a row may turn where another one's end goes on with it."""
_SAME_STEP = 1.3
"""By how much, as a ratio, its stitches may be longer or shorter."""
_TIP = 2
"""Last holes of a row that may have been taken from one that crosses."""
_NEARER = 0.5
"""How much nearer to where the next hole should lie one has to be that is taken instead of them."""
_LEAST_STRING = 4
"""Fewer holes do not tell where a row goes on."""


_Place = tuple[float, float]
"""In cells; plain numbers, as in ``joining``: arrays of two take longer to make than to use."""


@dataclass
class _Row:
    """A row while it grows: the indices of its points in order."""

    order: list[int]
    closed: bool


@dataclass(frozen=True)
class _Way:
    """Where a row goes on: from its last place along a unit vector, by its length of stitch in cells."""

    last: _Place
    ahead: tuple[float, float]
    pitch: float

    @property
    def next(self) -> _Place:
        """Where the next hole should lie."""
        return self.last[0] + self.pitch * self.ahead[0], self.last[1] + self.pitch * self.ahead[1]


def extend(chains: Sequence[Chain], points: Points, planes: Planes) -> tuple[list[Chain], Points]:
    """Rows as far as their rhythm leads; and the points, with a second one where rows share a hole.

    Parameters
    ----------
    chains : of indices into ``points``, which holds faint ones, too.
    """
    growing = _Growing(chains, points, planes)
    for row in growing.rows:
        growing.grow(row)
    return growing.chains(), growing.points()


class _Growing:
    """All rows of a photo while they grow."""

    def __init__(self, chains: Sequence[Chain], points: Points, planes: Planes) -> None:
        self.rows = [_Row(list(chain.points), chain.closed) for chain in chains]
        self._planes = planes
        self._seen = points.at
        self._at: list[_Place] = [(x, y) for x, y in points.at.tolist()]
        self._heat: list[float] = points.heat.tolist()
        self._row_of = {i: row for row in self.rows for i in row.order}

    def chains(self) -> list[Chain]:
        """The rows that are left, longest first."""
        rows = sorted((row for row in self.rows if row.order), key=lambda row: -len(row.order))
        return [Chain(tuple(row.order), row.closed) for row in rows]

    def points(self) -> Points:
        """Those that were seen, then those that are shared."""
        return Points(np.array(self._at, np.float64).reshape(-1, 2), np.array(self._heat, np.float64))

    def grow(self, row: _Row) -> None:
        """Go on at both ends of a row, and on again where another row was joined to it."""
        if row.closed or not row.order:
            return
        for _ in range(2):
            while self._go_on(row):
                pass
            row.order.reverse()

    def _go_on(self, row: _Row) -> bool:
        """Go on from a row's last hole; True where another row was joined to it there."""
        tail = [self._at[i] for i in row.order[-_PITCH_STEPS - 1 :]]
        way = _way(tail)
        added: list[tuple[_Place, int]] = []  # a place with its point, which may be that of another row
        believed = unseen = shared = in_rhythm = 0
        while len(added) < _MOST_ADDED and unseen <= _MOST_UNSEEN and self._inside(way.next):
            i = self._nearest(way, room=1 + _WIDER * unseen)
            if i < 0:
                unseen, in_rhythm = unseen + 1, 0
                way = replace(way, last=way.next)
                continue
            other = self._row_of.get(i)
            if other is row:
                break
            if other is not None and self._faces(other, i, way):
                self._take(row, added)
                self._join(row, other, i)
                return True
            if other is not None:
                shared += 1
                if shared > _MOST_SHARED or not self._crosses(other, i, way):
                    break
                # Two holes are one peak there: this row's is where its rhythm has it.
                place = way.next
            else:
                shared, in_rhythm = 0, in_rhythm + 1
                place = self._at[i]
            added.append((place, i))
            if in_rhythm >= _BELIEVED or self._thread(tail[-1], place) >= _THREAD:
                believed = len(added)
            unseen = 0
            tail.append(place)
            way = replace(_way(tail), pitch=way.pitch)
        self._take(row, added[:believed])
        return not believed and self._joined_without_tip(row)

    def _joined_without_tip(self, row: _Row) -> bool:
        """Whether a row goes on as another one, once last holes that it took from others are left out."""
        for tip in range(1, _TIP + 1):
            if len(row.order) < tip + _LEAST_STRING:
                return False
            way = _way([self._at[i] for i in row.order[-_PITCH_STEPS - 1 - tip : -tip]])
            if not self._inside(way.next):
                return False
            i = self._nearest(way, room=1.0)
            other = self._row_of.get(i)
            if other is None or other is row or not self._faces(other, i, way):
                continue
            if not _nearer(way, self._at[i], self._at[row.order[-tip]]):
                continue
            for j in row.order[-tip:]:
                self._row_of.pop(j)
            del row.order[-tip:]
            self._join(row, other, i)
            return True
        return False

    def _inside(self, place: _Place) -> bool:
        height, width = self._planes.point.shape
        return bool(-0.5 <= place[0] < width - 0.5 and -0.5 <= place[1] < height - 0.5)

    def _nearest(self, way: _Way, room: float) -> int:
        """The point nearest to where the next hole should lie, the hotter the better; -1 where none is."""
        rel = self._seen - way.next
        along = rel @ np.array(way.ahead)
        across = rel @ np.array((-way.ahead[1], way.ahead[0]))
        reach = room * way.pitch * _ALONG, room * (way.pitch * _ACROSS + _ACROSS_CELLS)
        away = (along / reach[0]) ** 2 + (across / reach[1]) ** 2
        near = np.flatnonzero(away <= 1).tolist()
        return min(near, key=lambda i: float(away[i]) - self._heat[i], default=-1)

    def _thread(self, first: _Place, second: _Place) -> float:
        return float(seen_thread(thread_between(self._planes, np.array([first]), np.array([second])))[0])

    def _faces(self, other: _Row, i: int, way: _Way) -> bool:
        """Whether another row goes on from its point ``i`` as this one does.

        Its holes before that point may be those of a row that crosses, if this one lies straighter ahead.
        """
        inward = self._inward(other, i)
        if len(inward) < _LEAST_STRING:
            return False
        back = _way([self._at[j] for j in reversed(inward[: _PITCH_STEPS + 1])])
        if abs(_angle(way.ahead, (-back.ahead[0], -back.ahead[1]))) > _SAME_WAY:
            return False
        if not 1 / _SAME_STEP < back.pitch / way.pitch < _SAME_STEP:
            return False
        tip = len(other.order) - len(inward)
        if not tip:
            return True
        before = other.order[tip - 1] if other.order[tip] == i else other.order[-tip]
        return _nearer(back, way.last, self._at[before])

    def _inward(self, other: _Row, i: int) -> list[int]:
        """An open row from a point near one of its ends to the other end; empty amid a row."""
        if other.closed:
            return []
        place = other.order.index(i)
        if place <= _TIP:
            return other.order[place:]
        if place >= len(other.order) - 1 - _TIP:
            return other.order[place::-1]
        return []

    def _crosses(self, other: _Row, i: int, way: _Way) -> bool:
        place, count = other.order.index(i), len(other.order)
        if not other.closed and place in (0, count - 1):
            return False
        along = _towards(self._at[other.order[place - 1]], self._at[other.order[(place + 1) % count]])
        angle = abs(_angle(way.ahead, along))
        return min(angle, math.pi - angle) >= _CROSSING

    def _take(self, row: _Row, added: list[tuple[_Place, int]]) -> None:
        for place, i in added:
            if i in self._row_of:
                self._at.append(place)
                self._heat.append(self._heat[i])
                row.order.append(len(self._at) - 1)
            else:
                self._row_of[i] = row
                row.order.append(i)

    def _join(self, row: _Row, other: _Row, i: int) -> None:
        inward = self._inward(other, i)
        for j in other.order:
            self._row_of.pop(j, None)
        for j in inward:
            self._row_of[j] = row
        row.order += inward
        other.order = []


def _way(tail: list[_Place]) -> _Way:
    return _Way(tail[-1], _ahead(tail), _usual([math.dist(a, b) for a, b in pairwise(tail)]))


def _nearer(way: _Way, place: _Place, than: _Place) -> bool:
    """Whether a place is far nearer than another to where the next hole should lie."""
    return math.dist(way.next, place) < _NEARER * math.dist(way.next, than)


def _usual(steps: list[float]) -> float:
    """The lower median: holes that were not seen make steps longer, none makes them shorter."""
    return sorted(steps)[(len(steps) - 1) // 2]


def _ahead(tail: list[_Place]) -> tuple[float, float]:
    """Unit vector to the next hole of a row, given its last ones: it goes on bending as it bends."""
    reach = _AHEAD_STEPS if len(tail) > 2 * _AHEAD_STEPS else 1
    last = _towards(tail[-1 - reach], tail[-1])
    turn = _angle(_towards(tail[-1 - 2 * reach], tail[-1 - reach]), last) / reach
    if abs(turn) > _MOST_TURN:  # a corner
        return _towards(tail[-2], tail[-1])
    turn *= (reach + 1) / 2
    cos, sin = math.cos(turn), math.sin(turn)
    return last[0] * cos - last[1] * sin, last[0] * sin + last[1] * cos


def _towards(a: _Place, b: _Place) -> tuple[float, float]:
    length = max(1e-9, math.dist(a, b))
    return (b[0] - a[0]) / length, (b[1] - a[1]) / length


def _angle(a: tuple[float, float], b: tuple[float, float]) -> float:
    return math.atan2(a[0] * b[1] - a[1] * b[0], a[0] * b[0] + a[1] * b[1])
