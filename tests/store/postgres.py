"""A throwaway PostgreSQL server for tests: found or installed, started on a free port, removed at the end.

``python -m tests.store.postgres`` starts one by hand and prints its URL; Ctrl-C ends it.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pg8000.native
from pg8000.exceptions import DatabaseError, InterfaceError

_START_S = 60.0
_STOP_S = 30.0
_INSTALL_S = 600.0
_DEFAULT_PORT = 5432
_NO_CLUSTER = Path("/etc/postgresql-common/createcluster.conf")


class NoPostgresError(Exception):
    """A PostgreSQL server cannot be had on this machine; the message says why."""


class Cluster:
    """A running server with its own folder, port and password."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self._owner = _owner()
        self._folder = Path(tempfile.mkdtemp(prefix="welt-postgres-", dir="/tmp"))
        self._password = secrets.token_hex(16)
        self._server: subprocess.Popen[bytes] | None = None
        self.port = 0
        try:
            self._create()
            self.start()
        except BaseException:
            self.remove()
            raise

    def url(self, database: str = "postgres") -> str:
        """SQLAlchemy URL of a database of this server."""
        return f"postgresql+pg8000://welt:{self._password}@127.0.0.1:{self.port}/{database}"

    def run(self, sql: str, database: str = "postgres") -> list[list[object]]:
        """Run SQL, of several statements if need be, outside any transaction."""
        connection = pg8000.native.Connection(
            "welt", host="127.0.0.1", port=self.port, password=self._password, database=database, timeout=30
        )
        try:
            rows: list[list[object]] = connection.run(sql) or []
            return rows
        finally:
            connection.close()

    def create_database(self) -> str:
        """Make a database and give its name."""
        name = f"test_{secrets.token_hex(6)}"
        self.run(f"create database {name}")
        return name

    def drop_database(self, name: str) -> None:
        """Remove a database, ending whoever still uses it."""
        self.run(f"drop database {name} with (force)")

    def dump(self, name: str) -> str:
        """All of a database as SQL that `run` takes."""
        dumped = subprocess.run(
            [
                *(str(self._programs / "pg_dump"), "--inserts", "--no-owner", "--no-privileges"),
                *("-h", "127.0.0.1", "-p", str(self.port), "-U", "welt", name),
            ],
            env={**os.environ, "PGPASSWORD": self._password},
            capture_output=True,
            text=True,
            check=True,
        )
        # Lines of newer dumps that are for psql alone.
        return "".join(line for line in dumped.stdout.splitlines(keepends=True) if not line.startswith("\\"))

    def start(self) -> None:
        """Start the server, on the port it had or else on a free one."""
        if self.port == 0:
            self.port = _free_port()
        with (self._folder / "log").open("ab") as log:
            self._server = subprocess.Popen(
                [
                    str(self._programs / "postgres"),
                    *("-D", str(self._folder / "data"), "-p", str(self.port)),
                    *("-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="),
                    # The folder is thrown away: these tests kill processes, not the machine.
                    *("-c", "fsync=off", "-c", "max_connections=150", "-c", "autovacuum=off"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                user=self._owner,
                start_new_session=True,
            )
        deadline = time.monotonic() + _START_S
        while True:
            try:
                self.run("select 1")
                return
            except (InterfaceError, DatabaseError) as error:
                if self._server.poll() is not None or time.monotonic() > deadline:
                    log_text = (self._folder / "log").read_text(errors="replace")
                    raise NoPostgresError(f"the server does not start: {error}; {log_text[-500:]}") from error
                time.sleep(0.1)

    def stop(self) -> None:
        """End the server, and with it all its connections; its data stay."""
        if self._server is None:
            return
        if self._server.poll() is None:
            self._server.send_signal(signal.SIGINT)  # "fast": does not wait for clients
            try:
                self._server.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                self._server.send_signal(signal.SIGQUIT)
                self._server.wait(_STOP_S)
        self._server = None

    def remove(self) -> None:
        """End the server and remove its folder."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _create(self) -> None:
        if self._owner is not None:
            shutil.chown(self._folder, self._owner)
        password_file = self._folder / "password"
        password_file.write_text(self._password)
        password_file.chmod(0o600)
        if self._owner is not None:
            shutil.chown(password_file, self._owner)
        made = subprocess.run(
            [
                str(self._programs / "initdb"),
                *("-D", str(self._folder / "data"), "-U", "welt", "--pwfile", str(password_file)),
                *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"),
            ],
            cwd=self._folder,
            user=self._owner,
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode != 0:
            raise NoPostgresError(f"initdb failed: {made.stderr.strip()[-500:]}")


def start_cluster() -> Cluster:
    """Find or install the server programs and start a cluster; NoPostgresError says why it cannot be."""
    # Tests may run in several processes: the first installs, the others wait and then find.
    with (Path(tempfile.gettempdir()) / "welt-postgres.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        programs = _find() or _install()
    return Cluster(programs)


def _find() -> Path | None:
    """The newest folder that holds the server programs."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)
    on_path = shutil.which("initdb")
    if on_path is not None:
        folders.append(Path(on_path).resolve().parent)
    for folder in folders:
        if all(os.access(folder / program, os.X_OK) for program in ("initdb", "postgres")):
            return folder
    return None


def _version(folder: Path) -> int:
    return int(folder.parent.name) if folder.parent.name.isdigit() else 0


def _install() -> Path:
    """Install the server from the distribution, without letting it start a cluster of its own."""
    if shutil.which("apt-get") is None:
        raise NoPostgresError("no PostgreSQL server is installed, and there is no apt-get to install it with")
    if os.geteuid() != 0:
        raise NoPostgresError(
            "no PostgreSQL server is installed, and only root can: sudo apt-get install postgresql"
        )
    if not _NO_CLUSTER.exists():
        _NO_CLUSTER.parent.mkdir(parents=True, exist_ok=True)
        _NO_CLUSTER.write_text("create_main_cluster = false\n")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "update", "-q"],
        [
            *("apt-get", "install", "-q", "-y", "--no-install-recommends"),
            *("-o", "Dpkg::Options::=--force-confold", "postgresql"),
        ],
    ):
        try:
            ran = subprocess.run(
                command, env=quiet, capture_output=True, text=True, timeout=_INSTALL_S, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise NoPostgresError(f"{' '.join(command)} took over {_INSTALL_S:g} s") from error
        if ran.returncode != 0 and command[1] == "install":
            raise NoPostgresError(f"{' '.join(command)} failed: {ran.stderr.strip()[-500:]}")
    programs = _find()
    if programs is None:
        raise NoPostgresError("apt-get installed postgresql, but its server programs are not to be found")
    return programs


def _owner() -> str | None:
    """Whom the server runs as: itself refuses to run as root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    for name in ("postgres", "nobody"):
        if name in names:
            return name
    raise NoPostgresError("the server refuses to run as root, and there is no user postgres or nobody")


def _free_port() -> int:
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port != _DEFAULT_PORT:
            return port


if __name__ == "__main__":
    import sys

    cluster = start_cluster()
    sys.stdout.write(cluster.url() + "\n")
    sys.stdout.flush()
    try:
        signal.pause()
    except KeyboardInterrupt:
        pass
    finally:
        cluster.remove()
