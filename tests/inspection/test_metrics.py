"""Figures agree with slow, plain reference computations."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspection import metrics
from inspection.metrics import Tally

Scores = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


def _photos(seed: int, count: int = 3) -> list[tuple[Scores, Mask]]:
    rng = np.random.default_rng(seed)
    photos = []
    for _ in range(count):
        mask = np.zeros((40, 50), np.uint8)
        for _ in range(int(rng.integers(1, 4))):
            centre = (int(rng.integers(5, 45)), int(rng.integers(5, 35)))
            cv2.circle(mask, centre, int(rng.integers(1, 6)), 1, -1)
        logit = rng.normal(0, 1.5, mask.shape) + 2.0 * mask - 2.0
        photos.append((1 / (1 + np.exp(-logit)), mask.astype(bool)))
    return photos


def _tally(photos: Sequence[tuple[Scores, Mask]]) -> Tally:
    return Tally.total([Tally.of(scores, mask) for scores, mask in photos])


def _sweep(photos: Sequence[tuple[Scores, Mask]]) -> list[float]:
    return sorted({float(value) for scores, _ in photos for value in scores.ravel()}, reverse=True)


def _reference_curve(photos: Sequence[tuple[Scores, Mask]]) -> list[tuple[int, int, int, int]]:
    """(true, false, missed, sound) pixels at each threshold, falling."""
    scores = np.concatenate([one.ravel() for one, _ in photos])
    truth = np.concatenate([mask.ravel() for _, mask in photos])
    points = []
    for threshold in _sweep(photos):
        found = scores >= threshold
        points.append(
            (
                int((found & truth).sum()),
                int((found & ~truth).sum()),
                int((~found & truth).sum()),
                int((~truth).sum()),
            )
        )
    return points


def _reference_ap(photos: Sequence[tuple[Scores, Mask]]) -> float:
    total, before = 0.0, 0.0
    for true, false, missed, _ in _reference_curve(photos):
        recall = true / (true + missed)
        total += (recall - before) * true / (true + false)
        before = recall
    return total


def _reference_aupro(photos: Sequence[tuple[Scores, Mask]], limit: float) -> float:
    regions = []
    for index, (_, mask) in enumerate(photos):
        count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
        regions += [(index, labels == number) for number in range(1, count)]
    sound = sum(int((~mask).sum()) for _, mask in photos)
    points = [(0.0, 0.0)]
    for threshold in _sweep(photos):
        false = sum(int(((scores >= threshold) & ~mask).sum()) for scores, mask in photos)
        overlap = [float((photos[index][0][region] >= threshold).mean()) for index, region in regions]
        points.append((false / sound, float(np.mean(overlap))))
    area = 0.0
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        if x0 >= limit:
            break
        if x1 > limit:
            y1, x1 = y0 + (y1 - y0) * (limit - x0) / (x1 - x0), limit
        area += (x1 - x0) * (y0 + y1) / 2
    return area / limit


def _reference_auroc(photos: Sequence[tuple[Scores, Mask]]) -> float:
    scores = np.concatenate([one.ravel() for one, _ in photos])
    truth = np.concatenate([mask.ravel() for _, mask in photos])
    defect, sound = scores[truth], scores[~truth]
    above = (defect[:, None] > sound[None, :]).mean()
    equal = (defect[:, None] == sound[None, :]).mean()
    return float(above + equal / 2)


@pytest.mark.parametrize("seed", range(3))
def test_average_precision_agrees_with_a_plain_sweep(seed: int) -> None:
    photos = _photos(seed)
    assert _tally(photos).average_precision() == pytest.approx(_reference_ap(photos), abs=2e-3)


@pytest.mark.parametrize("seed", range(3))
def test_auroc_agrees_with_comparing_all_pairs(seed: int) -> None:
    photos = _photos(seed)
    assert _tally(photos).auroc() == pytest.approx(_reference_auroc(photos), abs=1e-3)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("limit", [0.05, 0.3])
def test_aupro_agrees_with_overlapping_every_region_at_every_threshold(seed: int, limit: float) -> None:
    photos = _photos(seed, count=2)
    assert _tally(photos).aupro(limit=limit) == pytest.approx(_reference_aupro(photos, limit), abs=2e-3)


@pytest.mark.parametrize("seed", range(3))
def test_best_f1_agrees_with_a_plain_sweep(seed: int) -> None:
    photos = _photos(seed)
    reference = max(2 * t / (2 * t + f + m) for t, f, m, _ in _reference_curve(photos))
    best = _tally(photos).best_f1()
    assert best.f1 == pytest.approx(reference, abs=2e-3)
    assert _tally(photos).f1_at(best.threshold) == pytest.approx(best.f1, abs=5e-3)


def test_perfect_scores_are_perfect_in_every_figure() -> None:
    mask = _photos(0)[0][1]
    tally = Tally.of(mask.astype(np.float64), mask)
    assert tally.average_precision() == tally.auroc() == tally.best_f1().f1 == tally.f1_at(0.5) == 1
    assert tally.aupro() == pytest.approx(1)


def test_constant_scores_are_no_better_than_chance() -> None:
    mask = _photos(0)[0][1]
    tally = Tally.of(np.full(mask.shape, 0.3), mask)
    assert tally.auroc() == pytest.approx(0.5)
    assert tally.average_precision() == pytest.approx(mask.mean())


def test_a_small_region_counts_as_much_as_a_large_one_in_aupro() -> None:
    mask = np.zeros((60, 60), bool)
    mask[5:35, 5:35] = True
    mask[50:52, 50:52] = True
    only_large = np.where(mask & (np.arange(60) < 40)[:, None], 0.9, 0.1)
    assert Tally.of(only_large, mask).aupro() == pytest.approx(0.5, abs=0.1)


def test_pixels_that_do_not_count_change_nothing() -> None:
    scores, mask = _photos(4)[0]
    valid = np.ones(mask.shape, bool)
    valid[:, :10] = False
    cropped = Tally.of(scores[:, 10:], mask[:, 10:])
    masked = Tally.of(scores, mask, valid=valid)
    np.testing.assert_array_equal(masked.sound, cropped.sound)
    np.testing.assert_allclose(masked.coverage, cropped.coverage)
    assert masked.regions == cropped.regions


@given(seed=st.integers(0, 1000), gain=st.floats(0.3, 3))
@settings(max_examples=15, deadline=None)
def test_stretching_all_scores_alike_changes_no_ranking_figure(seed: int, gain: float) -> None:
    scores, mask = _photos(seed, count=1)[0]
    logit = np.log(scores / (1 - scores))
    before, after = Tally.of(scores, mask), Tally.of(1 / (1 + np.exp(-gain * logit)), mask)
    assert after.average_precision() == pytest.approx(before.average_precision(), abs=0.02)
    assert after.auroc() == pytest.approx(before.auroc(), abs=5e-3)


def test_without_defects_there_is_no_average_precision() -> None:
    tally = Tally.of(np.full((4, 4), 0.5), np.zeros((4, 4), bool))
    assert math.isnan(tally.average_precision())
    assert math.isnan(tally.auroc())
    assert math.isnan(tally.aupro())


def test_the_threshold_lets_the_promised_share_of_sound_photos_pass() -> None:
    sound = np.arange(100) / 100
    threshold = metrics.threshold_at_pass(sound, sound_pass=0.95)
    assert (sound < threshold).sum() == 95


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=60),
    st.floats(0.5, 1),
)
def test_never_more_sound_photos_alarm_than_allowed(sound: list[float], sound_pass: float) -> None:
    threshold = metrics.threshold_at_pass(sound, sound_pass=sound_pass)
    alarms = sum(score >= threshold for score in sound)
    assert alarms <= (1 - sound_pass) * len(sound) + 1e-6


def test_recall_is_the_share_of_defects_above_that_threshold() -> None:
    sound = np.linspace(0, 0.5, 100)
    assert metrics.recall_at_pass([0.1, 0.6, 0.7, 0.9], sound, sound_pass=0.95) == 0.75


def test_a_threshold_needs_sound_photos() -> None:
    with pytest.raises(ValueError, match="sound"):
        metrics.threshold_at_pass([], sound_pass=0.95)


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def test_a_bootstrap_interval_holds_its_value_and_repeats() -> None:
    groups = {f"hide-{i}": list(np.random.default_rng(i).normal(i % 3, 1, 8)) for i in range(9)}
    first, second = metrics.bootstrap(groups, _mean), metrics.bootstrap(groups, _mean)
    assert first == second
    assert first.low < first.value < first.high


def test_hides_that_are_alike_inside_give_wider_intervals_than_single_photos() -> None:
    hides = {f"hide-{i}": [float(i)] * 20 for i in range(6)}
    photos = {f"{hide}-{j}": [value] for hide, values in hides.items() for j, value in enumerate(values)}
    by_hide, by_photo = metrics.bootstrap(hides, _mean), metrics.bootstrap(photos, _mean)
    assert by_hide.high - by_hide.low > 2 * (by_photo.high - by_photo.low)
