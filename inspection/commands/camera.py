"""``welt camera``: sends a folder of photos to a service, as a line camera would."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path
from types import FrameType

import click

__all__ = ["camera"]


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--to", "url", required=True, metavar="URL", help="Address of the service.")
@click.option("--key", envvar="WELT_KEY", required=True, help="API key of the station; better as WELT_KEY.")
@click.option("--station", help="Station, where it is not the key's own.")
@click.option("--recipe", help="Recipe of every photo that does not name its own.")
@click.option("--view", help="View of every photo that does not name its own.")
@click.option("--style", help="Style of every photo that does not name its own.")
@click.option("--lot", "lot_id", help="Lot of every photo that does not name its own.")
@click.option("--size", help="Shoe size of every photo that does not name its own.")
@click.option("--mm-per-px", type=float, help="Scale of every photo that does not bring its own.")
@click.option("--once", is_flag=True, help="End when everything in the folder was sent.")
@click.option(
    "--loop", is_flag=True, help="Virtual camera: send the same photos again and again as new parts."
)
@click.option(
    "--interval", "interval_s", type=click.FloatRange(min=0), default=0.0, help="Seconds between photos."
)
@click.option("--settle", "settle_s", type=click.FloatRange(min=0), default=1.0, show_default=True,
              help="Seconds for which a file must not have changed before it is sent.")  # fmt: skip
@click.option("--journal", type=click.Path(dir_okay=False, path_type=Path),
              help="File that remembers what was sent.  [default: .welt-camera.jsonl in FOLDER]")  # fmt: skip
@click.option("--give-up-after", "patience_s", type=click.FloatRange(min=0), metavar="SECONDS",
              help="End when nothing was taken for so long.  [default: never]")  # fmt: skip
@click.option("--retry-refused", is_flag=True, help="Send again what was refused in an earlier run.")
@click.option("--quiet", is_flag=True, help="Say only what goes wrong.")
def camera(
    folder: Path,
    url: str,
    key: str,
    once: bool,
    loop: bool,
    interval_s: float,
    settle_s: float,
    journal: Path | None,
    patience_s: float | None,
    retry_refused: bool,
    quiet: bool,
    **defaults: str | float | None,
) -> None:
    """Send the photos that appear in FOLDER to a service, each once, and lose none.

    Photos wait in the folder while the service is away. One that the service refuses is set aside with the
    reason. What the service should know of a photo can stand in meta.toml beside the photos, or in
    <photo name>.json beside the photo.

    \b
    Examples:
      WELT_KEY=welt_… welt camera /var/camera --to https://welt.factory.example --view lateral
      welt camera photos/ --to http://127.0.0.1:8000 --key welt_… --once
      welt camera photos/ --to http://127.0.0.1:8000 --key welt_… --loop --interval 2
    \b
    Exit codes: 0 everything was sent (or stopped by Ctrl-C), 1 some photos were refused or are left,
    or the key or address is wrong, 2 called wrongly.
    """
    from inspection.camera import JOURNAL_NAME, Camera, Mode, Notice, State, run

    if once and loop:
        raise click.UsageError("--once and --loop contradict each other")
    stop = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        stop.set()

    def tell(notice: Notice) -> None:
        if notice.state is State.SENT:
            if not quiet:
                click.echo(f"sent     {notice.name}  {notice.text}")
        elif notice.state is State.REFUSED:
            click.echo(f"refused  {notice.name}  {notice.text}", err=True)
        else:
            click.echo(
                f"{notice.state:<9}{notice.name}  {notice.text} (again in {notice.pause_s:.1f} s)", err=True
            )

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
    summary = run(
        Camera(
            folder=folder,
            url=url,
            key=key,
            journal=journal or folder / JOURNAL_NAME,
            defaults={name: value for name, value in defaults.items() if value is not None},
            interval_s=interval_s,
            settle_s=settle_s,
        ),
        mode=Mode.ONCE if once else Mode.LOOP if loop else Mode.WATCH,
        stop=stop,
        tell=tell,
        patience_s=patience_s,
        retry_refused=retry_refused,
    )
    click.echo(f"{summary.sent} sent, {summary.refused} refused, {summary.left} left in {folder}", err=True)
    if summary.refused or (summary.left and not stop.is_set()):
        sys.exit(1)
