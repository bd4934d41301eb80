"""The stage itself: finds and measures every row of stitches in a photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from inspection.domain import Calibration, Maps, Measurement, Seam, Zone
from inspection.runtime import NetworkSpec
from inspection.seams.evidence import thread_between
from inspection.seams.frame import Frame
from inspection.seams.gaps import LONG, Gaps, find_gaps, recovered, usual_step, without_extras
from inspection.seams.lines import meant_line, steps, tangents
from inspection.seams.locking import unlocked
from inspection.seams.margins import EDGE_WANDER_MM, Margins, find_margins
from inspection.seams.measures import Measured, counted, measurements
from inspection.seams.points import WEAK_HEAT, Planes, Points, find_points, planes_of
from inspection.seams.refining import Pattern, pattern_of
from inspection.seams.rows import Beside, group
from inspection.seams.tracing import Chain, trace

__all__ = ["find_seams"]

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]

NETWORK_ALONG_MM = 0.09
"""How well the network alone places a hole (k = 1), where the photo shows nothing finer."""
NETWORK_ACROSS_MM = 0.06

_LEAST_FIT = 0.45
"""A hole that correlates less with its row's pattern keeps the network's place."""
_HOLE_FIT = 0.87
"""Share of the row's usual fit from which the photo shows a hole where the network saw none."""
_FINEST_MM = 0.015
"""No hole is placed better than this (k = 1), however alike the stitches look."""
_NOISE_FACTOR = 2.0
"""The two sides of a row share errors (light, twist, focus): on rendered rows the truth is off by about twice
what they disagree by."""

_AMID_SHARE = 0.4
"""Share of the row's usual cover of thread from which it is there."""
_STRAIGHT_COS = np.cos(np.radians(30))
"""Round a corner stitches look otherwise."""
_TIP = 4
"""Holes at either end of a row where its edge is believed only if the holes agree."""

_READABLE_HEAT = 0.35
"""Median heat below which the holes of a row are too faint to measure."""
_READABLE_SPREAD = 0.4
"""Robust spread of the steps, as a share of their median, beyond which they are no rhythm of stitches."""


@dataclass(frozen=True, eq=False)
class _Row:
    """One row on its way: holes in cells, in photo pixels and, with a scale, in mm."""

    at: F64
    at_px: F64
    at_mm: F64
    heat: F64
    closed: bool
    along_mm: F64
    across_mm: F64


def find_seams(
    maps: Maps,
    rgb: npt.NDArray[np.uint8],
    zones: Sequence[Zone],
    calibration: Calibration | None,
    *,
    spec: NetworkSpec,
) -> tuple[Seam, ...]:
    """Every row of stitches that lies mostly in a zone, longest first; none when the maps have no stitches.

    Parameters
    ----------
    rgb : (H, W, 3) uint8, the photo that the maps are of.
    calibration : None, or one that gives no sizes, leaves out everything in mm.
    """
    planes = planes_of(maps, spec)
    if planes is None:
        return ()
    points = find_points(planes)
    chains = trace(points, planes)
    if not chains:
        return ()
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    frame = Frame(calibration) if calibration is not None and calibration.gives_sizes else None
    used = {i for chain in chains for i in chain.points}
    free = {int(i) for i in np.flatnonzero(points.heat >= WEAK_HEAT)} - used
    rows = []
    for chain in chains:
        order = without_extras(list(chain.points), points, closed=chain.closed)
        order = recovered(order, points, free, closed=chain.closed)
        rows.append(_placed(order, chain, points, planes, grey, frame))
    return _seams(rows, zones, planes, grey, frame)


def _placed(
    order: list[int], chain: Chain, points: Points, planes: Planes, grey: F32, frame: Frame | None
) -> _Row:
    """A row with its holes as well placed as map and photo allow, and those that only the photo shows."""
    at_px = planes.to_px(points.at[order])
    heat = points.heat[order]
    mm_per_px = frame.mm_per_px if frame else planes.nominal_mm_per_px
    pitch_px = float(np.median(steps(at_px, closed=chain.closed)))
    along = tangents(at_px, closed=chain.closed)
    made = pattern_of(grey, at_px, along, pitch_px=pitch_px, mm_per_px=mm_per_px)
    along_mm = np.full(len(order), NETWORK_ALONG_MM)
    if made is not None:
        pattern, found = made
        usual_fit = float(np.median(found.fit))
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
            at_px, heat, along_mm = _completed(
                pattern, max(_LEAST_FIT, _HOLE_FIT * usual_fit), at_px, heat, along_mm, noise_mm, chain.closed
            )
    way = tangents(at_px, closed=chain.closed)
    bare = unlocked(grey, at_px, way, pitch_px=pitch_px, mm_per_px=mm_per_px)
    bare &= _amid_thread(planes, planes.to_cells(at_px))
    at_px, heat, along_mm = at_px[~bare], heat[~bare], along_mm[~bare]
    return _Row(
        at=planes.to_cells(at_px),
        at_px=at_px,
        at_mm=frame.to_mm(at_px) if frame else at_px * mm_per_px,
        heat=heat,
        closed=chain.closed,
        along_mm=along_mm,
        across_mm=np.full(len(at_px), NETWORK_ACROSS_MM),
    )


def _amid_thread(planes: Planes, at: F64) -> npt.NDArray[np.bool_]:
    """Whether thread leads straight on from each hole on both sides; never at a row's ends."""
    cover = thread_between(planes, at[:-1], at[1:])
    there = cover >= _AMID_SHARE * float(np.median(cover))
    ahead = np.diff(at, axis=0)
    ahead /= np.maximum(1e-9, np.hypot(ahead[:, 0], ahead[:, 1]))[:, None]
    straight = np.einsum("ij,ij->i", ahead[:-1], ahead[1:]) >= _STRAIGHT_COS
    amid = np.zeros(len(at), bool)
    amid[1:-1] = there[:-1] & there[1:] & straight
    return amid


def _completed(
    pattern: Pattern, least_fit: float, at_px: F64, heat: F64, along_mm: F64, noise_mm: float, closed: bool
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
    found = pattern.fit(expected, way)
    seen = found.fit >= least_fit
    index = np.array(where)[seen]
    at = expected[seen] + found.along_px[seen, None] * way[seen]
    return (
        np.insert(at_px, index, at, axis=0),
        np.insert(heat, index, found.fit[seen]),
        np.insert(along_mm, index, np.hypot(noise_mm, _FINEST_MM)),
    )


def _rhythm(at: F64, closed: bool) -> float:
    """Robust spread of the steps: true changes are in it for any placing, so the smaller is the better."""
    length = steps(at, closed=closed)
    if len(length) < 3:
        return float("inf")
    return 1.4826 * float(np.median(np.abs(length - np.median(length))))


def _seams(
    rows: list[_Row], zones: Sequence[Zone], planes: Planes, grey: F32, frame: Frame | None
) -> tuple[Seam, ...]:
    zoned = [(row, zone) for row in rows if (zone := _zone_of(row.at_px, zones)) is not None]
    margins: list[Margins | None] = []
    meant = []
    for row, _ in zoned:
        line = meant_line(row.at_mm, closed=row.closed)
        meant.append(line)
        margins.append(
            None
            if frame is None
            else find_margins(row.at_mm, row.at_px, line, planes, frame, closed=row.closed)
        )
    middle = [None if each is None else float(np.nanmedian(each.margin_mm)) for each in margins]
    beside = group([row.at_mm for row, _ in zoned], [row.closed for row, _ in zoned], middle)
    seams = []
    for k, (row, zone) in enumerate(zoned):
        gaps = find_gaps(
            row.at,
            row.at_px,
            planes,
            grey,
            closed=row.closed,
            mm_per_px=frame.mm_per_px if frame else None,
            others=np.concatenate([other.at for other, _ in zoned if other is not row] or [np.empty((0, 2))]),
        )
        off, off_known = meant[k].off, meant[k].certain
        edge = margins[k]
        if edge is not None:
            off, off_known = _off_edge_line(edge, off, off_known)
        if not _readable(row, gaps):
            seams.append(_unreadable(row, zone, beside[k]))
        else:
            seams.append(_seam(row, zone, gaps, beside[k], edge, off, off_known, frame))
    return tuple(sorted(seams, key=lambda seam: -len(seam.points_px)))


def _off_edge_line(edge: Margins, off: F64, off_known: F64) -> tuple[F64, F64]:
    """How far each hole is off the parallel to its edge: surer than a curve through the holes themselves."""
    known = np.isfinite(edge.margin_mm)
    usual = float(np.median(edge.margin_mm[known]))
    away = (usual - edge.margin_mm) * (1.0 if edge.to_left else -1.0)
    # Where a row begins and ends another panel's edge may come near: there both have to say so.
    tips = np.ones(len(off), bool)
    tips[_TIP:-_TIP] = False
    known &= ~tips | (np.abs(np.nan_to_num(away)) <= np.abs(off))
    return np.where(known, away, off), np.where(known, EDGE_WANDER_MM, off_known)


def _readable(row: _Row, gaps: Gaps) -> bool:
    length = steps(row.at, closed=row.closed)
    plain = (gaps.missed == 0) & ~gaps.gone
    if plain.sum() < 3:
        return False
    middle = float(np.median(length[plain]))
    spread = 1.4826 * float(np.median(np.abs(length[plain] - middle))) / max(middle, 1e-6)
    return float(np.median(row.heat)) >= _READABLE_HEAT and spread <= _READABLE_SPREAD


def _unreadable(row: _Row, zone: Zone, beside: Beside) -> Seam:
    return Seam(
        zone=zone.name,
        zone_class=zone.zone_class,
        points_px=row.at_px,
        group=beside.group,
        row=beside.row,
        closed=row.closed,
        readable=False,
    )


def _seam(
    row: _Row,
    zone: Zone,
    gaps: Gaps,
    beside: Beside,
    edge: Margins | None,
    off: F64,
    off_known: F64,
    frame: Frame | None,
) -> Seam:
    broken = tuple(int(i) for i in np.flatnonzero(gaps.gone))
    skipped = tuple(int(i) for i in np.flatnonzero(gaps.missed))
    missed, places = int(gaps.missed.sum()), _runs(gaps.gone)
    none = np.empty(0)
    if frame is None:
        counts: tuple[Measurement, ...] = (
            counted("skipped", missed),
            counted("broken", places),
        )
        pitch = pitch_known = margin = run_off = gap = none
    else:
        pitch = steps(row.at_mm, closed=row.closed)
        following = np.roll(row.along_mm, -1) if row.closed else row.along_mm[1:]
        first = row.along_mm if row.closed else row.along_mm[:-1]
        relative = frame.relative(zone)
        pitch_known = np.hypot(2 * np.hypot(first, following), relative * pitch)
        margin = none if edge is None else edge.margin_mm
        run_off = off
        gap = beside.gap_mm if np.isfinite(beside.gap_mm).any() else none
        counts = measurements(
            Measured(
                pitch_mm=pitch,
                parts=gaps.parts,
                plain=(gaps.missed == 0) & ~gaps.gone & (gaps.loose_mm == 0),
                along_mm=row.along_mm,
                across_mm=row.across_mm,
                relative=relative,
                missed=missed,
                broken=places,
                loose_mm=gaps.loose_mm,
                run_off_mm=off,
                run_off_known_mm=off_known,
                margin_mm=margin,
                edge_known_mm=none if edge is None else edge.certain_mm,
                gap_mm=gap,
                gap_known_mm=np.hypot(row.across_mm, NETWORK_ACROSS_MM) if len(gap) else none,
            )
        )
    return Seam(
        zone=zone.name,
        zone_class=zone.zone_class,
        points_px=row.at_px,
        group=beside.group,
        row=beside.row,
        closed=row.closed,
        pitch_mm=pitch,
        pitch_uncertainty_mm=pitch_known,
        skipped=skipped,
        broken=broken,
        loose=tuple(int(i) for i in np.flatnonzero(gaps.loose_mm)),
        margin_mm=margin,
        run_off_mm=run_off,
        gap_mm=gap,
        measurements=counts,
    )


def _runs(gone: npt.NDArray[np.bool_]) -> int:
    """Separate places where steps one after the other are gone."""
    return int(np.count_nonzero(np.diff(np.concatenate([[0], gone.astype(np.int8)])) == 1))


def _zone_of(at_px: F64, zones: Sequence[Zone]) -> Zone | None:
    """The zone that holds most of a row; None when most of it lies in none."""
    best, most = None, len(at_px) // 2
    taken = np.zeros(len(at_px), bool)
    for zone in zones:  # where zones overlap the first counts
        outline = zone.outline_px.astype(np.float32).reshape(-1, 1, 2)
        inside = np.array([cv2.pointPolygonTest(outline, (float(x), float(y)), False) >= 0 for x, y in at_px])
        inside &= ~taken
        taken |= inside
        if int(inside.sum()) > most:
            best, most = zone, int(inside.sum())
    return best
