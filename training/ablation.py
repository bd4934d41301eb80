"""Shows what the loose boxes are worth: one short run without them, one with half they say, one with all."""

from __future__ import annotations

from pathlib import Path

from inspection.registry import Metric
from training.candidates import make_candidate
from training.datasets import Split
from training.fitting import fit
from training.recipe import PROJECT, BoxUse, Recipe
from training.runs import RunFolder
from training.scoring import score

__all__ = ["ablate"]

SAID = {
    BoxUse.NOTHING: "photos with boxes left out",
    BoxUse.OUTSIDE: "outside boxes is sound, inside unknown",
    BoxUse.FULL: "and each box holds its kind",
}
SHOWN = (
    ("leather-hides", "pixel AP"),
    ("leather-hides", "AUPRO (to 0.3)"),
    ("leather-line", "boxes found at 0.3 false regions per photo (threshold swept on test)"),
    ("leather-line", "boxes found at 1 false regions per photo (threshold swept on test)"),
    ("leather-line", "boxes found at probability 0.5"),
    ("leather-line", "false regions per photo at probability 0.5"),
)


def _cell(figures: tuple[Metric, ...], data: str, name: str) -> str:
    for figure in figures:
        if (figure.data, figure.name, figure.kind) == (data, name, "any"):
            return f"{figure.value:.3g} ({figure.low:.3g} to {figure.high:.3g})"
    return "-"


def ablate(
    recipe: Recipe,
    run: RunFolder,
    *,
    steps: int,
    datasets_dir: Path = PROJECT / "datasets",
    quiet: bool = False,
) -> str:
    """Fit and score each use of the boxes for ``steps`` steps, and write the table into the run folder."""
    rows = []
    for use, said in SAID.items():
        variant = recipe.model_copy(
            update={
                "name": f"{recipe.name}-boxes-{use}",
                "data": recipe.data.model_copy(update={"boxes": use}),
                "finish": None,
                "fit": recipe.fit.model_copy(update={"steps": steps, "validate_every": steps}),
            }
        )
        own = RunFolder(run.path / f"boxes-{use}")
        fit(variant, own, datasets_dir=datasets_dir, quiet=quiet)
        model = make_candidate(variant, own, datasets_dir=datasets_dir)
        figures = score(variant, model, datasets_dir=datasets_dir, split=Split.TEST, quiet=quiet).metrics
        cells = [_cell(figures, data, name) for data, name in SHOWN]
        rows.append(f"| {use}: {said} | {' | '.join(cells)} |")
    heads = [f"{data}: {name}" for data, name in SHOWN]
    table = "\n".join(
        [
            f"What the boxes are worth: the same recipe for {steps} steps each (short runs, so figures are",
            "lower than the shipped model's), scored on the same unseen hides; 95 % intervals in brackets.",
            "",
            f"| use of boxes | {' | '.join(heads)} |",
            "|---" * (len(SHOWN) + 1) + "|",
            *rows,
            "",
        ]
    )
    (run.path / "ablation.md").write_text(table, encoding="utf-8")
    return table
