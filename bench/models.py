"""The shipped network: its figures on hides never seen, and its speed beside a plain U-Net in one run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import segmentation_models_pytorch as smp
import torch

from bench.table import Figure
from inspection import registry
from inspection.registry import Metric
from inspection.runtime import Network, OnnxNetwork, Output

TILE_PX = 512
THREADS = 2
RUNS = 15
TILE_BAR_MS = 75.0
PEER_BAR = 3.0
BARS = {
    ("leather-hides", "pixel AP"): (">=", 0.85),
    ("leather-hides", "pixel F1, best threshold"): (">=", 0.76),
    ("leather-hides", "AUPRO (to 0.3)"): (">=", 0.97),
    ("leather-line", "boxes found at 0.3 false regions per photo (threshold swept on test)"): (">=", 0.90),
    ("shoes", "false regions per sound photo"): ("<=", 1.0),
    ("rendered", "needle holes, AP within 0.5 mm"): (">=", 0.95),
    ("rendered", "thread, intersection over union"): (">=", 0.80),
}
"""(data, figure) to how the figure of any kind compares with its bar."""


def measure(models_dir: Path) -> list[Figure]:
    """Scores from the manifest of the serving model, and the time of one tile on two threads."""
    model = registry.open_serving(models_dir, threads=THREADS)
    manifest = model.manifest
    figures = [
        Figure(
            name=f"{manifest.name}/{manifest.version} on {metric.data}: {metric.name}, {metric.kind}",
            measured=f"{metric.value:.3f}"
            + (
                f" [{metric.low:.3f}, {metric.high:.3f}]"
                if metric.low is not None and metric.high is not None
                else ""
            )
            + f", n = {metric.n}",
            bar=" ".join((sense, f"{bar:g}")) if bar is not None else "",
            met=None if bar is None else metric.value >= bar if sense == ">=" else metric.value <= bar,
        )
        for metric in manifest.metrics
        for sense, bar in (_bar(metric),)
    ]
    ours_ms, peer_ms = side_by_side(
        model.network, plain_unet(planes=len(manifest.kinds)), outputs=model.spec.outputs
    )
    return [
        *figures,
        Figure(
            f"one {TILE_PX} px tile, {THREADS} threads, FP32, {' + '.join(model.spec.outputs)}",
            f"{ours_ms:.0f} ms",
            f"<= {TILE_BAR_MS:.0f} ms",
            ours_ms <= TILE_BAR_MS,
        ),
        Figure(
            "plain U-Net ResNet-34 against the shipped network, same run",
            f"{peer_ms / ours_ms:.1f} x slower ({peer_ms:.0f} ms)",
            f">= {PEER_BAR:.0f} x",
            peer_ms / ours_ms >= PEER_BAR,
        ),
    ]


class _Served(torch.nn.Module):
    """A network behind the same door as ours: uint8 RGB in, probabilities out."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = image.permute(0, 3, 1, 2).to(torch.float32) / 255.0
        probabilities: torch.Tensor = torch.softmax(self.network(x), dim=1)
        return probabilities


def plain_unet(*, planes: int) -> OnnxNetwork:
    """The usual choice: segmentation-models-pytorch's U-Net on ResNet-34; weights do not change its speed."""
    network = smp.Unet("resnet34", encoder_weights=None, classes=planes).eval()
    with TemporaryDirectory() as folder:
        file = Path(folder) / "peer.onnx"
        torch.onnx.export(
            _Served(network),
            (torch.zeros(1, TILE_PX, TILE_PX, 3, dtype=torch.uint8),),
            file,
            input_names=["image"],
            output_names=["surface"],
            external_data=False,
            verbose=False,
        )
        return OnnxNetwork(file.read_bytes(), threads=THREADS)


def _bar(metric: Metric) -> tuple[str, float | None]:
    if metric.kind != "any":
        return "", None
    return BARS.get((metric.data.split(",")[0], metric.name), ("", None))


def side_by_side(ours: Network, peer: Network, *, outputs: Sequence[Output]) -> tuple[float, float]:
    """Median milliseconds of one tile for both, in turns; ours with all its ``outputs``."""
    tile = np.random.default_rng(0).integers(0, 255, (TILE_PX, TILE_PX, 3), dtype=np.uint8)
    took: tuple[list[float], list[float]] = ([], [])
    for _ in range(RUNS):
        for network, wanted, times in zip((ours, peer), (outputs, (Output.SURFACE,)), took, strict=True):
            began = time.perf_counter()
            network.run(tile, wanted)
            times.append((time.perf_counter() - began) * 1e3)
    return statistics.median(took[0]), statistics.median(took[1])
