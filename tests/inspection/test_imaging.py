"""Every kind of file becomes the right pixels or the right refusal."""

from __future__ import annotations

import contextlib
import hashlib
import struct
import zlib

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from inspection.errors import (
    BrokenPhotoError,
    EmptyPhotoError,
    MultiFramePhotoError,
    NotAPhotoError,
    PhotoError,
    TooFewPixelsError,
    TooManyPixelsError,
)
from inspection.imaging import decode
from tests import factories, mutations
from tests.mutations import encode

MAX_PIXELS = 4_000_000

# Four plain quarters of different colours tell every turn and mirror image apart, and survive JPEG.
QUARTERS = np.zeros((48, 64, 3), np.uint8)
QUARTERS[:24, :32] = (200, 40, 30)
QUARTERS[:24, 32:] = (30, 180, 60)
QUARTERS[24:, :32] = (40, 60, 210)
QUARTERS[24:, 32:] = (240, 230, 220)
PICTURE = Image.fromarray(QUARTERS)


def pixels(body: bytes) -> npt.NDArray[np.int16]:
    return decode(body, max_pixels=MAX_PIXELS).rgb.astype(np.int16)


def assert_shows(body: bytes, expected: npt.NDArray[np.uint8], *, within: int) -> None:
    shown = pixels(body)
    assert shown.shape == expected.shape
    assert np.abs(shown - expected).max() <= within


def see_through() -> Image.Image:
    picture = PICTURE.convert("RGBA")
    alpha = np.full(QUARTERS.shape[:2], 255, np.uint8)
    alpha[:, ::2], alpha[::3] = 0, 100
    picture.putalpha(Image.fromarray(alpha))
    return picture


def test_a_photo_carries_its_digest_type_and_size() -> None:
    body = factories.make_jpeg(width_px=64, height_px=48)
    photo = decode(body, max_pixels=MAX_PIXELS)
    assert (photo.width_px, photo.height_px) == (64, 48)
    assert photo.sha256 == hashlib.sha256(body).hexdigest()
    assert photo.media_type == "image/jpeg"
    assert photo.size_bytes == len(body)
    assert not photo.rgb.flags.writeable


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (encode(PICTURE, "PNG"), "image/png"),
        (encode(PICTURE, "TIFF"), "image/tiff"),
        (encode(PICTURE, "BMP"), "image/bmp"),
        (encode(PICTURE, "WEBP", lossless=True), "image/webp"),
    ],
)
def test_lossless_files_give_back_their_pixels(body: bytes, media_type: str) -> None:
    assert_shows(body, QUARTERS, within=0)
    assert decode(body, max_pixels=MAX_PIXELS).media_type == media_type


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_deflate", "packbits"])
def test_compressed_tiffs_give_back_their_pixels(compression: str) -> None:
    assert_shows(encode(PICTURE, "TIFF", compression=compression), QUARTERS, within=0)


@pytest.mark.parametrize("progressive", [False, True])
def test_jpegs_show_their_colours(progressive: bool) -> None:
    body = encode(PICTURE, "JPEG", quality=98, subsampling=0, progressive=progressive)
    assert_shows(body, QUARTERS, within=2)


def test_a_cmyk_jpeg_shows_its_colours_whether_or_not_adobe_is_named() -> None:
    adobe = encode(PICTURE.convert("CMYK"), "JPEG", quality=98)
    assert_shows(adobe, QUARTERS, within=3)
    at = adobe.index(b"Adobe") - 4
    length = int.from_bytes(adobe[at + 2 : at + 4], "big")
    assert_shows(adobe[:at] + adobe[at + 2 + length :], QUARTERS, within=3)


def test_a_cmyk_tiff_shows_its_colours() -> None:
    assert_shows(encode(PICTURE.convert("CMYK"), "TIFF"), QUARTERS, within=1)


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "TIFF", "BMP", "WEBP"])
def test_grey_photos_become_equal_red_green_and_blue(file_format: str) -> None:
    grey = np.asarray(PICTURE.convert("L"))
    options: dict[str, object] = {"quality": 98, "lossless": True} if file_format in ("JPEG", "WEBP") else {}
    within = 2 if file_format == "JPEG" else 0
    body = encode(PICTURE.convert("L"), file_format, **options)
    assert_shows(body, np.repeat(grey[..., None], 3, axis=2), within=within)


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("colour", [True, False])
def test_sixteen_bit_photos_keep_their_full_range(suffix: str, colour: bool) -> None:
    deep = QUARTERS[..., ::-1].astype(np.uint16) * 257
    shown = QUARTERS if colour else np.repeat(QUARTERS[..., 2:], 3, axis=2)
    encoded = cv2.imencode(suffix, deep if colour else deep[..., 0])[1].tobytes()
    assert_shows(encoded, shown, within=1)


def test_a_dark_sixteen_bit_photo_stays_dark() -> None:
    dark = np.full((48, 64), 4095, np.uint16)
    assert pixels(cv2.imencode(".png", dark)[1].tobytes()).max() == 15


@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "BMP", "WEBP"])
def test_transparency_is_ignored_and_the_stored_colours_are_seen(file_format: str) -> None:
    options = {"lossless": True, "exact": True} if file_format == "WEBP" else {}
    assert_shows(encode(see_through(), file_format, **options), QUARTERS, within=0)


@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "BMP"])
def test_palette_photos_show_their_colours(file_format: str) -> None:
    assert_shows(encode(PICTURE.quantize(4), file_format), QUARTERS, within=0)


def test_a_palette_photo_with_a_transparent_entry_shows_its_colours() -> None:
    assert_shows(encode(PICTURE.quantize(4), "PNG", transparency=0), QUARTERS, within=0)


def test_a_black_and_white_photo_is_black_and_white() -> None:
    one_bit = PICTURE.convert("1", dither=Image.Dither.NONE)
    expected = np.repeat(np.asarray(one_bit, np.uint8)[..., None] * 255, 3, axis=2)
    for body in (encode(one_bit, "PNG"), encode(one_bit, "TIFF", compression="group4")):
        assert_shows(body, expected, within=0)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_photos_come_out_upright(file_format: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options: dict[str, object] = {"exif": exif}
    if file_format == "JPEG":
        options |= {"quality": 98, "subsampling": 0}
    elif file_format == "WEBP":
        options["lossless"] = True
    # What a viewer shows: QUARTERS turned by the same number.
    turned = PICTURE.copy()
    turned.getexif()[0x0112] = orientation
    upright = np.asarray(ImageOps.exif_transpose(turned))
    assert (orientation == 1) == (upright.shape == QUARTERS.shape and bool((upright == QUARTERS).all()))
    assert_shows(encode(PICTURE, file_format, **options), upright, within=2)


def test_an_impossible_orientation_leaves_the_photo_as_it_is() -> None:
    exif = Image.Exif()
    exif[0x0112] = 99
    assert_shows(encode(PICTURE, "PNG", exif=exif), QUARTERS, within=0)


def test_a_jpeg_with_a_second_picture_behind_it_shows_the_first() -> None:
    second = Image.fromarray(255 - QUARTERS)
    options = {"quality": 98, "subsampling": 0, "save_all": True, "append_images": [second]}
    assert_shows(encode(PICTURE, "MPO", **options), QUARTERS, within=2)


# Refusals ---------------------------------------------------------------------------------------------------


def test_an_empty_body_is_told_to_be_empty() -> None:
    with pytest.raises(EmptyPhotoError):
        decode(b"", max_pixels=MAX_PIXELS)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"hello, this is text", "text"),
        ("鞋面有划伤".encode(), "text"),
        (b'{"image": 1}', "JSON"),
        (b"<html><body>login</body></html>", "HTML"),
        (b"%PDF-1.7", "PDF"),
        (b"PK\x03\x04" + b"\0" * 30, "ZIP"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC"),
        (b"\0\0\0\x18ftypisom\0\0\0\0", "video"),
        (encode(PICTURE, "GIF"), "GIF"),
        (b"\0\x01\x02\x03" * 20, "unknown"),
    ],
)
def test_other_files_are_refused_by_what_they_are(body: bytes, told: str) -> None:
    with pytest.raises(NotAPhotoError) as refused:
        decode(body, max_pixels=MAX_PIXELS)
    assert told in refused.value.detail
    assert "JPEG" in refused.value.hint


@pytest.mark.parametrize("whole", mutations.seeds())
def test_a_file_cut_anywhere_is_refused(whole: bytes) -> None:
    for length in range(1, len(whole), 1 + len(whole) // 500):
        with pytest.raises((BrokenPhotoError, NotAPhotoError)):
            decode(whole[:length], max_pixels=MAX_PIXELS)


@pytest.mark.parametrize("whole", mutations.seeds())
def test_the_last_bytes_are_needed(whole: bytes) -> None:
    with pytest.raises(BrokenPhotoError):
        decode(whole[:-2], max_pixels=MAX_PIXELS)


def test_a_changed_byte_of_a_png_is_noticed() -> None:
    body = bytearray(encode(PICTURE, "PNG"))
    body[body.index(b"IDAT") + 10] ^= 1
    with pytest.raises(BrokenPhotoError, match="checksum"):
        decode(bytes(body), max_pixels=MAX_PIXELS)


def png_that_claims(width_px: int, height_px: int) -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        )

    header = struct.pack(">IIBBBBB", width_px, height_px, 8, 2, 0, 0, 0)
    data = zlib.compress(b"\0" * 100)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def test_a_png_that_claims_too_many_pixels_is_refused_by_its_header() -> None:
    with pytest.raises(TooManyPixelsError, match="30000 x 30000") as refused:
        decode(png_that_claims(30_000, 30_000), max_pixels=64_000_000)
    assert "WELT_MAX_PHOTO_MP" in refused.value.hint


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "TIFF", "BMP", "WEBP"])
def test_one_pixel_over_the_limit_is_refused_in_every_format(file_format: str) -> None:
    body = encode(PICTURE, file_format)
    count = PICTURE.width * PICTURE.height
    assert decode(body, max_pixels=count).width_px == PICTURE.width
    with pytest.raises(TooManyPixelsError):
        decode(body, max_pixels=count - 1)


@pytest.mark.parametrize("size", [(1, 1), (31, 500), (500, 31)])
def test_a_photo_too_small_to_judge_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(TooFewPixelsError, match="each side needs 32"):
        decode(encode(PICTURE.resize(size), "PNG"), max_pixels=MAX_PIXELS)
    assert decode(encode(PICTURE.resize((32, 32)), "PNG"), max_pixels=MAX_PIXELS).width_px == 32


def test_a_png_with_less_data_than_it_claims_is_refused() -> None:
    with pytest.raises(BrokenPhotoError):
        decode(png_that_claims(500, 500), max_pixels=MAX_PIXELS)


def test_a_photo_without_pixels_is_refused() -> None:
    with pytest.raises(BrokenPhotoError):
        decode(png_that_claims(0, 10), max_pixels=MAX_PIXELS)


@pytest.mark.parametrize("file_format", ["PNG", "WEBP", "TIFF"])
def test_several_pictures_in_one_file_are_refused(file_format: str) -> None:
    others = [Image.fromarray(255 - QUARTERS), Image.fromarray(QUARTERS[::-1].copy())]
    body = encode(PICTURE, file_format, save_all=True, append_images=others)
    with pytest.raises(MultiFramePhotoError):
        decode(body, max_pixels=MAX_PIXELS)


def test_a_tiff_of_fractions_is_refused() -> None:
    body = cv2.imencode(".tiff", np.ones((40, 40), np.float32))[1].tobytes()
    with pytest.raises(NotAPhotoError, match="32 bits"):
        decode(body, max_pixels=MAX_PIXELS)


def test_a_jpeg_of_thousands_of_scans_is_refused_before_it_costs_time() -> None:
    body = encode(PICTURE, "JPEG", progressive=True)
    start = body.rindex(b"\xff\xda")
    with pytest.raises(BrokenPhotoError, match="scans"):
        decode(body[:start] + body[start:-2] * 5000 + b"\xff\xd9", max_pixels=MAX_PIXELS)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_jpeg_of_one_colour_is_a_photo_however_few_bytes_it_takes(mode: str, progressive: bool) -> None:
    plain = Image.new(mode, (2048, 1024), 128 if mode == "L" else (128, 128, 128))
    body = encode(plain, "JPEG", quality=1, optimize=True, progressive=progressive)
    assert decode(body, max_pixels=MAX_PIXELS).rgb.shape == (1024, 2048, 3)


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_with_too_little_data_for_its_size_is_refused(progressive: bool) -> None:
    body = bytearray(encode(PICTURE, "JPEG", progressive=progressive))
    frame = body.index(b"\xff\xc2" if progressive else b"\xff\xc0")
    struct.pack_into(">H", body, frame + 7, 32608)
    with pytest.raises(BrokenPhotoError, match="too few for 32608 x"):
        decode(bytes(body), max_pixels=MAX_PIXELS)


def test_a_tiff_whose_pages_lead_in_a_circle_is_refused() -> None:
    body = bytearray(encode(PICTURE, "TIFF"))
    (first,) = struct.unpack_from("<I", body, 4)
    (entries,) = struct.unpack_from("<H", body, first)
    struct.pack_into("<I", body, first + 2 + 12 * entries, first)
    with pytest.raises(MultiFramePhotoError):
        decode(bytes(body), max_pixels=MAX_PIXELS)


# Properties -------------------------------------------------------------------------------------------------


def test_thousands_of_damaged_files_end_in_a_photo_or_a_photo_error() -> None:
    report = mutations.survive(4000, seed=20537)
    assert sum(report.outcomes.values()) == 4000
    assert report.outcomes["decoded"] > 0
    assert report.outcomes["BrokenPhotoError"] > 0


@given(body=st.binary(max_size=300), start=st.sampled_from([seed[:60] for seed in mutations.seeds()]))
@settings(max_examples=300, deadline=None)
def test_any_bytes_after_any_beginning_end_in_a_photo_or_a_photo_error(body: bytes, start: bytes) -> None:
    for attempt in (body, start + body):
        with contextlib.suppress(PhotoError):
            assert decode(attempt, max_pixels=MAX_PIXELS).rgb.shape[2] == 3


@given(
    width_px=st.integers(32, 90),
    height_px=st.integers(32, 90),
    seed=st.integers(0, 2**32 - 1),
    file_format=st.sampled_from(["PNG", "TIFF", "BMP"]),
)
@settings(max_examples=60, deadline=None)
def test_what_is_encoded_without_loss_comes_back(
    width_px: int, height_px: int, seed: int, file_format: str
) -> None:
    rgb = np.random.default_rng(seed).integers(0, 256, (height_px, width_px, 3), np.uint8)
    assert (pixels(encode(Image.fromarray(rgb), file_format)) == rgb).all()


@pytest.mark.parametrize("share", [0.5, 0.9, 0.999])
def test_a_jpeg_that_lost_its_end_is_refused_however_little_is_missing(share: float) -> None:
    body = factories.make_jpeg()
    with pytest.raises(BrokenPhotoError, match="end marker"):
        decode(body[: int(share * len(body))], max_pixels=10**7)
