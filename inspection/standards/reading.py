"""Reads a standard's file and remembers on which line everything stands."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Fault", "Place", "Source", "lines_of", "read_source"]

Place = tuple[str | int, ...]
"""Way to a value: ``("rules", 3, "limit")`` is ``limit`` of the fourth table ``[[rules]]``."""

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*(\]\]?)\s*(?:#.*)?$")
_KEY = re.compile(
    r"""\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*="""
)
_PART = re.compile(r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'""")


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with a file.

    Attributes
    ----------
    origin : name of the file.
    line : 1 for the first; None when no line is to blame.
    key : way to the value as people read it, such as ``rules[scratch-long].limit``; empty for the whole file.
    """

    origin: str
    line: int | None
    key: str
    message: str
    hint: str

    def __str__(self) -> str:
        where = self.origin if self.line is None else f"{self.origin}:{self.line}"
        key = f"{self.key}: " if self.key else ""
        return f"{where}: {key}{self.message}"


@dataclass(frozen=True)
class Source:
    """A file that is valid TOML, not checked any further.

    Attributes
    ----------
    origin : name that faults are told under.
    content : as ``tomllib`` reads it.
    lines : line of each key and table, by its place.
    """

    origin: str
    text: str
    content: Mapping[str, Any]
    lines: Mapping[Place, int] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """What the file calls itself; empty when it does not say."""
        name = self.content.get("id")
        return name if isinstance(name, str) else ""

    @property
    def extends(self) -> str | None:
        """Id of the standard that it builds on."""
        base = self.content.get("extends")
        return base if isinstance(base, str) else None

    def line(self, place: Place) -> int | None:
        """Line of a place, or of the nearest table around it."""
        while place:
            if place in self.lines:
                return self.lines[place]
            place = place[:-1]
        return None


def read_source(text: str, origin: str) -> Source | Fault:
    """Read TOML text; a Fault with its line when it is not TOML."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+), column \d+\)", str(error))
        line = int(found[1]) if found else None
        if "at end of document" in str(error):
            line = text.count("\n") + 1
        return Fault(
            origin,
            line,
            "",
            f"is not valid TOML: {error}",
            "Correct the line; quotes and brackets come in pairs.",
        )
    return Source(origin=origin, text=text, content=content, lines=lines_of(text))


def read_file(path: Path) -> Source | Fault:
    """Read a file; a Fault when it cannot be read or is not TOML."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return Fault(
            str(path), None, "", f"cannot be read: {error}", "Check that it exists, is UTF-8 and may be read."
        )
    return read_source(text, str(path))


def lines_of(text: str) -> dict[Place, int]:
    """Line of each table and key of valid TOML. Keys of inline tables stand where their table stands."""
    lines: dict[Place, int] = {}
    tables: dict[Place, int] = {}
    table: Place = ()
    number = 0
    rows = text.split("\n")
    while number < len(rows):
        row, here = rows[number], number + 1
        number += 1
        header = _HEADER.match(row)
        if header is not None:
            table = _table(header[1], _parts(header[2]), tables)
            lines.setdefault(table, here)
            continue
        key = _KEY.match(row)
        if key is None:
            continue
        place = table
        for part in _parts(key[1]):
            place = (*place, part)
            lines.setdefault(place, here)
        number = _after_value(rows, number, row[key.end() :])
    return lines


def _parts(key: str) -> list[str]:
    return [part.strip("\"'") for part in _PART.findall(key)]


def _table(opening: str, parts: list[str], tables: dict[Place, int]) -> Place:
    """Place of a table; an array of tables counts its entries in ``tables``."""
    place: Place = ()
    for index, part in enumerate(parts):
        place = (*place, part)
        last = index == len(parts) - 1
        if last and opening == "[[":
            tables[place] = tables.get(place, -1) + 1
        if place in tables:
            place = (*place, tables[place])
    return place


def _after_value(rows: list[str], number: int, rest: str) -> int:
    """Row after a value that begins with ``rest``: values in brackets or triple quotes go on over rows."""
    depth, quote = 0, ""
    while True:
        position = 0
        while position < len(rest):
            if quote:
                if rest.startswith("\\", position) and quote[0] == '"':
                    position += 2
                elif rest.startswith(quote, position):
                    position += len(quote)
                    quote = ""
                else:
                    position += 1
                continue
            sign = rest[position]
            if sign == "#":
                break
            if sign in "\"'":
                quote = sign * 3 if rest.startswith(sign * 3, position) else sign
                position += len(quote)
                continue
            depth += (sign in "[{") - (sign in "]}")
            position += 1
        if (depth <= 0 and len(quote) != 3) or number >= len(rows):
            return number
        rest = rows[number]
        number += 1
