"""The frozen description of one synthetic photograph, from which it is rendered again to the same bytes.

Lengths are millimetres on the surface, with (0, 0) the centre of the first pixel of an untilted photo, x to
the right and y down. Angles are degrees, clockwise from +x. Colours are linear RGB reflectances 0..1. Every
random detail that is too fine to write down (grain, fibres, jitter) comes from the ``seed`` next to it, so a
scene is complete: nothing else decides what is rendered. `save` and `load` are the only way to and from a
file.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from math import sqrt
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from inspection.errors import ConfigurationError

VERSION = 2

MIN_MM_PER_PX = 0.05
MAX_MM_PER_PX = 0.30

_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Rgb = tuple[Share, Share, Share]
Point = tuple[float, float]


class Family(StrEnum):
    """How a leather was made and finished: what its surface looks like."""

    FULL_GRAIN = "full_grain"
    PEBBLED = "pebbled"
    SMOOTH = "smooth"
    CORRECTED = "corrected"
    NUBUCK = "nubuck"
    SUEDE = "suede"
    PATENT = "patent"
    EMBOSSED = "embossed"
    PERFORATED = "perforated"


@dataclass(frozen=True)
class PhotoBase:
    """A sound piece of a real photo that gives the colour and the grain in place of a rendered leather.

    The file is looked up in the folder that the renderer is given; ``sha256`` proves that it is the same
    file.
    """

    __pydantic_config__ = _STRICT

    name: str
    sha256: str
    x_px: Annotated[int, Field(ge=0)]
    y_px: Annotated[int, Field(ge=0)]
    side_px: Annotated[int, Field(gt=0)]
    mm_per_px: Positive


@dataclass(frozen=True)
class Leather:
    """One leather: its grain in millimetres, its colour and its finish.

    Attributes
    ----------
    grain_mm, depth_mm : size of a grain cell and depth of the valleys between cells.
    stretch, direction_deg : how much longer than wide the cells are, and along what direction; also the
        nap's.
    valley : how much darker the valleys are than the tops, 0..1.
    roughness : of the finish, 0 mirror .. 1 matt. sheen : share of light that the nap scatters at grazing
        angles.
    drift : tone change over centimetres, as a share. creases : 0..1, how many fine creases.
    pores : hair pores per square millimetre. mottle : change of tone from fibre to fibre, as a share.
    lint : specks and loose fibres that lie on it, per square centimetre.
    """

    __pydantic_config__ = _STRICT

    family: Family
    seed: Seed
    colour: Rgb
    grain_mm: Positive
    depth_mm: NotNegative
    stretch: Annotated[float, Field(ge=1, le=4)] = 1.0
    direction_deg: float = 0.0
    valley: Share = 0.2
    roughness: Annotated[float, Field(ge=0.05, le=1)] = 0.5
    sheen: Share = 0.0
    drift: Share = 0.05
    creases: Share = 0.0
    pores: NotNegative = 0.0
    mottle: Share = 0.01
    lint: NotNegative = 0.0
    photo: PhotoBase | None = None


class Edge(StrEnum):
    """How the edge of a panel is finished."""

    RAW = "raw"
    SKIVED = "skived"
    FOLDED = "folded"
    PAINTED = "painted"


@dataclass(frozen=True)
class Panel:
    """A piece of the upper that lies on what is below it, to the left of a walk along ``edge_mm``.

    Attributes
    ----------
    edge_mm : control points of the edge, a smooth curve through them that leaves the photo at both ends.
    edge_colour : of the cut or paint. lift_mm : how far the edge stands off what it lies on.
    padding_mm : height of the padding under the panel, 0 for none; it rises within about a centimetre of the
        edge.
    """

    __pydantic_config__ = _STRICT

    edge_mm: Annotated[tuple[Point, ...], Field(min_length=3)]
    leather: Leather
    thickness_mm: Positive
    edge: Edge
    edge_colour: Rgb
    lift_mm: NotNegative = 0.03
    padding_mm: NotNegative = 0.0


@dataclass(frozen=True)
class Thread:
    """A sewing thread; its diameter follows from its weight in tex (grams per kilometre)."""

    __pydantic_config__ = _STRICT

    tex: Annotated[float, Field(ge=10, le=400)]
    colour: Rgb
    plies: Annotated[int, Field(ge=1, le=6)] = 3
    twist_mm: Positive = 0.9
    under_colour: Rgb = (0.5, 0.5, 0.5)

    @property
    def diameter_mm(self) -> float:
        """Of a round, lightly packed polyester or nylon thread: 0.035 mm times the square root of the tex."""
        return 0.035 * sqrt(self.tex)


@dataclass(frozen=True)
class StitchDefect:
    """A fault of sewing in one row: where it is along the row, how long, how bad.

    ``size_mm`` is the severity; what it measures is said per kind in `stitch_defects.SIZES`.
    """

    __pydantic_config__ = _STRICT

    kind: str
    seed: Seed
    at_mm: float
    size_mm: Positive
    length_mm: NotNegative = 0.0
    row: Annotated[int, Field(ge=0)] = 0


@dataclass(frozen=True)
class Seam:
    """Rows of lockstitch along a panel's edge, or along a free line.

    Attributes
    ----------
    panel : index of the panel whose edge the rows follow, or None for the free line ``line_mm``.
    line_mm : control points; corner_at gives the indices of those where the machine turned instead of
        curving.
    margin_mm : of the first row from the edge. gap_mm : between rows.
    slant_deg : of each stitch against the row, as lockstitch threads lie. sink_mm : how deep tension pulls
        the thread.
    jitter_mm : standard deviation of each needle hole along the row, and half of it across.
    start_mm, end_mm : where along the line the rows begin and end; end None for the line's end.
    tack : stitches sewn back at the start and end when those lie in the photo.
    layer : for free lines, the panel on which they are sewn (0 the base, 1 the first panel ...).
    """

    __pydantic_config__ = _STRICT

    name: str
    seed: Seed
    thread: Thread
    pitch_mm: Annotated[float, Field(ge=0.8, le=8)]
    panel: Annotated[int, Field(ge=0)] | None = None
    line_mm: tuple[Point, ...] = ()
    corner_at: tuple[int, ...] = ()
    margin_mm: float = 1.5
    rows: Annotated[int, Field(ge=1, le=3)] = 1
    gap_mm: Positive = 2.0
    slant_deg: Annotated[float, Field(ge=-30, le=30)] = 6.0
    sink_mm: NotNegative = 0.1
    hole_mm: Positive = 0.6
    jitter_mm: NotNegative = 0.03
    start_mm: float = 0.0
    end_mm: float | None = None
    tack: Annotated[int, Field(ge=0, le=5)] = 0
    layer: Annotated[int, Field(ge=0)] = 0
    defects: tuple[StitchDefect, ...] = ()


@dataclass(frozen=True)
class LeatherDefect:
    """A fault of the leather; ``size_mm`` is the severity, what it measures is in `leather_defects.SIZES`."""

    __pydantic_config__ = _STRICT

    kind: str
    seed: Seed
    x_mm: float
    y_mm: float
    size_mm: Positive
    length_mm: NotNegative = 0.0
    angle_deg: float = 0.0
    strength: Share = 0.7
    layer: Annotated[int, Field(ge=0)] = 0


@dataclass(frozen=True)
class Distractor:
    """Something that belongs on a shoe, or on the inspection table, and is not a defect."""

    __pydantic_config__ = _STRICT

    kind: str
    seed: Seed
    x_mm: float
    y_mm: float
    size_mm: Positive
    angle_deg: float = 0.0
    colour: Rgb = (0.5, 0.5, 0.5)


@dataclass(frozen=True)
class Lamp:
    """A light far away: where it stands, how wide it looks, its power and colour."""

    __pydantic_config__ = _STRICT

    azimuth_deg: float
    elevation_deg: Annotated[float, Field(gt=0, le=90)]
    spread_deg: NotNegative
    power: NotNegative
    kelvin: Annotated[float, Field(ge=1800, le=15000)] = 5500.0


@dataclass(frozen=True)
class Light:
    """The lamps, the even light from all around, and how the light changes over the photo.

    ``lean`` is by how much the direction to the lamps turns from edge to edge of the photo, as near lamps do;
    ``falloff`` by how much the light weakens from the brightest side to the other.
    """

    __pydantic_config__ = _STRICT

    kind: str
    lamps: Annotated[tuple[Lamp, ...], Field(min_length=1)]
    ambient: Share = 0.2
    lean: Annotated[float, Field(ge=0, le=0.6)] = 0.1
    falloff: Share = 0.1
    falloff_deg: float = 0.0


@dataclass(frozen=True)
class Camera:
    """Lens, sensor and file.

    Attributes
    ----------
    tilt_x, tilt_y : perspective: change of scale across the photo, as a share. distortion : radial, first
        order.
    blur_px : sharpness of the lens. corner_blur_px : added towards the corners. motion_px, motion_deg : of
        the part.
    vignette : loss of light in the corners. exposure : mean of the linear photo it aims at.
    metering : 1 aims exactly, 0 ignores how bright the leather is. kelvin : what the camera takes for white.
    shot, read : noise at full scale. sharpen : unsharp mask after demosaicing. contrast : of the tone curve.
    jpeg : quality of the file, or None for lossless.
    """

    __pydantic_config__ = _STRICT

    seed: Seed
    tilt_x: float = 0.0
    tilt_y: float = 0.0
    distortion: Annotated[float, Field(ge=-0.1, le=0.1)] = 0.0
    blur_px: NotNegative = 0.5
    corner_blur_px: NotNegative = 0.0
    motion_px: NotNegative = 0.0
    motion_deg: float = 0.0
    vignette: Share = 0.0
    exposure: Positive = 0.18
    metering: Share = 0.7
    kelvin: Annotated[float, Field(ge=1800, le=15000)] = 5500.0
    shot: NotNegative = 0.01
    read: NotNegative = 0.002
    bayer: bool = True
    sharpen: NotNegative = 0.3
    contrast: NotNegative = 0.0
    jpeg: Annotated[int, Field(ge=30, le=100)] | None = 92


@dataclass(frozen=True)
class Scene:
    """Everything that one synthetic photo shows."""

    __pydantic_config__ = _STRICT

    seed: Seed
    width_px: Annotated[int, Field(ge=64, le=4096)]
    height_px: Annotated[int, Field(ge=64, le=4096)]
    mm_per_px: Annotated[float, Field(ge=MIN_MM_PER_PX, le=MAX_MM_PER_PX)]
    base: Leather
    light: Light
    camera: Camera
    panels: tuple[Panel, ...] = ()
    seams: tuple[Seam, ...] = ()
    leather_defects: tuple[LeatherDefect, ...] = ()
    distractors: tuple[Distractor, ...] = ()
    version: Annotated[int, Field(ge=VERSION, le=VERSION)] = field(default=VERSION)

    @property
    def width_mm(self) -> float:
        """Of the photo, untilted."""
        return self.width_px * self.mm_per_px

    @property
    def height_mm(self) -> float:
        """Of the photo, untilted."""
        return self.height_px * self.mm_per_px


def to_json(scene: Scene) -> str:
    """The scene as text; `from_json` gives an equal value."""
    return json.dumps(asdict(scene), indent=1, sort_keys=True)


def from_json(text: str) -> Scene:
    """A scene from its text, with every value checked.

    Raises
    ------
    ConfigurationError : not JSON, an unknown field, or a value that cannot be rendered; the detail names it.
    """
    try:
        return TypeAdapter(Scene).validate_json(text)
    except ValidationError as error:
        raise _refused(error) from error


def check(scene: Scene) -> Scene:
    """The same scene, once every value in it has been found possible.

    Raises
    ------
    ConfigurationError : a value that cannot be rendered, such as a pitch of 0.
    """
    try:
        return TypeAdapter(Scene).validate_python(asdict(scene))
    except ValidationError as error:
        raise _refused(error) from error


def save(scene: Scene, path: Path) -> None:
    """Writes the scene to a JSON file."""
    path.write_text(to_json(scene) + "\n", encoding="utf-8")


def load(path: Path) -> Scene:
    """Reads a scene that `save` wrote.

    Raises
    ------
    ConfigurationError : no such file, or not a scene.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"the scene {path} cannot be read: {error}", hint="Check the path."
        ) from error
    return from_json(text)


def _refused(error: ValidationError) -> ConfigurationError:
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "the scene"
    return ConfigurationError(
        f"scene: {where}: {first['msg']} (given {first['input']!r})",
        hint="Correct that value; docs/synthesis.md lists every field with its range.",
    )
