"""The JSON Schema of a standard's file, for editors that check while one types."""

from __future__ import annotations

import copy
import json
from typing import Any

from inspection import names
from inspection.standards.model import SCHEMA, Standard

__all__ = ["SCHEMA_FILE", "json_schema"]

SCHEMA_FILE = "standard.schema.json"
"""Its name in ``docs/``."""

_PARTS = ("Rule", "SeamRule", "PairRule", "Combination", "Term", "GradeTerms")
_OWN = ["schema", "id", "edition", "title", "title_zh", "extends"]


def json_schema() -> str:
    """The schema as JSON text.

    A file that stands by itself says everything. One that builds on another says what differs, so of what it
    may change only ``id`` is required there; whether the whole is complete is for ``welt standards check``.
    """
    whole = Standard.model_json_schema(by_alias=True)
    definitions: dict[str, Any] = whole.pop("$defs")
    whole["properties"].pop("extends")
    whole["required"] = sorted({*whole["required"], "schema"})
    differing = copy.deepcopy(whole)
    differing["title"] = "Standard that builds on another"
    differing["properties"]["extends"] = {
        "type": "string",
        "pattern": names.PATTERN,
        "description": "Id of the standard that it builds on.",
    }
    differing["properties"]["remove"] = {
        "type": "array",
        "items": {"type": "string"},
        "description": "Ids of inherited rules that do not hold here.",
    }
    differing["required"] = sorted(_OWN)
    for key in ("rules", "stitching", "pairs"):
        differing["properties"][key].pop("minItems", None)
    for name in _PARTS:
        partial = copy.deepcopy(definitions[name])
        partial["title"] = f"{partial['title']}, as far as it differs"
        partial["required"] = [key for key in partial.get("required", []) if key == "id"]
        definitions[f"{name}Change"] = partial
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{SCHEMA}: a written standard of footwear appearance",
        "oneOf": [whole, _pointed_at_changes(differing)],
        "$defs": definitions,
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _pointed_at_changes(schema: Any) -> Any:
    """The same schema, its parts replaced by those that may be given in part."""
    if isinstance(schema, dict):
        return {
            key: f"{value}Change"
            if key == "$ref" and value.removeprefix("#/$defs/") in _PARTS
            else _pointed_at_changes(value)
            for key, value in schema.items()
        }
    if isinstance(schema, list):
        return [_pointed_at_changes(each) for each in schema]
    return schema
