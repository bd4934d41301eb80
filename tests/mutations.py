"""Damages photos at random: whatever arrives, decoding ends in a photo or a PhotoError.

``python -m tests.mutations 10000`` tries that many files and prints what became of them.
"""

from __future__ import annotations

import io
import random
import struct
import sys
import time
import zlib
from collections import Counter
from dataclasses import dataclass, field

import cv2
import numpy as np
from PIL import Image

from inspection import imaging
from inspection.errors import PhotoError
from tests import factories

MAX_PIXELS = 4_000_000
SLOW_S = 2.0
"""No file may take longer than this."""


def seeds() -> tuple[bytes, ...]:
    """Small whole files of every format and most of their variants."""
    rgb = factories.make_rgb([factories.Spot((4, 3), 2, 1)], width_px=80, height_px=60)
    picture = Image.fromarray(rgb)
    see_through = picture.convert("RGBA")
    see_through.putalpha(128)
    exif = Image.Exif()
    exif[0x0112] = 6
    deep = cv2.imencode(".png", rgb.astype(np.uint16) * 257)[1].tobytes()
    deep_tiff = cv2.imencode(".tiff", rgb.astype(np.uint16) * 257)[1].tobytes()
    return (
        encode(picture, "JPEG", exif=exif),
        encode(picture, "JPEG", progressive=True),
        encode(picture.convert("CMYK"), "JPEG"),
        encode(picture.convert("L"), "JPEG"),
        encode(picture, "PNG"),
        encode(picture.quantize(16), "PNG"),
        encode(see_through, "PNG", exif=exif),
        deep,
        encode(picture, "TIFF", exif=exif),
        encode(picture, "TIFF", compression="tiff_lzw"),
        encode(picture, "TIFF", compression="jpeg"),
        encode(see_through, "TIFF", compression="tiff_deflate"),
        deep_tiff,
        encode(picture, "BMP"),
        encode(picture.quantize(16), "BMP"),
        encode(picture, "WEBP"),
        encode(see_through, "WEBP", lossless=True, exif=exif),
    )


def encode(picture: Image.Image, file_format: str, **options: object) -> bytes:
    """Bytes of a picture in one of Pillow's formats."""
    encoded = io.BytesIO()
    picture.save(encoded, file_format, **options)
    return encoded.getvalue()


def mutate(body: bytes, rng: random.Random, others: tuple[bytes, ...]) -> bytes:
    """One to eight random damages to a file; checksums of PNGs are often put right, to reach the decoder."""
    damaged = bytearray(body)
    for _ in range(rng.randint(1, 8)):
        if not damaged:
            break
        at = rng.randrange(len(damaged))
        span = min(len(damaged) - at, rng.choice((1, 2, 4, 16, 200)))
        match rng.randrange(9):
            case 0:
                damaged[at] ^= 1 << rng.randrange(8)
            case 1:
                damaged[at : at + span] = rng.randbytes(span)
            case 2:
                del damaged[at : at + span]
            case 3:
                damaged[at:at] = rng.randbytes(span)
            case 4:
                damaged[at:at] = damaged[at : at + span] * rng.randint(1, 40)
            case 5:
                damaged[at : at + span] = bytes([rng.choice((0, 255))]) * span
            case 6:
                del damaged[at:]
                if rng.random() < 0.5:
                    damaged += rng.choice((b"\xff\xd9", b"\0\0\0\0IEND\xaeB`\x82", b"\0" * 300))
            case 7:
                at = rng.randrange(min(64, len(damaged)))  # sizes and offsets are near the beginning
                number = rng.choice((0, 1, 0x7FFF, 0xFFFF, 30_000, 0x7FFFFFFF, 0xFFFFFFFF))
                packed = struct.pack(rng.choice(("<I", ">I")), number)
                damaged[at : at + 4] = packed[: rng.choice((2, 4))]
            case _:
                other = rng.choice(others)
                damaged[at:] = other[rng.randrange(len(other)) :]
    if damaged.startswith(b"\x89PNG") and rng.random() < 0.8:
        damaged = _with_png_checksums(damaged)
    return bytes(damaged)


def _with_png_checksums(damaged: bytearray) -> bytearray:
    at = 8
    while at + 12 <= len(damaged):
        end = at + 8 + int.from_bytes(damaged[at : at + 4], "big")
        if end + 4 > len(damaged):
            break
        damaged[end : end + 4] = zlib.crc32(damaged[at + 4 : end]).to_bytes(4, "big")
        at = end + 4
    return damaged


@dataclass
class Report:
    """What became of the files; anything but a photo or a PhotoError stops the run by itself."""

    outcomes: Counter[str] = field(default_factory=Counter)
    slowest_s: float = 0.0
    slowest: bytes = b""


def survive(count: int, *, seed: int) -> Report:
    """Decode that many damaged files."""
    rng = random.Random(seed)
    whole = seeds()
    report = Report()
    for _ in range(count):
        body = mutate(rng.choice(whole), rng, whole)
        began_s = time.perf_counter()
        try:
            imaging.decode(body, max_pixels=MAX_PIXELS)
            outcome = "decoded"
        except PhotoError as error:
            outcome = type(error).__name__
        took_s = time.perf_counter() - began_s
        report.outcomes[outcome] += 1
        if took_s > report.slowest_s:
            report.slowest_s, report.slowest = took_s, body
    return report


def main() -> None:
    """Run from the command line: number of files, then a seed."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    report = survive(count, seed=int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    sys.stdout.write(f"{dict(report.outcomes)}, slowest {report.slowest_s * 1000:.0f} ms\n")
    sys.exit(report.slowest_s > SLOW_S)


if __name__ == "__main__":
    main()
