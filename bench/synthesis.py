"""How fast synthetic photos are made, with all passes and truth, and where the time goes."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import cv2
import numpy as np

from bench.table import Figure
from training.synthesis.render import PASSES, render
from training.synthesis.sampling import Request, sample

_WORKERS = 2
_WARM_UP = 24  # photos until each process has made its noise and cell tiles
_SEED = 77


def measure(*, count: int = 60) -> list[Figure]:
    """Time 512 x 512 photos on two processes of one thread each; the bar is six a second."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with ProcessPoolExecutor(_WORKERS, mp_context=get_context("spawn"), initializer=_one_thread) as pool:
        list(pool.map(_rendered, range(_WARM_UP), chunksize=1))
        start = time.perf_counter()
        spent = list(pool.map(_rendered, range(_WARM_UP, _WARM_UP + count), chunksize=1))
        wall = time.perf_counter() - start
    rate = count / wall
    cpu = float(np.mean([each["all"] for each in spent]))
    figures = [
        Figure("synthetic 512 px photos a second, 2 processes", f"{rate:.1f}", "≥ 6", rate >= 6),
        Figure("CPU seconds for one (2 / this = what two idle cores make)", f"{cpu:.3f}", "", None),
    ]
    for name in PASSES:
        mean = 1000 * float(np.mean([each[name] for each in spent]))
        figures.append(Figure(f"of these: {name}", f"{mean:.0f} ms", "", None))
    return figures


def _one_thread() -> None:
    cv2.setNumThreads(1)


def _rendered(index: int) -> dict[str, float]:
    """CPU seconds per pass of one photo."""
    spent: dict[str, float] = defaultdict(float)
    scene = sample(Request(), seed=_SEED, index=index)
    began = last = time.process_time()

    def told(name: str) -> None:
        nonlocal last
        now = time.process_time()
        spent[name] += now - last
        last = now

    render(scene, told=told)
    spent["all"] = time.process_time() - began
    return dict(spent)


if __name__ == "__main__":
    from bench.table import table

    print(table(measure()))
