"""The command ``welt``.

Every command ends with 0 when it did what was asked, 1 when something could not be done (the message says
what, and what to do about it) and 2 when it was called wrongly. Modules are loaded by the command that needs
them, so that the line-side client of a small camera computer loads neither the network's runtime nor the web
service.
"""

from __future__ import annotations

import click

from inspection import __version__
from inspection.commands.calibrate import calibrate
from inspection.commands.camera import camera
from inspection.commands.gauge import gauge
from inspection.commands.inspect import inspect
from inspection.commands.lots import lots
from inspection.commands.models import models
from inspection.commands.novelty import novelty, teach
from inspection.commands.recipes import recipes
from inspection.commands.serve import serve
from inspection.commands.shared import Commands
from inspection.commands.standards import standards
from inspection.commands.stations import stations
from inspection.commands.users import users

__all__ = ["main", "welt"]


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="welt")
def welt() -> None:
    """Inspect footwear by camera: find, measure and grade defects of leather and stitching.

    \b
    Exit codes: 0 done, 1 something could not be done, 2 called wrongly.
    Settings come from the environment as WELT_<NAME>.
    """


for _command in (
    *(serve, inspect, calibrate, gauge, camera, models, users, stations),
    *(lots, standards, teach, novelty, recipes),
):
    welt.add_command(_command)


def main() -> None:
    """Entry point of the command ``welt``."""
    welt(prog_name="welt")


if __name__ == "__main__":
    main()
