"""Writes a set of synthetic photos with all their truth to a folder, whole or not at all.

The layout is a public contract, documented in docs/synthesis.md and versioned by `SET_SCHEMA` and
`SEAMS_SCHEMA`. Nothing in a set depends on the clock, the machine's name or the number of workers: equal
requests give equal bytes.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from inspection.errors import ConfigurationError, ConflictError, StorageError
from inspection.taxonomy import KINDS
from training.synthesis import sampling, scene
from training.synthesis.catalogue import KIND_NAMES
from training.synthesis.raster import U8, U16
from training.synthesis.render import Sample, render
from training.synthesis.sampling import Request
from training.synthesis.scene import Scene
from training.synthesis.truth import DefectTruth, RowTruth, Truth

SET_SCHEMA = "welt.synthetic-set/1"
SEAMS_SCHEMA = "welt.seams/1"
_FOLDERS = ("photos", "kinds", "instances", "thread", "layers", "scenes")
_BYTES_PER_PIXEL = 4.0  # of all files of a photo together; measured 2.2 to 3.5
_DIGITS = 4  # of millimetres and pixels in the seam file: a tenth of a micrometre


@dataclass(frozen=True)
class _Entry:
    """What the whole set's files say of one photo."""

    index: int
    photo_sha256: str
    document: dict[str, Any]
    """The photo's entry in the seam file."""
    annotations: list[dict[str, Any]]


def write_set(
    request: Request,
    *,
    count: int,
    seed: int,
    out: Path,
    workers: int,
    photos: Path | None = None,
    progress: Callable[[int], object] = lambda done: None,
) -> None:
    """Renders ``count`` photos into the new folder ``out``; ``photos`` is the
    folder of the data sets, where the request has bases from real photos. ``progress`` is told how many are
    done.

    Raises
    ------
    ConfigurationError, UnknownNameError : a request that cannot be rendered.
    ConflictError : the folder exists. StorageError : it cannot be written, or there is no space. In each
        case no folder is left behind.
    """
    sampling.check(request)
    _positive("count", count)
    _positive("number of workers", workers)
    if seed < 0:
        raise ConfigurationError(f"the seed {seed} is negative", hint="Give a seed of 0 or more.")
    with new_folder(out, need_bytes=count * request.side_px**2 * _BYTES_PER_PIXEL) as folder:
        for name in _FOLDERS:
            (folder / name).mkdir()
        entries = []
        for entry in _entries(request, count=count, seed=seed, folder=folder, workers=workers, photos=photos):
            entries.append(entry)
            progress(len(entries))
        _write_documents(
            folder, entries, {"request": asdict(request), "count": count, "seed": seed}, request.side_px
        )


def write_scene(described: Scene, *, out: Path, photos: Path | None = None) -> None:
    """Renders one described scene into the new folder ``out``, in the same layout as a set of one.

    Raises
    ------
    ConfigurationError : the scene cannot be rendered. ConflictError, StorageError : see `write_set`.
    """
    scene.check(described)
    pixels = described.width_px * described.height_px
    with new_folder(out, need_bytes=pixels * _BYTES_PER_PIXEL) as folder:
        for name in _FOLDERS:
            (folder / name).mkdir()
        entry = _write_sample(render(described, photos=photos), 0, folder)
        _write_documents(folder, [entry], {"count": 1}, described.width_px)


def _positive(name: str, value: int) -> None:
    if value < 1:
        raise ConfigurationError(f"the {name} {value} is not positive", hint=f"Give a {name} of 1 or more.")


@contextmanager
def new_folder(out: Path, *, need_bytes: float) -> Iterator[Path]:
    """A folder beside ``out`` that becomes ``out`` when all went well, and vanishes when not.

    Raises
    ------
    ConflictError : ``out`` exists. StorageError : it cannot be written, or the disk has too little room.
    """
    if out.exists() or out.is_symlink():
        raise ConflictError(
            f"{out} exists already", hint="Give a folder that does not exist, or remove that one."
        )
    partial = out.with_name(f".{out.name}.partial-{os.getpid()}")
    try:
        out.absolute().parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(out.absolute().parent).free
        if free < need_bytes:
            raise StorageError(
                f"the set needs about {need_bytes / 1e6:.0f} MB and its disk has {free / 1e6:.0f} MB free",
                hint="Free some space, ask for fewer photos, or write to another disk.",
            )
        partial.mkdir()
    except OSError as error:
        raise _unwritable(out, error) from error
    try:
        yield partial
        os.rename(partial, out)
    except OSError as error:
        raise _unwritable(out, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _unwritable(out: Path, error: OSError) -> StorageError:
    if error.errno == errno.ENOSPC:
        return StorageError(f"the disk of {out} is full", hint="Free some space; nothing was left behind.")
    return StorageError(
        f"{out} cannot be written: {error.strerror}", hint="Choose a folder that you may write to."
    )


def _entries(
    request: Request, *, count: int, seed: int, folder: Path, workers: int, photos: Path | None
) -> Iterator[_Entry]:
    jobs = [(request, seed, index, folder, photos) for index in range(count)]
    if workers == 1:
        yield from map(_work, jobs)
        return
    # every worker is a process of one thread; read by NumPy's linear algebra when the worker starts
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_one_thread) as pool:
            yield from pool.map(_work, jobs, chunksize=2)
    except BrokenProcessPool as error:
        raise StorageError(
            "a worker ended before its photo was done, perhaps for lack of memory",
            hint="Use fewer --workers.",
        ) from error


def _one_thread() -> None:
    cv2.setNumThreads(1)


def _work(job: tuple[Request, int, int, Path, Path | None]) -> _Entry:
    request, seed, index, folder, photos = job
    made = render(sampling.sample(request, seed=seed, index=index), photos=photos)
    return _write_sample(made, index, folder)


def _write_sample(sample: Sample, index: int, folder: Path) -> _Entry:
    name = f"{index:06d}"
    truth = sample.truth
    body = _png(np.ascontiguousarray(sample.rgb[..., ::-1]))
    _write(folder / "photos" / f"{name}.png", body)
    _write(folder / "kinds" / f"{name}.png", _png(truth.kinds))
    _write(folder / "instances" / f"{name}.png", _png(truth.instances))
    _write(folder / "thread" / f"{name}.png", _png(truth.thread))
    _write(folder / "layers" / f"{name}.png", _png(truth.layer))
    _write(folder / "scenes" / f"{name}.json", (scene.to_json(sample.scene) + "\n").encode())
    return _Entry(
        index, hashlib.sha256(body).hexdigest(), _seams(index, truth), list(_annotations(index, truth))
    )


def _png(image: U8 | U16) -> bytes:
    _, body = cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    return body.tobytes()


def _write(path: Path, body: bytes) -> None:
    path.write_bytes(body)


def _numbers(values: np.ndarray) -> Any:
    return np.round(np.asarray(values, np.float64), _DIGITS).tolist()


def _seams(index: int, truth: Truth) -> dict[str, Any]:
    return {
        "image_id": index + 1,
        "mm_per_px": truth.mm_per_px,
        "to_mm": truth.geometry.to_mm.tolist(),
        "distortion": truth.geometry.distortion,
        "rows": [_row(row) for row in truth.rows],
        "edges": [
            {
                "panel": edge.panel,
                "points_mm": _numbers(edge.points_mm),
                "points_px": _numbers(edge.points_px),
            }
            for edge in truth.edges
        ],
    }


def _row(row: RowTruth) -> dict[str, Any]:
    return {
        "seam": row.seam,
        "row": row.row,
        "holes_mm": _numbers(row.holes_mm),
        "holes_px": _numbers(row.holes_px),
        "formed": row.formed.tolist(),
        "visible": row.visible.tolist(),
        "pitch_mm": _numbers(row.pitch_mm),
        "stitch_mm": _numbers(row.stitch_mm),
        "skipped": list(row.skipped),
        "broken": list(row.broken),
        "run_off_mm": round(row.run_off_mm, _DIGITS),
        "margin_mm": _numbers(row.margin_mm),
        "gap_mm": _numbers(row.gap_mm),
    }


def _annotations(index: int, truth: Truth) -> Iterator[dict[str, Any]]:
    for defect in truth.defects:
        yield {
            "image_id": index + 1,
            "category_id": KIND_NAMES.index(defect.kind),
            "bbox": list(defect.box_px),
            "area": int((truth.instances == defect.number).sum()),
            "iscrowd": 0,
            "segmentation": _outlines(truth.instances, defect),
            "instance": defect.number,
            "size_mm": defect.size_mm,
            "length_mm": defect.length_mm,
            "area_mm2": round(defect.area_mm2, _DIGITS),
        }


def _outlines(instances: U16, defect: DefectTruth) -> list[list[int]]:
    x, y, w, h = defect.box_px
    mask = (instances[y : y + h, x : x + w] == defect.number).astype(np.uint8)
    found, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE, offset=(x, y))
    return [[int(value) for value in outline.ravel()] for outline in found if len(outline) >= 3]


def _write_documents(folder: Path, entries: list[_Entry], asked: dict[str, Any], side_px: int) -> None:
    entries.sort(key=lambda entry: entry.index)
    annotations = [each for entry in entries for each in entry.annotations]
    for number, each in enumerate(annotations, start=1):
        each["id"] = number
    coco = {
        "info": {"description": "Synthetic photos of stitched shoe leather", "version": SET_SCHEMA},
        "images": [
            {
                "id": entry.index + 1,
                "file_name": f"photos/{entry.index:06d}.png",
                "width": side_px,
                "height": side_px,
                "mm_per_px": entry.document["mm_per_px"],
            }
            for entry in entries
        ],
        "categories": [
            {"id": number, "name": kind, "supercategory": KINDS[kind].group.value}
            for number, kind in enumerate(KIND_NAMES)
            if number
        ],
        "annotations": annotations,
    }
    seams = {"schema": SEAMS_SCHEMA, "images": [entry.document for entry in entries]}
    about = {
        "schema": SET_SCHEMA,
        **asked,
        "kind_names": list(KIND_NAMES),
        "photos_sha256": [entry.photo_sha256 for entry in entries],
    }
    for name, document in (("annotations.coco.json", coco), ("seams.json", seams), ("set.json", about)):
        _write(folder / name, (json.dumps(document, sort_keys=True, separators=(",", ":")) + "\n").encode())
