"""Tells from one photo of the board whether a calibration still holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inspection.calibration.boards import Sighting
from inspection.calibration.mapping import to_mm
from inspection.domain import Calibration
from inspection.errors import CalibrationError

__all__ = ["Check", "check"]

ALLOWED_SHARE = 0.003
"""Error of the scale that a check lets pass where the scale itself is known better: 0.06 mm on 20 mm."""


@dataclass(frozen=True)
class Check:
    """What a photo of the board says of a calibration.

    Attributes
    ----------
    scale_error : measured over true length, less 1.
    worst_mm : largest distance of a corner from its place after the best shift and turn, without scaling.
    allowed_share, allowed_mm : limits of the two.
    """

    scale_error: float
    worst_mm: float
    allowed_share: float
    allowed_mm: float

    @property
    def holds(self) -> bool:
        """Whether the calibration may go on."""
        return abs(self.scale_error) <= self.allowed_share and self.worst_mm <= self.allowed_mm


def check(calibration: Calibration, sighting: Sighting, *, ruler_scale: float = 1.0) -> Check:
    """Measure the board with the calibration, as it would measure a part.

    The board has to lie on the plane that the calibration is for; it may lie anywhere on it.

    Raises
    ------
    CalibrationError : the photo is of another size.
    """
    if calibration.photo_size_px not in (None, sighting.photo_size_px):
        width, height = sighting.photo_size_px
        raise CalibrationError(
            f"{sighting.label} has {width} x {height} pixels, and the calibration is for "
            f"{' x '.join(str(side) for side in calibration.photo_size_px or ())}.",
            hint="Set the camera as it was, or calibrate it anew as it is set now.",
        )
    found = to_mm(sighting.corners_px, calibration)
    true = sighting.places_mm * ruler_scale
    found, true = found - found.mean(axis=0), true - true.mean(axis=0)
    # The best turn between two sets of points: Kabsch, Acta Crystallographica A32 (1976).
    left, strengths, right = np.linalg.svd(true.T @ found)
    hand = np.sign(np.linalg.det(left @ right))
    turn = left @ np.diag([1.0, hand]) @ right
    scale = float((strengths * [1.0, hand]).sum() / (true**2).sum())
    off_mm = np.linalg.norm(found - true @ turn, axis=1)
    size_mm = float(np.hypot(*np.ptp(true, axis=0)))
    allowed = max(ALLOWED_SHARE, 2 * calibration.scale_uncertainty)
    return Check(
        scale_error=scale - 1,
        worst_mm=float(off_mm.max()),
        allowed_share=allowed,
        allowed_mm=allowed * size_mm,
    )
