"""Repeatable noise and cell patterns, cut from tiles that are the same in every process.

A tile is made once per process from a fixed seed, so which worker renders a scene never changes its bytes;
the scene's own seeds decide where each tile is cut, turned and stretched.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import lru_cache
from math import ceil

import numpy as np

from training.synthesis.raster import F32, Shape, enlarge, f32

_TILE_PX = 1024
_TILE_SEED = 20260101
CELL_PX = 24.0
_CELLS_ACROSS = 32
CELL_VARIANTS = 6


def stream(seed: int, *tags: str | int) -> np.random.Generator:
    """A random stream of its own for one purpose: the same seed and tags always give the same numbers."""
    words = [zlib.crc32(tag.encode()) if isinstance(tag, str) else tag for tag in tags]
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence([seed, *words])))


@lru_cache(maxsize=1)
def _white() -> F32:
    tile = stream(_TILE_SEED, "white").standard_normal((_TILE_PX, _TILE_PX), dtype=np.float32)
    tile.flags.writeable = False
    return tile


def white(rng: np.random.Generator, shape: Shape) -> F32:
    """Unit normal noise, one independent value per pixel (it repeats after 1024 pixels)."""
    rows = (int(rng.integers(_TILE_PX)) + np.arange(shape[0])) % _TILE_PX
    columns = (int(rng.integers(_TILE_PX)) + np.arange(shape[1])) % _TILE_PX
    if rng.random() < 0.5:
        rows = rows[::-1]
    if rng.random() < 0.5:
        columns = columns[::-1]
    cut = _white()[rows][:, columns]
    return cut if rng.random() < 0.5 or shape[0] != shape[1] else f32(cut.T)


def smooth(rng: np.random.Generator, shape: Shape, period_px: float) -> F32:
    """Noise of about unit variance whose features are ``period_px`` wide."""
    if period_px <= 1.2:
        return white(rng, shape)
    small = (ceil(shape[0] / period_px) + 3, ceil(shape[1] / period_px) + 3)
    grown = (round(small[0] * period_px), round(small[1] * period_px))
    field = white(rng, small)
    if period_px >= 32:  # bicubic to a quarter of the size, then linear: as smooth, and three times faster
        field = enlarge(field, (grown[0] // 4, grown[1] // 4))
        field = enlarge(field, grown, cubic=False)
    else:
        field = enlarge(field, grown)
    top = int(rng.integers(max(1, grown[0] - shape[0])))
    left = int(rng.integers(max(1, grown[1] - shape[1])))
    return f32(field[top : top + shape[0], left : left + shape[1]] * np.float32(1.4))


def fractal(rng: np.random.Generator, shape: Shape, period_px: float, octaves: int, gain: float = 0.5) -> F32:
    """Sum of noises, each half as wide as the last and ``gain`` times as strong; about unit variance."""
    total = np.zeros(shape, np.float32)
    weight, power = 1.0, 0.0
    for octave in range(octaves):
        period = period_px / 2**octave
        if period < 1.0 and octave:
            break
        total += np.float32(weight) * smooth(rng, shape, period)
        power += weight * weight
        weight *= gain
    return f32(total / np.float32(power**0.5))


@dataclass(frozen=True, eq=False)
class Cells:
    """A periodic tile of grain cells, `CELL_PX` pixels each on average.

    Attributes
    ----------
    border : (S, S) float32, distance to the cell's border in units of the mean cell size.
    level : (S, S) float32, one random number -1..1 per cell.
    centre : (S, S) float32, distance to the cell's centre in units of the mean cell size.
    """

    border: F32
    level: F32
    centre: F32


@lru_cache(maxsize=CELL_VARIANTS)
def cells(variant: int) -> Cells:
    """One of `CELL_VARIANTS` cell tiles, from the most regular (0) to the least."""
    rng = stream(_TILE_SEED, "cells", variant)
    n = _CELLS_ACROSS
    jitter = 0.55 + 0.45 * variant / (CELL_VARIANTS - 1)
    offset = f32(0.5 + jitter * (rng.random((n, n, 2)) - 0.5))
    offset[1::2, :, 0] += np.float32(0.5)  # brick rows: six neighbours rather than four
    level = f32(rng.uniform(-1, 1, (n, n)))
    side = int(n * CELL_PX)
    axis = f32((np.arange(side) + 0.5) / CELL_PX)
    x, y = np.meshgrid(axis, axis)
    strips = [_nearest_two(x[top : top + 48], y[top : top + 48], offset, level) for top in range(0, side, 48)]
    border, first_level, centre = (np.concatenate(parts) for parts in zip(*strips, strict=True))
    tile = Cells(border=f32(border), level=f32(first_level), centre=f32(centre))
    for values in (tile.border, tile.level, tile.centre):
        values.flags.writeable = False
    return tile


def _nearest_two(x: F32, y: F32, offset: F32, level: F32) -> tuple[F32, F32, F32]:
    """Distance to the border between the two nearest centres, the nearest one's level, and its distance."""
    n = len(level)
    column, row = np.floor(x).astype(np.int32), np.floor(y).astype(np.int32)
    first = np.full(x.shape, np.inf, np.float32)
    second = np.full(x.shape, np.inf, np.float32)
    first_x, first_y = np.zeros_like(first), np.zeros_like(first)
    second_x, second_y = np.zeros_like(first), np.zeros_like(first)
    first_level = np.zeros_like(first)
    for dy in range(-2, 3):
        for dx in range(-2, 3):
            i, j = (row + dy) % n, (column + dx) % n
            px = f32(offset[i, j, 0] + (column + dx))
            py = f32(offset[i, j, 1] + (row + dy))
            d = f32((x - px) ** 2 + (y - py) ** 2)
            nearer = d < first
            next_nearer = ~nearer & (d < second)
            second = np.where(nearer, first, np.where(next_nearer, d, second))
            second_x = np.where(nearer, first_x, np.where(next_nearer, px, second_x))
            second_y = np.where(nearer, first_y, np.where(next_nearer, py, second_y))
            first = np.where(nearer, d, first)
            first_x = np.where(nearer, px, first_x)
            first_y = np.where(nearer, py, first_y)
            first_level = np.where(nearer, level[i, j], first_level)
    apart = np.sqrt((second_x - first_x) ** 2 + (second_y - first_y) ** 2)
    return f32((second - first) / (2 * apart)), f32(first_level), f32(np.sqrt(first))
