"""A process that is killed has lost nothing that it acknowledged."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from inspection.store import inspections, open_store
from tests.store.conftest import Database

ADD_UNTIL_KILLED = """
import sys
from inspection.store import inspections, open_store
from tests.store.records import make_record
store = open_store(sys.argv[1])
while True:
    record = make_record(kinds=frozenset({"cut", "hole"}), document="x" * 20_000)
    inspections.add(store, record)
    print(record.result_id, flush=True)
"""

ROUNDS = 4
ULID_LINE = 27  # characters of an id and its line end


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_when_the_process_is_killed(database: Database) -> None:
    told: set[str] = set()
    root = Path(__file__).parents[2]
    for number in range(ROUNDS):
        process = subprocess.Popen(
            [sys.executable, "-c", ADD_UNTIL_KILLED, database.url],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(root)},
        )
        assert process.stdout is not None
        before = len(told)
        while len(told) < before + 10 + 7 * number:
            told.add(process.stdout.readline().strip())
        process.send_signal(signal.SIGKILL)
        told |= {line.strip() for line in process.stdout if len(line) == ULID_LINE}
        process.wait()
        process.stdout.close()
    store = open_store(database.url)
    held = {}
    cursor = None
    while True:
        page = inspections.page(store, cursor=cursor, limit=100)
        for one in page.items:
            assert one.record.result_id not in held
            held[one.record.result_id] = one
            assert one.record.kinds == {"cut", "hole"}
            assert len(one.record.document) == 20_000
        cursor = page.next_cursor
        if cursor is None:
            break
    assert told <= set(held)
    assert len(held) - len(told) <= ROUNDS  # at most one each was stored but not told any more
    if database.kind == "sqlite":
        with store.read() as connection:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
            assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
    store.close()
