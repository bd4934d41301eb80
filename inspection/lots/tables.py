"""The master tables of single sampling plans: lot size and AQL to sample size and acceptance number.

The tables are computed, not typed in. Sample sizes and AQLs are both steps of one geometric series (ratio
about 1.6, five steps to a factor of ten), so one letter further and one AQL stricter leave the product n x
AQL, hence the plan's character, as it was. Every acceptance number therefore lies on a diagonal of the table,
numbered here by

    diagonal = index of the letter (A = 0) + index of the AQL (0.010 = 0)

and a table is a short ladder of acceptance numbers along the diagonals. Cells off the ladder hold an arrow to
the nearest cell of the same AQL that is on it. Following the arrow moves the whole plan: letter, sample size,
acceptance number.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Self

from inspection.errors import LotError

__all__ = [
    "AQLS",
    "EDITION",
    "LETTERS",
    "Aql",
    "Arrow",
    "Counting",
    "Level",
    "Strictness",
    "TablePlan",
    "code_letter",
    "table_plan",
]

EDITION = "ISO 2859-1:1999 (= GB/T 2828.1-2012)"
"""The edition that tables and rules follow; it stands in every plan and decision, as another may differ."""

AQLS = tuple(
    Decimal(text)
    for text in (
        *("0.010", "0.015", "0.025", "0.040", "0.065"),
        *("0.10", "0.15", "0.25", "0.40", "0.65"),
        *("1.0", "1.5", "2.5", "4.0", "6.5"),
        *("10", "15", "25", "40", "65"),
        *("100", "150", "250", "400", "650", "1000"),
    )
)
"""The preferred AQLs, strictest first."""

HIGHEST_PERCENT = Decimal(10)
"""Above this, an AQL cannot be a percentage of items any more, only nonconformities per 100 items."""

LETTERS = "ABCDEFGHJKLMNPQR"
"""Sample size code letters (without I and O, which look like figures)."""


class Level(StrEnum):
    """How much is inspected for a lot of a given size: II unless agreed otherwise, S-1 least, III most."""

    S1 = "S-1"
    S2 = "S-2"
    S3 = "S-3"
    S4 = "S-4"
    I = "I"  # noqa: E741  the standard's own name
    II = "II"
    III = "III"


class Strictness(StrEnum):
    """Which of the three tables is in force; ``switching`` decides it from lot to lot."""

    NORMAL = "normal"
    TIGHTENED = "tightened"
    REDUCED = "reduced"


class Counting(StrEnum):
    """What the acceptance number counts.

    ``ITEMS``: nonconforming items, each once, however much is wrong with it (percent nonconforming).
    ``NONCONFORMITIES``: every nonconformity, several on one item included (per 100 items).
    """

    ITEMS = "items"
    NONCONFORMITIES = "nonconformities"


class Arrow(StrEnum):
    """Where the plan of a cell stands: in the cell itself, or in the table further down or up."""

    NONE = "none"
    DOWN = "down"
    UP = "up"


@dataclass(frozen=True, order=True)
class Aql:
    """An acceptance quality limit of the preferred series, or 0 for a class of which none is allowed.

    Attributes
    ----------
    value : percent nonconforming, or nonconformities per 100 items.
    """

    value: Decimal

    def __post_init__(self) -> None:
        if self.value.is_zero():
            object.__setattr__(self, "value", Decimal(0))
            return
        if not self.value.is_finite() or self.value < 0:
            raise LotError(
                f"An AQL of {self.value} is not possible.", hint=f"Give one from {AQLS[0]} to {AQLS[-1]}."
            )
        if self.value not in AQLS:
            raise LotError(
                f"AQL {self.value} is not one of the preferred values of {EDITION}.",
                hint=_neighbours(self.value),
            )
        object.__setattr__(self, "value", AQLS[AQLS.index(self.value)])  # 0.01 is written 0.010

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an AQL as people write it: ``2.5``, ``2.50``, ``2.5%``."""
        try:
            value = Decimal(text.strip().removesuffix("%").strip())
        except InvalidOperation as error:
            raise LotError(
                f"{text!r} is not an AQL.", hint="Give a number with a decimal point, such as 2.5."
            ) from error
        return cls(value)

    @property
    def none_allowed(self) -> bool:
        """Whether this is 0: not a value of the tables, but a class of which a single one refuses the lot."""
        return self.value.is_zero()

    @property
    def index(self) -> int:
        """Position in ``AQLS``; not defined where none is allowed."""
        if self.none_allowed:
            raise LotError(
                f"AQL 0 is not in the tables of {EDITION}.",
                hint=f"Give an AQL from {AQLS[0]}, or plan it as a class of which none is allowed.",
            )
        return AQLS.index(self.value)

    def __str__(self) -> str:
        return str(self.value)


def _neighbours(value: Decimal) -> str:
    stricter = [aql for aql in AQLS if aql < value]
    laxer = [aql for aql in AQLS if aql > value]
    if not stricter:
        return f"The strictest is {AQLS[0]}; for a class of which none is allowed give 0."
    if not laxer:
        return f"The laxest is {AQLS[-1]}."
    return f"Choose {stricter[-1]} (stricter) or {laxer[0]} (laxer)."


# Largest lot of each band, and its letter at S-1, S-2, S-3, S-4, I, II, III. Above the last band: _LARGEST.
_BANDS = (
    (8, "AAAAAAB"),
    (15, "AAAAABC"),
    (25, "AABBBCD"),
    (50, "ABBCCDE"),
    (90, "BBCCCEF"),
    (150, "BBCDDFG"),
    (280, "BCDEEGH"),
    (500, "BCDEFHJ"),
    (1200, "CCEFGJK"),
    (3200, "CDEGHKL"),
    (10_000, "CDFGJLM"),
    (35_000, "CDFHKMN"),
    (150_000, "DEGJLNP"),
    (500_000, "DEGJMPQ"),
)
_LARGEST = "DEHKNQR"
_SMALLEST_LOT = 2


def code_letter(lot_size: int, level: Level) -> str:
    """Sample size code letter of a lot.

    Parameters
    ----------
    lot_size : number of items; there is no upper limit.

    Raises
    ------
    LotError : fewer than two items.
    """
    if lot_size < _SMALLEST_LOT:
        if lot_size == 1:
            raise LotError(
                "A lot of 1 item has no sampling plan.",
                hint="Inspect the item itself and accept or refuse it by its own verdict.",
            )
        raise LotError(
            f"A lot of {lot_size} items cannot be sampled.",
            hint="Give the number of items of the lot, at least 2.",
        )
    column = list(Level).index(level)
    for largest, letters in _BANDS:
        if lot_size <= largest:
            return letters[column]
    return _LARGEST[column]


# Indexed like LETTERS, then S, which the tightened table alone reaches (from Q and R, at AQL 0.025).
_SAMPLE_SIZES = (2, 3, 5, 8, 13, 20, 32, 50, 80, 125, 200, 315, 500, 800, 1250, 2000, 3150)
_ALL_LETTERS = LETTERS + "S"
_REDUCED_BY = 2  # letters: a reduced sample is the normal one of two letters before, never under 2 items


@dataclass(frozen=True)
class _Ladder:
    """Acceptance numbers along the diagonals of one table.

    Attributes
    ----------
    zero : diagonal of acceptance number 0.
    one : diagonal where the numbers of ``steps`` begin; between it and ``zero`` lies the gap.
    steps : acceptance numbers from ``one`` on, for every letter.
    more : the numbers after them, for letters up to E alone: larger samples count too many to be useful.
    gap_up : diagonals of the gap whose arrow points up; of the others it points down.
    """

    zero: int
    one: int
    steps: tuple[int, ...]
    more: tuple[int, ...]
    gap_up: tuple[int, ...]

    @property
    def last(self) -> int:
        return self.one + len(self.steps) - 1

    def accept_on(self, diagonal: int, letter: int) -> int | None:
        """Acceptance number on a diagonal; None where the cell holds an arrow."""
        if diagonal == self.zero:
            return 0
        numbers = self.steps + (self.more if letter <= _LAST_LONG else ())
        if self.one <= diagonal < self.one + len(numbers):
            return numbers[diagonal - self.one]
        return None


_LAST_LONG = LETTERS.index("E")

_LADDERS = {
    Strictness.NORMAL: _Ladder(14, 17, (1, 2, 3, 5, 7, 10, 14, 21), more=(30, 44), gap_up=(15,)),
    Strictness.TIGHTENED: _Ladder(15, 18, (1, 2, 3, 5, 8, 12, 18), more=(27, 41), gap_up=()),
    Strictness.REDUCED: _Ladder(14, 18, (1, 2, 3, 5, 6, 8, 10), more=(14, 21), gap_up=(15,)),
}


@dataclass(frozen=True)
class TablePlan:
    """One cell of a master table, with its arrow followed.

    Attributes
    ----------
    asked_letter : the letter that was looked up.
    letter : the letter of the plan to use; another one when there is an arrow.
    sample_size : n, in items.
    accept : Ac; the lot is acceptable with this many or fewer.
    """

    asked_letter: str
    letter: str
    sample_size: int
    accept: int
    arrow: Arrow

    @property
    def reject(self) -> int:
        """Re: with this many the lot is not acceptable."""
        return self.accept + 1


def sample_size(letter: str, strictness: Strictness) -> int:
    """Items in the sample of a code letter."""
    index = _ALL_LETTERS.index(letter)
    if strictness is Strictness.REDUCED:
        index = max(0, index - _REDUCED_BY)
    return _SAMPLE_SIZES[index]


def _printed(letter: int, aql: int, strictness: Strictness) -> int | None:
    """Acceptance number printed in a cell; None where the cell holds an arrow."""
    if strictness is Strictness.REDUCED and letter <= LETTERS.index("B"):
        # A sample of 2 cannot be reduced, so A and B keep what a sample of 2 accepts under normal inspection.
        as_normal = _LADDERS[Strictness.NORMAL].accept_on(aql, 0)
        if as_normal is not None and as_normal > 0:
            return as_normal
        return 0 if letter + aql == _LADDERS[strictness].zero else None
    return _LADDERS[strictness].accept_on(letter + aql, letter)


def table_plan(letter: str, aql: Aql, strictness: Strictness) -> TablePlan:
    """Look a plan up and follow its arrow.

    Parameters
    ----------
    letter : one of ``LETTERS``.
    """
    if len(letter) != 1 or letter not in LETTERS:
        raise LotError(
            f"{letter!r} is not a sample size code letter.", hint=f"The letters are {', '.join(LETTERS)}."
        )
    start = LETTERS.index(letter)
    last = len(_SAMPLE_SIZES) if strictness is Strictness.TIGHTENED else len(LETTERS)
    below, above = range(start + 1, last), range(start - 1, -1, -1)
    ladder, diagonal = _LADDERS[strictness], start + aql.index
    points_up = diagonal in ladder.gap_up or diagonal > ladder.last
    # At the edge of the table there may be nothing where the arrow points: then the other way.
    order = (*above, *below) if points_up else (*below, *above)
    for index in (start, *order):
        accept = _printed(index, aql.index, strictness)
        if accept is not None:
            break
    else:
        raise AssertionError(f"no plan in the column of AQL {aql}")
    found = _ALL_LETTERS[index]
    arrow = Arrow.NONE if index == start else Arrow.DOWN if index > start else Arrow.UP
    return TablePlan(letter, found, sample_size(found, strictness), accept, arrow)
