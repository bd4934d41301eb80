"""Writes a recipe as TOML text that reads back as the same recipe."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from inspection.recipes import Recipe

__all__ = ["to_toml"]

_DIGITS = 6
"""Of shares: a thousandth of a pixel of the largest photo."""


def to_toml(recipe: Recipe) -> str:
    """TOML text of a recipe; values that are the default are left out."""
    content = recipe.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    views = content.pop("views")
    lines = [f"{key} = {_value(value)}" for key, value in content.items() if not isinstance(value, dict)]
    for key, table in content.items():
        if isinstance(table, dict):
            lines += ["", f"[{_key(key)}]", *_pairs(table)]
    for name, view in views.items():
        zones, seams = view.pop("zones"), view.pop("seams", ())
        reference = view.pop("reference", None)
        lines += ["", f"[views.{_key(name)}]", *_pairs(view)]
        if reference is not None:
            lines += ["", f"[views.{_key(name)}.reference]", *_pairs(reference)]
        for kind, parts in (("zones", zones), ("seams", seams)):
            for part in parts:
                lines += ["", f"[[views.{_key(name)}.{kind}]]", *_pairs(part)]
    return "\n".join(lines) + "\n"


def _pairs(table: Mapping[str, object]) -> list[str]:
    return [f"{_key(key)} = {_value(value)}" for key, value in table.items()]


def _key(name: str) -> str:
    bare = name.isascii() and name.replace("-", "").replace("_", "").isalnum()
    return name if bare else json.dumps(name, ensure_ascii=False)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # A basic string of TOML is a string of JSON, but for DEL, which JSON leaves as it is.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, float):
        return repr(round(value, _DIGITS))
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(key)} = {_value(part)}" for key, part in value.items()) + " }"
    assert isinstance(value, Sequence), value
    return "[" + ", ".join(_value(part) for part in value) + "]"
