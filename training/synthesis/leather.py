"""Nine families of leather: the height of the grain in millimetres, its colour and its finish."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, cos, radians, sin
from pathlib import Path

import cv2
import numpy as np

from inspection.errors import ConfigurationError
from training.synthesis import noise, photo_base
from training.synthesis.noise import CELL_PX, Cells, stream
from training.synthesis.raster import F32, blur, f32, look_up, mix, shrink, smoothstep
from training.synthesis.scene import Family, Leather
from training.synthesis.surface import Grid

_CELL_TILE_CELLS = 32
_CREASE_STRETCH = 2.5  # bent leather creases across the bend
_FIBRE_MM = 0.12  # width of what a hide is woven of: bundles of collagen
_UNEVEN_DYE = 0.6  # change of hue from fibre to fibre beside that of tone
_FIBRES_OF_LINT = 0.1  # the other pieces are specks
_FIBRE_BENDS = 6
_DARK_LINT = 0.15


@dataclass(eq=False)
class Skin:
    """A leather laid out flat on a grid: see `surface.Surface` for the maps."""

    height_mm: F32
    albedo: F32
    roughness: F32
    sheen: F32


def tan(leather: Leather, grid: Grid, photos: Path | None) -> Skin:
    """Lays the leather out on the grid; ``photos`` is where a leather made from a real photo finds it.

    Raises
    ------
    ConfigurationError : the leather is made from a photo, and that is not there.
    """
    if leather.photo is None:
        return FAMILIES[leather.family](leather, grid)
    if photos is None:
        raise ConfigurationError(
            f"the scene is made from the photo {leather.photo.name}, and no folder of photos was given",
            hint="Give the folder of data sets.",
        )
    height, albedo = photo_base.relief(
        leather, leather.photo, photos, shape=grid.shape, mm_per_px=grid.mm_per_px
    )
    return _finish(leather, grid, height, albedo)


def _along(leather: Leather, grid: Grid) -> tuple[F32, F32]:
    """Coordinates along and across the leather's own direction, in millimetres."""
    c, s = np.float32(cos(radians(leather.direction_deg))), np.float32(sin(radians(leather.direction_deg)))
    return f32(grid.x_mm * c + grid.y_mm * s), f32(grid.y_mm * c - grid.x_mm * s)


def _cells(
    rng: np.random.Generator,
    leather: Leather,
    grid: Grid,
    *,
    size_mm: float,
    variant: int,
    profile: Callable[[Cells], F32],
    warp: float = 0.3,
    ragged: float = 0.0,
) -> F32:
    """A profile of grain cells of ``size_mm``, stretched along the leather's direction.

    ``warp`` bends the pattern over several cells, ``ragged`` the outline of each cell; both in cells.
    """
    tile = profile(noise.cells(variant))
    cell_px = size_mm / grid.mm_per_px
    scale = CELL_PX
    if cell_px < CELL_PX:
        side = max(_CELL_TILE_CELLS, ceil(_CELL_TILE_CELLS * cell_px))
        tile = shrink(tile, (side, side))
        scale = side / _CELL_TILE_CELLS
    along, across = _along(leather, grid)
    k = scale / size_mm
    x = along * np.float32(k / leather.stretch) + np.float32(rng.uniform(0, tile.shape[1]))
    y = across * np.float32(k) + np.float32(rng.uniform(0, tile.shape[0]))
    if warp:
        period = 5 * cell_px
        x += np.float32(warp * scale) * noise.smooth(rng, grid.shape, period)
        y += np.float32(warp * scale) * noise.smooth(rng, grid.shape, period)
    if ragged and cell_px > 4:
        x += np.float32(ragged * scale) * noise.fractal(rng, grid.shape, 0.7 * cell_px, 2)
        y += np.float32(ragged * scale) * noise.fractal(rng, grid.shape, 0.7 * cell_px, 2)
    return look_up(tile, f32(x), f32(y), wrap=True, cubic=cell_px > 0.9 * CELL_PX)


def _dome(cells: Cells, *, width: float, level: float) -> F32:
    """0 in the valleys to about 1 on the tops, rounded; cells differ in height by ``level``."""
    rise = 1 - np.exp(-((cells.border / np.float32(width)) ** 1.5))
    return f32(rise * (1 + np.float32(level) * cells.level) * (1 - 0.35 * np.minimum(cells.centre, 1) ** 2))


def _creases(rng: np.random.Generator, leather: Leather, grid: Grid, *, period_mm: float) -> F32:
    """0..1, the fine lines where the leather has been bent, in patches."""
    shape = grid.shape
    period = max(3.0, period_mm / grid.mm_per_px)
    along, across = _along(leather, grid)
    tile = noise.fractal(rng, (512, 512), period, 3, 0.45)
    bend = np.float32(period) * noise.smooth(rng, shape, 3 * period)
    scale = np.float32(1 / grid.mm_per_px)
    field = look_up(
        tile, f32(along * scale / np.float32(_CREASE_STRETCH) + bend), f32(across * scale + bend), wrap=True
    )
    width = np.float32(0.055)
    line = np.exp(-((field / width) ** 2))
    net = _cells(
        rng,
        leather,
        grid,
        size_mm=0.3 * period_mm,
        variant=5,
        profile=lambda c: f32(np.exp(-((c.border / 0.035) ** 2))),
        warp=0.5,
        ragged=0.09,
    )
    line = 0.7 * np.maximum(line, net * np.clip(0.4 + 0.6 * noise.smooth(rng, shape, 0.4 * period), 0, 1))
    patch = smoothstep(noise.smooth(rng, shape, 4 * period), 0.9 - 1.8 * leather.creases, 1.6)
    return f32(line * patch)


def _pores(rng: np.random.Generator, leather: Leather, grid: Grid) -> F32:
    """0..1, hair pores: pits a tenth of a millimetre wide, at the asked number per square millimetre."""
    if leather.pores <= 0:
        return np.zeros(grid.shape, np.float32)
    spacing = leather.pores**-0.5
    radius = np.float32(0.07 / spacing)
    return _cells(
        rng,
        leather,
        grid,
        size_mm=spacing,
        variant=5,
        profile=lambda c: f32(np.exp(-((c.centre / radius) ** 2)) * (c.level > -0.2)),
        warp=0.2,
    )


def _coloured(
    rng: np.random.Generator, leather: Leather, grid: Grid, tone: F32, pale: F32 | None = None
) -> F32:
    """The leather's colour times ``tone``, with its drift of tone and hue over centimetres and lint on it.

    ``pale`` is the reflectance of what took no dye, added to all colours alike.
    """
    drift = noise.fractal(rng, grid.shape, 28.0 / grid.mm_per_px, 2)
    tone *= 1 + np.float32(leather.drift * 0.5) * drift
    tone += np.float32(leather.mottle * _unresolved(grid)) * _finest(rng, grid)
    hue = np.float32(leather.drift * 0.12) * noise.smooth(rng, grid.shape, 40.0 / grid.mm_per_px)
    red, green, blue = (np.float32(part) for part in leather.colour)
    hue += np.float32(_UNEVEN_DYE * leather.mottle * _unresolved(grid)) * noise.white(rng, grid.shape)
    planes = [tone * (red * (1 + hue)), tone * green, tone * (blue * (1 - hue))]
    if pale is not None:
        planes = [plane + pale for plane in planes]
    albedo = f32(cv2.merge([f32(np.clip(plane, 0.004, 0.92)) for plane in planes]))
    _strew(rng, leather, grid, albedo)
    return albedo


def _finest(rng: np.random.Generator, grid: Grid) -> F32:
    """Unit noise of what is as fine as a bundle of fibres."""
    return noise.fractal(rng, grid.shape, _FIBRE_MM / grid.mm_per_px, 2, 0.7)


def _strew(rng: np.random.Generator, leather: Leather, grid: Grid, albedo: F32) -> None:
    """Lays specks of dust and curved loose fibres on the leather, most of them pale."""
    area_cm2 = grid.shape[0] * grid.shape[1] * grid.mm_per_px**2 / 100
    cover = np.zeros(grid.shape, np.uint8)
    dark = np.zeros(grid.shape, np.uint8)
    for _ in range(int(rng.poisson(leather.lint * area_cm2))):
        target = dark if rng.random() < _DARK_LINT else cover
        x, y = rng.uniform(0, grid.shape[1]), rng.uniform(0, grid.shape[0])
        if rng.random() < _FIBRES_OF_LINT:
            step = float(rng.uniform(0.4, 2.0)) / grid.mm_per_px / _FIBRE_BENDS
            turn = float(rng.uniform(0, 2 * np.pi)) + np.cumsum(rng.normal(0, 0.35, _FIBRE_BENDS))
            points = np.column_stack([x + np.cumsum(np.cos(turn)) * step, y + np.cumsum(np.sin(turn)) * step])
            shown = round(255 * min(1.0, float(rng.uniform(0.02, 0.06)) / grid.mm_per_px))
            cv2.polylines(target, [np.rint(points * 16).astype(np.int32)], False, shown, 1, cv2.LINE_AA, 4)
        else:
            side = float(rng.uniform(0.03, 0.16)) / grid.mm_per_px
            shown = round(255 * min(1.0, side * side))
            if side < 1.5:
                target[int(y) : int(y) + 1, int(x) : int(x) + 1] = shown
            else:
                at = (round(x * 16), round(y * 16))
                cv2.circle(target, at, round(side * 8), shown, cv2.FILLED, cv2.LINE_AA, 4)
    for mask, tone in ((cover, 0.6), (dark, 0.03)):
        if mask.any():
            mix(albedo, (tone, tone, tone), f32(mask) * np.float32(1 / 255))


def _finish(
    leather: Leather,
    grid: Grid,
    height: F32,
    albedo: F32,
    *,
    roughness: F32 | None = None,
    nap: F32 | None = None,
) -> Skin:
    rough = np.full(grid.shape, leather.roughness, np.float32) if roughness is None else roughness
    sheen = np.full(grid.shape, leather.sheen, np.float32) if nap is None else nap
    return Skin(height, albedo, rough, sheen)


def _grained(leather: Leather, grid: Grid) -> Skin:
    """Full grain: fine cells, pores, creases where the hide has been bent."""
    rng = stream(leather.seed, "full grain")
    top = _cells(
        rng,
        leather,
        grid,
        size_mm=leather.grain_mm,
        variant=int(rng.integers(2, 5)),
        profile=lambda c: _dome(c, width=0.16, level=0.25),
        warp=0.45,
    )
    plump = 1 + 0.35 * noise.smooth(rng, grid.shape, 12 / grid.mm_per_px)
    pores = _pores(rng, leather, grid)
    creases = _creases(rng, leather, grid, period_mm=9)
    fine = noise.fractal(rng, grid.shape, 0.35 / grid.mm_per_px, 2)
    depth = np.float32(leather.depth_mm)
    height = depth * plump * top - 0.02 * pores - 0.02 * creases + np.float32(0.0016) * fine
    tone = 1 - np.float32(leather.valley) * (1 - np.clip(top, 0, 1)) - 0.1 * pores - 0.08 * creases
    tone += np.float32(0.005) * fine
    rough = f32(leather.roughness + 0.12 * (1 - np.clip(top, 0, 1)))
    return _finish(leather, grid, f32(height), _coloured(rng, leather, grid, f32(tone)), roughness=rough)


def _pebbled(leather: Leather, grid: Grid) -> Skin:
    """Tumbled or printed pebble: plump cells of millimetres, ragged, with a fine grain of their own."""
    rng = stream(leather.seed, "pebbled")
    shape = grid.shape
    width = float(rng.uniform(0.2, 0.34))
    ragged = float(rng.uniform(0.05, 0.14))
    big = _cells(
        rng,
        leather,
        grid,
        size_mm=leather.grain_mm,
        variant=int(rng.integers(1, 6)),
        profile=lambda c: _dome(c, width=width, level=0.3),
        warp=float(rng.uniform(0.1, 0.45)),
        ragged=ragged,
    )
    small = _cells(
        rng,
        leather,
        grid,
        size_mm=max(0.3, leather.grain_mm * float(rng.uniform(0.26, 0.42))),
        variant=5,
        profile=lambda c: _dome(c, width=0.25, level=0.4),
        warp=0.4,
        ragged=0.1,
    )
    plump = np.clip(1 + 0.3 * noise.smooth(rng, shape, 16 / grid.mm_per_px), 0.35, 1.7)
    creases = _creases(rng, leather, grid, period_mm=max(7.0, 4 * leather.grain_mm))
    fine = noise.fractal(rng, shape, 0.4 / grid.mm_per_px, 3, 0.7)
    depth = np.float32(leather.depth_mm)
    inner = float(rng.uniform(0.1, 0.3))
    rough_top = float(rng.uniform(0.002, 0.014))
    height = depth * plump * (big + np.float32(inner) * small * (1.2 - np.clip(big, 0, 1)))
    height += np.float32(rough_top) * fine * (0.3 + 0.7 * big) - 0.4 * depth * creases
    valley = 1 - np.clip(big * 1.15, 0, 1)
    tone = 1 - np.float32(leather.valley) * valley - 0.05 * (1 - small) - 0.1 * creases
    tone += np.float32(0.03) * fine * big
    rough = f32(leather.roughness + 0.25 * valley)
    return _finish(leather, grid, f32(height), _coloured(rng, leather, grid, f32(tone)), roughness=rough)


def _smooth(leather: Leather, grid: Grid) -> Skin:
    """Box calf and the like: nearly flat, faint pores and a breath of grain."""
    rng = stream(leather.seed, "smooth")
    shape = grid.shape
    top = _cells(
        rng,
        leather,
        grid,
        size_mm=leather.grain_mm,
        variant=4,
        profile=lambda c: _dome(c, width=0.2, level=0.3),
        warp=0.5,
    )
    pores = _pores(rng, leather, grid)
    creases = _creases(rng, leather, grid, period_mm=8)
    wave = noise.fractal(rng, shape, 3 / grid.mm_per_px, 3)
    fine = noise.white(rng, shape)
    height = np.float32(leather.depth_mm) * top - 0.012 * pores - 0.012 * creases
    height += np.float32(0.001) * wave + np.float32(rng.uniform(0.0005, 0.003)) * fine
    tone = 1 - np.float32(leather.valley) * (1 - np.clip(top, 0, 1)) - 0.12 * pores - 0.06 * creases
    tone += np.float32(0.002) * wave
    return _finish(leather, grid, f32(height), _coloured(rng, leather, grid, f32(tone)))


def _corrected(leather: Leather, grid: Grid) -> Skin:
    """Sanded, pigmented and printed: an even, shallow grain under an even colour."""
    rng = stream(leather.seed, "corrected")
    top = _cells(
        rng,
        leather,
        grid,
        size_mm=leather.grain_mm,
        variant=int(rng.integers(0, 3)),
        profile=lambda c: _dome(c, width=0.14, level=0.12),
        warp=0.3,
    )
    fine = noise.fractal(rng, grid.shape, 0.6 / grid.mm_per_px, 2)
    height = np.float32(leather.depth_mm) * top + np.float32(0.0012) * fine
    tone = 1 - np.float32(leather.valley * 0.5) * (1 - np.clip(top, 0, 1)) + np.float32(0.006) * fine
    return _finish(leather, grid, f32(height), _coloured(rng, leather, grid, f32(tone)))


def _fibres(
    rng: np.random.Generator, leather: Leather, grid: Grid, *, length_mm: float, width_mm: float
) -> F32:
    """Unit noise drawn out along the nap, whose direction wanders by some degrees."""
    along, across = _along(leather, grid)
    tile = noise.smooth(rng, (768, 768), max(1.3, width_mm / grid.mm_per_px))
    bend = noise.smooth(rng, grid.shape, 10 / grid.mm_per_px)
    ratio = max(1.0, length_mm / width_mm)
    x = along * np.float32(1 / (ratio * grid.mm_per_px)) + 2 * bend
    y = across * np.float32(1 / grid.mm_per_px) + 6 * bend
    return look_up(tile, f32(x), f32(y), wrap=True)


def _unresolved(grid: Grid) -> float:
    """How much of the contrast between fibre and gap falls within one pixel: less where pixels are fine."""
    return float(np.clip(grid.mm_per_px / 0.15, 0.35, 1.0))


def _nubuck(leather: Leather, grid: Grid) -> Skin:
    """Buffed grain: a short nap without shine, mottled, with brushed patches."""
    rng = stream(leather.seed, "nubuck")
    shape = grid.shape
    nap = _fibres(rng, leather, grid, length_mm=float(rng.uniform(0.12, 0.35)), width_mm=0.1)
    grit = noise.fractal(rng, shape, 0.25 / grid.mm_per_px, 2)
    brushed = noise.fractal(rng, shape, 18 / grid.mm_per_px, 3)
    depth = np.float32(leather.depth_mm)
    height = depth * (0.4 * nap + 0.3 * grit + 0.6 * _finest(rng, grid))
    tone = 1 + 0.02 * nap + 0.01 * grit + 0.03 * brushed
    pale = np.float32(rng.uniform(0.0, 0.008)) * np.maximum(_finest(rng, grid), 0)
    sheen = np.clip(leather.sheen * (1 + 0.4 * brushed), 0, 1)
    albedo = _coloured(rng, leather, grid, f32(tone), f32(pale))
    return _finish(leather, grid, f32(height), albedo, nap=f32(sheen))


def _suede(leather: Leather, grid: Grid) -> Skin:
    """Split leather: matted fibres with thin dark cracks between, undyed ends on top, brushed."""
    rng = stream(leather.seed, "suede")
    shape = grid.shape
    nap = _fibres(rng, leather, grid, length_mm=float(rng.uniform(0.2, 0.5)), width_mm=0.11)
    clumps = noise.fractal(rng, shape, leather.grain_mm / grid.mm_per_px, 3, 0.8)
    web = noise.fractal(rng, shape, leather.grain_mm / grid.mm_per_px, 3, 0.7) + 0.2 * nap
    open_ = smoothstep(noise.fractal(rng, shape, 1.2 * leather.grain_mm / grid.mm_per_px, 2), -0.2, 1.5)
    gaps = np.exp(-((web / np.float32(0.13)) ** 2)) * open_
    brushed = noise.fractal(rng, shape, 22 / grid.mm_per_px, 3, 0.6)
    depth = np.float32(leather.depth_mm)
    height = depth * (0.1 * clumps + 0.1 * nap + 0.6 * _finest(rng, grid) - 1.5 * gaps)
    tone = 1 + 0.01 * clumps + 0.01 * nap + 0.02 * brushed
    tone -= np.float32(0.25 + leather.valley) * gaps
    pale = np.float32(rng.uniform(0.004, 0.016)) * np.maximum(_finest(rng, grid) + 0.4 * nap, 0)
    sheen = np.clip(leather.sheen * (1 + 0.4 * brushed), 0, 1)
    albedo = _coloured(rng, leather, grid, f32(tone), f32(pale))
    return _finish(leather, grid, f32(height), albedo, nap=f32(sheen))


def _patent(leather: Leather, grid: Grid) -> Skin:
    """Lacquered: a mirror with a slight orange peel."""
    rng = stream(leather.seed, "patent")
    shape = grid.shape
    peel = noise.fractal(rng, shape, 2.4 / grid.mm_per_px, 2, 0.35)
    sag = noise.smooth(rng, shape, 18 / grid.mm_per_px)
    height = np.float32(leather.depth_mm) * peel + np.float32(0.22) * sag
    tone = np.ones(shape, np.float32)
    return _finish(leather, grid, f32(height), _coloured(rng, leather, grid, tone))


def _embossed(leather: Leather, grid: Grid) -> Skin:
    """Pressed under a plate: reptile scales, or the fine crossed lines of saffiano."""
    rng = stream(leather.seed, "embossed")
    if rng.random() < 0.5:
        top = _cells(
            rng,
            leather,
            grid,
            size_mm=leather.grain_mm * 2.2,
            variant=0,
            profile=lambda c: _dome(c, width=0.2, level=0.15),
            warp=0.15,
            ragged=0.03,
        )
        depth = leather.depth_mm * 1.3
    else:
        along, across = _along(leather, grid)
        pitch = max(0.55, leather.grain_mm * 0.3)
        wander = 0.6 * noise.smooth(rng, grid.shape, 30 / grid.mm_per_px)
        a = np.float32(2 * np.pi / pitch)
        one = np.cos(a * (0.94 * along + 0.34 * across) + wander)
        two = np.cos(a * (0.94 * along - 0.34 * across) - wander)
        top = f32(
            np.clip(
                0.5 + 0.25 * (one + two) + 0.1 * noise.smooth(rng, grid.shape, 0.5 / grid.mm_per_px), 0, 1.1
            )
        )
        depth = leather.depth_mm * 0.35
    fine = noise.fractal(rng, grid.shape, 0.5 / grid.mm_per_px, 2)
    height = np.float32(depth) * top + np.float32(0.002) * fine
    tone = 1 - np.float32(leather.valley) * (1 - np.clip(top, 0, 1)) + np.float32(0.012) * fine
    return _finish(leather, grid, f32(height), _coloured(rng, leather, grid, f32(tone)))


def _perforated(leather: Leather, grid: Grid) -> Skin:
    """Smooth leather with punched rows of holes: dark, sharp-edged and meant."""
    skin = _smooth(leather, grid)
    rng = stream(leather.seed, "perforated")
    along, across = _along(leather, grid)
    pitch = max(2.6, leather.grain_mm * 3)
    radius = pitch * rng.uniform(0.14, 0.24)
    row = np.floor(across / np.float32(pitch * 0.87))
    u = along / np.float32(pitch) + 0.5 * (row % 2)
    du = (u - np.floor(u) - 0.5) * np.float32(pitch)
    dv = (across / np.float32(pitch * 0.87) - row - 0.5) * np.float32(pitch * 0.87)
    gone = np.float32(radius) - np.sqrt(du * du + dv * dv)
    hole = np.clip(gone / np.float32(grid.mm_per_px) + 0.5, 0, 1)
    rim = np.exp(-((gone / np.float32(0.25)) ** 2))
    skin.height_mm -= f32(0.9 * hole + 0.05 * rim)
    skin.albedo *= f32(1 - 0.85 * hole)[..., None]
    skin.roughness = f32(np.maximum(skin.roughness, hole))
    return skin


FAMILIES: dict[Family, Callable[[Leather, Grid], Skin]] = {
    Family.FULL_GRAIN: _grained,
    Family.PEBBLED: _pebbled,
    Family.SMOOTH: _smooth,
    Family.CORRECTED: _corrected,
    Family.NUBUCK: _nubuck,
    Family.SUEDE: _suede,
    Family.PATENT: _patent,
    Family.EMBOSSED: _embossed,
    Family.PERFORATED: _perforated,
}


def soften(skin: Skin, grid: Grid, *, within_mm: float) -> F32:
    """The height without what is finer than ``within_mm``: the surface as a seam feels it."""
    return blur(skin.height_mm, within_mm / grid.mm_per_px)
