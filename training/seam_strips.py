"""Rendered rows, straightened as the judge of stitches sees them, with what is true of every stitch.

The rows are those that the served model traces, not the true ones: so the judge also learns what it is shown
where a row was traced a little beside itself, holds a hole too many, or is none.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from inspection import runtime
from inspection.domain import Calibration, CalibrationSource
from inspection.registry import Model, open_serving
from inspection.seams.finding import find_rows
from inspection.seams.frame import Frame
from inspection.seams.gaps import straightened
from inspection.seams.judging import GONE, NONE, PASSED
from inspection.seams.points import planes_of
from inspection.seams.strips import COLUMNS, PAD, reduced
from training.scenes import HELD_OUT, is_held_out, sound_bases_of
from training.synthesis.catalogue import SIZES
from training.synthesis.noise import stream
from training.synthesis.render import Sample, render
from training.synthesis.sampling import Request, sample
from training.synthesis.scene import Family, Scene
from training.synthesis.truth import RowTruth

__all__ = [
    "GONE",
    "LOCKED",
    "NONE",
    "PASSED",
    "SOUND",
    "UNKNOWN",
    "Strip",
    "labelled",
    "read_strips",
    "scene_of",
    "truth_of",
]

U8 = npt.NDArray[np.uint8]
I8 = npt.NDArray[np.int8]
F64 = npt.NDArray[np.float64]

UNKNOWN = -1
"""What is true of a stitch or place of which nothing is learned."""
SOUND = 0
"""Of a stitch: its thread is there; or it is ``GONE``."""
LOCKED = 0
"""Of a place: a stitch locked there; or the thread has ``PASSED`` over, or there is ``NONE``: no hole of this
row."""

SIDE_PX = 576
MM_PER_PX = (0.08, 0.19)
CHUNK = 100
"""Photos per file of strips."""
_SEWN = ("skipped_stitch", "broken_thread")
_OFTEN = 4
_NEAR_MM = 0.5
"""A place of a traced row this near to a true hole is that hole."""
_LEAST_HELD = 4
"""A traced row that has fewer holes of a true one is none of it."""
_ALONG_COS = 0.8
_STRAIGHT_DOWN = 0.6
"""Share of photos from straight above; the others are tilted, through a bent lens."""


@dataclass(frozen=True, eq=False)
class Strip:
    """One traced row of U stitches.

    Attributes
    ----------
    rgb : (LANES, COLUMNS * (U + 2 * PAD), 3) uint8. stitches : (U,) ``SOUND``, ``GONE`` or ``UNKNOWN``.
    places : (U + 1,) ``LOCKED``, ``PASSED``, ``NONE`` or ``UNKNOWN``. photo : its number.
    """

    rgb: U8
    stitches: I8
    places: I8
    photo: int


def scene_of(seed: int, index: int, datasets_dir: Path) -> Scene:
    """Scene number ``index``, of no held-out family: most have faults of stitches, some whatever comes."""
    families = tuple(family.value for family in Family if family not in HELD_OUT)
    for attempt in range(1000):
        rng = stream(seed, "judge", index, attempt)
        which = rng.random()
        mm_per_px = float(np.exp(rng.uniform(*np.log(MM_PER_PX))))
        request = Request(
            side_px=SIDE_PX,
            mm_per_px=(mm_per_px, mm_per_px),
            leather_only=0.0,
            families=families,
            bases=sound_bases_of(datasets_dir),
        )
        if which < 0.6:
            request = replace(request, kinds=_SEWN, counts=(2, 3, 4, 5), sound=0.0)
        elif which < 0.8:
            kinds = tuple(kind for kind in SIZES for _ in range(_OFTEN if kind in _SEWN else 1))
            request = replace(request, kinds=kinds, counts=(3, 4, 5, 6), sound=0.0)
        scene = sample(request, seed=seed, index=1000 * index + attempt)
        if is_held_out(scene) or not scene.seams:
            continue
        if rng.random() < _STRAIGHT_DOWN:
            scene = replace(scene, camera=replace(scene.camera, tilt_x=0.0, tilt_y=0.0, distortion=0.0))
        return scene
    raise RuntimeError(f"no scene {index} in 1000 attempts")


def labelled(made: Sample, model: Model, *, photo: int) -> list[Strip]:
    """Every row that the model traces in a rendered photo."""
    truth = made.truth
    maps = runtime.infer(model.network, made.rgb, photo_mm_per_px=truth.mm_per_px, spec=model.spec)
    planes = planes_of(maps, model.spec)
    if planes is None:
        return []
    frame = Frame(Calibration(truth.mm_per_px, CalibrationSource.REFERENCE))
    photo_of_strips = reduced(made.rgb, mm_per_px=truth.mm_per_px)
    strips = []
    for row in find_rows(planes, made.rgb, frame):
        line = straightened(row)
        stitches, places = truth_of(line.at_px, line.seen, truth.rows, truth.mm_per_px)
        if (stitches != UNKNOWN).any() or (places != UNKNOWN).any():
            strips.append(Strip(line.strip(photo_of_strips), stitches, places, photo))
    return strips


def truth_of(
    at_px: F64, seen: npt.NDArray[np.bool_], rows: Sequence[RowTruth], mm_per_px: float
) -> tuple[I8, I8]:
    """What is true of the stitches (U,) and places (U + 1,) of a traced row.

    Parameters
    ----------
    at_px : (U + 1, 2) places of the row in the photo. seen : (U + 1,) whether the model sees a hole there.
    rows : the true ones.
    """
    stitches, places = np.full(len(at_px) - 1, UNKNOWN, np.int8), np.full(len(at_px), UNKNOWN, np.int8)
    if not rows:
        return stitches, places
    holes = np.concatenate([row.holes_px for row in rows])
    owner = np.concatenate([np.full(len(row.holes_px), k) for k, row in enumerate(rows)])
    number = np.concatenate([np.arange(len(row.holes_px)) for row in rows])
    away = np.hypot(*(at_px[:, None] - holes[None]).transpose(2, 0, 1))
    nearest = away.argmin(axis=1)
    near = away.min(axis=1) * mm_per_px < _NEAR_MM
    held = np.bincount(owner[nearest[near & seen]], minlength=len(rows))
    most = int(held.argmax())
    row = rows[most]
    gone = np.zeros(max(0, len(row.holes_px) - 1), bool)
    gone[list(row.broken)] = True
    # Between two stitches without thread nothing tells whether one locked.
    bare = np.concatenate([[True], gone]) & np.concatenate([gone, [True]])
    own = near & (owner[nearest] == most)
    of_hole = np.where(row.formed, LOCKED, PASSED)
    of_hole[bare | ~row.visible] = UNKNOWN
    places[own] = of_hole[number[nearest[own]]]
    inner = seen & ~near
    inner[[0, -1]] = False
    places[inner] = NONE
    if held[most] >= _LEAST_HELD:
        stitches[:] = _stitches(at_px, row, gone, near_px=_NEAR_MM / mm_per_px)
    # In the middle of thread that goes on there is no hole where the rhythm expects one: a long stitch.
    amid = np.zeros(len(places), bool)
    amid[1:-1] = (stitches[:-1] == SOUND) & (stitches[1:] == SOUND)
    places[~seen & amid & (places == UNKNOWN)] = NONE
    return stitches, beside_passed(places)


def beside_passed(places: I8) -> I8:
    """Places (P,) without the word ``NONE`` where thread that passes over a hole goes on: whether what lies
    beside that hole is a place of its own depends on where exactly it was traced."""
    ends = np.isin(places, (LOCKED, UNKNOWN))
    stretch = np.cumsum(ends)
    passing = np.isin(stretch, stretch[places == PASSED])
    return np.where(passing & (places == NONE), UNKNOWN, places).astype(np.int8)


def _stitches(at_px: F64, row: RowTruth, gone: npt.NDArray[np.bool_], *, near_px: float) -> I8:
    """What is true of the stitches (U,), each by the true one that runs along with it there."""
    first, ahead = row.holes_px[:-1], np.diff(row.holes_px, axis=0)
    length = np.maximum(1e-9, np.hypot(ahead[:, 0], ahead[:, 1]))
    middle, way = (at_px[:-1] + at_px[1:]) / 2, np.diff(at_px, axis=0)
    along = np.clip(((middle[:, None] - first) * ahead).sum(axis=2) / length**2, 0, 1)
    away = np.hypot(*(middle[:, None] - first - along[..., None] * ahead).transpose(2, 0, 1))
    true = away.argmin(axis=1)
    cos = np.abs((way * ahead[true]).sum(axis=1))
    cos /= np.maximum(1e-9, np.hypot(way[:, 0], way[:, 1])) * length[true]
    known = (away.min(axis=1) < near_px) & (cos > _ALONG_COS) & (row.visible[:-1] & row.visible[1:])[true]
    return np.where(known, np.where(gone[true], GONE, SOUND), UNKNOWN).astype(np.int8)


@dataclass(frozen=True)
class _Job:
    seed: int
    folder: Path
    datasets_dir: Path
    models_dir: Path

    def file(self, first: int) -> Path:
        return self.folder / f"strips-{self.seed}-{first:06d}.npz"

    def __call__(self, first: int) -> int:
        cv2.setNumThreads(0)
        strips: list[Strip] = []
        for index in range(first, first + CHUNK):
            made = render(scene_of(self.seed, index, self.datasets_dir), photos=self.datasets_dir)
            strips += labelled(made, _model(self.models_dir), photo=index)
        partial = self.file(first).with_suffix(".partial.npz")
        np.savez(
            partial,
            rgb=np.concatenate([strip.rgb for strip in strips], axis=1),
            stitches=np.concatenate([strip.stitches for strip in strips]),
            places=np.concatenate([strip.places for strip in strips]),
            counts=[len(strip.stitches) for strip in strips],
            photos=[strip.photo for strip in strips],
        )
        partial.replace(self.file(first))
        return CHUNK


@cache
def _model(models_dir: Path) -> Model:
    return open_serving(models_dir, threads=1)


def read_strips(
    folder: Path,
    *,
    photos: int,
    seed: int,
    workers: int,
    datasets_dir: Path,
    models_dir: Path,
    quiet: bool = False,
) -> list[Strip]:
    """Strips of ``photos`` photos, rounded up to hundreds; those not in ``folder`` yet are rendered."""
    folder.mkdir(parents=True, exist_ok=True)
    job = _Job(seed, folder, datasets_dir, models_dir)
    chunks = range(0, photos, CHUNK)
    todo = [first for first in chunks if not job.file(first).is_file()]
    with tqdm(total=len(chunks) * CHUNK, desc="rows", unit="photo", disable=quiet) as bar:
        bar.update((len(chunks) - len(todo)) * CHUNK)
        for count in _done(job, todo, workers):
            bar.update(count)
    return [strip for first in chunks for strip in _read(job.file(first))]


def _done(job: _Job, todo: Sequence[int], workers: int) -> Iterator[int]:
    if workers <= 1:
        yield from map(job, todo)
        return
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap_unordered(job, todo)


def _read(file: Path) -> Iterator[Strip]:
    with np.load(file) as stored:
        counts = stored["counts"]
        ends = np.cumsum(counts)
        of_place = np.split(stored["places"], np.cumsum(counts + 1)[:-1])
        of_stitch = np.split(stored["stitches"], ends[:-1])
        columns = np.cumsum((counts + 2 * PAD) * COLUMNS)[:-1]
        rgb = np.split(stored["rgb"], columns, axis=1)
        for strip, stitches, places, photo in zip(rgb, of_stitch, of_place, stored["photos"], strict=True):
            yield Strip(np.array(strip), stitches, places, int(photo))
