"""What was taught, as a value and as a file, and what it says of a photo."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import numpy.typing as npt

from inspection.domain import Maps, Zone
from inspection.errors import ModelError
from inspection.novelty.coreset import nearest
from inspection.novelty.descriptors import cells_of_zones, describe

__all__ = [
    "BANK_BYTES",
    "FULL_SCALE",
    "MAX_VECTORS",
    "Bank",
    "NoveltyMap",
    "ZoneBank",
    "bank_of_bytes",
    "bank_to_bytes",
    "look",
    "vectors_per_zone",
]

MAX_VECTORS = 2000
"""Vectors of one zone: more find hardly more and cost time on every photo."""

BANK_BYTES = 3_000_000
"""Largest bank of one view, in bytes of its vectors; zones share it."""

FULL_SCALE = 8.0
"""Novelty at the top of every heat map and 16-bit picture, the same for every photo. 1 is the typical highest
novelty of a good photo."""

SMOOTHING_CELLS = 0.5
"""Standard deviation of the Gaussian over the distances: single cells are noisier than that."""

SCHEMA = "welt.bank/1"

Floats = npt.NDArray[np.float32]


def vectors_per_zone(zones: int, channels: int) -> int:
    """How many vectors each zone may keep."""
    return max(1, min(MAX_VECTORS, (BANK_BYTES - 100_000) // (2 * channels * max(1, zones))))


@dataclass(frozen=True, eq=False)
class ZoneBank:
    """What good looks like in one zone.

    Attributes
    ----------
    vectors : (N, C) float16, in units of ``Bank.scale``.
    unit : distance that counts as novelty 1: the median, over good photos that the bank had not seen, of the
        highest distance.
    """

    zone: str
    vectors: npt.NDArray[np.float16]
    unit: float

    @cached_property
    def _ready(self) -> tuple[Floats, Floats]:
        vectors = self.vectors.astype(np.float32)
        return vectors, np.einsum("ij,ij->i", vectors, vectors)

    def distances(self, described: Floats) -> Floats:
        """(M,) distance of (M, C) scaled vectors to what is good here, in units of ``unit``."""
        vectors, squares = self._ready
        return nearest(described, vectors, squares) / np.float32(self.unit)


@dataclass(frozen=True, eq=False)
class Bank:
    """What good looks like in one view of one recipe.

    Attributes
    ----------
    model_sha256, features_sha256 : of the model whose features these are; useless with features of another,
        see ``registry.Model.gives_features_of``. The second is None in banks of before it was kept.
    scale : (C,) float32, by which features are divided.
    good : (m,) float64, novelty of good photos, as they are and under changed light, scored by a bank
        that had not seen them (cross-fitting).
    photos : photos taught.
    units : parts that they show, as far as is known: what the limit counts as independent.
    size_px : (width, height) of the photos taught, at the model's scale.
    """

    recipe: str
    view: str
    model_sha256: str
    scale: Floats
    zones: tuple[ZoneBank, ...]
    good: npt.NDArray[np.float64]
    photos: int
    units: int
    size_px: tuple[int, int]
    features_sha256: str | None = None

    def zone(self, name: str) -> ZoneBank | None:
        """The bank of a zone; None where that zone was not taught."""
        return next((zone for zone in self.zones if zone.zone == name), None)


@dataclass(frozen=True, eq=False)
class NoveltyMap:
    """How far each place of a photo is from everything good.

    Attributes
    ----------
    grid : (h, w) float32 >= 0, sharing its outer edges with the photo (see ``domain.Maps``); 1 is the typical
        highest novelty of a good photo. 0 where no taught zone is.
    """

    grid: Floats

    @property
    def score(self) -> float:
        """The photo's novelty: that of its most novel place."""
        return float(self.grid.max(initial=0.0))


def look(maps: Maps, zones: tuple[Zone, ...], bank: Bank) -> NoveltyMap:
    """Novelty of one photo.

    Parameters
    ----------
    maps : with ``embedding``, of the network that the bank was taught with.
    zones : of the photo, as inspected.
    """
    if maps.embedding is None:
        raise ModelError(
            "The model that serves gives no features for novelty (its manifest has no embedding_channels).",
            hint="Serve a model with an embedding; welt models show tells what a model gives.",
        )
    described = describe(maps.embedding)
    rows, columns, channels = described.shape
    if channels != len(bank.scale):
        raise ModelError(
            f"The bank of {bank.recipe}/{bank.view} holds {len(bank.scale)} features, "
            f"the model gives {channels}.",
            hint="Teach the view again with the model that serves.",
        )
    numbers = cells_of_zones(zones, photo_size_px=maps.photo_size_px, grid=(rows, columns))
    flat = (described / bank.scale).reshape(-1, channels)
    at = numbers.reshape(-1)
    grid = np.zeros(rows * columns, np.float32)
    for number, zone in enumerate(zones, start=1):
        taught = bank.zone(zone.name)
        here = at == number
        if taught is not None and here.any():
            grid[here] = taught.distances(flat[here])
    return NoveltyMap(smoothed(grid.reshape(rows, columns), numbers > 0))


def smoothed(grid: Floats, inside: npt.NDArray[np.bool_]) -> Floats:
    """A map of distances without the noise of single cells; what lies outside does not leak in."""
    weight = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), SMOOTHING_CELLS)
    total = cv2.GaussianBlur(grid * inside, (0, 0), SMOOTHING_CELLS)
    return np.asarray(np.where(inside, total / np.maximum(weight, 1e-6), 0), np.float32)


def bank_to_bytes(bank: Bank) -> bytes:
    """The bank as a file; the same bank gives the same bytes."""
    header = {
        "schema": SCHEMA,
        "recipe": bank.recipe,
        "view": bank.view,
        "model_sha256": bank.model_sha256,
        "features_sha256": bank.features_sha256,
        "photos": bank.photos,
        "units": bank.units,
        "size_px": list(bank.size_px),
        "zones": [{"zone": zone.zone, "unit": zone.unit} for zone in bank.zones],
    }
    arrays: dict[str, npt.NDArray[np.generic]] = {
        "header": np.frombuffer(json.dumps(header, sort_keys=True).encode(), np.uint8),
        "scale": bank.scale,
        "good": bank.good,
    }
    arrays |= {f"vectors{number}": zone.vectors for number, zone in enumerate(bank.zones)}
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def bank_of_bytes(body: bytes) -> Bank:
    """The bank of a file that ``bank_to_bytes`` wrote; ModelError when it is none."""
    try:
        with np.load(io.BytesIO(body), allow_pickle=False) as archive:
            header = json.loads(bytes(archive["header"]))
            if header["schema"] != SCHEMA:
                raise ValueError(f"its schema is {header['schema']!r}, not {SCHEMA!r}")
            width, height = header["size_px"]
            return Bank(
                recipe=header["recipe"],
                view=header["view"],
                model_sha256=header["model_sha256"],
                scale=archive["scale"].astype(np.float32),
                zones=tuple(
                    ZoneBank(
                        zone["zone"], archive[f"vectors{number}"].astype(np.float16), float(zone["unit"])
                    )
                    for number, zone in enumerate(header["zones"])
                ),
                good=archive["good"].astype(np.float64),
                photos=int(header["photos"]),
                units=int(header.get("units", header["photos"])),
                size_px=(int(width), int(height)),
                features_sha256=header.get("features_sha256"),
            )
    except (ValueError, KeyError, TypeError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise ModelError(
            f"A stored novelty bank cannot be read: {error}",
            hint="Roll back to the version before it, or teach the view again.",
        ) from error
