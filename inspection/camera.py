"""The line-side client: posts the photos of a folder to the service and loses none.

A camera, or the software that came with it, writes photos into a folder. This sends each of them once:

* A photo counts as sent only after the service has answered 201 or 200 and a journal says so on disk.
* While the service is away, busy or restarting, photos wait in their folder and are tried again, with
  growing pauses and no sooner than the service asks (``Retry-After``).
* Each photo goes with an idempotency key made from its name and content, so one that was stored just before
  a cable was pulled is answered with the same result, and is not stored twice.
* A photo that the service refuses for its own sake (damaged, too large, bad metadata) is set aside with the
  reason, so that it does not hold up those behind it. A wrong key or address is nobody's photo's fault: that
  stops the client.

What the service should know of a photo comes from, later over earlier: the options of the command, the table
``[defaults]`` and then the table with the photo's name in ``meta.toml`` beside the photos, and
``<photo name>.json`` beside the photo.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import threading
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

import httpx2 as httpx

from inspection.errors import ConfigurationError, StorageError

__all__ = ["JOURNAL_NAME", "Camera", "Mode", "Notice", "Pacing", "State", "Summary", "photos_of", "run"]

PHOTO_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp"})
MEDIA_TYPES = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".bmp": "image/bmp",
    ".webp": "image/webp",
}
JOURNAL_NAME = ".welt-camera.jsonl"
META_NAME = "meta.toml"
INSPECTIONS_PATH = "/api/v1/inspections"

LONGEST_RETRY_AFTER_S = 300.0
# A photo on which the service itself fails this often in a row lets those behind it go first.
TRIES_BEFORE_POSTPONING = 4
CONNECT_LIMIT_S = 10.0
ANSWER_LIMIT_S = 60.0

REFUSED_STATUSES = frozenset({400, 409, 411, 413, 415, 422})  # about this photo: always the same answer
AWAY_STATUSES = frozenset({429, 502, 503})  # about the service: the next photo would fare no better
FAILED_STATUSES = frozenset({408, 425, 500, 504, 507})  # this time: the next photo may well be taken


class Mode(StrEnum):
    """How long the client goes on: WATCH for ever, ONCE until everything was sent.

    REPLAY and LOOP play a camera: photos that were sent before stand for new parts taken now. REPLAY goes
    through them once, LOOP again and again.
    """

    WATCH = "watch"
    ONCE = "once"
    REPLAY = "replay"
    LOOP = "loop"

    @property
    def plays(self) -> bool:
        """Whether photos stand for new parts."""
        return self in (Mode.REPLAY, Mode.LOOP)


class State(StrEnum):
    """What became of a photo, or why it waits."""

    SENT = "sent"
    REFUSED = "refused"
    WAITING = "waiting"
    POSTPONED = "postponed"


@dataclass(frozen=True)
class Pacing:
    """How long the client waits, in seconds.

    Attributes
    ----------
    first_pause_s, longest_pause_s : pauses between tries start with the first and double up to the longest.
    postponed_for_s : how long a photo that the service failed on repeatedly lets others go first.
    scan_every_s : how often the folder is looked at for new photos.
    """

    first_pause_s: float = 0.5
    longest_pause_s: float = 30.0
    postponed_for_s: float = 60.0
    scan_every_s: float = 0.5


@dataclass(frozen=True)
class Camera:
    """A folder of photos and the service that they go to.

    Attributes
    ----------
    url : address of the service, such as ``https://welt.factory.example``; a path is kept.
    key : API key of the station.
    journal : file that remembers what was sent; None remembers nothing.
    defaults : metadata of every photo that does not say otherwise.
    interval_s : pause after each photo that was sent, for a virtual camera.
    settle_s : seconds for which a file must not have changed: it may still be being written.
    """

    folder: Path
    url: str
    key: str
    journal: Path | None = None
    defaults: Mapping[str, str | float] = field(default_factory=dict)
    interval_s: float = 0.0
    settle_s: float = 1.0
    pacing: Pacing = Pacing()


@dataclass(frozen=True)
class Shot:
    """One photo file as it was seen.

    Attributes
    ----------
    name : path below the folder, with forward slashes.
    """

    path: Path
    name: str
    size_bytes: int
    modified_ns: int

    @property
    def identity(self) -> str:
        """Changes when the file is written again under the same name."""
        return f"{self.name}\n{self.size_bytes}\n{self.modified_ns}"


@dataclass(frozen=True)
class Notice:
    """Something that happened to a photo, for the person who watches.

    Attributes
    ----------
    pause_s : for a photo that waits, seconds until the next try.
    """

    state: State
    name: str
    text: str
    pause_s: float = 0.0


@dataclass(frozen=True)
class Summary:
    """What one run did.

    Attributes
    ----------
    left : photos that wait in the folder and were neither taken nor refused.
    """

    sent: int
    refused: int
    left: int


@dataclass(frozen=True)
class _Sent:
    result_id: str
    grade: str
    is_new: bool


@dataclass(frozen=True)
class _Refused:
    reason: str


@dataclass(frozen=True)
class _Later:
    """Not taken now. ``whole_service``: the next photo would not be taken either."""

    reason: str
    whole_service: bool
    retry_after_s: float | None = None


_Answer = _Sent | _Refused | _Later


class _Journal:
    """Which photos are done. One JSON object a line, flushed to disk before the next photo is sent."""

    def __init__(self, file: BinaryIO | None, done: set[str]) -> None:
        self._file = file
        self._done = done

    def has(self, shot: Shot) -> bool:
        return shot.identity in self._done

    def add(self, shot: Shot, state: State, text: str) -> None:
        self._done.add(shot.identity)
        if self._file is None:
            return
        record = {
            "name": shot.name,
            "size_bytes": shot.size_bytes,
            "modified_ns": shot.modified_ns,
            "state": state.value,
            "text": text,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        try:
            self._file.write(json.dumps(record).encode() + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise StorageError(
                f"the journal cannot be written: {error}",
                hint="Make room on the disk and start the client again; no photo is stored twice.",
            ) from error


@contextmanager
def _open_journal(path: Path | None, *, retry_refused: bool) -> Iterator[_Journal]:
    if path is None:
        yield _Journal(None, set())
        return
    done: set[str] = set()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+b")
    except OSError as error:
        raise StorageError(
            f"the journal {path} cannot be opened: {error}",
            hint="Name a file that can be written, with --journal.",
        ) from error
    with file:
        file.seek(0)
        last = b"\n"
        for last in file:
            record = _record(last)
            if record is None or (retry_refused and record["state"] == State.REFUSED.value):
                continue
            done.add(f"{record['name']}\n{record['size_bytes']}\n{record['modified_ns']}")
        if not last.endswith(b"\n"):  # cut off by a power failure: its photo is sent again
            file.write(b"\n")
        yield _Journal(file, done)


def _record(line: bytes) -> dict[str, object] | None:
    """A line of the journal; None for one that was cut off, which only means that its photo is sent again."""
    try:
        record = json.loads(line)
    except ValueError:
        return None
    wanted = {"name", "size_bytes", "modified_ns", "state"}
    return record if isinstance(record, dict) and wanted <= record.keys() else None


def photos_of(folder: Path) -> list[Shot]:
    """The photos in a folder and those below it, oldest first, hidden ones left out."""
    if not folder.is_dir():
        raise ConfigurationError(
            f"there is no folder {folder}", hint="Name the folder that the camera writes its photos into."
        )
    shots = []
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.suffix.lower() not in PHOTO_SUFFIXES or any(part.startswith(".") for part in name.split("/")):
            continue
        try:
            stat = path.stat()
        except OSError:  # moved away between the two calls
            continue
        shots.append(Shot(path, name, stat.st_size, stat.st_mtime_ns))
    return sorted(shots, key=lambda shot: (shot.modified_ns, shot.name))


def run(
    camera: Camera,
    *,
    mode: Mode,
    stop: threading.Event,
    tell: Callable[[Notice], None],
    patience_s: float | None = None,
    retry_refused: bool = False,
) -> Summary:
    """Send what is in the folder, and with WATCH what comes into it.

    Parameters
    ----------
    stop : set it from a signal handler or another thread; the photo under way is finished first.
    tell : called with each thing that happens, in the thread of the caller.
    patience_s : give up when nothing was taken for so long; None tries for ever.
    retry_refused : send again what an earlier run had refused.
    """
    base = _checked_url(camera.url)
    host = urlsplit(base).hostname or ""
    timeout = httpx.Timeout(ANSWER_LIMIT_S, connect=CONNECT_LIMIT_S)
    with (
        _open_journal(None if mode.plays else camera.journal, retry_refused=retry_refused) as journal,
        httpx.Client(
            timeout=timeout,
            headers={"Authorization": f"Bearer {camera.key}"},
            trust_env=host not in {"127.0.0.1", "::1", "localhost"},  # no proxy to this very machine
        ) as client,
    ):
        sender = _Sender(camera, client, base + INSPECTIONS_PATH, journal, mode, stop, tell, patience_s)
        return sender.run()


class _Sender:
    """One run of the client: what it has sent, what it put off, when the service last took a photo."""

    def __init__(
        self,
        camera: Camera,
        client: httpx.Client,
        url: str,
        journal: _Journal,
        mode: Mode,
        stop: threading.Event,
        tell: Callable[[Notice], None],
        patience_s: float | None,
    ) -> None:
        self._camera = camera
        self._client = client
        self._url = url
        self._journal = journal
        self._mode = mode
        self._stop = stop
        self._tell = tell
        self._patience_s = patience_s
        self._sent = 0
        self._refused = 0
        self._last_taken_s = time.monotonic()
        self._postponed_until_s: dict[str, float] = {}
        self._run_id = hashlib.sha256(os.urandom(16)).hexdigest()[:8]
        self._round = 0
        self._round_done: set[str] = set()

    def run(self) -> Summary:
        while not self._stop.is_set():
            pending = self._pending()
            now_s = time.monotonic()
            ready = [shot for shot in pending if self._postponed_until_s.get(shot.identity, 0.0) <= now_s]
            for shot in ready:
                if self._stop.is_set() or not self._deliver(shot):
                    break
            if self._out_of_patience():
                break
            if ready:
                continue
            if self._mode is Mode.LOOP and not pending:
                self._round += 1
                self._round_done.clear()
                if not photos_of(self._camera.folder):
                    self._stop.wait(self._camera.pacing.scan_every_s)
                continue
            if self._mode in (Mode.ONCE, Mode.REPLAY) and not pending:
                break
            self._stop.wait(self._camera.pacing.scan_every_s)
        return Summary(self._sent, self._refused, len(self._pending()))

    def _pending(self) -> list[Shot]:
        newest_ns = time.time_ns() - int(self._camera.settle_s * 1e9)
        return [
            shot
            for shot in photos_of(self._camera.folder)
            if not self._journal.has(shot)
            and shot.identity not in self._round_done
            and (shot.modified_ns <= newest_ns or self._mode is not Mode.WATCH)
        ]

    def _deliver(self, shot: Shot) -> bool:
        """Try one photo until it is taken, refused or put off; False when the run should end."""
        pauses = _pauses(self._camera.pacing)
        tries = 0
        while not self._stop.is_set():
            try:
                body = shot.path.read_bytes()
            except FileNotFoundError:  # someone took it away: nothing to send
                return True
            except OSError as error:
                answer: _Answer = _Later(f"the file cannot be read: {error}", whole_service=False)
            else:
                answer = self._post(shot, body)
            if not isinstance(answer, _Later):
                self._finish(shot, answer)
                return True
            tries += 0 if answer.whole_service else 1
            if tries >= TRIES_BEFORE_POSTPONING:
                put_off_s = self._camera.pacing.postponed_for_s
                self._postponed_until_s[shot.identity] = time.monotonic() + put_off_s
                self._tell(Notice(State.POSTPONED, shot.name, answer.reason, put_off_s))
                return True
            pause_s = max(next(pauses), min(answer.retry_after_s or 0.0, LONGEST_RETRY_AFTER_S))
            self._tell(Notice(State.WAITING, shot.name, answer.reason, pause_s))
            self._stop.wait(pause_s)
            if self._out_of_patience():
                return False
        return False

    def _finish(self, shot: Shot, answer: _Sent | _Refused) -> None:
        if isinstance(answer, _Sent):
            state, text = State.SENT, f"{answer.result_id} {answer.grade}"
            self._sent += 1
        else:
            state, text = State.REFUSED, answer.reason
            self._refused += 1
        self._last_taken_s = time.monotonic()
        self._postponed_until_s.pop(shot.identity, None)
        if self._mode.plays:
            self._round_done.add(shot.identity)
        else:
            self._journal.add(shot, state, text)
        self._tell(Notice(state, shot.name, text))
        self._stop.wait(self._camera.interval_s)

    def _out_of_patience(self) -> bool:
        return self._patience_s is not None and time.monotonic() - self._last_taken_s > self._patience_s

    def _post(self, shot: Shot, body: bytes) -> _Answer:
        digest = hashlib.sha256(shot.name.encode() + b"\0" + body).hexdigest()[:40]
        captured_at = datetime.fromtimestamp(shot.modified_ns / 1e9, UTC)
        if self._mode.plays:
            digest = f"{digest}-{self._run_id}-{self._round}"
            captured_at = datetime.now(UTC)
        try:
            meta = (
                {"captured_at": captured_at.isoformat(timespec="milliseconds")}
                | dict(self._camera.defaults)
                | _sidecar(self._camera.folder, shot)
                | {"idempotency_key": digest}
            )
        except ConfigurationError as error:
            return _Refused(f"{error.detail.rstrip('.')}. {error.hint}")
        try:
            response = self._client.post(
                self._url,
                files={"image": (shot.path.name, body, MEDIA_TYPES[shot.path.suffix.lower()])},
                data={"meta": json.dumps(meta)},
            )
        except httpx.UnsupportedProtocol as error:
            raise _wrong_address(self._camera.url) from error
        except httpx.ReadTimeout:
            return _Later(f"the service gave no answer within {ANSWER_LIMIT_S:.0f} s", whole_service=False)
        except httpx.TransportError as error:
            return _Later(
                f"the service cannot be reached: {error or type(error).__name__}", whole_service=True
            )
        return _understood(response, url=self._url)


def _understood(response: httpx.Response, *, url: str) -> _Answer:
    status = response.status_code
    reason = _problem(response)
    if status in (200, 201):
        document = _json_object(response)
        if not str(document.get("schema", "")).startswith("welt.result/"):
            raise ConfigurationError(
                f"{url} answered {status}, but not with a result of Welt",
                hint="Something else listens there, or a proxy answers in its place: check the address.",
            )
        verdict = document.get("verdict")
        grade = verdict.get("grade", "?") if isinstance(verdict, dict) else "?"
        return _Sent(str(document.get("result_id", "?")), str(grade), is_new=status == 201)
    if status in REFUSED_STATUSES:
        return _Refused(reason)
    if status in AWAY_STATUSES | FAILED_STATUSES:
        retry_after_s = _retry_after_s(response.headers.get("Retry-After"))
        return _Later(reason, whole_service=status in AWAY_STATUSES, retry_after_s=retry_after_s)
    if status == 401:
        hint = "Give a key that is valid: welt stations key create STATION makes one, and shows it once."
    elif status == 403:
        hint = "A key belongs to one station: leave out --station, or give the key of that station."
    elif response.is_redirect:
        hint = (
            f"The service has moved; use --to with the new address ({response.headers.get('Location', '?')})."
        )
    else:
        hint = "Check the address: give the one of the service, such as https://welt.factory.example."
    raise ConfigurationError(f"{url}: {reason}", hint=hint)


def _problem(response: httpx.Response) -> str:
    """What an RFC 9457 problem document says, or the bare status."""
    problem = _json_object(response)
    said = [str(problem[key]) for key in ("title", "detail", "hint") if problem.get(key)]
    said[1:2] = [detail.rstrip(".") for detail in said[1:2]]
    text = ": ".join(said[:2]) + (f". {said[2]}" if said[2:] else "")
    return f"{response.status_code} {text or response.reason_phrase}"


def _json_object(response: httpx.Response) -> dict[str, object]:
    try:
        content = response.json()
    except ValueError:  # an error page of a proxy
        return {}
    return content if isinstance(content, dict) else {}


def _retry_after_s(header: str | None) -> float | None:
    """Seconds from a ``Retry-After`` header, a number or a date; None when it says neither."""
    if header is None:
        return None
    if header.strip().isdigit():
        return float(header)
    try:
        at = parsedate_to_datetime(header)
    except ValueError:
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())


def _pauses(pacing: Pacing) -> Iterator[float]:
    """Pauses that double, each shortened at random so that cameras do not all come back at once."""
    pause_s = pacing.first_pause_s
    while True:
        yield pause_s * random.uniform(0.75, 1.0)
        pause_s = min(pause_s * 2, pacing.longest_pause_s)


def _sidecar(folder: Path, shot: Shot) -> dict[str, object]:
    """What the files beside a photo say of it."""
    said: dict[str, object] = {}
    table_path = folder / META_NAME
    beside = shot.path.with_name(shot.path.name + ".json")
    try:
        if table_path.is_file():
            tables = tomllib.loads(table_path.read_text(encoding="utf-8"))
            for name in ("defaults", shot.name):
                table = tables.get(name, {})
                if not isinstance(table, dict):
                    raise ConfigurationError(
                        f"{table_path}: {name!r} is not a table",
                        hint=f'Write it as ["{name}"] with one field a line.',
                    )
                said |= table
        if beside.is_file():
            content = json.loads(beside.read_text(encoding="utf-8"))
            if not isinstance(content, dict):
                raise ConfigurationError(
                    f"{beside} is not a JSON object",
                    hint='Write it like {"view": "lateral", "mm_per_px": 0.2}.',
                )
            said |= content
    except ValueError as error:  # of both parsers
        raise ConfigurationError(
            f"the metadata beside {shot.name} cannot be read: {error}",
            hint="Correct it and use --retry-refused.",
        ) from error
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in said.items()}


def _checked_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise _wrong_address(url)
    return url.rstrip("/")


def _wrong_address(url: str) -> ConfigurationError:
    return ConfigurationError(
        f"{url!r} is not an address of a service",
        hint="Write it with http:// or https://, such as http://welt:8000.",
    )
