"""What the network is taught of seams (thread, needle holes, panel edges), and how it is compared with that.

Targets lie on the network's own grid, so that a needle hole is a point between cells and not a blot.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = [
    "OFFSET_REACH_PX",
    "PLANES",
    "Sewing",
    "StitchLoss",
    "Stitching",
    "none_sewn",
    "not_known",
    "stitch_loss",
]

PLANES = ("thread", "point", "offset_x", "offset_y", "edge")
"""Names of the planes, as the manifest gives them."""
POINT_SPREAD_CELLS = 1.0
"""Standard deviation of the heat round a needle hole: half a millimetre of pitch stays two peaks."""
OFFSET_REACH_PX = 6.0
"""Offsets are taught this near to a hole, in pixels at model scale, and are bounded by it."""
EDGE_SPREAD_CELLS = 0.7
EMPTY_CELLS = 2
EMPTY_WEIGHT = 12.0
"""Round an empty hole: it looks much like one that holds a stitch, there are few, and skips hang on them."""
DOUBT_CELLS = 3
"""Cells round a doubtful hole where nothing is taught of points."""
EDGE_WEIGHT = 3.0
OFFSET_SCALE_PX = 2.0
"""Offsets weigh in the loss in units of this."""
POINT_SHARE_AT_FIRST = 1e-3

F32 = npt.NDArray[np.float32]
U8 = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Sewing:
    """What is known of the seams of a crop at model scale; what its fields mean is in ``scenes.Piece``."""

    thread: U8
    edge: U8
    holes_px: F32
    doubtful_px: F32
    empty_px: F32


@dataclass(frozen=True, eq=False)
class Stitching:
    """Targets on the network's grid.

    Attributes
    ----------
    planes : (5, h, w) float32, see ``PLANES``.
    known : (2, h, w) float32, weight with which thread and edge, and points, are taught; 0 where they are not
        known.
    """

    planes: F32
    known: F32

    @staticmethod
    def of(sewing: Sewing, *, stride: int) -> Stitching:
        """Targets of a crop."""
        height, width = (side // stride for side in sewing.thread.shape)
        size = (width, height)
        thread = cv2.resize(sewing.thread, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        away = cv2.distanceTransform((sewing.edge == 0).astype(np.uint8), cv2.DIST_L2, 5)
        # A crop without any edge gives the distance to nothing: huge, so no edge.
        away = cv2.resize(away, size, interpolation=cv2.INTER_AREA) / stride
        edge = np.exp(-0.5 * (away / EDGE_SPREAD_CELLS) ** 2)
        heat, offset_x, offset_y = _points(sewing.holes_px, (height, width), stride)
        sure = np.ones((height, width), np.float32)
        for x, y in _to_cells(sewing.doubtful_px, stride):
            cv2.circle(sure, (round(float(x)), round(float(y))), DOUBT_CELLS, 0.0, -1)
        for x, y in _to_cells(sewing.empty_px, stride):
            cv2.circle(sure, (round(float(x)), round(float(y))), EMPTY_CELLS, EMPTY_WEIGHT, -1)
        sure = np.where(heat > 0.3, 1.0, sure).astype(np.float32)
        return Stitching(
            planes=np.stack([thread, heat, offset_x, offset_y, edge]).astype(np.float32),
            known=np.stack([np.ones_like(sure), sure]),
        )


def _to_cells(points_px: F32, stride: int) -> F32:
    return np.asarray((points_px + 0.5) / stride - 0.5, np.float32)


def _points(holes_px: F32, shape: tuple[int, int], stride: int) -> tuple[F32, F32, F32]:
    """Heat, and offset of each cell to the nearest hole in pixels, 0 out of reach."""
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    nearest = np.full(shape, np.inf, np.float32)
    offset_x, offset_y = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    reach = int(np.ceil(OFFSET_REACH_PX / stride)) + 1
    for x, y in _to_cells(holes_px, stride):
        left, top = max(0, int(x) - reach), max(0, int(y) - reach)
        where = (slice(top, int(y) + reach + 2), slice(left, int(x) + reach + 2))
        across, down = x - columns[where], y - rows[where]
        squared = across**2 + down**2
        nearer = squared < nearest[where]
        nearest[where][nearer] = squared[nearer]
        offset_x[where][nearer] = stride * across[nearer]
        offset_y[where][nearer] = stride * down[nearer]
    heat = np.exp(-0.5 * nearest / POINT_SPREAD_CELLS**2)
    out_of_reach = nearest > (OFFSET_REACH_PX / stride) ** 2
    offset_x[out_of_reach] = 0
    offset_y[out_of_reach] = 0
    return np.asarray(heat, np.float32), offset_x, offset_y


def none_sewn(side: int, *, stride: int) -> Stitching:
    """Targets of a flat hide, on which nothing is sewn and which has no edge."""
    cells = side // stride
    return Stitching(np.zeros((5, cells, cells), np.float32), np.ones((2, cells, cells), np.float32))


def not_known(side: int, *, stride: int) -> Stitching:
    """Of a photo in which there may be seams that nobody marked."""
    cells = side // stride
    return Stitching(np.zeros((5, cells, cells), np.float32), np.zeros((2, cells, cells), np.float32))


@dataclass(frozen=True)
class StitchLoss:
    """The parts of the loss, for the curves."""

    thread: Tensor
    point: Tensor
    offset: Tensor
    edge: Tensor

    @property
    def total(self) -> Tensor:
        """What is minimised."""
        return self.thread + self.point + self.offset + self.edge


def stitch_loss(raw: Tensor, planes: Tensor, known: Tensor) -> StitchLoss:
    """Compare the stitch head's answer with the targets.

    Parameters
    ----------
    raw : (N, 5, h, w): logits of thread, point and edge; offsets in pixels.
    planes : (N, 5, h, w).
    known : (N, 2, h, w).
    """
    sure, sure_point = known[:, 0], known[:, 1]
    thread_target, heat, edge_target = planes[:, 0], planes[:, 1], planes[:, 4]
    cross = F.binary_cross_entropy_with_logits(raw[:, 0], thread_target, reduction="none")
    weight = sure * (1 + 4 * thread_target)
    probability = torch.sigmoid(raw[:, 0]) * sure
    wanted = thread_target * sure
    overlap = 1 - (2 * (probability * wanted).sum() + 1) / (probability.sum() + wanted.sum() + 1)
    thread = (cross * weight).sum() / weight.sum().clamp(min=1) + overlap
    point = _point_loss(raw[:, 1], heat, sure_point)
    near = (heat > 0.1).float() * sure_point
    apart = F.smooth_l1_loss(raw[:, 2:4], planes[:, 2:4], reduction="none").sum(1) / OFFSET_SCALE_PX
    offset = 0.5 * (apart * near).sum() / near.sum().clamp(min=1)
    edges = F.binary_cross_entropy_with_logits(raw[:, 4], edge_target, reduction="none")
    edge_weight = sure * (1 + EDGE_WEIGHT * edge_target)
    edge = (edges * edge_weight).sum() / edge_weight.sum().clamp(min=1)
    return StitchLoss(thread=thread, point=point, offset=offset, edge=edge)


def _point_loss(logit: Tensor, heat: Tensor, known: Tensor) -> Tensor:
    """Focal loss on a heat map: cells near a hole count less as sound ones the nearer they are (as in
    CornerNet); the sum is shared by the holes there are."""
    probability = torch.sigmoid(logit).clamp(1e-4, 1 - 1e-4)
    # The cell nearest to a hole has at least this heat, wherever in the cell the hole lies.
    peak = (heat > 0.75).float()
    yes = -torch.log(probability) * (1 - probability) ** 2 * peak
    no = -torch.log(1 - probability) * probability**2 * (1 - heat) ** 4 * (1 - peak)
    return ((yes + no) * known).sum() / (peak * known).sum().clamp(min=20) * 0.5
