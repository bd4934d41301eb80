"""Fits a network to a recipe: resumable at any moment, repeatable from its seed.

Lightning Fabric brings the network to its processors, one or several, CPU or GPU, in 32 bits or mixed. What
is learned, and in which order, is decided here.
"""

from __future__ import annotations

import copy
import logging
import math
import random
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from inspection.errors import ConfigurationError
from training import losses, pictures, sewing_scores
from training.architectures import AnyNetwork, build_network
from training.batches import Batch, Batches, kept_back
from training.datasets import Example, Split
from training.material import open_examples, open_recipe_pool
from training.networks import learning_groups
from training.notes import Notes
from training.recipe import PROJECT, Device, FitPart, Recipe
from training.runs import (
    RunFolder,
    load_averaged,
    read_checkpoint,
    stretches,
    write_checkpoint,
)
from training.scenes import Pool
from training.stitches import stitch_loss
from training.validating import Validation

__all__ = ["fit"]

GRADIENT_LIMIT = 5.0


@dataclass(frozen=True, eq=False)
class _Task:
    """What all processes of a stretch share.

    Attributes
    ----------
    state : its checkpoint, from which it goes on; None where it begins.
    begin : weights that it begins with, then, instead of those that no leather has touched.
    """

    recipe: Recipe
    run: RunFolder
    training: tuple[Example, ...]
    validation: tuple[Example, ...]
    pool: Pool | None
    quiet: bool
    state: dict[str, Any] | None = None
    begin: dict[str, Tensor] | None = None


def fit(
    recipe: Recipe, run: RunFolder, *, datasets_dir: Path = PROJECT / "datasets", quiet: bool = False
) -> AnyNetwork:
    """Fit, or go on fitting, and give the averaged network.

    Parameters
    ----------
    run : folder of the checkpoint; a run that was killed goes on from its last one.
    """
    device = _device(recipe.fit)
    parts = stretches(recipe, run)
    # Read here, since what a forked process raises comes as another error, without its hint.
    states = [read_checkpoint(folder, own) if folder.checkpoint.is_file() else None for own, folder in parts]
    run.path.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(recipe.fit.threads)
    cv2.setNumThreads(1)
    task = _Task(
        recipe=recipe,
        run=run,
        training=open_examples(recipe, Split.TRAIN, datasets_dir=datasets_dir),
        validation=open_examples(recipe, Split.VAL, datasets_dir=datasets_dir),
        pool=open_recipe_pool(recipe, run, datasets_dir, quiet=quiet),
        quiet=quiet,
    )
    for (own, folder), state in zip(parts, states, strict=True):
        folder.path.mkdir(exist_ok=True)
        part = partial(_fit, task=replace(task, recipe=own, run=folder, state=state))
        _processors(own.fit, device).launch(part)
        task = replace(task, begin=read_checkpoint(folder, own)["averaged"])
    return load_averaged(run, recipe)


def _device(part: FitPart) -> Device:
    """CPU or CUDA, whichever the recipe means on this machine."""
    gpus = torch.cuda.device_count()
    device = part.device
    if device is Device.AUTO:
        device = Device.CUDA if gpus else Device.CPU
    if device is Device.CUDA and gpus < part.processes:
        raise ConfigurationError(
            f"the recipe wants {part.processes} CUDA devices, and this machine has {gpus}",
            hint='Set fit.processes to what there is, or fit.device to "cpu" or "auto".',
        )
    return device


def _processors(part: FitPart, device: Device) -> Fabric:
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it tells of every process
    return Fabric(
        accelerator=device.value,
        devices=part.processes,
        # Forked, so that photos and pool are in memory once for all.
        strategy="auto" if part.processes == 1 else "ddp_fork",
        precision=part.precision.value,
        plugins=[LightningEnvironment()],  # this machine alone, whatever cluster it belongs to
    )


def _rate(step: int, recipe: Recipe) -> float:
    """Share of the peak learning rate at a step."""
    warm_up = recipe.fit.warm_up
    if step < warm_up:
        return (step + 1) / warm_up
    done = (step - warm_up) / max(1, recipe.fit.steps - warm_up)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done))


@torch.no_grad()
def _average(averaged: AnyNetwork, network: AnyNetwork, *, decay: float, step: int) -> None:
    # Young averages would remember the random start; so the decay grows with the number of steps.
    decay = min(decay, (1 + step) / (10 + step))
    own = network.state_dict()
    for name, value in averaged.state_dict().items():
        if value.dtype.is_floating_point:
            value.lerp_(own[name], 1 - decay)
        else:
            value.copy_(own[name])


@torch.no_grad()
def _share_statistics(fabric: Fabric, averaged: AnyNetwork) -> None:
    """Give every process the averaged batch statistics of the first, as they go into the checkpoint; those of
    the network itself are shared at each step."""
    firsts = fabric.broadcast([buffer.cpu() for buffer in averaged.buffers()])
    for own, first in zip(averaged.buffers(), firsts, strict=True):
        own.copy_(first)


def _seed(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)  # libraries that use the global generator
    torch.manual_seed(seed)


def teach(
    network: nn.Module, averaged: AnyNetwork, batch: Batch, recipe: Recipe, step: int
) -> tuple[Tensor, ...]:
    """What is minimised, and its parts, in the order of ``TAUGHT``.

    Parameters
    ----------
    network : as Fabric wraps it: its answers are of 32 bits, whatever it computes in.
    """
    images = batch.images.contiguous(memory_format=torch.channels_last)
    labels = batch.labels
    boxed = (batch.box_ids > 0).flatten(1).any(1)
    if step >= recipe.fit.self_training_from * recipe.fit.steps and bool(boxed.any()):
        with torch.no_grad():
            answers = losses.any_defect_logit(averaged(images[boxed])[0])
            defect = losses.full_size(torch.sigmoid(answers), labels.shape[-1])
        labels = labels.clone()
        labels[boxed] = losses.self_label(labels[boxed], batch.box_ids[boxed], batch.box_kinds[boxed], defect)
    logits, raw, _ = network(images)
    teaching = losses.loss(logits, labels, batch.box_ids, batch.box_kinds)
    sewing = stitch_loss(raw, batch.stitches, batch.stitches_known)
    total = teaching.total + recipe.fit.stitch_weight * sewing.total
    return (
        *(total, teaching.pixels, teaching.overlap, teaching.focal, teaching.boxes),
        *(sewing.thread, sewing.point, sewing.offset, sewing.edge),
    )


def _notes(task: _Task, first: int, history: list[dict[str, float]]) -> Notes:
    pool = task.pool
    last = range(len(pool) - kept_back(len(pool)), len(pool)) if pool is not None else ()
    validation = Validation(
        examples=task.validation,
        pieces=[pool.piece(i) for i in last] if pool is not None else [],
        near_px=sewing_scores.NEAR_MM / task.recipe.mm_per_px,
    )
    return Notes(task.run, validation, kinds=task.recipe.kinds, first=first, history=history)


def _fit(fabric: Fabric, task: _Task) -> None:
    """One process's part of a stretch; the first process writes what it leaves in the run folder."""
    recipe, run, state = task.recipe, task.run, task.state
    torch.set_num_threads(recipe.fit.threads)
    _seed(recipe.seed)
    batches = Batches(task.training, recipe, task.pool, rank=fabric.global_rank)
    network = build_network(recipe).to(memory_format=torch.channels_last)
    if task.begin is not None:
        network.load_state_dict(task.begin)
    averaged = copy.deepcopy(network).eval().to(fabric.device)
    groups = learning_groups(network, rate=recipe.fit.rate, encoder_factor=recipe.fit.encoder_factor)
    peaks = [float(str(group["lr"])) for group in groups]
    optimizer = torch.optim.AdamW(groups, weight_decay=recipe.fit.weight_decay)
    if state is not None:
        network.load_state_dict(state["network"])
        averaged.load_state_dict(state["averaged"])
    elif fabric.is_global_zero:
        pictures.samples(batches[0], recipe.kinds, run.path / "samples.png")
    wrapped, stepper = fabric.setup(network, optimizer)
    if state is not None:  # now that the weights are where they are going to be: the optimizer's follow them
        optimizer.load_state_dict(state["optimizer"])
    first = 0 if state is None else int(state["step"])
    notes = _notes(task, first, [] if state is None else state["history"]) if fabric.is_global_zero else None
    loader = DataLoader(
        batches,
        batch_size=None,
        sampler=range(first, recipe.fit.steps),
        num_workers=recipe.fit.workers,
        prefetch_factor=4 if recipe.fit.workers else None,
        generator=torch.Generator(),  # its own: it would draw from the one that dropout draws from
    )
    bar = tqdm(
        loader,
        total=recipe.fit.steps,
        initial=first,
        desc=recipe.name,
        unit="step",
        disable=task.quiet or notes is None,
    )
    network.train()
    for step, batch in enumerate(bar, start=first):
        for group, peak in zip(optimizer.param_groups, peaks, strict=True):
            group["lr"] = peak * _rate(step, recipe)
        # Of each step by itself, so that a run that was killed goes on exactly as it would have.
        torch.manual_seed(hash((recipe.seed, step, fabric.global_rank)) % 2**63)
        taught = teach(wrapped, averaged, fabric.to_device(batch), recipe, step)
        optimizer.zero_grad(set_to_none=True)
        fabric.backward(taught[0])
        fabric.clip_gradients(wrapped, stepper, max_norm=GRADIENT_LIMIT)
        stepper.step()
        _average(averaged, network, decay=recipe.fit.averaging, step=step)
        if notes is not None:
            bar.set_postfix(loss=f"{notes.add(taught):.3f}", refresh=False)
        done = step + 1
        if done % recipe.fit.validate_every == 0 or done == recipe.fit.steps:
            _share_statistics(fabric, averaged)
            if notes is not None:
                history = notes.take(done, averaged)
                if not task.quiet:
                    tqdm.write(" ".join(f"{key}={value:.4g}" for key, value in history[-1].items()))
                written = {
                    "fingerprint": recipe.fingerprint,
                    "step": done,
                    "network": network.state_dict(),
                    "averaged": averaged.state_dict(),
                    "optimizer": optimizer.state_dict(),
                    "history": history,
                }
                write_checkpoint(run, written)
    if notes is not None:
        notes.close(averaged)
