"""What each page shows: frozen values, one class per template, built in the viewer's language.

Templates decide nothing: every number comes here as the text that is shown, every link as the address that it
leads to. The pages of recipes and of teaching have modules of their own here, whose names stand for
themselves: ``recipes`` and ``teach``.
"""

from inspection.web.contexts.entry import LoginContext, PasswordContext, ProblemContext
from inspection.web.contexts.filters import Choices, FilterForm, NamedKind, choices_of, named_kind
from inspection.web.contexts.frame import (
    URLS,
    Fact,
    Frame,
    Moment,
    Notice,
    Person,
    Place,
    Service,
    Today,
    Zone,
)
from inspection.web.contexts.model import ModelContext, ShownModel, model_of
from inspection.web.contexts.people import (
    ShownKey,
    ShownPassword,
    ShownSecret,
    ShownStation,
    ShownUser,
    StationsContext,
    UsersContext,
)
from inspection.web.contexts.result import ResultContext, result_of
from inspection.web.contexts.results import (
    FloorContext,
    ResultsContext,
    Row,
    RowsContext,
    overlay_url,
    row_of,
)
from inspection.web.contexts.rules import ShownRule, shown_rule

__all__ = [
    "URLS",
    "Choices",
    "Fact",
    "FilterForm",
    "FloorContext",
    "Frame",
    "LoginContext",
    "ModelContext",
    "Moment",
    "NamedKind",
    "Notice",
    "PasswordContext",
    "Person",
    "Place",
    "ProblemContext",
    "ResultContext",
    "ResultsContext",
    "Row",
    "RowsContext",
    "Service",
    "ShownKey",
    "ShownModel",
    "ShownPassword",
    "ShownRule",
    "ShownSecret",
    "ShownStation",
    "ShownUser",
    "StationsContext",
    "Today",
    "UsersContext",
    "Zone",
    "choices_of",
    "model_of",
    "named_kind",
    "overlay_url",
    "result_of",
    "row_of",
    "shown_rule",
]
