"""Gives each test of the store a database of each kind; says aloud when PostgreSQL could not be had."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from inspection.access import PasswordRules
from inspection.store import Store, open_store
from inspection.store.schema import metadata
from tests.store.postgres import Cluster, NoPostgresError, start_cluster
from tests.store.records import Clock

CHEAP = PasswordRules(time_cost=1, memory_kib=64, parallelism=1)
"""Password hashes that cost no time; the real cost has a test of its own."""

_why_no_postgres = pytest.StashKey[str]()


@dataclass(frozen=True)
class Database:
    """A database for one test."""

    kind: str
    url: str
    cluster: Cluster | None = None


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A throwaway PostgreSQL server, one for the whole run; ended with it."""
    try:
        running = start_cluster()
    except NoPostgresError as error:
        request.config.stash[_why_no_postgres] = str(error)
        pytest.skip(f"no PostgreSQL: {error}")
    yield running
    running.remove()


@pytest.fixture(scope="session")
def shared(cluster: Cluster) -> str:
    """A PostgreSQL database with today's schema, emptied for each test: making one takes a second."""
    name = cluster.create_database()
    open_store(cluster.url(name)).close()
    return name


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database without any table, of each kind in turn."""
    if request.param == "sqlite":
        yield Database("sqlite", f"sqlite:///{tmp_path / 'welt.db'}")
        return
    cluster: Cluster = request.getfixturevalue("cluster")
    name = cluster.create_database()
    yield Database("postgresql", cluster.url(name), cluster)
    cluster.drop_database(name)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database with today's schema, of each kind in turn."""
    if request.param == "sqlite":
        yield Database("sqlite", f"sqlite:///{tmp_path / 'welt.db'}")
        return
    cluster: Cluster = request.getfixturevalue("cluster")
    name: str = request.getfixturevalue("shared")
    tables = ", ".join(table.name for table in metadata.sorted_tables)
    # As a replica, so that the triggers of the append-only tables let us.
    cluster.run(f"set session_replication_role = replica; truncate {tables} restart identity", name)
    yield Database("postgresql", cluster.url(name), cluster)


@pytest.fixture
def clock() -> Clock:
    """A clock that stands until it is moved."""
    return Clock()


@pytest.fixture
def reopen(database: Database, clock: Clock) -> Iterator[Callable[[], Store]]:
    """Opens the same database again, as another replica would; closed at the end of the test."""
    opened: list[Store] = []

    def once_more() -> Store:
        opened.append(open_store(database.url, busy_timeout_s=20.0, passwords=CHEAP, clock=clock))
        return opened[-1]

    yield once_more
    for one in opened:
        one.close()


@pytest.fixture
def store(reopen: Callable[[], Store]) -> Store:
    """An open store with the clock of the test."""
    return reopen()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs the server by name, so that the fast part of the tests can leave it out."""
    for item in items:
        if isinstance(item, pytest.Function) and "cluster" in item.fixturenames:
            item.add_marker(pytest.mark.postgres)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Generator[None]:
    """Print, after everything else, that half of these tests did not run."""
    yield
    why = terminalreporter.config.stash.get(_why_no_postgres, None)
    if why is not None:
        terminalreporter.write_sep("!", "POSTGRESQL NOT TESTED", red=True, bold=True)
        terminalreporter.write_line(f"The tests of the store ran on SQLite only: {why}", red=True)
