"""Gauge studies: how far a measurement can be trusted, from repeated measurements."""

from inspection.gauge.reading import Row, Table, arranged, read_rows
from inspection.gauge.report import Report, html_of, pdf_of
from inspection.gauge.study import ALPHA, Linearity, Source, Study, analyse, linearity
from inspection.gauge.words import LANGUAGES, words_of

__all__ = [
    "ALPHA",
    "LANGUAGES",
    "Linearity",
    "Report",
    "Row",
    "Source",
    "Study",
    "Table",
    "analyse",
    "arranged",
    "html_of",
    "linearity",
    "pdf_of",
    "read_rows",
    "words_of",
]
