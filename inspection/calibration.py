"""Decides the scale of a photo, in millimetres per pixel."""

from __future__ import annotations

import math
from collections.abc import Mapping

from inspection.domain import Calibration, CalibrationSource
from inspection.errors import ScaleError, UnknownNameError

__all__ = ["MAX_MM_PER_PX", "MIN_MM_PER_PX", "calibrate", "checked_mm_per_px"]

MIN_MM_PER_PX = 0.005
"""Finer than this is a microscope: a whole shoe would take 60,000 pixels."""

MAX_MM_PER_PX = 5.0
"""Coarser than this a whole shoe has 60 pixels, and nothing on it can be judged."""


def checked_mm_per_px(mm_per_px: float) -> float:
    """Give the scale back when it is usable, and raise ScaleError otherwise."""
    if not math.isfinite(mm_per_px):
        raise ScaleError(
            f"mm_per_px is {mm_per_px}, which is not a number of millimetres.",
            hint="Send the width of one pixel in millimetres, such as 0.1, or leave mm_per_px out.",
        )
    if not MIN_MM_PER_PX <= mm_per_px <= MAX_MM_PER_PX:
        raise ScaleError(
            f"mm_per_px is {mm_per_px:g}, outside {MIN_MM_PER_PX:g} to {MAX_MM_PER_PX:g}.",
            hint="Send the width of a pixel in millimetres (not pixels per millimetre), often 0.05 to 0.5",
        )
    return mm_per_px


def calibrate(
    *,
    mm_per_px: float | None,
    calibration: str | None,
    view_mm_per_px: float | None,
    known: Mapping[str, float],
) -> Calibration | None:
    """Choose the scale: what the camera says, else the calibration it names, else the recipe's view.

    Parameters
    ----------
    mm_per_px : what the camera says.
    calibration : name of a calibration, as the camera gives it.
    view_mm_per_px : what the recipe says of this view.
    known : mm per pixel of each named calibration of the recipe.

    Returns
    -------
    None when nobody knows: the photo is still inspected, but its verdict is a recheck.
    """
    if mm_per_px is not None:
        return Calibration(checked_mm_per_px(mm_per_px), CalibrationSource.CAMERA)
    if calibration is not None:
        if calibration not in known:
            names = ", ".join(sorted(known)) or "none"
            raise UnknownNameError(
                f"There is no calibration named {calibration!r}.",
                hint=f"The recipe knows these calibrations: {names}. Or send mm_per_px.",
            )
        return Calibration(checked_mm_per_px(known[calibration]), CalibrationSource.REFERENCE)
    if view_mm_per_px is not None:
        return Calibration(checked_mm_per_px(view_mm_per_px), CalibrationSource.RECIPE)
    return None
