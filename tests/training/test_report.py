"""The report of a run shows its worst answers first, and no more at once than can be looked at."""

from __future__ import annotations

import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")

from training import pictures, report
from training.architectures import build_network
from training.datasets import UNKNOWN_LABEL, Box, Example, Shot, Split
from training.recipe import Recipe

pytestmark = pytest.mark.train

SIDE = 64


def _example(number: int, *, painted: int = 0, kind: str = "", boxed: str = "") -> Example:
    """A grey photo; its first ``painted`` rows are labelled with the second kind."""
    labels = np.zeros((SIDE, SIDE), np.uint8)
    labels[:painted] = 1
    boxes = (Box(boxed, 8, 8, 16, 16),) if boxed else ()
    if boxes:
        labels[8:24, 8:24] = UNKNOWN_LABEL
    shot = Shot(
        "a set", f"photo <{number}>", Path("none"), Split.VAL, "one", 0.3, mask_kind=kind or None, boxes=boxes
    )
    return Example(shot=shot, rgb=np.full((SIDE, SIDE, 3), 120, np.uint8), labels=labels, boxes=boxes)


@pytest.fixture
def run(quick: Recipe, tmp_path: Path) -> Path:
    """A run folder with the worst answers of a network that calls everything sound."""
    examples = [
        *(_example(number) for number in range(60)),
        _example(60, boxed="hole"),
        _example(61, painted=32, kind="cut"),
    ]
    network = build_network(quick).eval()
    pictures.worst(network, examples, quick.kinds, tmp_path / report.WORST, count=report.WORST_SHOWN)
    return tmp_path


def test_the_worst_answers_come_first_and_say_what_they_are(run: Path) -> None:
    listed = json.loads((run / report.WORST / pictures.WORST_LIST).read_text())
    lines = list(listed.values())
    assert len(lines) == report.WORST_SHOWN
    assert lines[0].startswith("a set, photo <61>: labelled cut; found sound; off by ")
    off = [float(line.split()[-1]) for line in lines]
    assert off == sorted(off, reverse=True)
    assert off[0] > 0.5 > off[1]
    picture = cv2.imread(str(run / report.WORST / next(iter(listed))))
    assert picture is not None
    assert picture.shape == (pictures.SIDE_PX, 2 * pictures.SIDE_PX, 3)
    assert np.abs(picture[:, : pictures.SIDE_PX].astype(int) - picture[:, pictures.SIDE_PX :]).max() > 50


def test_the_report_shows_them_ten_at_a_time(run: Path) -> None:
    page = report.write_report("a run", (), run).read_text()
    pages = re.findall(r"<details( open)?><summary>(\d+) to (\d+)</summary>(.*?)</details>", page)
    assert [(is_open, int(first), int(last)) for is_open, first, last, _ in pages] == [
        (" open" if first == 1 else "", first, first + 9) for first in range(1, 51, 10)
    ]
    assert all(body.count("<figure>") == 10 for *_, body in pages)
    assert "1. a set, photo &lt;61&gt;: labelled cut; found sound" in pages[0][3]
    assert "photo <" not in page


def test_a_run_without_such_pictures_has_a_report_too(tmp_path: Path) -> None:
    assert "<details" not in report.write_report("a run", (), tmp_path).read_text()
