"""Finds needle holes as peaks of the network's point map, between its cells.

Coordinates are cells of the maps' grid, (0, 0) the centre of the first cell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inspection.domain import Maps
from inspection.runtime import NetworkSpec
from inspection.seams.frame import Frame

__all__ = ["MIN_HEAT", "NEAREST_CELLS", "PLANES", "WEAK_HEAT", "Planes", "Points", "find_points", "planes_of"]

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

PLANES = ("thread", "point", "offset_x", "offset_y", "edge")
"""Names that the model's manifest gives the planes of its ``stitches`` output."""

MIN_HEAT = 0.3
"""A peak below this is not believed on its own; a place that the row's rhythm expects needs less."""

WEAK_HEAT = 0.12
"""A peak below this is not believed at all."""

NEAREST_CELLS = 2.0
"""Two peaks nearer than this are one hole: 0.6 mm at the model's scale, below any pitch that is sewn."""

_BESIDE = ((0, -1), (0, 1), (-1, 0), (1, 0), (-1, -1), (-1, 1), (1, -1), (1, 1))
"""Rows and columns from a cell to those beside it."""

MAX_POINTS = 4000
"""More peaks than the stitches of any shoe: the strongest are kept, so that noise costs no time."""


@dataclass(frozen=True, eq=False)
class Planes:
    """The planes of the ``stitches`` output, (h, w) float32 each.

    Attributes
    ----------
    cells_per_model_px : offsets are given in pixels of the model's scale; this turns them into cells.
    step_px : (x, y) photo pixels per cell.
    nominal_mm_per_px : of the photo, if its scale is what the network takes it for.
    edge_outward_mm, false_gaps_per_m : what was measured of the network, see ``NetworkSpec``.
    """

    thread: F32
    point: F32
    offset_x: F32
    offset_y: F32
    edge: F32
    cells_per_model_px: float
    step_px: F64
    nominal_mm_per_px: float
    edge_outward_mm: float = 0.0
    false_gaps_per_m: float | None = None

    def mm_per_px(self, frame: Frame | None) -> float:
        """Of the photo, at its middle: what the network takes it for where that is not known."""
        return frame.mm_per_px if frame else self.nominal_mm_per_px

    def to_px(self, cells: F64) -> F64:
        """Photo pixels (N, 2) of places (N, 2) in cells."""
        return (cells + 0.5) * self.step_px - 0.5

    def to_cells(self, points_px: F64) -> F64:
        """Places (..., 2) in cells of photo pixels (..., 2)."""
        return np.asarray((points_px + 0.5) / self.step_px - 0.5, np.float64)


@dataclass(frozen=True, eq=False)
class Points:
    """Needle holes: ``at`` (N, 2) float64 in cells, ``heat`` (N,) float64 in 0..1."""

    at: F64
    heat: F64

    def __len__(self) -> int:
        return len(self.at)


def planes_of(maps: Maps, spec: NetworkSpec) -> Planes | None:
    """The stitch planes of a photo's maps; None when the model has none."""
    if maps.stitches is None:
        return None
    plane = dict(zip(maps.stitch_planes, maps.stitches, strict=True))
    height, width = maps.stitches.shape[1:]
    step_px = np.array([maps.photo_size_px[0] / width, maps.photo_size_px[1] / height])
    return Planes(
        **{name: plane[name] for name in PLANES},
        cells_per_model_px=1.0 / spec.stride,
        step_px=step_px,
        nominal_mm_per_px=spec.mm_per_px * spec.stride / float(step_px.mean()),
        edge_outward_mm=spec.edge_outward_mm,
        false_gaps_per_m=spec.false_gaps_per_m,
    )


def find_points(planes: Planes, *, min_heat: float = WEAK_HEAT) -> Points:
    """Peaks of the point map, each at the place that it and its neighbours' offsets agree on."""
    heat = planes.point
    ys, xs = _peaks(heat, min_heat)
    if len(ys) > MAX_POINTS:
        strongest = np.argpartition(-heat[ys, xs], MAX_POINTS)[:MAX_POINTS]
        ys, xs = ys[strongest], xs[strongest]
    if not len(ys):
        return Points(np.empty((0, 2)), np.empty(0))
    at, strength = _agreed(planes, xs, ys), heat[ys, xs].astype(np.float64)
    order = np.argsort(-strength, kind="stable")
    return _apart(at[order], strength[order])


def _peaks(heat: F32, min_heat: float) -> tuple[Ints, Ints]:
    """Rows and columns of the cells that no cell beside them outdoes."""
    height, width = heat.shape
    ys, xs = np.divmod(np.flatnonzero(heat >= min_heat), width)
    # Few cells are warm, and with each look to one side fewer are left: a dilation takes all of them.
    for down, right in _BESIDE:
        beside = heat[np.clip(ys + down, 0, height - 1), np.clip(xs + right, 0, width - 1)]
        highest = heat[ys, xs] >= beside
        ys, xs = ys[highest], xs[highest]
    return ys, xs


def _agreed(planes: Planes, xs: Ints, ys: Ints) -> F64:
    """Mean of where a peak's nine cells say that the hole is, the hotter the more they count."""
    height, width = planes.point.shape
    x = np.clip(xs + np.tile([-1, 0, 1], 3)[:, None], 0, width - 1)  # (9, N)
    y = np.clip(ys + np.repeat([-1, 0, 1], 3)[:, None], 0, height - 1)
    votes = np.maximum(0.0, planes.point[y, x] - 0.4 * planes.point[ys, xs]).astype(np.float64)
    k = planes.cells_per_model_px
    place = np.stack([x + k * planes.offset_x[y, x], y + k * planes.offset_y[y, x]], axis=2)
    found = (votes[..., None] * place).sum(axis=0) / votes.sum(axis=0)[:, None]
    cells = np.stack([xs, ys], axis=1)
    return np.asarray(cells + np.clip(found - cells, -1.5, 1.5), np.float64)


def _apart(at: F64, heat: F64) -> Points:
    """The strongest of those that lie too near to each other; ``at`` comes strongest first."""
    bins = np.floor(at / NEAREST_CELLS).astype(np.intp)
    kept = _alone(bins - bins.min(axis=0) + 1)
    places = at.tolist()
    taken: dict[tuple[int, int], list[int]] = {}
    for i in np.flatnonzero(~kept).tolist():
        x, y = places[i]
        column, row = bins[i].tolist()
        near = (j for right, down in ((0, 0), *_BESIDE) for j in taken.get((column + right, row + down), ()))
        if any((places[j][0] - x) ** 2 + (places[j][1] - y) ** 2 < NEAREST_CELLS**2 for j in near):
            continue
        taken.setdefault((column, row), []).append(i)
        kept[i] = True
    return Points(at[kept], heat[kept])


def _alone(bins: Ints) -> npt.NDArray[np.bool_]:
    """Whether no other is in the same of some bins (N, 2), from 1 on, nor in one beside it."""
    column, row = bins.T
    count = np.zeros(bins.max(axis=0) + 2, np.intp)
    np.add.at(count, (column, row), 1)
    around = sum(count[column + right, row + down] for right, down in ((0, 0), *_BESIDE))
    return np.asarray(around == 1, bool)
