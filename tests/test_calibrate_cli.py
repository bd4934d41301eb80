"""``welt calibrate`` from the printed board to the calibration in force."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from inspection.calibration.boards import BOARDS
from inspection.calibration.files import from_json
from inspection.cli import welt
from tests.boards import camera_over, pose_of, render

A4 = BOARDS["a4"]
MIDDLE_MM = (A4.size_mm[0] / 2, A4.size_mm[1] / 2)
TILTS = ((28, 4), (-25, 8), (5, 30), (-6, -28), (20, 20), (-18, 22))


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """flat.png and tilted-<n>.png of a camera of 0.4 mm per pixel."""
    folder = tmp_path_factory.mktemp("board")
    camera = camera_over(size_px=(720, 540), focal_px=1050)
    rays = camera.rays()
    for number, tilt in enumerate([(3, -2), *TILTS]):
        pose = pose_of(camera, mm_per_px=0.42, middle_mm=MIDDLE_MM, tilt_deg=tilt, spin_deg=4 * number)
        photo = render(A4, camera, pose, seed=number, rays=rays)
        name = "flat.png" if number == 0 else f"tilted-{number}.png"
        cv2.imwrite(str(folder / name), photo.rgb)
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Folder of a service with a station."""
    assert run("stations", "add", "line-2", "--data-dir", str(tmp_path)).exit_code == 0
    return tmp_path


def run(*words: str) -> Result:
    return CliRunner().invoke(welt, words, catch_exceptions=False)


def read(path: Path) -> np.ndarray:
    """A picture that is there."""
    picture = cv2.imread(str(path))
    assert picture is not None
    return picture


def fit(shots: Path, *words: str) -> Result:
    tilted = sorted(str(path) for path in shots.glob("tilted-*.png"))
    return run("calibrate", "photos", *tilted, "--plane", str(shots / "flat.png"), *words)


def test_a_station_is_calibrated_checked_and_taken_back(shots: Path, data: Path) -> None:
    place = ("--station", "line-2", "--view", "leather", "--data-dir", str(data))
    done = fit(shots, "--ruler-mm", "200.0", "--lens", "f8", *place)
    assert done.exit_code == 0, done.output
    assert "7 photos" in done.output
    assert "stored as line-2.leather.1, in force" in done.output
    plane = run(
        "calibrate", "photos", "--plane", str(shots / "flat.png"), "--keep-lens", "--note", "moved", *place
    )
    assert plane.exit_code == 0, plane.output
    check = run("calibrate", "check", str(shots / "flat.png"), *place)
    assert (check.exit_code, "the calibration holds" in check.output) == (0, True)
    assert run("calibrate", "use", "line-2.leather.1", "--data-dir", str(data)).exit_code == 0
    lines = run("calibrate", "list", "--data-dir", str(data)).output.splitlines()
    assert [line[:22] for line in lines] == ["  line-2.leather.2    ", "* line-2.leather.1    "]
    assert "checked" in lines[0]
    assert "moved" in lines[0]
    assert run("calibrate", "clear", *place).exit_code == 0
    assert "*" not in run("calibrate", "list", "--data-dir", str(data)).output
    gone = run("calibrate", "check", str(shots / "flat.png"), *place)
    assert (gone.exit_code, "no calibration is in force" in gone.output) == (1, True)


def test_a_calibration_file_is_true_to_the_drawn_camera_and_serves_inspection(
    shots: Path, tmp_path: Path, models_dir: Path
) -> None:
    file, seen = tmp_path / "camera.json", tmp_path / "seen.png"
    assert fit(shots, "--out", str(file), "--coverage", str(seen)).exit_code == 0
    made = from_json(file.read_text(), label="camera.json")
    assert made.mm_per_px == pytest.approx(0.42, rel=5e-3)
    assert made.rms_mm is not None
    assert made.rms_mm < 0.03
    assert read(seen).shape == (675, 900, 3)
    told = run("inspect", str(shots / "flat.png"), "--calibration", str(file), "--json",
               "--models-dir", str(models_dir))  # fmt: skip
    assert told.exit_code == 0, told.output
    calibration = json.loads(told.stdout.splitlines()[-1])["calibration"]
    assert (calibration["source"], calibration["name"], calibration["problem"]) == ("charuco", "camera", None)


def test_a_camera_that_moved_fails_its_check(shots: Path, tmp_path: Path) -> None:
    file = tmp_path / "camera.json"
    assert fit(shots, "--out", str(file)).exit_code == 0
    nearer = read(shots / "flat.png")
    grown = np.array([[1.02, 0, -7.2], [0, 1.02, -5.4]])
    cv2.imwrite(str(tmp_path / "now.png"), cv2.warpAffine(nearer, grown, (720, 540)))
    check = run("calibrate", "check", str(tmp_path / "now.png"), "--file", str(file))
    assert check.exit_code == 1
    assert "scale off by +2.0" in check.output
    assert "calibrate anew" in check.output


def test_a_known_length_is_enough_for_a_straight_camera(data: Path) -> None:
    done = run("calibrate", "length", "--from", "100,100", "--to", "1100,100", "--length-mm", "200",
               "--station", "line-2", "--view", "leather", "--data-dir", str(data))  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "0.20000 mm/px" in done.output


def test_boards_are_written(tmp_path: Path) -> None:
    done = run("calibrate", "board", "--board", "a3", "--out", str(tmp_path / "b.pdf"))
    assert done.exit_code == 0
    assert "300 mm" in done.output
    assert (tmp_path / "b.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--out", "x.json", "--ruler-mm", "20"), 1, "cannot measure 20 mm"),
        (("--out", "x.json", "--board", "a9"), 1, "no board named 'a9'"),
        (("--out", "x.json", "--board", "a3"), 1, "this is the board a4, not a3"),
        (("--out", "x.json", "--height-mm", "5000"), 1, "cannot lie 5000 mm above"),
        (("--out", "x.json", "--without-lens"), 1, "one photo is enough"),
        (("--station", "s"), 2, "go together"),
        ((), 2, "say where it goes"),
        (("--out", "x.json", "--without-lens", "--keep-lens"), 2, "contradict"),
    ],
)
def test_what_cannot_be_done_says_why(shots: Path, words: tuple[str, ...], code: int, message: str) -> None:
    refused = fit(shots, *words)
    assert (refused.exit_code, message in refused.output) == (code, True), refused.output


def test_one_photo_alone_says_what_to_do(shots: Path) -> None:
    refused = run("calibrate", "photos", "--plane", str(shots / "flat.png"), "--out", "x.json")
    assert refused.exit_code == 1
    assert "--without-lens" in refused.output
