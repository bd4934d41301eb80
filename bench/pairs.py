"""How well the colours of both shoes of a pair are compared: CIEDE2000 of rendered pairs against the truth.

Half of the pairs show a white tile and have another exposure on each side; the others share the exposure. The
light falls to half across the photo. Every picture is judged lossless, and as JPEG of three qualities with
chroma at full and at half the size.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

import numpy as np

from bench.table import Figure
from inspection.colour import ciede2000, colour_differences, zone_colours
from tests.inspection.colour.rendering import Jpeg, Pair, Shot, pairs

PAIRS = 48
FIRST_SEED = int(os.environ.get("SEED", 31_000))
"""Of the bench alone: nothing was tuned on these pairs."""
BAR_DE = 0.5
INSIDE_BAR = 0.95
CODINGS: tuple[Jpeg | None, ...] = (
    None,
    *(Jpeg(quality, halved) for quality in (95, 90, 85) for halved in (False, True)),
)


@dataclass
class _Found:
    """Errors and stated uncertainties (k = 2) of differences of colour, zone by zone."""

    errors: list[float] = field(default_factory=list)
    stated: list[float] = field(default_factory=list)


def measure(*, count: int = PAIRS) -> list[Figure]:
    """Error and uncertainty for each way of keeping a photo."""
    found = {coding: _Found() for coding in CODINGS}
    for patch in (True, False):
        for pair in pairs(range(FIRST_SEED, FIRST_SEED + count // 2), patch=patch):
            for coding, into in found.items():
                _compare(pair, coding, into)
    return [_figure(coding, into) for coding, into in found.items()]


def _compare(pair: Pair, coding: Jpeg | None, into: _Found) -> None:
    one, two = (zone_colours(shot.photo, shot.zones, patches=shot.patches) for shot in _shots(pair, coding))
    assert one is not None
    assert two is not None
    for seen in colour_differences(one, two):
        truth = ciede2000(np.array(pair.left_labs[seen.zone]), np.array(pair.right_labs[seen.zone]))
        into.errors.append(abs(seen.difference - float(truth)))
        into.stated.append(seen.uncertainty)


def _shots(pair: Pair, coding: Jpeg | None) -> tuple[Shot, Shot]:
    return pair.left.shot(coding), pair.right.shot(coding)


def _figure(coding: Jpeg | None, found: _Found) -> Figure:
    errors, stated = np.array(found.errors), np.array(found.stated)
    inside = float((errors <= stated).mean())
    name = (
        "lossless"
        if coding is None
        else f"JPEG {coding.quality}, chroma {'4:2:0' if coding.halved else '4:4:4'}"
    )
    return Figure(
        name=f"colour of pairs, {name}",
        measured=f"largest error {errors.max():.2f}, 95 % within {np.quantile(errors, 0.95):.2f}, "
        f"{(errors <= BAR_DE).mean():.1%} within {BAR_DE:g} ΔE00; {inside:.1%} inside the stated "
        f"uncertainty (median {np.median(stated):.2f}); n = {len(errors)} zones",
        bar=f"all <= {BAR_DE:g} ΔE00, {INSIDE_BAR:.0%} inside",
        met=bool(errors.max() <= BAR_DE and inside >= INSIDE_BAR),
    )
