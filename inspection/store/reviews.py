"""What people say about results: agree, or another grade, each time on top of what was said before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Row

from inspection.domain import Grade
from inspection.errors import ConflictError, MetadataError, NotFoundError
from inspection.store import audit, schema
from inspection.store.database import Lock, Store, check_text

__all__ = [
    "MAX_COMMENT_LENGTH",
    "Decision",
    "Review",
    "add",
    "latest_sequence",
    "newer_than",
    "of_result",
]

MAX_COMMENT_LENGTH = 2000  # characters

_reviews = schema.reviews
_rows = schema.inspections


class Decision(StrEnum):
    """What a person did."""

    AGREE = "agree"
    OVERRIDE = "override"


@dataclass(frozen=True)
class Review:
    """What one person said about one result.

    Attributes
    ----------
    sequence : grows with each review, across replicas; the position in the feed of `newer_than`.
    revision : 1 for the first review of a result, 2 for the next.
    grade : the grade that holds from here on.
    """

    sequence: int
    result_id: str
    revision: int
    decision: Decision
    grade: Grade
    comment: str
    reviewer: str
    at: datetime


def add(
    store: Store,
    result_id: str,
    *,
    reviewer: str,
    decision: Decision,
    seen_revision: int,
    grade: Grade | None = None,
    comment: str = "",
) -> Review:
    """Store a review, with its entry in the audit trail.

    Parameters
    ----------
    seen_revision : ``review_revision`` of the result as the reviewer saw it.
    grade : the new grade of an override; not given when agreeing, which keeps the grade that holds now.

    Raises
    ------
    NotFoundError : no such result.
    ConflictError : somebody else reviewed the result meanwhile.
    MetadataError : an override without a grade, agreement with one, or a comment that cannot be kept.
    """
    check_text(result_id=result_id, comment=comment)
    if (decision is Decision.OVERRIDE) != (grade is not None):
        raise MetadataError(
            f"the decision is {decision.value} and the grade {'none' if grade is None else grade.value}",
            hint="Name a grade to override, and none to agree.",
        )
    if len(comment) > MAX_COMMENT_LENGTH:
        raise MetadataError(
            f"the comment has {len(comment)} characters", hint=f"Write at most {MAX_COMMENT_LENGTH}."
        )
    at = store.now()
    with store.write(Lock.REVIEWS) as connection:
        # The row is changed first and only if it is as seen, so of two reviewers at once one finds it
        # changed.
        change = (
            sa.update(_rows)
            .where(_rows.c.result_id == result_id, _rows.c.review_revision == seen_revision)
            .values(
                reviewed=True,
                review_revision=_rows.c.review_revision + 1,
                reviewed_grade=sa.func.coalesce(_rows.c.reviewed_grade, _rows.c.grade)
                if grade is None
                else grade.value,
            )
            .returning(_rows.c.reviewed_grade)
        )
        changed = connection.execute(change).first()
        if changed is None:
            now_at = connection.execute(
                sa.select(_rows.c.review_revision).where(_rows.c.result_id == result_id)
            ).scalar()
            if now_at is None:
                raise NotFoundError(
                    f"no result has the id {result_id!r}", hint="It may be a typing error; look in the list."
                )
            raise ConflictError(
                f"the result is at review {now_at}, and the page showed review {seen_revision}",
                hint="Reload the result, look at what was said meanwhile, and review again if needed.",
            )
        row = (
            sa.insert(_reviews)
            .values(
                result_id=result_id,
                revision=seen_revision + 1,
                decision=decision.value,
                grade=changed.reviewed_grade,
                comment=comment,
                reviewer=reviewer,
                at=at,
            )
            .returning(_reviews.c.sequence)
        )
        review = Review(
            sequence=int(connection.execute(row).scalar_one()),
            result_id=result_id,
            revision=seen_revision + 1,
            decision=decision,
            grade=Grade(changed.reviewed_grade),
            comment=comment,
            reviewer=reviewer,
            at=at,
        )
        audit.note(
            connection,
            at,
            who=reviewer,
            action=audit.Action.REVIEWED,
            subject=f"result:{result_id}",
            details={
                "decision": decision.value,
                "grade": review.grade.value,
                "revision": str(review.revision),
                "comment": comment,
            },
        )
    return review


def of_result(store: Store, result_id: str) -> tuple[Review, ...]:
    """All reviews of a result, oldest first."""
    check_text(result_id=result_id)
    query = sa.select(_reviews).where(_reviews.c.result_id == result_id).order_by(_reviews.c.revision)
    with store.read() as connection:
        return tuple(_value(row) for row in connection.execute(query))


def newer_than(store: Store, sequence: int, *, limit: int = 100) -> tuple[Review, ...]:
    """Reviews that were stored after the one of that sequence, oldest first."""
    query = sa.select(_reviews).where(_reviews.c.sequence > sequence)
    with store.read() as connection:
        rows = connection.execute(query.order_by(_reviews.c.sequence).limit(limit))
        return tuple(_value(row) for row in rows)


def latest_sequence(store: Store) -> int:
    """Sequence of the newest review; 0 when there is none."""
    with store.read() as connection:
        return int(connection.execute(sa.select(sa.func.max(_reviews.c.sequence))).scalar_one() or 0)


def _value(row: Row[Any]) -> Review:
    return Review(
        sequence=row.sequence,
        result_id=row.result_id,
        revision=row.revision,
        decision=Decision(row.decision),
        grade=Grade(row.grade),
        comment=row.comment,
        reviewer=row.reviewer,
        at=row.at,
    )
