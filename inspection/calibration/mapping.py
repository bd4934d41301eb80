"""Maps points of a photo to millimetres, and tells how well."""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

from inspection.domain import Calibration, Lens

__all__ = ["camera_matrix", "relative_uncertainty", "scales_at", "straightened", "to_mm"]

ASSUMED_DISTANCE_MM = 300.0
"""From lens to part where nobody knows it: nearer than a camera that sees a whole shoe, so the uncertainty of
a height comes out too wide rather than too narrow."""

_HALF_STEP_PX = 0.5  # of the difference that gives the local scale: lens and plane are smooth over a pixel


def camera_matrix(lens: Lens) -> npt.NDArray[np.float64]:
    """(3, 3) matrix of the pinhole camera."""
    return np.array(
        [[lens.focal_px[0], 0, lens.centre_px[0]], [0, lens.focal_px[1], lens.centre_px[1]], [0, 0, 1]],
        np.float64,
    )


def straightened(points_px: npt.NDArray[np.float64], lens: Lens | None) -> npt.NDArray[np.float64]:
    """Points of a photo where a lens without distortion would have put them.

    Parameters
    ----------
    points_px : (N, 2).
    """
    points = np.asarray(points_px, np.float64).reshape(-1, 2)
    if lens is None or not len(points):
        return points
    matrix = camera_matrix(lens)
    # Far from the middle five rounds, OpenCV's default, leave more than a hundredth of a pixel.
    until = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 40, 1e-10)
    there = cv2.undistortPoints(
        points.reshape(-1, 1, 2), matrix, np.array(lens.distortion), None, None, matrix, until
    )
    return np.asarray(there, np.float64).reshape(-1, 2)


def to_mm(points_px: npt.NDArray[np.float64], calibration: Calibration) -> npt.NDArray[np.float64]:
    """Places on the plane of the part, in mm.

    Parameters
    ----------
    points_px : (N, 2) pixels of the photo as decoded.

    Returns
    -------
    (N, 2) float64; only differences mean something, the origin is that of the board or of the photo.
    """
    if calibration.homography is None:
        return np.asarray(points_px, np.float64).reshape(-1, 2) * calibration.mm_per_px
    points = straightened(points_px, calibration.lens)
    with_ones = np.column_stack([points, np.ones(len(points))]) @ calibration.homography.T
    return np.asarray(with_ones[:, :2] / with_ones[:, 2:], np.float64)


def scales_at(points_px: npt.NDArray[np.float64], calibration: Calibration) -> npt.NDArray[np.float64]:
    """Smallest and largest mm per pixel at each point; they differ where the camera looks aslant.

    Returns
    -------
    (N, 2) float64.
    """
    points = np.asarray(points_px, np.float64).reshape(-1, 2)
    if calibration.homography is None:
        return np.full((len(points), 2), calibration.mm_per_px)
    ahead, behind = (
        [to_mm(points + sign * step, calibration) for step in _HALF_STEP_PX * np.eye(2)] for sign in (1, -1)
    )
    per_axis = np.stack([a - b for a, b in zip(ahead, behind, strict=True)], axis=2)  # (N, 2, 2)
    singular = np.linalg.svd(per_axis / (2 * _HALF_STEP_PX), compute_uv=False)
    return np.asarray(singular[:, ::-1], np.float64)


def relative_uncertainty(calibration: Calibration, *, height_mm: float = 0.0) -> float:
    """Uncertainty of any length as a share of it, expanded (k = 2): of the scale, and of the height.

    Parameters
    ----------
    height_mm : how far the part may lie above or below the calibrated plane. A camera at distance Z sees a
        length at height dz larger by dz / (Z - dz). The bound itself counts: no height within it makes more.
    """
    distance_mm = calibration.distance_mm or ASSUMED_DISTANCE_MM
    # Nearer than a tenth of the distance to the lens nothing is in focus, let alone measured.
    by_height = height_mm / max(distance_mm - height_mm, distance_mm / 10)
    return math.hypot(calibration.scale_uncertainty, by_height)
