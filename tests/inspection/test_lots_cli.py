"""``welt lots`` as a person calls it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from inspection import cli
from inspection.commands.lots import lots
from inspection.lots import EDITION, binomial_pa


def _lots(*arguments: str) -> Result:
    return CliRunner().invoke(cli.welt, ["lots", *arguments])


def _document(*arguments: str) -> Any:
    answer = _lots(*arguments, "--json")
    assert answer.exit_code == 0, answer.output
    return json.loads(answer.stdout)


def test_a_plan_is_a_table_with_the_edition_and_a_line_for_each_class() -> None:
    lines = _lots("plan", "--lot", "500").stdout.splitlines()
    assert lines[0] == f"lot of 500, level II, code letter H, {EDITION}"
    assert [line.split() for line in lines[2:5]] == [
        ["critical", "0", "none", "allowed", "H", "50", "0", "1"],
        ["major", "2.5", "normal", "H", "50", "3", "4"],
        ["minor", "4.0", "normal", "H", "50", "5", "6"],
    ]
    assert lines[5] == "draw 50 items at random from the whole lot"


def test_a_plan_as_json_tells_where_the_arrow_led() -> None:
    plan = _document("plan", "--lot", "80", "--aql", "2.5", "--inspection", "tightened")
    assert (plan["schema"], plan["edition"], plan["letter"]) == ("welt.lot-plan/1", EDITION, "E")
    (only,) = plan["classes"]
    assert only == {
        "class": "major",
        "aql": "2.5",
        "inspection": "tightened",
        "letter": "G",
        "arrow": "down",
        "sample_size": 32,
        "inspect": 32,
        "every_item": False,
        "accept": 1,
        "reject": 2,
    }


def test_aqls_of_single_classes_change_those_alone() -> None:
    plan = _document("plan", "--lot", "1200", "--level", "i", "--aql", "major=1.5", "--aql", "minor=none")
    assert plan["level"] == "I"
    assert [(of_class["class"], of_class["aql"]) for of_class in plan["classes"]] == [
        ("critical", "0"),
        ("major", "1.5"),
    ]


def test_options_of_the_scheme_reach_the_plan() -> None:
    largest = _document("plan", "--lot", "80", "--sample-by", "largest")
    assert [of_class["inspect"] for of_class in largest["classes"]] == [20, 20, 20]
    everywhere = _document("plan", "--lot", "80", "--none-allowed-in", "lot")
    assert everywhere["classes"][0]["every_item"]
    assert everywhere["inspect"] == 80


def test_a_sample_that_reaches_the_lot_says_to_inspect_every_item() -> None:
    shown = _lots("plan", "--lot", "4", "--aql", "2.5").stdout
    assert "all 4" in shown
    assert "inspect every item" in shown


def test_a_curve_shows_the_pa_at_the_aql_and_the_three_points_of_comparison() -> None:
    shown = _lots("curve", "--lot", "3200").stdout
    assert "at the AQL of 2.5, 98.6% of lots are accepted" in shown
    assert "95.0% of lots are accepted at 3.224 percent nonconforming" in shown
    assert "10.0% of lots are accepted at 9.237 percent nonconforming" in shown


def test_a_curve_as_json_has_the_points_of_the_model() -> None:
    drawn = _document("curve", "--lot", "3200")
    assert (drawn["schema"], drawn["model"], drawn["unit"]) == (
        "welt.lot-curve/1",
        "binomial",
        "percent nonconforming",
    )
    assert drawn["pa_at_aql"] == binomial_pa(125, 7, 2.5)
    assert all(point["pa"] == binomial_pa(125, 7, point["quality"]) for point in drawn["points"])


def test_a_curve_of_one_lot_counts_its_items() -> None:
    drawn = _document("curve", "--lot", "80", "--aql", "2.5", "--isolated")
    assert (drawn["model"], drawn["pa_at_aql"]) == ("hypergeometric", None)
    assert [point["nonconforming"] for point in drawn["points"]][:3] == [0, 2, 4]
    assert "2 items = 2.5" in _lots("curve", "--lot", "80", "--aql", "2.5", "--isolated").stdout


def test_a_curve_of_nonconformities_uses_the_poisson() -> None:
    drawn = _document("curve", "--lot", "500", "--aql", "25", "--count", "nonconformities")
    assert (drawn["model"], drawn["unit"]) == ("poisson", "nonconformities per 100 items")


def test_the_curve_of_a_class_without_tolerance_shows_what_a_sample_lets_pass() -> None:
    drawn = _document("curve", "--lot", "500", "--class", "critical")
    assert (drawn["accept"], drawn["inspect"]) == (0, 50)
    assert drawn["risks"][1]["quality"] == pytest.approx(1.3767, abs=5e-5)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--lot", "1"], "Inspect the item itself"),
        (["--lot", "0"], "at least 2"),
        (["--lot", "500", "--aql", "3"], "Choose 2.5 (stricter) or 4.0 (laxer)."),
        (["--lot", "500", "--aql", "15"], "Count nonconformities"),
        (
            ["--lot", "500", "--aql", "critical=none", "--aql", "major=none", "--aql", "minor=none"],
            "Give an AQL",
        ),
    ],
)
def test_what_cannot_be_planned_ends_with_1_and_what_to_do(arguments: list[str], said: str) -> None:
    for command in ("plan", "curve"):
        answer = _lots(command, *arguments)
        assert answer.exit_code == 1
        assert said in answer.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--lot", "many"],
        ["--lot", "500", "--level", "IV"],
        ["--lot", "500", "--aql", "cosmetic=2.5"],
        ["--lot", "500", "--aql", "major=2.5", "--aql", "major=4.0"],
        ["--lot", "500", "--aql", "2.5", "--aql", "4.0"],
    ],
)
def test_a_wrong_call_ends_with_2(arguments: list[str]) -> None:
    assert _lots("plan", *arguments).exit_code == 2


def test_one_lot_cannot_be_judged_by_a_rate_of_nonconformities() -> None:
    assert _lots("curve", "--lot", "500", "--count", "nonconformities", "--isolated").exit_code == 2


def test_a_curve_of_a_class_that_is_not_judged_names_those_that_are() -> None:
    answer = _lots("curve", "--lot", "500", "--aql", "2.5", "--class", "minor")
    assert answer.exit_code == 1
    assert "It is judged by: major." in answer.stderr


DOCS = (Path(__file__).parents[2] / "docs" / "lots.md").read_text(encoding="utf-8")


def test_the_documented_plan_is_what_the_command_prints() -> None:
    assert _lots("plan", "--lot", "1200").stdout in DOCS


def test_the_documented_end_of_the_curve_is_what_the_command_prints() -> None:
    lines = _lots("curve", "--lot", "1200").stdout.splitlines()
    assert "\n".join(lines[:3]) in DOCS
    assert "\n".join(lines[-4:]) in DOCS


def test_every_option_of_the_commands_is_documented() -> None:
    for command in lots.commands.values():
        for parameter in command.params:
            assert f"`{parameter.opts[0]}" in DOCS, parameter.opts[0]


def test_the_documented_python_runs() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", DOCS, flags=re.DOTALL)
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", example], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
