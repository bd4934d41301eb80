"""The pages of standards: what is in force, where figures come from, what a change would do, history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, Form, Query, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from inspection.access import Role
from inspection.domain import Grade
from inspection.errors import (
    ConflictError,
    MetadataError,
    NotFoundError,
    StandardError,
    UnknownNameError,
)
from inspection.rejudging import Comparison
from inspection.standards import Standard
from inspection.station import Station
from inspection.store import standards as stored
from inspection.store.people import Session
from inspection.web import contexts
from inspection.web.contexts import Notice, ShownRule
from inspection.web.deps import StationDep
from inspection.web.desk import (
    PRIVATE,
    DeskDep,
    FromOurForm,
    SmallForms,
    Viewer,
    at_least,
    refused,
)
from inspection.web.i18n import Words
from inspection.web.standards_api import PREVIEW_DAYS, in_force, preview

__all__ = ["router"]

MAX_SOURCE_LENGTH = 50_000
"""Characters of a file in the form; longer ones go through the API or the command line."""
_EXAMPLES = 20

Engineer = Annotated[Session, Depends(at_least(Role.ENGINEER))]

router = APIRouter(include_in_schema=False, route_class=SmallForms, default_response_class=HTMLResponse)


@dataclass(frozen=True)
class Listed:
    """A standard in the list; ``of_files`` tells that its edition is the one of the service's files."""

    title: str
    id: str
    edition: str
    of_files: bool
    waiting: bool
    rules: int
    house: int
    recipes: tuple[str, ...]
    url: str


@dataclass(frozen=True)
class ListContext:
    """standards.html."""

    standards: tuple[Listed, ...]
    may_change: bool
    notice: Notice | None = None
    faults: tuple[str, ...] = ()
    draft: str = ""
    draft_note: str = ""


@dataclass(frozen=True)
class ShownEdition:
    """An edition to choose; the empty one is that of the service's files."""

    edition: str
    name: str
    in_force: bool
    added_by: str
    added_at: contexts.Moment | None
    note: str
    preview_url: str


@dataclass(frozen=True)
class ShownActivation:
    """A line of the history."""

    name: str
    by: str
    at: contexts.Moment
    note: str


@dataclass(frozen=True)
class ShownChange:
    """A result that would change."""

    result_id: str
    url: str
    before: str
    after: str
    rule: str


@dataclass(frozen=True)
class ShownPreview:
    """What an edition would change."""

    edition: str
    name: str
    results: int
    changed: int
    unlike_stored: int
    grades: tuple[tuple[str, int, int], ...]
    rules: tuple[tuple[str, int], ...]
    changes: tuple[ShownChange, ...]


@dataclass(frozen=True)
class StandardContext:
    """standard.html."""

    title: str
    id: str
    edition: str
    waiting: bool
    description: str
    scope: str
    grades: tuple[tuple[str, str, str], ...]
    combination: str
    combination_basis: str
    combination_source: str
    recipes: tuple[str, ...]
    rules: tuple[ShownRule, ...]
    editions: tuple[ShownEdition, ...]
    history: tuple[ShownActivation, ...]
    seen: int
    may_change: bool
    url: str
    days: int
    preview: ShownPreview | None = None
    notice: Notice | None = None
    draft_note: str = ""


def _url(standard_id: str) -> str:
    return f"/standards/{quote(standard_id)}"


def _may_change(session: Viewer) -> bool:
    return session.user.role.includes(Role.ENGINEER)


def _title(standard: Standard, words: Words) -> str:
    return standard.title_zh if words.language.id == "zh" else standard.title


def _recipes(station: Station, standard_id: str) -> tuple[str, ...]:
    recipes = station.recipes
    return tuple(name for name in recipes.names() if recipes.get(name).standard == standard_id)


def _listed(standard: Standard, station: Station, words: Words, *, waiting: bool) -> Listed:
    files = station.standard_book.files
    return Listed(
        title=_title(standard, words),
        id=standard.id,
        edition=standard.edition,
        of_files=standard.id in files.ids() and files.get(standard.id) is standard,
        waiting=waiting,
        rules=len(standard.every_rule),
        house=sum(rule.provenance.value == "house" for rule in standard.every_rule),
        recipes=_recipes(station, standard.id),
        url=_url(standard.id),
    )


def _list(
    desk: DeskDep,
    station: Station,
    session: Viewer,
    *,
    notice: Notice | None = None,
    faults: tuple[str, ...] = (),
    draft: tuple[str, str] = ("", ""),
    status: int = 200,
) -> Response:
    held = station.standard_book.refresh()
    waiting = {each.standard_id for each in stored.editions(station.store)} - set(held.ids())
    shown = [_listed(held.get(name), station, desk.words, waiting=False) for name in held.ids()]
    shown += [_listed(in_force(station, name), station, desk.words, waiting=True) for name in sorted(waiting)]
    view = ListContext(
        standards=tuple(shown),
        may_change=_may_change(session),
        notice=notice,
        faults=faults,
        draft=draft[0],
        draft_note=draft[1],
    )
    return desk.page("standards.html", view, place="standards", status=status)


@router.get("/standards")
def standards_page(desk: DeskDep, station: StationDep, session: Viewer) -> Response:
    """All standards, and the form that adds an edition."""
    return _list(desk, station, session)


@router.post("/standards", dependencies=[FromOurForm])
def add_edition(
    desk: DeskDep,
    station: StationDep,
    session: Engineer,
    source: Annotated[str, Form(max_length=MAX_SOURCE_LENGTH)] = "",
    note: Annotated[str, Form(max_length=stored.MAX_NOTE_LENGTH)] = "",
) -> Response:
    """Keep an edition; its faults are told above the form, which keeps what was written."""
    text, note = source.replace("\r\n", "\n"), note.strip()
    try:
        made = station.standard_book.add(text, by=session.user.name, note=note)
    except StandardError as error:
        return _list(
            desk,
            station,
            session,
            notice=Notice("bad", desk.words("standards.faults")),
            faults=desk.words.faults(error),
            draft=(text, note),
            status=error.status,
        )
    except (ConflictError, MetadataError) as error:
        return _list(
            desk, station, session, notice=refused(desk, error), draft=(text, note), status=error.status
        )
    there = {"there": "yes"} if made.was_there else {}
    query = urlencode({"edition": made.edition.edition, **there})
    return RedirectResponse(f"{_url(made.edition.standard_id)}?{query}", status_code=303, headers=PRIVATE)


def _detail(
    standard_id: str,
    desk: DeskDep,
    station: Station,
    session: Viewer,
    *,
    edition: str | None = None,
    notice: Notice | None = None,
    draft_note: str = "",
    status: int = 200,
) -> Response:
    words = desk.words
    standard = in_force(station, standard_id)
    zh = words.language.id == "zh"
    history = stored.activations(station.store, standard_id)
    editions = _editions(standard, station, desk)
    compared = None
    if edition is not None:
        compared = _shown_preview(preview(station, standard_id, edition or None), edition, words)
    combination = standard.combination
    view = StandardContext(
        title=_title(standard, words),
        id=standard.id,
        edition=standard.edition,
        waiting=standard_id not in station.standards.ids(),
        description=standard.description_zh if zh and standard.description_zh else standard.description,
        scope=standard.scope,
        grades=tuple(
            (grade.value, terms.title_zh if zh else terms.title, terms.disposition.value)
            for grade, terms in standard.grades.items()
        ),
        combination=_combination(standard, words),
        combination_basis=combination.provenance.value,
        combination_source=combination.source,
        recipes=_recipes(station, standard_id),
        rules=tuple(
            contexts.shown_rule(rule, standard, words)
            for rule in sorted(standard.every_rule, key=lambda rule: _clause_order(rule.clause))
        ),
        editions=editions,
        history=tuple(
            ShownActivation(
                name=each.edition or words("standards.of_files"),
                by=each.by,
                at=desk.zone.show(each.at),
                note=each.note,
            )
            for each in history
        ),
        seen=history[0].sequence if history else 0,
        may_change=_may_change(session),
        url=_url(standard_id),
        days=PREVIEW_DAYS,
        preview=compared,
        notice=notice,
        draft_note=draft_note,
    )
    return desk.page("standard.html", view, place="standards", status=status)


def _editions(standard: Standard, station: Station, desk: DeskDep) -> tuple[ShownEdition, ...]:
    book, url = station.standard_book, _url(standard.id)
    waiting = standard.id not in book.standards.ids()
    of_files = standard.id in book.files.ids() and book.files.get(standard.id) is standard
    shown = [
        ShownEdition(
            edition=each.edition,
            name=each.edition,
            in_force=not waiting and not of_files and each.edition == standard.edition,
            added_by=each.added_by,
            added_at=desk.zone.show(each.added_at),
            note=each.note,
            preview_url=f"{url}?{urlencode({'edition': each.edition})}",
        )
        for each in stored.editions(station.store, standard.id)
    ]
    if standard.id in book.files.ids():
        held = book.files.get(standard.id).edition
        shown.append(
            ShownEdition(
                edition="",
                name=desk.words("standards.edition_of_files", edition=held),
                in_force=of_files,
                added_by="",
                added_at=None,
                note="",
                preview_url=f"{url}?edition=",
            )
        )
    return tuple(shown)


def _clause_order(clause: str) -> list[tuple[int, str]]:
    """2.10 comes after 2.9."""
    return [(int(part) if part.isascii() and part.isdigit() else -1, part) for part in clause.split(".")]


def _combination(standard: Standard, words: Words) -> str:
    """How many faults make which grade, in words."""
    told = []
    for grade in (Grade.C, Grade.B):
        for severity in ("critical", "major", "minor"):
            number = getattr(standard.combination, f"{severity}_for_{grade.value.lower()}", None)
            worse = standard.combination.major_for_c if severity == "major" else None
            if number is not None and not (grade is Grade.B and worse is not None and worse <= number):
                told.append(
                    words(
                        "standards.combination_part",
                        number=number,
                        severity=words(f"severity.{severity}"),
                        grade=grade.value,
                    )
                )
    return words("list.and").join(told)


def _shown_preview(found: Comparison, edition: str, words: Words) -> ShownPreview:
    return ShownPreview(
        edition=edition,
        name=edition or words("standards.of_files"),
        results=found.results,
        changed=found.changed,
        unlike_stored=found.unlike_stored,
        grades=tuple((grade.value, found.before(grade), found.after(grade)) for grade in Grade),
        rules=tuple((rule or "–", count) for rule, count in found.rules.most_common(10)),
        changes=tuple(
            ShownChange(
                result_id=change.result_id,
                url=f"/results/{change.result_id}",
                before=change.before.value,
                after=change.after.value,
                rule=change.rule or "–",
            )
            for change in found.changes[:_EXAMPLES]
        ),
    )


@router.get("/standards/{standard_id}")
def standard_page(
    standard_id: str,
    desk: DeskDep,
    station: StationDep,
    session: Viewer,
    edition: Annotated[str | None, Query(max_length=32)] = None,
    there: Annotated[str, Query(max_length=3)] = "",
) -> Response:
    """One standard; with an edition, what putting that one into force would change.

    Parameters
    ----------
    there : said where the edition was added, and was there already.
    """
    told = edition is not None and there == "yes"
    notice = Notice("warn", desk.words("standards.was_there", edition=edition)) if told else None
    return _detail(standard_id, desk, station, session, edition=edition, notice=notice)


@router.post("/standards/{standard_id}/activate", dependencies=[FromOurForm])
def activate(
    standard_id: str,
    desk: DeskDep,
    station: StationDep,
    session: Engineer,
    seen: Annotated[int, Form(ge=0, lt=2**63)],
    edition: Annotated[str, Form(max_length=32)] = "",
    note: Annotated[str, Form(max_length=stored.MAX_NOTE_LENGTH)] = "",
) -> Response:
    """Put an edition into force, or take it back."""
    try:
        station.standard_book.activate(
            standard_id, edition or None, by=session.user.name, note=note.strip(), seen=seen
        )
    except (ConflictError, MetadataError, NotFoundError, UnknownNameError) as error:
        return _detail(
            standard_id,
            desk,
            station,
            session,
            notice=refused(desk, error),
            draft_note=note,
            status=error.status,
        )
    return RedirectResponse(_url(standard_id), status_code=303, headers=PRIVATE)
