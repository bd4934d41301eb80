"""Photos reach the network at its scale, in tiles that join without a seam."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspection import preprocess
from inspection.errors import ScaleError

SIDES = st.integers(1, 900)


def test_a_photo_of_half_the_scale_is_halved() -> None:
    rgb = np.zeros((480, 640, 3), np.uint8)
    assert preprocess.to_model_scale(rgb, photo_mm_per_px=0.1, model_mm_per_px=0.2).shape == (240, 320, 3)


def test_a_coarser_photo_is_enlarged() -> None:
    rgb = np.zeros((100, 60, 3), np.uint8)
    assert preprocess.to_model_scale(rgb, photo_mm_per_px=0.3, model_mm_per_px=0.15).shape == (200, 120, 3)


def test_a_photo_without_a_scale_stays_as_it_is() -> None:
    rgb = np.zeros((48, 64, 3), np.uint8)
    assert preprocess.to_model_scale(rgb, photo_mm_per_px=None, model_mm_per_px=0.15) is rgb


def test_a_photo_of_the_models_scale_is_not_resampled() -> None:
    rgb = np.zeros((48, 64, 3), np.uint8)
    assert preprocess.to_model_scale(rgb, photo_mm_per_px=0.1501, model_mm_per_px=0.15) is rgb


def test_shrinking_averages_so_that_a_thin_line_fades_instead_of_vanishing() -> None:
    rgb = np.full((64, 64, 3), 200, np.uint8)
    rgb[:, 31] = 0
    small = preprocess.to_model_scale(rgb, photo_mm_per_px=0.05, model_mm_per_px=0.2)
    assert small[:, 7].max() == 150


def test_a_photo_far_too_coarse_is_refused_with_the_scale_that_would_do() -> None:
    rgb = np.zeros((10, 10, 3), np.uint8)
    with pytest.raises(ScaleError) as caught:
        preprocess.to_model_scale(rgb, photo_mm_per_px=5.0, model_mm_per_px=0.15)
    assert "1.2 mm per pixel" in caught.value.hint


def test_a_photo_that_would_fill_the_memory_is_refused() -> None:
    with pytest.raises(ScaleError):
        preprocess.model_size((8000, 8000), photo_mm_per_px=0.6, model_mm_per_px=0.15)


def test_even_one_pixel_stays_one_pixel() -> None:
    assert preprocess.model_size((1, 1), photo_mm_per_px=0.01, model_mm_per_px=0.2) == (1, 1)


@given(width=SIDES, height=SIDES)
def test_tiles_cover_every_pixel_and_stay_inside_the_padded_photo(width: int, height: int) -> None:
    tiles = preprocess.plan_tiles(width, height, tile_px=256, overlap_px=64, multiple=32)
    full_width, full_height = -(-width // 32) * 32, -(-height // 32) * 32
    covered = np.zeros((full_height, full_width), bool)
    for tile in tiles:
        assert tile.x % 32 == tile.y % 32 == tile.width % 32 == tile.height % 32 == 0
        assert tile.x + tile.width <= full_width
        assert tile.y + tile.height <= full_height
        covered[tile.y : tile.y + tile.height, tile.x : tile.x + tile.width] = True
    assert covered.all()
    assert len(set(tiles)) == len(tiles)


@given(width=SIDES, height=SIDES)
def test_neighbouring_tiles_share_at_least_the_overlap(width: int, height: int) -> None:
    tiles = preprocess.plan_tiles(width, height, tile_px=256, overlap_px=64, multiple=32)
    starts = sorted({tile.x for tile in tiles})
    assert all(after - before <= tiles[0].width - 64 for before, after in itertools.pairwise(starts))


@given(width=SIDES, height=SIDES)
def test_tiles_are_few_and_no_longer_than_that_needs(width: int, height: int) -> None:
    tiles = preprocess.plan_tiles(width, height, tile_px=256, overlap_px=64, multiple=32)
    across, full = len({tile.x for tile in tiles}), -(-width // 32) * 32
    assert across == max(1, -(-(full - 64) // (256 - 64)))  # the fewest that can cover it
    shorter = tiles[0].width - 32
    assert across == 1 or across * (shorter - 64) + 64 < full  # so many of 32 px less could not
    assert len({(tile.width, tile.height) for tile in tiles}) == 1


def test_tiles_that_do_not_suit_the_network_are_refused() -> None:
    with pytest.raises(ValueError, match="overlap_px 300"):
        preprocess.plan_tiles(10, 10, tile_px=256, overlap_px=300, multiple=32)


def test_padding_mirrors_the_photo_at_its_right_and_bottom_edge() -> None:
    rgb = np.arange(30 * 31 * 3, dtype=np.uint32).reshape(30, 31, 3).astype(np.uint8)
    padded = preprocess.pad(rgb, multiple=32)
    assert padded.shape == (32, 32, 3)
    np.testing.assert_array_equal(padded[:30, :31], rgb)
    np.testing.assert_array_equal(padded[30], padded[28])
    np.testing.assert_array_equal(padded[:, 31], padded[:, 29])


@given(width=st.integers(1, 400), height=st.integers(1, 400))
def test_blending_gives_back_what_the_tiles_were_cut_from(width: int, height: int) -> None:
    stride, overlap = 4, 32
    tiles = preprocess.plan_tiles(width, height, tile_px=128, overlap_px=overlap, multiple=32)
    full = np.random.default_rng(width).random((2, -(-height // 32) * 8, -(-width // 32) * 8), np.float32)
    planes = [
        full[:, t.y // 4 : (t.y + t.height) // 4, t.x // 4 : (t.x + t.width) // 4].copy() for t in tiles
    ]
    joined = preprocess.blend(planes, tiles, stride=stride, overlap_px=overlap)
    np.testing.assert_allclose(joined, full, atol=1e-6)


def test_blending_changes_over_from_one_tile_to_the_next_without_a_step() -> None:
    tiles = preprocess.plan_tiles(224, 32, tile_px=128, overlap_px=32, multiple=32)
    planes = [np.full((1, 16, 64), float(i), np.float32) for i in range(len(tiles))]
    row = preprocess.blend(planes, tiles, stride=2, overlap_px=32)[0, 8]
    assert np.all(np.diff(row) >= 0)
    assert np.diff(row).max() < 0.1


@given(width=st.integers(1, 200), height=st.integers(1, 200), stride=st.sampled_from([1, 2, 4]))
def test_a_fitted_grid_shares_its_outer_edges_with_the_photo(width: int, height: int, stride: int) -> None:
    columns = -(-width // 32) * 32 // stride
    rows = -(-height // 32) * 32 // stride
    centres = (np.arange(columns, dtype=np.float32) + 0.5) * stride  # model pixels from the left edge
    grid = np.broadcast_to(centres, (1, rows, columns)).copy()
    fitted = preprocess.fit_grid(grid, size_px=(width, height), stride=stride)
    cells = -(-width // stride)
    assert fitted.shape == (1, -(-height // stride), cells)
    expected = (np.arange(cells) + 0.5) * width / cells
    inner = expected >= stride / 2  # nearer to the edge than half a cell there is nothing to interpolate from
    np.testing.assert_allclose(fitted[0, 0][inner], expected[inner], atol=0.05 * stride)
