"""Places needle holes in the photo itself, finer than the network's grid.

The stitches of one row look alike. So each row makes its own pattern: the mean of what the photo shows around
its holes, turned to the row's direction. Each hole is then moved to where it fits that pattern best. A shift
that all holes share cannot be seen this way and does not matter to any distance between them.

The same pattern tells whether there is a hole at a place where the network saw none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inspection.seams.lines import median
from inspection.seams.lookup import grey_at, lattice

__all__ = ["Pattern", "Refined", "pattern_of"]

F64 = npt.NDArray[np.float64]
U8 = npt.NDArray[np.uint8]

MIN_HOLES = 6
"""Fewer holes make no pattern of their own."""

_HALF_LENGTH = 0.42
"""Of the piece of photo around a hole, along the row, in pitches: not so far that the next hole decides."""
_MOST_HALF_LENGTH_MM = 1.0
_HALF_WIDTH_MM = 0.45
"""Across the row: the thread and the rim of the hole, not the next row."""
_REACH_MM = 0.36
"""How far a hole may be moved along the row: more than the network errs."""
_STEP_PX = 0.5
_ROUNDS = 3


@dataclass(frozen=True, eq=False)
class Refined:
    """Where the photo shows holes of a row.

    Attributes
    ----------
    along_px : (N,) how far to move each place along the row.
    fit : (N,) correlation with the row's pattern, -1..1.
    noise_px : standard uncertainty of ``along_px``, from how much the two sides of the row disagree.
    """

    along_px: F64
    fit: F64
    noise_px: float


@dataclass(frozen=True, eq=False)
class Pattern:
    """What the holes of one row look like.

    Attributes
    ----------
    sides : (2, lanes, 2 span + 1) what is right and what is left of the row's middle, each of mean 0 and of
        unit size.
    span, shift, lanes : half sizes in samples: along, of the search, across on each side.
    mm_per_px : of the photo.
    """

    rgb: U8
    sides: F64
    span: int
    shift: int
    lanes: int
    mm_per_px: float

    def fit(self, at_px: F64, tangent: F64) -> Refined:
        """Fit places (N, 2) with directions (N, 2) to the pattern."""
        strips = _strips(self.rgb, at_px, tangent, self.span, self.shift, self.lanes, self.mm_per_px)
        return _fit(strips.likeness(self.sides))


@dataclass(frozen=True, eq=False)
class _Strips:
    """What the photo shows along the row at N places. A window on it is what is around a place at one shift.

    Attributes
    ----------
    seen : (2, N, lanes, long) what is right and what is left of the row's middle.
    windows : (2, N, lanes, 2 shift + 1, 2 span + 1) a view of it.
    mean, size : (2, N, 2 shift + 1) of each window: its mean and the length of its vector without that.
    """

    seen: F64
    windows: F64
    mean: F64
    size: F64

    def usual(self, at: npt.NDArray[np.intp]) -> F64:
        """Mean (2, lanes, 2 span + 1) of the windows at one shift (N,) each, made of mean 0 and unit size."""
        rows = np.arange(len(at))
        weight = 1 / self.size[:, rows, at]
        level = np.einsum("sn,sn->s", self.mean[:, rows, at], weight)
        total = np.einsum("nslw,sn->slw", self.windows[:, rows, :, at], weight) - level[:, None, None]
        return np.asarray(total / len(at), np.float64)

    def likeness(self, sides: F64) -> F64:
        """Correlation (2, N, 2 shift + 1) of every window with ``sides`` (2, lanes, 2 span + 1) of mean 0."""
        two, n, lanes, long = self.seen.shape
        shifts = self.size.shape[2]
        width = sides.shape[2]
        # The sides at every shift are the columns of one matrix: no window has to be made.
        shifted = np.zeros((two, lanes, long, shifts))
        for shift in range(shifts):
            shifted[:, :, shift : shift + width, shift] = sides
        seen, columns = self.seen.reshape(two, n, -1), shifted.reshape(two, -1, shifts)
        return np.asarray(seen @ columns / self.size, np.float64)


def pattern_of(
    rgb: U8, at_px: F64, tangent: F64, *, pitch_px: float, mm_per_px: float
) -> tuple[Pattern, Refined] | None:
    """The pattern of a row's holes, and how each of them fits it; None when they are too few to make one.

    Parameters
    ----------
    rgb : (H, W, 3) uint8, the photo. at_px : (N, 2). tangent : (N, 2) unit vectors along the row.
    """
    if len(at_px) < MIN_HOLES:
        return None
    half = min(_HALF_LENGTH * pitch_px, _MOST_HALF_LENGTH_MM / mm_per_px)
    reach = min(_REACH_MM / mm_per_px, 0.3 * pitch_px)
    span = int(np.ceil(half / _STEP_PX))
    shift = max(2, int(np.ceil(reach / _STEP_PX)))
    lanes = max(2, round(_HALF_WIDTH_MM / mm_per_px))
    strips = _strips(rgb, at_px, tangent, span, shift, lanes, mm_per_px)
    best = np.full(len(at_px), shift)
    for _ in range(_ROUNDS):
        # The ends of a row look otherwise, and so do faults: most holes decide.
        sides = strips.usual(best)
        size = np.sqrt(np.einsum("slw,slw->s", sides, sides))
        if float(size.min()) < 1e-6:
            return None
        sides = sides / size[:, None, None]
        likeness = strips.likeness(sides)
        best = likeness.sum(axis=0).argmax(axis=1)
    pattern = Pattern(rgb, sides, span, shift, lanes, mm_per_px)
    found = _fit(likeness)
    return pattern, Refined(found.along_px - median(found.along_px), found.fit, found.noise_px)


def _strips(
    rgb: U8, at_px: F64, tangent: F64, span: int, shift: int, lanes: int, mm_per_px: float
) -> _Strips:
    """What the photo shows along the row at each place (N, 2), and of each window on it, mean and size."""
    u = np.arange(-(span + shift), span + shift + 1) * _STEP_PX
    v = (np.arange(2 * lanes) - lanes + 0.5) * (_HALF_WIDTH_MM / mm_per_px / (lanes - 0.5))
    side = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)
    seen = grey_at(rgb, lattice(at_px, side, v, tangent, u)).astype(np.float64)
    # What runs along the whole row (thread, groove, shade) tells nothing about where the hole is.
    seen -= seen.mean(axis=2, keepdims=True)
    seen = np.ascontiguousarray(seen.reshape(len(at_px), 2, lanes, len(u)).swapaxes(0, 1))
    width = 2 * span + 1
    sums = np.zeros((2, *seen.shape[:2], len(u) + 1))
    for k, each in enumerate((seen, seen**2)):
        np.cumsum(each.sum(axis=2), axis=-1, out=sums[k, ..., 1:])
    total, squares = sums[..., width:] - sums[..., :-width]
    count = lanes * width
    size = np.sqrt(np.maximum(0.0, squares - total**2 / count)) + 1e-3
    shape, strides = (*seen.shape[:3], 2 * shift + 1, width), (*seen.strides, seen.strides[3])
    windows = np.lib.stride_tricks.as_strided(seen, shape, strides, writeable=False)
    return _Strips(seen, windows, total / count, size)


def _fit(likeness: F64) -> Refined:
    """Where each place fits best, given the correlations (2, N, 2 shift + 1) of its sides."""
    curves = np.concatenate([likeness, likeness.mean(axis=0)[None]])
    both = curves[2]
    best = both.argmax(axis=1)
    right, left, middle = _peaks(curves, best)
    apart = right - left
    noise = 1.4826 * median(np.abs(apart - median(apart))) / 2
    shift = (both.shape[1] - 1) // 2
    along = (middle - shift) * _STEP_PX
    return Refined(along, both[np.arange(len(both)), best], noise * _STEP_PX)


def _peaks(scores: F64, near: npt.NDArray[np.intp]) -> F64:
    """Tops (K, N), between samples, of parabolas through scores (K, N, M) around samples ``near`` (N,)."""
    rows = np.arange(len(near))
    inner = np.clip(near, 1, scores.shape[2] - 2)
    left, mid, right = (scores[:, rows, inner + k] for k in (-1, 0, 1))
    bend = np.maximum(1e-6, 2 * mid - left - right)
    return np.asarray(inner + np.clip((right - left) / (2 * bend), -1.5, 1.5), np.float64)
