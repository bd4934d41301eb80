"""What is measured of a whole row, each number with its uncertainty (k = 2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inspection.domain import Measurement

__all__ = ["Measured", "counted", "measurements"]

F64 = npt.NDArray[np.float64]

_MM_PER_CM, _MM_PER_INCH = 10.0, 25.4
_COVERAGE = 2.0  # k
_LIKELY = 0.8
"""Share of the stated noise of a hole that is likely: it is stated on the safe side."""
_NOISE_KNOWN = 0.6
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
    missed : stitches that were skipped. broken : places where the thread is gone.
    """

    pitch_mm: F64
    plain: npt.NDArray[np.bool_]
    parts: npt.NDArray[np.int64]
    along_mm: F64
    across_mm: F64
    relative: float
    missed: int
    broken: int
    loose_mm: F64
    run_off_mm: F64
    run_off_known_mm: F64
    margin_mm: F64
    edge_known_mm: F64
    gap_mm: F64
    gap_known_mm: F64


def measurements(of: Measured) -> tuple[Measurement, ...]:
    """In the order of ``Seam.measurements``; what is not known is left out."""
    told = [*_pitch(of)]
    told += [counted("skipped", of.missed), counted("broken", of.broken)]
    told += _loose(of)
    told += _run_off(of)
    told += _margin(of)
    told += _gap(of)
    length = float(of.pitch_mm.sum())
    ends = float(np.hypot(of.along_mm[0], of.along_mm[-1]))
    told.append(Measurement("length_mm", length, "mm", _expanded(ends, length, of.relative)))
    return tuple(told)


def counted(name: str, count: int) -> Measurement:
    """A number of faults, as uncertain as it is large: most calls from a trained map are false yet.

    So a standard that allows none sends the photo to a person, and rejects nothing by itself.
    """
    return Measurement(name, float(count), "", float(count) or None)


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
    mean_known = _expanded(ends / total, mean, of.relative)
    cm, inch = _MM_PER_CM / mean, _MM_PER_INCH / mean
    noise2 = 2 * (_LIKELY * noise) ** 2
    seen2 = float(pitch.var(ddof=1))
    spread = float(np.sqrt(max(0.0, seen2 - noise2)))
    about2 = (4 * spread**2 * noise2 + 2 * noise2**2) / max(1, count - 1) + (_NOISE_KNOWN * noise2) ** 2
    spread_known = _COVERAGE * float(np.sqrt(about2)) / (2 * max(spread, 0.5 * np.sqrt(noise2), 1e-6))
    return [
        Measurement("pitch_mean_mm", mean, "mm", mean_known),
        Measurement("pitch_deviation_mm", spread, "mm", float(np.hypot(spread_known, of.relative * spread))),
        Measurement("density_per_cm", cm, "1/cm", cm * mean_known / mean),
        Measurement("density_per_inch", inch, "1/inch", inch * mean_known / mean),
    ]


def _loose(of: Measured) -> list[Measurement]:
    worst = float(of.loose_mm.max(initial=0.0))
    return [Measurement("loose_thread_mm", worst, "mm", 0.3)] if worst > 0 else []


def _run_off(of: Measured) -> list[Measurement]:
    known = np.isfinite(of.run_off_mm)
    if not known.any():
        return []
    off = np.abs(np.where(known, of.run_off_mm, 0.0))
    worst = int(off.argmax())
    noise = float(np.hypot(of.across_mm[worst], of.run_off_known_mm[worst]))
    # The largest of many is too large by what noise adds to it.
    value = float(np.sqrt(max(0.0, off[worst] ** 2 - noise**2)))
    return [Measurement("run_off_mm", value, "mm", _expanded(1.3 * noise, value, of.relative))]


def _margin(of: Measured) -> list[Measurement]:
    known = np.isfinite(of.margin_mm)
    if known.sum() < 3:
        return []
    margin = of.margin_mm[known]
    across = of.across_mm[known]
    edge = float(np.sqrt(np.mean(of.edge_known_mm[known] ** 2)))
    told = []
    for name, at in (("margin_min_mm", int(margin.argmin())), ("margin_max_mm", int(margin.argmax()))):
        noise = float(np.hypot(across[at], edge))
        told.append(
            Measurement(name, float(margin[at]), "mm", _expanded(1.4 * noise, margin[at], of.relative))
        )
    mean = float(margin.mean())
    noise = float(np.hypot(np.sqrt(np.mean(across**2) / len(margin)), edge))
    told.append(Measurement("margin_mean_mm", mean, "mm", _expanded(noise, mean, of.relative)))
    return told


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
