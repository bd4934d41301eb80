"""Loose boxes become labels only where a defect stands out."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("torch")

import torch
from torch import Tensor

from training import losses, weak
from training.datasets import UNKNOWN_LABEL, Box, Example, Shot, Split

pytestmark = pytest.mark.train

KINDS = ("sound", "hole", "scar")


def _example(box: Box, *, spot: bool) -> Example:
    rng = np.random.default_rng(0)
    grain = cv2.GaussianBlur(rng.normal(0, 1, (160, 160)).astype(np.float32), (0, 0), 1.5) * 25
    rgb = np.clip(np.array([170, 120, 80]) + grain[..., None], 0, 255).astype(np.uint8)
    if spot:
        cv2.circle(rgb, (82, 76), 4, (30, 25, 20), -1)
    labels = np.zeros((160, 160), np.uint8)
    labels[int(box.y) : int(box.y + box.height), int(box.x) : int(box.x + box.width)] = UNKNOWN_LABEL
    shot = Shot("drawn", "one", Path("one.png"), Split.TRAIN, "hide", 0.15, boxes=(box,))
    return Example(shot=shot, rgb=rgb, labels=labels, boxes=(box,))


def test_a_speck_in_a_loose_box_becomes_the_label_and_little_else_does() -> None:
    marked = weak.mark(_example(Box("hole", 50, 50, 60, 60), spot=True), kinds=KINDS)
    found = marked == 1
    truth = np.zeros((160, 160), np.uint8)
    cv2.circle(truth, (82, 76), 4, 1, -1)
    overlap = (found & (truth > 0)).sum() / (found | (truth > 0)).sum()
    assert overlap > 0.5
    assert (marked[50:110, 50:110] == 0).mean() > 0.3  # plain leather in the box counts as sound
    assert (marked[70:82, 76:88] != 0).all()  # but not what lies near the speck
    assert (marked[:50] == 0).all()


def test_where_nothing_stands_out_nothing_is_guessed() -> None:
    marked = weak.mark(_example(Box("hole", 50, 50, 60, 60), spot=False), kinds=KINDS)
    assert (marked == 1).mean() < 0.002


def test_a_broad_kind_takes_the_core_of_its_box() -> None:
    marked = weak.mark(_example(Box("scar", 50, 50, 60, 60), spot=False), kinds=KINDS)
    share = (marked[50:110, 50:110] == 2).mean()
    assert share == pytest.approx(weak.BROAD_CORE, abs=0.05)


def _logits(probability: npt.NDArray[np.float64]) -> Tensor:
    return torch.from_numpy(np.log(np.maximum(probability, 1e-9))).float()[None]


def test_a_box_is_content_with_its_kind_anywhere_inside() -> None:
    labels = torch.full((1, 32, 32), UNKNOWN_LABEL, dtype=torch.uint8)
    box_ids = torch.ones((1, 32, 32), dtype=torch.uint8)
    box_kinds = torch.tensor([[1]], dtype=torch.uint8)
    quiet = np.stack([np.full((32, 32), 0.98), np.full((32, 32), 0.01), np.full((32, 32), 0.01)])
    loud = quiet.copy()
    loud[:, 5:9, 5:9] = np.array([0.01, 0.98, 0.01])[:, None, None]
    silent = losses.loss(_logits(quiet), labels, box_ids, box_kinds).boxes
    found = losses.loss(_logits(loud), labels, box_ids, box_kinds).boxes
    assert float(silent) > 1
    assert float(found) < 0.05


def test_unknown_pixels_cost_nothing() -> None:
    labels = torch.zeros((1, 16, 16), dtype=torch.uint8)
    labels[:, :8] = UNKNOWN_LABEL
    none = torch.zeros((1, 16, 16), dtype=torch.uint8)
    kinds = torch.zeros((1, 1), dtype=torch.uint8)
    logits = torch.zeros((1, 3, 16, 16), requires_grad=True)
    losses.loss(logits, labels, none, kinds).total.backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert float(logits.grad[:, :, :8].abs().max()) == 0
    assert float(logits.grad[:, :, 8:].abs().max()) > 0


def test_a_wrong_name_costs_and_a_right_one_does_not() -> None:
    labels = torch.full((1, 16, 16), 2, dtype=torch.uint8)
    none = torch.zeros((1, 16, 16), dtype=torch.uint8)
    no_boxes = torch.zeros((1, 1), dtype=torch.uint8)
    right, wrong = torch.full((1, 3, 8, 8), -6.0), torch.full((1, 3, 8, 8), -6.0)
    right[:, 2], wrong[:, 1] = 6.0, 6.0
    assert float(losses.loss(right, labels, none, no_boxes).pixels) < 0.01
    assert float(losses.loss(wrong, labels, none, no_boxes).pixels) > 5


def test_the_averaged_network_fills_gaps_in_boxes_only() -> None:
    labels = torch.full((1, 8, 8), UNKNOWN_LABEL, dtype=torch.uint8)
    labels[:, :, :4] = 0
    box_ids = torch.zeros((1, 8, 8), dtype=torch.uint8)
    box_ids[:, :, 4:] = 1
    defect = torch.full((1, 8, 8), 0.05)
    defect[:, 2, 6] = 0.9
    defect[:, 5, 6] = 0.5
    filled = losses.self_label(labels, box_ids, torch.tensor([[1]], dtype=torch.uint8), defect)
    assert filled[0, 2, 6] == 1
    assert filled[0, 5, 6] == UNKNOWN_LABEL
    assert filled[0, 0, 6] == 0
    assert (filled[:, :, :4] == 0).all()


def test_many_alarms_outside_boxes_do_not_excuse_themselves() -> None:
    labels = torch.zeros((2, 32, 32), dtype=torch.uint8)
    box_ids = torch.zeros((2, 32, 32), dtype=torch.uint8)
    box_ids[:, :2, :2] = 1
    defect = torch.zeros((2, 32, 32))
    defect[0, 10, 10] = 0.98  # one doubtful cell may be a defect without a box
    defect[1, 8:] = 0.98
    filled = losses.self_label(labels, box_ids, torch.ones((2, 1), dtype=torch.uint8), defect)
    assert filled[0, 10, 10] == UNKNOWN_LABEL
    assert (filled[1] == 0).all()
