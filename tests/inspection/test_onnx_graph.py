"""A part of a network's file computes what the whole does; its digest tells what it computes."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from inspection import registry
from inspection.errors import ModelError
from inspection.onnx_graph import digest_of, part_that_gives
from inspection.runtime import OnnxNetwork, Output
from tests import factories

MODELS = Path(__file__).parents[2] / "models"


@pytest.fixture(scope="module")
def shipped() -> bytes:
    return (MODELS / registry.serving_name(MODELS) / registry.MODEL_FILE).read_bytes()


def _changed(encoded: bytes, weight: str, by: float) -> bytes:
    """A network with one of its weights a little different."""
    model = onnx.load_model_from_string(encoded)
    (tensor,) = [one for one in model.graph.initializer if one.name == weight]
    tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) + np.float32(by), weight))
    changed: bytes = model.SerializeToString()
    return changed


def _renamed(encoded: bytes) -> bytes:
    """A network whose inner values, nodes and graph have other names, with its weights in another order."""
    model = onnx.load_model_from_string(encoded)
    kept = {value.name for value in (*model.graph.input, *model.graph.output)}

    def other(name: str) -> str:
        return name if name in kept or not name else f"other_{name}"

    for node in model.graph.node:
        node.name = f"other_{node.name}"
        node.input[:] = [other(name) for name in node.input]
        node.output[:] = [other(name) for name in node.output]
    weights = list(reversed(model.graph.initializer))
    del model.graph.initializer[:]
    for tensor in weights:
        tensor.name = other(tensor.name)
        model.graph.initializer.append(tensor)
    del model.graph.value_info[:]
    model.graph.name = "another"
    changed: bytes = model.SerializeToString()
    return changed


def _first_weight_of(encoded: bytes, operator: str, *, last: bool = False) -> str:
    model = onnx.load_model_from_string(encoded)
    nodes = [node for node in model.graph.node if node.op_type == operator]
    weight: str = nodes[-1 if last else 0].input[1]
    return weight


def test_features_alone_are_those_of_the_whole_network(shipped: bytes) -> None:
    network = OnnxNetwork(shipped, threads=1)
    tile = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    whole = network.run(tile, network.outputs)[Output.EMBEDDING]
    alone = network.run(tile, [Output.EMBEDDING])[Output.EMBEDDING]
    np.testing.assert_allclose(alone, whole, atol=1e-4)


@pytest.mark.parametrize("output", list(Output))
def test_a_part_holds_what_leads_to_its_output_and_no_more(shipped: bytes, output: Output) -> None:
    part = onnx.load_model_from_string(part_that_gives(shipped, output))
    onnx.checker.check_model(part)
    expected = onnx.utils.Extractor(onnx.load_model_from_string(shipped)).extract_model(["image"], [output])
    assert [node.name for node in part.graph.node] == [node.name for node in expected.graph.node]
    assert {one.name for one in part.graph.initializer} == {one.name for one in expected.graph.initializer}
    assert [one.name for one in part.graph.output] == [output]
    assert list(part.graph.input) == list(expected.graph.input)
    assert list(part.opset_import) == list(onnx.load_model_from_string(shipped).opset_import)


def test_the_digest_does_not_depend_on_names_and_order(shipped: bytes) -> None:
    assert digest_of(_renamed(shipped)) == digest_of(shipped)


def test_what_a_head_learns_leaves_the_features_the_same(shipped: bytes) -> None:
    head = _first_weight_of(part_that_gives(shipped, "surface"), "Conv", last=True)
    changed = _changed(shipped, head, 1e-6)
    assert digest_of(changed) != digest_of(shipped)
    assert OnnxNetwork(changed, threads=1).features_sha256 == OnnxNetwork(shipped, threads=1).features_sha256


def test_what_the_encoder_learns_makes_other_features(shipped: bytes) -> None:
    encoder = _first_weight_of(part_that_gives(shipped, "embedding"), "Conv")
    changed = _changed(shipped, encoder, 1e-6)
    assert OnnxNetwork(changed, threads=1).features_sha256 != OnnxNetwork(shipped, threads=1).features_sha256


def _small(*, kernel: int = 8, operator: str = "AveragePool", opset: int = 17) -> bytes:
    graph = helper.make_graph(
        [helper.make_node(operator, ["image"], ["surface"], kernel_shape=[kernel, kernel])],
        "small",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 64, 64])],
        [helper.make_tensor_value_info("surface", TensorProto.FLOAT, None)],
    )
    encoded: bytes = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", opset)]
    ).SerializeToString()
    return encoded


def test_every_choice_of_a_layer_is_in_the_digest() -> None:
    digests = {
        digest_of(_small()),
        digest_of(_small(kernel=4)),
        digest_of(_small(operator="MaxPool")),
        digest_of(_small(opset=18)),
    }
    assert len(digests) == 4


def test_how_layers_are_joined_is_in_the_digest() -> None:
    def joined(first: str, second: str) -> bytes:
        graph = helper.make_graph(
            [
                helper.make_node("Relu", ["image"], ["a"]),
                helper.make_node("Abs", ["image"], ["b"]),
                helper.make_node("Sub", [first, second], ["surface"]),
            ],
            "joined",
            [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1])],
            [helper.make_tensor_value_info("surface", TensorProto.FLOAT, [1])],
        )
        encoded: bytes = helper.make_model(graph).SerializeToString()
        return encoded

    assert digest_of(joined("a", "b")) != digest_of(joined("b", "a"))


def test_a_network_without_features_has_no_digest_of_them() -> None:
    assert OnnxNetwork(factories.dark_spot_onnx(), threads=1).features_sha256 is None
    with pytest.raises(ModelError, match="does not give embedding"):
        part_that_gives(factories.dark_spot_onnx(), "embedding")


def test_branches_are_told_and_not_cut_in_half() -> None:
    then = helper.make_graph(
        [helper.make_node("Identity", ["image"], ["inner"])],
        "then",
        [],
        [helper.make_tensor_value_info("inner", TensorProto.FLOAT, [1])],
    )
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["image"], ["yes"], to=TensorProto.BOOL),
            helper.make_node("If", ["yes"], ["surface"], then_branch=then, else_branch=then),
        ],
        "branching",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1])],
        [helper.make_tensor_value_info("surface", TensorProto.FLOAT, [1])],
    )
    with pytest.raises(ModelError, match="branches or loops"):
        part_that_gives(helper.make_model(graph).SerializeToString(), "surface")


def test_damaged_files_are_a_model_error_or_another_network() -> None:
    encoded = factories.with_embedding(factories.dark_spot_onnx())
    rng = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(encoded[: rng.integers(1, len(encoded) + 1)])
        for place in rng.integers(0, len(damaged), 3):
            damaged[place] = rng.integers(0, 256)
        with suppress(ModelError):
            digest_of(part_that_gives(bytes(damaged), "embedding"))
