"""A database of any released version becomes one of today, with all that it held."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import make_url

from inspection.access import Role
from inspection.domain import Grade
from inspection.errors import ConfigurationError
from inspection.store import (
    Store,
    audit,
    inspections,
    open_store,
    people,
    recipes,
    reviews,
    standards,
    stations,
)
from inspection.store.database import migration_config
from inspection.store.inspections import Filters
from inspection.store.schema import metadata
from tests.store.conftest import Database
from tests.store.records import START, make_record

RELEASED = Path(__file__).parent / "released"
"""What each released version wrote: ``<revision>.<kind>.sql``, made by ``write_released.py``."""


def revisions() -> list[str]:
    return [step.revision for step in ScriptDirectory.from_config(migration_config()).walk_revisions()]


def load(database: Database, revision: str) -> None:
    sql = (RELEASED / f"{revision}.{database.kind}.sql").read_text(encoding="utf-8")
    if database.cluster is None:
        with sqlite3.connect(str(make_url(database.url).database)) as connection:
            connection.executescript(sql)
        connection.close()
    else:
        database.cluster.run(sql, str(make_url(database.url).database))


@pytest.mark.parametrize("revision", revisions())
def test_a_database_of_every_released_schema_opens_with_all_that_it_held(
    empty_database: Database, revision: str
) -> None:
    load(empty_database, revision)
    store = open_store(empty_database.url)
    [two, one] = inspections.page(store).items
    assert one.record == make_record(
        result_id="01JNAAAAAAAAAAAAAAAAAAAAA1",
        grade=Grade.C,
        kinds=frozenset({"cut", "hole"}),
        style="牛津鞋",
        idempotency_key="k1",
        document='{"reasons": ["破洞"]}',
    )
    assert two.record == make_record(
        result_id="01JNAAAAAAAAAAAAAAAAAAAAA2", created_at=START + timedelta(microseconds=1)
    )
    assert one.final_grade is Grade.B
    assert [review.comment for review in reviews.of_result(store, one.record.result_id)] == [
        "it's only a scar"
    ]
    assert inspections.page(store, Filters(kinds=frozenset({"hole"}))).items == (one,)
    assert people.authenticate(store, "li", "correct horse").role is Role.ADMIN
    assert [key.note for key in stations.keys(store, "line-1")] == ["left camera"]
    later = ("standard:", "recipe:")
    first = [each for each in audit.entries(store) if not each.subject.startswith(later)]
    assert len(first) >= 5 + 1
    if revision >= "0002":
        assert [edition.source for edition in standards.in_force(store)[1]] == ["# 标准"]
    if revision >= "0005":
        assert [version.name for version in recipes.active(store)] == ["derby"]
        assert recipes.look(store, "line-1").station_recipe is not None
    added = inspections.add(store, make_record())
    assert added.sequence > two.sequence
    store.close()


def test_every_schema_has_its_sample_of_each_kind() -> None:
    samples = {path.name for path in RELEASED.glob("*.sql")}
    assert samples == {
        f"{revision}.{kind}.sql" for revision in revisions() for kind in ("sqlite", "postgresql")
    }


def test_migrations_lead_to_the_tables_that_the_code_knows(store: Store) -> None:
    with store.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_there_is_one_newest_schema() -> None:
    assert len(ScriptDirectory.from_config(migration_config()).get_heads()) == 1


def test_the_database_of_a_newer_version_is_left_alone(empty_database: Database) -> None:
    store = open_store(empty_database.url)
    stored = inspections.add(store, make_record())
    set_revision(store, "9999")
    store.close()
    with pytest.raises(ConfigurationError, match="9999") as caught:
        open_store(empty_database.url)
    assert "newer" in caught.value.hint
    engine = sa.create_engine(empty_database.url)
    with engine.begin() as connection:
        assert connection.execute(sa.text("select result_id from inspections")).scalars().all() == [
            stored.record.result_id
        ]
        connection.execute(
            sa.text("update alembic_version set version_num = :head"), {"head": revisions()[0]}
        )
    engine.dispose()
    again = open_store(empty_database.url)
    assert inspections.page(again).items == (stored,)
    again.close()


def set_revision(store: Store, revision: str) -> None:
    with store.write() as connection:
        connection.execute(sa.text("update alembic_version set version_num = :new"), {"new": revision})


def test_replicas_that_start_at_the_same_moment_make_one_schema(empty_database: Database) -> None:
    together = threading.Barrier(4)

    def start(_: int) -> str:
        together.wait()
        store = open_store(empty_database.url)
        stored = inspections.add(store, make_record())
        store.close()
        return stored.record.result_id

    with ThreadPoolExecutor(4) as threads:
        ids = set(threads.map(start, range(4)))
    store = open_store(empty_database.url)
    assert {one.record.result_id for one in inspections.page(store).items} == ids
    store.close()


def test_a_schema_that_is_current_opens_while_others_write(store: Store, reopen: Callable[[], Store]) -> None:
    with store.write() as connection:
        connection.execute(sa.text("update inspections set style = 'x'"))
        assert inspections.latest_sequence(reopen()) == 0


def test_a_step_that_fails_leaves_all_as_it_was(empty_database: Database) -> None:
    """A table of the same name stands in the way, half way through the first step."""
    engine = sa.create_engine(empty_database.url)
    with engine.begin() as connection:
        connection.execute(sa.text("create table users (id integer)"))
    with pytest.raises(ConfigurationError, match=r"users.* already exists") as caught:
        open_store(empty_database.url)
    assert "Nothing was changed" in caught.value.hint
    assert sa.inspect(engine).get_table_names() == ["users"]
    with engine.begin() as connection:
        connection.execute(sa.text("drop table users"))
    engine.dispose()
    open_store(empty_database.url).close()
