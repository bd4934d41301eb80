"""Corners of a board are found where they are; a photo that cannot serve says why and what to do."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import pytest

from inspection.calibration.boards import BOARDS, Board, board_named, find_board
from inspection.domain import Photo
from inspection.errors import BoardError, UnknownNameError
from tests.boards import Array, Camera, camera_over, pose_of, render

A4 = BOARDS["a4"]
SIZE_PX = (960, 720)
MM_PER_PX = 0.3


@lru_cache(maxsize=1)
def camera() -> tuple[Camera, Array]:
    made = camera_over(size_px=SIZE_PX, focal_px=1400)
    return made, made.rays()


def photo(
    board: Board = A4,
    *,
    mm_per_px: float = MM_PER_PX,
    middle_mm: tuple[float, float] | None = None,
    tilt_deg: tuple[float, float] = (12, -9),
    blur_px: float = 0.7,
) -> tuple[Photo, Array]:
    """The board, and its pose."""
    made, rays = camera()
    middle = middle_mm or (board.size_mm[0] / 2, board.size_mm[1] / 2)
    pose = pose_of(made, mm_per_px=mm_per_px, middle_mm=middle, tilt_deg=tilt_deg, spin_deg=4)
    return render(board, made, pose, seed=3, rays=rays, blur_px=blur_px), pose


def of(rgb: np.ndarray) -> Photo:
    return Photo(np.ascontiguousarray(rgb), sha256="0" * 64, media_type="image/png")


def test_corners_are_found_to_a_twentieth_of_a_pixel() -> None:
    taken, pose = photo()
    sighting = find_board(taken, A4, label="plane")
    off = sighting.corners_px - camera()[0].seen(sighting.places_mm, pose)
    assert len(sighting.ids) == A4.corner_count
    assert np.sqrt((off**2).sum(axis=1).mean()) < 0.05
    assert np.abs(off.mean(axis=0)).max() < 0.02  # no half-pixel misunderstanding


def test_the_drawn_board_is_the_one_that_is_looked_for() -> None:
    drawn = np.full((int(A4.size_mm[1] * 10), int(A4.size_mm[0] * 10)), 255, np.uint8)
    for x, y, width, height in A4.black_mm() * 10:
        drawn[round(y) : round(y + height), round(x) : round(x + width)] = 0
    reference = A4.pattern().generateImage(drawn.shape[::-1], marginSize=0)
    assert np.mean(np.abs(drawn.astype(int) - reference) > 128) < 0.005  # edges of cells, by rounding


def test_part_of_a_board_is_enough_when_a_dozen_corners_are_in_view() -> None:
    taken, _ = photo(middle_mm=(40, 30))
    assert 12 <= len(find_board(taken, A4, label="corner").ids) < A4.corner_count


@pytest.mark.parametrize("name", BOARDS)
def test_boards_share_no_marker_and_fit_their_sheet(name: str) -> None:
    board = BOARDS[name]
    width_mm, height_mm = board.size_mm
    paper_mm = {"A4": (297, 210), "A3": (420, 297)}[board.paper]
    assert width_mm + 20 <= paper_mm[0]
    assert height_mm + 30 <= paper_mm[1]  # the ruler and a line of text
    numbers = {other.name: range(other.first_id, other.first_id + other.marker_count)
               for other in BOARDS.values()}  # fmt: skip
    assert max(numbers[name]) < 250
    assert not any(set(numbers[name]) & set(theirs) for other, theirs in numbers.items() if other != name)


def refusal(taken: Photo, board: Board = A4) -> BoardError:
    with pytest.raises(BoardError) as refused:
        find_board(taken, board, label="p1.png")
    assert refused.value.detail.startswith("p1.png: ")
    return refused.value


def test_another_board_is_named() -> None:
    taken, _ = photo(BOARDS["a3"], mm_per_px=0.45)
    error = refusal(taken)
    assert "this is the board a3, not a4" in error.detail
    assert "--board a3" in error.hint


def test_a_board_of_another_layout_with_the_same_markers_is_refused() -> None:
    taken, _ = photo(Board("other", (10, 8), 22.0, 16.0, first_id=0, paper="A4"))
    assert "another size or layout" in refusal(taken).detail


def test_a_mirrored_board_is_told() -> None:
    taken, _ = photo()
    error = refusal(of(taken.rgb[:, ::-1]))
    assert "mirrored" in error.detail
    assert "mirroring" in error.hint


def test_a_cropped_board_is_told_with_its_count() -> None:
    taken, _ = photo()
    error = refusal(of(taken.rgb[200:350, 130:330]))
    assert "cut off by the edge" in error.detail
    assert "of 77 corners" in error.detail


def test_a_covered_board_is_told_from_a_cropped_one() -> None:
    taken, _ = photo(mm_per_px=0.42, tilt_deg=(3, -3))
    rgb = np.full_like(taken.rgb, 120)
    rgb[260:440, 350:560] = taken.rgb[260:440, 350:560]
    error = refusal(of(rgb))
    assert "at least 12 are needed" in error.detail
    assert "Uncover" in error.hint


def test_corners_on_one_line_are_refused() -> None:
    taken, _ = photo(tilt_deg=(0, 0))
    straight = find_board(taken, A4, label="whole")
    rows = straight.corners_px[straight.ids // 11 == 3]
    rgb = np.full_like(taken.rgb, 120)
    top, bottom = int(rows[:, 1].min()), int(rows[:, 1].max()) + 1
    # Two rows of squares round one row of corners.
    rgb[top - 70 : bottom + 70] = taken.rgb[top - 70 : bottom + 70]
    error = refusal(of(rgb))
    assert "lie on one line, which is not enough" in error.detail
    assert "at least three rows of squares" in error.hint
    # Too narrow for a marker: nothing tells it from other things in a row.
    (x, y), (away_x, away_y) = rows[0], rows[-1] - rows[0]
    level = cv2.getRotationMatrix2D((float(x), float(y)), float(np.degrees(np.arctan2(away_y, away_x))), 1)
    turned = cv2.warpAffine(taken.rgb, level, (taken.width_px, taken.height_px))
    half = round(0.4 * np.linalg.norm(rows[1] - rows[0]))
    error = refusal(of(turned[int(y) - half : int(y) + half]))
    assert "no board in the photo, or no more than a strip" in error.detail
    assert "corners in one line are not enough" in error.hint


def test_a_blurred_board_is_told() -> None:
    taken, _ = photo()
    error = refusal(of(cv2.GaussianBlur(taken.rgb, (0, 0), 14)))
    assert "blurred" in error.detail
    assert "Focus" in error.hint


def test_a_photo_without_a_board_is_told() -> None:
    rng = np.random.default_rng(1)
    rgb = np.repeat(rng.integers(0, 255, (240, 320, 1)), 3, axis=2).astype(np.uint8)
    assert "no board" in refusal(of(rgb)).detail
    assert "no board" in refusal(of(np.full((240, 320, 3), 255, np.uint8))).detail


def test_an_unknown_board_lists_the_known_ones() -> None:
    with pytest.raises(UnknownNameError) as refused:
        board_named("a0")
    assert "a4, a3" in refused.value.hint
