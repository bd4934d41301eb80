"""Makes the INT8 form of a model, and says whether it may ship.

Static quantisation: scales of the activations are measured on photos, real and rendered, and written into the
graph as QuantizeLinear and DequantizeLinear (QDQ), which ONNX Runtime fuses into integer convolutions. The
heads stay in FP32: they are small, and probabilities near a threshold should not move.

Jacob et al., Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference,
CVPR 2018, arXiv:1712.05877.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from inspection import registry
from inspection.metrics import Tally
from inspection.registry import Model, Quantised
from inspection.runtime import EVERYTHING, INPUT, OnnxNetwork
from training.candidates import look
from training.datasets import Shot, read_mask
from training.timing import time_in_turns

__all__ = ["MOST_LOST", "Trial", "quantise", "try_out"]

MOST_LOST = 0.005
"""AP that no kind may lose: half a point."""
ROUNDS = 15
QUANTISED = ("Conv", "Add", "Concat", "Resize", "Relu", "Clip")
U8 = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Trial:
    """What the INT8 form of a model is worth.

    Attributes
    ----------
    lost : AP lost per kind of the masks it was tried on, and of all together under ``any``; negative where it
        gained.
    time_ratio : its time for a tile, all outputs, over that of FP32, in turns on this machine.
    apart : largest mean difference of a surface map from FP32.
    """

    lost: dict[str, float]
    time_ratio: float
    apart: float

    @property
    def worth_it(self) -> bool:
        """Whether it may ship: as good, and faster here."""
        return max(self.lost.values()) <= MOST_LOST and self.time_ratio < 1


class _Photos(CalibrationDataReader):  # type: ignore[misc]  # the package has no types
    def __init__(self, photos: Sequence[U8]) -> None:
        self._left = iter(photos)

    def get_next(self) -> dict[str, U8] | None:
        photo = next(self._left, None)
        return None if photo is None else {INPUT: photo[None]}


def _heads(model: onnx.ModelProto) -> list[str]:
    """Convolutions from whose answer no other convolution is reached."""
    feeds: dict[str, list[onnx.NodeProto]] = {}
    for node in model.graph.node:
        for name in node.input:
            feeds.setdefault(name, []).append(node)

    def leads_on(node: onnx.NodeProto) -> bool:
        return any(
            after.op_type == "Conv" or leads_on(after)
            for name in node.output
            for after in feeds.get(name, ())
        )

    return [node.name for node in model.graph.node if node.op_type == "Conv" and not leads_on(node)]


def quantise(body: bytes, photos: Sequence[U8]) -> bytes:
    """INT8 form of an ONNX file.

    Parameters
    ----------
    photos : (H, W, 3) uint8 RGB each, at model scale, sides multiples of the network's; what the line will
        see.
    """
    logging.getLogger("root").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        given, ready, made = (Path(folder) / name for name in ("given.onnx", "ready.onnx", "made.onnx"))
        given.write_bytes(body)
        quant_pre_process(str(given), str(ready), skip_symbolic_shape=True)
        quantize_static(
            str(ready),
            str(made),
            _Photos(photos),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=list(QUANTISED),
            nodes_to_exclude=_heads(onnx.load(str(ready))),
        )
        return made.read_bytes()


def try_out(model: Model, body: bytes, shots: Sequence[Shot], *, threads: int) -> Trial:
    """Hold an INT8 form beside its model on photos with masks, and time both.

    Parameters
    ----------
    shots : validation photos, never test ones.
    """
    small = OnnxNetwork(body, threads=threads)
    quantised = Model(model.manifest, small, model.folder)
    tallies: dict[str, tuple[list[Tally], list[Tally]]] = {}
    apart = 0.0
    for shot in shots:
        truth = read_mask(shot)
        full, less = look(model, shot), look(quantised, shot)
        apart = max(apart, float(np.abs(full.maps.surface - less.maps.surface).mean()))
        for kind in (str(shot.mask_kind), "any"):
            pair = tallies.setdefault(kind, ([], []))
            pair[0].append(Tally.of(full.defect, truth))
            pair[1].append(Tally.of(less.defect, truth))
    lost = {
        kind: round(Tally.total(a).average_precision() - Tally.total(b).average_precision(), 4)
        for kind, (a, b) in tallies.items()
    }
    full_ms, small_ms = time_in_turns([(model.network, EVERYTHING), (small, EVERYTHING)], rounds=ROUNDS)
    ratio = float(np.median(small_ms) / np.median(full_ms))
    return Trial(lost=lost, time_ratio=round(ratio, 3), apart=round(apart, 6))


def described(body: bytes, trial: Trial) -> Quantised:
    """Its entry in the manifest."""
    return Quantised(
        sha256=hashlib.sha256(body).hexdigest(),
        golden_apart=round(registry.GOLDEN_SLACK * trial.apart, 6),
        lost_ap=trial.lost,
        time_ratio=trial.time_ratio,
    )
