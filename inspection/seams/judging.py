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

__all__ = ["Judge", "Verdicts", "judge"]

F32 = npt.NDArray[np.float32]
U8 = npt.NDArray[np.uint8]


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
        """What it says of one row.

        Parameters
        ----------
        strip : (LANES, COLUMNS * (U + 2 * PAD), 3) uint8 RGB.
        """
        stitches, places = self._session.run(["stitches", "places"], {"strip": strip[None]})
        gone = stitches[0, PAD:-PAD, 1]
        inner = places[0, PAD - 1 : len(places[0]) - PAD + 1]
        return Verdicts(gone=gone, passed=inner[:, 1], none=inner[:, 2])


_LOCK = threading.Lock()


def judge() -> Judge:
    """The judge that comes with the program."""
    with _LOCK:
        return _opened()


@cache
def _opened() -> Judge:
    return Judge(resources.files("inspection.seams").joinpath("judge.onnx").read_bytes())
