"""Writes down how a run goes: losses and validation figures as curves, and its worst answers."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from training import pictures
from training.architectures import AnyNetwork
from training.report import WORST, WORST_SHOWN
from training.runs import EVENTS, HISTORY, RunFolder
from training.validating import VALIDATED, Validation

__all__ = ["TAUGHT", "Notes"]

TAUGHT = ("loss", "pixels", "overlap", "focal", "boxes", "thread", "point", "offset", "edge")
"""What is minimised and its parts; means since the last validation are noted at each."""
FIELDS = ("step", *TAUGHT, *VALIDATED)

History = list[dict[str, float]]
"""``FIELDS`` of each validation."""


class Notes:
    """Kept by the first process of a run.

    Parameters
    ----------
    first : the step that the run goes on with; what a killed run logged after its last checkpoint is hidden,
        and logged again.
    history : of the run before that.
    """

    def __init__(
        self, run: RunFolder, validation: Validation, *, kinds: Sequence[str], first: int, history: History
    ) -> None:
        self._folder, self._validation, self._kinds, self._history = run.path, validation, kinds, history
        self._events = SummaryWriter(run.path / EVENTS, purge_step=first)
        self._sums, self._seen = np.zeros(len(TAUGHT)), 0

    def add(self, taught: Sequence[Tensor]) -> float:
        """Note the losses of a step, in the order of ``TAUGHT``; gives the mean loss since the last
        validation."""
        self._sums, self._seen = self._sums + [float(part.detach()) for part in taught], self._seen + 1
        return float(self._sums[0]) / self._seen

    def take(self, done: int, averaged: AnyNetwork) -> History:
        """Validate after ``done`` steps, draw the curves and give the history."""
        measured = (done, *(self._sums / self._seen).tolist(), *self._validation.figures(averaged))
        self._history = [*self._history, dict(zip(FIELDS, measured, strict=True))]
        (self._folder / HISTORY).write_text(json.dumps(self._history, indent=1))
        pictures.curves(self._history, self._folder / "curves.png")
        for field in FIELDS[1:]:
            chart = "validation" if field in VALIDATED else "training"
            self._events.add_scalar(f"{chart}/{field.removeprefix('val_')}", self._history[-1][field], done)
        self._sums, self._seen = np.zeros(len(TAUGHT)), 0
        return self._history

    def close(self, averaged: AnyNetwork) -> None:
        """Draw the worst answers, and end."""
        self._events.close()
        pictures.worst(
            averaged,
            self._validation.examples,
            self._kinds,
            self._folder / WORST,
            count=WORST_SHOWN,
        )
