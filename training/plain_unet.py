"""Builds the network to compare with: the U-Net on ResNet-34 that segmentation-models-pytorch gives.

It takes and gives what ``networks.LeatherNet`` does, so that the same loop teaches it and the same scoring
judges it. It is plain: it answers per pixel, and of that the mean over each cell of the grid counts. Its
encoder begins with random weights: ImageNet's for ResNet-34 do not come as a package, as ours do.
"""

from __future__ import annotations

from typing import Any

import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.networks import PIXEL_MEAN, PIXEL_SCALE, STRIDE, first_biases
from training.stitches import PLANES

__all__ = ["PlainUnet"]

ENCODER = "resnet34"
AT_STRIDE_8, AT_STRIDE_16 = 3, 4


class PlainUnet(nn.Module):
    """See ``networks.LeatherNet`` for what it takes and gives.

    Parameters
    ----------
    kinds : number of planes, sound included.
    """

    embedding_channels = 128 + 256

    def __init__(self, *, kinds: int) -> None:
        super().__init__()
        whole: Any = smp.Unet(ENCODER, encoder_weights=None, classes=kinds + len(PLANES))
        self.encoder, self.decoder, self.head = whole.encoder, whole.decoder, whole.segmentation_head[0]
        self.kinds = kinds
        with torch.no_grad():
            self.head.weight.mul_(0.1)
            self.head.bias.copy_(torch.cat(first_biases(kinds)))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = (image.to(torch.float32) - PIXEL_MEAN) / PIXEL_SCALE
        features: list[Tensor] = self.encoder(x)
        cells = F.avg_pool2d(self.head(self.decoder(features)), STRIDE)
        coarse = F.interpolate(features[AT_STRIDE_16], scale_factor=2, mode="bilinear", align_corners=False)
        embedding = torch.cat([features[AT_STRIDE_8], coarse], dim=1)
        return cells[:, : self.kinds], cells[:, self.kinds :], embedding
