"""``make demo``: the real service on this machine, with a virtual camera that sends the sample photos.

One process, so nothing is left behind whatever ends it. Results, people and photos stay in the demo's folder
for the next run; password and key are new each time and work in this folder only.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
import httpx2 as httpx

from inspection import access, camera
from inspection.access import Role
from inspection.camera import Camera, Mode, Notice, State
from inspection.commands.serve import listening, run_service
from inspection.errors import ConfigurationError, ConflictError, StorageError, WeltError
from inspection.logs import start_logging
from inspection.settings import Settings
from inspection.store import Store, open_store, people, stations

__all__ = ["main"]

PERSON = "demo"
STATION = "demo"
BY = "system"
READY_LIMIT_S = 60.0
LOOK_EVERY_S = 0.2


@dataclass(frozen=True)
class _Access:
    """What this run lets in."""

    password: str
    key: str


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True)
@click.option(
    "--folder", type=click.Path(file_okay=False, path_type=Path), default=Path(".demo"), show_default=True
)
@click.option("--photos", type=click.Path(file_okay=False, path_type=Path), default=Path("datasets/sample"),
              show_default=True)  # fmt: skip
@click.option("--models-dir", type=click.Path(file_okay=False, path_type=Path), default=Path("models"),
              show_default=True)  # fmt: skip
@click.option(
    "--interval", "interval_s", type=float, default=0.5, show_default=True, help="Seconds between photos."
)
def main(port: int, folder: Path, photos: Path, models_dir: Path, interval_s: float) -> None:
    """Run the service with sample photos until Ctrl-C."""
    try:
        _run(port, folder, photos, models_dir, interval_s)
    except WeltError as error:
        click.echo(f"\nwelt: {error.detail.rstrip('.')}.\n  {error.hint}", err=True)
        raise SystemExit(1) from error


def _run(port: int, folder: Path, photos: Path, models_dir: Path, interval_s: float) -> None:
    sample = [shot.path for shot in camera.photos_of(photos)]
    if not sample:
        raise ConfigurationError(
            f"{photos} holds no photos", hint="Clone the repository again, or name a folder with --photos."
        )
    # Only what is given here counts: the demo must not open the database of a real service.
    for name in [name for name in os.environ if name.startswith("WELT_")]:
        del os.environ[name]
    settings = Settings(port=port, data_dir=folder, models_dir=models_dir)
    url = f"http://{settings.host}:{port}"
    with _only_one(folder, url), listening(settings.host, port, other="make demo PORT=8001") as listener:
        start_logging(settings.log_level, file=folder / "service.log")
        with closing(open_store(settings.database)) as store:
            let_in = _prepare(store)
        stop = threading.Event()
        line = threading.Thread(
            target=_line, args=(url, let_in, photos, sample, folder, interval_s, stop), daemon=True
        )
        line.start()
        try:
            run_service(settings, listener)
        finally:
            stop.set()
            line.join(timeout=5.0)
            click.echo(f"\nStopped. Results stay in {folder}/; make demo goes on with them.")


@contextmanager
def _only_one(folder: Path, url: str) -> Iterator[None]:
    """Hold the folder; a second demo on it is told where the first one is."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "running").open("a+", encoding="utf-8")
    except OSError as error:
        raise StorageError(
            f"the folder {folder} cannot be written: {error.strerror}",
            hint="Run the demo as a user who may write into this checkout.",
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            raise ConfigurationError(
                f"the demo is running already: {lock.read().strip() or folder}",
                hint="Use that one, or stop it with Ctrl-C in its terminal.",
            ) from error
        lock.truncate(0)
        lock.write(f"{url} (process {os.getpid()})")
        lock.flush()
        yield
        lock.truncate(0)


def _prepare(store: Store) -> _Access:
    """Make the person, the station and the key of this run; those of earlier runs no longer work."""
    password = access.new_password()
    try:
        people.add(store, PERSON, password, Role.ADMIN, by=BY)
    except ConflictError:
        people.enable(store, PERSON, by=BY)
        people.set_role(store, PERSON, Role.ADMIN, by=BY)
        people.set_password(store, PERSON, password, by=BY)
    try:
        stations.add(store, STATION, by=BY, description="virtual camera of the demo")
    except ConflictError:
        stations.enable(store, STATION, by=BY)
    for key in stations.keys(store, STATION):
        if key.revoked_at is None:
            stations.revoke_key(store, key.key_id, by=BY)
    return _Access(password, stations.create_key(store, STATION, by=BY, note="demo").text)


def _line(
    url: str,
    let_in: _Access,
    photos: Path,
    sample: list[Path],
    folder: Path,
    interval_s: float,
    stop: threading.Event,
) -> None:
    """What happens beside the service: wait until it is ready, say where it is, send every photo once."""
    not_ready = _wait_until_ready(url, stop)
    if stop.is_set():
        return
    if not_ready:
        click.echo(
            f"\nThe service is not ready: {not_ready}\nIts log is {folder}/service.log; Ctrl-C stops it.",
            err=True,
        )
        return
    click.echo(
        f"""
Welt is running.

  Results   {url}/
  Log in    name {PERSON}, password {let_in.password}

Open that address: a virtual camera sends {len(sample)} photos of {photos} now, and the page fills by itself.
Open a result to see where and why; agree with the verdict or override it.

Post a photo, as a camera would:

  curl -H "Authorization: Bearer {let_in.key}" \\
       -F image=@{sample[0]} -F 'meta={{"mm_per_px": 0.15}}' {url}/api/v1/inspections

docs/quickstart.md goes on from here. Ctrl-C stops the demo.
"""
    )
    done: set[str] = set()

    def tell(notice: Notice) -> None:
        if notice.state is State.SENT:
            done.add(notice.name)
            click.echo(f"  {len(done):>3}/{len(sample)}  {notice.name}  {notice.text.split()[-1]}")
        elif not stop.is_set():
            click.echo(f"  {notice.state}  {notice.name}  {notice.text}", err=True)

    try:
        summary = camera.run(
            Camera(photos, url, let_in.key, interval_s=interval_s, settle_s=0.0),
            mode=Mode.REPLAY,
            stop=stop,
            tell=tell,
        )
    except WeltError as error:
        click.echo(f"\nThe virtual camera stopped: {error.detail}. {error.hint}", err=True)
        return
    if not stop.is_set():
        click.echo(f"\nEvery photo was sent ({summary.sent}). The service goes on until Ctrl-C.")


def _wait_until_ready(url: str, stop: threading.Event) -> str:
    """Empty once the service inspects photos; else why it does not after a minute."""
    said = "it gives no answer"
    with httpx.Client(trust_env=False, timeout=5.0) as client:
        for _ in range(int(READY_LIMIT_S / LOOK_EVERY_S)):
            try:
                response = client.get(f"{url}/readyz")
            except httpx.TransportError:
                pass
            else:
                if response.status_code == 200:
                    return ""
                said = response.text
            if stop.wait(LOOK_EVERY_S):
                break
    return said


if __name__ == "__main__":
    main()
