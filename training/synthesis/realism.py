"""How far rendered leather lies from real leather in the eyes of the encoder, per family.

The measure is the kernel distance: the squared maximum mean discrepancy of EfficientNet-Lite0 features under
the kernel (x·y / d + 1)³, without bias, so that two samples of the same photos give 0 on average, and may
give less. It is set beside the distance between two halves of the real photos themselves. Two kinds of halves
are told apart: halves of photos, where crops of one hide are on both sides, and halves of hides, where they
are not. The first is the floor that nothing can beat; the second is how far one real hide is from another.

Only photos that may be used for training are looked at, and only where no defect is marked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from inspection.errors import ConfigurationError, UnknownNameError
from training.datasets import PAINTED, Shot, Split, open_dataset
from training.synthesis import sampling
from training.synthesis.noise import stream
from training.synthesis.raster import F64, U8
from training.synthesis.render import render
from training.synthesis.sampling import Request, sample
from training.synthesis.scene import Rgb, Scene

CROP_PX = 128
_DRAWS = 20  # random halves


@dataclass(frozen=True)
class Match:
    """Real photos of a kind of leather, and the rendered families and the rig that should look like them."""

    name: str
    dataset: str
    groups: str
    families: tuple[str, ...]
    rig: str


MATCHES = (
    Match("smooth", "leather-hides", "smooth", ("smooth", "full_grain"), "still"),
    Match("suede", "leather-hides", "suede", ("suede", "nubuck"), "still"),
    Match("pebbled", "leather-line", "hide", ("pebbled",), "line"),
)


@dataclass(frozen=True)
class Distance:
    """Kernel distances times 1000 of one family: mean, and half the width of the middle 95 %.

    Attributes
    ----------
    rendered : rendered, under the rig of the real photos, to real. every_rig : the same under any rig, as
        scenes are drawn for training. between_photos : half of the real photos to the other half.
    between_hides : half of the real hides to the other half.
    """

    family: str
    crops: int
    hides: int
    rendered: tuple[float, float]
    every_rig: tuple[float, float]
    between_photos: tuple[float, float]
    between_hides: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Real:
    """Sound crops of real photos.

    Attributes
    ----------
    crops : (CROP_PX, CROP_PX, 3) each. photo, hide : (N,) number of the photo and the hide of each.
    """

    crops: list[U8]
    photo: np.ndarray
    hide: np.ndarray
    mm_per_px: float


def matches(names: Sequence[str]) -> tuple[Match, ...]:
    """The kinds of real leather of these names, or all where none is given.

    Raises
    ------
    UnknownNameError : there is no such kind.
    """
    known = {match.name: match for match in MATCHES}
    for name in names:
        if name not in known:
            raise UnknownNameError(
                f"no real photos show {name!r} leather", hint=f"Known: {', '.join(known)}."
            )
    return tuple(known[name] for name in names) or MATCHES


def measure(
    datasets_dir: Path, *, count: int, seed: int, told: Callable[[str], object], leathers: Sequence[str] = ()
) -> list[Distance]:
    """The distances of every family, from ``count`` rendered crops each.

    Raises
    ------
    ConfigurationError : a data set is missing or changed, or there are too few photos to compare.
    UnknownNameError : ``leathers`` names a kind that no real photos show.
    """
    if count < 2:
        raise ConfigurationError(f"{count} crops cannot be compared", hint="Give a count of 2 or more.")
    found = []
    for match in matches(leathers):
        told(match.name)
        real = real_leather(match, datasets_dir)
        own, every = (
            features(
                [render(scene).rgb for scene in scenes_like(match, real, count=count, seed=seed, rigs=rigs)]
            )
            for rigs in ((match.rig,), ())
        )
        found.append(_compare(match.name, real, features(real.crops), own, every, seed))
    return found


def real_leather(match: Match, datasets_dir: Path) -> Real:
    """The sound crops of a kind of leather from the photos that may be used for training.

    Raises
    ------
    ConfigurationError : see `measure`.
    """
    _, shots = open_dataset(datasets_dir, match.dataset)
    crops: list[U8] = []
    photo, hide = [], []
    mine = [shot for shot in shots if shot.split is Split.TRAIN and shot.group.startswith(match.groups)]
    names = sorted({shot.group for shot in mine})
    for number, shot in enumerate(mine):
        for crop in _sound_crops(shot):
            crops.append(crop)
            photo.append(number)
            hide.append(names.index(shot.group))
    if len(set(photo)) < 4 or len(names) < 2:
        raise ConfigurationError(
            f"{match.dataset} has too few photos of {match.name} leather to compare with",
            hint="Restore the folder datasets/ from the project.",
        )
    return Real(crops, np.array(photo), np.array(hide), mine[0].mm_per_px)


def _sound_crops(shot: Shot) -> list[U8]:
    """Up to four crops of a photo that touch no marked defect."""
    body = cv2.imread(str(shot.file))
    if body is None:
        return []
    rgb = np.ascontiguousarray(np.asarray(body, np.uint8)[..., ::-1])
    bad = np.zeros(rgb.shape[:2], bool)
    if shot.mask_file is not None:
        mask = cv2.imread(str(shot.mask_file), cv2.IMREAD_GRAYSCALE)
        if mask is not None:
            bad |= np.asarray(mask) >= PAINTED
    for box in shot.boxes:
        bad[int(box.y) : int(box.y + box.height) + 1, int(box.x) : int(box.x + box.width) + 1] = True
    height, width = rgb.shape[0], rgb.shape[1]
    tops = np.linspace(0, height - CROP_PX, 2 if height < 400 else 4).astype(int)
    lefts = np.linspace(0, width - CROP_PX, 2 if width < 400 else 4).astype(int)
    places = [(t, x) for t in tops for x in lefts if not bad[t : t + CROP_PX, x : x + CROP_PX].any()]
    return [
        np.ascontiguousarray(rgb[t : t + CROP_PX, x : x + CROP_PX])
        for t, x in places[:: max(1, len(places) // 4)]
    ][:4]


def scenes_like(match: Match, real: Real, *, count: int, seed: int, rigs: tuple[str, ...]) -> Iterator[Scene]:
    """Scenes of plain leather at the real photos' scale, of colours drawn from theirs, under these rigs."""
    request = Request(
        side_px=CROP_PX,
        mm_per_px=(real.mm_per_px, real.mm_per_px),
        families=match.families,
        sound=1.0,
        leather_only=1.0,
        distractors=0.0,
        rigs=rigs,
    )
    colours = [_reflectance(crop) for crop in real.crops]
    turn = stream(seed, "turn").permutation(len(colours))
    for index in range(count):  # each crop's colour as often as any other, so that few scenes do for a figure
        rng = stream(seed, "colour", index)
        scene = sample(request, seed=seed, index=index)
        colour = sampling.tinted(rng, colours[turn[index % len(turn)]], 0.03)
        yield replace(scene, base=replace(scene.base, colour=colour))


def _reflectance(crop: U8) -> Rgb:
    """What a leather of the crop's usual colour would reflect, were the photo exposed so that white is white.

    The median, because on dark leather it is glints that make the mean.
    """
    linear = (crop.astype(np.float64) / 255) ** 2.2
    r, g, b = (float(np.clip(value, 0.01, 0.8)) for value in np.median(linear, (0, 1)))
    return r, g, b


def features(crops: Sequence[U8]) -> F64:
    """Mean activations (N, D) of the encoder's last two stages."""
    import torch

    from training.networks import build

    encoder = build(kinds=2, decoder_channels=(16, 16, 16, 16), frozen_stages=-1).encoder.eval()
    found = []
    with torch.inference_mode():
        for start in range(0, len(crops), 16):
            batch = np.stack(crops[start : start + 16]).astype(np.float32).transpose(0, 3, 1, 2)
            maps = encoder((torch.from_numpy(batch) - 127.0) / 128.0)
            found.append(torch.cat([each.mean((2, 3)) for each in maps[-2:]], dim=1).numpy())
    return np.concatenate(found).astype(np.float64)


def scale_of(true: F64) -> float:
    """What features are divided by, so that the kernel sees real ones with a mean square of 1."""
    return float(np.sqrt((true**2).mean()))


def kernel(x: F64, y: F64) -> F64:
    """(N, M) the kernel (x·y / D + 1)³ of two samples (N, D) and (M, D)."""
    return np.asarray((x @ y.T / x.shape[1] + 1) ** 3, np.float64)


def kernel_distance(x: F64, y: F64) -> float:
    """Squared maximum mean discrepancy of two samples (N, D), (M, D) under `kernel`, without bias."""
    xx, yy, xy = kernel(x, x), kernel(y, y), kernel(x, y)
    n, m = len(x), len(y)
    within = (xx.sum() - np.trace(xx)) / (n * (n - 1)) + (yy.sum() - np.trace(yy)) / (m * (m - 1))
    return float(within - 2 * xy.mean())


def _compare(family: str, real: Real, true: F64, own: F64, every: F64, seed: int) -> Distance:
    scale = scale_of(true)
    true, own, every = true / scale, own / scale, every / scale
    rng = stream(seed, "halves")
    return Distance(
        family,
        crops=len(true),
        hides=len(set(real.hide.tolist())),
        rendered=_spread([kernel_distance(_some(rng, true), _some(rng, own)) for _ in range(_DRAWS)]),
        every_rig=_spread([kernel_distance(_some(rng, true), _some(rng, every)) for _ in range(_DRAWS)]),
        between_photos=_spread([_halved(rng, true, real.photo) for _ in range(_DRAWS)]),
        between_hides=_spread([_halved(rng, true, real.hide) for _ in range(_DRAWS)]),
    )


def _some(rng: np.random.Generator, values: F64) -> F64:
    return np.asarray(values[rng.permutation(len(values))[: max(2, len(values) // 2)]], np.float64)


def _halved(rng: np.random.Generator, values: F64, group: np.ndarray) -> float:
    names = rng.permutation(np.unique(group))
    first = np.isin(group, names[: len(names) // 2])
    return kernel_distance(values[first], values[~first])


def _spread(values: Sequence[float]) -> tuple[float, float]:
    low, high = np.percentile(values, [2.5, 97.5])
    return 1000 * float(np.mean(values)), 500 * float(high - low)


def as_table(distances: Sequence[Distance]) -> str:
    """The figures as a Markdown table."""
    titles = (
        "family",
        "real crops",
        "real hides",
        "rendered, own rig",
        "rendered, every rig",
        "photos to photos",
        "hides to hides",
    )
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for each in distances:
        figures = (each.rendered, each.every_rig, each.between_photos, each.between_hides)
        cells = " | ".join(f"{mean:.0f} ± {wide:.0f}" for mean, wide in figures)
        lines.append(f"| {each.family} | {each.crops} | {each.hides} | {cells} |")
    return "\n".join(lines)
