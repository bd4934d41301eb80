"""The printable report of a lot, as PDF: plan, counts, curve, photos of the worst, signatures."""

from __future__ import annotations

import io
from collections.abc import Sequence

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from inspection.lotkeeping import LotState
from inspection.lots import Counting, SinglePlan, binomial_pa, poisson_pa
from inspection.web.i18n import Words

__all__ = ["build_report"]

FONT = "STSong-Light"
"""Chinese and Latin by the viewer's own font: nothing is embedded, and common viewers have one for it."""
MARGIN = 18 * mm
LINE = 5.2 * mm
PICTURE = (54 * mm, 40.5 * mm)


class _Sheet:
    """Writes from the top of a page to its bottom, then on the next."""

    def __init__(self, canvas: Canvas, footer: str) -> None:
        self._canvas = canvas
        self._footer = footer
        self._page = 0
        self.y = 0.0
        self.turn()

    def turn(self) -> None:
        """Begin a page."""
        if self._page:
            self._canvas.showPage()
        self._page += 1
        self.y = A4[1] - MARGIN
        self._canvas.setFont(FONT, 8)
        self._canvas.drawString(MARGIN, 10 * mm, self._footer)
        self._canvas.drawRightString(A4[0] - MARGIN, 10 * mm, str(self._page))

    def room(self, height: float) -> None:
        """Turn the page if so much does not fit."""
        if self.y - height < MARGIN:
            self.turn()

    def text(self, text: str, *, size: float = 10, indent: float = 0) -> None:
        """One line, or more where it is too long."""
        for part in _wrapped(text, size, A4[0] - 2 * MARGIN - indent):
            self.room(LINE)
            self._canvas.setFont(FONT, size)
            self.y -= max(LINE, size * 1.4)
            self._canvas.drawString(MARGIN + indent, self.y, part)

    def row(self, cells: Sequence[str], widths: Sequence[float], *, head: bool = False) -> None:
        """One row of a table."""
        self.room(LINE)
        self.y -= LINE
        x = MARGIN
        self._canvas.setFont(FONT, 9)
        for cell, width in zip(cells, widths, strict=True):
            self._canvas.drawString(x + 1, self.y, cell)
            x += width
        self._canvas.setStrokeColor(colors.black if head else colors.lightgrey)
        self._canvas.line(MARGIN, self.y - 1.4 * mm, A4[0] - MARGIN, self.y - 1.4 * mm)


def _wrapped(text: str, size: float, width: float) -> list[str]:
    lines, line = [], ""
    for letter in text:
        if pdfmetrics.stringWidth(line + letter, FONT, size) > width:
            lines.append(line)
            line = ""
        line += letter
    return [*lines, line]


def build_report(
    state: LotState,
    *,
    words: Words,
    facts: Sequence[tuple[str, str]],
    pictures: Sequence[tuple[str, bytes]],
    printed: str,
    printed_by: str,
    standards: Sequence[str],
) -> bytes:
    """The report as PDF bytes.

    Parameters
    ----------
    facts : what was agreed, name and value.
    pictures : (caption, JPEG) of the worst, worst first.
    printed, printed_by : when and by whom, as shown.
    standards : what the photos were graded by, with edition.
    """
    pdfmetrics.registerFont(UnicodeCIDFont(FONT))
    target = io.BytesIO()
    canvas = Canvas(target, pagesize=A4, invariant=1)
    lot = state.lot
    title = words("lots.report_title", lot=lot.new.lot_id)
    canvas.setTitle(title)
    sheet = _Sheet(canvas, words("lots.report_footer", at=printed, who=printed_by))
    sheet.text(title, size=16)
    decision = "open" if lot.decision is None else lot.decision.value
    sheet.text(words(f"lots.decision.{decision}"), size=13)
    acceptable = {True: "yes", False: "no", None: "open"}[state.acceptable]
    sheet.text(words(f"lots.plan_says.{acceptable}"))
    if state.not_yet:
        sheet.text(words.sentence(state.not_yet))
    progress = state.progress
    sheet.text(
        words("lots.progress", came=progress.came, wanted=progress.wanted, bad=len(progress.nonconforming))
    )
    for name, value in facts:
        sheet.text(f"{name}: {value}")
    if lot.plan is not None:
        _plan(sheet, state, words)
        _curves(sheet, canvas, state, words)
    sheet.text("")
    sheet.text(words("lots.report_standards", standards="; ".join(standards) or "–"))
    sheet.text(words("lots.report_house"), size=9)
    _history(sheet, state, words)
    _pictures(sheet, canvas, pictures, words)
    _signatures(sheet, canvas, words)
    canvas.save()
    return target.getvalue()


def _plan(sheet: _Sheet, state: LotState, words: Words) -> None:
    plan = state.lot.plan
    assert plan is not None
    sheet.text("")
    sheet.text(words("lots.plan", edition=plan.edition), size=12)
    widths = [w * mm for w in (26, 16, 24, 16, 22, 20, 20, 20)]
    heads = ("class", "aql", "table", "letter", "inspect", "accept", "refuse_at", "found")
    sheet.row([words(f"lots.{head}") for head in heads], widths, head=True)
    for one in plan.classes:
        single, tally = one.plan, state.progress.tallies[one.severity]
        table = "–" if single.aql.none_allowed else words(f"lots.table.{single.strictness.value}")
        sheet.row(
            [
                words(f"severity.{one.severity.value}"),
                str(single.aql),
                table,
                single.letter,
                f"{tally.inspected} / {single.inspect}",
                str(single.accept),
                str(single.reject),
                str(tally.found),
            ],
            widths,
        )


def _curves(sheet: _Sheet, canvas: Canvas, state: LotState, words: Words) -> None:
    plan = state.lot.plan
    assert plan is not None
    for one in plan.classes:
        single = one.plan
        if single.every_item or single.aql.none_allowed:
            continue
        sheet.room(52 * mm)
        sheet.text(words("lots.oc_label", severity=words(f"severity.{one.severity.value}")))
        _curve(canvas, single, MARGIN + 10 * mm, sheet.y - 42 * mm, words)
        sheet.y -= 48 * mm


def _curve(canvas: Canvas, plan: SinglePlan, x: float, y: float, words: Words) -> None:
    width, height = 110 * mm, 38 * mm
    pa = binomial_pa if plan.counting is Counting.ITEMS else poisson_pa
    end = min(100.0, float(plan.aql.value) * 6)
    canvas.setFont(FONT, 7)
    canvas.setStrokeColor(colors.lightgrey)
    for step in range(5):
        level = y + height * step / 4
        canvas.line(x, level, x + width, level)
        canvas.drawRightString(x - 1 * mm, level - 1 * mm, f"{25 * step} %")
        canvas.drawCentredString(x + width * step / 4, y - 3.2 * mm, f"{end * step / 4:.3g}")
    canvas.setStrokeColor(colors.grey)
    at = x + width * float(plan.aql.value) / end
    canvas.line(at, y, at, y + height)
    canvas.setStrokeColor(colors.black)
    path = canvas.beginPath()
    for index in range(61):
        quality = end * index / 60
        place = (x + width * index / 60, y + height * pa(plan.sample_size, plan.accept, quality))
        if index:
            path.lineTo(*place)
        else:
            path.moveTo(*place)
    canvas.drawPath(path)
    canvas.drawString(x + width + 2 * mm, y, words("lots.quality"))


def _history(sheet: _Sheet, state: LotState, words: Words) -> None:
    sheet.text("")
    sheet.text(words("lots.history"), size=12)
    for event in state.events:
        comment = event.details.get("comment") or event.details.get("reason") or ""
        told = f"{event.at:%Y-%m-%d %H:%M} UTC  {words(f'lots.event.{event.event.value}')}  {event.who}"
        sheet.text(f"{told}  {comment}".rstrip(), size=9)


def _pictures(sheet: _Sheet, canvas: Canvas, pictures: Sequence[tuple[str, bytes]], words: Words) -> None:
    if not pictures:
        return
    sheet.text("")
    sheet.room(PICTURE[1] + 14 * mm)
    sheet.text(words("lots.worst"), size=12)
    for start in range(0, len(pictures), 3):
        sheet.room(PICTURE[1] + 8 * mm)
        sheet.y -= PICTURE[1] + 2 * mm
        for column, (caption, jpeg) in enumerate(pictures[start : start + 3]):
            x = MARGIN + column * (PICTURE[0] + 4 * mm)
            canvas.drawImage(
                ImageReader(io.BytesIO(jpeg)), x, sheet.y, *PICTURE, preserveAspectRatio=True, anchor="c"
            )
            canvas.setFont(FONT, 7)
            canvas.drawString(x, sheet.y - 3 * mm, caption)
        sheet.y -= 5 * mm


def _signatures(sheet: _Sheet, canvas: Canvas, words: Words) -> None:
    sheet.room(30 * mm)
    sheet.y -= 22 * mm
    canvas.setStrokeColor(colors.black)
    for column, who in enumerate(("inspector", "manager", "customer")):
        x = MARGIN + column * 60 * mm
        canvas.line(x, sheet.y, x + 50 * mm, sheet.y)
        canvas.setFont(FONT, 8)
        canvas.drawString(x, sheet.y - 4 * mm, words(f"lots.sign.{who}"))
