"""``welt calibrate``: boards to print, and calibrations made of their photos."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from inspection.commands.shared import BY, Commands, data_dir_option, opened_store, settings_of
from inspection.errors import CalibrationError, ConfigurationError, NotFoundError
from inspection.wording import number_of

if TYPE_CHECKING:
    from inspection.calibrating import Encoded, Made, Session
    from inspection.calibration.files import CalibrationFile
    from inspection.store.calibrations import StoredCalibration

__all__ = ["calibrate"]

PHOTO = click.Path(exists=True, dir_okay=False, path_type=Path)
TO_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group(cls=Commands)
def calibrate() -> None:
    """Tell cameras how large a pixel is: boards, lens, plane, scale, and checks of them."""


def _keeping(command: Callable[..., None]) -> Callable[..., None]:
    """Options of commands that make a calibration: where it goes."""
    for option in reversed(
        (
            click.option("--station", help="Store it for this station; with --view."),
            click.option("--view", help="View that it is for."),
            click.option("--name", help="Name that cameras may give.  [default: <station>.<view>.<number>]"),
            click.option("--note", default="", help="What was changed, for the history."),
            click.option("--not-in-force", is_flag=True, help="Store it without using it yet."),
            click.option(
                "--lens", "lens_name", help="Name of the lens; photos that name another are a recheck."
            ),
            click.option("--out", type=TO_FILE, help="Write it to this JSON file, for welt inspect."),
            data_dir_option,
        )
    ):
        command = option(command)
    return command


_board = click.option(
    "--board", default="a4", show_default=True, help="Which board: a4 or a3, as printed below it."
)
_ruler = click.option(
    "--ruler-mm", type=float, help="Length of the printed ruler as you measured it; makes scales surer."
)


@calibrate.command("board")
@click.option("--board", default="a4", show_default=True, help="Which board to print: a4 or a3.")
@click.option("--out", type=TO_FILE, help="PDF to write.  [default: welt-board-<board>.pdf]")
def print_board(board: str, out: Path | None) -> None:
    """Write a board as PDF, to be printed at 100 % and glued onto something flat.

    \b
    Examples:
      welt calibrate board
      welt calibrate board --board a3 --out board.pdf
    """
    from inspection.calibration.boards import board_named
    from inspection.calibration.printing import RULER_MM, board_pdf

    chosen = board_named(board)
    path = out or Path(f"welt-board-{board}.pdf")
    _write(path, board_pdf(chosen))
    click.echo(f"wrote {path}: print it at 100 % on {chosen.paper}; its ruler has to measure "
               f"{RULER_MM[chosen.paper]:g} mm")  # fmt: skip


@calibrate.command("photos")
@click.argument("photos", nargs=-1, type=PHOTO, metavar="[PHOTO…]")
@click.option("--plane", required=True, type=PHOTO, help="Photo of the board lying where the part will lie.")
@_board
@_ruler
@click.option("--height-mm", type=float, default=0.0, show_default=True,
              help="How far the part's surface is above the board, towards the camera.")  # fmt: skip
@click.option("--without-lens", is_flag=True, help="The lens bends no lines: --plane alone is enough.")
@click.option("--keep-lens", is_flag=True,
              help="Only the plane changed: take the lens of the calibration in force.")  # fmt: skip
@click.option("--coverage", type=TO_FILE, help="Write a picture of where the board was seen (PNG).")
@_keeping
def from_photos(
    photos: tuple[Path, ...],
    plane: Path,
    board: str,
    ruler_mm: float | None,
    height_mm: float,
    without_lens: bool,
    keep_lens: bool,
    coverage: Path | None,
    **keep: Any,
) -> None:
    """Calibrate a camera with PHOTOs of a tilted board, and one of the board on the plane of the part.

    Take 8 to 15 photos with focus, zoom and size as for inspection: the board tilted by 20 to 40 degrees in
    different directions, and moved until it was in every corner.

    \b
    Examples:
      welt calibrate photos tilted/*.png --plane flat.png --ruler-mm 199.8 --station line-2.toe --view toe
      welt calibrate photos --plane flat.png --keep-lens --station line-2.toe --view toe
      welt calibrate photos tilted/*.png --plane flat.png --out camera.json --coverage seen.png
    \b
    Exit codes: 0 calibrated, 1 the photos do not serve (the message says why), 2 called wrongly.
    """
    from inspection.calibrating import from_board

    if without_lens and keep_lens:
        raise click.UsageError("--without-lens and --keep-lens contradict each other")
    _check_keep(keep, coverage)
    session = _session(board, ruler_mm, height_mm=height_mm, lens_name=keep["lens_name"])
    lens = None
    if keep_lens:
        stored = _in_force(keep["station"], keep["view"], keep["data_dir"])
        lens = stored.calibration.lens
        if lens is None:
            raise CalibrationError(
                f"The calibration {stored.name} knows no lens.", hint="Calibrate with tilted photos once."
            )
    made = from_board(
        [_read(path) for path in photos], _read(plane), session, lens=lens, with_lens=not without_lens
    )
    if coverage is not None and made.coverage_png is not None:
        _write(coverage, made.coverage_png)
    _keep(made, **keep)


@calibrate.command("length")
@click.option("--from", "start", required=True, metavar="X,Y", help="Where the length begins, in pixels.")
@click.option("--to", "end", required=True, metavar="X,Y", help="Where it ends.")
@click.option("--length-mm", type=float, required=True, help="The length.")
@click.option("--uncertainty-mm", type=click.FloatRange(min=0), default=0.1, show_default=True,
              help="How well it is known (k = 2).")  # fmt: skip
@_keeping
def from_length(start: str, end: str, length_mm: float, uncertainty_mm: float, **keep: Any) -> None:
    """Calibrate with one known length, for a camera that looks straight down through a straight lens.

    \b
    Examples:
      welt calibrate length --from 112,640 --to 1490,652 --length-mm 200 --station line-2.toe --view toe
      welt calibrate length --from 112,640 --to 1490,652 --length-mm 200 --out camera.json
    """
    from inspection.calibrating import from_known_length

    _check_keep(keep, None)
    made = from_known_length(
        (_point(start), _point(end)),
        length_mm=length_mm,
        uncertainty_mm=uncertainty_mm,
        lens_name=keep["lens_name"],
    )
    _keep(made, **keep)


@calibrate.command("check")
@click.argument("photo", type=PHOTO)
@click.option("--station", help="Station whose calibration is checked; with --view.")
@click.option("--view", help="View whose calibration is checked.")
@click.option("--file", "file", type=PHOTO, help="Check this calibration file instead.")
@_board
@_ruler
@data_dir_option
def check_it(
    photo: Path,
    station: str | None,
    view: str | None,
    file: Path | None,
    board: str,
    ruler_mm: float | None,
    data_dir: Path | None,
) -> None:
    """See from one PHOTO of the board, lying where the part lies, whether a calibration still holds.

    A check that is passed makes the calibration young again.

    \b
    Examples:
      welt calibrate check board.png --station line-2.toe --view toe
      welt calibrate check board.png --file camera.json
    \b
    Exit codes: 0 it holds, 1 it does not (or the photo does not serve), 2 called wrongly.
    """
    from inspection.calibrating import check_photo
    from inspection.store import calibrations as stored

    if (file is None) == (station is None or view is None):
        raise click.UsageError("say --station and --view, or --file")
    session = _session(board, ruler_mm)
    if file is not None:
        known, calibration_id = _calibration_file(file), None
    else:
        current = _in_force(station, view, data_dir)
        known, calibration_id = current.file, current.calibration_id
    told = check_photo(known, _read(photo), session)
    if calibration_id is not None:
        with opened_store(data_dir) as store:
            stored.add_check(store, calibration_id, told, by=BY)
    click.echo(f"scale off by {100 * told.scale_error:+.2f} % (allowed {100 * told.allowed_share:.2f} %), "
               f"corners by up to {told.worst_mm:.3f} mm (allowed {told.allowed_mm:.3f} mm)")  # fmt: skip
    if not told.holds:
        click.echo("the calibration does not hold any more: calibrate anew", err=True)
        sys.exit(1)
    click.echo("the calibration holds")


@calibrate.command("list")
@click.option("--station", help="Of this station only.")
@click.option("--view", help="Of this view only.")
@data_dir_option
def list_calibrations(station: str | None, view: str | None, data_dir: Path | None) -> None:
    """List calibrations, newest first; those in force have a star.

    \b
    Example: welt calibrate list --station line-2.toe
    """
    from inspection.store import calibrations as stored

    with opened_store(data_dir) as store:
        for one in stored.history(store, station=station, view=view):
            star = "*" if one.in_force else " "
            rms = "" if one.file.rms_mm is None else f"rms {one.file.rms_mm:.3f} mm"
            checked = f"checked {one.checked_at:%Y-%m-%d}" if one.checked_at else ""
            made = f"{one.made_at:%Y-%m-%d %H:%M}"
            scale = f"{one.file.mm_per_px:.4f} mm/px"
            line = (
                f"{star} {one.name:<28}{one.station:<16}{one.view:<12}{made}  {scale}  {rms:<14}{checked:<20}"
            )
            click.echo((line + one.note).rstrip())


@calibrate.command("use")
@click.argument("name")
@data_dir_option
def use(name: str, data_dir: Path | None) -> None:
    """Put the calibration NAME (or id) in force at its station and view; also to go back to an earlier one.

    \b
    Example: welt calibrate use line-2.toe.toe.3
    """
    from inspection.store import calibrations as stored

    with opened_store(data_dir) as store:
        one = stored.activate(store, name, by=BY)
    click.echo(f"{one.name} is in force at {one.station}, view {one.view}")


@calibrate.command("clear")
@click.option("--station", required=True, help="Station.")
@click.option("--view", required=True, help="View.")
@data_dir_option
def clear(station: str, view: str, data_dir: Path | None) -> None:
    """Have no calibration in force at a station and view; the history stays.

    \b
    Example: welt calibrate clear --station line-2.toe --view toe
    """
    from inspection.store import calibrations as stored

    with opened_store(data_dir) as store:
        stored.deactivate(store, station, view, by=BY)
    click.echo(f"no calibration is in force at {station}, view {view}")


def _session(board: str, ruler_mm: float | None, **further: Any) -> Session:
    from inspection.calibrating import Session
    from inspection.calibration.boards import board_named

    max_pixels = int(settings_of().max_photo_mp * 1e6)
    return Session(board_named(board), ruler_mm=ruler_mm, max_pixels=max_pixels, **further)


def _read(path: Path) -> Encoded:
    try:
        return path.name, path.read_bytes()
    except OSError as error:
        raise CalibrationError(
            f"{path} cannot be read: {error.strerror}", hint="Check the name and its permissions."
        ) from error


def _write(path: Path, body: bytes) -> None:
    try:
        path.write_bytes(body)
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be written: {error.strerror}", hint="Choose another file with --out."
        ) from error


def _calibration_file(path: Path) -> CalibrationFile:
    from inspection.calibration.files import from_json

    return from_json(_read(path)[1].decode("utf-8", "replace"), label=str(path))


def _point(text: str) -> tuple[float, float]:
    try:
        x, y = (float(part) for part in text.split(","))
    except ValueError:
        raise click.UsageError(f"{text!r} is no point: write X,Y in pixels, as in 112,640") from None
    return x, y


def _in_force(station: str | None, view: str | None, data_dir: Path | None) -> StoredCalibration:
    from inspection.store import calibrations as stored

    if station is None or view is None:
        raise click.UsageError("say --station and --view")
    with opened_store(data_dir) as store:
        current = stored.in_force(store, station, view)
    if current is None:
        raise NotFoundError(
            f"no calibration is in force at {station}, view {view}",
            hint="welt calibrate list shows all; welt calibrate photos makes one.",
        )
    return current


def _check_keep(keep: dict[str, Any], coverage: Path | None) -> None:
    """Refuse to work for nothing, before the work."""
    if (keep["station"] is None) != (keep["view"] is None):
        raise click.UsageError("--station and --view go together")
    if keep["station"] is None and keep["out"] is None and coverage is None:
        raise click.UsageError("say where it goes: --station and --view, or --out")


def _keep(
    made: Made,
    *,
    station: str | None,
    view: str | None,
    name: str | None,
    note: str,
    not_in_force: bool,
    lens_name: str | None,
    out: Path | None,
    data_dir: Path | None,
) -> None:
    """Store the calibration, write it, and say what it is."""
    from datetime import UTC, datetime

    from inspection.calibration.files import to_json
    from inspection.store import calibrations as stored

    file = made.file
    for line in _told(file):
        click.echo(line)
    if out is not None:
        _write(out, to_json(file.model_copy(update={"made_at": datetime.now(UTC)})).encode())
        click.echo(f"wrote {out}")
    if station is None or view is None:
        return
    new = stored.NewCalibration(station, view, file, name=name, note=note, coverage_png=made.coverage_png)
    with opened_store(data_dir) as store:
        kept = stored.add(store, new, by=BY, activate=not not_in_force)
    state = "in force" if kept.in_force else "not in force"
    click.echo(f"stored as {kept.name}, {state} at {station}, view {view}")


def _told(file: CalibrationFile) -> list[str]:
    share = 100 * file.scale_uncertainty
    lines = [f"scale      {file.mm_per_px:.5f} mm/px in the middle, lengths ± {share:.2f} % (k = 2)"]
    if file.rms_mm is not None and file.rms_px is not None and file.coverage is not None:
        lines += [
            f"fit        {file.rms_mm:.4f} mm on the plane, {file.rms_px:.3f} px over "
            f"{number_of(file.photos, 'photo')}",
            f"coverage   {100 * file.coverage:.0f} % of the photo",
        ]
        if file.coverage < 0.6:
            lines.append(
                "           take photos with the board where it was not seen yet: the lens is guessed there"
            )
    if file.distance_mm is not None:
        lines.append(f"distance   {file.distance_mm:.0f} mm from lens to plane")
    return lines
