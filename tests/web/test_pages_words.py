"""Words of the pages: complete in both languages, and nowhere else than in the catalogues."""

from __future__ import annotations

import re
import string
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import pytest

from inspection import taxonomy
from inspection.access import Role
from inspection.domain import Disposition, Grade, Severity, ZoneClass
from inspection.recipes import open_recipes
from inspection.standards import Provenance, Quantity
from inspection.standards.quantities import DEFECT_QUANTITIES, PAIR_QUANTITIES, SEAM_QUANTITIES
from inspection.web import i18n
from inspection.web.i18n import choose_language, open_words

TEMPLATES = Path(i18n.__file__).parent / "templates"
WORDS = open_words()


def fields(text: str) -> set[str]:
    """Names of the values that a text takes."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_both_languages_have_the_same_keys() -> None:
    assert WORDS["en"].texts.keys() == WORDS["zh"].texts.keys()


def test_words_go_by_their_number() -> None:
    for days, english in ((0, "0 days"), (1, "1 day"), (2, "2 days")):
        assert WORDS["en"]("calibration.stale", days=days) == f"too old: {english}"
        assert WORDS["zh"]("calibration.stale", days=days) == f"已过期：{days} 天"
    assert WORDS["en"]("lots.beyond", n=1) == (
        "1 item came after the sample was complete and does not count."
    )
    assert WORDS["en"]("set.replaced", n=2) == "2 earlier photos of the same views do not count."
    assert WORDS["en"]("statistics.totals", n=3, a=1, b=1, c=1, recheck=0) == (
        "3 inspected: 1 good, 1 second, 1 reject, 0 to recheck"
    )


def test_both_languages_take_the_same_values() -> None:
    for key, english in WORDS["en"].texts.items():
        assert fields(english) == fields(WORDS["zh"].texts[key]), key


def test_no_text_is_empty_and_chinese_texts_are_chinese() -> None:
    same = {key for key, text in WORDS["en"].texts.items() if WORDS["zh"].texts[key] == text}
    # Only the letters of the grades are the same in both.
    assert all(re.fullmatch(r"grade\.(A|B|C|recheck)\.(letter|short)", key) for key in same), same
    assert all(text.strip() for words in WORDS.values() for text in words.texts.values())


def test_everything_that_a_result_can_hold_has_words() -> None:
    keys = WORDS["en"].texts.keys()
    for grade in Grade:
        for form in ("letter", "word", "short", "choice", "spoken"):
            assert f"grade.{grade}.{form}" in keys
    for group, members in (
        ("disposition", Disposition),
        ("severity", Severity),
        ("zone_class", ZoneClass),
        ("role", Role),
        ("rule", DEFECT_QUANTITIES),
        ("quantity", (*SEAM_QUANTITIES, *PAIR_QUANTITIES)),
        ("basis", Provenance),
    ):
        for member in members:
            assert f"{group}.{member}" in keys
    for quantity in DEFECT_QUANTITIES:
        if quantity is not Quantity.PRESENT:
            assert f"reason.{quantity}.over" in keys
            assert f"reason.{quantity}.near" in keys
    recipes = open_recipes()
    for name in recipes.names():
        for view_name, view in recipes.get(name).views.items():
            assert f"view.{view_name}" in keys
            assert all(f"zone.{zone.name}" in keys for zone in view.zones)


def test_every_key_is_used() -> None:
    """A text that nothing shows is work for translators and a trap for readers."""
    source = "\n".join(
        path.read_text(encoding="utf-8")
        for folder, kind in ((TEMPLATES, "*.html"), (TEMPLATES.parent, "*.py"))
        for path in folder.rglob(kind)
    )
    built = (
        *(
            "recipe.",
            "grade.",
            "disposition.",
            "severity.",
            "zone_class.",
            "zone.",
            "view.",
            "stage.",
            "measurement.",
        ),
        *("fact.", "foot.", "calibration_source.", "role.", "reason.", "problem.", "header.", "rule."),
        *("recipe.", "quantity.", "basis.", "seam.fault.", "unit."),
        *("review.entry", "recipes.did_"),
        *("set_reason.", "lots.", "statistics.by.", "statistics.unit.", "set_state.", "pair_quantity."),
    )
    unused = {
        key
        for key in WORDS["en"].texts
        if not key.startswith(built) and f"'{key}'" not in source and f'"{key}"' not in source
    }
    assert not unused


class _Texts(HTMLParser):
    """Texts that a template itself shows, with its expressions taken out before."""

    SPOKEN = frozenset({"alt", "title", "placeholder", "aria-label"})

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside.append(tag)
        self.found += [value for name, value in attrs if name in self.SPOKEN and value]

    def handle_endtag(self, tag: str) -> None:
        if tag in self._inside:
            while self._inside.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if not {"script", "style", "kbd"} & set(self._inside):
            self.found.append(data)


@pytest.mark.parametrize("template", sorted(TEMPLATES.glob("*.html")), ids=lambda path: path.name)
def test_no_template_has_a_sentence_of_its_own(template: Path) -> None:
    source = template.read_text(encoding="utf-8")
    source = re.sub(r"\{% block body_class %\}.*?\{% endblock %\}", "", source)
    source = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", " ", source, flags=re.S)
    texts = _Texts()
    texts.feed(source)
    letters = {word for text in texts.found for word in re.findall(r"[^\W\d_]{2,}", text)}
    assert letters <= {"Welt"}, letters  # the name of the product is the same everywhere


@pytest.mark.parametrize("template", sorted(TEMPLATES.glob("*.html")), ids=lambda path: path.name)
def test_no_template_has_inline_scripts_or_styles(template: Path) -> None:
    source = template.read_text(encoding="utf-8")
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|hx-on|javascript:", source)
    for attributes in re.findall(r"<script([^>]*)>", source):
        assert "src=" in attributes or 'type="application/json"' in attributes


def test_kinds_have_their_names_from_the_taxonomy() -> None:
    assert WORDS["en"].kind("stain") == "stain"
    assert WORDS["zh"].kind("stain") == "污渍"
    assert WORDS["zh"].kind("of_a_newer_model") == "of a newer model"
    assert all(WORDS["zh"].kind(kind) for kind in taxonomy.KINDS)


@dataclass(frozen=True)
class Told:
    """A reason with everything that its sentence can need."""

    rule: str = "mark-long-primary"
    grade: str = "C"
    message: str = "in English"
    quantity: str | None = "length_mm"
    kind: str | None = "scratch"
    zone: str | None = "toe"
    measured: float | None = 7.25
    uncertainty: float | None = 0.2
    limit: float | None = 5.0
    unit: str | None = "mm"
    severity: str | None = "major"
    seam: int | None = None
    least: bool = False
    expected: str | None = None


@pytest.mark.parametrize(
    ("reason", "english", "chinese"),
    [
        (
            Told(),
            "The scratch in zone “toe” is 7.25 ± 0.20 mm long; 5 mm is allowed",
            "“鞋头”的划伤长 7.25 ± 0.20 mm，允许 5 mm",
        ),
        (
            Told(grade="recheck", measured=5.1),
            "The scratch in zone “toe” is 5.10 ± 0.20 mm long: too close to the limit of 5 mm to tell",
            "“鞋头”的划伤长 5.10 ± 0.20 mm，太接近限值 5 mm，无法判定",
        ),
        (
            Told(quantity="area_mm2", unit="mm²", measured=123.4, uncertainty=10.0, limit=100.0),
            "The scratch in zone “toe” covers 123 ± 10 mm²; 100 mm² is allowed",
            "“鞋头”的划伤面积 123 ± 10 mm²，允许 100 mm²",
        ),
        (
            Told(quantity="count", unit="", measured=4.0, uncertainty=None, limit=3.0, zone="primary"),
            "4 × scratch in zones like “primary”; the limit is 3",
            "“主要部位”一类部位有 4 处划伤，允许 3 处",
        ),
        (
            Told(quantity="present", measured=None, limit=None, unit=""),
            "A scratch in zone “toe”, where grade A allows none",
            "“鞋头”存在划伤，A 级不允许",
        ),
        (
            Told(quantity="present", measured=None, limit=None, grade="recheck", zone="side_panel"),
            "Possible scratch in zone “side panel”: a person has to look",
            "“side panel”疑似划伤：须人工查看",
        ),
        (
            Told(rule="scale", quantity=None, kind=None, measured=None, limit=None),
            "The scale of the photo is not known, so no limit in millimetres can be checked.",
            "照片比例未知，无法核对以毫米计的限值。",
        ),
        (
            Told(rule="too_many_regions", quantity="count", kind=None, measured=130.0, limit=100.0),
            "130 regions were found and only the 100 largest are listed: check focus, light and background.",
            "共发现 130 个区域，仅列出最大的 100 个：请检查对焦、光线和背景。",
        ),
        (Told(quantity="of_a_newer_version"), "in English", "in English"),
        (
            Told(
                quantity="density_per_cm", kind=None, seam=1, least=True, measured=2.5, limit=3.0, unit="/cm"
            ),
            "Stitches per cm of seam 2 in zone “toe” is 2.50 ± 0.20 /cm; at least 3 /cm is asked for",
            "“鞋头”第 2 条线迹的每厘米针数为 2.50 ± 0.20 /cm，至少须 3 /cm",
        ),
        (
            Told(quantity="run_off_mm", kind=None, seam=1, measured=None, grade="recheck", limit=1.5),
            "Run-off of seam 2 in zone “toe” could not be measured, and has a limit: a person has to look",
            "“鞋头”第 2 条线迹的越轨量无法测量，而标准对其有限值：须人工查看",
        ),
        (
            Told(quantity="missing_pct", kind=None, expected="heel", grade="recheck", unit="%", limit=10.0),
            "Share that was not found of the recipe's seam “heel” is 7.25 ± 0.20 %: "
            "too close to the limit of 10 % to tell",
            "配方线迹“heel”的未找到部分为 7.25 ± 0.20 %，太接近上限 10 %，无法判定",
        ),
        (
            Told(quantity="colour_difference_de00", kind=None, grade="recheck", limit=7.0, unit="ΔE00"),
            "Colour difference of the pair is 7.25 ± 0.20 ΔE00: too close to the limit of 7 ΔE00 to tell",
            "整双鞋的色差为 7.25 ± 0.20 ΔE00，太接近上限 7 ΔE00，无法判定",
        ),
        (
            Told(quantity="sum_length_mm", kind="scratch, stain", zone="primary, secondary"),
            "All scratch, stain in zones like “primary, secondary” together are 7.25 ± 0.20 mm long; "
            "5 mm is allowed",
            "“主要部位、次要部位”一类部位划伤、污渍总长 7.25 ± 0.20 mm，允许 5 mm",
        ),
        (
            Told(rule="combination", quantity="faults", kind=None, severity="minor", measured=4.0, limit=3.0),
            "4 faults that are minor or worse; 3 are allowed",
            "严重程度达到“轻微”及以上的缺陷共 4 处，允许 3 处",
        ),
        (
            Told(rule="combination", quantity="faults", kind=None, severity="major", measured=1.0, limit=0.0),
            "1 fault that is major or worse; 0 are allowed",
            "严重程度达到“严重”及以上的缺陷共 1 处，允许 0 处",
        ),
        (
            Told(rule="seam_unreadable", quantity=None, kind=None, seam=0),
            "The stitches of seam 1 in zone “toe” are too faint to measure: a person has to look",
            "“鞋头”第 1 条线迹太模糊，无法测量：须人工查看",
        ),
    ],
)
def test_a_reason_is_told_in_the_viewers_language(reason: Told, english: str, chinese: str) -> None:
    assert WORDS["en"].reason(reason) == english
    assert WORDS["zh"].reason(reason) == chinese


@pytest.mark.parametrize(
    ("cookie", "header", "expected"),
    [
        (None, "", "en"),
        (None, "zh-CN,zh;q=0.9,en;q=0.5", "zh"),
        (None, "en-GB,zh;q=0.9", "en"),
        (None, "de-DE,de,zh;q=0.3", "zh"),
        (None, "fr", "en"),
        (None, "zh;q=0, en;q=0.1", "en"),
        (None, "zh;q=much", "en"),
        ("zh", "en", "zh"),
        ("en", "zh", "en"),
        ("../../etc", "zh", "zh"),
    ],
)
def test_the_language_is_what_was_chosen_else_what_the_browser_likes(
    cookie: str | None, header: str, expected: str
) -> None:
    assert choose_language(cookie, header) == expected


@pytest.mark.parametrize(
    ("value", "unit", "uncertainty", "told"),
    [
        (1.0, None, 1.0, "1 ± 1"),
        (3.0, None, None, "3"),
        (12.0, None, 0.5, "12 ± 0.5"),
        (2.0, "mm", 1.0, "2.00 ± 1.00 mm"),
    ],
)
def test_a_count_is_as_uncertain_as_so_many_whole_things(
    value: float, unit: str | None, uncertainty: float | None, told: str
) -> None:
    assert WORDS["en"].number(value, unit, uncertainty) == told
