"""Keeps what a run has made: its folder, its checkpoints, its averaged network."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from inspection.errors import ConfigurationError
from training.architectures import AnyNetwork, build_network
from training.recipe import Recipe

__all__ = [
    "CHECKPOINT",
    "EVENTS",
    "HISTORY",
    "RunFolder",
    "load_averaged",
    "read_checkpoint",
    "stretches",
    "write_checkpoint",
]

CHECKPOINT = "checkpoint.pt"
HISTORY = "history.json"
EVENTS = "tensorboard"
"""Folder of what TensorBoard shows, within that of the run."""
FINISH = "finish"
"""Folder of the last stretch, within that of the run."""


@dataclass(frozen=True)
class RunFolder:
    """Where a run keeps its checkpoint, its curves and its pictures."""

    path: Path

    @property
    def checkpoint(self) -> Path:
        """Weights, averages, optimizer, step and history."""
        return self.path / CHECKPOINT


def stretches(recipe: Recipe, run: RunFolder) -> tuple[tuple[Recipe, RunFolder], ...]:
    """What a run consists of, in turn: its first stretch, and its last one where the recipe wants that."""
    last = recipe.last_stretch
    return ((recipe, run),) if last is None else ((recipe, run), (last, RunFolder(run.path / FINISH)))


def write_checkpoint(run: RunFolder, state: dict[str, object]) -> None:
    """Replace the checkpoint of a run, or leave the old one when that does not succeed."""
    partial = run.checkpoint.with_suffix(".partial")
    with partial.open("wb") as stream:
        torch.save(state, stream)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(run.checkpoint)


def read_checkpoint(run: RunFolder, recipe: Recipe) -> dict[str, Any]:
    """The checkpoint of one stretch, on the CPU, when it is of this very recipe."""
    state: dict[str, Any] = torch.load(run.checkpoint, map_location="cpu", weights_only=False)
    if state["fingerprint"] != recipe.fingerprint:
        raise ConfigurationError(
            f"{run.checkpoint} was made with another version of recipe '{recipe.name}'",
            hint=f"Remove {run.path} to begin anew, or choose another folder with --runs.",
        )
    return state


def load_averaged(run: RunFolder, recipe: Recipe) -> AnyNetwork:
    """The averaged network of a finished run, on the CPU."""
    parts = stretches(recipe, run)
    missing = [folder.checkpoint for _, folder in parts if not folder.checkpoint.is_file()]
    if missing:
        raise ConfigurationError(
            f"{missing[0]} does not exist", hint="Run python -m training fit with this recipe first."
        )
    own, folder = parts[-1]
    network = build_network(recipe)
    network.load_state_dict(read_checkpoint(folder, own)["averaged"])
    return network.eval()
