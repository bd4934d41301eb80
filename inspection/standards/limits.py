"""Compares a value that is known within its uncertainty with a limit."""

from __future__ import annotations

import math

__all__ = ["below", "exceeds"]


def exceeds(value: float, limit: float, uncertainty: float) -> bool | None:
    """Whether a value is over its limit; None when the limit lies within the uncertainty, so nobody can tell.

    ``uncertainty`` is expanded (k = 2). A value of exactly the limit, with none, is allowed. Shrinking the
    uncertainty around a value may turn None into an answer, and never changes an answer.
    """
    if math.isclose(uncertainty, 0):
        return value > limit
    if value - uncertainty > limit:
        return True
    if value + uncertainty <= limit:
        return False
    return None


def below(value: float, limit: float, uncertainty: float) -> bool | None:
    """Whether a value is under the least that is allowed; None when nobody can tell. See `exceeds`."""
    return exceeds(-value, -limit, uncertainty)
