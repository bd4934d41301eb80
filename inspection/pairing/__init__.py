"""From photos to a shoe, and from two shoes to a pair: what is known, what it is worth, and why.

Pure: what was stored is given, so is the time. ``values`` holds what goes in and comes out, ``shoes``
judges one shoe, ``pairs`` two, ``limits`` is how much the two may differ.
"""

from inspection.pairing.limits import PairLimit, pair_limits
from inspection.pairing.pairs import judge_pair
from inspection.pairing.shoes import judge_shoe
from inspection.pairing.values import (
    OF_TIME,
    Comparison,
    PairVerdict,
    SeamFigures,
    SetPhoto,
    SetReason,
    SetState,
    ShoeVerdict,
    Whole,
    worst_grade,
)

__all__ = [
    "OF_TIME",
    "Comparison",
    "PairLimit",
    "PairVerdict",
    "SeamFigures",
    "SetPhoto",
    "SetReason",
    "SetState",
    "ShoeVerdict",
    "Whole",
    "judge_pair",
    "judge_shoe",
    "pair_limits",
    "worst_grade",
]
