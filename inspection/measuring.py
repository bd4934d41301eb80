"""Gives defects their sizes in millimetres, each with its uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from inspection.domain import Calibration, Defect, Maps, Measurement

__all__ = ["area_px2", "grid_step_px", "measure", "sides_px", "summarise"]


def grid_step_px(maps: Maps) -> float:
    """Distance of neighbouring grid points in pixels of the photo; the larger one when the axes differ."""
    height, width = maps.surface.shape[1:]
    return float(max(maps.photo_size_px[0] / width, maps.photo_size_px[1] / height))


def sides_px(outline_px: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Length and width of an outline, as a caliper would take them.

    Returns
    -------
    The greatest distance of two of its points, and the smallest distance of two parallel lines with all of it
    between them. Both change little when the outline does, unlike the sides of the smallest rectangle.
    """
    hull = cv2.convexHull(outline_px.astype(np.float32)).reshape(-1, 2).astype(np.float64)
    between = hull[:, None] - hull[None]
    edges = np.roll(hull, -1, axis=0) - hull
    lengths = np.hypot(edges[:, 0], edges[:, 1])
    # One of the two closest lines lies on an edge of the hull.
    normals = np.stack([-edges[:, 1], edges[:, 0]], axis=1)[lengths > 0] / lengths[lengths > 0, None]
    across = hull @ normals.T
    return float(np.hypot(between[..., 0], between[..., 1]).max()), float(np.ptp(across, axis=0).min())


def area_px2(outline_px: npt.NDArray[np.float64]) -> float:
    """Area inside an outline."""
    x, y = (outline_px - outline_px[0]).T
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2)


def measure(
    defects: Sequence[Defect], calibration: Calibration | None, *, step_px: float
) -> tuple[Defect, ...]:
    """Defects with their sizes in mm; as they came when the scale is not known.

    The uncertainty (k = 2) of a length is one step of the grid: half a step at each end. That of an area is
    half a step along the whole outline. It covers how finely the network sees, not the error of the scale.

    Parameters
    ----------
    step_px : ``grid_step_px`` of the maps that the defects come from.
    """
    if calibration is None:
        return tuple(defects)
    mm_per_px = calibration.mm_per_px
    step_mm = step_px * mm_per_px
    measured = []
    for defect in defects:
        length_px, width_px = sides_px(defect.outline_px)
        edges = np.diff(defect.outline_px, axis=0, append=defect.outline_px[:1])
        perimeter_px = float(np.hypot(edges[:, 0], edges[:, 1]).sum())
        measured.append(
            replace(
                defect,
                length_mm=length_px * mm_per_px,
                width_mm=width_px * mm_per_px,
                area_mm2=area_px2(defect.outline_px) * mm_per_px**2,
                uncertainty_mm=step_mm,
                uncertainty_mm2=perimeter_px * mm_per_px * step_mm / 2,
            )
        )
    return tuple(measured)


def summarise(defects: Sequence[Defect]) -> tuple[Measurement, ...]:
    """What is measured of the photo as a whole; lengths and areas only where every defect has them."""
    summary = [Measurement("defect_count", float(len(defects)), "")]
    lengths = [(d.length_mm, d.uncertainty_mm) for d in defects if d.length_mm is not None]
    areas = [(d.area_mm2, d.uncertainty_mm2) for d in defects if d.area_mm2 is not None]
    if lengths and len(lengths) == len(defects):
        longest_mm, uncertainty_mm = max(lengths, key=lambda pair: pair[0])
        summary.append(Measurement("longest_defect", longest_mm, "mm", uncertainty_mm))
    if areas and len(areas) == len(defects):
        # Neighbouring defects share the network's errors, so their uncertainties add up in full.
        total_mm2 = sum(area for area, _ in areas)
        summary.append(Measurement("defect_area", total_mm2, "mm²", sum(u or 0.0 for _, u in areas)))
    return tuple(summary)
