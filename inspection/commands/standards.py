"""The commands ``welt standards``: list, check, compare and put into force what parts are judged by."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from inspection.commands.shared import BY, Commands, data_dir_option, opened_store, settings_of
from inspection.errors import ConfigurationError, StandardError
from inspection.wording import number_of

if TYPE_CHECKING:
    from inspection.rejudging import Comparison, Span
    from inspection.standard_book import StandardBook
    from inspection.standards import AnyRule, Standard, Standards
    from inspection.store import Store

__all__ = ["standards"]

_TOML = click.Path(exists=True, dir_okay=False, path_type=Path)
_DAYS = re.compile(r"last-(\d{1,4})-days?")
_DATES = re.compile(r"(\d{4}-\d{2}-\d{2})\.\.(\d{4}-\d{2}-\d{2})")


@click.group(cls=Commands)
def standards() -> None:
    """List, check, compare standards, and put one into force: what parts are judged by."""


def _files() -> Standards:
    from inspection.standards import open_standards

    settings = settings_of()
    return open_standards([settings.standards_dir] if settings.standards_dir else [])


def _book(store: Store) -> StandardBook:
    from inspection.standard_book import StandardBook

    return StandardBook(store, _files())


def _named(name: str, store: Store | None) -> Standard:
    """A standard by ``id``, ``id@edition`` or as a file."""
    from inspection.standards import Standard, check_file

    if name.endswith(".toml"):
        found = check_file(Path(name), _files())
        if isinstance(found, Standard):
            return found
        raise StandardError([(str(fault), fault.hint) for fault in found])
    if store is None:
        return _files().get(name)
    standard_id, at, edition = name.partition("@")
    book = _book(store)
    if not at:
        return book.standards.get(standard_id)
    if standard_id in book.files.ids() and book.files.get(standard_id).edition == edition:
        return book.files.get(standard_id)
    return book.get(standard_id, edition)


@standards.command("list")
@data_dir_option
def list_standards(data_dir: Path | None) -> None:
    """List the standards in force; one that was put over its file has a star.

    \b
    Example: welt standards list
    """
    with opened_store(data_dir) as store:
        book = _book(store)
        for name in book.standards.ids():
            held = book.standards.get(name)
            files = book.files
            star = " " if name in files.ids() and files.get(name) is held else "*"
            house = sum(rule.provenance.value == "house" for rule in held.every_rule)
            click.echo(
                f"{star} {name:<16}{held.edition:<10}{number_of(len(held.every_rule), 'rule'):>9}, "
                f"{house} of house value  {held.title} · {held.title_zh}"
            )


@standards.command("show")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print the complete standard as JSON.")
@data_dir_option
def show_standard(name: str, as_json: bool, data_dir: Path | None) -> None:
    """Print the rules of standard NAME (id, id@edition or a file), each with where its figure comes from.

    \b
    Examples:
      welt standards show general
      welt standards show acme@2026-1 --json
    """
    with opened_store(data_dir) as store:
        standard = _named(name, store)
    if as_json:
        click.echo(standard.model_dump_json(indent=2, exclude_defaults=True))
        return
    click.echo(f"{standard.title} · {standard.title_zh} ({standard.id} {standard.edition})")
    for rule in standard.every_rule:
        click.echo(
            f"{rule.clause:<6}{rule.id:<26}{standard.grade_of(rule).value:<8}{rule.severity.value:<9}"
            f"{_limit(rule)}"
        )
        click.echo(f"      {rule.origin}")


def _limit(rule: AnyRule) -> str:
    from inspection.standards import Rule

    zones = "/".join(zone.value for zone in rule.zones)
    unit = f" {rule.quantity.unit}" if rule.quantity.unit else ""
    if isinstance(rule, Rule):
        told = (
            "none allowed" if rule.limit is None else f"{rule.quantity.value} {'>=' if rule.least else '<='} "
        )
        limit = "" if rule.limit is None else f"{rule.limit:g}{unit}"
        return f"{', '.join(rule.kinds)} in {zones}: {told}{limit}"
    ends = [
        f"{sign} {end:g}{unit}"
        for sign, end in ((">=", rule.at_least), ("<=", rule.at_most))
        if end is not None
    ]
    return f"{rule.quantity.value} in {zones}: {' and '.join(ends)}"


@standards.command("check")
@click.argument("files", nargs=-1, required=True, type=_TOML, metavar="FILE…")
def check_standards(files: tuple[Path, ...]) -> None:
    """Check FILES of standards: every fault with its line, and what to do about it.

    A file may build on the standards that ship, on those of WELT_STANDARDS_DIR, and on the other FILES.

    \b
    Example: welt standards check acme.toml
    Exit codes: 0 all are right, 1 one has faults, 2 called wrongly.
    """
    from inspection.standards import Standard, Standards, check_file
    from inspection.standards.reading import Source, read_file

    known = _files()
    read = [read_file(path) for path in files]
    sources = {each.id: each for each in read if isinstance(each, Source)}
    beside = Standards([known.get(name) for name in known.ids()], {**known.sources, **sources})
    wrong = 0
    for path in files:
        found = check_file(path, beside)
        if isinstance(found, Standard):
            rules = number_of(len(found.every_rule), "rule")
            click.echo(f"right  {path}: {found.id} {found.edition}, {rules}")
            continue
        wrong += 1
        for fault in found:
            click.echo(f"{fault}\n    {fault.hint}", err=True)
    if wrong:
        click.echo(f"files with faults: {wrong} of {len(files)}", err=True)
        sys.exit(1)


@standards.command("schema")
def print_schema() -> None:
    """Print the JSON Schema of a standard's file, for editors that check while one types.

    \b
    Example: welt standards schema > standard.schema.json
    """
    from inspection.standards import json_schema

    click.echo(json_schema(), nl=False)


@standards.command("diff")
@click.argument("before")
@click.argument("after")
@click.option("--on", "span_text", default="last-30-days", show_default=True, metavar="SPAN",
              help="Results: last-N-days, 2026-01-01..2026-01-31 (UTC, both inside) or all.")  # fmt: skip
@click.option("--cores", type=click.IntRange(min=1), help="Processes at work.  [default: all cores]")
@click.option("--examples", type=click.IntRange(min=0, max=200), default=10, show_default=True,
              help="Changed results to name.")  # fmt: skip
@data_dir_option
def diff_standards(
    before: str, after: str, span_text: str, cores: int | None, examples: int, data_dir: Path | None
) -> None:
    """Tell how stored results would change from standard BEFORE to standard AFTER; nothing is changed.

    Both are an id (what is in force), id@edition, or a file.

    \b
    Examples:
      welt standards diff general strict
      welt standards diff general acme.toml --on 2026-10-01..2026-10-31
    """
    from inspection import rejudging, runtime
    from inspection.store import judged

    span = _span(span_text)
    with opened_store(data_dir) as store:
        was, becomes = _named(before, store), _named(after, store)
        held = judged.stretch(store, created_from=span.created_from, created_until=span.created_until)
    url = settings_of(data_dir=data_dir).database
    with click.progressbar(
        length=held.results, label="judging", file=sys.stderr, hidden=not sys.stderr.isatty(), show_pos=True
    ) as bar:
        found = rejudging.rejudge(
            url, was, becomes, span, cores=cores or runtime.cpu_quota(), progress=bar.update
        )
    _tell(found, was, becomes, examples)


def _span(text: str) -> Span:
    from inspection.rejudging import Span

    if text == "all":
        return Span()
    days = _DAYS.fullmatch(text)
    if days is not None:
        return Span(created_from=datetime.now(UTC) - timedelta(days=int(days[1])))
    dates = _DATES.fullmatch(text)
    if dates is not None:
        try:
            first, last = (datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC) for day in dates.groups())
        except ValueError as error:
            raise ConfigurationError(
                f"{text!r} holds no dates: {error}", hint="Write year-month-day."
            ) from error
        if last < first:
            raise ConfigurationError(f"{text!r} ends before it begins", hint="Write the earlier day first.")
        return Span(created_from=first, created_until=last + timedelta(days=1))
    raise ConfigurationError(
        f"{text!r} is no span of time", hint="Write last-30-days, 2026-01-01..2026-01-31 or all."
    )


def _tell(found: Comparison, before: Standard, after: Standard, examples: int) -> None:
    from inspection.domain import Grade

    if not found.results:
        click.echo("no results in that time")
        return
    click.echo(
        f"{number_of(found.results, 'result')}, {number_of(found.changed, 'changes', 'change')} "
        f"({found.changed / found.results:.2%}) "
        f"from {before.id} {before.edition} to {after.id} {after.edition}"
    )
    click.echo(f"{'grade':<9}{'before':>9}{'after':>9}")
    for grade in Grade:
        click.echo(f"{grade.value:<9}{found.before(grade):>9}{found.after(grade):>9}")
    for (was, becomes), count in sorted(found.grades.items()):
        if was is not becomes:
            click.echo(f"{was.value} → {becomes.value}: {count}")
    for rule, count in found.rules.most_common(10):
        click.echo(f"{count:>7}  {rule or 'no single rule'}")
    for change in found.changes[:examples]:
        click.echo(f"{change.result_id}  {change.before.value} → {change.after.value}  {change.message}")
    if found.unlike_stored:
        click.echo(
            f"graded otherwise when they were made, by another standard or edition: {found.unlike_stored}",
            err=True,
        )


@standards.command("add")
@click.argument("file", type=_TOML)
@click.option("--note", default="", help="What the edition is for; kept beside it.")
@data_dir_option
def add_standard(file: Path, note: str, data_dir: Path | None) -> None:
    """Keep the edition in FILE with the service; it is not in force yet.

    \b
    Example: welt standards add acme.toml --note "after the audit of March"
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file} cannot be read: {error}", hint="It has to be UTF-8.") from error
    with opened_store(data_dir) as store:
        made = _book(store).add(text, by=BY, note=note, origin=str(file))
    name = f"{made.edition.standard_id}@{made.edition.edition}"
    if made.was_there:
        click.echo(
            f"{name} was there already, with the same content: {made.edition.added_by} added it on "
            f"{made.edition.added_at:%Y-%m-%d}; nothing was changed"
        )
    else:
        click.echo(f"added {name}; next: welt standards activate {name} --note …")


@standards.command("activate")
@click.argument("name")
@click.option("--note", required=True, help="Why; kept in the history and in the audit trail.")
@data_dir_option
def activate_standard(name: str, note: str, data_dir: Path | None) -> None:
    """Put standard NAME (id@edition, or id for the one of the service's files) into force, at once.

    Photos are judged by it from the next one on. Put an earlier edition into force again to take it back.

    \b
    Examples:
      welt standards activate acme@2026-1 --note "agreed with ACME on 3 March"
      welt standards activate general --note "back to the file"
    """
    standard_id, _, edition = name.partition("@")
    with opened_store(data_dir) as store:
        _book(store).activate(standard_id, edition or None, by=BY, note=note)
    click.echo(f"{name} is in force")


@standards.command("history")
@click.argument("standard_id", metavar="ID")
@data_dir_option
def history_of_standard(standard_id: str, data_dir: Path | None) -> None:
    """Print which editions of standard ID were in force, the newest first, by whom and why.

    \b
    Example: welt standards history general
    """
    from inspection.store import standards as stored

    with opened_store(data_dir) as store:
        if standard_id not in _book(store).standards.ids() and not stored.editions(store, standard_id):
            _files().get(standard_id)
        for one in stored.activations(store, standard_id):
            click.echo(f"{one.at:%Y-%m-%d %H:%M}  {one.edition or 'of the files':<16}{one.by:<16}{one.note}")
