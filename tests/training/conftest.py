"""A finished quick run, made once for all tests that need one."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from pathlib import Path

from training import candidates, fitting, scoring
from training.recipe import PROJECT, Recipe, read_recipe
from training.runs import RunFolder


@pytest.fixture(scope="session")
def quick() -> Recipe:
    """The recipe that ends in two minutes."""
    return read_recipe(PROJECT / "training" / "recipes" / "quick.toml")


@pytest.fixture(scope="session")
def finished(quick: Recipe, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The quick recipe, fitted and scored; read only, shared by all tests."""
    run = RunFolder(tmp_path_factory.mktemp("runs") / quick.name)
    fitting.fit(quick, run, quiet=True)
    model = candidates.make_candidate(quick, run)
    scoring.write_score(scoring.score(quick, model, quiet=True), run.path)
    return run


@pytest.fixture(scope="session")
def datasets_dir() -> Path:
    """The data sets of this checkout."""
    return PROJECT / "datasets"
