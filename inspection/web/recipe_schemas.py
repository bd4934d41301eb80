"""What the API takes and answers of recipes and of what stations work on."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from inspection.recipes import Recipe
from inspection.store import recipes as stored
from inspection.web.schemas import Moment, Name, Text, whole

__all__ = [
    "ActiveBody",
    "NewVersionBody",
    "PhotoAnswer",
    "RecipeVersions",
    "StationRecipeAnswer",
    "StationRecipeBody",
    "TrialBody",
    "VersionAnswer",
    "VersionSummary",
]

Note = Annotated[str, Field(max_length=stored.MAX_NOTE_LENGTH, pattern=r"^[^\x00]*$")]
Number = Annotated[int, Field(ge=1, le=2**31 - 1, strict=True), BeforeValidator(whole)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NewVersionBody(_Body):
    """A version to publish."""

    recipe: Recipe = Field(description="Its `name` is that of the address; its `version` is given by Welt.")
    note: Note = Field("", description="What the version is for.")
    activate: bool = Field(True, description="Whether photos are judged by it from now on.")


class ActiveBody(_Body):
    """The version to judge by."""

    version: Number | None = Field(description="Null withdraws the recipe.")
    note: Note = ""


class VersionSummary(_Answer):
    """One version of a recipe."""

    name: str
    version: int
    style: str | None
    created_at: Moment
    created_by: str
    note: str
    in_force: bool

    @classmethod
    def of(cls, version: stored.Version, *, in_force: int | None) -> VersionSummary:
        """The summary of a stored version."""
        return cls(
            name=version.name,
            version=version.version,
            style=version.style,
            created_at=version.created_at,
            created_by=version.created_by,
            note=version.note,
            in_force=version.version == in_force,
        )


class RecipeVersions(_Answer):
    """All versions of a recipe, newest first."""

    items: list[VersionSummary]


class VersionAnswer(_Answer):
    """A version with its content, also as TOML text."""

    summary: VersionSummary
    recipe: Recipe
    toml: str


class PhotoAnswer(_Answer):
    """A photo that is kept, to be named as a reference."""

    sha256: str
    width_px: int
    height_px: int


class StationRecipeBody(_Body):
    """What a station works on; the recipe by its own name or by its style."""

    recipe: Name | None = None
    style: Text | None = None

    @model_validator(mode="after")
    def _says_something(self) -> StationRecipeBody:
        if self.recipe is None and self.style is None:
            raise ValueError("give recipe, or style")
        return self


class StationRecipeAnswer(_Answer):
    """What a station works on now; its photos that name no recipe are judged by it."""

    station: str
    recipe: str = Field(description="`default` when nothing was set.")
    version: str | None = Field(description="In force now; null when that recipe is not in force any more.")
    style: str | None
    set_at: Moment | None
    set_by: str | None


class TrialBody(_Body):
    """A draft to try on a stored photo; nothing is kept."""

    recipe: Recipe
    view: Name
    result_id: Annotated[str, Field(pattern="^[0-7][0-9A-HJKMNP-TV-Z]{25}$")]
