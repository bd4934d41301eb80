"""docs/synthesis.md tells every kind, option and field as the code has them."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from training.synthesis.catalogue import SIZES
from training.synthesis.cli import synthesize
from training.synthesis.export import SEAMS_SCHEMA, SET_SCHEMA
from training.synthesis.truth import RowTruth

DOCS = (Path(__file__).resolve().parents[3] / "docs/synthesis.md").read_text(encoding="utf-8")


def test_every_kind_is_listed_with_its_sizes() -> None:
    for kind, size in SIZES.items():
        line = f"| `{kind}` | {size.meaning} | {size.minor_mm} | {size.middle_mm} | {size.severe_mm} |"
        assert line in DOCS


def test_every_option_is_listed() -> None:
    for option in synthesize.params:
        assert option.opts[0] in DOCS


def test_every_field_of_a_row_and_both_schemas_are_listed() -> None:
    for field in fields(RowTruth):
        assert f"`{field.name}`" in DOCS
    assert SET_SCHEMA in DOCS
    assert SEAMS_SCHEMA in DOCS
