"""Writes the samples of ``released/`` for today's schema: python -m tests.store.write_released

To be run once, when a version with a new schema is released; older samples are never written again.
"""

from __future__ import annotations

import sqlite3
import tempfile
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from inspection.access import PasswordRules, Role
from inspection.domain import Grade
from inspection.store import (
    Store,
    inspections,
    open_store,
    people,
    recipes,
    reviews,
    standards,
    stations,
)
from inspection.store.reviews import Decision
from tests.store.postgres import start_cluster
from tests.store.records import START, Clock, make_record

RELEASED = Path(__file__).parent / "released"


def fill(url: str) -> str:
    """Write something into every table that matters, and give the revision of the schema."""
    rules = PasswordRules(time_cost=1, memory_kib=64, parallelism=1)
    store = open_store(url, passwords=rules, clock=Clock())
    first = make_record(
        result_id="01JNAAAAAAAAAAAAAAAAAAAAA1",
        grade=Grade.C,
        kinds=frozenset({"cut", "hole"}),
        style="牛津鞋",
        idempotency_key="k1",
        document='{"reasons": ["破洞"]}',
    )
    inspections.add(store, first)
    inspections.add(
        store,
        make_record(result_id="01JNAAAAAAAAAAAAAAAAAAAAA2", created_at=START + timedelta(microseconds=1)),
    )
    people.add(store, "li", "correct horse", Role.ADMIN, by="system")
    people.log_in(store, "li", "correct horse", hours=12)
    stations.add(store, "line-1", by="li")
    stations.create_key(store, "line-1", by="li", note="left camera")
    reviews.add(
        store,
        first.result_id,
        reviewer="li",
        decision=Decision.OVERRIDE,
        grade=Grade.B,
        comment="it's only a scar",
        seen_revision=0,
    )
    standards.add(store, "acme", "1", content="{}", source="# 标准", by="li", note="first")
    standards.activate(store, "acme", "1", by="li", note="agreed")
    recipes.add(store, name="derby", version=1, style="德比", content="{}", by="li", note="头", in_force=True)
    recipes.set_station(store, "line-1", recipe="derby", style=None, by="line-1")
    revision = revision_of(store)
    store.close()
    return revision


def revision_of(store: Store) -> str:
    """The schema that the database has."""
    with store.read() as connection:
        return str(connection.execute(sa.text("select version_num from alembic_version")).scalar_one())


def main() -> None:
    """Write one sample per kind of database."""
    RELEASED.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "welt.db"
        revision = fill(f"sqlite:///{path}")
        connection = sqlite3.connect(path)
        sql = "\n".join(connection.iterdump()) + "\n"
        connection.close()
        (RELEASED / f"{revision}.sqlite.sql").write_text(sql, encoding="utf-8")
    cluster = start_cluster()
    try:
        name = cluster.create_database()
        revision = fill(cluster.url(name))
        (RELEASED / f"{revision}.postgresql.sql").write_text(cluster.dump(name), encoding="utf-8")
    finally:
        cluster.remove()


if __name__ == "__main__":
    main()
