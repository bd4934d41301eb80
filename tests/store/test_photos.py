"""Photos are kept whole or not at all, in a folder or elsewhere."""

from __future__ import annotations

import hashlib
import os
import resource
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from inspection.errors import ConfigurationError, NotFoundError, StorageError
from inspection.store import Photos, open_photos
from tests.store.disks import small_disk, without_rights


@pytest.fixture(params=["folder", "file url", "memory"])
def photos(request: pytest.FixtureRequest, tmp_path: Path) -> Photos:
    """An empty photo store of each kind."""
    urls = {
        "folder": str(tmp_path / "photos here"),
        "file url": (tmp_path / "photos there").as_uri(),
        "memory": f"memory://{tmp_path.name}",
    }
    return open_photos(urls[request.param])


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_a_photo_comes_back_by_its_digest(photos: Photos) -> None:
    sha256 = photos.put(b"a photo")
    assert sha256 == hashlib.sha256(b"a photo").hexdigest()
    assert photos.get(sha256) == b"a photo"
    assert photos.exists(sha256)
    assert photos.put(b"a photo") == sha256
    assert photos.get(photos.put(b"")) == b""


def test_a_photo_that_was_never_kept_is_not_found(photos: Photos) -> None:
    never = hashlib.sha256(b"never").hexdigest()
    assert not photos.exists(never)
    with pytest.raises(NotFoundError, match=never) as caught:
        photos.get(never)
    assert caught.value.hint


def test_derived_files_are_kept_by_name_and_replaced(photos: Photos) -> None:
    assert photos.put_named("01J.surface.png", b"one") == "01J.surface.png"
    photos.put_named("01J.surface.png", b"two")
    assert photos.get_named("01J.surface.png") == b"two"
    with pytest.raises(NotFoundError):
        photos.get_named("01K.surface.png")


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", "/etc/passwd", "a\0b", "é", ".hidden", "x" * 201])
def test_names_that_lead_elsewhere_are_refused(photos: Photos, name: str) -> None:
    for ask in (photos.get, photos.exists, photos.get_named):
        with pytest.raises(NotFoundError):
            ask(name)
    with pytest.raises(NotFoundError):
        photos.put_named(name, b"x")


def test_the_check_of_a_healthy_store_passes(photos: Photos) -> None:
    photos.check(min_free_mb=0.001)


def test_a_folder_knows_its_free_space(tmp_path: Path) -> None:
    photos = open_photos(str(tmp_path / "p"))
    free_mb = photos.free_mb()
    assert free_mb is not None
    status = os.statvfs(tmp_path)
    assert free_mb == pytest.approx(status.f_bavail * status.f_frsize / 1e6, rel=0.05)
    with pytest.raises(StorageError, match="MB are free") as caught:
        photos.check(min_free_mb=1e12)
    assert "WELT_MIN_FREE_MB" in caught.value.hint


def test_a_photo_that_the_disk_damaged_is_told_and_can_be_put_again(tmp_path: Path) -> None:
    photos = open_photos(str(tmp_path))
    sha256 = photos.put(b"a photo")
    path = tmp_path / "photos" / sha256[:2] / sha256
    path.write_bytes(b"a phot0")
    with pytest.raises(StorageError, match="damaged"):
        photos.get(sha256)
    photos.put(b"a photo")
    assert photos.get(sha256) == b"a photo"


def test_a_photo_is_synced_before_it_gets_its_name_and_the_name_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = open_photos(str(tmp_path))
    done: list[tuple[str, str]] = []
    fsync, rename = os.fsync, os.rename

    def noted_fsync(descriptor: int) -> None:
        done.append(("fsync", os.readlink(f"/proc/self/fd/{descriptor}")))
        fsync(descriptor)

    def noted_rename(old: Path, new: Path) -> None:
        done.append(("rename", str(new)))
        rename(old, new)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "rename", noted_rename)
    kept = tmp_path / "photos"
    photos.put(b"first")
    (_, half), (_, path), (_, folder) = done
    assert [what for what, _ in done] == ["fsync", "rename", "fsync"]
    assert Path(half).parent == tmp_path / "incoming"
    assert kept in Path(path).parents
    assert Path(folder) == Path(path).parent
    done.clear()
    # Another thread may have renamed it a moment ago: the name is synced before it counts here too.
    photos.put(b"first")
    assert done == [("fsync", folder)]


def test_many_threads_put_the_same_photos(tmp_path: Path) -> None:
    photos = open_photos(str(tmp_path))
    together = threading.Barrier(8)

    def put(_: int) -> list[str]:
        together.wait()
        return [photos.put(b"%d" % n * 1000) for n in range(20)]

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(put, range(8)))
    assert all(answer == answers[0] for answer in answers)
    assert len(files(tmp_path)) == 20


# Death and trouble

PUT_UNTIL_KILLED = """
import os, sys
from inspection.store import open_photos
photos = open_photos(sys.argv[1])
while True:
    print(photos.put(os.urandom(3_000_000)), flush=True)
"""


@pytest.mark.slow
def test_a_killed_process_leaves_no_half_photo_under_a_final_name(tmp_path: Path) -> None:
    told: list[str] = []
    halves = 0
    for round_number in range(4):
        process = subprocess.Popen(
            [sys.executable, "-c", PUT_UNTIL_KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        for _ in range(3 + round_number):
            told.append(process.stdout.readline().strip())
        process.send_signal(signal.SIGKILL)
        told += [line.strip() for line in process.stdout if len(line) == 65]
        process.wait()
        process.stdout.close()
        halves += len(list((tmp_path / "incoming").iterdir()))
    kept = files(tmp_path / "photos")
    for path in kept:
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name
    assert {path.name for path in kept} >= set(told)
    open_photos(str(tmp_path))
    assert files(tmp_path / "incoming") == []


HOLD_A_HALF = """
import fcntl, os, sys
descriptor = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)
fcntl.flock(descriptor, fcntl.LOCK_EX)
os.write(descriptor, b"half a pho")
print("held", flush=True)
sys.stdin.read()
"""


def test_halves_of_the_dead_are_swept_and_those_of_the_living_are_not(tmp_path: Path) -> None:
    open_photos(str(tmp_path))
    dead, alive = tmp_path / "incoming" / "dead", tmp_path / "incoming" / "alive"
    dead.write_bytes(b"half")
    with subprocess.Popen(
        [sys.executable, "-c", HOLD_A_HALF, str(alive)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdin is not None
        assert writer.stdout.readline() == "held\n"
        open_photos(str(tmp_path))
        assert alive.exists()
        assert not dead.exists()
        writer.stdin.close()
    open_photos(str(tmp_path))
    assert not alive.exists()


LIMITED = """
import resource, sys
from inspection.errors import StorageError
from inspection.store import open_photos
photos = open_photos(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
try:
    photos.put(b"x" * 300_000)
except StorageError as error:
    print(error.hint)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(photos.put(b"x" * 300_000))
"""


def test_a_write_that_stops_half_way_leaves_nothing_and_goes_on(tmp_path: Path) -> None:
    if resource.getrlimit(resource.RLIMIT_FSIZE)[1] != resource.RLIM_INFINITY:
        pytest.skip("the size of files is limited on this machine already")
    ran = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)], capture_output=True, text=True, check=True
    )
    hint, sha256 = ran.stdout.splitlines()
    assert "ulimit" in hint
    assert [path.name for path in files(tmp_path)] == [sha256]


def test_a_full_disk_is_told_and_goes_on(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", size_mb=4) as disk:
        photos = open_photos(str(disk.folder / "photos"))
        kept = photos.put(b"kept" * 1000)
        disk.fill()
        with pytest.raises(StorageError, match="No space left") as caught:
            photos.put(b"too much" * 10_000)
        assert "Free space" in caught.value.hint
        with pytest.raises(StorageError, match="MB are free"):
            photos.check(min_free_mb=1)
        with pytest.raises(StorageError, match="No space left"):
            photos.check(min_free_mb=0)
        assert photos.get(kept) == b"kept" * 1000
        assert files(disk.folder / "photos" / "incoming") == []
        disk.empty()
        photos.check(min_free_mb=1)
        assert photos.get(photos.put(b"too much" * 10_000)) == b"too much" * 10_000


def test_a_read_only_disk_is_told_and_goes_on(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", size_mb=4) as disk:
        photos = open_photos(str(disk.folder / "photos"))
        kept = photos.put(b"kept")
        disk.make_read_only()
        with pytest.raises(StorageError, match="Read-only"):
            photos.put(b"more")
        with pytest.raises(StorageError, match="Read-only"):
            photos.check(min_free_mb=0)
        assert photos.get(kept) == b"kept"
        disk.make_writable()
        photos.put(b"more")


def test_a_folder_that_may_not_be_written_is_told_and_goes_on(tmp_path: Path) -> None:
    photos = open_photos(str(tmp_path / "photos"))
    with without_rights(tmp_path / "photos" / "incoming"), pytest.raises(StorageError) as caught:
        photos.put(b"x")
    assert "right to write" in caught.value.hint
    photos.put(b"x")


def test_a_folder_that_went_away_is_told_and_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    photos = open_photos(str(folder))
    kept = photos.put(b"kept")
    folder.rename(tmp_path / "aside")
    for ask in (lambda: photos.put(b"x"), lambda: photos.get(kept), lambda: photos.check(min_free_mb=0)):
        with pytest.raises(StorageError) as caught:
            ask()
        assert "Bring back" in caught.value.hint
    assert not folder.exists()
    (tmp_path / "aside").rename(folder)
    assert photos.get(kept) == b"kept"
    photos.put(b"x")


def test_an_empty_disk_in_its_place_is_used(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    photos = open_photos(str(folder))
    folder.rename(tmp_path / "aside")
    folder.mkdir()
    assert photos.get(photos.put(b"x")) == b"x"


def test_a_file_where_the_folder_should_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "photos").write_text("in the way")
    with pytest.raises(StorageError):
        open_photos(str(tmp_path / "photos"))


@pytest.mark.parametrize("url", ["nonsense://x/y", "adlnope://bucket"])
def test_a_kind_of_store_that_does_not_exist_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        open_photos(url)
    assert caught.value.hint
