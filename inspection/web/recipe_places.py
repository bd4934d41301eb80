"""Where in a draft an error lies, in the words of its maker: the names of views, zones and seams."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from inspection.web.i18n import Words

__all__ = ["place"]

GROUPS = {"views": "recipe.view", "zones": "recipe.tool_zone", "seams": "recipe.tool_seam"}
FIELDS = {
    "name": "recipe.name",
    "class": "recipe.class",
    "style": "recipe.style",
    "standard": "recipe.standard",
    "reference": "recipe.reference",
    "mm_per_px": "recipe.mm_per_px",
    "height_mm": "recipe.height",
    "rows": "recipe.rows",
    "pitch_mm": "recipe.pitch",
    "margin_mm": "recipe.margin",
    "row_gap_mm": "recipe.gap",
}
"""Parts of a recipe that have a field in the editor, and its label."""


def place(words: Words, draft: object, steps: Sequence[int | str]) -> str:
    """The place that an error of validation names, such as "View upper, Zone toe-cap, Class"; may be empty.

    Parameters
    ----------
    draft : the recipe as it came, whatever it is.
    steps : keys and indices from the recipe inwards.
    """
    told: list[str] = []
    at, group = draft, ""
    for step in steps:
        at = _inside(at, step)
        if group:  # the step says which one of the group
            told.append(f"{words(GROUPS[group])} {_name(at, step)}")
            group = ""
        elif step in GROUPS:
            group = str(step)
        elif step in FIELDS:
            told.append(words(FIELDS[str(step)]))
    if group:  # an error of the group as a whole, such as two zones of one name
        told.append(words(GROUPS[group]))
    return words("list.then").join(told)


def _inside(at: object, step: int | str) -> object:
    if isinstance(at, Mapping):
        return at.get(step)
    if isinstance(at, Sequence) and isinstance(step, int) and step < len(at):
        return at[step]
    return None


def _name(at: object, step: int | str) -> str:
    """What its maker calls a part; its number where it has no name, counted as people do."""
    if isinstance(step, str):
        return step
    name = at.get("name") if isinstance(at, Mapping) else None
    return name if isinstance(name, str) and name else str(step + 1)
