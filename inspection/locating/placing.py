"""Puts zones and expected seams where the recipe says they are, in a photo or in a reference photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from inspection.domain import ExpectedSeam, Registration, Zone
from inspection.recipes import View

__all__ = ["Located", "locate", "locate_seams", "moved", "share_inside", "to_px", "transformed"]


@dataclass(frozen=True, eq=False)
class Located:
    """Where everything of a view lies in a photo.

    Attributes
    ----------
    zones : in the order of the recipe; where they overlap, the first one counts. None when the part was not
        found.
    seams : that the recipe expects.
    part_px : outlines, each (N, 2) float64, of the part; what lies outside all of them is background. None
        where everything may be part.
    visible : share of each zone that lies inside the photo, 0..1.
    registration : None when the view has no reference photo.
    """

    zones: tuple[Zone, ...]
    seams: tuple[ExpectedSeam, ...] = ()
    part_px: tuple[npt.NDArray[np.float64], ...] | None = None
    visible: tuple[float, ...] = ()
    registration: Registration | None = None


def to_px(shares: Sequence[tuple[float, float]], *, width_px: int, height_px: int) -> npt.NDArray[np.float64]:
    """(N, 2) places in pixels of shares of a photo's width and height."""
    # A photo's outer edges lie half a pixel outside the centres of its first and last pixels.
    return np.array(shares, np.float64) * (width_px, height_px) - 0.5


def locate(view: View, *, width_px: int, height_px: int) -> tuple[Zone, ...]:
    """Zones of one view in the pixels of one photo, where the recipe draws them.

    Parameters
    ----------
    view : of the recipe; its outlines are shares of the photo, 0..1 between its outer edges.

    Returns
    -------
    Zones in the order of the recipe; where they overlap, the first one counts.
    """
    return tuple(
        Zone(
            name=zone.name,
            zone_class=zone.zone_class,
            outline_px=to_px(zone.outline, width_px=width_px, height_px=height_px),
            height_mm=zone.height_mm,
        )
        for zone in view.zones
    )


def locate_seams(view: View, *, width_px: int, height_px: int) -> tuple[ExpectedSeam, ...]:
    """Expected seams of one view in the pixels of one photo, where the recipe draws them."""
    return tuple(
        ExpectedSeam(
            name=seam.name,
            path_px=to_px(seam.path, width_px=width_px, height_px=height_px),
            rows=seam.rows,
            pitch_mm=seam.pitch_mm,
            margin_mm=seam.margin_mm,
            row_gap_mm=seam.row_gap_mm,
        )
        for seam in view.seams
    )


def transformed(
    to_photo: npt.NDArray[np.float64], points_px: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """(N, 2) points moved by a (3, 3) projective map."""
    moved_points = np.column_stack([points_px, np.ones(len(points_px))]) @ to_photo.T
    places: npt.NDArray[np.float64] = moved_points[:, :2] / moved_points[:, 2:]
    return places


def moved(
    to_photo: npt.NDArray[np.float64], zones: Sequence[Zone], seams: Sequence[ExpectedSeam]
) -> tuple[tuple[Zone, ...], tuple[ExpectedSeam, ...]]:
    """Zones and seams of a reference photo, in the pixels of a photo."""
    return (
        tuple(replace(zone, outline_px=transformed(to_photo, zone.outline_px)) for zone in zones),
        tuple(replace(seam, path_px=transformed(to_photo, seam.path_px)) for seam in seams),
    )


def share_inside(outline_px: npt.NDArray[np.float64], *, width_px: int, height_px: int) -> float:
    """Share of an outline's area that lies inside the photo, 0..1, to about 1 %."""
    low, high = outline_px.min(axis=0), outline_px.max(axis=0)
    if (low >= -0.5).all() and (high <= (width_px - 0.5, height_px - 0.5)).all():
        return 1.0
    # On a grid of about 128 cells over the outline, which may be concave.
    step = max(1e-9, float((high - low).max()) / 128)
    cells = np.ceil((high - low) / step).astype(int) + 1
    grid = np.zeros((cells[1], cells[0]), np.uint8)
    cv2.fillPoly(grid, [np.rint((outline_px - low) / step * 16).astype(np.int32)], 1, shift=4)
    x = low[0] + np.arange(cells[0]) * step
    y = low[1] + np.arange(cells[1]) * step
    in_photo = ((x >= -0.5) & (x <= width_px - 0.5))[None] & ((y >= -0.5) & (y <= height_px - 0.5))[:, None]
    whole = np.count_nonzero(grid)
    return float(np.count_nonzero(grid.astype(bool) & in_photo)) / whole if whole else 0.0
