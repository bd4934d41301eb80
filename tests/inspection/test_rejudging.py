"""Stored results are judged again by another standard as a photo would be, and nothing stored is changed."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bench.standards import make_document
from inspection.document import ResultDocument
from inspection.domain import Disposition, Grade
from inspection.grading import grade_seen
from inspection.rejudging import Span, compare, rejudge, seen_of
from inspection.standards import Standard, check_text, open_standards
from inspection.store import Store, inspections, open_store
from inspection.store.judged import Judged, newest, read, stretch
from tests.store.records import make_record

STANDARDS = open_standards()
GENERAL, STRICT = STANDARDS.get("general"), STANDARDS.get("strict")
START = datetime(2026, 10, 1, tzinfo=UTC)


def defect(kind: str, length_mm: float | None, zone_class: str = "primary") -> dict[str, object]:
    half = None if length_mm is None else 0.2
    return {
        "index": 0,
        "kind": kind,
        "zone": "vamp",
        "zone_class": zone_class,
        "score": 0.9,
        "outline_px": [[0.0, 0.0], [9.0, 0.0], [9.0, 9.0]],
        "box_px": [0.0, 0.0, 9.0, 9.0],
        "length_mm": length_mm,
        "width_mm": None if length_mm is None else 0.5,
        "area_mm2": None if length_mm is None else 2.0,
        "uncertainty_mm": half,
        "uncertainty_mm2": half,
    }


def document(*defects: dict[str, object], **changes: object) -> str:
    import numpy as np

    content = make_document(np.random.default_rng(0), 1)
    content |= {"defects": list(defects), "seams": [], **changes}
    content["measurements"] = []
    return ResultDocument.model_validate(content).model_dump_json()


def judged(text: str, grade: Grade = Grade.A) -> Judged:
    return Judged(1, "01J0000000000000000000000", grade, text)


def grades(text: str, standard: Standard = GENERAL) -> Grade:
    return grade_seen(seen_of(text, areas=True, seams=True), standard).grade


def test_a_stored_result_is_judged_as_its_photo_was() -> None:
    assert grades(document()) is Grade.A
    assert grades(document(defect("scratch", 3.0))) is Grade.B
    assert grades(document(defect("scratch", 4.9))) is Grade.RECHECK
    assert grades(document(defect("scratch", 6.0))) is Grade.C
    assert grades(document(defect("scratch", 6.0, "hidden"))) is Grade.A


def test_a_photo_without_a_scale_stays_undecided() -> None:
    reason = {
        **dict.fromkeys(("severity", "clause", "provenance", "defect", "kind", "zone", "quantity")),
        **dict.fromkeys(("measured", "uncertainty", "limit", "unit")),
        "rule": "scale",
        "grade": "recheck",
        "message": "The scale of the photo is not known.",
    }
    text = document(
        defect("hole", None),
        calibration=None,
        verdict={"grade": "recheck", "disposition": "recheck", "reasons": [reason]},
    )
    verdict = grade_seen(seen_of(text, areas=True, seams=True), STRICT)
    assert verdict.grade is Grade.RECHECK
    assert [reason.rule for reason in verdict.reasons] == ["scale", "open-leather"]


def test_seams_and_densities_of_a_document_count() -> None:
    seams = [
        {
            "index": 0,
            "zone": "vamp",
            "zone_class": "primary",
            "group": 0,
            "row": 0,
            "closed": False,
            "readable": True,
            "points_px": [[0.0, 0.0], [10.0, 0.0], [20.0, 0.0]],
            "pitch_mm": [30.0, 30.0],
            "pitch_uncertainty_mm": [0.1, 0.1],
            **{name: [] for name in ("skipped", "broken", "loose", "margin_mm", "run_off_mm", "gap_mm")},
            "measurements": [{"name": "skipped", "value": 1.0, "unit": "", "uncertainty": 0.0}],
        }
    ]
    verdict = grade_seen(seen_of(document(seams=seams), areas=True, seams=True), GENERAL)
    assert [reason.rule for reason in verdict.reasons] == ["seam-skipped", "seam-off-spec"]
    assert verdict.grade is Grade.C
    dense = check_text(
        'schema = "welt.standard/2"\nid = "dense"\nedition = "1"\nextends = "leather-1002"\n'
        'title = "Dense"\ntitle_zh = "密"\n'
        '[[rules]]\nid = "pinholes-dense"\nlimit = 0.1\nprovenance = "house"\n',
        "dense.toml",
        STANDARDS,
    )
    assert isinstance(dense, Standard)
    # Two zones of half of a photo of 409.6 x 300 mm: 12.3 dm² in all.
    text = document(defect("pinhole", 0.5), defect("pinhole", 0.5))
    reasons = grade_seen(seen_of(text, areas=True, seams=True), dense).reasons
    (reason,) = (reason for reason in reasons if reason.rule == "pinholes-dense")
    assert reason.measured == pytest.approx(2 / 12.288, rel=0.02)


def test_what_changes_is_counted_with_the_rule_that_speaks_for_it() -> None:
    results = [
        judged(document()),
        judged(document(defect("scratch", 3.0)), Grade.B),
        judged(document(defect("scratch", 3.0)), Grade.A),
        judged(document(defect("thread_end", 1.0, "hidden"))),
    ]
    found = compare(results, GENERAL, STRICT)
    assert found.grades == {(Grade.A, Grade.A): 1, (Grade.B, Grade.C): 2, (Grade.A, Grade.B): 1}
    assert (found.results, found.changed, found.unlike_stored) == (4, 3, 1)
    assert found.rules == {"mark-long-primary": 2, "other-elsewhere": 1}
    assert found.before(Grade.A) == 2
    assert found.after(Grade.C) == 2
    assert found.changes[0].message.startswith("The length of the scratch in zone vamp is 3.00 ± 0.20 mm")
    back = compare(results, STRICT, GENERAL)
    assert back.rules == found.rules


def fill(store: Store, count: int) -> None:
    for number in range(count):
        text = document(defect("scratch", 1.0 + number % 7))
        inspections.add(
            store,
            make_record(
                grade=grades(text),
                disposition=Disposition.PASS,
                created_at=START + timedelta(hours=number),
                document=text,
            ),
        )


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'welt.db'}"
    with closing(open_store(url)) as store:
        fill(store, 30)
    return url


def test_a_span_of_time_is_judged_with_progress(url: str) -> None:
    told: list[int] = []
    span = Span(START + timedelta(hours=10), START + timedelta(hours=20))
    found = rejudge(url, GENERAL, STRICT, span, cores=1, progress=told.append)
    assert found.results == sum(told) == 10
    assert found.unlike_stored == 0
    assert rejudge(url, GENERAL, GENERAL, Span(), cores=1).changed == 0
    assert rejudge(url, GENERAL, STRICT, Span(START + timedelta(days=9)), cores=1).results == 0


def test_nothing_stored_is_changed(url: str) -> None:
    def everything() -> list[tuple[str, str]]:
        with closing(open_store(url)) as store:
            return [(one.grade.value, one.document) for one in read(store, first=1, last=99)]

    before = everything()
    rejudge(url, GENERAL, STRICT, Span(), cores=1)
    assert everything() == before


def test_several_processes_find_what_one_finds(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import inspection.rejudging.working as working

    alone = rejudge(url, GENERAL, STRICT, Span(), cores=1)
    # Few results would not be worth other processes: the numbers that decide on it are made small.
    monkeypatch.setattr(working, "_ALONE", 0)
    monkeypatch.setattr(working, "_STEP", 10)
    together = rejudge(url, GENERAL, STRICT, Span(), cores=2)
    assert together == alone


def test_the_newest_results_and_the_stretch_of_a_span(url: str) -> None:
    with closing(open_store(url)) as store:
        held = stretch(store, created_from=START + timedelta(hours=5), created_until=None)
        assert (held.first, held.last, held.results) == (6, 30, 25)
        assert [one.sequence for one in newest(store, limit=3)] == [30, 29, 28]
        nothing = stretch(store, created_from=START + timedelta(days=99), created_until=None)
        assert (nothing.first, nothing.last, nothing.results) == (1, 0, 0)


def test_the_documents_of_the_bench_are_as_the_service_writes_them() -> None:
    import numpy as np

    for number in range(20):
        content = make_document(np.random.default_rng(number), number)
        assert json.loads(ResultDocument.model_validate(content).model_dump_json())["defects"] is not None
