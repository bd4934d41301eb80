"""A view is taught from good photos, and what does not belong is found, measured and graded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from inspection import imaging, pipeline, teaching
from inspection.domain import Finding, Grade, Metadata, Photo
from inspection.errors import ConflictError, NotFoundError, TeachingError
from inspection.novelty import Lesson, teach
from inspection.recipes import Recipe, open_recipes
from inspection.registry import Model
from inspection.standards import open_standards
from inspection.store import Photos, Store, audit, banks
from inspection.store.banks import TaughtPhoto
from tests import factories
from tests.novelty.conftest import good_photo, good_rgb

PAINT = factories.Spot(at_mm=(12.8, 9.6), length_mm=6.0, width_mm=5.0, kind="paint")
HOLE = factories.Spot(at_mm=(12.8, 9.6), length_mm=6.0, width_mm=5.0, kind="hole")
PIXELS = 1_000_000


class _Killed(BaseException):
    """Stands for the end of the process: nothing in the code may catch it."""


@pytest.fixture
def lesson(embedding_model: Model) -> Lesson:
    return Lesson("default", "upper", embedding_model)


def _order(
    recipe: Recipe, blobs: Photos, pictures: Sequence[factories.RGB], **more: object
) -> teaching.Order:
    photos = tuple(
        TaughtPhoto(blobs.put(factories.encode_png(rgb)), f"photo-{number}.png", factories.MODEL_MM_PER_PX)
        for number, rgb in enumerate(pictures)
    )
    return teaching.Order(recipe=recipe, view="upper", photos=photos, **more)  # type: ignore[arg-type]


def _good(count: int, *, first: int = 0, tone: int = 0) -> list[factories.RGB]:
    return [good_rgb(first + number, tone=tone) for number in range(count)]


def _photo(rgb: factories.RGB) -> Photo:
    return imaging.decode(factories.encode_png(rgb), max_pixels=PIXELS)


def _inspect(model: Model, store: Store, blobs: Photos, rgb: factories.RGB) -> Finding:
    known = teaching.Banks(store, blobs)
    known.refresh()
    setup = pipeline.prepare(
        Metadata(station="test", view="upper", mm_per_px=factories.MODEL_MM_PER_PX),
        model=model,
        recipes=open_recipes(),
        standards=open_standards(),
        taught=known.get,
    )
    return pipeline.inspect(_photo(rgb), setup, clock=lambda: 0.0)


# What is found


def test_what_no_kind_explains_is_unknown_with_its_size_and_goes_to_a_person(
    embedding_model: Model, store: Store, blobs: Photos, recipe: Recipe
) -> None:
    before = _inspect(embedding_model, store, blobs, good_rgb(99, PAINT))
    assert before.novelty is None
    assert before.verdict.grade is Grade.A
    lot = teaching.teach(
        _order(recipe, blobs, _good(12)),
        store=store,
        photos=blobs,
        model=embedding_model,
        by="li",
        max_pixels=PIXELS,
    )
    assert lot.version is not None
    assert lot.version.version == 1
    after = _inspect(embedding_model, store, blobs, good_rgb(99, PAINT))
    [defect] = after.defects
    assert defect.kind == "unknown"
    assert defect.length_mm == pytest.approx(6.0, abs=defect.uncertainty_mm)
    assert after.verdict.grade is Grade.RECHECK
    assert after.novelty is not None
    assert after.novelty.percentile == 100.0
    assert after.novelty.score >= after.novelty.limit
    sound = _inspect(embedding_model, store, blobs, good_rgb(98))
    assert sound.defects == ()
    assert sound.verdict.grade is Grade.A


def test_a_known_kind_explains_a_novel_region(
    embedding_model: Model, store: Store, blobs: Photos, recipe: Recipe
) -> None:
    teaching.teach(
        _order(recipe, blobs, _good(12)),
        store=store,
        photos=blobs,
        model=embedding_model,
        by="li",
        max_pixels=PIXELS,
    )
    found = _inspect(embedding_model, store, blobs, good_rgb(99, HOLE))
    assert [defect.kind for defect in found.defects] == ["hole"]
    assert found.novelty is not None
    assert found.novelty.score >= found.novelty.limit


def test_two_zones_are_taught_apart(embedding_model: Model, lesson: Lesson) -> None:
    """Paint that belongs on the left half does not belong on the right one."""
    import numpy as np

    from inspection import novelty, runtime
    from inspection.domain import Zone, ZoneClass

    def zone(name: str, left: float, right: float) -> Zone:
        corners = np.array([(left, 0), (right, 0), (right, 192), (left, 192)], np.float64) - 0.5
        return Zone(name, ZoneClass.PRIMARY, corners)

    zones = (zone("left", 0, 128), zone("right", 128, 256))
    belongs = factories.Spot(at_mm=(6.4, 9.6), length_mm=5, width_mm=5, kind="paint")
    wrong = factories.Spot(at_mm=(19.2, 9.6), length_mm=5, width_mm=5, kind="paint")
    photos = [replace(good_photo(seed, belongs), zones=zones) for seed in range(12)]
    bank = teach(photos, lesson).bank
    assert [one.zone for one in bank.zones] == ["left", "right"]
    spec = embedding_model.spec

    def score(*spots: factories.Spot) -> float:
        maps = runtime.infer(embedding_model.network, good_rgb(50, *spots), photo_mm_per_px=0.1, spec=spec)
        return novelty.look(maps, zones, bank).score

    assert score(belongs, wrong) > 3 * score(belongs)


def test_photos_of_one_part_are_not_divided_among_folds(lesson: Lesson) -> None:
    """Of a part that was photographed twice, the twin would tell the bank all about it."""
    twins = [replace(good_photo(seed % 6), group=f"part-{seed % 6}") for seed in range(12)]
    apart, together = teach([replace(twin, group="") for twin in twins], lesson), teach(twins, lesson)
    highest = [max(taught.scores) * taught.bank.zones[0].unit for taught in (apart, together)]
    assert highest[0] < 0.7 * highest[1]


# What is refused; nothing is overwritten


@pytest.mark.parametrize("count", [0, 1, 4])
def test_too_few_photos_are_refused(lesson: Lesson, count: int) -> None:
    with pytest.raises(TeachingError, match="Too few good photos to teach") as caught:
        teach([good_photo(seed) for seed in range(count)], lesson)
    assert "at least 5" in caught.value.hint


def test_a_photo_of_another_size_is_named(lesson: Lesson) -> None:
    photos = [good_photo(seed) for seed in range(6)]
    photos[3] = replace(photos[3], mm_per_px=0.2)
    with pytest.raises(TeachingError, match=r"good-3 is 512 x 384 px"):
        teach(photos, lesson)


def test_a_model_without_features_cannot_be_taught_with(dark_spot_model: Model) -> None:
    with pytest.raises(TeachingError, match="no features"):
        teach([good_photo(seed) for seed in range(6)], Lesson("default", "upper", dark_spot_model))


def test_photos_of_another_style_do_not_replace_what_was_taught(
    embedding_model: Model, store: Store, blobs: Photos, recipe: Recipe
) -> None:
    def run(order: teaching.Order) -> teaching.Lot:
        return teaching.teach(
            order, store=store, photos=blobs, model=embedding_model, by="li", max_pixels=PIXELS
        )

    run(_order(recipe, blobs, _good(8)))
    lighter = _good(8, first=40, tone=60)
    with pytest.raises(TeachingError, match="another style"):
        run(_order(recipe, blobs, lighter))
    assert [version.version for version in banks.history(store, "default", "upper")] == [1]
    order = _order(recipe, blobs, lighter, replace=True)
    seen = frozenset(photo.sha256 for photo in order.photos)
    assert run(replace(order, keep=seen)).version is not None


@pytest.mark.parametrize(("spot", "words"), [(PAINT, ""), (HOLE, "the network sees a hole")])
def test_a_defect_among_the_good_photos_is_shown_first(
    embedding_model: Model, store: Store, blobs: Photos, recipe: Recipe, spot: factories.Spot, words: str
) -> None:
    order = _order(recipe, blobs, [*_good(9), good_rgb(30, spot)])

    def run(order: teaching.Order) -> teaching.Lot:
        return teaching.teach(
            order, store=store, photos=blobs, model=embedding_model, by="li", max_pixels=PIXELS
        )

    lot = run(order)
    assert lot.version is None
    assert [photo.name for photo, _ in lot.suspects] == ["photo-9.png"]
    suspect = lot.suspects[0][1]
    assert words in suspect.objection
    assert abs(suspect.at_px[0] - 128) < 40
    assert abs(suspect.at_px[1] - 96) < 40
    assert banks.history(store, "default", "upper") == ()
    kept = run(replace(order, keep=frozenset({order.photos[9].sha256})))
    assert kept.version is not None


# Versions


def test_a_teaching_that_is_killed_changes_nothing(
    embedding_model: Model, store: Store, blobs: Photos, recipe: Recipe
) -> None:
    order = _order(recipe, blobs, _good(8))
    teaching.teach(order, store=store, photos=blobs, model=embedding_model, by="li", max_pixels=PIXELS)
    for moment in (0.1, 0.5, 0.9, 1.0):

        def killed(share: float, moment: float = moment) -> None:
            if share >= moment:
                raise _Killed

        with pytest.raises(_Killed):
            teaching.teach(
                order,
                store=store,
                photos=blobs,
                model=embedding_model,
                by="li",
                max_pixels=PIXELS,
                progress=killed,
            )
        known = teaching.Banks(store, blobs)
        known.refresh()
        serving = known.get("default", "upper")
        assert serving is not None
        assert serving.version == 1


def test_versions_go_back_are_switched_off_and_are_audited(
    embedding_model: Model, store: Store, blobs: Photos, recipe: Recipe
) -> None:
    order = _order(recipe, blobs, _good(8))
    teaching.teach(order, store=store, photos=blobs, model=embedding_model, by="li", max_pixels=PIXELS)
    stricter = teaching.change_limit(
        store, blobs, "default", "upper", false_rejects=0.2, by="wang", why="leaks"
    )
    assert stricter.limit < banks.version(store, "default", "upper", 1).limit
    known = teaching.Banks(store, blobs)
    known.refresh()
    assert known.get("default", "upper").version == 2  # type: ignore[union-attr]
    teaching.roll_back(store, "default", "upper", 1, by="wang")
    known.refresh()
    assert known.get("default", "upper").limit == banks.version(store, "default", "upper", 1).limit  # type: ignore[union-attr]
    teaching.switch_off(store, "default", "upper", by="li")
    known.refresh()
    assert known.get("default", "upper") is None
    with pytest.raises(NotFoundError, match="switched off"):
        teaching.change_limit(store, blobs, "default", "upper", false_rejects=0.1, by="li")
    assert [entry.action.value for entry in audit.entries(store, subject="novelty:default/upper")] == [
        "novelty switched off",
        "novelty rolled back",
        "novelty limit changed",
        "novelty taught",
    ]
    assert [version.version for version in banks.history(store, "default", "upper")] == [4, 3, 2, 1]


def test_two_people_who_change_it_at_once_do_not_overwrite_each_other(
    embedding_model: Model, store: Store, blobs: Photos, recipe: Recipe
) -> None:
    order = _order(recipe, blobs, _good(8))
    teaching.teach(order, store=store, photos=blobs, model=embedding_model, by="li", max_pixels=PIXELS)
    teaching.change_limit(store, blobs, "default", "upper", false_rejects=0.2, by="li", seen_version=1)
    with pytest.raises(ConflictError, match="meanwhile"):
        teaching.change_limit(store, blobs, "default", "upper", false_rejects=0.3, by="wang", seen_version=1)


def test_a_damaged_bank_leaves_the_one_before_serving(
    embedding_model: Model, store: Store, blobs: Photos, recipe: Recipe, tmp_path: Path
) -> None:
    order = _order(recipe, blobs, _good(8))
    teaching.teach(order, store=store, photos=blobs, model=embedding_model, by="li", max_pixels=PIXELS)
    known = teaching.Banks(store, blobs)
    known.refresh()
    first = banks.version(store, "default", "upper", 1)
    body = b"not a bank"
    banks.add(
        store,
        replace(first, bank_sha256=blobs.put(body)),
        by="li",
        action=audit.Action.TAUGHT,
        seen_version=1,
    )
    known.refresh()
    assert known.get("default", "upper").version == 1  # type: ignore[union-attr]
    [file] = [
        path for path in (tmp_path / "photos").rglob("*") if path.is_file() and path.read_bytes() == body
    ]
    file.write_bytes(b"damaged by the disk")
    known.refresh()
    assert known.get("default", "upper").version == 1  # type: ignore[union-attr]
    restarted = teaching.Banks(store, blobs)
    restarted.refresh()
    assert restarted.get("default", "upper") is None


def test_a_bank_of_another_network_judges_nothing(
    embedding_model: Model, dark_spot_model: Model, store: Store, blobs: Photos, recipe: Recipe
) -> None:
    order = _order(recipe, blobs, _good(8))
    teaching.teach(order, store=store, photos=blobs, model=embedding_model, by="li", max_pixels=PIXELS)
    assert _inspect(dark_spot_model, store, blobs, good_rgb(99, PAINT)).novelty is None
