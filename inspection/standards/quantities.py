"""What a rule may look at, with its unit and where it is measured."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["DEFECT_QUANTITIES", "PAIR_QUANTITIES", "SEAM_QUANTITIES", "Quantity", "Scope", "seam_kind"]


class Scope(StrEnum):
    """What has the quantity."""

    DEFECT = "defect"
    GROUP = "group"
    SEAM = "seam"
    EXPECTED = "expected"
    PAIR = "pair"
    VERDICT = "verdict"


class Quantity(StrEnum):
    """What a rule looks at."""

    # One defect.
    LENGTH_MM = "length_mm"
    WIDTH_MM = "width_mm"
    AREA_MM2 = "area_mm2"
    PRESENT = "present"
    # All defects of the rule's kinds in the rule's zones, on a photo or a shoe.
    COUNT = "count"
    DENSITY_PER_DM2 = "density_per_dm2"
    SPACING_MM = "spacing_mm"
    SUM_LENGTH_MM = "sum_length_mm"
    SUM_AREA_MM2 = "sum_area_mm2"
    # One seam that was found; the names are those of ``Seam.measurements``, but for what grading works out.
    PITCH_MEAN_MM = "pitch_mean_mm"
    PITCH_DEVIATION_MM = "pitch_deviation_mm"
    DENSITY_PER_CM = "density_per_cm"
    DENSITY_PER_INCH = "density_per_inch"
    OFF_SPEC_LENGTH_MM = "off_spec_length_mm"
    SKIPPED = "skipped"
    BROKEN = "broken"
    LOOSE_THREAD_MM = "loose_thread_mm"
    THREAD_END_MM = "thread_end_mm"
    RUN_OFF_MM = "run_off_mm"
    MARGIN_MIN_MM = "margin_min_mm"
    MARGIN_MAX_MM = "margin_max_mm"
    MARGIN_MEAN_MM = "margin_mean_mm"
    ROW_GAP_MIN_MM = "row_gap_min_mm"
    ROW_GAP_MAX_MM = "row_gap_max_mm"
    # One seam that the recipe expects; the windows are the recipe's, ``*_off_mm`` is how far beyond them.
    MISSING_PCT = "missing_pct"
    ROWS_OFF = "rows_off"
    PITCH_OFF_MM = "pitch_off_mm"
    MARGIN_OFF_MM = "margin_off_mm"
    ROW_GAP_OFF_MM = "row_gap_off_mm"
    # Two shoes of a pair.
    COLOUR_DIFFERENCE_DE00 = "colour_difference_de00"
    LENGTH_DIFFERENCE_MM = "length_difference_mm"
    HEIGHT_DIFFERENCE_MM = "height_difference_mm"
    DENSITY_DIFFERENCE_PER_CM = "density_difference_per_cm"
    MARGIN_DIFFERENCE_MM = "margin_difference_mm"
    SEAM_POSITION_DIFFERENCE_MM = "seam_position_difference_mm"
    # Faults of a verdict, counted by its standard's combination.
    FAULTS = "faults"

    @property
    def scope(self) -> Scope:
        """What has this quantity."""
        return _FACTS[self].scope

    @property
    def unit(self) -> str:
        """Unit of the measured value and the limit, as people read it; empty for a plain number."""
        return {"mm2": "mm²", "1/dm2": "/dm²", "1/cm": "/cm", "1/inch": "/inch", "dE00": "ΔE00", "1": ""}.get(
            _FACTS[self].unit, _FACTS[self].unit
        )

    @property
    def file_unit(self) -> str:
        """Unit as a standard's file writes it; ``1`` for a plain number."""
        return _FACTS[self].unit

    @property
    def needs_scale(self) -> bool:
        """Whether it can only be told of a photo with a scale."""
        return _FACTS[self].unit not in ("1", "%", "dE00")

    @property
    def least(self) -> bool:
        """Whether its limit is the least that is allowed where the file does not say: too close is bad."""
        return self is Quantity.SPACING_MM


@dataclass(frozen=True)
class _Facts:
    scope: Scope
    unit: str


_FACTS: dict[Quantity, _Facts] = {
    Quantity.LENGTH_MM: _Facts(Scope.DEFECT, "mm"),
    Quantity.WIDTH_MM: _Facts(Scope.DEFECT, "mm"),
    Quantity.AREA_MM2: _Facts(Scope.DEFECT, "mm2"),
    Quantity.PRESENT: _Facts(Scope.DEFECT, "1"),
    Quantity.COUNT: _Facts(Scope.GROUP, "1"),
    Quantity.DENSITY_PER_DM2: _Facts(Scope.GROUP, "1/dm2"),
    Quantity.SPACING_MM: _Facts(Scope.GROUP, "mm"),
    Quantity.SUM_LENGTH_MM: _Facts(Scope.GROUP, "mm"),
    Quantity.SUM_AREA_MM2: _Facts(Scope.GROUP, "mm2"),
    Quantity.PITCH_MEAN_MM: _Facts(Scope.SEAM, "mm"),
    Quantity.PITCH_DEVIATION_MM: _Facts(Scope.SEAM, "mm"),
    Quantity.DENSITY_PER_CM: _Facts(Scope.SEAM, "1/cm"),
    Quantity.DENSITY_PER_INCH: _Facts(Scope.SEAM, "1/inch"),
    Quantity.OFF_SPEC_LENGTH_MM: _Facts(Scope.SEAM, "mm"),
    Quantity.SKIPPED: _Facts(Scope.SEAM, "1"),
    Quantity.BROKEN: _Facts(Scope.SEAM, "1"),
    Quantity.LOOSE_THREAD_MM: _Facts(Scope.SEAM, "mm"),
    Quantity.THREAD_END_MM: _Facts(Scope.SEAM, "mm"),
    Quantity.RUN_OFF_MM: _Facts(Scope.SEAM, "mm"),
    Quantity.MARGIN_MIN_MM: _Facts(Scope.SEAM, "mm"),
    Quantity.MARGIN_MAX_MM: _Facts(Scope.SEAM, "mm"),
    Quantity.MARGIN_MEAN_MM: _Facts(Scope.SEAM, "mm"),
    Quantity.ROW_GAP_MIN_MM: _Facts(Scope.SEAM, "mm"),
    Quantity.ROW_GAP_MAX_MM: _Facts(Scope.SEAM, "mm"),
    Quantity.MISSING_PCT: _Facts(Scope.EXPECTED, "%"),
    Quantity.ROWS_OFF: _Facts(Scope.EXPECTED, "1"),
    Quantity.PITCH_OFF_MM: _Facts(Scope.EXPECTED, "mm"),
    Quantity.MARGIN_OFF_MM: _Facts(Scope.EXPECTED, "mm"),
    Quantity.ROW_GAP_OFF_MM: _Facts(Scope.EXPECTED, "mm"),
    Quantity.COLOUR_DIFFERENCE_DE00: _Facts(Scope.PAIR, "dE00"),
    Quantity.LENGTH_DIFFERENCE_MM: _Facts(Scope.PAIR, "mm"),
    Quantity.HEIGHT_DIFFERENCE_MM: _Facts(Scope.PAIR, "mm"),
    Quantity.DENSITY_DIFFERENCE_PER_CM: _Facts(Scope.PAIR, "1/cm"),
    Quantity.MARGIN_DIFFERENCE_MM: _Facts(Scope.PAIR, "mm"),
    Quantity.SEAM_POSITION_DIFFERENCE_MM: _Facts(Scope.PAIR, "mm"),
    Quantity.FAULTS: _Facts(Scope.VERDICT, "1"),
}


def _of(*scopes: Scope) -> tuple[Quantity, ...]:
    return tuple(quantity for quantity in Quantity if quantity.scope in scopes)


DEFECT_QUANTITIES = _of(Scope.DEFECT, Scope.GROUP)
"""What ``[[rules]]`` may look at."""
SEAM_QUANTITIES = _of(Scope.SEAM, Scope.EXPECTED)
"""What ``[[stitching]]`` may look at."""
PAIR_QUANTITIES = _of(Scope.PAIR)
"""What ``[[pairs]]`` may look at."""

_SEAM_KINDS = {
    Quantity.PITCH_MEAN_MM: "uneven_pitch",
    Quantity.PITCH_DEVIATION_MM: "uneven_pitch",
    Quantity.DENSITY_PER_CM: "uneven_pitch",
    Quantity.DENSITY_PER_INCH: "uneven_pitch",
    Quantity.OFF_SPEC_LENGTH_MM: "uneven_pitch",
    Quantity.SKIPPED: "skipped_stitch",
    Quantity.BROKEN: "broken_thread",
    Quantity.LOOSE_THREAD_MM: "loose_thread",
    Quantity.THREAD_END_MM: "thread_end",
    Quantity.RUN_OFF_MM: "run_off",
    Quantity.MARGIN_MIN_MM: "wrong_margin",
    Quantity.MARGIN_MAX_MM: "wrong_margin",
    Quantity.MARGIN_MEAN_MM: "wrong_margin",
    Quantity.ROW_GAP_MIN_MM: "uneven_rows",
    Quantity.ROW_GAP_MAX_MM: "uneven_rows",
}


def seam_kind(quantity: str | None) -> str | None:
    """The kind of fault that a seam outside its window is, as charts count it; None beside seams."""
    known = next((each for each in _SEAM_KINDS if each.value == quantity), None)
    return None if known is None else _SEAM_KINDS[known]
