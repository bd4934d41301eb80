"""The colour of flat material in a JPEG, finer than a decoder tells it.

A JPEG keeps Cb and Cr in steps of a fraction of a level, but a decoder rounds them to whole levels, and plain
material is rounded alike all over a zone: half a level is half a unit of CIEDE2000 or more. So the file is
decoded again, at an eighth of its size, with the steps of its chroma tables multiplied: the planes come out
stretched, and one level of them is a fraction of a level. Where a stretched plane would leave its 8 bits a
smaller factor serves. To see the planes as they are, without their way through RGB, the copy that is decoded
says that its components are R, G and B.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

__all__ = ["FineChroma", "fine_chroma"]

FACTORS = (2, 4, 8, 16)
"""At the highest a level is a 16th of one, finer than any step of a chroma table."""
_NEAR_END = 2
"""Levels of a stretched plane beside which it may have been clipped."""
_ADOBE_RGB = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"
"""Segment that says that three components are not to be transformed."""
_FRAMES = frozenset({0xC0, 0xC1, 0xC2})
_OWN_COLOURS = (tuple(b"RGB"), tuple(b"rgb"))


@dataclass(frozen=True, eq=False)
class FineChroma:
    """Chroma over a whole photo as stored, before it is turned upright.

    Attributes
    ----------
    planes : (h, w, 2) float32, Cb and Cr less 128.
    step : of a flat block's chroma, in levels, as the file keeps it.
    """

    planes: npt.NDArray[np.float32]
    step: float


@dataclass(frozen=True)
class _Segment:
    marker: int
    start: int
    end: int


def fine_chroma(body: bytes) -> FineChroma | None:
    """Chroma of a JPEG that was checked and can be decoded; None where it has none of its own.

    That is a grey, RGB or CMYK JPEG, and one whose three components share one table.
    """
    segments = list(_segments(body))
    frame = next((one for one in segments if one.marker in _FRAMES), None)
    if frame is None or frame.end - frame.start < 19 or frame.end > len(body) or body[frame.start + 9] != 3:
        return None
    entries = [body[frame.start + 10 + 3 * index : frame.start + 13 + 3 * index] for index in range(3)]
    names = tuple(entry[0] for entry in entries)
    adobe = next((one for one in segments if body[one.start + 4 : one.start + 9] == b"Adobe"), None)
    plain_rgb = adobe is not None and adobe.end - adobe.start >= 16 and body[adobe.start + 15] == 0
    if names in _OWN_COLOURS or plain_rgb:
        return None
    chroma = {entries[1][2], entries[2][2]}
    if entries[0][2] in chroma:
        return None
    whole = _decoded(body, segments, chroma, 1)
    if whole is None:
        return None
    planes = whole
    for factor in FACTORS:
        stretched = _decoded(body, segments, chroma, factor)
        if stretched is None or stretched.shape != whole.shape:
            break
        held = np.abs(stretched) < 127 - _NEAR_END
        planes = np.where(held, stretched / factor, planes)
    return FineChroma(np.asarray(planes, np.float32), _step(body, segments, chroma))


def _segments(body: bytes) -> Iterator[_Segment]:
    """Segments with their markers, up to the first scan."""
    at = 2
    while at + 4 <= len(body):
        if body[at] != 0xFF:
            return
        if body[at + 1] == 0xFF:  # fill
            at += 1
            continue
        length = int.from_bytes(body[at + 2 : at + 4], "big")
        yield _Segment(body[at + 1], at, at + 2 + length)
        if body[at + 1] == 0xDA:
            return
        at += 2 + length


def _tables(segment: bytes) -> Iterator[tuple[int, int, bool]]:
    """Number, place of the first step and width of each table of a DQT segment."""
    at = 4
    while at < len(segment):
        wide = segment[at] >> 4 > 0
        yield segment[at] & 15, at + 1, wide
        at += 1 + 64 * (2 if wide else 1)


def _step(body: bytes, segments: list[_Segment], chroma: set[int]) -> float:
    steps = [
        int.from_bytes(segment[at : at + 2], "big") if wide else segment[at]
        for one in segments
        if one.marker == 0xDB
        for segment in [body[one.start : one.end]]
        for number, at, wide in _tables(segment)
        if number in chroma
    ]
    # The first of a block's 64 is eight times its mean.
    return max(steps, default=8) / 8


def _decoded(
    body: bytes, segments: list[_Segment], chroma: set[int], factor: int
) -> npt.NDArray[np.float32] | None:
    """(h, w, 2) Cb and Cr less 128, stretched, at an eighth of the size."""
    parts = [body[:2], _ADOBE_RGB]
    for one in segments:
        if 0xE0 <= one.marker <= 0xEF:
            continue
        segment = body[one.start : one.end]
        parts.append(_stretched(segment, chroma, factor) if one.marker == 0xDB else segment)
    parts.append(body[segments[-1].end :])
    flags = cv2.IMREAD_REDUCED_COLOR_8 | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        seen = cv2.imdecode(np.frombuffer(b"".join(parts), np.uint8), flags)
    except cv2.error:
        return None
    # As BGR: the third component comes first.
    return None if seen is None else np.asarray(seen[..., 1::-1].astype(np.float32) - 128)


def _stretched(segment: bytes, chroma: set[int], factor: int) -> bytes:
    changed = bytearray(segment)
    for number, at, wide in _tables(segment):
        if number not in chroma:
            continue
        for place in range(64):
            if wide:
                here = at + 2 * place
                value = min(65535, factor * int.from_bytes(segment[here : here + 2], "big"))
                changed[here : here + 2] = value.to_bytes(2, "big")
            else:
                # What exceeds a byte are the finest of a block, which an eighth of the size does not show.
                changed[at + place] = min(255, factor * segment[at + place])
    return bytes(changed)
