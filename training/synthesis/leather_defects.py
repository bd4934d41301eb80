"""Eighteen faults of leather, drawn into height, colour and finish, with the area each takes as truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from math import cos, pi, radians, sin

import numpy as np

from inspection.errors import UnknownNameError
from training.synthesis import noise
from training.synthesis.noise import stream
from training.synthesis.raster import F32, F64, blur, f32, mix, smoothstep
from training.synthesis.scene import Family, LeatherDefect
from training.synthesis.seams import distance_to_segment
from training.synthesis.stitch_defects import Size
from training.synthesis.surface import Grid, Surface, mark

SIZES: dict[str, Size] = {
    "cut": Size("length of the cut", 3.0, 8.0, 20.0),
    "hole": Size("diameter", 0.8, 1.6, 4.0),
    "pinhole": Size("diameter", 0.25, 0.4, 0.7),
    "scratch": Size("length of the scratch", 4.0, 12.0, 35.0),
    "wrinkle": Size("length of the fold", 8.0, 18.0, 40.0),
    "scar": Size("length of the healed wound", 4.0, 10.0, 25.0),
    "grain_damage": Size("diameter of the place without grain", 1.5, 4.0, 10.0),
    "stain": Size("diameter", 1.5, 5.0, 15.0),
    "glue_mark": Size("diameter of the smear", 1.5, 5.0, 14.0),
    "colour_difference": Size("diameter of the place", 8.0, 18.0, 40.0),
    "loose_grain": Size("diameter of the place", 8.0, 16.0, 35.0),
    "finish_crack": Size("length of the cracked place", 3.0, 8.0, 18.0),
    "burn": Size("diameter", 1.0, 2.5, 6.0),
    "insect_bite": Size("diameter", 0.8, 1.5, 3.0),
    "vein": Size("length", 10.0, 22.0, 45.0),
    "pipe_wrinkle": Size("length of the wrinkled place", 8.0, 16.0, 35.0),
    "water_mark": Size("diameter", 5.0, 12.0, 30.0),
    "scuff": Size("length of the rubbed place", 3.0, 7.0, 18.0),
}

NOT_ON: dict[str, frozenset[Family]] = {
    "finish_crack": frozenset({Family.SUEDE, Family.NUBUCK}),
    "grain_damage": frozenset({Family.SUEDE}),
    "loose_grain": frozenset({Family.SUEDE}),
    "pipe_wrinkle": frozenset({Family.SUEDE}),
}
"""Families on which a fault cannot be: suede has neither grain nor finish, nubuck no finish."""


def fits(kind: str, family: Family) -> bool:
    """Whether a leather of that family can have that fault."""
    return family not in NOT_ON.get(kind, frozenset())


@dataclass(eq=False)
class _Place:
    """The window of the surface that a defect touches, as views that are changed in place.

    ``u_mm``, ``v_mm`` run along and across the defect from its middle; ``px`` is the grid's mm per pixel.
    """

    defect: LeatherDefect
    rng: np.random.Generator
    px: float
    u_mm: F32
    v_mm: F32
    height: F32
    albedo: F32
    roughness: F32
    sheen: F32
    shade: F32

    @property
    def shape(self) -> tuple[int, int]:
        return self.u_mm.shape[0], self.u_mm.shape[1]

    def noise(self, period_mm: float, octaves: int = 3, gain: float = 0.5) -> F32:
        return noise.fractal(self.rng, self.shape, max(1.0, period_mm / self.px), octaves, gain)

    def edge(self, inside_mm: F32, soft_mm: float = 0.0) -> F32:
        """0..1 cover of a shape from the distance inside it, antialiased, or softer."""
        wide = max(self.px, soft_mm)
        return f32(np.clip(inside_mm / np.float32(wide) + 0.5, 0, 1))


def draw(surface: Surface, defect: LeatherDefect, grid: Grid, *, instance: int, kind: int) -> None:
    """Draws the defect where its layer is on top, and writes it into the truth."""
    if defect.kind not in SIZES:
        raise UnknownNameError(
            f"there is no leather defect {defect.kind!r}", hint=f"Known: {', '.join(SIZES)}."
        )
    middle = np.array([defect.x_mm, defect.y_mm])
    reach = 0.75 * max(defect.size_mm, defect.length_mm) + 4.0
    at = grid.window(middle - reach, middle + reach)
    if at is None:
        return
    c, s = np.float32(cos(radians(defect.angle_deg))), np.float32(sin(radians(defect.angle_deg)))
    x, y = grid.x_mm[at] - np.float32(defect.x_mm), grid.y_mm[at] - np.float32(defect.y_mm)
    place = _Place(
        defect=defect,
        rng=stream(defect.seed, defect.kind),
        px=grid.mm_per_px,
        u_mm=f32(x * c + y * s),
        v_mm=f32(y * c - x * s),
        height=surface.height_mm[at].copy(),
        albedo=surface.albedo[at].copy(),
        roughness=surface.roughness[at].copy(),
        sheen=surface.sheen[at].copy(),
        shade=surface.shade[at].copy(),
    )
    cover = _DRAW[defect.kind](place)
    here = surface.layer[at] == defect.layer
    surface.height_mm[at][here] = place.height[here]
    surface.albedo[at][here] = place.albedo[here]
    surface.roughness[at][here] = place.roughness[here]
    surface.sheen[at][here] = place.sheen[here]
    surface.shade[at][here] = place.shade[here]
    mark(surface, at, f32(cover * here), kind=kind, instance=instance)


def _wander(place: _Place, length_mm: float, *, bend: float, wobble_mm: float = 0.0) -> F64:
    """Points of a line through the middle that bends and wobbles."""
    count = int(np.clip(length_mm / 0.8, 6, 48))
    t = np.linspace(-0.5, 0.5, count)
    v = (
        bend
        * length_mm
        * (place.rng.normal() * (t * t - 0.08) + 0.3 * place.rng.normal() * np.sin(2 * pi * t))
    )
    v = v + wobble_mm * np.convolve(place.rng.standard_normal(count + 4), np.ones(5) / 5, mode="valid")
    return np.stack([t * length_mm, v], -1)


def _to_line(place: _Place, points: F64) -> tuple[F32, F32]:
    """Distance to a polyline and the share 0..1 of the way along it of the nearest point."""
    best = np.full(place.shape, np.inf, np.float32)
    share = np.zeros(place.shape, np.float32)
    for k, (a, b) in enumerate(pairwise(points)):
        d = distance_to_segment(place.u_mm, place.v_mm, a, b)
        nearer = d < best
        np.copyto(best, d, where=nearer)
        np.copyto(share, np.float32(k / (len(points) - 1)), where=nearer)
    return best, share


def _taper(share: F32, sharp: float = 0.6) -> F32:
    """1 in the middle of a line, 0 at both ends."""
    return f32(np.clip(4 * share * (1 - share), 0, 1) ** np.float32(sharp))


def _blob(place: _Place, *, ragged: float, stretch: float = 1.0) -> F32:
    """Distance inside (positive) a roundish place of the defect's size, with a ragged outline."""
    radius = np.float32(place.defect.size_mm / 2)
    d = np.hypot(place.u_mm / np.float32(stretch), place.v_mm)
    angle = np.arctan2(place.v_mm, place.u_mm)
    shape = np.zeros(place.shape, np.float32)
    for k in (2, 3, 4, 5, 7, 11):
        shape += np.float32(place.rng.normal(0, 1.15 * ragged / k)) * np.cos(
            k * angle + np.float32(place.rng.uniform(0, 6))
        )
    # Ragged at the outline alone: in the middle every direction meets, and would draw a star.
    shape *= smoothstep(f32(d / radius), 0.0, 0.9)
    return f32(radius * (1 + shape) - d)


def _scratch(place: _Place) -> F32:
    d = place.defect
    line = _wander(place, d.size_mm, bend=0.12, wobble_mm=0.08)
    away, share = _to_line(place, line)
    width = np.float32(0.05 + 0.14 * d.strength * place.rng.uniform(0.4, 1.0))
    broken = (0.45 + 0.55 * smoothstep(place.noise(2.5, 4, 0.7), -0.9, 0.6)) * _taper(share, 0.35)
    core = np.exp(-((away / width) ** 2)) * broken
    burr = np.exp(-(((away - 1.5 * width) / width) ** 2)) * broken
    place.height -= f32(0.06 * d.strength * core)
    place.height += f32(0.02 * d.strength * burr)
    pale = place.rng.random() < 0.6
    base = place.albedo.mean((0, 1))
    tone = np.clip(base * 0.6 + 0.2, 0, 0.85) if pale else base * 0.45
    mix(place.albedo, tone, f32(0.75 * d.strength * core))
    mix(place.roughness, 0.9, f32(0.7 * core))
    return place.edge(f32(1.6 * width - away)) * (_taper(share, 0.35) > 0.15)


def _cut(place: _Place) -> F32:
    d = place.defect
    line = _wander(place, d.size_mm, bend=0.1)
    away, share = _to_line(place, line)
    ragged = np.clip(1 + 0.4 * place.noise(1.2, 3), 0.2, 2)
    width = np.float32(0.03 + 0.13 * d.strength) * _taper(share, 0.8) * ragged
    gap = np.clip((width - away) / np.float32(place.px) + 0.5, 0, 1) * (share > 0) * (share < 0.98)
    lips = np.exp(-(((away - width - 0.12) / np.float32(0.2)) ** 2)) * _taper(share, 0.5)
    place.height += f32(0.05 * lips)
    place.height -= f32(0.5 * gap)
    base = place.albedo.mean((0, 1))
    fibre = np.clip(base * 0.5 + 0.12, 0, 0.7)
    mix(place.albedo, fibre, f32(0.35 * lips))
    place.shade *= f32(1 - place.rng.uniform(0.4, 0.8) * gap)
    mix(place.roughness, 0.95, f32(gap))
    return place.edge(f32(width + 0.18 - away)) * (_taper(share) > 0.05)


def _pit(place: _Place, inside: F32, *, depth_mm: float, dark: float, rim_mm: float) -> F32:
    gone = place.edge(inside)
    rim = np.exp(-((inside / np.float32(rim_mm)) ** 2)) * (1 - gone)
    place.height += f32(0.3 * rim_mm * rim)
    place.height -= f32(np.float32(depth_mm) * gone)
    place.shade *= f32(1 - np.float32(dark) * gone * smoothstep(inside, -0.1, 0.25))
    mix(place.roughness, 0.95, gone)
    return gone


def _hole(place: _Place) -> F32:
    inside = _blob(place, ragged=0.16, stretch=place.rng.uniform(1, 1.5)) + np.float32(0.06) * place.noise(
        0.5
    )
    base = place.albedo.mean((0, 1))
    torn = np.exp(-((inside / np.float32(0.18)) ** 2))
    mix(place.albedo, np.clip(base * 0.6 + 0.1, 0, 0.7), f32(0.6 * torn))
    _pit(place, f32(inside), depth_mm=0.7, dark=0.86, rim_mm=0.25)
    return place.edge(f32(inside + 0.1))


def _pinhole(place: _Place) -> F32:
    inside = _blob(place, ragged=0.1)
    _pit(place, inside, depth_mm=0.4, dark=0.75, rim_mm=0.12)
    return place.edge(f32(inside + 0.08))


def _scar(place: _Place) -> F32:
    d = place.defect
    line = _wander(place, d.size_mm, bend=0.2, wobble_mm=0.5)
    away, share = _to_line(place, line)
    width = (
        np.float32(0.35 + 0.7 * d.strength) * (0.35 + 0.65 * _taper(share)) * (1 + 0.25 * place.noise(2.5))
    )
    body = np.exp(-((away / width) ** 2)) * _taper(share, 0.3)
    rim = np.exp(-(((away - 1.4 * width) / (0.6 * width)) ** 2)) * _taper(share, 0.3)
    flat = blur(place.height, 0.8 / place.px)
    mix(place.height, flat, f32(np.clip(1.3 * body, 0, 1)))  # healed skin has no grain
    sign = 1.0 if place.rng.random() < 0.5 else -0.8
    place.height += f32(0.1 * d.strength * (sign * body + 0.3 * rim)) + f32(0.01 * body * place.noise(0.5))
    base = place.albedo.mean((0, 1))
    mix(place.albedo, base * float(place.rng.choice([0.45, 0.6, 1.7])), f32(0.75 * d.strength * body))
    mix(place.roughness, f32(np.clip(place.roughness * 0.75, 0.1, 1)), f32(0.7 * body))
    return place.edge(f32(1.1 * width - away)) * (share > 0.02) * (share < 0.97)


def _insect_bite(place: _Place) -> F32:
    inside = _blob(place, ragged=0.14)
    radius = np.float32(place.defect.size_mm / 2)
    d = radius - inside
    ring = np.exp(-(((d - radius) / (0.35 * radius)) ** 2))
    flat = blur(place.height, 0.5 / place.px)
    body = place.edge(inside, 0.3)
    mix(place.height, flat, f32(0.85 * body))
    place.height += f32(
        0.09 * place.defect.strength * ring
        - 0.16 * place.defect.strength * np.exp(-((d / (0.5 * radius)) ** 2))
    )
    place.albedo *= f32(1 - 0.45 * place.defect.strength * np.exp(-((d / (0.7 * radius)) ** 2)))[..., None]
    return place.edge(f32(inside + 0.1))


def _vein(place: _Place) -> F32:
    d = place.defect
    line = _wander(place, d.size_mm, bend=0.25, wobble_mm=1.2)
    cover = np.zeros(place.shape, np.float32)
    branches = [line]
    for _ in range(int(place.rng.integers(1, 4))):
        k = int(place.rng.integers(1, len(line) - 2))
        turn = place.rng.choice([-1, 1]) * place.rng.uniform(0.4, 0.9)
        way = np.array([cos(turn), sin(turn)]) * d.size_mm * place.rng.uniform(0.15, 0.35)
        steps = np.linspace(0, 1, 8)[:, None]
        branches.append(line[k] + steps * way + 0.4 * steps * place.rng.standard_normal((8, 2)))
    for rank, points in enumerate(branches):
        away, share = _to_line(place, points)
        width = np.float32((0.6 if rank == 0 else 0.4) * (0.7 + 0.6 * d.strength))
        fade = _taper(share, 0.3) if rank == 0 else 1 - share
        body = np.exp(-((away / width) ** 2)) * fade
        place.height -= f32(0.09 * d.strength * body)
        place.albedo *= f32(1 - 0.24 * d.strength * body)[..., None]
        cover = f32(np.maximum(cover, place.edge(f32(1.1 * width - away)) * (fade > 0.15)))
    return cover


def _wrinkle(place: _Place) -> F32:
    d = place.defect
    cover = np.zeros(place.shape, np.float32)
    for rank in range(int(place.rng.integers(1, 4))):
        line = _wander(
            place, d.size_mm * (1 if rank == 0 else place.rng.uniform(0.4, 0.8)), bend=0.12, wobble_mm=0.5
        )
        line = line + np.array([place.rng.normal(0, 0.1 * d.size_mm), place.rng.normal(0, 1.6)]) * (rank > 0)
        away, share = _to_line(place, line)
        width = np.float32(place.rng.uniform(0.25, 0.5))
        fade = _taper(share, 0.6) * (0.7 + 0.3 * place.noise(2.0))
        fold = np.exp(-((away / width) ** 2)) * fade
        swell = np.exp(-((away / (4 * width)) ** 2)) * fade
        depth = np.float32((0.1 if rank == 0 else 0.06) * (0.4 + d.strength))
        place.height += f32(depth * (0.8 * swell - 1.5 * fold))
        place.albedo *= f32(1 - 0.22 * d.strength * fold)[..., None]
        cover = f32(np.maximum(cover, place.edge(f32(2.2 * width - away)) * (share > 0.03) * (share < 0.96)))
    return cover


def _waves(place: _Place, *, period_mm: float, depth_mm: float, along: float) -> F32:
    """Many small folds side by side within a soft-edged place; gives the place's cover."""
    inside = _blob(place, ragged=0.15, stretch=along)
    body = smoothstep(inside, -0.05 * place.defect.size_mm, 0.25 * place.defect.size_mm)
    bend = place.noise(9.0, 2)
    phase = place.v_mm * np.float32(2 * pi / period_mm) + 1.6 * bend
    fold = np.abs(np.sin(phase / 2)) ** np.float32(0.6)
    modulated = body * np.clip(0.65 + 0.5 * place.noise(4.0, 2), 0, 1.5)
    place.height += f32(np.float32(depth_mm * (0.4 + place.defect.strength)) * fold * modulated)
    place.albedo *= f32(1 - 0.12 * place.defect.strength * modulated * (1 - fold))[..., None]
    return f32(body)


def _loose_grain(place: _Place) -> F32:
    body = _waves(place, period_mm=place.rng.uniform(0.9, 1.5), depth_mm=0.06, along=1.1)
    return f32(body > 0.35)


def _pipe_wrinkle(place: _Place) -> F32:
    body = _waves(place, period_mm=place.rng.uniform(2.2, 3.6), depth_mm=0.09, along=1.5)
    return f32(body > 0.35)


def _stain(place: _Place) -> F32:
    d = place.defect
    inside = _blob(place, ragged=0.25) + np.float32(0.08 * d.size_mm) * place.noise(0.25 * d.size_mm)
    body = smoothstep(f32(inside), -0.06 * d.size_mm, 0.12 * d.size_mm)
    rim = np.exp(-((inside / np.float32(0.06 * d.size_mm + 0.1)) ** 2))
    weight = f32(np.clip(d.strength * (0.75 * body * (0.8 + 0.2 * place.noise(1.5)) + 0.2 * rim), 0, 0.95))
    colours = (
        (0.05, 0.035, 0.02),
        (0.02, 0.03, 0.1),
        (0.01, 0.01, 0.012),
        (0.25, 0.16, 0.06),
        (0.02, 0.06, 0.03),
    )
    base = place.albedo.mean((0, 1))
    dye = f32(colours[int(place.rng.integers(len(colours)))])
    if float(np.abs(base - dye).max()) < 0.08:
        dye = f32(np.clip(base + 0.25, 0, 0.8))
    mix(place.albedo, 0.35 * base + 0.65 * dye, weight)
    return place.edge(f32(inside))


def _water_mark(place: _Place) -> F32:
    d = place.defect
    inside = _blob(place, ragged=0.22) + np.float32(0.05 * d.size_mm) * place.noise(0.3 * d.size_mm)
    rim = np.exp(-((inside / np.float32(0.035 * d.size_mm + 0.25)) ** 2))
    body = place.edge(f32(inside), 0.4)
    place.albedo *= f32(1 - d.strength * (0.13 * body + 0.3 * rim))[..., None]
    mix(place.roughness, f32(np.clip(place.roughness * 1.25, 0, 1)), f32(0.7 * body))
    return place.edge(f32(inside + 0.2))


def _glue_mark(place: _Place) -> F32:
    d = place.defect
    pool = _blob(place, ragged=0.3, stretch=place.rng.uniform(1, 2))
    inside = pool + np.float32(0.12) * place.noise(1.5)
    body = place.edge(f32(inside), 0.25)
    flat = blur(place.height, 0.6 / place.px)
    mix(place.height, flat, f32(0.8 * body * (0.4 + 0.6 * d.strength)))
    # It flowed before it set, so its skin is smooth: a bead towards the edge, drawn out by the brush within.
    bead = np.sqrt(np.clip(pool, 0, 1.2)) * body
    place.height += f32(0.08 * d.strength * bead + 0.02 * body * place.noise(4.0, 1))
    mix(place.roughness, place.rng.uniform(0.14, 0.3), f32(0.9 * body))
    place.sheen *= 1 - body
    haze = f32(place.rng.choice([0.1, 0.25]) * d.strength * body)
    mix(place.albedo, (0.55, 0.48, 0.33), haze)
    place.albedo *= f32(1 - 0.12 * body)[..., None]
    return place.edge(f32(inside))


def _colour_difference(place: _Place) -> F32:
    d = place.defect
    inside = _blob(place, ragged=0.3, stretch=place.rng.uniform(1, 1.6)) + np.float32(
        0.1 * d.size_mm
    ) * place.noise(0.4 * d.size_mm, 2)
    body = smoothstep(f32(inside), -0.08 * d.size_mm, 0.15 * d.size_mm)
    change = place.rng.normal(0, 0.06, 3) + (1 if place.rng.random() < 0.5 else -1) * 0.28 * d.strength
    place.albedo *= 1 + body[..., None] * f32(change)
    np.clip(place.albedo, 0.003, 0.95, out=place.albedo)
    return place.edge(f32(inside))


def _finish_crack(place: _Place) -> F32:
    d = place.defect
    inside = _blob(place, ragged=0.2, stretch=1.4)
    body = smoothstep(inside, -0.05 * d.size_mm, 0.2 * d.size_mm)
    tile = noise.cells(int(place.rng.integers(2, 6)))
    size = place.rng.uniform(0.7, 1.5)
    k = noise.CELL_PX / size
    from training.synthesis.raster import look_up

    x = f32(place.u_mm * np.float32(k / 1.5) + 9 * place.noise(3.0) + 100)
    y = f32(place.v_mm * np.float32(k) + 9 * place.noise(3.0) + 100)
    border = look_up(tile.border, x, y, wrap=True) * np.float32(size)
    crack = np.clip((np.float32(0.015 + 0.04 * d.strength) - border) / np.float32(place.px) + 0.5, 0, 1)
    crack *= body * (place.noise(2.0) > -0.5)
    base = place.albedo.mean((0, 1))
    mix(
        place.albedo,
        np.clip(base * 0.5 + 0.14 if base.mean() < 0.25 else base * 0.4, 0, 0.8),
        f32(0.85 * crack),
    )
    place.height -= f32(0.06 * crack)
    place.height += f32(0.02 * body * (border / np.float32(size)) * (1 - crack))
    return f32(body > 0.3)


def _burn(place: _Place) -> F32:
    d = place.defect
    inside = _blob(place, ragged=0.18) + np.float32(0.06 * d.size_mm) * place.noise(0.4 * d.size_mm)
    char = smoothstep(f32(inside), 0.0, 0.25 * d.size_mm)
    halo = smoothstep(f32(inside), -0.35 * d.size_mm, 0.1 * d.size_mm)
    base = place.albedo.mean((0, 1))
    mix(place.albedo, base * f32([0.5, 0.36, 0.25]), f32(0.85 * halo))
    mix(place.albedo, (0.012, 0.01, 0.009), f32(0.9 * char * (0.4 + 0.6 * d.strength)))
    flat = blur(place.height, 0.7 / place.px)
    mix(place.height, flat, f32(0.8 * halo))
    crust = place.noise(0.5, 3, 0.7)
    place.height += f32(0.05 * char * crust - 0.1 * char)
    mix(place.roughness, f32(np.clip(0.55 + 0.15 * crust, 0.2, 1)), char)
    return place.edge(f32(inside + 0.08 * d.size_mm))


def _scuff(place: _Place) -> F32:
    d = place.defect
    inside = np.float32(d.size_mm / 2) - np.hypot(place.u_mm, place.v_mm * np.float32(2.4))
    inside = f32(inside + np.float32(0.12 * d.size_mm) * place.noise(0.35 * d.size_mm))
    body = smoothstep(inside, -0.05 * d.size_mm, 0.2 * d.size_mm)
    grain = noise.smooth(place.rng, (512, 512), max(1.3, 0.14 / place.px))
    from training.synthesis.raster import look_up

    x = f32(place.u_mm / np.float32(9 * place.px) + 200)
    y = f32(place.v_mm / np.float32(place.px) + 200)
    lines = smoothstep(look_up(grain, x, y, wrap=True), -0.2, 1.4)
    base = place.albedo.mean((0, 1))
    pale = np.clip(base * 0.65 + 0.16, 0, 0.85)
    worn = f32(np.clip(body * (0.25 + 0.75 * lines) * (0.4 + 0.6 * d.strength), 0, 1))
    mix(place.albedo, pale, f32(0.7 * worn))
    mix(place.height, blur(place.height, 0.4 / place.px), f32(0.6 * body))
    place.height -= f32(0.02 * worn)
    mix(place.roughness, 0.95, worn)
    return f32(body > 0.4)


def _grain_damage(place: _Place) -> F32:
    d = place.defect
    inside = _blob(place, ragged=0.3) + np.float32(0.1 * d.size_mm) * place.noise(0.3 * d.size_mm, 4, 0.6)
    body = place.edge(f32(inside), 0.15)
    pits = place.noise(0.5, 3, 0.7)
    base = place.albedo.mean((0, 1))
    mix(place.height, blur(place.height, 0.5 / place.px), f32(0.7 * body))
    place.height += f32(body * (-0.05 * d.strength + 0.03 * pits))
    mix(
        place.albedo,
        base * (0.75 if base.mean() > 0.12 else 1.5),
        f32(0.55 * d.strength * body * (0.8 + 0.2 * pits)),
    )
    mix(place.roughness, 0.95, f32(0.9 * body))
    return place.edge(f32(inside))


_DRAW: dict[str, Callable[[_Place], F32]] = {
    "cut": _cut,
    "hole": _hole,
    "pinhole": _pinhole,
    "scratch": _scratch,
    "wrinkle": _wrinkle,
    "scar": _scar,
    "grain_damage": _grain_damage,
    "stain": _stain,
    "glue_mark": _glue_mark,
    "colour_difference": _colour_difference,
    "loose_grain": _loose_grain,
    "finish_crack": _finish_crack,
    "burn": _burn,
    "insect_bite": _insect_bite,
    "vein": _vein,
    "pipe_wrinkle": _pipe_wrinkle,
    "water_mark": _water_mark,
    "scuff": _scuff,
}
