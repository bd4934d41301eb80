"""Keeps who is linked to whom while rows are strung together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["Links"]

F64 = npt.NDArray[np.float64]


class Links:
    """Who is linked to whom; each hole has at most two neighbours."""

    def __init__(self, at: F64, pairs: Sequence[tuple[int, int]]) -> None:
        self.at = at
        self._places = [(x, y) for x, y in at.tolist()]
        self.of: list[list[int]] = [[] for _ in at]
        self._end = list(range(len(at)))  # of a string's end: its other end
        for i, j in pairs:
            self.add(i, j, closing=True)

    def add(self, i: int, j: int, *, closing: bool = False) -> bool:
        """Link two holes that have room; a ring is closed only when told to."""
        if i == j or len(self.of[i]) > 1 or len(self.of[j]) > 1 or j in self.of[i]:
            return False
        a, b = self._end[i], self._end[j]
        if a == j and not closing:
            return False
        self.of[i].append(j)
        self.of[j].append(i)
        if a != j:
            self._end[a], self._end[b] = b, a
        return True

    def step(self, i: int, j: int) -> tuple[float, float]:
        """From hole ``i`` to hole ``j``."""
        (a, b), (c, d) = self._places[i], self._places[j]
        return c - a, d - b

    def remove(self, i: int, j: int) -> None:
        """Take a link out again; ``settle`` has to be called before any other is added."""
        self.of[i].remove(j)
        self.of[j].remove(i)

    def settle(self) -> None:
        """Find anew which ends belong together."""
        self._end = list(range(len(self.of)))
        for i in self.ends():
            self._end[i] = self.walk(i, len(self.of))[-1]

    def inward(self, i: int, leaving: int, limit: int) -> list[int]:
        """Up to ``limit`` holes from ``i`` on the side away from its neighbour ``leaving`` (-1 at ends)."""
        found, before = [i], leaving
        while len(found) < limit:
            ahead = self._after(found[-1], before)
            if ahead < 0 or ahead in found:
                break
            before = found[-1]
            found.append(ahead)
        return found

    def ends(self) -> list[int]:
        """Holes with exactly one neighbour."""
        return [i for i, near in enumerate(self.of) if len(near) == 1]

    def other_end(self, i: int) -> int:
        """The other end of the string that ends at ``i``."""
        return self._end[i]

    def walk(self, i: int, limit: int) -> list[int]:
        """Up to ``limit`` holes of a string from its end ``i`` inwards."""
        found, before = [i], -1
        while len(found) < limit:
            ahead = self._after(found[-1], before)
            if ahead < 0 or ahead == i:
                break
            before = found[-1]
            found.append(ahead)
        return found

    def _after(self, i: int, before: int) -> int:
        """The neighbour of ``i`` that is not ``before``; -1 where there is none."""
        for j in self.of[i]:
            if j != before:
                return j
        return -1

    def chains(self) -> list[tuple[list[int], bool]]:
        """Every string in order, longest first, and whether it is a ring."""
        found: list[tuple[list[int], bool]] = []
        seen = [False] * len(self.of)
        for start in [*self.ends(), *(i for i, near in enumerate(self.of) if len(near) == 2)]:
            if seen[start]:
                continue
            order = self.walk(start, len(self.of))
            for i in order:
                seen[i] = True
            closed = len(self.of[start]) == 2
            found.append((order, closed))
        found.sort(key=lambda each: -len(each[0]))
        return found
