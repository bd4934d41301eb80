"""Errors in Chinese: every sentence that the code raises where a person may meet it is in the catalogue."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError
from pydantic_core._pydantic_core import list_all_errors

import inspection
from inspection.errors import NotFoundError, StandardError, WeltError
from inspection.lots import Aql
from inspection.recipes import Recipe
from inspection.standards import check_text, open_standards
from inspection.web.i18n import open_words
from inspection.web.phrases import Phrases, open_phrases

ROOT = Path(inspection.__file__).parent
CHINESE = open_phrases("zh")
NOT_ON_PAGES = {
    "camera.py",
    "demo.py",
    "exporting.py",
    "gauge/reading.py",
    "gauge/study.py",
    "metrics.py",
    "novelty/bank.py",
    "novelty/limits.py",
    "onnx_graph.py",
    "preprocess.py",
    "registry.py",
}
"""Modules whose errors reach the command line, the cameras or the log, and no page."""
MODULES = sorted(
    path
    for path in (file.relative_to(ROOT).as_posix() for file in ROOT.rglob("*.py"))
    if path not in NOT_ON_PAGES and not path.startswith("commands/")
)
SHOWN = {"Fault", "fault", "_broken", "_several_pictures", "_too_large"}
"""Functions beside the errors that take a sentence which a page shows."""
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


def sentences(node: ast.expr) -> Iterator[str]:
    """The forms that an argument may have, of which some words can be read."""
    if isinstance(node, ast.IfExp):
        yield from (*sentences(node.body), *sentences(node.orelse))
    elif isinstance(node, ast.BoolOp):
        for value in node.values:
            yield from sentences(value)
    else:
        text = form(node)
        if text is not None and any(letter.isalpha() for letter in text):
            yield text


def raised(module: str) -> set[str]:
    """Forms of what happened and of the hints that a module raises."""
    forms: set[str] = set()
    for call in calls(module):
        name = getattr(call.func, "id", getattr(call.func, "attr", ""))
        hints = [word.value for word in call.keywords if word.arg == "hint"]
        if name in ("ValueError", "ZonelessTimeError"):  # of a validator: the fault of what somebody wrote
            told = call.args[:1]
        elif name.endswith("Error") and name not in AT_START and hints and call.args:
            told = [call.args[0], hints[0]]
        elif name in SHOWN:
            told = [argument for argument in call.args if " " in (form(argument) or " ")]
        else:
            continue
        forms |= {text for node in told for text in sentences(node)}
    return forms


def known(text: str) -> bool:
    """Whether the sentence, with or without its full stop, is in the catalogue."""
    return text in CHINESE.sentences or f"{text}." in CHINESE.sentences


@pytest.mark.parametrize("module", MODULES)
def test_what_a_module_raises_is_told_in_chinese(module: str) -> None:
    missing = sorted(text for text in raised(module) if not known(text))
    assert not missing, "add them to inspection/web/locales/phrases/zh.json"


def test_modules_that_are_on_no_page_exist() -> None:
    assert {path for path in NOT_ON_PAGES if not (ROOT / path).is_file()} == set()


def messages_of_pydantic() -> set[str]:
    """Forms of what pydantic says of a value, for one and for many, as a sentence and within one."""
    forms = set()
    for kind in list_all_errors():
        for plural in ("", "s"):
            text = kind["message_template_python"].replace("{expected_plural}", plural)
            text = re.sub(r"\{\w+\}", "{}", text)
            forms |= {text, text[0].lower() + text[1:]}
    return forms


def test_every_sentence_of_the_catalogue_is_in_the_code() -> None:
    texts = set()
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.expr):
                texts.add(form(node))
    assert sorted(CHINESE.sentences.keys() - texts - messages_of_pydantic()) == []


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


def test_choices_keep_their_spelling_and_lose_their_or() -> None:
    assert CHINESE.tell("Input should be 'minor' or 'major'") == "须为 'minor' 或 'major'"
    assert CHINESE.tell("Input should be 'minor'") == "须为 'minor'"
    assert CHINESE.tell("no result has the id 'this or that'") == "没有编号为 'this or that' 的检验结果"
    assert CHINESE.tell("'left or right' or 'none'") is None  # a value alone is no sentence


@pytest.mark.parametrize(
    "text",
    ["nobody raises this", "field: something new", "", "x" * 5000, "{} {0} {", "a: " * 1500, "a: (b) " * 60],
)
def test_what_is_not_known_stays_as_it_is(text: str) -> None:
    assert CHINESE.tell(text) is None
    assert open_words()["zh"].sentence(text).lower() == text.lower()


@pytest.mark.parametrize("aql", ["0.001", "2.3", "2000", "0"])
def test_what_is_wrong_with_an_aql_is_told_in_chinese(aql: str) -> None:
    with pytest.raises(WeltError) as refused:
        _ = Aql.parse(aql).index
    assert not re.search("[a-z]{3}", open_words()["zh"].error(refused.value))


SHIPPED = (ROOT.parent / "inspection/standards_data/general.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ("[[rules]]", "[[rules]", "standard.toml:{line}：不是有效的 TOML"),
        ('severity = "major"', 'severity = "huge"', "'huge'：须为 'critical'、'major' 或 'minor'"),
        ('unit = "mm"', 'unit = "km"', "单位 'km' 不适用于"),
        ('kinds = ["scratch"', 'kinds = ["scracth"', "'scracth' 不是缺陷种类"),
        ("severity =", "gravity =", "不是已知的键"),
        ('quantity = "length_mm"', 'quantity = "lenth_mm"', "'lenth_mm' 不能用于 [[rules]]"),
        ('quantity = "run_off_mm"', 'quantity = "run_of_mm"', "'run_of_mm' 不能用于 [[stitching]]"),
        ('severity = "minor"', 'severity = "minor"\ngrade = "A"', "'A'：须为 'B'、'C' 或 'recheck'"),
        ("assumed_uncertainty =", "#", "assumed_uncertainty 仅在 quantity 为"),
    ],
)
def test_faults_of_a_standard_are_told_in_chinese(right: str, wrong: str, told: str) -> None:
    assert right in SHIPPED
    line = SHIPPED[: SHIPPED.index(right)].count("\n") + 1
    found = check_text(SHIPPED.replace(right, wrong, 1), "standard.toml", open_standards())
    assert isinstance(found, list)
    error = StandardError([(str(fault), fault.hint) for fault in found])
    assert told.format(line=line) in " ".join(open_words()["zh"].faults(error))
    english = open_words()["en"].faults(error)[0]
    assert english.startswith(str(found[0]).rstrip("."))


@pytest.mark.parametrize(
    "draft",
    [
        None,
        {},
        {"name": 7, "version": "1", "views": {"side": {}}},
        {"name": "", "version": "1", "views": {}},
        {"name": "a", "views": {"side": {"zones": [{"name": "x", "outline": [[0, 0], [2, 0], [0, 1]]}]}}},
        {"name": "a", "views": {"side": {"zones": [{"name": "x", "outline": [[0, 0]]}], "mm_per_px": -1}}},
        {"name": "a", "views": {"side": {"mm_per_px": "wide"}}, "thresholds": {"hole": 7, "hoel": 0.5}},
        {"name": "a", "views": {"side": {"mm_per_px": True, "colour": 1}}, "shoe_views": ["top"]},
    ],
)
def test_faults_of_a_draft_of_a_recipe_are_told_in_chinese(draft: object) -> None:
    words = open_words()["zh"]
    with pytest.raises(ValidationError) as refused:
        Recipe.model_validate(draft)
    for fault in refused.value.errors(include_url=False):
        english = str(fault["msg"]).removeprefix("Value error, ")
        assert words.phrases.tell(english) is not None, english


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


def test_a_name_that_begins_a_translated_sentence_keeps_its_letters() -> None:
    said = "oxford/toe is being taught now, by lee."
    assert open_words()["zh"].sentence(said) == "lee 正在学习 oxford/toe。"
    assert open_words()["zh"].sentence("nobody translated this.") == "Nobody translated this."
