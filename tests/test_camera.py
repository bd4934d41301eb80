"""The line-side client against real HTTP servers that answer as told."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from inspection import camera
from inspection.camera import Camera, Mode, Notice, Pacing, State, Summary
from inspection.errors import ConfigurationError

RESULT = {"schema": "welt.result/1", "result_id": "01JTESTTESTTESTTESTTESTTES", "verdict": {"grade": "A"}}


@dataclass
class Answers:
    """What the peer answers, in order; then 201 for ever. Keeps what it was asked."""

    script: list[tuple[int, dict[str, str], object]] = field(default_factory=list)
    metas: list[dict[str, object]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)


class _Peer(BaseHTTPRequestHandler):
    answers: Answers

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        answers = self.answers
        answers.paths.append(self.path)
        answers.bodies.append(body)
        answers.headers.append({name.lower(): value for name, value in self.headers.items()})
        found = re.search(rb'name="meta"\r\n\r\n(.*?)\r\n--', body, re.DOTALL)
        answers.metas.append(json.loads(found[1]) if found else {})
        status, headers, content = answers.script.pop(0) if answers.script else (201, {}, RESULT)
        said = content.encode() if isinstance(content, str) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the terminal."""


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
def url(answers: Answers) -> Iterator[str]:
    peer = ThreadingHTTPServer(("127.0.0.1", 0), type("Peer", (_Peer,), {"answers": answers}))
    thread = threading.Thread(target=peer.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{peer.server_address[1]}"
    peer.shutdown()
    thread.join()
    peer.server_close()


QUICK = Pacing(first_pause_s=0.01, longest_pause_s=0.05, postponed_for_s=0.1, scan_every_s=0.01)


def _folder(tmp_path: Path, *names: str) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir(exist_ok=True)
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(f"the bytes of {name}".encode())
    return folder


def _camera(folder: Path, url: str, **defaults: str | float) -> Camera:
    return Camera(
        folder,
        url,
        "welt_0000_secret",
        journal=folder / camera.JOURNAL_NAME,
        defaults=defaults,
        settle_s=0.0,
        pacing=QUICK,
    )


def _send(
    subject: Camera, *, patience_s: float | None = None, retry_refused: bool = False
) -> tuple[Summary, list[Notice]]:
    told: list[Notice] = []
    summary = camera.run(
        subject,
        mode=Mode.ONCE,
        stop=threading.Event(),
        tell=told.append,
        patience_s=patience_s,
        retry_refused=retry_refused,
    )
    return summary, told


def test_every_photo_of_a_folder_is_posted_once_with_the_key_of_the_station(
    tmp_path: Path, answers: Answers, url: str
) -> None:
    folder = _folder(tmp_path, "a.jpg", "b.PNG", "monday/c.tiff", "notes.txt", ".hidden.jpg")
    summary, _ = _send(_camera(folder, url))
    assert summary == Summary(sent=3, refused=0, left=0)
    assert {headers["authorization"] for headers in answers.headers} == {"Bearer welt_0000_secret"}
    assert set(answers.paths) == {"/api/v1/inspections"}
    assert any(b"the bytes of monday/c.tiff" in body for body in answers.bodies)


def test_a_second_run_sends_nothing_again(tmp_path: Path, answers: Answers, url: str) -> None:
    folder = _folder(tmp_path, "a.jpg")
    _send(_camera(folder, url))
    summary, _ = _send(_camera(folder, url))
    assert summary == Summary(0, 0, 0)
    assert len(answers.bodies) == 1


def test_a_photo_written_again_under_the_same_name_is_another_photo(
    tmp_path: Path, answers: Answers, url: str
) -> None:
    folder = _folder(tmp_path, "latest.jpg")
    _send(_camera(folder, url))
    (folder / "latest.jpg").write_bytes(b"the next shoe")
    summary, _ = _send(_camera(folder, url))
    assert summary.sent == 1
    assert answers.metas[0]["idempotency_key"] != answers.metas[1]["idempotency_key"]


def test_the_same_photo_has_the_same_idempotency_key_when_the_journal_is_lost(
    tmp_path: Path, answers: Answers, url: str
) -> None:
    folder = _folder(tmp_path, "a.jpg")
    _send(_camera(folder, url))
    (folder / camera.JOURNAL_NAME).unlink()
    _send(_camera(folder, url))
    assert answers.metas[0]["idempotency_key"] == answers.metas[1]["idempotency_key"]


def test_a_busy_service_is_tried_again_and_nothing_is_lost(
    tmp_path: Path, answers: Answers, url: str
) -> None:
    busy = {"title": "The queue is full", "detail": "16 photos wait", "hint": "Try again."}
    answers.script += [(503, {"Retry-After": "0"}, busy)] * 6
    summary, told = _send(_camera(_folder(tmp_path, "a.jpg", "b.jpg"), url))
    assert summary == Summary(sent=2, refused=0, left=0)
    waits = [notice for notice in told if notice.state is State.WAITING]
    assert len(waits) == 6
    assert "The queue is full" in waits[0].text


def test_the_pause_is_no_shorter_than_the_service_asks(tmp_path: Path, answers: Answers, url: str) -> None:
    answers.script.append((503, {"Retry-After": "1"}, {}))
    _, told = _send(_camera(_folder(tmp_path, "a.jpg"), url))
    assert told[0].pause_s == 1.0


@pytest.mark.parametrize(
    ("header", "expected"),
    [("7", 7.0), (None, None), ("soon", None), ("-3", None)],
)
def test_retry_after_is_read_as_seconds(header: str | None, expected: float | None) -> None:
    assert camera._retry_after_s(header) == expected


def test_retry_after_may_be_a_date() -> None:
    at = datetime.now(UTC) + timedelta(seconds=60)
    seconds = camera._retry_after_s(format_datetime(at, usegmt=True))
    assert seconds is not None
    assert 50 < seconds <= 60
    assert camera._retry_after_s("Mon, 01 Jan 2001 00:00:00 GMT") == 0.0


def test_a_photo_that_the_service_refuses_is_set_aside_and_those_behind_it_go_on(
    tmp_path: Path, answers: Answers, url: str
) -> None:
    folder = _folder(tmp_path, "a.jpg", "b.jpg")
    problem = {"title": "The photo is damaged", "detail": "it ends early", "hint": "Send it again."}
    answers.script.append((422, {}, problem))
    summary, told = _send(_camera(folder, url))
    assert summary == Summary(sent=1, refused=1, left=0)
    assert told[0].text == "422 The photo is damaged: it ends early. Send it again."
    assert _send(_camera(folder, url))[0] == Summary(0, 0, 0)
    assert _send(_camera(folder, url), retry_refused=True)[0] == Summary(1, 0, 0)
    assert _send(_camera(folder, url), retry_refused=True)[0] == Summary(0, 0, 0)


def test_a_photo_on_which_the_service_fails_lets_the_others_go_first_and_is_kept(
    tmp_path: Path, answers: Answers, url: str
) -> None:
    folder = _folder(tmp_path, "a.jpg")
    answers.script += [(500, {}, "oops")] * camera.TRIES_BEFORE_POSTPONING
    summary, told = _send(_camera(folder, url))
    assert summary == Summary(sent=1, refused=0, left=0)
    assert [notice.state for notice in told] == [State.WAITING] * 3 + [State.POSTPONED, State.SENT]


@pytest.mark.parametrize("status", [301, 401, 403, 404, 405])
def test_a_wrong_key_or_address_stops_the_client_and_sets_no_photo_aside(
    tmp_path: Path, answers: Answers, url: str, status: int
) -> None:
    folder = _folder(tmp_path, "a.jpg")
    answers.script.append((status, {"Location": "http://elsewhere/"}, {}))
    with pytest.raises(ConfigurationError) as caught:
        _send(_camera(folder, url))
    assert caught.value.hint
    assert _send(_camera(folder, url))[0].sent == 1


def test_an_answer_that_is_no_result_of_welt_does_not_count_as_sent(
    tmp_path: Path, answers: Answers, url: str
) -> None:
    folder = _folder(tmp_path, "a.jpg")
    answers.script.append((200, {}, "<html>Please log in to the factory network</html>"))
    with pytest.raises(ConfigurationError, match="not with a result of Welt"):
        _send(_camera(folder, url))
    assert _send(_camera(folder, url))[0].sent == 1


@pytest.mark.parametrize("address", ["welt.example", "ftp://welt.example", "http://", ""])
def test_an_address_without_http_is_refused_with_what_to_write(tmp_path: Path, address: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        _send(_camera(_folder(tmp_path, "a.jpg"), address))
    assert "http://" in caught.value.hint


def test_a_service_that_stays_away_keeps_the_photos_waiting(tmp_path: Path) -> None:
    folder = _folder(tmp_path, "a.jpg", "b.jpg")
    summary, told = _send(_camera(folder, "http://127.0.0.1:9"), patience_s=0.2)
    assert summary == Summary(sent=0, refused=0, left=2)
    assert "cannot be reached" in told[0].text


def test_a_journal_whose_last_line_was_cut_off_still_counts(
    tmp_path: Path, answers: Answers, url: str
) -> None:
    folder = _folder(tmp_path, "a.jpg", "b.jpg")
    _send(_camera(folder, url))
    journal = folder / camera.JOURNAL_NAME
    journal.write_bytes(journal.read_bytes()[:-20])
    assert _send(_camera(folder, url))[0].sent == 1
    assert _send(_camera(folder, url))[0].sent == 0


def test_what_is_said_of_a_photo_comes_from_options_table_and_sidecar_in_that_order(
    tmp_path: Path, answers: Answers, url: str
) -> None:
    folder = _folder(tmp_path, "a.jpg")
    (folder / "meta.toml").write_text(
        '[defaults]\nview = "toe"\nlot_id = "L1"\n["a.jpg"]\nmm_per_px = 0.2\nview = "heel"\n',
        encoding="utf-8",
    )
    (folder / "a.jpg.json").write_text(
        '{"part_id": "P7", "captured_at": "2026-01-02T03:04:05Z"}', encoding="utf-8"
    )
    _send(_camera(folder, url, view="lateral", style="Oxford"))
    meta = answers.metas[0]
    assert (meta["style"], meta["view"], meta["lot_id"], meta["mm_per_px"]) == ("Oxford", "heel", "L1", 0.2)
    assert (meta["part_id"], meta["captured_at"]) == ("P7", "2026-01-02T03:04:05Z")


def test_a_sidecar_that_cannot_be_read_sets_its_photo_aside(
    tmp_path: Path, answers: Answers, url: str
) -> None:
    folder = _folder(tmp_path, "a.jpg", "b.jpg")
    (folder / "a.jpg.json").write_text("{view: lateral}", encoding="utf-8")
    summary, told = _send(_camera(folder, url))
    assert summary == Summary(sent=1, refused=1, left=0)
    assert "a.jpg" in told[0].text


def test_a_photo_says_when_its_file_was_written(tmp_path: Path, answers: Answers, url: str) -> None:
    folder = _folder(tmp_path, "a.jpg")
    _send(_camera(folder, url))
    written = datetime.fromtimestamp((folder / "a.jpg").stat().st_mtime, UTC)
    said = datetime.fromisoformat(str(answers.metas[0]["captured_at"]))
    assert abs(said - written) < timedelta(milliseconds=2)


def test_watching_takes_up_photos_that_come_later(tmp_path: Path, answers: Answers, url: str) -> None:
    folder = _folder(tmp_path, "a.jpg")
    stop = threading.Event()
    told: list[Notice] = []

    def tell(notice: Notice) -> None:
        told.append(notice)
        if len(told) == 1:
            (folder / "b.jpg").write_bytes(b"later")
        else:
            stop.set()

    summary = camera.run(_camera(folder, url), mode=Mode.WATCH, stop=stop, tell=tell)
    assert [notice.name for notice in told] == ["a.jpg", "b.jpg"]
    assert summary == Summary(2, 0, 0)


def test_a_file_that_still_grows_is_not_taken_up(tmp_path: Path, answers: Answers, url: str) -> None:
    folder = _folder(tmp_path, "a.jpg")
    subject = Camera(folder, url, "key", settle_s=3600.0, pacing=QUICK)
    stop = threading.Event()
    threading.Timer(0.1, stop.set).start()
    camera.run(subject, mode=Mode.WATCH, stop=stop, tell=lambda _: None)
    assert answers.bodies == []


def test_a_virtual_camera_sends_the_same_photos_as_new_parts(
    tmp_path: Path, answers: Answers, url: str
) -> None:
    folder = _folder(tmp_path, "a.jpg", "b.jpg")
    stop = threading.Event()
    told: list[Notice] = []

    def tell(notice: Notice) -> None:
        told.append(notice)
        if len(told) == 5:
            stop.set()

    camera.run(_camera(folder, url), mode=Mode.LOOP, stop=stop, tell=tell)
    keys = [meta["idempotency_key"] for meta in answers.metas]
    assert len(keys) == len(set(keys)) == 5
    assert not (folder / camera.JOURNAL_NAME).exists()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="missing"):
        _send(Camera(tmp_path / "missing", "http://127.0.0.1:9", "key"))
