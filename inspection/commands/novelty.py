"""The commands ``welt teach`` and ``welt novelty``: what good parts are, and the line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from inspection.commands.shared import BY, FILE, FOLDER, Commands, data_dir_option, opened_store, settings_of
from inspection.errors import PhotoError
from inspection.wording import number_of

if TYPE_CHECKING:
    from inspection.novelty import Estimate
    from inspection.recipe_book import RecipeBook
    from inspection.store import Store
    from inspection.store.banks import BankVersion, TaughtPhoto
    from inspection.teaching import Lot

__all__ = ["novelty", "teach"]

_view = click.option("--view", help="View of the recipe.  [default: the recipe's own]")
_share = click.FloatRange(min=0, max=0.5, min_open=True)


def _book(store: Store, data_dir: Path | None) -> RecipeBook:
    """The recipes in force, those of files and those that were published."""
    from inspection.recipe_book import RecipeBook
    from inspection.recipes import open_recipes
    from inspection.store import open_photos

    settings = settings_of(data_dir=data_dir)
    files = open_recipes([settings.recipes_dir] if settings.recipes_dir else [])
    pixels = int(settings.max_photo_mp * 1e6)
    return RecipeBook(store, open_photos(settings.photos), files, max_pixels=pixels)


@click.command()
@click.argument("recipe_name", metavar="RECIPE")
@click.argument("photos", nargs=-1, type=FILE, metavar="PHOTO…")
@_view
@click.option("--mm-per-px", type=float, help="Width of one pixel on the part.  [default: the view's own]")
@click.option("--false-rejects", type=_share,
              help="Share of good photos that may be called novel.  [default: 0.01, or with --again "
                   "what it was]")  # fmt: skip
@click.option("--keep", "kept", multiple=True, metavar="NAME",
              help="A suspect that you looked at and that is good; all for every one.")  # fmt: skip
@click.option("--drop", "dropped", multiple=True, metavar="NAME",
              help="A suspect to leave out; all for every one.")  # fmt: skip
@click.option("--add", "adding", is_flag=True, help="Teach these together with the photos taught before.")
@click.option("--again", is_flag=True,
              help="Teach the stored photos of the version in force, such as after a change of the "
                   "model.")  # fmt: skip
@click.option("--replace", "replacing", is_flag=True,
              help="Forget what was taught before, so photos need not be like it.")  # fmt: skip
@click.option("--why", default="", help="What the version is for; kept beside it.")
@data_dir_option
@click.option("--models-dir", type=FOLDER, help="Folder of models.  [default: WELT_MODELS_DIR or models]")
def teach(
    recipe_name: str,
    photos: tuple[Path, ...],
    view: str | None,
    mm_per_px: float | None,
    false_rejects: float | None,
    kept: tuple[str, ...],
    dropped: tuple[str, ...],
    adding: bool,
    again: bool,
    replacing: bool,
    why: str,
    data_dir: Path | None,
    models_dir: Path | None,
) -> None:
    """Teach a view of RECIPE what good parts look like, from 5 to 200 photos (or folders of them).

    Photos that do not look like the others, or on which the network sees a defect, are listed first; nothing
    is changed until you say with --keep or --drop what they are.

    \b
    Examples:
      welt teach oxford good/ --view toe --mm-per-px 0.1
      welt teach oxford good/ --view toe --drop photo-7.jpg --keep photo-9.jpg
      welt teach oxford another.jpg --view toe --add
      welt teach oxford --view toe --again
    \b
    Exit codes: 0 taught, 1 not taught and nothing changed (the message says why), 2 called wrongly.
    """
    import time
    from contextlib import closing
    from dataclasses import replace

    from inspection import registry, runtime, teaching
    from inspection.calibration import checked_mm_per_px
    from inspection.store import banks, open_photos

    settings = settings_of(data_dir=data_dir, models_dir=models_dir)
    if mm_per_px is not None:
        checked_mm_per_px(mm_per_px)
    if again and (photos or adding or replacing):
        raise click.UsageError("--again teaches the stored photos, so it goes with no others")
    files = _files(photos)
    kept_names, dropped_names = set(kept), set(dropped)
    with opened_store(data_dir) as store, closing(_Spread(sys.stderr.isatty())) as spread:
        blobs = open_photos(settings.photos)
        book = _book(store, data_dir)
        recipe = book.recipes.get(recipe_name)
        view_name = recipe.view_name(view)
        scale = mm_per_px if mm_per_px is not None else recipe.view(view_name).mm_per_px
        model = registry.open_serving(
            settings.models_dir,
            threads=settings.inference_threads or runtime.cpu_quota(),
            precision=settings.precision,
        )
        given = [
            banks.TaughtPhoto(sha256=blobs.put(_read(path)), name=path.name, mm_per_px=scale)
            for path in files
            if path.name not in dropped_names
        ]
        if not again:
            history = banks.history(store, recipe.name, view_name)
        else:  # one in force, or it is told that there is none
            history = (teaching.newest(store, recipe.name, view_name),)
        before = history[0].photos if (adding or again) and history else ()
        if false_rejects is None:
            false_rejects = history[0].false_rejects if again else teaching.DEFAULT_FALSE_REJECTS
        order = teaching.Order(
            recipe=recipe,
            view=view_name,
            photos=_once((*before, *given)),
            false_rejects=false_rejects,
            keep=frozenset(photo.sha256 for photo in given if photo.name in kept_names or "all" in kept_names)
            | frozenset(photo.sha256 for photo in before),
            replace=replacing,
            why=why,
            reference=book.reference(recipe, view_name),
        )
        max_pixels = int(settings.max_photo_mp * 1e6)
        _tell_estimate(teaching.estimate(order, photos=blobs, model=model, max_pixels=max_pixels))
        began = time.perf_counter()

        def run(order: teaching.Order) -> Lot:
            return teaching.teach(
                order,
                store=store,
                photos=blobs,
                model=model,
                by=BY,
                max_pixels=max_pixels,
                progress=spread.show,
            )

        lot = run(order)
        if lot.suspects and "all" in dropped_names:
            left_out = {photo.sha256 for photo, _ in lot.suspects}
            rest = tuple(photo for photo in order.photos if photo.sha256 not in left_out)
            click.echo(f"left out: {', '.join(photo.name for photo, _ in lot.suspects)}", err=True)
            # What is far out among fewer photos is not asked about again.
            order = replace(order, photos=rest, keep=frozenset(photo.sha256 for photo in rest))
            lot = run(order)
        spread.close()
        if lot.version is None:
            _tell_suspects(lot)
            sys.exit(1)
        _tell_versions(lot.before, lot.version, seconds=time.perf_counter() - began)


class _Spread:
    """Progress on one line of a terminal."""

    def __init__(self, shown: bool) -> None:
        self._shown = shown
        self._written = False

    def show(self, share: float) -> None:
        """Write the share that is done, 0..1."""
        if self._shown:
            click.echo(f"\rteaching {share:4.0%}", nl=False, err=True)
            self._written = True

    def close(self) -> None:
        """Leave the line."""
        if self._written:
            click.echo(err=True)
            self._written = False


def _files(given: tuple[Path, ...]) -> list[Path]:
    from inspection.camera import photos_of

    files: list[Path] = []
    for path in given:
        files += sorted(shot.path for shot in photos_of(path)) if path.is_dir() else [path]
    return files


def _once(photos: tuple[TaughtPhoto, ...]) -> tuple[TaughtPhoto, ...]:
    """The photos without repeated ones: they teach nothing and make a limit look surer than it is."""
    return tuple({photo.sha256: photo for photo in reversed(photos)}.values())[::-1]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise PhotoError(
            f"{path} cannot be read: {error.strerror}", hint="Check the name and its permissions."
        ) from error


def _tell_estimate(needed: Estimate) -> None:
    click.echo(
        f"{needed.photos} photos in {number_of(needed.passes, 'pass', 'passes')}: "
        f"about {needed.memory_mb:.0f} MB of memory, "
        f"about {max(1, round(needed.seconds))} s",
        err=True,
    )


def _tell_suspects(lot: Lot) -> None:
    click.echo("These photos may not be good; look at them. Nothing was changed.", err=True)
    for photo, suspect in lot.suspects:
        why = suspect.objection or "it does not look like the others"
        x, y = suspect.at_px
        click.echo(f"  {photo.name}  novelty {suspect.score:.2f} at ({x:.0f}, {y:.0f}) px: {why}", err=True)
    names = " ".join(f"--keep {photo.name}" for photo, _ in lot.suspects)
    click.echo(f"Teach again with {names}, or with --drop instead, or --drop all.", err=True)


def _tell_versions(before: BankVersion | None, now: BankVersion, *, seconds: float) -> None:
    if before is not None and before.bank_sha256 is not None:
        click.echo(f"before  {_line(before)}")
    click.echo(f"now     {_line(now)}")
    if not now.direct:
        click.echo(
            f"        {len(now.photos)} photos are too few to promise {now.false_rejects:.2%}: the limit is "
            f"extrapolated; {number_of(now.photos_needed, 'more good photo')} would support it directly."
        )
    click.echo(f"taught in {seconds:.1f} s")


def _line(version: BankVersion) -> str:
    what = "off" if version.bank_sha256 is None else f"limit {version.limit:.3f}"
    return (
        f"{version.recipe}/{version.view} version {version.version}  {len(version.photos)} photos  {what}  "
        f"false rejects {version.false_rejects:.2%} asked, {version.low:.2%} to {version.high:.2%} (95 %)"
    )


@click.group(cls=Commands)
def novelty() -> None:
    """List what was taught, draw the line elsewhere, go back, switch off."""


@novelty.command("list")
@click.argument("recipe_name", metavar="[RECIPE]", required=False)
@_view
@data_dir_option
def list_versions(recipe_name: str | None, view: str | None, data_dir: Path | None) -> None:
    """List what is in force, or all versions of a view of RECIPE.

    \b
    Examples:
      welt novelty list
      welt novelty list oxford --view toe
    """
    from inspection.store import banks

    with opened_store(data_dir) as store:
        if recipe_name is None:
            versions = banks.in_force(store)
        else:
            recipe = _book(store, data_dir).recipes.get(recipe_name)
            versions = banks.history(store, recipe.name, recipe.view_name(view))
        for version in versions:
            made = f"{version.made_at:%Y-%m-%d %H:%M}" if version.made_at else ""
            click.echo(f"{_line(version)}  {made} by {version.made_by}  {version.why}".rstrip())


@novelty.command("limit")
@click.argument("recipe_name", metavar="RECIPE")
@click.argument("false_rejects", metavar="SHARE", type=_share)
@_view
@click.option("--try", "trying", is_flag=True, help="Only say what it would mean for stored results.")
@click.option("--why", default="", help="Why; kept beside the version.")
@data_dir_option
def set_limit(
    recipe_name: str, false_rejects: float, view: str | None, trying: bool, why: str, data_dir: Path | None
) -> None:
    """Draw the line for another SHARE of false rejects, such as 0.01, and say what it means.

    \b
    Example: welt novelty limit oxford 0.005 --view toe --try
    """
    from inspection import teaching
    from inspection.store import open_photos

    settings = settings_of(data_dir=data_dir)
    with opened_store(data_dir) as store:
        recipe = _book(store, data_dir).recipes.get(recipe_name)
        view_name = recipe.view_name(view)
        blobs = open_photos(settings.photos)
        seen = teaching.preview(store, blobs, recipe.name, view_name, false_rejects=false_rejects)
        click.echo(
            f"limit {seen.limit:.3f}: of {number_of(seen.results, 'stored result')} {seen.then} would be "
            f"novel instead of {seen.now} ({seen.more} more, {seen.fewer} fewer)"
        )
        if not trying:
            made = teaching.change_limit(
                store, blobs, recipe.name, view_name, false_rejects=false_rejects, by=BY, why=why
            )
            click.echo(f"now     {_line(made)}")


@novelty.command("rollback")
@click.argument("recipe_name", metavar="RECIPE")
@click.argument("version", type=click.IntRange(min=1))
@_view
@data_dir_option
def roll_back_to(recipe_name: str, version: int, view: str | None, data_dir: Path | None) -> None:
    """Put an older VERSION of a view of RECIPE in force again, as a new version.

    \b
    Example: welt novelty rollback oxford 2 --view toe
    """
    from inspection import teaching

    with opened_store(data_dir) as store:
        recipe = _book(store, data_dir).recipes.get(recipe_name)
        made = teaching.roll_back(store, recipe.name, recipe.view_name(view), version, by=BY)
        click.echo(f"now     {_line(made)}")


@novelty.command("off")
@click.argument("recipe_name", metavar="RECIPE")
@_view
@click.option("--why", default="", help="Why; kept beside the version.")
@data_dir_option
def switch_novelty_off(recipe_name: str, view: str | None, why: str, data_dir: Path | None) -> None:
    """Judge no novelty in a view of RECIPE from here on; rollback brings it back.

    \b
    Example: welt novelty off oxford --view toe
    """
    from inspection import teaching

    with opened_store(data_dir) as store:
        recipe = _book(store, data_dir).recipes.get(recipe_name)
        made = teaching.switch_off(store, recipe.name, recipe.view_name(view), by=BY, why=why)
        click.echo(f"now     {_line(made)}")
