"""Writes torch modules as ONNX files."""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn

__all__ = ["OPSET", "onnx_of", "without_traces"]

OPSET = 18
_OPTIMISER_LOG = "onnxscript"


def onnx_of(
    module: nn.Module, example: Tensor, *, inputs: Mapping[str, Mapping[int, Any]], outputs: Sequence[str]
) -> bytes:
    """One ONNX file, weights inside, of a module that takes one tensor.

    Parameters
    ----------
    inputs : the input's name, with the ``torch.export.Dim`` of each of its dimensions that may differ.
    outputs : names, in the order in which the module gives them.
    """
    logging.getLogger(_OPTIMISER_LOG).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations inside torch's exporter
        program = torch.onnx.export(
            module.eval(),
            (example,),
            input_names=list(inputs),
            output_names=list(outputs),
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            dynamic_shapes=tuple(dict(sizes) for sizes in inputs.values()),
            verbose=False,
        )
    if program is None:
        raise RuntimeError("torch gave no ONNX program")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        program.save(file)
        return without_traces(file.read_bytes())


def without_traces(body: bytes) -> bytes:
    """An ONNX file without the exporter's notes, which hold source lines and paths of the machine at hand."""
    model = onnx.load_model_from_string(body)
    for part in (model, model.graph, *model.graph.node, *model.graph.value_info):
        del part.metadata_props[:]
    stripped: bytes = model.SerializeToString()
    return stripped
