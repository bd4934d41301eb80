"""The network is EfficientNet-Lite0 as its authors trained it; its ONNX file answers alike at every size."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from inspection.runtime import OnnxNetwork, Output
from training import networks
from training.architectures import build_network
from training.candidates import to_onnx
from training.exporting import TorchNetwork
from training.networks import Exported
from training.recipe import Architecture, Recipe
from training.stitches import PLANES

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def network() -> networks.LeatherNet:
    """A network with a trained encoder and a decoder that is not trained, but not zero either."""
    torch.manual_seed(0)
    built = networks.build(kinds=4, decoder_channels=(16, 12, 8, 8), frozen_stages=2)
    torch.nn.init.normal_(built.head.weight, std=0.5)
    return built.eval()


def test_the_encoder_computes_what_timms_own_does(network: networks.LeatherNet) -> None:
    import timm

    reference = timm.create_model(networks.ENCODER, pretrained=False, features_only=True).eval()
    own = network.encoder.state_dict()
    reference.load_state_dict(own)
    x = torch.randn(1, 3, 96, 64)
    with torch.no_grad():
        for ours, theirs in zip(network.encoder(x), reference(x), strict=True):
            torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def test_early_stages_and_batch_statistics_do_not_move(network: networks.LeatherNet) -> None:
    frozen = [parameter.requires_grad for parameter in network.encoder.conv_stem.parameters()]
    assert not any(frozen)
    assert any(parameter.requires_grad for parameter in network.encoder.blocks[4].parameters())
    network.train()
    norms = [m for m in network.encoder.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert norms
    assert not any(norm.training for norm in norms)
    network.eval()


@pytest.mark.parametrize("architecture", Architecture)
def test_every_network_gives_the_same_outputs_and_begins_by_calling_all_sound(
    quick: Recipe, architecture: Architecture
) -> None:
    part = quick.network.model_copy(update={"architecture": architecture})
    network = build_network(quick.model_copy(update={"network": part})).eval()
    with torch.no_grad():
        logits, raw, embedding = network(torch.randint(0, 256, (2, 3, 64, 96), dtype=torch.uint8))
    assert logits.shape == (2, len(quick.kinds), 32, 48)
    assert raw.shape == (2, 5, 32, 48)
    assert embedding.shape == (2, network.embedding_channels, 8, 12)
    assert torch.softmax(logits, dim=1)[:, 0].mean() > 0.5
    assert torch.sigmoid(raw[:, :2]).mean() < 0.2


@pytest.mark.slow
def test_torch_and_onnx_runtime_agree_at_sizes_the_export_never_saw(network: networks.LeatherNet) -> None:
    onnx_network = OnnxNetwork(to_onnx(network), threads=1)
    torch_network = TorchNetwork(Exported(network))
    rng = np.random.default_rng(0)
    for height, width in ((32, 32), (64, 160), (256, 96)):
        rgb = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        ours, theirs = (network.run(rgb, tuple(Output)) for network in (torch_network, onnx_network))
        surface, stitches, embedding = (theirs[output] for output in Output)
        assert surface.shape == (4, height // 2, width // 2)
        assert stitches.shape == (len(PLANES), height // 2, width // 2)
        assert embedding.shape == (networks.EMBEDDING_CHANNELS, height // 8, width // 8)
        np.testing.assert_allclose(surface.sum(axis=0), 1, atol=1e-5)
        for output in Output:
            np.testing.assert_allclose(ours[output], theirs[output], atol=1e-3)
        alone = onnx_network.run(rgb, (Output.EMBEDDING,))[Output.EMBEDDING]
        np.testing.assert_allclose(alone, embedding, atol=1e-4)  # sums in another order
