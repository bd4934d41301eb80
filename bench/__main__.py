"""``python -m bench``: measure the bars and print them as a table.

Without arguments the long ones are cut short, about ten minutes in all; ``--full`` runs them whole.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from bench import (
    calibration,
    counted,
    coverage,
    crash,
    fuzz,
    gauge,
    locating,
    models,
    novelty,
    overhead,
    pairs,
    seams,
    slim,
    soak,
    standards,
    synthesis,
)
from bench.table import Figure, table

Measure = Callable[[Path], list[Figure]]

QUICK: dict[str, Measure] = {
    "slim": lambda _: slim.measure(),
    "models": models.measure,
    "locating": lambda _: locating.measure(warps=3),
    "novelty": novelty.measure,
    "overhead": overhead.measure,
    "pairs": lambda _: pairs.measure(count=12),
    "standards": lambda _: standards.measure(results=30_000),
    "synthesis": lambda _: synthesis.measure(),
    "calibration": lambda _: calibration.measure(sessions=2, seeds=100),
    "seams": lambda folder: seams.measure(folder, count=20),
    "gaps": seams.measure_gaps,
    "counted": counted.measure,
    "gauge": gauge.measure,
    "coverage": lambda folder: coverage.measure(folder, seeds=50),
    "crash": lambda folder: crash.measure(folder, cycles=10),
    "fuzz": lambda folder: fuzz.measure(folder, count=1_000),
    "soak": lambda folder: soak.measure(folder, minutes=2.0, settle_minutes=1.0),
}
FULL: dict[str, Measure] = QUICK | {
    "locating": lambda _: locating.measure(warps=8),
    "calibration": lambda _: calibration.measure(),
    "pairs": lambda _: pairs.measure(),
    "standards": lambda _: standards.measure(),
    "crash": lambda folder: crash.measure(folder, cycles=50),
    "fuzz": lambda folder: fuzz.measure(folder, count=10_000),
    "seams": lambda folder: seams.measure(folder, count=150),
    "coverage": coverage.measure,
    "soak": lambda folder: soak.measure(folder, minutes=30.0, settle_minutes=5.0),
}


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(sorted(QUICK)))
@click.option("--full", is_flag=True, help="50 kills, 10,000 mutated files, 30 minutes of load.")
@click.option(
    "--models-dir",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path("models"),
    show_default=True,
)
def main(names: tuple[str, ...], full: bool, models_dir: Path) -> None:
    """Measure NAMES (all by default) on this machine and print a table; exit 1 when a bar is missed."""
    chosen = FULL if full else QUICK
    figures: list[Figure] = []
    for name in names or tuple(chosen):
        click.echo(f"measuring {name} …", err=True)
        figures += chosen[name](models_dir.resolve())
    click.echo(table(figures))
    if any(figure.met is False for figure in figures):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
