"""Novelty on hides that the network never saw: what it finds, what it costs, what it promises and keeps.

Beside it, in the same run, anomalib's PatchCore in an environment of its own: set ``WELT_PEER_PYTHON`` to the
Python of a virtual environment with ``pip install anomalib``. Its speed is that of its usual backbone,
WideResNet-50 (weights do not matter for time), with the same threads on the same photos: at the size that our
network sees them, with as many vectors kept; and, for orientation, shrunk to its usual 256 px with its usual
tenth of the vectors. Processor seconds stand beside those of the clock, which a busy machine stretches. Its
quality is measured on the features of our network, since the weights of its own backbone are not on this
disk. Without it those rows say how to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import numpy.typing as npt

from bench import novelty_speed
from bench.novelty_speed import MM_PER_PX, good_photo, whole_photo
from bench.photos import ROOT
from bench.table import Figure
from inspection import metrics, novelty, registry, runtime
from inspection.metrics import Tally
from inspection.novelty import Bank, Lesson
from inspection.novelty.variants import brighter, defocused, warmer
from inspection.registry import Model
from training.datasets import Shot, Split, open_dataset, read_photo

DATASETS = ROOT / "datasets"
DATA = "leather-line"
CROP_PX = 256
CROPS = 8
PATCH_PX = 96
OTHER_LEATHER = 25.0
"""Mean colours of photos of one hide lie within 16 of their median in CIELAB; three groups of the set also
hold photos of leather of another colour (38 to 70 away), which is rightly novel."""
CORE = 0.5
"""Boxes are loose: their middle, half as wide and high, is taken for the defect, the rest is not counted."""
ASKED = 0.01
KEPT = (0.003, 0.03)
LIGHTS: dict[str, Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.uint8]]] = {
    "as taken": lambda rgb: rgb,
    "20 % brighter": lambda rgb: brighter(rgb, 0.2),
    "20 % darker": lambda rgb: brighter(rgb, -0.2),
    "800 K warmer": lambda rgb: warmer(rgb, 800),
    "800 K cooler": lambda rgb: warmer(rgb, -800),
    "1 px out of focus": lambda rgb: defocused(rgb, 1.0),
}


def measure(models_dir: Path) -> list[Figure]:
    """All figures of novelty; one row says so when the serving model gives no features."""
    model = registry.open_serving(models_dir, threads=runtime.cpu_quota())
    if not model.spec.embedding_channels:
        return [Figure("novelty", "the serving model gives no features", "", None)]
    ours = novelty_speed.speed(model)
    hides = _hides()
    with TemporaryDirectory() as name:
        folder = Path(name)
        quality, dumped = _quality(model, hides, folder)
        rows = [*ours.figures(), *kept_promises(model, hides), *_quality_rows("novelty", quality)]
        peer = novelty_speed.run_peer(folder, model)
        if peer is None:
            return [*rows, Figure("anomalib's PatchCore beside it", novelty_speed.HOW_TO, "", None)]
        return [*rows, *peer.figures(ours), *_peer_quality_rows(quality, folder, dumped)]


# Promises


def _hides(splits: Sequence[Split] = (Split.TEST, Split.VAL)) -> dict[str, list[Shot]]:
    """Photos by hide that the network has not learned from."""
    _, shots = open_dataset(DATASETS, DATA)
    found: dict[str, list[Shot]] = {}
    for shot in shots:
        if shot.split in splits:
            found.setdefault(shot.group, []).append(shot)
    return found


def _labelled(shot: Shot, shape: tuple[int, ...], *, share: float = 1.0) -> npt.NDArray[np.bool_]:
    """Pixels of the boxes, or of their middles."""
    mask = np.zeros(shape[:2], bool)
    for box in shot.boxes:
        x, y = box.x + box.width / 2, box.y + box.height / 2
        rows = slice(max(0, round(y - share * box.height / 2)), round(y + share * box.height / 2) + 1)
        columns = slice(max(0, round(x - share * box.width / 2)), round(x + share * box.width / 2) + 1)
        mask[rows, columns] = True
    return mask


def _sound_places(shot: Shot, shape: tuple[int, ...], side: int, step: int) -> list[tuple[int, int]]:
    near = cv2.dilate(_labelled(shot, shape).astype(np.uint8), np.ones((25, 25), np.uint8))
    return [
        (y, x)
        for y in range(0, shape[0] - side + 1, step)
        for x in range(0, shape[1] - side + 1, step)
        if not near[y : y + side, x : x + side].any()
    ]


def _one_leather(shots: Sequence[Shot]) -> list[tuple[Shot, npt.NDArray[np.uint8]]]:
    """The photos of a group, without those of leather of another colour."""
    photos = [(shot, read_photo(shot)) for shot in shots]
    means = np.array([rgb.mean(axis=(0, 1)) for _, rgb in photos], np.float32)
    colours = cv2.cvtColor(means[None] / 255, cv2.COLOR_RGB2LAB)[0]
    away = np.linalg.norm(colours - np.median(colours, axis=0), axis=1)
    return [photo for photo, distance in zip(photos, away, strict=True) if distance <= OTHER_LEATHER]


def kept_promises(model: Model, hides: dict[str, list[Shot]]) -> list[Figure]:
    """False rejects on sound patches of photos that were not taught, in every light, beside the 1 % asked."""
    rejected: dict[str, list[bool]] = {light: [] for light in LIGHTS}
    for shots in hides.values():
        if len(shots) < 5:
            continue
        photos = _one_leather(shots)
        for half in (0, 1):
            sound = [
                good_photo(rgb[y : y + PATCH_PX, x : x + PATCH_PX], f"{shot.stem}-{y}-{x}", shot.stem)
                for shot, rgb in photos[half::2]
                for y, x in _sound_places(shot, rgb.shape, PATCH_PX, PATCH_PX)
            ]
            taught = sound[:: -(-len(sound) // novelty.MAX_PHOTOS)]  # of every photo, not of the first ones
            bank = novelty.teach(taught, Lesson("bench", "leather", model)).bank
            limit = novelty.choose_limit(bank.good, false_rejects=ASKED, photos=bank.units).score
            for shot, rgb in photos[1 - half :: 2]:
                for y, x in _sound_places(shot, rgb.shape, PATCH_PX, PATCH_PX):
                    patch = rgb[y : y + PATCH_PX, x : x + PATCH_PX]
                    for light, change in LIGHTS.items():
                        _, score = _score(change(patch), bank, model)
                        rejected[light].append(score >= limit)
    rows = []
    for light, decisions in rejected.items():
        share = float(np.mean(decisions))
        rows.append(
            Figure(
                f"false rejects, 1 % asked, {light}",
                f"{share:.2%} of {len(decisions)} sound patches",
                "0.3 % to 3 %",
                KEPT[0] <= share <= KEPT[1],
            )
        )
    return rows


def _score(rgb: npt.NDArray[np.uint8], bank: Bank, model: Model) -> tuple[npt.NDArray[np.float32], float]:
    maps = runtime.infer(model.network, rgb, photo_mm_per_px=MM_PER_PX, spec=model.spec)
    seen = novelty.look(maps, whole_photo(rgb), bank)
    return seen.grid, seen.score


# Quality


@dataclass(frozen=True, eq=False)
class Judged:
    """One photo of a hide held against its boxes."""

    hide: str
    kinds: frozenset[str]
    tally: Tally


def _crops(shots: Sequence[Shot], scored: Shot) -> list[tuple[Shot, int, int]]:
    """Sound crops of the other photos of the hide in turns; of the photo itself when it is the only one."""
    rng = np.random.default_rng(0)
    others = [shot for shot in shots if shot is not scored] or [scored]
    places = []
    for shot in others:
        found = _sound_places(shot, (640, 640), CROP_PX, 48)
        rng.shuffle(found)
        places.append([(shot, y, x) for y, x in found])
    chosen: list[tuple[Shot, int, int]] = []
    while len(chosen) < CROPS and any(places):
        for of_photo in places:
            if of_photo and len(chosen) < CROPS:
                chosen.append(of_photo.pop(0))
    return chosen


def _quality(
    model: Model, hides: dict[str, list[Shot]], folder: Path
) -> tuple[list[Judged], list[tuple[Shot, Path]]]:
    """Maps of test photos, each by a bank of eight sound crops of the hide's other photos; features for the
    peer are left in the folder."""
    judged, dumped = [], []
    for hide, shots in hides.items():
        if shots[0].split is not Split.TEST:
            continue
        photos = {shot.stem: read_photo(shot) for shot in shots}
        for shot in shots:
            crops = _crops(shots, shot)
            if len(crops) < novelty.MIN_PHOTOS:
                continue
            good = [good_photo(photos[one.stem][y : y + CROP_PX, x : x + CROP_PX]) for one, y, x in crops]
            bank = novelty.teach(good, Lesson("bench", "leather", model)).bank
            grid, _ = _score(photos[shot.stem], bank, model)
            valid = np.ones(photos[shot.stem].shape[:2], bool)
            for one, y, x in crops:
                if one is shot:
                    valid[y : y + CROP_PX, x : x + CROP_PX] = False
            judged.append(_judged(hide, shot, grid, valid))
            file = folder / f"{shot.stem}.npz"
            _dump(file, model, [one.rgb for one in good], photos[shot.stem], valid)
            dumped.append((shot, file))
    return judged, dumped


def _judged(hide: str, shot: Shot, grid: npt.NDArray[np.float32], valid: npt.NDArray[np.bool_]) -> Judged:
    height, width = valid.shape
    full = np.asarray(cv2.resize(grid, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
    core = _labelled(shot, valid.shape, share=CORE)
    counted = valid & (core | ~_labelled(shot, valid.shape))
    tally = Tally.of(full / (full + 1), core, valid=counted)
    return Judged(hide, frozenset(box.kind for box in shot.boxes), tally)


def _dump(
    file: Path,
    model: Model,
    taught: Sequence[npt.NDArray[np.uint8]],
    scored: npt.NDArray[np.uint8],
    valid: npt.NDArray[np.bool_],
) -> None:
    def features(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.float16]:
        maps = runtime.infer(model.network, rgb, photo_mm_per_px=MM_PER_PX, spec=model.spec)
        assert maps.embedding is not None
        return maps.embedding.astype(np.float16)

    np.savez(file, taught=np.stack([features(rgb) for rgb in taught]), scored=features(scored), valid=valid)


def _quality_rows(who: str, judged: Sequence[Judged]) -> list[Figure]:
    rows = []
    for kind in ("any", *sorted({kind for one in judged for kind in one.kinds})):
        some = [one for one in judged if kind == "any" or kind in one.kinds]
        for name, figure in (
            ("pixel AUROC", lambda t: t.auroc()),
            ("AUPRO 0.3", lambda t: t.aupro()),
        ):
            value = _interval(some, figure)
            rows.append(
                Figure(
                    f"{who} on {DATA}, unseen hides, {name}, {kind}",
                    f"{value.value:.3f} [{value.low:.3f}, {value.high:.3f}], n = {len(some)}",
                    "",
                    None,
                )
            )
    return rows


def _interval(judged: Sequence[Judged], figure: Callable[[Tally], float]) -> metrics.Interval:
    groups: dict[str, list[Judged]] = {}
    for one in judged:
        groups.setdefault(one.hide, []).append(one)
    return metrics.bootstrap(groups, lambda some: figure(Tally.total([one.tally for one in some])))


def _peer_quality_rows(
    quality: Sequence[Judged], maps: Path, dumped: Sequence[tuple[Shot, Path]]
) -> list[Figure]:
    """anomalib's PatchCore on the same features and photos, from the maps that it left in the folder."""
    theirs = []
    for shot, file in dumped:
        with np.load(maps / file.with_suffix(".map.npz").name) as archive:
            grid = archive["grid"]
        with np.load(file) as archive:
            valid = archive["valid"]
        theirs.append(_judged(shot.group, shot, grid, valid))
    rows = _quality_rows("anomalib PatchCore, our features,", theirs)
    ours, peer = (Tally.total([one.tally for one in judged]) for judged in (quality, theirs))
    for name, mine, other in (
        ("pixel AUROC", ours.auroc(), peer.auroc()),
        ("AUPRO 0.3", ours.aupro(), peer.aupro()),
    ):
        rows.append(
            Figure(
                f"{name}, ours and anomalib's on the same features",
                f"{mine:.3f} and {other:.3f}",
                "at least equal",
                mine >= other,
            )
        )
    return rows
