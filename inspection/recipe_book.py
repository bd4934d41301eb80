"""The recipes in force, those of files and those that were published, with their references ready.

One book belongs to one open service. It follows the store, so that every replica judges the next photo by
what was published or set a moment ago, whichever replica was told.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from inspection import imaging, locating
from inspection.domain import Metadata
from inspection.errors import (
    ConfigurationError,
    ConflictError,
    NotFoundError,
    PhotoError,
    RecipeError,
    UnknownNameError,
)
from inspection.recipes import Recipe, Recipes
from inspection.store import Photos, Store
from inspection.store import recipes as stored
from inspection.store.recipes import StationRecipe, Version

if TYPE_CHECKING:
    from inspection.standards import Standards

__all__ = ["RecipeBook", "file_reference", "of_version", "photo_beside", "read_reference"]

KEPT_REFERENCES = 64
"""References that stay in memory, at about 2 MB each: more than the views that one factory runs in a day."""


def of_version(version: Version) -> Recipe:
    """The recipe of a stored version, named by its number."""
    try:
        recipe = Recipe.model_validate_json(version.content)
    except ValidationError as error:
        raise ConfigurationError(
            f"Version {version.version} of recipe {version.name!r} cannot be read: "
            f"{error.errors()[0]['msg']}.",
            hint="A newer Welt may have written it; put an older version in force, or publish a new one.",
        ) from error
    return recipe.model_copy(update={"version": str(version.version)})


def read_reference(body: bytes, recipe: Recipe, view: str, *, max_pixels: int) -> locating.Reference:
    """What is needed to lay photos on the reference of a view.

    Raises
    ------
    RecipeError : the photo is too small, damaged, or shows nothing to hold on to.
    """
    try:
        photo = imaging.decode(body, max_pixels=max_pixels)
    except PhotoError as error:
        raise RecipeError(
            f"views.{view}.reference: {error.detail}", hint=f"Use another photo as reference. {error.hint}"
        ) from error
    try:
        return locating.learn(photo.rgb, recipe.views[view])
    except RecipeError as error:
        raise RecipeError(f"views.{view}.reference: {error.detail}", hint=error.hint) from error


class RecipeBook:
    """The recipes of an open service; safe to use from many threads.

    Parameters
    ----------
    files : recipes of files.
    max_pixels : of a reference photo.
    """

    def __init__(self, store: Store, photos: Photos, files: Recipes, *, max_pixels: int) -> None:
        self._store = store
        self._photos = photos
        self._files = files
        self._max_pixels = max_pixels
        self._lock = threading.Lock()
        self._references: dict[tuple[str, str, str], locating.Reference] = {}
        self._revision = -1
        self._recipes = files
        self.refresh(stored.revision(store))

    @property
    def recipes(self) -> Recipes:
        """The recipes in force, as last seen."""
        return self._recipes

    def refresh(self, revision: int) -> None:
        """Read what is in force again, if the store has moved on."""
        if revision == self._revision:
            return
        with self._lock:
            if revision <= self._revision:
                return
            found = [of_version(version) for version in stored.active(self._store)]
            self._recipes = self._files.with_stored(found)
            self._revision = revision

    def choose(self, metadata: Metadata) -> Metadata:
        """The metadata with the recipe that its station works on now, where it names none; asks the store."""
        look = stored.look(self._store, metadata.station)
        self.refresh(look.revision)
        current = look.station_recipe
        if metadata.recipe is not None or current is None:
            return metadata
        return replace(metadata, recipe=current.recipe, style=metadata.style or current.style)

    # References --------------------------------------------------------------------------------------------

    def reference(self, recipe: Recipe, view: str) -> locating.Reference | None:
        """What photos of that view are laid on; None where the view has no reference photo.

        Raises
        ------
        ConfigurationError : the photo is gone or cannot be used any more.
        """
        if recipe.views[view].reference is None:
            return None
        key = (recipe.name, recipe.version, view)
        with self._lock:
            found = self._references.get(key)
        if found is not None:
            return found
        try:
            learnt = self.draft_reference(recipe, view)
            assert learnt is not None
        except (RecipeError, NotFoundError) as error:
            raise ConfigurationError(
                f"Recipe {recipe.name!r}: {error.detail}", hint="Publish the recipe with another reference."
            ) from error
        with self._lock:
            while len(self._references) >= KEPT_REFERENCES:
                self._references.pop(next(iter(self._references)))
            self._references[key] = learnt
        return learnt

    def draft_reference(self, recipe: Recipe, view: str) -> locating.Reference | None:
        """As `reference`, of a recipe that may change yet: learnt anew each time.

        Raises
        ------
        RecipeError, NotFoundError : the photo cannot be used, or is gone.
        """
        if recipe.views[view].reference is None:
            return None
        return read_reference(self.reference_photo(recipe, view), recipe, view, max_pixels=self._max_pixels)

    def reference_photo(self, recipe: Recipe, view: str) -> bytes:
        """Encoded reference photo of a view; NotFoundError where there is none or it is gone."""
        reference = recipe.views[view].reference
        if reference is None:
            raise NotFoundError(
                f"The view {view!r} of recipe {recipe.name!r} has no reference photo.",
                hint="Upload one on the page of the recipe.",
            )
        if reference.sha256 is not None:
            return self._photos.get(reference.sha256)
        return photo_beside(self._files.file(recipe.name), str(reference.photo))

    # Publishing --------------------------------------------------------------------------------------------

    def check(self, recipe: Recipe, standards: Standards) -> None:
        """Raise when photos could not be judged by that recipe.

        Raises
        ------
        RecipeError : a reference photo that is missing or cannot be used, a name that is that of a file.
        UnknownNameError : no such standard.
        """
        standards.get(recipe.standard)
        file = self._files.file(recipe.name)
        if file is not None:
            raise RecipeError(
                f"name: {recipe.name!r} is the name of the recipe in {file.name}.",
                hint="Choose another name: recipes of files are changed in their files.",
            )
        for name, view in recipe.views.items():
            if view.reference is None:
                continue
            if view.reference.sha256 is None:
                raise RecipeError(
                    f"views.{name}.reference: the file {view.reference.photo!r} is not kept here.",
                    hint="Upload the photo and give its sha256, or use welt recipes import.",
                )
            try:
                body = self._photos.get(view.reference.sha256)
            except NotFoundError as error:
                raise RecipeError(
                    f"views.{name}.reference: there is no photo {view.reference.sha256[:12]}….",
                    hint="Upload the reference photo first, then publish.",
                ) from error
            read_reference(body, recipe, name, max_pixels=self._max_pixels)

    def publish(self, recipe: Recipe, standards: Standards, *, by: str, note: str, in_force: bool) -> Version:
        """Keep a recipe as a new version of its name, and put it in force if asked to; see `check`."""
        self.check(recipe, standards)
        number = stored.next_version(self._store, recipe.name)
        numbered = recipe.model_copy(update={"version": str(number)})
        made = stored.add(
            self._store,
            name=recipe.name,
            version=number,
            style=recipe.style,
            content=numbered.model_dump_json(by_alias=True, exclude_defaults=True),
            by=by,
            note=note,
            in_force=in_force,
        )
        self.refresh(stored.revision(self._store))
        return made

    def activate(self, name: str, version: int, standards: Standards, *, by: str, note: str = "") -> Version:
        """Put a version in force, an older one as well; see `check`."""
        found = stored.version(self._store, name, version)
        self.check(of_version(found), standards)
        stored.activate(self._store, name, version, by=by, note=note)
        self.refresh(stored.revision(self._store))
        return found

    def withdraw(self, name: str, *, by: str, note: str = "") -> None:
        """Judge no photo by that recipe from now on."""
        stored.withdraw(self._store, name, by=by, note=note)
        self.refresh(stored.revision(self._store))

    # What stations work on ---------------------------------------------------------------------------------

    def set_station(self, station: str, *, recipe: str | None, style: str | None, by: str) -> StationRecipe:
        """Have the next photos of a station judged by a recipe, named by itself or by its style.

        Raises
        ------
        UnknownNameError : no recipe in force has that name or style.
        ConflictError : several recipes in force are of that style.
        """
        self.refresh(stored.revision(self._store))
        if recipe is not None:
            chosen = self._recipes.get(recipe)
            if style is not None and chosen.style not in (None, style):
                raise ConflictError(
                    f"Recipe {recipe!r} is for the style {chosen.style!r}, not for {style!r}.",
                    hint="Give the recipe or the style alone.",
                )
        else:
            chosen = self._of_style(str(style))
        return stored.set_station(
            self._store, station, recipe=chosen.name, style=style or chosen.style, by=by
        )

    def _of_style(self, style: str) -> Recipe:
        found = self._recipes.of_style(style)
        if not found:
            styles = sorted(
                {one.style for name in self._recipes.names() if (one := self._recipes.get(name)).style}
            )
            raise UnknownNameError(
                f"No recipe in force is for the style {style!r}.",
                hint=f"Styles with a recipe: {', '.join(map(str, styles)) or 'none yet'}.",
            )
        if len(found) > 1:
            names = ", ".join(one.name for one in found)
            raise ConflictError(
                f"{len(found)} recipes are for the style {style!r}: {names}.", hint="Give the recipe instead."
            )
        return found[0]


def file_reference(
    recipes: Recipes, recipe: Recipe, view: str, *, max_pixels: int
) -> locating.Reference | None:
    """What photos of a view of a file's recipe are laid on, without a service; see `RecipeBook.reference`."""
    reference = recipe.views[view].reference
    if reference is None:
        return None
    if reference.photo is None:
        raise RecipeError(
            f"views.{view}.reference: the photo is kept by a service.",
            hint="Write the recipe with its photos into a folder: welt recipes export.",
        )
    body = photo_beside(recipes.file(recipe.name), reference.photo)
    return read_reference(body, recipe, view, max_pixels=max_pixels)


def photo_beside(file: Path | None, photo: str) -> bytes:
    """Bytes of a photo beside a recipe's file; NotFoundError when it cannot be read."""
    try:
        if file is None:
            raise FileNotFoundError
        return (file.parent / photo).read_bytes()
    except OSError as error:
        raise NotFoundError(
            f"the reference photo {photo!r} cannot be read: {error.strerror or 'there is no such file'}",
            hint="Put the photo beside the file of the recipe.",
        ) from error
