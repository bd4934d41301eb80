"""Places the holes of one row as well as map and photo allow, with those that only the photo shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inspection.seams.evidence import thread_between
from inspection.seams.frame import Frame
from inspection.seams.gaps import LONG, usual_step
from inspection.seams.lines import median, steps, tangents
from inspection.seams.locking import LOCKED, Locks, locks_of
from inspection.seams.points import Planes, Points
from inspection.seams.refining import Pattern, pattern_of
from inspection.seams.tracing import Chain

__all__ = ["NETWORK_ACROSS_MM", "NETWORK_ALONG_MM", "Row", "placed"]

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]

NETWORK_ALONG_MM = 0.09
"""How well the network alone places a hole (k = 1), where the photo shows nothing finer."""
NETWORK_ACROSS_MM = 0.06

_LEAST_FIT = 0.45
"""A hole that correlates less with its row's pattern keeps the network's place."""
_BARE_HEATS, _BARE_DEPTHS = (0.3, 0.5, 0.9), (0.75, 0.6, 0.4)
"""Depth below which the thread passes over a hole, by the network's heat as a share of the row's usual one:
the surer the network, the plainer the photo has to be."""
_FINEST_MM = 0.015
"""No hole is placed better than this (k = 1), however alike the stitches look."""
_NOISE_FACTOR = 2.0
"""The two sides of a row share errors (light, twist, focus): on rendered rows the truth is off by about twice
what they disagree by."""

_PLAIN_SPREADS, _PLAIN_DEPTH = 5.0, 0.62
"""A hole that falls short of the row's usual depth by so many spreads, and of this depth, is passed over."""
_AMID_SHARE, _SOME_SHARE = 0.4, 0.1
"""Shares of the row's usual cover of thread from which it is there, and where the photo says so plainly."""
_STRAIGHT_COS = np.cos(np.radians(30))
"""Round a corner stitches look otherwise."""


@dataclass(frozen=True, eq=False)
class Row:
    """One row on its way: holes in cells, in photo pixels and, with a scale, in mm."""

    at: F64
    at_px: F64
    at_mm: F64
    heat: F64
    closed: bool
    along_mm: F64
    across_mm: F64
    locks: Locks | None


def placed(
    order: list[int], chain: Chain, points: Points, planes: Planes, grey: F32, frame: Frame | None
) -> Row:
    """A row with its holes as well placed as map and photo allow, and those that only the photo shows."""
    at_px = planes.to_px(points.at[order])
    heat = points.heat[order]
    mm_per_px = frame.mm_per_px if frame else planes.nominal_mm_per_px
    pitch_px = median(steps(at_px, closed=chain.closed))
    along = tangents(at_px, closed=chain.closed)
    made = pattern_of(grey, at_px, along, pitch_px=pitch_px, mm_per_px=mm_per_px)
    along_mm = np.full(len(order), NETWORK_ALONG_MM)
    if made is not None:
        found = made[1]
        usual_fit = median(found.fit)
        # At its ends a row looks otherwise: thread on one side only. There the map is the better witness.
        good = found.fit >= max(_LEAST_FIT, 0.6 * usual_fit)
        if not chain.closed:
            good[[0, -1]] = False
        moved = at_px + found.along_px[:, None] * along
        noise_mm = max(_FINEST_MM, _NOISE_FACTOR * found.noise_px * mm_per_px)
        # The photo is believed where it makes the stitches more even than the map does: noise never does.
        if noise_mm < NETWORK_ALONG_MM and _rhythm(moved, chain.closed) <= _rhythm(at_px, chain.closed):
            at_px = np.where(good[:, None], moved, at_px)
            along_mm = np.where(good, noise_mm, along_mm)
    locks = locks_of(grey, at_px, tangents(at_px, closed=chain.closed), pitch_px=pitch_px)
    if locks is not None and locks.tells:
        pattern = None if made is None else made[0]
        at_px, heat, along_mm = _completed(locks, pattern, at_px, heat, along_mm, chain.closed)
        bare = _passed_over(locks, at_px, heat, chain.closed)
        bare &= _amid_thread(planes, planes.to_cells(at_px), _AMID_SHARE)
        bare |= _plainly_passed_over(locks, at_px, chain.closed) & _amid_thread(
            planes, planes.to_cells(at_px), _SOME_SHARE
        )
        at_px, heat, along_mm = at_px[~bare], heat[~bare], along_mm[~bare]
    return Row(
        at=planes.to_cells(at_px),
        at_px=at_px,
        at_mm=frame.to_mm(at_px) if frame else at_px * mm_per_px,
        heat=heat,
        closed=chain.closed,
        along_mm=along_mm,
        across_mm=np.full(len(at_px), NETWORK_ACROSS_MM),
        locks=locks,
    )


def _passed_over(locks: Locks, at_px: F64, heat: F64, closed: bool) -> npt.NDArray[np.bool_]:
    """Holes (N,) that the network was not sure of and where the photo shows the thread passing over."""
    share = heat / max(median(heat), 1e-6)
    limit = np.interp(share, _BARE_HEATS, _BARE_DEPTHS)
    found = locks.depth(at_px, tangents(at_px, closed=closed)) < np.minimum(limit, locks.bare)
    # Where many fall short it is the row that does not look alike, not the stitches that skipped.
    return found if found.sum() <= max(2, len(found) // 4) else np.zeros(len(found), bool)


def _plainly_passed_over(locks: Locks, at_px: F64, closed: bool) -> npt.NDArray[np.bool_]:
    """Holes (N,) of which the photo alone says so, however sure the network was.

    An open hole beside the thread looks like one that holds a stitch to it.
    """
    depth = locks.depth(at_px, tangents(at_px, closed=closed))
    found = depth < min(1 - _PLAIN_SPREADS * locks.spread, _PLAIN_DEPTH)
    return found if found.sum() <= max(2, len(found) // 4) else np.zeros(len(found), bool)


def _amid_thread(planes: Planes, at: F64, share: float) -> npt.NDArray[np.bool_]:
    """Whether thread leads straight on from each hole on both sides; never at a row's ends.

    Parameters
    ----------
    share : of the row's usual cover from which thread is there.
    """
    cover = thread_between(planes, at[:-1], at[1:])
    there = cover >= share * median(cover)
    ahead = np.diff(at, axis=0)
    ahead /= np.maximum(1e-9, np.hypot(ahead[:, 0], ahead[:, 1]))[:, None]
    straight = np.einsum("ij,ij->i", ahead[:-1], ahead[1:]) >= _STRAIGHT_COS
    amid = np.zeros(len(at), bool)
    amid[1:-1] = there[:-1] & there[1:] & straight
    return amid


def _completed(
    locks: Locks, pattern: Pattern | None, at_px: F64, heat: F64, along_mm: F64, closed: bool
) -> tuple[F64, F64, F64]:
    """Holes, heat and noise with the holes that the photo shows where a long step leaves some out."""
    length = steps(at_px, closed=closed)
    usual = usual_step(length)
    places, where = [], []
    for i in np.flatnonzero(length >= LONG * usual):
        a, b = at_px[i], at_px[(i + 1) % len(at_px)]
        parts = max(2, round(length[i] / usual[i]))
        for k in range(1, parts):
            places.append(a + (b - a) * k / parts)
            where.append(i + 1)
    if not places:
        return at_px, heat, along_mm
    expected = np.array(places)
    ahead = at_px[np.array(where) % len(at_px)] - at_px[np.array(where) - 1]
    way = ahead / np.hypot(ahead[:, 0], ahead[:, 1])[:, None]
    seen = locks.depth(expected, way) >= LOCKED
    if not seen.any():
        return at_px, heat, along_mm
    at = expected[seen]
    if pattern is not None:
        at = at + pattern.fit(expected[seen], way[seen]).along_px[:, None] * way[seen]
    index = np.array(where)[seen]
    return (
        np.insert(at_px, index, at, axis=0),
        np.insert(heat, index, np.full(len(at), median(heat))),
        np.insert(along_mm, index, np.full(len(at), NETWORK_ALONG_MM)),
    )


def _rhythm(at: F64, closed: bool) -> float:
    """Robust spread of the steps: true changes are in it for any placing, so the smaller is the better."""
    length = steps(at, closed=closed)
    if len(length) < 3:
        return float("inf")
    return 1.4826 * median(np.abs(length - median(length)))
