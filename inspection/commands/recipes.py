"""The commands ``welt recipes``: recipes of files and of the service, in and out as TOML."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from inspection.commands.shared import BY, FOLDER, Commands, data_dir_option, opened_store, settings_of
from inspection.errors import ConfigurationError, SeveralFaultsError, UnknownNameError, WeltError
from inspection.wording import number_of

if TYPE_CHECKING:
    from inspection.recipe_book import RecipeBook
    from inspection.recipes import Recipe, Recipes
    from inspection.standards import Standards
    from inspection.store import Photos, Store

__all__ = ["recipes"]

_TOML = click.Path(exists=True, dir_okay=False, path_type=Path)
_note = click.option("--note", default="", help="What the version is for; kept beside it.")


@click.group(cls=Commands)
def recipes() -> None:
    """List, check, publish and export recipes: how the photos of a style are judged."""


def _files() -> Recipes:
    from inspection.recipes import open_recipes

    settings = settings_of()
    return open_recipes([settings.recipes_dir] if settings.recipes_dir else [])


def _standards() -> Standards:
    from inspection.standards import open_standards

    settings = settings_of()
    return open_standards([settings.standards_dir] if settings.standards_dir else [])


def _standards_in_force(store: Store) -> Standards:
    from inspection.standard_book import StandardBook

    return StandardBook(store, _standards()).standards


@contextmanager
def _book(data_dir: Path | None) -> Iterator[tuple[RecipeBook, Store, Photos]]:
    from inspection.recipe_book import RecipeBook
    from inspection.store import open_photos

    settings = settings_of(data_dir=data_dir)
    with opened_store(data_dir) as store:
        photos = open_photos(settings.photos)
        pixels = int(settings.max_photo_mp * 1e6)
        yield RecipeBook(store, photos, _files(), max_pixels=pixels), store, photos


@recipes.command("list")
@data_dir_option
def list_recipes(data_dir: Path | None) -> None:
    """List the recipes in force with version, style, standard and views.

    \b
    Example: welt recipes list
    """
    with _book(data_dir) as (book, _, _):
        for name in book.recipes.names():
            recipe = book.recipes.get(name)
            file = book.recipes.file(name)
            views = ", ".join(recipe.views)
            where = "published" if file is None else f"file {file.name}"
            style = recipe.style or "-"
            click.echo(f"{name:<24}{recipe.version:<6}{where:<24}{recipe.standard:<16}{style:<20}{views}")


@recipes.command("show")
@click.argument("name")
@click.option("--version", "number", type=int, help="Version to show.  [default: the one in force]")
@data_dir_option
def show_recipe(name: str, number: int | None, data_dir: Path | None) -> None:
    """Print the recipe NAME as TOML, after its versions as comments.

    \b
    Examples:
      welt recipes show derby-17
      welt recipes show derby-17 --version 3
    """
    from inspection.recipe_toml import to_toml
    from inspection.store import recipes as stored

    with _book(data_dir) as (book, store, _):
        recipe = _named(book, store, name, number)
        if book.recipes.file(name) is None or number is not None:
            in_force = next((each.version for each in stored.activations(store, name, limit=1)), None)
            for version in stored.versions(store, name):
                mark = " (in force)" if version.version == in_force else ""
                click.echo(
                    f"# version {version.version}{mark}: {version.created_at:%Y-%m-%d %H:%M} UTC, "
                    f"{version.created_by}{': ' if version.note else ''}{' '.join(version.note.split())}"
                )
        click.echo(to_toml(recipe), nl=False)


def _named(book: RecipeBook, store: Store, name: str, number: int | None) -> Recipe:
    from inspection.recipe_book import of_version
    from inspection.store import recipes as stored

    if number is not None:
        return of_version(stored.version(store, name, number))
    try:
        return book.recipes.get(name)
    except UnknownNameError:
        # A version that was never in force, or a recipe that was withdrawn.
        if name not in stored.names(store):
            raise
        return of_version(stored.versions(store, name)[0])


@recipes.command("check")
@click.argument("files", nargs=-1, required=True, type=_TOML, metavar="FILE…")
def check_recipes(files: tuple[Path, ...]) -> None:
    """Check recipe files: zones, seams, the standard they name, and their reference photos.

    \b
    Example: welt recipes check derby-17.toml
    Exit codes: 0 all can be used, 1 one cannot, 2 called wrongly.
    """
    standards, wrong = _standards(), 0
    for file in files:
        try:
            recipe = _checked_file(file, standards)
        except WeltError as error:
            wrong += 1
            faults = error.faults if isinstance(error, SeveralFaultsError) else [(error.detail, error.hint)]
            for told, hint in faults:
                click.echo(f"wrong  {file}: {told.removeprefix(f'{file}: ').rstrip('.')}. {hint}", err=True)
        else:
            zones = sum(len(view.zones) for view in recipe.views.values())
            seams = sum(len(view.seams) for view in recipe.views.values())
            click.echo(
                f"right  {file}: {number_of(len(recipe.views), 'view')}, "
                f"{number_of(zones, 'zone')}, {number_of(seams, 'seam')}"
            )
    if wrong:
        sys.exit(1)


def _checked_file(file: Path, standards: Standards) -> Recipe:
    from inspection.recipe_book import photo_beside, read_reference
    from inspection.recipes import Recipe
    from inspection.tomlfiles import read_toml

    recipe = read_toml(file, Recipe)
    standards.get(recipe.standard)
    pixels = int(settings_of().max_photo_mp * 1e6)
    for name, view in recipe.views.items():
        if view.reference is not None and view.reference.photo is not None:
            read_reference(photo_beside(file, view.reference.photo), recipe, name, max_pixels=pixels)
    return recipe


@recipes.command("import")
@click.argument("file", type=_TOML)
@_note
@click.option("--no-activate", is_flag=True, help="Keep the version without judging by it.")
@data_dir_option
def import_recipe(file: Path, note: str, no_activate: bool, data_dir: Path | None) -> None:
    """Publish the recipe of FILE as a new version; reference photos are taken from beside it.

    \b
    Examples:
      welt recipes import derby-17.toml --note "toe zone up to the cap seam"
      welt recipes import derby-17.toml --no-activate
    """
    from inspection.recipe_book import photo_beside

    with _book(data_dir) as (book, store, photos):
        standards = _standards_in_force(store)
        recipe = _checked_file(file, standards)
        views = {}
        for name, view in recipe.views.items():
            if view.reference is not None and view.reference.photo is not None:
                sha256 = photos.put(photo_beside(file, view.reference.photo))
                kept = view.reference.model_copy(update={"photo": None, "sha256": sha256})
                view = view.model_copy(update={"reference": kept})
            views[name] = view
        made = book.publish(
            recipe.model_copy(update={"views": views}),
            standards,
            by=BY,
            note=note,
            in_force=not no_activate,
        )
    state = "kept; put it in force with: welt recipes activate" if no_activate else "in force"
    tail = f" {made.name} {made.version}" if no_activate else ""
    click.echo(f"{made.name} version {made.version} is {state}{tail}")


@recipes.command("export")
@click.argument("name")
@click.option("--out", type=FOLDER, required=True, help="Folder for the TOML file and the reference photos.")
@click.option("--version", "number", type=int, help="Version to export.  [default: the one in force]")
@data_dir_option
def export_recipe(name: str, out: Path, number: int | None, data_dir: Path | None) -> None:
    """Write the recipe NAME as a TOML file, with its reference photos beside it.

    \b
    Example: welt recipes export derby-17 --out recipes/
    """
    from inspection.recipe_toml import to_toml

    with _book(data_dir) as (book, store, _):
        recipe = _named(book, store, name, number)
        try:
            out.mkdir(parents=True, exist_ok=True)
            views = {}
            for view_name, view in recipe.views.items():
                if view.reference is not None:
                    body = book.reference_photo(recipe, view_name)
                    photo = f"{name}.{view_name}{_ending(body)}"
                    (out / photo).write_bytes(body)
                    beside = view.reference.model_copy(update={"photo": photo, "sha256": None})
                    view = view.model_copy(update={"reference": beside})
                views[view_name] = view
            file = out / f"{name}.toml"
            file.write_text(to_toml(recipe.model_copy(update={"views": views})), encoding="utf-8")
        except OSError as error:
            raise ConfigurationError(
                f"{out} cannot be written: {error.strerror}", hint="Name a folder that may be written."
            ) from error
    click.echo(file)


def _ending(photo: bytes) -> str:
    """Ending of a file name by the first bytes of a photo."""
    known = {
        b"\xff\xd8": ".jpg",
        b"\x89P": ".png",
        b"II": ".tif",
        b"MM": ".tif",
        b"BM": ".bmp",
        b"RI": ".webp",
    }
    return known.get(photo[:2], "")


@recipes.command("activate")
@click.argument("name")
@click.argument("version", type=int)
@_note
@data_dir_option
def activate_recipe(name: str, version: int, note: str, data_dir: Path | None) -> None:
    """Judge photos by VERSION of the recipe NAME from now on; an older version is a way back.

    \b
    Example: welt recipes activate derby-17 3 --note "version 4 missed the heel"
    """
    with _book(data_dir) as (book, store, _):
        book.activate(name, version, _standards_in_force(store), by=BY, note=note)
    click.echo(f"{name} version {version} is in force")


@recipes.command("withdraw")
@click.argument("name")
@_note
@data_dir_option
def withdraw_recipe(name: str, note: str, data_dir: Path | None) -> None:
    """Judge no photo by the recipe NAME any more; its versions stay.

    \b
    Example: welt recipes withdraw derby-17 --note "style discontinued"
    """
    with _book(data_dir) as (book, _, _):
        book.withdraw(name, by=BY, note=note)
    click.echo(f"{name} is withdrawn")
