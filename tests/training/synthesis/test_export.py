"""Sets are written whole or not at all, and their bytes depend on the request alone."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from inspection.errors import ConfigurationError, ConflictError, StorageError, UnknownNameError, WeltError
from training.synthesis.catalogue import KIND_NAMES
from training.synthesis.cli import synthesize
from training.synthesis.export import write_scene, write_set
from training.synthesis.sampling import Request, sample

SMALL = Request(side_px=128, sound=0.0, leather_only=0.0)


def _digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_number_of_workers_changes_no_byte(tmp_path: Path) -> None:
    write_set(SMALL, count=5, seed=4, out=tmp_path / "one", workers=1)
    write_set(SMALL, count=5, seed=4, out=tmp_path / "two", workers=2)
    one = _digests(tmp_path / "one")
    assert one == _digests(tmp_path / "two")
    assert len(one) == 5 * 6 + 3


def test_a_longer_set_begins_with_the_same_photos(tmp_path: Path) -> None:
    write_set(SMALL, count=1, seed=4, out=tmp_path / "short", workers=1)
    write_set(SMALL, count=2, seed=4, out=tmp_path / "long", workers=1)
    short, long = _digests(tmp_path / "short"), _digests(tmp_path / "long")
    assert short["photos/000000.png"] == long["photos/000000.png"]


def test_coco_seams_and_masks_tell_the_same(tmp_path: Path) -> None:
    write_set(SMALL, count=6, seed=8, out=tmp_path / "set", workers=1)
    coco = json.loads((tmp_path / "set/annotations.coco.json").read_text())
    seams = json.loads((tmp_path / "set/seams.json").read_text())
    about = json.loads((tmp_path / "set/set.json").read_text())
    assert about["schema"] == "welt.synthetic-set/1"
    assert seams["schema"] == "welt.seams/1"
    assert about["kind_names"] == list(KIND_NAMES)
    assert [c["name"] for c in coco["categories"]] == list(KIND_NAMES[1:])
    assert len(coco["images"]) == len(seams["images"]) == 6
    assert coco["annotations"]
    for each in coco["annotations"]:
        name = f"{each['image_id'] - 1:06d}.png"
        kinds = np.asarray(cv2.imread(str(tmp_path / "set/kinds" / name), cv2.IMREAD_UNCHANGED))
        instances = np.asarray(cv2.imread(str(tmp_path / "set/instances" / name), cv2.IMREAD_UNCHANGED))
        mine = instances == each["instance"]
        assert mine.sum() == each["area"]
        assert (kinds[mine] == each["category_id"]).all()
        x, y, w, h = each["bbox"]
        ys, xs = np.nonzero(mine)
        assert (xs.min(), ys.min(), np.ptp(xs) + 1, np.ptp(ys) + 1) == (x, y, w, h)
    for image in seams["images"]:
        for row in image["rows"]:
            steps = np.linalg.norm(np.diff(np.array(row["holes_mm"]), axis=0), axis=1)
            np.testing.assert_allclose(steps, row["pitch_mm"], atol=5e-4)


def test_a_saved_scene_of_a_set_renders_to_its_photo(tmp_path: Path) -> None:
    write_set(SMALL, count=3, seed=2, out=tmp_path / "set", workers=1)
    write_scene(sample(SMALL, seed=2, index=2), out=tmp_path / "again")
    assert (tmp_path / "again/photos/000000.png").read_bytes() == (
        tmp_path / "set/photos/000002.png"
    ).read_bytes()


@pytest.mark.parametrize(
    ("request_", "count", "seed", "error"),
    [
        (SMALL, -1, 0, ConfigurationError),
        (SMALL, 0, 0, ConfigurationError),
        (SMALL, 1, -5, ConfigurationError),
        (Request(pitch_mm=(0, 0)), 1, 0, ConfigurationError),
        (Request(kinds=("moth",)), 1, 0, UnknownNameError),
        (Request(side_px=4096), 10**9, 0, StorageError),
    ],
)
def test_a_bad_request_leaves_nothing_behind(
    tmp_path: Path, request_: Request, count: int, seed: int, error: type[WeltError]
) -> None:
    with pytest.raises(error):
        write_set(request_, count=count, seed=seed, out=tmp_path / "set", workers=1)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_exists_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set/precious").write_text("mine")
    with pytest.raises(ConflictError, match="exists already"):
        write_set(SMALL, count=1, seed=0, out=tmp_path / "set", workers=1)
    assert [path.name for path in tmp_path.rglob("*")] == ["set", "precious"]


def test_a_set_that_is_interrupted_vanishes(tmp_path: Path) -> None:
    def stop(done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_set(SMALL, count=3, seed=0, out=tmp_path / "set", workers=1, progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StorageError, match="cannot be written"):
        write_set(SMALL, count=1, seed=0, out=tmp_path / "file/set", workers=1)


def test_the_command_writes_a_set_with_a_progress_bar(tmp_path: Path) -> None:
    arguments = ["--count", "2", "--size", "96", "--workers", "1", "--out", str(tmp_path / "set")]
    result = CliRunner().invoke(synthesize, arguments)
    assert result.exit_code == 0, result.output
    assert "2/2" in result.output
    assert len(list((tmp_path / "set/photos").iterdir())) == 2


def test_the_command_renders_a_saved_scene(tmp_path: Path) -> None:
    write_set(SMALL, count=1, seed=2, out=tmp_path / "set", workers=1)
    scene = str(tmp_path / "set/scenes/000000.json")
    result = CliRunner().invoke(synthesize, ["--scene", scene, "--out", str(tmp_path / "again")])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "again/photos/000000.png").read_bytes() == (
        tmp_path / "set/photos/000000.png"
    ).read_bytes()


def test_the_command_tells_what_is_wrong_and_what_to_do(tmp_path: Path) -> None:
    result = CliRunner().invoke(synthesize, ["--kind", "moth", "--out", str(tmp_path / "set")])
    assert result.exit_code == 1
    assert "no defect kind 'moth'" in result.output
    assert "Known: skipped_stitch" in result.output
    assert list(tmp_path.iterdir()) == []
