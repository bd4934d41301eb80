"""Renders a pool of scenes at the model's scale, once per recipe, for training to draw from.

What a defect does to a photo can be told exactly here: each scene is rendered a second time without its
leather defects, and only where the two photos differ visibly is there anything to learn. The rest of a
defect's mask is left out of the loss, as no person could see it either.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from numpy.lib.format import open_memmap
from tqdm import tqdm

from inspection.taxonomy import SOUND
from training.datasets import UNKNOWN_LABEL
from training.recipe import ScenesPart
from training.synthesis import scene as scenes
from training.synthesis.catalogue import SIZES
from training.synthesis.noise import stream
from training.synthesis.photo_base import sound_bases
from training.synthesis.render import render
from training.synthesis.sampling import Request, sample
from training.synthesis.scene import Family, Scene
from training.synthesis.truth import Truth

__all__ = [
    "HELD_OUT",
    "SIDE_PX",
    "SMALLEST_PX",
    "Piece",
    "Pool",
    "is_held_out",
    "open_pool",
    "render_piece",
    "visible",
    "wanted_scene",
]

SIDE_PX = 320
"""Of a piece of the pool: a training crop of 256 px with room to move."""
HELD_OUT = frozenset({Family.NUBUCK, Family.EMBOSSED})
"""Families that are never trained on, so that rendered test scenes show what carries over."""
HELD_OUT_HUE_DEG = 18.0
"""Strongly red threads, within this of pure red, are never trained on either."""
RENAMED = {
    "pipe_wrinkle": "wrinkle",
    "water_mark": "stain",
    "insect_bite": "scar",
    "scuff": "grain_damage",
}
"""Rendered kinds that a network without a plane of their own may call so."""
VISIBLE_LEVELS = 4.0
"""Grey levels by which a pixel of a defect must differ from the same photo without it."""
VISIBLE_SHARE = 0.7
"""And by this share of the standard deviation of the sound leather round it."""
SMALLEST_PX = 3
"""Fewer visible pixels than this are nothing to learn from."""
MIX = 6
"""Raised with every change to what a pool holds, so that an old one is not taken for it."""
CHUNK = 16
SHOWN, DOUBTFUL, EMPTY = 1.0, 0.0, -1.0
"""How a hole of the pool is marked."""
LEATHER_ONLY = 0.3
SOUND_SHARE = 0.15
COUNTS = (1, 2, 2, 3, 4)
"""Defects per piece that has any: more than on a real shoe, as real crops for training are chosen too."""
OFTEN = {"skipped_stitch": 3, "empty_hole": 2, "broken_thread": 2, "scratch": 2, "cut": 2, "burn": 2}
"""Kinds drawn more often than the others: measuring stands or falls with the first, the last are hard."""
NEVER = ("pen_mark", "pressed_line")
"""Things that in a crop cannot be told from scratches, by people either: they would teach scratches away."""
ON_PHOTOS = 0.4
SCALES = ((1.0, 0.6), (1.25, 0.25), (1.5, 0.15))
"""How much finer than the model's scale a scene is rendered before it is reduced, with probabilities: line
photos are finer than the model more often than not, and reduced ones are sharper."""

U8 = npt.NDArray[np.uint8]
F32 = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Piece:
    """One rendered piece at model scale.

    Attributes
    ----------
    rgb : (SIDE_PX, SIDE_PX, 3) uint8.
    labels : (SIDE_PX, SIDE_PX) uint8, index into the kinds; ``UNKNOWN_LABEL`` where a defect cannot be seen
        or has no plane.
    thread : (SIDE_PX, SIDE_PX) uint8, cover of sewing thread, 255 full.
    edge : (SIDE_PX, SIDE_PX) uint8, 1 on both sides of the outline of a panel.
    holes_px : (M, 2) float32, needle holes that a formed stitch shows.
    doubtful_px : (D, 2) float32, holes of which it cannot be told whether they show: no loss there.
    empty_px : (E, 2) float32, holes that show and hold no formed stitch.
    """

    rgb: U8
    labels: U8
    thread: U8
    edge: U8
    holes_px: F32
    doubtful_px: F32
    empty_px: F32


@dataclass(frozen=True, eq=False)
class Pool:
    """Rendered pieces on disk, read as they are needed."""

    rgb: npt.NDArray[np.uint8]
    planes: npt.NDArray[np.uint8]
    holes: npt.NDArray[np.float32]
    starts: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rgb)

    def piece(self, index: int) -> Piece:
        """Piece number ``index``."""
        own = self.holes[self.starts[index] : self.starts[index + 1]]
        labels, thread, edge = self.planes[index]
        return Piece(
            rgb=np.array(self.rgb[index]),
            labels=np.array(labels),
            thread=np.array(thread),
            edge=np.array(edge),
            holes_px=np.array(own[own[:, 2] == SHOWN, :2]),
            doubtful_px=np.array(own[own[:, 2] == DOUBTFUL, :2]),
            empty_px=np.array(own[own[:, 2] == EMPTY, :2]),
        )


def _red(colour: scenes.Rgb) -> bool:
    red, green, blue = colour
    high, low = max(colour), min(colour)
    if high - low < 0.5 * high or red < high:
        return False
    hue = 60 * (green - blue) / (high - low)
    return abs(hue) <= HELD_OUT_HUE_DEG


def is_held_out(scene: Scene) -> bool:
    """Whether a scene shows a family of leather or a colour of thread that is never trained on."""
    families = {scene.base.family, *(panel.leather.family for panel in scene.panels)}
    return bool(families & HELD_OUT) or any(_red(seam.thread.colour) for seam in scene.seams)


def _request(part: ScenesPart, rng: np.random.Generator, mm_per_px: float) -> tuple[Request, float]:
    """What to draw, and the scale to which it is reduced; the latter is not always the model's, because a
    scale on the line is never quite right, and photos without one are common."""
    finer = float(rng.choice([scale for scale, _ in SCALES], p=[share for _, share in SCALES]))
    taken_for = mm_per_px
    if rng.random() < part.scale_jitter_share:
        taken_for *= float(np.exp(rng.uniform(np.log(0.8), np.log(1.35))))
    scale = float(np.clip(taken_for / finer, scenes.MIN_MM_PER_PX, scenes.MAX_MM_PER_PX))
    side = int(np.ceil(SIDE_PX * taken_for / scale)) + 2
    return (
        Request(
            side_px=side,
            mm_per_px=(scale, scale),
            sound=SOUND_SHARE,
            leather_only=LEATHER_ONLY,
            on_photos=ON_PHOTOS,
            kinds=tuple(kind for kind in SIZES for _ in range(OFTEN.get(kind, 1))),
            counts=COUNTS,
            without=NEVER,
        ),
        taken_for,
    )


def wanted_scene(
    part: ScenesPart, index: int, *, mm_per_px: float, seed: int, held_out: bool, datasets_dir: Path
) -> tuple[Scene, float]:
    """Scene number ``index``, drawn until it is (or is not) one of those that are held out."""
    bases = sound_bases_of(datasets_dir) if part.on_photos else ()
    for attempt in range(1000):
        rng = stream(seed, "pool", index, attempt)
        request, taken_for = _request(part, rng, mm_per_px)
        families = () if held_out else tuple(f.value for f in Family if f not in HELD_OUT)
        scene = sample(
            replace(request, families=families, bases=bases), seed=seed, index=1000 * index + attempt
        )
        if is_held_out(scene) is held_out:
            return scene, taken_for
    raise RuntimeError(f"no scene {index} in 1000 attempts")


_BASES: dict[Path, tuple[scenes.PhotoBase, ...]] = {}


def sound_bases_of(datasets_dir: Path) -> tuple[scenes.PhotoBase, ...]:
    """Sound pieces of the training photos, looked for once per process."""
    if datasets_dir not in _BASES:
        _BASES[datasets_dir] = sound_bases(datasets_dir)
    return _BASES[datasets_dir]


def visible(photo: U8, without: U8) -> npt.NDArray[np.bool_]:
    """(H, W) where a photo differs from the one without defects by what a person could see."""
    grey = cv2.cvtColor(without, cv2.COLOR_RGB2GRAY).astype(np.float32)
    spread = np.sqrt(
        np.maximum(cv2.GaussianBlur(grey * grey, (0, 0), 8) - cv2.GaussianBlur(grey, (0, 0), 8) ** 2, 0)
    )
    change = cv2.GaussianBlur(photo.astype(np.float32) - without.astype(np.float32), (0, 0), 0.8)
    change -= np.median(change, axis=(0, 1))  # metering answers a large dark defect with more light
    return np.asarray(np.abs(change).max(axis=2) > np.maximum(VISIBLE_LEVELS, VISIBLE_SHARE * spread))


def _labels(truth: Truth, kinds: Sequence[str], seen: npt.NDArray[np.bool_], of_leather: set[str]) -> U8:
    """Labels at the photo's own size."""
    lookup = np.full(256, UNKNOWN_LABEL, np.uint8)
    for number, name in enumerate(truth.kind_names):
        own = name if name in kinds else RENAMED.get(name, "")
        if name == SOUND:
            lookup[number] = 0
        elif own in kinds:
            lookup[number] = kinds.index(own)
    labels = lookup[truth.kinds]
    for defect in truth.defects:
        if defect.kind in of_leather:
            inside = truth.instances == defect.number
            labels[inside & ~seen] = UNKNOWN_LABEL
            if np.count_nonzero(inside & seen) < SMALLEST_PX:
                labels[inside] = UNKNOWN_LABEL
    return np.asarray(labels, np.uint8)


def _holes(truth: Truth) -> tuple[F32, F32, F32]:
    """(holes that show, holes of which that cannot be told, empty ones), (., 2) each."""
    shown, doubtful, empty = [np.zeros((0, 2))], [np.zeros((0, 2))], [np.zeros((0, 2))]
    height, width = truth.thread.shape
    near = cv2.dilate(truth.thread, np.ones((5, 5)))
    for row in truth.rows:
        columns = np.clip(np.rint(row.holes_px[:, 0]).astype(int), 0, width - 1)
        lines = np.clip(np.rint(row.holes_px[:, 1]).astype(int), 0, height - 1)
        beside_thread = near[lines, columns] > 64
        shown.append(row.holes_px[row.formed & row.visible & beside_thread])
        # Where the thread broke, or something lies over it, the hole itself may still show, or not; so may
        # one of a row that leaves the panel it was sewn on.
        doubtful.append(row.holes_px[row.formed & (row.visible != beside_thread)])
        empty.append(row.holes_px[~row.formed & row.visible])
    return (
        np.concatenate(shown).astype(np.float32),
        np.concatenate(doubtful).astype(np.float32),
        np.concatenate(empty).astype(np.float32),
    )


def _edges(layer: U8) -> U8:
    """1 on both sides of every change of layer, so that the line lies where a panel ends and not half a
    pixel off."""
    edge = np.zeros_like(layer)
    across, down = layer[:, 1:] != layer[:, :-1], layer[1:] != layer[:-1]
    for one, other, changes in ((edge[:, 1:], edge[:, :-1], across), (edge[1:], edge[:-1], down)):
        one[changes] = 1
        other[changes] = 1
    return edge


def render_piece(
    scene: Scene, taken_for: float, *, kinds: Sequence[str], seed: int, datasets_dir: Path
) -> Piece:
    """The piece of a scene, reduced to ``taken_for`` mm per pixel."""
    made = render(scene, photos=datasets_dir)
    truth = made.truth
    seen = np.ones(truth.kinds.shape, bool)
    of_leather = {defect.kind for defect in scene.leather_defects}
    if scene.leather_defects:
        without = render(replace(scene, leather_defects=()), photos=datasets_dir)
        seen = visible(made.rgb, without.rgb)
    labels = _labels(truth, kinds, seen, of_leather)
    factor = scene.mm_per_px / taken_for
    side = max(SIDE_PX, round(scene.width_px * factor))
    exact = side / scene.width_px
    size = (side, side)
    rgb = cv2.resize(made.rgb, size, interpolation=cv2.INTER_AREA)
    fitted = cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST)
    thread = cv2.resize(truth.thread, size, interpolation=cv2.INTER_AREA)
    layer = cv2.resize(truth.layer, size, interpolation=cv2.INTER_NEAREST)
    edge = _edges(np.asarray(layer, np.uint8))
    rng = stream(seed, "cut", scene.seed)
    x, y = (int(v) for v in rng.integers(0, side - SIDE_PX + 1, 2))
    where = (slice(y, y + SIDE_PX), slice(x, x + SIDE_PX))
    shown, doubtful, empty = (
        ((holes + 0.5) * exact - 0.5 - (x, y)).astype(np.float32) for holes in _holes(truth)
    )
    return Piece(
        rgb=np.asarray(rgb[where], np.uint8),
        labels=np.asarray(fitted[where], np.uint8),
        thread=np.asarray(thread[where], np.uint8),
        edge=edge[where],
        holes_px=shown[_inside(shown)],
        doubtful_px=doubtful[_inside(doubtful)],
        empty_px=empty[_inside(empty)],
    )


def _inside(points: F32) -> npt.NDArray[np.bool_]:
    return np.asarray(((points > -0.5) & (points < SIDE_PX - 0.5)).all(axis=1), bool)


@dataclass(frozen=True)
class _Job:
    part: ScenesPart
    kinds: tuple[str, ...]
    mm_per_px: float
    seed: int
    datasets_dir: Path

    def __call__(self, index: int) -> Piece:
        cv2.setNumThreads(0)
        scene, taken_for = wanted_scene(
            self.part,
            index,
            mm_per_px=self.mm_per_px,
            seed=self.seed,
            held_out=False,
            datasets_dir=self.datasets_dir,
        )
        return render_piece(
            scene, taken_for, kinds=self.kinds, seed=self.seed, datasets_dir=self.datasets_dir
        )

    @property
    def digest(self) -> str:
        """What decides the pool."""
        said = {
            "part": self.part.model_dump(mode="json", exclude={"share", "focus"}),
            "kinds": self.kinds,
            "mm_per_px": self.mm_per_px,
            "seed": self.seed,
            "version": scenes.VERSION,
            "mix": MIX,
        }
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


def open_pool(
    part: ScenesPart,
    *,
    kinds: Sequence[str],
    mm_per_px: float,
    seed: int,
    folder: Path,
    datasets_dir: Path,
    workers: int,
    quiet: bool = False,
) -> Pool:
    """The pool of a recipe; rendered when it is not there yet, and on from where that was interrupted.

    Parameters
    ----------
    folder : pools lie below it, each in a folder named after what decides it.
    workers : processes that render; their number changes no piece.
    """
    job = _Job(part, tuple(kinds), mm_per_px, seed, datasets_dir)
    own = folder / job.digest
    own.mkdir(parents=True, exist_ok=True)
    shape = (part.count, SIDE_PX, SIDE_PX)
    files = own / "rgb.npy", own / "planes.npy"
    note = own / "holes.npz"
    mode = "r+" if note.is_file() else "w+"
    rgb = open_memmap(files[0], mode=mode, dtype=np.uint8, shape=(*shape, 3))
    planes = open_memmap(files[1], mode=mode, dtype=np.uint8, shape=(part.count, 3, SIDE_PX, SIDE_PX))
    holes: list[F32] = []
    if note.is_file():
        with np.load(note) as stored:
            starts = stored["starts"]
            holes = [stored["holes"][a:b] for a, b in pairwise(starts)]
    if len(holes) < part.count:
        todo = range(len(holes), part.count)
        bar = tqdm(total=part.count, initial=len(holes), desc="scenes", unit="scene", disable=quiet)
        for piece in _rendered(job, todo, workers):
            index = len(holes)
            rgb[index], planes[index] = piece.rgb, np.stack([piece.labels, piece.thread, piece.edge])
            flagged = [
                np.column_stack([points, np.full(len(points), flag)]).astype(np.float32)
                for points, flag in (
                    (piece.holes_px, SHOWN),
                    (piece.doubtful_px, DOUBTFUL),
                    (piece.empty_px, EMPTY),
                )
            ]
            holes.append(np.concatenate(flagged))
            bar.update()
            if len(holes) % CHUNK == 0 or len(holes) == part.count:
                rgb.flush()
                planes.flush()
                _note(note, holes)
        bar.close()
    starts = np.cumsum([0, *map(len, holes)])
    return Pool(
        rgb=np.load(files[0], mmap_mode="r"),
        planes=np.load(files[1], mmap_mode="r"),
        holes=np.concatenate(holes),
        starts=starts,
    )


def _note(file: Path, holes: Sequence[F32]) -> None:
    partial = file.with_suffix(".partial.npz")
    np.savez(partial, starts=np.cumsum([0, *map(len, holes)]), holes=np.concatenate(holes))
    partial.replace(file)


def _rendered(job: _Job, indices: range, workers: int) -> Iterator[Piece]:
    if workers <= 1:
        yield from map(job, indices)
        return
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap(job, indices, chunksize=4)
