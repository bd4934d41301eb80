"""``welt inspect``: photos on this machine, without a service."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from inspection.commands.shared import FILE, FOLDER, settings_of
from inspection.errors import ConfigurationError, WeltError
from inspection.wording import number_of

if TYPE_CHECKING:
    from inspection.domain import Calibration, Metadata
    from inspection.pipeline import Setup, Taught
    from inspection.settings import Settings

__all__ = ["inspect"]


@click.command()
@click.argument("photos", nargs=-1, required=True, type=FILE, metavar="PHOTO…")
@click.option("--mm-per-px", type=float, help="Width of one pixel on the part, in millimetres.")
@click.option("--calibration", "calibration_file", type=FILE,
              help="Calibration file that welt calibrate --out wrote, instead of --mm-per-px.")  # fmt: skip
@click.option("--recipe", help="Recipe that judges the photos.  [default: default]")
@click.option("--view", help="View of the recipe.  [default: the recipe's own]")
@click.option("--out", type=FOLDER, help="Write <stem>.json and its maps as PNGs there.")
@click.option("--json", "as_json", is_flag=True, help="Print one result document a line instead of a table.")
@click.option(
    "--data-dir", type=FOLDER, help="Folder of what was taught.  [default: WELT_DATA_DIR or welt-data]"
)
@click.option("--models-dir", type=FOLDER, help="Folder of models.  [default: WELT_MODELS_DIR or models]")
def inspect(
    photos: tuple[Path, ...],
    mm_per_px: float | None,
    calibration_file: Path | None,
    recipe: str | None,
    view: str | None,
    out: Path | None,
    as_json: bool,
    data_dir: Path | None,
    models_dir: Path | None,
) -> None:
    """Inspect photos, or all photos of folders, without a service.

    A photo that cannot be inspected is reported on standard error, and the others go on. Photos of a folder
    keep their place below it in --out.

    \b
    Examples:
      welt inspect shoe.jpg --mm-per-px 0.1
      welt inspect shoe.jpg --calibration camera.json
      welt inspect photos/ --recipe default --view leather --out results/
      welt inspect *.png --json | jq .verdict
    \b
    Exit codes: 0 all were inspected, 1 some could not be, 2 called wrongly.
    """
    import time

    from inspection import (
        calibration,
        pipeline,
        recipe_book,
        recipes,
        registry,
        runtime,
        seamtables,
        standards,
    )
    from inspection.document import ResultDocument
    from inspection.domain import Metadata

    named = _named_photos(photos)
    settings = settings_of(data_dir=data_dir, models_dir=models_dir)
    if mm_per_px is not None:
        if calibration_file is not None:
            raise click.UsageError("--mm-per-px and --calibration contradict each other")
        calibration.checked_mm_per_px(mm_per_px)
    stored = None if calibration_file is None else _calibration_of(calibration_file, settings)
    known_recipes = recipes.open_recipes([settings.recipes_dir] if settings.recipes_dir else [])
    known_standards = standards.open_standards([settings.standards_dir] if settings.standards_dir else [])
    model = registry.open_serving(
        settings.models_dir,
        threads=settings.inference_threads or runtime.cpu_quota(),
        precision=settings.precision,
    )
    metadata = Metadata(station="command-line", view=view, recipe=recipe, mm_per_px=mm_per_px)
    setup = pipeline.prepare(
        metadata,
        model=model,
        recipes=known_recipes,
        standards=known_standards,
        taught=_taught(settings),
        stored=stored,
    )
    reference = recipe_book.file_reference(
        known_recipes, setup.recipe, setup.view, max_pixels=int(settings.max_photo_mp * 1e6)
    )
    setup = replace(setup, reference=reference)
    if setup.taught_otherwise:
        click.echo(
            f"{setup.recipe.name}/{setup.view} was taught with another model than the one that serves, so "
            "novelty is not judged. Teach it again from its stored photos: "
            f"welt teach {setup.recipe.name} --view {setup.view} --again",
            err=True,
        )

    failed = 0
    width = max(len(str(path)) for path, _ in named)
    with click.progressbar(
        named, label="inspecting", file=sys.stderr, hidden=not sys.stderr.isatty(), show_pos=True
    ) as bar:
        for path, stem in bar:
            try:
                document = _inspect_one(path, stem, setup, metadata, settings, out, time.perf_counter)
            except WeltError as error:
                failed += 1
                click.echo(f"{path}: {error.detail.rstrip('.')}. {error.hint}", err=True)
                continue
            if as_json:
                click.echo(document)
            else:
                click.echo(_table_line(path, document, width))
                for line in seamtables.seams_text(ResultDocument.model_validate_json(document).seams):
                    click.echo(line)
    if failed:
        click.echo(f"{failed} of {number_of(len(named), 'photo')} could not be inspected", err=True)
        sys.exit(1)


def _taught(settings: Settings) -> Taught | None:
    """What views were taught, where this machine has a database; one is not made for it."""
    from inspection.store import open_photos, open_store
    from inspection.teaching import Banks

    if settings.database_url is None and not (settings.data_dir / "welt.db").exists():
        return None
    with closing(open_store(settings.database)) as store:
        banks = Banks(store, open_photos(settings.photos))
        banks.refresh()
    return banks.get


def _calibration_of(path: Path, settings: Settings) -> Calibration:
    """The calibration in a file, marked when it is too old."""
    from datetime import UTC, datetime

    from inspection.calibration.choosing import aged
    from inspection.calibration.files import from_json

    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be read: {error.strerror}", hint="Check the name and its permissions."
        ) from error
    made = from_json(text, label=str(path)).calibration(name=path.stem)
    return aged(made, now=datetime.now(UTC), max_age_days=settings.calibration_max_age_days)


def _named_photos(given: tuple[Path, ...]) -> list[tuple[Path, str]]:
    """Each photo with the stem of its result files; photos that would share one keep their ending in it."""
    from inspection.camera import photos_of

    named: list[tuple[Path, str]] = []
    for path in given:
        if path.is_dir():
            found = sorted((shot.name, shot.path) for shot in photos_of(path))
            if not found:
                raise ConfigurationError(
                    f"{path} holds no photos", hint="Photos end in .jpg, .png, .tif, .bmp or .webp."
                )
            named += [(photo, str(Path(name).with_suffix(""))) for name, photo in found]
        else:
            named.append((path, path.stem))
    stems = [stem for _, stem in named]
    unique = [(path, stem if stems.count(stem) == 1 else stem + path.suffix) for path, stem in named]
    again = {stem for _, stem in unique if [other for _, other in unique].count(stem) > 1}
    if again:
        raise ConfigurationError(
            f"two photos would write the same files: {sorted(again)[0]}",
            hint="Inspect them in two runs with different --out folders.",
        )
    return unique


def _inspect_one(
    path: Path,
    stem: str,
    setup: Setup,
    metadata: Metadata,
    settings: Settings,
    out: Path | None,
    clock: Callable[[], float],
) -> str:
    """Result document of one photo as JSON on one line."""
    from datetime import UTC, datetime

    from ulid import ULID

    from inspection import document, exporting, imaging, pipeline
    from inspection.errors import PhotoError

    try:
        body = path.read_bytes()
    except OSError as error:
        raise PhotoError(
            f"the file cannot be read: {error.strerror}", hint="Check the name and its permissions."
        ) from error
    began = clock()
    photo = imaging.decode(body, max_pixels=int(settings.max_photo_mp * 1e6))
    decoded = clock()
    finding = pipeline.inspect(photo, setup, clock=clock)
    made = document.build_document(
        result_id=str(ULID()),
        created_at=datetime.now(UTC),
        metadata=metadata,
        photo=photo,
        finding=finding,
        setup=setup,
        took_ms={"decode": (decoded - began) * 1000},
    )
    if out is not None:
        exporting.export(made, finding.maps, folder=out, stem=stem, novelty=finding.novelty)
    return document.to_json(made)


def _table_line(path: Path, document: str, width: int) -> str:
    """``shoe.jpg  C  reject  3 defects  hole of 2.1 mm in primary zone``."""
    content = json.loads(document)
    verdict = content["verdict"]
    defects = len(content["defects"])
    reason = verdict["reasons"][0]["message"] if verdict["reasons"] else ""
    found = "no defect" if not defects else f"{defects} defect{'s' if defects > 1 else ''}"
    return f"{path!s:<{width}}  {verdict['grade']:<8}{verdict['disposition']:<9}{found:<12}{reason}".rstrip()
