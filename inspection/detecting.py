"""Turns the network's probability maps into separate defects with outlines.

A region is a connected set of grid points that are likelier defective than not. It becomes a defect when its
highest probability reaches the threshold of its kind, the kind being the one with the most probability over
the whole region: fragments of several kinds side by side are one defect, not several. Probabilities are used
as they are; nothing is rescaled by what else the photo holds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from inspection.domain import Defect, Maps, Zone
from inspection.errors import ModelError

__all__ = ["MAX_DEFECTS", "Box", "Detection", "Sensitivity", "detect", "trace"]

MAX_DEFECTS = 200
"""More regions than a person would review; the rest is counted, and the photo goes to a person as a whole."""

EXTENT_PROBABILITY = 0.5
"""A defect reaches as far as it is likelier than not, whatever higher threshold decides that it counts."""

_SIMPLIFY_CELLS = 0.1
"""Points nearer than this to the line between their neighbours are left out: far below what counts."""


@dataclass(frozen=True)
class Sensitivity:
    """When a region counts, by kind.

    Attributes
    ----------
    thresholds : lowest peak probability that counts.
    min_area_mm2 : smallest area that counts.
    nominal_mm_per_px : scale to assume for ``min_area_mm2`` when that of the photo is not known: the one the
        network takes it for.
    """

    thresholds: Mapping[str, float]
    min_area_mm2: Mapping[str, float]
    nominal_mm_per_px: float


@dataclass(frozen=True, eq=False)
class Detection:
    """Defects, largest first, and the number of regions left out beyond ``MAX_DEFECTS``."""

    defects: tuple[Defect, ...]
    left_out: int = 0


@dataclass(frozen=True)
class Box:
    """A rectangle of grid points."""

    left: int
    top: int
    width: int
    height: int

    @property
    def rows(self) -> slice:
        """Its rows, to index a map."""
        return slice(self.top, self.top + self.height)

    @property
    def columns(self) -> slice:
        """Its columns, to index a map."""
        return slice(self.left, self.left + self.width)


def detect(
    maps: Maps,
    zones: Sequence[Zone],
    sensitivity: Sensitivity,
    *,
    mm_per_px: float | None,
    part_px: Sequence[npt.NDArray[np.float64]] | None = None,
) -> Detection:
    """Find the defects of one photo.

    Parameters
    ----------
    zones : in photo pixels; where they overlap the first counts, and what none covers is not inspected.
    mm_per_px : scale of the photo; None when unknown.
    part_px : outlines, each (N, 2), outside of which there is background and nothing is looked for; None when
        everything may be part.

    Returns
    -------
    Defects in photo pixels, without sizes in mm, which ``measuring`` adds.
    """
    kinds = maps.kinds[1:]
    height, width = maps.surface.shape[1:]
    step_x, step_y = maps.photo_size_px[0] / width, maps.photo_size_px[1] / height
    cell_mm2 = step_x * step_y * (mm_per_px or sensitivity.nominal_mm_per_px) ** 2
    thresholds = np.array([sensitivity.thresholds[kind] for kind in kinds])
    min_cells = np.array([sensitivity.min_area_mm2[kind] for kind in kinds]) / cell_mm2
    extents = np.minimum(thresholds, EXTENT_PROBABILITY)

    any_defect = np.float32(1) - maps.surface[0]
    if not math.isfinite(float(any_defect.sum())):
        # Comparing with what is not a number is always false: the photo would pass.
        raise ModelError(
            "The network gave probabilities that are not numbers.",
            hint="Copy the model folder again, or serve the model before it.",
        )
    zone_at = _zone_grid(zones, (step_x, step_y), (width, height))
    if part_px is not None:
        zone_at[_filled(part_px, (step_x, step_y), (width, height)) == 0] = 0
    inspected = (any_defect >= extents.min()) & (zone_at > 0)
    regions, left_out = _regions(
        inspected.view(np.uint8),
        any_defect,
        min_cells=float(min_cells.min()),
        min_peak=float(thresholds.min()),
    )

    defects: list[Defect] = []
    for box, mask in regions:
        parts, parts_left_out = _parts(any_defect, maps.surface, box, mask, extents)
        left_out += parts_left_out
        for part_box, part, kind in parts:
            values = any_defect[part_box.rows, part_box.columns]
            peak = float(values[part].max())
            if peak < thresholds[kind] or np.count_nonzero(part) < min_cells[kind]:
                continue
            zone = zones[int(np.bincount(zone_at[part_box.rows, part_box.columns][part]).argmax()) - 1]
            outline = trace(any_defect, part_box, part, level=float(extents[kind]))
            outline_px = (_simplified(outline) + 0.5) * (step_x, step_y) - 0.5
            defects.append(_defect(kinds[kind], zone, min(1.0, peak), outline_px))
    defects.sort(key=lambda defect: -defect.box_px[2] * defect.box_px[3])
    return Detection(tuple(defects[:MAX_DEFECTS]), left_out + max(0, len(defects) - MAX_DEFECTS))


def _zone_grid(
    zones: Sequence[Zone], step_px: tuple[float, float], size: tuple[int, int]
) -> npt.NDArray[np.uint8]:
    """Number of the zone at each grid point, from 1; 0 where there is none."""
    grid = np.zeros((size[1], size[0]), np.uint8)
    for number, zone in reversed(list(enumerate(zones, start=1))):
        corners = (zone.outline_px + 0.5) / step_px - 0.5
        cv2.fillPoly(grid, [np.rint(corners * 16).astype(np.int32)], number, shift=4)
    return grid


def _filled(
    outlines_px: Sequence[npt.NDArray[np.float64]], step_px: tuple[float, float], size: tuple[int, int]
) -> npt.NDArray[np.uint8]:
    """1 at each grid point inside any of the outlines."""
    grid = np.zeros((size[1], size[0]), np.uint8)
    for outline_px in outlines_px:
        corners = (outline_px + 0.5) / step_px - 0.5
        cv2.fillPoly(grid, [np.rint(corners * 16).astype(np.int32)], 1, shift=4)
    return grid


def _regions(
    mask: npt.NDArray[np.uint8], values: npt.NDArray[np.float32], *, min_cells: float, min_peak: float
) -> tuple[list[tuple[Box, npt.NDArray[np.bool_]]], int]:
    """Connected regions of a size and a peak, largest first, and their number beyond ``MAX_DEFECTS``."""
    left, top, width, height = cv2.boundingRect(mask)
    if not width:
        return [], 0
    # Labelling costs time for every point, so it sees no more than the rectangle round all regions.
    around = Box(left, top, width, height)
    mask, values = mask[around.rows, around.columns], values[around.rows, around.columns]
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8, ltype=cv2.CV_32S)
    cells = stats[:, cv2.CC_STAT_AREA].copy()
    cells[0] = 0  # what is not a region
    large = np.flatnonzero(cells >= max(1.0, min_cells))
    if len(large) > MAX_DEFECTS:  # a noisy photo; otherwise the caller's look at each peak is cheaper
        peaks = np.zeros(len(cells), np.float32)
        set_points = np.flatnonzero(mask)
        of_regions = labels.ravel()[set_points].astype(np.intp)
        np.maximum.at(peaks, of_regions, values.ravel()[set_points])
        large = large[peaks[large] >= min_peak]
    large = large[np.argsort(-cells[large], kind="stable")]
    regions = []
    for label in large[:MAX_DEFECTS]:
        here = Box(*(int(v) for v in stats[label, :4]))
        box = Box(left + here.left, top + here.top, here.width, here.height)
        regions.append((box, labels[here.rows, here.columns] == label))
    return regions, max(0, len(large) - MAX_DEFECTS)


def _parts(
    any_defect: npt.NDArray[np.float32],
    surface: npt.NDArray[np.float32],
    box: Box,
    mask: npt.NDArray[np.bool_],
    extents: npt.NDArray[np.float64],
) -> tuple[list[tuple[Box, npt.NDArray[np.bool_], int]], int]:
    """A region with its kind; cut down, maybe to several, when its kind reaches less far than others.

    The number is that of parts beyond ``MAX_DEFECTS``.
    """
    kind = _kind(surface, box, mask)
    if extents[kind] <= extents.min():
        return [(box, mask, kind)], 0
    inner = mask & (any_defect[box.rows, box.columns] >= extents[kind])
    values = any_defect[box.rows, box.columns]
    parts, left_out = _regions(inner.view(np.uint8), values, min_cells=1, min_peak=0)
    shifted = [
        (Box(box.left + part.left, box.top + part.top, part.width, part.height), cells)
        for part, cells in parts
    ]
    return [(part, cells, _kind(surface, part, cells)) for part, cells in shifted], left_out


def _kind(surface: npt.NDArray[np.float32], box: Box, mask: npt.NDArray[np.bool_]) -> int:
    """Index (from 0, without sound) of the kind with the most probability over a region."""
    return int(surface[1:, box.rows, box.columns][:, mask].sum(axis=1, dtype=np.float64).argmax())


def trace(
    values: npt.NDArray[np.float32], box: Box, mask: npt.NDArray[np.bool_], *, level: float
) -> npt.NDArray[np.float64]:
    """Outer outline of one connected region, between the grid points where the values cross a level.

    This is the contour of marching squares: it goes once round the region, crossing every line between a
    point inside and a direct neighbour outside at the place where linear interpolation gives ``level``. At
    the edge of ``values`` it runs half a cell outside the last points, where the photo ends.

    Parameters
    ----------
    values : (h, w) float32, the whole map.
    box : where the region lies.
    mask : (box.height, box.width) bool, the region, connected over sides and corners; ``values`` are at least
        ``level`` inside it.

    Returns
    -------
    (N, 2) float64 (x, y) in grid points, clockwise as seen, closed (last joins first); N >= 4.
    """
    inside, heights, stride = _framed(values, box, mask)
    # A crossing is a point inside (``at``) and a side of it (0 up, 1 right, 2 down, 3 left) whose neighbour
    # is outside. With the inside on the right hand, the walk along side s goes in direction s + 1.
    steps = np.array([-stride, 1, stride, -1])
    points = np.flatnonzero(inside)
    sides = [points[~inside[points + step]] for step in steps]
    at = np.concatenate(sides)
    side = np.repeat(np.arange(4), [len(crossings) for crossings in sides])
    ahead = at + steps[(side + 1) % 4]
    corner = ahead + steps[side]
    # Corners connect: turn left round the corner's point, else go straight on, else turn right.
    next_at = np.where(inside[corner], corner, np.where(inside[ahead], ahead, at))
    next_side = np.where(inside[corner], side + 3, np.where(inside[ahead], side, side + 1)) % 4
    keys = at * 4 + side
    order = np.argsort(keys)
    follows = order[np.searchsorted(keys[order], next_at * 4 + next_side)].tolist()
    start = int(
        order[0]
    )  # the upper side of a topmost point is on the outer outline, never on that of a hole
    walk, here = [start], follows[start]
    while here != start:
        walk.append(here)
        here = follows[here]
    at, side = at[walk], side[walk]
    high, low = heights[at], heights[at + steps[side]]
    # Where the map ends, or a neighbour is outside only because its zone is not inspected: half-way.
    crosses = low < level
    share = np.full(len(at), 0.5)
    share[crosses] = (high[crosses] - level) / (high[crosses] - low[crosses])
    share = np.clip(share, 0.0, 1.0)
    x = at % stride - 1 + box.left + share * np.array([0, 1, 0, -1])[side]
    y = at // stride - 1 + box.top + share * np.array([-1, 0, 1, 0])[side]
    return np.stack([x, y], axis=1)


def _framed(
    values: npt.NDArray[np.float32], box: Box, mask: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.float64], int]:
    """A region and its values, flat, framed by one more point (NaN beyond the map), and their row length."""
    inside = np.pad(mask, 1)
    heights = np.full(inside.shape, np.nan)
    top, left = max(0, box.top - 1), max(0, box.left - 1)
    known = values[top : box.top + box.height + 1, left : box.left + box.width + 1]
    down, right = top - (box.top - 1), left - (box.left - 1)
    heights[down : down + known.shape[0], right : right + known.shape[1]] = known
    return inside.ravel(), heights.ravel(), inside.shape[1]


def _simplified(outline: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The outline without points that lie on the line between their neighbours."""
    simple = cv2.approxPolyDP(outline.astype(np.float32), _SIMPLIFY_CELLS, True).reshape(-1, 2)
    return simple.astype(np.float64) if len(simple) >= 3 else outline


def _defect(kind: str, zone: Zone, score: float, outline_px: npt.NDArray[np.float64]) -> Defect:
    left, top = outline_px.min(axis=0)
    right, bottom = outline_px.max(axis=0)
    return Defect(
        kind=kind,
        zone=zone.name,
        zone_class=zone.zone_class,
        score=score,
        outline_px=outline_px,
        box_px=(float(left), float(top), float(right - left), float(bottom - top)),
    )
