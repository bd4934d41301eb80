"""Decides which scale holds for a photo, and whether it may decide."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from inspection.domain import Calibration, CalibrationProblem, CalibrationSource
from inspection.errors import ScaleError, UnknownNameError

__all__ = ["MAX_MM_PER_PX", "MIN_MM_PER_PX", "aged", "calibrate", "checked_mm_per_px", "fitted"]

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
    stored: Calibration | None = None,
) -> Calibration | None:
    """Choose the scale: what the camera says, else the calibration it names, else the one in force at its
    station and view, else the recipe's view.

    Parameters
    ----------
    mm_per_px : what the camera says.
    calibration : name of a calibration, as the camera gives it.
    view_mm_per_px : what the recipe says of this view.
    known : mm per pixel of each named calibration of the recipe.
    stored : the stored calibration of that name, or without a name the one in force; None if there is none.

    Returns
    -------
    None when nobody knows: the photo is still inspected, but its verdict is a recheck.
    """
    if mm_per_px is not None:
        return Calibration(checked_mm_per_px(mm_per_px), CalibrationSource.CAMERA)
    if stored is not None:
        return stored
    if calibration is not None:
        if calibration not in known:
            names = ", ".join(sorted(known)) or "none"
            raise UnknownNameError(
                f"There is no calibration named {calibration!r}.",
                hint=f"The recipe knows these: {names}; welt calibrate list shows the stored ones.",
            )
        return Calibration(checked_mm_per_px(known[calibration]), CalibrationSource.REFERENCE)
    if view_mm_per_px is not None:
        return Calibration(checked_mm_per_px(view_mm_per_px), CalibrationSource.RECIPE)
    return None


def aged(calibration: Calibration, *, now: datetime, max_age_days: float) -> Calibration:
    """The calibration, marked as stale when it was made, and last checked, longer ago than the limit.

    Parameters
    ----------
    now : aware.
    max_age_days : 0 for no limit.
    """
    if calibration.made_at is None or not max_age_days:
        return calibration
    since = max(calibration.made_at, calibration.checked_at or calibration.made_at)
    if now - since <= timedelta(days=max_age_days):
        return calibration
    return replace(calibration, problem=CalibrationProblem.STALE)


def fitted(
    calibration: Calibration, *, photo_size_px: tuple[int, int], lens_name: str | None = None
) -> Calibration:
    """The calibration, marked when the photo is of another size, or through another lens, than it is for.

    Parameters
    ----------
    photo_size_px : (width, height) of the upright photo.
    lens_name : what the camera says; None, when nobody says, fits every lens.
    """
    if calibration.photo_size_px not in (None, photo_size_px):
        return replace(calibration, problem=CalibrationProblem.PHOTO_SIZE)
    if None not in (lens_name, calibration.lens_name) and lens_name != calibration.lens_name:
        return replace(calibration, problem=CalibrationProblem.LENS)
    return calibration
