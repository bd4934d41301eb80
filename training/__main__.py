"""``python -m training``: fit, score and export a model by its recipe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from inspection.errors import WeltError
from training.recipe import PROJECT, Recipe, read_recipe
from training.synthesis.cli import COMMANDS

if TYPE_CHECKING:
    from training.scoring import Score

_RUNS = click.option(
    "--runs",
    "runs_dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=PROJECT / "runs",
    help="Folder of run folders.  [default: runs]",
)
_DATASETS = click.option(
    "--datasets",
    "datasets_dir",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    default=PROJECT / "datasets",
    help="Folder of data sets.  [default: datasets]",
)
_RECIPE = click.argument("recipe_file", metavar="RECIPE.toml", type=click.Path(path_type=Path))


class _Told(click.ClickException):
    """A WeltError, told with its hint."""

    def __init__(self, error: WeltError) -> None:
        super().__init__(f"{error.detail}\n{error.hint}")


@click.group()
def main() -> None:
    """Train the networks that inspect.

    \b
    python -m training fit    training/recipes/leather.toml   # goes on where it was killed
    python -m training score  training/recipes/leather.toml
    python -m training export training/recipes/leather.toml
    """


def _opened(recipe_file: Path) -> Recipe:
    try:
        return read_recipe(recipe_file)
    except WeltError as error:
        raise _Told(error) from error


@main.command()
@_RECIPE
@_RUNS
@_DATASETS
def fit(recipe_file: Path, runs_dir: Path, datasets_dir: Path) -> None:
    """Fit the network; a run that was killed goes on from its last checkpoint."""
    from training import fitting, runs  # seconds of imports that --help need not wait for

    recipe = _opened(recipe_file)
    run = runs.RunFolder(runs_dir / recipe.name)
    try:
        fitting.fit(recipe, run, datasets_dir=datasets_dir)
    except WeltError as error:
        raise _Told(error) from error
    click.echo(f"fitted; checkpoint, curves and pictures are in {run.path}")


@main.command()
@click.argument("recipe_file", metavar="RECIPE.toml|DIR", type=click.Path(exists=True, path_type=Path))
@_RUNS
@_DATASETS
@click.option(
    "--layout",
    type=click.Choice(["mvtec", "coco", "yolo", "masks", "mvtec-test"]),
    help="Score a folder of labelled photos instead of a recipe's run: mvtec teaches novelty first, "
    "the others ask for the kinds that the model knows.",
)
@click.option("--photos", type=click.IntRange(5, 200), default=50, show_default=True,
              help="With mvtec: good photos taught of each category, at the most.")  # fmt: skip
@click.option("--false-rejects", type=click.FloatRange(0.0005, 0.5), default=0.01, show_default=True,
              help="With mvtec: share of good photos that may be called novel.")  # fmt: skip
@click.option("--mm-per-px", type=click.FloatRange(min=0, min_open=True),
              help="With --layout: scale of the photos.  [default: their own pixels]")  # fmt: skip
@click.option("--models", "models_dir", type=click.Path(file_okay=False, path_type=Path),
              default=PROJECT / "models", help="Folder of models.  [default: models]")  # fmt: skip
@click.option("--model", "name", metavar="NAME/VERSION",
              help="With --layout: another model than the one that serves.")  # fmt: skip
@click.option("--out", type=click.Path(file_okay=False, path_type=Path),
              help="With the other layouts: folder for score.json, score.md and report.html.")  # fmt: skip
def score(
    recipe_file: Path,
    runs_dir: Path,
    datasets_dir: Path,
    layout: str | None,
    photos: int,
    false_rejects: float,
    mm_per_px: float | None,
    models_dir: Path,
    name: str | None,
    out: Path | None,
) -> None:
    """Make the ONNX candidate of a recipe and score it on test photos; or score photos of others.

    \b
    python -m training score training/recipes/leather.toml
    python -m training score --layout mvtec mvtec_ad/leather
    python -m training score --layout coco my-photos --mm-per-px 0.12
    """
    if layout == "mvtec":
        _score_benchmark(
            recipe_file, models_dir, photos=photos, false_rejects=false_rejects, mm_per_px=mm_per_px
        )
        return
    from training import candidates, runs, scoring

    try:
        if layout is not None:
            made = _score_labelled(recipe_file, layout, models_dir, name=name, mm_per_px=mm_per_px)
            if out is not None:
                out.mkdir(parents=True, exist_ok=True)
                scoring.write_score(made, out)
            click.echo(scoring.as_markdown(made.metrics))
            return
        recipe = _opened(recipe_file)
        run = runs.RunFolder(runs_dir / recipe.name)
        model = candidates.make_candidate(recipe, run, datasets_dir=datasets_dir)
        made = scoring.score(recipe, model, datasets_dir=datasets_dir)
    except WeltError as error:
        raise _Told(error) from error
    scoring.write_score(made, run.path)
    click.echo(scoring.as_markdown(made.metrics))
    click.echo(f"written to {run.path / 'score.json'} and {run.path / 'score.md'}")


def _score_labelled(
    folder: Path, layout: str, models_dir: Path, *, name: str | None, mm_per_px: float | None
) -> Score:
    from inspection import registry, runtime
    from training import scoring
    from training.labelled import Layout, read_layout

    chosen = name or registry.serving_name(models_dir)
    model = registry.open_model(models_dir / chosen, threads=runtime.cpu_quota())
    shots = read_layout(Layout(layout), folder, mm_per_px=mm_per_px or model.manifest.mm_per_px)
    return scoring.score_shots(folder.name, shots, model)


def _score_benchmark(
    folder: Path, models_dir: Path, *, photos: int, false_rejects: float, mm_per_px: float | None
) -> None:
    from inspection import registry, runtime
    from training import novelty_scoring
    from training.layouts import read_mvtec

    scores = []
    try:
        model = registry.open_serving(models_dir, threads=runtime.cpu_quota())
        for category in read_mvtec(folder):
            click.echo(
                f"{category.name}: {len(category.train)} good, {len(category.test)} to judge", err=True
            )
            scores.append(
                novelty_scoring.score_category(
                    category, model, photos=photos, mm_per_px=mm_per_px, false_rejects=false_rejects
                )
            )
    except WeltError as error:
        raise _Told(error) from error
    click.echo(novelty_scoring.as_markdown(scores))


@main.command()
@_RECIPE
@_RUNS
@_DATASETS
@click.option(
    "--models",
    "models_dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=PROJECT / "models",
    help="Folder of models.  [default: models]",
)
def export(recipe_file: Path, runs_dir: Path, datasets_dir: Path, models_dir: Path) -> None:
    """Publish the scored candidate, unless it answers otherwise than the trained network."""
    from training import exporting, runs

    recipe = _opened(recipe_file)
    run = runs.RunFolder(runs_dir / recipe.name)
    try:
        folder = exporting.export(recipe, run, models_dir=models_dir, datasets_dir=datasets_dir)
    except WeltError as error:
        raise _Told(error) from error
    click.echo(f"published as {folder}")


@main.command()
@_RECIPE
@_RUNS
@_DATASETS
@click.option(
    "--steps", type=click.IntRange(min=2), default=400, show_default=True, help="Steps of each run."
)
@click.option(
    "--what",
    type=click.Choice(["boxes", "sources", "encoder", "peer"]),
    default="boxes",
    show_default=True,
    help="The loose boxes; the sources of photos; an encoder that is frozen or not; the network itself, "
    "beside a plain U-Net that learns the same.",
)
def ablate(recipe_file: Path, runs_dir: Path, datasets_dir: Path, steps: int, what: str) -> None:
    """Show what a part is worth, by short runs with and without it; the card quotes the table."""
    from training import ablation, runs

    recipe = _opened(recipe_file)
    run = runs.RunFolder(runs_dir / recipe.name)
    try:
        table = ablation.ablate(recipe, run, ablation.What(what), steps=steps, datasets_dir=datasets_dir)
    except WeltError as error:
        raise _Told(error) from error
    click.echo(table)


@main.command()
@_RUNS
@_DATASETS
@click.option(
    "--models",
    "models_dir",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    default=PROJECT / "models",
    help="Folder of models; the one that serves traces the rows.  [default: models]",
)
@click.option("--photos", type=click.IntRange(min=100), default=8000, show_default=True,
              help="Rendered photos to learn from.")  # fmt: skip
@click.option("--epochs", type=click.IntRange(min=1), default=12, show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=9101, show_default=True)
@click.option("--workers", type=click.IntRange(min=1), default=2, show_default=True,
              help="Processes that render.")  # fmt: skip
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path),
              default=PROJECT / "inspection" / "seams" / "judge.onnx",
              help="ONNX file to write.  [default: that of the program]")  # fmt: skip
def judge(
    runs_dir: Path, datasets_dir: Path, models_dir: Path, photos: int, epochs: int, seed: int, workers: int,
    out: Path,
) -> None:  # fmt: skip
    """Fit the judge of stitches on rendered rows; goes on where it was killed.

    It says of every stitch of a traced row whether its thread is there and whether it locked. It reads the
    photo and not the model's maps, so a new model needs no new judge.
    """
    from training import seam_judge

    try:
        made = seam_judge.make(
            runs_dir / "judge",
            photos=photos,
            epochs=epochs,
            seed=seed,
            workers=workers,
            datasets_dir=datasets_dir,
            models_dir=models_dir,
        )
    except WeltError as error:
        raise _Told(error) from error
    out.write_bytes(made.model)
    out.with_suffix(".md").write_text(made.card, encoding="utf-8")
    click.echo(made.card)
    click.echo(f"written to {out}")


for command in COMMANDS:
    main.add_command(command)


if __name__ == "__main__":
    main()
