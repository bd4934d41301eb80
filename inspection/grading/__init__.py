"""Grades a photo or a shoe by a written standard, with the reason for every decision.

What cannot be told is never decided by a coin: a limit inside the uncertainty of a measurement is both kept
and broken. Everything is graded both ways, at best and at worst, and when the two grades differ the verdict
is a recheck. A larger value, one more defect or a worse seam can only move both grades down, and a smaller
uncertainty can only bring them together: property tests hold it to that.
"""

from inspection.grading.breaking import Seen
from inspection.grading.deciding import (
    Bounds,
    bounds,
    grade,
    grade_seen,
    grade_shoe,
    shoe_reasons,
    sums_over_shoes,
)
from inspection.grading.reasons import (
    CALIBRATION_REASONS,
    COMBINATION_REASON,
    SCALE_REASON,
    TOO_MANY_REASON,
    UNREADABLE_REASON,
)
from inspection.grading.unseen import CUT_OFF_REASON, LOCATION_REASON, not_located, with_cut_off_zones

__all__ = [
    "CALIBRATION_REASONS",
    "COMBINATION_REASON",
    "CUT_OFF_REASON",
    "LOCATION_REASON",
    "SCALE_REASON",
    "TOO_MANY_REASON",
    "UNREADABLE_REASON",
    "Bounds",
    "Seen",
    "bounds",
    "grade",
    "grade_seen",
    "grade_shoe",
    "not_located",
    "shoe_reasons",
    "sums_over_shoes",
    "with_cut_off_zones",
]
