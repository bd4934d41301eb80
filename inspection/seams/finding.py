"""The stage itself: finds and measures every row of stitches in a photo."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from inspection.domain import Calibration, Maps, Measurement, Seam, Zone
from inspection.runtime import NetworkSpec
from inspection.seams.ends import ThreadEnd, thread_ends
from inspection.seams.extending import extend
from inspection.seams.frame import Frame
from inspection.seams.gaps import Gaps, find_gaps
from inspection.seams.judging import judge
from inspection.seams.lines import meant_line, median, steps
from inspection.seams.margins import EDGE_WANDER_MM, Margins, Walk, find_margins
from inspection.seams.measures import Measured, counted, measurements
from inspection.seams.placing import NETWORK_ACROSS_MM, Row, placed
from inspection.seams.points import WEAK_HEAT, Planes, find_points, planes_of
from inspection.seams.rhythm import recovered, without_extras
from inspection.seams.rows import Beside, group
from inspection.seams.strips import reduced
from inspection.seams.tracing import trace

__all__ = ["find_rows", "find_seams"]

F64 = npt.NDArray[np.float64]

_TIP = 4
"""Holes at either end of a row where its edge is believed only if the holes agree."""

_READABLE_HEAT = 0.35
"""Median heat below which the holes of a row are too faint to measure."""
_READABLE_SPREAD = 0.4
"""Robust spread of the steps, as a share of their median, beyond which they are no rhythm of stitches."""


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
    frame = Frame(calibration) if calibration is not None and calibration.gives_sizes else None
    rows = find_rows(planes, rgb, frame)
    if not rows:
        return ()
    return _seams(rows, zones, maps, planes, rgb, frame)


def find_rows(planes: Planes, rgb: npt.NDArray[np.uint8], frame: Frame | None) -> list[Row]:
    """Rows of needle holes as map and photo place them, nothing said yet of what is missing."""
    points = find_points(planes)
    chains, points = extend(trace(points, planes), points, planes)
    if not chains:
        return []
    used = {i for chain in chains for i in chain.points}
    free = set(np.flatnonzero(points.heat >= WEAK_HEAT).tolist()) - used
    rows = []
    for chain in chains:
        order = without_extras(list(chain.points), points, closed=chain.closed)
        order = recovered(order, points, free, closed=chain.closed)
        rows.append(placed(order, chain, points, planes, rgb, frame))
    return rows


def _seams(
    rows: list[Row],
    zones: Sequence[Zone],
    maps: Maps,
    planes: Planes,
    rgb: npt.NDArray[np.uint8],
    frame: Frame | None,
) -> tuple[Seam, ...]:
    inside = [(row, zone) for row in rows if (zone := _zone_of(row.at_px, zones)) is not None]
    photo = reduced(rgb, mm_per_px=planes.mm_per_px(frame))
    zoned, looked = [], []
    for row, zone in inside:
        others = [other.at for other, _ in inside if other is not row]
        seen, gaps = find_gaps(row, planes, rgb, frame, photo=photo, others=others, judge=judge())
        zoned.append((seen, zone))
        looked.append(gaps)
    meant = [meant_line(row.at_mm, closed=row.closed) for row, _ in zoned]
    walks = [
        Walk(row.at_mm, row.at_px, line, row.closed) for (row, _), line in zip(zoned, meant, strict=True)
    ]
    margins = [None] * len(walks) if frame is None else find_margins(walks, planes, frame)
    middle = [
        None if each is None else median(each.margin_mm[np.isfinite(each.margin_mm)]) for each in margins
    ]
    ends = _ends(maps, [row for row, _ in zoned], planes, frame)
    beside = group([row.at_mm for row, _ in zoned], [row.closed for row, _ in zoned], middle)
    seams = []
    for k, (row, zone) in enumerate(zoned):
        gaps = looked[k]
        off, off_known = meant[k].off, meant[k].certain
        edge = margins[k]
        if edge is not None:
            off, off_known = _off_edge_line(edge, off, off_known)
        if not _readable(row, gaps):
            seams.append(_unreadable(row, zone, beside[k]))
        else:
            seams.append(_seam(row, zone, gaps, beside[k], edge, off, off_known, ends.get(k), planes, frame))
    return tuple(sorted(seams, key=lambda seam: -len(seam.points_px)))


def _ends(maps: Maps, rows: list[Row], planes: Planes, frame: Frame | None) -> dict[int, ThreadEnd]:
    """The longest uncut end of each row that has one."""
    if frame is None:
        return {}
    # The surface map has cells of the same size, or of another: places go by the photo.
    step_px = np.array(maps.photo_size_px) / maps.surface.shape[:0:-1]
    cells = [(row.at_px + 0.5) / step_px - 0.5 for row in rows]
    found: dict[int, ThreadEnd] = {}
    for end in thread_ends(maps, cells, cell_mm=frame.mm_per_px * float(step_px.mean())):
        if end.row not in found or found[end.row].length_mm < end.length_mm:
            found[end.row] = end
    return found


def _off_edge_line(edge: Margins, off: F64, off_known: F64) -> tuple[F64, F64]:
    """How far each hole is off the parallel to its edge: surer than a curve through the holes themselves."""
    known = np.isfinite(edge.margin_mm)
    usual = median(edge.margin_mm[known])
    away = (usual - edge.margin_mm) * (1.0 if edge.to_left else -1.0)
    # Where a row begins and ends another panel's edge may come near: there both have to say so.
    tips = np.ones(len(off), bool)
    tips[_TIP:-_TIP] = False
    known &= ~tips | (np.abs(away) <= np.abs(off))
    return np.where(known, away, off), np.where(known, EDGE_WANDER_MM, off_known)


def _readable(row: Row, gaps: Gaps) -> bool:
    length = steps(row.at, closed=row.closed)
    plain = (gaps.missed == 0) & ~gaps.gone & ~gaps.unsure
    if plain.sum() < 3:
        return False
    middle = median(length[plain])
    spread = 1.4826 * median(np.abs(length[plain] - middle)) / max(middle, 1e-6)
    return median(row.heat) >= _READABLE_HEAT and spread <= _READABLE_SPREAD


def _unreadable(row: Row, zone: Zone, beside: Beside) -> Seam:
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
    row: Row,
    zone: Zone,
    gaps: Gaps,
    beside: Beside,
    edge: Margins | None,
    off: F64,
    off_known: F64,
    end: ThreadEnd | None,
    planes: Planes,
    frame: Frame | None,
) -> Seam:
    broken = tuple(int(i) for i in np.flatnonzero(gaps.gone))
    skipped = tuple(int(i) for i in np.flatnonzero(gaps.missed))
    missed, places, doubts = int(gaps.missed.sum()), _runs(gaps.gone), _runs(gaps.unsure)
    none = np.empty(0)
    if frame is None:
        counts: tuple[Measurement, ...] = (
            counted("skipped", missed, unsure=doubts, false_calls=None),
            counted("broken", places, unsure=doubts, false_calls=None),
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
                plain=(gaps.missed == 0) & ~gaps.gone & ~gaps.unsure & (gaps.loose_mm == 0),
                along_mm=row.along_mm,
                across_mm=row.across_mm,
                relative=relative,
                missed=missed,
                broken=places,
                unsure=doubts,
                false_per_m=planes.false_gaps_per_m,
                loose_mm=gaps.loose_mm,
                end=end,
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
        unsure=tuple(int(i) for i in np.flatnonzero(gaps.unsure)),
        margin_mm=margin,
        run_off_mm=run_off,
        gap_mm=gap,
        measurements=counts,
    )


def _runs(steps_at: npt.NDArray[np.bool_]) -> int:
    """Separate places; steps one after the other are one."""
    return int(np.count_nonzero(np.diff(np.concatenate([[0], steps_at.astype(np.int8)])) == 1))


def _zone_of(at_px: F64, zones: Sequence[Zone]) -> Zone | None:
    """The zone that holds most of a row; None when most of it lies in none."""
    best, most = None, len(at_px) // 2
    taken = np.zeros(len(at_px), bool)
    for zone in zones:  # where zones overlap the first counts
        outline = zone.outline_px.astype(np.float32).reshape(-1, 1, 2)
        inside = np.array([cv2.pointPolygonTest(outline, (x, y), False) >= 0 for x, y in at_px.tolist()])
        inside &= ~taken
        taken |= inside
        if int(inside.sum()) > most:
            best, most = zone, int(inside.sum())
    return best
