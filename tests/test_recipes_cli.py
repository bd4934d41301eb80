"""``welt recipes`` as a person calls it: files in, versions, files out."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from inspection import cli
from tests import running
from tests.web.test_recipes_api import textured

DERBY = """
name = "derby"
version = "1"
style = "Derby 17"
standard = "general"
default_view = "lateral"

[views.lateral]
mm_per_px = 0.1

[views.lateral.reference]
photo = "derby.png"
foot = "left"

[[views.lateral.zones]]
name = "toe"
class = "primary"
"""


@pytest.fixture
def folder(tmp_path: Path, models_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a recipe, its photo, and the settings of a service of its own."""
    for name, value in running.environment(tmp_path / "data", models_dir).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "derby.toml").write_text(DERBY, encoding="utf-8")
    (tmp_path / "derby.png").write_bytes(textured())
    return tmp_path


def _welt(*arguments: str) -> Result:
    return CliRunner().invoke(cli.welt, ["recipes", *arguments])


def test_a_recipe_goes_in_and_comes_out_with_its_photo(folder: Path) -> None:
    assert "1 view, 1 zone, 0 seams" in _welt("check", "derby.toml").output
    published = _welt("import", "derby.toml", "--note", "first")
    assert published.output == "derby version 1 is in force\n", published.output
    assert "published" in _welt("list").output
    shown = _welt("show", "derby").output
    assert "# version 1 (in force)" in shown
    assert "system: first" in shown
    out = _welt("export", "derby", "--out", "out")
    assert out.exit_code == 0, out.output
    assert (folder / "out" / "derby.lateral.png").read_bytes() == (folder / "derby.png").read_bytes()
    assert "right" in _welt("check", "out/derby.toml").output
    assert _welt("import", "out/derby.toml").output == "derby version 2 is in force\n"


def test_versions_come_and_go(folder: Path) -> None:
    _welt("import", "derby.toml")
    kept = _welt("import", "derby.toml", "--no-activate")
    assert "welt recipes activate derby 2" in kept.output
    assert "version 1 (in force)" in _welt("show", "derby").output
    assert _welt("activate", "derby", "2").output == "derby version 2 is in force\n"
    assert _welt("withdraw", "derby").exit_code == 0
    assert "derby" not in _welt("list").output
    assert _welt("activate", "derby", "1").exit_code == 0
    wrong = _welt("activate", "derby", "9")
    assert wrong.exit_code == 1
    assert "no version 9" in wrong.output


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (('"general"', '"no-such"'), "no-such"),
        (('"primary"', '"primary"\noutline = [[0, 0], [1, 1], [1, 0], [0, 1]]'), "crosses or touches itself"),
        (('"derby.png"', '"gone.png"'), "gone.png"),
        (('name = "toe"', 'name = "toe"\nclas = "a"'), "clas"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_and_not_published(
    folder: Path, change: tuple[str, str], told: str
) -> None:
    (folder / "derby.toml").write_text(DERBY.replace(*change), encoding="utf-8")
    checked = _welt("check", "derby.toml")
    assert checked.exit_code == 1
    assert told in checked.output
    assert "at least 1 item" not in checked.output  # only one thing is wrong
    assert checked.output.count("derby.toml: ") == 1
    assert _welt("import", "derby.toml").exit_code == 1
    assert "derby" not in _welt("list").output


def test_each_fault_of_a_file_has_a_line_of_its_own(folder: Path) -> None:
    wrong = DERBY.replace('name = "toe"', 'name = "toe"\nclas = "a"').replace('"primary"', '"first"')
    (folder / "derby.toml").write_text(f'stile = "x"\n{wrong}', encoding="utf-8")
    lines = _welt("check", "derby.toml").output.splitlines()
    assert [line.split(": ")[1] for line in lines] == [
        "views.lateral.zones[toe].class",
        "views.lateral.zones[toe].clas",
        "stile",
    ]
    assert all(line.startswith("wrong  derby.toml: ") for line in lines)
    assert "known keys are: calibrations" in lines[2]
    assert "known keys are" not in lines[0] + lines[1]
    told = _welt("import", "derby.toml").output
    assert told.count("derby.toml: ") == 3


def test_a_published_recipe_does_not_take_the_name_of_a_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "recipes").mkdir()
    (folder / "recipes" / "derby.toml").write_text(
        DERBY.replace('[views.lateral.reference]\nphoto = "derby.png"\nfoot = "left"\n', ""), encoding="utf-8"
    )
    monkeypatch.setenv("WELT_RECIPES_DIR", str(folder / "recipes"))
    refused = _welt("import", "derby.toml")
    assert refused.exit_code == 1
    assert "name of the recipe in derby.toml" in refused.output
