"""Times networks in turns, so that whatever else the machine does slows all of them alike."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from inspection.runtime import Network, Output

__all__ = ["TILE_PX", "time_in_turns"]

TILE_PX = 512
WARM_UP = 2
"""First rounds, which are not counted: memory is taken, kernels are chosen."""


def time_in_turns(
    networks: Sequence[tuple[Network, Collection[Output]]], *, rounds: int
) -> tuple[npt.NDArray[np.float64], ...]:
    """Milliseconds of each run over one tile of ``TILE_PX``, (rounds,) for each network.

    Parameters
    ----------
    networks : each with the outputs that are wanted of it.
    """
    tile = np.random.default_rng(0).integers(0, 256, (TILE_PX, TILE_PX, 3), dtype=np.uint8)
    took = np.empty((len(networks), WARM_UP + rounds))
    for turn in range(WARM_UP + rounds):
        for own, (network, outputs) in zip(took, networks, strict=True):
            began = time.perf_counter()
            network.run(tile, outputs)
            own[turn] = (time.perf_counter() - began) * 1e3
    return tuple(took[:, WARM_UP:])
