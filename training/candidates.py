"""Turns a fitted network into a candidate: an ONNX file with a manifest, thresholds included, in the run
folder.

A candidate is a model folder that nobody serves yet. Thresholds are chosen here, on validation photos only,
by running the ONNX file through ``inspection`` as the line will; so is found how far off it sees edges.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch

from inspection import detecting, metrics, runtime
from inspection.detecting import Sensitivity
from inspection.domain import Defect, Maps, Zone, ZoneClass
from inspection.registry import DataSource, Manifest, Model, open_model
from training.architectures import AnyNetwork
from training.datasets import Labels, Shot, Split, open_dataset, read_mask, read_photo
from training.edges import edge_outward_mm
from training.networks import (
    EMBEDDING_STRIDE,
    MULTIPLE,
    STRIDE,
    Exported,
)
from training.onnx_files import OPSET, onnx_of
from training.recipe import PROJECT, BoxUse, Recipe
from training.runs import RunFolder, load_averaged
from training.stitches import PLANES

__all__ = [
    "OPSET",
    "PATCH_MM",
    "Look",
    "candidate_folder",
    "look",
    "make_candidate",
    "sound_patches",
    "to_onnx",
]

LOWEST_THRESHOLD, HIGHEST_THRESHOLD = 0.5, 0.995
"""A region is what is likelier defective than not, so no threshold below that; above it there is no room to
choose."""
THRESHOLD_STEP = 1e-4
"""Thresholds are rounded to this; a score misses the one that is a step above it."""
PATCH_MM = 19.2
"""Side of a sound patch: a quarter of a photo of leather-hides."""
PATCH_MARGIN_MM = 1.2
"""Sound patches keep this far from labelled defects, whose labels are loose."""
ROUNDING = 1e-9
"""20 x (1 - 0.9) is a little less than 2."""
LARGEST_TILE = 4096


@dataclass(frozen=True, eq=False)
class Look:
    """What the model says of one photo, beside what is known of it.

    Attributes
    ----------
    maps : as the line gets them.
    labelled : (H, W) true inside masks or boxes, at the photo's size.
    regions : all regions, whatever their probability, as the line finds them with the lowest threshold.
    mm_per_px : of the photo.
    """

    shot: Shot
    maps: Maps
    labelled: npt.NDArray[np.bool_]
    regions: tuple[Defect, ...]
    mm_per_px: float

    @property
    def defect(self) -> npt.NDArray[np.float32]:
        """(H, W) probability of any defect at the photo's size."""
        grid = 1 - self.maps.surface[0]
        full = cv2.resize(grid, self.maps.photo_size_px, interpolation=cv2.INTER_LINEAR)
        return np.asarray(np.clip(full, 0, 1), np.float32)


def to_onnx(network: AnyNetwork) -> bytes:
    """One ONNX file for photos of any size that is a multiple of 32."""
    example = torch.zeros((1, 256, 256, 3), dtype=torch.uint8)
    rows, columns = (
        MULTIPLE * torch.export.Dim(side, min=1, max=LARGEST_TILE // MULTIPLE) for side in ("rows", "columns")
    )
    return onnx_of(
        Exported(network),
        example,
        inputs={"image": {1: rows, 2: columns}},
        outputs=[output.value for output in runtime.Output],
    )


def candidate_folder(run: RunFolder) -> Path:
    """Where the candidate of a run lies."""
    return run.path / "candidate"


def whole_photo(width: int, height: int) -> tuple[Zone, ...]:
    """One primary zone that covers a photo."""
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float64) - 0.5
    return (Zone(name="photo", zone_class=ZoneClass.PRIMARY, outline_px=corners),)


def look(model: Model, shot: Shot) -> Look:
    """Run a model over a photo, from its bytes to its regions."""
    rgb = read_photo(shot)
    height, width = rgb.shape[:2]
    maps = runtime.infer(model.network, rgb, photo_mm_per_px=shot.mm_per_px, spec=model.spec, outputs=())
    if shot.mask_file is not None:
        labelled = read_mask(shot)
    else:
        labelled = np.zeros((height, width), bool)
        for box in shot.boxes:
            left, top = max(0, round(box.x)), max(0, round(box.y))
            labelled[top : round(box.y + box.height), left : round(box.x + box.width)] = True
    lowest = Sensitivity(
        thresholds=dict.fromkeys(model.manifest.kinds[1:], LOWEST_THRESHOLD),
        min_area_mm2=model.manifest.min_area_mm2,
        nominal_mm_per_px=model.manifest.mm_per_px,
    )
    detection = detecting.detect(maps, whole_photo(width, height), lowest, mm_per_px=shot.mm_per_px)
    return Look(shot=shot, maps=maps, labelled=labelled, regions=detection.defects, mm_per_px=shot.mm_per_px)


def sound_patches(one: Look) -> tuple[tuple[slice, slice], ...]:
    """Squares of a photo, side by side, that hold no labelled defect."""
    side, margin = round(PATCH_MM / one.mm_per_px), round(PATCH_MARGIN_MM / one.mm_per_px)
    near = cv2.dilate(one.labelled.astype(np.uint8), np.ones((2 * margin + 1, 2 * margin + 1)))
    height, width = near.shape
    patches = [
        (slice(y, y + side), slice(x, x + side))
        for y in range(0, height - side + 1, side)
        for x in range(0, width - side + 1, side)
    ]
    return tuple(patch for patch in patches if not near[patch].any())


def _centre_in(region: Defect, patch: tuple[slice, slice]) -> bool:
    left, top, width, height = region.box_px
    rows, columns = patch
    x, y = left + width / 2, top + height / 2
    return bool(rows.start <= y < rows.stop and columns.start <= x < columns.stop)


def choose_thresholds(looks: Sequence[Look], kinds: Sequence[str], *, sound_pass: float) -> dict[str, float]:
    """Per kind, the lowest threshold such that ``sound_pass`` of all sound patches raise no alarm of any
    kind.

    The patches that may alarm are shared out evenly: each kind gets the same allowance of its own, as large
    as the total permits.
    """
    scores: list[dict[str, float]] = []
    for one in looks:
        for patch in sound_patches(one):
            inside = [region for region in one.regions if _centre_in(region, patch)]
            scores.append(
                {kind: max((r.score for r in inside if r.kind == kind), default=0.0) for kind in kinds}
            )
    if not scores:
        raise ValueError("no sound patch in the validation photos")
    chosen = dict.fromkeys(kinds, HIGHEST_THRESHOLD)
    for allowance in range(len(scores)):
        trial = {}
        for kind in kinds:
            threshold = metrics.threshold_at_pass(
                [patch[kind] for patch in scores], sound_pass=1 - allowance / len(scores)
            )
            trial[kind] = round(min(max(threshold, LOWEST_THRESHOLD), HIGHEST_THRESHOLD), 4)
        alarms = sum(any(patch[kind] >= trial[kind] for kind in kinds) for patch in scores)
        if alarms > (1 - sound_pass) * len(scores) + ROUNDING:
            break
        chosen = trial
        if all(value == LOWEST_THRESHOLD for value in trial.values()):
            break
    return chosen


def floors_of_sound_photos(
    looks: Sequence[Look], kinds: Sequence[str], *, alarms_per_photo: float
) -> dict[str, float]:
    """Per kind, the lowest threshold such that photos taken for sound raise no more alarms than that,
    all kinds together.

    The alarms are shared out evenly, as by ``choose_thresholds``.
    """
    scores = {
        kind: sorted((r.score for one in looks for r in one.regions if r.kind == kind), reverse=True)
        for kind in kinds
    }
    floors = dict.fromkeys(kinds, LOWEST_THRESHOLD)
    for allowance in range(max(map(len, scores.values()), default=0), -1, -1):
        floors = {
            kind: round(min(own[allowance] + THRESHOLD_STEP, HIGHEST_THRESHOLD), 4)
            if len(own) > allowance
            else LOWEST_THRESHOLD
            for kind, own in scores.items()
        }
        alarms = sum(score >= floors[kind] for kind, own in scores.items() for score in own)
        if alarms <= alarms_per_photo * len(looks):
            break
    return floors


def make_candidate(recipe: Recipe, run: RunFolder, *, datasets_dir: Path = PROJECT / "datasets") -> Model:
    """Write ONNX file and manifest of a fitted run, thresholds chosen on validation photos, and open them."""
    network = load_averaged(run, recipe)
    body = to_onnx(network)
    folder = candidate_folder(run)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(body)
    kinds = recipe.kinds[1:]
    sources, validation = [], []
    for name in recipe.data.sets:
        definition, shots = open_dataset(datasets_dir, name)
        learned = definition.labels is not Labels.BOXES or recipe.data.boxes is not BoxUse.NOTHING
        learned = learned and not recipe.data.only_scenes
        sources.append(
            DataSource(
                name=definition.name,
                licence=definition.licence,
                attribution=definition.attribution,
                source=definition.source,
                photos=sum(shot.split is Split.TRAIN for shot in shots) if learned else 0,
            )
        )
        validation += [shot for shot in shots if shot.split is Split.VAL]
    manifest = Manifest(
        name=recipe.export.model,
        version=recipe.export.version,
        created_at=datetime.now(UTC).replace(microsecond=0),
        sha256=hashlib.sha256(body).hexdigest(),
        kinds=recipe.kinds,
        mm_per_px=recipe.mm_per_px,
        stride=STRIDE,
        tile_px=recipe.export.tile_px,
        overlap_px=recipe.export.overlap_px,
        multiple=MULTIPLE,
        stitch_planes=PLANES,
        embedding_channels=network.embedding_channels,
        embedding_stride=EMBEDDING_STRIDE,
        thresholds=dict.fromkeys(kinds, LOWEST_THRESHOLD),
        min_area_mm2=recipe.export.min_area_mm2,
        false_rejects=round(1 - recipe.export.sound_pass, 4),
        data=tuple(sources),
    )
    _write_manifest(folder, manifest)
    opened = open_model(folder, threads=recipe.fit.threads)
    looks = [look(opened, shot) for shot in validation]
    flat = [one for one in looks if one.shot.is_flat]
    thresholds = choose_thresholds(flat, kinds, sound_pass=recipe.export.sound_pass)
    floors = floors_of_sound_photos(
        [one for one in looks if not one.shot.is_flat],
        kinds,
        alarms_per_photo=recipe.export.alarms_per_sound_photo,
    )
    thresholds = {kind: max(thresholds[kind], floors[kind]) for kind in kinds}
    found = {"thresholds": thresholds, "edge_outward_mm": edge_outward_mm(recipe, opened)}
    _write_manifest(folder, manifest.model_copy(update=found))
    return open_model(folder, threads=recipe.fit.threads)


def _write_manifest(folder: Path, manifest: Manifest) -> None:
    (folder / "manifest.json").write_text(manifest.model_dump_json(by_alias=True, indent=2) + "\n")
