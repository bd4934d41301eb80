"""Lights and cameras: the places where leather is photographed, each with the range of photos it makes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from training.synthesis.scene import Camera, Lamp, Light

Range = tuple[float, float]
_Lamps = tuple[list[Lamp], float]


@dataclass(frozen=True)
class Rig:
    """Ranges of one kind of place. Fields named as those of `scene.Light` and `scene.Camera` are theirs.

    Attributes
    ----------
    lights : names of `LIGHTS`. room : share of photos in which the room's own light shines too.
    white_off : spread of what the camera takes for white, a share of the lamps' colour temperature.
    bayer : share of cameras with a mosaic of colours; these need a softer lens: ``mosaic_blur_px``.
    corners, moves : share of photos that blur towards the corners, and of parts that move.
    hard : share of cameras that sharpen by ``hard_sharpen`` instead of ``sharpen``.
    lossless : share of photos without JPEG.
    """

    lights: tuple[str, ...]
    room: float = 0.7
    ambient: Range | None = None
    lean: Range = (0.0, 0.2)
    falloff: Range = (0.0, 0.15)
    tilt: float = 0.06
    white_off: float = 0.06
    bayer: float = 0.6
    blur_px: Range = (0.25, 0.8)
    mosaic_blur_px: Range = (0.55, 0.9)
    corners: float = 0.3
    moves: float = 0.2
    vignette: Range = (0.0, 0.15)
    exposure: Range = (0.12, 0.24)
    metering: Range = (0.1, 0.7)
    shot: Range = (0.004, 0.022)
    read: Range = (0.0005, 0.004)
    sharpen: Range = (0.0, 0.8)
    hard: float = 0.35
    hard_sharpen: Range = (0.8, 2.5)
    contrast: Range = (0.0, 0.5)
    lossless: float = 0.15
    quality: tuple[int, int] = (78, 98)


def a_light(rng: np.random.Generator, kind: str | None = None, rig: Rig | None = None) -> Light:
    """One of the lights that a rig uses, by default the workshop, which has them all."""
    rig = rig or RIGS["workshop"]
    kind = kind or str(rng.choice(list(rig.lights)))
    turn = float(rng.uniform(0, 360))
    kelvin = pick(rng, (3600, 6800))
    lamps, ambient = LIGHTS[kind](rng, turn, kelvin)
    if rig.ambient is not None:
        ambient = float(rng.uniform(*rig.ambient))
    total = sum(each.power for each in lamps)
    lamps = [replace(each, power=round(each.power / total, 5)) for each in lamps]
    if rng.random() < rig.room:  # the room's own light overhead, which shiny leather mirrors
        up, weak = float(rng.uniform(62, 84)), float(rng.uniform(0.05, 0.25))
        lamps.append(_lamp(float(rng.uniform(0, 360)), up, 7, weak, kelvin + float(rng.uniform(-800, 800))))
    return Light(
        kind=kind,
        lamps=tuple(lamps),
        ambient=round(ambient, 4),
        lean=pick(rng, rig.lean),
        falloff=pick(rng, rig.falloff),
        falloff_deg=pick(rng, (0, 360)),
    )


def _lamp(turn: float, elevation: float, spread: float, power: float, kelvin: float) -> Lamp:
    return Lamp(
        round(turn % 360, 3), round(elevation, 3), round(spread, 3), round(power, 4), round(kelvin, 1)
    )


def _ring(rng: np.random.Generator, turn: float, kelvin: float) -> _Lamps:
    up = float(rng.uniform(35, 65))
    return [_lamp(turn + 60 * k, up, 12, float(rng.uniform(0.8, 1.2)), kelvin) for k in range(6)], float(
        rng.uniform(0.1, 0.3)
    )


def _bar(rng: np.random.Generator, turn: float, kelvin: float) -> _Lamps:
    return [_lamp(turn, float(rng.uniform(30, 60)), 10, 1.0, kelvin)], float(rng.uniform(0.15, 0.4))


def _dome(rng: np.random.Generator, turn: float, kelvin: float) -> _Lamps:
    return [_lamp(turn + 90 * k, 55, 25, 1.0, kelvin) for k in range(4)], float(rng.uniform(0.5, 0.75))


def _grazing(rng: np.random.Generator, turn: float, kelvin: float) -> _Lamps:
    return [_lamp(turn, float(rng.uniform(12, 25)), 6, 1.0, kelvin)], float(rng.uniform(0.15, 0.35))


def _two_sided(rng: np.random.Generator, turn: float, kelvin: float) -> _Lamps:
    up = float(rng.uniform(25, 55))
    other = kelvin + float(rng.uniform(-900, 900))
    return [
        _lamp(turn, up, 9, 1.0, kelvin),
        _lamp(turn + 180, up, 9, float(rng.uniform(0.4, 1)), other),
    ], float(rng.uniform(0.12, 0.35))


LIGHTS: dict[str, Callable[[np.random.Generator, float, float], _Lamps]] = {
    "ring": _ring,
    "bar": _bar,
    "dome": _dome,
    "grazing": _grazing,
    "two_sided": _two_sided,
}

RIGS: dict[str, Rig] = {
    "workshop": Rig(lights=tuple(LIGHTS)),
    "still": Rig(
        lights=("ring", "bar", "two_sided"),
        room=0.3,
        ambient=(0.3, 0.6),
        lean=(0.0, 0.05),
        falloff=(0.0, 0.015),
        tilt=0.02,
        white_off=0.02,
        bayer=0.0,
        blur_px=(0.1, 0.35),
        corners=0.0,
        moves=0.0,
        vignette=(0.0, 0.01),
        exposure=(0.18, 0.24),
        metering=(0.0, 0.1),
        shot=(0.004, 0.012),
        read=(0.0005, 0.003),
        sharpen=(0.3, 1.2),
        hard=0.0,
        contrast=(0.0, 0.2),
        lossless=1.0,
    ),
    "line": Rig(
        lights=("ring", "bar", "dome", "two_sided"),
        room=0.5,
        ambient=(0.3, 0.7),
        lean=(0.0, 0.1),
        falloff=(0.0, 0.1),
        tilt=0.02,
        white_off=0.02,
        bayer=1.0,
        mosaic_blur_px=(0.4, 0.7),
        corners=0.1,
        moves=0.0,
        vignette=(0.0, 0.05),
        exposure=(0.2, 0.28),
        metering=(0.0, 0.15),
        shot=(0.003, 0.008),
        read=(0.0005, 0.002),
        sharpen=(0.0, 0.6),
        hard=0.2,
        hard_sharpen=(0.6, 1.2),
        contrast=(0.0, 0.4),
        lossless=0.0,
        quality=(88, 97),
    ),
}
"""Workshop: anything from good to tired. Still: flat leather at rest in even light, taken by a camera that
sharpens and keeps a colour at every pixel, as in leather-hides. Line: an industrial camera over a belt with
its lamps at one side or two, soft and almost without noise, as in leather-line."""


def a_camera(rng: np.random.Generator, kelvin: float, rig: Rig | None = None) -> Camera:
    """A camera of a rig, by default the workshop; its photo is taken for a piece of a larger frame."""
    rig = rig or RIGS["workshop"]
    bayer = bool(rng.random() < rig.bayer)
    return Camera(
        seed=int(rng.integers(2**31)),
        tilt_x=pick(rng, (-rig.tilt, rig.tilt)),
        tilt_y=pick(rng, (-rig.tilt, rig.tilt)),
        distortion=pick(rng, (-0.25 * rig.tilt, 0.25 * rig.tilt)),
        blur_px=pick(rng, rig.mosaic_blur_px if bayer else rig.blur_px),
        corner_blur_px=pick(rng, (0.6, 2.0)) if rng.random() < rig.corners else 0.0,
        motion_px=pick(rng, (0.6, 2.5)) if rng.random() < rig.moves else 0.0,
        motion_deg=pick(rng, (0, 180)),
        vignette=pick(rng, rig.vignette),
        exposure=pick(rng, rig.exposure),
        metering=pick(rng, rig.metering),
        kelvin=round(float(np.clip(kelvin * np.exp(rng.normal(0, rig.white_off)), 2500, 9000)), 1),
        shot=pick(rng, rig.shot),
        read=pick(rng, rig.read),
        bayer=bayer,
        sharpen=pick(rng, rig.hard_sharpen if rng.random() < rig.hard else rig.sharpen),
        contrast=pick(rng, rig.contrast),
        jpeg=None if rng.random() < rig.lossless else int(rng.integers(*rig.quality)),
    )


def pick(rng: np.random.Generator, limits: Range) -> float:
    """An even draw, rounded so that a saved scene is short and exact."""
    return round(float(rng.uniform(*limits)), 5)
