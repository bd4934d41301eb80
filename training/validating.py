"""Judges a network in torch on whole photos: quick figures for the curves of a run, not for its card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F

from inspection import metrics, preprocess
from training import sewing_scores
from training.architectures import AnyNetwork
from training.datasets import Box, Example
from training.networks import MULTIPLE, STRIDE, bounded
from training.scenes import Piece

__all__ = ["VALIDATED", "Validation", "predict", "regions_against_boxes"]

VALIDATED = (
    *("val_ap", "val_box_recall", "val_false_regions", "val_sound_regions", "val_points", "val_thread"),
)
"""Names of the figures that ``Validation.figures`` gives, in its order."""
LIKELIER = 0.5


@torch.no_grad()
def _answer(
    network: AnyNetwork, rgb: npt.NDArray[np.uint8]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """(probabilities (K, H, W), stitch planes (5, H' / 2, W' / 2) with padding) of a photo at model scale."""
    height, width = rgb.shape[:2]
    padded = preprocess.pad(rgb, multiple=MULTIPLE)
    image = torch.from_numpy(np.ascontiguousarray(padded.transpose(2, 0, 1)))[None]
    logits, raw, _ = network(image.to(next(network.parameters()).device))
    full = F.interpolate(logits, scale_factor=STRIDE, mode="bilinear", align_corners=False)
    probabilities = torch.softmax(full, dim=1)
    return probabilities[0, :, :height, :width].cpu().numpy(), bounded(raw)[0].cpu().numpy()


def predict(network: AnyNetwork, rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
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


@dataclass(frozen=True, eq=False)
class Validation:
    """What a run is judged on between steps.

    Attributes
    ----------
    examples : photos that nothing is learned from.
    pieces : rendered ones.
    near_px : a needle hole is found this near.
    """

    examples: Sequence[Example]
    pieces: Sequence[Piece]
    near_px: float

    def figures(self, network: AnyNetwork) -> tuple[float, ...]:
        """(pixel AP on masks; at probability 0.5 share of boxes found, false regions per photo with boxes
        and per sound photo; AP of needle holes, overlap of thread on rendered pieces)."""
        network.eval()
        return (*self._surface(network), *self._sewing(network))

    def _surface(self, network: AnyNetwork) -> tuple[float, float, float, float]:
        tallies = []
        boxes = found = false = photos = alarms = sound = 0
        for example in self.examples:
            defect = 1 - predict(network, example.rgb)[0]
            if example.boxes:
                hit, wrong = regions_against_boxes(defect >= LIKELIER, example.boxes)
                boxes, found = boxes + len(example.boxes), found + hit
                false, photos = false + wrong, photos + 1
            elif not example.shot.is_flat:
                alarms, sound = alarms + regions_against_boxes(defect >= LIKELIER, ())[1], sound + 1
            else:
                tallies.append(metrics.Tally.of(defect, example.labels > 0))
        return (
            metrics.Tally.total(tallies).average_precision(),
            found / max(1, boxes),
            false / max(1, photos),
            alarms / max(1, sound),
        )

    def _sewing(self, network: AnyNetwork) -> tuple[float, float]:
        points, both, either = [], 0, 0
        for piece in self.pieces:
            stitches = _answer(network, piece.rgb)[1]
            peaks = sewing_scores.peaks(stitches, stride=STRIDE)
            judged = sewing_scores.judge_points(
                peaks, piece.holes_px, piece.doubtful_px, near_px=self.near_px
            )
            points.append(judged)
            overlap = sewing_scores.thread_overlap(stitches, piece.thread)
            both, either = both + overlap[0], either + overlap[1]
        return sewing_scores.average_precision(points) if points else 0.0, both / max(1, either)
