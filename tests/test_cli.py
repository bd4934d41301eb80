"""The command ``welt`` as a person calls it."""

from __future__ import annotations

import json
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import httpx2 as httpx
import pytest
from click.testing import CliRunner, Result

from inspection import cli
from inspection.camera import JOURNAL_NAME
from inspection.drawing import decode_grey_png
from inspection.imaging import decode
from tests import factories, running

HOLE = factories.Spot(at_mm=(20, 20), length_mm=6, width_mm=3, kind="hole")


@pytest.fixture
def folder(tmp_path: Path, models_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the settings of a service of its own."""
    for name, value in running.environment(tmp_path / "data", models_dir).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _welt(*arguments: str, input: str | None = None) -> Result:
    return CliRunner().invoke(cli.welt, list(arguments), input=input)


def _photo(path: Path, *spots: factories.Spot) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = factories.make_rgb(spots)
    path.write_bytes(
        factories.encode_jpeg(content) if path.suffix == ".jpg" else factories.encode_png(content)
    )
    return path


def _commands() -> Iterator[tuple[str, click.Command]]:
    def walk(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
        if isinstance(command, click.Group):
            for word, below in command.commands.items():
                yield from walk(f"{name} {word}", below)
        else:
            yield name, command

    return walk("welt", cli.welt)


# -------------------------------------------------------------------------------- help


@pytest.mark.parametrize("name", [name for name, _ in _commands()])
def test_every_command_has_help_with_an_example(name: str) -> None:
    words = name.split()[1:]
    shown = _welt(*words, "--help")
    assert shown.exit_code == 0
    assert "Example" in shown.output
    assert name in shown.output.split("Example")[1]


@pytest.mark.parametrize("name", ["serve", "inspect", "camera"])
def test_the_help_of_the_main_commands_tells_the_exit_codes(name: str) -> None:
    assert "Exit codes: 0" in _welt(name, "--help").output


def test_a_wrong_option_ends_with_2() -> None:
    assert _welt("serve", "--colour", "red").exit_code == 2


def test_the_version_is_told() -> None:
    assert "welt, version 0." in _welt("--version").output


def test_a_wrong_setting_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WELT_QUEUE_LENGTH", "many")
    answer = _welt("models", "list")
    assert answer.exit_code == 1
    assert "WELT_QUEUE_LENGTH is 'many'" in answer.stderr


# -------------------------------------------------------------------------------- inspect


def test_photos_are_inspected_into_a_table(folder: Path) -> None:
    good, bad = _photo(folder / "good.jpg"), _photo(folder / "bad.jpg", HOLE)
    answer = _welt("inspect", str(good), str(bad), "--mm-per-px", "0.1")
    assert answer.exit_code == 0
    lines = answer.stdout.splitlines()
    assert lines[0].split()[1:5] == ["A", "pass", "no", "defect"]
    assert lines[1].split()[1:5] == ["C", "reject", "1", "defect"]


def test_the_documents_are_printed_one_a_line_as_the_api_answers_them(folder: Path) -> None:
    first, second = _photo(folder / "a.jpg", HOLE), _photo(folder / "b.png")
    answer = _welt("inspect", str(first), str(second), "--mm-per-px", "0.1", "--json")
    documents = [json.loads(line) for line in answer.stdout.splitlines()]
    assert [document["schema"] for document in documents] == ["welt.result/1"] * 2
    assert documents[0]["defects"][0]["kind"] == "hole"
    scale = documents[0]["calibration"]
    assert (scale["mm_per_px"], scale["source"], scale["id"]) == (0.1, "camera", None)


def test_result_files_are_written_at_the_size_of_the_photo(folder: Path) -> None:
    photo = _photo(folder / "in" / "line1" / "a.jpg", HOLE)
    answer = _welt("inspect", "in", "--mm-per-px", "0.1", "--out", "out")
    assert answer.exit_code == 0
    written = sorted(path.relative_to("out").as_posix() for path in Path("out").rglob("*.*"))
    assert written == ["line1/a.json", "line1/a.kinds.png", "line1/a.surface.png"]
    document = json.loads(Path("out/line1/a.json").read_text(encoding="utf-8"))
    size = decode(photo.read_bytes(), max_pixels=10**7).rgb.shape[:2]
    kinds = decode_grey_png(Path("out/line1/a.kinds.png").read_bytes())
    surface = decode_grey_png(Path("out/line1/a.surface.png").read_bytes())
    assert kinds.shape == surface.shape == size
    assert document["kinds"][int(kinds[200, 200])] == "hole"
    assert surface[200, 200] > 128


def test_photos_of_one_stem_do_not_overwrite_each_other(folder: Path) -> None:
    _photo(folder / "in" / "a.jpg")
    _photo(folder / "in" / "a.png")
    _welt("inspect", "in", "--out", "out")
    assert sorted(path.name for path in Path("out").glob("*.json")) == ["a.jpg.json", "a.png.json"]


def test_photos_that_would_still_overwrite_each_other_are_refused(folder: Path) -> None:
    _photo(folder / "one" / "a.jpg")
    _photo(folder / "two" / "a.jpg")
    answer = _welt("inspect", "one", "two", "--out", "out")
    assert answer.exit_code == 1
    assert "two photos would write the same files" in answer.stderr


def test_a_broken_photo_is_reported_and_the_rest_go_on(folder: Path) -> None:
    whole = _photo(folder / "a.jpg")
    broken = folder / "b.jpg"
    broken.write_bytes(whole.read_bytes()[:1000])
    answer = _welt("inspect", str(broken), str(whole), "--mm-per-px", "0.1")
    assert answer.exit_code == 1
    assert "b.jpg" in answer.stderr
    assert "1 of 2 photos" in answer.stderr
    assert "a.jpg" in answer.stdout


def test_a_photo_without_a_scale_is_for_a_person_to_look_at(folder: Path) -> None:
    answer = _welt("inspect", str(_photo(folder / "a.jpg")), "--view", "leather")
    assert answer.exit_code == 0
    assert " recheck " in answer.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--recipe", "nope"], "Known recipes: default"),
        (["--view", "nope"], "views:"),
        (["--mm-per-px", "0"], "outside"),
        (["--mm-per-px", "nan"], "nan"),
        (["--models-dir", "nowhere"], "WELT_MODELS_DIR"),
    ],
)
def test_what_cannot_be_used_is_said_before_any_photo(folder: Path, arguments: list[str], said: str) -> None:
    answer = _welt("inspect", str(_photo(folder / "a.jpg")), *arguments)
    assert answer.exit_code == 1
    assert said in answer.stderr
    assert answer.stdout == ""


def test_a_folder_without_photos_is_said(folder: Path) -> None:
    (folder / "empty").mkdir()
    answer = _welt("inspect", "empty")
    assert answer.exit_code == 1
    assert "holds no photos" in answer.stderr


# -------------------------------------------------------------------------------- models


def test_models_are_listed_with_a_star_at_the_one_that_serves(folder: Path) -> None:
    assert _welt("models", "list").stdout.startswith("* dark-spots/1")


def test_a_model_is_shown_as_its_manifest(folder: Path) -> None:
    shown = json.loads(_welt("models", "show", "dark-spots/1").stdout)
    assert shown["kinds"][0] == "sound"


def test_a_sound_model_is_right_and_a_truncated_one_is_wrong(folder: Path) -> None:
    models = folder / "models"
    factories.write_models(models)
    assert _welt("models", "check", "--models-dir", str(models)).stdout == "right  dark-spots/1\n"
    network = models / "dark-spots" / "1" / "model.onnx"
    network.write_bytes(network.read_bytes()[:-1])
    answer = _welt("models", "check", "--models-dir", str(models))
    assert answer.exit_code == 1
    assert "model.onnx" in answer.stderr


def test_an_unknown_model_is_answered_with_the_known_ones(folder: Path) -> None:
    answer = _welt("models", "show", "nope/1")
    assert answer.exit_code == 1
    assert "dark-spots/1" in answer.stderr


# -------------------------------------------------------------------------------- people, stations


def test_a_person_is_added_listed_changed_and_kept_out(folder: Path) -> None:
    password = "correct horse battery\n"
    assert _welt("users", "add", "boss", "--role", "admin", "--password-stdin", input=password).exit_code == 0
    assert _welt("users", "add", "li.wei", "--password-stdin", input=password).exit_code == 0
    assert _welt("users", "role", "li.wei", "inspector").exit_code == 0
    assert _welt("users", "password", "li.wei", "--password-stdin", input="another good one\n").exit_code == 0
    assert _welt("users", "disable", "li.wei").exit_code == 0
    listed = _welt("users", "list").stdout
    assert "inspector" in listed
    assert "disabled" in listed
    assert _welt("users", "enable", "li.wei").exit_code == 0
    assert "disabled" not in _welt("users", "list").stdout


@pytest.mark.parametrize(
    ("arguments", "password", "said"),
    [
        (["add", "Not A Name", "--password-stdin"], "correct horse battery\n", "lower-case"),
        (["add", "li.wei", "--password-stdin"], "short\n", "characters"),
        (["add", "li.wei", "--password-stdin"], "", "characters"),
        (["role", "nobody", "admin"], "", "nobody"),
        (["disable", "nobody"], "", "nobody"),
    ],
)
def test_what_a_person_cannot_be_is_said(
    folder: Path, arguments: list[str], password: str, said: str
) -> None:
    answer = _welt("users", *arguments, input=password)
    assert answer.exit_code == 1
    assert said in answer.stderr


def test_a_password_is_never_taken_from_the_arguments() -> None:
    for name, command in _commands():
        options = [option for parameter in command.params for option in parameter.opts]
        assert "--password" not in options, name


def test_without_a_terminal_the_password_has_to_be_piped(folder: Path) -> None:
    answer = _welt("users", "add", "li.wei")
    assert answer.exit_code == 2
    assert "--password-stdin" in answer.stderr


def test_a_key_is_shown_once_and_can_be_revoked(folder: Path) -> None:
    assert _welt("stations", "add", "line-2.toe", "--description", "after lasting").exit_code == 0
    made = _welt("stations", "key", "create", "line-2.toe", "--note", "camera 7")
    key = made.stdout.strip()
    assert key.startswith("welt_")
    listed = _welt("stations", "list").stdout
    assert "camera 7" in listed
    assert "after lasting" in listed
    assert key not in listed
    assert _welt("stations", "key", "revoke", key.split("_")[1]).exit_code == 0
    assert "revoked" in _welt("stations", "list").stdout


def test_a_station_is_disabled_and_enabled(folder: Path) -> None:
    _welt("stations", "add", "s1")
    assert _welt("stations", "disable", "s1").exit_code == 0
    assert "disabled" in _welt("stations", "list").stdout
    assert _welt("stations", "enable", "s1").exit_code == 0
    assert _welt("stations", "key", "create", "s2").exit_code == 1


# -------------------------------------------------------------------------------- serve


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_service_stops_cleanly_when_told(
    tmp_path: Path, models_dir: Path, number: signal.Signals
) -> None:
    with running.serving(tmp_path / "data", models_dir) as service:
        assert service.stop(number) == 0
        assert "Traceback" not in service.log.read_text()


def test_a_port_that_is_taken_is_named(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        answer = _welt("serve", "--port", port)
    assert answer.exit_code == 1
    assert f"port {port} on 127.0.0.1" in answer.stderr
    assert "--port" in answer.stderr


def test_an_address_of_another_machine_is_refused(folder: Path) -> None:
    answer = _welt("serve", "--host", "192.0.2.1", "--port", "8123")
    assert answer.exit_code == 1
    assert "192.0.2.1" in answer.stderr


def test_the_log_has_one_line_an_inspection(tmp_path: Path, models_dir: Path) -> None:
    key = running.make_key(tmp_path / "data", models_dir)
    with running.serving(tmp_path / "data", models_dir) as service:
        answer = httpx.post(
            f"{service.url}/api/v1/inspections",
            headers={"Authorization": f"Bearer {key}"},
            files={"image": factories.make_jpeg()},
            data={"meta": '{"mm_per_px": 0.1}'},
            trust_env=False,
        )
        assert answer.status_code == 201
        service.stop()
        lines = [line for line in service.log.read_text().splitlines() if answer.json()["result_id"] in line]
    assert len([line for line in lines if " inspected " in line]) == 1
    assert "grade=A" in lines[0]
    assert key not in service.log.read_text()


# -------------------------------------------------------------------------------- camera


def test_photos_of_a_folder_reach_the_service_and_are_not_sent_twice(
    tmp_path: Path, models_dir: Path
) -> None:
    key = running.make_key(tmp_path / "data", models_dir)
    _photo(tmp_path / "in" / "a.jpg", HOLE)
    _photo(tmp_path / "in" / "b.png")
    with running.serving(tmp_path / "data", models_dir) as service:
        arguments = [
            "camera",
            str(tmp_path / "in"),
            "--to",
            service.url,
            "--key",
            key,
            "--once",
            "--mm-per-px",
            "0.1",
        ]
        first, second = _welt(*arguments), _welt(*arguments)
        listed = httpx.get(
            f"{service.url}/api/v1/inspections", headers={"Authorization": f"Bearer {key}"}, trust_env=False
        ).json()
    assert first.exit_code == 0
    assert "2 sent, 0 refused, 0 left" in first.stderr
    assert "0 sent" in second.stderr
    assert len(listed["items"]) == 2


def test_a_wrong_key_is_said_with_how_to_get_one(tmp_path: Path, models_dir: Path) -> None:
    _photo(tmp_path / "in" / "a.jpg")
    with running.serving(tmp_path / "data", models_dir) as service:
        answer = _welt("camera", str(tmp_path / "in"), "--to", service.url, "--key", "nonsense", "--once")
    assert answer.exit_code == 1
    assert "welt stations key create" in answer.stderr


@pytest.mark.slow
def test_no_photo_is_lost_or_doubled_when_the_service_is_killed_in_between(
    tmp_path: Path, models_dir: Path
) -> None:
    key = running.make_key(tmp_path / "data", models_dir)
    for number in range(12):
        _photo(tmp_path / "in" / f"{number:02}.jpg", *([HOLE] if number % 2 else []))
    port = running.free_port()
    command = [
        sys.executable, "-m", "inspection.cli", "camera", str(tmp_path / "in"), "--once", "--interval", "0.1",
        "--to", f"http://127.0.0.1:{port}", "--mm-per-px", "0.1",
    ]  # fmt: skip
    client = subprocess.Popen(
        command,
        env={**running.environment(tmp_path / "data", models_dir), "WELT_KEY": key},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    journal = tmp_path / "in" / JOURNAL_NAME
    try:
        for wanted in (3, 7):
            with running.serving(tmp_path / "data", models_dir, port=port) as service:
                _wait_for_lines(journal, wanted, client)
                service.process.kill()
                service.process.wait()
        with running.serving(tmp_path / "data", models_dir, port=port) as service:
            output, _ = client.communicate(timeout=120)
            listed = httpx.get(
                f"{service.url}/api/v1/inspections",
                params={"limit": 100},
                headers={"Authorization": f"Bearer {key}"},
                trust_env=False,
            ).json()
    finally:
        client.kill()
        client.wait()
    assert client.returncode == 0, output
    assert "cannot be reached" in output
    assert len(listed["items"]) == 12
    assert len({item["result_id"] for item in listed["items"]}) == 12


def _wait_for_lines(file: Path, count: int, process: subprocess.Popen[str]) -> None:
    while not file.exists() or len(file.read_bytes().splitlines()) < count:
        assert process.poll() is None, "the client ended early"
        time.sleep(0.02)


def test_the_file_of_the_journal_is_kept_beside_the_photos_and_readable(
    tmp_path: Path, models_dir: Path
) -> None:
    answer = _welt("camera", str(tmp_path), "--to", "http://127.0.0.1:9", "--key", "k", "--once")
    assert answer.exit_code == 0
    assert stat.S_ISREG((tmp_path / JOURNAL_NAME).stat().st_mode)
