"""Makes a calibration of photos of a board, or of a length that is known.

Lens and poses are fitted together to all corners of all photos (Zhang, A flexible new technique for camera
calibration, IEEE TPAMI 22(11), 2000, as OpenCV does it). The board that lies on the plane of the part gives
the plane. The covariance of the fit tells how well lengths on the plane are known.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import cv2
import numpy as np
import numpy.typing as npt

from inspection.calibration.boards import Sighting
from inspection.calibration.choosing import checked_mm_per_px
from inspection.calibration.mapping import camera_matrix, scales_at, straightened, to_mm
from inspection.domain import Calibration, CalibrationSource, Lens
from inspection.errors import CalibrationError

__all__ = ["MIN_PHOTOS", "Solution", "from_length", "raised", "solve", "solve_plane"]

MIN_PHOTOS = 5
"""Photos below which lens and poses cannot be told apart safely; 8 to 15 are better."""
RULER_MEASURED = 0.001
"""Share, k = 2, when the printed ruler was measured: 0.15 mm of reading on 150 mm."""
RULER_UNMEASURED = 0.005
"""Share, k = 2, when it was not: office printers differ by up to half a per cent, and more along the feed."""
CORNER_FLOOR_PX = 0.03
"""Standard deviation below which no corner is believed, however well the model fits."""
_PICK_PX = 1.0  # k = 2 of a point that a person picks in a photo
_WORST_RMS_PX = 2.0  # beyond it the photos do not belong together
_UNMOVED_PX = 1.5  # median distance of corners; in two shots of one scene it is a tenth of a pixel
_MIN_TILT_DEG = 10.0  # between two of the photos: below it the focal length, and so the distance, runs away
_ODD_PHOTO = 4.0  # times the median error of a photo
_ODD_PHOTO_PX = 1.0
_GRID = 7  # points each way at which the uncertainty of the scale is looked at
_DIRECTIONS = np.array([(1.0, 0.0), (0.0, 1.0), (0.7071, 0.7071), (0.7071, -0.7071)])
_LENS_PARAMETERS = 8  # fx, fy, cx, cy, k1, k2, p1, p2

_Array = npt.NDArray[np.float64]
_Maker = Callable[[_Array], Calibration]
_Function = Callable[[_Array], _Array]


@dataclass(frozen=True, eq=False)
class Solution:
    """A calibration, and how the photos agree with it.

    Attributes
    ----------
    rms_px : of all corners of all photos about their places.
    coverage : share of the photo, 0..1, on which a board was seen in some photo.
    errors_px : per sighting, (N, 2) corner as found minus corner as fitted.
    sightings : as given; the plane's is the last.
    """

    calibration: Calibration
    rms_px: float
    coverage: float
    sightings: tuple[Sighting, ...]
    errors_px: tuple[_Array, ...]

    @property
    def plane(self) -> Sighting:
        """Of the board on the plane of the part."""
        return self.sightings[-1]


def solve(
    tilted: Sequence[Sighting], plane: Sighting, *, ruler_uncertainty: float, ruler_scale: float = 1.0
) -> Solution:
    """Lens and plane from several photos.

    Parameters
    ----------
    tilted : the board held at other places and angles.
    plane : the board flat on the plane of the part.
    ruler_uncertainty : of the printed board's size, as a share, k = 2.
    ruler_scale : measured over nominal length of the printed ruler.

    Raises
    ------
    CalibrationError : too few photos, of several sizes or boards, all from one angle, two of a board that was
        not moved, or that do not agree.
    """
    sightings = (*tilted, plane)
    if len(sightings) == 1:
        raise CalibrationError(
            "One photo alone does not tell the lens from the plane.",
            hint=f"Take {MIN_PHOTOS - 1} to 14 more photos with the board tilted in different directions and "
            "moved to all corners; for a lens without distortion, calibrate with --without-lens.",
        )
    _check_alike(sightings)
    if len(sightings) < MIN_PHOTOS:
        raise CalibrationError(
            f"{len(sightings)} photos of the board are too few; at least {MIN_PHOTOS} are needed.",
            hint="Take more, with the board tilted in different directions and moved to all corners.",
        )
    _check_moved(sightings)
    size_px = plane.photo_size_px
    # k3 is left out: nothing at these angles of view needs it, and at the photo's edge it runs away.
    flags = cv2.CALIB_FIX_K3
    places = [_in_space(s.places_mm * ruler_scale) for s in sightings]
    corners = [s.corners_px.astype(np.float32).reshape(-1, 1, 2) for s in sightings]
    rms_px, matrix, distortion, turns, shifts, _, _, per_photo = cv2.calibrateCameraExtended(
        [p.astype(np.float32) for p in places],
        corners,
        size_px,
        np.eye(3),
        np.zeros(5),
        flags=flags,
        criteria=(cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 200, 1e-12),
    )
    per_photo_px = np.asarray(per_photo, np.float64).reshape(-1)
    _check_agreement(sightings, per_photo_px, rms_px)
    k1, k2, p1, p2, k3 = (float(k) for k in np.asarray(distortion).reshape(-1)[:5])
    lens = Lens(
        focal_px=(float(matrix[0, 0]), float(matrix[1, 1])),
        centre_px=(float(matrix[0, 2]), float(matrix[1, 2])),
        distortion=(k1, k2, p1, p2, k3),
    )
    poses = [
        np.concatenate([np.asarray(turn).reshape(3), np.asarray(shift).reshape(3)])
        for turn, shift in zip(turns, shifts, strict=True)
    ]
    _check_tilt(poses)
    errors = tuple(
        s.corners_px - _seen(place, pose, lens)
        for s, place, pose in zip(sightings, places, poses, strict=True)
    )
    covariance = _covariance(places, poses, lens, errors)
    parameters = np.array([*lens.focal_px, *lens.centre_px, k1, k2, p1, p2, *poses[-1]])
    homography, distance_mm = _plane_of(lens, poses[-1])

    def lengths_with(values: _Array) -> Calibration:
        lens_then = Lens(
            (values[0], values[1]), (values[2], values[3]), (values[4], values[5], values[6], values[7], k3)
        )
        there, _ = _plane_of(lens_then, values[_LENS_PARAMETERS:])
        return Calibration(1.0, CalibrationSource.CHARUCO, homography=there, lens=lens_then)

    by_fit = _scale_uncertainty(lengths_with, parameters, covariance, size_px)
    return _solution(
        sightings,
        errors,
        Calibration(
            mm_per_px=1.0,
            source=CalibrationSource.CHARUCO,
            homography=homography,
            lens=lens,
            photo_size_px=size_px,
            distance_mm=distance_mm,
            scale_uncertainty=math.hypot(by_fit, ruler_uncertainty),
        ),
        ruler_scale,
    )


def solve_plane(
    plane: Sighting, *, ruler_uncertainty: float, ruler_scale: float = 1.0, lens: Lens | None = None
) -> Solution:
    """The plane alone, from one photo, through a lens that is known or has no distortion.

    Parameters
    ----------
    lens : as an earlier calibration found it; None takes straight lines to stay straight.
    """
    places = plane.places_mm * ruler_scale
    straight = straightened(plane.corners_px, lens)
    to_photo, _ = cv2.findHomography(places, straight)
    if to_photo is None:
        raise CalibrationError(
            f"{plane.label}: the corners do not give a plane.",
            hint="Take the photo again, more squarely from above.",
        )

    def seen(values: _Array) -> _Array:
        there = np.append(values, 1.0).reshape(3, 3)
        return np.asarray(cv2.perspectiveTransform(places.reshape(-1, 1, 2), there)[:, 0], np.float64)

    values = np.asarray(to_photo / to_photo[2, 2], np.float64).reshape(-1)[:8]
    errors = straight - seen(values)
    jacobian = _numeric(lambda some: seen(some).reshape(-1), values)
    sigma2 = _sigma2(errors, unknowns=8)
    covariance = np.asarray(sigma2 * np.linalg.pinv(jacobian.T @ jacobian), np.float64)

    def calibration_with(some: _Array) -> Calibration:
        inverse = np.linalg.inv(np.append(some, 1.0).reshape(3, 3))
        return Calibration(1.0, CalibrationSource.CHARUCO, homography=inverse / inverse[2, 2], lens=lens)

    by_fit = _scale_uncertainty(calibration_with, values, covariance, plane.photo_size_px)
    made = replace(
        calibration_with(values),
        photo_size_px=plane.photo_size_px,
        scale_uncertainty=math.hypot(by_fit, ruler_uncertainty),
    )
    if lens is not None:
        _, turn, shift = cv2.solvePnP(_in_space(places), straight, camera_matrix(lens), None)
        distance_mm = abs(float((cv2.Rodrigues(turn)[0][:, 2:].T @ shift)[0, 0]))
        made = replace(made, distance_mm=distance_mm)
    return _solution((plane,), (errors,), made, ruler_scale)


def from_length(
    ends_px: tuple[tuple[float, float], tuple[float, float]], *, length_mm: float, uncertainty_mm: float
) -> Calibration:
    """One scale for the whole photo, from a length that is known.

    Parameters
    ----------
    ends_px : where the length begins and ends in the photo.
    uncertainty_mm : of the length, k = 2.
    """
    (x0, y0), (x1, y1) = ends_px
    length_px = math.hypot(x1 - x0, y1 - y0)
    if not (length_px >= 10 * _PICK_PX and length_mm > 0):
        raise CalibrationError(
            f"A length of {length_px:.1f} px and {length_mm:g} mm gives no scale.",
            hint="Pick two points far apart, at least 10 pixels, and a length above 0 mm.",
        )
    share = math.hypot(uncertainty_mm / length_mm, math.sqrt(2) * _PICK_PX / length_px)
    return Calibration(
        checked_mm_per_px(length_mm / length_px), CalibrationSource.REFERENCE, scale_uncertainty=share
    )


def raised(calibration: Calibration, height_mm: float) -> Calibration:
    """The calibration of a plane that lies so far above the board, towards the camera.

    Every length there is seen larger by Z / (Z - height), so it is smaller in mm than it looks.
    """
    if not height_mm:
        return calibration
    distance_mm = calibration.distance_mm
    if distance_mm is None or calibration.homography is None:
        raise CalibrationError(
            "A plane above the board needs the distance of the camera, which one photo does not tell.",
            hint="Calibrate with several photos, or put the board at the height of the part.",
        )
    if height_mm >= distance_mm / 2:
        raise CalibrationError(
            f"The part cannot lie {height_mm:g} mm above the board: the camera is {distance_mm:.0f} mm away.",
            hint="Give the height of the part's surface above the board, in mm.",
        )
    share = (distance_mm - height_mm) / distance_mm
    return replace(
        calibration,
        mm_per_px=calibration.mm_per_px * share,
        homography=np.diag([share, share, 1.0]) @ calibration.homography,
        distance_mm=distance_mm - height_mm,
    )


def _check_alike(sightings: Sequence[Sighting]) -> None:
    sizes = Counter(s.photo_size_px for s in sightings)
    if len(sizes) > 1:
        usual = sizes.most_common(1)[0][0]
        odd = next(s for s in sightings if s.photo_size_px != usual)
        told = ", ".join(f"{n} of {width} x {height}" for (width, height), n in sizes.most_common())
        raise CalibrationError(
            f"The photos are of different sizes: {told} pixels ({odd.label} differs).",
            hint="Take all of them with the camera set as it is for inspection, none cropped or turned.",
        )
    if len({s.board.name for s in sightings}) > 1:
        raise CalibrationError("The photos show different boards.", hint="Use one board for all photos.")


def _check_moved(sightings: Sequence[Sighting]) -> None:
    """A photo that came twice would be taken for further proof, and make the stated uncertainty too small."""
    for one, other in combinations(sightings, 2):
        _, here, there = np.intersect1d(one.ids, other.ids, return_indices=True)
        away_px = np.hypot(*(one.corners_px[here] - other.corners_px[there]).T)
        if len(away_px) and float(np.median(away_px)) < _UNMOVED_PX:
            raise CalibrationError(
                f"{one.label} and {other.label} show the board in the same place.",
                hint="Give only one of them, and move and tilt the board before each photo.",
            )


def _check_agreement(sightings: Sequence[Sighting], per_photo_px: _Array, rms_px: float) -> None:
    worst = int(np.argmax(per_photo_px))
    odd = per_photo_px[worst] > max(_ODD_PHOTO * float(np.median(per_photo_px)), _ODD_PHOTO_PX)
    if odd:
        raise CalibrationError(
            f"{sightings[worst].label} does not agree with the others: "
            f"its corners are {per_photo_px[worst]:.1f} px off.",
            hint="Leave it out: the board moved, was bent, or focus and zoom had been changed.",
        )
    if not rms_px <= _WORST_RMS_PX:
        raise CalibrationError(
            f"The photos do not agree: corners are {rms_px:.1f} px from where one camera would see them.",
            hint="Mount the board on something flat, hold it still, and keep focus and zoom fixed.",
        )


def _check_tilt(poses: Sequence[_Array]) -> None:
    normals = np.stack([np.asarray(cv2.Rodrigues(pose[:3])[0])[:, 2] for pose in poses])
    tilt_deg = math.degrees(math.acos(float(np.clip((normals @ normals.T).min(), -1, 1))))
    if tilt_deg < _MIN_TILT_DEG:
        raise CalibrationError(
            f"The board is seen from nearly the same angle in all photos, {tilt_deg:.0f} degrees apart, "
            "which does not tell the lens from the distance.",
            hint="Tilt the board by 20 to 40 degrees, in a different direction in each photo.",
        )


def _in_space(places_mm: _Array) -> _Array:
    """(N, 3) places with z = 0."""
    return np.column_stack([places_mm, np.zeros(len(places_mm))])


def _seen(places_mm: _Array, pose: _Array, lens: Lens) -> _Array:
    seen, _ = cv2.projectPoints(places_mm, pose[:3], pose[3:], camera_matrix(lens), np.array(lens.distortion))
    return np.asarray(seen, np.float64).reshape(-1, 2)


def _plane_of(lens: Lens, pose: _Array) -> tuple[_Array, float]:
    """Homography from straightened pixels to mm on the plane z = 0, and the distance of the lens from it."""
    rotation = np.asarray(cv2.Rodrigues(pose[:3])[0], np.float64)
    to_photo = camera_matrix(lens) @ np.column_stack([rotation[:, 0], rotation[:, 1], pose[3:]])
    inverse = np.linalg.inv(to_photo)
    return inverse / inverse[2, 2], abs(float(rotation[:, 2] @ pose[3:]))


def _sigma2(errors_px: _Array, *, unknowns: int) -> float:
    """Variance of a coordinate of a corner, as the residuals tell it."""
    freedom = max(1, errors_px.size - unknowns)
    return max(CORNER_FLOOR_PX**2, float((errors_px**2).sum()) / freedom)


def _covariance(
    places: Sequence[_Array], poses: Sequence[_Array], lens: Lens, errors: Sequence[_Array]
) -> _Array:
    """Covariance of the lens and of the last pose, all other poses being unknown as well.

    Returns
    -------
    (14, 14): fx, fy, cx, cy, k1, k2, p1, p2, then rotation and shift.
    """
    count = _LENS_PARAMETERS + 6 * len(places)
    normal = np.zeros((count, count))
    for i, (place, pose) in enumerate(zip(places, poses, strict=True)):
        _, jacobian = cv2.projectPoints(
            place, pose[:3], pose[3:], camera_matrix(lens), np.array(lens.distortion)
        )
        # OpenCV's order: rotation, shift, focal lengths, centre, distortion (k3 is not fitted).
        columns = np.hstack([jacobian[:, 6:14], jacobian[:, :6]])
        at = np.r_[:_LENS_PARAMETERS, _LENS_PARAMETERS + 6 * i : _LENS_PARAMETERS + 6 * (i + 1)]
        normal[np.ix_(at, at)] += columns.T @ columns
    # Scaled to ones on the diagonal first: a focal length and k2 differ by nine orders of magnitude.
    scale = 1 / np.sqrt(np.diag(normal))
    inverse = scale[:, None] * np.linalg.pinv(normal * np.outer(scale, scale)) * scale
    keep = np.r_[:_LENS_PARAMETERS, count - 6 : count]
    return _sigma2(np.concatenate(errors), unknowns=count) * np.asarray(inverse[np.ix_(keep, keep)])


def _scale_uncertainty(
    calibration_with: _Maker, values: _Array, covariance: _Array, size_px: tuple[int, int]
) -> float:
    """Uncertainty (k = 2) of a length anywhere in the photo as a share of it: the largest of a grid of places
    and four directions.
    """
    x, y = np.meshgrid(*(np.linspace(0, side - 1, _GRID) for side in size_px))
    points = np.column_stack([x.ravel(), y.ravel()])
    half = min(size_px) / (2 * _GRID)

    def logs(some: _Array) -> _Array:
        calibration = calibration_with(some)
        ends = [to_mm(points + sign * half * way, calibration) for way in _DIRECTIONS for sign in (1, -1)]
        spans = [np.linalg.norm(a - b, axis=1) for a, b in zip(ends[::2], ends[1::2], strict=True)]
        return np.asarray(np.log(np.concatenate(spans)), np.float64)

    steps = np.sqrt(np.diag(covariance)) * 1e-2
    gradient = _numeric(logs, values, steps)
    variance = np.einsum("ij,jk,ik->i", gradient, covariance, gradient)
    return 2 * math.sqrt(max(0.0, float(variance.max())))


def _numeric(function: _Function, values: _Array, steps: _Array | None = None) -> _Array:
    """(M, N) central differences of a function of N values."""
    steps = np.maximum(np.abs(values), 1e-3) * 1e-6 if steps is None else np.maximum(steps, 1e-15)
    columns = []
    for i, step in enumerate(steps):
        there = np.zeros(len(values))
        there[i] = step
        columns.append((function(values + there) - function(values - there)) / (2 * step))
    return np.stack(columns, axis=1)


def _solution(
    sightings: tuple[Sighting, ...], errors: tuple[_Array, ...], calibration: Calibration, ruler_scale: float
) -> Solution:
    plane = sightings[-1]
    width, height = plane.photo_size_px
    middle = np.array([[(width - 1) / 2, (height - 1) / 2]])
    scales = scales_at(middle, calibration)[0]
    off_mm = to_mm(plane.corners_px, calibration) - plane.places_mm * ruler_scale
    calibration = replace(
        calibration,
        # The mean that keeps areas: the network's resampling is by one scale for both axes.
        mm_per_px=checked_mm_per_px(float(math.sqrt(scales[0] * scales[1]))),
        rms_mm=float(np.sqrt((off_mm**2).sum(axis=1).mean())),
    )
    together = np.concatenate(errors)
    return Solution(
        calibration=calibration,
        rms_px=float(np.sqrt((together**2).sum(axis=1).mean())),
        coverage=_coverage(sightings),
        sightings=sightings,
        errors_px=errors,
    )


def _coverage(sightings: Sequence[Sighting]) -> float:
    """Share of the photo inside the corners of at least one sighting."""
    width, height = sightings[0].photo_size_px
    shrink = 200 / max(width, height)  # a hundredth of a side is fine enough for a share
    seen = np.zeros((max(1, round(height * shrink)), max(1, round(width * shrink))), np.uint8)
    for sighting in sightings:
        hull = cv2.convexHull((sighting.corners_px * shrink).astype(np.float32))
        cv2.fillConvexPoly(seen, np.round(hull).astype(np.int32), 1)
    return float(seen.mean())
