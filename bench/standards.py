"""Grading a shoe with 200 defects, and judging a month of 300,000 results again under a changed standard.

The month is synthetic: documents as the service writes them, most with few defects and a third with seams,
each written many times under ids of their own. It is judged from a SQLite file on this machine's disk, and
from a PostgreSQL server of the distribution that is started for it: as it comes but for durability, and
without statistics of its tables. ``DATABASES=sqlite`` and ``RESULTS=30000`` make it shorter.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import sqlalchemy as sa
from ulid import ULID

from bench.table import Figure
from inspection.document import ResultDocument
from inspection.domain import Calibration, CalibrationSource, Defect, Grade, ZoneClass
from inspection.grading import grade, grade_seen
from inspection.rejudging import Span, rejudge, seen_of
from inspection.standards import Standard, check_text, open_standards
from inspection.store import Store, open_store, schema
from inspection.taxonomy import KINDS
from tests.store.postgres import NoPostgresError, start_cluster

DEFECTS = 200
GRADING_BAR_MS = 2.0
RESULTS = 300_000
REJUDGING_BAR_S = 60.0
CORES = 2
TEMPLATES = 400
"""Different documents; parsing and grading do not remember one from the next."""
_AT_ONCE = 12 * TEMPLATES
"""Results written in one transaction, well within the seconds that a statement may take."""
_AREA_MM2 = {ZoneClass.PRIMARY: 30_000.0, ZoneClass.SECONDARY: 20_000.0}
_STRICTER = """
schema = "welt.standard/2"
id = "stricter"
edition = "1"
extends = "general"
title = "Stricter by a millimetre"
title_zh = "收紧一毫米"
[[rules]]
id = "mark-long-primary"
limit = 4.0
provenance = "house"
[[rules]]
id = "marks-dense"
kinds = ["scratch", "stain", "scuff"]
zones = ["primary"]
quantity = "density_per_dm2"
limit = 2.0
unit = "1/dm2"
severity = "major"
clause = "2.10"
provenance = "house"
"""


def measure(*, results: int = RESULTS) -> list[Figure]:
    """Both figures, and how fast one core goes."""
    standards = open_standards()
    changed = check_text(_STRICTER, "bench", standards)
    assert isinstance(changed, Standard)
    figures = _grading(standards.get("general"))
    for database in os.environ.get("DATABASES", " ".join(_DATABASES)).split():
        figures += _rejudging(database, results, standards.get("general"), changed)
    return figures


def _rejudging(database: str, results: int, before: Standard, after: Standard) -> list[Figure]:
    bar = REJUDGING_BAR_S * results / RESULTS
    name = f"{results:,} results judged again, {database}"
    figures = []
    try:
        with _DATABASES[database]() as url:
            size_mb = _fill(url, results, before)
            for cores in (CORES, 1):
                told = 0

                def progress(more: int) -> None:
                    nonlocal told
                    told += more

                began, began_cpu_s = time.perf_counter(), _cpu_s()
                found = rejudge(url, before, after, Span(), cores=cores, progress=progress)
                took_s, cpu_s = time.perf_counter() - began, _cpu_s() - began_cpu_s
                assert found.results == told == results
                figures.append(
                    Figure(
                        name=f"{name}, {cores} core(s)",
                        measured=f"{took_s:.1f} s, {cpu_s:.1f} s of processor time of Welt "
                        f"({cpu_s / results * 1e6:.0f} µs each); {size_mb:.0f} MB of documents, "
                        f"{found.changed:,} change, {found.unlike_stored} unlike stored",
                        bar=f"<= {bar:.0f} s" if cores == CORES else "",
                        met=took_s <= bar if cores == CORES else None,
                    )
                )
    except NoPostgresError as error:
        return [Figure(name=name, measured=f"not measured: {error}", bar=f"<= {bar:.0f} s", met=None)]
    return figures


@contextmanager
def _sqlite() -> Iterator[str]:
    with TemporaryDirectory(prefix="welt-bench-") as folder:
        yield f"sqlite:///{Path(folder) / 'welt.db'}"


@contextmanager
def _postgresql() -> Iterator[str]:
    # A bench that runs out of its time must not leave a server and its gigabytes behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    cluster = start_cluster()
    try:
        yield cluster.url(cluster.create_database())
    finally:
        cluster.remove()


_DATABASES: dict[str, Callable[[], AbstractContextManager[str]]] = {
    "sqlite": _sqlite,
    "postgresql": _postgresql,
}


def _cpu_s() -> float:
    """Processor time of this process and of those that it started and that have ended."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def _grading(standard: Standard) -> list[Figure]:
    rng = np.random.default_rng(1)
    shoe = [_defect_value(rng) for _ in range(DEFECTS)]
    calibration = Calibration(0.1, CalibrationSource.CAMERA)
    took = []
    began_cpu_s = time.process_time()
    for _ in range(300):
        began = time.perf_counter()
        grade(shoe, standard, calibration, zone_area_mm2=_AREA_MM2)
        took.append((time.perf_counter() - began) * 1e3)
    cpu_ms = (time.process_time() - began_cpu_s) / len(took) * 1e3
    median, high = statistics.median(took), statistics.quantiles(took, n=20)[-1]
    return [
        Figure(
            name=f"grading a photo with {DEFECTS} defects, with its reasons",
            measured=f"median {median:.2f} ms, 95 % within {high:.2f} ms, "
            f"{cpu_ms:.2f} ms of processor time (n = {len(took)})",
            bar=f"<= {GRADING_BAR_MS:g} ms",
            met=median <= GRADING_BAR_MS,
        )
    ]


def _defect_value(rng: np.random.Generator) -> Defect:
    length = float(rng.lognormal(0.7, 0.8))
    x, y = (float(v) for v in rng.uniform(0, 3000, 2))
    return Defect(
        kind=str(rng.choice(list(KINDS))),
        zone="vamp",
        zone_class=ZoneClass.PRIMARY if rng.random() < 0.6 else ZoneClass.SECONDARY,
        score=float(rng.uniform(0.5, 1)),
        outline_px=np.zeros((4, 2)),
        box_px=(x, y, length * 10, length * 5),
        length_mm=length,
        width_mm=length / 2,
        area_mm2=length**2 / 3,
        uncertainty_mm=0.3,
        uncertainty_mm2=0.3 * length,
    )


def make_document(rng: np.random.Generator, number: int) -> dict[str, Any]:
    """A result document of a 12 megapixel photo, but for its verdict."""
    # Most shoes are good: six in ten have no defect, and few have many.
    count = 0 if rng.random() < 0.6 else min(1 + int(rng.geometric(0.35)), 40)
    seams = int(rng.integers(1, 5)) if rng.random() < 0.33 else 0
    result_id = str(ULID())
    return {
        "schema": "welt.result/1",
        "result_id": result_id,
        "created_at": "2026-10-01T08:00:00.000Z",
        "captured_at": None,
        "station": "line-1",
        "view": "lateral",
        **dict.fromkeys(("part_id", "pair_id", "foot", "lot_id", "style", "size")),
        "recipe": {"name": "default", "version": "1"},
        "standard": {"id": "general", "version": "3"},
        "model": {"name": "leather", "version": "1", "sha256": "0" * 64},
        "calibration": {"mm_per_px": 0.1, "source": "camera"},
        "photo": {
            "sha256": f"{number:064x}",
            "width_px": 4096,
            "height_px": 3000,
            "media_type": "image/jpeg",
            "size_bytes": 2_000_000,
        },
        "verdict": {"grade": "A", "disposition": "pass", "reasons": []},
        "zones": [
            {
                "name": name,
                "zone_class": zone_class,
                "outline_px": [[left, 0.0], [left + 2047.0, 0.0], [left + 2047.0, 2999.0], [left, 2999.0]],
            }
            for name, zone_class, left in (("vamp", "primary", 0.0), ("counter", "secondary", 2048.0))
        ],
        "defects": [_defect(rng, index) for index in range(count)],
        "regions_left_out": 0,
        "seams": [_seam(rng, index) for index in range(seams)],
        "measurements": [{"name": "defect_count", "value": count, "unit": "", "uncertainty": None}],
        "kinds": ["sound", "cut", "hole", "scratch", "stain"],
        "links": {
            name: f"/api/v1/inspections/{result_id}/{name}"
            for name in ("self", "photo", "overlay", "surface", "page")
        },
        "timing_ms": {"queue": 0.1, "decode": 80.0, "network": 700.0, "grading": 0.2, "encode": 9.0},
    }


def _defect(rng: np.random.Generator, index: int) -> dict[str, Any]:
    value = _defect_value(rng)
    outline = np.round(np.array(value.box_px[:2]) + rng.uniform(0, 30, (40, 2)), 2).tolist()
    return {
        "index": index,
        "kind": str(rng.choice(["scratch", "stain", "scuff", "wrinkle", "pinhole", "colour_difference"])),
        "zone": value.zone,
        "zone_class": value.zone_class.value,
        "score": round(value.score, 4),
        "outline_px": outline,
        "box_px": [round(side, 2) for side in value.box_px],
        **{
            name: round(getattr(value, name), 3)
            for name in ("length_mm", "width_mm", "area_mm2", "uncertainty_mm", "uncertainty_mm2")
        },
    }


def _seam(rng: np.random.Generator, index: int) -> dict[str, Any]:
    points = int(rng.integers(20, 90))
    margins = np.round(rng.normal(1.8, 0.1, points), 3).tolist()
    return {
        "index": index,
        "zone": "vamp",
        "zone_class": "primary",
        "group": index,
        "row": 0,
        "closed": False,
        "readable": True,
        "points_px": np.round(rng.uniform(0, 3000, (points, 2)), 2).tolist(),
        "pitch_mm": np.round(rng.normal(2.5, 0.1, points - 1), 3).tolist(),
        "pitch_uncertainty_mm": [0.1] * (points - 1),
        "skipped": [],
        "broken": [],
        "loose": [],
        "margin_mm": margins,
        "run_off_mm": np.round(rng.normal(0, 0.1, points), 3).tolist(),
        "gap_mm": [],
        "measurements": [
            {"name": name, "value": value, "unit": unit, "uncertainty": half}
            for name, value, unit, half in (
                ("pitch_mean_mm", 2.5, "mm", 0.05),
                ("density_per_cm", 4.0, "/cm", 0.1),
                ("skipped", 0.0, "", 0.0),
                ("broken", 0.0, "", 0.0),
                ("run_off_mm", 0.2, "mm", 0.1),
                ("margin_min_mm", min(margins), "mm", 0.1),
                ("margin_max_mm", max(margins), "mm", 0.1),
            )
        ],
    }


def _fill(url: str, results: int, standard: Standard) -> float:
    """Write the month, without waiting for the disk; MB of documents."""
    rng = np.random.default_rng(2)
    templates: list[tuple[Grade, str]] = []
    for number in range(TEMPLATES):
        content = make_document(rng, number)
        verdict = grade_seen(seen_of(json.dumps(content), areas=True, seams=True), standard)
        content["verdict"]["grade"] = verdict.grade.value
        content["verdict"]["disposition"] = verdict.disposition.value
        document = ResultDocument.model_validate(content).model_dump_json()
        templates.append((verdict.grade, document))
    with closing(open_store(url)) as store:
        for first in range(0, results, _AT_ONCE):
            _write_rows(store, range(first, min(first + _AT_ONCE, results)), templates, results)
        _write_documents(store, templates, results)
    return sum(len(_template(number, templates)[1]) for number in range(results)) / 1e6


def _template(number: int, templates: list[tuple[Grade, str]]) -> tuple[Grade, str]:
    return templates[number * 7919 % len(templates)]


def _write_rows(store: Store, numbers: range, templates: list[tuple[Grade, str]], results: int) -> None:
    start, step = datetime(2026, 10, 1, tzinfo=UTC), timedelta(days=30) / results
    rows = [
        {
            "sequence": number + 1,
            "result_id": f"{number:026d}",
            "created_at": start + number * step,
            "station": "line-1",
            "view": "lateral",
            "recipe": "default",
            "photo_sha256": f"{number:064x}",
            "grade": _template(number, templates)[0].value,
            "disposition": "pass",
            "reviewed": False,
            "review_revision": 0,
        }
        for number in numbers
    ]
    with store.write() as connection:
        connection.execute(schema.inspections.insert(), rows)


def _write_documents(store: Store, templates: list[tuple[Grade, str]], results: int) -> None:
    """Write each template once; the database copies them, which spares the way through its driver."""
    table, held = schema.documents, min(len(templates), results)
    first = [{"sequence": number + 1, "document": _template(number, templates)[1]} for number in range(held)]
    with store.write() as connection:
        connection.execute(table.insert(), first)
    while held < results:
        more = min(held, results - held, _AT_ONCE)  # whole rounds of the templates, but for the last
        copied = sa.select(table.c.sequence + held, table.c.document).where(table.c.sequence <= more)
        with store.write() as connection:
            connection.execute(table.insert().from_select(["sequence", "document"], copied))
        held += more


if __name__ == "__main__":
    from bench.table import table

    print(table(measure(results=int(os.environ.get("RESULTS", RESULTS)))))
