"""Reads the photo and what its camera says of it from a request, whichever of the three ways it comes.

A photo comes as multipart (``image`` and ``meta``) or as the raw body, with the metadata as query parameters
or as ``X-Welt-…`` headers. Bytes are counted as they come, so an upload over the limit is refused before it
is read whole, also when it lies about its length or states none.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from inspection.calibration import MAX_MM_PER_PX, MIN_MM_PER_PX, checked_mm_per_px
from inspection.domain import Foot
from inspection.errors import (
    DeadlineError,
    MetadataError,
    NotAPhotoError,
    QueueFullError,
    UploadTooLargeError,
    WeltError,
)
from inspection.web.problems import FieldProblem, describe_invalid
from inspection.web.schemas import Key, Moment, Name, Text, ZonelessTimeError

__all__ = ["HEADER_PREFIX", "RAW_MEDIA_TYPES", "PhotoMeta", "Upload", "UploadBudget", "read_upload_in_time"]

HEADER_PREFIX = "x-welt-"
IDEMPOTENCY_HEADER = "idempotency-key"
MAX_META_BYTES = 64_000
"""Far above any real metadata; below what would slow the parser down."""
MAX_PART_HEADER_BYTES = 8_000
RAW_MEDIA_TYPES = (
    "image/jpeg",
    "image/png",
    "image/tiff",
    "image/bmp",
    "image/webp",
    "application/octet-stream",
)


class PhotoMeta(BaseModel):
    """What a camera says of its photo; every field may be left out."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    idempotency_key: Key | None = Field(
        None, description="Names this photo: a repeat with the same key gets the stored answer."
    )
    station: Name | None = Field(None, description="Station; the API key's own when left out.")
    recipe: Name | None = Field(None, description="Recipe that judges the photo; `default` when left out.")
    view: Name | None = Field(None, description="View of the recipe; its default view when left out.")
    part_id: Text | None = Field(None, description="The part, such as a serial number.")
    pair_id: Text | None = Field(None, description="The pair that the part belongs to.")
    foot: Foot | None = Field(None, description="Which shoe of the pair.")
    lot_id: Text | None = Field(None, description="The production lot.")
    style: Text | None = Field(None, description="The style, as the factory names it.")
    size: Text | None = Field(None, description="The shoe size.")
    captured_at: Moment | None = Field(
        None, description="When the photo was taken, RFC 3339 with its zone, such as 2026-03-01T08:00:00Z."
    )
    mm_per_px: Annotated[
        float | None,
        WithJsonSchema(
            {
                "anyOf": [
                    {"type": "number", "minimum": MIN_MM_PER_PX, "maximum": MAX_MM_PER_PX},
                    {"type": "null"},
                ]
            }
        ),
    ] = Field(None, description="Width of one pixel on the part in millimetres.")  # fmt: skip
    calibration: Name | None = Field(
        None,
        description="Name of a stored calibration or of a scale of the recipe, instead of mm_per_px; without "
        "either, the calibration in force at the station and view holds.",
    )
    lens: Text | None = Field(None, description="The lens on the camera; one that differs from the lens of "
                              "the calibration makes the verdict a recheck.")  # fmt: skip


@dataclass(frozen=True)
class Upload:
    """A photo as it came.

    Attributes
    ----------
    body : encoded photo.
    sha256 : hex digest of ``body``.
    """

    body: bytes
    sha256: str
    meta: PhotoMeta


class UploadBudget:
    """Bytes that all uploads together may hold while they are being received.

    Only the event loop touches it, so it needs no lock.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._held = 0

    @property
    def held_bytes(self) -> int:
        """Bytes reserved now."""
        return self._held

    def take(self, count: int) -> None:
        """Reserve bytes; QueueFullError when they are not there."""
        if self._held + count > self._limit:
            raise QueueFullError(
                f"uploads of {self._held / 1e6:.0f} MB are being received",
                hint="Wait as long as Retry-After says, then send the photo again.",
                retry_after_s=2,
            )
        self._held += count

    def give_back(self, count: int) -> None:
        """Return reserved bytes."""
        self._held -= count


class InvalidMetaError(MetadataError):
    """Metadata with faults that can be listed field by field."""

    def __init__(self, detail: str, *, hint: str, fields: list[FieldProblem]) -> None:
        super().__init__(detail, hint=hint)
        self.fields = fields


def _too_large(limit_bytes: int, said: str) -> UploadTooLargeError:
    return UploadTooLargeError(
        f"The upload {said}; at most {limit_bytes / 1e6:g} MB are accepted.",
        hint="Send a smaller photo, such as a JPEG of quality 90, or raise WELT_MAX_UPLOAD_MB.",
    )


def _metadata_error(error: ValidationError) -> WeltError:
    faults = error.errors(include_url=False, include_input=False)
    fields = describe_invalid(faults)
    for fault in faults:
        if isinstance(fault.get("ctx", {}).get("error"), ZonelessTimeError):
            return InvalidMetaError(
                f"captured_at: {fault['ctx']['error']}.",
                hint="Add the zone: Z for UTC, or an offset such as +08:00.",
                fields=fields,
            )
    first = fields[0]
    return InvalidMetaError(
        f"{first.field}: {first.message}.",
        hint="Correct the fields named in errors; these are known: "
        + ", ".join(PhotoMeta.model_fields)
        + ".",
        fields=fields,
    )


def _checked(meta: PhotoMeta) -> PhotoMeta:
    if meta.mm_per_px is not None:
        checked_mm_per_px(meta.mm_per_px)
    return meta


def _from_strings(fields: Mapping[str, str]) -> PhotoMeta:
    try:
        return _checked(PhotoMeta.model_validate_strings(dict(fields)))
    except ValidationError as error:
        raise _metadata_error(error) from error


def _from_json(body: bytes, further: Mapping[str, str]) -> PhotoMeta:
    try:
        meta = PhotoMeta.model_validate_json(body or b"{}")
    except ValidationError as error:
        raise _metadata_error(error) from error
    if further:
        said = meta.model_dump(exclude_none=True)
        for name, value in _from_strings(further).model_dump(exclude_none=True).items():
            if said.setdefault(name, value) != value:
                raise MetadataError(
                    f"{name} is given twice, as {said[name]!r} in meta and as {value!r} beside it.",
                    hint="Give each field once.",
                )
        meta = PhotoMeta.model_construct(**said)
    return _checked(meta)


def _beside_the_body(request: Request) -> dict[str, str]:
    """Metadata from query parameters and headers, as text."""
    fields: dict[str, str] = {}

    def say(name: str, value: str) -> None:
        if fields.setdefault(name, value) != value:
            raise MetadataError(
                f"{name} is given twice, with different values.", hint="Give each field once."
            )

    for name, value in request.query_params.multi_items():
        say(name, value)
    for raw_name, raw_value in request.headers.raw:
        name = raw_name.decode("latin-1").lower()
        if name == IDEMPOTENCY_HEADER:
            say("idempotency_key", raw_value.decode("latin-1"))
        elif name.startswith(HEADER_PREFIX):
            try:
                value = raw_value.decode()
            except UnicodeDecodeError as error:
                raise MetadataError(
                    f"the header {name} is not UTF-8 text",
                    hint="Send header values as UTF-8, or use query parameters.",
                ) from error
            say(name.removeprefix(HEADER_PREFIX).replace("-", "_"), value)
    return fields


class _Parts:
    """Takes the pieces of a multipart body as the parser finds them."""

    def __init__(self, *, image_limit_bytes: int) -> None:
        self.image = bytearray()
        self.meta = bytearray()
        self.seen: list[str] = []
        self.ended = False
        self._image_limit = image_limit_bytes
        self._header_name = bytearray()
        self._header_value = bytearray()
        self._disposition = b""

    def callbacks(self) -> dict[str, Any]:
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._on_header_name,
            "on_header_value": self._on_header_value,
            "on_header_end": self._on_header_end,
            "on_headers_finished": self._on_headers_finished,
            "on_part_data": self._on_part_data,
            "on_end": self._on_end,
        }

    def _begin(self) -> None:
        self._disposition = b""

    def _on_header_name(self, body: bytes, start: int, end: int) -> None:
        self._header_name += body[start:end]
        self._limit_header()

    def _on_header_value(self, body: bytes, start: int, end: int) -> None:
        self._header_value += body[start:end]
        self._limit_header()

    def _limit_header(self) -> None:
        if len(self._header_name) + len(self._header_value) > MAX_PART_HEADER_BYTES:
            raise FormParserError("a part has headers that are too long")

    def _on_header_end(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._disposition = bytes(self._header_value)
        self._header_name.clear()
        self._header_value.clear()

    def _on_headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        name = options.get(b"name", b"").decode("latin-1")
        if name not in ("image", "meta"):
            raise MetadataError(
                f"The form has a field {name[:40]!r}.",
                hint="Send the photo as the field image, and the metadata as JSON in the field meta.",
            )
        if name in self.seen:
            raise MetadataError(f"The form has the field {name} twice.", hint="Send one photo per request.")
        self.seen.append(name)

    def _on_part_data(self, body: bytes, start: int, end: int) -> None:
        # Slices of bytes are copied once here and once more never: the bytearray grows in place.
        if self.seen[-1] == "image":
            self.image += memoryview(body)[start:end]
            if len(self.image) > self._image_limit:
                raise _too_large(self._image_limit, "is longer")
        else:
            self.meta += memoryview(body)[start:end]
            if len(self.meta) > MAX_META_BYTES:
                raise MetadataError(
                    f"meta has more than {MAX_META_BYTES} bytes.", hint="Send one small JSON object as meta."
                )

    def _on_end(self) -> None:
        self.ended = True


async def read_upload_in_time(
    request: Request, *, limit_bytes: int, budget: UploadBudget, deadline_s: float, hint: str
) -> Upload:
    """As ``read_upload``; an upload that has not ended by the deadline is a DeadlineError with ``hint``."""
    try:
        async with asyncio.timeout(deadline_s):
            return await read_upload(request, limit_bytes=limit_bytes, budget=budget)
    except TimeoutError:
        raise DeadlineError(
            f"The upload did not end within {deadline_s:g} s.", hint=hint, retry_after_s=1
        ) from None


async def read_upload(request: Request, *, limit_bytes: int, budget: UploadBudget) -> Upload:
    """Receive a photo with its metadata.

    Parameters
    ----------
    limit_bytes : largest photo accepted.
    budget : memory that all uploads share.
    """
    # Metadata that is wrong beside the body is refused before the body is read.
    beside = _beside_the_body(request)
    content_type, options = parse_options_header(request.headers.get("content-type", ""))
    media_type = content_type.decode("latin-1").lower()
    if media_type == "multipart/form-data":
        boundary = options.get(b"boundary", b"")
        if not 1 <= len(boundary) <= 70:
            raise MetadataError(
                "The multipart body has no usable boundary.",
                hint="Let the HTTP library set the Content-Type of the form.",
            )
        if beside:
            _from_strings(beside)
        return await _read_multipart(request, boundary, beside, limit_bytes=limit_bytes, budget=budget)
    if media_type and media_type != "application/octet-stream" and not media_type.startswith("image/"):
        raise NotAPhotoError(
            f"The body is said to be {media_type[:80]}.",
            hint="Send the photo as multipart/form-data, image/…, or application/octet-stream.",
        )
    meta = _from_strings(beside)
    body = bytearray()
    hasher = hashlib.sha256()
    _check_length(request, limit_bytes)
    held = 0
    try:
        async for chunk in request.stream():
            if len(body) + len(chunk) > limit_bytes:
                raise _too_large(limit_bytes, "is longer")
            budget.take(len(chunk))
            held += len(chunk)
            body += chunk
            hasher.update(chunk)
    finally:
        budget.give_back(held)
    return Upload(body=bytes(body), sha256=hasher.hexdigest(), meta=meta)


def _check_length(request: Request, limit_bytes: int) -> None:
    length = request.headers.get("content-length")
    if length is not None and length.isdigit() and int(length) > limit_bytes:
        raise _too_large(limit_bytes, f"has {int(length) / 1e6:.1f} MB")


async def _read_multipart(
    request: Request, boundary: bytes, beside: Mapping[str, str], *, limit_bytes: int, budget: UploadBudget
) -> Upload:
    whole_limit = limit_bytes + MAX_META_BYTES + 4 * MAX_PART_HEADER_BYTES
    _check_length(request, whole_limit)
    parts = _Parts(image_limit_bytes=limit_bytes)
    parser = MultipartParser(boundary, parts.callbacks())  # type: ignore[arg-type]
    held = 0
    try:
        async for chunk in request.stream():
            if held + len(chunk) > whole_limit:
                raise _too_large(limit_bytes, "is longer")
            budget.take(len(chunk))
            held += len(chunk)
            parser.write(chunk)
        parser.finalize()
    except FormParserError as error:
        raise MetadataError(
            f"The multipart body is malformed: {error}.", hint="Let the HTTP library build the form."
        ) from error
    finally:
        budget.give_back(held)
    if not parts.ended:
        raise MetadataError(
            "The multipart body ends before its closing boundary.",
            hint="Send the whole form; the upload was cut off.",
        )
    if "image" not in parts.seen:
        raise MetadataError(
            "The form has no field image.",
            hint="Send the photo as the field image, and the metadata as JSON in the field meta.",
        )
    body = bytes(parts.image)
    return Upload(
        body=body, sha256=hashlib.sha256(body).hexdigest(), meta=_from_json(bytes(parts.meta), beside)
    )
