"""Finds where a part lies by its edges and its outline, over the whole photo, turned, scaled and mirrored.

Points of interest tell one specimen by its grain: of a part with little else than a seam they tell nothing
about the next one. Its edges and its outline do.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from inspection.locating import features, placing
from inspection.locating.edges import SIDES_PX, Edges, Matrix, Pattern, agreement, edges, overall, turn_of

__all__ = ["Placed", "search"]

TURNS = tuple(math.radians(degrees) for degrees in (-22, -14.67, -7.33, 0, 7.33, 14.67, 22))
SCALES = (0.84, 0.943, 1.06, 1.19)
MAX_SHIFT = 0.3
"""Of the photo's width and height, that the part's middle may have moved."""
_SPECTRUM_PX = 96
"""Side of the square in which patterns are compared: the coarsest photo, and room for a part cut off."""
_GUESSES = 4
"""Places that are looked at more closely, each another one than those before."""
_APART = 0.09
"""Of the longer side: guesses nearer than this are the same place."""
_LIKELY = 0.6
"""Of the best guess's agreement: guesses below it are not looked at."""
_STEPS = ((0.03, 0.007), (0.007, 0.0015), (0.003, 0.0005))
"""First and last step of the refinement at each finer size, of the part's size."""
_UNITS = (1.0, 1.0, 2.0, 2.0)
"""Of the step: along x, y, turn in radians, logarithm of the scale, each moving the outline about as much."""
_BESIDE, _BESIDE_TURN = 0.04, 0.08
"""Places beside the one found, of the part's size and in radians, at which the right part agrees less."""
SURE, SURE_INNER = 0.5, 0.25
"""Least agreement of part and outline, and of the part alone: others of that outline agree in it only."""
SHARP, SHARP_INNER = 0.1, 0.08
"""By how much both exceed those of places beside: an edge that runs through agrees along its whole length,
and wrong parts agree as well a little way off. Chosen on other shoes and uppers than those reported on."""
_SLIP = 0.04
"""Of the part's size: places nearer than this are one, others may be a slip by a hole or a stitch."""
_LIKE = 0.6
"""Of the place found: slips that agree less, roughly, are not looked at."""
_SLIPS = 4
"""Slips that are looked at more closely."""
CLEAR = 0.8
"""Largest share of the agreement that another place may have: else it might be meant as well."""


@dataclass(frozen=True, eq=False)
class Placed:
    """Where the part may lie.

    Attributes
    ----------
    to_photo : (3, 3), from pixels of the reference to those of the photo.
    agreement : of the edges of part and outline, -1..1, in the photo in which that is judged.
    accuracy_px : of the place, in pixels of the photo: one of the finest photo that was compared.
    sure : whether it is this part, in this place and in no other.
    """

    to_photo: Matrix
    mirrored: bool
    agreement: float
    accuracy_px: float
    sure: bool


@dataclass(frozen=True, eq=False)
class _Guess:
    matrix: Matrix
    """From the pattern's pixels to those of the photo's edges."""
    agreement: float


def search(
    patterns: Sequence[Pattern],
    grey: npt.NDArray[np.uint8],
    *,
    photo_size: tuple[int, int],
    ways: Sequence[bool],
) -> Placed | None:
    """The place in which the part's edges agree best.

    Parameters
    ----------
    patterns : of the part, one for each of `SIDES_PX`.
    grey : (h, w) uint8, the reduced photo. photo_size : (width, height) of the photo.
    ways : False for the part as the reference shows it, True for its mirror image, or both.

    Returns
    -------
    None when the photo shows no edges at all like the part's.
    """
    levels = [features.shrunk(grey, side_px=side_px) for side_px in SIDES_PX]
    to_level = [features.resampling(photo_size, (small.shape[1], small.shape[0])) for small in levels]
    of_photo = [edges(small) for small in levels]

    def between(matrix: Matrix, level: int, to: int) -> Matrix:
        """The same map between the photos of another size."""
        to_reference = patterns[level].to_level @ np.linalg.inv(patterns[to].to_level)
        return to_level[to] @ np.linalg.inv(to_level[level]) @ matrix @ to_reference

    guesses = _apart(_everywhere(patterns[0], of_photo[0], ways=ways), patterns[0])
    climbed = sorted(
        (_climb(patterns[1], of_photo[1], between(guess.matrix, 0, 1), *_STEPS[0]) for guess in guesses),
        key=lambda pair: -pair[1],
    )
    if not climbed or climbed[0][1] <= 0:
        return None
    matrix, best = climbed[0]
    # Two guesses may have climbed to the same place.
    near_px = _APART * SIDES_PX[1]
    others = [value for other, value in climbed[1:] if not _same(other, matrix, patterns[1], near_px)]
    clear = all(value <= CLEAR * best for value in others)
    matrix, best = _climb(patterns[2], of_photo[2], between(matrix, 1, 2), *_STEPS[1])
    matrix, best, rival = _without_slip(patterns[2], of_photo[2], matrix, best)
    clear = clear and rival <= best - SHARP
    sure = clear and _stands_out(patterns[2], of_photo[2], matrix)
    # Whether it is this part is told without its grain, which differs from one to the next; where, with all.
    matrix, _ = _climb(patterns[3], of_photo[3], between(matrix, 2, 3), *_STEPS[2])
    return Placed(
        to_photo=np.linalg.inv(to_level[3]) @ matrix @ patterns[3].to_level,
        mirrored=bool(np.linalg.det(matrix[:2, :2]) < 0),
        agreement=best,
        accuracy_px=1 / float(to_level[3][0, 0]),
        sure=sure,
    )


def _everywhere(of_part: Pattern, of_photo: Edges, *, ways: Sequence[bool]) -> Iterator[_Guess]:
    """The best place of each turn and scale, by correlation of the whole photos."""
    height, width = of_photo.shape[:2]
    square = np.zeros((_SPECTRUM_PX, _SPECTRUM_PX, 2), np.float32)
    square[:height, :width] = of_photo
    spectrum = cv2.dft(square, flags=cv2.DFT_COMPLEX_OUTPUT)
    middle = np.full(2, _SPECTRUM_PX / 2)
    reach = MAX_SHIFT * np.array([width, height])
    least = np.floor(of_part.centre - reach - middle).astype(int)
    most = np.ceil(of_part.centre + reach - middle).astype(int)
    columns, rows = (np.arange(low, high + 1) % _SPECTRUM_PX for low, high in zip(least, most, strict=True))
    for mirrored in ways:
        flip = np.diag([-1.0 if mirrored else 1.0, 1.0])
        field = np.conj(of_part.field) if mirrored else of_part.field
        for turn in TURNS:
            turned = field * np.exp(2j * turn)
            both = np.dstack([turned.real, turned.imag]).astype(np.float32)
            for scale in SCALES:
                linear = _turning(turn, scale) @ flip
                to_square = np.column_stack([linear, middle - linear @ of_part.centre])
                laid = np.asarray(cv2.warpAffine(both, to_square, (_SPECTRUM_PX, _SPECTRUM_PX)), np.float32)
                agreed = _agreed(spectrum, laid)
                _, value, _, at = cv2.minMaxLoc(agreed[np.ix_(rows, columns)])
                matrix = np.vstack([to_square, [0, 0, 1]])
                matrix[:2, 2] += least + at
                yield _Guess(matrix, value / max(float(np.linalg.norm(laid)), 1e-9))


def _apart(guesses: Iterator[_Guess], of_part: Pattern) -> list[_Guess]:
    """The best guesses, each of another place."""
    chosen: list[_Guess] = []
    for guess in sorted(guesses, key=lambda guess: -guess.agreement):
        if len(chosen) == _GUESSES or (chosen and guess.agreement < _LIKELY * chosen[0].agreement):
            break
        if not any(_same(guess.matrix, other.matrix, of_part, _APART * SIDES_PX[0]) for other in chosen):
            chosen.append(guess)
    return chosen


def _same(one: Matrix, other: Matrix, of_part: Pattern, near_px: float) -> bool:
    """Whether two maps lay the part on the same place, to within ``near_px`` of its corners."""
    low, high = of_part.places.min(axis=0), of_part.places.max(axis=0)
    corners = np.array([low, (high[0], low[1]), high, (low[0], high[1])])
    apart = placing.transformed(one, corners) - placing.transformed(other, corners)
    return bool(np.abs(apart).max() < near_px)


def _without_slip(
    of_part: Pattern, of_photo: Edges, matrix: Matrix, best: float
) -> tuple[Matrix, float, float]:
    """The best of the places a few holes or stitches away, its agreement, and that of the next best."""
    rival = 0.0
    near_px = _SLIP * of_part.size_px
    for slip in _slips(of_part, of_photo, matrix):
        other, value = _climb(of_part, of_photo, slip, *_STEPS[1])
        if _same(other, matrix, of_part, near_px):
            continue
        if value > best:
            other, value, matrix, best = matrix, best, other, value
        rival = max(rival, value)
    return matrix, best, rival


def _slips(of_part: Pattern, of_photo: Edges, matrix: Matrix) -> list[Matrix]:
    """Maps that lay the part elsewhere, turned and scaled alike, where its edges agree in some measure."""
    height, width = of_photo.shape[:2]
    reach = round(MAX_SHIFT * max(height, width))
    rows_px, columns_px = cv2.getOptimalDFTSize(height + reach), cv2.getOptimalDFTSize(width + reach)
    square = np.zeros((rows_px, columns_px, 2), np.float32)
    square[:height, :width] = of_photo
    laid = np.zeros_like(square)
    mirrored = bool(np.linalg.det(matrix[:2, :2]) < 0)
    turned = (np.conj(of_part.field) if mirrored else of_part.field) * np.exp(2j * turn_of(matrix))
    both = np.dstack([turned.real, turned.imag]).astype(np.float32)
    laid[:height, :width] = cv2.warpAffine(both, matrix[:2], (width, height))
    agreed = _agreed(cv2.dft(square, flags=cv2.DFT_COMPLEX_OUTPUT), laid)
    ways = np.arange(-reach, reach + 1)
    agreed = agreed[np.ix_(ways % square.shape[0], ways % square.shape[1])]
    near = max(1, round(_SLIP * of_part.size_px))
    peaks = agreed == cv2.dilate(agreed, np.ones((2 * near + 1, 2 * near + 1), np.uint8))
    peaks &= agreed > _LIKE * agreed[reach, reach]
    peaks[reach - near : reach + near + 1, reach - near : reach + near + 1] = False
    rows, columns = np.nonzero(peaks)
    slips = []
    for peak in np.argsort(-agreed[rows, columns])[:_SLIPS]:
        by = np.array([columns[peak] - reach, rows[peak] - reach], np.float64)
        slips.append(_shifted(matrix, by))
    return slips


def _agreed(spectrum: cv2.typing.MatLike, laid: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Sum of products of the photo's edges and the laid part's, by how far that is shifted (cyclic)."""
    product = cv2.mulSpectrums(spectrum, cv2.dft(laid, flags=cv2.DFT_COMPLEX_OUTPUT), 0, conjB=True)
    agreed = cv2.dft(product, flags=cv2.DFT_INVERSE | cv2.DFT_SCALE | cv2.DFT_COMPLEX_OUTPUT)
    return np.asarray(agreed[..., 0], np.float32)


def _shifted(matrix: Matrix, by_px: npt.NDArray[np.float64]) -> Matrix:
    shifted = matrix.copy()
    shifted[:2, 2] += by_px
    return shifted


def _climb(
    of_part: Pattern, of_photo: Edges, matrix: Matrix, step: float, last: float
) -> tuple[Matrix, float]:
    """The place uphill where no step of any kind agrees better, and its agreement."""
    best = overall(of_part, of_photo, matrix)
    while step >= last:
        still = True
        for axis, unit in enumerate(_UNITS):
            for way in (1, -1):
                by = np.zeros(4)
                by[axis] = way * step * unit
                tried = _nudged(of_part, matrix, by)
                value = overall(of_part, of_photo, tried)
                if value > best:
                    matrix, best, still = tried, value, False
                    break
        if still:
            step /= 2
    return matrix, best


def _stands_out(of_part: Pattern, of_photo: Edges, matrix: Matrix) -> bool:
    """Whether the edges agree well, and clearly better than a little to any side."""
    whole, inner = agreement(of_part, of_photo, matrix)
    if whole < SURE or inner < SURE_INNER:
        return False
    angles = np.arange(8) * np.pi / 4
    sideways = [(_BESIDE * math.cos(angle), _BESIDE * math.sin(angle), 0, 0) for angle in angles]
    for by in (*sideways, (0, 0, _BESIDE_TURN, 0), (0, 0, -_BESIDE_TURN, 0)):
        beside, inner_beside = agreement(of_part, of_photo, _nudged(of_part, matrix, np.array(by)))
        if beside > whole - SHARP or inner_beside > inner - SHARP_INNER:
            return False
    return True


def _nudged(of_part: Pattern, matrix: Matrix, by: npt.NDArray[np.float64]) -> Matrix:
    """The map, shifted by shares of the part's size, turned and scaled (logarithm) about its middle."""
    middle = matrix[:2, :2] @ of_part.centre + matrix[:2, 2]
    linear = _turning(float(by[2]), math.exp(by[3]))
    nudged = np.eye(3)
    nudged[:2, :2] = linear @ matrix[:2, :2]
    nudged[:2, 2] = linear @ (matrix[:2, 2] - middle) + middle + by[:2] * of_part.size_px
    return nudged


def _turning(turn: float, scale: float) -> Matrix:
    cos, sin = scale * math.cos(turn), scale * math.sin(turn)
    return np.array([[cos, -sin], [sin, cos]])
