"""From a scene to its photo and its truth: the one order in which everything is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from training.synthesis import camera, leather, leather_defects, panels, seams, stitch_defects
from training.synthesis import distractors as things
from training.synthesis.camera import Warp
from training.synthesis.catalogue import KIND_NAMES
from training.synthesis.curves import Curve
from training.synthesis.light import illuminate
from training.synthesis.raster import F32, U8, U16, f32, nearest
from training.synthesis.scene import Scene, Seam
from training.synthesis.surface import Grid, Surface, make_grid, mark
from training.synthesis.truth import DefectTruth, RowTruth, Truth, edge_truth, row_truth


@dataclass(frozen=True, eq=False)
class Sample:
    """A synthetic photo with its truth.

    Attributes
    ----------
    rgb : (H, W, 3) uint8. height_mm : (H, W) float32, the height field as the photo frames it.
    """

    scene: Scene
    rgb: U8
    height_mm: F32
    truth: Truth


@dataclass(frozen=True, eq=False)
class _Sewn:
    seam: Seam
    rows: list[seams.Row]
    edge: Curve | None
    layer: int


@dataclass(frozen=True, eq=False)
class _Noted:
    """A defect on its way into the truth."""

    kind: str
    size_mm: float
    length_mm: float


PASSES = ("leather", "construction", "things", "light", "camera", "truth")


def render(
    scene: Scene, *, photos: Path | None = None, told: Callable[[str], object] = lambda name: None
) -> Sample:
    """Makes the photo of a scene, with all its truth. The same scene always gives the same bytes.

    ``photos`` is the folder of the data sets, for scenes with leather from real photos. ``told`` hears the
    name of each pass of `PASSES` when it has ended, for those who time them.
    """
    grid = make_grid(scene, border_px=camera.border_px(scene))
    surface = _base(scene, grid, photos)
    told("leather")
    noted: list[_Noted] = []
    sewn = _build(scene, grid, surface, noted, photos)
    told("construction")
    for thing in scene.distractors:
        things.draw(surface, thing, grid)
    told("things")
    where = camera.warp(scene, grid)
    light = camera.crop(illuminate(surface, scene.light, grid), scene, grid, where)
    told("light")
    rgb = camera.photograph(light, scene)
    told("camera")
    height = camera.crop(surface.height_mm, scene, grid, where)
    truth = _truth(scene, grid, surface, where, sewn, noted)
    told("truth")
    return Sample(scene, rgb, height, truth)


def _base(scene: Scene, grid: Grid, photos: Path | None) -> Surface:
    skin = leather.tan(scene.base, grid, photos)
    return Surface(
        height_mm=skin.height_mm,
        albedo=skin.albedo,
        roughness=skin.roughness,
        sheen=skin.sheen,
        shade=np.ones(grid.shape, np.float32),
        thread=np.zeros(grid.shape, np.float32),
        kinds=np.zeros(grid.shape, np.uint8),
        instances=np.zeros(grid.shape, np.uint16),
        layer=np.zeros(grid.shape, np.uint8),
    )


def _build(
    scene: Scene, grid: Grid, surface: Surface, noted: list[_Noted], photos: Path | None
) -> list[_Sewn]:
    laid: list[panels.Laid] = []
    sewn: list[_Sewn] = []
    level = 0.0
    for layer in range(len(scene.panels) + 1):
        if layer:
            panel = scene.panels[layer - 1]
            laid.append(panels.lay(surface, panel, grid, level_mm=level, number=layer, photos=photos))
            level += panel.thickness_mm
        for flaw in scene.leather_defects:
            if flaw.layer == layer:
                noted.append(_Noted(flaw.kind, flaw.size_mm, flaw.length_mm))
                leather_defects.draw(
                    surface, flaw, grid, instance=len(noted), kind=KIND_NAMES.index(flaw.kind)
                )
        for seam in scene.seams:
            if (seam.layer if seam.panel is None else seam.panel + 1) == layer:
                sewn.append(_sew(seam, laid, layer, grid, surface, noted))
    return sewn


def _sew(
    seam: Seam, laid: list[panels.Laid], layer: int, grid: Grid, surface: Surface, noted: list[_Noted]
) -> _Sewn:
    line = seams.line_of(seam, laid)
    rows = seams.plan(seam, line)
    numbered = []
    for defect in seam.defects:
        noted.append(_Noted(defect.kind, defect.size_mm, defect.length_mm))
        numbered.append((len(noted), defect))
    stitch_defects.apply(rows, seam, numbered)
    seams.sew(surface, rows, seam, grid, layer=layer)
    for row in rows:
        for each in row.marks:
            _mark_row(surface, each, grid)
    return _Sewn(seam, rows, laid[seam.panel].edge if seam.panel is not None else None, layer)


def _mark_row(surface: Surface, each: seams.Mark, grid: Grid) -> None:
    points = each.points_mm
    if len(points) == 1:
        points = np.vstack([points, points + 1e-6])
    for a, b in pairwise(points):
        at = grid.window(np.minimum(a, b) - each.reach_mm, np.maximum(a, b) + each.reach_mm)
        if at is None:
            continue
        d = seams.distance_to_segment(grid.x_mm[at], grid.y_mm[at], a, b)
        mark(surface, at, f32(d < each.reach_mm), kind=KIND_NAMES.index(each.kind), instance=each.number)


def _truth(
    scene: Scene, grid: Grid, surface: Surface, where: Warp | None, sewn: list[_Sewn], noted: list[_Noted]
) -> Truth:
    kinds = _framed(surface.kinds, scene, grid, where).astype(np.uint8)
    instances = _framed(surface.instances, scene, grid, where).astype(np.uint16)
    layer = _framed(surface.layer, scene, grid, where).astype(np.uint8)
    thread = camera.crop(surface.thread, scene, grid, where)
    g = camera.geometry(scene)
    rows: list[RowTruth] = []
    for each in sewn:
        for row in each.rows:
            rows.append(
                row_truth(
                    each.seam,
                    row,
                    each.rows,
                    edge=each.edge,
                    layer=each.layer,
                    scene=scene,
                    geometry=g,
                    layers=layer,
                )
            )
    edges = tuple(
        edge_truth(k, panels.edge_of(panel), scene=scene, geometry=g) for k, panel in enumerate(scene.panels)
    )
    return Truth(
        kind_names=KIND_NAMES,
        kinds=kinds,
        instances=instances,
        thread=np.clip(thread * 255 + 0.5, 0, 255).astype(np.uint8),
        layer=layer,
        rows=tuple(row for row in rows if len(row.holes_mm) > 1),
        edges=edges,
        defects=tuple(_seen(instances, noted, scene.mm_per_px)),
        mm_per_px=scene.mm_per_px,
        geometry=g,
    )


def _framed(values: U8 | U16, scene: Scene, grid: Grid, where: Warp | None) -> np.ndarray:
    if where is not None:
        return nearest(values, where.x, where.y)
    b = grid.border_px
    return values[b : b + scene.height_px, b : b + scene.width_px]


def _seen(instances: U16, noted: list[_Noted], mm_per_px: float) -> Iterator[DefectTruth]:
    """The defects that show in the photo, with what of them shows."""
    counts = np.bincount(instances.ravel(), minlength=len(noted) + 1)
    for number, each in enumerate(noted, start=1):
        if not counts[number]:
            continue
        ys, xs = np.nonzero(instances == number)
        box = (int(xs.min()), int(ys.min()), int(np.ptp(xs)) + 1, int(np.ptp(ys)) + 1)
        area = float(counts[number]) * mm_per_px**2
        yield DefectTruth(number, each.kind, each.size_mm, each.length_mm, area, box)
