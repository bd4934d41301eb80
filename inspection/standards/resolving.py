"""Makes complete standards of files: takes over what a file inherits, checks it, tells faults by line."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from inspection.standards.model import (
    SCHEMA,
    Combination,
    GradeTerms,
    PairRule,
    Rule,
    SeamRule,
    Standard,
    Term,
)
from inspection.standards.quantities import Quantity
from inspection.standards.reading import Fault, Place, Source
from inspection.taxonomy import KINDS
from inspection.tomlfiles import message_of, own_faults

__all__ = ["Resolved", "resolve"]

_LISTS: dict[str, type[BaseModel]] = {"rules": Rule, "stitching": SeamRule, "pairs": PairRule}
_OWN = ("id", "edition", "title", "title_zh", "description", "description_zh")
"""What a standard never takes over from its base."""
_MERGED = ("zone_classes", "severities", "grades", "combination")
_LIMITS = ("limit", "at_least", "at_most", "counts_over_mm", "stitches_per_cm")
_ORIGIN = ("provenance", "source")


@dataclass(frozen=True)
class Resolved:
    """A standard with the places that its parts come from, for what is still to be told of it."""

    standard: Standard
    sources: Mapping[Place, tuple[tuple[Source, Place], ...]]
    own: Source

    def fault(self, place: Place, message: str, hint: str) -> Fault:
        """A fault at a place of the complete standard, told where the file that is to blame has it."""
        origin, line = _where(place, self.sources, self.own)
        return Fault(origin, line, _key(place, self.standard.model_dump(by_alias=True)), message, hint)


@dataclass
class _Merged:
    content: dict[str, Any]
    sources: dict[Place, tuple[tuple[Source, Place], ...]]


def resolve(source: Source, known: Mapping[str, Source]) -> Resolved | list[Fault]:
    """The complete standard of a file, or everything that is wrong with it.

    Parameters
    ----------
    known : files by the id that they give themselves, for what this one extends.
    """
    if "schema" not in source.content and "version" in source.content:
        return [
            Fault(
                source.origin,
                source.line(("version",)),
                "version",
                "is a file of the first format, which this Welt does not read",
                f'Write schema = "{SCHEMA}", edition, [grades] and units: docs/standards.md shows how.',
            )
        ]
    chain = _chain(source, known)
    if isinstance(chain, Fault):
        return [chain]
    faults: list[Fault] = []
    merged = _Merged({}, {})
    for each in reversed(chain):
        merged = _on_top(merged, each, faults)
    if faults:
        return faults
    try:
        standard = Standard.model_validate(merged.content)
    except ValidationError as error:
        return _told(error, merged, source)
    return Resolved(standard, merged.sources, source)


def _chain(source: Source, known: Mapping[str, Source]) -> list[Source] | Fault:
    """A file and those that it builds on, itself first."""
    chain, seen = [source], [source.id]
    while (base := chain[-1].extends) is not None:
        here = chain[-1]
        line = here.line(("extends",))
        if base in seen:
            way = " → ".join([*seen[seen.index(base) :], base])
            return Fault(
                here.origin,
                line,
                "extends",
                f"goes round in a circle: {way}",
                "Let one of them stand by itself: take its 'extends' out.",
            )
        if base not in known:
            others = sorted(known.keys() - set(seen))
            return Fault(
                here.origin,
                line,
                "extends",
                f"there is no standard {base!r} to build on; known: {', '.join(others)}",
                _nearest(base, others) or "Correct the id, or put the file of that standard beside this one.",
            )
        chain.append(known[base])
        seen.append(base)
    return chain


def _on_top(base: _Merged, source: Source, faults: list[Fault]) -> _Merged:
    """Lay a file over what it builds on."""
    content = {key: value for key, value in base.content.items() if key not in _OWN}
    sources = dict(base.sources)
    for key, value in source.content.items():
        if key == "remove":
            continue
        if key in _LISTS and isinstance(value, list):
            rules = list(content.get(key, []))
            for index, rule in enumerate(value):
                _lay_rule(rules, key, index, rule, source, sources, faults)
            content[key] = rules
        elif key in _MERGED and isinstance(value, dict):
            content[key] = _merged_tables(content.get(key, {}), value)
            _note(sources, (key,), source, (key,))
            for name in value:
                _note(sources, (key, name), source, (key, name))
        else:
            content[key] = value
            _note(sources, (key,), source, (key,))
    _remove(content, sources, source, faults)
    return _Merged(content, sources)


def _merged_tables(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for name, value in above.items():
        held = merged.get(name)
        merged[name] = {**held, **value} if isinstance(held, dict) and isinstance(value, dict) else value
    return merged


def _lay_rule(
    rules: list[Any],
    table: str,
    index: int,
    rule: Any,
    source: Source,
    sources: dict[Place, tuple[tuple[Source, Place], ...]],
    faults: list[Fault],
) -> None:
    """Add a rule, or change the one of the base that has its id; a changed limit says anew where from."""
    rule_id = rule.get("id") if isinstance(rule, dict) else None
    at = next(
        (
            place
            for place, held in enumerate(rules)
            if isinstance(held, dict) and rule_id is not None and held.get("id") == rule_id
        ),
        None,
    )
    here: Place = (table, index)
    # The same id twice in one file is a fault of its own, found when the whole is checked.
    if at is None or sources.get((table, at), ((source, here),))[0][0] is source:
        rules.append(rule)
        _note(sources, (table, len(rules) - 1), source, here)
        return
    changed = [key for key in _LIMITS if key in rule and rule[key] != rules[at].get(key)]
    if changed and "provenance" not in rule:
        faults.append(
            Fault(
                source.origin,
                source.line((*here, changed[0])),
                f"{table}[{rule_id}].{changed[0]}",
                f"changes the limit of {sources[table, at][0][0].id!r} but not where it comes from",
                'Say so: provenance = "house", or "agreed" with the source that names the agreement.',
            )
        )
    kept = {key: value for key, value in rules[at].items() if not ("provenance" in rule and key in _ORIGIN)}
    rules[at] = {**kept, **rule}
    _note(sources, (table, at), source, here)


def _note(
    sources: dict[Place, tuple[tuple[Source, Place], ...]], place: Place, source: Source, at: Place
) -> None:
    sources[place] = ((source, at), *sources.get(place, ()))


def _remove(
    content: dict[str, Any],
    sources: dict[Place, tuple[tuple[Source, Place], ...]],
    source: Source,
    faults: list[Fault],
) -> None:
    """Take rules of the base out."""
    unwanted = source.content.get("remove", [])
    line = source.line(("remove",))
    if not isinstance(unwanted, list) or not all(isinstance(name, str) for name in unwanted):
        faults.append(
            Fault(source.origin, line, "remove", "is no list of rule ids", 'Write remove = ["rule-id"].')
        )
        return
    if unwanted and source.extends is None:
        faults.append(
            Fault(source.origin, line, "remove", "needs 'extends'", "Nothing is inherited: leave it out.")
        )
        return
    ids = {
        rule.get("id")
        for table in _LISTS
        for rule in content.get(table, [])
        if isinstance(rule, dict) and isinstance(rule.get("id"), str)
    }
    for name in unwanted:
        if name not in ids:
            faults.append(
                Fault(
                    source.origin,
                    line,
                    "remove",
                    f"there is no rule {name!r} to take out",
                    _nearest(name, ids) or "Correct the id, or leave it out.",
                )
            )
    for table in _LISTS:
        rules = content.get(table)
        if not isinstance(rules, list):
            continue
        kept = [
            (place, rule)
            for place, rule in enumerate(rules)
            if not (isinstance(rule, dict) and rule.get("id") in unwanted)
        ]
        places = {new: sources[table, old] for new, (old, _) in enumerate(kept)}
        for place in [place for place in sources if place[0] == table and len(place) == 2]:
            del sources[place]
        sources.update({(table, new): held for new, held in places.items()})
        content[table] = [rule for _, rule in kept]


# Faults


def _where(
    place: Place, sources: Mapping[Place, tuple[tuple[Source, Place], ...]], own: Source
) -> tuple[str, int | None]:
    """File and line of a place of the complete standard: the topmost file that says it."""
    for length in range(len(place), 0, -1):
        held = sources.get(place[:length])
        if held is None:
            continue
        rest = place[length:]
        for source, at in held:
            if (*at, *rest) in source.lines:
                return source.origin, source.lines[*at, *rest]
        source, at = held[0]
        return source.origin, source.line((*at, *rest))
    return own.origin, own.line(place)


def _told(error: ValidationError, merged: _Merged, source: Source) -> list[Fault]:
    faults = []
    for fault in own_faults(error.errors()):
        place = tuple(step for step in fault["loc"] if step != "[key]")
        message = message_of(fault)
        kind, given = fault["type"], fault.get("input")
        hint = "Correct the value; docs/standards.md and `welt standards schema` tell what may stand here."
        if kind == "extra_forbidden":
            message = "is not a known key"
            hint = _nearest(str(place[-1]), _keys_at(place)) or f"Known here: {', '.join(_keys_at(place))}."
        elif kind == "missing":
            message = "is missing"
            hint = "Add it; the files that ship show every key in use."
        elif kind in ("enum", "literal_error") and isinstance(given, str):
            if place[-1:] == ("schema",):
                hint = f'This Welt reads schema = "{SCHEMA}".'
            else:
                hint = _nearest(given, re.findall(r"'([^']+)'", message)) or hint
            message = f"{given!r}: {message[0].lower()}{message[1:]}"
        elif "kinds" in place and isinstance(given, (list, tuple)):
            wrong = re.match(r"'([^']+)' is no defect kind", message)
            hint = (wrong and _nearest(wrong[1], KINDS)) or "Kinds are listed in docs/standards.md."
        elif kind in ("greater_than_equal", "finite_number"):
            message = f"{given}: {message[0].lower()}{message[1:]}"
            hint = "A limit is a number of 0 or more."
        elif place[-1:] == ("quantity",):
            hint = _nearest(str(given), re.split("known there: |, ", message)) or hint
        elif message.startswith("unit"):
            hint = f"Units: {', '.join(sorted({q.file_unit for q in Quantity if q.file_unit != '1'}))}."
            place = (*place, "unit")
        elif "limit is left out" in message:
            place = (*place, "quantity")
        elif not place:
            place, hint = _of_the_whole(message, merged.content)
        origin, line = _where(place, merged.sources, source)
        faults.append(Fault(origin, line, _key(place, merged.content), message, hint))
    return faults


def _of_the_whole(message: str, content: Mapping[str, Any]) -> tuple[Place, str]:
    """Place and hint of a fault that only the whole standard shows."""
    if message.startswith("rule ids"):
        seen = set()
        for table in _LISTS:
            for index, rule in enumerate(content.get(table, [])):
                if rule["id"] in seen:
                    return (table, index, "id"), "Give each rule an id of its own."
                seen.add(rule["id"])
    if "grade recheck" in message:
        return ("grades", "recheck"), "Take it out."
    return ("grades",), 'Say it: [grades.C] disposition = "reject".'


_TABLES: dict[str, type[BaseModel]] = {
    **_LISTS,
    "zone_classes": Term,
    "severities": Term,
    "grades": GradeTerms,
    "combination": Combination,
}


def _keys_at(place: Place) -> list[str]:
    """Keys that are known beside a place."""
    model = _TABLES.get(str(place[0]), Standard) if len(place) > 1 else Standard
    keys = [field.alias or name for name, field in model.model_fields.items()]
    return [*keys, "remove"] if model is Standard else keys


def _key(place: Place, content: Mapping[str, Any]) -> str:
    """``rules[scratch-long].limit``: a rule is named by its id."""
    key, here = "", content  # type: str, Any
    for step in place:
        if isinstance(step, int):
            here = here[step] if isinstance(here, (list, tuple)) and step < len(here) else None
            name = here.get("id") if isinstance(here, dict) else None
            key += f"[{name if name is not None else step}]"
        else:
            here = here.get(step) if isinstance(here, dict) else None
            key += f".{step}" if key else str(step)
    return key


def _nearest(word: str, known: Any) -> str | None:
    """A hint that names the known word that is probably meant."""
    near = difflib.get_close_matches(word, [str(each) for each in known], n=1, cutoff=0.6)
    return f"Did you mean {near[0]!r}?" if near else None
