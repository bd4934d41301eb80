"""Compares what the network says with what is known, whether that is every pixel or a loose box.

Pixels labelled ``UNKNOWN_LABEL`` cost nothing; what is known of a box as a whole does.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import sigmoid_focal_loss

from training.datasets import UNKNOWN_LABEL

__all__ = ["Teaching", "any_defect_logit", "full_size", "loss", "self_label"]

DEFECT_WEIGHT = 3.0
"""Defect pixels are a few in a hundred."""
NAMING_WEIGHT = 1.0
TOP_SHARE = 0.01
"""Share of a box's cells that must show its kind: 1 % of a 15 mm box is a 1.5 mm hole."""
FEWEST_CELLS = 2
"""And no fewer than this: a pinhole shows in a cell or two."""
SURE_DEFECT, SURE_SOUND = 0.6, 0.1
"""From these probabilities on the averaged network's answer inside a box becomes a label."""
UNLABELLED_DEFECT = 0.9
UNLABELLED_SHARE = 0.003
"""Outside boxes at most this share of the cells, where the averaged network is this sure, is left out of
the loss: some defects have no box. More would let false alarms excuse themselves."""


@dataclass(frozen=True)
class Teaching:
    """The parts of the loss, for the curves."""

    pixels: Tensor
    overlap: Tensor
    focal: Tensor
    boxes: Tensor

    @property
    def total(self) -> Tensor:
        """What is minimised."""
        return self.pixels + self.overlap + self.focal + self.boxes


def any_defect_logit(logits: Tensor) -> Tensor:
    """Logit of being any defect: (N, K, h, w) to (N, h, w)."""
    return torch.logsumexp(logits[:, 1:], dim=1) - logits[:, 0]


def full_size(planes: Tensor, size: int) -> Tensor:
    """(N, h, w) on the network's grid to (N, size, size), bilinear as for whoever looks at the map."""
    return F.interpolate(planes[:, None], size=(size, size), mode="bilinear", align_corners=False)[:, 0]


def self_label(labels: Tensor, box_ids: Tensor, box_kinds: Tensor, defect: Tensor) -> Tensor:
    """Labels with gaps filled by the averaged network, inside boxes only, and with its doubts left out
    outside.

    Parameters
    ----------
    labels : (N, S, S) uint8.
    box_ids : (N, S, S) uint8.
    box_kinds : (N, B) uint8.
    defect : (N, S, S) probability of any defect, of the averaged network.
    """
    filled = labels.clone()
    ids = box_ids.long()
    kind_at = torch.gather(F.pad(box_kinds, (1, 0)).long(), 1, ids.flatten(1)).view_as(ids)
    gap = (labels == UNKNOWN_LABEL) & (kind_at > 0)
    filled = torch.where(gap & (defect > SURE_DEFECT), kind_at.to(filled.dtype), filled)
    filled = torch.where(gap & (defect < SURE_SOUND), torch.zeros_like(filled), filled)
    photos_with_boxes = (box_ids > 0).flatten(1).any(1)
    doubt = (labels == 0) & (defect > UNLABELLED_DEFECT) & photos_with_boxes[:, None, None]
    few = doubt.flatten(1).float().mean(1) <= UNLABELLED_SHARE
    return torch.where(doubt & few[:, None, None], torch.full_like(filled, UNKNOWN_LABEL), filled)


def _box_loss(log_probability: Tensor, box_ids: Tensor, box_kinds: Tensor) -> Tensor:
    """Each box holds a defect, of its kind: mean over boxes of two negative log probabilities.

    The cells likeliest to be *any* defect should be defective, and those same cells, on average, of the box's
    kind. To ask for the likeliest cells of the kind alone would be met by showing every kind side by side in
    every defect.
    """
    terms = []
    sound = log_probability[:, 0]
    for image, box in box_kinds.nonzero().tolist():
        inside = box_ids[image] == box + 1
        count = int(inside.sum())
        if count == 0:
            continue
        few = (-sound[image][inside]).topk(min(max(FEWEST_CELLS, round(TOP_SHARE * count)), count)).indices
        cells = log_probability[image][:, inside][:, few]
        defect = (1 - cells[0].exp()).clamp(min=1e-6)
        kind = cells[int(box_kinds[image, box])].exp() / defect
        terms.append(-defect.log().mean() - 0.5 * kind.mean().clamp(min=1e-4).log())
    return torch.stack(terms).mean() if terms else log_probability.sum() * 0.0


def _naming_loss(named: Tensor, target: Tensor) -> Tensor:
    """Defects told apart: negative log probability of the kind among kinds, each kind weighing alike.

    A hole has a hundredth of the pixels of a wrinkle; in a mean over pixels its name would hardly count.

    Parameters
    ----------
    named : (N, K - 1, h, w) log probability of each kind, given that there is a defect.
    target : (N, h, w) index into the kinds, 0 where there is none.
    """
    at = target > 0
    if not bool(at.any()):
        return named.sum() * 0.0
    kinds = target[at] - 1
    cross = F.nll_loss(named.permute(0, 2, 3, 1)[at], kinds, reduction="none")
    each = torch.bincount(kinds, minlength=named.shape[1])
    shares = 1.0 / (each[kinds] * (each > 0).sum())
    return (cross * shares).sum()


def _dice(probability: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    inner = (probability * target * valid).sum()
    return 1 - (2 * inner + 1) / ((probability * valid).sum() + (target * valid).sum() + 1)


def loss(logits: Tensor, labels: Tensor, box_ids: Tensor, box_kinds: Tensor) -> Teaching:
    """All parts of the loss.

    Whether there is a defect is compared pixel by pixel, with the map drawn up to the size of the labels;
    which one it is, cell by cell, which says as much and costs a quarter.

    Parameters
    ----------
    logits : (N, K, h, w) on the network's grid.
    labels, box_ids : (N, S, S) uint8, S a multiple of h.
    box_kinds : (N, B) uint8, 0 where there is no box.
    """
    kinds, size = logits.shape[1], labels.shape[-1]
    step = size // logits.shape[-1]
    valid = (labels != UNKNOWN_LABEL).float()
    is_defect = ((labels > 0) & (labels != UNKNOWN_LABEL)).float()
    weight = valid * (1 + (DEFECT_WEIGHT - 1) * is_defect)
    any_cells = any_defect_logit(logits)
    any_logit = full_size(any_cells, size)
    cross = F.binary_cross_entropy_with_logits(any_logit, is_defect, reduction="none")
    hard = sigmoid_focal_loss(any_logit, is_defect, alpha=0.5, gamma=2.0, reduction="none")
    focal = (hard * valid).sum() / (is_defect * valid).sum().clamp(min=200)
    overlaps = [_dice(torch.sigmoid(any_logit), is_defect, valid)]

    cells = labels[:, step // 2 :: step, step // 2 :: step]
    known = cells != UNKNOWN_LABEL
    target = torch.where(known, cells, torch.zeros_like(cells)).long()
    named = F.log_softmax(logits[:, 1:], dim=1)
    at = target > 0
    told = named.permute(0, 2, 3, 1)[at]
    names = F.nll_loss(told, target[at] - 1, reduction="sum") * step**2
    pixels = ((cross * weight).sum() + DEFECT_WEIGHT * names) / weight.sum().clamp(min=1)
    pixels = pixels + NAMING_WEIGHT * _naming_loss(named, target)
    present = torch.bincount(target.flatten(), minlength=kinds)[1:].gt(20 // step).nonzero().flatten()
    if len(present):
        probability = named[:, present].exp() * torch.sigmoid(any_cells)[:, None]
        wanted = target[:, None] == (present + 1).view(1, -1, 1, 1)
        by_kind = [_dice(probability[:, i], wanted[:, i].float(), known.float()) for i in range(len(present))]
        overlaps.append(0.5 * torch.stack(by_kind).mean())
    boxes = 0.3 * _box_loss(
        F.log_softmax(logits, dim=1), box_ids[:, step // 2 :: step, step // 2 :: step], box_kinds
    )
    return Teaching(pixels=pixels, overlap=torch.stack(overlaps).sum(), focal=focal, boxes=boxes)
