"""The network runs over photos of any size, on the CPUs that were granted."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Collection
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from inspection import runtime
from inspection.domain import Maps
from inspection.errors import ModelError
from inspection.runtime import NetworkSpec, OnnxNetwork, Output
from tests import factories

SPEC = NetworkSpec(kinds=("sound", "hole"), mm_per_px=0.1, stride=4, tile_px=128, overlap_px=32, multiple=32)


def _means(rgb: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.float32]:
    height, width = rgb.shape[:2]
    cells = rgb.reshape(height // side, side, width // side, side, 3).mean(axis=(1, 3, 4))
    return np.asarray(cells / 255, np.float32)


class Darkness:
    """Calls pixels defective as far as they are dark, and thread as far as they are light."""

    def __init__(self) -> None:
        self.asked: list[tuple[Output, ...]] = []

    def run(
        self, rgb: npt.NDArray[np.uint8], outputs: Collection[Output]
    ) -> dict[Output, npt.NDArray[np.float32]]:
        self.asked.append(tuple(outputs))
        mean, coarse = _means(rgb, 4), _means(rgb, 8)
        maps = {
            Output.SURFACE: np.stack([mean, 1 - mean]),
            Output.STITCHES: np.stack([mean, mean / 2]),
            Output.EMBEDDING: np.stack([coarse, coarse / 2, coarse / 4]),
        }
        return {output: maps[output] for output in outputs}


class WrongShape:
    """Gives one plane too few."""

    def run(
        self, rgb: npt.NDArray[np.uint8], outputs: Collection[Output]
    ) -> dict[Output, npt.NDArray[np.float32]]:
        return {output: np.zeros((1, rgb.shape[0] // 4, rgb.shape[1] // 4), np.float32) for output in outputs}


@pytest.mark.parametrize("size", [(1, 1), (128, 128), (129, 40), (300, 211), (640, 480)])
def test_maps_cover_the_photo_and_sum_to_one(size: tuple[int, int]) -> None:
    width, height = size
    rgb = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    maps = runtime.infer(Darkness(), rgb, photo_mm_per_px=None, spec=SPEC)
    assert maps.surface.shape == (2, -(-height // 4), -(-width // 4))
    assert maps.photo_size_px == size
    np.testing.assert_allclose(maps.surface.sum(axis=0), 1, atol=1e-5)


def test_a_photo_in_tiles_gives_what_one_large_tile_would() -> None:
    rgb = np.random.default_rng(1).integers(0, 256, (320, 320, 3), dtype=np.uint8)
    whole = NetworkSpec(("sound", "hole"), 0.1, 4, 320, 32, 32)
    tiled = runtime.infer(Darkness(), rgb, photo_mm_per_px=None, spec=SPEC)
    single = runtime.infer(Darkness(), rgb, photo_mm_per_px=None, spec=whole)
    np.testing.assert_allclose(tiled.surface, single.surface, atol=1e-6)


def test_a_finer_photo_gives_a_map_at_the_models_scale() -> None:
    rgb = np.zeros((400, 400, 3), np.uint8)
    maps = runtime.infer(Darkness(), rgb, photo_mm_per_px=0.05, spec=SPEC)
    assert maps.surface.shape == (2, 50, 50)
    assert maps.photo_size_px == (400, 400)


RICH = dataclasses.replace(SPEC, stitch_planes=("thread", "point"), embedding_channels=3)


def test_a_network_without_further_outputs_gives_none() -> None:
    maps = runtime.infer(Darkness(), np.zeros((64, 64, 3), np.uint8), photo_mm_per_px=None, spec=SPEC)
    assert maps.stitches is None
    assert maps.embedding is None
    assert maps.stitch_planes == ()


@pytest.mark.parametrize("size", [(1, 1), (128, 128), (129, 40), (300, 211)])
def test_stitches_and_embedding_cover_the_photo_as_the_surface_does(size: tuple[int, int]) -> None:
    width, height = size
    rgb = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    maps = runtime.infer(Darkness(), rgb, photo_mm_per_px=None, spec=RICH)
    assert maps.stitch_planes == ("thread", "point")
    assert maps.stitches is not None
    assert maps.embedding is not None
    assert maps.stitches.shape == (2, -(-height // 4), -(-width // 4))
    np.testing.assert_allclose(maps.stitches[0], maps.surface[0], atol=1e-5)
    np.testing.assert_allclose(maps.stitches[1], maps.surface[0] / 2, atol=1e-5)
    assert maps.embedding.shape == (3, -(-height // 8), -(-width // 8))
    np.testing.assert_allclose(maps.embedding[2], maps.embedding[0] / 4, atol=1e-5)
    assert not maps.stitches.flags.writeable


def test_all_outputs_in_tiles_are_what_one_large_tile_would_give() -> None:
    rgb = np.random.default_rng(1).integers(0, 256, (320, 320, 3), dtype=np.uint8)
    tiled = runtime.infer(Darkness(), rgb, photo_mm_per_px=None, spec=RICH)
    whole = dataclasses.replace(RICH, tile_px=320)
    single = runtime.infer(Darkness(), rgb, photo_mm_per_px=None, spec=whole)
    assert tiled.stitches is not None
    assert tiled.embedding is not None
    assert single.stitches is not None
    assert single.embedding is not None
    np.testing.assert_allclose(tiled.stitches, single.stitches, atol=1e-6)
    np.testing.assert_allclose(tiled.embedding, single.embedding, atol=1e-6)


def test_outputs_that_nobody_wants_are_not_computed() -> None:
    network = Darkness()
    maps = runtime.infer(
        network, np.zeros((64, 64, 3), np.uint8), photo_mm_per_px=None, spec=RICH, outputs=(Output.STITCHES,)
    )
    assert network.asked == [(Output.SURFACE, Output.STITCHES)]
    assert maps.stitches is not None
    assert maps.embedding is None


def test_features_alone_are_those_of_a_whole_look() -> None:
    network = Darkness()
    rgb = np.random.default_rng(1).integers(0, 256, (300, 211, 3), dtype=np.uint8)
    whole = runtime.infer(network, rgb, photo_mm_per_px=0.08, spec=RICH).embedding
    network.asked.clear()
    alone = runtime.embed(network, rgb, photo_mm_per_px=0.08, spec=RICH)
    assert set(network.asked) == {(Output.EMBEDDING,)}
    np.testing.assert_array_equal(alone, whole)


def test_a_stitch_map_of_another_grid_is_no_map() -> None:
    surface = np.ones((1, 4, 4), np.float32)
    with pytest.raises(TypeError, match="stitches must be"):
        Maps(("sound",), surface, (8, 8), ("thread",), np.zeros((1, 3, 4), np.float32))
    with pytest.raises(TypeError, match="embedding must be"):
        Maps(("sound",), surface, (8, 8), embedding=np.zeros((3, 4), np.float32))


def test_a_network_that_breaks_its_manifests_promise_is_told() -> None:
    with pytest.raises(ModelError, match="promises"):
        runtime.infer(WrongShape(), np.zeros((64, 64, 3), np.uint8), photo_mm_per_px=None, spec=SPEC)


def test_an_onnx_network_runs_and_gives_probabilities() -> None:
    network = OnnxNetwork(factories.dark_spot_onnx(), threads=1)
    surface = network.run(np.full((64, 96, 3), 20, np.uint8), [Output.SURFACE])[Output.SURFACE]
    assert surface.shape == (3, 32, 48)
    assert surface.dtype == np.float32
    np.testing.assert_allclose(surface.sum(axis=0), 1, atol=1e-5)


@pytest.mark.parametrize("body", [b"", b"not a network", b"\x08\x07" * 100])
def test_bytes_that_are_no_network_are_a_model_error(body: bytes) -> None:
    with pytest.raises(ModelError) as caught:
        OnnxNetwork(body, threads=1)
    assert caught.value.hint


def test_a_truncated_network_is_a_model_error() -> None:
    with pytest.raises(ModelError):
        OnnxNetwork(factories.dark_spot_onnx()[:-40], threads=1)


def _container(root: Path, *, membership: str, files: dict[str, str]) -> Path:
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(membership)
    for name, content in files.items():
        file = root / "sys/fs/cgroup" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    return root


ALLOWED = len(os.sched_getaffinity(0))


def test_a_quota_of_one_cpu_gives_one(tmp_path: Path) -> None:
    root = _container(tmp_path, membership="0::/\n", files={"cpu.max": "100000 100000\n"})
    assert runtime.cpu_quota(root) == 1


def test_half_a_cpu_still_gives_one(tmp_path: Path) -> None:
    root = _container(tmp_path, membership="0::/pod/box\n", files={"pod/box/cpu.max": "50000 100000\n"})
    assert runtime.cpu_quota(root) == 1


def test_a_quota_of_a_parent_holds_too(tmp_path: Path) -> None:
    files = {"pod/cpu.max": "100000 100000\n", "pod/box/cpu.max": "max 100000\n"}
    assert runtime.cpu_quota(_container(tmp_path, membership="0::/pod/box\n", files=files)) == 1


def test_a_quota_of_the_older_control_groups_counts(tmp_path: Path) -> None:
    files = {"cpu/cpu.cfs_quota_us": "150000\n", "cpu/cpu.cfs_period_us": "100000\n"}
    root = _container(tmp_path, membership="4:cpu,cpuacct:/docker/abc\n", files=files)
    assert runtime.cpu_quota(root) == 1


@pytest.mark.parametrize(
    "files",
    [
        {"cpu.max": "max 100000\n"},
        {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"},
        {},
    ],
)
def test_without_a_quota_the_affinity_counts(tmp_path: Path, files: dict[str, str]) -> None:
    root = _container(tmp_path, membership="4:cpu,cpuacct:/\n0::/\n", files=files)
    assert runtime.cpu_quota(root) == ALLOWED


def test_a_quota_above_the_affinity_does_not_add_cpus(tmp_path: Path) -> None:
    root = _container(tmp_path, membership="0::/\n", files={"cpu.max": "9900000 100000\n"})
    assert runtime.cpu_quota(root) == ALLOWED
