"""Novelty on hides that the network never saw: what it finds, what it costs, what it promises and keeps.

Beside it, in the same run, anomalib's PatchCore in an environment of its own: set ``WELT_PEER_PYTHON`` to the
Python of a virtual environment with ``pip install anomalib``. Its speed is that of its usual backbone,
WideResNet-50 at its usual 256 px (weights do not matter for time); its quality is measured on the features of
our network, since the weights of its own backbone are not on this disk. Without it those rows say how to.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import numpy.typing as npt

from bench.photos import ROOT, camera_jpeg
from bench.table import Figure
from inspection import imaging, metrics, novelty, pipeline, registry, runtime
from inspection.domain import Metadata, Zone, ZoneClass
from inspection.metrics import Tally
from inspection.novelty import Bank, GoodPhoto, InForce, Lesson
from inspection.novelty.variants import brighter, defocused, warmer
from inspection.recipes import open_recipes
from inspection.registry import Model
from inspection.standards import open_standards
from training.datasets import Shot, Split, open_dataset, read_photo

DATASETS = ROOT / "datasets"
DATA = "leather-line"
SIDE_PX = 1024
TAUGHT = 20
MM_PER_PX = 0.1
CROP_PX = 256
CROPS = 8
PATCH_PX = 96
CORE = 0.5
"""Boxes are loose: their middle, half as wide and high, is taken for the defect, the rest is not counted."""
ASKED = 0.01
KEPT = (0.003, 0.03)
PEER_PYTHON = "WELT_PEER_PYTHON"
PEER_SCRIPT = Path(__file__).parent / "peers" / "patchcore.py"
HOW_TO = f"peer not installed: pip install anomalib in an environment, {PEER_PYTHON}=/its/bin/python"
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
    ours = speed(model)
    hides = _hides()
    with TemporaryDirectory() as folder:
        quality, dumped = _quality(model, hides, Path(folder))
        peer = _peer(Path(folder), dumped)
        rows = [*ours.figures(), *kept_promises(model, hides), *_quality_rows("novelty", quality)]
        return [*rows, *_peer_rows(ours, quality, peer)]


def _zone(rgb: npt.NDArray[np.uint8]) -> tuple[Zone, ...]:
    height, width = rgb.shape[:2]
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float64) - 0.5
    return (Zone("leather", ZoneClass.PRIMARY, corners),)


def _good(rgb: npt.NDArray[np.uint8], name: str = "", group: str = "") -> GoodPhoto:
    return GoodPhoto(name, rgb, MM_PER_PX, _zone(rgb), group)


# Speed


@dataclass(frozen=True)
class Speed:
    """Seconds to teach, milliseconds to score, bytes of the bank."""

    teach_s: float
    photo_ms: float
    bank_bytes: int

    def figures(self) -> list[Figure]:
        """Rows of the table."""
        return [
            Figure(
                f"{TAUGHT} photos of {SIDE_PX} px taught (0.1 mm/px)",
                f"{self.teach_s:.1f} s",
                "<= 20 s",
                self.teach_s <= 20,
            ),
            Figure(
                f"one photo of {SIDE_PX} px inspected with novelty, bytes to verdict",
                f"{self.photo_ms:.0f} ms",
                "<= 300 ms",
                self.photo_ms <= 300,
            ),
            Figure("bank", f"{self.bank_bytes / 1e6:.2f} MB", "<= 3 MB", self.bank_bytes <= 3e6),
        ]


def speed_photos() -> list[npt.NDArray[np.uint8]]:
    """Camera-sized photos of real leather."""
    jpegs = [camera_jpeg(width=SIDE_PX, height=SIDE_PX, variant=number) for number in range(TAUGHT)]
    return [imaging.decode(jpeg, max_pixels=4_000_000).rgb for jpeg in jpegs]


def speed(model: Model) -> Speed:
    """Teach and inspect as the service does, with the threads of this machine."""
    photos = [_good(rgb, str(number)) for number, rgb in enumerate(speed_photos())]
    began = time.perf_counter()
    taught = novelty.teach(photos, Lesson("default", "leather", model))
    teach_s = time.perf_counter() - began
    in_force = InForce(taught.bank, 1, limit=2.0, false_rejects=ASKED)
    setup = pipeline.prepare(
        Metadata(station="bench", view="leather", mm_per_px=MM_PER_PX),
        model=model,
        recipes=open_recipes(),
        standards=open_standards(),
        taught=lambda recipe, view: in_force,
    )
    times = []
    for number in range(8):
        jpeg = camera_jpeg(width=SIDE_PX, height=SIDE_PX, variant=number)
        began = time.perf_counter()
        pipeline.inspect(imaging.decode(jpeg, max_pixels=4_000_000), setup, clock=time.perf_counter)
        times.append((time.perf_counter() - began) * 1e3)
    return Speed(teach_s, statistics.median(times), len(novelty.bank_to_bytes(taught.bank)))


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


def kept_promises(model: Model, hides: dict[str, list[Shot]]) -> list[Figure]:
    """False rejects on sound patches of photos that were not taught, in every light, beside the 1 % asked."""
    rejected: dict[str, list[bool]] = {light: [] for light in LIGHTS}
    for shots in hides.values():
        if len(shots) < 5:
            continue
        for half in (0, 1):
            photos = [(shot, read_photo(shot)) for shot in shots]
            taught = [
                _good(rgb[y : y + PATCH_PX, x : x + PATCH_PX], f"{shot.stem}-{y}-{x}", shot.stem)
                for shot, rgb in photos[half::2]
                for y, x in _sound_places(shot, rgb.shape, PATCH_PX, PATCH_PX)
            ][: novelty.MAX_PHOTOS]
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
    seen = novelty.look(maps, _zone(rgb), bank)
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
            good = [_good(photos[one.stem][y : y + CROP_PX, x : x + CROP_PX]) for one, y, x in crops]
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


# The peer


@dataclass(frozen=True, eq=False)
class Peer:
    """What anomalib's PatchCore did in the same run."""

    version: str
    teach_s: float
    photo_ms: float
    judged: tuple[Judged, ...]


def _peer(folder: Path, dumped: Sequence[tuple[Shot, Path]]) -> Peer | None:
    """Run the peer; None where it is not installed."""
    python = os.environ.get(PEER_PYTHON)
    if not python:
        return None
    photos = folder / "speed.npz"
    np.savez(photos, photos=np.stack(speed_photos()))
    ran = subprocess.run(
        [python, str(PEER_SCRIPT), str(folder), str(runtime.cpu_quota())],
        env={**os.environ, "MALLOC_MMAP_THRESHOLD_": "1000000"},  # else its heap grows to over 15 GB
        capture_output=True,
        text=True,
        check=False,
        timeout=3600,
    )
    if ran.returncode != 0:
        raise RuntimeError(f"the peer failed: {ran.stderr[-2000:]}")
    told = json.loads(ran.stdout.splitlines()[-1])
    judged = []
    for shot, file in dumped:
        with np.load(file.with_suffix(".map.npz")) as archive:
            grid = archive["grid"]
        with np.load(file) as archive:
            valid = archive["valid"]
        judged.append(_judged(shot.group, shot, grid, valid))
    return Peer(told["version"], told["teach_s"], told["photo_ms"], tuple(judged))


def _peer_rows(ours: Speed, quality: Sequence[Judged], peer: Peer | None) -> list[Figure]:
    if peer is None:
        return [Figure("anomalib's PatchCore beside it", HOW_TO, "", None)]
    teach, score = peer.teach_s / ours.teach_s, peer.photo_ms / ours.photo_ms
    total = Tally.total([one.tally for one in quality])
    theirs = Tally.total([one.tally for one in peer.judged])
    return [
        Figure(
            f"anomalib {peer.version} PatchCore WideResNet-50 at 256 px, teaching the same {TAUGHT} photos",
            f"{teach:.1f} x slower ({peer.teach_s:.1f} s)",
            ">= 10 x",
            teach >= 10,
        ),
        Figure("the same, one photo", f"{score:.1f} x slower ({peer.photo_ms:.0f} ms)", ">= 5 x", score >= 5),
        *_quality_rows("anomalib PatchCore, our features,", peer.judged),
        Figure(
            "pixel AUROC, ours and anomalib's on the same features",
            f"{total.auroc():.3f} and {theirs.auroc():.3f}",
            "at least equal",
            total.auroc() >= theirs.auroc(),
        ),
        Figure(
            "AUPRO 0.3, ours and anomalib's on the same features",
            f"{total.aupro():.3f} and {theirs.aupro():.3f}",
            "at least equal",
            total.aupro() >= theirs.aupro(),
        ),
    ]
