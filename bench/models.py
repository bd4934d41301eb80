"""The shipped network: its figures on hides never seen, and its speed beside a plain U-Net in one run."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.table import Figure
from inspection import registry
from inspection.registry import Metric
from inspection.runtime import OnnxNetwork, Output
from training.candidates import to_onnx
from training.plain_unet import PlainUnet
from training.timing import TILE_PX, time_in_turns

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
    peer = plain_unet(kinds=len(manifest.kinds))
    took = time_in_turns([(model.network, model.spec.outputs), (peer, (Output.SURFACE,))], rounds=RUNS)
    ours_ms, peer_ms = (float(np.median(one)) for one in took)
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


def plain_unet(*, kinds: int) -> OnnxNetwork:
    """The usual choice: segmentation-models-pytorch's U-Net on ResNet-34; weights do not change its speed."""
    return OnnxNetwork(to_onnx(PlainUnet(kinds=kinds).eval()), threads=THREADS)


def _bar(metric: Metric) -> tuple[str, float | None]:
    if metric.kind != "any":
        return "", None
    return BARS.get((metric.data.split(",")[0], metric.name), ("", None))
