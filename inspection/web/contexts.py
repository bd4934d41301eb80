"""What each page shows: frozen values, one class per template, built in the viewer's language.

Templates decide nothing: every number comes here as the text that is shown, every link as the address that it
leads to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from urllib.parse import urlencode
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from inspection import drawing, taxonomy
from inspection.access import Role
from inspection.document import DefectDocument, ReasonDocument, ResultDocument
from inspection.domain import Grade
from inspection.errors import MetadataError
from inspection.novelty import FULL_SCALE
from inspection.registry import Manifest, Model
from inspection.standards import ANY_KIND, AnyRule, Per, Rule, SeamRule, Standard, WindowRule
from inspection.store.inspections import Filters, StoredInspection
from inspection.store.reviews import Decision, Review
from inspection.web.i18n import Language, Words
from inspection.web.pictures import drawing_version
from inspection.web.seamviews import ShownSeam, drawn_seams, shown_seams

__all__ = [
    "FilterForm",
    "FloorContext",
    "Frame",
    "LoginContext",
    "ModelContext",
    "Notice",
    "PasswordContext",
    "Person",
    "Place",
    "ProblemContext",
    "ResultContext",
    "ResultsContext",
    "Service",
    "StationsContext",
    "Today",
    "UsersContext",
    "Zone",
    "row_of",
]

ROW_REASONS = 3
"""Reasons told in a row of the list; the rest are on the result's own page."""
THUMBNAIL_PX = 320
"""Longer side of the pictures in lists: sharp on a tablet's dense screen at 132 CSS pixels."""
FLOOR_PICTURE_PX = 1280
"""Longer side of the picture on the shop-floor screen, which shows it at about half of 1920 pixels."""
SHOWN_BY_BROWSERS = frozenset({"image/jpeg", "image/png", "image/webp", "image/bmp", "image/gif"})


# Times


@dataclass(frozen=True)
class Moment:
    """A time as it is shown.

    Attributes
    ----------
    iso : UTC, for the ``datetime`` attribute.
    text : in the viewer's zone; says UTC when the zone is not known yet.
    """

    iso: str
    text: str


@dataclass(frozen=True)
class Zone:
    """The viewer's time zone.

    Attributes
    ----------
    name : IANA name, or UTC when the browser has not told yet or told one that this machine does not know.
    """

    name: str
    info: ZoneInfo | None

    @classmethod
    def named(cls, name: str | None) -> Zone:
        """Zone of a cookie's value, which anyone may have written."""
        if not name or len(name) > 64:
            return cls("UTC", None)
        try:
            return cls(name, ZoneInfo(name))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            return cls("UTC", None)

    def show(self, at: datetime) -> Moment:
        """A time as it is shown to this viewer."""
        utc = at.astimezone(UTC)
        iso = utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        if self.info is None:
            return Moment(iso, f"{utc:%Y-%m-%d %H:%M:%S} UTC")
        return Moment(iso, f"{utc.astimezone(self.info):%Y-%m-%d %H:%M:%S}")

    def read(self, text: str) -> datetime:
        """Time of a ``datetime-local`` field; ValueError when it is none."""
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=self.info or UTC)
        return moment.astimezone(UTC)

    def day_of(self, at: datetime) -> datetime:
        """Midnight, in this zone, that began the day of ``at``; aware, UTC."""
        here = at.astimezone(self.info or UTC)
        return here.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)


# Around every page


@dataclass(frozen=True)
class Person:
    """Who is logged in."""

    name: str
    role: Role

    @property
    def may_review(self) -> bool:
        """Whether the review form is shown."""
        return self.role.includes(Role.INSPECTOR)

    @property
    def may_teach(self) -> bool:
        """Whether good photos may be taught."""
        return self.role.includes(Role.ENGINEER)

    @property
    def may_manage(self) -> bool:
        """Whether stations, keys and people are shown."""
        return self.role.includes(Role.ADMIN)


@dataclass(frozen=True)
class Place:
    """An entry of the menu; ``id`` names its text."""

    id: str
    url: str
    current: bool


@dataclass(frozen=True)
class Today:
    """Counts since midnight in the viewer's zone, by the verdict of the line."""

    inspected: int
    by_grade: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Service:
    """Whether photos can be inspected now, and if not, why."""

    ready: bool
    reasons: tuple[str, ...]


URLS: Mapping[str, str] = {
    "results": "/results",
    "status": "/status",
    "events": "/api/v1/events",
    "lots": "/lots",
    "statistics": "/statistics",
    "teach": "/teach",
    "model": "/model",
    "standards": "/standards",
    "recipes": "/recipes",
    "calibration": "/calibration",
    "stations": "/stations",
    "users": "/users",
    "login": "/login",
    "logout": "/logout",
    "language": "/language",
    "password": "/password",
}


@dataclass(frozen=True)
class Frame:
    """What surrounds every page.

    Attributes
    ----------
    csrf_token : for every form of the page.
    person : None when nobody is logged in.
    here : path and query of the page, to come back to after a change of language.
    zone : name of the viewer's time zone.
    today, service : None where they are not shown.
    static_version : changes with the static files, so that browsers keep them for long and still see changes.
    """

    language: Language
    other_languages: tuple[Language, ...]
    csrf_token: str
    person: Person | None
    places: tuple[Place, ...]
    here: str
    zone: str
    today: Today | None
    service: Service | None
    static_version: str
    urls: Mapping[str, str] = field(default_factory=lambda: URLS)

    def static(self, name: str) -> str:
        """Address of a static file."""
        return f"/static/{name}?v={self.static_version}"


@dataclass(frozen=True)
class Notice:
    """A message above a form; ``look`` is good, warn or bad."""

    look: str
    text: str


@dataclass(frozen=True)
class LoginContext:
    """login.html: ``next`` is where to go afterwards, ``problem`` why the last attempt failed."""

    name: str
    next: str
    problem: str | None


@dataclass(frozen=True)
class PasswordContext:
    """password.html: ``notice`` says why the last attempt failed."""

    notice: Notice | None


@dataclass(frozen=True)
class ProblemContext:
    """problem.html: an error, for people.

    Attributes
    ----------
    detail : what happened, with the value that caused it.
    hint : what to do: that of the error, else that of its kind.
    detail_is_english, hint_is_english : whether they could not be told in another language.
    offer_login : whether logging in may help.
    """

    status: int
    title: str
    detail: str
    detail_is_english: bool
    hint: str
    hint_is_english: bool
    offer_login: bool


# Filters


@dataclass(frozen=True)
class FilterForm:
    """The filters as the address carries them; empty texts filter nothing.

    Attributes
    ----------
    grades : of the line's verdict.
    since, until : as ``datetime-local`` fields give them, in the viewer's zone.
    reviewed : ``yes``, ``no`` or empty.
    """

    grades: tuple[str, ...] = ()
    kind: str = ""
    station: str = ""
    style: str = ""
    lot: str = ""
    since: str = ""
    until: str = ""
    reviewed: str = ""

    @property
    def active(self) -> int:
        """How many conditions there are."""
        texts = (self.kind, self.station, self.style, self.lot, self.since, self.until, self.reviewed)
        return bool(self.grades) + sum(map(bool, texts))

    def url(self, path: str, **further: str) -> str:
        """Address of a page under these filters."""
        pairs = [("grade", grade) for grade in self.grades]
        for name in ("kind", "station", "style", "lot", "since", "until", "reviewed"):
            pairs.append((name, getattr(self, name)))
        pairs += further.items()
        query = urlencode([(name, value) for name, value in pairs if value])
        return f"{path}?{query}" if query else path

    def filters(self, zone: Zone) -> Filters:
        """The filters as the store takes them.

        Raises
        ------
        MetadataError : a time that is none; ``detail`` is that text.
        """
        return Filters(
            grades=frozenset(Grade(grade) for grade in self.grades),
            kinds=frozenset({self.kind}) if self.kind else frozenset(),
            station=self.station or None,
            style=self.style or None,
            lot_id=self.lot or None,
            created_from=_time(self.since, zone),
            created_until=_time(self.until, zone),
            reviewed={"yes": True, "no": False}.get(self.reviewed),
        )


def _time(text: str, zone: Zone) -> datetime | None:
    if not text:
        return None
    try:
        return zone.read(text)
    except (ValueError, OverflowError) as error:
        raise MetadataError(text, hint="Write a time as 2026-01-31T08:00.") from error


@dataclass(frozen=True)
class NamedKind:
    """A kind of defect with its name in the viewer's language."""

    id: str
    name: str
    colour: str


@dataclass(frozen=True)
class Choices:
    """What the filters offer."""

    grades: tuple[str, ...]
    kinds: tuple[NamedKind, ...]
    stations: tuple[str, ...]


def choices_of(words: Words, stations: Sequence[str]) -> Choices:
    """What the filters offer: every grade, every kind, the stations that have results."""
    kinds = tuple(named_kind(kind_id, words) for kind_id in taxonomy.KINDS)
    return Choices(grades=tuple(grade.value for grade in Grade), kinds=kinds, stations=tuple(stations))


def named_kind(kind_id: str, words: Words) -> NamedKind:
    """Name and colour of a kind; one that this version does not know keeps its identifier."""
    known = taxonomy.KINDS.get(kind_id, taxonomy.KINDS[taxonomy.UNKNOWN])
    return NamedKind(kind_id, words.kind(kind_id), known.colour)


# List of results


@dataclass(frozen=True)
class Row:
    """A result in a list.

    Attributes
    ----------
    sequence : its position in the feed; the list asks for what came after the highest.
    grade : what holds now; ``first_grade`` is the line's.
    headline : the first reason, or that there is none; ``more_reasons`` the next few;
        ``reasons_left_out`` counts the rest.
    review : ``agreed``, ``overridden``, or None when nobody has reviewed it.
    """

    result_id: str
    sequence: int
    url: str
    thumbnail_url: str
    picture_url: str
    grade: str
    first_grade: str
    headline: str
    more_reasons: tuple[str, ...]
    reasons_left_out: int
    kinds: tuple[NamedKind, ...]
    station: str
    view: str
    part_id: str | None
    lot_id: str | None
    style: str | None
    created_at: Moment
    review: str | None
    revision: int

    @property
    def reasons(self) -> tuple[str, ...]:
        """The reasons that are told here."""
        return (self.headline, *self.more_reasons)


def row_of(stored: StoredInspection, *, words: Words, zone: Zone, form: FilterForm) -> Row:
    """A stored result as a row."""
    record = stored.record
    document = ResultDocument.model_validate_json(record.document)
    reasons = list(dict.fromkeys(words.reason(reason) for reason in document.verdict.reasons))
    told = reasons[:ROW_REASONS] or [words("results.good")]
    return Row(
        result_id=record.result_id,
        sequence=stored.sequence,
        url=form.url(f"/results/{record.result_id}"),
        thumbnail_url=_overlay(document, f"side_px={THUMBNAIL_PX}"),
        picture_url=_overlay(document, f"side_px={FLOOR_PICTURE_PX}&labels=false"),
        grade=stored.final_grade.value,
        first_grade=record.grade.value,
        headline=told[0],
        more_reasons=tuple(told[1:]),
        reasons_left_out=max(0, len(reasons) - ROW_REASONS),
        kinds=tuple(named_kind(kind, words) for kind in sorted(record.kinds)),
        station=record.station,
        view=words.named("view", document.view),
        part_id=record.part_id,
        lot_id=record.lot_id,
        style=record.style,
        created_at=zone.show(record.created_at),
        review=_review_state(stored),
        revision=stored.review_revision,
    )


def _overlay(document: ResultDocument, *wanted: str) -> str:
    """Address of a drawing, which browsers may keep until another version of Welt draws otherwise."""
    return f"{document.links.overlay}?{'&'.join((*wanted, f'v={drawing_version()}'))}"


def _review_state(stored: StoredInspection) -> str | None:
    if stored.review_revision == 0:
        return None
    return "agreed" if stored.final_grade is stored.record.grade else "overridden"


@dataclass(frozen=True)
class ResultsContext:
    """results.html and _rows.html.

    Attributes
    ----------
    held : True on older pages, where new results do not belong.
    rows_url : where the live list asks for what is new.
    problem : why a filter could not be applied.
    example : commands that post a photo, for the empty list.
    """

    rows: tuple[Row, ...]
    filters: FilterForm
    choices: Choices
    held: bool
    rows_url: str
    newest_url: str
    older_url: str | None
    floor_url: str
    example: str
    problem: str | None = None


@dataclass(frozen=True)
class RowsContext:
    """_rows.html alone: what the live list adds."""

    rows: tuple[Row, ...]


@dataclass(frozen=True)
class FloorContext:
    """floor.html and _floor.html: the last result huge, those before it as a strip."""

    last: Row | None
    strip: tuple[Row, ...]
    list_url: str
    part_url: str


# One result


@dataclass(frozen=True)
class ShownReason:
    """A reason with the rule behind it.

    Attributes
    ----------
    grade : what the reason brings; ``rule_grade`` is what the rule costs, which a recheck leaves open.
    times : defects of which the same sentence is true; ``defect`` is the first of them.
    measured, limit : with their units; None where the rule has no numbers.
    """

    text: str
    grade: str
    rule_grade: str
    times: int
    defect: int | None
    measured: str | None
    limit: str | None
    clause: str | None
    severity: str | None
    provenance: str | None
    basis: str | None


@dataclass(frozen=True)
class ShownSize:
    """A size without its unit, which the column has; a dash where there is no scale."""

    value: str
    uncertainty: str | None


@dataclass(frozen=True)
class ShownDefect:
    """A defect in the table; ``sizes`` are length, width and area."""

    name: str
    colour: str
    zone: str
    sizes: tuple[ShownSize, ShownSize, ShownSize]
    score: str


@dataclass(frozen=True)
class Fact:
    """A name with its value, both as shown; ``url`` is where the value leads."""

    name: str
    value: str
    url: str | None = None


@dataclass(frozen=True)
class TrailEntry:
    """Something that a person decided about the result."""

    text: str
    comment: str
    who: str
    at: Moment


@dataclass(frozen=True)
class Legend:
    """Scale of the heat map: colour stops from 0 to 1, and the probabilities from which the model counts.

    Attributes
    ----------
    stops : (offset 0..1, ``#rrggbb``, opacity 0..1).
    low, high : lowest and highest threshold over the kinds; None when that model does not serve any more.
    """

    stops: tuple[tuple[float, str, float], ...]
    low: float | None
    high: float | None


@dataclass(frozen=True)
class ShownNovelty:
    """Novelty of a result: its map, its score, and where the limit lies on the scale, 0..1."""

    picture_url: str
    score: str
    percentile: str
    limit: str
    version: int
    beyond: bool
    limit_share: float
    full_scale: str


@dataclass(frozen=True)
class ResultContext:
    """result.html and _review.html.

    Attributes
    ----------
    shown : what the viewer's script needs, as JSON: addresses, sizes in px, outlines, colours.
    newer_url, older_url : next to this result in the list with the same filters.
    revision : of the reviews as seen, sent back with the form.
    draft : comment to keep after a conflict.
    good_url : to say that the part is good and teach it; None where the view was not taught.
    """

    result_id: str
    part_id: str | None
    grade: str
    first_grade: str
    disposition: str
    station: str
    view: str
    created_at: Moment
    review: str | None
    reasons: tuple[ShownReason, ...]
    defects: tuple[ShownDefect, ...]
    seams: tuple[ShownSeam, ...]
    seams_url: str
    left_out: int
    calibration: bool
    measurements: tuple[Fact, ...]
    standard: str
    facts: tuple[Fact, ...]
    timing: tuple[Fact, ...]
    width_px: int
    height_px: int
    overlay_url: str
    photo_url: str
    photo_name: str
    json_url: str
    legend: Legend
    shown: Mapping[str, object]
    trail: tuple[TrailEntry, ...]
    revision: int
    review_url: str
    list_url: str
    newer_url: str | None
    older_url: str | None
    filters_active: int
    good_url: str | None
    novelty: ShownNovelty | None
    notice: Notice | None = None
    draft: str = ""


DISPOSITIONS = {"A": "pass", "B": "rework", "C": "reject", "recheck": "recheck"}


def result_of(
    stored: StoredInspection,
    *,
    words: Words,
    zone: Zone,
    form: FilterForm,
    reviews: Sequence[Review],
    neighbours: tuple[str | None, str | None],
    standard: Standard | None,
    thresholds: Mapping[str, float],
    notice: Notice | None = None,
    draft: str = "",
) -> ResultContext:
    """A stored result as its own page.

    Parameters
    ----------
    neighbours : ids of the next newer and the next older result under the filters.
    standard : the one that graded it, when it is still known; for its title and dispositions.
    thresholds : of the model and recipe by kind; empty when that model does not serve any more.
    """
    record = stored.record
    document = ResultDocument.model_validate_json(record.document)
    links = document.links
    newer, older = neighbours
    photo = document.photo
    viewable = photo.media_type in SHOWN_BY_BROWSERS
    legend = legend_of(thresholds)
    return ResultContext(
        result_id=record.result_id,
        part_id=record.part_id,
        grade=stored.final_grade.value,
        first_grade=record.grade.value,
        disposition=_disposition(stored, standard),
        station=record.station,
        view=words.named("view", document.view),
        created_at=zone.show(record.created_at),
        review=_review_state(stored),
        reasons=_shown_reasons(document, standard, words),
        defects=tuple(_shown_defect(defect, words) for defect in document.defects),
        seams=shown_seams(document.seams, standard, words),
        novelty=_shown_novelty(document),
        good_url=None if document.novelty is None else f"/results/{record.result_id}/good",
        seams_url=f"{links.self}/seams.csv",
        left_out=document.regions_left_out,
        calibration=document.calibration is not None,
        measurements=tuple(
            Fact(words.named("measurement", m.name), words.number(m.value, m.unit or None, m.uncertainty))
            for m in document.measurements
        ),
        standard=_standard_title(standard, document, words),
        facts=_facts(document, standard, words, zone),
        timing=tuple(
            Fact(words.named("stage", stage), f"{took_ms:.1f}")
            for stage, took_ms in document.timing_ms.items()
        ),
        width_px=photo.width_px,
        height_px=photo.height_px,
        overlay_url=_overlay(document),
        photo_url=links.photo,
        photo_name=f"{record.result_id}.{photo.media_type.partition('/')[2].replace('jpeg', 'jpg')}",
        json_url=links.self,
        legend=legend,
        shown={
            "width": photo.width_px,
            "height": photo.height_px,
            "photo": links.photo if viewable else _overlay(document, "outlines=false&labels=false"),
            "surface": links.surface if record.surface_ref else None,
            "heat": drawing.heat_colours().tolist(),
            "defects": [
                {"outline": defect.outline_px, "colour": named_kind(defect.kind, words).colour}
                for defect in document.defects
            ],
            "seams": drawn_seams(document.seams),
            "texts": {"failed": words("viewer.failed")},
        },
        trail=tuple(_trail_entry(review, words, zone) for review in reversed(reviews)),
        revision=stored.review_revision,
        review_url=form.url(f"/results/{record.result_id}/review"),
        list_url=form.url("/results"),
        newer_url=None if newer is None else form.url(f"/results/{newer}"),
        older_url=None if older is None else form.url(f"/results/{older}"),
        filters_active=form.active,
        notice=notice,
        draft=draft,
    )


def _shown_novelty(document: ResultDocument) -> ShownNovelty | None:
    judged = document.novelty
    if judged is None:
        return None
    return ShownNovelty(
        picture_url=f"{document.links.self}/novelty/overlay",
        score=f"{judged.score:.2f}",
        percentile=f"{judged.percentile:.0f}",
        limit=f"{judged.limit:.2f}",
        version=judged.version,
        beyond=judged.score >= judged.limit,
        limit_share=min(1.0, judged.limit / FULL_SCALE),
        full_scale=f"{FULL_SCALE:g}",
    )


def legend_of(thresholds: Mapping[str, float]) -> Legend:
    """Scale of the heat map, from the same colours that the overlay is drawn with."""
    colours = drawing.heat_colours()
    stops = []
    for value in range(0, 256, 15):
        red, green, blue, alpha = (int(plane) for plane in colours[value])
        stops.append((round(value / 255, 4), f"#{red:02x}{green:02x}{blue:02x}", round(alpha / 255, 3)))
    if not thresholds:
        return Legend(tuple(stops), None, None)
    return Legend(tuple(stops), min(thresholds.values()), max(thresholds.values()))


def _disposition(stored: StoredInspection, standard: Standard | None) -> str:
    """What to do with the part now: as the line said, or by the standard for the grade that a person gave."""
    grade = stored.final_grade
    if grade is stored.record.grade:
        return stored.record.disposition.value
    if grade is Grade.RECHECK or standard is None:
        return DISPOSITIONS[grade.value]
    return standard.dispositions[grade].value


def _standard_title(standard: Standard | None, document: ResultDocument, words: Words) -> str:
    if standard is None:
        return document.standard.id
    return standard.title_zh if words.language.id == "zh" else standard.title


def _shown_reasons(
    document: ResultDocument, standard: Standard | None, words: Words
) -> tuple[ShownReason, ...]:
    """The reasons, worst first; the same sentence for several defects is told once, with their number."""
    told: dict[tuple[str, str], ShownReason] = {}
    for reason in document.verdict.reasons:
        shown = _shown_reason(reason, standard, words)
        key = (reason.rule, shown.text)
        told[key] = replace(told[key], times=told[key].times + 1) if key in told else shown
    return tuple(told.values())


def _shown_reason(reason: ReasonDocument, standard: Standard | None, words: Words) -> ShownReason:
    measured = limit = None
    if reason.measured is not None and reason.limit is not None and reason.clause is not None:
        measured = words.number(reason.measured, reason.unit or None, reason.uncertainty)
        limit = words.limit(reason.limit, reason.unit)
    rule = None if standard is None else standard.rule(reason.rule)
    return ShownReason(
        text=words.reason(reason),
        grade=reason.grade.value,
        rule_grade=reason.grade.value if rule is None or standard is None else standard.grade_of(rule).value,
        times=1,
        defect=reason.defect,
        measured=measured,
        limit=limit,
        clause=reason.clause,
        severity=None if reason.severity is None else reason.severity.value,
        provenance=reason.provenance,
        basis=None if reason.basis is None else reason.basis.value,
    )


def _shown_defect(defect: DefectDocument, words: Words) -> ShownDefect:
    kind = named_kind(defect.kind, words)

    def size(value: float | None, uncertainty: float | None) -> ShownSize:
        if value is None:
            return ShownSize("–", None)
        shown = words.number(value, "")
        return ShownSize(shown, None if uncertainty is None else words.same_digits(uncertainty, value))

    return ShownDefect(
        name=kind.name,
        colour=kind.colour,
        zone=words.named("zone", defect.zone),
        sizes=(
            size(defect.length_mm, defect.uncertainty_mm),
            size(defect.width_mm, defect.uncertainty_mm),
            size(defect.area_mm2, defect.uncertainty_mm2),
        ),
        score=f"{defect.score:.2f}",
    )


def _facts(document: ResultDocument, standard: Standard | None, words: Words, zone: Zone) -> tuple[Fact, ...]:
    calibration, photo, graded_by = document.calibration, document.photo, document.standard
    scale = words("fact.calibration_none")
    if calibration is not None:
        source = words(f"calibration_source.{calibration.source.value}")
        scale = words("fact.calibration_value", mm_per_px=f"{calibration.mm_per_px:g}", source=source)
    told = {
        "result_id": document.result_id,
        "created_at": zone.show(document.created_at).text,
        "captured_at": None if document.captured_at is None else zone.show(document.captured_at).text,
        "station": document.station,
        "view": words.named("view", document.view),
        "part_id": document.part_id,
        "pair_id": document.pair_id,
        "foot": None if document.foot is None else words(f"foot.{document.foot.value}"),
        "lot_id": document.lot_id,
        "style": document.style,
        "size": document.size,
        "recipe": f"{document.recipe.name} {document.recipe.version}",
        "standard": f"{_standard_title(standard, document, words)} ({graded_by.id} {graded_by.version})",
        "model": f"{document.model.name} {document.model.version}",
        "checksum": document.model.sha256,
        "calibration": scale,
        "photo": words(
            "fact.photo_value",
            width=photo.width_px,
            height=photo.height_px,
            media_type=photo.media_type,
            size=f"{photo.size_bytes / 1000:.0f}",
        ),
        "photo_checksum": photo.sha256,
    }
    leads_to = {
        "part_id": f"/shoe?{urlencode({'part_id': document.part_id})}",
        "pair_id": f"/pair?{urlencode({'pair_id': document.pair_id})}",
    }
    return tuple(
        Fact(words(f"fact.{name}"), value, leads_to.get(name))
        for name, value in told.items()
        if value is not None
    )


def _trail_entry(review: Review, words: Words, zone: Zone) -> TrailEntry:
    done = "agreed" if review.decision is Decision.AGREE else "overridden"
    grade = words(f"grade.{review.grade.value}.short")
    return TrailEntry(
        text=words(f"review.entry_{done}", grade=grade),
        comment=review.comment,
        who=review.reviewer,
        at=zone.show(review.at),
    )


# Model, rules of standards


@dataclass(frozen=True)
class ModelKind:
    """A kind that the model tells apart, with what it takes to count."""

    name: str
    colour: str
    threshold: str
    min_area: str


@dataclass(frozen=True)
class ShownMetric:
    """A measured figure of the model."""

    name: str
    data: str
    kind: str
    value: str
    interval: str
    count: str


@dataclass(frozen=True)
class Source:
    """A data set that the model learned from."""

    name: str
    licence: str
    attribution: str
    photos: int


@dataclass(frozen=True)
class ShownModel:
    """The model that serves; ``card`` is its CARD.md as text, empty when it has none."""

    name: str
    version: str
    facts: tuple[Fact, ...]
    kinds: tuple[ModelKind, ...]
    metrics: tuple[ShownMetric, ...]
    sources: tuple[Source, ...]
    card: str


@dataclass(frozen=True)
class ShownRule:
    """A rule of a standard in the viewer's language; clause and source as written.

    ``basis`` is what its figure rests on: ``verified``, ``agreed`` or ``house``.
    """

    id: str
    clause: str
    about: str
    zones: tuple[str, ...]
    limit: str
    grade: str
    severity: str
    basis: str
    source: str


@dataclass(frozen=True)
class ModelContext:
    """model.html; ``model`` is None while none serves."""

    model: ShownModel | None


def model_of(model: Model, *, words: Words, zone: Zone, card: str) -> ShownModel:
    """The model that serves, as shown."""
    manifest: Manifest = model.manifest
    facts = [
        Fact(words("model.fact.checksum"), manifest.sha256),
        Fact(words("model.fact.created"), zone.show(manifest.created_at).text),
        Fact(words("model.fact.scale"), words("model.scale_value", value=f"{manifest.mm_per_px:g}")),
    ]
    if manifest.false_rejects is not None:
        facts.append(Fact(words("model.fact.false_rejects"), f"{manifest.false_rejects:.1%}"))
    return ShownModel(
        name=manifest.name,
        version=manifest.version,
        facts=tuple(facts),
        kinds=tuple(
            ModelKind(
                name=words.kind(kind),
                colour=named_kind(kind, words).colour,
                threshold=f"{manifest.thresholds[kind]:.2f}",
                min_area=f"{manifest.min_area_mm2[kind]:g}",
            )
            for kind in manifest.kinds[1:]
        ),
        metrics=tuple(
            ShownMetric(
                name=metric.name,
                data=metric.data,
                kind=words.kind(metric.kind) if metric.kind in taxonomy.KINDS else words("model.all_kinds"),
                value=f"{metric.value:.3f}",
                interval=_interval(metric.low, metric.high),
                count=str(metric.n),
            )
            for metric in manifest.metrics
        ),
        sources=tuple(
            Source(source.name, source.licence, source.attribution, source.photos) for source in manifest.data
        ),
        card=card,
    )


def _interval(low: float | None, high: float | None) -> str:
    return "–" if low is None or high is None else f"{low:.3f} – {high:.3f}"


def shown_rule(rule: AnyRule, standard: Standard, words: Words) -> ShownRule:
    """A rule, as shown."""
    return ShownRule(
        id=rule.id,
        clause=rule.clause,
        about=_about(rule, words),
        zones=tuple(words(f"zone_class.{zone.value}") for zone in rule.zones),
        limit=_limit(rule, words),
        grade=standard.grade_of(rule).value,
        severity=words(f"severity.{rule.severity.value}"),
        basis=rule.provenance.value,
        source=rule.source,
    )


def _about(rule: AnyRule, words: Words) -> str:
    if isinstance(rule, WindowRule):
        return words(f"rule.{'seam' if isinstance(rule, SeamRule) else 'pair'}")
    names = [words("rule.any_kind") if kind == ANY_KIND else words.kind(kind) for kind in rule.kinds]
    return words("list.and").join(names)


def _limit(rule: AnyRule, words: Words) -> str:
    """What is allowed, in words."""
    unit = rule.quantity.unit
    if isinstance(rule, Rule):
        limit = "" if rule.limit is None else words.limit(rule.limit, unit)
        told = words(f"rule.{rule.quantity.value}", limit=limit)
        if rule.counts_over_mm is not None:
            told = words("rule.counts_over", rule=told, over=words.limit(rule.counts_over_mm, "mm"))
        return words("rule.per_shoe", rule=told) if rule.per is Per.SHOE else told
    least = None if rule.at_least is None else words.limit(rule.at_least, unit)
    most = None if rule.at_most is None else words.limit(rule.at_most, unit)
    if least is not None and most is not None:
        window = words("rule.between", least=f"{rule.at_least:g}", most=most)
    elif least is not None:
        window = words("rule.at_least", least=least)
    else:
        window = words("rule.at_most", most=most)
    told = words("rule.window", name=words(f"quantity.{rule.quantity.value}"), window=window)
    if isinstance(rule, SeamRule) and rule.stitches_per_cm is not None:
        low, high = rule.stitches_per_cm
        told = words("rule.off_spec", rule=told, least=f"{low:g}", most=f"{high:g}")
    return told


# Stations, people


@dataclass(frozen=True)
class ShownKey:
    """An API key without its secret."""

    id: str
    note: str
    created_at: Moment
    created_by: str
    last_used_at: Moment | None
    revoked_at: Moment | None
    revoke_url: str


@dataclass(frozen=True)
class ShownStation:
    """A station with its keys."""

    name: str
    description: str
    disabled: bool
    key_url: str
    keys: tuple[ShownKey, ...]


@dataclass(frozen=True)
class ShownSecret:
    """A key that was just made: shown this once. ``example`` is a command that uses it."""

    station: str
    text: str
    example: str


@dataclass(frozen=True)
class StationsContext:
    """stations.html."""

    stations: tuple[ShownStation, ...]
    notice: Notice | None = None
    new_key: ShownSecret | None = None
    draft_name: str = ""
    draft_description: str = ""


@dataclass(frozen=True)
class ShownUser:
    """A person in the table; ``itself`` is the one who looks at it, who cannot lock themselves out."""

    name: str
    role: str
    disabled: bool
    itself: bool
    last_login_at: Moment | None
    role_url: str
    state_url: str
    password_url: str


@dataclass(frozen=True)
class ShownPassword:
    """A new password of somebody: shown this once."""

    name: str
    text: str


@dataclass(frozen=True)
class UsersContext:
    """users.html."""

    users: tuple[ShownUser, ...]
    roles: tuple[str, ...]
    notice: Notice | None = None
    new_password: ShownPassword | None = None
    draft_name: str = ""
