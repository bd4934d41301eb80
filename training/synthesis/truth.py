"""What a synthetic photo shows, exactly: masks per pixel, and every seam in millimetres and photo pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training.synthesis.camera import Geometry
from training.synthesis.curves import Curve, signed_distance
from training.synthesis.raster import F64, U8, U16
from training.synthesis.scene import Scene, Seam
from training.synthesis.seams import Row


@dataclass(frozen=True, eq=False)
class RowTruth:
    """One row of a seam, from the plan that was sewn: the N needle holes in the photo, in sewing order.

    Attributes
    ----------
    holes_mm, holes_px : (N, 2), on the surface and in the photo.
    formed : (N,) False where the stitch skipped. visible : (N,) not covered by another panel.
    pitch_mm : (N - 1,) from hole to hole. stitch_mm : lengths of the threads from locked hole to locked hole.
    skipped : indices of the holes where a stitch skipped. broken : indices i where the thread from i to i + 1
        is gone.
    run_off_mm : largest distance of a hole from the line that was meant. margin_mm : (N,) distance of each
        hole
        from the panel's edge, empty for a free line. gap_mm : (N,) distance of each hole from the next row,
        or empty.
    """

    seam: str
    row: int
    holes_mm: F64
    holes_px: F64
    formed: np.ndarray
    visible: np.ndarray
    pitch_mm: F64
    stitch_mm: F64
    skipped: tuple[int, ...]
    broken: tuple[int, ...]
    run_off_mm: float
    margin_mm: F64
    gap_mm: F64


@dataclass(frozen=True, eq=False)
class EdgeTruth:
    """The edge of a panel within the photo, as a polyline."""

    panel: int
    points_mm: F64
    points_px: F64


@dataclass(frozen=True, eq=False)
class DefectTruth:
    """One defect: ``number`` is its value in the instance mask, ``area_mm2`` what of it shows."""

    number: int
    kind: str
    size_mm: float
    length_mm: float
    area_mm2: float
    box_px: tuple[int, int, int, int]


@dataclass(frozen=True, eq=False)
class Truth:
    """All truth of one photo.

    Attributes
    ----------
    kinds : (H, W) uint8, index into ``kind_names`` (0 is sound). instances : (H, W) uint16, number of the
        defect.
    thread : (H, W) uint8, cover of sewing thread, 255 full. layer : (H, W) uint8, panels above the base.
    """

    kind_names: tuple[str, ...]
    kinds: U8
    instances: U16
    thread: U8
    layer: U8
    rows: tuple[RowTruth, ...]
    edges: tuple[EdgeTruth, ...]
    defects: tuple[DefectTruth, ...]
    mm_per_px: float
    geometry: Geometry


def row_truth(
    seam: Seam,
    row: Row,
    rows: Sequence[Row],
    *,
    edge: Curve | None,
    layer: int,
    scene: Scene,
    geometry: Geometry,
    layers: U8,
) -> RowTruth:
    """The truth of one row; ``layers`` is the photo's layer mask, which tells where panels cover the row."""
    holes = row.holes_mm()
    px = geometry.px_of(holes)
    inside = (px > -0.5).all(1) & (px[:, 0] < scene.width_px - 0.5) & (px[:, 1] < scene.height_px - 0.5)
    keep = _longest_run(inside)
    holes, px = holes[keep], px[keep]
    formed = row.formed[keep]
    columns = np.clip(np.rint(px[:, 0]).astype(int), 0, scene.width_px - 1)
    lines = np.clip(np.rint(px[:, 1]).astype(int), 0, scene.height_px - 1)
    locked = np.flatnonzero(formed)
    gone = row.gone[keep[0] : keep[-1]] if len(keep) > 1 else np.zeros(0, bool)
    margin = np.zeros(0)
    if edge is not None:
        margin, _ = signed_distance(holes, edge)
    gap = np.zeros(0)
    if row.index + 1 < len(rows):
        from training.synthesis.curves import polyline

        other, _ = signed_distance(holes, polyline(rows[row.index + 1].holes_mm()))
        gap = np.abs(other)
    return RowTruth(
        seam=seam.name,
        row=row.index,
        holes_mm=holes,
        holes_px=px,
        formed=formed,
        visible=layers[lines, columns] == layer,
        pitch_mm=np.linalg.norm(np.diff(holes, axis=0), axis=1),
        stitch_mm=np.linalg.norm(np.diff(holes[locked], axis=0), axis=1),
        skipped=tuple(int(i) for i in np.flatnonzero(~formed)),
        broken=tuple(int(i) for i in np.flatnonzero(gone)),
        run_off_mm=float(np.abs(row.across_mm[keep]).max(initial=0.0)),
        margin_mm=margin,
        gap_mm=gap,
    )


def _longest_run(inside: np.ndarray) -> np.ndarray:
    """Indices of the longest unbroken run of True; a row that leaves the photo and comes back counts once."""
    padded = np.concatenate([[False], inside, [False]])
    starts = np.flatnonzero(padded[1:] & ~padded[:-1])
    ends = np.flatnonzero(~padded[1:] & padded[:-1])
    if not len(starts):
        return np.zeros(0, int)
    best = int(np.argmax(ends - starts))
    return np.arange(starts[best], ends[best])


def edge_truth(number: int, edge: Curve, *, scene: Scene, geometry: Geometry) -> EdgeTruth:
    """The part of a panel's edge that the photo frames."""
    px = geometry.px_of(edge.points_mm)
    inside = (px > -0.5).all(1) & (px[:, 0] < scene.width_px - 0.5) & (px[:, 1] < scene.height_px - 0.5)
    keep = np.flatnonzero(inside)[::2]
    return EdgeTruth(number, edge.points_mm[keep], px[keep])
