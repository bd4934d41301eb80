"""Standards are files that are checked when they are read, and tell where each figure comes from."""

from __future__ import annotations

import hashlib
import re
import tomllib
from pathlib import Path

import pytest

from inspection.domain import Disposition, Grade, ZoneClass
from inspection.errors import ConfigurationError, UnknownNameError
from inspection.standards import ANY_KIND, Provenance, Quantity, Rule, open_standards
from inspection.taxonomy import KINDS

HOUSE = """
schema = "welt.standard/2"
id = "house"
edition = "3"
title = "House rules"
title_zh = "厂内标准"

[grades.A]
disposition = "pass"
[grades.B]
disposition = "rework"
[grades.C]
disposition = "reject"

[[rules]]
id = "long"
kinds = ["scratch"]
zones = ["primary"]
quantity = "length_mm"
limit = 7.5
unit = "mm"
severity = "major"
clause = "1"
provenance = "house"

[[stitching]]
id = "density"
quantity = "density_per_cm"
at_least = 3
at_most = 5
unit = "1/cm"
zones = ["primary"]
severity = "minor"
clause = "2"
provenance = "agreed"
source = "contract 7"
"""
EDITIONS = Path(__file__).parents[1] / "golden" / "standard_editions.toml"
SHIPPED = ("appearance", "brand-strict", "general", "leather-1002", "sports", "strict")


def write(folder: Path, text: str, name: str = "house.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def refusal(folder: Path, text: str) -> ConfigurationError:
    write(folder, text)
    with pytest.raises(ConfigurationError) as refused:
        open_standards([folder])
    return refused.value


@pytest.mark.parametrize("standard_id", SHIPPED)
def test_an_edition_that_ships_says_what_it_always_said(standard_id: str) -> None:
    standard = open_standards().get(standard_id)
    said = tomllib.loads(EDITIONS.read_text(encoding="utf-8"))
    digest = hashlib.sha256(standard.text().encode()).hexdigest()
    assert said.get(f"{standard_id} {standard.edition}") == digest, (
        f"{standard_id} changed: give it another edition, and add its line to {EDITIONS.name}"
    )


@pytest.mark.parametrize("standard_id", ["general", "strict", "sports", "brand-strict", "leather-1002"])
def test_the_standards_that_ship_judge_every_kind_in_every_visible_zone(standard_id: str) -> None:
    standard = open_standards().get(standard_id)
    seconds = Disposition.PASS if standard_id == "leather-1002" else Disposition.REWORK
    assert standard.dispositions == {
        Grade.A: Disposition.PASS,
        Grade.B: seconds,
        Grade.C: Disposition.REJECT,
    }
    for kind in KINDS:
        for zone_class in (ZoneClass.PRIMARY, ZoneClass.SECONDARY):
            assert standard.rules_for(kind, zone_class), (kind, zone_class)


@pytest.mark.parametrize("standard_id", SHIPPED)
def test_every_figure_that_ships_has_a_source_or_is_called_a_house_value(standard_id: str) -> None:
    standard = open_standards().get(standard_id)
    clauses = [rule.clause for rule in standard.every_rule]
    assert len(set(clauses)) == len(clauses)
    for rule in standard.every_rule:
        assert rule.provenance in (Provenance.HOUSE, Provenance.VERIFIED), rule.id
        if rule.provenance is Provenance.VERIFIED:
            assert re.search(r"\([^)]*\.(com|cn|net|cc)[^)]*\)", rule.source), f"{rule.id} cites no page"
            assert rule.origin.startswith(f"verified: {rule.source}")
        else:
            assert rule.origin.startswith("house value")


@pytest.mark.parametrize("standard_id", SHIPPED)
def test_unknown_defects_always_ask_for_a_person(standard_id: str) -> None:
    standard = open_standards().get(standard_id)
    for zone_class in ZoneClass:
        (rule,) = standard.rules_for("unknown", zone_class)
        assert rule.grade is Grade.RECHECK
        assert rule.quantity is Quantity.PRESENT


def test_the_general_standard_keeps_the_5_mm_rule() -> None:
    rule = open_standards().get("general").rule("mark-long-primary")
    assert isinstance(rule, Rule)
    assert (rule.quantity, rule.limit, rule.quantity.unit) == (Quantity.LENGTH_MM, 5.0, "mm")
    assert set(rule.kinds) == {"scratch", "stain", "glue_mark"}


def test_a_standard_of_ones_own_is_read_beside_those_that_ship(tmp_path: Path) -> None:
    write(tmp_path, HOUSE)
    standards = open_standards([tmp_path])
    assert standards.ids() == tuple(sorted((*SHIPPED, "house")))
    assert standards.get("house").rules[0].limit == 7.5


def test_an_unknown_standard_is_told_with_those_that_exist() -> None:
    with pytest.raises(UnknownNameError, match="'nike'") as refused:
        open_standards().get("nike")
    assert refused.value.hint == f"Known standards: {', '.join(SHIPPED)}."


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("limit = 7.5", "limit = -1", "rules[long].limit"),
        ("limit = 7.5", "limit = nan", "rules[long].limit"),
        ("limit = 7.5", "limt = 7.5", "rules[long].limt"),
        ("limit = 7.5\n", "", "rules[long].quantity: limit is left out"),
        ('quantity = "length_mm"', 'quantity = "present"', "rules[long].quantity: limit is left out"),
        ('quantity = "length_mm"', 'quantity = "density_per_cm"', "does not belong in [[rules]]"),
        ('quantity = "length_mm"', 'quantity = "lenght_mm"', "'lenght_mm' does not belong in [[rules]]"),
        ('unit = "mm"', "", "rules[long].unit: unit is missing: the limit of length_mm is in 'mm'"),
        ('unit = "mm"', 'unit = "cm"', "rules[long].unit: unit 'cm' does not belong to length_mm"),
        ('unit = "1/cm"', 'unit = "1/inch"', "stitching[density].unit: unit '1/inch' does not belong"),
        ("at_least = 3", "at_least = 6", "at_least 6 is over at_most 5: nothing can keep both"),
        ("at_least = 3", "at_least = -3", "at_least is -3, and density_per_cm is never negative"),
        ("at_least = 3\nat_most = 5\n", "", "needs at_least, at_most or both"),
        ('source = "contract 7"', "", "source has to say where a figure that is agreed was found"),
        ('kinds = ["scratch"]', 'kinds = ["scrach"]', "'scrach' is no defect kind; known kinds: cut, hole"),
        ('kinds = ["scratch"]', "kinds = []", "rules[long].kinds"),
        ('zones = ["primary"]', 'zones = ["first"]', "rules[long].zones[0]"),
        ('severity = "major"', 'severity = "major"\ngrade = "A"', "'A': input should be 'B', 'C' or"),
        ('severity = "major"', 'severity = "bad"', "rules[long].severity: 'bad'"),
        ('provenance = "house"', 'provenance = "QB/T 1002-2015"', "rules[long].provenance"),
        ('[grades.C]\ndisposition = "reject"', "", "grades has to say what becomes of grade C"),
        ("[grades.C]", '[grades.recheck]\ndisposition = "pass"\n[grades.C]', "recheck: a person looks"),
        ('id = "house"', "", "id: is missing"),
        ('id = "house"', 'id = "../house"', "id: "),
    ],
)
def test_a_fault_is_told_by_file_and_key(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in HOUSE
    refused = refusal(tmp_path, HOUSE.replace(old, new))
    assert str(tmp_path / "house.toml") in refused.detail
    assert told in refused.detail
    assert refused.hint


def test_a_rule_id_may_appear_only_once(tmp_path: Path) -> None:
    again = HOUSE[HOUSE.index("[[rules]]") : HOUSE.index("[[stitching]]")]
    assert "more than once: long" in refusal(tmp_path, HOUSE + again).detail


def test_two_standards_may_not_share_an_id(tmp_path: Path) -> None:
    write(tmp_path, HOUSE, "other.toml")
    refused = refusal(tmp_path, HOUSE)
    assert "house.toml" in refused.detail
    assert "other.toml" in refused.detail


def test_a_file_that_is_not_toml_is_told_with_its_line(tmp_path: Path) -> None:
    detail = refusal(tmp_path, 'id = "house"\nedition = \ntitle = 1').detail
    assert "house.toml:2: is not valid TOML" in detail


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "house.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        open_standards([tmp_path])


def test_a_folder_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is not a folder"):
        open_standards([tmp_path / "nowhere"])


def test_the_any_kind_sign_is_no_kind() -> None:
    assert ANY_KIND not in KINDS


@pytest.mark.parametrize("standard_id", ["general", "strict"])
def test_every_kind_that_has_a_name_has_a_rule_of_its_own_in_the_primary_zone(standard_id: str) -> None:
    standard = open_standards().get(standard_id)
    unnamed = [
        kind
        for kind in KINDS
        if any(ANY_KIND in rule.kinds for rule in standard.rules_for(kind, ZoneClass.PRIMARY))
    ]
    allowed = {"general": [], "strict": ["colour_difference"]}
    assert unnamed == allowed[standard_id]
