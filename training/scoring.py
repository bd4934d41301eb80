"""Scores a candidate on photos that it never saw, through ``inspection``, as the line will see them.

Everything is measured on the test split: hides, or clusters of photos that look like one hide, that neither
training nor the choice of thresholds touched. Intervals are bootstraps over hides where hides are known,
else over photos.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from inspection import metrics
from inspection.domain import Defect
from inspection.metrics import Tally
from inspection.registry import Metric, Model
from inspection.taxonomy import SOUND
from training.candidates import Look, look, sound_patches
from training.datasets import Box, Shot, Split, box_slices, open_dataset
from training.recipe import PROJECT, Recipe
from training.rendered import rendered_figures
from training.report import MISSED, Confusion, draw_confusion, draw_reliability, write_report
from training.timing import TILE_PX, time_in_turns

__all__ = ["Score", "as_markdown", "calibration_error", "reliability", "score", "score_shots", "write_score"]

SOUND_PASS = 0.95
SIZE_BINS_MM = ((0.0, 2.0), (2.0, 5.0), (5.0, 15.0), (15.0, float("inf")))
NEAR_PX = 2
"""A region found this near to a painted defect is at it: outlines are painted by hand."""
ALLOWED_FALSE_REGIONS = (0.3, 1.0)
SPEED_ROUNDS = 18
ANY = "any"
PLAINLY_SOUND = 0.1
"""Most pixels are sound and known to be; they would drown every error of calibration."""
LIKELIER = 0.5
SMALLEST_LEVEL = 1e-9
"""Below every region that was found, above the 0 of a defect that none found."""


@dataclass(frozen=True)
class Score:
    """All figures of one candidate.

    Attributes
    ----------
    confusion : (labelled kind, kind it was called) to how often, for the report.
    reliability : rows of the reliability curve over all photos with masks.
    """

    model: str
    sha256: str
    metrics: tuple[Metric, ...]
    confusion: Confusion = field(default_factory=dict)
    reliability: tuple[tuple[float, float, float], ...] = ()


@dataclass(frozen=True, eq=False)
class _Answer:
    """One labelled defect, or one false region.

    Attributes
    ----------
    score : how far its region is above its kind's threshold (``_reported``); 1 is at it, 0 is no region.
    peak : highest probability of its region, 0 without one.
    called : kind of its best region, empty without one. named : whether that is the labelled kind.
    """

    kind: str
    score: float
    peak: float
    called: str
    length_mm: float = 0.0

    @property
    def named(self) -> bool:
        return self.called == self.kind


@dataclass(frozen=True, eq=False)
class _Judged:
    """One photo held against its labels; one without any is sound.

    Attributes
    ----------
    defects : each labelled defect with the highest score of a region that finds it, 0 where none does.
    false : each region that finds none.
    peak : highest probability inside the labels, NaN where nothing is labelled. highest : anywhere.
    sound : highest probability of each sound patch.
    tally : pixels by score; for photos with masks.
    """

    shot: Shot
    kind: str
    defects: tuple[_Answer, ...]
    false: tuple[_Answer, ...]
    peak: float
    highest: float
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
        called=max(regions, key=lambda region: region.score).kind if regions else "",
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
        peak=float(one.defect[mask].max()) if mask.any() else float("nan"),
        highest=float(one.defect.max()),
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
        highest=float(one.defect.max()),
        sound=_sound_scores(one),
        tally=None,
    )


def _judge_sound(one: Look, model: Model, *, masks: bool) -> _Judged:
    """A photo that is taken for sound; ``masks`` where its pixels count beside those of masks."""
    return _Judged(
        shot=one.shot,
        kind=SOUND,
        defects=(),
        false=tuple(_answer(region.kind, [region], model) for region in one.regions),
        peak=float("nan"),
        highest=float(one.defect.max()),
        sound=_sound_scores(one),
        tally=Tally.of(one.defect, one.labelled) if masks else None,
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
    level = metrics.threshold_at_pass(sound, sound_pass=SOUND_PASS) if sound else float("nan")
    present = [kind for kind in kinds if any(photo.kind == kind for photo in photos)]
    figures.add("photo AUROC", ANY, photos, _photo_auroc)
    figures.add("calibration error of pixels", ANY, photos, lambda some: calibration_error(_tally(some)))
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
            lambda some: _seen(some, level),
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
    level = metrics.threshold_at_pass(sound, sound_pass=SOUND_PASS) if sound else float("nan")
    figures.add(
        "photos found, 95 % of sound patches pass",
        ANY,
        photos,
        lambda some: _seen(some, level),
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
    figures.add("photos without a false region", ANY, photos, _clean)
    return figures.made


def _sound_figures(data: str, photos: Sequence[_Judged]) -> list[Metric]:
    figures = _Figures(data, key=lambda photo: photo.shot.group)
    figures.add("false regions per sound photo", ANY, photos, _false_per_photo)
    figures.add("sound photos without a false region", ANY, photos, _clean)
    return figures.made


def _clean(photos: Sequence[_Judged]) -> float:
    return float(np.mean([all(answer.score < 1 for answer in photo.false) for photo in photos]))


def _seen(photos: Sequence[_Judged], level: float) -> float:
    """Share of the photos with a defect whose defect reaches a level."""
    peaks = [photo.peak for photo in photos if not np.isnan(photo.peak)]
    return float(np.mean([peak >= level for peak in peaks])) if peaks and level == level else float("nan")


def _photo_auroc(photos: Sequence[_Judged]) -> float:
    """How well the highest probability tells defective photos from sound ones; NaN without both."""
    bad = np.array([photo.highest for photo in photos if photo.kind != SOUND])
    good = np.array([photo.highest for photo in photos if photo.kind == SOUND])
    if not bad.size or not good.size:
        return float("nan")
    above = (bad[:, None] > good).mean() + 0.5 * (bad[:, None] == good).mean()
    return float(above)


def reliability(tally: Tally, *, bins: int = 10) -> list[tuple[float, float, float]]:
    """(mean probability, share of defect, pixels) of each tenth of the scale that holds pixels."""
    levels = metrics.levels()
    number = np.minimum((levels * bins).astype(int), bins - 1)
    rows = []
    for i in range(bins):
        inside = number == i
        defect, whole = tally.defect[inside].sum(), (tally.defect + tally.sound)[inside].sum()
        if whole > 0:
            mean = float((levels * (tally.defect + tally.sound))[inside].sum() / whole)
            rows.append((mean, float(defect / whole), float(whole)))
    return rows


def calibration_error(tally: Tally) -> float:
    """Mean distance of probability and share of defect over the pixels that are not plainly sound."""
    rows = [row for row in reliability(tally) if row[0] >= PLAINLY_SOUND]
    whole = sum(pixels for _, _, pixels in rows)
    return sum(abs(mean - share) * pixels for mean, share, pixels in rows) / whole if whole else float("nan")


def _speed(model: Model) -> Metric:
    """Median time of one tile, in ms, on the threads that the model was opened with."""
    (took,) = time_in_turns([(model.network, model.spec.outputs)], rounds=SPEED_ROUNDS)
    low, middle, high = np.quantile(took, (0.1, 0.5, 0.9))
    return Metric(
        name=f"ms per {TILE_PX} px tile",
        data="speed",
        kind=ANY,
        value=round(float(middle), 1),
        low=round(float(low), 1),
        high=round(float(high), 1),
        n=SPEED_ROUNDS,
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
    everything: list[_Judged] = []
    for name in recipe.data.sets:
        _, shots = open_dataset(datasets_dir, name)
        chosen = [shot for shot in shots if shot.split is split]
        judged = []
        for shot in tqdm(chosen, desc=name, unit="photo", disable=quiet):
            judged.append(_judge(look(model, shot), model, masks=False))
        made += _figures(name, judged, model.manifest.kinds[1:])
        everything += judged
    if recipe.data.scenes is not None:
        made += rendered_figures(recipe, model, datasets_dir=datasets_dir, quiet=quiet)
    made.append(_speed(model))
    return _scored(model, made, everything)


def _scored(model: Model, figures: Sequence[Metric], judged: Sequence[_Judged]) -> Score:
    confusion: Confusion = {}
    for answer in (answer for photo in judged for answer in photo.defects):
        key = (answer.kind, answer.called if answer.score >= 1 else MISSED)
        confusion[key] = confusion.get(key, 0) + 1
    tally = _tally(judged)
    return Score(
        model=f"{model.manifest.name}/{model.manifest.version}",
        sha256=model.manifest.sha256,
        metrics=tuple(figures),
        confusion=confusion,
        reliability=tuple(reliability(tally)) if tally.regions else (),
    )


def _judge(one: Look, model: Model, *, masks: bool) -> _Judged:
    if one.shot.boxes:
        return _judge_boxed(one, model)
    if one.shot.mask_file is not None and one.labelled.any():
        return _judge_masked(one, model)
    return _judge_sound(one, model, masks=masks)


def _figures(name: str, judged: Sequence[_Judged], kinds: Sequence[str]) -> list[Metric]:
    masked = [photo for photo in judged if photo.tally is not None]
    boxed = [photo for photo in judged if photo.defects and photo.tally is None]
    sound = [photo for photo in judged if photo.kind == SOUND]
    made: list[Metric] = []
    if any(photo.kind != SOUND for photo in masked):
        made += _masked_figures(name, masked, kinds)
    if boxed:
        made += _boxed_figures(name, boxed, kinds)
    if sound:
        made += _sound_figures(name, sound)
    return made


def score_shots(name: str, shots: Sequence[Shot], model: Model, *, quiet: bool = False) -> Score:
    """Judge a model on photos from elsewhere (``layouts``); their kinds keep their own names."""
    masks = any(shot.mask_file is not None for shot in shots)
    judged = [
        _judge(look(model, shot), model, masks=masks)
        for shot in tqdm(shots, desc=name, unit="photo", disable=quiet)
    ]
    kinds = sorted({photo.kind for photo in judged} | {box.kind for shot in shots for box in shot.boxes})
    made = _figures(name, judged, [kind for kind in kinds if kind not in (ANY, SOUND)])
    return _scored(model, made, judged)


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
    """Write ``score.json``, ``score.md`` and the report page into a run folder."""
    content = {
        "model": made.model,
        "sha256": made.sha256,
        "metrics": [figure.model_dump() for figure in made.metrics],
    }
    (folder / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n")
    (folder / f"{name}.md").write_text(as_markdown(made.metrics))
    if made.confusion:
        draw_confusion(made.confusion, folder / "confusion.png")
    if made.reliability:
        draw_reliability(made.reliability, folder / "reliability.png")
    write_report(f"{made.model} ({made.sha256[:12]})", made.metrics, folder)
