"""Seams on the page of a result, over the photo and as CSV."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import cv2
import httpx2 as httpx
import numpy as np
import pytest

from inspection import drawing
from inspection.access import Role
from inspection.document import SeamDocument, seam_document
from inspection.domain import Measurement
from inspection.seamtables import COLUMNS, seams_csv, seams_text
from inspection.standards import open_standards
from inspection.store import inspections
from inspection.web.i18n import open_words
from inspection.web.seamviews import shown_seams
from tests import factories
from tests.web.serving import Served

RESULT_ID = "01JNC5Y5M0SEAMSSEAMSSEAMS0"


def a_seam(index: int = 0) -> SeamDocument:
    """Eleven holes at 2 mm, the sixth step twice as long: a stitch was skipped."""
    pitch = (2.0, 2.0, 2.05, 1.95, 2.0, 4.0, 2.0, 2.0, 2.0, 2.0)
    seam = factories.make_seam(
        pitch_mm=pitch,
        margin_mm=(1.5, None, *(1.5 for _ in range(9))),
        skipped=(5,),
        measurements=(
            Measurement("pitch_mean_mm", 2.0, "mm", 0.02),
            Measurement("density_per_cm", 5.0, "1/cm", 0.05),
            Measurement("skipped", 1.0, ""),
            Measurement("broken", 0.0, ""),
        ),
    )
    return seam_document(index, seam)


@pytest.fixture(scope="module")
def result(served: Served, photo: bytes) -> str:
    """A stored result that has a seam."""
    answer = served.post(photo, mm_per_px="0.1")
    stored = inspections.by_id(served.station.store, answer.json()["result_id"])
    document = json.loads(stored.record.document)
    document["result_id"] = RESULT_ID
    document["seams"] = [a_seam().model_dump(mode="json")]
    for name, link in document["links"].items():
        document["links"][name] = link.replace(stored.record.result_id, RESULT_ID)
    record = replace(
        stored.record, result_id=RESULT_ID, idempotency_key="seams", document=json.dumps(document)
    )
    inspections.add(served.station.store, record)
    return RESULT_ID


def page(served: Served, result: str, language: str) -> str:
    with served.person(Role.VIEWER) as client:
        answer = client.get(
            f"/results/{result}", headers={"Accept": "text/html", "Accept-Language": language}
        )
    assert answer.status_code == 200
    return answer.text


@pytest.mark.parametrize(
    ("language", "words"), [("en", ("Seams (1)", "skipped", "Mean pitch")), ("zh", ("线迹（1）", "跳针"))]
)
def test_the_page_tells_seams_with_a_strip_chart(
    served: Served, result: str, language: str, words: tuple[str, ...]
) -> None:
    told = page(served, result, language)
    for word in words:
        assert word in told
    assert 'class="strip"' in told
    assert told.count('class="fault"') == 1
    assert f"/api/v1/inspections/{result}/seams.csv" in told


def test_the_viewer_gets_every_point_and_where_something_is_wrong(served: Served, result: str) -> None:
    text = page(served, result, "en").partition('id="shown">')[2].partition("</script>")[0]
    (seam,) = json.loads(text)["seams"]
    assert len(seam["points"]) == 11
    assert seam["bad"] == [5]


def test_the_csv_has_a_line_for_each_hole(served: Served, result: str) -> None:
    answer: httpx.Response = served.camera.get(f"/api/v1/inspections/{result}/seams.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    lines = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert tuple(lines[0]) == COLUMNS
    assert len(lines) == 11
    assert [line["fault"] for line in lines].count("skipped") == 1
    assert lines[5]["pitch_mm"] == "4.0"
    assert lines[1]["margin_mm"] == ""
    assert lines[-1]["pitch_mm"] == ""


def test_a_result_without_seams_has_an_empty_csv_and_no_panel(served: Served, photo: bytes) -> None:
    result = served.post(photo, mm_per_px="0.1").json()["result_id"]
    answer = served.camera.get(f"/api/v1/inspections/{result}/seams.csv")
    assert answer.content.decode("utf-8-sig").splitlines() == [",".join(COLUMNS)]
    assert 'id="seams-title"' not in page(served, result, "en")


def test_the_overlay_draws_a_tick_at_each_hole_and_rings_what_is_wrong() -> None:
    plain = np.full((60, 300, 3), 128, np.uint8)
    drawn = drawing.overlay(plain, (), seams=[factories.make_seam(pitch_mm=(2.0,) * 10, skipped=(5,))])
    changed = (drawn != plain).any(axis=2)
    for x in range(10, 211, 20):
        assert changed[20, x]
    red = (drawn[..., 0] > 200) & (drawn[..., 1] < 120)
    xs = np.flatnonzero(red.any(axis=0))
    assert abs((int(xs.min()) + int(xs.max())) / 2 - 120) <= 1
    assert not cv2.countNonZero(changed[:, 260:].astype(np.uint8))


def test_limits_of_the_standard_are_drawn() -> None:
    words = open_words()["en"]
    standard = open_standards().get("sports")
    (shown,) = shown_seams([a_seam()], standard, words)
    assert shown.chart is not None
    assert [limit.text for limit in shown.chart.limits] == ["2.00", "3.33"]
    heights = [limit.at for limit in shown.chart.limits]
    assert heights[0] > heights[1]  # more is higher up
    assert [bar.fault for bar in shown.chart.bars].count("skipped") == 1


def test_a_faint_seam_says_so() -> None:
    faint = a_seam().model_copy(update={"readable": False, "pitch_mm": (), "measurements": ()})
    (shown,) = shown_seams([faint], None, open_words()["en"])
    assert "too faint" in shown.summary
    assert shown.chart is None
    assert "too faint" in seams_text([faint])[0]


def test_a_terminal_line_tells_pitch_density_and_what_is_missing() -> None:
    (line,) = seams_text([a_seam()])
    assert "pitch 2.00 ± 0.02 mm" in line
    assert "per cm 5.00 ± 0.05" in line
    assert "1 skipped" in line


def test_no_name_in_the_csv_is_a_formula() -> None:
    named = a_seam().model_copy(update={"zone": "=1+1"})
    assert ",'=1+1," in seams_csv([named])
