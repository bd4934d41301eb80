"""The filters of the list of results: what they offer, and how the address carries them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from inspection import taxonomy
from inspection.domain import Grade
from inspection.errors import MetadataError
from inspection.store.inspections import Filters
from inspection.web.contexts.frame import Zone
from inspection.web.i18n import Words

__all__ = ["Choices", "FilterForm", "NamedKind", "choices_of", "named_kind"]


@dataclass(frozen=True)
class FilterForm:
    """The filters as the address carries them; empty texts filter nothing.

    Attributes
    ----------
    grades : of the line's verdict.
    since, until : as ``datetime-local`` fields give them, in the viewer's zone.
    reviewed : ``yes``, ``no`` or empty.
    """

    grades: tuple[str, ...] = ()
    kind: str = ""
    station: str = ""
    style: str = ""
    lot: str = ""
    since: str = ""
    until: str = ""
    reviewed: str = ""

    @property
    def active(self) -> int:
        """How many conditions there are."""
        texts = (self.kind, self.station, self.style, self.lot, self.since, self.until, self.reviewed)
        return bool(self.grades) + sum(map(bool, texts))

    def url(self, path: str, **further: str) -> str:
        """Address of a page under these filters."""
        pairs = [("grade", grade) for grade in self.grades]
        for name in ("kind", "station", "style", "lot", "since", "until", "reviewed"):
            pairs.append((name, getattr(self, name)))
        pairs += further.items()
        query = urlencode([(name, value) for name, value in pairs if value])
        return f"{path}?{query}" if query else path

    def filters(self, zone: Zone) -> Filters:
        """The filters as the store takes them.

        Raises
        ------
        MetadataError : a time that is none; ``detail`` is that text.
        """
        return Filters(
            grades=frozenset(Grade(grade) for grade in self.grades),
            kinds=frozenset({self.kind}) if self.kind else frozenset(),
            station=self.station or None,
            style=self.style or None,
            lot_id=self.lot or None,
            created_from=_time(self.since, zone),
            created_until=_time(self.until, zone),
            reviewed={"yes": True, "no": False}.get(self.reviewed),
        )


def _time(text: str, zone: Zone) -> datetime | None:
    if not text:
        return None
    try:
        return zone.read(text)
    except (ValueError, OverflowError) as error:
        raise MetadataError(text, hint="Write a time as 2026-01-31T08:00.") from error


@dataclass(frozen=True)
class NamedKind:
    """A kind of defect with its name in the viewer's language."""

    id: str
    name: str
    colour: str


@dataclass(frozen=True)
class Choices:
    """What the filters offer."""

    grades: tuple[str, ...]
    kinds: tuple[NamedKind, ...]
    stations: tuple[str, ...]


def choices_of(words: Words, stations: Sequence[str]) -> Choices:
    """What the filters offer: every grade, every kind, the stations that have results."""
    kinds = tuple(named_kind(kind_id, words) for kind_id in taxonomy.KINDS)
    return Choices(grades=tuple(grade.value for grade in Grade), kinds=kinds, stations=tuple(stations))


def named_kind(kind_id: str, words: Words) -> NamedKind:
    """Name and colour of a kind; one that this version does not know keeps its identifier."""
    known = taxonomy.KINDS.get(kind_id, taxonomy.KINDS[taxonomy.UNKNOWN])
    return NamedKind(kind_id, words.kind(kind_id), known.colour)
