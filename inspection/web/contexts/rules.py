"""A rule of a standard in the viewer's words."""

from __future__ import annotations

from dataclasses import dataclass

from inspection.standards import ANY_KIND, AnyRule, Per, Rule, SeamRule, Standard, WindowRule
from inspection.web.i18n import Words

__all__ = ["ShownRule", "shown_rule"]


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
