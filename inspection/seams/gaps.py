"""Tells a long stitch from a missing one: skipped, broken or loose, between one hole and the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inspection.seams.covering import covered
from inspection.seams.evidence import thread_between
from inspection.seams.frame import Frame
from inspection.seams.judging import Judge, Verdicts
from inspection.seams.lines import median, steps
from inspection.seams.lookup import look_up
from inspection.seams.placing import Row
from inspection.seams.points import NEAREST_CELLS, Planes
from inspection.seams.rhythm import LONG, usual_step
from inspection.seams.strips import Reduced, Straightened

__all__ = ["Gaps", "find_gaps", "straightened"]

F64 = npt.NDArray[np.float64]
U8 = npt.NDArray[np.uint8]
Bools = npt.NDArray[np.bool_]

_CALLED, _DOUBTED = 0.9, 0.4
"""Probabilities from which the judge's word that something is missing is a call, or a doubt."""
_CERTAIN = 0.97
"""Probability from which thread is missing whatever colour lies there: frayed ends may look like a lace."""
_LOCKED, _NONE = 0.5, 0.5
"""From which a hole that the network did not see is one, and from which nothing is missing where the rhythm
expects one: the stitch is long."""
_MOST_PASSED, _MOST_SHARE = 2, 0.25
"""More holes of a row, and a larger share of them, are not passed over."""
_HESITATES = 0.2
"""Probability from which on, short of a call, the judge hesitates."""
_MOST_HESITANT, _MOST_SHARE_HESITANT = 3, 1 / 6
"""Where it does so more often in a row, and over a larger share of its stitches, a call is only a doubt."""
_BARE_COVER = 0.1
"""Share of the row's usual cover below which the map sees no thread."""
_SEWN_COVER, _TIP_SHARE = 0.5, 0.15
"""Share of the row's usual cover from which a stitch is there that another row runs across, and share of its
length at either end where that makes it look no other."""
_CORNER_COS = np.cos(np.radians(28))

_LOOSE_MM = 0.35
"""A thread nearer to its row than this lies well."""
_MOST_LOOSE_MM = 3.6
_BOW_AT = np.linspace(0.12, 0.88, 7)
_BOW = np.sin(np.pi * _BOW_AT) ** 0.8
"""Shares of the way from hole to hole, and how far a bow stands off there, as a share of its most."""
_LOOSE_COVER, _LEAST_LOOSE_COVER = 0.6, 0.15
"""Cover along the bow, as a share of that of the row and in itself, from which thread is there."""


@dataclass(frozen=True, eq=False)
class Gaps:
    """Per step of a row, (N - 1,) or (N,) when closed.

    Attributes
    ----------
    parts : stitches that belong in it. missed : stitches left out though thread goes on. gone : whether the
        thread is missing. unsure : whether neither can be told. loose_mm : how far the thread stands off the
        row, 0 where it does not.
    """

    parts: npt.NDArray[np.int64]
    missed: npt.NDArray[np.int64]
    gone: Bools
    unsure: Bools
    loose_mm: F64


def straightened(row: Row) -> Straightened:
    """A row with the places in its long steps where its rhythm expects holes."""
    length = steps(row.at, closed=row.closed)
    usual = usual_step(length)
    parts = np.where(length >= LONG * usual, np.rint(length / np.maximum(usual, 1e-9)), 1)
    return Straightened(row.at_px, parts.astype(np.int64), closed=row.closed)


def find_gaps(
    row: Row,
    planes: Planes,
    rgb: U8,
    frame: Frame | None,
    *,
    photo: Reduced,
    others: Sequence[F64],
    judge: Judge,
) -> tuple[Row, Gaps]:
    """Look at every stitch of one row.

    Parameters
    ----------
    rgb : (H, W, 3) uint8, the photo. frame : None leaves out what is loose. photo : the same for strips.
    others : (M, 2) holes of each other row, in cells: where rows cross, two holes may be seen as one.

    Returns
    -------
    The row without the holes that the thread passes over and with those that only the photo shows, and its
    gaps.
    """
    mm_per_px = planes.mm_per_px(frame)
    line = straightened(row)
    said = judge.look(line.strip(photo))
    told = _told(row, line, said, _near(planes.to_cells(line.at_px), others))
    row = row.at_places(line, told.kept, planes, frame)
    over = _Steps(told.kept, closed=row.closed)
    missed, gone = over.total(told.skipped), over.total(told.without) > 0
    maybe_gone = over.total(said.gone >= _DOUBTED) > 0
    a, b = row.at[: len(gone)], np.concatenate([row.at[1:], row.at[:1]])[: len(gone)]
    cover = thread_between(planes, a, b)
    usual_cover = median(cover)
    # A thread that runs across the middle of a stitch looks like frayed ends; the map sees both.
    sewn = np.flatnonzero(maybe_gone & (cover >= _SEWN_COVER * usual_cover))
    crossed = sewn[_crossed(a[sewn], b[sewn], others)]
    gone[crossed] = maybe_gone[crossed] = False
    unsure = (over.total(told.doubted) > 0) | (maybe_gone & ~gone)
    loose_mm = np.zeros(len(gone))
    if frame is not None:
        cell_mm = float(planes.step_px.mean()) * mm_per_px
        loose_mm = _bulge(a, b, planes, usual_cover, cell_mm=cell_mm)
        loose_mm[gone] = 0
    # The map misses the thread of a stitch here and there, seldom of three, and under a thing nothing tells.
    bare = _in_threes(cover < _BARE_COVER * usual_cover)
    suspect = gone | (missed > 0) | unsure | bare
    hidden = covered(rgb, row.at_px, suspect, closed=row.closed, mm_per_px=mm_per_px)
    # What covers a step covers part of the next one, too.
    hidden |= gone & _beside(hidden)
    hidden &= over.total(said.gone >= _CERTAIN) == 0
    untold = hidden | _at_ends(len(gone), closed=row.closed) | _hesitates(said)
    # The thread of a row that runs across hides the hole that is looked for.
    passed = np.flatnonzero(missed)
    untold[passed] |= _crossed(a[passed], b[passed], others)
    untold &= gone | (missed > 0)
    missed[untold], gone[untold] = 0, False
    return row, Gaps(
        over.total(np.ones(len(said.gone))), missed, gone, unsure | untold | (hidden & bare), loose_mm
    )


@dataclass(frozen=True, eq=False)
class _Told:
    """What counts of the judge's word: of places (P,) kept as holes, skipped, in doubt; of stitches (U,)
    those without thread. P is U + 1, U for a closed row: its last place is the first one again."""

    kept: Bools
    skipped: Bools
    doubted: Bools
    without: Bools


def _told(row: Row, line: Straightened, said: Verdicts, crossed: Bools) -> _Told:
    """Weighs the judge's word; ``crossed`` : (U + 1,) places where another row has a hole."""
    places = slice(0, len(line.seen) - row.closed)
    seen, passed, none = line.seen[places], said.passed[places], said.none[places]
    ends = np.zeros(len(seen), bool)
    if not row.closed:
        ends[[0, -1]] = True
    without = said.gone >= _CALLED
    # Beside a stitch without thread an open hole is no skip.
    bare = _beside_places(without, len(seen))
    # Where rows cross two holes may be seen as one, and one row's thread passes over the other's.
    crossed = crossed[places]
    over = seen & ~ends & ~bare & ~crossed & (passed >= _CALLED)
    # Where many fall short it is the row that is none the judge knows, not the stitches that skipped.
    strange = over if over.sum() > max(_MOST_PASSED, _MOST_SHARE * seen.sum()) else np.zeros_like(over)
    kept = np.where(seen, ~over | strange, ~bare & (1 - passed - none >= _LOCKED))
    # Where in a corner a hole would be is not known.
    corner = np.zeros(len(seen), bool)
    corner[: len(without)] = np.repeat(_at_corner(row.at, closed=row.closed), line.parts)
    missing = ~kept & ~bare & ~crossed
    skipped = missing & (passed >= _CALLED) & (seen | ~corner)
    doubted = missing & ~skipped & (seen | (none < _NONE))
    doubted |= strange | (kept & ~ends & ~bare & (passed >= _DOUBTED))
    return _Told(np.asarray(kept, bool), skipped, doubted, without)


def _hesitates(said: Verdicts) -> bool:
    """Whether the judge hesitates over so much of a row that nothing it calls there is certain: the thread
    hardly shows."""
    every = np.concatenate([said.gone, said.passed[1:-1]])
    count = np.count_nonzero((every >= _HESITATES) & (every < _CALLED))
    return bool(count > max(_MOST_HESITANT, _MOST_SHARE_HESITANT * len(said.gone)))


def _at_ends(count: int, *, closed: bool) -> Bools:
    """The first and the last step: what lies beyond a row's last stitch may be no stitch of it, and there is
    none after it to tell."""
    found = np.zeros(count, bool)
    if not closed:
        found[[0, -1]] = True
    return found


class _Steps:
    """Sums what is said of single stitches over the steps from one hole to the next."""

    def __init__(self, kept: Bools, *, closed: bool) -> None:
        """``kept`` : (U + 1,) which places are holes, (U,) when closed."""
        self._holes = np.flatnonzero(kept)
        self._count = len(kept) - (not closed)

    def total(self, of: npt.NDArray[np.generic]) -> npt.NDArray[np.int64]:
        """Per step, of values per stitch or place; a place counts for the step that it begins or is in."""
        first = self._holes[0]
        values = of[: self._count].astype(np.int64)
        turned = np.concatenate([values[first:], values[:first]])
        starts = self._holes - first
        return np.asarray(np.add.reduceat(turned, starts[starts < self._count]), np.int64)


def _near(at: F64, others: Sequence[F64]) -> Bools:
    """Whether a hole of another row is at each place (P, 2)."""
    if not others:
        return np.zeros(len(at), bool)
    (x, y), (other_x, other_y) = at.T, np.concatenate(others).T
    away2 = (x[:, None] - other_x) ** 2 + (y[:, None] - other_y) ** 2
    return np.asarray(away2.min(axis=1) < NEAREST_CELLS**2, bool)


def _crossed(a: F64, b: F64, others: Sequence[F64]) -> Bools:
    """Whether another row runs across each of the ways (E, 2) from ``a`` to ``b``, not through their ends."""
    found = np.zeros(len(a), bool)
    if not len(a):
        return found
    ahead = b - a
    for other in others:
        way, to = np.diff(other, axis=0), other[:-1] - a[:, None]
        across = _turn(ahead[:, None], way)
        with np.errstate(divide="ignore", invalid="ignore"):  # parallel ones meet nowhere
            own, others_own = _turn(to, way) / across, _turn(to, ahead[:, None]) / across
        met = (own > _TIP_SHARE) & (own < 1 - _TIP_SHARE) & (others_own >= 0) & (others_own <= 1)
        found |= met.any(axis=1)
    return found


def _turn(one: F64, other: F64) -> F64:
    """Cross product of vectors (..., 2)."""
    return np.asarray(one[..., 0] * other[..., 1] - one[..., 1] * other[..., 0], np.float64)


def _beside_places(stitches: Bools, places: int) -> Bools:
    """Whether either stitch at each place (P,) is one of ``stitches`` (U,); P is U for a closed row."""
    if places == len(stitches):
        return np.asarray(stitches | np.concatenate([stitches[-1:], stitches[:-1]]), bool)
    found = np.zeros(places, bool)
    found[:-1] = stitches
    found[1:] |= stitches
    return found


def _beside(steps_at: Bools) -> Bools:
    """The steps before and after."""
    found = np.zeros(len(steps_at), bool)
    found[1:], found[:-1] = steps_at[:-1], found[:-1] | steps_at[1:]
    return found


def _in_threes(steps_at: Bools) -> Bools:
    """Those of three or more in a row."""
    found = np.zeros(len(steps_at), bool)
    middle = steps_at[:-2] & steps_at[1:-1] & steps_at[2:]
    for shift in range(3):
        found[shift : len(found) - 2 + shift] |= middle
    return found


def _at_corner(at: F64, *, closed: bool) -> npt.NDArray[np.bool_]:
    """Whether a row turns sharply at either end of each step."""
    ahead = np.diff(at, axis=0, append=at[:1]) if closed else np.diff(at, axis=0)
    way = ahead / np.maximum(1e-9, np.hypot(ahead[:, 0], ahead[:, 1]))[:, None]
    following = np.concatenate([way[1:], way[:1]])
    sharp = np.einsum("ij,ij->i", way, following) < _CORNER_COS
    if not closed:
        sharp[-1] = False
    return np.asarray(sharp | np.concatenate([sharp[-1:], sharp[:-1]]), bool)


def _bulge(a: F64, b: F64, planes: Planes, usual_cover: float, *, cell_mm: float) -> F64:
    """How far (E,) in mm the thread from ``a`` to ``b`` bows out sideways; 0 where it lies straight."""
    bows = np.arange(-_MOST_LOOSE_MM, _MOST_LOOSE_MM + 0.05, 0.15) / cell_mm
    ahead = b - a
    length = np.maximum(1e-6, np.hypot(ahead[:, 0], ahead[:, 1]))
    side = np.stack([ahead[:, 1], -ahead[:, 0]], axis=1) / length[:, None]
    straight = look_up(planes.thread, a[:, None] + _BOW_AT[2:5, None] * ahead[:, None])
    found = np.zeros(len(a))
    # Where thread lies on the chord nothing else is looked for: nearly everywhere.
    suspect = np.flatnonzero(straight.min(axis=1) < 0.4 * usual_cover)
    if not len(suspect):
        return found
    places = (
        a[suspect, None, None]
        + _BOW_AT[:, None] * ahead[suspect, None, None]
        + (bows[:, None] * _BOW)[:, :, None] * side[suspect, None, None]
    )
    cover = look_up(planes.thread, places).min(axis=2)
    best = cover.argmax(axis=1)
    bow = np.abs(bows[best]) * cell_mm
    on_row = straight[suspect].mean(axis=1)
    loose = (
        (cover.max(axis=1) > max(_LEAST_LOOSE_COVER, _LOOSE_COVER * usual_cover))
        & (bow > _LOOSE_MM)
        & (on_row < 0.5 * cover.max(axis=1))
    )
    found[suspect[loose]] = bow[loose]
    return found
