"""Reads data sets: a TOML definition beside a folder of photos with painted masks or boxes.

A definition (``datasets/<name>.toml``) states source, licence, checksum, physical scale, how its classes
map onto the taxonomy, and which groups of photos (hides, or clusters that look like one hide) belong to
which split. Groups are never divided. Photos are checked against the checksum before anything is learned
from them.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from inspection import imaging, preprocess, taxonomy
from inspection.errors import ConfigurationError

__all__ = ["UNKNOWN_LABEL", "Box", "Definition", "Example", "Labels", "Shot", "Split", "load", "open_dataset"]

UNKNOWN_LABEL = 255
"""Label of pixels of which nothing is known: no loss there."""
PAINTED = 128
"""Hand-painted masks are soft; from this value on a pixel counts as defect."""
MAX_PIXELS = 64_000_000

Rgb = npt.NDArray[np.uint8]


class Split(StrEnum):
    """What a photo may be used for."""

    TRAIN = "train"
    VAL = "val"
    TEST = "test"


class Labels(StrEnum):
    """How defects are marked: pixel masks, loose boxes, or not at all, where photos are taken for sound."""

    MASKS = "masks"
    BOXES = "boxes"
    SOUND = "sound"


class Definition(BaseModel):
    """One data set, as its TOML file describes it.

    Attributes
    ----------
    sha256 : hex digest over the lines ``<sha256 of file>  <path within the folder>``, sorted by path.
    mm_per_px : physical scale; ``scale_note`` says how sure it is.
    kinds : class name in the data set to kind of the taxonomy.
    split_note : how the splits were made.
    groups : group to photo stems, for data sets that do not name the hide themselves.
    splits : split to groups.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    source: str
    licence: str
    attribution: str
    labels: Labels
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    mm_per_px: float = Field(gt=0)
    scale_note: str
    kinds: dict[str, str]
    split_key: str
    split_note: str
    splits: dict[Split, tuple[str, ...]]
    groups: dict[str, tuple[str, ...]] = {}

    @model_validator(mode="after")
    def _consistent(self) -> Definition:
        unknown = sorted(set(self.kinds.values()) - set(taxonomy.KINDS))
        if unknown:
            raise ValueError(f"kinds not in the taxonomy: {unknown}")
        listed = [group for groups in self.splits.values() for group in groups]
        if len(set(listed)) != len(listed):
            raise ValueError("a group is in two splits")
        return self

    def split_of(self, group: str) -> Split:
        """The split that a group belongs to."""
        for split, groups in self.splits.items():
            if group in groups:
                return split
        raise ConfigurationError(
            f"group '{group}' of {self.name} is in no split", hint=f"List it in datasets/{self.name}.toml."
        )


@dataclass(frozen=True)
class Box:
    """A loose box round a defect, in pixels of the photo as stored; ``kind`` is of the taxonomy."""

    kind: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Shot:
    """One photo of a data set.

    Attributes
    ----------
    group : hide, or cluster of photos that look like one hide.
    mask_file, mask_kind : painted mask and what it shows, for data sets with masks.
    boxes : loose boxes, for data sets with boxes.
    is_flat : a flat hide without any seam, so it is known that no stitch is there.
    """

    dataset: str
    stem: str
    file: Path
    split: Split
    group: str
    mm_per_px: float
    mask_file: Path | None = None
    mask_kind: str | None = None
    boxes: tuple[Box, ...] = ()
    is_flat: bool = True


@dataclass(frozen=True, eq=False)
class Example:
    """A photo at model scale with what is known of its pixels.

    Attributes
    ----------
    rgb : (H, W, 3) uint8.
    labels : (H, W) uint8, index into the kinds, ``UNKNOWN_LABEL`` inside boxes.
    boxes : in pixels at model scale.
    """

    shot: Shot
    rgb: Rgb
    labels: npt.NDArray[np.uint8]
    boxes: tuple[Box, ...]


def folder_digest(folder: Path) -> str:
    """Checksum of a folder of photos and labels; see ``Definition.sha256``. Licence files do not count."""
    files = sorted(
        (file for file in folder.rglob("*") if file.is_file() and not file.name.startswith("LICEN")),
        key=lambda file: file.relative_to(folder).as_posix(),
    )
    lines = [
        f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(folder).as_posix()}\n"
        for file in files
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def read_definition(file: Path) -> Definition:
    """Read and check one TOML definition."""
    try:
        return Definition.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigurationError(
            f"{file} cannot be read: {error.strerror}", hint="Name a data set of the datasets folder."
        ) from error
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise ConfigurationError(f"{file}: {error}", hint="Correct the definition.") from error


def open_dataset(datasets_dir: Path, name: str) -> tuple[Definition, tuple[Shot, ...]]:
    """A data set's definition and photos, sorted by name, after its checksum was compared."""
    definition = read_definition(datasets_dir / f"{name}.toml")
    folder = datasets_dir / name
    digest = folder_digest(folder)
    if digest != definition.sha256:
        raise ConfigurationError(
            f"{folder} has checksum {digest}, but its definition says {definition.sha256}",
            hint="Restore the folder, or correct the definition where the change is meant.",
        )
    readers = {Labels.MASKS: _masked, Labels.BOXES: _boxed, Labels.SOUND: _sound}
    return definition, readers[definition.labels](definition, folder)


def _masked(definition: Definition, folder: Path) -> tuple[Shot, ...]:
    group_of = {stem: group for group, stems in definition.groups.items() for stem in stems}
    shots = []
    for file in sorted((folder / "images").glob("*.png")):
        group = group_of[file.stem]
        shots.append(
            Shot(
                dataset=definition.name,
                stem=file.stem,
                file=file,
                split=definition.split_of(group),
                group=group,
                mm_per_px=definition.mm_per_px,
                mask_file=folder / "masks" / file.name,
                mask_kind=definition.kinds[file.stem.rsplit("_", 1)[0]],
            )
        )
    return tuple(shots)


def _boxed(definition: Definition, folder: Path) -> tuple[Shot, ...]:
    coco = json.loads((folder / "boxes.coco.json").read_text(encoding="utf-8"))
    names = {category["id"]: category["name"] for category in coco["categories"]}
    boxes: dict[int, list[Box]] = {image["id"]: [] for image in coco["images"]}
    for annotation in coco["annotations"]:
        kind = definition.kinds[names[annotation["category_id"]]]
        boxes[annotation["image_id"]].append(Box(kind, *map(float, annotation["bbox"])))
    return tuple(
        Shot(
            dataset=definition.name,
            stem=Path(image["file_name"]).stem,
            file=folder / "images" / image["file_name"],
            split=definition.split_of(image["hide"]),
            group=image["hide"],
            mm_per_px=definition.mm_per_px,
            boxes=tuple(boxes[image["id"]]),
        )
        for image in sorted(coco["images"], key=lambda image: str(image["file_name"]))
    )


def _sound(definition: Definition, folder: Path) -> tuple[Shot, ...]:
    group_of = {stem: group for group, stems in definition.groups.items() for stem in stems}
    return tuple(
        Shot(
            dataset=definition.name,
            stem=file.stem,
            file=file,
            split=definition.split_of(group_of[file.stem]),
            group=file.stem,
            mm_per_px=definition.mm_per_px,
            is_flat=False,
        )
        for file in sorted((folder / "images").glob("*.jpg"))
    )


def read_photo(shot: Shot) -> Rgb:
    """The decoded photo, by the same decoder as the line's."""
    return imaging.decode(shot.file.read_bytes(), max_pixels=MAX_PIXELS).rgb


def read_mask(shot: Shot) -> npt.NDArray[np.bool_]:
    """(H, W) painted defect pixels of a shot that has a mask."""
    if shot.mask_file is None:
        raise ValueError(f"{shot.stem} has boxes, not a mask")
    soft = cv2.imread(str(shot.mask_file), cv2.IMREAD_GRAYSCALE)
    if soft is None:
        raise ConfigurationError(f"{shot.mask_file} cannot be read", hint="Restore the data set.")
    # Some write 1 for defect instead of 255.
    return np.asarray(soft >= (PAINTED if soft.max(initial=0) > 1 else 1))


def load(shot: Shot, *, mm_per_px: float, kinds: Sequence[str]) -> Example:
    """A shot at model scale with its labels.

    Parameters
    ----------
    mm_per_px : scale of the model.
    kinds : planes of the model, sound first.
    """
    photo = read_photo(shot)
    rgb = preprocess.to_model_scale(photo, photo_mm_per_px=shot.mm_per_px, model_mm_per_px=mm_per_px)
    height, width = rgb.shape[:2]
    labels = np.zeros((height, width), np.uint8)
    if shot.mask_kind is not None:
        painted = read_mask(shot).astype(np.float32)
        fitted = cv2.resize(painted, (width, height), interpolation=cv2.INTER_LINEAR)
        labels[fitted >= 0.5] = kinds.index(shot.mask_kind)
    across, down = width / photo.shape[1], height / photo.shape[0]
    boxes = tuple(
        Box(box.kind, box.x * across, box.y * down, box.width * across, box.height * down)
        for box in shot.boxes
    )
    for box in boxes:
        labels[box_slices(box)] = UNKNOWN_LABEL
    return Example(shot=shot, rgb=np.array(rgb), labels=labels, boxes=boxes)


def box_slices(box: Box) -> tuple[slice, slice]:
    """Rows and columns of a box, clipped at 0."""
    left, top = max(0, round(box.x)), max(0, round(box.y))
    return slice(top, round(box.y + box.height)), slice(left, round(box.x + box.width))
