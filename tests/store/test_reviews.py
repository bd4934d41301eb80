"""Reviews lie on top of each other; nobody overwrites what they have not seen."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from inspection.domain import Grade
from inspection.errors import ConflictError, MetadataError, NotFoundError
from inspection.store import Store, audit, inspections, reviews
from inspection.store.inspections import Filters
from inspection.store.reviews import Decision
from tests.store.records import START, Clock, make_record


def test_agreeing_keeps_the_grade_and_marks_the_result(store: Store) -> None:
    stored = inspections.add(store, make_record(grade=Grade.B))
    review = reviews.add(
        store, stored.record.result_id, reviewer="li", decision=Decision.AGREE, seen_revision=0
    )
    assert (review.revision, review.grade, review.at) == (1, Grade.B, START)
    after = inspections.by_id(store, stored.record.result_id)
    assert after.record == stored.record
    assert (after.review_revision, after.reviewed_grade, after.final_grade) == (1, Grade.B, Grade.B)
    assert inspections.page(store, Filters(reviewed=False)).items == ()


def test_an_override_holds_until_the_next_and_all_are_kept(store: Store, clock: Clock) -> None:
    result_id = inspections.add(store, make_record(grade=Grade.A)).record.result_id
    assert inspections.by_id(store, result_id).final_grade == Grade.A
    first = reviews.add(
        store,
        result_id,
        reviewer="li",
        decision=Decision.OVERRIDE,
        grade=Grade.C,
        seen_revision=0,
        comment="划伤 3 mm",
    )
    clock.pass_by(minutes=1)
    second = reviews.add(store, result_id, reviewer="wang", decision=Decision.AGREE, seen_revision=1)
    assert second.grade == Grade.C
    after = inspections.by_id(store, result_id)
    assert (after.record.grade, after.final_grade, after.review_revision) == (Grade.A, Grade.C, 2)
    assert reviews.of_result(store, result_id) == (first, second)


def test_reviews_of_all_results_form_one_feed(store: Store) -> None:
    assert reviews.latest_sequence(store) == 0
    ids = [inspections.add(store, make_record()).record.result_id for _ in range(3)]
    made = [
        reviews.add(store, result_id, reviewer="li", decision=Decision.AGREE, seen_revision=seen)
        for seen in (0, 1)
        for result_id in ids
    ]
    assert reviews.newer_than(store, 0) == tuple(made)
    assert reviews.newer_than(store, 0, limit=2) == tuple(made[:2])
    assert reviews.newer_than(store, made[3].sequence) == tuple(made[4:])
    assert reviews.latest_sequence(store) == made[-1].sequence


def test_a_review_of_what_has_changed_meanwhile_is_refused(store: Store) -> None:
    result_id = inspections.add(store, make_record()).record.result_id
    reviews.add(store, result_id, reviewer="li", decision=Decision.AGREE, seen_revision=0)
    for seen in (0, 2):
        with pytest.raises(ConflictError, match="review 1") as caught:
            reviews.add(store, result_id, reviewer="wang", decision=Decision.AGREE, seen_revision=seen)
        assert "Reload" in caught.value.hint
    assert len(reviews.of_result(store, result_id)) == 1


def test_of_reviewers_at_the_same_moment_one_is_heard(store: Store, reopen: Callable[[], Store]) -> None:
    replicas = [store, reopen()]
    result_id = inspections.add(store, make_record()).record.result_id
    together = threading.Barrier(6)

    def review(number: int) -> bool:
        together.wait()
        try:
            reviews.add(
                replicas[number % 2],
                result_id,
                reviewer=f"r{number}",
                decision=Decision.AGREE,
                seen_revision=0,
            )
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(review, range(6))) == 1
    assert len(reviews.of_result(store, result_id)) == 1
    assert inspections.by_id(store, result_id).review_revision == 1


def test_a_review_of_nothing_is_not_found(store: Store) -> None:
    with pytest.raises(NotFoundError):
        reviews.add(store, "01J", reviewer="li", decision=Decision.AGREE, seen_revision=0)
    assert audit.entries(store) == ()


@pytest.mark.parametrize(
    ("decision", "grade", "comment"),
    [
        (Decision.OVERRIDE, None, ""),
        (Decision.AGREE, Grade.A, ""),
        (Decision.AGREE, None, "x" * (reviews.MAX_COMMENT_LENGTH + 1)),
        (Decision.AGREE, None, "a\0b"),
    ],
)
def test_a_review_that_makes_no_sense_is_refused(
    store: Store, decision: Decision, grade: Grade | None, comment: str
) -> None:
    result_id = inspections.add(store, make_record()).record.result_id
    with pytest.raises(MetadataError):
        reviews.add(
            store,
            result_id,
            reviewer="li",
            decision=decision,
            grade=grade,
            comment=comment,
            seen_revision=0,
        )
    assert reviews.of_result(store, result_id) == ()


def test_each_review_is_in_the_audit_trail(store: Store, clock: Clock) -> None:
    result_id = inspections.add(store, make_record()).record.result_id
    clock.pass_by(hours=1)
    reviews.add(
        store,
        result_id,
        reviewer="li",
        decision=Decision.OVERRIDE,
        grade=Grade.C,
        seen_revision=0,
        comment="hole",
    )
    [entry] = audit.entries(store)
    assert (entry.who, entry.action, entry.subject) == ("li", audit.Action.REVIEWED, f"result:{result_id}")
    assert entry.at == clock.time
    assert entry.details == {"decision": "override", "grade": "C", "revision": "1", "comment": "hole"}


@pytest.mark.parametrize("table", ["audit", "reviews"])
@pytest.mark.parametrize("change", ["update {} set comment_or_who = 'x'", "delete from {}"])
def test_the_database_itself_refuses_to_change_what_was_said(store: Store, table: str, change: str) -> None:
    result_id = inspections.add(store, make_record()).record.result_id
    reviews.add(store, result_id, reviewer="li", decision=Decision.AGREE, seen_revision=0)
    column = {"audit": "who", "reviews": "comment"}[table]

    def tamper() -> None:
        with store.write() as connection:
            connection.execute(sa.text(change.format(table).replace("comment_or_who", column)))

    with pytest.raises(DBAPIError, match="append-only"):
        tamper()
    assert reviews.of_result(store, result_id)[0].comment == ""
    assert audit.entries(store)[0].who == "li"


def test_the_audit_trail_is_read_page_by_page_and_by_subject(store: Store) -> None:
    ids = [inspections.add(store, make_record()).record.result_id for _ in range(4)]
    for number, result_id in enumerate(ids):
        reviews.add(store, result_id, reviewer=f"r{number % 2}", decision=Decision.AGREE, seen_revision=0)
    subjects = [f"result:{result_id}" for result_id in reversed(ids)]
    first = audit.entries(store, limit=3)
    rest = audit.entries(store, limit=3, before=first[-1].sequence)
    assert [entry.subject for entry in first + rest] == subjects
    assert [entry.subject for entry in audit.entries(store, subject=subjects[2])] == [subjects[2]]
    assert [entry.subject for entry in audit.entries(store, who="r1")] == [subjects[0], subjects[2]]
