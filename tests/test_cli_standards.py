"""``welt standards``: checked by line, compared on stored results, put into force and taken back."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from inspection.cli import welt
from inspection.standard_book import StandardBook
from inspection.standards import json_schema, open_standards
from inspection.store import inspections, open_store
from tests.inspection.test_rejudging import defect, document, grades
from tests.store.records import make_record

ACME = """schema = "welt.standard/2"
id = "general"
edition = "acme-1"
extends = "appearance"
title = "ACME"
title_zh = "某品牌"

[[rules]]
id = "short"
kinds = ["scratch"]
zones = ["primary"]
quantity = "length_mm"
limit = 1.0
unit = "mm"
severity = "major"
clause = "1"
provenance = "agreed"
source = "contract 7"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WELT_DATA_DIR", str(tmp_path))
    (tmp_path / "acme.toml").write_text(ACME, encoding="utf-8")
    return tmp_path


def run(*args: object) -> Result:
    return CliRunner().invoke(welt, ["standards", *map(str, args)])


def test_a_right_file_is_called_right_and_a_wrong_one_is_explained(folder: Path) -> None:
    right = run("check", folder / "acme.toml")
    assert right.exit_code == 0
    assert "right" in right.output
    wrong = folder / "wrong.toml"
    wrong.write_text(ACME.replace("limit", "limt"), encoding="utf-8")
    told = run("check", folder / "acme.toml", wrong)
    assert told.exit_code == 1
    assert f"{wrong}:13: rules[short].limt: is not a known key" in told.output
    assert "Did you mean 'limit'?" in told.output
    assert "files with faults: 1 of 2" in told.output


def test_a_file_may_build_on_another_that_is_checked_with_it(folder: Path) -> None:
    base = ACME.replace('id = "general"', 'id = "base"')
    (folder / "base.toml").write_text(base, encoding="utf-8")
    (folder / "brand.toml").write_text(
        'schema = "welt.standard/2"\nid = "brand"\nedition = "1"\nextends = "base"\n'
        'title = "Brand"\ntitle_zh = "品牌"\n',
        encoding="utf-8",
    )
    assert run("check", folder / "base.toml", folder / "brand.toml").exit_code == 0
    assert "there is no standard 'base'" in run("check", folder / "brand.toml").output


def test_standards_are_listed_and_shown_with_where_their_figures_come_from(folder: Path) -> None:
    listed = run("list")
    assert listed.exit_code == 0, listed.output
    assert "leather-1002" in listed.output
    shown = run("show", "general").output
    assert "house value" in shown
    assert (
        "verified: stain, glue mark or scratch over 5 mm is major (abelinspection.com, 2020-04-23)" in shown
    )
    assert json.loads(run("show", "sports", "--json").output)["id"] == "sports"
    assert run("show", "nike").exit_code == 1
    assert run("schema").output == json_schema()


def store_results(folder: Path) -> None:
    with closing(open_store(f"sqlite:///{folder / 'welt.db'}")) as store:
        for length in (0.5, 3.0, 6.0):
            text = document(defect("scratch", length))
            inspections.add(
                store, make_record(created_at=datetime.now(UTC), document=text, grade=grades(text))
            )


def test_a_change_is_previewed_made_and_taken_back(folder: Path) -> None:
    store_results(folder)
    told = run("diff", "general", folder / "acme.toml", "--on", "last-30-days", "--cores", 1)
    assert told.exit_code == 0, told.output
    assert "3 results, 2 change (66.67%) from general 3 to general acme-1" in told.output
    assert "B → C: 1" in told.output
    assert "short" in told.output

    assert run("add", folder / "acme.toml", "--note", "agreement").exit_code == 0
    assert run("activate", "general@acme-1").exit_code == 2  # a reason is asked for
    assert run("activate", "general@acme-1", "--note", "agreed").exit_code == 0
    assert "* general" in run("list").output
    with closing(open_store(f"sqlite:///{folder / 'welt.db'}")) as store:
        assert StandardBook(store, open_standards()).standards.get("general").edition == "acme-1"
    assert "0 change" in run("diff", "general", "general@acme-1", "--cores", 1).output

    assert run("activate", "general", "--note", "back").exit_code == 0
    history = run("history", "general").output.splitlines()
    assert ["of the files" in history[0], "acme-1" in history[1]] == [True, True]
    assert "* general" not in run("list").output


@pytest.mark.parametrize(
    ("span", "told"),
    [
        ("yesterday", "is no span of time"),
        ("2026-13-01..2026-13-02", "holds no dates"),
        ("2026-03-02..2026-03-01", "ends before it begins"),
    ],
)
def test_a_span_that_cannot_be_read_is_told(folder: Path, span: str, told: str) -> None:
    answer = run("diff", "general", "strict", "--on", span)
    assert answer.exit_code == 1
    assert told in answer.output


def test_a_span_without_results_says_so(folder: Path) -> None:
    assert "no results in that time" in run("diff", "general", "strict", "--on", "all").output


def test_a_base_that_is_not_named_is_told_by_the_files_beside(folder: Path) -> None:
    def write(name: str, base: str) -> Path:
        file = folder / f"{name}.toml"
        file.write_text(
            f'schema = "welt.standard/2"\nid = "{name}"\nedition = "1"\nextends = "{base}"\n'
            f'title = "{name}"\ntitle_zh = "{name}"\n',
            encoding="utf-8",
        )
        return file

    first, second = write("first", "second"), write("second", "third")
    assert "there is no standard 'third' to build on" in run("check", first).output
    third = write("third", "first")
    for files in ((first,), (first, second), (first, second, third)):
        told = run("check", *files).output
        assert f"{third}:4: extends: goes round in a circle: first → second → third → first" in told
        assert "take its 'extends' out" in told
        assert "there is no standard" not in told
    write("third", "general")
    told = run("check", first).output
    assert f"{first}:4: extends: there is no standard 'second' to build on" in told
    assert f"It is in {second}: name that file, too." in told
    assert run("check", first, second, third).exit_code == 0


def test_an_edition_that_is_wrong_or_would_change_is_not_added(folder: Path) -> None:
    path = folder / "acme.toml"
    path.write_text(ACME.replace('unit = "mm"\n', ""), encoding="utf-8")
    told = run("add", path).output
    assert f"{path}:" in told
    assert "unit is missing" in told
    path.write_text(ACME.replace("limit", "limt").replace("severity", "severty"), encoding="utf-8")
    told = run("add", path).output
    assert told == "".join(f"{line}\n" for line in run("check", path).output.splitlines()[:-1])
    assert "Did you mean 'limit'?" in told
    assert "Did you mean 'severity'?" in told
    path.write_text(ACME, encoding="utf-8")
    assert run("add", path, "--note", "first").output.startswith("added general@acme-1; next:")
    again = run("add", path, "--note", "second")
    assert again.exit_code == 0
    assert "general@acme-1 was there already" in again.output
    assert "added general" not in again.output
    path.write_text(ACME.replace("1.0", "2.0"), encoding="utf-8")
    assert "exists with other content" in run("add", path).output
    shipped = open_standards().get("general").edition
    path.write_text(ACME.replace("acme-1", shipped), encoding="utf-8")
    assert "is in a file here, with other content" in run("add", path).output
    assert "has no edition '9'" in run("activate", "general@9", "--note", "x").output
