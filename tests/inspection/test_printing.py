"""The printed board is the board, at its true size."""

from __future__ import annotations

import base64
import re
import zlib

import numpy as np
import pytest

from inspection.calibration.boards import BOARDS
from inspection.calibration.printing import PAPERS_MM, RULER_MM, board_pdf

PT_PER_MM = 72 / 25.4


def drawing(pdf: bytes) -> str:
    """The page's commands."""
    stream = re.search(rb"stream\r?\n(.*?)~>\s*endstream", pdf, re.S)
    assert stream is not None
    return zlib.decompress(base64.a85decode(stream[1])).decode("latin-1")


@pytest.mark.parametrize("name", BOARDS)
def test_squares_ruler_and_sheet_are_true_to_size(name: str) -> None:
    board = BOARDS[name]
    pdf = board_pdf(board)
    box = re.search(rb"/MediaBox \[ ([\d. ]+) \]", pdf)
    assert box is not None
    assert [float(v) / PT_PER_MM for v in box[1].split()[2:]] == pytest.approx(
        PAPERS_MM[board.paper], abs=0.01
    )
    commands = drawing(pdf)
    rectangles = np.array(
        [[float(v) for v in found] for found in re.findall(r"(\S+) (\S+) (\S+) (\S+) re", commands)]
    ) / PT_PER_MM  # fmt: skip
    assert len(rectangles) == len(board.black_mm())
    squares = rectangles[np.isclose(rectangles[:, 3], board.square_mm, atol=1e-3)]
    assert len(squares) == board.squares[0] * board.squares[1] // 2
    assert np.allclose(squares[:, 2], board.square_mm, atol=1e-3)
    width = (rectangles[:, 0] + rectangles[:, 2]).max() - rectangles[:, 0].min()
    # The last square of the first row is white where the number of columns is even.
    assert width == pytest.approx(board.size_mm[0], abs=0.01)
    lines = np.array([[float(v) for v in found] for found in
                      re.findall(r"(\S+) (\S+) m (\S+) (\S+) l", commands)]) / PT_PER_MM  # fmt: skip
    assert np.max(lines[:, 2] - lines[:, 0]) == pytest.approx(RULER_MM[board.paper], abs=0.01)
    assert lines.min() > 5  # office printers leave 5 mm white
    assert rectangles[:, 1].min() > lines[:, 3].max() + 1  # board and ruler do not touch


def test_the_pdf_asks_not_to_be_scaled_and_is_the_same_every_time() -> None:
    pdf = board_pdf(BOARDS["a4"])
    assert b"/PrintScaling /None" in pdf
    assert pdf == board_pdf(BOARDS["a4"])
