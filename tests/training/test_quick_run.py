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
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from inspection import registry
from inspection.errors import ConfigurationError
from training import candidates, exporting, fitting
from training.__main__ import main
from training.exporting import ParityError
from training.fitting import RunFolder
from training.networks import Exported
from training.recipe import PROJECT, Recipe, read_recipe

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
    for name in ("curves.png", "samples.png", "worst.png", "history.json", "checkpoint.pt"):
        assert (finished.path / name).stat().st_size > 0
    history = json.loads((finished.path / "history.json").read_text())
    assert [moment["step"] for moment in history] == [8, 16, 24]
    assert history[-1]["loss"] < history[0]["loss"]
    events = EventAccumulator(str(finished.path / fitting.EVENTS))
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


def test_two_processes_fit_together_in_a_run_folder_with_any_name(tmp_path: Path) -> None:
    recipe = tmp_path / "quick.toml"
    shared = (
        RECIPE.read_text()
        .replace("steps = 24", "steps = 2\nprocesses = 2")
        .replace("warm_up = 4", "warm_up = 0")
    )
    recipe.write_text(shared)
    # Relative, and with a sign that ends the path of an address.
    command = [sys.executable, "-m", "training", "fit", str(recipe), "--runs", "runs #1"]
    path = os.pathsep.join([str(PROJECT), os.environ.get("PYTHONPATH", "")])
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            assert process.wait(timeout=WAIT_S) == 0
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # the other one too, when they never met
    run = RunFolder(tmp_path / "runs #1" / "quick")
    assert torch.load(run.checkpoint, weights_only=False)["step"] == 2
    assert not list(run.path.glob("meeting-*"))


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
    network = fitting.load_averaged(copy, quick)
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
            self.inner = Exported(fitting.load_averaged(copy, quick))

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
