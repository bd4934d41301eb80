"""Tells a long stitch from a missing one: skipped, broken or loose, between one hole and the next."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inspection.seams.covering import covered
from inspection.seams.evidence import seen_thread, thread_between
from inspection.seams.lines import median, middle_of, steps
from inspection.seams.locking import Locks
from inspection.seams.lookup import look_up
from inspection.seams.points import NEAREST_CELLS, Planes, Points
from inspection.seams.tracing import MIN_POINTS

__all__ = ["LONG", "Gaps", "find_gaps", "recovered", "usual_step", "without_extras"]

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]

LONG = 1.78
"""A step of so many usual ones has left a stitch out; an uneven pitch does not reach it."""
_RECOVER = 1.5
"""A step of so many usual ones may hide a hole that the network was not sure of."""

_USUAL_COVER = 0.5
"""Cover that a row's own usual thread is taken for."""
_GONE_SUPPORT = 0.3
_DOUBTED_SUPPORT = 0.6
_NO_SUPPORT = 0.05
"""Evidence of thread below which it is gone: where the photo agrees, is sure of it, or tells nothing."""
_CORNER_COS = np.cos(np.radians(28))
_MOST_BETWEEN, _MOST_PLACES = 0.05, 2
"""Share of steps with neither thread nor none, and places without any, of a row whose map is believed."""
_STEADY_PERCENTILE = 25
"""A map whose thread comes and goes over more than this share of a row, in percent, proves no break."""
_SURE_COVER = 0.2
"""Usual cover of a row from which the map alone is believed where it sees no thread at all."""
_SHOWN_COVER = 0.15
"""And from which it is, where the photo shows nothing like the row's stitches either."""
_NO_LOOK, _OTHER_LOOK = 0.1, -0.05
"""A stitch whose look has less than this share of its row's has nothing of it, or is light where they are
dark: broken ends that fray are thread to the map, but lie across the row."""
_ODD_LOOK, _ODD_SPREADS, _LEAST_SPREAD = 0.5, 5.0, 0.05
"""Share of its row's look, and robust spreads (at least so wide) short of the row's middle, below both of
which a stitch is unlike its row: the frayed ends that the map takes for thread lie across it."""
_ODD_SHORTEST, _ODD_LONGEST = 0.75, 1.3
"""Usual steps between which a stitch has one length with those of its row, so that looks compare."""
_SOUND_LOOK = 0.5
"""Share of its row's look from which a stitch is seen in the photo, whatever the map says."""
_ALL_COVER = 0.9
"""Share of the row's usual cover from which the map says that all of a stitch is there."""
_FAINT_SHARE = 0.85
"""A point with less of the row's usual heat may be no hole."""
_SPLIT = 1.35
"""Two steps that are together shorter than this many usual ones are one stitch with a point too many."""
_SHORT = 0.6
"""A step at a row's end that is shorter than this share of the usual one leads to no hole of it."""
_GONE_LOOK = 0.3
"""A stitch whose look has less than this share of what its row's stitches look like has no thread on it."""
_LEAST_LOOK = 3.0
"""Grey levels of contrast below which a thread cannot be told from its leather by its look."""

_LOOSE_MM = 0.35
"""A thread nearer to its row than this lies well."""
_MOST_LOOSE_MM = 3.6
_LOOSE_COVER, _LEAST_LOOSE_COVER = 0.6, 0.15
"""Cover along the bow, as a share of that of the row and in itself, from which thread is there."""


@dataclass(frozen=True, eq=False)
class Gaps:
    """Per step of a row, (N - 1,) or (N,) when closed.

    Attributes
    ----------
    usual : step that its neighbours have, in the unit of the points. parts : stitches that belong in it.
    missed : stitches left out though thread goes on. gone : whether the thread is missing. loose_mm : how
        far it stands off the row, 0 where it does not.
    """

    usual: F64
    parts: npt.NDArray[np.int64]
    missed: npt.NDArray[np.int64]
    gone: npt.NDArray[np.bool_]
    unsure: npt.NDArray[np.bool_]
    loose_mm: F64


def usual_step(length: F64, *, reach: int = 6) -> F64:
    """Median of the steps around each step, itself left out, so that a gap does not hide itself."""
    n = len(length)
    if n < 3:
        return np.full(n, median(length) if n else 0.0)
    whole = median(length)
    around = np.arange(n)[:, None] + np.delete(np.arange(-reach, reach + 1), reach)
    usual, count = middle_of(length[np.clip(around, 0, n - 1)], (around >= 0) & (around < n))
    usual = np.where(count >= 4, usual, whole)
    # Half of the steps around may be gaps; the row as a whole is more honest then.
    return np.where(usual > 1.5 * whole, whole, usual)


def recovered(order: list[int], points: Points, free: set[int], *, closed: bool) -> list[int]:
    """A row with the weak holes that its rhythm expects: found by the network, but not believed alone."""
    for _ in range(2):
        at = points.at[order]
        length = steps(at, closed=closed)
        usual = usual_step(length)
        wide = np.flatnonzero(length > _RECOVER * usual)
        if not len(wide) or not free:
            return order
        candidates = np.array(sorted(free))
        grown: list[int] = []
        last = 0
        for i in wide.tolist():
            a, b = at[i], at[(i + 1) % len(at)]
            ahead = (b - a) / length[i]
            rel = points.at[candidates] - a
            along = rel @ ahead
            across = np.abs(rel[:, 0] * ahead[1] - rel[:, 1] * ahead[0])
            share = along / length[i]
            parts = max(2, round(length[i] / usual[i]))
            expected = np.rint(share * parts)
            fits = (
                (np.abs(share * parts - expected) * length[i] / parts < 0.25 * usual[i])
                & (expected >= 1)
                & (expected <= parts - 1)
                & (across < 1.6 + 0.02 * length[i])
            )
            chosen = []
            for place in range(1, parts):
                fitting = candidates[fits & (expected == place)]
                if len(fitting):
                    chosen.append(int(fitting[points.heat[fitting].argmax()]))
            grown += order[last : i + 1] + chosen
            free.difference_update(chosen)
            last = i + 1
        before, order = order, grown + order[last:]
        if len(order) == len(before):
            break
    return order


def without_extras(order: list[int], points: Points, *, closed: bool) -> list[int]:
    """A row without faint points that split a stitch of the usual length: marks on the thread, not holes."""
    order = list(order)
    while len(order) > MIN_POINTS:
        length = steps(points.at[order], closed=closed)
        usual = usual_step(length)
        heat = points.heat[order]
        faint = heat < _FAINT_SHARE * median(heat)
        after = length if closed else np.append(length, np.inf)
        before = np.roll(length, 1) if closed else np.insert(length, 0, np.inf)
        near = usual if closed else np.append(usual, usual[-1])
        splits = (before + after < _SPLIT * near) & faint
        if not closed:
            splits[[0, -1]] = faint[[0, -1]] & (length[[0, -1]] < _SHORT * near[[0, -1]])
        if not splits.any():
            break
        order.pop(int(np.where(splits, heat, np.inf).argmin()))
    return order


def find_gaps(
    at: F64,
    at_px: F64,
    planes: Planes,
    grey: F32,
    *,
    closed: bool,
    mm_per_px: float | None,
    others: F64,
    locks: Locks | None,
    rgb: npt.NDArray[np.uint8],
) -> Gaps:
    """Look at every step of one row.

    Parameters
    ----------
    at, at_px : (N, 2) its holes in cells and in photo pixels. grey : (H, W) float32, the photo.
    mm_per_px : of the photo; None leaves out what is loose.
    others : (M, 2) holes of other rows, in cells: where rows cross, two holes may be seen as one.
    locks : how deep the row's holes are. rgb : (H, W, 3) uint8, the photo.
    """
    length = steps(at, closed=closed)
    usual = usual_step(length)
    a, b = (at, np.roll(at, -1, axis=0)) if closed else (at[:-1], at[1:])
    cover = thread_between(planes, a, b)
    # Against its own row: tone on tone, all of a row's thread is seen faintly.
    usual_cover = median(cover)
    held = seen_thread(cover / max(usual_cover, 1e-3) * _USUAL_COVER)
    step_px = float(planes.step_px.mean())
    loose_mm = np.zeros(len(length))
    if mm_per_px is not None:
        loose_mm = _bulge(a, b, planes, usual_cover, cell_mm=step_px * mm_per_px)
    look, tells = _looks(at_px, grey, closed=closed, width_px=1.6 * step_px)
    seen_gone = ((held < _GONE_SUPPORT) & (look < 0.5)) | ((held < _DOUBTED_SUPPORT) & (look < _GONE_LOOK))
    gone = seen_gone if tells else np.zeros(len(held), bool)
    # A broken end frays and looks like thread in the photo; a map that sees thread all along the row but none
    # here, and nothing between, is the better witness then.
    steady = float(np.percentile(held, _STEADY_PERCENTILE)) >= _DOUBTED_SUPPORT
    none = held < _NO_SUPPORT
    between = float(np.mean(~none & (held < _DOUBTED_SUPPORT)))
    places = int(np.count_nonzero(np.diff(np.concatenate([[0], none.astype(np.int8)])) == 1))
    if usual_cover >= _SURE_COVER and between <= _MOST_BETWEEN and places <= _MOST_PLACES:
        gone |= none
    if usual_cover >= _SHOWN_COVER:
        gone |= none & (look < _NO_LOOK)
    contradicted = np.zeros(len(held), bool)
    if tells:
        seen_all = cover >= _ALL_COVER * usual_cover
        gone |= (look < _OTHER_LOOK) & ~seen_all
        contradicted = (look < _OTHER_LOOK) & seen_all
    # What looks like thread in the photo is not gone for certain.
    contradicted |= gone & (look >= _SOUND_LOOK)
    if tells:
        even = (length > _ODD_SHORTEST * usual) & (length < _ODD_LONGEST * usual)
        gone |= _odd(look) & even & ~_near(others, a, b) & ~contradicted
    gone &= (loose_mm == 0) & (length > 0.5 * usual)
    parts = np.rint(length / np.maximum(usual, 1e-9)).astype(np.int64)
    long = length >= LONG * usual
    missed = np.zeros(len(length), np.int64)
    hidden = covered(rgb, at_px, gone | long, closed=closed, mm_per_px=mm_per_px or planes.nominal_mm_per_px)
    # What covers a step covers part of the next one, too.
    beside = np.zeros(len(hidden), bool)
    beside[1:], beside[:-1] = hidden[:-1], beside[:-1] | hidden[1:]
    hidden |= gone & beside
    unsure = hidden | contradicted if steady else hidden | contradicted | gone
    # What lies beyond a row's last stitch may be no stitch of it, and there is none after it to tell.
    last = np.zeros(len(length), bool)
    if not closed:
        last[[0, -1]] = True
    unsure |= gone & last
    gone &= ~unsure
    turns = _at_corner(at, closed=closed)
    for i in np.flatnonzero(long & ~gone & ~hidden):
        count = max(int(parts[i]) - 1, 1)
        share = np.arange(1, count + 1)[:, None] / (count + 1)
        expected = a[i] + share * (b[i] - a[i])
        free = np.ones(count, bool)
        if len(others):
            apart = np.hypot(*(expected[:, None] - others[None]).transpose(2, 0, 1)).min(axis=1)
            free = apart >= NEAREST_CELLS
        bare = free & _bare(planes.to_px(expected), at_px[(i + 1) % len(at_px)] - at_px[i], locks)
        missed[i] = int(bare.sum())
        if turns[i] or last[i]:  # where in a corner the stitch would be is not known
            missed[i] = 0
        unsure[i] = not missed[i] and bool(free.any())
    belong = np.where(long, np.maximum(parts, 1), 1)
    return Gaps(usual, belong, missed, gone, unsure, loose_mm)


def _odd(look: F64) -> npt.NDArray[np.bool_]:
    """Whether each stitch has far less of its row's look than the row's own stitches differ by."""
    middle = median(look)
    spread = max(1.4826 * median(np.abs(look - middle)), _LEAST_SPREAD)
    return np.asarray((look < _ODD_LOOK) & (look < middle - _ODD_SPREADS * spread), bool)


def _near(others: F64, a: F64, b: F64) -> npt.NDArray[np.bool_]:
    """Whether a hole of another row lies on each of the ways from ``a`` to ``b`` (E, 2), or next to it."""
    if not len(others):
        return np.zeros(len(a), bool)
    away = others[None] - ((a + b) / 2)[:, None]
    reach = np.hypot(*(b - a).T) / 2 + NEAREST_CELLS
    return np.asarray((np.hypot(away[..., 0], away[..., 1]) < reach[:, None]).any(axis=1), bool)


def _at_corner(at: F64, *, closed: bool) -> npt.NDArray[np.bool_]:
    """Whether a row turns sharply at either end of each step."""
    ahead = np.diff(at, axis=0, append=at[:1]) if closed else np.diff(at, axis=0)
    way = ahead / np.maximum(1e-9, np.hypot(ahead[:, 0], ahead[:, 1]))[:, None]
    sharp = np.einsum("ij,ij->i", way, np.roll(way, -1, axis=0)) < _CORNER_COS
    if not closed:
        sharp[-1] = False
    return np.asarray(sharp | np.roll(sharp, 1), bool)


def _bare(at_px: F64, ahead: F64, locks: Locks | None) -> npt.NDArray[np.bool_]:
    """Whether the photo shows for certain that no stitch locked at places (N, 2) of a long step."""
    if locks is None or not locks.tells:
        return np.zeros(len(at_px), bool)
    way = np.broadcast_to(ahead / max(1e-9, float(np.hypot(*ahead))), at_px.shape)
    return locks.depth(at_px, way) < locks.bare


def _looks(at_px: F64, grey: F32, *, closed: bool, width_px: float) -> tuple[F64, bool]:
    """How much of the row's usual look each stitch has, 1 for all, and whether that tells anything.

    The look of a stitch is its mean grey across: light thread in a dark groove, or dark on light.
    """
    ahead = np.diff(at_px, axis=0, append=at_px[:1]) if closed else np.diff(at_px, axis=0)
    first = at_px if closed else at_px[:-1]
    length = np.maximum(1e-6, np.hypot(ahead[:, 0], ahead[:, 1]))
    side = np.stack([ahead[:, 1], -ahead[:, 0]], axis=1) / length[:, None]
    u = np.linspace(0.22, 0.78, 9)
    v = np.linspace(-1.0, 1.0, 11) * width_px
    places = (
        first[:, None, None]
        + u[None, :, None, None] * ahead[:, None, None]
        + v[None, None, :, None] * side[:, None, None]
    )
    n = len(first)
    seen = look_up(grey, places, beyond=None).astype(np.float64)
    profile = seen.mean(axis=1)
    profile = profile - profile.mean(axis=1, keepdims=True)
    pattern = np.median(profile, axis=0)
    energy = float(pattern @ pattern)
    if energy < len(v) * _LEAST_LOOK**2:
        return np.ones(n), False
    share = profile @ pattern / energy
    # Leather with grain as strong as the thread tells nothing either.
    spread = 1.4826 * median(np.abs(share - median(share)))
    return share, spread < 0.22


def _bulge(a: F64, b: F64, planes: Planes, usual_cover: float, *, cell_mm: float) -> F64:
    """How far (E,) in mm the thread from ``a`` to ``b`` bows out sideways; 0 where it lies straight."""
    n = len(a)
    t = np.linspace(0.12, 0.88, 7)
    shape = np.sin(np.pi * t) ** 0.8
    bows = np.arange(-_MOST_LOOSE_MM, _MOST_LOOSE_MM + 0.05, 0.15) / cell_mm
    ahead = b - a
    length = np.maximum(1e-6, np.hypot(ahead[:, 0], ahead[:, 1]))
    side = np.stack([ahead[:, 1], -ahead[:, 0]], axis=1) / length[:, None]
    straight = look_up(planes.thread, a[:, None] + t[None, :, None] * ahead[:, None])
    found = np.zeros(n)
    # Where thread lies on the chord nothing else is looked for: nearly everywhere.
    suspect = np.flatnonzero(straight[:, 2:5].min(axis=1) < 0.4 * usual_cover)
    if not len(suspect):
        return found
    places = (
        a[suspect, None, None]
        + t[None, None, :, None] * ahead[suspect, None, None]
        + (bows[:, None] * shape)[None, :, :, None] * side[suspect, None, None]
    )
    cover = look_up(planes.thread, places).min(axis=2)
    best = cover.argmax(axis=1)
    bow = np.abs(bows[best]) * cell_mm
    on_row = straight[suspect, 2:5].mean(axis=1)
    loose = (
        (cover.max(axis=1) > max(_LEAST_LOOSE_COVER, _LOOSE_COVER * usual_cover))
        & (bow > _LOOSE_MM)
        & (on_row < 0.5 * cover.max(axis=1))
    )
    found[suspect[loose]] = bow[loose]
    return found
