"""Judges results by two standards, and counts what changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from inspection.domain import Grade
from inspection.grading import Seen, bounds, grade_seen
from inspection.rejudging.facts import needs_areas, seen_of
from inspection.standards import Standard
from inspection.store.judged import Judged

__all__ = ["Change", "Comparison", "compare"]

MAX_EXAMPLES = 200
"""Changed results that are named; the counts have all."""


@dataclass(frozen=True)
class Change:
    """A result that the other standard grades otherwise.

    Attributes
    ----------
    rule : rule that speaks for the worse of the two grades.
    message : its reason, in English.
    """

    result_id: str
    before: Grade
    after: Grade
    rule: str
    message: str


@dataclass
class Comparison:
    """What changes from one standard to another.

    Attributes
    ----------
    grades : results by grade before and after.
    rules : changed results by the rule that speaks for the worse of their two grades.
    unlike_stored : results that the standard before grades otherwise than they are stored, because another
        edition, or another standard, gave their grade.
    changes : some of those that changed.
    """

    grades: Counter[tuple[Grade, Grade]] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    unlike_stored: int = 0
    changes: list[Change] = field(default_factory=list)

    @property
    def results(self) -> int:
        """Results that were judged."""
        return sum(self.grades.values())

    @property
    def changed(self) -> int:
        """Results whose grade changes."""
        return sum(count for (before, after), count in self.grades.items() if before is not after)

    def before(self, grade: Grade) -> int:
        """Results of a grade before."""
        return sum(count for (was, _), count in self.grades.items() if was is grade)

    def after(self, grade: Grade) -> int:
        """Results of a grade after."""
        return sum(count for (_, becomes), count in self.grades.items() if becomes is grade)

    def take(self, other: Comparison) -> None:
        """Add what was found in other results."""
        self.grades.update(other.grades)
        self.rules.update(other.rules)
        self.unlike_stored += other.unlike_stored
        self.changes += other.changes[: MAX_EXAMPLES - len(self.changes)]


def compare(results: Iterable[Judged], before: Standard, after: Standard) -> Comparison:
    """Judge results by both standards."""
    found = Comparison()
    areas = needs_areas(before, after)
    seams = bool(before.stitching or after.stitching)
    for result in results:
        seen = seen_of(result.document, areas=areas, seams=seams)
        was, becomes = bounds([seen], before).grade, bounds([seen], after).grade
        found.grades[was, becomes] += 1
        found.unlike_stored += was is not result.grade
        if was is not becomes:
            change = _change(result.result_id, seen, was, becomes, before, after)
            found.rules[change.rule] += 1
            if len(found.changes) < MAX_EXAMPLES:
                found.changes.append(change)
    return found


_WORSE = {Grade.A: 0, Grade.B: 1, Grade.RECHECK: 2, Grade.C: 3}


def _change(
    result_id: str, seen: Seen, was: Grade, becomes: Grade, before: Standard, after: Standard
) -> Change:
    worse = after if _WORSE[becomes] > _WORSE[was] else before
    reasons = grade_seen(seen, worse).reasons
    grade = max(was, becomes, key=_WORSE.__getitem__)
    reason = next((reason for reason in reasons if reason.grade is grade), None)
    if reason is None:
        return Change(result_id, was, becomes, "", "")
    return Change(result_id, was, becomes, reason.rule, reason.message)
