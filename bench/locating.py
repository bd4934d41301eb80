"""Whether zones follow the part: shoes and rendered uppers, moved, turned, mirrored, in other light.

The truth is exact: each photo is its reference, warped by a known map; every other case lies on a background
that did not move with it. The shoes are those of the test split, which no threshold was chosen on. Uppers are
also rendered as another specimen, of other grain, thread and light: that is what a line sees.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from bench.table import Figure, wilson
from inspection.domain import Registration
from inspection.errors import RecipeError
from inspection.locating import Reference, features, learn, placing
from inspection.locating.finding import register
from inspection.locating.searching import search
from inspection.recipes import View
from training.datasets import read_definition
from training.synthesis.render import render
from training.synthesis.rigs import a_light
from training.synthesis.sampling import Request, sample
from training.synthesis.scene import Leather, Scene

DATASETS = Path("datasets")
MAX_SHIFT, MAX_TURN_DEG, MAX_SCALE = 0.15, 20.0, 0.15
IOU_BAR, SHARE_BAR, TIME_BAR_MS = 0.95, 0.99, 60.0
UPPERS = 20
OTHER_BACKGROUND = "on another background"
RIGHT, REFUSED, WRONG = "right", "refused", "wrong"
PHOTO_MP = 2.0

RGB = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Part:
    """A reference photo with the outline of the part, (N, 2) in its pixels."""

    rgb: RGB
    outline: Points
    twin: RGB | None = None
    """Another specimen in the same place."""

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


@dataclass(frozen=True, eq=False)
class Warped:
    """A photo of a part, the (3, 3) map from its reference, and what was done to it."""

    rgb: RGB
    where: Points
    kinds: frozenset[str]


@dataclass(frozen=True)
class Case:
    """What became of a photo's zones: `RIGHT`, `REFUSED` or `WRONG`."""

    told: str
    kinds: frozenset[str]


def measure(*, warps: int = 8) -> list[Figure]:
    """Zones found, refused and wrong over all warps of all parts, photos of others, and the time of one."""
    of_shoes, of_uppers = list(shoes()), list(uppers())
    rng = np.random.default_rng(2026)
    same, specimens, took_ms = list[Case](), list[Case](), list[float]()
    strangers: list[tuple[bool, int, float]] = []
    unusable = 0
    for parts in (of_shoes, of_uppers):
        for number, part in enumerate(parts):
            try:
                reference = learn(part.rgb, part.view())
            except RecipeError:  # plain leather: nobody could publish this reference
                unusable += 1
                continue
            for warp in range(warps):
                background = parts[(number + 1 + warp) % len(parts)].rgb if warp % 2 else None
                warped = moved(part, rng, background)
                told = _kind(warped, shoe=parts is of_shoes)
                photo = at_2_mp(warped.rgb)
                began = time.process_time()
                found = register(reference, photo)
                took_ms.append(1000 * (time.process_time() - began))
                same.append(judged(reference, found, told))
            if part.twin is not None:
                other = parts[(number + 2) % len(parts)].rgb
                warped = moved(Part(part.twin, part.outline), rng, other)
                specimens.append(judged(reference, register(reference, at_2_mp(warped.rgb)), warped))
            for step in (1, len(parts) // 2):
                strange = moved(parts[(number + step) % len(parts)], rng, None).rgb
                taken = register(reference, strange)
                strangers.append((taken.found, taken.matches, edges_agree(reference, strange)))
    return [
        *_shares(same, parts=len(of_shoes) + len(of_uppers) - unusable, unusable=unusable),
        *_specimens(specimens),
        *_strangers(strangers),
        Figure(
            f"locating in a photo of {PHOTO_MP:g} MP, CPU time, median",
            f"{statistics.median(took_ms):.0f} ms; 95 % within {np.percentile(took_ms, 95):.0f} ms",
            f"<= {TIME_BAR_MS:.0f} ms",
            statistics.median(took_ms) <= TIME_BAR_MS,
        ),
    ]


def _kind(warped: Warped, *, shoe: bool) -> Warped:
    """The same, told what is seen of the part's outline."""
    if shoe:
        kind = "shoes"
    elif OTHER_BACKGROUND in warped.kinds:
        kind = "uppers cut out along their outline"
    else:
        kind = "uppers in close-up, of whose outline nothing shows"
    return replace(warped, kinds=warped.kinds | {kind})


def _shares(cases: list[Case], *, parts: int, unusable: int) -> Iterator[Figure]:
    right = sum(case.told == RIGHT for case in cases)
    wrong = sum(case.told == WRONG for case in cases)
    low, high = wilson(right / len(cases), len(cases))
    yield Figure(
        f"zones of {parts} parts follow ({unusable} more show too little to be one), "
        f"IoU >= {IOU_BAR}, n = {len(cases)}",
        f"{right / len(cases):.1%} right (95 % interval {low:.1%} to {high:.1%}), "
        f"{len(cases) - right - wrong} refused, {wrong} wrong",
        f">= {SHARE_BAR:.0%}, none wrong",
        right / len(cases) >= SHARE_BAR and wrong == 0,
    )
    for kind in sorted({kind for case in cases for kind in case.kinds}):
        those = [case for case in cases if kind in case.kinds]
        yield Figure(f"of these: {kind}, n = {len(those)}", _told(those), "", None)


def _specimens(cases: list[Case]) -> Iterator[Figure]:
    if cases:
        wrong = sum(case.told == WRONG for case in cases)
        name = f"another specimen of an upper, on another background, n = {len(cases)}"
        yield Figure(name, _told(cases), "none wrong", wrong == 0)


def _strangers(cases: list[tuple[bool, int, float]]) -> Iterator[Figure]:
    taken = sum(found for found, _, _ in cases)
    yield Figure(
        f"photos of another part refused, n = {len(cases)}",
        f"{len(cases) - taken}",
        f"{len(cases)}",
        taken == 0,
    )
    for name, column in (("matches", 1), ("agreement of edges", 2)):
        middle, high, most = np.percentile([case[column] for case in cases], (50, 95, 100))
        yield Figure(
            f"of these: {name}, median, 95th percentile, most",
            f"{middle:.2g}, {high:.2g}, {most:.2g}",
            "",
            None,
        )


def _told(cases: list[Case]) -> str:
    count = {told: sum(case.told == told for case in cases) for told in (RIGHT, REFUSED, WRONG)}
    return f"{count[RIGHT] / len(cases):.1%} right, {count[REFUSED]} refused, {count[WRONG]} wrong"


def judged(reference: Reference, found: Registration, warped: Warped) -> Case:
    """What became of the zones of a photo at `at_2_mp`."""
    if not found.found or found.to_photo is None:
        return Case(REFUSED, warped.kinds)
    to_photo, truth = found.to_photo, placing_scale(warped.rgb) @ warped.where
    follow = all(
        overlap(placing.transformed(to_photo, zone.outline_px), placing.transformed(truth, zone.outline_px))
        >= IOU_BAR
        for zone in reference.zones
    )
    return Case(RIGHT if follow else WRONG, warped.kinds)


def edges_agree(reference: Reference, photo: RGB) -> float:
    """How well the edges agree in the place where they agree best."""
    grey, _ = features.reduced(photo, side_px=reference.side_px)
    size = (photo.shape[1], photo.shape[0])
    placed = search(reference.patterns, grey, photo_size=size, ways=(False, True))
    return 0.0 if placed is None else placed.agreement


def shoes() -> Iterator[Part]:
    """Real shoes of the test split with their outlines, as far as the background tells them apart."""
    folder = DATASETS / "shoes" / "images"
    test = read_definition(DATASETS / "shoes.toml").groups["test"]
    files = [folder / f"{name}.jpg" for name in test] if folder.exists() else []
    for file in files or sorted((DATASETS / "sample").glob("shoe-*.jpg")):
        bgr = cv2.imread(str(file))
        if bgr is None:
            continue
        rgb = np.ascontiguousarray(bgr[..., ::-1]).astype(np.uint8)
        outline = silhouette(rgb)
        if outline is not None:
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
        scene = sample(request, seed=71, index=index)
        radius = 1 + 0.15 * np.cos(3 * angles + index)
        outline = np.column_stack([320 + 230 * radius * np.cos(angles), 320 + 170 * radius * np.sin(angles)])
        yield Part(render(scene).rgb, outline, twin=render(another(scene, index)).rgb)


def another(scene: Scene, index: int) -> Scene:
    """The next specimen of the same style: other pieces of leather, other stitches, another light."""
    rng = np.random.default_rng(index)

    def cut(leather: Leather) -> Leather:
        return replace(leather, seed=int(rng.integers(2**31)))

    return replace(
        scene,
        seed=int(rng.integers(2**31)),
        base=cut(scene.base),
        light=a_light(rng),
        camera=replace(scene.camera, seed=int(rng.integers(2**31))),
        panels=tuple(replace(panel, leather=cut(panel.leather)) for panel in scene.panels),
        seams=tuple(replace(seam, seed=int(rng.integers(2**31))) for seam in scene.seams),
    )


def moved(part: Part, rng: np.random.Generator, background: RGB | None) -> Warped:
    """The part at another place in another light."""
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
    seen, gain = lit(photo, rng)
    told = {
        "on the reference's background": background is None,
        OTHER_BACKGROUND: background is not None,
        "mirrored": bool(flip[0, 0] < 0),
        "not mirrored": bool(flip[0, 0] > 0),
        "shifted by more than 10 %": float(np.abs(shift / (width, height)).max()) > 0.1,
        "turned by more than 13 degrees": abs(math.degrees(turn)) > 13,
        "scaled by more than 10 %": abs(scale - 1) > 0.1,
        "light below 0.75": gain < 0.75,
        "light above 1.25": gain > 1.25,
    }
    return Warped(seen, where, frozenset(kind for kind, so in told.items() if so))


def lit(photo: npt.NDArray[np.float32], rng: np.random.Generator) -> tuple[RGB, float]:
    """Other brightness, colour temperature and fall-off, noise, and a JPEG; and how bright, 1 as before."""
    height, width = photo.shape[:2]
    warmth = 0.2 * rng.uniform(-1, 1)
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    fall = 1 + rng.uniform(0, 1) * ((x / width - 0.5) * np.cos(angle) + (y / height - 0.5) * np.sin(angle))
    gain = rng.uniform(0.55, 1.5)
    linear = (photo.clip(0, 255) / 255) ** 2.2 * np.array([1 + warmth, 1, 1 - warmth]) * gain
    seen = 255 * (linear * fall[..., None]).clip(0, 1) ** (1 / 2.2)
    seen = (seen + rng.normal(0, rng.uniform(0, 4), seen.shape)).clip(0, 255).astype(np.uint8)
    _, jpeg = cv2.imencode(".jpg", seen, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(70, 96))])
    return np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), np.uint8), gain


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
