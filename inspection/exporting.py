"""Writes results as files: a public contract that other people's evaluations read.

Per photo: ``<stem>.json``, the result document; ``<stem>.surface.png``, probability of any defect x 255; and
``<stem>.kinds.png``, index of the most probable kind, 0 = sound, names in the document. Both pictures are
8-bit grey, of the photo's own size. Where the view was taught there is also ``<stem>.novelty.png``, 16-bit
grey: novelty x 65535 / 8, so that 8192 is the typical highest novelty of a good photo; the limit is in the
document.
"""

from __future__ import annotations

from pathlib import Path

from inspection import drawing
from inspection.document import ResultDocument, to_json
from inspection.domain import Maps, Novelty
from inspection.errors import StorageError
from inspection.novelty import FULL_SCALE

__all__ = ["export"]


def export(
    document: ResultDocument, maps: Maps, *, folder: Path, stem: str, novelty: Novelty | None = None
) -> tuple[Path, ...]:
    """Write the files of one photo.

    Parameters
    ----------
    folder : made when missing; files of the same name are replaced.
    stem : name of the photo without its ending.

    Returns
    -------
    The files written.
    """
    surface = drawing.any_defect_at(maps.photo_size_px, drawing.any_defect_u8(maps))
    kinds = drawing.kinds_at(maps.photo_size_px, drawing.kinds_u8(maps))
    contents = {
        folder / f"{stem}.json": (to_json(document) + "\n").encode(),
        folder / f"{stem}.surface.png": drawing.encode_png(surface),
        folder / f"{stem}.kinds.png": drawing.encode_png(kinds),
    }
    if novelty is not None:
        contents[folder / f"{stem}.novelty.png"] = drawing.grey16_png(
            novelty.grid, full_scale=FULL_SCALE, size_px=maps.photo_size_px
        )
    for path, content in contents.items():
        _write(path, content)
    return tuple(contents)


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise StorageError(
            f"{path} cannot be written: {error.strerror or error}.",
            hint="Choose a folder that may be written to.",
        ) from error
