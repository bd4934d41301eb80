"""Shows what a part of a recipe is worth, by short runs with it and without, scored on the same unseen hides.

Each question gives the variants that answer it; all of them are learned and scored alike. Real alone,
rendered alone and both together tell how real the rendering is; a run without one of the two sets of hides
tells how far what is learned carries to leather, light and camera that it never saw.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np

from inspection.registry import Metric, Model
from training.candidates import make_candidate
from training.fitting import fit
from training.recipe import PROJECT, Architecture, BoxUse, DataPart, Recipe
from training.runs import RunFolder
from training.scoring import score
from training.timing import TILE_PX, time_in_turns

__all__ = ["What", "ablate", "table_file", "variants"]

BATCH, CROP_PX = 8, 192
"""Smaller than the recipe's, so that all runs together take minutes."""
NOTHING, WHOLE_ENCODER = -1, 7
"""Of ``frozen_stages``."""
AS_IT_IS = "as-it-is"
ROUNDS = 15
WIDTH = 110
OF_HIDES = "leather"
"""Sets of photos whose name begins so show hides; of those one is left out at a time."""
RENDERED = "rendered, families and threads never trained on"
SHOWN = (
    ("leather-hides", "pixel AP", "hides: pixel AP"),
    ("leather-hides", "AUPRO (to 0.3)", "hides: AUPRO (to 0.3)"),
    (
        "leather-line",
        "boxes found at 0.3 false regions per photo (threshold swept on test)",
        "line: boxes found at 0.3 false regions per photo",
    ),
    (
        "leather-line",
        "boxes found at 1 false regions per photo (threshold swept on test)",
        "line: boxes found at 1 false region per photo",
    ),
    ("leather-line", "boxes found at probability 0.5", "line: boxes found at probability 0.5"),
    (
        "leather-line",
        "false regions per photo at probability 0.5",
        "line: false regions per photo at probability 0.5",
    ),
    (
        RENDERED,
        "needle holes, AP within 0.5 mm",
        "rendered: needle holes, AP within 0.5 mm",
    ),
    (
        RENDERED,
        "thread, intersection over union",
        "rendered: thread, intersection over union",
    ),
)
"""(data, figure, how the table calls it)."""


class What(StrEnum):
    """What may be asked."""

    BOXES = "boxes"
    SOURCES = "sources"
    ENCODER = "encoder"
    PEER = "peer"


@dataclass(frozen=True)
class Variant:
    """One way of learning.

    Attributes
    ----------
    name : of its folder. said : how the table calls it.
    """

    name: str
    said: str
    recipe: Recipe


def _boxes(recipe: Recipe) -> list[Variant]:
    said = {
        BoxUse.NOTHING: "photos with boxes left out",
        BoxUse.OUTSIDE: "outside boxes is sound, inside unknown",
        BoxUse.FULL: "and each box holds its kind",
    }
    return [
        Variant(str(use), text, _learning_from(recipe, recipe.data.model_copy(update={"boxes": use})))
        for use, text in said.items()
    ]


def _learning_from(recipe: Recipe, data: DataPart) -> Recipe:
    return recipe.model_copy(update={"data": data})


def _sources(recipe: Recipe) -> list[Variant]:
    data = recipe.data
    real = data.model_copy(update={"scenes": None, "only_scenes": False})
    made = [Variant("real", "real photos alone", _learning_from(recipe, real))]
    if data.scenes is not None:
        rendered = data.model_copy(update={"only_scenes": True})
        made += [
            Variant("rendered", "rendered scenes alone", _learning_from(recipe, rendered)),
            Variant("both", "real photos and rendered scenes", recipe),
        ]
    hides = [name for name in data.sets if name.startswith(OF_HIDES)]
    if len(hides) > 1:
        for name in hides:
            left = data.model_copy(update={"sets": tuple(other for other in data.sets if other != name)})
            made.append(
                Variant(f"without-{name}", f"as both, but without {name}", _learning_from(recipe, left))
            )
    return made


def _encoder(recipe: Recipe) -> list[Variant]:
    own = recipe.network.frozen_stages
    said = {
        own: ("partly-frozen", f"stem and first {own} stages frozen, as the recipe says"),
        NOTHING: ("free", "nothing frozen"),
        WHOLE_ENCODER: ("frozen", "the whole encoder frozen"),
    }
    return [
        Variant(
            name,
            text,
            recipe.model_copy(
                update={"network": recipe.network.model_copy(update={"frozen_stages": stages})}
            ),
        )
        for stages, (name, text) in sorted(said.items())
    ]


def _peer(recipe: Recipe) -> list[Variant]:
    network = recipe.network.model_copy(update={"architecture": Architecture.PLAIN_UNET})
    # Without ImageNet weights its encoder has as much to learn as the rest.
    fitted = recipe.fit.model_copy(update={"encoder_factor": 1.0})
    return [
        Variant("leather", "the recipe's network", recipe),
        Variant(
            "unet-resnet34",
            "plain U-Net on ResNet-34",
            recipe.model_copy(update={"network": network, "fit": fitted}),
        ),
    ]


@dataclass(frozen=True)
class _Question:
    asked: str
    variants: Callable[[Recipe], list[Variant]]
    remark: str = ""
    timed: bool = False


QUESTIONS = {
    What.BOXES: _Question("What the loose boxes are worth", _boxes),
    What.SOURCES: _Question("What each source of photos is worth", _sources),
    What.ENCODER: _Question("What freezing the encoder is worth", _encoder),
    What.PEER: _Question(
        "Beside a plain U-Net",
        _peer,
        remark="The U-Net is that of segmentation-models-pytorch on ResNet-34, taught by the same loop. "
        "ImageNet weights for ResNet-34 could not be had, so its encoder begins with random ones and learns "
        "at the full rate; the recipe's network begins with ImageNet weights. How much of the difference is "
        "due to that these runs do not tell.",
        timed=True,
    ),
}


def variants(recipe: Recipe, what: What, *, steps: int) -> tuple[Variant, ...]:
    """The short runs that answer a question: few crops, small ones, no last stretch, one process."""
    part = {
        "steps": steps,
        "validate_every": steps,
        "batch": BATCH,
        "processes": 1,
        "threads": recipe.fit.processes * recipe.fit.threads,
    }
    short = recipe.model_copy(
        update={
            "data": recipe.data.model_copy(update={"crop_px": min(CROP_PX, recipe.data.crop_px)}),
            "finish": None,
            "fit": recipe.fit.model_copy(update=part),
        }
    )
    named = []
    for one in QUESTIONS[what].variants(short):
        # Every question has the recipe as it is among its variants: that one is learned once.
        name = f"{what}-{one.name}" if one.recipe != short else AS_IT_IS
        own = one.recipe.model_copy(update={"name": f"{recipe.name}-{name}"})
        named.append(Variant(one.name, one.said, own))
    return tuple(named)


def _interval(figures: Sequence[Metric], data: str, name: str) -> str:
    for figure in figures:
        if (figure.data, figure.name, figure.kind) == (data, name, "any"):
            if figure.low is None or figure.high is None:
                return f"{figure.value:.3f} (unknown)"
            return f"{figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f})"
    return "-"


def _times(models: Sequence[Model]) -> str:
    took = time_in_turns([(model.network, model.spec.outputs) for model in models], rounds=ROUNDS)
    quantiles = [np.quantile(one, (0.5, 0.1, 0.9)) for one in took]
    cells = [f"{middle:.0f} ({low:.0f} to {high:.0f})" for middle, low, high in quantiles]
    return f"| ms per {TILE_PX} px tile, all outputs, in turns; 10 to 90 % | {' | '.join(cells)} |"


def table_file(run: RunFolder, what: What) -> Path:
    """Where the table of a question lies."""
    return run.path / f"ablation-{what}.md"


def ablate(
    recipe: Recipe,
    run: RunFolder,
    what: What,
    *,
    steps: int,
    datasets_dir: Path = PROJECT / "datasets",
    quiet: bool = False,
) -> str:
    """Fit and score each variant for ``steps`` steps, and write the table to the run folder.

    Variants lie beside the run itself, whose pool of scenes they share. All are scored on the test photos of
    the recipe as it is, whatever they learned from.
    """
    question = QUESTIONS[what]
    chosen = variants(recipe, what, steps=steps)
    models, scored = [], []
    for one in chosen:
        own = RunFolder(run.path.parent / one.recipe.name)
        fit(one.recipe, own, datasets_dir=datasets_dir, quiet=quiet)
        models.append(make_candidate(one.recipe, own, datasets_dir=datasets_dir))
        scored.append(score(recipe, models[-1], datasets_dir=datasets_dir, quiet=quiet).metrics)
    rows = [
        f"| {said} | {' | '.join(_interval(figures, data, name) for figures in scored)} |"
        for data, name, said in SHOWN
    ]
    told = (
        f"{question.asked}: {steps} steps of {BATCH} crops of {chosen[0].recipe.data.crop_px} px each (short "
        "runs, so figures are lower than the shipped model's), through the ONNX file and `inspection`, on "
        "the same unseen photos; 95 % intervals in brackets, over photos for hides, over hides for line, "
        f"over scenes for rendered. {question.remark}"
    )
    lines = [
        *textwrap.wrap(told, WIDTH),
        "",
        f"| | {' | '.join(one.said for one in chosen)} |",
        "|---" * (len(chosen) + 1) + "|",
        *rows,
        *([_times(models)] if question.timed else []),
    ]
    table = "\n".join([*lines, ""])
    run.path.mkdir(parents=True, exist_ok=True)
    table_file(run, what).write_text(table, encoding="utf-8")
    return table
