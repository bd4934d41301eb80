"""The network runs over photos of any size, on the CPUs that were granted."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from inspection import runtime
from inspection.errors import ModelError
from inspection.runtime import NetworkSpec, OnnxNetwork
from tests import factories

SPEC = NetworkSpec(kinds=("sound", "hole"), mm_per_px=0.1, stride=4, tile_px=128, overlap_px=32, multiple=32)


class Darkness:
    """Calls pixels defective as far as they are dark."""

    def run(self, rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        height, width = rgb.shape[:2]
        mean = rgb.reshape(height // 4, 4, width // 4, 4, 3).mean(axis=(1, 3, 4)) / 255
        return np.stack([mean, 1 - mean]).astype(np.float32)


class WrongShape:
    """Gives one plane too few."""

    def run(self, rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return np.zeros((1, rgb.shape[0] // 4, rgb.shape[1] // 4), np.float32)


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


def test_a_network_that_breaks_its_manifests_promise_is_told() -> None:
    with pytest.raises(ModelError, match="promises"):
        runtime.infer(WrongShape(), np.zeros((64, 64, 3), np.uint8), photo_mm_per_px=None, spec=SPEC)


def test_an_onnx_network_runs_and_gives_probabilities() -> None:
    network = OnnxNetwork(factories.dark_spot_onnx(), threads=1)
    surface = network.run(np.full((64, 96, 3), 20, np.uint8))
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
