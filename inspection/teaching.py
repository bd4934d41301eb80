"""Teaches a view from stored photos, keeps every version of what was taught, and says which is in force.

A version is a row; its bank lies beside the photos under its digest. The row is written last and at once, so
whenever a teaching is killed, what was in force stays in force. Banks that are in force are held open in
memory and looked for again every few seconds, so that every replica serves a new version without a restart.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from inspection import detecting, imaging, locating, novelty, pipeline
from inspection.domain import Maps, Photo
from inspection.errors import ModelError, NotFoundError, StorageError, TeachingError, WeltError
from inspection.novelty import GoodPhoto, InForce, Lesson, Suspect
from inspection.recipes import Recipe
from inspection.registry import Model
from inspection.store import Photos, Store, banks
from inspection.store.audit import Action
from inspection.store.banks import BankVersion, TaughtPhoto
from inspection.taxonomy import KINDS

__all__ = [
    "DEFAULT_FALSE_REJECTS",
    "Banks",
    "LimitPreview",
    "Lot",
    "Order",
    "change_limit",
    "estimate",
    "fits",
    "newest",
    "open_bank",
    "preview",
    "roll_back",
    "switch_off",
    "teach",
]

log = logging.getLogger(__name__)

DEFAULT_FALSE_REJECTS = 0.01
"""Share of good photos that may be rejected for novelty when nobody says otherwise."""
KNOWN_FROM = 0.9
"""Probability from which a known defect on a "good" photo is objected to: the thresholds of the line alarm on
some sound photos by design, and a person should not be asked about each."""
STRANGE_SHARE = 0.5
"""When more photos than this are novel to what the view was taught before, they show something else."""
PREVIEW_RESULTS = 1000
"""Stored results that a changed limit is tried on: the newest of the view."""


@dataclass(frozen=True)
class Order:
    """What is to be taught.

    Attributes
    ----------
    keep : digests of photos that a person has looked at and found good, whatever they look like.
    replace : whether what was taught before is to be forgotten, so photos need not resemble it.
    reference : what the photos of the view are laid on, as at the line; None where it has none.
    """

    recipe: Recipe
    view: str
    photos: tuple[TaughtPhoto, ...]
    false_rejects: float = DEFAULT_FALSE_REJECTS
    keep: frozenset[str] = frozenset()
    replace: bool = False
    why: str = ""
    reference: locating.Reference | None = None


@dataclass(frozen=True, eq=False)
class Lot:
    """What came of a teaching.

    Attributes
    ----------
    version : what is in force now; None when a person has to look at the suspects first.
    before : what was in force until then; None when nothing was.
    suspects : with the photo that each is.
    """

    version: BankVersion | None
    before: BankVersion | None
    suspects: tuple[tuple[TaughtPhoto, Suspect], ...]


def teach(
    order: Order,
    *,
    store: Store,
    photos: Photos,
    model: Model,
    by: str,
    max_pixels: int,
    progress: Callable[[float], None] = lambda share: None,
) -> Lot:
    """Teach a view and put the bank in force, unless a person has to look first.

    Parameters
    ----------
    photos : hold the photos of the order under their digests, and get the bank.
    by : who teaches, for the audit trail.

    Raises
    ------
    TeachingError : the photos cannot be taught; what was taught before stays.
    PhotoError : one of them cannot be decoded.
    ConflictError : the view was taught by somebody else meanwhile.
    """
    _check_share(order.false_rejects)
    history = banks.history(store, order.recipe.name, order.view)
    before = history[0] if history else None
    old = None if before is None or order.replace else _open_or_none(before, photos, model)
    good = [_good_photo(photo, order, photos, max_pixels) for photo in order.photos]
    novel_to_old: list[bool] = []

    def examine(photo: GoodPhoto, maps: Maps) -> str:
        if old is not None:
            seen = novelty.judge(maps, photo.zones, old)
            novel_to_old.append(seen.score >= old.limit)
        return _known_defect(photo, maps, model, order)

    lesson = Lesson(recipe=order.recipe.name, view=order.view, model=model)
    taught = novelty.teach(good, lesson, examine=examine, progress=progress)
    if sum(novel_to_old) > STRANGE_SHARE * len(good):
        raise TeachingError(
            f"{sum(novel_to_old)} of {len(good)} photos are novel to what {order.recipe.name}/{order.view} "
            "was taught before, so they may show another style; nothing was changed.",
            hint="Check recipe and view; to forget what was taught before, teach with --replace.",
        )
    suspects = tuple(
        (order.photos[suspect.index], suspect)
        for suspect in taught.suspects
        if order.photos[suspect.index].sha256 not in order.keep
    )
    if suspects:
        return Lot(version=None, before=before, suspects=suspects)
    limit = novelty.choose_limit(
        taught.bank.good, false_rejects=order.false_rejects, photos=taught.bank.units
    )
    made = banks.add(
        store,
        BankVersion(
            recipe=order.recipe.name,
            view=order.view,
            bank_sha256=photos.put(novelty.bank_to_bytes(taught.bank)),
            model_sha256=model.manifest.sha256,
            features_sha256=model.features_sha256,
            limit=limit.score,
            false_rejects=limit.false_rejects,
            low=limit.low,
            high=limit.high,
            direct=limit.direct,
            photos_needed=limit.photos_needed,
            photos=order.photos,
            why=order.why,
        ),
        by=by,
        action=Action.TAUGHT,
        seen_version=before.version if before else 0,
    )
    return Lot(version=made, before=before, suspects=())


def estimate(order: Order, *, photos: Photos, model: Model, max_pixels: int) -> novelty.Estimate:
    """What the teaching will take, from the sizes of its photos."""
    sizes = []
    for photo in order.photos:
        decoded = _decoded(photo, photos, max_pixels)
        sizes.append(((decoded.width_px, decoded.height_px), photo.mm_per_px))
    return novelty.estimate(sizes, model)


def _check_share(false_rejects: float) -> None:
    if not novelty.SMALLEST_SHARE <= false_rejects <= novelty.LARGEST_SHARE:
        raise TeachingError(
            f"A share of false rejects of {false_rejects:g} cannot be had.",
            hint=f"Ask for {novelty.SMALLEST_SHARE:g} to {novelty.LARGEST_SHARE:g}; "
            "0.01 is one good photo in 100.",
        )


def _decoded(photo: TaughtPhoto, photos: Photos, max_pixels: int) -> Photo:
    try:
        return imaging.decode(photos.get(photo.sha256), max_pixels=max_pixels)
    except WeltError as error:
        raise type(error)(f"{photo.name}: {error.detail}", hint=error.hint) from error


def _good_photo(photo: TaughtPhoto, order: Order, photos: Photos, max_pixels: int) -> GoodPhoto:
    decoded = _decoded(photo, photos, max_pixels)
    located = locating.find(order.recipe.view(order.view), decoded.rgb, reference=order.reference)
    if located.registration is not None and not located.registration.found:
        raise TeachingError(
            f"The part was not found in {photo.name}, so its zones are not known; nothing was changed.",
            hint="Leave that photo out, or check the reference photo of the view.",
        )
    return GoodPhoto(
        name=photo.name,
        rgb=decoded.rgb,
        mm_per_px=photo.mm_per_px,
        zones=located.zones,
        group=photo.group,
    )


def _known_defect(photo: GoodPhoto, maps: Maps, model: Model, order: Order) -> str:
    """The surest known defect on a photo that should be good; empty when there is none."""
    wanted = pipeline.sensitivity_of(model, order.recipe)
    found = detecting.detect(maps, photo.zones, wanted, mm_per_px=photo.mm_per_px).defects
    sure = [defect for defect in found if defect.score >= KNOWN_FROM]
    if not sure:
        return ""
    worst = max(sure, key=lambda defect: defect.score)
    return f"the network sees a {KINDS[worst.kind].en} ({worst.score:.0%})"


# What is in force


def open_bank(version: BankVersion, photos: Photos) -> InForce:
    """Open a version that has a bank; ModelError when its bytes are damaged."""
    if version.bank_sha256 is None:
        raise ValueError(f"version {version.version} of {version.recipe}/{version.view} is switched off")
    return InForce(
        bank=novelty.bank_of_bytes(photos.get(version.bank_sha256)),
        version=version.version,
        limit=version.limit,
        false_rejects=version.false_rejects,
    )


def _open_or_none(version: BankVersion, photos: Photos, model: Model) -> InForce | None:
    if version.bank_sha256 is None or not fits(version, model):
        return None
    return open_bank(version, photos)


def fits(version: BankVersion, model: Model) -> bool:
    """Whether a version was taught with features such as the model gives; else it judges nothing."""
    return model.gives_features_of(model_sha256=version.model_sha256, features_sha256=version.features_sha256)


class Banks:
    """The banks in force, held open. Safe to use from many threads."""

    def __init__(self, store: Store, photos: Photos) -> None:
        self._store = store
        self._photos = photos
        self._lock = threading.Lock()
        self._open: dict[tuple[str, str], tuple[int, InForce | None]] = {}

    def get(self, recipe: str, view: str) -> InForce | None:
        """What judges a view's photos; None when it was not taught. Asks neither disk nor database."""
        return self._open.get((recipe, view), (0, None))[1]

    def refresh(self) -> None:
        """Open what is in force now. A bank that cannot be opened is logged, and the one before goes on."""
        with self._lock:
            now = dict(self._open)
            for version in banks.in_force(self._store):
                key = (version.recipe, version.view)
                if key in now and now[key][0] == version.version:
                    continue
                try:
                    opened = None if version.bank_sha256 is None else open_bank(version, self._photos)
                except (ModelError, NotFoundError, StorageError) as error:
                    log.error(
                        "novelty bank cannot be used",
                        extra={"recipe": version.recipe, "view": version.view, "detail": error.detail},
                    )
                    continue
                now[key] = (version.version, opened)
                log.info(
                    "novelty bank in force",
                    extra={"recipe": version.recipe, "view": version.view, "version": version.version},
                )
            self._open = now


# Changing what is in force


def change_limit(
    store: Store,
    photos: Photos,
    recipe: str,
    view: str,
    *,
    false_rejects: float,
    by: str,
    why: str = "",
    seen_version: int | None = None,
) -> BankVersion:
    """Draw the line anew, for another share of false rejects; the bank stays."""
    _check_share(false_rejects)
    now = newest(store, recipe, view)
    bank = open_bank(now, photos).bank
    limit = novelty.choose_limit(bank.good, false_rejects=false_rejects, photos=bank.units)
    changed = replace(
        now,
        limit=limit.score,
        false_rejects=false_rejects,
        low=limit.low,
        high=limit.high,
        direct=limit.direct,
        photos_needed=limit.photos_needed,
        why=why,
    )
    return banks.add(
        store,
        changed,
        by=by,
        action=Action.NOVELTY_LIMIT,
        seen_version=now.version if seen_version is None else seen_version,
    )


def roll_back(
    store: Store, recipe: str, view: str, to: int, *, by: str, seen_version: int | None = None
) -> BankVersion:
    """Put an older version in force again, as a new one."""
    older = banks.version(store, recipe, view, to)
    return banks.add(
        store,
        replace(older, why=f"as version {to}"),
        by=by,
        action=Action.NOVELTY_ROLLED_BACK,
        seen_version=seen_version,
    )


def switch_off(store: Store, recipe: str, view: str, *, by: str, why: str = "") -> BankVersion:
    """Judge no novelty in a view from here on; rolling back brings it back."""
    now = newest(store, recipe, view)
    return banks.add(
        store,
        replace(now, bank_sha256=None, why=why),
        by=by,
        action=Action.NOVELTY_OFF,
        seen_version=now.version,
    )


def newest(store: Store, recipe: str, view: str) -> BankVersion:
    """The version in force; NotFoundError when the view was not taught, or is switched off."""
    history = banks.history(store, recipe, view)
    if not history or history[0].bank_sha256 is None:
        raise NotFoundError(
            f"The view {recipe}/{view} was not taught, or is switched off.",
            hint="Teach it with welt teach, or go back to an older version.",
        )
    return history[0]


@dataclass(frozen=True)
class LimitPreview:
    """What another share of false rejects would mean for stored results.

    Of the newest ``results`` that the same bank judged, ``now`` are at or above the limit in force and
    ``then`` at or above the other one; ``more`` would be novel that are not, ``fewer`` the other way round.
    """

    limit: float
    false_rejects: float
    low: float
    high: float
    direct: bool
    photos_needed: int
    results: int
    now: int
    then: int
    more: int
    fewer: int


def preview(store: Store, photos: Photos, recipe: str, view: str, *, false_rejects: float) -> LimitPreview:
    """Try another share of false rejects on stored results; changes nothing."""
    _check_share(false_rejects)
    history = banks.history(store, recipe, view)
    now = newest(store, recipe, view)
    bank = open_bank(now, photos).bank
    limit = novelty.choose_limit(bank.good, false_rejects=false_rejects, photos=bank.units)
    same = {one.version for one in history if one.bank_sha256 == now.bank_sha256}
    scores = [
        score
        for version, score in banks.scores(store, recipe, view, limit=PREVIEW_RESULTS)
        if version in same
    ]
    above_now = [score >= now.limit for score in scores]
    above_then = [score >= limit.score for score in scores]
    return LimitPreview(
        limit=limit.score,
        false_rejects=false_rejects,
        low=limit.low,
        high=limit.high,
        direct=limit.direct,
        photos_needed=limit.photos_needed,
        results=len(scores),
        now=sum(above_now),
        then=sum(above_then),
        more=_both(above_then, above_now),
        fewer=_both(above_now, above_then),
    )


def _both(yes: Sequence[bool], no: Sequence[bool]) -> int:
    return sum(a and not b for a, b in zip(yes, no, strict=True))
