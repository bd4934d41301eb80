"""Runs a network over a photo on the CPU.

The ONNX contract: input ``image`` is uint8 (1, H, W, 3) RGB with H and W multiples of the manifest's
``multiple``. Outputs, all float32; only the first has to be there:

- ``surface`` (1, K, H / stride, W / stride): probabilities that sum to 1 over K, plane 0 sound.
- ``stitches`` (1, P, H / stride, W / stride): the manifest's ``stitch_planes``; see ``domain.Maps``.
- ``embedding`` (1, C, H / 8, W / 8): features for novelty; the manifest tells C.

ONNX Runtime computes the whole file at each run, whichever outputs are asked for. Features alone are computed
by a part of the file, opened when they are first asked for.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from inspection import onnx_graph, preprocess
from inspection.domain import Maps
from inspection.errors import ModelError

__all__ = [
    "Network",
    "NetworkSpec",
    "OnnxNetwork",
    "Output",
    "cpu_quota",
    "embed",
    "infer",
    "open_session",
    "warm",
]

INPUT = "image"


class Output(StrEnum):
    """What a network may be asked for, by the names in the ONNX graph."""

    SURFACE = "surface"
    STITCHES = "stitches"
    EMBEDDING = "embedding"


EVERYTHING = tuple(Output)

_SESSION_ERRORS = (
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NoModel,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
)


class Network(Protocol):
    """Anything that turns a tile into maps; the seam for torch at export and for tests."""

    def run(
        self, rgb: npt.NDArray[np.uint8], outputs: Collection[Output]
    ) -> dict[Output, npt.NDArray[np.float32]]:
        """Maps of one tile.

        Parameters
        ----------
        rgb : (h, w, 3) uint8, sides multiples of the spec's ``multiple``.
        outputs : what is wanted; each of ``NetworkSpec.outputs``.

        Returns
        -------
        For each output (planes, h / its stride, w / its stride) float32.
        """
        ...


@dataclass(frozen=True)
class NetworkSpec:
    """What has to be known of a network to run it over a photo.

    Attributes
    ----------
    kinds : names of its planes; the first is ``sound``.
    mm_per_px : scale it was trained at.
    stride : model-scale pixels per output cell.
    tile_px : side of the largest tile given to it.
    overlap_px : least overlap of neighbouring tiles.
    multiple : sides of tiles are multiples of this.
    stitch_planes : names of the planes of ``stitches``; empty when the network does not tell stitches.
    embedding_channels : planes of ``embedding``; 0 when the network gives none.
    embedding_stride : model-scale pixels per cell of ``embedding``.
    edge_outward_mm : by how much the network sees panel edges outside the panel, on the mean.
    false_gaps_per_m : skipped or broken stitches that are called per metre of sound seam; None: not measured.
    """

    kinds: tuple[str, ...]
    mm_per_px: float
    stride: int
    tile_px: int
    overlap_px: int
    multiple: int
    stitch_planes: tuple[str, ...] = ()
    embedding_channels: int = 0
    embedding_stride: int = 8
    edge_outward_mm: float = 0.0
    false_gaps_per_m: float | None = None

    @property
    def outputs(self) -> tuple[Output, ...]:
        """What the network can be asked for."""
        stitches = (Output.STITCHES,) if self.stitch_planes else ()
        embedding = (Output.EMBEDDING,) if self.embedding_channels else ()
        return (Output.SURFACE, *stitches, *embedding)

    def shape(self, output: Output, *, width: int, height: int) -> tuple[int, int, int]:
        """(planes, rows, columns) of an output for a tile of ``width`` x ``height`` pixels."""
        planes = {
            Output.SURFACE: len(self.kinds),
            Output.STITCHES: len(self.stitch_planes),
            Output.EMBEDDING: self.embedding_channels,
        }
        stride = self.stride_of(output)
        return planes[output], height // stride, width // stride

    def stride_of(self, output: Output) -> int:
        """Model-scale pixels per cell of an output."""
        return self.embedding_stride if output is Output.EMBEDDING else self.stride


class OnnxNetwork:
    """An ONNX file opened in ONNX Runtime. ``run`` may be called from several threads at once.

    Attributes
    ----------
    outputs : what it gives.
    features_sha256 : of what computes its features (see ``onnx_graph.digest_of``); None when it gives none.
    """

    def __init__(self, model: bytes, *, threads: int) -> None:
        """Open a network.

        Parameters
        ----------
        model : content of the ONNX file.
        threads : CPU threads of one run; they sleep between runs, so that an idle line leaves the CPU free.
        """
        self._threads = max(1, threads)
        self._whole = open_session(model, threads=self._threads)
        inputs = [value.name for value in self._whole.get_inputs()]
        outputs = [value.name for value in self._whole.get_outputs()]
        if inputs != [INPUT] or Output.SURFACE not in outputs:
            raise ModelError(
                f"the network takes {inputs} and gives {outputs}, not '{INPUT}' and '{Output.SURFACE}'",
                hint="Export it with python -m training export.",
            )
        self.outputs = tuple(output for output in Output if output in outputs)
        self.features_sha256: str | None = None
        self._lock = threading.Lock()
        self._features: onnxruntime.InferenceSession | None = None
        self._features_part = b""
        if Output.EMBEDDING in self.outputs:
            self._features_part = onnx_graph.part_that_gives(model, Output.EMBEDDING)
            self.features_sha256 = onnx_graph.digest_of(self._features_part)

    def run(
        self, rgb: npt.NDArray[np.uint8], outputs: Collection[Output]
    ) -> dict[Output, npt.NDArray[np.float32]]:
        """See ``Network.run``."""
        wanted = list(outputs)
        session = self._features_session() if wanted == [Output.EMBEDDING] else self._whole
        try:
            answers = session.run([output.value for output in wanted], {INPUT: rgb[np.newaxis]})
        except _SESSION_ERRORS as error:
            raise ModelError(
                f"the network failed on a tile of {rgb.shape[1]} x {rgb.shape[0]} px: {error}",
                hint="Check that the model's manifest belongs to this network.",
            ) from error
        return {
            output: np.asarray(answer[0], dtype=np.float32)
            for output, answer in zip(wanted, answers, strict=True)
        }

    def _features_session(self) -> onnxruntime.InferenceSession:
        with self._lock:
            if self._features is None:
                self._features = open_session(self._features_part, threads=self._threads)
            return self._features


def open_session(model: bytes, *, threads: int) -> onnxruntime.InferenceSession:
    """An ONNX file opened on the CPU, with threads that sleep between runs.

    Raises
    ------
    ModelError : it is none that ONNX Runtime can open.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except _SESSION_ERRORS as error:
        raise ModelError(
            f"ONNX Runtime cannot open the network: {error}",
            hint="Copy the model folder again, or export it again.",
        ) from error


def warm(network: Network, spec: NetworkSpec) -> None:
    """Run one grey tile of full size, so that the first photo does not pay for the memory and the kernels."""
    network.run(np.full((spec.tile_px, spec.tile_px, 3), 127, np.uint8), spec.outputs)


def infer(
    network: Network,
    rgb: npt.NDArray[np.uint8],
    *,
    photo_mm_per_px: float | None,
    spec: NetworkSpec,
    outputs: Collection[Output] = EVERYTHING,
) -> Maps:
    """What the network says of a whole photo: scale, tiles, runs, blend.

    Parameters
    ----------
    rgb : (H, W, 3) uint8.
    photo_mm_per_px : scale of the photo; None runs it at its own size.
    outputs : what is wanted besides ``surface``, which always is; what the network does not give stays None.

    Returns
    -------
    Maps, as coarse as the network's stride at model scale, sharing the photo's outer edges.
    """
    wanted = tuple(output for output in spec.outputs if output is Output.SURFACE or output in outputs)
    grids = _grids(network, rgb, wanted, photo_mm_per_px=photo_mm_per_px, spec=spec)
    return Maps(
        kinds=spec.kinds,
        surface=grids[Output.SURFACE],
        photo_size_px=(rgb.shape[1], rgb.shape[0]),
        stitch_planes=spec.stitch_planes if Output.STITCHES in grids else (),
        stitches=grids.get(Output.STITCHES),
        embedding=grids.get(Output.EMBEDDING),
    )


def embed(
    network: Network, rgb: npt.NDArray[np.uint8], *, photo_mm_per_px: float | None, spec: NetworkSpec
) -> npt.NDArray[np.float32]:
    """Features of a whole photo alone: those of ``infer``, in about a quarter of the time.

    Parameters
    ----------
    network : one that gives features.
    rgb : (H, W, 3) uint8.
    photo_mm_per_px : scale of the photo; None runs it at its own size.

    Returns
    -------
    (C, h, w) float32, sharing the photo's outer edges.
    """
    grids = _grids(network, rgb, (Output.EMBEDDING,), photo_mm_per_px=photo_mm_per_px, spec=spec)
    return grids[Output.EMBEDDING]


def _grids(
    network: Network,
    rgb: npt.NDArray[np.uint8],
    wanted: tuple[Output, ...],
    *,
    photo_mm_per_px: float | None,
    spec: NetworkSpec,
) -> dict[Output, npt.NDArray[np.float32]]:
    """Each wanted output over the whole photo: scale, tiles, runs, blend."""
    scaled = preprocess.to_model_scale(rgb, photo_mm_per_px=photo_mm_per_px, model_mm_per_px=spec.mm_per_px)
    size = (scaled.shape[1], scaled.shape[0])
    tiles = preprocess.plan_tiles(
        *size, tile_px=spec.tile_px, overlap_px=spec.overlap_px, multiple=spec.multiple
    )
    padded = preprocess.pad(scaled, multiple=spec.multiple)
    answers = [_checked(network, preprocess.cut(padded, tile), wanted, spec) for tile in tiles]
    grids = {}
    for output in wanted:
        stride = spec.stride_of(output)
        planes = [answer[output] for answer in answers]
        grid = preprocess.blend(planes, tiles, stride=stride, overlap_px=spec.overlap_px)
        grids[output] = preprocess.fit_grid(grid, size_px=size, stride=stride)
    return grids


def _checked(
    network: Network, tile: npt.NDArray[np.uint8], outputs: tuple[Output, ...], spec: NetworkSpec
) -> dict[Output, npt.NDArray[np.float32]]:
    """Answers of the shapes that the spec promises."""
    answers = network.run(tile, outputs)
    for output in outputs:
        expected = spec.shape(output, width=tile.shape[1], height=tile.shape[0])
        if answers[output].shape != expected:
            raise ModelError(
                f"the network gave {answers[output].shape} as {output.value} of a tile "
                f"where its manifest promises {expected}",
                hint="The manifest does not belong to this network; copy or export the model folder again.",
            )
    return answers


def _quota_v2(folder: Path) -> float | None:
    """CPUs granted by one cgroup v2 folder; None when it sets no limit."""
    file = folder / "cpu.max"
    if not file.is_file():
        return None
    quota, period = file.read_text().split()
    return None if quota == "max" else int(quota) / int(period)


def _quota_v1(folder: Path) -> float | None:
    """CPUs granted by one cgroup v1 folder; None when it sets no limit."""
    quota, period = folder / "cpu.cfs_quota_us", folder / "cpu.cfs_period_us"
    if not quota.is_file() or not period.is_file():
        return None
    granted = int(quota.read_text())
    return None if granted <= 0 else granted / int(period.read_text())


def cpu_quota(root: Path = Path("/")) -> int:
    """CPUs that this process may use: the least of its affinity and its control group's quota, at least 1.

    Containers on a large host see all its CPUs; threads beyond the quota only throttle each other.

    Parameters
    ----------
    root : where ``proc`` and ``sys`` are found.
    """
    allowed = float(len(os.sched_getaffinity(0)))
    mount = root / "sys/fs/cgroup"
    membership = root / "proc/self/cgroup"
    lines = membership.read_text().splitlines() if membership.is_file() else []
    for line in lines:
        number, controllers, path = line.split(":", 2)
        is_v2 = number == "0" and controllers == ""
        if not is_v2 and "cpu" not in controllers.split(","):
            continue
        top = mount if is_v2 else mount / "cpu"
        own = Path(path.lstrip("/"))
        # A limit on any folder above holds too; in a container the own path may not be visible, so look at
        # the top as well.
        for folder in (top / own, *(top / parent for parent in own.parents)):
            granted = _quota_v2(folder) if is_v2 else _quota_v1(folder)
            if granted is not None:
                allowed = min(allowed, granted)
    return max(1, math.floor(allowed))
