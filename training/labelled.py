"""Reads photos that somebody else has labelled: folders in COCO, YOLO, MVTec AD and plain mask layout.

For scoring only: nothing read here is learned from. Every layout becomes the same ``Shot`` as the project's
own sets. Photos without any label are taken for sound, because that is what these layouts mean by it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from inspection import imaging
from inspection.errors import ConfigurationError
from training.datasets import MAX_PIXELS, Box, Shot, Split

__all__ = ["Layout", "read_layout"]

PHOTO_ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"})
GOOD = "good"
"""MVTec's folder of sound photos."""
ANY_KIND = "defect"
"""Kind of what a layout marks without naming it."""


class Layout(StrEnum):
    """How a folder of labelled photos is laid out.

    ``coco``: one ``*.json`` with ``images``, ``annotations`` (boxes) and ``categories``, photos beside it or
    in ``images/``. ``yolo``: ``images/`` and ``labels/`` with one text file per photo, names in
    ``classes.txt``. ``mvtec-test``: ``test/good``, ``test/<kind>`` and
    ``ground_truth/<kind>/<photo>_mask.png``. ``masks``: ``images/`` and ``masks/`` with the same stems.
    """

    COCO = "coco"
    YOLO = "yolo"
    MVTEC = "mvtec-test"
    MASKS = "masks"


def read_layout(layout: Layout, folder: Path, *, mm_per_px: float) -> tuple[Shot, ...]:
    """All photos of a folder with their labels, sorted by path.

    Parameters
    ----------
    mm_per_px : scale of all photos; no layout tells it.

    Raises
    ------
    ConfigurationError : the folder is not laid out so, or holds no photo; the detail names what is missing.
    """
    if not folder.is_dir():
        raise ConfigurationError(f"{folder} is no folder", hint="Name the folder that holds the photos.")
    shots = tuple(_READERS[layout](folder, mm_per_px))
    if not shots:
        raise ConfigurationError(
            f"{folder} holds no photo in {layout.value} layout",
            hint="docs/training.md shows the layouts that can be read.",
        )
    return shots


def _photos(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.suffix.lower() in PHOTO_ENDINGS)


def _needed(path: Path, what: str) -> Path:
    if not path.exists():
        raise ConfigurationError(
            f"{path} does not exist, but {what}", hint="docs/training.md shows the layouts that can be read."
        )
    return path


def _shot(folder: Path, file: Path, mm_per_px: float, **known: object) -> Shot:
    stem = file.relative_to(folder).with_suffix("").as_posix()
    values: dict[str, object] = {"group": stem, **known}
    return Shot(
        dataset=folder.name,
        stem=stem,
        file=file,
        split=Split.TEST,
        mm_per_px=mm_per_px,
        **values,  # type: ignore[arg-type]
    )


def _mvtec(folder: Path, mm_per_px: float) -> Iterator[Shot]:
    test = _needed(
        folder / "test", "MVTec layout keeps its photos in test/<kind>; name one category's folder"
    )
    for file in _photos(test):
        kind = file.relative_to(test).parts[0]
        if kind == GOOD:
            yield _shot(folder, file, mm_per_px, is_flat=False)
            continue
        mask = folder / "ground_truth" / kind / f"{file.stem}_mask.png"
        yield _shot(folder, file, mm_per_px, mask_file=_needed(mask, f"{file} is not good"), mask_kind=kind)


def _masks(folder: Path, mm_per_px: float) -> Iterator[Shot]:
    photos = _needed(folder / "images", "the mask layout keeps its photos there")
    masks = _needed(folder / "masks", "the mask layout keeps its masks there")
    of_photo = {file.relative_to(masks).with_suffix(""): file for file in _photos(masks)}
    for file in _photos(photos):
        mask = of_photo.get(file.relative_to(photos).with_suffix(""))
        if mask is None:
            yield _shot(folder, file, mm_per_px, is_flat=False)
        else:
            yield _shot(folder, file, mm_per_px, mask_file=mask, mask_kind=ANY_KIND)


def _yolo(folder: Path, mm_per_px: float) -> Iterator[Shot]:
    photos = _needed(folder / "images", "YOLO layout keeps its photos there")
    labels = _needed(folder / "labels", "YOLO layout keeps its labels there")
    listed = folder / "classes.txt"
    names = listed.read_text(encoding="utf-8").split("\n") if listed.is_file() else []
    for file in _photos(photos):
        text = labels / file.relative_to(photos).with_suffix(".txt")
        lines = text.read_text(encoding="utf-8").splitlines() if text.is_file() else []
        rows = [(number, line.split()) for number, line in enumerate(lines, start=1) if line.strip()]
        if not rows:
            yield _shot(folder, file, mm_per_px, is_flat=False)
            continue
        photo = imaging.decode(file.read_bytes(), max_pixels=MAX_PIXELS)
        boxes = tuple(
            _yolo_box(row, names, photo.width_px, photo.height_px, f"{text}, line {number}")
            for number, row in rows
        )
        yield _shot(folder, file, mm_per_px, boxes=boxes)


def _yolo_box(row: list[str], names: list[str], width: int, height: int, where: str) -> Box:
    try:
        number, (x, y, across, down) = int(row[0]), map(float, row[1:5])
    except ValueError as error:
        raise ConfigurationError(
            f"{where}: '{' '.join(row)}' is not 'class x y width height'", hint="Correct the label file."
        ) from error
    kind = names[number].strip() if 0 <= number < len(names) and names[number].strip() else f"class-{number}"
    return Box(kind, (x - across / 2) * width, (y - down / 2) * height, across * width, down * height)


class _CocoImage(BaseModel):
    model_config = ConfigDict(extra="allow")
    id: int
    file_name: str
    hide: str | None = None


class _CocoAnnotation(BaseModel):
    image_id: int
    category_id: int
    bbox: tuple[float, float, float, float]


class _CocoCategory(BaseModel):
    id: int
    name: str


class _Coco(BaseModel):
    images: tuple[_CocoImage, ...]
    annotations: tuple[_CocoAnnotation, ...] = ()
    categories: tuple[_CocoCategory, ...] = Field(default=())


def _coco(folder: Path, mm_per_px: float) -> Iterator[Shot]:
    files = sorted(folder.glob("*.json"))
    if len(files) != 1:
        raise ConfigurationError(
            f"{folder} holds {len(files)} .json files, where COCO layout has one",
            hint="Keep one of them there.",
        )
    try:
        coco = _Coco.model_validate_json(files[0].read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ConfigurationError(f"{files[0]}: {where}: {first['msg']}", hint="Export it again.") from error
    names = {category.id: category.name for category in coco.categories}
    boxes: dict[int, list[Box]] = {image.id: [] for image in coco.images}
    for annotation in coco.annotations:
        if annotation.image_id not in boxes:
            raise ConfigurationError(
                f"{files[0]}: an annotation is of image {annotation.image_id}, which is not listed",
                hint="Export it again.",
            )
        kind = names.get(annotation.category_id, f"class-{annotation.category_id}")
        boxes[annotation.image_id].append(Box(kind, *annotation.bbox))
    for image in sorted(coco.images, key=lambda image: image.file_name):
        beside, inside = folder / image.file_name, folder / "images" / image.file_name
        file = beside if beside.is_file() else _needed(inside, f"{files[0].name} lists it")
        own = tuple(boxes[image.id])
        group = {"group": image.hide} if image.hide else {}
        yield _shot(folder, file, mm_per_px, boxes=own, is_flat=bool(own), **group)


_READERS: dict[Layout, Callable[[Path, float], Iterator[Shot]]] = {
    Layout.COCO: _coco,
    Layout.YOLO: _yolo,
    Layout.MVTEC: _mvtec,
    Layout.MASKS: _masks,
}
