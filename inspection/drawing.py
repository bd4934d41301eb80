"""Draws what was found: outlines and heat over the photo, thumbnails, maps as pictures to be stored."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from inspection.domain import Defect, Maps, Seam
from inspection.errors import BrokenPhotoError
from inspection.taxonomy import KINDS

__all__ = [
    "Overlay",
    "any_defect_at",
    "any_defect_u8",
    "decode_grey_png",
    "encode_jpeg",
    "encode_png",
    "grey16_png",
    "heat_colours",
    "kind_rgb",
    "kinds_at",
    "kinds_u8",
    "novelty_overlay",
    "overlay",
    "read_grey16_png",
    "surface_png",
    "thumbnail",
]

RGB = npt.NDArray[np.uint8]
Grey = npt.NDArray[np.uint8]

HEAT_ALPHA = 0.65
"""Opacity of the heat where a defect is certain: the leather below stays visible."""

MAX_LABELS = 20
"""Defects come largest first; more labels than this would hide the photo."""

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)
_SEAM, _FAINT_SEAM, _BAD_STITCH = (53, 224, 208), (255, 176, 0), (255, 59, 48)
_DOUBTFUL_STITCH = _FAINT_SEAM


@dataclass(frozen=True)
class Overlay:
    """What to draw over a photo.

    Attributes
    ----------
    outlines : outline of each defect, in the colour of its kind.
    labels : number, kind and length beside each defect.
    """

    outlines: bool = True
    labels: bool = True


def any_defect_u8(maps: Maps) -> Grey:
    """(h, w) uint8 on the maps' grid: probability of any defect x 255, the same scale for every photo."""
    return np.asarray(cv2.convertScaleAbs(maps.surface[0], alpha=-255.0, beta=255.0), np.uint8)


def kinds_u8(maps: Maps) -> Grey:
    """(h, w) uint8 on the maps' grid: index of the most probable kind, 0 = sound."""
    return np.asarray(maps.surface.argmax(axis=0), np.uint8)


def surface_png(maps: Maps) -> bytes:
    """``any_defect_u8`` as a PNG: small, and all that a heat map needs."""
    return encode_png(any_defect_u8(maps))


def any_defect_at(size_px: tuple[int, int], any_defect: Grey) -> Grey:
    """A map of ``any_defect_u8`` at the photo's (width, height), outer edges on outer edges."""
    return np.asarray(cv2.resize(any_defect, size_px, interpolation=cv2.INTER_LINEAR), np.uint8)


def kinds_at(size_px: tuple[int, int], kinds: Grey) -> Grey:
    """A map of ``kinds_u8`` at the photo's (width, height): each pixel takes its nearest grid point's."""
    return np.asarray(cv2.resize(kinds, size_px, interpolation=cv2.INTER_NEAREST_EXACT), np.uint8)


def grey16_png(
    values: npt.NDArray[np.float32], *, full_scale: float, size_px: tuple[int, int] | None = None
) -> bytes:
    """A 16-bit grey PNG of a map: 0 is 0, 65535 is ``full_scale`` and all above it.

    Parameters
    ----------
    values : (h, w) >= 0.
    size_px : (width, height) to draw it at, outer edges on outer edges; None for its own.
    """
    drawn = np.asarray(values, np.float32)
    if size_px is not None:
        drawn = np.asarray(cv2.resize(drawn, size_px, interpolation=cv2.INTER_LINEAR), np.float32)
    steps = np.clip(np.rint(drawn * (65535 / full_scale)), 0, 65535).astype(np.uint16)
    ok, encoded = cv2.imencode(".png", steps, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    if not ok:  # pragma: no cover - out of memory at most
        raise MemoryError(f"OpenCV could not encode a PNG of {steps.shape}")
    return encoded.tobytes()


def kind_rgb(kind: str) -> tuple[int, int, int]:
    """Colour of a kind."""
    colour = KINDS[kind].colour
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def heat_colours() -> npt.NDArray[np.uint8]:
    """(256, 4) uint8 RGBA of each map value: clear at 0, yellow at one half, ``HEAT_ALPHA`` of red at 255."""
    share = np.linspace(0, 1, 256)
    green = np.interp(share, [0, 0.5, 1], [230, 200, 0])
    red = np.interp(share, [0, 0.5, 1], [255, 255, 200])
    alpha = 255 * HEAT_ALPHA * np.clip(share * 1.5, 0, 1)
    return np.stack([red, green, np.zeros(256), alpha], axis=1).round().astype(np.uint8)


def overlay(
    rgb: RGB,
    defects: Sequence[Defect],
    *,
    seams: Sequence[Seam] = (),
    heat: Grey | None = None,
    what: Overlay = Overlay(),
) -> RGB:
    """Draw defects and seams over a photo.

    Parameters
    ----------
    rgb : (H, W, 3), not changed.
    heat : ``any_defect_u8`` at any size, drawn below the outlines; None for none.

    Returns
    -------
    (H, W, 3) uint8.
    """
    canvas = rgb.copy() if heat is None else _heated(rgb, heat)
    # Lines and letters grow with the photo, so that they look alike when it is shown at the width of a
    # screen.
    size = max(canvas.shape[:2]) / 1280
    thick = max(2, round(2 * size))
    if what.outlines:
        for seam in seams:
            _stitches(canvas, seam, size=size)
        for defect in defects:
            _ring(canvas, defect, thick=thick)
    if what.labels:
        # Backwards, so that the labels of larger defects lie on those of smaller ones.
        for number, defect in reversed(list(enumerate(defects[:MAX_LABELS], start=1))):
            _label(
                canvas, _text(number, defect), defect, scale=max(0.42, 0.55 * size), thick=max(1, round(size))
            )
    return canvas


def _heated(rgb: RGB, heat: Grey) -> RGB:
    colours = heat_colours()
    at_size = any_defect_at((rgb.shape[1], rgb.shape[0]), heat)
    alpha = cv2.LUT(at_size, colours[:, 3].astype(np.float32) / 255)
    over = cv2.applyColorMap(at_size, colours[:, None, :3])
    return np.asarray(cv2.blendLinear(rgb, over, 1 - alpha, alpha), np.uint8)


def novelty_overlay(rgb: RGB, novelty: npt.NDArray[np.float32], *, limit: float, full_scale: float) -> RGB:
    """Novelty over a photo on its fixed scale, with a line where it reaches the limit.

    Parameters
    ----------
    rgb : (H, W, 3), not changed.
    novelty : (h, w) >= 0, sharing its outer edges with the photo.

    Returns
    -------
    (H, W, 3) uint8.
    """
    size = (rgb.shape[1], rgb.shape[0])
    at_size = np.asarray(cv2.resize(novelty, size, interpolation=cv2.INTER_LINEAR), np.float32)
    heat = np.clip(np.rint(at_size * (255 / full_scale)), 0, 255).astype(np.uint8)
    canvas = _heated(rgb, heat)
    beyond = (at_size >= limit).astype(np.uint8)
    outlines, _ = cv2.findContours(beyond, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    thick = max(1, round(max(size) / 640))
    cv2.drawContours(canvas, outlines, -1, _BLACK, thick + 2)
    cv2.drawContours(canvas, outlines, -1, _WHITE, thick)
    return canvas


def read_grey16_png(body: bytes, *, full_scale: float) -> npt.NDArray[np.float32]:
    """Read a map that ``grey16_png`` wrote; (h, w) float32."""
    picture = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_UNCHANGED) if body else None
    if picture is None or picture.dtype != np.uint16:
        raise BrokenPhotoError("A stored map cannot be decoded.", hint="Restore the photos from a backup.")
    return np.asarray(picture, np.float32) * np.float32(full_scale / 65535)


def _ring(canvas: RGB, defect: Defect, *, thick: int) -> None:
    """Draw a dark-edged line of the kind's colour round a defect, a little outside: it stays in sight."""
    reach = 3 * thick + 2
    left, top = np.maximum(np.floor(defect.outline_px.min(axis=0)).astype(int) - reach, 0)
    right, bottom = np.ceil(defect.outline_px.max(axis=0)).astype(int) + reach + 1
    part = canvas[top:bottom, left:right]
    points = [np.rint((defect.outline_px - (left, top)) * 16).astype(np.int32)]
    grown = []
    for grow in (thick, thick + 1, 3 * thick, 3 * thick + 1):
        mask = np.zeros(part.shape[:2], np.uint8)
        cv2.fillPoly(mask, points, 255, shift=4)
        cv2.polylines(mask, points, True, 255, 2 * grow, shift=4)
        grown.append(mask > 0)
    part[grown[3] & ~grown[0]] = _BLACK
    part[grown[2] & ~grown[1]] = kind_rgb(defect.kind)


def _stitches(canvas: RGB, seam: Seam, *, size: float) -> None:
    """Draw a tick across the row at each needle hole, and a ring round each place that is wrong."""
    points = seam.points_px
    if len(points) < 2:
        return
    ahead = np.gradient(points, axis=0)
    ahead /= np.maximum(1e-9, np.hypot(ahead[:, 0], ahead[:, 1]))[:, None]
    reach = max(2.0, 4 * size)
    across = reach * np.stack([-ahead[:, 1], ahead[:, 0]], axis=1)
    ends = np.rint(np.stack([points - across, points + across], axis=1) * 16).astype(np.int32)
    colour = _SEAM if seam.readable else _FAINT_SEAM
    thick = max(1, round(size))
    cv2.polylines(canvas, list(ends), False, _BLACK, thick + 2, cv2.LINE_AA, 4)
    cv2.polylines(canvas, list(ends), False, colour, thick, cv2.LINE_AA, 4)
    bad = {*seam.skipped, *seam.broken, *seam.loose}
    for i in sorted(bad | set(seam.unsure)):
        middle = (points[i] + points[(i + 1) % len(points)]) / 2
        radius = max(2.5 * reach, float(np.hypot(*(points[(i + 1) % len(points)] - points[i]))) / 2)
        x, y = (round(16 * float(value)) for value in middle)
        ring = _BAD_STITCH if i in bad else _DOUBTFUL_STITCH
        cv2.circle(canvas, (x, y), round(16 * radius), _BLACK, thick + 3, cv2.LINE_AA, 4)
        cv2.circle(canvas, (x, y), round(16 * radius), ring, thick + 1, cv2.LINE_AA, 4)


def _text(number: int, defect: Defect) -> str:
    name = KINDS[defect.kind].en.split(",")[0]
    return f"{number} {name}" if defect.length_mm is None else f"{number} {name} {defect.length_mm:.1f} mm"


def _label(canvas: RGB, text: str, defect: Defect, *, scale: float, thick: int) -> None:
    """Write dark or light text on a box of the kind's colour: above the defect if there is room."""
    (width, height), below = cv2.getTextSize(text, _FONT, scale, thick)
    pad = math.ceil(height / 3)
    left = int(np.clip(defect.box_px[0], 0, max(0, canvas.shape[1] - width - 2 * pad)))
    bottom = int(defect.box_px[1]) - pad
    if bottom - height - below - pad < 0:
        bottom = int(defect.box_px[1] + defect.box_px[3]) + height + below + 2 * pad
    bottom = int(np.clip(bottom, height + below + pad, max(height + below + pad, canvas.shape[0] - 1)))
    colour = kind_rgb(defect.kind)
    corner = (left, bottom - height - below - pad)
    cv2.rectangle(canvas, corner, (left + width + 2 * pad, bottom), colour, cv2.FILLED)
    luminance = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]
    ink = _BLACK if luminance > 140 else _WHITE
    cv2.putText(canvas, text, (left + pad, bottom - below), _FONT, scale, ink, thick, cv2.LINE_AA)


def thumbnail(rgb: RGB, *, side_px: int) -> RGB:
    """The picture made smaller, its longer side at most ``side_px``; never made larger."""
    height, width = rgb.shape[:2]
    share = min(1.0, side_px / max(height, width))
    size = (max(1, round(width * share)), max(1, round(height * share)))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)


def encode_jpeg(rgb: RGB, *, quality: int = 88) -> bytes:
    """JPEG bytes of an RGB picture."""
    return _encoded(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])


def encode_png(picture: RGB | Grey) -> bytes:
    """PNG bytes of an RGB picture (H, W, 3), or of a grey one (H, W), unchanged."""
    if picture.ndim == 3:
        return _encoded(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_PNG_COMPRESSION, 1])
    # Maps are mostly runs of equal values: looking for nothing else takes half the time and no more bytes.
    return _encoded(".png", picture, [cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE])


def _encoded(suffix: str, bgr: npt.NDArray[np.uint8] | cv2.typing.MatLike, options: list[int]) -> bytes:
    ok, encoded = cv2.imencode(suffix, bgr, options)
    if not ok:  # pragma: no cover - out of memory at most
        raise MemoryError(f"OpenCV could not encode a {suffix} of {bgr.shape}")
    return encoded.tobytes()


def decode_grey_png(body: bytes) -> Grey:
    """Read a grey PNG that ``encode_png`` wrote; (h, w) uint8."""
    picture = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_GRAYSCALE) if body else None
    if picture is None:
        raise BrokenPhotoError("A stored map cannot be decoded.", hint="Restore the photos from a backup.")
    return np.asarray(picture, np.uint8)
