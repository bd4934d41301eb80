"""What was taught stays with the features that it was taught with, whatever the model is called."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner, Result
from onnx import numpy_helper

from inspection import cli, imaging, pipeline, registry, teaching
from inspection.document import ResultDocument, build_document
from inspection.domain import Metadata
from inspection.novelty import Lesson, bank_of_bytes, bank_to_bytes, teach
from inspection.recipes import Recipe, open_recipes
from inspection.registry import Model
from inspection.standards import open_standards
from inspection.store import Photos, Store
from inspection.store.banks import TaughtPhoto
from tests import factories, running
from tests.novelty.conftest import good_photo, good_rgb

MODELS = Path(__file__).parents[2] / "models"
PIXELS = 1_000_000

Change = Callable[[onnx.ModelProto], None]


@pytest.fixture(scope="module")
def shipped() -> Model:
    return registry.open_model(MODELS / registry.serving_name(MODELS), threads=1)


def _rewrite(folder: Path, change: Change) -> None:
    """Change the network of a model folder, and its manifest accordingly."""
    network = onnx.load_model(folder / registry.MODEL_FILE)
    change(network)
    body = network.SerializeToString()
    (folder / registry.MODEL_FILE).write_bytes(body)
    manifest = json.loads((folder / registry.MANIFEST_FILE).read_text())
    manifest["sha256"] = hashlib.sha256(body).hexdigest()
    (folder / registry.MANIFEST_FILE).write_text(json.dumps(manifest))


def _another(model: Model, folder: Path, change: Change) -> Model:
    shutil.copytree(model.folder, folder)
    _rewrite(folder, change)
    return registry.open_model(folder, threads=1)


def _moved(place: int) -> Change:
    """The weights of one convolution moved by what a short training does."""

    def change(network: onnx.ModelProto) -> None:
        weight = [node for node in network.graph.node if node.op_type == "Conv"][place].input[1]
        (tensor,) = [one for one in network.graph.initializer if one.name == weight]
        moved = numpy_helper.to_array(tensor) + np.float32(1e-6)
        tensor.CopyFrom(numpy_helper.from_array(moved, weight))

    return change


HEAD, STEM = _moved(-1), _moved(0)


def _lightest_first(network: onnx.ModelProto) -> None:
    """The features of the tests' own model in another order."""
    (joined,) = [node for node in network.graph.node if node.op_type == "Concat"]
    joined.input[:] = ["lightest", "means", "darkest"]


def _taught(model: Model, store: Store, blobs: Photos, recipe: Recipe) -> None:
    photos = tuple(
        TaughtPhoto(blobs.put(factories.encode_png(good_rgb(seed))), f"{seed}.png", factories.MODEL_MM_PER_PX)
        for seed in range(5)
    )
    order = teaching.Order(recipe, "upper", photos, keep=frozenset(photo.sha256 for photo in photos))
    lot = teaching.teach(order, store=store, photos=blobs, model=model, by="li", max_pixels=PIXELS)
    assert lot.version is not None


def _document(model: Model, store: Store, blobs: Photos) -> ResultDocument:
    known = teaching.Banks(store, blobs)
    known.refresh()
    metadata = Metadata(station="test", view="upper", mm_per_px=factories.MODEL_MM_PER_PX)
    setup = pipeline.prepare(
        metadata, model=model, recipes=open_recipes(), standards=open_standards(), taught=known.get
    )
    photo = imaging.decode(factories.encode_png(good_rgb(60)), max_pixels=PIXELS)
    return build_document(
        result_id="0" * 26,
        created_at=datetime.now(UTC),
        metadata=metadata,
        photo=photo,
        finding=pipeline.inspect(photo, setup, clock=lambda: 0.0),
        setup=setup,
        took_ms={},
    )


def test_a_model_whose_head_alone_has_learned_goes_on_with_what_was_taught(
    shipped: Model, store: Store, blobs: Photos, recipe: Recipe, tmp_path: Path
) -> None:
    _taught(shipped, store, blobs, recipe)
    newer = _another(shipped, tmp_path / "newer", HEAD)
    assert newer.manifest.sha256 != shipped.manifest.sha256
    judged = _document(newer, store, blobs)
    assert judged.novelty == _document(shipped, store, blobs).novelty
    assert judged.novelty is not None
    assert judged.novelty_not_judged is None


def test_a_model_with_other_features_judges_no_novelty_and_says_so(
    shipped: Model, store: Store, blobs: Photos, recipe: Recipe, tmp_path: Path
) -> None:
    _taught(shipped, store, blobs, recipe)
    newer = _another(shipped, tmp_path / "newer", STEM)
    document = _document(newer, store, blobs)
    assert document.novelty is None
    assert document.novelty_not_judged == "other_model"
    assert document.verdict.grade == _document(shipped, store, blobs).verdict.grade
    assert not teaching.fits(teaching.newest(store, "default", "upper"), newer)


def test_a_view_that_was_never_taught_is_no_view_taught_otherwise(
    embedding_model: Model, store: Store, blobs: Photos
) -> None:
    assert _document(embedding_model, store, blobs).novelty_not_judged is None


def test_the_scale_at_which_a_model_sees_belongs_to_its_features(
    embedding_model: Model, tmp_path: Path
) -> None:
    folder = tmp_path / "coarser"
    shutil.copytree(embedding_model.folder, folder)
    manifest = json.loads((folder / registry.MANIFEST_FILE).read_text())
    (folder / registry.MANIFEST_FILE).write_text(json.dumps(manifest | {"mm_per_px": 0.2}))
    coarser = registry.open_model(folder, threads=1)
    assert coarser.manifest.sha256 == embedding_model.manifest.sha256
    assert coarser.features_sha256 != embedding_model.features_sha256


def test_a_bank_of_before_features_were_told_apart_fits_its_own_file(
    embedding_model: Model, tmp_path: Path
) -> None:
    bank = teach([good_photo(seed) for seed in range(6)], Lesson("default", "upper", embedding_model)).bank
    assert bank.features_sha256 == embedding_model.features_sha256
    with np.load(io.BytesIO(bank_to_bytes(bank))) as archive:
        arrays = dict(archive)
    header = json.loads(bytes(arrays["header"]))
    del header["features_sha256"]
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    body = io.BytesIO()
    np.savez(body, **arrays)
    older = bank_of_bytes(body.getvalue())
    newer = _another(embedding_model, tmp_path / "newer", HEAD)
    for model, fits in ((embedding_model, True), (newer, False)):
        assert fits is model.gives_features_of(
            model_sha256=older.model_sha256, features_sha256=older.features_sha256
        )


def test_a_model_without_a_digest_fits_its_own_banks_alone(embedding_model: Model) -> None:
    in_torch = replace(embedding_model, features_sha256=None)
    own = embedding_model.manifest.sha256
    assert in_torch.gives_features_of(model_sha256=own, features_sha256="0" * 64)
    assert not in_torch.gives_features_of(model_sha256="1" * 64, features_sha256="0" * 64)


# On the command line


def _welt(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli.welt, [str(argument) for argument in arguments])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a models folder of its own and good photos in ``good/``."""
    factories.write_models(tmp_path / "models", embedding=True)
    for name, value in running.environment(tmp_path / "data", tmp_path / "models").items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good").mkdir()
    for seed in range(8):
        (tmp_path / "good" / f"{seed}.png").write_bytes(factories.encode_png(good_rgb(seed)))
    return tmp_path


def test_one_command_teaches_the_stored_photos_again(folder: Path) -> None:
    teach_first = ("teach", "default", "good", "--mm-per-px", "0.1", "--false-rejects", "0.05")
    assert _welt(*teach_first).exit_code == 0
    shutil.rmtree(folder / "good")
    _rewrite(folder / "models" / "dark-spots" / "1", _lightest_first)
    photo = folder / "new.png"
    photo.write_bytes(factories.encode_png(good_rgb(60)))
    inspect = ("inspect", photo, "--mm-per-px", "0.1")
    told = _welt(*inspect)
    assert told.exit_code == 0
    assert "novelty is not judged" in told.output
    assert "welt teach default --view upper --again" in told.output
    again = _welt("teach", "default", "--view", "upper", "--again")
    assert again.exit_code == 0, again.output
    assert "now     default/upper version 2  8 photos" in again.output
    assert "false rejects 5.00% asked" in again.output
    assert "novelty is not judged" not in _welt(*inspect).output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--again",), "was not taught"),
        (("good", "--again"), "goes with no others"),
        (("--again", "--add"), "goes with no others"),
    ],
)
def test_again_without_stored_photos_or_with_others_is_told(
    folder: Path, arguments: tuple[str, ...], words: str
) -> None:
    answer = _welt("teach", "default", *arguments)
    assert answer.exit_code != 0
    assert words in answer.output
