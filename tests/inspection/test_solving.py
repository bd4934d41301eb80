"""Lens, plane and scale come out as they were drawn, within what is told of them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from inspection.calibration import to_mm
from inspection.calibration.boards import BOARDS, Sighting
from inspection.calibration.mapping import scales_at
from inspection.calibration.solving import from_length, raised, solve, solve_plane
from inspection.domain import Calibration, CalibrationSource, Lens
from inspection.errors import CalibrationError
from tests.boards import Array, Camera, camera_over, pose_of

A3 = BOARDS["a3"]
SIZE_PX = (1600, 1200)
MIDDLE_MM = (A3.size_mm[0] / 2, A3.size_mm[1] / 2)


def sighting(
    camera: Camera, pose: Array, rng: np.random.Generator, *, noise_px: float = 0.05, label: str = "photo"
) -> Sighting:
    """The corners in view, each with the error of detection."""
    seen = camera.seen(A3.corners_mm(), pose)
    ids = np.flatnonzero(((seen > 15) & (seen < np.array(camera.size_px) - 16)).all(axis=1))
    return Sighting(label, A3, ids, seen[ids] + rng.normal(0, noise_px, (len(ids), 2)), camera.size_px)


def session(
    seed: int, *, mm_per_px: float = 0.2, photos: int = 10, tilt_deg: float = 35, noise_px: float = 0.05
) -> tuple[list[Sighting], Sighting, Camera, Array]:
    """Tilted photos, the one on the plane, and the truth."""
    rng = np.random.default_rng(seed)
    camera = camera_over(size_px=SIZE_PX)
    pose = pose_of(camera, mm_per_px=mm_per_px, middle_mm=MIDDLE_MM, tilt_deg=(9, -6), spin_deg=3)
    tilted = []
    for number in range(photos - 1):
        there = pose_of(
            camera,
            mm_per_px=mm_per_px * rng.uniform(0.9, 1.3),
            middle_mm=(MIDDLE_MM[0] + rng.uniform(-80, 80), MIDDLE_MM[1] + rng.uniform(-60, 60)),
            tilt_deg=(rng.uniform(-tilt_deg, tilt_deg), rng.uniform(-tilt_deg, tilt_deg)),
            spin_deg=rng.uniform(-20, 20),
        )
        tilted.append(sighting(camera, there, rng, noise_px=noise_px, label=f"tilted-{number}"))
    return tilted, sighting(camera, pose, rng, noise_px=noise_px, label="plane"), camera, pose


def spans(camera: Camera, pose: Array, rng: np.random.Generator, count: int = 60) -> tuple[Array, Array]:
    """Ends in the photo, (2, N, 2), of lengths of 20 mm all over it, and the lengths."""
    start = rng.uniform((0, 0), A3.size_mm, (4 * count, 2))
    angle = rng.uniform(0, math.tau, len(start))
    end = start + 20 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    ends_px = np.stack([camera.seen(start, pose), camera.seen(end, pose)])
    inside = ((ends_px >= 0) & (ends_px < np.array(camera.size_px))).all(axis=(0, 2))
    return ends_px[:, inside][:, :count], np.full(min(count, int(inside.sum())), 20.0)


def shares_off(calibration: Calibration, ends_px: Array, lengths_mm: Array) -> Array:
    """Error of each length as a share of it."""
    there = [to_mm(ends, calibration) for ends in ends_px]
    return np.asarray(np.linalg.norm(there[0] - there[1], axis=1) / lengths_mm - 1, np.float64)


def test_a_tilted_camera_with_a_bent_lens_measures_to_a_hundredth_of_a_millimetre() -> None:
    tilted, plane, camera, pose = session(1)
    solution = solve(tilted, plane, ruler_uncertainty=0.0)
    found = solution.calibration
    assert found.lens is not None
    assert found.lens.focal_px == pytest.approx(camera.lens.focal_px, rel=2e-3)
    assert found.distance_mm == pytest.approx(abs(_distance_mm(pose)), rel=2e-3)
    off = np.linalg.norm(to_mm(plane.corners_px, found) - plane.places_mm, axis=1)
    assert off.max() < 0.05
    assert found.rms_mm == pytest.approx(np.sqrt((off**2).mean()), rel=1e-6)
    assert solution.rms_px == pytest.approx(0.05 * math.sqrt(2), rel=0.1)
    assert found.mm_per_px == pytest.approx(scales_at(np.array([799.5, 599.5]), found).mean(), rel=1e-3)
    assert 0.5 < solution.coverage <= 1


def _distance_mm(pose: Array) -> float:
    import cv2

    return float(cv2.Rodrigues(pose[:3])[0][:, 2] @ pose[3:])


def test_the_stated_uncertainty_holds_19_lengths_of_20_and_is_not_wide() -> None:
    kept, stated = [], []
    for seed in range(40):
        tilted, plane, camera, pose = session(seed, photos=8, noise_px=0.08)
        found = solve(tilted, plane, ruler_uncertainty=0.0).calibration
        off = shares_off(found, *spans(camera, pose, np.random.default_rng(1000 + seed)))
        kept.append(np.abs(off) <= found.scale_uncertainty)
        stated.append(found.scale_uncertainty)
    assert np.concatenate(kept).mean() >= 0.95
    assert np.median(stated) < 0.002  # 0.02 mm on 10 mm


def test_what_is_not_known_of_the_printed_board_adds_to_the_uncertainty() -> None:
    tilted, plane, *_ = session(2)
    exact = solve(tilted, plane, ruler_uncertainty=0.0).calibration.scale_uncertainty
    printed = solve(tilted, plane, ruler_uncertainty=0.005).calibration.scale_uncertainty
    assert printed == pytest.approx(math.hypot(exact, 0.005))


def test_a_printer_that_shrinks_by_one_per_cent_is_corrected_by_its_ruler() -> None:
    tilted, plane, *_ = session(3)
    nominal = solve(tilted, plane, ruler_uncertainty=0.0).calibration
    measured = solve(tilted, plane, ruler_uncertainty=0.0, ruler_scale=0.99).calibration
    assert measured.mm_per_px == pytest.approx(0.99 * nominal.mm_per_px, rel=1e-4)
    assert measured.rms_mm == pytest.approx(0.99 * (nominal.rms_mm or 0), rel=1e-2)


def test_one_photo_gives_the_plane_of_a_camera_whose_lens_is_known() -> None:
    tilted, plane, camera, pose = session(4)
    lens = solve(tilted, plane, ruler_uncertainty=0.0).calibration.lens
    found = solve_plane(plane, ruler_uncertainty=0.0, lens=lens).calibration
    assert found.distance_mm == pytest.approx(_distance_mm(pose), rel=5e-3)
    off = shares_off(found, *spans(camera, pose, np.random.default_rng(0)))
    assert np.abs(off).max() < 2e-3


def test_without_a_lens_one_photo_gives_the_plane_of_a_straight_camera() -> None:
    rng = np.random.default_rng(5)
    bent = camera_over(size_px=SIZE_PX)
    camera = replace(bent, lens=Lens(bent.lens.focal_px, bent.lens.centre_px, (0, 0, 0, 0, 0)))
    pose = pose_of(camera, mm_per_px=0.2, middle_mm=MIDDLE_MM, tilt_deg=(9, -6))
    found = solve_plane(sighting(camera, pose, rng), ruler_uncertainty=0.0).calibration
    off = shares_off(found, *spans(camera, pose, rng))
    assert np.mean(np.abs(off) <= found.scale_uncertainty) >= 0.95
    assert found.distance_mm is None


def test_a_part_above_the_board_is_smaller_than_it_looks() -> None:
    tilted, plane, camera, pose = session(6)
    found = solve(tilted, plane, ruler_uncertainty=0.0).calibration
    import cv2

    rotation = cv2.Rodrigues(pose[:3])[0]
    for height_mm in (30.0, -20.0):
        # z of the board points away from the camera.
        higher = np.concatenate([pose[:3], pose[3:] - rotation[:, 2] * height_mm])
        off = shares_off(raised(found, height_mm), *spans(camera, higher, np.random.default_rng(0)))
        assert np.abs(off).max() < 3e-3
        assert np.abs(shares_off(found, *spans(camera, higher, np.random.default_rng(0)))).max() > 0.03


def test_a_plane_above_the_board_needs_a_known_distance() -> None:
    tilted, plane, *_ = session(6)
    with pytest.raises(CalibrationError, match="distance"):
        raised(solve_plane(plane, ruler_uncertainty=0.0).calibration, 10)
    with pytest.raises(CalibrationError, match="400 mm above"):
        raised(solve(tilted, plane, ruler_uncertainty=0.0).calibration, 400)


def test_one_photo_alone_is_refused() -> None:
    _, plane, *_ = session(7)
    with pytest.raises(CalibrationError, match="One photo") as refused:
        solve([], plane, ruler_uncertainty=0.0)
    assert "--without-lens" in refused.value.hint


def test_too_few_photos_are_refused() -> None:
    tilted, plane, *_ = session(7)
    with pytest.raises(CalibrationError, match="3 photos of the board are too few"):
        solve(tilted[:2], plane, ruler_uncertainty=0.0)


def test_photos_of_several_sizes_are_refused_with_the_odd_one() -> None:
    tilted, plane, *_ = session(7)
    odd = replace(tilted[3], photo_size_px=(1200, 1600))
    with pytest.raises(CalibrationError, match=r"9 of 1600 x 1200, 1 of 1200 x 1600.*tilted-3"):
        solve([*tilted[:3], odd, *tilted[4:]], plane, ruler_uncertainty=0.0)


def test_boards_that_are_never_tilted_are_refused() -> None:
    level, *_ = session(8, tilt_deg=2.0)
    with pytest.raises(CalibrationError, match="angle") as refused:
        solve(level[1:], replace(level[0], label="plane"), ruler_uncertainty=0.0)
    assert "Tilt the board" in refused.value.hint


def test_a_board_that_was_not_moved_between_two_photos_is_refused() -> None:
    tilted, plane, *_ = session(10)
    rng = np.random.default_rng(1)
    shaken = tilted[0].corners_px + rng.normal(0, 0.1, tilted[0].corners_px.shape)
    again = replace(tilted[0], label="again", corners_px=shaken)
    with pytest.raises(CalibrationError, match="tilted-0 and again show the board in the same place"):
        solve([*tilted, again], plane, ruler_uncertainty=0.0)


def test_a_photo_that_does_not_agree_is_named() -> None:
    tilted, plane, *_ = session(9)
    rng = np.random.default_rng(0)
    moved = replace(tilted[2], corners_px=tilted[2].corners_px + rng.normal(0, 6, tilted[2].corners_px.shape))
    with pytest.raises(CalibrationError, match="tilted-2 does not agree"):
        solve([*tilted[:2], moved, *tilted[3:]], plane, ruler_uncertainty=0.0)


def test_a_known_length_gives_a_scale_with_its_uncertainty() -> None:
    found = from_length(((100, 100), (400, 500)), length_mm=100, uncertainty_mm=0.1)
    assert found.mm_per_px == pytest.approx(0.2)
    assert found.source is CalibrationSource.REFERENCE
    assert found.scale_uncertainty == pytest.approx(math.hypot(0.001, math.sqrt(2) / 500))


@pytest.mark.parametrize(
    ("end", "length_mm"), [((103, 104), 10.0), ((400, 500), 0.0), ((400, 500), math.nan)]
)
def test_a_length_that_gives_no_scale_is_refused(end: tuple[float, float], length_mm: float) -> None:
    with pytest.raises(CalibrationError):
        from_length(((100, 100), end), length_mm=length_mm, uncertainty_mm=0.1)
