"""Options and fixtures that every test may use."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import factories


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that rewrite files; their diff is for a person to review."""
    parser.addoption("--update-golden", action="store_true", help="rewrite the files of tests/golden")
    parser.addoption("--write-screenshots", action="store_true", help="rewrite the pictures of docs/images")


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be rewritten instead of compared."""
    return bool(request.config.getoption("--update-golden"))


@pytest.fixture(scope="session")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder whose serving model is the dark-spot model; read only, shared by all tests."""
    return factories.write_models(tmp_path_factory.mktemp("models"))
