"""Lighting a height field: what each slope reflects towards the camera, shadows, and light lost in hollows.

Lamps are far and the camera looks straight down, so what a point reflects depends on its normal and its
finish alone. That function is tabulated once per scene for any number of lamps (a reflectance map) and looked
up for every pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi, radians, sin

import cv2
import numpy as np

from training.synthesis.noise import stream
from training.synthesis.raster import F32, F64, blur, f32, look_up, shift, spread
from training.synthesis.scene import Light
from training.synthesis.surface import Grid, Surface

_TABLE = 129  # entries over normals -1..1
_POINTS = 14  # directions that stand for all lamps, at least 3 for each
_FRESNEL_AT_NORMAL = 0.04  # of leather finishes, lacquer and polyester: refractive index about 1.5
_SHADOW_STEPS = 6  # doublings: shadows reach 2^6 pixels


def white_of(kelvin: float) -> F64:
    """Linear sRGB of a black body, green 1: Planck's law at the three primaries' wavelengths."""
    wave = np.array([611e-9, 549e-9, 464e-9])
    power = wave**-5.0 / np.expm1(0.014388 / (wave * kelvin))
    neutral = wave**-5.0 / np.expm1(0.014388 / (wave * 6504.0))
    ratio = power / neutral
    return np.asarray(ratio / ratio[1], np.float64)


@dataclass(frozen=True, eq=False)
class _Rays:
    """Directions towards the light (L, 3), z up, and the power of each in linear RGB (L, 3)."""

    towards: F64
    power: F64


def _rays(light: Light) -> _Rays:
    towards, power = [], []
    rng = stream(7, "lamp points")
    count = max(3, _POINTS // len(light.lamps))
    for lamp in light.lamps:
        colour = white_of(lamp.kelvin) * lamp.power / count
        azimuth, elevation = radians(lamp.azimuth_deg), radians(lamp.elevation_deg)
        for k in range(count):
            turn = 2 * pi * (k + rng.random()) / count
            wide = radians(lamp.spread_deg) * ((k + 0.5) / count) ** 0.5
            a = azimuth + wide * cos(turn) / max(0.2, cos(elevation))
            e = min(pi / 2, max(0.05, elevation + wide * sin(turn)))
            towards.append((cos(e) * cos(a), cos(e) * sin(a), sin(e)))
            power.append(colour)
    return _Rays(np.array(towards), np.array(power))


def _tables(light: Light, rough: float) -> tuple[F32, F32]:
    """Diffuse and specular reflection (T, T, 3) per normal component nx (columns) and ny (rows)."""
    rays = _rays(light)
    axis = np.linspace(-1, 1, _TABLE)
    nx, ny = np.meshgrid(axis, axis)
    nz = np.sqrt(np.clip(1 - nx * nx - ny * ny, 0.0025, 1))
    normals = np.stack([nx, ny, nz], -1).reshape(-1, 3)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    facing = np.clip(f32(normals @ rays.towards.T), 0, 1)  # (T*T, L)
    sky = 0.5 + 0.5 * normals[:, 2:]
    mean = rays.power.sum(0)
    diffuse = (facing @ f32(rays.power) * (1 - light.ambient) + f32(light.ambient * mean * sky)) / np.float32(
        pi
    )
    half = rays.towards + np.array([0.0, 0.0, 1.0])
    half /= np.linalg.norm(half, axis=1, keepdims=True)
    alpha2 = np.float32(max(0.004, rough**4))
    lobe = np.clip(f32(normals @ half.T), 0, 1)
    lobe *= lobe
    lobe *= alpha2 - 1
    lobe += 1
    lobe *= lobe
    np.divide(alpha2 / np.float32(pi), lobe, out=lobe)
    tilt = f32(1 - half @ np.array([0.0, 0.0, 1.0]))
    fresnel = _FRESNEL_AT_NORMAL + (1 - _FRESNEL_AT_NORMAL) * tilt**5
    view = np.maximum(f32(normals[:, 2:]), 0.1)
    lobe *= facing > 0
    specular = (lobe @ (fresnel[:, None] * f32(rays.power))) / (4 * view) * (1 - light.ambient)
    specular = specular + f32(light.ambient * mean * _FRESNEL_AT_NORMAL / pi * (1 - 0.5 * rough) * sky)
    shape = (_TABLE, _TABLE, 3)
    return f32(diffuse.reshape(shape)), f32(specular.reshape(shape))


def _normals(height_mm: F32, mm_per_px: float) -> tuple[F32, F32, F32]:
    scale = 1 / (32.0 * mm_per_px)
    dx = f32(cv2.Scharr(height_mm, cv2.CV_32F, 1, 0, scale=scale))
    dy = f32(cv2.Scharr(height_mm, cv2.CV_32F, 0, 1, scale=scale))
    nz = 1 / np.sqrt(1 + dx * dx + dy * dy)
    return f32(-dx * nz), f32(-dy * nz), f32(nz)


def _shadow(height_mm: F32, light: Light, mm_per_px: float) -> F32:
    """1 lit .. 0 in shadow, of the strongest lamp alone; the others fill it."""
    lamp = max(light.lamps, key=lambda each: each.power * cos(radians(each.elevation_deg)))
    share = lamp.power / sum(each.power for each in light.lamps)
    drop = np.tan(radians(lamp.elevation_deg)) * mm_per_px
    if drop > 12 * mm_per_px:
        return np.ones_like(height_mm)
    step_x, step_y = -cos(radians(lamp.azimuth_deg)), -sin(radians(lamp.azimuth_deg))
    roof = height_mm
    for k in range(_SHADOW_STEPS):
        reach = 2.0**k
        roof = f32(np.maximum(roof, shift(roof, step_x * reach, step_y * reach) - np.float32(drop * reach)))
    depth = roof - height_mm
    soft = 0.02 + 0.25 * mm_per_px + np.tan(radians(min(45.0, lamp.spread_deg))) * 0.25
    dark = blur(f32(np.clip(depth / np.float32(soft), 0, 1)), max(0.7, 0.12 / mm_per_px))
    return f32(1 - np.float32(share * (1 - light.ambient)) * dark)


def _occlusion(height_mm: F32, mm_per_px: float) -> F32:
    """1 in the open .. 0 deep in a hollow, from how far a point lies below its surroundings."""
    lost = np.zeros_like(height_mm)
    for wide_mm in (0.25, 0.9):
        sigma = wide_mm / mm_per_px
        below = blur(height_mm, sigma) - height_mm
        lost += np.clip(below / np.float32(wide_mm), 0, 1)
    return f32(1 / (1 + np.float32(1.6) * lost))


def illuminate(surface: Surface, light: Light, grid: Grid) -> F32:
    """The linear RGB light (H, W, 3) that the surface sends to the camera."""
    nx, ny, nz = _normals(surface.height_mm, grid.mm_per_px)
    reach = max(grid.shape) * grid.mm_per_px
    lean_x = (grid.x_mm / np.float32(reach) - 0.5) * np.float32(light.lean)
    lean_y = (grid.y_mm / np.float32(reach) - 0.5) * np.float32(light.lean)
    half = (_TABLE - 1) / 2
    tx = f32(np.clip(nx + lean_x, -1, 1) * half + half)
    ty = f32(np.clip(ny + lean_y, -1, 1) * half + half)
    low = float(surface.roughness.min())
    high = float(surface.roughness.max())
    diffuse, sharp = _tables(light, low)
    lit = look_up(diffuse, tx, ty)
    shine = look_up(sharp, tx, ty)
    if high > low + 0.02:
        _, dull = _tables(light, high)
        weight = (surface.roughness - np.float32(low)) / np.float32(high - low)
        shine += (look_up(dull, tx, ty) - shine) * spread(f32(weight))
    open_ = _occlusion(surface.height_mm, grid.mm_per_px) * surface.shade
    cast = _shadow(surface.height_mm, light, grid.mm_per_px)
    fuzz = surface.sheen * (1 - nz)
    reached = f32(open_ * cast)
    shine *= spread(f32(open_ * reached * (1 - surface.sheen)))
    if float(surface.sheen.max()) > 0:
        lit *= surface.albedo + spread(f32(fuzz * np.float32(0.6)))
    else:
        lit *= surface.albedo
    if light.falloff:
        a = radians(light.falloff_deg)
        ramp = (grid.x_mm * np.float32(cos(a)) + grid.y_mm * np.float32(sin(a))) / np.float32(reach)
        weaker = 1 - np.float32(light.falloff) * (ramp - ramp.min())
        shine *= spread(f32(weaker))
        reached = f32(reached * weaker)
    lit *= spread(reached)
    lit += shine
    return lit
