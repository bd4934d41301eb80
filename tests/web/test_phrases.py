"""Errors in Chinese: every sentence that the code raises where a person may meet it is in the catalogue."""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

import inspection
from inspection.errors import NotFoundError, WeltError
from inspection.web.i18n import open_words
from inspection.web.phrases import Phrases, open_phrases

ROOT = Path(inspection.__file__).parent
CHINESE = open_phrases("zh")
SEEN_BY_PEOPLE = (
    "access.py",
    "assembling.py",
    "imaging.py",
    "recipe_book.py",
    "recipes.py",
    "locating/learning.py",
    "standard_book.py",
    "standards/shelf.py",
    "station.py",
    "runtime.py",
    "preprocess.py",
    "detecting.py",
    "standard_book.py",
    "calibrating.py",
    "calibration/boards.py",
    "calibration/checking.py",
    "calibration/choosing.py",
    "calibration/mapping.py",
    "calibration/solving.py",
    "lotkeeping.py",
    "lots/judging.py",
    "lots/plans.py",
    "lots/probability.py",
    "lots/switching.py",
    "lots/tables.py",
    "novelty/bank.py",
    "novelty/descriptors.py",
    "novelty/teaching.py",
    "store/banks.py",
    "store/calibrations.py",
    "store/inspections.py",
    "store/lots.py",
    "store/people.py",
    "store/photos.py",
    "store/recipes.py",
    "store/reviews.py",
    "store/standards.py",
    "store/stations.py",
    "teaching.py",
    "web/api.py",
    "web/calibrations.py",
    "web/contexts/filters.py",
    "web/deps.py",
    "web/desk.py",
    "web/events.py",
    "web/pages_lots.py",
    "web/pages_people.py",
    "web/pages_teach.py",
    "web/pictures.py",
    "web/problems.py",
    "web/teach_photos.py",
    "web/pages_recipes.py",
    "web/pages_results.py",
    "web/recipes_api.py",
    "web/standards_api.py",
)
"""Modules whose errors reach a page. Those of the command line and of uploads by cameras do not."""
AT_START = {"ConfigurationError"}
"""Raised before there are pages."""


def form(node: ast.expr | None) -> str | None:
    """A text or f-string as the catalogue has it; None for what is put together elsewhere."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(v.value) if isinstance(v, ast.Constant) else "{}" for v in node.values)
    return None


def calls(module: str) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse((ROOT / module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield node


def raised(module: str) -> set[str]:
    """Forms of what happened and of the hints that a module raises."""
    forms: set[str | None] = set()
    for call in calls(module):
        name = getattr(call.func, "id", getattr(call.func, "attr", ""))
        if not name.endswith("Error") or name in AT_START:
            continue
        hints = [word.value for word in call.keywords if word.arg == "hint"]
        if hints and call.args:
            forms |= {form(call.args[0]), form(hints[0])}
    return {each for each in forms if each is not None and any(letter.isalpha() for letter in each)}


@pytest.mark.parametrize("module", SEEN_BY_PEOPLE)
def test_what_a_module_raises_is_told_in_chinese(module: str) -> None:
    missing = sorted(raised(module) - CHINESE.sentences.keys())
    assert not missing, "add them to inspection/web/locales/phrases/zh.json"


def test_every_sentence_of_the_catalogue_is_in_the_code() -> None:
    texts = set()
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.expr):
                texts.add(form(node))
    assert sorted(CHINESE.sentences.keys() - texts) == []


def test_translations_take_the_values_of_the_english() -> None:
    for english, chinese in CHINESE.sentences.items():
        wanted = {str(place) for place in range(english.count("{}"))}
        assert {name for _, name, _, _ in string.Formatter().parse(chinese) if name is not None} == wanted, (
            english
        )


def test_values_are_put_in_their_places_and_known_ones_are_told_too() -> None:
    assert CHINESE.tell("no result has the id 'xyz'") == "没有编号为 'xyz' 的检验结果"
    assert (
        CHINESE.tell("PUT is not allowed at /results; GET, POST is.")
        == "/results 不支持 PUT，只支持 GET, POST。"
    )
    told = CHINESE.tell("This takes a person with the role admin or higher.")
    assert told == "此操作需要“管理员”或更高的角色。"
    assert CHINESE.tell("Storage: the database is read-only (attempt to write)") == (
        "存储：数据库为只读（attempt to write）"
    )


@pytest.mark.parametrize(
    "text",
    ["nobody raises this", "field: something new", "", "x" * 5000, "{} {0} {", "a: " * 1500, "a: (b) " * 60],
)
def test_what_is_not_known_stays_as_it_is(text: str) -> None:
    assert CHINESE.tell(text) is None
    assert open_words()["zh"].sentence(text).lower() == text.lower()


def test_english_needs_no_catalogue() -> None:
    words = open_words()["en"]
    assert words.phrases == Phrases()
    error = NotFoundError("no result has the id 'x'", hint="Look in the list.")
    assert words.error(error) == "No result has the id 'x'. Look in the list."
    assert words.sentence("mm_per_px is 0") == "mm_per_px is 0"


def kinds(error: type[WeltError]) -> Iterator[str]:
    if error.__module__.startswith("inspection."):  # training has kinds of its own, which no page shows
        yield error.kind
    for special in error.__subclasses__():
        yield from kinds(special)


def test_every_kind_of_error_has_a_title_in_both_languages() -> None:
    for words in open_words().values():
        assert [kind for kind in kinds(WeltError) if not words.has(f"problem.{kind}")] == []
