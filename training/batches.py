"""Draws training batches: batch number and seed decide every pixel, so a resumed run sees what it would
have seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset

from training.augment import Augment, Crop
from training.datasets import UNKNOWN_LABEL, Example, box_slices
from training.networks import STRIDE
from training.pasting import collect, transplant
from training.recipe import BoxUse, Recipe
from training.scenes import Piece, Pool
from training.stitches import Sewing, Stitching, none_sewn, not_known
from training.weak import mark

__all__ = ["MAX_BOXES", "Batch", "Batches", "kept_back", "symmetric"]

MAX_BOXES = 15
"""Boxes of one photo that training tells apart."""
SLACK = 1.25
"""Crops are cut this much larger than needed, so that turning them brings in leather and not mirror
images."""
WHOLE_SHARE = 0.6
"""A box counts in a crop that holds at least this share of it: the defect may lie in what was cut off."""
VALIDATION_PIECES = 24
"""The last pieces of a pool are not trained on; of a small pool the last quarter."""
NEAR_RIM_PX = 8
"""A defect for whose sake a crop is cut lies at least this far inside it."""
PASTE_ON_SCENES = 0.5
"""Real defects are transplanted onto rendered leather half as often as onto real leather."""


class Batch(NamedTuple):
    """What one step learns from.

    Attributes
    ----------
    images : (N, 3, S, S) uint8.
    labels, box_ids : (N, S, S) uint8.
    box_kinds : (N, MAX_BOXES) uint8, 0 where there is no usable box.
    stitches : (N, 5, S / 2, S / 2) float32, see ``stitches.PLANES``.
    stitches_known : (N, 2, S / 2, S / 2) float32.
    """

    images: Tensor
    labels: Tensor
    box_ids: Tensor
    box_kinds: Tensor
    stitches: Tensor
    stitches_known: Tensor


class _Drawn(NamedTuple):
    crop: Crop
    box_kinds: npt.NDArray[np.uint8]
    stitching: Stitching


class Batches(Dataset[Batch]):
    """Item i is batch i, or this process's part of it."""

    def __init__(
        self, examples: Sequence[Example], recipe: Recipe, pool: Pool | None = None, *, rank: int = 0
    ) -> None:
        self.recipe, self.rank = recipe, rank
        self._pool = pool
        self._showing = _showing(pool, len(recipe.kinds)) if pool is not None else {}
        self._masked = [example for example in examples if example.shot.is_flat and not example.boxes]
        self._boxed = [example for example in examples if example.boxes]
        self._sound = [example for example in examples if not example.shot.is_flat]
        if recipe.data.boxes is BoxUse.NOTHING:
            self._boxed = []
        self._labels = {id(example): example.labels for example in (*self._masked, *self._sound)}
        for example in self._boxed:
            full = recipe.data.boxes is BoxUse.FULL
            self._labels[id(example)] = mark(example, kinds=recipe.kinds) if full else example.labels
        skip = frozenset(recipe.kinds.index(kind) for kind in ("scar",) if kind in recipe.kinds)
        grafts = [
            graft
            for example in (*self._masked, *self._boxed)
            for graft in collect(example.rgb, self._labels[id(example)], skip=skip)
        ]
        if recipe.data.only_scenes:
            grafts = []
        self._grafts = {
            label: [graft for graft in grafts if graft.label == label]
            for label in sorted({graft.label for graft in grafts})
        }
        self._augment = Augment(crop_px=recipe.data.crop_px)

    def __len__(self) -> int:
        return self.recipe.fit.steps

    def __getitem__(self, step: int) -> Batch:
        cv2.setNumThreads(0)  # the trainer's threads are busy enough
        rng = np.random.default_rng((self.recipe.seed, step, self.rank))
        drawn = [self._draw(rng) for _ in range(self.recipe.fit.batch // self.recipe.fit.processes)]
        images = np.stack([one.crop.rgb.transpose(2, 0, 1) for one in drawn])
        return Batch(
            images=torch.from_numpy(images),
            labels=torch.from_numpy(np.stack([one.crop.labels for one in drawn])),
            box_ids=torch.from_numpy(np.stack([one.crop.box_ids for one in drawn])),
            box_kinds=torch.from_numpy(np.stack([one.box_kinds for one in drawn])),
            stitches=torch.from_numpy(np.stack([one.stitching.planes for one in drawn])),
            stitches_known=torch.from_numpy(np.stack([one.stitching.known for one in drawn])),
        )

    def _draw(self, rng: np.random.Generator) -> _Drawn:
        data = self.recipe.data
        share = 1.0 if data.only_scenes else data.scenes.share if data.scenes is not None else 0.0
        if self._pool is not None and rng.random() < share:
            return self._rendered(self._pool, rng)
        if self._sound and rng.random() < data.sound_share:
            return self._real(self._sound[int(rng.integers(len(self._sound)))], rng)
        wants_boxed = bool(self._boxed) and rng.random() < data.box_share
        pool = self._boxed if wants_boxed or not self._masked else self._masked
        return self._real(self._balanced(pool, rng), rng)

    def _real(self, example: Example, rng: np.random.Generator) -> _Drawn:
        data = self.recipe.data
        crop = self._pasted(self._cut(example, rng), rng, data.paste if example.shot.is_flat else 0.0)
        varied = self._augment(crop, seed=int(rng.integers(2**31)))
        kinds = np.zeros(MAX_BOXES, np.uint8)
        if data.boxes is BoxUse.FULL:
            for i, box in enumerate(example.boxes[:MAX_BOXES]):
                inside = np.count_nonzero(varied.box_ids == i + 1)
                if inside >= WHOLE_SHARE * box.width * box.height:
                    kinds[i] = self.recipe.kinds.index(box.kind)
        known = none_sewn if example.shot.is_flat else not_known
        return _Drawn(varied, kinds, known(data.crop_px, stride=STRIDE))

    def _pasted(self, crop: Crop, rng: np.random.Generator, share: float) -> Crop:
        if rng.random() >= share or not self._grafts:
            return crop
        label = list(self._grafts)[int(rng.integers(len(self._grafts)))]
        return transplant(crop, self._grafts[label], rng)

    def _rendered(self, pool: Pool, rng: np.random.Generator) -> _Drawn:
        """A crop of a rendered scene: cut, mirrored, turned by quarters, so that needle holes stay exact."""
        side = self.recipe.data.crop_px
        piece, x, y = self._corner(pool, rng)
        rgb, labels, sewing = symmetric(piece, x, y, side, turn=int(rng.integers(8)))
        crop = Crop(rgb=rgb, labels=labels, box_ids=np.zeros_like(labels))
        crop = self._pasted(crop, rng, PASTE_ON_SCENES * self.recipe.data.paste)
        rgb = self._augment.retouch(crop.rgb, seed=int(rng.integers(2**31)))
        return _Drawn(
            Crop(rgb=rgb, labels=crop.labels, box_ids=crop.box_ids),
            np.zeros(MAX_BOXES, np.uint8),
            Stitching.of(sewing, stride=STRIDE),
        )

    def _corner(self, pool: Pool, rng: np.random.Generator) -> tuple[Piece, int, int]:
        """A piece, and the corner of a crop of it, which shows a defect as often as the recipe says."""
        side = self.recipe.data.crop_px
        scenes = self.recipe.data.scenes
        if scenes is not None and self._showing and rng.random() < scenes.focus:
            label = list(self._showing)[int(rng.integers(len(self._showing)))]
            pieces = self._showing[label]
            piece = pool.piece(pieces[int(rng.integers(len(pieces)))])
            rows, columns = np.nonzero(piece.labels == label)
            at = int(rng.integers(len(rows)))
            y, x = (_start(rng, int(place), side, piece.labels.shape[0]) for place in (rows[at], columns[at]))
            return piece, x, y
        piece = pool.piece(int(rng.integers(len(pool) - kept_back(len(pool)))))
        y, x = (int(v) for v in rng.integers(0, piece.labels.shape[0] - side + 1, 2))
        return piece, x, y

    def _balanced(self, pool: Sequence[Example], rng: np.random.Generator) -> Example:
        """A photo of a group drawn first: a hide with many photos counts as much as half of its square
        suggests."""
        groups: dict[str, list[Example]] = {}
        for example in pool:
            groups.setdefault(f"{example.shot.group} {example.shot.mask_kind}", []).append(example)
        names = sorted(groups)
        weights = np.sqrt([len(groups[name]) for name in names])
        chosen = groups[names[int(rng.choice(len(names), p=weights / weights.sum()))]]
        return chosen[int(rng.integers(len(chosen)))]

    def _cut(self, example: Example, rng: np.random.Generator) -> Crop:
        box_ids = np.zeros_like(example.labels)
        for i, box in enumerate(example.boxes[:MAX_BOXES]):
            box_ids[box_slices(box)] = i + 1
        # Crops are trimmed after they were turned; without a margin the rim of a photo would never be seen.
        margin = round(self.recipe.data.crop_px * (SLACK - 1) / 2)
        rgb = _widened(example.rgb, margin)
        labels = _widened(self._labels[id(example)], margin)
        box_ids = _widened(box_ids, margin)
        height, width = labels.shape
        side = round(self.recipe.data.crop_px * SLACK)
        side_y, side_x = min(side, height), min(side, width)
        y, x = int(rng.integers(height - side_y + 1)), int(rng.integers(width - side_x + 1))
        if rng.random() < self.recipe.data.focus:
            rows, columns = np.nonzero(
                (labels != 0) if example.boxes else (labels != UNKNOWN_LABEL) & (labels > 0)
            )
            if len(rows):
                at = int(rng.integers(len(rows)))
                y = int(np.clip(rows[at] - side_y // 2 + rng.integers(-40, 41), 0, height - side_y))
                x = int(np.clip(columns[at] - side_x // 2 + rng.integers(-40, 41), 0, width - side_x))
        where = (slice(y, y + side_y), slice(x, x + side_x))
        return Crop(rgb=rgb[where], labels=labels[where], box_ids=box_ids[where])


def _widened(plane: npt.NDArray[np.uint8], margin: int) -> npt.NDArray[np.uint8]:
    """A plane with its own mirror image as a margin."""
    wide = cv2.copyMakeBorder(plane, margin, margin, margin, margin, cv2.BORDER_REFLECT_101)
    return np.asarray(wide, np.uint8)


def _start(rng: np.random.Generator, place: int, side: int, whole: int) -> int:
    """Where a window of ``side`` begins that shows ``place`` well inside, if the ``whole`` allows."""
    low = min(max(0, place - side + 1 + NEAR_RIM_PX), whole - side)
    high = max(low, min(whole - side, place - NEAR_RIM_PX))
    return int(rng.integers(low, high + 1))


def _showing(pool: Pool, kinds: int) -> dict[int, list[int]]:
    """For each kind that pieces for training show, which ones do."""
    showing: dict[int, list[int]] = {}
    for index in range(len(pool) - kept_back(len(pool))):
        for label in np.flatnonzero(np.bincount(pool.planes[index, 0].ravel(), minlength=kinds)[1:kinds]) + 1:
            showing.setdefault(int(label), []).append(index)
    return dict(sorted(showing.items()))


def kept_back(count: int) -> int:
    """How many of the last pieces of a pool are for validation."""
    return min(VALIDATION_PIECES, count // 4)


def symmetric(
    piece: Piece, x: int, y: int, side: int, *, turn: int
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8], Sewing]:
    """Photo, labels and seams of a square of a piece in one of its eight symmetries.

    Parameters
    ----------
    x, y : top left corner.
    turn : 0..3 quarter turns against the clock; 4..7 the same after mirroring left and right.
    """
    where = (slice(y, y + side), slice(x, x + side))

    def moved(plane: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        own = plane[where]
        return np.ascontiguousarray(np.rot90(own[:, ::-1] if turn >= 4 else own, turn % 4))

    def moved_points(points: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        across, down = points[:, 0] - x, points[:, 1] - y
        if turn >= 4:
            across = side - 1 - across
        for _ in range(turn % 4):
            across, down = down, side - 1 - across
        inside = (across > -0.5) & (across < side - 0.5) & (down > -0.5) & (down < side - 0.5)
        return np.column_stack([across, down])[inside].astype(np.float32)

    sewing = Sewing(
        thread=moved(piece.thread),
        edge=moved(piece.edge),
        holes_px=moved_points(piece.holes_px),
        doubtful_px=moved_points(piece.doubtful_px),
        empty_px=moved_points(piece.empty_px),
    )
    return moved(piece.rgb), moved(piece.labels), sewing
