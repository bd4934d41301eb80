"""Learns a reference photo: the points and the structure that other photos are laid on. Once per recipe."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inspection.domain import ExpectedSeam, Foot, Zone
from inspection.errors import RecipeError
from inspection.locating import edges, features, placing
from inspection.locating.features import (
    FINE_SIDE_PX,
    FINER_SIDE_PX,
    MAX_REFERENCE_POINTS,
    PLENTY_OF_POINTS,
    STRUCTURE_SIDE_PX,
    Points,
)
from inspection.recipes import View

__all__ = ["MIN_REFERENCE_SIDE_PX", "Reference", "learn"]

MIN_REFERENCE_SIDE_PX = 240
"""Shorter side of the smallest reference photo: below it a stitch is less than a pixel on a whole shoe."""
MIN_REFERENCE_POINTS = 40
"""Points of interest on the part: with fewer, no photo could be laid on it for sure."""


@dataclass(frozen=True, eq=False)
class Reference:
    """A learnt reference photo.

    Attributes
    ----------
    size_px : (width, height) of the photo.
    foot : which shoe it shows; None when the recipe does not say.
    side_px : longer side of the reduced photo.
    points, mirrored : as the photo shows them, and as its mirror image does; the places of both are in the
        reduced photo as it is, not mirrored.
    to_reduced : (3, 3), from pixels of the photo to those of the reduced one.
    structure, mask : (h, w) float32 and uint8, of the part, at ``to_structure`` of the photo.
    patterns : the part's edges, one for each of `edges.SIDES_PX`.
    zones, seams, part_px : in pixels of the photo; ``part_px`` None when the recipe draws no outline.
    """

    size_px: tuple[int, int]
    foot: Foot | None
    side_px: int
    points: Points
    mirrored: Points
    to_reduced: npt.NDArray[np.float64]
    structure: npt.NDArray[np.float32]
    mask: npt.NDArray[np.uint8]
    to_structure: npt.NDArray[np.float64]
    patterns: tuple[edges.Pattern, ...]
    zones: tuple[Zone, ...]
    seams: tuple[ExpectedSeam, ...]
    part_px: npt.NDArray[np.float64] | None


def learn(rgb: npt.NDArray[np.uint8], view: View) -> Reference:
    """Learn the reference photo of a view.

    Parameters
    ----------
    rgb : (H, W, 3) uint8.
    view : with a reference.

    Raises
    ------
    RecipeError : the photo is too small, or the part shows nothing that could be found again.
    """
    height_px, width_px = rgb.shape[:2]
    if min(height_px, width_px) < MIN_REFERENCE_SIDE_PX:
        raise RecipeError(
            f"the reference photo has {width_px} x {height_px} pixels.",
            hint=f"Use a photo of at least {MIN_REFERENCE_SIDE_PX} pixels on its shorter side.",
        )
    zones = placing.locate(view, width_px=width_px, height_px=height_px)
    reference = view.reference
    drawn = None if reference is None else reference.outline
    part_px = None if drawn is None else placing.to_px(drawn, width_px=width_px, height_px=height_px)
    # Background stays where it is when the part moves, so nothing of it may be held on to.
    part = [zone.outline_px for zone in zones] if part_px is None else [part_px]

    for side_px in (FINE_SIDE_PX, FINER_SIDE_PX):
        grey, _ = features.reduced(rgb, side_px=side_px)
        size = (grey.shape[1], grey.shape[0])
        to_reduced = features.resampling((width_px, height_px), size)
        mask = features.filled([placing.transformed(to_reduced, outline) for outline in part], size)
        points = features.seen(grey, mask=mask, most=MAX_REFERENCE_POINTS)
        if len(points) >= PLENTY_OF_POINTS:
            break
    flipped = features.seen(
        np.ascontiguousarray(grey[:, ::-1]),
        mask=np.ascontiguousarray(mask[:, ::-1]),
        most=MAX_REFERENCE_POINTS,
    )
    unflipped = flipped.places * (-1, 1) + (size[0] - 1, 0)
    if len(points) < MIN_REFERENCE_POINTS:
        raise RecipeError(
            f"the reference photo shows too few points of interest on the part: {len(points)} of the "
            f"{MIN_REFERENCE_POINTS} that are needed to find it again.",
            hint="Use a sharp, well lit photo, and let the outline hold seams, edges or eyelets of the part.",
        )

    coarse = features.shrunk(grey, side_px=STRUCTURE_SIDE_PX)
    coarse_size = (coarse.shape[1], coarse.shape[0])
    to_structure = features.resampling((width_px, height_px), coarse_size)
    return Reference(
        size_px=(width_px, height_px),
        foot=None if reference is None else reference.foot,
        side_px=side_px,
        points=points,
        mirrored=Points(unflipped, flipped.looks),
        to_reduced=to_reduced,
        structure=features.structure(coarse),
        mask=features.filled([placing.transformed(to_structure, outline) for outline in part], coarse_size),
        to_structure=to_structure,
        patterns=tuple(
            edges.pattern(
                grey, part, photo_size=(width_px, height_px), side_px=each, outlined=part_px is not None
            )
            for each in edges.SIDES_PX
        ),
        zones=zones,
        seams=placing.locate_seams(view, width_px=width_px, height_px=height_px),
        part_px=part_px,
    )
