"""Words of the pages in the viewer's language.

One flat JSON catalogue per language, ``locales/<id>.json``: key to text, with ``{name}`` where a value goes
and ``{name:photo|photos}`` where a word goes by its number. English is the reference: a test holds every
other catalogue to the same keys and the same values. Kinds of defect have their names in ``taxonomy``;
reasons are told anew from their rule, kind and numbers, so that no English sentence of a stored result shows
up on a Chinese page.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from inspection import taxonomy
from inspection.errors import StandardError, WeltError
from inspection.grading import (
    CALIBRATION_REASONS,
    COMBINATION_REASON,
    CUT_OFF_REASON,
    LOCATION_REASON,
    SCALE_REASON,
    TOO_MANY_REASON,
    UNREADABLE_REASON,
)
from inspection.standards import Quantity, Scope
from inspection.web.phrases import Phrases, open_phrases

__all__ = ["LANGUAGES", "Language", "ToldReason", "Words", "choose_language", "open_words"]

_GROUPED = frozenset(quantity.value for quantity in Quantity if quantity.scope is Scope.GROUP)
LOCALES = Path(__file__).parent / "locales"


@dataclass(frozen=True)
class Language:
    """A language that the pages speak.

    Attributes
    ----------
    id : name of its catalogue, value of the cookie.
    html : for the ``lang`` attribute; it also picks the right CJK glyphs.
    name : in the language itself.
    """

    id: str
    html: str
    name: str


LANGUAGES: dict[str, Language] = {
    language.id: language for language in (Language("en", "en", "English"), Language("zh", "zh-Hans", "中文"))
}
DEFAULT_LANGUAGE = "en"


class _Number(int):
    """A value of a text that also chooses the word that goes by it."""

    def __format__(self, form: str) -> str:
        one, either, many = form.partition("|")
        if not either:
            return super().__format__(form)
        return one if self == 1 else many


class ToldReason(Protocol):
    """What of a reason its sentence is made of; both the domain's and the document's reasons have it."""

    @property
    def rule(self) -> str: ...
    @property
    def grade(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def quantity(self) -> str | None: ...
    @property
    def kind(self) -> str | None: ...
    @property
    def zone(self) -> str | None: ...
    @property
    def measured(self) -> float | None: ...
    @property
    def uncertainty(self) -> float | None: ...
    @property
    def limit(self) -> float | None: ...
    @property
    def unit(self) -> str | None: ...
    @property
    def severity(self) -> str | None: ...
    @property
    def seam(self) -> int | None: ...
    @property
    def least(self) -> bool: ...
    @property
    def expected(self) -> str | None: ...


@dataclass(frozen=True)
class Words:
    """One language: call it with a key for its text.

    Attributes
    ----------
    texts : the catalogue.
    phrases : the sentences of errors, which are raised in English.
    """

    language: Language
    texts: Mapping[str, str]
    phrases: Phrases = field(default_factory=Phrases)

    def __call__(self, key: str, **values: object) -> str:
        """Text of a key with its values filled in; KeyError for a key that does not exist."""
        return self.texts[key].format(
            **{name: _Number(value) if isinstance(value, int) else value for name, value in values.items()}
        )

    def has(self, key: str) -> bool:
        """Whether the catalogue has a text of its own for the key, such as the name of a zone that ships."""
        return key in self.texts

    def sentence(self, english: str) -> str:
        """A sentence of an error in this language, or as it was raised where that is not known."""
        translated = self.phrases.tell(english)
        if translated is not None:
            return translated
        first = english.partition(" ")[0]
        return english[:1].upper() + english[1:] if first.isalpha() else english

    def error(self, error: WeltError) -> str:
        """What happened and what to do, as the text of a notice."""
        return self._told(error.detail, error.hint)

    def _told(self, happened: str, to_do: str) -> str:
        happened, to_do = self.sentence(happened), self.sentence(to_do)
        stop = "。" if self.language.id == "zh" else "."
        return self.joined((f"{happened.rstrip(stop)}{stop}", to_do))

    def joined(self, sentences: Iterable[str]) -> str:
        """Whole sentences one after the other."""
        return ("" if self.language.id == "zh" else " ").join(sentences)

    def faults(self, error: StandardError) -> tuple[str, ...]:
        """Each fault of a standard's file with what to do about it."""
        return tuple(self._told(wrong, to_do) for wrong, to_do in error.faults)

    def kind(self, kind_id: str) -> str:
        """Name of a kind of defect."""
        kind = taxonomy.KINDS.get(kind_id)
        if kind is None:  # a result of a newer or foreign model
            return kind_id.replace("_", " ")
        return kind.zh if self.language.id == "zh" else kind.en

    def named(self, group: str, name: str) -> str:
        """Name of something that recipes may call as they like: translated where it ships, else as it is."""
        key = f"{group}.{name}"
        return self.texts[key] if key in self.texts else name.replace("_", " ").replace("-", " ")

    def number(self, value: float, unit: str | None, uncertainty: float | None = None) -> str:
        """A measured value with its unit; a plain number, such as a count, has the unit None."""
        text = self.same_digits(value, value) if unit is not None else f"{value:g}"
        if uncertainty:
            is_count = unit is None and float(uncertainty).is_integer()
            text += f" ± {uncertainty:g}" if is_count else f" ± {self.same_digits(uncertainty, value)}"
        return f"{text} {unit}" if unit else text

    def same_digits(self, value: float, beside: float) -> str:
        """A value with as many decimals as the number beside it has: three figures, at most two decimals."""
        size = abs(beside)
        return f"{value:.{0 if size >= 100 else 1 if size >= 10 else 2}f}"

    def limit(self, value: float, unit: str | None) -> str:
        """A limit as it was written, with its unit."""
        return f"{value:g} {unit}" if unit else f"{value:g}"

    def reason(self, reason: ToldReason) -> str:
        """One sentence that tells a reason."""
        if reason.rule == SCALE_REASON:
            return self("reason.scale")
        if reason.rule in CALIBRATION_REASONS.values():
            return self(f"reason.{reason.rule}")
        if reason.rule == LOCATION_REASON:
            return self("reason.location")
        if reason.rule == CUT_OFF_REASON and reason.measured is not None:
            zone = self.named("zone", reason.zone or "photo")
            return self("reason.cut_off", zone=zone, share=f"{reason.measured:.0f}")
        if reason.rule == TOO_MANY_REASON and reason.measured is not None and reason.limit is not None:
            return self("reason.too_many", found=f"{reason.measured:.0f}", listed=f"{reason.limit:.0f}")
        if reason.rule == COMBINATION_REASON and reason.measured is not None and reason.limit is not None:
            severity = self(f"severity.{reason.severity or 'minor'}")
            return self(
                "reason.combination",
                faults=round(reason.measured),
                severity=severity,
                allowed=round(reason.limit),
            )
        if reason.rule == UNREADABLE_REASON and reason.seam is not None:
            zone = self.named("zone", reason.zone or "photo")
            return self("reason.seam_unreadable", seam=reason.seam + 1, zone=zone)
        if reason.quantity is None:
            return reason.message
        if reason.kind is None:
            return self._window(reason)
        kind = self("list.and").join(self.kind(kind) for kind in reason.kind.split(", "))
        # What is of all zones of a class names the classes.
        group = "zone_class" if reason.quantity in _GROUPED else "zone"
        zone = self("list.and").join(self.named(group, name) for name in (reason.zone or "photo").split(", "))
        if reason.quantity == "present" or reason.measured is None or reason.limit is None:
            told = "look" if reason.grade == "recheck" else "present"
            return self(f"reason.{told}", kind=kind, zone=zone)
        told = "near" if reason.grade == "recheck" and reason.uncertainty else "over"
        key = f"reason.{reason.quantity}.{told}"
        if key not in self.texts:
            return reason.message
        return self(
            key,
            kind=kind,
            zone=zone,
            measured=self.number(reason.measured, reason.unit or None, reason.uncertainty),
            limit=self.limit(reason.limit, reason.unit),
        )

    def _window(self, reason: ToldReason) -> str:
        """Sentence on a measured value of a seam or a pair that is outside its window."""
        name = f"quantity.{reason.quantity}"
        if name not in self.texts or reason.limit is None:
            return reason.message
        where = self("reason.of_pair")
        if reason.expected is not None:
            where = self("reason.of_expected", name=self.named("seam", reason.expected))
        elif reason.seam is not None:
            zone = self.named("zone", reason.zone or "photo")
            where = self("reason.of_seam", seam=reason.seam + 1, zone=zone)
        if reason.measured is None:
            return self("reason.window.unknown", name=self(name), where=where)
        told = "near" if reason.grade == "recheck" else "over"
        bound = "at_least" if reason.least else "at_most"
        return self(
            f"reason.window.{bound}.{told}",
            name=self(name),
            where=where,
            measured=self.number(reason.measured, reason.unit or None, reason.uncertainty),
            limit=self.limit(reason.limit, reason.unit),
        )


def open_words(folder: Path = LOCALES) -> dict[str, Words]:
    """Read the catalogue of every language."""
    return {
        language.id: Words(
            language,
            texts=json.loads((folder / f"{language.id}.json").read_text(encoding="utf-8")),
            phrases=open_phrases(language.id),
        )
        for language in LANGUAGES.values()
    }


def choose_language(cookie: str | None, accept_language: str) -> str:
    """Language of a viewer: as chosen before, else the one the browser likes best, else English.

    Parameters
    ----------
    cookie : value of the language cookie, which anyone may have written.
    accept_language : the header, such as ``zh-CN,zh;q=0.9,en;q=0.5``; empty when there is none.
    """
    if cookie in LANGUAGES:
        return cookie
    for tag in _by_preference(accept_language.split(",")):
        primary = tag.partition("-")[0]
        if primary in LANGUAGES:
            return primary
    return DEFAULT_LANGUAGE


def _by_preference(parts: Iterable[str]) -> list[str]:
    """Language tags, the most wanted first; those refused with ``q=0`` or malformed are left out."""
    weighted: list[tuple[float, str]] = []
    for part in parts:
        tag, _, weight_text = part.partition(";q=")
        try:
            weight = float(weight_text) if weight_text else 1.0
        except ValueError:
            continue
        if weight > 0:
            weighted.append((weight, tag.strip().lower()))
    return [tag for _, tag in sorted(weighted, key=lambda pair: -pair[0])]
