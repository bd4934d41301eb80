"""A gauge study of rendered seams: ten parts, two cameras, three photos each, held against statsmodels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from bench import seams
from bench.table import Figure
from inspection.gauge import analyse, linearity
from inspection.registry import open_serving
from inspection.seams import find_seams
from training.synthesis.render import render
from training.synthesis.sampling import Request, sample
from training.synthesis.scene import Camera, Scene

__all__ = ["by_statsmodels", "measure"]

SEED = 5_500_005
PARTS, REPEATS = 10, 3
CAMERAS = {"left": 0.15, "right": 0.12}
"""Millimetres per pixel; the right one is tilted, with a bent lens."""
FIELD_MM = 90.0
FEWEST_HOLES = 15


def by_statsmodels(values: npt.NDArray[np.float64], *, pool: bool) -> tuple[float, float, float, float]:
    """EV, AV with interaction, PV and %GRR of values (parts, operators, repeats), by another's arithmetic.

    Parameters
    ----------
    pool : whether the interaction counts as repeatability.
    """
    p, o, r = values.shape
    part, operator, _ = np.indices(values.shape)
    table = pandas.DataFrame({"value": values.ravel(), "part": part.ravel(), "operator": operator.ravel()})
    model = "value ~ C(part) + C(operator)" + ("" if pool else " + C(part):C(operator)")
    square = anova_lm(ols(model, table).fit())["mean_sq"]
    ms_error = float(square["Residual"])
    ms_both = ms_error if pool else float(square["C(part):C(operator)"])
    interaction = max(0.0, (ms_both - ms_error) / r)
    operators = max(0.0, (float(square["C(operator)"]) - ms_both) / (p * r))
    parts = max(0.0, (float(square["C(part)"]) - ms_both) / (o * r))
    grr = ms_error + operators + interaction
    return ms_error**0.5, (operators + interaction) ** 0.5, parts**0.5, 100 * (grr / (grr + parts)) ** 0.5


def measure(models_dir: Path) -> list[Figure]:
    """%GRR of the mean pitch through the served model, the same by statsmodels, bias and linearity."""
    model = open_serving(models_dir, threads=1)
    served = seams.served_by(model)
    values = np.full((PARTS, len(CAMERAS), REPEATS), np.nan)
    true_mm = np.zeros(PARTS)
    for part, scene in enumerate(_scenes()):
        for camera, mm_per_px in enumerate(CAMERAS.values()):
            for repeat in range(REPEATS):
                made = render(_photographed(scene, mm_per_px, tilted=camera == 1, seed=100 * part + repeat))
                true_mm[part] = made.truth.rows[0].pitch_mm.mean()
                maps, zone, calibration = served(made, 0), seams.whole_photo(made), seams.calibration_of(made)
                seam = find_seams(maps, made.rgb, (zone,), calibration, spec=model.spec)[0]
                measured = seam.measured("pitch_mean_mm")
                values[part, camera, repeat] = np.nan if measured is None else measured.value
    names = tuple(f"row {part + 1}" for part in range(PARTS))
    study = analyse(names, tuple(CAMERAS), values)
    again = by_statsmodels(values, pool=study.pooled)[3]
    share = study.share(study.grr)
    found = linearity(true_mm, values)
    of = f"mean pitch of {PARTS} rendered rows, {len(CAMERAS)} cameras, {REPEATS} photos each"
    return [
        Figure(f"{of}: %GRR (ndc {study.ndc})", f"{share:.3f}", "≤ 10", share <= 10),
        Figure(
            f"{of}: the same by statsmodels, off by a share of",
            f"{abs(again / share - 1):.1e}",
            "≤ 0.01",
            abs(again / share - 1) <= 0.01,
        ),
        Figure(f"{of}: bias, mm", f"{np.mean(values - true_mm[:, None, None]):.4f}", "", None),
        Figure(f"{of}: slope of the bias (p = {found.slope_p:.2f})", f"{found.slope:.5f}", "", None),
    ]


def _scenes() -> Iterator[Scene]:
    """Scenes with one row of stitches and nothing wrong with it."""
    request = Request(side_px=600, mm_per_px=(0.15, 0.15), sound=1.0, leather_only=0.0, distractors=0.0)
    found = index = 0
    while found < PARTS:
        scene = sample(replace(request, families=seams.FAMILIES), seed=SEED, index=index)
        index += 1
        if sum(seam.rows for seam in scene.seams) != 1:
            continue
        if (
            len(render(_photographed(scene, 0.12, tilted=True, seed=0)).truth.rows[0].holes_px)
            >= FEWEST_HOLES
        ):
            found += 1
            yield scene


def _photographed(scene: Scene, mm_per_px: float, *, tilted: bool, seed: int) -> Scene:
    """The scene through one of the cameras; light and focus differ a little from photo to photo."""
    rng = np.random.default_rng(seed)
    side = round(FIELD_MM / mm_per_px)
    camera: Camera = replace(
        scene.camera,
        seed=seed,
        tilt_x=0.03 if tilted else 0.0,
        tilt_y=-0.02 if tilted else 0.0,
        distortion=0.02 if tilted else 0.0,
        exposure=scene.camera.exposure * float(rng.uniform(0.93, 1.07)),
        blur_px=scene.camera.blur_px + float(rng.uniform(0, 0.2)),
    )
    return replace(scene, camera=camera, mm_per_px=mm_per_px, width_px=side, height_px=side)
