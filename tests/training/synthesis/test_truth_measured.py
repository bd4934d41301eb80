"""The truth is proven from what was rendered: heights and thread are measured as if by an instrument.

Nothing here looks at the plan: holes are found as pits of the height field, the panel's edge as its step, and
pitch, skips, margin and row gap are recomputed from those. They must agree with the truth within 0.02 mm.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import pytest

from training.synthesis.render import Sample, render
from training.synthesis.scene import (
    Camera,
    Edge,
    Family,
    Lamp,
    Leather,
    Light,
    Panel,
    Scene,
    Seam,
    StitchDefect,
    Thread,
)

AGREES_MM = 0.02
MM_PER_PX = 0.05


def _leather(seed: int) -> Leather:
    return Leather(Family.SMOOTH, seed=seed, colour=(0.3, 0.2, 0.1), grain_mm=0.5, depth_mm=0.002)


def _scene(*, bow_mm: float, seam: Seam, edge: Edge = Edge.RAW) -> Scene:
    """A panel above an edge that crosses the photo from left to right, bowed by ``bow_mm``, sewn along it."""
    x = np.linspace(-12, 44, 15)
    y = 20 + bow_mm * np.cos((x - 16) / 14)
    return Scene(
        seed=1,
        width_px=640,
        height_px=640,
        mm_per_px=MM_PER_PX,
        base=_leather(1),
        light=Light("bar", (Lamp(30, 50, 10, 1.0),)),
        camera=Camera(seed=1, jpeg=None),
        panels=(
            Panel(
                edge_mm=tuple(zip(x.tolist(), y.tolist(), strict=True)),
                leather=_leather(2),
                thickness_mm=1.2,
                edge=edge,
                edge_colour=(0.4, 0.3, 0.2),
            ),
        ),
        seams=(seam,),
    )


def _seam(**changes: object) -> Seam:
    plain = Seam(
        name="edge",
        seed=5,
        thread=Thread(tex=70, colour=(0.7, 0.6, 0.5)),
        pitch_mm=2.6,
        panel=0,
        margin_mm=1.8,
        jitter_mm=0.04,
        hole_mm=0.55,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False)
class _Measured:
    """Locked holes (N, 2) in mm, in order along x, and the panel's edge as a polyline (M, 2) in mm."""

    holes_mm: np.ndarray
    edge_mm: np.ndarray


def _measure(sample: Sample) -> _Measured:
    height = sample.height_mm.astype(np.float64)
    upper = height > 0.6
    edge_rows = []
    for column in range(height.shape[1]):
        line = height[:, column]
        down = np.flatnonzero((line[:-1] >= 0.6) & (line[1:] < 0.6))
        last = int(down[-1])
        edge_rows.append(last + (line[last] - 0.6) / (line[last] - line[last + 1]))
    edge = np.stack([np.arange(len(edge_rows)), np.array(edge_rows)], -1)
    face = float(np.median(height[upper]))
    deep = np.clip(face - 0.16 - height, 0, 0.2) * upper
    deep *= np.arange(len(height))[:, None] < np.array(edge_rows)[None] - 12
    count, labels = cv2.connectedComponents((deep > 0).astype(np.uint8))
    holes = []
    areas = np.bincount(labels.ravel())[1:]
    for number in range(1, count):
        ys, xs = np.nonzero(labels == number)
        if len(xs) < 0.6 * np.median(areas[areas > 12]) or xs.min() == 0 or xs.max() == height.shape[1] - 1:
            continue
        weight = deep[ys, xs]
        x, y = float((xs * weight).sum() / weight.sum()), float((ys * weight).sum() / weight.sum())
        if deep[round(y), round(x)] > 0.1:
            holes.append((x, y))
    found = np.array(sorted(holes))
    return _Measured(found * MM_PER_PX, edge * MM_PER_PX)


def _distance_to_edge(points: np.ndarray, edge: np.ndarray) -> np.ndarray:
    dense = np.stack(
        [np.interp(np.arange(0, len(edge) - 1, 0.05), np.arange(len(edge)), edge[:, k]) for k in (0, 1)], -1
    )
    return np.array([np.linalg.norm(dense - p, axis=1).min() for p in points])


def _inside(points_mm: np.ndarray) -> np.ndarray:
    return (points_mm[:, 0] > 0.5) & (points_mm[:, 0] < 640 * MM_PER_PX - 0.55)


@pytest.mark.parametrize("bow_mm", [0.0, 2.5])
@pytest.mark.parametrize("slant_deg", [0.0, 9.0])
def test_pitch_and_margin_measured_off_the_height_field_agree(bow_mm: float, slant_deg: float) -> None:
    sample = render(_scene(bow_mm=bow_mm, seam=_seam(slant_deg=slant_deg)))
    (row,) = sample.truth.rows
    measured = _measure(sample)
    keep = _inside(row.holes_mm)
    order = np.argsort(row.holes_mm[keep][:, 0])
    assert len(measured.holes_mm) == keep.sum()
    np.testing.assert_allclose(measured.holes_mm, row.holes_mm[keep][order], atol=AGREES_MM)
    pitch = np.linalg.norm(np.diff(measured.holes_mm, axis=0), axis=1)
    truth = np.linalg.norm(np.diff(row.holes_mm[keep][order], axis=0), axis=1)
    np.testing.assert_allclose(pitch, truth, atol=AGREES_MM)
    margin = _distance_to_edge(measured.holes_mm, measured.edge_mm)
    np.testing.assert_allclose(margin, row.margin_mm[keep][order], atol=AGREES_MM)


def test_a_skip_shows_as_a_thread_over_two_pitches() -> None:
    skip = StitchDefect("skipped_stitch", seed=3, at_mm=28.0, size_mm=5.2)
    sample = render(_scene(bow_mm=1.0, seam=_seam(defects=(skip,))))
    (row,) = sample.truth.rows
    measured = _measure(sample)
    locked = row.holes_mm[row.formed]
    locked = locked[_inside(locked)]
    np.testing.assert_allclose(measured.holes_mm, locked[np.argsort(locked[:, 0])], atol=AGREES_MM)
    stitch = np.linalg.norm(np.diff(measured.holes_mm, axis=0), axis=1)
    skipped = np.rint(stitch / np.median(stitch)).astype(int) - 1
    assert skipped.sum() == len(row.skipped) == 1


def test_the_thread_mask_is_empty_where_the_thread_is_broken() -> None:
    broken = StitchDefect("broken_thread", seed=3, at_mm=28.0, size_mm=5.0)
    sample = render(_scene(bow_mm=1.0, seam=_seam(defects=(broken,))))
    (row,) = sample.truth.rows
    assert len(row.broken) == 2
    for i in range(len(row.holes_mm) - 1):
        x, y = np.rint((row.holes_px[i] + row.holes_px[i + 1]) / 2).astype(int)
        assert (sample.truth.thread[y, x] < 10) == (i in row.broken)


def test_the_gap_between_rows_measured_off_the_thread_mask_agrees() -> None:
    sample = render(_scene(bow_mm=0.0, seam=_seam(rows=2, gap_mm=2.2, jitter_mm=0.0, slant_deg=6.0)))
    thread = sample.truth.thread.astype(np.float64)
    upper, lower = thread[: round(17.2 / MM_PER_PX)], thread[round(17.2 / MM_PER_PX) :]
    middles = [
        (part.sum(1) * np.arange(len(part))).sum() / part.sum() + start
        for part, start in ((upper, 0), (lower, len(upper)))
    ]
    first = next(row for row in sample.truth.rows if row.row == 0)
    assert (middles[1] - middles[0]) * MM_PER_PX == pytest.approx(2.2, abs=AGREES_MM)
    np.testing.assert_allclose(first.gap_mm, 2.2, atol=AGREES_MM)


def test_a_run_off_measured_off_the_thread_mask_agrees() -> None:
    run_off = StitchDefect("run_off", seed=3, at_mm=28.0, size_mm=1.2, length_mm=16.0)
    sample = render(_scene(bow_mm=0.0, seam=_seam(defects=(run_off,), jitter_mm=0.0, slant_deg=0.0)))
    (row,) = sample.truth.rows
    columns = np.arange(40, 600)
    thread = sample.truth.thread[:, columns].astype(np.float64)
    rows = np.arange(len(thread))[:, None]
    line = (thread * rows).sum(0) / np.maximum(thread.sum(0), 1)
    meant = (20 - 1.8) / MM_PER_PX
    measured = float(np.abs(line[thread.sum(0) > 0] - meant).max() * MM_PER_PX)
    assert measured == pytest.approx(row.run_off_mm, abs=AGREES_MM + 0.01)


def test_points_go_to_the_photo_and_back_under_tilt_and_distortion() -> None:
    tilted = _scene(bow_mm=2.0, seam=_seam())
    tilted = replace(tilted, camera=replace(tilted.camera, tilt_x=0.05, tilt_y=-0.04, distortion=0.015))
    sample = render(tilted)
    (row,) = sample.truth.rows
    np.testing.assert_allclose(sample.truth.geometry.mm_of(row.holes_px), row.holes_mm, atol=1e-4)
    holes_px = _measure(sample).holes_mm / MM_PER_PX
    inside = (row.holes_px[:, 0] > 10) & (row.holes_px[:, 0] < 629)
    expected = row.holes_px[inside]
    np.testing.assert_allclose(holes_px, expected[np.argsort(expected[:, 0])], atol=AGREES_MM / MM_PER_PX)
