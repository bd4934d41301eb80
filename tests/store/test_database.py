"""What a database may do to us: be locked, full, read-only, away, replaced, restarted; and how it goes on
after."""

from __future__ import annotations

import sqlite3
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from inspection.domain import Grade
from inspection.errors import ConfigurationError, StorageError
from inspection.store import Store, inspections, open_store
from tests.store.conftest import Database
from tests.store.disks import small_disk, without_rights
from tests.store.postgres import Cluster
from tests.store.records import make_record


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the SQLite database of the test is."""
    return tmp_path / "data" / "welt.db"


def open_file(file: Path) -> Store:
    return open_store(f"sqlite:///{file}", busy_timeout_s=0.2)


def refused(store: Store, what: str) -> StorageError:
    """Adding a result fails with this, and so does the check of readiness."""
    with pytest.raises(StorageError, match=what):
        store.check()
    with pytest.raises(StorageError, match=what) as caught:
        inspections.add(store, make_record())
    assert caught.value.hint
    assert caught.value.retry_after_s
    return caught.value


def test_sqlite_is_set_up_to_keep_what_was_committed(file: Path) -> None:
    store = open_file(file)
    for transaction in (store.read, store.write):
        with transaction() as connection:

            def pragma(name: str, on: sa.Connection = connection) -> object:
                return on.exec_driver_sql(f"PRAGMA {name}").scalar()

            assert pragma("journal_mode") == "wal"
            assert pragma("synchronous") == 2
            assert pragma("foreign_keys") == 1
            assert pragma("busy_timeout") == 200
    store.close()


def test_the_database_file_is_for_its_owner_only(file: Path) -> None:
    open_file(file).close()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_readers_go_on_while_a_writer_writes(store: Store, reopen: Callable[[], Store]) -> None:
    stored = inspections.add(store, make_record())
    with store.write() as connection:
        connection.execute(sa.text("update inspections set style = 'x'"))
        assert inspections.by_id(reopen(), stored.record.result_id) == stored


def test_what_fails_inside_a_write_is_undone(store: Store) -> None:
    stored = inspections.add(store, make_record())

    def write_and_fail() -> None:
        with store.write() as connection:
            connection.execute(sa.text("update inspections set style = 'x'"))
            raise KeyError("ours")

    with pytest.raises(KeyError):
        write_and_fail()
    assert inspections.by_id(store, stored.record.result_id) == stored


def test_a_locked_file_is_told_and_waited_for(file: Path) -> None:
    store = open_file(file)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert "locked" in refused(store, "locked").detail
    assert inspections.latest_sequence(store) == 0  # reading goes on
    other.execute("ROLLBACK")
    inspections.add(store, make_record())
    other.close()
    store.close()


def test_a_lock_of_another_program_on_postgresql_is_told(cluster: Cluster) -> None:
    name = cluster.create_database()
    store = open_store(cluster.url(name), busy_timeout_s=0.2)
    other = sa.create_engine(cluster.url(name))
    with other.connect() as connection:
        connection.execute(sa.text("lock table inspections in exclusive mode"))
        with pytest.raises(StorageError, match="locked"):
            inspections.add(store, make_record())
    inspections.add(store, make_record())
    other.dispose()
    store.close()
    cluster.drop_database(name)


def test_many_threads_write_side_by_side(store: Store) -> None:
    failed: list[Exception] = []

    def write() -> None:
        try:
            for _ in range(10):
                inspections.add(store, make_record())
        except StorageError as error:
            failed.append(error)

    threads = [threading.Thread(target=write) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert sum(len(page.items) for page in [inspections.page(store, limit=500)]) == 120


def test_a_database_that_may_not_grow_is_told_and_goes_on(file: Path) -> None:
    store = open_file(file)
    inspections.add(store, make_record())
    pages = 0

    def limit(connection: sqlite3.Connection, _record: object, _proxy: object) -> None:
        if pages:
            connection.execute(f"PRAGMA max_page_count = {pages}")

    event.listen(store.engine, "checkout", limit)
    pages = 1  # SQLite takes the size it has as the least
    big = "x" * 200_000
    with pytest.raises(StorageError, match="full"):
        inspections.add(store, make_record(document=big))
    pages = 10**6
    inspections.add(store, make_record(document=big))
    assert len(inspections.page(store).items) == 2
    store.close()


def test_a_full_disk_is_told_and_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", size_mb=8) as disk:
        store = open_file(disk.folder / "welt.db")
        kept = [inspections.add(store, make_record(document="x" * 5000)) for _ in range(5)]
        disk.fill()

        def add_until_refused() -> None:
            for _ in range(200):
                kept.append(inspections.add(store, make_record(document="x" * 5000)))

        with pytest.raises(StorageError) as caught:
            add_until_refused()
        assert "Free space" in caught.value.hint or "free space" in caught.value.hint
        assert inspections.latest_sequence(store) == kept[-1].sequence
        disk.empty()
        store.check()
        kept.append(inspections.add(store, make_record()))
        store.close()
        again = open_file(disk.folder / "welt.db")
        assert list(inspections.page(again, limit=500).items) == kept[::-1]
        with again.read() as connection:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
        again.close()


def test_a_disk_that_turned_read_only_is_told(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", size_mb=8) as disk:
        store = open_file(disk.folder / "welt.db")
        kept = inspections.add(store, make_record())
        store.engine.dispose()  # a file open for writing keeps a disk from turning read-only
        disk.make_read_only()
        refused(store, "read-only|cannot be opened|read or written")
        disk.make_writable()
        inspections.add(store, make_record())
        assert inspections.by_id(store, kept.record.result_id) == kept
        store.close()


def test_a_file_that_may_not_be_written_is_told(file: Path) -> None:
    store = open_file(file)
    kept = inspections.add(store, make_record())
    store.engine.dispose()
    file.chmod(0o444)
    with without_rights(file.parent):
        refused(store, "read-only|cannot be opened")
    file.chmod(0o600)
    inspections.add(store, make_record())
    assert inspections.by_id(store, kept.record.result_id) == kept
    store.close()


def test_a_folder_that_may_not_be_written_is_told_at_the_start(tmp_path: Path) -> None:
    with without_rights(tmp_path), pytest.raises(StorageError, match="cannot be opened") as caught:
        open_file(tmp_path / "data" / "welt.db")
    assert "WELT_DATA_DIR" in caught.value.hint


def test_a_database_that_went_away_is_not_replaced_by_an_empty_one(file: Path) -> None:
    store = open_file(file)
    kept = inspections.add(store, make_record())
    aside = file.parent.with_name("aside")
    file.parent.rename(aside)
    refused(store, "cannot be opened")
    assert not file.exists()
    aside.rename(file.parent)
    inspections.add(store, make_record())
    assert inspections.by_id(store, kept.record.result_id) == kept
    store.close()


def test_a_database_that_was_replaced_is_the_one_written_to(file: Path) -> None:
    store = open_file(file)
    inspections.add(store, make_record())
    with store.write() as connection:
        connection.exec_driver_sql("select 1")
    store.engine.dispose()
    backup = file.with_name("backup.db")
    source, target = sqlite3.connect(file), sqlite3.connect(backup)
    source.backup(target)
    source.close()
    target.close()
    lost = inspections.add(store, make_record())  # after the backup, with connections now open
    for leftover in file.parent.glob("welt.db-*"):
        leftover.unlink()
    backup.rename(file)
    kept = inspections.add(store, make_record())
    store.close()
    again = open_file(file)
    ids = {one.record.result_id for one in inspections.page(again).items}
    assert kept.record.result_id in ids
    assert lost.record.result_id not in ids
    again.close()


def test_a_damaged_file_is_told(file: Path) -> None:
    file.parent.mkdir()
    file.write_bytes(b"this is no database, whatever its name says" * 100)
    with pytest.raises(StorageError, match="is not a database") as caught:
        open_file(file)
    assert "backup" in caught.value.hint


def test_lost_tables_are_told(empty_database: Database) -> None:
    store = open_store(empty_database.url)
    with store.write() as connection:
        connection.exec_driver_sql("drop table documents")
    with pytest.raises(StorageError, match="lost its tables"):
        inspections.add(store, make_record())
    store.close()


def test_a_mistake_of_ours_is_not_taken_for_trouble_of_the_disk(store: Store) -> None:
    with pytest.raises(sa.exc.DBAPIError), store.read() as connection:
        connection.exec_driver_sql("select no_such_column from inspections")
    inspections.add(store, make_record())


def test_connections_that_the_server_ended_are_made_anew(cluster: Cluster) -> None:
    name = cluster.create_database()
    store = open_store(cluster.url(name))
    inspections.add(store, make_record())
    cluster.run(f"select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = '{name}'")
    inspections.add(store, make_record())
    store.close()
    cluster.drop_database(name)


def test_a_server_that_dies_in_a_write_is_told(cluster: Cluster) -> None:
    name = cluster.create_database()
    store = open_store(cluster.url(name))

    def write() -> None:
        with store.write() as connection:
            connection.execute(sa.text("insert into heartbeat values (1, now())"))
            cluster.run(
                f"select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = '{name}'"
            )
            connection.execute(sa.text("select 1"))

    with pytest.raises(StorageError):
        write()
    with store.read() as connection:
        assert connection.execute(sa.text("select count(*) from heartbeat")).scalar() == 0
    store.close()
    cluster.drop_database(name)


def test_a_server_that_is_away_is_told_and_goes_on_when_it_is_back(cluster: Cluster) -> None:
    name = cluster.create_database()
    store = open_store(cluster.url(name))
    kept = inspections.add(store, make_record())
    cluster.stop()
    try:
        assert "cannot be reached" in refused(store, "the database").detail
    finally:
        cluster.start()
    inspections.add(store, make_record())
    assert inspections.by_id(store, kept.record.result_id) == kept
    store.close()
    cluster.drop_database(name)


def test_a_server_that_loses_the_last_moments_is_told_not_to(cluster: Cluster) -> None:
    name = cluster.create_database()
    cluster.run(f"alter database {name} set synchronous_commit = off")
    store = open_store(cluster.url(name))
    with store.write() as connection:
        assert connection.execute(sa.text("show synchronous_commit")).scalar() == "on"
    store.close()
    cluster.drop_database(name)


def test_a_wrong_password_or_a_missing_database_is_told(cluster: Cluster) -> None:
    with pytest.raises(StorageError, match="does not exist"):
        open_store(cluster.url("nowhere"))
    wrong = sa.engine.make_url(cluster.url()).set(password="wrong").render_as_string(hide_password=False)
    with pytest.raises(StorageError, match="refuses the login") as caught:
        open_store(wrong)
    assert "wrong" not in str(caught.value.hint)


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("not a url", "cannot be read"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("mysql://x/y", "mysql"),
        ("postgresql+psycopg://x/y", "psycopg"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused(url: str, what: str) -> None:
    with pytest.raises(ConfigurationError, match=what) as caught:
        open_store(url)
    assert caught.value.hint


def test_a_busy_writer_of_our_own_is_told(file: Path) -> None:
    store = open_file(file)
    began, end = threading.Event(), threading.Event()

    def hold() -> None:
        with store.write():
            began.set()
            end.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    began.wait(10)
    with pytest.raises(StorageError, match="busy"):
        inspections.add(store, make_record())
    end.set()
    holder.join()
    inspections.add(store, make_record(grade=Grade.B))
    store.close()


def test_background_work_that_fails_is_left_undone(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = open_file(file)

    def fail() -> None:
        raise StorageError("the disk is away", hint="Bring it back.")

    store.soon(fail)
    done = threading.Event()
    store.soon(done.set)
    assert done.wait(10)
    store.close()
    assert "left undone" in caplog.text


@pytest.mark.parametrize("name", ["a b", "a%20b", "a?b", "a#b", "鞋", "a;b&c=d"])
def test_the_database_may_lie_in_a_folder_of_any_name(tmp_path: Path, name: str) -> None:
    store = open_file(tmp_path / name / "welt.db")
    inspections.add(store, make_record())
    store.close()
    assert (tmp_path / name / "welt.db").is_file()
    assert [path.name for path in tmp_path.iterdir()] == [name]
