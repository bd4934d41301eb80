"""Stitch maps drawn from a rendered scene's truth, with the faults that a network's maps have.

They stand in for a trained network where only the geometry after it is to be measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from inspection import preprocess
from inspection.domain import Maps
from training.synthesis.render import Sample

__all__ = ["PLANES", "Faults", "maps_of"]

THREAD_END = "thread_end"
PLANES = ("thread", "point", "offset_x", "offset_y", "edge")
MM_PER_PX = 0.15
STRIDE = 2
_POINT_SIGMA_CELLS = 1.2
_EDGE_SIGMA_CELLS = 1.0

F32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Faults:
    """What is wrong with the maps.

    Attributes
    ----------
    place_mm : standard deviation of where a hole is seen, along x and along y.
    missed : share of holes that are not seen. false_per_cm2 : peaks where there is no hole.
    thread_gaps : share of stitches whose thread is seen faintly. noise : of every plane. blur_cells : of the
        thread.
    edge_mm : standard deviation of where the edge is seen, over some mm. outward_mm : by how much it is seen
        outside the panel, as the network does.
    """

    place_mm: float = 0.05
    missed: float = 0.01
    false_per_cm2: float = 0.05
    thread_gaps: float = 0.03
    noise: float = 0.03
    blur_cells: float = 0.7
    edge_mm: float = 0.04
    outward_mm: float = 0.13


def maps_of(made: Sample, rng: np.random.Generator, faults: Faults = Faults()) -> Maps:
    """Maps of a rendered photo as a network of 0.15 mm per pixel and stride 2 would give them."""
    height, width = made.rgb.shape[:2]
    mm_per_px = made.truth.mm_per_px
    size = preprocess.model_size((width, height), photo_mm_per_px=mm_per_px, model_mm_per_px=MM_PER_PX)
    w, h = -(-size[0] // STRIDE), -(-size[1] // STRIDE)
    step = np.array([width / w, height / h])
    thread = cv2.resize(made.truth.thread, (w, h), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    thread = np.clip(cv2.GaussianBlur(thread, (0, 0), faults.blur_cells) * 2.2, 0, 1)
    point = np.zeros((h, w), np.float32)
    offset = np.zeros((2, h, w), np.float32)
    nearest = np.full((h, w), np.inf, np.float32)
    cell_mm = mm_per_px * float(step.mean())
    places = []
    for row in made.truth.rows:
        seen = row.formed & row.visible & (rng.random(len(row.formed)) >= faults.missed)
        cells = (row.holes_px[seen] + 0.5) / step - 0.5
        places.append(cells + rng.normal(0, faults.place_mm / cell_mm, cells.shape))
        for i in np.flatnonzero(rng.random(max(0, len(row.holes_px) - 1)) < faults.thread_gaps):
            a, b = np.rint(((row.holes_px[i : i + 2] + 0.5) / step - 0.5) * 16).astype(int).tolist()
            faint = np.zeros((h, w), np.uint8)
            cv2.line(faint, a, b, 1, 3, cv2.LINE_8, 4)
            thread[faint > 0] *= 0.3
    count = rng.poisson(faults.false_per_cm2 * made.rgb.shape[0] * made.rgb.shape[1] * mm_per_px**2 / 100)
    false = rng.uniform(0, [w - 1, h - 1], (count, 2))
    for strength, cells in [(1.0, each) for p in places for each in p] + [(0.5, each) for each in false]:
        top = strength * float(np.clip(rng.normal(0.8, 0.12), 0.35, 1.0))
        x0, y0 = np.maximum(0, np.rint(cells).astype(int) - 4)
        ys, xs = np.mgrid[y0 : min(h, y0 + 9), x0 : min(w, x0 + 9)]
        dx, dy = cells[0] - xs, cells[1] - ys
        away = dx * dx + dy * dy
        at = (slice(y0, y0 + 9), slice(x0, x0 + 9))
        np.maximum(
            point[at], top * np.exp(-away / (2 * _POINT_SIGMA_CELLS**2)), out=point[at], casting="unsafe"
        )
        nearer = away < nearest[at]
        nearest[at] = np.where(nearer, away, nearest[at])
        offset[0][at] = np.where(nearer, dx * STRIDE, offset[0][at])
        offset[1][at] = np.where(nearer, dy * STRIDE, offset[1][at])
    planes = np.stack([thread, point, *offset, _edges(made, (w, h), step, cell_mm, rng, faults)])
    grain = rng.normal(0, faults.noise, planes.shape).astype(np.float32)
    noise = np.stack([np.asarray(cv2.GaussianBlur(each, (0, 0), 0.7), np.float32) for each in grain])
    noisy = planes + noise
    noisy[[0, 1, 4]] = np.clip(noisy[[0, 1, 4]], 0, 1)
    surface = np.zeros((2, h, w), np.float32)
    if THREAD_END in made.truth.kind_names:
        ends = (made.truth.kinds == made.truth.kind_names.index(THREAD_END)).astype(np.float32)
        surface[1] = cv2.resize(ends, (w, h), interpolation=cv2.INTER_AREA)
    surface[0] = 1 - surface[1]
    return Maps(
        kinds=("sound", THREAD_END),
        surface=surface,
        photo_size_px=(width, height),
        stitches=noisy.astype(np.float32),
        stitch_planes=PLANES,
    )


def _edges(
    made: Sample,
    size: tuple[int, int],
    step: npt.NDArray[np.float64],
    cell_mm: float,
    rng: np.random.Generator,
    faults: Faults,
) -> F32:
    fine = 4
    drawn = np.full((size[1] * fine, size[0] * fine), 255, np.uint8)
    for edge in made.truth.edges:
        cells = (edge.points_px + 0.5) / step - 0.5
        if len(cells) < 2:
            continue
        wander = np.cumsum(rng.normal(0, 1, (len(cells), 2)), axis=0)
        wander = (wander - wander.mean(0)) / max(1e-6, wander.std()) * faults.edge_mm / cell_mm
        ahead = np.gradient(cells, axis=0)
        ahead /= np.maximum(1e-9, np.hypot(ahead[:, 0], ahead[:, 1]))[:, None]
        # The panel lies to the left of the walk.
        wander += faults.outward_mm / cell_mm * np.stack([-ahead[:, 1], ahead[:, 0]], axis=1)
        places = np.rint(((cells + wander + 0.5) * fine - 0.5) * 16).astype(np.int32)
        cv2.polylines(drawn, [places], False, 0, 1, cv2.LINE_8, 4)
    away = cv2.distanceTransform(drawn, cv2.DIST_L2, 5) / fine
    coarse = np.asarray(cv2.resize(away, size, interpolation=cv2.INTER_AREA), np.float32)
    return np.asarray(np.exp(-(coarse**2) / (2 * _EDGE_SIGMA_CELLS**2)), np.float32)
