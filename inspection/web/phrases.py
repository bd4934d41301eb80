"""Tells the sentences of errors in another language than the English that they are raised in.

An error is raised with a finished English sentence. The catalogue ``locales/phrases/<language>.json`` holds
the forms of these sentences, with ``{}`` where the code fills in a value, and what each is in the other
language, with ``{0}``, ``{1}`` for the values in the order of the English. A test reads the forms out of the
code and holds the catalogue to them, so that a new error without a translation does not go unnoticed.

A value may be a list of choices, ``'critical', 'major' or 'minor'``: its commas and its "or" are told anew,
the choices stay as they have to be written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

__all__ = ["Phrases", "open_phrases"]

LOCALES = Path(__file__).parent / "locales" / "phrases"
MAX_LENGTH = 500
"""Longer texts are no sentences of ours, and not worth the search: anyone can put a text into an address."""
MAX_DEPTH = 3
"""Sentences within sentences, such as what an error of the storage says of its cause."""
_HAS_WORDS = re.compile(r"[A-Za-z]{2}")
_CHOICES = re.compile(r"('[^']*'(?:, '[^']*')*) or ('[^']*')")


@dataclass(frozen=True)
class Phrases:
    """Sentences of one language.

    Attributes
    ----------
    sentences : English form to the other language's.
    values : English words that are filled in as values, such as the name of a role.
    separators : English separators of a list of choices, ``", "`` and ``" or "``, to the other language's.
    """

    sentences: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    separators: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def _forms(self) -> tuple[tuple[re.Pattern[str], str, bool], ...]:
        """The forms as patterns, the most telling first; whether each has words of its own."""

        def letters(form: str) -> int:
            return len(form.replace("{}", ""))

        return tuple(
            (
                re.compile("(.+?)".join(map(re.escape, form.split("{}"))), re.DOTALL),
                self.sentences[form],
                _HAS_WORDS.search(form) is not None,
            )
            for form in sorted(self.sentences, key=letters, reverse=True)
        )

    def tell(self, english: str, *, depth: int = 0) -> str | None:
        """The sentence in this language; None when its form is not in the catalogue.

        Parameters
        ----------
        depth : 0 for a sentence by itself, 1 for one that is a value of another.
        """
        if len(english) > MAX_LENGTH or depth > MAX_DEPTH:
            return None
        for pattern, other, has_words in self._forms:
            found = pattern.fullmatch(english)
            if found is None:
                continue
            told = [self._value(value, depth=depth + 1) for value in found.groups()]
            # "{}: {}" fits everything with a colon: it is known only if one of its values is.
            if has_words or any(known for _, known in told):
                return other.format(*(value for value, _ in told))
        return None

    def _value(self, value: str, *, depth: int) -> tuple[str, bool]:
        """A value as it is shown, and whether it is a sentence or word of the catalogue itself."""
        choices = _CHOICES.fullmatch(value)
        if choices is not None:
            return self._choices(choices[1].split(", "), choices[2]), True
        known = self.values.get(value) or self.tell(value, depth=depth)
        return (value, False) if known is None else (known, True)

    def _choices(self, first: Sequence[str], last: str) -> str:
        comma, or_ = (self.separators.get(sign, sign) for sign in (", ", " or "))
        return f"{comma.join(first)}{or_}{last}"


def open_phrases(language: str) -> Phrases:
    """The catalogue of a language; an empty one for English, in which the sentences are."""
    file = LOCALES / f"{language}.json"
    if not file.is_file():
        return Phrases()
    read = json.loads(file.read_text(encoding="utf-8"))
    return Phrases(sentences=read["sentences"], values=read["values"], separators=read["separators"])
