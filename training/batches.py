"""Draws training batches: batch number and seed decide every pixel, so a resumed run sees what it would
have seen."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset

from training.augment import Augment, Crop
from training.datasets import UNKNOWN_LABEL, Example, box_slices
from training.pasting import collect, transplant
from training.recipe import BoxUse, Recipe
from training.weak import mark

__all__ = ["MAX_BOXES", "Batches"]

MAX_BOXES = 15
"""Boxes of one photo that training tells apart."""
SLACK = 1.25
"""Crops are cut this much larger than needed, so that turning them brings in leather and not mirror
images."""
WHOLE_SHARE = 0.6
"""A box counts in a crop that holds at least this share of it: the defect may lie in what was cut off."""


class Batches(Dataset[tuple[Tensor, Tensor, Tensor, Tensor]]):
    """Item i is batch i: images (N, 3, S, S) uint8, labels (N, S, S) uint8, box ids (N, S, S) uint8, box
    kinds (N, MAX_BOXES) uint8, 0 where there is no usable box."""

    def __init__(self, examples: Sequence[Example], recipe: Recipe) -> None:
        self.recipe = recipe
        self._masked = [example for example in examples if not example.boxes]
        self._boxed = [example for example in examples if example.boxes]
        if recipe.data.boxes is BoxUse.NOTHING:
            self._boxed = []
        self._labels = {id(example): example.labels for example in self._masked}
        for example in self._boxed:
            full = recipe.data.boxes is BoxUse.FULL
            self._labels[id(example)] = mark(example, kinds=recipe.kinds) if full else example.labels
        skip = frozenset(recipe.kinds.index(kind) for kind in ("scar",) if kind in recipe.kinds)
        grafts = [
            graft
            for example in (*self._masked, *self._boxed)
            for graft in collect(example.rgb, self._labels[id(example)], skip=skip)
        ]
        self._grafts = {
            label: [graft for graft in grafts if graft.label == label]
            for label in sorted({graft.label for graft in grafts})
        }
        self._augment = Augment(crop_px=recipe.data.crop_px)

    def __len__(self) -> int:
        return self.recipe.fit.steps

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        cv2.setNumThreads(0)  # the trainer's threads are busy enough
        rng = np.random.default_rng((self.recipe.seed, step))
        drawn = [self._draw(rng) for _ in range(self.recipe.fit.batch)]
        crops = [crop for crop, _ in drawn]
        images = np.stack([crop.rgb.transpose(2, 0, 1) for crop in crops])
        return (
            torch.from_numpy(images),
            torch.from_numpy(np.stack([crop.labels for crop in crops])),
            torch.from_numpy(np.stack([crop.box_ids for crop in crops])),
            torch.from_numpy(np.stack([kinds for _, kinds in drawn])),
        )

    def _draw(self, rng: np.random.Generator) -> tuple[Crop, npt.NDArray[np.uint8]]:
        data = self.recipe.data
        pool = self._boxed if self._boxed and rng.random() < data.box_share else self._masked
        example = self._balanced(pool, rng)
        crop = self._cut(example, rng)
        if rng.random() < data.paste and self._grafts:
            label = list(self._grafts)[int(rng.integers(len(self._grafts)))]
            crop = transplant(crop, self._grafts[label], rng)
        varied = self._augment(crop, seed=int(rng.integers(2**31)))
        kinds = np.zeros(MAX_BOXES, np.uint8)
        if data.boxes is BoxUse.FULL:
            for i, box in enumerate(example.boxes[:MAX_BOXES]):
                inside = np.count_nonzero(varied.box_ids == i + 1)
                if inside >= WHOLE_SHARE * box.width * box.height:
                    kinds[i] = self.recipe.kinds.index(box.kind)
        return varied, kinds

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
