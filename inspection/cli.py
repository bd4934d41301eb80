"""The command ``welt``.

Every command ends with 0 when it did what was asked, 1 when something could not be done (the message says
what, and what to do about it) and 2 when it was called wrongly. Modules are loaded by the command that needs
them, so that the line-side client of a small camera computer loads neither the network's runtime nor the web
service.
"""

from __future__ import annotations

import json
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from inspection import __version__
from inspection.command_line import BY, FILE, FOLDER, Commands, data_dir_option, opened_store, settings_of
from inspection.commands_calibrate import calibrate
from inspection.commands_gauge import gauge
from inspection.commands_novelty import novelty, teach
from inspection.commands_recipes import recipes
from inspection.commands_standards import standards
from inspection.errors import ConfigurationError, WeltError

if TYPE_CHECKING:
    from inspection.domain import Calibration, Metadata
    from inspection.lots import Aql, LotPlan
    from inspection.pipeline import Setup, Taught
    from inspection.settings import Settings

__all__ = ["main", "welt"]


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="welt")
def welt() -> None:
    """Inspect footwear by camera: find, measure and grade defects of leather and stitching.

    \b
    Exit codes: 0 done, 1 something could not be done, 2 called wrongly.
    Settings come from the environment as WELT_<NAME>.
    """


# -------------------------------------------------------------------------------- serve


@welt.command()
@click.option("--host", help="Address to listen on.  [default: WELT_HOST or 127.0.0.1]")
@click.option("--port", type=int, help="Port to listen on.  [default: WELT_PORT or 8000]")
@click.option(
    "--data-dir", type=FOLDER, help="Folder of results and photos.  [default: WELT_DATA_DIR or welt-data]"
)
@click.option("--models-dir", type=FOLDER, help="Folder of models.  [default: WELT_MODELS_DIR or models]")
def serve(host: str | None, port: int | None, data_dir: Path | None, models_dir: Path | None) -> None:
    """Run the service and its pages until it is told to stop (Ctrl-C or SIGTERM).

    \b
    Examples:
      welt serve
      welt serve --host 0.0.0.0 --port 8080 --data-dir /srv/welt
    \b
    Exit codes: 0 stopped as asked, 1 could not start (the message says why), 2 called wrongly.
    """
    from inspection.logs import start_logging

    settings = settings_of(host=host, port=port, data_dir=data_dir, models_dir=models_dir)
    start_logging(settings.log_level)
    with listening(settings.host, settings.port) as listener:
        run_service(settings, listener)


@contextmanager
def listening(host: str, port: int, *, other: str = "--port 8001") -> Iterator[socket.socket]:
    """A socket that listens; ConfigurationError when the address or the port cannot be had.

    Parameters
    ----------
    other : how to choose another port, for the hint.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise ConfigurationError(
            f"{host!r} is no address of this machine: {error.strerror}",
            hint="Use 127.0.0.1 for this machine alone, or 0.0.0.0 for every network that it is in.",
        ) from error
    with socket.socket(family, kind, protocol) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
            listener.listen(2048)
        except OSError as error:
            raise ConfigurationError(
                f"port {port} on {host} cannot be had: {error.strerror}",
                hint=f"Stop what listens there, or choose another port: {other}",
            ) from error
        yield listener


def run_service(settings: Settings, listener: socket.socket, *, log_requests: bool = True) -> None:
    """Serve on a listening socket until SIGINT or SIGTERM."""
    import uvicorn

    from inspection.memory import return_big_buffers
    from inspection.web.app import create_app

    return_big_buffers()
    config = uvicorn.Config(
        create_app(settings),
        log_config=None,
        log_level=settings.log_level,
        access_log=log_requests,
        # Long enough for every photo that was accepted; event streams end by themselves.
        timeout_graceful_shutdown=int(settings.deadline_s) + 5,
        server_header=False,
    )
    server = uvicorn.Server(config)

    def on_signal(number: int, frame: FrameType | None) -> None:
        # The server handles signals while it runs, and passes them on when it has stopped: no news then.
        if not server.should_exit:
            raise SystemExit(0)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
    server.run(sockets=[listener])
    if not server.started:
        raise ConfigurationError("the service did not start", hint="The log lines say why.")


# -------------------------------------------------------------------------------- inspect


@welt.command()
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
        click.echo(f"{failed} of {len(named)} photos could not be inspected", err=True)
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


welt.add_command(calibrate)
welt.add_command(gauge)

# -------------------------------------------------------------------------------- camera


@welt.command()
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


# -------------------------------------------------------------------------------- models


@welt.group(cls=Commands)
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
    Example: welt models show leather/3 | jq .metrics
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
    Example: welt models check leather/3
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


# -------------------------------------------------------------------------------- users


_role = click.Choice(["viewer", "inspector", "engineer", "admin"])
_from_stdin = click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")


def _password(name: str, from_stdin: bool) -> str:
    """Never from the arguments of the command: those are seen by everyone on the machine."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask for the password: use --password-stdin")
    return str(click.prompt(f"Password of {name}", hide_input=True, confirmation_prompt=True, err=True))


@welt.group(cls=Commands)
def users() -> None:
    """Add people, and say what they may do.

    \b
    Roles, each with the rights of those before it: viewer (sees results), inspector (agrees and
    overrides), engineer (recipes and models), admin (people, stations and keys).
    """


@users.command("add")
@click.argument("name")
@click.option("--role", type=_role, default="viewer", show_default=True)
@_from_stdin
@data_dir_option
def add_user(name: str, role: str, password_stdin: bool, data_dir: Path | None) -> None:
    """Add the person NAME; the password is asked for.

    \b
    Examples:
      welt users add li.wei --role inspector
      pass welt/admin | welt users add admin --role admin --password-stdin
    """
    from inspection.access import Role
    from inspection.store import people

    password = _password(name, password_stdin)
    with opened_store(data_dir) as store:
        people.add(store, name, password, Role(role), by=BY)
    click.echo(f"added {name} as {role}")


@users.command("list")
@data_dir_option
def list_users(data_dir: Path | None) -> None:
    """List people with their roles.

    \b
    Example: welt users list
    """
    from inspection.store import people

    with opened_store(data_dir) as store:
        for user in people.everyone(store):
            state = "disabled" if user.disabled_at else ""
            seen = f"last login {user.last_login_at:%Y-%m-%d}" if user.last_login_at else "never logged in"
            click.echo(f"{user.name:<24}{user.role:<11}{seen:<24}{state}".rstrip())


@users.command("role")
@click.argument("name")
@click.argument("role", type=_role)
@data_dir_option
def set_role(name: str, role: str, data_dir: Path | None) -> None:
    """Change what the person NAME may do, from their next request on.

    \b
    Example: welt users role li.wei engineer
    """
    from inspection.access import Role
    from inspection.store import people

    with opened_store(data_dir) as store:
        people.set_role(store, name, Role(role), by=BY)
    click.echo(f"{name} is {role} now")


@users.command("password")
@click.argument("name")
@_from_stdin
@data_dir_option
def set_password(name: str, password_stdin: bool, data_dir: Path | None) -> None:
    """Give the person NAME a new password; it is asked for. All their sessions end.

    \b
    Example: welt users password li.wei
    """
    from inspection.store import people

    password = _password(name, password_stdin)
    with opened_store(data_dir) as store:
        people.set_password(store, name, password, by=BY)
    click.echo(f"{name} has a new password")


@users.command("disable")
@click.argument("name")
@data_dir_option
def disable_user(name: str, data_dir: Path | None) -> None:
    """Keep the person NAME out, at once; what they did stays.

    \b
    Example: welt users disable li.wei
    """
    from inspection.store import people

    with opened_store(data_dir) as store:
        people.disable(store, name, by=BY)
    click.echo(f"{name} is disabled")


@users.command("enable")
@click.argument("name")
@data_dir_option
def enable_user(name: str, data_dir: Path | None) -> None:
    """Let the disabled person NAME in again.

    \b
    Example: welt users enable li.wei
    """
    from inspection.store import people

    with opened_store(data_dir) as store:
        people.enable(store, name, by=BY)
    click.echo(f"{name} is enabled")


# -------------------------------------------------------------------------------- stations


@welt.group(cls=Commands)
def stations() -> None:
    """Add stations of the line, and the API keys of their cameras."""


@stations.command("add")
@click.argument("name")
@click.option("--description", default="", help="Where it is and what it sees.")
@data_dir_option
def add_station(name: str, description: str, data_dir: Path | None) -> None:
    """Add the station NAME.

    \b
    Example: welt stations add line-2.toe --description "after lasting, toe camera"
    """
    from inspection.store import stations as stored

    with opened_store(data_dir) as store:
        stored.add(store, name, by=BY, description=description)
    click.echo(f"added station {name}; next: welt stations key create {name}")


@stations.command("list")
@data_dir_option
def list_stations(data_dir: Path | None) -> None:
    """List stations and their keys, without the secrets.

    \b
    Example: welt stations list
    """
    from inspection.store import stations as stored

    with opened_store(data_dir) as store:
        for station in stored.all_stations(store):
            state = "" if station.active else "  disabled"
            click.echo(f"{station.name}  {station.description}{state}".rstrip())
            for key in stored.keys(store, station.name):
                used = f"last used {key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never used"
                state = f"revoked {key.revoked_at:%Y-%m-%d}" if key.revoked_at else used
                click.echo(
                    f"    key {key.key_id}  made {key.created_at:%Y-%m-%d}  {state}  {key.note}".rstrip()
                )


@stations.command("disable")
@click.argument("name")
@data_dir_option
def disable_station(name: str, data_dir: Path | None) -> None:
    """Take no more photos from the station NAME; its results stay.

    \b
    Example: welt stations disable line-2.toe
    """
    from inspection.store import stations as stored

    with opened_store(data_dir) as store:
        stored.disable(store, name, by=BY)
    click.echo(f"station {name} is disabled")


@stations.command("enable")
@click.argument("name")
@data_dir_option
def enable_station(name: str, data_dir: Path | None) -> None:
    """Take photos from the disabled station NAME again.

    \b
    Example: welt stations enable line-2.toe
    """
    from inspection.store import stations as stored

    with opened_store(data_dir) as store:
        stored.enable(store, name, by=BY)
    click.echo(f"station {name} is enabled")


@stations.group("key", cls=Commands)
def station_key() -> None:
    """Create and revoke the API keys of a station."""


@station_key.command("create")
@click.argument("station")
@click.option("--note", default="", help="Which camera it is for.")
@data_dir_option
def create_key(station: str, note: str, data_dir: Path | None) -> None:
    """Create an API key for STATION and print it: this once, and never again.

    \b
    Examples:
      welt stations key create line-2.toe --note "camera 7"
      export WELT_KEY=$(welt stations key create line-2.toe)
    """
    from inspection.store import stations as stored

    with opened_store(data_dir) as store:
        made = stored.create_key(store, station, by=BY, note=note)
    click.echo(f"key {made.key.key_id} of station {station}; keep it, it is not shown again:", err=True)
    click.echo(made.text)


@station_key.command("revoke")
@click.argument("key_id")
@data_dir_option
def revoke_key(key_id: str, data_dir: Path | None) -> None:
    """Stop the key KEY_ID from working, at once and for ever.

    \b
    Example: welt stations key revoke k7m2p9x4tq
    """
    from inspection.store import stations as stored

    with opened_store(data_dir) as store:
        key = stored.revoke_key(store, key_id, by=BY)
    click.echo(f"key {key.key_id} of station {key.station} is revoked")


# -------------------------------------------------------------------------------- lots


@welt.group(cls=Commands)
def lots() -> None:
    """Plan the inspection of lots by sampling, after ISO 2859-1:1999."""


def _lot_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of a table."),
        click.option("--count", "counting", type=click.Choice(["items", "nonconformities"]), default="items",
                     show_default=True, help="Count each item once, or everything wrong with it."),
        click.option("--inspection", type=click.Choice(["normal", "tightened", "reduced"]), default="normal",
                     show_default=True, help="Which of the standard's tables is in force."),
        click.option("--none-allowed-in", type=click.Choice(["sample", "lot"]), default="sample",
                     show_default=True, help="Look for a class of AQL 0 in the sample or in every item."),
        click.option("--sample-by", type=click.Choice(["class", "largest"]), default="class",
                     show_default=True, help="A sample for each class, or the largest one's letter for all."),
        click.option("--aql", "aqls", multiple=True, metavar="[CLASS=]AQL",
                     help="CLASS=AQL for critical, major or minor (0: none allowed, none: not judged); "
                     "an AQL alone plans one class, as major.  [default: critical=0, major=2.5, minor=4.0]"),
        click.option("--level", type=click.Choice(["S-1", "S-2", "S-3", "S-4", "I", "II", "III"],
                     case_sensitive=False), default="II", show_default=True, help="Inspection level."),
        click.option("--lot", "lot_size", type=int, required=True, help="Items in the lot."),
    ):  # fmt: skip
        command = option(command)
    return command


def _lot_plan(
    *,
    lot_size: int,
    level: str,
    aqls: tuple[str, ...],
    inspection: str,
    counting: str,
    sample_by: str,
    none_allowed_in: str,
) -> LotPlan:
    from inspection.domain import Severity
    from inspection.lots import Aql, Counting, Level, NoneAllowedIn, SampleBy, Scheme, Strictness, plan_lot

    if len(aqls) == 1 and "=" not in aqls[0]:
        aqls = ("critical=none", f"major={aqls[0]}", "minor=none")
    limits: dict[str, Aql | None] = {}
    for given in aqls:
        name, equals, limit = (part.strip() for part in given.partition("="))
        if not equals or name not in list(Severity) or name in limits:
            raise click.UsageError(
                f"--aql {given}: give one AQL alone, or CLASS=AQL once for each of {', '.join(Severity)}"
            )
        limits[name] = None if limit == "none" else Aql.parse(limit)
    scheme = Scheme(
        Level(level),
        **limits,
        counting=Counting(counting),
        sample_by=SampleBy(sample_by),
        none_allowed_in=NoneAllowedIn(none_allowed_in),
    )
    return plan_lot(lot_size, scheme, strictness=dict.fromkeys(Severity, Strictness(inspection)))


@lots.command("plan")
@_lot_options
def plan_of_lot(as_json: bool, **asked: Any) -> None:
    """Say how many items of a lot to inspect, and how many bad ones refuse it.

    \b
    Examples:
      welt lots plan --lot 1200
      welt lots plan --lot 1200 --level I --aql major=1.5 --aql minor=none
      welt lots plan --lot 80 --aql 2.5 --inspection tightened --json
    """
    plan = _lot_plan(**asked)
    classes = [
        {
            "class": str(of_class.severity),
            "aql": str(of_class.plan.aql),
            "inspection": str(of_class.plan.strictness),
            "letter": of_class.plan.letter,
            "arrow": str(of_class.plan.arrow),
            "sample_size": of_class.plan.sample_size,
            "inspect": of_class.plan.inspect,
            "every_item": of_class.plan.every_item,
            "accept": of_class.plan.accept,
            "reject": of_class.plan.reject,
        }
        for of_class in plan.classes
    ]
    if as_json:
        head = {"schema": "welt.lot-plan/1", "edition": plan.edition, "lot_size": plan.lot_size,
                "level": str(plan.level), "letter": plan.letter, "counting": asked["counting"],
                "inspect": plan.inspect}  # fmt: skip
        click.echo(json.dumps({**head, "classes": classes}, indent=2))
        return
    click.echo(f"lot of {plan.lot_size}, level {plan.level}, code letter {plan.letter}, {plan.edition}")
    click.echo(f"{'class':<10}{'AQL':<7}{'inspection':<14}{'letter':<8}{'inspect':<10}{'accept':<8}refuse")
    for of_class in plan.classes:
        single = of_class.plan
        table = "none allowed" if single.aql.none_allowed else str(single.strictness)
        inspect = f"all {single.inspect}" if single.every_item else str(single.inspect)
        click.echo(f"{of_class.severity:<10}{single.aql!s:<7}{table:<14}{single.letter:<8}{inspect:<10}"
                   f"{single.accept:<8}{single.reject}")  # fmt: skip
    if plan.inspect == plan.lot_size:
        click.echo("the sample reaches the lot: inspect every item")
    else:
        click.echo(f"draw {plan.inspect} items at random from the whole lot")
    click.echo("take out or repair each bad item that is found, even when the lot is accepted")


@lots.command("curve")
@_lot_options
@click.option("--class", "name", type=click.Choice(["critical", "major", "minor"]),
              help="Class to show.  [default: major, or the only one]")  # fmt: skip
@click.option("--isolated", is_flag=True, help="Judge this one lot by itself, not the process behind it.")
def curve_of_lot(as_json: bool, name: str | None, isolated: bool, **asked: Any) -> None:
    """Show how often lots of each quality would be accepted (the operating characteristic).

    \b
    Examples:
      welt lots curve --lot 1200
      welt lots curve --lot 80 --aql 2.5 --isolated
      welt lots curve --lot 500 --class critical --json
    """
    from inspection.domain import Severity
    from inspection.lots import Counting, Model, binomial_pa, curve, poisson_pa

    plan = _lot_plan(**asked)
    only = plan.classes[0].severity if len(plan.classes) == 1 else Severity.MAJOR
    single = plan.of(Severity(name) if name else only)
    by_items = single.counting is Counting.ITEMS
    if isolated and not by_items:
        raise click.UsageError("--isolated is about nonconforming items: leave --count nonconformities out")
    model = Model.HYPERGEOMETRIC if isolated else Model.BINOMIAL if by_items else Model.POISSON
    drawn = curve(model, single.inspect, single.accept, lot_size=plan.lot_size)
    at_aql = None
    if not isolated and not single.aql.none_allowed:
        accepts = binomial_pa if by_items else poisson_pa
        at_aql = accepts(single.inspect, single.accept, float(single.aql.value))
    if as_json:
        points, risks = (
            [
                {"quality": point.quality, "pa": point.pa, "nonconforming": point.nonconforming}
                for point in some
            ]
            for some in (drawn.points, drawn.risks)
        )
        content = {"schema": "welt.lot-curve/1", "edition": single.edition, "lot_size": plan.lot_size,
                   "class": str(name or only), "aql": str(single.aql), "letter": single.letter,
                   "inspect": single.inspect, "accept": single.accept, "model": str(drawn.model),
                   "unit": drawn.unit, "pa_at_aql": at_aql, "risks": risks, "points": points}  # fmt: skip
        click.echo(json.dumps(content, indent=2))
        return
    click.echo(f"{name or only}, AQL {single.aql}: {single.inspect} of {plan.lot_size} items, "
               f"accept {single.accept}; {drawn.model}, {single.edition}")  # fmt: skip
    click.echo(f"{drawn.unit:>30}  accepted")
    for point in drawn.points:
        count = "" if point.nonconforming is None else f"{point.nonconforming} items = "
        bar = "#" * round(40 * point.pa)
        click.echo(f"{f'{count}{point.quality:.4g}':>30}  {point.pa:>7.1%}  {bar}".rstrip())
    if at_aql is not None:
        click.echo(f"at the AQL of {single.aql}, {at_aql:.1%} of lots are accepted")
    for point in drawn.risks:
        count = "" if point.nonconforming is None else f" ({point.nonconforming} items)"
        click.echo(f"{point.pa:.1%} of lots are accepted at {point.quality:.4g} {drawn.unit}{count}")


welt.add_command(standards)
welt.add_command(teach)
welt.add_command(novelty)
welt.add_command(recipes)


def main() -> None:
    """Entry point of the command ``welt``."""
    welt(prog_name="welt")


if __name__ == "__main__":
    main()
