"""Opens model folders: checked manifest, checked bytes, checked answers.

A model is ``<models>/<name>/<version>/`` with ``model.onnx``, ``manifest.json``, ``CARD.md`` and ``golden/``;
``<models>/serving.toml`` says which one serves. Nothing of a folder is used before its checksum was compared.
"""

from __future__ import annotations

import hashlib
import io
import tomllib
import zipfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from inspection import imaging, runtime, taxonomy
from inspection.errors import ModelError, WeltError
from inspection.runtime import Network, NetworkSpec, OnnxNetwork

__all__ = [
    "DataSource",
    "Golden",
    "GoldenPhoto",
    "Manifest",
    "Metric",
    "Model",
    "Precision",
    "Quantised",
    "check_golden",
    "open_model",
    "open_serving",
    "read_manifest",
    "serving_name",
]

MODEL_FILE = "model.onnx"
INT8_FILE = "model.int8.onnx"
MANIFEST_FILE = "manifest.json"
GOLDEN_FILE = "golden.json"
GOLDEN_MAPS = "golden.npz"
SERVING_FILE = "serving.toml"
GOLDEN_TOLERANCE = 1e-4
"""Largest difference of a probability from its golden value: CPUs round differently in the seventh digit,
no more."""
GOLDEN_SLACK = 3.0
"""A golden photo of an INT8 file may be this many times as far from FP32 as validation photos were."""
MAX_GOLDEN_PIXELS = 4_000_000

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
Plane = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Probability = Annotated[float, Field(gt=0, lt=1)]
Precision = Literal["fp32", "int8"]
"""In which arithmetic a network runs."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Quantised(_Frozen):
    """The INT8 form of a model, which lies beside it when it was found worth it.

    Attributes
    ----------
    sha256 : hex digest of ``model.int8.onnx``.
    golden_apart : largest mean difference of a golden surface map from the stored FP32 one.
    lost_ap : AP lost per kind on validation photos with masks; negative where it gained.
    time_ratio : time of a tile over that of FP32, on the machine that exported.
    """

    sha256: Digest
    golden_apart: float = Field(gt=0, lt=1)
    lost_ap: dict[str, float]
    time_ratio: float = Field(gt=0)


class DataSource(_Frozen):
    """A data set that a model learned from."""

    name: str
    licence: str
    attribution: str
    source: str
    photos: int = Field(ge=0)


class Metric(_Frozen):
    """One measured figure; low and high bound its 95 % interval, n is what was counted."""

    name: str
    data: str
    kind: str
    value: float
    low: float | None = None
    high: float | None = None
    n: int = Field(ge=0)


class Manifest(_Frozen):
    """What a model is, how to run it, and when to believe it.

    Attributes
    ----------
    sha256 : hex digest of ``model.onnx``.
    kinds : names of the planes of ``surface``; the first is ``sound``, the others are in ``taxonomy.KINDS``.
    mm_per_px, stride, tile_px, overlap_px, multiple : see ``runtime.NetworkSpec``.
    stitch_planes, embedding_channels, embedding_stride : see there too; empty or 0 for outputs it lacks.
    edge_outward_mm, false_gaps_per_m : see there too; measured by ``python -m bench seams``.
    thresholds : per kind, the probability from which a region counts; chosen on validation photos.
    min_area_mm2 : per kind, the area below which a region is noise.
    false_rejects : share of sound validation photos on which the thresholds alarm by design.
    int8 : the INT8 form, where there is one.
    """

    schema_: Literal["welt.model/1"] = Field("welt.model/1", alias="schema")
    name: Name
    version: Name
    created_at: AwareDatetime
    sha256: Digest
    kinds: tuple[str, ...] = Field(min_length=2)
    mm_per_px: float = Field(gt=0, le=5, allow_inf_nan=False)
    stride: int = Field(ge=1, le=32)
    tile_px: int = Field(ge=32, le=4096)
    overlap_px: int = Field(ge=0)
    multiple: int = Field(32, ge=1)
    stitch_planes: tuple[Plane, ...] = ()
    embedding_channels: int = Field(0, ge=0, le=4096)
    embedding_stride: int = Field(8, ge=1, le=64)
    edge_outward_mm: float = Field(0.0, ge=-1, le=1)
    false_gaps_per_m: float | None = Field(None, ge=0)
    thresholds: dict[str, Probability]
    min_area_mm2: dict[str, Annotated[float, Field(ge=0)]]
    false_rejects: float | None = Field(None, ge=0, le=1)
    int8: Quantised | None = None
    data: tuple[DataSource, ...] = ()
    metrics: tuple[Metric, ...] = ()

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    @model_validator(mode="after")
    def _consistent(self) -> Manifest:
        if self.kinds[0] != taxonomy.SOUND:
            raise ValueError(f"kinds must begin with '{taxonomy.SOUND}', not '{self.kinds[0]}'")
        defects = self.kinds[1:]
        unknown = [kind for kind in defects if kind not in taxonomy.KINDS]
        if unknown or len(set(defects)) != len(defects):
            raise ValueError(f"kinds must be distinct and in the taxonomy; not: {unknown or list(defects)}")
        for field, keys in (("thresholds", self.thresholds), ("min_area_mm2", self.min_area_mm2)):
            if set(keys) != set(defects):
                raise ValueError(f"{field} must name each of {list(defects)}, not {sorted(keys)}")
        if self.tile_px % self.multiple or self.multiple % self.stride or self.overlap_px >= self.tile_px:
            raise ValueError(
                "tile_px must be a multiple of multiple, multiple of stride, overlap_px below tile_px"
            )
        if len(set(self.stitch_planes)) != len(self.stitch_planes):
            raise ValueError(f"stitch_planes must be distinct, not {list(self.stitch_planes)}")
        if self.embedding_channels and self.multiple % self.embedding_stride:
            raise ValueError("multiple must be a multiple of embedding_stride")
        return self

    @property
    def spec(self) -> NetworkSpec:
        """What the runtime needs of this manifest."""
        return NetworkSpec(
            kinds=self.kinds,
            mm_per_px=self.mm_per_px,
            stride=self.stride,
            tile_px=self.tile_px,
            overlap_px=self.overlap_px,
            multiple=self.multiple,
            stitch_planes=self.stitch_planes,
            embedding_channels=self.embedding_channels,
            embedding_stride=self.embedding_stride,
            edge_outward_mm=self.edge_outward_mm,
            false_gaps_per_m=self.false_gaps_per_m,
        )


class GoldenPhoto(_Frozen):
    """A photo whose maps are known.

    Attributes
    ----------
    file : name within ``golden/``; lossless, so that no decoder version changes it.
    array : name of its surface map in ``golden.npz``.
    stitches : name of its stitch map there, for networks that tell stitches.
    grade : what the verdict was at export, for people; the check compares maps.
    """

    file: str = Field(pattern=r"^[A-Za-z0-9._-]+$")
    sha256: Digest
    array: str
    stitches: str | None = None
    mm_per_px: float | None = Field(None, gt=0)
    grade: str | None = None


class Golden(_Frozen):
    """The golden answers of a model."""

    photos: tuple[GoldenPhoto, ...] = Field(min_length=1)


@dataclass(frozen=True, eq=False)
class Model:
    """An open model.

    Attributes
    ----------
    manifest : as the model runs: ``sha256`` is that of the file that was opened, so that what was taught with
        one form is not used with the other.
    features_sha256 : of all that its features depend on; models of which it is equal give equal features.
        None where it gives none, or what runs is not a file.
    """

    manifest: Manifest
    network: Network
    folder: Path
    precision: Precision = "fp32"
    features_sha256: str | None = None

    @property
    def spec(self) -> NetworkSpec:
        """How to run it."""
        return self.manifest.spec

    @property
    def created_at(self) -> datetime:
        """When it was exported, UTC."""
        return self.manifest.created_at

    def gives_features_of(self, *, model_sha256: str | None, features_sha256: str | None) -> bool:
        """Whether features that were kept are such as this model gives.

        Parameters
        ----------
        model_sha256, features_sha256 : of the model that gave them; the second is None where it is not known,
            and then only the same file will do.
        """
        if features_sha256 is not None and self.features_sha256 is not None:
            return features_sha256 == self.features_sha256
        return model_sha256 == self.manifest.sha256


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ModelError(
            f"{file} cannot be read: {error.strerror or error}",
            hint="Copy the whole model folder again, or point WELT_MODELS_DIR at the right one.",
        ) from error


def read_manifest(folder: Path) -> Manifest:
    """Read and check ``manifest.json`` of a model folder."""
    file = folder / MANIFEST_FILE
    body = _read(file)
    try:
        return Manifest.model_validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ModelError(
            f"{file} is not a usable manifest: {where}: {first['msg']}",
            hint="Copy the model folder again, or export it again.",
        ) from error


def open_model(folder: Path, *, threads: int, precision: Precision = "fp32") -> Model:
    """Open a model folder whose network is exactly the one that its manifest describes.

    Parameters
    ----------
    threads : CPU threads of one network run.
    precision : which of its forms.
    """
    manifest = read_manifest(folder)
    file = folder / MODEL_FILE
    if precision == "int8":
        if manifest.int8 is None:
            raise ModelError(
                f"{folder} has no INT8 form", hint="Set WELT_PRECISION=fp32, or export the model with one."
            )
        file = folder / INT8_FILE
        manifest = manifest.model_copy(update={"sha256": manifest.int8.sha256})
    body = _read(file)
    digest = hashlib.sha256(body).hexdigest()
    if digest != manifest.sha256:
        raise ModelError(
            f"{file} ({len(body)} bytes) has SHA-256 {digest}, but its manifest says {manifest.sha256}",
            hint="The file is truncated or belongs to another version; copy the model folder again.",
        )
    network = OnnxNetwork(body, threads=threads)
    missing = [output.value for output in manifest.spec.outputs if output not in network.outputs]
    if missing:
        raise ModelError(
            f"{file} does not give {', '.join(missing)}, which its manifest promises",
            hint="Copy the model folder again, or export it again.",
        )
    return Model(
        manifest=manifest,
        network=network,
        folder=folder,
        precision=precision,
        features_sha256=_features_sha256(manifest, network),
    )


def _features_sha256(manifest: Manifest, network: OnnxNetwork) -> str | None:
    """What computes the features, and at which scale and in which tiles it sees a photo."""
    if network.features_sha256 is None:
        return None
    spec = manifest.spec
    seen = (spec.mm_per_px, spec.tile_px, spec.overlap_px, spec.multiple, spec.embedding_stride)
    return hashlib.sha256(f"{network.features_sha256} {seen}".encode()).hexdigest()


def check_golden(model: Model) -> None:
    """Run the golden photos of a model and compare its maps with the stored ones.

    Raises ModelError when a file is missing or changed, or when a probability is off by more than
    ``GOLDEN_TOLERANCE``.
    """
    folder = model.folder / "golden"
    try:
        golden = Golden.model_validate_json(_read(folder / GOLDEN_FILE))
    except ValidationError as error:
        raise ModelError(
            f"{folder / GOLDEN_FILE} is not a list of golden photos: {error.errors()[0]['msg']}",
            hint="Copy the model folder again, or export it again.",
        ) from error
    body = _read(folder / GOLDEN_MAPS)
    try:
        with np.load(io.BytesIO(body), allow_pickle=False) as archive:
            names = [name for photo in golden.photos for name in (photo.array, photo.stitches) if name]
            expected = {name: archive[name] for name in names}
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ModelError(
            f"{folder / GOLDEN_MAPS} does not hold the golden maps: {error}",
            hint="Copy the model folder again, or export it again.",
        ) from error
    for photo in golden.photos:
        encoded = _read(folder / photo.file)
        if hashlib.sha256(encoded).hexdigest() != photo.sha256:
            raise ModelError(
                f"{folder / photo.file} is not the photo that the golden answers were made from",
                hint="Copy the model folder again.",
            )
        try:
            decoded = imaging.decode(encoded, max_pixels=MAX_GOLDEN_PIXELS)
        except WeltError as error:
            raise ModelError(
                f"{folder / photo.file}: {error.detail}", hint="Copy the model folder again."
            ) from error
        maps = runtime.infer(model.network, decoded.rgb, photo_mm_per_px=photo.mm_per_px, spec=model.spec)
        if model.precision == "int8":
            _compare_roughly(model, photo.file, maps.surface, expected[photo.array])
            continue
        _compare_golden(model, photo.file, maps.surface, expected[photo.array])
        if photo.stitches is not None:
            _compare_golden(model, photo.file, maps.stitches, expected[photo.stitches])


def _compare_golden(
    model: Model, file: str, given: npt.NDArray[np.float32] | None, known: npt.NDArray[np.float32]
) -> None:
    shape = None if given is None else given.shape
    if given is None or shape != known.shape:
        raise ModelError(
            f"{model.folder} gives a map of {shape} for {file}, not {known.shape}",
            hint="The golden answers belong to another export; copy the model folder again.",
        )
    difference = float(np.abs(given - known).max())
    if not difference <= GOLDEN_TOLERANCE:
        raise ModelError(
            f"{model.folder} is off by {difference:.2g} on {file}; {GOLDEN_TOLERANCE:g} is allowed",
            hint="This machine's ONNX Runtime computes otherwise; install the pinned version.",
        )


def _compare_roughly(
    model: Model, file: str, given: npt.NDArray[np.float32], known: npt.NDArray[np.float32]
) -> None:
    """INT8 rounds; but a CPU whose integer products overflow gives maps that are far off."""
    allowed = model.manifest.int8.golden_apart if model.manifest.int8 is not None else GOLDEN_TOLERANCE
    apart = float(np.abs(given - known).mean()) if given.shape == known.shape else float("inf")
    if not apart <= allowed:
        raise ModelError(
            f"the INT8 form of {model.folder} is off by {apart:.2g} on average on {file}; "
            f"{allowed:.2g} is allowed",
            hint="This machine computes INT8 otherwise; set WELT_PRECISION=fp32.",
        )


class _Serving(_Frozen):
    model: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*/[a-z0-9][a-z0-9._-]*$")


class _ServingFile(_Frozen):
    serving: _Serving


def serving_name(models_dir: Path) -> str:
    """``name/version`` of the model that ``serving.toml`` names."""
    file = models_dir / SERVING_FILE
    try:
        return _ServingFile.model_validate(tomllib.loads(_read(file).decode())).serving.model
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValidationError) as error:
        raise ModelError(
            f"{file} does not name a model: {error}",
            hint='Write [serving] and model = "name/version" into it.',
        ) from error


def open_serving(models_dir: Path, *, threads: int, precision: Precision = "fp32") -> Model:
    """Open the model that ``serving.toml`` names, run it once, and check its golden answers.

    Parameters
    ----------
    models_dir : folder of models.
    threads : CPU threads of one network run.
    precision : which form of it.
    """
    model = open_model(models_dir / serving_name(models_dir), threads=threads, precision=precision)
    runtime.warm(model.network, model.spec)
    check_golden(model)
    return model
