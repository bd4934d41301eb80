"""Builds what the tests of the store put into it."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

from ulid import ULID

from inspection.domain import Disposition, Grade
from inspection.store.inspections import InspectionRecord

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)

_DISPOSITIONS = {
    Grade.A: Disposition.PASS,
    Grade.B: Disposition.REWORK,
    Grade.C: Disposition.REJECT,
    Grade.RECHECK: Disposition.RECHECK,
}


class Clock:
    """Gives the time that the test says it is."""

    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        return self.time

    def pass_by(self, **span: float) -> None:
        """Let time go on: ``pass_by(minutes=5)``."""
        self.time += timedelta(**span)


def make_record(**fields: Any) -> InspectionRecord:
    """A record, complete but for what the test says; ``photo`` gives the bytes that it is of."""
    photo: bytes = fields.pop("photo", b"photo")
    grade: Grade = fields.get("grade", Grade.A)
    given: dict[str, Any] = {
        "grade": grade,
        "result_id": str(ULID()),
        "created_at": START,
        "station": "line-1",
        "recipe": "default",
        "photo_sha256": hashlib.sha256(photo).hexdigest(),
        "disposition": _DISPOSITIONS[grade],
        "document": '{"schema": "welt.result/1"}',
    }
    return InspectionRecord(**{**given, **fields})
