"""Everything that is wrong with a standard's file is told with its line, and with what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from inspection.domain import Grade, Severity, ZoneClass
from inspection.errors import ConfigurationError
from inspection.standards import (
    SHIPPED_STANDARDS,
    Fault,
    Provenance,
    Rule,
    SeamRule,
    Standard,
    check_file,
    check_text,
    json_schema,
    open_standards,
)
from inspection.standards.reading import lines_of

KNOWN = open_standards()
ROOT = Path(__file__).parents[2]

HEAD = """schema = "welt.standard/2"
id = "acme"
edition = "1"
title = "ACME"
title_zh = "某品牌"
"""
CHILD = HEAD + 'extends = "general"\n'
WHOLE = (
    HEAD
    + '[grades]\nA = {disposition = "pass"}\nB = {disposition = "rework"}\nC = {disposition = "reject"}\n'
)


def rule(rule_id: str = "own", **changes: object) -> str:
    """A rule on scratches, with changes; a change to None leaves the key out."""
    values = {
        "id": rule_id,
        "kinds": ["scratch"],
        "zones": ["primary"],
        "quantity": "length_mm",
        "limit": 5.0,
        "unit": "mm",
        "severity": "major",
        "clause": rule_id,
        "provenance": "house",
        **changes,
    }
    return "\n[[rules]]\n" + "".join(
        f"{key} = {json.dumps(value)}\n" for key, value in values.items() if value is not None
    )


def window(rule_id: str, **changes: object) -> str:
    values = {
        "id": rule_id,
        "quantity": "density_per_cm",
        "unit": "1/cm",
        "zones": ["primary"],
        "severity": "minor",
        "clause": rule_id,
        "provenance": "house",
        **changes,
    }
    return "\n[[stitching]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())


def checked(text: str) -> Standard | list[Fault]:
    return check_text(text, "acme.toml", KNOWN)


def one_fault(text: str) -> Fault:
    faults = checked(text)
    assert isinstance(faults, list)
    assert len(faults) == 1, [str(fault) for fault in faults]
    return faults[0]


def line_of(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.split("\n"), 1) if part in line)


@pytest.mark.parametrize(
    ("changes", "blamed", "told", "hint"),
    [
        ({"limit": None, "limt": 5.0}, "limt", "limt: is not a known key", "Did you mean 'limit'?"),
        ({"unit": None}, "[[rules]]", "unit is missing", "Units: %, 1/cm, 1/dm2, 1/inch, dE00, mm, mm2."),
        ({"unit": "cm"}, "unit", "unit 'cm' does not belong to length_mm", "Units:"),
        ({"limit": -2}, "limit", "-2: input should be greater than or equal to 0", "0 or more"),
        ({"kinds": ["scrach"]}, "kinds", "'scrach' is no defect kind", "Did you mean 'scratch'?"),
        ({"zones": ["primry"]}, "zones", "'primry'", "Did you mean 'primary'?"),
        ({"severity": "majr"}, "severity", "'majr'", "Did you mean 'major'?"),
        ({"quantity": "lenght_mm"}, "quantity", "'lenght_mm'", "Did you mean 'length_mm'?"),
        ({"provenance": "agreed"}, "[[rules]]", "source has to say where", ""),
        ({"per": "shoe"}, "[[rules]]", "per = 'shoe' belongs to a count or a sum", ""),
        ({"counts_over_mm": 2.0}, "[[rules]]", "counts_over_mm belongs to", ""),
        ({"kinds": ["scratch", "*"]}, "kinds", "* stands alone", ""),
    ],
)
def test_a_fault_has_its_line_and_its_remedy(
    changes: dict[str, Any], blamed: str, told: str, hint: str
) -> None:
    text = WHOLE + rule(**changes)
    faults = checked(text)
    assert isinstance(faults, list)
    fault = next(fault for fault in faults if told in str(fault))
    assert fault.line == line_of(text, blamed)
    assert str(fault).startswith(f"acme.toml:{fault.line}: rules[own]")
    assert hint in fault.hint
    assert fault.hint


def test_a_pair_cannot_differ_too_little() -> None:
    pair = window("pair", quantity="length_difference_mm", unit="mm", at_least=1.0)
    fault = one_fault(WHOLE + rule() + pair.replace("[[stitching]]", "[[pairs]]"))
    assert "at_least can never fire" in fault.message


def test_all_faults_are_told_at_once() -> None:
    faults = checked(WHOLE + rule("one", limit=-1.0) + rule("two", kinds=["nothing"]))
    assert isinstance(faults, list)
    assert [fault.key for fault in faults] == ["rules[one].limit", "rules[two].kinds"]


@pytest.mark.parametrize(
    ("text", "line"), [("id = \n", 1), ('a = 1\nb = "x\n', 2), ("a = 1\na = 2\n", 2), ("a = [1,\n", 2)]
)
def test_what_is_no_toml_is_told_with_its_line(text: str, line: int) -> None:
    fault = one_fault(text)
    assert fault.line == line
    assert "is not valid TOML" in fault.message


def test_lines_are_found_past_long_values_and_signs_inside_text() -> None:
    text = (
        '# [[rules]]\na = """\n[x]\nb = 1\n"""\n[t]  # table\nlist = [\n  "]", # ]\n  1,\n]\nafter = 2\n'
        "[[rules]]\nid = 'a # = b'\n\n[[rules]]\nid = \"c\"\n[rules.more]\nx.y = {z = 1}\n"
        "w = '''\n[no]'''\nv=1\n"
    )
    lines = lines_of(text)
    assert {place: line for place, line in lines.items()} == {
        ("a",): 2,
        ("t",): 6,
        ("t", "list"): 7,
        ("t", "after"): 11,
        ("rules", 0): 12,
        ("rules", 0, "id"): 13,
        ("rules", 1): 15,
        ("rules", 1, "id"): 16,
        ("rules", 1, "more"): 17,
        ("rules", 1, "more", "x"): 18,
        ("rules", 1, "more", "x", "y"): 18,
        ("rules", 1, "more", "w"): 19,
        ("rules", 1, "more", "v"): 21,
    }


# Inheritance


def test_a_standard_takes_over_what_it_does_not_change() -> None:
    acme = checked(
        CHILD
        + 'remove = ["colour-secondary"]\n[combination]\nminor_for_c = 4\n'
        + 'provenance = "agreed"\nsource = "p. 2"\n'
        + '[[rules]]\nid = "mark-long-primary"\nlimit = 3\nprovenance = "agreed"\nsource = "p. 4"\n'
        + rule("new", quantity="count", limit=3, unit=None)
    )
    assert isinstance(acme, Standard)
    general = KNOWN.get("general")
    assert len(acme.rules) == len(general.rules)
    assert acme.rule("colour-secondary") is None
    changed, before = acme.rule("mark-long-primary"), general.rule("mark-long-primary")
    assert isinstance(changed, Rule)
    assert isinstance(before, Rule)
    assert (changed.limit, changed.provenance, changed.source) == (3, Provenance.AGREED, "p. 4")
    assert (changed.kinds, changed.clause, changed.severity) == (before.kinds, before.clause, before.severity)
    assert acme.combination.minor_for_c == 4
    assert acme.combination.major_for_c == 1
    assert acme.grades == general.grades
    assert acme.title == "ACME"
    assert acme.description == ""


def test_a_changed_limit_may_not_keep_the_provenance_of_the_old_one() -> None:
    text = CHILD + '[[rules]]\nid = "mark-long-primary"\nlimit = 3\n'
    fault = one_fault(text)
    assert fault.line == line_of(text, "limit")
    assert fault.message == "changes the limit of 'general' but not where it comes from"


def test_a_house_value_in_place_of_a_verified_one_loses_its_source() -> None:
    acme = checked(CHILD + '[[rules]]\nid = "mark-long-primary"\nlimit = 3\nprovenance = "house"\n')
    assert isinstance(acme, Standard)
    changed = acme.rule("mark-long-primary")
    assert changed is not None
    assert changed.origin == "house value"


def test_a_missing_base_is_told_with_those_that_exist() -> None:
    fault = one_fault(HEAD + 'extends = "genral"\n')
    assert (fault.line, fault.key) == (6, "extends")
    assert "there is no standard 'genral' to build on; known: " in fault.message
    assert fault.hint == "Did you mean 'general'?"


def test_a_file_is_not_offered_as_its_own_base() -> None:
    fault = one_fault(HEAD.replace('id = "acme"', 'id = "generol"') + 'extends = "generals"\n')
    assert "generol" not in fault.message
    assert fault.hint == "Did you mean 'general'?"


def test_a_circle_of_inheritance_is_told(tmp_path: Path) -> None:
    for name, base in (("a", "b"), ("b", "c"), ("c", "a")):
        (tmp_path / f"{name}.toml").write_text(HEAD.replace("acme", name) + f'extends = "{base}"\n')
    with pytest.raises(
        ConfigurationError, match=r"a\.toml:6: .* goes round in a circle: b → c → a → b|a → b"
    ):
        open_standards([tmp_path])


def test_a_standard_that_extends_itself_is_told() -> None:
    assert "goes round in a circle: acme → acme" in one_fault(HEAD + 'extends = "acme"\n').message


def test_removing_a_rule_that_is_not_there_is_told() -> None:
    fault = one_fault(CHILD + 'remove = ["colour-secundary"]\n')
    assert (fault.line, fault.hint) == (7, "Did you mean 'colour-secondary'?")
    assert (
        "needs 'extends'" in one_fault(WHOLE.replace("[grades]", 'remove = ["a"]\n[grades]') + rule()).message
    )


def test_a_fault_that_is_inherited_is_told_in_the_file_that_has_it(tmp_path: Path) -> None:
    (tmp_path / "acme.toml").write_text(WHOLE + rule(limit=-1))
    (tmp_path / "brand.toml").write_text(HEAD.replace("acme", "brand") + 'extends = "acme"\n')
    with pytest.raises(ConfigurationError, match=r"acme\.toml:\d+: rules\[own\]\.limit"):
        open_standards([tmp_path])


def test_a_file_of_the_first_format_is_told() -> None:
    fault = one_fault('id = "old"\nversion = "1"\n[dispositions]\nA = "pass"\n')
    assert fault.line == 2
    assert "first format" in fault.message


# Contradictions and rules that never decide


@pytest.mark.parametrize(
    ("text", "blamed", "told"),
    [
        (
            rule("short", limit=5.0) + rule("long", limit=10.0, severity="minor"),
            "long",
            "can never decide: 'short' costs as much or more",
        ),
        (
            rule("any", quantity="present", limit=None, unit=None) + rule("long", severity="minor"),
            "long",
            "can never decide: 'any'",
        ),
        (rule("long", limit=5.0) + rule("wide", quantity="width_mm", severity="minor"), "wide", "'long'"),
        (rule("one") + rule("two", severity="minor"), "two", "contradicts rule 'one'"),
        (rule("one") + rule("two"), "two", "can never decide: 'one'"),
        (
            rule("any", quantity="present", limit=None, unit=None)
            + rule("many", quantity="count", limit=3, unit=None),
            "many",
            "can never decide: 'any'",
        ),
        (
            rule("few", quantity="count", limit=2, unit=None)
            + rule("many", quantity="count", limit=4, unit=None, severity="minor"),
            "many",
            "can never decide: 'few'",
        ),
        (
            rule("near", quantity="spacing_mm", limit=0.0),
            "limit",
            "no distance is less: the rule never fires",
        ),
        (
            rule("far", quantity="spacing_mm", limit=20.0)
            + rule("near", quantity="spacing_mm", limit=10.0, severity="minor"),
            "near",
            "can never decide: 'far'",
        ),
        (
            rule("unsafe", severity="critical", grade="B"),
            "grade = ",
            "is B for a critical fault",
        ),
        (
            rule() + window("a", at_most=3.0) + window("b", at_least=4.0),
            '"b"',
            "contradicts rule 'a': their windows do not meet",
        ),
        (
            rule() + window("a", at_least=3.0, at_most=5.0) + window("b", at_least=2.0, at_most=6.0),
            '"b"',
            "can never decide: 'a'",
        ),
        (
            rule()
            + window("a", at_least=3.0, at_most=5.0)
            + window("b", quantity="density_per_inch", unit="1/inch", at_least=14),
            '"b"',
            "5.5 to inf stitches per cm do not meet",
        ),
        (
            "[combination]\nmajor_for_c = 3\nminor_for_c = 2\nminor_for_b = 1\n" + rule(),
            "minor_for_c",
            "minor_for_c = 2 is reached before major_for_c = 3",
        ),
        (
            "[combination]\nminor_for_c = 3\nminor_for_b = 3\n" + rule(),
            "minor_for_b",
            "minor_for_b = 3 is never reached",
        ),
    ],
)
def test_rules_that_contradict_or_never_decide_are_told(text: str, blamed: str, told: str) -> None:
    whole = WHOLE + text
    fault = one_fault(whole)
    assert told in fault.message, fault.message
    header = line_of(whole, blamed)
    assert fault.line in (header, header - 1)  # the rule's own line, or that of its id just below


@pytest.mark.parametrize(
    "text",
    [
        rule("short", limit=2.0, severity="minor") + rule("long", limit=5.0),
        rule("here") + rule("there", zones=["secondary"], limit=9.0, severity="minor"),
        rule("any", quantity="present", limit=None, unit=None, severity="minor") + rule("long"),
        # Three minor marks are one more minor fault, which the combination may count.
        rule("any", quantity="present", limit=None, unit=None, severity="minor")
        + rule("many", quantity="count", limit=3, unit=None, severity="minor"),
        rule("short", limit=5.0) + rule("some", kinds=["scratch", "stain"], limit=10.0, severity="minor"),
        rule()
        + window("a", at_least=3.0, at_most=5.0)
        + window("b", at_least=2.0, at_most=6.0, severity="major"),
        rule("net", kinds=["*"], quantity="present", limit=None, unit=None),
        rule("two", quantity="count", limit=2, unit=None)
        + rule("shoe", quantity="count", limit=5, unit=None, per="shoe"),
    ],
)
def test_rules_that_each_have_their_say_are_right(text: str) -> None:
    standard = checked(WHOLE + text)
    assert isinstance(standard, Standard), [str(fault) for fault in standard]


def test_a_rule_that_never_decides_because_of_the_base_is_told_in_the_file_that_adds_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "acme.toml"
    path.write_text(CHILD + rule("scratch-12", limit=12.0), encoding="utf-8")
    faults = check_file(path, KNOWN)
    assert isinstance(faults, list)
    assert "can never decide: 'mark-long-primary'" in faults[0].message
    assert faults[0].origin == str(path)


def test_a_standard_says_what_one_fault_alone_costs() -> None:
    acme = checked(
        WHOLE
        + "[combination]\nminor_for_b = 3\n"
        + rule("a", severity="minor")
        + window("b", at_least=2, grade="C")
    )
    assert isinstance(acme, Standard)
    first, second = acme.every_rule
    assert isinstance(second, SeamRule)
    assert (acme.grade_of(first), acme.grade_of(second)) == (Grade.A, Grade.C)
    assert first.severity is Severity.MINOR
    assert acme.rules_for("scratch", ZoneClass.PRIMARY) == (first,)


# The schema


def test_the_published_schema_is_current() -> None:
    published = (ROOT / "docs" / "standard.schema.json").read_text(encoding="utf-8")
    assert published == json_schema(), "run: welt standards schema > docs/standard.schema.json"


def test_every_file_that_ships_keeps_the_schema() -> None:
    import tomllib

    validator = jsonschema_rs.validator_for(json.loads(json_schema()))
    for path in SHIPPED_STANDARDS.glob("*.toml"):
        assert not [
            error.message for error in validator.iter_errors(tomllib.loads(path.read_text("utf-8")))
        ], path


@pytest.mark.parametrize(
    "text",
    [
        WHOLE + rule(limt=3),
        WHOLE + rule(quantity="lenght"),
        WHOLE + rule(severity=None),
        CHILD + "[[rules]]\nlimit = 3\n",
        CHILD.replace('edition = "1"\n', ""),
        WHOLE,
    ],
)
def test_the_schema_refuses_what_the_check_refuses(text: str) -> None:
    import tomllib

    assert isinstance(checked(text), list)
    assert not jsonschema_rs.validator_for(json.loads(json_schema())).is_valid(tomllib.loads(text))


def test_the_text_of_a_standard_reads_back_as_the_same_standard() -> None:
    for name in KNOWN.ids():
        standard = KNOWN.get(name)
        assert Standard.model_validate_json(standard.text()) == standard
