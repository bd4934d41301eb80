"""Renders the same view of both shoes of a pair whose true colours are known, under light that is not even.

The outline of a low shoe is cut into panels. Each panel has one true colour, with grain, stitches of another
thread along its edges, gloss, and blots that belong to nothing. The light is fixed to the camera, so on the
mirrored shoe it falls on other panels. Pictures are rounded to 8 bits and may go through JPEG.
The tests and ``python -m bench pairs`` measure on them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from inspection import imaging
from inspection.colour import Patch, lab_of_linear, linear_of_lab, srgb_of_linear
from inspection.domain import Photo, Zone, ZoneClass
from tests import factories

Floats = npt.NDArray[np.float64]
RGB = npt.NDArray[np.uint8]
Labs = dict[str, tuple[float, float, float]]
"""True colour of each panel."""

WIDTH_PX, HEIGHT_PX = 960, 640
PANELS: dict[str, tuple[tuple[float, float], ...]] = {
    "toe": ((0.06, 0.62), (0.16, 0.5), (0.27, 0.47), (0.27, 0.72), (0.06, 0.72)),
    "vamp": ((0.28, 0.46), (0.5, 0.34), (0.52, 0.72), (0.28, 0.72)),
    "quarter": ((0.52, 0.33), (0.6, 0.27), (0.76, 0.27), (0.77, 0.72), (0.54, 0.72)),
    "counter": ((0.78, 0.27), (0.93, 0.24), (0.94, 0.72), (0.79, 0.72)),
}
"""Corners as shares of the photo, of the shoe whose toe is at the left."""
PATCH = ((0.02, 0.03), (0.11, 0.03), (0.11, 0.16), (0.02, 0.16))
PATCH_LAB = (92.0, 0.3, -0.6)
GROUND_LAB = (35.0, 2.0, 8.0)


@dataclass(frozen=True)
class Light:
    """Light over the photo: ``slope`` and ``fall`` as logarithms over half a photo, ``tint`` of its slope.

    Attributes
    ----------
    slope : (x, y) of a plane; ``fall`` towards the corners; ``spot`` a lamp's bright disk and its place.
    tint : (red, blue) part of the slope that is coloured.
    level : exposure.
    """

    slope: tuple[float, float] = (0.0, 0.0)
    fall: float = 0.0
    spot: tuple[float, float, float] = (0.0, 0.0, 0.0)
    tint: tuple[float, float] = (0.0, 0.0)
    level: float = 1.0

    def over(self) -> Floats:
        """(HEIGHT_PX, WIDTH_PX, 3) factors."""
        y, x = np.mgrid[:HEIGHT_PX, :WIDTH_PX].astype(np.float64)
        half = WIDTH_PX / 2
        x, y = (x - (WIDTH_PX - 1) / 2) / half, (y - (HEIGHT_PX - 1) / 2) / half
        log = self.slope[0] * x + self.slope[1] * y - self.fall * 0.7 * (x * x + y * y)
        strength, at_x, at_y = self.spot
        log += strength * np.exp(-((x - at_x) ** 2 + (y - at_y) ** 2) / (2 * 0.5**2))
        red, blue = self.tint
        return np.asarray(
            self.level * np.exp(log)[..., None] * np.exp(np.stack([red * x, 0 * x, blue * x], axis=-1))
        )


@dataclass(frozen=True)
class Jpeg:
    """How a picture becomes a JPEG: its quality, and whether chroma is kept at half the size, as usual."""

    quality: int = 92
    halved: bool = True


@dataclass(frozen=True, eq=False)
class Shot:
    """A rendered photo with its zones."""

    photo: Photo
    zones: tuple[Zone, ...]
    patches: tuple[Patch, ...]


@dataclass(frozen=True, eq=False)
class Drawing:
    """What a camera sees, before it is written into a file."""

    rgb: RGB
    zones: tuple[Zone, ...]
    patches: tuple[Patch, ...]

    def shot(self, jpeg: Jpeg | None = None) -> Shot:
        """The photo as the service reads it from a JPEG, or from a lossless file."""
        body = factories.encode_png(self.rgb) if jpeg is None else _encoded(self.rgb, jpeg)
        photo = imaging.decode(body, max_pixels=WIDTH_PX * HEIGHT_PX, colours=True)
        return Shot(photo, self.zones, self.patches)


@dataclass(frozen=True, eq=False)
class Pair:
    """Both shoes of a pair, and their true colours."""

    left: Drawing
    left_labs: Labs
    right: Drawing
    right_labs: Labs


def random_light(rng: np.random.Generator) -> Light:
    """Light as a bad lamp makes it: to half at one side, dark corners, a tinted slope."""
    return Light(
        slope=(float(rng.uniform(-0.35, 0.35)), float(rng.uniform(-0.25, 0.25))),
        fall=float(rng.uniform(0, 0.35)),
        spot=(float(rng.uniform(0, 0.25)), float(rng.uniform(-0.7, 0.7)), float(rng.uniform(-0.5, 0.5))),
        tint=(float(rng.uniform(-0.04, 0.04)), float(rng.uniform(-0.04, 0.04))),
        level=float(rng.uniform(0.62, 0.72)),
    )


def random_colours(rng: np.random.Generator, *, alike: bool) -> tuple[Labs, Labs]:
    """Colours of the panels of both shoes: leather dark to light, some panels off by about 2 ΔE00."""
    left: Labs = {}
    right: Labs = {}
    common = (float(rng.uniform(25, 70)), float(rng.uniform(-10, 25)), float(rng.uniform(-10, 35)))
    for name in PANELS:
        own = (float(rng.uniform(25, 75)), float(rng.uniform(-12, 25)), float(rng.uniform(-10, 35)))
        lab = np.array(common if alike else own)
        off = rng.normal(0, 1, 3) * rng.integers(0, 2)
        for side, value in ((left, lab), (right, lab + off)):
            shown = lab_of_linear(np.clip(linear_of_lab(value), 0.01, 0.9))
            side[name] = (float(shown[0]), float(shown[1]), float(shown[2]))
    return left, right


def pairs(seeds: Iterable[int], *, patch: bool) -> Iterator[Pair]:
    """One pair per seed; with a white tile (``patch``) its photos differ in exposure as well."""
    for seed in seeds:
        rng = np.random.default_rng(seed)
        left, right = random_colours(rng, alike=seed % 3 == 0)
        light = random_light(rng)
        other = replace(light, level=light.level * float(rng.uniform(0.85, 1.05))) if patch else light
        yield Pair(
            draw(left, light, mirrored=False, seed=2 * seed, patch=patch),
            left,
            draw(right, other, mirrored=True, seed=2 * seed + 1, patch=patch),
            right,
        )


def draw(labs: Labs, light: Light, *, mirrored: bool, seed: int, patch: bool) -> Drawing:
    """Draw one shoe; the ``mirrored`` one is the other foot, with its toe at the right."""
    rng = np.random.default_rng(seed)
    albedo = np.empty((HEIGHT_PX, WIDTH_PX, 3))
    albedo[:] = np.clip(linear_of_lab(np.array(GROUND_LAB)), 0, 1)
    zones = []
    for name, corners in PANELS.items():
        outline = _outline(corners, mirrored)
        mask = _mask(outline)
        albedo[mask] = linear_of_lab(np.array(labs[name]))
        inner = cv2.erode(mask.astype(np.uint8), np.ones((13, 13))).astype(bool)
        row = mask & ~inner & (rng.random(mask.shape) < 0.5)
        albedo[row & ~cv2.erode(mask.astype(np.uint8), np.ones((7, 7))).astype(bool)] = (0.8, 0.75, 0.6)
        zones.append(Zone(name, ZoneClass.PRIMARY, outline))
    grain = cv2.GaussianBlur(rng.standard_normal((HEIGHT_PX, WIDTH_PX)), (0, 0), 2.0)
    albedo *= np.exp(grain / grain.std() * 0.06)[..., None]
    for _ in range(6):  # blots and gloss, where they fall
        at = (int(rng.uniform(0.1, 0.9) * WIDTH_PX), int(rng.uniform(0.3, 0.7) * HEIGHT_PX))
        cv2.circle(albedo, at, int(rng.uniform(4, 14)), tuple(rng.uniform(0, 1.6, 3)), -1)
    patches: tuple[Patch, ...] = ()
    if patch:
        outline = _outline(PATCH, False)
        albedo[_mask(outline)] = linear_of_lab(np.array(PATCH_LAB))
        inset = outline.mean(axis=0) + 0.8 * (outline - outline.mean(axis=0))
        patches = (Patch(inset, PATCH_LAB),)
    seen = albedo * light.over()
    noise = rng.normal(0, 1, albedo.shape) * (0.001 + 0.008 * np.sqrt(np.maximum(seen, 0)))
    return Drawing(srgb_of_linear(seen + noise), tuple(zones), patches)


def _encoded(rgb: RGB, jpeg: Jpeg) -> bytes:
    sampling = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420 if jpeg.halved else cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444
    ok, encoded = cv2.imencode(
        ".jpg",
        cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR),
        [cv2.IMWRITE_JPEG_QUALITY, jpeg.quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling],
    )
    assert ok
    return encoded.tobytes()


def _outline(corners: tuple[tuple[float, float], ...], mirrored: bool) -> Floats:
    shares = np.array(corners)
    if mirrored:
        shares[:, 0] = 1 - shares[:, 0]
    return np.asarray(shares * (WIDTH_PX, HEIGHT_PX) - 0.5)


def _mask(outline: Floats) -> npt.NDArray[np.bool_]:
    mask = np.zeros((HEIGHT_PX, WIDTH_PX), np.uint8)
    cv2.fillPoly(mask, [np.rint(outline * 16).astype(np.int32)], (1,), shift=4)
    return mask.astype(bool)
