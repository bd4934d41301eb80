"""Things that belong on a shoe or an inspection table and are not defects: they are never in the truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import cos, pi, radians, sin

import cv2
import numpy as np

from inspection.errors import UnknownNameError
from training.synthesis import noise
from training.synthesis.noise import stream
from training.synthesis.raster import F32, f32, look_up, mix, smoothstep
from training.synthesis.scene import Distractor
from training.synthesis.surface import Grid, Surface


@dataclass(eq=False)
class _Place:
    """The window that a thing touches, as views changed in place; u and v run along and across it, in mm."""

    thing: Distractor
    rng: np.random.Generator
    px: float
    u_mm: F32
    v_mm: F32
    height: F32
    albedo: F32
    roughness: F32
    sheen: F32
    shade: F32
    thread: F32

    def edge(self, inside_mm: F32, soft_mm: float = 0.0) -> F32:
        return f32(np.clip(inside_mm / np.float32(max(self.px, soft_mm)) + 0.5, 0, 1))

    def lay(self, cover: F32, top: F32, colour: F32, roughness: float) -> None:
        """Puts something opaque on the surface."""
        mix(self.height, top, cover)
        mix(self.albedo, colour, cover)
        mix(self.roughness, roughness, cover)
        mix(self.sheen, 0.0, cover)
        mix(self.shade, 1.0, cover)
        self.thread *= 1 - cover


def draw(surface: Surface, thing: Distractor, grid: Grid) -> None:
    """Draws the thing over what is there; defects that it hides leave the truth."""
    if thing.kind not in KINDS:
        raise UnknownNameError(f"there is no distractor {thing.kind!r}", hint=f"Known: {', '.join(KINDS)}.")
    reach = 0.75 * thing.size_mm + 2.0
    middle = np.array([thing.x_mm, thing.y_mm])
    at = grid.window(middle - reach, middle + reach)
    if at is None:
        return
    c, s = np.float32(cos(radians(thing.angle_deg))), np.float32(sin(radians(thing.angle_deg)))
    x, y = grid.x_mm[at] - np.float32(thing.x_mm), grid.y_mm[at] - np.float32(thing.y_mm)
    place = _Place(
        thing=thing,
        rng=stream(thing.seed, thing.kind),
        px=grid.mm_per_px,
        u_mm=f32(x * c + y * s),
        v_mm=f32(y * c - x * s),
        height=surface.height_mm[at],
        albedo=surface.albedo[at],
        roughness=surface.roughness[at],
        sheen=surface.sheen[at],
        shade=surface.shade[at],
        thread=surface.thread[at],
    )
    hidden = KINDS[thing.kind](place) > 0.5
    surface.kinds[at][hidden] = 0
    surface.instances[at][hidden] = 0


def _nothing_hidden(place: _Place) -> F32:
    return np.zeros_like(place.u_mm)


def _eyelet(place: _Place) -> F32:
    outer = np.float32(place.thing.size_mm / 2)
    inner = np.float32(0.52) * outer
    d = np.hypot(place.u_mm, place.v_mm)
    ring = place.edge(outer - d) * place.edge(d - inner)
    t = np.clip((d - inner) / (outer - inner), 0, 1)
    base = float(np.median(place.height))
    top = np.float32(base) + np.float32(0.16 * place.thing.size_mm) * np.sqrt(
        np.clip(1 - (2 * t - 1) ** 2, 0, 1)
    )
    hole = place.edge(inner - d)
    place.height -= f32(1.0 * hole)
    place.shade *= f32(1 - 0.8 * hole)
    place.albedo *= f32(1 - 0.6 * hole)[..., None]
    dent = np.exp(-(((d - outer) / np.float32(0.5)) ** 2))
    place.height -= f32(0.1 * dent * (1 - ring))
    place.lay(f32(ring), f32(top), f32(place.thing.colour), 0.22)
    return f32(np.maximum(ring, hole))


def _lace(place: _Place) -> F32:
    half = np.float32(0.5 * place.thing.size_mm)
    wide = np.float32(place.rng.uniform(1.6, 3.2))
    bend = np.float32(place.rng.normal(0, 0.08)) * place.u_mm**2 / half
    v = place.v_mm - bend
    cover = place.edge(wide - np.abs(v)) * place.edge(half - np.abs(place.u_mm), 0.3)
    across = np.clip(v / wide, -1, 1)
    base = float(np.median(place.height))
    weave = np.cos(2 * pi * (place.u_mm / 0.9 + across)) * np.cos(2 * pi * (place.u_mm / 0.9 - across))
    fine = np.clip(0.45 / place.px / 2 - 0.5, 0, 1)
    top = base + 0.9 * np.sqrt(np.clip(1 - across**2, 0, 1)) + 0.1 + np.float32(0.08 * fine) * weave
    colour = f32(place.thing.colour) * (1 + 0.15 * np.float32(fine) * f32(weave))[..., None]
    place.lay(f32(cover), f32(top), f32(np.clip(colour, 0, 0.9)), 0.8)
    return f32(cover)


def _brogue(place: _Place) -> F32:
    """A row of punched holes, each large one between pairs of small ones."""
    half = 0.5 * place.thing.size_mm
    pitch = place.rng.uniform(4.0, 6.0)
    holes = []
    u = -half
    while u < half:
        holes.append((u, 0.0, 0.9))
        for side in (-0.75, 0.75):
            holes.append((u + pitch / 2, side, 0.45))
        u += pitch
    for hu, hv, radius in holes:
        inside = np.float32(radius) - np.hypot(place.u_mm - np.float32(hu), place.v_mm - np.float32(hv))
        gone = place.edge(f32(inside))
        lip = np.exp(-((inside / np.float32(0.3)) ** 2))
        place.height -= f32(0.6 * gone + 0.05 * lip)
        place.shade *= f32(1 - 0.6 * gone)
        place.albedo *= f32(1 - 0.5 * gone)[..., None]
        place.roughness += f32(0.3 * gone * (1 - place.roughness))
    return _nothing_hidden(place)


_WORDS = ("WELT", "GENUINE LEATHER", "No 41", "HAND MADE", "SINCE 1923", "EU 42", "CALF", "A-417")


def _logo(place: _Place) -> F32:
    """Words pressed into the leather, or printed on it."""
    word = _WORDS[int(place.rng.integers(len(_WORDS)))]
    font = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_TRIPLEX, cv2.FONT_HERSHEY_COMPLEX)[
        int(place.rng.integers(3))
    ]
    (w, h), _ = cv2.getTextSize(word, font, 2.0, 4)
    plate = np.zeros((h + 40, w + 40), np.uint8)
    cv2.putText(plate, word, (20, h + 18), font, 2.0, 255, 4, cv2.LINE_AA)
    k = np.float32((w + 40) / place.thing.size_mm)
    soft = f32(cv2.GaussianBlur(f32(plate) / 255, (0, 0), 1.5 + 0.4 * float(k) * place.px))
    x = f32(place.u_mm * k + (w + 40) / 2)
    y = f32(place.v_mm * k + (h + 40) / 2)
    inside = (np.abs(place.u_mm) < place.thing.size_mm / 2) & (np.abs(place.v_mm * k) < (h + 38) / 2)
    print_ = look_up(soft, x, y) * inside
    if place.rng.random() < 0.6:
        place.height -= f32(0.18 * print_)
        place.albedo *= f32(1 - 0.15 * print_)[..., None]
    else:
        mix(place.albedo, place.thing.colour, f32(0.9 * print_))
        mix(place.roughness, 0.3, f32(print_))
    return _nothing_hidden(place)


def _pressed_line(place: _Place) -> F32:
    """One or two lines creased along an edge with a hot iron."""
    half = np.float32(0.5 * place.thing.size_mm)
    ends = smoothstep(half - np.abs(place.u_mm), 0.0, 1.0)
    bend = np.float32(place.rng.normal(0, 0.06)) * place.u_mm**2 / half
    for k in range(int(place.rng.integers(1, 3))):
        v = place.v_mm - bend - np.float32(1.4 * k)
        line = np.exp(-((v / np.float32(0.28)) ** 2)) * ends
        place.height -= f32(0.14 * line)
        place.albedo *= f32(1 - 0.2 * line)[..., None]
        mix(place.roughness, 0.3, f32(0.5 * line))
    return _nothing_hidden(place)


def _tape(place: _Place) -> F32:
    """A strip of masking tape: thin, flat, matt, with a torn end."""
    half = np.float32(0.5 * place.thing.size_mm)
    wide = np.float32(place.rng.uniform(4.0, 7.0))
    torn = 0.25 * noise.fractal(
        place.rng, (place.u_mm.shape[0], place.u_mm.shape[1]), max(1.0, 0.8 / place.px), 3
    )
    cover = place.edge(wide - np.abs(place.v_mm)) * place.edge(f32(half - np.abs(place.u_mm) + torn))
    crepe = noise.smooth(place.rng, (512, 512), max(1.3, 0.3 / place.px))
    ribs = look_up(
        crepe,
        f32(place.u_mm / np.float32(place.px) + 200),
        f32(place.v_mm / np.float32(6 * place.px) + 200),
        wrap=True,
    )
    top = (
        place.height * np.float32(0.6)
        + np.float32(0.4 * float(np.median(place.height)) + 0.12)
        + np.float32(0.012) * ribs
    )
    colour = f32(place.thing.colour) * (1 + np.float32(0.04) * ribs)[..., None]
    place.lay(f32(cover), f32(top), f32(np.clip(colour, 0, 0.9)), 0.6)
    return f32(cover)


def _dust(place: _Place) -> F32:
    """Specks and short fibres that lie loose on the surface."""
    half = 0.5 * place.thing.size_mm
    for _ in range(int(place.rng.integers(3, 14))):
        du, dv = place.rng.uniform(-half, half, 2)
        u, v = place.u_mm - np.float32(du), place.v_mm - np.float32(dv)
        radius = np.float32(place.rng.uniform(0.06, 0.2))
        speck = place.edge(f32(radius - np.hypot(u, v * np.float32(place.rng.uniform(0.7, 1.6)))))
        mix(place.albedo, place.thing.colour, f32(0.85 * speck))
        place.height += f32(0.5 * radius * speck)
    for _ in range(int(place.rng.integers(1, 4))):
        du, dv = place.rng.uniform(-half, half, 2)
        angle, bend = place.rng.uniform(0, pi), place.rng.normal(0, 0.25)
        c, s = np.float32(cos(angle)), np.float32(sin(angle))
        u = (place.u_mm - np.float32(du)) * c + (place.v_mm - np.float32(dv)) * s
        v = (place.v_mm - np.float32(dv)) * c - (place.u_mm - np.float32(du)) * s
        long = np.float32(place.rng.uniform(0.6, 2.4))
        hair = place.edge(np.float32(0.03) - np.abs(v - np.float32(bend) * u * u)) * place.edge(
            long - np.abs(u)
        )
        hair *= np.float32(min(1.0, 0.06 / place.px * 1.5))
        mix(place.albedo, place.thing.colour, f32(0.8 * hair))
        place.height += f32(0.05 * hair)
    return _nothing_hidden(place)


def _pen_mark(place: _Place) -> F32:
    """A silver line that the cutter drew to place the next panel."""
    half = np.float32(0.5 * place.thing.size_mm)
    bend = np.float32(place.rng.normal(0, 0.05)) * place.u_mm**2 / half
    patchy = noise.fractal(place.rng, (place.u_mm.shape[0], place.u_mm.shape[1]), max(1.0, 0.6 / place.px), 3)
    line = place.edge(f32(np.float32(0.3) - np.abs(place.v_mm - bend)), 0.15) * (np.abs(place.u_mm) < half)
    mix(place.albedo, place.thing.colour, f32(line * np.clip(0.85 + 0.25 * patchy, 0, 1)))
    mix(place.roughness, 0.4, f32(0.5 * line))
    return _nothing_hidden(place)


KINDS: dict[str, Callable[[_Place], F32]] = {
    "eyelet": _eyelet,
    "lace": _lace,
    "brogue": _brogue,
    "logo": _logo,
    "pressed_line": _pressed_line,
    "tape": _tape,
    "dust": _dust,
    "pen_mark": _pen_mark,
}
