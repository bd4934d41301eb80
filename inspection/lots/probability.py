"""The probability that a sampling plan accepts a lot: the operating characteristic (OC) curve.

Three models, for three questions:

- binomial: items come from a running process of which a given percentage is nonconforming;
- Poisson: items come from a process with a given number of nonconformities per 100 items;
- hypergeometric: this one, isolated lot holds a given number of nonconforming items.

The standard library is enough: the service needs no scipy for it (the tests compare the two to 1e-9).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from inspection.errors import LotError

__all__ = [
    "Curve",
    "CurvePoint",
    "Model",
    "binomial_pa",
    "binomial_quality",
    "curve",
    "hypergeometric_pa",
    "poisson_pa",
    "poisson_quality",
]


class Model(StrEnum):
    """What is assumed of the lot."""

    BINOMIAL = "binomial"
    POISSON = "poisson"
    HYPERGEOMETRIC = "hypergeometric"


def binomial_pa(sample_size: int, accept: int, percent: float) -> float:
    """Probability of acceptance when the process makes ``percent`` nonconforming items, 0..100."""
    _check_plan(sample_size, accept)
    if not 0.0 <= percent <= 100.0:
        raise LotError(f"{percent} % nonconforming is not possible.", hint="Give a percentage from 0 to 100.")
    fraction = percent / 100.0
    if fraction == 0.0 or accept >= sample_size:
        return 1.0
    if fraction == 1.0:
        return 0.0
    log_bad, log_good = math.log(fraction), math.log1p(-fraction)
    ways, terms = 1, []
    for k in range(accept + 1):
        terms.append(math.exp(math.log(ways) + k * log_bad + (sample_size - k) * log_good))
        ways = ways * (sample_size - k) // (k + 1)  # the next binomial coefficient, whole
    return min(1.0, math.fsum(terms))


def poisson_pa(sample_size: int, accept: int, per_100: float) -> float:
    """Probability of acceptance when the process makes ``per_100`` nonconformities per 100 items."""
    _check_plan(sample_size, accept)
    if not (math.isfinite(per_100) and per_100 >= 0.0):
        raise LotError(
            f"{per_100} nonconformities per 100 items is not possible.", hint="Give a number of 0 or more."
        )
    expected = sample_size * per_100 / 100.0
    if expected == 0.0:
        return 1.0
    if math.isinf(expected):
        return 0.0
    log_expected = math.log(expected)
    terms = (math.exp(k * log_expected - expected - math.lgamma(k + 1)) for k in range(accept + 1))
    return min(1.0, math.fsum(terms))


def hypergeometric_pa(lot_size: int, nonconforming: int, sample_size: int, accept: int) -> float:
    """Probability of acceptance of one lot that holds exactly ``nonconforming`` bad items.

    Counted in whole numbers, so exact up to the last division: with logarithms of factorials a lot of
    millions would lose the ninth digit. Meant for samples of thousands, as the tables have: one of 200 000
    takes a minute.
    """
    _check_plan(sample_size, accept)
    if sample_size > lot_size:
        raise LotError(
            f"A sample of {sample_size} cannot be drawn from a lot of {lot_size}.",
            hint="Inspect every item of the lot: give the lot size as the sample size.",
        )
    if not 0 <= nonconforming <= lot_size:
        raise LotError(
            f"A lot of {lot_size} cannot hold {nonconforming} nonconforming items.",
            hint=f"Give a number from 0 to {lot_size}.",
        )
    # To draw n items and find which are bad is to pick the D bad ones and find which are drawn: the smaller
    # of the two gives the smaller numbers.
    drawn, marked = sorted((sample_size, nonconforming))
    fewest = max(0, drawn + marked - lot_size)
    most = min(accept, drawn)
    if fewest > most:
        return 0.0
    ways = math.comb(marked, fewest) * math.comb(lot_size - marked, drawn - fewest)
    accepted = ways
    for k in range(fewest, most):
        # From k to k + 1 marked items among those drawn. The quotient is whole: it counts the ways again.
        ways = ways * (marked - k) * (drawn - k) // ((k + 1) * (lot_size - marked - drawn + k + 1))
        accepted += ways
    return accepted / math.comb(lot_size, drawn)


def binomial_quality(sample_size: int, accept: int, pa: float) -> float:
    """Percent nonconforming that is accepted with probability ``pa``, strictly between 0 and 1."""
    _check_plan(sample_size, accept)
    _check_probability(pa)
    if accept >= sample_size:
        raise LotError(
            f"A plan that allows {accept} of {sample_size} items accepts every lot.",
            hint="Its curve has no such point.",
        )
    return _falls_to(pa, lambda percent: binomial_pa(sample_size, accept, percent), 100.0)


def poisson_quality(sample_size: int, accept: int, pa: float) -> float:
    """Nonconformities per 100 items that are accepted with probability ``pa``, strictly between 0 and 1."""
    _check_plan(sample_size, accept)
    _check_probability(pa)
    high = 100.0
    while poisson_pa(sample_size, accept, high) > pa:
        high *= 2.0
    return _falls_to(pa, lambda per_100: poisson_pa(sample_size, accept, per_100), high)


def _falls_to(pa: float, accepts: Callable[[float], float], high: float) -> float:
    """Where a falling curve crosses ``pa``, by halving down to the last bit."""
    low = 0.0
    while True:
        middle = (low + high) / 2.0
        if middle in (low, high):
            return middle
        if accepts(middle) > pa:
            low = middle
        else:
            high = middle


def _check_plan(sample_size: int, accept: int) -> None:
    if sample_size < 1:
        raise LotError(f"A sample of {sample_size} items is not possible.", hint="Give at least 1 item.")
    if accept < 0:
        raise LotError(f"An acceptance number of {accept} is not possible.", hint="Give 0 or more.")


def _check_probability(pa: float) -> None:
    if not 0.0 < pa < 1.0:
        raise LotError(
            f"No quality is accepted with probability {pa}.", hint="Give one strictly between 0 and 1."
        )


@dataclass(frozen=True)
class CurvePoint:
    """One point of an OC curve.

    Attributes
    ----------
    quality : percent nonconforming (binomial, hypergeometric) or nonconformities per 100 items (Poisson).
    pa : probability of acceptance, 0..1.
    nonconforming : items of the lot, for the hypergeometric model; None for a process.
    """

    quality: float
    pa: float
    nonconforming: int | None = None


@dataclass(frozen=True)
class Curve:
    """An OC curve from perfect quality to where the plan accepts less than 1 lot of 100.

    Attributes
    ----------
    unit : of every quality.
    lot_size : for the hypergeometric model; None for a process.
    points : by rising quality figure, falling probability.
    risks : where the probability has fallen to 0.95, 0.50 and 0.10 (for a lot, by whole items: or below);
        empty for a plan that accepts everything.
    """

    model: Model
    sample_size: int
    accept: int
    unit: str
    lot_size: int | None
    points: tuple[CurvePoint, ...]
    risks: tuple[CurvePoint, ...]


RISKS = (0.95, 0.50, 0.10)
"""Probabilities by which curves are compared: the supplier's point, indifference, the customer's point."""

_TAIL_PA = 0.01
_STEPS = 20


def curve(model: Model, sample_size: int, accept: int, *, lot_size: int | None = None) -> Curve:
    """Points to draw, evenly spaced.

    Parameters
    ----------
    lot_size : needed by the hypergeometric model, ignored by the others.
    """
    if model is Model.HYPERGEOMETRIC:
        if lot_size is None:
            raise LotError("The hypergeometric model is about one lot.", hint="Give the size of the lot.")
        return _lot_curve(lot_size, sample_size, accept)
    accepts: Callable[[int, int, float], float]
    if model is Model.BINOMIAL:
        accepts, unit = binomial_pa, "percent nonconforming"
        end = 100.0 if accept >= sample_size else binomial_quality(sample_size, accept, _TAIL_PA)
    else:
        accepts, unit = poisson_pa, "nonconformities per 100 items"
        end = poisson_quality(sample_size, accept, _TAIL_PA)
    step = _round_step(end / _STEPS)
    qualities = [step * i for i in range(math.ceil(end / step) + 1)]
    if model is Model.BINOMIAL:
        qualities = [min(quality, 100.0) for quality in qualities]
    points = tuple(CurvePoint(q, accepts(sample_size, accept, q)) for q in qualities)
    if model is Model.POISSON:
        risks = tuple(CurvePoint(poisson_quality(sample_size, accept, pa), pa) for pa in RISKS)
    elif accept < sample_size:
        risks = tuple(CurvePoint(binomial_quality(sample_size, accept, pa), pa) for pa in RISKS)
    else:
        risks = ()
    return Curve(model, sample_size, accept, unit, None, points, risks)


def _lot_curve(lot_size: int, sample_size: int, accept: int) -> Curve:
    def point(bad: int) -> CurvePoint:
        return CurvePoint(100.0 * bad / lot_size, hypergeometric_pa(lot_size, bad, sample_size, accept), bad)

    def first_at(pa: float) -> CurvePoint:
        """The fewest bad items that are accepted with ``pa`` or less; all of them where none are."""
        low, high = 0, lot_size
        while low < high:
            middle = (low + high) // 2
            if point(middle).pa <= pa:
                high = middle
            else:
                low = middle + 1
        return point(low)

    end = first_at(_TAIL_PA).nonconforming or 0
    step = max(1, math.ceil(end / _STEPS))
    points = tuple(point(bad) for bad in (*range(0, end, step), end))
    risks = tuple(first_at(pa) for pa in RISKS) if accept < sample_size else ()
    return Curve(Model.HYPERGEOMETRIC, sample_size, accept, "percent nonconforming", lot_size, points, risks)


def _round_step(step: float) -> float:
    """The next number above that reads well on an axis: 1, 2, 2.5 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(
        factor * power for factor in (1.0, 2.0, 2.5, 5.0, 10.0) if factor * power >= step * (1 - 1e-12)
    )
