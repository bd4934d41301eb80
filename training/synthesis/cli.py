"""The commands of the renderer, added to ``python -m training``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from inspection.errors import WeltError
from training.synthesis import gallery as galleries
from training.synthesis import scene as scenes
from training.synthesis.export import write_scene, write_set
from training.synthesis.photo_base import sound_bases
from training.synthesis.sampling import Request


class _Telling(click.Command):
    """A command that tells what went wrong and what to do about it, instead of a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except WeltError as error:
            raise click.ClickException(f"{error.detail}\n{error.hint}") from error


@click.command(cls=_Telling)
@click.option("--count", type=int, default=100, show_default=True, help="How many photos.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed gives the same bytes.")
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="A folder that does not exist yet."
)
@click.option("--size", type=int, default=512, show_default=True, help="Width and height in pixels.")
@click.option(
    "--scale", type=(float, float), default=(0.08, 0.20), show_default=True, help="mm per pixel, range."
)
@click.option(
    "--pitch", type=(float, float), default=(1.5, 4.5), show_default=True, help="Stitch pitch in mm, range."
)
@click.option(
    "--kind", "kinds", multiple=True, help="Kind of defect to render; repeat for several. Default: all."
)
@click.option(
    "--family", "families", multiple=True, help="Family of leather; repeat for several. Default: all."
)
@click.option(
    "--sound", type=float, default=0.25, show_default=True, help="Share of photos without a defect."
)
@click.option(
    "--workers", type=int, default=None, help="Processes. Default: one per CPU. Never changes the photos."
)
@click.option(
    "--scene", "scene_file", type=click.Path(path_type=Path), help="Render this saved scene instead."
)
@click.option(
    "--photos", type=click.Path(path_type=Path), help="datasets/: lay a third on sound real leather."
)
def synthesize(
    count: int,
    seed: int,
    out: Path,
    size: int,
    scale: tuple[float, float],
    pitch: tuple[float, float],
    kinds: tuple[str, ...],
    families: tuple[str, ...],
    sound: float,
    workers: int | None,
    scene_file: Path | None,
    photos: Path | None,
) -> None:
    """Render photos of stitched leather, with masks and exact truth in COCO and a seam file."""
    if scene_file is not None:
        write_scene(scenes.load(scene_file), out=out, photos=photos)
        click.echo(f"1 photo in {out}")
        return
    request = Request(
        side_px=size,
        mm_per_px=scale,
        pitch_mm=pitch,
        kinds=kinds,
        families=families,
        sound=sound,
        bases=sound_bases(photos) if photos else (),
    )
    with tqdm(total=max(0, count), unit="photo") as bar:
        write_set(
            request,
            count=count,
            seed=seed,
            out=out,
            photos=photos,
            workers=len(os.sched_getaffinity(0)) if workers is None else workers,
            progress=lambda done: bar.update(done - bar.n),
        )
    click.echo(f"{count} photos in {out}")


@click.command(cls=_Telling)
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="A folder that does not exist yet."
)
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed shows other leathers.")
@click.option("--real", type=click.Path(path_type=Path), help="Folder of real photos to show beside them.")
def gallery(out: Path, seed: int, real: Path | None) -> None:
    """Render a page of every kind at three severities and scales, beside real photos."""
    with tqdm(total=galleries.STEPS, unit="sheet") as bar:
        galleries.write_gallery(out, seed=seed, real=real, progress=bar.update)
    click.echo(f"open {out / 'index.html'}")


@click.command(cls=_Telling)
@click.option("--datasets", type=click.Path(path_type=Path), default=Path("datasets"), show_default=True)
@click.option(
    "--count", type=int, help="Rendered crops per family. Default: 200, or 60 to try changes with at first."
)
@click.option("--seed", type=int, default=3, show_default=True)
@click.option("--leather", "leathers", multiple=True, help="smooth, suede or pebbled. Default: all.")
@click.option("--changes", is_flag=True, help="Try every single change of the scenes: which would help?")
@click.option("--change", "named", multiple=True, help="Try only this change; repeat for several.")
def realism(
    datasets: Path,
    count: int | None,
    seed: int,
    leathers: tuple[str, ...],
    changes: bool,
    named: tuple[str, ...],
) -> None:
    """Measure how far rendered leather lies from real leather, per family."""
    from training.synthesis import realism as measures  # torch: seconds that --help need not wait for
    from training.synthesis import trials

    def told(name: str) -> None:
        click.echo(name, err=True)

    if changes or named:
        found = trials.tried(
            datasets, leathers=leathers, changes=named, count=count or 60, seed=seed, told=told
        )
        click.echo(trials.as_table(found))
        return
    distances = measures.measure(datasets, leathers=leathers, count=count or 200, seed=seed, told=told)
    click.echo(measures.as_table(distances))


COMMANDS = (synthesize, gallery, realism)
"""What ``python -m training`` takes from here."""
