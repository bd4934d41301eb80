"""Panels of the upper: laying one leather over another, with its edge, its thickness and its padding."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.synthesis import leather
from training.synthesis.curves import Curve, distance_field, smooth_curve
from training.synthesis.raster import F32, f32, mix, smoothstep
from training.synthesis.scene import Edge, Panel
from training.synthesis.surface import Grid, Surface

_CUT_SEEN_MM = 0.14  # how wide a raw cut looks from above
_PAINT_SEEN_MM = 0.45


@dataclass(frozen=True, eq=False)
class Laid:
    """A panel as it lies: its edge, and for each grid point how far inside the panel it is."""

    edge: Curve
    inside_mm: F32


def edge_of(panel: Panel) -> Curve:
    """The edge of a panel as a curve."""
    return smooth_curve(panel.edge_mm)


def _rise(panel: Panel, inside: F32) -> F32:
    """Height of the panel's upper face above what it lies on, by distance from its edge."""
    t = np.float32(panel.thickness_mm)
    d = np.maximum(inside, 0)
    if panel.edge is Edge.RAW:
        rise = t - np.float32(0.12) * np.exp(-d / np.float32(0.18))
    elif panel.edge is Edge.SKIVED:
        rise = t * (0.4 + 0.6 * smoothstep(d, 0, 4.0)) - np.float32(0.1) * np.exp(-d / np.float32(0.2))
    elif panel.edge is Edge.PAINTED:
        r = np.float32(0.3)
        rise = t - np.float32(0.45) * t * (1 - np.sqrt(1 - np.clip(1 - d / r, 0, 1) ** 2))
    else:
        r = np.float32(0.9 * t)
        bead = np.sqrt(np.clip(1 - np.clip(1 - d / r, 0, 1) ** 2, 0, 1))
        rise = t * (0.15 + 1.0 * bead - 0.2 * smoothstep(d, 4.5, 6.5))
    rise = rise + np.float32(panel.lift_mm) * np.exp(-d / np.float32(1.5))
    if panel.padding_mm:
        rise = rise + np.float32(panel.padding_mm) * smoothstep(d, 2.0, 14.0)
    return f32(rise)


def lay(
    surface: Surface, panel: Panel, grid: Grid, *, level_mm: float, number: int, photos: Path | None
) -> Laid:
    """Puts the panel on the surface, whose smooth height there is ``level_mm``; it covers what is below."""
    edge = edge_of(panel)
    inside = distance_field(edge, grid)
    skin = leather.tan(panel.leather, grid, photos)
    _colour_edge(skin, panel, inside)
    cover = np.clip(inside / np.float32(grid.mm_per_px) + 0.5, 0, 1)
    flat_near_edge = 0.4 + 0.6 * smoothstep(inside, 0.0, 0.5)
    top = np.float32(level_mm) + _rise(panel, inside) + skin.height_mm * flat_near_edge
    mix(surface.height_mm, top, cover)
    mix(surface.albedo, skin.albedo, cover)
    mix(surface.roughness, skin.roughness, cover)
    mix(surface.sheen, skin.sheen, cover)
    hidden = cover > 0.5
    surface.shade[hidden] = 1
    surface.thread[hidden] = 0
    surface.kinds[hidden] = 0
    surface.instances[hidden] = 0
    surface.layer[hidden] = number
    return Laid(edge, inside)


def _colour_edge(skin: leather.Skin, panel: Panel, inside: F32) -> None:
    if panel.edge is Edge.FOLDED:
        return
    seen = _PAINT_SEEN_MM if panel.edge is Edge.PAINTED else _CUT_SEEN_MM
    band = 1 - smoothstep(inside, 0.6 * seen, 1.4 * seen)
    mix(skin.albedo, panel.edge_colour, band)
    mix(skin.roughness, 0.35 if panel.edge is Edge.PAINTED else 0.9, band)
    skin.sheen *= 1 - band
