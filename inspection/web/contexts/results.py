"""What the list of results shows, and the screen for the shop floor."""

from __future__ import annotations

from dataclasses import dataclass

from inspection.document import ResultDocument
from inspection.store.inspections import StoredInspection
from inspection.web.contexts.filters import Choices, FilterForm, NamedKind, named_kind
from inspection.web.contexts.frame import Moment, Zone
from inspection.web.i18n import Words
from inspection.web.pictures import drawing_version

__all__ = ["FloorContext", "ResultsContext", "Row", "RowsContext", "overlay_url", "review_state", "row_of"]

ROW_REASONS = 3
"""Reasons told in a row of the list; the rest are on the result's own page."""
THUMBNAIL_PX = 320
"""Longer side of the pictures in lists: sharp on a tablet's dense screen at 132 CSS pixels."""
FLOOR_PICTURE_PX = 1280
"""Longer side of the picture on the shop-floor screen, which shows it at about half of 1920 pixels."""


@dataclass(frozen=True)
class Row:
    """A result in a list.

    Attributes
    ----------
    sequence : its position in the feed; the list asks for what came after the highest.
    grade : what holds now; ``first_grade`` is the line's.
    headline : the first reason, or that there is none; ``more_reasons`` the next few;
        ``reasons_left_out`` counts the rest.
    review : ``agreed``, ``overridden``, or None when nobody has reviewed it.
    """

    result_id: str
    sequence: int
    url: str
    thumbnail_url: str
    picture_url: str
    grade: str
    first_grade: str
    headline: str
    more_reasons: tuple[str, ...]
    reasons_left_out: int
    kinds: tuple[NamedKind, ...]
    station: str
    view: str
    part_id: str | None
    lot_id: str | None
    style: str | None
    created_at: Moment
    review: str | None
    revision: int

    @property
    def reasons(self) -> tuple[str, ...]:
        """The reasons that are told here."""
        return (self.headline, *self.more_reasons)


def row_of(stored: StoredInspection, *, words: Words, zone: Zone, form: FilterForm) -> Row:
    """A stored result as a row."""
    record = stored.record
    document = ResultDocument.model_validate_json(record.document)
    reasons = list(dict.fromkeys(words.reason(reason) for reason in document.verdict.reasons))
    told = reasons[:ROW_REASONS] or [words("results.good")]
    return Row(
        result_id=record.result_id,
        sequence=stored.sequence,
        url=form.url(f"/results/{record.result_id}"),
        thumbnail_url=overlay_url(record.result_id, f"side_px={THUMBNAIL_PX}"),
        picture_url=overlay_url(record.result_id, f"side_px={FLOOR_PICTURE_PX}&labels=false"),
        grade=stored.final_grade.value,
        first_grade=record.grade.value,
        headline=told[0],
        more_reasons=tuple(told[1:]),
        reasons_left_out=max(0, len(reasons) - ROW_REASONS),
        kinds=tuple(named_kind(kind, words) for kind in sorted(record.kinds)),
        station=record.station,
        view=words.named("view", document.view),
        part_id=record.part_id,
        lot_id=record.lot_id,
        style=record.style,
        created_at=zone.show(record.created_at),
        review=review_state(stored),
        revision=stored.review_revision,
    )


def overlay_url(result_id: str, *wanted: str) -> str:
    """Address of a drawing, which browsers may keep until another version of Welt draws otherwise.

    Parameters
    ----------
    wanted : query parameters of the drawing, such as ``side_px=320``.
    """
    return f"/api/v1/inspections/{result_id}/overlay?{'&'.join((*wanted, f'v={drawing_version()}'))}"


def review_state(stored: StoredInspection) -> str | None:
    if stored.review_revision == 0:
        return None
    return "agreed" if stored.final_grade is stored.record.grade else "overridden"


@dataclass(frozen=True)
class ResultsContext:
    """results.html and _rows.html.

    Attributes
    ----------
    held : True on older pages, where new results do not belong.
    rows_url : where the live list asks for what is new.
    problem : why a filter could not be applied.
    example : commands that post a photo, for the empty list.
    """

    rows: tuple[Row, ...]
    filters: FilterForm
    choices: Choices
    held: bool
    rows_url: str
    newest_url: str
    older_url: str | None
    floor_url: str
    example: str
    problem: str | None = None


@dataclass(frozen=True)
class RowsContext:
    """_rows.html alone: what the live list adds."""

    rows: tuple[Row, ...]


@dataclass(frozen=True)
class FloorContext:
    """floor.html and _floor.html: the last result huge, those before it as a strip."""

    last: Row | None
    strip: tuple[Row, ...]
    list_url: str
    part_url: str
