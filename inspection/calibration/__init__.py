"""Scales and cameras: from pixels of a photo to millimetres on the part.

`choosing` decides which scale holds for a photo, `mapping` applies it; both are pure, and light to load.
"""

from inspection.calibration.choosing import MAX_MM_PER_PX, MIN_MM_PER_PX, calibrate, checked_mm_per_px, fitted
from inspection.calibration.mapping import relative_uncertainty, scales_at, to_mm

__all__ = [
    "MAX_MM_PER_PX",
    "MIN_MM_PER_PX",
    "calibrate",
    "checked_mm_per_px",
    "fitted",
    "relative_uncertainty",
    "scales_at",
    "to_mm",
]
