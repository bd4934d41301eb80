"""What of a rendered seam a camera could see: the photo beside the same one without it.

The truth of a scene knows every fault that was sewn, also one under an eyelet or in thread of its leather's
own colour. A photo shows a fault where it differs from the photo of the same scene without that fault, and a
row where it differs from the photo of the same scene with nothing sewn. What lies under a thing does not
show, though the thing be thin or an open ring: the truth of the scene says what is hidden.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from training.scenes import SMALLEST_PX, visible
from training.synthesis.render import Sample, render
from training.synthesis.scene import Scene
from training.synthesis.truth import RowTruth

__all__ = ["FAULTS", "RowSight", "sight_of"]

Bools = npt.NDArray[np.bool_]

FAULTS = frozenset({"skipped_stitch", "broken_thread"})
"""Kinds of sewing fault that leave a stitch or its thread out."""
_ROW_MM = 0.5
"""Half width of the band along a stitch in which it shows: its thread, its groove, the rims of its holes."""
_THREAD = 64
"""Cover, of 255, from which a pixel shows thread."""
_FRAY_MM = 0.7
"""Half width of the band along a missing thread in which that shows: its broken ends fray this far."""


@dataclass(frozen=True, eq=False)
class RowSight:
    """What of one row of truth the photo shows.

    Attributes
    ----------
    stitches : (N - 1,) whether anything shows of the stitch after each hole.
    skipped, broken : those of the row's ``skipped`` and ``broken`` of which anything shows.
    """

    stitches: Bools
    skipped: frozenset[int]
    broken: frozenset[int]

    @property
    def holes(self) -> Bools:
        """(N,) holes beside a stitch that shows."""
        padded = np.concatenate([[False], self.stitches, [False]])
        return np.asarray(padded[1:] | padded[:-1], bool)


def sight_of(made: Sample) -> list[RowSight]:
    """What the photo shows of each row of its truth, in the same order."""
    rows = made.truth.rows
    if not rows:
        return []
    truth = made.truth
    beside_thread = cv2.dilate(truth.thread, np.ones((5, 5), np.uint8)) > _THREAD
    sewn = visible(made.rgb, render(replace(made.scene, seams=())).rgb) & beside_thread
    wrong = np.zeros_like(sewn)
    if any(row.skipped or row.broken for row in rows):
        # The mask of a defect leaves out what a thing hides.
        wrong = visible(made.rgb, render(_mended(made.scene)).rgb) & (truth.instances > 0)
    return [_row(row, sewn, wrong, truth.mm_per_px) for row in rows]


def _mended(scene: Scene) -> Scene:
    """The scene as it was before stitches were left out and thread was broken."""
    return replace(
        scene,
        seams=tuple(
            replace(seam, defects=tuple(each for each in seam.defects if each.kind not in FAULTS))
            for seam in scene.seams
        ),
    )


def _row(row: RowTruth, sewn: Bools, wrong: Bools, mm_per_px: float) -> RowSight:
    count = len(row.holes_px)
    return RowSight(
        stitches=np.array([_shows(sewn, row, i, i + 1, _ROW_MM / mm_per_px) for i in range(count - 1)], bool),
        # A skipped hole is floated over: what differs lies round the hole, not beside the next ones.
        skipped=frozenset(i for i in row.skipped if _shows(wrong, row, i, i, _ROW_MM / mm_per_px)),
        broken=frozenset(i for i in row.broken if _shows(wrong, row, i, i + 1, _FRAY_MM / mm_per_px)),
    )


def _shows(different: Bools, row: RowTruth, first: int, last: int, reach_px: float) -> bool:
    """Whether enough pixels differ in the band from hole ``first`` to hole ``last``."""
    ends = row.holes_px[[first, last]]
    margin = int(np.ceil(reach_px)) + 2
    left, top = np.maximum(0, np.floor(ends.min(axis=0)).astype(int) - margin)
    right, bottom = np.ceil(ends.max(axis=0)).astype(int) + margin
    piece = different[top : bottom + 1, left : right + 1]
    band = np.zeros(piece.shape, np.uint8)
    a, b = np.rint((ends - (left, top)) * 16).astype(int).tolist()
    cv2.line(band, a, b, 1, max(1, round(2 * reach_px)), cv2.LINE_8, 4)
    return int(np.count_nonzero(piece & (band > 0))) >= SMALLEST_PX
