"""Judges stored results by another standard: what would change, and why. Nothing stored is changed."""

from inspection.rejudging.comparing import Change, Comparison, compare
from inspection.rejudging.facts import graded_by, seen_of
from inspection.rejudging.working import Span, rejudge

__all__ = ["Change", "Comparison", "Span", "compare", "graded_by", "rejudge", "seen_of"]
