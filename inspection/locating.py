"""Finds the zones of a photo: where the recipe says they are."""

from __future__ import annotations

import numpy as np

from inspection.domain import Zone
from inspection.recipes import View

__all__ = ["locate"]


def locate(view: View, *, width_px: int, height_px: int) -> tuple[Zone, ...]:
    """Zones of one view in the pixels of one photo.

    Parameters
    ----------
    view : of the recipe; its outlines are shares of the photo, 0..1 between its outer edges.

    Returns
    -------
    Zones in the order of the recipe; where they overlap, the first one counts.
    """
    size_px = np.array([width_px, height_px], np.float64)
    # A photo's outer edges lie half a pixel outside the centres of its first and last pixels.
    return tuple(
        Zone(
            name=zone.name,
            zone_class=zone.zone_class,
            outline_px=np.array(zone.outline, np.float64) * size_px - 0.5,
            height_mm=zone.height_mm,
        )
        for zone in view.zones
    )
