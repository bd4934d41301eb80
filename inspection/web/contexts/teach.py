"""What the pages of teaching show."""

from __future__ import annotations

from dataclasses import dataclass

from inspection.web.contexts.frame import Moment, Notice

__all__ = [
    "OfferedPhoto",
    "ShownPreview",
    "ShownSuspect",
    "ShownTeaching",
    "ShownVersion",
    "TaughtView",
    "TeachContext",
    "TeachViewContext",
    "TeachingPart",
]


@dataclass(frozen=True)
class TaughtView:
    """A view of a recipe in the list; ``state`` is a key of words: on, off, never or other_model."""

    recipe: str
    view: str
    name: str
    url: str
    state: str
    version: int
    photos: int


@dataclass(frozen=True)
class TeachContext:
    """teach.html."""

    views: tuple[TaughtView, ...]
    model_teaches: bool


@dataclass(frozen=True)
class ShownVersion:
    """A version in the table; ``promise`` is the interval of its false rejects, in words."""

    number: int
    on: bool
    current: bool
    photos: int
    limit: str
    asked: str
    promise: str
    direct: bool
    photos_needed: int
    why: str
    made_by: str
    made_at: Moment | None


@dataclass(frozen=True)
class OfferedPhoto:
    """A result whose photo may be taught; ``good`` is ticked at first."""

    result_id: str
    thumbnail_url: str
    page_url: str
    grade: str
    good: bool
    at: Moment
    novelty: str


@dataclass(frozen=True)
class ShownSuspect:
    """A photo that a person has to look at; ``why`` is in the viewer's language."""

    sha256: str
    name: str
    score: str
    thumbnail_url: str
    page_url: str
    why: str


@dataclass(frozen=True)
class ShownTeaching:
    """The newest teaching; ``state`` is running, waiting, done, failed or dead."""

    state: str
    percent: int
    by: str
    at: Moment
    url: str
    version: int
    problem: str
    suspects: tuple[ShownSuspect, ...]


@dataclass(frozen=True)
class TeachingPart:
    """_teaching.html by itself, as it asks for itself while a teaching runs."""

    recipe: str
    view: str
    url: str
    may_teach: bool
    teaching: ShownTeaching | None


@dataclass(frozen=True)
class ShownPreview:
    """What another share of false rejects would mean."""

    asked: str
    limit: str
    promise: str
    direct: bool
    photos_needed: int
    results: int
    now: int
    then: int
    more: int
    fewer: int


@dataclass(frozen=True)
class TeachViewContext:
    """teach_view.html."""

    recipe: str
    view: str
    name: str
    url: str
    seen_version: int
    may_teach: bool
    other_model: bool
    versions: tuple[ShownVersion, ...]
    offered: tuple[OfferedPhoto, ...]
    estimate: str
    teaching: ShownTeaching | None
    preview: ShownPreview | None
    false_rejects_percent: str
    notice: Notice | None = None
