"""The surface of light over a photo, and the colour difference of one zone in two photos of a camera.

Two photos of one camera share the surface: light and lens stay where they are while the shoes change. So the
surface is fitted to both at once, which matters because the right shoe mirrors the left and its zones lie
elsewhere. Exposure may differ: it is one factor per channel, told by the white patches when there are some.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inspection.colour.difference import ciede2000
from inspection.colour.spaces import lab_of_linear, linear_of_srgb, srgb_of_linear
from inspection.domain import PhotoColours, Tone, ZoneClass, ZoneColour

__all__ = ["LEAST_UNCERTAINTY", "ColourDifference", "Light", "colour_differences"]

Floats = npt.NDArray[np.float64]

_LIGHT_SPREAD = 0.5
"""How far the light varies over half a photo, as a logarithm: a factor of 1.65, seldom more."""
_RGB_OF_CHROMA = np.array([[0.0, 1.402], [-0.344, -0.714], [1.772, 0.0]])
"""Levels of R, G, B for one of Cb, Cr, in JPEG."""
LEAST_UNCERTAINTY = 0.25
"""Of L*, a*, b* and a difference, k = 2: rounding, rims and gloss that the fit does not see."""


@dataclass(frozen=True, eq=False)
class Light:
    """What photos tell of the surface of light; ``gram`` (9, 9), ``cross`` (9, 3), ``noise`` (3, 3)."""

    gram: Floats
    cross: Floats
    noise: Floats

    @classmethod
    def of(cls, colours: PhotoColours) -> Light:
        """That of one photo."""
        return cls(
            np.reshape(colours.gram, (9, 9)),
            np.reshape(colours.cross, (9, 3)),
            np.reshape(colours.noise, (3, 3)),
        )

    def __add__(self, other: Light) -> Light:
        return Light(self.gram + other.gram, self.cross + other.cross, (self.noise + other.noise) / 2)

    @property
    def _inverse(self) -> Floats:
        # Held small where the photos do not tell.
        ridge = float(np.trace(self.noise)) / 3 / _LIGHT_SPREAD**2
        return np.asarray(np.linalg.inv(self.gram + np.eye(len(self.gram)) * (ridge + 1e-9)))

    @property
    def of_log(self) -> Floats:
        """(9, 3) coefficients of the surface."""
        return np.asarray(self._inverse @ self.cross)

    def evened(self, tone: Tone) -> Floats:
        """(3,) log of a tone under the light at the middle of the photo."""
        return np.asarray(np.array(tone.log) - np.array(tone.place) @ self.of_log)

    def covariance(self, place: Floats, spread: float) -> Floats:
        """(3, 3) of a mean over 1 / ``spread`` cells, brought from ``place`` to the middle."""
        return np.asarray((spread + float(place @ self._inverse @ place)) * self.noise)


@dataclass(frozen=True)
class ColourDifference:
    """The colour difference of one zone in two photos.

    Attributes
    ----------
    difference : CIEDE2000.
    uncertainty : expanded (k = 2).
    referenced : whether both photos show patches of known colour, so that exposure plays no part.
    """

    zone: str
    zone_class: ZoneClass
    first_lab: tuple[float, float, float]
    second_lab: tuple[float, float, float]
    difference: float
    uncertainty: float
    referenced: bool


def colour_differences(first: PhotoColours, second: PhotoColours) -> tuple[ColourDifference, ...]:
    """Compare the zones that two photos of one camera both have, by name.

    Without patches of known colour in both, exposure and white balance are taken to be the same.
    """
    light = Light.of(first) + Light.of(second)
    others = {colour.zone: colour for colour in second.zones}
    return tuple(
        _compare(colour, others[colour.zone], (first, second), light)
        for colour in first.zones
        if colour.zone in others
    )


def _compare(
    colour: ZoneColour, other: ZoneColour, photos: tuple[PhotoColours, PhotoColours], light: Light
) -> ColourDifference:
    log, other_log = light.evened(colour.tone), light.evened(other.tone)
    apart = np.array(colour.tone.place) - np.array(other.tone.place)
    spread = 1 / colour.tone.cells + 1 / other.tone.cells
    white, other_white = photos[0].white, photos[1].white
    referenced = white is not None and other_white is not None
    if white is not None and other_white is not None:
        # The patches are compared where they are, each photo's in its own place.
        moved = np.array(white.place) - np.array(other_white.place)
        log = log - np.array(white.log) + moved @ light.of_log
        other_log = other_log - np.array(other_white.log)
        apart = apart - moved
        spread += 1 / white.cells + 1 / other_white.cells
    covariance = light.covariance(apart, spread)
    for tone, photo in zip((colour.tone, other.tone), photos, strict=True):
        covariance = covariance + _rounded(tone, photo.rounding)
    lab, other_lab = lab_of_linear(np.exp(log)), lab_of_linear(np.exp(other_log))
    return ColourDifference(
        zone=colour.zone,
        zone_class=colour.zone_class,
        first_lab=(float(lab[0]), float(lab[1]), float(lab[2])),
        second_lab=(float(other_lab[0]), float(other_lab[1]), float(other_lab[2])),
        difference=float(ciede2000(lab, other_lab)),
        uncertainty=_uncertainty(log, covariance),
        referenced=referenced,
    )


def _rounded(tone: Tone, levels: float) -> Floats:
    """Covariance (3, 3) of a log colour whose chroma planes were rounded, as JPEG does.

    Parameters
    ----------
    levels : standard deviation of Cb and Cr in 8-bit levels; 0 for lossless photos.
    """
    seen = np.clip(np.exp(np.array(tone.log)), 1e-4, 1.0)
    here = srgb_of_linear(seen).astype(np.float64)
    below, above = np.clip(here - 2, 0, 255), np.clip(here + 2, 0, 255)
    darker, brighter = (linear_of_srgb(side.astype(np.uint8)).astype(np.float64) for side in (below, above))
    per_level = np.log((brighter + 1e-5) / (darker + 1e-5)) / (above - below)
    moves = _RGB_OF_CHROMA * levels * per_level[:, None]
    return np.asarray(moves @ moves.T)


def _uncertainty(log: Floats, covariance: Floats) -> float:
    """Of a difference (k = 2), from the covariance (3, 3) of the logarithms.

    Each principal direction is moved by its spread, and the differences that this makes are added in squares.
    It does not vanish for equal colours, where the slope of the formula is not defined.
    """
    variances, directions = np.linalg.eigh(covariance)
    here = lab_of_linear(np.exp(log))
    steps = 2 * np.sqrt(np.maximum(variances, 0.0))
    moved = [
        float(ciede2000(here, lab_of_linear(np.exp(log + step * direction))))
        for step, direction in zip(steps, directions.T, strict=True)
    ]
    return float(np.hypot.reduce([*moved, LEAST_UNCERTAINTY]))
