"""Draws the report of a scored run: curves, tables, confusion, reliability and the worst photos."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
import numpy.typing as npt

matplotlib.use("Agg")

from matplotlib import pyplot as plt

from inspection.registry import Metric
from training.pictures import WORST_LIST

__all__ = [
    "MISSED",
    "WORST",
    "WORST_SHOWN",
    "Confusion",
    "draw_confusion",
    "draw_reliability",
    "write_report",
]

MISSED = "not found"
WORST = "worst"
"""Folder of the worst answers, within that of the run."""
WORST_SHOWN = 50
WORST_PER_PAGE = 10
STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:1100px;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse}td,th{padding:.2rem .7rem;border-bottom:1px solid #ddd;text-align:left}
td:nth-child(n+3){font-variant-numeric:tabular-nums}img{max-width:100%}
.pages{display:grid;grid-template-columns:repeat(auto-fill,minmax(20rem,1fr));gap:1rem}
figure{margin:0}figcaption{font-size:.85rem;color:#444}
summary{cursor:pointer;padding:.3rem 0;font-weight:600}"""
PICTURES = (
    ("Curves", "curves.png"),
    ("Which kind was called what", "confusion.png"),
    ("How far a probability can be believed", "reliability.png"),
    ("What the network got to see", "samples.png"),
)

Confusion = dict[tuple[str, str], int]
"""(labelled kind, kind it was called or ``MISSED``) to how often."""


def draw_confusion(confusion: Confusion, file: Path) -> None:
    """A matrix of labelled kinds against what they were called."""
    labelled = sorted({one for one, _ in confusion})
    called = [*sorted({other for _, other in confusion} - {MISSED}), MISSED]
    counts = np.array([[confusion.get((one, other), 0) for other in called] for one in labelled])
    figure, axes = plt.subplots(figsize=(1.5 + 0.8 * len(called), 1.2 + 0.55 * len(labelled)))
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        if count:
            colour = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, str(count), ha="center", va="center", color=colour)
    axes.set_xticks(range(len(called)), called, rotation=30, ha="right")
    axes.set_yticks(range(len(labelled)), labelled)
    axes.set(xlabel="called", ylabel="labelled")
    figure.tight_layout()
    figure.savefig(file, dpi=90)
    plt.close(figure)


def draw_reliability(rows: Sequence[tuple[float, float, float]], file: Path) -> None:
    """Share of defect against probability; ``rows`` as ``scoring.reliability`` gives them."""
    figure, axes = plt.subplots(figsize=(4.5, 4.2), layout="constrained")
    axes.plot([0, 1], [0, 1], "k:", lw=1)
    values: npt.NDArray[np.float64] = np.array(rows).reshape(-1, 3)
    axes.plot(values[:, 0], values[:, 1], "o-")
    axes.set(xlabel="probability of a defect", ylabel="share of pixels painted", xlim=(0, 1), ylim=(0, 1))
    figure.savefig(file, dpi=90)
    plt.close(figure)


def _tables(figures: Sequence[Metric]) -> str:
    parts = []
    for data in dict.fromkeys(figure.data for figure in figures):
        rows = []
        for figure in figures:
            if figure.data != data:
                continue
            interval = "" if figure.low is None else f"{figure.low:g} to {figure.high:g}"
            cells = (figure.name, figure.kind, f"{figure.value:g}", interval, str(figure.n))
            rows.append("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>")
        heads = "".join(f"<th>{head}</th>" for head in ("figure", "kind", "value", "95 % interval", "n"))
        parts.append(f"<h2>{html.escape(data)}</h2><table><tr>{heads}</tr>{''.join(rows)}</table>")
    return "".join(parts)


def _worst(folder: Path) -> str:
    """The worst answers, some at a time: the first page is open, the others open by a click."""
    file = folder / WORST_LIST
    if not file.is_file():
        return ""
    figures = []
    for place, (name, line) in enumerate(json.loads(file.read_text(encoding="utf-8")).items(), start=1):
        body = base64.b64encode((folder / name).read_bytes()).decode()
        said = html.escape(f"{place}. {line}")
        figures.append(
            f'<figure><img loading="lazy" alt="{said}" src="data:image/jpeg;base64,{body}">'
            f"<figcaption>{said}</figcaption></figure>"
        )
    pages = []
    for first in range(0, len(figures), WORST_PER_PAGE):
        shown = figures[first : first + WORST_PER_PAGE]
        pages.append(
            f"<details{' open' if first == 0 else ''}><summary>{first + 1} to {first + len(shown)}</summary>"
            f'<div class="pages">{"".join(shown)}</div></details>'
        )
    return f"<h2>The worst answers on validation photos: labels left, answers right</h2>{''.join(pages)}"


def write_report(title: str, figures: Sequence[Metric], folder: Path) -> Path:
    """Write ``report.html`` with the figures and the pictures that the folder holds, all in one file."""
    pictures = []
    for caption, name in PICTURES:
        file = folder / name
        if file.is_file():
            body = base64.b64encode(file.read_bytes()).decode()
            pictures.append(f'<h2>{caption}</h2><img alt="{caption}" src="data:image/png;base64,{body}">')
    shown = "".join((_tables(figures), *pictures, _worst(folder / WORST)))
    page = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{STYLE}</style><h1>{html.escape(title)}</h1>{shown}</html>\n"
    )
    target = folder / "report.html"
    target.write_text(page, encoding="utf-8")
    return target
