"""``welt teach`` and ``welt novelty`` as a person calls them."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest
from click.testing import CliRunner, Result

from inspection import cli
from tests import factories, running
from tests.novelty.conftest import good_rgb
from tests.novelty.test_teaching import PAINT


@pytest.fixture
def folder(tmp_path: Path, embedding_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with good photos in ``good/``."""
    for name, value in running.environment(tmp_path / "data", embedding_dir).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good").mkdir()
    for seed in range(8):
        _write(tmp_path / "good" / f"{seed}.png", good_rgb(seed))
    return tmp_path


def _write(path: Path, rgb: factories.RGB) -> Path:
    path.write_bytes(factories.encode_png(rgb))
    return path


def _welt(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli.welt, [str(argument) for argument in arguments])


def _inspected(photo: Path, out: Path) -> dict[str, object]:
    ran = _welt("inspect", photo, "--mm-per-px", "0.1", "--out", out)
    assert ran.exit_code == 0, ran.output
    content: dict[str, object] = json.loads((out / f"{photo.stem}.json").read_text())
    return content


def test_taught_in_one_command_and_judged_in_the_next(folder: Path) -> None:
    photo = _write(folder / "new.png", good_rgb(70, PAINT))
    assert _inspected(photo, folder / "before")["novelty"] is None
    assert not (folder / "before" / "new.novelty.png").exists()
    taught = _welt("teach", "default", "good", "--mm-per-px", "0.1")
    assert taught.exit_code == 0, taught.output
    assert "8 photos in 24 passes: about" in taught.output
    assert "91 more good photos would support it directly" in taught.output
    after = _inspected(photo, folder / "after")
    assert after["novelty"]["version"] == 1  # type: ignore[index]
    assert [defect["kind"] for defect in after["defects"]] == ["unknown"]  # type: ignore[attr-defined]
    heat = cv2.imread(str(folder / "after" / "new.novelty.png"), cv2.IMREAD_UNCHANGED)
    assert heat is not None
    assert heat.shape == (192, 256)
    assert heat[96, 128] / 65535 * 8 > after["novelty"]["limit"]  # type: ignore[index]


def test_suspects_are_named_and_nothing_is_changed_until_somebody_decides(folder: Path) -> None:
    _write(folder / "good" / "bad.png", good_rgb(70, PAINT))
    teach = ("teach", "default", "good", "--mm-per-px", "0.1")
    asked = _welt(*teach)
    assert asked.exit_code == 1
    assert "bad.png" in asked.output
    assert "Nothing was changed" in asked.output
    assert _welt("novelty", "list").output == ""
    assert _welt(*teach, "--drop", "bad.png").exit_code == 0
    assert _welt(*teach, "--drop", "all").exit_code == 0
    kept = _welt(*teach, "--keep", "bad.png")
    assert kept.exit_code == 0
    assert "before  default/upper version 2  8 photos" in kept.output
    assert "now     default/upper version 3  9 photos" in kept.output


def test_one_photo_is_added_to_those_taught_before(folder: Path) -> None:
    assert _welt("teach", "default", "good", "--mm-per-px", "0.1").exit_code == 0
    another = _write(folder / "another.png", good_rgb(71))
    added = _welt("teach", "default", another, "--mm-per-px", "0.1", "--add", "--keep", "all")
    assert added.exit_code == 0, added.output
    assert "version 2  9 photos" in added.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Too few good photos to teach: 0"),
        (("good/0.png",), "Too few good photos to teach: 1"),
        (("good", "good"), "8 photos in 24"),
        (("good", "--view", "moon"), "no view named 'moon'"),
        (("good", "--mm-per-px", "0"), "mm_per_px is 0"),
        (("good", "broken.png"), "broken.png: "),
    ],
)
def test_what_cannot_be_taught_is_told(folder: Path, arguments: tuple[str, ...], words: str) -> None:
    (folder / "broken.png").write_bytes(factories.encode_png(good_rgb(3))[:500])
    assert words in _welt("teach", "default", *arguments).output


def test_the_line_is_drawn_elsewhere_and_back(folder: Path) -> None:
    assert _welt("teach", "default", "good", "--mm-per-px", "0.1").exit_code == 0
    tried = _welt("novelty", "limit", "default", "0.1", "--try")
    assert "of 0 stored results 0 would be novel instead of 0" in tried.output
    assert "version 2" in _welt("novelty", "limit", "default", "0.1", "--why", "complaint").output
    assert "version 3" in _welt("novelty", "rollback", "default", "1").output
    assert "version 4" in _welt("novelty", "off", "default").output
    listed = _welt("novelty", "list", "default").output.splitlines()
    assert [line.split("version ")[1][0] for line in listed] == ["4", "3", "2", "1"]
    assert "complaint" in listed[2]
    assert _welt("novelty", "rollback", "default", "9").exit_code == 1
