"""A model with an embedding, good photos of one style, and a store to teach in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from inspection import locating, registry
from inspection.novelty import GoodPhoto
from inspection.recipes import Recipe, open_recipes
from inspection.registry import Model
from inspection.store import Photos, Store, open_photos, open_store
from tests import factories


@pytest.fixture(scope="session")
def embedding_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder whose model gives features."""
    return factories.write_models(tmp_path_factory.mktemp("models"), embedding=True)


@pytest.fixture(scope="session")
def embedding_model(embedding_dir: Path) -> Model:
    return registry.open_serving(embedding_dir, threads=1)


@pytest.fixture(scope="session")
def dark_spot_model(models_dir: Path) -> Model:
    """A model without features."""
    return registry.open_serving(models_dir, threads=1)


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    return open_recipes().get("default")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(open_store(f"sqlite:///{tmp_path / 'welt.db'}")) as opened:
        yield opened


@pytest.fixture
def blobs(tmp_path: Path) -> Photos:
    return open_photos(str(tmp_path / "photos"))


def good_rgb(seed: int, *spots: factories.Spot, tone: int = 0) -> factories.RGB:
    """Leather of one style: a little lighter or darker from part to part."""
    shade = int(np.random.default_rng(seed).integers(-6, 7)) + tone
    red, green, blue = factories.LEATHER_RGB
    return factories.make_rgb(
        spots, width_px=256, height_px=192, seed=seed, leather_rgb=(red + shade, green + shade, blue + shade)
    )


def good_photo(seed: int, *spots: factories.Spot) -> GoodPhoto:
    rgb = good_rgb(seed, *spots)
    view = open_recipes().get("default").view("upper")
    zones = locating.locate(view, width_px=rgb.shape[1], height_px=rgb.shape[0])
    return GoodPhoto(f"good-{seed}", rgb, factories.MODEL_MM_PER_PX, zones)
