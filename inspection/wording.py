"""Numbers with their words, for messages in English."""

from __future__ import annotations

__all__ = ["number_of"]


def number_of(number: int, one: str, many: str | None = None) -> str:
    """A number with its words, as in ``1 view`` and ``3 views``; ``many`` for what takes no s."""
    return f"{number} {one if number == 1 else many or f'{one}s'}"
