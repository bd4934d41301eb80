"""Where a photo's pixels lie on the part, in millimetres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inspection.calibration import relative_uncertainty, to_mm
from inspection.domain import Calibration, Zone

__all__ = ["Frame"]

F64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Frame:
    """A photo's calibration, as seams need it."""

    calibration: Calibration

    @property
    def mm_per_px(self) -> float:
        """At the photo's middle: for distances that only have to be about right."""
        return self.calibration.mm_per_px

    @property
    def is_flat(self) -> bool:
        """Whether one scale holds all over the photo, so that mm are pixels times it."""
        return self.calibration.homography is None

    def to_mm(self, points_px: F64) -> F64:
        """Places (N, 2) on the plane of the part."""
        return to_mm(points_px, self.calibration)

    def relative(self, zone: Zone) -> float:
        """Uncertainty (k = 2) of a length in a zone, as a share of it: by the scale and the zone's height."""
        return relative_uncertainty(self.calibration, height_mm=zone.height_mm)
