"""Recipes: how the photos of one style are judged, view by view."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from inspection import outlines
from inspection.calibration import MAX_MM_PER_PX, MIN_MM_PER_PX
from inspection.domain import Foot, ZoneClass
from inspection.errors import ConfigurationError, UnknownNameError
from inspection.names import Name
from inspection.taxonomy import KINDS
from inspection.tomlfiles import read_folders

__all__ = [
    "DEFAULT_RECIPE",
    "SHIPPED_RECIPES",
    "Recipe",
    "RecipeSeam",
    "RecipeZone",
    "Recipes",
    "Reference",
    "View",
    "open_recipes",
]

SHIPPED_RECIPES = Path(__file__).parent / "recipes_data"
DEFAULT_RECIPE = "default"
MAX_ZONES = 200
"""Far more parts than a shoe has; the number of a zone has to fit into a byte of the grid of zones."""
MAX_SEAMS = 100

MmPerPx = Annotated[float, Field(ge=MIN_MM_PER_PX, le=MAX_MM_PER_PX, allow_inf_nan=False)]


def _in_view(share: float) -> float:
    if not 0 <= share <= 1:  # so that NaN is outside, too
        raise ValueError(f"{share:g} lies outside the view, whose width and height go from 0 to 1")
    return share


Share = Annotated[
    float, AfterValidator(_in_view), WithJsonSchema({"type": "number", "minimum": 0, "maximum": 1})
]
"""Place along the width or the height of the reference photo, or of the photo where there is none."""

_LEAST_AREA = 1e-6
"""Of the view: 2 pixels of a 2 MP photo enclose nothing that could be judged."""
_LEAST_LENGTH = 1e-3
"""Of the view's sides: 2 pixels of a 2 MP photo are no seam."""


def _enclosing(outline: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    if len(outline) < 3:
        raise ValueError(f"an outline needs at least three corners, not {len(outline)}")
    if len(outline) > outlines.MAX_CORNERS:
        raise ValueError(f"an outline takes at most {outlines.MAX_CORNERS} corners, not {len(outline)}")
    crossing = outlines.crossing(outline)
    if crossing is not None:
        raise ValueError(
            "the outline crosses or touches itself: the sides from corner "
            f"{crossing[0]} and from corner {crossing[1]} meet"
        )
    if outlines.area(outline) < _LEAST_AREA:
        raise ValueError("the outline encloses no area")
    return outline


Outline = Annotated[tuple[tuple[Share, Share], ...], AfterValidator(_enclosing)]


def _rising(window: tuple[float, float]) -> tuple[float, float]:
    if window[0] > window[1]:
        raise ValueError(
            f"the window is reversed: {window[0]:g} to {window[1]:g}; the smaller number comes first"
        )
    return window


Millimetres = Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)]
Window = Annotated[tuple[Millimetres, Millimetres], AfterValidator(_rising)]
"""Smallest and largest value that is right, in mm."""
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]


class Reference(BaseModel):
    """The photo of a good part that others are laid on, so that zones and seams follow the part.

    Attributes
    ----------
    photo : name of a file beside the recipe's own file.
    sha256 : of a photo that the service keeps; a recipe has either this or ``photo``.
    foot : which shoe it shows; the other foot is looked for mirrored. None: both ways are tried.
    outline : the part itself, as shares of the reference photo; what lies outside is background, and nothing
        there is looked at or used to find the part. None: what the zones cover together is the part.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    photo: FileName | None = None
    sha256: Sha256 | None = None
    foot: Foot | None = None
    outline: Outline | None = None

    @model_validator(mode="after")
    def _one_photo(self) -> Reference:
        if (self.photo is None) == (self.sha256 is None):
            raise ValueError("a reference has one photo: give either photo (a file) or sha256 (a kept photo)")
        return self


class RecipeSeam(BaseModel):
    """A seam that the part is expected to have.

    Attributes
    ----------
    path : points along the middle of its rows as (x, y) shares, like the corners of zones.
    rows : of stitches, side by side.
    pitch_mm : window of the distance from needle hole to needle hole.
    margin_mm : window of the distance from the panel's edge to the nearest row.
    row_gap_mm : window of the distance from row to row.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    path: tuple[tuple[Share, Share], ...]
    rows: int = Field(1, ge=1, le=8)
    pitch_mm: Window | None = None
    margin_mm: Window | None = None
    row_gap_mm: Window | None = None

    @field_validator("path")
    @classmethod
    def _leads_somewhere(cls, path: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
        if len(path) < 2:
            raise ValueError(f"a seam needs at least two points, not {len(path)}")
        if len(path) > outlines.MAX_CORNERS:
            raise ValueError(f"a seam takes at most {outlines.MAX_CORNERS} points, not {len(path)}")
        if outlines.length(path) < _LEAST_LENGTH:
            raise ValueError("the seam has no length")
        return path


class RecipeZone(BaseModel):
    """A part of the view that is judged alike.

    Attributes
    ----------
    outline : corners as (x, y) shares of the photo's width and height, 0..1 from its outer top left corner;
        left out for the whole photo. Where zones overlap, the one listed first counts.
    height_mm : allowance for how far the part may lie above or below the calibrated plane in this zone, as a
        shoe is curved; it widens the uncertainty of sizes by this share of the camera's distance.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    name: Name
    zone_class: ZoneClass = Field(alias="class")
    height_mm: Annotated[float, Field(ge=0, le=200, allow_inf_nan=False)] = 0.0
    outline: Outline = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))


class WhiteTile(BaseModel):
    """A tile of known colour in the view, in the same light as the part.

    Attributes
    ----------
    outline : corners as (x, y) shares of the photo, as those of zones.
    lab : its CIELAB colour under D65, from its certificate.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    outline: tuple[tuple[Share, Share], ...] = Field(min_length=3)
    lab: tuple[
        Annotated[float, Field(gt=20, le=100)],
        Annotated[float, Field(ge=-100, le=100)],
        Annotated[float, Field(ge=-100, le=100)],
    ]


class View(BaseModel):
    """One side of the part as a camera sees it; what no zone covers is not inspected.

    Attributes
    ----------
    mm_per_px : scale of a fixed camera, used when a photo brings none.
    white : tiles of known colour that the camera always sees beside the part.
    seams : that the part is expected to have.
    reference : photo of a good part; None when every photo shows the part at the same place.
    plain_background : whether the part lies on a background of one colour, which is then left out; for views
        without a reference, whose outline says more. In doubt nothing is left out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mm_per_px: MmPerPx | None = None
    white: tuple[WhiteTile, ...] = ()
    zones: tuple[RecipeZone, ...] = Field(min_length=1, max_length=MAX_ZONES)
    seams: tuple[RecipeSeam, ...] = Field((), max_length=MAX_SEAMS)
    reference: Reference | None = None
    plain_background: bool = False

    @field_validator("zones")
    @classmethod
    def _names_differ(cls, zones: tuple[RecipeZone, ...]) -> tuple[RecipeZone, ...]:
        _check_names("zone", [zone.name for zone in zones])
        return zones

    @field_validator("seams")
    @classmethod
    def _seam_names_differ(cls, seams: tuple[RecipeSeam, ...]) -> tuple[RecipeSeam, ...]:
        _check_names("seam", [seam.name for seam in seams])
        return seams


def _check_names(what: str, names: list[str]) -> None:
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"{what} names have to differ; these come twice: {', '.join(twice)}")


class Recipe(BaseModel):
    """How the photos of one style are judged.

    Attributes
    ----------
    default_view : view of a photo that does not say its own.
    shoe_views : views that a shoe of this style needs before its verdict is known; empty when any photo
        will do.
    calibrations : mm per pixel by name, for cameras that name a calibration instead of sending a number.
    thresholds, min_area_mm2 : override the model's, by kind.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    version: str = Field(min_length=1, max_length=32)
    style: str | None = None
    standard: Name
    default_view: Name
    views: Mapping[Name, View] = Field(min_length=1)
    shoe_views: tuple[Name, ...] = ()
    calibrations: Mapping[Name, MmPerPx] = Field(default_factory=dict)
    thresholds: Mapping[str, Annotated[float, Field(gt=0, lt=1)]] = Field(default_factory=dict)
    min_area_mm2: Mapping[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]] = Field(
        default_factory=dict
    )

    @field_validator("thresholds", "min_area_mm2")
    @classmethod
    def _known_kinds(cls, by_kind: Mapping[str, float]) -> Mapping[str, float]:
        for kind in by_kind:
            if kind not in KINDS:
                raise ValueError(f"{kind!r} is no defect kind; known kinds: {', '.join(KINDS)}")
        return by_kind

    @model_validator(mode="after")
    def _default_view_exists(self) -> Recipe:
        if self.default_view not in self.views:
            raise ValueError(
                f"default_view {self.default_view!r} is not among the views: {', '.join(self.views)}"
            )
        for name in self.shoe_views:
            if name not in self.views:
                raise ValueError(
                    f"shoe_views names {name!r}, which is not among the views: {', '.join(self.views)}"
                )
        return self

    def view_name(self, name: str | None) -> str:
        """Name of the view that applies, the default for None; UnknownNameError lists the known ones."""
        if name is None:
            return self.default_view
        if name not in self.views:
            raise UnknownNameError(
                f"Recipe {self.name!r} has no view named {name!r}.",
                hint=f"Its views: {', '.join(sorted(self.views))}.",
            )
        return name

    def view(self, name: str | None) -> View:
        """View of that name, or the default one; UnknownNameError lists the known ones."""
        return self.views[self.view_name(name)]


class Recipes:
    """The recipes that are known, by name.

    Parameters
    ----------
    files : file of each recipe that came from one, by name.
    """

    def __init__(self, recipes: Iterable[Recipe], *, files: Mapping[str, Path] | None = None) -> None:
        self._by_name = {recipe.name: recipe for recipe in recipes}
        self._files = dict(files or {})

    def file(self, name: str) -> Path | None:
        """The file that a recipe was read from; None when it came from the store."""
        return self._files.get(name)

    def of_style(self, style: str) -> tuple[Recipe, ...]:
        """The recipes of one style, by name."""
        return tuple(self._by_name[name] for name in self.names() if self._by_name[name].style == style)

    def with_stored(self, stored: Iterable[Recipe]) -> Recipes:
        """The recipes of files and those of the store; ConfigurationError when both have one of a name."""
        merged = {name: self._by_name[name] for name in self._files}
        for recipe in stored:
            if recipe.name in merged:
                raise ConfigurationError(
                    f"{self._files[recipe.name]}: name: {recipe.name!r} is also the name of a published "
                    "recipe.",
                    hint="Give the file another name, or take it away: the published recipe goes on.",
                )
            merged[recipe.name] = recipe
        return Recipes(merged.values(), files=self._files)

    def get(self, name: str | None) -> Recipe:
        """Recipe of that name, or the default one; UnknownNameError lists the known ones."""
        name = DEFAULT_RECIPE if name is None else name
        if name not in self._by_name:
            raise UnknownNameError(
                f"There is no recipe named {name!r}.", hint=f"Known recipes: {', '.join(self.names())}."
            )
        return self._by_name[name]

    def names(self) -> tuple[str, ...]:
        """Names, sorted."""
        return tuple(sorted(self._by_name))


def open_recipes(folders: Iterable[Path] = ()) -> Recipes:
    """Read the recipes that ship, and those of further folders; two files with one name are refused."""
    by_name: dict[str, tuple[Path, Recipe]] = {}
    for path, recipe in read_folders([SHIPPED_RECIPES, *folders], Recipe).items():
        if recipe.name in by_name:
            raise ConfigurationError(
                f"{path}: name: {recipe.name!r} is already the name of {by_name[recipe.name][0]}.",
                hint="Give the recipe another name.",
            )
        by_name[recipe.name] = path, recipe
        for view_name, view in recipe.views.items():
            _check_reference(path, view_name, view)
    return Recipes(
        (recipe for _, recipe in by_name.values()), files={name: path for name, (path, _) in by_name.items()}
    )


def _check_reference(path: Path, view_name: str, view: View) -> None:
    photo = None if view.reference is None else view.reference.photo
    if photo is not None and not (path.parent / photo).is_file():
        raise ConfigurationError(
            f"{path}: views.{view_name}.reference.photo: there is no file {photo!r} beside the recipe.",
            hint="Put the reference photo into the folder of the recipe, or correct its name.",
        )
