"""The pages of one shoe and of one pair."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from starlette.responses import HTMLResponse, Response

from inspection import assembling
from inspection.domain import Foot, Grade
from inspection.grading import COMBINATION_REASON
from inspection.pairing import Comparison, PairVerdict, SetPhoto, SetReason, ShoeVerdict
from inspection.web.contexts import Fact, Moment, overlay_url
from inspection.web.deps import StationDep
from inspection.web.desk import Desk, DeskDep
from inspection.web.i18n import Words

__all__ = ["router"]

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

THUMBNAIL_PX = 320
_SEAM = re.compile(r"(.+) (\d+\.\d+)")
Id = Annotated[str, Query(min_length=1, max_length=128)]


@dataclass(frozen=True)
class ShownPhoto:
    """A photo of a shoe."""

    url: str
    thumbnail_url: str
    view: str
    grade: str
    overridden: bool
    created_at: Moment


@dataclass(frozen=True)
class ShownSetReason:
    """A reason, as shown; ``grade`` A only tells something."""

    text: str
    grade: str
    measured: str | None
    limit: str | None
    clause: str | None
    provenance: str | None
    basis: str | None


@dataclass(frozen=True)
class ShownShoe:
    """A shoe; ``grade`` is empty while photos are waited for."""

    title: str
    url: str | None
    foot: str
    grade: str
    state: str
    photos: tuple[ShownPhoto, ...]
    replaced: int
    missing: str
    reasons: tuple[ShownSetReason, ...]


@dataclass(frozen=True)
class ShownComparison:
    """A row of the table of differences."""

    quantity: str
    view: str
    what: str
    left: str
    right: str
    difference: str
    note: str


@dataclass(frozen=True)
class SetContext:
    """set.html: one shoe, or a pair; ``worse`` tells which shoes of a pair are as bad as the pair."""

    title: str
    pair: bool
    grade: str
    state: str
    shoes: tuple[ShownShoe, ...]
    reasons: tuple[ShownSetReason, ...]
    comparisons: tuple[ShownComparison, ...]
    worse: str = ""
    facts: tuple[Fact, ...] = ()


@router.get("/shoe")
def shoe_page(part_id: Id, desk: DeskDep, station: StationDep) -> Response:
    """One shoe: its views, the verdict, why."""
    shoe = assembling.shoe_of(station, part_id)
    shown = _shoe(shoe, desk)
    view = SetContext(
        title=desk.words("set.shoe_title", part=part_id),
        pair=False,
        grade=shown.grade,
        state=shown.state,
        shoes=(shown,),
        reasons=(),
        comparisons=(),
    )
    return desk.page("set.html", view)


@router.get("/pair")
def pair_page(pair_id: Id, desk: DeskDep, station: StationDep) -> Response:
    """A pair: both shoes, and how much they differ."""
    pair = assembling.pair_of(station, pair_id)
    view = SetContext(
        title=desk.words("set.pair_title", pair=pair_id),
        pair=True,
        grade="" if pair.grade is None else pair.grade.value,
        state=pair.state.value,
        shoes=tuple(_shoe(shoe, desk) for shoe in pair.shoes),
        reasons=tuple(_reason(reason, desk.words) for reason in pair.reasons),
        comparisons=tuple(_comparison(found, desk.words) for found in pair.comparisons),
        worse=_worse(pair, desk.words),
    )
    return desk.page("set.html", view)


def _worse(pair: PairVerdict, words: Words) -> str:
    """Which shoes' own grade is the pair's; empty where all are good or a reason of the pair tells it."""
    if pair.grade in (None, Grade.A) or any(reason.grade is pair.grade for reason in pair.reasons):
        return ""
    worse = [shoe.part_id or words("set.no_part") for shoe in pair.shoes if shoe.grade is pair.grade]
    key = "set.worse_all" if 1 < len(worse) == len(pair.shoes) else "set.worse"
    return words(key, parts=", ".join(worse))


def _shoe(shoe: ShoeVerdict, desk: Desk) -> ShownShoe:
    words = desk.words
    return ShownShoe(
        title=shoe.part_id or words("set.no_part"),
        url=None if shoe.part_id is None else f"/shoe?{urlencode({'part_id': shoe.part_id})}",
        foot="" if shoe.foot is None else words(f"foot.{Foot(shoe.foot).value}"),
        grade="" if shoe.grade is None else shoe.grade.value,
        state=shoe.state.value,
        photos=tuple(_photo(photo, desk) for photo in shoe.photos),
        replaced=len(shoe.older),
        missing=", ".join(words.named("view", view) for view in shoe.missing),
        reasons=tuple(_reason(reason, words) for reason in shoe.reasons),
    )


def _photo(photo: SetPhoto, desk: Desk) -> ShownPhoto:
    return ShownPhoto(
        url=f"/results/{photo.result_id}",
        thumbnail_url=overlay_url(photo.result_id, f"side_px={THUMBNAIL_PX}"),
        view=desk.words.named("view", photo.view),
        grade=photo.grade.value,
        overridden=photo.overridden,
        created_at=desk.zone.show(photo.created_at),
    )


def _reason(reason: SetReason, words: Words) -> ShownSetReason:
    measured = limit = None
    if reason.measured is not None and reason.limit is not None:
        measured = words.number(reason.measured, reason.unit, reason.uncertainty)
        limit = words.limit(reason.limit, reason.unit)
    return ShownSetReason(
        text=told(reason, words),
        grade=reason.grade.value,
        measured=measured,
        limit=limit,
        clause=reason.clause,
        provenance=reason.provenance,
        basis=reason.basis,
    )


def told(reason: SetReason, words: Words) -> str:
    """One sentence that tells a reason in the viewer's language."""
    view = words.named("view", reason.view) if reason.view else ""
    if reason.kind is not None or reason.rule == COMBINATION_REASON:
        return words.reason(reason)
    if reason.quantity is not None:
        told_as = "near" if reason.grade == "recheck" else "over"
        what = _where(reason.zone, words)
        quantity = words(f"pair_quantity.{reason.quantity}")
        return words(f"set_reason.{told_as}", quantity=quantity, what=what, view=view)
    key = f"set_reason.{reason.rule}"
    if not words.has(key):
        return reason.message
    names: Mapping[str, str] = {
        "first": reason.names[0] if reason.names else "",
        "names": ", ".join(
            words.named("view", name) if reason.rule == "views_missing" else name for name in reason.names
        ),
        "others": ", ".join(
            words(f"foot.{Foot(name).value}") if reason.rule == "part_two_feet" else name
            for name in reason.names[1:]
        ),
        "view": view,
    }
    return words(key, **names)


def _where(name: str | None, words: Words) -> str:
    """A zone, or a seam by its zone, group and row (``SeamFigures.name``), or the whole shoe."""
    if not name:
        return words("set.whole")
    seam = _SEAM.fullmatch(name)
    return words.named("zone", name) if seam is None else f"{words.named('zone', seam[1])} {seam[2]}"


def _comparison(found: Comparison, words: Words) -> ShownComparison:
    def side(value: float | None, lab: tuple[float, float, float] | None) -> str:
        if lab is not None:
            return " / ".join(f"{part:.1f}" for part in lab)
        return "–" if value is None else f"{value:.2f}"

    is_colour = found.left_lab is not None
    return ShownComparison(
        quantity=words(f"pair_quantity.{found.quantity}"),
        view=words.named("view", found.view),
        what=_where(found.what, words),
        left=side(found.left, found.left_lab),
        right=side(found.right, found.right_lab),
        difference=words.number(found.difference, found.unit, found.uncertainty),
        note=words("set.no_white") if is_colour and not found.referenced else "",
    )
