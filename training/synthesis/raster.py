"""The few OpenCV calls that the renderer needs, with exact types and one meaning each."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
U8 = npt.NDArray[np.uint8]
U16 = npt.NDArray[np.uint16]
Shape = tuple[int, int]


def f32(values: npt.ArrayLike) -> F32:
    """As float32, without a copy where it is already."""
    return np.asarray(values, dtype=np.float32)


def enlarge(values: F32, shape: Shape, *, cubic: bool = True) -> F32:
    """Values on a coarse grid, interpolated to ``shape`` (height, width)."""
    how = cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR
    return f32(cv2.resize(values, (shape[1], shape[0]), interpolation=how))


def shrink(values: F32, shape: Shape) -> F32:
    """Area means of the values on a coarser grid of ``shape`` (height, width)."""
    return f32(cv2.resize(values, (shape[1], shape[0]), interpolation=cv2.INTER_AREA))


def blur(values: F32, sigma_px: float) -> F32:
    """Gaussian blur; wide ones are made on a coarser grid, which is as smooth and much faster."""
    if sigma_px < 0.05:
        return values
    if sigma_px > 5:
        height, width = values.shape[:2]
        step = int(sigma_px / 2)
        small = shrink(values, (max(2, round(height / step)), max(2, round(width / step))))
        small = f32(cv2.GaussianBlur(small, (0, 0), sigma_px / step, borderType=cv2.BORDER_REPLICATE))
        return enlarge(small, (height, width))
    return f32(cv2.GaussianBlur(values, (0, 0), sigma_px, borderType=cv2.BORDER_REFLECT_101))


def look_up(table: F32, x: F32, y: F32, *, wrap: bool = False, cubic: bool = False) -> F32:
    """Values of ``table`` at fractional (x, y), bilinear or bicubic; outside it wraps or clamps."""
    how = cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR
    border = cv2.BORDER_WRAP if wrap else cv2.BORDER_REPLICATE
    return f32(cv2.remap(table, x, y, how, borderMode=border))


def nearest(table: U8 | U16, x: F32, y: F32) -> U8 | U16:
    """Values of ``table`` at the grid point nearest to each (x, y); outside it is 0."""
    out = cv2.remap(table, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(out, np.uint8) if table.dtype == np.uint8 else np.asarray(out, np.uint16)


def shift(values: F32, dx: float, dy: float) -> F32:
    """The values moved by (dx, dy) pixels, bilinear, with the border repeated."""
    height, width = values.shape[:2]
    matrix = np.array([[1, 0, dx], [0, 1, dy]], dtype=np.float64)
    moved = cv2.warpAffine(
        values, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return f32(moved)


def smoothstep(values: F32, low: float, high: float) -> F32:
    """0 below ``low``, 1 above ``high``, smooth between."""
    t = np.clip((values - np.float32(low)) / np.float32(high - low), 0, 1)
    return f32(t * t * (3 - 2 * t))


def spread(mask: F32) -> F32:
    """A mask (H, W) as (H, W, 3): elementwise work on equal shapes is far faster than broadcasting over 3."""
    return f32(cv2.merge((mask, mask, mask)))


def mix(target: F32, value: npt.ArrayLike, weight: F32) -> None:
    """Moves ``target`` towards ``value`` by ``weight`` (0..1), in place; a (H, W, 3) target takes RGB."""
    if target.ndim == 2:
        target += (f32(value) - target) * weight
        return
    goal = f32(value)
    if goal.ndim == 3:
        target += (goal - target) * spread(f32(weight))
        return
    for k in range(3):
        plane = target[..., k]
        plane += ((goal[k] if goal.ndim else goal) - plane) * weight
