"""Keeps photos under the digest of their bytes, in a folder or in any store that fsspec knows."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import importlib
import logging
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import fsspec

from inspection.errors import ConfigurationError, NotFoundError, StorageError

__all__ = ["Photos", "open_photos"]

_SHA256 = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_FANS = tuple(f"{byte:02x}" for byte in range(256))  # so that no folder holds more than a few thousand files
_MB = 10**6
_RETRY_AFTER_S = 5

_log = logging.getLogger(__name__)


class Photos(Protocol):
    """Bytes by their digest, and derived files by name.

    Whatever cannot be done now is a `StorageError`; the same call may succeed once the cause is gone.
    """

    def put(self, photo: bytes) -> str:
        """Keep the bytes, once, and give their SHA-256 in hex; they are on the disk on return."""

    def get(self, sha256: str) -> bytes:
        """The bytes of that digest, checked against it; NotFoundError if there are none."""

    def exists(self, sha256: str) -> bool:
        """Whether the bytes of that digest are here."""

    def put_named(self, name: str, content: bytes) -> str:
        """Keep a derived file, such as a surface map, in place of any of that name, and give the name back.

        ``name`` : letters, digits, dot, dash, underscore; 200 at most; no folders.
        """

    def get_named(self, name: str) -> bytes:
        """The derived file of that name; NotFoundError if there is none."""

    def check(self, *, min_free_mb: float) -> None:
        """Prove that a file can be written now and that this much space (MB of 10^6 bytes) is left.

        StorageError otherwise. Stores without a known size, such as S3, are only tried.
        """

    def free_mb(self) -> float | None:
        """Space left, in MB of 10^6 bytes; None where the store does not know."""


def open_photos(url: str) -> Photos:
    """Open the folder or the fsspec URL where photos are kept, making it where it does not exist.

    Raises
    ------
    ConfigurationError : the URL names a kind of store that is not installed.
    StorageError : the store cannot be written.
    """
    if "://" not in url or url.startswith("file://"):
        path = unquote(urlsplit(url).path) if url.startswith("file://") else url
        return _Folder(Path(path))
    return _open_remote(url)


def _check_sha256(sha256: str) -> str:
    if _SHA256.fullmatch(sha256) is None:
        raise NotFoundError(f"{sha256!r} is not a SHA-256 in hex", hint="Take the digest from a result.")
    return sha256


def _check_name(name: str) -> str:
    if _NAME.fullmatch(name) is None:
        raise NotFoundError(
            f"{name!r} is not the name of a derived file", hint="Take the name from a result."
        )
    return name


def _fan(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:2]


def _checked(sha256: str, photo: bytes) -> bytes:
    if hashlib.sha256(photo).hexdigest() != sha256:
        raise StorageError(
            f"the photo {sha256} is damaged where it is kept",
            hint="Check the disk and restore the photo from a backup.",
        )
    return photo


def _no_photo(name: str) -> NotFoundError:
    return NotFoundError(
        f"no file {name} is kept", hint="It may have been removed; look at the result's other files."
    )


class _Folder:
    """Photos in a folder: ``photos/<first two digits>/<digest>``, ``derived/<fan>/<name>``, ``incoming/`` for
    halves.

    A file is written under ``incoming``, synced, renamed, and its folder synced: under a final name there is
    either nothing or all of it, whenever the process or the machine dies. Each file in ``incoming`` is locked
    by its writer, so that a starting process sweeps what dead ones left and nothing else, even where several
    share the folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._incoming = root / "incoming"
        with self._told():
            root.mkdir(parents=True, exist_ok=True)
            self._prepare()
            self._sweep()

    def put(self, photo: bytes) -> str:
        sha256 = hashlib.sha256(photo).hexdigest()
        self._write(self._photo(sha256), photo, keep_equal=True)
        return sha256

    def get(self, sha256: str) -> bytes:
        return _checked(sha256, self._read(self._photo(_check_sha256(sha256))))

    def exists(self, sha256: str) -> bool:
        path = self._photo(_check_sha256(sha256))
        with self._told():
            try:
                path.stat()
            except FileNotFoundError:
                return False
            return True

    def put_named(self, name: str, content: bytes) -> str:
        self._write(self._derived(_check_name(name)), content, keep_equal=False)
        return name

    def get_named(self, name: str) -> bytes:
        return self._read(self._derived(_check_name(name)))

    def check(self, *, min_free_mb: float) -> None:
        free_mb = self.free_mb()
        if free_mb < min_free_mb:
            raise StorageError(
                f"{free_mb:.0f} MB are free in {self._root}, less than the {min_free_mb:g} MB to keep free",
                hint="Free space on that disk, move the photos to a larger one, or lower WELT_MIN_FREE_MB.",
                retry_after_s=_RETRY_AFTER_S,
            )
        self._write(self._root / "probe", b"written by the readiness check\n", keep_equal=False)

    def free_mb(self) -> float:
        with self._told():
            return shutil.disk_usage(self._root).free / _MB

    def _photo(self, sha256: str) -> Path:
        return self._root / "photos" / sha256[:2] / sha256

    def _derived(self, name: str) -> Path:
        return self._root / "derived" / _fan(name) / name

    def _prepare(self) -> None:
        # All folders at once: a folder made later would have to be synced into its parent by whoever comes
        # first.
        self._incoming.mkdir(exist_ok=True)
        for group in ("photos", "derived"):
            (self._root / group).mkdir(exist_ok=True)
            for fan in _FANS:
                (self._root / group / fan).mkdir(exist_ok=True)
            _sync_folder(self._root / group)
        _sync_folder(self._root)
        _sync_folder(self._root.absolute().parent)

    def _sweep(self) -> None:
        for path in self._incoming.iterdir():
            try:
                descriptor = os.open(path, os.O_RDWR)
            except FileNotFoundError:
                continue  # its writer has just renamed it
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink(missing_ok=True)
                _log.info("swept", extra={"file": path.name})
            except BlockingIOError:
                continue  # its writer is alive
            finally:
                os.close(descriptor)

    def _read(self, path: Path) -> bytes:
        with self._told():
            try:
                return path.read_bytes()
            except FileNotFoundError:
                if not self._incoming.is_dir():
                    raise  # not this file is missing, but all of them
        raise _no_photo(path.name)

    def _write(self, path: Path, content: bytes, *, keep_equal: bool) -> None:
        with self._told():
            if keep_equal and _holds(path, content):
                _sync_folder(path.parent)  # another thread may have renamed it, but not yet come this far
                return
            try:
                self._write_new(path, content)
            except FileNotFoundError:
                # An empty disk was mounted here, or a starting process swept our file before we had locked
                # it. With the whole folder gone this raises again: a disk that is away must not be written
                # around.
                self._prepare()
                self._write_new(path, content)

    def _write_new(self, path: Path, content: bytes) -> None:
        half = self._incoming / secrets.token_hex(16)
        descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            _write_all(descriptor, content)
            os.fsync(descriptor)
            os.rename(half, path)
        except OSError:
            half.unlink(missing_ok=True)
            raise
        finally:
            os.close(descriptor)
        _sync_folder(path.parent)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise _explain(error, str(self._root)) from error


def _write_all(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _holds(path: Path, content: bytes) -> bool:
    """Whether the file is there and whole; one that the disk has damaged is written again."""
    try:
        return path.stat().st_size == len(content) and path.read_bytes() == content
    except FileNotFoundError:
        return False


def _sync_folder(folder: Path) -> None:
    """Make the names in a folder outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


_CAUSES = {
    errno.ENOSPC: "Free space on that disk; Welt goes on by itself.",
    errno.EDQUOT: "Raise the disk quota of the service's user; Welt goes on by itself.",
    errno.EFBIG: "Raise the largest file size that the service's user may write (ulimit -f).",
    errno.EROFS: "Mount that disk writable; after a disk error, check it first.",
    errno.EACCES: "Give the service's user the right to write there.",
    errno.EPERM: "Give the service's user the right to write there.",
    errno.ENOENT: "Bring back the disk or the folder; Welt goes on by itself.",
    errno.ENOTDIR: "Remove the file that stands where the folder should be, or set WELT_PHOTOS_URL.",
    errno.EIO: "The disk reports an error: check it.",
    errno.EMFILE: "Raise the number of files that the service may open (ulimit -n).",
}


def _explain(error: OSError, where: str) -> StorageError:
    hint = _CAUSES.get(error.errno or 0, "Check the place where photos are kept; Welt goes on by itself.")
    return StorageError(
        f"photos cannot be kept in or read from {where}: {error.strerror or error}",
        hint=hint,
        retry_after_s=_RETRY_AFTER_S,
    )


class _Remote:
    """Photos in a store that fsspec knows, such as S3, where one upload is whole or not there at all."""

    def __init__(self, fs: Any, root: str, where: str, errors: tuple[type[Exception], ...]) -> None:
        self._fs = fs
        self._root = root.rstrip("/")
        self._where = where
        self._errors = errors

    def put(self, photo: bytes) -> str:
        sha256 = hashlib.sha256(photo).hexdigest()
        self._upload(self._photo(sha256), photo)
        return sha256

    def get(self, sha256: str) -> bytes:
        return _checked(sha256, self._download(self._photo(_check_sha256(sha256))))

    def exists(self, sha256: str) -> bool:
        path = self._photo(_check_sha256(sha256))
        with self._told():
            return bool(self._fs.exists(path))

    def put_named(self, name: str, content: bytes) -> str:
        self._upload(self._derived(_check_name(name)), content)
        return name

    def get_named(self, name: str) -> bytes:
        return self._download(self._derived(_check_name(name)))

    def check(self, *, min_free_mb: float) -> None:
        self._upload(f"{self._root}/probe", b"written by the readiness check\n")

    def free_mb(self) -> None:
        return None

    def _photo(self, sha256: str) -> str:
        return f"{self._root}/photos/{sha256[:2]}/{sha256}"

    def _derived(self, name: str) -> str:
        return f"{self._root}/derived/{_fan(name)}/{name}"

    def _upload(self, path: str, content: bytes) -> None:
        with self._told():
            self._fs.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
            self._fs.pipe_file(path, content)

    def _download(self, path: str) -> bytes:
        with self._told():
            try:
                return bytes(self._fs.cat_file(path))
            except FileNotFoundError:
                pass
        raise _no_photo(path.rsplit("/", 1)[1])

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise _explain(error, self._where) from error
        except self._errors as error:
            raise StorageError(
                f"photos cannot be kept in or read from {self._where}: {error}",
                hint="Check network, address and rights of the photo store; Welt goes on by itself.",
                retry_after_s=_RETRY_AFTER_S,
            ) from error


def _open_remote(url: str) -> _Remote:
    protocol = url.split("://", 1)[0]
    # No listing cache: another replica may have put the photo that is asked for.
    try:
        fs, root = fsspec.core.url_to_fs(url, use_listings_cache=False)
    except ImportError as error:
        raise ConfigurationError(
            f"photos at {protocol}:// need a package that is not installed: {error}",
            hint="Install it, for S3 with: pip install 'welt[s3]'",
        ) from error
    except ValueError as error:
        raise ConfigurationError(
            f"photos cannot be kept at {protocol}://: {error}",
            hint="Use a folder or an URL such as s3://bucket/welt.",
        ) from error
    # S3's client has errors of its own for networks and credentials, which are no OSError.
    errors = (
        (importlib.import_module("botocore.exceptions").BotoCoreError,) if protocol in ("s3", "s3a") else ()
    )
    photos = _Remote(fs, root, f"{protocol}://{root}", errors)
    photos.check(min_free_mb=0)
    return photos
