"""Which single change of the scenes brings rendered leather nearer to real leather, each tried by itself.

A change takes scenes to scenes. Both arms of a trial render the same scenes of the same seeds, so what the
draw of the scenes does to the distance falls out of the difference. The interval comes from drawing the real
photos and the scenes again with replacement, the same scenes in both arms. Changes that help at first are
tried again on scenes that nothing was chosen by, and more of them: of a hundred changes that do nothing, some
always look well once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from inspection.errors import ConfigurationError, UnknownNameError
from training.synthesis import realism
from training.synthesis.noise import stream
from training.synthesis.raster import F64
from training.synthesis.render import render
from training.synthesis.scene import Lamp, Scene

DRAWS = 400
AGAIN = 3
"""How many times more scenes the second try has."""
_FRESH = 1000  # added to the seed for the second try
_MEANT = 95  # per cent of the draws within an interval

Change = Callable[[Scene], Scene]


def _camera(**times: float) -> Change:
    """Fields of the camera, each multiplied."""

    def change(scene: Scene) -> Scene:
        camera = scene.camera
        return replace(
            scene, camera=replace(camera, **{k: getattr(camera, k) * by for k, by in times.items()})
        )

    return change


def _camera_set(**values: float | bool | None) -> Change:
    """Fields of the camera, each set."""
    return lambda scene: replace(scene, camera=replace(scene.camera, **values))  # type: ignore[arg-type]


def _sharper(by: float) -> Change:
    return lambda scene: replace(scene, camera=replace(scene.camera, sharpen=scene.camera.sharpen + by))


def _light(**times: float) -> Change:
    """Fields of the light, each multiplied."""

    def change(scene: Scene) -> Scene:
        light = scene.light
        return replace(scene, light=replace(light, **{k: getattr(light, k) * by for k, by in times.items()}))

    return change


def _ambient(towards: float) -> Change:
    """Half of the way to an even light of that share."""
    return lambda scene: replace(
        scene, light=replace(scene.light, ambient=0.5 * (scene.light.ambient + towards))
    )


def _raised(by_deg: float) -> Change:
    """All lamps higher above the leather, or lower."""

    def moved(lamp: Lamp) -> Lamp:
        return replace(lamp, elevation_deg=float(np.clip(lamp.elevation_deg + by_deg, 8, 88)))

    return lambda scene: replace(
        scene, light=replace(scene.light, lamps=tuple(map(moved, scene.light.lamps)))
    )


def _one_lamp(scene: Scene) -> Scene:
    strongest = max(scene.light.lamps, key=lambda lamp: lamp.power)
    return replace(scene, light=replace(scene.light, lamps=(replace(strongest, power=1.0),)))


def _leather(**times: float) -> Change:
    """Fields of the leather, each multiplied."""

    def change(scene: Scene) -> Scene:
        base = scene.base
        return replace(scene, base=replace(base, **{k: getattr(base, k) * by for k, by in times.items()}))

    return change


def _leather_more(**add: float) -> Change:
    """Fields of the leather that are shares, each raised or lowered within its range."""

    def change(scene: Scene) -> Scene:
        base = scene.base
        raised = {k: float(np.clip(getattr(base, k) + by, 0.05, 1.0)) for k, by in add.items()}
        return replace(scene, base=replace(base, **raised))  # type: ignore[arg-type]

    return change


def _longer_cells(scene: Scene) -> Scene:
    return replace(scene, base=replace(scene.base, stretch=min(4.0, 1.5 * scene.base.stretch)))


def _more_pores(scene: Scene) -> Scene:
    return replace(scene, base=replace(scene.base, pores=scene.base.pores + 2.0))


CHANGES: dict[str, Change] = {
    # leather
    "grain finer": _leather(grain_mm=0.65),
    "grain coarser": _leather(grain_mm=1.5),
    "grain shallower": _leather(depth_mm=0.5),
    "grain deeper": _leather(depth_mm=2.0),
    "cells round": lambda scene: replace(scene, base=replace(scene.base, stretch=1.0)),
    "cells longer": _longer_cells,
    "valleys not darker": _leather(valley=0.0),
    "valleys darker": _leather_more(valley=0.15),
    "shinier": _leather_more(roughness=-0.12),
    "duller": _leather_more(roughness=0.15),
    "no sheen": _leather(sheen=0.0),
    "more sheen": _leather(sheen=2.0),
    "no drift of tone": _leather(drift=0.0),
    "more drift of tone": _leather(drift=2.0),
    "no creases": _leather(creases=0.0),
    "more creases": _leather_more(creases=0.4),
    "no pores": _leather(pores=0.0),
    "more pores": _more_pores,
    "less mottled": _leather(mottle=0.5),
    "more mottled": _leather(mottle=2.0),
    "less lint": _leather(lint=0.4),
    "more lint": _leather(lint=2.5),
    # light
    "no fall-off": _light(falloff=0.0),
    "more fall-off": _light(falloff=2.0),
    "lamps far": _light(lean=0.0),
    "lamps near": _light(lean=2.0),
    "more even light": _ambient(0.8),
    "less even light": _ambient(0.0),
    "lamps higher": _raised(15.0),
    "lamps lower": _raised(-15.0),
    "one lamp": _one_lamp,
    # camera
    "no defocus": _camera(blur_px=0.5, corner_blur_px=0.0),
    "more defocus": _camera(blur_px=1.5),
    "no motion": _camera(motion_px=0.0),
    "no sharpening": _camera(sharpen=0.0),
    "more sharpening": _sharper(0.6),
    "far more sharpening": _sharper(1.5),
    "less noise": _camera(shot=0.4, read=0.4),
    "more noise": _camera(shot=2.0, read=2.0),
    "colour at every pixel": _camera_set(bayer=False),
    "colour by mosaic": _camera_set(bayer=True),
    "lossless file": _camera_set(jpeg=None),
    "smaller file": _camera_set(jpeg=80),
    "brighter": _camera(exposure=1.4),
    "darker": _camera(exposure=0.7),
    "flat tone curve": _camera_set(contrast=0.0),
    "steep tone curve": _camera_set(contrast=0.6),
    "no vignette": _camera(vignette=0.0),
    "exact metering": _camera_set(metering=1.0),
    "no metering": _camera_set(metering=0.0),
}
"""Every change that is tried, by name. New fields of a scene belong here, one up and one down."""


@dataclass(frozen=True)
class Interval:
    """A difference of kernel distances times 1000, below 0 where the change brings rendered leather nearer.

    Attributes
    ----------
    low, high : the middle 95 % of the draws.
    """

    value: float
    low: float
    high: float

    @property
    def nearer(self) -> bool:
        """Whether all of the interval lies below 0."""
        return self.high < 0

    @property
    def further(self) -> bool:
        """Whether all of the interval lies above 0."""
        return self.low > 0


@dataclass(frozen=True)
class Trial:
    """What one change does to one family.

    Attributes
    ----------
    now : kernel distance times 1000 without the change. first : its difference on the first scenes.
    again : on fresh ones, where it helped at first; None where it did not.
    """

    leather: str
    change: str
    now: float
    first: Interval
    again: Interval | None

    @property
    def helps(self) -> bool:
        """Whether it brought rendered leather nearer both times."""
        return self.first.nearer and self.again is not None and self.again.nearer


def tried(
    datasets_dir: Path,
    *,
    leathers: Sequence[str],
    changes: Sequence[str],
    count: int,
    seed: int,
    told: Callable[[str], object],
) -> list[Trial]:
    """Tries changes on each kind of real leather, ``count`` scenes first and `AGAIN` times more for winners.

    Parameters
    ----------
    leathers : names of `realism.MATCHES`, empty for all. changes : of `CHANGES`, empty for all.

    Raises
    ------
    ConfigurationError : see `realism.measure`. UnknownNameError : no such leather or change.

    ``told`` hears of each trial when it has ended.
    """
    if count < 4:
        raise ConfigurationError(f"{count} scenes say nothing", hint="Give a count of 4 or more.")
    for name in changes:
        if name not in CHANGES:
            raise UnknownNameError(f"there is no change {name!r}", hint=f"Known: {', '.join(CHANGES)}.")
    found: list[Trial] = []
    for match in realism.matches(leathers):
        first = _Arm.of(match, datasets_dir, count=count, seed=seed)
        again: _Arm | None = None
        for name in changes or CHANGES:
            difference = first.difference(CHANGES[name])
            second: Interval | None = None
            if difference.nearer:
                again = again or _Arm.of(match, datasets_dir, count=AGAIN * count, seed=seed + _FRESH)
                second = again.difference(CHANGES[name])
            found.append(Trial(match.name, name, first.now, difference, second))
            told(f"{match.name}, {name}: {_cell(found[-1])}")
    return found


@dataclass(frozen=True, eq=False)
class _Arm:
    """The scenes without the change, and what every change of them is compared with.

    Attributes
    ----------
    true : (N, D) features of the real crops; made : (M, D) of the rendered ones; both scaled alike.
    of_photos, of_scenes : (DRAWS, N) and (DRAWS, M), how often each real crop and each scene is in each draw.
    """

    scenes: tuple[Scene, ...]
    true: F64
    made: F64
    scale: float
    of_photos: F64
    of_scenes: F64

    @staticmethod
    def of(match: realism.Match, datasets_dir: Path, *, count: int, seed: int) -> _Arm:
        real = realism.real_leather(match, datasets_dir)
        scenes = tuple(realism.scenes_like(match, real, count=count, seed=seed, rigs=(match.rig,)))
        true = realism.features(real.crops)
        scale = realism.scale_of(true)
        rng = stream(seed, "draws")
        names, number = np.unique(real.photo, return_inverse=True)
        photos = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=DRAWS)
        drawn = rng.multinomial(count, np.full(count, 1 / count), size=DRAWS)
        return _Arm(
            scenes=scenes,
            true=true / scale,
            made=realism.features([render(scene).rgb for scene in scenes]) / scale,
            scale=scale,
            of_photos=photos[:, number].astype(np.float64),
            of_scenes=drawn.astype(np.float64),
        )

    @property
    def now(self) -> float:
        return 1000 * realism.kernel_distance(self.true, self.made)

    def difference(self, change: Change) -> Interval:
        other = realism.features([render(change(scene)).rgb for scene in self.scenes]) / self.scale
        return paired(self.true, self.made, other, self.of_photos, self.of_scenes)


def paired(true: F64, made: F64, other: F64, of_true: F64, of_made: F64) -> Interval:
    """By how much the kernel distance to ``true`` is larger from ``other`` than from ``made``, times 1000.

    Parameters
    ----------
    true : (N, D). made, other : (M, D), row by row from the same scenes.
    of_true, of_made : (B, N) and (B, M), how often each row is in each of B draws.
    """
    one = np.ones(len(made))[None]
    value = _apart(true, other, np.ones(len(true))[None], one) - _apart(
        true, made, np.ones(len(true))[None], one
    )
    drawn = _apart(true, other, of_true, of_made) - _apart(true, made, of_true, of_made)
    low, high = np.percentile(drawn, [(100 - _MEANT) / 2, (100 + _MEANT) / 2])
    return Interval(1000 * float(value[0]), 1000 * float(low), 1000 * float(high))


def _apart(true: F64, made: F64, of_true: F64, of_made: F64) -> F64:
    """(B,) the kernel distance of each draw, but for the part within ``true``, which no change changes."""
    within = realism.kernel(made, made)
    np.fill_diagonal(within, 0)
    pairs = of_made.sum(1) ** 2 - (of_made**2).sum(1)
    own = ((of_made @ within) * of_made).sum(1) / pairs
    across = ((of_true @ realism.kernel(true, made)) * of_made).sum(1) / (of_true.sum(1) * of_made.sum(1))
    return np.asarray(own - 2 * across, np.float64)


def as_table(trials: Sequence[Trial]) -> str:
    """A line per change and a column per leather, as Markdown; bold where the change helped twice."""
    leathers = list(dict.fromkeys(trial.leather for trial in trials))
    now = {trial.leather: trial.now for trial in trials}
    heads = [f"{name}, now {now[name]:.0f}" for name in leathers]
    lines = [f"| change | {' | '.join(heads)} |", "|---" * (1 + len(leathers)) + "|"]
    for change in dict.fromkeys(trial.change for trial in trials):
        cells = {trial.leather: _cell(trial) for trial in trials if trial.change == change}
        lines.append(f"| {change} | {' | '.join(cells.get(name, '') for name in leathers)} |")
    return "\n".join(lines)


def _cell(trial: Trial) -> str:
    first = _said(trial.first)
    if trial.again is None:
        return first
    both = f"{first}, then {_said(trial.again)}"
    return f"**{both}**" if trial.helps else both


def _said(interval: Interval) -> str:
    return f"{interval.value:+.0f} ({interval.low:+.0f} to {interval.high:+.0f})"
