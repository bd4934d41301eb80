"""Pieces of rendered rows to learn from, each cut, lit and spoilt otherwise every time it is drawn."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from inspection.seams.strips import COLUMNS, LANES, PAD
from training.seam_strips import GONE, LOCKED, SOUND, UNKNOWN, Strip

__all__ = ["CROP", "crops", "pulled_out"]

F32 = npt.NDArray[np.float32]
U8 = npt.NDArray[np.uint8]
I8 = npt.NDArray[np.int8]

CROP = 20
"""Stitches that a crop shows."""
ON_FAULT = 0.6
"""How often a crop is laid over a fault, where its row has one."""

PULLED_OUT = 0.25
"""How often thread is taken out of a crop."""
_MOST_PULLED = 3
_HOLE_COLUMNS, _THREAD_LANES = 4, 5
"""Columns at either end of a stitch that are its holes, and lanes on either side of a row that are thread."""
_CORE_LANES = 3
_SOFT = 2
"""Columns and lanes over which leather goes over into what is left."""
_SHOWS_LEVELS, _SHOWS = 12, 0.6
"""By how many levels, and as a share of the leather's own spread, thread differs from it on the mean where
one can see that it is gone."""


def crops(strips: Sequence[Strip], rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """A piece of each strip: levels (B, 3, LANES, columns), shown (B, W), what is true of the stitches (B, W)
    and of the places between (B, W - 1)."""
    wide = CROP + 2 * PAD
    rgb = np.zeros((len(strips), LANES, wide * COLUMNS, 3), np.float32)
    shown = np.zeros((len(strips), wide), np.float32)
    stitches = np.full((len(strips), wide), UNKNOWN, np.int64)
    places = np.full((len(strips), wide - 1), UNKNOWN, np.int64)
    for b, strip in enumerate(strips):
        piece, of_stitch, of_place = _crop(strip, rng)
        count = len(of_stitch)
        rgb[b, :, : count * COLUMNS], shown[b, :count] = piece, 1.0
        stitches[b, :count], places[b, : count - 1] = of_stitch, of_place
    levels = torch.from_numpy(rgb).permute(0, 3, 1, 2)
    lit = _otherwise_lit(levels, rng)
    return lit, torch.from_numpy(shown), torch.from_numpy(stitches), torch.from_numpy(places)


def _crop(strip: Strip, rng: np.random.Generator) -> tuple[U8, I8, I8]:
    """A piece of at most ``CROP`` stitches with its ends, any way round."""
    count = len(strip.stitches)
    taken, first = min(count, CROP), int(rng.integers(0, max(0, count - CROP) + 1))
    faults = np.flatnonzero((strip.stitches == GONE) | (strip.places[:-1] > 0))
    if count > CROP and len(faults) and rng.random() < ON_FAULT:
        first = int(np.clip(rng.choice(faults) - rng.integers(0, CROP), 0, count - CROP))
    rgb = strip.rgb[:, first * COLUMNS : (first + taken + 2 * PAD) * COLUMNS]
    stitches = np.pad(strip.stitches[first : first + taken], PAD, constant_values=UNKNOWN)
    places = np.pad(strip.places[first : first + taken + 1], PAD - 1, constant_values=UNKNOWN)
    if rng.random() < PULLED_OUT:
        rgb, stitches, places = pulled_out(rgb, stitches, places, rng)
    if rng.random() < 0.5:
        rgb, stitches, places = rgb[:, ::-1], stitches[::-1], places[::-1]
    if rng.random() < 0.5:
        rgb = rgb[::-1]
    return _otherwise_cut(rgb, rng), stitches, places


def pulled_out(rgb: U8, stitches: I8, places: I8, rng: np.random.Generator) -> tuple[U8, I8, I8]:
    """The row without the thread of one to three sound stitches that nothing is left of but their holes.

    A rendered thread that broke leaves frayed ends. One that was pulled out does not, and by such ends alone
    no stitch shall be told. Left as it is where thread hardly differs from leather.

    Parameters
    ----------
    rgb : (LANES, COLUMNS * W, 3). stitches : (W,). places : (W - 1,), between them.
    """
    many = int(rng.integers(1, _MOST_PULLED + 1))
    locked = np.concatenate([[False], places == LOCKED, [False]])
    sound = (stitches == SOUND) & locked[:-1] & locked[1:]
    runs = np.flatnonzero([sound[k : k + many].all() for k in range(len(sound) - many + 1)])
    if not len(runs):
        return rgb, stitches, places
    first = int(rng.choice(runs))
    middle = (LANES - 1) / 2
    lanes = _ramp(np.abs(np.arange(LANES) - middle), _THREAD_LANES)
    column = np.arange(COLUMNS) - (COLUMNS - 1) / 2
    columns = _ramp(np.abs(column), COLUMNS / 2 - _HOLE_COLUMNS)
    taken = slice(first * COLUMNS, (first + many) * COLUMNS)
    left = (lanes[:, None] * np.tile(columns, many))[..., None]
    was = rgb[:, taken].astype(np.float32)
    # The leather beside, there and back, from the side that is more of a kind: on the other a row may lie.
    beside = LANES // 2 - _THREAD_LANES - _SOFT
    there_and_back = np.abs((np.arange(LANES) + beside - 1) % (2 * beside - 2) - (beside - 1))
    sides = [was[there_and_back], was[LANES - 1 - there_and_back]]
    leather = min(sides, key=lambda side: float(side.std(axis=(0, 1)).sum()))
    core = was[np.abs(np.arange(LANES) - middle) < _CORE_LANES].mean(axis=(0, 1))
    differs = np.abs(core - leather.mean(axis=(0, 1))).mean()
    if differs < max(_SHOWS_LEVELS, _SHOWS * leather.std(axis=(0, 1)).mean()):
        return rgb, stitches, places
    rgb, stitches, places = rgb.copy(), stitches.copy(), places.copy()
    rgb[:, taken] = np.rint(was + left * (leather - was))
    stitches[first : first + many] = GONE
    places[first : first + many - 1] = UNKNOWN
    return rgb, stitches, places


def _ramp(away: npt.NDArray[np.floating], reach: float) -> F32:
    """1 nearer than ``reach``, 0 from ``_SOFT`` beyond it."""
    return np.clip((reach + _SOFT - away) / _SOFT, 0, 1).astype(np.float32)


def _otherwise_cut(rgb: U8, rng: np.random.Generator) -> U8:
    """The same row traced a little beside itself, by another pitch, wider or narrower, less sharply."""
    high, wide = rgb.shape[:2]
    u = np.arange(wide, dtype=np.float32)
    lane = np.arange(high, dtype=np.float32)[:, None] - (high - 1) / 2

    def wave(size: float) -> F32:
        waves = rng.normal(0, size) * np.sin(2 * np.pi * (u / wide * rng.uniform(0.5, 3) + rng.random()))
        return np.asarray(waves, np.float32)

    beside = rng.normal(0, 0.5) + wave(0.5)
    along = rng.uniform(-2, 2) + wave(0.6)
    y = (lane * np.exp(rng.normal(0, 0.12)) + (high - 1) / 2 + beside).astype(np.float32)
    x = np.broadcast_to((u + along).astype(np.float32), y.shape)
    cut = cv2.remap(np.ascontiguousarray(rgb), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if rng.random() < 0.3:
        cut = cv2.GaussianBlur(cut, (0, 0), sigmaX=rng.uniform(0.4, 1.6), sigmaY=rng.uniform(0.3, 1.2))
    return np.asarray(cut, np.uint8)


def _otherwise_lit(levels: Tensor, rng: np.random.Generator) -> Tensor:
    """Another gain for each colour, another gamma, more noise."""
    count = len(levels)
    gain = torch.from_numpy(np.exp(rng.normal(0, 0.12, (count, 3, 1, 1))).astype(np.float32))
    gamma = torch.from_numpy(np.exp(rng.normal(0, 0.25, (count, 1, 1, 1))).astype(np.float32))
    noise = torch.from_numpy((8 * rng.random((count, 1, 1, 1)) ** 2).astype(np.float32))
    drawn = torch.from_numpy(rng.standard_normal(levels.shape, np.float32))
    return 255 * gain * (levels / 255) ** gamma + noise * drawn
