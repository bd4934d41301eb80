"""Written standards: which defect, of which size, in which zone, costs which grade.

A standard is a TOML file. Every rule carries its clause in the file and its provenance: where the figure
comes from. ``house default, editable`` marks a figure that no source backs; it is a starting point for a
factory's own agreement with its customer, never a standard's value.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from inspection.domain import Disposition, Grade, Severity, ZoneClass
from inspection.errors import ConfigurationError, UnknownNameError
from inspection.taxonomy import KINDS
from inspection.tomlfiles import read_folders

__all__ = [
    "ANY_KIND",
    "SHIPPED_STANDARDS",
    "Quantity",
    "Rule",
    "Standard",
    "Standards",
    "exceeds",
    "open_standards",
]

SHIPPED_STANDARDS = Path(__file__).parent / "standards_data"

ANY_KIND = "*"
"""Stands for every kind that no other rule of the standard names for the same zone class."""

PROVENANCES = ("trade practice, ", "published standard, ", "customer agreement, ", "house default, editable")
"""How a provenance may begin."""

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]


class Quantity(StrEnum):
    """What a rule looks at."""

    LENGTH_MM = "length_mm"
    WIDTH_MM = "width_mm"
    AREA_MM2 = "area_mm2"
    COUNT = "count"
    PRESENT = "present"

    @property
    def unit(self) -> str:
        """Unit of the measured value and the limit; empty for a plain number."""
        return {"length_mm": "mm", "width_mm": "mm", "area_mm2": "mm²"}.get(self.value, "")

    @property
    def needs_scale(self) -> bool:
        """Whether it can only be told of a photo with a scale."""
        return self in (Quantity.LENGTH_MM, Quantity.WIDTH_MM, Quantity.AREA_MM2)


class Rule(BaseModel):
    """One rule: more than ``limit`` of ``quantity`` costs ``grade``.

    Attributes
    ----------
    kinds : identifiers of ``taxonomy.KINDS``, or ``*`` for every kind without a rule of its own in the zone
        class.
    zones : zone classes where the rule holds.
    quantity : of one defect (``length_mm``, ``width_mm``, ``area_mm2``, ``present``) or of all defects of one
        kind in one zone class (``count``).
    limit : largest value that is still allowed; left out for ``present``.
    grade : what the photo is worth at best when the rule is broken: B, C or recheck.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Name
    kinds: tuple[str, ...] = Field(min_length=1)
    zones: tuple[ZoneClass, ...] = Field(min_length=1)
    quantity: Quantity
    limit: float | None = Field(None, ge=0, allow_inf_nan=False)
    grade: Literal[Grade.B, Grade.C, Grade.RECHECK]
    severity: Severity
    clause: str = Field(min_length=1)
    provenance: str

    @field_validator("kinds")
    @classmethod
    def _known_kinds(cls, kinds: tuple[str, ...]) -> tuple[str, ...]:
        for kind in kinds:
            if kind != ANY_KIND and kind not in KINDS:
                raise ValueError(
                    f"{kind!r} is no defect kind; known kinds: {', '.join(KINDS)}, or {ANY_KIND} for any"
                )
        return kinds

    @field_validator("provenance")
    @classmethod
    def _says_where_from(cls, provenance: str) -> str:
        if not provenance.startswith(PROVENANCES):
            raise ValueError("has to begin with one of: " + "; ".join(p.strip(", ") for p in PROVENANCES))
        return provenance

    @model_validator(mode="after")
    def _limit_fits(self) -> Rule:
        if (self.limit is None) != (self.quantity is Quantity.PRESENT):
            raise ValueError("limit is left out for quantity 'present' and needed for every other quantity")
        return self


class Standard(BaseModel):
    """One version of a written standard."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Name
    version: str = Field(min_length=1, max_length=32)
    title: str
    title_zh: str
    description: str
    dispositions: Mapping[Grade, Disposition]
    rules: tuple[Rule, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _consistent(self) -> Standard:
        ids = [rule.id for rule in self.rules]
        twice = sorted({name for name in ids if ids.count(name) > 1})
        if twice:
            raise ValueError(f"rule ids have to differ, but these appear more than once: {', '.join(twice)}")
        if Grade.RECHECK in self.dispositions:
            raise ValueError("dispositions has no say in grade recheck: a person looks")
        missing = [grade.value for grade in (Grade.A, Grade.B, Grade.C) if grade not in self.dispositions]
        if missing:
            raise ValueError(f"dispositions has to say what becomes of grade {', '.join(missing)}")
        return self

    def rules_for(self, kind: str, zone_class: ZoneClass) -> tuple[Rule, ...]:
        """Rules for a kind in a zone class, in the order of the file; those for any kind if it has none."""
        here = [rule for rule in self.rules if zone_class in rule.zones]
        own = tuple(rule for rule in here if kind in rule.kinds)
        return own or tuple(rule for rule in here if ANY_KIND in rule.kinds)

    def rule(self, rule_id: str) -> Rule | None:
        """Rule of that id; None when the standard has no such rule."""
        return next((rule for rule in self.rules if rule.id == rule_id), None)


class Standards:
    """The standards that are known, by id."""

    def __init__(self, standards: Iterable[Standard]) -> None:
        self._by_id = {standard.id: standard for standard in standards}

    def get(self, standard_id: str) -> Standard:
        """Standard of that id; UnknownNameError lists the known ones."""
        if standard_id not in self._by_id:
            raise UnknownNameError(
                f"There is no standard named {standard_id!r}.",
                hint=f"Known standards: {', '.join(self.ids())}.",
            )
        return self._by_id[standard_id]

    def ids(self) -> tuple[str, ...]:
        """Ids, sorted."""
        return tuple(sorted(self._by_id))


def open_standards(folders: Iterable[Path] = ()) -> Standards:
    """Read the standards that ship, and those of further folders; two files with one id are refused."""
    by_id: dict[str, tuple[Path, Standard]] = {}
    for path, standard in read_folders([SHIPPED_STANDARDS, *folders], Standard).items():
        if standard.id in by_id:
            raise ConfigurationError(
                f"{path}: id: {standard.id!r} is already the id of {by_id[standard.id][0]}.",
                hint="Give the standard another id.",
            )
        by_id[standard.id] = path, standard
    return Standards(standard for _, standard in by_id.values())


def exceeds(value: float, limit: float, uncertainty: float) -> bool | None:
    """Whether a value is over its limit; None when the limit lies within the uncertainty, so nobody can tell.

    ``uncertainty`` is expanded (k = 2). A value of exactly the limit, with none, is allowed.
    """
    if math.isclose(uncertainty, 0):
        return value > limit
    if value - uncertainty > limit:
        return True
    if value + uncertainty <= limit:
        return False
    return None
