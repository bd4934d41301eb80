"""Disks that are full, folders that are gone, databases that are locked, models that are broken; recovery."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx2 as httpx
import pytest

from tests import factories
from tests.web.serving import Served, make_settings, serve

POST = "/api/v1/inspections"


def assert_not_stored_now(answer: httpx.Response) -> None:
    assert answer.status_code == 503, answer.text
    assert answer.json()["type"] == "urn:welt:problem:storage"
    assert answer.json()["hint"]
    assert int(answer.headers["retry-after"]) >= 1


def assert_recovers(served: Served, photo: bytes, acknowledged: list[str]) -> None:
    """Ready again by itself, takes photos, and has kept all that it had acknowledged."""
    served.wait_until_ready()
    answer = served.post(photo, mm_per_px="0.1")
    assert answer.status_code == 201, answer.text
    listed = {item["result_id"] for item in served.camera.get(POST).json()["items"]}
    assert listed == {*acknowledged, answer.json()["result_id"]}
    for result_id in listed:
        assert served.camera.get(f"{POST}/{result_id}/photo").content == photo
        assert served.camera.get(f"{POST}/{result_id}/surface").status_code == 200


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """A disk of that size at ``folder``; skips where the system does not let us mount one."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small disk needs the rights of an administrator")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(file: Path) -> None:
    """Write until the disk is full."""
    with file.open("wb", buffering=0) as filler, suppress(OSError):
        while filler.write(b"x" * 4096):
            pass


def test_a_full_disk_is_told_and_overcome(tmp_path: Path, models_dir: Path, photo: bytes) -> None:
    disk = tmp_path / "disk"
    with small_disk(disk, "4m"), serve(make_settings(disk / "data", models_dir)) as served:
        acknowledged = [served.post(photo, mm_per_px="0.1").json()["result_id"]]
        fill(disk / "filler")
        other = factories.make_jpeg(seed=7)
        assert_not_stored_now(served.post(other, mm_per_px="0.1"))
        readiness = served.camera.get("/readyz")
        assert readiness.status_code == 503
        assert "Storage" in readiness.json()["reasons"][0]
        # Nothing that was acknowledged is lost, and it can still be read.
        assert served.camera.get(f"{POST}/{acknowledged[0]}").status_code == 200
        # The database may have given its log back meanwhile: a little room, and none again.
        fill(disk / "more filler")
        assert_not_stored_now(served.post(other, mm_per_px="0.1"))
        (disk / "filler").unlink()
        assert_recovers(served, photo, acknowledged)


def test_a_disk_below_its_reserve_takes_no_photos(tmp_path: Path, models_dir: Path, photo: bytes) -> None:
    settings = make_settings(tmp_path, models_dir, min_free_mb=1e12)
    with serve(settings, ready=False) as served:
        ends_s = time.monotonic() + 10
        while "MB are free" not in served.camera.get("/readyz").text:
            assert time.monotonic() < ends_s
            time.sleep(0.05)
        while "Model" in served.camera.get("/readyz").text:
            assert time.monotonic() < ends_s
            time.sleep(0.05)
        assert_not_stored_now(served.post(photo))


def test_files_that_may_not_grow_are_told_and_overcome(
    tmp_path: Path, models_dir: Path, photo: bytes
) -> None:
    with serve(make_settings(tmp_path, models_dir)) as served:
        acknowledged = [served.post(photo, mm_per_px="0.1").json()["result_id"]]
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, hard))
        try:
            assert_not_stored_now(served.post(factories.make_jpeg(seed=7), mm_per_px="0.1"))
            assert served.camera.get("/readyz").status_code == 503
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert_recovers(served, photo, acknowledged)


def test_a_folder_that_is_away_is_told_and_overcome(tmp_path: Path, models_dir: Path, photo: bytes) -> None:
    with serve(make_settings(tmp_path, models_dir)) as served:
        acknowledged = [served.post(photo, mm_per_px="0.1").json()["result_id"]]
        (tmp_path / "photos").rename(tmp_path / "away")
        assert_not_stored_now(served.post(factories.make_jpeg(seed=7), mm_per_px="0.1"))
        assert served.camera.get("/readyz").status_code == 503
        (tmp_path / "away").rename(tmp_path / "photos")
        assert_recovers(served, photo, acknowledged)


@pytest.mark.slow
def test_a_result_whose_photo_could_not_be_kept_is_not_acknowledged(
    tmp_path: Path, models_dir: Path, photo: bytes
) -> None:
    with serve(make_settings(tmp_path, models_dir)) as served:
        # Only the place of this one photo is broken: surface maps and rows can be written.
        fan = tmp_path / "photos" / "photos" / hashlib.sha256(photo).hexdigest()[:2]
        fan.rmdir()
        fan.write_bytes(b"a file where the folder should be")
        assert_not_stored_now(served.post(photo, mm_per_px="0.1"))
        assert served.camera.get(POST).json()["items"] == []


def test_a_locked_database_is_told_and_overcome(tmp_path: Path, models_dir: Path, photo: bytes) -> None:
    with serve(make_settings(tmp_path, models_dir, deadline_s=20)) as served:
        acknowledged = [served.post(photo, mm_per_px="0.1").json()["result_id"]]
        other = sqlite3.connect(tmp_path / "welt.db", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        try:
            assert_not_stored_now(served.post(factories.make_jpeg(seed=7), mm_per_px="0.1"))
            assert served.camera.get("/readyz").status_code == 503
            assert served.camera.get(f"{POST}/{acknowledged[0]}").status_code == 200
        finally:
            other.execute("ROLLBACK")
            other.close()
        assert_recovers(served, photo, acknowledged)


# Models


def _truncate(models: Path) -> str:
    file = models / "dark-spots" / "1" / "model.onnx"
    file.write_bytes(file.read_bytes()[:-20])
    return "model.onnx"


def _exchange(models: Path) -> str:
    manifest = models / "dark-spots" / "1" / "manifest.json"
    said = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**said, "sha256": "0" * 64}))
    return "model.onnx"


def _remove(models: Path) -> str:
    (models / "dark-spots" / "1" / "model.onnx").unlink()
    return "model.onnx"


def _remove_manifest(models: Path) -> str:
    (models / "dark-spots" / "1" / "manifest.json").unlink()
    return "manifest.json"


def _remove_all(models: Path) -> str:
    shutil.rmtree(models)
    return "serving.toml"


def _name_nothing(models: Path) -> str:
    (models / "serving.toml").write_text("[serving]\n")
    return "serving.toml"


@pytest.mark.parametrize(
    "breaks", [_truncate, _exchange, _remove, _remove_manifest, _remove_all, _name_nothing]
)
def test_a_broken_model_is_named_until_it_is_repaired(tmp_path: Path, photo: bytes, breaks: object) -> None:
    assert callable(breaks)
    models = factories.write_models(tmp_path / "models")
    culprit = breaks(models)
    with serve(make_settings(tmp_path / "data", models), ready=False) as served:
        ends_s = time.monotonic() + 10
        while culprit not in (answer := served.camera.get("/readyz")).text:
            assert time.monotonic() < ends_s, answer.text
            time.sleep(0.05)
        assert answer.status_code == 503
        assert not answer.json()["ready"]
        assert served.camera.get("/healthz").status_code == 200
        refused = served.post(photo)
        assert refused.status_code == 503
        assert refused.json()["type"] == "urn:welt:problem:model"
        assert culprit in refused.json()["detail"]
        assert int(refused.headers["retry-after"]) >= 1
        factories.write_models(models)
        served.wait_until_ready()
        assert served.post(photo).status_code == 201
