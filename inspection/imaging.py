"""Turns the bytes of an image file into a photo, or says why it cannot.

The header is read here, in Python, before any decoder sees the bytes: what the file is, how many pixels it
claims, how many pictures it holds, whether it is whole. OpenCV alone then decodes. What the pixels mean:

* Orientation from EXIF (JPEG, PNG, WebP) or the TIFF tag is applied: photos come out upright.
* 16-bit samples become 8-bit by their full range; nothing is stretched, so a dark photo stays dark.
* Grey and palette pictures become RGB. Transparency is ignored: the stored colour of each pixel is inspected.
* CMYK JPEGs hold inverted inks, as Adobe writes them and every common decoder assumes. Colour profiles are
  ignored.

What cannot be seen: a JPEG has no checksums, so damage within its picture data that leaves all markers in
place shows as wrong pixels. PNG has checksums, and they are compared.
"""

from __future__ import annotations

import hashlib
import re
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

import cv2
import numpy as np

from inspection.domain import Photo
from inspection.errors import (
    BrokenPhotoError,
    EmptyPhotoError,
    MultiFramePhotoError,
    NotAPhotoError,
    TooFewPixelsError,
    TooManyPixelsError,
)
from inspection.jpeg_chroma import fine_chroma

__all__ = ["MEDIA_TYPES", "decode"]

MEDIA_TYPES = ("image/jpeg", "image/png", "image/tiff", "image/bmp", "image/webp")
"""What can be inspected."""

MIN_SIDE_PX = 32
"""Networks look at 32 x 32 pixels at the least; on less nothing would be found, and the photo would pass."""

MAX_JPEG_SCANS = 24
"""Progressive JPEGs have about 10 scans; each costs a pass over the picture, so thousands are an attack."""

MAX_PNG_CHUNKS = 200_000
"""Far beyond any encoder (64 MB of 8 kB chunks has 8,000); bounds the time of reading the header."""

MAX_TIFF_STRIPS = 200_000

_SEND_AGAIN = "Send the file again; when it stays so, check the camera's storage and its connection."


@dataclass(frozen=True)
class _Header:
    """What a file says of itself; sizes are as stored, before orientation."""

    media_type: str
    width_px: int
    height_px: int
    orientation: int = 1  # EXIF number, 1 = upright; 5 to 8 swap the sides
    decoder_turns: bool = False  # OpenCV always turns TIFFs upright, and never the others here
    alpha_flag_at: int | None = None  # where a TIFF says that its colours are not multiplied by alpha yet


def decode(body: bytes, *, max_pixels: int, colours: bool = False) -> Photo:
    """Decode an image file.

    Parameters
    ----------
    body : the whole file.
    max_pixels : most pixels accepted; checked against the header, before decoding.
    colours : whether colours will be compared: of a JPEG the chroma is then read finer than pixels have it.

    Raises
    ------
    PhotoError : always one of its subclasses, which say what to do.
    """
    if not body:
        raise EmptyPhotoError(
            "The body holds no bytes.", hint="Send the image file as the body, or as the part 'image'."
        )
    header = _header_reader(body)(body)
    if header.width_px < 1 or header.height_px < 1:
        raise _broken(f"The header claims {header.width_px} x {header.height_px} pixels")
    if min(header.width_px, header.height_px) < MIN_SIDE_PX:
        raise TooFewPixelsError(
            f"The photo has {header.width_px} x {header.height_px} pixels; each side needs {MIN_SIDE_PX}.",
            hint="Check the resolution that the camera is set to.",
        )
    if header.width_px * header.height_px > max_pixels:
        raise TooManyPixelsError(
            f"The photo claims {header.width_px} x {header.height_px} pixels, "
            f"{header.width_px * header.height_px / 1e6:.1f} megapixels; {max_pixels / 1e6:.1f} are allowed.",
            hint="Lower the camera's resolution, or raise WELT_MAX_PHOTO_MP.",
        )
    encoded = np.frombuffer(body, np.uint8)
    if header.alpha_flag_at is not None:
        # The decoder would multiply them, and so blacken transparent pixels: tell it that this was done.
        encoded = encoded.copy()
        encoded[header.alpha_flag_at] = _ALPHA_MULTIPLIED
    try:
        rgb = cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error as error:
        raise _broken("The picture cannot be decoded") from error
    if rgb is None or rgb.dtype != np.uint8:
        raise _broken("The picture cannot be decoded")
    upright = rgb if header.decoder_turns else _upright(rgb, header.orientation)
    sides_px = header.width_px, header.height_px
    if upright.shape != (*(sides_px if header.orientation > 4 else sides_px[::-1]), 3):
        raise _broken("The picture is not of the size that its header claims")
    chroma = fine_chroma(body) if colours and header.media_type == "image/jpeg" else None
    return Photo(
        rgb=np.asarray(upright, np.uint8),
        sha256=hashlib.sha256(body).hexdigest(),
        media_type=header.media_type,
        size_bytes=len(body),
        chroma=None if chroma is None else np.asarray(_upright(chroma.planes, header.orientation)),
        chroma_step=1.0 if chroma is None else chroma.step,
    )


def _broken(what: str) -> BrokenPhotoError:
    return BrokenPhotoError(f"{what}.", hint=_SEND_AGAIN)


def _upright(rgb: np.ndarray, orientation: int) -> np.ndarray:
    """Turn and mirror a stored picture as its EXIF number says."""
    if orientation in (5, 6, 7, 8):
        rgb = rgb.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        rgb = rgb[:, ::-1]
    if orientation in (3, 4, 7, 8):
        rgb = rgb[::-1]
    return np.ascontiguousarray(rgb)


# Which format -----------------------------------------------------------------------------------------------

_OTHER_FORMATS = (
    (re.compile(rb"GIF8[79]a"), "a GIF"),
    (re.compile(rb"%PDF-"), "a PDF"),
    (re.compile(rb"....ftyp(heic|heix|hevc|mif1|msf1)", re.DOTALL), "a HEIC photo"),
    (re.compile(rb"....ftypavi[fs]", re.DOTALL), "an AVIF picture"),
    (re.compile(rb"....ftyp|\x1aE\xdf\xa3|RIFF....AVI ", re.DOTALL), "a video"),
    (re.compile(rb"\xff\x4f\xff\x51|\x00\x00\x00\x0cjP  "), "a JPEG 2000 picture"),
    (re.compile(rb"PK\x03\x04"), "a ZIP archive"),
    (re.compile(rb"\s*<"), "HTML, XML or SVG text"),
    (re.compile(rb"\s*[{\[]"), "JSON text"),
    (re.compile(rb"[\t\n\r -~\x80-\xff]+\Z"), "text"),
)


def _header_reader(body: bytes) -> Callable[[bytes], _Header]:
    if body.startswith(b"\xff\xd8"):
        return _read_jpeg
    if body.startswith(b"\x89PNG\r\n\x1a\n"):
        return _read_png
    if body[:4] in (b"II*\0", b"MM\0*"):
        return _read_tiff
    if body.startswith(b"RIFF") and body[8:12] == b"WEBP":
        return _read_webp
    if body.startswith(b"BM"):
        return _read_bmp
    looks = next((name for pattern, name in _OTHER_FORMATS if pattern.match(body[:64])), "of an unknown kind")
    raise NotAPhotoError(
        f"The file is {looks}; its name and declared type were not looked at.",
        hint="Send JPEG, PNG, TIFF, BMP or WebP.",
    )


# JPEG -------------------------------------------------------------------------------------------------------

_JPEG_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # neither stuffing, restart nor fill bytes
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_DECODABLE = {0xC0, 0xC1, 0xC2, 0xC9, 0xCA}  # baseline, extended, progressive, and the arithmetic two

_JPEG_BITS_PER_BLOCK = {0xC0: 2, 0xC1: 2, 0xC2: 1}
"""Least bits of a block of 8 x 8 pixels by frame (ITU-T T.81, F.1.2, G.1.2): two Huffman codes, or one."""


def _read_jpeg(body: bytes) -> _Header:
    size: tuple[int, int] | None = None
    orientation, scans, at = 1, 0, 2
    frame = marker = data_bytes = 0
    while True:
        found = _JPEG_MARKER.search(body, at)
        if found is None:
            raise _broken(f"The JPEG ends after {len(body)} bytes without its end marker: it is truncated")
        if marker == 0xDA:
            data_bytes += found.start() - at
        marker, at = body[found.start() + 1], found.end()
        if marker == 0xD9:
            break
        if marker in (0x01, 0xD8):
            continue
        if at + 2 > len(body):
            raise _broken("The JPEG is truncated within a segment")
        length = int.from_bytes(body[at : at + 2], "big")
        segment = body[at + 2 : at + length]
        if length < 2 or len(segment) < length - 2:
            raise _broken("The JPEG is truncated within a segment")
        if marker in _JPEG_FRAMES:
            if size is not None:
                raise _broken("The JPEG has two frame headers")
            size, frame = _jpeg_size(marker, segment), marker
        elif marker == 0xE1 and segment.startswith(b"Exif\0\0"):
            orientation = _exif_orientation(segment[6:])
        elif marker == 0xDA:
            scans += 1
            if size is None:
                raise _broken("The JPEG has picture data before its frame header")
            if scans > MAX_JPEG_SCANS:
                raise _broken(f"The JPEG has more than {MAX_JPEG_SCANS} scans")
        at += length
    if size is None or scans == 0:
        raise _broken("The JPEG holds no picture data")
    blocks = ceil(size[0] / 8) * ceil(size[1] / 8)
    if 8 * data_bytes < _JPEG_BITS_PER_BLOCK.get(frame, 0) * blocks:
        # The decoder would fill up with grey what is not there, and grey leather has no faults.
        raise _broken(
            f"The JPEG holds {data_bytes} bytes of picture data, too few for {size[0]} x {size[1]} pixels"
        )
    return _Header("image/jpeg", *size, orientation)


def _jpeg_size(marker: int, segment: bytes) -> tuple[int, int]:
    if marker not in _JPEG_DECODABLE:
        raise NotAPhotoError(
            "The JPEG is lossless or hierarchical, which is not supported.",
            hint="Save it as a baseline JPEG or a PNG.",
        )
    if len(segment) < 6:
        raise _broken("The JPEG's frame header is too short")
    precision, height_px, width_px, components = struct.unpack_from(">BHHB", segment)
    if precision != 8:
        raise NotAPhotoError(
            f"The JPEG has {precision}-bit samples, which is not supported.",
            hint="Save it with 8 bits per sample, or as a 16-bit PNG or TIFF.",
        )
    if components not in (1, 3, 4):
        raise _broken(f"The JPEG has {components} colour components")
    return width_px, height_px


def _exif_orientation(tiff: bytes) -> int:
    """Orientation number of an EXIF block; 1 when it is missing or makes no sense, as every viewer does."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None or len(tiff) < 8:
        return 1
    (at,) = struct.unpack_from(order + "I", tiff, 4)
    if at + 2 > len(tiff):
        return 1
    (entries,) = struct.unpack_from(order + "H", tiff, at)
    for entry in range(at + 2, min(at + 2 + 12 * entries, len(tiff) - 11), 12):
        tag, kind, count, value = struct.unpack_from(order + "HHIH", tiff, entry)
        if (tag, kind, count) == (0x0112, 3, 1):
            return int(value) if 1 <= value <= 8 else 1
    return 1


# PNG --------------------------------------------------------------------------------------------------------


def _read_png(body: bytes) -> _Header:
    size: tuple[int, int] | None = None
    orientation, data_bytes, at = 1, 0, 8
    for _ in range(MAX_PNG_CHUNKS):
        if at + 12 > len(body):
            raise _broken(f"The PNG ends after {len(body)} bytes without its end: it is truncated")
        length, name = struct.unpack_from(">I4s", body, at)
        end = at + 8 + length
        if end + 4 > len(body):
            raise _broken(f"The PNG is truncated within a {name.decode('latin-1')} chunk")
        if zlib.crc32(memoryview(body)[at + 4 : end]) != int.from_bytes(body[end : end + 4], "big"):
            raise _broken(f"The PNG is damaged: the checksum of a {name.decode('latin-1')} chunk is wrong")
        if (name == b"IHDR") != (at == 8):
            raise _broken("The PNG does not begin with its header")
        if name == b"IHDR":
            if length != 13:
                raise _broken("The PNG's header has a wrong length")
            size = struct.unpack_from(">II", body, at + 8)
        elif name == b"acTL":
            raise _several_pictures("The PNG is animated")
        elif name == b"eXIf":
            orientation = _exif_orientation(body[at + 8 : end])
        elif name == b"IDAT":
            data_bytes += length
        elif name == b"IEND":
            break
        at = end + 4
    else:
        raise _broken(f"The PNG has more than {MAX_PNG_CHUNKS} chunks")
    if size is None or data_bytes == 0:
        raise _broken("The PNG holds no picture data")
    return _Header("image/png", *size, orientation)


def _several_pictures(what: str) -> MultiFramePhotoError:
    return MultiFramePhotoError(
        f"{what}, so which picture to inspect is unclear.", hint="Send each picture as a file."
    )


# TIFF -------------------------------------------------------------------------------------------------------

_TIFF_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_TIFF_WIDTH, _TIFF_HEIGHT, _TIFF_BITS, _TIFF_ORIENTATION, _TIFF_SUBFILE = 256, 257, 258, 274, 254
_TIFF_FORMAT, _TIFF_EXTRA = 339, 338
_ALPHA_MULTIPLIED, _ALPHA_NOT_MULTIPLIED = 1, 2
_TIFF_PARTS = ((273, 279), (324, 325))  # strips, tiles: (offsets, byte counts)


def _read_tiff(body: bytes) -> _Header:
    order = "<" if body.startswith(b"II") else ">"
    at = struct.unpack_from(order + "I", body, 4)[0] if len(body) >= 8 else 0
    page, at = _tiff_page(body, order, at)
    seen = 1
    while at:
        if seen > 16:
            raise _several_pictures("The TIFF has many pages")
        further, at = _tiff_page(body, order, at)
        seen += 1
        if not further.get(_TIFF_SUBFILE, (0,))[0] & 1:  # bit 0: a smaller copy of another page
            raise _several_pictures("The TIFF has several pages")
    width_px, height_px = page.get(_TIFF_WIDTH, (0,))[0], page.get(_TIFF_HEIGHT, (0,))[0]
    bits = page.get(_TIFF_BITS, (1,))
    if any(depth not in (1, 2, 4, 8, 16) for depth in bits) or any(
        f != 1 for f in page.get(_TIFF_FORMAT, (1,))
    ):
        raise NotAPhotoError(
            f"The TIFF has samples of {bits[0]} bits that are no plain 8-bit or 16-bit grey levels.",
            hint="Save it with 8 or 16 bits per sample, unsigned.",
        )
    offsets: tuple[int, ...] = ()
    for offsets_tag, counts_tag in _TIFF_PARTS:
        if offsets_tag in page:
            offsets, counts = page[offsets_tag], page.get(counts_tag, ())
            if len(offsets) != len(counts):
                raise _broken("The TIFF is damaged: its table of strips is incomplete")
            if any(start + count > len(body) for start, count in zip(offsets, counts, strict=True)):
                raise _broken("The TIFF is truncated within its picture data")
    if not offsets:
        raise _broken("The TIFF holds no picture data")
    orientation = page.get(_TIFF_ORIENTATION, (1,))[0]
    return _Header(
        "image/tiff",
        width_px,
        height_px,
        orientation if 1 <= orientation <= 8 else 1,
        decoder_turns=True,
        alpha_flag_at=_alpha_flag(body, order) if page.get(_TIFF_EXTRA) == (_ALPHA_NOT_MULTIPLIED,) else None,
    )


def _alpha_flag(body: bytes, order: str) -> int:
    """Offset of the byte that says ``_ALPHA_NOT_MULTIPLIED``, on the first page of a checked TIFF."""
    (at,) = struct.unpack_from(order + "I", body, 4)
    (entries,) = struct.unpack_from(order + "H", body, at)
    tags = [struct.unpack_from(order + "H", body, at + 2 + 12 * entry)[0] for entry in range(entries)]
    value_at = at + 2 + 12 * tags.index(_TIFF_EXTRA) + 8
    return int(value_at) if order == "<" else int(value_at) + 1


def _tiff_page(body: bytes, order: str, at: int) -> tuple[dict[int, tuple[int, ...]], int]:
    """Whole-number tags of the page at an offset, and the offset of the next page (0 for none)."""
    if at < 8 or at + 2 > len(body):
        raise _broken("The TIFF is truncated: a page is missing")
    (entries,) = struct.unpack_from(order + "H", body, at)
    end = at + 2 + 12 * entries
    if end + 4 > len(body):
        raise _broken("The TIFF is truncated: a page's description is cut")
    tags: dict[int, tuple[int, ...]] = {}
    for entry in range(at + 2, end, 12):
        tag, kind, count = struct.unpack_from(order + "HHI", body, entry)
        letter = {1: "B", 3: "H", 4: "I", 13: "I"}.get(kind)
        if letter is None or not 1 <= count <= MAX_TIFF_STRIPS:
            continue
        size = _TIFF_SIZES[kind] * count
        start = entry + 8 if size <= 4 else struct.unpack_from(order + "I", body, entry + 8)[0]
        if start + size > len(body):
            raise _broken("The TIFF is truncated: a value lies beyond its end")
        tags[tag] = struct.unpack_from(f"{order}{count}{letter}", body, start)
    return tags, struct.unpack_from(order + "I", body, end)[0]


# BMP --------------------------------------------------------------------------------------------------------


def _read_bmp(body: bytes) -> _Header:
    if len(body) < 54:
        raise _broken(f"The BMP ends after {len(body)} bytes, within its header")
    start, header_bytes = struct.unpack_from("<II", body, 10)
    if header_bytes < 40:
        raise NotAPhotoError(
            "The BMP has the header of an old OS/2.", hint="Save it as PNG or as a common BMP."
        )
    width_px, height_px, _planes, bits, compression = struct.unpack_from("<iiHHI", body, 18)
    height_px = abs(height_px)  # negative: rows from the top
    if compression not in (0, 3) or bits not in (1, 4, 8, 16, 24, 32):
        raise NotAPhotoError(
            "The BMP is compressed, which is not supported.", hint="Save it as PNG or uncompressed."
        )
    row_bytes = (max(width_px, 0) * bits + 31) // 32 * 4
    if start + row_bytes * height_px > len(body):
        raise _broken("The BMP is truncated within its picture data")
    return _Header("image/bmp", width_px, height_px)


# WebP -------------------------------------------------------------------------------------------------------


def _read_webp(body: bytes) -> _Header:
    (claimed,) = struct.unpack_from("<I", body, 4)
    if claimed + 8 > len(body):
        raise _broken(f"The WebP claims {claimed + 8} bytes but has {len(body)}: it is truncated")
    size: tuple[int, int] | None = None
    orientation, at, end = 1, 12, claimed + 8
    while at + 8 <= end:
        name, length = struct.unpack_from("<4sI", body, at)
        chunk = body[at + 8 : at + 8 + min(length, 10)]
        if at + 8 + length > end:
            raise _broken("The WebP is truncated within a chunk")
        if name in (b"ANIM", b"ANMF") or (name == b"VP8X" and chunk[:1] and chunk[0] & 2):
            raise _several_pictures("The WebP is animated")
        if name == b"VP8 " and len(chunk) == 10 and chunk[3:6] == b"\x9d\x01\x2a":
            width_px, height_px = struct.unpack_from("<HH", chunk, 6)
            size = width_px & 0x3FFF, height_px & 0x3FFF
        elif name == b"VP8L" and len(chunk) >= 5 and chunk[0] == 0x2F:
            packed = int.from_bytes(chunk[1:5], "little")
            size = (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1
        elif name == b"EXIF":
            exif = body[at + 8 : at + 8 + length]
            orientation = _exif_orientation(exif.removeprefix(b"Exif\0\0"))
        at += 8 + length + length % 2
    if size is None:
        raise _broken("The WebP holds no picture data")
    return _Header("image/webp", *size, orientation)
