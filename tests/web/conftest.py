"""One running service for the tests that only ask; those that break things start their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import factories
from tests.web.serving import Served, make_settings, serve


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory, models_dir: Path) -> Iterator[Served]:
    """A service that is ready, with a small upload limit; shared, so tests must not break it."""
    settings = make_settings(
        tmp_path_factory.mktemp("served"), models_dir, max_upload_mb=2, max_photo_mp=4, queue_length=64
    )
    with serve(settings) as service:
        yield service


@pytest.fixture(scope="session")
def photo() -> bytes:
    """A JPEG of leather with one hole of 5 mm."""
    return factories.make_jpeg([factories.Spot(at_mm=(20, 20), length_mm=5, width_mm=3)])
