"""Brings photos to the network's scale and cuts them into tiles, for training, export check and service
alike.

Everything here is pure and depends on sizes and scales alone: photos of one size always give the same
tiles, so the runtime meets the same few shapes again and again. Colour stays RGB uint8: mean and variance
live in the network's graph.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from inspection.errors import ScaleError

__all__ = ["Tile", "blend", "cut", "fit_grid", "model_size", "pad", "plan_tiles", "to_model_scale"]

MAX_ENLARGEMENT = 8.0
"""A photo coarser than this many model pixels shows nothing that the model knows, and would fill the
memory."""
MAX_MODEL_PIXELS = 120_000_000
"""Pixels at model scale beyond which one photo is refused: 360 MB of RGB, minutes of inference."""
SAME_SCALE = 0.01
"""Scales that differ by less are the same: resampling would blur more than it corrects."""

Rgb = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Tile:
    """A rectangle of the padded photo, in model-scale pixels."""

    x: int
    y: int
    width: int
    height: int


def model_size(
    size_px: tuple[int, int], *, photo_mm_per_px: float | None, model_mm_per_px: float
) -> tuple[int, int]:
    """Width and height of a photo once it is at model scale.

    Parameters
    ----------
    size_px : (width, height) of the photo.
    photo_mm_per_px : scale of the photo; None leaves its size as it is, since nothing better is known.
    model_mm_per_px : scale that the network was trained at.
    """
    if photo_mm_per_px is None:
        return size_px
    factor = photo_mm_per_px / model_mm_per_px
    if abs(factor - 1.0) < SAME_SCALE:
        return size_px
    if factor > MAX_ENLARGEMENT:
        raise ScaleError(
            f"one photo pixel covers {photo_mm_per_px:g} mm, but the model works at {model_mm_per_px:g} mm",
            hint=f"Take the photo from nearer: at most {MAX_ENLARGEMENT * model_mm_per_px:g} mm per pixel.",
        )
    width, height = (max(1, round(side * factor)) for side in size_px)
    if width * height > MAX_MODEL_PIXELS:
        raise ScaleError(
            f"at {model_mm_per_px:g} mm per pixel the photo would have {width} x {height} pixels",
            hint="Check mm_per_px, or send the part in several photos.",
        )
    return width, height


def to_model_scale(rgb: Rgb, *, photo_mm_per_px: float | None, model_mm_per_px: float) -> Rgb:
    """Resample a photo so that one pixel covers ``model_mm_per_px``.

    Parameters
    ----------
    rgb : (H, W, 3) uint8.
    photo_mm_per_px : scale of the photo; None leaves the photo as it is.

    Returns
    -------
    (H', W', 3) uint8. Shrinking averages areas, so that thin scratches fade instead of breaking up;
    enlarging is cubic.
    """
    height, width = rgb.shape[:2]
    size = model_size((width, height), photo_mm_per_px=photo_mm_per_px, model_mm_per_px=model_mm_per_px)
    if size == (width, height):
        return rgb
    shrinking = size[0] * size[1] < width * height
    resized = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_CUBIC)
    return np.asarray(resized, dtype=np.uint8)


def _padded(side: int, multiple: int) -> int:
    return math.ceil(side / multiple) * multiple


def _spans(side: int, *, tile_px: int, overlap_px: int, multiple: int) -> tuple[list[int], int]:
    """Starts of the fewest tiles of at most ``tile_px`` that cover a padded side, and how long they are.

    The tiles are then as short as that number allows: what neighbours share beyond the overlap is paid for
    twice and gains nothing.
    """
    if side <= tile_px:
        return [0], side

    def starts(length: int) -> list[int]:
        step = max(multiple, (length - overlap_px) // multiple * multiple)
        return [*range(0, side - length, step), side - length]

    fewest = len(starts(tile_px))
    lengths = range(multiple * (overlap_px // multiple + 1), tile_px + 1, multiple)
    length = next(length for length in lengths if len(starts(length)) == fewest)
    return starts(length), length


def plan_tiles(width: int, height: int, *, tile_px: int, overlap_px: int, multiple: int) -> tuple[Tile, ...]:
    """Lay tiles over a photo of ``width`` x ``height`` model-scale pixels.

    A photo that fits into one tile is one tile, as large as the photo padded to ``multiple``; a larger one
    is covered by the fewest tiles of at most ``tile_px`` that share at least ``overlap_px`` with their
    neighbours, all of one size. All corners are multiples of ``multiple``, so output grids of any stride that
    divides it line up.

    Parameters
    ----------
    tile_px : longest side of a tile, a multiple of ``multiple``.
    overlap_px : least overlap, less than ``tile_px``.
    """
    if tile_px % multiple or not 0 <= overlap_px < tile_px:
        raise ValueError(f"tile_px {tile_px} and overlap_px {overlap_px} do not suit multiple {multiple}")
    lefts, across = _spans(
        _padded(width, multiple), tile_px=tile_px, overlap_px=overlap_px, multiple=multiple
    )
    tops, down = _spans(_padded(height, multiple), tile_px=tile_px, overlap_px=overlap_px, multiple=multiple)
    return tuple(Tile(x, y, across, down) for y in tops for x in lefts)


def pad(rgb: Rgb, *, multiple: int) -> Rgb:
    """Mirror a photo at its right and bottom edge until both sides are multiples of ``multiple``."""
    height, width = rgb.shape[:2]
    right, bottom = _padded(width, multiple) - width, _padded(height, multiple) - height
    if right == 0 and bottom == 0:
        return rgb
    mirrored = cv2.copyMakeBorder(rgb, 0, bottom, 0, right, cv2.BORDER_REFLECT_101)
    return np.asarray(mirrored, dtype=np.uint8)


def cut(padded: Rgb, tile: Tile) -> Rgb:
    """Pixels of one tile of a padded photo, a view where the tile is the whole photo."""
    piece = padded[tile.y : tile.y + tile.height, tile.x : tile.x + tile.width]
    return np.ascontiguousarray(piece)


def _ramp(length: int, *, rises: bool, falls: bool, over: int) -> npt.NDArray[np.float32]:
    """Weights along one side of a tile: full inside, falling towards edges that a neighbour covers."""
    weights = np.ones(length, np.float32)
    slope = (np.arange(over, dtype=np.float32) + 0.5) / over if over else np.empty(0, np.float32)
    if rises:
        weights[:over] = slope
    if falls:
        weights[length - over :] = np.minimum(weights[length - over :], slope[::-1])
    return weights


def blend(
    planes: Sequence[npt.NDArray[np.float32]], tiles: Sequence[Tile], *, stride: int, overlap_px: int
) -> npt.NDArray[np.float32]:
    """Join the outputs of overlapping tiles into one grid.

    Parameters
    ----------
    planes : one (K, tile height / stride, tile width / stride) array per tile.
    tiles : as ``plan_tiles`` gave them.

    Returns
    -------
    (K, h, w) float32 over the padded photo. Where tiles overlap it is their weighted mean, so probabilities
    that sum to 1 still do, and no seam shows.
    """
    if len(tiles) == 1:
        return planes[0]
    width = max(tile.x + tile.width for tile in tiles)
    height = max(tile.y + tile.height for tile in tiles)
    over = overlap_px // stride
    total = np.zeros((planes[0].shape[0], height // stride, width // stride), np.float32)
    weight = np.zeros(total.shape[1:], np.float32)
    for plane, tile in zip(planes, tiles, strict=True):
        across = _ramp(plane.shape[2], rises=tile.x > 0, falls=tile.x + tile.width < width, over=over)
        down = _ramp(plane.shape[1], rises=tile.y > 0, falls=tile.y + tile.height < height, over=over)
        share = down[:, None] * across[None, :]
        top, left = tile.y // stride, tile.x // stride
        where = (slice(top, top + plane.shape[1]), slice(left, left + plane.shape[2]))
        total[:, where[0], where[1]] += plane * share
        weight[where] += share
    return np.divide(total, weight, dtype=np.float32)


def fit_grid(
    grid: npt.NDArray[np.float32], *, size_px: tuple[int, int], stride: int
) -> npt.NDArray[np.float32]:
    """Cut the padding off a grid so that it shares its outer edges with the photo.

    Parameters
    ----------
    grid : (K, h, w) over the padded photo, ``stride`` model-scale pixels per cell.
    size_px : (width, height) of the photo at model scale.

    Returns
    -------
    (K, ceil(height / stride), ceil(width / stride)) float32. Where a side is no multiple of ``stride``,
    cells shrink by less than one part in their number, by linear interpolation.
    """
    width, height = size_px
    columns, rows = math.ceil(width / stride), math.ceil(height / stride)
    if width % stride == 0 and height % stride == 0:
        return np.ascontiguousarray(grid[:, :rows, :columns])
    step_x, step_y = width / columns / stride, height / rows / stride
    matrix = np.array([[step_x, 0.0, (step_x - 1) / 2], [0.0, step_y, (step_y - 1) / 2]])
    fitted = [
        cv2.warpAffine(
            plane,
            matrix,
            (columns, rows),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        for plane in grid
    ]
    return np.stack(fitted).astype(np.float32, copy=False)
