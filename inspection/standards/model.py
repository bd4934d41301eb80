"""A standard as it is once its file was checked: zones, severities, grades, rules, combination."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from inspection.domain import Disposition, Grade, Severity, ZoneClass
from inspection.names import Name
from inspection.standards.quantities import (
    DEFECT_QUANTITIES,
    PAIR_QUANTITIES,
    SEAM_QUANTITIES,
    Quantity,
    Scope,
)
from inspection.taxonomy import KINDS

__all__ = [
    "ANY_KIND",
    "SCHEMA",
    "AnyRule",
    "Combination",
    "GradeTerms",
    "PairRule",
    "Per",
    "Provenance",
    "Rule",
    "SeamRule",
    "Standard",
    "Term",
    "Unknown",
    "WindowRule",
]

SCHEMA: Final = "welt.standard/2"

ANY_KIND = "*"
"""Stands for every kind that no other rule of the standard names for the same zone class."""

Limit = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Faults = Annotated[int, Field(ge=1, le=1000)]
Text = Annotated[str, Field(min_length=1, max_length=2000)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Provenance(StrEnum):
    """Where a number comes from.

    VERIFIED : read at the cited source, which may be a published page of a buyer or an inspection company.
    AGREED : agreed with the customer, in the document that the source names.
    HOUSE : chosen in house as a starting point; no source backs it.
    """

    VERIFIED = "verified"
    AGREED = "agreed"
    HOUSE = "house"


class Per(StrEnum):
    """Over what a count, a density or a sum is taken."""

    PHOTO = "photo"
    SHOE = "shoe"


class Unknown(StrEnum):
    """What becomes of a seam whose measurement is not known though a rule asks for it."""

    RECHECK = "recheck"
    PASS = "pass"


class Term(_Part):
    """What a zone class or a severity is called here, and what it means."""

    title: Text
    title_zh: Text
    meaning: str = ""


class GradeTerms(_Part):
    """What a grade is called here, and what becomes of the part."""

    disposition: Literal[Disposition.PASS, Disposition.REWORK, Disposition.REJECT]
    title: str = ""
    title_zh: str = ""


class _Origin(_Part):
    """What every figure says of itself."""

    clause: str = Field(min_length=1, max_length=32, description="Number in this file.")
    provenance: Provenance
    source: str = Field(
        "", max_length=500, description="Page, document or agreement; why, for a house value."
    )

    @model_validator(mode="after")
    def _names_its_source(self) -> _Origin:
        if self.provenance is not Provenance.HOUSE and not self.source.strip():
            raise ValueError(f"source has to say where a figure that is {self.provenance.value} was found")
        return self

    @property
    def origin(self) -> str:
        """One line that says where the figure comes from."""
        if self.provenance is Provenance.HOUSE:
            return f"house value: {self.source}" if self.source else "house value"
        return f"{self.provenance.value}: {self.source}"


class _RuleBase(_Origin):
    id: Name
    zones: tuple[ZoneClass, ...] = Field(min_length=1)
    severity: Severity
    grade: Literal[Grade.B, Grade.C, Grade.RECHECK] | None = Field(
        None, description="Grade at best when broken; left out, the combination says it by severity."
    )

    @field_validator("zones")
    @classmethod
    def _once_each(cls, zones: tuple[ZoneClass, ...]) -> tuple[ZoneClass, ...]:
        if len(set(zones)) < len(zones):
            raise ValueError("names a zone class twice")
        return zones


class Rule(_RuleBase):
    """More than ``limit`` of ``quantity`` in defects of these kinds is a fault.

    Attributes
    ----------
    kinds : identifiers of ``taxonomy.KINDS``, or ``*`` for every kind without a rule of its own in the zone
        class.
    zones : zone classes where the rule holds.
    quantity : of one defect (``length_mm``, ``width_mm``, ``area_mm2``, ``present``) or of all defects of the
        kinds in the zones together (``count``, ``density_per_dm2``, ``spacing_mm``, ``sum_length_mm``,
        ``sum_area_mm2``). Distance to the next is the gap between the boxes around two defects.
    unit : of the limit: the unit that belongs to the quantity; left out for ``present`` and ``count``.
    limit : largest value that is still allowed, for ``spacing_mm`` the smallest; left out for ``present``.
    counts_over_mm : a count or density takes only defects that are longer.
    per : what counts, densities and sums are taken over.
    """

    kinds: tuple[str, ...] = Field(min_length=1)
    quantity: Quantity
    limit: Limit | None = None
    unit: str | None = None
    counts_over_mm: Limit | None = None
    per: Per = Per.PHOTO

    @field_validator("kinds")
    @classmethod
    def _known_kinds(cls, kinds: tuple[str, ...]) -> tuple[str, ...]:
        for kind in kinds:
            if kind != ANY_KIND and kind not in KINDS:
                raise ValueError(
                    f"{kind!r} is no defect kind; known kinds: {', '.join(KINDS)}, or {ANY_KIND} for any"
                )
        if len(set(kinds)) < len(kinds):
            raise ValueError("names a kind twice")
        if ANY_KIND in kinds and len(kinds) > 1:
            raise ValueError(f"{ANY_KIND} stands alone: it means every kind without a rule of its own")
        return kinds

    @field_validator("quantity", mode="before")
    @classmethod
    def _of_defects(cls, quantity: object) -> object:
        return _one_of(quantity, DEFECT_QUANTITIES, "[[rules]]")

    @model_validator(mode="after")
    def _limit_fits(self) -> Rule:
        if (self.limit is None) != (self.quantity is Quantity.PRESENT):
            raise ValueError("limit is left out for quantity 'present' and needed for every other quantity")
        if self.quantity is not Quantity.PRESENT:
            _check_unit(self.quantity, self.unit)
        elif self.unit is not None:
            raise ValueError("unit is left out for quantity 'present', which has no limit")
        if self.counts_over_mm is not None and self.quantity not in _COUNTED:
            raise ValueError("counts_over_mm belongs to quantity 'count' or 'density_per_dm2'")
        if self.per is Per.SHOE and self.quantity not in _PER_SHOE:
            raise ValueError(f"per = 'shoe' belongs to a count or a sum: {', '.join(_PER_SHOE)}")
        return self

    @cached_property
    def grouped(self) -> bool:
        """Whether it looks at all defects together instead of at each."""
        return self.quantity.scope is Scope.GROUP

    @property
    def needs_scale(self) -> bool:
        """Whether it can only be told of a photo with a scale."""
        return self.quantity.needs_scale or self.counts_over_mm is not None

    @property
    def least(self) -> bool:
        """Whether the limit is the least that is allowed."""
        return self.quantity.least


_COUNTED = (Quantity.COUNT, Quantity.DENSITY_PER_DM2)
_PER_SHOE = (Quantity.COUNT, Quantity.SUM_LENGTH_MM, Quantity.SUM_AREA_MM2)


class WindowRule(_RuleBase):
    """A measured value outside its window is a fault.

    Attributes
    ----------
    at_least, at_most : ends of the window, both allowed; one may be left out.
    unit : of both: the unit that belongs to the quantity.
    """

    quantity: Quantity
    at_least: Annotated[float, Field(allow_inf_nan=False)] | None = None
    at_most: Annotated[float, Field(allow_inf_nan=False)] | None = None
    unit: str | None = None

    @model_validator(mode="after")
    def _window_holds(self) -> WindowRule:
        if self.at_least is None and self.at_most is None:
            raise ValueError("needs at_least, at_most or both")
        for name, end in (("at_least", self.at_least), ("at_most", self.at_most)):
            if end is not None and end < 0 and self.quantity not in _SIGNED:
                raise ValueError(f"{name} is {end:g}, and {self.quantity.value} is never negative")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError(
                f"at_least {self.at_least:g} is over at_most {self.at_most:g}: nothing can keep both"
            )
        _check_unit(self.quantity, self.unit)
        return self

    @property
    def needs_scale(self) -> bool:
        """Whether it can only be told of a photo with a scale."""
        return self.quantity.needs_scale


_SIGNED = (Quantity.MARGIN_MIN_MM, Quantity.MARGIN_MAX_MM, Quantity.MARGIN_MEAN_MM)
"""Negative beyond the edge."""


class SeamRule(WindowRule):
    """A window for a measurement of each seam in these zones.

    Attributes
    ----------
    stitches_per_cm : for ``off_spec_length_mm``: least and most stitches per cm; a stitch outside is off its
        specification, and the longest stretch of such stitches counts.
    unknown : what becomes of a seam where the quantity could not be measured. ``pass`` is for what not every
        seam has, such as a panel's edge beside it.
    """

    stitches_per_cm: tuple[Limit, Limit] | None = None
    unknown: Unknown = Unknown.RECHECK

    @field_validator("quantity", mode="before")
    @classmethod
    def _of_seams(cls, quantity: object) -> object:
        return _one_of(quantity, SEAM_QUANTITIES, "[[stitching]]")

    @model_validator(mode="after")
    def _expected_has_no_least(self) -> SeamRule:
        if self.quantity.scope is Scope.EXPECTED and self.at_least is not None:
            raise ValueError("at_least can never fire: no seam of a recipe can be too right; say at_most")
        return self

    @model_validator(mode="after")
    def _off_spec_says_of_what(self) -> SeamRule:
        off_spec = self.quantity is Quantity.OFF_SPEC_LENGTH_MM
        if off_spec != (self.stitches_per_cm is not None):
            raise ValueError("stitches_per_cm is needed for quantity 'off_spec_length_mm', and only there")
        if self.stitches_per_cm is not None:
            least, most = self.stitches_per_cm
            if not 0 < least < most:
                raise ValueError(f"stitches_per_cm has to rise from over 0: {least:g} to {most:g} does not")
        return self


class PairRule(WindowRule):
    """A window for how much the two shoes of a pair differ.

    Attributes
    ----------
    assumed_uncertainty : of the difference, expanded (k = 2), in its unit, for what no photo tells: of
        colours how far lamp and exposure hold between two photos without a white tile, of the position of a
        seam how well the zones were found. Needed for these two.
    assumed_provenance : where that figure comes from; ``source`` is the limit's.
    """

    assumed_uncertainty: Limit | None = None
    assumed_provenance: Provenance = Provenance.HOUSE
    zones: tuple[ZoneClass, ...] = Field(tuple(ZoneClass), min_length=1)

    @field_validator("quantity", mode="before")
    @classmethod
    def _of_pairs(cls, quantity: object) -> object:
        return _one_of(quantity, PAIR_QUANTITIES, "[[pairs]]")

    @model_validator(mode="after")
    def _has_no_least(self) -> PairRule:
        if self.at_least is not None:
            raise ValueError("at_least can never fire: two shoes cannot differ too little; say at_most")
        return self

    @model_validator(mode="after")
    def _says_what_it_assumes(self) -> PairRule:
        if (self.assumed_uncertainty is not None) != (self.quantity in _ASSUMING):
            raise ValueError(f"assumed_uncertainty is needed for {', '.join(_ASSUMING)}, and only there")
        return self

    @property
    def origin(self) -> str:
        """One line that says where the figures come from."""
        if self.assumed_uncertainty is None:
            return super().origin
        basis = self.assumed_provenance.value
        return f"{super().origin}; uncertainty of {self.assumed_uncertainty:g} assumed: {basis} value"


_ASSUMING = (Quantity.COLOUR_DIFFERENCE_DE00, Quantity.SEAM_POSITION_DIFFERENCE_MM)

AnyRule = Rule | WindowRule


class Combination(_Origin):
    """How many faults make which grade; a fault counts for its severity and for every lesser one.

    Attributes
    ----------
    critical_for_c, major_for_c, minor_for_c : so many faults make C; left out, no number of them does.
    major_for_b, minor_for_b : so many make B.
    """

    critical_for_c: Faults = 1
    major_for_c: Faults | None = 1
    minor_for_c: Faults | None = None
    major_for_b: Faults | None = 1
    minor_for_b: Faults | None = 1
    clause: str = Field("0", min_length=1, max_length=32)
    provenance: Provenance = Provenance.HOUSE

    def grade(self, *, critical: int, major: int, minor: int) -> Grade:
        """Grade for so many faults of each severity or worse."""
        if (
            critical >= self.critical_for_c
            or (self.major_for_c is not None and major >= self.major_for_c)
            or (self.minor_for_c is not None and minor >= self.minor_for_c)
        ):
            return Grade.C
        if (self.major_for_b is not None and major >= self.major_for_b) or (
            self.minor_for_b is not None and minor >= self.minor_for_b
        ):
            return Grade.B
        return Grade.A

    def alone(self, severity: Severity) -> Grade:
        """Grade for one fault of that severity."""
        critical, major = int(severity is Severity.CRITICAL), int(severity is not Severity.MINOR)
        return self.grade(critical=critical, major=major, minor=1)


class Standard(_Part):
    """One edition of a written standard, complete: what it inherits is in it."""

    schema_: Literal["welt.standard/2"] = Field(SCHEMA, alias="schema")
    id: Name
    edition: str = Field(min_length=1, max_length=32)
    title: Text
    title_zh: Text
    description: str = Field("", max_length=4000)
    description_zh: str = Field("", max_length=4000)
    scope: str = Field("", max_length=2000, description="What is judged by it.")
    extends: Name | None = Field(None, description="Standard whose parts it takes over.")
    zone_classes: Mapping[ZoneClass, Term] = Field(default_factory=dict)
    severities: Mapping[Severity, Term] = Field(default_factory=dict)
    grades: Mapping[Grade, GradeTerms]
    combination: Combination = Combination()
    rules: tuple[Rule, ...] = Field(min_length=1)
    stitching: tuple[SeamRule, ...] = ()
    pairs: tuple[PairRule, ...] = ()

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)

    @model_validator(mode="after")
    def _consistent(self) -> Standard:
        ids = [rule.id for rule in self.every_rule]
        twice = sorted({name for name in ids if ids.count(name) > 1})
        if twice:
            raise ValueError(f"rule ids have to differ, but these appear more than once: {', '.join(twice)}")
        if Grade.RECHECK in self.grades:
            raise ValueError("grades has no say in grade recheck: a person looks")
        missing = [grade.value for grade in (Grade.A, Grade.B, Grade.C) if grade not in self.grades]
        if missing:
            raise ValueError(f"grades has to say what becomes of grade {', '.join(missing)}")
        return self

    @property
    def version(self) -> str:
        """The edition, as results name it."""
        return self.edition

    @cached_property
    def dispositions(self) -> Mapping[Grade, Disposition]:
        """What becomes of the part, by grade."""
        return {grade: terms.disposition for grade, terms in self.grades.items()}

    @cached_property
    def every_rule(self) -> tuple[AnyRule, ...]:
        """Rules of defects, of seams and of pairs."""
        return (*self.rules, *self.stitching, *self.pairs)

    @cached_property
    def _named(self) -> frozenset[tuple[str, ZoneClass]]:
        """Kinds that have a rule of their own, by zone class."""
        return frozenset((kind, zone) for rule in self.rules for kind in rule.kinds for zone in rule.zones)

    def applies(self, rule: Rule, kind: str, zone_class: ZoneClass) -> bool:
        """Whether a rule judges defects of that kind in zones of that class."""
        if zone_class not in rule.zones:
            return False
        if kind in rule.kinds:
            return True
        return ANY_KIND in rule.kinds and (kind, zone_class) not in self._named

    @cached_property
    def grouped_rules(self) -> tuple[Rule, ...]:
        """Rules that look at all defects together."""
        return tuple(rule for rule in self.rules if rule.grouped)

    @cached_property
    def _own_by_cell(self) -> dict[tuple[str, ZoneClass], tuple[Rule, ...]]:
        return {}

    def own_rules_for(self, kind: str, zone_class: ZoneClass) -> tuple[Rule, ...]:
        """Of `rules_for` those that look at each defect by itself."""
        cell = kind, zone_class
        found = self._own_by_cell.get(cell)
        if found is None:
            found = tuple(rule for rule in self.rules_for(kind, zone_class) if not rule.grouped)
            self._own_by_cell[cell] = found
        return found

    @cached_property
    def _by_cell(self) -> dict[tuple[str, ZoneClass], tuple[Rule, ...]]:
        return {}

    def rules_for(self, kind: str, zone_class: ZoneClass) -> tuple[Rule, ...]:
        """Rules for a kind in a zone class, in the order of the file; those for any kind if it has none."""
        cell = kind, zone_class
        found = self._by_cell.get(cell)
        if found is None:
            found = tuple(rule for rule in self.rules if self.applies(rule, kind, zone_class))
            self._by_cell[cell] = found
        return found

    @cached_property
    def _by_id(self) -> dict[str, AnyRule]:
        return {rule.id: rule for rule in self.every_rule}

    def rule(self, rule_id: str) -> AnyRule | None:
        """Rule of that id; None when the standard has no such rule."""
        return self._by_id.get(rule_id)

    @cached_property
    def _grades(self) -> dict[str, Grade]:
        return {rule.id: rule.grade or self.combination.alone(rule.severity) for rule in self.every_rule}

    def grade_of(self, rule: AnyRule) -> Grade:
        """Grade at best of a part whose only fault is that this rule is broken."""
        return self._grades[rule.id]

    def text(self) -> str:
        """The whole standard as JSON on one line, the same for the same content."""
        return self.model_dump_json(exclude_defaults=True)


def _one_of(quantity: object, known: tuple[Quantity, ...], table: str) -> object:
    if quantity not in known:
        raise ValueError(f"{f'{quantity}'!r} does not belong in {table}; known there: {', '.join(known)}")
    return quantity


def _check_unit(quantity: Quantity, unit: str | None) -> None:
    right = quantity.file_unit
    if unit is None and right != "1":
        raise ValueError(f"unit is missing: the limit of {quantity.value} is in {right!r}, so say so")
    if unit is not None and unit != right:
        raise ValueError(f"unit {unit!r} does not belong to {quantity.value}, whose limit is in {right!r}")
