"""What is measured of a whole row, each number with its uncertainty (k = 2)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from inspection.domain import Measurement
from inspection.seams.ends import ThreadEnd
from inspection.seams.lines import median

__all__ = ["Measured", "counted", "expected_false_calls", "measurements"]

F64 = npt.NDArray[np.float64]

_MM_PER_CM, _MM_PER_INCH = 10.0, 25.4
_COVERAGE = 2.0  # k
_LIKELY = 0.8
"""Share of the stated noise of a hole that is likely: it is stated on the safe side."""
_CHANCE = 0.05
_MOST_BY_CHANCE = 100
_ENDS = 1.3
"""Of the noise of holes amid a row: its ends are placed worse."""
_FEW = 1.9
"""A deviation is known worse than for normal noise: single holes are placed much worse than most."""
_ALONE = 2.5
"""The hole furthest off is at most so many times as far off as the one beside it."""
_ODD_SHORT, _ODD_LONG = 0.72, 1.35
"""Shares of the row's usual stitch beyond which a step may have a hole too many, or one too few."""
_ODD_KNOWN = 1.2
"""Of what odd steps add to a deviation: the rest of the row is cut at those shares, too."""
_ALIKE = 0.3
"""Correlation of the noise of one margin with the next one's: both are measured from about the same edge."""
_RIVAL_NOISES, _RIVALS_ALIKE = 3.0, 2.0
"""Holes within so many noises of the least margin might be the least; alike, so many count as one."""
_BLOM = 0.375
_NOISE_KNOWN = 0.8
"""How well the noise of single pitches is itself known: enters the uncertainty of their deviation."""


@dataclass(frozen=True, eq=False)
class Measured:
    """What is known of each point and step of one row.

    Attributes
    ----------
    pitch_mm : (S,) of each step. plain : (S,) False for steps over a gap. parts : (S,) stitches that belong
        in each step, 1 for plain ones. along_mm, across_mm : (N,) standard uncertainty (k = 1) of each
        point along and across the row.
    relative : uncertainty (k = 2) of the scale, as a share.
    missed : stitches that were skipped. broken : places where the thread is gone. unsure : places where
        neither can be told. end : the longest uncut end.
    false_per_m : calls that the model makes per metre of sound seam; None: unknown.
    """

    pitch_mm: F64
    plain: npt.NDArray[np.bool_]
    parts: npt.NDArray[np.int64]
    along_mm: F64
    across_mm: F64
    relative: float
    missed: int
    broken: int
    unsure: int
    false_per_m: float | None
    loose_mm: F64
    end: ThreadEnd | None
    run_off_mm: F64
    run_off_known_mm: F64
    margin_mm: F64
    edge_known_mm: F64
    gap_mm: F64
    gap_known_mm: F64


def measurements(of: Measured) -> tuple[Measurement, ...]:
    """In the order of ``Seam.measurements``; what is not known is left out."""
    told = [*_pitch(of)]
    length = float(of.pitch_mm.sum())
    told += [
        counted(name, count, unsure=of.unsure, false_calls=expected_false_calls(length, of.false_per_m))
        for name, count in (("skipped", of.missed), ("broken", of.broken))
    ]
    told += _loose(of)
    told += _run_off(of)
    told += _margin(of)
    told += _gap(of)
    ends = float(np.hypot(of.along_mm[0], of.along_mm[-1]))
    told.append(Measurement("length_mm", length, "mm", _expanded(ends, length, of.relative)))
    return tuple(told)


def expected_false_calls(length_mm: float, false_per_m: float | None) -> float | None:
    """False calls that chance makes on so much seam; None where nobody measured how many it makes."""
    return None if false_per_m is None else false_per_m * length_mm / 1000


def counted(name: str, count: int, *, unsure: int, false_calls: float | None) -> Measurement:
    """A number of faults, with how many of them may be none and how many more there may be.

    As many as chance calls on a sound seam of this length, but for one seam in twenty, may be false; all of
    them where that was never measured. So one call from a model that seldom errs counts, and one from a model
    that often does sends the photo to a person.

    Parameters
    ----------
    unsure : places where it cannot be told. false_calls : expected on sound seams of this length.
    """
    chance = count if false_calls is None else min(count, _by_chance(false_calls))
    return Measurement(name, float(count), "", float(chance + unsure) or None)


def _by_chance(expected: float) -> int:
    """The number that a Poisson count exceeds with a probability of at most ``_CHANCE``."""
    term = total = float(np.exp(-expected))
    number = 0
    while 1 - total > _CHANCE and number < _MOST_BY_CHANCE:
        number += 1
        term *= expected / number
        total += term
    return number


def _expanded(standard: float, value: float, relative: float) -> float:
    """Expanded uncertainty of a length from its own standard uncertainty and that of the scale."""
    return float(np.hypot(_COVERAGE * standard, relative * value))


def _pitch(of: Measured) -> list[Measurement]:
    count = int(of.plain.sum())
    if count < 2:
        return []
    pitch = of.pitch_mm[of.plain]
    # Over all of the row, a gap counting for the stitches that belong there: errors of the holes between
    # cancel, and only those of its two ends are left.
    total = float(of.parts.sum())
    mean = float(of.pitch_mm.sum()) / total
    noise = float(np.sqrt(np.mean(of.along_mm**2)))
    closed = len(of.pitch_mm) == len(of.along_mm)
    ends = noise if closed else float(np.hypot(of.along_mm[0], of.along_mm[-1]))
    odd = _odd(pitch)
    # The count of stitches is known no better than by how many steps are odd.
    miscounted = mean * np.count_nonzero(odd) / total
    mean_known = float(np.hypot(_expanded(_ENDS * ends / total, mean, of.relative), miscounted))
    cm, inch = _MM_PER_CM / mean, _MM_PER_INCH / mean
    noise2 = 2 * (_LIKELY * noise) ** 2
    seen2 = float(pitch.var(ddof=1))
    spread = float(np.sqrt(max(0.0, seen2 - noise2)))
    about2 = (4 * spread**2 * noise2 + 2 * noise2**2) / max(1, count - 1) + (_NOISE_KNOWN * noise2) ** 2
    spread_known = _FEW * _COVERAGE * float(np.sqrt(about2)) / (2 * max(spread, 0.5 * np.sqrt(noise2), 1e-6))
    even = pitch[~odd]
    by_odd = max(0.0, spread - float(even.std(ddof=1))) if odd.any() and len(even) > 1 else 0.0
    spread_known = float(np.linalg.norm([spread_known, of.relative * spread, _ODD_KNOWN * by_odd]))
    return [
        Measurement("pitch_mean_mm", mean, "mm", mean_known),
        Measurement("pitch_deviation_mm", spread, "mm", spread_known),
        Measurement("density_per_cm", cm, "1/cm", cm * mean_known / mean),
        Measurement("density_per_inch", inch, "1/inch", inch * mean_known / mean),
    ]


def _odd(pitch_mm: F64) -> npt.NDArray[np.bool_]:
    """Steps that are no usual stitch of their row: they may hold a hole too many, or leave one out."""
    usual = median(pitch_mm)
    return np.asarray((pitch_mm < _ODD_SHORT * usual) | (pitch_mm > _ODD_LONG * usual), bool)


def _loose(of: Measured) -> list[Measurement]:
    worst = float(of.loose_mm.max(initial=0.0))
    told = [Measurement("loose_thread_mm", worst, "mm", 0.3)] if worst > 0 else []
    if of.end is not None:
        told.append(Measurement("thread_end_mm", of.end.length_mm, "mm", of.end.uncertainty_mm))
    return told


def _run_off(of: Measured) -> list[Measurement]:
    known = np.isfinite(of.run_off_mm)
    if not known.any():
        return []
    signed = np.where(known, of.run_off_mm, 0.0)
    # A row that runs off takes the holes beside along: one that stands alone aside is placed badly.
    sides = np.zeros((2, len(signed)))
    sides[0, :-1], sides[1, 1:] = signed[1:], signed[:-1]
    along = np.maximum(0.0, (sides * np.sign(signed)).max(axis=0))
    off = np.minimum(np.abs(signed), _ALONE * along)
    worst = int(off.argmax())
    noise = float(np.hypot(of.across_mm[worst], of.run_off_known_mm[worst]))
    # The largest of many is too large by what noise adds to it.
    value = float(np.sqrt(max(0.0, off[worst] ** 2 - 2 * np.log(max(2, len(off))) * (_LIKELY * noise) ** 2)))
    return [Measurement("run_off_mm", value, "mm", _expanded(1.3 * noise, value, of.relative))]


def _margin(of: Measured) -> list[Measurement]:
    known = np.isfinite(of.margin_mm)
    if known.sum() < 3:
        return []
    margin = of.margin_mm[known]
    across = of.across_mm[known]
    edge = float(np.sqrt(np.mean(of.edge_known_mm[known] ** 2)))
    told = []
    for name, at, value in (
        ("margin_min_mm", int(margin.argmin()), _least(margin)),
        ("margin_max_mm", int(margin.argmax()), -_least(-margin)),
    ):
        noise = float(np.hypot(across[at], edge))
        told.append(Measurement(name, value, "mm", _expanded(1.4 * noise, value, of.relative)))
    mean = float(margin.mean())
    noise = float(np.hypot(np.sqrt(np.mean(across**2) / len(margin)), edge))
    told.append(Measurement("margin_mean_mm", mean, "mm", _expanded(noise, mean, of.relative)))
    return told


def _least(margin_mm: F64) -> float:
    """Least margin of a row, without what noise takes from the least of many.

    How far the margins of neighbours differ tells the noise from hole to hole, whatever the row's own course.
    Of so many holes that come about as near the least is expected below them by that noise times the normal
    order statistic (Blom, Statistical Estimates and Transformed Beta-Variables, 1958).
    """
    change = np.diff(margin_mm)
    noise = 1.4826 * median(np.abs(change - median(change))) / math.sqrt(2 * (1 - _ALIKE))
    least = float(margin_mm.min())
    near = int(np.count_nonzero(margin_mm < least + _RIVAL_NOISES * noise))
    count = 1 + max(0, near - 1) / _RIVALS_ALIKE
    told = least - noise * NormalDist().inv_cdf((1 - _BLOM) / (count + 1 - 2 * _BLOM))
    # Of an even row what noise is expected to take may be more than it took.
    return min(told, float(margin_mm.mean()))


def _gap(of: Measured) -> list[Measurement]:
    known = np.isfinite(of.gap_mm)
    if known.sum() < 3:
        return []
    gap, noises = of.gap_mm[known], of.gap_known_mm[known]
    told = []
    for name, at in (("row_gap_min_mm", int(gap.argmin())), ("row_gap_max_mm", int(gap.argmax()))):
        told.append(
            Measurement(name, float(gap[at]), "mm", _expanded(1.4 * float(noises[at]), gap[at], of.relative))
        )
    return told
