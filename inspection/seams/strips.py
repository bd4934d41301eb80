"""Straightens a row of stitches into a strip of the photo, every stitch of it equally long.

In a strip all stitches lie alike, whatever way the row bends and whatever its pitch, so that what is unlike
the others stands out: to a person who looks at it, and to the judge of stitches (``judging``).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from inspection.seams.lines import normals, tangents

__all__ = ["COLUMNS", "LANES", "LANE_MM", "PAD", "Reduced", "Straightened", "reduced"]

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
U8 = npt.NDArray[np.uint8]

COLUMNS = 24
"""Of a strip per stitch."""
LANES = 28
"""Of a strip, across the row."""
LANE_MM = 0.12
"""Width of a lane: thread up to 1.6 mm beside the row is in the strip."""
PAD = 2
"""Stitches before a row's first hole and after its last: those of a closed row, else straight on."""


@dataclass(frozen=True, eq=False)
class Reduced:
    """A photo that strips are taken from, ``finer`` times smaller than it was so that they leave out no pixel
    in between. lane_px : pixels of the photo as it was that a lane is wide."""

    rgb: U8
    finer: int
    lane_px: float


def reduced(rgb: U8, *, mm_per_px: float) -> Reduced:
    """A photo (H, W, 3), made ready once for all its rows."""
    lane_px = LANE_MM / mm_per_px
    finer = max(1, int(lane_px))
    if finer > 1:
        size = (rgb.shape[1] // finer, rgb.shape[0] // finer)
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    return Reduced(rgb, finer, lane_px)


class Straightened:
    """A row of U stitches, with the U + 1 places where a hole should be: that of a closed row ends where it
    began.

    Attributes
    ----------
    parts : stitches in each step from hole to hole. at_px : (U + 1, 2) the places in the photo. seen :
        (U + 1,) whether the row has a hole there.
    """

    def __init__(self, holes_px: F64, parts: npt.NDArray[np.int64], *, closed: bool) -> None:
        """Lay out a row.

        Parameters
        ----------
        holes_px : (N, 2) its holes in the photo. parts : (N - 1,) stitches in each step from one to the next,
            (N,) when closed.
        """
        across = normals(tangents(holes_px, closed=closed))
        if closed:
            holes_px, across = (np.concatenate([each, each[:1]]) for each in (holes_px, across))
        known = np.concatenate([[0], np.cumsum(parts)])
        every = np.arange(known[-1] + 1)
        self.parts = parts
        self.at_px = _between(every, known, holes_px)
        self.seen = np.zeros(len(every), bool)
        self.seen[known] = True
        self._across = _between(every, known, across)
        self._closed = closed

    def strip(self, photo: Reduced) -> U8:
        """What the photo shows of it: (LANES, COLUMNS * (U + 2 * PAD), 3)."""
        x, y = self._grid(photo.lane_px, finer=photo.finer)
        found = cv2.remap(photo.rgb, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(found, np.uint8)

    def _grid(self, lane_px: float, *, finer: int) -> tuple[F32, F32]:
        """x and y (LANES, columns) of the strip's points in the photo, one ``finer`` times smaller."""
        at, across = self.at_px, self._across
        if self._closed:
            before, after = slice(-1 - PAD, -1), slice(1, 1 + PAD)
            at, across = (np.concatenate([each[before], each, each[after]]) for each in (at, across))
        else:
            on = np.arange(1, PAD + 1)[:, None]
            at = np.concatenate([(at[0] + on * (at[0] - at[1]))[::-1], at, at[-1] + on * (at[-1] - at[-2])])
            across = np.concatenate([across[:1].repeat(PAD, axis=0), across, across[-1:].repeat(PAD, axis=0)])
        every = np.arange(len(at))
        u = (np.arange((len(at) - 1) * COLUMNS) + 0.5) / COLUMNS
        middle = ((_between(u, every, at) + 0.5) / finer - 0.5).astype(np.float32)
        side = (_between(u, every, across) * (lane_px / finer)).astype(np.float32)
        v = (np.arange(LANES, dtype=np.float32) - (LANES - 1) / 2)[:, None]
        x, y = v * side[:, 0], v * side[:, 1]
        x += middle[:, 0]
        y += middle[:, 1]
        return x, y


def _between(at: npt.NDArray[np.int64] | F64, known: npt.NDArray[np.int64], values: F64) -> F64:
    """Values (M, 2) at ``at`` of what is ``values`` (N, 2) at ``known``."""
    return np.stack([np.interp(at, known, values[:, k]) for k in (0, 1)], axis=1)
