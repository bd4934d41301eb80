"""Draws calibration boards as PDF, at true size, with a ruler that shows what the printer made of it."""

from __future__ import annotations

import io
import math

from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from inspection.calibration.boards import Board

__all__ = ["RULER_MM", "board_pdf"]

PAPERS_MM = {"A4": (297.0, 210.0), "A3": (420.0, 297.0)}
"""(width, height), lying on the long side."""
RULER_MM = {"A4": 200.0, "A3": 300.0}
"""Length of the ruler: as long as callipers and steel rulers that workshops have."""
_BELOW_MM = 12.0  # from the lower edge of the sheet to the ruler: office printers leave 5 mm white
_TEXT_MM = 3.0


def board_pdf(board: Board) -> bytes:
    """One sheet with the board, its name, and the ruler below it."""
    width_mm, height_mm = PAPERS_MM[board.paper]
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(width_mm * mm, height_mm * mm), invariant=True, pageCompression=1)
    canvas.setTitle(f"Welt calibration board {board.name}")
    # Tells print dialogues not to fit the page, where they listen.
    canvas.setViewerPreference("PrintScaling", "None")
    left, bottom = (width_mm - board.size_mm[0]) / 2, height_mm - _top_mm(board) - board.size_mm[1]
    canvas.setFillGray(0)
    for x, y, width, height in board.black_mm():
        canvas.rect(
            (left + x) * mm,
            (bottom + board.size_mm[1] - y - height) * mm,
            width * mm,
            height * mm,
            stroke=0,
            fill=1,
        )
    _draw_ruler(canvas, board, width_mm)
    canvas.showPage()
    canvas.save()
    return out.getvalue()


def _top_mm(board: Board) -> float:
    """White above the board: a third of what is left, the ruler takes the rest."""
    return (PAPERS_MM[board.paper][1] - board.size_mm[1]) / 3


def _draw_ruler(canvas: Canvas, board: Board, width_mm: float) -> None:
    length_mm = RULER_MM[board.paper]
    left = (width_mm - length_mm) / 2
    canvas.setLineWidth(0.1 * mm)
    canvas.line(left * mm, _BELOW_MM * mm, (left + length_mm) * mm, _BELOW_MM * mm)
    for tick in range(math.floor(length_mm) + 1):
        high = 4.0 if tick % 10 == 0 else 2.8 if tick % 5 == 0 else 1.6
        canvas.line((left + tick) * mm, _BELOW_MM * mm, (left + tick) * mm, (_BELOW_MM + high) * mm)
    canvas.setFont("Helvetica", _TEXT_MM * mm)
    columns, rows = board.squares
    canvas.drawCentredString(
        width_mm / 2 * mm,
        (_BELOW_MM - _TEXT_MM - 1.5) * mm,
        f"Welt {board.name} · {columns} x {rows} squares of {board.square_mm:g} mm · print at 100 % · "
        f"this ruler has to measure {length_mm:g} mm",
    )
