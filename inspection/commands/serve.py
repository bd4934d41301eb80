"""``welt serve``: the service and its pages."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from inspection.commands.shared import FOLDER, settings_of
from inspection.errors import ConfigurationError

if TYPE_CHECKING:
    from inspection.settings import Settings

__all__ = ["listening", "run_service", "serve"]


@click.command()
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
