"""Opens the database, hands out its transactions, says what is wrong with it."""

from __future__ import annotations

import importlib.util
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from enum import IntEnum
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, DisconnectionError, IntegrityError
from sqlalchemy.exc import TimeoutError as NoConnectionInTimeError
from sqlalchemy.pool import ConnectionPoolEntry, NullPool, PoolProxiedConnection, QueuePool

from inspection.access import PasswordRules
from inspection.errors import ConfigurationError, MetadataError, StorageError
from inspection.store import schema

__all__ = ["Lock", "Store", "check_names", "check_text", "open_store"]

MAX_NAME_LENGTH = 200
"""Characters of a part id, a lot, a style, an idempotency key and the like."""

_SQLITE_FILE = "sqlite:///"
_POOL_SIZE = 8  # connections kept open
_POOL_OVERFLOW = 32  # more for a burst: a web server answers in up to 40 threads
_POOL_WAIT_S = 10.0
_STATEMENT_TIMEOUT_MS = 10_000  # PostgreSQL gives up a statement after this; questions take milliseconds
_SOCKET_TIMEOUT_S = 15.0  # over the statement timeout: reached only when the server is gone without a word
_RETRY_AFTER_S = 5
_CACHE_KIB = 2 * 1024  # page cache of one SQLite connection: all fill within minutes, then memory stays
_WAL_SWITCH_S = 2.0  # others hold a new database for milliseconds
_WAL_LIMIT_BYTES = 64 * 2**20  # the write-ahead log shrinks back to this after a burst

_log = logging.getLogger(__name__)


class Lock(IntEnum):
    """What a write keeps others from doing meanwhile. SQLite has one writer anyway; PostgreSQL takes advisory
    locks.

    FEED : results become visible in the order of their sequence, so that a reader of "all above n" misses
        none.
    REVIEWS : the same for reviews.
    PEOPLE : the last administrator is counted by one writer at a time.
    MIGRATION : one replica at a time brings the schema up to date.
    STANDARDS : of two who put a standard into force at once, one sees the other.
    RECIPES : versions of a recipe are numbered without gaps, and what is in force changes in one order.
    """

    FEED = 1
    PEOPLE = 2
    MIGRATION = 3
    REVIEWS = 4
    RECIPES = 5
    STANDARDS = 7


_LOCK_SPACE = (
    0x57454C54  # "WELT": keeps our advisory locks apart from those of other programs in the same database
)


class Store:
    """An open database; safe to use from many threads. Made by `open_store`."""

    def __init__(
        self,
        engine: Engine,
        *,
        busy_timeout_s: float,
        passwords: PasswordRules,
        clock: Callable[[], datetime],
    ) -> None:
        self._engine = engine
        self._busy_timeout_s = busy_timeout_s
        self._sqlite = engine.dialect.name == "sqlite"
        # SQLite lets writers poll for its lock; queueing our own threads here is fair and wakes them at once.
        self._writer = threading.Lock()
        self._background = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        self.passwords = passwords
        self.now = clock
        self.touched: dict[str, datetime] = {}
        """When this process last noted the use of each API key; see `stations.check_key`."""

    @property
    def engine(self) -> Engine:
        """The engine, for tests and tools; the service asks through functions."""
        return self._engine

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent look at the database."""
        with self._connection(self._engine) as connection:
            yield connection

    @contextmanager
    def write(self, lock: Lock | None = None) -> Iterator[Connection]:
        """All or nothing; on the disk when the block has ended."""
        with (
            self._one_writer(),
            self._connection(self._engine.execution_options(welt_writes=True)) as connection,
        ):
            if lock is not None and not self._sqlite:
                _take(connection, lock)
            yield connection

    def check(self) -> None:
        """Prove that the database takes a write now; StorageError otherwise."""
        with self.write() as connection:
            beat = sa.update(schema.heartbeat).values(beat_at=self.now())
            if connection.execute(beat).rowcount == 0:
                connection.execute(sa.insert(schema.heartbeat).values(id=1, beat_at=self.now()))

    def soon(self, task: Callable[[], None]) -> None:
        """Do something in the background that nobody waits for and that may be lost."""

        def run() -> None:
            try:
                task()
            except StorageError as error:
                _log.warning("left undone", extra={"detail": error.detail})

        self._background.submit(run)

    def close(self) -> None:
        """End the background work and close all connections."""
        self._background.shutdown(wait=True)
        self._engine.dispose()

    @contextmanager
    def _one_writer(self) -> Iterator[None]:
        if not self._sqlite:
            with nullcontext():
                yield
            return
        if not self._writer.acquire(timeout=self._busy_timeout_s):
            raise StorageError(
                f"other writes kept the database busy for {self._busy_timeout_s:g} s",
                hint="The disk may be slow or failing; Welt goes on by itself once it answers.",
                retry_after_s=_RETRY_AFTER_S,
            )
        try:
            yield
        finally:
            self._writer.release()

    @contextmanager
    def _connection(self, engine: Engine) -> Iterator[Connection]:
        try:
            with engine.connect() as connection:
                try:
                    with connection.begin():
                        yield connection
                except DBAPIError as error:
                    if not isinstance(error, IntegrityError):
                        connection.invalidate()  # a broken connection is not kept for the next caller
                    raise
        except (DBAPIError, NoConnectionInTimeError) as error:
            explained = _explain(error)
            if explained is None:
                raise
            raise explained from error


def open_store(
    url: str,
    *,
    busy_timeout_s: float = 5.0,
    passwords: PasswordRules | None = None,
    clock: Callable[[], datetime] | None = None,
) -> Store:
    """Open the database, make it where it does not exist, bring its schema up to date.

    Parameters
    ----------
    url : ``sqlite:///path`` or ``postgresql+pg8000://user:password@host/name``.
    busy_timeout_s : how long a write waits for other writers before it is a `StorageError`.
    passwords : cost of password hashes; for tests.
    clock : gives the aware time now; for tests.

    Raises
    ------
    ConfigurationError : the URL cannot be used, or the database belongs to a newer Welt.
    StorageError : the database cannot be reached or written.
    """
    parsed = _parse(url)
    if parsed.get_backend_name() == "sqlite":
        path = Path(str(parsed.database))
        _create_file(path)
        _migrate(_sqlite_engine(path, busy_timeout_s, for_migration=True))
        engine = _sqlite_engine(path, busy_timeout_s, for_migration=False)
    else:
        _migrate(sa.create_engine(parsed, poolclass=NullPool, connect_args={"timeout": None}))
        engine = _postgresql_engine(parsed, busy_timeout_s)
    return Store(
        engine,
        busy_timeout_s=busy_timeout_s,
        passwords=passwords or PasswordRules(),
        clock=clock or (lambda: datetime.now(UTC)),
    )


def check_text(**texts: str | None) -> None:
    """Raise MetadataError for text that no database can hold: NUL, or half of a surrogate pair."""
    for name, text in texts.items():
        if text is None:
            continue
        try:
            storable = b"\0" not in text.encode()
        except UnicodeEncodeError:
            storable = False
        if not storable:
            raise MetadataError(
                f"{name} {text!r} holds a character that cannot be stored",
                hint="Send plain Unicode text without NUL characters.",
            )


def _parse(url: str) -> URL:
    if url.startswith(_SQLITE_FILE):
        # A path as it is: folders may have %, ? and # in their names.
        return _refuse_memory(URL.create("sqlite", database=url.removeprefix(_SQLITE_FILE)))
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise ConfigurationError(
            "the database URL cannot be read",  # not shown: it may hold a password
            hint="Use sqlite:///path/to/welt.db or postgresql+pg8000://user:password@host/name.",
        ) from error
    if parsed.drivername in ("postgres", "postgresql"):
        parsed = parsed.set(drivername="postgresql+pg8000")
    if parsed.drivername == "postgresql+pg8000":
        if importlib.util.find_spec("pg8000") is None:
            raise ConfigurationError(
                "the PostgreSQL driver is not installed", hint="Install it with: pip install 'welt[postgres]'"
            )
        return parsed
    if parsed.drivername not in ("sqlite", "sqlite+pysqlite"):
        raise ConfigurationError(
            f"the database {parsed.drivername!r} is not supported",
            hint="Use sqlite:///path/to/welt.db or postgresql+pg8000://user:password@host/name.",
        )
    return _refuse_memory(parsed)


def _refuse_memory(parsed: URL) -> URL:
    if parsed.database in (None, "", ":memory:") or str(parsed.database).startswith("file:"):
        raise ConfigurationError(
            f"{str(parsed)!r} names no file, so results would not outlive the process",
            hint="Name a file: sqlite:///path/to/welt.db",
        )
    return parsed


def check_names(**names: str | None) -> None:
    """Raise MetadataError as `check_text` does, and for more than an index takes (in PostgreSQL 2.7 kB in
    all).
    """
    check_text(**names)
    for what, name in names.items():
        if name is not None and len(name) > MAX_NAME_LENGTH:
            raise MetadataError(
                f"{what} has {len(name)} characters", hint=f"Use at most {MAX_NAME_LENGTH} characters."
            )


# SQLite


def _create_file(path: Path) -> None:
    """Make an empty database that only its owner can read: it will hold password hashes."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise StorageError(
            f"the database file {path} cannot be opened: {error.strerror}",
            hint="Give the service a folder that it may write, or set WELT_DATA_DIR or WELT_DATABASE_URL.",
        ) from error


def _sqlite_engine(path: Path, busy_timeout_s: float, *, for_migration: bool) -> Engine:
    # mode=rw, not rwc: when the disk with the file is away, a new empty database must not take its place.
    uri = f"file:{quote(str(path.absolute()))}?mode=rw"

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(
            uri, uri=True, timeout=busy_timeout_s, isolation_level=None, check_same_thread=False
        )

    engine = sa.create_engine(
        "sqlite://",
        creator=connect,
        **(
            {"poolclass": NullPool}
            if for_migration
            else {
                "poolclass": QueuePool,
                "pool_size": _POOL_SIZE,
                "max_overflow": _POOL_OVERFLOW,
                "pool_timeout": _POOL_WAIT_S,
            }
        ),
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, entry: ConnectionPoolEntry) -> None:
        # WAL: readers never wait for the writer. FULL: a commit is on the disk, not only with the operating
        # system.
        _enter_wal(connection)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT_BYTES}")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        # Rebuilding a table in a migration would trip over references; they are checked as a whole at its
        # end.
        connection.execute(f"PRAGMA foreign_keys = {'OFF' if for_migration else 'ON'}")
        entry.info["file"] = _identity(path)

    @event.listens_for(engine, "checkout")
    def still_the_same_file(
        connection: sqlite3.Connection, entry: ConnectionPoolEntry, proxy: PoolProxiedConnection
    ) -> None:
        # An open connection would go on writing into a file that was deleted or replaced under it.
        if entry.info["file"] != _identity(path):
            raise DisconnectionError(f"{path} is not the file that was opened")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # IMMEDIATE: a writer takes its lock before it reads, so it never has to give up half way.
        writes = connection.get_execution_options().get("welt_writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _enter_wal(connection: sqlite3.Connection) -> None:
    """Switch to write-ahead logging, which is done once in a database's life.

    SQLite's busy timeout does not hold for this switch: replicas that open a new database at the same moment
    would be refused at once, so it is tried again for a short while.
    """
    give_up_s = time.monotonic() + _WAL_SWITCH_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > give_up_s:
                raise
            time.sleep(0.01)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


# PostgreSQL


def _postgresql_engine(url: URL, busy_timeout_s: float) -> Engine:
    engine = sa.create_engine(
        url,
        poolclass=QueuePool,
        pool_size=_POOL_SIZE,
        max_overflow=_POOL_OVERFLOW,
        pool_timeout=_POOL_WAIT_S,
        pool_pre_ping=True,
        connect_args={"timeout": _SOCKET_TIMEOUT_S},
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: sa.engine.interfaces.DBAPIConnection, entry: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        cursor.execute(f"SET statement_timeout = {_STATEMENT_TIMEOUT_MS}")
        cursor.execute(f"SET lock_timeout = {int(busy_timeout_s * 1000)}")
        cursor.execute("SET TIME ZONE 'UTC'")
        cursor.execute("SHOW synchronous_commit")
        row = cursor.fetchone()
        if row is not None and row[0] == "off":  # a server set to lose the last moments must not lose ours
            cursor.execute("SET synchronous_commit = on")
        cursor.close()
        connection.commit()

    return engine


def _take(connection: Connection, lock: Lock) -> None:
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK_SPACE, int(lock))))


# Migrations


def migration_config() -> Config:
    """Where Alembic finds the migrations that ship inside this package."""
    config = Config()
    folder = str(Path(__file__).parent / "migrations")
    config.set_main_option("script_location", folder.replace("%", "%%"))
    return config


def _migrate(engine: Engine) -> None:
    """Bring the schema up to date in one transaction, one process at a time."""
    config = migration_config()
    script = ScriptDirectory.from_config(config)
    try:
        with engine.connect() as connection, connection.begin():
            up_to_date = _heads(connection, script) == set(script.get_heads())
        if up_to_date:
            return  # the common start: no lock, so that it does not wait for those who write
        with engine.execution_options(welt_writes=True).connect() as connection, connection.begin():
            sqlite = engine.dialect.name == "sqlite"
            if not sqlite:
                _take(connection, Lock.MIGRATION)
            _heads(connection, script)
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            if sqlite and connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
                raise ConfigurationError(
                    "the upgraded database has rows that refer to nothing",
                    hint="Nothing was changed. Restore a backup, or report this and the version you had.",
                )
    except DBAPIError as error:
        explained = _explain(error) or ConfigurationError(
            f"the schema of the database cannot be brought up to date: {error.orig}",
            hint="Nothing was changed. Give Welt a database of its own, or report this.",
        )
        raise explained from error
    finally:
        engine.dispose()


def _heads(connection: Connection, script: ScriptDirectory) -> set[str]:
    """The schema that the database has; ConfigurationError for one that is newer than we are."""
    heads = set(MigrationContext.configure(connection).get_current_heads())
    for head in heads:
        try:
            script.get_revision(head)
        except CommandError as error:
            raise ConfigurationError(
                f"the database has schema {head}, which this version of Welt does not know",
                hint="A newer Welt opened it: install that version again, or restore an older backup.",
            ) from error
    return heads


# What went wrong

_SQLITE_CAUSES = {
    "BUSY": ("is locked by another program", "Close the program that has the database open for writing."),
    "LOCKED": ("is locked by another program", "Close the program that has the database open for writing."),
    "FULL": ("cannot grow: the disk is full", "Free space on the disk of the database."),
    "READONLY": ("is read-only", "Make the database file and its folder writable for the service."),
    "PERM": ("may not be opened", "Make the database file and its folder writable for the service."),
    "CANTOPEN": ("cannot be opened", "Bring back the disk or the folder that holds the database file."),
    "IOERR": ("cannot be read or written: the disk reports an error", "Check the disk and its free space."),
    "CORRUPT": ("is damaged", "Stop the service and restore the database from a backup."),
    "NOTADB": ("is not a database", "Stop the service and restore the database from a backup."),
}

# By SQLSTATE, whole or class; https://www.postgresql.org/docs/current/errcodes-appendix.html
_POSTGRESQL_CAUSES = {
    "53100": ("cannot grow: the disk is full", "Free space on the disk of the PostgreSQL server."),
    "53": ("has no resources left", "Give the PostgreSQL server more memory, disk or connections."),
    "55P03": ("is locked by another program", "End the long transaction that holds the lock."),
    "57": (
        "stopped the question",
        "The PostgreSQL server is starting, stopping or overloaded; look at its log.",
    ),
    "58": ("reports a system error", "Look at the log of the PostgreSQL server."),
    "08": ("cannot be reached", "Check the network and that the PostgreSQL server runs."),
    "25006": ("is read-only", "Point WELT_DATABASE_URL at the primary server."),
    "28": ("refuses the login", "Check user and password in WELT_DATABASE_URL."),
    "3D000": ("does not exist", "Create the database named in WELT_DATABASE_URL."),
    "40": ("gave up between two writers", "Send the request again."),
    "42501": ("refuses access", "Grant the user of WELT_DATABASE_URL the right to use the schema."),
    "42P01": ("has lost its tables", "Restart the service to create them, or restore a backup."),
    "XX": ("is damaged", "Look at the log of the PostgreSQL server and restore a backup."),
}


def _explain(error: DBAPIError | NoConnectionInTimeError) -> StorageError | None:
    """What the state of the database has to do with an error; None when it is a mistake of ours."""
    if isinstance(error, NoConnectionInTimeError):
        return _storage_error(
            "is too busy", "Fewer requests at a time; Welt goes on by itself.", "no connection free"
        )
    name = getattr(error.orig, "sqlite_errorname", None)
    if isinstance(name, str):
        cause = _SQLITE_CAUSES.get(name.split("_")[1])
        if cause is None and "no such table" in str(error.orig):
            cause = ("has lost its tables", "Restart the service to create them, or restore a backup.")
        return None if cause is None else _storage_error(*cause, str(error.orig))
    first = error.orig.args[0] if error.orig is not None and error.orig.args else None
    if isinstance(first, dict):
        state = str(first.get("C", ""))
        cause = _POSTGRESQL_CAUSES.get(state) or _POSTGRESQL_CAUSES.get(state[:2])
        return None if cause is None else _storage_error(*cause, str(first.get("M", state)))
    if error.connection_invalidated or "InterfaceError" in type(error.orig).__name__:
        return _storage_error(*_POSTGRESQL_CAUSES["08"], str(first))
    return None


def _storage_error(what: str, hint: str, said: str) -> StorageError:
    return StorageError(f"the database {what} ({said})", hint=hint, retry_after_s=_RETRY_AFTER_S)
