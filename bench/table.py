"""One figure of a bar, and the table of them."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A measured figure beside its bar; ``met`` is None where the figure has no bar."""

    name: str
    measured: str
    bar: str
    met: bool | None

    def row(self) -> str:
        """A line of the Markdown table."""
        word = {True: "met", False: "**missed**", None: ""}[self.met]
        return f"| {self.name} | {self.measured} | {self.bar} | {word} |"


def table(figures: list[Figure]) -> str:
    """A Markdown table of all figures."""
    return "\n".join(["| figure | measured | bar | |", "|---|---|---|---|", *(f.row() for f in figures)])


def wilson(share: float, count: int) -> tuple[float, float]:
    """95 % interval of a share of ``count`` values, taken for independent."""
    z2 = 1.96**2
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = 1.96 * math.sqrt(share * (1 - share) / count + z2 / (4 * count**2)) / (1 + z2 / count)
    return middle - half, middle + half
