"""Looks at every stitch of a row: is its thread there, and did it lock?

A small network sees the row straightened (``strips``), so that it compares each stitch with the others of its
row. It was trained on rendered rows alone (``python -m training judge``) and reads the photo, not the maps
of the model that is served: so it belongs to the program, and a new model needs no new judge.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
import numpy.typing as npt

from inspection import runtime
from inspection.seams.strips import PAD

__all__ = ["GONE", "NONE", "PASSED", "Judge", "Verdicts", "judge"]

F32 = npt.NDArray[np.float32]
U8 = npt.NDArray[np.uint8]


GONE = 1
"""Of what the network was taught to say of a stitch, after 0 for a sound one: its thread is missing."""
PASSED, NONE = 1, 2
"""Of a place, after 0 for one that locked: the thread passes over it, there is no hole of this row."""
_LOOK_AGAIN = 0.1
"""Probability of something missing from which a row is looked at again."""
_TURNS = (1, -1), (-1, 1), (-1, -1)
_LEAST = 1e-6


@dataclass(frozen=True, eq=False)
class Verdicts:
    """Probabilities for the U stitches of a row and the U + 1 places between and around them.

    Attributes
    ----------
    gone : (U,) the thread of a stitch is missing.
    passed : (U + 1,) the thread passes over a place where a stitch should have locked.
    none : (U + 1,) there is no hole of this row at a place.
    """

    gone: F32
    passed: F32
    none: F32


class Judge:
    """The network, opened once; ``look`` may be called from several threads at once."""

    def __init__(self, model: bytes) -> None:
        self._session = runtime.open_session(model, threads=1)

    def look(self, strip: U8) -> Verdicts:
        """What it says of one row; where it doubts something, on average over the row, turned and mirrored.

        Parameters
        ----------
        strip : (LANES, COLUMNS * (U + 2 * PAD), 3) uint8 RGB.
        """
        first = self._probabilities(strip)
        said = _of_row(*first)
        # Beyond a row's ends, where the strip shows what is none of its stitches, there is nothing to doubt.
        if max(said.gone.max(), said.passed.max()) < _LOOK_AGAIN:
            return said
        every = [first, *(self._turned(strip, *ways) for ways in _TURNS)]
        return _of_row(*(_agreed(np.stack(each)) for each in zip(*every, strict=True)))

    def _turned(self, strip: U8, lanes: int, columns: int) -> tuple[F32, F32]:
        """What it says of a row with the order of its lanes or columns reversed, in the order of the row."""
        stitches, places = self._probabilities(np.ascontiguousarray(strip[::lanes, ::columns]))
        return stitches[::columns], places[::columns]

    def _probabilities(self, strip: U8) -> tuple[F32, F32]:
        """Of the stitches (U + 2 * PAD, 2) and the places between them (U + 2 * PAD - 1, 3)."""
        stitches, places = self._session.run(["stitches", "places"], {"strip": strip[None]})
        return stitches[0], places[0]


def _of_row(stitches: F32, places: F32) -> Verdicts:
    """What was said of the row itself, nothing of what is beyond its ends."""
    inner = places[PAD - 1 : len(places) - PAD + 1]
    return Verdicts(gone=stitches[PAD:-PAD, GONE], passed=inner[:, PASSED], none=inner[:, NONE])


def _agreed(said: F32) -> F32:
    """Geometric mean of probabilities (views, N, classes): a view that is sure of the opposite counts."""
    mean = np.exp(np.log(np.maximum(said, _LEAST)).mean(axis=0))
    return np.asarray(mean / mean.sum(axis=-1, keepdims=True), np.float32)


_LOCK = threading.Lock()


def judge() -> Judge:
    """The judge that comes with the program."""
    with _LOCK:
        return _opened()


@cache
def _opened() -> Judge:
    return Judge(resources.files("inspection.seams").joinpath("judge.onnx").read_bytes())
