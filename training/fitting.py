"""Fits a network to a recipe: resumable at any moment, repeatable from its seed."""

from __future__ import annotations

import copy
import json
import math
import os
import random
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader
from tqdm import tqdm

from inspection import metrics, preprocess
from inspection.errors import ConfigurationError
from training import losses, pictures
from training.batches import Batches
from training.datasets import Box, Example, Shot, Split, load, open_dataset
from training.networks import MULTIPLE, STRIDE, LeatherNet, build, learning_groups
from training.recipe import PROJECT, Recipe

__all__ = ["CHECKPOINT", "RunFolder", "fit", "load_averaged", "open_examples", "predict"]

CHECKPOINT = "checkpoint.pt"
HISTORY = "history.json"
HISTORY_FIELDS = (
    "step",
    *("loss", "pixels", "overlap", "focal", "boxes"),
    *("val_ap", "val_box_recall", "val_false_regions"),
)
"""What is noted at each validation: mean losses since the last one, and what the averaged network finds."""
GRADIENT_LIMIT = 5.0
WORST_SHOWN = 12


@dataclass(frozen=True)
class RunFolder:
    """Where a run keeps its checkpoint, its curves and its pictures."""

    path: Path

    @property
    def checkpoint(self) -> Path:
        """Weights, averages, optimizer, random state."""
        return self.path / CHECKPOINT


def open_examples(recipe: Recipe, split: Split, *, datasets_dir: Path) -> tuple[Example, ...]:
    """All photos of one split of the recipe's data sets, at model scale."""
    examples: list[Example] = []
    for name in recipe.data.sets:
        _, shots = open_dataset(datasets_dir, name)
        chosen: list[Shot] = [shot for shot in shots if shot.split is split]
        if recipe.data.limit is not None:
            chosen = _spread(chosen, recipe.data.limit)
        examples += [load(shot, mm_per_px=recipe.mm_per_px, kinds=recipe.kinds) for shot in chosen]
    return tuple(examples)


def _spread(shots: list[Shot], limit: int) -> list[Shot]:
    """A few shots spread over all, so that every kind is likely to occur."""
    if len(shots) <= limit:
        return shots
    return [shots[i] for i in np.linspace(0, len(shots) - 1, limit).round().astype(int)]


def _rate(step: int, recipe: Recipe) -> float:
    """Share of the peak learning rate at a step."""
    warm_up = recipe.fit.warm_up
    if step < warm_up:
        return (step + 1) / warm_up
    done = (step - warm_up) / max(1, recipe.fit.steps - warm_up)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done))


@torch.no_grad()
def _average(averaged: LeatherNet, network: LeatherNet, *, decay: float, step: int) -> None:
    # Young averages would remember the random start; so the decay grows with the number of steps.
    decay = min(decay, (1 + step) / (10 + step))
    own = network.state_dict()
    for name, value in averaged.state_dict().items():
        if value.dtype.is_floating_point:
            value.lerp_(own[name], 1 - decay)
        else:
            value.copy_(own[name])


def _write_atomically(state: dict[str, object], file: Path) -> None:
    partial = file.with_suffix(".partial")
    with partial.open("wb") as stream:
        torch.save(state, stream)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(file)


def _full_size(logits: Tensor) -> Tensor:
    return F.interpolate(logits, scale_factor=STRIDE, mode="bilinear", align_corners=False)


@torch.no_grad()
def predict(network: LeatherNet, rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Probabilities (K, H, W) of a whole photo at model scale; for validation and pictures, not for the
    line."""
    height, width = rgb.shape[:2]
    padded = preprocess.pad(rgb, multiple=MULTIPLE)
    image = torch.from_numpy(np.ascontiguousarray(padded.transpose(2, 0, 1)))[None]
    probabilities = torch.softmax(_full_size(network(image)), dim=1)
    return probabilities[0, :, :height, :width].numpy()


def _regions_against_boxes(defect: npt.NDArray[np.bool_], boxes: tuple[Box, ...]) -> tuple[int, int]:
    """(boxes that hold a region, regions that lie in no box); a region lies where half of it does."""
    count, labels = cv2.connectedComponents(defect.astype(np.uint8), connectivity=8)
    hit = [False] * len(boxes)
    false = 0
    for region in range(1, count):
        rows, columns = np.nonzero(labels == region)
        inside_any = False
        for i, box in enumerate(boxes):
            inside = (
                (columns >= box.x)
                & (columns <= box.x + box.width)
                & (rows >= box.y)
                & (rows <= box.y + box.height)
            )
            if inside.mean() >= 0.5:
                hit[i] = inside_any = True
        false += not inside_any
    return sum(hit), false


def _validate(averaged: LeatherNet, examples: tuple[Example, ...]) -> tuple[float, float, float]:
    """(pixel AP on masks, share of boxes found, false regions per photo) at probability 0.5."""
    averaged.eval()
    tallies = []
    boxes = found = false = photos = 0
    for example in examples:
        defect = 1 - predict(averaged, example.rgb)[0]
        if example.boxes:
            hit, wrong = _regions_against_boxes(defect >= 0.5, example.boxes)
            boxes, found = boxes + len(example.boxes), found + hit
            false, photos = false + wrong, photos + 1
        else:
            tallies.append(metrics.Tally.of(defect, example.labels > 0))
    return metrics.Tally.total(tallies).average_precision(), found / max(1, boxes), false / max(1, photos)


def load_averaged(run: RunFolder, recipe: Recipe) -> LeatherNet:
    """The averaged network of a finished run."""
    if not run.checkpoint.is_file():
        raise ConfigurationError(
            f"{run.checkpoint} does not exist", hint="Run python -m training fit with this recipe first."
        )
    state = torch.load(run.checkpoint, map_location="cpu", weights_only=False)
    _same_recipe(state, recipe, run)
    network = _build(recipe)
    network.load_state_dict(state["averaged"])
    return network.eval()


def _same_recipe(state: dict[str, object], recipe: Recipe, run: RunFolder) -> None:
    if state["fingerprint"] != recipe.fingerprint:
        raise ConfigurationError(
            f"{run.checkpoint} was made with another version of recipe '{recipe.name}'",
            hint=f"Remove {run.path} to begin anew, or choose another folder with --runs.",
        )


def _build(recipe: Recipe) -> LeatherNet:
    return build(
        kinds=len(recipe.kinds),
        decoder_channels=recipe.network.decoder_channels,
        frozen_stages=recipe.network.frozen_stages,
    )


def _seed(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)  # libraries that use the global generator
    torch.manual_seed(seed)


def fit(
    recipe: Recipe, run: RunFolder, *, datasets_dir: Path = PROJECT / "datasets", quiet: bool = False
) -> LeatherNet:
    """Fit, or go on fitting, and give the averaged network.

    Parameters
    ----------
    run : folder of the checkpoint; a run that was killed goes on from its last one.
    """
    run.path.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(recipe.fit.threads)
    cv2.setNumThreads(1)
    _seed(recipe.seed)
    batches = Batches(open_examples(recipe, Split.TRAIN, datasets_dir=datasets_dir), recipe)
    validation = open_examples(recipe, Split.VAL, datasets_dir=datasets_dir)
    network = _build(recipe).to(memory_format=torch.channels_last)
    averaged = copy.deepcopy(network).eval()
    groups = learning_groups(network, rate=recipe.fit.rate, encoder_factor=recipe.fit.encoder_factor)
    peaks = [float(str(group["lr"])) for group in groups]
    optimizer = torch.optim.AdamW(groups, weight_decay=recipe.fit.weight_decay)
    first = 0
    history: list[dict[str, float]] = []
    if run.checkpoint.is_file():
        state = torch.load(run.checkpoint, map_location="cpu", weights_only=False)
        _same_recipe(state, recipe, run)
        network.load_state_dict(state["network"])
        averaged.load_state_dict(state["averaged"])
        optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["random"])
        first, history = state["step"], state["history"]
    else:
        pictures.samples(batches[0], recipe.kinds, run.path / "samples.png")
    loader = DataLoader(
        batches,
        batch_size=None,
        sampler=range(first, recipe.fit.steps),
        num_workers=recipe.fit.workers,
        prefetch_factor=4 if recipe.fit.workers else None,
        generator=torch.Generator(),  # its own: it would draw from the one that a resumed run restores
    )
    network.train()
    sums, seen = np.zeros(5), 0
    bar = tqdm(loader, total=recipe.fit.steps, initial=first, desc=recipe.name, unit="step", disable=quiet)
    for step, (images, labels, box_ids, box_kinds) in enumerate(bar, start=first):
        for group, peak in zip(optimizer.param_groups, peaks, strict=True):
            group["lr"] = peak * _rate(step, recipe)
        images = images.contiguous(memory_format=torch.channels_last)
        if step >= recipe.fit.self_training_from * recipe.fit.steps and bool((box_ids > 0).any()):
            with torch.no_grad():
                answers = torch.softmax(_full_size(averaged(images)), dim=1)
            labels = losses.self_label(labels, box_ids, box_kinds, answers)
        teaching = losses.loss(_full_size(network(images)), labels, box_ids, box_kinds)
        optimizer.zero_grad(set_to_none=True)
        teaching.total.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), GRADIENT_LIMIT)
        optimizer.step()
        _average(averaged, network, decay=recipe.fit.averaging, step=step)
        parts = (teaching.total, teaching.pixels, teaching.overlap, teaching.focal, teaching.boxes)
        sums, seen = sums + [float(part.detach()) for part in parts], seen + 1
        bar.set_postfix(loss=f"{sums[0] / seen:.3f}", refresh=False)
        done = step + 1
        if done % recipe.fit.validate_every == 0 or done == recipe.fit.steps:
            means = [float(value) for value in sums / seen]
            measured = (done, *means, *_validate(averaged, validation))
            history = [*history, dict(zip(HISTORY_FIELDS, measured, strict=True))]
            state = {
                "fingerprint": recipe.fingerprint,
                "step": done,
                "network": network.state_dict(),
                "averaged": averaged.state_dict(),
                "optimizer": optimizer.state_dict(),
                "random": torch.get_rng_state(),
                "history": history,
            }
            _write_atomically(state, run.checkpoint)
            (run.path / HISTORY).write_text(json.dumps(history, indent=1))
            pictures.curves(history, run.path / "curves.png")
            if not quiet:
                tqdm.write(" ".join(f"{key}={value:.4g}" for key, value in history[-1].items()))
            sums, seen = np.zeros(5), 0
            network.train()
    pictures.worst(averaged, validation, recipe.kinds, run.path / "worst.png", count=WORST_SHOWN)
    return averaged
