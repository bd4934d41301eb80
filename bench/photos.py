"""Photos for measurements: a camera-sized JPEG laid out from the real sample photos."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from inspection import imaging

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "datasets" / "sample"
MAX_PIXELS = 20_000_000


def sample_photos() -> list[Path]:
    """The sample photos that ship, sorted by name."""
    found = sorted(p for p in SAMPLE.rglob("*") if p.suffix.lower() in {".jpg", ".jpeg", ".png"})
    if not found:
        raise FileNotFoundError(f"no photos under {SAMPLE}")
    return found


def read_bgr(path: Path) -> npt.NDArray[np.uint8]:
    """(H, W, 3) uint8 in OpenCV's order."""
    rgb = imaging.decode(path.read_bytes(), max_pixels=MAX_PIXELS).rgb
    return np.ascontiguousarray(rgb[..., ::-1])


def camera_jpeg(*, width: int, height: int, variant: int = 0) -> bytes:
    """A (height, width) JPEG of real leather, mirrored out to size; bytes differ by ``variant``."""
    photos = sample_photos()
    bgr = read_bgr(photos[variant % len(photos)])
    bottom, right = max(0, height - bgr.shape[0]), max(0, width - bgr.shape[1])
    bgr = np.pad(bgr, ((0, bottom), (0, right), (0, 0)), mode="reflect")[:height, :width]
    encoded, buffer = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 92])
    if not encoded:
        raise RuntimeError("OpenCV could not encode the JPEG")
    return with_comment(buffer.tobytes(), f"bench {variant}".encode())


def with_comment(jpeg: bytes, comment: bytes) -> bytes:
    """The same picture with a COM segment (ITU-T T.81, B.2.4.5) after SOI: other bytes, the same pixels."""
    return jpeg[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + jpeg[2:]
