"""Judges stored results by another standard: what would change, and why. Nothing stored is changed."""

from inspection.rejudging.comparing import Change, Comparison, compare
from inspection.rejudging.facts import graded_by, needs_areas, seen_of
from inspection.rejudging.working import Span, rejudge

__all__ = ["Change", "Comparison", "Span", "compare", "graded_by", "needs_areas", "rejudge", "seen_of"]
