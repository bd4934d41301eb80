"""What the commands of ``welt`` share: settings, the open database, errors as people read them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from inspection.errors import ConfigurationError, SeveralFaultsError, WeltError

if TYPE_CHECKING:
    from inspection.settings import Settings
    from inspection.store import Store

__all__ = ["BY", "FILE", "FOLDER", "Commands", "data_dir_option", "opened_store", "settings_of"]

FILE = click.Path(exists=True, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)
BY = "system"
"""Who the audit trail names for what is done on the command line."""


class Commands(click.Group):
    """Commands in the order in which they were written, and errors as people read them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SeveralFaultsError as error:
            for wrong, to_do in error.faults:
                click.echo(f"{wrong}\n    {to_do}", err=True)
            ctx.exit(1)
        except WeltError as error:
            click.echo(f"welt: {error.detail.rstrip('.')}.\n  {error.hint}", err=True)
            ctx.exit(1)


def settings_of(**overrides: object) -> Settings:
    """Settings from the environment, with what the command line says on top."""
    from pydantic import ValidationError

    from inspection.settings import Settings

    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = "WELT_" + "_".join(str(part) for part in first["loc"]).upper()
        raise ConfigurationError(
            f"{name} is {first['input']!r}: {first['msg']}", hint="docs/settings.md lists every setting."
        ) from error


data_dir_option = click.option(
    "--data-dir", type=FOLDER, help="Folder of the database.  [default: WELT_DATA_DIR or welt-data]"
)


@contextmanager
def opened_store(data_dir: Path | None) -> Iterator[Store]:
    """The database of the service, whose schema is brought up to date."""
    from inspection.store import open_store

    with closing(open_store(settings_of(data_dir=data_dir).database)) as store:
        yield store
