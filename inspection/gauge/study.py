"""Repeatability and reproducibility of a gauge by the crossed analysis of variance, bias and linearity.

After AIAG, Measurement Systems Analysis, 4th edition (2010): chapter III section B and appendix A for the
analysis of variance, chapter III section B for bias and linearity.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inspection.errors import GaugeError
from inspection.gauge.distributions import f_exceeded, t_limit
from inspection.wording import number_of

__all__ = ["ALPHA", "Linearity", "Source", "Study", "analyse", "linearity"]

ALPHA = 0.05
"""Level at which part and operator are taken to interact. When they do not, the interaction is pooled with
the repeatability: AIAG MSA, 4th edition, appendix A, table A 3 (at 0.05)."""
_SPREAD = 6.0
"""Standard deviations that a tolerance is compared with: AIAG MSA, 4th edition (99.73 % of them)."""
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Source:
    """One line of the table of the analysis of variance; ``f`` and ``p`` are None where nothing is tested."""

    name: str
    df: int
    ss: float
    f: float | None = None
    p: float | None = None

    @property
    def ms(self) -> float:
        """Mean square."""
        return self.ss / self.df if self.df else 0.0


@dataclass(frozen=True, eq=False)
class Study:
    """Result of a crossed study; ev, av and the rest are standard deviations in the unit of the values.

    Attributes
    ----------
    values : (parts, operators, repeats) float64.
    sources : part, operator, interaction, repeatability, as computed before pooling.
    pooled : whether the interaction was pooled with the repeatability.
    ev : equipment variation, repeatability.
    av : appraiser variation: operators, here mostly cameras.
    interaction : of parts and operators; 0 when pooled.
    pv : part variation.
    """

    parts: tuple[str, ...]
    operators: tuple[str, ...]
    values: npt.NDArray[np.float64]
    sources: tuple[Source, ...]
    pooled: bool
    ev: float
    av: float
    interaction: float
    pv: float
    tolerance: float | None = None

    @property
    def grr(self) -> float:
        """Repeatability and reproducibility together."""
        return math.sqrt(self.ev**2 + self.av**2 + self.interaction**2)

    @property
    def tv(self) -> float:
        """Total variation."""
        return math.hypot(self.grr, self.pv)

    @property
    def ndc(self) -> int:
        """Number of distinct categories: 1.41 PV / GRR, cut off (AIAG); a large number when GRR is 0."""
        return min(int(math.sqrt(2) * self.pv / self.grr), 9999) if self.grr else 9999

    def share(self, deviation: float) -> float:
        """Of the total variation, in per cent of standard deviations: these do not add up to 100."""
        return 100 * deviation / self.tv if self.tv else 0.0

    def of_tolerance(self, deviation: float) -> float | None:
        """Six deviations in per cent of the tolerance; None without one."""
        return None if self.tolerance is None else 100 * _SPREAD * deviation / self.tolerance

    @property
    def judgement(self) -> str:
        """``good`` under 10 % GRR, ``marginal`` to 30 %, else ``poor`` (AIAG MSA, chapter II, D); by the
        tolerance where there is one. Fewer than 5 categories are not good either.
        """
        share = self.share(self.grr) if self.tolerance is None else self.of_tolerance(self.grr) or 0.0
        if share > 30:
            return "poor"
        return "good" if share < 10 and self.ndc >= 5 else "marginal"


@dataclass(frozen=True)
class Linearity:
    """How the bias changes over the range: bias = slope * reference + intercept.

    Attributes
    ----------
    references, biases : of each single measurement.
    bias : mean over all; ``bias_uncertainty`` is its 95 % interval, half of it.
    slope_p, intercept_p : chance of such a slope or intercept if there were none.
    residual : standard deviation about the line.
    """

    references: tuple[float, ...]
    biases: tuple[float, ...]
    bias: float
    bias_uncertainty: float
    slope: float
    intercept: float
    slope_p: float
    intercept_p: float
    residual: float

    def band(self, reference: float) -> tuple[float, float]:
        """95 % confidence band of the line at a reference."""
        x = np.array(self.references)
        n = len(x)
        spread = float(((x - x.mean()) ** 2).sum())
        half = t_limit(_CONFIDENCE, n - 2) * self.residual
        half *= math.sqrt(1 / n + (reference - float(x.mean())) ** 2 / spread)
        middle = self.slope * reference + self.intercept
        return middle - half, middle + half


def analyse(
    parts: tuple[str, ...],
    operators: tuple[str, ...],
    values: npt.NDArray[np.float64],
    *,
    alpha: float = ALPHA,
    tolerance: float | None = None,
) -> Study:
    """Analyse a balanced crossed study.

    Parameters
    ----------
    values : (parts, operators, repeats), finite.
    alpha : level of the test for interaction; 0 always pools, 1 never.
    tolerance : width of the window of the standard, upper less lower limit.

    Raises
    ------
    GaugeError : fewer than two parts or repeats, values that are no numbers, a tolerance of 0.
    """
    count_p, count_o, count_r = values.shape
    if count_p < 2 or count_r < 2 or count_o < 1:
        raise GaugeError(
            f"{number_of(count_p, 'part')}, {number_of(count_o, 'operator')} and "
            f"{number_of(count_r, 'repeat')} are too few.",
            hint="Measure at least 2 parts at least twice; 10 parts, 2 cameras and 3 repeats are usual.",
        )
    if not np.isfinite(values).all():
        raise GaugeError("Some values are no numbers.", hint="Leave the part out, or measure it again.")
    if tolerance is not None and not (math.isfinite(tolerance) and tolerance > 0):
        raise GaugeError(f"A tolerance of {tolerance:g} has no width.", hint="Give upper less lower limit.")
    mean = values.mean()
    of_part, of_operator, of_cell = values.mean(axis=(1, 2)), values.mean(axis=(0, 2)), values.mean(axis=2)
    ss_part = count_o * count_r * float(((of_part - mean) ** 2).sum())
    ss_operator = count_p * count_r * float(((of_operator - mean) ** 2).sum())
    rest = of_cell - of_part[:, None] - of_operator[None] + mean
    ss_both = count_r * float((rest**2).sum())
    ss_error = float(((values - of_cell[..., None]) ** 2).sum())
    df_part, df_operator = count_p - 1, count_o - 1
    df_both, df_error = df_part * df_operator, count_p * count_o * (count_r - 1)

    error = Source("repeatability", df_error, ss_error)
    both = _tested("interaction", df_both, ss_both, error)
    pooled = both.p is None or both.p > alpha
    against = Source("pooled", df_error + df_both, ss_error + ss_both) if pooled else both
    part = _tested("part", df_part, ss_part, against)
    operator = _tested("operator", df_operator, ss_operator, against)
    repeatability = against.ms if pooled else error.ms
    return Study(
        parts=parts,
        operators=operators,
        values=values,
        sources=(part, operator, both, error),
        pooled=pooled,
        ev=math.sqrt(repeatability),
        # A negative estimate of a variance is taken as 0, as AIAG does.
        av=math.sqrt(max(0.0, (operator.ms - against.ms) / (count_p * count_r))) if df_operator else 0.0,
        interaction=0.0 if pooled else math.sqrt(max(0.0, (both.ms - error.ms) / count_r)),
        pv=math.sqrt(max(0.0, (part.ms - against.ms) / (count_o * count_r))),
        tolerance=tolerance,
    )


def linearity(references: npt.NDArray[np.float64], values: npt.NDArray[np.float64]) -> Linearity:
    """Bias and linearity against references.

    Parameters
    ----------
    references : (parts,) true values.
    values : (parts, …) measured.

    Raises
    ------
    GaugeError : all references are the same, or there are fewer than three values.
    """
    y = (values.reshape(len(references), -1) - references[:, None]).ravel()
    x = np.repeat(references, y.size // len(references))
    spread = float(((x - x.mean()) ** 2).sum())
    if len(y) < 3 or not spread > 0:
        raise GaugeError(
            "Linearity needs three values and at least two different references.",
            hint="Measure parts that span the range of the gauge, each with its reference.",
        )
    slope = float(((x - x.mean()) * (y - y.mean())).sum()) / spread
    intercept = float(y.mean() - slope * x.mean())
    df = len(y) - 2
    residual = math.sqrt(float(((y - slope * x - intercept) ** 2).sum()) / df)
    slope_error = residual / math.sqrt(spread)
    intercept_error = residual * math.sqrt(1 / len(y) + float(x.mean()) ** 2 / spread)
    return Linearity(
        references=tuple(x.tolist()),
        biases=tuple(y.tolist()),
        bias=float(y.mean()),
        bias_uncertainty=t_limit(_CONFIDENCE, len(y) - 1) * float(y.std(ddof=1)) / math.sqrt(len(y)),
        slope=slope,
        intercept=intercept,
        slope_p=_p_of(slope, slope_error, df),
        intercept_p=_p_of(intercept, intercept_error, df),
        residual=residual,
    )


def _p_of(value: float, error: float, df: int) -> float:
    if error == 0:
        return 1.0 if value == 0 else 0.0
    return f_exceeded((value / error) ** 2, 1, df)


def _tested(name: str, df: int, ss: float, against: Source) -> Source:
    if not df:
        return Source(name, df, ss)
    f = math.inf if against.ms == 0 and ss > 0 else 0.0 if against.ms == 0 else ss / df / against.ms
    return Source(name, df, ss, f=f, p=f_exceeded(f, df, against.df))
