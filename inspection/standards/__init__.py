"""Written standards: which fault, of which size, in which zone, costs which grade.

A standard is a TOML file. Every figure carries its clause in the file, its provenance and its source: a house
value is a starting point for a factory's own agreement with its customer, never a national or international
standard's value. A standard may build on another (``extends``) and say only what differs::

    standards = open_standards([folder])
    general = standards.get("general")
"""

from inspection.standards.limits import below, exceeds
from inspection.standards.model import (
    ANY_KIND,
    AnyRule,
    Combination,
    GradeTerms,
    PairRule,
    Per,
    Provenance,
    Rule,
    SeamRule,
    Standard,
    Term,
    Unknown,
    WindowRule,
)
from inspection.standards.publishing import json_schema
from inspection.standards.quantities import Quantity, Scope, seam_kind
from inspection.standards.reading import Fault
from inspection.standards.shelf import (
    SHIPPED_STANDARDS,
    Standards,
    check_file,
    check_text,
    open_standards,
    refuse,
)

__all__ = [
    "ANY_KIND",
    "SHIPPED_STANDARDS",
    "AnyRule",
    "Combination",
    "Fault",
    "GradeTerms",
    "PairRule",
    "Per",
    "Provenance",
    "Quantity",
    "Rule",
    "Scope",
    "SeamRule",
    "Standard",
    "Standards",
    "Term",
    "Unknown",
    "WindowRule",
    "below",
    "check_file",
    "check_text",
    "exceeds",
    "json_schema",
    "open_standards",
    "refuse",
    "seam_kind",
]
