"""Tells seams as tables: CSV for a spreadsheet, lines for a terminal."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from inspection.document import MeasurementDocument, SeamDocument

__all__ = ["COLUMNS", "fault_after", "seams_csv", "seams_text"]

COLUMNS = (
    "seam",
    "group",
    "row",
    "zone",
    "point",
    "x_px",
    "y_px",
    "pitch_mm",
    "pitch_uncertainty_mm",
    "margin_mm",
    "run_off_mm",
    "gap_mm",
    "fault",
)
"""Of the CSV; ``pitch_mm`` and ``fault`` are those of the step from the point to the next."""

_TOLD = (
    ("pitch_mean_mm", "pitch", "mm"),
    ("pitch_deviation_mm", "deviation", "mm"),
    ("density_per_cm", "per cm", ""),
    ("margin_min_mm", "margin min", "mm"),
    ("margin_max_mm", "max", "mm"),
    ("run_off_mm", "run-off", "mm"),
    ("row_gap_min_mm", "gap min", "mm"),
)


def fault_after(seam: SeamDocument, point: int) -> str:
    """What is wrong after a point: ``skipped``, ``broken``, ``loose``, ``unsure`` or nothing."""
    for name, places in (
        ("skipped", seam.skipped),
        ("broken", seam.broken),
        ("loose", seam.loose),
        ("unsure", seam.unsure),
    ):
        if point in places:
            return name
    return ""


def seams_csv(seams: Sequence[SeamDocument]) -> str:
    """One line per needle hole; seams are counted from 1, as on the page."""
    written = io.StringIO()
    lines = csv.writer(written, lineterminator="\r\n")
    lines.writerow(COLUMNS)
    for seam in seams:
        for point, (x, y) in enumerate(seam.points_px):
            lines.writerow(
                [
                    seam.index + 1,
                    seam.group + 1,
                    seam.row + 1,
                    _plain(seam.zone),
                    point + 1,
                    x,
                    y,
                    *(
                        _at(values, point)
                        for values in (
                            seam.pitch_mm,
                            seam.pitch_uncertainty_mm,
                            seam.margin_mm,
                            seam.run_off_mm,
                            seam.gap_mm,
                        )
                    ),
                    fault_after(seam, point),
                ]
            )
    return written.getvalue()


def _plain(text: str) -> str:
    """A name that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _at(values: Sequence[float | None], point: int) -> float | str:
    value = values[point] if point < len(values) else None
    return "" if value is None else value


def seams_text(seams: Sequence[SeamDocument]) -> list[str]:
    """A line per seam for a terminal."""
    lines = []
    for seam in seams:
        start = f"  seam {seam.index + 1}  {len(seam.points_px)} holes  {seam.zone}"
        if not seam.readable:
            lines.append(f"{start}  too faint to measure")
            continue
        known = {each.name: each for each in seam.measurements}
        told = [_told(name, known[key], unit) for key, name, unit in _TOLD if key in known]
        told += [
            f"{known[key].value:g} {key}"
            for key in ("skipped", "broken")
            if key in known and known[key].value
        ]
        lines.append("  ".join([start, *told]))
    return lines


def _told(name: str, measured: MeasurementDocument, unit: str) -> str:
    spread = "" if measured.uncertainty is None else f" ± {measured.uncertainty:.2f}"
    return f"{name} {measured.value:.2f}{spread}{' ' if unit else ''}{unit}"
