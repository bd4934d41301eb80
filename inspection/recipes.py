"""Recipes: how the photos of one style are judged, view by view."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from inspection.calibration import MAX_MM_PER_PX, MIN_MM_PER_PX
from inspection.domain import ZoneClass
from inspection.errors import ConfigurationError, UnknownNameError
from inspection.taxonomy import KINDS
from inspection.tomlfiles import read_folders

__all__ = ["DEFAULT_RECIPE", "SHIPPED_RECIPES", "Recipe", "RecipeZone", "Recipes", "View", "open_recipes"]

SHIPPED_RECIPES = Path(__file__).parent / "recipes_data"
DEFAULT_RECIPE = "default"

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
MmPerPx = Annotated[float, Field(ge=MIN_MM_PER_PX, le=MAX_MM_PER_PX, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


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
    outline: tuple[tuple[Share, Share], ...] = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))

    @field_validator("outline")
    @classmethod
    def _has_area(cls, outline: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
        if len(outline) < 3:
            raise ValueError("needs at least three corners")
        following = outline[1:] + outline[:1]
        twice_area = sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in zip(outline, following, strict=True))
        if abs(twice_area) < 1e-6:
            raise ValueError("encloses no area")
        return outline


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
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mm_per_px: MmPerPx | None = None
    white: tuple[WhiteTile, ...] = ()
    zones: tuple[RecipeZone, ...] = Field(min_length=1)

    @field_validator("zones")
    @classmethod
    def _names_differ(cls, zones: tuple[RecipeZone, ...]) -> tuple[RecipeZone, ...]:
        names = [zone.name for zone in zones]
        if len(set(names)) < len(names):
            raise ValueError(f"zone names have to differ: {', '.join(names)}")
        return zones


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
    """The recipes that are known, by name."""

    def __init__(self, recipes: Iterable[Recipe]) -> None:
        self._by_name = {recipe.name: recipe for recipe in recipes}

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
    return Recipes(recipe for _, recipe in by_name.values())
