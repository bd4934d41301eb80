"""Measures by how much a network sees the edges of panels outside the panels, so that margins allow for it.

An edge is a step with a shadow beside it, and its maximum on the network's map does not lie on the step
itself. How far off it lies is the same for every photo, near enough, so it is measured once per network, on
rendered scenes like those it learned from, and goes into its manifest.
"""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np

from inspection import runtime
from inspection.domain import Calibration, CalibrationSource
from inspection.registry import Model
from inspection.seams.frame import Frame
from inspection.seams.lines import meant_line
from inspection.seams.margins import Walk, find_margins
from inspection.seams.points import Planes, planes_of
from training.recipe import Recipe
from training.scenes import HELD_OUT, is_held_out
from training.synthesis.render import render
from training.synthesis.sampling import Request, sample
from training.synthesis.scene import Family
from training.synthesis.truth import RowTruth

__all__ = ["edge_outward_mm"]

LOG = logging.getLogger(__name__)
SCENES = 40
SIDE_PX = 512
SEED_APART = 11
"""Added to the recipe's seed: these scenes are neither learned from nor scored on."""
FEWEST_ROWS = 8
"""On fewer rows the mean says nothing."""
FEWEST_HOLES = 8
MOST_MM = 0.5
"""A network that is farther off takes other lines for edges; nothing that is taken off mends that."""


def _margin_error_mm(row: RowTruth, planes: Planes, frame: Frame) -> float | None:
    """Median of measured less true margin of one row, its holes given; None where no edge is seen."""
    sound = len(row.margin_mm) >= FEWEST_HOLES and bool(row.visible.all() and row.formed.all())
    if not sound:
        return None
    at_mm = frame.to_mm(row.holes_px)
    line = meant_line(at_mm, closed=False)
    (found,) = find_margins([Walk(at_mm, row.holes_px, line, closed=False)], planes, frame)
    if found is None:
        return None
    error = found.margin_mm - row.margin_mm
    return float(np.nanmedian(error)) if np.isfinite(error).any() else None


def edge_outward_mm(recipe: Recipe, model: Model, *, scenes: int = SCENES) -> float:
    """Median over rows, in mm at the recipe's scale; positive where edges are seen too far out.

    The holes of the rows are given, so that only the edge is judged. Returns 0 for a recipe without scenes or
    a network without stitch planes, where too few rows run along an edge, and for a network that does not see
    edges yet.
    """
    if recipe.data.scenes is None or not model.manifest.stitch_planes:
        return 0.0
    # What the manifest says already would be taken off what is measured.
    spec = replace(model.spec, edge_outward_mm=0.0)
    frame = Frame(Calibration(recipe.mm_per_px, CalibrationSource.REFERENCE))
    request = Request(
        side_px=SIDE_PX,
        mm_per_px=(recipe.mm_per_px, recipe.mm_per_px),
        sound=1.0,
        leather_only=0.0,
        families=tuple(family.value for family in Family if family not in HELD_OUT),
    )
    errors: list[float] = []
    for index in range(scenes):
        scene = sample(request, seed=recipe.seed + SEED_APART, index=index)
        if is_held_out(scene):
            continue
        # Seen from straight above, so that pixels are millimetres.
        straight = replace(scene.camera, tilt_x=0.0, tilt_y=0.0, distortion=0.0)
        made = render(replace(scene, camera=straight))
        maps = runtime.infer(model.network, made.rgb, photo_mm_per_px=recipe.mm_per_px, spec=spec)
        planes = planes_of(maps, spec)
        if planes is not None:
            rows = (_margin_error_mm(row, planes, frame) for row in made.truth.rows)
            errors += [error for error in rows if error is not None]
    if len(errors) < FEWEST_ROWS:
        return 0.0
    outward_mm = float(np.median(errors))
    if abs(outward_mm) > MOST_MM:
        LOG.warning("edges are seen %.2f mm off, so they are not seen: margins allow for nothing", outward_mm)
        return 0.0
    return round(outward_mm, 3)
