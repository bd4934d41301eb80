"""Each bad input gets a problem with a hint and the right status, through the real application."""

from __future__ import annotations

import json
import math
import socket
import struct
import time
import zlib
from typing import Any

import cv2
import httpx2 as httpx
import numpy as np
import pytest

from tests import factories
from tests.web.serving import Served

POST = "/api/v1/inspections"


def assert_problem(answer: httpx.Response, status: int, kind: str) -> dict[str, Any]:
    """The answer is a complete problem document of that status and kind."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["type"] == f"urn:welt:problem:{kind}"
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert problem["hint"]
    assert problem["instance"] == answer.request.url.path
    return problem


def png_that_claims(width: int, height: int) -> bytes:
    """A tiny PNG whose header claims that many pixels."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 64))
        + chunk(b"IEND", b"")
    )


def encoded(suffix: str, picture: np.ndarray, *options: int) -> bytes:
    ok, body = cv2.imencode(suffix, picture, options)
    assert ok
    return body.tobytes()


def test_an_empty_body_is_refused(served: Served) -> None:
    assert_problem(served.post(b""), 400, "empty-photo")


def test_text_named_jpg_is_refused(served: Served) -> None:
    answer = served.camera.post(POST, files={"image": ("photo.jpg", b"this is text", "image/jpeg")})
    assert_problem(answer, 415, "not-a-photo")


def test_a_truncated_jpeg_is_refused(served: Served, photo: bytes) -> None:
    assert_problem(served.post(photo[: len(photo) // 2]), 422, "broken-photo")


def test_a_png_that_claims_900_megapixels_is_refused_before_it_is_decoded(served: Served) -> None:
    assert_problem(served.post(png_that_claims(30_000, 30_000)), 413, "too-many-pixels")


def test_an_animated_picture_is_refused(served: Served) -> None:
    ok, body = cv2.imencodemulti(".tiff", [np.zeros((8, 8, 3), np.uint8)] * 2)
    assert ok
    assert_problem(served.post(body.tobytes()), 422, "multi-frame-photo")


@pytest.mark.parametrize("suffix", [".png", ".tiff", ".bmp", ".webp", ".jpg"])
def test_every_format_is_inspected(served: Served, suffix: str) -> None:
    rgb = factories.make_rgb([factories.Spot(at_mm=(20, 20), length_mm=5, width_mm=3)])
    answer = served.post(encoded(suffix, cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)), mm_per_px="0.1")
    assert answer.status_code == 201, answer.text
    assert [defect["kind"] for defect in answer.json()["defects"]] == ["hole"]


@pytest.mark.parametrize(
    ("form", "picture"),
    [
        ("grey", np.full((64, 64), 128, np.uint8)),
        ("16-bit", np.full((64, 64, 3), 128 * 256, np.uint16)),
        ("RGBA", np.full((64, 64, 4), 128, np.uint8)),
    ],
)
def test_other_forms_of_pixels_are_inspected(served: Served, form: str, picture: np.ndarray) -> None:
    answer = served.post(encoded(".png", picture), mm_per_px="0.1")
    assert answer.status_code == 201, answer.text


def test_an_exif_turned_photo_is_inspected_upright(served: Served) -> None:
    jpeg = factories.make_jpeg(width_px=320, height_px=160)
    exif = b"Exif\0\0" + b"MM\0*\0\0\0\x08" + b"\0\x01" + b"\x01\x12\0\x03\0\0\0\x01\0\x06\0\0" + b"\0\0\0\0"
    turned = jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]
    answer = served.post(turned, mm_per_px="0.1")
    assert answer.status_code == 201, answer.text
    assert (answer.json()["photo"]["width_px"], answer.json()["photo"]["height_px"]) == (160, 320)


# Size


def test_an_upload_over_the_limit_is_refused_by_its_stated_length(served: Served) -> None:
    problem = assert_problem(served.post(b"x" * 3_000_000), 413, "upload-too-large")
    assert "2 MB" in problem["detail"]


def test_an_upload_over_the_limit_is_refused_though_it_states_no_length(served: Served) -> None:
    sent = 0

    def endless() -> Any:
        nonlocal sent
        while sent < 100_000_000:
            sent += 65_536
            yield b"\xff" * 65_536

    answer = served.camera.post(POST, content=endless(), headers={"Content-Type": "image/jpeg"})
    assert_problem(answer, 413, "upload-too-large")
    assert sent < 50_000_000


@pytest.mark.parametrize("media_type", ["image/jpeg", "multipart/form-data; boundary=b"])
def test_an_upload_is_refused_by_its_stated_length_before_a_byte_of_it_came(
    served: Served, media_type: str
) -> None:
    address = httpx.URL(served.url)
    with socket.create_connection((address.host, address.port), timeout=30) as line:
        line.sendall(
            f"POST {POST} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {served.key}\r\n"
            f"Content-Type: {media_type}\r\nContent-Length: 3000000\r\n\r\n".encode()
        )
        assert line.recv(65_536).startswith(b"HTTP/1.1 413 ")


def test_what_stands_around_the_parts_of_a_form_is_counted(served: Served, photo: bytes) -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n'

    def endless() -> Any:
        yield part + photo + b"\r\n--b--\r\n"
        for _ in range(200):
            yield b"x" * 65_536

    answer = served.camera.post(
        POST, content=endless(), headers={"Content-Type": "multipart/form-data; boundary=b"}
    )
    assert_problem(answer, 413, "upload-too-large")


def test_a_multipart_upload_over_the_limit_is_refused(served: Served) -> None:
    answer = served.camera.post(POST, files={"image": ("photo.jpg", b"x" * 3_000_000, "image/jpeg")})
    assert_problem(answer, 413, "upload-too-large")


def test_a_multipart_upload_over_the_limit_is_refused_though_it_states_no_length(served: Served) -> None:
    def endless() -> Any:
        yield b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n'
        for _ in range(200):
            yield b"x" * 65_536

    answer = served.camera.post(
        POST, content=endless(), headers={"Content-Type": "multipart/form-data; boundary=b"}
    )
    assert_problem(answer, 413, "upload-too-large")


def test_a_refusal_comes_before_the_upload_ends(served: Served) -> None:
    host, port = served.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as line:
        line.sendall(
            f"POST {POST} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {served.key}\r\n"
            "Content-Type: image/jpeg\r\nContent-Length: 5000000000\r\n\r\n".encode()
        )
        line.sendall(b"x" * 1000)
        answer = b""
        while b"upload-too-large" not in answer and (more := line.recv(65_536)):
            answer += more
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"upload-too-large" in answer


# Names


@pytest.mark.parametrize("field", ["recipe", "view", "station"])
def test_an_unknown_name_is_refused_and_the_known_ones_are_told(
    served: Served, photo: bytes, field: str
) -> None:
    problem = assert_problem(served.post(photo, **{field: "nowhere"}), 422, "unknown-name")
    known = {"recipe": "default", "view": "toe", "station": "line-1"}[field]
    assert "nowhere" in problem["detail"]
    assert known in problem["hint"]


def test_an_unknown_calibration_is_refused(served: Served, photo: bytes) -> None:
    assert_problem(served.post(photo, calibration="nowhere"), 422, "unknown-name")


# Metadata


@pytest.mark.parametrize(
    "meta",
    [
        "not json",
        "[]",
        '"text"',
        '{"mm_per_px": "wide"}',
        '{"mm_per_px": true}',
        '{"part_id": 7}',
        '{"part_id": ""}',
        '{"part_id": "' + "x" * 129 + '"}',
        '{"part_id": "line\\nbreak"}',
        '{"part_id": "nul\\u0000"}',
        '{"part_id": "half \\ud800"}',
        '{"foot": "both"}',
        '{"colour": "brown"}',
        '{"station": "../../etc/passwd"}',
        '{"recipe": "../secrets"}',
        '{"idempotency_key": "two words"}',
        '{"captured_at": 1700000000}',
        '{"captured_at": "yesterday"}',
        '{"captured_at": "2026-02-30T00:00:00Z"}',
        "{" * 100_000,
        "\ufeff{}",
    ],
)
def test_malformed_meta_is_refused(served: Served, photo: bytes, meta: str) -> None:
    answer = served.camera.post(POST, files={"image": ("a.jpg", photo, "image/jpeg")}, data={"meta": meta})
    assert_problem(answer, 422, "metadata")


def test_faults_are_listed_field_by_field(served: Served, photo: bytes) -> None:
    meta = json.dumps({"foot": "both", "part_id": 7})
    answer = served.camera.post(POST, files={"image": ("a.jpg", photo, "image/jpeg")}, data={"meta": meta})
    assert {fault["field"] for fault in assert_problem(answer, 422, "metadata")["errors"]} == {
        "foot",
        "part_id",
    }


@pytest.mark.parametrize("moment", ["2026-03-01T08:00:00", "2026-03-01 08:00:00", "2026-03-01"])
def test_a_timestamp_without_a_zone_is_refused(served: Served, photo: bytes, moment: str) -> None:
    problem = assert_problem(served.post(photo, captured_at=moment), 422, "metadata")
    assert "zone" in problem["detail"]
    assert "+08:00" in problem["hint"]


def test_a_timestamp_with_a_zone_is_kept_in_utc(served: Served, photo: bytes) -> None:
    answer = served.post(photo, captured_at="2026-03-01T08:00:00+08:00")
    assert answer.json()["captured_at"] == "2026-03-01T00:00:00.000Z"


@pytest.mark.parametrize("mm_per_px", [0, -0.1, math.nan, math.inf, 1e9, 1e-9, -math.inf])
def test_a_scale_that_cannot_be_is_refused_in_json_and_in_the_query(
    served: Served, photo: bytes, mm_per_px: float
) -> None:
    meta = json.dumps({"mm_per_px": mm_per_px})
    files = {"image": ("a.jpg", photo, "image/jpeg")}
    assert_problem(served.camera.post(POST, files=files, data={"meta": meta}), 422, "scale")
    assert_problem(served.post(photo, mm_per_px=str(mm_per_px)), 422, "scale")


def test_an_unknown_query_parameter_or_header_is_refused(served: Served, photo: bytes) -> None:
    assert_problem(served.post(photo, mm_per_pixel="0.1"), 422, "metadata")
    answer = served.camera.post(
        POST, content=photo, headers={"Content-Type": "image/jpeg", "X-Welt-Colour": "brown"}
    )
    assert_problem(answer, 422, "metadata")


def test_a_field_given_twice_with_different_values_is_refused(served: Served, photo: bytes) -> None:
    answer = served.camera.post(
        POST,
        content=photo,
        params={"lot_id": "7"},
        headers={"Content-Type": "image/jpeg", "X-Welt-Lot-Id": "8"},
    )
    assert_problem(answer, 422, "metadata")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"--b--"),
        ("multipart/form-data; boundary=b", b""),
        ("multipart/form-data; boundary=b", b"no boundary here"),
        ("multipart/form-data; boundary=b", b"--b--\r\n"),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="image"\r\n\r\ncut off',
        ),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\ny\r\n--b--\r\n',
        ),
        ("multipart/form-data; boundary=b", b"--b\r\n" + b"A" * 20_000 + b": x\r\n\r\n\r\n--b--\r\n"),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="image"\r\n\r\ny\r\n' * 2 + b"--b--\r\n",
        ),
    ],
)
def test_a_malformed_form_is_refused(served: Served, content_type: str, body: bytes) -> None:
    answer = served.camera.post(POST, content=body, headers={"Content-Type": content_type})
    assert_problem(answer, 422, "metadata")


def test_a_body_of_another_kind_is_refused(served: Served) -> None:
    assert_problem(served.camera.post(POST, json={"image": "?"}), 415, "not-a-photo")


# Addresses


@pytest.mark.parametrize(
    "result_id",
    ["..%2F..%2Fetc%2Fpasswd", "../../etc/passwd", "%2e%2e%5c%2e%2e", "01HZZZ", "a" * 26, "%00", "0" * 500],
)
@pytest.mark.parametrize("part", ["", "/photo", "/surface", "/overlay", "/reviews"])
def test_a_path_in_an_id_leads_nowhere(served: Served, result_id: str, part: str) -> None:
    answer = served.camera.get(f"{POST}/{result_id}{part}")
    assert answer.status_code in (404, 422)
    assert answer.json()["hint"]


def test_an_id_that_nobody_has_is_not_found(served: Served) -> None:
    for part in ("", "/photo", "/surface", "/overlay", "/reviews"):
        assert_problem(served.camera.get(f"{POST}/01ARZ3NDEKTSV4RRFFQ69G5FAV{part}"), 404, "not-found")


def test_an_address_that_does_not_exist_is_a_problem(served: Served) -> None:
    assert_problem(served.camera.get("/api/v1/nothing"), 404, "not-found")


def test_a_method_that_is_not_allowed_names_all_that_are(served: Served) -> None:
    answer = served.camera.put(POST)
    assert_problem(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == "GET, POST"


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=501",
        "limit=x",
        "grade=D",
        "colour=brown",
        "created_from=2026-01-01T00:00:00",
        "reviewed=maybe",
    ],
)
def test_a_malformed_filter_is_refused(served: Served, query: str) -> None:
    assert_problem(served.camera.get(f"{POST}?{query}"), 422, "invalid-request")


def test_a_cursor_that_is_not_ours_leads_nowhere(served: Served) -> None:
    assert_problem(served.camera.get(POST, params={"cursor": "bm90IG91cnM"}), 404, "not-found")


def test_a_browser_gets_a_page_instead(served: Served) -> None:
    answer = served.camera.get(
        "/api/v1/nothing",
        headers={"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"},
    )
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert "/openapi.json" in answer.text


def test_broken_photos_do_not_delay_or_fail_others(served: Served, photo: bytes) -> None:
    for _ in range(10):
        served.post(photo[:1000])
    began_s = time.monotonic()
    assert served.post(photo, mm_per_px="0.1").status_code == 201
    assert time.monotonic() - began_s < served.app.state.settings.deadline_s
    assert served.camera.get("/readyz").status_code == 200
