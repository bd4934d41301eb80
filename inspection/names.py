"""Names that people give to recipes, views, zones, seams and standards, which stand in addresses, too."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

__all__ = ["HTML_PATTERN", "PATTERN", "Name"]

PATTERN = r"^[a-z0-9][a-z0-9_-]{0,63}$"
HTML_PATTERN = PATTERN[1:-1].replace("_-]", r"_\-]")
"""For inputs of pages: browsers anchor it themselves, and take no bare dash in a class."""
MAX_LENGTH = 64
FALLBACK = "derby-17"


def _like(text: str) -> str:
    """The nearest name to a text, for the hint; an example where nothing of it is left."""
    return re.sub(r"[^a-z0-9_]+", "-", text.lower()).strip("-_")[:MAX_LENGTH] or FALLBACK


def _plain(text: str) -> str:
    if re.fullmatch(PATTERN, text) is None:
        raise ValueError(
            f"a name has up to {MAX_LENGTH} small letters (a to z), digits, - and _, and begins with a "
            f"letter or digit: for example {_like(text)}"
        )
    return text


Name = Annotated[str, AfterValidator(_plain), WithJsonSchema({"type": "string", "pattern": PATTERN})]
