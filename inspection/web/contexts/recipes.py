"""What the pages of recipes show: frozen values, built in the viewer's language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from inspection.web.contexts.frame import Moment, Notice

__all__ = ["EditorContext", "RecipesContext", "ShownPhoto", "ShownRecipe", "ShownStation", "ShownVersion"]


@dataclass(frozen=True)
class ShownVersion:
    """A version in the list; ``edit_url`` opens it as a draft."""

    number: int
    created_at: Moment
    created_by: str
    note: str
    in_force: bool
    edit_url: str


@dataclass(frozen=True)
class ShownRecipe:
    """A recipe; ``file`` names the file of one that was not published."""

    name: str
    version: str
    style: str
    standard: str
    views: tuple[str, ...]
    file: str | None
    activate_url: str
    versions: tuple[ShownVersion, ...]


@dataclass(frozen=True)
class ShownStation:
    """A station with what it works on; ``recipe`` empty for nothing in particular."""

    name: str
    recipe: str
    url: str


@dataclass(frozen=True)
class RecipesContext:
    """recipes.html."""

    recipes: tuple[ShownRecipe, ...]
    stations: tuple[ShownStation, ...]
    may_edit: bool
    may_switch: bool
    new_url: str
    notice: Notice | None = None


@dataclass(frozen=True)
class ShownPhoto:
    """A stored photo that can be a reference, or on which a draft can be tried."""

    result_id: str
    sha256: str
    picture_url: str
    name: str


@dataclass(frozen=True)
class EditorContext:
    """recipe.html; ``given`` is all that its script needs."""

    name: str
    style: str
    standard: str
    standards: tuple[str, ...]
    photos: tuple[ShownPhoto, ...]
    back_url: str
    name_pattern: str
    given: Mapping[str, object] = field(default_factory=dict)
