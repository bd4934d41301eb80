"""Lays a photo on the reference of its view, and says for sure or not at all where the part is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from inspection.domain import Foot, Registration
from inspection.locating import background, features, placing
from inspection.locating.features import MAX_PHOTO_POINTS, STRUCTURE_SIDE_PX, Points
from inspection.locating.learning import Reference
from inspection.locating.placing import Located
from inspection.locating.searching import search
from inspection.recipes import View

__all__ = ["find", "register"]

RATIO = 0.8
"""A match counts when the second best is this much farther away (Lowe 2004)."""
CONSENSUS_PX = 4.0
"""Of the reduced photo: matches this near to one similarity agree; a shoe is not flat."""
FIT_PX = 2.5
"""Of the reduced photo: matches this near take part in the final fit."""
MIN_SCALE, MAX_SCALE = 0.5, 2.0
"""Of photo against reference. Cameras of a station do not move more; beyond this a fit is an accident."""
MAX_STRETCH = 1.2
"""Largest ratio of the scales of a fit along its two main directions."""
SURE = ((7, 0.75), (12, 0.35), (40, 0.15))
"""What it takes to be found, one of these pairs: least matches and least correlation. On other parts the
search finds no six matches that agree; chosen on other shoes than those that are reported on."""
CLEAR_LEAD = 2.0
"""How many times the matches of the other way round a fit needs. A photo with both shoes of a pair, or a part
that is its own mirror image, fits both ways; where its zones are is then not known without the foot."""
ACCURATE = 0.005
"""Largest standard error of the place of any zone's corner, as a share of the size of all zones together: a
few matches in a row along a seam say little of what lies beside it. Chosen on parts of their own, too."""
_LEAST_NOISE_PX = 0.3
"""Of the reduced photo: how well a point is placed at best. Few matches may agree better by accident."""
MAX_PULL_PX = 0.5
"""Of the reduced photo: a refinement that takes the matches farther from their places is dropped."""
_ECC_STEPS = 30
_ECC_EPS = 1e-4
_ECC_BLUR = 5
"""Side of the window, in pixels of the structure, that smooths both before they are compared."""

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Fit:
    """A map from the reduced reference to the reduced photo."""

    matrix: Matrix
    mirrored: bool
    matches: int
    there: npt.NDArray[np.float64]
    here: npt.NDArray[np.float64]
    """(N, 2) places of the matches that agree, in the reduced reference and in the reduced photo."""
    affine: bool
    """Whether the matches are enough for an affine map; else it is a similarity."""

    @property
    def residual(self) -> float:
        """Root mean square distance of the matches from their places, in pixels of the reduced photo."""
        return self.residual_of(self.matrix)

    def residual_of(self, matrix: Matrix) -> float:
        """The same for another map."""
        return float(np.sqrt(np.mean(_distances(matrix, self.there, self.here) ** 2)))

    def error_at(self, corners: npt.NDArray[np.float64]) -> float:
        """Largest standard error of the places of (N, 2) corners, in pixels of the reduced photo."""
        places = np.unique(np.rint(self.there / 2), axis=0) * 2
        middle = places.mean(axis=0)
        apart, apart_corners = places - middle, corners - middle
        if self.affine:
            # As of any least squares: of a corner's place, by those of the matches.
            inverse = np.linalg.pinv(apart.T @ apart)
            reach = np.einsum("ni,ij,nj->n", apart_corners, inverse, apart_corners)
        else:
            reach = np.sum(apart_corners**2, axis=1) / max(float(np.sum(apart**2)), 1e-9)
        noise = max(self.residual, _LEAST_NOISE_PX)
        return noise * math.sqrt(1 / len(places) + float(reach.max()))


def find(
    view: View, rgb: npt.NDArray[np.uint8], *, reference: Reference | None, foot: Foot | None = None
) -> Located:
    """Zones and expected seams of a view in a photo.

    Parameters
    ----------
    rgb : (H, W, 3) uint8.
    reference : of the view; None where it has none, and everything is where the recipe draws it.
    foot : which shoe the photo shows; None tries both ways, where the reference's own foot is known or not.

    Returns
    -------
    Without zones when the part was not found for sure.
    """
    height_px, width_px = rgb.shape[:2]
    if reference is None:
        zones = placing.locate(view, width_px=width_px, height_px=height_px)
        seams = placing.locate_seams(view, width_px=width_px, height_px=height_px)
        part = background.part_on_plain(rgb) if view.plain_background else None
        return Located(zones, seams, part_px=part, visible=(1.0,) * len(zones))
    registration = register(reference, rgb, foot=foot)
    if not registration.found or registration.to_photo is None:
        return Located((), registration=registration)
    to_photo = registration.to_photo
    zones, seams = placing.moved(to_photo, reference.zones, reference.seams)
    part_px = reference.part_px
    return Located(
        zones,
        seams,
        part_px=None if part_px is None else (placing.transformed(to_photo, part_px),),
        visible=tuple(
            placing.share_inside(zone.outline_px, width_px=width_px, height_px=height_px) for zone in zones
        ),
        registration=registration,
    )


def register(reference: Reference, rgb: npt.NDArray[np.uint8], *, foot: Foot | None = None) -> Registration:
    """Lay a photo on a reference; the same photo always gives the same answer.

    By points of interest where enough of them agree, else by edges and outline.
    """
    grey, _ = features.reduced(rgb, side_px=reference.side_px)
    photo_size = (rgb.shape[1], rgb.shape[0])
    ways = (False, True) if foot is None or reference.foot is None else (foot is not reference.foot,)
    by_points = _by_points(reference, grey, photo_size=photo_size, ways=ways)
    if by_points.found:
        return by_points
    placed = search(reference.patterns, grey, photo_size=photo_size, ways=ways)
    if placed is None or not placed.sure:
        return by_points
    return Registration(
        found=True,
        mirrored=placed.mirrored,
        matches=0,
        correlation=placed.agreement,
        residual_px=placed.accuracy_px,
        to_photo=placed.to_photo,
    )


def _by_points(
    reference: Reference, grey: npt.NDArray[np.uint8], *, photo_size: tuple[int, int], ways: Sequence[bool]
) -> Registration:
    """What the points of interest of the reduced photo say, and how well the structures then agree."""
    points = features.seen(grey, mask=None, most=MAX_PHOTO_POINTS)
    corners = placing.transformed(
        reference.to_reduced, np.vstack([zone.outline_px for zone in reference.zones])
    )
    most_error = ACCURATE * math.sqrt(cv2.contourArea(cv2.convexHull(corners.astype(np.float32))))
    fits = []
    for mirrored in ways:
        of_reference = reference.mirrored if mirrored else reference.points
        fit = _fit(of_reference, points, mirrored=mirrored)
        if fit is not None and fit.error_at(corners) > most_error:
            fit = _as_similarity(fit)
        if fit is not None:
            fits.append(fit)
    if not fits:
        return Registration(False, ways == (True,), 0, 0.0, None, None)
    best = max(fits, key=lambda fit: fit.matches)
    clear = all(fit is best or best.matches >= CLEAR_LEAD * fit.matches for fit in fits)
    from_reduced = features.resampling((grey.shape[1], grey.shape[0]), photo_size)
    to_photo = from_reduced @ best.matrix @ reference.to_reduced
    coarse = features.shrunk(grey, side_px=STRUCTURE_SIDE_PX)
    nearer, correlation = _compared(reference, coarse, to_photo, photo_size=photo_size, refined=best.affine)
    in_reduced = np.linalg.inv(from_reduced) @ nearer @ np.linalg.inv(reference.to_reduced)
    residual = best.residual_of(in_reduced)
    # Background that moved otherwise than the part pulls at its rim: the points are not given up for it.
    if residual > best.residual + MAX_PULL_PX:
        nearer, residual = to_photo, best.residual
    return Registration(
        found=clear and _sure(best.matches, correlation) and best.error_at(corners) <= most_error,
        mirrored=best.mirrored,
        matches=best.matches,
        correlation=correlation,
        residual_px=residual * float(from_reduced[0, 0]),
        to_photo=nearer,
    )


def _sure(matches: int, correlation: float) -> bool:
    return any(matches >= least and correlation >= least_correlation for least, least_correlation in SURE)


def _fit(of_reference: Points, of_photo: Points, *, mirrored: bool) -> _Fit | None:
    """The similarity that most matches agree with, refined by them; None when there is no plausible one."""
    pairs = _matched(of_reference, of_photo)
    if len(pairs) < 4:
        return None
    there, here = of_reference.places[pairs[:, 0]], of_photo.places[pairs[:, 1]]
    # A mirror image is turned back first, because the search knows turns and scales only.
    flip = np.diag([-1.0, 1.0, 1.0]) if mirrored else np.eye(3)
    turned = placing.transformed(flip, there)
    cv2.setRNGSeed(1)
    rough, _ = cv2.estimateAffinePartial2D(
        turned,
        here,
        method=cv2.RANSAC,
        ransacReprojThreshold=CONSENSUS_PX,
        maxIters=3000,
        confidence=0.999,
        refineIters=10,
    )
    if rough is None:
        return None
    matrix = np.vstack([rough, [0, 0, 1]])
    near = _distances(matrix, turned, here) < CONSENSUS_PX
    for reach in (CONSENSUS_PX, FIT_PX):
        if np.count_nonzero(near) < 6:
            return None
        # Least squares over all that agree: what a search of three points finds is shaped by their noise.
        to_turned = np.column_stack([turned[near], np.ones(np.count_nonzero(near))])
        solved, *_ = np.linalg.lstsq(to_turned, here[near], rcond=None)
        matrix = np.vstack([solved.T, [0, 0, 1]])
        near = _distances(matrix, turned, here) < reach
    if np.count_nonzero(near) < 6 or not _plausible(matrix):
        return None
    # Several points at one place are one match.
    places = len(np.unique(np.rint(there[near] / 2).astype(np.int64), axis=0))
    return _Fit(matrix @ flip, mirrored, places, there[near], here[near], affine=True)


def _as_similarity(fit: _Fit) -> _Fit | None:
    """The similarity nearest to the matches of an affine fit; None when it is no plausible one."""
    flip = np.diag([-1.0, 1.0, 1.0]) if fit.mirrored else np.eye(3)
    there = placing.transformed(flip, fit.there)
    middle_there, middle_here = there.mean(axis=0), fit.here.mean(axis=0)
    # As complex numbers, a turn with a scale is one factor.
    of_there = (there - middle_there) @ (1, 1j)
    of_here = (fit.here - middle_here) @ (1, 1j)
    factor = np.vdot(of_there, of_here) / max(float(np.vdot(of_there, of_there).real), 1e-9)
    linear = np.array([[factor.real, -factor.imag], [factor.imag, factor.real]])
    matrix = np.eye(3)
    matrix[:2] = np.column_stack([linear, middle_here - linear @ middle_there])
    return replace(fit, matrix=matrix @ flip, affine=False) if _plausible(matrix) else None


def _matched(of_reference: Points, of_photo: Points) -> npt.NDArray[np.int64]:
    """(N, 2) indices of points that look alike and like nothing else."""
    if len(of_reference) < 2 or len(of_photo) < 2:
        return np.empty((0, 2), np.int64)
    likeness = of_reference.looks @ of_photo.looks.T
    rows = np.arange(len(likeness))
    first = np.argmax(likeness, axis=1)
    best = likeness[rows, first]
    likeness[rows, first] = -1
    second_best = likeness.max(axis=1)
    # Of unit vectors: squared distance = 2 - 2 x likeness.
    nearest, second = (np.sqrt(np.maximum(0, 2 - 2 * likest)) for likest in (best, second_best))
    alike = nearest < RATIO * second
    return np.column_stack([rows[alike], first[alike]]).astype(np.int64)


def _distances(
    matrix: Matrix, there: npt.NDArray[np.float64], here: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    apart = placing.transformed(matrix, there) - here
    lengths: npt.NDArray[np.float64] = np.hypot(apart[:, 0], apart[:, 1])
    return lengths


def _plausible(matrix: Matrix) -> bool:
    scales = np.linalg.svd(matrix[:2, :2], compute_uv=False)
    small, large = float(scales[1]), float(scales[0])
    return small >= MIN_SCALE and large <= MAX_SCALE and large <= MAX_STRETCH * small


def _compared(
    reference: Reference,
    coarse: npt.NDArray[np.uint8],
    to_photo: Matrix,
    *,
    photo_size: tuple[int, int],
    refined: bool,
) -> tuple[Matrix, float]:
    """The map, ``refined`` where that brings the structures nearer, and the correlation of the structures."""
    of_photo = features.structure(coarse)
    to_coarse = features.resampling(photo_size, (coarse.shape[1], coarse.shape[0]))
    # From the structure of the reference to that of the photo.
    matrix = to_coarse @ to_photo @ np.linalg.inv(reference.to_structure)
    before = _correlation(reference, of_photo, matrix)
    if not refined:  # too few points would hold it in place
        return to_photo, before
    criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, _ECC_STEPS, _ECC_EPS)
    try:
        _, found = cv2.findTransformECC(
            reference.structure,
            of_photo,
            matrix[:2].astype(np.float32),
            cv2.MOTION_AFFINE,
            criteria,
            reference.mask,
            _ECC_BLUR,
        )
    except cv2.error:  # it did not converge: what the points say stands
        return to_photo, before
    nearer = np.vstack([np.asarray(found, np.float64), [0, 0, 1]])
    after = _correlation(reference, of_photo, nearer)
    if after <= before or not _plausible(nearer):
        return to_photo, before
    return np.linalg.inv(to_coarse) @ nearer @ reference.to_structure, after


def _correlation(reference: Reference, of_photo: npt.NDArray[np.float32], matrix: Matrix) -> float:
    """Of the structures where the part of the reference and the photo overlap; 0 when they hardly do."""
    size = (reference.structure.shape[1], reference.structure.shape[0])
    inverse = cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR
    laid = cv2.warpAffine(of_photo, matrix[:2], size, flags=inverse)
    inside = cv2.warpAffine(np.ones_like(of_photo), matrix[:2], size, flags=inverse) > 0.99
    inside &= reference.mask > 0
    if np.count_nonzero(inside) < 0.3 * np.count_nonzero(reference.mask):
        return 0.0
    there, here = reference.structure[inside], laid[inside]
    there, here = there - there.mean(), here - here.mean()
    norm = float(np.linalg.norm(there) * np.linalg.norm(here))
    return float(np.dot(there, here)) / norm if norm > 0 else 0.0
