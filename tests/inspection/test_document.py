"""The result document is a public contract: its golden file changes only on purpose."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import jsonschema_rs
import numpy as np
import pytest

from inspection.document import ResultDocument, build_document, to_json
from inspection.domain import Foot, Metadata
from inspection.pipeline import inspect, prepare
from inspection.recipes import open_recipes
from inspection.registry import Model, open_serving
from inspection.standards import open_standards
from tests import factories
from tests.factories import Spot

GOLDEN = Path(__file__).parents[1] / "golden" / "result.json"
SPOTS = (
    Spot((20, 15), 6.0, 4.0, 30),
    Spot((45, 30), 8.0, 1.0, 20, kind="stain", shape="rectangle"),
    Spot((12, 38), 5.0, 1.0, kind="stain"),
)
METADATA = Metadata(
    station="lasting-1",
    view="toe",
    idempotency_key="7",
    part_id="P-100",
    pair_id="PAIR-50",
    foot=Foot.LEFT,
    lot_id="L-3",
    style="derby",
    size="42",
    captured_at=datetime(2026, 3, 1, 9, 15, 0, 250_000, timezone(timedelta(hours=1))),
    mm_per_px=0.1,
)


@pytest.fixture(scope="module")
def model(models_dir: Path) -> Model:
    return open_serving(models_dir, threads=1)


def document(model: Model, metadata: Metadata = METADATA, spots: tuple[Spot, ...] = SPOTS) -> ResultDocument:
    setup = prepare(metadata, model=model, recipes=open_recipes(), standards=open_standards())
    photo = factories.make_photo(spots)
    ticks = itertools.count()
    return build_document(
        result_id="01JNC5Y5M0000000000000000",
        created_at=datetime(2026, 3, 1, 8, 15, 1, tzinfo=UTC),
        metadata=metadata,
        photo=photo,
        finding=inspect(photo, setup, clock=lambda: float(next(ticks))),
        setup=setup,
        took_ms={"decode": 3.5},
    )


def content(built: ResultDocument) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(to_json(built))
    return parsed


def assert_alike(told: Any, golden: Any, where: str = "$") -> None:
    """The same structure and words; numbers may differ as much as CPUs do."""
    if isinstance(golden, dict):
        assert list(told) == list(golden), where
        for key in golden:
            assert_alike(told[key], golden[key], f"{where}.{key}")
    elif isinstance(golden, list):
        assert len(told) == len(golden), where
        for index, (one, other) in enumerate(zip(told, golden, strict=True)):
            assert_alike(one, other, f"{where}[{index}]")
    elif isinstance(golden, float):
        assert told == pytest.approx(golden, abs=0.011), where
    else:
        assert told == golden, where


def test_the_document_is_as_it_was_agreed(model: Model, update_golden: bool) -> None:
    told = content(document(model))
    # These change with the libraries that write the test model and draw the photo.
    told["model"]["sha256"] = told["photo"]["sha256"] = "0" * 64
    if update_golden:
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    assert_alike(told, json.loads(GOLDEN.read_text(encoding="utf-8")))


def test_the_document_fits_its_own_schema(model: Model) -> None:
    schema = ResultDocument.model_json_schema(mode="serialization", by_alias=True)
    jsonschema_rs.validate(schema, content(document(model)))
    without_scale = Metadata(station="lasting-1")
    jsonschema_rs.validate(schema, content(document(model, without_scale)))


def test_the_document_is_read_back_as_it_was_written(model: Model) -> None:
    written = document(model)
    assert ResultDocument.model_validate_json(to_json(written)) == written


def test_times_are_in_utc_with_a_z(model: Model) -> None:
    told = content(document(model))
    assert told["created_at"] == "2026-03-01T08:15:01.000Z"
    assert told["captured_at"] == "2026-03-01T08:15:00.250Z"


def test_the_document_names_its_schema_first(model: Model) -> None:
    assert next(iter(content(document(model)).items())) == ("schema", "welt.result/1")


def test_reasons_point_to_their_defects(model: Model) -> None:
    told = content(document(model))
    for reason in told["verdict"]["reasons"]:
        if reason["defect"] is not None:
            defect = told["defects"][reason["defect"]]
            assert defect["index"] == reason["defect"]
            assert (defect["kind"], defect["zone"]) == (reason["kind"], reason["zone"])


def test_without_a_scale_sizes_are_null_and_nothing_is_not_a_number(model: Model) -> None:
    built = document(model, Metadata(station="lasting-1"))
    told = content(built)
    assert told["calibration"] is None
    assert told["verdict"]["grade"] == "recheck"
    assert {d["length_mm"] for d in told["defects"]} == {None}
    assert "NaN" not in to_json(built)


def test_a_sound_photo_has_an_empty_list_of_defects_and_reasons(model: Model) -> None:
    told = content(document(model, spots=()))
    assert told["defects"] == []
    assert told["verdict"] == {"grade": "A", "disposition": "pass", "reasons": []}


def test_a_seam_keeps_its_points_and_what_is_not_known_is_null(model: Model) -> None:
    setup = prepare(METADATA, model=model, recipes=open_recipes(), standards=open_standards())
    photo = factories.make_photo(())
    finding = replace(
        inspect(photo, setup, clock=lambda: 0.0), seams=(factories.make_seam(margin_mm=(1.5, None, 1.7)),)
    )
    built = build_document(
        result_id="01JNC5Y5M0000000000000000",
        created_at=datetime(2026, 3, 1, tzinfo=UTC),
        metadata=METADATA,
        photo=photo,
        finding=finding,
        setup=setup,
        took_ms={},
    )
    (told,) = content(built)["seams"]
    assert told["points_px"] == [[10.0, 20.0], [30.0, 20.0], [50.0, 20.0]]
    assert told["margin_mm"] == [1.5, None, 1.7]
    mean = {"name": "pitch_mean_mm", "value": 2.0, "unit": "mm", "uncertainty": 0.05}
    assert told["measurements"][0] == mean
    assert ResultDocument.model_validate_json(to_json(built)) == built


def test_a_seam_refuses_lists_of_another_length() -> None:
    seam = factories.make_seam()
    with pytest.raises(TypeError, match="pitch_mm must have 3 values"):
        replace(seam, closed=True)
    with pytest.raises(TypeError, match="gap_mm must have 3 values"):
        replace(seam, gap_mm=np.zeros(2))
