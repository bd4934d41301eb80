"""Renders photos of calibration boards through a tilted, lens-distorted camera, with exact truth."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from inspection.calibration.boards import Board
from inspection.domain import Lens, Photo

Array = npt.NDArray[np.float64]

SUPERSAMPLED = 2
"""Rays per pixel each way; with the blur that follows, edges are as smooth as a lens makes them."""


@dataclass(frozen=True, eq=False)
class Camera:
    """A camera: how it sees what is before it."""

    lens: Lens
    size_px: tuple[int, int]

    @property
    def matrix(self) -> Array:
        """(3, 3)."""
        (fx, fy), (cx, cy) = self.lens.focal_px, self.lens.centre_px
        return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])

    def rays(self) -> Array:
        """(H * s, W * s, 2) direction of each sub-pixel, x / z and y / z, without distortion."""
        width, height = self.size_px
        s = SUPERSAMPLED
        # A coarse grid is enough: between its points the lens is smooth to less than a thousandth of a pixel.
        # OpenCV's remap would round places to a 32nd of the grid.
        (x, across), (y, down) = (_cubic(side * s) for side in (width, height))
        coarse = np.stack(np.meshgrid((x + 0.5) / s - 0.5, (y + 0.5) / s - 0.5), axis=-1)
        until = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 100, 1e-12)
        bent = cv2.undistortPoints(
            coarse.reshape(-1, 1, 2), self.matrix, np.array(self.lens.distortion), None, None, None, until
        ).reshape(coarse.shape)
        return np.stack([down @ bent[..., i] @ across.T for i in (0, 1)], axis=-1)

    def seen(self, places_mm: Array, pose: Array) -> Array:
        """(N, 2) pixels of (N, 2) places on the plane."""
        in_space = np.column_stack([places_mm, np.zeros(len(places_mm))])
        seen, _ = cv2.projectPoints(in_space, pose[:3], pose[3:], self.matrix, np.array(self.lens.distortion))
        return np.asarray(seen, np.float64).reshape(-1, 2)


def _cubic(count: int, step: int = 32) -> tuple[Array, Array]:
    """Every so-manieth of ``count`` places, with some outside, and the weights that give all of them back.

    Returns
    -------
    (M,) places and (count, M) weights of the cubic through four neighbours.
    """
    places = np.arange(-step, count + 3 * step, step, dtype=np.float64)
    at = np.arange(count)
    first = at // step  # index of the neighbour before the one at or below
    t = at % step / step + 1  # from that neighbour, in steps
    weights = np.zeros((count, len(places)))
    for j in range(4):
        others = [k for k in range(4) if k != j]
        weights[at, first + j] = np.prod([(t - k) / (j - k) for k in others], axis=0)
    return places, weights


def camera_over(*, size_px: tuple[int, int], focal_px: float = 2400.0, distortion: float = -0.18) -> Camera:
    """A camera with barrel distortion and a slightly decentred lens."""
    width, height = size_px
    lens = Lens(
        focal_px=(focal_px, focal_px * 1.002),
        centre_px=(width / 2 + 9.3, height / 2 - 6.7),
        distortion=(distortion, -0.4 * distortion, 4e-4, -3e-4, 0.0),
    )
    return Camera(lens, size_px)


def pose_of(
    camera: Camera,
    *,
    mm_per_px: float,
    middle_mm: tuple[float, float],
    tilt_deg: tuple[float, float] = (0, 0),
    spin_deg: float = 0.0,
) -> Array:
    """(6,) pose of a plane whose place ``middle_mm`` is seen at the middle of the photo."""
    rotation = np.eye(3)
    for axis, degrees in (((0, 0, 1), spin_deg), ((1, 0, 0), tilt_deg[0]), ((0, 1, 0), tilt_deg[1])):
        rotation = cv2.Rodrigues(np.radians(degrees) * np.array(axis, np.float64))[0] @ rotation
    distance_mm = camera.lens.focal_px[0] * mm_per_px
    width, height = camera.size_px
    ray = np.array(
        [
            (width / 2 - camera.lens.centre_px[0]) / camera.lens.focal_px[0],
            (height / 2 - camera.lens.centre_px[1]) / camera.lens.focal_px[1],
            1,
        ]
    )
    shift = distance_mm * ray - rotation @ np.array([*middle_mm, 0.0])
    return np.concatenate([cv2.Rodrigues(rotation)[0].reshape(3), shift])


@lru_cache(maxsize=4)
def _texture(board: Board, px_per_mm: int) -> npt.NDArray[np.float32]:
    """The board, each texture pixel as black as it is covered, so that edges are right to a part of it."""
    width_mm, height_mm = board.size_mm
    drawn = np.full((round(height_mm * px_per_mm), round(width_mm * px_per_mm)), 255, np.float32)
    for x, y, width, height in board.black_mm() * px_per_mm:
        across, down = (
            np.clip(np.minimum(at + size, np.arange(n) + 1) - np.maximum(at, np.arange(n)), 0, 1)
            for at, size, n in ((x, width, drawn.shape[1]), (y, height, drawn.shape[0]))
        )
        columns, rows = np.flatnonzero(across), np.flatnonzero(down)
        here = np.ix_(rows, columns)
        drawn[here] -= 255 * np.outer(down[rows], across[columns]).astype(np.float32)
    return np.clip(drawn, 0, 255)


def render(
    board: Board,
    camera: Camera,
    pose: Array,
    *,
    seed: int,
    blur_px: float = 0.7,
    noise: float = 2.0,
    rays: Array | None = None,
) -> Photo:
    """A photo of the board on a grey table, with uneven light.

    Parameters
    ----------
    blur_px : standard deviation of the lens's blur, in pixels of the photo.
    noise : standard deviation of each pixel, of 255.
    rays : ``camera.rays()``, where many photos are made.
    """
    rays = camera.rays() if rays is None else rays
    rotation = cv2.Rodrigues(pose[:3])[0]
    inverse = np.linalg.inv(np.column_stack([rotation[:, 0], rotation[:, 1], pose[3:]]))
    height, width = rays.shape[:2]
    flat = np.concatenate([rays.reshape(-1, 2), np.ones((height * width, 1))], axis=1) @ inverse.T
    px_per_mm = 20
    places = (flat[:, :2] / flat[:, 2:]).reshape(height, width, 2)
    # The centre of the texture's first pixel is half a texture pixel inside the board.
    at = (places * px_per_mm - 0.5).astype(np.float32)
    texture = _texture(board, px_per_mm)
    # The texture is far finer than the rays, so it is made as coarse as they are first.
    step = np.median(np.abs(np.diff(at[::16, ::16, 0], axis=1))) / 16 + 1e-6
    soft = cv2.GaussianBlur(texture, (0, 0), max(0.3, 0.45 * step))
    seen = cv2.remap(soft, at[..., 0], at[..., 1], cv2.INTER_LINEAR, None, cv2.BORDER_CONSTANT, 300.0)
    table = (seen > 260) & ((places < -18).any(axis=2) | (places > np.array(board.size_mm) + 18).any(axis=2))
    seen = np.where(table, 110.0, np.minimum(seen, 255.0)) * (200 / 255) + 25
    s = SUPERSAMPLED
    seen = cv2.GaussianBlur(seen.astype(np.float32), (0, 0), blur_px * s)
    seen = cv2.resize(seen, (width // s, height // s), interpolation=cv2.INTER_AREA)
    random = np.random.default_rng(seed)
    y, x = np.mgrid[: seen.shape[0], : seen.shape[1]]
    light = 0.9 + 0.15 * x / seen.shape[1] - 0.1 * y / seen.shape[0]
    noisy = seen * light + random.normal(0, noise, seen.shape)
    grey = np.clip(np.round(noisy), 0, 255).astype(np.uint8)
    return Photo(np.repeat(grey[..., None], 3, axis=2), sha256="0" * 64, media_type="image/png")
