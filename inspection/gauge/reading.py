"""Reads the measurements of a gauge study from CSV text."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inspection.errors import GaugeError
from inspection.wording import number_of

__all__ = ["Row", "Table", "arranged", "read_rows"]

_NAMES = {
    "part": ("part", "part_id", "sample"),
    "operator": ("operator", "camera", "appraiser", "station"),
    "value": ("value", "measurement", "measured"),
    "photo": ("photo", "file", "image"),
    "reference": ("reference", "true", "master"),
}


@dataclass(frozen=True)
class Row:
    """One measurement; of ``value`` and ``photo`` one is given."""

    part: str
    operator: str
    value: float | None
    photo: str | None
    reference: float | None
    line: int


@dataclass(frozen=True, eq=False)
class Table:
    """A balanced crossed study: values (parts, operators, repeats), references (parts,) or None."""

    parts: tuple[str, ...]
    operators: tuple[str, ...]
    values: npt.NDArray[np.float64]
    references: npt.NDArray[np.float64] | None


def read_rows(text: str, *, label: str) -> list[Row]:
    """Rows of a CSV file with a header; commas, semicolons or tabs.

    Parameters
    ----------
    label : of the file, for messages.
    """
    header = text.lstrip("\ufeff").split("\n", 1)[0]
    separator = max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text.lstrip("\ufeff")), delimiter=separator)
    lines = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if any(row)]
    if not lines:
        raise _wrong(label, "is empty")
    titles = [title.lower() for title in lines[0][1]]
    column = {
        name: next((titles.index(title) for title in known if title in titles), None)
        for name, known in _NAMES.items()
    }
    if column["part"] is None or (column["value"] is None and column["photo"] is None):
        raise _wrong(label, f"has the columns {', '.join(titles)[:120]}")
    rows = []
    for number, cells in lines[1:]:
        cell = {name: cells[at] if at is not None and at < len(cells) else "" for name, at in column.items()}
        if not cell["part"] or not (cell["value"] or cell["photo"]):
            raise _wrong(label, f"line {number} lacks a part, or a value")
        rows.append(
            Row(
                part=cell["part"],
                operator=cell["operator"] or "1",
                value=_number(cell["value"], label, number),
                photo=cell["photo"] or None,
                reference=_number(cell["reference"], label, number),
                line=number,
            )
        )
    return rows


def arranged(rows: list[Row], *, label: str) -> Table:
    """Rows, each with its value, as a balanced study; GaugeError names the first cell that differs."""
    parts = tuple(dict.fromkeys(row.part for row in rows))
    operators = tuple(dict.fromkeys(row.operator for row in rows))
    cells: dict[tuple[str, str], list[float]] = {(p, o): [] for p in parts for o in operators}
    references: dict[str, float] = {}
    for row in rows:
        assert row.value is not None
        cells[row.part, row.operator].append(row.value)
        if row.reference is not None and references.setdefault(row.part, row.reference) != row.reference:
            raise _wrong(label, f"line {row.line} gives part {row.part} another reference than before")
    repeats = len(next(iter(cells.values()), []))
    for (part, operator), values in cells.items():
        if len(values) != repeats:
            raise GaugeError(
                f"{label}: part {part} was measured {number_of(len(values), 'time')} by {operator}, "
                f"others {number_of(repeats, 'time')}.",
                hint="Measure every part equally often by every operator or camera (a crossed study).",
            )
    if references and len(references) < len(parts):
        missing = next(part for part in parts if part not in references)
        raise _wrong(label, f"gives no reference for part {missing}, but for others")
    return Table(
        parts=parts,
        operators=operators,
        values=np.array([[cells[p, o] for o in operators] for p in parts], np.float64),
        references=np.array([references[p] for p in parts]) if references else None,
    )


def _number(text: str, label: str, line: int) -> float | None:
    if not text:
        return None
    try:
        # A comma is a decimal sign where it does not separate columns.
        value = float(text.replace(",", "."))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise _wrong(label, f"line {line}: {text!r} is no number")
    return value


def _wrong(label: str, what: str) -> GaugeError:
    return GaugeError(
        f"{label} {what}.",
        hint="Write one measurement a line under the header part,operator,value (and reference if known).",
    )
