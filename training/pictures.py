"""Draws what a person should look at during and after a run: curves, training samples, the worst answers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import matplotlib
import numpy as np
import numpy.typing as npt

matplotlib.use("Agg")

from matplotlib import pyplot as plt

from inspection import taxonomy
from training.datasets import UNKNOWN_LABEL, Example
from training.validating import predict

if TYPE_CHECKING:
    from training.architectures import AnyNetwork
    from training.batches import Batch

__all__ = ["WORST_LIST", "curves", "overlay", "samples", "worst"]

Rgb = npt.NDArray[np.uint8]
SIDE_PX = 320
WORST_LIST = "list.json"
"""Within the folder of the worst answers: file of each picture to the line below it."""


def _colour(kind: str) -> tuple[int, int, int]:
    code = taxonomy.KINDS[kind].colour
    return int(code[1:3], 16), int(code[3:5], 16), int(code[5:7], 16)


def overlay(rgb: Rgb, labels: npt.NDArray[np.uint8], kinds: Sequence[str]) -> Rgb:
    """A photo with the outline of each labelled region in the colour of its kind, and unknown areas
    dimmed."""
    drawn = rgb.copy()
    unknown = labels == UNKNOWN_LABEL
    drawn[unknown] = (0.6 * drawn[unknown]).astype(np.uint8)
    for index, kind in enumerate(kinds[1:], start=1):
        outlines, _ = cv2.findContours(
            (labels == index).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
        )
        cv2.drawContours(drawn, outlines, -1, _colour(kind), 1)
    return drawn


def _write(rgb: Rgb, file: Path) -> None:
    cv2.imwrite(str(file), rgb[..., ::-1])


def _grid(cells: Sequence[Rgb], columns: int) -> Rgb:
    blank = np.zeros_like(cells[0])
    filled = [*cells, *[blank] * (-len(cells) % columns)]
    rows = [np.hstack(filled[i : i + columns]) for i in range(0, len(filled), columns)]
    return np.vstack(rows)


def _sewing(rgb: Rgb, planes: npt.NDArray[np.float32]) -> Rgb:
    """A grey photo with thread in red, needle holes in yellow and edges in green."""
    size = (rgb.shape[1], rgb.shape[0])
    thread, point, edge = (cv2.resize(planes[i], size)[..., None] for i in (0, 1, 4))
    drawn = np.repeat(0.6 * rgb.mean(axis=2, keepdims=True), 3, axis=2)
    for plane, colour in ((edge, (0, 220, 0)), (thread, (230, 40, 40)), (point, (255, 230, 0))):
        drawn = drawn * (1 - plane) + plane * np.array(colour)
    return np.asarray(np.clip(drawn, 0, 255), np.uint8)


def samples(batch: Batch, kinds: Sequence[str], file: Path) -> None:
    """What the network gets to see: each crop of one batch beside its labels."""
    images, labels = batch.images.numpy().transpose(0, 2, 3, 1), batch.labels.numpy()
    cells = [
        np.hstack([image, overlay(image, label, kinds), _sewing(image, planes)])
        for image, label, planes in zip(images, labels, batch.stitches.numpy(), strict=True)
    ]
    _write(_grid(cells, 2), file)


def curves(history: Sequence[dict[str, float]], file: Path) -> None:
    """Loss and validation figures against steps."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    steps = [moment["step"] for moment in history]
    for name in ("loss", "pixels", "overlap", "focal", "boxes", "thread", "point", "offset", "edge"):
        left.plot(steps, [moment[name] for moment in history], label=name)
    left.set(title="training loss", xlabel="step", yscale="log")
    for name, label in (
        ("val_ap", "pixel AP, masks"),
        ("val_box_recall", "boxes found"),
        ("val_points", "needle holes, AP"),
        ("val_thread", "thread, overlap"),
    ):
        right.plot(steps, [moment[name] for moment in history], label=label)
    right.set(title="validation", xlabel="step", ylim=(0, 1))
    other = right.twinx()
    other.plot(steps, [moment["val_false_regions"] for moment in history], "k:", label="false regions")
    other.set_ylabel("false regions per photo (dotted)")
    left.legend()
    right.legend()
    figure.savefig(file, dpi=90)
    plt.close(figure)


def _called(kinds: Sequence[str], labels: npt.NDArray[np.uint8]) -> str:
    """Names of the kinds that a plane shows, most pixels first; of nothing it says that it is sound."""
    shown = np.bincount(labels.ravel(), minlength=len(kinds))[1 : len(kinds)]
    return ", ".join(kinds[i + 1] for i in np.argsort(-shown, kind="stable") if shown[i]) or kinds[0]


def _labelled(example: Example, kinds: Sequence[str]) -> str:
    boxed = ", ".join(dict.fromkeys(box.kind for box in example.boxes))
    return f"{boxed} (boxes)" if boxed else _called(kinds, example.labels)


def worst(
    network: AnyNetwork, examples: Sequence[Example], kinds: Sequence[str], folder: Path, *, count: int
) -> None:
    """The photos whose answers are furthest from their labels, labels left and answers right.

    A picture each, with a line that says what it is; the worst comes first in ``WORST_LIST``.
    """
    judged: list[tuple[float, Example, npt.NDArray[np.uint8]]] = []
    for example in examples:
        answer = predict(network, example.rgb)
        known = example.labels != UNKNOWN_LABEL
        off = np.abs((1 - answer[0]) - (example.labels > 0))[known]
        found = np.where(answer[0] < 0.5, answer[1:].argmax(0) + 1, 0).astype(np.uint8)
        judged.append((float(np.sort(off)[-max(1, off.size // 100) :].mean()), example, found))
    judged.sort(key=lambda entry: -entry[0])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    listed = {}
    for place, (off, example, found) in enumerate(judged[:count], start=1):
        pair = (overlay(example.rgb, example.labels, kinds), overlay(example.rgb, found, kinds))
        sides = [_fitted(side) for side in pair]
        name = f"{place:02d}.jpg"
        _write(np.hstack(sides), folder / name)
        listed[name] = (
            f"{example.shot.dataset}, {example.shot.stem}: labelled {_labelled(example, kinds)}; "
            f"found {_called(kinds, found)}; off by {off:.2f}"
        )
    (folder / WORST_LIST).write_text(json.dumps(listed, indent=1), encoding="utf-8")


def _fitted(rgb: Rgb) -> Rgb:
    """A photo made ``SIDE_PX`` wide, whole."""
    height = max(1, round(rgb.shape[0] * SIDE_PX / rgb.shape[1]))
    return np.asarray(cv2.resize(rgb, (SIDE_PX, height), interpolation=cv2.INTER_AREA), np.uint8)
