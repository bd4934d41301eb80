"""Texts of the report of a gauge study, by language."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

__all__ = ["LANGUAGES", "words_of"]

LANGUAGES = ("en", "zh")


@cache
def words_of(language: str) -> dict[str, str]:
    """Texts of ``words.json`` in one of LANGUAGES."""
    texts: dict[str, dict[str, str]] = json.loads(
        files("inspection.gauge").joinpath("words.json").read_text(encoding="utf-8")
    )
    return texts[language]
