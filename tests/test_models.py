"""Every model folder that ships is whole, answers as at export, and says what it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from inspection import registry, taxonomy

MODELS = Path(__file__).parents[1] / "models"
FOLDERS = sorted(manifest.parent for manifest in MODELS.glob("*/*/manifest.json"))
LARGEST_MB = 20


def _id(folder: Path) -> str:
    return "/".join(folder.parts[-2:])


def test_the_serving_model_opens_and_reproduces_its_golden_answers() -> None:
    model = registry.open_serving(MODELS, threads=2)
    assert model.folder in FOLDERS


@pytest.mark.parametrize("folder", FOLDERS, ids=_id)
def test_a_model_is_whole_and_reproduces_its_golden_answers(folder: Path) -> None:
    model = registry.open_model(folder, threads=2)
    registry.check_golden(model)
    assert (model.manifest.name, model.manifest.version) == folder.parts[-2:]


@pytest.mark.parametrize("folder", FOLDERS, ids=_id)
def test_a_model_is_one_file_of_moderate_size(folder: Path) -> None:
    assert (folder / "model.onnx").stat().st_size < LARGEST_MB * 1_000_000
    assert not list(folder.glob("*.data"))


@pytest.mark.parametrize("folder", FOLDERS, ids=_id)
def test_a_card_names_data_licences_limits_and_every_kind(folder: Path) -> None:
    card = (folder / "CARD.md").read_text(encoding="utf-8")
    manifest = registry.read_manifest(folder)
    assert manifest.data
    for source in manifest.data:
        assert source.name in card
        assert source.licence in card
        assert source.attribution in card
    assert "must not be trusted" in card
    assert manifest.sha256 in card
    for kind in manifest.kinds[1:]:
        assert kind in taxonomy.KINDS
        assert kind in card


@pytest.mark.parametrize("folder", FOLDERS, ids=_id)
def test_a_model_carries_its_measured_figures_with_intervals(folder: Path) -> None:
    figures = registry.read_manifest(folder).metrics
    measured = {figure.name for figure in figures}
    assert {"pixel AP", "AUPRO (to 0.3)", "boxes found", "false regions per photo"} <= measured
    for figure in figures:
        assert figure.n > 0
        if figure.low is not None and figure.high is not None:
            assert figure.low <= figure.value <= figure.high


@pytest.mark.parametrize("folder", FOLDERS, ids=_id)
def test_golden_photos_show_both_defects_and_sound_leather(folder: Path) -> None:
    golden = registry.Golden.model_validate_json((folder / "golden" / "golden.json").read_bytes())
    grades = {photo.grade for photo in golden.photos}
    assert "A" in grades
    assert len(grades) > 1
