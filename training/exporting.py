"""Publishes a scored candidate as a model folder, after proving that it answers as the trained network does.

The proof goes from encoded photo bytes to the verdict, on real photos, once through torch and once through
ONNX Runtime. Where verdicts, defects, scores, maps or masks differ by more than the stated bounds nothing
is written.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch

from inspection import imaging, pipeline, recipes, registry, standards
from inspection.domain import Calibration, CalibrationSource, Finding
from inspection.errors import ConfigurationError, WeltError
from inspection.registry import Golden, GoldenPhoto, Manifest, Metric, Model
from inspection.runtime import Output
from training import quantising
from training.candidates import candidate_folder
from training.card import card
from training.datasets import (
    MAX_PIXELS,
    Definition,
    Shot,
    Split,
    open_dataset,
    read_mask,
)
from training.material import open_examples, open_recipe_pool
from training.networks import Exported
from training.quantising import Trial
from training.recipe import PROJECT, Recipe
from training.runs import RunFolder, load_averaged

__all__ = ["BOUNDS", "Bounds", "ParityError", "TorchNetwork", "compare", "export"]

VIEW = "leather"
PRECISIONS: tuple[registry.Precision, ...] = ("fp32", "int8")
CALIBRATION_PHOTOS, CALIBRATION_PX = 48, 256
"""Photos whose activations decide the scales of INT8: each second one rendered, where the recipe renders."""
PARITY_PHOTOS = 8
"""Photos per data set, spread over validation and test, besides the golden ones."""


class ParityError(WeltError):
    """The exported network does not answer as the trained one does."""

    kind = "parity"
    title = "The export differs from the trained network"


@dataclass(frozen=True)
class Bounds:
    """How far two runs of the same network may differ: rounding, nothing else.

    Attributes
    ----------
    probability : of any cell of the surface map.
    stitches : of any cell, pixels of an offset included.
    embedding : of any feature; features reach some tens.
    score : of a defect.
    outline_px : of a point of a defect's outline, when both have the same number of points.
    mask_share : share of cells that may fall on the other side of 0.5.
    """

    probability: float = 1e-3
    stitches: float = 5e-3
    embedding: float = 5e-3
    score: float = 1e-3
    outline_px: float = 0.1
    mask_share: float = 1e-4


BOUNDS = Bounds()


class TorchNetwork:
    """The trained network behind the line's own interface."""

    def __init__(self, network: torch.nn.Module) -> None:
        self._network = network.eval()

    @torch.no_grad()
    def run(
        self, rgb: npt.NDArray[np.uint8], outputs: Collection[Output]
    ) -> dict[Output, npt.NDArray[np.float32]]:
        """See ``inspection.runtime.Network``."""
        answers = self._network(torch.from_numpy(np.array(rgb))[None])
        named = dict(zip(Output, answers if isinstance(answers, tuple) else (answers,), strict=False))
        return {output: np.asarray(named[output][0].numpy(), np.float32) for output in outputs}


def inspect_bytes(body: bytes, model: Model, *, mm_per_px: float) -> Finding:
    """What the line would find in an encoded photo."""
    recipe = recipes.open_recipes(()).get(None)
    setup = pipeline.Setup(
        model=model,
        recipe=recipe,
        standard=standards.open_standards(()).get(recipe.standard),
        view=VIEW,
        calibration=Calibration(mm_per_px, CalibrationSource.REFERENCE),
    )
    return pipeline.inspect(imaging.decode(body, max_pixels=MAX_PIXELS), setup, clock=time.perf_counter)


def compare(photo: str, ours: Finding, theirs: Finding, bounds: Bounds = BOUNDS) -> None:
    """Raise ParityError when two findings of one photo differ by more than the bounds."""

    def refuse(what: str) -> None:
        raise ParityError(
            f"{photo}: {what}",
            hint="Nothing was written. Check the exporter's version and the network's layers.",
        )

    apart = float(np.abs(ours.maps.surface - theirs.maps.surface).max())
    if not apart <= bounds.probability:
        refuse(f"probabilities differ by {apart:.2g}; {bounds.probability:g} is allowed")
    for output, bound in (("stitches", bounds.stitches), ("embedding", bounds.embedding)):
        one, other = getattr(ours.maps, output), getattr(theirs.maps, output)
        if one is None or other is None:
            continue
        apart = float(np.abs(one - other).max())
        if not apart <= bound:
            refuse(f"{output} differ by {apart:.2g}; {bound:g} is allowed")
    flipped = float(np.mean((ours.maps.surface[0] < 0.5) != (theirs.maps.surface[0] < 0.5)))
    if flipped > bounds.mask_share:
        refuse(f"{flipped:.2%} of the mask differs; {bounds.mask_share:.2%} is allowed")
    if ours.verdict.grade != theirs.verdict.grade:
        refuse(f"the verdict is {ours.verdict.grade} in torch and {theirs.verdict.grade} in ONNX Runtime")
    if [reason.rule for reason in ours.verdict.reasons] != [reason.rule for reason in theirs.verdict.reasons]:
        refuse("the verdicts give different reasons")
    if [defect.kind for defect in ours.defects] != [defect.kind for defect in theirs.defects]:
        refuse(
            f"{len(ours.defects)} defects in torch, {len(theirs.defects)} in ONNX Runtime, or of other kinds"
        )
    for one, other in zip(ours.defects, theirs.defects, strict=True):
        if abs(one.score - other.score) > bounds.score:
            refuse(f"a {one.kind} scores {one.score:.4f} in torch and {other.score:.4f} in ONNX Runtime")
        same = one.outline_px.shape == other.outline_px.shape
        if same and float(np.abs(one.outline_px - other.outline_px).max()) > bounds.outline_px:
            refuse(f"the outline of a {one.kind} differs by more than {bounds.outline_px:g} px")


def _prove(photos: Sequence[tuple[str, bytes, float]], torch_model: Model, onnx_model: Model) -> None:
    for name, body, mm_per_px in photos:
        ours = inspect_bytes(body, torch_model, mm_per_px=mm_per_px)
        theirs = inspect_bytes(body, onnx_model, mm_per_px=mm_per_px)
        compare(name, ours, theirs)


def _open_sets(recipe: Recipe, datasets_dir: Path) -> list[tuple[Definition, tuple[Shot, ...]]]:
    return [open_dataset(datasets_dir, name) for name in recipe.data.sets]


def _real_photos(sets: Sequence[tuple[Definition, tuple[Shot, ...]]]) -> list[tuple[str, bytes, float]]:
    photos = []
    for _, shots in sets:
        unseen = [shot for shot in shots if shot.split is not Split.TRAIN]
        chosen = np.linspace(0, len(unseen) - 1, min(PARITY_PHOTOS, len(unseen))).round().astype(int)
        photos += [(unseen[i].stem, unseen[i].file.read_bytes(), unseen[i].mm_per_px) for i in chosen]
    return photos


def _labelled(shot: Shot, shape: tuple[int, int]) -> npt.NDArray[np.bool_]:
    if shot.mask_file is not None:
        return read_mask(shot)
    drawn = np.zeros(shape, bool)
    for box in shot.boxes:
        left, top = max(0, round(box.x)), max(0, round(box.y))
        drawn[top : round(box.y + box.height), left : round(box.x + box.width)] = True
    return drawn


def _golden_crop(shot: Shot, side: int, *, sound: bool) -> bytes:
    """PNG of a square of a photo, about its first defect, or the first square without any."""
    rgb = imaging.decode(shot.file.read_bytes(), max_pixels=MAX_PIXELS).rgb
    height, width = rgb.shape[:2]
    labelled = _labelled(shot, (height, width))
    if sound:
        corners = [
            (y, x)
            for y in range(0, max(1, height - side + 1), 32)
            for x in range(0, max(1, width - side + 1), 32)
            if not labelled[y : y + side, x : x + side].any()
        ]
        if not corners:
            raise ConfigurationError(
                f"{shot.stem} has no sound square of {side} px",
                hint="Name another photo in export.golden_sound.",
            )
        top, left = corners[0]
    else:
        rows, columns = np.nonzero(labelled)
        top = int(np.clip(round(rows.mean()) - side // 2, 0, max(0, height - side)))
        left = int(np.clip(round(columns.mean()) - side // 2, 0, max(0, width - side)))
    crop = rgb[top : top + side, left : left + side]
    written, encoded = cv2.imencode(".png", crop[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])
    if not written:
        raise ConfigurationError(f"{shot.stem} cannot be written as PNG", hint="Check the photo.")
    return encoded.tobytes()


def _golden_photos(
    recipe: Recipe, sets: Sequence[tuple[Definition, tuple[Shot, ...]]]
) -> list[tuple[str, bytes, float]]:
    by_stem = {shot.stem: shot for _, shots in sets for shot in shots}
    photos = []
    for stems, sound in ((recipe.export.golden, False), (recipe.export.golden_sound, True)):
        for stem in stems:
            if stem not in by_stem:
                raise ConfigurationError(f"no photo '{stem}' for golden/", hint="Correct export.golden.")
            shot = by_stem[stem]
            name = f"{'sound-' if sound else ''}{stem.replace('_', '-')}.png"
            photos.append((name, _golden_crop(shot, recipe.export.golden_px, sound=sound), shot.mm_per_px))
    return photos


def _write_golden(folder: Path, photos: Sequence[tuple[str, bytes, float]], model: Model) -> None:
    folder.mkdir()
    listed, arrays = [], {}
    for name, body, mm_per_px in photos:
        (folder / name).write_bytes(body)
        finding = inspect_bytes(body, model, mm_per_px=mm_per_px)
        stem = Path(name).stem
        arrays[stem] = finding.maps.surface
        stitches = None
        if finding.maps.stitches is not None:
            stitches = f"{stem}.stitches"
            arrays[stitches] = finding.maps.stitches
        listed.append(
            GoldenPhoto(
                file=name,
                sha256=hashlib.sha256(body).hexdigest(),
                array=stem,
                stitches=stitches,
                mm_per_px=mm_per_px,
                grade=str(finding.verdict.grade),
            )
        )
    np.savez_compressed(folder / registry.GOLDEN_MAPS, **arrays)  # type: ignore[arg-type]
    golden = Golden(photos=tuple(listed))
    (folder / registry.GOLDEN_FILE).write_text(golden.model_dump_json(indent=1) + "\n")


def _int8(recipe: Recipe, run: RunFolder, candidate: Model, datasets_dir: Path) -> tuple[bytes, Trial] | None:
    """The INT8 form and how it was found, when the recipe asks for one and it was found worth it."""
    if not recipe.export.int8:
        return None
    training = open_examples(recipe, Split.TRAIN, datasets_dir=datasets_dir)
    pool = open_recipe_pool(recipe, run, datasets_dir, quiet=True)
    photos = [example.rgb for example in training]
    if pool is not None:
        photos = [photo for i, photo in enumerate(photos) for photo in (photo, pool.piece(i % len(pool)).rgb)]
    rng = np.random.default_rng(recipe.seed)
    chosen = rng.permutation(len(photos))[:CALIBRATION_PHOTOS]
    side = CALIBRATION_PX
    crops = [photos[i][:side, :side] for i in chosen if min(photos[i].shape[:2]) >= side]
    body = quantising.quantise((candidate.folder / registry.MODEL_FILE).read_bytes(), crops)
    masked = [
        shot
        for _, shots in _open_sets(recipe, datasets_dir)
        for shot in shots
        if shot.split is Split.VAL and shot.mask_file is not None
    ]
    trial = quantising.try_out(candidate, body, masked, threads=recipe.fit.threads)
    (run.path / "int8.json").write_text(json.dumps(asdict(trial), indent=1))
    return (body, trial) if trial.worth_it else None


def _scored(run: RunFolder, manifest: Manifest) -> tuple[Metric, ...]:
    file = run.path / "score.json"
    if not file.is_file():
        raise ConfigurationError(
            f"{file} does not exist", hint="Run python -m training score with this recipe first."
        )
    content = json.loads(file.read_text())
    if content["sha256"] != manifest.sha256:
        raise ConfigurationError(
            f"{file} is of another network", hint="Run python -m training score with this recipe again."
        )
    return tuple(Metric.model_validate(figure) for figure in content["metrics"])


def export(
    recipe: Recipe,
    run: RunFolder,
    *,
    models_dir: Path = PROJECT / "models",
    datasets_dir: Path = PROJECT / "datasets",
    network: torch.nn.Module | None = None,
) -> Path:
    """Publish the candidate of a run as ``<models_dir>/<model>/<version>`` and let it serve.

    Parameters
    ----------
    network : what the ONNX file is compared with, as in ``networks.Exported``; the run's averaged network
        when left out.
    """
    candidate = registry.open_model(candidate_folder(run), threads=recipe.fit.threads)
    int8 = _int8(recipe, run, candidate, datasets_dir)
    figures = _scored(run, candidate.manifest)
    reference = Exported(load_averaged(run, recipe)) if network is None else network
    torch_model = Model(candidate.manifest, TorchNetwork(reference), candidate.folder)
    sets = _open_sets(recipe, datasets_dir)
    golden = _golden_photos(recipe, sets)
    _prove([*golden, *_real_photos(sets)], torch_model, candidate)

    update = {"metrics": figures, "int8": quantising.described(*int8) if int8 is not None else None}
    manifest = candidate.manifest.model_copy(update=update)
    target = models_dir / manifest.name / manifest.version
    fresh = target.with_name(f".{manifest.version}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    shutil.copyfile(candidate.folder / registry.MODEL_FILE, fresh / registry.MODEL_FILE)
    (fresh / registry.MANIFEST_FILE).write_text(manifest.model_dump_json(by_alias=True, indent=2) + "\n")
    if int8 is not None:
        (fresh / registry.INT8_FILE).write_bytes(int8[0])
    _write_golden(fresh / "golden", golden, candidate)
    definitions = [definition for definition, _ in sets]
    (fresh / "CARD.md").write_text(card(recipe, manifest, definitions, run), encoding="utf-8")
    for precision in PRECISIONS[: 1 if int8 is None else 2]:
        registry.check_golden(registry.open_model(fresh, threads=recipe.fit.threads, precision=precision))
    if target.exists():
        shutil.rmtree(target)
    os.replace(fresh, target)
    named = f'model = "{manifest.name}/{manifest.version}"'
    (models_dir / registry.SERVING_FILE).write_text(f"# Which model serves.\n[serving]\n{named}\n")
    return target
