"""Draws where in the photo a board was seen, and how well its corners fit."""

from __future__ import annotations

import cv2
import numpy as np

from inspection.calibration.solving import Solution

__all__ = ["coverage_png"]

_SIDE_PX = 900  # longer side of the drawing
_FITS_PX = 0.3  # corners that fit as well as this are green; twice as bad yellow, worse red
_GREEN, _YELLOW, _RED = (46, 125, 50), (191, 138, 0), (198, 40, 40)
_PLANE, _SEEN, _PAPER = (21, 88, 176), (120, 144, 156), (250, 250, 250)


def coverage_png(solution: Solution) -> bytes:
    """PNG of the photo's frame: a veil for each sighting, the plane's outlined, corners coloured by error."""
    width, height = solution.plane.photo_size_px
    shrink = _SIDE_PX / max(width, height)
    size = max(1, round(width * shrink)), max(1, round(height * shrink))
    drawn = np.full((size[1], size[0], 3), _PAPER, np.uint8)
    for sighting in solution.sightings:
        veil = drawn.copy()
        cv2.fillConvexPoly(veil, _hull(sighting.corners_px * shrink), _SEEN)
        drawn = np.asarray(cv2.addWeighted(veil, 0.18, drawn, 0.82, 0), np.uint8)
    cv2.polylines(drawn, [_hull(solution.plane.corners_px * shrink)], True, _PLANE, 2, cv2.LINE_AA)
    for sighting, errors_px in zip(solution.sightings, solution.errors_px, strict=True):
        for (x, y), error in zip(
            sighting.corners_px * shrink, np.linalg.norm(errors_px, axis=1), strict=True
        ):
            colour = _GREEN if error <= _FITS_PX else _YELLOW if error <= 2 * _FITS_PX else _RED
            cv2.circle(drawn, (round(float(x) * 8), round(float(y) * 8)), 20, colour, -1, cv2.LINE_AA, 3)
    cv2.rectangle(drawn, (0, 0), (size[0] - 1, size[1] - 1), (90, 90, 90), 1)
    _, png = cv2.imencode(".png", cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR))
    return png.tobytes()


def _hull(points: np.ndarray) -> np.ndarray:
    return np.round(cv2.convexHull(points.astype(np.float32))).astype(np.int32)
