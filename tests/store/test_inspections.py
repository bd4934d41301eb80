"""Results are stored once, and found again by every way of asking."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError

from inspection.domain import Foot, Grade
from inspection.errors import MetadataError, NotFoundError
from inspection.store import Store, inspections, reviews
from inspection.store.inspections import DuplicateKeyError, Filters, InspectionRecord, StoredInspection
from tests.store.conftest import Database
from tests.store.records import START, make_record


def test_a_result_comes_back_as_it_was_stored(store: Store) -> None:
    record = make_record(
        created_at=datetime(2026, 3, 2, 8, 0, 0, 123456, tzinfo=UTC),
        captured_at=datetime(2026, 3, 2, 16, 0, 0, 1, tzinfo=timezone(timedelta(hours=8))),
        view="lateral",
        part_id="鞋-1",
        pair_id="p1",
        foot=Foot.LEFT,
        lot_id="L7",
        style="Oxford 🥿",
        size="42½",
        idempotency_key="k1",
        surface_ref="s.png",
        grade=Grade.C,
        kinds=frozenset({"cut", "hole"}),
        document='{"reasons": ["é", "破洞"]}',
    )
    stored = inspections.add(store, record)
    assert stored.record == record
    assert inspections.by_id(store, record.result_id) == stored
    assert inspections.by_idempotency_key(store, "line-1", "k1") == stored
    assert inspections.page(store).items == (stored,)
    assert inspections.newer_than(store, 0) == (stored,)


def test_it_is_still_there_when_opened_again(store: Store, reopen: Callable[[], Store]) -> None:
    stored = inspections.add(store, make_record())
    store.close()
    assert inspections.by_id(reopen(), stored.record.result_id) == stored


def test_an_unknown_id_is_not_found(store: Store) -> None:
    with pytest.raises(NotFoundError, match="01J") as caught:
        inspections.by_id(store, "01JZZZZZZZZZZZZZZZZZZZZZZZ")
    assert caught.value.hint


def test_an_idempotency_key_is_used_once_per_station(store: Store) -> None:
    first = inspections.add(store, make_record(idempotency_key="k"))
    with pytest.raises(DuplicateKeyError) as caught:
        inspections.add(store, make_record(idempotency_key="k", photo=b"another"))
    assert caught.value.stored == first
    inspections.add(store, make_record(idempotency_key="k", station="line-2"))
    inspections.add(store, make_record())
    inspections.add(store, make_record())
    assert len(inspections.page(store).items) == 4
    assert inspections.by_idempotency_key(store, "line-3", "k") is None


def test_of_writers_that_race_for_a_key_one_wins(store: Store, reopen: Callable[[], Store]) -> None:
    replicas = [store, reopen()]
    together = threading.Barrier(8)

    def write(number: int) -> StoredInspection:
        together.wait()
        try:
            return inspections.add(
                replicas[number % 2], make_record(idempotency_key="k", photo=b"%d" % number)
            )
        except DuplicateKeyError as error:
            return error.stored

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(write, range(8)))
    assert len(set(answers)) == 1
    assert inspections.page(store).items == (answers[0],)


def test_a_result_that_fails_half_way_leaves_nothing(store: Store) -> None:
    same = make_record()
    inspections.add(store, same)
    with pytest.raises(DBAPIError):  # a repeated id is a mistake of the caller
        inspections.add(store, replace(same, kinds=frozenset({"cut"})))
    assert inspections.page(store, Filters(kinds=frozenset({"cut"}))).items == ()
    assert len(inspections.page(store).items) == 1


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "x" * 201])
@pytest.mark.parametrize("field", ["part_id", "lot_id", "style", "idempotency_key", "size"])
def test_text_that_no_database_holds_is_refused(store: Store, field: str, text: str) -> None:
    with pytest.raises(MetadataError, match=field):
        inspections.add(store, make_record(**{field: text}))


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "x" * 201])
def test_filters_with_such_text_are_refused_too(store: Store, text: str) -> None:
    for filters in (Filters(style=text), Filters(kinds=frozenset({text})), Filters(part_id=text)):
        with pytest.raises(MetadataError):
            inspections.page(store, filters)
        with pytest.raises(MetadataError):
            inspections.newer_than(store, 0, filters)


def test_the_longest_names_fit_into_every_index(store: Store) -> None:
    longest = "鞋" * 200
    record = make_record(
        station=longest, style=longest, lot_id=longest, view=longest, part_id=longest, idempotency_key=longest
    )
    stored = inspections.add(store, record)
    assert inspections.by_idempotency_key(store, longest, longest) == stored


# Lists


def walk(store: Store, filters: Filters, limit: int) -> Iterator[StoredInspection]:
    """All results of all pages."""
    cursor = None
    while True:
        found = inspections.page(store, filters, cursor=cursor, limit=limit)
        assert len(found.items) <= limit
        yield from found.items
        cursor = found.next_cursor
        if cursor is None:
            return


def test_pages_show_the_newest_first_and_each_once_while_more_come(store: Store) -> None:
    old = [
        inspections.add(store, make_record(created_at=START + timedelta(seconds=n // 3))) for n in range(20)
    ]
    first = inspections.page(store, limit=6)
    for n in range(3):
        inspections.add(store, make_record(created_at=START + timedelta(minutes=1 + n)))
    seen = list(first.items)
    cursor = first.next_cursor
    while cursor is not None:
        more = inspections.page(store, cursor=cursor, limit=6)
        seen.extend(more.items)
        cursor = more.next_cursor
    assert seen == sorted(old, key=lambda one: (one.record.created_at, one.sequence), reverse=True)


def test_a_page_that_holds_the_last_result_says_so(store: Store) -> None:
    for _ in range(4):
        inspections.add(store, make_record())
    assert inspections.page(store, limit=4).next_cursor is None
    assert inspections.page(store, limit=3).next_cursor is not None


def make_many(store: Store, dice: random.Random, count: int) -> list[StoredInspection]:
    many = []
    for _ in range(count):
        stored = inspections.add(
            store,
            make_record(
                created_at=START + timedelta(seconds=dice.randrange(60)),
                grade=dice.choice(list(Grade)),
                station=dice.choice(["line-1", "line-2"]),
                style=dice.choice([None, "oxford", "derby"]),
                lot_id=dice.choice([None, "L1", "L2"]),
                view=dice.choice([None, "toe", "heel"]),
                part_id=dice.choice([None, "p1", "p2"]),
                kinds=frozenset(dice.sample(["cut", "hole", "scar"], dice.randrange(4))),
            ),
        )
        if dice.random() < 0.4:
            reviews.add(
                store,
                stored.record.result_id,
                reviewer="li",
                decision=reviews.Decision.AGREE,
                seen_revision=0,
            )
        many.append(inspections.by_id(store, stored.record.result_id))
    return many


def make_filters(dice: random.Random) -> Filters:
    def maybe(choices: list[Any]) -> Any:
        return dice.choice(choices) if dice.random() < 0.3 else None

    return Filters(
        grades=frozenset(dice.sample(list(Grade), dice.choice([0, 0, 1, 2, 4]))),
        kinds=frozenset(dice.sample(["cut", "hole", "scar", "burn"], dice.choice([0, 0, 1, 2]))),
        station=maybe(["line-1", "line-2", "line-3"]),
        style=maybe(["oxford", "derby"]),
        lot_id=maybe(["L1", "L2"]),
        view=maybe(["toe", "heel"]),
        part_id=maybe(["p1", "p2"]),
        created_from=maybe([START + timedelta(seconds=n) for n in range(0, 60, 7)]),
        created_until=maybe([START + timedelta(seconds=n) for n in range(0, 60, 7)]),
        reviewed=maybe([True, False]),
    )


def matches(one: StoredInspection, filters: Filters) -> bool:
    """What the filters mean, said once more in the plainest way."""
    record: InspectionRecord = one.record
    return (
        (not filters.grades or record.grade in filters.grades)
        and (not filters.kinds or bool(record.kinds & filters.kinds))
        and (filters.station is None or record.station == filters.station)
        and (filters.style is None or record.style == filters.style)
        and (filters.lot_id is None or record.lot_id == filters.lot_id)
        and (filters.view is None or record.view == filters.view)
        and (filters.part_id is None or record.part_id == filters.part_id)
        and (filters.created_from is None or record.created_at >= filters.created_from)
        and (filters.created_until is None or record.created_at < filters.created_until)
        and (filters.reviewed is None or (one.review_revision > 0) == filters.reviewed)
    )


def test_every_mix_of_filters_finds_what_it_says(store: Store) -> None:
    dice = random.Random(20537)
    many = make_many(store, dice, 60)
    for _ in range(60):
        filters = make_filters(dice)
        wanted = [one for one in many if matches(one, filters)]
        newest = sorted(wanted, key=lambda one: (one.record.created_at, one.sequence), reverse=True)
        assert list(walk(store, filters, dice.choice([3, 10, 50]))) == newest, filters
        place = dice.choice(newest) if newest else None
        if place is not None:
            at = newest.index(place)
            beside = inspections.neighbours(store, place, filters)
            assert beside.newer == (newest[at - 1].record.result_id if at > 0 else None), filters
            assert beside.older == (newest[at + 1].record.result_id if place != newest[-1] else None), filters
        after = dice.choice(many).sequence
        assert list(inspections.newer_than(store, after, filters)) == [
            one for one in wanted if one.sequence > after
        ], filters


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "%%%", "é", "MTo", "AAAA", "1" * 500, "MTpub3c6MQ", "MToyMDI2LTAzLTAyVDA4OjAwOjAwOjE"],
)
def test_a_cursor_that_no_page_gave_is_refused(store: Store, cursor: str) -> None:
    with pytest.raises(MetadataError) as caught:
        inspections.page(store, cursor=cursor)
    assert caught.value.hint


def test_a_cursor_that_was_tampered_with_is_refused_or_is_a_place(store: Store) -> None:
    for _ in range(3):
        inspections.add(store, make_record())
    cursor = inspections.page(store, limit=1).next_cursor
    assert cursor is not None
    dice = random.Random(1)
    for _ in range(300):
        letters = list(cursor)
        letters[dice.randrange(len(letters))] = dice.choice("ABCxyz019-_=+/ \n")
        try:
            inspections.page(store, cursor="".join(letters))
        except MetadataError:
            continue


@pytest.mark.parametrize("limit", [0, -1, 501, 10**12])
def test_a_limit_out_of_range_is_refused(store: Store, limit: int) -> None:
    with pytest.raises(MetadataError, match=str(limit)):
        inspections.page(store, limit=limit)


# The feed


def test_the_feed_gives_what_came_since(store: Store) -> None:
    assert inspections.latest_sequence(store) == 0
    one = inspections.add(store, make_record())
    two = inspections.add(store, make_record())
    assert inspections.latest_sequence(store) == two.sequence
    assert inspections.newer_than(store, 0, limit=1) == (one,)
    assert inspections.newer_than(store, one.sequence) == (two,)
    assert inspections.newer_than(store, two.sequence) == ()
    assert inspections.newer_than(store, 10**30) == ()
    assert inspections.newer_than(store, -5) == (one, two)


def test_a_reader_of_the_feed_misses_nothing_while_replicas_write(
    store: Store, reopen: Callable[[], Store]
) -> None:
    replicas = [store, reopen()]
    writers, each = 6, 25

    def write(number: int) -> None:
        for _ in range(each):
            inspections.add(replicas[number % 2], make_record(kinds=frozenset({"cut"})))

    seen: list[int] = []
    with ThreadPoolExecutor(writers) as threads:
        writing = [threads.submit(write, number) for number in range(writers)]
        while True:
            ended = all(one.done() for one in writing)
            seen.extend(one.sequence for one in inspections.newer_than(store, seen[-1] if seen else 0))
            if ended and inspections.latest_sequence(store) == (seen[-1] if seen else 0):
                break
        for one in writing:
            one.result()
    assert len(seen) == writers * each
    assert seen == sorted(set(seen))


# Numbers


def test_counts_are_by_grade_within_a_time(store: Store) -> None:
    for n, grade in enumerate([Grade.A, Grade.A, Grade.B, Grade.C]):
        inspections.add(store, make_record(grade=grade, created_at=START + timedelta(hours=n)))
    inspections.add(store, make_record(grade=Grade.A, station="line-2"))
    end = START + timedelta(hours=3)
    counted = inspections.counts(store, created_from=START, created_until=end)
    assert counted == {Grade.A: 3, Grade.B: 1, Grade.C: 0, Grade.RECHECK: 0}
    counted = inspections.counts(store, created_from=START, created_until=end, station="line-2")
    assert counted[Grade.A] == 1


def test_the_values_to_choose_from_are_those_that_occur(store: Store) -> None:
    assert inspections.values(store, inspections.Value.STYLE) == ()
    for style in ["derby", None, "oxford", "derby", "boot"]:
        inspections.add(store, make_record(style=style))
    assert inspections.values(store, inspections.Value.STYLE) == ("boot", "derby", "oxford")
    assert inspections.values(store, inspections.Value.STYLE, limit=2) == ("boot", "derby")
    assert inspections.values(store, inspections.Value.STATION) == ("line-1",)


# Speed: not measured here, but how each question is answered


@contextmanager
def questions(store: Store) -> Iterator[list[tuple[str, Any]]]:
    """All that is asked of the database meanwhile."""
    asked: list[tuple[str, Any]] = []

    def note(_c: Any, _k: Any, statement: str, parameters: Any, _x: Any, _m: Any) -> None:
        if statement.lstrip().upper().startswith(("SELECT", "WITH")):
            asked.append((statement, parameters))

    event.listen(store.engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(store.engine, "before_cursor_execute", note)


def fill(store: Store, database: Database, rows: int) -> None:
    """Many rows at once, so that indexes are worth their while."""
    now = "'2026-03-02 08:00:00+00'::timestamptz + n * interval '1 second'"
    series = f"generate_series(1, {rows}) as series(n)"
    if database.kind == "sqlite":
        now = "1772438400000000 + n * 1000000"
        numbers = f"with recursive t(n) as (select 1 union all select n + 1 from t where n < {rows})"
        series = f"({numbers} select n from t)"
    statements = [
        "insert into inspections (result_id, created_at, station, recipe, photo_sha256, grade, disposition,"
        f" view, style, lot_id, part_id, reviewed, review_revision) select 'R' || n, {now},"
        " 'line-' || (n % 7), 'default', 'x', case when n % 10 = 0 then 'B' else 'A' end, 'pass',"
        " 'v' || (n % 5), 's' || (n % 9), 'l' || (n % 50), 'p' || n, n % 3 = 0, 0 from " + series,
        "insert into documents select sequence, '{}' from inspections",
        "insert into inspection_kinds select 'cut', created_at, sequence, grade from inspections"
        " where sequence % 2 = 0",
        "insert into inspection_kinds select 'hole', created_at, sequence, grade from inspections"
        " where sequence % 5 = 0",
        "analyze",
    ]
    with store.write() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


ONE_EACH = {
    "nothing": Filters(),
    "a grade": Filters(grades=frozenset({Grade.B})),
    "a grade that never occurs": Filters(grades=frozenset({Grade.C})),
    "two grades": Filters(grades=frozenset({Grade.B, Grade.C})),
    "a kind": Filters(kinds=frozenset({"cut"})),
    "kinds, one never seen": Filters(kinds=frozenset({"cut", "burn"})),
    "a kind at a grade": Filters(kinds=frozenset({"cut"}), grades=frozenset({Grade.C})),
    "a station": Filters(station="line-3"),
    "a style": Filters(style="s3"),
    "a lot": Filters(lot_id="l9"),
    "a view": Filters(view="v2"),
    "a part": Filters(part_id="p77"),
    "not reviewed": Filters(reviewed=False),
    "a time": Filters(created_from=START, created_until=START + timedelta(seconds=99)),
}


def test_every_filter_is_answered_from_an_index(store: Store, database: Database) -> None:
    fill(store, database, 20_000)
    for name, filters in ONE_EACH.items():
        with questions(store) as asked:
            first = inspections.page(store, filters)
            if first.next_cursor is not None:
                inspections.page(store, filters, cursor=first.next_cursor)
            for one in first.items[:1]:
                inspections.neighbours(store, one, filters)
            inspections.by_idempotency_key(store, "line-1", "k")
            inspections.newer_than(store, 19_990)
            inspections.latest_sequence(store)
        assert asked
        for statement, parameters in list(asked):
            steps = explain(store, database, statement, parameters)
            if database.kind == "sqlite":
                # SCAN reads all rows, if need be along an index of another column; a sort reads all that
                # match before it shows the first. The whole list, newest first, is a scan by nature.
                tables = ("SCAN inspections", "SCAN inspection_kinds", "SCAN documents")
                whole_list = "ix_inspections_created_at_sequence" if filters == Filters() else "none"
                bad = [step for step in steps if step.startswith(tables) and whole_list not in step]
                if "UNION" not in statement:
                    bad += [step for step in steps if "TEMP B-TREE FOR ORDER BY" in step]
            else:
                bad = [step for step in steps if "Seq Scan on" in step]
            assert not bad, f"{name}: {statement}\n" + "\n".join(steps)


def test_a_rare_grade_of_a_frequent_kind_is_answered_from_an_index(store: Store, database: Database) -> None:
    fill(store, database, 20_000)
    with questions(store) as asked:
        inspections.page(store, Filters(kinds=frozenset({"cut"}), grades=frozenset({Grade.C})))
    steps = explain(store, database, *asked[0])
    assert "ix_inspection_kinds_kind_grade_created_at_sequence" in "\n".join(steps), steps


def explain(store: Store, database: Database, statement: str, parameters: Any) -> list[str]:
    with store.read() as connection:
        if database.kind == "sqlite":
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            return [str(row[3]) for row in rows]
        rows = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).all()
        return [str(row[0]) for row in rows]


def test_choosing_values_does_not_read_all_rows(store: Store, database: Database) -> None:
    fill(store, database, 20_000)
    with questions(store) as asked:
        assert len(inspections.values(store, inspections.Value.STYLE)) == 9
    [(statement, parameters)] = asked
    steps = explain(store, database, statement, parameters)
    if database.kind == "sqlite":
        bad = [step for step in steps if step.startswith("SCAN inspections") and "INDEX" not in step]
    else:
        bad = [step for step in steps if "Seq Scan on inspections" in step]
    assert not bad, steps


def test_sequences_are_not_used_again_after_a_deletion(store: Store) -> None:
    last = inspections.add(store, make_record())
    with store.write() as connection:
        for table in ("documents", "inspections"):
            connection.execute(sa.text(f"delete from {table}"))
    assert inspections.add(store, make_record()).sequence > last.sequence
