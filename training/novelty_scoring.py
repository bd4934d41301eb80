"""Teaches each category of a benchmark and scores it, through ``inspection``, as the line would."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from inspection import novelty, runtime
from inspection.domain import Zone, ZoneClass
from inspection.errors import TeachingError
from inspection.metrics import Tally
from inspection.novelty import Bank, GoodPhoto, Lesson, Limit
from inspection.registry import Model
from training.layouts import GOOD, Category, TestPhoto, read_mask, read_rgb

__all__ = ["CategoryScore", "as_markdown", "auroc", "score_category"]

STRICT_PRO_LIMIT = 0.05


@dataclass(frozen=True)
class CategoryScore:
    """The figures of one category; NaN where there is nothing to measure.

    Attributes
    ----------
    taught : photos in the bank; ``taught_s`` how long that took.
    image_auroc : of the photos' highest novelty.
    pixel_auroc, aupro, aupro_05 : of the map; AUPRO up to false positive rates of 0.3 and 0.05.
    image_f1, pixel_f1 : at the best threshold.
    false_rejects : share of good test photos at or above the limit; ``asked`` was wanted.
    found : share of bad test photos at or above the limit.
    photo_ms : median time of one photo, network included.
    """

    name: str
    taught: int
    taught_s: float
    image_auroc: float
    pixel_auroc: float
    aupro: float
    aupro_05: float
    image_f1: float
    pixel_f1: float
    asked: float
    limit: Limit
    false_rejects: float
    found: float
    good: int
    bad: int
    photo_ms: float


def auroc(good: Sequence[float], bad: Sequence[float]) -> float:
    """Chance that a bad one scores above a good one, ties counting half; NaN when either is missing."""
    if not good or not bad:
        return float("nan")
    sound, defects = np.sort(np.asarray(good)), np.asarray(bad)
    below = np.searchsorted(sound, defects, side="left")
    upto = np.searchsorted(sound, defects, side="right")
    return float(((below + upto) / 2).mean() / len(sound))


def best_f1(good: Sequence[float], bad: Sequence[float]) -> float:
    """Highest F1 of calling from a threshold on bad; NaN without bad ones."""
    if not bad:
        return float("nan")
    scores = np.concatenate([good, bad])
    truth = np.concatenate([np.zeros(len(good)), np.ones(len(bad))])
    order = np.argsort(-scores, kind="stable")
    true = np.cumsum(truth[order])
    return float((2 * true / (np.arange(1, len(scores) + 1) + len(bad))).max())


def whole(width: int, height: int) -> tuple[Zone, ...]:
    """One zone that covers a photo."""
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float64) - 0.5
    return (Zone("photo", ZoneClass.PRIMARY, corners),)


def score_category(
    category: Category,
    model: Model,
    *,
    photos: int,
    mm_per_px: float | None,
    false_rejects: float,
    progress: Callable[[float], None] = lambda share: None,
) -> CategoryScore:
    """Teach with the good photos of a category and judge its test photos.

    Parameters
    ----------
    photos : good photos taught at the most, spread evenly over those there are.
    mm_per_px : scale of the photos; None runs them at their own size.
    """
    chosen = _spread(category.train, photos)
    good = []
    for file in chosen:
        rgb = read_rgb(file)
        good.append(GoodPhoto(file.name, rgb, mm_per_px, whole(rgb.shape[1], rgb.shape[0])))
    if not good:
        raise TeachingError(f"{category.name} has no good photos.", hint="See train/good of the category.")
    began = time.perf_counter()
    bank = novelty.teach(good, Lesson(category.name, "photo", model), progress=progress).bank
    taught_s = time.perf_counter() - began
    limit = novelty.choose_limit(bank.good, false_rejects=false_rejects, photos=bank.units)
    scores: dict[bool, list[float]] = {True: [], False: []}
    tallies, times = [], []
    for photo in category.test:
        rgb = read_rgb(photo.file)
        began = time.perf_counter()
        grid, score = _judge(rgb, bank, model, mm_per_px)
        times.append((time.perf_counter() - began) * 1e3)
        scores[photo.kind == GOOD].append(score)
        tallies.append(_tally(photo, grid, limit.score, rgb.shape[:2]))
    total = Tally.total(tallies)
    return CategoryScore(
        name=category.name,
        taught=len(good),
        taught_s=taught_s,
        image_auroc=auroc(scores[True], scores[False]),
        pixel_auroc=total.auroc(),
        aupro=total.aupro(),
        aupro_05=total.aupro(limit=STRICT_PRO_LIMIT),
        image_f1=best_f1(scores[True], scores[False]),
        pixel_f1=total.best_f1().f1,
        asked=false_rejects,
        limit=limit,
        false_rejects=_share(scores[True], limit.score),
        found=_share(scores[False], limit.score),
        good=len(scores[True]),
        bad=len(scores[False]),
        photo_ms=statistics.median(times) if times else float("nan"),
    )


def _spread(files: Sequence[Path], count: int) -> list[Path]:
    places = np.unique(np.linspace(0, len(files) - 1, min(count, len(files))).round().astype(int))
    return [files[place] for place in places] if files else []


def _judge(
    rgb: npt.NDArray[np.uint8], bank: Bank, model: Model, mm_per_px: float | None
) -> tuple[npt.NDArray[np.float32], float]:
    maps = runtime.infer(model.network, rgb, photo_mm_per_px=mm_per_px, spec=model.spec)
    seen = novelty.look(maps, whole(rgb.shape[1], rgb.shape[0]), bank)
    return seen.grid, seen.score


def _tally(photo: TestPhoto, grid: npt.NDArray[np.float32], limit: float, shape: tuple[int, int]) -> Tally:
    height, width = shape
    full = cv2.resize(grid, (width, height), interpolation=cv2.INTER_LINEAR)
    return Tally.of(full / (full + limit), read_mask(photo, size_px=(width, height)))


def _share(scores: Sequence[float], limit: float) -> float:
    return float(np.mean(np.asarray(scores) >= limit)) if scores else float("nan")


def as_markdown(scores: Sequence[CategoryScore]) -> str:
    """A table, one category a line, and the mean of all where there are several."""
    lines = [
        "| category | taught | image AUROC | pixel AUROC | AUPRO 0.3 | AUPRO 0.05 | image F1 | pixel F1 "
        "| false rejects asked → got | found | per photo |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for one in scores:
        promised = f"{one.limit.low:.2%} to {one.limit.high:.2%}"
        lines.append(
            f"| {one.name} | {one.taught} in {one.taught_s:.1f} s | {one.image_auroc:.4f} "
            f"| {one.pixel_auroc:.4f} | {one.aupro:.4f} | {one.aupro_05:.4f} "
            f"| {one.image_f1:.4f} | {one.pixel_f1:.4f} "
            f"| {one.asked:.2%} ({promised}) → {one.false_rejects:.2%} of {one.good} "
            f"| {one.found:.2%} of {one.bad} | {one.photo_ms:.0f} ms |"
        )
    if len(scores) > 1:
        figures = ("image_auroc", "pixel_auroc", "aupro", "aupro_05", "image_f1", "pixel_f1")
        means = " | ".join(f"{np.nanmean([getattr(one, name) for one in scores]):.4f}" for name in figures)
        lines.append(f"| mean | | {means} | | | |")
    return "\n".join(lines)
