"""The verdict of one shoe, from the photos of it: the worst view decides, and what all break together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from inspection.domain import Foot, Grade
from inspection.pairing.values import (
    SetPhoto,
    SetReason,
    SetState,
    ShoeVerdict,
    Whole,
    nothing,
    worst_grade,
)

__all__ = ["judge_shoe"]


def judge_shoe(
    photos: Sequence[SetPhoto],
    *,
    views: Sequence[str],
    now: datetime,
    timeout: timedelta,
    whole: Whole = nothing,
) -> ShoeVerdict:
    """Judge one shoe.

    Parameters
    ----------
    photos : all of one part, at least one; of a view that came twice the later photo counts.
    views : that the recipe asks for; empty when any photo will do.
    timeout : after the first photo, when views that have not come make the verdict a recheck.
    whole : what the photos that count break together.
    """
    in_order = sorted(photos, key=lambda photo: (photo.created_at, photo.result_id))
    last = {photo.view: photo for photo in in_order}
    counted = tuple(sorted(last.values(), key=lambda photo: _place(photo.view, views)))
    older = tuple(photo for photo in in_order if last[photo.view] is not photo)
    missing = tuple(view for view in views if view not in last)
    reasons = [*whole(counted), *_mix_ups(in_order)]
    overdue = bool(missing) and now - in_order[0].created_at > timeout
    if overdue:
        reasons.append(
            SetReason(
                "views_missing",
                Grade.RECHECK,
                f"No photo of {_list(missing)} came within {timeout.total_seconds():g} s of the first one.",
                names=missing,
            )
        )
    state = SetState.OVERDUE if overdue else SetState.WAITING if missing else SetState.KNOWN
    grade = None
    if state is not SetState.WAITING:
        grade = worst_grade([*(photo.grade for photo in counted), *(reason.grade for reason in reasons)])
    return ShoeVerdict(
        part_id=in_order[0].part_id,
        foot=_only([photo.foot for photo in in_order]),
        state=state,
        grade=grade,
        photos=counted,
        older=older,
        missing=missing,
        reasons=tuple(reasons),
        decided_by=tuple(
            photo.result_id for photo in counted if photo.grade is grade and grade is not Grade.A
        ),
    )


def _place(view: str, views: Sequence[str]) -> tuple[int, str]:
    return (views.index(view) if view in views else len(views), view)


def _only(feet: Sequence[Foot | None]) -> Foot | None:
    told = {foot for foot in feet if foot is not None}
    return told.pop() if len(told) == 1 else None


def _mix_ups(photos: Sequence[SetPhoto]) -> list[SetReason]:
    """One part id that was given to two shoes."""
    part = photos[0].part_id or "without an id"
    found = []
    for rule, what, values in (
        ("part_two_feet", "foot", [photo.foot for photo in photos]),
        ("part_two_sizes", "size", [photo.size for photo in photos]),
        ("part_two_styles", "style", [photo.style for photo in photos]),
        ("part_two_pairs", "pair", [photo.pair_id for photo in photos]),
    ):
        told = tuple(sorted({str(value) for value in values if value is not None}))
        if len(told) > 1:
            found.append(
                SetReason(
                    rule,
                    Grade.RECHECK,
                    f"Part {part} came with more than one {what}: {_list(told)}. Its id was used twice.",
                    names=(part, *told),
                )
            )
    return found


def _list(names: Sequence[str]) -> str:
    return ", ".join(names)
