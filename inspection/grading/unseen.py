"""What nobody saw is not passed: a part that was not found, a zone that lies partly outside the photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from inspection.domain import Disposition, Grade, Reason, Registration, Verdict, Zone, ZoneClass

__all__ = ["CUT_OFF_REASON", "LOCATION_REASON", "not_located", "with_cut_off_zones"]

LOCATION_REASON = "location"
"""``Reason.rule`` when the part was not found in the photo, so that no zone is known."""

CUT_OFF_REASON = "zone_cut_off"
"""``Reason.rule`` when a part of a zone lies outside the photo, where nobody looked."""

MIN_VISIBLE = 0.95
"""Share of a zone inside the photo from which it counts as seen: as well as zones are found."""


def with_cut_off_zones(verdict: Verdict, zones: Sequence[Zone], visible: Sequence[float]) -> Verdict:
    """The verdict, where every zone was seen; else a recheck, unless what was seen is a C already.

    Parameters
    ----------
    visible : share of each zone that lies inside the photo, 0..1.
    """
    reasons = tuple(
        Reason(
            rule=CUT_OFF_REASON,
            grade=Grade.RECHECK,
            message=f"Only {share:.0%} of the zone {zone.name} lies inside the photo; the rest was not seen.",
            measured=100 * share,
            limit=100 * MIN_VISIBLE,
            unit="%",
            zone=zone.name,
        )
        for zone, share in zip(zones, visible, strict=True)
        if share < MIN_VISIBLE and zone.zone_class is not ZoneClass.HIDDEN
    )
    if not reasons:
        return verdict
    if verdict.grade is Grade.C:
        return replace(verdict, reasons=(*verdict.reasons, *reasons))
    return Verdict(Grade.RECHECK, Disposition.RECHECK, (*reasons, *verdict.reasons))


def not_located(registration: Registration) -> Verdict:
    """Verdict on a photo in which the part of the recipe was not found: a person has to look."""
    reason = Reason(
        rule=LOCATION_REASON,
        grade=Grade.RECHECK,
        message=f"The part was not found in the photo: {registration.matches} places of the reference agree. "
        "Check that the part belongs to this recipe, and its place, focus and light.",
    )
    return Verdict(Grade.RECHECK, Disposition.RECHECK, (reason,))
