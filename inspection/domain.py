"""The values that the stages take and give: frozen, units in their names.

Images are RGB uint8 (H, W, 3). Points are (x, y) in pixels of the photo as decoded (upright), with (0, 0) the
centre of the first pixel. Lengths that decide are millimetres. Arrays inside values are made read-only.
Values that carry arrays compare by identity (``eq=False``); use ``numpy.testing`` to compare their content.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import numpy as np
import numpy.typing as npt

__all__ = [
    "Calibration",
    "CalibrationProblem",
    "CalibrationSource",
    "Defect",
    "Disposition",
    "ExpectedSeam",
    "Finding",
    "Foot",
    "Grade",
    "Lens",
    "Maps",
    "Measurement",
    "Metadata",
    "Novelty",
    "Photo",
    "PhotoColours",
    "Reason",
    "Registration",
    "Seam",
    "Severity",
    "Tone",
    "Verdict",
    "Zone",
    "ZoneClass",
    "ZoneColour",
]


def _frozen(array: np.ndarray) -> np.ndarray:
    view = array.view()
    view.flags.writeable = False
    return view


class ZoneClass(StrEnum):
    """How much a zone counts: primary is what a buyer sees first (toe, vamp, outer side)."""

    PRIMARY = "primary"
    SECONDARY = "secondary"
    HIDDEN = "hidden"


class Severity(StrEnum):
    """How bad a fault is, in the terms of the trade."""

    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"


class Grade(StrEnum):
    """What the photo is worth; recheck means that a person has to look."""

    A = "A"
    B = "B"
    C = "C"
    RECHECK = "recheck"


class Disposition(StrEnum):
    """What to do with the part."""

    PASS = "pass"
    REWORK = "rework"
    REJECT = "reject"
    RECHECK = "recheck"


class Foot(StrEnum):
    """Which shoe of the pair."""

    LEFT = "left"
    RIGHT = "right"


class CalibrationSource(StrEnum):
    """Where a scale came from."""

    CAMERA = "camera"
    RECIPE = "recipe"
    REFERENCE = "reference"
    CHARUCO = "charuco"


@dataclass(frozen=True, eq=False)
class Photo:
    """A decoded photo.

    Attributes
    ----------
    rgb : (H, W, 3) uint8, upright (EXIF orientation applied), read-only.
    sha256 : hex digest of the encoded bytes as they came.
    media_type : of the encoded bytes, such as ``image/jpeg``.
    size_bytes : number of encoded bytes.
    chroma : (h, w, 2) float32, Cb and Cr less 128 over the whole photo on a coarser grid, finer than the
        whole levels of ``rgb``; None where the file tells no more or nobody asked.
    chroma_step : steps in which the file keeps it, in levels.
    """

    rgb: npt.NDArray[np.uint8]
    sha256: str
    media_type: str
    size_bytes: int = 0
    chroma: npt.NDArray[np.float32] | None = None
    chroma_step: float = 1.0

    def __post_init__(self) -> None:
        if self.rgb.ndim != 3 or self.rgb.shape[2] != 3 or self.rgb.dtype != np.uint8:
            raise TypeError(f"rgb must be (H, W, 3) uint8, not {self.rgb.shape} {self.rgb.dtype}")
        object.__setattr__(self, "rgb", _frozen(self.rgb))
        if self.chroma is not None:
            object.__setattr__(self, "chroma", _frozen(self.chroma))

    @property
    def width_px(self) -> int:
        return int(self.rgb.shape[1])

    @property
    def height_px(self) -> int:
        return int(self.rgb.shape[0])


@dataclass(frozen=True)
class Lens:
    """How a camera bends straight lines, as OpenCV's pinhole model says it.

    Attributes
    ----------
    focal_px : (fx, fy).
    centre_px : (cx, cy), where the optical axis meets the photo.
    distortion : (k1, k2, p1, p2, k3).
    """

    focal_px: tuple[float, float]
    centre_px: tuple[float, float]
    distortion: tuple[float, float, float, float, float]


class CalibrationProblem(StrEnum):
    """Why a calibration may not decide on a photo.

    STALE : it is older than its age limit. Sizes are still told.
    PHOTO_SIZE, LENS : the photo is of another size, or through another lens. Its sizes are not told.
    """

    STALE = "stale"
    PHOTO_SIZE = "photo_size"
    LENS = "lens"


@dataclass(frozen=True)
class Calibration:
    """From pixels of a photo to millimetres on the plane of the part.

    Attributes
    ----------
    mm_per_px : scale at the middle of the photo; the network's.
    homography : (3, 3) float64, from photo pixels without lens distortion to mm on the plane; None where one
        scale holds all over the photo. ``inspection.calibration.to_mm`` applies lens and homography.
    lens : None where straight lines stay straight.
    photo_size_px : (width, height) that the homography holds for; None where any size is right.
    lens_name : what the camera calls the lens that was on it; None where nobody said.
    distance_mm : from the lens to the plane, square to the plane; None where it is not known.
    scale_uncertainty : of any length, as a share of it, expanded (k = 2): how well the scale itself is known.
    rms_mm : of the board's corners about their places; None without a board.
    id : of the stored calibration, a ULID; None for a scale that is not stored.
    name : that cameras may give in ``calibration``.
    made_at : aware, UTC.
    checked_at : when a photo of the board last showed that it still holds; aware, UTC.
    problem : why it may not decide on this photo; None when it may.
    """

    mm_per_px: float
    source: CalibrationSource
    homography: npt.NDArray[np.float64] | None = field(default=None, compare=False)
    lens: Lens | None = None
    photo_size_px: tuple[int, int] | None = None
    lens_name: str | None = None
    distance_mm: float | None = None
    scale_uncertainty: float = 0.0
    rms_mm: float | None = None
    id: str | None = None
    name: str | None = None
    made_at: datetime | None = None
    checked_at: datetime | None = None
    problem: CalibrationProblem | None = None

    def __post_init__(self) -> None:
        if self.homography is not None:
            object.__setattr__(self, "homography", _frozen(self.homography))

    @property
    def gives_sizes(self) -> bool:
        """Whether millimetres can be told of the photo at all."""
        return self.problem in (None, CalibrationProblem.STALE)


@dataclass(frozen=True, eq=False)
class Zone:
    """A part of the photo that is judged alike.

    Attributes
    ----------
    outline_px : (N, 2) float64, closed (last point joins the first).
    height_mm : how far the part may lie above or below the calibrated plane here; widens uncertainties.
    """

    name: str
    zone_class: ZoneClass
    outline_px: npt.NDArray[np.float64]
    height_mm: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "outline_px", _frozen(self.outline_px))


@dataclass(frozen=True, eq=False)
class ExpectedSeam:
    """A seam that the recipe expects, where it lies in the photo.

    Attributes
    ----------
    path_px : (N, 2) float64, along the middle of its rows, N >= 2.
    rows : of stitches, side by side.
    pitch_mm, margin_mm, row_gap_mm : smallest and largest right value; None where the recipe says nothing.
    zone, zone_class : that hold most of the path; None where it lies in none, and nothing is asked of it.
    seams : indices into ``Finding.seams`` of the rows found along it.
    missing_pct : share of the path along which no row was found, of what lies inside the photo; None where
        nobody could tell.
    rows_found : side by side, along most of what was found; None where nothing was.
    """

    name: str
    path_px: npt.NDArray[np.float64]
    rows: int = 1
    pitch_mm: tuple[float, float] | None = None
    margin_mm: tuple[float, float] | None = None
    row_gap_mm: tuple[float, float] | None = None
    zone: str | None = None
    zone_class: ZoneClass | None = None
    seams: tuple[int, ...] = ()
    missing_pct: Measurement | None = None
    rows_found: Measurement | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "path_px", _frozen(self.path_px))


@dataclass(frozen=True, eq=False)
class Registration:
    """How a photo lies on the reference of its view.

    Attributes
    ----------
    found : whether the part was found for sure; when not, no zone is known and a person has to look.
    mirrored : whether the photo shows the other foot than the reference.
    matches : places of the reference that were found again and agree with each other; 0 where the part was
        found by its edges and outline.
    correlation : of the part's structure, or of its edges, in reference and photo, laid on each other, -1..1.
    residual_px : root mean square distance of the matches from their places, in pixels of the photo; by edges
        and outline, one pixel of the size at which they are compared.
    to_photo : (3, 3) float64, from pixels of the reference to pixels of the photo; None when nothing was
        found.
    """

    found: bool
    mirrored: bool
    matches: int
    correlation: float
    residual_px: float | None
    to_photo: npt.NDArray[np.float64] | None

    def __post_init__(self) -> None:
        if self.to_photo is not None:
            object.__setattr__(self, "to_photo", _frozen(self.to_photo))


@dataclass(frozen=True, eq=False)
class Maps:
    """What the network says, on a grid laid over the photo.

    Attributes
    ----------
    kinds : names of the planes of ``surface``; ``kinds[0]`` is ``sound``.
    surface : (K, h, w) float32, probabilities that sum to 1 over K.
    photo_size_px : (width, height) of the photo that the grid covers. Grid point (i, j) covers the photo's
        rectangle from ``(i * width / w - 0.5, j * height / h - 0.5)``, so grids and photos share outer edges.
    stitch_planes : names of the planes of ``stitches``: ``thread``, ``point`` (peaks at needle holes) and
        ``edge`` (of a panel) are 0..1; ``offset_x`` and ``offset_y`` lead from the middle of a cell to the
        nearest needle hole, in pixels *at the model's scale*, and mean nothing far from one.
    stitches : (P, h, w) float32 on the grid of ``surface``; None when the network does not tell stitches, or
        nobody asked.
    embedding : (C, h', w') float32, features on a coarser grid over the same photo; None like ``stitches``.
    """

    kinds: tuple[str, ...]
    surface: npt.NDArray[np.float32]
    photo_size_px: tuple[int, int]
    stitch_planes: tuple[str, ...] = ()
    stitches: npt.NDArray[np.float32] | None = None
    embedding: npt.NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        if self.surface.ndim != 3 or self.surface.shape[0] != len(self.kinds):
            raise TypeError(f"surface must be ({len(self.kinds)}, h, w), not {self.surface.shape}")
        object.__setattr__(self, "surface", _frozen(self.surface))
        if self.stitches is not None:
            expected = (len(self.stitch_planes), *self.surface.shape[1:])
            if self.stitches.shape != expected:
                raise TypeError(f"stitches must be {expected}, not {self.stitches.shape}")
            object.__setattr__(self, "stitches", _frozen(self.stitches))
        if self.embedding is not None:
            if self.embedding.ndim != 3:
                raise TypeError(f"embedding must be (C, h, w), not {self.embedding.shape}")
            object.__setattr__(self, "embedding", _frozen(self.embedding))


@dataclass(frozen=True, eq=False)
class Defect:
    """A region that does not belong.

    Attributes
    ----------
    kind : identifier from ``taxonomy.KINDS``.
    zone : name of the zone that holds most of it.
    zone_class : class of that zone.
    score : raw probability that the region is a defect, 0..1: the highest in the region, never rescaled.
    outline_px : (N, 2) float64, closed outer outline.
    box_px : (x, y, width, height) of the outline.
    length_mm : greatest distance of two points of the region; None without a scale.
    width_mm : smallest distance of two parallel lines with the region between them; None without a scale.
    area_mm2 : area inside the outline; None without a scale.
    uncertainty_mm : of length and width, expanded (k = 2); None without a scale.
    uncertainty_mm2 : of the area, expanded (k = 2); None without a scale.
    """

    kind: str
    zone: str
    zone_class: ZoneClass
    score: float
    outline_px: npt.NDArray[np.float64]
    box_px: tuple[float, float, float, float]
    length_mm: float | None = None
    width_mm: float | None = None
    area_mm2: float | None = None
    uncertainty_mm: float | None = None
    uncertainty_mm2: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "outline_px", _frozen(self.outline_px))


@dataclass(frozen=True)
class Measurement:
    """A number with its unit; ``uncertainty`` is expanded (k = 2), None where it is not known yet."""

    name: str
    value: float
    unit: str
    uncertainty: float | None = None


@dataclass(frozen=True, eq=False)
class Seam:
    """One row of stitches, from its first needle hole in the photo to its last.

    Attributes
    ----------
    zone, zone_class : of the zone that holds most of it.
    group, row : rows that run side by side share a group; within it they are numbered from 0, the row nearest
        to the panel's edge first where that edge is known.
    closed : whether the last point is followed by the first, as on a patch sewn all round.
    readable : False when stitches are there but their points are too faint to measure: then there are no
        measurements, and the photo goes to a person.
    points_px : (N, 2) float64, the needle holes that were found, in order along the row. None is made up
        where a stitch is missing.
    pitch_mm, pitch_uncertainty_mm : (N - 1,) float64, (N,) when closed, distance from each point to the next
        and its uncertainty (k = 2); empty without a scale. A distance listed in ``skipped`` or ``broken`` is
        that of the whole gap.
    skipped : indices i where the thread goes on from point i to the next, but one or more stitches between
        did not lock.
    broken : indices i where the thread between point i and the next is gone.
    loose : indices i where the thread between point i and the next stands off the row.
    unsure : indices i where it cannot be told whether a stitch or the thread is missing, because something
        lies over the row or the photo shows too little: a person has to look.
    margin_mm : (N,) float64, distance of each point from the panel's edge, negative beyond it, NaN where no
        edge is seen; empty when it is seen nowhere or without a scale.
    run_off_mm : (N,) float64, signed distance of each point from the line that was meant, positive to the
        left of the walk along the points; empty without a scale.
    gap_mm : (N,) float64, distance of each point from the next row of its group, NaN where that row is not
        beside it; empty where there is none.
    measurements : of the whole seam. Names are ``pitch_mean_mm``, ``pitch_deviation_mm``, ``density_per_cm``,
        ``density_per_inch``, ``skipped``, ``broken``, ``loose_thread_mm``, ``thread_end_mm``, ``run_off_mm``,
        ``margin_min_mm``, ``margin_max_mm``, ``margin_mean_mm``, ``row_gap_min_mm``, ``row_gap_max_mm`` and
        ``length_mm``; what is not known is left out.
    """

    zone: str
    zone_class: ZoneClass
    points_px: npt.NDArray[np.float64]
    group: int = 0
    row: int = 0
    closed: bool = False
    readable: bool = True
    pitch_mm: npt.NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    pitch_uncertainty_mm: npt.NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    skipped: tuple[int, ...] = ()
    broken: tuple[int, ...] = ()
    loose: tuple[int, ...] = ()
    unsure: tuple[int, ...] = ()
    margin_mm: npt.NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    run_off_mm: npt.NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    gap_mm: npt.NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    measurements: tuple[Measurement, ...] = ()

    def __post_init__(self) -> None:
        count = len(self.points_px)
        if self.points_px.shape != (count, 2):
            raise TypeError(f"points_px must be (N, 2), not {self.points_px.shape}")
        for name, length in (
            ("pitch_mm", count if self.closed else count - 1),
            ("pitch_uncertainty_mm", count if self.closed else count - 1),
            ("margin_mm", count),
            ("run_off_mm", count),
            ("gap_mm", count),
        ):
            values = getattr(self, name)
            if len(values) not in (0, length):
                raise TypeError(f"{name} must have {length} values or none, not {len(values)}")
            object.__setattr__(self, name, _frozen(values))
        object.__setattr__(self, "points_px", _frozen(self.points_px))

    def measured(self, name: str) -> Measurement | None:
        """The measurement of that name; None where it is not known."""
        return next((each for each in self.measurements if each.name == name), None)


@dataclass(frozen=True)
class Tone:
    """What the camera saw of one material, as logarithms of linear light; see ``colour.zones``.

    Attributes
    ----------
    log : (red, green, blue) mean, as seen, the light in it.
    place : 9 numbers, mean place on the surface of light.
    cells : how many cells that is the mean of.
    """

    log: tuple[float, float, float]
    place: tuple[float, ...]
    cells: float


@dataclass(frozen=True)
class ZoneColour:
    """The colour of the main material of a zone.

    Attributes
    ----------
    lab : CIELAB L*, a*, b* under D65, for the light at the middle of the photo or that of its white patch.
    uncertainty_lab : of each, expanded (k = 2).
    share : of the zone, 0..1, that has this colour.
    """

    zone: str
    zone_class: ZoneClass
    lab: tuple[float, float, float]
    uncertainty_lab: tuple[float, float, float]
    share: float
    tone: Tone


@dataclass(frozen=True)
class PhotoColours:
    """The colours of a photo, with what is needed to compare them with those of another one.

    Attributes
    ----------
    white : the patches of known colour, their own colour taken out; None when the photo has none.
    gram : 81 numbers, (9, 9): how well the photo tells the surface of light.
    cross : 27 numbers, (9, 3): what it tells of it.
    noise : 9 numbers, (3, 3): covariance of the channels of one cell.
    rounding : standard deviation of the chroma of a whole zone in 8-bit levels, as JPEG leaves it.
    """

    zones: tuple[ZoneColour, ...]
    white: Tone | None
    gram: tuple[float, ...]
    cross: tuple[float, ...]
    noise: tuple[float, ...]
    rounding: float


@dataclass(frozen=True)
class Reason:
    """One rule that decided, with what was measured and the limit.

    Attributes
    ----------
    rule : identifier of the rule in its standard, or ``scale`` and the like for reasons outside any rule.
    message : English sentence; pages translate by ``rule`` and the values.
    defect : index into ``Finding.defects``; None when the reason is about the whole photo.
    provenance : where the limit comes from, in one line; ``basis`` is ``verified``, ``agreed`` or ``house``.
    least : True when ``limit`` is the least that is allowed, so that the value is too small.
    quantity : what was measured, one of ``standards.Quantity``.
    uncertainty : of ``measured``, expanded (k = 2), in ``unit``; None where it plays no part.
    kind, zone : of the defect or defects that the reason is about; ``zone`` also that of a seam.
    seam : index into ``Finding.seams``; None when the reason is about no seam.
    expected : name of the seam of the recipe that the reason is about.
    """

    rule: str
    grade: Grade
    message: str
    severity: Severity | None = None
    clause: str | None = None
    provenance: str | None = None
    defect: int | None = None
    measured: float | None = None
    limit: float | None = None
    unit: str | None = None
    quantity: str | None = None
    uncertainty: float | None = None
    kind: str | None = None
    zone: str | None = None
    seam: int | None = None
    basis: str | None = None
    least: bool = False
    expected: str | None = None


@dataclass(frozen=True)
class Verdict:
    """The decision on one photo."""

    grade: Grade
    disposition: Disposition
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, eq=False)
class Novelty:
    """How far a photo is from the good ones that its view was taught.

    Attributes
    ----------
    version : of what was taught.
    grid : (h, w) float32 >= 0, sharing its outer edges with the photo; 1 is the typical highest novelty of a
        good photo.
    score : highest of ``grid``, raw.
    percentile : per cent of good photos that score lower, 0..100.
    limit : score from which a place does not belong.
    false_rejects : share of good photos that the limit was chosen to reject, 0..1.
    """

    version: int
    grid: npt.NDArray[np.float32]
    score: float
    percentile: float
    limit: float
    false_rejects: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "grid", _frozen(self.grid))


@dataclass(frozen=True, eq=False)
class Finding:
    """All that is known of one photo after inspection.

    Attributes
    ----------
    left_out : regions found beyond those listed in ``defects``, when there were too many to review.
    seams : rows of stitches, longest first; none when the model has no ``stitches`` output.
    novelty : None when the view was not taught, or with another network.
    colours : of the zones that are large and bright enough; None when no zone is.
    expected_seams : of the recipe, where they lie in the photo.
    registration : None when the recipe's view has no reference photo.
    took_ms : time of each stage by its name.
    """

    verdict: Verdict
    zones: tuple[Zone, ...]
    defects: tuple[Defect, ...]
    measurements: tuple[Measurement, ...]
    maps: Maps
    calibration: Calibration | None
    left_out: int = 0
    seams: tuple[Seam, ...] = ()
    novelty: Novelty | None = None
    colours: PhotoColours | None = None
    expected_seams: tuple[ExpectedSeam, ...] = ()
    registration: Registration | None = None
    took_ms: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Metadata:
    """What the camera says of a photo; every field optional but the station.

    Attributes
    ----------
    captured_at : aware, UTC.
    mm_per_px : > 0 and finite, at the photo's own pixels.
    """

    station: str
    view: str | None = None
    recipe: str | None = None
    idempotency_key: str | None = None
    part_id: str | None = None
    pair_id: str | None = None
    foot: Foot | None = None
    lot_id: str | None = None
    style: str | None = None
    size: str | None = None
    captured_at: datetime | None = None
    mm_per_px: float | None = None
    calibration: str | None = None
    lens: str | None = None
