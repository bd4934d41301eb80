"""Drawing scenes at random: which leather, what construction, which defects, what light, what camera.

`sample` is a pure function of the request, the seed and the index, so any worker gets the same scene.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite

import numpy as np

from inspection.errors import ConfigurationError, UnknownNameError
from training.synthesis import distractors, leather_defects, stitch_defects
from training.synthesis.catalogue import SIZES
from training.synthesis.noise import stream
from training.synthesis.rigs import RIGS, Range, a_camera, a_light, pick
from training.synthesis.scene import (
    MAX_MM_PER_PX,
    MIN_MM_PER_PX,
    Distractor,
    Edge,
    Family,
    Leather,
    LeatherDefect,
    Panel,
    PhotoBase,
    Point,
    Rgb,
    Scene,
    Seam,
    StitchDefect,
    Thread,
)


@dataclass(frozen=True)
class Request:
    """What scenes to draw.

    Attributes
    ----------
    side_px : width and height. mm_per_px : range of the scale, drawn evenly in its logarithm.
    pitch_mm : range of the pitch. kinds : of defects; empty for all. families : of leather; empty for all.
    sound : share of photos without any defect. leather_only : share of photos without panel and seam.
    distractors : mean number per photo. bases : pieces of real photos (`photo_base.sound_bases`); where there
        are
        any, ``on_photos`` is the share of scenes whose leathers are made from one.
    counts : how many defects a photo that is not sound has, one of these at random.
    without : things (`distractors.KINDS`) that are never drawn. rigs : of `rigs.RIGS`; empty for all.
    """

    side_px: int = 512
    mm_per_px: tuple[float, float] = (0.08, 0.20)
    pitch_mm: tuple[float, float] = (1.5, 4.5)
    kinds: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    sound: float = 0.25
    leather_only: float = 0.25
    distractors: float = 0.6
    bases: tuple[PhotoBase, ...] = ()
    on_photos: float = 0.3
    counts: tuple[int, ...] = (1, 1, 2, 3)
    without: tuple[str, ...] = ()
    rigs: tuple[str, ...] = ()


def check(request: Request) -> Request:
    """The same request, once it has been found possible.

    Raises
    ------
    UnknownNameError : a kind or family that does not exist. ConfigurationError : a number out of range.
    """
    for kind in request.kinds:
        if kind not in SIZES:
            raise UnknownNameError(
                f"there is no defect kind {kind!r} to render", hint=f"Known: {', '.join(SIZES)}."
            )
    for family in request.families:
        if family not in set(Family):
            raise UnknownNameError(
                f"there is no leather family {family!r}", hint=f"Known: {', '.join(Family)}."
            )
    if not _kinds_of(request):
        raise ConfigurationError(
            f"{', '.join(request.kinds)} cannot be on {', '.join(request.families)}",
            hint="Name another family of leather, or none.",
        )
    _within("size", request.side_px, 64, 4096, "pixels")
    for each in request.mm_per_px:
        _within("scale", each, MIN_MM_PER_PX, MAX_MM_PER_PX, "mm per pixel")
    for each in request.pitch_mm:
        _within("pitch", each, 0.8, 8.0, "mm")
    for name, share in (
        ("sound", request.sound),
        ("leather-only", request.leather_only),
        ("on photos", request.on_photos),
    ):
        _within(f"share {name}", share, 0, 1, "")
    _within("number of distractors", request.distractors, 0, 20, "per photo")
    for count in request.counts:
        _within("number of defects", count, 1, 20, "per photo")
    for name in request.without:
        if name not in distractors.KINDS:
            raise UnknownNameError(
                f"there is no thing {name!r} to leave out", hint=f"Known: {', '.join(distractors.KINDS)}."
            )
    for name in request.rigs:
        if name not in RIGS:
            raise UnknownNameError(f"there is no rig {name!r}", hint=f"Known: {', '.join(RIGS)}.")
    for name, (low, high) in (("scale", request.mm_per_px), ("pitch", request.pitch_mm)):
        if low > high:
            raise ConfigurationError(
                f"the range of the {name}, {low} to {high}, is upside down",
                hint="Give the smaller number first.",
            )
    return request


def _families_of(request: Request) -> tuple[Family, ...]:
    return tuple(Family(name) for name in request.families) or tuple(Family)


def _kinds_of(request: Request) -> tuple[str, ...]:
    """The wanted kinds that one of the wanted families can have."""
    families = _families_of(request)
    return tuple(
        kind
        for kind in request.kinds or tuple(SIZES)
        if any(leather_defects.fits(kind, family) for family in families)
    )


def _within(name: str, value: float, low: float, high: float, unit: str) -> None:
    if not isfinite(value) or not low <= value <= high:
        raise ConfigurationError(
            f"the {name} {value} {unit} cannot be rendered".replace("  ", " "),
            hint=f"Give a {name} from {low} to {high} {unit}.".replace(" .", "."),
        )


# Linear reflectances of common shoe leathers and threads, measured off photos and rounded.
_COLOURS: dict[str, Rgb] = {
    "black": (0.022, 0.021, 0.022),
    "soft black": (0.045, 0.045, 0.048),
    "dark brown": (0.085, 0.048, 0.032),
    "brown": (0.19, 0.095, 0.05),
    "tan": (0.42, 0.22, 0.10),
    "cognac": (0.40, 0.15, 0.05),
    "natural": (0.62, 0.44, 0.29),
    "beige": (0.62, 0.52, 0.41),
    "white": (0.78, 0.76, 0.72),
    "grey": (0.15, 0.15, 0.16),
    "light grey": (0.38, 0.38, 0.36),
    "navy": (0.045, 0.055, 0.075),
    "blue": (0.08, 0.16, 0.30),
    "oxblood": (0.15, 0.03, 0.035),
    "red": (0.52, 0.035, 0.03),
    "orange": (0.62, 0.20, 0.06),
    "mustard": (0.52, 0.36, 0.06),
    "olive": (0.34, 0.33, 0.05),
    "green": (0.05, 0.12, 0.08),
    "pink": (0.70, 0.36, 0.28),
    "sand": (0.55, 0.47, 0.28),
}


@dataclass(frozen=True)
class _Recipe:
    """Ranges for one family of leather."""

    grain_mm: Range
    depth_mm: Range
    valley: Range
    roughness: Range
    stretch: Range = (1.0, 1.5)
    sheen: Range = (0.0, 0.0)
    drift: Range = (0.02, 0.12)
    creases: Range = (0.0, 0.4)
    pores: Range = (0.0, 0.0)
    mottle: Range = (0.005, 0.02)
    lint: Range = (0.0, 4.0)


_RECIPES: dict[Family, _Recipe] = {
    Family.FULL_GRAIN: _Recipe(
        (0.35, 0.9),
        (0.002, 0.016),
        (0.0, 0.06),
        (0.32, 0.6),
        stretch=(1.0, 2.2),
        pores=(1.0, 5.0),
        creases=(0, 0.7),
        lint=(0.0, 3.5),
    ),
    Family.PEBBLED: _Recipe(
        (0.6, 2.2), (0.015, 0.12), (0.0, 0.2), (0.2, 0.42), stretch=(1.0, 1.6), lint=(0.0, 0.5)
    ),
    Family.SMOOTH: _Recipe(
        (0.3, 0.8),
        (0.001, 0.006),
        (0.0, 0.03),
        (0.28, 0.6),
        stretch=(1.0, 2.2),
        drift=(0.01, 0.06),
        pores=(1.0, 4.5),
        creases=(0, 0.5),
        lint=(0.0, 3.5),
    ),
    Family.CORRECTED: _Recipe((0.5, 1.2), (0.01, 0.04), (0.0, 0.12), (0.28, 0.5), drift=(0.0, 0.04)),
    Family.NUBUCK: _Recipe(
        (0.4, 0.8),
        (0.006, 0.02),
        (0.05, 0.2),
        (0.9, 1.0),
        sheen=(0.1, 0.3),
        mottle=(0.04, 0.12),
        lint=(0.0, 10.0),
    ),
    Family.SUEDE: _Recipe(
        (0.5, 1.0),
        (0.015, 0.07),
        (0.1, 0.4),
        (0.95, 1.0),
        sheen=(0.15, 0.4),
        drift=(0.05, 0.2),
        mottle=(0.08, 0.2),
        lint=(0.0, 14.0),
    ),
    Family.PATENT: _Recipe((2.0, 3.0), (0.0015, 0.005), (0.0, 0.05), (0.07, 0.16), drift=(0.0, 0.03)),
    Family.EMBOSSED: _Recipe((1.6, 3.6), (0.06, 0.2), (0.1, 0.4), (0.28, 0.5), stretch=(1.0, 1.6)),
    Family.PERFORATED: _Recipe((0.9, 1.6), (0.003, 0.01), (0.02, 0.1), (0.3, 0.55)),
}


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31))


def tinted(rng: np.random.Generator, colour: Rgb, amount: float) -> Rgb:
    """The colour, lighter or darker and of another hue by about ``amount``, a share."""
    brighter = np.exp(rng.normal(0, amount)) * np.exp(rng.normal(0, 0.4 * amount, 3))
    r, g, b = (round(float(np.clip(c * k, 0.01, 0.85)), 5) for c, k in zip(colour, brighter, strict=True))
    return r, g, b


def _a_colour(rng: np.random.Generator) -> Rgb:
    names = list(_COLOURS)
    weights = np.array(
        [
            3 if name in {"black", "dark brown", "brown", "tan", "grey", "navy", "beige"} else 1
            for name in names
        ]
    )
    name = names[int(rng.choice(len(names), p=weights / weights.sum()))]
    return tinted(rng, _COLOURS[name], 0.2)


def a_leather(rng: np.random.Generator, family: Family, colour: Rgb | None = None) -> Leather:
    """A leather of a family, with everything else drawn from the ranges that such leathers have."""
    recipe = _RECIPES[family]
    return Leather(
        family=family,
        seed=_seed(rng),
        colour=colour or _a_colour(rng),
        grain_mm=pick(rng, recipe.grain_mm),
        depth_mm=pick(rng, recipe.depth_mm),
        stretch=pick(rng, recipe.stretch),
        direction_deg=pick(rng, (0, 180)),
        valley=pick(rng, recipe.valley),
        roughness=pick(rng, recipe.roughness),
        sheen=pick(rng, recipe.sheen),
        drift=pick(rng, recipe.drift),
        creases=pick(rng, recipe.creases),
        pores=pick(rng, recipe.pores),
        mottle=pick(rng, recipe.mottle),
        lint=pick(rng, recipe.lint),
    )


def a_thread(rng: np.random.Generator, leather: Leather) -> Thread:
    """A thread for a leather: tone on tone more often than not, which is the hard case."""
    under = tinted(rng, _COLOURS[str(rng.choice(["black", "white", "natural", "grey", "brown"]))], 0.1)
    if rng.random() < 0.55:
        base = f"{'lighter' if rng.random() < 0.6 else 'darker'}"
        k = float(rng.uniform(1.05, 1.7)) if base == "lighter" else float(rng.uniform(0.65, 0.95))
        r, g, b = (round(float(np.clip(c * k + 0.004, 0.012, 0.85)), 5) for c in leather.colour)
        colour: Rgb = (r, g, b)
    else:
        colour = tinted(
            rng,
            _COLOURS[
                str(rng.choice(["white", "natural", "tan", "black", "red", "grey", "mustard", "beige"]))
            ],
            0.15,
        )
    tex = float(
        rng.choice([20, 30, 40, 60, 70, 90, 105, 135], p=[0.05, 0.1, 0.15, 0.2, 0.15, 0.15, 0.1, 0.1])
    )
    return Thread(
        tex=tex,
        colour=colour,
        plies=int(rng.choice([2, 3, 3])),
        twist_mm=pick(rng, (0.6, 1.3)),
        under_colour=under,
    )


def crossing(
    rng: np.random.Generator, width: float, height: float, *, bend: float, through: Point
) -> tuple[Point, ...]:
    """Control points of a curve that crosses the whole photo near ``through`` at any angle."""
    angle = float(rng.uniform(0, 2 * np.pi))
    way = np.array([np.cos(angle), np.sin(angle)])
    side = np.array([way[1], -way[0]])
    reach = 0.95 * float(np.hypot(width, height))
    t = np.linspace(-1, 1, 9)
    sag = bend * reach * (rng.normal() * (t * t - 0.2) + 0.25 * rng.normal() * np.sin(np.pi * t))
    points = np.array(through) + reach * t[:, None] * way + sag[:, None] * side
    return tuple((round(float(x), 4), round(float(y), 4)) for x, y in points)


def a_seam(rng: np.random.Generator, request: Request, name: str, thread: Thread) -> Seam:
    """A sound seam of one to three rows; its line is still to be given."""
    pitch = pick(rng, request.pitch_mm)
    rows = int(rng.choice([1, 1, 2, 2, 3]))
    return Seam(
        name=name,
        seed=_seed(rng),
        thread=thread,
        pitch_mm=pitch,
        margin_mm=pick(rng, (1.1, 2.6)),
        rows=rows,
        gap_mm=pick(rng, (1.4, 2.8)) if rows == 2 or rng.random() < 0.5 else pick(rng, (1.2, 1.8)),
        slant_deg=pick(rng, (2, 12)) * (1 if rng.random() < 0.8 else -1),
        sink_mm=pick(rng, (0.04, 0.2)),
        hole_mm=round(thread.diameter_mm * float(rng.uniform(1.15, 1.7)) + 0.08, 4),
        jitter_mm=pick(rng, (0.01, 0.06)),
    )


def _stitch_defect(rng: np.random.Generator, kind: str, seam: Seam, at_mm: float) -> StitchDefect:
    length = float(rng.uniform(3, 9)) * seam.pitch_mm if kind in LONG else 0.0
    if kind == "loose_thread" and rng.random() < 0.5:
        length = 2 * seam.pitch_mm
    return StitchDefect(
        kind=kind,
        seed=_seed(rng),
        at_mm=round(at_mm, 4),
        size_mm=round(SIZES[kind].at(float(rng.random())), 4),
        length_mm=round(length, 4),
        row=int(rng.integers(seam.rows)),
    )


LONG = {
    "uneven_pitch",
    "run_off",
    "off_edge",
    "merged_stitch",
    "under_thread",
    "empty_hole",
    "pucker",
    "uneven_rows",
}


def _needs_edge(kind: str) -> bool:
    return kind in {"off_edge", "wrong_margin"}


def sample(request: Request, *, seed: int, index: int) -> Scene:
    """Scene number ``index`` of a request and seed."""
    rng = stream(seed, "scene", index)
    side = request.side_px
    low, high = request.mm_per_px
    mm_per_px = round(float(np.exp(rng.uniform(np.log(low), np.log(high)))), 5)
    size = side * mm_per_px
    kinds = _kinds_of(request)
    sound = rng.random() < request.sound
    wanted: list[str] = []
    if not sound:
        count = int(rng.choice(request.counts))
        wanted = [str(kind) for kind in rng.choice(np.array(kinds), count)]
    on_seam = [kind for kind in wanted if kind in stitch_defects.SIZES]
    plain = rng.random() < request.leather_only and not on_seam
    families = tuple(
        family
        for family in _families_of(request)
        if all(leather_defects.fits(kind, family) for kind in wanted)
    )
    weights = np.array(
        [3.0 if f in (Family.FULL_GRAIN, Family.PEBBLED, Family.SMOOTH) else 1.0 for f in families]
    )
    family = families[int(rng.choice(len(families), p=weights / weights.sum()))]
    base = a_leather(rng, family)
    if request.bases and rng.random() < request.on_photos:
        piece = request.bases[int(rng.integers(len(request.bases)))]
        base = replace(base, photo=piece, roughness=max(base.roughness, 0.4))
    rig = RIGS[str(rng.choice(request.rigs or list(RIGS)))]
    light = a_light(rng, rig=rig)
    scene = Scene(
        seed=_seed(rng),
        width_px=side,
        height_px=side,
        mm_per_px=mm_per_px,
        base=base,
        light=light,
        camera=a_camera(rng, light.lamps[0].kelvin, rig),
    )
    if not plain:
        scene = _constructed(rng, request, scene, families, edge=any(_needs_edge(kind) for kind in on_seam))
        scene = _sewn_badly(rng, scene, on_seam, size)
    flaws = [
        _leather_defect(rng, kind, size, layer=int(rng.integers(len(scene.panels) + 1)))
        for kind in wanted
        if kind in leather_defects.SIZES
    ]
    things = [
        a_thing(rng, size, without=request.without) for _ in range(int(rng.poisson(request.distractors)))
    ]
    return replace(scene, leather_defects=tuple(flaws), distractors=tuple(things))


def _constructed(
    rng: np.random.Generator, request: Request, scene: Scene, families: Sequence[Family], *, edge: bool
) -> Scene:
    size = scene.width_mm
    middle: Point = (float(rng.uniform(0.3, 0.7)) * size, float(rng.uniform(0.3, 0.7)) * size)
    bend = float(rng.uniform(0, 0.22))
    if not edge and rng.random() < 0.2:
        line = crossing(rng, size, size, bend=0.5 * bend, through=middle)
        corners: tuple[int, ...] = ()
        if rng.random() < 0.35:
            line, corners = _cornered(rng, size, middle), (1,)
        seam = replace(
            a_seam(rng, request, "free", a_thread(rng, scene.base)), line_mm=line, corner_at=corners, tack=2
        )
        if corners:
            seam = replace(seam, rows=1)
        if rng.random() < 0.25:
            seam = replace(seam, end_mm=round(1.1 * size, 3))
        return replace(scene, seams=(seam,))
    count = 1 if rng.random() < 0.7 else 2
    panels: list[Panel] = []
    seams: list[Seam] = []
    for k in range(count):
        own = (
            a_leather(rng, families[int(rng.integers(len(families)))]) if rng.random() < 0.25 else scene.base
        )
        if own is scene.base and rng.random() < 0.5:
            own = replace(own, colour=tinted(rng, own.colour, 0.1))
        own = replace(own, seed=_seed(rng), direction_deg=pick(rng, (0, 180)))
        at = middle if k == 0 else (float(rng.uniform(0.1, 0.9)) * size, float(rng.uniform(0.1, 0.9)) * size)
        style = Edge(str(rng.choice(["raw", "skived", "folded", "painted"], p=[0.35, 0.2, 0.3, 0.15])))
        panel = Panel(
            edge_mm=crossing(rng, size, size, bend=bend, through=at),
            leather=own,
            thickness_mm=pick(rng, (0.8, 1.8)),
            edge=style,
            edge_colour=tinted(rng, own.colour if style is Edge.PAINTED else raw(own.colour), 0.15),
            lift_mm=pick(rng, (0.0, 0.12)),
            padding_mm=pick(rng, (0.5, 2.5)) if rng.random() < 0.12 else 0.0,
        )
        panels.append(panel)
        if edge or rng.random() < 0.92:
            seams.append(replace(a_seam(rng, request, f"edge {k + 1}", a_thread(rng, own)), panel=k))
    if rng.random() < 0.15:
        line = crossing(rng, size, size, bend=0.08, through=middle)
        seams.append(
            replace(
                a_seam(rng, request, "crossing", a_thread(rng, panels[-1].leather)),
                line_mm=line,
                rows=1,
                layer=count,
            )
        )
    return replace(scene, panels=tuple(panels), seams=tuple(seams))


def raw(colour: Rgb) -> Rgb:
    """Of a fresh cut: the tanned fibre under the finish."""
    r, g, b = (round(0.45 * c + 0.55 * raw, 5) for c, raw in zip(colour, (0.34, 0.27, 0.20), strict=True))
    return r, g, b


def _cornered(rng: np.random.Generator, size: float, corner: Point) -> tuple[Point, ...]:
    angle = float(rng.uniform(0, 2 * np.pi))
    turn = float(rng.uniform(0.9, 2.2))
    ends = [
        (corner[0] + 1.6 * size * np.cos(a), corner[1] + 1.6 * size * np.sin(a))
        for a in (angle, angle + turn)
    ]
    a, b = ((round(float(x), 4), round(float(y), 4)) for x, y in ends)
    return a, corner, b


def _sewn_badly(rng: np.random.Generator, scene: Scene, kinds: Sequence[str], size: float) -> Scene:
    if not kinds:
        return scene
    seams = list(scene.seams)
    if not seams:
        return scene
    for kind in kinds:
        fit = [k for k, seam in enumerate(seams) if not _needs_edge(kind) or seam.panel is not None]
        if not fit:
            continue
        k = fit[int(rng.integers(len(fit)))]
        seam = seams[k]
        if kind == "uneven_rows" and seam.rows < 2:
            seam = replace(seam, rows=2)
        at = middle_of(seam, scene) + float(rng.uniform(-0.25, 0.25)) * size
        seams[k] = replace(seam, defects=(*seam.defects, _stitch_defect(rng, kind, seam, at)))
    return replace(scene, seams=tuple(seams))


def middle_of(seam: Seam, scene: Scene) -> float:
    """Arc length at which the seam's line passes nearest to the middle of the photo."""
    from training.synthesis.curves import smooth_curve

    control = scene.panels[seam.panel].edge_mm if seam.panel is not None else seam.line_mm
    line = smooth_curve(control, seam.corner_at if seam.panel is None else ())
    middle = np.array([scene.width_mm / 2, scene.height_mm / 2])
    return float(line.along_mm[int(np.argmin(np.linalg.norm(line.points_mm - middle, axis=1)))])


def _leather_defect(rng: np.random.Generator, kind: str, size: float, *, layer: int) -> LeatherDefect:
    limit = 0.8 * size
    return LeatherDefect(
        kind=kind,
        seed=_seed(rng),
        x_mm=round(float(rng.uniform(0.15, 0.85)) * size, 4),
        y_mm=round(float(rng.uniform(0.15, 0.85)) * size, 4),
        size_mm=round(min(limit, SIZES[kind].at(float(rng.random()))), 4),
        angle_deg=pick(rng, (0, 180)),
        strength=pick(rng, (0.3, 1.0)),
        layer=layer,
    )


_THING_SIZE: dict[str, Range] = {
    "eyelet": (4.5, 8.0),
    "lace": (60.0, 150.0),
    "brogue": (15.0, 40.0),
    "logo": (12.0, 30.0),
    "pressed_line": (20.0, 60.0),
    "tape": (15.0, 40.0),
    "dust": (10.0, 40.0),
    "pen_mark": (10.0, 30.0),
}
_THING_COLOURS: dict[str, tuple[Rgb, ...]] = {
    "eyelet": ((0.45, 0.43, 0.40), (0.03, 0.03, 0.03), (0.5, 0.36, 0.16)),
    "lace": ((0.02, 0.02, 0.02), (0.75, 0.74, 0.7), (0.2, 0.11, 0.06)),
    "logo": ((0.5, 0.38, 0.15), (0.7, 0.7, 0.68), (0.02, 0.02, 0.02)),
    "tape": ((0.62, 0.53, 0.32), (0.25, 0.4, 0.6), (0.7, 0.68, 0.6)),
    "dust": ((0.6, 0.6, 0.58), (0.35, 0.3, 0.25), (0.05, 0.05, 0.05)),
    "pen_mark": ((0.6, 0.6, 0.62), (0.75, 0.73, 0.7)),
}


def a_thing(
    rng: np.random.Generator, size: float, kind: str | None = None, *, without: Sequence[str] = ()
) -> Distractor:
    """A thing that is no defect, anywhere in a photo of ``size`` millimetres."""
    names = [name for name in distractors.KINDS if name not in without]
    weights = np.array([3.0 if name == "dust" else 1.0 for name in names])
    kind = kind or names[int(rng.choice(len(names), p=weights / weights.sum()))]
    colours = _THING_COLOURS.get(kind, ((0.5, 0.5, 0.5),))
    return Distractor(
        kind=kind,
        seed=_seed(rng),
        x_mm=round(float(rng.uniform(0.05, 0.95)) * size, 4),
        y_mm=round(float(rng.uniform(0.05, 0.95)) * size, 4),
        size_mm=pick(rng, _THING_SIZE[kind]),
        angle_deg=pick(rng, (0, 180)),
        colour=tinted(rng, colours[int(rng.integers(len(colours)))], 0.1),
    )
