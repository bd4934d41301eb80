"""Tells the C library to give big buffers back to the system as soon as they are free."""

from __future__ import annotations

import ctypes

__all__ = ["return_big_buffers"]

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Names of options of ``mallopt``, from malloc.h of the GNU C library."""
BIG_BYTES = 4 * 1024 * 1024
"""A decoded photo or a map of probabilities is bigger; what an answer or a page needs is far smaller."""


def return_big_buffers() -> bool:
    """Have every buffer of `BIG_BYTES` mapped by itself; False where the C library has no such option.

    By itself the GNU C library learns to serve photos and maps from the heap of the thread that asks. Each
    worker's heap then keeps the size of the largest photo that it ever saw, so memory grows by steps for
    hours. What was allocated before stays where it is.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # musl and others
        return False
    return all(mallopt(option, BIG_BYTES) == 1 for option in (_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD))
