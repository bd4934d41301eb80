"""Builds the inputs of tests: photos whose defects are known in mm, and a real model that finds them.

Everything is drawn or computed from its arguments, so the truth of every test is exact and needs no file.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from inspection import imaging, pipeline, runtime
from inspection.detecting import Sensitivity
from inspection.document import ResultDocument, build_document
from inspection.domain import Finding, Measurement, Metadata, Photo, Seam, Zone, ZoneClass
from inspection.recipes import open_recipes
from inspection.registry import Golden, GoldenPhoto, Manifest, Model
from inspection.runtime import OnnxNetwork
from inspection.standards import open_standards

RGB = npt.NDArray[np.uint8]

LEATHER_RGB = (150, 110, 80)
"""Brown leather: far from both colours that the dark-spot model looks for."""

COLOURS = {"hole": (20, 20, 20), "stain": (40, 60, 200), "paint": (90, 200, 60)}
"""What each kind of drawn defect looks like: black hole, blue ink stain; green paint no model knows."""

MODEL_KINDS = ("sound", "hole", "stain")
MODEL_MM_PER_PX = 0.1
MODEL_STRIDE = 2

_OVERSAMPLING = 8  # each photo pixel is the mean of 8 x 8 samples: edges are right to about 1/16 px


@dataclass(frozen=True)
class Spot:
    """A defect to draw.

    Attributes
    ----------
    at_mm : (x, y) of its centre, from the photo's outer top left corner.
    length_mm, width_mm : full sides of the rectangle, or axes of the ellipse.
    angle_deg : turn of the length axis from the photo's x axis, clockwise as seen.
    kind : ``hole`` or ``stain``.
    shape : ``ellipse`` or ``rectangle``.
    """

    at_mm: tuple[float, float]
    length_mm: float
    width_mm: float
    angle_deg: float = 0.0
    kind: str = "hole"
    shape: str = "ellipse"

    @property
    def area_mm2(self) -> float:
        """True area."""
        rectangle = self.length_mm * self.width_mm
        return rectangle if self.shape == "rectangle" else rectangle * math.pi / 4


def make_rgb(
    spots: Sequence[Spot] = (),
    *,
    width_px: int = 640,
    height_px: int = 480,
    mm_per_px: float = MODEL_MM_PER_PX,
    leather_rgb: tuple[int, int, int] = LEATHER_RGB,
    grain: float = 6.0,
    seed: int = 0,
) -> RGB:
    """Draw leather with defects.

    Parameters
    ----------
    grain : standard deviation of the brightness of the grain, in grey levels; 0 draws flat colour.

    Returns
    -------
    (height_px, width_px, 3) uint8 RGB.
    """
    rgb = np.empty((height_px, width_px, 3), np.float32)
    rgb[:] = leather_rgb
    if grain > 0:
        noise = np.random.default_rng(seed).standard_normal((height_px, width_px)).astype(np.float32)
        pebbles = cv2.GaussianBlur(noise, (0, 0), 1.5)
        rgb += (pebbles * (grain / float(pebbles.std())))[..., None]
    for spot in spots:
        _draw(rgb, spot, mm_per_px)
    return np.clip(np.rint(rgb), 0, 255).astype(np.uint8)


def _draw(rgb: npt.NDArray[np.float32], spot: Spot, mm_per_px: float) -> None:
    """Blend one spot into the picture by the share of each pixel that it covers."""
    height_px, width_px = rgb.shape[:2]
    x_px, y_px = (v / mm_per_px for v in spot.at_mm)  # from the outer corner, so pixel i covers i..i+1
    reach = math.hypot(spot.length_mm, spot.width_mm) / 2 / mm_per_px + 1
    left, right = max(0, math.floor(x_px - reach)), min(width_px, math.ceil(x_px + reach))
    top, bottom = max(0, math.floor(y_px - reach)), min(height_px, math.ceil(y_px + reach))
    if left >= right or top >= bottom:
        return
    xs = (np.arange((right - left) * _OVERSAMPLING) + 0.5) / _OVERSAMPLING + left - x_px
    ys = (np.arange((bottom - top) * _OVERSAMPLING) + 0.5) / _OVERSAMPLING + top - y_px
    turn = math.radians(spot.angle_deg)
    along = xs[None, :] * math.cos(turn) + ys[:, None] * math.sin(turn)
    across = -xs[None, :] * math.sin(turn) + ys[:, None] * math.cos(turn)
    u = np.abs(along) / (spot.length_mm / 2 / mm_per_px)
    v = np.abs(across) / (spot.width_mm / 2 / mm_per_px)
    inside = (np.maximum(u, v) <= 1) if spot.shape == "rectangle" else (u * u + v * v <= 1)
    share = inside.reshape(bottom - top, _OVERSAMPLING, right - left, _OVERSAMPLING).mean(axis=(1, 3))
    patch = rgb[top:bottom, left:right]
    colour = np.asarray(COLOURS[spot.kind], np.float32)
    patch += (share[..., None] * (colour - patch)).astype(np.float32)


def make_photo(
    spots: Sequence[Spot] = (),
    *,
    width_px: int = 640,
    height_px: int = 480,
    mm_per_px: float = MODEL_MM_PER_PX,
    leather_rgb: tuple[int, int, int] = LEATHER_RGB,
    grain: float = 6.0,
    seed: int = 0,
) -> Photo:
    """Draw leather with defects, as a decoded photo."""
    rgb = make_rgb(
        spots,
        width_px=width_px,
        height_px=height_px,
        mm_per_px=mm_per_px,
        leather_rgb=leather_rgb,
        grain=grain,
        seed=seed,
    )
    return Photo(rgb=rgb, sha256=hashlib.sha256(rgb.tobytes()).hexdigest(), media_type="image/png")


def encode_jpeg(rgb: RGB, *, quality: int = 92) -> bytes:
    """JPEG bytes of a picture, as a camera would post them."""
    ok, encoded = cv2.imencode(
        ".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    assert ok
    return encoded.tobytes()


def encode_png(rgb: RGB) -> bytes:
    """PNG bytes of a picture: the same pixels come back."""
    ok, encoded = cv2.imencode(".png", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    assert ok
    return encoded.tobytes()


def make_jpeg(
    spots: Sequence[Spot] = (), *, seed: int = 0, width_px: int = 640, height_px: int = 480
) -> bytes:
    """JPEG bytes of leather with defects at 0.1 mm/px; another ``seed`` gives other bytes."""
    return encode_jpeg(make_rgb(spots, seed=seed, width_px=width_px, height_px=height_px))


def dark_spot_onnx() -> bytes:
    """ONNX model that finds black holes and blue stains by colour alone.

    It follows the contract of every Welt network: input ``image`` uint8 (1, H, W, 3) RGB, output ``surface``
    float32 (1, 3, H/2, W/2), probabilities over ``MODEL_KINDS``. A cell's colour is the mean of its 2 x 2
    pixels. Evidence is linear in it and 0 about half-way between leather and defect, so the 0.5 contour runs
    where half a cell is covered: outlines of drawn defects can be checked to a fraction of a pixel.
    """
    hole = (-0.0299, -0.0587, -0.0114, 8.0)  # (80 - luminance) / 10
    stain = (-0.1, 0.0, 0.1, -4.5)  # (blue - red - 45) / 10
    weights = np.array([(0, 0, 0), hole[:3], stain[:3]], np.float32).reshape(3, 3, 1, 1)
    bias = np.array([0, hole[3], stain[3]], np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["image"], ["as_float"], to=TensorProto.FLOAT),
            helper.make_node("Transpose", ["as_float"], ["planes"], perm=[0, 3, 1, 2]),
            helper.make_node(
                "AveragePool",
                ["planes"],
                ["cells"],
                kernel_shape=[MODEL_STRIDE, MODEL_STRIDE],
                strides=[MODEL_STRIDE, MODEL_STRIDE],
            ),
            helper.make_node("Conv", ["cells", "weights", "bias"], ["evidence"], kernel_shape=[1, 1]),
            helper.make_node("Softmax", ["evidence"], ["surface"], axis=1),
        ],
        "dark_spots",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [1, "height", "width", 3])],
        [helper.make_tensor_value_info("surface", TensorProto.FLOAT, [1, 3, "grid_height", "grid_width"])],
        [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(bias, "bias")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    encoded: bytes = model.SerializeToString()
    return encoded


def with_embedding(encoded: bytes) -> bytes:
    """The model with an ``embedding``: mean, lightest and darkest of each colour over 8 x 8 pixels."""
    model = onnx.load_model_from_string(encoded)
    model.graph.node.extend(
        [
            helper.make_node("AveragePool", ["planes"], ["means"], kernel_shape=[8, 8], strides=[8, 8]),
            helper.make_node("MaxPool", ["planes"], ["lightest"], kernel_shape=[8, 8], strides=[8, 8]),
            helper.make_node("Neg", ["planes"], ["negative"]),
            helper.make_node("MaxPool", ["negative"], ["darkest"], kernel_shape=[8, 8], strides=[8, 8]),
            helper.make_node("Concat", ["means", "lightest", "darkest"], ["embedding"], axis=1),
        ]
    )
    model.graph.output.append(
        helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [1, 9, "rows_8", "columns_8"])
    )
    onnx.checker.check_model(model)
    changed: bytes = model.SerializeToString()
    return changed


def write_dark_spot_model(folder: Path, *, embedding: bool = False) -> Path:
    """Write a small, real, complete model folder; the whole runtime can be tested with it in milliseconds.

    Parameters
    ----------
    folder : where ``model.onnx``, ``manifest.json`` and the rest go; made when missing.
    embedding : whether it gives features for novelty.

    Returns
    -------
    ``folder``.
    """
    (folder / "golden").mkdir(parents=True, exist_ok=True)
    encoded = with_embedding(dark_spot_onnx()) if embedding else dark_spot_onnx()
    (folder / "model.onnx").write_bytes(encoded)
    manifest = Manifest(
        name="dark-spots",
        version="1",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        sha256=hashlib.sha256(encoded).hexdigest(),
        kinds=MODEL_KINDS,
        mm_per_px=MODEL_MM_PER_PX,
        stride=MODEL_STRIDE,
        tile_px=512,
        overlap_px=64,
        multiple=32,
        thresholds={"hole": 0.5, "stain": 0.5},
        min_area_mm2={"hole": 0.05, "stain": 0.05},
        embedding_channels=9 if embedding else 0,
    )
    (folder / "manifest.json").write_text(manifest.model_dump_json(by_alias=True, indent=2), encoding="utf-8")
    (folder / "CARD.md").write_text("# dark-spots\n\nFinds drawn spots, for tests.\n", encoding="utf-8")
    photo = encode_png(make_rgb([Spot((6.4, 4.8), 3.0, 2.0)], width_px=128, height_px=96))
    (folder / "golden" / "spot.png").write_bytes(photo)
    rgb = imaging.decode(photo, max_pixels=128 * 96).rgb
    network = OnnxNetwork(encoded, threads=1)
    maps = runtime.infer(network, rgb, photo_mm_per_px=MODEL_MM_PER_PX, spec=manifest.spec)
    np.savez(folder / "golden" / "golden.npz", spot=maps.surface)
    golden = Golden(
        photos=(
            GoldenPhoto(
                file="spot.png",
                sha256=hashlib.sha256(photo).hexdigest(),
                array="spot",
                mm_per_px=MODEL_MM_PER_PX,
                grade="C",
            ),
        )
    )
    (folder / "golden" / "golden.json").write_text(golden.model_dump_json(), encoding="utf-8")
    return folder


def write_models(models_dir: Path, *, embedding: bool = False) -> Path:
    """Write a models folder that serves the dark-spot model; what ``WELT_MODELS_DIR`` points to in tests."""
    write_dark_spot_model(models_dir / "dark-spots" / "1", embedding=embedding)
    (models_dir / "serving.toml").write_text('[serving]\nmodel = "dark-spots/1"\n', encoding="utf-8")
    return models_dir


def whole_photo(photo: Photo) -> Zone:
    """One primary zone that covers a photo."""
    corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], np.float64)
    outline_px = corners * (photo.width_px, photo.height_px) - 0.5
    return Zone(name="all", zone_class=ZoneClass.PRIMARY, outline_px=outline_px)


def make_seam(
    *,
    pitch_mm: tuple[float, ...] = (2.0, 2.0),
    margin_mm: tuple[float | None, ...] = (),
    measurements: Sequence[Measurement] = (
        Measurement("pitch_mean_mm", 2.0, "mm", 0.05),
        Measurement("density_per_cm", 5.0, "", 0.1),
    ),
    zone: Zone | None = None,
    skipped: tuple[int, ...] = (),
    broken: tuple[int, ...] = (),
) -> Seam:
    """A straight row of stitches at 0.1 mm per pixel, starting at (10, 20)."""
    along_px = np.concatenate([[0.0], np.cumsum(pitch_mm)]) / MODEL_MM_PER_PX
    return Seam(
        zone=zone.name if zone else "photo",
        zone_class=zone.zone_class if zone else ZoneClass.PRIMARY,
        points_px=np.stack([10 + along_px, np.full(len(along_px), 20.0)], axis=1),
        pitch_mm=np.array(pitch_mm),
        pitch_uncertainty_mm=np.full(len(pitch_mm), 0.1),
        margin_mm=np.array([math.nan if each is None else each for each in margin_mm]),
        skipped=skipped,
        broken=broken,
        measurements=tuple(measurements),
    )


def sensitivity(*kinds: str, threshold: float = 0.5) -> Sensitivity:
    """The same threshold for every kind, and no smallest area."""
    return Sensitivity(dict.fromkeys(kinds, threshold), dict.fromkeys(kinds, 0.0), MODEL_MM_PER_PX)


def make_result(
    model: Model, spots: Sequence[Spot], *, mm_per_px: float | None = MODEL_MM_PER_PX
) -> tuple[ResultDocument, Finding]:
    """Inspect a drawn photo by the default recipe."""
    metadata = Metadata(station="bench", mm_per_px=mm_per_px)
    setup = pipeline.prepare(metadata, model=model, recipes=open_recipes(), standards=open_standards())
    photo = make_photo(spots)
    finding = pipeline.inspect(photo, setup, clock=lambda: 0.0)
    document = build_document(
        result_id="01JNC5Y5M0000000000000000",
        created_at=datetime(2026, 3, 1, tzinfo=UTC),
        metadata=metadata,
        photo=photo,
        finding=finding,
        setup=setup,
        took_ms={},
    )
    return document, finding
