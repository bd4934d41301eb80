"""Turns a stored result document back into what grading needs, and nothing more.

The documents are our own and were checked when they were written, so they are read as plain JSON: a month
holds hundreds of thousands. Sizes are those of the document, rounded to 0.001 mm, far below any uncertainty.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic_core import from_json

from inspection.domain import Defect, ExpectedSeam, Grade, Measurement, Reason, Seam, Zone, ZoneClass
from inspection.grading import TOO_MANY_REASON, UNREADABLE_REASON, Seen
from inspection.measuring import zone_area_mm2
from inspection.standards import Quantity, Standard

__all__ = ["graded_by", "needs_areas", "seen_of"]

_NOWHERE = np.empty((0, 2))
_CLASSES = {zone_class.value: zone_class for zone_class in ZoneClass}
_NO_SIZES = ("photo_size", "lens")
"""Problems of a calibration that leave a photo without sizes."""
_FOUND_AGAIN = (TOO_MANY_REASON, UNREADABLE_REASON)
"""Reasons from outside the standard that grading finds again by itself."""


def needs_areas(*standards: Standard) -> bool:
    """Whether one of the standards asks how large the zones are."""
    return any(
        rule.quantity is Quantity.DENSITY_PER_DM2 for standard in standards for rule in standard.grouped_rules
    )


def graded_by(document: str) -> tuple[str, str]:
    """Id and edition of the standard that graded a result."""
    standard = from_json(document, cache_strings="keys")["standard"]
    return str(standard["id"]), str(standard["version"])


def seen_of(document: str, *, areas: bool, seams: bool) -> Seen:
    """What the photo of a result document showed.

    Parameters
    ----------
    areas, seams : whether the standards look at them; leaving them out saves time.
    """
    content: dict[str, Any] = from_json(document, cache_strings="keys")
    calibration = content["calibration"]
    has_sizes = calibration is not None and calibration.get("problem") not in _NO_SIZES
    mm_per_px = calibration["mm_per_px"] if has_sizes else None
    outside = tuple(
        Reason(rule=reason["rule"], grade=Grade(reason["grade"]), message=reason["message"])
        for reason in content["verdict"]["reasons"]
        if reason["clause"] is None and reason["rule"] not in _FOUND_AGAIN
    )
    # What withheld a grade then withholds it again; beside a certain C it was a doubt.
    withheld = content["verdict"]["grade"] == Grade.RECHECK
    return Seen(
        defects=[_defect(defect) for defect in content["defects"]],
        seams=[_seam(seam) for seam in content["seams"]] if seams else (),
        mm_per_px=mm_per_px,
        zone_area_mm2=_areas(content, mm_per_px)
        if areas and mm_per_px is not None and content["defects"]
        else {},
        left_out=content["regions_left_out"],
        doubts=() if withheld else outside,
        withheld=outside if withheld else (),
        expected=[_expected(each) for each in content.get("expected_seams", ())] if seams else (),
    )


def _expected(seam: dict[str, Any]) -> ExpectedSeam:
    def window(name: str) -> tuple[float, float] | None:
        ends = seam.get(name)
        return None if ends is None else (ends[0], ends[1])

    # Documents from before expected seams were looked for tell no zone, and then nothing is asked of them.
    zone_class = seam.get("zone_class")
    return ExpectedSeam(
        name=seam["name"],
        path_px=_NOWHERE,
        rows=seam["rows"],
        pitch_mm=window("pitch_mm"),
        margin_mm=window("margin_mm"),
        row_gap_mm=window("row_gap_mm"),
        zone=seam.get("zone"),
        zone_class=None if zone_class is None else _CLASSES[zone_class],
        seams=tuple(seam.get("seams", ())),
        missing_pct=_measurement(seam.get("missing_pct")),
        rows_found=_measurement(seam.get("rows_found")),
    )


def _measurement(content: dict[str, Any] | None) -> Measurement | None:
    if content is None:
        return None
    return Measurement(content["name"], content["value"], content["unit"], content["uncertainty"])


def _defect(defect: dict[str, Any]) -> Defect:
    return Defect(
        kind=defect["kind"],
        zone=defect["zone"],
        zone_class=_CLASSES[defect["zone_class"]],
        score=defect["score"],
        outline_px=_NOWHERE,
        box_px=tuple(defect["box_px"]),
        length_mm=defect["length_mm"],
        width_mm=defect["width_mm"],
        area_mm2=defect["area_mm2"],
        uncertainty_mm=defect["uncertainty_mm"],
        uncertainty_mm2=defect["uncertainty_mm2"],
    )


def _seam(seam: dict[str, Any]) -> Seam:
    pitch = np.array(seam["pitch_mm"], np.float64)
    count = len(pitch) + (not seam["closed"]) if len(pitch) else 0
    return Seam(
        zone=seam["zone"],
        zone_class=_CLASSES[seam["zone_class"]],
        points_px=np.empty((count, 2)),
        group=seam["group"],
        row=seam["row"],
        closed=seam["closed"],
        readable=seam["readable"],
        pitch_mm=pitch,
        pitch_uncertainty_mm=np.array(seam["pitch_uncertainty_mm"], np.float64),
        measurements=tuple(
            Measurement(each["name"], each["value"], each["unit"], each["uncertainty"])
            for each in seam["measurements"]
        ),
    )


def _areas(content: dict[str, Any], mm_per_px: float) -> Mapping[ZoneClass, float]:
    zones = tuple(
        (zone["name"], zone["zone_class"], tuple(map(tuple, zone["outline_px"]))) for zone in content["zones"]
    )
    return _areas_of(zones, mm_per_px)


@functools.lru_cache(maxsize=256)
def _areas_of(zones: tuple[Any, ...], mm_per_px: float) -> Mapping[ZoneClass, float]:
    """Most photos of a fixed camera have the zones of those before."""
    return zone_area_mm2(
        [Zone(name, _CLASSES[zone_class], np.array(outline)) for name, zone_class, outline in zones],
        mm_per_px,
    )
