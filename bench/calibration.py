"""Calibration by rendered boards through a tilted camera with a bent lens, and a gauge study with it."""

from __future__ import annotations

import math

import numpy as np

from bench.table import Figure
from inspection.calibration import to_mm
from inspection.calibration.boards import BOARDS, Sighting, find_board
from inspection.calibration.solving import Solution, solve
from inspection.gauge import analyse
from tests.boards import Array, Camera, camera_over, pose_of, render

A4 = BOARDS["a4"]
SIZE_PX = (1600, 1200)
MIDDLE_MM = (A4.size_mm[0] / 2, A4.size_mm[1] / 2)
PHOTOS = 9
COVERED = 0.95
"""Share of lengths that the stated uncertainty (k = 2) has to hold."""


def measure(*, sessions: int = 3, seeds: int = 400) -> list[Figure]:
    """Corner error, error on the plane, and whether the stated uncertainty is honest.

    Parameters
    ----------
    sessions : rendered calibrations at each scale.
    seeds : calibrations from corners alone, with the error of detection that the rendered ones showed.
    """
    figures = []
    corner_px = 0.03
    for mm_per_px in (0.10, 0.15):
        corners, plane_mm, shares, kept, rms = [], [], [], [], []
        for seed in range(sessions):
            solution, camera, pose, off_px = _rendered(seed, mm_per_px)
            corners.append(off_px)
            rms.append(solution.calibration.rms_mm or 0.0)
            off_mm, share = _errors(solution, camera, pose, np.random.default_rng(seed))
            plane_mm.append(off_mm)
            shares.append(np.abs(share))
            kept.append(np.abs(share) <= solution.calibration.scale_uncertainty)
        corner_px = float(np.sqrt(np.mean(np.concatenate(corners) ** 2)))
        off, share = np.concatenate(plane_mm), np.concatenate(shares)
        name = f"calibration at {mm_per_px:.2f} mm/px, tilted, bent lens, {sessions} rendered sessions"
        figures += [
            Figure(
                f"{name}: corners, RMS a coordinate",
                f"{corner_px:.3f} px",
                "at most 0.1 px",
                corner_px <= 0.1,
            ),
            Figure(f"{name}: RMS on the plane", f"{np.mean(rms):.4f} mm", "", None),
            Figure(
                f"{name}: places on the plane, mean and largest",
                f"{off.mean():.4f} and {off.max():.4f} mm",
                "largest at most 0.06 mm",
                bool(off.max() <= 0.06),
            ),
            Figure(
                f"{name}: lengths of 20 mm, mean and largest error",
                f"{20 * share.mean():.4f} and {20 * share.max():.4f} mm",
                "",
                None,
            ),
            Figure(f"{name}: lengths inside the stated uncertainty", *_held(np.concatenate(kept))),
        ]
    held, stated = _from_corners(seeds, noise_px=max(corner_px, 0.03))
    figures += [
        Figure(
            f"calibration from corners, {seeds} seeds: lengths inside the stated uncertainty", *_held(held)
        ),
        Figure("… and stated uncertainty of a length of 20 mm, median", f"{20 * stated:.4f} mm", "", None),
    ]
    return figures + _gauge()


def _held(kept: np.ndarray) -> tuple[str, str, bool]:
    share = float(kept.mean())
    return f"{100 * share:.1f} % of {kept.size}", "at least 95 %", share >= COVERED


def _poses(camera: Camera, mm_per_px: float, rng: np.random.Generator) -> list[Array]:
    """The plane, then the tilted ones."""
    poses = [
        pose_of(
            camera,
            mm_per_px=mm_per_px,
            middle_mm=MIDDLE_MM,
            tilt_deg=(rng.uniform(4, 10), rng.uniform(-8, -3)),
            spin_deg=rng.uniform(-5, 5),
        )
    ]
    for _ in range(PHOTOS - 1):
        middle = np.array(MIDDLE_MM) + rng.uniform((-50, -40), (50, 40))
        poses.append(
            pose_of(
                camera,
                mm_per_px=mm_per_px * rng.uniform(1.0, 1.3),
                middle_mm=(float(middle[0]), float(middle[1])),
                tilt_deg=(rng.uniform(-35, 35), rng.uniform(-35, 35)),
                spin_deg=rng.uniform(-25, 25),
            )
        )
    return poses


def _rendered(seed: int, mm_per_px: float) -> tuple[Solution, Camera, Array, Array]:
    rng = np.random.default_rng(seed)
    camera = camera_over(size_px=SIZE_PX, distortion=rng.uniform(-0.22, -0.1))
    rays = camera.rays()
    sightings, off_px = [], []
    poses = _poses(camera, mm_per_px, rng)
    for number, pose in enumerate(poses):
        photo = render(A4, camera, pose, seed=100 * seed + number, rays=rays)
        sighting = find_board(photo, A4, label=str(number))
        sightings.append(sighting)
        off_px.append((sighting.corners_px - camera.seen(sighting.places_mm, pose)).ravel())
    solution = solve(sightings[1:], sightings[0], ruler_uncertainty=0.0)
    return solution, camera, poses[0], np.concatenate(off_px)


def _errors(solution: Solution, camera: Camera, pose: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Distance of places from where they are, in mm, and error of lengths of 20 mm as a share."""
    start = rng.uniform((0, 0), A4.size_mm, (4000, 2))
    angle = rng.uniform(0, math.tau, len(start))
    end = start + 20 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    ends = np.stack([camera.seen(start, pose), camera.seen(end, pose)])
    inside = ((ends >= 0) & (ends < np.array(camera.size_px))).all(axis=(0, 2))
    found = [to_mm(some[inside], solution.calibration) for some in ends]
    off_mm = np.linalg.norm(found[0] - start[inside], axis=1)
    share = np.linalg.norm(found[0] - found[1], axis=1) / 20 - 1
    return np.asarray(off_mm, np.float64), np.asarray(share, np.float64)


def _solved(seed: int, mm_per_px: float, noise_px: float) -> tuple[Solution, Camera, Array]:
    """A calibration from corners that are right up to noise."""
    rng = np.random.default_rng(seed)
    camera = camera_over(size_px=SIZE_PX, distortion=rng.uniform(-0.22, -0.1))
    poses = _poses(camera, mm_per_px, rng)
    sightings = []
    for number, pose in enumerate(poses):
        seen = camera.seen(A4.corners_mm(), pose)
        ids = np.flatnonzero(((seen > 15) & (seen < np.array(SIZE_PX) - 16)).all(axis=1))
        corners = seen[ids] + rng.normal(0, noise_px, (len(ids), 2))
        sightings.append(Sighting(str(number), A4, ids, corners, SIZE_PX))
    return solve(sightings[1:], sightings[0], ruler_uncertainty=0.0), camera, poses[0]


def _from_corners(seeds: int, *, noise_px: float) -> tuple[np.ndarray, float]:
    """For one length in the photo of each seed whether it is inside, and the median of what is stated."""
    kept, stated = [], []
    for seed in range(seeds):
        solution, camera, pose = _solved(10_000 + seed, 0.15, noise_px)
        _, share = _errors(solution, camera, pose, np.random.default_rng(seed))
        kept.append(abs(share[0]) <= solution.calibration.scale_uncertainty)
        stated.append(solution.calibration.scale_uncertainty)
    return np.array(kept), float(np.median(stated))


def _gauge() -> list[Figure]:
    """10 rows of stitches, 3 repeats laid down anew, 2 cameras; holes found to a tenth of a pixel."""
    rng = np.random.default_rng(7)
    cameras = [_solved(seed, 0.15, 0.03) for seed in (501, 502)]
    pitches = rng.uniform(2.2, 3.0, 10)
    values = np.zeros((10, 2, 3))
    for part, pitch_mm in enumerate(pitches):
        for number, (solution, camera, pose) in enumerate(cameras):
            for repeat in range(3):
                turn = rng.uniform(-0.2, 0.2)
                along = np.array([math.cos(turn), math.sin(turn)])
                start = np.array(MIDDLE_MM) - 40 * along + rng.uniform(-20, 20, 2)
                holes = start + np.arange(30)[:, None] * pitch_mm * along
                seen = camera.seen(holes, pose) + rng.normal(0, 0.1, (30, 2))
                steps = np.diff(to_mm(seen, solution.calibration), axis=0)
                values[part, number, repeat] = np.linalg.norm(steps, axis=1).mean()
    names = tuple(str(part) for part in range(10))
    study = analyse(names, ("left", "right"), values)
    off = np.abs(values - pitches[:, None, None])
    return [
        Figure(
            "gauge study of mean pitch, 10 rows, 2 cameras, 3 repeats: GRR of total variation",
            f"{study.share(study.grr):.2f} % (ndc {study.ndc})",
            "under 10 %",
            study.share(study.grr) < 10,
        ),
        Figure(
            "… largest error of mean pitch", f"{off.max():.4f} mm", "at most 0.06 mm", bool(off.max() <= 0.06)
        ),
    ]
