"""The INT8 form of a model answers much as it does, and does not ship when it does not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

pytest.importorskip("torch")

from inspection import registry
from inspection.errors import ModelError
from inspection.runtime import OnnxNetwork, Output
from training import quantising
from training.datasets import Split, open_dataset, read_photo
from training.quantising import Trial
from training.recipe import PROJECT

pytestmark = [pytest.mark.train, pytest.mark.slow]

SIDE = 256


@pytest.fixture(scope="module")
def serving() -> registry.Model:
    """The model that ships."""
    return registry.open_model(PROJECT / "models" / registry.serving_name(PROJECT / "models"), threads=2)


@pytest.fixture(scope="module")
def small(serving: registry.Model, datasets_dir: Path) -> bytes:
    """Its INT8 form, calibrated on a few photos."""
    _, shots = open_dataset(datasets_dir, "leather-hides")
    photos = [read_photo(shot)[:SIDE, :SIDE] for shot in shots if shot.split is Split.TRAIN][:6]
    return quantising.quantise((serving.folder / "model.onnx").read_bytes(), photos)


def test_most_convolutions_become_integer_ones_but_the_heads_do_not(
    serving: registry.Model, small: bytes
) -> None:
    graph = onnx.load_model_from_string(small).graph
    made_by = {name: node.op_type for node in graph.node for name in node.output}
    integer = [
        node.name
        for node in graph.node
        if node.op_type == "Conv" and made_by.get(node.input[1]) == "DequantizeLinear"
    ]
    convolutions = [node.name for node in graph.node if node.op_type == "Conv"]
    assert 2 <= len(convolutions) - len(integer) <= 4
    assert len(small) < 0.5 * (serving.folder / "model.onnx").stat().st_size


def test_the_int8_form_answers_much_as_the_model_does(
    serving: registry.Model, small: bytes, datasets_dir: Path
) -> None:
    _, shots = open_dataset(datasets_dir, "leather-hides")
    photo = next(read_photo(shot) for shot in shots if shot.split is Split.VAL)[:SIDE, :SIDE]
    one = serving.network.run(photo, serving.spec.outputs)
    other = OnnxNetwork(small, threads=2).run(photo, serving.spec.outputs)
    apart = np.abs(one[Output.SURFACE] - other[Output.SURFACE])
    assert 0 < apart.mean() < 0.02


@pytest.mark.parametrize(
    ("lost", "ratio", "worth_it"),
    [
        ({"cut": 0.005, "hole": -0.1}, 0.6, True),
        ({"cut": 0.0051, "hole": -0.1}, 0.6, False),
        ({"cut": 0.0, "hole": 0.0}, 1.0, False),
    ],
)
def test_it_ships_only_when_no_kind_loses_half_a_point_and_it_is_faster(
    lost: dict[str, float], ratio: float, worth_it: bool
) -> None:
    assert Trial(lost=lost, time_ratio=ratio, apart=0.001).worth_it is worth_it


def test_it_opens_on_request_and_is_refused_where_it_answers_otherwise(
    serving: registry.Model, small: bytes, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "golden").symlink_to(serving.folder / "golden")
    (folder / registry.MODEL_FILE).symlink_to(serving.folder / registry.MODEL_FILE)
    (folder / registry.INT8_FILE).write_bytes(small)

    def note(int8: registry.Quantised | None) -> None:
        manifest = serving.manifest.model_copy(update={"int8": int8})
        (folder / registry.MANIFEST_FILE).write_text(manifest.model_dump_json(by_alias=True))

    trial = Trial(lost={"any": 0.0}, time_ratio=0.5, apart=0.01)
    said = quantising.described(small, trial)
    note(said)
    model = registry.open_model(folder, threads=2, precision="int8")
    assert model.manifest.sha256 == said.sha256 != serving.manifest.sha256
    registry.check_golden(model)
    strict = replace(trial, apart=1e-6)
    note(quantising.described(small, strict))
    with pytest.raises(ModelError, match="off by"):
        registry.check_golden(registry.open_model(folder, threads=2, precision="int8"))
    note(None)
    with pytest.raises(ModelError, match="no INT8 form"):
        registry.open_model(folder, threads=2, precision="int8")
