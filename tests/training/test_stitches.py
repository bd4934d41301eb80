"""Stitch targets lie where the seam is, survive mirroring and turning, and are what the loss wants."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from training import sewing_scores
from training.batches import symmetric
from training.scenes import SIDE_PX, Piece
from training.stitches import PLANES, Sewing, Stitching, none_sewn, not_known, stitch_loss

pytestmark = pytest.mark.train

STRIDE = 2
HOLES = np.array([(40.3, 100.0), (60.0, 100.75), (80.5, 101.0), (200.0, 31.2)], np.float32)


def _piece() -> Piece:
    """A piece whose photo is white exactly at the pixels of its needle holes."""
    rgb = np.zeros((SIDE_PX, SIDE_PX, 3), np.uint8)
    thread = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    thread[99:103, 38:84] = 255
    for x, y in np.rint(HOLES).astype(int):
        rgb[y, x] = 255
    return Piece(
        rgb=rgb,
        labels=np.zeros((SIDE_PX, SIDE_PX), np.uint8),
        thread=thread,
        edge=np.zeros((SIDE_PX, SIDE_PX), np.uint8),
        holes_px=HOLES,
        doubtful_px=np.zeros((0, 2), np.float32),
        empty_px=HOLES[:1] + np.float32(20),
    )


@pytest.mark.parametrize("turn", range(8))
def test_needle_holes_move_with_the_photo_in_every_symmetry(turn: int) -> None:
    rgb, _, sewing = symmetric(_piece(), 13, 7, 256, turn=turn)
    assert rgb.shape == (256, 256, 3)
    lit = {(int(x), int(y)) for y, x in np.argwhere(rgb[..., 0] > 0)}
    assert len(lit) == len(HOLES)
    for x, y in sewing.holes_px:
        assert min(max(abs(x - a), abs(y - b)) for a, b in lit) <= 0.5
    assert sewing.thread.sum() == _piece().thread.sum()
    (empty,) = sewing.empty_px
    apart = np.abs(sewing.holes_px - empty)
    assert np.isclose(apart, 20, atol=1e-4).all(axis=1).any()


def test_holes_outside_a_crop_are_left_out() -> None:
    _, _, sewing = symmetric(_piece(), 0, 64, 128, turn=0)
    assert len(sewing.holes_px) == 3


def _sewing() -> Sewing:
    edge = np.zeros((256, 256), np.uint8)
    edge[50] = 1
    return Sewing(
        thread=_piece().thread[:256, :256],
        edge=edge,
        holes_px=HOLES,
        doubtful_px=np.array([(128.0, 128.0)], np.float32),
        empty_px=np.array([(60.0, 160.0)], np.float32),
    )


def test_the_points_of_the_targets_are_the_holes_to_a_hundredth_of_a_pixel() -> None:
    target = Stitching.of(_sewing(), stride=STRIDE)
    found = sewing_scores.peaks(target.planes, stride=STRIDE)
    for hole in HOLES:
        off = np.hypot(*(found[:, :2] - hole).T)
        assert off.min() < 0.01
    tally = sewing_scores.judge_points(found, HOLES, np.zeros((0, 2), np.float32), near_px=3.0)
    assert tally.right.sum() == len(HOLES)


def test_thread_and_edge_lie_on_the_networks_grid() -> None:
    planes = Stitching.of(_sewing(), stride=STRIDE).planes
    thread, edge = planes[PLANES.index("thread")], planes[PLANES.index("edge")]
    assert thread.shape == (128, 128)
    assert thread[50, 30] == 1
    assert thread[40, 30] == 0
    assert edge[:, 10].argmax() == 25
    assert edge[10].max() < 0.01


def test_nothing_is_taught_of_points_near_a_doubtful_hole() -> None:
    known = Stitching.of(_sewing(), stride=STRIDE).known
    assert known[1, 64, 64] == 0
    assert known[1, 10, 10] == 1
    assert known[0].all()


def test_an_empty_hole_weighs_more_than_leather_but_no_more_than_it_should_beside_a_stitch() -> None:
    known = Stitching.of(_sewing(), stride=STRIDE).known
    assert known[1, 80, 30] > 1
    row, column = (int(v) for v in np.rint((HOLES[0, ::-1] + 0.5) / STRIDE - 0.5))
    assert known[1, row, column] == 1


def test_the_loss_is_small_for_the_right_answer_and_larger_for_any_other() -> None:
    target = Stitching.of(_sewing(), stride=STRIDE)
    planes, known = torch.from_numpy(target.planes)[None], torch.from_numpy(target.known)[None]
    right = torch.logit(planes.clamp(0.001, 0.999))
    right[:, 2:4] = planes[:, 2:4]
    best = stitch_loss(right, planes, known)
    shifted = stitch_loss(torch.roll(right, 4, dims=3), planes, known)
    silent = stitch_loss(torch.full_like(right, -4.0), planes, known)
    for other in (shifted, silent):
        assert float(other.total) > 2 * float(best.total)
        assert float(other.point) > 2 * float(best.point)
        assert float(other.offset) > float(best.offset)


def test_photos_of_which_no_stitch_is_known_teach_nothing_and_flat_hides_teach_silence() -> None:
    loud = torch.full((1, 5, 32, 32), 2.0, requires_grad=True)
    for known, teaches in ((not_known, False), (none_sewn, True)):
        target = known(64, stride=STRIDE)
        loss = stitch_loss(loud, torch.from_numpy(target.planes)[None], torch.from_numpy(target.known)[None])
        (gradient,) = torch.autograd.grad(loss.total, loud)
        assert bool((gradient[:, [0, 1, 4]].abs().sum() > 0.01).item()) is teaches
        assert float(gradient[:, 2:4].abs().sum()) == 0


def test_average_precision_of_points_by_hand() -> None:
    holes = np.array([(10.0, 10.0), (30.0, 10.0)], np.float32)
    found = np.array([(10.5, 10.0, 0.9), (20.0, 10.0, 0.8), (30.0, 11.0, 0.7), (10.2, 10.0, 0.6)], np.float32)
    none = np.zeros((0, 2), np.float32)
    tally = sewing_scores.judge_points(found, holes, none, near_px=3.0)
    assert tally.right.tolist() == [True, False, True, False]  # a second point at a hole is wrong
    assert sewing_scores.average_precision([tally]) == pytest.approx((1 + 2 / 3) / 2)
    doubtful = np.array([(20.0, 10.0)], np.float32)
    lenient = sewing_scores.judge_points(found, holes, doubtful, near_px=3.0)
    assert lenient.right.tolist() == [True, True, False]
    assert np.isnan(
        sewing_scores.average_precision([sewing_scores.judge_points(found, none, none, near_px=3)])
    )
