"""Gives defects their sizes in millimetres, each with its uncertainty."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from inspection.calibration import relative_uncertainty, scales_at, to_mm
from inspection.domain import Calibration, Defect, Maps, Measurement, Zone, ZoneClass

__all__ = [
    "area_of",
    "grid_step_px",
    "measure",
    "sides_of",
    "size_of_part",
    "summarise",
    "zone_area_mm2",
]


OUTLINE_STEPS = 2.5
"""Uncertainty (k = 2) of a size from an outline, in its steps: soft edges and stairs move both ends out."""
OUTLINE_STEPS_OF_TWO = 1.5
"""The same of what differs from one outline to the next: soft edges move all outlines alike."""


def grid_step_px(maps: Maps) -> float:
    """Distance of neighbouring grid points in pixels of the photo; the larger one when the axes differ."""
    height, width = maps.surface.shape[1:]
    return float(max(maps.photo_size_px[0] / width, maps.photo_size_px[1] / height))


def sides_of(outline: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Length and width of an outline, as a caliper would take them, in the unit of its points.

    Returns
    -------
    The greatest distance of two of its points, and the smallest distance of two parallel lines with all of it
    between them. Both change little when the outline does, unlike the sides of the smallest rectangle.
    """
    hull = cv2.convexHull(outline.astype(np.float32)).reshape(-1, 2).astype(np.float64)
    between = hull[:, None] - hull[None]
    edges = np.roll(hull, -1, axis=0) - hull
    lengths = np.hypot(edges[:, 0], edges[:, 1])
    # One of the two closest lines lies on an edge of the hull.
    normals = np.stack([-edges[:, 1], edges[:, 0]], axis=1)[lengths > 0] / lengths[lengths > 0, None]
    across = hull @ normals.T
    return float(np.hypot(between[..., 0], between[..., 1]).max()), float(np.ptp(across, axis=0).min())


def area_of(outline: npt.NDArray[np.float64]) -> float:
    """Area inside an outline, in the square of the unit of its points."""
    x, y = (outline - outline[0]).T
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2)


def measure(
    defects: Sequence[Defect],
    calibration: Calibration | None,
    *,
    step_px: float,
    heights_mm: Mapping[str, float] | None = None,
) -> tuple[Defect, ...]:
    """Defects with their sizes in mm; as they came when the scale is not known, or is not this photo's.

    Outlines are mapped to the plane of the part and measured there, so that lens and tilt are gone. The
    uncertainty (k = 2) of a length is one step of the grid, half a step at each end, and independent of it
    what is not known of scale and height. That of an area is half a step along the whole outline, and twice
    what is not known of scale and height.

    Parameters
    ----------
    step_px : ``grid_step_px`` of the maps that the defects come from.
    heights_mm : ``Zone.height_mm`` by name of the zone.
    """
    if calibration is None or not calibration.gives_sizes:
        return tuple(defects)
    measured = []
    for defect in defects:
        outline_mm = to_mm(defect.outline_px, calibration)
        length_mm, width_mm = sides_of(outline_mm)
        area_mm2 = area_of(outline_mm)
        step_mm = step_px * float(scales_at(defect.outline_px.mean(axis=0), calibration).max())
        edges = np.diff(outline_mm, axis=0, append=outline_mm[:1])
        perimeter_mm = float(np.hypot(edges[:, 0], edges[:, 1]).sum())
        share = relative_uncertainty(calibration, height_mm=(heights_mm or {}).get(defect.zone, 0.0))
        measured.append(
            replace(
                defect,
                length_mm=length_mm,
                width_mm=width_mm,
                area_mm2=area_mm2,
                uncertainty_mm=math.hypot(step_mm, share * length_mm),
                uncertainty_mm2=math.hypot(perimeter_mm * step_mm / 2, 2 * share * area_mm2),
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


_AREA_GRID = 256
"""Points along the longer side of the grid that zones are counted on: an area is right to about 1 %."""


def zone_area_mm2(zones: Sequence[Zone], mm_per_px: float) -> dict[ZoneClass, float]:
    """Area of the zones of each class; where zones overlap, the one listed first counts, as for defects."""
    if not zones:
        return {}
    corners = np.concatenate([zone.outline_px for zone in zones])
    low = corners.min(axis=0)
    step_px = float(max(*(corners.max(axis=0) - low), 1.0)) / _AREA_GRID
    size = np.ceil((corners.max(axis=0) - low) / step_px).astype(int) + 1
    owner = np.zeros((int(size[1]), int(size[0])), np.uint16)
    for number, zone in reversed(list(enumerate(zones, 1))):
        points = np.floor((zone.outline_px - low) / step_px).astype(np.int32)
        cv2.fillPoly(owner, [points], number)
    areas_px2 = np.bincount(owner.ravel(), minlength=len(zones) + 1)[1:] * step_px**2
    by_class: dict[ZoneClass, float] = {}
    for zone, area in zip(zones, areas_px2.tolist(), strict=True):
        by_class[zone.zone_class] = by_class.get(zone.zone_class, 0.0) + area * mm_per_px**2
    return by_class


def size_of_part(
    outline_px: npt.NDArray[np.float64], calibration: Calibration, *, step_px: float, height_mm: float
) -> tuple[Measurement, ...]:
    """Length and height of a part: the sides of the smallest rectangle round its outline, in mm on the plane.

    The rectangle turns with the part, so that a shoe which lies askew keeps its length.

    Parameters
    ----------
    outline_px : (N, 2) of the whole part.
    step_px : how finely the outline was drawn, in pixels of the photo.
    height_mm : how far the part may lie above or below the calibrated plane.

    Returns
    -------
    ``shoe_length_mm`` and ``shoe_height_mm``, each with all that is not known of it (k = 2): of the outline,
    of the scale and of the height. ``silhouette_edge_mm`` is the part of that which two photos of one camera
    do not share, so that the difference of two shoes is better known than either.
    """
    hull = cv2.convexHull(to_mm(outline_px, calibration).astype(np.float32))
    _, sides, _ = cv2.minAreaRect(hull)
    step_mm = step_px * float(scales_at(outline_px.mean(axis=0), calibration).max())
    share = relative_uncertainty(calibration, height_mm=height_mm)
    length_mm, across_mm = max(sides), min(sides)
    edge_mm = OUTLINE_STEPS * step_mm
    return (
        Measurement("shoe_length_mm", length_mm, "mm", math.hypot(edge_mm, share * length_mm)),
        Measurement("shoe_height_mm", across_mm, "mm", math.hypot(edge_mm, share * across_mm)),
        Measurement("silhouette_edge_mm", OUTLINE_STEPS_OF_TWO * step_mm, "mm"),
    )
