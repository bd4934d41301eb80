"""Features, coreset and nearest neighbours, each against a slow and plain computation."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from inspection.domain import Maps
from inspection.errors import ModelError
from inspection.novelty import bank_of_bytes, bank_to_bytes, look
from inspection.novelty.bank import BANK_BYTES, Bank, ZoneBank, vectors_per_zone
from inspection.novelty.coreset import greedy_coreset, nearest
from inspection.novelty.descriptors import describe


@pytest.mark.parametrize(("rows", "columns"), [(6, 8), (5, 7), (1, 1)])
def test_features_are_means_of_neighbourhoods(rows: int, columns: int) -> None:
    embedding = np.random.default_rng(0).standard_normal((3, rows, columns)).astype(np.float32)
    described = describe(embedding)
    for plane in range(3):
        even = np.pad(embedding[plane], ((0, rows % 2), (0, columns % 2)), mode="edge")
        blurred = cv2.blur(even, (3, 3), borderType=cv2.BORDER_REPLICATE)
        means = blurred.reshape(even.shape[0] // 2, 2, even.shape[1] // 2, 2).mean(axis=(1, 3))
        np.testing.assert_allclose(described[..., plane], means, atol=1e-5)


def test_a_model_without_features_is_told() -> None:
    maps = Maps(("sound", "hole"), np.zeros((2, 4, 4), np.float32), (64, 64))
    bank = Bank("oxford", "lateral", "0" * 64, np.ones(9, np.float32), (), np.ones(5), 5, 5, (64, 64))
    with pytest.raises(ModelError, match="embedding_channels"):
        look(maps, (), bank)


def test_features_that_are_not_numbers_are_told() -> None:
    with pytest.raises(ModelError, match="not numbers"):
        describe(np.full((3, 4, 4), np.nan, np.float32))


def test_the_nearest_is_the_nearest() -> None:
    rng = np.random.default_rng(0)
    queries = rng.standard_normal((1500, 40)).astype(np.float32)
    vectors = rng.standard_normal((70, 40)).astype(np.float32)
    plain = np.linalg.norm(queries[:, None].astype(float) - vectors[None], axis=2).min(axis=1)
    found = nearest(queries, vectors, (vectors**2).sum(axis=1))
    np.testing.assert_allclose(found, plain, rtol=1e-4)


def test_a_coreset_leaves_nothing_far_away() -> None:
    """The greedy choice is within twice the best covering radius; a random choice misses rare places."""
    rng = np.random.default_rng(0)
    common = rng.standard_normal((4000, 60)).astype(np.float32) * 0.1
    rare = np.eye(60, dtype=np.float32)[:5] * 10
    vectors = np.concatenate([common, rare])
    chosen = greedy_coreset(vectors, 50)
    assert len(set(chosen.tolist())) == 50
    assert set(range(4000, 4005)) <= set(chosen.tolist())


def _chosen_one_by_one(vectors: np.ndarray, keep: int, first: int) -> list[int]:
    chosen = [first]
    distances = np.linalg.norm(vectors - vectors[first], axis=1)
    while len(chosen) < keep:
        chosen.append(int(distances.argmax()))
        distances = np.minimum(distances, np.linalg.norm(vectors - vectors[chosen[-1]], axis=1))
    return chosen


@pytest.mark.parametrize("spread", [0.0, 1.0, 3.0])
def test_each_choice_is_the_farthest_from_those_before(spread: float) -> None:
    """Of clusters of unlike size and density, so that whom to look at changes often."""
    rng = np.random.default_rng(1)
    clusters = rng.standard_normal((40, 24)) * spread
    widths = rng.gamma(1.0, 1.0, 5000)[:, None]
    vectors = clusters[rng.integers(0, 40, 5000)] + widths * rng.standard_normal((5000, 24))
    chosen = greedy_coreset(vectors.astype(np.float32), 600).tolist()
    assert chosen == _chosen_one_by_one(vectors, 600, chosen[0])


def test_copies_are_kept_once() -> None:
    vectors = np.repeat(np.eye(4, dtype=np.float32), 10, axis=0)
    assert len(greedy_coreset(vectors, 20)) == 4


def test_a_bank_comes_back_from_its_bytes_and_is_small() -> None:
    rng = np.random.default_rng(0)
    zones = tuple(
        ZoneBank(name, rng.standard_normal((vectors_per_zone(5, 152), 152)).astype(np.float16), 1.5)
        for name in ("toe", "vamp", "heel", "quarter", "tongue")
    )
    bank = Bank(
        "oxford", "lateral", "0" * 64, np.ones(152, np.float32), zones, np.array([0.9, 1.1]), 5, 5, (64, 48)
    )
    body = bank_to_bytes(bank)
    assert len(body) <= BANK_BYTES
    assert bank_to_bytes(bank_of_bytes(body)) == body


@pytest.mark.parametrize("body", [b"", b"PK\x03\x04 not whole", b"\x93NUMPY"])
def test_a_damaged_bank_is_told(body: bytes) -> None:
    with pytest.raises(ModelError, match="bank"):
        bank_of_bytes(body)
