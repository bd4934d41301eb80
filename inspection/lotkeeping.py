"""What is known of a lot now: its counts, what its plan says of them, and the decision of a person."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from inspection.document import ResultDocument
from inspection.domain import Grade, Severity
from inspection.errors import ConflictError, LotError, UnknownNameError
from inspection.lots import Item, LotDecision, Progress, count, judge_lot, severities_of_grade
from inspection.station import Station
from inspection.store import inspections, lot_photos, lots
from inspection.store.lot_photos import SeenPhoto
from inspection.store.lots import Lot, LotEvent, Outcome, Unit

__all__ = ["LotState", "decide", "standards_of", "state_of"]


@dataclass(frozen=True)
class LotState:
    """A lot with what came of it.

    Attributes
    ----------
    judged : what the plan says; None while it cannot be told, and where every item is inspected.
    acceptable : whether the lot may be accepted now; None while it cannot be told.
    not_yet : why it cannot be told, empty when it can.
    worst : result ids of photos of items that do not conform, worst first.
    """

    lot: Lot
    progress: Progress
    judged: LotDecision | None
    acceptable: bool | None
    not_yet: str
    worst: tuple[str, ...]
    events: tuple[LotEvent, ...]


def state_of(station: Station, lot: Lot) -> LotState:
    """Count a lot and judge it."""
    photos = lot_photos.seen(station.store, lot)
    progress = count(
        _items(station, lot, photos), lot.plan, lot_size=lot.new.size, counting=lot.new.scheme.counting
    )
    judged, acceptable, not_yet = _judged(lot, progress)
    bad = {name: place for place, name in enumerate(progress.nonconforming)}
    worst = sorted(
        (photo for photo in photos if photo.item in bad and photo.grade is not Grade.A),
        key=lambda photo: bad[photo.item],
    )
    return LotState(
        lot=lot,
        progress=progress,
        judged=judged,
        acceptable=acceptable,
        not_yet=not_yet,
        worst=tuple(photo.result_id for photo in worst),
        events=lots.events(station.store, lot.number),
    )


def decide(
    station: Station, number: int, outcome: Outcome, *, by: str, seen_revision: int, comment: str
) -> Lot:
    """Have a person decide a lot.

    Raises
    ------
    ConflictError : the sample is not complete, the plan refuses what is to be accepted, or somebody decided.
    """
    state = state_of(station, lots.by_number(station.store, number))
    if state.acceptable is None:
        raise ConflictError(
            f"The lot {state.lot.new.lot_id!r} cannot be decided yet: {state.not_yet}",
            hint="Inspect what is missing and review what waits for a person, then decide.",
        )
    if outcome is Outcome.ACCEPTED and not state.acceptable:
        raise ConflictError(
            f"The plan of the lot {state.lot.new.lot_id!r} refuses it.",
            hint="Refuse it; sorted or repaired it may come again under another id, as resubmitted.",
        )
    return lots.decide(
        station.store,
        number,
        outcome,
        by=by,
        seen_revision=seen_revision,
        tallies=state.progress.tallies,
        acceptable=state.acceptable,
        comment=comment,
    )


def standards_of(station: Station, state: LotState) -> tuple[str, ...]:
    """Id and edition of what graded the photos of the lot's worst items, as their documents say."""
    found = set()
    for result_id in state.worst[:50]:
        told = ResultDocument.model_validate_json(inspections.by_id(station.store, result_id).record.document)
        found.add(f"{told.standard.id} {told.standard.version}")
    return tuple(sorted(found))


def _judged(lot: Lot, progress: Progress) -> tuple[LotDecision | None, bool | None, str]:
    if lot.plan is not None:
        try:
            judged = judge_lot(lot.plan, progress.tallies)
        except LotError as error:
            return None, None, error.detail
        return judged, judged.acceptable, ""
    if not progress.complete:
        missing = progress.wanted - progress.came + len(progress.pending)
        return None, None, f"Not inspected yet: {missing} of {progress.wanted} items."
    # Every item was seen and the bad ones leave the lot: what remains conforms.
    return None, True, ""


def _items(station: Station, lot: Lot, photos: Sequence[SeenPhoto]) -> list[Item]:
    groups: dict[str, dict[str, list[SeenPhoto]]] = defaultdict(lambda: defaultdict(list))
    for photo in photos:
        groups[photo.item][photo.part].append(photo)
    return [_item(station, lot, name, parts) for name, parts in groups.items()]


def _item(station: Station, lot: Lot, name: str, parts: Mapping[str, Sequence[SeenPhoto]]) -> Item:
    found: Counter[Severity] = Counter()
    every = [photo for photos in parts.values() for photo in photos]
    for photo in every:
        found.update(_faults(photo))
    wholes = [photo.shoe for photo in every if photo.shoe is not None]
    if lot.new.unit is Unit.PAIR:
        wholes += [photo.pair for photo in every if photo.pair is not None]
    for whole in wholes:
        found.update(whole.found)
        if whole.grade is Grade.C and not (found[Severity.MAJOR] or found[Severity.CRITICAL]):
            found.update(severities_of_grade(whole.grade))  # minor faults that are too many together
    complete = all(_is_complete(station, photos) for photos in parts.values())
    # Nobody reviews a pair: what is unclear of it is settled once a person has graded each of its photos.
    unclear = any(whole.grade is Grade.RECHECK for whole in wholes)
    return Item(
        name=name,
        complete=complete and (lot.new.unit is Unit.PART or len(parts) >= 2),
        undecided=any(photo.grade is Grade.RECHECK for photo in every)
        or (unclear and not all(photo.reviewed for photo in every)),
        found={severity: times for severity, times in found.items() if times},
    )


def _faults(photo: SeenPhoto) -> Mapping[Severity, int]:
    """What the line found, unless a person gave another grade: then what that grade stands for."""
    if photo.overridden or (not photo.faults and photo.grade is not Grade.A):
        return severities_of_grade(photo.grade)
    return photo.faults


def _is_complete(station: Station, photos: Sequence[SeenPhoto]) -> bool:
    try:
        asked = station.recipes.get(photos[-1].recipe).shoe_views
    except UnknownNameError:
        return True
    return set(asked) <= {photo.view for photo in photos}
