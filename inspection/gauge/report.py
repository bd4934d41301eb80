"""The report of a gauge study, as a page (HTML) and as PDF, in English or Chinese."""

from __future__ import annotations

import io
from dataclasses import dataclass
from html import escape

from inspection.gauge.charts import (
    HEIGHT,
    WIDTH,
    Chart,
    components_chart,
    interaction_chart,
    linearity_chart,
    parts_chart,
)
from inspection.gauge.study import Linearity, Study
from inspection.gauge.words import words_of

__all__ = ["Report", "html_of", "pdf_of"]

_MARGIN_PT = 42.0
_CHINESE_FONT = "STSong-Light"  # of PDF's own Asian fonts, so nothing is embedded


@dataclass(frozen=True, eq=False)
class Report:
    """What a report tells.

    Attributes
    ----------
    title, made : heading, and the day as text.
    unit : of the values.
    language : ``en`` or ``zh``.
    """

    title: str
    made: str
    unit: str
    study: Study
    linearity: Linearity | None = None
    language: str = "en"

    @property
    def words(self) -> dict[str, str]:
        """Texts of the language."""
        return words_of(self.language)

    def charts(self) -> list[Chart]:
        """The charts in their order."""
        words, study = self.words, self.study
        value = f"{words['value']} ({self.unit})" if self.unit else words["value"]
        charts = [
            components_chart(
                study,
                title=words["components"],
                axis=words["percent_tv"],
                labels=["GRR", words["ev_short"], words["av_short"], words["pv_short"]],
            ),
            parts_chart(study, title=words["by_part"], axis_x=words["part"], axis_y=value),
            interaction_chart(study, title=words["interaction_plot"], axis_x=words["part"], axis_y=value),
        ]
        if self.linearity is not None:
            charts.append(
                linearity_chart(
                    self.linearity, title=words["linearity"], axis_x=words["reference"], axis_y=words["bias"]
                )
            )
        return charts

    def summary(self) -> str:
        """The judgement in one sentence."""
        study = self.study
        return self.words[f"judgement_{study.judgement}"].format(
            grr=f"{study.share(study.grr):.1f}", ndc=study.ndc
        )

    def anova(self) -> list[list[str]]:
        """Table of the analysis of variance, its header first."""
        words = self.words
        rows = [[words["source"], "DF", "SS", "MS", "F", "p"]]
        for source in self.study.sources:
            rows.append(
                [
                    words[source.name],
                    str(source.df),
                    f"{source.ss:.6g}",
                    f"{source.ms:.6g}",
                    "" if source.f is None else f"{source.f:.4g}",
                    "" if source.p is None else f"{source.p:.4f}",
                ]
            )
        return rows

    def components(self) -> list[list[str]]:
        """Table of the standard deviations, its header first."""
        words, study = self.words, self.study
        header = [words["source"], f"{words['deviation']} ({self.unit})" if self.unit else words["deviation"]]
        header += [words["percent_tv"], *([words["percent_tolerance"]] if study.tolerance else [])]
        rows = [header]
        for name, value in (
            ("grr", study.grr),
            ("repeatability", study.ev),
            ("operator", study.av),
            ("interaction", study.interaction),
            ("part", study.pv),
            ("total", study.tv),
        ):
            of_tolerance = study.of_tolerance(value)
            row = [words[name], f"{value:.5g}", f"{study.share(value):.1f} %"]
            rows.append([*row, *([] if of_tolerance is None else [f"{of_tolerance:.1f} %"])])
        return rows

    def notes(self) -> list[str]:
        """What has to be known to read the numbers."""
        words, study = self.words, self.study
        parts, operators, repeats = study.values.shape
        notes = [
            words["design"].format(parts=parts, operators=operators, repeats=repeats),
            words["pooled" if study.pooled else "not_pooled"],
        ]
        if self.linearity is not None:
            found = self.linearity
            notes.append(
                words["linearity_note"].format(
                    bias=f"{found.bias:.4g} ± {found.bias_uncertainty:.2g}",
                    slope=f"{found.slope:.4g}",
                    intercept=f"{found.intercept:.4g}",
                    slope_p=f"{found.slope_p:.3g}",
                    intercept_p=f"{found.intercept_p:.3g}",
                )
            )
        return [*notes, words["method"]]


def html_of(report: Report) -> str:
    """A page by itself: no script, nothing from elsewhere."""
    tables = "".join(
        f"<h2>{escape(report.words[name])}</h2>{_table(rows)}"
        for name, rows in (("components", report.components()), ("anova", report.anova()))
    )
    charts = "".join(
        f"<figure><figcaption>{escape(chart.title)}</figcaption>{chart.svg()}</figure>"
        for chart in report.charts()
    )
    notes = "".join(f"<li>{escape(note)}</li>" for note in report.notes())
    return f"""<!doctype html>
<html lang="{report.language}"><head><meta charset="utf-8"><title>{escape(report.title)}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; color: #222 }}
body {{ max-width: 62rem; margin: 2rem auto; padding: 0 1rem }}
table {{ border-collapse: collapse; margin: .5rem 0 1.5rem }}
th, td {{ padding: .25rem .8rem; border-bottom: 1px solid #ddd; text-align: right }}
th:first-child, td:first-child {{ text-align: left }}
figure {{ display: inline-block; width: min(29rem, 100%); margin: 0 .5rem 1rem 0; vertical-align: top }}
figcaption {{ font-weight: 600 }}
.{report.study.judgement} {{ border-left: .5rem solid; padding: .5rem 1rem; font-size: 1.15rem }}
.good {{ border-color: #2e7d32 }} .marginal {{ border-color: #b26a00 }} .poor {{ border-color: #c62828 }}
</style></head><body>
<h1>{escape(report.title)}</h1>
<p>{escape(report.made)}</p>
<p class="{report.study.judgement}">{escape(report.summary())}</p>
{tables}
{charts}
<ul>{notes}</ul>
</body></html>
"""


def _table(rows: list[list[str]]) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in rows[0])
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows[1:])
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def pdf_of(report: Report) -> bytes:
    """The same report on A4."""
    from reportlab.graphics.shapes import Circle, Drawing, Polygon, PolyLine, String
    from reportlab.lib.colors import HexColor
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont
    from reportlab.platypus import KeepTogether, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

    font = "Helvetica"
    if report.language == "zh":
        font = _CHINESE_FONT
        pdfmetrics.registerFont(UnicodeCIDFont(font))
    wrap = "CJK" if report.language == "zh" else None
    text = ParagraphStyle("text", fontName=font, fontSize=10, leading=15, wordWrap=wrap)
    big = ParagraphStyle("big", parent=text, fontSize=17, leading=24)
    head = ParagraphStyle("head", parent=text, fontSize=12, leading=20, spaceBefore=8)

    def drawn(chart: Chart) -> Drawing:
        drawing = Drawing(WIDTH, HEIGHT)
        for shape in chart.shapes:
            colour = HexColor(shape.colour)
            points = [(x, HEIGHT - y) for x, y in shape.points]
            flat = [value for point in points for value in point]
            if shape.kind == "text":
                label = shape.text.replace("●", "o")  # which PDF's own fonts lack
                style = {"fontName": font, "fontSize": shape.size, "textAnchor": shape.anchor}
                drawing.add(String(*points[0], label, fillColor=colour, **style))
            elif shape.kind == "dot":
                drawing.add(Circle(*points[0], shape.size, fillColor=colour, strokeColor=None))
            elif shape.kind == "area":
                drawing.add(Polygon(flat, fillColor=colour, strokeColor=None))
            else:
                dash = [4, 3] if shape.dashed else None
                drawing.add(PolyLine(flat, strokeColor=colour, strokeWidth=1.2, strokeDashArray=dash))
        return drawing

    def table(rows: list[list[str]]) -> Table:
        made = Table(rows, hAlign="LEFT")
        made.setStyle(TableStyle([
            ("FONT", (0, 0), (-1, -1), font, 9), ("ALIGN", (1, 0), (-1, -1), "RIGHT"),
            ("LINEBELOW", (0, 0), (-1, -1), 0.3, HexColor("#cccccc")),
        ]))  # fmt: skip
        return made

    story = [Paragraph(escape(report.title), big), Paragraph(escape(report.made), text)]
    story += [Spacer(1, 6), Paragraph(escape(report.summary()), head)]
    for name, rows in (("components", report.components()), ("anova", report.anova())):
        story += [Paragraph(escape(report.words[name]), head), table(rows)]
    for chart in report.charts():
        story.append(KeepTogether([Paragraph(escape(chart.title), head), drawn(chart)]))
    story += [Spacer(1, 8), *(Paragraph(escape(note), text) for note in report.notes())]
    out = io.BytesIO()
    margins = dict.fromkeys(("leftMargin", "rightMargin", "topMargin", "bottomMargin"), _MARGIN_PT)
    SimpleDocTemplate(out, pagesize=A4, title=report.title, invariant=True, **margins).build(story)
    return out.getvalue()
