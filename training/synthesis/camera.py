"""The camera: from linear light on the surface to an RGB photo, and from millimetres to its pixels."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, radians, sin

import cv2
import numpy as np

from training.synthesis import noise
from training.synthesis.light import white_of
from training.synthesis.noise import stream
from training.synthesis.raster import F32, F64, U8, blur, enlarge, f32, look_up, spread
from training.synthesis.scene import Camera, Scene
from training.synthesis.surface import Grid

_CHROMA_BLUR_PX = 2.4
_NODE_PX = 8  # tilt and distortion are exact on every eighth pixel; between, linear is right to 0.002 px


@dataclass(frozen=True, eq=False)
class Geometry:
    """Where each place of the surface appears in the photo, and back.

    A photo pixel (x, y) first loses its lens distortion around the middle of the photo; the homography
    ``to_mm`` (3, 3) then gives millimetres on the surface's plane.
    """

    to_mm: F64
    distortion: float
    middle_px: F64
    reach_px: float

    @property
    def plain(self) -> bool:
        """Whether the photo is the surface grid itself, without tilt or distortion."""
        flat = bool(abs(self.to_mm[2, 0]) < 1e-12 and abs(self.to_mm[2, 1]) < 1e-12)
        return flat and self.distortion == 0

    def mm_of(self, points_px: F64) -> F64:
        """Millimetres (N, 2) of photo pixels (N, 2)."""
        rel = (np.asarray(points_px, np.float64) - self.middle_px) / self.reach_px
        r2 = (rel * rel).sum(1, keepdims=True)
        flat = rel * (1 + self.distortion * r2) * self.reach_px + self.middle_px
        out = np.column_stack([flat, np.ones(len(flat))]) @ self.to_mm.T
        return np.asarray(out[:, :2] / out[:, 2:], np.float64)

    def px_of(self, points_mm: F64) -> F64:
        """Photo pixels (N, 2) of millimetres (N, 2), to a thousandth of a pixel."""
        p = np.asarray(points_mm, np.float64).reshape(-1, 2)
        out = np.column_stack([p, np.ones(len(p))]) @ np.linalg.inv(self.to_mm).T
        flat = (out[:, :2] / out[:, 2:] - self.middle_px) / self.reach_px
        rel = flat.copy()
        for _ in range(12):
            rel = flat / (1 + self.distortion * (rel * rel).sum(1, keepdims=True))
        return np.asarray(rel * self.reach_px + self.middle_px, np.float64)


def geometry(scene: Scene) -> Geometry:
    """The geometry of a scene's camera. In the middle of the photo the scale is the scene's ``mm_per_px``."""
    w, h = scene.width_px, scene.height_px
    middle = np.array([(w - 1) / 2, (h - 1) / 2])
    reach = 0.5 * float(np.hypot(w, h))
    camera = scene.camera
    centre = np.array([[1, 0, -middle[0]], [0, 1, -middle[1]], [0, 0, 1.0]])
    tilt = np.array([[1, 0, 0], [0, 1, 0], [camera.tilt_x / w, camera.tilt_y / h, 1.0]])
    scale = np.diag([scene.mm_per_px, scene.mm_per_px, 1.0])
    to_mm = scale @ np.linalg.inv(centre) @ tilt @ centre
    return Geometry(to_mm / to_mm[2, 2] if to_mm[2, 2] else to_mm, camera.distortion, middle, reach)


def border_px(scene: Scene) -> int:
    """How far beyond the photo the surface must reach for tilt, distortion and blur never to meet its end."""
    g = geometry(scene)
    w, h = scene.width_px - 1, scene.height_px - 1
    frame = np.array(
        [[0, 0], [w, 0], [0, h], [w, h], [w / 2, 0], [w / 2, h], [0, h / 2], [w, h / 2]], np.float64
    )
    reached = g.mm_of(frame) / scene.mm_per_px
    beyond = max(0.0, float(-reached.min()), float((reached - np.array([w, h])).max()))
    return int(np.ceil(beyond)) + 8


@dataclass(frozen=True, eq=False)
class Warp:
    """Grid coordinates (height, width) of every photo pixel."""

    x: F32
    y: F32


def warp(scene: Scene, grid: Grid) -> Warp | None:
    """Where on the grid each photo pixel lies; None where the photo is a plain crop of the grid."""
    g = geometry(scene)
    if g.plain:
        return None
    rows, columns = scene.height_px // _NODE_PX + 3, scene.width_px // _NODE_PX + 3
    first = (_NODE_PX - 1) / 2 - _NODE_PX  # one node beyond the photo, so that none of it is extrapolated
    x = np.arange(columns) * _NODE_PX + first
    y = np.arange(rows) * _NODE_PX + first
    nodes = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)
    places = f32(grid.to_px(g.mm_of(nodes)).reshape(rows, columns, 2))
    dense = enlarge(places, (rows * _NODE_PX, columns * _NODE_PX), cubic=False)
    framed = dense[_NODE_PX : _NODE_PX + scene.height_px, _NODE_PX : _NODE_PX + scene.width_px]
    return Warp(np.ascontiguousarray(framed[..., 0]), np.ascontiguousarray(framed[..., 1]))


def crop(values: F32, scene: Scene, grid: Grid, where: Warp | None) -> F32:
    """A map of the surface as the photo frames it."""
    if where is not None:
        return look_up(values, where.x, where.y, cubic=values.ndim == 3)
    b = grid.border_px
    return f32(np.ascontiguousarray(values[b : b + scene.height_px, b : b + scene.width_px]))


def _motion(light: F32, camera: Camera) -> F32:
    length = camera.motion_px
    if length < 0.3:
        return light
    side = 2 * int(np.ceil(length / 2)) + 3
    kernel = np.zeros((side, side), np.float32)
    for step in np.linspace(-length / 2, length / 2, 4 * side):
        x = (side - 1) / 2 + step * cos(radians(camera.motion_deg))
        y = (side - 1) / 2 + step * sin(radians(camera.motion_deg))
        i, j = int(y), int(x)
        fy, fx = y - i, x - j
        kernel[i, j] += (1 - fy) * (1 - fx)
        kernel[i, j + 1] += (1 - fy) * fx
        kernel[i + 1, j] += fy * (1 - fx)
        kernel[i + 1, j + 1] += fy * fx
    return f32(cv2.filter2D(light, -1, kernel / kernel.sum()))


def _radius2(shape: tuple[int, int]) -> F32:
    """Squared distance from the middle, 1 in the corners."""
    y = np.linspace(-1, 1, shape[0], dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, shape[1], dtype=np.float32)[None]
    return f32((x * x + y * y) / 2)


def _noise(light: F32, camera: Camera) -> F32:
    """Standard deviation of the sensor's noise at each photosite."""
    return f32(np.sqrt(np.float32(camera.shot**2) * np.maximum(light, 0) + np.float32(camera.read**2)))


def _mosaic(light: F32) -> F32:
    """What the photosites behind a red, green and blue filter array (RGGB) collect."""
    raw = np.empty(light.shape[:2], np.float32)
    raw[0::2, 0::2] = light[0::2, 0::2, 0]
    raw[0::2, 1::2] = light[0::2, 1::2, 1]
    raw[1::2, 0::2] = light[1::2, 0::2, 1]
    raw[1::2, 1::2] = light[1::2, 1::2, 2]
    return raw


def _demosaic(raw: F32) -> F32:
    """The RGB photo (H, W, 3) that is interpolated from the photosites."""
    counts = np.clip(raw * np.float32(40000), 0, 65535).astype(np.uint16)
    image = f32(cv2.cvtColor(counts, cv2.COLOR_BayerRGGB2RGB)) * np.float32(1 / 40000)
    grey = spread(f32(image @ f32([0.3, 0.6, 0.1])))  # as cameras do: fine detail keeps no colour of its own
    return f32(grey + blur(f32(image - grey), _CHROMA_BLUR_PX))


_TONE_STEPS = 4096


def _tone(linear: F32, contrast: float) -> F32:
    """The sRGB curve, with a gentle S of contrast; 0..255."""
    t = np.linspace(0, 1, _TONE_STEPS, dtype=np.float64)
    curve = np.where(t <= 0.0031308, 12.92 * t, 1.055 * t ** (1 / 2.4) - 0.055)
    curve = curve + contrast * (curve - 0.5) * curve * (1 - curve) * 4
    table = f32(np.clip(curve, 0, 1) * 255)
    index = np.clip(linear * np.float32(_TONE_STEPS - 1) + 0.5, 0, _TONE_STEPS - 1).astype(np.int16)
    return f32(table[index])


def photograph(light: F32, scene: Scene) -> U8:
    """The RGB photo (H, W, 3) of linear light (H, W, 3) that is framed already."""
    camera = scene.camera
    rng = stream(camera.seed, "sensor")
    shape = (light.shape[0], light.shape[1])
    image = _motion(blur(light, camera.blur_px), camera)
    radius2 = _radius2(shape)
    if camera.corner_blur_px > 0.3:
        soft = blur(image, camera.corner_blur_px)
        image = f32(image + (soft - image) * spread(f32(radius2 * radius2)))
    mean = float(image[::4, ::4].mean())
    gain = camera.exposure / 0.06 * (0.06 / max(mean, 1e-4)) ** camera.metering
    balance = f32(gain / white_of(camera.kelvin))
    dimmed = 1 - np.float32(camera.vignette) * radius2
    image = f32(cv2.merge([image[..., k] * (dimmed * balance[k]) for k in range(3)]))
    np.clip(image, 0, 1.6, out=image)
    if camera.bayer:
        raw = _mosaic(image)
        gain = f32([1.5, 1.0, 1.7])  # red and blue photosites collect less, so their noise is amplified
        weak = np.ones(shape, np.float32)
        weak[0::2, 0::2], weak[1::2, 1::2] = gain[0], gain[2]
        raw += noise.white(rng, shape) * weak * _noise(raw, camera)
        image = _demosaic(raw)
    else:
        for k in range(3):
            image[..., k] += noise.white(rng, shape) * _noise(image[..., k], camera)
    shown = _tone(f32(image), camera.contrast)
    if camera.sharpen:
        shown = f32(shown + np.float32(camera.sharpen) * (shown - blur(shown, 1.0)))
    photo: U8 = np.clip(shown + 0.5, 0, 255).astype(np.uint8)
    if camera.jpeg is None:
        return photo
    _, body = cv2.imencode(".jpg", photo[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, camera.jpeg])
    decoded: U8 = np.asarray(cv2.imdecode(body, cv2.IMREAD_COLOR), np.uint8)
    photo = np.ascontiguousarray(decoded[..., ::-1])
    return photo
