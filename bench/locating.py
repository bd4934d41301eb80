"""Whether zones follow the part: shoes and rendered uppers, moved, turned, mirrored, in other light.

The truth is exact: each photo is its reference, warped by a known map; every other case lies on a background
that did not move with it. What this cannot show is another specimen of the same style.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from bench.table import Figure
from inspection.errors import RecipeError
from inspection.locating import learn, placing
from inspection.locating.finding import register
from inspection.recipes import View
from training.synthesis.render import render
from training.synthesis.sampling import Request, sample

DATASETS = Path("datasets")
MAX_SHIFT, MAX_TURN_DEG, MAX_SCALE = 0.15, 20.0, 0.15
IOU_BAR, SHARE_BAR, TIME_BAR_MS = 0.95, 0.99, 60.0
MAX_SHOES = 40
UPPERS = 12
PHOTO_MP = 2.0

RGB = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Part:
    """A reference photo with the outline of the part, (N, 2) in its pixels."""

    rgb: RGB
    outline: Points

    def view(self) -> View:
        """A view with three zones across the part."""
        height, width = self.rgb.shape[:2]
        shares = np.clip((self.outline + 0.5) / (width, height), 0, 1)
        low, high = shares.min(axis=0), shares.max(axis=0)
        thirds = np.linspace(low[0], high[0], 4)
        zones = [
            {
                "name": f"zone-{number}",
                "class": "primary",
                "outline": [(left, low[1]), (right, low[1]), (right, high[1]), (left, high[1])],
            }
            for number, (left, right) in enumerate(pairwise(thirds.tolist()))
        ]
        reference = {"sha256": "0" * 64, "outline": shares.tolist()}
        return View.model_validate({"zones": zones, "reference": reference})


def measure(*, warps: int = 8) -> list[Figure]:
    """Zones found, refused and wrong over all warps of all parts, photos of others, and the time of one."""
    parts = [*shoes(), *uppers()]
    rng = np.random.default_rng(2026)
    right = refused = wrong = strangers = taken_for_it = unusable = 0
    took_ms: list[float] = []
    for number, part in enumerate(parts):
        view = part.view()
        try:
            reference = learn(part.rgb, view)
        except RecipeError:  # plain leather: nobody could publish this reference
            unusable += 1
            continue
        for warp in range(warps):
            background = parts[(number + 1 + warp) % len(parts)].rgb if warp % 2 else None
            photo, where = moved(part, rng, background)
            began = time.process_time()
            found = register(reference, at_2_mp(photo))
            took_ms.append(1000 * (time.process_time() - began))
            scale = placing_scale(photo)
            if not found.found or found.to_photo is None:
                refused += 1
            elif all(
                overlap(placing.transformed(found.to_photo, zone.outline_px),
                        placing.transformed(scale @ where, zone.outline_px)) >= IOU_BAR
                for zone in reference.zones
            ):  # fmt: skip
                right += 1
            else:
                wrong += 1
        other = parts[(number + len(parts) // 2) % len(parts)]
        strangers += 1
        taken_for_it += register(reference, moved(other, rng, None)[0]).found
    cases = right + refused + wrong
    return [
        Figure(
            f"zones of {len(parts) - unusable} parts follow ({unusable} more show too little to be one), "
            f"IoU >= {IOU_BAR}, n = {cases}",
            f"{right / cases:.1%} right, {refused} refused, {wrong} wrong",
            f">= {SHARE_BAR:.0%}, none wrong",
            right / cases >= SHARE_BAR and wrong == 0,
        ),
        Figure(
            f"photos of another part refused, n = {strangers}",
            f"{strangers - taken_for_it}",
            f"{strangers}",
            taken_for_it == 0,
        ),
        Figure(
            f"locating in a photo of {PHOTO_MP:g} MP, CPU time, median",
            f"{statistics.median(took_ms):.0f} ms",
            f"<= {TIME_BAR_MS:.0f} ms",
            statistics.median(took_ms) <= TIME_BAR_MS,
        ),
    ]


def shoes() -> Iterator[Part]:
    """Real shoes with their outlines, as far as the background tells them apart."""
    folder = DATASETS / "shoes" / "images"
    files = sorted(folder.glob("*.jpg")) or sorted((DATASETS / "sample").glob("shoe-*.jpg"))
    given = 0
    for file in files:
        if given == MAX_SHOES:
            return
        bgr = cv2.imread(str(file))
        if bgr is None:
            continue
        rgb = np.ascontiguousarray(bgr[..., ::-1]).astype(np.uint8)
        outline = silhouette(rgb)
        if outline is not None:
            given += 1
            yield Part(rgb, outline)


def silhouette(rgb: RGB) -> Points | None:
    """Convex outline of what stands out from the rim of the photo (GrabCut); None when nothing does."""
    height, width = rgb.shape[:2]
    scale = 192 / max(height, width)
    small = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    labels = np.full(small.shape[:2], cv2.GC_PR_FGD, np.uint8)
    rim = max(3, round(0.05 * min(labels.shape)))
    labels[:rim] = labels[-rim:] = cv2.GC_BGD
    labels[:, :rim] = labels[:, -rim:] = cv2.GC_BGD
    cv2.setRNGSeed(1)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(small, labels, None, *models, 3, cv2.GC_INIT_WITH_MASK)  # type: ignore[call-overload]
    part = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    part = cv2.morphologyEx(part, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8)).astype(np.uint8)
    if not 0.08 < float(part.mean()) < 0.75:
        return None
    points = cv2.findNonZero(part)
    hull: Points = cv2.convexHull(points).reshape(-1, 2).astype(np.float64)
    outline: Points = (hull + 0.5) / scale - 0.5
    return outline


def uppers() -> Iterator[Part]:
    """Rendered uppers, cut out in the shape of a vamp."""
    request = Request(side_px=640, mm_per_px=(0.14, 0.2), sound=1.0)
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    for index in range(UPPERS):
        rgb = render(sample(request, seed=71, index=index)).rgb
        radius = 1 + 0.15 * np.cos(3 * angles + index)
        outline = np.column_stack([320 + 230 * radius * np.cos(angles), 320 + 170 * radius * np.sin(angles)])
        yield Part(rgb, outline)


def moved(part: Part, rng: np.random.Generator, background: RGB | None) -> tuple[RGB, Points]:
    """The part at another place in another light, and the (3, 3) map that took it there."""
    height, width = part.rgb.shape[:2]
    turn, scale = (
        math.radians(rng.uniform(-MAX_TURN_DEG, MAX_TURN_DEG)),
        rng.uniform(1 - MAX_SCALE, 1 + MAX_SCALE),
    )
    cos, sin = scale * math.cos(turn), scale * math.sin(turn)
    centre = part.outline.mean(axis=0)
    shift = rng.uniform(-MAX_SHIFT, MAX_SHIFT, 2) * (width, height)
    there = np.array([[cos, -sin, centre[0] + shift[0]], [sin, cos, centre[1] + shift[1]], [0, 0, 1]])
    flip = np.diag([rng.choice([-1.0, 1.0]), 1, 1])
    to_centre = np.array([[1, 0, -centre[0]], [0, 1, -centre[1]], [0, 0, 1]])
    where = there @ flip @ to_centre
    photo = cv2.warpPerspective(
        part.rgb, where, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    ).astype(np.float32)
    if background is not None:
        mask = np.zeros((height, width), np.float32)
        cv2.fillPoly(mask, [np.rint(placing.transformed(where, part.outline)).astype(np.int32)], 1.0)
        share = cv2.GaussianBlur(mask, (0, 0), 1.2)[..., None]
        photo = photo * share + cv2.resize(background, (width, height)).astype(np.float32) * (1 - share)
    return lit(photo, rng), where


def lit(photo: npt.NDArray[np.float32], rng: np.random.Generator) -> RGB:
    """Other brightness, colour temperature and fall-off, noise, and a JPEG."""
    height, width = photo.shape[:2]
    warmth = 0.2 * rng.uniform(-1, 1)
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    fall = 1 + rng.uniform(0, 1) * ((x / width - 0.5) * np.cos(angle) + (y / height - 0.5) * np.sin(angle))
    linear = (
        (photo.clip(0, 255) / 255) ** 2.2 * np.array([1 + warmth, 1, 1 - warmth]) * rng.uniform(0.55, 1.5)
    )
    seen = 255 * (linear * fall[..., None]).clip(0, 1) ** (1 / 2.2)
    seen = (seen + rng.normal(0, rng.uniform(0, 4), seen.shape)).clip(0, 255).astype(np.uint8)
    _, jpeg = cv2.imencode(".jpg", seen, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(70, 96))])
    return np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), np.uint8)


def at_2_mp(photo: RGB) -> RGB:
    """The photo at the size of a line's camera."""
    height, width = photo.shape[:2]
    scale = math.sqrt(PHOTO_MP * 1e6 / (width * height))
    size = (round(width * scale), round(height * scale))
    return np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def placing_scale(photo: RGB) -> Points:
    """(3, 3) map of pixels of a photo to those of `at_2_mp`."""
    height, width = photo.shape[:2]
    scale = math.sqrt(PHOTO_MP * 1e6 / (width * height))
    x, y = round(width * scale) / width, round(height * scale) / height
    return np.array([[x, 0, 0.5 * x - 0.5], [0, y, 0.5 * y - 0.5], [0, 0, 1.0]])


def overlap(one: Points, other: Points) -> float:
    """Intersection over union of two outlines, drawn 400 pixels large."""
    low = np.minimum(one.min(axis=0), other.min(axis=0))
    high = np.maximum(one.max(axis=0), other.max(axis=0))
    scale = 400 / float((high - low).max())
    masks = []
    for outline in (one, other):
        mask = np.zeros((404, 404), np.uint8)
        cv2.fillPoly(mask, [np.rint((outline - low) * scale * 16).astype(np.int32)], 1, shift=4)
        masks.append(mask > 0)
    return float((masks[0] & masks[1]).sum() / (masks[0] | masks[1]).sum())
