"""``welt models``: which models there are, and whether they answer as they should."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from inspection.commands.shared import FOLDER, Commands, settings_of
from inspection.errors import ConfigurationError, WeltError

__all__ = ["models"]


@click.group(cls=Commands)
def models() -> None:
    """List, show and check models."""


def _model_folders(models_dir: Path) -> list[Path]:
    folders = sorted(path.parent for path in models_dir.glob("*/*/manifest.json"))
    if not folders:
        raise ConfigurationError(
            f"{models_dir} holds no models",
            hint="Name the folder of models with --models-dir or WELT_MODELS_DIR.",
        )
    return folders


def _named_models(models_dir: Path, names: tuple[str, ...]) -> list[Path]:
    from inspection.errors import UnknownNameError

    known = {f"{folder.parent.name}/{folder.name}": folder for folder in _model_folders(models_dir)}
    for name in names:
        if name not in known:
            raise UnknownNameError(f"there is no model {name!r}", hint=f"Known models: {', '.join(known)}.")
    return [known[name] for name in names] or list(known.values())


_models_dir = click.option(
    "--models-dir", type=FOLDER, help="Folder of models.  [default: WELT_MODELS_DIR or models]"
)


@models.command("list")
@_models_dir
def list_models(models_dir: Path | None) -> None:
    """List the models of the folder; the one that serves has a star.

    \b
    Example: welt models list --models-dir /srv/models
    """
    from inspection import registry

    folder = settings_of(models_dir=models_dir).models_dir
    serving = registry.serving_name(folder) if (folder / registry.SERVING_FILE).exists() else ""
    for path in _model_folders(folder):
        manifest = registry.read_manifest(path)
        name = f"{path.parent.name}/{path.name}"
        star = "*" if name == serving else " "
        click.echo(f"{star} {name}  {manifest.created_at:%Y-%m-%d}  {', '.join(manifest.kinds[1:])}")


@models.command("show")
@click.argument("name")
@_models_dir
def show_model(name: str, models_dir: Path | None) -> None:
    """Print the manifest of model NAME (name/version) as JSON.

    \b
    Example: welt models show leather/4 | jq .metrics
    """
    from inspection import registry

    (folder,) = _named_models(settings_of(models_dir=models_dir).models_dir, (name,))
    click.echo(registry.read_manifest(folder).model_dump_json(indent=2, by_alias=True))


@models.command("check")
@click.argument("names", nargs=-1)
@_models_dir
def check_models(names: tuple[str, ...], models_dir: Path | None) -> None:
    """Compare checksums of models NAMES (all by default) and run their golden photos.

    \b
    Example: welt models check leather/4
    Exit codes: 0 all are right, 1 one is not, 2 called wrongly.
    """
    from inspection import registry, runtime

    wrong = 0
    for folder in _named_models(settings_of(models_dir=models_dir).models_dir, names):
        name = f"{folder.parent.name}/{folder.name}"
        try:
            registry.check_golden(registry.open_model(folder, threads=runtime.cpu_quota()))
        except WeltError as error:
            wrong += 1
            click.echo(f"wrong  {name}: {error.detail.rstrip('.')}. {error.hint}", err=True)
        else:
            click.echo(f"right  {name}")
    if wrong:
        sys.exit(1)
