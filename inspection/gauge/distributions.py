"""The F and t distributions, as far as a gauge study needs them."""

from __future__ import annotations

import math

__all__ = ["f_exceeded", "t_limit"]

_TINY = 1e-300
_EPSILON = 1e-15
_MAX_ROUNDS = 10_000


def f_exceeded(f: float, df1: float, df2: float) -> float:
    """Chance that an F value of so many degrees of freedom is larger than ``f``."""
    if math.isinf(f):
        return 0.0
    if f <= 0:
        return 1.0
    return _incomplete_beta(df2 / 2, df1 / 2, df2 / (df2 + df1 * f))


def t_limit(confidence: float, df: float) -> float:
    """Distance from 0 that a t value keeps with this confidence, both sides together."""
    low, high = 0.0, 1.0
    while f_exceeded(high**2, 1, df) > 1 - confidence:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        if f_exceeded(middle**2, 1, df) > 1 - confidence:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """Regularised incomplete beta function: its continued fraction, NIST DLMF 8.17.22, by Lentz's method."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):  # the fraction converges fast on one side only
        return 1 - _incomplete_beta(b, a, 1 - x)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    c, d = 1.0, 1 / _away_from_0(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, _MAX_ROUNDS):
        for step in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / _away_from_0(1 + step * d)
            c = _away_from_0(1 + step / c)
            value *= c * d
        if abs(c * d - 1) < _EPSILON:
            break
    return front * value / a


def _away_from_0(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
