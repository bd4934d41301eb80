"""The colours of a photo as the result document tells them, and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from inspection.domain import PhotoColours, Tone, ZoneClass, ZoneColour

__all__ = ["ColoursDocument", "ToneDocument", "ZoneColourDocument", "colours_document", "colours_of"]

Number = Annotated[float, Field(allow_inf_nan=False)]
Length = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ToneDocument(_Document):
    """What the camera saw of one material, as logarithms of linear light."""

    log: tuple[Number, Number, Number]
    place: Annotated[tuple[Number, ...], Field(min_length=9, max_length=9)]
    cells: Length


class ZoneColourDocument(_Document):
    """Colour of the main material of a zone."""

    zone: str
    zone_class: ZoneClass
    lab: tuple[Number, Number, Number] = Field(description="CIELAB under D65.")
    uncertainty_lab: tuple[Length, Length, Length] = Field(description="Expanded (k = 2).")
    share: Annotated[float, Field(ge=0, le=1, description="Part of the zone that has this colour.")]
    tone: ToneDocument


class ColoursDocument(_Document):
    """Colours of a photo, and what is needed to compare them with another photo of the same camera."""

    zones: tuple[ZoneColourDocument, ...]
    white: ToneDocument | None = Field(description="Patches of known colour; null when the photo has none.")
    gram: Annotated[tuple[Number, ...], Field(min_length=81, max_length=81)]
    cross: Annotated[tuple[Number, ...], Field(min_length=27, max_length=27)]
    noise: Annotated[tuple[Number, ...], Field(min_length=9, max_length=9)]
    rounding: Length


def _digits(values: Iterable[float]) -> tuple[float, ...]:
    """Six digits: a colour difference does not see the seventh."""
    return tuple(float(f"{value:.6g}") for value in values)


def _tone(tone: Tone) -> ToneDocument:
    red, green, blue = _digits(tone.log)
    return ToneDocument(log=(red, green, blue), place=_digits(tone.place), cells=round(tone.cells, 1))


def colours_document(colours: PhotoColours) -> ColoursDocument:
    """The document that tells of a value."""
    return ColoursDocument(
        zones=tuple(
            ZoneColourDocument(
                zone=zone.zone,
                zone_class=zone.zone_class,
                lab=(round(zone.lab[0], 2), round(zone.lab[1], 2), round(zone.lab[2], 2)),
                uncertainty_lab=(
                    round(zone.uncertainty_lab[0], 2),
                    round(zone.uncertainty_lab[1], 2),
                    round(zone.uncertainty_lab[2], 2),
                ),
                share=round(zone.share, 3),
                tone=_tone(zone.tone),
            )
            for zone in colours.zones
        ),
        white=None if colours.white is None else _tone(colours.white),
        gram=_digits(colours.gram),
        cross=_digits(colours.cross),
        noise=_digits(colours.noise),
        rounding=colours.rounding,
    )


def colours_of(document: ColoursDocument) -> PhotoColours:
    """The value that a document tells of."""

    def tone(told: ToneDocument) -> Tone:
        return Tone(told.log, told.place, told.cells)

    return PhotoColours(
        zones=tuple(
            ZoneColour(z.zone, z.zone_class, z.lab, z.uncertainty_lab, z.share, tone(z.tone))
            for z in document.zones
        ),
        white=None if document.white is None else tone(document.white),
        gram=document.gram,
        cross=document.cross,
        noise=document.noise,
        rounding=document.rounding,
    )
