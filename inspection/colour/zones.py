"""The colour of each zone of a photo, as it would look under one even light.

Light on a part is never even: a lamp is nearer to one side, a lens darkens the corners. Light multiplies, so
the logarithm of what the camera saw is the logarithm of the material plus that of the light. The material is
taken as one constant per zone, the light as a smooth surface over the whole photo, and both are fitted
together, robustly: stitches, stains and a second material are outliers of their zone.

Colours are told for the light at the middle of the photo. With patches of known colour in the photo they are
told for the light that makes the patches what they are known to be, as if it were the middle's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from inspection.colour.light import LEAST_UNCERTAINTY, Light
from inspection.colour.spaces import lab_of_linear, linear_of_lab, linear_of_levels, linear_of_srgb
from inspection.domain import Photo, PhotoColours, Tone, Zone, ZoneColour

__all__ = ["Patch", "zone_colours"]

Floats = npt.NDArray[np.float64]

_FINE_PX = 768
"""Longer side at which light is made linear: averages of neighbouring 8-bit levels differ too little to
matter.
"""
_CELLS = 160
"""Cells along the longer side: finer than any light changes."""
_BLOCK = 15
"""Cells along a block: residuals of neighbouring cells go together, those of blocks hardly."""
_DARKEST, _BRIGHTEST = 2, 250
"""8-bit levels beyond which a pixel tells no colour."""
_LOST_SHARE = 0.02
"""Share of a cell that may be too dark or too bright to tell."""
_LEAST_LIGHT = 1e-5
"""Linear light that stands for none at all, which has no logarithm."""
_LEAST_CELLS = 24
"""Cells below which a zone has no colour worth telling."""
_ROUNDS = 6
_TUKEY = 4.685  # residuals beyond so many scales count nothing; 95 % efficient on normal ones
_LEAST_SCALE = 0.01  # of residuals, as a logarithm: 1 % of the light
_MODE_STEPS = np.array([0.5, 0.12, 0.12])  # bins of lightness and of two chromaticities, as logarithms
_NEAR_MODE = np.array([0.8, 0.2, 0.2])  # reach of the first look around the fullest bin
_LOSSY = frozenset({"image/jpeg", "image/webp"})
_JPEG_ROUNDING = 0.33
"""Where a file's steps are not known: flat chroma is rounded to whole levels, its mean at best to 3/8."""
_OF_STEP = 1 / 12**0.5
"""Standard deviation of what is rounded to steps, of a step."""
_CHROMA_OF_RGB = np.array([[-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32)
_RGB_OF_CHROMA = np.array([[0.0, 1.402], [-0.344136, -0.714136], [1.772, 0.0]], np.float32)
_MOST_LEVELS = 1.5
"""Farther the fine chroma never is from what the pixels say, but at edges, where it is not believed."""
_STEP = 1e-4  # of a logarithm, for slopes


@dataclass(frozen=True, eq=False)
class Patch:
    """A part of the photo whose colour is known, such as a white tile.

    Attributes
    ----------
    outline_px : (N, 2) float64, closed.
    lab : (3,) its known CIELAB colour under D65.
    """

    outline_px: Floats
    lab: tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class _Cells:
    """What the camera saw, cell by cell.

    Attributes
    ----------
    log : (M, 3) natural logarithm of linear light.
    shape : (M, 9) terms of a smooth surface, 0 at the middle of the photo.
    group : (M,) index of the zone, or the number of zones for all patches together.
    block : (M,) number of the block of cells.
    """

    log: Floats
    shape: Floats
    group: npt.NDArray[np.int64]
    block: npt.NDArray[np.int64]


def zone_colours(
    photo: Photo,
    zones: Sequence[Zone],
    *,
    leave_out: Sequence[Floats] = (),
    patches: Sequence[Patch] = (),
) -> PhotoColours | None:
    """Colour of the main material of each zone.

    Parameters
    ----------
    zones : where they overlap, the first one counts.
    leave_out : (N, 2) outlines of what does not belong, such as defects.
    patches : of known colour; they lie in the same light as the part.

    Returns
    -------
    One value per zone that is large and bright enough, in the order of ``zones``; None when none is.
    """
    cells = _cells(photo, zones, leave_out, patches)
    counts = np.bincount(cells.group, minlength=len(zones) + 1)
    held = counts >= _LEAST_CELLS
    if not held[:-1].any():
        return None
    keep = held[cells.group]
    cells = _Cells(cells.log[keep], cells.shape[keep], cells.group[keep], cells.block[keep])
    weight, light = _fit(cells, len(zones) + 1)
    white = _tone(cells, weight, len(zones)) if held[-1] else None
    found = tuple(
        _colour(
            zones[index], _tone(cells, weight, int(index)), white, light, share=_share(cells, weight, index)
        )
        for index in np.flatnonzero(held[:-1]).tolist()
    )
    return PhotoColours(
        zones=found,
        white=white,
        gram=tuple(light.gram.ravel().tolist()),
        cross=tuple(light.cross.ravel().tolist()),
        noise=tuple(light.noise.ravel().tolist()),
        rounding=_rounding(photo),
    )


def _rounding(photo: Photo) -> float:
    """Standard deviation of the chroma of flat material, in levels."""
    if photo.media_type not in _LOSSY:
        return 0.0
    return _JPEG_ROUNDING if photo.chroma is None else photo.chroma_step * _OF_STEP


def _share(cells: _Cells, weight: Floats, group: int) -> float:
    return float((weight[cells.group == group] > 0).mean())


def _colour(zone: Zone, tone: Tone, white: Tone | None, light: Light, *, share: float) -> ZoneColour:
    log = light.evened(tone)
    spread = light.covariance(np.array(tone.place), 1 / tone.cells)
    if white is not None:
        # The white is compared at its own place: how the light differs from there to the middle is not told.
        log = log - np.array(white.log)
        spread = spread + light.noise / white.cells
    lab = lab_of_linear(np.exp(log))
    moved = [lab_of_linear(np.exp(log + step)) - lab for step in np.eye(3) * _STEP]
    slope = np.stack(moved, axis=1) / _STEP
    uncertainty = 2 * np.sqrt(np.maximum(np.diag(slope @ spread @ slope.T), 0.0))
    uncertainty = np.hypot(uncertainty, LEAST_UNCERTAINTY)
    return ZoneColour(
        zone=zone.name,
        zone_class=zone.zone_class,
        lab=(float(lab[0]), float(lab[1]), float(lab[2])),
        uncertainty_lab=(float(uncertainty[0]), float(uncertainty[1]), float(uncertainty[2])),
        share=share,
        tone=tone,
    )


def _tone(cells: _Cells, weight: Floats, group: int) -> Tone:
    own = weight * (cells.group == group)
    total = max(float(own.sum()), 1.0)
    red, green, blue = (own @ cells.log / total).tolist()
    return Tone((red, green, blue), tuple((own @ cells.shape / total).tolist()), total)


def _cells(
    photo: Photo, zones: Sequence[Zone], leave_out: Sequence[Floats], patches: Sequence[Patch]
) -> _Cells:
    fine = _smaller(photo.rgb, _FINE_PX)
    brightest = fine.max(axis=2)
    lost = ((brightest > _BRIGHTEST) | (brightest <= _DARKEST)).astype(np.float32)
    light = (
        linear_of_srgb(fine) if photo.chroma is None else linear_of_levels(_with_chroma(fine, photo.chroma))
    )
    linear = _smaller(light, _CELLS)
    clear = _smaller(lost, _CELLS) < _LOST_SHARE
    height, width = clear.shape
    scale = np.array([width / photo.width_px, height / photo.height_px])

    def fill(grid: npt.NDArray[np.int32], outline_px: Floats, value: int) -> None:
        corners = (outline_px + 0.5) * scale - 0.5
        cv2.fillPoly(grid, [np.rint(corners * 16).astype(np.int32)], (value,), shift=4)

    # Zones are 0 .. Z - 1, patches Z and above, -1 is neither.
    drawn = np.full((height, width), -1, np.int32)
    for index in range(len(zones) - 1, -1, -1):
        fill(drawn, zones[index].outline_px, index)
    for outline_px in leave_out:
        fill(drawn, outline_px, -1)
    for index, patch in enumerate(patches):
        fill(drawn, patch.outline_px, len(zones) + index)
    # A cell at the rim holds some of what is beyond it.
    around = np.ones((3, 3), np.uint8)
    as_float = drawn.astype(np.float32)
    inside = cv2.erode(as_float, around) == cv2.dilate(as_float, around)
    rows, columns = np.nonzero(inside & (drawn >= 0) & clear)
    own = drawn[rows, columns].astype(np.int64)
    log = np.log(np.maximum(linear[rows, columns].astype(np.float64), _LEAST_LIGHT))
    for index, patch in enumerate(patches):
        known = linear_of_lab(np.array(patch.lab, np.float64))
        log[own == len(zones) + index] -= np.log(np.maximum(known, _LEAST_LIGHT))
    half = max(height, width) / 2
    x, y = (columns - (width - 1) / 2) / half, (rows - (height - 1) / 2) / half
    shape = np.stack([x, y, x * x, x * y, y * y, x**3, x * x * y, x * y * y, y**3], axis=1)
    block = (rows // _BLOCK) * _CELLS + columns // _BLOCK
    return _Cells(log, shape, np.minimum(own, len(zones)), block.astype(np.int64))


def _with_chroma(rgb: npt.NDArray[np.uint8], chroma: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Levels (h, w, 3) with the chroma that the file keeps instead of the rounded one of its pixels."""
    levels = rgb.astype(np.float32)
    rounded = cv2.resize(levels, chroma.shape[1::-1], interpolation=cv2.INTER_AREA) @ _CHROMA_OF_RGB.T
    off = np.clip(chroma - rounded, -_MOST_LEVELS, _MOST_LEVELS).astype(np.float32)
    size = (rgb.shape[1], rgb.shape[0])
    return np.asarray(levels + cv2.resize(off, size, interpolation=cv2.INTER_LINEAR) @ _RGB_OF_CHROMA.T)


def _smaller(picture: npt.NDArray[Any], longest: int) -> npt.NDArray[Any]:
    """The picture with its longer side at most so long, each new pixel the mean of those that it covers."""
    height, width = picture.shape[:2]
    shrink = longest / max(height, width)
    if shrink >= 1:
        return picture
    size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))


def _fit(cells: _Cells, groups: int) -> tuple[Floats, Light]:
    """Weights of the cells (M,), 0 for outliers, and the light's surface."""
    weight = _near_mode(cells, groups)
    light = _light(cells, weight, groups)
    for _ in range(_ROUNDS):
        even = cells.log - cells.shape @ light.of_log
        even = even - _means(even, cells, weight, groups)[cells.group]
        off = np.sqrt((even**2).mean(axis=1))
        scale = np.full(groups, _LEAST_SCALE)
        for group in np.unique(cells.group):
            near = off[(cells.group == group) & (weight > 0)]
            if near.size:
                scale[group] = max(_LEAST_SCALE, 1.4826 * float(np.median(near)))
        reach = off / (_TUKEY * scale[cells.group])
        weight = np.where(reach < 1, (1 - np.minimum(reach, 1) ** 2) ** 2, 0.0)
        light = _light(cells, weight, groups)
    return weight, light


def _near_mode(cells: _Cells, groups: int) -> Floats:
    """1 for cells near the most frequent colour of their group, else 0."""
    looks = np.stack(
        [
            cells.log.mean(axis=1),
            cells.log[:, 0] - cells.log[:, 1],
            cells.log[:, 2] - cells.log[:, 1],
        ],
        axis=1,
    )
    weight = np.zeros(len(looks))
    for group in range(groups):
        own = np.flatnonzero(cells.group == group)
        if own.size == 0:
            continue
        bins = np.floor(looks[own] / _MODE_STEPS).astype(np.int64)
        _, member, sizes = np.unique(bins, axis=0, return_inverse=True, return_counts=True)
        middle = np.median(looks[own][member.reshape(-1) == sizes.argmax()], axis=0)
        weight[own] = (np.abs(looks[own] - middle) < _NEAR_MODE).all(axis=1)
    return weight


def _means(values: Floats, cells: _Cells, weight: Floats, groups: int) -> Floats:
    """Weighted mean (G, K) of values (M, K) in each group; 0 for an empty one."""
    total = np.maximum(np.bincount(cells.group, weight, groups), 1e-12)
    summed = [np.bincount(cells.group, weight * column, groups) for column in values.T]
    return np.stack(summed, axis=1) / total[:, None]


def _light(cells: _Cells, weight: Floats, groups: int) -> Light:
    """Fit the light's surface to what varies within the groups."""
    bent = cells.shape - _means(cells.shape, cells, weight, groups)[cells.group]
    seen = cells.log - _means(cells.log, cells, weight, groups)[cells.group]
    gram = bent.T @ (weight[:, None] * bent)
    cross = bent.T @ (weight[:, None] * seen)
    rough = np.linalg.lstsq(gram, cross, rcond=1e-6)[0]
    return Light(gram, cross, _noise(cells, weight, seen - bent @ rough))


def _noise(cells: _Cells, weight: Floats, residual: Floats) -> Floats:
    """Covariance (3, 3) of a cell's channels, large enough to explain how blocks of cells differ."""
    _, own = np.unique(cells.block * 4096 + cells.group, return_inverse=True)
    own = own.reshape(-1)
    total = np.bincount(own, weight)
    held = total > 1
    if not held.any():
        return np.eye(3) * _LEAST_SCALE**2
    summed = np.stack([np.bincount(own, weight * column) for column in residual.T], axis=1)[held]
    # The mean of a block has the variance of a cell over their number.
    covariance = summed.T @ (summed / total[held, None]) / held.sum()
    return np.asarray(covariance + np.eye(3) * (_LEAST_SCALE / 4) ** 2)
