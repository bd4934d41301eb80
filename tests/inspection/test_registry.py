"""A model folder is opened only when it is whole, and serves only when it answers as it did at export."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from inspection import registry
from inspection.errors import ModelError
from inspection.registry import Manifest
from tests import factories


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A fresh model folder that a test may damage."""
    return factories.write_dark_spot_model(tmp_path / "dark-spots" / "1")


def _edit(file: Path, change: Callable[[dict[str, object]], None]) -> None:
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


def test_a_whole_model_opens_and_reproduces_its_golden_answers(folder: Path) -> None:
    model = registry.open_model(folder, threads=1)
    registry.check_golden(model)
    assert model.manifest.kinds == factories.MODEL_KINDS
    assert model.spec.tile_px == 512


def test_the_serving_model_is_the_one_that_serving_toml_names(tmp_path: Path) -> None:
    factories.write_models(tmp_path)
    assert registry.open_serving(tmp_path, threads=1).manifest.name == "dark-spots"


@pytest.mark.parametrize("name", ["model.onnx", "manifest.json"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ModelError) as caught:
        registry.open_model(folder, threads=1)
    assert str(folder / name) in caught.value.detail
    assert caught.value.hint


def test_a_truncated_network_is_told_with_both_digests(folder: Path) -> None:
    file = folder / "model.onnx"
    promised = registry.read_manifest(folder).sha256
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(ModelError) as caught:
        registry.open_model(folder, threads=1)
    assert str(file) in caught.value.detail
    assert promised in caught.value.detail
    assert "SHA-256" in caught.value.detail


def test_a_manifest_that_is_no_json_is_told(folder: Path) -> None:
    (folder / "manifest.json").write_text("{")
    with pytest.raises(ModelError, match=r"manifest\.json is not a usable manifest"):
        registry.open_model(folder, threads=1)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("kinds", ["hole", "stain"]),
        ("kinds", ["sound", "dragon", "stain"]),
        ("kinds", ["sound", "hole", "hole"]),
        ("thresholds", {"hole": 0.5}),
        ("thresholds", {"hole": 0.5, "stain": 1.5}),
        ("min_area_mm2", {"hole": -1, "stain": 0}),
        ("mm_per_px", 0),
        ("stride", 3),
        ("tile_px", 500),
        ("overlap_px", 512),
        ("sha256", "abc"),
        ("created_at", "2026-01-01T00:00:00"),
        ("stitch_planes", ["thread", "thread"]),
        ("stitch_planes", ["Thread!"]),
        ("embedding_channels", -1),
        ("surprise", 1),
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(folder: Path, field: str, value: object) -> None:
    _edit(folder / "manifest.json", lambda content: content.update({field: value}))
    with pytest.raises(ModelError):
        registry.open_model(folder, threads=1)


def test_a_network_without_an_output_that_its_manifest_promises_is_told(folder: Path) -> None:
    _edit(folder / "manifest.json", lambda content: content.update({"stitch_planes": ["thread"]}))
    with pytest.raises(ModelError, match="does not give stitches"):
        registry.open_model(folder, threads=1)


def test_manifests_are_frozen(folder: Path) -> None:
    manifest = registry.read_manifest(folder)
    with pytest.raises(ValidationError):
        manifest.stride = 4  # type: ignore[misc]


def test_a_manifest_survives_being_written_and_read(folder: Path) -> None:
    manifest = registry.read_manifest(folder)
    assert Manifest.model_validate_json(manifest.model_dump_json(by_alias=True)) == manifest


def test_other_answers_than_the_golden_ones_are_told_with_the_difference(folder: Path) -> None:
    file = folder / "golden" / "golden.npz"
    with np.load(file) as archive:
        maps = archive["spot"]
    np.savez(file, spot=np.clip(maps + 0.01, 0, 1))
    with pytest.raises(ModelError, match=r"off by 0\.01 on spot\.png"):
        registry.check_golden(registry.open_model(folder, threads=1))


def test_a_golden_photo_that_was_exchanged_is_told(folder: Path) -> None:
    file = next(file for file in sorted((folder / "golden").iterdir()) if file.suffix in (".png", ".jpg"))
    # A comment at the end: the same pixels, other bytes.
    file.write_bytes(file.read_bytes() + b"exchanged")
    with pytest.raises(ModelError, match="is not the photo that the golden answers were made from"):
        registry.check_golden(registry.open_model(folder, threads=1))


def test_a_model_serves_only_once_it_has_given_its_golden_answers(folder: Path) -> None:
    models_dir = folder.parent.parent
    (models_dir / "serving.toml").write_text('[serving]\nmodel = "dark-spots/1"\n', encoding="utf-8")
    assert registry.open_serving(models_dir, threads=1).manifest.name == "dark-spots"
    np.savez(folder / "golden" / "golden.npz", spot=np.zeros((3, 2, 2), np.float32))
    with pytest.raises(ModelError, match=r"\(3, 2, 2\)"):
        registry.open_serving(models_dir, threads=1)


def test_golden_maps_that_are_not_numbers_are_told(folder: Path) -> None:
    file = folder / "golden" / "golden.npz"
    with np.load(file) as archive:
        maps = archive["spot"]
    np.savez(file, spot=np.full_like(maps, np.nan))
    with pytest.raises(ModelError, match="off by nan"):
        registry.check_golden(registry.open_model(folder, threads=1))


def test_golden_maps_of_another_size_are_told(folder: Path) -> None:
    np.savez(folder / "golden" / "golden.npz", spot=np.zeros((3, 2, 2), np.float32))
    with pytest.raises(ModelError, match=r"\(3, 2, 2\)"):
        registry.check_golden(registry.open_model(folder, threads=1))


@pytest.mark.parametrize("name", ["golden.json", "golden.npz", "spot.png"])
def test_a_missing_or_damaged_golden_file_is_told(folder: Path, name: str) -> None:
    model = registry.open_model(folder, threads=1)
    file = folder / "golden" / name
    file.write_bytes(b"damaged")
    with pytest.raises(ModelError, match="golden"):
        registry.check_golden(model)
    file.unlink()
    with pytest.raises(ModelError, match=name.replace(".", r"\.")):
        registry.check_golden(model)


def test_golden_maps_without_the_photos_array_are_told(folder: Path) -> None:
    np.savez(folder / "golden" / "golden.npz", other=np.zeros(3))
    with pytest.raises(ModelError, match="does not hold the golden maps"):
        registry.check_golden(registry.open_model(folder, threads=1))


@pytest.mark.parametrize(
    "content",
    ["", "[serving]\n", '[serving]\nmodel = "../secret/1"\n', "[serving", '[serving]\nmodel = "a"\n'],
)
def test_a_serving_file_that_names_no_model_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / "serving.toml").write_text(content)
    with pytest.raises(ModelError, match=r"serving\.toml"):
        registry.open_serving(tmp_path, threads=1)


def test_a_missing_serving_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"serving\.toml cannot be read"):
        registry.open_serving(tmp_path, threads=1)


def test_a_serving_file_of_a_model_that_is_gone_is_told(tmp_path: Path) -> None:
    factories.write_models(tmp_path)
    shutil.rmtree(tmp_path / "dark-spots")
    with pytest.raises(ModelError, match=r"dark-spots/1/manifest\.json cannot be read"):
        registry.open_serving(tmp_path, threads=1)
