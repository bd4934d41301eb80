"""Fits a network to a recipe: resumable at any moment, repeatable from its seed."""

from __future__ import annotations

import copy
import json
import math
import multiprocessing
import os
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from inspection import metrics, preprocess
from inspection.errors import ConfigurationError
from training import losses, pictures, sewing_scores
from training.batches import Batch, Batches, kept_back
from training.datasets import Box, Example, Shot, Split, load, open_dataset
from training.networks import MULTIPLE, STRIDE, LeatherNet, bounded, build, learning_groups
from training.recipe import PROJECT, Precision, Recipe
from training.scenes import Piece, Pool, open_pool
from training.stitches import stitch_loss

__all__ = [
    "CHECKPOINT",
    "EVENTS",
    "RunFolder",
    "fit",
    "load_averaged",
    "open_examples",
    "open_recipe_pool",
    "predict",
    "regions_against_boxes",
]

CHECKPOINT = "checkpoint.pt"
HISTORY = "history.json"
EVENTS = "tensorboard"
"""Folder of what TensorBoard shows, within that of the run."""
HISTORY_FIELDS = (
    "step",
    *("loss", "pixels", "overlap", "focal", "boxes", "thread", "point", "offset", "edge"),
    *("val_ap", "val_box_recall", "val_false_regions", "val_sound_regions", "val_points", "val_thread"),
)
"""What is noted at each validation: mean losses since the last one, and what the averaged network finds."""
LOSSES = 9
GRADIENT_LIMIT = 5.0
WORST_SHOWN = 12
FINISH = "finish"
"""Folder of the last stretch, within that of the run."""
SCENES = "scenes"
"""Folder of rendered pools, beside the folders of the runs."""


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
def _answer(
    network: LeatherNet, rgb: npt.NDArray[np.uint8]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """(probabilities (K, H, W), stitch planes (5, H' / 2, W' / 2) with padding) of a photo at model scale."""
    height, width = rgb.shape[:2]
    padded = preprocess.pad(rgb, multiple=MULTIPLE)
    image = torch.from_numpy(np.ascontiguousarray(padded.transpose(2, 0, 1)))[None]
    logits, raw, _ = network(image)
    probabilities = torch.softmax(_full_size(logits), dim=1)
    return probabilities[0, :, :height, :width].numpy(), bounded(raw)[0].numpy()


def predict(network: LeatherNet, rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Probabilities (K, H, W) of a whole photo at model scale; for validation and pictures, not for the
    line."""
    return _answer(network, rgb)[0]


def regions_against_boxes(defect: npt.NDArray[np.bool_], boxes: tuple[Box, ...]) -> tuple[int, int]:
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


def _validate(
    averaged: LeatherNet, examples: tuple[Example, ...], pieces: tuple[Piece, ...], *, near_px: float
) -> tuple[float, ...]:
    """(pixel AP on masks; at probability 0.5 share of boxes found, false regions per photo with boxes
    and per sound photo; AP of needle holes, overlap of thread on rendered pieces)."""
    averaged.eval()
    tallies = []
    boxes = found = false = photos = alarms = sound = 0
    for example in examples:
        defect = 1 - predict(averaged, example.rgb)[0]
        if example.boxes:
            hit, wrong = regions_against_boxes(defect >= 0.5, example.boxes)
            boxes, found = boxes + len(example.boxes), found + hit
            false, photos = false + wrong, photos + 1
        elif not example.shot.is_flat:
            alarms, sound = alarms + regions_against_boxes(defect >= 0.5, ())[1], sound + 1
        else:
            tallies.append(metrics.Tally.of(defect, example.labels > 0))
    points, both, either = [], 0, 0
    for piece in pieces:
        stitches = _answer(averaged, piece.rgb)[1]
        peaks = sewing_scores.peaks(stitches, stride=STRIDE)
        points.append(sewing_scores.judge_points(peaks, piece.holes_px, piece.doubtful_px, near_px=near_px))
        overlap = sewing_scores.thread_overlap(stitches, piece.thread)
        both, either = both + overlap[0], either + overlap[1]
    return (
        metrics.Tally.total(tallies).average_precision(),
        found / max(1, boxes),
        false / max(1, photos),
        alarms / max(1, sound),
        sewing_scores.average_precision(points) if points else 0.0,
        both / max(1, either),
    )


def load_averaged(run: RunFolder, recipe: Recipe) -> LeatherNet:
    """The averaged network of a finished run."""
    if not run.checkpoint.is_file():
        raise ConfigurationError(
            f"{run.checkpoint} does not exist", hint="Run python -m training fit with this recipe first."
        )
    last = recipe.last_stretch
    if last is not None:
        return load_averaged(RunFolder(run.path / FINISH), last)
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


def open_recipe_pool(recipe: Recipe, run: RunFolder, datasets_dir: Path, *, quiet: bool) -> Pool | None:
    """The rendered scenes of a recipe; None when it wants none."""
    if recipe.data.scenes is None:
        return None
    return open_pool(
        recipe.data.scenes,
        kinds=recipe.kinds,
        mm_per_px=recipe.mm_per_px,
        seed=recipe.seed,
        folder=run.path.parent / SCENES,
        datasets_dir=datasets_dir,
        workers=len(os.sched_getaffinity(0)),
        quiet=quiet,
    )


@dataclass(frozen=True, eq=False)
class _Task:
    """What all processes of a run share; it begins with the weights of ``begin``, where there are any."""

    recipe: Recipe
    run: RunFolder
    training: tuple[Example, ...]
    validation: tuple[Example, ...]
    pool: Pool | None
    quiet: bool
    begin: dict[str, Tensor] | None = None


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
    first = _Task(
        recipe=recipe,
        run=run,
        training=open_examples(recipe, Split.TRAIN, datasets_dir=datasets_dir),
        validation=open_examples(recipe, Split.VAL, datasets_dir=datasets_dir),
        pool=open_recipe_pool(recipe, run, datasets_dir, quiet=quiet),
        quiet=quiet,
    )
    network = _fit_together(first)
    last = recipe.last_stretch
    if last is None:
        return network
    finish = RunFolder(run.path / FINISH)
    finish.path.mkdir(exist_ok=True)
    begin = {name: value.clone() for name, value in network.state_dict().items()}
    return _fit_together(replace(first, recipe=last, run=finish, begin=begin))


def _fit_together(task: _Task) -> LeatherNet:
    """Fit in as many processes as the recipe says."""
    recipe, run = task.recipe, task.run
    if recipe.fit.processes == 1:
        return _fit(task, rank=0)
    meeting = run.path / f"meeting-{os.getpid()}"
    context = multiprocessing.get_context("fork")  # photos and pool are in memory once for all
    others = [
        context.Process(target=_join, args=(task, rank, meeting)) for rank in range(1, recipe.fit.processes)
    ]
    for other in others:
        other.start()
    try:
        return _join(task, 0, meeting)
    finally:
        for other in others:
            other.join(timeout=60)
            other.terminate()
        meeting.unlink(missing_ok=True)


def _join(task: _Task, rank: int, meeting: Path) -> LeatherNet:
    """This process's part of a run of several; they meet at a file."""
    processes = task.recipe.fit.processes
    # The file itself, not its address: in one, a relative folder is a host and a '#' ends the path.
    store = dist.FileStore(str(meeting), processes)  # type: ignore[attr-defined]
    dist.init_process_group("gloo", store=store, rank=rank, world_size=processes)
    try:
        return _fit(task, rank=rank)
    finally:
        dist.destroy_process_group()


def _share_gradients(network: LeatherNet, processes: int) -> None:
    """Give every process the mean of all gradients."""
    gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    dist.all_reduce(flat)
    flat /= processes
    at = 0
    for gradient in gradients:
        gradient.copy_(flat[at : at + gradient.numel()].view_as(gradient))
        at += gradient.numel()


def _share_statistics(networks: Sequence[LeatherNet]) -> None:
    """Give every process the batch statistics of the first, as they go into the checkpoint."""
    for network in networks:
        for buffer in network.buffers():
            dist.broadcast(buffer, src=0)


def _teach(
    network: LeatherNet, averaged: LeatherNet, batch: Batch, recipe: Recipe, step: int
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """(what is minimised, its parts)."""
    images = batch.images.contiguous(memory_format=torch.channels_last)
    labels = batch.labels
    boxed = (batch.box_ids > 0).flatten(1).any(1)
    if step >= recipe.fit.self_training_from * recipe.fit.steps and bool(boxed.any()):
        with torch.no_grad():
            answers = losses.any_defect_logit(averaged(images[boxed])[0])
            defect = losses.full_size(torch.sigmoid(answers), labels.shape[-1])
        labels = labels.clone()
        labels[boxed] = losses.self_label(labels[boxed], batch.box_ids[boxed], batch.box_kinds[boxed], defect)
    with torch.autocast("cpu", torch.bfloat16, enabled=recipe.fit.precision is Precision.BFLOAT16):
        logits, raw, _ = network(images)
    teaching = losses.loss(logits.float(), labels, batch.box_ids, batch.box_kinds)
    sewing = stitch_loss(raw.float(), batch.stitches, batch.stitches_known)
    total = teaching.total + recipe.fit.stitch_weight * sewing.total
    parts = (
        *(total, teaching.pixels, teaching.overlap, teaching.focal, teaching.boxes),
        *(sewing.thread, sewing.point, sewing.offset, sewing.edge),
    )
    return total, parts


def _fit(task: _Task, *, rank: int) -> LeatherNet:
    recipe, run = task.recipe, task.run
    leads = rank == 0
    _seed(recipe.seed)
    batches = Batches(task.training, recipe, task.pool, rank=rank)
    pool = task.pool
    pieces = tuple(pool.piece(i) for i in range(len(pool) - kept_back(len(pool)), len(pool))) if pool else ()
    network = _build(recipe).to(memory_format=torch.channels_last)
    if task.begin is not None:
        network.load_state_dict(task.begin)
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
        first, history = state["step"], state["history"]
    elif leads:
        pictures.samples(batches[0], recipe.kinds, run.path / "samples.png")
    loader = DataLoader(
        batches,
        batch_size=None,
        sampler=range(first, recipe.fit.steps),
        num_workers=recipe.fit.workers,
        prefetch_factor=4 if recipe.fit.workers else None,
        generator=torch.Generator(),  # its own: it would draw from the one that dropout draws from
    )
    network.train()
    # What a killed run logged after its last checkpoint is hidden, and logged again.
    events = SummaryWriter(run.path / EVENTS, purge_step=first) if leads else None
    sums, seen = np.zeros(LOSSES), 0
    bar = tqdm(
        loader,
        total=recipe.fit.steps,
        initial=first,
        desc=recipe.name,
        unit="step",
        disable=task.quiet or not leads,
    )
    for step, batch in enumerate(bar, start=first):
        for group, peak in zip(optimizer.param_groups, peaks, strict=True):
            group["lr"] = peak * _rate(step, recipe)
        # Of each step by itself, so that a run that was killed goes on exactly as it would have.
        torch.manual_seed(hash((recipe.seed, step, rank)) % 2**63)
        total, parts = _teach(network, averaged, batch, recipe, step)
        optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        if recipe.fit.processes > 1:
            _share_gradients(network, recipe.fit.processes)
        torch.nn.utils.clip_grad_norm_(network.parameters(), GRADIENT_LIMIT)
        optimizer.step()
        _average(averaged, network, decay=recipe.fit.averaging, step=step)
        sums, seen = sums + [float(part.detach()) for part in parts], seen + 1
        bar.set_postfix(loss=f"{sums[0] / seen:.3f}", refresh=False)
        done = step + 1
        notes = done % recipe.fit.validate_every == 0 or done == recipe.fit.steps
        if notes and recipe.fit.processes > 1:
            _share_statistics((network, averaged))
        if notes and leads:
            means = [float(value) for value in sums / seen]
            near_px = sewing_scores.NEAR_MM / recipe.mm_per_px
            measured = (done, *means, *_validate(averaged, task.validation, pieces, near_px=near_px))
            history = [*history, dict(zip(HISTORY_FIELDS, measured, strict=True))]
            state = {
                "fingerprint": recipe.fingerprint,
                "step": done,
                "network": network.state_dict(),
                "averaged": averaged.state_dict(),
                "optimizer": optimizer.state_dict(),
                "history": history,
            }
            _write_atomically(state, run.checkpoint)
            (run.path / HISTORY).write_text(json.dumps(history, indent=1))
            pictures.curves(history, run.path / "curves.png")
            if events is not None:
                for field in HISTORY_FIELDS[1:]:
                    chart = "validation" if field.startswith("val_") else "training"
                    events.add_scalar(f"{chart}/{field.removeprefix('val_')}", history[-1][field], done)
            if not task.quiet:
                tqdm.write(" ".join(f"{key}={value:.4g}" for key, value in history[-1].items()))
            sums, seen = np.zeros(LOSSES), 0
            network.train()
    if leads and events is not None:
        events.close()
        pictures.worst(averaged, task.validation, recipe.kinds, run.path / "worst.png", count=WORST_SHOWN)
    return averaged
