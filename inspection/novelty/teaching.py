"""Teaches a view what good looks like, from photos of good parts.

Every photo is looked at as it is and under one to three of the changes of ``variants``. The photos are dealt
into folds; what each fold's photos score against a bank of the others tells what a good photo scores that the
bank has not seen. From these scores come the unit of the map, the limit, and which of the photos do not look
like the others. The bank that serves is then made of all of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inspection import preprocess, runtime
from inspection.domain import Maps, Zone
from inspection.errors import TeachingError
from inspection.novelty.bank import Bank, ZoneBank, smoothed, vectors_per_zone
from inspection.novelty.coreset import greedy_coreset, nearest
from inspection.novelty.descriptors import CELLS, cells_of_zones, describe
from inspection.novelty.tints import of_another_colour
from inspection.novelty.variants import VARIANTS, passes_per_photo, variants_of
from inspection.registry import Model
from inspection.runtime import Output

__all__ = [
    "MAX_MEMORY_MB",
    "MAX_PHOTOS",
    "MIN_PHOTOS",
    "Estimate",
    "GoodPhoto",
    "Lesson",
    "Suspect",
    "Taught",
    "check_count",
    "estimate",
    "teach",
]

MIN_PHOTOS = 5
"""With fewer, nothing can be said of how good parts differ among themselves."""
MAX_PHOTOS = 200
MAX_MEMORY_MB = 600.0
"""Features held at once while teaching; an estimate above it is refused before anything starts."""
FOLDS = 5
CANDIDATES = 24_000
"""Vectors of a zone that the coreset is chosen from, taken evenly from all photos: bounds time and memory."""
SAME_SIZE = 0.1
"""Photos whose sides at model scale differ by a tenth show something else, or from elsewhere."""
FAR_OUT = 4.0
"""Deviations (by median and MAD, of the log of the score) from which a photo is unlike the others."""
LEAST_DEVIATION = 0.08
"""Photos that are all alike must not make small differences look large: 8 % of a score at the least."""

WHOLE_PASS_S, FEATURES_PASS_S = 0.25, 0.08
"""Seconds a million model pixels take with two threads, through the whole network and through the part that
gives features, for the estimate; see bench."""
FITTING_S = 2.0
"""Seconds that folds and coresets take, for the estimate."""

Floats = npt.NDArray[np.float32]
Examiner = Callable[["GoodPhoto", Maps], str]
"""Looks at a photo before it is taught and gives its objection, such as a known defect; empty for none."""


@dataclass(frozen=True, eq=False)
class GoodPhoto:
    """A photo to learn from.

    Attributes
    ----------
    name : for messages.
    rgb : (H, W, 3) uint8.
    mm_per_px : None when not known.
    zones : in its pixels.
    group : photos of one group, such as those of one part, are alike and never divided among folds; empty for
        a photo that stands alone.
    """

    name: str
    rgb: npt.NDArray[np.uint8]
    mm_per_px: float | None
    zones: tuple[Zone, ...]
    group: str = ""


@dataclass(frozen=True)
class Lesson:
    """What is being taught, and with which network."""

    recipe: str
    view: str
    model: Model


@dataclass(frozen=True)
class Suspect:
    """A photo that does not look like the other good ones, or that somebody objects to.

    Attributes
    ----------
    index : of the photo.
    score : its novelty against the others; 1 is typical.
    at_px : (x, y) of its most novel place.
    objection : what ``Examiner`` said against it; empty when it is only unlike the others.
    """

    index: int
    name: str
    score: float
    at_px: tuple[float, float]
    objection: str = ""


@dataclass(frozen=True, eq=False)
class Taught:
    """A bank, and what teaching it showed.

    Attributes
    ----------
    suspects : photos that a person should look at before the bank is used, most novel first.
    scores : novelty of each photo, as it is, against the others.
    """

    bank: Bank
    suspects: tuple[Suspect, ...]
    scores: tuple[float, ...]


@dataclass(frozen=True)
class Estimate:
    """What teaching will take, said before it starts."""

    photos: int
    passes: int
    memory_mb: float
    seconds: float


@dataclass(frozen=True, eq=False)
class _Pass:
    """One look at one photo.

    Attributes
    ----------
    photo : its index.
    cells : (h, w, C) float16 features.
    zones : (h, w) uint8 number of the zone of each cell, from 1.
    plain : whether the photo was left as it is.
    """

    photo: int
    cells: npt.NDArray[np.float16]
    zones: npt.NDArray[np.uint8]
    plain: bool


def estimate(photos: Sequence[tuple[tuple[int, int], float | None]], model: Model) -> Estimate:
    """Memory and time that teaching will take.

    Parameters
    ----------
    photos : ((width, height) in pixels, mm per pixel) of each.
    """
    spec = model.spec
    passes = passes_per_photo(len(photos))
    pixels = 0
    for size_px, mm_per_px in photos:
        width, height = preprocess.model_size(
            size_px, photo_mm_per_px=mm_per_px, model_mm_per_px=spec.mm_per_px
        )
        pixels += width * height
    cells = pixels / (spec.embedding_stride * CELLS) ** 2
    held = passes * cells * 2  # bytes of each feature: float16
    chosen_from = 6 * CANDIDATES * 4  # candidates, a fold of them and their scaled copies: float32
    memory_mb = spec.embedding_channels * (held + chosen_from) / 1e6
    return Estimate(
        photos=len(photos),
        passes=passes * len(photos),
        memory_mb=memory_mb,
        seconds=pixels / 1e6 * (WHOLE_PASS_S + (passes - 1) * FEATURES_PASS_S) + FITTING_S,
    )


def teach(
    photos: Sequence[GoodPhoto],
    lesson: Lesson,
    *,
    examine: Examiner | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> Taught:
    """Make a bank of good photos.

    Parameters
    ----------
    examine : asked about each photo as it is; one that it objects to is a suspect. It needs the whole
        network, without it the part that gives features is enough.
    progress : told the share that is done, 0..1, now and then; may raise to stop.

    Raises
    ------
    TeachingError : too few or too many photos, of different sizes, or more memory than allowed.
    """
    _check(photos, lesson)
    steps = passes_per_photo(len(photos)) * len(photos)
    passes: list[_Pass] = []
    objections: list[str] = []
    for index, photo in enumerate(photos):
        embedding, objection = _examined(photo, lesson.model, examine)
        objections.append(objection)
        passes.append(_pass(index, photo, embedding, plain=True))
        progress(0.8 * len(passes) / steps)
        for name in variants_of(index, len(photos)):
            changed = _features(photo, VARIANTS[name](photo.rgb), lesson.model)
            passes.append(_pass(index, photo, changed, plain=False))
            progress(0.8 * len(passes) / steps)
    return _fit(photos, passes, objections, lesson, progress)


def check_count(count: int) -> None:
    """Raise TeachingError where so many photos are too few or too many to teach."""
    if count < MIN_PHOTOS:
        raise TeachingError(
            f"Too few good photos to teach: {count}; nothing was changed.",
            hint=f"Give at least {MIN_PHOTOS} photos of good parts; 20 to 50 make a better limit.",
        )
    if count > MAX_PHOTOS:
        raise TeachingError(
            f"{count} photos are more than the {MAX_PHOTOS} taught at once; nothing was changed.",
            hint="Choose photos that differ: other parts, other days, other lots.",
        )


def _check(photos: Sequence[GoodPhoto], lesson: Lesson) -> None:
    if not lesson.model.spec.embedding_channels:
        manifest = lesson.model.manifest
        raise TeachingError(
            f"The model {manifest.name}/{manifest.version} gives no features to teach novelty with.",
            hint="Serve a model whose manifest has embedding_channels; welt models show NAME tells.",
        )
    check_count(len(photos))
    spec = lesson.model.spec
    sizes = [
        preprocess.model_size(
            (photo.rgb.shape[1], photo.rgb.shape[0]),
            photo_mm_per_px=photo.mm_per_px,
            model_mm_per_px=spec.mm_per_px,
        )
        for photo in photos
    ]
    usual = np.median(np.array(sizes, float), axis=0)
    for photo, size in zip(photos, sizes, strict=True):
        if np.abs(np.array(size) / usual - 1).max() > SAME_SIZE:
            raise TeachingError(
                f"{photo.name} is {size[0]} x {size[1]} px at the model's scale, the others are about "
                f"{usual[0]:.0f} x {usual[1]:.0f}; nothing was changed.",
                hint="Teach photos of one view from one camera, or give each its mm_per_px.",
            )
    needed = estimate([((p.rgb.shape[1], p.rgb.shape[0]), p.mm_per_px) for p in photos], lesson.model)
    if needed.memory_mb > MAX_MEMORY_MB:
        raise TeachingError(
            f"Teaching {len(photos)} photos of this size needs about {needed.memory_mb:.0f} MB, "
            f"more than the {MAX_MEMORY_MB:.0f} MB allowed; nothing was changed.",
            hint=f"Teach about {int(len(photos) * MAX_MEMORY_MB / needed.memory_mb)} photos.",
        )


def _examined(photo: GoodPhoto, model: Model, examine: Examiner | None) -> tuple[Floats, str]:
    """Features of a photo as it is, and what is objected to it."""
    if examine is None:
        return _features(photo, photo.rgb, model), ""
    maps = runtime.infer(
        model.network,
        photo.rgb,
        photo_mm_per_px=photo.mm_per_px,
        spec=model.spec,
        outputs=(Output.EMBEDDING,),
    )
    assert maps.embedding is not None  # _check has seen to it
    return maps.embedding, examine(photo, maps)


def _features(photo: GoodPhoto, rgb: npt.NDArray[np.uint8], model: Model) -> Floats:
    return runtime.embed(model.network, rgb, photo_mm_per_px=photo.mm_per_px, spec=model.spec)


def _pass(index: int, photo: GoodPhoto, embedding: Floats, *, plain: bool) -> _Pass:
    cells = describe(embedding)
    height, width = photo.rgb.shape[:2]
    zones = cells_of_zones(photo.zones, photo_size_px=(width, height), grid=cells.shape[:2])
    return _Pass(index, cells.astype(np.float16), zones, plain)


def _fit(
    photos: Sequence[GoodPhoto],
    passes: Sequence[_Pass],
    objections: Sequence[str],
    lesson: Lesson,
    progress: Callable[[float], None],
) -> Taught:
    zones = photos[0].zones
    channels = passes[0].cells.shape[2]
    keep = vectors_per_zone(len(zones), channels)
    scale = _scale_of(passes)
    fold_of, folds = _folds(photos)
    grids = [np.zeros(one.zones.shape, np.float32) for one in passes]
    banks: list[ZoneBank] = []
    for number, zone in enumerate(zones, start=1):
        taken = [_sample(one, number, passes, scale) for one in passes]
        if not sum(map(len, taken)):
            continue
        for fold in range(folds):
            learned = np.concatenate(
                [some for one, some in zip(passes, taken, strict=True) if fold_of[one.photo] != fold]
            )
            if not len(learned):
                continue
            vectors = learned[greedy_coreset(learned, keep, seed=fold)]
            squares = np.einsum("ij,ij->i", vectors, vectors)
            for one, grid in zip(passes, grids, strict=True):
                here = one.zones == number
                if fold_of[one.photo] == fold and here.any():
                    grid[here] = nearest(one.cells[here].astype(np.float32) / scale, vectors, squares)
            progress(0.8 + 0.15 * ((number - 1) + (fold + 1) / folds) / len(zones))
        everything = np.concatenate(taken)
        chosen = everything[greedy_coreset(everything, keep)]
        unit = _unit_of(passes, grids, number)
        for one, grid in zip(passes, grids, strict=True):
            grid[one.zones == number] /= unit
        banks.append(ZoneBank(zone.name, chosen.astype(np.float16), unit))
    maps = [smoothed(grid, one.zones > 0) for one, grid in zip(passes, grids, strict=True)]
    good = np.array([float(grid.max(initial=0.0)) for grid in maps])
    plain = [good[k] for k, one in enumerate(passes) if one.plain]
    bank = Bank(
        recipe=lesson.recipe,
        view=lesson.view,
        model_sha256=lesson.model.manifest.sha256,
        scale=scale,
        zones=tuple(banks),
        good=np.sort(good),
        photos=len(photos),
        units=len(set(_groups(photos))),
        size_px=_model_size(photos[0], lesson.model),
        features_sha256=lesson.model.features_sha256,
    )
    progress(1.0)
    suspects = _suspects(photos, passes, maps, np.array(plain), objections)
    return Taught(bank, suspects, tuple(float(score) for score in plain))


def _groups(photos: Sequence[GoodPhoto]) -> list[str]:
    """The group of each photo; one group alone is divided after all."""
    groups = [photo.group or f"photo {index}" for index, photo in enumerate(photos)]
    return groups if len(set(groups)) > 1 else [str(index) for index in range(len(photos))]


def _folds(photos: Sequence[GoodPhoto]) -> tuple[list[int], int]:
    """The fold of each photo, and how many there are."""
    groups = _groups(photos)
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    folds = min(FOLDS, len(numbers))
    return [numbers[group] % folds for group in groups], folds


def _model_size(photo: GoodPhoto, model: Model) -> tuple[int, int]:
    return preprocess.model_size(
        (photo.rgb.shape[1], photo.rgb.shape[0]),
        photo_mm_per_px=photo.mm_per_px,
        model_mm_per_px=model.spec.mm_per_px,
    )


def _scale_of(passes: Sequence[_Pass]) -> Floats:
    """By how much each feature varies among good cells, plus the mean of that over all features.

    Features of an equal say would make many that hardly vary as loud as the few that mean something; without
    any scale, the loudest layer would decide alone.
    """
    cells = np.concatenate([one.cells[one.zones > 0][::7] for one in passes]).astype(np.float32)
    deviations = cells.std(axis=0)
    return np.asarray(deviations + max(float(deviations.mean()), 1e-6), np.float32)


def _sample(one: _Pass, zone: int, passes: Sequence[_Pass], scale: Floats) -> Floats:
    """Scaled vectors of a zone, at most this pass's share of ``CANDIDATES``, spread evenly."""
    cells = one.cells[one.zones == zone]
    step = max(1, math.ceil(len(cells) * len(passes) / CANDIDATES))
    offset = one.photo % step
    return np.asarray(cells[offset::step].astype(np.float32) / scale, np.float32)


def _unit_of(passes: Sequence[_Pass], grids: Sequence[Floats], zone: int) -> float:
    highest = [
        float(smoothed(np.where(one.zones == zone, grid, 0), one.zones == zone).max())
        for one, grid in zip(passes, grids, strict=True)
        if (one.zones == zone).any()
    ]
    return max(float(np.median(highest)), 1e-6)


def _suspects(
    photos: Sequence[GoodPhoto],
    passes: Sequence[_Pass],
    maps: Sequence[Floats],
    plain: npt.NDArray[np.float64],
    objections: Sequence[str],
) -> tuple[Suspect, ...]:
    logs = np.log(np.maximum(plain, 1e-9))
    middle = float(np.median(logs))
    deviation = max(LEAST_DEVIATION, 1.4826 * float(np.median(np.abs(logs - middle))))
    of_photo = {one.photo: grid for one, grid in zip(passes, maps, strict=True) if one.plain}
    found = []
    unlike = logs > middle + FAR_OUT * deviation
    unlike |= of_another_colour([(photo.rgb, photo.zones) for photo in photos])
    wanted = unlike | np.array([bool(words) for words in objections])
    for index in np.flatnonzero(wanted).tolist():
        grid = of_photo[index]
        row, column = np.unravel_index(int(grid.argmax()), grid.shape)
        height, width = photos[index].rgb.shape[:2]
        found.append(
            Suspect(
                index=index,
                name=photos[index].name,
                score=float(plain[index]),
                at_px=(
                    (float(column) + 0.5) * width / grid.shape[1] - 0.5,
                    (float(row) + 0.5) * height / grid.shape[0] - 0.5,
                ),
                objection=objections[index],
            )
        )
    return tuple(sorted(found, key=lambda suspect: -suspect.score))
