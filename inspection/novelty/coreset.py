"""Keeps few vectors that stand for many, and finds the nearest of them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["greedy_coreset", "nearest"]

PROJECTED = 32
"""Dimensions in which the coreset is chosen: a random projection keeps distances well enough to choose by
(Johnson-Lindenstrauss; PatchCore does the same), and costs a fifth."""

LEADING = 1024
"""Vectors among which the farthest is looked for: few choices before the rest has to catch up cost as much
as many that are looked at each time."""

QUERY_ROWS = 1024
"""Rows of one matrix product: 1024 x 2000 distances are 8 MB, which stay near the CPU."""

Vectors = npt.NDArray[np.float32]


def greedy_coreset(vectors: Vectors, keep: int, *, seed: int = 0) -> npt.NDArray[np.intp]:
    """Choose vectors so that every other one is near a chosen one (greedy k-centre, Gonzalez 1985).

    Each choice is the vector that is farthest from those chosen so far. Distances only shrink, so as long as
    the farthest of the ``LEADING`` ones is farther than all the rest were, the rest need not be looked at;
    they catch up with one matrix product for many choices at once.

    Parameters
    ----------
    vectors : (N, C).
    keep : how many, at most.

    Returns
    -------
    Indices, at most ``keep``, in the order of choice; fewer when the rest are copies.
    """
    rng = np.random.default_rng(seed)
    count, channels = vectors.shape
    if count <= keep:
        return np.arange(count)
    points = vectors
    if channels > PROJECTED:
        directions = rng.standard_normal((channels, PROJECTED)) / np.sqrt(PROJECTED)
        points = np.ascontiguousarray(vectors @ directions.astype(np.float32))
    squares = np.einsum("ij,ij->i", points, points)
    distances = np.full(count, np.inf, np.float32)  # squared, as far as the rest has caught up
    chosen = [int(rng.integers(count))]
    caught_up = 0
    while len(chosen) < keep:
        fresh = np.array(chosen[caught_up:])
        caught_up = len(chosen)
        to_fresh = points @ points[fresh].T  # (N, fresh)
        to_fresh *= -2
        to_fresh += squares[fresh]
        np.minimum(distances, to_fresh.min(axis=1) + squares, out=distances)
        distances[fresh] = -1
        leading = np.argpartition(distances, max(0, count - LEADING))[max(0, count - LEADING) :]
        chosen += _choose(points[leading], squares[leading], distances[leading], leading, keep - caught_up)
        if len(chosen) == caught_up:
            break
    return np.array(chosen)


def _choose(
    points: Vectors, squares: Vectors, distances: Vectors, names: npt.NDArray[np.intp], most: int
) -> list[int]:
    """Names of the farthest among leading points, one after the other, until what does not lead may be
    farther, or only copies are left."""
    floor = max(0.0, float(distances.min()))
    chosen: list[int] = []
    to_here = np.empty(len(points), np.float32)
    while len(chosen) < most:
        here = int(distances.argmax())
        if distances[here] <= 0 or distances[here] < floor:
            break
        chosen.append(int(names[here]))
        np.dot(points, points[here], out=to_here)
        to_here *= -2
        to_here += squares
        to_here += squares[here]
        np.minimum(distances, to_here, out=distances)
        distances[here] = -1
    return chosen


def nearest(queries: Vectors, vectors: Vectors, squares: Vectors) -> Vectors:
    """Distance of each query to its nearest vector.

    Parameters
    ----------
    queries : (M, C).
    vectors : (N, C), N >= 1.
    squares : (N,) squared lengths of ``vectors``.

    Returns
    -------
    (M,) Euclidean distances. One matrix product with lengths known beforehand; for two thousand vectors that
    beats any index on a CPU.
    """
    found = np.empty(len(queries), np.float32)
    turned = np.ascontiguousarray(vectors.T)
    for first in range(0, len(queries), QUERY_ROWS):
        block = queries[first : first + QUERY_ROWS]
        product = block @ turned
        product *= -2
        product += squares
        lowest = product.min(axis=1) + np.einsum("ij,ij->i", block, block)
        found[first : first + QUERY_ROWS] = lowest
    return np.sqrt(np.maximum(found, 0, out=found), out=found)
