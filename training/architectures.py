"""Builds the network that a recipe names."""

from __future__ import annotations

from collections.abc import Callable

from training.networks import LeatherNet, build
from training.plain_unet import PlainUnet
from training.recipe import Architecture, Recipe

__all__ = ["AnyNetwork", "build_network"]

AnyNetwork = LeatherNet | PlainUnet


def _leather(recipe: Recipe) -> LeatherNet:
    return build(
        kinds=len(recipe.kinds),
        decoder_channels=recipe.network.decoder_channels,
        frozen_stages=recipe.network.frozen_stages,
    )


def _plain_unet(recipe: Recipe) -> PlainUnet:
    return PlainUnet(kinds=len(recipe.kinds))


NETWORKS: dict[Architecture, Callable[[Recipe], AnyNetwork]] = {
    Architecture.LEATHER: _leather,
    Architecture.PLAIN_UNET: _plain_unet,
}


def build_network(recipe: Recipe) -> AnyNetwork:
    """The network of a recipe as it is before it has learned anything of leather."""
    return NETWORKS[recipe.network.architecture](recipe)
