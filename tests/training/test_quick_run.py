"""The whole way on a few photos: fit, kill, go on, score, export; and a refusal when the export is wrong."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from click.testing import CliRunner
from lightning_fabric import Fabric
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from inspection import registry
from inspection.errors import ConfigurationError
from training import candidates, exporting, fitting, runs
from training.__main__ import main
from training.architectures import build_network
from training.batches import Batches
from training.datasets import Split
from training.exporting import ParityError
from training.material import open_examples
from training.networks import Exported
from training.recipe import PROJECT, Precision, Recipe, read_recipe
from training.runs import RunFolder

pytestmark = [pytest.mark.train, pytest.mark.slow]

RECIPE = PROJECT / "training" / "recipes" / "quick.toml"
WAIT_S = 600.0


def _weights(run: RunFolder) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = torch.load(run.checkpoint, weights_only=False)["averaged"]
    return state


@pytest.fixture
def copy(finished: RunFolder, tmp_path: Path) -> RunFolder:
    """A copy of the finished run that a test may change."""
    return RunFolder(Path(shutil.copytree(finished.path, tmp_path / "runs" / finished.path.name)))


def test_a_finished_run_leaves_curves_samples_and_the_worst_answers(finished: RunFolder) -> None:
    for name in ("curves.png", "samples.png", "worst/list.json", "history.json", "checkpoint.pt"):
        assert (finished.path / name).stat().st_size > 0
    history = json.loads((finished.path / "history.json").read_text())
    assert [moment["step"] for moment in history] == [8, 16, 24]
    assert history[-1]["loss"] < history[0]["loss"]
    events = EventAccumulator(str(finished.path / runs.EVENTS))
    events.Reload()
    shown = [(event.step, event.value) for event in events.Scalars("validation/ap")]
    assert shown == [(moment["step"], pytest.approx(moment["val_ap"])) for moment in history]


def test_a_killed_run_goes_on_and_ends_as_if_nothing_had_happened(
    finished: RunFolder, quick: Recipe, tmp_path: Path
) -> None:
    run = RunFolder(tmp_path / quick.name)
    command = [sys.executable, "-m", "training", "fit", str(RECIPE), "--runs", str(tmp_path)]
    with subprocess.Popen(
        command, cwd=PROJECT, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=dict(os.environ)
    ) as process:
        until = time.monotonic() + WAIT_S
        while not run.checkpoint.is_file() and process.poll() is None and time.monotonic() < until:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    at = torch.load(run.checkpoint, weights_only=False)["step"]
    assert 0 < at < quick.fit.steps
    fitting.fit(quick, run, quiet=True)
    expected = _weights(finished)
    for name, value in _weights(run).items():
        np.testing.assert_allclose(value.numpy(), expected[name].numpy(), atol=1e-4, err_msg=name)


SMALL = """
[finish]
steps = 2
rate = 6e-4
box_share = 0.4
focus = 0.45
paste = 0.3
sound_share = 0.25
scenes_share = 0.28
scenes_focus = 0.3
"""


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A file with a recipe of few steps, in two stretches, that two processes share."""
    text = RECIPE.read_text()
    for was, now in (
        ("steps = 24", "steps = 6\nprocesses = 2"),
        ("warm_up = 4", "warm_up = 0"),
        ("validate_every = 8", "validate_every = 2"),
        ("threads = 2", "threads = 1"),
        ("crop_px = 128\nlimit = 6", "crop_px = 64\nlimit = 4"),
        ("[data.scenes]\ncount = 8\nshare = 0.25\n", ""),
    ):
        assert was in text
        text = text.replace(was, now)
    file = tmp_path / "quick.toml"
    file.write_text(text + SMALL)
    return file


def _fit_apart(recipe: Path, runs_dir: str, *, kill_at: Path | None = None) -> int:
    """Exit code of ``fit`` with a relative folder of runs; it is killed once a file is there."""
    path = os.pathsep.join([str(PROJECT), os.environ.get("PYTHONPATH", "")])
    with subprocess.Popen(
        [sys.executable, "-m", "training", "fit", recipe.name, "--runs", runs_dir],
        cwd=recipe.parent,
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            if kill_at is None:
                return process.wait(timeout=WAIT_S)
            until = time.monotonic() + WAIT_S
            while not kill_at.is_file() and process.poll() is None and time.monotonic() < until:
                time.sleep(0.01)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # the other one too, when they never met
    return process.returncode


def test_two_processes_fit_both_stretches_together_and_go_on_as_if_nothing_had_happened(shared: Path) -> None:
    # With a sign that ends the path of an address.
    whole, cut = (RunFolder(shared.parent / folder / "quick") for folder in ("runs #1", "runs #2"))
    assert _fit_apart(shared, "runs #1") == 0
    assert _fit_apart(shared, "runs #2", kill_at=cut.checkpoint) == -signal.SIGKILL
    recipe = read_recipe(shared)
    assert runs.read_checkpoint(cut, recipe)["step"] < recipe.fit.steps
    assert _fit_apart(shared, "runs #2") == 0
    for ours, theirs in zip(runs.stretches(recipe, whole), runs.stretches(recipe, cut), strict=True):
        one, other = (runs.read_checkpoint(run, own) for own, run in (ours, theirs))
        assert one["step"] == other["step"] == ours[0].fit.steps
        for name, value in one["averaged"].items():
            np.testing.assert_allclose(
                other["averaged"][name].numpy(), value.numpy(), atol=1e-6, err_msg=name
            )


def test_mixed_precision_learns_much_the_same_and_keeps_weights_in_32_bits(
    finished: RunFolder, quick: Recipe
) -> None:
    losses = []
    for precision in Precision:
        fit = quick.fit.model_copy(update={"steps": 2, "precision": precision})
        # Beside the finished run, whose pool of scenes they share.
        run = RunFolder(finished.path.parent / f"quick-{precision}")
        fitting.fit(quick.model_copy(update={"fit": fit}), run, quiet=True)
        losses.append(json.loads((run.path / "history.json").read_text())[-1]["loss"])
        assert {value.dtype for value in _weights(run).values()} <= {torch.float32, torch.int64}
    full, mixed = losses
    assert mixed == pytest.approx(full, rel=0.05)
    assert mixed != pytest.approx(full, rel=1e-5)


def test_losses_are_computed_in_32_bits_whatever_the_network_computes_in(
    quick: Recipe, datasets_dir: Path
) -> None:
    examples = open_examples(quick, Split.TRAIN, datasets_dir=datasets_dir)
    batch = Batches(examples, quick)[0]
    fabric = Fabric(accelerator="cpu", devices=1, precision="bf16-mixed")
    network = build_network(quick).eval()
    wrapped = fabric.setup(network)
    answers: list[torch.dtype] = []
    network.head.register_forward_hook(lambda *called: answers.append(called[-1].dtype))
    taught = fitting.teach(wrapped, network, batch, quick, step=0)
    assert answers == [torch.bfloat16]
    assert {part.dtype for part in taught} == {torch.float32}


def test_a_checkpoint_of_another_recipe_is_not_continued(copy: RunFolder, quick: Recipe) -> None:
    other = quick.model_copy(update={"seed": 99})
    with pytest.raises(ConfigurationError, match="another version"):
        fitting.fit(other, copy, quiet=True)


def test_thresholds_are_in_the_candidates_manifest(finished: RunFolder, quick: Recipe) -> None:
    manifest = registry.read_manifest(candidates.candidate_folder(finished))
    assert set(manifest.thresholds) == set(quick.kinds[1:])
    assert manifest.false_rejects == pytest.approx(0.1)
    assert [source.name for source in manifest.data] == list(quick.data.sets)
    assert all(source.photos > 0 for source in manifest.data)


def test_scores_name_their_data_count_and_interval(finished: RunFolder) -> None:
    figures = json.loads((finished.path / "score.json").read_text())["metrics"]
    names = {(figure["data"], figure["name"]) for figure in figures}
    assert ("leather-hides", "pixel AP") in names
    assert ("leather-line", "boxes found") in names
    assert ("leather-line", "false regions per photo") in names
    assert all(figure["n"] > 0 for figure in figures)
    assert "| pixel AP | any |" in (finished.path / "score.md").read_text()


def test_an_export_is_a_complete_model_that_serves(copy: RunFolder, quick: Recipe, tmp_path: Path) -> None:
    folder = exporting.export(quick, copy, models_dir=tmp_path / "models")
    model = registry.open_serving(tmp_path / "models", threads=1)
    assert model.folder == folder
    assert model.manifest.metrics
    card = (folder / "CARD.md").read_text()
    assert "CC BY 4.0" in card
    assert "must not be trusted" in card
    golden = registry.Golden.model_validate_json((folder / "golden" / "golden.json").read_bytes())
    assert [photo.file.startswith("sound-") for photo in golden.photos] == [False, True]


def test_an_export_that_differs_from_the_trained_network_writes_nothing(
    copy: RunFolder, quick: Recipe, tmp_path: Path
) -> None:
    network = runs.load_averaged(copy, quick)
    with torch.no_grad():
        network.head.bias[1] += 0.5
    with pytest.raises(ParityError, match="probabilities differ"):
        exporting.export(quick, copy, models_dir=tmp_path / "models", network=Exported(network))
    assert not (tmp_path / "models").exists()


def test_a_network_that_normalises_otherwise_is_refused(
    copy: RunFolder, quick: Recipe, tmp_path: Path
) -> None:
    class Darker(torch.nn.Module):
        """The trained network on a photo one grey level darker, as by another mean."""

        def __init__(self) -> None:
            super().__init__()
            self.inner = Exported(runs.load_averaged(copy, quick))

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            answer: torch.Tensor = self.inner(image.clamp(min=4) - 4)
            return answer

    with pytest.raises(ParityError):
        exporting.export(quick, copy, models_dir=tmp_path / "models", network=Darker())
    assert not (tmp_path / "models").exists()


def test_scores_of_another_network_are_not_published(copy: RunFolder, quick: Recipe, tmp_path: Path) -> None:
    file = copy.path / "score.json"
    content = json.loads(file.read_text())
    file.write_text(json.dumps({**content, "sha256": "0" * 64}))
    with pytest.raises(ConfigurationError, match="another network"):
        exporting.export(quick, copy, models_dir=tmp_path / "models")


def test_the_command_line_tells_what_is_missing(tmp_path: Path) -> None:
    runner = CliRunner()
    missing = runner.invoke(main, ["fit", str(tmp_path / "none.toml")])
    assert missing.exit_code == 1
    assert "Recipes are in training/recipes." in missing.output
    early = runner.invoke(main, ["export", str(RECIPE), "--runs", str(tmp_path)])
    assert early.exit_code == 1
    assert "Traceback" not in early.output


@pytest.mark.parametrize(
    "file", sorted((PROJECT / "training" / "recipes").glob("*.toml")), ids=lambda f: f.stem
)
def test_every_recipe_that_ships_is_valid(file: Path) -> None:
    assert read_recipe(file).name == file.stem


def test_a_misspelt_key_in_a_recipe_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "odd.toml"
    file.write_text(RECIPE.read_text().replace("warm_up", "warmup"))
    with pytest.raises(ConfigurationError, match="warmup"):
        read_recipe(file)
