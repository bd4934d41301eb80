"""Scores a candidate on photos that it never saw, through ``inspection``, as the line will see them.

Everything is measured on the test split: hides, or clusters of photos that look like one hide, that neither
training nor the choice of thresholds touched. Intervals are bootstraps over hides where hides are known,
else over photos.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from inspection import metrics
from inspection.domain import Defect
from inspection.metrics import Tally
from inspection.registry import Metric, Model
from training.candidates import Look, look, sound_patches
from training.datasets import Box, Shot, Split, box_slices, open_dataset
from training.recipe import PROJECT, Recipe

__all__ = ["Score", "as_markdown", "score", "write_score"]

SOUND_PASS = 0.95
SIZE_BINS_MM = ((0.0, 2.0), (2.0, 5.0), (5.0, 15.0), (15.0, float("inf")))
NEAR_PX = 2
"""A region found this near to a painted defect is at it: outlines are painted by hand."""
ALLOWED_FALSE_REGIONS = (0.3, 1.0)
SPEED_TILE_PX = 512
SPEED_RUNS = 20
ANY = "any"
LIKELIER = 0.5
SMALLEST_LEVEL = 1e-9
"""Below every region that was found, above the 0 of a defect that none found."""


@dataclass(frozen=True)
class Score:
    """All figures of one candidate."""

    model: str
    sha256: str
    metrics: tuple[Metric, ...]


@dataclass(frozen=True, eq=False)
class _Answer:
    """One labelled defect, or one false region.

    Attributes
    ----------
    score : how far its region is above its kind's threshold (``_reported``); 1 is at it, 0 is no region.
    peak : highest probability of its region, 0 without one.
    named : whether that region is of the labelled kind.
    """

    kind: str
    score: float
    peak: float
    named: bool
    length_mm: float = 0.0


@dataclass(frozen=True, eq=False)
class _Judged:
    """One photo held against its labels.

    Attributes
    ----------
    defects : each labelled defect with the highest score of a region that finds it, 0 where none does.
    false : each region that finds none.
    peak : highest probability inside the labels.
    sound : highest probability of each sound patch.
    tally : pixels by score; for photos with masks.
    """

    shot: Shot
    kind: str
    defects: tuple[_Answer, ...]
    false: tuple[_Answer, ...]
    peak: float
    sound: tuple[float, ...]
    tally: Tally | None


def _region_mask(region: Defect, shape: tuple[int, int]) -> npt.NDArray[np.bool_]:
    drawn = np.zeros(shape, np.uint8)
    cv2.fillPoly(drawn, [np.rint(region.outline_px).astype(np.int32)], 1)
    return drawn.astype(bool)


def _reported(region: Defect, model: Model) -> float:
    """How far above its kind's threshold a region is, on a scale where 1 is the threshold's own distance
    from certainty.

    One sweep over this number moves all thresholds together.
    """
    threshold = model.manifest.thresholds[region.kind]
    return (1 - threshold) / max(1 - region.score, 1e-6)


def _answer(kind: str, regions: Sequence[Defect], model: Model, *, length_mm: float = 0.0) -> _Answer:
    """What a labelled defect, or a false region, is known by: the best of its regions."""
    return _Answer(
        kind=kind,
        score=max((_reported(region, model) for region in regions), default=0.0),
        peak=max((region.score for region in regions), default=0.0),
        named=bool(regions) and max(regions, key=lambda region: region.score).kind == kind,
        length_mm=length_mm,
    )


def _judge_masked(one: Look, model: Model) -> _Judged:
    mask = one.labelled
    count, components = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    kind = one.shot.mask_kind or ""
    reach = 2 * NEAR_PX + 1
    found: dict[int, list[Defect]] = {number: [] for number in range(1, count)}
    false = []
    near = cv2.dilate(components.astype(np.float32), np.ones((reach, reach))).astype(np.int32)
    for region in one.regions:
        hits = np.unique(near[_region_mask(region, mask.shape)])
        hits = hits[hits > 0]
        if hits.size == 0:
            false.append(_answer(region.kind, [region], model))
        for hit in hits:
            found[int(hit)].append(region)
    defects = []
    for number, regions in found.items():
        rows, columns = np.nonzero(components == number)
        (_, sides, _) = cv2.minAreaRect(np.column_stack([columns, rows]).astype(np.float32))
        defects.append(_answer(kind, regions, model, length_mm=(max(sides) + 1) * one.mm_per_px))
    return _Judged(
        shot=one.shot,
        kind=kind,
        defects=tuple(defects),
        false=tuple(false),
        peak=float(one.defect[mask].max()),
        sound=_sound_scores(one),
        tally=Tally.of(one.defect, mask),
    )


def _share_inside(region: npt.NDArray[np.bool_], box: Box) -> float:
    whole = np.count_nonzero(region)
    return float(np.count_nonzero(region[box_slices(box)]) / whole) if whole else 0.0


def _judge_boxed(one: Look, model: Model) -> _Judged:
    found: list[list[Defect]] = [[] for _ in one.shot.boxes]
    false = []
    for region in one.regions:
        drawn = _region_mask(region, one.labelled.shape)
        inside = [i for i, box in enumerate(one.shot.boxes) if _share_inside(drawn, box) >= 0.5]
        if not inside and np.count_nonzero(drawn & one.labelled) < 0.5 * np.count_nonzero(drawn):
            false.append(_answer(region.kind, [region], model))
        for i in inside:
            found[i].append(region)
    defects = tuple(
        _answer(box.kind, regions, model) for box, regions in zip(one.shot.boxes, found, strict=True)
    )
    return _Judged(
        shot=one.shot,
        kind=ANY,
        defects=defects,
        false=tuple(false),
        peak=float(one.defect[one.labelled].max()),
        sound=_sound_scores(one),
        tally=None,
    )


def _sound_scores(one: Look) -> tuple[float, ...]:
    defect = one.defect
    patches = sound_patches(one)
    return tuple(float(defect[patch].max()) for patch in patches)


def _by(judged: Iterable[_Judged], key: Callable[[_Judged], Hashable]) -> dict[Hashable, list[_Judged]]:
    groups: dict[Hashable, list[_Judged]] = defaultdict(list)
    for one in judged:
        groups[key(one)].append(one)
    return groups


def _recall(photos: Sequence[_Judged], wanted: Callable[[_Answer], bool], *, level: float = 1.0) -> float:
    answers = [answer for photo in photos for answer in photo.defects if wanted(answer)]
    return float(np.mean([answer.score >= level for answer in answers])) if answers else float("nan")


def _named(photos: Sequence[_Judged], wanted: Callable[[_Answer], bool]) -> float:
    """Share of the found defects that got their right name; NaN when none was found."""
    found = [answer for photo in photos for answer in photo.defects if wanted(answer) and answer.score >= 1]
    return float(np.mean([answer.named for answer in found])) if found else float("nan")


def _false_per_photo(photos: Sequence[_Judged], *, level: float = 1.0) -> float:
    return sum(answer.score >= level for photo in photos for answer in photo.false) / max(1, len(photos))


def _recall_at_half(photos: Sequence[_Judged]) -> float:
    """Recall when every region counts that is likelier defective than not."""
    answers = [answer for photo in photos for answer in photo.defects]
    return float(np.mean([answer.peak >= LIKELIER for answer in answers]))


def _false_at_half(photos: Sequence[_Judged]) -> float:
    return sum(answer.peak >= LIKELIER for photo in photos for answer in photo.false) / max(1, len(photos))


def _level_for(photos: Sequence[_Judged], false_per_photo: float) -> float:
    """The lowest level at which photos have at most so many false regions each."""
    scores = sorted((answer.score for photo in photos for answer in photo.false), reverse=True)
    allowed = int(false_per_photo * len(photos) + 1e-9)
    return SMALLEST_LEVEL if len(scores) <= allowed else float(np.nextafter(scores[allowed], np.inf))


class _Figures:
    """Collects figures with their intervals."""

    def __init__(self, data: str, key: Callable[[_Judged], Hashable]) -> None:
        self.data, self.key = data, key
        self.made: list[Metric] = []

    def add(
        self,
        name: str,
        kind: str,
        photos: Sequence[_Judged],
        figure: Callable[[Sequence[_Judged]], float],
        *,
        n: int | None = None,
    ) -> None:
        """One figure of some photos; left out when there is nothing to measure."""
        if not photos or np.isnan(figure(photos)):
            return
        interval = metrics.bootstrap(_by(photos, self.key), figure)
        known = not np.isnan(interval.low)
        self.made.append(
            Metric(
                name=name,
                data=self.data,
                kind=kind,
                value=round(interval.value, 4),
                low=round(interval.low, 4) if known else None,
                high=round(interval.high, 4) if known else None,
                n=len(photos) if n is None else n,
            )
        )


def _tally(photos: Sequence[_Judged]) -> Tally:
    return Tally.total([photo.tally for photo in photos if photo.tally is not None])


def _masked_figures(data: str, photos: Sequence[_Judged], kinds: Sequence[str]) -> list[Metric]:
    figures = _Figures(data, key=lambda photo: photo.shot.stem)
    sound = [value for photo in photos for value in photo.sound]
    level = metrics.threshold_at_pass(sound, sound_pass=SOUND_PASS)
    present = [kind for kind in kinds if any(photo.kind == kind for photo in photos)]
    for kind in (ANY, *present):
        chosen = [photo for photo in photos if kind in (ANY, photo.kind)]
        figures.add("pixel AP", kind, chosen, lambda some: _tally(some).average_precision())
        figures.add("pixel F1, best threshold", kind, chosen, lambda some: _tally(some).best_f1().f1)
        figures.add("pixel F1 at 0.5", kind, chosen, lambda some: _tally(some).f1_at(0.5))
        figures.add("pixel AUROC", kind, chosen, lambda some: _tally(some).auroc())
        figures.add("AUPRO (to 0.3)", kind, chosen, lambda some: _tally(some).aupro())
        figures.add(
            "photos found, 95 % of sound patches pass",
            kind,
            chosen,
            lambda some: float(np.mean([photo.peak >= level for photo in some])),
        )
        count = sum(len(photo.defects) for photo in chosen)
        figures.add("defects found", kind, chosen, lambda some: _recall(some, lambda _: True), n=count)
        figures.add(
            "found ones named right", kind, chosen, lambda some: _named(some, lambda _: True), n=count
        )
    for low, high in SIZE_BINS_MM:

        def of_size(answer: _Answer, low: float = low, high: float = high) -> bool:
            return low <= answer.length_mm < high

        count = sum(of_size(answer) for photo in photos for answer in photo.defects)
        size = f"{low:g}-{high:g} mm" if np.isfinite(high) else f"over {low:g} mm"
        figures.add(f"defects found, {size}", ANY, photos, lambda some, w=of_size: _recall(some, w), n=count)  # type: ignore[misc]
    figures.add("false regions per photo", ANY, photos, _false_per_photo)
    return figures.made


def _boxed_figures(data: str, photos: Sequence[_Judged], kinds: Sequence[str]) -> list[Metric]:
    figures = _Figures(data, key=lambda photo: photo.shot.group)
    sound = [value for photo in photos for value in photo.sound]
    level = metrics.threshold_at_pass(sound, sound_pass=SOUND_PASS)
    figures.add(
        "photos found, 95 % of sound patches pass",
        ANY,
        photos,
        lambda some: float(np.mean([photo.peak >= level for photo in some])),
    )
    for kind in (ANY, *kinds):

        def of_kind(answer: _Answer, kind: str = kind) -> bool:
            return kind in (ANY, answer.kind)

        chosen = [photo for photo in photos if any(of_kind(answer) for answer in photo.defects)]
        count = sum(of_kind(answer) for photo in chosen for answer in photo.defects)
        figures.add("boxes found", kind, chosen, lambda some, w=of_kind: _recall(some, w), n=count)  # type: ignore[misc]
        figures.add("found ones named right", kind, chosen, lambda some, w=of_kind: _named(some, w), n=count)  # type: ignore[misc]
        for allowed in ALLOWED_FALSE_REGIONS:
            swept = _level_for(photos, allowed)
            figures.add(
                f"boxes found at {allowed:g} false regions per photo (threshold swept on test)",
                kind,
                chosen,
                lambda some, w=of_kind, at=swept: _recall(some, w, level=at),  # type: ignore[misc]
                n=count,
            )
    figures.add("false regions per photo", ANY, photos, _false_per_photo)
    boxes = sum(len(photo.defects) for photo in photos)
    figures.add("boxes found at probability 0.5", ANY, photos, _recall_at_half, n=boxes)
    figures.add("false regions per photo at probability 0.5", ANY, photos, _false_at_half)
    figures.add(
        "photos without a false region",
        ANY,
        photos,
        lambda some: float(np.mean([all(answer.score < 1 for answer in photo.false) for photo in some])),
    )
    return figures.made


def _speed(model: Model) -> Metric:
    """Median time of one tile, in ms, on the threads that the model was opened with."""
    tile = np.random.default_rng(0).integers(0, 256, (SPEED_TILE_PX, SPEED_TILE_PX, 3), dtype=np.uint8)
    took = []
    for _ in range(SPEED_RUNS):
        began = time.perf_counter()
        model.network.run(tile, model.spec.outputs)
        took.append((time.perf_counter() - began) * 1000)
    low, middle, high = np.quantile(took[2:], (0.1, 0.5, 0.9))
    return Metric(
        name=f"ms per {SPEED_TILE_PX} px tile",
        data="speed",
        kind=ANY,
        value=round(float(middle), 1),
        low=round(float(low), 1),
        high=round(float(high), 1),
        n=SPEED_RUNS,
    )


def score(
    recipe: Recipe,
    model: Model,
    *,
    datasets_dir: Path = PROJECT / "datasets",
    split: Split = Split.TEST,
    quiet: bool = False,
) -> Score:
    """Judge a model on one split of the recipe's data sets."""
    made: list[Metric] = []
    for name in recipe.data.sets:
        _, shots = open_dataset(datasets_dir, name)
        chosen = [shot for shot in shots if shot.split is split]
        judged = []
        for shot in tqdm(chosen, desc=name, unit="photo", disable=quiet):
            one = look(model, shot)
            judged.append(_judge_boxed(one, model) if shot.boxes else _judge_masked(one, model))
        kinds = model.manifest.kinds[1:]
        masked = [photo for photo in judged if photo.tally is not None]
        boxed = [photo for photo in judged if photo.tally is None]
        if masked:
            made += _masked_figures(name, masked, kinds)
        if boxed:
            made += _boxed_figures(name, boxed, kinds)
    made.append(_speed(model))
    return Score(
        model=f"{model.manifest.name}/{model.manifest.version}",
        sha256=model.manifest.sha256,
        metrics=tuple(made),
    )


def as_markdown(figures: Sequence[Metric]) -> str:
    """Figures as one table per data set."""
    lines: list[str] = []
    for data in dict.fromkeys(figure.data for figure in figures):
        lines += [f"### {data}", "", "| figure | kind | value | 95 % interval | n |", "|---|---|---|---|---|"]
        for figure in figures:
            if figure.data != data:
                continue
            known = figure.low is not None and figure.high is not None
            interval = f"{figure.low:g} to {figure.high:g}" if known else "unknown"
            lines.append(f"| {figure.name} | {figure.kind} | {figure.value:g} | {interval} | {figure.n} |")
        lines.append("")
    return "\n".join(lines)


def write_score(made: Score, folder: Path, *, name: str = "score") -> None:
    """Write ``score.json`` and ``score.md`` into a run folder."""
    content = {
        "model": made.model,
        "sha256": made.sha256,
        "metrics": [figure.model_dump() for figure in made.metrics],
    }
    (folder / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n")
    (folder / f"{name}.md").write_text(as_markdown(made.metrics))
