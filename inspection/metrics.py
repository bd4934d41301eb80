"""Judges probability maps against masks: F1, AP, AUROC, AUPRO, recall at fixed false alarms, intervals by
bootstrap.

Pixel figures are computed from counts by score (``Tally``), which add up: the tally of a set of photos is
the sum of theirs, and so a bootstrap over hides draws sums instead of pixels. Scores are counted on a grid
of log-odds fine enough (0.0024) that ties do not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt

__all__ = ["BestF1", "Interval", "Tally", "bootstrap", "levels", "recall_at_pass", "threshold_at_pass"]

BINS = 16_384
LOGIT_RANGE = 20.0
"""Log-odds beyond +-20 (2e-9) are alike."""
PRO_LIMIT = 0.3
"""AUPRO integrates up to this false positive rate, as is usual, and divides by it."""

Floats = npt.NDArray[np.float64]
Item = TypeVar("Item")
Group = TypeVar("Group", bound=Hashable)


def _bins(scores: npt.NDArray[np.floating]) -> npt.NDArray[np.int64]:
    odds = np.clip(scores.astype(np.float64), 1e-12, 1 - 1e-12)
    logit = np.clip(np.log(odds) - np.log1p(-odds), -LOGIT_RANGE, LOGIT_RANGE)
    grid: npt.NDArray[np.int64] = np.rint((logit + LOGIT_RANGE) / (2 * LOGIT_RANGE) * (BINS - 1)).astype(
        np.int64
    )
    return grid


def _score(bin_number: int) -> float:
    logit = bin_number / (BINS - 1) * 2 * LOGIT_RANGE - LOGIT_RANGE
    return float(1 / (1 + np.exp(-logit)))


def levels() -> Floats:
    """(BINS,) probability of each bin of a ``Tally``."""
    logit = np.arange(BINS) / (BINS - 1) * 2 * LOGIT_RANGE - LOGIT_RANGE
    return np.asarray(1 / (1 + np.exp(-logit)), np.float64)


def _empty() -> Floats:
    return np.zeros(BINS)


@dataclass(frozen=True)
class BestF1:
    """The highest F1 over all thresholds, and where it lies."""

    f1: float
    threshold: float


@dataclass(frozen=True, eq=False)
class Tally:
    """Pixels by score.

    Attributes
    ----------
    sound, defect : (BINS,) number of sound and defect pixels of each score.
    coverage : (BINS,) defect pixels, each divided by the size of its region.
    regions : number of defect regions.
    """

    sound: Floats = field(default_factory=_empty)
    defect: Floats = field(default_factory=_empty)
    coverage: Floats = field(default_factory=_empty)
    regions: int = 0

    @classmethod
    def of(
        cls,
        scores: npt.NDArray[np.floating],
        mask: npt.NDArray[np.bool_],
        *,
        valid: npt.NDArray[np.bool_] | None = None,
    ) -> Tally:
        """Count one photo.

        Parameters
        ----------
        scores : (H, W), 0..1, high where defective.
        mask : (H, W), true where defective.
        valid : (H, W), pixels that count; all when left out.
        """
        counted = np.ones(mask.shape, bool) if valid is None else valid
        bins = _bins(scores)
        truth = (mask & counted).astype(np.uint8)
        count, labels = cv2.connectedComponents(truth, connectivity=8)
        sizes = np.bincount(labels.ravel(), minlength=count)
        inside = truth.astype(bool)
        share = 1.0 / sizes[labels[inside]]
        return cls(
            sound=np.bincount(bins[counted & ~mask], minlength=BINS).astype(np.float64),
            defect=np.bincount(bins[inside], minlength=BINS).astype(np.float64),
            coverage=np.bincount(bins[inside], weights=share, minlength=BINS).astype(np.float64),
            regions=count - 1,
        )

    @classmethod
    def total(cls, tallies: Sequence[Tally]) -> Tally:
        """The tally of several photos together."""
        if not tallies:
            return cls()
        return cls(
            sound=np.sum([tally.sound for tally in tallies], axis=0),
            defect=np.sum([tally.defect for tally in tallies], axis=0),
            coverage=np.sum([tally.coverage for tally in tallies], axis=0),
            regions=sum(tally.regions for tally in tallies),
        )

    def _falling(self) -> tuple[Floats, Floats]:
        """False and true positives when the threshold falls through all bins."""
        return np.cumsum(self.sound[::-1]), np.cumsum(self.defect[::-1])

    def average_precision(self) -> float:
        """Sum over thresholds of precision times gain in recall; NaN without defect pixels."""
        false, true = self._falling()
        if true[-1] == 0:
            return float("nan")
        gained = np.diff(true, prepend=0.0)
        precision = np.divide(true, true + false, out=np.ones_like(true), where=true + false > 0)
        return float((precision * gained).sum() / true[-1])

    def auroc(self) -> float:
        """Chance that a defect pixel scores above a sound one; NaN when either is missing."""
        false, true = self._falling()
        if true[-1] == 0 or false[-1] == 0:
            return float("nan")
        return float(np.trapezoid(np.r_[0.0, true / true[-1]], np.r_[0.0, false / false[-1]]))

    def aupro(self, *, limit: float = PRO_LIMIT) -> float:
        """Mean share of each region that is found, over false positive rates up to ``limit``, divided by
        it."""
        false, _ = self._falling()
        if self.regions == 0 or false[-1] == 0:
            return float("nan")
        rate = np.r_[0.0, false / false[-1]]
        overlap = np.r_[0.0, np.cumsum(self.coverage[::-1]) / self.regions]
        end = float(np.interp(limit, rate, overlap))
        below = rate <= limit
        return float(np.trapezoid(np.r_[overlap[below], end], np.r_[rate[below], limit]) / limit)

    def f1_at(self, threshold: float) -> float:
        """F1 of calling pixels defective from ``threshold`` on."""
        first = int(_bins(np.array([threshold]))[0])
        true, false = self.defect[first:].sum(), self.sound[first:].sum()
        missed = self.defect[:first].sum()
        whole = 2 * true + false + missed
        return float(2 * true / whole) if whole else float("nan")

    def best_f1(self) -> BestF1:
        """The best F1 over all thresholds."""
        false, true = self._falling()
        f1 = 2 * true / np.maximum(true + false + true[-1], 1.0)
        best = int(f1.argmax())
        return BestF1(f1=float(f1[best]), threshold=_score(BINS - 1 - best))


@dataclass(frozen=True)
class Interval:
    """A figure with the 95 % interval of its bootstrap."""

    value: float
    low: float
    high: float


def bootstrap(
    groups: Mapping[Group, Sequence[Item]],
    figure: Callable[[Sequence[Item]], float],
    *,
    draws: int = 200,
    seed: int = 0,
) -> Interval:
    """A figure with its interval when whole groups (hides) are drawn anew with replacement.

    Parameters
    ----------
    groups : items by group; groups are drawn, never divided, since photos of one hide are alike.
    figure : of a list of items; draws where it is NaN are left out.
    """
    names = list(groups)
    value = figure([item for name in names for item in groups[name]])
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(draws):
        chosen = rng.integers(len(names), size=len(names))
        drawn.append(figure([item for index in chosen for item in groups[names[int(index)]]]))
    known = np.array([one for one in drawn if not np.isnan(one)])
    if known.size == 0:
        return Interval(value, float("nan"), float("nan"))
    low, high = np.quantile(known, (0.025, 0.975))
    return Interval(value, float(low), float(high))


def threshold_at_pass(sound_scores: npt.ArrayLike, *, sound_pass: float) -> float:
    """The lowest threshold at which at least ``sound_pass`` of sound photos or patches stay below it.

    A photo alarms when its score is at least the threshold.
    """
    scores = np.sort(np.asarray(sound_scores, dtype=np.float64))
    if scores.size == 0:
        raise ValueError("a threshold needs sound scores")
    allowed = int(np.floor((1 - sound_pass) * scores.size + 1e-9))
    return float(np.nextafter(scores[scores.size - 1 - allowed], np.inf))


def recall_at_pass(defect_scores: npt.ArrayLike, sound_scores: npt.ArrayLike, *, sound_pass: float) -> float:
    """Share of defective photos that alarm at the threshold which passes ``sound_pass`` of the sound ones."""
    defects = np.asarray(defect_scores, dtype=np.float64)
    if defects.size == 0:
        return float("nan")
    return float((defects >= threshold_at_pass(sound_scores, sound_pass=sound_pass)).mean())
