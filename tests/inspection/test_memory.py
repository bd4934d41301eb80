"""Big buffers go back to the system when they are free, in whatever order threads free them."""

from __future__ import annotations

import subprocess
import sys

import pytest

_PROGRAM = """
import gc, threading
from pathlib import Path
from inspection.memory import return_big_buffers

def resident_mb():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6

def work():
    bytearray(30_000_000)[:]  # from here on the C library would keep buffers up to this size in its heap
    big, small = [], []
    for _ in range(20):
        big.append(bytearray(b"x") * 6_000_000)
        small.append(bytearray(100_000))  # lies above it, so that the heap cannot shrink
    big.clear()
    gc.collect()
    print(resident_mb() - before)

known = return_big_buffers()
before = resident_mb()
worker = threading.Thread(target=work)
worker.start()
worker.join()
print(known)
"""


def test_a_thread_that_freed_its_photos_holds_no_memory() -> None:
    told = subprocess.run([sys.executable, "-c", _PROGRAM], check=True, capture_output=True, text=True)
    kept_mb, known = told.stdout.split()
    if known != "True":
        pytest.skip("this C library has no mallopt")
    assert float(kept_mb) < 20, "120 MB were freed"
