"""The maps that are lit: height, colour and finish of the surface on a regular grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.synthesis.raster import F32, F64, U8, U16, Shape, f32
from training.synthesis.scene import Scene


@dataclass(frozen=True, eq=False)
class Grid:
    """The grid on which a surface is made: the photo's own pixels, untilted, with a border for tilt and blur.

    Attributes
    ----------
    shape : (height, width) with the border. border_px : on every side.
    x_mm, y_mm : (height, width) float32, place of each grid point; (0, 0) is the photo's first pixel.
    """

    shape: Shape
    mm_per_px: float
    border_px: int
    x_mm: F32
    y_mm: F32

    def to_px(self, points_mm: F64) -> F64:
        """Grid pixels (x, y) of points in millimetres."""
        return np.asarray(points_mm, np.float64) / self.mm_per_px + self.border_px

    def window(self, low_mm: F64, high_mm: F64) -> tuple[slice, slice] | None:
        """The rows and columns that hold a box in millimetres, or None where it lies outside the grid."""
        left, top = np.floor(self.to_px(low_mm)).astype(int)
        right, bottom = np.ceil(self.to_px(high_mm)).astype(int) + 1
        rows = slice(max(0, int(top)), min(self.shape[0], int(bottom)))
        columns = slice(max(0, int(left)), min(self.shape[1], int(right)))
        if rows.start >= rows.stop or columns.start >= columns.stop:
            return None
        return rows, columns


def make_grid(scene: Scene, *, border_px: int) -> Grid:
    """The grid of a scene."""
    shape = (scene.height_px + 2 * border_px, scene.width_px + 2 * border_px)
    across = f32((np.arange(shape[1]) - border_px) * scene.mm_per_px)
    down = f32((np.arange(shape[0]) - border_px) * scene.mm_per_px)
    x_mm, y_mm = np.meshgrid(across, down)
    return Grid(shape, scene.mm_per_px, border_px, f32(x_mm), f32(y_mm))


@dataclass(eq=False)
class Surface:
    """The maps while they are being made; every step of the renderer changes them in place.

    Attributes
    ----------
    height_mm : (H, W) above the lowest layer. albedo : (H, W, 3) linear RGB reflectance.
    roughness, sheen : (H, W), see `scene.Leather`. shade : (H, W) light that reaches the point, 1 all, 0
        none, for
        depths too steep for the height field, such as needle holes.
    thread : (H, W) 0..1 cover of sewing thread. kinds : (H, W) index into the list of kinds, 0 sound.
    instances : (H, W) 1-based number of the defect that shows there, 0 none.
    layer : (H, W) number of panels that lie above the base there, or -1 beside the shoe.
    """

    height_mm: F32
    albedo: F32
    roughness: F32
    sheen: F32
    shade: F32
    thread: F32
    kinds: U8
    instances: U16
    layer: U8


def mark(surface: Surface, where: tuple[slice, slice], cover: F32, *, kind: int, instance: int) -> int:
    """Writes a defect into the truth where its cover is over a half; gives the number of pixels written."""
    hit = cover > 0.5
    surface.kinds[where][hit] = kind
    surface.instances[where][hit] = instance
    return int(hit.sum())
